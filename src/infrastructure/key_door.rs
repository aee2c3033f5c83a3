//! A door behind which a key is: a confined program asks one host through it, and never holds the key.
//!
//! The program sees a plain server on its own loopback and has a word in the key's place that is worth nothing. Each
//! request goes on to the one address that the door was made for, with whatever stood for a key taken out and the true
//! one put in; it follows to no other host, and where the host repeats it the answer is masked. A key that the host does
//! not take is looked for once more, for it may have been renewed meanwhile. What the program starts
//! shares its loopback: it can ask the host too, and read the key no more than the program can.

use std::io;
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::cancel::Cancel;
use crate::infrastructure::hosts::{Passage, each_client};
use crate::infrastructure::http::{Ask, HttpClient, HttpError, HttpLimits, Incoming, Method, Secret};
use crate::infrastructure::llm::{KeySource, Keys};

/// Bytes of a request's head. // agents send a few hundred
const LARGEST_HEAD: usize = 64 << 10;
/// Bytes of a request. // 64 MiB: a conversation with pictures
const LARGEST_BODY: usize = 64 << 20;
/// Requests at once. // an agent has a handful
const AT_ONCE: usize = 32;
/// KiB of all requests that are held at once. // 128 MiB: two of the largest; what asks may be any program of the sandbox
const HELD_KIB: usize = 128 << 10;
/// How often a key is looked for again in the life of a door. // a program that gives it may ask its person each time
const MOST_RENEWALS: usize = 8;
/// How long a head may take to come, and each next part of a body.
const PATIENCE: Duration = Duration::from_secs(30);
/// What one exchange may take: answers think for long before they say a word.
const LIMITS: HttpLimits = HttpLimits {
    first: Duration::from_secs(15 * 60),
    idle: Duration::from_secs(10 * 60),
    total: Duration::from_secs(60 * 60),
    bytes: 256 << 20,
    line: usize::MAX,
};

/// What stands for the key in the program's variables: worth nothing anywhere.
pub const PLACEHOLDER: &str = "sk-paraph-holds-the-key";

/// What a program says that is not passed on: what is about the connection, and what may stand for a key.
const DROPPED: [&str; 20] = [
    "authorization",
    "x-api-key",
    "api-key",
    "x-goog-api-key",
    "cookie",
    "host",
    "content-length",
    "transfer-encoding",
    "accept-encoding",
    "expect",
    "connection",
    "proxy-connection",
    "keep-alive",
    "proxy-authorization",
    "upgrade",
    "te",
    "trailer",
    "x-http-method-override",
    "x-http-method",
    "x-method-override",
];

/// What an answer says that is passed on, beside its status and its body.
const PASSED: [&str; 22] = [
    "content-type",
    "retry-after",
    "retry-after-ms",
    "x-should-retry",
    "request-id",
    "x-request-id",
    "x-goog-request-id",
    "openai-processing-ms",
    "openai-model",
    "x-ratelimit-limit-requests",
    "x-ratelimit-limit-tokens",
    "x-ratelimit-remaining-requests",
    "x-ratelimit-remaining-tokens",
    "x-ratelimit-reset-requests",
    "x-ratelimit-reset-tokens",
    "anthropic-organization-id",
    "anthropic-ratelimit-requests-limit",
    "anthropic-ratelimit-requests-remaining",
    "anthropic-ratelimit-requests-reset",
    "anthropic-ratelimit-tokens-limit",
    "anthropic-ratelimit-tokens-remaining",
    "anthropic-ratelimit-tokens-reset",
];

/// How a program takes a key and an address, and where the key stands in a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyForm {
    /// Anthropic's.
    Anthropic,
    /// OpenAI's.
    OpenAi,
    /// Google's.
    Gemini,
}

impl KeyForm {
    /// Every form, by the name in the configuration.
    pub const ALL: [(&str, Self); 3] =
        [("anthropic", Self::Anthropic), ("openai", Self::OpenAi), ("gemini", Self::Gemini)];

