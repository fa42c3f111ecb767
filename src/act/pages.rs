//! One page of a shared CRD's stored objects: listed, then each judged, written as it is, or freed of versions that go. What is
//! done is data ([`PageWork`]); a page that ended half-way is done again from its start, which harms nobody: every write is of one
//! object as it was listed, and changes nothing that a person or an operator wrote.
use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use futures::{StreamExt as _, TryStreamExt as _, stream};
use http::Method;
use serde_json::Value;

use super::{
    Failure, Writer,
    meaning::{self, Listing, Meaning},
    requests::{self, Wanted},
    stored::{self, Target, Text},
};
use crate::{
    domain::{
        crd::page::{PageDone, PageFailure},
        world::FaultKind,
    },
    election::Term,
    plan::crds::step::{PageWork, What},
};

/// How long a list may take. It is no write: what bounds those, so that none lands in somebody else's term, is too short for
/// 500 objects of up to 1.5 MiB, etcd's own bound.
const LIST: Duration = Duration::from_mins(1);

/// How long a page may take beside its gaps: well within the 5 minutes at least that a list's snapshot lives, so that the next
/// page finds it.
const WHOLE: Duration = Duration::from_mins(4);

/// Times that an object is looked at again because somebody wrote it in between. Each takes milliseconds.
const CHANGES: u32 = 8;
/// What is said of one that is still written in between.
const RESTLESS: &str = "changed each time it was written";

/// Says what is wrong with an object, in as few or as many words as it likes; nothing of a good one.
pub type Judge = Box<dyn Fn(&Value) -> Vec<String> + Send + Sync>;
/// Makes one of a schema.
pub type Compile = fn(&Value) -> Judge;

/// How fast a page is gone through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// Requests at once, at least 1.
    pub at_once: usize,
    /// Least time between the beginnings of two requests: 10 ms are 100 a second. Zero: as fast as they are answered.
    pub gap: Duration,
}

impl Default for Pace {
    /// Eight at once, no gap: about a fifth of the API server's seats that the chart gives Leasehold's work, so that tenants' own
    /// writes go on beside it.
    fn default() -> Self {
        Self { at_once: 8, gap: Duration::ZERO }
    }
}

/// Requests take turns, so that they begin at least so far apart.
struct Turn {
    gap: Duration,
    next: Mutex<Option<tokio::time::Instant>>,
}

impl Turn {
    /// Ends when it is this one's turn.
    fn come(&self) -> impl Future<Output = ()> {
        let due = (!self.gap.is_zero()).then(|| {
            let now = tokio::time::Instant::now();
            let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
            let due = next.map_or(now, |next| next.max(now));
            *next = Some(due + self.gap);
            due
        });
        async move {
            if let Some(due) = due {
                tokio::time::sleep_until(due).await;
            }
        }
    }
}

impl Writer {
    /// Goes through one page.
    ///
    /// # Errors
    /// When it is not known what became of all of its objects: the page is to be done again. What only a person can change is no
    /// error but counted in the page. [`FaultKind::Invalid`]: an object is stored at a version that is gone, so that no list works.
    pub async fn page(&self, term: &Term, work: &PageWork, pace: Pace, compile: Compile) -> Result<PageDone, Failure> {
        let begun = Instant::now();
        let failed = |why: &str| Err(Failure::new(spoken(work), FaultKind::Transient, why));
        let page = tokio::select! {
            () = term.cancelled() => failed("leadership ended"),
            () = tokio::time::sleep(WHOLE + pace.gap * requests::LONGEST) => failed("the page took too long"),
            page = self.go_through(term, work, pace, compile) => page,
        };
        let (kind, took) = (spoken(work), begun.elapsed());
        let what = work.what.name();
        match &page {
            Ok(PageDone { seen, failed, remaining, restarted, .. }) => {
                tracing::info!(kind, what, seen, failed, remaining, restarted, ?took, "a page is done");
            }
            Err(failure) => tracing::warn!(kind, what, %failure, ?took, "a page is to be done again"),
        }
        page
    }

    async fn go_through(
        &self,
        term: &Term,
        work: &PageWork,
        pace: Pace,
        compile: Compile,
    ) -> Result<PageDone, Failure> {
        let (text, restarted) = self.listed(term, work).await?;
        let mut page = PageDone { restarted, ..PageDone::default() };
        let wanted = requests::read(&text, work, compile, &mut page).map_err(|error| {
            Failure::new(spoken(work), FaultKind::Transient, format!("the list cannot be read: {error}"))
        })?;
        drop(text);
        let turn = Turn { gap: pace.gap, next: Mutex::default() };
        let requests = wanted.into_iter().map(|wanted| self.brought_about(term, work, wanted, &turn));
        let mut answers = stream::iter(requests).buffer_unordered(pace.at_once.max(1));
        while let Some(failure) = answers.try_next().await? {
            page.count(failure);
        }
        page.failures.sort_by(|a, b| a.object.cmp(&b.object));
        Ok(page)
    }

