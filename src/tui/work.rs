//! Work off the screen's thread: requests, blobs, diffs, colours; each ends in one message.

use std::borrow::Cow;
use std::io::{self, Write as _};
use std::path::Path;
use std::sync::{Arc, OnceLock};

use tokio::runtime::Handle;
use tokio::sync::mpsc;

use super::diff_view::{Colors, Doc};
use super::log_text::LogPage;
use super::model::{DocKey, DocSource, HunkSource, HunkText, LogKey, LogSource, Msg, PeekSource, Task};
use super::search::FileSearch;
use super::shell::{ReadIssue, TuiOptions};
use crate::api::{
    BlobStore, Call, ClientInfo, CriterionView, Failure, FailureKind, IssueSource, MonitorView, Notice, Reply,
    ReviewView, RunbookView, Service, SessionRow,
};
use crate::diff::{DiffOptions, FileChange, FileDiff, FileSide, unified};
use crate::id::{Digest, Ids, RequestId};
use crate::syntax::Syntax;
use crate::text::{SecretMask, Untrusted};

/// The end of a document that is shown: nobody reads more of one on a screen.
const TAIL: u64 = 512 << 10;

/// Starts tasks and sends what they end in.
pub(crate) struct Worker {
    service: Arc<dyn Service>,
    client: ClientInfo,
    blobs: BlobStore,
    ids: Arc<dyn Ids>,
    /// Made by the first file that is coloured: its queries take longer to compile than the screens to start.
    syntax: Arc<OnceLock<Syntax>>,
    mask: Arc<SecretMask>,
    issues: Option<ReadIssue>,
    messages: mpsc::UnboundedSender<Msg>,
    outside: Handle,
}

impl Worker {
    /// Works on the runtime `outside`.
    pub(crate) fn new(
        service: Arc<dyn Service>,
        options: &TuiOptions,
        messages: mpsc::UnboundedSender<Msg>,
        outside: Handle,
    ) -> Self {
        Self {
            service,
            client: options.client.clone(),
            blobs: options.blobs.clone(),
            ids: options.ids.clone(),
            syntax: Arc::default(),
            mask: options.mask.clone(),
            issues: options.issues.clone(),
            messages,
            outside,
        }
    }

    /// Starts `task`. Tasks of the terminal are the shell's own.
    pub(crate) fn start(&self, task: Task) {
        let messages = self.messages.clone();
        let blobs = self.blobs.clone();
        let mask = self.mask.clone();
        // a message nobody hears any more is no error: the screen is closed
        match task {
            Task::Ask(ticket, request) => {
                let (service, client) = (self.service.clone(), self.client.clone());
                let call = Call { id: RequestId(self.ids.uuid()), client, request };
                self.outside.spawn(async move {
                    let reply = service.call(call).await.map(|reply| masked(&mask, reply));
                    let _ = messages.send(Msg::Answer(ticket, Box::new(reply)));
                });
            }
            Task::Diff(key, source) => self.work(messages, move || load(&blobs, key, &source, &mask)),
            Task::Survey(key, source) => self.work(messages, move || survey(&blobs, key, &source)),
            Task::Weigh(key, now, before) => self.work(messages, move || weigh(&blobs, key, &now, before.as_ref())),
            Task::Search(search) => self.work(messages, move || look_for(&blobs, search, &mask)),
            Task::Color(key, doc) => {
                let syntax = self.syntax.clone();
                self.work(messages, move || {
                    Msg::Colored(key, Arc::new(Colors::of(&doc, syntax.get_or_init(Syntax::new))))
                });
            }
            Task::ReadBlob(key, digest) => self.work(messages, move || {
                let text = blobs.read(&digest).map(|bytes| {
                    let from = bytes.len().saturating_sub(usize::try_from(TAIL).unwrap_or(usize::MAX));
                    shown(&mask, &bytes[from..])
                });
                Msg::Text(key, text)
            }),
            Task::ReadLog(key, source, wanted) => {
                self.work(messages, move || log_page(&blobs, &mask, key, source, wanted));
            }
            Task::Peek(asked, line, source) => {
                let syntax = self.syntax.clone();
                self.work(messages, move || peek(&blobs, asked, line, source, &mask, syntax.get_or_init(Syntax::new)));
            }
            Task::Outline(asked, doc, side) => {
                let syntax = self.syntax.clone();
                self.work(messages, move || {
                    let items = doc.outline(side, syntax.get_or_init(Syntax::new));
                    Msg::Outlined(asked, doc, side, items)
                });
            }
            Task::ReadIssue(url) => {
                let issues = self.issues.clone();
                self.outside.spawn(async move {
                    let read =
                        match issues {
                            Some(read) => read(url.clone()).await,
                            None => Err(Failure::new(FailureKind::Refused, "no issue is read here")
                                .hint("paraph run --issue URL")),
                        };
                    let kept = read.and_then(|(source, text)| keep_issue(&blobs, &mask, source, &text));
                    let _ = messages.send(Msg::Issue(url, kept));
                });
            }
            Task::HunkText(source) => self.work(messages, move || hunk_text(&blobs, &source, &mask)),
            Task::Copy(_)
            | Task::EditFile(..)
            | Task::EditText(_)
            | Task::Bell
            | Task::Redraw
            | Task::Suspend
            | Task::Quit => {}
        }
    }

