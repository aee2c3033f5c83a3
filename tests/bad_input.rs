//! Bad input by the command line on the real binary: a clear refusal or a session that copes, and nothing lost.
#![allow(missing_docs, clippy::unwrap_used, clippy::print_stderr)]

#[path = "support/den.rs"]
mod den;
#[path = "support/screen.rs"]
mod screen;

#[path = "bad_input/adopted.rs"]
mod adopted;
#[path = "bad_input/adopted_again.rs"]
mod adopted_again;
#[path = "bad_input/carried.rs"]
mod carried;
#[path = "bad_input/command_lines.rs"]
mod command_lines;
#[path = "bad_input/names.rs"]
mod names;
#[path = "bad_input/places.rs"]
mod places;
#[path = "bad_input/repositories.rs"]
mod repositories;
#[path = "bad_input/words.rs"]
mod words;
