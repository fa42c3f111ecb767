//! In: rules of the test, requests. Out: the faults that each request meets before and after it is forwarded.
//! Never: acts itself; that is `forward`'s.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::request::Request;

/// Which requests a rule is about: all, narrowed by each call.
///
/// ```ignore
/// proxy.add(Match::writes().nth(3).before(Fault::Kill));
/// proxy.add(Match::verb("update").resource("leases").name("leasehold").after(Fault::Reset));
/// ```
#[derive(Clone, Default)]
#[must_use]
pub struct Match {
    verb: Option<String>,
    writes: bool,
    work: bool,
    resource: Option<String>,
    subresource: Option<String>,
    namespace: Option<String>,
    name: Option<String>,
    at: Counted,
}

/// Which of the matching requests, counted from 1 by each rule for itself.
#[derive(Clone, Copy, Default)]
enum Counted {
    #[default]
    Each,
    Nth(usize),
    From(usize),
    First(usize),
}

impl Match {
    pub fn any() -> Self {
        Self::default()
    }

    /// As Kubernetes names it (get, list, watch, create, update, patch, delete, deletecollection), and `apply` for
    /// server-side apply.
    pub fn verb(verb: &str) -> Self {
        Self { verb: Some(verb.to_owned()), ..Self::default() }
    }

    /// See [`Request::is_write`].
    pub fn writes() -> Self {
        Self { writes: true, ..Self::default() }
    }

    /// See [`Request::is_work`].
    pub fn work() -> Self {
        Self { work: true, ..Self::default() }
    }

    /// The plural, without group: `deployments`. Its subresources included, unless [`Match::subresource`] says.
    pub fn resource(mut self, resource: &str) -> Self {
        self.resource = Some(resource.to_owned());
        self
    }

    /// `status`, `scale`, …; the empty text for the object itself only.
    pub fn subresource(mut self, subresource: &str) -> Self {
        self.subresource = Some(subresource.to_owned());
        self
    }

    pub fn namespace(mut self, namespace: &str) -> Self {
        self.namespace = Some(namespace.to_owned());
        self
    }

    pub fn name(mut self, name: &str) -> Self {
        self.name = Some(name.to_owned());
        self
    }

    /// Only the `n`th of them, counted from 1 when the rule was added.
    pub fn nth(mut self, n: usize) -> Self {
        self.at = Counted::Nth(n);
        self
    }

    /// The `n`th and all that follow.
    pub fn from(mut self, n: usize) -> Self {
        self.at = Counted::From(n);
        self
    }

    /// The first `n`.
    pub fn first(mut self, n: usize) -> Self {
        self.at = Counted::First(n);
        self
    }

    /// `fault` strikes before the API server sees the request.
    pub fn before(self, fault: Fault) -> Rule {
        Rule { matching: self, after: false, fault }
    }

    /// `fault` strikes when the API server has answered: what was asked has taken effect.
    pub fn after(self, fault: Fault) -> Rule {
        Rule { matching: self, after: true, fault }
    }

    fn accepts(&self, request: &Request) -> bool {
        let is = |wanted: &Option<String>, found: &str| wanted.as_ref().is_none_or(|wanted| wanted == found);
        is(&self.verb, &request.verb)
            && (!self.writes || request.is_write())
            && (!self.work || request.is_work())
            && is(&self.resource, &request.resource)
            && is(&self.subresource, &request.subresource)
            && is(&self.namespace, &request.namespace)
            && is(&self.name, &request.name)
    }
}

impl Counted {
    fn includes(self, count: usize) -> bool {
        match self {
            Self::Each => true,
            Self::Nth(n) => count == n,
            Self::From(n) => count >= n,
            Self::First(n) => count <= n,
        }
    }
}

