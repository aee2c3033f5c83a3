//! The client: the daemon as a [`Service`].

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use async_trait::async_trait;
use futures::stream::StreamExt as _;
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1::{self, SendRequest};
use hyper::{Request as HttpRequest, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::UnixStream;
use tokio::sync::Mutex;

use crate::api::{Call, ClientInfo, Failure, FailureKind, Notice, NoticeStream, Reply, Service};

use super::facts::DaemonFacts;
use super::pauses::Pauses;
use super::routes::{CLIENT, IF_IDLE, REQUEST_ID};
use super::sse::EventReader;
use super::system;

/// Idle connections that are kept for the next request.
const SPARE: usize = 4;
/// How long a full queue at the socket is waited for.
const QUEUE_PATIENCE: Duration = Duration::from_secs(5);

/// How long a daemon may take to say who it is.
const GREETING: Duration = Duration::from_secs(10);

type Body = Full<Bytes>;

/// A daemon, seen from outside.
///
/// Connections are reused. A request whose connection broke is sent once more: its id keeps it from counting twice.
#[derive(Debug)]
pub struct Client {
    address: PathBuf,
    spare: Mutex<Vec<Connection>>,
}

#[derive(Debug)]
struct Connection {
    sender: SendRequest<Body>,
}

/// What one request needs.
struct Sent<'a> {
    method: &'static str,
    path: &'a str,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
}

impl Client {
    /// Connects to the daemon behind the socket `address`.
    ///
    /// # Errors
    /// [`FailureKind::Unreachable`] where nobody listens there; [`FailureKind::Refused`] where another user does.
    pub async fn connect(address: &Path) -> Result<Self, Failure> {
        let client = Self { address: address.to_owned(), spare: Mutex::new(Vec::new()) };
        let first = client.open().await?;
        client.spare.lock().await.push(first);
        Ok(client)
    }

    /// Who serves.
    ///
    /// # Errors
    /// As [`Service::call`].
    pub async fn facts(&self) -> Result<DaemonFacts, Failure> {
        let sent = Sent { method: "GET", path: "/v1/version", headers: Vec::new(), body: Vec::new() };
        let body = tokio::time::timeout(GREETING, self.exchange(&sent)).await.map_err(|_| {
            let message = format!("the daemon at {} does not answer", self.address.display());
            Failure::new(FailureKind::TimedOut, message).hint("paraph daemon stop")
        })??;
        serde_json::from_slice(&body).map_err(|error| nonsense("/v1/version", &error))
    }

    /// Asks the daemon to leave; with `only_if_idle` it refuses where somebody else is there or something is owed.
    /// The request is the same in every protocol.
    pub(super) async fn ask_to_leave(&self, only_if_idle: bool) -> Result<(), Failure> {
        let headers = if only_if_idle { vec![(IF_IDLE, "1".to_owned())] } else { Vec::new() };
        self.exchange(&Sent { method: "POST", path: "/v1/stop", headers, body: b"{}".to_vec() }).await.map(|_| ())
    }

    async fn open(&self) -> Result<Connection, Failure> {
        let stream = reach(&self.address).await.map_err(|error| unreachable(&self.address, &error))?;
        let server = stream.peer_cred().map_err(|error| unreachable(&self.address, &error))?.uid();
        if !system::may_ask(server) && system::own_uid() != 0 {
            let message = format!("the socket {} belongs to user {server}", self.address.display());
            return Err(Failure::new(FailureKind::Refused, message).hint("set PARAPH_HOME to a directory of your own"));
        }
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(|error| broken(&error))?;
        tokio::spawn(async move {
            // whoever waits for an answer hears of the error
            let _ended = connection.await;
        });
        // one that its task has not looked at yet would not count as spare: each first request would open a second one
        sender.ready().await.map_err(|error| broken(&error))?;
        Ok(Connection { sender })
    }

    async fn spare(&self) -> Option<Connection> {
        let mut spare = self.spare.lock().await;
        while let Some(connection) = spare.pop() {
            if connection.sender.is_ready() {
                return Some(connection);
            }
        }
        None
    }

    /// Sends, and sends once more over a fresh connection where the first one broke before it answered.
    async fn send(&self, sent: &Sent<'_>) -> Result<(Connection, Response<Incoming>), Failure> {
        if let Some(mut connection) = self.spare().await
            && let Ok(response) = connection.sender.send_request(sent.http()?).await
        {
            return Ok((connection, response));
        }
        let mut connection = self.open().await?;
        let response = connection.sender.send_request(sent.http()?).await.map_err(|error| broken(&error))?;
        Ok((connection, response))
    }

    /// The body of the answer, or the failure in it.
    async fn exchange(&self, sent: &Sent<'_>) -> Result<Bytes, Failure> {
        let (connection, response) = self.send(sent).await?;
        let status = response.status();
        let body = response.into_body().collect().await.map_err(|error| broken(&error))?.to_bytes();
        let mut spare = self.spare.lock().await;
        if spare.len() < SPARE && !connection.sender.is_closed() {
            spare.push(connection);
        }
        drop(spare);
        if status.is_success() { Ok(body) } else { Err(failure_in(status, &body)) }
    }
}

