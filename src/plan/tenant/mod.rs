//! One tenant: everything that was observed of it goes in, the facts for the wave engine and its next write come out.
//! Pure: never a client, never a clock.
mod claim;
mod conditions;
pub mod drift;
mod evidence;
mod facts;
mod grant;
mod handover;
mod keep;
mod member;
mod memo;
mod next;
mod offboard;
mod parameters;
mod record;
mod report;
mod stack;
mod step;

pub use self::{
    facts::{Facts, Shared, facts},
    grant::granted,
    memo::Memo,
    next::{Next, Word, next},
    parameters::{Parameters, SharedParameters, lease_name, own_text},
    stack::{Rendered, render},
    step::{Apply, CustomKind, Step, Target, Why, Work},
};
