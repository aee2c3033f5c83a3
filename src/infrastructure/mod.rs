//! Technology that knows nothing of sessions; each module wraps one dangerous thing.

pub mod blobs;
