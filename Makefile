# Two commands do everything on a machine with Rust, Go and make: `make demo` and `make test`.
SHELL := /bin/bash
BIN := $(CURDIR)/.build/bin
export LEASEHOLD_CLUSTER := $(BIN)/cluster
# kube's watches log little; a test that fails prints where its logs are.
export RUST_BACKTRACE ?= 1

.PHONY: help
help: ## What there is to make
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 16

.PHONY: tools
tools: ## What tests and demo need beside the crate: the test cluster, its sandbox image, helm, Prometheus
	@bash e2e/install.sh
	@bash e2e/cluster/build.sh $(BIN)
	@HELM_BIN_DIR=$(BIN) sh e2e/helm.sh >/dev/null
	@sh e2e/prometheus.sh $(BIN)

.PHONY: build
build: ## The binaries that tests and demo start
	cargo build --workspace --locked

.PHONY: demo
demo: tools build ## Show it all on a real cluster; KEEP=0 ends by itself
	@KEEP=$(KEEP) bash e2e/demo/demo.sh

.PHONY: test
test: tools build ## Every test, on real clusters
	cargo test --workspace --locked --no-fail-fast
	cd e2e/cluster && go vet ./... && go test ./...

.PHONY: prove
prove: ## A million simulated rollouts; LEASEHOLD_SCHEDULES sets how many
	LEASEHOLD_SCHEDULES=$${LEASEHOLD_SCHEDULES:-1000000} cargo test --release --locked --test planner -- --nocapture random_schedules

.PHONY: check
check: ## Formatting, lints, licences and advisories
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings
	@command -v cargo-deny >/dev/null || cargo install cargo-deny --locked --version 0.20.2
	cargo deny check bans licenses sources
# The database is a repository on GitHub, which is out of reach of some machines: then it is said, and nothing else.
	@if cargo deny fetch db; then cargo deny check advisories; else echo "advisories were not checked: their database could not be fetched" >&2; fi

.PHONY: crds
crds: build ## Generate crds/ and the chart's copy of it
	target/debug/leasehold crds generate --dir crds
	target/debug/leasehold crds generate --dir charts/leasehold-crds/files

.PHONY: mutants
# Of every 18th mutant about 240 are left, 200 and more of which compile. Each part of the planner is held against its own suites. That some
# are missed, or never end, is a result and no failure (exit codes 2 and 3).
MUTANTS = LEASEHOLD_SCHEDULES=300 PROPTEST_CASES=48 cargo mutants --shard $${SHARD:-0/18} --sharding round-robin --timeout 180 \
	--baseline skip -C --locked -C --lib
AFTER = -- -- --skip crash --skip ten_thousand
mutants: tools ## A sample of faults in src/plan, one by one: which does no test notice? SHARD=1/18 takes another
	@command -v cargo-mutants >/dev/null || cargo install cargo-mutants --locked --version 27.1.0
	$(MUTANTS) -o target/mutants/crds -f 'src/plan/crds/**' -f 'src/plan/*crd*.rs' -C --test=verdicts -C --test=steps $(AFTER) || [ $$? -le 3 ]
	$(MUTANTS) -o target/mutants/render -f 'src/plan/render/**' -f 'src/plan/choke_point/**' \
		-C --test=templates -C --test=choke_point $(AFTER) || [ $$? -le 3 ]
	$(MUTANTS) -o target/mutants/rest -f 'src/plan/**' -e 'src/plan/crds/**' -e 'src/plan/*crd*.rs' -e 'src/plan/render/**' \
		-e 'src/plan/choke_point/**' -C --test=planner -C --test=tenant -C --test=tenant_in_rollout -C --test=rollout_threads \
		-C --test=verbs -C --test=gates -C --test=windows $(AFTER) || [ $$? -le 3 ]
	cd target/mutants && wc -l */mutants.out/caught.txt */mutants.out/missed.txt */mutants.out/timeout.txt

.PHONY: bench
bench: tools ## Figures, as ratios against a bare client in the same run
	cargo build --profile bench --locked -p leasehold-e2e-hollow
	LEASEHOLD_HOLLOW=$${CARGO_TARGET_DIR:-target}/release/hollow cargo bench --locked --bench fleet
	$(MAKE) bench-handover bench-migration

.PHONY: bench-migration
bench-migration: tools ## Stored objects rewritten at another version, against a bare client
	cargo bench --locked --bench migration

.PHONY: bench-handover
bench-handover: tools ## How long nobody leads: tenants' upgrades on real pods, and Leasehold itself
	cargo build --release --locked -p leasehold-e2e-memcached
	cargo bench --locked --bench handover
