//! Wiring: clients, watches, the loop, the elector, HTTP, signals. No decisions.
mod asker;
mod bulletin;
mod catch_up;
mod fleet_loop;
mod http;
mod lanes;
pub mod metrics;
mod multiplexed;
mod retry;
mod subject;
mod tasks;
pub mod telemetry;
mod thoughts;

use std::{
    net::SocketAddr,
    process::ExitCode,
    sync::{Arc, OnceLock},
    time::{Duration, Instant},
};

use clap::{Args, ValueEnum};
use kube::{Client, Config};
use tokio::sync::{mpsc, watch};

use self::{
    asker::Asker,
    bulletin::Bulletin,
    fleet_loop::{FleetLoop, Pulse},
    metrics::Metrics,
    tasks::Tasks,
};
use crate::{
    act::{Notices, Writer},
    api::Span,
    domain::world::Apis,
    election::{self, Elector, ElectorConfig, Outcome, Term, Timings, config::identity_of},
    observe::{self, Index, Pool, Prometheus, Sampler, Source},
};

/// Settings of `leasehold run`.
#[derive(Args, Debug, Clone)]
pub struct Options {
    /// Elect a leader among the replicas. `false` is for development with exactly one process.
    #[arg(long, env = "LEASEHOLD_LEADER_ELECT", default_value_t = true, action = clap::ArgAction::Set, num_args = 0..=1, default_missing_value = "true")]
    leader_elect: bool,
    /// Name of the Lease that Leasehold's own replicas compete for.
    #[arg(long, default_value = "leasehold.leasehold.dev")]
    lease_name: String,
    /// Namespace of that Lease: the pod's own unless told otherwise.
    #[arg(long, env = "POD_NAMESPACE", default_value = "leasehold-system")]
    lease_namespace: String,
    /// This replica's name in the election; a unique suffix is added.
    #[arg(long, env = "POD_NAME", default_value = "leasehold")]
    pod_name: String,
    /// How long a standby waits after the last renewal it saw. Whole seconds.
    #[arg(long, default_value = "15s", value_parser = span)]
    lease_duration: Span,
    /// How long the leader keeps trying to renew before it stops leading.
    #[arg(long, default_value = "10s", value_parser = span)]
    renew_deadline: Span,
    /// How often the leader renews.
    #[arg(long, default_value = "2s", value_parser = span)]
    retry_period: Span,
    /// How long a list or a watch may be silent before it is given up and begun anew. The API server sends a bookmark about
    /// every minute, so below 80s watches are cut that are well.
    #[arg(long, default_value = "100s", value_parser = span)]
    watch_silence: Span,
    /// Let stacks hold Secrets. Leasehold then reads every Secret of the cluster that carries its label, and needs the right to.
    #[arg(long, default_value_t = false, action = clap::ArgAction::Set, num_args = 0..=1, default_missing_value = "true")]
    secrets: bool,
    /// Let stacks hold ServiceMonitors and PodMonitors, where the cluster serves them when Leasehold starts.
    #[arg(long, default_value_t = true, action = clap::ArgAction::Set, num_args = 0..=1, default_missing_value = "true")]
    monitors: bool,
    /// How long to wait before the storage version of a shared CRD is flipped, and again before its objects are written anew: an API
    /// server may take the flip in late.
    #[arg(long, default_value = "60s", value_parser = span)]
    crd_soak: Span,
    /// Where /healthz, /readyz and /metrics are served; port 0 picks a free one, which is logged.
    #[arg(long, default_value = "0.0.0.0:8080")]
    listen: SocketAddr,
    /// How to write logs.
    #[arg(long, value_enum, default_value_t = LogFormat::Json)]
    pub log_format: LogFormat,
}

/// How logs are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    Json,
    Text,
}

fn span(text: &str) -> Result<Span, String> {
    Span::try_from(text.to_owned())
}

