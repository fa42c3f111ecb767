package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	cri "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// importAll waits for containerd and imports the sandbox image and every archive in the state directory's images/.
func (n *node) importAll(ctx context.Context) error {
	if err := n.children.wait(ctx, runtimeReady); err != nil {
		return err
	}
	pause, err := pauseProgram()
	if err != nil {
		return err
	}
	if err := n.importPause(ctx, pause); err != nil {
		return err
	}
	archives, err := filepath.Glob(n.at("images/*.tar"))
	if err != nil {
		return err
	}
	for _, archive := range archives {
		f, err := os.Open(archive)
		if err != nil {
			return err
		}
		_, err = n.importImage(ctx, f)
		f.Close()
		if err != nil {
			return fmt.Errorf("import %s: %w", archive, err)
		}
	}
	return nil
}

func (n *node) importPause(ctx context.Context, program string) error {
	read, write := io.Pipe()
	go func() { write.CloseWithError(writeImage(write, imageSpec{name: pauseImage, program: program})) }()
	_, err := n.importImage(ctx, read)
	read.Close()
	return err
}

var unpacked = regexp.MustCompile(`(?m)^unpacking (\S+) `)

// importImage loads an archive and returns the names of its images once kubelet can use them: the CRI part of containerd
// learns of an image a moment after it was stored, and a pod that comes in between fails and backs off.
func (n *node) importImage(ctx context.Context, archive io.Reader) ([]string, error) {
	out, err := runTool(archive, "ctr", "--address", containerdSocket, "--namespace", "k8s.io", "images", "import",
		"--snapshotter", n.snapshotter, "-")
	if err != nil {
		return nil, err
	}
	var names []string
	for _, match := range unpacked.FindAllStringSubmatch(out, -1) {
		names = append(names, match[1])
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("there is no image for this machine in it (ctr says: %q)", out)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, 30*time.Second, fmt.Errorf("containerd does not show %q", names))
	defer cancel()
	return names, poll(ctx, nil, func(ctx context.Context) error { return known(ctx, names) })
}

func known(ctx context.Context, names []string) error {
	conn, err := grpc.NewClient("unix://"+containerdSocket, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return err
	}
	defer conn.Close()
	list, err := cri.NewImageServiceClient(conn).ListImages(ctx, &cri.ListImagesRequest{})
	if err != nil {
		return err
	}
	for _, name := range names {
		if !slices.ContainsFunc(list.Images, func(i *cri.Image) bool { return slices.Contains(i.RepoTags, name) }) {
			return fmt.Errorf("%s is not there", name)
		}
	}
	return nil
}

// runtimeReady holds when containerd's CRI part answers.
func runtimeReady(ctx context.Context) error {
	// gRPC would write a warning for each attempt before the socket is there.
	if _, err := os.Stat(containerdSocket); err != nil {
		return err
	}
	return known(ctx, nil)
}
