#!/bin/sh
# Gets what a node with real containers needs (e2e/cluster, `up -containers`): installs it on Debian when root, says how
# to get it otherwise. Never fails for lack of it: without containers, the hollow node is used.
set -eu
packages="containerd runc containernetworking-plugins iproute2"
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin

missing=
for tool in containerd containerd-shim-runc-v2 ctr runc ip; do
  command -v "$tool" >/dev/null || missing="$missing $tool"
done
plugins=
for dir in /usr/lib/cni /opt/cni/bin /usr/libexec/cni; do
  if [ -x "$dir/bridge" ] && [ -x "$dir/host-local" ] && [ -x "$dir/loopback" ]; then plugins=$dir; fi
done
[ -n "$plugins" ] || missing="$missing cni-plugins"
[ -n "$missing" ] || exit 0

if [ "$(id -u)" != 0 ]; then
  echo "no real containers (the hollow node is used): missing$missing; as root: apt-get install $packages" >&2
  exit 0
fi
if ! command -v apt-get >/dev/null; then
  echo "no real containers (the hollow node is used): missing$missing; on Debian: apt-get install $packages" >&2
  exit 0
fi
echo "installing$missing" >&2
export DEBIAN_FRONTEND=noninteractive
# shellcheck disable=SC2086 # a list
if ! { apt-get update -qq && apt-get install -y -qq --no-install-recommends $packages; } >&2; then
  echo "no real containers (the hollow node is used): apt-get install $packages failed, for the reason above" >&2
fi
