//! `paraph log`

use std::io::{Read as _, Seek as _, SeekFrom};

use futures::StreamExt as _;
use serde_json::{Value, json};

use crate::api::{Failure, FailureKind, ListRequest, LogRequest, LogView, Notice, Service, status_word};
use crate::cli::desk::Desk;
use crate::cli::ended::{DONE, Done, Ended};
use crate::cli::output::{Role, Text};
use crate::id::{HostPath, SessionId, SessionRef};

/// The longest word that is shown before it is known to have ended. // 12: shorter than any key
const SHORT_WORD: usize = 12;

/// How often a file that grows is looked at while it is followed: what a person does not notice.
const LOOK_EVERY: std::time::Duration = std::time::Duration::from_millis(25);

/// Prints the output of a session's checks
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The session, or a version of it, such as 12 or 12@v3
    #[arg(value_name = "ID[@vN]")]
    session: SessionRef,
    /// Only this check
    #[arg(long, value_name = "NAME")]
    check: Option<String>,
    /// The output on the base instead
    #[arg(long)]
    base: bool,
    /// Follow the checks that run until they end
    #[arg(long, short)]
    follow: bool,
}

pub(crate) async fn execute(args: Args, desk: &mut Desk) -> Done {
    let service = desk.service().await?;
    let notices = if args.follow { Some(service.notices().await?) } else { None };
    let request = LogRequest { session: args.session, check: args.check.clone() };
    let logs = desk.ask_on(service.as_ref(), request.clone()).await?;
    if desk.out.json() {
        return as_json(&logs, args.base, desk);
    }
    if !args.follow {
        desk.page()?;
    }
    let titled = logs.len() > 1;
    for log in &logs {
        title(log, titled, desk)?;
        match (body(log, args.base), &log.live) {
            (Some(digest), _) => {
                let bytes = desk.world.blobs.read(&digest)?;
                desk.out.log(&bytes)?;
            }
            (None, Some(live)) if !args.follow => {
                let mut tail = Tail::new(live);
                tail.print(desk)?;
            }
            _ => {}
        }
    }
    if logs.is_empty() && !args.follow {
        desk.out.say("no check has run yet");
    }
    if let Some(notices) = notices {
        follow(service.as_ref(), notices, request, &logs, desk).await?;
    }
    Ok(DONE)
}

fn body(log: &LogView, base: bool) -> Option<crate::id::Digest> {
    if base { log.base_log } else { log.log }
}

fn title(log: &LogView, titled: bool, desk: &mut Desk) -> Result<(), Ended> {
    let line = Text::new().role(Role::Strong, format!("==> {} ", log.check));
    let line = line.plain(format!("{} · {} <==", log.repo, status_word(log.status)));
    if titled {
        return desk.out.line(line);
    }
    desk.out.say(line);
    Ok(())
}

/// Prints what grows until nothing runs any more.
async fn follow(
    service: &dyn Service,
    mut notices: crate::api::NoticeStream,
    request: LogRequest,
    logs: &[LogView],
    desk: &mut Desk,
) -> Result<(), Ended> {
    let mut tails: Vec<Tail> = logs.iter().filter_map(|log| log.live.as_ref()).map(Tail::new).collect();
    // a model's words are its draft
    let is_draft = |name: &str, check: &str| name == "draft" && check.starts_with("model ");
    let wanted = |check: &str| request.check.as_deref().is_none_or(|name| name == check || is_draft(name, check));
    let session = request.session.session;
    for tail in &mut tails {
        tail.print(desk)?;
    }
    // what was only just asked for has nothing yet that grows
    let mut running = !tails.is_empty() || is_at_work(service, session, desk).await?;
    let mut paused = false;
    while running {
        desk.out.flush()?;
        let notice = tokio::select! {
            notice = notices.next() => notice,
            () = tokio::time::sleep(LOOK_EVERY), if !tails.is_empty() => {
                for tail in &mut tails {
                    tail.print(desk)?;
                }
                continue;
            }
            _ = tokio::signal::ctrl_c() => return Err(Failure::new(FailureKind::Interrupted, "interrupted").into()),
        };
        match notice {
            Some(Notice::LogGrew { session: of, check, log, .. }) if of == session && wanted(&check) => {
                if !tails.iter().any(|tail| tail.file == log) {
                    desk.out.say(Text::new().role(Role::Strong, format!("==> {check} <==")));
                    tails.push(Tail::new(&log));
                }
                for tail in tails.iter_mut().filter(|tail| tail.file == log) {
                    tail.print(desk)?;
                }
            }
            Some(Notice::CheckFinished { session: of, check, .. }) if of == session && wanted(&check.name) => {
                for tail in &mut tails {
                    tail.print(desk)?;
                }
                desk.out.say(crate::cli::session_text::check_line(&check));
                let now = desk.ask_on(service, request.clone()).await?;
                running = now.iter().any(|log| log.live.is_some()) || is_at_work(service, session, desk).await?;
            }
            Some(Notice::SessionChanged { row }) if row.id == session => {
                if row.paused && !paused {
                    desk.out.say(format!("{session} is paused; paraph resume {session}, and this goes on"));
                }
                paused = row.paused;
                running = row.running || row.paused;
            }
            Some(Notice::Missed) => {
                for tail in &mut tails {
                    tail.print(desk)?;
                }
            }
            Some(_) => {}
            None => running = false,
        }
    }
    Ok(())
}

