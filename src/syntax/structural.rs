//! Structural rules: patterns over syntax trees that find code and rewrite it, by ast-grep, in process.
//!
//! Rules come as YAML, ours and a repository's; both are data. A language that is not built in, a rule that does
//! not parse and a fix that would break the syntax of a file are answers here, never panics.

mod language;
mod literals;
mod rewrite;

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use ast_grep_config::{DeserializeEnv, GlobalRules, RuleConfig, SerializableGlobalRule, SerializableRuleConfig};
use ast_grep_core::Pattern;
use ast_grep_core::tree_sitter::StrDoc;
use ast_grep_language::SupportLang;
use globset::{Glob, GlobBuilder, GlobSet, GlobSetBuilder};
use serde::Deserialize;
use serde_json::Value;

use crate::id::{Digest, RepoPath};
pub use language::RuleLanguage;
pub use rewrite::{Applied, Dropped, DroppedBecause, Fix, LanguageRules, Match, Rewrite, Site, apply};

/// Why a rule, or a file of rules, cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("cannot use {}the rules of `{file}`: {message}", rule.as_ref().map(|id| format!("`{id}` of ")).unwrap_or_default())]
pub struct RuleError {
    /// The file, as the caller named it.
    pub file: String,
    /// The rule, where one was reached.
    pub rule: Option<String>,
    /// What is wrong.
    pub message: String,
    /// What would be right.
    pub hint: String,
    /// Whether only the language is not built in: the rule may be fine for others.
    pub is_unknown_language: bool,
}

/// What we read of a repository's `sgconfig.yml`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ProjectConfig {
    /// Folders with rules.
    pub rule_dirs: Vec<String>,
    /// Folders with shared utilities.
    pub util_dirs: Vec<String>,
}

impl ProjectConfig {
    /// Reads the file's text; settings that are not ours are ignored.
    ///
    /// # Errors
    /// [`RuleError`] where it is not YAML or a folder is not a text.
    pub fn parse(yaml: &str, source_name: &str) -> Result<Self, RuleError> {
        let Some(document) = documents(source_name, yaml)?.into_iter().next() else { return Ok(Self::default()) };
        serde_json::from_value(document).map_err(|error| wrong(source_name, None, error.to_string()))
    }
}

/// How much a rule's finding matters to whoever wrote the rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RuleSeverity {
    /// Switched off by its author.
    Off,
    /// Could be nicer.
    #[default]
    Hint,
    /// Could be better.
    Info,
    /// Might be wrong.
    Warning,
    /// Is wrong.
    Error,
}

/// What we keep in a rule's `metadata:` beside ast-grep's own fields.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct RuleMetadata {
    /// What it is about: `correctness`, `security`, `performance`, `style`, `deprecated`, `modernise`, `tests` …
    pub tags: Vec<String>,
    /// The kinds of session it belongs to: `bugfix`, `refactor`, `feature`, `docs`, `deps`.
    pub kinds: Vec<String>,
    /// Words people use when they ask for it, beyond those of its id.
    pub words: Vec<String>,
    /// Further languages in which the same rule holds.
    pub languages: Vec<String>,
    /// Texts of which every one (or one of its alternatives, `a|b`) occurs in each file that can match; only where they
    /// cannot be derived.
    pub literals: Vec<String>,
    /// Code that must stay as it is.
    pub valid: Vec<String>,
    /// Code that must change.
    pub invalid: Vec<InvalidCase>,
}

/// Code that a rule must find, and what its fix must make of it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct InvalidCase {
    /// Before.
    pub code: String,
    /// After.
    pub fixed: String,
}

/// One rule, compiled for each of its languages.
pub struct Rule {
    /// Its name, unique in a set.
    pub id: String,
    /// How much it matters.
    pub severity: RuleSeverity,
    /// Why the code it finds should change: one sentence.
    pub message: String,
    /// Tags, words and cases.
    pub metadata: RuleMetadata,
    /// Names what the rule says, without its metadata.
    pub digest: Digest,
    compiled: Vec<(RuleLanguage, RuleConfig<SupportLang>)>,
    clauses: literals::Clauses,
    files: Option<GlobSet>,
    ignores: Option<GlobSet>,
}

impl std::fmt::Debug for Rule {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Rule").field("id", &self.id).field("languages", &self.languages().collect::<Vec<_>>()).finish()
    }
}

impl Rule {
    /// The languages it is compiled for.
    pub fn languages(&self) -> impl Iterator<Item = RuleLanguage> {
        self.compiled.iter().map(|(language, _)| *language)
    }

