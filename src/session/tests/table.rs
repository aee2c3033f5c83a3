//! The whole phase × input table: what is recorded, or why nothing is.

use std::fmt::Write as _;

use super::story::{self, L0, L1, Story, V1, V2, V3};
use super::*;
use crate::id::{DraftId, ThreadId};
use crate::planning::Recommendation;
use crate::proposal::EngineKind;
use crate::scoring::IssueSeverity;
use crate::validation::{CheckStatus, Sides};

/// A session in every phase, under every stop, and in the cases that guards tell apart.
fn situations() -> Vec<(&'static str, Story)> {
    use EffectKind::{
        Apply, Check, Document, Draft, Index, Load, PassOver, Plan, Publish, Review, Score, Test, Triage,
    };
    let quick = Story::quick;
    let scored = |finding| quick().runs_until(Some(Score)).finds(Score, finding);
    let stopped = |kind| quick().runs_until(Some(Check)).finds(Check, story::stuck(kind));
    let triaged = || Story::of(story::new_session(1, "triaged", EngineKind::Rules)).runs();
    let designed = || Story::of(story::asks_triage(1, "designed"));
    let complete = || Story::of(story::asks_triage(1, "complete"));
    let approved = || quick().runs().decides(L0, Verdict::Approve);
    let two = || Story::two_lanes().runs();
    let candidate = || Story::of(story::candidate(0, 3));
    let picked = || {
        let story = candidate().runs();
        let seen = story.session.current(L0).expect("v1").1.drafted.digest;
        story.does(story::pick(V1, seen, vec![story::rival(8, false), story::rival(9, false)]))
    };
    vec![
        ("Created", quick()),
        ("Created, attempt 2 runs", {
            let mut story = quick();
            let key = story.owed(Load);
            story.outcome(Outcome::Starting(key));
            story.outcome(Outcome::Starting(key));
            story
        }),
        ("SnapshotLoaded", Story::of(story::new_session(1, "indexed", EngineKind::Rules)).runs_until(Some(Index))),
        ("Indexed, drafting", Story::of(story::new_session(1, "indexed", EngineKind::Rules)).runs_until(Some(Draft))),
        ("Indexed, waits for GO", triaged()),
        ("Triaged", triaged().does(Command::Triage { by: story::ana(), message: "GO".into() })),
        ("Indexed, asks triage", designed().runs_until(Some(Triage))),
        ("NeedsHuman: triage says NO-GO", {
            designed().runs_until(Some(Triage)).finds(Triage, story::triage(Recommendation::NoGo, &[]))
        }),
        ("NeedsHuman: triage says GO and misses something", {
            designed().runs_until(Some(Triage)).finds(Triage, story::triage(Recommendation::Go, &["which currency?"]))
        }),
        ("Deferred by a person", {
            triaged().does(Command::Defer { by: story::ana(), message: "after the release".into() })
        }),
        ("Declined by a person", triaged().does(Command::Decline { by: story::ana(), message: "no".into() })),
        ("Triaged, asks for documents", designed().runs_until(Some(Plan))),
        ("NeedsHuman: documents could not be written", {
            designed().runs_until(Some(Plan)).finds(Plan, story::stuck(StopKind::NeedsHuman))
        }),
        ("Planned, drafting", designed().runs_until(Some(Draft))),
        ("Planned, waits for a GO to the documents", Story::of(story::asks_triage(1, "agreed")).runs()),
        ("Validated v1, asks for a review", designed().runs_until(Some(Review))),
        ("Scored v1, a criterion is not ticked", designed().runs()),
        ("Planned, drafting, the plan was commented on", {
            designed().runs_until(Some(Draft)).does(story::objects_to("plan"))
        }),
        ("Planned, documents are written again", {
            designed().runs_until(Some(Draft)).does(story::objects_to("plan")).does(story::rewrite(""))
        }),
        ("NeedsHuman: documents could not be written again", {
            let again = designed().runs().does(story::rewrite("smaller"));
            again.finds(Plan, story::stuck(StopKind::NeedsHuman))
        }),
        ("Scored v1, reviewed, repaired", {
            let must = story::reviewed(4, &[IssueSeverity::Must]);
            let mut asked = story::new_session(1, "reviewed", EngineKind::Llm);
            asked.repairs = 1;
            Story::of(asked).runs_until(Some(Review)).finds(Review, must).runs_until(Some(Draft))
        }),
        ("Planned, tests wanted for v1", complete().runs_until(Some(Test))),
        ("Planned, documentation wanted for v1", complete().runs_until(Some(Document))),
        ("Planned, tests wanted for v1, paused", {
            complete().runs_until(Some(Test)).does(Command::Pause { by: story::ana() })
        }),
        (
            "NeedsHuman: tests of v1 were stuck",
            complete().runs_until(Some(Test)).finds(Test, story::stuck(StopKind::BudgetSpent)),
        ),
        ("Scored v1 of three parts", complete().runs()),
        ("Scored v1 of three parts, tests wanted for v2", {
            complete().runs().does(story::regenerate("again")).runs_until(Some(Test))
        }),
        ("Scored v1, a candidate", candidate().runs()),
        ("Scored v1, picked", picked()),
        ("Scored v1, picked, the others told", picked().runs()),
        (
            "Scored v1, picked, the others could not be told",
            picked().finds(PassOver, story::stuck(StopKind::NeedsHuman)),
        ),
        ("Declined: another candidate was picked", {
            let mut story = candidate().runs_until(Some(Check));
            story.outcome(story::other_picked(8));
            story
        }),
        ("Proposed v1", quick().runs_until(Some(Apply))),
        ("NeedsHuman: the branch could not be made", {
            quick().runs_until(Some(Apply)).finds(Apply, story::stuck(StopKind::NeedsHuman))
        }),
        ("Proposed v1, its branch was given up, drafting v2", {
            let stuck = quick().runs_until(Some(Apply)).finds(Apply, story::stuck(StopKind::NeedsHuman));
            stuck.does(story::regenerate_by(EngineKind::Llm))
        }),
        ("BranchApplied v1", quick().runs_until(Some(Check))),
        ("BranchApplied v1, paused", quick().runs_until(Some(Check)).does(Command::Pause { by: story::ana() })),
        ("Validated v1", quick().runs_until(Some(Score))),
        ("Scored v1", quick().runs()),
        ("Scored v1, engine patch", Story::of(story::new_session(1, "quick", EngineKind::Patch)).runs()),
        ("Scored v1, unverified", {
            let story = quick().runs_until(Some(Check));
            story
                .finds(Check, Finding::Checks(Box::new(story::unverified())))
                .finds(Score, story::scored(85, None, Vec::new()))
        }),
        ("Scored v1, checks broken", {
            let broken = Finding::Checks(Box::new(story::checks(CheckStatus::Broken)));
            quick()
                .runs_until(Some(Check))
                .finds(Check, broken)
                .finds(Score, story::scored(85, Some(false), Vec::new()))
        }),
        ("Scored v1, low score", scored(story::scored(42, Some(true), Vec::new()))),
        ("Scored v1, WARN", scored(story::scored(85, Some(true), vec![story::warn("ci-file", "a.yml")]))),
        ("Scored v1, BLOCK", scored(story::scored(85, Some(true), vec![story::block("secret-added", "a.rs")]))),
        ("Scored v1, drafting v2", quick().runs().does(story::regenerate("again"))),
        ("Scored v2", quick().runs().does(story::regenerate("again")).runs()),
        ("BlockedPolicy v1", {
            let violations = vec![story::block("path-traversal", "../a")];
            quick().runs_until(Some(Apply)).finds(Apply, Finding::Blocked { violations })
        }),
        ("ChangesRequested v1, drafting v2", quick().runs().decides(L0, Verdict::RequestChanges)),
        ("ChangesRequested v1, engine adopt", {
            let adopt = Story::of(story::new_session(1, "quick", EngineKind::Adopt));
            adopt.runs().decides(L0, Verdict::RequestChanges)
        }),
        ("Rejected v1", quick().runs().decides(L0, Verdict::Reject)),
        ("Approved v1", approved()),
        ("Publishing v1", approved().publishes()),
        ("two lanes: Approved, drafting, paused", {
            two()
                .decides(L0, Verdict::Approve)
                .does(story::regenerate("again"))
                .does(Command::Pause { by: story::ana() })
        }),
        ("Done v1", approved().publishes().runs()),
        ("Approved v1, publishing failed", {
            approved().publishes().finds(Publish, story::stuck(StopKind::NeedsHuman))
        }),
        ("two lanes: Scored, Scored", two()),
        ("two lanes: Approved, Scored", two().decides(L0, Verdict::Approve)),
        ("two lanes: Approved, Rejected", two().decides(L0, Verdict::Approve).decides(L1, Verdict::Reject)),
        ("two lanes: Approved, dropped", {
            two().decides(L0, Verdict::Approve).does(Command::Drop { lane: L1, by: story::ana() })
        }),
        ("two lanes: Scored, no change", {
            Story::two_lanes().runs_until(Some(Draft)).finds(Draft, story::draft([L0], "one")).runs()
        }),
        ("NeedsHuman: a check was stuck", stopped(StopKind::NeedsHuman)),
        ("NeedsHuman: nothing new was drafted", {
            let again = quick().runs().does(story::regenerate("again"));
            again.finds(Draft, story::draft([L0], "draft v1"))
        }),
        ("BlockedPolicy", quick().runs_until(Some(Draft)).finds(Draft, story::stuck(StopKind::BlockedPolicy))),
        ("Deferred", stopped(StopKind::Deferred)),
        ("Declined", stopped(StopKind::Declined)),
        ("Failed", stopped(StopKind::Failed)),
        ("Cancelled", quick().runs().does(Command::Cancel { by: story::ana() })),
    ]
}

