//! A server of OpenAI's format in a thread of its own: each model says what a test tells it to, as often as it is asked.
#![allow(dead_code, missing_docs, clippy::unwrap_used, unreachable_pub, reason = "each test binary uses its own part")]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

pub struct Speaker {
    at: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Speaker {
    /// Speaks as models that are named as their roles are.
    pub fn start(answers: &[(&'static str, String)]) -> Self {
        Self::that_holds("", answers)
    }

    /// The same, and says nothing the first time that it is asked as `role`, until whoever asks hangs up.
    pub fn that_holds(role: &'static str, answers: &[(&'static str, String)]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let speaker = Self { at: listener.local_addr().unwrap(), asked: Arc::default() };
        let (answers, asked) = (answers.to_vec(), speaker.asked.clone());
        // it ends with the test's process
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (answers, asked) = (answers.clone(), asked.clone());
                // who was killed hung up
                std::thread::spawn(move || serve(stream, role, &answers, &asked));
            }
        });
        speaker
    }

    /// Where it listens.
    pub fn url(&self) -> String {
        format!("http://{}/v1", self.at)
    }

    /// How often the model of that role was asked.
    pub fn asked(&self, role: &str) -> usize {
        self.asked.lock().unwrap().iter().filter(|asked| *asked == role).count()
    }

    /// A configuration in which each of `roles` asks its model here, and each of `dead` one where nobody listens.
    pub fn configure(&self, user: &Path, roles: &[&str], dead: &[&str]) {
        let folder = user.join(".config/paraph");
        std::fs::create_dir_all(&folder).unwrap();
        let mut text = format!("[providers.acme]\nwire = \"openai\"\nbase_url = \"http://{}/v1\"\n", self.at);
        text.push_str("[providers.dead]\nwire = \"openai\"\nbase_url = \"http://127.0.0.1:1/v1\"\n");
        for (provider, roles) in [("acme", roles), ("dead", dead)] {
            text.extend(roles.iter().map(|role| format!("[roles.{role}]\nmodels = [\"{provider}/{role}\"]\n")));
        }
        std::fs::write(folder.join("config.toml"), text).unwrap();
    }
}

fn serve(stream: TcpStream, held: &str, answers: &[(&'static str, String)], asked: &Mutex<Vec<String>>) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let mut length = 0;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
        if line.trim().is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let request: Value = serde_json::from_slice(&body).ok()?;
    let model = request["model"].as_str()?.to_owned();
    let text = answers.iter().find(|(role, _)| *role == model).map(|(_, text)| text.clone());
    let is_first = {
        let mut asked = asked.lock().unwrap();
        asked.push(model.clone());
        asked.iter().filter(|asked| **asked == model).count() == 1
    };
    if model == held && is_first {
        return reader.read_exact(&mut [0]).ok();
    }
    let (status, answer) = match text {
        Some(text) => (
            "200 OK",
            json!({
                "id": "1", "object": "chat.completion", "model": model,
                "choices": [{"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}],
                "usage": {"prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 110},
            }),
        ),
        None => ("404 Not Found", json!({"error": {"message": "no such model"}})),
    };
    let answer = answer.to_string();
    let head = format!("HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n", answer.len());
    let mut stream = stream;
    stream.write_all(format!("{head}connection: close\r\n\r\n{answer}").as_bytes()).ok()
}

/// What every role answers for [`crate::den::FILE`] as `a.py` and a README that begins with `# shop`.
pub fn complete() -> Vec<(&'static str, String)> {
    let edit = |path: &str, from: &str, to: &str| {
        format!("Because.\n\n{path}\n```\n<<<<<<< SEARCH\n{from}=======\n{to}>>>>>>> REPLACE\n```\n")
    };
    let triage = json!({"recommendation": "GO", "reasons": ["small"], "risks": [], "unknowns": [], "missing": []});
    let design = json!({
        "decision": "by identity", "specification": "`is None`", "architecture": "a.py", "scope": ["a.py"],
        "non_goals": [], "acceptance": [{"text": "None is empty", "bound": "check:unit"}],
    });
    let tasks = [json!({"id": "a", "title": "do it", "depends_on": [], "paths": ["a.py"]})];
    let names = ["correctness", "tests", "security", "policy-fit", "maintainability", "scope-fit"];
    let scores: serde_json::Map<String, Value> =
        names.iter().map(|name| ((*name).to_owned(), json!({"score": 8, "evidence": "seen"}))).collect();
    let review = json!({"scores": scores, "issues": [], "summary": "read it"}).to_string();
    let steps = [json!({"what": "merge it", "command": "git merge", "works_when": "it is there"})];
    let runbook = json!({
        "before": [], "steps": steps, "verify": ["import a"], "rollback": ["git revert"], "risks": [], "unknowns": [],
    });
    let finding = json!({"what": "it fails", "quote": "ERROR: the shop is closed"});
    let monitored = json!({
        "word": "degraded", "findings": [finding], "next": ["the log"], "follow_ups": ["open the shop"],
    });
    let draft = edit("a.py", "    if x == None:\n", "    if x is None:\n");
    vec![
        ("triage", triage.to_string()),
        ("architect", design.to_string()),
        ("planner", json!({"tasks": tasks, "gates": []}).to_string()),
        ("implementer", format!("{draft}COMMIT: fix(a): compare by identity\n")),
        ("tester", edit("tests/test_a.py", "", "from a import empty\n\nassert empty(None)\n")),
        ("documenter", edit("README.md", "# shop\n", "# shop\n\nNone is told by identity.\n")),
        ("reviewer", review.clone()),
        ("critic", review),
        ("deployer", runbook.to_string()),
        ("monitor", monitored.to_string()),
    ]
}
