//! Hosts that a confined program may reach: a proxy of our own at its door, and nothing else leads out. A server of
//! this machine, such as a local model's, has a door of its own at its own port, for programs that know no proxy.
//!
//! The proxy takes HTTP `CONNECT` and passes bytes on, and plain requests to servers that speak no TLS, a connection
//! for each; it opens nothing of what goes through. A name that is allowed
//! reaches no address of this machine or its own network, unless it is one: a name server is not asked for a permit.
//!
//! Where this machine's programs go out through a proxy of their user's, so does this: after the list was asked, with the
//! name, which is looked up there and not here. What that proxy wants to be told of its user is never said to the program.

use std::collections::BTreeSet;
use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;

use crate::cancel::Cancel;
use crate::infrastructure::http::{Connection, Upstream};

/// The port of a host that names none: TLS.
const USUAL_PORT: u16 = 443;
/// Bytes of a request's head.
const LARGEST_HEAD: usize = 8 << 10;
/// Connections at once. // an agent opens a handful
const AT_ONCE: usize = 64;
/// How long a head may take to come, and a host to answer.
const PATIENCE: Duration = Duration::from_secs(20);

/// A host and port of the list.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Host {
    name: String,
    port: u16,
}

impl Host {
    /// Whether it is this machine, by its name alone.
    fn is_local(&self) -> bool {
        self.name == "localhost" || self.name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
    }

    /// As it is told.
    fn shown(&self) -> String {
        format!("{}:{}", self.name, self.port)
    }
}

/// A text that names no host.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no host, such as api.example.org or api.example.org:8443")]
pub struct NoHost(String);

impl FromStr for Host {
    type Err = NoHost;
    fn from_str(text: &str) -> Result<Self, NoHost> {
        let wrong = || NoHost(text.to_owned());
        let text_ = text.trim();
        let (name, port) = match text_.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            Some((name, rest)) => {
                name.parse::<std::net::Ipv6Addr>().map_err(|_| wrong())?;
                (name, rest.strip_prefix(':').or_else(|| rest.is_empty().then_some("")).ok_or_else(wrong)?)
            }
            None => text_.split_once(':').unwrap_or((text_, "")),
        };
        let port = if port.is_empty() { USUAL_PORT } else { port.parse().map_err(|_| wrong())? };
        let name = name.trim_end_matches('.').to_ascii_lowercase();
        let plain =
            |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
        let is_name = name.split('.').all(plain) || name.parse::<IpAddr>().is_ok();
        if port == 0 || !is_name || name.len() > 253 { Err(wrong()) } else { Ok(Self { name, port }) }
    }
}

/// A list of hosts, each with its port. No patterns: what is allowed is what was typed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AllowedHosts(BTreeSet<Host>);

impl AllowedHosts {
    /// The list of these, each `host` or `host:port`.
    ///
    /// # Errors
    /// [`NoHost`] for the first that is none.
    pub fn new<'a>(hosts: impl IntoIterator<Item = &'a str>) -> Result<Self, NoHost> {
        Ok(Self(hosts.into_iter().map(str::parse).collect::<Result<_, _>>()?))
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether `target`, a `host` or `host:port`, is one of them.
    #[must_use]
    pub fn allows(&self, target: &str) -> bool {
        target.parse().is_ok_and(|host: Host| self.0.contains(&host))
    }

    /// The doors that these hosts need: the proxy's, and the port of each server of this machine.
    #[must_use]
    pub fn doors(&self) -> Vec<u16> {
        if self.0.is_empty() {
            return Vec::new();
        }
        let local: BTreeSet<u16> = self.0.iter().filter(|host| host.is_local()).map(|host| host.port).collect();
        [PROXY_PORT].into_iter().chain(local.into_iter().filter(|port| *port != PROXY_PORT)).collect()
    }

    /// The first that is reached through `upstream`.
    #[must_use]
    pub fn first_through(&self, upstream: &Upstream) -> Option<String> {
        self.0.iter().find(|host| upstream.leads_to(&host.name)).map(Host::shown)
    }

    /// Whether the host of that name is one of them, at whatever port.
    #[must_use]
    pub fn names(&self, host: &str) -> bool {
        let host = host.trim_end_matches('.').to_ascii_lowercase();
        self.0.iter().any(|allowed| allowed.name == host)
    }
}

impl fmt::Display for AllowedHosts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, host) in self.0.iter().enumerate() {
            let comma = if number > 0 { ", " } else { "" };
            write!(f, "{comma}{}:{}", host.name, host.port)?;
        }
        Ok(())
    }
}

