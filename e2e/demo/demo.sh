#!/usr/bin/env bash
# The main job on a real cluster, unattended: onboard, upgrade in waves, with the CRD that all tenants share, through a crash
# of the leader, stop at a bad release, offboard. KEEP=0 ends by itself, with exit 0 only when every step held.
set -uo pipefail
# shellcheck source=e2e/demo/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
examples=$root/examples/memcached

real_pods() { [ "$(uname -s)" = Linux ] && [ "$(id -u)" = 0 ] && command -v containerd runc >/dev/null && [ -x /usr/lib/cni/bridge ]; }

image() { "$bin/cluster" image -name "$1" -o "$dir/images/$2.tar" "$3"; }

build_cluster() {
    mkdir -p "$dir/images"
    local args=(-dir "$dir")
    if real_pods; then
        args+=(-containers)
        image leasehold.test/leasehold:dev leasehold "$target/leasehold" &&
            image example.com/memcached-operator:dev memcached "$target/memcached" || return 1
    else
        say "  no real pods here (they need root, containerd, runc and the CNI plugins): the hollow node stands in, and Leasehold runs as two processes"
    fi
    "$bin/cluster" up "${args[@]}" >"$dir/up.log" 2>&1 &
    pids+=($!)
    until_holds 60 grep -q '^ready' "$dir/up.log" || return 1
    say "  $(k version 2>/dev/null | tail -1), $(k get nodes --no-headers 2>/dev/null | wc -l) node, from nothing"
    real_pods && return 0
    "$target/hollow" --never-ready-arg never-ready >"$dir/hollow.log" 2>&1 &
    pids+=($!)
}

# Two replicas under the chart's own, least, rights; or two processes where no pods run.
install() {
    k create namespace leasehold-system >/dev/null || return 1
    k label namespace leasehold-system pod-security.kubernetes.io/enforce=restricted >/dev/null
    "$bin/helm" install leasehold-crds "$root/charts/leasehold-crds" >/dev/null || return 1
    until_holds 20 k get tenants,rollouts || return 1
    if real_pods; then
        "$bin/helm" install leasehold "$root/charts/leasehold" --namespace leasehold-system --values "$root/e2e/demo/values.yaml" >/dev/null || return 1
        until_holds 60 k wait --for=condition=Available --timeout=1s -n leasehold-system deployment/leasehold || return 1
    else
        for n in 0 1; do
            POD_NAME=leasehold-$n "$target/leasehold" run --listen 127.0.0.1:0 --crd-soak 1s --lease-duration 5s --renew-deadline 3s --retry-period 1s 2>"$dir/leasehold-$n.log" &
            pids+=($!)
            replicas[n]=$!
        done
    fi
    until_holds 30 led || return 1
    say "  2 replicas; the leader is $(holder | cut -d_ -f1)"
}

onboard() {
    k apply -f "$examples/policy.yaml" -f "$examples/release-1.1.0.yaml" -f "$examples/release-2.0.0.yaml" -f "$examples/release-2.2.0.yaml" >/dev/null || return 1
    bump 1.1.0 || return 1
    until_holds 60 tenants_at 1.1.0 12 || return 1
    k get tenants
    local leaders
    leaders=$(k get tenants -o 'jsonpath={range .items[*]}{.status.leader.identity}{"\n"}{end}' | grep -c .)
    say "  $leaders of 12 tenants have a leader of their own"
    [ "$leaders" = 12 ]
}

bump() { sed -E "s/version: [0-9.]+/version: $1/" "$examples/tenants.yaml" | k apply -f - >/dev/null; }
first_rollout_to() { k get rollouts -o "jsonpath={.items[?(@.spec.target.version==\"$1\")].metadata.name}" | awk '{print $1}'; }
rollout_exists() { [ -n "$(first_rollout_to "$1")" ]; }

