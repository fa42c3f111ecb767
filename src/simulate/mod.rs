//! A scripted fleet, stepped through the real planner: a [`Script`] goes in, a transcript comes out that reads like a story.
//!
//! The planner is the operator's own; the cluster around it is a model ([`Cluster`]): what is written is stored at once, and
//! an operator's pods come up as the script says. Time is the script's: it jumps to the next thing that happens.
//! Must never: decide anything that the planner decides, read a clock, roll dice, or reach a cluster.
mod cluster;
mod definitions;
mod fate;
mod operator;
mod people;
mod script;
mod stack;
mod store;
mod story;
mod telling;
mod transcript;

pub use self::{
    cluster::{Cluster, Write},
    fate::{Becomes, Fate, Turn},
    people::{Act, Object, Refused},
    script::{Event, Script, Show},
    story::{Played, Unsettled, play, tell},
};
