//! A model drafts, through the real runtime and the real engine. Swapped: the models, which say what a test tells them to.

use std::sync::Arc;

use paraph::api::{
    BudgetRequest, CommentRequest, ContextRequest, EstimateRequest, FailureKind, ListRequest, LogRequest,
    RegenerateRequest, RunRequest, Side, ThreadKind, ThreadsRequest, Verdict,
};
use paraph::id::{SessionId, SessionRef, Version};
use paraph::infrastructure::llm::{ChatError, ChatReply, ChatRequest, FoundFault, ModelName, PromptSize, Usage};
use paraph::proposal::EngineKind;
use paraph::session::Budget;
use paraph::validation::CheckStatus;

use crate::house::{House, Told, version};
use crate::models::{Scripted, model, says, wants};

/// Edits `a.py` of the small repository.
fn edit(from: &str, to: &str) -> String {
    format!(
        "Compares by identity.\n\nCOMMIT: fix(a): compare with None by identity\n\na.py\n```\n<<<<<<< SEARCH\n{from}\n=======\n{to}\n>>>>>>> REPLACE\n```\n"
    )
}

const FIRST: (&str, &str) = ("    if x == None:", "    if x is None:");

fn house(models: Scripted, checks: Told) -> House {
    House::with(|house| {
        house.ports.models = models.shared();
        house.ports.validator = Arc::new(checks);
        house.settings.engine = EngineKind::Llm;
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_goal_becomes_a_version_and_every_call_is_in_the_record() {
    let models = Scripted::new().says("implementer", ["no edit at all".to_owned(), edit(FIRST.0, FIRST.1)]);
    let house = house(models, Told::all(CheckStatus::Passed));
    let repository = house.small_repository("shop");
    let desk = house.open();
    let id = desk.run(&[&repository]).await;
    let view = desk.until(id, "Scored").await;
    assert_eq!(version(&view, 1).made_by, "llm");
    assert_eq!(view.usage.input_tokens, 2_000, "what was sent back was paid for too");
    assert_eq!(view.usage.cost_usd, "0.0022");
    let events = desk.timeline(id).await;
    let calls: Vec<&String> = events.iter().filter(|event| event.starts_with("call-")).collect();
    assert_eq!(calls, ["call-reserved", "call-settled", "call-reserved", "call-settled"]);
    assert!(house.verify().is_sound());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_red_check_goes_back_to_the_model_with_what_it_printed() {
    let models = Scripted::new()
        .says("implementer", [edit(FIRST.0, FIRST.1), edit("    if x is None:", "    if x is None or x == []:")]);
    let models = models.shared();
    let house = House::with(|house| {
        house.ports.models = models.clone();
        house.ports.validator = Arc::new(Told::first(CheckStatus::Broken, CheckStatus::Passed));
        house.settings.engine = EngineKind::Llm;
    });
    let repository = house.small_repository("shop");
    let desk = house.open();
    desk.trust(&repository).await;
    let id = desk.run(&[&repository]).await;
    let view = desk.wait_until(id, |view| view.versions.len() == 2 && view.state == "Scored").await.expect("repaired");
    assert_eq!(version(&view, 2).made_for, "repair");
    assert!(models.asked_as("implementer")[1].contains("Checks of the version before that fail because of it"));
    assert!(desk.timeline(id).await.contains(&"repair-asked".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_that_fails_is_followed_by_the_next_and_both_are_told() {
    let refused = ChatError::Failed { provider: "scripted".to_owned(), status: 500 };
    let models = Scripted::new()
        .routed("implementer", &[model("first"), model("second")])
        .replies("first", [Err(refused)])
        .replies("second", [Ok(says(edit(FIRST.0, FIRST.1)))]);
    let house = house(models, Told::all(CheckStatus::Passed));
    let repository = house.small_repository("shop");
    let desk = house.open();
    let id = desk.run(&[&repository]).await;
    let view = desk.until(id, "Scored").await;
    assert_eq!(view.usage.input_tokens, 1_000, "what failed before a token was made costs nothing");
}

#[tokio::test(flavor = "multi_thread")]
async fn each_answer_that_broke_off_is_a_call_of_its_own_and_the_cap_holds_for_all() {
    let broke_off = || ChatError::Faulty {
        provider: "scripted".to_owned(),
        fault: FoundFault::CutOff,
        why: "the connection broke".to_owned(),
    };
    let twice = || {
        let edited = Ok(says(edit(FIRST.0, FIRST.1)));
        let mut models = Scripted::new();
        models.tries = 3;
        models.replies("implementer", [Err(broke_off()), Err(broke_off()), edited])
    };
    let house = house(twice(), Told::all(CheckStatus::Passed));
    let repository = house.small_repository("shop");
    let desk = house.open();
    let id = desk.run(&[&repository]).await;
    let view = desk.until(id, "Scored").await;
    let calls = desk.timeline(id).await.iter().filter(|event| *event == "call-settled").count();
    assert_eq!(calls, 3);
    assert!(view.usage.input_tokens > 2_000, "three prompts may be billed: {}", view.usage.input_tokens);
    assert!(house.verify().is_sound());

    // what the first may have taken leaves too little for another
    let models = twice().shared();
    let house = House::with(|house| {
        house.ports.models = models.clone();
        house.settings.engine = EngineKind::Llm;
        house.settings.budget = Budget { cost_micros: Some(17_500), tokens: None };
    });
    let repository = house.small_repository("shop");
    let desk = house.open();
    let id = desk.run(&[&repository]).await;
    let view = desk.wait_until(id, |view| view.state == "NeedsHuman").await.expect("it stands still");
    assert!(view.usage.budget_spent, "{:?}", view.reason);
    assert!(models.asked().len() < 3, "it was asked {} times", models.asked().len());
}

#[tokio::test(flavor = "multi_thread")]
async fn at_the_cap_nothing_is_bought_and_a_raised_budget_goes_on() {
    let models = Scripted::new().says("implementer", [edit(FIRST.0, FIRST.1)]).shared();
    let house = House::with(|house| {
        house.ports.models = models.clone();
        house.settings.engine = EngineKind::Llm;
        house.settings.budget = Budget { cost_micros: Some(10), tokens: None };
    });
    let repository = house.small_repository("shop");
    let desk = house.open();
    let id = desk.run(&[&repository]).await;
    let view = desk.wait_until(id, |view| view.state == "NeedsHuman").await.expect("it stands still");
    assert!(view.usage.budget_spent && view.reason.raw().contains("the budget is spent"), "{:?}", view.reason);
    assert!(view.next.contains("paraph budget"), "{}", view.next);
    assert!(models.asked().is_empty(), "no token was bought");
    desk.ask(BudgetRequest { session: id, cost_micros: Some(5_000_000), tokens: None }).await.expect("it is set");
    desk.until(id, "Scored").await;
    assert_eq!(models.asked().len(), 1);
}

/// Looks at a file, which takes much, and drafts from what it saw.
fn looks_first(request: &ChatRequest) -> Result<ChatReply, ChatError> {
    let usage = Usage { input: Some(20_000), output: Some(100), ..Usage::default() };
    let looks = || ChatReply { usage, ..wants("read_file", "{\"path\": \"a.py\"}") };
    Ok(if request.messages.len() > 1 { says(edit(FIRST.0, FIRST.1)) } else { looks() })
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_bought_before_the_cap_is_not_bought_again_when_the_budget_is_raised() {
    let models = Scripted::new().answers("implementer", looks_first).shared();
    let house = House::with(|house| {
        house.ports.models = models.clone();
        house.settings.engine = EngineKind::Llm;
        // room for one answer, and for a prompt with one of the large files
        house.settings.budget = Budget { cost_micros: None, tokens: Some(16_000 + 8_000) };
    });
    let large: String = (0..800).map(|n| format!("value_{n} = None\n")).collect();
    let files = [("a.py", crate::house::FILE), ("large.py", &large), ("other.py", &large)];
    let repository = house.repository("shop", &files);
    let desk = house.open();
    let id = desk.run(&[&repository]).await;
    let view = desk.wait_until(id, |view| view.state == "NeedsHuman").await.expect("it stands still");
    assert!(view.usage.budget_spent, "{:?}", view.reason);
    assert_eq!(models.asked().len(), 1, "it looked, and the next question would be over the cap");
    // now there is room for both files, and the question is the same all the same
    desk.ask(BudgetRequest { session: id, cost_micros: None, tokens: Some(900_000) }).await.expect("it is set");
    desk.until(id, "Scored").await;
    assert_eq!(models.asked().len(), 2, "what it looked at was bought once");
    let of = SessionRef { session: id, version: None };
    let context = desk.ask(ContextRequest { session: of }).await.expect("there");
    let ended: Vec<&str> = context.calls.iter().map(|call| call.ended.raw()).collect();
    assert_eq!(ended, ["tools", "kept from call 1", "stop"]);
    let view = paraph::runtime::replay(&house.home, &house.ports, &house.settings, of).expect("replayed");
    assert!(view.same && view.complete, "{view:#?}");
    assert!(house.verify().is_sound());
}

#[tokio::test(flavor = "multi_thread")]
async fn another_model_is_asked_itself_whatever_was_bought_from_the_first() {
    let mut models = Scripted::new().answers("implementer", looks_first);
    models.share.tokens = Some(16_000 + 8_000);
    let models = models.shared();
    let house = House::with(|house| {
        house.ports.models = models.clone();
        house.settings.engine = EngineKind::Llm;
    });
    let repository = house.small_repository("shop");
    let desk = house.open();
    let id = desk.run(&[&repository]).await;
    desk.wait_until(id, |view| view.usage.budget_spent).await.expect("it stands still");
    desk.runtime.stop().await;
    drop(desk);
    let others = Scripted::new().routed("implementer", &[model("other")]).answers("implementer", looks_first).shared();
    let mut house = house;
    house.ports.models = others.clone();
    let desk = house.open();
    desk.ask(regenerate(id)).await.expect("it drafts again");
    desk.until(id, "Scored").await;
    let asked = (models.asked().len(), others.asked().len());
    assert_eq!(asked, (1, 2), "the other model looks itself");
}

/// Asks for the next version, by the same engine.
fn regenerate(session: SessionId) -> RegenerateRequest {
    let (rules, message) = (Vec::new(), String::new());
    RegenerateRequest { session, engine: None, rules, patch: None, message, program: None }
}

/// Reads, and never drafts: it would go on for ever, and says of each call that it took next to nothing.
fn lies(request: &ChatRequest) -> Result<ChatReply, ChatError> {
    let usage = Usage { input: Some(1), output: Some(1), cost_micros: Some(0), ..Usage::default() };
    let turns = request.messages.len();
    Ok(ChatReply { usage, ..wants("read_file", &format!("{{\"path\": \"a.py\", \"from\": {turns}}}")) })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_lies_about_usage_meets_the_cap_all_the_same() {
    let [by_tokens, by_dollars] = [(None, Some(60_000)), (Some(60_000), None)];
    for (cost_micros, tokens) in [by_tokens, by_dollars] {
        let models = Scripted::new().answers("implementer", lies).shared();
        let house = House::with(|house| {
            house.ports.models = models.clone();
            house.settings.engine = EngineKind::Llm;
            house.settings.budget = Budget { cost_micros, tokens };
        });
        let repository = house.small_repository("shop");
        let desk = house.open();
        let id = desk.run(&[&repository]).await;
        // every time that it is asked anew it lies again, until the cap is met
        for _ in 0..40 {
            let view = desk.wait_until(id, |view| view.state == "NeedsHuman").await.expect("it stands still");
            if view.usage.budget_spent {
                break;
            }
            desk.ask(regenerate(id)).await.expect("it drafts again");
        }
        let view = desk.show(id).await;
        assert!(view.usage.budget_spent, "{:?}", view.reason);
        let sent: u64 = models.asked().iter().map(|(_, request)| request.estimated_tokens()).sum();
        let took = view.usage.input_tokens + view.usage.output_tokens;
        assert!(took >= sent, "{took} tokens are recorded and {sent} were sent");
        assert!(took <= 60_000, "{took} tokens are more than may be taken");
        let context = desk.ask(ContextRequest { session: SessionRef { session: id, version: None } }).await;
        let calls = context.expect("it is told").calls;
        assert!(calls.len() > 2 && calls.iter().all(|call| call.estimated), "{calls:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_caps_of_a_role_a_day_and_a_call_hold_before_a_token_is_bought_and_say_what_raises_them() {
    let with = |change: fn(&mut Scripted)| {
        let mut models = Scripted::new().says("implementer", [edit(FIRST.0, FIRST.1)]);
        change(&mut models);
        models
    };
    let role = with(|models| models.share.tokens = Some(1_000));
    let role_cents = with(|models| models.share.cost_micros = Some(1_000));
    let day = with(|models| models.day = Some(1_000));
    let call = with(|models| models.call = Some(1_000));
    for (models, is_budget, why, next) in [
        (role, true, "has 1000 of 1000 tokens left, and the next call may take", "[roles.implementer]"),
        (role_cents, true, "has $0.001 of $0.001 left, and the next call may cost", "[roles.implementer]"),
        (day, true, "$0.00 of $0.001 is spent today, and the next call may cost", "paraph config set budget.day_cents"),
        (call, false, "and at most $0.001 is allowed", "raise max_call_cents under [roles.implementer]"),
    ] {
        let models = models.shared();
        let house = House::with(|house| {
            house.ports.models = models.clone();
            house.settings.engine = EngineKind::Llm;
        });
        let repository = house.small_repository("shop");
        let desk = house.open();
        let id = desk.run(&[&repository]).await;
        let view = desk.wait_until(id, |view| view.state == "NeedsHuman").await.expect("it stands still");
        assert!(view.reason.raw().contains(why), "{:?}", view.reason);
        assert!(view.next.contains(next) && view.usage.budget_spent == is_budget, "{} {:?}", view.next, view.usage);
        assert!(models.asked().is_empty(), "{why}: no token was bought");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_that_takes_longer_than_its_role_waits_is_given_up_and_the_next_is_asked() {
    let mut models = Scripted::new()
        .routed("implementer", &[model("slow"), model("quick")])
        .replies("slow", [Ok(says("never read"))])
        .says("quick", [edit(FIRST.0, FIRST.1)]);
    let gate = Arc::new(tokio::sync::Semaphore::new(0));
    (models.waits, models.latency) = (Some(gate.clone()), Some(std::time::Duration::from_secs(1)));
    let models = models.shared();
    let house = House::with(|house| {
        house.ports.models = models.clone();
        house.ports.validator = Arc::new(Told::all(CheckStatus::Passed));
        house.settings.engine = EngineKind::Llm;
    });
    let repository = house.small_repository("shop");
    let desk = house.open();
    let id = desk.run(&[&repository]).await;
    // the first waits for ever, the second for a permit
    while models.asked().len() < 2 {
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    gate.add_permits(1);
    let view = desk.until(id, "Scored").await;
    let context = desk.ask(ContextRequest { session: SessionRef { session: id, version: None } }).await.expect("calls");
    let ended: Vec<&str> = context.calls.iter().map(|call| call.ended.raw()).collect();
    assert_eq!(ended, ["scripted took longer than 1 s", "stop"], "{:?}", view.usage);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_cannot_be_kept_is_not_used() {
    let broken = Arc::new(std::sync::Mutex::new(None::<std::path::PathBuf>));
    let blobs = broken.clone();
    let models = Scripted::new().answers("implementer", move |_| {
        let folder = blobs.lock().unwrap().take().expect("it is asked once");
        std::fs::rename(&folder, folder.with_extension("away")).unwrap();
        std::fs::write(&folder, "no folder").unwrap();
        Ok(says(edit(FIRST.0, FIRST.1)))
    });
    let house = house(models, Told::all(CheckStatus::Passed));
    let folder = house.home.blobs();
    *broken.lock().unwrap() = Some(folder.clone());
    let repository = house.small_repository("shop");
    let desk = house.open();
    let id = desk.run(&[&repository]).await;
    let view = desk.wait_until(id, |view| view.state == "NeedsHuman").await.expect("it stands still");
    assert!(view.reason.raw().contains("cannot be kept"), "{:?}", view.reason);
    assert!(view.versions.is_empty() && view.next.contains("paraph doctor"), "{}", view.next);
    assert!(view.usage.input_tokens > 0, "it was paid for all the same");
    std::fs::remove_file(&folder).unwrap();
    std::fs::rename(folder.with_extension("away"), &folder).unwrap();
    assert!(house.verify().is_sound());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thread_is_answered_and_only_a_person_resolves_it() {
    let answer = "Kept.\nTHREAD 1: declined - None is the only empty value here\n".to_owned()
        + &edit("        return True", "        return bool(1)");
    let models = Scripted::new().says("implementer", [edit(FIRST.0, FIRST.1), answer]);
    let house = house(models, Told::all(CheckStatus::Passed));
    let repository = house.small_repository("shop");
    let desk = house.open();
    let id = desk.run(&[&repository]).await;
    desk.until(id, "Scored").await;
    let comment = CommentRequest {
        session: SessionRef { session: id, version: Some(Version(1)) },
        repo: None,
        thread: None,
        path: Some("a.py".into()),
        line: Some(2),
        from_line: None,
        side: Side::New,
        against: paraph::api::AgainstRequest::Base,
        kind: ThreadKind::Issue,
        text: "what about an empty list?".to_owned(),
        artifact: None,
    };
    desk.ask(comment).await.expect("it is opened");
    let again = RegenerateRequest {
        session: id,
        engine: None,
        rules: Vec::new(),
        patch: None,
        message: String::new(),
        program: None,
    };
    desk.ask(again).await.expect("it is asked");
    desk.wait_until(id, |view| view.versions.len() == 2 && view.state == "Scored").await.expect("v2");
    let threads = desk
        .ask(ThreadsRequest { session: SessionRef { session: id, version: None }, on: None })
        .await
        .expect("listed");
    let thread = &threads.threads[0];
    assert!(!thread.resolved);
    assert_eq!(thread.comments[1].by, "engine llm");
    assert!(thread.comments[1].text.raw().starts_with("declined"));
}

/// A comment on the first version.
fn said(session: SessionId, line: u32, text: &str) -> CommentRequest {
    CommentRequest {
        session: SessionRef { session, version: Some(Version(1)) },
        repo: None,
        thread: None,
        path: Some("a.py".into()),
        line: Some(line),
        from_line: None,
        side: Side::New,
        against: paraph::api::AgainstRequest::Base,
        kind: ThreadKind::Issue,
        text: text.to_owned(),
        artifact: None,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thread_that_an_answer_leaves_out_is_asked_for_once_and_is_told_where_it_stays_without_a_word() {
    let again = |to: &str| edit("        return True", &format!("        return {to}"));
    let models = Scripted::new()
        .says(
            "implementer",
            [
                edit(FIRST.0, FIRST.1),
                format!("Done.\nTHREAD 1: changed - it is\n{}", again("bool(1)")),
                "THREAD 2: declined - it is no part of this\nTHREAD 9: changed - nobody asked\n".to_owned(),
                format!("Done.\n{}", edit("        return bool(1)", "        return not None")),
                "I have nothing to add.".to_owned(),
            ],
        )
        .shared();
    let house = House::with(|house| {
        house.ports.models = models.clone();
        house.ports.validator = Arc::new(Told::all(CheckStatus::Passed));
        house.settings.engine = EngineKind::Llm;
    });
    let repository = house.small_repository("shop");
    let desk = house.open();
    let id = desk.run(&[&repository]).await;
    desk.until(id, "Scored").await;
    desk.ask(said(id, 2, "what of an empty list?")).await.expect("it is opened");
    desk.ask(said(id, 3, "and of zero?")).await.expect("it is opened");
    desk.ask(regenerate(id)).await.expect("it drafts again");
    desk.wait_until(id, |view| view.versions.len() == 2 && view.state == "Scored").await.expect("v2");
    let asked = models.asked_as("implementer");
    assert_eq!(asked.len(), 3);
    assert!(asked[2].contains("You said nothing to THREAD 2. "), "{}", asked[2]);
    let request = || ThreadsRequest { session: SessionRef { session: id, version: None }, on: None };
    let words = |threads: &[paraph::api::ThreadView]| -> Vec<String> {
        threads.iter().map(|thread| thread.comments.last().expect("words").text.raw().to_owned()).collect()
    };
    let threads = desk.ask(request()).await.expect("threads").threads;
    assert_eq!(words(&threads), ["changed - it is", "declined - it is no part of this"]);
    assert!(threads.iter().all(|thread| !thread.resolved), "only a person resolves");
    // both times without a word: that is told, and the version is there all the same
    desk.ask(regenerate(id)).await.expect("it drafts again");
    desk.wait_until(id, |view| view.versions.len() == 3 && view.state == "Scored").await.expect("v3");
    assert_eq!(models.asked().len(), 5, "asked for once");
    let threads = desk.ask(request()).await.expect("threads").threads;
    assert!(words(&threads).iter().all(|last| last.starts_with("(not answered: ")), "{threads:?}");
    assert!(threads[0].comments.last().expect("words").by.contains("llm"), "{threads:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn where_no_model_is_configured_it_says_what_to_type() {
    let house = House::with(|house| house.settings.engine = EngineKind::Llm);
    let repository = house.small_repository("shop");
    let desk = house.open();
    let failure = desk.ask(crate::house::run(&[&repository], None)).await.expect_err("nobody can be asked");
    assert_eq!(failure.kind, FailureKind::SignIn);
    assert!(failure.message.contains("no model is configured"), "{failure}");
    assert!(failure.hints[0].contains("paraph config set"), "{:?}", failure.hints);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_looks_is_told_that_a_model_is_asked_again_later() {
    let gate = Arc::new(tokio::sync::Semaphore::new(0));
    let mut models = Scripted::new().says("implementer", [edit(FIRST.0, FIRST.1)]);
    models.waits = Some(gate.clone());
    let house = house(models, Told::all(CheckStatus::Passed));
    let repository = house.small_repository("shop");
    let desk = house.open();
    let id = desk.run(&[&repository]).await;
    let waits = |view: &paraph::api::SessionView| view.reason.raw().contains("before try 3: 500 from openai");
    let view = desk.wait_until(id, waits).await.expect("it is told");
    assert!(view.reason.raw().starts_with("waiting "), "{}", view.reason.raw());
    let request = LogRequest { session: SessionRef { session: id, version: None }, check: None };
    let logs = desk.ask(request).await.expect("there is something to follow before a version is there");
    let live = logs.iter().find_map(|log| log.live.as_ref()).expect("it grows");
    let text = std::fs::read_to_string(live.as_path()).expect("it reads");
    assert!(text.contains("[waiting 12 s before try 3: 500 from openai]"), "{text}");
    gate.add_permits(1);
    let view = desk.until(id, "Scored").await;
    assert!(!view.reason.raw().contains("waiting"), "{}", view.reason.raw());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_sent_and_answered_can_be_read_whole() {
    let answer = edit(FIRST.0, FIRST.1);
    let house = house(
        Scripted::new().says("implementer", ["no edit at all".to_owned(), answer.clone()]),
        Told::all(CheckStatus::Passed),
    );
    let repository = house.small_repository("shop");
    let desk = house.open();
    let id = desk.run(&[&repository]).await;
    desk.until(id, "Scored").await;
    let context = desk.ask(ContextRequest { session: SessionRef { session: id, version: None } }).await.expect("there");
    let of: Vec<(u32, Option<Version>, &str)> =
        context.calls.iter().map(|call| (call.number, call.version, call.cost_usd.as_str())).collect();
    assert_eq!(of, [(1, Some(Version::FIRST), "0.0011"), (2, Some(Version::FIRST), "0.0011")]);
    let read = |digest| -> serde_json::Value {
        serde_json::from_slice(&house.ports.blobs.get(digest).expect("kept")).expect("JSON")
    };
    let sent = read(context.calls[1].prompt);
    assert!(sent["system"][0].as_str().expect("instructions").contains("SEARCH"));
    assert!(sent["messages"].to_string().contains("no edit at all"), "what was sent back stands in it");
    assert_eq!(read(context.calls[1].reply.expect("answered"))["text"], answer);
    let other = desk.ask(ContextRequest { session: SessionRef { session: id, version: Some(Version(2)) } }).await;
    assert_eq!(other.expect_err("there is no v2").kind, FailureKind::NotFound);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_models_may_take_is_said_before_the_first_call_and_recorded() {
    let models = Scripted::new().says("implementer", [edit(FIRST.0, FIRST.1)]).shared();
    let house = House::with(|house| {
        house.ports.models = models.clone();
        house.settings.engine = EngineKind::Llm;
        house.settings.budget = Budget { cost_micros: Some(1_000_000), tokens: Some(2_000_000) };
    });
    let repository = house.small_repository("shop");
    let desk = house.open();
    let run = crate::house::run(&[&repository], Some("reviewed"));
    let told = desk.ask(EstimateRequest { run: run.clone() }).await.unwrap();
    assert!(models.asked().is_empty() && desk.ask(ListRequest::default()).await.unwrap().sessions.is_empty());
    let roles: Vec<_> = told.roles.iter().map(|role| (role.role.as_str(), role.least_calls, role.most_calls)).collect();
    // one draft and three repairs, each with twelve looks and three edits sent back; reviewers have nobody to ask
    assert_eq!(roles, [("implementer", 1, 64)]);
    assert_eq!((told.most_usd.as_str(), told.held_by.as_str(), told.most_tokens), ("1.00", "session", 2_000_000));
    let id = desk.ask(run).await.unwrap().id;
    let view = desk.until(id, "Scored").await;
    assert_eq!(view.estimate.as_ref(), Some(&told), "the first entry has it");
    let took = view.usage.input_tokens + view.usage.output_tokens;
    assert!(told.least_tokens <= took && took <= told.most_tokens, "{took} tokens: {told:?}");
    // who asks no model is told nothing
    let rules = RunRequest { engine: Some(EngineKind::Rules), ..crate::house::run(&[&repository], None) };
    assert!(desk.ask(EstimateRequest { run: rules.clone() }).await.unwrap().roles.is_empty());
    let quiet = desk.ask(rules).await.unwrap().id;
    assert_eq!(desk.until(quiet, "Scored").await.estimate, None);
    // of several candidates each has a budget of its own, and the named model its own price
    let named = |text: &str| paraph::api::CandidateRequest::named(text).expect("a candidate");
    let candidates = vec![named("rules"), named("llm"), named("llm:scripted/implementer")];
    let field = RunRequest { candidates, engine: None, ..crate::house::run(&[&repository], None) };
    let several = desk.ask(EstimateRequest { run: field }).await.unwrap();
    assert_eq!(several.roles.len(), 2, "rules ask nobody: {:?}", several.roles);
    assert_eq!((several.most_usd.as_str(), several.held_by.as_str()), ("3.00", "session"));
    assert!(desk.ask(ListRequest::default()).await.unwrap().sessions.len() == 2, "nothing was started");
}

/// A tokenizer that makes twice as many tokens as the rule of thumb says.
fn twice(_: &ModelName, request: &ChatRequest) -> PromptSize {
    PromptSize::Exact(request.estimated_tokens() * 2)
}

/// A house with one large file beside the goal's, whose models have little room and count.
fn small_room(counts: fn(&ModelName, &ChatRequest) -> PromptSize, context: u64) -> (House, Arc<Scripted>) {
    let mut models = Scripted::new().says("implementer", [edit(FIRST.0, FIRST.1)]);
    (models.counts, models.context_tokens) = (Some(counts), Some(context));
    let models = models.shared();
    let house = House::with(|house| {
        house.ports.models = models.clone();
        house.settings.engine = EngineKind::Llm;
    });
    (house, models)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_prompt_is_cut_by_what_it_is_over_and_reserved_as_it_was_counted() {
    let (house, models) = small_room(twice, 12_000);
    let part: String = (0..60).map(|n| format!("value_{n} = None\n")).collect();
    let names: Vec<String> = (0..24).map(|n| format!("part{n}.py")).collect();
    let mut all = vec![("a.py", crate::house::FILE)];
    all.extend(names.iter().map(|name| (name.as_str(), part.as_str())));
    let repository = house.repository("shop", &all);
    let desk = house.open();
    let id = desk.run(&[&repository]).await;
    desk.until(id, "Scored").await;
    let asked = models.asked();
    assert_eq!(asked.len(), 1, "what was too large was not sent");
    let of = SessionRef { session: id, version: None };
    let context = desk.ask(ContextRequest { session: of }).await.expect("there");
    let [refused, sent] = &context.calls[..] else { panic!("{:?}", context.calls) };
    assert_eq!((refused.prompt_count.as_str(), sent.prompt_count.as_str()), ("exact", "exact"));
    assert!(refused.prompt_tokens > 12_000 && sent.prompt_tokens <= 12_000, "{context:?}");
    assert!(sent.prompt_tokens > 12_000 * 6 / 10, "it is not cut by more than it is over: {}", sent.prompt_tokens);
    assert_eq!(sent.prompt_tokens, asked[0].1.estimated_tokens() * 2);
    let said = format!("{} tokens counted, and there is room for ", refused.prompt_tokens);
    assert!(refused.ended.raw().contains(&said), "{:?}", refused.ended);
    assert_eq!((refused.cost_usd.as_str(), refused.input_tokens), ("0.00", 0), "nothing was bought");
    let inputs = &context.lanes[0].2.inputs;
    assert!(inputs.iter().any(|input| input.contains("were counted, and there is room for")), "{inputs:?}");
    let view = paraph::runtime::replay(&house.home, &house.ports, &house.settings, of).expect("replayed");
    assert!(view.same && view.complete, "{view:#?}");
    assert_eq!(models.asked().len(), 1, "a replay counts and buys nothing");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_prompt_that_fits_by_its_count_is_not_cut_for_an_estimate() {
    let half = |_: &ModelName, request: &ChatRequest| PromptSize::Exact(request.estimated_tokens() / 4);
    let (house, models) = small_room(half, 900);
    let repository = house.small_repository("shop");
    let desk = house.open();
    let id = desk.run(&[&repository]).await;
    desk.until(id, "Scored").await;
    let asked = models.asked();
    assert!(asked.len() == 1 && asked[0].1.estimated_tokens() > 900, "{}", asked[0].1.estimated_tokens());
    let of = SessionRef { session: id, version: None };
    let view = paraph::runtime::replay(&house.home, &house.ports, &house.settings, of).expect("replayed");
    assert!(view.same && view.complete, "{view:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn where_nobody_counts_it_says_why_and_goes_on_with_the_estimate() {
    let fails = |_: &ModelName, request: &ChatRequest| PromptSize::Estimated {
        tokens: request.estimated_tokens(),
        why: "acme failed (HTTP 500)".to_owned(),
    };
    let (house, _models) = small_room(fails, 4_000);
    let repository = house.small_repository("shop");
    let desk = house.open();
    let id = desk.run(&[&repository]).await;
    desk.until(id, "Scored").await;
    let of = SessionRef { session: id, version: None };
    let context = desk.ask(ContextRequest { session: of }).await.expect("there");
    let call = &context.calls[0];
    assert_eq!((call.prompt_count.as_str(), call.uncounted.raw()), ("estimated", "acme failed (HTTP 500)"));
    assert!(call.prompt_tokens > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_could_move_a_cursor_is_published_with_visible_marks() {
    let said = edit(FIRST.0, FIRST.1).replace("compare with None by identity", "a\u{202e}b \u{1b}[31mred\u{7}");
    let house = house(Scripted::new().says("implementer", [said]), Told::all(CheckStatus::Passed));
    let repository = house.small_repository("shop");
    let desk = house.open();
    let id = desk.run(&[&repository]).await;
    desk.until(id, "Scored").await;
    desk.decide(id, Verdict::Approve, "reads well").await.unwrap();
    desk.publish(id).await.unwrap();
    desk.until(id, "Done").await;
    let message = repository.git(&["log", "-1", "--format=%B", "--branches=paraph/*"]);
    assert!(message.starts_with("fix(a): a<U+202E>b ^[[31mred^G\n"), "{message:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_asked_to_count_what_fits_whatever_its_tokens_come_to() {
    let (house, models) = small_room(|_, _| panic!("the first word would wait for this"), 100_000);
    let repository = house.small_repository("shop");
    let desk = house.open();
    let id = desk.run(&[&repository]).await;
    desk.until(id, "Scored").await;
    let of = SessionRef { session: id, version: None };
    let context = desk.ask(ContextRequest { session: of }).await.expect("there");
    let call = &context.calls[0];
    assert_eq!(call.prompt_tokens, models.asked()[0].1.estimated_tokens());
    let why = "its bytes are fewer than the tokens there is room and budget for";
    assert_eq!((call.prompt_count.as_str(), call.uncounted.raw()), ("estimated", why));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_prompt_is_counted_where_a_budget_may_not_hold_all_that_it_can_be() {
    let enough = Some(20_000);
    let unlimited = Budget { cost_micros: None, tokens: None };
    let cases = [
        (Budget { tokens: enough, ..unlimited }, None),
        (Budget { cost_micros: enough, ..unlimited }, None),
        (unlimited, enough), // of the day
    ];
    for (budget, day) in cases {
        let mut models = Scripted::new().says("implementer", [edit(FIRST.0, FIRST.1)]);
        models.counts = Some(twice);
        models.day = day;
        let house = House::with(|house| {
            house.ports.models = models.shared();
            house.settings.engine = EngineKind::Llm;
            house.settings.budget = budget;
        });
        let repository = house.small_repository("shop");
        let desk = house.open();
        let id = desk.run(&[&repository]).await;
        desk.until(id, "Scored").await;
        let of = SessionRef { session: id, version: None };
        let context = desk.ask(ContextRequest { session: of }).await.expect("there");
        let counts: Vec<&str> = context.calls.iter().map(|call| call.prompt_count.as_str()).collect();
        assert_eq!(counts, ["exact"], "{budget:?}, {day:?} of the day");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_prompt_fits_what_the_session_may_still_take() {
    let mut models = Scripted::new().says("implementer", [edit(FIRST.0, FIRST.1)]);
    models.counts = Some(|_, request| PromptSize::Exact(request.estimated_tokens()));
    let models = models.shared();
    let house = House::with(|house| {
        house.ports.models = models.clone();
        house.settings.engine = EngineKind::Llm;
        house.settings.budget = Budget { cost_micros: None, tokens: Some(16_000 + 8_000) };
    });
    let large: String = (0..1_900).map(|n| format!("value_{n} = None\n")).collect();
    let repository = house.repository("shop", &[("a.py", crate::house::FILE), ("large.py", &large)]);
    let desk = house.open();
    let id = desk.run(&[&repository]).await;
    desk.until(id, "Scored").await;
    let asked = models.asked();
    assert!(asked.len() == 1 && asked[0].1.estimated_tokens() <= 8_000, "{}", asked[0].1.estimated_tokens());
}
