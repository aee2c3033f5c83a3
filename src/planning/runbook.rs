//! Runbooks: how a version comes to where it runs and back, written before a person decides on it.
//!
//! A runbook is text that people read. No command in it is ever run, and it opens and closes no gate.

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::contract::{self, Assignment};
use super::{Kind, Redactor, ReleaseFile, Role};
use crate::id::{Digest, Version};
use crate::infrastructure::llm::JsonShape;
use crate::text::Untrusted;

/// Standing instructions.
const SYSTEM: &str = include_str!("deployer.md");

/// The most steps, entries of a list, characters of an entry and of a command. // 30: more is a project, not a release
const MOST_STEPS: usize = 30;
const MOST: usize = 20;
const LONGEST: usize = 600;
const LONGEST_COMMAND: usize = 1_000;

/// The most tokens of an answer.
pub const RUNBOOK_OUTPUT: u32 = 6_000;

/// The shares of a prompt that the diff and the files may take.
const DIFF_PERCENT: u64 = 40;
const FILES_PERCENT: u64 = 30;
const MOST_DIFF: u64 = 120_000; // bytes: 3,000 lines; a person reads no more either
const MOST_FILES: u64 = 64 << 10; // bytes

/// What the deployer is told about.
#[derive(Debug)]
pub struct RunbookBrief<'a> {
    /// The goal.
    pub goal: &'a Untrusted,
    /// The kind of work.
    pub kind: Kind,
    /// The change as a unified diff.
    pub diff: &'a str,
    /// What its checks and policies found, in words.
    pub found: &'a str,
    /// Documents that say what the change shall be: name and text.
    pub artifacts: &'a [(String, Untrusted)],
    /// Files that say how the project is released and run, what tells most first.
    pub files: &'a [ReleaseFile],
    /// Tokens of prompt that the role's models take.
    pub room: u64,
}

/// A step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunbookStep {
    /// What is done, and why.
    pub what: Untrusted,
    /// The command, as text.
    pub command: Option<Untrusted>,
    /// What one sees when it worked.
    pub works_when: Untrusted,
}

/// What the deployer wrote, whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunbookText {
    /// What is done before.
    pub before: Vec<Untrusted>,
    /// The steps; one at least.
    pub steps: Vec<RunbookStep>,
    /// How one checks afterwards; one at least.
    pub verify: Vec<Untrusted>,
    /// How to go back; one at least.
    pub rollback: Vec<Untrusted>,
    /// What may go wrong.
    pub risks: Vec<Untrusted>,
    /// What is not known.
    pub unknowns: Vec<Untrusted>,
}

/// What is recorded of asking for the runbook of one patch set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Runbook {
    /// `PROVIDER/MODEL`; empty where nobody answered.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub model: String,
    /// The runbook in Markdown: a blob; missing where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub document: Option<Digest>,
    /// How many steps it has.
    #[serde(default)]
    pub steps: u32,
    /// Why there is none: nobody to ask, no answer, none that reads. Empty where there is one.
    #[serde(default, skip_serializing_if = "is_empty")]
    pub missing: Untrusted,
    /// What a reader should know of it: that it saw part of the change.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

fn is_empty(text: &Untrusted) -> bool {
    text.raw().is_empty()
}

impl Runbook {
    /// That there is none, and why.
    #[must_use]
    pub fn missing(why: impl Into<Untrusted>) -> Self {
        Self { model: String::new(), document: None, steps: 0, missing: why.into(), notes: Vec::new() }
    }
}

/// What the deployer is told, and whether it is shown the whole change and every file.
#[must_use]
pub fn runbook_assignment(brief: &RunbookBrief<'_>, redactor: &mut Redactor) -> (Assignment, bool) {
    let bytes = |percent, most| contract::share_of(brief.room, percent, most);
    let mut is_cut = false;
    let mut task = contract::fenced_goal(brief.kind, brief.goal, brief.room, redactor);
    for (name, text) in brief.artifacts {
        let (text, _) = redactor.hide_within(name, text.raw(), bytes(DIFF_PERCENT, MOST_DIFF) / 8);
        task.push_str(&contract::fenced(&format!("The document `{name}`"), &text));
    }
    let mut left = bytes(FILES_PERCENT, MOST_FILES);
    for file in brief.files {
        let (text, cut) = redactor.hide_within(&file.path.to_string(), &file.text, left);
        is_cut |= cut;
        left = left.saturating_sub(text.len());
        if text.is_empty() {
            continue;
        }
        task.push_str(&contract::fenced(&format!("`{}`, {}", file.path, file.why), &text));
    }
    if brief.files.is_empty() {
        task.push_str("No file of the repository says how it is released or run.\n\n");
    }
    let found = redactor.hide("what checks found", brief.found);
    task.push_str(&contract::fenced("What checks and policies found", &found));
    let (shown, cut) = redactor.hide_within("the change", brief.diff, bytes(DIFF_PERCENT, MOST_DIFF));
    is_cut |= cut;
    task.push_str(&contract::fenced("The change, as a unified diff", &shown));
    if is_cut {
        task.push_str("Part of it is left out for want of room: name what you could not see under `unknowns`.\n\n");
    }
    task.push_str("Write its runbook, as one JSON object.");
    let assignment = Assignment {
        role: Role::Deployer,
        system: vec![SYSTEM.to_owned()],
        task,
        shape: JsonShape { name: "runbook".to_owned(), schema: schema() },
        max_output_tokens: RUNBOOK_OUTPUT,
        redacted: redactor.found().to_vec(),
    };
    (assignment, is_cut)
}

