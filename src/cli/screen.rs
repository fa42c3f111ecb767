//! `--watch`: what is shown, again when it changed. On a terminal the page is drawn over itself; elsewhere only what
//! changed is appended, so that a log of it can be read.
use std::{collections::BTreeMap, error::Error, time::Duration};

use jiff::Timestamp;

use super::{
    fleet::{FleetView, State},
    live::Live,
    output,
    status::{Shown, Status},
    table::{Cell, Paint},
};

/// The shortest time between two pages: faster than that nobody reads.
const GAP: Duration = Duration::from_millis(200);
/// Ages and soaks move without an event.
const TICK: Duration = Duration::from_secs(1);
/// A terminal that does not say how big it is.
const USUAL: Size = Size { columns: 80, rows: 24 };

/// A terminal's size in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    pub columns: usize,
    pub rows: usize,
}

/// Whether standard output is a terminal.
#[must_use]
pub fn is_terminal() -> bool {
    std::io::IsTerminal::is_terminal(&std::io::stdout())
}

/// Draws the page over itself until interrupted, or until the one tenant that is shown is gone.
///
/// # Errors
/// [`super::connect::Trouble`], or standard output that cannot be written.
pub async fn draw(live: &mut Live, status: &Status) -> Result<(), Box<dyn Error>> {
    output::print("\x1b[2J")?;
    while let Some(shown) = status.look(live) {
        let (now, paint) = (Timestamp::now(), Paint::for_stdout());
        let size = size();
        let mut lines = match &shown {
            Shown::Fleet(fleet) => {
                page(fleet, status.is_wide(), now, paint, size.rows.saturating_sub(1 + live.notes.len()))
            }
            Shown::Tenant(tenant) => tenant.lines(now, paint),
        };
        lines.extend(live.notes.iter().map(|note| format!("note: {note}")));
        output::print(&frame(&lines, size))?;
        live.follow(GAP, TICK).await?;
    }
    Ok(output::print("it is gone\n")?)
}

/// Appends what changed until interrupted, or until the one tenant that is shown is gone.
///
/// # Errors
/// As [`draw`].
pub async fn append(live: &mut Live, status: &Status, first: Shown) -> Result<(), Box<dyn Error>> {
    output::print(&status.text(&first)?)?;
    let mut last = first;
    loop {
        live.follow(GAP, TICK).await?;
        let Some(shown) = status.look(live) else { return Ok(()) };
        if shown == last {
            continue;
        }
        let text = match (&last, &shown) {
            (Shown::Fleet(before), Shown::Fleet(after)) if !status.is_data() => {
                let lines = changes(before, after, status.is_wide(), Timestamp::now());
                lines.into_iter().map(|line| line + "\n").collect()
            }
            _ => status.text(&shown)?,
        };
        output::print(&text)?;
        last = shown;
    }
}

/// The lines of a fleet that are other than before.
#[must_use]
pub fn changes(before: &FleetView, after: &FleetView, wide: bool, now: Timestamp) -> Vec<String> {
    let mut lines = Vec::new();
    for rollout in &after.rollouts {
        let same = before
            .rollouts
            .iter()
            .any(|old| (&old.name, &old.phase, &old.message) == (&rollout.name, &rollout.phase, &rollout.message));
        if !same {
            let message = if rollout.message.is_empty() { String::new() } else { format!(": {}", rollout.message) };
            lines.push(format!("Rollout {}: {:?}{message}", rollout.name, rollout.phase));
        }
    }
    let ended = before.rollouts.iter().filter(|old| after.rollouts.iter().all(|rollout| rollout.name != old.name));
    lines.extend(ended.map(|old| format!("Rollout {}: ended", old.name)));
    let cells = |fleet: &FleetView| -> BTreeMap<String, Vec<Cell>> {
        // At one fixed time: ages always change.
        fleet.tenants.iter().map(|tenant| (tenant.name.clone(), tenant.cells(wide, Timestamp::UNIX_EPOCH))).collect()
    };
    let (old, new) = (cells(before), cells(after));
    let shown = after.tenants.iter().zip(after.table(wide, now, Paint::Plain).into_iter().skip(1));
    lines.extend(shown.filter(|(tenant, _)| old.get(&tenant.name) != new.get(&tenant.name)).map(|(_, line)| line));
    lines.extend(old.keys().filter(|name| !new.contains_key(*name)).map(|name| format!("{name} is gone")));
    lines.extend(after.problems.iter().filter(|problem| !before.problems.contains(problem)).cloned());
    lines
}

/// A fleet's page in at most `height` lines: where there is no room for all tenants, those that run as asked are left out
/// first.
#[must_use]
pub fn page(fleet: &FleetView, wide: bool, now: Timestamp, paint: Paint, height: usize) -> Vec<String> {
    let all = fleet.lines(wide, now, paint);
    let Some(surplus) = all.len().checked_sub(height).filter(|surplus| *surplus > 0) else { return all };
    let (mut lines, mut table) = (fleet.head(now, paint), fleet.table(wide, now, paint).into_iter());
    lines.extend(table.next());
    let mut rows: Vec<(bool, String)> = fleet.tenants.iter().map(|t| t.state == State::Done).zip(table).collect();
    rows.sort_by_key(|(done, _)| *done);
    // One line more than the surplus: the one that says so.
    let keep = rows.len().saturating_sub(surplus + 1);
    let left = rows.len() - keep;
    let calm = rows.iter().skip(keep).all(|(done, _)| *done);
    lines.extend(rows.into_iter().take(keep).map(|(_, line)| line));
    lines.push(format!("... and {left} more{}", if calm { " that run as asked" } else { "" }));
    lines.push(String::new());
    lines.extend(fleet.foot(paint));
    lines
}

/// The bytes that draw these lines over the last page.
fn frame(lines: &[String], size: Size) -> String {
    let drawn = lines.iter().take(size.rows.saturating_sub(1)).map(|line| clip(line, size.columns) + "\x1b[K\n");
    format!("\x1b[H{}\x1b[J", drawn.collect::<String>())
}

/// The line in at most that many columns; colours take none.
fn clip(line: &str, columns: usize) -> String {
    let (mut clipped, mut shown, mut escape) = (String::new(), 0, false);
    for c in line.chars() {
        escape |= c == '\x1b';
        if escape {
            clipped.push(c);
            escape = c != 'm';
        } else if shown < columns {
            clipped.push(c);
            shown += 1;
        }
    }
    clipped
}

fn size() -> Size {
    let asked = rustix::termios::tcgetwinsize(std::io::stdout()).ok();
    let told = asked.filter(|size| size.ws_col > 0 && size.ws_row > 0);
    told.map_or(USUAL, |size| Size { columns: size.ws_col.into(), rows: size.ws_row.into() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_clipped_by_what_is_seen_of_it() {
        assert_eq!(clip("\x1b[32mRunning\x1b[0m well", 9), "\x1b[32mRunning\x1b[0m w");
        assert_eq!(clip("→→→→", 2), "→→");
    }

    #[test]
    fn a_page_is_drawn_over_the_last_one() {
        let lines = ["one".to_owned(), "two".to_owned(), "three".to_owned()];
        let drawn = frame(&lines, Size { columns: 2, rows: 3 });
        assert_eq!(drawn, "\x1b[Hon\x1b[K\ntw\x1b[K\n\x1b[J");
    }
}
