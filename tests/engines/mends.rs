//! The engine `agent` mends what its checks found, and answers what people said.

use std::sync::Arc;

use paraph::api::{CheckStatus, CommentRequest, Side, ThreadKind, ThreadsRequest};
use paraph::id::{SessionRef, Version};

use crate::agent::{again, start};
use crate::house::{House, Told, version};
use crate::{files, repository};

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
        let comment = CommentRequest {
            session: SessionRef { session: id, version: Some(Version(2)) },
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
        };
        desk.ask(comment).await.unwrap();
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
