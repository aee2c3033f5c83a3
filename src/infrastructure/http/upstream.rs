//! The proxy that this machine's programs go out through, as a way for bytes that are not ours: a tunnel for each
//! connection, asked for by the host's name. What the proxy wants to be told of us goes to the proxy and to nobody else.

use std::fmt;
use std::io;
use std::sync::{Arc, OnceLock};

use hyper_util::client::proxy::matcher::Matcher;
use reqwest::Url;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::client::excepted;
use super::settings::{certificates, tls};
use super::{HttpSettings, Secret};

/// Bytes of the answer's head. // a proxy says a line or two
const LARGEST_HEAD: u64 = 16 << 10;

/// Bytes both ways.
pub trait Connection: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Connection for T {}

/// Why a proxy leads nowhere. No text of it holds the proxy's URL: there may be a password in it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UpstreamError {
    /// Its URL is none.
    #[error("the proxy that HTTPS_PROXY names is no http or https URL: HTTPS_PROXY=http://HOST:PORT")]
    NoUrl,
    /// It speaks what is not spoken here.
    #[error("the proxy speaks SOCKS, and only http and https proxies are understood: HTTPS_PROXY=http://HOST:PORT")]
    Socks,
    /// There is no connection to it.
    #[error("the proxy is not reached: {0}")]
    Unreached(String),
    /// It was told nobody's name.
    #[error("the proxy wants a name and a password (407): HTTPS_PROXY=http://NAME:PASSWORD@HOST:PORT")]
    WantsPassword,
    /// It was told one that it does not take.
    #[error("the proxy did not take the name and the password of HTTPS_PROXY (407)")]
    WrongPassword,
    /// It makes no tunnel to that host.
    #[error("the proxy made no tunnel (HTTP {0}): its rules, or it does not reach the host")]
    Refused(u16),
    /// It says something else than a proxy does.
    #[error("what HTTPS_PROXY names does not answer as a proxy")]
    Strange,
}

/// A way out. Clones share it.
#[derive(Clone)]
pub struct Upstream(Arc<Shared>);

struct Shared {
    settings: HttpSettings,
    /// Knows which hosts are reached without it; the proxy that it names is nobody.
    excepted: Matcher,
    way: Result<Way, UpstreamError>,
    /// Made when it is first needed: it reads the system's certificates.
    secure: OnceLock<Result<TlsConnector, UpstreamError>>,
}

/// The proxy itself.
struct Way {
    host: String,
    port: u16,
    is_secure: bool,
    authorization: Option<Secret>,
}

impl fmt::Debug for Upstream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Upstream").field(&self.0.settings).finish()
    }
}

impl Upstream {
    /// The way out that `settings` name, where they name a proxy. One that cannot be used is a way all the same: what
    /// goes through a proxy must not go past it because its URL is wrong.
    #[must_use]
    pub fn of(settings: &HttpSettings) -> Option<Self> {
        let url = settings.proxy.as_ref()?;
        let excepted = Matcher::builder().all("http://nobody.invalid").no(excepted(&settings.no_proxy)).build();
        let (way, settings) = (Way::read(url), settings.clone());
        Some(Self(Arc::new(Shared { settings, excepted, way, secure: OnceLock::new() })))
    }

    /// Whether `host`, a name or an address, is reached through it. This machine never is.
    #[must_use]
    pub fn leads_to(&self, host: &str) -> bool {
        let asked = format!("https://{}/", authority(host, None)).parse();
        asked.map_or(true, |url| self.0.excepted.intercept(&url).is_some())
    }

    /// Whether it could lead anywhere.
    ///
    /// # Errors
    /// [`UpstreamError::NoUrl`] and [`UpstreamError::Socks`].
    pub fn is_usable(&self) -> Result<(), UpstreamError> {
        self.0.way.as_ref().map(drop).map_err(Clone::clone)
    }

    /// A tunnel to `host`, which the proxy looks up by itself.
    ///
    /// # Errors
    /// [`UpstreamError`].
    pub async fn tunnel(&self, host: &str, port: u16) -> Result<Box<dyn Connection>, UpstreamError> {
        let way = self.0.way.as_ref().map_err(Clone::clone)?;
        let unreached = |error: io::Error| UpstreamError::Unreached(error.to_string());
        let late = || UpstreamError::Unreached(format!("no connection within {} s", self.0.settings.connect.as_secs()));
        let connecting = timeout(self.0.settings.connect, self.connect(way));
        let mut proxy = BufReader::new(connecting.await.map_err(|_| late())??);
        proxy.write_all(way.request(host, port).as_bytes()).await.map_err(unreached)?;
        proxy.flush().await.map_err(unreached)?;
        let gone = |error: io::Error| match error.kind() {
            io::ErrorKind::InvalidData => UpstreamError::Strange,
            _ => UpstreamError::Unreached(error.to_string()),
        };
        match status(&mut proxy).await.map_err(gone)? {
            200..=299 => Ok(Box::new(proxy)),
            407 if way.authorization.is_some() => Err(UpstreamError::WrongPassword),
            407 => Err(UpstreamError::WantsPassword),
            status => Err(UpstreamError::Refused(status)),
        }
    }

    async fn connect(&self, way: &Way) -> Result<Box<dyn Connection>, UpstreamError> {
        let unreached = |error: io::Error| UpstreamError::Unreached(error.to_string());
        let plain = TcpStream::connect((way.host.as_str(), way.port)).await.map_err(unreached)?;
        if !way.is_secure {
            return Ok(Box::new(plain));
        }
        let connector = self.0.secure.get_or_init(|| {
            let trusted = certificates(&self.0.settings);
            let trusted = trusted.map_err(|error| UpstreamError::Unreached(error.to_string()))?;
            Ok(TlsConnector::from(Arc::new(tls(trusted))))
        });
        let name = ServerName::try_from(way.host.clone()).map_err(|_| UpstreamError::NoUrl)?;
        let secure = connector.clone()?.connect(name, plain).await;
        Ok(Box::new(secure.map_err(unreached)?))
    }
}

