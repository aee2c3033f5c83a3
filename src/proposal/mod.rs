//! Proposals: what a draft is, and who can make one.
//!
//! A recorded proposal never changes; asking again makes the next version.

mod adopt;
mod agent;
mod command;
pub mod edits;
mod llm;
mod patch;
mod patch_file;
mod rules;
mod scope;
mod stale;
mod trailers;
mod workshop;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;

use crate::cancel::Cancel;
use crate::diff::ChangeSet;
use crate::id::{Digest, LaneId, ObjectId, RepoPath, SessionId, ThreadId, Version};
use crate::indexing::{CodeIndex, Focus};
use crate::planning::{AskError, IssueText, Kind, Models, Role};
use crate::repository::{Snapshot, Tree, WorkSpec};
use crate::text::Untrusted;
pub use adopt::AdoptEngine;
pub use agent::{AgentEngine, AgentKeys, agent_presets};
pub use command::{CommandEngine, command_presets};
pub use llm::{LlmEngine, LlmLimits};
pub use patch::PatchEngine;
pub use patch_file::{DiffFile, PatchFile, PatchFileError};
pub use rules::{RuleEngine, RuleLimits, catalogue};
pub use scope::Scope;
pub use stale::{PlacedPatch, ReadBlob, place_or_merge};
pub use trailers::{CO_AUTHOR, ends_in_trailers};
pub use workshop::{AgentKey, AgentSpec, CommandSpec, Edits, Run, Workshop, WorkshopPorts};

/// The engines there are; the name is what `--engine` takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum EngineKind {
    /// Structural rules, embedded: needs no key.
    Rules,
    /// A ready diff.
    Patch,
    /// Work that is already done.
    Adopt,
    /// A model, asked as implementer.
    Llm,
    /// A program that edits the worktree, or prints edits.
    Command,
    /// An agent that speaks the Agent Client Protocol.
    Agent,
}

impl EngineKind {
    /// Every one.
    pub const ALL: [Self; 6] = [Self::Rules, Self::Patch, Self::Adopt, Self::Llm, Self::Command, Self::Agent];

    /// The name on the command line and in JSON.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Rules => "rules",
            Self::Patch => "patch",
            Self::Adopt => "adopt",
            Self::Llm => "llm",
            Self::Command => "command",
            Self::Agent => "agent",
        }
    }

    /// What it is, in a line: the one list that help and screens print.
    #[must_use]
    pub fn about(self) -> &'static str {
        match self {
            Self::Rules => "structural rewrites, no key, no network",
            Self::Patch => "a ready diff, placed as it is",
            Self::Adopt => "work that is already done",
            Self::Llm => "a model, asked on a short lead; needs a key, or a model on this machine",
            Self::Command => "a program that edits the files: a linter's fixes, a formatter, a codemod",
            Self::Agent => "an agent that speaks the Agent Client Protocol, in the sandbox",
        }
    }

    /// Whether it drafts anew from what a person says about the version before.
    #[must_use]
    pub fn answers_words(self) -> bool {
        matches!(self, Self::Rules | Self::Llm | Self::Command | Self::Agent)
    }

    /// Whether it takes words of a person while it drafts.
    #[must_use]
    pub fn hears_words(self) -> bool {
        matches!(self, Self::Llm | Self::Agent)
    }

    /// Whether a check that its change turned red goes back to it: what it finds then is another change. A program that
    /// is no agent would do the same again, and rules and patches are what they are.
    #[must_use]
    pub fn mends(self) -> bool {
        matches!(self, Self::Llm | Self::Agent)
    }

    /// Whether it answers threads in words of its own.
    #[must_use]
    pub fn answers_threads(self) -> bool {
        matches!(self, Self::Llm | Self::Agent)
    }

    /// Whether it runs a program that a person chooses.
    #[must_use]
    pub fn runs_a_program(self) -> bool {
        matches!(self, Self::Command | Self::Agent)
    }
}

impl std::str::FromStr for EngineKind {
    type Err = crate::id::ParseIdError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|engine| engine.name() == text).ok_or_else(|| crate::id::ParseIdError {
            given: text.to_owned(),
            wanted: "an engine: rules, patch, adopt, llm, command or agent",
        })
    }
}

