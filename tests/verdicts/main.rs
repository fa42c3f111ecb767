//! What lies between two definitions of one kind: each row of the table of verdicts by its name, there and back, at the top, in
//! fields, in lists and in maps; what the cluster's definition becomes at each stage; bounds of time, memory and output.
mod build;
mod definitions;
mod examples;
mod faults;
mod laws;
mod random;
mod rows;
mod sizes;
mod stages;
mod table;
mod versions;
mod waivers;
