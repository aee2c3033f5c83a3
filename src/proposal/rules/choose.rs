//! Which rules a goal asks for: by id, by words, by tag; cautious, deterministic, explained.
//!
//! A goal that speaks of anything the rules do not know fits none of them: a person asked for that, not for the
//! rules' nearest guess.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

use serde::Deserialize;

use crate::syntax::structural::{Rule, RuleSet};

/// A rule must know this share of a goal's words; less where one of them is code it is about.
const COVERAGE: (usize, usize) = (3, 4);
const COVERAGE_WITH_CODE: (usize, usize) = (1, 2);

#[derive(Deserialize)]
struct Words {
    ignored: Vec<String>,
    new_work: Vec<String>,
    tags: BTreeMap<String, Vec<String>>,
    languages: BTreeMap<String, Vec<String>>,
}

/// `words.toml`, with its words stemmed.
struct Lexicon {
    ignored: BTreeSet<String>,
    new_work: BTreeSet<String>,
    tags: BTreeMap<String, Vec<String>>,
    languages: BTreeMap<String, Vec<String>>,
}

fn lexicon() -> &'static Lexicon {
    static LEXICON: OnceLock<Lexicon> = OnceLock::new();
    LEXICON.get_or_init(|| {
        let words: Words = toml::from_str(include_str!("words.toml")).expect("a test reads the words");
        Lexicon {
            ignored: words.ignored.iter().map(|word| stem(word)).collect(),
            new_work: words.new_work.iter().map(|word| stem(word)).collect(),
            tags: words.tags.into_iter().map(|(word, tags)| (stem(&word), tags)).collect(),
            languages: words.languages,
        }
    })
}

/// What a goal says, taken apart.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Request {
    /// Rules it names.
    pub ids: BTreeSet<String>,
    /// Files and folders it names, or globs.
    pub paths: Vec<String>,
    languages: BTreeSet<String>,
    tags: BTreeSet<String>,
    words: Vec<Word>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Word {
    text: String,
    stem: String,
    is_code: bool,
    means_tag: bool,
    is_new_work: bool,
}

/// The rules that were chosen, and why.
#[derive(Debug, Clone)]
pub(super) struct Choice {
    pub rules: RuleSet,
    pub because: String,
}

impl Request {
    /// Takes `goal` apart. `is_path` says whether a text names something in the tree.
    pub(super) fn read(goal: &str, rules: &RuleSet, is_path: impl Fn(&str) -> bool) -> Self {
        let mut request = Self::default();
        for raw in goal.split_whitespace() {
            let quoted = raw.contains('`');
            let token = raw.trim_matches(|c: char| "`'\",;:!?".contains(c)).trim_end_matches('.');
            let id = token.to_lowercase();
            if rules.get(&id).is_some() {
                request.ids.insert(id);
            } else if let Some(languages) = lexicon().languages.get(token).or_else(|| lexicon().languages.get(&id)) {
                request.languages.extend(languages.iter().cloned());
            } else if token.contains(['/', '*', '.']) && is_path(token) {
                request.paths.push(token.to_owned());
            } else {
                request.read_words(token, quoted);
            }
        }
        request
    }

    fn read_words(&mut self, token: &str, quoted: bool) {
        let mixed_case = token.chars().skip(1).any(char::is_uppercase) && token.chars().any(char::is_lowercase);
        let is_code = quoted || mixed_case || token.contains(['(', '_', '=', '.']) || token.contains("::");
        let is_part = |c: char| c.is_alphanumeric() || c == '_';
        for part in token.split(|c| !is_part(c)).filter(|part| !part.is_empty()) {
            let text = part.to_lowercase();
            let stem = stem(&text);
            if self.words.iter().any(|word| word.stem == stem) || (lexicon().ignored.contains(&stem) && !is_code) {
                continue;
            }
            let tags = lexicon().tags.get(&stem);
            self.tags.extend(tags.into_iter().flatten().cloned());
            let is_new_work = lexicon().new_work.contains(&stem) && !is_code && stem != "test";
            self.words.push(Word { means_tag: tags.is_some(), is_new_work, text, stem, is_code });
        }
    }

