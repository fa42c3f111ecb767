//! The only module that writes. It is handed data and a [`Term`](crate::election::Term), proof of leadership, without which
//! nothing here can be called; it makes no choices. Every write is checked against the term right before it is sent and is
//! bounded in time, so that it cannot land after the Lease may have gone to somebody else.
mod crd_upgrades;
mod crds;
mod customs;
mod failure;
mod jobs;
mod meaning;
mod notices;
mod object;
mod outcome;
mod owners;
mod pages;
mod recall;
mod requests;
mod rollouts;
mod slices;
mod stack;
mod stored;
mod tenants;
mod writer;

pub use self::{
    failure::Failure,
    notices::Notices,
    outcome::{Found, Outcome},
    pages::{Compile, Judge, Pace},
    writer::{Answers, Writer, dynamic, epoch},
};
