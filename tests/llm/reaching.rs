//! The way to a provider: proxies, trackers, keys that are missing, tries that are repeated.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use paraph::cancel::Cancel;
use paraph::clock::SystemClock;
use paraph::infrastructure::http::{HttpClient, HttpError, HttpSettings, Secret};
use paraph::infrastructure::llm::{
    ChatError, GaveUp, KeySource, Keys, Provider, ProviderSettings, RetryPolicy, Sleeper, Wire, with_retries,
};
use serde_json::json;

use crate::dialect::{ALL, Dialect};
use crate::server::{End, Play, Server};
use crate::support::{KEY, LIMITS, ask, http, provider, provider_through, request};

fn fine(dialect: Dialect) -> Play {
    let pieces = vec![dialect.stream("fine").into_bytes()];
    Play::Pieces(dialect.kind(), pieces, Duration::ZERO, End::Orderly)
}

#[tokio::test]
async fn a_proxy_is_asked_for_others_and_not_for_this_machine() {
    let dialect = Dialect(Wire::OpenAi);
    let (proxy, local) = (Server::start(vec![fine(dialect)]).await, Server::start(vec![fine(dialect)]).await);
    let settings = HttpSettings {
        proxy: Some(Secret::new(proxy.url().replace("http://", "http://me:hunter22@"))),
        no_proxy: "direct.test".to_owned(),
        connect: Duration::from_millis(700),
        ..HttpSettings::default()
    };
    let http = HttpClient::new(settings).unwrap();
    let through = |base: &str| provider_through(dialect.settings(base), http.clone());
    ask(&through("http://models.test/v1"), &request()).await.outcome.unwrap();
    let seen = proxy.seen();
    assert_eq!(seen[0].line, "POST http://models.test/v1/chat/completions HTTP/1.1");
    assert_eq!(seen[0].header("proxy-authorization"), Some("Basic bWU6aHVudGVyMjI="));
    ask(&through(&local.url()), &request()).await.outcome.unwrap();
    let error = ask(&through("http://direct.test/v1"), &request()).await.outcome.unwrap_err();
    assert!(matches!(error, ChatError::Unreachable { lasts: true, .. }), "{error:?}");
    assert!(error.to_string().contains("there is no such host"), "{error}");
    let error = ask(&through("http://127.0.0.1:1/v1"), &request()).await.outcome.unwrap_err();
    assert!(matches!(error, ChatError::Unreachable { lasts: true, .. }), "{error:?}");
    assert!(error.to_string().contains("nobody listens there; is the server started?"), "{error}");
    assert_eq!((proxy.seen().len(), local.seen().len()), (1, 1));
    assert!(!format!("{http:?} {error:?}").contains("hunter22"));
}

#[tokio::test]
async fn a_proxy_for_https_is_asked_for_a_tunnel_and_never_sees_the_key() {
    let dialect = Dialect(Wire::Anthropic);
    let proxy = Server::start(vec![Play::Answer(407, Vec::new(), Vec::new())]).await;
    let settings = HttpSettings { proxy: Some(Secret::new(proxy.url())), ..HttpSettings::default() };
    let provider = provider_through(dialect.settings("https://models.test/v1"), HttpClient::new(settings).unwrap());
    let error = ask(&provider, &request()).await.outcome.unwrap_err();
    assert!(matches!(error, ChatError::Unreachable { lasts: true, .. }), "{error:?}");
    assert!(error.to_string().contains("407"), "{error}");
    let seen = proxy.seen();
    assert_eq!(seen[0].line, "CONNECT models.test:443 HTTP/1.1");
    assert!(!format!("{seen:?}").contains(KEY));
}

#[tokio::test]
async fn a_missing_key_is_said_before_anything_is_sent() {
    for dialect in ALL {
        let server = Server::start(vec![fine(dialect)]).await;
        let key = KeySource::Variable("NOT_SET".to_owned());
        let settings = ProviderSettings { key, limits: LIMITS, ..dialect.settings(&server.url()) };
        let keys = Arc::new(Keys::new(BTreeMap::new(), Vec::new()));
        let provider = Provider::new(settings, http(), keys, Arc::new(SystemClock::default()));
        let error = ask(&provider, &request()).await.outcome.unwrap_err();
        let words = "acme did not accept the key: no key: the variable NOT_SET is not set";
        assert_eq!((error.to_string().as_str(), server.seen().len()), (words, 0));
    }
}

#[tokio::test]
async fn a_server_without_a_key_is_sent_none() {
    for dialect in ALL {
        let server = Server::start(vec![fine(dialect)]).await;
        let settings = ProviderSettings { limits: LIMITS, ..dialect.settings(&server.url()) };
        let keys = Arc::new(Keys::new(BTreeMap::new(), Vec::new()));
        let provider = Provider::new(settings, http(), keys, Arc::new(SystemClock::default()));
        assert_eq!(ask(&provider, &request()).await.outcome.unwrap().text, "fine");
        let seen = server.seen();
        let names = ["authorization", "x-api-key", "x-goog-api-key"];
        assert!(names.iter().all(|name| seen[0].header(name).is_none()), "{seen:?}");
    }
}

