//! Leasehold: the fleet manager for the operator-per-tenant pattern on Kubernetes.
//!
//! Data flows one way: `observe` turns watches into a [`domain`] World, `plan` turns a World into a Plan (pure),
//! `act` carries a Plan out and is the only module that writes. `election` says who may act; `run` wires them.
//! `simulate` puts a model in the place of the cluster; `parallel` shares work among the processors.
pub mod act;
pub mod api;
pub mod cli;
pub mod domain;
pub mod election;
pub mod observe;
mod parallel;
pub mod plan;
pub mod run;
pub mod simulate;
