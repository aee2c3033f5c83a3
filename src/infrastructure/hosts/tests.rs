//! Who is let through a door, and by which way.

use std::sync::Mutex;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::*;
use crate::infrastructure::http::{HttpSettings, Secret};

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
    for wrong in ["", "a b", "*.example.org", "http://example.org", "example.org:0", "example.org:x", "a..b", "[x]"] {
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
    answer_by(None, hosts, request).await
}

/// The same where the user has a proxy.
async fn answer_by(upstream: Option<Upstream>, hosts: &[&str], request: String) -> (String, Vec<Passage>) {
    let door = TcpListener::bind("127.0.0.1:0").expect("a port");
    let at = door.local_addr().expect("an address");
    let told = Arc::new(Mutex::new(Vec::new()));
    let telling = told.clone();
    let tell = Arc::new(move |passage| telling.lock().expect("nobody panics").push(passage));
    let stop = Cancel::new();
    let hosts = AllowedHosts::new(hosts.iter().copied()).expect("hosts");
    let serving = tokio::spawn(serve(door, hosts, upstream, tell, stop.clone()));
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

/// A server that says what it heard: its port.
async fn echo() -> u16 {
    let server = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = server.local_addr().expect("an address").port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = server.accept().await {
            let mut said = String::new();
            stream.read_to_string(&mut said).await.expect("reads");
            stream.write_all(format!("heard {said}").as_bytes()).await.expect("writes");
        }
    });
    port
}

fn connect(target: &str) -> String {
    format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\nhello")
}

