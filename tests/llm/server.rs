//! A server that does what it is told, the wrong things above all. It remembers every request.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::sleep;

/// What a connection gets.
#[derive(Clone, Debug)]
pub(crate) enum Play {
    /// A status, headers and a body with its length.
    Answer(u16, Vec<(&'static str, String)>, Vec<u8>),
    /// A 200 of this content type in pieces with pauses between them, and then its end.
    Pieces(&'static str, Vec<Vec<u8>>, Duration, End),
    /// The same piece over and over after what begins it, until nobody reads any more.
    Endless(&'static str, Vec<u8>, Vec<u8>),
    /// Closed before a byte.
    Closed,
    /// Never a byte.
    Silent,
    /// Bytes that are no HTTP.
    Raw(&'static [u8]),
}

/// How an answer in pieces ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Orderly,
    /// Closed before the last chunk.
    Cut,
    /// A TCP reset.
    Reset,
    /// Kept open, without another byte.
    Stall,
}

#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) line: String,
    /// Names in small letters.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: serde_json::Value,
}

impl Seen {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

#[derive(Clone)]
pub(crate) struct Server {
    pub(crate) at: SocketAddr,
    seen: Arc<Mutex<Vec<Seen>>>,
    sent: Arc<Mutex<usize>>,
}

impl Server {
    /// Plays each of `plays` once, and the last one for ever.
    pub(crate) async fn start(plays: Vec<Play>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let at = listener.local_addr().unwrap();
        let server = Self { at, seen: Arc::default(), sent: Arc::default() };
        let shared = server.clone();
        tokio::spawn(async move {
            let mut plays = plays.into_iter().peekable();
            let mut last = None;
            while let Ok((stream, _)) = listener.accept().await {
                last = plays.next().or(last);
                tokio::spawn(shared.clone().serve(stream, last.clone().unwrap()));
            }
        });
        server
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.at)
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    /// Bytes that were written until the other side hung up.
    pub(crate) fn sent(&self) -> usize {
        *self.sent.lock().unwrap()
    }

    async fn serve(self, mut stream: TcpStream, play: Play) {
        let Some(seen) = read_request(&mut stream).await else { return };
        self.seen.lock().unwrap().push(seen);
        let _hung_up = self.play(&mut stream, play).await;
    }

    async fn play(&self, stream: &mut TcpStream, play: Play) -> std::io::Result<()> {
        match play {
            Play::Answer(status, headers, body) => {
                let mut head = format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\n", body.len());
                headers.iter().for_each(|(name, value)| head.push_str(&format!("{name}: {value}\r\n")));
                stream.write_all(format!("{head}connection: close\r\n\r\n").as_bytes()).await?;
                stream.write_all(&body).await?;
            }
            Play::Pieces(kind, pieces, pause, end) => {
                stream.write_all(head(kind).as_bytes()).await?;
                for piece in pieces.into_iter().filter(|piece| !piece.is_empty()) {
                    stream.write_all(&chunk(&piece)).await?;
                    stream.flush().await?;
                    if !pause.is_zero() {
                        sleep(pause).await;
                    }
                }
                match end {
                    End::Orderly => stream.write_all(b"0\r\n\r\n").await?,
                    End::Cut => {}
                    End::Reset => {
                        // what was sent is read first: a reset throws away what was not
                        sleep(Duration::from_millis(500)).await;
                        return stream.set_zero_linger();
                    }
                    End::Stall => sleep(Duration::from_secs(60)).await,
                }
            }
            Play::Endless(kind, begin, more) => {
                stream.write_all(head(kind).as_bytes()).await?;
                if !begin.is_empty() {
                    stream.write_all(&chunk(&begin)).await?;
                }
                loop {
                    stream.write_all(&chunk(&more)).await?;
                    *self.sent.lock().unwrap() += more.len();
                }
            }
            Play::Closed => {}
            Play::Silent => sleep(Duration::from_secs(60)).await,
            Play::Raw(bytes) => stream.write_all(bytes).await?,
        }
        stream.shutdown().await
    }
}

fn head(kind: &str) -> String {
    format!("HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ntransfer-encoding: chunked\r\nx-request-id: req-1\r\n\r\n")
}

fn chunk(piece: &[u8]) -> Vec<u8> {
    [format!("{:x}\r\n", piece.len()).as_bytes(), piece, b"\r\n"].concat()
}

async fn read_request(stream: &mut TcpStream) -> Option<Seen> {
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break end;
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    };
    let text = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let mut lines = text.lines();
    let line = lines.next()?.to_owned();
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
        .collect();
    let length =
        headers.iter().find(|(name, _)| name == "content-length").map_or(0, |(_, value)| value.parse().unwrap());
    while bytes.len() < end + 4 + length {
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
    let body = serde_json::from_slice(&bytes[end + 4..]).unwrap_or_default();
    Some(Seen { line, headers, body })
}
