//! Finding what rules match, and applying their fixes so that a file's syntax is never worse for it.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use ast_grep_config::CombinedScan;
use ast_grep_core::tree_sitter::StrDoc;
use ast_grep_core::{AstGrep, Node};
use ast_grep_language::SupportLang;

use super::literals::Prefilter;
use super::{RuleLanguage, RuleSet, guarded, line_of};

/// Where a rule matches, and what it would put there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Match {
    /// The rule's id.
    pub rule: String,
    /// The bytes that match.
    pub range: Range<usize>,
    /// Line of the start, 1-based.
    pub line: u32,
    /// What the rule puts there; `None` where it only finds.
    pub fix: Option<Fix>,
}

/// Bytes to replace, and the text to put in their place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fix {
    /// The bytes to replace: the match, or more where the rule expands it.
    pub range: Range<usize>,
    /// The new text.
    pub text: String,
}

/// Why a fix was left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DroppedBecause {
    /// It overlaps a fix that starts earlier; a second round may find it again.
    Overlap,
    /// The file would have had a syntax error that it did not have before.
    BreaksSyntax,
}

/// A fix that was left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dropped {
    /// The rule's id.
    pub rule: String,
    /// Line of the match, 1-based.
    pub line: u32,
    /// Why.
    pub because: DroppedBecause,
}

/// A rule that changed something, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Site {
    /// The rule's id.
    pub rule: String,
    /// Line of the match, 1-based, in the text that the round started from.
    pub line: u32,
}

/// The outcome of one round.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Applied {
    /// The text after it.
    pub source: String,
    /// What was applied, in the order of the text.
    pub applied: Vec<Site>,
    /// What was not.
    pub dropped: Vec<Dropped>,
}

/// The outcome of all rounds over one text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rewrite {
    /// The text after them.
    pub source: String,
    /// What was applied, in the order of the rounds.
    pub applied: Vec<Site>,
    /// Fixes that would have broken the syntax.
    pub broken: Vec<Dropped>,
    /// Whether nothing is left to apply.
    pub settled: bool,
}

impl RuleSet {
    /// Tells, in one pass over a text's bytes and without a parse, which rules could match in it.
    #[must_use]
    pub fn prefilter(&self, language: RuleLanguage) -> LanguageRules {
        let set = self.filtered(|rule| rule.languages().any(|known| known == language));
        let filter = Prefilter::new(set.rules().iter().map(|rule| &rule.clauses));
        LanguageRules { language, set, filter }
    }

    /// Every place in `source` where a rule of this set matches, in the order of the text, then of the ids.
    /// Places marked `ast-grep-ignore` are left out.
    #[must_use]
    pub fn scan(&self, language: RuleLanguage, source: &str) -> Vec<Match> {
        parse(language, source).map(|root| self.scan_tree(language, &root)).unwrap_or_default()
    }

    fn scan_tree(&self, language: RuleLanguage, root: &AstGrep<StrDoc<SupportLang>>) -> Vec<Match> {
        let configs = self.rules().iter().filter_map(|rule| rule.config(language)).collect();
        let scan = CombinedScan::new(configs);
        // a repository's own rules may hold what the library did not think of
        let matches = guarded(|| {
            let mut matches = Vec::new();
            for (config, nodes) in scan.scan(root, false).matches {
                for node in nodes {
                    let fix = config.fixer.first().map(|fixer| node.make_edit(&config.matcher, fixer));
                    let fix = fix.and_then(|edit| {
                        let text = unharmed(&node, String::from_utf8(edit.inserted_text).ok()?)?;
                        Some(Fix { range: edit.position..edit.position + edit.deleted_length, text })
                    });
                    let line = line_of(node.start_pos().line());
                    matches.push(Match { rule: config.id.clone(), range: node.range(), line, fix });
                }
            }
            matches
        });
        let mut matches = matches.unwrap_or_default();
        let key = |found: &Match| (found.range.start, std::cmp::Reverse(found.range.end), found.rule.clone());
        matches.sort_by_cached_key(key);
        matches
    }