/// What happens to a request. After [`Fault::Delay`] and [`Fault::Hook`] it goes on, and meets the next rule.
#[derive(Clone)]
pub enum Fault {
    Delay(Duration),
    /// No answer, ever; the connection stays open.
    Hang,
    /// The connection is reset (a TCP RST). After forwarding this is the answer that is lost after the commit.
    Reset,
    /// This answer instead, a `Status` with this code.
    Status {
        code: u16,
        retry_after_seconds: Option<u32>,
    },
    /// After forwarding, of a list: it is answered as if nothing were there.
    EmptyList,
    /// SIGKILL to the attached process; nothing goes on.
    Kill,
    /// Called with the request; then it goes on.
    Hook(Arc<dyn Fn(&Request) + Send + Sync>),
    /// Of a watch: the connection is reset after so many events (bookmarks are not counted).
    CutWatch {
        after: usize,
    },
    /// Of a watch: it ends as a watch does that has timed out, after so many events.
    EndWatch {
        after: usize,
    },
    /// Of a watch: silence after so many events; the connection stays open.
    MuteWatch {
        after: usize,
    },
    /// Of a watch: `410 Gone` as its next event after so many events, then the end.
    ExpireWatch {
        after: usize,
    },
    /// Of a watch: each event comes this much later, in order.
    LagWatch(Duration),
}

impl Fault {
    pub fn status(code: u16) -> Self {
        Self::Status { code, retry_after_seconds: None }
    }

    pub fn hook(hook: impl Fn(&Request) + Send + Sync + 'static) -> Self {
        Self::Hook(Arc::new(hook))
    }

    pub(super) fn is_of_watch(&self) -> bool {
        use Fault::{CutWatch, EndWatch, ExpireWatch, LagWatch, MuteWatch};
        matches!(self, CutWatch { .. } | EndWatch { .. } | MuteWatch { .. } | ExpireWatch { .. } | LagWatch(_))
    }
}

impl fmt::Debug for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Delay(by) => write!(f, "delay {by:?}"),
            Self::Hang => f.write_str("hang"),
            Self::Reset => f.write_str("reset"),
            Self::Status { code, .. } => write!(f, "status {code}"),
            Self::EmptyList => f.write_str("empty list"),
            Self::Kill => f.write_str("kill"),
            Self::Hook(_) => f.write_str("hook"),
            Self::CutWatch { after } => write!(f, "cut watch after {after}"),
            Self::EndWatch { after } => write!(f, "end watch after {after}"),
            Self::MuteWatch { after } => write!(f, "mute watch after {after}"),
            Self::ExpireWatch { after } => write!(f, "410 after {after}"),
            Self::LagWatch(by) => write!(f, "watch lags {by:?}"),
        }
    }
}

/// Made by [`Match::before`] and [`Match::after`].
#[derive(Clone)]
pub struct Rule {
    matching: Match,
    after: bool,
    fault: Fault,
}

/// Names a rule that was added.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RuleId(usize);

/// The faults that one request meets, in the order of the rules.
#[derive(Default)]
pub(super) struct Faults {
    pub before: Vec<Fault>,
    pub after: Vec<Fault>,
    pub of_watch: Vec<Fault>,
}

/// Indexed by [`RuleId`]; a removed rule leaves its place.
#[derive(Default)]
pub(super) struct Rules(Vec<(Option<Rule>, usize)>);

impl Rules {
    pub fn add(&mut self, rule: Rule) -> RuleId {
        self.0.push((Some(rule), 0));
        RuleId(self.0.len() - 1)
    }

    pub fn remove(&mut self, id: RuleId) {
        self.0[id.0].0 = None;
    }

    pub fn matched(&self, id: RuleId) -> usize {
        self.0[id.0].1
    }

    /// Counts `request` and says what it meets.
    pub fn meet(&mut self, request: &Request) -> Faults {
        let mut faults = Faults::default();
        for (rule, count) in &mut self.0 {
            let Some(rule) = rule.as_ref().filter(|rule| rule.matching.accepts(request)) else { continue };
            *count += 1;
            if !rule.matching.at.includes(*count) {
                continue;
            }
            let stage = match (rule.fault.is_of_watch(), rule.after) {
                (true, _) => &mut faults.of_watch,
                (false, true) => &mut faults.after,
                (false, false) => &mut faults.before,
            };
            stage.push(rule.fault.clone());
        }
        faults
    }
}
