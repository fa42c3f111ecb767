//! What a page asks the API server for: its list, then one request about each object that needs one. Pure.
use std::collections::BTreeSet;

use http::{Method, Request, header};
use serde_json::Value;

use super::{
    Failure,
    object::{Object, TOO_DEEP},
    owners,
    pages::{Compile, spoken},
    stored::{self, Named, Target},
};
use crate::{
    domain::{
        crd::page::{PageDone, PageFailure},
        world::FaultKind,
    },
    plan::crds::step::{PageWork, What},
};

/// Objects of a page at most, whatever is asked for: a list's snapshot lives for minutes, and so may the writes of a page last.
pub(super) const LONGEST: u32 = 500;
/// Only what identifies an object, with who owns its fields: content is neither sent nor read.
const METADATA: &str = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1";
/// The same of one object.
const ANSWER: &str = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1";
const CONTENT: &str = "application/json";

/// A request about one object of the page.
pub(super) struct Wanted {
    pub target: Target,
    pub method: Method,
    body: Value,
}

/// Takes the page's objects one by one: those that are judged here are counted, the rest is what there is to ask for.
pub(super) fn read(
    text: &[u8],
    work: &PageWork,
    compile: Compile,
    page: &mut PageDone,
) -> serde_json::Result<Vec<Wanted>> {
    let mut wanted = Vec::new();
    let patch = |target: Target, body: Value| Wanted { target, method: Method::PATCH, body };
    let meta = match &work.what {
        What::Rewrite | What::Rehearse => stored::each(text, |Named { metadata }| {
            let body = metadata.as_it_is();
            wanted.push(patch(metadata, body));
        }),
        What::Disown { versions } => stored::each(text, |object| match disown(object, work, versions) {
            Some(Ok(disowned)) => wanted.push(disowned),
            failed => page.count(failed.and_then(Result::err)),
        }),
        What::Validate { schema, dry_run } => {
            let judge = compile(schema);
            stored::each(text, |Object { target, value, too_deep }| {
                let wrong = if too_deep { TOO_DEEP.to_owned() } else { judge(&value).join("; ") };
                if wrong.is_empty() && *dry_run {
                    let body = again(value);
                    wanted.push(Wanted { target, method: Method::POST, body });
                } else {
                    page.count((!wrong.is_empty()).then(|| PageFailure::new(target.spoken(), &wrong)));
                }
            })
        }
    }?;
    page.continue_ = meta.continue_.filter(|token| !token.is_empty());
    page.remaining = meta.remaining_item_count;
    Ok(wanted)
}

/// What has nobody own a field of that object at one of these versions; nothing where nobody does. An owner of what lies too deep
/// would be written without it.
fn disown(object: Object, work: &PageWork, versions: &BTreeSet<String>) -> Option<Result<Wanted, PageFailure>> {
    let Object { target, value, too_deep } = object;
    let entries = value["metadata"]["managedFields"].as_array()?;
    let moved = owners::moved(entries, &work.group, versions, &work.version)?;
    if too_deep {
        return Some(Err(PageFailure::new(target.spoken(), TOO_DEEP)));
    }
    let mut body = target.as_it_is();
    body["metadata"]["managedFields"] = moved.into();
    Some(Ok(Wanted { target, method: Method::PATCH, body }))
}

/// The same of the object that [`look`] found, if it is there.
pub(super) fn disown_again(
    text: &str,
    work: &PageWork,
    versions: &BTreeSet<String>,
) -> serde_json::Result<Option<Result<Wanted, PageFailure>>> {
    let mut left = None;
    stored::each(text.as_bytes(), |object| left = disown(object, work, versions))?;
    Ok(left)
}

/// The object as somebody would create it: without what the API server alone writes.
fn again(mut object: Value) -> Value {
    let Some(metadata) = object["metadata"].as_object_mut() else { return object };
    metadata.retain(|key, _| matches!(key.as_str(), "name" | "namespace" | "labels" | "annotations"));
    object
}

pub(super) fn list(work: &PageWork, limit: u32, token: Option<&str>) -> Result<Request<Vec<u8>>, Failure> {
    let limit = limit.clamp(1, LONGEST);
    let from = token.map_or_else(String::new, |token| format!("&continue={}", escaped(token)));
    let accept = if matches!(work.what, What::Validate { .. }) { CONTENT } else { METADATA };
    let uri = format!("{}?limit={limit}{from}", path(work, None));
    Request::get(uri).header(header::ACCEPT, accept).body(Vec::new()).map_err(|error| odd(work, &error))
}

