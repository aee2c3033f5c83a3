//! Providers behind TLS: a certificate of an authority that is named by `PARAPH_CA_FILE` and of none that is not.
//!
//! Authority and server certificate are fixed (`tests/llm/tls`, good for `127.0.0.1` until 2120); they protect nothing.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::den::Den;

const AUTHORITY: &str = include_str!("tls/ca.pem");
/// Another authority, which did not sign the server's certificate.
const STRANGER: &str = include_str!("tls/stranger.pem");
const CERTIFICATE: &[u8] = include_bytes!("tls/server.pem");
const KEY: &[u8] = include_bytes!("tls/server.key");

/// A server of OpenAI's format behind TLS: its port, and the first lines of what it was asked.
fn serve() -> (u16, Arc<Mutex<Vec<String>>>) {
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(CERTIFICATE).collect();
    let key = PrivateKeyDer::from_pem_slice(KEY).unwrap();
    let config = rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(certificates.unwrap(), key)
        .unwrap();
    let (config, asked) = (Arc::new(config), Arc::new(Mutex::new(Vec::new())));
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let heard = asked.clone();
    // it ends with the test's process
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let (config, heard) = (config.clone(), heard.clone());
            // who does not trust the certificate hangs up
            std::thread::spawn(move || answer(stream, config, &heard));
        }
    });
    (port, asked)
}

fn answer(stream: TcpStream, config: Arc<rustls::ServerConfig>, asked: &Mutex<Vec<String>>) -> Option<()> {
    let connection = rustls::ServerConnection::new(config).ok()?;
    let mut stream = BufReader::new(rustls::StreamOwned::new(connection, stream));
    let (mut length, mut first) = (0, String::new());
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).ok()? == 0 {
            return None;
        }
        if first.is_empty() {
            first = line.trim().to_owned();
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
        if line.trim().is_empty() {
            break;
        }
    }
    stream.read_exact(&mut vec![0; length]).ok()?;
    asked.lock().unwrap().push(first);
    let body = r#"{"id":"1","model":"x","choices":[{"index":0,"message":{"role":"assistant","content":"ready"},"finish_reason":"stop"}],"usage":{"prompt_tokens":9,"completion_tokens":1}}"#;
    let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n";
    let whole = format!("{head}content-length: {}\r\n\r\n{body}", body.len());
    let stream = stream.get_mut();
    stream.write_all(whole.as_bytes()).ok()?;
    stream.conn.send_close_notify();
    stream.flush().ok()
}

#[test]
fn an_authority_of_ones_own_is_trusted_once_it_is_named() {
    let (den, (port, asked)) = (Den::new(), serve());
    let config = format!("model = 'gate/x'\n[providers.gate]\nbase_url = 'https://127.0.0.1:{port}/v1'\n");
    let at = |name: &str| den.path().join(name);
    std::fs::write(at("config.toml"), config).unwrap();
    std::fs::write(at("ca.pem"), AUTHORITY).unwrap();
    std::fs::write(at("stranger.pem"), STRANGER).unwrap();
    let check = |authority: Option<&str>| {
        let mut command = den.paraph();
        command.env("PARAPH_CONFIG", at("config.toml"));
        if let Some(name) = authority {
            command.env("PARAPH_CA_FILE", at(name));
        }
        // a daemon of its own: what it trusts is settled when it starts
        let said = den.say(command, &["--in-process", "models", "--check"], b"");
        format!("{} {}{}", said.status, said.out, said.err)
    };
    for stranger in [None, Some("stranger.pem")] {
        let said = check(stranger);
        assert!(said.starts_with("1 ") && said.contains("its certificate is not trusted"), "{said}");
        assert!(said.contains("PARAPH_CA_FILE names further authorities"), "{said}");
    }
    assert_eq!(asked.lock().unwrap().len(), 0, "nothing is sent to whom nobody trusts");
    let said = check(Some("ca.pem"));
    assert!(said.starts_with("0 ") && said.contains("answers"), "{said}");
    assert_eq!(*asked.lock().unwrap(), ["POST /v1/chat/completions HTTP/1.1"]);
}
