// Command clientgo is the smallest tenant operator that is written the usual way: client-go's leader election, health and
// metrics endpoints, and nothing else. The tests run it as a tenant beside operators that elect otherwise.
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"
	"time"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/leaderelection"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
)

type options struct {
	id                        string
	duration, deadline, retry time.Duration
	health, metrics           string
}

func main() {
	var o options
	flag.Bool("leader-elect", true, "accepted for the sake of common templates: this program always elects")
	flag.StringVar(&o.id, "leader-elect-id", "", "name of the Lease in POD_NAMESPACE")
	flag.StringVar(&o.id, "leader-election-id", "", "the same")
	flag.DurationVar(&o.duration, "lease-duration", 15*time.Second, "how long others wait after the last renewal they saw")
	flag.DurationVar(&o.deadline, "renew-deadline", 10*time.Second, "how long the leader leads without a renewal")
	flag.DurationVar(&o.retry, "retry-period", 2*time.Second, "pause between two attempts")
	flag.StringVar(&o.health, "health-address", ":8081", "where /healthz and /readyz are served")
	flag.StringVar(&o.metrics, "metrics-address", ":8080", "where /metrics is served")
	flag.Parse()
	if err := run(o, os.Getenv("POD_NAMESPACE"), os.Getenv("POD_NAME")); err != nil {
		log.Fatal(err)
	}
}

// run elects until SIGTERM, and then gives the lease back. Losing the lease is an error: the program ends, as the leader's
// work could not be stopped otherwise.
func run(o options, namespace, pod string) error {
	if o.id == "" || namespace == "" || pod == "" {
		return fmt.Errorf("--leader-elect-id, POD_NAMESPACE and POD_NAME are needed, and are %q, %q, %q", o.id, namespace, pod)
	}
	config, err := rest.InClusterConfig()
	if err != nil {
		return err
	}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	ctx, cancel := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer cancel()
	var leading atomic.Bool
	if err := serve(o, &leading); err != nil {
		return err
	}
	lock, err := resourcelock.New(resourcelock.LeasesResourceLock, namespace, o.id, client.CoreV1(), client.CoordinationV1(),
		resourcelock.ResourceLockConfig{Identity: fmt.Sprintf("%s_%d", pod, time.Now().UnixNano())})
	if err != nil {
		return err
	}
	elector, err := leaderelection.NewLeaderElector(leaderelection.LeaderElectionConfig{
		Lock: lock, LeaseDuration: o.duration, RenewDeadline: o.deadline, RetryPeriod: o.retry, ReleaseOnCancel: true,
		Callbacks: leaderelection.LeaderCallbacks{
			OnStartedLeading: func(context.Context) { leading.Store(true); log.Print("leading") },
			OnStoppedLeading: func() { leading.Store(false); log.Print("no longer leading") },
			OnNewLeader:      func(leader string) { log.Printf("leader: %s", leader) },
		},
	})
	if err != nil {
		return err
	}
	elector.Run(ctx)
	if ctx.Err() == nil {
		return fmt.Errorf("lost the lease %s/%s", namespace, o.id)
	}
	return nil
}

// serve answers health probes, as ready from the start (a standby is), and metrics.
func serve(o options, leading *atomic.Bool) error {
	ok := func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") }
	health, metrics := http.NewServeMux(), http.NewServeMux()
	health.HandleFunc("/healthz", ok)
	health.HandleFunc("/readyz", ok)
	metrics.HandleFunc("/metrics", func(w http.ResponseWriter, _ *http.Request) {
		status := 0
		if leading.Load() {
			status = 1
		}
		fmt.Fprintf(w, "# TYPE leader_election_master_status gauge\nleader_election_master_status{name=%q} %d\n", o.id, status)
	})
	for address, handler := range map[string]http.Handler{o.health: health, o.metrics: metrics} {
		listener, err := net.Listen("tcp", address)
		if err != nil {
			return err
		}
		go http.Serve(listener, handler)
	}
	return nil
}
