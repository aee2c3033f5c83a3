//! proposal

mod rules;
pub use rules::catalogue;
