//! An agent on a machine whose programs go out through a company's proxy.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};

use paraph::infrastructure::http::{HttpSettings, Secret, Upstream};
use paraph::proposal::{AgentEngine, EngineKind};

use crate::house::House;
use crate::{asks, document, files, is_full, nothing_is_left, repository, stuck};

const PASSWORD: &str = "hunter-canary-90c1";

/// A proxy that answers in the place of whatever it is asked for: its port, and the heads of what it heard.
fn proxy() -> (u16, Arc<Mutex<Vec<String>>>) {
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let (port, heard) = (server.local_addr().unwrap().port(), Arc::new(Mutex::new(Vec::new())));
    let hears = heard.clone();
    std::thread::spawn(move || {
        for stream in server.incoming() {
            let mut stream = stream.unwrap();
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                let mut byte = [0];
                match stream.read(&mut byte) {
                    Ok(1) => head.push(byte[0]),
                    _ => break,
                }
            }
            let head = String::from_utf8_lossy(&head).into_owned();
            let answer: &[u8] = match head.contains("Proxy-Authorization: Basic ") {
                true => b"HTTP/1.1 200 OK\r\n\r\nHTTP/1.0 200 OK\r\nContent-Length: 7\r\n\r\nreached",
                false => b"HTTP/1.1 407 Who are you\r\n\r\n",
            };
            hears.lock().unwrap().push(head);
            let _hung_up = stream.write_all(answer);
            // what is sent through is read, so that its end is no reset
            let _rest = stream.read(&mut [0; 4096]);
        }
    });
    (port, heard)
}

/// A house whose user's variables name the proxy of that URL.
fn house_behind(url: &str) -> House {
    let mut house = House::new();
    let settings = HttpSettings { proxy: Some(Secret::new(url)), ..HttpSettings::default() };
    let engine = AgentEngine::new(house.workshop.clone(), []).with_upstream(Upstream::of(&settings));
    house.ports.engines.agent = Arc::new(engine);
    house
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agents_hosts_are_reached_through_the_users_proxy_whose_password_it_never_sees() {
    if !is_full() {
        return; // no network of its own, so no door
    }
    let (port, heard) = proxy();
    let house = house_behind(&format!("http://me:{PASSWORD}@127.0.0.1:{port}"));
    let repository = repository(&house);
    let desk = house.open();
    let mut asked =
        asks(&repository, EngineKind::Agent, "python3 tool/agent.py net http://api.test:80/ http://other.test/");
    asked.program.as_mut().unwrap().hosts = vec!["api.test:80".to_owned()];
    let id = desk.ask(asked).await.unwrap().id;
    let view = stuck(&desk, id).await;
    let made = files(&desk, &house, id).await;
    let answers = made["answers.txt"].as_ref().unwrap_or_else(|| panic!("{}", view.reason.raw())).clone();
    let lines: Vec<&str> = answers.lines().collect();
    assert_eq!(lines[0], "reached", "{answers}");
    assert!(lines[1].contains("403"), "{answers}");
    let asked = heard.lock().unwrap().clone();
    assert!(asked.len() == 1 && asked[0].starts_with("CONNECT api.test:80 HTTP/1.1\r\n"), "{asked:?}");
    let log = document(&desk, &house, id, "log@v1").await;
    assert!(log.contains("[paraph: connected to api.test:80, through your proxy]"), "{log}");
    // the same agent looks for the password wherever it may be
    let backwards: String = PASSWORD.chars().rev().collect();
    let mut seeks = asks(&repository, EngineKind::Agent, &format!("python3 tool/agent.py seeks {backwards}"));
    seeks.program.as_mut().unwrap().hosts = vec!["api.test:80".to_owned()];
    let seeks = desk.ask(seeks).await.unwrap().id;
    stuck(&desk, seeks).await;
    let found = files(&desk, &house, seeks).await["answers.txt"].clone().unwrap();
    assert!(found.starts_with("itself: nothing\nterminal: nothing\n"), "{found}");
    for id in [id, seeks] {
        for name in ["explanation@v1", "log@v1"] {
            assert!(!document(&desk, &house, id, name).await.contains(PASSWORD), "{name}");
        }
    }
    assert!(house.journal().iter().all(|line| !line.contains(PASSWORD)));
    nothing_is_left(&house, &repository);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_that_refuses_is_told_to_the_agent_and_in_its_log() {
    if !is_full() {
        return;
    }
    let (port, _heard) = proxy();
    let house = house_behind(&format!("http://127.0.0.1:{port}"));
    let repository = repository(&house);
    let desk = house.open();
    let mut asked = asks(&repository, EngineKind::Agent, "python3 tool/agent.py net http://api.test:8080/");
    asked.program.as_mut().unwrap().hosts = vec!["api.test:8080".to_owned()];
    let id = desk.ask(asked).await.unwrap().id;
    stuck(&desk, id).await;
    assert!(files(&desk, &house, id).await["answers.txt"].as_ref().unwrap().contains("502"));
    let log = document(&desk, &house, id, "log@v1").await;
    assert!(log.contains("api.test:8080, through your proxy: the proxy wants a name and a password (407)"), "{log}");
    nothing_is_left(&house, &repository);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_that_cannot_be_used_is_said_before_an_agent_starts() {
    let house = house_behind(&format!("socks5://me:{PASSWORD}@127.0.0.1:1080"));
    let repository = repository(&house);
    let desk = house.open();
    let mut asked = asks(&repository, EngineKind::Agent, "python3 tool/agent.py edit");
    asked.program.as_mut().unwrap().hosts = vec!["localhost:11434".to_owned(), "api.test".to_owned()];
    let id = desk.ask(asked).await.unwrap().id;
    let view = stuck(&desk, id).await;
    let reason = view.reason.raw();
    assert!(reason.contains("api.test:443 cannot be reached: the proxy speaks SOCKS"), "{reason}");
    assert!(view.next.contains("NO_PROXY") && !reason.contains(PASSWORD), "{} {reason}", view.next);
    assert!(view.versions.is_empty());
    // what it does not lead to needs none
    let id = desk.ask(asks(&repository, EngineKind::Agent, "python3 tool/agent.py edit")).await.unwrap().id;
    assert_eq!(desk.until(id, "Scored").await.versions.len(), 1);
    nothing_is_left(&house, &repository);
}
