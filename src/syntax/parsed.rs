//! A file's syntax tree.

use std::ops::{ControlFlow, Range};
use std::sync::Arc;

use tree_sitter::{ParseOptions, Parser, Tree};

use super::Language;
use crate::cancel::Cancel;

/// How much parsing one file may cost. Work is counted in the parser's own steps and never by a clock, so a file
/// that is given up is given up on every machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ParseLimits {
    /// The largest file, in bytes.
    pub max_bytes: usize,
    /// The most parser steps for each byte (honest code takes under 2), over a floor of 1,000,000 steps.
    pub steps_per_byte: usize,
}

impl Default for ParseLimits {
    fn default() -> Self {
        // 4 MiB: a generated file of 100,000 lines; beyond that a person reads no colours
        Self { max_bytes: 4 << 20, steps_per_byte: 64 }
    }
}

/// Why a file has no tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    /// The file is over [`ParseLimits::max_bytes`].
    #[error("a file of {bytes} bytes is over the limit of {limit} for parsing")]
    TooLarge {
        /// The file's size.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
    /// The parser spent its steps: the file is built to be slow, or in another language.
    #[error("parsing as {language} was given up after {steps} steps")]
    TooMuchWork {
        /// The language tried.
        language: Language,
        /// The steps spent.
        steps: usize,
    },
    /// Somebody asked to stop.
    #[error("parsing was cancelled")]
    Cancelled,
    /// The grammar does not fit the parser: a build mistake.
    #[error("the grammar of {0} does not load")]
    Grammar(Language),
}

/// A parsed file: its bytes, its tree (with error nodes where the text is wrong), and where its lines start.
#[derive(Debug, Clone)]
pub struct Parsed {
    language: Language,
    bytes: Arc<[u8]>,
    tree: Tree,
    line_starts: Vec<u32>,
}

impl Parsed {
    /// Parses `bytes` as `language`.
    ///
    /// # Errors
    /// [`ParseError`] where a limit is hit or `cancel` says stop; never because the text is wrong.
    pub fn new(language: Language, bytes: Arc<[u8]>, limits: ParseLimits, cancel: &Cancel) -> Result<Self, ParseError> {
        let tree = parse(language, &bytes, limits, cancel)?;
        let line_starts = std::iter::once(0).chain(memchr::memchr_iter(b'\n', &bytes).map(|at| at as u32 + 1));
        Ok(Self { language, line_starts: line_starts.collect(), bytes, tree })
    }

    /// The language it was parsed as.
    #[must_use]
    pub fn language(&self) -> Language {
        self.language
    }

    /// The file's bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The number of lines; what follows the last line break counts unless it is empty.
    #[must_use]
    pub fn line_count(&self) -> u32 {
        let started = self.line_starts.len() as u32;
        if self.line_starts.last() == Some(&(self.bytes.len() as u32)) { started - 1 } else { started }
    }

    /// Whether the text does not follow the grammar somewhere.
    #[must_use]
    pub fn has_errors(&self) -> bool {
        self.tree.root_node().has_error()
    }

    pub(super) fn tree(&self) -> &Tree {
        &self.tree
    }

    /// The line (1-based) that holds the byte at `at`.
    pub(super) fn line_at(&self, at: usize) -> u32 {
        self.line_starts.partition_point(|start| *start as usize <= at) as u32
    }

    /// The bytes of a line (1-based), without its line break; empty beyond the end.
    pub(super) fn line_bytes(&self, line: u32) -> Range<usize> {
        let at = line.saturating_sub(1) as usize;
        let Some(start) = self.line_starts.get(at) else { return self.bytes.len()..self.bytes.len() };
        let end = self.line_starts.get(at + 1).map_or(self.bytes.len(), |next| *next as usize - 1);
        *start as usize..end
    }
}

