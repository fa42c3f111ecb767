package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func TestControlPlane(t *testing.T) {
	c := start(t, t.TempDir())

	t.Run("serves kubectl, and says which version it is of", func(t *testing.T) {
		if got := c.kubectl(t, "get", "ns", "-o", "name"); !strings.Contains(got, "namespace/kube-system") {
			t.Errorf("namespaces: %s", got)
		}
		if _, err := os.Stat(filepath.Join(c.dir, "kubectl")); err != nil {
			t.Errorf("kubectl caches outside of the state directory: %v", err)
		}
	})

	t.Run("takes pods from the first moment", func(t *testing.T) {
		c.kubectl(t, "run", "first", "--image=example.com/none", "--restart=Never")
	})

	t.Run("audits each request once, with who asked and the answer", func(t *testing.T) {
		c.kubectl(t, "create", "serviceaccount", "nosy")
		code, out := output(t, "kubectl", "--kubeconfig="+filepath.Join(c.dir, "kubeconfig"),
			"--as=system:serviceaccount:default:nosy", "get", "secrets")
		if code == 0 || !strings.Contains(out, "Forbidden") {
			t.Fatalf("a service account without rights may read secrets: %s", out)
		}
		refused, creations := 0, 0
		for _, e := range auditLog(t, c.dir) {
			if e.Stage == "RequestReceived" {
				t.Fatal("requests are logged before they are answered, and so twice")
			}
			if e.ResponseStatus.Code == 403 && e.ImpersonatedUser.Username == "system:serviceaccount:default:nosy" {
				refused++
			}
			if e.Verb == "create" && e.User.Username == "admin" && e.ObjectRef.Resource == "serviceaccounts" && e.ObjectRef.Name == "nosy" {
				creations++
			}
		}
		if refused != 1 || creations != 1 {
			t.Errorf("the audit log has %d refusals and %d creations; there was one each", refused, creations)
		}
	})

	t.Run("admission policies are on", func(t *testing.T) {
		if got := c.kubectl(t, "api-resources", "--api-group=admissionregistration.k8s.io", "-o", "name"); !strings.Contains(got, "validatingadmissionpolicies.") {
			t.Errorf("served: %s", got)
		}
	})

	for _, component := range []string{"etcd", "apiserver", "controllers", "scheduler"} {
		t.Run("goes on after "+component+" was killed and restarted", func(t *testing.T) {
			must(t, "kill", component, "-dir", c.dir)
			if code, out := output(t, "stop", "-dir", c.dir, component); code != 1 || !strings.Contains(out, component+" is down") {
				t.Errorf("stop of a killed component: %d %s", code, out)
			}
			must(t, "restart", component, "-dir", c.dir)
			c.kubectl(t, "get", "serviceaccount", "nosy")
		})
	}

	t.Run("a stopped component does nothing until it may go on", func(t *testing.T) {
		must(t, "stop", "controllers", "-dir", c.dir)
		c.kubectl(t, "create", "ns", "later")
		if _, out := output(t, "kubectl", "--kubeconfig="+filepath.Join(c.dir, "kubeconfig"), "-n", "later", "get", "sa", "default"); !strings.Contains(out, "NotFound") {
			t.Errorf("somebody made the service account: %s", out)
		}
		must(t, "cont", "controllers", "-dir", c.dir)
		c.kubectl(t, "-n", "later", "wait", "--for=create", "sa/default", "--timeout=60s")
	})

	t.Run("a second cluster in its directory is refused", func(t *testing.T) {
		if code, out := output(t, "up", "-dir", c.dir); code != 1 || !strings.Contains(out, "runs in "+c.dir+" already") {
			t.Errorf("%d %s", code, out)
		}
	})

	t.Run("a second cluster beside it, with nothing in common", func(t *testing.T) {
		other := start(t, t.TempDir())
		if _, out := output(t, "kubectl", "--kubeconfig="+filepath.Join(other.dir, "kubeconfig"), "get", "sa", "nosy"); !strings.Contains(out, "NotFound") {
			t.Errorf("the second cluster shows objects of the first: %s", out)
		}
	})

	t.Run("elections", func(t *testing.T) { elections(t, c) })

	t.Run("all is gone after SIGKILL", func(t *testing.T) {
		all := descendants(t, c.cmd.Process.Pid)
		if len(all) != 4 {
			t.Fatalf("expected four components, found %+v", all)
		}
		c.cmd.Process.Kill()
		gone(t, all)
		if code, out := output(t, "kill", "etcd", "-dir", c.dir); code != 1 || !strings.Contains(out, "no cluster is ready in "+c.dir) {
			t.Errorf("control of a dead cluster: %d %s", code, out)
		}
	})

	t.Run("its directory takes a new cluster, which begins empty", func(t *testing.T) {
		again := start(t, c.dir)
		if _, out := output(t, "kubectl", "--kubeconfig="+filepath.Join(again.dir, "kubeconfig"), "get", "sa", "nosy"); !strings.Contains(out, "NotFound") {
			t.Errorf("state of the last cluster: %s", out)
		}
	})
}

