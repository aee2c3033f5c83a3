//! What a model says of a change after it was published: a word, what shows it, what to look at next. It moves nothing.
//!
//! What it says it was shown is looked up in what it was shown: a quotation that is not there is marked as such. Evidence
//! is a list of named texts, so that what a forge says of its CI one day comes as one more of them.

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::contract::{self, Assignment};
use super::{Kind, Redactor, Role};
use crate::id::{Digest, Version};
use crate::infrastructure::llm::JsonShape;
use crate::text::{Untrusted, counted, shell_word};

/// Standing instructions.
const SYSTEM: &str = include_str!("monitor.md");

/// The most findings, things to look at and goals; characters of an entry and of a goal.
const MOST_FINDINGS: usize = 12;
const MOST_NEXT: usize = 8;
const MOST_FOLLOW_UPS: usize = 3;
const LONGEST: usize = 600;
const LONGEST_GOAL: usize = 300;

/// The fewest characters that show anything: fewer stand in every text.
const LEAST_QUOTE: usize = 8;

/// The most tokens of an answer.
pub const MONITOR_OUTPUT: u32 = 4_000;

/// The shares of a prompt that evidence and documents may take.
const EVIDENCE_PERCENT: u64 = 55;
const DOCUMENTS_PERCENT: u64 = 25;
const MOST_EVIDENCE: u64 = 128 << 10; // bytes
const MOST_DOCUMENTS: u64 = 64 << 10; // bytes

/// How what was published fares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum MonitorWord {
    /// It works where it runs, as far as what was given shows.
    Healthy,
    /// Something is worse than it should be.
    Degraded,
    /// Nothing shows either.
    Unclear,
}

impl MonitorWord {
    /// The word in answers and on screens.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Healthy => "healthy",
            Self::Degraded => "degraded",
            Self::Unclear => "unclear",
        }
    }
}

/// Whether a quotation is in what was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Quoted {
    /// Word for word; how it is broken into lines does not count.
    Found,
    /// It is not there: the finding rests on nothing that was given.
    NotFound,
}

/// Something that the monitor sees.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct MonitorFinding {
    /// What.
    pub what: Untrusted,
    /// The words that show it.
    pub quote: Untrusted,
    /// Whether they are in what it was given.
    pub quoted: Quoted,
}

/// What the monitor says, whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct MonitorReport {
    /// Its word.
    pub word: MonitorWord,
    /// What it sees.
    pub findings: Vec<MonitorFinding>,
    /// What to look at next.
    pub next: Vec<Untrusted>,
    /// Goals that would mend it; nothing starts by itself.
    pub follow_ups: Vec<Untrusted>,
}

/// Why nothing was said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Unsaid {
    /// Nobody answered, or nothing that reads.
    NoAnswer,
    /// The next call could have taken more than is left.
    BudgetSpent,
}

/// What is recorded of asking the monitor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "said", rename_all = "kebab-case")]
pub enum Monitored {
    /// It said something.
    Report {
        /// `PROVIDER/MODEL`.
        model: String,
        /// What.
        report: MonitorReport,
        /// The same in Markdown: a blob.
        document: Digest,
        /// What a reader should know of it: that it saw a part.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        notes: Vec<String>,
    },
    /// It did not.
    Nothing {
        /// What was missing.
        kind: Unsaid,
        /// Why, and what to do about it.
        why: Untrusted,
    },
}

impl Monitored {
    /// That nothing was said, and why.
    #[must_use]
    pub fn nothing(why: impl Into<Untrusted>) -> Self {
        Self::Nothing { kind: Unsaid::NoAnswer, why: why.into() }
    }

    /// What it said, where it did.
    #[must_use]
    pub fn report(&self) -> Option<&MonitorReport> {
        match self {
            Self::Report { report, .. } => Some(report),
            Self::Nothing { .. } => None,
        }
    }

    /// The report in Markdown, where there is one.
    #[must_use]
    pub fn document(&self) -> Option<Digest> {
        match self {
            Self::Report { document, .. } => Some(*document),
            Self::Nothing { .. } => None,
        }
    }
}

