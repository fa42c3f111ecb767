package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"
)

// children are the processes of a cluster. None outlives us; one that ends without being asked to is reported on died.
type children struct {
	dir   string
	died  chan error
	mu    sync.Mutex // held by whoever starts, signals or ends a child
	named map[string]*child
}

type child struct {
	name  string
	argv  []string
	ready func(context.Context) error // nil once the child does its work
	*life
}

// life is one process of a child, from start to end.
type life struct {
	cmd   *exec.Cmd
	ended chan struct{}
	asked bool // its end was asked for; guarded by children.mu
}

func newChildren(dir string) *children {
	return &children{dir: dir, died: make(chan error, 16), named: map[string]*child{}}
}

// start runs a program as the child of that name; ready is probed by wait.
func (cs *children) start(name string, ready func(context.Context) error, argv ...string) error {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	return cs.spawn(&child{name: name, argv: argv, ready: ready})
}

func (cs *children) spawn(c *child) error {
	log, err := os.OpenFile(filepath.Join(cs.dir, c.name+".log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	l := &life{cmd: exec.Command(c.argv[0], c.argv[1:]...), ended: make(chan struct{})}
	l.cmd.Stdout, l.cmd.Stderr = log, log
	// A group of its own: Ctrl-C in a terminal is for us, not for the components.
	l.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	if err := startPinned(l.cmd); err != nil {
		return fmt.Errorf("start %s: %w", c.name, err)
	}
	c.life, cs.named[c.name] = l, c
	go cs.watch(c.name, l)
	return nil
}

func (cs *children) watch(name string, l *life) {
	err := waitFor(l.cmd)
	close(l.ended)
	cs.mu.Lock()
	defer cs.mu.Unlock()
	if l.asked {
		return
	}
	if err == nil {
		err = errors.New("exit status 0")
	}
	file := filepath.Join(cs.dir, name+".log")
	cs.died <- fmt.Errorf("%s ended: %w\n%s(all of it: %s)", name, err, tail(file, 20), file)
}

// first waits for a result, unless a child dies or the time is up before.
func (cs *children) first(ctx context.Context, result <-chan error) error {
	select {
	case err := <-result:
		return err
	case err := <-cs.died:
		return err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// wait polls what until it succeeds, unless a child dies or the time is up before.
func (cs *children) wait(ctx context.Context, what func(context.Context) error) error {
	for {
		err := what(ctx)
		if err == nil {
			return nil
		}
		select {
		case died := <-cs.died:
			return died
		case <-ctx.Done():
			return fmt.Errorf("%w (last: %v)", context.Cause(ctx), err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// signal sends sig to the child and, with SIGKILL, waits for its end. SIGKILL is an end that was asked for: the cluster goes on without that child.
func (cs *children) signal(name string, sig syscall.Signal) error {
	cs.mu.Lock()
	c, ok := cs.named[name]
	if !ok {
		cs.mu.Unlock()
		return cs.unknown(name)
	}
	if sig == syscall.SIGKILL {
		c.asked = true
	}
	l := c.life
	err := l.cmd.Process.Signal(sig)
	cs.mu.Unlock()
	if sig == syscall.SIGKILL {
		<-l.ended
		return nil
	}
	if errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("%s is down", name)
	}
	return err
}

// grace is how long a restart waits for a gentle end: longer than the components take when nobody watches them, and far
// less than the API server takes (a minute) when somebody does.
const grace = 2 * time.Second

// restart ends the child, gently at first, starts it again with the same arguments and waits until it is ready.
func (cs *children) restart(ctx context.Context, name string) error {
	cs.mu.Lock()
	c, ok := cs.named[name]
	if !ok {
		cs.mu.Unlock()
		return cs.unknown(name)
	}
	old := c.life
	old.asked = true
	old.cmd.Process.Signal(syscall.SIGTERM)
	old.cmd.Process.Signal(syscall.SIGCONT) // a stopped process would never see the other
	cs.mu.Unlock()
	select {
	case <-old.ended:
	case <-time.After(grace):
		old.cmd.Process.Kill()
		<-old.ended
	}
	cs.mu.Lock()
	err := cs.spawn(c)
	l := c.life
	cs.mu.Unlock()
	if err != nil {
		return err
	}
	return poll(ctx, l.ended, c.ready)
}

// poll is wait for callers that do not own died: it gives up when the one child ends.
func poll(ctx context.Context, ended <-chan struct{}, ready func(context.Context) error) error {
	for {
		err := ready(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-ended:
			return errors.New("it ended again before it was ready")
		case <-ctx.Done():
			return fmt.Errorf("not ready: %w (last: %v)", context.Cause(ctx), err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func (cs *children) unknown(name string) error {
	return wrongUsage("there is no component %q here", name)
}

// killAll ends every child at once. Nothing of a test cluster is worth a gentle end, and a stopped child would ignore one.
func (cs *children) killAll() {
	cs.mu.Lock()
	var ended []chan struct{}
	for _, c := range cs.named {
		c.asked = true
		c.cmd.Process.Kill()
		ended = append(ended, c.ended)
	}
	cs.mu.Unlock()
	for _, e := range ended {
		<-e
	}
}

// tail returns the last lines of a log.
func tail(file string, lines int) string {
	f, err := os.Open(file)
	if err != nil {
		return ""
	}
	defer f.Close()
	if size, err := f.Seek(0, io.SeekEnd); err == nil {
		f.Seek(max(0, size-16<<10), io.SeekStart)
	}
	data, _ := io.ReadAll(f)
	all := strings.Split(strings.TrimRight(string(data), "\n"), "\n")
	var b strings.Builder
	for _, line := range all[max(0, len(all)-lines):] {
		fmt.Fprintf(&b, "  | %s\n", line)
	}
	return b.String()
}
