//! What a person writes or takes away by hand: drafts, hunks left out, own edits, whitespace.

use super::bench::Bench;
use super::bench_world::World;
use super::model::{Msg, Overlay};
use super::tests::snapshot;
use crate::api::{AgainstRequest, DeriveRequest, DraftRequest, Failure, FailureKind, Request, Verdict};
use crate::id::Version;

fn drafts(bench: &Bench) -> Vec<&DraftRequest> {
    let kept = bench.world.changes.iter().filter_map(|request| match request {
        Request::Draft(draft) => Some(draft),
        _ => None,
    });
    kept.collect()
}

fn derived(bench: &Bench) -> Vec<&DeriveRequest> {
    let made = bench.world.changes.iter().filter_map(|request| match request {
        Request::Derive(derive) => Some(derive),
        _ => None,
    });
    made.collect()
}

/// The words of the drafts, as the service has them.
fn kept(bench: &Bench) -> Vec<&str> {
    bench.world.drafts.iter().map(|draft| draft.text.raw()).collect()
}

#[test]
fn a_draft_is_kept_while_it_is_typed_and_when_its_box_is_closed() {
    let mut bench = Bench::review(80, 24).press("c").write("why");
    assert_eq!(drafts(&bench).len(), 0);
    assert!(bench.model.has_unsaved_words());
    bench.play(Msg::KeepDraft);
    assert_eq!(kept(&bench), ["why"]);
    assert!(!bench.model.has_unsaved_words(), "nothing is kept twice");
    bench.play(Msg::KeepDraft);
    assert_eq!(drafts(&bench).len(), 1);
    let bench = bench.write("?").press("Esc");
    assert!(bench.model.overlays.is_empty());
    assert_eq!(kept(&bench), ["why?"], "the same draft");
    assert_eq!(drafts(&bench).last().and_then(|draft| draft.draft).map(|draft| draft.0), Some(1));
}

#[test]
fn drafts_are_there_again_after_a_restart_and_can_be_changed_and_deleted() {
    let before = Bench::review(80, 24).press("c").write("why").press("Ctrl-s");
    let mut world = World::new();
    world.drafts = before.world.drafts;
    let bench = Bench::of(world, 80, 24).press("Enter i").write(" not?").press("Ctrl-s");
    assert_eq!(kept(&bench), ["why not?"]);
    snapshot("review_draft_80x24", Bench::of(bench.world, 80, 24).press("Enter").screen());
}

#[test]
fn dd_deletes_a_draft_and_an_emptied_one_is_deleted_too() {
    let written = || Bench::review(80, 24).press("c").write("a").press("Ctrl-s");
    assert_eq!(kept(&written().press("d d")), [""; 0]);
    assert_eq!(kept(&written().press("i Backspace Ctrl-s")), [""; 0]);
    let bench = Bench::review(80, 24).press("d d");
    assert!(bench.world.changes.is_empty(), "there is none");
}

#[test]
fn a_draft_that_cannot_be_kept_stays_in_its_box_and_can_be_left() {
    let mut bench = Bench::review(80, 24).press("c").write("why");
    bench.world.refuse = Some(Failure::new(FailureKind::Unreachable, "no daemon"));
    let bench = bench.press("Esc");
    assert!(matches!(bench.model.overlays.last(), Some(Overlay::Comment(comment)) if comment.body() == "why"));
    assert!(bench.press("Esc").model.overlays.is_empty(), "who wants to leave can");
}

#[test]
fn sending_back_sends_the_drafts_and_needs_no_other_words() {
    let bench = Bench::review(80, 24).press("c").write("why").press("Ctrl-s R");
    snapshot("decision_drafts_80x24", Bench::review(80, 24).press("c").write("why").press("Ctrl-s R").screen());
    let threads = bench.world.threads.len();
    let bench = bench.press("y");
    let sent =
        |request: &Request| matches!(request, Request::Decide(decide) if decide.verdict == Verdict::RequestChanges);
    assert!(bench.world.changes.iter().any(sent));
    assert_eq!((bench.world.threads.len(), kept(&bench).len()), (threads + 1, 0));
    assert!(bench.model.review.as_ref().is_some_and(|review| review.drafts.is_empty()), "the screen knows");
    let bench = Bench::review(80, 24).press("c").write("why").press("Ctrl-s g s");
    assert!(kept(&bench).is_empty(), "or at once, without a word");
}

#[test]
fn approving_with_unsent_drafts_asks_for_care() {
    let read = Bench::review(80, 24).press("c").write("why").press("Ctrl-s Space Space Space Space Space");
    let screen = read.press("A").screen();
    assert!(screen.contains("1 draft that nobody else sees yet"), "{screen}");
}

