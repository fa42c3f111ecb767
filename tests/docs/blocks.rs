//! In: the documentation's files. Out: its fenced blocks, each with the heading it stands under, and its code spans.

use std::path::{Path, PathBuf};

/// A fenced block of a document.
#[derive(Debug, Clone)]
pub struct Block {
    /// File and line, for messages.
    pub place: String,
    pub heading: String,
    pub language: String,
    pub text: String,
}

/// Every document for users: its path in the repository, and its text.
pub fn documents() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut paths = vec![PathBuf::from("README.md")];
    for folder in ["docs", "charts/leasehold", "charts/leasehold-crds"] {
        let files = std::fs::read_dir(root.join(folder)).unwrap().map(|file| file.unwrap().file_name());
        let paths_here = files.map(|name| Path::new(folder).join(name));
        paths.extend(paths_here.filter(|path| path.extension().is_some_and(|extension| extension == "md")));
    }
    paths.sort();
    let read = |path: PathBuf| (path.display().to_string(), std::fs::read_to_string(root.join(path)).unwrap());
    paths.into_iter().map(read).collect()
}

/// The fenced blocks of one language, of all documents.
pub fn all(language: &str) -> Vec<Block> {
    let blocks = documents().into_iter().flat_map(|(path, text)| blocks(&path, &text));
    blocks.filter(|block| block.language == language).collect()
}

/// The fenced blocks of one language under a heading of one document.
///
/// # Panics
/// When there is none: the section was renamed.
pub fn section(path: &str, heading: &str, language: &str) -> Vec<Block> {
    let found: Vec<Block> =
        all(language).into_iter().filter(|block| block.place.starts_with(path) && block.heading == heading).collect();
    assert!(!found.is_empty(), "{path} has no {language} under {heading:?}");
    found
}

fn blocks(path: &str, text: &str) -> Vec<Block> {
    let (mut found, mut heading, mut open) = (Vec::new(), String::new(), None::<(usize, Block)>);
    for (number, line) in text.lines().enumerate() {
        let (indent, fence) = (line.len() - line.trim_start().len(), line.trim_start().strip_prefix("```"));
        match (&mut open, fence) {
            (None, Some(language)) => {
                let place = format!("{path}:{}", number + 1);
                let block = Block { place, heading: heading.clone(), language: language.into(), text: String::new() };
                open = Some((indent, block));
            }
            (None, None) => {
                if let Some(title) = line.strip_prefix('#') {
                    title.trim_start_matches('#').trim().clone_into(&mut heading);
                }
            }
            (Some(_), Some(_)) => found.extend(open.take().map(|(_, block)| block)),
            // A block in a list is indented as a whole.
            (Some((indent, block)), None) => block.text.extend([line.get(*indent..).unwrap_or_default(), "\n"]),
        }
    }
    assert!(open.is_none(), "{path}: a block is not closed");
    found
}

/// The code spans of a document's prose.
pub fn spans(text: &str) -> Vec<String> {
    let (mut prose, mut fenced) = (String::new(), false);
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        } else if !fenced {
            prose.extend([line, "\n"]);
        }
    }
    prose.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}
