//! The thin shell around the core: one task, one request in flight, one timer, one watch.
//!
//! Flows in: answers, sightings, the clock, the wish to stop. Flows out: the core's actions, carried out in order.
//! It must never decide anything about leadership, and never await anything but the next event.
use std::{future::Future, pin::Pin, sync::mpsc, time::Duration};

use kube::Client;
use tokio::{
    sync::watch::{Receiver, Sender},
    time::Instant,
};

use super::{
    clock::BootInstant,
    config::ElectorConfig,
    core::{Action, Answer, Event, Outcome, Phase, Reason, Request, RequestId, Setup, State, step},
    elector::Leadership,
    events::Events,
    heartbeat::Heartbeat,
    lease_api::{LeaseApi, Reply},
    record::Lease,
    term::{Epoch, Overseen, Tenure},
    watch::LeaseWatch,
};

/// Timers stand still while the machine sleeps: look at the clock at least this often.
const LONGEST_NAP: Duration = Duration::from_secs(1);
/// A standby has no deadline of its own while it waits for an answer; its sign of life must not wait with it.
const LONGEST_STANDBY_NAP: Duration = Duration::from_secs(10);
/// So many changes in a row that the watch has not shown, and it is taken for dead.
const MOST_UNSEEN: u32 = 3;

type Boxed<T> = Pin<Box<dyn Future<Output = T> + Send>>;

pub(super) struct Shell {
    state: State,
    config: ElectorConfig,
    api: LeaseApi,
    watch: LeaseWatch,
    events: Option<Events>,
    watchdog: mpsc::Sender<Overseen>,
    publish: Sender<Leadership>,
    stopped: Receiver<bool>,
    heartbeat: Heartbeat,
    stopping: bool,
    flight: Option<Flight>,
    tenure: Option<Tenure>,
    drain: Option<Boxed<()>>,
    trouble: Option<String>,
    unseen: u32,
}

struct Flight {
    id: RequestId,
    /// Set for renewals: their latency is a metric.
    renewal_sent: Option<Instant>,
    reply: Boxed<Reply>,
}

impl Shell {
    pub(super) fn new(
        client: Client,
        config: ElectorConfig,
        watchdog: mpsc::Sender<Overseen>,
        publish: Sender<Leadership>,
        stopped: Receiver<bool>,
        heartbeat: Heartbeat,
    ) -> Self {
        let setup = Setup {
            identity: config.identity.clone(),
            nonce: uuid::Uuid::new_v4().to_string(),
            timings: config.timings,
            drain_timeout: config.drain_timeout,
            seed: rand::random(),
        };
        let api = LeaseApi::new(client.clone(), &config);
        let events = Events::new(config.events.then_some(client), &config.namespace, &config.identity);
        if let Some(metrics) = &config.metrics {
            metrics.standing_by(&config.lease_name);
        }
        Self {
            state: State::new(setup, BootInstant::now()),
            watch: LeaseWatch::new(api.clone()),
            events: Some(events),
            config,
            api,
            watchdog,
            publish,
            stopped,
            heartbeat,
            stopping: false,
            flight: None,
            tenure: None,
            drain: None,
            trouble: None,
            unseen: 0,
        }
    }

    pub(super) async fn run(mut self) {
        let mut event = Event::Tick;
        while !matches!(self.state.phase(), Phase::Ended(_)) {
            self.advance(event);
            event = self.next_event().await;
        }
        if let Some(events) = self.events.take() {
            events.flush().await;
        }
    }

    fn advance(&mut self, event: Event) {
        self.watch_the_watch(&event);
        let before = self.state.lease().cloned();
        for action in step(&mut self.state, event, BootInstant::now()) {
            self.perform(action, before.as_ref());
        }
        self.count_transitions(before.as_ref());
        self.publish_standby();
    }

    async fn next_event(&mut self) -> Event {
        if matches!(self.state.phase(), Phase::Ended(_)) {
            return Event::Tick;
        }
        let nap = self.nap();
        self.heartbeat.next(BootInstant::now() + nap);
        let Self { stopped, stopping, flight, drain, watch, .. } = self;
        let finished = tokio::select! {
            // Any event makes the core look at the clock, so none of these can starve a deadline.
            biased;
            // An elector that was dropped is one that was told to stop.
            _ = stopped.wait_for(|stop| *stop), if !*stopping => {
                *stopping = true;
                return Event::Shutdown;
            }
            reply = reply(flight), if flight.is_some() => reply,
            () = drained(drain), if drain.is_some() => {
                *drain = None;
                return Event::Drained;
            }
            sighting = watch.next() => return Event::Watched(sighting),
            () = tokio::time::sleep(nap) => return Event::Tick,
        };
        self.landed(finished)
    }

    /// Until the core's next deadline. While leading not long enough to sleep through the end of a suspend.
    fn nap(&self) -> Duration {
        let left = self.state.next_wake().map_or(Duration::MAX, |at| BootInstant::now().until(at));
        let longest = if self.tenure.is_some() { LONGEST_NAP } else { LONGEST_STANDBY_NAP };
        left.min(longest)
    }

