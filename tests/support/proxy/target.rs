//! In: method, path, query and content type of a request. Out: what it means to Kubernetes, by the rules of the API
//! server's own `RequestInfo`. Never: looks at a body.

use hyper::Method;

/// What a request is about. All empty but `verb` and `path` for what is no resource (`/version`, `/readyz`, discovery).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Target {
    /// get, list, watch, create, update, patch, apply, delete, deletecollection; else the method in lower case
    pub verb: String,
    pub group: String,
    pub version: String,
    pub resource: String,
    pub subresource: String,
    pub namespace: String,
    pub name: String,
    pub path: String,
    pub dry_run: bool,
}

impl Target {
    pub(super) fn of(method: &Method, path: &str, query: &str, content_type: &str) -> Self {
        let mut target = Self { path: path.to_owned(), ..Self::default() };
        let segments: Vec<&str> = path.split('/').filter(|segment| !segment.is_empty()).collect();
        let rest = match segments.as_slice() {
            ["api", version, rest @ ..] if !rest.is_empty() => target.at("", version, rest),
            ["apis", group, version, rest @ ..] if !rest.is_empty() => target.at(group, version, rest),
            _ => {
                method.as_str().to_ascii_lowercase().clone_into(&mut target.verb);
                return target;
            }
        };
        target.object(rest);
        target.queried(method, query, content_type);
        target
    }

    fn at<'a>(&mut self, group: &str, version: &str, rest: &'a [&'a str]) -> &'a [&'a str] {
        group.clone_into(&mut self.group);
        version.clone_into(&mut self.version);
        rest
    }

    fn object(&mut self, segments: &[&str]) {
        let segments = match segments {
            // A Namespace's own subresources; anything else below it is a namespaced resource.
            ["namespaces", _] | ["namespaces", _, "status" | "finalize"] => segments,
            ["namespaces", namespace, rest @ ..] if !rest.is_empty() => {
                (*namespace).clone_into(&mut self.namespace);
                rest
            }
            all => all,
        };
        let mut segments = segments.iter();
        self.resource = segments.next().map_or_else(String::new, ToString::to_string);
        self.name = segments.next().map_or_else(String::new, ToString::to_string);
        self.subresource = segments.copied().collect::<Vec<_>>().join("/");
    }

    fn queried(&mut self, method: &Method, query: &str, content_type: &str) {
        let parameter = |key: &str| {
            let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
            pairs.find(|(name, _)| *name == key).map(|(_, value)| value)
        };
        let watching = parameter("watch").is_some_and(|value| value == "true" || value == "1");
        let named = !self.name.is_empty();
        self.dry_run = parameter("dryRun").is_some();
        let verb = match *method {
            Method::GET if watching => "watch",
            Method::GET if named => "get",
            Method::GET => "list",
            Method::POST => "create",
            Method::PUT => "update",
            Method::PATCH if content_type.starts_with("application/apply-patch") => "apply",
            Method::PATCH => "patch",
            Method::DELETE if named => "delete",
            Method::DELETE => "deletecollection",
            _ => "other",
        };
        verb.clone_into(&mut self.verb);
        // As the API server does it, so that a rule finds the watch of one object by name.
        let selected = parameter("fieldSelector").and_then(|selector| {
            selector.strip_prefix("metadata.name%3D").or_else(|| selector.strip_prefix("metadata.name="))
        });
        if let (false, Some(name)) = (named, selected) {
            name.trim_start_matches("%3D").trim_start_matches('=').clone_into(&mut self.name);
        }
    }
}
