//! The engine `rules`: structural rules that a goal chooses, applied to a snapshot; no key, no network, no index.

mod catalogue;

pub use catalogue::catalogue;
