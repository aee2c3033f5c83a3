//! Screens as text, and what keys do.

use super::bench::Bench;
use super::bench_world::World;
use super::input::Input;
use super::model::{Msg, Overlay};
use super::screens::patches::FileState;
use super::screens::wizard::At;
use crate::api::{Failure, FailureKind, IssueSource, Notice, OfferView, Request, Verdict};
use crate::id::{SessionId, Version};

#[track_caller]
pub(super) fn snapshot(name: &str, screen: String) {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(concat!(env!("CARGO_MANIFEST_DIR"), "/snapshots"));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(format!("tui_{name}"), screen));
}

const SIZES: [(u16, u16); 2] = [(80, 24), (140, 45)];
const ALL_SIZES: [(u16, u16); 5] = [(20, 6), (40, 12), (80, 24), (140, 45), (200, 60)];

#[track_caller]
fn check_sizes(name: &str, sizes: &[(u16, u16)], open: impl Fn(u16, u16) -> Bench) {
    for (columns, rows) in sizes {
        snapshot(&format!("{name}_{columns}x{rows}"), open(*columns, *rows).screen());
    }
}

#[test]
fn inbox() {
    check_sizes("inbox", &ALL_SIZES, Bench::inbox);
    check_sizes("inbox_all", &SIZES, |columns, rows| Bench::inbox(columns, rows).press("f f f"));
}

#[test]
fn inbox_of_a_new_user() {
    check_sizes("inbox_empty", &SIZES[..1], |columns, rows| {
        let mut world = World::new();
        world.rows.clear();
        Bench::of(world, columns, rows)
    });
}

#[test]
fn review() {
    check_sizes("review", &ALL_SIZES, Bench::review);
    check_sizes("review_code", &ALL_SIZES, |columns, rows| Bench::review(columns, rows).press("}"));
}

#[test]
fn review_with_evidence() {
    check_sizes("review_evidence", &SIZES, |columns, rows| Bench::review(columns, rows).press("} x"));
}

#[test]
fn tabs() {
    for (key, name) in [
        ("1", "overview"),
        ("2", "architecture"),
        ("3", "timeline"),
        ("4", "artifacts"),
        ("5", "policy"),
        ("7", "runs"),
        ("8", "beads"),
        ("9", "metrics"),
    ] {
        check_sizes(name, &SIZES, |columns, rows| Bench::review(columns, rows).press(key));
    }
}

#[test]
fn windows() {
    check_sizes("help", &SIZES[..1], |columns, rows| Bench::review(columns, rows).press("?"));
    check_sizes("palette", &SIZES[..1], |columns, rows| Bench::inbox(columns, rows).press(":").write("next"));
    check_sizes("wizard", &SIZES, |columns, rows| Bench::inbox(columns, rows).press("n").write("fix it"));
    check_sizes("comment", &SIZES, |columns, rows| {
        Bench::review(columns, rows).press("} ] j c Tab").write("why not ? instead")
    });
    check_sizes("decision", &SIZES, |columns, rows| read_all(columns, rows).press("A"));
    check_sizes("decision_unread", &SIZES[..1], |columns, rows| Bench::review(columns, rows).press("A"));
    check_sizes("keys_to_come", &SIZES[..1], |columns, rows| Bench::review(columns, rows).press("g"));
}

#[test]
fn plain_characters_only() {
    let ascii = |mut bench: Bench| {
        bench.model.settings.ascii = true;
        bench.screen()
    };
    for screen in [
        ascii(Bench::review(80, 24).press("1")),
        ascii(Bench::review(140, 45).press("7")),
        ascii(Bench::review(80, 24).press("A")),
        ascii(Bench::review(80, 24).press("?")),
        ascii(Bench::review(140, 45).press("} x")),
        ascii(Bench::review(140, 45).press("9")),
        ascii(Bench::review(140, 45).press("2")),
        ascii(Bench::review(140, 45).press("3")),
    ] {
        // `▏` is the bench's own mark of the cursor
        let strange: Vec<_> = screen.lines().filter(|line| !line.replace('▏', " ").is_ascii()).collect();
        assert!(strange.is_empty(), "{strange:#?}");
    }
    snapshot("review_ascii_80x24", ascii(Bench::review(80, 24).press("}")));
}

