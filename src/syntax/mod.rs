//! Syntax: what language a file is in, its tree, its colours, its definitions and references.
//!
//! The only module that knows tree-sitter. A [`Syntax`] is made once and shared: every query and table is compiled
//! when it is first needed and kept in that instance. Parsing is error-tolerant and bounded by work, not by time,
//! so the same bytes always give the same result; nothing here recurses over a tree, so no nesting is too deep.

mod detect;
mod highlight;
mod language;
mod outline;
mod parsed;
mod role;
pub mod structural;
mod tags;
mod test_facts;

use std::sync::OnceLock;

pub use highlight::Span;
pub use language::Language;
pub use outline::OutlineItem;
pub use parsed::{ParseError, ParseLimits, Parsed};
pub use role::Role;
pub use tags::{Definition, DefinitionKind, Import, Reference, ReferenceKind, Tags};
pub use test_facts::TestFacts;

/// Compiled queries and tables of every language, each made when first needed. Construct one and share it.
#[derive(Debug)]
pub struct Syntax {
    highlights: [OnceLock<Option<highlight::HighlightQuery>>; Language::ALL.len()],
    tag_tables: [OnceLock<Option<tags::TagTable>>; Language::ALL.len()],
}

impl Default for Syntax {
    fn default() -> Self {
        Self {
            highlights: [const { OnceLock::new() }; Language::ALL.len()],
            tag_tables: [const { OnceLock::new() }; Language::ALL.len()],
        }
    }
}

impl Syntax {
    /// Nothing compiled yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn highlight_query(&self, language: Language) -> Option<&highlight::HighlightQuery> {
        self.highlights[language as usize].get_or_init(|| highlight::HighlightQuery::compile(language)).as_ref()
    }

    fn tag_table(&self, language: Language) -> Option<&tags::TagTable> {
        self.tag_tables[language as usize].get_or_init(|| tags::TagTable::compile(language)).as_ref()
    }
}
