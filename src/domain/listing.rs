//! Replies of an API server about objects that somebody else wrote, turned into documents within a budget. In: bytes, no more of
//! them than [`REPLY`]. Out: objects without `managedFields`, or why they are too much. What is parsed can be a hundred times as
//! large as its text (`[{"":0},{"":0}]`): so the text is weighed first, and what is too heavy is never parsed.
use serde_json::Value;

use super::cel;

/// Bytes of one reply that are read at all: a page of ten objects of ordinary size, many times over.
pub const REPLY: usize = 8 << 20;
/// Bytes in memory that all replies to one question may take once they are parsed. An eighth of what a Leasehold has by default.
const ROOM: u64 = 32 << 20;

/// Bytes of a map's first node, of each further entry (nodes are half full at worst), of a list's first items, and of a string
/// beside its text: of `serde_json`'s tree on 64 bits, rounded up.
const MAP: u64 = 640;
const ENTRY: u64 = 112;
const LIST: u64 = 128;
const TEXT: u64 = 16;

/// What may still be read for one question, over all kinds.
#[derive(Debug)]
pub struct Budget {
    bytes: u64,
    room: u64,
}

impl Default for Budget {
    fn default() -> Self {
        Self { bytes: cel::BYTES, room: ROOM }
    }
}

impl Budget {
    /// One object.
    ///
    /// # Errors
    /// That it is too much, or no JSON.
    pub fn object(&mut self, reply: &[u8]) -> Result<Value, String> {
        let object = plain(self.parse(reply)?);
        self.keep(&object)?;
        Ok(object)
    }

    /// The objects of one page of a list, and where the next begins.
    ///
    /// # Errors
    /// That they are too much, or no list.
    pub fn page(&mut self, reply: &[u8]) -> Result<(Vec<Value>, Option<String>), String> {
        let mut list = self.parse(reply)?;
        let more = list.pointer("/metadata/continue").and_then(Value::as_str).filter(|more| !more.is_empty());
        let more = more.map(str::to_owned);
        let Some(Value::Array(items)) = list.get_mut("items").map(Value::take) else {
            return Err("the reply is no list".into());
        };
        let items: Vec<Value> = items.into_iter().map(plain).collect();
        items.iter().try_for_each(|item| self.keep(item))?;
        Ok((items, more))
    }

    fn parse(&mut self, reply: &[u8]) -> Result<Value, String> {
        self.room = self.room.checked_sub(weight(reply)).ok_or_else(too_much)?;
        serde_json::from_slice(reply).map_err(|error| format!("the reply is no JSON: {error}"))
    }

    /// As an expression's own bound counts it.
    fn keep(&mut self, object: &Value) -> Result<(), String> {
        self.bytes = self.bytes.checked_sub(cel::bytes(object)).ok_or_else(too_much)?;
        Ok(())
    }
}

/// That more was to be read than is looked at.
#[must_use]
pub fn too_much() -> String {
    format!("there is too much to look at: more than {} bytes, or in too many parts", cel::BYTES)
}

fn plain(mut object: Value) -> Value {
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.remove("managedFields");
    }
    object
}

/// Bytes that a text takes at most once it is parsed.
fn weight(json: &[u8]) -> u64 {
    let (mut weight, mut quoted, mut escaped, mut last) = (0_u64, false, false, b' ');
    for byte in json.iter().copied() {
        if quoted {
            weight += 1;
            (quoted, escaped) = (escaped || byte != b'"', !escaped && byte == b'\\');
            continue;
        }
        match byte {
            b'"' => (quoted, weight) = (true, weight + TEXT),
            b'{' => weight += MAP,
            b'[' => weight += LIST,
            b',' => weight += ENTRY,
            // An empty one takes nothing.
            b'}' if last == b'{' => weight -= MAP,
            b']' if last == b'[' => weight -= LIST,
            b' ' | b'\n' | b'\r' | b'\t' => continue,
            _ => {}
        }
        last = byte;
    }
    weight
}
