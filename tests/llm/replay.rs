//! A whole session of the real binary against a server, and then again from its record, with the server gone.

use std::time::Duration;

use paraph::infrastructure::llm::Wire;
use serde_json::Value;

use crate::den::{Den, GOAL, Said};
use crate::dialect::Dialect;
use crate::server::{End, Play, Server};

/// A server of OpenAI's format that says `texts`, one a request.
async fn saying(texts: &[&str]) -> Server {
    let dialect = Dialect(Wire::OpenAi);
    let piece = |text: &&str| {
        let stream = dialect.stream(text).into_bytes();
        Play::Pieces(dialect.kind(), vec![stream], Duration::ZERO, End::Orderly)
    };
    Server::start(texts.iter().map(piece).collect()).await
}

fn edit(from: &str, to: &str) -> String {
    format!(
        "Because.\n\nCOMMIT: fix(a): be exact\n\na.py\n```\n<<<<<<< SEARCH\n{from}\n=======\n{to}\n>>>>>>> REPLACE\n```\n"
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_server_said_is_replayed_without_it_by_the_real_binary() {
    let first = edit("    if x == None:", "    if x is None:");
    let second = edit("        return True", "        return bool(1)");
    let server = saying(&["no edit", &first, &second]).await;
    let mut den = Den::new();
    den.home = den.path().join("home");
    let config = den.path().join("user/.config/paraph/config.toml");
    std::fs::create_dir_all(config.parent().unwrap()).unwrap();
    let url = server.url();
    std::fs::write(
        &config,
        format!("model = \"acme/real-model\"\n[providers.acme]\nwire = \"openai\"\nbase_url = \"{url}/v1\"\n"),
    )
    .unwrap();
    let repository = den.small_repository("shop");
    let repo = repository.path.to_str().unwrap().to_owned();
    let run = move |den: &Den, args: &[&str]| den.run(args);
    tokio::task::spawn_blocking(move || {
        let started = run(&den, &["run", GOAL, "--repo", &repo, "--engine", "llm", "--wait", "--json"]);
        assert!(started.status == 10 || started.status == 0, "{started:#?}");
        let view = started.json();
        let (id, digest) = (view["id"].to_string(), digest_of(&view, 0));
        let at = format!("{id}@v1");
        run(&den, &["request-changes", &at, "--digest", &digest, "-m", "be plain", "--json"]).ended(0);
        let view = crate::den::eventually("the second version", || {
            let view = run(&den, &["show", &id, "--json"]).json();
            (view["versions"].as_array().unwrap().len() == 2 && view["state"] == "Scored").then_some(view)
        });
        assert_eq!(server.seen().len(), 3);
        run(&den, &["daemon", "stop"]).ended(0);
        // no key, no server: whoever asked would be told that nobody is there
        std::fs::write(&config, "").unwrap();
        let journal = |den: &Den| run(den, &["audit", "export"]).ended(0).out;
        let before = journal(&den);
        let replayed = run(&den, &["replay", &id, "--json"]).ended(0).json();
        assert_eq!((replayed["same"].clone(), replayed["calls"].clone()), (true.into(), 3.into()), "{replayed:#}");
        for number in [0, 1] {
            let set = &replayed["versions"][number]["patch_sets"][0];
            assert_eq!(set["replayed"], set["recorded"]);
            let recorded = set["recorded"].as_str().unwrap().to_owned();
            assert_eq!(recorded, digest_of(&view, number), "the digests that a person was shown");
        }
        assert_eq!(server.seen().len(), 3, "nobody was asked");
        assert_eq!((journal(&den), den.daemon()), (before, None), "nothing was recorded, no daemon started");
        let words = run(&den, &["replay", &format!("{id}@v1")]).ended(0);
        assert!(words.out.contains("v1") && !words.out.contains("v2"), "{words:#?}");
        assert!(words.err.contains("2 calls answered from the record"), "{words:#?}");
        // another setting is another gate: whatever the score is, it passes one of these and not the other
        let with = |threshold: &str| {
            std::fs::write(&config, format!("threshold = {threshold}\n")).unwrap();
            run(&den, &["replay", &id])
        };
        let both = [with("1.0"), with("10.0")];
        let differs = |said: &&Said| said.status == 1 && said.out.contains("gates differs");
        assert_eq!(both.iter().filter(differs).count(), 1, "{both:#?}");
        // a reply that somebody changed
        std::fs::write(&config, "").unwrap();
        let entries = den.entries(&id);
        let settled = entries.iter().find(|entry| entry["event"] == "call-settled").unwrap();
        let reply = settled["payload"]["ended"]["reply"].as_str().unwrap().to_owned();
        let path = den.home.join("blobs").join(&reply[..2]).join(&reply[2..]);
        std::fs::write(&path, "{}").unwrap();
        let refused = run(&den, &["replay", &id]).ended(6);
        refused.is_a_good_refusal();
        assert!(refused.err.contains("the reply to call 1"), "{refused:#?}");
        std::fs::remove_file(&path).unwrap();
        run(&den, &["replay", &id]).ended(3);
    })
    .await
    .unwrap();
}

fn digest_of(view: &Value, version: usize) -> String {
    view["versions"][version]["patch_sets"][0]["digest"].as_str().unwrap().to_owned()
}
