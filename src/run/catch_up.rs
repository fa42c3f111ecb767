//! What a new leader must know before its first write.
use std::time::Duration;

use jiff::Timestamp;
use kube::{
    Api, Client,
    api::{DynamicObject, ListParams},
};

use crate::{
    election::Term,
    observe::{Index, Source},
};

/// Before the first write of a term: what the leader before us wrote last must be known (election.md, rule 6). Our
/// watch may lag behind; a list that the API server answers from etcd does not.
pub async fn catch_up(client: &Client, index: &mut Index, term: &Term) {
    // Slices after Rollouts: whichever is listed was written when its slices were there.
    for source in [Source::Tenants, Source::Rollouts, Source::Slices] {
        let api: Api<DynamicObject> = Api::all_with(client.clone(), &source.api_resource());
        let mut params = ListParams::default().limit(500);
        while term.check().is_ok() {
            match api.list(&params).await {
                Ok(page) => {
                    let now = Timestamp::now();
                    page.items.iter().for_each(|object| index.answer(source, object, now));
                    match page.metadata.continue_.filter(|token| !token.is_empty()) {
                        Some(token) => params.continue_token = Some(token),
                        None => break,
                    }
                }
                Err(error) => {
                    tracing::warn!(source = source.name(), %error, "cannot catch up with the last leader; trying again");
                    params.continue_token = None;
                    tokio::time::sleep(Duration::from_millis(200)).await;
                }
            }
        }
    }
}
