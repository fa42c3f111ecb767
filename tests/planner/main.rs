//! The wave engine, simulated: a small fake cluster carries its decisions out, named stories tell what must come of it,
//! and thousands of random schedules are watched by an oracle that knows the rules and not the engine.
//!
//! `LEASEHOLD_SCHEDULES` sets how many schedules are run; `LEASEHOLD_SEED` runs one and
//! prints it.
mod acts;
mod aim;
mod back;
mod bounds;
mod cluster;
mod events;
mod freeze;
mod gates;
mod generate;
mod guard;
mod halts;
mod hops;
mod live;
mod oracle;
mod people;
mod random;
mod records;
mod rng;
mod rules;
mod scale;
mod schedule;
mod stories;
mod threads;
mod trace;
mod verbs;
