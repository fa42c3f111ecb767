//! `leasehold release new`: the CustomResourceDefinitions of an operator's repository → an OperatorRelease that brings them,
//! as YAML to look through and to commit. Offline; what it writes was planned with once.
use std::{fmt::Write as _, fs, path::PathBuf, process::ExitCode, sync::Arc};

use clap::Args;
use kube::api::DynamicObject;
use serde_json::{Value, json};

use super::{crds::read, files, output};
use crate::{
    api::{self, OperatorRelease},
    domain::{crd::texts, marks, world::World},
    observe,
    plan::catalog::Catalog,
};

/// Definitions that take more than this together, as JSON, go to ConfigMaps: `kubectl apply` writes an object once more into an
/// annotation, of which the API server takes 256 KiB, and the release has more in it than its definitions.
const INLINE: usize = 200 * 1024;
/// Length of the digest in a ConfigMap's name: the same text is the same ConfigMap, whichever release names it.
const DIGITS: usize = 12;
/// What the API server and `kubectl` write into a definition that was read from a cluster, and what generators leave behind.
const SERVERS: [&str; 6] = ["creationTimestamp", "generation", "managedFields", "resourceVersion", "selfLink", "uid"];
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

const EXAMPLES: &str = "\
Examples:
  # With the definitions and the rights that the operator's repository has
  leasehold release new --operator memcached --version 2.0.0 --image example.com/memcached@sha256:4f1c... --from-crds config/crd/bases --rules config/rbac/role.yaml --election-id memcached.example.com -o release-2.0.0.yaml

  # What its definitions would do to the fleet
  leasehold crds plan release-2.0.0.yaml

  # Install it. Server-side: large definitions do not fit into what a client-side apply writes beside them
  kubectl apply --server-side -f release-2.0.0.yaml

Definitions of more than 200 KiB together become immutable ConfigMaps in Leasehold's own namespace, which the release names with their digests. Keep them as long as the release.

A Tenant that is called `new` is released with: leasehold release -- new

Exit code: 0 written; 1 not, and why.";

/// Write a new OperatorRelease as YAML, with the CustomResourceDefinitions of an operator's repository.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES, disable_version_flag = true)]
pub struct New {
    /// Name of the operator
    #[arg(long)]
    operator: String,
    /// Version of the release, as semver
    #[arg(long)]
    version: String,
    /// Image of the operator, best by digest
    #[arg(long)]
    image: String,
    /// File or folder with CustomResourceDefinitions, YAML or JSON; `-` for standard input. May be repeated
    #[arg(long, value_name = "PATH")]
    from_crds: Vec<PathBuf>,
    /// File with the Role or ClusterRole that the operator's repository has: what the operator may do in its tenant's namespace
    #[arg(long, value_name = "FILE")]
    rules: Option<PathBuf>,
    /// The election ID that the operator uses; default: <operator>.<group of its first definition>
    #[arg(long, value_name = "ID")]
    election_id: Option<String>,
    /// This release ends what earlier ones had: what its definitions no longer have is removed once every tenant runs it
    #[arg(long)]
    contract: bool,
    /// Leasehold's own namespace, where ConfigMaps of definitions are read
    #[arg(long, default_value = "leasehold-system")]
    namespace: String,
    /// Where to write; default: standard output
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

type Said<T> = Result<T, Box<dyn std::error::Error>>;

impl New {
    /// Writes the release.
    ///
    /// # Errors
    /// Files that cannot be read, and a release that could not be used.
    pub fn run(&self) -> Said<ExitCode> {
        let brought = read::objects(&self.from_crds)?;
        brought.notes.iter().for_each(|note| eprintln!("note: {note}"));
        if !self.from_crds.is_empty() && brought.definitions.is_empty() {
            return Err("there is no CustomResourceDefinition in what --from-crds names".into());
        }
        let definitions: Vec<Value> = brought.definitions.into_values().map(bare).collect();
        let (release, maps) = self.objects(&definitions)?;
        let release = usable(&release, &maps)?;
        let mut text = self.heading();
        for map in &maps {
            writeln!(text, "---\n{}", output::yaml(map)?.trim_end())?;
        }
        // By its type: fields in the order in which they are documented, defaults among them.
        writeln!(text, "---\n{}", output::yaml(&release)?.trim_end())?;
        match &self.output {
            None => output::print(&text)?,
            Some(path) => {
                fs::write(path, text).map_err(|error| format!("cannot write {}: {error}", path.display()))?;
            }
        }
        Ok(ExitCode::SUCCESS)
    }

