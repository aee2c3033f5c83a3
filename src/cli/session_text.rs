//! A session in words: states, gates, scores, checks, violations, as every verb tells them.

use std::time::Duration;

use super::desk::Desk;
use super::ended::{DONE, Done, Ended};
use super::output::{Role, Text};
use crate::api::{
    CheckStatus, CheckView, CriterionView, FileStat, GateView, LaneView, PartView, Rating, ReviewView, RunbookView,
    ScoreView, SessionView, Severity, VersionView, ViolationView, severity_word, status_word,
};
use crate::clock::Timestamp;
use crate::diff::ChangeStatus;
use crate::id::SessionId;
use crate::text::{Untrusted, counted, shell_word};

/// How a state looks.
pub(crate) fn state_role(state: &str) -> Role {
    match state {
        "Approved" | "Done" | "Publishing" | "PrOpen" => Role::Good,
        "Failed" | "Rejected" | "BlockedPolicy" | "Cancelled" | "Declined" => Role::Bad,
        "NeedsHuman" | "ChangesRequested" | "Deferred" => Role::Warn,
        "Scored" => Role::Mark,
        _ => Role::Plain,
    }
}

/// Whether nothing but reading is left in that state.
pub(crate) fn is_over(state: &str) -> bool {
    matches!(state, "Done" | "Declined" | "Failed" | "Cancelled")
}

/// Six marks, G0 to G5: `+` passed, `!` failed, `.` not run.
pub(crate) fn gate_strip(gates: &[GateView]) -> String {
    let mut strip = String::with_capacity(6);
    for name in ["G0", "G1", "G2", "G3", "G4", "G5"] {
        let states = gates.iter().filter(|gate| gate.id.to_string() == name).map(|gate| gate.passed);
        // the worst of the lanes: failed before not run before passed
        let worst = states.min_by_key(|passed| match passed {
            Some(false) => 0,
            None => 1,
            Some(true) => 2,
        });
        strip.push(match worst {
            Some(Some(true)) => '+',
            Some(Some(false)) => '!',
            _ => '.',
        });
    }
    strip
}

/// A duration in at most four characters: `12s`, `5m`, `3h`, `9d`.
pub(crate) fn age(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{}m", seconds / 60),
        3600..86_400 => format!("{}h", seconds / 3600),
        _ => format!("{}d", (seconds / 86_400).min(999)),
    }
}

/// A point in time to the minute: `2026-11-29 05:44 UTC`. The JSON has it whole.
pub(crate) fn minute(at: Timestamp) -> String {
    let whole = at.to_string();
    let (day, time) = (whole.get(..10).unwrap_or_default(), whole.get(11..16).unwrap_or_default());
    format!("{day} {time} UTC")
}

/// A duration of work: `0.4s`, `12.0s`, `3m05s`.
pub(crate) fn took(millis: u64) -> String {
    if millis < 60_000 {
        format!("{}.{}s", millis / 1000, millis % 1000 / 100)
    } else {
        format!("{}m{:02}s", millis / 60_000, millis / 1000 % 60)
    }
}

/// The one line that stands for a session after a change: its number, state, and what comes next.
pub(crate) fn summary(view: &SessionView) -> Text {
    let line = Text::new().role(Role::Strong, format!("{} ", view.id)).role(state_role(&view.state), &view.state);
    let line = match view.reason.raw() {
        "" => line,
        reason => line.plain(": ").words(Role::Plain, reason, "  "),
    };
    // behind a reason of several lines the next step would be overlooked
    let gap = if view.reason.raw().contains('\n') { "\n→ " } else { "  → " };
    match view.next.as_str() {
        "" if is_over(&view.state) => line,
        // it goes on by itself, and can be looked at
        "" => line.role(Role::Mark, format!("  → paraph watch {}", view.id)),
        next => line.words(Role::Mark, &format!("{gap}{next}"), "  "),
    }
    .hanging(4)
}

/// Answers a request that changed a session.
pub(crate) fn changed(view: &SessionView, desk: &mut Desk) -> Done {
    if desk.out.json() {
        desk.out.object(&serde_json::to_value(view).expect("plain data serialises"))?;
    } else {
        desk.out.line(summary(view))?;
        for branch in &view.published {
            desk.out.line(Text::new().role(Role::Good, "  published ").plain(branch))?;
        }
    }
    Ok(DONE)
}

