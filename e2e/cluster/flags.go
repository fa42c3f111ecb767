package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// usageError is a command line that cannot be carried out as it stands.
type usageError string

func (e usageError) Error() string { return string(e) }

func wrongUsage(format string, args ...any) error { return usageError(fmt.Sprintf(format, args...)) }

// list collects the values of a flag that may be given several times.
type list []string

func (l *list) String() string     { return strings.Join(*l, " ") }
func (l *list) Set(v string) error { *l = append(*l, v); return nil }

func newFlags(verb string) *flag.FlagSet {
	fs := flag.NewFlagSet("cluster "+verb, flag.ContinueOnError)
	return fs
}

// parse reads flags and operands in any order and returns the operands, of which there must be min to max (max < 0: any).
func parse(fs *flag.FlagSet, args []string, min, max int) ([]string, error) {
	var operands []string
	for {
		if err := fs.Parse(args); err != nil {
			if err == flag.ErrHelp {
				return nil, err
			}
			return nil, usageError(err.Error())
		}
		if fs.NArg() == 0 {
			break
		}
		operands, args = append(operands, fs.Arg(0)), fs.Args()[1:]
	}
	if len(operands) < min || max >= 0 && len(operands) > max {
		return nil, wrongUsage("%d operands given: %q; see `cluster` for the usage", len(operands), operands)
	}
	return operands, nil
}

// directory resolves the -dir flag, which names the cluster in every verb.
func directory(dir string) (string, error) {
	if dir == "" {
		return "", wrongUsage("-dir is missing: the state directory of the cluster")
	}
	return filepath.Abs(dir)
}

// keepCacheWithCluster makes kubectl cache beside the kubeconfig of a test cluster, so that nothing of it outlives the
// cluster in the user's home directory. Other kubeconfigs, and an explicit choice, are left alone.
func keepCacheWithCluster(args []string) {
	config := os.Getenv("KUBECONFIG")
	for i, arg := range args {
		if value, ok := strings.CutPrefix(arg, "--kubeconfig="); ok {
			config = value
		} else if arg == "--kubeconfig" && i+1 < len(args) {
			config = args[i+1]
		}
	}
	dir := filepath.Dir(config)
	if _, err := os.Stat(filepath.Join(dir, lockFile)); err == nil && os.Getenv("KUBECACHEDIR") == "" {
		os.Setenv("KUBECACHEDIR", filepath.Join(dir, "kubectl"))
	}
}
