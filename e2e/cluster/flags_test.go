package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestWrongCommandLinesSayWhatIsWrong(t *testing.T) {
	for line, want := range map[string]string{
		"":                                  "usage:",
		"fly":                               "usage:",
		"up":                                "-dir is missing",
		"up -dir d extra":                   `"extra"`,
		"up -dir d -contaniers":             "-contaniers",
		"up -dir d -arg apiserver":          "is not COMPONENT=--flag=value",
		"up -dir d -arg kubectl=--v=2":      "is not COMPONENT=--flag=value",
		"up -dir d -arg etcd=quota":         "is not COMPONENT=--flag=value",
		"stop -dir d":                       "0 operands",
		"restart etcd":                      "-dir is missing",
		"load -dir d":                       "0 operands",
		"image -name a:1 /bin/sh":           "-name and -o are needed",
		"image -name a:1 -o x":              "0 operands",
		"image -name a:1 -o x -file y sh":   "is not FROM:TO",
		"image -name a:1 -o x -file y:z sh": "with an absolute TO",
		"elect -identity me":                "-lease NAMESPACE/NAME and -identity are needed",
		"elect -lease name -identity me":    "-lease NAMESPACE/NAME and -identity are needed",
	} {
		code, out := output(t, strings.Fields(line)...)
		if code != 2 || !strings.Contains(out, want) {
			t.Errorf("cluster %s: exit code %d, and not %q: %s", line, code, want, out)
		}
	}
}

func TestWhatIsNotRunningIsReported(t *testing.T) {
	dir := t.TempDir()
	for _, args := range [][]string{{"stop", "etcd", "-dir", dir}, {"load", "-dir", dir, os.DevNull}} {
		if code, out := output(t, args...); code != 1 || !strings.Contains(out, "no cluster is ready in "+dir) {
			t.Errorf("%q: %d %s", args, code, out)
		}
	}
}

func TestOnlyAClustersOwnStateIsCleared(t *testing.T) {
	dir := t.TempDir()
	foreign := filepath.Join(dir, "etcd")
	write(t, foreign, []byte("precious"), 0o600)
	if code, out := output(t, "up", "-dir", dir); code != 1 || !strings.Contains(out, "which no cluster made") {
		t.Errorf("%d %s", code, out)
	}
	if data, _ := os.ReadFile(foreign); string(data) != "precious" {
		t.Fatal("it is gone")
	}
	os.Remove(foreign)
	lock, err := claim(dir)
	if err != nil {
		t.Fatal(err)
	}
	lock.Close()
	write(t, foreign, []byte("ours"), 0o600)
	write(t, filepath.Join(dir, "notes"), []byte("theirs"), 0o600)
	if lock, err = claim(dir); err != nil {
		t.Fatal(err)
	}
	defer lock.Close()
	if _, err := os.Stat(foreign); err == nil {
		t.Error("the state of the last cluster is still there")
	}
	if _, err := os.Stat(filepath.Join(dir, "notes")); err != nil {
		t.Error("a file that no cluster made was removed")
	}
}
