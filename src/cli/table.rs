//! Cells in, aligned lines out, as kubectl aligns them. Never: a decision about what is shown; a control character of the
//! cluster's in a terminal.
use jiff::{SignedDuration, Timestamp};

/// Columns stand this far apart.
const GAP: usize = 3;

/// What a cell says at a glance.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tone {
    #[default]
    Plain,
    /// As asked.
    Good,
    /// Moves or waits by itself.
    Busy,
    /// A person must act.
    Bad,
    Strong,
}

/// Whether tones become colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Paint {
    Colour,
    Plain,
}

impl Paint {
    /// Colour on a terminal, unless `NO_COLOR` is set and not empty (<https://no-color.org>).
    #[must_use]
    pub fn for_stdout() -> Self {
        let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let terminal = std::io::IsTerminal::is_terminal(&std::io::stdout());
        if terminal && !refused { Self::Colour } else { Self::Plain }
    }

    /// The text in its tone.
    #[must_use]
    pub fn dress(self, tone: Tone, text: &str) -> String {
        let code = match (self, tone) {
            (Self::Plain, _) | (_, Tone::Plain) => return text.to_owned(),
            (_, Tone::Good) => "32",
            (_, Tone::Busy) => "33",
            (_, Tone::Bad) => "1;31",
            (_, Tone::Strong) => "1",
        };
        format!("\x1b[{code}m{text}\x1b[0m")
    }
}

/// One cell.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cell {
    text: String,
    tone: Tone,
}

impl Cell {
    /// A cell on one line: what would move the cursor or change the terminal's state becomes a space. Messages come from
    /// pods, and a pod may say anything.
    #[must_use]
    pub fn new(text: impl AsRef<str>) -> Self {
        Self { text: one_line(text.as_ref()), tone: Tone::Plain }
    }

    #[must_use]
    pub fn toned(self, tone: Tone) -> Self {
        Self { tone, ..self }
    }
}

impl<T: AsRef<str>> From<T> for Cell {
    fn from(text: T) -> Self {
        Self::new(text)
    }
}

/// The text without control characters, on one line.
#[must_use]
pub fn one_line(text: &str) -> String {
    text.trim().chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// Rows under headers.
#[derive(Clone, Debug, Default)]
pub struct Table {
    headers: Vec<&'static str>,
    rows: Vec<Vec<Cell>>,
    indent: &'static str,
}

impl Table {
    #[must_use]
    pub fn new(headers: impl IntoIterator<Item = &'static str>) -> Self {
        Self { headers: headers.into_iter().collect(), ..Self::default() }
    }

    /// A table that belongs to the line above it.
    #[must_use]
    pub fn indented(headers: impl IntoIterator<Item = &'static str>) -> Self {
        Self { indent: "  ", ..Self::new(headers) }
    }

    pub fn row(&mut self, cells: impl IntoIterator<Item = Cell>) {
        self.rows.push(cells.into_iter().collect());
    }

    /// The lines: headers first (none when they are all empty), then one a row. No line ends in spaces.
    #[must_use]
    pub fn lines(&self, paint: Paint) -> Vec<String> {
        let headers: Vec<Cell> = self.headers.iter().map(Cell::new).collect();
        let titled = headers.iter().any(|header| !header.text.is_empty());
        let all = || titled.then_some(&headers).into_iter().chain(&self.rows);
        let mut widths = vec![0; self.headers.len()];
        for row in all() {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = cell.text.chars().count().max(*width);
            }
        }
        all().map(|row| self.indent.to_owned() + &line(row, &widths, paint)).collect()
    }
}

fn line(row: &[Cell], widths: &[usize], paint: Paint) -> String {
    let last = row.iter().rposition(|cell| !cell.text.is_empty()).map_or(0, |last| last + 1);
    let mut line = String::new();
    for (at, (cell, width)) in row.iter().zip(widths).take(last).enumerate() {
        line += &paint.dress(cell.tone, &cell.text);
        if at + 1 < last {
            let pad = width.saturating_sub(cell.text.chars().count()) + GAP;
            line.extend(std::iter::repeat_n(' ', pad));
        }
    }
    line
}

/// The time from `since` to `now` in at most two units, as kubectl writes ages: `42s`, `3m5s`, `5h10m`, `12d`.
#[must_use]
pub fn age(since: Timestamp, now: Timestamp) -> String {
    short(now.duration_since(since))
}

/// A span of time in at most two units, the second one only while it matters.
#[must_use]
pub fn short(span: SignedDuration) -> String {
    let seconds = span.as_secs().max(0);
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    let two = |large: i64, unit: &str, small: i64, of: &str| {
        if small == 0 { format!("{large}{unit}") } else { format!("{large}{unit}{small}{of}") }
    };
    match () {
        () if seconds < 120 => format!("{seconds}s"),
        () if minutes < 10 => two(minutes, "m", seconds % 60, "s"),
        () if hours < 3 => format!("{minutes}m"),
        () if hours < 8 => two(hours, "h", minutes % 60, "m"),
        () if hours < 48 => format!("{hours}h"),
        () if days < 8 => two(days, "d", hours % 24, "h"),
        () if days < 730 => format!("{days}d"),
        () => two(days / 365, "y", days % 365, "d"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_align_and_colour_takes_no_room() {
        let mut table = Table::new(["NAME", "STATUS", "AGE"]);
        table.row(["acme".into(), Cell::new("Running").toned(Tone::Good), "5m".into()]);
        table.row(["a-long-name".into(), Cell::new("Stalled: Refused").toned(Tone::Bad), Cell::default()]);
        let plain = [
            "NAME          STATUS             AGE",
            "acme          Running            5m",
            "a-long-name   Stalled: Refused",
        ];
        assert_eq!(table.lines(Paint::Plain), plain);
        let coloured = table.lines(Paint::Colour);
        assert_eq!(coloured[1], "acme          \x1b[32mRunning\x1b[0m            5m");
    }

    #[test]
    fn what_a_pod_says_cannot_move_the_cursor() {
        assert_eq!(Cell::new("a\x1b[2Jb\nc\r").text, "a [2Jb c");
    }

    #[test]
    fn ages_read_as_kubectls_do() {
        let of = |seconds| short(SignedDuration::from_secs(seconds));
        let ages =
            [0, 119, 120, 185, 600, 10_799, 10_800, 18_600, 36_000, 180_000, 7 * 86_400, 9 * 86_400, 800 * 86_400];
        let read = ["0s", "119s", "2m", "3m5s", "10m", "179m", "3h", "5h10m", "10h", "2d2h", "7d", "9d", "2y70d"];
        assert_eq!(ages.map(of), read);
        assert_eq!(of(-5), "0s");
    }
}
