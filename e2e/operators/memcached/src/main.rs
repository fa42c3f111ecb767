//! A sample tenant operator, and the example for whoever writes one in Rust.
//!
//! Flows in: Memcached objects of one namespace. Flows out: a `ConfigMap` for each, written by the one replica that leads.
//! It must never write outside its tenant's namespace, nor without a term.
//!
//! The order of things is what matters here: fill the cache, then say ready and campaign, then write; on SIGTERM stop
//! writing, let what is under way finish, give the Lease back, and only then exit. Lost leadership ends the process.
mod args;
mod decide;
mod http;
mod kind;
mod metrics;
mod reconcile;
mod release;

use std::{convert::Infallible, io, process::ExitCode, sync::Arc, time::Duration};

use clap::Parser;
use futures::FutureExt;
use kube::{Client, Config};
use leasehold::election::{self, Elector, ElectorConfig, Outcome, Term};
use prometheus_client::registry::Registry;
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::watch,
    task::JoinSet,
};

use args::{Args, Behaviour};
use metrics::Metrics;
use reconcile::Reconciler;

type Error = Box<dyn std::error::Error + Send + Sync>;

/// Long enough to be taken for healthy first.
const TIME_TO_CRASH: Duration = Duration::from_secs(5);

// One thread is enough for one namespace, and costs the least memory.
#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    tracing_subscriber::fmt().with_ansi(false).with_max_level(tracing::Level::INFO).init();
    match run(Args::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(%error, "exiting");
            ExitCode::FAILURE
        }
    }
}

async fn run(args: Args) -> Result<(), Error> {
    let mut sigterm = signal(SignalKind::terminate())?;
    let mut registry = Registry::default();
    let election = elector_config(&args, election::Metrics::register(&mut registry))?;
    let mut kube = Config::infer().await?;
    // The client's own retries would hold up a shutdown; the reconciler has a retry of its own.
    kube.default_retry = false;

    let (leading, term) = watch::channel(None);
    let (filled, warm) = watch::channel(false);
    // Nobody ever sends to it, so whoever waits for it waits for ever.
    let (_unused, never) = watch::channel(false);
    let mut ready = if args.behaviour == Behaviour::NeverReady { never } else { warm };
    let reconciler = Reconciler {
        client: Client::try_from(kube.clone())?,
        namespace: args.watch_namespace,
        release: args.release,
        term,
        metrics: Metrics::register(&mut registry),
    };
    let mut background = JoinSet::new();
    background.spawn(http::health(args.health_address, ready.clone()));
    background.spawn(http::metrics(args.metrics_address, Arc::new(registry)));
    background.spawn(reconciler.run(filled).map(Ok));

    tokio::select! {
        Ok(_) = ready.wait_for(|ready| *ready) => {}
        error = first_end(&mut background) => return Err(error),
        _ = sigterm.recv() => return Ok(()),
    }

    let elector = if args.leader_elect { Some(Elector::start(kube, election).await?) } else { None };
    let result = tokio::select! {
        Err(error) = lead(elector.as_ref(), &leading, args.behaviour) => Err(error),
        error = first_end(&mut background) => Err(error),
        _ = sigterm.recv() => Ok(()),
    };
    match elector {
        Some(elector) => result.and(given_back(elector.shutdown().await)),
        None => result,
    }
}

fn elector_config(args: &Args, metrics: election::Metrics) -> Result<ElectorConfig, Error> {
    let identity = election::config::identity_of(&args.pod_name);
    let config = ElectorConfig::new(&args.leader_election_id, &args.pod_namespace, identity);
    Ok(ElectorConfig { metrics: Some(metrics), ..config.timings(args.timings()?) })
}

/// Waits for the term, hands it to the reconciler, and ends with it.
async fn lead(
    elector: Option<&Elector>,
    leading: &watch::Sender<Option<Term>>,
    behaviour: Behaviour,
) -> Result<Infallible, Error> {
    let term = match elector {
        Some(elector) => elector.lead().await?,
        None => Term::unfenced(),
    };
    leading.send_replace(Some(term.clone()));
    if behaviour == Behaviour::CrashAfterLeading {
        tokio::time::sleep(TIME_TO_CRASH).await;
        tracing::error!("crashing, as this release was asked to");
        // Nothing is unwound, so the Lease is not given back: that is what a crash is.
        std::process::exit(1);
    }
    term.cancelled().await;
    Err("leadership was lost".into())
}

fn given_back(outcome: Outcome) -> Result<(), Error> {
    match outcome {
        Outcome::Released | Outcome::NotLeading => Ok(()),
        Outcome::DrainTimedOut | Outcome::Lost(_) => Err(format!("the Lease was not given back: {outcome:?}").into()),
    }
}

/// None of them ends while all is well.
async fn first_end(background: &mut JoinSet<io::Result<()>>) -> Error {
    match background.join_next().await {
        Some(Ok(Err(error))) => error.into(),
        Some(Err(panicked)) => panicked.into(),
        Some(Ok(Ok(()))) | None => "a task that should run for ever ended".into(),
    }
}