/// Every command, and those that guards tell apart.
fn commands(story: &Story) -> Vec<(String, Command)> {
    let by = story::ana;
    let (version, seen) =
        story.session.current(L0).map_or((V1, story::digest("none")), |(version, set)| (version, set.drafted.digest));
    let decide = |verdict, message| story::decision(L0, version, seen, verdict, message);
    let drifted = |commits, merges_cleanly| {
        let mut command = decide(Verdict::Approve, "");
        if let Command::Decide(asked) = &mut command {
            asked.drift = DriftSeen::of(commits, merges_cleanly);
        }
        command
    };
    let regenerate = |engine, patch| Command::Regenerate {
        by: by(),
        engine,
        rules: Vec::new(),
        patch,
        message: "again".into(),
        made_for: "regenerated".to_owned(),
        program: None,
        limits: Limits::default(),
    };
    let over = |rule: &str, message: &str| Command::Override {
        lane: L0,
        version,
        rule: rule.to_owned(),
        path: None,
        by: by(),
        message: message.into(),
    };
    let tick = |criterion: &str, ticked| Command::Tick {
        criterion: criterion.to_owned(),
        version,
        ticked,
        by: by(),
        message: "".into(),
    };
    let mark = |reviewed| Command::Mark { lane: L0, version, hunks: vec![story::digest("hunk")], reviewed, by: by() };
    let named = |text: &str, command| (text.to_owned(), command);
    vec![
        named("go ahead", Command::Triage { by: by(), message: "GO".into() }),
        named("defer", Command::Defer { by: by(), message: "later".into() }),
        named("decline", Command::Decline { by: by(), message: "no".into() }),
        named("tick C1", tick("C1", true)),
        named("tick C3", tick("C3", true)),
        named("take a tick of C3 back", tick("C3", false)),
        named("write documents again", story::rewrite("")),
        named("write documents again, with words", story::rewrite("smaller steps")),
        named("open a thread on the plan", story::open_thread_on("plan")),
        named("pick", story::pick(version, seen, vec![story::rival(8, false)])),
        named("pick after another", story::pick(version, seen, vec![story::rival(8, true)])),
        named("pick another digest", story::pick(version, story::digest("x"), vec![story::rival(8, false)])),
        named("pick v3", story::pick(V3, seen, vec![story::rival(8, false)])),
        named("approve", decide(Verdict::Approve, "")),
        named("approve with a reason", decide(Verdict::Approve, "known")),
        named("approve, base moved", drifted(3, true)),
        named("approve, merges no more", drifted(3, false)),
        named("approve another digest", story::decision(L0, version, story::digest("x"), Verdict::Approve, "")),
        named("approve v3", story::decision(L0, V3, seen, Verdict::Approve, "")),
        named(
            "approve lane 1",
            match story.session.current(L1) {
                Some((version, set)) => story::decision(L1, version, set.drafted.digest, Verdict::Approve, ""),
                None => story::decision(L1, version, seen, Verdict::Approve, ""),
            },
        ),
        named(
            "approve the version before",
            match story.session.patch_set(L0, V1) {
                Some(set) => story::decision(L0, V1, set.drafted.digest, Verdict::Approve, ""),
                None => story::decision(L0, V2, seen, Verdict::Approve, ""),
            },
        ),
        named("reject", decide(Verdict::Reject, "")),
        named("request changes", decide(Verdict::RequestChanges, "smaller")),
        named("override ci-file", over("ci-file", "known")),
        named("override ci-file without a reason", over("ci-file", " ")),
        named("override secret-added", over("secret-added", "known")),
        named("regenerate", regenerate(None, None)),
        named("regenerate by engine patch", regenerate(Some(EngineKind::Patch), None)),
        named("regenerate with a diff", regenerate(Some(EngineKind::Patch), Some(story::digest("diff")))),
        named("check again", story::check_again(L0, version, Sides::Proposal)),
        named("check v3 again", story::check_again(L0, V3, Sides::Both)),
        named("check the version before again", story::check_again(L0, V1, Sides::Proposal)),
        named(
            "check lane 1 again",
            story::check_again(L1, story.session.current(L1).map_or(version, |(newest, _)| newest), Sides::Proposal),
        ),
        named("drop lane 0", Command::Drop { lane: L0, by: by() }),
        named("drop lane 1", Command::Drop { lane: L1, by: by() }),
        named("cancel", Command::Cancel { by: by() }),
        named("pause", Command::Pause { by: by() }),
        named("resume", Command::Resume { by: by() }),
        named("steer", Command::Steer { by: by(), text: "shorter".into() }),
        named("publish", Command::Publish { by: by() }),
        named("open a thread", story::open_thread(L0, version)),
        named("answer in no thread", story::answer(9)),
        named("resolve no thread", Command::Resolve { thread: ThreadId(9), resolved: true, by: by() }),
        named("derive", story::derive(L0, version, seen, "derived")),
        named(
            "derive what is there",
            Command::Derive(Box::new(DeriveCommand {
                parent: version,
                digest: seen.short(),
                patch_set: PatchSet { digest: seen, ..story::patch_set(L0, "same") },
                made_for: "nothing".to_owned(),
                by: by(),
            })),
        ),
        named("keep a draft", story::keep_draft(None, None, "why?")),
        named("change no draft", story::keep_draft(Some(9), None, "why?")),
        named("delete no draft", Command::DropDraft { draft: DraftId(9), by: by() }),
        named("send drafts", Command::SendDrafts { by: by() }),
        named("mark", mark(true)),
        named("unmark", mark(false)),
    ]
}

