//! Leasehold's own leader, told to stop or killed, with a warm standby beside it. Measured from outside: from the signal to
//! the successor's record on a watch of the Lease.
use std::time::{Duration, Instant};

use k8s_openapi::api::coordination::v1::Lease;
use kube::Api;

use crate::{
    LONG, row,
    support::{Cluster, Leasehold, Node, eventually, watch_until},
};

const LEASE: &str = "leasehold.leasehold.dev";

pub async fn measure(graceful: usize, crashes: usize) {
    if graceful + crashes == 0 {
        return;
    }
    let cluster = Cluster::start(Node::None).await;
    for crd in leasehold::api::crds() {
        cluster.apply_yaml(&serde_json::to_string(&crd).expect("a CRD")).await;
    }
    cluster.apply_yaml("{apiVersion: v1, kind: Namespace, metadata: {name: leasehold-system}}").await;
    let mut replicas = Replicas::start(&cluster).await;
    if graceful > 0 {
        row("Leasehold's leader is told to stop", replicas.change(graceful, |leader| leader.stop()).await, "");
    }
    if crashes > 0 {
        row("Leasehold's leader is killed, at 15/10/2", replicas.change(crashes, |leader| leader.kill()).await, "");
    }
}

struct Replicas<'a> {
    cluster: &'a Cluster,
    leases: Api<Lease>,
    leader: Leasehold,
    standby: Leasehold,
}

impl<'a> Replicas<'a> {
    async fn start(cluster: &'a Cluster) -> Self {
        let leases = Api::namespaced(cluster.client(), "leasehold-system");
        let start = || Leasehold::start(cluster, &["run", "--listen", "127.0.0.1:0"]);
        let leader = start();
        led_by(&leases, &leader).await;
        let standby = start();
        warm(&standby).await;
        Self { cluster, leases, leader, standby }
    }

    /// Ends the leader so many times, at any moment between two renewals. Milliseconds until the standby leads.
    async fn change(&mut self, times: usize, end: impl Fn(&Leasehold)) -> Vec<i64> {
        let mut took = Vec::new();
        for _ in 0..times {
            tokio::time::sleep(Duration::from_secs_f64(2.0 * rand::random::<f64>())).await;
            let began = Instant::now();
            end(&self.leader);
            led_by(&self.leases, &self.standby).await;
            took.push(i64::try_from(began.elapsed().as_millis()).expect("a few seconds"));
            let next = Leasehold::start(self.cluster, &["run", "--listen", "127.0.0.1:0"]);
            let ended = std::mem::replace(&mut self.leader, std::mem::replace(&mut self.standby, next));
            ended.wait(LONG).await;
            warm(&self.standby).await;
        }
        took
    }
}

async fn led_by(leases: &Api<Lease>, leasehold: &Leasehold) {
    let prefix = format!("{}_", leasehold.pod);
    let leads = |lease: Option<&Lease>| {
        let holder = lease.and_then(|lease| lease.spec.as_ref()?.holder_identity.as_deref());
        holder.is_some_and(|holder| holder.starts_with(&prefix))
    };
    watch_until(leases, LEASE, "it leads", LONG, leads).await;
}

/// Its caches are filled: it says that it is ready.
async fn warm(standby: &Leasehold) {
    let line = standby.log_line("its address", LONG, |line| line.contains("serving /healthz")).await;
    let line: serde_json::Value = serde_json::from_str(&line).expect("logs are JSON");
    let url = format!("http://{}/readyz", line["address"].as_str().expect("an address"));
    let client = hyper_util::client::legacy::Client::builder(hyper_util::rt::TokioExecutor::new())
        .build_http::<http_body_util::Empty<hyper::body::Bytes>>();
    eventually("the standby is ready", LONG, async || {
        client.get(url.parse().expect("a URL")).await.is_ok_and(|answer| answer.status().is_success())
    })
    .await;
}
