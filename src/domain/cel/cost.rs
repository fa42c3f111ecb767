//! The greatest cost that an expression can have on given documents, worked out from its tree and from how large they are:
//! loops multiply, and what is put together adds up. Never too low; an expression that could be too dear is not run.
use cel::common::ast::{EntryExpr, Expr, IdedExpr, LiteralValue};
use serde_json::Value;

/// Steps of the interpreter, of well under a microsecond each.
const STEPS: u64 = 5_000_000;
/// Steps that the reading of a pattern counts for: the interpreter reads it anew at each call. See [`super::shape`] for how
/// large one can be.
const PATTERN: u64 = 10_000;
/// Bytes of all documents, and of anything that is made of them.
pub const BYTES: u64 = 4 << 20;

/// How large a value can be.
#[derive(Clone, Copy, Default)]
struct Size {
    /// Its items, of a list or a map.
    items: u64,
    /// Items of the longest list or map inside it.
    inner: u64,
    bytes: u64,
    /// Bytes of the longest string in it.
    text: u64,
}

impl Size {
    fn and(self, other: Self) -> Self {
        Self {
            items: self.items.saturating_add(other.items),
            inner: self.inner.max(other.inner),
            bytes: self.bytes.saturating_add(other.bytes),
            text: self.text.saturating_add(other.text),
        }
    }

    /// What has the larger of each.
    fn or(self, other: Self) -> Self {
        Self {
            items: self.items.max(other.items),
            inner: self.inner.max(other.inner),
            bytes: self.bytes.max(other.bytes),
            text: self.text.max(other.text),
        }
    }

    /// A list or map that holds the other as one of its items.
    fn holding(self, item: Self) -> Self {
        let (bytes, text) = (self.bytes.saturating_add(item.bytes), self.text.max(item.text));
        Self { items: self.items, inner: self.inner.max(item.items).max(item.inner), bytes, text }
    }

    /// Anything inside it.
    fn inside(self) -> Self {
        Self { items: self.inner, ..self }
    }
}

