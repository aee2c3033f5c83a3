//! A door is asked over real sockets, and so is the host behind it.

use std::collections::BTreeMap;
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
            let status = match (away.is_empty(), said.contains("sk-old")) {
                (true, false) => "200 OK",
                (true, true) => "401 Unauthorized",
                (false, _) => "302 Found",
            };
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
    let variable = (BTreeMap::from([("K".to_owned(), Secret::new(KEY))]), KeySource::Variable("K".to_owned()));
    asked_with(variable, form, "/base/", request).await
}

async fn asked_with(
    (variables, source): (BTreeMap<String, Secret>, KeySource),
    form: KeyForm,
    base: &str,
    request: &str,
) -> (String, Vec<String>, Vec<Passage>) {
    let (port, heard) = host().await;
    let keys = Arc::new(Keys::new(variables, vec![("PATH".into(), std::env::var_os("PATH").expect("a PATH"))]));
    let door = TcpListener::bind("127.0.0.1:0").expect("a port");
    let at = door.local_addr().expect("an address");
    let held = HeldKey { keys, source, form, address: format!("http://127.0.0.1:{port}{base}") };
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
async fn a_key_that_is_not_taken_is_looked_for_again_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let seen = folder.path().join("seen");
    let gives = |second: &str| {
        let script = format!(
            "if [ -e {0} ]; then echo {second}; else echo sk-old-0123456789; fi; echo x >> {0}",
            seen.display()
        );
        KeySource::Command(["sh", "-c", &script].map(str::to_owned).to_vec())
    };
    for (second, statuses) in [(KEY, 2), ("sk-old-0123456789", 1), ("sk-old-9876543210", 2)] {
        let _ = std::fs::remove_file(&seen);
        let request = "POST /v1/responses HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello";
        let (said, heard, _) = asked_with((BTreeMap::new(), gives(second)), KeyForm::OpenAi, "/v1", request).await;
        assert_eq!(heard.len(), statuses, "{second}");
        assert!(heard.iter().all(|one| one.starts_with("POST /v1/responses ") && one.ends_with("hello")), "{heard:?}");
        let expected = if second == KEY { "HTTP/1.1 200 " } else { "HTTP/1.1 401 " };
        assert!(said.starts_with(expected) && !said.contains(second), "{said}");
        assert_eq!(std::fs::read_to_string(&seen).expect("it ran").lines().count(), 2, "{second}");
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