/// Everything of session 12 marked as read.
fn read_all(columns: u16, rows: u16) -> Bench {
    Bench::review(columns, rows).press("Space Space Space Space Space Space")
}

fn decisions(bench: &Bench) -> Vec<Verdict> {
    let decided = |request: &Request| match request {
        Request::Decide(decide) => Some(decide.verdict),
        _ => None,
    };
    bench.world.changes.iter().filter_map(decided).collect()
}

#[test]
fn a_clean_approval_takes_exactly_two_keys() {
    let bench = read_all(80, 24).press("A");
    assert_eq!(decisions(&bench), [], "one key never approves");
    let bench = bench.press("y");
    assert_eq!(decisions(&bench), [Verdict::Approve]);
    let Some(Request::Decide(request)) = bench.world.changes.last() else { panic!("a decision") };
    assert_eq!(request.digest, bench.world.panel.digest.to_string(), "it names what was seen");
    assert_eq!(request.session.to_string(), "12@v2");
}

#[test]
fn enter_never_approves() {
    for keys in ["A Enter", "A Enter Enter Enter", "A A A", "A Space", "Enter Enter"] {
        assert_eq!(decisions(&read_all(80, 24).press(keys)), [], "{keys}");
    }
}

#[test]
fn keys_typed_ahead_never_decide() {
    assert_eq!(decisions(&read_all(80, 24).type_ahead("A y y y y")), []);
    assert_eq!(decisions(&read_all(80, 24).type_ahead("X y R y")), []);
    // the panel's answer comes late: keys before it and before its frame count for nothing
    let mut bench = read_all(80, 24);
    bench.world.hold_panel = true;
    let bench = bench.press("A y y");
    assert_eq!(decisions(&bench), []);
}

#[test]
fn a_paste_never_decides() {
    let mut bench = read_all(80, 24).press("A");
    bench.play(Msg::Input(Input::Paste("y\ny".to_owned())));
    assert_eq!(decisions(&bench), []);
}

#[test]
fn a_resize_makes_the_panel_wait_for_its_new_frame() {
    let mut bench = read_all(80, 24).press("A");
    bench.play(Msg::Resize(100, 30));
    let bench = bench.type_ahead("y");
    assert_eq!(decisions(&bench), []);
}

#[test]
fn a_block_is_not_offered() {
    let mut bench = read_all(80, 24);
    bench.world.panel.offer = OfferView::Not { because: vec!["BLOCK path-traversal in src/x".to_owned()] };
    let bench = bench.press("A y y Ctrl-s");
    assert_eq!(decisions(&bench), []);
    assert!(bench.screen().contains("BLOCK path-traversal"));
}

#[test]
fn care_asks_for_the_number_and_the_reason() {
    let mut bench = read_all(80, 24);
    bench.world.panel.offer = OfferView::WithCare { because: vec!["G3 failed".to_owned()], reason: true };
    let bench = bench.press("A y");
    assert_eq!(decisions(&bench), [], "y alone is not enough");
    let bench = bench.press("Ctrl-s").write("13").press("Ctrl-s");
    assert_eq!(decisions(&bench), [], "another number");
    let bench = bench.press("Backspace").write("2").press("Ctrl-s");
    assert_eq!(decisions(&bench), [], "no reason");
    let bench = bench.write("known flake").press("Enter");
    assert_eq!(decisions(&bench), [], "Enter sends nothing");
    let bench = bench.press("Ctrl-s");
    assert_eq!(decisions(&bench), [Verdict::Approve]);
    let Some(Request::Decide(request)) = bench.world.changes.last() else { panic!("a decision") };
    assert_eq!(request.message, "known flake");
}

