//! Keys that a daemon is lent, or that programs print, are in no prompt: not of a file, not of what a check prints.

use std::time::Duration;

use paraph::infrastructure::llm::Wire;

use crate::den::{Den, FILE};
use crate::dialect::Dialect;
use crate::keys::{SECRET, configured};
use crate::server::{End, Play, Server};

const EDIT: &str = "By identity.\n\nCOMMIT: fix(a): compare by identity\n\na.py\n```\n<<<<<<< SEARCH\n    if x == None:\n=======\n    if x is None:\n>>>>>>> REPLACE\n```\n";

/// A check that is green before the change and red after it, and prints the key.
const CHECK: &str = "cat a.py\ngrep -q 'x == None' a.py\n";

/// Runs a session whose repository holds the key, by a daemon that an earlier client without it had started.
async fn check(key: &str, variables: &[(&str, &str)]) {
    let dialect = Dialect(Wire::OpenAi);
    let says = |text: &str| {
        let whole = [dialect.opening(), dialect.words(text), dialect.closing("1200", "60")].concat();
        Play::Pieces(dialect.kind(), vec![whole.into_bytes()], Duration::ZERO, End::Orderly)
    };
    let server = Server::start(vec![says(EDIT), says("CANNOT: it is red whatever I do")]).await;
    let config =
        format!("model = 'gate/x'\n[providers.gate]\nbase_url = '{}'\ncontext = 100000\nkey = {key}\n", server.url());
    let den = Den::new();
    let file = format!("# see {SECRET}\n{FILE}");
    let checks = "[[check]]\nname = \"unit\"\nkind = \"test\"\ncommand = [\"sh\", \"check.sh\"]\n";
    let repository = den.repository("shop", &[("a.py", &file), ("check.sh", CHECK), (".paraph.toml", checks)]);
    let say = |variables: &[(&str, &str)], args: &[&str]| {
        let mut command = configured(&den, &config);
        command.current_dir(&repository.path).envs(variables.iter().copied());
        tokio::task::block_in_place(|| den.say(command, args, b""))
    };
    say(&[], &["daemon", "start"]).ended(0);
    say(&[], &["trust"]).ended(0);
    let run = ["run", "compare with None by identity in a.py", "--engine", "llm", "--wait", "--json"];
    let view = say(variables, &run).json();
    assert_eq!(view["versions"][0]["number"], 1, "{view:#}");
    let bodies: Vec<String> = server.seen().iter().map(|seen| seen.body.to_string()).collect();
    assert!(bodies.iter().all(|body| !body.contains(SECRET)), "{bodies:#?}");
    assert!(bodies[0].contains("# see [masked]"), "{}", bodies[0]);
    let ran = &view["versions"][0]["checks"][0];
    // where nothing can be confined no check is run
    if !ran.is_null() {
        assert_eq!(ran["status"], "broken", "{view:#}");
        assert!(bodies[1].contains("What it printed at its end"), "{}", bodies[1]);
        assert!(bodies[1].matches("# see [masked]").count() >= 2, "{}", bodies[1]);
    }
    // by a client that has no key, from what is kept
    let kept = say(&[], &["context", "1", "--prompt", "1"]).ended(0);
    assert!(kept.out.contains("# see [masked]") && !kept.out.contains(SECRET), "{kept:#?}");
    let calls = say(&[], &["context", "1", "--prompt", "--json"]).ended(0).json();
    let redacted = calls["calls"][0]["redacted"].to_string();
    assert!(redacted.contains("key in"), "the record says that something was hidden: {redacted}");
    assert!(!den.daemon_log().contains(SECRET));
    // the record has no key, and who replays it needs none
    for variables in [&[], variables] {
        let replayed = say(variables, &["replay", "1", "--json"]).ended(0).json();
        assert_eq!((&replayed["same"], &replayed["versions"][0]["standing"]), (&true.into(), &"same".into()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_is_lent_to_a_running_daemon_is_in_no_prompt() {
    check("'env:LITE_KEY'", &[("LITE_KEY", SECRET)]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_a_program_prints_is_in_no_prompt_not_even_the_first() {
    check("['sh', '-c', 'printf k-canary-; echo 5d1f77b2']", &[]).await;
}
