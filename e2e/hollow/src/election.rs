//! In: Ready pods that stand for operators, as they come and go. Out: one task for each Lease that has any, told in
//! order. Never: a second task for the same Lease while the first has members.

mod contest;

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use k8s_openapi::jiff::Timestamp;
use tokio::sync::{mpsc, oneshot};

use crate::Hollow;
use crate::fate::Candidate;

/// A Ready pod, as a candidate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    pub namespace: String,
    /// `<pod>_<uid>`
    pub identity: String,
    pub created: Timestamp,
    pub candidate: Candidate,
}

/// How a pod leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// SIGTERM: a leader releases its Lease.
    Orderly,
    /// Its Lease has to run out.
    Crash,
}

enum Change {
    Join(Member),
    Leave { identity: String, exit: Exit, done: oneshot::Sender<()> },
}

/// Namespace and name of a Lease.
type Key = (String, String);

#[derive(Default)]
pub struct Elections {
    contests: Mutex<HashMap<Key, Contest>>,
}

/// When its last member left, the task ends with the sender.
struct Contest {
    members: HashSet<String>,
    tell: mpsc::UnboundedSender<Change>,
}

impl Elections {
    /// `member` takes part from now on.
    pub fn join(&self, hollow: &Arc<Hollow>, member: Member) {
        let key = key(&member);
        let mut contests = self.contests.lock().unwrap_or_else(PoisonError::into_inner);
        let contest = contests.entry(key).or_insert_with(|| {
            let (tell, told) = mpsc::unbounded_channel();
            tokio::spawn(contest::run(
                Arc::clone(hollow),
                member.namespace.clone(),
                member.candidate.lease.clone(),
                told,
            ));
            Contest { members: HashSet::new(), tell }
        });
        contest.members.insert(member.identity.clone());
        let _ = contest.tell.send(Change::Join(member));
    }

    /// Returns when the Lease is released, where that was asked and `member` held it.
    pub async fn leave(&self, member: &Member, exit: Exit) {
        if let Some(done) = self.say_leave(member, exit) {
            let _ = done.await;
        }
    }

    fn say_leave(&self, member: &Member, exit: Exit) -> Option<oneshot::Receiver<()>> {
        let mut contests = self.contests.lock().unwrap_or_else(PoisonError::into_inner);
        let contest = contests.get_mut(&key(member))?;
        if !contest.members.remove(&member.identity) {
            return None;
        }
        let (done, told) = oneshot::channel();
        let _ = contest.tell.send(Change::Leave { identity: member.identity.clone(), exit, done });
        if contest.members.is_empty() {
            contests.remove(&key(member));
        }
        Some(told)
    }
}

fn key(member: &Member) -> Key {
    (member.namespace.clone(), member.candidate.lease.clone())
}
