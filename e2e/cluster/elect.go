package main

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"strings"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	coordination "k8s.io/client-go/kubernetes/typed/coordination/v1"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/leaderelection"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
)

// elect takes part in an election as every client-go program does, for tests of mixed fleets, and prints what happens as
// JSON lines. It ends like client-go programs do: with success when told to, with an error when it lost the lease.
func elect(args []string) error {
	fs := newFlags("elect")
	kubeconfig := fs.String("kubeconfig", os.Getenv("KUBECONFIG"), "how to reach the cluster; empty: as a pod does")
	lease := fs.String("lease", "", "NAMESPACE/NAME of the Lease")
	identity := fs.String("identity", "", "who we are")
	duration := fs.Duration("lease-duration", 15*time.Second, "how long others wait after the last renewal they saw")
	deadline := fs.Duration("renew-deadline", 10*time.Second, "how long we lead without a renewal")
	retry := fs.Duration("retry-period", 2*time.Second, "pause between two attempts")
	release := fs.Bool("release", false, "give the lease back when told to end (SIGTERM, SIGINT)")
	if _, err := parse(fs, args, 0, 0); err != nil {
		return err
	}
	namespace, name, ok := strings.Cut(*lease, "/")
	if !ok || namespace == "" || name == "" || *identity == "" {
		return wrongUsage("-lease NAMESPACE/NAME and -identity are needed")
	}
	config, err := clientcmd.BuildConfigFromFlags("", *kubeconfig)
	if err != nil {
		return err
	}
	client, err := coordination.NewForConfig(config)
	if err != nil {
		return err
	}
	ctx, cancel := untilTold(false)
	defer cancel()
	elector, err := leaderelection.NewLeaderElector(leaderelection.LeaderElectionConfig{
		Lock: &resourcelock.LeaseLock{LeaseMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}, Client: client,
			LockConfig: resourcelock.ResourceLockConfig{Identity: *identity}},
		LeaseDuration: *duration, RenewDeadline: *deadline, RetryPeriod: *retry, ReleaseOnCancel: *release,
		Callbacks: leaderelection.LeaderCallbacks{
			OnStartedLeading: func(context.Context) { say("started", *identity) },
			OnStoppedLeading: func() { say("stopped", *identity) },
			OnNewLeader:      func(leader string) { say("new-leader", leader) },
		},
	})
	if err != nil {
		return usageError(err.Error())
	}
	elector.Run(ctx)
	if ctx.Err() == nil {
		return errors.New("lost the lease")
	}
	return nil
}

var saying sync.Mutex

func say(event, identity string) {
	saying.Lock()
	defer saying.Unlock()
	json.NewEncoder(os.Stdout).Encode(struct {
		Event    string `json:"event"`
		Identity string `json:"identity"`
		At       string `json:"at"`
	}{event, identity, time.Now().Format(time.RFC3339Nano)})
}
