//! A door behind which a key is: a confined program asks one host through it, and never holds the key.
//!
//! The program sees a plain server on its own loopback and has a word in the key's place that is worth nothing. Each
//! request goes on to the one address that the door was made for, with whatever stood for a key taken out and the true
//! one put in; it follows to no other host, and where the host repeats it the answer is masked. What the program starts
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

/// Bytes of a request's head. // agents send a few hundred
const LARGEST_HEAD: usize = 64 << 10;
/// Bytes of a request. // 64 MiB: a conversation with pictures
const LARGEST_BODY: usize = 64 << 20;
/// Requests at once. // an agent has a handful
const AT_ONCE: usize = 32;
/// KiB of all requests that are held at once. // 128 MiB: two of the largest; what asks may be any program of the sandbox
const HELD_KIB: usize = 128 << 10;
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
        let (keys, address, version): (&[&str], _, _) = match self {
            Self::Anthropic => (&["ANTHROPIC_API_KEY"], "ANTHROPIC_BASE_URL", ""),
            Self::OpenAi => (&["OPENAI_API_KEY", "CODEX_API_KEY"], "OPENAI_BASE_URL", "/v1"),
            Self::Gemini => (&["GEMINI_API_KEY"], "GOOGLE_GEMINI_BASE_URL", ""),
        };
        let keys = keys.iter().map(|name| (*name, PLACEHOLDER.to_owned()));
        keys.chain([(address, format!("http://127.0.0.1:{port}{version}"))]).collect()
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
    /// It.
    pub key: Secret,
    /// How it is sent.
    pub form: KeyForm,
    /// What stands before every path, such as `https://api.anthropic.com`.
    pub address: String,
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
    let (held, memory) = (Arc::new(held), Arc::new(Semaphore::new(HELD_KIB)));
    each_client(door, AT_ONCE, &stop, |client| {
        let (held, http, told, memory) = (held.clone(), http.clone(), told.clone(), memory.clone());
        let stop = stop.clone();
        async move { answer(client, &held, &http, told.as_ref(), (&memory, &stop)).await }
    })
    .await
}