    /// The form of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(known, _)| *known == name).map(|(_, form)| *form)
    }

    /// The provider's own address, without the version.
    #[must_use]
    pub fn address(self) -> &'static str {
        match self {
            Self::Anthropic => "https://api.anthropic.com",
            Self::OpenAi => "https://api.openai.com",
            Self::Gemini => "https://generativelanguage.googleapis.com",
        }
    }

    /// The variables of a program whose door is at `port` of its loopback.
    #[must_use]
    pub fn variables(self, port: u16) -> Vec<(&'static str, String)> {
        let (keys, address): (&[&str], _) = match self {
            Self::Anthropic => (&["ANTHROPIC_API_KEY"], "ANTHROPIC_BASE_URL"),
            Self::OpenAi => (&["OPENAI_API_KEY", "CODEX_API_KEY"], "OPENAI_BASE_URL"),
            Self::Gemini => (&["GEMINI_API_KEY"], "GOOGLE_GEMINI_BASE_URL"),
        };
        let keys = keys.iter().map(|name| (*name, PLACEHOLDER.to_owned()));
        keys.chain([(address, self.door(port))]).collect()
    }

    /// The address of a door at `port`, as a program takes it.
    #[must_use]
    pub fn door(self, port: u16) -> String {
        let version = if self == Self::OpenAi { self.version() } else { "" };
        format!("http://127.0.0.1:{port}{version}")
    }

    /// What its paths begin with.
    fn version(self) -> &'static str {
        match self {
            Self::Anthropic | Self::OpenAi => "/v1",
            Self::Gemini => "/v1beta",
        }
    }

    fn header(self, key: &Secret) -> (String, Secret) {
        match self {
            Self::Anthropic => ("x-api-key".to_owned(), key.clone()),
            Self::OpenAi => ("authorization".to_owned(), Secret::new(format!("Bearer {}", key.reveal()))),
            Self::Gemini => ("x-goog-api-key".to_owned(), key.clone()),
        }
    }
}

/// A key, and the one address that it is for.
#[derive(Debug, Clone)]
pub struct HeldKey {
    /// Where it is found.
    pub keys: Arc<Keys>,
    /// Which it is.
    pub source: KeySource,
    /// How it is sent.
    pub form: KeyForm,
    /// What stands before every path, such as `https://api.anthropic.com`.
    pub address: String,
}

impl HeldKey {
    async fn find(&self) -> Result<Secret, Wrong> {
        let none = |why: String| Wrong("502 Bad Gateway", format!("no key: {why}"));
        let found = self.keys.find(&self.source).await.map_err(|error| none(self.keys.mask(&error.to_string())))?;
        found.ok_or_else(|| none("none is configured".to_owned()))
    }

    /// The url of `path`, which a program takes to begin at the host: an address may name the version that the program
    /// says itself.
    fn url(&self, path: &str) -> String {
        let address = self.address.trim_end_matches('/');
        let version = self.form.version();
        let says_it = !version.is_empty() && path.starts_with(&format!("{version}/"));
        let address = if says_it { address.strip_suffix(version).unwrap_or(address) } else { address };
        format!("{address}{path}")
    }
}

/// The `host` or `host:port` of an address, as a list of hosts names it; none where it is no http or https URL.
#[must_use]
pub fn host_of(address: &str) -> Option<String> {
    let (rest, usual) = match (address.strip_prefix("https://"), address.strip_prefix("http://")) {
        (Some(rest), _) => (rest, 443),
        (None, Some(rest)) => (rest, 80),
        (None, None) => return None,
    };
    let authority = rest.split(['/', '?', '#', '\\']).next().filter(|host| !host.is_empty() && !host.contains('@'))?;
    let after_name = authority.rsplit_once(']').map_or(authority, |(_, port)| port);
    Some(if after_name.contains(':') { authority.to_owned() } else { format!("{authority}:{usual}") })
}

/// Serves a door until `stop`, and tells `told` of each request.
///
/// # Errors
/// What the system said about the listening socket.
pub async fn serve(
    door: TcpListener,
    held: HeldKey,
    http: HttpClient,
    told: Arc<dyn Fn(Passage) + Send + Sync>,
    stop: Cancel,
) -> io::Result<()> {
    let room = Arc::new(Semaphore::new(HELD_KIB));
    let house = Arc::new(House {
        held,
        http,
        stop: stop.clone(),
        room,
        renewals: Semaphore::new(MOST_RENEWALS),
        renewing: tokio::sync::Mutex::default(),
    });
    each_client(door, AT_ONCE, &stop, |client| {
        let (house, told) = (house.clone(), told.clone());
        async move { house.answer(client, told.as_ref()).await }
    })
    .await
}