#[test]
fn hunks_never_shown_ask_for_the_number() {
    let bench = Bench::review(80, 24).press("A y");
    assert_eq!(decisions(&bench), []);
    let bench = bench.write("12").press("Ctrl-s");
    assert_eq!(decisions(&bench), [Verdict::Approve]);
}

#[test]
fn a_window_too_small_to_read_in_is_too_small_to_decide_in() {
    assert_eq!(decisions(&read_all(40, 12).press("A y y")), []);
    check_sizes("decision", &ALL_SIZES[..2], |columns, rows| read_all(columns, rows).press("A"));
    // what asks for care takes rows too
    let open = |rows| {
        let mut bench = Bench::review(56, rows);
        bench.world.panel.offer =
            OfferView::WithCare { because: vec!["the tests were not run".into(); 3], reason: true };
        let bench = bench.press("A");
        matches!(bench.model.overlays.last(), Some(Overlay::Decision(open)) if !open.too_small)
    };
    assert!(open(24) && !open(17));
}

#[test]
fn a_panel_with_much_to_tell_fits_the_smallest_terminal_whole() {
    let mut bench = Bench::review(80, 24);
    let panel = &mut bench.world.panel;
    panel.drift = 3;
    panel.open_threads = 2;
    panel.gates[3].passed = Some(false);
    panel.violations = vec![panel.violations[0].clone(); 4];
    panel.offer = OfferView::WithCare {
        because: vec!["G3 failed".into(), "the score 6.1 is under the threshold 7.0".into(), "the base moved".into()],
        reason: true,
    };
    let screen = bench.press("A y").screen();
    for name in ["correctness", "tests", "security", "policy fit", "maintainability", "scope fit"] {
        assert!(screen.contains(&format!(" {name} ")), "{name}");
    }
    for essential in
        ["goal", "3 commits", "G3", "writes", "type 12 to go on", "reason (needed)", "the base moved", "^s"]
    {
        assert!(screen.contains(essential), "{essential}\n{screen}");
    }
    snapshot("decision_full_80x24", screen);
}

#[test]
fn sending_back_wants_words_where_there_is_no_thread() {
    let bench = Bench::review(80, 24).press("R y");
    assert_eq!(decisions(&bench), []);
    assert_eq!(decisions(&bench.write("say who").press("Ctrl-s")), [Verdict::RequestChanges]);
    let mut bench = Bench::review(80, 24);
    bench.world.panel.open_threads = 1;
    assert_eq!(decisions(&bench.press("R y")), [Verdict::RequestChanges]);
    assert_eq!(decisions(&Bench::review(80, 24).press("X y")), [Verdict::Reject]);
}

#[test]
fn deciding_keys_work_from_the_inbox_too() {
    let bench = Bench::inbox(80, 24).press("X y");
    assert_eq!(decisions(&bench), [Verdict::Reject]);
}

#[test]
fn a_superseded_version_cannot_be_approved() {
    let mut bench = read_all(80, 24);
    let mut third = bench.world.view.versions[1].clone();
    third.number = Version(3);
    bench.world.view.versions.push(third);
    let row = Box::new(bench.world.rows[0].clone());
    bench.play(Msg::Notice(Notice::SessionChanged { row }));
    let bench = bench.press("A");
    assert!(bench.model.toast.as_ref().is_some_and(|toast| toast.text.starts_with("superseded")));
    assert_eq!(decisions(&bench.press("y")), []);
}

#[test]
fn a_decision_names_its_warn_to_accept_it() {
    let bench = Bench::review(80, 24).press("O y").write("on purpose").press("Ctrl-s");
    assert!(matches!(
        bench.world.changes.last(),
        Some(Request::Override(request)) if request.rule == "tests-weakened" && request.message == "on purpose"
    ));
}

