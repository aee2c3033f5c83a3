//! Agents that people have, by name.

use std::collections::BTreeMap;

use super::USUAL_TIMEOUT;
use crate::infrastructure::key_door::KeyForm;
use crate::proposal::{AgentSpec, Run};

struct Preset {
    name: &'static str,
    run: &'static [&'static str],
    /// What of its folder is a login, or may hold a secret beside settings; not what it was told about other work.
    logins: &'static [&'static str],
    /// What of it says how it works.
    settings: &'static [&'static str],
    key_form: Option<KeyForm>,
    /// What it is told beside a key that Paraph holds.
    held_env: &'static [(&'static str, &'static str)],
    mode: Option<&'static str>,
    /// Files and terminals.
    offers: (bool, bool),
    needs_hosts: &'static [&'static str],
    env: &'static [(&'static str, &'static str)],
    hint: &'static str,
}

/// It signs in by a word of the protocol's that its adapter can say by itself, and knows an address other than OpenAI's
/// only as that of another provider.
const CODEX_WITH_A_KEY: [(&str, &str); 2] = [
    ("DEFAULT_AUTH_REQUEST", r#"{"methodId":"api-key"}"#),
    (
        "CODEX_CONFIG",
        r#"{"model_provider":"paraph","model_providers":{"paraph":{"name":"paraph","base_url":"{door}","wire_api":"responses","env_key":"OPENAI_API_KEY"}}}"#,
    ),
];

const PRESETS: &[Preset] = &[
    Preset {
        name: "claude",
        run: &["claude-agent-acp"],
        logins: &[".claude.json", ".claude/.credentials.json", ".claude/settings.json"],
        settings: &[".claude/CLAUDE.md", ".claude/agents", ".claude/commands", ".claude/skills"],
        key_form: Some(KeyForm::Anthropic),
        held_env: &[],
        mode: None,
        offers: (false, false), // it writes and runs by itself
        needs_hosts: &["api.anthropic.com", "platform.claude.com"],
        // as root it wants to be told that it is in a sandbox
        env: &[("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1"), ("DISABLE_AUTOUPDATER", "1"), ("IS_SANDBOX", "1")],
        hint: "npm install -g @agentclientprotocol/claude-agent-acp, then log in with: claude /login",
    },
    Preset {
        name: "codex",
        run: &["codex-acp"],
        logins: &[".codex/auth.json", ".codex/config.toml"],
        settings: &[".codex/AGENTS.md", ".codex/prompts"],
        key_form: Some(KeyForm::OpenAi),
        held_env: &CODEX_WITH_A_KEY,
        mode: Some("agent-full-access"), // its own sandbox cannot be made inside ours
        offers: (false, false),
        needs_hosts: &["api.openai.com", "chatgpt.com", "auth.openai.com"],
        env: &[],
        hint: "npm install -g @agentclientprotocol/codex-acp, then log in with: codex login",
    },
    Preset {
        name: "gemini",
        run: &["gemini", "--acp"],
        logins: &[
            ".gemini/oauth_creds.json",
            ".gemini/google_accounts.json",
            ".gemini/settings.json",
            ".gemini/installation_id",
            ".gemini/user_id",
            ".gemini/.env",
        ],
        settings: &[".gemini/GEMINI.md", ".gemini/commands"],
        key_form: Some(KeyForm::Gemini),
        held_env: &[],
        mode: None,
        offers: (false, false), // through a client it cannot make a file that is new
        needs_hosts: &["generativelanguage.googleapis.com", "cloudcode-pa.googleapis.com", "oauth2.googleapis.com"],
        // a folder that it does not trust is given nothing of `.gemini/.env`; what it works in is a scratch worktree
        env: &[("GEMINI_TELEMETRY_ENABLED", "false"), ("GEMINI_CLI_TRUST_WORKSPACE", "true")],
        hint: "npm install -g @google/gemini-cli, then log in with: gemini",
    },
    Preset {
        name: "opencode",
        run: &["opencode", "acp"],
        // the folder holds its plugins too
        logins: &[
            ".local/share/opencode/auth.json",
            ".config/opencode/opencode.json",
            ".config/opencode/opencode.jsonc",
            ".config/opencode/config.json",
        ],
        settings: &[".config/opencode"],
        key_form: None, // it has many providers, each with settings of its own
        held_env: &[],
        mode: None,
        offers: (true, false),
        needs_hosts: &[],
        env: &[("OPENCODE_DISABLE_AUTOUPDATE", "1"), ("OPENCODE_DISABLE_LSP_DOWNLOAD", "1")],
        hint: "npm install -g opencode-ai, then log in with: opencode auth login",
    },
];

/// The agents that ship. Each needs the hosts of its provider allowed; opencode's depend on the provider chosen there.
#[must_use]
pub fn agent_presets() -> Vec<AgentSpec> {
    let texts = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect();
    let pairs = |list: &[(&str, &str)]| -> BTreeMap<String, String> {
        list.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    };
    PRESETS
        .iter()
        .map(|preset| AgentSpec {
            name: preset.name.to_owned(),
            run: Run::Args(texts(preset.run)),
            timeout: USUAL_TIMEOUT,
            env: pairs(preset.env),
            env_keys: std::collections::BTreeMap::new(),
            reads: Vec::new(),
            logins: texts(preset.logins),
            settings: texts(preset.settings),
            key_form: preset.key_form,
            held_env: pairs(preset.held_env),
            key: None,
            mode: preset.mode.map(str::to_owned),
            files: preset.offers.0,
            terminals: preset.offers.1,
            needs_hosts: texts(preset.needs_hosts),
            hosts: Vec::new(),
            hint: preset.hint.to_owned(),
        })
        .collect()
}
