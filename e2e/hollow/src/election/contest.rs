//! In: the members of one Lease, time. Out: the Lease, held by one of them. Never: a write that is not guarded by the
//! UID and resourceVersion of the record it was decided on; a holder that is no member.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::jiff::Timestamp;
use kube::api::PostParams;
use kube::{Api, ResourceExt};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

use super::{Change, Exit, Member};
use crate::Hollow;
use crate::cli::Standbys;
use crate::lease;

/// Renewals are lazy, so that thousands of tenants cost little; a third of a shorter Lease.
const RENEW: Duration = Duration::from_secs(20);
/// What a watching standby takes to notice a free Lease.
const NOTICE: Duration = Duration::from_millis(10);
/// By how much an older pod comes later, so that the newest wins.
const SENIORITY: Duration = Duration::from_millis(50);
/// Between tries after an error of the API server.
const AGAIN: Duration = Duration::from_millis(500);
/// Then the Lease is left to run out, as by an operator that is killed while it tries.
const RELEASE_TRIES: usize = 5;

struct Contest {
    hollow: Arc<Hollow>,
    api: Api<Lease>,
    name: String,
    members: Vec<Standby>,
    term: Option<Term>,
    /// The record of a holder that is no member, and since when it has been that.
    seen: Option<(String, Instant)>,
}

struct Standby {
    member: Member,
    look_at: Instant,
}

/// One of the members holds the Lease.
struct Term {
    identity: String,
    record: Lease,
    renewed: Instant,
}

impl Term {
    fn renew_at(&self) -> Instant {
        self.renewed + RENEW.min(lease::duration(&self.record) / 3)
    }
}