#[test]
fn hunks_left_out_make_the_next_version() {
    let bench = Bench::review(80, 24).press("} -");
    snapshot("review_left_out_80x24", Bench::review(80, 24).press("} -").screen());
    snapshot("decision_derive_80x24", Bench::review(80, 24).press("} - R").screen());
    let bench = bench.press("R");
    assert!(derived(&bench).is_empty(), "one key decides nothing");
    let bench = bench.press("y");
    let made = derived(&bench);
    assert_eq!((made.len(), made[0].session.to_string().as_str()), (1, "12@v2"));
    assert_eq!(made[0].digest, bench.world.panel.digest.to_string());
    let [file] = made[0].exclude.as_slice() else { panic!("{made:?}") };
    assert_eq!((file.path.to_string().as_str(), file.hunks.len()), ("src/config.rs", 1));
    assert!(bench.model.review.as_ref().is_some_and(|review| review.patches.excluded.is_empty()));
}

#[test]
fn a_hunk_is_taken_in_again_and_a_file_is_left_out_whole() {
    let none = Bench::review(80, 24).press("} - - R y");
    assert!(derived(&none).is_empty());
    let file = Bench::review(80, 24).press("} _ R y");
    assert!(derived(&file)[0].exclude[0].hunks.is_empty(), "the whole file");
    let again = Bench::review(80, 24).press("} _ _ R y");
    assert!(derived(&again).is_empty());
    let in_tree = Bench::review(140, 45).press("} Tab - R y");
    assert_eq!(derived(&in_tree)[0].exclude[0].path.to_string(), "src/config.rs");
    let binary = Bench::review(80, 24).press("} } - R y");
    assert_eq!(derived(&binary)[0].exclude[0].path.to_string(), "assets/logo.png");
}

#[test]
fn what_is_left_out_with_comments_makes_the_version_and_sends_them() {
    let written = || Bench::review(80, 24).press("c").write("why").press("Ctrl-s } -");
    snapshot("decision_derive_drafts_80x24", written().press("R").screen());
    let bench = written().press("R y");
    assert_eq!((derived(&bench).len(), kept(&bench).len()), (1, 0), "one key, both");
    assert!(bench.screen().contains("the next version is made, the drafts are sent"));
}

#[test]
fn what_is_left_out_with_comments_can_go_to_the_engine_as_words() {
    let written = || Bench::review(80, 24).press("c").write("why").press("Ctrl-s } - R b");
    let screen = written().screen();
    assert!(screen.contains("the engine is told: next time without 1 hunk: src/config.rs"), "{screen}");
    let bench = written().press("y");
    assert!(derived(&bench).is_empty());
    let Some(Request::Decide(decide)) = bench.world.changes.last() else { panic!("a decision") };
    assert_eq!(decide.message, "next time without 1 hunk: src/config.rs");
    let ahead = Bench::review(80, 24).press("c").write("why").press("Ctrl-s } - R").type_ahead("b y");
    assert!(ahead.world.changes.iter().all(|request| !matches!(request, Request::Decide(_))), "its frame comes first");
}

#[test]
fn a_suggestion_that_nobody_touched_leaves_nothing() {
    let mut bench = Bench::review(80, 24).press("s");
    bench.play(Msg::KeepDraft);
    let bench = bench.press("Esc");
    assert!(bench.model.overlays.is_empty() && kept(&bench).is_empty());
    let bench = Bench::review(80, 24).press("s").write("!").press("Esc");
    assert_eq!(kept(&bench).len(), 1);
}

#[test]
fn threads_and_drafts_are_walked_across_files() {
    let mut bench = Bench::review(120, 40);
    let mut at = Vec::new();
    for key in ["m", "m", "M"] {
        bench = bench.press(key);
        let review = bench.model.review.as_ref().expect("open");
        let (_, file) = review.patches.file().expect("a file");
        at.push((file.path.to_string(), review.patches.thread_at_cursor().is_some()));
    }
    let config = || ("src/config.rs".to_owned(), true);
    assert_eq!(at, [config(), config(), config()]);
    assert!(bench.screen().contains("that was the first thread"));
    let bench = Bench::review(120, 40).press("m m");
    assert!(bench.screen().contains("that was the last thread"));
    let bench = Bench::review(120, 40).press("c").write("why").press("Ctrl-s } }");
    let screen = bench.screen();
    assert!(screen.contains("1✎") && screen.contains("1?"), "{screen}");
    let bench = Bench::review(120, 40).press("c").write("why").press("Ctrl-s } } M M");
    let review = bench.model.review.as_ref().expect("open");
    assert!(review.patches.draft_at_cursor().is_some(), "a draft is found as a thread is");
}