    /// Whether it can change code, not only find it.
    #[must_use]
    pub fn has_fix(&self) -> bool {
        self.compiled.iter().any(|(_, config)| !config.fixer.is_empty())
    }

    /// The fixed texts in its pattern: what a file must hold for it to match.
    pub fn literals(&self) -> impl Iterator<Item = &str> {
        self.clauses.iter().flatten().map(String::as_str)
    }

    /// Whether its own `files` and `ignores` let it look at this path.
    #[must_use]
    pub fn covers(&self, path: &RepoPath) -> bool {
        let path = path.to_string();
        let ignored = self.ignores.as_ref().is_some_and(|globs| globs.is_match(&path));
        !ignored && self.files.as_ref().is_none_or(|globs| globs.is_match(&path))
    }

    pub(in crate::syntax::structural) fn config(&self, language: RuleLanguage) -> Option<&RuleConfig<SupportLang>> {
        self.compiled.iter().find(|(known, _)| *known == language).map(|(_, config)| config)
    }
}

/// Utilities that rules of a repository share (`utilDirs` of its `sgconfig.yml`).
#[derive(Clone, Default)]
pub struct Utilities(GlobalRules);

impl std::fmt::Debug for Utilities {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Utilities")
    }
}

impl Utilities {
    /// Reads the utilities of these files (name, YAML) together, because they may use each other.
    ///
    /// # Errors
    /// [`RuleError`] naming the file that does not parse, or the first one where they do not fit together.
    pub fn parse<'a>(files: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Self, RuleError> {
        let mut all = Vec::new();
        let mut first = None;
        for (file, yaml) in files {
            first.get_or_insert(file);
            for document in documents(file, yaml)? {
                let language = allowed_language(file, &document)?;
                only_bearable(file, &document, language)?;
                let parsed: Result<SerializableGlobalRule<SupportLang>, _> = serde_json::from_value(document.clone());
                all.push(parsed.map_err(|error| wrong(file, Some(&document), error.to_string()))?);
            }
        }
        let file = first.unwrap_or("sgconfig.yml");
        guarded(|| DeserializeEnv::<SupportLang>::parse_global_utils(all))
            .ok_or_else(|| wrong(file, None, "the utilities make the matcher panic".to_owned()))?
            .map(Self)
            .map_err(|error| wrong(file, None, chain(&error)))
    }
}

/// Rules with distinct ids, in the order of their ids.
#[derive(Debug, Clone, Default)]
pub struct RuleSet {
    rules: Vec<Arc<Rule>>,
}

impl RuleSet {
    /// Reads the rules of one YAML text, which may hold several documents.
    ///
    /// # Errors
    /// [`RuleError`] at the first document that is not a rule, or whose language is not built in.
    pub fn parse(yaml: &str, source_name: &str) -> Result<Self, RuleError> {
        Self::parse_with(yaml, source_name, &Utilities::default())
    }

    /// As [`RuleSet::parse`], for rules that use shared utilities.
    ///
    /// # Errors
    /// As [`RuleSet::parse`].
    pub fn parse_with(yaml: &str, source_name: &str, utilities: &Utilities) -> Result<Self, RuleError> {
        let mut set = Self::default();
        for document in documents(source_name, yaml)? {
            let rule = parse_rule(source_name, document, utilities)?;
            set.add(source_name, Arc::new(rule))?;
        }
        Ok(set)
    }

    /// Takes the rules of `other` in.
    ///
    /// # Errors
    /// [`RuleError`] where both have a rule of one id.
    pub fn extend(&mut self, other: Self, source_name: &str) -> Result<(), RuleError> {
        other.rules.into_iter().try_for_each(|rule| self.add(source_name, rule))
    }

    fn add(&mut self, source_name: &str, rule: Arc<Rule>) -> Result<(), RuleError> {
        match self.rules.binary_search_by(|known| known.id.cmp(&rule.id)) {
            Err(place) => {
                self.rules.insert(place, rule);
                Ok(())
            }
            Ok(_) => Err(RuleError {
                file: source_name.to_owned(),
                rule: Some(rule.id.clone()),
                message: "another rule has this id".to_owned(),
                hint: "give each rule an id of its own".to_owned(),
                is_unknown_language: false,
            }),
        }
    }

    /// The rules, in the order of their ids.
    #[must_use]
    pub fn rules(&self) -> &[Arc<Rule>] {
        &self.rules
    }

    /// The rule of this id.
    #[must_use]
    pub fn get(&self, id: &str) -> Option<&Arc<Rule>> {
        self.rules.binary_search_by(|rule| rule.id.as_str().cmp(id)).ok().map(|place| &self.rules[place])
    }