/// What a person said about the version before, for the engine to answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Feedback {
    /// The file as the engine is given it, or `None` for the whole version.
    pub path: Option<RepoPath>,
    /// Its lines, where it is about some that have a place in it.
    pub lines: Option<SaidLines>,
    /// Whether what it is about was changed or deleted since it was said: the lines are those nearest to it.
    pub outdated: bool,
    /// What it is about, as it stood there when it was said.
    pub quoted: Option<Quoted>,
    /// The thread that it was said in.
    pub thread: Option<ThreadId>,
    /// What it was meant as: `issue`, `question`, `nit`, `must`; empty for a request's own words.
    pub kind: String,
    /// The words.
    pub text: Untrusted,
}

/// Lines that somebody speaks of: 1-based, both ends in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SaidLines {
    /// The first.
    pub from: u32,
    /// The last.
    pub to: u32,
    /// Whether they are lines of the base, which the change may have taken out.
    pub on_base: bool,
}

/// Lines as they stood when somebody spoke of them, without their secrets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quoted {
    /// Untrusted.
    pub text: Untrusted,
    /// Whether a secret was taken out.
    pub redacted: bool,
}

impl Feedback {
    /// Words about the whole version, said in no thread.
    #[must_use]
    pub fn words(text: Untrusted) -> Self {
        let (path, lines, quoted, thread, kind) = (None, None, None, None, String::new());
        Self { path, lines, outdated: false, quoted, thread, kind, text }
    }

    /// What it is about and where that is, in words that follow the file's name; empty where the name says it all.
    #[must_use]
    pub fn where_in_file(&self) -> String {
        let near = if self.outdated { "near " } else { "" };
        let lines = self.lines.map_or_else(String::new, |SaidLines { from, to, on_base }| {
            let lines = if from < to { format!("lines {from} to {to}") } else { format!("line {to}") };
            format!(" {near}{lines}{}", if on_base { " of the base" } else { "" })
        });
        let gone = if self.outdated { ", changed since it was said" } else { "" };
        format!("{lines}{gone}")
    }

    /// What it is about, as lines that begin with `> `; empty where nothing is quoted.
    #[must_use]
    pub fn quotation(&self) -> String {
        let quoted = self.quoted.iter().flat_map(|quoted| quoted.text.raw().lines());
        quoted.map(|line| format!("> {line}\n")).collect()
    }
}

/// Which program an engine shall run, and what its user allowed it. A person chose it; no repository can.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
pub struct ProgramChoice {
    /// A preset's name, one of the person's own configuration, or a command line.
    pub name: String,
    /// Hosts that it may reach, as `host` or `host:port` (443 where none is named).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hosts: Vec<String>,
}

/// A check that the version before did not pass.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckFailure {
    /// The check.
    pub check: String,
    /// What it came to: `broken`, `failed`, `timed-out`.
    pub status: String,
    /// Tests that it broke.
    pub broken: Vec<String>,
    /// The end of its output: untrusted.
    pub output: Untrusted,
}

/// What an engine that runs a program is given beside the goal.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WorkOrder {
    /// The program.
    pub program: Option<ProgramChoice>,
    /// The client's allow-listed variables.
    pub environment: BTreeMap<String, String>,
    /// The user's home, where toolchains are looked for.
    pub home: PathBuf,
}

