//! The engine `llm`: a model drafts, its answer is read strictly and placed exactly, or sent back with the reason.
//!
//! The same conversation adds parts to a draft: a tester's and a documenter's, each with instructions of its own and
//! held to its own sort of files.
//!
//! The model reads what it is shown and what it asks for, and writes text. It runs nothing, names no path outside the
//! tree and lifts no policy: what it wrote is a change like any other.

pub(super) mod answer;
mod looking;
mod marks;
mod part;
mod prompt;

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;

use crate::cancel::Cancel;
use crate::diff::{ChangeSet, FileChange, FileSide};
use crate::id::{Digest, RepoPath, ThreadId};
use crate::infrastructure::llm::{ChatReply, ChatRequest, Message, Part, Speaker};
use crate::planning::{AskError, Counted, Question, Redactor, within};
use crate::proposal::edits::{self, Placed};
use crate::proposal::{Brief, Context, Draft, EngineError, ProposalEngine, Scope, ThreadAnswer, Word};
use crate::repository::{OverlayTree, TreeError};
use crate::text::{LiveMask, Untrusted};
use answer::ThreadWord;
use looking::Looked;
use prompt::Prompt;

/// How often a prompt that is too large is written again with less in it.
const SHRINKS: u32 = 3;

/// What stands before the words of people who watch.
const SOMEBODY: &str = "Somebody who watches your work says something.";

/// The least that an answer is given: a patch of a hundred lines.
const LEAST_ANSWER: u32 = 1_024;

/// The most bytes of an answer that go back with the conversation. // 256 KiB: four times the longest that is asked for
const MOST_SAID: usize = 256 << 10;

/// What one draft may take besides money.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LlmLimits {
    /// How often an answer that cannot be read or placed is sent back. // 3, hard cap 10: the issue's repair limits
    pub send_backs: u32,
    /// How often the model may look before it must answer.
    pub looks: u32,
    /// Tokens of one answer.
    pub max_output_tokens: u32,
}

impl LlmLimits {
    /// Tokens of a repository's files and map that a draft begins with, at most.
    pub const FIRST_FILES: u64 = prompt::FIRST_FILES;
}

impl Default for LlmLimits {
    fn default() -> Self {
        Self { send_backs: 3, looks: 12, max_output_tokens: 16_000 }
    }
}

/// Drafts by asking the implementer's models.
pub struct LlmEngine {
    mask: LiveMask,
    limits: LlmLimits,
}

impl LlmEngine {
    /// An engine that hides what `mask` finds before anything is sent.
    #[must_use]
    pub fn new(mask: impl Into<LiveMask>, limits: LlmLimits) -> Self {
        Self { mask: mask.into(), limits }
    }
}

#[async_trait]
impl ProposalEngine for LlmEngine {
    async fn draft(&self, brief: &Brief, cancel: &Cancel) -> Result<Draft, EngineError> {
        let limits = if part::adds(brief.role) { LlmLimits::PART } else { self.limits };
        Drafting::new(brief, Redactor::new(self.mask.clone()), limits)?.run(cancel).await
    }
}

/// One draft in the making: the conversation so far.
struct Drafting<'a> {
    brief: &'a Brief,
    /// What it may change.
    scope: Scope,
    /// What the version before left, over the base: edits are placed on both together.
    over: Arc<BTreeMap<RepoPath, Option<FileSide>>>,
    redactor: Redactor,
    limits: LlmLimits,
    /// Tokens that a prompt may have.
    room: u64,
    prompt: Prompt,
    messages: Vec<Message>,
    looked: Vec<String>,
    /// Whether a model answered that takes no tools.
    could_not_look: bool,
    /// What people said meanwhile, by digest.
    steered: Vec<Digest>,
    items: Vec<crate::proposal::ContextItem>,
    /// The tokens that the prompt was cut to, where the first was too large for every model, and the last count.
    cut_to: Option<(u64, Option<Counted>)>,
}

impl<'a> Drafting<'a> {
    fn new(brief: &'a Brief, mut redactor: Redactor, limits: LlmLimits) -> Result<Self, EngineError> {
        let before = brief.previous.iter().flat_map(|previous| previous.files());
        let over: BTreeMap<_, _> = before.map(|file| (file.path.clone(), file.new.clone())).collect();
        let (room, scope) = (brief.models.room(brief.role), Scope::new(&brief.paths)?);
        let tree = OverlayTree::new(brief.tree.as_ref(), &over);
        let prompt = prompt::write(brief, &tree, (room, &scope), &mut redactor).map_err(unreadable)?;
        let messages = vec![Message::user(prompt.task.clone())];
        let items = prompt.items.clone();
        Ok(Self {
            brief,
            scope,
            over: Arc::new(over),
            redactor,
            limits,
            room,
            prompt,
            messages,
            looked: Vec::new(),
            could_not_look: false,
            steered: Vec::new(),
            items,
            cut_to: None,
        })
    }