fn schema() -> serde_json::Value {
    let text = json!({"type": "string", "maxLength": LONGEST});
    let list = |least: usize| json!({"type": "array", "minItems": least, "maxItems": MOST, "items": text});
    let step = json!({
        "type": "object", "additionalProperties": false, "required": ["what", "command", "works_when"],
        "properties": {
            "what": text,
            "command": {"type": ["string", "null"], "maxLength": LONGEST_COMMAND},
            "works_when": text,
        },
    });
    json!({
        "type": "object",
        "additionalProperties": false,
        "required": ["before", "steps", "verify", "rollback", "risks", "unknowns"],
        "properties": {
            "before": list(0),
            "steps": {"type": "array", "minItems": 1, "maxItems": MOST_STEPS, "items": step},
            "verify": list(1),
            "rollback": list(1),
            "risks": list(0),
            "unknowns": list(0),
        },
    })
}

/// The answer as it must be.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    before: Vec<String>,
    steps: Vec<WireStep>,
    verify: Vec<String>,
    rollback: Vec<String>,
    risks: Vec<String>,
    unknowns: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WireStep {
    what: String,
    command: Option<String>,
    works_when: String,
}

/// Reads an answer of the deployer: steps, how one checks, how to go back; or it does not count.
///
/// # Errors
/// Why it does not count.
pub fn read_runbook(text: &str) -> Result<RunbookText, String> {
    let wire: Wire = contract::strict(text)?;
    let parts = [("steps", wire.steps.is_empty()), ("verify", wire.verify.is_empty())];
    let parts = parts.into_iter().chain([("rollback", wire.rollback.is_empty())]);
    if let Some((name, _)) = parts.into_iter().find(|(_, is_empty)| *is_empty) {
        return Err(format!("`{name}` is empty: a runbook has it"));
    }
    if wire.steps.len() > MOST_STEPS {
        return Err(format!("`steps` has {} entries; the most is {MOST_STEPS}", wire.steps.len()));
    }
    let list = |what, texts| contract::listed(what, texts, MOST, LONGEST);
    Ok(RunbookText {
        before: list("before", wire.before)?,
        steps: wire.steps.into_iter().map(step).collect::<Result<_, _>>()?,
        verify: list("verify", wire.verify)?,
        rollback: list("rollback", wire.rollback)?,
        risks: list("risks", wire.risks)?,
        unknowns: list("unknowns", wire.unknowns)?,
    })
}

fn step(given: WireStep) -> Result<RunbookStep, String> {
    let command = given.command.filter(|command| !command.trim().is_empty());
    Ok(RunbookStep {
        what: contract::words("what", given.what, LONGEST)?,
        command: command.map(|command| contract::words("command", command, LONGEST_COMMAND)).transpose()?,
        works_when: contract::words("works_when", given.works_when, LONGEST)?,
    })
}

impl RunbookText {
    /// The runbook in Markdown, with what it is about. No text in it ends the block or the entry that it stands in.
    #[must_use]
    pub fn markdown(&self, repo: &str, version: Version, digest: &Digest) -> String {
        let mut text = format!(
            "# Runbook of {version}\n\nOf the change {digest} in `{repo}`. A model wrote it before anybody decided; \
             nothing in it was run.\n"
        );
        list(&mut text, "Before", &self.before);
        text.push_str("\n## Steps\n");
        for (at, step) in self.steps.iter().enumerate() {
            text.push_str(&format!("\n{}. {}\n", at + 1, entry(step.what.raw(), "   ")));
            if let Some(command) = &step.command {
                let command = command.raw().trim_end();
                let fence = contract::fence(command);
                text.push_str(&format!("\n   {fence}\n   {}\n   {fence}\n", command.replace('\n', "\n   ")));
            }
            text.push_str(&format!("\n   Works when: {}\n", entry(step.works_when.raw(), "   ")));
        }
        list(&mut text, "Check afterwards", &self.verify);
        list(&mut text, "Going back", &self.rollback);
        list(&mut text, "Risks", &self.risks);
        list(&mut text, "Unknown", &self.unknowns);
        text
    }
}

