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
