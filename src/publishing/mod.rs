//! Publishing: what an approved patch set becomes outside the data directory.
//!
//! [`Forge`] takes a [`WritePermit`] by value, and only the write gate makes one: code that skips it does not compile.

mod forge;
mod local;

pub use forge::{Anchor, Forge, ForgeError, PublishedBranch};
pub use local::{LocalForge, branch_name};