/// Where the proxy's door is. // what proxies are usually found at
pub const PROXY_PORT: u16 = 3128;

/// What became of one connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Passage {
    /// It was let through to this host.
    Through(String),
    /// It was not, and why.
    Refused(String),
}

/// Serves a door until `stop`: lets `hosts` through, by `upstream` where that leads to them, and tells `told` of each
/// connection. What door it is its port says.
///
/// # Errors
/// What the system said about the listening socket.
pub async fn serve(
    door: TcpListener,
    hosts: AllowedHosts,
    upstream: Option<Upstream>,
    told: Arc<dyn Fn(Passage) + Send + Sync>,
    stop: Cancel,
) -> io::Result<()> {
    let port = door.local_addr()?.port();
    let straight = hosts.0.iter().find(|host| port != PROXY_PORT && host.is_local() && host.port == port).cloned();
    let hosts = Arc::new(hosts);
    each_client(door, AT_ONCE, &stop, |client| {
        let (hosts, upstream, told, straight) = (hosts.clone(), upstream.clone(), told.clone(), straight.clone());
        async move {
            match &straight {
                Some(host) => forwarded(client, host, told.as_ref()).await,
                None => passed(client, &hosts, upstream.as_ref(), told.as_ref()).await,
            }
        }
    })
    .await
}

/// Gives each client of a door to `serve`, so many at once at most, until `stop`; then those that are served are left too.
pub(super) async fn each_client<F>(
    door: TcpListener,
    at_once: usize,
    stop: &Cancel,
    serve: impl Fn(TcpStream) -> F,
) -> io::Result<()>
where
    F: Future<Output = io::Result<()>> + Send + 'static,
{
    door.set_nonblocking(true)?;
    let door = tokio::net::TcpListener::from_std(door)?;
    let places = Arc::new(Semaphore::new(at_once));
    loop {
        let permit = tokio::select! {
            permit = places.clone().acquire_owned() => permit.map_err(io::Error::other)?,
            () = stop.cancelled() => return Ok(()),
        };
        let client = tokio::select! {
            accepted = door.accept() => match accepted {
                Ok((client, _)) => client,
                Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => continue,
                Err(error) => return Err(error),
            },
            () = stop.cancelled() => return Ok(()),
        };
        let (served, stop) = (serve(client), stop.clone());
        tokio::spawn(async move {
            let _place = permit;
            tokio::select! {
                // a connection that breaks is between the program and its host
                _broken = served => {}
                () = stop.cancelled() => {}
            }
        });
    }
}

/// Straight to a server of this machine.
async fn forwarded(mut client: TcpStream, host: &Host, told: &(dyn Fn(Passage) + Send + Sync)) -> io::Result<()> {
    let name = host.shown();
    let mut server = match tokio::time::timeout(PATIENCE, reach(host)).await {
        Ok(Ok(server)) => server,
        Ok(Err(error)) => {
            told(Passage::Refused(format!("{name}: {error}")));
            return Err(error);
        }
        Err(_late) => return Ok(()),
    };
    told(Passage::Through(name));
    tokio::io::copy_bidirectional(&mut client, &mut server).await.map(drop)
}