    /// The rules that the goal asks for, out of those that can change code; `None` where it asks for something else.
    pub(super) fn choose(&self, rules: &RuleSet) -> Option<Choice> {
        let speaks = |rule: &Rule| {
            self.languages.is_empty() || rule.languages().any(|known| self.languages.contains(known.name()))
        };
        let able = rules.filtered(|rule| rule.has_fix() && speaks(rule));
        if !self.ids.is_empty() {
            let named = rules.filtered(|rule| self.ids.contains(&rule.id));
            return Some(Choice { rules: named, because: "the goal names them".to_owned() });
        }
        self.by_words(&able).or_else(|| self.by_tags(&able))
    }

    fn by_words(&self, rules: &RuleSet) -> Option<Choice> {
        let scores: BTreeMap<&str, usize> =
            rules.rules().iter().filter_map(|rule| Some((rule.id.as_str(), self.fit(rule)?))).collect();
        let best = *scores.values().max()?;
        let chosen = rules.filtered(|rule| scores.get(rule.id.as_str()) == Some(&best));
        Some(Choice { rules: chosen, because: format!("they are about the goal's words: {}", self.word_list()) })
    }

    /// How many of the goal's words the rule is about; `None` where that is not enough to be meant.
    fn fit(&self, rule: &Rule) -> Option<usize> {
        let vocabulary = Vocabulary::of(rule);
        let known: Vec<&Word> = self.words.iter().filter(|word| !word.is_new_work && vocabulary.knows(word)).collect();
        let has_code = known.iter().any(|word| word.is_code);
        let about_more_than_tags = known.iter().any(|word| !word.means_tag && word.stem != "test");
        let (part, whole) = if has_code { COVERAGE_WITH_CODE } else { COVERAGE };
        let covers = known.len() * whole >= self.words.len() * part;
        (covers && about_more_than_tags).then_some(known.len())
    }

    fn by_tags(&self, rules: &RuleSet) -> Option<Choice> {
        let only_tags = self.words.iter().all(|word| word.means_tag || word.stem == "test");
        if self.tags.is_empty() || !only_tags {
            return None;
        }
        let in_tests = self.words.iter().any(|word| word.stem == "test");
        let tagged = |rule: &Rule, tag: &str| rule.metadata.tags.iter().any(|known| known == tag);
        let chosen = rules
            .filtered(|rule| self.tags.iter().any(|tag| tagged(rule, tag)) && (!in_tests || tagged(rule, "tests")));
        let tags: Vec<&str> = self.tags.iter().map(String::as_str).collect();
        (!chosen.rules().is_empty())
            .then(|| Choice { rules: chosen, because: format!("they are tagged {}", tags.join(" or ")) })
    }

    /// The rules that share most with the goal, best first: to be suggested, never applied.
    pub(super) fn closest(&self, rules: &RuleSet, limit: usize) -> Vec<String> {
        let mut scored: Vec<(usize, &str)> = rules
            .rules()
            .iter()
            .map(|rule| {
                let vocabulary = Vocabulary::of(rule);
                (self.words.iter().filter(|word| vocabulary.knows(word)).count(), rule.id.as_str())
            })
            .filter(|(score, _)| *score > 0)
            .collect();
        scored.sort_by_key(|(score, id)| (std::cmp::Reverse(*score), *id));
        scored.into_iter().take(limit).map(|(_, id)| id.to_owned()).collect()
    }

    fn word_list(&self) -> String {
        self.words.iter().map(|word| word.text.as_str()).collect::<Vec<_>>().join(", ")
    }
}

/// What a rule is about: the words of its id, those it lists, its tags, and the code it looks for.
struct Vocabulary(BTreeSet<String>);

impl Vocabulary {
    fn of(rule: &Rule) -> Self {
        let parts = rule.id.split('-').skip(1);
        let listed = rule.metadata.words.iter().chain(&rule.metadata.tags).map(String::as_str);
        let mut words: BTreeSet<String> = parts.chain(listed).map(stem).collect();
        words.insert(stem(&rule.id.split('-').skip(1).collect::<Vec<_>>().join("_")));
        let code = rule.literals().flat_map(|text| text.split(|c: char| !c.is_alphanumeric() && c != '_'));
        words.extend(code.filter(|text| text.len() >= 3).map(stem));
        words.retain(|word| word.len() > 1);
        Self(words)
    }

    fn knows(&self, word: &Word) -> bool {
        self.0.contains(&word.stem)
    }
}