/// Until no member is left.
pub(super) async fn run(
    hollow: Arc<Hollow>,
    namespace: String,
    name: String,
    mut told: mpsc::UnboundedReceiver<Change>,
) {
    let api = Api::namespaced(hollow.client.clone(), &namespace);
    let mut contest = Contest { hollow, api, name, members: Vec::new(), term: None, seen: None };
    loop {
        let next = contest.next();
        let due = async {
            match next {
                Some(at) => sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            change = told.recv() => match change {
                Some(change) => contest.change(change).await,
                None => return,
            },
            () = due => contest.act().await,
        }
    }
}

impl Contest {
    fn next(&self) -> Option<Instant> {
        match &self.term {
            Some(term) => Some(term.renew_at()),
            None => self.members.iter().map(|standby| standby.look_at).min(),
        }
    }

    async fn change(&mut self, change: Change) {
        match change {
            Change::Join(member) => self.members.push(Standby { member, look_at: Instant::now() }),
            Change::Leave { identity, exit, done } => {
                self.members.retain(|standby| standby.member.identity != identity);
                if let Some(term) = self.term.take_if(|term| term.identity == identity) {
                    self.ended(term, exit).await;
                }
                let _ = done.send(());
            }
        }
    }

    async fn act(&mut self) {
        if let Some(term) = self.term.take() {
            self.renew(term).await;
        } else if let Some(place) = (0..self.members.len()).min_by_key(|&place| self.members[place].look_at) {
            let member = self.members[place].member.clone();
            match self.look(&member).await {
                Ok(Some(record)) => self.won(&member.identity, record),
                Ok(None) => {}
                Err(error) => self.failed(place, &error),
            }
        }
    }

    /// One look at the Lease; `Some` when `member` holds it now.
    async fn look(&mut self, member: &Member) -> Result<Option<Lease>, kube::Error> {
        let hollow = Arc::clone(&self.hollow);
        let _permit = hollow.permit().await;
        let (params, now, lasts) = (PostParams::default(), Timestamp::now(), member.candidate.lease_duration);
        let Some(seen) = self.api.get_opt(&self.name).await? else {
            let new = lease::create(&self.name, &member.identity, lasts, now);
            return self.api.create(&params, &new).await.map(Some);
        };
        let holder = lease::holder(&seen);
        // Ours from before a restart of this program.
        let ours = holder == member.identity;
        if !ours && !holder.is_empty() && !self.expired(&seen) {
            return Ok(None);
        }
        let next = if ours { lease::renew(&seen, now) } else { lease::acquire(&seen, &member.identity, lasts, now) };
        self.api.replace(&self.name, &params, &next).await.map(Some)
    }

    /// Judged, as every client does, by how long the record has stood unchanged here. Sets the next look if not.
    fn expired(&mut self, record: &Lease) -> bool {
        let (version, now) = (record.resource_version().unwrap_or_default(), Instant::now());
        let since = match &self.seen {
            Some((seen, since)) if *seen == version => *since,
            _ => now,
        };
        self.seen = Some((version, since));
        let over = since + lease::duration(record);
        if over > now {
            for standby in &mut self.members {
                standby.look_at = over.min(now + standby.member.candidate.retry_period);
            }
        }
        over <= now
    }

    fn won(&mut self, identity: &str, record: Lease) {
        tracing::debug!(lease = self.name, identity, "became leader");
        self.seen = None;
        self.term = Some(Term { identity: identity.to_owned(), record, renewed: Instant::now() });
    }

    fn failed(&mut self, place: usize, error: &kube::Error) {
        // A conflict is another's success: look at it. Anything else may take a while.
        let conflict = matches!(error, kube::Error::Api(status) if status.code == 409);
        self.members[place].look_at = Instant::now() + if conflict { NOTICE } else { AGAIN };
        if !conflict {
            tracing::warn!(lease = self.name, %error, "acquire");
        }
    }

    async fn renew(&mut self, mut term: Term) {
        let permit = self.hollow.permit().await;
        let next = lease::renew(&term.record, Timestamp::now());
        let result = self.api.replace(&self.name, &PostParams::default(), &next).await;
        drop(permit);
        match result {
            Ok(record) => self.term = Some(Term { record, renewed: Instant::now(), ..term }),
            // Changed or deleted under the leader: whoever looks finds out. A leader still in the record goes on.
            Err(kube::Error::Api(status)) if matches!(status.code, 404 | 409) => {
                for standby in &mut self.members {
                    let leads = standby.member.identity == term.identity;
                    standby.look_at = Instant::now() + if leads { Duration::ZERO } else { NOTICE };
                }
            }
            Err(error) => {
                tracing::warn!(lease = self.name, %error, "renew");
                term.renewed = Instant::now() + AGAIN - RENEW.min(lease::duration(&term.record) / 3);
                self.term = Some(term);
            }
        }
    }

    /// The leader's pod goes.
    async fn ended(&mut self, term: Term, exit: Exit) {
        let free_at = match exit {
            Exit::Orderly if self.release(&term).await => Instant::now(),
            _ => {
                self.seen = Some((term.record.resource_version().unwrap_or_default(), term.renewed));
                term.renewed + lease::duration(&term.record)
            }
        };
        self.members.sort_by_key(|standby| std::cmp::Reverse(standby.member.created));
        let (standbys, mut rank) = (self.hollow.args.standbys, 0);
        for standby in &mut self.members {
            standby.look_at = free_at
                + match standbys {
                    Standbys::Watch => NOTICE + SENIORITY * rank,
                    Standbys::Poll => {
                        standby.member.candidate.retry_period.mul_f64(2.2 * chance(&standby.member, free_at))
                    }
                };
            rank += 1;
        }
    }

    /// Whether the Lease is free now.
    async fn release(&self, term: &Term) -> bool {
        let mut record = term.record.clone();
        for _ in 0..RELEASE_TRIES {
            let permit = self.hollow.permit().await;
            let next = lease::release(&record, Timestamp::now());
            let result = match self.api.replace(&self.name, &PostParams::default(), &next).await {
                Err(kube::Error::Api(status)) if status.code == 409 => self.api.get_opt(&self.name).await,
                other => other.map(Some),
            };
            drop(permit);
            match result {
                Ok(Some(found)) if lease::holder(&found) == term.identity => record = found,
                Ok(_) => return true,
                Err(kube::Error::Api(status)) if status.code == 404 => return true,
                Err(error) => {
                    tracing::warn!(lease = self.name, %error, "release");
                    sleep_until(Instant::now() + AGAIN).await;
                }
            }
        }
        false
    }
}

/// In 0..1, different for each pod and each time.
fn chance(member: &Member, at: Instant) -> f64 {
    let mut hasher = DefaultHasher::new();
    (&member.identity, at).hash(&mut hasher);
    f64::from((hasher.finish() >> 32) as u32) / f64::from(u32::MAX)
}
