//! Help, manuals and completions exist for every verb, and help is kept as a snapshot.

use super::bench::Bench;

fn keep(name: &str, text: &str) {
    insta::with_settings!({snapshot_path => "../../snapshots", prepend_module_to_snapshot => false, omit_expression => true}, {
        insta::assert_snapshot!(name, text);
    });
}

/// The verbs, from the manual's pages.
fn verbs(bench: &Bench) -> Vec<String> {
    let pages = bench.run("man --out man --json").json();
    let pages = pages["pages"].as_array().expect("pages").clone();
    let name = |page: &serde_json::Value| Some(page.as_str()?.strip_prefix("paraph-")?.strip_suffix(".1")?.to_owned());
    pages.iter().filter_map(name).collect()
}

#[test]
fn help_is_what_it_was() {
    let bench = Bench::new();
    let mut text = bench.run("--help").out;
    let mut names = verbs(&bench);
    names.sort();
    for verb in names {
        let parts: Vec<&str> = match verb.as_str() {
            "check-patch" | "request-changes" => vec![&verb],
            other => other.split('-').collect(),
        };
        let outcome = bench.run_args(["help"].iter().chain(&parts));
        assert_eq!(outcome.status, 0, "{verb}: {outcome:?}");
        text += &format!("\n──── paraph {}\n\n{}", parts.join(" "), outcome.out);
    }
    keep("cli_help", &text);
}

#[test]
fn help_names_every_playbook() {
    let bench = Bench::new();
    let said = bench.run("run --help").out.split_whitespace().collect::<Vec<_>>().join(" ");
    let all = paraph::api::playbooks();
    assert!(all.iter().any(|name| name == "shipped") && said.contains(&all.join(", ")), "{all:?}: {said}");
}

#[test]
fn every_flag_and_verb_says_what_it_is_for() {
    let bench = Bench::new();
    for verb in verbs(&bench) {
        let page = std::fs::read_to_string(bench.home.path().join(format!("man/paraph-{verb}.1"))).expect("a page");
        assert!(page.len() > 300 && page.contains(".SH NAME") && page.contains(".SH OPTIONS"), "{verb}: {page}");
        let name = page.split(".SH NAME").nth(1).expect("a name").lines().nth(1).expect("a line");
        assert!(name.contains("\\- "), "{verb} has a line on what it does: {name}");
    }
}

#[test]
fn completions_name_every_verb_in_every_shell() {
    let bench = Bench::new();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = bench.run(&format!("completions {shell}")).out;
        for verb in verbs(&bench) {
            let verb = verb.split('-').next().expect("a word");
            assert!(script.contains(verb), "{shell} knows {verb}");
        }
    }
}

#[test]
fn topics_are_there_and_narrow_enough() {
    let bench = Bench::new();
    for topic in ["agents", "api", "architecture", "exit-codes", "lifecycle", "models", "operations", "rules"] {
        let outcome = bench.run(&format!("help {topic}"));
        assert_eq!(outcome.status, 0, "{outcome:?}");
        assert!(outcome.out.len() > 500 && !outcome.out.contains("{table}") && !outcome.out.contains("{socket}"));
        for line in outcome.out.lines() {
            assert!(line.chars().count() <= 100, "{topic}: {line}");
        }
    }
    let api = bench.run("help api");
    assert!(api.out.contains("curl -sS --unix-socket /home/of/paraph/run/paraph.sock"), "{api:?}");
    let rules = bench.run("help rules");
    assert!(rules.out.contains("\npython\n  py-one  [style]\n") && !rules.out.contains("{rules}"), "{rules:?}");
    assert_eq!(rules.out.matches("\npython\n").count(), 1, "one heading a language: {rules:?}");
    assert_eq!(bench.run("help rules --json").json()["rules"][0]["id"], "go-one");
    let codes = bench.run("help exit-codes");
    assert!(codes.out.contains("    130  interrupted\n"), "{codes:?}");
}

#[test]
fn the_openapi_document_is_the_services() {
    let document = Bench::new().run("help api --json").json();
    assert_eq!(document["openapi"], "3.1.0");
    assert!(document["paths"]["/v1/list"]["post"].is_object());
}

#[test]
fn version_and_rooms() {
    assert_eq!(Bench::new().run("--version").out, format!("paraph {}\n", env!("CARGO_PKG_VERSION")));
    assert_eq!(Bench::new().at_terminal("").run("").status, 42);
    assert_eq!(Bench::new().at_terminal("").run("demo").status, 43);
    assert_eq!(Bench::new().run("daemon run").status, 44);
}
