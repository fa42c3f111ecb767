package main

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// shell is a program that is on every machine and is linked to at least the C library.
const shell = "/bin/sh"

func TestImageIsTheSameForTheSameFiles(t *testing.T) {
	program, err := os.ReadFile(shell)
	if err != nil {
		t.Fatal(err)
	}
	var archives [2][]byte
	for i, mode := range []os.FileMode{0o755, 0o700} {
		dir := t.TempDir()
		write(t, filepath.Join(dir, "program"), program, mode)
		write(t, filepath.Join(dir, "data"), []byte("data"), mode&0o666)
		old := time.Unix(int64(i)*1e9, 0)
		if err := os.Chtimes(filepath.Join(dir, "program"), old, old); err != nil {
			t.Fatal(err)
		}
		out := filepath.Join(dir, "image.tar")
		must(t, "image", "-name", "example.com/p:1", "-o", out, "-file", filepath.Join(dir, "data")+":/etc/data", filepath.Join(dir, "program"))
		archives[i], _ = os.ReadFile(out)
	}
	if len(archives[0]) == 0 || !bytes.Equal(archives[0], archives[1]) {
		t.Errorf("two archives of the same files differ (%d and %d bytes)", len(archives[0]), len(archives[1]))
	}
}

func TestImageHoldsTheProgramAndAllItNeeds(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "data"), []byte("some data"), 0o600)
	out := filepath.Join(dir, "image.tar")
	must(t, "image", shell, "-o", out, "-name", "example.com/p:1", "-file", filepath.Join(dir, "data")+":/etc/deep/data")
	archive := untar(t, out)

	var manifest []struct {
		Config           string
		RepoTags, Layers []string
	}
	parseJSON(t, archive["manifest.json"].data, &manifest)
	var config struct {
		Config struct {
			User       string
			Entrypoint []string
		}
	}
	parseJSON(t, archive[manifest[0].Config].data, &config)
	if manifest[0].RepoTags[0] != "example.com/p:1" || config.Config.User != "65532:65532" || config.Config.Entrypoint[0] != "/usr/bin/sh" {
		t.Errorf("%+v %+v", manifest, config)
	}

	layerFile := filepath.Join(dir, "layer.tar")
	write(t, layerFile, archive[manifest[0].Layers[0]].data, 0o600)
	layer := untar(t, layerFile)
	interpreter, err := interpreter(shell)
	if err != nil || interpreter == "" {
		t.Fatalf("%s has no interpreter: %v", shell, err)
	}
	for _, path := range []string{"usr/bin/sh", strings.TrimPrefix(interpreter, "/"), "etc/deep/data", "etc/deep/", "tmp/"} {
		if _, there := layer[path]; !there {
			t.Errorf("%s is missing", path)
		}
	}
	var names []string
	libc := false
	for name, file := range layer {
		names = append(names, name)
		libc = libc || strings.Contains(name, "libc.")
		if file.header.ModTime.Unix() != 0 || file.header.Uid != 0 || file.header.Mode&0o005 != 0o005 && file.header.Mode != 0o644 {
			t.Errorf("%s: %+v", name, file.header)
		}
	}
	if !libc {
		t.Errorf("there is no C library: %q", names)
	}
	if string(layer["etc/deep/data"].data) != "some data" {
		t.Errorf("data: %q", layer["etc/deep/data"].data)
	}
	ordered := order(t, layerFile)
	if !slices.IsSorted(ordered) {
		t.Errorf("entries are not sorted: %q", ordered)
	}
}

func TestImageRefusesWhatCannotRun(t *testing.T) {
	dir := t.TempDir()
	script := filepath.Join(dir, "script")
	write(t, script, []byte("#!/bin/sh\n"), 0o755)
	for program, want := range map[string]string{
		script:                         "is not a program for Linux",
		filepath.Join(dir, "nowhere"):  "no such file",
		filepath.Join(dir, "truncate"): "truncate",
	} {
		if strings.HasSuffix(program, "truncate") {
			whole, _ := os.ReadFile(shell)
			write(t, program, whole[:1000], 0o755)
		}
		out := filepath.Join(dir, "out.tar")
		if code, said := output(t, "image", "-name", "a/b:1", "-o", out, program); code != 1 || !strings.Contains(said, want) {
			t.Errorf("%s: %d %s", program, code, said)
		}
		left, _ := filepath.Glob(filepath.Join(dir, ".image-*"))
		if _, err := os.Stat(out); !errors.Is(err, os.ErrNotExist) || len(left) > 0 {
			t.Errorf("%s: something was left behind: %v %q", program, err, left)
		}
	}
}

type file struct {
	header *tar.Header
	data   []byte
}

func untar(t *testing.T, archive string) map[string]file {
	t.Helper()
	all := map[string]file{}
	each(t, archive, func(h *tar.Header, data []byte) { all[h.Name] = file{h, data} })
	return all
}

func order(t *testing.T, archive string) []string {
	t.Helper()
	var names []string
	each(t, archive, func(h *tar.Header, _ []byte) { names = append(names, h.Name) })
	return names
}

func each(t *testing.T, archive string, do func(*tar.Header, []byte)) {
	t.Helper()
	f, err := os.Open(archive)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for r := tar.NewReader(f); ; {
		h, err := r.Next()
		if err == io.EOF {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		do(h, data)
	}
}

func write(t *testing.T, path string, data []byte, mode os.FileMode) {
	t.Helper()
	if err := errors.Join(os.WriteFile(path, data, mode), os.Chmod(path, mode)); err != nil {
		t.Fatal(err)
	}
}

func parseJSON(t *testing.T, data []byte, into any) {
	t.Helper()
	if err := json.Unmarshal(data, into); err != nil {
		t.Fatalf("%v: %s", err, data)
	}
}
