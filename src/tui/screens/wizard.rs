//! The wizard for a new session: goal, repository, engine, base; then it is said in one line and started.

use std::path::Path;

use crossterm::event::KeyCode;
use ratatui::layout::Rect;

use super::decision::draw_field;
use crate::api::{CandidateRequest, Failure, IssueSource, RepositoryRequest, RunRequest};
use crate::id::HostPath;
use crate::text::{Untrusted, counted};
use crate::tui::keymap::Key;
use crate::tui::model::Field;
use crate::tui::theme::Role;
use crate::tui::widgets::{Painter, Run, centered, popup};
use crate::tui::words::{Base, EngineKind, ProgramChoice, Source};

/// A field of the wizard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum At {
    Goal,
    Repository,
    Engine,
    /// Only where the engine runs one.
    Program,
    /// Several that draft side by side.
    Candidates,
    Base,
    Start,
}

const ORDER: [At; 7] = [At::Goal, At::Repository, At::Engine, At::Program, At::Candidates, At::Base, At::Start];

/// Engines that a goal in words can be given to, and the configured default first.
const ENGINES: [Option<EngineKind>; 5] =
    [None, Some(EngineKind::Rules), Some(EngineKind::Command), Some(EngineKind::Agent), Some(EngineKind::Llm)];

/// The issue that the goal names.
#[derive(Debug)]
enum Issue {
    /// It is read.
    Reading,
    /// It was: as a session is asked for with it, and its title as it may be shown.
    Read(Box<IssueSource>, Untrusted),
}

/// What was entered so far.
#[derive(Debug)]
pub(crate) struct Wizard {
    pub at: At,
    pub goal: Field,
    /// The goal where it was written in the editor and has more than one line; `goal` is unused then.
    pub whole: Option<String>,
    pub repository: Field,
    pub engine: usize,
    /// The engine that the configuration names; empty where nobody knows.
    pub configured: String,
    pub program: Field,
    pub candidates: Field,
    /// The issue, and its address as it was typed.
    issue: Option<(String, Issue)>,
    pub base: Field,
    pub dirty: bool,
    pub wrong: String,
    /// What its models may cost, once that is known.
    pub estimate: String,
    pub sent: bool,
}

impl Wizard {
    pub(crate) fn new(here: Option<&str>) -> Self {
        Self {
            at: At::Goal,
            goal: Field::default(),
            whole: None,
            repository: Field::new(here.unwrap_or_default()),
            engine: 0,
            configured: String::new(),
            program: Field::default(),
            candidates: Field::default(),
            issue: None,
            base: Field::default(),
            dirty: false,
            wrong: String::new(),
            estimate: String::new(),
            sent: false,
        }
    }

    pub(crate) fn step(&mut self, by: isize) {
        let order: Vec<At> = ORDER.into_iter().filter(|at| *at != At::Program || self.runs_a_program()).collect();
        let at = order.iter().position(|at| *at == self.at).unwrap_or(0);
        self.at = order[at.saturating_add_signed(by).min(order.len() - 1)];
    }

    fn runs_a_program(&self) -> bool {
        // candidates name theirs
        !self.is_field() && ENGINES[self.engine].is_some_and(EngineKind::runs_a_program)
    }

    /// Whether several shall draft side by side.
    fn is_field(&self) -> bool {
        !self.candidates.text().trim().is_empty()
    }

    /// Those that shall, or what is wrong with one.
    fn field(&self) -> Result<Vec<CandidateRequest>, String> {
        let named: Vec<&str> = self.candidates.text().split_whitespace().collect();
        let field = named.iter().map(|text| CandidateRequest::named(text).map_err(|error| error.to_string()));
        let field = field.collect::<Result<Vec<_>, _>>()?;
        if field.iter().any(|one| one.engine == EngineKind::Patch) {
            return Err("a ready diff is given in a shell: paraph run GOAL --candidate patch:FILE".to_owned());
        }
        if field.len() == 1 {
            return Err("one more: candidates are two at least".to_owned());
        }
        Ok(field)
    }

    /// The address of the issue that the goal is, where it is one.
    fn issue_url(&self) -> Option<&str> {
        let words = self.words().trim();
        let is_url = words.starts_with("https://") || words.starts_with("http://");
        let is_issue = words.contains("/issues/") || words.contains("/work_items/");
        (is_url && is_issue && !words.contains(char::is_whitespace)).then_some(words)
    }

