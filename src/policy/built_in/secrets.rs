//! Keys that a change adds. A message names the rule and the line, never the value.

use std::collections::{BTreeSet, HashSet};

use super::rules::breach;
use super::{Violation, added};
use crate::diff::FileChange;
use crate::text::SecretScanner;

/// The largest text that is searched, in bytes: what is larger is data, and is found by its size.
const LARGEST: usize = 8 << 20;

/// The secrets of the new side that the old side does not hold.
pub(super) fn check(scanner: &SecretScanner, file: &FileChange, found: &mut Vec<Violation>) {
    let Some(new) = added::text(file.new.as_ref()).filter(|text| text.len() <= LARGEST) else { return };
    let old = added::text(file.old.as_ref()).filter(|text| text.len() <= LARGEST).unwrap_or("");
    let known: HashSet<&str> = scanner.scan(old).into_iter().filter_map(|finding| old.get(finding.range)).collect();
    let mut said = BTreeSet::new();
    for finding in scanner.scan(new) {
        let is_known = new.get(finding.range.clone()).is_some_and(|secret| known.contains(secret));
        let line = u32::try_from(finding.line).unwrap_or(u32::MAX);
        if !is_known && said.insert((finding.rule, line)) {
            let message = format!("this looks like a secret (rule `{}`)", finding.rule);
            found.push(breach("secret-added", &file.path, Some(line), message));
        }
    }
}
