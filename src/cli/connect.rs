//! `--context` and `--kubeconfig` → a client; and what can be in the way between here and a fleet, with what to do.
use std::{error::Error, path::PathBuf};

use clap::Args;
use kube::{
    Client, Config,
    config::{KubeConfigOptions, Kubeconfig},
};

/// Which cluster.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Cluster")]
pub struct Connection {
    /// Name of the context in the kubeconfig; default: the current one
    #[arg(long)]
    context: Option<String>,
    /// Path of the kubeconfig; default: $KUBECONFIG, ~/.kube/config, or the pod's ServiceAccount
    #[arg(long, value_name = "FILE")]
    kubeconfig: Option<PathBuf>,
}

/// Why there is nothing to show.
#[derive(Debug, thiserror::Error)]
pub enum Trouble {
    #[error(
        "no way to the cluster: {0}\n  Pass --kubeconfig FILE, or set KUBECONFIG, or run in a pod with a ServiceAccount"
    )]
    NoConfig(String),
    #[error("the kubeconfig has no context `{wanted}`; it has: {known}")]
    NoContext { wanted: String, known: String },
    #[error(
        "cannot reach {server}: {why}\n  Is the cluster up, and is this the right one? `kubectl config current-context` says which; --context chooses another"
    )]
    Unreachable { server: String, why: String },
    #[error(
        "{server} does not accept these credentials ({why})\n  Log in again, or choose others with --context or --kubeconfig"
    )]
    Unauthorized { server: String, why: String },
    #[error(
        "{server} does not serve {missing}: Leasehold's CustomResourceDefinitions are not installed\n  Install them: kubectl apply --server-side -f crds/, or helm install leasehold-crds charts/leasehold-crds"
    )]
    NotInstalled { server: String, missing: String },
    #[error(
        "you lack the right, in all namespaces, to {rights}\n  Ask an admin for it: docs/cli.md has the ClusterRole that each verb needs"
    )]
    Forbidden { rights: String },
    #[error(
        "{server} answers, but has not sent all of {missing} within {seconds} s\n  Try again; kubectl get --raw /readyz says whether it is well"
    )]
    Incomplete { server: String, missing: String, seconds: u64 },
    #[error("no Tenant is named `{wanted}`\n  `leasehold status` lists them all{similar}")]
    NoTenant { wanted: String, similar: String },
    #[error("there is no {object}; there is: {known}")]
    Absent { object: String, known: String },
    #[error(
        "you lack the right to {right}: {why}\n  Ask an admin for it: docs/cli.md has the ClusterRole that each verb needs"
    )]
    Denied { right: String, why: String },
    #[error("{object} is edited by others all the time: nothing was changed; try again")]
    Overtaken { object: String },
    #[error("the API server refuses this for {object}: {why}")]
    Refused { object: String, why: String },
    #[error("{0}")]
    Unclear(String),
    #[error("{0}")]
    WentBack(#[from] crate::observe::WentBack),
}

impl Connection {
    /// A client, and the server it speaks to.
    ///
    /// # Errors
    /// No configuration, or one that cannot be used.
    pub async fn client(&self) -> Result<(Client, String), Trouble> {
        let config = self.config().await?;
        let server = config.cluster_url.to_string().trim_end_matches('/').to_owned();
        let client = Client::try_from(config).map_err(|error| Trouble::NoConfig(causes(&error)))?;
        Ok((client, server))
    }

    async fn config(&self) -> Result<Config, Trouble> {
        let unusable = |error: &(dyn Error + 'static)| Trouble::NoConfig(causes(error));
        if self.context.is_none() && self.kubeconfig.is_none() {
            return Config::infer().await.map_err(|error| unusable(error.source().unwrap_or(&error)));
        }
        let read = self.kubeconfig.as_ref().map_or_else(Kubeconfig::read, Kubeconfig::read_from);
        let kubeconfig = read.map_err(|error| unusable(&error))?;
        if let Some(wanted) = &self.context
            && !kubeconfig.contexts.iter().any(|context| context.name == *wanted)
        {
            let known: Vec<&str> = kubeconfig.contexts.iter().map(|context| context.name.as_str()).collect();
            return Err(Trouble::NoContext { wanted: wanted.clone(), known: listed(&known) });
        }
        let options = KubeConfigOptions { context: self.context.clone(), ..KubeConfigOptions::default() };
        Config::from_custom_kubeconfig(kubeconfig, &options).await.map_err(|error| unusable(&error))
    }
}

/// An error with what caused it; what a cause repeats is said once.
#[must_use]
pub fn causes(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let said = cause.to_string();
        if !text.contains(&said) {
            text = format!("{text}: {said}");
        }
        source = cause.source();
    }
    text
}

/// Names in a sentence.
#[must_use]
pub fn listed<T: AsRef<str>>(names: &[T]) -> String {
    if names.is_empty() {
        return "none".to_owned();
    }
    names.iter().map(AsRef::as_ref).collect::<Vec<_>>().join(", ")
}
