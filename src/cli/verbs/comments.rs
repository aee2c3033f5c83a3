//! `paraph comments`

use std::collections::BTreeMap;

use crate::api::{
    AgainstRequest, PatchSetRequest, PatchSetView, PlaceNow, SessionView, ShowRequest, Side, ThreadKind, ThreadView,
    ThreadsRequest, Verdict,
};
use crate::cli::desk::Desk;
use crate::cli::ended::{DONE, Done, Ended};
use crate::cli::output::{Role, Text};
use crate::cli::session_text::minute;
use crate::cli::verbs::comment::place;
use crate::id::{RepoPath, SessionRef, Version};
use crate::text::{Untrusted, counted};

/// Lists the threads of a version with earlier ones still open, or hands them to an agent as a prompt
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The session, or a version of it, such as 12 or 12@v3
    #[arg(value_name = "ID[@vN]")]
    session: SessionRef,
    /// text for people, json, or prompt: open threads as instructions with file, line and the code they are about
    #[arg(long, value_name = "FORMAT", default_value = "text", value_parser = ["text", "json", "prompt"])]
    format: String,
}

pub(crate) async fn execute(args: Args, desk: &mut Desk) -> Done {
    let service = desk.service().await?;
    let view = desk.ask_on(service.as_ref(), ThreadsRequest { session: args.session, on: None }).await?;
    if desk.out.json() || args.format == "json" {
        desk.out.object(&serde_json::to_value(&view).expect("plain data serialises"))?;
        return Ok(DONE);
    }
    if args.format == "text" {
        for thread in &view.threads {
            text(thread, desk)?;
        }
        for draft in &view.drafts {
            let head = Text::new().role(Role::Warn, "draft ").role(Role::Mark, kind_word(draft.kind));
            let line = draft.line.map(|line| format!(":{line}")).unwrap_or_default();
            let path = draft.path.as_ref().map(ToString::to_string).unwrap_or_default();
            let now = place_now(draft.now.as_ref(), draft.path.as_ref(), draft.line);
            desk.out.line(head.plain(format!(" {} {path}{line}{now} not sent", draft.version)))?;
            desk.out.paragraph("    ", draft.text.raw())?;
        }
        if view.threads.is_empty() && view.drafts.is_empty() {
            desk.out.say("no comments");
        }
        return Ok(DONE);
    }
    let open: Vec<&ThreadView> = view.threads.iter().filter(|thread| !thread.resolved).collect();
    let mut versions: BTreeMap<Version, Vec<PatchSetView>> = BTreeMap::new();
    for thread in open.iter().filter(|thread| thread.path.is_some()) {
        if let std::collections::btree_map::Entry::Vacant(missing) = versions.entry(thread.version) {
            let session = SessionRef { session: args.session.session, version: Some(thread.version) };
            let request = PatchSetRequest { session, repo: None, against: AgainstRequest::Base };
            missing.insert(desk.ask_on(service.as_ref(), request).await?);
        }
    }
    desk.out.mask_always();
    let of = SessionRef { session: args.session.session, version: None };
    let view = desk.ask_on(service.as_ref(), ShowRequest { session: of }).await?;
    let word = asked_changes(&view, args.session.version);
    let id = view.id;
    let next = match view.engine.as_str() {
        "adopt" => format!("commit, and say so; `paraph adopt` then makes the next version of session {id}"),
        _ => format!(
            "say so; `paraph regenerate {id} --patch FILE` makes the next version of your diff against the base"
        ),
    };
    prompt(args.session, &open, &word, &versions, &next, desk)?;
    Ok(DONE)
}

/// What was said where changes were asked for, of the version or of the newest one.
fn asked_changes(view: &SessionView, version: Option<Version>) -> Vec<String> {
    let meant = view.versions.iter().rev().find(|one| version.is_none_or(|version| one.number == version));
    let decisions = meant.into_iter().flat_map(|version| &version.patch_sets).filter_map(|set| set.decision.as_ref());
    let asked = decisions.filter(|decision| decision.verdict == Verdict::RequestChanges);
    let mut words: Vec<String> = asked.map(|decision| decision.message.raw().trim().to_owned()).collect();
    words.retain(|word| !word.is_empty());
    words.dedup(); // one word for all repositories is said once
    words
}

fn kind_word(kind: ThreadKind) -> &'static str {
    match kind {
        ThreadKind::Issue => "issue",
        ThreadKind::Question => "question",
        ThreadKind::Nit => "nit",
        ThreadKind::Must => "must",
    }
}

fn text(thread: &ThreadView, desk: &mut Desk) -> Result<(), Ended> {
    let head = Text::new()
        .role(Role::Strong, format!("#{} ", thread.id.0))
        .role(if thread.kind == ThreadKind::Must { Role::Bad } else { Role::Mark }, kind_word(thread.kind))
        .plain(match &thread.artifact {
            Some(name) => format!(" document {name} "),
            None => format!(
                " {} {}{} ",
                thread.version,
                place(thread),
                place_now(thread.now.as_ref(), thread.path.as_ref(), thread.line)
            ),
        });
    let head = head.role(Role::Plain, " ");
    desk.out.line(if thread.resolved { head.role(Role::Good, "resolved") } else { head.role(Role::Warn, "open") })?;
    if let Some(quoted) = thread.now.as_ref().and_then(|now| now.quoted.as_ref()) {
        desk.out.paragraph("  > ", quoted.raw())?;
    }
    for comment in &thread.comments {
        let by = format!("{} at {}", comment.by, minute(comment.at));
        desk.out.line(Text::new().plain("  ").role(Role::Dim, by))?;
        desk.out.paragraph("    ", comment.text.raw())?;
    }
    Ok(())
}

