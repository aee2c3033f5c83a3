//! `paraph compare`

use std::collections::BTreeSet;

use super::budget::price;
use crate::api::{CandidateView, CompareRequest, ComparisonView, FailureKind, Service, SessionView};
use crate::cli::desk::Desk;
use crate::cli::ended::{DONE, Done, Ended};
use crate::cli::output::{Role, Text};
use crate::cli::progress::{self, Waited};
use crate::cli::session_text::{state_role, took};
use crate::id::SessionId;
use crate::text::{counted, width};

/// Shows candidates side by side: checks, score, size and cost
///
/// One candidate stands for all that draft for its goal; any other sessions can be named one by one. Where two made the
/// same change, `= 13` says that the digest is the same, `~ 13` that the files are, with another commit message.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A candidate, or the sessions to compare
    #[arg(value_name = "ID", required = true)]
    sessions: Vec<SessionId>,
}

/// The columns that one candidate takes where there is room. // the longest engine, and most models
const COLUMN: usize = 24;
/// The fewest that it takes before the candidates are shown one below the other.
const LEAST: usize = 14;
/// The columns of the names at the left.
const NAMES: usize = 18;

pub(crate) async fn execute(args: Args, desk: &mut Desk) -> Done {
    let view = desk.ask(CompareRequest { sessions: args.sessions }).await?;
    show(&view, desk)?;
    Ok(DONE)
}

/// Waits for every candidate, then compares. The exit status is that of the best: one that can be picked is enough.
pub(crate) async fn waited(service: &dyn Service, first: &SessionView, desk: &mut Desk) -> Done {
    let mut statuses = Vec::new();
    for session in &first.candidates {
        let notices = service.notices().await?;
        match progress::wait(service, notices, *session, desk).await? {
            Waited::Interrupted => {
                desk.out.say(format!("the candidates go on: paraph compare {}", first.id));
                return Ok(FailureKind::Interrupted.exit_code());
            }
            Waited::Settled(view) => statuses.push(progress::exit_code(&view)),
        }
    }
    let view = desk.ask_on(service, CompareRequest { sessions: vec![first.id] }).await?;
    show(&view, desk)?;
    Ok(best(&statuses))
}

/// The exit status of the candidate that came furthest.
fn best(statuses: &[u8]) -> u8 {
    // as a run ends with the first that fits: the last of these is the best
    const WORST_FIRST: [u8; 8] = [130, 124, 8, 1, 10, 6, 7, DONE];
    let rank = |status: &&u8| WORST_FIRST.iter().position(|known| known == *status);
    statuses.iter().max_by_key(rank).copied().unwrap_or(DONE)
}

pub(crate) fn show(view: &ComparisonView, desk: &mut Desk) -> Result<(), Ended> {
    if desk.out.json() {
        return desk.out.object(&serde_json::to_value(view).expect("plain data serialises"));
    }
    desk.out.paragraph("", view.goal.raw())?;
    let lines = lines(view);
    let room = desk.out.columns().saturating_sub(NAMES);
    let column = (room / view.candidates.len().max(1)).min(COLUMN);
    if column >= LEAST {
        for line in &lines {
            let start = Text::new().cell(Role::Dim, &line.name, NAMES);
            let row = line.cells.iter().fold(start, |text, (role, words)| {
                let words = crate::text::Untrusted::new(words.as_str()).display_line().to_string();
                text.cell(*role, width::truncate_end(&words, column - 1), column)
            });
            desk.out.line(row)?;
        }
    } else {
        for at in 0..view.candidates.len() {
            desk.out.line("")?;
            for line in &lines {
                let (role, words) = &line.cells[at];
                desk.out.line(Text::new().cell(Role::Dim, &line.name, NAMES).role(*role, words))?;
            }
        }
    }
    let reasons = view.candidates.iter().filter(|one| !one.reason.raw().is_empty());
    for one in reasons.filter(|one| !one.can_be_picked) {
        let start = Text::new().plain("  ").role(Role::Strong, one.session).plain(": ");
        desk.out.line(start.words(Role::Plain, one.reason.raw(), "    "))?;
    }
    if let Some(line) = next(view) {
        desk.out.say(line);
    }
    Ok(())
}

/// What can be typed next.
fn next(view: &ComparisonView) -> Option<Text> {
    if let Some(pick) = &view.picked {
        let by = format!("{}@{} was picked by {} at {}", pick.session, pick.version, pick.by, pick.at);
        return Some(
            Text::new().plain(by).role(Role::Mark, format!("  → paraph approve {}@{}", pick.session, pick.version)),
        );
    }
    let open: Vec<&CandidateView> = view.candidates.iter().filter(|one| one.can_be_picked).collect();
    let first = open.first()?;
    let version = first.version?;
    let of = counted(open.len(), "candidate");
    let hint = format!("  → paraph diff {}@{version}, paraph pick {0}@{version}", first.session);
    Some(Text::new().plain(format!("{of} can be picked")).role(Role::Mark, hint))
}

