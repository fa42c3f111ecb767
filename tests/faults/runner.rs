//! In: a scene, arguments of `leasehold run`. Out: one process behind a fault proxy of its own, and whether it is at rest.
//! Never: decides what is right; that is the log's.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use leasehold::observe::Source;
use tokio::time::Instant;

use crate::scene::{SOON, Scene};
use crate::support::proxy::{Fault, Match, Proxy, Request, RuleId};
use crate::support::{Leasehold, eventually};

/// Without any work write for this long a process that leads alone is at rest. Its own pauses while something is left to
/// do are shorter: 200 ms after a first failure.
const REST: Duration = Duration::from_millis(600);

/// The only process: no election, so that a restart goes on at once.
pub const ALONE: &[&str] =
    &["--leader-elect=false", "--lease-duration=3s", "--renew-deadline=2s", "--retry-period=500ms"];
/// One of several: the shortest Lease that leaves two renewals of room.
pub const ELECTED: &[&str] = &["--lease-duration=3s", "--renew-deadline=2s", "--retry-period=500ms"];

pub struct Runner<'a> {
    scene: &'a Scene,
    args: &'static [&'static str],
    namespace: String,
    kubeconfig: PathBuf,
    pub proxy: Arc<Proxy>,
    pub process: Leasehold,
    /// Requests of the processes before this one.
    began: usize,
}

impl<'a> Runner<'a> {
    pub fn start(scene: &'a Scene, name: &str, args: &'static [&'static str]) -> Self {
        let proxy = Arc::new(scene.cluster.proxy(name));
        let kubeconfig = proxy.kubeconfig().to_owned();
        Self::behind(scene, proxy, "leasehold-system", kubeconfig, args)
    }

    /// With a proxy that has its rules already, and an identity of its own.
    pub fn behind(
        scene: &'a Scene,
        proxy: Arc<Proxy>,
        namespace: &str,
        kubeconfig: PathBuf,
        args: &'static [&'static str],
    ) -> Self {
        let launch = Leasehold::on(&scene.cluster).kubeconfig(&kubeconfig).args(&["run", "--listen=127.0.0.1:0"]);
        let began = proxy.requests();
        let process = launch.args(args).pod(namespace, &format!("leasehold-{}", proxy.address().port())).start();
        proxy.attach(&process);
        Self { scene, args, namespace: namespace.to_owned(), kubeconfig, proxy, process, began }
    }

    /// Another process in the place of one that ended.
    pub fn restart(&mut self) {
        let proxy = Arc::clone(&self.proxy);
        *self = Self::behind(self.scene, proxy, &self.namespace, self.kubeconfig.clone(), self.args);
    }

    /// Another process in the place of one that was killed; whether it was.
    pub fn restart_if_dead(&mut self) -> bool {
        let dead = self.process.status().is_some();
        if dead {
            self.restart();
        }
        dead
    }

    /// Has the process killed at one of its writes: which, and whether right after it or right before.
    pub fn kill_at(&self, kill: Option<(usize, bool)>) -> Option<RuleId> {
        let (nth, after) = kill?;
        let matching = Match::work().nth(nth);
        Some(self.proxy.add(if after { matching.after(Fault::Kill) } else { matching.before(Fault::Kill) }))
    }

    /// Waits until nothing was written for a while, and no less than `sure`. Whether the process was killed meanwhile.
    pub async fn until_over(&mut self, sure: Duration) -> bool {
        tokio::select! {
            () = self.until_silent(sure.max(REST)) => {}
            _ = self.process.wait(SOON) => {}
        }
        let killed = self.restart_if_dead();
        if killed {
            self.until_silent(sure.max(REST)).await;
        }
        killed
    }

    /// Waits until every watch is open.
    pub async fn until_warm(&self) {
        let watches = |log: &[Request]| -> BTreeSet<String> {
            let open = log.iter().filter(|request| request.verb == "watch" && request.succeeded());
            open.map(|request| request.resource.clone()).collect()
        };
        let all = Source::all(|_| false);
        let warm = async || {
            let open = watches(&self.proxy.log_from(self.began));
            all.iter().all(|source| open.contains(source.name()))
        };
        eventually("every watch is open", SOON, warm).await;
    }

    /// Waits until every watch is open and nothing was written for a while.
    pub async fn until_at_rest(&self) {
        self.until_silent(REST).await;
    }

    async fn until_silent(&self, long: Duration) {
        self.until_warm().await;
        let mut last = (0, Instant::now());
        let rests = async || {
            let written = self.proxy.log_from(self.began).iter().filter(|request| request.is_work()).count();
            if written != last.0 {
                last = (written, Instant::now());
            }
            last.1.elapsed() >= long
        };
        eventually("nothing is written any more", SOON, rests).await;
    }
}