    fn work(&self, messages: mpsc::UnboundedSender<Msg>, job: impl FnOnce() -> Msg + Send + 'static) {
        self.outside.spawn_blocking(move || {
            let _ = messages.send(job());
        });
    }
}

/// Keeps the text of an issue where the service finds it; gives the source that names it, and what its title shows.
pub(crate) fn keep_issue(
    blobs: &BlobStore,
    mask: &SecretMask,
    source: IssueSource,
    text: &str,
) -> Result<(Box<IssueSource>, Untrusted), Failure> {
    let text = blobs.write(text.as_bytes())?;
    let title = Untrusted::new(mask.hide_text(source.title.raw()).into_owned());
    Ok((Box::new(IssueSource { text, ..source }), title))
}

type Sides = (Arc<[u8]>, Arc<[u8]>);

fn sides(blobs: &BlobStore, source: &DocSource) -> Result<Sides, Failure> {
    let side = |digest: Option<Digest>| match digest {
        Some(digest) => blobs.read(&digest).map(Arc::from),
        None => Ok(Arc::from([].as_slice())),
    };
    Ok((side(source.old)?, side(source.new)?))
}

pub(crate) fn load(blobs: &BlobStore, key: DocKey, source: &DocSource, mask: &SecretMask) -> Msg {
    let doc = sides(blobs, source).map(|(old, new)| Arc::new(Doc::compare(&source.path, old, new, mask)));
    Msg::Doc(key, doc)
}

/// The first of some files that shows a text; one that cannot be read shows none.
pub(crate) fn look_for(blobs: &BlobStore, search: Box<FileSearch>, mask: &SecretMask) -> Msg {
    let found = search.run(|source| {
        let (old, new) = sides(blobs, source).ok()?;
        Some(Doc::compare(&source.path, old, new, mask))
    });
    Msg::Searched(search, found)
}

/// A whole file, coloured around a line.
pub(crate) fn peek(
    blobs: &BlobStore,
    asked: u32,
    line: u32,
    source: PeekSource,
    mask: &SecretMask,
    syntax: &Syntax,
) -> Msg {
    let doc = match source {
        PeekSource::Side(doc, side) => Ok(doc.side(side)),
        PeekSource::Blob(path, digest) => {
            blobs.read(&digest).map(|content| Doc::whole(&path, Arc::from(content), mask))
        }
    };
    Msg::Peeked(
        asked,
        doc.map(|doc| {
            let colors = Colors::around(&doc, line, syntax);
            (Arc::new(doc), Arc::new(colors))
        }),
    )
}

/// A hunk as a diff of its own, on what the file is without it: what a person edits, and what is placed again.
pub(crate) fn hunk_text(blobs: &BlobStore, source: &HunkSource, mask: &SecretMask) -> Msg {
    let made = sides(blobs, &source.file).and_then(|(old, new)| {
        let path = &source.file.path;
        let diff = FileDiff::compute(&old, &new, &DiffOptions::default());
        let keys = diff.hunk_keys(path, &old, &new);
        let place = |key: &Digest| keys.iter().position(|known| known == key);
        let gone = Failure::new(FailureKind::NotFound, "the hunk is not there any more");
        let hunk = place(&source.hunk).ok_or(gone)?;
        let mut left_out: Vec<usize> = source.left_out.iter().filter_map(place).collect();
        let wanted = diff.without_hunks(&left_out, &old, &new);
        left_out.push(hunk);
        let before = diff.without_hunks(&left_out, &old, &new);
        let nothing = source.file.old.is_none() && left_out.len() == keys.len();
        let change = FileChange {
            path: path.clone(),
            old: (!nothing).then(|| FileSide::regular(before)),
            new: Some(FileSide::regular(wanted)),
        };
        let mut written = Vec::new();
        unified::write_file(&change, &unified::WriteOptions::default(), &mut written);
        let written = String::from_utf8(written).map_err(|_| {
            Failure::new(FailureKind::Refused, "the hunk is no UTF-8: `paraph regenerate --patch` takes any")
        })?;
        let secret = matches!(mask.hide_text(&written), Cow::Owned(_));
        Ok(HunkText { diff: format!("{EDIT_NOTE}{written}"), secret })
    });
    Msg::Hunk(source.hunk, made)
}

