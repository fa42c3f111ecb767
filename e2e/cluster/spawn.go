package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
)

// pinned starts processes from one thread that never ends: the kernel sends the parent-death signal when the *thread*
// that made the child is gone, and Go ends threads as it likes.
var pinned = sync.OnceValue(func() chan func() {
	work := make(chan func())
	go func() {
		runtime.LockOSThread()
		for f := range work {
			f()
		}
	}()
	return work
})

// owned are the processes that we started and will wait for. Its lock is held while one is started, so that reapOrphans
// never sees one of them unlisted.
var owned = struct {
	sync.Mutex
	pids map[int]bool
}{pids: map[int]bool{}}

func startPinned(cmd *exec.Cmd) error {
	result := make(chan error)
	pinned() <- func() {
		owned.Lock()
		defer owned.Unlock()
		err := cmd.Start()
		if err == nil {
			owned.pids[cmd.Process.Pid] = true
		}
		result <- err
	}
	return <-result
}

// waitFor is Wait for a process that startPinned started.
func waitFor(cmd *exec.Cmd) error {
	err := cmd.Wait()
	owned.Lock()
	delete(owned.pids, cmd.Process.Pid)
	owned.Unlock()
	return err
}

// runTool runs a program to its end and returns what it printed; its error holds that, too.
func runTool(stdin io.Reader, argv ...string) (string, error) {
	cmd := exec.Command(argv[0], argv[1:]...)
	var out bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = stdin, &out, &out
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	err := startPinned(cmd)
	if err == nil {
		err = waitFor(cmd)
	}
	if err != nil {
		return "", fmt.Errorf("%s: %w: %s", strings.Join(argv, " "), err, strings.TrimSpace(out.String()))
	}
	return out.String(), nil
}

// reapOrphans collects the processes that became ours because their parent ended (each pod leaves a shim), as the first
// process of a pid namespace must. Those that we started are left to their own Wait.
func reapOrphans() {
	ended := make(chan os.Signal, 1)
	signal.Notify(ended, syscall.SIGCHLD)
	for range ended {
		stats, _ := filepath.Glob("/proc/[0-9]*/stat")
		owned.Lock()
		for _, stat := range stats {
			if pid, ok := zombieOfOurs(stat); ok && !owned.pids[pid] {
				syscall.Wait4(pid, nil, syscall.WNOHANG, nil)
			}
		}
		owned.Unlock()
	}
}

func zombieOfOurs(stat string) (int, bool) {
	data, err := os.ReadFile(stat)
	if err != nil {
		return 0, false
	}
	// pid (name, which may hold spaces and parentheses) state parent …
	text := string(data)
	name := strings.LastIndexByte(text, ')')
	fields := strings.Fields(text[name+1:])
	if name < 0 || len(fields) < 2 || fields[0] != "Z" || fields[1] != strconv.Itoa(os.Getpid()) {
		return 0, false
	}
	pid, err := strconv.Atoi(text[:strings.IndexByte(text, ' ')])
	return pid, err == nil
}
