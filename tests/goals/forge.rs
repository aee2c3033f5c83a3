//! A forge on this machine: answers by path, remembers who asked for what with which token.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use paraph::cancel::Cancel;
use paraph::clock::{FixedClock, Timestamp};
use paraph::infrastructure::http::{HttpClient, HttpLimits, HttpSettings, Secret};
use paraph::infrastructure::issues::{
    ForgeKind, Hosts, Issue, IssueAddress, IssueError, IssueReader, IssueReaderParts, KnownHost, ReadLimits,
};
use paraph::infrastructure::llm::{KeySource, Keys, Sleeper};
use serde_json::{Value, json};

/// A token that must show nowhere.
pub(crate) const TOKEN: &str = "glpat-canary-7f3a9c2e51d84b60";

/// One answer.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Vec<u8>,
}

pub(crate) fn json_of(status: u16, body: &Value) -> Answer {
    let headers = vec![("content-type", "application/json".to_owned())];
    Answer { status, headers, body: body.to_string().into_bytes() }
}

impl Answer {
    pub(crate) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}

/// A request as it came: its path with the query, and the token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) path: String,
    pub(crate) token: Option<String>,
}

/// Answers each path with its answers one after the other, the last one for ever; 404 where it knows none.
#[derive(Clone)]
pub(crate) struct Forge {
    at: SocketAddr,
    answers: Arc<Mutex<BTreeMap<String, Vec<Answer>>>>,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Forge {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let at = listener.local_addr().unwrap();
        let forge = Self { at, answers: Arc::default(), seen: Arc::default() };
        let shared = forge.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let shared = shared.clone();
                std::thread::spawn(move || shared.serve(stream));
            }
        });
        forge
    }

    pub(crate) fn says(self, path: &str, answers: impl IntoIterator<Item = Answer>) -> Self {
        self.answers.lock().unwrap().insert(path.to_owned(), answers.into_iter().collect());
        self
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.at)
    }

    pub(crate) fn host(&self) -> String {
        self.at.to_string()
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    pub(crate) fn paths(&self) -> Vec<String> {
        self.seen().into_iter().map(|seen| seen.path).collect()
    }

    fn serve(&self, mut stream: TcpStream) {
        let mut lines = BufReader::new(stream.try_clone().unwrap()).lines().map_while(Result::ok);
        let Some(first) = lines.next() else { return };
        let headers: Vec<String> = lines.take_while(|line| !line.is_empty()).collect();
        let path = first.split(' ').nth(1).unwrap_or_default().to_owned();
        let named =
            |line: &str| line.split_once(": ").map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()));
        let mut named = headers.iter().filter_map(|line| named(line));
        let token = named.find(|(name, _)| name == "authorization" || name == "private-token").map(|(_, value)| value);
        self.seen.lock().unwrap().push(Seen { path: path.clone(), token });
        let answer = {
            let mut answers = self.answers.lock().unwrap();
            match answers.get_mut(&path) {
                Some(listed) if listed.len() > 1 => listed.remove(0),
                Some(listed) => listed[0].clone(),
                None => json_of(404, &json!({"message": "Not Found"})),
            }
        };
        let mut head = format!("HTTP/1.1 {} X\r\ncontent-length: {}\r\n", answer.status, answer.body.len());
        answer.headers.iter().for_each(|(name, value)| head.push_str(&format!("{name}: {value}\r\n")));
        // whoever reads no more hangs up
        let _ = stream.write_all(format!("{head}connection: close\r\n\r\n").as_bytes());
        let _ = stream.write_all(&answer.body);
    }
}

/// Remembers pauses and takes no time.
#[derive(Default)]
pub(crate) struct Pauses(pub(crate) Mutex<Vec<u64>>);

#[async_trait]
impl Sleeper for Pauses {
    async fn sleep(&self, pause: Duration) {
        self.0.lock().unwrap().push(pause.as_secs());
    }
}

/// Short enough for a test of each limit, long enough for a machine that is busy with all of them.
pub(crate) fn limits() -> ReadLimits {
    let seconds = Duration::from_secs;
    let http = HttpLimits { first: seconds(5), idle: seconds(5), total: seconds(10), bytes: 1 << 20, line: 1 << 20 };
    ReadLimits { http, ..ReadLimits::default() }
}

/// A reader that has [`TOKEN`] for `named` alone, and its pauses.
pub(crate) fn reader(named: &[(&str, ForgeKind)], limits: ReadLimits) -> (IssueReader, Arc<Pauses>) {
    let known = |kind| KnownHost { kind: Some(kind), key: Some(KeySource::Variable("TOKEN".to_owned())) };
    let hosts = Hosts::new(named.iter().map(|(host, kind)| ((*host).to_owned(), known(*kind))).collect());
    let sleeper = Arc::new(Pauses::default());
    let reader = IssueReader::new(IssueReaderParts {
        http: HttpClient::new(HttpSettings { connect: Duration::from_secs(2), ..HttpSettings::default() }).unwrap(),
        keys: Arc::new(Keys::new(BTreeMap::from([("TOKEN".to_owned(), Secret::new(TOKEN))]), Vec::new())),
        hosts,
        limits,
        sleeper: sleeper.clone(),
        clock: Arc::new(FixedClock::at("2026-11-28T12:00:00.000Z".parse::<Timestamp>().unwrap())),
    });
    (reader, sleeper)
}

pub(crate) async fn read(reader: &IssueReader, url: &str, kind: Option<ForgeKind>) -> Result<Issue, IssueError> {
    reader.read(&IssueAddress::parse(url).unwrap(), kind, &Cancel::new()).await
}
