//! `paraph comment`

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt as _;

use crate::api::{CommentRequest, Side, ThreadKind, ThreadView};
use crate::cli::decision::Reason;
use crate::cli::desk::Desk;
use crate::cli::ended::{DONE, Done, usage};
use crate::cli::output::Text;
use crate::cli::verbs::diff::Against;
use crate::id::{RepoPath, SessionRef, ThreadId};

/// Comments on a line, a range, a file, a whole version or a document, or answers in a thread
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The version that was read, such as 12@v3
    #[arg(value_name = "ID@vN")]
    session: SessionRef,
    /// The file; without it the comment is about the whole version
    #[arg(long, value_name = "F")]
    file: Option<OsString>,
    /// The line, or a range such as 10-14, on --side
    #[arg(long, value_name = "L", requires = "file", value_parser = lines)]
    line: Option<(u32, u32)>,
    /// The side that lines count on
    #[arg(long, value_name = "old|new", default_value = "new", value_parser = ["old", "new"])]
    side: String,
    /// What it was compared with, as for `paraph diff`: --side old is the left side of that
    #[arg(long, value_name = "base|vM|last", default_value = "base", requires = "line")]
    against: Against,
    /// A document of the session instead of a version, as `paraph artifacts` names it
    #[arg(long, value_name = "NAME", conflicts_with_all = ["file", "line", "thread", "repo"])]
    artifact: Option<String>,
    /// What it is meant as: issue, question, nit, must
    #[arg(long, default_value = "issue", value_parser = ["issue", "question", "nit", "must"])]
    kind: String,
    /// Answer in this thread
    #[arg(long, value_name = "N", conflicts_with_all = ["file", "line"])]
    thread: Option<u32>,
    /// The repository's name, where the version changes several
    #[arg(long, value_name = "NAME")]
    repo: Option<String>,
    #[command(flatten)]
    words: Reason,
}

/// `10` or `10-14`.
fn lines(text: &str) -> Result<(u32, u32), String> {
    let (from, to) = text.split_once('-').unwrap_or((text, text));
    match (from.parse(), to.parse()) {
        (Ok(from), Ok(to)) if 0 < from && from <= to => Ok((from, to)),
        _ => Err(format!("`{text}` is not a line or a range of lines, such as 10 or 10-14")),
    }
}

pub(crate) async fn execute(args: Args, desk: &mut Desk) -> Done {
    let text = args.words.take(desk)?.unwrap_or_default();
    if text.trim().is_empty() {
        return Err(usage("the comment is empty").hint("-m TEXT, or -F FILE").into());
    }
    let request = CommentRequest {
        session: args.session,
        repo: args.repo,
        thread: args.thread.map(ThreadId),
        artifact: args.artifact,
        path: args.file.map(|file| RepoPath::from_bytes(file.into_vec())),
        line: args.line.map(|(_, to)| to),
        from_line: args.line.filter(|(from, to)| from < to).map(|(from, _)| from),
        side: if args.side == "old" { Side::Old } else { Side::New },
        against: args.against.0,
        kind: match args.kind.as_str() {
            "question" => ThreadKind::Question,
            "nit" => ThreadKind::Nit,
            "must" => ThreadKind::Must,
            _ => ThreadKind::Issue,
        },
        text,
    };
    let thread = desk.ask(request).await?;
    print(&thread, desk)
}

/// The thread as it is now.
pub(crate) fn print(thread: &ThreadView, desk: &mut Desk) -> Done {
    if desk.out.json() {
        let mut object = serde_json::to_value(thread).expect("plain data serialises");
        object["schema"] = "paraph.thread/1".into();
        desk.out.object(&object)?;
        return Ok(DONE);
    }
    let word = if thread.resolved { "resolved" } else { "open" };
    let on = match &thread.artifact {
        Some(name) => format!("document {name}"),
        None => format!("{} {}", thread.version, place(thread)),
    };
    desk.out.line(Text::from(format!("thread {} {word} on {on}", thread.id.0)))?;
    Ok(DONE)
}

/// Where a thread stands: `src/a.rs:10`, `src/a.rs`, or nothing for a whole version.
pub(crate) fn place(thread: &ThreadView) -> String {
    let Some(path) = &thread.path else { return String::new() };
    let side = if thread.side == Side::Old { " (old side)" } else { "" };
    match (thread.from_line, thread.line) {
        (Some(from), Some(to)) if from < to => format!("{path}:{from}-{to}{side}"),
        (_, Some(line)) => format!("{path}:{line}{side}"),
        _ => path.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::lines;

    #[track_caller]
    fn check(text: &str, expected: Option<(u32, u32)>) {
        assert_eq!(lines(text).ok(), expected, "{text}");
    }

    #[test]
    fn lines_and_ranges_are_read() {
        check("10", Some((10, 10)));
        check("10-14", Some((10, 14)));
        check("0", None);
        check("14-10", None);
        check("-3", None);
        check("x", None);
    }
}
