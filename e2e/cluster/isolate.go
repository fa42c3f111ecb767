package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// masked are the places where kubelet, containerd and the CNI plugins write whatever they are told.
var masked = []string{"/run", "/var/lib", "/var/log"}

// kept are those of them that live in the state directory: they may become large, and a failed test wants the pods' logs.
var kept = map[string]string{"containerd": "/var/lib/containerd", "kubelet": "/var/lib/kubelet", "pods": "/var/log/pods"}

// tunables are kernel settings that kubelet insists on and would set for the whole machine. It reads them from these files
// here, finds what it wants, and sets nothing.
var tunables = map[string]string{
	"vm/overcommit_memory": "1", "vm/panic_on_oom": "0", "kernel/panic": "10", "kernel/panic_on_oops": "1",
	"kernel/keys/root_maxkeys": "1000000", "kernel/keys/root_maxbytes": "25000000",
}

// isolate gives the node a file system in which it can change nothing of the machine but its state directory. To be called
// in a mount namespace of our own.
func isolate(dir string) error {
	// Opened before anything is hidden: the state directory may be below one of the masked places.
	sources := map[string]string{dir: dir}
	for name, place := range kept {
		if err := os.MkdirAll(filepath.Join(dir, name), 0o755); err != nil {
			return err
		}
		sources[place] = filepath.Join(dir, name)
	}
	open := map[string]*os.File{}
	for place, source := range sources {
		f, err := os.Open(source)
		if err != nil {
			return err
		}
		defer f.Close()
		open[place] = f
	}
	for _, place := range masked {
		if err := unix.Mount("tmpfs", place, "tmpfs", 0, "mode=755"); err != nil {
			return fmt.Errorf("mount a tmpfs on %s: %w", place, err)
		}
	}
	for place, f := range open {
		if err := os.MkdirAll(place, 0o755); err != nil {
			return err
		}
		if err := unix.Mount(fmt.Sprintf("/proc/self/fd/%d", f.Fd()), place, "", unix.MS_BIND, ""); err != nil {
			return fmt.Errorf("mount %s on %s: %w", f.Name(), place, err)
		}
	}
	for name, value := range tunables {
		if err := pretend(name, value); err != nil {
			return err
		}
	}
	if err := claimCPUs(); err != nil {
		return err
	}
	// What a killed containerd leaves of its temporary mounts goes with /run.
	if err := os.Mkdir("/run/tmp", 0o700); err != nil {
		return err
	}
	return os.Setenv("TMPDIR", "/run/tmp")
}

// claimedCPUs is what the node says it has. Requests only place pods here, and a machine with two CPUs would refuse the
// second dozen of tenants; what a container may really use is up to its limits, which are enforced.
const claimedCPUs = 64

// claimCPUs shows kubelet that many, in the directory where it counts them. Nothing else looks there: containers get a
// /sys of their own.
func claimCPUs() error {
	for _, place := range []string{"/sys/devices/system/node", "/sys/devices/system/cpu"} {
		if err := unix.Mount("tmpfs", place, "tmpfs", 0, "mode=755"); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("mount a tmpfs on %s: %w", place, err)
		}
	}
	for i := range claimedCPUs {
		if err := os.Mkdir(fmt.Sprintf("/sys/devices/system/cpu/cpu%d", i), 0o755); err != nil {
			return err
		}
	}
	return nil
}

func pretend(name, value string) error {
	file := filepath.Join("/run/tunables", name)
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(file, []byte(value+"\n"), 0o644); err != nil {
		return err
	}
	err := unix.Mount(file, filepath.Join("/proc/sys", name), "", unix.MS_BIND, "")
	if errors.Is(err, os.ErrNotExist) {
		return nil // this kernel has no such setting
	}
	return err
}
