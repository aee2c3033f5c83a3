//! The runtime over real homes, journals, stores and repositories, with an engine and a validator that a test steers.

mod bench;

use std::sync::atomic::Ordering;
use std::time::Duration;

use futures::StreamExt as _;

use crate::api::{
    CancelRequest, CandidateRequest, CommentRequest, FailureKind, ListRequest, MetricsRequest, Notice,
    RegenerateRequest, Reply, Request, ShowRequest, Side, StatusRequest, ThreadKind, Verdict,
};
use crate::clock::SystemClock;
use crate::id::{RandomIds, SessionId, SessionRef, Version};
use crate::infrastructure::fault::Faults;
use crate::infrastructure::store::Order;
use crate::proposal::EngineKind;
use crate::repository::WorkSpec;

use super::records;
use super::start::{Home, Started, rebuild};
use super::tables::Tables;
use bench::{Bench, fresh};

/// What a store says, and no more: to compare one that went on with one that was rebuilt.
fn content(tables: &Tables) -> String {
    let all = usize::MAX;
    let mut text = String::new();
    for (id, row) in tables.sessions.scan(&(), Order::Forward, all).expect("rows") {
        text += &format!("{id} {row:?}\n{}\n", tables.places_of(id).expect("places").len());
    }
    text += &format!("{:?}\n", tables.open.scan(&(), Order::Forward, all).expect("rows"));
    text += &format!("{:?}\n", tables.requests.scan(&(), Order::Forward, all).expect("rows"));
    text += &format!("{:?}\n", tables.proposals.scan(&(), Order::Forward, all).expect("rows"));
    let mut counts = tables.counts.scan(&(), Order::Forward, all).expect("rows");
    counts.retain(|(_, count)| count.0 > 0);
    text + &format!("{counts:?}\n")
}