async fn passed(
    mut client: TcpStream,
    hosts: &AllowedHosts,
    upstream: Option<&Upstream>,
    told: &(dyn Fn(Passage) + Send + Sync),
) -> io::Result<()> {
    let refuse = |status: &'static str, why: String| {
        told(Passage::Refused(why.clone()));
        format!(
            "HTTP/1.1 {status}\r\nContent-Type: text/plain\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{why}\n",
            why.len() + 1
        )
    };
    let head = tokio::time::timeout(PATIENCE, head(&mut client)).await;
    let (head, rest) = match head {
        Ok(Ok(Some(read))) => read,
        Ok(Ok(None)) => {
            let answer = refuse("431 Request Header Fields Too Large", "a request with no end of its head".to_owned());
            return client.write_all(answer.as_bytes()).await;
        }
        Ok(Err(error)) => return Err(error),
        Err(_late) => return Ok(()),
    };
    let mut words = head.lines().next().unwrap_or_default().split_ascii_whitespace();
    let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let (named, first) = match method {
        "CONNECT" => (target.parse().ok(), rest),
        _ => match plain_request(&head) {
            Some((host, head)) => (Some(host), [head.into_bytes(), rest].concat()),
            None => (None, Vec::new()),
        },
    };
    let Some(host) = named.filter(|host| hosts.0.contains(host)) else {
        let shown: String = target.chars().filter(|c| c.is_ascii_graphic()).take(260).collect();
        let answer = refuse("403 Forbidden", format!("{shown} is not allowed"));
        return client.write_all(answer.as_bytes()).await;
    };
    let upstream = upstream.filter(|upstream| upstream.leads_to(&host.name));
    let name = format!("{}{}", host.shown(), upstream.map_or("", |_| ", through your proxy"));
    let mut server = match tokio::time::timeout(PATIENCE, lead(&host, upstream)).await {
        Ok(Ok(server)) => server,
        Ok(Err(error)) => {
            let answer = refuse("502 Bad Gateway", format!("{name}: {error}"));
            return client.write_all(answer.as_bytes()).await;
        }
        Err(_late) => {
            let answer = refuse("504 Gateway Timeout", format!("{name} did not answer"));
            return client.write_all(answer.as_bytes()).await;
        }
    };
    told(Passage::Through(name));
    if method == "CONNECT" {
        client.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await?;
    }
    server.write_all(&first).await?;
    server.flush().await?;
    tokio::io::copy_bidirectional(&mut client, &mut server).await.map(drop)
}

/// A request's head and what came behind it; `None` where the head has no end.
async fn head(client: &mut TcpStream) -> io::Result<Option<(String, Vec<u8>)>> {
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

/// The host of a request in absolute form, and its head as that host is to get it: the last on its connection, so
/// that nothing that follows is meant for another.
fn plain_request(head: &str) -> Option<(Host, String)> {
    let mut lines = head.split("\r\n");
    let mut words = lines.next()?.split(' ');
    let (method, target, version) = (words.next()?, words.next()?, words.next()?);
    let (authority, path) = match target.strip_prefix("http://")?.split_once('/') {
        Some((authority, path)) => (authority, path),
        None => (target.strip_prefix("http://")?, ""),
    };
    let with_port = authority.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
    let host = if with_port { authority.parse() } else { format!("{authority}:80").parse() };
    let mut out = format!("{method} /{path} {version}\r\n");
    for line in lines.filter(|line| !line.is_empty()) {
        let name = line.split(':').next().unwrap_or_default().trim();
        let hop = ["connection", "proxy-connection", "keep-alive", "proxy-authorization", "upgrade"];
        if !hop.iter().any(|hop| name.eq_ignore_ascii_case(hop)) {
            out.push_str(line);
            out.push_str("\r\n");
        }
    }
    out.push_str("Connection: close\r\n\r\n");
    Some((host.ok()?, out))
}

/// To `host` by the way that is its own.
async fn lead(host: &Host, upstream: Option<&Upstream>) -> io::Result<Box<dyn Connection>> {
    match upstream {
        Some(upstream) => upstream.tunnel(&host.name, host.port).await.map_err(io::Error::other),
        None => Ok(Box::new(reach(host).await?)),
    }
}

async fn reach(host: &Host) -> io::Result<TcpStream> {
    let literal = host.name.parse::<IpAddr>().is_ok() || host.is_local();
    let found: Vec<SocketAddr> = tokio::net::lookup_host((host.name.as_str(), host.port)).await?.collect();
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for address in found {
        if !literal && is_inner(address.ip()) {
            last = io::Error::new(io::ErrorKind::PermissionDenied, "the name leads to an address of this network");
            continue;
        }
        match TcpStream::connect(address).await {
            Ok(stream) => return Ok(stream),
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// Whether an address is this machine's, its network's or nobody's.
fn is_inner(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => {
            let [first, second, ..] = v4.octets();
            v4.is_loopback()
                || v4.is_private()
                || v4.is_link_local()
                || v4.is_unspecified()
                || v4.is_broadcast()
                || v4.is_multicast()
                || first == 0
                || (first == 100 && (64..128).contains(&second)) // carriers' own
        }
        IpAddr::V6(v6) => match v6.to_ipv4() {
            Some(v4) => is_inner(IpAddr::V4(v4)),
            None => {
                let first = v6.segments()[0];
                v6.is_loopback()
                    || v6.is_unspecified()
                    || v6.is_multicast()
                    || (first & 0xfe00) == 0xfc00
                    || (first & 0xffc0) == 0xfe80
            }
        },
    }
}

#[cfg(test)]
mod tests;
