package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"strings"
	"time"
)

// users are who the components and the tests are to the API server, so that its audit log tells them apart. All may do
// everything: what is under test is what runs on the cluster.
var users = map[string]string{
	"admin":       "admin",
	"controllers": "system:kube-controller-manager",
	"scheduler":   "system:kube-scheduler",
	"kubelet":     "system:node:" + nodeName,
}

// secrets writes the certificates, the tokens and a kubeconfig for each user.
func (c *cluster) secrets() error {
	if err := os.MkdirAll(c.at("pki"), 0o700); err != nil {
		return err
	}
	ca, err := c.certificates()
	if err != nil {
		return err
	}
	var tokens strings.Builder
	inside := fmt.Sprintf("https://127.0.0.1:%d", c.port)
	for name, user := range users {
		secret := make([]byte, 16)
		rand.Read(secret)
		token := fmt.Sprintf("%x", secret)
		fmt.Fprintf(&tokens, "%s,%s,%s,system:masters\n", token, user, user)
		file, server := c.at("pki/"+name+".kubeconfig"), inside
		if name == "admin" {
			file, server = c.at("kubeconfig"), c.server
			err = errors.Join(err, os.WriteFile(c.at("pki/admin.kubeconfig"), kubeconfig(inside, ca, name, token), 0o600))
		}
		err = errors.Join(err, os.WriteFile(file, kubeconfig(server, ca, name, token), 0o600))
	}
	return errors.Join(err, os.WriteFile(c.at("pki/tokens.csv"), []byte(tokens.String()), 0o600))
}

// kubeconfig stands alone (it names no other file), so that it can be copied anywhere. It identifies itself by a token and
// not by a client certificate: a token passes through the proxies that tests put in between.
func kubeconfig(server string, ca []byte, user, token string) []byte {
	return fmt.Appendf(nil, `apiVersion: v1
kind: Config
clusters: [{name: test, cluster: {server: %q, certificate-authority-data: %s}}]
users: [{name: %s, user: {token: %q}}]
contexts: [{name: test, context: {cluster: test, user: %s}}]
current-context: test
`, server, base64.StdEncoding.EncodeToString(ca), user, token, user)
}

// certificates makes an authority and, signed by it, what every server here shows and what the API server shows the
// kubelet; and the key that signs service-account tokens. It returns the authority's certificate.
func (c *cluster) certificates() ([]byte, error) {
	now := time.Now()
	authority := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test-cluster"}, NotBefore: now.Add(-time.Hour),
		NotAfter: now.AddDate(1, 0, 0), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature}
	server := &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "kubernetes"}, NotBefore: authority.NotBefore,
		NotAfter: authority.NotAfter, KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		DNSNames:    []string{"kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local", "localhost", nodeName},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback, net.ParseIP(serviceIP), net.ParseIP(nodeIP)}}
	client := &x509.Certificate{SerialNumber: big.NewInt(3), Subject: pkix.Name{CommonName: "kube-apiserver"}, NotBefore: authority.NotBefore,
		NotAfter: authority.NotAfter, KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}

	root, err := writeKey(c.at("pki/ca.key"))
	if err != nil {
		return nil, err
	}
	ca, err := writeCertificate(c.at("pki/ca.crt"), authority, authority, root, root)
	if err != nil {
		return nil, err
	}
	for name, template := range map[string]*x509.Certificate{"server": server, "client": client} {
		key, err := writeKey(c.at("pki/" + name + ".key"))
		if err != nil {
			return nil, err
		}
		if _, err := writeCertificate(c.at("pki/"+name+".crt"), template, authority, key, root); err != nil {
			return nil, err
		}
	}
	_, err = writeKey(c.at("pki/sa.key"))
	return ca, err
}

func writeKey(file string) (*ecdsa.PrivateKey, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return nil, err
	}
	return key, os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der}), 0o600)
}

func writeCertificate(file string, template, parent *x509.Certificate, key, signer *ecdsa.PrivateKey) ([]byte, error) {
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	if err != nil {
		return nil, err
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	return text, os.WriteFile(file, text, 0o600)
}
