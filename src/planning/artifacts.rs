//! What is written before a change: decision, specification, architecture, scope, criteria, plan and gates.
//!
//! Two roles write them, each within its contract: the architect what is wanted, the planner how. They are documents by
//! digest, shown to whoever drafts and to whoever reviews; none of them does anything.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::contract::{self, Assignment, share_of};
use super::{Redactor, Role, StageBrief};
use crate::infrastructure::llm::JsonShape;
use crate::text::Untrusted;

const ARCHITECT: &str = include_str!("architect.md");
const PLANNER: &str = include_str!("planner.md");

/// The documents, in the order they are read. // features.md I4
pub const ARTIFACTS: [&str; 8] =
    ["decision", "specification", "architecture", "scope", "non-goals", "acceptance", "plan", "gates"];

const MOST_DOCUMENT: usize = 20_000;
const MOST_LISTED: usize = 30;
const LONGEST: usize = 600;
/// The most tasks of a plan, and globs of a task. // 60: more is several sessions
const MOST_TASKS: usize = 60;
/// The share of a planner's prompt that the architect's documents may take.
const DESIGN_PERCENT: u64 = 20;
/// The most tokens of an answer that writes documents.
pub const STAGE_OUTPUT: u32 = 12_000;

/// What shows that a criterion is met.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(tag = "by", content = "name", rename_all = "kebab-case")]
pub enum Bound {
    /// The check of that name passes.
    Check(String),
    /// The policy rule of that id is not broken.
    Rule(String),
    /// A person ticks it.
    Person,
}

/// Something that must be true of the change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Criterion {
    /// `C1`, `C2` … of the architect's acceptance criteria, `Q1` … of the planner's gates.
    pub id: String,
    /// What must be true.
    pub text: Untrusted,
    /// What shows it.
    pub bound: Bound,
}

/// A node of the plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct PlanTask {
    /// Its name in the plan.
    pub id: String,
    /// What is done.
    pub title: Untrusted,
    /// The tasks that come before.
    pub depends_on: Vec<String>,
    /// Where it is done, as globs.
    pub paths: Vec<Untrusted>,
}

/// What the architect wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Design {
    /// What was decided and what was weighed, in Markdown.
    pub decision: Untrusted,
    /// What the change does, in Markdown.
    pub specification: Untrusted,
    /// How it lies in the code, in Markdown.
    pub architecture: Untrusted,
    /// What belongs to it.
    pub scope: Vec<Untrusted>,
    /// What does not.
    pub non_goals: Vec<Untrusted>,
    /// What must be true in the end.
    pub acceptance: Vec<Criterion>,
}

/// What the planner wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// The tasks, each after those it waits for.
    pub tasks: Vec<PlanTask>,
    /// The gates that were made for this change.
    pub gates: Vec<Criterion>,
}

/// What a criterion may be bound to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Bindings {
    /// The names of the checks.
    pub checks: BTreeSet<String>,
    /// The ids of the policy rules.
    pub rules: BTreeSet<String>,
}

/// What was written before, and what people say to it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Revision {
    /// The documents as they stand: name and text.
    pub documents: Vec<(String, String)>,
    /// Comments: the document, what each is meant as, the words.
    pub said: Vec<(String, String, Untrusted)>,
    /// What was said beside them.
    pub message: Untrusted,
}

impl Revision {
    /// The part of it that `role` writes, in words; nothing that people say is more than data there.
    fn task(&self, role: Role, redactor: &mut Redactor) -> String {
        let mut text = String::new();
        for (name, document) in self.documents.iter().filter(|(name, _)| writer(name) == Some(role)) {
            let shown = redactor.hide(name, document);
            text.push_str(&contract::fenced(&format!("The document `{name}` as it was written before"), &shown));
        }
        for (name, kind, words) in self.said.iter().filter(|(name, ..)| writer(name) == Some(role)) {
            let words = redactor.hide("a comment", words.raw());
            text.push_str(&contract::fenced(&format!("What a person says to `{name}` ({kind})"), &words));
        }
        if !self.message.raw().trim().is_empty() {
            let words = redactor.hide("what was said", self.message.raw());
            text.push_str(&contract::fenced("What a person says to the documents", &words));
        }
        text.push_str("Write them again: change what is said to be wrong, and keep the rest as it stands.\n\n");
        text
    }
}

