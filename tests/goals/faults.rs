//! Everything that servers do wrong, and what no server may get.

use std::time::Duration;

use paraph::infrastructure::issues::{ForgeKind, IssueError, ReadLimits};
use serde_json::{Value, json};

use crate::forge::{Answer, Forge, TOKEN, json_of, limits, read, reader};

const API: &str = "/api/v1/repos/a/b/issues/1";

fn issue(more: Value) -> Value {
    let mut issue =
        json!({"title": "It breaks", "user": {"login": "ana"}, "state": "open", "body": "b", "comments": 0});
    issue.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    issue
}

fn page(n: u32) -> String {
    format!("{API}/comments?limit=50&page={n}")
}

/// What comes of these answers to whoever has a token, or has none.
async fn tried(answers: Vec<Answer>, with_token: bool) -> (Result<String, IssueError>, Vec<u64>, usize) {
    let forge = Forge::start().says(API, answers);
    let (host, url) = (forge.host(), format!("{}/a/b/issues/1", forge.url()));
    let named: &[(&str, ForgeKind)] = if with_token { &[(&host, ForgeKind::Gitea)] } else { &[] };
    let (reader, pauses) = reader(named, limits());
    let found = read(&reader, &url, Some(ForgeKind::Gitea)).await.map(|issue| issue.title.raw().to_owned());
    assert!(!format!("{found:?}").contains(TOKEN), "{found:?}");
    let pauses = pauses.0.lock().unwrap().clone();
    (found, pauses, forge.seen().len())
}

#[tokio::test]
async fn each_refusal_has_its_own_words() {
    let said = |status, words: &str| json_of(status, &json!({"message": words}));
    for (answer, with_token, expected) in [
        (said(404, "Not Found"), false, "that is public"),
        (said(404, "Not Found"), true, "or the token may not read it"),
        (said(401, "Bad credentials"), true, "does not take the token: Bad credentials"),
        (said(401, ""), false, "wants a token"),
        (said(403, "no"), false, "wants a token: no"),
        (said(403, "SSO is wanted"), true, "the token may not read"),
        (said(403, "API rate limit exceeded for 1.2.3.4"), false, "wants no more requests now: API rate limit"),
        (said(410, "gone"), true, "was deleted"),
        (said(418, "\u{1b}[31mtea\u{202e}"), true, "failed (HTTP 418): [31mtea"),
        (said(401, &format!("`{TOKEN}` is not known")), true, "is not known"),
        (json_of(200, &json!([1, 2])), true, "did not answer with an issue of gitea: it has no title"),
        (json_of(200, &issue(json!({"pull_request": {"merged": false}}))), true, "is a pull request"),
        (Answer { status: 404, headers: Vec::new(), body: b"<html>".to_vec() }, true, "there is no issue"),
        (Answer { status: 200, headers: Vec::new(), body: b"<html>".to_vec() }, true, "a page that is no JSON"),
        (Answer { status: 200, headers: Vec::new(), body: b" ".repeat(2 << 20) }, true, "more than 1048576 bytes"),
        (json_of(200, &json!({})).with("content-encoding", "gzip"), true, "packed as gzip"),
    ] {
        let words = format!("{answer:?}").chars().take(120).collect::<String>();
        let (found, pauses, asked) = tried(vec![answer], with_token).await;
        let error = found.expect_err(expected).to_string();
        assert!(error.contains(expected), "{words}: {error}");
        assert!(!error.contains(|c: char| c.is_control()), "{error:?}");
        assert_eq!((pauses.len(), asked), (0, 1), "{words}");
    }
}

#[tokio::test]
async fn a_busy_server_is_waited_for_and_only_so_long() {
    let busy = |pause: &str| json_of(429, &json!({"message": "slow down"})).with("retry-after", pause);
    let failed = || json_of(502, &Value::Null);
    let fine = || json_of(200, &issue(json!({})));
    let (found, pauses, asked) = tried(vec![busy("7"), failed(), fine()], false).await;
    assert_eq!((found.unwrap().as_str(), pauses, asked), ("It breaks", vec![7, 1], 3));
    let (found, pauses, asked) = tried(vec![busy("3600")], false).await;
    assert!(matches!(found, Err(IssueError::Busy { wait: Some(wait), .. }) if wait == Duration::from_secs(3600)));
    assert_eq!((pauses, asked), (Vec::new(), 1));
    let (found, _, asked) = tried(vec![busy("Sat, 28 Nov 2026 12:00:05 GMT"), fine()], false).await;
    assert_eq!((found.is_ok(), asked), (true, 2));
    let (found, pauses, asked) = tried(vec![failed()], true).await;
    assert!(matches!(found, Err(IssueError::Server { status: 502, .. })), "{found:?}");
    assert_eq!((pauses, asked), (vec![1, 1], 3));
}

