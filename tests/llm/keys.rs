//! Keys on their way from a person's shell to a provider, through the real binary and its daemon.

use std::collections::BTreeMap;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use paraph::clock::{FixedClock, Timestamp};
use paraph::infrastructure::llm::{ChatError, KeySource, Keys, Provider, ProviderSettings, Wire};

use crate::den::Den;
use crate::dialect::Dialect;
use crate::server::{End, Play, Server};
use crate::support::{LIMITS, ask, http, request};

pub(crate) const SECRET: &str = "k-canary-5d1f77b2";

async fn server() -> Server {
    let dialect = Dialect(Wire::OpenAi);
    let pieces = vec![dialect.stream("ready").into_bytes()];
    Server::start(vec![Play::Pieces(dialect.kind(), pieces, Duration::ZERO, End::Orderly)]).await
}

/// The binary with this configuration.
pub(crate) fn configured(den: &Den, config: &str) -> Command {
    let file = den.path().join("config.toml");
    std::fs::write(&file, config).unwrap();
    let mut command = den.paraph();
    command.env("PARAPH_CONFIG", file);
    command
}

/// No file below the home holds the key.
#[track_caller]
fn is_nowhere(den: &Den) {
    let mut folders = vec![den.home.clone()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap().flatten() {
            match entry.file_type().unwrap() {
                kind if kind.is_dir() => folders.push(entry.path()),
                kind if kind.is_file() => {
                    let bytes = std::fs::read(entry.path()).unwrap();
                    assert!(memchr::memmem::find(&bytes, SECRET.as_bytes()).is_none(), "{}", entry.path().display());
                }
                _ => {}
            }
        }
    }
}

