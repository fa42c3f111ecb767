//! In: which kind of node the cluster is to have. Out: a running cluster: clients, its kubeconfig, its directory of logs.
//! Never: on a fixed port or path, or alive after this test binary.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Once};
use std::time::Duration;

use k8s_openapi::api::core::v1::Node as KubeNode;
use kube::api::ListParams;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Api, Client, Config};
use rustix::process::Signal;
use tokio::sync::OnceCell;

use super::guardian::Guardian;
use super::process::{Process, hollow_binary};
use super::watch_until;

/// Images whose name contains one of these never work on the hollow node: not pulled, crashing, running but not ready.
pub const FAIL_IMAGE: &str = "unpullable";
pub const CRASH_IMAGE: &str = "crashing";
pub const NEVER_READY_IMAGE: &str = "neverready";

/// The harness's own client in the audit log.
pub const USER_AGENT: &str = "leasehold-tests";

/// The control plane takes 2 to 3 s; a machine busy with a build takes longer.
const START: Duration = Duration::from_mins(2);

/// What runs the pods.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Node {
    /// Nothing: pods stay Pending.
    None,
    /// The hollow node: pods become Ready and hold Leases, nothing runs in them.
    Hollow,
    /// A kubelet with real containers; the hollow node where those cannot run (not root, not Linux, no containerd).
    Containers,
}

/// A cluster. Dropped last by the test that started it alone, or with the test binary when shared.
pub struct Cluster {
    running: Arc<Running>,
}

/// The fields end in this order: processes before their guardian, which removes the directory.
struct Running {
    node: Node,
    hollow: Option<Process>,
    program: Option<Process>,
    config: Config,
    kubeconfig: PathBuf,
    dir: PathBuf,
    guardian: Arc<Guardian>,
}

impl Cluster {
    /// A cluster of the caller's own, ended on drop. Takes about 3 s and 800 MB: prefer [`Cluster::shared`], unless the
    /// test breaks the cluster itself.
    ///
    /// With `LEASEHOLD_E2E_KUBECONFIG` it is that cluster instead, as it is; for [`Node::Hollow`] the hollow node joins
    /// it only if it has no node at all.
    pub async fn start(node: Node) -> Self {
        Self { running: Arc::new(Running::start(possible(node)).await) }
    }

    /// The cluster that all tests of this binary share: keep to names of your own. It ends with the test binary.
    pub async fn shared(node: Node) -> Self {
        static NONE: OnceCell<Arc<Running>> = OnceCell::const_new();
        static HOLLOW: OnceCell<Arc<Running>> = OnceCell::const_new();
        static CONTAINERS: OnceCell<Arc<Running>> = OnceCell::const_new();
        let node = possible(node);
        let cell = match node {
            Node::None => &NONE,
            Node::Hollow => &HOLLOW,
            Node::Containers => &CONTAINERS,
        };
        let running = cell.get_or_init(async || Arc::new(Running::start(node).await)).await;
        Self { running: Arc::clone(running) }
    }

    /// What it got, which may be less than was asked for.
    pub fn node(&self) -> Node {
        self.running.node
    }

    /// Whether local programs can run as real pods: not hollow, and not a cluster that was brought along.
    pub fn runs_local_programs(&self) -> bool {
        self.node() == Node::Containers && self.running.program.is_some()
    }

    /// A client of the cluster's admin, of the runtime this is called in; it repeats nothing by itself.
    pub fn client(&self) -> Client {
        Client::try_from(self.config()).expect("the kubeconfig was read before")
    }

    pub fn config(&self) -> Config {
        self.running.config.clone()
    }

    pub fn kubeconfig(&self) -> &Path {
        &self.running.kubeconfig
    }

    /// Where logs and anything else of this run may be put. Names that end in `.log` are kept when a test fails.
    pub fn dir(&self) -> &Path {
        &self.running.dir
    }

