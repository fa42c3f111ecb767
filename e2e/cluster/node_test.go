package main

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

const restrictedPod = `apiVersion: v1
kind: Namespace
metadata: {name: strict, labels: {pod-security.kubernetes.io/enforce: restricted}}
---
apiVersion: v1
kind: Pod
metadata: {name: real, namespace: strict}
spec:
  securityContext: {runAsNonRoot: true, seccompProfile: {type: RuntimeDefault}}
  containers:
  - name: program
    image: example.com/program:1
    imagePullPolicy: Never
    resources: {requests: {cpu: "20"}, limits: {memory: 32Mi}}
    securityContext: {allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: {drop: [ALL]}}
`

// TestNode runs real pods on two clusters at once and looks for what they leave behind when they are killed.
func TestNode(t *testing.T) {
	if err := canRunContainers(); err != nil {
		t.Skip(err)
	}
	t.Setenv("LEASEHOLD_CLUSTER_PAUSE", filepath.Join(t.TempDir(), "none"))
	if code, out := output(t, "up", "-dir", t.TempDir(), "-containers"); code != 1 || !strings.Contains(out, "e2e/cluster/build.sh builds both") {
		t.Errorf("without the pause program: %d %s", code, out)
	}
	pause := filepath.Join(t.TempDir(), "pause")
	build := exec.Command("go", "build", "-o", pause, "./pause")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	t.Setenv("LEASEHOLD_CLUSTER_PAUSE", pause)
	archive := filepath.Join(t.TempDir(), "program.tar")
	must(t, "image", "-name", "example.com/program:1", "-o", archive, pause)
	manifest := filepath.Join(t.TempDir(), "pod.yaml")
	if err := os.WriteFile(manifest, []byte(restrictedPod), 0o600); err != nil {
		t.Fatal(err)
	}
	before := machine(t)

	// One far deeper than a socket's address may be long, with the image there from the start; one that loads it later.
	deep := filepath.Join(t.TempDir(), strings.Repeat("deep/", 30))
	later := t.TempDir()
	if err := os.MkdirAll(filepath.Join(deep, "images"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Link(archive, filepath.Join(deep, "images", "program.tar")); err != nil {
		t.Fatal(err)
	}
	var clusters [2]*running
	var both sync.WaitGroup
	for i, dir := range []string{deep, later} {
		both.Go(func() { clusters[i] = start(t, dir, "-containers") })
	}
	both.Wait()
	if t.Failed() {
		t.FailNow()
	}
	if got := must(t, "load", "-dir", later, archive); got != "example.com/program:1\n" {
		t.Errorf("load says %q", got)
	}
	for _, c := range clusters {
		if got := c.kubectl(t, "get", "nodes", "--no-headers"); !strings.Contains(got, nodeName+" ") || strings.Contains(got, "NotReady") {
			t.Errorf("nodes when the cluster says it is ready: %s", got)
		}
		c.kubectl(t, "apply", "-f", manifest)
		c.kubectl(t, "-n", "strict", "wait", "--for=condition=Ready", "pod/real", "--timeout=120s")
	}
	for _, component := range []string{"kubelet", "containerd"} {
		must(t, "kill", component, "-dir", deep)
		must(t, "restart", component, "-dir", deep)
	}
	clusters[0].kubectl(t, "-n", "strict", "delete", "pod", "real", "--now")
	clusters[0].kubectl(t, "apply", "-f", manifest)
	clusters[0].kubectl(t, "-n", "strict", "wait", "--for=condition=Ready", "pod/real", "--timeout=120s")

	var all []process
	for _, c := range clusters {
		all = append(all, descendants(t, c.cmd.Process.Pid)...)
	}
	if !strings.Contains(fmt.Sprint(all), "/usr/bin/pause") {
		t.Fatalf("no container among the clusters' processes: %+v", all)
	}
	dirs := cgroups(t, all)
	for _, dir := range dirs {
		if _, err := os.Stat(dir); err != nil {
			t.Errorf("a cluster is not in its cgroup: %v", err)
		}
	}
	if len(dirs) < 2 {
		t.Errorf("the clusters' cgroups: %q", dirs)
	}
	clusters[0].cmd.Process.Kill()
	clusters[1].stdin.Close()
	gone(t, all)
	for _, c := range clusters {
		c.cmd.Wait()
		if err := os.RemoveAll(c.dir); err != nil {
			t.Errorf("the state directory cannot be removed: %v", err)
		}
	}
	if after := machine(t); after != before {
		t.Errorf("the machine was\n%s\nand is\n%s", before, after)
	}
	for _, dir := range dirs {
		if _, err := os.Stat(dir); err == nil {
			t.Errorf("%s is still there", dir)
		}
	}
}

// machine describes what a node could change on its machine: kernel settings, places where its programs write, its bridge.
func machine(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(tunables)) {
		value, _ := os.ReadFile(filepath.Join("/proc/sys", name))
		fmt.Fprintf(&b, "%s=%s", name, value)
	}
	for _, place := range []string{"/var/lib/kubelet", "/var/lib/cni", "/var/log/pods", "/var/log/containers", "/usr/libexec/kubernetes",
		"/run/containerd", "/run/netns", "/run/cni", "/sys/class/net/pods"} {
		_, err := os.Stat(place)
		fmt.Fprintf(&b, "%s: %v\n", place, err)
	}
	return b.String()
}

// cgroups returns the cgroups of running clusters.
func cgroups(t *testing.T, all []process) []string {
	t.Helper()
	trees, err := hierarchies()
	if err != nil {
		t.Fatal(err)
	}
	var dirs []string
	for _, p := range all {
		_, after, ok := strings.Cut(p.what, " -cgroup=")
		if !ok {
			continue
		}
		name, _, _ := strings.Cut(after, " ")
		for _, tree := range trees {
			dirs = append(dirs, filepath.Join(tree.at, name))
		}
	}
	return dirs
}

func TestNeedsOfANode(t *testing.T) {
	t.Setenv("PATH", "/nonexistent")
	defer func(saved [][2]string) { tools = saved }(tools)
	tools = append(tools, [2]string{"no-such-tool", "its-package"})
	err := canRunContainers()
	if os.Geteuid() != 0 {
		if err == nil || !strings.Contains(err.Error(), "root") {
			t.Errorf("without root: %v", err)
		}
		return
	}
	if err == nil || !strings.Contains(err.Error(), "no-such-tool") || !strings.Contains(err.Error(), "apt-get install") || !strings.Contains(err.Error(), "its-package") {
		t.Errorf("with a tool missing: %v", err)
	}
}
