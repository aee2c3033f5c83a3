//! Why edits were refused: for a person, and for the model to mend.

use std::fmt;

/// The most refusals that are kept; what follows is mended with them or told next time.
pub(super) const MOST: usize = 50;

/// Why one edit was refused, or the reply as a whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EditRefusal {
    /// The file as the reply calls it, where it is about one.
    pub path: Option<String>,
    /// The reply's line, 1-based.
    pub line: u32,
    /// The reason.
    pub problem: EditProblem,
    /// What the model is told beside it: what to write instead, and what the file has there.
    pub hint: String,
}

impl fmt::Display for EditRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(path) = &self.path {
            write!(f, "{path}: ")?;
        }
        write!(f, "{} (line {} of the reply)", self.problem, self.line)
    }
}

/// The reasons.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EditProblem {
    /// The provider says that the reply was cut or held back.
    #[error("the reply is not whole: {0}")]
    NotWhole(&'static str),
    /// Something that was opened is not closed.
    #[error("{0} is not closed: the reply was cut off")]
    Cut(&'static str),
    /// No edit in it.
    #[error("no edit in it")]
    NoEdits,
    /// More edits than anybody would read.
    #[error("{0} edits: more than one reply may have")]
    TooMany(usize),
    /// An edit for which no file is named.
    #[error("no file is named for it")]
    NoName,
    /// It looks like an edit and cannot be read as one.
    #[error("{0}")]
    Unreadable(String),
    /// It can be read in two ways.
    #[error("{0}")]
    Unclear(String),
    /// A fence with a path that does not say that it is the whole file, and may be a part of it.
    #[error("a fence with a path, and nothing says that it is the whole file: {0}")]
    UnsaidWhole(String),
    /// Code was left out with a comment.
    #[error("new lines leave code out: `{0}`")]
    LeftOut(String),
    /// A path that may not be named.
    #[error("`{0}` is no path inside the repository")]
    BadPath(String),
    /// The file is not there.
    #[error("no such file in the base")]
    Missing,
    /// It could be one of several files.
    #[error("the path fits more than one file: {}", .0.join(", "))]
    ManyPaths(Vec<String>),
    /// It is not there, and what came for it is like a file of that name in another folder.
    #[error("the file is not there, and its lines are like those of {0}")]
    Namesake(String),
    /// The file to create is there.
    #[error("the file to create already exists")]
    Exists,
    /// A part of the path is a file.
    #[error("`{0}` is a file, not a directory")]
    ParentIsFile(String),
    /// Another edit of this reply has deleted, moved or replaced it.
    #[error("another edit of this reply already {0} it")]
    Twice(&'static str),
    /// It is a link, a submodule or binary.
    #[error("it is not text: {0}")]
    NotText(&'static str),
    /// The old lines are nowhere.
    #[error("its old lines are nowhere in the file")]
    NoMatch,
    /// The old lines are in several places.
    #[error("its old lines fit {} places, at lines {}", if *.more { format!("more than {}", .lines.len()) } else { .lines.len().to_string() }, listed(.lines))]
    Ambiguous {
        /// Where, 1-based; the first ones.
        lines: Vec<u32>,
        /// Whether there are more.
        more: bool,
    },
    /// The new lines are in the file already, where they would go.
    #[error("its new lines already stand there: the file has moved on")]
    AlreadyThere,
    /// Nothing says where new lines belong.
    #[error("it has no old lines to be placed by")]
    NoContext,
    /// Two edits of this reply change the same lines.
    #[error("it changes lines that another edit of this reply changes too")]
    Overlap,
    /// It stands elsewhere than its `@@` line says.
    #[error("its old lines do not stand below its @@ line")]
    NotBelowAnchor,
    /// New lines cannot be shifted as the old ones are.
    #[error("the indentation of its new lines does not follow that of its old lines")]
    Indentation,
    /// The deletion names other lines than the file has.
    #[error("the deletion leaves lines of the file")]
    LeavesContent,
    /// A line that ends without newline would be followed by others.
    #[error("a line without newline is not at the end of the file")]
    NoNewlineInside,
    /// The base could not be read.
    #[error("cannot read the base: {0}")]
    BaseUnreadable(String),
    /// So many places almost fit that looking at each would take too long.
    #[error("too many places almost fit")]
    TooMuch,
}

fn listed(lines: &[u32]) -> String {
    lines.iter().map(u32::to_string).collect::<Vec<_>>().join(", ")
}

/// Why a reply was refused: at least one refusal; none of its edits was placed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
pub struct EditRefusals(Vec<EditRefusal>);

impl EditRefusals {
    pub(super) fn new(mut refusals: Vec<EditRefusal>) -> Self {
        debug_assert!(!refusals.is_empty(), "a refusal without reason");
        refusals.truncate(MOST);
        Self(refusals)
    }

    /// That a reply calls a tool where none may be called any more: whatever stands beside the call is not its last word.
    #[must_use]
    pub fn of_a_call() -> Self {
        Self::one(1, None, EditProblem::NotWhole("it calls a tool where it may call none any more"))
    }

    pub(super) fn one(line: u32, path: Option<&str>, problem: EditProblem) -> Self {
        Self(vec![EditRefusal::new(line, path, problem)])
    }

    /// Whether nothing is wrong but that there is no edit at all.
    #[must_use]
    pub fn has_no_edit(&self) -> bool {
        matches!(self.0.as_slice(), [EditRefusal { problem: EditProblem::NoEdits, .. }])
    }

    /// Each of them, in the order of the reply.
    #[must_use]
    pub fn list(&self) -> &[EditRefusal] {
        &self.0
    }

    /// What is sent back to the model. It quotes lines of the files that it was to change: secrets must be taken out of
    /// it as out of any prompt.
    #[must_use]
    pub fn for_model(&self) -> String {
        let mut text = "None of your edits was applied. Mend what is listed and send all edits again, also those that \
            are not listed.\n"
            .to_owned();
        for refusal in &self.0 {
            text.push_str(&format!("\n- {refusal}.\n"));
            for line in refusal.hint.lines() {
                text.push_str(&format!("  {line}\n"));
            }
        }
        text
    }
}

impl EditRefusal {
    pub(super) fn new(line: u32, path: Option<&str>, problem: EditProblem) -> Self {
        let hint = problem.advice().to_owned();
        Self { path: path.map(str::to_owned), line, problem, hint }
    }

    /// With lines of the file, shown below the advice.
    pub(super) fn with_lines(mut self, shown: &str) -> Self {
        if !shown.is_empty() {
            self.hint = format!("{}\n{shown}", self.hint);
        }
        self
    }
}

impl EditProblem {
    /// What a model does about it.
    fn advice(&self) -> &'static str {
        match self {
            Self::NotWhole(_) | Self::Cut(_) => "Answer again, whole; change less at once if it gets too long.",
            Self::NoEdits => "Answer with edits in one of the formats you were given.",
            Self::NoName => "Write the file's path alone on the line before the block.",
            Self::Unreadable(_) | Self::Unclear(_) => "Write this edit again, exactly in the format you were given.",
            Self::UnsaidWhole(_) => {
                "Write `path (whole file):` on the line before the fence if it is all of the file; else send only \
                 the changed lines as an edit."
            }
            Self::LeftOut(_) => "Write every line out, or send only the lines that change.",
            Self::BadPath(_) => "Name files relative to the top of the repository.",
            Self::Missing => "Name a file that exists, or create it as a new file.",
            Self::ManyPaths(_) => "Name the file by its whole path from the top of the repository.",
            Self::Namesake(_) => "Name the file that is there, or say that this one is a new file.",
            Self::Exists => "Change the file that is there instead of creating it.",
            Self::ParentIsFile(_) => "Choose another path.",
            Self::Twice(_) => "Say once what becomes of a file.",
            Self::NotText(_) => "Leave this file as it is.",
            Self::NoMatch => "Copy the old lines from the file to the letter, as few as make the place unique.",
            Self::Ambiguous { .. } => "Add lines above or below until they stand in one place only.",
            Self::AlreadyThere => {
                "Leave out what the file has already; where it shall stand twice, name the lines that are alike too."
            }
            Self::NoContext => "Give at least one line of the file beside which the new lines go.",
            Self::Overlap => "Join both edits to one.",
            Self::NotBelowAnchor => "Name the line above the place as the file has it, or leave the @@ line bare.",
            Self::Indentation => "Copy the indentation from the file to the letter.",
            Self::LeavesContent => "Delete the file by its name alone.",
            Self::NoNewlineInside => "End every line with a newline but the last of the file.",
            Self::BaseUnreadable(_) => "Nothing you can mend.",
            Self::TooMuch => "Give more and rarer lines around the place.",
            Self::TooMany(_) => "Change less at once.",
        }
    }
}