    /// Applies every fix of this set to `source`, again until nothing is left or `max_rounds` are over.
    #[must_use]
    pub fn rewrite(&self, language: RuleLanguage, source: &str, max_rounds: usize) -> Rewrite {
        let mut rewrite =
            Rewrite { source: source.to_owned(), applied: Vec::new(), broken: Vec::new(), settled: false };
        // a text that was there before means that two rules undo each other
        let mut seen = BTreeSet::from([crate::id::Digest::of(source.as_bytes())]);
        for _ in 0..max_rounds {
            let matches = self.scan(language, &rewrite.source);
            let mut round = apply(language, &rewrite.source, &matches);
            if round.applied.is_empty() {
                rewrite.broken = round.dropped;
                rewrite.settled = true;
                return rewrite;
            }
            if !seen.insert(crate::id::Digest::of(round.source.as_bytes())) {
                return rewrite;
            }
            rewrite.source = round.source;
            rewrite.applied.append(&mut round.applied);
        }
        let left = self.scan(language, &rewrite.source);
        rewrite.settled = left.iter().all(|found| found.fix.is_none());
        rewrite
    }
}

/// The rules of one language with the texts that files must hold for them.
#[derive(Debug)]
pub struct LanguageRules {
    language: RuleLanguage,
    set: RuleSet,
    filter: Prefilter,
}

impl LanguageRules {
    /// The language.
    #[must_use]
    pub fn language(&self) -> RuleLanguage {
        self.language
    }

    /// The rules that could match in `content`, as a set of their own; empty for most files.
    #[must_use]
    pub fn candidates(&self, content: &[u8]) -> RuleSet {
        let rules = self.filter.candidates(content).into_iter().map(|place| self.set.rules()[place].clone()).collect();
        RuleSet { rules }
    }
}

/// Applies the fixes of `matches` to `source`: of two that overlap the one that starts earlier (then the longer, then
/// the smaller id) stays; one that would break the syntax is left out.
#[must_use]
pub fn apply(language: RuleLanguage, source: &str, matches: &[Match]) -> Applied {
    let (kept, mut dropped) = without_overlaps(matches);
    let fits = |range: &Range<usize>| source.is_char_boundary(range.start) && source.is_char_boundary(range.end);
    let kept: Vec<(&Match, &Fix)> = kept.into_iter().filter(|(_, fix)| fits(&fix.range)).collect();
    let (good, bad) = without_breakage(language, source, kept);
    let broken = |(found, _): &(&Match, &Fix)| drop_of(found, DroppedBecause::BreaksSyntax);
    dropped.extend(bad.iter().map(broken));
    let applied = good.iter().map(|(found, _)| Site { rule: found.rule.clone(), line: found.line }).collect();
    Applied { source: splice(source, &good), applied, dropped }
}

fn drop_of(found: &Match, because: DroppedBecause) -> Dropped {
    Dropped { rule: found.rule.clone(), line: found.line, because }
}

/// The text of a fix as it may be put in: the matcher indents what spans lines anew, which leaves blanks on empty lines
/// and would shift the inside of a string or comment; a fix that does the latter is none.
fn unharmed(node: &Node<'_, StrDoc<SupportLang>>, text: String) -> Option<String> {
    // where the text does not parse, the tree is a guess
    if node.get_inner_node().has_error() || node.ancestors().any(|outer| outer.is_error()) {
        return None;
    }
    let original = node.text();
    let is_comment = |inner: &Node<'_, StrDoc<SupportLang>>| inner.kind().contains("comment");
    if node.dfs().filter(is_comment).any(|comment| !text.contains(comment.text().trim())) {
        // what a person wrote for people is not a rule's to take away
        return None;
    }
    let text = on_its_lines(&original, text);
    if !text.contains('\n') {
        return Some(text);
    }
    let lines: Vec<&str> =
        text.split('\n').map(|line| if line.trim().is_empty() { line.trim() } else { line }).collect();
    let text = lines.join("\n");
    let spans_lines = |inner: &Node<'_, StrDoc<SupportLang>>| {
        let kind = inner.kind();
        ["string", "comment", "heredoc", "char"].iter().any(|part| kind.contains(part)) && inner.text().contains('\n')
    };
    let kept = node.dfs().filter(spans_lines).all(|inner| text.contains(inner.text().as_ref()));
    kept.then_some(text)
}

