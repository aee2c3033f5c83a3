//! The engine `rules`: structural rules that a goal chooses, applied to a snapshot; no key, no network, no index.
//!
//! The goal chooses cautiously: what no rule is about ends in [`EngineError::NothingFits`] with what would fit. The
//! same brief gives the same draft, byte for byte.

mod catalogue;
mod choose;
mod local;
mod report;
mod sweep;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use async_trait::async_trait;

use crate::cancel::Cancel;
use crate::diff::{ChangeSet, FileChange, FileSide};
use crate::proposal::{Brief, Context, ContextItem, Draft, EngineError, Feedback, ProposalEngine};
use crate::repository::Tree;
use crate::syntax::structural::{RuleLanguage, RuleSet};
use crate::text::{Untrusted, counted, near, width};
pub use catalogue::catalogue;
use choose::{Choice, Request};
use local::LocalRules;
use sweep::{FileOutcome, Reach};

/// How far one draft may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RuleLimits {
    /// Files that one draft may change; the rest is said in the explanation.
    pub files: usize,
    /// Files that are searched to say what would fit, where nothing does.
    pub searched_for_advice: usize,
}

impl Default for RuleLimits {
    /// 50 files: what a person reviews in one sitting.
    fn default() -> Self {
        Self { files: 50, searched_for_advice: 3_000 }
    }
}

/// Drafts by structural rules: the shipped ones and the repository's own.
#[derive(Debug, Clone)]
pub struct RuleEngine {
    shipped: Arc<RuleSet>,
    limits: RuleLimits,
}

impl Default for RuleEngine {
    fn default() -> Self {
        Self::new(RuleLimits::default())
    }
}

/// How many suggestions of each kind a refusal makes.
const ADVICE: usize = 10;
/// How much of a goal a reason repeats.
const GOAL_COLUMNS: usize = 100;

#[async_trait]
impl ProposalEngine for RuleEngine {
    async fn draft(&self, brief: &Brief, cancel: &Cancel) -> Result<Draft, EngineError> {
        let (engine, brief, token) = (self.clone(), brief.clone(), cancel.clone());
        let work = tokio::task::spawn_blocking(move || engine.draft_now(&brief, &token));
        tokio::select! {
            // a file that takes long is left to itself; its result goes nowhere
            () = cancel.cancelled() => Err(EngineError::Cancelled),
            done = work => done.unwrap_or_else(|error| Err(EngineError::Repository(format!("the rules stopped: {error}")))),
        }
    }

    fn accepts(&self, tree: &dyn Tree, rules: &[String], paths: &[String]) -> Result<(), EngineError> {
        if !rules.is_empty() {
            let known = self.with_local(&local::read(tree)?);
            all_known(rules, &known)?;
        }
        sweep::something_at_each(tree, paths)
    }
}

/// Refuses the first of `ids` that no rule has, with those that may have been meant.
fn all_known(ids: &[String], rules: &RuleSet) -> Result<(), EngineError> {
    let Some(unknown) = ids.iter().map(|id| id.trim()).find(|id| rules.get(id).is_none()) else { return Ok(()) };
    let all = rules.rules().iter().map(|rule| rule.id.as_str());
    let mut would_fit: Vec<String> = near(unknown, all, ADVICE).into_iter().map(str::to_owned).collect();
    let by_words = Request::read(&unknown.replace('-', " "), rules, |_| false).closest(rules, ADVICE);
    would_fit.extend(by_words.into_iter().filter(|id| !would_fit.contains(id)).collect::<Vec<_>>());
    would_fit.truncate(ADVICE - 1);
    would_fit.push("paraph help rules".to_owned());
    Err(EngineError::NothingFits { why: format!("no rule is called `{unknown}`"), would_fit })
}

impl RuleEngine {
    /// An engine with the shipped rules.
    #[must_use]
    pub fn new(limits: RuleLimits) -> Self {
        Self { shipped: catalogue(), limits }
    }

