//! How much memory an answer without an end takes, in the real daemon.

use std::time::Duration;

use paraph::infrastructure::llm::Wire;

use crate::den::Den;
use crate::dialect::Dialect;
use crate::server::{End, Play, Server};

/// The most that any answer may take above what the daemon had before. // R9: 64 MB
const MOST_KIB: u64 = 64 << 10;

/// A figure of the process's own, in KiB.
fn kib(pid: u64, name: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).unwrap();
    line.split_whitespace().next().unwrap().parse().unwrap()
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn an_answer_without_an_end_takes_a_bounded_amount_of_memory() {
    let dialect = Dialect(Wire::OpenAi);
    let words = dialect.words(&"word ".repeat(2_000)).into_bytes();
    let fine = Play::Pieces(dialect.kind(), vec![dialect.stream("ready").into_bytes()], Duration::ZERO, End::Orderly);
    let line = Play::Endless(dialect.kind(), b"data: ".to_vec(), vec![b'x'; 64 << 10]);
    let events = Play::Endless(dialect.kind(), dialect.opening().into_bytes(), words);
    let json = Play::Endless("application/json", b"{\"x\":\"".to_vec(), vec![b'x'; 64 << 10]);
    for (what, play) in [("a line", line), ("events", events), ("JSON", json)] {
        let (den, server) = (Den::new(), Server::start(vec![fine.clone(), play]).await);
        let config = format!("model = 'gate/x'\n[providers.gate]\nbase_url = '{}'\n", server.url());
        std::fs::write(den.path().join("config.toml"), config).unwrap();
        let say = |args: &[&str]| {
            let mut command = den.paraph();
            command.env("PARAPH_CONFIG", den.path().join("config.toml"));
            tokio::task::block_in_place(|| den.say(command, args, b""))
        };
        say(&["models", "--check"]).ended(0);
        let pid = say(&["daemon", "status", "--json"]).json()["pid"].as_u64().unwrap();
        let before = kib(pid, "VmRSS");
        say(&["models", "--check"]).ended(1);
        let took = kib(pid, "VmHWM").saturating_sub(before);
        assert!(took < MOST_KIB, "{what} took {took} KiB above {before}");
        assert!(server.sent() < 48 << 20, "{what}: {} bytes were read", server.sent());
    }
}
