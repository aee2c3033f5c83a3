//! Technology that knows nothing of sessions.

pub mod process;
