package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"
)

const controlSocket = "control.sock"

// short opens dir and returns a name for it that fits into a socket's address (107 bytes) however deep dir is.
func short(dir string) (string, *os.File, error) {
	f, err := os.Open(dir)
	if err != nil {
		return "", nil, err
	}
	return fmt.Sprintf("/proc/self/fd/%d", f.Fd()), f, nil
}

// serveControl lets the verbs below reach a running cluster. One request is served at a time.
func (c *cluster) serveControl() (stop func(), err error) {
	name, dir, err := short(c.dir)
	if err != nil {
		return nil, err
	}
	listener, err := net.Listen("unix", filepath.Join(name, controlSocket))
	if err != nil {
		dir.Close()
		return nil, err
	}
	var one sync.Mutex
	serve := func(do func(*http.Request) (string, error)) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			one.Lock()
			defer one.Unlock()
			said, err := do(r)
			if err != nil {
				http.Error(w, err.Error(), http.StatusUnprocessableEntity)
				return
			}
			io.WriteString(w, said)
		}
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /load", serve(func(r *http.Request) (string, error) {
		if c.node == nil {
			return "", errors.New("this cluster has no node: it was started without -containers")
		}
		names, err := c.node.importImage(r.Context(), r.Body)
		return strings.Join(names, "\n") + "\n", err
	}))
	for verb, sig := range map[string]syscall.Signal{"stop": syscall.SIGSTOP, "cont": syscall.SIGCONT, "kill": syscall.SIGKILL} {
		mux.HandleFunc("POST /"+verb+"/{component}", serve(func(r *http.Request) (string, error) {
			return "", c.children.signal(r.PathValue("component"), sig)
		}))
	}
	mux.HandleFunc("POST /restart/{component}", serve(func(r *http.Request) (string, error) {
		ctx, cancel := context.WithTimeout(r.Context(), time.Minute)
		defer cancel()
		return "", c.children.restart(ctx, r.PathValue("component"))
	}))
	server := &http.Server{Handler: mux}
	go server.Serve(listener)
	return func() { server.Close(); dir.Close() }, nil
}

// ask sends one request to the cluster in dir.
func ask(dir, path string, body io.Reader) (string, error) {
	client := &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		name, open, err := short(dir)
		if err != nil {
			return nil, err
		}
		defer open.Close()
		conn, err := (&net.Dialer{}).DialContext(ctx, "unix", filepath.Join(name, controlSocket))
		if err != nil {
			return nil, fmt.Errorf("no cluster is ready in %s: %w", dir, errors.Unwrap(err))
		}
		return conn, nil
	}}}
	res, err := client.Post("http://cluster/"+path, "application/octet-stream", body)
	if err != nil {
		return "", errors.Unwrap(err)
	}
	defer res.Body.Close()
	said, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode != http.StatusOK {
		err = errors.New(strings.TrimSpace(string(said)))
	}
	return string(said), err
}

// control carries out stop, cont, kill and restart.
func control(verb string, args []string) error {
	fs := newFlags(verb)
	dir := fs.String("dir", "", "state directory of a running cluster")
	operands, err := parse(fs, args, 1, 1)
	if err != nil {
		return err
	}
	at, err := directory(*dir)
	if err != nil {
		return err
	}
	_, err = ask(at, verb+"/"+operands[0], nil)
	return err
}

// load imports image archives into a running cluster and prints the images' names.
func load(args []string) error {
	fs := newFlags("load")
	dir := fs.String("dir", "", "state directory of a running cluster")
	archives, err := parse(fs, args, 1, -1)
	if err != nil {
		return err
	}
	at, err := directory(*dir)
	if err != nil {
		return err
	}
	for _, archive := range archives {
		f, err := os.Open(archive)
		if err != nil {
			return err
		}
		names, err := ask(at, "load", f)
		f.Close()
		if err != nil {
			return fmt.Errorf("%s: %w", archive, err)
		}
		fmt.Print(names)
	}
	return nil
}