impl Way {
    fn read(url: &Secret) -> Result<Self, UpstreamError> {
        // as the client's library reads it: a proxy that names no scheme is an http one
        let text = url.reveal().trim();
        let text = if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
        let url = Url::parse(&text).map_err(|_| UpstreamError::NoUrl)?;
        let is_secure = match url.scheme() {
            "http" => false,
            "https" => true,
            socks if socks.starts_with("socks") => return Err(UpstreamError::Socks),
            _ => return Err(UpstreamError::NoUrl),
        };
        let (host, port) = (url.host_str(), url.port_or_known_default());
        let host = host.filter(|host| !host.is_empty()).ok_or(UpstreamError::NoUrl)?;
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        let any = "https://any.invalid/".parse().map_err(|_| UpstreamError::NoUrl)?;
        let read = Matcher::builder().all(url.as_str()).build().intercept(&any).ok_or(UpstreamError::NoUrl)?;
        let authorization = read.basic_auth().and_then(|value| value.to_str().ok()).map(Secret::new);
        Ok(Self { host, port: port.ok_or(UpstreamError::NoUrl)?, is_secure, authorization })
    }

    /// What asks it for a tunnel.
    fn request(&self, host: &str, port: u16) -> String {
        let target = authority(host, Some(port));
        let told = self.authorization.as_ref();
        let told = told.map_or_else(String::new, |value| format!("Proxy-Authorization: {}\r\n", value.reveal()));
        format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n{told}\r\n")
    }
}

/// `host` as it stands in a URL.
fn authority(host: &str, port: Option<u16>) -> String {
    let host = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
    port.map_or_else(|| host.clone(), |port| format!("{host}:{port}"))
}

/// The status of an answer whose head is read to its end, and not a byte of what comes behind it.
async fn status(proxy: &mut BufReader<Box<dyn Connection>>) -> io::Result<u16> {
    let mut head = proxy.take(LARGEST_HEAD);
    let mut first = Vec::new();
    if head.read_until(b'\n', &mut first).await? == 0 {
        return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "it hung up"));
    }
    let strange = || io::Error::from(io::ErrorKind::InvalidData);
    let mut line = Vec::new();
    while !line.trim_ascii().is_empty() || line.is_empty() {
        line.clear();
        if head.read_until(b'\n', &mut line).await? == 0 {
            return Err(strange());
        }
    }
    let first = String::from_utf8_lossy(&first);
    let mut words = first.split_ascii_whitespace();
    let is_http = words.next().is_some_and(|version| version.starts_with("HTTP/1."));
    words.next().and_then(|status| status.parse().ok()).filter(|_| is_http).ok_or_else(strange)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn upstream(url: &str, no_proxy: &str) -> Upstream {
        let settings =
            HttpSettings { proxy: Some(Secret::new(url)), no_proxy: no_proxy.to_owned(), ..HttpSettings::default() };
        Upstream::of(&settings).expect("it names a proxy")
    }

    #[test]
    fn hosts_that_no_proxy_names_and_this_machine_are_reached_without_it() {
        assert!(Upstream::of(&HttpSettings::default()).is_none());
        let upstream = upstream("http://proxy.test:3128", "direct.test, .inner.test,10.0.0.0/8");
        for through in ["api.test", "indirect.test", "11.0.0.1", "2001:db8::1"] {
            assert!(upstream.leads_to(through), "{through}");
        }
        for past in ["direct.test", "a.direct.test", "a.inner.test", "10.1.2.3", "localhost", "127.0.0.9", "::1"] {
            assert!(!upstream.leads_to(past), "{past}");
        }
    }

    #[test]
    fn a_tunnel_is_asked_for_by_name_with_what_the_url_says() {
        let asks = |url: &str, host: &str| upstream(url, "").0.way.as_ref().map(|way| way.request(host, 443)).ok();
        let plain = "CONNECT api.test:443 HTTP/1.1\r\nHost: api.test:443\r\n\r\n".to_owned();
        assert_eq!(asks("http://proxy.test:3128", "api.test"), Some(plain.clone()));
        assert_eq!(asks("proxy.test:3128", "api.test"), Some(plain));
        let told = "CONNECT [::1]:443 HTTP/1.1\r\nHost: [::1]:443\r\nProxy-Authorization: Basic bWU6YUBi\r\n\r\n";
        for url in ["http://me:a%40b@proxy.test:3128", "https://me:a@b@proxy.test"] {
            assert_eq!(asks(url, "::1").as_deref(), Some(told), "{url}");
        }
        let https = upstream("https://proxy.test", "");
        let way = https.0.way.as_ref().expect("a URL");
        assert_eq!((way.host.as_str(), way.port, way.is_secure), ("proxy.test", 443, true));
    }

    #[test]
    fn what_is_no_proxy_leads_nowhere_and_is_never_gone_past() {
        for (url, why) in [
            ("socks5://me:hunter22@proxy.test:1080", UpstreamError::Socks),
            ("ftp://me:hunter22@proxy.test", UpstreamError::NoUrl),
            ("http://me:hunter22@[bad", UpstreamError::NoUrl),
        ] {
            let upstream = upstream(url, "direct.test");
            assert_eq!(upstream.is_usable(), Err(why.clone()), "{url}");
            assert!(upstream.leads_to("api.test") && !upstream.leads_to("direct.test"), "{url}");
            assert!(!format!("{upstream:?} {why}").contains("hunter22"));
        }
    }
}
