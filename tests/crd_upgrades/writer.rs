//! A user of one tenant who never rests: makes Memcached objects and edits them, through the old and the new version of
//! their kind in turn, in each way in which clients write. In: a client, a tenant. Out: what was acknowledged, and what went
//! wrong with it. Never: makes way for an upgrade, or touches what it did not make.

use std::collections::BTreeMap;
use std::time::Duration;

use kube::{Client, Error};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::interval;

use crate::kept::Kept;
use crate::support::eventually;
use crate::user::{Change, OBJECTS, Outcome, User, writes};

/// A user's pace: four tenants together make the operators and the API server write about a hundred times a second.
const PACE: Duration = Duration::from_millis(100);
/// More is not read by anybody.
const MOST_WRONG: usize = 5;
const SOON: Duration = Duration::from_mins(1);

/// A writer at work.
pub struct Writer {
    stop: watch::Sender<bool>,
    progress: watch::Receiver<Counts>,
    failed: watch::Receiver<String>,
    task: JoinHandle<Written>,
}

/// How often a change of a field was acknowledged, by the version it was sent through.
pub type Counts = BTreeMap<(&'static str, &'static str), usize>;

/// What it wrote.
pub struct Written {
    user: User,
    kept: BTreeMap<String, Kept>,
    pub counts: Counts,
    wrong: Vec<String>,
    /// Whether `v1` took more servers than the old version allows: from then on it must.
    unlocked: bool,
}

impl Writer {
    pub fn start(client: &Client, tenant: &str) -> Self {
        let (stop, mut stopped) = watch::channel(false);
        let (tell, progress) = watch::channel(Counts::new());
        let (fail, failed) = watch::channel(String::new());
        let user = User { client: client.clone(), namespace: format!("tenant-{tenant}") };
        let mut written =
            Written { user, kept: BTreeMap::new(), counts: Counts::new(), wrong: Vec::new(), unlocked: false };
        let task = tokio::spawn(async move {
            let mut pace = interval(PACE);
            for turn in 0.. {
                tokio::select! {
                    _ = stopped.changed() => break,
                    _ = pace.tick() => {}
                }
                written.turn(&Change::of(turn)).await;
                tell.send_replace(written.counts.clone());
                fail.send_replace(written.wrong.join("\n"));
            }
            written
        });
        Self { stop, progress, failed, task }
    }

    /// Waits until a change of that field was acknowledged `times` more through that version.
    pub async fn acknowledged(&self, version: &'static str, field: &'static str, times: usize) {
        let mut progress = self.progress.clone();
        let count = |counts: &Counts| counts.get(&(version, field)).copied().unwrap_or_default();
        let before = count(&progress.borrow());
        let more = tokio::time::timeout(SOON, progress.wait_for(|counts| count(counts) >= before + times)).await;
        let failed = self.failed.borrow().clone();
        assert!(more.is_ok(), "{field} was not taken {times} times through {version}: {:?}\n{failed}", self.progress);
    }

    /// Waits until something went wrong, and hands back what.
    pub async fn wrong(mut self) -> String {
        let wrong = tokio::time::timeout(SOON, self.failed.wait_for(|wrong| !wrong.is_empty())).await;
        wrong.expect("nothing went wrong in a minute").expect("it still writes").clone()
    }

    pub async fn stop(self) -> Written {
        self.stop.send_replace(true);
        self.task.await.expect("the writer ends when it is told")
    }
}

impl Written {
    async fn turn(&mut self, change: &Change) {
        for version in change.versions() {
            match self.made(change, version).await {
                Outcome::NotServed => continue,
                Outcome::Wrong(why) => self.wrong(&format!("{change:?} through {version}: {why}")),
                Outcome::Taken(_) | Outcome::NotNow => {}
            }
            return;
        }
        self.wrong(&format!("{change:?}: no version is served"));
    }

    fn wrong(&mut self, what: &str) {
        if self.wrong.len() < MOST_WRONG {
            self.wrong.push(format!("{}: {what}", self.user.namespace));
        }
    }

    /// Creates the object the first time.
    async fn made(&mut self, change: &Change, version: &'static str) -> Outcome {
        let Some(kept) = self.kept.get_mut(&change.object) else {
            let outcome = self.user.create(version, &change.object).await;
            if let Outcome::Taken(created) = &outcome {
                self.kept.insert(change.object.clone(), Kept::created(created));
            }
            return outcome;
        };
        let value = change.value(version);
        let too_many = change.field.1 == "size" && value.as_u64() > Some(5);
        let outcome = self.user.send(change, version, kept).await;
        match &outcome {
            Outcome::Taken(object) => {
                match kept.answered(object, Some((change.field, &value))) {
                    Ok(true) => *self.counts.entry((version, change.field.1)).or_default() += 1,
                    Ok(false) => {}
                    Err(why) => return Outcome::Wrong(why),
                }
                self.unlocked |= too_many;
                // The operator's own counter, where it keeps one already.
                let counted = self.user.map(&change.object).await.ok().flatten().map(|map| writes(&map));
                let counts = counted.map_or(Ok(()), |writes| kept.counts("ConfigMap", writes));
                counts.map_or_else(Outcome::Wrong, |()| outcome)
            }
            Outcome::Wrong(why) if too_many && !self.unlocked && why.contains("less than or equal to 5") => {
                Outcome::NotNow
            }
            _ => outcome,
        }
    }

    /// What the user finds at the end, through each version that is served: all of it. With real pods, also that each
    /// operator applied the last of it, and counted.
    pub async fn holds(mut self, versions: &[&'static str], reconciled: bool) {
        assert_eq!(self.wrong, [] as [&str; 0], "while it went on");
        assert_eq!(self.kept.len(), OBJECTS, "{}: it made its objects", self.user.namespace);
        for (name, kept) in &mut self.kept {
            let place = format!("{}/{name}", self.user.namespace);
            for version in versions {
                let object = self.user.objects(version).get(name).await;
                let object = object.unwrap_or_else(|error| panic!("{place} through {version}: {error}"));
                assert_eq!(kept.stands(&object, None), Ok(()), "{place} through {version}");
            }
            if reconciled {
                applied(&self.user, versions[0], name, kept).await;
            }
        }
    }
}

async fn applied(user: &User, version: &str, name: &str, kept: &mut Kept) {
    let what = format!("{}/{name} is reconciled", user.namespace);
    let (object, map) = eventually(&what, SOON, async || {
        let object = user.objects(version).get(name).await?;
        let Some(map) = user.map(name).await? else { return Ok(None) };
        let status = &object.data["status"];
        let done = status["observedGeneration"].as_i64() == object.metadata.generation
            && status["writes"].as_i64() == Some(writes(&map));
        Ok::<_, Error>(done.then_some((object, map)))
    })
    .await;
    let data = map.data.clone().unwrap_or_default();
    for field in ["size", "maxItemSize", "threads"] {
        if let Some(value) = kept.spec(field) {
            assert_eq!(data.get(field), Some(&value.to_string()), "{what}: {field}");
        }
    }
    assert_eq!(kept.answered(&object, None), Ok(false));
    assert_eq!(kept.counts("ConfigMap", writes(&map)), Ok(()));
}
