//! indexing

/// The index of one snapshot.
#[derive(Debug, Default)]
pub struct CodeIndex;