#[test]
fn three_keys_to_the_first_unread_hunk() {
    let bench = Bench::inbox(80, 24).press("Enter");
    let review = bench.model.review.as_ref().expect("open");
    let (_, file) = review.patches.file().expect("a file");
    assert_eq!(file.path.to_string(), "tests/config_test.rs", "tests first");
    assert!(matches!(review.patches.loaded.get(&0), Some(FileState::Ready(..))));
}

#[test]
fn space_reads_through_everything() {
    let bench = read_all(80, 24);
    let review = bench.model.review.as_ref().expect("open");
    let (done, all, whole) = review.patches.progress(None);
    assert_eq!((done, all, whole), (4, 4, true));
    let marks = bench.world.changes.iter().filter(|request| matches!(request, Request::Mark(_))).count();
    assert_eq!(marks, 4, "each hunk is marked once");
    assert!(bench.screen().contains("everything is read"));
}

#[test]
fn hunks_are_walked_across_files() {
    let mut files = Vec::new();
    let mut bench = Bench::review(80, 24);
    for _ in 0..5 {
        let review = bench.model.review.as_ref().expect("open");
        files.push(review.patches.current);
        bench = bench.press("]");
    }
    assert!(files.is_sorted() && files.ends_with(&[2]), "{files:?}");
    let bench = bench.press("[ [ [ [ [ [");
    assert_eq!(bench.model.review.as_ref().expect("open").patches.current, 0);
}

#[test]
fn a_comment_is_kept_with_its_line_and_kind() {
    let bench = Bench::review(80, 24).press("c Tab").write("why?").press("Ctrl-s");
    let Some(Request::Draft(draft)) = bench.world.changes.last() else { panic!("a draft") };
    assert_eq!((draft.comment.text.as_str(), draft.comment.kind), ("why?", crate::api::ThreadKind::Question));
    let bench = bench.press("C").write("whole file").press("Ctrl-s");
    let Some(Request::Draft(draft)) = bench.world.changes.last() else { panic!("a draft") };
    assert_eq!((draft.draft, draft.comment.line), (None, None), "another one");
    let drafts = bench.world.drafts.len();
    let bench = bench.press("c Ctrl-s");
    assert_eq!(bench.world.drafts.len(), drafts, "an empty comment is none");
}

#[test]
fn a_range_is_commented() {
    let bench = Bench::review(80, 24).press("j v j j c").write("these").press("Ctrl-s");
    let Some(Request::Draft(draft)) = bench.world.changes.last() else { panic!("a draft") };
    assert_eq!((draft.comment.from_line, draft.comment.line), (Some(1), Some(3)));
}

#[test]
fn notices_change_rows_and_never_the_place() {
    let mut bench = Bench::inbox(80, 24).press("j");
    let before = bench.model.inbox.selected().map(|row| row.id);
    let mut row = bench.world.rows[2].clone();
    row.needs_me = true;
    bench.play(Msg::Notice(Notice::SessionChanged { row: Box::new(row) }));
    assert_eq!(bench.model.inbox.selected().map(|row| row.id), before);
    assert!(bench.model.toast.as_ref().is_some_and(|toast| toast.text == "session 14 needs you"));
}

#[test]
fn nothing_is_drawn_where_nothing_changed() {
    let mut bench = Bench::review(80, 24);
    bench.show();
    for message in [
        Msg::Input(Input::Focus(true)),
        Msg::Shown,
        Msg::Notice(Notice::LogGrew {
            session: SessionId(12),
            check: "test".to_owned(),
            log: crate::id::HostPath::new("/tmp/log"),
            size: 5,
        }),
    ] {
        bench.play(message);
        assert!(!bench.model.dirty);
    }
}