/// One line of the comparison: its name and a cell a candidate.
struct Line {
    name: String,
    cells: Vec<(Role, String)>,
}

fn lines(view: &ComparisonView) -> Vec<Line> {
    let all = &view.candidates;
    let line = |name: &str, cell: &dyn Fn(&CandidateView) -> (Role, String)| Line {
        name: name.to_owned(),
        cells: all.iter().map(cell).collect(),
    };
    let plain = |words: String| (Role::Plain, words);
    let mut lines = vec![
        line("session", &|one| (Role::Strong, version_name(one))),
        line("engine", &|one| plain(one.engine.clone())),
        line("with", &|one| plain(or_dash(&one.with))),
        line("state", &|one| {
            let is_picked = view.picked.as_ref().is_some_and(|pick| pick.session == one.session);
            let words = if is_picked { format!("{} (picked)", one.state) } else { one.state.clone() };
            (state_role(&one.state), words)
        }),
        line("score", &|one| (Role::Strong, one.score.map_or_else(|| "-".to_owned(), |score| score.to_string()))),
    ];
    // the scorer's own names
    let names: BTreeSet<&String> = all.iter().flat_map(|one| one.dimensions.keys()).collect();
    for name in names {
        let cells =
            all.iter().map(|one| plain(one.dimensions.get(name).map_or_else(|| "-".to_owned(), ToString::to_string)));
        lines.push(Line { name: format!("  {name}"), cells: cells.collect() });
    }
    lines.extend([
        line("checks", &checks),
        line("tests", &|one| {
            let tally = &one.tally;
            let words = format!("{} fixed, {} broken", tally.tests_fixed, tally.tests_broken);
            if tally.tests_broken > 0 { (Role::Bad, words) } else { plain(words) }
        }),
        line("policy", &policy),
        line("size", &|one| match one.version {
            Some(_) => plain(format!("{}, +{} -{}", counted(one.files, "file"), one.added, one.deleted)),
            None => plain("-".to_owned()),
        }),
        line("tokens", &|one| match (one.usage.input_tokens, one.usage.output_tokens) {
            (0, 0) => plain("-".to_owned()),
            (input, output) => plain(format!("{input} in, {output} out")),
        }),
        line("cost", &|one| match price(&one.usage.cost_usd) {
            _ if one.usage.input_tokens == 0 && one.usage.cost_usd != "unknown" => plain("-".to_owned()),
            cost => plain(cost),
        }),
        line("models took", &|one| plain(if one.model_ms == 0 { "-".to_owned() } else { took(one.model_ms) })),
        line("in all", &|one| plain(one.took_ms.map_or_else(|| "-".to_owned(), took))),
        line("digest", &|one| {
            let digests: Vec<String> = one.patch_sets.iter().map(|set| set.digest.short()).collect();
            (Role::Mark, or_dash(&digests.join(" ")))
        }),
        line("same as", &|one| {
            let same = one.same_as.iter().map(|other| format!("= {other}"));
            let files = one.same_files_as.iter().map(|other| format!("~ {other}"));
            plain(or_dash(&same.chain(files).collect::<Vec<_>>().join(" ")))
        }),
    ]);
    lines
}

fn checks(one: &CandidateView) -> (Role, String) {
    let tally = &one.tally;
    if one.unverified.is_some() {
        return (Role::Warn, "not run".to_owned());
    }
    if one.checks.is_empty() {
        return (Role::Plain, "-".to_owned());
    }
    let counts = [
        (tally.broken, "broken"),
        (tally.fixed, "fixed"),
        (tally.failed, "failed"),
        (tally.untold, "without a result"),
    ];
    let more: Vec<String> =
        counts.into_iter().filter(|(count, _)| *count > 0).map(|(count, word)| format!(", {count} {word}")).collect();
    let words = format!("{} passed{}", tally.passed, more.concat());
    (if tally.broken > 0 { Role::Bad } else { Role::Good }, words)
}

fn policy(one: &CandidateView) -> (Role, String) {
    let tally = &one.violations;
    match (tally.blocks, tally.warns) {
        (0, 0) if one.version.is_none() => (Role::Plain, "-".to_owned()),
        (0, 0) => (Role::Plain, "clean".to_owned()),
        (0, warns) => (Role::Warn, format!("{warns} WARN")),
        (blocks, 0) => (Role::Bad, format!("{blocks} BLOCK")),
        (blocks, warns) => (Role::Bad, format!("{blocks} BLOCK, {warns} WARN")),
    }
}

fn version_name(one: &CandidateView) -> String {
    one.version.map_or_else(|| one.session.to_string(), |version| format!("{}@{version}", one.session))
}

fn or_dash(text: &str) -> String {
    if text.is_empty() { "-".to_owned() } else { text.to_owned() }
}