/// The provider is asked with the key, by a daemon that an earlier client without it had started.
async fn check(table: &str, variable: &str, value: &str) {
    let (den, server) = (Den::new(), server().await);
    let config = table.replace("{url}", &server.url());
    assert!(tokio::task::block_in_place(|| den.say(configured(&den, &config), &["daemon", "start"], b"")).done());
    let missing = tokio::task::block_in_place(|| den.say(configured(&den, &config), &["models", "--check"], b""));
    assert_ne!(missing.status, 0, "{missing:#?}");
    let mut with = configured(&den, &config);
    with.env(variable, value);
    let said = tokio::task::block_in_place(|| den.say(with, &["models", "--check"], b"")).ended(0);
    assert!(said.out.contains("answers"), "{said:#?}");
    let bearer = format!("Bearer {SECRET}");
    let last = server.seen().pop().unwrap();
    assert_eq!(last.header("authorization"), Some(bearer.as_str()));
    assert!(!format!("{missing:?}{said:?}").contains(SECRET));
    is_nowhere(&den);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_variable_of_ones_own_is_lent() {
    let table = "model = 'gate/x'\n[providers.gate]\nbase_url = '{url}'\nkey = 'env:LITE_KEY'\n";
    check(table, "LITE_KEY", SECRET).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_header_may_name_a_key() {
    let table = "model = 'gate/x'\n[providers.gate]\nbase_url = '{url}'\n\
                 headers = { authorization = 'Bearer env:LITE_KEY', x-team = 'shop' }\n";
    check(table, "LITE_KEY", SECRET).await;
}

#[test]
fn a_key_that_is_written_is_refused_wherever_it_stands_and_not_repeated() {
    let den = Den::new();
    for (table, place) in [
        (
            "[providers.gate]\nbase_url = 'http://x'\nheaders = { authorization = 'Bearer {key}' }\n",
            "headers.authorization",
        ),
        ("[providers.gate]\nbase_url = 'http://x'\nheaders = { x-api-key = '{key}' }\n", "headers.x-api-key"),
        ("[providers.gate]\nbase_url = 'http://me:{key}@x'\n", "base_url"),
        ("[providers.gate]\nbase_url = 'http://x'\napi_key = '{key}'\n", "api_key"),
        ("[engines.agent.x]\nrun = 'x'\nenv = { OPENAI_API_KEY = '{key}' }\n", "env.OPENAI_API_KEY"),
        ("[engines.command.x]\nrun = 'x'\nenv = { GH_TOKEN = '{key}' }\n", "env.GH_TOKEN"),
        ("[forges.\"git.example.org\"]\nkind = 'gitea'\ntoken = '{key}'\n", "token"),
    ] {
        let config = table.replace("{key}", SECRET);
        let said = den.say(configured(&den, &config), &["config", "check"], b"");
        let all = format!("{}{}", said.out, said.err);
        assert!(!said.done() && all.contains(&format!("{place}` looks like a key")), "{said:#?}");
        assert!(all.contains("env:OPENAI_API_KEY") && !all.contains(SECRET), "{said:#?}");
    }
}

/// Programs of these names that print a key and write down how they were asked.
fn stand_ins(folder: &std::path::Path) -> std::path::PathBuf {
    use std::os::unix::fs::PermissionsExt as _;
    let bin = folder.join("bin");
    std::fs::create_dir(&bin).unwrap();
    for name in ["vault", "op", "pass", "sops", "gh", "secret-tool", "security"] {
        let script = format!(
            "#!/bin/sh\nprintf '%s\\n' \"{name} $*\" >> '{}'\necho {SECRET}\necho a note\n",
            bin.join("asked").display()
        );
        std::fs::write(bin.join(name), script).unwrap();
        std::fs::set_permissions(bin.join(name), std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    bin
}

#[tokio::test(flavor = "multi_thread")]
async fn each_preset_runs_its_program() {
    let keyring = if cfg!(target_os = "macos") {
        "security find-generic-password -s paraph -a llm -w"
    } else {
        "secret-tool lookup service paraph account llm"
    };
    for (key, asked) in [
        ("vault:secret/llm#key", "vault kv get -field=key secret/llm"),
        ("op://Work/LLM/credential", "op read --no-newline op://Work/LLM/credential"),
        ("op:op://Work/LLM/credential", "op read --no-newline op://Work/LLM/credential"),
        ("pass:ai/work", "pass show ai/work"),
        ("sops:keys.yaml#llm.key", r#"sops decrypt --extract ["llm"]["key"] keys.yaml"#),
        ("gh", "gh auth token"),
        ("gh:ghe.example.org", "gh auth token --hostname ghe.example.org"),
        ("keyring:paraph/llm", keyring),
    ] {
        let (den, server) = (Den::new(), server().await);
        let bin = stand_ins(den.path());
        let config = format!("model = 'gate/x'\n[providers.gate]\nbase_url = '{}'\nkey = '{key}'\n", server.url());
        let mut command = configured(&den, &config);
        command.env("PATH", format!("{}:{}", bin.display(), std::env::var("PATH").unwrap()));
        let said = tokio::task::block_in_place(|| den.say(command, &["models", "--check"], b"")).ended(0);
        assert!(said.out.contains("answers"), "{key}: {said:#?}");
        let bearer = format!("Bearer {SECRET}");
        assert_eq!(server.seen().pop().unwrap().header("authorization"), Some(bearer.as_str()), "{key}");
        assert_eq!(std::fs::read_to_string(bin.join("asked")).unwrap(), format!("{asked}\n"), "{key}");
        assert!(!format!("{said:?}").contains(SECRET));
        is_nowhere(&den);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_variable_of_a_known_provider_is_lent() {
    let table = "model = 'deepseek/chat'\n[providers.deepseek]\nbase_url = '{url}'\n";
    check(table, "DEEPSEEK_API_KEY", SECRET).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_program_needs_that_prints_a_key_is_lent() {
    let script = "test -n \"$VAULT_TOKEN\" && echo \"${VAULT_TOKEN}-5d1f77b2\"";
    let table =
        format!("model = 'gate/x'\n[providers.gate]\nbase_url = '{{url}}'\nkey = ['sh', '-c', '''{script}''']\n");
    check(&table, "VAULT_TOKEN", "k-canary").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_file_beside_the_configuration_holds_any_of_them() {
    let (den, server) = (Den::new(), server().await);
    let table = format!("model = 'gate/x'\n[providers.gate]\nbase_url = '{}'\nkey = 'env:LITE_KEY'\n", server.url());
    std::fs::write(den.path().join(".env"), format!("LITE_KEY={SECRET}\n")).unwrap();
    let said = tokio::task::block_in_place(|| den.say(configured(&den, &table), &["models", "--check"], b"")).ended(0);
    assert!(said.out.contains("answers"), "{said:#?}");
    is_nowhere(&den);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_tells_at_once_what_will_not_heal_and_what_would_be_tried_again() {
    let den = Den::new();
    let broken = Play::Answer(500, Vec::new(), b"{}".to_vec());
    let server = Server::start(vec![broken]).await;
    let config = format!(
        "[roles.implementer]\nmodels = ['gone/x', 'broken/x']\n[providers.gone]\nbase_url = 'http://127.0.0.1:1'\n\
         [providers.broken]\nbase_url = '{}'\n",
        server.url()
    );
    let started = Instant::now();
    let said = tokio::task::block_in_place(|| den.say(configured(&den, &config), &["models", "--check"], b"")).ended(1);
    assert!(started.elapsed() < Duration::from_secs(20), "{:?}", started.elapsed());
    assert!(said.out.contains("nobody listens there; is the server started?"), "{said:#?}");
    assert!(said.out.contains("broken failed (HTTP 500)"), "{said:#?}");
    assert_eq!(server.seen().len(), 1, "a check asks once");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_sent_is_printed_by_number() {
    let den = Den::new();
    let answer = "By identity.\n\nCOMMIT: fix(a): compare by identity\n\na.py\n```\n<<<<<<< SEARCH\n    if x == None:\n=======\n    if x is None:\n>>>>>>> REPLACE\n```\n";
    let dialect = Dialect(Wire::OpenAi);
    let whole = [dialect.opening(), dialect.words(answer), dialect.closing("1200", "60")].concat();
    let pieces = vec![whole.into_bytes()];
    let server = Server::start(vec![Play::Pieces(dialect.kind(), pieces, Duration::ZERO, End::Orderly)]).await;
    let config = format!("model = 'gate/x'\n[providers.gate]\nbase_url = '{}'\ncontext = 100000\n", server.url());
    let repository = den.small_repository("shop");
    let say = |args: &[&str]| {
        let mut command = configured(&den, &config);
        command.current_dir(&repository.path);
        tokio::task::block_in_place(|| den.say(command, args, b""))
    };
    let view = say(&["run", "compare with None by identity in a.py", "--engine", "llm", "--wait", "--json"]).json();
    assert_eq!(view["usage"]["cost_usd"], "0.000125", "what the gateway says");
    let shown = say(&["context", "1"]).ended(0);
    assert!(
        shown.out.contains("call 1  gate/x as implementer for v1  1200 in (90 of them cached), 60 out, $0.000125"),
        "{shown:#?}"
    );
    let paths: Vec<&str> = shown.out.lines().filter(|line| line.contains("  a.py")).collect();
    assert_eq!(paths.len(), 1, "a file stands there once: {shown:#?}");
    let whole = say(&["context", "1", "--prompt", "1"]).ended(0);
    for part in ["-- system", "-- user", "File `a.py` as it is now", "-- answer", "COMMIT: fix(a)"] {
        assert!(whole.out.contains(part), "{part}: {whole:#?}");
    }
    let calls = say(&["context", "1", "--prompt", "--json"]).ended(0).json();
    assert_eq!(calls["calls"][0]["answered"]["text"], answer);
    let missing = say(&["context", "1", "--prompt", "9"]).ended(3);
    assert!(missing.err.contains("its calls are 1 to 1"), "{missing:#?}");
    let beads = say(&["beads", "--category", "review"]).ended(0);
    assert_eq!(beads.out, "");
}

const AGENT: &str = include_str!("../engines/agent.py");
const HUNT: &str = include_str!("../engines/hunt.py");

#[tokio::test(flavor = "multi_thread")]
async fn a_key_for_an_agent_is_lent_and_used_by_it_and_found_nowhere() {
    let (den, server) = (Den::new(), Server::start(vec![Play::Answer(200, Vec::new(), b"fine".to_vec())]).await);
    let repository = den.small_repository("shop");
    std::fs::create_dir(repository.path.join("tool")).unwrap();
    std::fs::write(repository.path.join("tool/agent.py"), AGENT).unwrap();
    std::fs::write(repository.path.join("tool/hunt.py"), HUNT).unwrap();
    repository.commit("an agent");
    let backwards: String = SECRET.chars().rev().collect();
    let config = format!(
        "[engines.agent.mine]\nrun = ['python3', 'tool/agent.py', 'seeks', '{backwards}', '{url}']\nhosts = ['{at}']\n\
         key = 'env:WORK_KEY'\nkey_for = 'anthropic'\nkey_url = '{url}'\n",
        url = server.url(),
        at = server.at
    );
    let say = |with_key: bool, args: &[&str]| {
        let mut command = configured(&den, &config);
        command.current_dir(&repository.path);
        if with_key {
            command.env("WORK_KEY", SECRET);
        }
        tokio::task::block_in_place(|| den.say(command, args, b""))
    };
    let run = ["run", "compare with None by identity", "--agent", "mine", "--wait", "--json"];
    let without = say(false, &run).json();
    let reason = without["reason"].as_str().unwrap();
    if reason.contains("cannot be had at confinement level") {
        return; // no network of its own here, so no door
    }
    assert!(reason.contains("the variable WORK_KEY is not set"), "{reason}");
    assert_eq!(server.seen().len(), 0);
    let view = say(true, &run).json();
    assert!(view["versions"][0]["number"] == 1, "{view:#}");
    let id = view["id"].to_string();
    let diff = say(false, &["diff", &id]).ended(0);
    for line in ["+itself: nothing", "+terminal: nothing", "+through the door: fine"] {
        assert!(diff.out.contains(line), "{line}: {diff:#?} {view:#}");
    }
    let keys: Vec<_> = server.seen().iter().map(|seen| seen.header("x-api-key") == Some(SECRET)).collect();
    assert_eq!(keys, [true, false], "its own door puts the key in, and no other way does");
    is_nowhere(&den);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agents_variable_may_name_a_key_that_only_its_own_process_is_given() {
    let den = Den::new();
    let repository = den.small_repository("shop");
    std::fs::create_dir(repository.path.join("tool")).unwrap();
    std::fs::write(repository.path.join("tool/agent.py"), AGENT).unwrap();
    repository.commit("an agent");
    let backwards: String = SECRET.chars().rev().collect();
    let config = format!(
        "[engines.agent.mine]\nrun = ['python3', 'tool/agent.py', 'vars', 'GH_TOKEN', '{backwards}']\n\
         env = {{ GH_TOKEN = 'env:WORK_KEY' }}\n"
    );
    let say = |with_key: bool, args: &[&str]| {
        let mut command = configured(&den, &config);
        command.current_dir(&repository.path);
        if with_key {
            command.env("WORK_KEY", SECRET);
        }
        tokio::task::block_in_place(|| den.say(command, args, b""))
    };
    let run = ["run", "compare with None by identity", "--agent", "mine", "--wait", "--json"];
    let without = say(false, &run).json();
    let reason = without["reason"].as_str().unwrap();
    assert!(reason.contains("nothing for its variable GH_TOKEN") && reason.contains("WORK_KEY is not set"), "{reason}");
    let view = say(true, &run).json();
    assert!(view["versions"][0]["number"] == 1, "{view:#}");
    let id = view["id"].to_string();
    let diff = say(false, &["diff", &id]).ended(0);
    for line in ["+itself: has it", "+terminal: none"] {
        assert!(diff.out.contains(line), "{line}: {diff:#?}");
    }
    let explanation = say(false, &["artifacts", &id, "explanation@v1"]).ended(0);
    assert!(explanation.out.contains("It is [masked]"), "{explanation:#?}");
    is_nowhere(&den);
}

/// A provider whose key is what `script` prints each time.
fn keyed_by(server: &Server, script: &str) -> Provider {
    let key = KeySource::Command(["/bin/sh", "-c", script].map(str::to_owned).to_vec());
    let seen = vec![("PATH".into(), std::env::var_os("PATH").unwrap())];
    let settings = ProviderSettings { key, limits: LIMITS, ..Dialect(Wire::OpenAi).settings(&server.url()) };
    let clock = FixedClock::at("2026-11-28T12:00:00.000Z".parse::<Timestamp>().unwrap());
    Provider::new(settings, http(), Arc::new(Keys::new(BTreeMap::new(), seen)), Arc::new(clock))
}

#[tokio::test]
async fn a_key_that_was_renewed_meanwhile_is_tried_in_the_call_that_was_refused() {
    let folder = tempfile::tempdir().unwrap();
    let counts = format!("echo x >> {0}/n; echo key-$(wc -l < {0}/n | tr -d ' ')", folder.path().display());
    let dialect = Dialect(Wire::OpenAi);
    let refused =
        || Play::Answer(401, vec![("content-type", "application/json".to_owned())], dialect.error(401, "old"));
    let says = || Play::Pieces(dialect.kind(), vec![dialect.stream("hi").into_bytes()], Duration::ZERO, End::Orderly);
    let keys = |server: &Server| {
        let seen = server.seen();
        seen.iter().map(|seen| seen.header("authorization").unwrap().to_owned()).collect::<Vec<_>>()
    };
    let server = Server::start(vec![refused(), says()]).await;
    let asked = ask(&keyed_by(&server, &counts), &request()).await;
    assert_eq!(asked.outcome.unwrap().text, "hi");
    assert_eq!(keys(&server), ["Bearer key-1", "Bearer key-2"]);
    // once, and only where it is another
    for (script, tries) in [(counts.as_str(), 2), ("echo always-the-same", 1)] {
        let server = Server::start(vec![refused(), refused(), says()][2 - tries..].to_vec()).await;
        let asked = ask(&keyed_by(&server, script), &request()).await;
        assert!(matches!(asked.outcome, Err(ChatError::NotSignedIn { .. })), "{:?}", asked.outcome);
        assert_eq!(server.seen().len(), tries, "{script}");
    }
}

#[test]
fn clients_that_find_other_settings_at_once_all_lend_their_key() {
    let den = Den::new();
    for round in 0..4 {
        let config = format!(
            "model = 'gate/x'\n[providers.gate]\nbase_url = 'http://127.0.0.1:1/v{round}'\nkey = 'env:LITE_KEY'\n"
        );
        let clients: Vec<Command> = (0..4).map(|_| configured(&den, &config)).collect();
        let say = |mut client: Command| {
            client.env("LITE_KEY", SECRET);
            den.say(client, &["list", "--json"], b"")
        };
        std::thread::scope(|scope| {
            let said: Vec<_> = clients.into_iter().map(|client| scope.spawn(|| say(client))).collect();
            for said in said {
                said.join().unwrap().ended(0);
            }
        });
    }
}
