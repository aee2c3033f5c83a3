//! The engine `command`: any program that edits a worktree, or prints edits; a linter's own fixes, a formatter, a codemod.
//!
//! Which program is a person's choice, by the name of a preset or of their own configuration, or typed as a command
//! line; never a repository's. The program finds the goal in `PARAPH_GOAL`, what was said about the version before in
//! `PARAPH_FEEDBACK`, and both on its standard input.

mod presets;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::Path;
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::mpsc;

use super::workshop::{Room, Sees, exec, ran_into, unstored};
use super::{
    Brief, CommandSpec, Context, ContextItem, Draft, DraftListener, Edits, EngineError, Feedback, News, Nobody,
    ProposalEngine, Run, SaidLines, Workshop,
};
use crate::cancel::Cancel;
use crate::diff::{ChangeSet, stats};
use crate::infrastructure::confinement::{Confined, Network};
use crate::infrastructure::live_log::LiveLog;
use crate::infrastructure::process::{Status, Stream};
use crate::repository::Worked;
use crate::text::{Untrusted, counted, near, shell_word};
pub use presets::command_presets;

/// How long a command line that was typed may take. // a linter over a large repository, with its cold start
pub(super) const USUAL_TIMEOUT: Duration = Duration::from_secs(600);
/// How long it may take to end when it is asked: a cancelled draft returns within 2 s.
const GRACE: Duration = Duration::from_millis(500);
/// The largest edits that are read from standard output.
const LARGEST_EDITS: usize = 16 << 20;
/// Bytes of one variable. // Linux takes 128 KiB
const LONGEST_VARIABLE: usize = 64 << 10;
/// Lines of output that a refusal quotes.
const QUOTED_LINES: usize = 12;
/// Names that a refusal suggests.
const MOST_NEAR: usize = 5;
/// Files that the explanation lists.
const LISTED: usize = 40;

/// Drafts by running a program in a workshop.
#[derive(Clone)]
pub struct CommandEngine {
    workshop: Workshop,
    own: BTreeMap<String, CommandSpec>,
}

impl CommandEngine {
    /// An engine with the presets and a person's `own` commands; of two with one name the person's counts.
    #[must_use]
    pub fn new(workshop: Workshop, own: impl IntoIterator<Item = CommandSpec>) -> Self {
        let all = command_presets().into_iter().chain(own).map(|spec| (spec.name.clone(), spec));
        Self { workshop, own: all.collect() }
    }

    fn spec(&self, brief: &Brief) -> Result<CommandSpec, EngineError> {
        let asked = brief.order.program.as_ref().map(|choice| choice.name.trim()).unwrap_or_default();
        if asked.is_empty() {
            return Err(EngineError::NothingFits {
                why: "the engine `command` needs a program".to_owned(),
                would_fit: self.own.keys().map(|name| again(brief, name)).collect(),
            });
        }
        if let Some(spec) = self.own.get(asked) {
            return Ok(spec.clone());
        }
        Ok(CommandSpec {
            name: asked.split_whitespace().next().unwrap_or(asked).to_owned(),
            run: match asked.contains(char::is_whitespace) {
                true => Run::Shell(asked.to_owned()),
                false => Run::Args(vec![asked.to_owned()]),
            },
            edits: Edits::Worktree,
            timeout: USUAL_TIMEOUT,
            env: BTreeMap::new(),
            reads: Vec::new(),
            ok_codes: vec![0],
            hint: match near(asked, self.own.keys().map(String::as_str), MOST_NEAR).first() {
                Some(name) => again(brief, name),
                None => "install it, or paraph help agents lists the names that --command takes".to_owned(),
            },
        })
    }
}

fn again(brief: &Brief, name: &str) -> String {
    format!("paraph regenerate {} --engine command --command {}", brief.session, shell_word(name))
}

/// The same program once more: a line that was typed is more than its first word.
fn asked_again(brief: &Brief, name: &str) -> String {
    again(brief, brief.order.program.as_ref().map_or(name, |choice| choice.name.trim()))
}

#[async_trait]
impl ProposalEngine for CommandEngine {
    async fn draft(&self, brief: &Brief, cancel: &Cancel) -> Result<Draft, EngineError> {
        self.draft_aloud(brief, &Nobody, cancel).await
    }

    async fn draft_aloud(
        &self,
        brief: &Brief,
        listener: &dyn DraftListener,
        cancel: &Cancel,
    ) -> Result<Draft, EngineError> {
        let spec = self.spec(brief)?;
        let (news, inbox) = mpsc::unbounded_channel();
        let (workshop, brief, stop) = (self.workshop.clone(), brief.clone(), cancel.child());
        super::aloud(inbox, listener, stop.clone(), move || Job { workshop, spec, brief, news, stop }.run()).await
    }
}

/// One run.
struct Job {
    workshop: Workshop,
    spec: CommandSpec,
    brief: Brief,
    news: mpsc::UnboundedSender<News>,
    stop: Cancel,
}