    /// The address of an issue that must be read now: once the goal is left, or where it shall `start`.
    pub(crate) fn wants_issue(&mut self, start: bool) -> Option<String> {
        let url = self.issue_url().map(str::to_owned);
        if self.issue.as_ref().is_some_and(|(known, _)| Some(known) != url.as_ref()) {
            self.issue = None;
        }
        let url = url.filter(|_| self.issue.is_none() && (start || self.at != At::Goal))?;
        self.issue = Some((url.clone(), Issue::Reading));
        Some(url)
    }

    /// The issue was read, or why it was not.
    pub(crate) fn take_issue(&mut self, url: &str, read: Result<(Box<IssueSource>, Untrusted), Failure>) {
        if self.issue.as_ref().is_none_or(|(known, _)| known != url) {
            return; // the goal is another one by now
        }
        match read {
            Ok((source, title)) => {
                self.issue = Some((url.to_owned(), Issue::Read(source, title)));
                self.wrong.clear();
            }
            Err(failure) => {
                self.issue = None;
                self.at = At::Goal;
                let next = failure.hints.first().map(|hint| format!(" ({hint})")).unwrap_or_default();
                self.wrong = super::plain(&format!("{}{next}", failure.message));
            }
        }
    }

    /// The program as it was typed: of an agent the first word, the others are hosts that it may reach.
    fn choice(&self) -> Option<ProgramChoice> {
        let typed = self.program.text().trim();
        match ENGINES[self.engine] {
            Some(EngineKind::Command) => Some(ProgramChoice { name: typed.to_owned(), hosts: Vec::new() }),
            Some(EngineKind::Agent) => {
                let mut words = typed.split_whitespace().map(str::to_owned);
                Some(ProgramChoice { name: words.next().unwrap_or_default(), hosts: words.collect() })
            }
            _ => None,
        }
    }

    /// The goal so far.
    pub(crate) fn words(&self) -> &str {
        self.whole.as_deref().unwrap_or_else(|| self.goal.text())
    }

    /// Takes the goal as it was left in the editor.
    pub(crate) fn written(&mut self, text: &str) {
        let text = text.replace("\r\n", "\n").replace('\0', "");
        let text = text.trim();
        self.wrong.clear();
        self.whole = text.contains('\n').then(|| text.to_owned());
        self.goal = Field::new(if self.whole.is_some() { "" } else { text });
    }

    /// The goal as the window shows it.
    fn shown_goal(&self) -> Field {
        match (&self.issue, self.at) {
            (_, At::Goal) | (None, _) => {}
            (Some((_, Issue::Reading)), _) => return Field::shown("the issue is read …"),
            (Some((_, Issue::Read(source, title))), _) => {
                let said = counted(source.comments, "comment");
                return Field::shown(format!("{}  (issue, {said})", title.display_within(44)));
            }
        }
        let Some(whole) = &self.whole else { return self.typed(At::Goal, &self.goal) };
        let (first, rest) = whole.split_once('\n').unwrap_or((whole, ""));
        let more = counted(rest.lines().filter(|line| !line.trim().is_empty()).count(), "more line");
        Field::shown(format!("{}  ({more})", Untrusted::from(first).display_within(48)))
    }

    /// What was typed into a field: its end while more is typed, else its start.
    fn typed(&self, at: At, field: &Field) -> Field {
        if self.at == at { field.clone() } else { Field::shown(field.text()) }
    }

    /// Takes a key that the keymap gave no meaning.
    pub(crate) fn key(&mut self, key: Key) {
        self.wrong.clear();
        match self.at {
            At::Goal if self.whole.is_some() => match key.code() {
                KeyCode::Backspace | KeyCode::Delete => self.whole = None,
                _ => self.wrong = "it has several lines: ^e writes on, Backspace drops it".to_owned(),
            },
            At::Goal => drop(self.goal.key(key)),
            At::Repository => drop(self.repository.key(key)),
            At::Program => drop(self.program.key(key)),
            At::Candidates => drop(self.candidates.key(key)),
            At::Base if key.typed() == Some(' ') && self.base.text().is_empty() => self.dirty = !self.dirty,
            At::Base => {
                self.base.key(key);
                self.dirty &= self.base.text().is_empty();
            }
            At::Engine if matches!(key.typed(), Some(' ' | 'j' | 'k')) => {
                self.engine = (self.engine + 1) % ENGINES.len()
            }
            At::Engine | At::Start => {}
        }
    }