    pub(super) fn audit_log(&self) -> Option<PathBuf> {
        self.running.program.as_ref().map(|_| self.dir().join("audit.log"))
    }

    /// Starts `command`; its output goes to a log of that name. Ended on drop of the handle.
    pub fn spawn(&self, name: &str, command: Command) -> Process {
        self.running.spawn(name, command)
    }

    /// The cluster program with a first argument: `kubectl`, `elect` (a client-go elector), `image`, …
    pub fn program(&self, verb: &str) -> Command {
        let mut command = Command::new(cluster_program());
        command.arg(verb).env("KUBECONFIG", self.kubeconfig());
        command
    }

    /// `stop` (SIGSTOP), `cont`, `kill` (stays down) or `restart` (returns when it is ready again) of one component:
    /// etcd, apiserver, controllers, scheduler, containerd, kubelet. Only on a cluster of the test's own.
    ///
    /// # Panics
    /// When the cluster program refuses, with its words.
    pub fn component(&self, verb: &str, component: &str) {
        run(self.program(verb).arg("-dir").arg(self.dir()).arg(component));
    }

    /// What `kubectl` prints. With the admin's rights.
    ///
    /// # Panics
    /// When it fails, with what it says.
    pub fn kubectl(&self, args: &[&str]) -> String {
        run(self.program("kubectl").args(args))
    }

    /// Makes the local `program` (with the libraries it needs) into the image `name` and loads it into the node.
    ///
    /// # Panics
    /// When the cluster program refuses, with its words.
    pub fn load_image(&self, name: &str, program: &Path) {
        let tar = self.running.unique("image", "tar");
        run(self.program("image").args(["-name", name, "-o"]).arg(&tar).arg(program));
        run(self.program("load").arg("-dir").arg(self.dir()).arg(&tar));
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let _ = std::fs::write(self.dir().join("keep"), "");
            eprintln!("logs of the failed test are kept: {}", self.dir().display());
        }
    }
}

impl Running {
    async fn start(node: Node) -> Self {
        let dir = directory();
        let guardian = Arc::new(Guardian::over(&dir));
        let given = std::env::var_os("LEASEHOLD_E2E_KUBECONFIG").map(PathBuf::from);
        let kubeconfig = given.clone().unwrap_or_else(|| dir.join("kubeconfig"));
        let program = if given.is_none() { Some(up(&dir, node, &guardian).await) } else { None };
        let config = config(&kubeconfig).await;
        let mut running = Self { node, hollow: None, program, config, kubeconfig, dir, guardian };
        if node == Node::Hollow && (given.is_none() || running.has_no_node().await) {
            running.hollow = Some(running.hollow_node().await);
        }
        running
    }

    async fn has_no_node(&self) -> bool {
        let client = Client::try_from(self.config.clone()).expect("a client");
        let nodes: Api<KubeNode> = Api::all(client);
        nodes.list(&ListParams::default()).await.expect("list nodes").items.is_empty()
    }

    async fn hollow_node(&self) -> Process {
        let mut command = Command::new(hollow_binary());
        command.arg("--kubeconfig").arg(&self.kubeconfig).args(["--node", "hollow"]);
        command.args(["--fail-image", FAIL_IMAGE, "--crash-image", CRASH_IMAGE]);
        command.args(["--never-ready-image", NEVER_READY_IMAGE, "--never-ready-arg", "=never-ready"]);
        let hollow = self.spawn("hollow", command);
        let nodes: Api<KubeNode> = Api::all(Client::try_from(self.config.clone()).expect("a client"));
        watch_until(&nodes, "hollow", "the hollow node can take pods", START, |node| node.is_some_and(takes_pods))
            .await;
        hollow
    }

    fn spawn(&self, name: &str, command: Command) -> Process {
        Process::spawn(name, command, self.unique(name, "log"), &self.guardian)
    }