    fn draft_now(&self, brief: &Brief, cancel: &Cancel) -> Result<Draft, EngineError> {
        let local = local::read(brief.tree.as_ref())?;
        let rules = self.with_local(&local);
        let unwanted = Unwanted::read(&brief.feedback, &rules);
        let request = Request::read(brief.goal.raw(), &rules, |text| names_a_path(brief.tree.as_ref(), text));
        let globs = if brief.paths.is_empty() { request.paths.clone() } else { brief.paths.clone() };
        let reach = Reach::new(&globs, unwanted.paths)?;
        let choice = match self.choose(brief, &request, &rules)? {
            Some(choice) => choice,
            None => return Err(self.nothing_chosen(brief, &request, &rules, &reach, cancel)?),
        };
        let chosen = choice.rules.filtered(|rule| rule.has_fix() && !unwanted.rules.contains(&rule.id));
        let mut outcomes = sweep::rewrite(brief.tree.as_ref(), &chosen, &reach, cancel)?;
        if outcomes.iter().all(|outcome| outcome.rewrite.applied.is_empty()) {
            return Err(self.nothing_found(brief, &choice, &rules, &reach, cancel)?);
        }
        let n_files_left = limit(&mut outcomes, self.limits.files);
        let places = report::places(&outcomes);
        let told = report::Told {
            because: &choice.because,
            notices: &local.notices,
            n_files_left,
            most_files: self.limits.files,
        };
        Ok(Draft {
            explanation: Untrusted::new(report::explanation(&rules, &outcomes, &places, &told)),
            message: Untrusted::new(report::message(&rules, &places)),
            context: context(brief, &chosen, &local, &outcomes),
            changes: ChangeSet::new(outcomes.iter().map(change)),
            base: None,
            answers: Vec::new(),
            log: None,
        })
    }

    /// The shipped rules and the repository's; of two with one id the repository's counts.
    fn with_local(&self, local: &LocalRules) -> RuleSet {
        let mut rules = self.shipped.filtered(|rule| local.rules.get(&rule.id).is_none());
        rules.extend(local.rules.clone(), "sgconfig.yml").expect("ids that both have were taken out");
        rules
    }

    fn choose(&self, brief: &Brief, request: &Request, rules: &RuleSet) -> Result<Option<Choice>, EngineError> {
        if brief.rules.is_empty() {
            return Ok(request.choose(rules));
        }
        all_known(&brief.rules, rules)?;
        let wanted: BTreeSet<&str> = brief.rules.iter().map(|id| id.trim()).collect();
        let chosen = rules.filtered(|rule| wanted.contains(rule.id.as_str()));
        Ok(Some(Choice { rules: chosen, because: "they were asked for by id".to_owned() }))
    }

    fn nothing_chosen(
        &self,
        brief: &Brief,
        request: &Request,
        rules: &RuleSet,
        reach: &Reach,
        cancel: &Cancel,
    ) -> Result<EngineError, EngineError> {
        let closest = request.closest(rules, ADVICE);
        let counts = sweep::count(brief.tree.as_ref(), rules, reach, self.limits.searched_for_advice, cancel)?;
        let mut would_fit: Vec<String> =
            closest.iter().filter_map(|id| Some(advice(brief, id, *counts.get(id)?))).collect();
        let more = most_frequent(&counts).filter(|(id, _)| !closest.contains(id));
        would_fit.extend(more.map(|(id, count)| advice(brief, &id, count)));
        would_fit.truncate(ADVICE);
        would_fit.extend(tag_advice(rules, &counts));
        let why = format!("no rule is about the goal `{}`", in_one_line(brief.goal.raw()));
        Ok(EngineError::NothingFits { why, would_fit: or_other_engines(would_fit) })
    }