#[test]
fn a_lost_service_is_said_and_nothing_is_closed() {
    let mut bench = Bench::review(80, 24);
    bench.play(Msg::Lost(Failure::new(FailureKind::Unreachable, "no daemon")));
    let screen = bench.press("j").screen();
    assert!(screen.contains("reconnecting"), "{screen}");
    assert!(screen.contains("tests/config_test.rs"));
}

#[test]
fn text_from_outside_is_made_safe() {
    let mut bench = Bench::inbox(80, 24).press("f f");
    let escape = bench.cells().content.iter().any(|cell| cell.symbol().chars().any(char::is_control));
    assert!(!escape);
    assert!(bench.screen().contains("^[[31m"));
}

#[test]
fn copying_names_what_is_under_the_cursor() {
    let bench = Bench::review(80, 24).press("j y Y");
    assert_eq!(bench.world.copied, ["//! Tests.", "tests/config_test.rs:1"]);
}

#[test]
fn leaving_goes_back_step_by_step() {
    let bench = Bench::review(80, 24).press("? Esc q");
    assert!(bench.model.review.is_none() && !bench.world.quit);
    assert!(bench.press("q").world.quit);
    assert!(Bench::review(80, 24).press("Q").world.quit);
}

#[test]
fn the_next_that_needs_me_opens() {
    let bench = Bench::review(80, 24).press("g n");
    assert_eq!(bench.model.review.as_ref().map(|review| review.id), Some(SessionId(9)));
}

#[test]
fn a_session_is_started_by_the_wizard() {
    let bench = Bench::inbox(80, 24).press("n").write("fix it").press("Enter Enter Enter Enter Enter Enter");
    let Some(Request::Run(run)) = bench.world.changes.last() else { panic!("a run") };
    assert_eq!(run.goal, "fix it");
    assert!(bench.model.overlays.is_empty());
    let bench = Bench::inbox(80, 24).press("n Ctrl-s");
    assert!(bench.world.changes.is_empty(), "no goal, no session");
    assert!(matches!(bench.model.overlays.last(), Some(Overlay::Wizard(wizard)) if !wizard.wrong.is_empty()));
}

const ISSUE: &str = "https://git.example.org/ada/core/-/issues/7";

#[test]
fn a_field_of_the_wizard_that_is_not_typed_in_shows_its_start() {
    let goal = "say in every message of a panic which line of which file is wrong, and what to write there";
    let bench = Bench::inbox(80, 24).press("n").write(goal).press("Enter Enter Space Space Space Space");
    snapshot("wizard_engine_80x24", bench.screen());
}

/// The wizard in a world whose forge says that of its issue.
fn issue_typed(read: Result<(IssueSource, String), Failure>) -> Bench {
    let mut world = World::new();
    world.issue = Some(read);
    let estimate = serde_json::json!({
        "schema": "paraph.estimate/1", "least_usd": "0.02", "most_usd": "1.00", "least_tokens": 9000,
        "most_tokens": 900_000, "held_by": "", "roles": [{
            "role": "implementer", "model": "openai/gpt-4.1", "least_calls": 1, "most_calls": 4, "least_tokens": 9000,
            "most_tokens": 900_000, "least_usd": "0.02", "most_usd": "1.00", "prices": "shipped",
        }],
    });
    world.estimate = Some(serde_json::from_value(estimate).expect("the fake speaks the contract"));
    Bench::of(world, 80, 24).press("n").write(ISSUE)
}

fn issue() -> (IssueSource, String) {
    let text = "# It ends with\u{1b}[31m a panic\n";
    let source = serde_json::json!({
        "url": ISSUE, "forge": "gitlab", "title": "It ends with\u{1b}[31m a panic", "state": "opened",
        "labels": ["bug"], "comments": 3, "left_out": 0, "text": crate::id::Digest::of(text.as_bytes()),
    });
    (serde_json::from_value(source).expect("the fake speaks the contract"), text.to_owned())
}