/// What stands behind a door.
struct House {
    held: HeldKey,
    http: HttpClient,
    stop: Cancel,
    /// In KiB, of all requests that are held at once.
    room: Arc<Semaphore>,
    renewals: Semaphore,
    renewing: tokio::sync::Mutex<()>,
}

/// Why a request is not passed on: a status and what is wrong.
struct Wrong(&'static str, String);

impl House {
    async fn answer(&self, mut client: TcpStream, told: &(dyn Fn(Passage) + Send + Sync)) -> io::Result<()> {
        let read = request(&mut client, &self.held, &self.room).await?;
        let name = host_of(&self.held.address).unwrap_or_default();
        let answered = match read {
            Ok((asked, _room)) => self.exchange(asked, &name).await,
            Err(wrong) => Err(wrong),
        };
        match answered {
            Ok((incoming, key)) => {
                told(Passage::Through(format!("{name}, with the key")));
                pass(&mut client, incoming, &key).await
            }
            Err(Wrong(status, why)) => {
                told(Passage::Refused(why.clone()));
                refuse(&mut client, status, &why).await
            }
        }
    }

    /// Asks the host with the key; once more with another where that one was not taken and there is another now.
    async fn exchange(&self, mut asked: Ask, name: &str) -> Result<(Incoming, Secret), Wrong> {
        let key = self.held.find().await?;
        asked.headers.push(self.held.form.header(&key));
        let incoming = self.send(&asked, name).await?;
        let Some(renewed) = (if incoming.status == 401 { self.renewed(&key).await } else { None }) else {
            return Ok((incoming, key));
        };
        asked.headers.pop();
        asked.headers.push(self.held.form.header(&renewed));
        Ok((self.send(&asked, name).await?, renewed))
    }

    /// The key that is there now, where it is not the one that was not taken. Requests at once look for it once.
    async fn renewed(&self, refused: &Secret) -> Option<Secret> {
        let _turn = self.renewing.lock().await;
        let known = self.held.find().await.ok()?;
        if known != *refused {
            return Some(known);
        }
        self.renewals.try_acquire().ok()?.forget();
        self.held.keys.renew(&self.held.source).await.ok().filter(|renewed| renewed != refused)
    }

    async fn send(&self, asked: &Ask, name: &str) -> Result<Incoming, Wrong> {
        self.http.send(asked, LIMITS, &self.stop).await.map_err(|error| {
            let status = match error {
                HttpError::BadHeader { .. } | HttpError::BadUrl => "400 Bad Request",
                HttpError::TimedOut { .. } => "504 Gateway Timeout",
                _ => "502 Bad Gateway",
            };
            Wrong(status, format!("{name}: {error}"))
        })
    }
}

async fn refuse(client: &mut TcpStream, status: &str, why: &str) -> io::Result<()> {
    let body = serde_json::json!({ "error": { "type": "paraph", "message": why } }).to_string();
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    client.write_all(head.as_bytes()).await
}

/// Passes an answer on in chunks, so that one that breaks off is seen to; the key is taken out of it.
async fn pass(client: &mut TcpStream, mut incoming: Incoming, key: &Secret) -> io::Result<()> {
    let mut head = format!("HTTP/1.1 {} X\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n", incoming.status);
    for name in PASSED {
        if let Some(value) = incoming.header(name).filter(|value| !value.contains(key.reveal())) {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
    }
    client.write_all(format!("{head}\r\n").as_bytes()).await?;
    let mut masked = Masked::new(key.reveal());
    loop {
        let piece = incoming.piece().await.map_err(io::Error::other)?;
        let is_last = piece.is_none();
        let bytes = match piece {
            Some(piece) => masked.more(piece.as_ref()),
            None => masked.rest(),
        };
        if !bytes.is_empty() {
            let size = format!("{:x}\r\n", bytes.len());
            let chunk = [size.as_bytes(), &bytes, b"\r\n"].concat();
            let late = |_| io::Error::from(io::ErrorKind::TimedOut);
            // who reads no more must not hold the host's answer
            tokio::time::timeout(PATIENCE, client.write_all(&chunk)).await.map_err(late)??;
        }
        if is_last {
            return client.write_all(b"0\r\n\r\n").await;
        }
    }
}

/// Takes a key out of a stream, wherever its pieces are cut.
struct Masked<'a> {
    key: &'a [u8],
    held: Vec<u8>,
}

impl<'a> Masked<'a> {
    fn new(key: &'a str) -> Self {
        Self { key: key.as_bytes(), held: Vec::new() }
    }

    /// What may be said now; what may be the key's beginning waits for what follows.
    fn more(&mut self, bytes: &[u8]) -> Vec<u8> {
        self.held.extend_from_slice(bytes);
        let mut out = Vec::with_capacity(self.held.len());
        let mut rest = self.held.as_slice();
        while let Some(at) = memchr::memmem::find(rest, self.key).filter(|_| !self.key.is_empty()) {
            out.extend_from_slice(&rest[..at]);
            out.extend_from_slice(PLACEHOLDER.as_bytes());
            rest = &rest[at + self.key.len()..];
        }
        let longest = rest.len().min(self.key.len().saturating_sub(1));
        let begun = (1..=longest).rev().find(|length| rest.ends_with(&self.key[..*length])).unwrap_or(0);
        let (now, later) = rest.split_at(rest.len() - begun);
        out.extend_from_slice(now);
        self.held = later.to_vec();
        out
    }

    fn rest(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.held)
    }
}

