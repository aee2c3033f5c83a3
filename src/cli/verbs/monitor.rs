//! `paraph monitor`

use std::path::PathBuf;

use crate::api::{FailureKind, MonitorReport, MonitorRequest, MonitorView, MonitorWord, Quoted, SessionRow, Unsaid};
use crate::cli::desk::Desk;
use crate::cli::ended::{DONE, Done, Ended};
use crate::cli::output::{Role, Text};
use crate::cli::progress::{self, Waited};
use crate::id::SessionId;
use crate::text::counted;

/// Asks a model how what was published fares, and shows what it says; nothing changes, and nothing starts
///
/// It is shown the goal, the documents, what was published, what people said since, and what you hand in. What it quotes
/// is looked up in that, and marked where it is not there. What it proposes is a line that you type, or not. Exit status:
/// 0 healthy, 7 degraded, 10 unclear, nothing was said, or healthy by a quotation that is not there, 8 the budget is
/// spent, 6 before it is done.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The session
    #[arg(value_name = "ID")]
    session: SessionId,
    /// The output of a CI run, a report of an error (- for standard input): its beginning and its end, secrets masked
    #[arg(long, value_name = "FILE|-")]
    log: Option<PathBuf>,
}

/// What of a log is handed in: its beginning, and its end, where most errors stand.
const HEAD: usize = 32 << 10;
const TAIL: usize = 96 << 10;

pub(crate) async fn execute(args: Args, desk: &mut Desk) -> Done {
    let log = match &args.log {
        Some(file) => Some(desk.read_input_ends(file, HEAD, TAIL)?),
        None => None,
    };
    let service = desk.service().await?;
    // opened first, so that nothing of the answer is missed
    let notices = service.notices().await?;
    let view = desk.ask_on(service.as_ref(), MonitorRequest { session: args.session, log }).await?;
    let Some(asked) = view.monitors.last().map(|asked| (asked.version, asked.number)) else { return Ok(DONE) };
    let answered = |row: &SessionRow| !row.running;
    match progress::wait_until(service.as_ref(), notices, args.session, &answered, desk).await? {
        Waited::Interrupted => {
            desk.out.say(format!("it is still asked: paraph artifacts {}", args.session));
            Ok(FailureKind::Interrupted.exit_code())
        }
        Waited::Settled(view) => {
            let said = view.monitors.iter().find(|said| (said.version, said.number) == asked);
            match said {
                Some(said) => told(args.session, said, desk),
                None => Ok(FailureKind::NeedsHuman.exit_code()),
            }
        }
    }
}

fn told(session: SessionId, said: &MonitorView, desk: &mut Desk) -> Done {
    if desk.out.json() {
        let mut object = serde_json::to_value(said).expect("plain data serialises");
        object["schema"] = "paraph.monitor/1".into();
        object["session"] = session.0.into();
        desk.out.object(&object)?;
    } else {
        print(session, said, desk)?;
    }
    let unsaid = said.unsaid.as_ref().map(|(unsaid, _)| *unsaid);
    Ok(shortfall(said.report.as_ref(), unsaid).map_or(DONE, FailureKind::exit_code))
}

/// What is between that and well; none where it is healthy, by words that it was given.
fn shortfall(report: Option<&MonitorReport>, unsaid: Option<Unsaid>) -> Option<FailureKind> {
    match (report.map(|report| (report.word, report.not_found())), unsaid) {
        (Some((MonitorWord::Healthy, 0)), _) => None,
        (Some((MonitorWord::Degraded, _)), _) => Some(FailureKind::ValidationFailed),
        (None, Some(Unsaid::BudgetSpent)) => Some(FailureKind::Budget),
        _ => Some(FailureKind::NeedsHuman),
    }
}

/// The line that stands for what was said: a word, who says it, and where it is read.
pub(crate) fn line(session: SessionId, said: &MonitorView) -> Text {
    let line = Text::new().plain("  ").cell(Role::Dim, format!("monitor {}", said.version), 16);
    match (&said.report, &said.unsaid) {
        (Some(report), _) => {
            let (word, findings) = (report.word, counted(report.findings.len(), "finding"));
            let line = line.role(role_of(word), word.name()).plain(format!("  {}  {findings}", said.model));
            let line = match report.not_found() {
                0 => line,
                lies => line.role(Role::Warn, format!(", {lies} not found in what it was given")),
            };
            let read = said.name.as_ref().map(|name| format!("  → paraph artifacts {session} {name}"));
            line.role(Role::Mark, read.unwrap_or_default())
        }
        (None, Some((_, why))) => line.role(Role::Warn, "nothing was said: ").words(Role::Plain, why.raw(), "    "),
        (None, None) => line.role(Role::Dim, "is asked"),
    }
    .hanging(4)
}

fn role_of(word: MonitorWord) -> Role {
    match word {
        MonitorWord::Healthy => Role::Good,
        MonitorWord::Degraded => Role::Bad,
        MonitorWord::Unclear => Role::Warn,
    }
}

fn print(session: SessionId, said: &MonitorView, desk: &mut Desk) -> Result<(), Ended> {
    desk.out.line(line(session, said))?;
    for note in &said.notes {
        desk.out.line(Text::new().role(Role::Warn, "  note: ").words(Role::Warn, note.raw(), "    "))?;
    }
    let Some(report) = &said.report else { return Ok(()) };
    for finding in &report.findings {
        desk.out.line(Text::new().plain("  - ").words(Role::Plain, finding.what.raw(), "    ").hanging(4))?;
        let quote = Text::new().role(Role::Dim, "    > ").words(Role::Dim, finding.quote.raw(), "    > ").hanging(6);
        desk.out.line(quote)?;
        if finding.quoted == Quoted::NotFound {
            desk.out.line(Text::new().role(Role::Warn, "    that is not in what it was given"))?;
        }
    }
    for next in &report.next {
        desk.out.line(Text::new().role(Role::Dim, "  look at: ").words(Role::Plain, next.raw(), "    ").hanging(4))?;
    }
    for command in &said.commands {
        desk.out.line(Text::new().plain("  → ").role(Role::Mark, command.display_line()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::MonitorFinding;

    #[track_caller]
    fn check(word: MonitorWord, quoted: Quoted, expected: Option<FailureKind>) {
        let finding = MonitorFinding { what: "fine".into(), quote: "ok".into(), quoted };
        let (next, follow_ups) = Default::default();
        let report = MonitorReport { word, findings: vec![finding], next, follow_ups };
        assert_eq!(shortfall(Some(&report), None), expected, "{word:?} {quoted:?}");
    }

    #[test]
    fn healthy_by_a_quotation_that_is_nowhere_is_not_well() {
        check(MonitorWord::Healthy, Quoted::Found, None);
        check(MonitorWord::Healthy, Quoted::NotFound, Some(FailureKind::NeedsHuman));
        check(MonitorWord::Degraded, Quoted::NotFound, Some(FailureKind::ValidationFailed));
        check(MonitorWord::Unclear, Quoted::Found, Some(FailureKind::NeedsHuman));
        assert_eq!(shortfall(None, Some(Unsaid::BudgetSpent)), Some(FailureKind::Budget));
        assert_eq!(shortfall(None, Some(Unsaid::NoAnswer)), Some(FailureKind::NeedsHuman));
    }
}
