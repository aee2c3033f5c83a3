//! What was tolerated when an edit was read or placed: recorded and shown, so that nothing is bent in silence.

use std::fmt;

/// Something that a reply wrote otherwise than the file has it, and that was taken all the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EditNote {
    /// The file: as the base has it once it is placed, as the reply wrote it before.
    pub path: String,
    /// The reply's line, 1-based.
    pub line: u32,
    /// What was tolerated.
    pub tolerance: Tolerance,
}

impl fmt::Display for EditNote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} (line {} of the reply)", self.path, self.tolerance, self.line)
    }
}

/// The kinds of tolerance.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Tolerance {
    /// The lines stand elsewhere than the header says.
    #[error("placed at line {found}, not at {said} as it says")]
    LineNumbers {
        /// The header's line.
        said: u32,
        /// Where they stand.
        found: u32,
    },
    /// The header's counts are not those of the lines.
    #[error("the counts of a hunk are wrong and were counted anew")]
    WrongCounts,
    /// A hunk begins without its `@@`.
    #[error("a hunk has no @@ line")]
    NoHeader,
    /// A hunk's header has its numbers and not the `@@` behind them.
    #[error("the header of a hunk does not end in @@")]
    OpenHeader,
    /// A line is said to have no newline, twice.
    #[error("that a line has no newline is said twice")]
    SaidTwice,
    /// CR LF against LF.
    #[error("line ends differ; the file's were kept")]
    LineEnds,
    /// Blanks at the ends of lines.
    #[error("blanks at the ends of lines differ")]
    TrailingBlanks,
    /// All lines are shifted alike.
    #[error("the indentation differs by the same shift on every line; the new lines were shifted with it")]
    Indentation,
    /// Blank lines before or after.
    #[error("blank lines around it differ")]
    BlankEnds,
    /// Lines left out with `...`.
    #[error("left-out lines (...) were taken from the file")]
    Elided,
    /// The file has no newline at its end, the reply cannot say so.
    #[error("the file ends without newline and still does")]
    FinalNewline,
    /// The path was written otherwise.
    #[error("the reply calls it `{said}`")]
    Path {
        /// As the reply has it.
        said: String,
    },
    /// The file's name was said once, above another block.
    #[error("the file's name was taken from the block above")]
    NameAbove,
    /// A whole content takes the place of a file that is there.
    #[error("the whole file is replaced")]
    WholeFile,
    /// A fence that only names a file, and that holds what the whole file has.
    #[error(
        "a fence that only names the file was taken for all of it: the file's beginning, end and definitions are in it"
    )]
    NamedFence,
    /// A fence that only names a file that is not there.
    #[error("a fence that only names the file was taken for a new file")]
    NamedNew,
    /// An edit that changes nothing.
    #[error("an edit that changes nothing was left out")]
    ChangesNothing,
    /// It says that it stands at the end of the file and does not.
    #[error("it does not stand at the end of the file, as it says")]
    NotAtEnd,
    /// A line that should stand above it (`@@ line`) is not in the file.
    #[error("the line after @@ is not in the file")]
    NoAnchor,
    /// It stands at a place that only the text as the edits above left it has.
    #[error("it was placed on what the edits above it left")]
    AfterOthers,
}
