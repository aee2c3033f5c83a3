//! Repositories, as people have them: real git, real files, and the promise that nothing of theirs is touched.

#[path = "repository/bench.rs"]
mod bench;

#[path = "repository/bad_input.rs"]
mod bad_input;
#[path = "repository/checkouts.rs"]
mod checkouts;
#[path = "repository/hostile.rs"]
mod hostile;
#[path = "repository/snapshots.rs"]
mod snapshots;
#[path = "repository/trees.rs"]
mod trees;
#[path = "repository/untouched.rs"]
mod untouched;
#[path = "repository/working_copy.rs"]
mod working_copy;
