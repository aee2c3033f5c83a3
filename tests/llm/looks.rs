//! Whether a model can look, by the real binary: what a check tells of it, and what a session's record does.

use std::time::Duration;

use paraph::infrastructure::llm::Wire;
use serde_json::json;

use crate::den::{Den, GOAL, Said};
use crate::dialect::Dialect;
use crate::server::{End, Play, Server};

const CHAT: Dialect = Dialect(Wire::OpenAi);

const EDIT: &str = "Because.\n\nCOMMIT: fix(a): be exact\n\na.py\n```\n<<<<<<< SEARCH\n    if x == None:\n=======\n    \
                    if x is None:\n>>>>>>> REPLACE\n```\n";

fn streamed(text: String) -> Play {
    Play::Pieces(CHAT.kind(), vec![text.into_bytes()], Duration::ZERO, End::Orderly)
}

/// It says the word by the tool that it is offered.
fn calls() -> Play {
    let function = json!({"name": "say", "arguments": "{\"word\":\"ready\"}"});
    let call = json!({"index": 0, "id": "c1", "type": "function", "function": function});
    let event = json!({"choices": [{"index": 0, "delta": {"tool_calls": [call]}, "finish_reason": "tool_calls"}]});
    streamed(CHAT.frame(&event.to_string()) + &CHAT.frame("[DONE]"))
}

/// A den whose one model is at `server`, with `more` in its table.
fn den(server: &Server, more: &str) -> Den {
    let den = Den::new();
    let config = den.path().join("user/.config/paraph/config.toml");
    std::fs::create_dir_all(config.parent().unwrap()).unwrap();
    let url = server.url();
    let text = format!("model = \"acme/m\"\n[providers.acme]\nwire = \"openai\"\nbase_url = \"{url}/v1\"\n{more}");
    std::fs::write(config, text).unwrap();
    den
}

fn run(den: &Den, args: &[&str]) -> Said {
    tokio::task::block_in_place(|| den.run(args))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_tells_which_model_calls_a_tool() {
    let refusal = Play::Answer(400, Vec::new(), CHAT.error(400, "m does not support tools"));
    let says = || streamed(CHAT.stream("ready"));
    let cases = [
        ("can look", vec![calls()], "", 1),
        ("cannot look", vec![says()], "", 1),
        ("cannot look", vec![refusal, says()], "", 2),
        ("cannot look", vec![says()], "tools = false\n", 1),
    ];
    for (word, plays, more, asked) in cases {
        let server = Server::start(plays).await;
        let den = den(&server, more);
        let said = run(&den, &["models", "--check"]).ended(0).out;
        assert!(said.contains("answers after") && said.contains(&format!(", {word}\n")), "{said}");
        assert_eq!(server.seen().len(), asked, "it costs one answer");
        let listed = run(&den, &["models", "--check", "--json"]).ended(0).json();
        assert_eq!(listed["models"][0]["can_look"], json!(word == "can look"), "{listed:#}");
        assert_eq!(listed["models"][0]["checked"], "answers");
        assert!(run(&den, &["models", "--json"]).ended(0).json()["models"][0]["can_look"].is_null());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_drafts_without_tools_where_the_configuration_says_so_and_its_record_too() {
    for (more, is_blind) in [("tools = false\n", true), ("", false)] {
        let server = Server::start(vec![streamed(CHAT.stream(EDIT))]).await;
        let den = den(&server, more);
        let repository = den.small_repository("shop");
        let repo = repository.path.to_str().unwrap();
        let view = run(&den, &["run", GOAL, "--repo", repo, "--engine", "llm", "--wait", "--json"]);
        assert!(view.status == 0 || view.status == 10, "{view:#?}");
        let id = view.json()["id"].to_string();
        let sent = &server.seen()[0].body;
        assert_eq!(sent["tools"].is_null(), is_blind, "{sent}");
        assert_eq!(sent.to_string().contains("No tool can be called here"), is_blind, "{sent}");
        let context = run(&den, &["context", &id]).ended(0).out;
        let told = context.matches("could not look: a model that answered takes no tools").count();
        assert_eq!(told, usize::from(is_blind), "{context}");
    }
}
