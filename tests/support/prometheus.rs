//! In: what a target shows. Out: a real Prometheus on loopback that scrapes it every second. Never: on a fixed port, with
//! data outside of the cluster's directory, or alive after this test binary.

use std::path::PathBuf;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::cluster::beside_cluster_program;
use super::{Cluster, Process};

/// It starts within a second; a machine busy with a build takes longer.
const START: Duration = Duration::from_mins(1);

/// A Prometheus and its one target.
pub struct Prometheus {
    pub address: String,
    pub process: Process,
    shown: Arc<Mutex<String>>,
}

impl Prometheus {
    /// Starts one. `None`, after saying so, where there is none to be had: no apt-get, so not Debian.
    pub async fn start(cluster: &Cluster) -> Option<Self> {
        let Some(program) = program() else {
            eprintln!("left out: there is no Prometheus here; `make tools` says how to get one");
            return None;
        };
        let shown = Arc::new(Mutex::new(String::new()));
        let target = target(Arc::clone(&shown)).await;
        let dir = cluster.dir().join(format!("prometheus-{}", target.rsplit(':').next().unwrap_or_default()));
        std::fs::create_dir_all(&dir).expect("a directory in that of the cluster");
        let config = format!(
            "{{global: {{scrape_interval: 1s, scrape_timeout: 1s}}, scrape_configs: [{{job_name: target, static_configs: [{{targets: [\"{target}\"]}}]}}]}}"
        );
        std::fs::write(dir.join("prometheus.yml"), config).expect("its configuration");
        let mut command = Command::new(program);
        command.arg(format!("--config.file={}", dir.join("prometheus.yml").display()));
        command.arg(format!("--storage.tsdb.path={}", dir.join("data").display()));
        command.arg("--web.listen-address=127.0.0.1:0");
        let process = cluster.spawn("prometheus", command);
        let line = process.log_line("its address", START, |line| line.contains("Listening on")).await;
        let address = line.split("address=").nth(1).and_then(|rest| rest.split_whitespace().next());
        let address = format!("http://{}", address.expect("an address in the line that names it"));
        process.log_line("it is ready", START, |line| line.contains("ready to receive")).await;
        Some(Self { address, process, shown })
    }

    /// What the target shows from now on, in the text format.
    pub fn show(&self, metrics: &str) {
        metrics.clone_into(&mut self.shown.lock().unwrap());
    }
}

fn program() -> Option<PathBuf> {
    if let Some(path) = std::env::var_os("LEASEHOLD_PROMETHEUS") {
        return Some(path.into());
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let debian = std::env::split_paths(&path).any(|dir| dir.join("apt-get").exists());
    debian.then(|| beside_cluster_program("prometheus"))
}

/// Serves what is shown until the runtime of the test ends; its address.
async fn target(shown: Arc<Mutex<String>>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port on loopback");
    let address = listener.local_addr().expect("it is bound").to_string();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let body = shown.lock().unwrap().clone();
            let mut request = [0; 4096];
            let _ = stream.read(&mut request).await;
            let head = format!(
                "HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
                body.len()
            );
            let _ = stream.write_all((head + &body).as_bytes()).await;
        }
    });
    address
}
