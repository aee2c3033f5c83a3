//! Keys that a change adds. A message names the rule and the line, never the value.

use std::collections::{BTreeSet, HashSet};

use super::Violation;
use super::added::Texts;
use super::rules::breach;
use crate::text::{Finding, SecretScanner};

/// The largest text that is searched, in bytes: what is larger is data, and is found by its size.
const LARGEST: usize = 8 << 20;

/// The secrets of the new side that the old side does not hold.
pub(super) fn check(scanner: &SecretScanner, texts: &Texts<'_>, found: &mut Vec<Violation>) {
    let Some(new) = texts.new.filter(|text| text.len() <= LARGEST) else { return };
    let old = texts.old.filter(|text| text.len() <= LARGEST);
    let findings = match texts.old.is_none_or(|_| old.is_some()) && by_lines(old.unwrap_or(""), new) {
        true => in_new_lines(scanner, texts, new),
        false => scanner.scan(new),
    };
    if findings.is_empty() {
        return;
    }
    let old = old.unwrap_or("");
    let known: HashSet<&str> = scanner.scan(old).into_iter().filter_map(|finding| old.get(finding.range)).collect();
    let mut said = BTreeSet::new();
    for finding in findings {
        let is_known = new.get(finding.range.clone()).is_some_and(|secret| known.contains(secret));
        let line = u32::try_from(finding.line).unwrap_or(u32::MAX);
        if !is_known && said.insert((finding.rule, line)) {
            let message = format!("this looks like a secret (rule `{}`)", finding.rule);
            found.push(breach("secret-added", &texts.file.path, Some(line), message));
        }
    }
}

/// Whether every secret of both texts lies within one line, so that a line of both sides holds no new one: all but
/// PEM blocks do.
fn by_lines(old: &str, new: &str) -> bool {
    let has_block = |text: &str| memchr::memmem::find(text.as_bytes(), b"PRIVATE KEY").is_some();
    !has_block(old) && !has_block(new)
}

/// The secrets in the lines that came, with their places in `new`; lines that follow one another are searched
/// together.
fn in_new_lines(scanner: &SecretScanner, texts: &Texts<'_>, new: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (first, run) in texts.runs() {
        let from = run.as_ptr().addr() - new.as_ptr().addr();
        findings.extend(scanner.scan(run).into_iter().map(|finding| Finding {
            rule: finding.rule,
            line: finding.line + first as usize - 1,
            range: finding.range.start + from..finding.range.end + from,
        }));
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diff::{FileChange, FileSide};

    /// The definition, word for word: both sides are searched whole.
    fn by_definition(old: &str, new: &str) -> Vec<(String, u32)> {
        let scanner = SecretScanner::new();
        let known: HashSet<&str> = scanner.scan(old).into_iter().filter_map(|finding| old.get(finding.range)).collect();
        let fresh = scanner.scan(new).into_iter().filter(|finding| !known.contains(&new[finding.range.clone()]));
        let said: BTreeSet<_> = fresh.map(|finding| (finding.rule, finding.line)).collect();
        let said = said.into_iter().map(|(rule, line)| {
            (format!("this looks like a secret (rule `{rule}`)"), u32::try_from(line).expect("few lines"))
        });
        said.collect()
    }

    fn judged(old: &str, new: &str) -> Vec<(String, u32)> {
        let side = |text: &str| Some(FileSide::regular(text.as_bytes()));
        let file = FileChange { path: "a.py".into(), old: side(old), new: side(new) };
        let mut found = Vec::new();
        check(&SecretScanner::new(), &Texts::of(&file), &mut found);
        let mut said: Vec<_> = found.into_iter().filter_map(|found| Some((found.message, found.line?))).collect();
        said.sort();
        said
    }

    fn piece(number: usize) -> String {
        let key = |n: usize| format!("gh{}_a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R{n}", "p");
        let pem = |end: &str| format!("-----{end} RSA {} KEY-----", "PRIVATE");
        match number % 12 {
            0 => "x = 1".to_owned(),
            1 => format!("token = \"{}\"", key(1)),
            2 => format!("token = \"{}\"\r", key(2)),
            3 => format!("a = '{}' # paraph:allow", key(3)),
            4 => format!("{} {}", key(1), key(4)),
            5 => pem("BEGIN"),
            6 => pem("END"),
            7 => format!("DB_PASSWORD='{}'", "q8Zr5Tk2Wv9Xb4Nc7Lm3"),
            8 => format!("password: postgres://app:{}@db.internal/x", "v3Rk9Tz2Lq7W"),
            9 => "é = \"token\"".to_owned(),
            10 => format!("Authorization: Bearer {}", "q8Zr5Tk2Wv9Xb4Nc7Lm3Yd6Pf1Hs0JgA"),
            _ => String::new(),
        }
    }

    #[test]
    fn a_mark_in_the_change_lifts_nothing() {
        for mark in ["paraph:allow", "gitleaks:allow"] {
            let marked = format!("{} # {mark}\n", piece(1));
            assert_eq!(judged("", &marked).len(), 1, "{marked}");
            assert_eq!(judged(&marked, &format!("x = 1\n{marked}")), [], "what stood there is no news");
            assert_eq!(judged(&piece(1), &marked), [], "nor is a mark beside it");
        }
    }

    proptest::proptest! {
        #![proptest_config(proptest::prelude::ProptestConfig { failure_persistence: None, ..Default::default() })]

        #[test]
        fn looking_at_new_lines_only_finds_as_much(
            old in proptest::collection::vec(0_usize..12, 0..8), new in proptest::collection::vec(0_usize..12, 0..8),
        ) {
            let text = |pieces: &[usize]| pieces.iter().map(|number| piece(*number) + "\n").collect::<String>();
            let (old, new) = (text(&old), text(&new));
            let mut expected = by_definition(&old, &new);
            expected.sort();
            assert_eq!(judged(&old, &new), expected, "{old}\n---\n{new}");
        }
    }
}