#[test]
fn an_issue_typed_as_goal_is_read_and_goes_along_with_the_session() {
    let bench = issue_typed(Ok(issue())).press("Enter");
    snapshot("wizard_issue_80x24", issue_typed(Ok(issue())).press("Enter Enter Enter Enter Enter").screen());
    let bench = bench.press("Enter Enter Enter Enter Enter");
    let Some(Request::Run(run)) = bench.world.changes.last() else { panic!("a run") };
    let known = run.issue.as_ref().expect("the issue goes along");
    assert_eq!((run.goal.as_str(), &known.url, known.text), (issue().0.title.raw(), &issue().0.url, issue().0.text));
    assert_eq!(bench.world.blobs.read(&known.text).expect("its text is kept"), issue().1.as_bytes());
    // who starts at once is shown what it is and what it may cost, and starts with the next key
    let bench = issue_typed(Ok(issue())).press("Ctrl-s");
    assert!(bench.world.changes.is_empty());
    let bench = bench.press("Enter");
    assert!(matches!(bench.world.changes.last(), Some(Request::Run(run)) if run.issue.is_some()));
}

#[test]
fn an_issue_that_cannot_be_read_starts_nothing() {
    let failure = Failure::new(FailureKind::NotFound, "there is no issue 7").hint("look whether the address is right");
    let bench = issue_typed(Err(failure)).press("Enter");
    assert!(bench.model.overlays.iter().any(|open| matches!(open, Overlay::Wizard(wizard) if wizard.at == At::Goal)));
    assert!(bench.world.changes.is_empty());
    assert!(bench.screen().contains("there is no issue 7 (look whether the address is right)"));
    // an address of anything else is a goal in words
    let bench = Bench::inbox(80, 24).press("n").write("https://example.org/style.md").press("Ctrl-s");
    assert!(matches!(bench.world.changes.last(), Some(Request::Run(run)) if run.issue.is_none()));
}

#[test]
fn several_candidates_are_started_by_the_wizard() {
    let typed = |words: &str| Bench::inbox(80, 24).press("n").write("fix it").press("Tab Tab Tab").write(words);
    snapshot("wizard_candidates_80x24", typed("rules llm:openai/gpt-4.1").screen());
    let bench = typed("rules:rust-unwrap llm:openai/gpt-4.1 command:ruff").press("Ctrl-s");
    let Some(Request::Run(run)) = bench.world.changes.last() else { panic!("a run") };
    let engines: Vec<&str> = run.candidates.iter().map(|one| one.engine.name()).collect();
    assert_eq!((run.engine, engines), (None, vec!["rules", "llm", "command"]));
    assert_eq!(run.candidates[0].rules, ["rust-unwrap"]);
    assert_eq!(run.candidates[1].model.as_deref(), Some("openai/gpt-4.1"));
    assert_eq!(run.candidates[2].program.as_ref().map(|program| program.name.as_str()), Some("ruff"));
    let mut world = World::new();
    world.view.candidates = [12, 13].map(SessionId).to_vec();
    let bench = Bench::of(world, 80, 24).press("n").write("fix it").press("Tab Tab Tab").write("rules llm");
    let toast = bench.press("Ctrl-s").model.toast.expect("it is told");
    assert_eq!((toast.text.as_str(), toast.hint.as_str()), ("2 candidates started", "K compares them"));
    for (words, wrong) in [("rules", "one more"), ("rules magic", "magic"), ("rules patch:a.diff", "in a shell")] {
        let bench = typed(words).press("Ctrl-s");
        assert!(bench.world.changes.is_empty(), "{words}");
        assert!(bench.screen().contains(wrong), "{words}");
    }
}

