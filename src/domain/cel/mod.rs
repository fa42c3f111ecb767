//! CEL expressions over what is known of a tenant. In: the text, and documents. Out: yes, no, or why neither can be told.
//!
//! An expression is a person's, and objects may be large: so it is bounded before it is run, by its shape when it is read and
//! by its greatest possible cost on these very documents when it is evaluated. It can read nothing but what it is handed, and
//! knows no time and no chance, so that the same documents give the same answer.
mod cost;
mod shape;

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, LazyLock},
};

use cel::{Context, Env, Value as Cel, common::ast::IdedExpr, parser::PrattParser};
use serde_json::Value;

pub use self::cost::{BYTES, bytes};
use super::analysis::{Outcome, Reply};

/// What an expression may name.
pub const VARIABLES: [&str; 3] = ["tenant", "objects", "resources"];
/// Characters of an expression, as its field allows.
const LONGEST: usize = 1024;
/// How deep the parser follows brackets and branches: on the stack of any thread.
const NESTING: u16 = 24;
/// How much of an error is passed on: it may hold a whole object.
const QUOTED: usize = 160;

/// An expression that was read and keeps its bounds.
#[derive(Clone)]
pub struct Expression {
    root: Arc<IdedExpr>,
    uses: Vec<&'static str>,
}

impl fmt::Debug for Expression {
    /// Not its tree, which is many times as long as its text.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Expression").field("uses", &self.uses).finish_non_exhaustive()
    }
}

impl Expression {
    /// Reads an expression.
    ///
    /// # Errors
    /// Where it is wrong, or which bound it breaks.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.chars().count() > LONGEST {
            return Err(format!("the expression is longer than {LONGEST} characters"));
        }
        shape::tame(text)?;
        let parser = PrattParser::new().max_recursion_depth(NESTING).max_expression_node_count(shape::NODES * 2);
        let root = parser.parse(text).map_err(|errors| short(&errors.to_string()))?;
        let uses = shape::check(&root)?;
        Ok(Self { root: Arc::new(root), uses })
    }

    /// Whether it names that variable.
    #[must_use]
    pub fn uses(&self, variable: &str) -> bool {
        self.uses.contains(&variable)
    }

    /// Evaluates it over these documents.
    #[must_use]
    pub fn evaluate(&self, documents: &[(&'static str, Value)]) -> Reply {
        if let Err(why) = cost::check(&self.root, documents) {
            return Reply::inconclusive(why);
        }
        let mut context = Context::with_env(ENV.clone());
        for (name, document) in documents {
            context.add_variable_from_value(*name, value(document));
        }
        match Cel::resolve(&self.root, &context) {
            Ok(Cel::Bool(true)) => Reply::new(Outcome::Passed, "true", "the expression is true"),
            Ok(Cel::Bool(false)) => Reply::new(Outcome::Failed, "false", "the expression is false; wanted is true"),
            Ok(other) => {
                let kind = other.type_of();
                Reply::inconclusive(format!("the expression gives a {kind}, and must give a bool"))
            }
            Err(error) => {
                Reply::inconclusive(format!("the expression cannot be evaluated: {}", short(&error.to_string())))
            }
        }
    }
}

static ENV: LazyLock<Arc<Env>> = LazyLock::new(|| Arc::new(Env::stdlib()));

/// Whole numbers are CEL's `int`, so that they compute with literals.
fn value(document: &Value) -> Cel {
    match document {
        Value::Null => Cel::Null,
        Value::Bool(truth) => Cel::Bool(*truth),
        Value::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(int), _) => Cel::Int(int),
            (None, Some(uint)) => Cel::UInt(uint),
            (None, None) => Cel::Float(number.as_f64().unwrap_or(f64::NAN)),
        },
        Value::String(text) => Cel::String(Arc::new(text.clone())),
        Value::Array(items) => Cel::List(Arc::new(items.iter().map(value).collect())),
        Value::Object(entries) => {
            let entries: HashMap<String, Cel> =
                entries.iter().map(|(key, entry)| (key.clone(), value(entry))).collect();
            Cel::from(entries)
        }
    }
}

fn short(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    line.chars().take(QUOTED).collect()
}
