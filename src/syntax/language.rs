//! The languages Paraph has a grammar for.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A language with a grammar. Numbers are written to caches: append, never reorder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[repr(u8)]
#[allow(missing_docs)] // each variant is the language of its name
pub enum Language {
    Rust,
    Python,
    #[serde(rename = "javascript")]
    JavaScript,
    #[serde(rename = "typescript")]
    TypeScript,
    Tsx,
    Go,
    Java,
    C,
    Cpp,
    CSharp,
    Ruby,
    Php,
    Bash,
    Json,
    Toml,
    Yaml,
    Html,
    Css,
    Markdown,
}

impl Language {
    /// Every language, in the order of their numbers.
    pub const ALL: [Self; 19] = [
        Self::Rust,
        Self::Python,
        Self::JavaScript,
        Self::TypeScript,
        Self::Tsx,
        Self::Go,
        Self::Java,
        Self::C,
        Self::Cpp,
        Self::CSharp,
        Self::Ruby,
        Self::Php,
        Self::Bash,
        Self::Json,
        Self::Toml,
        Self::Yaml,
        Self::Html,
        Self::Css,
        Self::Markdown,
    ];

    /// The name used in JSON, configuration and on the screen: `rust`, `c-sharp`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Rust => "rust",
            Self::Python => "python",
            Self::JavaScript => "javascript",
            Self::TypeScript => "typescript",
            Self::Tsx => "tsx",
            Self::Go => "go",
            Self::Java => "java",
            Self::C => "c",
            Self::Cpp => "cpp",
            Self::CSharp => "c-sharp",
            Self::Ruby => "ruby",
            Self::Php => "php",
            Self::Bash => "bash",
            Self::Json => "json",
            Self::Toml => "toml",
            Self::Yaml => "yaml",
            Self::Html => "html",
            Self::Css => "css",
            Self::Markdown => "markdown",
        }
    }

    /// The language that [`Language::name`] names.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|language| language.name() == name)
    }

    /// The number written to caches.
    #[must_use]
    pub fn code(self) -> u8 {
        self as u8
    }

    /// The language of a number written to a cache.
    #[must_use]
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.get(usize::from(code)).copied()
    }

    /// Whether definitions, references and imports are known for it.
    #[must_use]
    pub fn has_tags(self) -> bool {
        self <= Self::Bash
    }

    /// The grammar.
    pub(super) fn grammar(self) -> tree_sitter::Language {
        match self {
            Self::Rust => tree_sitter_rust::LANGUAGE,
            Self::Python => tree_sitter_python::LANGUAGE,
            Self::JavaScript => tree_sitter_javascript::LANGUAGE,
            Self::TypeScript => tree_sitter_typescript::LANGUAGE_TYPESCRIPT,
            Self::Tsx => tree_sitter_typescript::LANGUAGE_TSX,
            Self::Go => tree_sitter_go::LANGUAGE,
            Self::Java => tree_sitter_java::LANGUAGE,
            Self::C => tree_sitter_c::LANGUAGE,
            Self::Cpp => tree_sitter_cpp::LANGUAGE,
            Self::CSharp => tree_sitter_c_sharp::LANGUAGE,
            Self::Ruby => tree_sitter_ruby::LANGUAGE,
            Self::Php => tree_sitter_php::LANGUAGE_PHP,
            Self::Bash => tree_sitter_bash::LANGUAGE,
            Self::Json => tree_sitter_json::LANGUAGE,
            Self::Toml => tree_sitter_toml_ng::LANGUAGE,
            Self::Yaml => tree_sitter_yaml::LANGUAGE,
            Self::Html => tree_sitter_html::LANGUAGE,
            Self::Css => tree_sitter_css::LANGUAGE,
            Self::Markdown => tree_sitter_md::LANGUAGE,
        }
        .into()
    }

    /// The highlight query the grammar ships, whole: C++ builds on C, TypeScript on JavaScript.
    pub(super) fn highlight_source(self) -> String {
        let javascript = tree_sitter_javascript::HIGHLIGHT_QUERY;
        let jsx = tree_sitter_javascript::JSX_HIGHLIGHT_QUERY;
        match self {
            // the grammar's query calls numbers constants
            Self::Rust => [
                tree_sitter_rust::HIGHLIGHTS_QUERY,
                "(integer_literal) @number (float_literal) @number (use_declaration argument: (identifier) @module)",
            ]
            .join("\n"),
            Self::Python => tree_sitter_python::HIGHLIGHTS_QUERY.to_owned(),
            Self::JavaScript => [javascript, jsx].join("\n"),
            Self::TypeScript => [javascript, tree_sitter_typescript::HIGHLIGHTS_QUERY].join("\n"),
            Self::Tsx => [javascript, jsx, tree_sitter_typescript::HIGHLIGHTS_QUERY].join("\n"),
            Self::Go => tree_sitter_go::HIGHLIGHTS_QUERY.to_owned(),
            Self::Java => tree_sitter_java::HIGHLIGHTS_QUERY.to_owned(),
            Self::C => tree_sitter_c::HIGHLIGHT_QUERY.to_owned(),
            Self::Cpp => [tree_sitter_c::HIGHLIGHT_QUERY, tree_sitter_cpp::HIGHLIGHT_QUERY].join("\n"),
            Self::CSharp => tree_sitter_c_sharp::HIGHLIGHTS_QUERY.to_owned(),
            Self::Ruby => tree_sitter_ruby::HIGHLIGHTS_QUERY.to_owned(),
            Self::Php => tree_sitter_php::HIGHLIGHTS_QUERY.to_owned(),
            Self::Bash => tree_sitter_bash::HIGHLIGHT_QUERY.to_owned(),
            Self::Json => tree_sitter_json::HIGHLIGHTS_QUERY.to_owned(),
            Self::Toml => tree_sitter_toml_ng::HIGHLIGHTS_QUERY.to_owned(),
            Self::Yaml => tree_sitter_yaml::HIGHLIGHTS_QUERY.to_owned(),
            Self::Html => tree_sitter_html::HIGHLIGHTS_QUERY.to_owned(),
            Self::Css => tree_sitter_css::HIGHLIGHTS_QUERY.to_owned(),
            Self::Markdown => tree_sitter_md::HIGHLIGHT_QUERY_BLOCK.to_owned(),
        }
    }
}

impl fmt::Display for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
