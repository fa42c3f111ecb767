package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
)

const (
	serviceRange = "10.0.0.0/16" // with a /24, the 255th tenant's Service finds no address
	serviceIP    = "10.0.0.1"    // of the Service `kubernetes`
)

// auditPolicy records who asked for what and how it was answered, once a request: enough to count requests by client and
// to find every refusal.
const auditPolicy = `apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules: [{level: Metadata}]
`

// controlPlane starts etcd, the API server, the controller manager and the scheduler, and returns when all of them work.
func (c *cluster) controlPlane(ctx context.Context) error {
	etcdURL, err := c.startEtcd()
	if err != nil {
		return err
	}
	if err := c.startAPIServer(ctx, etcdURL); err != nil {
		return err
	}
	return c.startControllers(ctx)
}

func (c *cluster) component(name string, ready func(context.Context) error, args ...string) error {
	argv := append([]string{"/proc/self/exe", name}, args...)
	return c.children.start(name, ready, append(argv, c.extra[name]...)...)
}

func (c *cluster) startEtcd() (string, error) {
	client, err := reservePort()
	if err != nil {
		return "", err
	}
	peer, err := reservePort()
	if err != nil {
		return "", err
	}
	url := fmt.Sprintf("http://127.0.0.1:%d", client)
	return url, c.component("etcd", answers(url+"/health"), "-data-dir="+c.at("etcd"), "-client-url="+url,
		fmt.Sprintf("-peer-url=http://127.0.0.1:%d", peer))
}

func (c *cluster) startAPIServer(ctx context.Context, etcdURL string) error {
	if err := os.WriteFile(c.at("audit.yaml"), []byte(auditPolicy), 0o600); err != nil {
		return err
	}
	config, err := clientcmd.BuildConfigFromFlags("", c.at("pki/admin.kubeconfig"))
	if err != nil {
		return err
	}
	config.QPS, config.UserAgent = -1, "cluster-up"
	if c.client, err = kubernetes.NewForConfig(config); err != nil {
		return err
	}
	args := []string{"--etcd-servers=" + etcdURL,
		"--bind-address=" + c.bind, fmt.Sprintf("--secure-port=%d", c.port), "--permit-port-sharing=true", "--advertise-address=" + c.advertise,
		"--tls-cert-file=" + c.at("pki/server.crt"), "--tls-private-key-file=" + c.at("pki/server.key"),
		"--service-account-issuer=https://kubernetes.default.svc", "--service-account-signing-key-file=" + c.at("pki/sa.key"),
		"--service-account-key-file=" + c.at("pki/sa.key"), "--token-auth-file=" + c.at("pki/tokens.csv"), "--authorization-mode=RBAC",
		"--service-cluster-ip-range=" + serviceRange, "--allow-privileged=true",
		"--kubelet-preferred-address-types=InternalIP", "--kubelet-certificate-authority=" + c.at("pki/ca.crt"),
		"--kubelet-client-certificate=" + c.at("pki/client.crt"), "--kubelet-client-key=" + c.at("pki/client.key"),
		// One file, however long the run: a log that rotates away cannot be counted.
		"--audit-policy-file=" + c.at("audit.yaml"), "--audit-log-path=" + c.at("audit.log"), "--audit-log-maxsize=100000"}
	if !c.containers {
		args = append(args, "--endpoint-reconciler-type=none")
	}
	if err := c.component("apiserver", c.apiServerReady, args...); err != nil {
		return err
	}
	return c.children.wait(ctx, c.apiServerReady)
}

func (c *cluster) apiServerReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	return c.client.CoreV1().RESTClient().Get().AbsPath("/readyz").Do(ctx).Error()
}

func (c *cluster) startControllers(ctx context.Context) error {
	// Many workers and no client-side rate limit to speak of: a test waits for these controllers more than for anything.
	controllers := []string{"--service-account-private-key-file=" + c.at("pki/sa.key"), "--root-ca-file=" + c.at("pki/ca.crt"),
		"--controllers=*,-node-ipam-controller,-persistentvolume-attach-detach-controller,-persistentvolume-binder-controller",
		"--concurrent-deployment-syncs=30", "--concurrent-replicaset-syncs=30", "--concurrent-namespace-syncs=30",
		"--concurrent-resource-quota-syncs=20", "--concurrent-serviceaccount-token-syncs=20"}
	var probes []func(context.Context) error
	for _, part := range []struct {
		name string
		args []string
	}{{"controllers", controllers}, {"scheduler", nil}} {
		port, err := reservePort()
		if err != nil {
			return err
		}
		config := c.at("pki/" + part.name + ".kubeconfig")
		args := append([]string{"--kubeconfig=" + config, "--authentication-kubeconfig=" + config, "--authorization-kubeconfig=" + config,
			"--bind-address=127.0.0.1", fmt.Sprintf("--secure-port=%d", port), "--permit-port-sharing=true",
			"--tls-cert-file=" + c.at("pki/server.crt"), "--tls-private-key-file=" + c.at("pki/server.key"),
			"--leader-elect=false", "--kube-api-qps=1000", "--kube-api-burst=2000"}, part.args...)
		probe := answers(fmt.Sprintf("https://127.0.0.1:%d/healthz", port))
		if err := c.component(part.name, probe, args...); err != nil {
			return err
		}
		probes = append(probes, probe)
	}
	for _, probe := range append(probes, c.podsCanBeMade) {
		if err := c.children.wait(ctx, probe); err != nil {
			return err
		}
	}
	return nil
}

// podsCanBeMade holds once the controllers have made what every pod needs: until then, pods are refused.
func (c *cluster) podsCanBeMade(ctx context.Context) error {
	if _, err := c.client.CoreV1().ServiceAccounts("default").Get(ctx, "default", metav1.GetOptions{}); err != nil {
		return err
	}
	_, err := c.client.CoreV1().ConfigMaps("default").Get(ctx, "kube-root-ca.crt", metav1.GetOptions{})
	return err
}

// answers probes an address that only its owner can serve (its port is reserved), so it need not prove who it is.
func answers(url string) func(context.Context) error {
	probe := &http.Client{Timeout: 2 * time.Second, Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
	return func(ctx context.Context) error {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return err
		}
		res, err := probe.Do(req)
		if err != nil {
			return err
		}
		defer res.Body.Close()
		body, _ := io.ReadAll(io.LimitReader(res.Body, 200))
		if res.StatusCode != http.StatusOK {
			return fmt.Errorf("%s: %s: %s", url, res.Status, body)
		}
		return nil
	}
}
