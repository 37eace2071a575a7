package command

import (
	"fmt"
	"runtime"

	"onsale/internal/telemetry"
)

// Version returns one line on what was built, from what, and for what.
func Version() string {
	build := telemetry.ReadBuild()
	return fmt.Sprintf("onsale %s (revision %s, %s, %s, %s/%s)",
		build.Version, build.Revision, build.Date, build.GoVersion, runtime.GOOS, runtime.GOARCH)
}