/// Refuses an expression that could be too dear on these documents.
pub fn check(root: &IdedExpr, documents: &[(&'static str, Value)]) -> Result<(), String> {
    let sizes = documents.iter().map(|(name, document)| ((*name).to_owned(), size(document)));
    let mut cost = Cost { scope: sizes.collect(), steps: 0 };
    let bytes: u64 = cost.scope.iter().map(|(_, size)| size.bytes).fold(0, u64::saturating_add);
    if bytes > BYTES {
        return Err(format!("there is too much to look at: {bytes} bytes, {BYTES} at most"));
    }
    let result = cost.expr(root, 1)?;
    if cost.steps > STEPS || result.bytes > BYTES {
        return Err(too_dear());
    }
    Ok(())
}

fn too_dear() -> String {
    "the expression could take too long on what there is to look at; use fewer loops in each other".into()
}

/// How many bytes a document counts for.
#[must_use]
pub fn bytes(document: &Value) -> u64 {
    size(document).bytes
}

fn size(document: &Value) -> Size {
    match document {
        Value::Null | Value::Bool(_) | Value::Number(_) => Size { bytes: 16, ..Size::default() },
        Value::String(text) => of_text(text),
        Value::Array(items) => of_many(items.len(), items.iter().map(size)),
        Value::Object(entries) => {
            let entries = entries.iter().map(|(key, entry)| {
                let (entry, key) = (size(entry), key.len() as u64);
                Size { bytes: entry.bytes.saturating_add(key + 16), text: entry.text.max(key), ..entry }
            });
            of_many(entries.len(), entries)
        }
    }
}

fn of_many(count: usize, sizes: impl Iterator<Item = Size>) -> Size {
    sizes.fold(list(count), Size::holding)
}

fn list(count: usize) -> Size {
    Size { items: count as u64, bytes: 16, ..Size::default() }
}

fn of_text(text: &str) -> Size {
    let length = text.len() as u64;
    Size { bytes: 16 + length, text: length, ..Size::default() }
}

struct Cost {
    scope: Vec<(String, Size)>,
    steps: u64,
}

impl Cost {
    fn pay(&mut self, times: u64, steps: u64) -> Result<(), String> {
        self.steps = self.steps.saturating_add(times.saturating_mul(steps));
        if self.steps > STEPS { Err(too_dear()) } else { Ok(()) }
    }

    /// The size of what the expression gives, when it is evaluated `times` times.
    fn expr(&mut self, expr: &IdedExpr, times: u64) -> Result<Size, String> {
        self.pay(times, 1)?;
        let size = match &expr.expr {
            Expr::Ident(name) => {
                let found = self.scope.iter().rev().find(|(known, _)| known == name);
                found.map(|(_, size)| *size).unwrap_or_default()
            }
            Expr::Literal(LiteralValue::String(text)) => of_text(text.inner()),
            Expr::Select(select) => self.expr(&select.operand, times)?.inside(),
            Expr::Call(call) => {
                let mut parts = Vec::with_capacity(3);
                for part in call.target.as_deref().into_iter().chain(&call.args) {
                    parts.push(self.expr(part, times)?);
                }
                self.call(&call.func_name, &parts, times)?
            }
            Expr::List(literal) => {
                let mut all = list(literal.elements.len());
                for element in &literal.elements {
                    all = all.holding(self.expr(element, times)?);
                }
                all
            }
            Expr::Map(map) => {
                let mut all = list(map.entries.len());
                for entry in &map.entries {
                    if let EntryExpr::MapEntry(entry) = &entry.expr {
                        all = all.holding(self.expr(&entry.key, times)?).holding(self.expr(&entry.value, times)?);
                    }
                }
                all
            }
            Expr::Comprehension(_) => return self.walk(expr, times),
            _ => Size { bytes: 16, ..Size::default() },
        };
        if size.bytes > BYTES { Err(too_dear()) } else { Ok(size) }
    }

    fn call(&mut self, name: &str, parts: &[Size], times: u64) -> Result<Size, String> {
        let one = Size { bytes: 16, ..Size::default() };
        let longest = parts.iter().map(|part| part.text).max().unwrap_or(0);
        let least = parts.iter().map(|part| part.bytes).min().unwrap_or(0);
        let sum = parts.iter().copied().fold(Size::default(), Size::and);
        let (steps, size) = match name {
            "_+_" => ((sum.text + sum.items) / 16, sum),
            "_?_:_" => (0, parts.iter().skip(1).copied().fold(one, Size::or)),
            "_[_]" => (0, parts.first().copied().unwrap_or(one).inside()),
            "_==_" | "_!=_" | "_<_" | "_<=_" | "_>_" | "_>=_" => (least / 64, one),
            "@in" => (parts.iter().map(|part| part.items).sum::<u64>() + longest / 64, one),
            "matches" => (longest.saturating_add(PATTERN), one),
            "contains" | "startsWith" | "endsWith" | "size" => (longest / 16, one),
            "string" | "bytes" | "dyn" => (longest / 16, sum.and(Size { text: 32, bytes: 32, ..Size::default() })),
            _ => (0, one),
        };
        self.pay(times, steps)?;
        Ok(size)
    }

    /// A loop: its step is taken once for each item. What it gathers grows with what it takes of each item, all of which
    /// together are no more than what is walked over, and with what it takes from outside, once for each item.
    fn walk(&mut self, expr: &IdedExpr, times: u64) -> Result<Size, String> {
        let Expr::Comprehension(walk) = &expr.expr else { return Ok(Size::default()) };
        let range = self.expr(&walk.iter_range, times)?;
        let init = self.expr(&walk.accu_init, times)?;
        let rounds = times.saturating_mul(range.items.max(1));
        let step = |cost: &mut Self, item: Size, times: u64| {
            let before = cost.scope.len();
            cost.scope.push((walk.accu_var.clone(), Size::default()));
            cost.scope.push((walk.iter_var.clone(), item));
            cost.scope.extend(walk.iter_var2.clone().map(|second| (second, item)));
            let condition = cost.expr(&walk.loop_cond, times).map(|_| ());
            let size = condition.and_then(|()| cost.expr(&walk.loop_step, times));
            cost.scope.truncate(before);
            size
        };
        let item = range.inside();
        let full = step(self, item, rounds)?;
        let bare = step(self, Size { bytes: 0, text: 0, ..item }, 0)?;
        let gathered = Size {
            items: range.items.saturating_mul(full.items),
            inner: full.inner,
            bytes: full.bytes.saturating_add(bare.bytes.saturating_mul(range.items)),
            text: full.text,
        };
        let before = self.scope.len();
        self.scope.push((walk.accu_var.clone(), gathered.and(init)));
        let result = self.expr(&walk.result, times);
        self.scope.truncate(before);
        result
    }
}
