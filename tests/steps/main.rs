//! The steps of a shared CRD, interleaved with the waves of the fleet, on the model of a cluster: after every write every
//! operator that may run can work with what is served, and after a crash at any write the end is the same.
mod crashes;
mod house;
mod others;
mod stories;
mod trouble;
mod waits;
