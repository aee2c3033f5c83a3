//! Technology that knows nothing of sessions; each module wraps one dangerous thing.

pub(crate) mod beneath;
pub mod blobs;
pub mod config;
pub mod confinement;
pub mod fault;
pub mod hosts;
pub mod http;
pub mod issues;
pub mod key_door;
pub mod live_log;
pub mod llm;
pub mod logging;
pub mod process;
pub mod store;
