//! The fault proxy: between one process and the API server, one listener for each process.
//!
//! In: plain HTTP on a loopback port, and rules. Out: the same requests to the kubeconfig's server with its TLS and
//! identity, disturbed as the rules say, and a log of each of them: the log is the oracle of the tests.
//! Never: changes an object on its way; serves upgraded connections (exec, port-forward: they get a 501).
//!
//! It runs on a thread and a runtime of its own, so that a test's paused clock or busy runtime does not disturb it.

mod answer;
mod forward;
mod request;
mod rule;
mod socket;
mod target;
mod watch;

use std::io::Write;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;

use kube::{Client, Config};
use tokio::sync::oneshot;

use super::Cluster;
use super::process::Process;
use forward::Shared;

pub use request::Request;
pub use rule::{Fault, Match, Rule, RuleId};

/// The state of the way between the process and the API server. What is held back goes on when it opens again, as
/// TCP does after a short partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Link {
    Open,
    /// Requests do not arrive. Watches are silent.
    RequestsHeld,
    /// Requests arrive and take effect; answers and watch events do not come back.
    AnswersHeld,
}

/// A running proxy, for one process.
pub struct Proxy {
    address: SocketAddr,
    kubeconfig: PathBuf,
    log: PathBuf,
    shared: Arc<Shared>,
    server: Option<(oneshot::Sender<()>, JoinHandle<()>)>,
}

impl Cluster {
    /// A proxy in front of this cluster for the process `name`. Start the process with [`Proxy::kubeconfig`].
    pub fn proxy(&self, name: &str) -> Proxy {
        Proxy::start(name, self.config(), self.dir())
    }
}

impl Proxy {
    /// A proxy in front of any API server. Its kubeconfig and its log (`proxy-<name>.log`) go to `dir`.
    ///
    /// # Panics
    /// When no loopback port can be had.
    pub fn start(name: &str, upstream: Config, dir: &Path) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a loopback port");
        listener.set_nonblocking(true).expect("a listener can be non-blocking");
        let address = listener.local_addr().expect("it is bound");
        let kubeconfig = dir.join(format!("proxy-{name}-{}.kubeconfig", address.port()));
        write_kubeconfig(&kubeconfig, address, None);
        let shared = Arc::new(Shared::new(name));
        let (stop, stopped) = oneshot::channel();
        let held = Arc::clone(&shared);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let thread = std::thread::spawn(move || {
            runtime.block_on(async {
                tokio::select! {
                    () = forward::serve(listener, upstream, held) => {}
                    _ = stopped => {}
                }
            });
        });
        let log = dir.join(format!("proxy-{name}-{}.log", address.port()));
        Self { address, kubeconfig, log, shared, server: Some((stop, thread)) }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Points at the proxy, without credentials: the proxy adds those of the cluster's kubeconfig.
    pub fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }

    /// The same with a bearer token, that of a `ServiceAccount` for instance, which the proxy then passes on instead.
    pub fn kubeconfig_with_token(&self, token: &str) -> PathBuf {
        let path = self.kubeconfig.with_extension("token.kubeconfig");
        write_kubeconfig(&path, self.address, Some(token));
        path
    }

    /// A client through the proxy; it repeats nothing by itself.
    pub fn client(&self) -> Client {
        let url = format!("http://{}", self.address).parse().expect("a URL");
        let mut config = Config::new(url);
        config.default_retry = false;
        Client::try_from(config).expect("a client")
    }

    /// From now on `rule` holds, after those added before it.
    pub fn add(&self, rule: Rule) -> RuleId {
        self.shared.rules.lock().unwrap().add(rule)
    }

    pub fn remove(&self, rule: RuleId) {
        self.shared.rules.lock().unwrap().remove(rule);
    }

    /// How many requests `rule` matched up to now, whether it acted on them or not.
    pub fn matched(&self, rule: RuleId) -> usize {
        self.shared.rules.lock().unwrap().matched(rule)
    }

    /// The process that [`Fault::Kill`] ends. Such a fault waits for it to be attached, so start first, then attach.
    pub fn attach(&self, process: &Process) {
        self.shared.process.send_replace(Some(process.killer()));
    }

    /// Partitions the process from the API server, or heals that.
    pub fn link(&self, link: Link) {
        self.shared.link.send_replace(link);
    }

    /// Every request so far, in order of arrival; `code` is `None` while there is no answer, or when there was none.
    pub fn log(&self) -> Vec<Request> {
        self.shared.log.lock().unwrap().clone()
    }

    /// The same without the first `n`.
    pub fn log_from(&self, n: usize) -> Vec<Request> {
        self.shared.log.lock().unwrap().get(n..).unwrap_or_default().to_vec()
    }

    /// How many requests there were so far.
    pub fn requests(&self) -> usize {
        self.shared.log.lock().unwrap().len()
    }

    /// The requests that change the cluster, whatever became of them; dry runs and access reviews do not.
    pub fn writes(&self) -> Vec<Request> {
        self.log().into_iter().filter(Request::is_write).collect()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        if let Some((stop, thread)) = self.server.take() {
            let _ = stop.send(());
            let _ = thread.join();
        }
        // For the reader of a failed test; removed with the directory otherwise.
        if let Ok(mut file) = std::fs::File::create(&self.log) {
            let _ = self.log().iter().try_for_each(|request| writeln!(file, "{request}"));
        }
    }
}

fn write_kubeconfig(path: &Path, address: SocketAddr, token: Option<&str>) {
    let user = token.map_or_else(|| serde_json::json!({}), |token| serde_json::json!({"token": token}));
    let kubeconfig = serde_json::json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "proxy",
        "clusters": [{"name": "proxy", "cluster": {"server": format!("http://{address}")}}],
        "users": [{"name": "proxy", "user": user}],
        "contexts": [{"name": "proxy", "context": {"cluster": "proxy", "user": "proxy"}}],
    });
    std::fs::write(path, kubeconfig.to_string()).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
}
