//! Every fault against every format: no hang beyond its limit, nothing half given, no key in any text.

use std::io::Write;
use std::time::{Duration, Instant};

use futures::StreamExt;
use paraph::cancel::Cancel;
use paraph::infrastructure::http::HttpLimits;
use paraph::infrastructure::llm::{ChatError, Finish, FoundFault, ProviderSettings};

use crate::dialect::{ALL, Dialect};
use crate::server::{End, Play, Server};
use crate::support::{Asked, KEY, LIMITS, ask, ask_until, http, provider, provider_within, request};

const NONE: Duration = Duration::ZERO;

/// How long past its limit an exchange may take on a busy machine.
const GRACE: Duration = Duration::from_secs(3);

/// The limits of size as ever, those of time out of the way.
const PATIENT: HttpLimits = HttpLimits {
    first: Duration::from_secs(60),
    idle: Duration::from_secs(60),
    total: Duration::from_secs(60),
    ..LIMITS
};

type Fits = fn(&ChatError) -> bool;

fn json_kind() -> Vec<(&'static str, String)> {
    vec![("content-type", "application/json".to_owned())]
}

fn refusal(dialect: Dialect, status: u16, said: &str) -> Play {
    Play::Answer(status, json_kind(), dialect.error(status, said))
}

fn busy(dialect: Dialect, status: u16, pause: &str) -> Play {
    let headers = [json_kind(), vec![("retry-after", pause.to_owned())]].concat();
    Play::Answer(status, headers, dialect.error(status, "slow down"))
}

fn pieces(dialect: Dialect, text: &str, end: End) -> Play {
    Play::Pieces(dialect.kind(), vec![text.as_bytes().to_vec()], NONE, end)
}

fn whole(kind: &str, body: impl Into<Vec<u8>>) -> Play {
    Play::Answer(200, vec![("content-type", kind.to_owned())], body.into())
}

fn bomb() -> Play {
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packer.write_all(&vec![b' '; 16 << 20]).unwrap();
    let headers = [json_kind(), vec![("content-encoding", "gzip".to_owned())]].concat();
    Play::Answer(200, headers, packer.finish().unwrap())
}

macro_rules! is {
    ($pattern:pat $(if $guard:expr)?) => { |error| matches!(error, $pattern $(if $guard)?) };
}

