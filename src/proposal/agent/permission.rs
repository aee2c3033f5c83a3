//! What an agent that asks first is answered: by what it is about to do and the kind of each option, never by their words.

use std::path::{Component, Path};

use serde_json::{Value, json};

use super::wire::{OptionKind, Permission, ToolCall, ToolKind};
use crate::infrastructure::hosts::AllowedHosts;

/// The answer, and why: a line of the transcript.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Answered {
    pub(super) outcome: Value,
    pub(super) line: String,
}

/// Answers `asked`, which is about `what`, for work in the folder that the agent sees as `shown`.
///
/// What stays in the sandbox is allowed once: it can do no harm that the sandbox does not hold, and the change is
/// reviewed. What names a path outside the folder or a host that its user did not allow is rejected.
pub(super) fn answer(asked: &Permission, what: &str, shown: &Path, hosts: &AllowedHosts) -> Answered {
    let call = &asked.tool_call;
    let against = outside(call, shown).or_else(|| far(call, hosts));
    let wanted = match against {
        None => [OptionKind::AllowOnce, OptionKind::AllowAlways],
        Some(_) => [OptionKind::RejectOnce, OptionKind::RejectAlways],
    };
    let chosen = wanted.iter().find_map(|kind| asked.options.iter().find(|option| option.kind == *kind));
    let outcome = match chosen {
        Some(option) => json!({"outcome": {"outcome": "selected", "optionId": option.option_id}}),
        None => json!({"outcome": {"outcome": "cancelled"}}),
    };
    let line = match (against, chosen) {
        (None, Some(_)) => format!("[paraph: allowed once: {what}]"),
        (None, None) => format!("[paraph: not allowed: {what}: no option that is known allows it]"),
        (Some(why), _) => format!("[paraph: rejected: {what}: {why}]"),
    };
    Answered { outcome, line }
}

/// A path outside the folder that the call is about.
fn outside(call: &ToolCall, shown: &Path) -> Option<String> {
    let located = call.locations.iter().flatten().map(|location| location.path.as_str());
    let named = ["path", "file_path", "filePath", "abs_path", "notebook_path"];
    let given = call.raw_input.as_ref();
    let given = named.iter().filter_map(move |name| given?.get(name)?.as_str());
    let mut paths = located.chain(given).filter(|path| !path.is_empty());
    paths.find(|path| !is_inside(Path::new(path), shown)).map(|path| format!("{path} is outside the worktree"))
}

/// Whether `path`, relative to the folder where it is not absolute, stays in it by its words alone.
fn is_inside(path: &Path, shown: &Path) -> bool {
    let below = if path.is_absolute() { path.strip_prefix(shown) } else { Ok(path) };
    below.is_ok_and(|below| below.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir)))
}

/// A host that the call is about and nobody allowed.
fn far(call: &ToolCall, hosts: &AllowedHosts) -> Option<String> {
    let given = call.raw_input.as_ref();
    let url = ["url", "uri", "href"].iter().find_map(|name| given?.get(name)?.as_str());
    match (url, call.kind) {
        (Some(url), _) => {
            let host = host_of(url);
            let allowed = host.is_some_and(|host| hosts.names(host));
            (!allowed).then(|| format!("{} is not an allowed host", host.unwrap_or(url)))
        }
        (None, Some(ToolKind::Fetch)) => Some("it does not say which host it fetches from".to_owned()),
        (None, _) => None,
    }
}

fn host_of(url: &str) -> Option<&str> {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#', '\\']).next()?;
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let host = host.split(':').next()?;
    (!host.is_empty()).then_some(host)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: &str = r#"[{"optionId":"aa","name":"No","kind":"allow_always"},{"optionId":"ao","name":"No","kind":"allow_once"},
        {"optionId":"ro","name":"Yes","kind":"reject_once"}]"#;

    #[track_caller]
    fn check(call: &str, options: &str, expected: &str) {
        let asked = format!(r#"{{"sessionId":"s","toolCall":{call},"options":{options}}}"#);
        let asked: Permission = serde_json::from_str(&asked).expect("reads");
        let hosts = AllowedHosts::new(["ok.org"]).expect("hosts");
        let answered = answer(&asked, "it", Path::new("/w"), &hosts);
        let outcome = &answered.outcome["outcome"];
        let chosen = outcome["optionId"].as_str().or(outcome["outcome"].as_str());
        assert_eq!(chosen, Some(expected), "{call}: {}", answered.line);
    }

    #[test]
    fn what_stays_inside_is_allowed_once() {
        check(r#"{"toolCallId":"1","kind":"edit","locations":[{"path":"/w/a.py"}]}"#, ALL, "ao");
        check(r#"{"toolCallId":"1","kind":"execute","title":"rm -rf /","rawInput":{"command":"rm -rf /"}}"#, ALL, "ao");
        check(r#"{"toolCallId":"1"}"#, ALL, "ao");
        check(r#"{"toolCallId":"1","kind":"edit","rawInput":{"path":"src/../a.py"}}"#, ALL, "ro");
        check(r#"{"toolCallId":"1","kind":"edit"}"#, r#"[{"optionId":"x","name":"","kind":"allow_always"}]"#, "x");
    }

    #[test]
    fn what_leads_outside_is_rejected() {
        check(r#"{"toolCallId":"1","kind":"edit","locations":[{"path":"/etc/passwd"}]}"#, ALL, "ro");
        check(r#"{"toolCallId":"1","kind":"read","locations":[{"path":"/w/../x"}]}"#, ALL, "ro");
        check(r#"{"toolCallId":"1","kind":"edit","locations":[{"path":"/wide/x"}]}"#, ALL, "ro");
        check(r#"{"toolCallId":"1","kind":"edit","rawInput":{"file_path":"/root/.ssh/id"}}"#, ALL, "ro");
        check(
            r#"{"toolCallId":"1","kind":"edit","locations":[{"path":"/x"}]}"#,
            r#"[{"optionId":"x","name":"","kind":"allow_once"}]"#,
            "cancelled",
        );
    }

    #[test]
    fn hosts_count_and_words_do_not() {
        check(r#"{"toolCallId":"1","kind":"fetch","rawInput":{"url":"https://ok.org/x"}}"#, ALL, "ao");
        check(r#"{"toolCallId":"1","kind":"fetch","rawInput":{"url":"https://ok.org@evil.net/x"}}"#, ALL, "ro");
        check(r#"{"toolCallId":"1","kind":"fetch","rawInput":{"url":"https://ok.org.evil.net"}}"#, ALL, "ro");
        check(r#"{"toolCallId":"1","kind":"fetch"}"#, ALL, "ro");
        check(r#"{"toolCallId":"1","kind":"other","rawInput":{"url":"http://10.0.0.1/"}}"#, ALL, "ro");
        check(
            r#"{"toolCallId":"1","kind":"edit"}"#,
            r#"[{"optionId":"x","name":"Allow","kind":"allow_for_ever"}]"#,
            "cancelled",
        );
    }
}
