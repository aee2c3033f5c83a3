//! The rules that come with Paraph: data files, each rule with cases that its test runs.

use std::sync::{Arc, OnceLock};

use crate::syntax::structural::RuleSet;

macro_rules! files {
    ($($path:literal),* $(,)?) => { &[$(($path, include_str!(concat!("catalogue/", $path)))),*] };
}

const FILES: &[(&str, &str)] = files![
    "c/memory.yml",
    "go/standard.yml",
    "java/correctness.yml",
    "java/simplify.yml",
    "javascript/correctness.yml",
    "javascript/modern.yml",
    "python/correctness.yml",
    "python/modern.yml",
    "python/tests.yml",
    "rust/iterators.yml",
    "rust/modern.yml",
    "rust/values.yml",
];

/// The shipped rules, compiled at the first call (some milliseconds) and shared after it.
#[must_use]
pub fn catalogue() -> Arc<RuleSet> {
    static SHIPPED: OnceLock<Arc<RuleSet>> = OnceLock::new();
    SHIPPED.get_or_init(|| Arc::new(compile())).clone()
}

fn compile() -> RuleSet {
    let mut all = RuleSet::default();
    for (path, yaml) in FILES {
        let rules = RuleSet::parse(yaml, path).expect("a test compiles every shipped rule");
        all.extend(rules, path).expect("a test finds ids that are used twice");
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::syntax::structural::{InvalidCase, Rule, RuleLanguage, is_well_formed};

    const ROUNDS: usize = 4;
    const TAGS: &[&str] = &[
        "correctness",
        "security",
        "performance",
        "style",
        "simplify",
        "deprecated",
        "modernise",
        "tests",
        "iterator",
        "option",
    ];
    const KINDS: &[&str] = &["bugfix", "refactor", "feature", "docs", "deps"];

    fn compile_or_say() -> RuleSet {
        let mut all = RuleSet::default();
        let mut wrong = Vec::new();
        for (path, yaml) in FILES {
            match RuleSet::parse(yaml, path).and_then(|rules| all.extend(rules, path)) {
                Ok(()) => {}
                Err(error) => wrong.push(error.to_string()),
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
        all
    }

    fn valid_case(rule: &Rule, language: RuleLanguage, alone: &RuleSet, code: &str) -> Result<(), String> {
        let found = alone.scan(language, code);
        if !is_well_formed(language, code) {
            return Err(format!("{} ({language}): the valid case is not code\n{code}", rule.id));
        }
        if found.is_empty() { Ok(()) } else { Err(format!("{} ({language}): matches valid code\n{code}", rule.id)) }
    }

    fn invalid_case(rule: &Rule, language: RuleLanguage, alone: &RuleSet, case: &InvalidCase) -> Result<(), String> {
        let wrong = |what: &str| Err(format!("{} ({language}): {what}\n{}", rule.id, case.code));
        let filtered = alone.prefilter(language).candidates(case.code.as_bytes());
        if filtered.rules().is_empty() {
            return wrong("its literals keep it from the code it matches");
        }
        if !is_well_formed(language, &case.code) {
            return wrong("the invalid case is not code");
        }
        let rewrite = alone.rewrite(language, &case.code, ROUNDS);
        if rewrite.source != case.fixed {
            return wrong(&format!("gives\n{}\ninstead of\n{}\nfor", rewrite.source, case.fixed));
        }
        if !is_well_formed(language, &rewrite.source) {
            return wrong("leaves a syntax error");
        }
        if !rewrite.settled || !alone.scan(language, &rewrite.source).is_empty() {
            return wrong("still matches its own result");
        }
        Ok(())
    }

    fn shape(rule: &Rule) -> Result<(), String> {
        let metadata = &rule.metadata;
        let known =
            |texts: &[String], all: &[&str]| !texts.is_empty() && texts.iter().all(|text| all.contains(&text.as_str()));
        let checks = [
            (metadata.valid.len() >= 2, "fewer than 2 valid cases"),
            (metadata.invalid.len() >= 2, "fewer than 2 invalid cases"),
            (rule.message.len() >= 30, "no sentence of why"),
            (known(&metadata.tags, TAGS), "no tag, or one that nobody knows"),
            (known(&metadata.kinds, KINDS), "no kind, or one that nobody knows"),
            (rule.has_fix(), "no fix"),
            (rule.literals().next().is_some(), "no literal: every file would be parsed for it"),
        ];
        let wrong: Vec<&str> = checks.iter().filter(|(fine, _)| !fine).map(|(_, what)| *what).collect();
        if wrong.is_empty() { Ok(()) } else { Err(format!("{}: {}", rule.id, wrong.join(", "))) }
    }

    #[test]
    fn every_case_of_every_rule_holds() {
        let all = compile_or_say();
        let mut wrong = Vec::new();
        for rule in all.rules() {
            wrong.extend(shape(rule).err());
            let alone = all.filtered(|other| other.id == rule.id);
            for language in rule.languages() {
                wrong.extend(
                    rule.metadata.valid.iter().filter_map(|code| valid_case(rule, language, &alone, code).err()),
                );
                wrong.extend(
                    rule.metadata.invalid.iter().filter_map(|case| invalid_case(rule, language, &alone, case).err()),
                );
            }
        }
        assert!(wrong.is_empty(), "{} wrong\n\n{}", wrong.len(), wrong.join("\n\n"));
    }

    #[test]
    fn there_are_rules_for_every_language_promised() {
        let all = compile_or_say();
        assert!(all.rules().len() >= 60, "{} rules", all.rules().len());
        for name in ["rust", "python", "javascript", "typescript", "tsx", "go", "java", "c"] {
            let count = all.rules().iter().filter(|rule| rule.languages().any(|known| known.name() == name)).count();
            assert!(count >= 5, "{name}: {count} rules");
        }
    }

    #[test]
    fn all_rules_together_settle_on_every_case() {
        let all = compile_or_say();
        for rule in all.rules() {
            for (language, case) in
                rule.languages().flat_map(|language| rule.metadata.invalid.iter().map(move |case| (language, case)))
            {
                let rewrite = all.rewrite(language, &case.code, ROUNDS);
                assert!(rewrite.settled && is_well_formed(language, &rewrite.source), "{} ({language})", rule.id);
            }
        }
    }
}
