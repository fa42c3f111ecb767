//! One tenant's life as the planner decides it, on a cluster of plain JSON: what becomes of its stack when marks, terms,
//! policies or kinds are not as they should be.
mod desk;

mod crds;
mod epochs;
mod fleet_policy;
mod kinds;
mod looks;
mod objects;
mod offboard;
