//! Keys that Paraph itself holds, in what a change brings: they are secrets whatever they look like.
//!
//! Who drafts may have seen one: an agent is given keys, and its commands read what it reads. What is found depends on
//! the keys that are held, so what was found is told apart from all else, see [`with_recorded`].

use std::collections::HashSet;

use super::Violation;
use super::added::Texts;
use super::rules;
use crate::diff::FileSide;
use crate::policy::Severity;
use crate::text::SecretMask;

const RULE: &str = "secret-added";
/// What is said of a held key, and of nothing else.
const SAID: &str = "this is a key that Paraph holds";
/// A key of letters alone that is shorter is a word as well. // the longest words of code have about as many
const LONGEST_WORD: usize = 15;

/// The held keys of the new side that the old side does not have: of any file, text or not, and of its name.
pub(super) fn check(held: &SecretMask, texts: &Texts<'_>, found: &mut Vec<Violation>) {
    let file = texts.file;
    let (old, new) = (content(file.old.as_ref()), content(file.new.as_ref()));
    let stood: HashSet<&[u8]> = held.known_in(old).map(|place| &old[place]).collect();
    let (mut line, mut counted) = (1, 0);
    for place in held.known_in(new) {
        line += memchr::memchr_iter(b'\n', &new[counted..place.start]).count();
        counted = place.start;
        let key = &new[place];
        if !stood.contains(key) {
            let line = texts.new.map(|_| u32::try_from(line).unwrap_or(u32::MAX));
            found.push(breach(texts, line, key));
        }
    }
    let name = file.path.as_bytes();
    let is_new = file.old.is_none();
    found.extend(held.known_in(name).filter(|_| is_new).map(|place| breach(texts, None, &name[place])));
}

/// A side as it is.
fn content(side: Option<&FileSide>) -> &[u8] {
    side.map_or(&[], |side| &side.content)
}

/// What is wrong with that key there. Nothing lifts a BLOCK, so a word that is somebody's key only warns.
fn breach(texts: &Texts<'_>, line: Option<u32>, key: &[u8]) -> Violation {
    let breach = rules::breach(RULE, &texts.file.path, line, SAID);
    let is_word = key.len() <= LONGEST_WORD && key.iter().all(u8::is_ascii_alphabetic);
    Violation { severity: if is_word { Severity::Warn } else { breach.severity }, ..breach }
}

/// What was found, with the held keys that are recorded in place of those that were: a key is nowhere in the record, and
/// who judges a change once more need not hold it.
#[must_use]
pub fn with_recorded(mut found: Vec<Violation>, recorded: &[Violation]) -> Vec<Violation> {
    let is_held = |violation: &Violation| violation.rule == RULE && violation.message == SAID;
    found.retain(|violation| !is_held(violation));
    found.extend(recorded.iter().filter(|violation| is_held(violation)).cloned());
    rules::sort(&mut found);
    found
}
