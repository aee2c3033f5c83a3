//! Confinement: where code of a target repository runs, and nowhere else.
//!
//! A run is a re-execution of this program with a hidden first argument: a small single-threaded launcher that takes
//! an order from the socket at its standard input, confines itself, and starts the program. Each run tells the level
//! that was really applied; a failure to confine is an error, never a weaker run.
mod policy;
mod protocol;
mod run;

mod cow;
pub mod toolchains;

#[cfg(target_os = "linux")]
mod linux;
#[cfg(target_os = "macos")]
mod macos;

pub use cow::{Mechanism, cow_copy, discard};
#[cfg(target_os = "linux")]
pub use linux::launcher_main;
#[cfg(target_os = "macos")]
pub use macos::launcher_main;
pub use policy::{Applied, Exceeded, Kept, Level, Limits, Network, Overlay, Placed, Policy};
pub use run::{Confined, Confinement, ConfinementError, Door, Ends, Missing, Talk};

/// The hidden first argument that makes the program a launcher.
pub const LAUNCHER_ARGUMENT: &str = "__confine";