/// Who writes the document of that name.
#[must_use]
pub fn writer(name: &str) -> Option<Role> {
    match name {
        "plan" | "gates" => Some(Role::Planner),
        name => ARTIFACTS.contains(&name).then_some(Role::Architect),
    }
}

/// What the architect is told; where it writes again, with what people say.
#[must_use]
pub fn design_assignment(
    (brief, room): (&StageBrief, u64),
    revision: Option<&Revision>,
    bindings: &Bindings,
    redactor: &mut Redactor,
) -> Assignment {
    let background = brief.background(room, redactor);
    let mut task = brief.task(room, redactor);
    if let Some(revision) = revision {
        task.push_str(&revision.task(Role::Architect, redactor));
    }
    let text = |most: usize| json!({"type": "string", "maxLength": most});
    let list = json!({"type": "array", "maxItems": MOST_LISTED, "items": text(LONGEST)});
    let schema = object(json!({
        "decision": text(MOST_DOCUMENT),
        "specification": text(MOST_DOCUMENT),
        "architecture": text(MOST_DOCUMENT),
        "scope": list,
        "non_goals": list,
        "acceptance": criteria_schema(bindings),
    }));
    let names = named(bindings);
    Assignment {
        role: Role::Architect,
        system: vec![ARCHITECT.to_owned(), background],
        task: format!("{task}{names}Write the documents, as one JSON object."),
        shape: JsonShape { name: "design".to_owned(), schema },
        max_output_tokens: STAGE_OUTPUT,
        redacted: redactor.found().to_vec(),
    }
}

/// What the planner is told about a design, given by its documents; where it writes again, with what people say.
#[must_use]
pub fn plan_assignment(
    (brief, room): (&StageBrief, u64),
    design: &[(String, String)],
    revision: Option<&Revision>,
    bindings: &Bindings,
    redactor: &mut Redactor,
) -> Assignment {
    let background = brief.background(room, redactor);
    let mut task = brief.task(room, redactor);
    let most = share_of(room, DESIGN_PERCENT, u64::MAX) / design.len().max(1);
    for (name, text) in design {
        let (shown, is_cut) = redactor.hide_within(name, text, most);
        task.push_str(&contract::fenced(&format!("The document `{name}`"), &shown));
        if is_cut {
            task.push_str("It is longer; you see its beginning.\n\n");
        }
    }
    if let Some(revision) = revision {
        task.push_str(&revision.task(Role::Planner, redactor));
    }
    let one = json!({
        "id": {"type": "string", "maxLength": 40},
        "title": {"type": "string", "maxLength": LONGEST},
        "depends_on": {"type": "array", "items": {"type": "string"}},
        "paths": {"type": "array", "maxItems": MOST_LISTED, "items": {"type": "string"}},
    });
    let schema = object(json!({
        "tasks": {"type": "array", "minItems": 1, "maxItems": MOST_TASKS, "items": object(one)},
        "gates": criteria_schema(bindings),
    }));
    let names = named(bindings);
    Assignment {
        role: Role::Planner,
        system: vec![PLANNER.to_owned(), background],
        task: format!("{task}{names}Write plan and gates, as one JSON object."),
        shape: JsonShape { name: "plan".to_owned(), schema },
        max_output_tokens: STAGE_OUTPUT,
        redacted: redactor.found().to_vec(),
    }
}

fn object(properties: serde_json::Value) -> serde_json::Value {
    let required: Vec<&String> = properties.as_object().into_iter().flat_map(serde_json::Map::keys).collect();
    json!({"type": "object", "additionalProperties": false, "required": required, "properties": properties})
}

