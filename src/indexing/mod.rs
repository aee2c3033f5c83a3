//! What is in a snapshot: files, symbols, who uses whom, and which of it matters for a goal.
//!
//! An [`IndexStrategy`] reads a tree of git objects, never a working copy, and never changes anything.
//! [`BasicFileIndex`] knows paths, sizes and languages; [`SymbolIndex`] knows definitions, references and imports
//! too and ranks by a walk over them. The same tree, settings and focus give the same index, however many threads.

mod cache;
mod code_index;
mod codec;
mod context;
mod digest;
mod files;
mod focus;
mod graph;
mod imports;
mod rank;
mod record;
mod settings;
mod stored;
mod summary;
mod symbols;
mod table;
mod update;

pub use cache::{CacheRecord, MemoryTagCache, NoTagCache, TagCache};
pub use code_index::{CodeIndex, DefinitionSite, Edge, IndexedFile, ReferenceSite, SkipReason};
pub use context::{ContextItem, ContextRecord};
pub use digest::{DigestSection, FileDigest};
pub use files::BasicFileIndex;
pub use focus::Focus;
pub use rank::is_test;
pub use settings::IndexSettings;
pub use stored::StoredTagCache;
pub use summary::{IndexSummary, LanguageCount, RankedFile, RankedSymbol};
pub use symbols::SymbolIndex;

use crate::cancel::Cancel;
use crate::repository::{Tree, TreeError};

/// Makes an index of a tree.
///
/// Reads objects only. A second call repeats the work or takes it from a cache and gives the same index.
pub trait IndexStrategy: Send + Sync {
    /// The strategy's name in configuration and JSON: `files`, `symbols`.
    fn name(&self) -> &str;

    /// Indexes `tree`, ranked for `focus`. Returns within a second of `cancel`.
    ///
    /// # Errors
    /// [`IndexError`]; a file that cannot be understood is no error but a note on that file.
    fn index(&self, tree: &dyn Tree, focus: &Focus, cancel: &Cancel) -> Result<CodeIndex, IndexError>;
}

/// Why there is no index.
#[derive(Debug, thiserror::Error)]
pub enum IndexError {
    /// The tree could not be read.
    #[error("cannot index the tree: an object could not be read")]
    Tree(#[from] TreeError),
    /// Somebody asked to stop.
    #[error("indexing was cancelled")]
    Cancelled,
}

/// [`IndexError::Cancelled`] once somebody asked to stop.
fn check_cancel(cancel: &Cancel) -> Result<(), IndexError> {
    if cancel.is_cancelled() { Err(IndexError::Cancelled) } else { Ok(()) }
}