    fn landed(&mut self, reply: Reply) -> Event {
        let Some(flight) = self.flight.take() else { return Event::Tick };
        if let (Some(sent), Answer::Found(_), Some(metrics)) =
            (flight.renewal_sent, &reply.answer, &self.config.metrics)
        {
            metrics.renewed(&self.config.lease_name, sent.elapsed().as_secs_f64());
        }
        if let Some(trouble) = reply.trouble.as_deref().filter(|t| self.trouble.as_deref() != Some(t)) {
            tracing::warn!(lease = self.config.lease_name, "{trouble}");
        }
        self.trouble = reply.trouble;
        Event::Answered(flight.id, reply.answer)
    }

    /// A watch that says nothing while the Lease changes is dead, whatever TCP thinks.
    fn watch_the_watch(&mut self, event: &Event) {
        match event {
            Event::Watched(_) => self.unseen = 0,
            Event::Answered(_, Answer::Found(lease)) if self.state.lease() != Some(lease) => self.unseen += 1,
            _ => return,
        }
        if self.unseen >= MOST_UNSEEN {
            self.unseen = 0;
            self.watch.distrust();
        }
    }

    fn perform(&mut self, action: Action, before: Option<&Lease>) {
        match action {
            Action::Send { id, request, deadline } => self.send(id, request, deadline),
            Action::OpenTerm { epoch, valid_until, resource_version } => {
                self.open_term(epoch, valid_until, resource_version);
            }
            Action::ExtendTerm { valid_until } => {
                if let Some(tenure) = &self.tenure {
                    tenure.extend(valid_until);
                }
            }
            Action::CancelTerm => self.cancel_term(before),
            Action::Drain => self.drain = self.tenure.as_ref().map(|t| Box::pin(t.drained()) as Boxed<()>),
            Action::End(outcome) => self.end(outcome),
        }
    }

    fn send(&mut self, id: RequestId, request: Request, deadline: BootInstant) {
        let renewal_sent = matches!(request, Request::Renew { .. }).then(Instant::now);
        let reply = Box::pin(self.api.clone().send(request, deadline));
        self.flight = Some(Flight { id, renewal_sent, reply });
    }

    fn open_term(&mut self, epoch: Epoch, valid_until: BootInstant, resource_version: String) {
        let name = &self.config.lease_name;
        tracing::info!(lease = name, identity = self.config.identity, transitions = epoch.transitions, "became leader");
        let (tenure, term) = Tenure::open(epoch, resource_version, valid_until);
        if self.watchdog.send(tenure.overseen()).is_err() {
            tracing::error!(lease = name, "the watchdog is gone: not leading without it");
            tenure.cancel();
        }
        if let Some(metrics) = &self.config.metrics {
            metrics.leading(name, term.clone());
        }
        self.tenure = Some(tenure);
        self.publish.send_replace(Leadership::Leading { term });
        self.announce("became leader", None);
    }

    fn cancel_term(&mut self, before: Option<&Lease>) {
        if let Some(tenure) = &self.tenure {
            tenure.cancel();
        }
        self.announce("stopped leading", before);
    }

    fn announce(&mut self, what: &str, lease: Option<&Lease>) {
        let lease = self.state.lease().or(lease);
        if let Some(events) = &mut self.events {
            events.announce(lease, what);
        }
    }

    fn end(&mut self, outcome: Outcome) {
        let lost = if let Outcome::Lost(reason) = outcome { Some(reason) } else { None };
        tracing::info!(lease = self.config.lease_name, ?outcome, "the election ended");
        if let Some(metrics) = &self.config.metrics {
            metrics.stopped(&self.config.lease_name, lost);
        }
        self.tenure = None;
        self.flight = None;
        self.publish.send_replace(Leadership::Ended { reason: outcome });
    }

    fn count_transitions(&self, before: Option<&Lease>) {
        let (Some(metrics), Some(before), Some(now)) = (&self.config.metrics, before, self.state.lease()) else {
            return;
        };
        let grown = i64::from(now.transitions()) - i64::from(before.transitions());
        let times = if now.uid() == before.uid() { u64::try_from(grown).unwrap_or(0) } else { 1 };
        metrics.changed_hands(&self.config.lease_name, times);
    }

    fn publish_standby(&self) {
        let Phase::Standby(standby) = self.state.phase() else { return };
        let seen = standby.lease();
        let next = (seen.and_then(Lease::holder), seen.map_or(0, Lease::transitions), self.trouble.as_deref());
        self.publish.send_if_modified(|current| {
            if let Leadership::Standby { holder, transitions, trouble } = current
                && (holder.as_deref(), *transitions, trouble.as_deref()) == next
            {
                return false;
            }
            let holder = next.0.map(str::to_owned);
            *current = Leadership::Standby { holder, transitions: next.1, trouble: next.2.map(str::to_owned) };
            true
        });
    }
}

impl Drop for Shell {
    /// Only a panic or the end of the runtime gets here without an end having been published.
    fn drop(&mut self) {
        self.publish.send_if_modified(|current| {
            let died = !matches!(current, Leadership::Ended { .. });
            if died {
                *current = Leadership::Ended { reason: Outcome::Lost(Reason::ElectorDied) };
            }
            died
        });
    }
}

async fn reply(flight: &mut Option<Flight>) -> Reply {
    match flight {
        Some(flight) => flight.reply.as_mut().await,
        None => std::future::pending().await,
    }
}

async fn drained(drain: &mut Option<Boxed<()>>) {
    match drain {
        Some(drain) => drain.as_mut().await,
        None => std::future::pending().await,
    }
}