/// A text that shows how what was published fares, wherever it comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evidence {
    /// What it is, in a few words.
    pub name: String,
    /// The text.
    pub text: Untrusted,
}

/// What the monitor is told about.
#[derive(Debug)]
pub struct MonitorBrief<'a> {
    /// The goal.
    pub goal: &'a Untrusted,
    /// The kind of work.
    pub kind: Kind,
    /// What was published, in words: commit, branch, digest, files.
    pub published: &'a str,
    /// Documents of the session, its runbooks among them: name and text.
    pub artifacts: &'a [(String, Untrusted)],
    /// What there is since.
    pub evidence: &'a [Evidence],
    /// Tokens of prompt that the role's models take.
    pub room: u64,
}

/// What it was shown, by which its quotations are looked up.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Given {
    text: String,
    /// Whether part of what there is was left out.
    pub is_cut: bool,
}

impl Given {
    fn show(&mut self, task: &mut String, name: &str, text: &str, redactor: &mut Redactor) {
        let text = redactor.hide(name, text);
        task.push_str(&contract::fenced(name, &text));
        self.text.push_str(&text);
        self.text.push('\n');
    }

    /// Whether those words are in it, whatever blanks and line ends stand between them.
    #[must_use]
    pub fn holds(&self, quote: &str) -> bool {
        flat(&self.text).contains(&flat(quote))
    }
}

