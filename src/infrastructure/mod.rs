//! Technology that knows nothing of sessions.

pub mod confinement;
pub mod process;