#[tokio::test]
async fn a_token_reaches_no_other_host_and_no_host_that_nobody_named() {
    let thief = Forge::start();
    for status in [301, 302, 307, 308] {
        let away = Answer { status, headers: vec![("location", format!("{}/steal", thief.url()))], body: Vec::new() };
        let (found, ..) = tried(vec![away], true).await;
        let error = found.unwrap_err().to_string();
        assert!(error.contains("what was sent is not for another host"), "{error}");
    }
    assert!(thief.seen().is_empty(), "{:?}", thief.seen());
    // moved on the same host: followed
    let forge = Forge::start()
        .says(
            API,
            [Answer {
                status: 301,
                headers: vec![("location", "/api/v1/repos/a/c/issues/1".to_owned())],
                body: Vec::new(),
            }],
        )
        .says("/api/v1/repos/a/c/issues/1", [json_of(200, &issue(json!({})))]);
    let named = forge.host();
    let (ours, _) = reader(&[(&named, ForgeKind::Gitea)], limits());
    assert!(read(&ours, &format!("{}/a/b/issues/1", forge.url()), None).await.is_ok());
    // a host that the same person never named gets none, whatever kind they say it is
    let other = Forge::start().says(API, [json_of(200, &issue(json!({})))]);
    assert!(read(&ours, &format!("{}/a/b/issues/1", other.url()), Some(ForgeKind::Gitea)).await.is_ok());
    assert!(other.seen().iter().all(|seen| seen.token.is_none()), "{:?}", other.seen());
    assert!(forge.seen().iter().all(|seen| seen.token.is_some()), "{:?}", forge.seen());
}

#[tokio::test]
async fn what_is_too_much_is_cut_and_said() {
    let comment = |id: u64, text: &str| json!({"id": id, "user": {"login": "x"}, "created_at": "t", "body": text});
    let listed = |from: u64, text: &str| Value::from((from..from + 50).map(|id| comment(id, text)).collect::<Vec<_>>());
    let long = "é".repeat(900);
    let title = format!("\u{1b}]0;owned\u{7} {}\nSigned-off-by: eve", "long ".repeat(100));
    let head = issue(
        json!({"title": title, "body": "ü".repeat(40_000), "comments": 5000, "labels": [{"name": "a\nb"}, {"name": "\u{200b}"}]}),
    );
    let forge = Forge::start().says(API, [json_of(200, &head)]);
    let forge =
        (0..20).fold(forge, |forge, n| forge.says(&page(n + 1), [json_of(200, &listed(1 + u64::from(n) * 50, &long))]));
    let few = ReadLimits { comments: 120, body: 1001, comment: 501, ..limits() };
    let (reader_of_few, _) = reader(&[], few);
    let url = format!("{}/a/b/issues/1", forge.url());
    let found = read(&reader_of_few, &url, Some(ForgeKind::Gitea)).await.unwrap();
    assert_eq!((found.comments.len(), found.left_out), (120, 4880));
    assert!(
        found.title.raw().starts_with("]0;owned long long") && found.title.raw().ends_with('…'),
        "{:?}",
        found.title
    );
    assert!(!found.title.raw().contains(|c: char| c.is_control()) && found.title.raw().chars().count() <= 301);
    assert_eq!(found.labels.iter().map(|label| label.raw()).collect::<Vec<_>>(), ["a b"]);
    assert!(found.body.raw().ends_with("\n… (1000 of 80000 bytes)"), "{}", found.body.raw().len());
    assert!(found.comments[0].text.raw().ends_with("\n… (500 of 1800 bytes)"));
    let document = found.markdown();
    assert!(
        document.contains("- comments: 120, and 4880 left out\n") && document.len() < 100_000,
        "{}",
        document.len()
    );
    // by bytes of all of them, and by pages
    let (reader_of_bytes, _) = reader(&[], ReadLimits { all: 10_000, ..limits() });
    let found = read(&reader_of_bytes, &url, Some(ForgeKind::Gitea)).await.unwrap();
    assert_eq!((found.comments.len(), found.left_out), (5, 4995));
    let (reader_of_pages, _) = reader(&[], ReadLimits { pages: 2, ..limits() });
    let found = read(&reader_of_pages, &url, Some(ForgeKind::Gitea)).await.unwrap();
    assert_eq!((found.comments.len(), found.left_out), (100, 4900));
}

#[tokio::test]
async fn a_server_that_has_no_end_of_pages_is_left_alone_after_one_that_is_not_new() {
    let same = json!([{"id": 1, "user": {"login": "x"}, "body": "again"}]);
    let next = |n: u32| json_of(200, &same).with("link", format!("<{}>; rel=\"next\"", page(n + 1)));
    let forge = Forge::start().says(API, [json_of(200, &issue(json!({"comments": 9})))]);
    let forge = (1..=20).fold(forge, |forge, n| forge.says(&page(n), [next(n)]));
    let (reader, _) = reader(&[], limits());
    let found = read(&reader, &format!("{}/a/b/issues/1", forge.url()), Some(ForgeKind::Gitea)).await.unwrap();
    assert_eq!((found.comments.len(), forge.seen().len()), (1, 3));
    // comments that are no list are no comments
    let forge = Forge::start()
        .says(API, [json_of(200, &issue(json!({"comments": 9})))])
        .says(&page(1), [json_of(200, &json!({"message": "ok"}))]);
    let error = read(&reader, &format!("{}/a/b/issues/1", forge.url()), Some(ForgeKind::Gitea)).await.unwrap_err();
    assert!(error.to_string().contains("its comments are no list"), "{error}");
}
