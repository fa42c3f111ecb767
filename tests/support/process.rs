//! In: a program, its arguments, the cluster (or fault proxy) that it is to talk to. Out: a handle to signal it, wait for
//! it and read its log. Never: leaves it running: it is killed on drop, and by the guardian when nothing is dropped.

use std::convert::Infallible;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, waitid};
use tokio::sync::watch;

use super::guardian::Guardian;
use super::{Cluster, eventually};

/// A running program. Its standard output and error go to one log file.
pub struct Process {
    name: String,
    pid: Pid,
    log: PathBuf,
    /// `None` once reaped. Signals are sent under this lock, so never to a stranger with the same id.
    child: Arc<Mutex<Option<Child>>>,
    ended: watch::Receiver<Option<ExitStatus>>,
    /// Closed when it has ended: for [`Process::end`], which cannot await.
    gone: Mutex<mpsc::Receiver<Infallible>>,
}

impl Process {
    /// Starts `command` with its output in `log`.
    pub(super) fn spawn(name: &str, mut command: Command, log: PathBuf, guardian: &Arc<Guardian>) -> Self {
        let out = File::create(&log).unwrap_or_else(|error| panic!("{}: {error}", log.display()));
        let err = out.try_clone().expect("a second handle of a file");
        command.stdin(Stdio::null()).stdout(out).stderr(err);
        let child =
            command.spawn().unwrap_or_else(|error| panic!("start {}: {error}", command.get_program().display()));
        guardian.watch(child.id());
        let pid = Pid::from_child(&child);
        let child = Arc::new(Mutex::new(Some(child)));
        let (report, ended) = watch::channel(None);
        let (here, gone) = mpsc::channel();
        let (held, guardian) = (Arc::clone(&child), Arc::clone(guardian));
        std::thread::spawn(move || {
            // Wait without reaping first: until it is reaped its id cannot pass to another process.
            let _ = waitid(WaitId::Pid(pid), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT);
            let mut held = held.lock().unwrap();
            guardian.forget(pid.as_raw_nonzero().get().unsigned_abs());
            let status = held.take().map(|mut child| child.wait().expect("a child can be waited for"));
            drop(guardian);
            report.send_replace(status);
            drop::<mpsc::Sender<Infallible>>(here);
        });
        Self { name: name.to_owned(), pid, log, child, ended, gone: Mutex::new(gone) }
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn pid(&self) -> u32 {
        self.pid.as_raw_nonzero().get().unsigned_abs()
    }

    pub fn log_path(&self) -> &Path {
        &self.log
    }

    /// All that it printed up to now.
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(&self.log).unwrap_or_default()).into_owned()
    }

    /// Waits for a line of the log that `wanted` accepts, and hands it back.
    ///
    /// # Panics
    /// After `deadline`, naming `what` and the log.
    pub async fn log_line(&self, what: &str, deadline: Duration, wanted: impl Fn(&str) -> bool) -> String {
        let what = format!("{what} in {}", self.log.display());
        eventually(&what, deadline, async || self.log().lines().find(|line| wanted(line)).map(str::to_owned)).await
    }

    /// SIGKILL: no clean-up, as in a crash.
    pub fn kill(&self) {
        self.signal(Signal::KILL);
    }

    /// SIGTERM: asks it to end, as a kubelet does. Await [`Process::wait`] for the end.
    pub fn stop(&self) {
        self.signal(Signal::TERM);
    }

    /// SIGSTOP: it does nothing until [`Process::cont`]; its connections stay open.
    pub fn pause(&self) {
        self.signal(Signal::STOP);
    }

    /// SIGCONT
    pub fn cont(&self) {
        self.signal(Signal::CONT);
    }

    /// Sends `signal`; nothing happens when the process has ended.
    pub fn signal(&self, signal: Signal) {
        self.killer().signal(signal);
    }

    /// `None` while it runs.
    pub fn status(&self) -> Option<ExitStatus> {
        *self.ended.borrow()
    }

    /// How it ended.
    ///
    /// # Panics
    /// When it still runs after `deadline`.
    pub async fn wait(&self, deadline: Duration) -> ExitStatus {
        let mut ended = self.ended.clone();
        let status = tokio::time::timeout(deadline, ended.wait_for(Option::is_some)).await;
        let status = status.unwrap_or_else(|_| panic!("{} still runs after {deadline:?}", self.name));
        status.expect("the waiting thread reports").expect("it is Some")
    }

    /// What a fault proxy needs to end it.
    pub(super) fn killer(&self) -> Killer {
        Killer { pid: self.pid, child: Arc::clone(&self.child), ended: self.ended.clone() }
    }

    /// Ends it and returns when it is gone; blocks for as long as the system takes for that.
    pub(super) fn end(&self, signal: Signal, patience: Duration) {
        self.signal(signal);
        let gone = self.gone.lock().unwrap();
        if gone.recv_timeout(patience) == Err(mpsc::RecvTimeoutError::Timeout) {
            self.kill();
            let _ = gone.recv();
        }
    }
}