/// What an engine is asked. Everything in it is immutable.
#[derive(Clone)]
pub struct Brief {
    /// The session.
    pub session: SessionId,
    /// The version that the draft will be.
    pub version: Version,
    /// The lane.
    pub lane: LaneId,
    /// Who is asked: the implementer for a draft, or a role that adds its part to one. Engine `llm` alone makes parts.
    pub role: Role,
    /// The goal, in a person's words.
    pub goal: Untrusted,
    /// The issue that it is from, where it is from one.
    pub issue: Option<IssueText>,
    /// The kind of work.
    pub kind: Kind,
    /// Only paths that match one of these globs (all, when empty).
    pub paths: Vec<String>,
    /// Only these rules (engine `rules`; all, when empty).
    pub rules: Vec<String>,
    /// The work that the session reviews, where it reviews some.
    pub work: Option<WorkSpec>,
    /// The base.
    pub snapshot: Snapshot,
    /// The base's tree.
    pub tree: Arc<dyn Tree>,
    /// The base's index, where the playbook has one.
    pub index: Option<Arc<CodeIndex>>,
    /// The diff to place (engine `patch`), as it was given.
    pub patch: Option<Arc<[u8]>>,
    /// The change of the version before, on this lane, where there was one; for a part, the change so far.
    pub previous: Option<Arc<ChangeSet>>,
    /// What was said about it.
    pub feedback: Vec<Feedback>,
    /// What its checks found, where they found something: for whoever mends it.
    pub failures: Vec<CheckFailure>,
    /// What the repository says to whoever works on it (`AGENTS.md` and its kin): data, never orders to Paraph.
    pub guidance: Vec<Guidance>,
    /// Documents that say what the change shall be, where the playbook has some: name and text.
    pub artifacts: Vec<(String, Untrusted)>,
    /// What an attempt that was held had left of this draft, on this lane: it is gone on from.
    pub left: Option<Arc<ChangeSet>>,
    /// Whom models are asked through.
    pub models: Arc<dyn Models>,
    /// What people say meanwhile.
    pub ear: Arc<dyn Ear>,
    /// Cancelled where nobody would go on from what is left when the draft is stopped.
    pub unwanted: Cancel,
    /// For engines that run a program.
    pub order: WorkOrder,
}

impl Brief {
    /// The threads that something was said in, each once.
    #[must_use]
    pub fn threads(&self) -> Vec<ThreadId> {
        let mut threads: Vec<ThreadId> = self.feedback.iter().filter_map(|said| said.thread).collect();
        threads.sort_unstable();
        threads.dedup();
        threads
    }

    /// The change of the version before, where `engine` goes on from it and does not begin at the base again: a model
    /// always does, a program where somebody said something to it, and an agent where its checks did.
    #[must_use]
    pub fn goes_on(&self, engine: EngineKind) -> Option<&Arc<ChangeSet>> {
        let does = match engine {
            EngineKind::Llm => true,
            EngineKind::Command => !self.feedback.is_empty(),
            EngineKind::Agent => !self.feedback.is_empty() || !self.failures.is_empty(),
            EngineKind::Rules | EngineKind::Patch | EngineKind::Adopt => false,
        };
        self.previous.as_ref().filter(|_| does)
    }
}

/// What a person says to whoever drafts, while they do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Word {
    /// Who: `login@host`.
    pub by: String,
    /// The words.
    pub text: Untrusted,
}

impl Word {
    /// What several say, as whoever drafts reads it.
    fn told(words: &[Self]) -> String {
        let said = |word: &Self| format!("{} says: {}", word.by, word.text.raw().trim());
        words.iter().map(said).collect::<Vec<_>>().join("\n\n")
    }
}

/// Hears what people say while a draft is made. What it gives counts as heard: it must reach whoever drafts.
pub trait Ear: Send + Sync {
    /// The next word that was not given yet.
    fn next(&self) -> Option<Word>;
}

/// Nobody says anything.
#[derive(Debug, Clone, Copy, Default)]
pub struct Deaf;

impl Ear for Deaf {
    fn next(&self) -> Option<Word> {
        None
    }
}

/// A file of guidance, as the base has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Guidance {
    /// The file.
    pub path: RepoPath,
    /// Its blob.
    pub id: ObjectId,
    /// Its words, cut where they are many: untrusted.
    pub text: Untrusted,
}

/// One thing that an engine was given: part of the context that a version's context hash names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct ContextItem {
    /// The file.
    pub path: RepoPath,
    /// The blob's id.
    pub id: ObjectId,
    /// Why it was given.
    pub why: String,
}

/// Exactly what an engine was given; its digest is the context hash.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Context {
    /// The engine and its version, such as `rules/1`.
    pub engine: String,
    /// The goal.
    pub goal: Untrusted,
    /// The base tree.
    pub tree: ObjectId,
    /// Rules, prompts or inputs by name and digest, in order.
    pub inputs: Vec<String>,
    /// Files, in the order of their paths.
    pub items: Vec<ContextItem>,
}

