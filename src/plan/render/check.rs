//! One string with `{{…}}` in it → a checked [`Body`].
//!
//! In: the text, and what it may name. Handlebars' own parser reads it; what comes out is our own tree. Handlebars'
//! renderer is not used: its strict mode takes an unknown variable under `{{#if}}` for false, prints maps as
//! `[object]`, and knows only text. Never: a path that is not declared, in whichever branch it stands.
use handlebars::{
    Path as HbPath, PathSeg, Template,
    template::{HelperTemplate, Parameter, TemplateElement},
};

use super::{
    bounds::within_bounds,
    expression::{Body, Expr, Mistake, Part, Path, Start},
    helpers::Helper,
    shape::Shape,
};

/// A checked string: what to render, and the paths that a context must have even where no branch looks at them.
#[derive(Debug)]
pub(super) struct Checked {
    pub body: Body,
    pub must_exist: Vec<Path>,
}

/// Whether `text` is a template at all.
pub(super) fn is_template(text: &str) -> bool {
    text.contains("{{")
}

/// Reads and checks one string. All mistakes that can be told apart are reported, not only the first.
pub(super) fn check(text: &str, declared: &Shape) -> Result<Checked, Vec<Mistake>> {
    within_bounds(text).map_err(|message| vec![message.into()])?;
    let template = Template::compile(text).map_err(|e| vec![syntax(text, &e)])?;
    let mut checker = Checker { text, scopes: vec![declared], mistakes: Vec::new(), must_exist: Vec::new() };
    let body = checker.body(&template);
    match body {
        Some(body) if checker.mistakes.is_empty() => Ok(Checked { body, must_exist: checker.must_exist }),
        _ => Err(checker.mistakes),
    }
}

fn syntax(text: &str, error: &handlebars::TemplateError) -> Mistake {
    let offset = error.pos().map(|(line, column)| offset_of(text, line, column));
    let reason = error.reason().to_string();
    let reason = reason.lines().next().unwrap_or_default().replace("invalid handlebars syntax: ", "");
    // The parser lists the rules of its grammar that would have fitted; those names are known to nobody else.
    let reason = match reason.strip_prefix("expected ") {
        Some(_) => "`{{` without its `}}`, a block without its end, or a character that does not belong here",
        None => &reason,
    };
    Mistake { offset, message: format!("not a valid Handlebars expression: {reason}") }
}

/// Characters from the start of `text` to this line and column, both from 1.
fn offset_of(text: &str, line: usize, column: usize) -> usize {
    let before: usize = text.split('\n').take(line.saturating_sub(1)).map(|l| l.chars().count() + 1).sum();
    before + column.saturating_sub(1)
}

struct Checker<'s> {
    text: &'s str,
    /// What `this` is, outermost first; each `each` adds one.
    scopes: Vec<&'s Shape>,
    mistakes: Vec<Mistake>,
    must_exist: Vec<Path>,
}

impl<'s> Checker<'s> {
    fn wrong<T>(&mut self, offset: usize, message: impl Into<String>) -> Option<T> {
        self.mistakes.push(Mistake { offset: Some(offset), message: message.into() });
        None
    }

    fn body(&mut self, template: &Template) -> Option<Body> {
        if let [TemplateElement::Expression(call)] = template.elements.as_slice() {
            return self.whole(call);
        }
        self.parts(template).map(Body::Mixed)
    }

    fn whole(&mut self, call: &HelperTemplate) -> Option<Body> {
        let optional = matches!(&call.name, Parameter::Name(name) if name == "optional");
        if !optional {
            return self.value(call, 0).map(|(value, _)| Body::Whole { value, optional: false });
        }
        match call.params.as_slice() {
            [only] if call.hash.is_empty() => {
                self.argument(only, 0).map(|(value, _)| Body::Whole { value, optional: true })
            }
            _ => self.wrong(0, "`optional` takes one value"),
        }
    }

    fn parts(&mut self, template: &Template) -> Option<Vec<Part>> {
        let mut parts = Vec::with_capacity(template.elements.len());
        let mut complete = true;
        for (index, element) in template.elements.iter().enumerate() {
            let offset = template.mapping.get(index).map_or(0, |m| offset_of(self.text, m.0, m.1));
            match self.part(element, offset) {
                Some(part) => parts.push(part),
                None => complete &= matches!(element, TemplateElement::Comment(_)),
            }
        }
        complete.then_some(parts)
    }

