//! The languages that structural rules may name: only those whose grammar is built in.

use std::fmt;

use ast_grep_language::SupportLang;

use crate::id::RepoPath;
use crate::syntax::Language;
use crate::syntax::parsed::is_bearable;

/// A language whose grammar is built in; asking ast-grep for any other would panic, so nothing else gets there.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct RuleLanguage(SupportLang);

/// Name as ast-grep's rules write it, the grammar, other names people use, extensions.
type Row = (&'static str, SupportLang, &'static [&'static str], &'static [&'static str]);

const LANGUAGES: &[Row] = &[
    ("bash", SupportLang::Bash, &["sh", "shell"], &["sh", "bash"]),
    ("c", SupportLang::C, &[], &["c", "h"]),
    ("cpp", SupportLang::Cpp, &["c++", "cc", "cxx"], &["cc", "cpp", "cxx", "hpp", "hh", "hxx", "c++"]),
    ("csharp", SupportLang::CSharp, &["cs", "c#"], &["cs"]),
    ("css", SupportLang::Css, &[], &["css"]),
    ("go", SupportLang::Go, &["golang"], &["go"]),
    ("html", SupportLang::Html, &[], &["html", "htm"]),
    ("java", SupportLang::Java, &[], &["java"]),
    ("javascript", SupportLang::JavaScript, &["js", "jsx", "node", "nodejs"], &["js", "mjs", "cjs", "jsx"]),
    ("json", SupportLang::Json, &[], &["json"]),
    ("php", SupportLang::Php, &[], &["php"]),
    ("python", SupportLang::Python, &["py", "python3"], &["py", "pyi"]),
    ("ruby", SupportLang::Ruby, &["rb"], &["rb", "rake", "gemspec"]),
    ("rust", SupportLang::Rust, &["rs"], &["rs"]),
    ("tsx", SupportLang::Tsx, &[], &["tsx"]),
    ("typescript", SupportLang::TypeScript, &["ts"], &["ts", "mts", "cts"]),
    ("yaml", SupportLang::Yaml, &["yml"], &["yaml", "yml"]),
];

impl RuleLanguage {
    /// Every language that rules may name.
    pub fn all() -> impl Iterator<Item = Self> {
        LANGUAGES.iter().map(|row| Self(row.1))
    }

    /// The language of this name or nickname (`py`), in any case.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        let name = name.to_ascii_lowercase();
        LANGUAGES.iter().find(|row| row.0 == name || row.2.contains(&name.as_str())).map(|row| Self(row.1))
    }

    /// The language that a file's extension stands for.
    #[must_use]
    pub fn of_path(path: &RepoPath) -> Option<Self> {
        let extension = path.extension()?.to_ascii_lowercase();
        LANGUAGES.iter().find(|row| row.3.contains(&extension.as_str())).map(|row| Self(row.1))
    }

    /// The name as rules write it.
    #[must_use]
    pub fn name(self) -> &'static str {
        LANGUAGES.iter().find(|row| row.1 == self.0).map(|row| row.0).expect("only languages of the table are made")
    }

    /// The extensions that stand for it.
    #[must_use]
    pub fn extensions(self) -> &'static [&'static str] {
        LANGUAGES.iter().find(|row| row.1 == self.0).map(|row| row.3).expect("only languages of the table are made")
    }

    /// Whether the grammar can read `text` at all: some texts crash the scanners of Bash and Ruby. Of such a text every
    /// scan is empty; whoever reports what was looked at says so.
    #[must_use]
    pub fn bears(self, text: &str) -> bool {
        let language = match self.0 {
            SupportLang::Bash => Language::Bash,
            SupportLang::Ruby => Language::Ruby,
            _ => return true,
        };
        is_bearable(language, text)
    }

    pub(super) fn grammar(self) -> SupportLang {
        self.0
    }
}

impl PartialOrd for RuleLanguage {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for RuleLanguage {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.name().cmp(other.name())
    }
}

impl fmt::Display for RuleLanguage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Debug for RuleLanguage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::RuleLanguage;
    use ast_grep_language::LanguageExt as _;

    #[test]
    fn every_language_of_the_table_parses() {
        for language in RuleLanguage::all() {
            let root = language.grammar().ast_grep("x");
            assert_eq!(root.root().text(), "x", "{language}");
        }
    }

    #[test]
    fn names_nicknames_and_paths_lead_to_a_language() {
        assert_eq!(RuleLanguage::named("PY").map(RuleLanguage::name), Some("python"));
        assert_eq!(RuleLanguage::named("kotlin"), None);
        assert_eq!(RuleLanguage::of_path(&"a/b.tsx".into()).map(RuleLanguage::name), Some("tsx"));
        assert_eq!(RuleLanguage::of_path(&"a/Makefile".into()), None);
    }
}
