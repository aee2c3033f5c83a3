//! Approve, reject, request changes: one decision, three words.
//!
//! On a terminal the panel is shown first and a second key decides; `Enter` alone never does. Anywhere else the
//! digest of what was read is compulsory, so that no script decides on what nobody saw.

use std::path::PathBuf;

use super::desk::Desk;
use super::ended::{Done, Ended, usage};
use super::output::{Role, Text};
use super::session_text::{
    changed, criterion_line, dimensions, file_line, gate_line, review_line, runbook_line, violation_line,
};
use crate::api::{
    DecideRequest, Failure, FailureKind, FileStat, OfferView, PanelRequest, PanelView, Service, ShowRequest, Verdict,
};
use crate::id::SessionRef;
use crate::text::{counted, width};

/// What the three verbs take.
#[derive(Debug, clap::Args)]
pub(crate) struct DecisionArgs {
    /// The version that was read, such as 12@v3
    #[arg(value_name = "ID@vN")]
    session: SessionRef,
    /// The repository's name, where the version changes several
    #[arg(long, value_name = "NAME")]
    repo: Option<String>,
    /// 12 or more hex digits of the digest of what was seen; compulsory without a terminal
    #[arg(long, value_name = "HEX")]
    digest: Option<String>,
    #[command(flatten)]
    reason: Reason,
}

/// A reason in words, or in a file.
#[derive(Debug, clap::Args)]
pub(crate) struct Reason {
    /// The reason
    #[arg(short, long, value_name = "TEXT")]
    message: Option<String>,
    /// The reason, from a file (- for standard input)
    #[arg(short = 'F', long, value_name = "FILE", conflicts_with = "message")]
    message_file: Option<PathBuf>,
}

impl Reason {
    /// The words, where some were given.
    pub(crate) fn take(self, desk: &mut Desk) -> Result<Option<String>, Failure> {
        let Some(file) = self.message_file else { return Ok(self.message) };
        let bytes = desk.read_input(&file)?;
        let text = String::from_utf8(bytes)
            .map_err(|_| usage("the reason is not UTF-8").hint("iconv -t UTF-8, or say it with -m TEXT"))?;
        Ok(Some(text.trim_end().to_owned()))
    }
}

/// Decides.
pub(crate) async fn decide(verdict: Verdict, args: DecisionArgs, desk: &mut Desk) -> Done {
    let given = match args.digest {
        Some(digest) => Some(checked_digest(digest)?),
        None if desk.is_interactive() => None,
        None => return Err(without_digest(verdict, args.session).into()),
    };
    if given.is_some() && args.session.version.is_none() {
        let session = args.session.session;
        let hint = format!("paraph {} {session}@vN --digest HEX", verdict.name());
        return Err(usage("a decision names the version that was read").hint(hint).into());
    }
    let message = args.reason.take(desk)?;
    let service = desk.service().await?;
    let request = match given {
        Some(digest) => DecideRequest {
            session: args.session,
            repo: args.repo,
            verdict,
            digest,
            message: message.unwrap_or_default(),
        },
        None => {
            let ask = PanelRequest { session: args.session, repo: args.repo };
            let panel = desk.ask_on(service.as_ref(), ask).await?;
            let session = SessionRef { session: panel.session, version: Some(panel.version) };
            let view = desk.ask_on(service.as_ref(), ShowRequest { session }).await?;
            let version = view.versions.iter().find(|version| version.number == panel.version);
            let set = version.and_then(|version| version.patch_sets.iter().find(|set| set.repo == panel.repo));
            let files = set.map_or(&[][..], |set| set.files.as_slice());
            match by_hand(verdict, (&panel, files), message, desk)? {
                Some(request) => request,
                None => {
                    desk.out.say("nothing was decided");
                    return Ok(FailureKind::Interrupted.exit_code());
                }
            }
        }
    };
    finish(service.as_ref(), request, desk).await
}

async fn finish(service: &dyn Service, request: DecideRequest, desk: &mut Desk) -> Done {
    let view = desk.ask_on(service, request).await?;
    changed(&view, desk)
}

fn without_digest(verdict: Verdict, session: SessionRef) -> Failure {
    usage("without a terminal a decision names what was seen: --digest is missing")
        .hint(format!("paraph show {session} --json"))
        .hint(format!("paraph {} {session} --digest HEX (12 or more digits of what you read)", verdict.name()))
}

pub(crate) fn checked_digest(digest: String) -> Result<String, Failure> {
    let digest = digest.to_ascii_lowercase();
    if (12..=64).contains(&digest.len()) && digest.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Ok(digest);
    }
    Err(usage(format!("`{digest}` is not 12 to 64 hex digits of a digest")).hint("paraph show ID@vN --json"))
}

/// The files that the panel lists; a longer list would push what is decided on off the screen.
const MOST_FILES: usize = 12;