impl Context {
    /// The canonical JSON (keys sorted, no blanks).
    #[must_use]
    pub fn canonical(&self) -> String {
        serde_json::to_value(self).expect("strings always serialise").to_string()
    }

    /// Adds the issue that the engine was given, by what names its text.
    #[must_use]
    pub fn with_issue(mut self, issue: Option<&IssueText>) -> Self {
        self.inputs.extend(issue.map(|issue| format!("issue {} of {}", issue.digest, issue.url.raw())));
        self
    }

    /// Adds the index that the engine was given: what it was ranked for, and the files that rank first.
    #[must_use]
    pub fn with_index(mut self, index: &CodeIndex, focus: &Focus) -> Self {
        let words = focus.telling().join(", ");
        self.inputs.push(format!("index {} of {} files for: {words}", index.strategy(), index.files().len()));
        let ranked = index.ranked_files().filter(|(file, _)| file.skipped.is_none()).take(RANKED);
        self.items.extend(ranked.enumerate().map(|(at, (file, _))| ContextItem {
            path: file.path.clone(),
            id: file.blob.clone(),
            why: format!("ranks {} for the goal", at + 1),
        }));
        self.items.sort_by(|one, other| (&one.path, &one.why).cmp(&(&other.path, &other.why)));
        self
    }

    /// The context hash.
    #[must_use]
    pub fn digest(&self) -> Digest {
        Digest::of(self.canonical().as_bytes())
    }
}

/// The files of an index that a context lists: as many as `paraph index` shows.
const RANKED: usize = 30;

/// What an engine made of a brief: not yet a version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    /// What was done and why, in Markdown, for the reviewer.
    pub explanation: Untrusted,
    /// The commit message that an approval would publish, without trailers.
    pub message: Untrusted,
    /// The change, with whole contents.
    pub changes: ChangeSet,
    /// What the engine was given.
    pub context: Context,
    /// The base, where the engine had to take another than the brief's (work adopted again after a rebase).
    pub base: Option<Snapshot>,
    /// What the engine's program printed, or the transcript of its work: a blob.
    pub log: Option<Digest>,
    /// What the engine says to open threads.
    pub answers: Vec<ThreadAnswer>,
}

/// What an engine says to a thread; only a person resolves it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ThreadAnswer {
    /// The thread.
    pub thread: ThreadId,
    /// `changed`, `answered` or `declined`, and why: untrusted.
    pub text: Untrusted,
}

/// Why no draft was made.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// Nothing this engine has fits the goal: a person is needed.
    #[error("{why}")]
    NothingFits {
        /// What was looked for and not found.
        why: String,
        /// What would fit: rules, tags or commands to type, best first.
        would_fit: Vec<String>,
    },
    /// Who was asked for a part has nothing to add, and says why.
    #[error("nothing to add: {why}")]
    NothingToAdd {
        /// In its words.
        why: String,
    },
    /// The diff cannot be read or placed.
    #[error("the patch does not apply: {}", .refusals.first().map(String::as_str).unwrap_or("no reason given"))]
    DoesNotApply {
        /// Every refusal, with path, line and reason.
        refusals: Vec<String>,
    },
    /// The repository could not be read.
    #[error("cannot read the repository: {0}")]
    Repository(String),
    /// A setting or rule file is wrong; the text names file and line.
    #[error("{0}")]
    BadInput(String),
    /// Models cost more than is left, or none could be asked.
    #[error(transparent)]
    Models(#[from] AskError),
    /// A program that should have drafted did not: not installed, not confined, failed, ran out of time.
    #[error("{why}")]
    Program {
        /// What happened, with its last words.
        why: String,
        /// What to type.
        hint: String,
    },
    /// Somebody asked to stop.
    #[error("cancelled")]
    Cancelled,
    /// Somebody asked to stop, and this is what the program had left by then, against the base: no draft.
    #[error("held")]
    Held(Box<ChangeSet>),
}

/// Hears of a draft in the making.
pub trait DraftListener: Send + Sync {
    /// What the engine's program says grows in the file `log`, until the draft is there.
    fn growing(&self, log: &Path);

