//! Sending: connect, send, follow on the same host, hand over what comes.

use std::pin::Pin;
use std::sync::{Arc, OnceLock};

use reqwest::header::{ACCEPT_ENCODING, HeaderMap, HeaderName, HeaderValue, LOCATION};
use reqwest::{NoProxy, Proxy, Url, redirect};
use rustls::pki_types::CertificateDer;
use tokio::time::{Sleep, sleep, timeout};

use super::error::unreached;
use super::settings::{certificates, no_tls, tls};
use super::{HttpError, HttpLimits, HttpSettings, Incoming, Secret, SettingsError, Upstream};
use crate::cancel::Cancel;

/// How often an answer that points on is followed.
const MOST_REDIRECTS: usize = 3;

/// Never through a proxy: servers on this machine.
const LOOPBACK: &str = "localhost,127.0.0.0/8,::1";

/// What is done to a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// Read it.
    Get,
    /// Send something to it.
    Post,
}

/// One request.
#[derive(Debug, Clone)]
pub struct Ask {
    /// What is done.
    pub method: Method,
    /// To what. A key does not belong in it.
    pub url: String,
    /// Beside what every request says.
    pub headers: Vec<(String, Secret)>,
    /// What is sent along.
    pub body: Vec<u8>,
}

/// Speaks HTTP/1.1 to others. Clones share connections.
#[derive(Clone)]
pub struct HttpClient {
    shared: Arc<Shared>,
}

struct Shared {
    settings: HttpSettings,
    trusted: Vec<CertificateDer<'static>>,
    proxy: Option<Proxy>,
    /// The same, as what knows whether it can be used.
    upstream: Option<Upstream>,
    /// Made when it is first needed: reading the system's certificates takes longer than starting the daemon.
    secure: OnceLock<reqwest::Client>,
    /// For servers without TLS, on this machine above all: it reads no certificates.
    plain: OnceLock<reqwest::Client>,
}

impl std::fmt::Debug for HttpClient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("HttpClient").field(&self.shared.settings).finish()
    }
}

impl HttpClient {
    /// A client; it connects to nobody yet.
    ///
    /// # Errors
    /// [`SettingsError`] when the certificates or the proxy cannot be used.
    pub fn new(settings: HttpSettings) -> Result<Self, SettingsError> {
        let trusted = certificates(&settings)?;
        let proxy = settings.proxy.as_ref().map(|url| proxy(url, &settings.no_proxy)).transpose()?;
        let (upstream, secure, plain) = (Upstream::of(&settings), OnceLock::new(), OnceLock::new());
        Ok(Self { shared: Arc::new(Shared { settings, trusted, proxy, upstream, secure, plain }) })
    }

    /// Sends `ask`, and gives what comes back once its headers are there, whatever its status.
    ///
    /// # Errors
    /// [`HttpError`]; a status is none.
    pub async fn send(&self, ask: &Ask, limits: HttpLimits, cancel: &Cancel) -> Result<Incoming, HttpError> {
        let mut until = Box::pin(sleep(limits.total));
        let mut url = read_url(&ask.url)?;
        for _ in 0..=MOST_REDIRECTS {
            let response = self.exchange(&url, ask, limits, &mut until, cancel).await?;
            match pointed_to(&response, &url, ask.method)? {
                Some(next) => url = next,
                None => return Ok(Incoming::new(response, until, limits, cancel.clone())),
            }
        }
        Err(HttpError::Circling { most: MOST_REDIRECTS })
    }

    async fn exchange(
        &self,
        url: &Url,
        ask: &Ask,
        limits: HttpLimits,
        until: &mut Pin<Box<Sleep>>,
        cancel: &Cancel,
    ) -> Result<reqwest::Response, HttpError> {
        self.shared.is_led_to(url)?;
        let client = self.shared.client(url);
        let request = match ask.method {
            Method::Get => client.get(url.clone()),
            Method::Post => client.post(url.clone()).body(ask.body.clone()),
        };
        let sending = timeout(limits.first, request.headers(headers(ask)?).send());
        let sent = tokio::select! {
            biased;
            () = cancel.cancelled() => return Err(HttpError::Cancelled),
            () = until.as_mut() => return Err(HttpError::TimedOut { limit: limits.total }),
            sent = sending => sent,
        };
        match sent {
            Err(_) => Err(HttpError::TimedOut { limit: limits.first }),
            Ok(Ok(response)) => Ok(response),
            Ok(Err(error)) if error.is_timeout() => {
                let seconds = self.shared.settings.connect.as_secs_f32();
                Err(HttpError::Unreachable { why: format!("no connection within {seconds} s"), lasts: false })
            }
            Ok(Err(error)) => Err(unreached(&error)),
        }
    }
}