    /// The page as text, and whether it could not begin where the one before ended.
    async fn listed(&self, term: &Term, work: &PageWork) -> Result<(Vec<u8>, bool), Failure> {
        let (mut token, mut expired, mut limit, mut tries) = (work.continue_.clone(), false, work.limit, 0);
        loop {
            still_leads(term, &spoken(work))?;
            let request = requests::list(work, limit, token.as_deref())?;
            let Ok(answer) = tokio::time::timeout(LIST, stored::text(&self.client, request)).await else {
                return Err(Failure::new(spoken(work), FaultKind::Transient, format!("no list within {LIST:?}")));
            };
            let error = match answer {
                Ok(Text::Whole(text)) => return Ok((text, expired)),
                Ok(Text::TooLong) if limit > 1 => {
                    limit = limit.min(requests::LONGEST) / 2;
                    continue;
                }
                Ok(Text::TooLong) => {
                    return Err(Failure::new(spoken(work), FaultKind::Invalid, "an object is too large"));
                }
                Err(error) => error,
            };
            tries += 1;
            let meaning = match &error {
                kube::Error::Api(status) => meaning::of_list(status, tries),
                _ => Listing::Failed,
            };
            match meaning {
                Listing::Expired(given) if !expired => (token, expired) = (given, true),
                Listing::Wait(pause) => tokio::time::sleep(pause).await,
                Listing::Unreadable => return Err(unreadable(work, &error)),
                Listing::Expired(_) | Listing::Failed => return Err(Failure::from_kube(spoken(work), &error)),
            }
        }
    }

    /// One object, until it is known what became of it. None: it is as it should be.
    async fn brought_about(
        &self,
        term: &Term,
        work: &PageWork,
        mut wanted: Wanted,
        turn: &Turn,
    ) -> Result<Option<PageFailure>, Failure> {
        let name = wanted.target.spoken();
        let object = format!("{} {name}", spoken(work));
        let mean = match work.what {
            What::Rehearse => meaning::of_rehearsal,
            _ if wanted.method == Method::POST => meaning::of_trial,
            _ => meaning::of_write,
        };
        let (mut tries, mut changes) = (1, 0);
        loop {
            turn.come().await;
            let request = requests::write(work, &wanted)?;
            let Err(error) = self.send(term, &object, self.client.request_text(request)).await? else {
                return Ok(None);
            };
            let kube::Error::Api(status) = &error else { return Err(Failure::from_kube(object, &error)) };
            match mean(status, tries) {
                Meaning::Done => return Ok(None),
                Meaning::Changed if changes == CHANGES => return Ok(Some(PageFailure::new(name, RESTLESS))),
                Meaning::Changed => match self.left_to_do(term, work, &wanted.target, turn).await? {
                    None => return Ok(None),
                    Some(Ok(left)) => (wanted, changes) = (left, changes + 1),
                    Some(Err(failure)) => return Ok(Some(failure)),
                },
                Meaning::Wait(pause) => {
                    tries += 1;
                    tokio::time::sleep(pause).await;
                }
                Meaning::Refused => return Ok(Some(PageFailure::new(name, &status.message))),
                Meaning::Lost => return Err(Failure::from_kube(object, &error)),
            }
        }
    }
}

impl Writer {
    /// Of an object that somebody wrote since it was listed. With that it is stored at the storage version; but whoever owned a
    /// field of it at a version that goes still does.
    async fn left_to_do(
        &self,
        term: &Term,
        work: &PageWork,
        target: &Target,
        turn: &Turn,
    ) -> Result<Option<Result<Wanted, PageFailure>>, Failure> {
        let What::Disown { versions } = &work.what else { return Ok(None) };
        turn.come().await;
        let object = format!("{} {}", spoken(work), target.spoken());
        let request = self.client.request_text(requests::look(work, target)?);
        let text = self.send(term, &object, request).await?.map_err(|error| Failure::from_kube(&object, &error))?;
        requests::disown_again(&text, work, versions)
            .map_err(|error| Failure::new(object, FaultKind::Transient, format!("it cannot be read: {error}")))
    }
}

fn unreadable(work: &PageWork, error: &kube::Error) -> Failure {
    let why = format!(
        "an object is stored at a version that the definition lacks, so that none can be listed: add that version again, with served: false, then write the object ({})",
        Failure::from_kube("", error).message
    );
    Failure::new(spoken(work), FaultKind::Invalid, why)
}

fn still_leads(term: &Term, object: &str) -> Result<(), Failure> {
    term.check().map_err(|expired| Failure::new(object, FaultKind::Transient, expired.to_string()))
}

/// The kind as people name it.
pub(super) fn spoken(work: &PageWork) -> String {
    format!("{}.{}.{}", work.plural, work.version, work.group)
}
