//! The command line: what it prints of a fleet, and the program itself where it needs no cluster.
mod model;
mod pages;
mod program;
mod rendering;
