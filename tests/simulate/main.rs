//! Stories: scripts under `tests/transcripts`, each told by the program's own code and held against the transcript beside it.
//! `INSTA_UPDATE=always` writes the transcripts anew; then read them.
#[allow(dead_code, reason = "shared with the suite `planner`, each of which uses a part")]
#[path = "../planner/cluster.rs"]
mod cluster;

mod memory;
mod pace;
#[allow(dead_code, reason = "shared with the suite `planner`, each of which uses a part")]
#[path = "../planner/rng.rs"]
mod rng;
mod scripts;
mod stories;
mod ten_thousand;