# kill -9, from outside: no signal handler runs, no Lease is released.
crash_leader() {
    local who=$1 n pid
    if real_pods; then
        for pid in $(pgrep -f '/usr/bin/leasehold run'); do
            if tr '\0' '\n' <"/proc/$pid/environ" 2>/dev/null | grep -qx "POD_NAME=${who%%_*}"; then kill -9 "$pid"; return; fi
        done
        return 1
    fi
    n=${who%%_*}; n=${n#leasehold-}
    kill -9 "${replicas[n]}"
}

# To a release with a new version of the kind that all tenants share, while each has an object of it.
upgrade_through_a_crash() {
    local leader name crd=memcacheds.cache.example.com
    each_tenant_with_a_cache | k apply -f - >/dev/null || return 1
    until_holds 20 caches_applied_by 1.1.0 12 || return 1
    matrix before "$crd"
    leader=$(holder)
    bump 2.0.0 || return 1
    until_holds 20 rollout_exists 2.0.0 || return 1
    name=$(first_rollout_to 2.0.0)
    until_holds 30 proven_at_least "$name" 1 || return 1
    crash_leader "$leader" || return 1
    say "  the canary is proven; Leasehold's leader ${leader%%_*} was killed (kill -9)"
    until_holds 60 proven_at_least "$name" 3 || return 1
    matrix during "$crd"
    watch_waves "$name" Succeeded 60 || return 1
    led_by_other_than "$leader" || return 1
    say "  the standby went on: $(holder | cut -d_ -f1) leads"
    watch_line Done 60 k get crdupgrade "$crd-memcached-2.0.0" -o 'jsonpath={.status.phase}{"  "}{.status.message}' || return 1
    matrix after "$crd"
    until_holds 20 caches_applied_by 2.0.0 12 || return 1
    say "  12 of 12 tenants' objects are there, and the new operators have applied them"
    tenants_at 2.0.0 12
}
each_tenant_with_a_cache() {
    local namespace
    for namespace in $(k get tenants -o 'jsonpath={.items[*].status.namespace.name}'); do
        sed "s/^  name: .*/&\n  namespace: $namespace/" "$examples/memcached.yaml"
        echo ---
    done
}
# Without real pods no operator works on them.
caches_applied_by() {
    local version=$1
    real_pods || version=
    [ "$(k get memcacheds -A -o 'jsonpath={range .items[*]}by {.status.operatorVersion}{"\n"}{end}' | grep -cx "by $version")" = "$2" ]
}
proven_at_least() { [ "$(k get rollout "$1" -o 'jsonpath={.status.proven}')" -ge "$2" ]; }

bad_release() {
    local name
    bump 2.2.0 || return 1
    until_holds 20 rollout_exists 2.2.0 || return 1
    name=$(first_rollout_to 2.2.0)
    watch_waves "$name" Halted 60 || return 1
    k get rollout "$name" -o 'jsonpath={"  "}{.status.halted.reason}{"\n"}'
    local untouched
    untouched=$(k get tenants -o 'jsonpath={range .items[*]}{.status.granted.version}{"\n"}{end}' | grep -c '^2.0.0$')
    say "  $untouched of 12 tenants were not touched"
    [ "$untouched" = 11 ] && tenants_at 2.0.0 11
}

go_back() {
    bump 2.0.0 || return 1
    until_holds 60 tenants_at 2.0.0 12 || return 1
    k get rollouts
}

offboard() {
    local name namespace left
    name=$(k get tenants -o 'jsonpath={.items[0].metadata.name}')
    namespace=$(k get tenant "$name" -o 'jsonpath={.status.namespace.name}')
    k delete tenant "$name" --wait --timeout=60s >/dev/null || return 1
    left=$(k get namespace "$namespace" --ignore-not-found 2>/dev/null | wc -l)
    left=$((left + $(k get pods,deployments,roles,rolebindings,resourcequotas -A -l "leasehold.dev/tenant=$name" --no-headers 2>/dev/null | wc -l)))
    say "  $name is gone, and so is all of its stack: $left objects left"
    [ "$left" = 0 ] && tenants_at 2.0.0 11
}

# The API server's own record: what the shipped rights did not allow.
audit() {
    real_pods || { say "  Leasehold ran as an admin here: nothing to check"; return 0; }
    local denied
    denied=$(grep -F 'system:serviceaccount:leasehold-system:leasehold' "$dir/audit.log" | grep -F '"code":403' | grep -vcF 'stale epoch')
    say "  $denied requests of Leasehold were denied with 403"
    k get tenants -o 'jsonpath={range .items[*]}{.status.lastUpgrade.leaderlessMilliseconds}{"\n"}{end}' | grep . | sort -n >"$dir/gaps"
    say "  nobody led for $(awk '{a[NR]=$1} END {print a[int((NR+1)/2)]}' "$dir/gaps") ms (median), $(tail -1 "$dir/gaps") ms (most) of the tenants' last upgrades"
    [ "$denied" = 0 ]
}

replicas=()
step "a cluster" build_cluster
step "Leasehold from its charts, 2 replicas" install
step "12 tenants by kubectl apply, from nothing to led" onboard
step "one apply: all 12 and their CRD, in waves, through a crash" upgrade_through_a_crash
step "a bad release stops at its canary" bad_release
step "going back works" go_back
step "one tenant is offboarded" offboard
step "nothing was denied, and how long nobody led" audit
summary
[ "${KEEP:-}" = 0 ] && exit 0
printf '\nIt stays up. In another terminal:\n  export KUBECONFIG=%s\n  %s kubectl get tenants\n  %s status\nCtrl-C ends it, and removes everything.\n' "$KUBECONFIG" "$bin/cluster" "$target/leasehold"
wait "${pids[0]}"
