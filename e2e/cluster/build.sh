#!/bin/sh
# Builds the test cluster's programs into a directory (default: .build/bin/cluster of the checkout).
# Go's own cache makes a second run cheap: only what changed is compiled and linked again.
set -eu
out=${1:-$(dirname "$0")/../../.build/bin}
mkdir -p "$out"
out=$(cd "$out" && pwd)
cd "$(dirname "$0")"
# Clients choose their behaviour by the server's version, and an unstamped build calls itself v0.0.0-master.
version=v1.36.3
flags="-s -w"
for package in k8s.io/component-base/version k8s.io/client-go/pkg/version; do
  flags="$flags -X $package.gitVersion=$version -X $package.gitMajor=1 -X $package.gitMinor=36 -X $package.gitTreeState=clean"
done
go build -trimpath -ldflags="$flags" -o "$out/cluster" .
for program in pause clientgo; do
  CGO_ENABLED=0 go build -trimpath -ldflags="-s -w" -o "$out/$program" "./$program"
done
