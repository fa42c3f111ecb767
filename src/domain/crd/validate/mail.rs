//! `format: email` as Go's `net/mail.ParseAddress` takes it: `Name <local@domain>` or `local@domain`, RFC 5322 and 6532.
//! In: a string. Out: whether it is one.
//! Never: looks into encoded words (RFC 2047), which an address may only have in its name.

pub(super) fn is_address(text: &str) -> bool {
    let mut parser = Parser { rest: text };
    parser.address() && parser.skip_space() && parser.rest.is_empty()
}

struct Parser<'a> {
    rest: &'a str,
}

impl Parser<'_> {
    /// One mailbox, or a group of one: `Group: local@domain;`.
    fn address(&mut self) -> bool {
        let start = self.rest;
        if self.mailbox() {
            return true;
        }
        self.rest = start;
        let group = self.phrase() && self.take(':') && self.mailbox();
        group && self.skip_space() && self.take(';')
    }

    /// `local@domain`, or a name and that in angle brackets.
    fn mailbox(&mut self) -> bool {
        self.skip_blanks();
        let start = self.rest;
        if self.spec() {
            return true;
        }
        self.rest = start;
        let named = self.rest.starts_with('<') || self.phrase();
        named && self.take('<') && self.spec() && self.take('>')
    }

    fn spec(&mut self) -> bool {
        self.skip_blanks();
        let local = if self.rest.starts_with('"') { self.quoted() } else { self.atoms() };
        local && self.take('@') && self.domain()
    }

    fn domain(&mut self) -> bool {
        self.skip_blanks();
        if let Some(inner) = self.rest.strip_prefix('[') {
            let Some((literal, rest)) = inner.split_once(']') else {
                return false;
            };
            self.rest = rest;
            return literal.parse::<core::net::IpAddr>().is_ok();
        }
        self.atoms()
    }

    /// Atoms with single dots between them.
    fn atoms(&mut self) -> bool {
        let end = self.rest.find(|c| c != '.' && !is_atom(c)).unwrap_or(self.rest.len());
        let (atoms, rest) = self.rest.split_at(end);
        self.rest = rest;
        atoms.split('.').all(|atom| !atom.is_empty())
    }

    /// Words with space and comments after each; dots are tolerated.
    fn phrase(&mut self) -> bool {
        self.skip_blanks();
        let mut words = 0;
        while self.word() {
            words += 1;
            if !self.skip_space() {
                return false;
            }
        }
        words > 0
    }

    fn word(&mut self) -> bool {
        if self.rest.starts_with('"') {
            return self.quoted();
        }
        let end = self.rest.find(|c| c != '.' && !is_atom(c)).unwrap_or(self.rest.len());
        self.rest = self.rest.get(end..).unwrap_or_default();
        end > 0
    }

    fn quoted(&mut self) -> bool {
        let mut chars = self.rest.char_indices().skip(1);
        while let Some((at, c)) = chars.next() {
            match c {
                '"' => {
                    self.rest = self.rest.get(at + 1..).unwrap_or_default();
                    return true;
                }
                '\\' if chars.next().is_some_and(|(_, c)| is_visible(c) || c == ' ' || c == '\t') => {}
                '\\' => return false,
                c if is_visible(c) || c == ' ' || c == '\t' => {}
                _ => return false,
            }
        }
        false
    }

    /// Space and comments in brackets, which may be nested. False: a comment without an end.
    fn skip_space(&mut self) -> bool {
        self.skip_blanks();
        while self.rest.starts_with('(') {
            let Some(rest) = comment(self.rest).and_then(|length| self.rest.get(length..)) else {
                return false;
            };
            self.rest = rest;
            self.skip_blanks();
        }
        true
    }

    fn skip_blanks(&mut self) {
        self.rest = self.rest.trim_start_matches([' ', '\t']);
    }

    fn take(&mut self, c: char) -> bool {
        self.rest.strip_prefix(c).map(|rest| self.rest = rest).is_some()
    }
}

/// The length in bytes of the comment that the text begins with.
fn comment(text: &str) -> Option<usize> {
    let (mut depth, mut chars) = (0_u32, text.char_indices());
    while let Some((at, c)) = chars.next() {
        match c {
            '(' => depth += 1,
            ')' if depth == 1 => return Some(at + 1),
            ')' => depth -= 1,
            '\\' => drop(chars.next()),
            _ => {}
        }
    }
    None
}

fn is_atom(c: char) -> bool {
    is_visible(c) && !"()<>[]:;@\\,.\"".contains(c)
}

fn is_visible(c: char) -> bool {
    !c.is_ascii() || c.is_ascii_graphic()
}
