//! The wave engine, simulated: a small fake cluster carries its decisions out, named stories tell what must come of it,
//! and thousands of random schedules are watched by an oracle that knows the rules and not the engine.
//!
//! `LEASEHOLD_SCHEDULES` sets how many schedules are run; `LEASEHOLD_SEED` runs one and prints it, `LEASEHOLD_CASE` one that was
//! made smaller.
mod acts;
mod again;
mod aim;
mod asked;
mod back;
mod bounds;
mod case;
mod cluster;
mod desk;
mod drafts;
mod events;
mod found;
mod freeze;
mod gates;
mod generate;
mod guard;
mod halts;
mod hops;
mod invariants;
mod lessons;
mod live;
mod oracle;
mod pace;
mod people;
mod races;
mod records;
mod rng;
mod rules;
mod scale;
mod schedule;
mod sizes;
mod slices;
mod stories;
mod trace;
mod verbs;