/// What a step records, short.
fn told(result: &Result<Step, Refusal>) -> String {
    match result {
        Ok(step) if step.events.is_empty() => "nothing".to_owned(),
        Ok(step) => step.events.iter().map(event).collect::<Vec<_>>().join(" + "),
        Err(refusal) => format!("refused: {refusal}"),
    }
}

fn event(event: &Event) -> String {
    let name = event.name();
    match event {
        Event::AttemptStarted { key, attempt } => format!("{name} {key} #{attempt}"),
        Event::Approved { lane, version, because, .. } if because.is_empty() => format!("{name} {version} {lane}"),
        Event::Approved { lane, version, because, .. } => {
            format!("{name} {version} {lane} because {}", because.join("; "))
        }
        Event::Proposed { version, made_for, patch_sets, .. } => {
            let lanes: Vec<String> = patch_sets.iter().map(|set| set.lane.to_string()).collect();
            format!("{name} {version} for {made_for}: {}", lanes.join(", "))
        }
        Event::PartMade { version, part, .. } => format!("{name} {version} {}", part.told()),
        Event::Stopped { kind, reason, .. } => format!("{name} {kind:?}: {}", reason.raw()),
        _ => name.to_owned(),
    }
}

#[test]
fn every_phase_against_every_command() {
    let mut text = String::new();
    for (name, story) in situations() {
        let session = &story.session;
        let (reason, next) = session.waits_for();
        writeln!(text, "== {name}: {} · owes [{}]", session.state().name(), story.owes()).expect("text grows");
        writeln!(text, "   waits for: {} · next: {next}", reason.raw()).expect("text grows");
        for (asked, command) in commands(&story) {
            let result = decide(session, &Input::Command(Box::new(command)));
            writeln!(text, "{asked:>34} → {}", told(&result)).expect("text grows");
        }
    }
    snapshot("session_commands", &text);
}