/// The whole session, or the versions that the view holds.
pub(crate) fn print(view: &SessionView, desk: &mut Desk) -> Result<(), Ended> {
    let now = desk.world.clock.now();
    let out = &mut desk.out;
    out.line(summary(view))?;
    out.paragraph("  ", view.goal.raw())?;
    let about = format!("  {} · {} · {} · playbook {}", view.kind.name(), view.source, view.engine, view.playbook);
    out.line(Text::new().role(Role::Dim, about))?;
    if let Some(issue) = &view.issue {
        let line = Text::new().plain("  issue ").role(Role::Strong, issue.title.display_line());
        let labels: String = issue.labels.iter().map(|label| format!(" [{}]", label.display_line())).collect();
        let left_out = if issue.left_out > 0 { format!(", {} more left out", issue.left_out) } else { String::new() };
        let about = format!("{labels}  {}{left_out}", counted(issue.comments, "comment"));
        out.line(line.role(Role::Dim, about))?;
    }
    let when = |at: Timestamp| format!("{} ago ({})", age(now.since(at)), minute(at));
    let times = format!("  created {} · changed {}", when(view.created_at), when(view.updated_at));
    out.line(Text::new().role(Role::Dim, times))?;
    print_candidates(view, desk)?;
    for lane in &view.lanes {
        print_lane(lane, desk)?;
    }
    for version in &view.versions {
        print_version(view.id, version, desk)?;
    }
    for branch in view.published.iter().chain(&view.pull_requests) {
        desk.out.line(Text::new().role(Role::Good, "  published ").plain(branch))?;
    }
    for said in &view.monitors {
        desk.out.line(super::verbs::monitor::line(view.id, said))?;
    }
    Ok(())
}

/// The others that draft for the goal, and which was picked.
fn print_candidates(view: &SessionView, desk: &mut Desk) -> Result<(), Ended> {
    if view.candidates.is_empty() {
        return Ok(());
    }
    let names: Vec<String> = view.candidates.iter().map(ToString::to_string).collect();
    let line = Text::new().role(Role::Dim, format!("  candidates {}", names.join(", ")));
    desk.out.line(match &view.picked {
        Some(pick) => {
            line.plain(format!("; {}@{} was picked by {} at {}", pick.session, pick.version, pick.by, minute(pick.at)))
        }
        None => line.role(Role::Mark, format!("  → paraph compare {}", view.id)),
    })
}

fn print_lane(lane: &LaneView, desk: &mut Desk) -> Result<(), Ended> {
    let line = Text::new().plain("  ").role(Role::Strong, &lane.repo).plain("  ").role(Role::Dim, &lane.source);
    let branch = lane.branch.as_deref().filter(|branch| !branch.is_empty()); // a range has none
    let line = match (branch, &lane.base_commit) {
        (Some(branch), Some(base)) => line.plain(format!("  {branch} at {}", base.short())),
        (None, Some(base)) => line.plain(format!("  at {}", base.short())),
        _ => line,
    };
    let line = line.plain("  ").role(state_role(&lane.phase), if lane.dropped { "dropped" } else { &lane.phase });
    desk.out.line(line)?;
    if lane.left_out > 0 {
        let (files, are) = (counted(lane.left_out, "changed file"), if lane.left_out == 1 { "is" } else { "are" });
        let left = format!("    {files} of the working copy {are} left out (--dirty takes them)");
        desk.out.line(Text::new().role(Role::Warn, left))?;
    }
    for notice in &lane.notices {
        desk.out.line(Text::new().role(Role::Dim, "    note: ").words(Role::Plain, notice.raw(), "      "))?;
    }
    Ok(())
}

