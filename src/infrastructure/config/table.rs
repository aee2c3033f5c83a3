//! Every setting as data: its name, its shape, what it is at first and what it is for.

use super::value::{Shape, Value};

/// One setting.
#[derive(Debug, Clone, Copy)]
pub struct SettingSpec {
    /// Its name, with its table: `policy.frozen`.
    pub key: &'static str,
    /// What it may be.
    pub shape: Shape,
    /// What it is where nobody says anything, as TOML.
    pub built_in: &'static str,
    /// What it is for, in a line.
    pub about: &'static str,
    /// A variable of another name that means the same.
    pub alias: Option<&'static str>,
}

impl SettingSpec {
    /// The variable that sets it: `PARAPH_POLICY_FROZEN`.
    #[must_use]
    pub fn variable(&self) -> String {
        format!("PARAPH_{}", self.key.replace('.', "_").to_ascii_uppercase())
    }

    pub(super) fn default_value(&self) -> Value {
        let table: toml::Table = format!("x = {}", self.built_in).parse().expect("the table's values are TOML");
        self.shape.of_toml(&table["x"]).expect("the table's values have their shape")
    }
}

/// The setting of that name.
#[must_use]
pub fn spec(key: &str) -> Option<&'static SettingSpec> {
    SETTINGS.iter().find(|spec| spec.key == key)
}

const fn setting(key: &'static str, shape: Shape, built_in: &'static str, about: &'static str) -> SettingSpec {
    SettingSpec { key, shape, built_in, about, alias: None }
}

const fn aliased(spec: SettingSpec, alias: &'static str) -> SettingSpec {
    SettingSpec { alias: Some(alias), ..spec }
}

const fn whole(least: u64, most: u64) -> Shape {
    Shape::Whole { least, most }
}

/// Every setting, in the order of the file that `paraph init` writes.
pub const SETTINGS: &[SettingSpec] = &[
    aliased(
        setting("repository", Shape::Text, "''", "the repository where none is named; empty: the one you stand in"),
        "TARGET_REPO_PATH",
    ),
    setting("workers", whole(1, 256), "2", "checks that run at once, over all sessions"),
    setting(
        "engine",
        Shape::Choice(&["rules", "patch", "adopt", "llm", "command", "agent"]),
        "'rules'",
        "who drafts where none is named",
    ),
    setting("program", Shape::Text, "''", "the program of that engine, where it runs one and none is named"),
    setting(
        "playbook",
        Shape::Text,
        "'quick'",
        "a session's stages where none are named; paraph run --help names them",
    ),
    aliased(
        setting("threshold", Shape::Tenths, "7.0", "the score under which a merge is forbidden; it never causes one"),
        "AUTO_MERGE_THRESHOLD",
    ),
    aliased(setting("model", Shape::Text, "''", "the model where a role names none"), "OPENAI_MODEL"),
    setting("budget.repairs", whole(0, 10), "3", "how often a red check goes back to a model before you are asked"),
    setting("budget.session_cents", whole(0, 1_000_000), "100", "US cents that the models of one session may cost"),
    setting("budget.session_tokens", whole(1000, 1 << 40), "2000000", "tokens that the models of one session may take"),
    setting("budget.day_cents", whole(0, 10_000_000), "1000", "US cents that all models of a day (UTC) may cost"),
    setting("policy.frozen", Shape::Texts, "[]", "globs that must not change"),
    setting("policy.frozen_severity", Shape::Choice(&["WARN", "BLOCK"]), "'WARN'", "what a frozen path's change is"),
    setting("policy.raised", Shape::Texts, "[]", "rules that BLOCK instead of warning"),
    setting("policy.max_file_bytes", whole(1, 1 << 40), "104857600", "the largest file a change may add"),
    setting("policy.max_files", whole(1, 1_000_000), "3000", "the most files a change may touch"),
    setting("checks.max_timeout_s", whole(1, 86_400), "900", "the longest one check may take"),
    setting("checks.memory_bytes", whole(64 << 20, 1 << 44), "8589934592", "memory of all processes of a check"),
    setting("checks.processes", whole(1, 1_000_000), "2048", "processes of a check at the same time"),
    setting("checks.disk_bytes", whole(1 << 20, 1 << 46), "21474836480", "how far a check may fill the disk"),
    setting("log.format", Shape::Choice(&["text", "json"]), "'text'", "how log files are written"),
    setting(
        "log.level",
        Shape::Choice(&["off", "error", "warn", "info", "debug", "trace"]),
        "'info'",
        "how much is logged; PARAPH_LOG takes a finer filter",
    ),
    setting("log.files", whole(1, 1000), "7", "daily log files that are kept"),
    setting("log.bytes", whole(1 << 16, 1 << 34), "20971520", "the most bytes of one log file"),
    setting("ui.theme", Shape::Text, "''", "a theme's name; empty: dark or light as the terminal is"),
    setting("ui.ascii", Shape::Flag, "false", "no characters beyond ASCII"),
    setting("ui.motion", Shape::Flag, "true", "whether anything moves by itself"),
    setting("ui.mouse", Shape::Flag, "true", "whether the mouse is listened to"),
    setting("ui.colour", Shape::Choice(&["auto", "always", "never"]), "'auto'", "when colours are used"),
    setting("daemon.idle_minutes", whole(1, 10_080), "15", "how long after the last client the daemon leaves"),
    setting("index.max_chars_per_file", whole(100, 10_000_000), "8000", "characters of one file in a digest"),
    setting("index.max_chars", whole(100, 100_000_000), "60000", "characters of all files in a digest"),
    setting("index.max_file_bytes", whole(1, 1 << 30), "1048576", "files over this size are listed, not read"),
    setting("index.extensions", Shape::Texts, "[]", "further extensions that are read, without the dot"),
    setting("index.skip", Shape::Texts, "[]", "further folders that are left out, by name"),
];

