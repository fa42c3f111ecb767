//! What happened → lines for a person: when, what about, and what. Says the same thing once, of all whom it concerns.
use std::{collections::BTreeMap, fmt::Write as _};

use jiff::{Timestamp, tz::TimeZone};

use super::script::{Show, names};

/// Whom a line is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Topic {
    Story,
    Rollout,
    Tenant,
    Waits,
    Leasehold,
    End,
}

/// The lines so far.
#[derive(Debug)]
pub struct Transcript {
    text: String,
    show: Show,
    day: String,
    time: String,
    /// What is said of tenants at this instant: by what is said, in the order in which it was said first.
    tenants: Vec<(String, Vec<String>)>,
    /// How many lines there are.
    pub lines: usize,
}

impl Transcript {
    pub fn new(title: &str, show: Show) -> Self {
        let text = format!("{title}\n{}\n", "=".repeat(title.chars().count()));
        Self { text, show, day: String::new(), time: String::new(), tenants: Vec::new(), lines: 0 }
    }

    /// One line.
    pub fn say(&mut self, at: Timestamp, topic: Topic, what: &str) {
        self.flush(at);
        self.write(at, topic, what);
    }

    /// Something about one tenant: said with what is said of others at this instant.
    pub fn of_tenant(&mut self, tenant: &str, what: String) {
        match self.tenants.iter_mut().find(|(said, _)| *said == what) {
            Some((_, tenants)) => tenants.push(tenant.to_owned()),
            None => self.tenants.push((what, vec![tenant.to_owned()])),
        }
    }

    /// What tenants wait for since this instant, by what is said of it.
    pub fn waits(&mut self, at: Timestamp, waits: BTreeMap<String, Vec<String>>) {
        self.flush(at);
        for (what, tenants) in waits {
            let whom = self.whom(&tenants);
            self.write(at, Topic::Waits, &format!("{whom}: {what}"));
        }
    }

    /// Says what was kept back of tenants.
    pub fn flush(&mut self, at: Timestamp) {
        for (what, tenants) in std::mem::take(&mut self.tenants) {
            let whom = self.whom(&tenants);
            self.write(at, Topic::Tenant, &format!("{whom}: {what}"));
        }
    }

    /// The whole of it.
    pub fn end(mut self, at: Timestamp) -> String {
        self.flush(at);
        self.text
    }

    fn whom(&self, tenants: &[String]) -> String {
        match (self.show, tenants) {
            (_, [one]) => one.clone(),
            (Show::Everything, all) => names(all),
            (Show::Summary, all) => format!("{} tenants", all.len()),
        }
    }

    fn write(&mut self, at: Timestamp, topic: Topic, what: &str) {
        let zoned = at.to_zoned(TimeZone::UTC);
        let (day, time) = (zoned.strftime("%A, %Y-%m-%d (UTC)").to_string(), zoned.strftime("%H:%M:%S").to_string());
        if day != self.day {
            // Writing to a String cannot fail.
            let _ = writeln!(self.text, "\n{day}");
            (self.day, self.time) = (day, String::new());
        }
        let shown = if time == self.time { "" } else { &time };
        let _ = writeln!(self.text, "{shown:8}  {:9}  {what}", topic.word());
        self.time = time;
        self.lines += 1;
    }
}

impl Topic {
    const fn word(self) -> &'static str {
        match self {
            Self::Story => ">",
            Self::Rollout => "rollout",
            Self::Tenant => "tenant",
            Self::Waits => "waits",
            Self::Leasehold => "leasehold",
            Self::End => "the end",
        }
    }
}
