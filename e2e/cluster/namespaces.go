package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// Files that `inside` inherits.
const (
	listenerFD = 3 // a TCP socket that listens on this machine's loopback, and keeps doing so in another network namespace
	parentFD   = 4 // a pipe that ends with `up`
)

// outside runs the cluster in namespaces of its own, reached through one port on loopback, until ctx ends.
func outside(ctx context.Context, o upOptions) error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	defer listener.Close()
	socket, err := listener.(*net.TCPListener).File()
	if err != nil {
		return err
	}
	defer socket.Close()
	ours, theirs, err := os.Pipe()
	if err != nil {
		return err
	}
	defer theirs.Close()
	defer ours.Close()
	cgroups, err := hierarchies()
	if err != nil {
		return err
	}
	name := cgroupName()
	swept, err := sweeper(cgroups, name)
	if err != nil {
		return err
	}
	defer swept()
	if err := makeCgroups(cgroups, name); err != nil {
		return err
	}
	args := []string{"inside", "-dir=" + o.dir, "-server=https://" + listener.Addr().String(), "-cgroup=" + name}
	for _, arg := range o.args {
		args = append(args, "-arg="+arg)
	}
	p := exec.Command("/proc/self/exe", args...)
	p.Stdout, p.Stderr, p.ExtraFiles = os.Stdout, os.Stderr, []*os.File{socket, ours}
	p.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: syscall.CLONE_NEWNET | syscall.CLONE_NEWNS | syscall.CLONE_NEWPID | syscall.CLONE_NEWIPC,
		Pdeathsig:  syscall.SIGKILL,
		Setpgid:    true,
	}
	if err := startPinned(p); err != nil {
		return fmt.Errorf("make namespaces: %w; %s", err, otherWay)
	}
	ended := make(chan error, 1)
	go func() { ended <- waitFor(p) }()
	select {
	case err := <-ended:
		if _, spoke := err.(*exec.ExitError); spoke {
			return errors.New("the node's namespaces have ended, for the reason above")
		}
		return err
	case <-ctx.Done():
		// The first process of a pid namespace takes all others with it, and the kernel waits for the last of them.
		p.Process.Kill()
		<-ended
		return nil
	}
}

// inside is the first process of the new namespaces: when it ends, all of its processes, mounts and networks go. It runs
// twice: once to enter the cluster's cgroup, and again, below that, to do the work.
func inside(args []string) error {
	var o upOptions
	var server, cgroup string
	var entered bool
	fs := newFlags("inside")
	fs.StringVar(&o.dir, "dir", "", "state directory")
	fs.StringVar(&server, "server", "", "URL of the API server outside")
	fs.StringVar(&cgroup, "cgroup", "", "name of the cluster's cgroup")
	fs.BoolVar(&entered, "entered", false, "the cgroup has been entered")
	fs.Var(&o.args, "arg", "as in up")
	if _, err := parse(fs, args, 0, 0); err != nil {
		return err
	}
	if !entered {
		return enterNode(cgroup)
	}
	runtime.UnlockOSThread()
	extra, err := extraArgs(o.args)
	if err != nil {
		return err
	}
	listener, err := net.FileListener(os.NewFile(listenerFD, "listener"))
	if err != nil {
		return err
	}
	// The parent's death is told in two ways: a signal would be lost if it died before we could ask for it.
	go func() {
		io.Copy(io.Discard, os.NewFile(parentFD, "parent"))
		os.Exit(1)
	}()
	go reapOrphans()
	if err := isolate(o.dir); err != nil {
		return err
	}
	if err := network(); err != nil {
		return err
	}
	go forward(listener, "tcp", serviceIP+":443")
	// Pods reach the API server at the address of the `kubernetes` Service itself, so no service proxy is needed.
	c := &cluster{dir: o.dir, server: server, bind: "0.0.0.0", port: 443, advertise: nodeIP, containers: true, extra: extra}
	return c.run(context.Background())
}

// enterNode moves this process into the cluster's cgroup, makes that the root of a cgroup namespace, and starts over.
func enterNode(cgroup string) error {
	for _, file := range []int{listenerFD, parentFD} {
		if _, err := unix.FcntlInt(uintptr(file), unix.F_SETFD, 0); err != nil {
			return fmt.Errorf("`inside` is started by `up` only: %w", err)
		}
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("make the mounts private: %w", err)
	}
	all, err := hierarchies()
	if err != nil {
		return err
	}
	if err := enterCgroups(all, cgroup); err != nil {
		return err
	}
	if err := unix.Unshare(unix.CLONE_NEWCGROUP); err != nil {
		return fmt.Errorf("make a cgroup namespace: %w", err)
	}
	if err := unix.Mount("proc", "/proc", "proc", 0, ""); err != nil {
		return fmt.Errorf("mount /proc: %w", err)
	}
	if err := mountCgroups(all); err != nil {
		return err
	}
	return syscall.Exec("/proc/self/exe", append(os.Args, "-entered"), os.Environ())
}

// network makes the pods' network: a bridge that holds the node's address and that of the `kubernetes` Service.
func network() error {
	for _, command := range []string{
		"ip link set lo up",
		// A fixed address: else the bridge takes that of its lowest port, and each pod that comes or goes cuts off the others.
		"ip link add pods address 0a:58:0a:63:00:01 type bridge",
		"ip addr add " + nodeIP + "/16 dev pods",
		"ip addr add " + serviceIP + "/32 dev pods",
		"ip link set pods up",
	} {
		if _, err := runTool(nil, strings.Fields(command)...); err != nil {
			return err
		}
	}
	return os.WriteFile("/proc/sys/net/ipv4/ip_forward", []byte("1"), 0o644)
}