func TestEndsWhenAsked(t *testing.T) {
	for name, end := range map[string]func(*running){
		"standard input": func(r *running) { r.stdin.Close() },
		"SIGTERM":        func(r *running) { r.cmd.Process.Signal(syscall.SIGTERM) },
		"SIGINT":         func(r *running) { r.cmd.Process.Signal(syscall.SIGINT) },
	} {
		t.Run(name, func(t *testing.T) {
			c := start(t, t.TempDir())
			all := descendants(t, c.cmd.Process.Pid)
			end(c)
			if err := c.cmd.Wait(); err != nil {
				t.Errorf("an end that was asked for is no error: %v", err)
			}
			gone(t, all)
		})
	}
}

func TestEndsWithADeadComponent(t *testing.T) {
	code, out := output(t, "up", "-dir", t.TempDir(), "-arg", "apiserver=--no-such-flag")
	if code != 1 || !strings.Contains(out, "apiserver ended: exit status 1") || !strings.Contains(out, "| cluster apiserver: unknown flag: --no-such-flag") {
		t.Errorf("exit code %d, and it does not say why: %s", code, out)
	}
	c := start(t, t.TempDir())
	all := descendants(t, c.cmd.Process.Pid)
	for _, p := range all {
		if strings.Contains(p.what, " scheduler ") {
			syscall.Kill(pidOf(t, p), syscall.SIGKILL)
		}
	}
	if err := c.cmd.Wait(); err == nil || err.Error() != "exit status 1" {
		t.Errorf("a component died unasked, and the cluster ends with: %v", err)
	}
	gone(t, all)
}

func TestAReservedPortIsOurs(t *testing.T) {
	port, err := reservePort()
	if err != nil {
		t.Fatal(err)
	}
	if l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port)); err == nil {
		l.Close()
		t.Error("somebody else may listen on it")
	}
	for range 200 {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		if l.Addr().(*net.TCPAddr).Port == port {
			t.Fatal("it was given to somebody else")
		}
	}
}

type auditEvent struct {
	Stage, Verb            string
	User, ImpersonatedUser struct{ Username string }
	ObjectRef              struct{ Resource, Name string }
	ResponseStatus         struct{ Code int }
}

func auditLog(t *testing.T, dir string) []auditEvent {
	t.Helper()
	f, err := os.Open(filepath.Join(dir, "audit.log"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var all []auditEvent
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var e auditEvent
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			t.Fatalf("%v in %s", err, lines.Text())
		}
		all = append(all, e)
	}
	return all
}

// elections runs two electors against each other.
func elections(t *testing.T, c *running) {
	candidate := func(name string) (*exec.Cmd, *bufio.Scanner) {
		cmd := program(t, "elect", "-kubeconfig", filepath.Join(c.dir, "kubeconfig"), "-lease", "default/contested", "-identity", name,
			"-lease-duration=60s", "-renew-deadline=40s", "-retry-period=100ms", "-release")
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
		return cmd, bufio.NewScanner(out)
	}
	until := func(lines *bufio.Scanner, event, identity string) {
		t.Helper()
		for lines.Scan() {
			var e struct{ Event, Identity, At string }
			if err := json.Unmarshal(lines.Bytes(), &e); err != nil || e.At == "" {
				t.Fatalf("%v in %s", err, lines.Text())
			}
			if e.Event == event && e.Identity == identity {
				return
			}
		}
		t.Fatalf("%s of %s never came", event, identity)
	}
	first, firstSays := candidate("first")
	until(firstSays, "started", "first")
	_, secondSays := candidate("second")
	until(secondSays, "new-leader", "first")
	first.Process.Signal(syscall.SIGTERM)
	until(firstSays, "stopped", "first")
	if err := first.Wait(); err != nil {
		t.Errorf("the first ended with: %v", err)
	}
	// The lease would last for a minute: it leads because it was released.
	until(secondSays, "started", "second")
}

// pidOf reads a handle's process id.
func pidOf(t *testing.T, p process) int {
	t.Helper()
	info, err := os.ReadFile(fmt.Sprintf("/proc/self/fdinfo/%d", p.fd))
	if err != nil {
		t.Fatal(err)
	}
	_, after, _ := strings.Cut(string(info), "Pid:\t")
	var pid int
	fmt.Sscan(after, &pid)
	return pid
}