impl Job {
    fn run(self) -> Result<Draft, EngineError> {
        let room = self.workshop.open(&self.brief, &self.stop)?;
        let mut log = self.workshop.log()?;
        let _nobody_listens = self.news.send(News::Growing(log.path().to_owned()));
        let words = self.spec.run.words();
        let applied = self.workshop.confinement().applied();
        let limit = self.spec.timeout.as_secs();
        log.line(&format!("[paraph: `{words}` in {}; {applied}; at most {limit} s]", room.shown().display()));
        let (confined, printed) = self.confined(&room, &mut log)?;
        let status = confined.finished.status;
        let took = confined.finished.duration.as_secs_f64();
        let last = format!("[paraph: {status} after {took:.1} s]");
        let tail = log.tail(QUOTED_LINES);
        let log = log.finish(&last).map_err(|error| unstored(&error))?;
        let _nobody_listens = self.news.send(News::Kept(log));
        if !self.counts(&confined) {
            return Err(self.failed(&confined, &tail));
        }
        let worked = match self.spec.edits {
            Edits::Worktree => room.changes(&self.brief, &self.stop)?,
            // a formatter that has nothing to say prints nothing
            Edits::Stdout if printed.trim_ascii().is_empty() => Worked::default(),
            Edits::Stdout => {
                // it printed what to change of the files that it saw, or of older ones that are known
                let file = super::patch::read(&printed, &[room.shown().to_owned()])?;
                let placed = super::patch::placed(&file, room.start()?.as_ref())?;
                let mut worked = room.of_base(placed.changes, &self.brief)?;
                worked.notices.extend(placed.notes);
                worked
            }
        };
        if worked.changes.is_empty() {
            return Err(self.nothing(&worked, &tail));
        }
        let confinement = confined.applied.to_string();
        Ok(Draft {
            explanation: Untrusted::new(self.explanation(&room, &worked, &confined, &confinement)),
            message: Untrusted::new(self.message()),
            context: self.context(&worked.changes)?,
            changes: worked.changes,
            base: None,
            log: Some(log),
            answers: Vec::new(),
        })
    }

    fn confined(&self, room: &Room, log: &mut LiveLog) -> Result<(Confined, Vec<u8>), EngineError> {
        let (policy, mut env) =
            room.policy(Sees { name: "scratch", network: Network::None, reads: &self.spec.reads })?;
        packages_first(&mut env, room.shown());
        let (goal, feedback) = (self.brief.goal.raw(), feedback(&self.brief));
        let input = if feedback.is_empty() { format!("{goal}\n") } else { format!("{goal}\n\n{feedback}") };
        let command = exec(&self.spec.run, room.shown(), env, &self.spec.env, self.spec.timeout)
            .env("CI", "true") // nobody answers, and nothing is to be watched
            .env("PARAPH_GOAL", variable(goal))
            .env("PARAPH_FEEDBACK", variable(&feedback))
            .stdin(input)
            .grace(GRACE)
            .output_limit(0); // the log keeps it
        let mut printed = Vec::new();
        let mut too_much = false;
        let stop = self.stop.child();
        let result = self.workshop.confinement().run_blocking(&policy, &command, &stop, &mut |chunk| {
            if self.spec.edits == Edits::Stdout && chunk.stream == Stream::Out {
                too_much |= printed.len() + chunk.bytes.len() > LARGEST_EDITS;
                if !too_much {
                    printed.extend_from_slice(chunk.bytes);
                }
            }
            if !log.push(chunk.bytes) || too_much {
                stop.cancel(); // what it says further would be lost
            }
        });
        if self.stop.is_cancelled() {
            return Err(EngineError::Cancelled);
        }
        if too_much {
            return Err(EngineError::Program {
                why: format!("`{}` printed more than {} MiB of edits", self.spec.name, LARGEST_EDITS >> 20),
                hint: asked_again(&self.brief, &self.spec.name),
            });
        }
        let confined =
            result.map_err(|error| EngineError::not_started(&self.spec.run.words(), &self.spec.hint, &error))?;
        Ok((confined, printed))
    }

    fn counts(&self, confined: &Confined) -> bool {
        let ended = confined.finished.stopped.is_none() && confined.exceeded.is_none();
        ended && matches!(confined.finished.status, Status::Exit(code) if self.spec.ok_codes.contains(&code))
    }

    fn failed(&self, confined: &Confined, tail: &str) -> EngineError {
        let why = ran_into(&confined.finished, confined.exceeded, self.spec.timeout);
        // what the shell says of a program that is not there, or that it may not run
        let missing = matches!(confined.finished.status, Status::Exit(126 | 127));
        let hint = if missing { self.spec.hint.clone() } else { asked_again(&self.brief, &self.spec.name) };
        EngineError::Program {
            why: format!("what `{}` did is not taken: {why}{}", self.spec.run.words(), quoted(tail)),
            hint,
        }
    }