/// What the editor shows above a hunk.
const EDIT_NOTE: &str = "\
# Change, add or delete lines that begin with +. Leave the others as they are.
# Counts after @@ are mended, lines that begin with # are dropped. Nothing changed: nothing happens.
";

/// A document as it may be shown.
pub(crate) fn shown(mask: &SecretMask, bytes: &[u8]) -> String {
    String::from_utf8_lossy(&mask.hide(bytes)).into_owned()
}

/// The answer with secrets hidden in what people and engines wrote.
pub(crate) fn masked(mask: &SecretMask, mut reply: Reply) -> Reply {
    let hide = |text: &mut Untrusted| {
        if let Cow::Owned(hidden) = mask.hide_text(text.raw()) {
            *text = Untrusted::new(hidden);
        }
    };
    match &mut reply {
        Reply::Threads(view) => {
            view.threads.iter_mut().flat_map(|thread| &mut thread.comments).for_each(|comment| hide(&mut comment.text));
            let now = view.threads.iter_mut().map(|thread| &mut thread.now);
            let now = now.chain(view.drafts.iter_mut().map(|draft| &mut draft.now)).flatten();
            now.filter_map(|now| now.quoted.as_mut()).for_each(hide);
            // one's own unsent words come back as they were typed: they are sent on as they stand
        }
        Reply::List(list) => list.sessions.iter_mut().for_each(|row| hide_row(mask, row)),
        Reply::Panel(panel) => {
            hide(&mut panel.goal);
            panel.violations.iter_mut().for_each(|violation| hide(&mut violation.message));
            panel.gates.iter_mut().for_each(|gate| hide(&mut gate.evidence));
            panel.criteria.iter_mut().for_each(|criterion| hide_criterion(mask, criterion));
            panel.reviews.iter_mut().for_each(|review| hide_review(mask, review));
            panel.runbook.iter_mut().for_each(|runbook| hide_runbook(mask, runbook));
        }
        Reply::Compare(view) => {
            hide(&mut view.goal);
            for one in &mut view.candidates {
                hide(&mut one.reason);
                one.checks.iter_mut().for_each(|check| hide(&mut check.note));
            }
        }
        Reply::Blame(view) => hide(&mut view.subject),
        Reply::Timeline(view) => view.entries.iter_mut().for_each(|entry| hide(&mut entry.summary)),
        Reply::Show(view)
        | Reply::Run(view)
        | Reply::Adopt(view)
        | Reply::Mark(view)
        | Reply::Triage(view)
        | Reply::Tick(view)
        | Reply::Rewrite(view)
        | Reply::Decide(view)
        | Reply::Override(view)
        | Reply::Regenerate(view)
        | Reply::Check(view)
        | Reply::Derive(view)
        | Reply::Drop(view)
        | Reply::Budget(view)
        | Reply::Cancel(view)
        | Reply::Pause(view)
        | Reply::Resume(view)
        | Reply::Publish(view)
        | Reply::Monitor(view)
        | Reply::Pick(view)
        | Reply::Steer(view) => {
            hide(&mut view.goal);
            hide(&mut view.reason);
            if let Some(issue) = &mut view.issue {
                hide(&mut issue.title);
                issue.labels.iter_mut().for_each(hide);
            }
            view.monitors.iter_mut().for_each(|said| hide_monitor(mask, said));
            for version in &mut view.versions {
                hide(&mut version.explanation);
                version.checks.iter_mut().for_each(|check| hide(&mut check.note));
                version.violations.iter_mut().for_each(|violation| hide(&mut violation.message));
                version.criteria.iter_mut().for_each(|criterion| hide_criterion(mask, criterion));
                version.reviews.iter_mut().for_each(|review| hide_review(mask, review));
                version.runbooks.iter_mut().for_each(|runbook| hide_runbook(mask, runbook));
            }
        }
        _ => {}
    }
    reply
}

/// A criterion as it may be shown.
fn hide_criterion(mask: &SecretMask, criterion: &mut CriterionView) {
    hide_all(mask, [&mut criterion.text, &mut criterion.evidence]);
}

/// What a model says as it may be shown.
fn hide_review(mask: &SecretMask, review: &mut ReviewView) {
    hide_all(mask, review.unusable.iter_mut().chain(&mut review.notes));
}