/// Reads a request whole, and makes of it what the host is asked; the key is not in it yet.
async fn request(
    client: &mut TcpStream,
    held: &HeldKey,
    memory: &Arc<Semaphore>,
) -> io::Result<Result<(Ask, Room), Wrong>> {
    let late = |_| io::Error::from(io::ErrorKind::TimedOut);
    let Some((head, rest)) = tokio::time::timeout(PATIENCE, read_head(client)).await.map_err(late)?? else {
        let why = "a request with no end of its head".to_owned();
        return Ok(Err(Wrong("431 Request Header Fields Too Large", why)));
    };
    let mut lines = head.split("\r\n");
    let mut words = lines.next().unwrap_or_default().split(' ');
    let method = match words.next() {
        Some("GET") => Method::Get,
        Some("POST") => Method::Post,
        other => {
            let shown: String = other.unwrap_or_default().chars().filter(char::is_ascii_uppercase).take(20).collect();
            return Ok(Err(Wrong("405 Method Not Allowed", format!("{shown} is not passed on"))));
        }
    };
    // of its own address alone: what begins with a slash cannot name another host
    let path = words.next().unwrap_or_default();
    if !path.starts_with('/') || path.bytes().any(|byte| !byte.is_ascii_graphic()) {
        return Ok(Err(Wrong("400 Bad Request", "what is asked for is no path".to_owned())));
    }
    if climbs(path) {
        return Ok(Err(Wrong("400 Bad Request", "what is asked for leaves the address".to_owned())));
    }
    let (mut headers, mut length, mut in_chunks, mut waits) = (Vec::new(), None, false, false);
    for line in lines.filter(|line| !line.is_empty()) {
        let Some((name, value)) = line.split_once(':') else {
            return Ok(Err(Wrong("400 Bad Request", "a header without a colon".to_owned())));
        };
        let (name, value) = (name.to_ascii_lowercase(), value.trim());
        match name.as_str() {
            "content-length" => match value.parse::<usize>() {
                Ok(bytes) => length = Some(bytes),
                Err(_) => return Ok(Err(Wrong("400 Bad Request", "a length that is no number".to_owned()))),
            },
            "transfer-encoding" if value.eq_ignore_ascii_case("chunked") => in_chunks = true,
            "transfer-encoding" => {
                return Ok(Err(Wrong("501 Not Implemented", "a transfer encoding beside chunked".to_owned())));
            }
            "expect" => waits = true,
            _ => {}
        }
        if !DROPPED.contains(&name.as_str()) {
            headers.push((name, Secret::new(value)));
        }
    }
    if length.is_some_and(|length| length > LARGEST_BODY) {
        return Ok(Err(too_large()));
    }
    if waits {
        client.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").await?;
    }
    let mut room = Room { memory: memory.clone(), taken: Vec::new() };
    if let Err(wrong) = room.take(length.unwrap_or(0)) {
        return Ok(Err(wrong));
    }
    let mut body = Body { client, bytes: rest };
    let body = if in_chunks { body.in_chunks(&mut room).await? } else { body.of(length.unwrap_or(0)).await?.map(Some) };
    let body = match body {
        Ok(body) => body.unwrap_or_default(),
        Err(wrong) => return Ok(Err(wrong)),
    };
    Ok(Ok((Ask { method, url: held.url(path), headers, body }, room)))
}

