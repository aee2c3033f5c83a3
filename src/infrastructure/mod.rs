//! infrastructure
pub mod blobs;
pub mod fault;
pub mod store;