/// Variables of ours that are no settings: places, filters, and what only tests use.
pub(super) const NOT_SETTINGS: &[&str] = &[
    "PARAPH_HOME",
    "PARAPH_CONFIG",
    "PARAPH_CA_FILE",
    "PARAPH_LOG",
    "PARAPH_FAULT",
    "PARAPH_DETACHED",
    "PARAPH_STARTED_WITH",
    "PARAPH_DAEMON_IDLE_SECONDS",
];

/// Variables that hold keys, whatever the configuration says. They are never a setting: only whether they are there is
/// told. A variable that a `key = "env:NAME"` names is one of them.
pub const KEY_VARIABLES: &[&str] = &[
    "OPENAI_API_KEY",
    "ANTHROPIC_API_KEY",
    "GEMINI_API_KEY",
    "GOOGLE_API_KEY",
    "GROQ_API_KEY",
    "OPENROUTER_API_KEY",
    "DEEPSEEK_API_KEY",
    "MISTRAL_API_KEY",
    "XAI_API_KEY",
    "GITHUB_TOKEN",
    "GH_TOKEN",
    "GH_ENTERPRISE_TOKEN",
    "GITHUB_ENTERPRISE_TOKEN",
    "GITEA_TOKEN",
    "FORGEJO_TOKEN",
    "GITLAB_TOKEN",
];

/// What programs that print keys are told by variables: where their vault is and how they sign in there. Names that end
/// with `_` are beginnings.
const FOR_KEY_PROGRAMS: &[&str] = &[
    "VAULT_",
    "BAO_",
    "OP_",
    "BW_",
    "SOPS_",
    "AWS_",
    "AZURE_",
    "CLOUDSDK_",
    "PASSWORD_STORE_",
    "GOOGLE_APPLICATION_CREDENTIALS",
    "GNUPGHOME",
    "GPG_TTY",
    "SSH_AUTH_SOCK",
    "DBUS_SESSION_BUS_ADDRESS",
    "DISPLAY",
    "WAYLAND_DISPLAY",
    "XAUTHORITY",
    "GH_CONFIG_DIR",
];

/// Whether programs that print keys are told by this variable.
#[must_use]
pub fn is_for_key_programs(name: &str) -> bool {
    FOR_KEY_PROGRAMS.iter().any(|known| name == *known || (known.ends_with('_') && name.starts_with(known)))
}

/// Whether a variable of that name holds a secret, not a place.
#[must_use]
pub fn names_a_secret(name: &str) -> bool {
    let is_place = ["_FILE", "_DIR", "_PATH", "_ADDR", "_ADDRESS"].iter().any(|end| name.ends_with(end));
    let words = ["KEY", "TOKEN", "SECRET", "PASSWORD", "PASSPHRASE", "SESSION"];
    !is_place && words.iter().any(|word| name.contains(word))
}
