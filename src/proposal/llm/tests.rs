//! The engine against models that say what a test tells them to.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::thread::{self, ThreadId as Thread};

use super::*;
use crate::diff::FileSide;
use crate::id::{LaneId, SessionId, ThreadId, Version};
use crate::indexing::{BasicFileIndex, Focus, IndexStrategy as _};
use crate::infrastructure::llm::{CallBlock, Finish, Usage};
use crate::planning::Role;
use crate::planning::{AskError, Kind, Models};
use crate::proposal::{CheckFailure, Feedback, Guidance, Quoted, SaidLines};
use crate::repository::{MemoryTree, RepoKey, Snapshot, Source, Tree, TreeEntry};

const CART: &str = "def total(items):\n    return int(sum(items))\n";

const ANSWER: &str = "It cut off cents; it rounds now.\n\nCOMMIT: fix(cart): round the total\n\ncart.py\n```\n<<<<<<< SEARCH\n    return int(sum(items))\n=======\n    return round(sum(items))\n>>>>>>> REPLACE\n```\n";

/// Answers in order and remembers what it was asked.
struct Scripted {
    replies: Mutex<VecDeque<ChatReply>>,
    /// Larger prompts are refused, where it is said.
    takes: Mutex<u64>,
    asked: Mutex<Vec<Question>>,
}

impl Scripted {
    fn new(replies: impl IntoIterator<Item = ChatReply>) -> Arc<Self> {
        Arc::new(Self {
            replies: Mutex::new(replies.into_iter().collect()),
            takes: Mutex::new(u64::MAX),
            asked: Mutex::default(),
        })
    }

    fn asked(&self) -> Vec<Question> {
        self.asked.lock().expect("one thread").clone()
    }
}

#[async_trait]
impl Models for Scripted {
    async fn ask(&self, question: &Question, _cancel: &Cancel) -> Result<ChatReply, AskError> {
        self.asked.lock().expect("one thread").push(question.clone());
        if question.request.estimated_tokens() > *self.takes.lock().expect("one thread") {
            let (why, next) = ("it is too large".to_owned(), "context = TOKENS".to_owned());
            return Err(AskError::TooLong { role: question.role, why, next, counted: None });
        }
        let next = self.replies.lock().expect("one thread").pop_front();
        next.ok_or(AskError::Failed {
            role: question.role,
            tries: vec!["nothing more was scripted".to_owned()],
            next: String::new(),
        })
    }

    fn room(&self, _role: Role) -> u64 {
        30_000
    }
}

fn says(text: &str) -> ChatReply {
    ChatReply {
        text: text.to_owned(),
        calls: Vec::new(),
        finish: Finish::Stop,
        usage: Usage::default(),
        model: "m".to_owned(),
        request_id: String::new(),
        kept: None,
        without_tools: false,
        hides_key: false,
    }
}

fn wants(tool: &str, arguments: &str) -> ChatReply {
    let call = CallBlock { id: "c1".to_owned(), name: tool.to_owned(), arguments: arguments.to_owned() };
    ChatReply { calls: vec![call], finish: Finish::Tools, ..says("") }
}

fn brief(models: Arc<Scripted>, files: &[(&str, &str)]) -> Brief {
    let tree = MemoryTree::new(files.iter().map(|(path, text)| (*path, FileSide::regular(text.as_bytes()))));
    Brief {
        session: SessionId(1),
        version: Version::FIRST,
        lane: LaneId(0),
        role: crate::planning::Role::Implementer,
        goal: "round the total in cart.py".into(),
        kind: Kind::Bugfix,
        paths: Vec::new(),
        rules: Vec::new(),
        work: None,
        snapshot: Snapshot {
            repo: "r".into(),
            source: Source::Url("https://example.invalid/r".into()),
            key: RepoKey("r".into()),
            commit: tree.id().clone(),
            tree: tree.id().clone(),
            branch: None,
            adopted: None,
            adopted_at: None,
            left_out: 0,
            notices: Vec::new(),
        },
        tree: Arc::new(tree),
        index: None,
        patch: None,
        previous: None,
        feedback: Vec::new(),
        failures: Vec::new(),
        guidance: Vec::new(),
        artifacts: Vec::new(),
        issue: None,
        left: None,
        models,
        ear: Arc::new(crate::proposal::Deaf),
        unwanted: Cancel::new(),
        order: crate::proposal::WorkOrder::default(),
    }
}

