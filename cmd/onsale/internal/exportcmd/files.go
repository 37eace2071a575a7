package exportcmd

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"onsale/cmd/onsale/internal/command"
	"onsale/internal/catalog/export"
)

// reportLeftOut reports each alert or panel that was left out, with the reason.
func reportLeftOut(e *command.Env, leftOut []export.LeftOut) {
	for _, l := range leftOut {
		fmt.Fprintf(e.Stderr, "onsale: left out %s\n", l)
	}
}

// writeOne writes the only file of a command.
func (f fileFlags) writeOne(e *command.Env, content []byte) error {
	if f.Output == "-" {
		_, err := e.Stdout.Write(content)
		return err
	}
	return write(e, f.Force, []export.File{{Name: f.Output, Content: content}})
}

// writeAll writes the files of a command into the directory.
func (f directoryFlags) writeAll(e *command.Env, files []export.File) error {
	if f.Output == "-" {
		return errors.New("--output must be a directory, because this command writes several files; - is for commands that write one")
	}
	named := make([]export.File, len(files))
	for i, file := range files {
		named[i] = export.File{Name: filepath.Join(f.Output, filepath.FromSlash(file.Name)), Content: file.Content}
	}
	return write(e, f.Force, named)
}

// write writes all files, or none if one of them exists and was not written by onsale
// export.
func write(e *command.Env, force bool, files []export.File) error {
	for _, f := range files {
		if err := mayWrite(f.Name, force); err != nil {
			return err
		}
	}
	for _, f := range files {
		if err := os.MkdirAll(filepath.Dir(f.Name), 0o755); err != nil { //nolint:gosec // G301: other users' servers read it.
			return fmt.Errorf("--output: %w", err)
		}
		if err := os.WriteFile(f.Name, f.Content, 0o644); err != nil { //nolint:gosec // G306: other users' servers read it.
			return fmt.Errorf("--output: %w", err)
		}
		fmt.Fprintf(e.Stderr, "onsale: wrote %s\n", f.Name)
	}
	return nil
}

// mayWrite returns an error for a file that onsale export has not written, unless force is set.
func mayWrite(name string, force bool) error {
	info, err := os.Stat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return fmt.Errorf("--output: %w", err)
	case info.IsDir():
		return fmt.Errorf("--output must be a file, but %s is a directory", name)
	case force || !info.Mode().IsRegular() || info.Size() == 0:
		return nil
	}
	content, err := os.ReadFile(name)
	if err != nil {
		return fmt.Errorf("--output: %w", err)
	}
	if !export.Ours(content) {
		return fmt.Errorf("--output: %s exists, and was not written by onsale export; choose another path, or overwrite it with --force", name)
	}
	return nil
}
