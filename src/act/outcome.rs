//! What became of one step of a tenant.
use std::collections::BTreeMap;

use super::{Answers, Failure};
use crate::domain::{object::ObjectKey, world::Lookup};

/// How a step ended. What was written is answered even when it failed half-way.
#[derive(Debug, Default)]
pub struct Outcome {
    pub answers: Answers,
    pub failure: Option<Failure>,
    pub found: Option<Found>,
}

/// What a step found out that no watch shows.
#[derive(Debug)]
pub enum Found {
    /// Custom resources that were left when they were asked to go, by name.
    Customs(Vec<String>),
    /// What became of objects of the inventory.
    LookedUp(BTreeMap<ObjectKey, Lookup>),
}

impl From<(Answers, Option<Failure>)> for Outcome {
    fn from((answers, failure): (Answers, Option<Failure>)) -> Self {
        Self { answers, failure, found: None }
    }
}

impl From<Result<Answers, Failure>> for Outcome {
    fn from(result: Result<Answers, Failure>) -> Self {
        result.map(|answers| (answers, None)).into()
    }
}

impl From<Result<(Answers, Option<Found>), Failure>> for Outcome {
    fn from(result: Result<(Answers, Option<Found>), Failure>) -> Self {
        match result {
            Ok((answers, found)) => Self { answers, failure: None, found },
            Err(failure) => Self { failure: Some(failure), ..Self::default() },
        }
    }
}
