package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// lockFile marks a directory as a cluster's and is locked while that cluster runs.
const lockFile = "cluster.lock"

// made is everything a cluster makes in its state directory. images/ is not: it is the user's.
var made = []string{"audit.log", "audit.yaml", "containerd", "containerd.toml", "cni", "control.sock", "etcd", "kubeconfig",
	"kubectl", "kubelet", "kubelet.yaml", "pki", "pods", "resolv.conf",
	"apiserver.log", "containerd.log", "controllers.log", "etcd.log", "kubelet.log", "scheduler.log"}

// claim makes dir an empty state directory that is ours until the returned file is closed. It removes the state of an
// earlier cluster, and nothing that no cluster made.
func claim(dir string) (*os.File, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	_, err := os.Stat(filepath.Join(dir, lockFile))
	if errors.Is(err, os.ErrNotExist) {
		for _, name := range made {
			if _, err := os.Lstat(filepath.Join(dir, name)); err == nil {
				return nil, fmt.Errorf("%s holds %s, which no cluster made (there is no %s): give another -dir", dir, name, lockFile)
			}
		}
	}
	lock, err := os.OpenFile(filepath.Join(dir, lockFile), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		lock.Close()
		return nil, fmt.Errorf("a cluster runs in %s already: stop it or give another -dir", dir)
	}
	for _, name := range made {
		if err := os.RemoveAll(filepath.Join(dir, name)); err != nil {
			lock.Close()
			return nil, fmt.Errorf("clear the state of the last cluster: %w", err)
		}
	}
	return lock, nil
}