/// The classes: name, what the server does, what the error has to be.
fn classes(dialect: Dialect, bomb: &Play) -> Vec<(&'static str, Play, Fits)> {
    use ChatError as E;
    use FoundFault as F;
    let half = format!("{}{}", dialect.opening(), dialect.words("half an ans"));
    let good = dialect.stream("all of it");
    vec![
        ("401", refusal(dialect, 401, "bad key"), is!(E::NotSignedIn { .. })),
        ("403", refusal(dialect, 403, "not for you"), is!(E::NotSignedIn { .. })),
        (
            "404",
            refusal(dialect, 404, "no such model"),
            is!(E::Refused { status: 404, said, .. } if said.contains("no such model")),
        ),
        ("409", refusal(dialect, 409, "conflict"), is!(E::Refused { status: 409, .. })),
        ("422", refusal(dialect, 422, "odd"), is!(E::Refused { status: 422, .. })),
        ("429 bare", refusal(dialect, 429, "slow down"), is!(E::Busy { status: 429, retry_after: None, .. })),
        (
            "429 seconds",
            busy(dialect, 429, "7"),
            is!(E::Busy { status: 429, retry_after: Some(pause), .. } if pause.as_secs() == 7),
        ),
        (
            "429 date",
            busy(dialect, 429, "Sat, 28 Nov 2026 12:00:30 GMT"),
            is!(E::Busy { retry_after: Some(pause), .. } if pause.as_secs() == 30),
        ),
        (
            "429 an hour",
            busy(dialect, 429, "3600"),
            is!(E::Busy { retry_after: Some(pause), .. } if pause.as_secs() == 3600),
        ),
        ("500", refusal(dialect, 500, "oh"), is!(E::Failed { status: 500, .. })),
        (
            "502 HTML",
            Play::Answer(502, vec![("content-type", "text/html".to_owned())], b"<html>bad gateway".to_vec()),
            is!(E::Failed { status: 502, .. }),
        ),
        ("503", refusal(dialect, 503, "oh"), is!(E::Busy { status: 503, .. })),
        ("529", refusal(dialect, 529, "oh"), is!(E::Busy { status: 529, .. })),
        ("closed before a byte", Play::Closed, is!(E::Faulty { fault: F::CutOff, .. })),
        ("no HTTP", Play::Raw(b"SSH-2.0-OpenSSH_9.9\r\n"), is!(E::Unreachable { .. })),
        ("never answers", Play::Silent, is!(E::TimedOut { limit, .. } if *limit == LIMITS.first)),
        ("reset in the middle", pieces(dialect, &half, End::Reset), is!(E::Faulty { fault: F::CutOff, .. })),
        ("cut in the middle", pieces(dialect, &half, End::Cut), is!(E::Faulty { fault: F::CutOff, .. })),
        ("ends without its last events", pieces(dialect, &half, End::Orderly), is!(E::Faulty { fault: F::CutOff, .. })),
        (
            "stalls in the middle",
            pieces(dialect, &half, End::Stall),
            is!(E::TimedOut { limit, .. } if *limit == LIMITS.idle),
        ),
        (
            "a byte at a time",
            Play::Pieces(
                dialect.kind(),
                good.bytes().map(|byte| vec![byte]).collect(),
                Duration::from_millis(50),
                End::Orderly,
            ),
            is!(E::TimedOut { limit, .. } if *limit == LIMITS.total),
        ),
        ("empty stream", pieces(dialect, "", End::Orderly), is!(E::Faulty { fault: F::Empty, .. })),
        ("empty body", whole("application/json", ""), is!(E::Faulty { fault: F::Empty, .. })),
        ("no words", pieces(dialect, &dialect.stream(""), End::Orderly), is!(E::Faulty { fault: F::Empty, .. })),
        (
            "HTML",
            whole("text/html; charset=utf-8", "<!DOCTYPE html><title>Sign in</title>"),
            is!(E::Faulty { fault: F::Unreadable, .. }),
        ),
        (
            "HTML that says it is JSON",
            whole("application/json", "<!DOCTYPE html><title>Sign in</title>"),
            is!(E::Faulty { fault: F::Unreadable, .. }),
        ),
        (
            "another content type",
            whole("text/plain", dialect.whole("fine").to_string()),
            is!(E::Faulty { fault: F::Unreadable, .. }),
        ),
        (
            "cut JSON",
            whole("application/json", &dialect.whole("fine").to_string().as_bytes()[..40]),
            is!(E::Faulty { fault: F::Unreadable, .. }),
        ),
        (
            "cut JSON in an event",
            pieces(dialect, &format!("{}{}", dialect.opening(), dialect.frame(r#"{"choices":[{"de"#)), End::Orderly),
            is!(E::Faulty { fault: F::Unreadable, .. }),
        ),
        (
            "JSON in prose",
            whole("application/json", format!("Sure! Here it is: {}", dialect.whole("fine"))),
            is!(E::Faulty { fault: F::Unreadable, .. }),
        ),
        (
            "JSON of something else",
            whole("application/json", r#"{"status":"ok"}"#),
            is!(E::Faulty { fault: F::Unreadable, .. }),
        ),
        (
            "no UTF-8",
            Play::Pieces(
                dialect.kind(),
                vec![
                    dialect.opening().into_bytes(),
                    dialect
                        .words("a~b")
                        .replace('~', "\u{1}")
                        .into_bytes()
                        .iter()
                        .map(|byte| if *byte == 1 { 0xff } else { *byte })
                        .collect(),
                ],
                NONE,
                End::Orderly,
            ),
            is!(E::Faulty { .. }),
        ),
        (
            "20 MB line",
            Play::Endless(dialect.kind(), b"data: ".to_vec(), vec![b'x'; 64 << 10]),
            is!(E::Faulty { fault: F::TooLarge, .. }),
        ),
        (
            "endless words",
            Play::Endless(
                dialect.kind(),
                dialect.opening().into_bytes(),
                dialect.words(&"word ".repeat(2_000)).into_bytes(),
            ),
            is!(E::Faulty { fault: F::TooLarge, .. }),
        ),
        (
            "endless comments",
            Play::Endless(
                dialect.kind(),
                Vec::new(),
                if dialect.kind() == "text/event-stream" { b": wait\n\n".repeat(2_000) } else { b"\n".repeat(16_000) },
            ),
            is!(E::Faulty { fault: F::TooLarge, .. }),
        ),
        (
            "endless whole body",
            Play::Endless("application/json", b"{\"x\":\"".to_vec(), vec![b'x'; 64 << 10]),
            is!(E::Faulty { fault: F::TooLarge, .. }),
        ),
        ("gzip bomb", bomb.clone(), is!(E::Faulty { fault: F::Unreadable, .. })),
        ("context overflow", refusal(dialect, 400, dialect.overflow()), is!(E::TooLong { .. })),
        ("413", refusal(dialect, 413, "too large"), is!(E::TooLong { .. })),
        (
            "an error in the middle",
            pieces(dialect, &format!("{half}{}", dialect.error_event()), End::Orderly),
            is!(E::Failed { status: 500 | 502, .. }
                | E::Busy { status: 503 | 529, .. }
                | E::Faulty { fault: F::CutOff, .. }),
        ),
        (
            "an error with status 200",
            Play::Answer(200, json_kind(), dialect.error(500, "oh")),
            is!(E::Failed { .. } | E::Faulty { fault: F::CutOff, .. }),
        ),
        (
            "a key in the words",
            refusal(dialect, 400, &format!("{}{KEY}{}", "é".repeat(295), "\u{1b}[2J".repeat(90))),
            is!(E::Refused { said, .. } if said.chars().count() <= 300),
        ),
        ("endless refusal", Play::Answer(400, json_kind(), vec![b'x'; 1 << 20]), is!(E::Refused { .. })),
    ]
}

#[track_caller]
fn check_no_key(asked: &Asked, name: &str) {
    let Err(error) = &asked.outcome else { return };
    let texts = format!("{error} {error:?}");
    assert!(!texts.contains(KEY) && !texts.contains(&KEY[..14]), "{name}: {texts}");
    assert!(!texts.contains('\u{1b}'), "{name}: {texts:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_fault_of_every_format_has_its_error_within_its_limit() {
    // one client for all: each reads the system's certificates, which takes its time
    let http = http();
    let one = |dialect: Dialect, name: &'static str, play: Play, fits: Fits| {
        let http = http.clone();
        async move {
            let server = Server::start(vec![play]).await;
            // what has no end meets a size, however slow the machine is that counts it
            let limits = if name.starts_with("endless") { PATIENT } else { LIMITS };
            let provider = provider_within(dialect.settings(&server.url()), http, limits);
            let started = Instant::now();
            let asked = ask(&provider, &request()).await;
            let (took, wire) = (started.elapsed(), dialect.0);
            assert!(took < limits.total + GRACE, "{wire:?}, {name}: took {took:?}");
            let error = asked.outcome.as_ref().expect_err(&format!("{wire:?}, {name}: an answer was given"));
            assert!(fits(error), "{wire:?}, {name}: {error:?}");
            check_no_key(&asked, name);
            let read = server.sent();
            assert!(read < 32 << 20, "{wire:?}, {name}: {read} bytes were taken, with a limit of {}", LIMITS.bytes);
            assert_eq!(server.seen().len(), 1, "{wire:?}, {name}: a model is asked once, whoever asks again");
        }
    };
    let bomb = bomb();
    let all = ALL.into_iter().flat_map(|dialect| {
        let classes = classes(dialect, &bomb);
        assert!(classes.len() >= 40);
        classes.into_iter().map(move |(name, play, fits)| (dialect, name, play, fits))
    });
    // a few at a time: those that wait for a limit do not hold up the rest, and none of them starves
    let running = futures::stream::iter(all.map(|(dialect, name, play, fits)| one(dialect, name, play, fits)));
    running.buffer_unordered(6).collect::<Vec<()>>().await;
}

#[tokio::test]
async fn whole_answers_have_the_same_faults() {
    let one = |dialect: Dialect, name: &'static str, play: Play, fits: Fits| async move {
        let server = Server::start(vec![play]).await;
        let settings = ProviderSettings { stream: false, ..dialect.settings(&server.url()) };
        let asked = ask(&provider(settings), &request()).await;
        let error = asked.outcome.as_ref().expect_err(name);
        assert!(fits(error), "{:?}, {name}: {error:?}", dialect.0);
    };
    let mut all = Vec::new();
    for dialect in ALL {
        let cut = dialect.whole("fine").to_string().as_bytes()[..40].to_vec();
        let classes: [(_, _, Fits); 3] = [
            ("silent", Play::Silent, is!(ChatError::TimedOut { limit, .. } if *limit == LIMITS.total)),
            ("cut", whole("application/json", cut), is!(ChatError::Faulty { fault: FoundFault::Unreadable, .. })),
            (
                "no end",
                whole("application/json", without_its_end(dialect)),
                is!(ChatError::Faulty { fault: FoundFault::CutOff, .. }),
            ),
        ];
        all.extend(classes.map(|(name, play, fits)| one(dialect, name, play, fits)));
    }
    futures::future::join_all(all).await;
}

/// A whole answer that does not say why it stopped.
fn without_its_end(dialect: Dialect) -> String {
    let whole = dialect.whole("fine").to_string();
    [
        "\"status\":\"completed\"",
        "\"finish_reason\":\"stop\"",
        "\"stop_reason\":\"end_turn\"",
        "\"finishReason\":\"STOP\"",
        "\"done\":true",
    ]
    .iter()
    .fold(whole, |text, end| text.replace(end, "\"nothing\":null"))
}

#[tokio::test]
async fn nobody_listening_and_no_such_host_are_unreachable() {
    // kept and never listened at: a port given back would go to another test's server
    let held = tokio::net::TcpSocket::new_v4().unwrap();
    held.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let gone = held.local_addr().unwrap();
    let plain = Server::start(vec![Play::Raw(b"HTTP/1.1 400 no TLS here\r\n\r\n")]).await;
    for dialect in ALL {
        for base in [
            format!("http://{gone}"),
            "http://no-such-host.invalid".to_owned(),
            plain.url().replace("http:", "https:"),
            "ftp://127.0.0.1".to_owned(),
        ] {
            let asked = ask(&provider(dialect.settings(&base)), &request()).await;
            assert!(matches!(asked.outcome, Err(ChatError::Unreachable { .. })), "{base}: {:?}", asked.outcome);
            check_no_key(&asked, &base);
        }
    }
}

#[tokio::test]
async fn a_key_never_follows_to_another_host() {
    for status in [301, 302, 303, 307, 308] {
        for dialect in ALL {
            let other = Server::start(vec![pieces(dialect, &dialect.stream("stolen"), End::Orderly)]).await;
            // the same address under another port, and the same port under another name, are other hosts
            for to in [format!("{}/v1", other.url()), format!("http://localhost:{}/v1", other.at.port())] {
                let server = Server::start(vec![Play::Answer(status, vec![("location", to)], Vec::new())]).await;
                let asked = ask(&provider(dialect.settings(&server.url())), &request()).await;
                let error = asked.outcome.as_ref().expect_err("it points elsewhere");
                assert!(matches!(error, ChatError::Refused { said, .. } if said.contains("another host")), "{error:?}");
                check_no_key(&asked, "redirect");
            }
            assert!(other.seen().is_empty(), "{status}: the other host was asked");
        }
    }
}

#[tokio::test]
async fn the_same_host_is_followed_and_not_for_ever() {
    let dialect = ALL[0];
    let circle = Play::Answer(307, vec![("location", "/round".to_owned())], Vec::new());
    let server = Server::start(vec![circle.clone(), pieces(dialect, &dialect.stream("moved"), End::Orderly)]).await;
    let asked = ask(&provider(dialect.settings(&server.url())), &request()).await;
    assert_eq!(asked.outcome.unwrap().text, "moved");
    assert_eq!(server.seen()[1].body, server.seen()[0].body, "the question went along");
    let server = Server::start(vec![circle]).await;
    let asked = ask(&provider(dialect.settings(&server.url())), &request()).await;
    assert!(matches!(asked.outcome, Err(ChatError::Refused { .. })), "{:?}", asked.outcome);
    assert_eq!(server.seen().len(), 4, "the first and three more");
}

#[tokio::test]
async fn lies_about_usage_are_not_repeated() {
    for dialect in ALL {
        for lie in
            ["-5", "NaN", "1e400", "99999999999999999999999", "18446744073709551615", "\"many\"", "null", "4.2e17"]
        {
            let text = format!("{}{}{}", dialect.opening(), dialect.words("fine"), dialect.closing(lie, lie));
            let server = Server::start(vec![pieces(dialect, &text, End::Orderly)]).await;
            let reply = ask(&provider(dialect.settings(&server.url())), &request()).await.outcome.unwrap();
            assert_eq!((reply.text.as_str(), reply.finish), ("fine", Finish::Stop), "{lie}");
            let usage = reply.usage;
            let most = [usage.input, usage.output, usage.cache_read, usage.cache_write].into_iter().flatten().max();
            assert!(most.is_none_or(|most| most <= 100), "{lie}: {usage:?}");
        }
    }
}

#[tokio::test]
async fn events_that_come_twice_or_after_the_end_change_nothing() {
    for dialect in ALL {
        let (opening, closing) = (dialect.opening(), dialect.closing("100", "5"));
        let words = [dialect.words("once "), dialect.words("only")].concat();
        for text in [
            format!("{opening}{opening}{words}{closing}"),
            format!("{opening}{words}{closing}{closing}{}", dialect.words("")),
        ] {
            let server = Server::start(vec![pieces(dialect, &text, End::Orderly)]).await;
            let reply = ask(&provider(dialect.settings(&server.url())), &request()).await.outcome.unwrap();
            assert_eq!((reply.text.as_str(), reply.usage.output), ("once only", Some(5)), "{:?}", dialect.0);
        }
    }
}

#[tokio::test]
async fn a_wish_to_stop_is_obeyed_at_once_wherever_it_waits() {
    for dialect in ALL {
        let half = format!("{}{}", dialect.opening(), dialect.words("half"));
        for play in [Play::Silent, pieces(dialect, &half, End::Stall)] {
            let server = Server::start(vec![play]).await;
            let cancel = Cancel::new();
            let stopper = cancel.clone();
            tokio::spawn(async move {
                tokio::time::sleep(Duration::from_millis(100)).await;
                stopper.cancel();
            });
            let started = Instant::now();
            let asked = ask_until(&provider(dialect.settings(&server.url())), &request(), &cancel).await;
            assert_eq!(asked.outcome, Err(ChatError::Cancelled));
            assert!(started.elapsed() < LIMITS.first, "{:?}", started.elapsed());
        }
    }
}
