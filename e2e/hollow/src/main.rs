//! A hollow node. In: the pods bound to its Node. Out: their status as a kubelet would report it, their removal when
//! they are deleted, and the operators' Leases held by their Ready pods. Never: runs anything, or touches a pod that is
//! not bound to it.
//!
//! Scheduler, Deployment, `ReplicaSet`, quota, garbage collection and namespace deletion stay those of the cluster. One
//! watch brings all pods; each pod has a small task of its own; requests wait for one of a fixed number of permits.

mod cli;
mod election;
mod fate;
mod lease;
mod node;
mod pod;
mod pods;
mod status;

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicU32;

use clap::Parser;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{Semaphore, SemaphorePermit};
use tracing_subscriber::EnvFilter;

use cli::Args;
use election::Elections;

/// What all parts of the node share.
struct Hollow {
    args: Args,
    client: Client,
    elections: Elections,
    /// Offset of the next pod's address in 10.128.0.0/9.
    next_address: AtomicU32,
    permits: Semaphore,
}

impl Hollow {
    /// To be held during each request.
    async fn permit(&self) -> SemaphorePermit<'_> {
        self.permits.acquire().await.expect("the semaphore is never closed")
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let args = Args::parse();
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt().with_env_filter(filter).with_ansi(false).init();
    match run(args).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("hollow: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(args: Args) -> Result<(), Box<dyn std::error::Error>> {
    let client = Client::try_from(config(&args).await?)?;
    let permits = Semaphore::new(args.concurrency.get().into());
    let (elections, next_address) = (Elections::default(), AtomicU32::new(1));
    let hollow = Arc::new(Hollow { args, client, elections, next_address, permits });
    node::register(&hollow).await?;
    let mut terminated = signal(SignalKind::terminate())?;
    tokio::select! {
        () = node::heartbeat(&hollow) => {}
        () = pods::follow(&hollow) => {}
        _ = terminated.recv() => {}
        _ = tokio::signal::ctrl_c() => {}
    }
    Ok(())
}

async fn config(args: &Args) -> Result<Config, Box<dyn std::error::Error>> {
    let mut config = match &args.kubeconfig {
        Some(path) => {
            Config::from_custom_kubeconfig(Kubeconfig::read_from(path)?, &KubeConfigOptions::default()).await?
        }
        None => Config::infer().await?,
    };
    // Tells its requests apart in the audit log.
    config.headers.push(("user-agent".parse()?, "hollow".parse()?));
    Ok(config)
}