    /// What it said is kept as the blob `log`, whatever becomes of the draft.
    fn kept(&self, _log: Digest) {}
}

/// Nobody listens.
#[derive(Debug, Clone, Copy, Default)]
pub struct Nobody;

impl DraftListener for Nobody {
    fn growing(&self, _log: &Path) {}
}

/// Drafts one change for a goal.
///
/// Reads the snapshot, writes nothing. A second call with the same [`Brief`] gives the same draft where the engine
/// is deterministic (`rules`, `patch`) and the same base in any case. Returns within 2 s of `cancel`;
/// what a program had left may take longer to read, and is, until the brief's `unwanted` is cancelled too.
#[async_trait]
pub trait ProposalEngine: Send + Sync {
    /// Drafts.
    ///
    /// # Errors
    /// [`EngineError`]; nothing was written in any case.
    async fn draft(&self, brief: &Brief, cancel: &Cancel) -> Result<Draft, EngineError>;

    /// Drafts, and tells `listener` where what its program says can be followed; an engine that runs none has nothing
    /// to tell.
    ///
    /// # Errors
    /// As [`ProposalEngine::draft`].
    async fn draft_aloud(
        &self,
        brief: &Brief,
        _listener: &dyn DraftListener,
        cancel: &Cancel,
    ) -> Result<Draft, EngineError> {
        self.draft(brief, cancel).await
    }

    /// Refuses rules and globs of which nothing can come in `tree`, before a session is made of them. It looks at
    /// names only, so that whoever typed them is not kept waiting.
    ///
    /// # Errors
    /// [`EngineError::NothingFits`] with what may have been meant.
    fn accepts(&self, _tree: &dyn Tree, _rules: &[String], _paths: &[String]) -> Result<(), EngineError> {
        Ok(())
    }
}

/// What a program's thread has to tell.
enum News {
    /// Where its log grows.
    Growing(PathBuf),
    /// The log, kept.
    Kept(Digest),
}

/// Does `work` on a thread that may block, passes on where its log grows, and cancels it when nobody waits any more.
async fn aloud(
    mut inbox: mpsc::UnboundedReceiver<News>,
    listener: &dyn DraftListener,
    stop: Cancel,
    work: impl FnOnce() -> Result<Draft, EngineError> + Send + 'static,
) -> Result<Draft, EngineError> {
    struct StopOnDrop(Cancel);
    impl Drop for StopOnDrop {
        fn drop(&mut self) {
            self.0.cancel();
        }
    }
    let _stopped_when_dropped = StopOnDrop(stop);
    let working = tokio::task::spawn_blocking(work);
    while let Some(news) = inbox.recv().await {
        match news {
            News::Growing(log) => listener.growing(&log),
            News::Kept(log) => listener.kept(log),
        }
    }
    working.await.unwrap_or_else(|error| Err(EngineError::Repository(format!("drafting stopped: {error}"))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diff::FileSide;
    use crate::indexing::{BasicFileIndex, IndexStrategy as _};
    use crate::repository::MemoryTree;

    #[test]
    fn a_context_names_the_index_that_was_given() {
        let side = || FileSide::regular(*b"x = 1\n");
        let tree = MemoryTree::new([("src/a.py", side()), ("src/cart.py", side())]);
        let goal = "round the cart";
        let index = BasicFileIndex::default().index(&tree, &Focus::on_goal(goal), &Cancel::new()).expect("reads");
        let bare = Context {
            engine: "rules/1".to_owned(),
            goal: goal.into(),
            tree: tree.id().clone(),
            inputs: Vec::new(),
            items: Vec::new(),
        };
        let given = bare.clone().with_index(&index, &Focus::on_goal(goal));
        assert_ne!(given.digest(), bare.digest());
        assert_eq!(given.inputs, ["index files of 2 files for: cart, round"]);
        let items: Vec<String> = given.items.iter().map(|item| format!("{} {}", item.path, item.why)).collect();
        assert_eq!(items, ["src/a.py ranks 2 for the goal", "src/cart.py ranks 1 for the goal"]);
    }
}