fn print_version(session: SessionId, version: &VersionView, desk: &mut Desk) -> Result<(), Ended> {
    desk.out.line("")?;
    let score = version.score.as_ref().map_or_else(|| "no score yet".to_owned(), |score| score.overall.to_string());
    let head = Text::new()
        .role(Role::Strong, version.number)
        .plain(format!("  {} ({})  score {score}  ", version.made_by, version.made_for))
        .plain(gate_strip(&version.gates));
    desk.out.line(head)?;
    desk.out.paragraph("  ", version.explanation.raw())?;
    for set in &version.patch_sets {
        let line = Text::new().plain("  ").role(Role::Strong, &set.repo).plain("  digest ");
        desk.out.line(line.role(Role::Mark, set.digest.short()))?;
        for file in &set.files {
            desk.out.line(file_line(file))?;
        }
        desk.out.line(Text::new().role(Role::Dim, "    commit message"))?;
        desk.out.paragraph("      ", set.message.raw())?;
        if let Some(decision) = &set.decision {
            let line = Text::new().plain("    ").role(Role::Strong, decision.verdict.name());
            let line = line.plain(format!(" by {} at {}", decision.by, minute(decision.at)));
            desk.out.line(line)?;
            desk.out.paragraph("      ", decision.message.raw())?;
        }
    }
    for part in &version.parts {
        desk.out.line(part_line(part))?;
    }
    for check in &version.checks {
        desk.out.line(check_line(check))?;
    }
    if version.checks.iter().any(|check| check.status == CheckStatus::Environment) {
        let again = format!("  → give the check what it lacks, then paraph check {session}@{}", version.number);
        desk.out.line(Text::new().role(Role::Mark, again).hanging(4))?;
    }
    if let Some(why) = &version.unverified {
        desk.out.line(Text::new().role(Role::Warn, "  Unverified: ").words(Role::Plain, why.raw(), "    "))?;
    }
    for violation in &version.violations {
        desk.out.line(violation_line(violation))?;
    }
    for review in &version.reviews {
        desk.out.line(review_line(review))?;
    }
    for runbook in &version.runbooks {
        desk.out.line(runbook_line(session, runbook))?;
    }
    if let Some(score) = &version.score {
        for line in dimensions(score) {
            desk.out.line(line)?;
        }
    }
    for gate in &version.gates {
        desk.out.line(gate_line(gate))?;
    }
    for criterion in &version.criteria {
        desk.out.line(criterion_line(criterion))?;
    }
    Ok(())
}

/// Whose a part of a version is, and what it changed; why there is none, where there is none.
pub(crate) fn part_line(part: &PartView) -> Text {
    let role = if part.ended == "left-out" { Role::Warn } else { Role::Plain };
    let line = Text::new().plain("  part ").role(Role::Strong, format!("{} {}", part.version, part.who()));
    let line = line.plain("  ").role(role, part.what());
    match part.note.raw() {
        "" => line,
        note => line.plain(": ").words(role, note, "    "),
    }
    .hanging(4)
}

/// Each dimension with its score and every one of its reasons.
pub(crate) fn dimensions(score: &ScoreView) -> Vec<Text> {
    let line = |rating: &Rating| {
        let line = Text::new().plain("  ").cell(Role::Dim, rating.dimension.name().replace('-', " "), 16);
        let line = line.plain(format!("{:>4}  ", rating.score.to_string()));
        // 24: under the words, not under the number
        line.words(Role::Dim, &rating.reasons.join("\n"), &" ".repeat(24)).hanging(26)
    };
    score.ratings.iter().map(line).collect()
}

/// One changed file with its lines.
pub(crate) fn file_line(file: &FileStat) -> Text {
    let (letter, role) = match file.status {
        ChangeStatus::Added => ("A", Role::Good),
        ChangeStatus::Modified => ("M", Role::Plain),
        ChangeStatus::Deleted => ("D", Role::Bad),
    };
    Text::new()
        .plain("    ")
        .role(role, letter)
        .plain(format!(" {}", file.path))
        .role(Role::Dim, format!("  +{} -{}", file.added, file.deleted))
}

/// One check: verdict, name, what it did on the base, time, tests.
pub(crate) fn check_line(check: &CheckView) -> Text {
    let role = match check.status {
        CheckStatus::Passed | CheckStatus::Fixed => Role::Good,
        CheckStatus::Failed | CheckStatus::Environment | CheckStatus::TimedOut => Role::Warn,
        CheckStatus::Broken => Role::Bad,
        CheckStatus::Skipped | CheckStatus::Running => Role::Dim,
    };
    let line = Text::new().plain("  ").cell(role, status_word(check.status), 12).cell(Role::Plain, &check.name, 16);
    let line = line.role(Role::Dim, format!("{:>7}  {}", took(check.duration_ms), check.confinement));
    let tests = &check.tests;
    let line = if tests.passed + tests.failed + tests.errors > 0 {
        line.plain(format!("  {} passed, {} failed", tests.passed, tests.failed + tests.errors))
    } else {
        line
    };
    let line = match (tests.broken.as_slice(), tests.fixed.len()) {
        ([], 0) => line,
        ([], fixed) => line.role(Role::Good, format!("  fixed {fixed}")),
        ([first, ..], _) => line.role(Role::Bad, format!("  broke {}: {first}", tests.broken.len())),
    };
    match check.note.raw() {
        "" => line,
        note => line.plain("  ").words(Role::Dim, note, "    "),
    }
    .hanging(4)
}