    fn nothing(&self, worked: &Worked, tail: &str) -> EngineError {
        let notices: String = worked.notices.iter().map(|notice| format!("; {notice}")).collect();
        EngineError::NothingFits {
            why: format!("`{}` changed nothing{notices}{}", self.spec.run.words(), quoted(tail)),
            would_fit: vec!["another program: paraph help agents lists them".to_owned()],
        }
    }

    fn explanation(&self, room: &Room, worked: &Worked, confined: &Confined, confinement: &str) -> String {
        let stats = stats(&worked.changes);
        let began = room.began().words();
        let mut text = format!(
            "`{}` ran on {began} and changed {}.\n\n",
            self.spec.run.words().replace('`', "'"),
            counted(stats.len(), "file"),
        );
        text.extend(worked.changes.files().iter().take(LISTED).map(|file| format!("- `{}`\n", file.path)));
        if stats.len() > LISTED {
            text.push_str(&format!("- and {} more\n", stats.len() - LISTED));
        }
        text.push_str(&format!("\nIt ended with {} in confinement {confinement}.\n", confined.finished.status));
        for notice in worked.notices.iter().chain(&room.notices()) {
            text.push_str(&format!("\nNote: {notice}\n"));
        }
        text
    }

    /// The goal, as the engine `patch` has it: a program says nothing of its own that a history should keep.
    fn message(&self) -> String {
        super::patch::goal_as_message(self.brief.goal.raw())
    }

    fn context(&self, changes: &ChangeSet) -> Result<Context, EngineError> {
        let mut items = Vec::new();
        for file in changes.files().iter().filter(|file| file.old.is_some()) {
            let entry =
                self.brief.tree.entry(&file.path).map_err(|error| EngineError::Repository(error.to_string()))?;
            let why = "changed by the program".to_owned();
            items.extend(entry.map(|entry| ContextItem { path: entry.path, id: entry.id, why }));
        }
        let mut inputs = vec![format!("command {}", self.spec.run.words())];
        inputs.extend(self.spec.env.iter().map(|(name, value)| format!("variable {name}={value}")));
        Ok(Context {
            engine: "command/1".to_owned(),
            goal: self.brief.goal.clone(),
            tree: self.brief.tree.id().clone(),
            inputs,
            items,
        })
    }
}

/// Finds programs as `npm run` does: the repository's own version of a tool goes before one on PATH.
fn packages_first(env: &mut BTreeMap<OsString, OsString>, shown: &Path) {
    let path = env.entry("PATH".into()).or_default();
    let folders = [shown.join("node_modules/.bin")].into_iter().chain(std::env::split_paths(path));
    // a folder whose name has a colon cannot stand in PATH: then it is left as it is
    if let Ok(joined) = std::env::join_paths(folders) {
        *path = joined;
    }
}

/// What was said about the version before, as one text.
fn feedback(brief: &Brief) -> String {
    let mut text = String::new();
    for said in &brief.feedback {
        if let Some(path) = &said.path {
            text.push_str(&format!("{path}{}: ", place_in(said)));
        }
        text.push_str(said.text.raw().trim());
        text.push('\n');
        text.push_str(&said.quotation());
    }
    text
}

/// The lines as compilers name them, where they are those of the files as they are; else in words.
pub(super) fn place_in(said: &Feedback) -> String {
    match said.lines {
        Some(SaidLines { from, to, on_base: false }) if !said.outdated => {
            if from < to {
                format!(":{from}-{to}")
            } else {
                format!(":{to}")
            }
        }
        _ => said.where_in_file(),
    }
}

/// As much of a text as a variable takes, without the zero bytes that none takes.
fn variable(text: &str) -> String {
    let end = text.floor_char_boundary(LONGEST_VARIABLE);
    text[..end].replace('\0', "")
}

fn quoted(tail: &str) -> String {
    if tail.trim().is_empty() { String::new() } else { format!("; its last words:\n{}", tail.trim_end()) }
}

#[cfg(test)]
mod feedback_tests {
    use super::{Feedback, SaidLines, place_in};

    #[track_caller]
    fn check(lines: Option<(u32, u32, bool)>, outdated: bool, expected: &str) {
        let lines = lines.map(|(from, to, on_base)| SaidLines { from, to, on_base });
        assert_eq!(place_in(&Feedback { lines, outdated, ..Feedback::words("why?".into()) }), expected);
    }

    #[test]
    fn lines_are_named_as_compilers_do_where_they_are_there() {
        check(Some((5, 5, false)), false, ":5");
        check(Some((5, 7, false)), false, ":5-7");
        check(Some((5, 5, true)), false, " line 5 of the base");
        check(Some((5, 5, false)), true, " near line 5, changed since it was said");
        check(None, true, ", changed since it was said");
        check(None, false, "");
    }
}