impl Sent<'_> {
    fn http(&self) -> Result<HttpRequest<Body>, Failure> {
        let mut request = HttpRequest::builder().method(self.method).uri(self.path).header("host", "paraph");
        for (name, value) in &self.headers {
            request = request.header(*name, value);
        }
        request.body(Full::new(self.body.clone().into())).map_err(|error| broken(&error))
    }
}

#[async_trait]
impl Service for Client {
    async fn call(&self, call: Call) -> Result<Reply, Failure> {
        let route = call.request.route();
        let path = format!("/v1/{route}");
        let headers = vec![
            (REQUEST_ID, call.id.to_string()),
            (CLIENT, header_of(&call.client)),
            ("content-type", "application/json".to_owned()),
        ];
        let sent = Sent { method: "POST", path: &path, headers, body: call.request.body().to_string().into_bytes() };
        let body = self.exchange(&sent).await?;
        let reply = Reply::parse(route, &body).expect("the request's route is in the table");
        reply.map_err(|error| nonsense(&path, &error))
    }

    async fn notices(&self) -> Result<NoticeStream, Failure> {
        let sent = Sent { method: "GET", path: "/v1/notices", headers: Vec::new(), body: Vec::new() };
        let (connection, response) = self.send(&sent).await?;
        let status = response.status();
        if !status.is_success() {
            let body = response.into_body().collect().await.map_err(|error| broken(&error))?.to_bytes();
            return Err(failure_in(status, &body));
        }
        let listening =
            Listening { _connection: connection, body: response.into_body(), reader: EventReader::default() };
        let batches = futures::stream::unfold(listening, |mut listening| async move {
            let notices = listening.next().await?;
            Some((futures::stream::iter(notices), listening))
        });
        Ok(batches.flatten().boxed())
    }
}

/// A stream of notices as it is read. Dropping it ends the connection.
struct Listening {
    _connection: Connection,
    body: Incoming,
    reader: EventReader,
}

impl Listening {
    /// The next notices; `None` when the daemon went.
    async fn next(&mut self) -> Option<Vec<Notice>> {
        let frame = self.body.frame().await?.ok()?;
        let events = self.reader.take(frame.data_ref()?).ok()?;
        // what a newer daemon tells and this client does not know is not for it
        Some(events.iter().filter_map(|event| serde_json::from_slice(event).ok()).collect())
    }
}

/// Connects; a full queue means that the daemon is there and busy.
async fn reach(address: &Path) -> io::Result<UnixStream> {
    let mut pauses = Pauses::new(Duration::from_millis(1), Duration::from_millis(50));
    loop {
        match UnixStream::connect(address).await {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock && pauses.waited() < QUEUE_PATIENCE => {
                pauses.pause().await;
            }
            reached => return reached,
        }
    }
}

/// JSON in ASCII: a header has no place for anything else.
fn header_of(client: &ClientInfo) -> String {
    let json = serde_json::to_string(client).expect("plain data serialises");
    let mut ascii = String::with_capacity(json.len());
    for c in json.chars() {
        if matches!(c, ' '..='~') {
            ascii.push(c);
        } else {
            for unit in c.encode_utf16(&mut [0; 2]) {
                ascii.push_str(&format!("\\u{unit:04x}"));
            }
        }
    }
    ascii
}

fn unreachable(address: &Path, error: &io::Error) -> Failure {
    let mut failure = Failure::new(FailureKind::Unreachable, format!("no daemon answers at {}", address.display()))
        .hint("paraph daemon start");
    failure.causes.push(error.to_string());
    failure
}

fn broken(error: &(dyn std::error::Error + 'static)) -> Failure {
    let mut failure = Failure::new(FailureKind::Unreachable, "the daemon went before it answered")
        .hint("paraph list shows what was recorded")
        .hint("the same command again");
    failure.causes = Failure::from_error(FailureKind::Unreachable, error).causes;
    failure.causes.insert(0, error.to_string());
    failure
}

fn nonsense(path: &str, error: &serde_json::Error) -> Failure {
    let message = format!("the daemon's answer to {path} does not read: {error}");
    Failure::new(FailureKind::Failed, message).hint("paraph daemon stop")
}

fn failure_in(status: StatusCode, body: &[u8]) -> Failure {
    serde_json::from_slice(body).unwrap_or_else(|_| {
        Failure::new(FailureKind::Failed, format!("the daemon answered with {status}")).hint("paraph daemon stop")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_client_fits_a_header() {
        let environment = [("PATH".to_owned(), "/größe\u{7f}\n\u{1F600}:\"x\"".to_owned())].into();
        let client =
            ClientInfo { name: "cli".into(), version: "1".into(), terminal: true, environment, is_root: false };
        let header = header_of(&client);
        assert!(header.bytes().all(|byte| (b' '..=b'~').contains(&byte)), "{header}");
        assert_eq!(serde_json::from_str::<ClientInfo>(&header).expect("JSON"), client);
    }
}