    /// The release, and the ConfigMaps that it names, where there are any.
    fn objects(&self, definitions: &[Value]) -> Said<(Value, Vec<Value>)> {
        let size: usize = definitions.iter().map(|definition| definition.to_string().len()).sum();
        let (mut maps, mut crds) = (Vec::new(), Vec::new());
        for definition in definitions {
            let mut source = if size <= INLINE {
                json!({"inline": definition})
            } else {
                let (map, source) = self.config_map(definition)?;
                maps.push(map);
                source
            };
            if self.contract {
                source["contract"] = true.into();
            }
            crds.push(source);
        }
        let rules = self.rules.as_ref().map(rules).transpose()?.unwrap_or_default();
        let release = json!({
            "apiVersion": "leasehold.dev/v1alpha1", "kind": "OperatorRelease",
            "metadata": {"name": format!("{}-{}", self.operator, self.version.replace('+', "-")).to_lowercase()},
            "spec": {
                "operator": self.operator, "version": self.version, "image": self.image,
                "leaderElection": {"id": self.election_id(definitions)?, "fixed": true},
                "rules": rules, "crds": crds,
            },
        });
        Ok((release, maps))
    }

    /// An immutable ConfigMap with that definition, and how a release names it.
    fn config_map(&self, definition: &Value) -> Said<(Value, Value)> {
        let name = read::named(definition).unwrap_or_default();
        let (yaml, key) = (output::yaml(definition)?, format!("{name}.yaml"));
        // JSON of the same takes less.
        let (text, key) =
            if texts::parse(&yaml).is_ok() { (yaml, key) } else { (definition.to_string(), format!("{name}.json")) };
        texts::parse(&text).map_err(|why| format!("CustomResourceDefinition {name} {why}"))?;
        let digest = texts::digest(&text);
        let hex = digest.trim_start_matches("sha256:").get(..DIGITS).unwrap_or_default();
        let map = format!("{name}-{hex}");
        let object = json!({
            "apiVersion": "v1", "kind": "ConfigMap",
            "metadata": {"name": map, "namespace": self.namespace, "labels": {marks::RELEASE_CRDS: "true"}},
            "immutable": true, "data": {&key: text},
        });
        let reference = json!({"namespace": self.namespace, "name": map, "key": key, "digest": digest});
        Ok((object, json!({"configMapRef": reference})))
    }

    fn election_id(&self, definitions: &[Value]) -> Result<String, String> {
        if let Some(id) = &self.election_id {
            return Ok(id.clone());
        }
        let group = definitions.first().and_then(|definition| definition["spec"]["group"].as_str());
        let group = group.ok_or("without definitions, --election-id must say which election ID the operator uses")?;
        Ok(format!("{}.{group}", self.operator))
    }

    /// What to look through; comments, since a release has no room for questions.
    fn heading(&self) -> String {
        let guessed = if self.election_id.is_none() { " (guessed)" } else { "" };
        let rules = if self.rules.is_none() {
            "# - rules: none were given; what the operator may do in its tenant's namespace.\n"
        } else {
            ""
        };
        format!(
            "# {} {}. Before it is installed, see to it that these are the operator's own:\n\
             # - leaderElection.id{guessed}: the ID it elects by. `fixed: false` where it takes {{{{leaderElection.id}}}} as an argument.\n{rules}\
             # - args, env, health: as its Deployment has them.\n",
            self.operator, self.version
        )
    }
}

/// The definition as a repository has it.
fn bare(mut definition: Value) -> Value {
    let Some(object) = definition.as_object_mut() else { return definition };
    object.remove("status");
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.retain(|field, _| !SERVERS.contains(&field.as_str()));
        if let Some(annotations) = metadata.get_mut("annotations").and_then(Value::as_object_mut) {
            annotations.remove(LAST_APPLIED);
        }
        metadata.retain(|field, value| field != "annotations" || value.as_object().is_some_and(|all| !all.is_empty()));
    }
    definition
}

/// The rules of the Roles and ClusterRoles in a file.
fn rules(path: &PathBuf) -> Said<Vec<Value>> {
    let mut rules = Vec::new();
    let documents = files::documents(std::slice::from_ref(path))?;
    let roles = documents.iter().filter(|d| d.value["kind"] == "Role" || d.value["kind"] == "ClusterRole");
    for rule in roles.flat_map(|role| role.value["rules"].as_array().into_iter().flatten()) {
        if rule.get("nonResourceURLs").is_some() {
            eprintln!("note: a rule for nonResourceURLs is left out: it is of no namespace ({rule})");
            continue;
        }
        rules.push(rule.clone());
    }
    if rules.is_empty() {
        return Err(format!("{} has no Role or ClusterRole with rules", path.display()).into());
    }
    Ok(rules)
}

/// The release; or why Leasehold would refuse it.
fn usable(release: &Value, maps: &[Value]) -> Said<OperatorRelease> {
    files::check(&api::crds(), "OperatorRelease", release).map_err(|all| all.join("\n  "))?;
    let release: OperatorRelease = serde_json::from_value(release.clone())?;
    let maps: Result<Vec<DynamicObject>, _> = maps.iter().map(|map| serde_json::from_value(map.clone())).collect();
    let mut world = World { crd_maps: observe::crd_maps(&maps?), ..World::default() };
    world.releases.insert(release.metadata.name.clone().unwrap_or_default(), Arc::new(release.clone()));
    Catalog::new(&world).broken.into_values().next().map_or(Ok(release), |why| Err(why.into()))
}