fn criteria_schema(bindings: &Bindings) -> serde_json::Value {
    let (checks, rules): (Vec<_>, Vec<_>) = (bindings.checks.iter().collect(), bindings.rules.iter().collect());
    let bound = format!("`person`, `check:NAME` with one of {checks:?}, or `rule:ID` with one of {rules:?}");
    let one = object(json!({
        "text": {"type": "string", "maxLength": LONGEST},
        "bound": {"type": "string", "description": bound},
    }));
    json!({"type": "array", "maxItems": MOST_LISTED, "items": one})
}

fn named(bindings: &Bindings) -> String {
    let list = |names: &BTreeSet<String>| names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    let (checks, rules) = (list(&bindings.checks), list(&bindings.rules));
    let checks = if checks.is_empty() { "none".to_owned() } else { checks };
    format!("Checks that run on every version: {checks}.\nPolicy rules that judge it: {rules}.\n\n")
}

/// The answers as they must be.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WireCriterion {
    text: String,
    bound: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WireDesign {
    decision: String,
    specification: String,
    architecture: String,
    scope: Vec<String>,
    non_goals: Vec<String>,
    acceptance: Vec<WireCriterion>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WireTask {
    id: String,
    title: String,
    depends_on: Vec<String>,
    paths: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WirePlan {
    tasks: Vec<WireTask>,
    gates: Vec<WireCriterion>,
}

/// Reads an answer of the architect.
///
/// # Errors
/// Why it does not count.
pub fn read_design(text: &str, bindings: &Bindings) -> Result<Design, String> {
    let wire: WireDesign = contract::strict(text)?;
    let acceptance = criteria("acceptance", 'C', wire.acceptance, bindings)?;
    if acceptance.is_empty() {
        return Err("`acceptance` is empty: nothing would show that it is done".to_owned());
    }
    Ok(Design {
        decision: contract::words("decision", wire.decision, MOST_DOCUMENT)?,
        specification: contract::words("specification", wire.specification, MOST_DOCUMENT)?,
        architecture: contract::words("architecture", wire.architecture, MOST_DOCUMENT)?,
        scope: contract::listed("scope", wire.scope, MOST_LISTED, LONGEST)?,
        non_goals: contract::listed("non_goals", wire.non_goals, MOST_LISTED, LONGEST)?,
        acceptance,
    })
}

/// Reads an answer of the planner: names are unique, every dependency is there, nothing waits for itself.
///
/// # Errors
/// Why it does not count.
pub fn read_plan(text: &str, bindings: &Bindings) -> Result<Plan, String> {
    let wire: WirePlan = contract::strict(text)?;
    if wire.tasks.is_empty() || wire.tasks.len() > MOST_TASKS {
        return Err(format!("`tasks` has {} entries; there are 1 to {MOST_TASKS}", wire.tasks.len()));
    }
    let mut tasks = Vec::with_capacity(wire.tasks.len());
    for task in wire.tasks {
        let fits = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_' || c == '.';
        if task.id.is_empty() || task.id.len() > 40 || !task.id.chars().all(fits) {
            let id: String = task.id.chars().take(40).collect();
            return Err(format!("the task id `{id}` is not 1 to 40 letters, digits, `-`, `_` or `.`"));
        }
        tasks.push(PlanTask {
            title: contract::words("title", task.title, LONGEST)?,
            paths: contract::listed("paths", task.paths, MOST_LISTED, LONGEST)?,
            depends_on: task.depends_on,
            id: task.id,
        });
    }
    Ok(Plan { tasks: in_order(tasks)?, gates: criteria("gates", 'Q', wire.gates, bindings)? })
}

fn criteria(
    what: &str,
    letter: char,
    given: Vec<WireCriterion>,
    bindings: &Bindings,
) -> Result<Vec<Criterion>, String> {
    if given.len() > MOST_LISTED {
        return Err(format!("`{what}` has {} entries; the most is {MOST_LISTED}", given.len()));
    }
    let one = |(at, given): (usize, WireCriterion)| {
        Ok(Criterion {
            id: format!("{letter}{}", at + 1),
            text: contract::words("text", given.text, LONGEST)?,
            bound: bound(&given.bound, bindings)?,
        })
    };
    given.into_iter().enumerate().map(one).collect()
}

/// What a binding names must be there: a criterion that nothing can show is a person's to tick.
fn bound(text: &str, bindings: &Bindings) -> Result<Bound, String> {
    let unknown = || {
        let text: String = text.chars().take(80).collect();
        Err(format!("`bound` is `{text}`, not `person`, `check:NAME` or `rule:ID` with a name that you were given"))
    };
    match text.split_once(':') {
        None if text == "person" => Ok(Bound::Person),
        Some(("check", name)) if bindings.checks.contains(name) => Ok(Bound::Check(name.to_owned())),
        Some(("rule", id)) if bindings.rules.contains(id) => Ok(Bound::Rule(id.to_owned())),
        _ => unknown(),
    }
}

/// Kahn's order: each task after those it waits for, otherwise as they were given.
fn in_order(tasks: Vec<PlanTask>) -> Result<Vec<PlanTask>, String> {
    let mut waiting: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for task in &tasks {
        let before: BTreeSet<String> = task.depends_on.iter().cloned().collect();
        if waiting.insert(task.id.clone(), before).is_some() {
            return Err(format!("two tasks are named `{}`", task.id));
        }
    }
    let missing = waiting.values().flatten().find(|name| !waiting.contains_key(*name));
    if let Some(missing) = missing {
        let missing: String = missing.chars().take(40).collect();
        return Err(format!("a task depends on `{missing}`, which is no task"));
    }
    let (mut left, mut ordered) = (tasks, Vec::new());
    while !left.is_empty() {
        let is_done = |name: &String| ordered.iter().any(|done: &PlanTask| done.id == *name);
        let Some(at) = left.iter().position(|task| task.depends_on.iter().all(is_done)) else {
            let names: Vec<&str> = left.iter().map(|task| task.id.as_str()).collect();
            return Err(format!("the tasks {} wait for each other in a circle", names.join(", ")));
        };
        ordered.push(left.remove(at));
    }
    Ok(ordered)
}

impl Design {
    /// The documents: name and text.
    #[must_use]
    pub fn documents(&self) -> Vec<(String, String)> {
        let list = |title: &str, entries: &[Untrusted]| {
            let lines: String =
                entries.iter().map(|entry| format!("- {}\n", entry.raw().replace('\n', "\n  "))).collect();
            format!("# {title}\n\n{lines}")
        };
        [
            ("decision", self.decision.raw().to_owned()),
            ("specification", self.specification.raw().to_owned()),
            ("architecture", self.architecture.raw().to_owned()),
            ("scope", list("Scope", &self.scope)),
            ("non-goals", list("Non-goals", &self.non_goals)),
            ("acceptance", criteria_text("Acceptance criteria", &self.acceptance)),
        ]
        .map(|(name, text)| (name.to_owned(), text))
        .to_vec()
    }
}

impl Plan {
    /// The documents: name and text.
    #[must_use]
    pub fn documents(&self) -> Vec<(String, String)> {
        let mut plan = "# Plan\n\n".to_owned();
        for task in &self.tasks {
            plan.push_str(&format!("- **{}** {}\n", task.id, task.title.raw().replace('\n', " ")));
            if !task.depends_on.is_empty() {
                plan.push_str(&format!("  - after {}\n", task.depends_on.join(", ")));
            }
            if !task.paths.is_empty() {
                let paths: Vec<&str> = task.paths.iter().map(Untrusted::raw).collect();
                plan.push_str(&format!("  - in {}\n", paths.join(", ")));
            }
        }
        let gates = criteria_text("Gates of this change", &self.gates);
        vec![("plan".to_owned(), plan), ("gates".to_owned(), gates)]
    }
}

fn criteria_text(title: &str, criteria: &[Criterion]) -> String {
    let mut text = format!("# {title}\n\n");
    for criterion in criteria {
        let shown = match &criterion.bound {
            Bound::Check(name) => format!("check `{name}`"),
            Bound::Rule(id) => format!("rule `{id}`"),
            Bound::Person => "a person's tick".to_owned(),
        };
        text.push_str(&format!("- **{}** {} ({shown})\n", criterion.id, criterion.text.raw().replace('\n', " ")));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bindings() -> Bindings {
        Bindings { checks: BTreeSet::from(["unit".to_owned()]), rules: BTreeSet::from(["secret-added".to_owned()]) }
    }

    fn plan_of(tasks: &[(&str, &[&str])]) -> String {
        let tasks: Vec<_> = tasks
            .iter()
            .map(|(id, before)| json!({"id": id, "title": "do it", "depends_on": before, "paths": ["src/**"]}))
            .collect();
        json!({"tasks": tasks, "gates": [{"text": "no key", "bound": "rule:secret-added"}]}).to_string()
    }

    #[track_caller]
    fn plan(tasks: &[(&str, &[&str])], expected: Result<&[&str], &str>) {
        match (read_plan(&plan_of(tasks), &bindings()), expected) {
            (Ok(plan), Ok(expected)) => {
                let order: Vec<&str> = plan.tasks.iter().map(|task| task.id.as_str()).collect();
                assert_eq!(order, expected);
            }
            (Err(why), Err(expected)) => assert!(why.contains(expected), "{why}"),
            (found, expected) => panic!("{found:?}, not {expected:?}"),
        }
    }

    #[test]
    fn a_plan_is_a_graph_without_circles() {
        plan(&[("a", &[]), ("b", &["a"])], Ok(&["a", "b"]));
        plan(&[("c", &["a", "b"]), ("b", &["a"]), ("a", &[])], Ok(&["a", "b", "c"]));
        plan(&[("a", &["b"]), ("b", &["a"]), ("c", &[])], Err("a, b wait for each other"));
        plan(&[("a", &["a"])], Err("wait for each other"));
        plan(&[("a", &["x"])], Err("depends on `x`"));
        plan(&[("a", &[]), ("a", &[])], Err("two tasks"));
        plan(&[("a b", &[])], Err("the task id"));
        plan(&[("../x", &[])], Err("the task id"));
        plan(&[], Err("1 to 60"));
    }

    fn design_of(acceptance: serde_json::Value) -> String {
        json!({
            "decision": "round half up", "specification": "sums are exact", "architecture": "in cart.rs",
            "scope": ["the cart"], "non_goals": ["currencies"], "acceptance": acceptance,
        })
        .to_string()
    }

    #[track_caller]
    fn bound_to(text: &str, expected: Option<Bound>) {
        let design = read_design(&design_of(json!([{"text": "it holds", "bound": text}])), &bindings());
        assert_eq!(design.ok().map(|design| design.acceptance[0].bound.clone()), expected, "{text}");
    }

    #[test]
    fn a_criterion_is_bound_to_what_is_there() {
        bound_to("check:unit", Some(Bound::Check("unit".to_owned())));
        bound_to("rule:secret-added", Some(Bound::Rule("secret-added".to_owned())));
        bound_to("person", Some(Bound::Person));
        bound_to("check:lint", None);
        bound_to("rule:no-such-rule", None);
        bound_to("", None);
        bound_to("Check:unit", None);
    }

    #[test]
    fn every_document_is_there_and_reads() {
        let design =
            read_design(&design_of(json!([{"text": "a\nb", "bound": "person"}])), &bindings()).expect("it reads");
        let plan = read_plan(&plan_of(&[("a", &[]), ("b", &["a"])]), &bindings()).expect("it reads");
        let names: Vec<String> = design.documents().into_iter().chain(plan.documents()).map(|(name, _)| name).collect();
        assert_eq!(names, ARTIFACTS);
        let acceptance = &design.documents()[5].1;
        assert!(acceptance.contains("- **C1** a b (a person's tick)"), "{acceptance}");
        assert!(plan.documents()[0].1.contains("  - after a\n"));
        assert!(
            read_design(&design_of(json!([])), &bindings()).is_err_and(|why| why.contains("`acceptance` is empty"))
        );
    }
}