/// A second hand on a process, which does not end it on drop.
#[derive(Clone)]
pub(super) struct Killer {
    pid: Pid,
    child: Arc<Mutex<Option<Child>>>,
    ended: watch::Receiver<Option<ExitStatus>>,
}

impl Killer {
    fn signal(&self, signal: Signal) {
        let child = self.child.lock().unwrap();
        if child.is_some() {
            kill_process(self.pid, signal).expect("our own child takes signals");
        }
    }

    /// SIGKILL, and waits until it is gone.
    pub(super) async fn kill(mut self) {
        self.signal(Signal::KILL);
        let _ = self.ended.wait_for(Option::is_some).await;
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.end(Signal::KILL, Duration::ZERO);
    }
}

/// The `leasehold` binary under test.
pub struct Leasehold {
    process: Process,
    /// `POD_NAME`: the first part of its identity in the Lease.
    pub pod: String,
}

impl Leasehold {
    /// Starts `leasehold <args>` on `cluster` with a pod name of its own. [`Leasehold::on`] sets more.
    pub fn start(cluster: &Cluster, args: &[&str]) -> Self {
        Self::on(cluster).args(args).start()
    }

    pub fn on(cluster: &Cluster) -> Launch<'_> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        Launch {
            cluster,
            kubeconfig: cluster.kubeconfig().to_owned(),
            pod: format!("leasehold-{}", COUNT.fetch_add(1, Ordering::Relaxed)),
            namespace: "leasehold-system".to_owned(),
            args: Vec::new(),
            env: Vec::new(),
        }
    }
}

impl std::ops::Deref for Leasehold {
    type Target = Process;
    fn deref(&self) -> &Process {
        &self.process
    }
}

/// What a `leasehold` process is started with.
pub struct Launch<'a> {
    cluster: &'a Cluster,
    kubeconfig: PathBuf,
    pod: String,
    namespace: String,
    args: Vec<String>,
    env: Vec<(String, String)>,
}

impl Launch<'_> {
    #[must_use]
    pub fn args(mut self, args: &[&str]) -> Self {
        self.args.extend(args.iter().map(|&arg| arg.to_owned()));
        self
    }

    /// KUBECONFIG; that of a fault proxy, for instance.
    #[must_use]
    pub fn kubeconfig(mut self, path: &Path) -> Self {
        path.clone_into(&mut self.kubeconfig);
        self
    }

    /// `POD_NAME` and `POD_NAMESPACE`
    #[must_use]
    pub fn pod(mut self, namespace: &str, name: &str) -> Self {
        namespace.clone_into(&mut self.namespace);
        name.clone_into(&mut self.pod);
        self
    }

    #[must_use]
    pub fn env(mut self, key: &str, value: &str) -> Self {
        self.env.push((key.to_owned(), value.to_owned()));
        self
    }

    pub fn start(self) -> Leasehold {
        let mut command = Command::new(leasehold_binary());
        command.args(&self.args).env("KUBECONFIG", &self.kubeconfig);
        command.env("POD_NAME", &self.pod).env("POD_NAMESPACE", &self.namespace).envs(self.env);
        // As outside of a pod, wherever the tests themselves run.
        command.env_remove("KUBERNETES_SERVICE_HOST").env_remove("KUBERNETES_SERVICE_PORT");
        let process = self.cluster.spawn(&self.pod, command);
        Leasehold { process, pod: self.pod }
    }
}

/// The binary that this very `cargo test` built.
pub fn leasehold_binary() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_leasehold"))
}

/// `LEASEHOLD_HOLLOW`, or `hollow` beside the binaries of this build. Cargo does not build it for the tests of another
/// package: `cargo build -p leasehold-e2e-hollow` does, and `make` runs that first.
///
/// # Panics
/// When there is none.
pub fn hollow_binary() -> PathBuf {
    if let Some(path) = std::env::var_os("LEASEHOLD_HOLLOW") {
        return path.into();
    }
    let path = leasehold_binary().with_file_name("hollow");
    assert!(path.exists(), "no {}: run `cargo build -p leasehold-e2e-hollow` first", path.display());
    path
}
