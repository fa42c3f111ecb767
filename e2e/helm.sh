#!/bin/sh
# Prints the path of a helm binary of the pinned version, building it from the Go modules into .build/bin when it is missing.
#   usage: "$(e2e/helm.sh)" template leasehold charts/leasehold
# Needs Go and a module proxy. A build takes a few minutes on two cores; afterwards only the version is compared.
set -eu

VERSION=v3.22.0
# Minor version of the k8s.io modules that helm is built with. Without it `helm template` takes the cluster for 1.20
# and refuses a chart that asks for a newer one; helm's own Makefile derives it in the same way.
KUBE_MINOR=37

root=$(cd "$(dirname "$0")/.." && pwd)
bin=${HELM_BIN_DIR:-$root/.build/bin}
helm=$bin/helm

if [ -x "$helm" ]; then
    case $("$helm" version --template '{{.Version}}' 2>/dev/null) in
    "$VERSION") echo "$helm"; exit 0 ;;
    esac
fi

command -v go >/dev/null || { echo "helm $VERSION is missing and so is Go, from which it is built: install Go 1.26 or newer" >&2; exit 1; }
mkdir -p "$bin"
# Built beside its place and moved: two runs at once never see half a binary.
work=$(mktemp -d "$bin/.helm.XXXXXX")
trap 'rm -rf "$work"' EXIT INT TERM
echo "building helm $VERSION into $bin (once)" >&2
ld="-s -w -X helm.sh/helm/v3/internal/version.version=$VERSION"
for package in chartutil lint/rules; do
    ld="$ld -X helm.sh/helm/v3/pkg/$package.k8sVersionMajor=1 -X helm.sh/helm/v3/pkg/$package.k8sVersionMinor=$KUBE_MINOR"
done
GOBIN=$work CGO_ENABLED=0 GOFLAGS="-p=${HELM_BUILD_JOBS:-2}" nice go install -trimpath -ldflags "$ld" "helm.sh/helm/v3/cmd/helm@$VERSION" >&2
mv "$work/helm" "$helm"
echo "$helm"