impl Shared {
    fn client(&self, url: &Url) -> &reqwest::Client {
        // a proxy may be reached by TLS whatever is behind it
        if url.scheme() == "https" || self.proxy.is_some() {
            self.secure.get_or_init(|| self.build(tls(self.trusted.clone())))
        } else {
            self.plain.get_or_init(|| self.build(no_tls()))
        }
    }

    /// Refuses what only a proxy leads to that cannot be used: the library would speak to it as to another.
    fn is_led_to(&self, url: &Url) -> Result<(), HttpError> {
        let host = url.host_str().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
        let upstream = self.upstream.as_ref().filter(|upstream| upstream.leads_to(host));
        let why = upstream.and_then(|upstream| upstream.is_usable().err());
        why.map_or(Ok(()), |why| Err(HttpError::Unreachable { why: why.to_string(), lasts: true }))
    }

    fn build(&self, tls: rustls::ClientConfig) -> reqwest::Client {
        let builder = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .user_agent(&self.settings.user_agent)
            .connect_timeout(self.settings.connect)
            .redirect(redirect::Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            .no_proxy(); // what the environment says was read by whoever made the settings
        let builder = match &self.proxy {
            Some(proxy) => builder.proxy(proxy.clone()),
            None => builder,
        };
        builder.build().expect("TLS is ready made, and the user agent is of ours")
    }
}

fn proxy(url: &Secret, except: &str) -> Result<Proxy, SettingsError> {
    let proxy = Proxy::all(url.reveal()).map_err(|_| SettingsError::Proxy)?;
    Ok(proxy.no_proxy(NoProxy::from_string(&excepted(except))))
}

/// The hosts of `except`, in the form of `NO_PROXY`, and this machine.
pub(super) fn excepted(except: &str) -> String {
    if except.is_empty() { LOOPBACK.to_owned() } else { format!("{LOOPBACK},{except}") }
}

fn read_url(text: &str) -> Result<Url, HttpError> {
    let url = Url::parse(text).map_err(|_| HttpError::BadUrl)?;
    if matches!(url.scheme(), "http" | "https") && url.has_host() { Ok(url) } else { Err(HttpError::BadUrl) }
}

fn headers(ask: &Ask) -> Result<HeaderMap, HttpError> {
    let mut headers = HeaderMap::with_capacity(ask.headers.len() + 1);
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    for (name, secret) in &ask.headers {
        let wrong = || HttpError::BadHeader { name: name.clone() };
        let mut value = HeaderValue::from_str(secret.reveal()).map_err(|_| wrong())?;
        value.set_sensitive(true);
        headers.insert(name.parse::<HeaderName>().map_err(|_| wrong())?, value);
    }
    Ok(headers)
}

/// Where the answer points to, if it does and is followed.
fn pointed_to(response: &reqwest::Response, asked: &Url, method: Method) -> Result<Option<Url>, HttpError> {
    let status = response.status().as_u16();
    // a POST that is to become a GET is not the same request any more: whoever asked sees the status
    let follows = match method {
        Method::Get => matches!(status, 301 | 302 | 303 | 307 | 308),
        Method::Post => matches!(status, 307 | 308),
    };
    let Some(to) = response.headers().get(LOCATION).filter(|_| (300..400).contains(&status)) else { return Ok(None) };
    let next = to.to_str().ok().and_then(|to| asked.join(to).ok());
    match next {
        Some(next) if next.origin() != asked.origin() => {
            Err(HttpError::Elsewhere { to: next.origin().ascii_serialization(), status })
        }
        Some(next) if follows => Ok(Some(next)),
        _ => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_urls_with_a_host_are_asked() {
        for wrong in ["", "api.openai.com/v1", "file:///etc/passwd", "ftp://host/x", "http:", "unix:/run/x.sock"] {
            assert_eq!(read_url(wrong).err(), Some(HttpError::BadUrl), "{wrong}");
        }
        assert!(read_url("http://127.0.0.1:11434/api/chat").is_ok());
    }

    #[test]
    fn a_proxy_that_is_none_is_refused_without_its_password() {
        let settings = HttpSettings { proxy: Some(Secret::new("http://me:hunter22@[bad")), ..HttpSettings::default() };
        let error = HttpClient::new(settings.clone()).expect_err("no URL");
        assert!(!format!("{error} {error:?} {settings:?}").contains("hunter22"));
    }

    #[test]
    fn a_header_cannot_smuggle_another() {
        let ask = |value: &str| Ask {
            method: Method::Get,
            url: String::new(),
            headers: vec![("x-api-key".to_owned(), Secret::new(value))],
            body: Vec::new(),
        };
        assert_eq!(headers(&ask("a\r\nHost: evil")).err(), Some(HttpError::BadHeader { name: "x-api-key".to_owned() }));
        let sent = headers(&ask("hunter22")).expect("a header");
        assert!(!format!("{sent:?}").contains("hunter22"), "{sent:?}");
    }
}
