package telemetry

import (
	"io/fs"
	"path"
	"slices"
	"strings"
)

// controlGroups finds the Linux control groups that limit this process. They can be of
// version 1, version 2, or a mixture of both. All paths are relative to root, as in fs.FS.
type controlGroups struct {
	root                 fs.FS
	cpu, cpuacct, memory hierarchy
}

// hierarchy is the tree of groups of one controller.
type hierarchy struct {
	// version is 1 or 2, or 0 if there is no such controller.
	version int
	// mount is the directory of the topmost visible group.
	mount string
	// own is the group of this process below mount; "." for mount itself.
	own string
}

// findControlGroups finds the groups of this process. A group that is not found counts as
// unlimited, as on a system without control groups.
func findControlGroups(root fs.FS) *controlGroups {
	membership, _ := fs.ReadFile(root, "proc/self/cgroup")
	mountinfo, _ := fs.ReadFile(root, "proc/self/mountinfo")
	groups := parseMembership(string(membership))
	mounts := parseMounts(string(mountinfo))
	return &controlGroups{
		root:    root,
		cpu:     locate("cpu", groups, mounts),
		cpuacct: locate("cpuacct", groups, mounts),
		memory:  locate("memory", groups, mounts),
	}
}

// locate finds the hierarchy of a controller: version 1 if the controller is bound to it,
// otherwise version 2.
func locate(controller string, groups map[string]string, mounts []groupMount) hierarchy {
	group, bound := groups[controller]
	version := 1
	if !bound {
		if group, bound = groups[""]; !bound {
			return hierarchy{}
		}
		version = 2
	}
	for _, m := range mounts {
		if m.version == version && (version == 2 || slices.Contains(m.controllers, controller)) {
			return hierarchy{version: version, mount: m.point, own: below(m.root, group)}
		}
	}
	return hierarchy{}
}

// below returns the path of group relative to a mount whose top is the group mountRoot. In
// a container the two can come from different views of the tree, and neither is below the
// other. The result is then the mount's top, ".".
func below(mountRoot, group string) string {
	rest, ok := strings.CutPrefix(group+"/", strings.TrimSuffix(mountRoot, "/")+"/")
	rest = strings.Trim(rest, "/")
	if !ok || rest == "" || !fs.ValidPath(rest) {
		return "."
	}
	return rest
}

// upwards returns the group of the process and all groups above it, the nearest first. The
// limit of each applies. If own is the host's name of the group, its files do not exist
// here; the container's limits are then in the top of the mount, which is always last.
func (h hierarchy) upwards() []string {
	if h.version == 0 {
		return nil
	}
	groups := []string{h.own}
	for g := h.own; g != "."; {
		g = path.Dir(g)
		groups = append(groups, g)
	}
	return groups
}

// parseMembership parses /proc/self/cgroup, which has lines of ID:CONTROLLERS:GROUP. It
// returns the group of each controller; version 2 has the empty name.
func parseMembership(text string) map[string]string {
	groups := make(map[string]string)
	for line := range strings.Lines(text) {
		fields := strings.SplitN(strings.TrimSuffix(line, "\n"), ":", 3)
		if len(fields) != 3 {
			continue
		}
		for controller := range strings.SplitSeq(fields[1], ",") {
			groups[controller] = fields[2]
		}
	}
	return groups
}

// groupMount is a mounted tree of control groups.
type groupMount struct {
	version int
	// root is the group at the top of the mount.
	root string
	// point is the directory of the mount, without the leading slash.
	point string
	// controllers are the controllers of a version 1 mount.
	controllers []string
}

// parseMounts returns the mounts of control groups in /proc/self/mountinfo, which has
// lines of "ID PARENT DEVICE ROOT POINT OPTIONS [TAGS] - TYPE SOURCE OPTIONS".
func parseMounts(text string) []groupMount {
	var mounts []groupMount
	for line := range strings.Lines(text) {
		before, after, _ := strings.Cut(line, " - ")
		place, kind := strings.Fields(before), strings.Fields(after)
		if len(place) < 5 || len(kind) < 3 {
			continue
		}
		m := groupMount{root: place[3], point: strings.Trim(place[4], "/")}
		switch kind[0] {
		case "cgroup":
			m.version, m.controllers = 1, strings.Split(kind[2], ",")
		case "cgroup2":
			m.version = 2
		default:
			continue
		}
		if fs.ValidPath(m.point) {
			mounts = append(mounts, m)
		}
	}
	return mounts
}