/// As RFC 3986 wants a query's values.
fn escaped(token: &str) -> String {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(byte);
    token.bytes().map(|byte| if plain(&byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

/// The path of the kind's objects, of all namespaces or of one.
fn path(work: &PageWork, namespace: Option<&str>) -> String {
    let PageWork { group, version, plural, .. } = work;
    match namespace {
        None => format!("/apis/{group}/{version}/{plural}"),
        Some(namespace) => format!("/apis/{group}/{version}/namespaces/{namespace}/{plural}"),
    }
}

/// A patch answers with the object's metadata at most: content that nobody looks at is not sent.
pub(super) fn write(work: &PageWork, wanted: &Wanted) -> Result<Request<Vec<u8>>, Failure> {
    let Wanted { target, method, body } = wanted;
    let all = path(work, target.namespace.as_deref());
    let (uri, content) = if *method == Method::POST {
        (format!("{all}?dryRun=All"), CONTENT)
    } else {
        let trial = if work.what == What::Rehearse { "?dryRun=All" } else { "" };
        (format!("{all}/{}{trial}", target.name), "application/merge-patch+json")
    };
    let request = Request::builder().method(method).uri(uri).header(header::CONTENT_TYPE, content);
    request.header(header::ACCEPT, ANSWER).body(body.to_string().into_bytes()).map_err(|error| odd(work, &error))
}

/// The metadata of one object, as it is now: a list of it alone, since the chart grants no right to get one.
pub(super) fn look(work: &PageWork, target: &Target) -> Result<Request<Vec<u8>>, Failure> {
    let all = path(work, target.namespace.as_deref());
    let uri = format!("{all}?fieldSelector=metadata.name%3D{}", escaped(&target.name));
    Request::get(uri).header(header::ACCEPT, METADATA).body(Vec::new()).map_err(|error| odd(work, &error))
}

fn odd(work: &PageWork, error: &http::Error) -> Failure {
    Failure::new(spoken(work), FaultKind::Invalid, error.to_string())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;

    use super::*;

    const LIST: &str = r#"{"metadata": {"continue": "a+/="}, "items": [
        {"metadata": {"name": "a", "namespace": "n", "uid": "u", "resourceVersion": "7", "labels": {"l": "1"}, "generation": 3,
            "managedFields": [{"manager": "m", "apiVersion": "example.com/v1"}]}, "spec": {"size": 1}},
        {"metadata": {"name": "b", "uid": "v", "resourceVersion": "8"}, "spec": {"size": 9}}]}"#;

    fn work(what: What) -> PageWork {
        let (group, version, plural) = ("example.com".into(), "v2".into(), "caches".into());
        PageWork { group, version, plural, continue_: None, limit: 5000, what }
    }

    fn small(schema: &Value) -> crate::act::Judge {
        let most = schema["maximum"].as_i64();
        Box::new(move |object| {
            let large = object["spec"]["size"].as_i64() > most;
            if large { vec!["spec.size: too large".into(), "really".into()] } else { Vec::new() }
        })
    }

    fn all(what: What) -> (PageDone, Vec<String>) {
        let (work, mut page) = (work(what), PageDone::default());
        let wanted = read(LIST.as_bytes(), &work, small, &mut page).unwrap();
        let told = |wanted: &Wanted| {
            let request = write(&work, wanted).unwrap();
            let body = String::from_utf8(request.body().clone()).unwrap();
            format!("{} {} {body}", request.method(), request.uri())
        };
        (page, wanted.iter().map(told).collect())
    }

    #[test]
    fn a_rewrite_asks_for_metadata_and_writes_each_object_as_it_was_listed() {
        let list = list(&work(What::Rewrite), 5000, Some("a+/=")).unwrap();
        assert_eq!(list.uri(), "/apis/example.com/v2/caches?limit=500&continue=a%2B%2F%3D");
        assert_eq!(list.headers()[header::ACCEPT], METADATA);
        let (page, wanted) = all(What::Rewrite);
        assert_eq!((page.seen, page.continue_.as_deref()), (0, Some("a+/=")));
        let wrote = [
            r#"PATCH /apis/example.com/v2/namespaces/n/caches/a {"metadata":{"resourceVersion":"7","uid":"u"}}"#,
            r#"PATCH /apis/example.com/v2/caches/b {"metadata":{"resourceVersion":"8","uid":"v"}}"#,
        ];
        assert_eq!(wanted, wrote);
        let (_, rehearsed) = all(What::Rehearse);
        assert_eq!(rehearsed, wrote.map(|wrote| wrote.replacen(" {", "?dryRun=All {", 1)));
    }

    #[test]
    fn only_objects_with_an_owner_at_a_version_that_goes_are_written() {
        let (page, wanted) = all(What::Disown { versions: BTreeSet::from(["v1".to_owned()]) });
        assert_eq!((page.seen, page.done), (1, 1), "b has no such owner");
        let [only] = &wanted[..] else { panic!("{wanted:?}") };
        assert!(only.contains(r#""managedFields":[{"apiVersion":"example.com/v2","manager":"m"}]"#), "{only}");
        assert!(only.contains(r#""resourceVersion":"7""#), "{only}");
    }

    #[test]
    fn what_is_judged_wrong_is_named_and_the_rest_is_tried_where_the_api_server_is_to_judge() {
        let what = |dry_run| What::Validate { schema: Arc::new(json!({"maximum": 5})), dry_run };
        assert_eq!(list(&work(what(false)), 5000, None).unwrap().headers()[header::ACCEPT], CONTENT);
        let (page, wanted) = all(what(false));
        assert_eq!((page.seen, page.done, page.failed, wanted.len()), (2, 1, 1, 0));
        assert_eq!(page.failures, [PageFailure::new("b", "spec.size: too large; really")]);
        let (page, wanted) = all(what(true));
        assert_eq!((page.seen, page.failed), (1, 1));
        let trial = r#"POST /apis/example.com/v2/namespaces/n/caches?dryRun=All {"metadata":{"labels":{"l":"1"},"name":"a","namespace":"n"},"spec":{"size":1}}"#;
        assert_eq!(wanted, [trial]);
    }

    #[test]
    fn an_object_that_is_nested_too_deeply_is_named_and_the_rest_goes_on() {
        let deep = format!("{}1{}", r#"{"f:a": "#.repeat(200), "}".repeat(200));
        let fields = format!(r#""managedFields": [{{"apiVersion": "example.com/v1", "fieldsV1": {deep}}}]"#);
        let list = LIST.replace(r#""generation": 3,"#, &format!(r#""generation": 3, "deep": {deep},"#));
        let owned = LIST
            .replace(r#""labels": {"l": "1"}"#, &fields)
            .replace(r#""managedFields": [{"manager"#, r#""other": [{"manager"#);
        let deep = PageFailure::new("n/a", TOO_DEEP);
        for dry_run in [false, true] {
            let work = work(What::Validate { schema: Arc::new(json!({"maximum": 9})), dry_run });
            let mut page = PageDone::default();
            let wanted = read(list.as_bytes(), &work, small, &mut page).unwrap();
            assert_eq!((page.failures, wanted.len()), (vec![deep.clone()], usize::from(dry_run)));
        }
        for (version, failures) in [("v1", vec![deep]), ("v0", Vec::new())] {
            let work = work(What::Disown { versions: BTreeSet::from([version.to_owned()]) });
            let mut page = PageDone::default();
            assert_eq!(read(owned.as_bytes(), &work, small, &mut page).unwrap().len(), 0, "{version}");
            assert_eq!((page.seen, page.failures), (2, failures), "{version}");
        }
        let mut page = PageDone::default();
        assert_eq!(read(owned.as_bytes(), &work(What::Rewrite), small, &mut page).unwrap().len(), 2);
    }

    #[test]
    fn one_that_was_written_meanwhile_is_looked_at_by_its_name_with_the_right_to_list() {
        let [disowning, rewriting] =
            [What::Disown { versions: BTreeSet::from(["v1".to_owned()]) }, What::Rewrite].map(work);
        let target = read(LIST.as_bytes(), &rewriting, small, &mut PageDone::default()).unwrap().remove(0).target;
        let look = look(&disowning, &target).unwrap();
        assert_eq!(look.uri(), "/apis/example.com/v2/namespaces/n/caches?fieldSelector=metadata.name%3Da");
        let versions = BTreeSet::from(["v1".to_owned()]);
        let again = |text: &str| disown_again(text, &disowning, &versions);
        assert!(again(r#"{"metadata": {}, "items": null}"#).unwrap().is_none(), "it is gone");
        assert!(again(r#"{"kind": "Status", "metadata": {}}"#).is_err());
        let there = LIST.split_once(r#", "spec": {"size": 1}}"#).unwrap().0.replace(r#""7""#, r#""9""#) + "}]}";
        let left = again(&there).unwrap().unwrap().unwrap();
        assert_eq!((left.target.resource_version, left.method), ("9".to_owned(), Method::PATCH));
    }

    #[test]
    fn a_list_of_which_one_item_is_odd_is_not_read_at_all() {
        let odd = r#"{"metadata": {}, "items": [{"metadata": {"name": "a"}}]}"#;
        for what in [What::Rewrite, What::Validate { schema: Arc::new(json!({})), dry_run: false }] {
            assert!(read(odd.as_bytes(), &work(what), small, &mut PageDone::default()).is_err());
        }
    }
}
