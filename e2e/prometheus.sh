#!/bin/sh
# Puts Debian's prometheus beside the other programs of the tests: unpacked, not installed, and never started by this.
#   usage: e2e/prometheus.sh .build/bin
# Where there is no apt-get it says so, and the tests that need it say so, too.
set -eu

bin=$1
[ -x "$bin/prometheus" ] && exit 0
if ! command -v apt-get >/dev/null || ! command -v dpkg >/dev/null; then
    echo "no apt-get: without $bin/prometheus (2.42 or newer) the tests of gates that ask a Prometheus are left out" >&2
    exit 0
fi
mkdir -p "$bin"
work=$(mktemp -d "$bin/.prometheus.XXXXXX")
trap 'rm -rf "$work"' EXIT INT TERM
# apt-get checks what it downloads against the signed lists.
(cd "$work" && apt-get download -q prometheus >&2) || {
    (apt-get update -q >&2 && cd "$work" && apt-get download -q prometheus >&2) ||
        { echo "Debian's package prometheus could not be downloaded; put a prometheus into $bin" >&2; exit 1; }
}
dpkg -x "$work"/prometheus_*.deb "$work/x"
mv "$work/x/usr/bin/prometheus" "$bin/prometheus"