/// A chain of calls that had each call on a line of its own keeps the break where the new call starts.
fn on_its_lines(original: &str, mut text: String) -> String {
    let same = original.bytes().zip(text.bytes()).take_while(|(old, new)| old == new).count();
    let rest = &original.as_bytes()[same..];
    let blank = rest.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
    if text.as_bytes().get(same) == Some(&b'.') && rest.get(blank) == Some(&b'.') && rest[..blank].contains(&b'\n') {
        text.insert_str(same, &original[same..same + blank]);
    }
    text
}

type Kept<'a> = Vec<(&'a Match, &'a Fix)>;

fn without_overlaps(matches: &[Match]) -> (Kept<'_>, Vec<Dropped>) {
    let mut fixes: Kept<'_> = matches.iter().filter_map(|found| Some((found, found.fix.as_ref()?))).collect();
    fixes.sort_by_key(|(found, fix)| (fix.range.start, std::cmp::Reverse(fix.range.end), &found.rule));
    let mut kept: Kept<'_> = Vec::new();
    let mut dropped = Vec::new();
    for (found, fix) in fixes {
        let last = kept.last().map(|(_, last)| &last.range);
        // two insertions at one place would be in an order that nobody chose
        if last.is_none_or(|last| fix.range.start >= last.end && fix.range.start > last.start) {
            kept.push((found, fix));
        } else {
            dropped.push(drop_of(found, DroppedBecause::Overlap));
        }
    }
    (kept, dropped)
}

/// Splits `fixes` into those that together leave no new syntax error, and the rest.
fn without_breakage<'a>(language: RuleLanguage, source: &str, fixes: Kept<'a>) -> (Kept<'a>, Kept<'a>) {
    let n_errors = |text: &str| parse(language, text).map_or(usize::MAX, |root| n_syntax_errors(&root));
    let breaks = |fixes: &Kept<'_>| {
        let n_after = n_errors(&splice(source, fixes));
        n_after > 0 && n_after > n_errors(source)
    };
    if !breaks(&fixes) {
        return (fixes, Vec::new());
    }
    // seldom: try rule by rule, so that a rule with one bad fix costs one parse, not one for each fix
    let mut by_rule: BTreeMap<&str, Kept<'a>> = BTreeMap::new();
    for (found, fix) in fixes {
        by_rule.entry(&found.rule).or_default().push((found, fix));
    }
    let (mut good, mut bad): (Kept<'a>, Kept<'a>) = (Vec::new(), Vec::new());
    for fixes in by_rule.into_values() {
        let mut trial = good.clone();
        trial.extend(fixes.iter().copied());
        trial.sort_by_key(|(_, fix)| fix.range.start);
        if breaks(&trial) { bad.extend(fixes) } else { good = trial }
    }
    (good, bad)
}

fn splice(source: &str, fixes: &Kept<'_>) -> String {
    let mut text = source.to_owned();
    for (_, fix) in fixes.iter().rev() {
        text.replace_range(fix.range.clone(), &fix.text);
    }
    text
}

pub(super) fn parse(language: RuleLanguage, source: &str) -> Option<AstGrep<StrDoc<SupportLang>>> {
    if !language.bears(source) {
        return None;
    }
    StrDoc::try_new(source, language.grammar()).ok().map(AstGrep::doc)
}

/// How many nodes of a tree are errors or were made up by the parser to go on.
pub(super) fn n_syntax_errors(root: &AstGrep<StrDoc<SupportLang>>) -> usize {
    let root = root.root();
    if !root.get_inner_node().has_error() {
        return 0;
    }
    root.dfs().filter(|node| node.is_error() || node.is_missing()).count()
}
