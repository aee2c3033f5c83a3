//! The texts that a file must hold before a rule can match in it: found without a parse.
//!
//! A rule's needs are clauses; a file passes when it holds at least one text of every clause. Where nothing is
//! certain there is no clause, so a file that a rule could match is never left out.

use std::collections::BTreeSet;

use aho_corasick::{AhoCorasick, MatchKind};
use serde_json::Value;

/// Clauses of which a file must satisfy each; a clause is satisfied by any one of its texts.
pub(super) type Clauses = Vec<Vec<String>>;

/// Shorter words are in nearly every file and filter nothing.
const SHORTEST: usize = 2;

/// The clauses of a rule document.
pub(super) fn of_document(document: &Value) -> Clauses {
    let reader = Reader { utilities: document.get("utils"), depth: 0 };
    let mut clauses = document.get("rule").map(|rule| reader.of_rule(rule)).unwrap_or_default();
    if let (Some(pattern), Some(constraints)) = (
        document.pointer("/rule/pattern").and_then(Value::as_str),
        document.get("constraints").and_then(Value::as_object),
    ) {
        // a constraint counts only for a variable that every match binds
        let bound = |name: &str| pattern.contains(&format!("${name}"));
        clauses.extend(constraints.iter().filter(|(name, _)| bound(name)).flat_map(|(_, rule)| reader.of_rule(rule)));
    }
    clauses.sort();
    clauses.dedup();
    clauses
}

#[derive(Clone, Copy)]
struct Reader<'a> {
    utilities: Option<&'a Value>,
    depth: u8,
}

impl Reader<'_> {
    fn of_rule(self, rule: &Value) -> Clauses {
        // a chain of utilities deeper than this is a cycle, which ast-grep refuses later
        let Some(fields) = rule.as_object().filter(|_| self.depth < 16) else { return Clauses::new() };
        let inner = Self { depth: self.depth + 1, ..self };
        let mut clauses = Clauses::new();
        for (name, value) in fields {
            match (name.as_str(), value) {
                ("pattern", Value::String(pattern)) => clauses.extend(of_pattern(pattern)),
                ("regex", Value::String(regex)) => clauses.extend(of_regex(regex)),
                ("has" | "inside" | "follows" | "precedes", _) => clauses.extend(inner.of_rule(value)),
                ("all", Value::Array(rules)) => clauses.extend(rules.iter().flat_map(|rule| inner.of_rule(rule))),
                ("any", Value::Array(rules)) => clauses.extend(inner.of_any(rules)),
                ("matches", Value::String(utility)) => {
                    clauses.extend(
                        self.utilities
                            .and_then(|all| all.get(utility))
                            .map(|rule| inner.of_rule(rule))
                            .unwrap_or_default(),
                    );
                }
                _ => {}
            }
        }
        clauses
    }

    /// One clause that holds the rarest text of each branch, or none where a branch promises nothing.
    fn of_any(self, branches: &[Value]) -> Clauses {
        let mut texts = BTreeSet::new();
        for branch in branches {
            match self.of_rule(branch).into_iter().max_by_key(|clause| clause.iter().map(String::len).min()) {
                Some(clause) => texts.extend(clause),
                None => return Clauses::new(),
            }
        }
        if texts.is_empty() { Clauses::new() } else { vec![texts.into_iter().collect()] }
    }
}

/// Each fixed word of a pattern is in every match: metavariables are cut out first.
fn of_pattern(pattern: &str) -> Clauses {
    let mut clauses = Clauses::new();
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let mut rest = pattern;
    while let Some(start) = rest.find(|c: char| is_word(c) || c == '$') {
        let text = &rest[start..];
        let sigils = text.len() - text.trim_start_matches('$').len();
        let word =
            text[sigils..].find(|c: char| !is_word(c)).map_or(&text[sigils..], |end| &text[sigils..sigils + end]);
        if sigils == 0 && word.len() >= SHORTEST {
            clauses.push(vec![word.to_owned()]);
        }
        rest = &text[(sigils + word.len()).max(1)..];
    }
    // an operator that stands alone is one token; `(${` might be several, which code may write apart
    let is_operator = |part: &&str| part.len() >= SHORTEST && OPERATORS.contains(part);
    clauses.extend(pattern.split_whitespace().filter(is_operator).map(|operator| vec![operator.to_owned()]));
    clauses
}

/// Operators that every grammar we have reads as one token, and that most files lack.
const OPERATORS: &[&str] = &["==", "!=", "===", "!==", "<=", ">=", "=>", "->", "&&", "||", "+=", "-=", ":="];