/// Remembers pauses and takes no time.
#[derive(Default)]
struct Remembers(Mutex<Vec<u64>>);

#[async_trait]
impl Sleeper for Remembers {
    async fn sleep(&self, pause: Duration) {
        self.0.lock().unwrap().push(pause.as_secs());
    }
}

async fn tried(plays: Vec<Play>, dialect: Dialect) -> (Result<String, String>, Vec<u64>, usize) {
    let server = Server::start(plays).await;
    let (provider, request) = (provider(dialect.settings(&server.url())), request());
    let sleeper = Remembers::default();
    let outcome =
        with_retries(&RetryPolicy::default(), &sleeper, &Cancel::new(), &mut || 0, &mut |_, _, _| (), async |_| {
            ask(&provider, &request).await.outcome
        })
        .await;
    let outcome = outcome.map(|reply| reply.text).map_err(|exhausted| {
        let asks_too_long = matches!(exhausted.gave_up, GaveUp::AsksTooLong { .. });
        assert_eq!(asks_too_long, exhausted.to_string().contains("3600 s"));
        exhausted.to_string()
    });
    (outcome, sleeper.0.into_inner().unwrap(), server.seen().len())
}

#[tokio::test]
async fn a_busy_provider_is_asked_at_most_five_times_after_the_pauses_it_names() {
    for dialect in ALL {
        let busy = |pause: Option<&str>| {
            let headers = pause.map(|pause| ("retry-after", pause.to_owned())).into_iter().collect();
            Play::Answer(429, headers, dialect.error(429, "slow down"))
        };
        let (outcome, pauses, asked) = tried(vec![busy(None)], dialect).await;
        assert_eq!((outcome.is_err(), pauses, asked), (true, vec![10, 20, 40, 80], 5));
        let (outcome, pauses, asked) = tried(vec![busy(Some("3600"))], dialect).await;
        assert_eq!((outcome.is_err(), pauses, asked), (true, vec![], 1));
        let date = "Sat, 28 Nov 2026 12:00:30 GMT";
        let (outcome, pauses, asked) = tried(vec![busy(Some("7")), busy(Some(date)), fine(dialect)], dialect).await;
        assert_eq!((outcome, pauses, asked), (Ok("fine".to_owned()), vec![7, 30], 3));
        let failed = Play::Answer(500, Vec::new(), dialect.error(500, "oh"));
        let (outcome, pauses, _) = tried(vec![failed, Play::Closed, fine(dialect)], dialect).await;
        assert_eq!((outcome, pauses), (Ok("fine".to_owned()), vec![10, 20]));
    }
}

#[tokio::test]
async fn json_of_a_tracker_is_read_whole_with_its_next_page() {
    let kind = ("content-type", "application/json".to_owned());
    let link = ("link", "<http://x/2>; rel=\"next\"".to_owned());
    let page = Play::Answer(200, vec![kind.clone(), link], br#"[{"title":"It breaks"}]"#.to_vec());
    let server = Server::start(vec![page, Play::Answer(404, vec![kind], b"{}".to_vec())]).await;
    let token = || vec![("authorization".to_owned(), Secret::new(KEY))];
    let (http, cancel) = (http(), Cancel::new());
    let url = format!("{}/repos/a/b/issues/1", server.url());
    let answer = http.get_json(&url, token(), LIMITS, &cancel).await.unwrap();
    assert_eq!((answer.status, &answer.body[0]["title"]), (200, &json!("It breaks")));
    assert_eq!(answer.link.as_deref(), Some("<http://x/2>; rel=\"next\""));
    let answer = http.post_json(&url, token(), &json!({"query": "x"}), LIMITS, &cancel).await.unwrap();
    assert_eq!(answer.status, 404);
    let seen = server.seen();
    assert_eq!(
        (seen[0].line.as_str(), seen[0].header("authorization")),
        ("GET /repos/a/b/issues/1 HTTP/1.1", Some(KEY))
    );
    assert_eq!((seen[1].header("content-type"), &seen[1].body), (Some("application/json"), &json!({"query": "x"})));
}

#[tokio::test]
async fn a_tracker_that_answers_with_a_page_or_points_away_is_an_error() {
    let other = Server::start(vec![Play::Answer(200, Vec::new(), b"{}".to_vec())]).await;
    for (play, expected) in [
        (Play::Answer(200, Vec::new(), b"<html>".to_vec()), "no JSON"),
        (Play::Answer(302, vec![("location", other.url())], Vec::new()), "another host"),
        (Play::Endless("application/json", b"[1".to_vec(), b",1".repeat(9_000)), "more than"),
        (Play::Silent, "longer than"),
    ] {
        let server = Server::start(vec![play]).await;
        let url = format!("{}/x", server.url());
        let headers = vec![("private-token".to_owned(), Secret::new(KEY))];
        let error: HttpError = http().get_json(&url, headers, LIMITS, &Cancel::new()).await.unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
        assert!(!format!("{error:?}").contains(KEY));
    }
    assert!(other.seen().is_empty());
}
