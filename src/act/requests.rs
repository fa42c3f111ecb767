//! What a page asks the API server for: its list, then one request about each object that needs one. Pure.
use std::collections::BTreeSet;

use http::{Method, Request, header};
use serde_json::Value;

use super::{
    Failure, owners,
    pages::{Compile, spoken},
    stored::{self, Named, Owned, Target},
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
        What::Rewrite => stored::each(text, |Named { metadata }| {
            let body = metadata.as_it_is();
            wanted.push(patch(metadata, body));
        }),
        What::Disown { versions } => stored::each(text, |owned| match disown(owned, work, versions) {
            Some(disowned) => wanted.push(disowned),
            None => page.count(None),
        }),
        What::Validate { schema, dry_run } => {
            let judge = compile(schema);
            let mut odd = None;
            let meta = stored::each(text, |object: Value| match Named::of(&object) {
                Err(error) => odd = Some(error),
                Ok(Named { metadata }) => {
                    let wrong = judge(&object).join("; ");
                    if wrong.is_empty() && *dry_run {
                        let body = again(object);
                        wanted.push(Wanted { target: metadata, method: Method::POST, body });
                    } else {
                        page.count((!wrong.is_empty()).then(|| PageFailure::new(metadata.spoken(), &wrong)));
                    }
                }
            });
            odd.map_or(meta, Err)
        }
    }?;
    page.continue_ = meta.continue_.filter(|token| !token.is_empty());
    page.remaining = meta.remaining_item_count;
    Ok(wanted)
}

/// What has nobody own a field of that object at one of these versions; nothing where nobody does.
pub(super) fn disown(Owned { metadata }: Owned, work: &PageWork, versions: &BTreeSet<String>) -> Option<Wanted> {
    let moved = owners::moved(&metadata.managed_fields, &work.group, versions, &work.version)?;
    let mut body = metadata.target.as_it_is();
    body["metadata"]["managedFields"] = moved.into();
    Some(Wanted { target: metadata.target, method: Method::PATCH, body })
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
    let (uri, content) = if *method == Method::POST {
        (format!("{}?dryRun=All", path(work, target.namespace.as_deref())), CONTENT)
    } else {
        let all = path(work, target.namespace.as_deref());
        (format!("{all}/{}", target.name), "application/merge-patch+json")
    };
    let request = Request::builder().method(method).uri(uri).header(header::CONTENT_TYPE, content);
    request.header(header::ACCEPT, ANSWER).body(body.to_string().into_bytes()).map_err(|error| odd(work, &error))
}

/// The metadata of one object, as it is now.
pub(super) fn look(work: &PageWork, target: &Target) -> Result<Request<Vec<u8>>, Failure> {
    let uri = format!("{}/{}", path(work, target.namespace.as_deref()), target.name);
    Request::get(uri).header(header::ACCEPT, ANSWER).body(Vec::new()).map_err(|error| odd(work, &error))
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

    fn small(schema: &Value) -> Box<dyn Fn(&Value) -> Vec<String> + Send + Sync> {
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
    fn a_list_of_which_one_item_is_odd_is_not_read_at_all() {
        let odd = r#"{"metadata": {}, "items": [{"metadata": {"name": "a"}}]}"#;
        for what in [What::Rewrite, What::Validate { schema: Arc::new(json!({})), dry_run: false }] {
            assert!(read(odd.as_bytes(), &work(what), small, &mut PageDone::default()).is_err());
        }
    }
}