/// Where a thread or a draft of another version stands in the one that was asked about, where that is not the same line.
fn place_now(now: Option<&PlaceNow>, path: Option<&RepoPath>, line: Option<u32>) -> String {
    let Some(now) = now else { return String::new() };
    let outdated = if now.outdated { ", outdated" } else { "" };
    let near = if now.outdated { "near " } else { "" };
    match (&now.path, now.now_line) {
        (None, _) => format!("{outdated}, not in {}", now.version),
        (Some(there), Some(at)) if Some(there) != path || Some(at) != line || now.outdated => {
            format!("{outdated}, in {} {near}{there}:{at}", now.version)
        }
        (_, _) => outdated.to_owned(),
    }
}

/// Instructions that any agent understands: what to change, where, and how the result comes back.
fn prompt(
    session: SessionRef,
    open: &[&ThreadView],
    word: &[String],
    versions: &BTreeMap<Version, Vec<PatchSetView>>,
    next: &str,
    desk: &mut Desk,
) -> Result<(), Ended> {
    if open.is_empty() && word.is_empty() {
        return desk.out.line(format!("Review of session {session}: no open comments."));
    }
    let mut asks = counted(open.len(), "open comment");
    if !word.is_empty() {
        asks =
            if open.is_empty() { "changes are asked for".to_owned() } else { format!("changes are asked for, {asks}") };
    }
    desk.out.line(format!("Review of session {session}: {asks}. Please address each one."))?;
    for words in [
        "Change only what a comment asks for. Answer a question in words; it asks for no change.",
        "Comments marked `must` come first: approving past one of them takes a reason.",
        "Quoted code shows the reviewed version; line numbers count in that version.",
    ] {
        desk.out.line(format!("- {words}"))?;
    }
    if !word.is_empty() {
        desk.out.line("")?;
        desk.out.line("## The whole change")?;
    }
    for word in word {
        desk.out.line("")?;
        desk.out.paragraph("", word)?;
    }
    for thread in open {
        let place = place(thread);
        let place = match &thread.artifact {
            Some(name) => format!("the document `{name}`"),
            None if place.is_empty() => "the whole change".to_owned(),
            None => place,
        };
        desk.out.line("")?;
        let now = place_now(thread.now.as_ref(), thread.path.as_ref(), thread.line);
        desk.out.line(format!("## {}. {place} ({}){now}", thread.id.0, kind_word(thread.kind)))?;
        let quoted = quote(thread, versions.get(&thread.version).map_or(&[], Vec::as_slice), desk)?;
        if !quoted.is_empty() {
            let fence = fence_for(&quoted);
            let language = thread.path.as_ref().and_then(|path| path.extension()).unwrap_or_default().to_owned();
            desk.out.line("")?;
            desk.out.line(format!("{fence}{language}"))?;
            for line in &quoted {
                desk.out.line(line)?;
            }
            desk.out.line(&fence)?;
        }
        desk.out.line("")?;
        for comment in &thread.comments {
            let words = desk.out.masked(comment.text.raw().as_bytes()).into_owned();
            let words = Untrusted::new(String::from_utf8_lossy(&words));
            let words = words.display();
            for line in words.as_str().lines() {
                desk.out.line(format!("> {line}"))?;
            }
        }
    }
    desk.out.line("")?;
    desk.out.line(format!("When you are done, {next}."))
}

/// The lines that a thread is about, made printable; none where the file is not part of the change.
fn quote(thread: &ThreadView, sets: &[PatchSetView], desk: &Desk) -> Result<Vec<String>, Ended> {
    let (Some(path), Some(to)) = (&thread.path, thread.line) else { return Ok(Vec::new()) };
    let file =
        sets.iter().filter(|set| set.repo == thread.repo).flat_map(|set| &set.files).find(|file| file.path == *path);
    let side = file.filter(|file| !file.binary).and_then(|file| match thread.side {
        Side::Old => file.old.as_ref(),
        Side::New => file.new.as_ref(),
    });
    let Some(side) = side else { return Ok(Vec::new()) };
    let from = thread.from_line.unwrap_or(to).max(1);
    let bytes = desk.world.blobs.read(&side.digest)?;
    let shown = desk.out.masked(&bytes);
    let text = String::from_utf8_lossy(&shown);
    let lines = text.lines().skip(from as usize - 1).take((to.saturating_sub(from) + 1) as usize);
    Ok(lines.map(|line| Untrusted::new(line).display_line().to_string()).collect())
}

/// A fence longer than any run of backticks in the quoted lines, so that code cannot end its own quotation.
fn fence_for(lines: &[String]) -> String {
    let longest = |line: &String| line.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    "`".repeat(lines.iter().map(longest).max().unwrap_or(0).max(2) + 1)
}

#[cfg(test)]
mod tests {
    use super::fence_for;

    #[test]
    fn code_cannot_end_its_own_quotation() {
        assert_eq!(fence_for(&["let x;".to_owned()]), "```");
        assert_eq!(fence_for(&["```` end".to_owned(), "`".to_owned()]), "`````");
    }
}
