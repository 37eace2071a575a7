package command

import (
	"fmt"
	"runtime"

	"onsale/internal/telemetry"
)

// Version returns one line with the version, revision, date, Go version and platform of the build.
func Version() string {
	build := telemetry.ReadBuild()
	return fmt.Sprintf("onsale %s (revision %s, %s, %s, %s/%s)",
		build.Version, build.Revision, build.Date, build.GoVersion, runtime.GOOS, runtime.GOARCH)
}
