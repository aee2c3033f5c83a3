//! `cargo bench --bench first_token`: from the byte that a provider sends to the notice that a screen draws from. What
//! lies between is ours: the socket, the format's reader, the file that grows, the look at it.

#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a bench prints its figures")]
#![allow(missing_docs, reason = "a bench is no library")]

#[path = "../support/house.rs"]
mod house;

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use futures::StreamExt as _;
use paraph::api::{Notice, Service as _};
use paraph::clock::SystemClock;
use paraph::infrastructure::http::{HttpClient, HttpSettings};
use paraph::infrastructure::llm::{
    Counter, Exchange, ExchangeParts, KeySource, Keys, PriceTable, Provider, ProviderSettings, RateLimit, RealSleeper,
    RetryPolicy, Routes, Wire,
};
use paraph::proposal::EngineKind;

/// Sessions that are measured.
const SESSIONS: usize = 40;

/// How long nothing may grow before the first byte is sent.
const QUIET: Duration = Duration::from_millis(120);

const ANSWER: &str = "By identity.\n\nCOMMIT: fix(a): compare by identity\n\na.py\n```\n<<<<<<< SEARCH\n    if x == None:\n=======\n    if x is None:\n>>>>>>> REPLACE\n```\n";

/// A provider that answers once it is told to, and says when it began.
fn serve(go: Receiver<()>, began: Sender<Instant>, asked: tokio::sync::mpsc::UnboundedSender<()>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            if answer(stream, &go, &began, &asked).is_none() {
                return;
            }
        }
    });
    port
}

fn answer(
    stream: TcpStream,
    go: &Receiver<()>,
    began: &Sender<Instant>,
    asked: &tokio::sync::mpsc::UnboundedSender<()>,
) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
        if line.trim().is_empty() {
            break;
        }
    }
    reader.read_exact(&mut vec![0; length]).ok()?;
    let mut stream = stream;
    stream.set_nodelay(true).ok()?;
    stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n").ok()?;
    asked.send(()).ok()?;
    go.recv().ok()?;
    let event = |value: serde_json::Value| format!("data: {value}\n\n");
    let words = |text: &str| event(serde_json::json!({"choices": [{"index": 0, "delta": {"content": text}}]}));
    let first = words(&ANSWER[..4]);
    began.send(Instant::now()).ok()?;
    stream.write_all(first.as_bytes()).ok()?;
    go.recv().ok()?;
    let end = event(serde_json::json!({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}));
    stream.write_all(format!("{}{end}data: [DONE]\n\n", words(&ANSWER[4..])).as_bytes()).ok()
}

fn exchange(port: u16) -> Exchange {
    let clock = Arc::new(SystemClock::default());
    let keys = Arc::new(Keys::new(BTreeMap::new(), Vec::new()));
    let settings = ProviderSettings::new("acme", Wire::OpenAi, format!("http://127.0.0.1:{port}/v1"));
    let http = HttpClient::new(HttpSettings::default()).unwrap();
    let counter = Counter {
        model: Arc::new(Provider::new(settings, http, keys.clone(), clock.clone())),
        key: KeySource::None,
        beside: Vec::new(),
        rate: RateLimit::new(None, None, clock),
        counts: false,
        context: None,
        patience: Duration::from_secs(900),
    };
    Exchange::new(ExchangeParts {
        providers: BTreeMap::from([("acme".to_owned(), counter)]),
        routes: Some(Routes::one_model("acme/model".parse().unwrap())),
        shares: BTreeMap::new(),
        prices: PriceTable::shipped(),
        day_micros: None,
        patience: RetryPolicy::default(),
        sleeper: Arc::new(RealSleeper),
        keys,
        others: Vec::new(),
    })
}

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let mut took = runtime.block_on(measure());
    took.sort_unstable();
    let [middle, most] = [took[took.len() / 2], *took.last().unwrap()];
    println!("{} first tokens: {middle:?} in the middle, {most:?} at most, until a screen is told", took.len());
    assert!(middle < Duration::from_millis(50), "the first token takes {middle:?} more than it must");
}

async fn measure() -> Vec<Duration> {
    let (go, wait) = channel();
    let (tell, began) = channel();
    let (heard, mut asked) = tokio::sync::mpsc::unbounded_channel();
    let port = serve(wait, tell, heard);
    let began = Mutex::new(began);
    let house = house::House::with(|house| {
        house.ports.models = Arc::new(exchange(port));
        house.settings.engine = EngineKind::Llm;
    });
    let desk = house.open();
    let mut took = Vec::new();
    for number in 0..SESSIONS {
        let repository = house.small_repository(&format!("shop-{number}"));
        let mut notices = desk.runtime.notices().await.unwrap();
        let id = desk.run(&[&repository]).await;
        asked.recv().await.unwrap();
        // the head of the file is told first
        while tokio::time::timeout(QUIET, notices.next()).await.is_ok() {}
        go.send(()).unwrap();
        loop {
            if let Some(Notice::LogGrew { session, .. }) = notices.next().await
                && session == id
            {
                break;
            }
        }
        let seen = Instant::now();
        took.push(seen.saturating_duration_since(began.lock().unwrap().recv().unwrap()));
        go.send(()).unwrap();
        desk.until(id, "Scored").await;
    }
    took
}