    fn part(&mut self, element: &TemplateElement, offset: usize) -> Option<Part> {
        match element {
            TemplateElement::RawString(text) => Some(Part::Text(text.clone())),
            TemplateElement::Comment(_) => None,
            TemplateElement::Expression(call) => self.print(call, offset),
            TemplateElement::HelperBlock(block) => self.block(block, offset),
            TemplateElement::HtmlExpression(_) => {
                self.wrong(offset, "raw expressions (`{{{x}}}`, `{{&x}}`) are not taken: write `{{x}}`")
            }
            TemplateElement::PartialExpression(_) | TemplateElement::PartialBlock(_) => {
                self.wrong(offset, "partials (`{{> x}}`) are not taken: a template stands for itself")
            }
            TemplateElement::DecoratorExpression(_) | TemplateElement::DecoratorBlock(_) => {
                self.wrong(offset, "decorators (`{{* x}}`) are not taken")
            }
            _ => self.wrong(offset, "this kind of expression is not taken"),
        }
    }

    fn print(&mut self, call: &HelperTemplate, offset: usize) -> Option<Part> {
        let (value, shape) = self.value(call, offset)?;
        match shape {
            Some(Shape::List(_)) => self.wrong(offset, "a list has no text: use `join` or `json`"),
            Some(Shape::Map(_) | Shape::Object(_)) => {
                self.wrong(offset, "a map has no text: name one of its fields, or use `json`")
            }
            _ => Some(Part::Print { value, offset }),
        }
    }

    fn block(&mut self, block: &HelperTemplate, offset: usize) -> Option<Part> {
        let Parameter::Name(name) = &block.name else {
            return self.wrong(offset, "a block starts with a helper's name");
        };
        if block.block_param.is_some() {
            return self.wrong(offset, "block parameters (`as |x|`) are not taken: use `this`, `@index` and `@key`");
        }
        let [subject] = block.params.as_slice() else {
            return self.wrong(offset, format!("`{{{{#{name}}}}}` takes one value"));
        };
        if !block.hash.is_empty() {
            return self.wrong(offset, format!("`{{{{#{name}}}}}` takes no options"));
        }
        match name.as_str() {
            "if" | "unless" => self.branch(block, subject, name == "if", offset),
            "each" => self.each(block, subject, offset),
            _ => self.wrong(offset, format!("unknown block `{{{{#{name}}}}}`: there are if, unless, each")),
        }
    }

    fn branch(&mut self, block: &HelperTemplate, subject: &Parameter, positive: bool, offset: usize) -> Option<Part> {
        let condition = self.argument(subject, offset);
        let inner = self.inside(block.template.as_ref());
        let inverse = self.inside(block.inverse.as_ref());
        let ((condition, _), inner, inverse) = (condition?, inner?, inverse?);
        let (then, otherwise) = if positive { (inner, inverse) } else { (inverse, inner) };
        Some(Part::If { condition, then, otherwise, offset })
    }

    fn each(&mut self, block: &HelperTemplate, subject: &Parameter, offset: usize) -> Option<Part> {
        let (over, shape) = self.argument(subject, offset)?;
        let element = match shape {
            None => &Shape::Any,
            Some(shape) => match shape.element() {
                Some(element) => element,
                None => return self.wrong(offset, "`each` goes through a list or a map of values, this is neither"),
            },
        };
        self.scopes.push(element);
        let turn = self.inside(block.template.as_ref());
        self.scopes.pop();
        let none = self.inside(block.inverse.as_ref());
        Some(Part::Each { over, turn: turn?, none: none?, offset })
    }

    fn inside(&mut self, template: Option<&Template>) -> Option<Vec<Part>> {
        template.map_or_else(|| Some(Vec::new()), |t| self.parts(t))
    }

    /// A value as an expression writes it: a path alone, or a helper's name with its arguments.
    fn value(&mut self, call: &HelperTemplate, offset: usize) -> Option<(Expr, Option<&'s Shape>)> {
        if !call.hash.is_empty() {
            return self.wrong(offset, "options (`name=value`) are not taken: arguments go by their order");
        }
        match &call.name {
            Parameter::Name(name) => self.call(name, &call.params, offset).map(|call| (call, None)),
            name if call.params.is_empty() => self.argument(name, offset),
            _ => self.wrong(offset, "only a helper takes arguments"),
        }
    }

