//! What somebody is interested in: the words of a goal, and files.

use std::collections::BTreeSet;

use crate::id::RepoPath;

/// Words that are in every goal and in every file's name.
const STOP_WORDS: &str = "the and for with that this from into when then than should must have has not all any are \
    can use using used add adds added fix fixes fixed make makes change changes remove update updates code file files \
    function method class module test tests error errors new old set get run its was were will would could which \
    where what who how why but also only some such via per out off our you your please need needs bug issue feature \
    refactor replace rename move every each been being does done instead";

/// What an index is ranked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Focus {
    /// The goal, in a person's words.
    pub goal: String,
    /// Files and folders named by the person, by a rule or by an earlier version.
    pub paths: Vec<RepoPath>,
}

/// The words of a goal that can name something, in lower case.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct FocusWords {
    /// Whole words: `parse_config`, `sessionstore`.
    pub(super) whole: BTreeSet<String>,
    /// Parts of compound words and single words, of four letters or more: `parse`, `config`.
    pub(super) parts: BTreeSet<String>,
    /// Words with a slash or a dot: `src/lib.rs`.
    pub(super) paths: BTreeSet<String>,
}

impl Focus {
    /// A focus on a goal alone.
    #[must_use]
    pub fn on_goal(goal: impl Into<String>) -> Self {
        Self { goal: goal.into(), paths: Vec::new() }
    }

    /// What of the goal counts: its telling words and what looks like a path, each in the order of letters.
    #[must_use]
    pub fn telling(&self) -> Vec<String> {
        let words = self.words();
        words.whole.into_iter().chain(words.paths).collect()
    }

    pub(super) fn words(&self) -> FocusWords {
        let mut words = FocusWords::default();
        // a goal can be a whole issue; its first 200 words say what it is about
        let tokens = self.goal.split(|c: char| c.is_whitespace() || "`'\"()[]{}<>,;!?".contains(c));
        for token in tokens.filter(|token| !token.is_empty() && token.len() <= 200).take(200) {
            let token = token.trim_matches(['.', ':', '-', '#', '*', '@']);
            if token.contains('/') || token.rsplit_once('.').is_some_and(|(_, end)| end.len() <= 5) {
                words.paths.insert(token.trim_start_matches("./").to_owned());
            }
            for word in token.split(|c: char| !c.is_alphanumeric() && c != '_') {
                words.add(word);
            }
        }
        words
    }
}

impl FocusWords {
    fn add(&mut self, word: &str) {
        let lower = word.to_lowercase();
        let is_stop = |word: &str| STOP_WORDS.split_whitespace().any(|stop| stop == word);
        if lower.chars().count() < 3 || is_stop(&lower) {
            return;
        }
        for part in subwords(word) {
            let part = part.to_lowercase();
            if part.chars().count() >= 4 && !is_stop(&part) {
                self.parts.insert(part);
            }
        }
        self.whole.insert(lower);
    }
}

/// The parts of a compound name: `parseHTTPConfig_v2` gives `parse`, `HTTP`, `Config`, `v2`.
pub(super) fn subwords(name: &str) -> impl Iterator<Item = &str> {
    name.split(|c: char| !c.is_alphanumeric()).filter(|run| !run.is_empty()).flat_map(|run| {
        let mut rest = run;
        std::iter::from_fn(move || {
            let end = subword_end(rest)?;
            let (part, tail) = rest.split_at(end);
            rest = tail;
            Some(part)
        })
    })
}

fn subword_end(text: &str) -> Option<usize> {
    let mut rest = text.char_indices();
    let (_, first) = rest.next()?;
    let next_is = |rest: &std::str::CharIndices<'_>, test: fn(char) -> bool| {
        rest.clone().next().is_some_and(|(_, next)| test(next))
    };
    let is_acronym = first.is_uppercase() && next_is(&rest, char::is_uppercase);
    while let Some((at, character)) = rest.next() {
        // an acronym ends before the capital of the next word
        let ends = if is_acronym {
            !character.is_uppercase() || next_is(&rest, char::is_lowercase)
        } else {
            character.is_uppercase()
        };
        if ends {
            return Some(at);
        }
    }
    Some(text.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_subwords(name: &str, expected: &str) {
        assert_eq!(subwords(name).collect::<Vec<_>>().join(" "), expected);
    }

    #[test]
    fn names_have_parts() {
        check_subwords("parse_config", "parse config");
        check_subwords("parseHTTPConfig_v2", "parse HTTP Config v2");
        check_subwords("SessionStore", "Session Store");
        check_subwords("URL", "URL");
        check_subwords("größeÄndern", "größe Ändern");
        check_subwords("__", "");
        check_subwords("", "");
    }

    #[test]
    fn a_goal_has_words_that_name_something() {
        let words = Focus::on_goal("Fix the `SessionStore` timeout in src/store.rs, please.").words();
        let list = |set: &BTreeSet<String>| set.iter().cloned().collect::<Vec<_>>().join(" ");
        assert_eq!(list(&words.whole), "sessionstore src store timeout");
        assert_eq!(list(&words.parts), "session store timeout");
        assert_eq!(list(&words.paths), "src/store.rs");
        assert_eq!(Focus::on_goal("the store in src/a.rs").telling(), ["src", "store", "src/a.rs"]);
    }
}