#[test]
fn every_phase_against_every_outcome() {
    let mut text = String::new();
    for (name, story) in situations() {
        writeln!(text, "== {name}: owes [{}]", story.owes()).expect("text grows");
        for kind in EffectKind::ALL {
            let key = story.session.owed().keys().find(|key| key.kind == kind).copied().unwrap_or(match kind {
                EffectKind::Draft => EffectKey::draft(story.session.next_version()),
                EffectKind::Test | EffectKind::Document => {
                    EffectKey { kind, ..EffectKey::draft(story.session.next_version()) }
                }
                EffectKind::Load | EffectKind::Index => EffectKey::on_lane(kind, L0),
                EffectKind::Triage | EffectKind::Plan | EffectKind::PassOver => EffectKey::of_session(kind),
                _ => EffectKey::on_version(kind, L0, V1),
            });
            let mut started = story.clone();
            let start = decide(&started.session, &Input::Outcome(Box::new(Outcome::Starting(key))));
            let before = started.session.owed().get(&key).map_or(0, |owed| owed.attempt);
            started.outcome(Outcome::Starting(key));
            let attempt = started.session.owed().get(&key).map_or(1, |owed| owed.attempt);
            let found = |story: &Story, attempt, finding| {
                told(&decide(&story.session, &Input::Outcome(Box::new(Outcome::Found { key, attempt, finding }))))
            };
            let right = || story::finding(&started.session, key);
            let other = Finding::Published { branch: "b".into(), commit: story::oid("c"), place: "p".into() };
            writeln!(text, "{:>34} → {}", format!("{key} starts"), told(&start)).expect("text grows");
            if started.session.owed().contains_key(&key) {
                writeln!(text, "{:>34} → {}", "before it started", found(&story, before + 1, right())).expect("grows");
                writeln!(text, "{:>34} → {}", "an older attempt", found(&started, attempt - 1, right()))
                    .expect("grows");
                writeln!(text, "{:>34} → {}", "its finding", found(&started, attempt, right())).expect("text grows");
                let stuck = story::stuck(StopKind::NeedsHuman);
                writeln!(text, "{:>34} → {}", "stuck", found(&started, attempt, stuck)).expect("text grows");
                if kind != EffectKind::Publish {
                    writeln!(text, "{:>34} → {}", "another work's", found(&started, attempt, other)).expect("grows");
                }
            } else {
                writeln!(text, "{:>34} → {}", "its finding", found(&started, attempt, right())).expect("text grows");
            }
        }
        let heard = decide(&story.session, &Input::Outcome(Box::new(story::other_picked(8))));
        writeln!(text, "{:>34} → {}", "another candidate was picked", told(&heard)).expect("text grows");
    }
    snapshot("session_outcomes", &text);
}
