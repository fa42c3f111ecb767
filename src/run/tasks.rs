//! Planned writes → tasks. Each task is one step of one subject; two steps of one subject never run at once.
use std::{panic::AssertUnwindSafe, sync::Arc, time::Duration};

use futures::{FutureExt, future::BoxFuture};
use kube::{Resource as _, api::DynamicObject};

use super::{bulletin::Bulletin, metrics::Metrics, subject::Subject};
use crate::{
    act::{self, Answers, Failure, Found, Outcome, Writer},
    api::{Grant, Rollout, RolloutSlice, Sweep, Tenant, Upgrade},
    domain::world::{FaultKind, Pledge, Undecodable, World},
    election::Term,
    observe::Source,
    plan::{
        NoteStep, ReleaseStep,
        notice::{self, Notice},
        rollout::Decisions,
        slices::Staged,
        tenant::Step,
    },
};

/// A task that may be started.
pub struct Job {
    pub subject: Subject,
    /// While something about one of them is under way, this is not begun.
    pub apart: Vec<Subject>,
    /// The grant that it writes: it counts as given until the answer is here.
    pub grant: Option<Grant>,
    /// The CRD that it changes so that old operators could not work with it: until the answer is here it counts as changed.
    pub pledge: Option<(String, Pledge)>,
    pub work: BoxFuture<'static, Done>,
}

/// A task that ended.
#[derive(Debug)]
pub struct Done {
    pub subject: Subject,
    pub step: &'static str,
    pub answers: Answers,
    pub failure: Option<Failure>,
    /// What no watch shows.
    pub found: Option<Found>,
    /// Fields that somebody had changed were put back.
    pub repaired: bool,
    /// UID of a pod that was evicted.
    pub evicted: Option<String>,
    /// UID of a pod that was marked, or whose mark was refused.
    pub marked: Option<String>,
    /// A change of version whose proof was written.
    pub upgrade: Option<Upgrade>,
    /// What is gone by this write.
    pub ended: Option<(Source, DynamicObject)>,
    /// How far a pass over the stored objects of a CRD has come.
    pub swept: Option<(String, Sweep)>,
}

impl Done {
    pub(super) fn new(subject: Subject, step: &'static str) -> Self {
        Self {
            subject,
            step,
            answers: Answers::new(),
            failure: None,
            found: None,
            repaired: false,
            evicted: None,
            marked: None,
            upgrade: None,
            ended: None,
            swept: None,
        }
    }

    /// Whether it is known what became of the write.
    #[must_use]
    pub fn settled(&self) -> bool {
        self.failure.as_ref().is_none_or(|failure| failure.kind != FaultKind::Transient)
    }
}

/// Makes tasks.
#[derive(Clone)]
pub struct Tasks {
    /// How long one step of a tenant may take as a whole.
    pub bound: Duration,
    pub writer: Writer,
    pub bulletin: Bulletin,
}

impl Tasks {
    /// The next step of a tenant.
    #[must_use]
    pub fn tenant(&self, term: &Term, world: &World, name: &str, step: &Step) -> Option<Job> {
        let tenant = world.tenants.get(name)?.tenant.clone()?;
        let grant = match step {
            Step::Status(status) if status.granted != tenant.status.as_ref().and_then(|s| s.granted.clone()) => {
                status.granted.clone()
            }
            _ => None,
        };
        let subject = Subject::Tenant(name.to_owned());
        let (tasks, term, step, about) = (self.clone(), term.clone(), step.clone(), subject.clone());
        let work = async move {
            let taken = tokio::time::timeout(tasks.bound, tasks.writer.step(&term, &tenant, &step)).await;
            let Outcome { answers, failure, found } = taken.unwrap_or_else(|_| tasks.too_long(&step));
            log(&tenant, &step, failure.as_ref());
            let failure = failure.filter(|failure| !step.forgives(failure.kind));
            if failure.is_none() {
                let mut notices = notice::of_step(&step, tenant.status.as_ref());
                if let Some(Found::LookedUp(lookups)) = &found {
                    notices.extend(notice::left_behind(lookups));
                }
                tasks.bulletin.tell(&tenant.object_ref(&()), step.name(), notices);
            }
            let succeeded = failure.is_none();
            let evicted =
                if let (Step::Evict { uid, .. }, true) = (&step, succeeded) { Some(uid.clone()) } else { None };
            let marked = if let (Step::Mark { uid, .. }, true) = (&step, succeeded) { Some(uid.clone()) } else { None };
            let upgrade = step.upgrade(tenant.status.as_ref()).filter(|_| succeeded).cloned();
            let repaired = step.repairs() && succeeded;
            Done { answers, failure, found, repaired, evicted, marked, upgrade, ..Done::new(about, step.name()) }
        };
        Some(Job { subject, apart: Vec::new(), grant, pledge: None, work: Box::pin(work) })
    }

