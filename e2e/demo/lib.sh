# What the steps of the demo share: saying what happens, measuring it, waiting, and leaving nothing behind.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
bin=$root/.build/bin
target=${CARGO_TARGET_DIR:-$root/target}/debug
dir=$(mktemp -d "${TMPDIR:-/tmp}/leasehold-demo.XXXXXX")
export KUBECONFIG=$dir/kubeconfig
pids=()
names=() times=() verdicts=()

if [ -t 1 ] && [ -z "${NO_COLOR:-}" ]; then bold=$'\e[1m' dim=$'\e[2m' red=$'\e[31m' green=$'\e[32m' off=$'\e[0m'; else bold='' dim='' red='' green='' off=''; fi

k() { "$bin/cluster" kubectl "$@"; }
now() { date +%s%3N; }
say() { printf '%s%s%s\n' "$dim" "$*" "$off"; }

# Ends every process that the demo started, and removes what it made.
leave() {
    local code=$?
    trap - EXIT INT TERM
    for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null; done
    for pid in "${pids[@]}"; do wait "$pid" 2>/dev/null; done
    if [ "$code" = 0 ] || [ -z "${KEEP_LOGS:-}" ]; then rm -rf "$dir"; else echo "logs are in $dir"; fi
    exit "$code"
}
trap leave EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# step TITLE FUNCTION: runs it, shows how long it took, remembers whether it held.
step() {
    local title=$1 began verdict
    shift
    printf '\n%s▸ %s%s\n' "$bold" "$title" "$off"
    began=$(now)
    if "$@"; then verdict=held; else verdict=FAILED; fi
    local took=$(($(now) - began))
    names+=("$title") times+=("$took") verdicts+=("$verdict")
    if [ "$verdict" = held ]; then
        printf '%s  ✓ %d.%03d s%s\n' "$green" $((took / 1000)) $((took % 1000)) "$off"
    else
        printf '%s  ✗ after %d.%03d s%s\n' "$red" $((took / 1000)) $((took % 1000)) "$off"
        diagnose
        exit 1
    fi
}

# until SECONDS COMMAND…: tries until it succeeds. The demo's only wait.
until_holds() {
    local deadline=$(($(now) + $1 * 1000))
    shift
    until "$@" >/dev/null 2>&1; do
        if [ "$(now)" -gt "$deadline" ]; then
            say "  gave up waiting for: $*"
            return 1
        fi
        sleep 0.1
    done
}

# What a person would look at first when a step failed.
diagnose() {
    k get tenants,rollouts,operatorreleases,crdupgrades 2>&1 | tail -30
    k get tenants -o jsonpath='{range .items[*]}{.metadata.name}{": "}{.status.conditions[?(@.type=="Stalled")].message}{"\n"}{end}' 2>/dev/null | grep -v ': $'
    k get pods -A 2>&1 | grep -v Running | tail -10
    k logs -n leasehold-system -l app.kubernetes.io/name=leasehold --tail=15 --prefix 2>/dev/null
    for log in "$dir"/leasehold-*.log; do [ -e "$log" ] && tail -5 "$log"; done
    tail -5 "$dir/up.log"
}

# counts JSONPATH: how many tenants have which value.
counts() { k get tenants -o "jsonpath={range .items[*]}$1{\"\n\"}{end}" | sort | uniq -c | awk '{c=$1; $1=""; printf "%s ×%s  ", c, $0}'; }
tenants_at() { [ "$(k get tenants -o "jsonpath={range .items[*]}{.status.running.version}{\" \"}{.status.conditions[?(@.type==\"Ready\")].status}{\"\n\"}{end}" | grep -c "^$1 True$")" = "$2" ]; }
phase_is() { [ "$(k get rollout "$1" -o 'jsonpath={.status.phase}' 2>/dev/null)" = "$2" ]; }
holder() { k get lease -n leasehold-system leasehold.leasehold.dev -o 'jsonpath={.spec.holderIdentity}' 2>/dev/null; }
led() { [ -n "$(holder)" ]; }
led_by_other_than() { local who; who=$(holder); [ -n "$who" ] && [ "$who" != "$1" ]; }

# watch_line PHASE SECONDS COMMAND…: what it says, whenever that changes, until it begins with the phase.
watch_line() {
    local phase=$1 deadline=$(($(now) + $2 * 1000)) last='' line
    shift 2
    while :; do
        line=$("$@" 2>/dev/null)
        if [ "$line" != "$last" ]; then printf '  %s\n' "$line"; last=$line; fi
        case $line in "$phase"*) return 0 ;; esac
        [ "$(now)" -gt "$deadline" ] && return 1
        sleep 0.2
    done
}

# watch_waves ROLLOUT PHASE SECONDS
watch_waves() { watch_line "$2" "$3" k get rollout "$1" -o 'jsonpath={.status.phase}{"  "}{range .status.waves[*]}{.name}{" "}{.proven}{"/"}{.members}{" "}{.phase}{"   "}{end}'; }

# matrix WHEN CRD: which tenants' operators (rows, by version) work through which version of a kind (columns), and what the
# cluster does with that version. Before 2.0.0 the sample operator works through v1alpha1, from then on through v1.
matrix() {
    {
        k get crd "$2" -o 'jsonpath={range .spec.versions[*]}column {.name} {.served} {.storage}{"\n"}{end}' | sort -r
        k get crd "$2" -o 'jsonpath={range .status.storedVersions[*]}stored {@}{"\n"}{end}'
        k get tenants -o 'jsonpath={range .items[*]}row {.status.running.version}{"\n"}{end}' | sort
    } 2>/dev/null | awk -v when="$1" '
        $1 == "column" { column[++columns] = $2; is[$2] = ($3 == "true" ? " served" : "") ($4 == "true" ? " storage" : "") }
        $1 == "stored" { is[$2] = is[$2] " stored" }
        $1 == "row" { if (!count[$2]++) row[++rows] = $2 }
        END {
            printf "  %-8s", when
            for (c = 1; c <= columns; c++) printf "  %-32s", column[c] is[column[c]]
            for (r = 1; r <= rows; r++) {
                printf "\n  %-8s", row[r]
                for (c = 1; c <= columns; c++) printf "  %-32s", (column[c] == (row[r] ~ /^[01]\./ ? "v1alpha1" : "v1")) ? count[row[r]] : "-"
            }
            printf "\n"
        }' | sed 's/ *$//'
}

summary() {
    local i total=0
    printf '\n%s%-64s %9s%s\n' "$bold" "step" "seconds" "$off"
    for i in "${!names[@]}"; do
        printf '%-64s %5d.%03d  %s\n' "${names[i]}" $((times[i] / 1000)) $((times[i] % 1000)) "${verdicts[i]}"
        [ "$i" -gt 0 ] && total=$((total + times[i]))
    done
    printf '%-64s %5d.%03d\n' "all steps after the cluster was built" $((total / 1000)) $((total % 1000))
}
