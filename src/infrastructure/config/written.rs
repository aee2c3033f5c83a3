//! Keys that are written where only the name of one belongs. They are found at any depth: by what they stand under, by
//! their form, by what the scanner of secrets knows. Nothing here repeats one.

use super::KeyPart;
use crate::text::SecretScanner;

/// What to write instead.
pub(super) const NAME_IT: &str = "write where it is: 'env:OPENAI_API_KEY', 'pass:NAME' or their like, in a header and in an agent's env too (paraph help models)";

/// How keys of well-known makers begin.
const BEGINNINGS: [&str; 9] = ["sk-", "gsk_", "AIza", "ghp_", "github_pat_", "glpat-", "xai-", "hvs.", "AKIA"];

/// The shortest text that is taken for a key by how it begins.
const SHORTEST: usize = 10;

/// Words that say of a field, a header or a variable that a key is under it.
const KEY_WORDS: [&str; 13] = [
    "KEY",
    "APIKEY",
    "TOKEN",
    "SECRET",
    "PASSWORD",
    "PASSWD",
    "PASSPHRASE",
    "PAT",
    "CREDENTIAL",
    "CREDENTIALS",
    "AUTHORIZATION",
    "COOKIE",
    "BEARER",
];

/// Fields of ours that are about keys and hold none. Where a key comes from is read by whoever looks for it.
const ABOUT_KEYS: [&str; 3] = ["key", "key_for", "key_url"];

/// The field below `value` that holds a key instead of where one comes from, by its path.
pub(super) fn written_key(value: &toml::Value) -> Option<String> {
    value.as_table()?.iter().find_map(|(name, value)| key_at(name, name, value))
}

/// The same for one field of that name.
pub(super) fn key_at(path: &str, name: &str, value: &toml::Value) -> Option<String> {
    match value {
        toml::Value::Table(fields) => {
            fields.iter().find_map(|(name, value)| key_at(&format!("{path}.{name}"), name, value))
        }
        toml::Value::Array(items) => items.iter().find_map(|item| key_at(path, "", item)),
        toml::Value::String(text) => is_key(name, text).then(|| path.to_owned()),
        _ => None,
    }
}

fn is_key(name: &str, text: &str) -> bool {
    let text = text.trim();
    if text.is_empty() || KeyPart::named_in(text).is_some() {
        return false;
    }
    let says_little = text.bytes().all(|byte| byte.is_ascii_digit()) || matches!(text, "true" | "false" | "none");
    let is_under_a_name = names_a_key(name) && !ABOUT_KEYS.contains(&name) && !says_little && !text.contains("{door}");
    is_under_a_name || has_formed_key(text) || has_password(name, text)
}

/// Whether a field, a header or a variable of that name holds a key, and not a place or a count of something.
fn names_a_key(name: &str) -> bool {
    let upper = name.to_ascii_uppercase();
    let parts: Vec<&str> = upper.split(['_', '-', '.']).collect();
    let last = parts.last().copied().unwrap_or_default();
    let is_place = ["FILE", "DIR", "PATH", "ADDR", "ADDRESS", "URL", "HOST"].contains(&last);
    let says_so = |part: &&str| {
        KEY_WORDS.contains(part) || ["APIKEY", "TOKEN", "SECRET", "PASSWORD"].iter().any(|word| part.ends_with(word))
    };
    !is_place && (parts.iter().any(says_so) || last == "AUTH")
}

/// Whether a word of the text has the form of a key.
pub(super) fn has_formed_key(text: &str) -> bool {
    let mut words = text.split(|c: char| !(c.is_ascii_alphanumeric() || "-_.".contains(c)));
    let begins = |word: &str| word.len() >= SHORTEST && BEGINNINGS.iter().any(|start| word.starts_with(start));
    words.any(begins) || (text.len() > SHORTEST && !SecretScanner::new().scan(text).is_empty())
}

/// Whether an address in it has a password: `https://user:password@host`; in a field that is an address itself, any user.
fn has_password(name: &str, text: &str) -> bool {
    let is_address = name.ends_with("url");
    text.split("://").skip(1).any(|rest| {
        let authority = rest.split(['/', '?', '#', ' ', '\'', '"']).next().unwrap_or_default();
        authority.rsplit_once('@').is_some_and(|(user, _)| is_address || user.contains(':'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Option<&str>) {
        let value = toml::Value::Table(text.parse().expect("a table"));
        assert_eq!(written_key(&value).as_deref(), expected, "{text}");
    }

    #[test]
    fn a_key_is_found_at_any_depth() {
        for (text, path) in [
            ("headers = { authorization = 'Bearer hunter22' }", "headers.authorization"),
            ("headers = { x-api-key = 'hunter22' }", "headers.x-api-key"),
            ("headers = { Api-Key = 'hunter22' }", "headers.Api-Key"),
            ("headers = { cookie = 'session=hunter22' }", "headers.cookie"),
            ("headers = { helicone-auth = 'hunter22' }", "headers.helicone-auth"),
            ("headers = { x-team = 'sk-proj-hunter22hunter22' }", "headers.x-team"),
            ("headers = { x-team = 'Bearer ghp_a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8' }", "headers.x-team"),
            ("base_url = 'https://user:hunter22@host/v1'", "base_url"),
            ("base_url = 'https://hunter22@host/v1'", "base_url"),
            ("base_url = 'https://host/v1?key=AIzahunter22hunter22'", "base_url"),
            ("api_key = 'hunter22'", "api_key"),
            ("key = 'sk-hunter22hunter22'", "key"),
            ("key = ['tool', '--token', 'gsk_hunter22hunter22']", "key"),
            ("env = { OPENAI_API_KEY = 'hunter22' }", "env.OPENAI_API_KEY"),
            ("env = { GH_TOKEN = 'hunter22' }", "env.GH_TOKEN"),
            ("env = { HTTPS_PROXY = 'http://me:hunter22@proxy:8080' }", "env.HTTPS_PROXY"),
            ("run = \"FOO=sk-hunter22hunter22 tool --acp\"", "run"),
            ("run = ['tool', '--key=sk-hunter22hunter22']", "run"),
            ("a = { b = [{ c = { secret = 'hunter22' } }] }", "a.b.c.secret"),
        ] {
            check(text, Some(path));
        }
    }

    #[test]
    fn a_key_that_is_named_is_none_and_neither_is_what_only_sounds_like_one() {
        for text in [
            "headers = { authorization = 'Bearer env:WORK_KEY', x-api-key = 'pass:ai/work' }",
            "env = { OPENAI_API_KEY = 'env:WORK_KEY' }",
            "env = { MAX_OUTPUT_TOKENS = '32000', USE_TOKEN = 'true', API_KEY_FILE = '/run/secrets/x', EMPTY_KEY = '' }",
            "env = { TOKENIZERS_PARALLELISM = 'false', KEYBOARD = 'us', ANTHROPIC_BASE_URL = '{door}' }",
            "headers = { x-team = 'shop', x-session-id = 'night', anthropic-beta = 'context-1m-2025-08-07' }",
            "base_url = 'https://host:8443/v1/a@b'",
            "key = 'none'",
            "key = 'gh'",
            "key = 'op://Work/LLM/credential'",
            "key = ['my-tool', 'print-key']",
            "key_for = 'openai'",
            "run = ['git', 'clone', 'ssh://git@host/a']",
            "max_session_tokens = 7",
            "models = ['work/sk-small']",
        ] {
            check(text, None);
        }
    }
}