    fn nothing_found(
        &self,
        brief: &Brief,
        choice: &Choice,
        rules: &RuleSet,
        reach: &Reach,
        cancel: &Cancel,
    ) -> Result<EngineError, EngineError> {
        let home = at_home(&choice.rules, brief.tree.as_ref());
        let ids = named(&home);
        let only_find = choice.rules.rules().iter().all(|rule| !rule.has_fix());
        let why = if only_find {
            format!("{ids} can find code but not change it: no `fix`")
        } else {
            // those of languages that are not spoken here are not counted: they could not find anything
            let them = if home.len() == 1 { "it changes" } else { "they change" };
            format!("{} chosen, but {them} nothing here ({ids})", counted(home.len(), "rule"))
        };
        let counts = sweep::count(brief.tree.as_ref(), rules, reach, self.limits.searched_for_advice, cancel)?;
        let mut would_fit: Vec<String> = most_frequent(&counts).map(|(id, count)| advice(brief, &id, count)).collect();
        would_fit.extend(tag_advice(rules, &counts));
        Ok(EngineError::NothingFits { why, would_fit: or_other_engines(would_fit) })
    }
}

/// The goal as a reason names it: its first line, cut where it is long.
fn in_one_line(goal: &str) -> String {
    let goal = goal.trim();
    let line = goal.lines().next().unwrap_or_default();
    let more = if line.len() < goal.len() { " …" } else { "" };
    width::truncate_end(&format!("{line}{more}"), GOAL_COLUMNS).into_owned()
}

/// What a person asked to leave alone: `-rule-id` and `exclude PATH` in their words, or "not this file" on a file.
#[derive(Debug, Default)]
struct Unwanted {
    rules: BTreeSet<String>,
    paths: BTreeSet<String>,
}

impl Unwanted {
    fn read(feedback: &[Feedback], rules: &RuleSet) -> Self {
        let mut unwanted = Self::default();
        for said in feedback {
            let text = said.text.raw();
            if let Some(path) = said.path.as_ref().filter(|_| text.to_lowercase().contains("not this file")) {
                unwanted.paths.insert(path.to_string());
            }
            let words: Vec<&str> =
                text.split_whitespace().map(|word| word.trim_matches(|c| "`,;\"'".contains(c))).collect();
            let excluded = words.windows(2).filter(|pair| pair[0].eq_ignore_ascii_case("exclude")).map(|pair| pair[1]);
            for name in excluded {
                match rules.get(name) {
                    Some(rule) => unwanted.rules.insert(rule.id.clone()),
                    None => unwanted.paths.insert(name.trim_start_matches("./").to_owned()),
                };
            }
            let minus = words.iter().filter_map(|word| rules.get(word.strip_prefix('-')?));
            unwanted.rules.extend(minus.map(|rule| rule.id.clone()));
        }
        unwanted
    }
}

fn names_a_path(tree: &dyn Tree, text: &str) -> bool {
    let plain = text.trim_start_matches("./").trim_end_matches('/');
    let Ok(entries) = tree.entries() else { return false };
    let folder = format!("{plain}/");
    let glob =
        globset::Glob::new(plain).ok().filter(|_| plain.contains(['*', '?', '['])).map(|glob| glob.compile_matcher());
    entries.iter().any(|entry| {
        let path = entry.path.as_bytes();
        path == plain.as_bytes()
            || path.starts_with(folder.as_bytes())
            || glob.as_ref().is_some_and(|glob| glob.is_match(entry.path.to_string()))
    })
}

/// Keeps the first `most` files that change; how many were let go.
fn limit(outcomes: &mut Vec<FileOutcome>, most: usize) -> usize {
    let mut n_changed = 0;
    let n_all = outcomes.iter().filter(|outcome| !outcome.rewrite.applied.is_empty()).count();
    outcomes.retain(|outcome| {
        n_changed += usize::from(!outcome.rewrite.applied.is_empty());
        n_changed <= most
    });
    n_all.saturating_sub(most)
}

fn change(outcome: &FileOutcome) -> FileChange {
    let side = |content: Arc<[u8]>| FileSide { mode: outcome.entry.mode, content };
    FileChange {
        path: outcome.entry.path.clone(),
        old: Some(side(outcome.old.clone())),
        new: Some(side(outcome.rewrite.source.as_bytes().into())),
    }
}

