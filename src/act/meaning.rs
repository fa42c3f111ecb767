//! What the API server's answer to a write of a stored object, or to a list of them, means for the page it belongs to. Pure.
use std::time::Duration;

use kube::core::Status;

/// The first pause when the API server is too busy and does not say for how long: it says 1 s itself (`Retry-After` on a 429 of
/// priority and fairness, which reaches nobody behind the client).
const FIRST: Duration = Duration::from_secs(1);
/// The longest pause between two tries.
const LONGEST: Duration = Duration::from_secs(15);
/// Tries of one request. With the pauses, about a minute: then the whole page waits its turn again.
const TRIES: u32 = 8;

/// What became of the write of one object.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    /// The object is gone: nothing is wanted of it any more.
    Done,
    /// Somebody wrote it meanwhile. Whether what was wanted of it came about with that, the one who wanted it knows.
    Changed,
    /// Nothing happened: ask again later.
    Wait(Duration),
    /// No until somebody changes something.
    Refused,
    /// Unknown, or nothing to do with this object: the page ends here and is done again.
    Lost,
}

/// `tries`: how many times the API server was too busy, this one counted if it is.
pub(super) fn of_write(status: &Status, tries: u32) -> Meaning {
    match status.code {
        _ if denied_by_admission(status) || too_large(status) => Meaning::Refused,
        404 if names_an_object(status) => Meaning::Done,
        409 if status.reason == "Conflict" => Meaning::Changed,
        400 | 403 | 413 | 422 => Meaning::Refused,
        _ => pause(status, tries).map_or(Meaning::Lost, Meaning::Wait),
    }
}

/// The same of a dry run that creates the object once more: the API server judges it as a whole before it finds the name taken.
/// A write of an object as it is would not do: what does not change is not judged again (KEP-4008, validation ratcheting).
pub(super) fn of_trial(status: &Status, tries: u32) -> Meaning {
    match of_write(status, tries) {
        Meaning::Lost if status.code == 409 && status.reason == "AlreadyExists" => Meaning::Done,
        // Somebody else's dry run of the same name: nothing is known.
        Meaning::Changed => Meaning::Lost,
        // What is asked is whether its schema and rules let it be (422). That there may be no more of its kind, none of this name, or
        // none in a namespace that is being deleted says nothing of the one that is there.
        Meaning::Refused if status.code != 422 && !lacks_the_right(status) => Meaning::Done,
        meaning => meaning,
    }
}

/// The same of a write as it is in a dry run. A webhook with side effects is not asked in one: what it would say is not known, and
/// no reason to wait.
pub(super) fn of_rehearsal(status: &Status, tries: u32) -> Meaning {
    let unasked = status.code == 400 && status.message.contains("does not support dry run");
    if unasked { Meaning::Done } else { of_write(status, tries) }
}

/// What a list that failed leaves to do.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Listing {
    /// The snapshot that the token is of is gone. Go on with this one, which takes the objects as they are now; or from the start.
    Expired(Option<String>),
    Wait(Duration),
    /// An object is stored at a version that the definition has no more: no list of the kind works until it is back.
    Unreadable,
    Failed,
}

pub(super) fn of_list(status: &Status, tries: u32) -> Listing {
    match status.code {
        410 => Listing::Expired(status.metadata.as_ref().and_then(|list| list.continue_.clone())),
        // "request to convert CR from an invalid group/version", or "to an": what is stored names a version that is not there.
        500 if status.message.contains("invalid group/version") => Listing::Unreadable,
        _ => pause(status, tries).map_or(Listing::Failed, Listing::Wait),
    }
}

/// A webhook may answer with any code it likes, a policy with one of four: their words are always these.
fn denied_by_admission(status: &Status) -> bool {
    status.message.contains("denied the request") || status.message.contains("denied request")
}

/// RBAC's refusal, in its words.
fn lacks_the_right(status: &Status) -> bool {
    status.code == 403 && status.message.contains(" cannot create resource ") && !denied_by_admission(status)
}

/// etcd's own refusals, which arrive as a 500.
fn too_large(status: &Status) -> bool {
    status.message.contains("request is too large") || status.message.contains("larger than max")
}

/// A kind that is not served is a 404 as well, and then nothing is known of the object.
fn names_an_object(status: &Status) -> bool {
    status.reason == "NotFound" && status.details.as_ref().is_some_and(|details| !details.name.is_empty())
}

/// As long as the API server says, else doubling. None: not a matter of waiting, or waited long enough.
fn pause(status: &Status, tries: u32) -> Option<Duration> {
    let told = status.details.as_ref().map_or(0, |details| details.retry_after_seconds);
    let busy = matches!(status.code, 429 | 503) || told > 0;
    let doubled = FIRST.saturating_mul(1 << tries.saturating_sub(1).min(10));
    let wanted = if told > 0 { Duration::from_secs(told.into()) } else { doubled };
    (busy && tries < TRIES).then(|| wanted.min(LONGEST))
}

#[cfg(test)]
mod tests {
    use kube::core::response::StatusDetails;

    use super::*;

    fn status(code: u16, reason: &str, message: &str) -> Status {
        Status::failure(message, reason).with_code(code)
    }

    fn with(mut status: Status, name: &str, retry_after_seconds: u32) -> Status {
        status.details = Some(StatusDetails {
            name: name.into(),
            group: String::new(),
            kind: String::new(),
            uid: String::new(),
            causes: Vec::new(),
            retry_after_seconds,
        });
        status
    }

    #[test]
    fn an_object_that_is_gone_is_done_and_one_that_was_written_is_not_the_one_that_was_listed() {
        let gone = with(status(404, "NotFound", "caches \"a\" not found"), "a", 0);
        assert_eq!(of_write(&gone, 1), Meaning::Done);
        assert_eq!(of_write(&status(409, "Conflict", "the object has been modified"), 1), Meaning::Changed);
    }