/// Opens the home as it was left, then once more after a rebuild: they must agree.
fn check_store(home: &Home) {
    let open = || Started::open(home, &SystemClock::default(), &RandomIds, &Faults::none()).expect("opens");
    let kept = open();
    assert_eq!(kept.notices, Vec::<String>::new());
    let before = content(&kept.tables);
    drop(kept);
    let rebuilt = rebuild(home, &SystemClock::default(), &RandomIds).expect("rebuilt");
    assert!(rebuilt.set_aside.is_some());
    assert_eq!(before, content(&rebuilt.tables));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_fails_once_is_brought_up_and_never_skips_a_batch() {
    for n in [1, 2, 4, 7] {
        let bench = Bench::with_faults(&format!("store.before-commit:{n}:eio"));
        let id = bench.run("write it").await;
        bench.until(id, "Scored").await;
        let (home, _folder) = bench.end().await;
        check_store(&home);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_never_takes_anything_loses_nothing() {
    let bench = Bench::with_faults("store.before-commit:1+:eio");
    let id = bench.run("write it").await;
    let view = bench.until(id, "Scored").await;
    let asked = bench.decision(&view, Verdict::Reject);
    bench.ask(asked.clone()).await.expect("rejected");
    let again = bench.ask(Request::Decide(bench.decide(&view, Verdict::Approve))).await.expect_err("decided");
    assert_eq!(again.kind, FailureKind::Conflict);
    let (home, _folder) = bench.end().await;
    check_store(&home);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_worker_found_on_a_full_disk_is_recorded_later_and_done_once() {
    let bench = Bench::with_faults("journal.before-write:4:enospc");
    let id = bench.run("write it").await;
    bench.until(id, "Scored").await;
    assert_eq!(bench.engine.drafts.load(Ordering::SeqCst), 1);
    let view = bench.show(id).await;
    assert_eq!(view.versions.len(), 1);
    let (home, _folder) = bench.end().await;
    check_store(&home);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_on_a_full_disk_says_why_it_stands_still() {
    let bench = Bench::with_faults("journal.before-write:2+:enospc");
    let id = bench.run("write it").await;
    let reason = bench.until_reason(id, |reason| !reason.is_empty()).await;
    assert!(reason.starts_with("no space left on ") && reason.ends_with("it goes on by itself"), "{reason}");
    assert_eq!(bench.list(ListRequest::default()).await.sessions[0].reason.raw(), reason);
    assert_eq!(bench.status().await.held.as_deref(), Some(reason.as_str()));
}

#[tokio::test(flavor = "multi_thread")]
async fn once_there_is_room_again_no_more_is_said_of_it() {
    let bench = Bench::with_faults("journal.before-write:2:enospc");
    let mut notices = bench.notices().await;
    let id = bench.run("write it").await;
    let mut told = false;
    while let Some(notice) = notices.next().await {
        let Notice::SessionChanged { row } = notice else { continue };
        told |= row.reason.raw().starts_with("no space left on ");
        if row.state == "Scored" {
            break;
        }
    }
    assert!(told, "listeners were told");
    assert_eq!(bench.show(id).await.reason.raw(), "waits for your decision");
    assert_eq!(bench.status().await.held, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_refuses_with_a_hint_and_leaves_no_trace() {
    let bench = Bench::with_faults("journal.before-write:1:enospc");
    let failure = bench.ask(bench.run_request("write it")).await.expect_err("no space");
    assert!(failure.message.contains("no space left"), "{failure:?}");
    assert!(!failure.hints.is_empty());
    let id = bench.run("write it").await;
    assert_eq!(id, SessionId(1), "the number was not used up");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_journal_that_takes_no_more_ends_the_service_and_the_next_start_goes_on() {
    // the sync fails and so does cutting back: only opening the journal again tells what the disk holds
    let mut bench = Bench::with_faults("journal.before-sync:1:eio,journal.before-cut:1:eio");
    let failure = bench.ask(bench.run_request("tidy up")).await.expect_err("not recorded");
    assert!(!failure.hints.is_empty(), "{failure:?}");
    bench.ended().await;
    // what was written and not synced may be there after all, as after a crash: it was never acknowledged
    let gone = bench.ask(bench.run_request("tidy up")).await.expect_err("it has ended");
    assert_eq!(gone.kind, FailureKind::Unreachable, "a client starts the next daemon then");
    bench.restart().await;
    let id = bench.run("tidy up").await;
    bench.until(id, "Scored").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reply_is_followed_by_what_it_acknowledged_also_while_the_store_is_behind() {
    let bench = Bench::with_faults("store.before-commit:1+:eio");
    let id = bench.run("tidy up").await;
    let seen = bench.until(id, "Scored").await;
    let all = bench.list(ListRequest::default()).await;
    assert_eq!(all.sessions.iter().map(|row| (row.id, row.state.as_str())).collect::<Vec<_>>(), [(id, "Scored")]);
    assert_eq!(all.totals, [("Scored".to_owned(), 1)].into());
    assert_eq!(bench.status().await.need_me, 1);
    bench.ask(bench.decision(&seen, Verdict::Approve)).await.expect("approved");
    let waiting = ListRequest { state: Some("needs-me".to_owned()), ..ListRequest::default() };
    assert_eq!(bench.list(waiting).await.sessions[0].state, "Approved");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_was_missed_is_written_at_the_next_start() {
    let mut bench = Bench::new();
    let cancelled = bench.run("tidy up").await;
    bench.until(cancelled, "Scored").await;
    let cancel = CancelRequest { session: cancelled };
    bench.ask(Request::Cancel(cancel)).await.expect("cancelled");
    assert_eq!(records::as_of(&bench.home(), cancelled), None, "nobody kept records");
    bench.restart().await;
    bench.keep_records();
    let (home, _folder) = bench.end().await;
    let text = std::fs::read_to_string(records::path(&home, cancelled)).expect("a record");
    assert!(text.contains("\"Cancelled\""), "{text}");
    let written = records::as_of(&home, cancelled).expect("a sequence");
    let text = std::fs::read_to_string(home.journal().join("00000000000000000001.jsonl")).expect("a journal");
    assert_eq!(written.0, text.lines().count() as u64, "it tells of the last entry");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_request_gets_the_first_reply_also_at_once_and_after_a_restart() {
    let mut bench = Bench::new();
    let run = fresh(bench.run_request("write it"));
    let (one, other) = tokio::join!(bench.call(run.clone()), bench.call(run.clone()));
    let (Ok(Reply::Run(one)), Ok(Reply::Run(other))) = (one, other) else { panic!("both are answered") };
    assert_eq!(one.id, other.id);
    let id = one.id;
    bench.until(id, "Scored").await;
    let comment = |text: &str| {
        fresh(Request::Comment(CommentRequest {
            session: SessionRef { session: id, version: Some(Version(1)) },
            repo: None,
            thread: None,
            artifact: None,
            path: None,
            line: None,
            from_line: None,
            side: Side::New,
            against: crate::api::AgainstRequest::Base,
            kind: ThreadKind::Nit,
            text: text.to_owned(),
        }))
    };
    let first = comment("first");
    let Ok(Reply::Comment(thread)) = bench.call(first.clone()).await else { panic!("a thread") };
    bench.call(comment("second")).await.expect("another thread");
    for _ in 0..2 {
        let Ok(Reply::Comment(again)) = bench.call(first.clone()).await else { panic!("the first thread") };
        assert_eq!((again.id, again.comments.len()), (thread.id, 1));
        let mut other = comment("something else");
        other.id = first.id.clone();
        assert_eq!(bench.call(other).await.expect_err("another request").kind, FailureKind::Conflict);
        let Ok(Reply::Run(again)) = bench.call(run.clone()).await else { panic!("the first session") };
        assert_eq!(again.id, id);
        bench.restart().await;
    }
    let trust = fresh(bench.trust_request(Some(true)));
    bench.call(trust.clone()).await.expect("trusted");
    let entries = bench.status().await.head;
    bench.call(trust).await.expect("the same");
    bench.until(id, "Scored").await;
    let Ok(Reply::Timeline(timeline)) = bench.ask(Request::Timeline(crate::api::TimelineRequest { session: id })).await
    else {
        panic!("a timeline")
    };
    assert!(timeline.entries.len() > 3 && entries.0 > 0);
    let (home, _folder) = bench.end().await;
    check_store(&home);
}

#[tokio::test(flavor = "multi_thread")]
async fn asked_again_while_drafting_never_drafts_twice_at_once() {
    let bench = Bench::new();
    bench.engine.slow.store(true, Ordering::SeqCst);
    let id = bench.run("write it").await;
    for _ in 0..20 {
        let again = RegenerateRequest {
            session: id,
            engine: None,
            rules: Vec::new(),
            patch: None,
            program: None,
            message: "otherwise".to_owned(),
        };
        bench.ask(Request::Regenerate(again)).await.expect("asked again");
    }
    bench.engine.slow.store(false, Ordering::SeqCst);
    bench.until(id, "Scored").await;
    assert_eq!(bench.engine.most_at_once.load(Ordering::SeqCst), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn stopping_waits_for_workers_and_what_they_left_is_done_at_the_next_start() {
    let mut bench = Bench::new();
    bench.ask(bench.trust_request(Some(true))).await.expect("trusted");
    bench.validator.hangs.store(true, Ordering::SeqCst);
    let id = bench.run("write it").await;
    bench.condition(|| bench.validator.running.load(Ordering::SeqCst) == 1).await;
    bench.stop().await;
    assert_eq!(bench.validator.running.load(Ordering::SeqCst), 0, "workers are gone before the core is");
    bench.validator.hangs.store(false, Ordering::SeqCst);
    bench.restart().await;
    let view = bench.until(id, "Scored").await;
    assert_eq!(view.versions[0].checks.len(), 1, "{view:?}");
    assert_eq!(bench.engine.drafts.load(Ordering::SeqCst), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_panics_needs_a_person_and_harms_nobody_else() {
    let bench = Bench::new();
    bench.engine.panics.store(true, Ordering::SeqCst);
    let id = bench.run("write it").await;
    bench.until(id, "NeedsHuman").await;
    bench.engine.panics.store(false, Ordering::SeqCst);
    let other = bench.run("write another").await;
    bench.until(other, "Scored").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn cancelling_stops_the_worker_and_gives_its_place_back() {
    let bench = Bench::new();
    bench.ask(bench.trust_request(Some(true))).await.expect("trusted");
    bench.validator.hangs.store(true, Ordering::SeqCst);
    let first = bench.run("write it").await;
    bench.condition(|| bench.validator.running.load(Ordering::SeqCst) == 1).await;
    let cancel = Request::Cancel(crate::api::CancelRequest { session: first });
    let Ok(Reply::Cancel(view)) = bench.ask(cancel).await else { panic!("cancelled") };
    assert_eq!(view.state, "Cancelled");
    bench.condition(|| bench.validator.running.load(Ordering::SeqCst) == 0).await;
    bench.validator.hangs.store(false, Ordering::SeqCst);
    let second = bench.run("write it").await;
    bench.until(second, "Scored").await;
    assert_eq!(bench.show(first).await.state, "Cancelled");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pause_stops_the_check_outlives_a_restart_and_ends_by_a_persons_word() {
    use crate::api::{PauseRequest, ResumeRequest};
    let mut bench = Bench::new();
    bench.ask(bench.trust_request(Some(true))).await.expect("trusted");
    bench.validator.hangs.store(true, Ordering::SeqCst);
    let id = bench.run("write it").await;
    bench.condition(|| bench.validator.running.load(Ordering::SeqCst) == 1).await;
    let pause = || Request::Pause(PauseRequest { session: id });
    let Ok(Reply::Pause(view)) = bench.ask(pause()).await else { panic!("paused") };
    assert_eq!((view.paused, view.state.as_str(), view.needs_me), (true, "BranchApplied", false));
    assert_eq!(view.next, format!("paraph resume {id}"));
    bench.condition(|| bench.validator.running.load(Ordering::SeqCst) == 0).await;
    let again = bench.ask(pause()).await.expect_err("it is paused");
    assert_eq!(
        (again.kind, again.message.as_str()),
        (FailureKind::Refused, "cannot pause while the session is paused")
    );
    let row = &bench.list(ListRequest::default()).await.sessions[0];
    assert!(row.paused && !row.running && !row.needs_me, "{row:?}");
    bench.validator.hangs.store(false, Ordering::SeqCst);
    bench.restart().await;
    assert!(bench.show(id).await.paused, "a restart begins nothing");
    assert_eq!(bench.validator.runs.load(Ordering::SeqCst), 1);
    bench.ask(Request::Resume(ResumeRequest { session: id })).await.expect("it goes on");
    let view = bench.until(id, "Scored").await;
    assert!(!view.paused);
    let refused = bench.ask(pause()).await.expect_err("nothing runs");
    assert_eq!(refused.message, "cannot pause while the session is Scored");
    bench.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_checks_wait_for_checks_and_who_waits_is_told_so() {
    let bench = Bench::new();
    bench.ask(bench.trust_request(Some(true))).await.expect("trusted");
    bench.validator.hangs.store(true, Ordering::SeqCst);
    let first = bench.run("write it").await;
    let second = bench.run("write it").await;
    bench.condition(|| bench.validator.running.load(Ordering::SeqCst) == 2).await;
    let third = bench.run("write it").await;
    let view = bench.until(third, "BranchApplied").await;
    assert_eq!((view.versions.len(), bench.validator.runs.load(Ordering::SeqCst)), (1, 2));
    let held = bench.until_reason(third, |reason| !reason.is_empty()).await;
    assert_eq!(held, "queued behind 2 checks");
    assert_eq!(bench.list(ListRequest::default()).await.sessions[0].reason.raw(), held);
    assert_eq!(bench.status().await.held.as_deref(), Some("1 session queued behind 2 checks"));
    bench.validator.hangs.store(false, Ordering::SeqCst);
    bench.ask(Request::Cancel(CancelRequest { session: first })).await.expect("cancelled");
    bench.until(third, "Scored").await;
    assert_eq!(bench.status().await.held, None);
    assert_eq!(bench.show(second).await.state, "BranchApplied", "it is still at work");
    bench.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worktree_is_the_same_work_however_it_is_spelled_and_wherever_one_stands() {
    let bench = Bench::new();
    bench.git(&["worktree", "add", "-q", "-b", "topic", "../other"]);
    let nothing = bench.adopt("repo", bench.worktree("other")).await.expect_err("it is its base");
    assert_eq!(nothing.kind, FailureKind::Refused);
    bench.git(&["-C", "../other", "commit", "-q", "--allow-empty", "-m", "nothing yet"]);
    let nothing = bench.adopt("repo", WorkSpec::Branch("topic".to_owned())).await.expect_err("the trees are the same");
    assert!(nothing.hints.iter().any(|hint| hint.contains("paraph adopt topic")), "{nothing:?}");
    bench.git(&["-C", "../other", "rm", "-q", "a.txt"]);
    let first = bench.adopt("repo", bench.worktree("other")).await.expect("work");
    let spellings = [("repo", "repo/../other/."), ("other", "other/"), ("other", "other/../other")];
    for (number, (here, spelled)) in spellings.into_iter().enumerate() {
        bench.until(first, "Scored").await;
        let same = bench.adopt(here, bench.worktree(spelled)).await.expect("the same work");
        assert_eq!(same, first, "{spelled} from {here}");
        assert_eq!(bench.show(first).await.versions.len(), number + 1, "nothing is new, so nothing is made");
        std::fs::write(bench.folder().join("other/new.txt"), spelled).expect("a file");
        let again = bench.adopt(here, bench.worktree(spelled)).await.expect("the same work");
        assert_eq!(again, first, "{spelled} from {here}");
    }
    assert_eq!(bench.until(first, "Scored").await.versions.len(), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_diff_that_does_not_read_makes_no_session() {
    let bench = Bench::new();
    let run = |patch: &[u8]| {
        let Request::Run(run) = bench.run_request("try it") else { panic!("a run") };
        Request::Run(crate::api::RunRequest { patch: Some(bench.body(patch)), ..run })
    };
    let refused = bench.ask(run(b"this is no patch at all\n")).await.expect_err("no diff");
    assert_eq!(refused.kind, FailureKind::Failed);
    assert_eq!(refused.hints, ["make one with git diff > FILE"]);
    assert_eq!(bench.status().await.sessions, 0);
    bench.ask(run(b"--- a/none\n+++ b/none\n@@ -1 +1 @@\n-x\n+y\n")).await.expect("where it applies is told later");
}

#[tokio::test(flavor = "multi_thread")]
async fn trust_counts_for_the_next_check_and_so_does_taking_it_back() {
    let bench = Bench::new();
    let first = bench.run("write it").await;
    let view = bench.until(first, "Scored").await;
    assert!(view.versions[0].unverified.as_ref().is_some_and(|why| why.raw().contains("paraph trust")), "{view:?}");
    bench.ask(bench.trust_request(Some(true))).await.expect("trusted");
    bench.condition(|| bench.validator.runs.load(Ordering::SeqCst) == 1).await;
    bench.until(first, "Scored").await;
    bench.ask(bench.trust_request(Some(false))).await.expect("revoked");
    let second = bench.run("write another").await;
    let view = bench.until(second, "Scored").await;
    assert!(view.versions[0].unverified.is_some());
    assert_eq!(bench.validator.runs.load(Ordering::SeqCst), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_too_much_is_refused_and_what_is_odd_still_fits_the_store() {
    let bench = Bench::new();
    let failure = bench.ask(bench.run_request(&"x".repeat(70 * 1024))).await.expect_err("too long");
    assert_eq!(failure.kind, FailureKind::Usage);
    let id = bench.run(&"\u{1}".repeat(60 * 1024)).await;
    bench.until(id, "Scored").await;
    let list = bench.list(ListRequest::default()).await;
    assert_eq!(list.sessions.len(), 1);
    let (home, _folder) = bench.end().await;
    check_store(&home);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_runtime_that_is_only_dropped_lets_go_of_its_home() {
    let bench = Bench::new();
    let id = bench.run("write it").await;
    bench.until(id, "Scored").await;
    let home = bench.home();
    let kept = bench.drop_runtime();
    tokio::time::sleep(Duration::from_millis(200)).await;
    check_store(&home);
    drop(kept);
}

#[tokio::test(flavor = "multi_thread")]
async fn listeners_hear_of_changes_and_of_the_end() {
    let bench = Bench::new();
    let mut heard = bench.notices().await;
    let id = bench.run("write it").await;
    bench.until(id, "Scored").await;
    bench.stop().await;
    let mut states = Vec::new();
    let mut left = 0;
    while let Some(notice) = futures::StreamExt::next(&mut heard).await {
        match notice {
            Notice::SessionChanged { row } => states.push(row.state),
            Notice::Leaving => left += 1,
            _ => {}
        }
    }
    assert_eq!(states.last().map(String::as_str), Some("Scored"));
    assert_eq!(left, 1, "the stream ends with the farewell");
    let failure = bench.ask(Request::Status(StatusRequest {})).await.expect_err("it has ended");
    assert_eq!(failure.kind, FailureKind::Unreachable);
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_pages_totals_and_figures_agree() {
    let bench = Bench::new();
    let mut ids = Vec::new();
    for number in 0..4 {
        let id = bench.run(&format!("write {number}")).await;
        bench.until(id, "Scored").await;
        ids.push(id);
    }
    let view = bench.show(ids[0]).await;
    bench.ask(bench.decision(&view, Verdict::Reject)).await.expect("rejected");
    bench.ask(Request::Cancel(crate::api::CancelRequest { session: ids[1] })).await.expect("cancelled");
    let named = |list: &crate::api::SessionList| list.sessions.iter().map(|row| row.id).collect::<Vec<_>>();
    let page = bench.list(ListRequest { limit: Some(2), ..ListRequest::default() }).await;
    assert_eq!(named(&page), vec![ids[3], ids[2]]);
    assert_eq!(page.totals.values().sum::<u32>(), 4);
    assert_eq!(page.totals.get("Scored"), Some(&2));
    let rest = bench.list(ListRequest { before: Some(ids[2]), limit: Some(9), ..ListRequest::default() }).await;
    assert_eq!(named(&rest), vec![ids[1], ids[0]]);
    let of = |state: &str| ListRequest { state: Some(state.to_owned()), ..ListRequest::default() };
    assert_eq!(named(&bench.list(of("done")).await), vec![ids[1], ids[0]], "whoever rejected it is asked nothing more");
    assert_eq!(named(&bench.list(of("needs-me")).await), vec![ids[3], ids[2]]);
    assert_eq!(named(&bench.list(of("rejected")).await), vec![ids[0]]);
    let status = bench.status().await;
    assert_eq!((status.sessions, status.need_me, status.running), (4, 2, 0));
    let Ok(Reply::Metrics(metrics)) = bench.ask(Request::Metrics(MetricsRequest {})).await else { panic!("figures") };
    assert_eq!((metrics.proposals_asked, metrics.proposals_made, metrics.validations), (4, 4, 4));
    assert_eq!(metrics.decisions.get("rejected"), Some(&1));
    let show = Request::Show(ShowRequest { session: SessionRef { session: SessionId(99), version: None } });
    assert_eq!(bench.ask(show).await.expect_err("no such").kind, FailureKind::NotFound);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_several_candidates_all_are_started_or_none() {
    let bench = Bench::new();
    let candidate =
        |rules| CandidateRequest { engine: EngineKind::Rules, model: None, rules, patch: None, program: None };
    let Request::Run(mut run) = bench.run_request("write it") else { unreachable!("it is a run") };
    // every candidate records the whole field, and this one its rules once more
    run.candidates = vec![candidate(Vec::new()), candidate(vec!["r".repeat(1200); 500])];
    let failure = bench.ask(Request::Run(run)).await.expect_err("the second does not fit");
    assert!(failure.message.contains("too many to record"), "{failure:?}");
    assert_eq!(bench.list(ListRequest::default()).await.sessions.len(), 0);
    let id = bench.run("write it").await;
    assert_eq!(id, SessionId(1), "no number was used up");
    assert!(bench.until(id, "Scored").await.candidates.is_empty());
    let (home, _folder) = bench.end().await;
    check_store(&home);
}

#[tokio::test(flavor = "multi_thread")]
async fn gates_of_the_whole_version_name_no_repository() {
    let bench = Bench::new();
    let id = bench.run("write it").await;
    let view = bench.until(id, "Scored").await;
    let gates: Vec<(String, bool)> =
        view.versions[0].gates.iter().map(|gate| (format!("{:?}", gate.id), gate.repo.is_some())).collect();
    assert_eq!(gates[..3], [("G0".to_owned(), false), ("G1".to_owned(), false), ("G2".to_owned(), true)]);
    let set = &view.versions[0].patch_sets[0];
    assert!(set.commit.is_some());
    assert_eq!(set.reference.as_deref(), Some(format!("refs/heads/paraph/{id}/v1").as_str()));
}