    /// What was written before the time was up is for the watch to tell.
    fn too_long(&self, step: &Step) -> Outcome {
        let why = format!("the step did not end within {:?}; it goes on from what it wrote", self.bound);
        Outcome { failure: Some(Failure::new(step.name(), FaultKind::Transient, why)), ..Outcome::default() }
    }

    /// What the wave engine decided about Rollouts themselves.
    #[must_use]
    pub fn rollouts(&self, term: &Term, world: &World, decisions: Decisions, staged: Staged) -> Vec<Job> {
        let mut jobs: Vec<Job> = self.slices(term, world, staged.slices, &staged.delete);
        for rollout in staged.create {
            jobs.push(self.rollout(
                term,
                rollout,
                "create",
                |w, t, r| Box::pin(async move { w.create_rollout(&t, &r).await }),
                Vec::new(),
            ));
        }
        for (name, status) in decisions.status {
            let Some(rollout) = world.rollouts.get(&name) else { continue };
            let told = decisions.events.iter().filter(|e| e.rollout == name);
            let told = told
                .map(|e| Notice { warning: e.warning, reason: e.reason.to_string(), note: e.note.clone() })
                .collect();
            jobs.push(self.rollout(
                term,
                rollout.clone(),
                "status",
                move |w, t, r| Box::pin(async move { w.rollout_status(&t, &r, &status).await }),
                told,
            ));
        }
        for name in decisions.delete {
            let Some(rollout) = world.rollouts.get(&name) else { continue };
            jobs.push(self.rollout(
                term,
                rollout.clone(),
                "delete",
                |w, t, r| Box::pin(async move { w.delete_rollout(&t, &r).await }),
                Vec::new(),
            ));
        }
        jobs
    }

    /// Parts of plans that come and go. None goes while its Rollout is being created, and the other way round.
    fn slices(&self, term: &Term, world: &World, create: Vec<RolloutSlice>, delete: &[String]) -> Vec<Job> {
        let creation = |slice: RolloutSlice| {
            let subject = Subject::Slice(slice.metadata.name.clone().unwrap_or_default());
            let (writer, term, about) = (self.writer.clone(), term.clone(), subject.clone());
            let work = async move { done(about, "slice", writer.create_slice(&term, &slice).await) };
            Job { subject, apart: Vec::new(), grant: None, pledge: None, work: Box::pin(work) }
        };
        let deletion = |slice: &Arc<RolloutSlice>| {
            let (writer, term, slice) = (self.writer.clone(), term.clone(), slice.clone());
            let subject = Subject::Slice(slice.metadata.name.clone().unwrap_or_default());
            let apart = vec![Subject::Rollout(slice.spec.rollout.clone())];
            let about = subject.clone();
            let work = async move {
                let result = writer.delete_slice(&term, &slice).await;
                let gone = result.as_ref().is_ok_and(Vec::is_empty);
                let ended = if gone { act::dynamic(&*slice) } else { None };
                Done { ended: ended.map(|object| (Source::Slices, object)), ..done(about, "unslice", result) }
            };
            Job { subject, apart, grant: None, pledge: None, work: Box::pin(work) }
        };
        let deletions = delete.iter().filter_map(|name| world.slices.get(name)).map(deletion);
        create.into_iter().map(creation).chain(deletions).collect()
    }

