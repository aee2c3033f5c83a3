//! Publishing: how an approved change leaves the data directory.

mod local;

pub use local::branch_name;
#[allow(unused_imports, reason = "the forge adapter that calls these arrives with the write gate")]
pub(crate) use local::{LocalBranch, PublishBranchError, Published, publish_branch};