#[tokio::test]
async fn what_is_allowed_goes_through_and_nothing_else() {
    let target = format!("127.0.0.1:{}", echo().await);
    let (said, told) = answer(&[&target], connect(&target)).await;
    assert!(said.starts_with("HTTP/1.1 200") && said.ends_with("heard hello"), "{said}");
    assert_eq!(told, [Passage::Through(target.clone())]);
    let (said, told) = answer(&["example.org"], connect(&target)).await;
    assert!(said.starts_with("HTTP/1.1 403"), "{said}");
    assert_eq!(told, [Passage::Refused(format!("{target} is not allowed"))]);
    let plain =
        |host: &str| format!("POST http://{host}/a?b HTTP/1.1\r\nHost: {host}\r\nProxy-Authorization: x\r\n\r\nbody");
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

/// What a user's proxy does with whoever asks it for a tunnel.
#[derive(Clone, Copy)]
enum Does {
    /// Makes it, to whom it is asked for, who has a word to say at once.
    Tunnels,
    /// Says this, and hangs up.
    Says(&'static str),
}

/// A proxy of the user's on this machine.
struct Proxy {
    port: u16,
    /// The heads of what it was asked.
    heard: Arc<Mutex<Vec<String>>>,
}

impl Proxy {
    /// One that does so, whatever the name that it is asked for; `tls` where it speaks that.
    async fn start(does: Does, tls: Option<tokio_rustls::TlsAcceptor>) -> Self {
        let (server, behind) = (tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port"), echo().await);
        let port = server.local_addr().expect("an address").port();
        let heard = Arc::new(Mutex::new(Vec::new()));
        let hears = heard.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = server.accept().await {
                let mut stream: Box<dyn Connection> = match &tls {
                    Some(tls) => Box::new(tls.accept(stream).await.expect("speaks TLS")),
                    None => Box::new(stream),
                };
                let mut head = String::new();
                while !head.ends_with("\r\n\r\n") {
                    head.push(char::from(stream.read_u8().await.expect("a head")));
                }
                hears.lock().expect("nobody panics").push(head);
                match does {
                    Does::Says(words) => {
                        stream.write_all(words.as_bytes()).await.expect("writes");
                        stream.shutdown().await.expect("hangs up");
                    }
                    Does::Tunnels => {
                        stream.write_all(b"HTTP/1.1 200 OK\r\nVia: x\r\n\r\nwelcome, ").await.expect("writes");
                        let mut server = TcpStream::connect(("127.0.0.1", behind)).await.expect("connects");
                        tokio::io::copy_bidirectional(&mut stream, &mut server).await.expect("copies");
                    }
                }
            }
        });
        Self { port, heard }
    }

    fn heard(&self) -> Vec<String> {
        std::mem::take(&mut *self.heard.lock().expect("nobody panics"))
    }
}

/// The way through the proxy of that URL.
fn through(url: String, change: impl FnOnce(&mut HttpSettings)) -> Option<Upstream> {
    let mut settings = HttpSettings { proxy: Some(Secret::new(url)), ..HttpSettings::default() };
    change(&mut settings);
    Upstream::of(&settings)
}

#[tokio::test]
async fn what_is_allowed_goes_through_the_users_proxy_by_its_name() {
    let proxy = Proxy::start(Does::Tunnels, None).await;
    let with = format!("http://me:hunter22@127.0.0.1:{}", proxy.port);
    let upstream = through(with, |_| ());
    let asked = "CONNECT api.test:443 HTTP/1.1\r\nProxy-Authorization: Basic of-the-program\r\n\r\nhello".to_owned();
    let (said, told) = answer_by(upstream.clone(), &["api.test"], asked).await;
    assert!(said.starts_with("HTTP/1.1 200") && said.ends_with("\r\n\r\nwelcome, heard hello"), "{said}");
    assert_eq!(told, [Passage::Through("api.test:443, through your proxy".to_owned())]);
    let told = "Proxy-Authorization: Basic bWU6aHVudGVyMjI=";
    assert_eq!(proxy.heard(), [format!("CONNECT api.test:443 HTTP/1.1\r\nHost: api.test:443\r\n{told}\r\n\r\n")]);
    // the list is asked before the proxy is
    let (said, _) = answer_by(upstream.clone(), &["api.test"], connect("other.test:443")).await;
    assert!(said.starts_with("HTTP/1.1 403"), "{said}");
    let (said, _) = answer_by(upstream.clone(), &["api.test"], connect("api.test:80")).await;
    assert!(said.starts_with("HTTP/1.1 403"), "{said}");
    assert!(proxy.heard().is_empty());
    // a server without TLS
    let plain = "GET http://api.test:8080/a HTTP/1.1\r\nHost: api.test:8080\r\n\r\n".to_owned();
    let (said, _) = answer_by(upstream, &["api.test:8080"], plain).await;
    assert!(said.starts_with("welcome, heard GET /a HTTP/1.1\r\nHost: api.test:8080\r\n"), "{said}");
    // a proxy that wants no name is told none
    let heard = [proxy.heard(), {
        let upstream = through(format!("127.0.0.1:{}", proxy.port), |_| ());
        answer_by(upstream, &["api.test"], connect("api.test:443")).await;
        proxy.heard()
    }];
    assert!(heard[0][0].starts_with("CONNECT api.test:8080 ") && heard[0][0].contains(told), "{heard:?}");
    assert_eq!(heard[1], ["CONNECT api.test:443 HTTP/1.1\r\nHost: api.test:443\r\n\r\n"]);
}

#[tokio::test]
async fn hosts_of_no_proxy_and_this_machine_are_reached_past_it() {
    let (proxy, target) = (Proxy::start(Does::Tunnels, None).await, format!("127.0.0.1:{}", echo().await));
    let url = format!("http://127.0.0.1:{}", proxy.port);
    let upstream = through(url, |settings| settings.no_proxy = "direct.invalid".to_owned());
    let (said, told) = answer_by(upstream.clone(), &[&target], connect(&target)).await;
    assert!(said.ends_with("\r\n\r\nheard hello"), "{said}");
    assert_eq!(told, [Passage::Through(target)]);
    let (said, _) = answer_by(upstream, &["direct.invalid"], connect("direct.invalid:443")).await;
    assert!(said.starts_with("HTTP/1.1 502") && !said.contains("proxy"), "{said}");
    assert!(proxy.heard().is_empty());
}

#[tokio::test]
async fn a_proxy_that_leads_nowhere_is_said_and_its_password_is_not() {
    // bound and never listened at: nobody else can have it meanwhile
    let dead = tokio::net::TcpSocket::new_v4().expect("a socket");
    dead.bind("127.0.0.1:0".parse().expect("an address")).expect("a port");
    let dead = format!("me:hunter22@{}", dead.local_addr().expect("an address"));
    let says = |words| async move { Proxy::start(Does::Says(words), None).await.port };
    let wants = says("HTTP/1.1 407 Who are you\r\nProxy-Authenticate: Basic\r\n\r\n").await;
    let cases = [
        (format!("127.0.0.1:{wants}"), "wants a name and a password (407): HTTPS_PROXY=http://NAME:PASSWORD@HOST:PORT"),
        (format!("me:hunter22@127.0.0.1:{wants}"), "did not take the name and the password of HTTPS_PROXY (407)"),
        (format!("127.0.0.1:{}", says("HTTP/1.1 403 No\r\n\r\n<html>").await), "made no tunnel (HTTP 403)"),
        (format!("127.0.0.1:{}", says("SSH-2.0-x\r\n").await), "does not answer as a proxy"),
        (format!("127.0.0.1:{}", says("HTTP/1.1 200 OK\r\n").await), "does not answer as a proxy"),
        (format!("127.0.0.1:{}", says("").await), "the proxy is not reached: it hung up"),
        (dead, "the proxy is not reached: "),
        ("me:hunter22@[bad".to_owned(), "no http or https URL"),
    ];
    for (at, why) in cases {
        let (said, told) =
            answer_by(through(format!("http://{at}"), |_| ()), &["api.test"], connect("api.test:443")).await;
        assert!(said.starts_with("HTTP/1.1 502") && said.contains(why), "{at}: {said}");
        assert!(matches!(&told[..], [Passage::Refused(told)] if told.contains(why)), "{told:?}");
        assert!(!format!("{said}{told:?}").contains("hunter22"), "{said}");
    }
}

#[tokio::test]
async fn a_proxy_behind_tls_is_trusted_by_the_authority_that_was_named() {
    const CERTIFICATE: &[u8] = include_bytes!("../../../tests/llm/tls/server.pem");
    const KEY: &[u8] = include_bytes!("../../../tests/llm/tls/server.key");
    let folder = format!("{}/tests/llm/tls", env!("CARGO_MANIFEST_DIR"));
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(CERTIFICATE).collect();
    let key = PrivateKeyDer::from_pem_slice(KEY).expect("a key");
    let config = rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(certificates.expect("certificates"), key)
        .expect("a server");
    let proxy = Proxy::start(Does::Tunnels, Some(Arc::new(config).into())).await;
    let url = format!("https://me:hunter22@127.0.0.1:{}", proxy.port);
    let upstream = through(url, |settings| settings.ca_file = Some(format!("{folder}/ca.pem").into()));
    let (said, _) = answer_by(upstream, &["api.test"], connect("api.test:443")).await;
    assert!(said.ends_with("\r\n\r\nwelcome, heard hello"), "{said}");
    assert!(proxy.heard()[0].contains("Proxy-Authorization: Basic bWU6aHVudGVyMjI="));
}