/// Parses without keeping anything but the tree.
pub(super) fn parse(
    language: Language,
    bytes: &[u8],
    limits: ParseLimits,
    cancel: &Cancel,
) -> Result<Tree, ParseError> {
    if bytes.len() > limits.max_bytes.min(u32::MAX as usize) {
        return Err(ParseError::TooLarge { bytes: bytes.len(), limit: limits.max_bytes });
    }
    let masked = masked_for(language, bytes);
    let bytes = masked.as_deref().unwrap_or(bytes);
    let mut parser = Parser::new();
    parser.set_language(&language.grammar()).map_err(|_| ParseError::Grammar(language))?;
    // tree-sitter asks once every 100 steps
    let most_asks = (bytes.len().saturating_mul(limits.steps_per_byte) / 100).max(10_000);
    let mut asks = 0_usize;
    let mut progress = |_: &tree_sitter::ParseState| {
        asks += 1;
        if asks > most_asks || (asks % 16 == 0 && cancel.is_cancelled()) {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    };
    let options = ParseOptions::new().progress_callback(&mut progress);
    let tree = parser.parse_with_options(&mut |at, _| bytes.get(at..).unwrap_or_default(), None, Some(options));
    tree.ok_or_else(|| {
        if asks > most_asks { ParseError::TooMuchWork { language, steps: asks * 100 } } else { ParseError::Cancelled }
    })
}

/// The text to parse instead of `bytes`, of the same length, where the grammar cannot bear them.
///
/// The scanner of tree-sitter-bash 0.25 hands any character to C's `isdigit`, which reads outside of its table for
/// those beyond Latin-1 and may crash: a shell script with an emoji in it would end the process.
fn masked_for(language: Language, bytes: &[u8]) -> Option<Vec<u8>> {
    let needs_mask = language == Language::Bash && !bytes.is_ascii();
    needs_mask.then(|| bytes.iter().map(|byte| if byte.is_ascii() { *byte } else { b'x' }).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(language: Language, text: &str, limits: ParseLimits) -> Result<Parsed, ParseError> {
        Parsed::new(language, text.as_bytes().into(), limits, &Cancel::new())
    }

    #[test]
    fn every_grammar_loads_and_bears_bytes_of_any_kind() {
        let noise: Vec<u8> = (0..20_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
        for language in Language::ALL {
            let parsed = Parsed::new(language, noise.clone().into(), ParseLimits::default(), &Cancel::new());
            assert!(parsed.is_ok(), "{language}: {parsed:?}");
        }
    }

    #[test]
    fn deep_nesting_is_parsed_without_deep_recursion() {
        let depth = 50_000;
        let text = format!("fn f() {{ {}1{} }}", "(".repeat(depth), ")".repeat(depth));
        assert!(parsed(Language::Rust, &text, ParseLimits::default()).is_ok());
    }

    #[test]
    fn limits_are_named_in_the_error() {
        let tight = ParseLimits { max_bytes: 10, ..ParseLimits::default() };
        let error = parsed(Language::Rust, "fn main() {}", tight).map(|_| ()).expect_err("over the limit");
        assert_eq!(error.to_string(), "a file of 12 bytes is over the limit of 10 for parsing");
    }

    #[test]
    fn a_cancelled_parse_stops() {
        let cancel = Cancel::new();
        cancel.cancel();
        let text = "fn f() { a + b; }\n".repeat(20_000);
        let outcome = Parsed::new(Language::Rust, text.as_bytes().into(), ParseLimits::default(), &cancel);
        assert_eq!(outcome.map(|_| ()), Err(ParseError::Cancelled));
    }

    #[test]
    fn lines_are_counted_as_people_do() {
        let count = |text| parsed(Language::Rust, text, ParseLimits::default()).map(|parsed| parsed.line_count());
        assert_eq!(count(""), Ok(0));
        assert_eq!(count("a"), Ok(1));
        assert_eq!(count("a\n"), Ok(1));
        assert_eq!(count("a\n\nb"), Ok(3));
    }
}
