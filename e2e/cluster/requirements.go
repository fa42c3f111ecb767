package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// tools are the programs a node is made of, and the Debian packages they come in.
var tools = [][2]string{{"containerd", "containerd"}, {"containerd-shim-runc-v2", "containerd"}, {"ctr", "containerd"}, {"runc", "runc"}, {"ip", "iproute2"}}

// cniDirs is where the CNI plugins may be: Debian's place, then the one the project itself uses.
var cniDirs = []string{"/usr/lib/cni", "/opt/cni/bin", "/usr/libexec/cni"}

const otherWay = "without -containers the control plane runs as anybody, and the hollow node (e2e/hollow) acts the pods"

// canRunContainers says what is missing to run a real node, and how to get it.
func canRunContainers() error {
	if os.Geteuid() != 0 {
		return fmt.Errorf("-containers needs root, for namespaces, mounts and cgroups; %s", otherWay)
	}
	// Debian keeps runc and ip where a user's PATH does not look.
	os.Setenv("PATH", os.Getenv("PATH")+":/usr/local/sbin:/usr/sbin:/sbin")
	var missing, packages []string
	for _, tool := range tools {
		if _, err := exec.LookPath(tool[0]); err != nil {
			missing, packages = append(missing, tool[0]), append(packages, tool[1])
		}
	}
	if cniDir() == "" {
		missing, packages = append(missing, "the CNI plugins bridge, host-local and loopback"), append(packages, "containernetworking-plugins")
	}
	if len(missing) == 0 {
		return nil
	}
	return fmt.Errorf("-containers needs %s: apt-get install %s; %s", strings.Join(missing, ", "),
		strings.Join(slices.Compact(packages), " "), otherWay)
}

// cniDir returns the directory that holds the CNI plugins we use, or nothing.
func cniDir() string {
	for _, dir := range cniDirs {
		found := true
		for _, plugin := range []string{"bridge", "host-local", "loopback"} {
			_, err := os.Stat(filepath.Join(dir, plugin))
			found = found && err == nil
		}
		if found {
			return dir
		}
	}
	return ""
}

// pauseProgram is what a pod's sandbox runs; build.sh puts it beside this program.
func pauseProgram() (string, error) {
	self, err := os.Executable()
	if err != nil {
		return "", err
	}
	pause := filepath.Join(filepath.Dir(self), "pause")
	if override := os.Getenv("LEASEHOLD_CLUSTER_PAUSE"); override != "" {
		pause = override
	}
	if _, err := os.Stat(pause); err != nil {
		return "", fmt.Errorf("the pause program is not beside this one: %w; e2e/cluster/build.sh builds both", err)
	}
	return pause, nil
}
