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
    /// The text is of a shape that the grammar's own C code cannot bear.
    #[error("a heredoc of this shape cannot be parsed as {0} safely")]
    Unbearable(Language),
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
    if language == Language::Ruby && !heredocs_are_bearable(bytes) {
        return Err(ParseError::Unbearable(language));
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
        if asks > most_asks || (asks.is_multiple_of(16) && cancel.is_cancelled()) {
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

/// Whether the grammar's own C code can bear `text` as it is: what structural rules read cannot be masked, their
/// matches are texts.
pub(super) fn is_bearable(language: Language, text: &str) -> bool {
    match language {
        Language::Bash => text.is_ascii() || text.chars().all(|character| u32::from(character) < 0x100),
        Language::Ruby => heredocs_are_bearable(text.as_bytes()),
        _ => true,
    }
}

/// Whether the scanner of tree-sitter-ruby 0.23 can keep the heredocs of a text. It writes the length of a heredoc's
/// word into one byte and all that are open into 1,024, and ends the process where they do not fit.
fn heredocs_are_bearable(bytes: &[u8]) -> bool {
    const MAX_WORD: usize = 200;
    const MAX_OPEN: usize = 600;
    let (mut line_end, mut open) = (0, 0);
    for at in memchr::memmem::find_iter(bytes, b"<<") {
        if at >= line_end {
            line_end = memchr::memchr(b'\n', &bytes[at..]).map_or(bytes.len(), |end| at + end);
            open = 0;
        }
        let after = &bytes[at + 2..];
        let word = after.strip_prefix(b"-").or(after.strip_prefix(b"~")).unwrap_or(after);
        let window = &word[..word.len().min(4 * MAX_WORD)];
        let length = match window.first() {
            Some(quote @ (b'"' | b'\'' | b'`')) => window[1..].iter().position(|byte| byte == quote),
            _ => window.iter().position(|byte| byte.is_ascii() && !byte.is_ascii_alphanumeric() && *byte != b'_'),
        };
        let length = length.unwrap_or(window.len());
        open += length + 4;
        if length > MAX_WORD || open > MAX_OPEN {
            return false;
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rounds of random text; thousands were run when this was written.
    const ROUNDS: usize = 4;

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

    #[test]
    fn a_shell_script_may_hold_any_character() {
        for text in ["echo 😀\n", "cat <<😀\n", "😀<<<\u{10ffff}2>\u{20000}", "a 😀>\u{fffff}\n"] {
            assert!(parsed(Language::Bash, &text.repeat(200), ParseLimits::default()).is_ok(), "{text}");
        }
    }

    #[test]
    fn a_heredoc_whose_word_the_scanner_cannot_keep_is_refused() {
        let heredoc = |word: String| parsed(Language::Ruby, &format!("x = <<~{word}\n  a\n"), ParseLimits::default());
        assert!(heredoc("SQL".to_owned()).is_ok());
        let unbearable = Some(ParseError::Unbearable(Language::Ruby));
        assert_eq!(heredoc("A".repeat(300)).err(), unbearable);
        assert_eq!(heredoc(format!("\"{}\"", "a b ".repeat(100))).err(), unbearable);
        assert_eq!(heredoc(" <<A".repeat(300)).err(), unbearable);
    }

    #[test]
    fn random_pieces_of_code_end_in_a_tree_or_an_error() {
        const PIECES: &str = "{ } ( ) [ ] < > << <<- <<~ <<EOF EOF \" ' ` ''' \"\"\" # // /* */ <?php ?> <!-- --> --- \
            ``` $ ${ $( @ % %w[ #{ : ; , . .. = => -> | || & && ! ? \\ 1 0x 2> 1.5 a foo class def end fn if do case \
            esac in <script> </script> é 😀 ~ ^ + - * / >- |2 &a *a !!t r#\" R\"x( )x\" @\" $\" f\" f'{ :sym ?a \
            =begin =end __END__";
        let pieces: Vec<&str> = PIECES.split(' ').filter(|piece| !piece.is_empty()).collect();
        let mut seed = 88_172_645_463_325_252_u64;
        let mut random = || {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            (seed >> 8) as usize
        };
        let syntax = crate::syntax::Syntax::new();
        for language in Language::ALL.into_iter().cycle().take(ROUNDS * Language::ALL.len()) {
            let mut text = Vec::new();
            for _ in 0..random() % 600 {
                text.extend_from_slice(pieces[random() % pieces.len()].as_bytes());
                let blanks: [&[u8]; 7] = [b" ", b"\n", b"", b"\t", b"\n\n  ", b"\xff", b"\0"];
                text.extend_from_slice(blanks[random() % 7]);
            }
            if let Ok(parsed) = Parsed::new(language, text.into(), ParseLimits::default(), &Cancel::new()) {
                let lines = parsed.line_count();
                assert_eq!(syntax.spans(&parsed, 1..lines + 1).len(), lines as usize);
                assert!(syntax.tags(&parsed).definitions.iter().all(|found| found.lines.end <= lines + 2));
            }
        }
    }
}
