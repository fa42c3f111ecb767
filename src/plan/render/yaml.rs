//! YAML text → a tree of maps, lists and strings, each with its line and column.
//!
//! In: the text of one file. Out: its documents. Never: an anchor, an alias, a merge key, a tag, a key twice, or a plain
//! scalar that YAML 1.1 (which Kubernetes' own tools speak) and YAML 1.2 read differently. The parser is the event
//! parser below `serde-saphyr`; its events keep the places that a deserialised value has lost.
use std::sync::Arc;

use serde_saphyr::granit_parser::{self, Event, Parser, ScalarStyle, ScanError, Span};

use super::{
    bounds::MAX_DEPTH,
    error::{Place, TemplateError},
    plain,
};

/// One node of a YAML document.
pub(super) struct Tree {
    pub place: Place,
    pub kind: Kind,
}

pub(super) enum Kind {
    /// Text; `plain` when it was written without quotes, so that its type is read from it.
    Scalar {
        text: String,
        plain: bool,
    },
    Map(Vec<(Key, Tree)>),
    List(Vec<Tree>),
}

pub(super) struct Key {
    pub place: Place,
    pub text: String,
}

/// A map or list whose end has not come yet.
struct Open {
    place: Place,
    kind: OpenKind,
}

enum OpenKind {
    Map { entries: Vec<(Key, Tree)>, key: Option<Key> },
    List(Vec<Tree>),
}

/// The documents of `text`, without the empty ones. The first mistake ends the reading of a file.
pub(super) fn parse(file: &Arc<str>, text: &str) -> Result<Vec<Tree>, TemplateError> {
    // The parser's own bound on nesting, 255, is for what it has to look ahead; ours is checked event by event.
    let options = granit_parser::options! {
        emit_comments: false,
        disallow_directives: true,
        emit_unresolved_aliases: true,
    };
    let mut builder = Builder { file: file.clone(), open: Vec::new(), documents: Vec::new() };
    for next in Parser::new_from_str_with_options(text, options) {
        let (event, span) = next.map_err(|e| builder.syntax_error(&e))?;
        builder.event(event, span)?;
    }
    Ok(builder.documents)
}

struct Builder {
    file: Arc<str>,
    open: Vec<Open>,
    documents: Vec<Tree>,
}

impl Builder {
    fn syntax_error(&self, error: &ScanError) -> TemplateError {
        self.place(error.marker().line(), error.marker().col()).error(format!("not valid YAML: {}", error.info()))
    }

    fn place(&self, line: usize, col: usize) -> Place {
        let small = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        Place { file: self.file.clone(), line: small(line), column: small(col.saturating_add(1)) }
    }

    fn event(&mut self, event: Event<'_>, span: Span) -> Result<(), TemplateError> {
        let place = self.place(span.start.line(), span.start.col());
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                plain_node(&place, anchor, tag.is_some())?;
                self.scalar(place, text.into_owned(), style)
            }
            Event::MappingStart(_, anchor, tag) => {
                plain_node(&place, anchor, tag.is_some())?;
                self.start(place, OpenKind::Map { entries: Vec::new(), key: None })
            }
            Event::SequenceStart(_, anchor, tag) => {
                plain_node(&place, anchor, tag.is_some())?;
                self.start(place, OpenKind::List(Vec::new()))
            }
            Event::MappingEnd | Event::SequenceEnd => self.end(),
            Event::Alias(..) | Event::UnresolvedAlias(..) => {
                Err(place.error("YAML aliases (`*name`) are not taken in templates: write the value out"))
            }
            _ => Ok(()),
        }
    }

    fn scalar(&mut self, place: Place, text: String, style: ScalarStyle) -> Result<(), TemplateError> {
        let plain = style == ScalarStyle::Plain;
        if let Some(Open { kind: OpenKind::Map { entries, key: key @ None }, .. }) = self.open.last_mut() {
            if plain && text == "<<" {
                return Err(place.error("YAML merge keys (`<<`) are not taken in templates: write the fields out"));
            }
            if plain && plain::is_old_bool(&text) {
                return Err(place.error(format!("the key `{text}` is a bool to some tools: quote it")));
            }
            if entries.iter().any(|(other, _)| other.text == text) {
                return Err(place.error(format!("the key `{text}` is there twice")));
            }
            *key = Some(Key { place, text });
            return Ok(());
        }
        self.add(Tree { place, kind: Kind::Scalar { text, plain } });
        Ok(())
    }

    fn start(&mut self, place: Place, kind: OpenKind) -> Result<(), TemplateError> {
        if let Some(Open { kind: OpenKind::Map { key: None, .. }, .. }) = self.open.last() {
            return Err(place.error("a key must be a string; an expression needs quotes around it: \"{{name}}\""));
        }
        if self.open.len() >= MAX_DEPTH {
            return Err(place.error(format!("more than {MAX_DEPTH} levels deep")));
        }
        self.open.push(Open { place, kind });
        Ok(())
    }

    fn end(&mut self) -> Result<(), TemplateError> {
        let Some(Open { place, kind }) = self.open.pop() else {
            return Err(self.place(0, 0).error("a map or list ends that did not start"));
        };
        let kind = match kind {
            OpenKind::Map { entries, .. } => Kind::Map(entries),
            OpenKind::List(items) => Kind::List(items),
        };
        self.add(Tree { place, kind });
        Ok(())
    }

    /// Puts a finished node where it belongs: into the map or list around it, or among the documents.
    fn add(&mut self, tree: Tree) {
        match self.open.last_mut() {
            Some(Open { kind: OpenKind::Map { entries, key }, .. }) => {
                if let Some(key) = key.take() {
                    entries.push((key, tree));
                }
            }
            Some(Open { kind: OpenKind::List(items), .. }) => items.push(tree),
            None if tree.is_nothing() => {}
            None => self.documents.push(tree),
        }
    }
}

impl Tree {
    /// What an empty document, or one of comments only, reads as.
    fn is_nothing(&self) -> bool {
        matches!(&self.kind, Kind::Scalar { text, plain: true } if matches!(text.as_str(), "" | "~"))
    }
}

fn plain_node(place: &Place, anchor: usize, tagged: bool) -> Result<(), TemplateError> {
    if anchor != 0 {
        return Err(place.error("YAML anchors (`&name`) are not taken in templates: write the value out"));
    }
    if tagged {
        return Err(place.error("YAML tags (`!!str`, `!name`) are not taken in templates: quote a string instead"));
    }
    Ok(())
}
