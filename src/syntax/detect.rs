//! Which language a file is in: by its name, its extension, or its first line.

use super::Language;
use crate::id::RepoPath;

impl Language {
    /// The language of the file at `path`: by its whole name, else its extension, else the shebang on `first_line`
    /// (the file's first line, or any prefix of the file).
    #[must_use]
    pub fn from_path(path: &RepoPath, first_line: &[u8]) -> Option<Self> {
        let by_name = std::str::from_utf8(path.file_name()).ok().and_then(by_file_name);
        by_name.or_else(|| path.extension().and_then(by_extension)).or_else(|| by_shebang(first_line))
    }
}

fn by_file_name(name: &str) -> Option<Language> {
    Some(match name {
        "Cargo.lock" | "Pipfile" | "poetry.lock" | "uv.lock" | "pdm.lock" | "Gopkg.lock" => Language::Toml,
        ".bashrc" | ".bash_profile" | ".bash_aliases" | ".bash_logout" | ".profile" | ".zshrc" | ".zshenv"
        | ".zprofile" | ".envrc" | "PKGBUILD" | "APKBUILD" | "bashrc" => Language::Bash,
        ".prettierrc" | ".eslintrc" | ".babelrc" | ".swcrc" | "composer.lock" | "Pipfile.lock" | "flake.lock"
        | "deno.lock" | ".watchmanconfig" => Language::Json,
        ".clang-format" | ".clang-tidy" | ".clangd" | "CITATION.cff" => Language::Yaml,
        "Gemfile" | "Rakefile" | "Guardfile" | "Podfile" | "Fastfile" | "Vagrantfile" | "Capfile" | "Brewfile"
        | ".irbrc" | ".pryrc" => Language::Ruby,
        "SConstruct" | "SConscript" | "wscript" => Language::Python,
        "Jakefile" => Language::JavaScript,
        _ => return None,
    })
}

fn by_extension(extension: &str) -> Option<Language> {
    let lower = extension.to_ascii_lowercase();
    Some(match lower.as_str() {
        "rs" => Language::Rust,
        "py" | "pyi" | "pyw" => Language::Python,
        "js" | "mjs" | "cjs" | "jsx" => Language::JavaScript,
        "ts" | "mts" | "cts" => Language::TypeScript,
        "tsx" => Language::Tsx,
        "go" => Language::Go,
        "java" => Language::Java,
        // `.C` and `.H` are C++ by old custom
        "c" | "h" if extension.starts_with(|first: char| first.is_ascii_uppercase()) => Language::Cpp,
        "c" | "h" => Language::C,
        "cc" | "cpp" | "cxx" | "c++" | "hpp" | "hh" | "hxx" | "h++" | "ipp" | "tpp" | "inl" => Language::Cpp,
        "cs" | "csx" => Language::CSharp,
        "rb" | "rake" | "gemspec" | "ru" | "podspec" => Language::Ruby,
        "php" | "phtml" | "php3" | "php4" | "php5" | "php7" | "phps" => Language::Php,
        "sh" | "bash" | "zsh" | "ksh" | "bats" | "ebuild" => Language::Bash,
        "json" | "jsonc" | "json5" | "geojson" | "webmanifest" | "ipynb" | "har" => Language::Json,
        "toml" => Language::Toml,
        "yml" | "yaml" => Language::Yaml,
        "html" | "htm" | "xhtml" => Language::Html,
        "css" => Language::Css,
        "md" | "markdown" | "mdown" | "mkd" => Language::Markdown,
        _ => return None,
    })
}

/// The interpreter a shebang names: `#!/usr/bin/env -S python3.12 -u` gives Python.
fn by_shebang(first_line: &[u8]) -> Option<Language> {
    let line = first_line.strip_prefix(b"#!")?;
    let line = &line[..memchr::memchr(b'\n', line).unwrap_or(line.len()).min(200)];
    let text = String::from_utf8_lossy(line);
    let interpreter = text
        .split_whitespace()
        .map(|word| word.rsplit('/').next().unwrap_or(word))
        .find(|word| *word != "env" && !word.starts_with('-') && !word.contains('='))?;
    let plain = interpreter.trim_end_matches(|last: char| last.is_ascii_digit() || last == '.' || last == '-');
    Some(match plain {
        "sh" | "bash" | "dash" | "zsh" | "ksh" | "ash" => Language::Bash,
        "python" | "pypy" => Language::Python,
        "node" | "nodejs" | "bun" => Language::JavaScript,
        "deno" | "ts-node" | "tsx" => Language::TypeScript,
        "ruby" | "jruby" => Language::Ruby,
        "php" => Language::Php,
        "rust-script" => Language::Rust,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(path: &str, first_line: &str, expected: Option<Language>) {
        assert_eq!(Language::from_path(&RepoPath::from(path), first_line.as_bytes()), expected, "{path}");
    }

    #[test]
    fn names_extensions_and_shebangs_tell_the_language() {
        check("src/lib.rs", "", Some(Language::Rust));
        check("Cargo.lock", "", Some(Language::Toml));
        check(".bashrc", "", Some(Language::Bash));
        check("a/Gemfile", "", Some(Language::Ruby));
        check("x.TSX", "", Some(Language::Tsx));
        check("x.h", "", Some(Language::C));
        check("x.H", "", Some(Language::Cpp));
        check("Makefile", "", None);
        check("LICENSE", "MIT License", None);
        check("bin/tool", "#!/bin/sh -e\n", Some(Language::Bash));
        check("bin/tool", "#!/usr/bin/env -S FOO=1 python3.12 -u", Some(Language::Python));
        check("bin/tool", "#!/usr/bin/env", None);
        check("bin/tool", "#!", None);
        check("bin/tool", "#!/usr/bin/perl", None);
        check("tool.py", "#!/bin/sh", Some(Language::Python));
    }

    #[test]
    fn names_and_numbers_read_back() {
        for language in Language::ALL {
            assert_eq!(Language::from_name(language.name()), Some(language));
            assert_eq!(Language::from_code(language.code()), Some(language));
            assert_eq!(serde_json::to_string(&language).expect("a name"), format!("\"{}\"", language.name()));
        }
        assert_eq!(Language::from_code(200), None);
    }
}
