//! Which optional kinds there are to be watched, asked once at the start.
use kube::Client;

use crate::domain::{
    kinds::{OPTIONAL_KINDS, StackKind},
    world::Apis,
};

/// Optional kinds of which `wanted` says yes and that the cluster serves.
pub async fn served(client: &Client, wanted: Apis) -> Apis {
    let mut apis = Apis::default();
    for kind in OPTIONAL_KINDS.iter().filter(|kind| wanted.has(kind)) {
        let served = serves(client, kind).await;
        match kind.kind {
            "Secret" => apis.secret = served,
            "ServiceMonitor" => apis.service_monitor = served,
            "PodMonitor" => apis.pod_monitor = served,
            _ => {}
        }
    }
    apis
}

/// The core group is served by every cluster; any other is asked for.
async fn serves(client: &Client, kind: &StackKind) -> bool {
    let listed = match kind.group {
        "" => return true,
        _ => client.list_api_group_resources(&kind.api_version()).await,
    };
    listed.is_ok_and(|list| list.resources.iter().any(|resource| resource.kind == kind.kind))
}