    pub(crate) fn paste(&mut self, text: &str) {
        match self.at {
            At::Goal if self.whole.is_some() => {
                self.wrong = "it has several lines: ^e writes on, Backspace drops it".to_owned();
            }
            At::Goal if text.trim().contains('\n') => self.written(&format!("{}{text}", self.goal.text())),
            At::Goal => self.goal.insert(text),
            At::Repository => self.repository.insert(text.trim()),
            At::Program => self.program.insert(text.trim()),
            At::Candidates => self.candidates.insert(text.trim()),
            At::Base => self.base.insert(text.trim()),
            At::Engine | At::Start => {}
        }
    }

    /// The request as it stands, where nothing is missing; the window stays as it is.
    pub(crate) fn would_ask(&mut self, folder: Option<&Path>) -> Option<RunRequest> {
        let (at, wrong) = (self.at, self.wrong.clone());
        let request = self.request(folder);
        (self.at, self.wrong) = (at, wrong);
        request
    }

    /// The request, or what is missing. A relative path begins in `folder`: the service stands elsewhere.
    pub(crate) fn request(&mut self, folder: Option<&Path>) -> Option<RunRequest> {
        let mut goal = self.words().trim().to_owned();
        let mut issue = None;
        match &self.issue {
            Some((url, Issue::Read(source, _))) if Some(url.as_str()) == self.issue_url() => {
                // an issue without a title is named by its address
                if !source.title.raw().trim().is_empty() {
                    source.title.raw().clone_into(&mut goal);
                }
                issue = Some(source.clone());
            }
            _ if self.issue_url().is_some() => {
                self.wrong = "the issue is read first: a moment".to_owned();
                return None;
            }
            _ => {}
        }
        let place = self.repository.text().trim().to_owned();
        let place = place.as_str();
        if goal.is_empty() {
            self.wrong = "say what shall be done".to_owned();
            self.at = At::Goal;
            return None;
        }
        if place.is_empty() {
            self.wrong = "say where: a path, or a URL".to_owned();
            self.at = At::Repository;
            return None;
        }
        let candidates = match self.field() {
            Ok(candidates) => candidates,
            Err(wrong) => {
                (self.wrong, self.at) = (super::plain(&wrong), At::Candidates);
                return None;
            }
        };
        let is_field = !candidates.is_empty();
        let program = self.choice().filter(|_| !is_field);
        if program.as_ref().is_some_and(|program| program.name.is_empty()) {
            self.wrong = "say which program".to_owned();
            self.at = At::Program;
            return None;
        }
        let is_url = place.contains("://") || place.starts_with("git@");
        let source = match folder {
            _ if is_url => Source::Url(place.to_owned()),
            Some(folder) => Source::Path(HostPath::new(folder.join(place))),
            None if Path::new(place).is_absolute() => Source::Path(HostPath::new(place)),
            None => {
                self.wrong = "say the whole path: the folder you stand in is gone".to_owned();
                self.at = At::Repository;
                return None;
            }
        };
        let base = match (self.dirty, self.base.text().trim()) {
            (true, _) => Base::Dirty,
            (false, "") => Base::Head,
            (false, revision) => Base::Rev(revision.to_owned()),
        };
        Some(RunRequest {
            goal,
            kind: None,
            repositories: vec![RepositoryRequest { source, base }],
            engine: ENGINES[self.engine].filter(|_| !is_field),
            rules: Vec::new(),
            paths: Vec::new(),
            playbook: None,
            patch: None,
            program,
            issue,
            candidates,
        })
    }
}