/// Why a request is not passed on: a status and what is wrong.
struct Wrong(&'static str, String);

async fn answer(
    mut client: TcpStream,
    held: &HeldKey,
    http: &HttpClient,
    told: &(dyn Fn(Passage) + Send + Sync),
    (memory, stop): (&Arc<Semaphore>, &Cancel),
) -> io::Result<()> {
    let (asked, _room) = match request(&mut client, held, memory).await? {
        Ok(asked) => asked,
        Err(Wrong(status, why)) => {
            told(Passage::Refused(why.clone()));
            return refuse(&mut client, status, &why).await;
        }
    };
    let name = host_of(&held.address).unwrap_or_default();
    match http.send(&asked, LIMITS, stop).await {
        Ok(incoming) => {
            told(Passage::Through(format!("{name}, with the key")));
            pass(&mut client, incoming, held).await
        }
        Err(error) => {
            let why = format!("{name}: {error}");
            told(Passage::Refused(why.clone()));
            let status = match error {
                HttpError::BadHeader { .. } | HttpError::BadUrl => "400 Bad Request",
                HttpError::TimedOut { .. } => "504 Gateway Timeout",
                _ => "502 Bad Gateway",
            };
            refuse(&mut client, status, &why).await
        }
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
async fn pass(client: &mut TcpStream, mut incoming: Incoming, held: &HeldKey) -> io::Result<()> {
    let mut head = format!("HTTP/1.1 {} X\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n", incoming.status);
    for name in PASSED {
        if let Some(value) = incoming.header(name).filter(|value| !value.contains(held.key.reveal())) {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
    }
    client.write_all(format!("{head}\r\n").as_bytes()).await?;
    let mut masked = Masked::new(held.key.reveal());
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

/// Reads a request whole, and makes of it what the host is asked.
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
    headers.push(held.form.header(&held.key));
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
    let url = format!("{}{path}", held.address.trim_end_matches('/'));
    Ok(Ok((Ask { method, url, headers, body }, room)))
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
mod tests {
    use std::sync::Mutex;

    use super::*;
    use crate::infrastructure::http::HttpSettings;

    const KEY: &str = "sk-true-0123456789";

    #[track_caller]
    fn check_host(address: &str, expected: Option<&str>) {
        assert_eq!(host_of(address).as_deref(), expected, "{address}");
    }

    #[test]
    fn an_address_is_for_one_host() {
        check_host("https://api.example.org", Some("api.example.org:443"));
        check_host("https://api.example.org:8443/v1", Some("api.example.org:8443"));
        check_host("http://127.0.0.1:4000/x", Some("127.0.0.1:4000"));
        check_host("http://[::1]/x", Some("[::1]:80"));
        check_host("http://[::1]:9/x", Some("[::1]:9"));
        for wrong in ["api.example.org", "ftp://x", "https://", "https://a@b", "https:///x"] {
            check_host(wrong, None);
        }
    }

    #[test]
    fn a_key_is_taken_out_wherever_it_is_cut() {
        let said = format!("{{\"key\":\"{KEY}\"}} sk-true-01 {KEY}{KEY} sk-tru");
        let expected = said.replace(KEY, PLACEHOLDER);
        for size in 1..said.len() {
            let mut masked = Masked::new(KEY);
            let mut out: Vec<u8> = said.as_bytes().chunks(size).flat_map(|piece| masked.more(piece)).collect();
            out.extend(masked.rest());
            assert_eq!(String::from_utf8_lossy(&out), expected, "by {size}");
        }
    }

    /// A host that answers with what it heard, a header of its own and the key.
    async fn host() -> (u16, Arc<Mutex<Vec<String>>>) {
        let server = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = server.local_addr().expect("an address").port();
        let heard = Arc::new(Mutex::new(Vec::new()));
        let hears = heard.clone();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = server.accept().await {
                let (head, rest) = read_head(&mut stream).await.expect("reads").expect("a head");
                let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).map_or("0", str::trim);
                let mut body = Body { client: &mut stream, bytes: rest };
                let body = body.of(length.parse().expect("a number")).await.expect("reads").ok().expect("a body");
                let said = format!("{head}{}", String::from_utf8_lossy(&body));
                hears.lock().expect("nobody panics").push(said.clone());
                let away = if said.starts_with("GET /away") { "location: http://example.invalid/\r\n" } else { "" };
                let status = if away.is_empty() { "200 OK" } else { "302 Found" };
                let answer = format!(
                    "HTTP/1.1 {status}\r\n{away}content-type: text/plain\r\nx-request-id: {KEY}\r\nset-cookie: a=b\r\n\
                     content-length: {}\r\nconnection: close\r\n\r\nyou said {said}",
                    said.len() + 9
                );
                stream.write_all(answer.as_bytes()).await.expect("writes");
            }
        });
        (port, heard)
    }

    /// What a program at the door is answered, and what the host heard.
    async fn asked(form: KeyForm, request: &str) -> (String, Vec<String>, Vec<Passage>) {
        let (port, heard) = host().await;
        let door = TcpListener::bind("127.0.0.1:0").expect("a port");
        let at = door.local_addr().expect("an address");
        let held = HeldKey { key: Secret::new(KEY), form, address: format!("http://127.0.0.1:{port}/base/") };
        let http = HttpClient::new(HttpSettings::default()).expect("a client");
        let (told, stop) = (Arc::new(Mutex::new(Vec::new())), Cancel::new());
        let telling = told.clone();
        let tell = Arc::new(move |passage| telling.lock().expect("nobody panics").push(passage));
        let serving = tokio::spawn(serve(door, held, http, tell, stop.clone()));
        let mut client = TcpStream::connect(at).await.expect("connects");
        client.write_all(request.as_bytes()).await.expect("writes");
        let mut said = String::new();
        client.read_to_string(&mut said).await.expect("reads");
        stop.cancel();
        serving.await.expect("no panic").expect("serves");
        let (heard, told) = (heard.lock().expect("nobody panics"), told.lock().expect("nobody panics"));
        (said, heard.clone(), told.clone())
    }

    #[tokio::test]
    async fn the_key_is_put_in_on_the_way_and_taken_out_on_the_way_back() {
        for (form, header) in [
            (KeyForm::Anthropic, format!("x-api-key: {KEY}")),
            (KeyForm::OpenAi, format!("authorization: Bearer {KEY}")),
            (KeyForm::Gemini, format!("x-goog-api-key: {KEY}")),
        ] {
            let request = format!(
                "POST /v1/messages?beta=true HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {PLACEHOLDER}\r\n\
                 X-Api-Key: {PLACEHOLDER}\r\nAnthropic-Version: 2023-06-01\r\nCookie: a=b\r\nContent-Length: 5\r\n\r\nhello"
            );
            let (said, heard, told) = asked(form, &request).await;
            assert_eq!(heard.len(), 1);
            let lower = heard[0].to_ascii_lowercase();
            assert!(lower.starts_with("post /base/v1/messages?beta=true http/1.1\r\n"), "{lower}");
            assert!(heard[0].contains(&header) && lower.ends_with("\r\n\r\nhello"), "{lower}");
            assert!(lower.contains("anthropic-version: 2023-06-01"), "{lower}");
            assert!(!lower.contains(PLACEHOLDER) && !lower.contains("cookie"), "{lower}");
            assert_eq!(heard[0].matches(KEY).count(), 1, "in its header alone: {}", heard[0]);
            assert!(said.starts_with("HTTP/1.1 200 ") && said.ends_with("0\r\n\r\n"), "{said}");
            assert!(said.contains(PLACEHOLDER) && !said.contains(KEY) && !said.contains("set-cookie"), "{said}");
            assert!(matches!(&told[..], [Passage::Through(to)] if to.ends_with(", with the key")), "{told:?}");
        }
    }

    #[tokio::test]
    async fn bodies_in_chunks_are_read_whole() {
        let request = "POST /x HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2;x=y\r\nlo\r\n0\r\n\r\n";
        let (_, heard, _) = asked(KeyForm::OpenAi, request).await;
        assert!(heard[0].ends_with("\r\n\r\nhello"), "{heard:?}");
    }

    #[tokio::test]
    async fn what_is_no_request_for_the_host_goes_nowhere() {
        for (request, status) in [
            ("CONNECT example.org:443 HTTP/1.1\r\n\r\n", "405"),
            ("DELETE /v1/files/x HTTP/1.1\r\n\r\n", "405"),
            ("GET http://example.org/ HTTP/1.1\r\n\r\n", "400"),
            ("GET @example.org/ HTTP/1.1\r\n\r\n", "400"),
            ("GET  HTTP/1.1\r\n\r\n", "400"),
            ("POST /x HTTP/1.1\r\nno colon\r\n\r\n", "400"),
            ("POST /x HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n", "413"),
            ("POST /x HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nfffffffff\r\n", "413"),
            ("POST /x HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n", "400"),
            ("POST /x HTTP/1.1\r\nTransfer-Encoding: gzip, chunked\r\n\r\nx\r\n", "501"),
            ("POST /x HTTP/1.1\r\nContent-Length: many\r\n\r\n", "400"),
            ("GET /../admin HTTP/1.1\r\n\r\n", "400"),
            ("GET /v1/%2E%2e/admin HTTP/1.1\r\n\r\n", "400"),
            ("GET /v1/..%5cadmin HTTP/1.1\r\n\r\n", "400"),
            ("GET /\\..\\admin HTTP/1.1\r\n\r\n", "400"),
        ] {
            let (said, heard, _) = asked(KeyForm::OpenAi, request).await;
            assert!(said.starts_with(&format!("HTTP/1.1 {status} ")), "{request}: {said}");
            assert_eq!(heard.len(), 0, "{request}");
        }
        // an answer that points elsewhere is not followed: the key is not for that host
        let (said, heard, _) = asked(KeyForm::OpenAi, "GET /away HTTP/1.1\r\n\r\n").await;
        assert_eq!(heard.len(), 1);
        assert!(!said.contains(KEY) && !said.contains("location"), "{said}");
    }
}