    /// Writes the prompt anew: smaller by what is over where it was counted. Where it was not, within half of what it
    /// was and with an answer that leaves room for it: sizes are estimates, and a model's room may be less than is known
    /// of it. What the model looked at is gone from the conversation, and can be asked for again; what people said
    /// meanwhile stays.
    fn shrink(&mut self, counted: Option<Counted>) -> Result<(), EngineError> {
        let was = self.room.min(self.question(true).request.estimated_tokens());
        match counted {
            Some(counted) => self.room = counted.fitting(was),
            None => {
                self.room = was / 2;
                let answer = u32::try_from(self.room / 3).unwrap_or(u32::MAX).max(LEAST_ANSWER);
                self.limits.max_output_tokens = self.limits.max_output_tokens.min(answer);
            }
        }
        let tree = OverlayTree::new(self.brief.tree.as_ref(), &self.over);
        let bounds = (self.room, &self.scope);
        self.prompt = prompt::write(self.brief, &tree, bounds, &mut self.redactor).map_err(unreadable)?;
        self.items.clone_from(&self.prompt.items);
        let is_said = |part: &&Part| matches!(part, Part::Text { text } if text.starts_with(SOMEBODY));
        let said = self.messages.iter().flat_map(|message| &message.parts).filter(is_said).cloned();
        let parts = std::iter::once(Part::Text { text: self.prompt.task.clone() }).chain(said).collect();
        self.messages = vec![Message { speaker: Speaker::User, parts }];
        self.cut_to = Some((self.room, counted));
        Ok(())
    }

    async fn run(&mut self, cancel: &Cancel) -> Result<Draft, EngineError> {
        let (mut looks, mut sent_back, mut shrunk) = (0, 0, 0);
        loop {
            let may_look = looks < self.limits.looks;
            let reply = match self.ask(may_look, cancel).await {
                // refused before a token was made: less is asked before anybody gives up
                Err(EngineError::Models(error @ AskError::TooLong { counted, .. })) if shrunk < SHRINKS => {
                    shrunk += 1;
                    let before = self.question(may_look).request;
                    self.shrink(counted)?;
                    if self.question(may_look).request == before {
                        return Err(error.into()); // nothing is left to leave out
                    }
                    continue;
                }
                reply => reply?,
            };
            if !reply.calls.is_empty() && may_look {
                looks += 1;
                self.look(&reply, cancel).await?;
                continue;
            }
            let read = match reply.calls.is_empty() {
                true => edits::read(&reply.text, &reply.finish),
                false => Err(edits::EditRefusals::of_a_call()),
            };
            let has_none = read.as_ref().is_err_and(edits::EditRefusals::has_no_edit);
            // beside an edit it is a word of a file, or of the explanation
            if let Some(why) = cannot(&answer::prose(&reply.text)).filter(|_| has_none) {
                let why = Untrusted::new(why).display_line().to_string();
                return Err(EngineError::NothingFits {
                    why: format!("the model says that it cannot: {why}"),
                    would_fit: Vec::new(),
                });
            }
            if let Some(why) = part::nothing(self.brief.role, &reply.text).filter(|_| has_none) {
                let why = Untrusted::new(why).display_line().to_string();
                return Err(EngineError::NothingToAdd { why });
            }
            let placed = read.and_then(|found| found.place(&OverlayTree::new(self.brief.tree.as_ref(), &self.over)));
            let (refusals, words) = match placed {
                Ok(placed) => match part::refused(self.brief, &self.scope, &placed.changes)
                    .or_else(|| marks::refused(self.brief, &placed.changes, &self.redactor, reply.hides_key))
                {
                    Some((refusals, words)) => (refusals, words),
                    None => {
                        // who spoke while it wrote is heard before it counts
                        let Some(words) = self.hear() else {
                            let said = self.answer_threads(&reply, cancel).await?;
                            return Ok(self.draft(&reply.text, placed, said));
                        };
                        self.answered(&reply);
                        let words =
                            format!("{words}\n\nAnswer once more, with every edit, against the files as they were.");
                        self.messages.push(Message::user(words));
                        continue;
                    }
                },
                Err(refused) => (refused.list().iter().map(ToString::to_string).collect(), refused.for_model()),
            };
            if sent_back >= self.limits.send_backs {
                return Err(EngineError::DoesNotApply { refusals });
            }
            sent_back += 1;
            self.answered(&reply);
            // it quotes lines of files
            let words = self.redactor.hide("a refused edit", &words);
            self.messages.push(Message::user(words));
        }
    }