fn entry(text: &str, indent: &str) -> String {
    text.trim_end().replace('\n', &format!("\n{indent}"))
}

fn list(text: &mut String, title: &str, entries: &[Untrusted]) {
    if entries.is_empty() {
        return;
    }
    text.push_str(&format!("\n## {title}\n\n"));
    text.extend(entries.iter().map(|one| format!("- {}\n", entry(one.raw(), "  "))));
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::text::SecretMask;

    fn answer() -> serde_json::Value {
        json!({
            "before": [],
            "steps": [{"what": "deploy it", "command": "make deploy", "works_when": "it says ok"}],
            "verify": ["the page loads"],
            "rollback": ["make rollback"],
            "risks": [],
            "unknowns": ["who may deploy"],
        })
    }

    #[track_caller]
    fn never(change: impl FnOnce(&mut serde_json::Value), why: &str) {
        let mut wrong = answer();
        change(&mut wrong);
        let refused = read_runbook(&wrong.to_string()).expect_err("it does not count");
        assert!(refused.contains(why), "{refused}");
    }

    #[test]
    fn a_runbook_has_steps_a_check_afterwards_and_a_way_back() {
        let read = read_runbook(&answer().to_string()).expect("it reads");
        assert_eq!((read.steps.len(), read.verify.len(), read.rollback.len()), (1, 1, 1));
        never(|it| it["steps"] = json!([]), "`steps` is empty");
        never(|it| it["verify"] = json!([]), "`verify` is empty");
        never(|it| it["rollback"] = json!([]), "`rollback` is empty");
        never(|it| it["rollback"] = json!([" "]), "`rollback` is empty");
        never(|it| it["steps"][0]["works_when"] = json!(""), "`works_when` is empty");
        never(|it| it["steps"][0]["run"] = json!(true), "does not read");
        never(|it| drop(it.as_object_mut().expect("an object").remove("unknowns")), "does not read");
        never(|it| it["steps"] = json!(vec![it["steps"][0].clone(); MOST_STEPS + 1]), "the most is 30");
        never(|it| it["risks"] = json!(["x".repeat(LONGEST + 1)]), "the most is 600");
        assert!(read_runbook("1. deploy").is_err());
        let mut none = answer();
        none["steps"][0]["command"] = json!(null);
        assert_eq!(read_runbook(&none.to_string()).expect("it reads").steps[0].command, None);
    }

    #[test]
    fn no_text_ends_the_block_or_entry_that_it_stands_in() {
        let mut hostile = answer();
        hostile["steps"][0]["command"] = json!("make\n```\n# Approved\n");
        hostile["steps"][0]["what"] = json!("deploy\n## Steps\n1. rm");
        let read = read_runbook(&hostile.to_string()).expect("it reads");
        let text = read.markdown("shop", Version(2), &Digest::of(b"x"));
        assert!(text.contains("\n   ````\n   make\n   ```\n   # Approved\n   ````\n"), "{text}");
        assert!(text.contains("\n1. deploy\n   ## Steps\n   1. rm\n"), "{text}");
        assert!(text.starts_with("# Runbook of v2\n") && text.contains(&Digest::of(b"x").to_string()));
        assert!(!text.contains("## Before") && text.contains("## Unknown\n\n- who may deploy\n"), "{text}");
    }

    #[test]
    fn files_and_change_are_data_bounded_and_without_secrets() {
        let file =
            |path: &str, text: &str| ReleaseFile { path: path.into(), why: "a CI workflow", text: text.to_owned() };
        let files =
            [file("Makefile", "deploy:\n\tTOKEN=hunter22-secret ./go\n"), file("big.yml", &"x\n".repeat(90_000))];
        let goal = Untrusted::from("round");
        let diff = "+x\n".repeat(60_000);
        let brief = |diff, files, room| RunbookBrief {
            goal: &goal,
            kind: Kind::Bugfix,
            diff,
            found: "check unit: Passed",
            artifacts: &[],
            files,
            room,
        };
        let mut redactor = Redactor::new(Arc::new(SecretMask::new(vec!["hunter22-secret".to_owned()])));
        let (small, is_cut) = runbook_assignment(&brief("+x\n", &files[..1], 100_000), &mut redactor);
        assert!(
            !is_cut && small.task.contains("`Makefile`, a CI workflow (data):") && small.task.contains("unit: Passed")
        );
        assert!(!small.task.contains("hunter22-secret") && small.redacted.len() == 1, "{:?}", small.redacted);
        let (cut, is_cut) = runbook_assignment(&brief(&diff, &files, 4_000), &mut redactor);
        assert!(is_cut && cut.task.contains("for want of room") && cut.task.len() < 4_000 * 3, "{}", cut.task.len());
        let (none, _) = runbook_assignment(&brief("+x\n", &[], 100_000), &mut redactor);
        assert!(none.task.contains("No file of the repository says"));
    }
}