    #[test]
    fn a_kind_that_is_not_served_proves_nothing_of_its_objects() {
        assert_eq!(of_write(&status(404, "Failed to parse error data", "404 page not found"), 1), Meaning::Lost);
        let nameless = with(status(404, "NotFound", "the server could not find the requested resource"), "", 0);
        assert_eq!(of_write(&nameless, 1), Meaning::Lost);
    }

    #[test]
    fn a_webhook_that_no_dry_run_may_ask_refuses_nothing() {
        let message = "admission webhook \"a.example.com\" does not support dry run";
        let unasked = status(400, "BadRequest", message);
        assert_eq!((of_rehearsal(&unasked, 1), of_write(&unasked, 1)), (Meaning::Done, Meaning::Refused));
        assert_eq!(of_rehearsal(&status(400, "BadRequest", "no"), 1), Meaning::Refused);
    }

    #[test]
    fn a_trial_asks_whether_an_object_may_be_and_not_whether_one_more_may() {
        let refused = |code: u16, message: &str| of_trial(&status(code, "", message), 1);
        for why in [
            "caches \"a\" is forbidden: exceeded quota: all, requested: 1, used: 5, limited: 5",
            "caches \"a\" is forbidden: status unknown for quota: all, resources: count/caches",
            "caches \"a\" is forbidden: unable to create new content in namespace n because it is being terminated",
            "admission webhook \"one.example.com\" denied the request: one of a kind",
        ] {
            assert_eq!(refused(403, why), Meaning::Done, "{why}");
        }
        let right = "caches.example.com is forbidden: User \"l\" cannot create resource \"caches\" in API group \"example.com\"";
        assert_eq!(refused(403, right), Meaning::Refused);
        assert_eq!(refused(422, "caches \"a\" is invalid: spec.size: too large"), Meaning::Refused);
    }

    #[test]
    fn what_only_a_person_can_change_is_refused() {
        for code in [400, 403, 413, 422] {
            assert_eq!(of_write(&status(code, "", "no"), 1), Meaning::Refused, "{code}");
        }
        let webhook = "admission webhook \"a.example.com\" denied the request: not now";
        let policy = "ValidatingAdmissionPolicy 'a' with binding 'b' denied request: no";
        for (code, reason, message) in [
            (409, "Conflict", webhook),
            (503, "", webhook),
            (401, "Unauthorized", policy),
            (500, "", "etcdserver: request is too large"),
            (500, "", "rpc error: code = ResourceExhausted desc = trying to send message larger than max (3 vs. 2)"),
        ] {
            assert_eq!(of_write(&status(code, reason, message), 1), Meaning::Refused, "{code} {message}");
        }
    }

    #[test]
    fn a_busy_api_server_is_waited_for_as_long_as_it_says_and_not_for_ever() {
        let said = with(status(429, "TooManyRequests", ""), "", 3);
        assert_eq!(of_write(&said, 5), Meaning::Wait(Duration::from_secs(3)));
        assert_eq!(of_write(&with(status(503, "", ""), "", 3600), 1), Meaning::Wait(LONGEST));
        assert_eq!(of_write(&with(status(500, "ServerTimeout", ""), "", 2), 1), Meaning::Wait(Duration::from_secs(2)));
        let silent = status(429, "", "");
        let pauses: Vec<Meaning> = (1..=9).map(|tries| of_write(&silent, tries)).collect();
        let wait = |seconds| Meaning::Wait(Duration::from_secs(seconds));
        let wanted = [wait(1), wait(2), wait(4), wait(8), wait(15), wait(15), wait(15), Meaning::Lost, Meaning::Lost];
        assert_eq!(pauses, wanted);
    }

    #[test]
    fn anything_else_ends_the_page() {
        for (code, reason) in [(401, "Unauthorized"), (409, "AlreadyExists"), (500, "InternalError"), (504, "Timeout")]
        {
            assert_eq!(of_write(&status(code, reason, "failed calling webhook"), 1), Meaning::Lost, "{code}");
        }
    }

    #[test]
    fn a_trial_is_good_when_only_its_name_is_taken() {
        assert_eq!(of_trial(&status(409, "AlreadyExists", ""), 1), Meaning::Done);
        assert_eq!(of_trial(&status(422, "Invalid", ""), 1), Meaning::Refused);
        assert_eq!(of_trial(&status(409, "Conflict", ""), 1), Meaning::Lost);
        assert_eq!(of_trial(&status(500, "", ""), 1), Meaning::Lost);
    }

    #[test]
    fn an_expired_list_goes_on_with_the_token_given() {
        let mut expired = status(410, "Expired", "the provided continue parameter is too old");
        assert_eq!(of_list(&expired, 1), Listing::Expired(None));
        expired.metadata = Some(k8s_openapi::apimachinery::pkg::apis::meta::v1::ListMeta {
            continue_: Some("abc".into()),
            ..Default::default()
        });
        assert_eq!(of_list(&expired, 1), Listing::Expired(Some("abc".into())));
    }

    #[test]
    fn a_list_that_one_object_breaks_is_told_apart() {
        let message = "request to convert CR from an invalid group/version: example.com/v1";
        assert_eq!(of_list(&status(500, "", message), 1), Listing::Unreadable);
        assert_eq!(of_list(&status(500, "", "boom"), 1), Listing::Failed);
        assert_eq!(of_list(&status(403, "Forbidden", "no"), 1), Listing::Failed);
        assert_eq!(of_list(&status(429, "", ""), 1), Listing::Wait(FIRST));
    }
}