    /// The rules that `keep` wants.
    #[must_use]
    pub fn filtered(&self, keep: impl Fn(&Rule) -> bool) -> Self {
        Self { rules: self.rules.iter().filter(|rule| keep(rule)).cloned().collect() }
    }
}

/// One place that a pattern matches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Bytes of the source.
    pub range: std::ops::Range<usize>,
    /// Line of the start, 1-based.
    pub line: u32,
}

/// A pattern such as `$X.unwrap()`, compiled once for many sources.
pub struct CodePattern {
    language: RuleLanguage,
    pattern: Pattern,
}

impl CodePattern {
    /// Compiles `pattern`.
    ///
    /// # Errors
    /// [`RuleError`] where it is not code of that language.
    pub fn new(language: RuleLanguage, pattern: &str) -> Result<Self, RuleError> {
        let refused = |message: String| RuleError {
            file: "pattern".to_owned(),
            rule: None,
            message: format!("`{pattern}` is not a {language} pattern: {message}"),
            hint: "write code of that language, with $NAME for any one node and $$$ for any number".to_owned(),
            is_unknown_language: false,
        };
        if !language.bears(pattern) {
            return Err(refused("its grammar cannot read such characters".to_owned()));
        }
        let compiled = guarded(|| Pattern::try_new(pattern, language.grammar()))
            .ok_or_else(|| refused("it makes the matcher panic".to_owned()))?
            .map_err(|error| refused(chain(&error)))?;
        Ok(Self { language, pattern: compiled })
    }

    /// Every place where it matches, in the order of the source.
    #[must_use]
    pub fn find(&self, source: &str) -> Vec<Found> {
        if !self.language.bears(source) {
            return Vec::new();
        }
        let Ok(document) = StrDoc::try_new(source, self.language.grammar()) else { return Vec::new() };
        let root = ast_grep_core::AstGrep::doc(document);
        let found =
            |node: &ast_grep_core::Node<'_, _>| Found { range: node.range(), line: line_of(node.start_pos().line()) };
        root.root().find_all(&self.pattern).map(|node| found(&node)).collect()
    }
}

/// Every place where `pattern` matches in `source`.
///
/// # Errors
/// [`RuleError`] where it is not code of that language.
pub fn find(language: RuleLanguage, pattern: &str, source: &str) -> Result<Vec<Found>, RuleError> {
    Ok(CodePattern::new(language, pattern)?.find(source))
}

pub(in crate::syntax::structural) fn line_of(row: usize) -> u32 {
    u32::try_from(row + 1).unwrap_or(u32::MAX)
}

/// Runs what hostile rules may make panic; `None` where they did.
pub(in crate::syntax::structural) fn guarded<T>(work: impl FnOnce() -> T) -> Option<T> {
    std::panic::catch_unwind(AssertUnwindSafe(work)).ok()
}

fn documents(file: &str, yaml: &str) -> Result<Vec<Value>, RuleError> {
    ast_grep_config::from_multiple(yaml).map_err(|error| wrong(file, None, format!("not YAML: {error}")))
}

fn parse_rule(file: &str, mut document: Value, utilities: &Utilities) -> Result<Rule, RuleError> {
    let id = document.get("id").and_then(Value::as_str).unwrap_or_default().to_owned();
    if id.is_empty() {
        return Err(wrong(file, None, "a rule without an `id`".to_owned()));
    }
    let first = allowed_language(file, &document)?;
    let metadata = document.as_object_mut().and_then(|fields| fields.remove("metadata"));
    // a repository's own metadata may have any shape: what we do not understand says nothing
    let metadata: RuleMetadata = metadata.and_then(|value| serde_json::from_value(value).ok()).unwrap_or_default();
    let mut clauses = literals::of_document(&document);
    clauses.extend(metadata.literals.iter().map(|texts| texts.split('|').map(str::to_owned).collect()));
    let mut languages = vec![first];
    for name in &metadata.languages {
        let language = RuleLanguage::named(name).ok_or_else(|| unknown_language(file, Some(&id), name))?;
        languages.push(language);
    }
    let mut compiled = Vec::new();
    for language in languages {
        compiled.push((language, compile(file, &id, &document, language, utilities)?));
    }
    Ok(Rule {
        digest: Digest::of(document.to_string().as_bytes()),
        severity: document
            .get("severity")
            .and_then(|value| serde_json::from_value(value.clone()).ok())
            .unwrap_or_default(),
        message: document.get("message").and_then(Value::as_str).unwrap_or_default().to_owned(),
        files: globs(file, &document, "files")?,
        ignores: globs(file, &document, "ignores")?,
        id,
        metadata,
        compiled,
        clauses,
    })
}

