//! The election's rules, one test each, on the pure core: candidates, a model of the API server, faults, virtual time.
//! The names (`n04_…`) are those of the specification's cases; what needs bytes or processes is in `wire`.
mod acquire;
mod clocks;
mod config;
mod explore;
mod faults;
mod hold;
mod leave;
mod record;
mod schedules;
mod sim;
mod store;
mod strangers;
mod term;