/// A word without case and endings, so that `deprecated` and `deprecation`, `modernize` and `modernise` meet.
pub(super) fn stem(word: &str) -> String {
    let word = word.to_lowercase().replace("iz", "is");
    if word.contains('_') || word.len() < 4 {
        return word;
    }
    for ending in
        ["isations", "isation", "ations", "ation", "ions", "ion", "ings", "ing", "ies", "ed", "es", "s", "e", "y"]
    {
        if let Some(rest) =
            word.strip_suffix(ending).filter(|rest| rest.len() >= 3 && !(ending == "s" && rest.ends_with('s')))
        {
            let keep = match ending {
                "isations" | "isation" => "is",
                "ations" | "ation" => "at",
                _ => "",
            };
            return format!("{rest}{keep}");
        }
    }
    word
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proposal::rules::catalogue;

    #[track_caller]
    fn check(goal: &str, expected: &[&str]) {
        let rules = catalogue();
        let request = Request::read(goal, &rules, |path| path.starts_with("src/"));
        let chosen = request.choose(&rules).map(|choice| choice.rules);
        let ids: Vec<&str> = chosen.iter().flat_map(|set| set.rules()).map(|rule| rule.id.as_str()).collect();
        assert_eq!(ids, expected, "{goal}");
    }

    /// Every chosen rule has one of `tags` and `language`, and there are some.
    #[track_caller]
    fn check_tags(goal: &str, tags: &[&str], language: Option<&str>) {
        let rules = catalogue();
        let choice =
            Request::read(goal, &rules, |path| path.starts_with("src/")).choose(&rules).expect("the goal fits");
        assert!(choice.rules.rules().len() > 1, "{goal}: {:?}", choice.rules);
        for rule in choice.rules.rules() {
            assert!(rule.metadata.tags.iter().any(|tag| tags.contains(&tag.as_str())), "{goal}: {}", rule.id);
            assert!(
                language.is_none_or(|name| rule.languages().any(|known| known.name() == name)),
                "{goal}: {}",
                rule.id
            );
        }
    }

    #[test]
    fn ids_choose_exactly_themselves() {
        check("apply rust-filter-next", &["rust-filter-next"]);
        check("Use `py-bare-except`, and go-time-since.", &["go-time-since", "py-bare-except"]);
    }

    #[test]
    fn words_choose_the_rules_that_are_about_them() {
        check("fix None comparisons in python", &["py-none-equality", "py-none-inequality"]);
        check("replace unwrap_or(String::new()) with unwrap_or_default()", &["rust-unwrap-or-default"]);
        check("fix mutable default arguments", &["py-mutable-default"]);
        check("use Array.isArray instead of instanceof Array", &["js-array-is-array"]);
        check("remove bare excepts", &["py-bare-except"]);
        check("use yaml.safe_load", &["py-yaml-safe-load"]);
    }

    #[test]
    fn tags_choose_by_kind_of_work_and_language() {
        check_tags("fix bugs", &["correctness"], None);
        check_tags("modernise", &["modernise", "deprecated"], None);
        check_tags("Modernize the Go code", &["modernise", "deprecated"], Some("go"));
        check_tags("clean up python", &["style", "simplify"], Some("python"));
        check_tags("improve security", &["security"], None);
        check_tags("modernise tests", &["tests"], None);
        check_tags("remove deprecated calls in src/a.py", &["deprecated"], None);
    }

    #[test]
    fn other_work_fits_nothing() {
        for goal in [
            "add OAuth login",
            "implement dark mode",
            "fix the login bug",
            "fix crash when the list is empty",
            "make the parser faster",
            "upgrade dependencies",
            "rename function foo to bar",
            "add tests",
            "fix tests",
            "sort the list of users",
            "write documentation",
            "refactor the session store into two modules",
            "python",
            "improve the code",
            "support Windows paths",
            "add a default argument for the timeout",
            "remove unused imports",
            "handle null pointers in the network layer",
            "fix memory leak in image cache",
            "",
            "🦀 \u{1b}[31m",
        ] {
            check(goal, &[]);
        }
    }

    #[test]
    fn endings_do_not_matter() {
        for (one, other) in [
            ("deprecated", "deprecation"),
            ("modernize", "modernising"),
            ("comparison", "comparisons"),
            ("bug", "bugs"),
        ] {
            assert_eq!(stem(one), stem(other));
        }
    }
}
