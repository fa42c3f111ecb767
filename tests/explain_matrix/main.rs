//! Every wait explains itself: for each thing that a tenant can wait for, each surface names the reason, since when, until
//! when (where that is known), and what ends it. The real planner is driven into each wait by a script.
mod reach;
mod surfaces;