fn context(brief: &Brief, chosen: &RuleSet, local: &LocalRules, outcomes: &[FileOutcome]) -> Context {
    let matched = outcomes.iter().map(|outcome| {
        let ids: BTreeSet<&str> = outcome.rewrite.applied.iter().map(|site| site.rule.as_str()).collect();
        let why = format!("matched by {}", ids.into_iter().collect::<Vec<_>>().join(", "));
        ContextItem { path: outcome.entry.path.clone(), id: outcome.entry.id.clone(), why }
    });
    let mut items: Vec<ContextItem> = local.items.iter().cloned().chain(matched).collect();
    items.sort_by(|one, other| (&one.path, &one.why).cmp(&(&other.path, &other.why)));
    Context {
        engine: "rules/1".to_owned(),
        goal: brief.goal.clone(),
        tree: brief.tree.id().clone(),
        inputs: chosen.rules().iter().map(|rule| format!("{} {}", rule.id, rule.digest)).collect(),
        items,
    }
}

/// Those of `rules` whose language the tree has files of; all of them where it has none.
fn at_home(rules: &RuleSet, tree: &dyn Tree) -> Vec<String> {
    let entries = tree.entries().unwrap_or_default();
    let spoken: BTreeSet<_> = entries.iter().filter_map(|entry| RuleLanguage::of_path(&entry.path)).collect();
    let ids = |only: bool| -> Vec<String> {
        let rules = rules.rules().iter();
        let wanted = rules.filter(|rule| !only || rule.languages().any(|language| spoken.contains(&language)));
        wanted.map(|rule| rule.id.clone()).collect()
    };
    Some(ids(true)).filter(|ids| !ids.is_empty()).unwrap_or_else(|| ids(false))
}

/// The first names, and how many more there are.
fn named(ids: &[String]) -> String {
    let shown = ids.iter().take(ADVICE).map(String::as_str).collect::<Vec<_>>().join(", ");
    match ids.len().saturating_sub(ADVICE) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

/// Where no rule would change anything, what else makes a proposal.
fn or_other_engines(would_fit: Vec<String>) -> Vec<String> {
    if !would_fit.is_empty() {
        return would_fit;
    }
    vec![
        "no rule finds anything here; a change that somebody made: paraph adopt BRANCH".to_owned(),
        "a ready diff: paraph run GOAL --patch FILE".to_owned(),
    ]
}

/// The command that uses one rule, and how much it would find.
fn advice(brief: &Brief, id: &str, count: usize) -> String {
    format!("paraph regenerate {} --rules {id}  ({} here)", brief.session, counted(count, "place"))
}

fn tag_advice<'a>(rules: &'a RuleSet, counts: &'a BTreeMap<String, usize>) -> impl Iterator<Item = String> + 'a {
    let mut tags: BTreeMap<&str, usize> = BTreeMap::new();
    for (id, count) in counts {
        for tag in rules.get(id).into_iter().flat_map(|rule| &rule.metadata.tags) {
            *tags.entry(tag).or_default() += count;
        }
    }
    let goals = [
        ("correctness", "fix bugs"),
        ("security", "improve security"),
        ("performance", "improve performance"),
        ("modernise", "modernise"),
        ("style", "clean up"),
    ];
    goals.into_iter().filter_map(move |(tag, goal)| {
        Some(format!("the goal \"{goal}\" ({} here)", counted(*tags.get(tag)?, "place")))
    })
}

fn most_frequent(counts: &BTreeMap<String, usize>) -> impl Iterator<Item = (String, usize)> {
    let mut sorted: Vec<(String, usize)> = counts.iter().map(|(id, count)| (id.clone(), *count)).collect();
    sorted.sort_by_key(|(id, count)| (std::cmp::Reverse(*count), id.clone()));
    sorted.into_iter().take(ADVICE)
}

#[cfg(test)]
mod tests;