/// One breach of a policy.
pub(crate) fn violation_line(violation: &ViolationView) -> Text {
    let role = if violation.severity == Severity::Block { Role::Bad } else { Role::Warn };
    let line = Text::new().plain("  ").cell(role, severity_word(violation.severity), 6);
    let place = violation.line.map_or_else(String::new, |line| format!(":{line}"));
    let line = line.plain(format!("{} {}{place}  ", violation.rule, violation.path));
    let line = line.words(Role::Plain, violation.message.raw(), "    ").hanging(4);
    match &violation.accepted {
        Some(accepted) => {
            let words = format!("\noverridden by {}: {}", accepted.by, accepted.message.raw());
            line.words(Role::Dim, &words, "        ")
        }
        None if violation.overridden => line.role(Role::Dim, "  (overridden)"),
        None => line,
    }
}

/// One gate with its evidence.
pub(crate) fn gate_line(gate: &GateView) -> Text {
    let (word, role) = match gate.passed {
        Some(true) => ("passed", Role::Good),
        Some(false) => ("failed", Role::Bad),
        None => ("not run", Role::Dim),
    };
    let line = Text::new().plain(format!("  {} ", gate.id)).cell(role, word, 8);
    let line = gate.repo.iter().fold(line, |line, repo| line.role(Role::Dim, format!("{repo}: ")));
    line.words(Role::Plain, gate.evidence.raw(), "    ").hanging(5)
}

/// What a model said: six scores beside the score, or why it does not count.
pub(crate) fn review_line(review: &ReviewView) -> Text {
    let line = Text::new().plain("  ").cell(Role::Dim, review.role, 16).plain(&review.model);
    if let Some(why) = &review.unusable {
        return line.role(Role::Warn, "  does not count: ").words(Role::Plain, why.raw(), "    ").hanging(4);
    }
    let scores: Vec<String> = review.scores.iter().map(|(dimension, score)| format!("{dimension} {score}")).collect();
    let line = line.plain(format!("  {}", scores.join(", ")));
    let line = match review.musts {
        0 => line,
        musts => line.role(Role::Bad, format!("  {}", counted(musts, "must"))),
    };
    review
        .notes
        .iter()
        .fold(line.hanging(18), |line, note| line.words(Role::Warn, &format!("\n{}", note.raw()), "        "))
}

/// What a model wrote for whoever ships it, and how it is read; or why there is none.
pub(crate) fn runbook_line(session: SessionId, runbook: &RunbookView) -> Text {
    let line = Text::new().plain("  ").cell(Role::Dim, "runbook", 16).plain(&runbook.model);
    let gap = if runbook.model.is_empty() { "" } else { "  " };
    let line = match (&runbook.missing, &runbook.name) {
        (Some(why), _) => line.role(Role::Warn, format!("{gap}none: ")).words(Role::Plain, why.raw(), "    "),
        (None, Some(name)) => {
            let read = format!("  → paraph artifacts {session} {}", shell_word(name));
            line.plain(format!("{gap}{}", counted(runbook.steps, "step"))).role(Role::Mark, read)
        }
        (None, None) => line,
    };
    let noted = |line: Text, note: &Untrusted| line.words(Role::Warn, &format!("\n{}", note.raw()), "        ");
    runbook.notes.iter().fold(line.hanging(4), noted)
}

/// One criterion with what shows it.
pub(crate) fn criterion_line(criterion: &CriterionView) -> Text {
    let (word, role) = match criterion.met {
        Some(true) => ("met", Role::Good),
        Some(false) => ("not met", Role::Bad),
        None => ("open", Role::Warn),
    };
    let line = Text::new().plain(format!("  {} ", criterion.id)).cell(role, word, 8);
    let line = line.words(Role::Plain, criterion.text.raw(), "    ");
    line.words(Role::Dim, &format!("\n{}", criterion.evidence.raw()), "        ").hanging(8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(millis: u64, as_age: &str, as_work: &str) {
        assert_eq!((age(Duration::from_millis(millis)), took(millis)), (as_age.to_owned(), as_work.to_owned()));
    }

    #[test]
    fn durations_are_short() {
        check(0, "0s", "0.0s");
        check(59_999, "59s", "59.9s");
        check(61_000, "1m", "1m01s");
        check(7_200_000, "2h", "120m00s");
        check(864_000_000, "10d", "14400m00s");
    }
}
