//! What a draft of rules says about itself: the explanation for the reviewer and the commit message.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use crate::id::RepoPath;
use crate::syntax::structural::{Rule, RuleSet};
use crate::text::counted;

use super::sweep::FileOutcome;

/// Characters: what `git log --oneline` shows whole.
const SUBJECT: usize = 72;
const PLACES_SHOWN: usize = 20;

/// Where each rule changed something: path and line of the base.
pub(super) type Places<'a> = BTreeMap<&'a str, Vec<(&'a RepoPath, u32)>>;

pub(super) fn places(outcomes: &[FileOutcome]) -> Places<'_> {
    let mut places = Places::new();
    for outcome in outcomes {
        for site in &outcome.rewrite.applied {
            places.entry(&site.rule).or_default().push((&outcome.entry.path, site.line));
        }
    }
    places
}

/// What the explanation tells beside the places.
pub(super) struct Told<'a> {
    pub because: &'a str,
    pub notices: &'a [String],
    pub n_files_left: usize,
    pub most_files: usize,
}

pub(super) fn explanation(rules: &RuleSet, outcomes: &[FileOutcome], places: &Places<'_>, told: &Told<'_>) -> String {
    let n_places: usize = places.values().map(Vec::len).sum();
    let mut text = format!(
        "{} in {} by {}, chosen because {}.\n",
        counted(n_places, "change"),
        counted(outcomes.iter().filter(|outcome| !outcome.rewrite.applied.is_empty()).count(), "file"),
        counted(places.len(), "rule"),
        told.because
    );
    for (id, sites) in places {
        let why = rules.get(id).map(|rule| rule.message.as_str()).unwrap_or_default();
        let n_files = sites.iter().map(|(path, _)| path).collect::<BTreeSet<_>>().len();
        let _ =
            write!(text, "\n## {id}\n\n{why}.\n\n{} in {}:\n", counted(sites.len(), "place"), counted(n_files, "file"));
        for (path, line) in sites.iter().take(PLACES_SHOWN) {
            let _ = writeln!(text, "- `{path}:{line}`");
        }
        if sites.len() > PLACES_SHOWN {
            let _ = writeln!(text, "- and {} more", sites.len() - PLACES_SHOWN);
        }
    }
    let mut notes: Vec<String> = told.notices.to_vec();
    if told.n_files_left > 0 {
        notes.push(format!(
            "The limit of {} files was reached: {} more would change. Run again after this, or narrow it with --path.",
            told.most_files,
            counted(told.n_files_left, "file")
        ));
    }
    for outcome in outcomes {
        for dropped in &outcome.rewrite.broken {
            notes.push(format!(
                "`{}` was left out at `{}:{}`: its fix would break the syntax.",
                dropped.rule, outcome.entry.path, dropped.line
            ));
        }
        if !outcome.rewrite.settled {
            notes.push(format!("`{}` still has matches after the last round.", outcome.entry.path));
        }
    }
    if !notes.is_empty() {
        let _ = write!(text, "\n## Notes\n\n");
        notes.iter().for_each(|note| {
            let _ = writeln!(text, "- {note}");
        });
    }
    text
}

pub(super) fn message(rules: &RuleSet, places: &Places<'_>) -> String {
    let used: Vec<&Rule> = places.keys().filter_map(|id| rules.get(id)).map(AsRef::as_ref).collect();
    let kind = commit_type(&used);
    let ids: Vec<&str> = places.keys().copied().collect();
    let named = format!("{kind}: apply {}", ids.join(", "));
    let subject =
        if named.chars().count() <= SUBJECT { named } else { format!("{kind}: apply {} structural rules", ids.len()) };
    let mut text = format!("{subject}\n");
    for (id, sites) in places {
        let why = rules.get(id).map(|rule| rule.message.as_str()).unwrap_or_default();
        let _ = write!(text, "\n- {id} ({}): {why}", counted(sites.len(), "place"));
    }
    text.push('\n');
    text
}

fn commit_type(rules: &[&Rule]) -> &'static str {
    let all = |tags: &[&str]| {
        !rules.is_empty() && rules.iter().all(|rule| rule.metadata.tags.iter().any(|tag| tags.contains(&tag.as_str())))
    };
    if all(&["tests"]) {
        "test"
    } else if all(&["correctness", "security"]) {
        "fix"
    } else if all(&["performance"]) {
        "perf"
    } else {
        "refactor"
    }
}