/// Whether work of the session goes on.
async fn is_at_work(service: &dyn Service, session: SessionId, desk: &Desk) -> Result<bool, Ended> {
    let request = ListRequest { state: None, limit: Some(1), before: Some(SessionId(session.0.saturating_add(1))) };
    let list = desk.ask_on(service, request).await?;
    Ok(list.sessions.iter().any(|row| row.id == session && row.running))
}

/// A file that grows, and how much of it was printed.
struct Tail {
    file: HostPath,
    /// Kept open: when its check ends the file becomes a blob, or is gone, and its last words are still to be read.
    open: Option<std::fs::File>,
    /// Where the first line begins that has not been printed whole.
    at: u64,
    /// What of that line is printed.
    shown: String,
}

impl Tail {
    fn new(file: &HostPath) -> Self {
        Self { file: file.clone(), open: std::fs::File::open(file.as_path()).ok(), at: 0, shown: String::new() }
    }

    fn print(&mut self, desk: &mut Desk) -> Result<(), Ended> {
        // one that was gone before it was opened has nothing more to tell here
        let Some(file) = &mut self.open else { return Ok(()) };
        // looked at before it is read: what it holds then is all
        let has_ended = !self.file.as_path().exists();
        let mut bytes = Vec::new();
        if file.seek(SeekFrom::Start(self.at)).and_then(|_| file.read_to_end(&mut bytes)).is_err() {
            return Ok(());
        }
        if has_ended {
            self.open = None;
            if !matches!(bytes.last(), None | Some(b'\n')) {
                bytes.push(b'\n');
            }
        }
        let lines = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        let (whole, begun) = bytes.split_at(lines);
        let first = whole.iter().position(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        let (first, others) = whole.split_at(if self.shown.is_empty() { 0 } else { first });
        if !first.is_empty() {
            desk.out.log_begun(first, &mut self.shown)?;
            self.shown.clear();
        }
        if !others.is_empty() {
            desk.out.log(others)?;
        }
        let fit = &begun[..fit_to_print(begun)];
        if !fit.is_empty() {
            desk.out.log_begun(fit, &mut self.shown)?;
        }
        self.at += lines as u64;
        desk.out.flush()
    }
}

/// How much of a line that has not ended can be printed: words as they are streamed, but no torn character and no torn
/// escape sequence. A word that may become a secret is waited for.
fn fit_to_print(begun: &[u8]) -> usize {
    // colours come from programs that print lines; models stream words
    if begun.contains(&0x1b) || begun.contains(&b'\r') {
        return 0;
    }
    let whole = match std::str::from_utf8(begun) {
        Err(error) if error.error_len().is_none() => error.valid_up_to(),
        _ => begun.len(),
    };
    let is_of_keys = |byte: &u8| byte.is_ascii_alphanumeric() || b"_-+/=.".contains(byte);
    let word = begun[..whole].iter().rposition(|byte| !is_of_keys(byte)).map_or(0, |end| end + 1);
    let last = &begun[word..whole];
    let is_short = last.len() <= SHORT_WORD && last.iter().all(u8::is_ascii_alphabetic);
    if is_short { whole } else { word }
}

fn as_json(logs: &[LogView], base: bool, desk: &mut Desk) -> Done {
    let mut objects = Vec::with_capacity(logs.len());
    for log in logs {
        let mut object = serde_json::to_value(log).expect("plain data serialises");
        object["text"] = match body(log, base) {
            Some(digest) => String::from_utf8_lossy(&desk.world.blobs.read(&digest)?).into_owned().into(),
            None => Value::Null,
        };
        objects.push(object);
    }
    desk.out.object(&json!({"schema": "paraph.log/1", "logs": objects}))?;
    Ok(DONE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(bytes: &[u8], printed: &[u8]) {
        assert_eq!(&bytes[..fit_to_print(bytes)], printed);
    }

    #[test]
    fn words_are_shown_as_they_come_and_nothing_is_torn() {
        check(b"I", b"I");
        check(b"I say so", b"I say so");
        check("caf\u{e9}".as_bytes(), "caf\u{e9}".as_bytes());
        check(&"caf\u{e9}".as_bytes()[..4], b"caf");
        check(b"a \x1b[3", b"");
        check(b"12 %\r", b"");
        check(b"the key is sk-ant-0123", b"the key is ");
        check("\u{6f22}\u{5b57}".as_bytes(), "\u{6f22}\u{5b57}".as_bytes());
        check(b"antidisestablishmentarianism", b"");
    }
}
