//! `format: email` as Go's `net/mail.ParseAddress` takes it: `Name <local@domain>` or `local@domain`, RFC 5322 and 6532.
//! In: a string. Out: whether it is one.
//! Never: looks into encoded words (RFC 2047), which an address may only have in its name.

pub(super) fn is_address(text: &str) -> bool {
    let mut parser = Parser { rest: text };
    parser.skip_space() && parser.mailbox() && parser.skip_space() && parser.rest.is_empty()
}

struct Parser<'a> {
    rest: &'a str,
}

impl Parser<'_> {
    /// `local@domain`, or a name and that in angle brackets.
    fn mailbox(&mut self) -> bool {
        let start = self.rest;
        if self.spec() && self.ended() {
            return true;
        }
        self.rest = start;
        if !self.rest.starts_with('<') && !self.phrase() {
            return false;
        }
        self.skip_space() && self.take('<') && self.spec() && self.take('>')
    }

    /// Whether nothing follows but space and comments.
    fn ended(&mut self) -> bool {
        let start = self.rest;
        let ended = self.skip_space() && self.rest.is_empty();
        self.rest = start;
        ended
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
            let address = literal.strip_prefix("IPv6:").unwrap_or(literal);
            return !address.is_empty() && address.parse::<std::net::IpAddr>().is_ok();
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

    /// Words with space between them; dots are tolerated.
    fn phrase(&mut self) -> bool {
        let mut words = 0;
        loop {
            if !self.skip_space() {
                return false;
            }
            let word = if self.rest.starts_with('"') {
                self.quoted()
            } else {
                let end = self.rest.find(|c| c != '.' && !is_atom(c)).unwrap_or(self.rest.len());
                self.rest = self.rest.get(end..).unwrap_or_default();
                end > 0
            };
            if !word {
                return words > 0;
            }
            words += 1;
        }
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
            let mut depth = 0_u32;
            let end = self.rest.char_indices().scan('\0', |before, (at, c)| {
                let escaped = *before == '\\';
                *before = if escaped { '\0' } else { c };
                Some((at, if escaped { '\0' } else { c }))
            });
            let mut found = None;
            for (at, c) in end {
                depth = match c {
                    '(' => depth + 1,
                    ')' => depth - 1,
                    _ => depth,
                };
                if depth == 0 {
                    found = Some(at + 1);
                    break;
                }
            }
            let Some(end) = found else {
                return false;
            };
            self.rest = self.rest.get(end..).unwrap_or_default();
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

fn is_atom(c: char) -> bool {
    is_visible(c) && !"()<>[]:;@\\,.\"".contains(c)
}

fn is_visible(c: char) -> bool {
    !c.is_ascii() || c.is_ascii_graphic()
}
