//! What every client may rely on, whatever it is written in.

use std::process::Command;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use futures::StreamExt as _;
use paraph::api::{FailureKind, MetricsRequest, Notice, Reply, Request, Service, StatusRequest};
use paraph::daemon::PROTOCOL;
use serde_json::{Value, json};

use crate::support::{Bench, Fake, call, eventually, log_grew, trust, trusted};

const MANY: usize = 200;

#[tokio::test(flavor = "multi_thread")]
async fn two_clients_see_one_truth() {
    let bench = Bench::start().await;
    let (one, other) = (bench.client().await, bench.client().await);
    assert!(!trusted(other.call(call(trust("/r", None))).await));
    assert!(trusted(one.call(call(trust("/r", Some(true)))).await));
    assert!(trusted(other.call(call(trust("/r", None))).await));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_asks_and_the_request_id_arrive_as_sent() {
    let bench = Bench::start().await;
    let client = bench.client().await;
    let mut first = call(trust("/r", Some(true)));
    first.client.environment.insert("PATH".to_owned(), "/größe:/\u{7f}\n".to_owned());
    assert!(trusted(client.call(first.clone()).await));
    assert!(trusted(bench.client().await.call(first.clone()).await), "the same id again");
    assert_eq!(bench.fake.changes.load(Ordering::SeqCst), 1, "nothing was done twice");
    let calls = bench.fake.calls.lock().unwrap();
    assert_eq!(calls.len(), 2);
    for seen in calls.iter() {
        assert_eq!((&seen.id, &seen.client, &seen.request), (&first.id, &first.client, &first.request));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn failures_cross_whole() {
    let bench = Bench::start().await;
    let show = Request::parse("show", br#"{"session": "12"}"#).unwrap().unwrap();
    let failure = bench.client().await.call(call(show)).await.unwrap_err();
    assert_eq!((failure.kind, failure.message.as_str()), (FailureKind::NotFound, "there is no session 12"));
    assert_eq!(failure.hints, ["paraph list"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bug_in_the_service_ends_one_request_only() {
    let bench = Bench::start().await;
    let client = bench.client().await;
    let beads = Request::parse("beads", b"{}").unwrap().unwrap();
    let failure = client.call(call(beads)).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Failed);
    assert!(failure.message.contains("internal error"), "{failure}");
    assert!(trusted(client.call(call(trust("/r", Some(true)))).await));
}

#[tokio::test(flavor = "multi_thread")]
async fn notices_reach_every_listener_and_end_with_a_farewell() {
    let bench = Bench::start().await;
    let (one, other) = (bench.client().await, bench.client().await);
    let (mut first, mut second) = (one.notices().await.unwrap(), other.notices().await.unwrap());
    bench.fake.notices.send(log_grew(1, 10)).unwrap();
    assert_eq!(first.next().await, Some(log_grew(1, 10)));
    assert_eq!(second.next().await, Some(log_grew(1, 10)));
    drop(second);
    eventually("the listener that went is forgotten", async || bench.fake.notices.receiver_count() == 1).await;
    bench.client().await.call(call(Request::Stop(Default::default()))).await.unwrap();
    assert_eq!(first.next().await, Some(Notice::Leaving));
    assert_eq!(first.next().await, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_notices_about_one_session_is_thinned_out() {
    let bench = Bench::start().await;
    let client = bench.client().await;
    let mut notices = client.notices().await.unwrap();
    let started = Instant::now();
    for size in 1..=500 {
        bench.fake.notices.send(log_grew(1, size)).unwrap();
        tokio::time::sleep(Duration::from_micros(200)).await;
    }
    let mut heard = 0;
    loop {
        heard += 1;
        if notices.next().await == Some(log_grew(1, 500)) {
            break;
        }
    }
    let most = started.elapsed().as_millis() / 10 + 3;
    assert!(heard <= most, "{heard} in {:?}", started.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_goes_takes_nothing_with_it() {
    let bench = Bench::start().await;
    let slow = Request::Metrics(MetricsRequest {});
    let client = bench.client().await;
    let asked = tokio::spawn(async move { client.call(call(slow)).await });
    eventually("the call arrived", async || bench.fake.calls.lock().unwrap().len() == 1).await;
    asked.abort();
    eventually("the call was carried out", async || bench.fake.finished.load(Ordering::SeqCst) == 1).await;
    assert!(matches!(bench.client().await.call(call(Request::Status(StatusRequest {}))).await, Ok(Reply::Status(_))));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_whose_connection_went_is_sent_again() {
    let bench = Bench::start().await;
    let client = bench.client().await;
    assert!(trusted(client.call(call(trust("/r", Some(true)))).await));
    let Bench { home, place, daemon, .. } = bench;
    client.call(call(Request::Stop(Default::default()))).await.unwrap();
    daemon.await.unwrap().unwrap();
    let fake = Fake::new();
    let _next = tokio::spawn(paraph::daemon::run_within(crate::support::setup(&place, &fake)));
    eventually("the next daemon answers the same client", async || {
        client.call(call(Request::Status(StatusRequest {}))).await.is_ok()
    })
    .await;
    drop(home);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_clients_at_once_are_answered() {
    let bench = Bench::start().await;
    let asked = (0..MANY).map(|number| {
        let address = bench.place.address().unwrap();
        tokio::spawn(async move {
            let client = paraph::daemon::Client::connect(&address).await.unwrap();
            trusted(client.call(call(trust(&format!("/{number}"), Some(true)))).await)
        })
    });
    for answered in futures::future::join_all(asked.collect::<Vec<_>>()).await {
        assert!(answered.unwrap());
    }
    assert_eq!(bench.fake.changes.load(Ordering::SeqCst), MANY as u64);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_costs_little() {
    let bench = Bench::start().await;
    let client = bench.client().await;
    let mut times = Vec::new();
    for _ in 0..200 {
        let started = Instant::now();
        client.call(call(Request::Status(StatusRequest {}))).await.unwrap();
        times.push(started.elapsed());
    }
    times.sort();
    // a fraction of a millisecond by itself; other tests run beside this one
    assert!(times[20] < Duration::from_millis(5), "{:?}", times[20]);
}

/// `None` where this machine has no curl.
async fn curl(bench: &Bench, arguments: &[&str]) -> Option<(u16, Value)> {
    let mut command = Command::new("curl");
    command.args(["--silent", "--write-out", "\n%{http_code}", "--unix-socket"]).arg(bench.place.socket());
    command.args(arguments);
    let output = tokio::task::spawn_blocking(move || command.output()).await.unwrap().ok()?;
    let text = String::from_utf8(output.stdout).unwrap();
    let (body, status) = text.rsplit_once('\n').unwrap();
    Some((status.parse().unwrap(), serde_json::from_str(body).unwrap_or_else(|_| panic!("not JSON: {text}"))))
}

#[tokio::test(flavor = "multi_thread")]
async fn curl_is_a_client_too() {
    let bench = Bench::start().await;
    let Some((status, body)) = curl(&bench, &["http://paraph/v1/status"]).await else { return };
    assert_eq!((status, &body["head"]), (200, &json!(7)));
    let (status, body) = curl(&bench, &["http://paraph/v1/version"]).await.unwrap();
    assert_eq!((status, &body["protocol"], &body["pid"]), (200, &json!(PROTOCOL), &json!(std::process::id())));
    let (status, body) = curl(&bench, &["http://paraph/v1/openapi.json"]).await.unwrap();
    assert!(status == 200 && body["paths"]["/v1/status"].is_object());
    let (status, body) =
        curl(&bench, &["http://paraph/v1/trust", "-d", r#"{"path": "/r", "trust": true}"#]).await.unwrap();
    assert_eq!((status, &body["trusted"]), (200, &json!(true)));
    let (status, body) = curl(&bench, &["http://paraph/v1/show?session=12@v1"]).await.unwrap();
    assert_eq!((status, &body["kind"]), (404, &json!("not-found")));
    let seen = bench.fake.calls.lock().unwrap().last().unwrap().clone();
    assert_eq!((seen.client.name.as_str(), seen.request.body()), ("http", json!({"session": "12@v1"})));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_core_makes_room_for_the_next_daemon() {
    let bench = Bench::start().await;
    bench.fake.dead.store(true, Ordering::SeqCst);
    let failure = bench.client().await.call(call(Request::Status(StatusRequest {}))).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Unreachable);
    assert_eq!(bench.ended().await, paraph::daemon::Left::Asked);
}
