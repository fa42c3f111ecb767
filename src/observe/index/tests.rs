use super::*;

fn tenant(version: &str) -> DynamicObject {
    let object = serde_json::json!({
        "apiVersion": "leasehold.dev/v1alpha1", "kind": "Tenant",
        "metadata": {"name": "acme", "uid": "u1", "resourceVersion": version},
        "spec": {"operator": "memcached", "version": "1.0.0"},
    });
    serde_json::from_value(object).unwrap()
}

#[test]
fn an_answer_that_the_watch_overtook_brings_nobody_back() {
    let (mut index, now) = (Index::default(), Timestamp::UNIX_EPOCH);
    let change = |step| Change { source: Source::Tenants, step };
    index.apply(change(Step::Put(Box::new(tenant("5")))), now).unwrap();
    index.apply(change(Step::Gone(Box::new(tenant("7")))), now).unwrap();
    index.answer(Source::Tenants, &tenant("6"), now);
    assert!(index.world().tenants.is_empty());
}

#[test]
fn an_older_event_does_not_undo_a_newer_answer() {
    let (mut index, now) = (Index::default(), Timestamp::UNIX_EPOCH);
    index.answer(Source::Tenants, &tenant("9"), now);
    index.apply(Change { source: Source::Tenants, step: Step::Put(Box::new(tenant("8"))) }, now).unwrap();
    let version = index.world().tenants["acme"].tenant.as_ref().unwrap().metadata.resource_version.clone();
    assert_eq!(version.as_deref(), Some("9"));
}

#[test]
fn a_watch_that_goes_back_is_noticed() {
    let (mut index, now) = (Index::default(), Timestamp::UNIX_EPOCH);
    let put = |version| Change { source: Source::Tenants, step: Step::Put(Box::new(tenant(version))) };
    index.apply(put("9"), now).unwrap();
    assert_eq!(index.apply(put("3"), now).unwrap_err(), WentBack { object: "tenants acme".into(), had: 9, got: 3 });
}

#[test]
fn a_slice_that_we_have_ended_is_gone_before_the_watch_says_so() {
    let (mut index, now) = (Index::default(), Timestamp::UNIX_EPOCH);
    let slice: DynamicObject = serde_json::from_value(serde_json::json!({
        "apiVersion": "leasehold.dev/v1alpha1", "kind": "RolloutSlice",
        "metadata": {"name": "a-0", "uid": "u1", "resourceVersion": "5"},
        "spec": {"rollout": "a", "planHash": "0123456789abcdef", "wave": "all", "part": 0, "members": ["acme"]},
    }))
    .unwrap();
    index.answer(Source::Slices, &slice, now);
    assert_eq!(index.world().slices["a-0"].spec.members, ["acme"]);
    index.gone(Source::Slices, &slice);
    index.answer(Source::Slices, &slice, now);
    assert!(index.world().slices.is_empty(), "a late answer does not bring it back");
}

#[test]
fn what_is_said_of_a_release_concerns_no_tenant() {
    let (mut index, now) = (Index::default(), Timestamp::UNIX_EPOCH);
    let mut put = |version: &str, image: &str, uid: &str| {
        let release = serde_json::json!({
            "apiVersion": "leasehold.dev/v1alpha1", "kind": "OperatorRelease",
            "metadata": {"name": "m", "uid": uid, "resourceVersion": version, "generation": 1},
            "spec": {"operator": "m", "version": "1.0.0", "image": image, "leaderElection": {"id": "m.example.com"}},
            "status": {"observedGeneration": 1, "digest": version},
        });
        index.answer(Source::Releases, &serde_json::from_value(release).unwrap(), now);
        index.world().shared_version
    };
    let first = put("1", "example.com/m:1", "u");
    assert_eq!(put("2", "example.com/m:1", "u"), first, "only its status is another");
    assert_eq!(put("3", "example.com/m:2", "u"), first + 1);
    assert_eq!(put("4", "example.com/m:2", "v"), first + 2, "it was made anew");
    assert_eq!(index.world().releases["m"].metadata.resource_version.as_deref(), Some("4"));
}

#[test]
fn a_waiver_of_a_release_that_comes_or_goes_later_concerns_its_tenants() {
    let (mut index, now) = (Index::default(), Timestamp::UNIX_EPOCH);
    let mut put = |version: &str, waived: &str| {
        let release = serde_json::json!({
            "apiVersion": "leasehold.dev/v1alpha1", "kind": "OperatorRelease",
            "metadata": {"name": "m", "uid": "u", "resourceVersion": version, "annotations": {"leasehold.dev/waive": waived}},
            "spec": {"operator": "m", "version": "1.0.0", "image": "example.com/m:1", "leaderElection": {"id": "m.example.com"}},
        });
        index.answer(Source::Releases, &serde_json::from_value(release).unwrap(), now);
        index.world().shared_version
    };
    let first = put("1", "");
    assert_eq!(put("2", "spec.size=maximum-tightened"), first + 1);
    assert_eq!(put("3", "spec.size=maximum-tightened"), first + 1);
    assert_eq!(put("4", ""), first + 2);
}

#[test]
fn a_tenant_that_nobody_can_read_comes_and_goes_for_shared_definitions_too() {
    let (mut index, now) = (Index::default(), Timestamp::UNIX_EPOCH);
    let mut unread = tenant("5");
    unread.data["spec"]["version"] = serde_json::json!(7);
    let change = |step| Change { source: Source::Tenants, step };
    let before = index.world().crd_version;
    index.apply(change(Step::Put(Box::new(unread.clone()))), now).unwrap();
    let known = index.world().crd_version;
    assert!(known > before);
    unread.metadata.resource_version = Some("6".into());
    index.apply(change(Step::Gone(Box::new(unread))), now).unwrap();
    assert!(index.world().undecodable.is_empty() && index.world().crd_version > known);
}
