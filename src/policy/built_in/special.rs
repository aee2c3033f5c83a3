//! Files that git itself obeys: `.gitmodules` and `.gitattributes`.

use super::Violation;
use super::added::Texts;
use super::rules::breach;

/// What this file's change breaks, where it is one of git's own.
pub(super) fn check(texts: &Texts<'_>, found: &mut Vec<Violation>) {
    match texts.file.path.file_name().to_ascii_lowercase().as_slice() {
        b".gitmodules" => modules(texts, found),
        b".gitattributes" => attributes(texts, found),
        _ => {}
    }
}

fn modules(texts: &Texts<'_>, found: &mut Vec<Violation>) {
    let before = found.len();
    for (number, line) in texts.added() {
        let Some((key, value)) = line.split_once('=') else {
            if line.trim_start().starts_with("[submodule") && line.contains("..") {
                found.push(breach("gitmodules-url", &texts.file.path, Some(number), "a submodule's name holds `..`"));
            }
            continue;
        };
        let (key, value) = (key.trim().to_ascii_lowercase(), value.trim().trim_matches('"'));
        let trick = match key.as_str() {
            "url" => url_trick(value),
            "path" if value.starts_with('-') => Some("its path starts with a dash, so git takes it for an option"),
            "path" if value.starts_with('/') || value.split('/').any(|part| part == "..") => {
                Some("its path leaves the repository")
            }
            "update" if value.starts_with('!') => Some("its update setting runs a command"),
            _ => None,
        };
        if let Some(trick) = trick {
            found.push(breach("gitmodules-url", &texts.file.path, Some(number), format!("of a submodule, {trick}")));
        }
    }
    if found.len() == before {
        found.push(breach(
            "gitmodules-changed",
            &texts.file.path,
            None,
            "what the submodules are, or where from, changes",
        ));
    }
}

fn url_trick(url: &str) -> Option<&'static str> {
    let lower = url.to_ascii_lowercase();
    if url.starts_with('-') {
        return Some("the url starts with a dash, so git takes it for an option");
    }
    if lower.contains("::") && !lower.contains("//[") {
        return Some("the url names a transport helper, which runs a command");
    }
    if lower.starts_with("file:") || url.starts_with('/') {
        return Some("the url is a place on this machine");
    }
    if ["%0a", "%0d", "%00"].iter().any(|code| lower.contains(code)) || url.contains(char::is_control) {
        return Some("the url holds control characters");
    }
    let host = url.split_once("://").map_or(url, |(_, rest)| rest);
    host.starts_with('-').then_some("the url's host starts with a dash, so ssh takes it for an option")
}

/// Drivers of git itself, and of git-lfs, which the user installed on purpose.
const KNOWN_DRIVERS: &[&str] = &["filter=lfs", "diff=lfs", "merge=lfs", "merge=union", "merge=binary", "merge=text"];

/// The languages that git knows hunk headers for: `diff=rust` runs nothing.
const HUNK_HEADERS: &[&str] = &[
    "ada", "bash", "bibtex", "cpp", "csharp", "css", "dts", "elixir", "fortran", "fountain", "golang", "html", "ini",
    "java", "kotlin", "markdown", "matlab", "objc", "pascal", "perl", "php", "python", "ruby", "rust", "scheme", "tex",
];

fn attributes(texts: &Texts<'_>, found: &mut Vec<Violation>) {
    for (number, line) in texts.added() {
        if line.trim_start().starts_with('#') {
            continue;
        }
        let macro_line = line.trim_start().starts_with("[attr]");
        for word in line.split_whitespace().skip(1) {
            if is_driver(word) {
                let message = format!("`{word}` makes git run whatever its driver is configured to be");
                found.push(breach("attributes-driver", &texts.file.path, Some(number), message));
            } else if hides(word) && !macro_line {
                let message = format!("`{word}` takes matching files out of what a reviewer is shown");
                found.push(breach("attributes-hide", &texts.file.path, Some(number), message));
            }
        }
    }
}

fn is_driver(word: &str) -> bool {
    let Some((name, value)) = word.split_once('=') else { return false };
    let harmless = KNOWN_DRIVERS.contains(&word) || name == "diff" && HUNK_HEADERS.contains(&value);
    matches!(name, "filter" | "diff" | "merge") && !harmless
}

fn hides(word: &str) -> bool {
    matches!(word, "-diff" | "binary" | "linguist-generated" | "linguist-generated=true" | "linguist-vendored")
}
