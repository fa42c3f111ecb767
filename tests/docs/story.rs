//! Install, tutorial, troubleshooting, uninstall: the documentation's own lines, in its order, on a cluster with a hollow
//! node. Leasehold runs beside it with the rights that the chart gives it.

use serde_json::Value;

use crate::blocks::{Block, section};
use crate::shell::{PATIENCE, Shell, kubeconfig_with_token, lines};
use crate::support::{Cluster, Leasehold, Node};

/// What a line of the tutorial must print for the text around it to be true.
const SAYS: [(&str, &str); 6] = [
    ("kubectl get tenant contoso -o wide", "Running"),
    ("kubectl -n tenant-contoso get memcached,configmap", "sessions"),
    ("kubectl -n tenant-contoso get role memcached-operator", "memcached-operator"),
    ("kubectl get events -A --field-selector reason=DriftRepaired", "Role/memcached-operator"),
    ("leasehold plan", "2.2.0"),
    ("leasehold status contoso", "2.0.0"),
];
/// What one waits for before one presses Ctrl-C.
const WATCHED: [(&str, &[&str]); 2] = [
    ("leasehold status --watch", &["contoso", "2.1.0", "everyone", "Running"]),
    ("kubectl get rollouts -w", &["2.2.0", "Halted"]),
];

/// Runs a section's lines one after the other, each until it is as the text says.
async fn follow(shell: &Shell<'_>, blocks: &[Block]) {
    for block in blocks {
        for (line, comment) in lines(block) {
            if let Some((_, words)) = WATCHED.iter().find(|(watched, _)| *watched == line) {
                shell.watch(&line, words).await;
                continue;
            }
            // It runs a pod to its end, and the hollow node ends none.
            if line.starts_with("helm test") {
                continue;
            }
            let says = SAYS.iter().find(|(said, _)| *said == line).map_or("", |(_, word)| word);
            let gone = comment == "NotFound";
            let right = |success: bool, text: &str| {
                if gone { !success && text.contains("NotFound") } else { success && text.contains(says) }
            };
            shell.until(&block.place, &line, right).await;
        }
    }
}

/// The chart's ServiceAccount, and nothing else, is what Leasehold runs as.
fn leasehold(cluster: &Cluster) -> Leasehold {
    let token = cluster.kubectl(&["create", "token", "leasehold", "--namespace=leasehold-system", "--duration=2h"]);
    let kubeconfig = kubeconfig_with_token(cluster, token.trim());
    let launch =
        Leasehold::on(cluster).args(&["run", "--listen", "127.0.0.1:0", "--crd-soak=1s"]).kubeconfig(&kubeconfig);
    launch.pod("leasehold-system", "leasehold-documented").start()
}

async fn installed(shell: &Shell<'_>, cluster: &Cluster) -> Leasehold {
    let values = &section("docs/install.md", "What tenants' operators may do", "yaml")[0];
    shell.write("values.yaml", &values.text);
    let kinds = section("docs/install.md", "The kinds, then the operator", "sh");
    // The first block installs, the second looks at who leads.
    follow(shell, &kinds[..1]).await;
    follow(shell, &section("docs/install.md", "What tenants' operators may do", "sh")).await;
    let leasehold = leasehold(cluster);
    follow(shell, &kinds[1..]).await;
    let holder = "kubectl get lease -n leasehold-system leasehold.leasehold.dev";
    shell.until("the Lease", holder, |success, text| success && text.contains("leasehold-documented_")).await;
    leasehold
}

/// As the demo leaves it: eleven tenants at 2.0.0.
async fn as_after_the_demo(shell: &Shell<'_>) {
    let apply = "kubectl apply -f examples/memcached/policy.yaml -f examples/memcached/release-1.1.0.yaml \
                 -f examples/memcached/release-2.0.0.yaml -f examples/memcached/release-2.2.0.yaml";
    let tenants = "sed -E 's/version: [0-9.]+/version: 2.0.0/' examples/memcached/tenants.yaml | kubectl apply -f -";
    // The demo's definition was the one of 1.1.0 before anybody asked for 2.0.0: so there is a change of it on record.
    let made = "kubectl wait --for=condition=Established crd/memcacheds.cache.example.com --timeout=60s";
    for line in [apply, made, tenants, "kubectl wait --for=condition=Ready tenants --all --timeout=100s"] {
        shell.until("the demo", line, |success, _| success).await;
    }
    shell.until("the demo", "kubectl delete tenant acme --ignore-not-found", |success, _| success).await;
}

async fn tutorial(shell: &Shell<'_>) {
    let follow = async |heading: &str| follow(shell, &section("docs/tutorial.md", heading, "sh")).await;
    for heading in ["A tenant", "Drift", "An upgrade", "Waves"] {
        follow(heading).await;
    }
    shell.until("docs/tutorial.md", "kubectl get rollouts", |_, text| text.contains("Superseded")).await;
    follow("Steering").await;
    follow("The end").await;
}

/// The words in capitals stand for names.
fn named(line: &str, rollout: &str) -> String {
    let name = |word| match word {
        "NAMESPACE" => "tenant-globex",
        "TENANT" => "globex",
        "NAME" => rollout,
        word => word,
    };
    line.split(' ').map(name).collect::<Vec<_>>().join(" ")
}