fn flat(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// What the monitor is told, and what of it can be quoted.
#[must_use]
pub fn monitor_assignment(brief: &MonitorBrief<'_>, redactor: &mut Redactor) -> (Assignment, Given) {
    let bytes = |percent, most| contract::share_of(brief.room, percent, most);
    let (mut task, mut given) = (String::new(), Given::default());
    given.show(&mut task, &format!("The goal, of kind {}", brief.kind.name()), brief.goal.raw(), redactor);
    let mut left = bytes(DOCUMENTS_PERCENT, MOST_DOCUMENTS);
    for (name, text) in brief.artifacts {
        let (text, is_cut) = redactor.hide_within(name, text.raw(), left.min(MOST_DOCUMENTS as usize / 4));
        given.is_cut |= is_cut;
        left = left.saturating_sub(text.len());
        if !text.is_empty() {
            given.show(&mut task, &format!("The document `{name}`"), &text, redactor);
        }
    }
    given.show(&mut task, "What was published", brief.published, redactor);
    let most = bytes(EVIDENCE_PERCENT, MOST_EVIDENCE) / brief.evidence.len().max(1);
    for evidence in brief.evidence {
        let whole = redactor.hide(&evidence.name, evidence.text.raw());
        let shown = ends(&whole, most);
        given.is_cut |= whole.len() > most;
        given.show(&mut task, &evidence.name, &shown, redactor);
    }
    if brief.evidence.is_empty() {
        task.push_str("Nothing was said, run or handed in since it was published.\n\n");
    }
    if given.is_cut {
        task.push_str("Part of it is left out for want of room.\n\n");
    }
    task.push_str("Say how it fares, as one JSON object.");
    let assignment = Assignment {
        role: Role::Monitor,
        system: vec![SYSTEM.to_owned()],
        task,
        shape: JsonShape { name: "monitor".to_owned(), schema: schema() },
        max_output_tokens: MONITOR_OUTPUT,
        redacted: redactor.found().to_vec(),
    };
    (assignment, given)
}

/// The first quarter and the end of a text, within `most` bytes, in whole lines where it has some.
#[must_use]
pub fn ends(text: &str, most: usize) -> String {
    if text.len() <= most {
        return text.to_owned();
    }
    let (head, _) = contract::within(text, most / 4);
    let head = head.rfind('\n').map_or(head, |end| &head[..=end]);
    let mut from = text.len() - (most - most / 4);
    while !text.is_char_boundary(from) {
        from += 1;
    }
    let tail = text[from..].find('\n').map_or(&text[from..], |end| &text[from + end + 1..]);
    let left_out = counted(text.len() - head.len() - tail.len(), "byte");
    format!("{head}… ({left_out} left out)\n{tail}")
}

fn schema() -> serde_json::Value {
    let text = json!({"type": "string", "maxLength": LONGEST});
    let finding = json!({
        "type": "object", "additionalProperties": false, "required": ["what", "quote"],
        "properties": {"what": text, "quote": {"type": "string", "minLength": LEAST_QUOTE, "maxLength": LONGEST}},
    });
    let goal = json!({"type": "string", "maxLength": LONGEST_GOAL});
    json!({
        "type": "object",
        "additionalProperties": false,
        "required": ["word", "findings", "next", "follow_ups"],
        "properties": {
            "word": {"type": "string", "enum": ["healthy", "degraded", "unclear"]},
            "findings": {"type": "array", "maxItems": MOST_FINDINGS, "items": finding},
            "next": {"type": "array", "maxItems": MOST_NEXT, "items": text},
            "follow_ups": {"type": "array", "maxItems": MOST_FOLLOW_UPS, "items": goal},
        },
    })
}

/// The answer as it must be.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    word: String,
    findings: Vec<WireFinding>,
    next: Vec<String>,
    follow_ups: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WireFinding {
    what: String,
    quote: String,
}

/// Reads an answer of the monitor: no quotation of it is looked up yet, so none is found.
///
/// # Errors
/// Why it does not count.
pub fn read_monitor(text: &str) -> Result<MonitorReport, String> {
    let wire: Wire = contract::strict(text)?;
    let word = match wire.word.as_str() {
        "healthy" => MonitorWord::Healthy,
        "degraded" => MonitorWord::Degraded,
        "unclear" => MonitorWord::Unclear,
        other => {
            let other: String = other.chars().take(40).collect();
            return Err(format!("`word` is `{other}`, not healthy, degraded or unclear"));
        }
    };
    if wire.findings.len() > MOST_FINDINGS {
        return Err(format!("`findings` has {} entries; the most is {MOST_FINDINGS}", wire.findings.len()));
    }
    if wire.findings.is_empty() && word != MonitorWord::Unclear {
        return Err(format!("`findings` is empty: nothing shows that it is {}", word.name()));
    }
    if wire.follow_ups.len() > MOST_FOLLOW_UPS {
        return Err(format!("`follow_ups` has {} entries; the most is {MOST_FOLLOW_UPS}", wire.follow_ups.len()));
    }
    Ok(MonitorReport {
        word,
        findings: wire.findings.into_iter().map(finding).collect::<Result<_, _>>()?,
        next: contract::listed("next", wire.next, MOST_NEXT, LONGEST)?,
        follow_ups: wire.follow_ups.into_iter().map(goal).collect::<Result<_, _>>()?,
    })
}

fn finding(given: WireFinding) -> Result<MonitorFinding, String> {
    if flat(&given.quote).chars().count() < LEAST_QUOTE {
        return Err(format!("`quote` has fewer than {LEAST_QUOTE} characters: quote more of the line"));
    }
    let quote = contract::words("quote", given.quote, LONGEST)?;
    Ok(MonitorFinding { what: contract::words("what", given.what, LONGEST)?, quote, quoted: Quoted::NotFound })
}

/// A goal is shown in a line that a person pastes into a shell: one line of characters that can be seen.
fn goal(given: String) -> Result<Untrusted, String> {
    let goal = contract::words("follow_ups", given.trim().to_owned(), LONGEST_GOAL)?;
    if goal.display_line().as_str() == goal.raw() {
        Ok(goal)
    } else {
        Err("a goal in `follow_ups` is not one line of characters that can be seen".to_owned())
    }
}

/// The command that starts a session for a goal in those repositories, to be typed by a person.
#[must_use]
pub fn run_line(goal: &str, repositories: &[String]) -> String {
    let named: String = repositories.iter().map(|repo| format!("--repo {} ", shell_word(repo))).collect();
    // a goal that looks like an option is none
    let dashes = if goal.starts_with('-') { "-- " } else { "" };
    let goal = shell_word(goal);
    let quoted = if goal.starts_with('\'') { goal } else { format!("'{goal}'") };
    format!("paraph run {named}{dashes}{quoted}")
}

impl MonitorReport {
    /// The same with every quotation looked up in what was given.
    #[must_use]
    pub fn checked(mut self, given: &Given) -> Self {
        for finding in &mut self.findings {
            finding.quoted = if given.holds(finding.quote.raw()) { Quoted::Found } else { Quoted::NotFound };
        }
        self
    }

    /// How many quotations are in nothing that was given.
    #[must_use]
    pub fn not_found(&self) -> usize {
        self.findings.iter().filter(|finding| finding.quoted == Quoted::NotFound).count()
    }

    /// The report in Markdown, with what it is about. No text in it ends the block or the entry that it stands in.
    #[must_use]
    pub fn markdown(&self, version: Version, repositories: &[String]) -> String {
        let mut text = format!(
            "# Monitor of {version}: {}\n\nA model says so. It changed nothing, and what follows from it is yours.\n",
            self.word.name()
        );
        let entry = |text: &str| text.trim_end().replace('\n', "\n  ");
        if !self.findings.is_empty() {
            text.push_str("\n## Findings\n");
        }
        for finding in &self.findings {
            let mark = match finding.quoted {
                Quoted::Found => "",
                Quoted::NotFound => "  **Not found in what it was given:**\n\n",
            };
            let quote = finding.quote.raw().trim();
            let fence = contract::fence(quote);
            let quote = quote.replace('\n', "\n  ");
            let what = entry(finding.what.raw());
            text.push_str(&format!("\n- {what}\n\n{mark}  {fence}\n  {quote}\n  {fence}\n"));
        }
        if !self.next.is_empty() {
            text.push_str("\n## Look at next\n\n");
            text.extend(self.next.iter().map(|next| format!("- {}\n", entry(next.raw()))));
        }
        if !self.follow_ups.is_empty() {
            text.push_str("\n## What would mend it\n\nNothing starts by itself:\n");
            for goal in &self.follow_ups {
                let line = run_line(goal.raw(), repositories);
                let fence = contract::fence(&line);
                text.push_str(&format!("\n{fence}\n{line}\n{fence}\n"));
            }
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::text::SecretMask;

    fn answer() -> serde_json::Value {
        json!({
            "word": "degraded",
            "findings": [{"what": "it times out", "quote": "ERROR  timeout after 30 s"}],
            "next": ["the gateway's log"],
            "follow_ups": ["raise the timeout of the cart"],
        })
    }

    #[track_caller]
    fn never(change: impl FnOnce(&mut serde_json::Value), why: &str) {
        let mut wrong = answer();
        change(&mut wrong);
        let refused = read_monitor(&wrong.to_string()).expect_err("it does not count");
        assert!(refused.contains(why), "{refused}");
    }

    #[test]
    fn a_word_is_one_of_three_and_rests_on_quotations() {
        assert_eq!(read_monitor(&answer().to_string()).expect("it reads").word, MonitorWord::Degraded);
        never(|it| it["word"] = json!("fine"), "not healthy, degraded or unclear");
        never(|it| it["findings"] = json!([]), "nothing shows that it is degraded");
        never(|it| it["findings"][0]["quote"] = json!("ok"), "fewer than 8 characters");
        never(|it| it["findings"][0]["quote"] = json!("a         b"), "fewer than 8 characters");
        never(|it| it["findings"][0]["found"] = json!(true), "does not read");
        never(|it| it["follow_ups"] = json!(["a", "b", "c", "d"]), "the most is 3");
        never(|it| drop(it.as_object_mut().expect("an object").remove("next")), "does not read");
        let mut unclear = answer();
        (unclear["word"], unclear["findings"]) = (json!("unclear"), json!([]));
        assert!(read_monitor(&unclear.to_string()).is_ok());
    }

    #[test]
    fn a_goal_is_one_line_that_can_be_seen() {
        for hostile in ["a\nb", "a\u{1b}[2Jb", "a\u{202e}b", "a\tb", "a\u{200b}b", ""] {
            never(|it| it["follow_ups"] = json!([hostile]), "`follow_ups`");
        }
        let mut fine = answer();
        fine["follow_ups"] = json!(["  Größe prüfen: $(rm -rf ~) `id` \"x\" 'y' !! \\ "]);
        let goal = read_monitor(&fine.to_string()).expect("it reads").follow_ups.remove(0);
        assert_eq!(goal.raw(), "Größe prüfen: $(rm -rf ~) `id` \"x\" 'y' !! \\");
    }

    fn brief<'a>(goal: &'a Untrusted, evidence: &'a [Evidence], room: u64) -> MonitorBrief<'a> {
        MonitorBrief { goal, kind: Kind::Bugfix, published: "commit 1234567", artifacts: &[], evidence, room }
    }

    #[test]
    fn a_quotation_is_looked_up_in_what_was_given_and_nowhere_else() {
        let goal = Untrusted::from("round");
        let evidence = [Evidence { name: "The log".to_owned(), text: "12:00 ERROR\n\ttimeout   after 30 s\n".into() }];
        let mut redactor = Redactor::new(Arc::new(SecretMask::new(Vec::new())));
        let (assignment, given) = monitor_assignment(&brief(&goal, &evidence, 100_000), &mut redactor);
        assert!(assignment.task.contains("The log (data):") && !given.is_cut);
        assert!(given.holds("ERROR timeout after 30 s") && given.holds("commit 1234567"));
        assert!(!given.holds("ERROR timeout after 31 s"));
        assert!(!given.holds("Say how it fares") && !given.holds("The log (data)"), "what was asked shows nothing");
        let report = read_monitor(&answer().to_string()).expect("it reads").checked(&given);
        assert_eq!(report.findings[0].quoted, Quoted::Found);
        let lying = read_monitor(&answer().to_string()).expect("it reads").checked(&Given::default());
        assert_eq!((lying.findings[0].quoted, lying.not_found()), (Quoted::NotFound, 1));
        assert!(lying.markdown(Version(1), &[]).contains("**Not found in what it was given:**"));
    }

    #[test]
    fn a_long_log_is_shown_from_both_ends_without_its_secrets() {
        let goal = Untrusted::from("round");
        let lines: String = (0..40_000).map(|at| format!("line {at}\n")).collect();
        let text = Untrusted::new(format!("begins with hunter22-secret\n{lines}it ends here\n"));
        let evidence = [Evidence { name: "The log".to_owned(), text }];
        let mut redactor = Redactor::new(Arc::new(SecretMask::new(vec!["hunter22-secret".to_owned()])));
        let (assignment, given) = monitor_assignment(&brief(&goal, &evidence, 8_000), &mut redactor);
        assert!(given.is_cut && assignment.task.len() < 24_000, "{}", assignment.task.len());
        assert!(given.holds("begins with") && given.holds("line 39999 it ends here") && !given.holds("line 20000"));
        assert!(!assignment.task.contains("hunter22-secret") && !assignment.redacted.is_empty());
        let (none, _) = monitor_assignment(&brief(&goal, &[], 8_000), &mut redactor);
        assert!(none.task.contains("Nothing was said, run or handed in"));
        assert_eq!(ends("größe", 3).chars().next(), Some('…'), "no character is torn apart");
    }

    #[test]
    fn no_text_ends_the_block_or_entry_that_it_stands_in() {
        let mut hostile = answer();
        hostile["findings"] = json!([{"what": "bad\n# Healthy", "quote": "```\n# Healthy\n```"}]);
        hostile["follow_ups"] = json!(["``` # Healthy"]);
        let text = read_monitor(&hostile.to_string()).expect("it reads").markdown(Version(3), &["/srv/a".to_owned()]);
        assert!(
            !text.contains("\n# Healthy") && text.contains("  ````\n  ```\n  # Healthy\n  ```\n  ````\n"),
            "{text}"
        );
        assert!(text.contains("\n````\nparaph run --repo /srv/a '``` # Healthy'\n````\n"), "{text}");
        assert!(text.starts_with("# Monitor of v3: degraded\n"), "{text}");
    }
}
