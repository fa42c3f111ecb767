//! The loop: changes in, World updated, plan made, and, while a term is held, its writes sent. One task, no locks.
mod send;

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use jiff::Timestamp;
use kube::Client;
use tokio::{sync::mpsc, task::JoinSet};

use super::{
    asker::Asker,
    catch_up::catch_up,
    lanes::Lanes,
    metrics::Metrics,
    retry,
    subject::Subject,
    tasks::{Done, Tasks},
};
use crate::{
    act::{self, Found},
    api::Grant,
    election::Term,
    observe::{Change, Index, Sample, Sampler, Source, WentBack},
    plan::Planner,
};

/// How long to gather further changes after the first, before planning: a burst is one plan, and a repair stays fast.
const GATHER: Duration = Duration::from_millis(3);
/// The same while changes follow each other as closely as this: hundreds of plans a second would be made for nobody.
const BURST: Duration = Duration::from_millis(12);
/// How much longer than its last plan took the loop gathers in a burst, and for how long at most: planning takes a fifth of
/// one processor, however large the fleet, and nobody waits for it noticeably.
const SHARE: u32 = 4;
const LONGEST: Duration = Duration::from_millis(150);
/// The longest the loop sleeps: proof of life for /healthz. Nothing is sent for it.
const HEARTBEAT: Duration = Duration::from_secs(5);

/// What the loop is made of.
pub struct FleetLoop {
    pub client: Client,
    pub changes: mpsc::Receiver<Change>,
    pub samples: mpsc::Receiver<Sample>,
    pub sources: Vec<Source>,
    pub index: Index,
    pub planner: Planner,
    pub sampler: Sampler,
    pub asker: Asker,
    pub tasks: Tasks,
    pub metrics: Arc<Metrics>,
    pub status: tokio::sync::watch::Sender<Pulse>,
    under_way: JoinSet<Done>,
    lanes: Lanes,
    /// A tenant's step waits for a place.
    crowded: bool,
    /// A claim waits for one.
    claims_wait: bool,
    in_doubt: BTreeMap<String, Grant>,
    /// The tenant whose step was started last.
    served: String,
    wake: Option<Timestamp>,
    planned_at: Instant,
    /// [`Index::intents`] at that moment.
    planned_on: u64,
    /// How long that took.
    planning: Duration,
}

/// A sign of life, for the health checks.
#[derive(Clone, Debug)]
pub struct Pulse {
    pub at: Instant,
    /// Watches without a complete list; empty when the caches are warm.
    pub missing: Vec<&'static str>,
}

/// What made the loop turn.
enum Turn {
    Observed,
    Won(Term),
    Stop,
}

#[expect(clippy::too_many_arguments, reason = "the parts of one struct, named where they are made")]
impl FleetLoop {
    #[must_use]
    pub fn new(
        client: Client,
        changes: mpsc::Receiver<Change>,
        samples: mpsc::Receiver<Sample>,
        sources: Vec<Source>,
        index: Index,
        sampler: Sampler,
        asker: Asker,
        tasks: Tasks,
        metrics: Arc<Metrics>,
        status: tokio::sync::watch::Sender<Pulse>,
    ) -> Self {
        Self {
            client,
            changes,
            samples,
            sources,
            index,
            planner: Planner::default(),
            sampler,
            asker,
            tasks,
            metrics,
            status,
            under_way: JoinSet::new(),
            lanes: Lanes::default(),
            crowded: false,
            claims_wait: false,
            in_doubt: BTreeMap::new(),
            served: String::new(),
            wake: None,
            planned_at: Instant::now(),
            planned_on: 0,
            planning: Duration::ZERO,
        }
    }

    /// Runs until `stop` resolves or the term ends. Writes under way are finished before it returns.
    ///
    /// # Errors
    /// [`WentBack`]: nothing in memory can be trusted; the process must end.
    pub async fn run(
        mut self,
        mut terms: mpsc::Receiver<Term>,
        mut stop: tokio::sync::watch::Receiver<bool>,
    ) -> Result<(), WentBack> {
        let mut term: Option<Term> = None;
        loop {
            match self.turn(&mut terms, term.as_ref(), &mut stop).await? {
                Turn::Observed => {}
                Turn::Won(won) => {
                    catch_up(&self.client, &mut self.index, &won).await;
                    term = Some(won);
                }
                Turn::Stop => break,
            }
            let missing = self.index.missing(&self.sources);
            let warm = missing.is_empty();
            self.status.send_replace(Pulse { at: Instant::now(), missing });
            if warm {
                self.think(term.as_ref());
            }
        }
        while let Some(done) = self.under_way.join_next().await {
            self.finish(done);
        }
        Ok(())
    }

