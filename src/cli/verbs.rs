//! The verbs, one file each.

pub(super) mod approve;
pub(super) mod diff;
pub(super) mod list;
pub(super) mod reject;
pub(super) mod request_changes;
pub(super) mod run;
pub(super) mod show;
