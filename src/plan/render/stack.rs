//! Template files → a compiled [`Stack`]; a stack and one tenant's context → its objects.
use std::sync::Arc;

use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::{
    bounds::{MAX_ERRORS, MAX_OBJECTS, MAX_TEMPLATE_BYTES},
    context,
    document::{Compiler, Node, Typing, WHEN, field},
    error::{Place, TemplateError},
    manifest::{Manifest, hex},
    output::Renderer,
    shape::Shape,
    yaml::{self, Kind, Tree},
};

/// One template file, as given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TemplateFile<'a> {
    /// For messages and for the order of reading; part of the digest.
    pub name: &'a str,
    /// YAML, one or several documents.
    pub text: &'a str,
}

/// Templates, read and checked once, to be rendered for any number of tenants.
#[derive(Debug)]
pub struct Stack {
    documents: Vec<Document>,
    digest: String,
}

#[derive(Debug)]
struct Document {
    place: Place,
    when: Option<Node>,
    root: Node,
}

impl Stack {
    /// Reads and checks template files. `values` may hold anything: what a template names there must exist in each
    /// context it is rendered with.
    ///
    /// # Errors
    /// Every mistake that can be told apart, each with file, line and column; at most [`MAX_ERRORS`].
    pub fn compile(files: &[TemplateFile<'_>]) -> Result<Self, Vec<TemplateError>> {
        Self::compile_for(files, Shape::Any)
    }

    /// The same, with the shape of `values` known from the release's schema ([`super::values::Schema::shape`]): a name
    /// that the schema does not declare is an error here, and one that it declares may be absent from a tenant's values.
    ///
    /// # Errors
    /// As [`Stack::compile`].
    pub fn compile_for(files: &[TemplateFile<'_>], values: Shape) -> Result<Self, Vec<TemplateError>> {
        let bytes: usize = files.iter().map(|f| f.text.len()).sum();
        if bytes > MAX_TEMPLATE_BYTES {
            let message = format!("the templates are {bytes} bytes long, more than {MAX_TEMPLATE_BYTES}");
            return Err(vec![field(files.first().map_or("templates", |f| f.name)).error(message)]);
        }
        let declared = context::shape(values);
        let mut compiler = Compiler { declared: &declared, typing: Typing::Kept, errors: Vec::new() };
        let mut documents = Vec::new();
        for file in files {
            match yaml::parse(&Arc::from(file.name), file.text) {
                Ok(trees) => documents.extend(trees.into_iter().filter_map(|tree| document(&mut compiler, tree))),
                Err(error) => compiler.errors.push(error),
            }
        }
        if let Some(extra) = documents.get(MAX_OBJECTS) {
            compiler.errors.push(extra.place.error(format!("more than {MAX_OBJECTS} objects in one stack")));
        }
        finish(compiler.errors)?;
        Ok(Self { documents, digest: digest(files) })
    }

    /// The objects of one tenant, in the order of the templates. `context` is a [`super::Context`] as JSON.
    ///
    /// # Errors
    /// What had no value, or rendered to something that cannot be an object; at most [`MAX_ERRORS`].
    pub fn render(&self, context: &Value) -> Result<Vec<Manifest>, Vec<TemplateError>> {
        let mut renderer = Renderer::new(context);
        let mut manifests = Vec::with_capacity(self.documents.len());
        for document in &self.documents {
            if document.is_wanted(&mut renderer) {
                manifests.extend(document.render(&mut renderer));
            }
        }
        finish(renderer.errors)?;
        Ok(manifests)
    }

    /// SHA-256 over names and texts of the template files, as 64 hex digits.
    #[must_use]
    pub fn digest(&self) -> &str {
        &self.digest
    }
}

fn digest(files: &[TemplateFile<'_>]) -> String {
    let mut hash = Sha256::new();
    for part in files.iter().flat_map(|f| [f.name, f.text]) {
        // The length goes first, so that no text can be moved from one part to the next unnoticed.
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hex(&hash.finalize())
}

pub(super) fn finish(mut errors: Vec<TemplateError>) -> Result<(), Vec<TemplateError>> {
    errors.truncate(MAX_ERRORS);
    if errors.is_empty() { Ok(()) } else { Err(errors) }
}

fn document(compiler: &mut Compiler<'_>, mut tree: Tree) -> Option<Document> {
    let place = tree.place.clone();
    let Kind::Map(entries) = &mut tree.kind else {
        compiler.errors.push(place.error("a document must be a map with apiVersion, kind and metadata"));
        return None;
    };
    let at_top = take(entries, WHEN);
    let when = at_top.or_else(|| take_annotation(entries)).map(|condition| compiler.tree(condition));
    let root = compiler.tree(tree);
    Some(Document { place, when, root })
}

fn take(entries: &mut Vec<(yaml::Key, Tree)>, key: &str) -> Option<Tree> {
    let index = entries.iter().position(|(k, _)| k.text == key)?;
    Some(entries.remove(index).1)
}

/// Takes the condition out of `metadata.annotations`, and the annotations too when nothing else is in them.
fn take_annotation(entries: &mut [(yaml::Key, Tree)]) -> Option<Tree> {
    let (_, metadata) = entries.iter_mut().find(|(k, _)| k.text == "metadata")?;
    let Kind::Map(metadata) = &mut metadata.kind else { return None };
    let index = metadata.iter().position(|(k, _)| k.text == "annotations")?;
    let Kind::Map(annotations) = &mut metadata.get_mut(index)?.1.kind else { return None };
    let found = take(annotations, WHEN)?;
    if annotations.is_empty() {
        metadata.remove(index);
    }
    Some(found)
}

impl Document {
    fn is_wanted(&self, renderer: &mut Renderer<'_>) -> bool {
        let Some(when) = &self.when else { return true };
        let before = renderer.errors.len();
        match renderer.node(when, 0) {
            Some(Value::Bool(wanted)) => wanted,
            Some(Value::String(text)) if text == "true" || text == "false" => text == "true",
            _ if renderer.errors.len() > before => false,
            _ => {
                renderer.errors.push(self.place.error(format!("`{WHEN}` must render to true or false")));
                false
            }
        }
    }

    fn render(&self, renderer: &mut Renderer<'_>) -> Option<Manifest> {
        let before = renderer.errors.len();
        let value = renderer.node(&self.root, 0)?;
        // What is missing because it went wrong is not reported again as missing.
        if renderer.errors.len() > before {
            return None;
        }
        match Manifest::new(value) {
            Ok(manifest) => Some(manifest),
            Err(message) => {
                renderer.errors.push(self.place.error(message));
                None
            }
        }
    }
}

/// Values of a release whose strings are templates (`args`, `env`, `podAnnotations`), compiled. They are rendered before the
/// stack and become part of its context; everything in them renders to text.
#[derive(Debug)]
pub struct Fragment {
    root: Node,
}

impl Fragment {
    /// Reads and checks the strings in `value`; `path` says where it stands, such as `spec.args`.
    ///
    /// # Errors
    /// Every mistake, with the path of its string.
    pub fn compile(path: &str, value: &Value, values: Shape) -> Result<Self, Vec<TemplateError>> {
        // What is rendered first cannot name what it becomes part of.
        let declared = context::shape_without_own_text(values);
        let mut compiler = Compiler { declared: &declared, typing: Typing::Text, errors: Vec::new() };
        let root = compiler.value(field(path), value);
        finish(compiler.errors)?;
        Ok(Self { root })
    }

    /// The value with its strings rendered.
    ///
    /// # Errors
    /// What had no value.
    pub fn render(&self, context: &Value) -> Result<Value, Vec<TemplateError>> {
        let mut renderer = Renderer::new(context);
        let value = renderer.node(&self.root, 0);
        finish(renderer.errors)?;
        Ok(value.unwrap_or_default())
    }
}