/// Draws the wizard.
pub(crate) fn draw(painter: &mut Painter<'_>, area: Rect, wizard: &Wizard) {
    let more = u16::from(wizard.runs_a_program());
    let frame = centered(area, 84, 17 + 2 * more);
    let inside = popup(painter, frame, "New session");
    let row = |n: u16| inside.y + n.min(inside.height.saturating_sub(1));
    let roomy = inside.height >= 14 + 2 * more;
    let y = |n: u16| if roomy { row(1 + 2 * n) } else { row(n) };
    draw_field(painter, inside, y(0), "what to do", &wizard.shown_goal(), wizard.at == At::Goal);
    draw_field(painter, inside, y(1), "repository", &wizard.repository, wizard.at == At::Repository);
    let engine = match ENGINES[wizard.engine] {
        _ if wizard.is_field() => "each candidate's own".to_owned(),
        None if wizard.configured.is_empty() => "the configured one".to_owned(),
        None => format!("the configured one: {}", wizard.configured),
        Some(kind) => format!("{}: {}", kind.name(), kind.about()),
    };
    draw_field(painter, inside, y(2), "engine", &Field::shown(engine), wizard.at == At::Engine);
    if wizard.runs_a_program() {
        let program = wizard.typed(At::Program, &wizard.program);
        draw_field(painter, inside, y(3), "program", &program, wizard.at == At::Program);
    }
    let base = match (wizard.dirty, wizard.base.text()) {
        (true, _) => Field::shown("HEAD and what is not committed yet"),
        (false, "") if wizard.at != At::Base => Field::shown("HEAD"),
        _ => wizard.typed(At::Base, &wizard.base),
    };
    let several = match (wizard.is_field(), wizard.at) {
        (false, at) if at != At::Candidates => Field::shown("none: that engine drafts alone"),
        _ => wizard.typed(At::Candidates, &wizard.candidates),
    };
    draw_field(painter, inside, y(3 + more), "candidates", &several, wizard.at == At::Candidates);
    draw_field(painter, inside, y(4 + more), "base", &base, wizard.at == At::Base);
    let help = match wizard.at {
        At::Goal => "In words: simplify, fix bugs, what a model shall do; or an issue's URL",
        At::Repository => "A path on this machine, or a URL. Nothing of it is changed.",
        At::Engine => "Space changes it",
        At::Program if ENGINES[wizard.engine] == Some(EngineKind::Agent) => {
            "claude api.anthropic.com: an agent, then the hosts that it may reach (paraph help agents)"
        }
        At::Program => "ruff, clippy-fix, gofmt, or a command line of your own (paraph help agents)",
        At::Candidates => "Two at least, side by side: rules llm:openai/gpt-4.1 command:ruff",
        At::Base => "A revision; empty: HEAD; Space: with uncommitted work",
        At::Start if !wizard.estimate.is_empty() => wizard.estimate.as_str(),
        At::Start => "Enter starts the session; it runs on while you leave",
    };
    let start = if wizard.at == At::Start { "▸ start" } else { "  start" };
    painter.text(inside.x, y(5 + more), 12, start, if wizard.at == At::Start { Role::Approve } else { Role::Muted });
    if roomy {
        let text = if wizard.wrong.is_empty() { help } else { wizard.wrong.as_str() };
        let role = if wizard.wrong.is_empty() { Role::Muted } else { Role::Error };
        // one line where each line counts two, else what is left above the keys
        let help = if roomy { 1 } else { inside.height - 7 };
        painter.wrapped(Rect { y: row(inside.height - 1 - help), height: help, ..inside }, text, role);
        painter.runs(
            inside.x,
            row(inside.height - 1),
            inside.width,
            &[
                Run::new("Enter", Role::Key),
                Run::new(" next   ", Role::KeyLabel),
                Run::new("^e", Role::Key),
                Run::new(" editor   ", Role::KeyLabel),
                Run::new("^s", Role::Key),
                Run::new(" start   ", Role::KeyLabel),
                Run::new("Esc", Role::Key),
                Run::new(" drop   ", Role::KeyLabel),
                Run::new("Tab", Role::Key),
                Run::new(" field", Role::KeyLabel),
            ],
        );
    }
    if matches!(wizard.at, At::Engine | At::Start) {
        painter.cursor = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(place: &str, folder: Option<&str>, expected: Option<Source>) {
        let mut wizard = Wizard::new(Some(place));
        wizard.goal = Field::new("fix it");
        let request = wizard.request(folder.map(Path::new));
        assert_eq!(request.map(|run| run.repositories[0].source.clone()), expected, "{place}");
        assert_eq!(wizard.wrong.is_empty(), expected.is_some(), "{}", wizard.wrong);
    }

    #[test]
    fn a_relative_path_begins_where_the_program_was_started() {
        let path = |path: &str| Some(Source::Path(HostPath::new(path)));
        let url = |url: &str| Some(Source::Url(url.to_owned()));
        check("core", Some("/home/ada"), path("/home/ada/core"));
        check("../core", Some("/home/ada"), path("/home/ada/../core"));
        check("/srv/core", Some("/home/ada"), path("/srv/core"));
        check("/srv/core", None, path("/srv/core"));
        check("core", None, None);
        check("https://example.org/a.git", Some("/home/ada"), url("https://example.org/a.git"));
        check("git@example.org:a.git", None, url("git@example.org:a.git"));
    }
}
