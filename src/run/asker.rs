//! Puts the plan's questions and brings the answers back. Asks nobody twice at once; what is asked, and what an answer means,
//! is decided elsewhere.
use std::{collections::HashMap, panic::AssertUnwindSafe, time::Duration};

use futures::FutureExt;
use jiff::Timestamp;
use kube::Client;
use serde_json::Value;
use tokio::task::JoinSet;

use super::thoughts::Thoughts;
use crate::{
    act::Writer,
    domain::analysis::{Answer, Asked, Reply},
    election::Term,
    observe::{Prometheus, documents::Documents},
    plan::analysis::{Ask, Evaluated, Question, in_turn},
};

/// Questions that are out at once, over all gates. The rest is asked when these are answered.
const AT_ONCE: usize = 64;

/// Expressions that are read for and worked out at once: each may hold a hundred megabytes where a tenant means harm.
const THOUGHTS: usize = 2;
/// An expression that takes longer tells nothing. Its greatest cost is bounded before, so that its thread comes to an end.
const THOUGHT: Duration = Duration::from_secs(5);

/// Whoever can be asked.
#[derive(Clone)]
pub struct Sources {
    pub client: Client,
    pub writer: Writer,
    /// `None`: this machine trusts no certificate that can be read.
    pub prometheus: Option<Prometheus>,
    thoughts: Thoughts,
}

impl Sources {
    #[must_use]
    pub fn new(client: Client, writer: Writer, prometheus: Option<Prometheus>) -> Self {
        Self { client, writer, prometheus, thoughts: Thoughts::new(THOUGHTS) }
    }
}

/// The questions that are out.
pub struct Asker {
    sources: Sources,
    out: HashMap<tokio::task::Id, Asked>,
    tasks: JoinSet<(Timestamp, Reply)>,
}

impl Asker {
    #[must_use]
    pub fn new(sources: Sources) -> Self {
        Self { sources, out: HashMap::new(), tasks: JoinSet::new() }
    }

    /// Puts those questions that are not out yet, as far as there is room, gates in turn.
    pub fn ask(&mut self, term: &Term, questions: Vec<Question>, now: Timestamp) {
        let room = AT_ONCE.saturating_sub(self.out.len());
        for Question { asked, ask } in in_turn(questions, self.out.values(), room) {
            let reply = AssertUnwindSafe(reply(self.sources.clone(), term.clone(), ask)).catch_unwind();
            let task = self.tasks.spawn(async move {
                (now, reply.await.unwrap_or_else(|_| Reply::inconclusive("asking panicked: please report this")))
            });
            self.out.insert(task.id(), asked);
        }
    }

    /// The next answer; never one while nothing is out.
    pub async fn answer(&mut self) -> Option<(Asked, Answer)> {
        let (id, (put, reply)) = self.tasks.join_next_with_id().await?.ok()?;
        let asked = self.out.remove(&id)?;
        let Reply { outcome, value, message } = reply;
        tracing::info!(
            rollout = asked.round.key.rollout,
            wave = asked.round.key.wave,
            gate = asked.round.key.gate,
            tenant = asked.subject,
            round = asked.round.number,
            ?outcome,
            value,
            message,
            "a gate was asked"
        );
        Some((asked, Answer { outcome, value, message, asked: put, at: Timestamp::now() }))
    }
}

async fn reply(sources: Sources, term: Term, ask: Ask) -> Reply {
    match ask {
        Ask::Nobody(reply) => reply,
        Ask::Prometheus(ask) => match &sources.prometheus {
            Some(prometheus) => prometheus.ask(&ask.address, &ask.query, ask.min.as_ref(), ask.max.as_ref()).await,
            None => Reply::inconclusive("no certificate of this machine can be read, so no https can be spoken"),
        },
        Ask::Job(job) => {
            let told = sources.writer.job(&term, &job).await;
            told.unwrap_or_else(|failure| Reply::inconclusive(failure.to_string()))
        }
        Ask::Cel(ask) => evaluate(&sources, *ask).await.unwrap_or_else(Reply::inconclusive),
    }
}

/// Reads what the expression names, and evaluates it beside the loop.
async fn evaluate(sources: &Sources, ask: Evaluated) -> Result<Reply, String> {
    let Evaluated { expression, tenant, namespace, objects, resources } = ask;
    let place = sources.thoughts.place().await?;
    let mut documents = Documents::new(sources.client.clone());
    let seen = if expression.uses("objects") { documents.objects(&objects).await? } else { Value::Null };
    let customs =
        if expression.uses("resources") { documents.resources(&namespace, &resources).await? } else { Value::Null };
    let documents = [("tenant", tenant), ("objects", seen), ("resources", customs)];
    place.work(THOUGHT, move || expression.evaluate(&documents)).await
}