/// `^(one|two)$` and the like: one clause of its branches. Anything cleverer promises nothing.
fn of_regex(regex: &str) -> Clauses {
    let body = regex.strip_prefix('^').unwrap_or(regex);
    let body = body.strip_suffix('$').unwrap_or(body);
    let body = body.strip_prefix('(').and_then(|inner| inner.strip_suffix(')')).unwrap_or(body);
    let body = body.strip_prefix("?:").unwrap_or(body);
    let branches: Vec<String> = body.split('|').map(str::to_owned).collect();
    let plain = |text: &String| text.len() >= SHORTEST && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    // `^a|b$` anchors differently, but its branches still have to occur
    if branches.iter().all(plain) { vec![branches] } else { Clauses::new() }
}

/// Finds, in one pass over a file, which of many rules could match there.
#[derive(Debug)]
pub(super) struct Prefilter {
    searcher: Option<AhoCorasick>,
    n_texts: usize,
    rules: Vec<Vec<Vec<usize>>>,
}

impl Prefilter {
    pub(super) fn new<'a>(rules: impl IntoIterator<Item = &'a Clauses>) -> Self {
        let rules: Vec<&Clauses> = rules.into_iter().collect();
        let texts: Vec<&String> =
            rules.iter().flat_map(|clauses| clauses.iter().flatten()).collect::<BTreeSet<_>>().into_iter().collect();
        let place = |text: &String| texts.binary_search(&text).expect("every text was collected");
        Self {
            // beyond the library's limits nothing is filtered: slower, never wrong
            searcher: AhoCorasick::builder().match_kind(MatchKind::Standard).build(&texts).ok(),
            n_texts: texts.len(),
            rules: rules
                .iter()
                .map(|clauses| clauses.iter().map(|clause| clause.iter().map(place).collect()).collect())
                .collect(),
        }
    }

    /// The positions, among the rules given, of those that could match in `content`.
    pub(super) fn candidates(&self, content: &[u8]) -> Vec<usize> {
        let Some(searcher) = &self.searcher else { return (0..self.rules.len()).collect() };
        let mut found = vec![false; self.n_texts];
        let mut missing = self.n_texts;
        for hit in searcher.find_overlapping_iter(content) {
            let seen = &mut found[hit.pattern().as_usize()];
            if !std::mem::replace(seen, true) {
                missing -= 1;
                if missing == 0 {
                    break;
                }
            }
        }
        let passes = |clauses: &Vec<Vec<usize>>| clauses.iter().all(|clause| clause.iter().any(|text| found[*text]));
        (0..self.rules.len()).filter(|rule| passes(&self.rules[*rule])).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(rule: &str, expected: &[&[&str]]) {
        let document: Value = ast_grep_config::from_str(rule).expect("the test's rule is YAML");
        let mut expected: Clauses =
            expected.iter().map(|clause| clause.iter().map(|text| (*text).to_owned()).collect()).collect();
        expected.sort();
        assert_eq!(of_document(&document), expected);
    }

    #[test]
    fn words_of_patterns_are_needed() {
        check("rule: {pattern: $X.unwrap_or(String::new())}", &[&["unwrap_or"], &["String"], &["new"]]);
        check("rule: {pattern: $A == None}", &[&["None"], &["=="]]);
        check("rule: {pattern: $A=$B}", &[]);
        check("rule: {pattern: 'foo($$$ARGS, bar)'}", &[&["foo"], &["bar"]]);
    }

    #[test]
    fn alternatives_are_one_clause() {
        check("rule: {any: [{pattern: alpha($A)}, {pattern: beta($A)}]}", &[&["alpha", "beta"]]);
        check("rule: {any: [{pattern: alpha($A)}, {kind: block}]}", &[]);
        check("rule: {kind: identifier, regex: ^(alpha|beta)$}", &[&["alpha", "beta"]]);
        check("rule: {kind: identifier, regex: '^al.ha$'}", &[]);
    }

    #[test]
    fn negations_promise_nothing_and_relations_do() {
        check(
            "rule: {pattern: alpha(), not: {inside: {pattern: beta()}}, has: {pattern: gamma}}",
            &[&["alpha"], &["gamma"]],
        );
        check("rule: {matches: u}\nutils: {u: {pattern: alpha()}}", &[&["alpha"]]);
        check("rule: {pattern: $F($A)}\nconstraints: {F: {regex: ^alpha$}, Z: {regex: ^beta$}}", &[&["alpha"]]);
    }

    #[test]
    fn a_file_passes_when_every_clause_is_met() {
        let clauses = vec![
            vec![vec!["alpha".to_owned()], vec!["beta".to_owned(), "gamma".to_owned()]],
            Clauses::new(),
            vec![vec!["pha".to_owned()]],
        ];
        let filter = Prefilter::new(&clauses);
        assert_eq!(filter.candidates(b"alpha"), [1, 2]);
        assert_eq!(filter.candidates(b"alpha gamma"), [0, 1, 2]);
        assert_eq!(filter.candidates(b""), [1]);
    }
}