/// What was said of what was published as it may be shown.
fn hide_monitor(mask: &SecretMask, said: &mut MonitorView) {
    hide_all(mask, said.commands.iter_mut().chain(&mut said.notes).chain(said.unsaid.iter_mut().map(|(_, why)| why)));
    if let Some(report) = &mut said.report {
        let findings = report.findings.iter_mut().flat_map(|finding| [&mut finding.what, &mut finding.quote]);
        hide_all(mask, findings.chain(&mut report.next).chain(&mut report.follow_ups));
    }
}

/// Why there is no runbook as it may be shown.
fn hide_runbook(mask: &SecretMask, runbook: &mut RunbookView) {
    hide_all(mask, runbook.missing.iter_mut().chain(&mut runbook.notes));
}

fn hide_all<'a>(mask: &SecretMask, texts: impl IntoIterator<Item = &'a mut Untrusted>) {
    for text in texts {
        if let Cow::Owned(hidden) = mask.hide_text(text.raw()) {
            *text = Untrusted::new(hidden);
        }
    }
}

/// A row of the inbox as it may be shown.
pub(crate) fn hide_row(mask: &SecretMask, row: &mut SessionRow) {
    hide_all(mask, [&mut row.goal, &mut row.reason]);
}

/// A notice with secrets hidden, as answers are.
pub(crate) fn masked_notice(mask: &SecretMask, mut notice: Notice) -> Notice {
    if let Notice::SessionChanged { row } = &mut notice {
        hide_row(mask, row);
    }
    notice
}

pub(crate) fn survey(blobs: &BlobStore, key: DocKey, source: &DocSource) -> Msg {
    Msg::Surveyed(key, hunk_keys(blobs, source))
}

pub(crate) fn weigh(blobs: &BlobStore, key: DocKey, now: &DocSource, before: Option<&DocSource>) -> Msg {
    let before = before.map(|before| hunk_keys(blobs, before)).unwrap_or_default();
    Msg::Weighed(key, hunk_keys(blobs, now), before)
}

fn hunk_keys(blobs: &BlobStore, source: &DocSource) -> Vec<Digest> {
    // a file that cannot be read says so when it is opened
    sides(blobs, source).map(|(old, new)| Doc::survey(&source.path, &old, &new)).unwrap_or_default()
}

/// The end of a check's output. What a model or an agent says lies in a file that ends with it.
pub(crate) fn log_page(blobs: &BlobStore, mask: &SecretMask, key: LogKey, source: LogSource, wanted: u64) -> Msg {
    let page = match source {
        LogSource::Blob(digest) => blobs.read(&digest).map(|bytes| LogPage::of_blob(mask, &bytes, wanted)),
        LogSource::File(path) => match LogPage::of_file(mask, path.as_path(), wanted) {
            Ok(page) => Ok(page),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Msg::LogGone(path),
            Err(error) => {
                return Msg::Log(key, Err(Failure::new(FailureKind::Failed, format!("cannot read {path}: {error}"))));
            }
        },
    };
    Msg::Log(key, page)
}

/// Runs the editor on a file, at a line, and waits. The terminal must be given back before.
pub(crate) fn edit_file(editor: &str, path: &Path, line: u32) -> io::Result<()> {
    let mut words = editor.split_whitespace();
    let program = words.next().unwrap_or("vi");
    let mut command = std::process::Command::new(program);
    command.args(words);
    let name = Path::new(program).file_name().unwrap_or_default().to_string_lossy().into_owned();
    match name.as_str() {
        "code" | "codium" | "zed" | "subl" | "hx" | "helix" => {
            let mut target = path.as_os_str().to_owned();
            target.push(format!(":{line}"));
            if name == "code" || name == "codium" {
                command.arg("--goto");
            }
            command.arg(target);
        }
        _ => {
            command.arg(format!("+{line}")).arg(path);
        }
    }
    command.status().map(drop)
}

/// Lets a person write `text` in the editor; `None` where the editor failed.
pub(crate) fn edit_text(editor: &str, text: &str) -> io::Result<Option<String>> {
    let suffix = if text.starts_with(EDIT_NOTE) { ".diff" } else { ".md" };
    let mut file = tempfile::Builder::new().prefix("paraph-").suffix(suffix).tempfile()?;
    file.write_all(text.as_bytes())?;
    file.flush()?;
    let mut words = editor.split_whitespace();
    let mut command = std::process::Command::new(words.next().unwrap_or("vi"));
    let status = command.args(words).arg(file.path()).status()?;
    if !status.success() {
        return Ok(None);
    }
    std::fs::read_to_string(file.path()).map(Some)
}
