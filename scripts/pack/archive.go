package main

import (
	"archive/tar"
	"archive/zip"
	"compress/flate"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"
)

// file is one that goes into an archive. Its mode there is not that on the disk, which
// depends on the umask.
type file struct {
	path string
	mode os.FileMode
}

// archive is what tar and zip have in common.
type archive interface {
	add(name string, mode os.FileMode, at time.Time, content []byte) error
	io.Closer
}

// pack makes an archive of the files, in a directory NAME of its own, and returns its name and its SHA-256.
func pack(dir, name string, files []file, at time.Time) (written, sum string, err error) {
	written = name + ".tar.gz"
	if strings.HasSuffix(files[0].path, ".exe") {
		written = name + ".zip"
	}
	f, err := os.Create(filepath.Join(dir, written))
	if err != nil {
		return "", "", err
	}
	hash := sha256.New()
	into := newArchive(written, io.MultiWriter(f, hash))
	for _, file := range files {
		content, err := os.ReadFile(file.path)
		if err == nil {
			err = into.add(path.Join(name, filepath.Base(file.path)), file.mode, at, content)
		}
		if err != nil {
			return "", "", errors.Join(err, f.Close())
		}
	}
	err = errors.Join(into.Close(), f.Close())
	return written, hex.EncodeToString(hash.Sum(nil)), err
}

// newArchive returns an archive of the kind that its name says.
func newArchive(name string, w io.Writer) archive {
	if strings.HasSuffix(name, ".zip") {
		z := zip.NewWriter(w)
		z.RegisterCompressor(zip.Deflate, func(w io.Writer) (io.WriteCloser, error) { return flate.NewWriter(w, flate.BestCompression) })
		return zipped{z}
	}
	compressed, _ := gzip.NewWriterLevel(w, gzip.BestCompression) // the level exists
	return tarred{tar.NewWriter(compressed), compressed}
}

type zipped struct{ *zip.Writer }

func (z zipped) add(name string, mode os.FileMode, at time.Time, content []byte) error {
	header := &zip.FileHeader{Name: name, Method: zip.Deflate, Modified: at}
	header.SetMode(mode)
	w, err := z.CreateHeader(header)
	if err == nil {
		_, err = w.Write(content)
	}
	return err
}

type tarred struct {
	*tar.Writer
	compressed *gzip.Writer
}

func (t tarred) add(name string, mode os.FileMode, at time.Time, content []byte) error {
	err := t.WriteHeader(&tar.Header{
		Typeflag: tar.TypeReg, Name: name, Size: int64(len(content)), Mode: int64(mode.Perm()), ModTime: at, Format: tar.FormatUSTAR,
	})
	if err == nil {
		_, err = t.Write(content)
	}
	return err
}

// Close ends the archive, but not the file that it is written to.
func (t tarred) Close() error { return errors.Join(t.Writer.Close(), t.compressed.Close()) }