#[test]
fn a_goal_of_several_lines_is_written_in_the_editor() {
    let editor = |text: &str| Some(format!("{text}\r\n\r\nbecause it breaks\n"));
    let written = || {
        let mut bench = Bench::inbox(80, 24).press("n").write("fix it");
        bench.world.editor = editor;
        bench.press("Ctrl-e")
    };
    assert!(written().screen().contains("fix it  (1 more line)"), "{}", written().screen());
    // a key would be lost in it: it says so, and nothing is
    assert!(written().write("x").screen().contains("^e writes on"), "{}", written().write("x").screen());
    let bench = written().write("x");
    let bench = bench.press("Ctrl-s");
    let Some(Request::Run(run)) = bench.world.changes.last() else { panic!("a run") };
    assert_eq!(run.goal, "fix it\n\nbecause it breaks");
    // one line stays a field like any other, and Backspace drops several
    let mut bench = Bench::inbox(80, 24).press("n Tab Tab");
    bench.world.editor = |_| Some("one line\n".to_owned());
    let bench = bench.press("Ctrl-e").write("!").press("Ctrl-s");
    let Some(Request::Run(run)) = bench.world.changes.last() else { panic!("a run") };
    assert_eq!(run.goal, "one line!");
    let bench = written().press("Backspace Ctrl-s");
    assert!(bench.world.changes.is_empty(), "no goal, no session");
    // an editor that was left without a word changes nothing
    let mut bench = Bench::inbox(80, 24).press("n").write("fix it");
    bench.world.editor = |_| None;
    assert!(bench.press("Ctrl-e").screen().contains("fix it"));
}

#[test]
fn a_relative_repository_is_the_one_beside_the_person() {
    let bench = Bench::inbox(80, 24).press("n").write("fix it").press("Enter Ctrl-u").write("../other");
    let bench = bench.press("Enter Enter Enter Enter Enter");
    let Some(Request::Run(run)) = bench.world.changes.last() else { panic!("a run") };
    let path = crate::id::HostPath::new("/home/ada/core/src/../other");
    assert_eq!(run.repositories[0].source, super::words::Source::Path(path));
}

/// What was trusted, and whether it was said yes to.
fn trusts(bench: &Bench) -> Vec<String> {
    let yes = |request: &Request| match request {
        Request::Trust(asked) if asked.trust == Some(true) => Some(asked.path.to_string()),
        _ => None,
    };
    bench.world.changes.iter().filter_map(yes).collect()
}

#[test]
fn trust_shows_the_commands_before_it_is_given() {
    let asked = || Bench::review(100, 30).press(":").write("trust").press("Enter");
    let screen = asked().screen();
    assert!(screen.contains("  cargo test") && screen.contains("  make ^[[2Jlint"), "{screen}");
    let long = || {
        let mut world = World::new();
        world.commands = vec![format!("make {} && the-end", "quiet ".repeat(20)).into()];
        Bench::of(world, 80, 24).press("Enter :").write("trust").press("Enter")
    };
    assert!(long().screen().contains("the-end"), "a command's end is shown: {}", long().screen());
    assert_eq!(trusts(&asked()), [] as [String; 0], "a question alone gives nothing");
    assert_eq!(trusts(&asked().press("Esc")), [] as [String; 0]);
    assert_eq!(trusts(&asked().press("y")).len(), 1);
    let address = "https://example.org/a.git";
    let bench = || {
        let mut world = World::new();
        world.view.lanes[0].source = super::words::Source::Url(address.to_owned());
        world.commands = (0..20).map(|n| format!("make step-{n}").into()).collect();
        Bench::of(world, 100, 30).press("Enter :").write("trust").press("Enter")
    };
    let screen = bench().screen();
    assert!(screen.contains(address) && screen.contains("and 8 more: paraph trust --show"), "{screen}");
    assert_eq!(trusts(&bench().press("y")), [address]);
}