    /// Waits for something to happen and takes all of it in that comes within a moment.
    async fn turn(
        &mut self,
        terms: &mut mpsc::Receiver<Term>,
        term: Option<&Term>,
        stop: &mut tokio::sync::watch::Receiver<bool>,
    ) -> Result<Turn, WentBack> {
        let pause = self.pause();
        let lost = async {
            match term {
                Some(term) => term.cancelled().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = stop.wait_for(|stop| *stop) => return Ok(Turn::Stop),
            () = lost => return Ok(Turn::Stop),
            Some(won) = terms.recv() => return Ok(Turn::Won(won)),
            Some(change) = self.changes.recv() => self.index.apply(change, Timestamp::now())?,
            Some(sample) = self.samples.recv() => self.sampled(sample),
            Some(done) = self.under_way.join_next() => self.finish(done),
            Some((asked, answer)) = self.asker.answer() => self.index.answered(&asked, answer),
            () = tokio::time::sleep(pause) => return Ok(Turn::Observed),
        }
        self.gather(term).await?;
        Ok(Turn::Observed)
    }

    /// A sample that was under way when its sampler was stopped says nothing any more.
    fn sampled(&mut self, sample: Sample) {
        if self.sampler.samples(&sample.tenant) {
            self.index.lease(&sample.tenant, Some(sample.lease));
        }
    }

    fn pause(&self) -> Duration {
        let until = self.wake.map(|at| at.duration_since(Timestamp::now()));
        let until = until.map(|d| Duration::try_from(d).unwrap_or_default() + Duration::from_millis(1));
        let now = Instant::now();
        let place = self.lanes.changes(now).filter(|_| self.crowded).map(|at| at.saturating_duration_since(now));
        [until, place].into_iter().flatten().fold(HEARTBEAT, Duration::min)
    }

    async fn gather(&mut self, term: Option<&Term>) -> Result<(), WentBack> {
        let burst = BURST.max(self.planning.saturating_mul(SHARE)).min(LONGEST);
        let window = if self.planned_at.elapsed() < burst { burst } else { GATHER };
        let deadline = tokio::time::Instant::now() + window;
        self.refill(term);
        loop {
            tokio::select! {
                Some(change) = self.changes.recv() => self.index.apply(change, Timestamp::now())?,
                Some(sample) = self.samples.recv() => self.sampled(sample),
                Some(done) = self.under_way.join_next() => {
                    self.finish(done);
                    self.refill(term);
                }
                Some((asked, answer)) = self.asker.answer() => self.index.answered(&asked, answer),
                () = tokio::time::sleep_until(deadline) => return Ok(()),
            }
        }
    }

    /// Plans, and acts when we lead. A standby plans too: its caches and its plan are warm when its turn comes.
    fn think(&mut self, term: Option<&Term>) {
        let began = Instant::now();
        let epoch = term.map(act::epoch).unwrap_or_default();
        let plan = self.planner.plan(self.index.world(), &self.in_doubt, &epoch, Timestamp::now());
        self.wake = plan.wake;
        (self.planned_at, self.planning) = (Instant::now(), began.elapsed());
        self.planned_on = self.index.intents();
        self.metrics.planned(self.planning, self.index.world(), &self.planner);
        let Some(term) = term.filter(|term| term.check().is_ok()) else { return };
        for tenant in self.sampler.set(&plan.samples) {
            self.index.lease(&tenant, None);
        }
        self.act(term, plan);
    }

    /// Takes the end of a write in: what the API server answered, and what failed.
    fn finish(&mut self, done: Result<Done, tokio::task::JoinError>) {
        // Panics were caught in the task, and nobody aborts one.
        let Ok(done) = done else { return };
        let now = Timestamp::now();
        self.lanes.end(&done.subject);
        self.metrics.wrote(&done);
        for (source, object) in &done.answers {
            self.index.answer(*source, object, now);
        }
        if let Some((source, object)) = &done.ended {
            self.index.gone(*source, object);
        }
        if let Subject::Crd(name) = &done.subject
            && done.settled()
            && self.index.world().crd_pledges.contains_key(name)
        {
            self.index.pledged(name, None);
        }
        if let Some((record, sweep)) = &done.swept {
            self.index.swept(record, sweep.clone());
        }
        let world = self.index.world();
        match &done.subject {
            Subject::Tenant(name) => {
                let before = world.tenants.get(name).and_then(|seen| seen.fault.clone());
                let fault = match &done.failure {
                    Some(failure) => Some(retry::fault(failure, before.as_ref(), now)),
                    // That the status could be written heals nothing else.
                    None => before.filter(|fault| done.step == "status" && !fault.is_of_tenant()),
                };
                if done.settled() {
                    self.in_doubt.remove(name);
                }
                self.index.fault(name, fault);
                if done.repaired {
                    self.index.repaired(name, now);
                }
                if let Some(uid) = &done.evicted {
                    self.index.evicted(name, uid);
                }
                if let Some(uid) = &done.marked {
                    self.index.marked(name, uid);
                }
                match done.found {
                    Some(Found::Customs(left)) => self.index.customs(name, left, now),
                    Some(Found::LookedUp(lookups)) => self.index.looked_up(name, lookups),
                    None => self.index.touch(name),
                }
            }
            subject => {
                let (Some(whose), name) = (subject.whose(), subject.name().to_owned()) else { return };
                let before = world.faults.get(&(whose, name.clone())).cloned();
                let fault = done.failure.as_ref().map(|failure| retry::fault(failure, before.as_ref(), now));
                if let Some(fault) = &fault {
                    self.wake = Some(self.wake.map_or(fault.retry_at, |at| at.min(fault.retry_at)));
                }
                self.index.other_fault(whose, &name, fault);
            }
        }
    }
}