    fn unique(&self, name: &str, extension: &str) -> PathBuf {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let first = self.dir.join(format!("{name}.{extension}"));
        if !first.exists() {
            return first;
        }
        self.dir.join(format!("{name}.{}.{extension}", COUNT.fetch_add(1, Ordering::Relaxed)))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(program) = &self.program {
            program.end(Signal::TERM, Duration::from_secs(10));
        }
    }
}

/// Ready, and without the taint that the control plane puts on a node that was not.
fn takes_pods(node: &KubeNode) -> bool {
    let ready = node.status.iter().flat_map(|status| status.conditions.iter().flatten());
    let untainted = node.spec.as_ref().is_none_or(|spec| spec.taints.as_ref().is_none_or(Vec::is_empty));
    untainted && ready.into_iter().any(|condition| condition.type_ == "Ready" && condition.status == "True")
}

/// A new directory with a short path: the sockets in it may have at most 107 bytes.
fn directory() -> PathBuf {
    let place = std::env::temp_dir();
    let place = if place.as_os_str().len() > 40 { PathBuf::from("/tmp") } else { place };
    let dir = tempfile::Builder::new().prefix("lh-").tempdir_in(place).expect("a temporary directory");
    dir.keep()
}

/// Starts the cluster program and waits for the line in which it says that it is ready.
async fn up(dir: &Path, node: Node, guardian: &Arc<Guardian>) -> Process {
    let mut command = Command::new(cluster_program());
    command.args(["up", "-dir"]).arg(dir);
    if node == Node::Containers {
        command.arg("-containers");
    }
    let program = Process::spawn("cluster", command, dir.join("cluster.log"), guardian);
    let ready = program.log_line("`ready`", START, |line| line.starts_with("ready "));
    tokio::select! {
        _ = ready => program,
        status = program.wait(START) => panic!("the cluster ended ({status}):\n{}", program.log()),
    }
}

async fn config(kubeconfig: &Path) -> Config {
    let parsed = Kubeconfig::read_from(kubeconfig).unwrap_or_else(|error| panic!("{}: {error}", kubeconfig.display()));
    let config = Config::from_custom_kubeconfig(parsed, &KubeConfigOptions::default()).await;
    let mut config = config.unwrap_or_else(|error| panic!("{}: {error}", kubeconfig.display()));
    config.default_retry = false;
    let agent = ("user-agent".parse().expect("a header"), USER_AGENT.parse().expect("a value"));
    config.headers.push(agent);
    config
}

/// `LEASEHOLD_CLUSTER`, or where `make` builds it.
fn cluster_program() -> PathBuf {
    let given = std::env::var_os("LEASEHOLD_CLUSTER").map(PathBuf::from);
    let path = given.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join(".build/bin/cluster"));
    assert!(path.exists(), "no {}: `make` builds the cluster program, or set LEASEHOLD_CLUSTER", path.display());
    path
}

/// What `make` builds beside the cluster program: `clientgo`, for instance.
///
/// # Panics
/// When it is not there.
pub fn beside_cluster_program(name: &str) -> PathBuf {
    let path = cluster_program().with_file_name(name);
    assert!(path.exists(), "no {}: `make` builds it", path.display());
    path
}

fn possible(node: Node) -> Node {
    static TOLD: Once = Once::new();
    if node != Node::Containers || std::env::var_os("LEASEHOLD_E2E_KUBECONFIG").is_some() {
        return node;
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let installed = |program: &str| std::env::split_paths(&path).any(|dir| dir.join(program).exists());
    let root = rustix::process::geteuid().is_root();
    if cfg!(target_os = "linux") && root && installed("containerd") && installed("runc") {
        return Node::Containers;
    }
    TOLD.call_once(|| {
        eprintln!("no real containers here (they need Linux, root, containerd, runc): hollow node instead");
    });
    Node::Hollow
}

fn run(command: &mut Command) -> String {
    let output = command.stdin(Stdio::null()).output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let words = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {}\n{words}", output.status);
    String::from_utf8_lossy(&output.stdout).into_owned()
}
