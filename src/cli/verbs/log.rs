//! `paraph log`

use std::io::{Read as _, Seek as _, SeekFrom};

use futures::StreamExt as _;
use serde_json::{Value, json};

use crate::api::{Failure, FailureKind, LogRequest, LogView, Notice, Service, status_word};
use crate::cli::desk::Desk;
use crate::cli::ended::{DONE, Done, Ended};
use crate::cli::output::{Role, Text};
use crate::id::{HostPath, SessionRef};

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
    if logs.is_empty() {
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
    let wanted = |check: &str| request.check.as_deref().is_none_or(|name| name == check);
    let session = request.session.session;
    for tail in &mut tails {
        tail.print(desk)?;
    }
    let mut running = !tails.is_empty();
    while running {
        desk.out.flush()?;
        let notice = tokio::select! {
            notice = notices.next() => notice,
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
                running = now.iter().any(|log| log.live.is_some());
            }
            Some(Notice::SessionChanged { row }) if row.id == session => running = row.running,
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

/// A file that grows, and how much of it was printed.
struct Tail {
    file: HostPath,
    at: u64,
}

impl Tail {
    fn new(file: &HostPath) -> Self {
        Self { file: file.clone(), at: 0 }
    }

    fn print(&mut self, desk: &mut Desk) -> Result<(), Ended> {
        // the file becomes a blob when its check ends: one that is gone has nothing more to tell here
        let Ok(mut file) = std::fs::File::open(self.file.as_path()) else { return Ok(()) };
        let mut bytes = Vec::new();
        let read = file.seek(SeekFrom::Start(self.at)).and_then(|_| file.read_to_end(&mut bytes));
        if read.is_err() || bytes.is_empty() {
            return Ok(());
        }
        // only whole lines, so that no escape sequence and no character is torn apart
        let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        self.at += whole as u64;
        desk.out.log(&bytes[..whole])
    }
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
