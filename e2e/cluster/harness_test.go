package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// The test binary is the cluster program as well: started with this set, it behaves as that.
const asProgram = "LEASEHOLD_CLUSTER_TEST_AS_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		os.Exit(run(os.Args[1:]))
	}
	os.Exit(m.Run())
}

// program is the cluster program with these arguments.
func program(t *testing.T, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(t.Context(), "/proc/self/exe", args...)
	cmd.Env = append(os.Environ(), asProgram+"=1", "KUBECONFIG=")
	return cmd
}

// output runs the program to its end and returns its exit code and what it said.
func output(t *testing.T, args ...string) (int, string) {
	t.Helper()
	cmd := program(t, args...)
	out, err := cmd.CombinedOutput()
	if _, exited := err.(*exec.ExitError); err != nil && !exited {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), string(out)
}

// must is output of a program that has to succeed.
func must(t *testing.T, args ...string) string {
	t.Helper()
	code, out := output(t, args...)
	if code != 0 {
		t.Fatalf("cluster %q: exit code %d: %s", args, code, out)
	}
	return out
}

// running is a cluster that a test started.
type running struct {
	dir   string
	cmd   *exec.Cmd
	stdin io.WriteCloser
}

// start brings a cluster up and waits until it says that it is ready.
func start(t *testing.T, dir string, args ...string) *running {
	t.Helper()
	cmd := program(t, append([]string{"up", "-dir", dir, "-until-stdin-closes"}, args...)...)
	var complaints lockedBuffer
	cmd.Stderr = &complaints
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	r := &running{dir: dir, cmd: cmd, stdin: stdin}
	t.Cleanup(func() { stdin.Close(); cmd.Wait() })
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil || !strings.HasPrefix(line, "ready kubeconfig="+filepath.Join(dir, "kubeconfig")+" after=") {
		stdin.Close()
		cmd.Wait()
		t.Fatalf("the cluster did not come up: %q, %v: %s", line, err, complaints.String())
	}
	return r
}

func (r *running) kubectl(t *testing.T, args ...string) string {
	t.Helper()
	return must(t, append([]string{"kubectl", "--kubeconfig=" + filepath.Join(r.dir, "kubeconfig")}, args...)...)
}

// process is a handle on a process that cannot come to mean another one.
type process struct {
	what string
	fd   int
}

// descendants returns handles on all processes below pid.
func descendants(t *testing.T, pid int) []process {
	t.Helper()
	children := map[int][]int{}
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, file := range stats {
		stat, err := os.ReadFile(file)
		if err != nil {
			continue
		}
		fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
		parent, _ := strconv.Atoi(fields[1])
		child, _ := strconv.Atoi(filepath.Base(filepath.Dir(file)))
		children[parent] = append(children[parent], child)
	}
	var all []process
	for queue := slices.Clone(children[pid]); len(queue) > 0; queue = queue[1:] {
		fd, err := unix.PidfdOpen(queue[0], 0)
		if err != nil {
			continue
		}
		t.Cleanup(func() { unix.Close(fd) })
		line, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", queue[0]))
		all = append(all, process{what: strings.ReplaceAll(string(line), "\x00", " "), fd: fd})
		queue = append(queue, children[queue[0]]...)
	}
	return all
}

// gone waits for the end of processes.
func gone(t *testing.T, all []process) {
	t.Helper()
	deadline := time.Now().Add(time.Minute) // of the test, should one never end
	for _, p := range all {
		poll := []unix.PollFd{{Fd: int32(p.fd), Events: unix.POLLIN}}
		for {
			n, err := unix.Poll(poll, max(0, int(time.Until(deadline).Milliseconds())))
			if err == unix.EINTR {
				continue
			}
			if n != 1 {
				t.Errorf("still there: %s", p.what)
				unix.PidfdSendSignal(p.fd, unix.SIGKILL, nil, 0)
			}
			break
		}
	}
}

// lockedBuffer is a buffer that may be read while a process writes to it.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