fn engine() -> LlmEngine {
    LlmEngine::new(LiveMask::new(vec!["hunter22-secret".to_owned()]), LlmLimits::default())
}

async fn draft(brief: &Brief) -> Result<Draft, EngineError> {
    engine().draft(brief, &Cancel::new()).await
}

/// All that the n-th question sent, as one text.
fn sent(models: &Scripted, n: usize) -> String {
    let question = &models.asked()[n];
    serde_json::to_string(&question.request).expect("plain data")
}

fn text_of(draft: &Draft, path: &str) -> String {
    let file = draft.changes.get(&path.into()).expect("it is changed");
    String::from_utf8(file.new.as_ref().expect("it is there").content.to_vec()).expect("text")
}

#[tokio::test]
async fn an_answer_becomes_a_draft() {
    let models = Scripted::new([says(ANSWER)]);
    let draft = draft(&brief(models.clone(), &[("cart.py", CART)])).await.expect("it drafts");
    assert_eq!(text_of(&draft, "cart.py"), CART.replace("int(", "round("));
    assert_eq!(draft.message.raw(), "fix(cart): round the total\n");
    assert_eq!(draft.explanation.raw(), "It cut off cents; it rounds now.");
    let items: Vec<String> = draft.context.items.iter().map(|item| format!("{}: {}", item.path, item.why)).collect();
    assert_eq!(items, ["cart.py: the goal names it"]);
    assert_eq!(models.asked()[0].role, Role::Implementer);
}

#[tokio::test]
async fn what_does_not_place_is_sent_back_with_the_reason() {
    let wrong = ANSWER.replace("    return int(sum(items))\n=", "    return float(sum(items))\n=");
    let models = Scripted::new([says(&wrong), says(ANSWER)]);
    let draft = draft(&brief(models.clone(), &[("cart.py", CART)])).await.expect("the second answer places");
    assert_eq!(text_of(&draft, "cart.py"), CART.replace("int(", "round("));
    assert!(sent(&models, 1).contains("cart.py"), "the reason names the file");
    assert_eq!(models.asked()[1].request.messages.len(), 3);
}

#[tokio::test]
async fn after_the_last_try_it_is_refused_and_nothing_is_half_done() {
    let cut = ChatReply { finish: Finish::Length, ..says(ANSWER) };
    let models = Scripted::new([cut.clone(), cut.clone(), cut.clone(), cut]);
    match draft(&brief(models.clone(), &[("cart.py", CART)])).await {
        Err(EngineError::DoesNotApply { refusals }) => assert!(!refusals.is_empty()),
        other => panic!("{other:?}"),
    }
    assert_eq!(models.asked().len(), 4, "one answer and three that were sent back");
}