    fn argument(&mut self, parameter: &Parameter, offset: usize) -> Option<(Expr, Option<&'s Shape>)> {
        match parameter {
            Parameter::Literal(value) => Some((Expr::Literal(value.clone()), None)),
            Parameter::Path(path) => self.path(path, offset),
            Parameter::Name(name) => self.wrong(offset, format!("unknown name `{name}`")),
            Parameter::Subexpression(inner) => match inner.as_element() {
                TemplateElement::Expression(call) => self.value(call, offset),
                _ => self.wrong(offset, "this kind of expression is not taken"),
            },
            _ => self.wrong(offset, "this kind of value is not taken"),
        }
    }

    fn call(&mut self, name: &str, parameters: &[Parameter], offset: usize) -> Option<Expr> {
        if name == "optional" {
            return self.wrong(offset, "`optional` decides about a key, so it must be the whole string");
        }
        let Some(helper) = Helper::named(name) else {
            return self.wrong(offset, format!("unknown helper `{name}`: there are {}", Helper::NAMES));
        };
        let (least, most) = helper.arity();
        if !(least..=most).contains(&parameters.len()) {
            let takes = if least == most { least.to_string() } else { format!("{least} to {most}") };
            return self.wrong(offset, format!("`{name}` takes {takes} value(s), not {}", parameters.len()));
        }
        let arguments: Vec<_> = parameters.iter().map(|p| self.argument(p, offset)).collect();
        let arguments: Option<Vec<_>> = arguments.into_iter().map(|a| a.map(|(expr, _)| expr)).collect();
        arguments.map(|arguments| Expr::Call(helper, arguments))
    }

    fn path(&mut self, path: &HbPath, offset: usize) -> Option<(Expr, Option<&'s Shape>)> {
        match path {
            HbPath::Local((_, name, raw)) => {
                self.local(name, raw, offset).map(|path| (Expr::Path(path), Some(&Shape::Leaf)))
            }
            HbPath::Relative((segments, raw)) => self.relative(segments, raw, offset),
        }
    }

    fn local(&mut self, name: &str, raw: &str, offset: usize) -> Option<Path> {
        let start = match name {
            _ if raw.strip_prefix('@') != Some(name) => None,
            "index" => Some(Start::Index),
            "key" => Some(Start::Key),
            "first" => Some(Start::First),
            "last" => Some(Start::Last),
            _ => None,
        };
        match start {
            Some(start) if self.scopes.len() > 1 => {
                Some(Path { up: 0, start, segments: Vec::new(), raw: raw.to_owned() })
            }
            Some(_) => self.wrong(offset, format!("`{raw}` is only known inside `{{{{#each}}}}`")),
            None => self.wrong(offset, format!("unknown variable `{raw}`: there are @index, @key, @first, @last")),
        }
    }

    fn relative(&mut self, segments: &[PathSeg], raw: &str, offset: usize) -> Option<(Expr, Option<&'s Shape>)> {
        // The parser drops `this` wherever it stands, and `@root` would hide where a path starts.
        let hidden = raw.contains('@') || raw.split(['.', '/', '[', ']']).skip(1).any(|segment| segment == "this");
        let up = segments.iter().take_while(|s| matches!(s, PathSeg::Ruled(_))).count();
        let names: Option<Vec<String>> = segments.iter().skip(up).map(named).collect();
        let (Some(names), false) = (names, hidden) else {
            return self
                .wrong(offset, format!("`{raw}` is not a path that is taken here: write `a.b.c`, `this` or `../a`"));
        };
        let Some(scope) = self.scopes.len().checked_sub(up + 1).and_then(|i| self.scopes.get(i)).copied() else {
            return self.wrong(offset, format!("`{raw}` leaves more `{{{{#each}}}}` than there are"));
        };
        let is_root = up + 1 == self.scopes.len();
        let found = match scope.find(&names) {
            Ok(found) => found,
            Err(message) => return self.wrong(offset, message),
        };
        if is_root && names.is_empty() {
            return self.wrong(offset, format!("`{raw}` is everything there is here: name what you need of it"));
        }
        let path = Path { up, start: Start::This, segments: names, raw: raw.to_owned() };
        if found.must_exist && is_root {
            self.must_exist.push(Path { up: 0, ..path.clone() });
        } else if found.must_exist {
            return self.wrong(offset, format!("`{raw}` is not declared: describe it in the release's valuesSchema"));
        }
        Some((Expr::Path(path), Some(found.shape)))
    }
}

fn named(segment: &PathSeg) -> Option<String> {
    match segment {
        PathSeg::Named(name) => Some(name.clone()),
        _ => None,
    }
}