/// The panel, and the second key. `None` where the person thought better of it.
fn by_hand(
    verdict: Verdict,
    (panel, files): (&PanelView, &[FileStat]),
    message: Option<String>,
    desk: &mut Desk,
) -> Result<Option<DecideRequest>, Ended> {
    show(panel, files, desk);
    if let Some(made) = &panel.decided {
        let message = format!("already decided: {} by {} at {}", made.verdict.name(), made.by, made.at);
        return Err(Failure::new(FailureKind::Conflict, message).hint(format!("paraph show {}", panel.session)).into());
    }
    let confirmed = match (verdict, &panel.offer) {
        (Verdict::Approve, OfferView::Not { because }) => {
            let mut failure = Failure::new(FailureKind::Refused, "approving is not offered");
            failure.causes.clone_from(because);
            return Err(failure.hint(format!("paraph show {}@{}", panel.session, panel.version)).into());
        }
        (Verdict::Approve, OfferView::WithCare { .. }) => {
            let number = panel.session.to_string();
            let question = format!("type the session's number ({number}) to approve, anything else to leave it:");
            desk.prompt(question)?.is_some_and(|typed| typed == number)
        }
        (verdict, _) => {
            let question = format!("y: {}, anything else: leave it:", verdict.name());
            desk.prompt(question)?.is_some_and(|typed| typed == "y" || typed == "Y")
        }
    };
    if !confirmed {
        return Ok(None);
    }
    let Some(message) = reason(verdict, panel, message, desk)? else { return Ok(None) };
    Ok(Some(DecideRequest {
        session: SessionRef { session: panel.session, version: Some(panel.version) },
        repo: Some(panel.repo.clone()),
        verdict,
        digest: panel.digest.to_string(),
        message,
    }))
}

/// The reason: as given, or asked for where one has to be given. `None` where none was.
fn reason(
    verdict: Verdict,
    panel: &PanelView,
    given: Option<String>,
    desk: &mut Desk,
) -> Result<Option<String>, Ended> {
    let wanted = match verdict {
        Verdict::Approve => matches!(panel.offer, OfferView::WithCare { reason: true, .. }),
        Verdict::Reject => true,
        Verdict::RequestChanges => panel.open_threads == 0,
    };
    match given {
        Some(message) if !message.trim().is_empty() => Ok(Some(message)),
        _ if !wanted => Ok(Some(String::new())),
        _ => Ok(desk.prompt("reason:")?.filter(|message| !message.is_empty())),
    }
}

/// The panel, on standard error: it is for the person who decides.
fn show(panel: &PanelView, files: &[FileStat], desk: &mut Desk) {
    let head = Text::new()
        .role(Role::Strong, format!("{}@{}", panel.session, panel.version))
        .plain(format!("  {}  digest ", panel.repo))
        .role(Role::Mark, panel.digest.short());
    let score = panel.score.as_ref().map_or_else(|| "none".to_owned(), |score| score.overall.to_string());
    let out = &mut desk.out;
    out.say(head);
    out.say(Text::new().plain("  ").plain(panel.goal.display_within(out.columns().saturating_sub(2).max(20))));
    let drift = match (panel.drift, panel.merges_cleanly) {
        _ if panel.drift_unknown.is_some() => "drift unknown".to_owned(),
        (0, true) => "no drift".to_owned(),
        (drift, true) => format!("drift {}, merges cleanly", counted(drift, "commit")),
        (drift, false) => format!("drift {}, no longer merges cleanly", counted(drift, "commit")),
    };
    out.say(format!(
        "  base {} · {drift} · score {score} · {}",
        panel.base_commit.short(),
        counted(panel.open_threads, "open thread")
    ));
    out.say(Text::new().plain("  commit message: ").words(Role::Plain, panel.message.raw(), "    ").hanging(4));
    let sum = |pick: fn(&FileStat) -> u32| files.iter().map(pick).fold(0, u32::saturating_add);
    let (added, deleted) = (sum(|file| file.added), sum(|file| file.deleted));
    out.say(format!("  {}, +{added} -{deleted}", counted(files.len(), "file")));
    for file in files.iter().take(MOST_FILES) {
        out.say(file_line(file));
    }
    if let Some(more) = files.len().checked_sub(MOST_FILES).filter(|more| *more > 0) {
        out.say(
            Text::new()
                .role(Role::Dim, format!("    … and {more} more: paraph diff {}@{}", panel.session, panel.version)),
        );
    }
    if let Some(score) = &panel.score {
        for line in dimensions(score) {
            out.say(line);
        }
    }
    for gate in &panel.gates {
        out.say(gate_line(gate));
    }
    for violation in &panel.violations {
        out.say(violation_line(violation));
    }
    for review in &panel.reviews {
        out.say(review_line(review));
    }
    if let Some(runbook) = &panel.runbook {
        out.say(runbook_line(panel.session, runbook));
    }
    for criterion in &panel.criteria {
        out.say(criterion_line(criterion));
    }
    for write in &panel.writes {
        let write = width::wrap(write, out.room(26)).join("\n");
        out.say(Text::new().plain("  publishing would write: ").words(Role::Plain, &write, "    "));
    }
    match &panel.offer {
        OfferView::Clean => {}
        OfferView::WithCare { because, .. } => {
            for why in because {
                out.say(Text::new().role(Role::Warn, "  care: ").words(Role::Plain, why, "    "));
            }
        }
        OfferView::Not { because } => {
            for why in because {
                out.say(Text::new().role(Role::Bad, "  not offered: ").words(Role::Plain, why, "    "));
            }
        }
    }
}
