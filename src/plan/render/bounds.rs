//! What a template may cost. Every bound is far above an honest stack and far below what would hurt a planner that
//! renders for ten thousand tenants.

/// Text of all template files of one stack together, in bytes. A release with its templates must fit into etcd's 1.5 MiB.
pub const MAX_TEMPLATE_BYTES: usize = 256 * 1024;
/// Levels of maps and lists, in a template and in what it renders to. A Deployment needs about 12.
pub const MAX_DEPTH: usize = 32;
/// Objects of one stack. Each costs a write and a watch entry per tenant.
pub const MAX_OBJECTS: usize = 64;
/// One rendered string, in bytes.
pub const MAX_SCALAR_BYTES: usize = 64 * 1024;
/// Everything that one stack renders to, in bytes of text and 8 for each value: less than etcd takes in one object.
pub const MAX_RENDERED_BYTES: usize = 1024 * 1024;
/// Expressions in one string.
pub const MAX_EXPRESSIONS: usize = 256;
/// Blocks, parentheses and brackets inside each other in one string: the grammar is parsed by recursion.
pub const MAX_NESTING: usize = 16;
/// Errors reported of one stack; the rest are usually echoes of these.
pub const MAX_ERRORS: usize = 32;

/// What has to hold before a parser that recurses, and looks up places from the start each time, may see the text.
pub(super) fn within_bounds(text: &str) -> Result<(), String> {
    if text.len() > MAX_SCALAR_BYTES {
        return Err(format!("longer than {MAX_SCALAR_BYTES} bytes"));
    }
    if text.matches("{{").count() > MAX_EXPRESSIONS {
        return Err(format!("more than {MAX_EXPRESSIONS} expressions in one string"));
    }
    let (mut blocks, mut brackets) = (0_usize, 0_usize);
    for (index, c) in text.char_indices() {
        let rest = text.get(index..).unwrap_or_default();
        match c {
            '{' if rest.starts_with("{{") => {
                let tag = rest.trim_start_matches(|c: char| c == '{' || c == '~' || c.is_whitespace());
                let opens = usize::from(tag.starts_with('#'));
                blocks = if tag.starts_with('/') { blocks.saturating_sub(1) } else { blocks + opens };
            }
            '(' | '[' | '{' => brackets += 1,
            ')' | ']' | '}' => brackets = brackets.saturating_sub(1),
            _ => {}
        }
        if blocks > MAX_NESTING || brackets > MAX_NESTING * 4 {
            return Err(format!("blocks or brackets more than {MAX_NESTING} deep"));
        }
    }
    Ok(())
}