    /// What the answer says to threads. Those that it left out are asked for once; the edits stand as they are, so what
    /// goes wrong then costs the draft nothing.
    async fn answer_threads(&mut self, reply: &ChatReply, cancel: &Cancel) -> Result<Vec<ThreadWord>, EngineError> {
        let mut said = answer::told(&answer::prose(&reply.text)).threads;
        let asked = if part::adds(self.brief.role) { Vec::new() } else { self.brief.threads() };
        let left_out = |said: &[ThreadWord]| -> Vec<ThreadId> {
            let is_out = |thread: &&ThreadId| said.iter().all(|word| word.thread != **thread);
            asked.iter().filter(is_out).copied().collect()
        };
        let missing = left_out(&said);
        if !missing.is_empty() {
            self.answered(reply);
            let names: Vec<String> = missing.iter().map(|thread| format!("THREAD {}", thread.0)).collect();
            self.messages.push(Message::user(format!(
                "Your edits are placed and count as they are. You said nothing to {}. Answer now with one line for each, \
                 `THREAD <number>: changed|answered|declined - <why>`, and with nothing else.",
                names.join(", ")
            )));
            match self.ask(false, cancel).await {
                Ok(more) => {
                    let words = answer::told(&answer::prose(&more.text)).threads;
                    said.extend(words.into_iter().filter(|word| missing.contains(&word.thread)));
                }
                Err(EngineError::Models(AskError::Cancelled) | EngineError::Cancelled) => {
                    return Err(EngineError::Cancelled);
                }
                Err(error) => tracing::info!(%error, session = %self.brief.session, "threads stay without a word"),
            }
        }
        said.retain(|word| asked.contains(&word.thread));
        Ok(said)
    }

    fn answered(&mut self, reply: &ChatReply) {
        self.messages.push(Message { speaker: Speaker::Assistant, parts: vec![Part::Text { text: said(reply) }] });
    }

    /// What people said since they were last heard, as the model is told it: they are its user, as who set the goal is.
    fn hear(&mut self) -> Option<String> {
        let words: Vec<Word> = std::iter::from_fn(|| self.brief.ear.next()).collect();
        if words.is_empty() {
            return None;
        }
        self.steered.extend(words.iter().map(|word| Digest::of(word.text.raw().as_bytes())));
        let said = self.redactor.hide("what was said meanwhile", &Word::told(&words));
        Some(format!("{SOMEBODY}\n\n{said}"))
    }

    async fn ask(&mut self, may_look: bool, cancel: &Cancel) -> Result<ChatReply, EngineError> {
        // the first call holds what was said when its task was written, and no more, so that the record tells both
        // apart; what came since is heard with the next call, or before the answer counts
        if self.messages.len() > 1
            && let (Some(text), Some(last)) = (self.hear(), self.messages.last_mut())
        {
            last.parts.push(Part::Text { text });
        }
        let reply = self.brief.models.ask(&self.question(may_look), cancel).await?;
        self.could_not_look |= reply.without_tools;
        Ok(reply)
    }

    fn question(&self, may_look: bool) -> Question {
        let request = ChatRequest {
            system: vec![part::system(self.brief.role).to_owned(), self.prompt.background.clone()],
            messages: self.messages.clone(),
            tools: looking::tools(self.brief.index.is_some()),
            calls_forbidden: !may_look,
            shape: None,
            max_output_tokens: self.limits.max_output_tokens,
            temperature_hundredths: None,
        };
        let redacted = self.redactor.found().to_vec();
        Question { role: self.brief.role, request, redacted }
    }

