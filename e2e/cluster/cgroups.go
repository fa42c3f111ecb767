package main

import (
	"bufio"
	"crypto/rand"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// hierarchy is one mounted cgroup tree: version 2's only one, or one of the several of version 1.
type hierarchy struct {
	at      string
	version int
	options string // to mount it again
}

func hierarchies() ([]hierarchy, error) {
	f, err := os.Open("/proc/self/mountinfo")
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var all []hierarchy
	for lines := bufio.NewScanner(f); lines.Scan(); {
		before, after, _ := strings.Cut(lines.Text(), " - ")
		mount, fs := strings.Fields(before), strings.Fields(after)
		if len(mount) < 5 || len(fs) < 3 || !strings.HasPrefix(fs[0], "cgroup") {
			continue
		}
		h := hierarchy{at: mount[4], version: 1}
		if fs[0] == "cgroup2" {
			h.version = 2
		}
		for _, option := range strings.Split(fs[2], ",") {
			if strings.HasPrefix(option, "name=") {
				option = "none," + option
			}
			// Those that only the first cgroup namespace may set are left out.
			if h.version == 1 && option != "rw" && option != "ro" && !strings.HasPrefix(option, "release_agent=") {
				h.options = strings.TrimPrefix(h.options+","+option, ",")
			}
		}
		all = append(all, h)
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("no cgroups are mounted here, and containers need them; %s", otherWay)
	}
	return all, nil
}

// cgroupName makes a name for a cluster's cgroup that no other cluster has.
func cgroupName() string {
	unique := make([]byte, 6)
	rand.Read(unique)
	return fmt.Sprintf("leasehold-%x", unique)
}

// makeCgroups makes a cgroup of that name in each hierarchy.
func makeCgroups(all []hierarchy, name string) error {
	for _, h := range all {
		dir := filepath.Join(h.at, name)
		if err := os.Mkdir(dir, 0o755); err != nil {
			return fmt.Errorf("containers cannot run here: %w; %s", err, otherWay)
		}
		// A cpuset of version 1 begins empty, and no process can enter it.
		for _, file := range []string{"cpuset.cpus", "cpuset.mems"} {
			if value, err := os.ReadFile(filepath.Join(h.at, file)); err == nil && h.version == 1 {
				if err := os.WriteFile(filepath.Join(dir, file), value, 0o644); err != nil {
					return err
				}
			}
		}
		if h.version == 2 {
			delegate(h.at)
		}
	}
	return nil
}

// delegate lets the children of a version 2 cgroup limit what they can. Not every controller is there everywhere, so those
// that are refused are left out; runc says which one it misses.
func delegate(cgroup string) {
	for _, controller := range []string{"cpu", "memory", "pids", "io", "cpuset"} {
		os.WriteFile(filepath.Join(cgroup, "cgroup.subtree_control"), []byte("+"+controller), 0o644)
	}
}

// enterCgroups moves this process into the cgroup of that name, in each hierarchy.
func enterCgroups(all []hierarchy, name string) error {
	for _, h := range all {
		if err := os.WriteFile(filepath.Join(h.at, name, "cgroup.procs"), []byte("0"), 0o644); err != nil {
			return fmt.Errorf("enter the cluster's cgroup: %w", err)
		}
	}
	return nil
}

// mountCgroups replaces the hierarchies by views of them whose root is our own cgroup: what the container runtime makes at
// "/" is made below it. To be called in the new cgroup and mount namespaces.
func mountCgroups(all []hierarchy) error {
	for _, h := range all {
		if err := unix.Unmount(h.at, unix.MNT_DETACH); err != nil {
			return fmt.Errorf("unmount %s: %w", h.at, err)
		}
		fs := map[int]string{1: "cgroup", 2: "cgroup2"}[h.version]
		if err := unix.Mount(fs, h.at, fs, unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, h.options); err != nil {
			return fmt.Errorf("mount %s: %w", h.at, err)
		}
		if h.version == 1 {
			continue
		}
		// In version 2, a cgroup that limits its children may hold no process itself.
		own := filepath.Join(h.at, "node")
		if err := os.Mkdir(own, 0o755); err != nil {
			return err
		}
		if err := enterCgroups([]hierarchy{h}, "node"); err != nil {
			return err
		}
		delegate(h.at)
	}
	return nil
}

// A cgroup does not go with its last process. This waits for the end of its standard input, which is the end of the cluster
// whatever its reason, and removes the cgroups as soon as the last process in them is gone (10 s at most).
const sweep = `trap "" INT TERM HUP
cat >/dev/null
for try in $(seq 200); do
  left=
  for cgroup; do
    find "$cgroup" -depth -type d -exec rmdir {} \; 2>/dev/null
    if [ -d "$cgroup" ]; then left=1; fi
  done
  [ -n "$left" ] || exit 0
  sleep 0.05
done
exit 1`

// sweeper starts a process that outlives us by the moment it takes to remove our cgroups; done waits for that.
func sweeper(all []hierarchy, name string) (done func(), err error) {
	args := []string{"-c", sweep, "sh"}
	for _, h := range all {
		args = append(args, filepath.Join(h.at, name))
	}
	cmd := exec.Command("sh", args...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	return func() {
		stdin.Close()
		if err := cmd.Wait(); err != nil {
			fmt.Fprintf(os.Stderr, "cluster: cgroups %s could not be removed: %v\n", name, err)
		}
	}, nil
}