fn compile(
    file: &str,
    id: &str,
    document: &Value,
    language: RuleLanguage,
    utilities: &Utilities,
) -> Result<RuleConfig<SupportLang>, RuleError> {
    let mut document = document.clone();
    document["language"] = Value::from(language.name());
    only_bearable(file, &document, language)?;
    let parsed: SerializableRuleConfig<SupportLang> =
        serde_json::from_value(document.clone()).map_err(|error| wrong(file, Some(&document), error.to_string()))?;
    guarded(|| RuleConfig::try_from(parsed, &utilities.0))
        .ok_or_else(|| wrong(file, Some(&document), "it makes the matcher panic".to_owned()))?
        .map_err(|error| wrong(file, Some(&Value::from_iter([("id", id)])), chain(&error)))
}

fn allowed_language(file: &str, document: &Value) -> Result<RuleLanguage, RuleError> {
    let name = document.get("language").and_then(Value::as_str);
    let name = name.ok_or_else(|| wrong(file, Some(document), "a rule without a `language`".to_owned()))?;
    let id = document.get("id").and_then(Value::as_str);
    RuleLanguage::named(name).ok_or_else(|| unknown_language(file, id, name))
}

/// Refuses patterns that the grammar cannot even read: they would end the process. What is only words may be anything.
fn only_bearable(file: &str, document: &Value, language: RuleLanguage) -> Result<(), RuleError> {
    fn every_text_is(value: &Value, bears: &dyn Fn(&str) -> bool) -> bool {
        match value {
            Value::String(text) => bears(text),
            Value::Array(items) => items.iter().all(|item| every_text_is(item, bears)),
            Value::Object(fields) => fields.values().all(|field| every_text_is(field, bears)),
            _ => true,
        }
    }
    let words = ["id", "message", "note", "url", "severity", "files", "ignores", "labels", "metadata"];
    let Some(fields) = document.as_object() else { return Ok(()) };
    let mut parsed = fields.iter().filter(|(name, _)| !words.contains(&name.as_str()));
    if parsed.all(|(_, field)| every_text_is(field, &|text| language.bears(text))) {
        return Ok(());
    }
    Err(wrong(file, Some(document), format!("it holds text that the grammar of {language} cannot read")))
}

fn unknown_language(file: &str, id: Option<&str>, name: &str) -> RuleError {
    let known: Vec<&str> = RuleLanguage::all().map(RuleLanguage::name).collect();
    RuleError {
        file: file.to_owned(),
        rule: id.map(str::to_owned),
        message: format!("no grammar for the language `{name}`"),
        hint: format!("use one of {}", known.join(", ")),
        is_unknown_language: true,
    }
}

fn globs(file: &str, document: &Value, field: &str) -> Result<Option<GlobSet>, RuleError> {
    let Some(list) = document.get(field).and_then(Value::as_array) else { return Ok(None) };
    let mut set = GlobSetBuilder::new();
    for item in list {
        let text = item.as_str().or_else(|| item.get("glob").and_then(Value::as_str)).unwrap_or_default();
        let any_case = item.get("caseInsensitive").and_then(Value::as_bool).unwrap_or(false);
        let glob: Result<Glob, _> =
            GlobBuilder::new(text.strip_prefix("./").unwrap_or(text)).case_insensitive(any_case).build();
        set.add(glob.map_err(|error| wrong(file, Some(document), format!("`{field}`: {error}")))?);
    }
    set.build().map(Some).map_err(|error| wrong(file, Some(document), format!("`{field}`: {error}")))
}

fn wrong(file: &str, document: Option<&Value>, message: String) -> RuleError {
    RuleError {
        file: file.to_owned(),
        rule: document.and_then(|fields| fields.get("id")).and_then(Value::as_str).map(str::to_owned),
        message,
        hint: "see https://ast-grep.github.io/reference/yaml.html for what a rule may hold".to_owned(),
        is_unknown_language: false,
    }
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text = format!("{text}: {inner}");
        cause = inner.source();
    }
    text
}

/// Whether `source` has no syntax error in this language.
#[must_use]
pub fn is_well_formed(language: RuleLanguage, source: &str) -> bool {
    rewrite::parse(language, source).is_some_and(|root| rewrite::n_syntax_errors(&root) == 0)
}

#[cfg(test)]
#[path = "structural/tests.rs"]
mod tests;