#[test]
fn evidence_is_gone_through_part_by_part_and_the_cursor_stays() {
    let cursor = |bench: &Bench| {
        let patches = &bench.model.review.as_ref().expect("open").patches;
        (patches.cursor, patches.header_at_cursor())
    };
    let before = cursor(&Bench::review(120, 40));
    assert_eq!(before.1, Some(0), "on the header of a hunk");
    let mut keys = String::new();
    for first in ["Threads on this file", "Checks", "Policy on this file", "Score"] {
        keys.push_str("x ");
        let bench = Bench::review(120, 40).press(&keys);
        assert_eq!(cursor(&bench), before);
        let screen = bench.screen();
        assert!(screen.contains(first) && !screen.contains("││"), "{first}: {screen}");
    }
    assert!(
        Bench::review(120, 40).press("x x x x x").model.review.as_ref().is_some_and(|it| it.patches.drawer.is_none())
    );
    snapshot("review_evidence_120x40", Bench::review(120, 40).press("} x x x").screen());
}

#[test]
fn another_comparison_has_other_hunks() {
    let mut bench = Bench::review(80, 24).press("} -");
    bench.world.sets[0].against = "v1".to_owned();
    let bench = bench.press("=");
    assert!(bench.model.review.as_ref().is_some_and(|review| review.patches.excluded.is_empty()));
    assert!(bench.screen().contains("1 hunk no longer left out"));
}

#[test]
fn an_own_edit_makes_the_next_version_once_it_is_said() {
    let mut bench = Bench::review(80, 24).press("} E");
    assert!(bench.model.overlays.is_empty() && bench.world.changes.is_empty(), "nothing was changed");
    bench.world.editor = |text| Some(text.replace("every line has a key", "checked above"));
    let bench = bench.press("E");
    assert!(derived(&bench).is_empty(), "the editor alone makes no version");
    let bench = bench.press("y");
    let edit = derived(&bench)[0].edit.clone().expect("an edit");
    assert!(edit.diff.contains("+") && edit.diff.contains("checked above"), "{}", edit.diff);
}

#[test]
fn an_edit_that_does_not_fit_is_kept_and_opened_again() {
    let mut bench = Bench::review(80, 24);
    bench.world.editor = |text| Some(format!("{text} mine"));
    bench.world.refuse = Some(Failure::new(FailureKind::Refused, "the edited hunk of `src/config.rs` does not fit"));
    let bench = bench.press("} E y");
    assert!(bench.model.toast.as_ref().is_some_and(|toast| toast.hint.starts_with("your text is kept")));
    let bench = bench.press("E y");
    let edit = derived(&bench)[1].edit.clone().expect("an edit");
    assert!(edit.diff.ends_with(" mine mine"), "{}", edit.diff);
}

#[test]
fn a_secret_goes_to_the_editor_only_when_asked_twice() {
    let mut world = World::new();
    let secret = format!("key = '{}'\n", ["ghp_", &"k3J9Zx81Qw7e".repeat(3)[..36]].concat());
    world.sets[0].files = vec![world.file("key.py", Some("key = ''\n"), Some(&secret), 1, 1)];
    world.editor = |text| Some(format!("{text}+seen\n"));
    let bench = Bench::of(world, 80, 24).press("Enter E");
    assert!(bench.model.overlays.is_empty());
    assert!(bench.screen().contains("holds a secret"));
    let mut world = World::new();
    world.sets[0].files = vec![world.file("key.py", Some("key = ''\n"), Some(&secret), 1, 1)];
    world.editor = |text| Some(format!("{text}+seen\n"));
    let bench = Bench::of(world, 80, 24).press("Enter E E");
    assert!(matches!(bench.model.overlays.last(), Some(Overlay::Confirm(_))), "the second time");
}

#[test]
fn whitespace_only_is_hidden_and_not_taken_for_read() {
    let blanks = || {
        let mut world = World::new();
        let old: String = (1..=30).map(|n| format!("line {n}\n")).collect();
        let new = old.replace("line 5\n", "    line 5\n").replace("line 25\n", "line five and twenty\n");
        world.sets[0].files = vec![world.file("a.txt", Some(&old), Some(&new), 2, 2)];
        world.threads.clear();
        Bench::of(world, 80, 24).press("Enter")
    };
    let screen = blanks().press("W").screen();
    assert!(screen.contains("whitespace only") && !screen.contains("+     line 5"), "{screen}");
    assert!(screen.contains("line five and twenty"), "{screen}");
    assert!(blanks().press("W W").screen().contains("+     line 5"));
    let unseen = |bench: &Bench| bench.model.review.as_ref().map(|review| review.patches.unseen(None));
    let hidden = blanks();
    let before = unseen(&hidden);
    assert_eq!(before, Some(0), "both hunks are on the screen");
    let mut world = World::new();
    world.sets[0].files = vec![world.file("a.txt", Some("a\n"), Some(" a\n"), 1, 1)];
    let mut bench = Bench::of(world, 80, 24).press("Enter");
    if let Some(review) = &mut bench.model.review {
        review.patches.seen.clear();
    }
    let bench = bench.press("W");
    assert_eq!(unseen(&bench), Some(1), "what is hidden was not shown");
}

