//! Repositories: the immutable base of a lane, its tree, and the private place where changes are tried.
//!
//! Nothing here writes to the user's repository: objects of Paraph's own go to a private bare repository whose
//! alternates point at the user's objects.

mod tree;

pub use tree::{MemoryTree, Tree, TreeEntry, TreeError};