#[tokio::test]
async fn it_may_look_before_it_answers_and_what_it_saw_is_recorded() {
    let models = Scripted::new([wants("read_file", r#"{"path":"lib/money.py"}"#), says(ANSWER)]);
    let files = [("cart.py", CART), ("lib/money.py", "CENT = 1\n")];
    let draft = draft(&brief(models.clone(), &files)).await.expect("it drafts");
    assert!(sent(&models, 1).contains("CENT = 1"));
    assert!(draft.context.inputs.iter().any(|input| input.starts_with("looked: read_file")), "{:?}", draft.context);
    assert!(draft.context.items.iter().any(|item| item.why == "the model asked for it"));
}

#[tokio::test]
async fn looking_reaches_nothing_outside_the_tree() {
    for path in ["/etc/passwd", "../secret", "a/../../b"] {
        let ask = wants("read_file", &serde_json::json!({ "path": path }).to_string());
        let models = Scripted::new([ask, says(ANSWER)]);
        draft(&brief(models.clone(), &[("cart.py", CART)])).await.expect("it drafts");
        assert!(sent(&models, 1).contains("there is no file"), "{path}");
    }
}

#[tokio::test]
async fn what_was_drafted_without_looking_says_so_once() {
    let blind = |text: &str| ChatReply { without_tools: true, ..says(text) };
    let told = |draft: &Draft| draft.context.inputs.iter().filter(|input| input.starts_with("could not look")).count();
    let models = Scripted::new([blind("no edit"), blind(ANSWER)]);
    assert_eq!(told(&draft(&brief(models, &[("cart.py", CART)])).await.expect("it drafts")), 1);
    let models = Scripted::new([says(ANSWER)]);
    assert_eq!(told(&draft(&brief(models, &[("cart.py", CART)])).await.expect("it drafts")), 0);
}

#[tokio::test]
async fn it_cannot_look_for_ever() {
    let looks = (0..40).map(|_| wants("list_files", "{}"));
    let models = Scripted::new(looks);
    assert!(matches!(draft(&brief(models.clone(), &[("cart.py", CART)])).await, Err(EngineError::DoesNotApply { .. })));
    let asked = models.asked();
    let most = LlmLimits::default();
    assert_eq!(asked.len(), (most.looks + 1 + most.send_backs) as usize);
    let (looks, rest) = asked.split_at(most.looks as usize);
    assert!(looks.iter().all(|one| !one.request.calls_forbidden));
    assert!(rest.iter().all(|one| one.request.calls_forbidden), "at the end it may not look any more");
    let first = &asked[0].request.tools;
    assert!(asked.iter().all(|one| one.request.tools == *first), "its tools are told all the same");
}

/// All that the tools said in the n-th question's last turn.
fn results(models: &Scripted, n: usize) -> Vec<String> {
    let asked = models.asked();
    let last = asked[n].request.messages.last().expect("a turn").parts.clone();
    let texts = last.into_iter().filter_map(|part| match part {
        Part::Result { text, .. } => Some(text),
        _ => None,
    });
    texts.collect()
}

fn wants_all(calls: impl IntoIterator<Item = CallBlock>) -> ChatReply {
    ChatReply { calls: calls.into_iter().collect(), finish: Finish::Tools, ..says("") }
}

#[tokio::test]
async fn one_reply_looks_at_so_much_and_is_told_of_the_rest() {
    let call = |path: &str| wants("read_file", &format!("{{\"path\":\"{path}\"}}")).calls.remove(0);
    let many = wants_all((0..40).map(|_| call("cart.py")));
    let large = "# a line that says nothing\n".repeat(1_000);
    let few_of_much = wants_all((0..8).map(|_| call("large.py")));
    let models = Scripted::new([many, few_of_much, says(ANSWER)]);
    draft(&brief(models.clone(), &[("cart.py", CART), ("large.py", &large)])).await.expect("it drafts");
    for (n, served) in [(1, looking::AT_ONCE), (2, 4)] {
        let results = results(&models, n);
        let (looked, told) = results.split_at(served);
        assert!(looked.iter().all(|text| text.starts_with("File `")), "{n}: {looked:?}");
        assert!(told.iter().all(|text| text.starts_with("too much at once")), "{n}: {told:?}");
    }
    assert_eq!(results(&models, 1).len(), 40, "each call has its answer");
}

#[tokio::test]
async fn calls_without_end_are_not_looked_at_and_do_not_go_back() {
    let call = |n: usize| CallBlock { id: format!("c{n}"), name: "search".to_owned(), arguments: "{}".to_owned() };
    let long = CallBlock { arguments: format!("{{\"text\":\"{}\"}}", "x".repeat(1 << 20)), ..call(0) };
    let models = Scripted::new([wants_all((0..100_000).map(call)), wants_all([long]), says(ANSWER)]);
    let draft = draft(&brief(models.clone(), &[("cart.py", CART)])).await.expect("it drafts");
    for n in [1, 2] {
        assert!(sent(&models, n).len() < sent(&models, 0).len() + 2_000, "{n}");
        assert!(sent(&models, n).contains("None was looked at"), "{n}");
    }
    let looked: Vec<&String> = draft.context.inputs.iter().filter(|input| input.starts_with("looked:")).collect();
    assert_eq!(looked, ["looked: at nothing: 100000 calls at once", "looked: at nothing: 1 calls at once"]);
}

#[tokio::test]
async fn a_name_and_words_without_end_are_cut() {
    let name = "n".repeat(30_000);
    let wordy = ChatReply { text: "w".repeat(1 << 20), ..wants(&name, "{}") };
    let models = Scripted::new([wordy, says(&"v".repeat(1 << 20)), says(ANSWER)]);
    let draft = draft(&brief(models.clone(), &[("cart.py", CART)])).await.expect("it drafts");
    let looked: Vec<&String> = draft.context.inputs.iter().filter(|input| input.starts_with("looked:")).collect();
    assert!(looked.len() == 1 && looked[0].len() < 100, "{}", looked[0].len());
    assert!(results(&models, 1)[0].len() < 100);
    assert!(sent(&models, 2).len() < 2 * MOST_SAID + 100_000, "{}", sent(&models, 2).len());
}

/// Somebody asks to stop while a model answers.
struct Stopping(Arc<Scripted>, Cancel);

#[async_trait]
impl Models for Stopping {
    async fn ask(&self, question: &Question, cancel: &Cancel) -> Result<ChatReply, AskError> {
        let reply = self.0.ask(question, cancel).await;
        self.1.cancel();
        reply
    }

    fn room(&self, role: Role) -> u64 {
        self.0.room(role)
    }
}

#[tokio::test]
async fn who_is_stopped_looks_at_nothing_more() {
    let (models, cancel) = (Scripted::new([wants("list_files", "{}"), says(ANSWER)]), Cancel::new());
    let mut brief = brief(models.clone(), &[("cart.py", CART)]);
    brief.models = Arc::new(Stopping(models.clone(), cancel.clone()));
    assert!(matches!(engine().draft(&brief, &cancel).await, Err(EngineError::Cancelled)));
    assert_eq!(models.asked().len(), 1);
    let (tree, stopped) = (brief.tree.as_ref(), cancel);
    let call = wants("search", r#"{"text":"int"}"#).calls;
    let redactor = Redactor::new(LiveMask::default());
    assert!(matches!(looking::look((&brief, tree), &call, redactor, &stopped), Err(EngineError::Cancelled)));
}

/// A tree that knows who read it.
struct Watched(Arc<dyn Tree>, Mutex<Vec<(RepoPath, Thread)>>);

impl Tree for Watched {
    fn id(&self) -> &crate::id::ObjectId {
        self.0.id()
    }
    fn entries(&self) -> Result<Arc<[TreeEntry]>, TreeError> {
        self.0.entries()
    }
    fn entry(&self, path: &RepoPath) -> Result<Option<TreeEntry>, TreeError> {
        self.0.entry(path)
    }
    fn content(&self, entry: &TreeEntry) -> Result<Arc<[u8]>, TreeError> {
        self.1.lock().expect("nobody panics").push((entry.path.clone(), thread::current().id()));
        self.0.content(entry)
    }
    fn size(&self, entry: &TreeEntry) -> Result<u64, TreeError> {
        self.0.size(entry)
    }
}

#[tokio::test]
async fn looking_holds_up_nobody_else() {
    let models = Scripted::new([wants("search", r#"{"text":"CENT"}"#), says(ANSWER)]);
    let mut brief = brief(models, &[("cart.py", CART), ("lib/money.py", "CENT = 1\n")]);
    let watched = Arc::new(Watched(brief.tree.clone(), Mutex::default()));
    brief.tree = watched.clone();
    draft(&brief).await.expect("it drafts");
    let read = watched.1.lock().expect("nobody panics").clone();
    let of_search: Vec<Thread> =
        read.into_iter().filter(|(path, _)| *path == "lib/money.py".into()).map(|(_, thread)| thread).collect();
    assert!(!of_search.is_empty() && !of_search.contains(&thread::current().id()), "{of_search:?}");
}

const OF_CI: &str = "ci/build.yml\n```\n<<<<<<< SEARCH\non: push\n=======\non: [push]\n>>>>>>> REPLACE\n```\n";

#[tokio::test]
async fn an_edit_outside_of_the_paths_is_sent_back_whoever_wrote_it() {
    let both = format!("{ANSWER}\n{OF_CI}");
    let files = [("cart.py", CART), ("ci/build.yml", "on: push\n")];
    let models = Scripted::new([says(&both), says(ANSWER)]);
    let inside = Brief { paths: vec!["*.py".to_owned()], ..brief(models.clone(), &files) };
    let made = draft(&inside).await.expect("the second answer keeps to them");
    let changed: Vec<String> = made.changes.files().iter().map(|file| file.path.to_string()).collect();
    assert_eq!(changed, ["cart.py"]);
    let told = sent(&models, 1);
    assert!(told.contains("- ci/build.yml: it is outside of the paths") && !told.contains("- cart.py"), "{told}");
    let again = Brief { models: Scripted::new((0..4).map(|_| says(&both))), ..inside.clone() };
    match draft(&again).await {
        Err(EngineError::DoesNotApply { refusals }) => assert_eq!(refusals.len(), 1, "{refusals:?}"),
        other => panic!("{other:?}"),
    }
    let test = "tests/test_a.py\n```\n<<<<<<< SEARCH\n=======\ndef test_a(): pass\n>>>>>>> REPLACE\n```\n";
    let models = Scripted::new([says(test), says("NO CHANGES: tests are not among the paths")]);
    let tester = Brief { role: Role::Tester, paths: vec!["src".to_owned()], models: models.clone(), ..inside };
    assert!(matches!(draft(&tester).await, Err(EngineError::NothingToAdd { .. })));
    assert!(sent(&models, 1).contains("tests/test_a.py: it is outside"));
}

#[tokio::test]
async fn a_folder_among_the_paths_is_shown_however_low_it_ranks() {
    let names: Vec<String> = (0..60).map(|n| format!("cart/cart{n}.py")).collect();
    let mut files: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), CART)).collect();
    files.extend([("src/deep/plain.py", "PLAIN = 1\n"), ("srcs/other.py", "OTHER = 1\n")]);
    for has_index in [true, false] {
        let models = Scripted::new([says("CANNOT: no")]);
        let mut brief = brief(models.clone(), &files);
        (brief.goal, brief.paths) = ("make the cart round".into(), vec!["src/".to_owned()]);
        let focus = Focus::on_goal("make the cart round");
        let index = BasicFileIndex::default().index(brief.tree.as_ref(), &focus, &Cancel::new()).expect("reads");
        brief.index = has_index.then(|| Arc::new(index));
        drop(draft(&brief).await);
        let all = sent(&models, 0);
        assert!(all.contains("File `src/deep/plain.py` as it is now"), "{has_index}");
        assert!(!all.contains("File `cart/") && !all.contains("File `srcs/"), "{has_index}");
    }
}

#[tokio::test]
async fn words_of_a_file_end_no_draft() {
    let prompt = "Rules\nCANNOT: says what is missing\nEnd\n";
    let diff = "Translated.\n\nCOMMIT: docs: translate\n\n--- a/p.md\n+++ b/p.md\n@@ -1,3 +1,3 @@\n-Rules\n+Regeln\n \
                CANNOT: says what is missing\n End\n";
    let models = Scripted::new([says(diff)]);
    let made = draft(&brief(models, &[("p.md", prompt)])).await.expect("it drafts");
    assert_eq!(text_of(&made, "p.md"), prompt.replace("Rules", "Regeln"));
    // a word beside an edit is a word to the reviewer
    let beside = format!("CANNOT: test it here, so look twice.\n\n{ANSWER}");
    let made = draft(&brief(Scripted::new([says(&beside)]), &[("cart.py", CART)])).await.expect("it drafts");
    assert!(made.explanation.raw().starts_with("CANNOT: test it here"), "{}", made.explanation.raw());
}

#[tokio::test]
async fn secrets_are_gone_before_anything_is_sent_and_their_rules_recorded() {
    let token = format!("ghp_{}", "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8");
    let files = [("cart.py", CART.to_owned() + "KEY = 'hunter22-secret'\n"), ("AGENTS.md", format!("token {token}\n"))];
    let models = Scripted::new([says(ANSWER)]);
    let mut brief = brief(models.clone(), &files.each_ref().map(|(path, text)| (*path, text.as_str())));
    let entry = brief.tree.entry(&"AGENTS.md".into()).expect("reads").expect("is there");
    brief.guidance = vec![Guidance { path: entry.path, id: entry.id, text: files[1].1.as_str().into() }];
    let draft = draft(&brief).await.expect("it drafts");
    let all = sent(&models, 0);
    assert!(!all.contains("hunter22") && !all.contains(&token), "{all}");
    let redacted = &models.asked()[0].redacted;
    assert!(redacted.iter().any(|one| one == "key in cart.py"), "{redacted:?}");
    assert!(redacted.iter().any(|one| one.ends_with("in AGENTS.md")), "{redacted:?}");
    assert!(draft.context.inputs.iter().any(|input| input.starts_with("redacted: ")));
}

/// A configuration with a key that Paraph was given, and its model's answer with `written` in the key's place.
fn with_a_key(written: &str) -> (&'static str, ChatReply) {
    let answer =
        format!("Shorter.\n\nCOMMIT: fix: wait less\n\nconf.py (whole file):\n```\nKEY = '{written}'\nWAIT = 1\n```\n");
    ("KEY = 'hunter22-secret'\nWAIT = 9\n", says(&answer))
}

#[tokio::test]
async fn a_mark_in_a_secrets_place_is_sent_back_and_never_written() {
    let around = "Shorter.\n\nCOMMIT: fix: wait less\n\nconf.py\n```\n<<<<<<< SEARCH\nWAIT = 9\n=======\nWAIT = 1\n>>>>>>> REPLACE\n```\n";
    for written in ["[masked]", "***************", "[masked:github-token]"] {
        let (conf, wrong) = with_a_key(written);
        let models = Scripted::new([wrong, says(around)]);
        let draft = draft(&brief(models.clone(), &[("cart.py", CART), ("conf.py", conf)])).await.expect("the second");
        assert_eq!(text_of(&draft, "conf.py"), "KEY = 'hunter22-secret'\nWAIT = 1\n", "{written}");
        let told = sent(&models, 1);
        assert!(told.contains("conf.py: line 1 would hold") && !told.contains("hunter22"), "{told}");
    }
    let (conf, wrong) = with_a_key("[masked]");
    let models = Scripted::new(std::iter::repeat_n(wrong, 4));
    match draft(&brief(models, &[("cart.py", CART), ("conf.py", conf)])).await {
        Err(EngineError::DoesNotApply { refusals }) => assert_eq!(refusals, ["conf.py: line 1 would hold `[masked]`"]),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn marks_that_a_file_has_or_that_somebody_asks_for_are_written() {
    let place = |line: &str| {
        says(&ANSWER.replace("    return round(sum(items))", &format!("    # {line}\n    return round(sum(items))")))
    };
    // the repository's own word, where nothing was hidden
    let models = Scripted::new([place("[masked]")]);
    let made = draft(&brief(models, &[("cart.py", CART)])).await.expect("nobody hid a key");
    assert!(text_of(&made, "cart.py").contains("# [masked]"));
    // the provider put a key that Paraph holds into its answer: the mark is of that
    let hides = ChatReply { hides_key: true, ..place("[masked]") };
    let models = Scripted::new(std::iter::repeat_n(hides, 4));
    assert!(matches!(draft(&brief(models, &[("cart.py", CART)])).await, Err(EngineError::DoesNotApply { .. })));
    // a fixture of the base that moves and is indented otherwise
    let base = format!("# see [masked:github-token]\n{CART}");
    let models = Scripted::new([place("see [masked:github-token]")]);
    let made = draft(&brief(models, &[("cart.py", &base)])).await.expect("the line is the base's");
    assert_eq!(text_of(&made, "cart.py").matches("[masked:github-token]").count(), 2);
    // a goal that names it
    let models = Scripted::new([place("[masked:github-token]")]);
    let mut asked = brief(models, &[("cart.py", CART)]);
    asked.goal = "say in cart.py that tokens show as [masked:github-token]".into();
    draft(&asked).await.expect("it was asked for");
}

#[tokio::test]
async fn a_key_that_is_learned_while_it_drafts_is_hidden_from_then_on() {
    let mask = LiveMask::default();
    let engine = LlmEngine::new(mask.clone(), LlmLimits::default());
    let files = [("cart.py", CART), ("conf.py", "KEY = 'team-llm-4711-blue'\n")];
    let models = Scripted::new([says(ANSWER)]);
    mask.learn("team-llm-4711-blue");
    let mut brief = brief(models.clone(), &files);
    brief.goal = "round the total in cart.py, see conf.py and team-llm-4711-blue".into();
    engine.draft(&brief, &Cancel::new()).await.expect("it drafts");
    let all = sent(&models, 0);
    assert!(!all.contains("4711") && all.contains("KEY = '[masked]'") && all.contains("and [masked]"), "{all}");
    assert_eq!(models.asked()[0].redacted, ["key in the goal", "key in conf.py"]);
}

#[tokio::test]
async fn what_a_comment_is_about_is_told_with_its_lines_and_quoted() {
    let mut brief = brief(Scripted::new([]), &[("cart.py", CART)]);
    let said = |lines, outdated, text: &str, redacted| Feedback {
        path: Some("cart.py".into()),
        lines,
        outdated,
        quoted: Some(Quoted { text: text.into(), redacted }),
        ..Feedback::words("why?".into())
    };
    let at = |from, to, on_base| Some(SaidLines { from, to, on_base });
    brief.feedback = vec![
        said(at(2, 4, false), false, "one\ntwo", false),
        said(at(7, 7, true), false, "as it was", false),
        said(at(3, 3, false), true, "KEY = ****", true),
        said(None, true, "gone", false),
    ];
    let models = Scripted::new([says("CANNOT: no")]);
    brief.models = models.clone();
    drop(draft(&brief).await);
    let all = sent(&models, 0).replace("\\n", "\n");
    for part in [
        "on `cart.py` lines 2 to 4: why?\n  It is about (data):\n  > one\n  > two\n",
        "on `cart.py` line 7 of the base: why?",
        "on `cart.py` near line 3, changed since it was said: why?",
        "on `cart.py`, changed since it was said: why?\n  It is about (data):\n  > gone",
    ] {
        assert!(all.contains(part), "{part}: {all}");
    }
    assert_eq!(models.asked()[0].redacted, ["secret in what a comment is about"]);
}

#[tokio::test]
async fn the_next_version_goes_on_from_the_one_before_and_answers_threads() {
    let mut brief = brief(Scripted::new([]), &[("cart.py", CART), ("b.py", "B = 1\n")]);
    let first = brief.tree.side(&"cart.py".into()).expect("reads");
    let now = Some(FileSide::regular(CART.replace("int(", "round(").into_bytes()));
    brief.previous =
        Some(Arc::new(ChangeSet::new([FileChange { path: "cart.py".into(), old: first.clone(), new: now }])));
    let said = |kind: &str, text: &str| Feedback {
        path: Some("cart.py".into()),
        lines: Some(SaidLines { from: 2, to: 2, on_base: false }),
        thread: Some(ThreadId(4)),
        kind: kind.to_owned(),
        ..Feedback::words(text.into())
    };
    brief.feedback = vec![said("must", "two digits, please")];
    let output = "E   assert 3 == 2.5".into();
    brief.failures = vec![CheckFailure {
        check: "pytest".into(),
        status: "broken".into(),
        broken: vec!["test_cents".into()],
        output,
    }];
    let answer = "Two digits.\nTHREAD 4: changed - rounds to cents\nTHREAD 9: answered - there is no such thread\nCOMMIT: fix(cart): round to cents\ncart.py\n```\n<<<<<<< SEARCH\n    return round(sum(items))\n=======\n    return round(sum(items), 2)\n>>>>>>> REPLACE\n```\n";
    let models = Scripted::new([says(answer)]);
    brief.models = models.clone();
    let draft = draft(&brief).await.expect("it drafts");
    assert_eq!(text_of(&draft, "cart.py"), CART.replace("int(sum(items))", "round(sum(items), 2)"));
    assert_eq!(draft.changes.get(&"cart.py".into()).expect("changed").old, first, "the change is against the base");
    let answers: Vec<(u32, &str)> = draft.answers.iter().map(|one| (one.thread.0, one.text.raw())).collect();
    assert_eq!(answers, [(4, "changed - rounds to cents")]);
    let all = sent(&models, 0);
    for part in ["THREAD 4 on `cart.py` line 2 (must)", "two digits, please", "test_cents", "assert 3 == 2.5"] {
        assert!(all.contains(part), "{part}");
    }
}

#[tokio::test]
async fn what_the_model_cannot_do_is_said_and_no_patch_is_made() {
    for said in ["CANNOT: the goal names no currency", "I looked.\n\n**CANNOT: the goal names no currency**\n"] {
        match draft(&brief(Scripted::new([says(said)]), &[("cart.py", CART)])).await {
            Err(EngineError::NothingFits { why, .. }) => assert!(why.contains("no currency"), "{why}"),
            other => panic!("{other:?}"),
        }
    }
}

/// Said, and not heard yet.
struct Said(Mutex<VecDeque<Word>>);

impl crate::proposal::Ear for Said {
    fn next(&self) -> Option<Word> {
        self.0.lock().expect("one thread").pop_front()
    }
}

#[tokio::test]
async fn what_is_said_after_the_task_was_written_is_no_part_of_the_first_call() {
    let models = Scripted::new([says(ANSWER), says(ANSWER)]);
    let mut brief = brief(models.clone(), &[("cart.py", CART)]);
    let word = Word { by: "ana@build1".to_owned(), text: "mind the cents".into() };
    brief.ear = Arc::new(Said(Mutex::new([word].into())));
    draft(&brief).await.expect("it drafts");
    let told: Vec<bool> = (0..models.asked().len()).map(|n| sent(&models, n).contains("mind the cents")).collect();
    assert_eq!(told, [false, true], "it is heard before the answer counts");
}

/// A brief of a repair: large files, two versions' worth of diff and checks that printed more than any model takes.
fn repair(models: Arc<Scripted>) -> Brief {
    let large = format!("{CART}{}", "# a line that says nothing\n".repeat(1_500));
    let names: Vec<String> = (0..8).map(|n| format!("part{n}.py")).collect();
    let mut files: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), large.as_str())).collect();
    files.push(("cart.py", CART));
    let mut brief = brief(models, &files);
    brief.goal = format!("round the total in cart.py, and see {}", names.join(" ")).as_str().into();
    let now = Some(FileSide::regular(CART.replace("int(", "round(").into_bytes()));
    let old = brief.tree.side(&"cart.py".into()).expect("reads");
    brief.previous = Some(Arc::new(ChangeSet::new([FileChange { path: "cart.py".into(), old, new: now }])));
    let output = format!("{}E   assert 3 == 2.5\n", "x passed\n".repeat(20_000));
    let failure = |check: &str| CheckFailure {
        check: check.into(),
        status: "broken".into(),
        broken: vec!["test_cents".into()],
        output: output.as_str().into(),
    };
    brief.failures = vec![failure("pytest"), failure("mypy")];
    brief
}

#[tokio::test]
async fn a_repair_fits_however_much_its_checks_printed() {
    let models = Scripted::new([says(
        &ANSWER.replace("int(", "round(").replace("return round(sum(items))\n>", "return round(sum(items), 2)\n>"),
    )]);
    *models.takes.lock().expect("one thread") = 30_000;
    let draft = draft(&repair(models.clone())).await.expect("it drafts");
    assert!(text_of(&draft, "cart.py").contains("round(sum(items), 2)"));
    let asked = models.asked();
    assert_eq!(asked.len(), 1, "it fits at once");
    let all = sent(&models, 0);
    assert_eq!(all.matches("assert 3 == 2.5").count(), 2, "the end of what each check printed");
    assert!(all.contains("File `cart.py` as it is now") && all.contains("File `part0.py`"), "files have what is left");
}

#[tokio::test]
async fn a_long_goal_and_long_comments_leave_room_for_the_files_that_they_are_about() {
    let models = Scripted::new([says(ANSWER)]);
    let long = |start: &str| format!("{start} {}", "and so on, ".repeat(9_000));
    let mut brief = brief(models.clone(), &[("cart.py", CART)]);
    brief.goal = long("Round the total in cart.py").into();
    brief.feedback = (1..=4)
        .map(|thread| Feedback { thread: Some(ThreadId(thread)), ..Feedback::words(long("What of cents?").into()) })
        .collect();
    draft(&brief).await.expect("it drafts");
    let asked = &models.asked()[0].request;
    assert!(asked.estimated_tokens() < 30_000, "{} tokens", asked.estimated_tokens());
    let sent = sent(&models, 0);
    assert!(sent.contains("File `cart.py` as it is now"), "the file is there");
    assert!(sent.contains("Round the total in cart.py") && sent.contains("The goal is longer; you see its beginning."));
    for thread in 1..=4 {
        assert!(sent.contains(&format!("THREAD {thread}: What of cents?")), "every comment is heard");
    }
    assert_eq!(sent.matches("… (cut here)").count(), 4);
}

#[tokio::test]
async fn a_prompt_that_is_too_large_is_written_again_with_less_in_it() {
    let answer =
        ANSWER.replace("int(", "round(").replace("return round(sum(items))\n>", "return round(sum(items), 2)\n>");
    let models = Scripted::new([says(&answer)]);
    *models.takes.lock().expect("one thread") = 8_000;
    draft(&repair(models.clone())).await.expect("it drafts");
    let asked = models.asked();
    let sizes: Vec<u64> = asked.iter().map(|question| question.request.estimated_tokens()).collect();
    assert!(sizes.len() > 1 && sizes.windows(2).all(|two| two[1] < two[0]), "{sizes:?}");
    assert!(asked.last().expect("asked").request.max_output_tokens < asked[0].request.max_output_tokens);
    *models.takes.lock().expect("one thread") = 100;
    match draft(&repair(models.clone())).await {
        Err(EngineError::Models(AskError::TooLong { next, .. })) => assert_eq!(next, "context = TOKENS"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_file_cannot_end_its_own_fence() {
    let shown = prompt::file_text(&"a.md".into(), "````\n`````x\n");
    assert!(shown.contains("\n``````\n"), "{shown}");
}