#[test]
fn secrets_are_stars_on_the_screen() {
    let token = format!("{}{}", "ghp_", "k3J9Zx81Qw7e".repeat(3));
    for keys in ["", "1", "3", "6", "t"] {
        let mut world = World::new();
        let new = format!("a = '{token}'\n");
        world.sets[0].files = vec![world.file("a.py", Some("a = 1\n"), Some(&new), 1, 1)];
        world.threads[0].comments[0].text = format!("is {token} yours?").into();
        world.view.versions[1].explanation = format!("uses {token}").into();
        let screen = Bench::of(world, 140, 45).press("Enter").press(keys).screen();
        assert!(!screen.contains("ghp_") && !screen.contains(&token[4..12]), "{keys}: {screen}");
        assert!(!keys.is_empty() || screen.contains(&format!("a = '{}'", "*".repeat(40))), "{screen}");
    }
}

#[test]
fn every_size_is_survived() {
    for (columns, rows) in [(1, 1), (2, 3), (5, 2), (10, 4), (19, 5), (33, 9), (64, 11), (99, 17), (250, 80)] {
        for keys in ["", "1", "2", "3", "4", "5", "} x t", "7", "8", "9", "A", "?", ":", "c", "| w", "z R G", "t Tab j"]
        {
            let _ = Bench::review(columns, rows).press(keys).screen();
        }
        let _ = Bench::inbox(columns, rows).press("f f f n").screen();
    }
}

#[test]
fn a_long_diff_costs_a_screen_a_frame() {
    let (old, new): (String, String) =
        (0..50_000).map(|n| (format!("let a{n} = {n};\n"), format!("let b{n} = {};\n", n + 1))).unzip();
    let mut world = World::new();
    world.sets[0].files = vec![world.file("big.rs", Some(&old), Some(&new), 50_000, 50_000)];
    let mut bench = Bench::of(world, 120, 40).press("Enter");
    let started = std::time::Instant::now();
    for _ in 0..100 {
        bench = bench.press("j");
    }
    let bench = bench.press("G");
    let patches = &bench.model.review.as_ref().expect("open").patches;
    assert!(patches.layout.rows() >= 100_000);
    assert_eq!(patches.cursor, patches.layout.rows() - 1);
    // unoptimised and on a busy machine: 101 frames of all rows would take minutes
    assert!(started.elapsed().as_secs() < 10, "{:?}", started.elapsed());
}

#[test]
fn a_line_down_sends_little() {
    let line = |n: usize| format!("    let value_{n} = compute(input_{n}, {n}).expect(\"checked above\"); // {n}\n");
    let old: String = (0..2500).map(line).collect();
    let new = old.replace("compute", "derive");
    let mut world = World::new();
    world.sets[0].files = vec![world.file("big.rs", Some(&old), Some(&new), 2500, 2500)];
    world.threads.clear();
    let mut bench = Bench::of(world, 120, 40).press("Enter t |").press("| j j j j j j j j j j Ctrl-d Ctrl-d");
    let mut shown = bench.frame();
    let mut sizes: Vec<usize> = (0..60)
        .map(|_| {
            let keyed = std::mem::replace(&mut bench, Bench::inbox(20, 6)).press("j");
            bench = keyed;
            let next = bench.frame();
            let bytes = super::terminal::frame_bytes(&shown.0, shown.1, &next.0, next.1);
            shown = next;
            bytes
        })
        .collect();
    sizes.sort_unstable();
    // gitui sends 2,870 bytes here, tig 230, a bare ratatui draw 4,137 (bench/RESULTS.md, goal 5): a quarter of gitui
    assert!(sizes[30] <= 717, "median {} bytes, most {}", sizes[30], sizes[59]);
}

#[test]
fn what_a_window_hides_was_not_shown() {
    // from the inbox nothing was read: the diff lies under the panel
    let bench = Bench::inbox(80, 24).press("A y");
    assert_eq!(decisions(&bench), []);
    assert!(bench.screen().contains("4 hunks never shown"));
    let bench = Bench::inbox(80, 24).press("A Esc A");
    assert!(bench.screen().contains("3 hunks never shown"), "the first one was, in between");
}