/// A Rollout in whose plan that tenant is.
async fn rollout_of(shell: &Shell<'_>, tenant: &str) -> String {
    let (_, text) = shell.run("kubectl get rollouts -o json").await;
    let all: Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
    let planned = |wave: &Value| wave["members"].as_array().is_some_and(|members| members.iter().any(|m| m == tenant));
    let has = |rollout: &&Value| rollout["spec"]["waves"].as_array().is_some_and(|waves| waves.iter().any(planned));
    let found = all["items"].as_array().and_then(|items| items.iter().find(has));
    found.and_then(|rollout| rollout["metadata"]["name"].as_str()).expect("a Rollout of globex").to_owned()
}

/// The lines that somebody may need at three in the morning.
async fn for_show(shell: &Shell<'_>) {
    let rollout = rollout_of(shell, "globex").await;
    let mut count = 0;
    for path in ["docs/troubleshooting.md", "docs/install.md", "docs/cli.md", "docs/crds.md"] {
        for block in crate::blocks::all("sh").iter().filter(|block| block.place.starts_with(path)) {
            for (line, _) in lines(block) {
                if !skipped(&line) && (line.starts_with("kubectl") || line.starts_with("leasehold")) {
                    let (success, text) = shell.run(&named(&line, &rollout)).await;
                    assert!(success, "{}: {line}\n{text}", block.place);
                    count += 1;
                }
            }
        }
    }
    assert!(count >= 30, "only {count} lines were found");
}

/// Why not: the hollow node has no logs; what goes on for ever; what needs a program that may not be here; a rollout that has no
/// gate, and a brake that nobody has pulled. The suite `words` says these.
fn skipped(line: &str) -> bool {
    let words = ["rollout approve", "rollout reject", "leasehold go", "--timeout"];
    line.contains(" logs ")
        || line.contains("--watch")
        || (line.contains("jq ") && !has("jq"))
        || words.iter().any(|word| line.contains(word))
}

fn has(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).exists())
}

fn files_for_render(shell: &Shell<'_>, cluster: &Cluster) {
    let example =
        |name: &str| std::fs::read_to_string(format!("{}/examples/memcached/{name}", env!("CARGO_MANIFEST_DIR")));
    let (tenant, release) = (example("tenant.yaml").unwrap(), example("release-2.0.0.yaml").unwrap());
    let fleet = cluster.kubectl(&["get", "fleetpolicy", "default", "-o", "yaml"]);
    for (name, text) in [
        ("tenant.yaml", &tenant),
        ("tenants/one.yaml", &tenant),
        ("release.yaml", &release),
        ("releases/one.yaml", &release),
        ("fleetpolicy.yaml", &fleet),
        ("story.yaml", &crate::blocks::section("docs/cli.md", "simulate", "yaml")[0].text),
    ] {
        shell.write(name, text);
    }
    let next = release.replace("1.0.0", "2.0.0");
    let parsed: Value = serde_saphyr::from_str(&release).expect("an OperatorRelease");
    let definition = parsed["spec"]["crds"][0]["inline"].to_string();
    let role = serde_json::json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "rules": parsed["spec"]["rules"]});
    for (name, text) in [
        ("old/crds/memcacheds.yaml", &definition),
        ("config/crd/bases/memcacheds.yaml", &definition),
        ("old.yaml", &definition),
        ("new.yaml", &definition),
        ("config/rbac/role.yaml", &role.to_string()),
        ("release-1.1.0.yaml", &release),
        ("release-2.0.0.yaml", &next),
    ] {
        shell.write(name, text);
    }
}

async fn uninstalled(shell: &Shell<'_>, cluster: &Cluster, leasehold: Leasehold) {
    let blocks = section("docs/install.md", "Uninstalling, in the right order", "sh");
    follow(shell, &blocks[..1]).await;
    leasehold.stop();
    assert!(leasehold.wait(PATIENCE).await.success(), "{}", leasehold.log());
    follow(shell, &blocks[1..]).await;
    let left = cluster.kubectl(&["get", "crd,clusterrole,validatingadmissionpolicy,flowschema", "-o", "json"]);
    let left: Value = serde_json::from_str(&left).unwrap();
    let names = left["items"].as_array().unwrap().iter().filter_map(|item| item["metadata"]["name"].as_str());
    let ours: Vec<&str> = names.filter(|name| name.contains("leasehold")).collect();
    assert_eq!(ours, [] as [&str; 0], "left behind");
}

#[tokio::test]
async fn the_documentation_holds_line_by_line() {
    let cluster = Cluster::start(Node::Hollow).await;
    let shell = Shell::new(&cluster);
    let leasehold = installed(&shell, &cluster).await;
    as_after_the_demo(&shell).await;
    tutorial(&shell).await;
    files_for_render(&shell, &cluster);
    // For the lines that clear a hold.
    let hold = r#"{"spec":{"holds":[{"name":"audit","reason":"until the auditors are gone"}]}}"#;
    cluster.kubectl(&["patch", "tenant", "globex", "--type=merge", "-p", hold]);
    let shell = shell.for_show();
    for_show(&shell).await;
    uninstalled(&shell.for_real(), &cluster, leasehold).await;
    let account = "system:serviceaccount:leasehold-system:leasehold";
    let denied = cluster.requests(|request| request.user == account && request.code == 403);
    assert_eq!(denied.len(), 0, "{denied:?}");
}
