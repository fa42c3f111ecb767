//! Whom a write is about: two writes about one subject are never under way at once.
use crate::domain::world::Whose;

/// Whom a write is about.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Subject {
    Tenant(String),
    Rollout(String),
    Slice(String),
    Release(String),
    /// A shared CRD, or the record of a change of it: their names differ.
    Crd(String),
    Window(String),
    Approval(String),
}

impl Subject {
    /// The kind under which its failures are kept; `None` for a tenant, which keeps its own.
    #[must_use]
    pub const fn whose(&self) -> Option<Whose> {
        match self {
            Self::Tenant(_) => None,
            Self::Rollout(_) => Some(Whose::Rollout),
            Self::Slice(_) => Some(Whose::Slice),
            Self::Release(_) => Some(Whose::Release),
            Self::Crd(_) => Some(Whose::Crd),
            Self::Window(_) => Some(Whose::Window),
            Self::Approval(_) => Some(Whose::Approval),
        }
    }

    #[must_use]
    pub fn name(&self) -> &str {
        let (Self::Tenant(name)
        | Self::Rollout(name)
        | Self::Slice(name)
        | Self::Release(name)
        | Self::Crd(name)
        | Self::Window(name)
        | Self::Approval(name)) = self;
        name
    }
}