    /// Answers what the model asked to see, away from the threads that serve everybody: a search reads the whole tree.
    async fn look(&mut self, reply: &ChatReply, cancel: &Cancel) -> Result<(), EngineError> {
        if let Some(why) = looking::too_much(&reply.calls) {
            self.looked.push(format!("at nothing: {} calls at once", reply.calls.len()));
            self.answered(reply);
            self.messages.push(Message::user(why));
            return Ok(());
        }
        let (brief, over, calls) = (self.brief.clone(), self.over.clone(), reply.calls.clone());
        let (redactor, stop) = (self.redactor.clone(), cancel.clone());
        let looks = tokio::task::spawn_blocking(move || {
            let tree = OverlayTree::new(brief.tree.as_ref(), &over);
            looking::look((&brief, &tree), &calls, redactor, &stop)
        });
        let looked = tokio::select! {
            () = cancel.cancelled() => return Err(EngineError::Cancelled), // it sees that too, and ends
            looked = looks => looked,
        };
        let looked = looked.map_err(|error| EngineError::Repository(format!("looking stopped: {error}")))??;
        let Looked { results, mut items, mut log, redactor } = looked;
        self.redactor = redactor;
        self.looked.append(&mut log);
        self.items.append(&mut items);
        let mut parts: Vec<Part> = Vec::new();
        if !reply.text.is_empty() {
            parts.push(Part::Text { text: said(reply) });
        }
        parts.extend(reply.kept.iter().map(|value| Part::Kept { value: value.clone() }));
        parts.extend(reply.calls.iter().cloned().map(Part::Call));
        self.messages.push(Message { speaker: Speaker::Assistant, parts });
        self.messages.push(Message { speaker: Speaker::User, parts: results });
        Ok(())
    }

    fn draft(&mut self, reply: &str, placed: Placed, said: Vec<ThreadWord>) -> Draft {
        let told = answer::told(&answer::prose(reply));
        let changes = match &self.brief.previous {
            Some(previous) => onto_base(previous, &placed.changes),
            None => placed.changes,
        };
        let mut explanation =
            if told.why.is_empty() { "The model gave no explanation.".to_owned() } else { told.why.clone() };
        if !placed.notes.is_empty() {
            explanation.push_str("\n\nHow its edits were read:\n");
            explanation.extend(placed.notes.iter().map(|note| format!("- {note}\n")));
        }
        let answers =
            said.into_iter().map(|word| ThreadAnswer { thread: word.thread, text: Untrusted::new(word.text) });
        Draft {
            explanation: Untrusted::new(explanation),
            message: Untrusted::new(answer::message(&told, &self.brief.goal)),
            changes,
            context: self.context(),
            base: None,
            answers: answers.collect(),
            log: None,
        }
    }

    fn context(&mut self) -> Context {
        let mut items = std::mem::take(&mut self.items);
        items.sort_by(|one, other| (&one.path, &one.why).cmp(&(&other.path, &other.why)));
        items.dedup();
        let digest = |name: &str, text: &str| format!("{name} {}", Digest::of(text.as_bytes()));
        let mut inputs = vec![
            digest("instructions", part::system(self.brief.role)),
            digest("background", &self.prompt.background),
            digest("task", &self.prompt.task),
        ];
        inputs.extend(self.looked.iter().map(|look| format!("looked: {look}")));
        if self.could_not_look {
            inputs.push("could not look: a model that answered takes no tools".to_owned());
        }
        inputs.extend(self.cut_to.map(|(tokens, counted)| match counted {
            Some(Counted { tokens: had, room }) => {
                format!("cut to {tokens} tokens, estimated: {had} were counted, and there is room for {room}")
            }
            None => format!("cut to {tokens} tokens, the first prompt was too large"),
        }));
        inputs.extend(self.steered.iter().map(|word| format!("steered {word}")));
        inputs.extend(self.redactor.found().iter().map(|found| format!("redacted: {found}")));
        Context {
            engine: "llm/1".to_owned(),
            goal: self.brief.goal.clone(),
            tree: self.brief.tree.id().clone(),
            inputs,
            items,
        }
        .with_issue(self.brief.issue.as_ref())
    }
}

/// The change against the base, of one that was made on what the version before left.
fn onto_base(previous: &ChangeSet, now: &ChangeSet) -> ChangeSet {
    let kept = previous.files().iter().filter(|file| now.get(&file.path).is_none()).cloned();
    let changed = now.files().iter().map(|file| match previous.get(&file.path) {
        Some(before) => FileChange { old: before.old.clone(), ..file.clone() },
        None => file.clone(),
    });
    ChangeSet::new(kept.chain(changed).filter(|file| file.old != file.new))
}

/// The words of an answer, never empty, for providers refuse an empty turn; and never more than an answer has.
fn said(reply: &ChatReply) -> String {
    match within(&reply.text, MOST_SAID) {
        (text, _) if text.trim().is_empty() => "(nothing)".to_owned(),
        (text, false) => text.to_owned(),
        (text, true) => format!("{text}\n… cut here"),
    }
}

/// What the model says it lacks, where it says so in words of its own.
fn cannot(prose: &str) -> Option<&str> {
    prose.lines().find_map(|line| line.trim().trim_matches(['`', '*']).strip_prefix("CANNOT:")).map(str::trim)
}

fn unreadable(error: TreeError) -> EngineError {
    EngineError::Repository(error.to_string())
}

#[cfg(test)]
mod tests;