/// Whether a path goes up from where it begins, however that is written.
fn climbs(path: &str) -> bool {
    let plain = path.split(['?', '#']).next().unwrap_or_default().to_ascii_lowercase();
    let plain = plain.replace("%2e", ".").replace("%2f", "/").replace("%5c", "/").replace('\\', "/");
    plain.split('/').any(|part| matches!(part, "." | ".."))
}

/// What one request holds of the memory of all.
struct Room {
    memory: Arc<Semaphore>,
    taken: Vec<OwnedSemaphorePermit>,
}

impl Room {
    fn take(&mut self, bytes: usize) -> Result<(), Wrong> {
        let kib = u32::try_from(bytes.div_ceil(1024)).unwrap_or(u32::MAX);
        let busy = |_| Wrong("503 Service Unavailable", "too much is asked at once".to_owned());
        self.taken.push(self.memory.clone().try_acquire_many_owned(kib).map_err(busy)?);
        Ok(())
    }
}

fn too_large() -> Wrong {
    Wrong("413 Content Too Large", format!("more than {LARGEST_BODY} bytes"))
}

/// A request's head and what came behind it; `None` where the head has no end.
async fn read_head(client: &mut TcpStream) -> io::Result<Option<(String, Vec<u8>)>> {
    let mut bytes = Vec::new();
    loop {
        if let Some(end) = memchr::memmem::find(&bytes, b"\r\n\r\n") {
            let rest = bytes.split_off(end + 4);
            return Ok(Some((String::from_utf8_lossy(&bytes).into_owned(), rest)));
        }
        if bytes.len() > LARGEST_HEAD {
            return Ok(None);
        }
        if client.read_buf(&mut bytes).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
}

/// What follows a head.
struct Body<'a> {
    client: &'a mut TcpStream,
    bytes: Vec<u8>,
}

impl Body<'_> {
    async fn of(&mut self, length: usize) -> io::Result<Result<Vec<u8>, Wrong>> {
        while self.bytes.len() < length {
            self.more().await?;
        }
        let rest = self.bytes.split_off(length);
        Ok(Ok(std::mem::replace(&mut self.bytes, rest)))
    }

    async fn more(&mut self) -> io::Result<()> {
        let read = tokio::time::timeout(PATIENCE, self.client.read_buf(&mut self.bytes)).await;
        match read.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(()),
        }
    }

    async fn line(&mut self) -> io::Result<String> {
        loop {
            if let Some(end) = memchr::memmem::find(&self.bytes, b"\r\n") {
                let rest = self.bytes.split_off(end + 2);
                let line = std::mem::replace(&mut self.bytes, rest);
                return Ok(String::from_utf8_lossy(&line[..end]).into_owned());
            }
            if self.bytes.len() > LARGEST_HEAD {
                return Err(io::ErrorKind::InvalidData.into());
            }
            self.more().await?;
        }
    }

    async fn in_chunks(&mut self, room: &mut Room) -> io::Result<Result<Option<Vec<u8>>, Wrong>> {
        let mut all = Vec::new();
        loop {
            let line = self.line().await?;
            let size = line.split(';').next().unwrap_or_default().trim();
            let Ok(size) = usize::from_str_radix(size, 16) else {
                return Ok(Err(Wrong("400 Bad Request", "a chunk without a size".to_owned())));
            };
            if size > LARGEST_BODY || all.len() + size > LARGEST_BODY {
                return Ok(Err(too_large()));
            }
            // what is read of a chunk stands beside what is kept of it for a moment
            if let Err(wrong) = room.take(size) {
                return Ok(Err(wrong));
            }
            if size == 0 {
                while !self.line().await?.is_empty() {}
                return Ok(Ok(Some(all)));
            }
            if let Ok(chunk) = self.of(size).await? {
                all.extend_from_slice(&chunk);
            }
            self.line().await?;
        }
    }
}

#[cfg(test)]
mod tests;