    fn rollout(
        &self,
        term: &Term,
        rollout: Rollout,
        step: &'static str,
        write: impl FnOnce(Writer, Term, Rollout) -> BoxFuture<'static, Result<Answers, Failure>> + Send + 'static,
        told: Vec<Notice>,
    ) -> Job {
        let subject = Subject::Rollout(rollout.metadata.name.clone().unwrap_or_default());
        let apart = rollout.spec.waves.iter().flat_map(|wave| &wave.slices).cloned().map(Subject::Slice).collect();
        let (tasks, term, about) = (self.clone(), term.clone(), subject.clone());
        let work = async move {
            let result = write(tasks.writer.clone(), term, rollout.clone()).await;
            if result.is_ok() {
                tasks.bulletin.tell(&rollout.object_ref(&()), step, told);
            }
            done(about, step, result)
        };
        Job { subject, apart, grant: None, pledge: None, work: Box::pin(work) }
    }

    /// Says on a Tenant that it cannot be decoded.
    #[must_use]
    pub fn undecodable(&self, term: &Term, name: String, found: Undecodable) -> Job {
        let subject = Subject::Tenant(name.clone());
        let (tasks, term, about) = (self.clone(), term.clone(), subject.clone());
        let work = async move {
            let result = tasks.writer.undecodable(&term, &name, &found).await;
            done(about, "undecodable", result)
        };
        Job { subject, apart: Vec::new(), grant: None, pledge: None, work: Box::pin(work) }
    }

    /// A step of a release.
    #[must_use]
    pub fn release(&self, term: &Term, world: &World, step: ReleaseStep) -> Option<Job> {
        let name = &step.release;
        let release = world.releases.get(name)?.clone();
        let subject = Subject::Release(name.clone());
        let (tasks, term, about) = (self.clone(), term.clone(), subject.clone());
        let work = async move {
            let result = tasks.writer.release(&term, &release, &step).await;
            done(about, "release", result)
        };
        Some(Job { subject, apart: Vec::new(), grant: None, pledge: None, work: Box::pin(work) })
    }

    /// What is said of a window or of an approval.
    #[must_use]
    pub fn note(&self, term: &Term, world: &World, step: NoteStep) -> Option<Job> {
        let (writer, term) = (self.writer.clone(), term.clone());
        let (subject, work): (Subject, BoxFuture<'static, Result<Answers, Failure>>) = match step {
            NoteStep::Window { name, status } => {
                let window = world.windows.get(&name)?.clone();
                let work = async move { writer.window_status(&term, &window, &status).await };
                (Subject::Window(name), Box::pin(work))
            }
            NoteStep::Approval { name, status } => {
                let approval = world.approvals.get(&name)?.clone();
                let work = async move { writer.approval_status(&term, &approval, &status).await };
                (Subject::Approval(name), Box::pin(work))
            }
        };
        let about = subject.clone();
        let work = async move { done(about, "note", work.await) };
        Some(Job { subject, apart: Vec::new(), grant: None, pledge: None, work: Box::pin(work) })
    }
}

/// The job, with a panic in it turned into a failure: it ends that job only, and is tried again like any other.
pub async fn unpanicked(job: Job, metrics: Arc<Metrics>) -> Done {
    if let Ok(done) = AssertUnwindSafe(job.work).catch_unwind().await {
        return done;
    }
    metrics.panics.inc();
    let failure = Failure::new(job.subject.name(), FaultKind::Transient, "the write panicked: please report this");
    Done { failure: Some(failure), ..Done::new(job.subject, "panic") }
}

pub(super) fn done(subject: Subject, step: &'static str, result: Result<Answers, Failure>) -> Done {
    match result {
        Ok(answers) => Done { answers, ..Done::new(subject, step) },
        Err(failure) => {
            tracing::warn!(subject = subject.name(), step, %failure, "write failed");
            Done { failure: Some(failure), ..Done::new(subject, step) }
        }
    }
}

fn log(tenant: &Tenant, step: &Step, failure: Option<&Failure>) {
    let name = tenant.metadata.name.as_deref().unwrap_or_default();
    let revision = tenant.status.as_ref().and_then(|s| s.granted.as_ref()).map(|g| g.revision.as_str());
    if let Some(failure) = failure {
        tracing::warn!(tenant = name, revision, step = step.name(), %failure, "write failed");
    } else {
        tracing::info!(tenant = name, revision, step = step.name(), "done");
    }
}
