//! How much a request may say. A journal line holds 1 MiB and every screen shows goals whole, so what is larger than a
//! person would write is refused with words, before anything is done.

use std::collections::BTreeMap;

use crate::api::{ALLOWED_VARIABLE_PREFIX, ALLOWED_VARIABLES, Failure, FailureKind, Request};
use crate::planning::IssueSource;
use crate::proposal::ProgramChoice;

/// The longest goal, message, comment or reason, in bytes: an issue with its whole discussion.
const LONGEST_TEXT: usize = 64 * 1024;
/// The most repositories of a session: their digests still fit one row of the store.
const MOST_REPOSITORIES: usize = 50;
/// The most rules, or globs.
const MOST_NAMES: usize = 500;
/// The most sessions that are compared at once.
const MOST_COMPARED: usize = 50;
/// The longest rule id, glob, name or revision, in bytes.
const LONGEST_NAME: usize = 4096;
/// The most hunks that are marked at once: some 670 KiB of digests.
const MOST_HUNKS: usize = 10_000;
/// The longest hunk that a person edits, in bytes: some ten thousand lines.
const LONGEST_EDIT: usize = 512 * 1024;
/// The longest log that is handed in, in bytes: both ends of a CI run.
const LONGEST_LOG: usize = 256 * 1024;
/// The longest variable, in bytes: a PATH with hundreds of folders.
const LONGEST_VARIABLE: usize = 32 * 1024;

/// Refuses what is too much.
pub(super) fn check(request: &Request) -> Result<(), Failure> {
    match request {
        Request::Estimate(asked) => check(&Request::Run(asked.run.clone())),
        Request::Run(run) => {
            text("goal", &run.goal)?;
            no_nul("goal", &run.goal)?;
            run.issue.iter().try_for_each(|read| issue(read))?;
            number("repositories", run.repositories.len(), MOST_REPOSITORIES)?;
            names("rules", &run.rules)?;
            names("paths", &run.paths)?;
            program(run.program.as_ref())?;
            run.candidates.iter().try_for_each(|one| {
                names("rules", &one.rules)?;
                name("model", one.model.as_deref().unwrap_or_default())?;
                program(one.program.as_ref())
            })?;
            run.paths.iter().try_for_each(|glob| is_glob(glob))?;
            run.repositories.iter().try_for_each(|lane| name("repository", &lane.source.to_string()))
        }
        Request::Adopt(adopt) => {
            text("goal", adopt.goal.as_deref().unwrap_or_default())?;
            name("repository", &adopt.source.to_string())
        }
        Request::Comment(comment) => text("comment", &comment.text),
        Request::Draft(draft) => text("comment", &draft.comment.text),
        Request::Derive(asked) => {
            let hunks = asked.exclude.iter().map(|file| file.hunks.len().max(1)).sum();
            let edit = asked.edit.as_ref().map_or("", |edit| &edit.diff);
            number("hunks", hunks, MOST_HUNKS)?;
            if edit.len() <= LONGEST_EDIT {
                return Ok(());
            }
            let message = format!("the edited hunk has {} bytes; the most is {LONGEST_EDIT}", edit.len());
            Err(usage(message, "paraph regenerate ID --patch FILE"))
        }
        Request::Monitor(asked) => {
            let bytes = asked.log.as_deref().map_or(0, str::len);
            let message = || format!("the log has {bytes} bytes; the most is {LONGEST_LOG}");
            if bytes <= LONGEST_LOG { Ok(()) } else { Err(usage(message(), "hand in its beginning and its end")) }
        }
        Request::Steer(asked) => text("message", &asked.text),
        Request::Decide(decide) => text("message", &decide.message),
        Request::Triage(asked) => text("message", &asked.message),
        Request::Rewrite(asked) => text("message", &asked.message),
        Request::Tick(asked) => text("message", &asked.message).and_then(|()| name("criterion", &asked.criterion)),
        Request::Override(asked) => text("message", &asked.message).and_then(|()| name("rule", &asked.rule)),
        Request::Regenerate(asked) => {
            text("message", &asked.message)?;
            names("rules", &asked.rules)?;
            program(asked.program.as_ref())
        }
        Request::Compare(asked) => number("sessions", asked.sessions.len(), MOST_COMPARED),
        Request::Mark(mark) => number("hunks", mark.hunks.len(), MOST_HUNKS),
        _ => Ok(()),
    }
}

