//! Bounds on an expression as it is written: how large, how deep, how many loops in each other, and what it names.
use cel::common::ast::{CallExpr, EntryExpr, Expr, IdedExpr, LiteralValue};
use regex::RegexBuilder;

use super::VARIABLES;

/// Nodes of the syntax tree, macros unfolded.
pub const NODES: usize = 256;
/// How deep the tree is: evaluation goes as deep on the stack.
const DEPTH: usize = 64;
/// Loops (`all`, `exists`, `map`, `filter`) in each other.
const LOOPS: usize = 2;
/// Bytes that a pattern takes once it is compiled. `\w` alone has thousands of letters in it; a hundred of them are no honest
/// pattern, and are compiled anew at each call.
const PATTERN: usize = 128 << 10;
/// Operators of one kind in a row, such as `!!!!`: the parser takes a call for each.
const RUN: usize = 16;

/// What may be called. Everything else is refused, whether or not the interpreter knows it.
const FUNCTIONS: [&str; 33] = [
    "_?_:_",
    "_&&_",
    "_||_",
    "!_",
    "-_",
    "_+_",
    "_-_",
    "_*_",
    "_/_",
    "_%_",
    "_==_",
    "_!=_",
    "_<_",
    "_<=_",
    "_>_",
    "_>=_",
    "_[_]",
    "@in",
    "@not_strictly_false",
    "size",
    "contains",
    "startsWith",
    "endsWith",
    "matches",
    "int",
    "uint",
    "double",
    "string",
    "bool",
    "bytes",
    "type",
    "dyn",
    "has",
];
/// Names of types, as `type(x) == string` uses them.
const TYPES: [&str; 9] = ["int", "uint", "double", "string", "bool", "bytes", "list", "map", "null_type"];

/// Refuses what would take a parser a call for each character.
pub fn tame(text: &str) -> Result<(), String> {
    let mut run = 0;
    for c in text.chars() {
        run = if matches!(c, '!' | '-' | '?' | '(' | '[' | '{') {
            run + 1
        } else if c.is_whitespace() {
            run
        } else {
            0
        };
        if run > RUN {
            return Err(format!("the expression has more than {RUN} operators or brackets in a row"));
        }
    }
    Ok(())
}

/// Checks the tree; the variables that it names.
pub fn check(root: &IdedExpr) -> Result<Vec<&'static str>, String> {
    let mut shape = Shape { nodes: 0, scope: Vec::new(), uses: Vec::new() };
    shape.expr(root, 0, 0)?;
    Ok(shape.uses)
}

/// A pattern is written out, so that what it costs is known before anything is looked at.
fn pattern(call: &CallExpr) -> Result<(), String> {
    let parts: Vec<&IdedExpr> = call.target.as_deref().into_iter().chain(&call.args).collect();
    let [_, last] = parts.as_slice() else { return Err("`matches` takes a text and a pattern".into()) };
    let Expr::Literal(LiteralValue::String(text)) = &last.expr else {
        return Err("`matches` takes a pattern that is written out, in quotes".into());
    };
    match RegexBuilder::new(text.inner()).size_limit(PATTERN).build() {
        Ok(_) => Ok(()),
        Err(regex::Error::CompiledTooBig(_)) => Err(format!("the pattern `{}` is too large", text.inner())),
        Err(error) => Err(super::short(&format!("the pattern `{}` cannot be read: {error}", text.inner()))),
    }
}

struct Shape {
    nodes: usize,
    /// Variables of the loops around.
    scope: Vec<String>,
    uses: Vec<&'static str>,
}

impl Shape {
    fn expr(&mut self, expr: &IdedExpr, depth: usize, loops: usize) -> Result<(), String> {
        self.nodes += 1;
        if self.nodes > NODES {
            return Err(format!("the expression has more than {NODES} parts"));
        }
        if depth > DEPTH {
            return Err(format!("the expression is more than {DEPTH} parts deep"));
        }
        let deeper = depth + 1;
        match &expr.expr {
            Expr::Ident(name) => self.name(name),
            Expr::Literal(_) => Ok(()),
            Expr::Select(select) => self.expr(&select.operand, deeper, loops),
            Expr::Call(call) => {
                if !FUNCTIONS.contains(&&*call.func_name) {
                    return Err(format!("there is no function `{}` here", call.func_name));
                }
                if call.func_name == "matches" {
                    pattern(call)?;
                }
                let parts = call.target.as_deref().into_iter().chain(&call.args);
                self.all(parts, deeper, loops)
            }
            Expr::List(list) => self.all(&list.elements, deeper, loops),
            Expr::Map(map) => {
                for entry in &map.entries {
                    let EntryExpr::MapEntry(entry) = &entry.expr else {
                        return Err("a map has keys and values".into());
                    };
                    self.all([&entry.key, &entry.value], deeper, loops)?;
                }
                Ok(())
            }
            Expr::Comprehension(walk) => {
                if loops >= LOOPS {
                    return Err(format!("the expression has more than {LOOPS} loops in each other"));
                }
                self.all([&walk.iter_range, &walk.accu_init], deeper, loops)?;
                let before = self.scope.len();
                self.scope.push(walk.accu_var.clone());
                self.scope.extend([Some(walk.iter_var.clone()), walk.iter_var2.clone()].into_iter().flatten());
                self.all([&walk.loop_cond, &walk.loop_step, &walk.result], deeper, loops + 1)?;
                self.scope.truncate(before);
                Ok(())
            }
            Expr::Struct(_) | Expr::Unspecified => Err("the expression makes something that is not known here".into()),
        }
    }

    fn all<'e>(
        &mut self,
        parts: impl IntoIterator<Item = &'e IdedExpr>,
        depth: usize,
        loops: usize,
    ) -> Result<(), String> {
        parts.into_iter().try_for_each(|part| self.expr(part, depth, loops))
    }

    fn name(&mut self, name: &str) -> Result<(), String> {
        if self.scope.iter().any(|known| known == name) || TYPES.contains(&name) {
            return Ok(());
        }
        match VARIABLES.into_iter().find(|variable| *variable == name) {
            Some(variable) => {
                self.uses.push(variable);
                Ok(())
            }
            None => Err(format!("there is no `{name}` here; there are {}", VARIABLES.join(", "))),
        }
    }
}