/// Why the operator could not start, or had to end.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    #[error("no way to the cluster: {0}. Set KUBECONFIG, or run in a pod with a ServiceAccount")]
    Config(#[from] kube::config::InferConfigError),
    #[error("cannot build a client: {0}")]
    Client(#[from] kube::Error),
    #[error("leader election: {0}")]
    Election(String),
    #[error("cannot listen on {0}: {1}. Choose another address with --listen")]
    Listen(SocketAddr, std::io::Error),
    #[error(transparent)]
    WentBack(#[from] observe::WentBack),
}

/// Runs the operator until it is told to stop or loses its lease.
///
/// # Errors
/// [`RunError`]: what was wrong and what to do.
pub async fn run(options: Options) -> Result<ExitCode, RunError> {
    let config = Config::infer().await?;
    let timings = Timings::new(options.lease_duration.get(), options.renew_deadline.get(), options.retry_period.get())
        .map_err(|e| RunError::Election(e.to_string()))?;
    let metrics = Arc::new(Metrics::default());
    let (pulse, seen) = watch::channel(Pulse { at: Instant::now(), missing: vec!["everything"] });
    let (listener, bound) = http::listen(options.listen).await.map_err(|e| RunError::Listen(options.listen, e))?;
    tracing::info!(address = %bound, "serving /healthz, /readyz and /metrics");
    let heartbeat = Arc::new(OnceLock::new());
    let served = http::Served { pulse: seen, elector: heartbeat.clone(), metrics: metrics.clone() };
    tokio::spawn(http::serve(listener, served));

    let fleet = assemble(&config, &options, &timings, metrics.clone(), pulse).await?;
    let (stop, stopped) = watch::channel(false);
    let (terms, won) = mpsc::channel(1);
    let looping = tokio::spawn(fleet.run(won, stopped));
    let outcome = if options.leader_elect {
        let elector = compete(config, &options, timings, &metrics).await?;
        heartbeat.get_or_init(|| elector.heartbeat());
        elected(&elector, terms, looping, &stop).await?
    } else {
        tracing::warn!("leader election is off: never run two processes like this");
        let _ = terms.send(Term::unfenced()).await;
        let ended = until_told_to_stop(looping, &stop).await;
        drop(terms);
        ended?;
        ExitCode::SUCCESS
    };
    Ok(outcome)
}

type Looping = tokio::task::JoinHandle<Result<(), observe::WentBack>>;

/// Waits for a signal, or for the loop to end by itself; then has the loop finish what is under way.
async fn until_told_to_stop(mut looping: Looping, stop: &watch::Sender<bool>) -> Result<(), RunError> {
    tokio::select! {
        () = telemetry::told_to_stop() => {}
        ended = &mut looping => return Ok(ended.unwrap_or(Ok(()))?),
    }
    tracing::info!("told to stop: finishing what is under way");
    let _ = stop.send(true);
    Ok(looping.await.unwrap_or(Ok(()))?)
}

/// Starts to compete for the Lease.
async fn compete(config: Config, options: &Options, timings: Timings, metrics: &Metrics) -> Result<Elector, RunError> {
    let identity = identity_of(&options.pod_name);
    let mut election = ElectorConfig::new(&options.lease_name, &options.lease_namespace, identity).timings(timings);
    election.metrics = metrics.registry.lock().ok().map(|mut registry| election::Metrics::register(&mut registry));
    Elector::start(config, election).await.map_err(|e| RunError::Election(e.to_string()))
}

/// Hands the term to the loop when there is one; on the way out stops the work first, then releases.
async fn elected(
    elector: &Elector,
    terms: mpsc::Sender<Term>,
    looping: Looping,
    stop: &watch::Sender<bool>,
) -> Result<ExitCode, RunError> {
    let never_led = async {
        if let Ok(term) = elector.lead().await {
            let _ = terms.send(term).await;
            std::future::pending::<()>().await;
        }
    };
    tokio::select! {
        ended = until_told_to_stop(looping, stop) => ended?,
        // The elector died while it stood by. Nothing was written; a standby that can never lead must not stay.
        () = never_led => {}
    }
    match elector.shutdown().await {
        Outcome::Released | Outcome::NotLeading => Ok(ExitCode::SUCCESS),
        outcome => {
            tracing::error!(?outcome, "leadership ended; the process ends with it, and a standby goes on");
            Ok(ExitCode::FAILURE)
        }
    }
}

async fn assemble(
    config: &Config,
    options: &Options,
    timings: &Timings,
    metrics: Arc<Metrics>,
    pulse: watch::Sender<Pulse>,
) -> Result<FleetLoop, RunError> {
    let watching = watching_client(config, options.watch_silence.get())?;
    let writing = writing_client(config, timings)?;
    let wanted = Apis { secret: options.secrets, service_monitor: options.monitors, pod_monitor: options.monitors };
    let apis = observe::served(&watching, wanted).await;
    let sources = Source::all(|kind| apis.has(kind));
    let (changes, observed) = mpsc::channel(1024);
    observe::start(&watching, Some(&options.lease_namespace), &sources, &changes);
    let (samples, sampled) = mpsc::channel(256);
    let reading = multiplexed::client(config)?.unwrap_or_else(|| watching.clone());
    let sampler = Sampler::new(connections(config, watching), samples);
    let mut index = Index::default();
    index.set_apis(apis);
    index.set_home(&options.lease_namespace);
    index.set_crd_soak(options.crd_soak.signed());
    let bound = write_bound(timings);
    let tasks = Tasks {
        bound: bound * WRITES_IN_A_ROW,
        writer: Writer::new(writing.clone(), bound),
        bulletin: Bulletin::start(Notices::new(writing.clone(), options.pod_name.clone())),
    };
    let prometheus = Prometheus::new().inspect_err(|error| tracing::warn!(%error, "no Prometheus can be asked")).ok();
    let asker = Asker::new(asker::Sources::new(reading, tasks.writer.clone(), prometheus));
    Ok(FleetLoop::new(writing, observed, sampled, sources, index, sampler, asker, tasks, metrics, pulse))
}

/// Connections that watches of tenants' Leases share; without HTTP/2 each opens its own.
fn connections(config: &Config, otherwise: Client) -> Pool {
    let config = config.clone();
    // From the same configuration one could be made when this process began.
    Pool::new(move || multiplexed::client(&config).ok().flatten().unwrap_or_else(|| otherwise.clone()))
}

/// Writes of one step that follow each other: a stack has five stages, and one more for whatever must be looked up. A step
/// that lasts longer than each of them may is given up; what it wrote the watch will show, and the next step goes on there.
const WRITES_IN_A_ROW: u32 = 6;

/// A write sent in the last moment of a term must not land after the Lease may be somebody else's.
fn write_bound(timings: &Timings) -> Duration {
    timings.lease_duration().saturating_sub(timings.renew_deadline()).max(Duration::from_secs(1))
}

/// Without a bound a list that is never answered would be awaited for ever, and a watch whose connection died in silence
/// would be believed for five minutes: kube bounds neither lists nor the start of a watch.
fn watching_client(config: &Config, silence: Duration) -> Result<Client, kube::Error> {
    let mut config = config.clone();
    config.read_timeout = Some(silence);
    config.reset_reader_on_write = true;
    Client::try_from(config)
}

/// Writes have a client of their own: no retries behind our back (they would outlive the check of the term), short bounds.
fn writing_client(config: &Config, timings: &Timings) -> Result<Client, kube::Error> {
    let mut config = config.clone();
    config.default_retry = false;
    config.read_timeout = Some(write_bound(timings));
    // Counted from the request, not from when its pooled connection fell idle: else a write that was taken seems lost.
    config.reset_reader_on_write = true;
    config.connect_timeout = Some(write_bound(timings));
    multiplexed::client(&config)?.map_or_else(|| Client::try_from(config), Ok)
}
