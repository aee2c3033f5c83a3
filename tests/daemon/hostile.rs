//! Peers that mean no good, or know no better.

use std::io::{Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use paraph::api::{Failure, FailureKind, Reply, Request, Service, StatusRequest};
use paraph::daemon::{BODY_LIMIT, Left, stop};

use crate::support::{Bench, call, eventually};

/// Sends bytes and reads until the daemon closes or is silent.
fn say(socket: &Path, bytes: &[u8]) -> String {
    let mut stream = UnixStream::connect(socket).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    // a daemon that has heard enough stops reading
    let _ = stream.write_all(bytes);
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

/// Status and failure that `request` gets.
async fn refused(bench: &Bench, request: Vec<u8>) -> (u16, Failure) {
    let socket = bench.place.socket();
    let answer = tokio::task::spawn_blocking(move || say(&socket, &request)).await.unwrap();
    let status = answer.split(' ').nth(1).unwrap_or_else(|| panic!("no status: {answer:?}")).parse().unwrap();
    let body = answer.split_once("\r\n\r\n").unwrap().1;
    (status, serde_json::from_str(body).unwrap_or_else(|_| panic!("not a failure: {answer}")))
}

async fn answers(bench: &Bench) {
    let reply = bench.client().await.call(call(Request::Status(StatusRequest {}))).await;
    assert!(matches!(reply, Ok(Reply::Status(_))), "{reply:?}");
}

fn post(path: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let mut request =
        format!("POST {path} HTTP/1.1\r\nhost: p\r\nconnection: close\r\ncontent-length: {length}\r\n{headers}\r\n")
            .into_bytes();
    request.extend_from_slice(body);
    request
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_requests_get_a_failure_with_a_hint() {
    let bench = Bench::start().await;
    let get = |path: &str| format!("GET {path} HTTP/1.1\r\nhost: p\r\nconnection: close\r\n\r\n").into_bytes();
    let cases: Vec<(Vec<u8>, u16, &str)> = vec![
        (get("/"), 404, "there is no /"),
        (get("/v1/no-such-route"), 404, "no-such-route"),
        (get("/v1/%ff%00"), 404, "%ff"),
        (post("/v2/status", "", b"{}"), 404, "/v2/status"),
        (get("/v1/stop"), 405, "GET is not for /v1/stop"),
        (post("/v1/notices", "", b"{}"), 405, "POST is not for /v1/notices"),
        (b"DELETE /v1/list HTTP/1.1\r\nhost: p\r\nconnection: close\r\n\r\n".to_vec(), 405, "DELETE"),
        (post("/v1/show", "", b"{\"session\": "), 400, "not a request for show"),
        (post("/v1/show", "", b"\xff\xfe"), 400, "not a request for show"),
        (post("/v1/show", "", b""), 400, "session"),
        (post("/v1/show", "", "[".repeat(100_000).as_bytes()), 400, "not a request for show"),
        (post("/v1/status", "paraph-request-id: twelve\r\n", b"{}"), 400, "UUID"),
        (post("/v1/status", "paraph-client: {\r\n", b"{}"), 400, "paraph-client"),
        (get("/v1/show?session=nonsense"), 400, "session"),
    ];
    for (request, status, part) in cases {
        let shown = String::from_utf8_lossy(&request[..request.len().min(60)]).into_owned();
        let (found, failure) = refused(&bench, request).await;
        assert_eq!(found, status, "{shown}: {failure}");
        assert!(failure.message.contains(part) && !failure.hints.is_empty(), "{shown}: {failure:?}");
    }
    answers(&bench).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_may_have_a_mebibyte_and_no_more() {
    let bench = Bench::start().await;
    let padded = |length: usize| [b"{".as_slice(), &vec![b' '; length - 2], b"}"].concat();
    let (status, failure) = refused(&bench, post("/v1/status", "", &padded(BODY_LIMIT + 1))).await;
    assert_eq!((status, failure.kind), (413, FailureKind::Usage));
    // the same without saying how long it is
    let mut chunked =
        b"POST /v1/status HTTP/1.1\r\nhost: p\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n".to_vec();
    chunked.extend_from_slice(format!("{:x}\r\n", BODY_LIMIT + 1).as_bytes());
    chunked.extend_from_slice(&padded(BODY_LIMIT + 1));
    chunked.extend_from_slice(b"\r\n0\r\n\r\n");
    let (status, failure) = refused(&bench, chunked).await;
    assert_eq!((status, failure.kind), (413, FailureKind::Usage));
    let socket = bench.place.socket();
    let whole = post("/v1/status", "", &padded(BODY_LIMIT));
    let answer = tokio::task::spawn_blocking(move || say(&socket, &whole)).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn garbage_disturbs_nobody() {
    let bench = Bench::start().await;
    let mut random = 0x2545_f491_4f6c_dd1d_u64;
    let mut noise = |length: usize| -> Vec<u8> {
        let next = || {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            random as u8
        };
        std::iter::repeat_with(next).take(length).collect()
    };
    let mut pieces = vec![
        b"\r\n\r\n\r\n".to_vec(),
        b"GET\r\n\r\n".to_vec(),
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(),
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".to_vec(),
        b"POST /v1/stop HTTP/1.1\r\ncontent-length: 5\r\ncontent-length: 2\r\n\r\n{}".to_vec(),
        b"POST /v1/stop HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n".to_vec(),
    ];
    pieces.extend((0..40).map(|round| noise(1 + round * 50)));
    pieces.push([b"GET /v1/status HTTP/1.1\r\n".to_vec(), b"x: y\r\n".repeat(5000)].concat());
    for piece in pieces {
        let socket = bench.place.socket();
        tokio::task::spawn_blocking(move || {
            let mut stream = UnixStream::connect(socket).unwrap();
            let _ = stream.write_all(&piece);
        })
        .await
        .unwrap();
    }
    answers(&bench).await;
    assert!(!bench.daemon.is_finished());
}

#[tokio::test(flavor = "multi_thread")]
async fn half_open_connections_do_not_keep_the_daemon() {
    let bench = Bench::with(|setup| setup.idle = Duration::from_millis(400)).await;
    let open = |bytes: &[u8]| {
        let mut stream = UnixStream::connect(bench.place.socket()).unwrap();
        stream.write_all(bytes).unwrap();
        stream
    };
    let _silent = open(b"");
    let _half_a_head = open(b"POST /v1/status HTTP/1.1\r\nhost");
    let _half_a_body = open(b"POST /v1/status HTTP/1.1\r\nhost: p\r\ncontent-length: 10\r\n\r\n{");
    assert_eq!(bench.ended().await, Left::Idle);
}

#[tokio::test(flavor = "multi_thread")]
async fn half_open_connections_do_not_delay_a_stop_for_long() {
    let bench = Bench::start().await;
    let mut stream = UnixStream::connect(bench.place.socket()).unwrap();
    stream.write_all(b"POST /v1/status HTTP/1.1\r\nhost: p\r\ncontent-length: 10\r\n\r\n{").unwrap();
    stop(&bench.place).await.unwrap();
    assert_eq!(bench.ended().await, Left::Asked);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_user_is_turned_away() {
    if !rustix::process::geteuid().is_root() {
        return; // an ordinary user cannot become another one
    }
    let bench = Bench::start().await;
    // as if somebody had opened every door
    for path in [bench.home.path().to_owned(), bench.home.path().join("run"), bench.place.socket()] {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o777)).unwrap();
    }
    let socket = bench.place.socket();
    let stranger = std::thread::spawn(move || {
        let nobody = rustix::process::Uid::from_raw(65534);
        rustix::thread::set_thread_res_uid(nobody, nobody, nobody).unwrap();
        say(&socket, b"POST /v1/stop HTTP/1.1\r\nhost: p\r\ncontent-length: 2\r\n\r\n{}")
    });
    let answer = tokio::task::spawn_blocking(move || stranger.join().unwrap()).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 403") && answer.contains("another user"), "{answer}");
    assert!(bench.fake.calls.lock().unwrap().is_empty());
    answers(&bench).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_reader_does_not_hold_the_others_up() {
    let bench = Bench::start().await;
    let mut stalled = UnixStream::connect(bench.place.socket()).unwrap();
    stalled.write_all(b"GET /v1/notices HTTP/1.1\r\nhost: p\r\n\r\n").unwrap();
    eventually("it listens", async || bench.fake.notices.receiver_count() == 1).await;
    for round in 0..5000 {
        let _ = bench.fake.notices.send(crate::support::log_grew(round, round));
    }
    answers(&bench).await;
}