/// Of what a client sent, the variables that are on the list and of sane size: a client is never trusted to have chosen.
pub(super) fn environment(sent: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let listed = |name: &str| ALLOWED_VARIABLES.contains(&name) || is_locale(name);
    let fits = |value: &str| value.len() <= LONGEST_VARIABLE && !value.contains('\0');
    sent.iter()
        .filter(|(name, value)| listed(name) && fits(value))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

/// `LC_ALL`, `LC_CTYPE` and their kin; no name of another shape.
fn is_locale(name: &str) -> bool {
    let rest = name.strip_prefix(ALLOWED_VARIABLE_PREFIX);
    rest.is_some_and(|rest| (1..=20).contains(&rest.len()) && rest.bytes().all(|byte| byte.is_ascii_uppercase()))
}

fn usage(message: String, hint: &str) -> Failure {
    Failure::new(FailureKind::Usage, message).hint(hint)
}

fn text(what: &str, text: &str) -> Result<(), Failure> {
    if text.len() <= LONGEST_TEXT {
        return Ok(());
    }
    let message = format!("the {what} has {} bytes; the most is {LONGEST_TEXT}", text.len());
    Err(usage(message, "say it in fewer words, and put long texts into a file of the repository"))
}

/// Neither a commit's message nor a program's variable can hold one.
fn no_nul(what: &str, text: &str) -> Result<(), Failure> {
    if text.contains('\0') {
        Err(usage(format!("the {what} holds a NUL"), "paraph run \"what shall change\""))
    } else {
        Ok(())
    }
}

/// What is recorded of an issue beside its text is short.
fn issue(issue: &IssueSource) -> Result<(), Failure> {
    name("issue", issue.url.raw())?;
    name("forge", issue.forge.raw())?;
    name("state", issue.state.raw())?;
    name("title", issue.title.raw())?;
    number("labels", issue.labels.len(), MOST_NAMES)?;
    issue.labels.iter().try_for_each(|label| name("label", label.raw()))
}

fn program(choice: Option<&ProgramChoice>) -> Result<(), Failure> {
    let Some(choice) = choice else { return Ok(()) };
    name("program", &choice.name)?;
    number("hosts", choice.hosts.len(), MOST_NAMES)?;
    choice.hosts.iter().try_for_each(|host| name("host", host))
}

fn number(what: &str, found: usize, most: usize) -> Result<(), Failure> {
    let message = || format!("{found} {what} are too many; the most is {most}");
    if found <= most { Ok(()) } else { Err(usage(message(), "split it into several requests")) }
}

fn name(what: &str, name: &str) -> Result<(), Failure> {
    let message = || format!("the name of a {what} has {} bytes; the most is {LONGEST_NAME}", name.len());
    if name.len() <= LONGEST_NAME { Ok(()) } else { Err(usage(message(), "paraph help run")) }
}

fn names(what: &str, listed: &[String]) -> Result<(), Failure> {
    number(what, listed.len(), MOST_NAMES)?;
    listed.iter().try_for_each(|listed| name(what, listed))
}

/// A glob is tried before a session is made of it.
fn is_glob(glob: &str) -> Result<(), Failure> {
    if glob.is_empty() {
        return Err(usage("an empty path fits nothing".to_owned(), "--path 'src/**', or no --path for all of it"));
    }
    match globset::Glob::new(glob) {
        Ok(_) => Ok(()),
        Err(error) => Err(usage(format!("`{glob}` is no glob: {}", error.kind()), "--path 'src/**/*.rs'")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn kept(name: &str, value: &str, expected: bool) {
        let sent = BTreeMap::from([(name.to_owned(), value.to_owned())]);
        assert_eq!(environment(&sent).contains_key(name), expected, "{name}");
    }

    #[test]
    fn only_listed_variables_of_sane_size_are_kept() {
        kept("PATH", "/usr/bin", true);
        kept("JAVA_HOME", "/opt/jdk", true);
        kept("LC_CTYPE", "C.UTF-8", true);
        kept("LC_", "x", false);
        kept("LC_ALL; rm", "x", false);
        kept("LD_PRELOAD", "/tmp/evil.so", false);
        kept("OPENAI_API_KEY", "sk-1", false);
        kept("SSH_AUTH_SOCK", "/tmp/agent", false);
        kept("GIT_CONFIG_GLOBAL", "/tmp/config", false);
        kept("PATH", &"x".repeat(LONGEST_VARIABLE + 1), false);
        kept("PATH", "/bin\0/sbin", false);
    }

    #[track_caller]
    fn refused(candidate: &serde_json::Value, expected: Option<&str>) {
        let candidates = [candidate, &serde_json::json!({ "engine": "rules" })];
        let run = serde_json::json!({ "goal": "tidy up", "repositories": [], "candidates": candidates });
        let run = serde_json::from_value(run).expect("a request");
        let message = check(&Request::Run(run)).err().map(|failure| failure.message);
        assert_eq!(message.as_deref(), expected, "{candidate}");
    }

    #[test]
    fn names_of_candidates_are_as_short_as_others() {
        let long = "x".repeat(LONGEST_NAME + 1);
        let program = |name: &str, hosts: &[&str]| serde_json::json!({ "engine": "command", "program": { "name": name, "hosts": hosts } });
        refused(&program("ruff", &["a.example"]), None);
        refused(&program(&long, &[]), Some("the name of a program has 4097 bytes; the most is 4096"));
        refused(&program("ruff", &[&long]), Some("the name of a host has 4097 bytes; the most is 4096"));
        refused(&program("ruff", &["a"; 501]), Some("501 hosts are too many; the most is 500"));
        let model = serde_json::json!({ "engine": "llm", "model": long });
        refused(&model, Some("the name of a model has 4097 bytes; the most is 4096"));
    }

    #[track_caller]
    fn glob(text: &str, expected: bool) {
        assert_eq!(is_glob(text).is_ok(), expected, "{text}");
    }

    #[test]
    fn globs_are_tried_before_a_session_starts() {
        glob("src/**/*.rs", true);
        glob("src", true);
        glob("a[", false);
        glob("", false);
        glob("{a,b", false);
    }
}