#[test]
fn reading_again_is_since_the_last_review_unless_it_is_asked_otherwise() {
    let against = |bench: &Bench| bench.world.compared.clone();
    let bench = Bench::review(80, 24);
    assert_eq!(against(&bench), [AgainstRequest::LastReview]);
    let bench = bench.press("=");
    assert_eq!(against(&bench), [AgainstRequest::LastReview, AgainstRequest::Base]);
    let bench = bench.press("=");
    assert_eq!(against(&bench).last(), Some(&AgainstRequest::LastReview));
    let bench = bench.press("< >");
    assert_eq!(against(&bench)[3..], [AgainstRequest::Base, AgainstRequest::Version(Version(1))]);
    let bench = bench.press("=");
    assert_eq!(against(&bench).last(), Some(&AgainstRequest::LastReview), "from another version too");
    let mut world = World::new();
    world.sets[0].against = "v1".to_owned();
    let screen = Bench::of(world, 140, 45).press("Enter").screen();
    assert!(screen.contains("vs v1, your last"), "{screen}");
}

#[test]
fn secrets_are_hidden_in_the_inbox_and_on_the_panel() {
    let token = ["ghp_", &"k3J9Zx81Qw7e".repeat(3)[..36]].concat();
    let mut world = World::new();
    world.rows[0].goal = format!("use {token}").into();
    world.panel.goal = format!("use {token}").into();
    let bench = Bench::of(world, 140, 45);
    let screen = bench.press("A").screen();
    assert!(!screen.contains(&token) && screen.contains("use ****"), "{screen}");
}

#[test]
fn a_search_ends_on_the_first_match() {
    let bench = Bench::inbox(80, 24).press("f f f");
    let first = bench.model.inbox.selected().expect("a row").clone();
    let words: String = first.goal.raw().chars().take(8).collect();
    let bench = bench.press("/").write(&words).press("Enter");
    assert_eq!(bench.model.inbox.selected().map(|row| row.id), Some(first.id), "where the cursor stands counts");
}

#[test]
fn a_long_log_is_read_to_its_start_page_by_page() {
    let mut world = World::new();
    let log: String = (0..60_000).map(|n| format!("\u{1b}[31mline {n:>8}\u{1b}[0m\n")).collect();
    let log = world.blob(&log);
    world.view.versions[1].checks[0].log = Some(log.digest);
    let bench = Bench::of(world, 80, 24).press("Enter 7");
    let shown = |bench: &Bench| {
        let runs = &bench.model.review.as_ref().expect("open").runs;
        runs.text.as_ref().map_or((0, 0), |(_, page)| (page.lines.len(), page.before))
    };
    let (lines, before) = shown(&bench);
    assert!(lines < 60_000 && before > 0);
    let mut bench = bench;
    let red = bench.cells().content.iter().any(|cell| cell.fg == ratatui::style::Color::Red && cell.symbol() == "9");
    assert!(red, "the log's own colour");
    for _ in 0..3 {
        bench = bench.press("g g");
    }
    assert_eq!(shown(&bench), (60_000, 0));
    assert!(bench.press("g g").screen().contains("line        0"));
}

#[test]
fn a_long_comment_wraps_in_its_box() {
    let words = "a comment of a hundred and fifty characters does not run out of the box that it is written in: it goes on below, whole words at a time, as on paper";
    let bench = Bench::review(80, 24).press("g c").write(words);
    let screen = bench.screen();
    for word in words.split(' ') {
        assert!(screen.contains(word), "{word}: {screen}");
    }
    snapshot("comment_wrapped_80x24", screen);
    let bench = Bench::review(80, 24).press("g c").write(words).press("Up").write(">").press("Ctrl-s");
    let [kept] = kept(&bench)[..] else { panic!("one draft") };
    assert!(kept.find('>').is_some_and(|at| at < 77) && !kept.contains('\n'), "{kept}: a row up, in the same line");
}
