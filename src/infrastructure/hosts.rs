//! Hosts that a confined program may reach: a proxy of our own at its door, and nothing else leads out. A server of
//! this machine, such as a local model's, has a door of its own at its own port, for programs that know no proxy.
//!
//! The proxy takes HTTP `CONNECT` and passes bytes on, and plain requests to servers that speak no TLS, a connection
//! for each; it opens nothing of what goes through. A name that is allowed
//! reaches no address of this machine or its own network, unless it is one: a name server is not asked for a permit.

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

/// Serves a door until `stop`: lets `hosts` through, tells `told` of each connection. What door it is its port says.
///
/// # Errors
/// What the system said about the listening socket.
pub async fn serve(
    door: TcpListener,
    hosts: AllowedHosts,
    told: Arc<dyn Fn(Passage) + Send + Sync>,
    stop: Cancel,
) -> io::Result<()> {
    let port = door.local_addr()?.port();
    let straight = hosts.0.iter().find(|host| port != PROXY_PORT && host.is_local() && host.port == port).cloned();
    let hosts = Arc::new(hosts);
    each_client(door, AT_ONCE, &stop, |client| {
        let (hosts, told, straight) = (hosts.clone(), told.clone(), straight.clone());
        async move {
            match &straight {
                Some(host) => forwarded(client, host, told.as_ref()).await,
                None => passed(client, &hosts, told.as_ref()).await,
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
    let name = format!("{}:{}", host.name, host.port);
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

async fn passed(mut client: TcpStream, hosts: &AllowedHosts, told: &(dyn Fn(Passage) + Send + Sync)) -> io::Result<()> {
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
    let name = format!("{}:{}", host.name, host.port);
    let mut server = match tokio::time::timeout(PATIENCE, reach(&host)).await {
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
mod tests {
    use super::*;
    use std::sync::Mutex;

    #[track_caller]
    fn check(list: &[&str], target: &str, expected: bool) {
        let hosts = AllowedHosts::new(list.iter().copied()).expect("hosts");
        assert_eq!(hosts.allows(target), expected, "{target} of {list:?}");
    }

    #[test]
    fn only_what_was_typed_is_allowed() {
        check(&["api.example.org"], "api.example.org:443", true);
        check(&["api.example.org"], "API.example.org.", true);
        check(&["api.example.org"], "api.example.org:80", false);
        check(&["api.example.org"], "example.org:443", false);
        check(&["api.example.org"], "api.example.org.evil.net:443", false);
        check(&["example.org"], "api.example.org:443", false);
        check(&["example.org:8443"], "example.org:8443", true);
        check(&["[::1]:80"], "[::1]:80", true);
        check(&[], "example.org", false);
        for wrong in ["", "a b", "*.example.org", "http://example.org", "example.org:0", "example.org:x", "a..b", "[x]"]
        {
            assert!(AllowedHosts::new([wrong]).is_err(), "{wrong}");
        }
    }

    #[test]
    fn addresses_of_the_inner_network_are_known() {
        for inner in [
            "127.0.0.1",
            "10.1.2.3",
            "192.168.0.1",
            "169.254.169.254",
            "0.0.0.0",
            "100.64.0.1",
            "::1",
            "fe80::1",
            "fd00::1",
            "::ffff:127.0.0.1",
        ] {
            assert!(is_inner(inner.parse().expect("an address")), "{inner}");
        }
        for outer in ["1.1.1.1", "100.128.0.1", "2606:4700::1111"] {
            assert!(!is_inner(outer.parse().expect("an address")), "{outer}");
        }
    }

    /// What a client at the door of `hosts` is answered for `request`, and what was told.
    async fn answer(hosts: &[&str], request: String) -> (String, Vec<Passage>) {
        let door = TcpListener::bind("127.0.0.1:0").expect("a port");
        let at = door.local_addr().expect("an address");
        let told = Arc::new(Mutex::new(Vec::new()));
        let telling = told.clone();
        let tell = Arc::new(move |passage| telling.lock().expect("nobody panics").push(passage));
        let stop = Cancel::new();
        let hosts = AllowedHosts::new(hosts.iter().copied()).expect("hosts");
        let serving = tokio::spawn(serve(door, hosts, tell, stop.clone()));
        let mut client = TcpStream::connect(at).await.expect("connects");
        client.write_all(request.as_bytes()).await.expect("writes");
        client.shutdown().await.expect("ends");
        let mut said = String::new();
        client.read_to_string(&mut said).await.expect("reads");
        stop.cancel();
        serving.await.expect("no panic").expect("serves");
        let told = told.lock().expect("nobody panics").clone();
        (said, told)
    }

    #[tokio::test]
    async fn what_is_allowed_goes_through_and_nothing_else() {
        let server = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = server.local_addr().expect("an address").port();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = server.accept().await {
                let mut said = String::new();
                stream.read_to_string(&mut said).await.expect("reads");
                stream.write_all(format!("heard {said}").as_bytes()).await.expect("writes");
            }
        });
        let target = format!("127.0.0.1:{port}");
        let connect = |target: &str| format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\nhello");
        let (said, told) = answer(&[&target], connect(&target)).await;
        assert!(said.starts_with("HTTP/1.1 200") && said.ends_with("heard hello"), "{said}");
        assert_eq!(told, [Passage::Through(target.clone())]);
        let (said, told) = answer(&["example.org"], connect(&target)).await;
        assert!(said.starts_with("HTTP/1.1 403"), "{said}");
        assert_eq!(told, [Passage::Refused(format!("{target} is not allowed"))]);
        let plain = |host: &str| {
            format!("POST http://{host}/a?b HTTP/1.1\r\nHost: {host}\r\nProxy-Authorization: x\r\n\r\nbody")
        };
        let (said, _) = answer(&[&target], plain(&target)).await;
        assert_eq!(said, format!("heard POST /a?b HTTP/1.1\r\nHost: {target}\r\nConnection: close\r\n\r\nbody"));
        for other in ["example.org", "127.0.0.1", "x@example.org"] {
            let (said, _) = answer(&[&target], plain(other)).await;
            assert!(said.starts_with("HTTP/1.1 403"), "{said}");
        }
        let (said, _) = answer(&[&target], "GET / HTTP/1.1\r\n\r\n".to_owned()).await;
        assert!(said.starts_with("HTTP/1.1 403"), "{said}");
        let (said, _) = answer(&[&target], "x".repeat(LARGEST_HEAD + 10)).await;
        assert!(said.starts_with("HTTP/1.1 431"), "{said}");
        // a door of its own leads straight to a server of this machine
        let doors = AllowedHosts::new(["example.org", "localhost:11434", "127.0.0.1:8080"]).expect("hosts").doors();
        assert_eq!(doors, [PROXY_PORT, 8080, 11434]);
        // a name that leads inside, as one does whose server lies
        let (said, _) = answer(&["localhost.localdomain"], connect("localhost.localdomain:443")).await;
        assert!(said.starts_with("HTTP/1.1 502"), "{said}");
    }
}
