//! The way to a provider: proxies, trackers, keys that are missing.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use paraph::cancel::Cancel;
use paraph::clock::SystemClock;
use paraph::infrastructure::http::{HttpClient, HttpError, HttpSettings, Secret};
use paraph::infrastructure::llm::{ChatError, KeySource, Keys, Provider, ProviderSettings, Wire};
use serde_json::json;

use crate::dialect::{ALL, Dialect};
use crate::server::{End, Play, Server};
use crate::support::{KEY, LIMITS, ask, http, provider_through, request};

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
async fn a_socks_proxy_is_refused_in_words_and_not_asked() {
    let dialect = Dialect(Wire::OpenAi);
    let (proxy, local) = (Server::start(vec![fine(dialect)]).await, Server::start(vec![fine(dialect)]).await);
    let url = proxy.url().replace("http://", "socks5://me:hunter22@");
    let settings = HttpSettings { proxy: Some(Secret::new(url)), ..HttpSettings::default() };
    let http = HttpClient::new(settings).unwrap();
    let error = ask(&provider_through(dialect.settings("http://models.test/v1"), http.clone()), &request()).await;
    let error = error.outcome.unwrap_err().to_string();
    assert!(error.contains("only http and https proxies") && !error.contains("hunter22"), "{error}");
    ask(&provider_through(dialect.settings(&local.url()), http), &request()).await.outcome.unwrap();
    assert_eq!((proxy.seen().len(), local.seen().len()), (0, 1));
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
