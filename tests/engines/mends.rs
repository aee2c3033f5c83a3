//! The engine `agent` mends what its checks found, and answers what people said.

use std::sync::Arc;

use paraph::api::{CheckStatus, CommentRequest, SessionView, Side, ThreadKind, ThreadsRequest, Verdict};
use paraph::id::{SessionId, SessionRef, Version};
use paraph::infrastructure::confinement::Level;

use crate::agent::{again, start};
use crate::house::{Desk, House, Told, version};
use crate::{document, files, house_at, repository};

/// A comment on a line of the file that the agent changes.
fn comment(session: SessionId, version: Version, line: u32, kind: ThreadKind) -> CommentRequest {
    CommentRequest {
        session: SessionRef { session, version: Some(version) },
        repo: None,
        thread: None,
        artifact: None,
        path: Some("a.py".into()),
        line: Some(line),
        from_line: None,
        side: Side::New,
        against: paraph::api::AgainstRequest::Base,
        kind,
        text: "why?".to_owned(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_red_check_goes_back_to_the_agent_and_its_last_words_answer_threads() {
    let house = House::with(|house| {
        house.ports.validator = Arc::new(Told::first(CheckStatus::Broken, CheckStatus::Passed));
    });
    let repository = repository(&house);
    let desk = house.open();
    desk.trust(&repository).await;
    let id = start(&desk, &repository, "mends").await;
    let view = desk.wait_until(id, |view| view.versions.len() == 2 && view.state == "Scored").await.expect("repaired");
    assert_eq!(version(&view, 2).made_for, "repair");
    let made = files(&desk, &house, id).await;
    let (code, told) = (made["a.py"].clone().unwrap(), made["prompt.txt"].clone().unwrap());
    assert!(code.contains("# first\n# mended\n"), "it went on from its version: {code}");
    assert!(told.contains("The check `unit` did not pass on it") && told.contains("your version before"), "{told}");
    for (line, kind) in [(1, ThreadKind::Question), (2, ThreadKind::Issue)] {
        desk.ask(comment(id, Version(2), line, kind)).await.unwrap();
    }
    desk.ask(again(id, "")).await.unwrap();
    desk.wait_until(id, |view| view.versions.len() == 3 && view.state == "Scored").await.expect("v3");
    let told = files(&desk, &house, id).await["prompt.txt"].clone().unwrap();
    assert!(told.contains("A reviewer waits for a word on THREAD 1, THREAD 2"), "{told}");
    assert!(told.contains("THREAD 1 (question) a.py:1: why?"), "{told}");
    let request = ThreadsRequest { session: SessionRef { session: id, version: None }, on: None };
    let threads = desk.ask(request).await.unwrap().threads;
    let words: Vec<&str> = threads.iter().map(|thread| thread.comments.last().unwrap().text.raw()).collect();
    assert_eq!(words[0], "answered - because");
    assert!(words[1].starts_with("(not answered: "), "{words:?}");
    assert!(threads.iter().all(|thread| !thread.resolved));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_that_only_answers_is_heard_and_makes_no_version() {
    for mode in ["answers", "answers back"] {
        let house = House::new();
        let repository = repository(&house);
        let desk = house.open();
        desk.trust(&repository).await;
        let id = start(&desk, &repository, mode).await;
        desk.until(id, "Scored").await;
        for line in [1, 2] {
            desk.ask(comment(id, Version(1), line, ThreadKind::Question)).await.unwrap();
        }
        desk.ask(again(id, "")).await.unwrap();
        let view = stuck_on_draft(&desk, id).await;
        assert_eq!((view.state.as_str(), view.versions.len()), ("NeedsHuman", 1), "{mode}: {}", view.reason.raw());
        let reason = view.reason.raw();
        assert_eq!(reason, "engine agent answered threads 1, 2 and changed nothing, so there is no v2", "{mode}");
        assert!(view.next.starts_with(&format!("paraph comments {id}, or paraph regenerate {id}")), "{}", view.next);
        let request = ThreadsRequest { session: SessionRef { session: id, version: None }, on: None };
        let threads = desk.ask(request).await.unwrap().threads;
        let words: Vec<&str> = threads.iter().map(|thread| thread.comments.last().unwrap().text.raw()).collect();
        assert_eq!(words, ["declined - it is right", "declined - it is right"], "{mode}");
        assert!(threads.iter().all(|thread| !thread.resolved), "a person resolves them");
        assert!(document(&desk, &house, id, "log@v2.1").await.contains("It is right as it is."), "{mode}");
        // with its answers the version can be decided on
        let view = desk.decide(id, Verdict::Approve, "convinced").await.unwrap();
        assert_eq!(view.state, "Approved", "{mode}");
        assert!(house.verify().is_sound());
    }
}

/// The session once its second draft came to nothing.
async fn stuck_on_draft(desk: &Desk, id: SessionId) -> SessionView {
    desk.wait_until(id, |view| view.state == "NeedsHuman" || view.versions.len() == 2).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_is_told_that_git_knows_nothing_of_its_folder_and_it_does_not() {
    for level in [Level::Full, Level::Landlock] {
        let Some(house) = house_at(level, []) else { continue };
        let repository = repository(&house);
        let desk = house.open();
        let id = start(&desk, &repository, "git").await;
        let view = crate::stuck(&desk, id).await;
        let made = files(&desk, &house, id).await;
        let answers = made["answers.txt"].as_ref().unwrap_or_else(|| panic!("{}", view.reason.raw()));
        let (seen, told) = answers.split_once('\n').unwrap();
        assert_eq!(seen, "False 128", "{level}: {answers}");
        assert!(
            told.contains("It is a copy without `.git`: git has no status, no history and nothing to commit"),
            "{told}"
        );
    }
}
