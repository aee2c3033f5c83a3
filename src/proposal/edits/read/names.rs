//! The names of files as models write them: alone on a line, in words, in an info string, in a diff's header.

use crate::id::RepoPath;
use crate::proposal::edits::Name;

/// Names of files that have no dot.
const DOTLESS: &[&str] = &[
    "Makefile",
    "Dockerfile",
    "LICENSE",
    "README",
    "Gemfile",
    "Rakefile",
    "Jenkinsfile",
    "Procfile",
    "Justfile",
    "CODEOWNERS",
];

/// Whether `word` looks like the path of a file.
pub(super) fn is_path(word: &str) -> bool {
    let odd = |c: char| c.is_whitespace() || c.is_control() || "<>|\"*?`;{}=,!".contains(c);
    if word.is_empty() || word.len() > 4096 || word.contains(odd) || word.contains("://") || word.ends_with('/') {
        return false;
    }
    if word.contains(['(', ')', '[', ']']) && !is_route(word) {
        return false;
    }
    let file = word.rsplit(['/', '\\']).next().unwrap_or(word);
    let has_extension = file.rfind('.').is_some_and(|dot| dot + 1 < file.len());
    let letters = file.chars().any(char::is_alphanumeric);
    letters && (has_extension || word.contains('/') || DOTLESS.contains(&file))
}

/// Whether every part of a path with brackets is one of a route as frameworks for the web name them: `(group)`,
/// `[id].tsx`, `[...slug].astro`, `[[page]]`. Calls and links in words have brackets too.
fn is_route(word: &str) -> bool {
    let is_part = |part: &str| {
        let name = |text: &str| text.chars().all(|c| c.is_alphanumeric() || "._-".contains(c));
        let (mut rest, mut is_first) = (part, true);
        while let Some(open) = rest.find(['(', '[']) {
            let (close, skip) = match &rest[open..] {
                tail if tail.starts_with("[[") => ("]]", 2),
                tail if tail.starts_with('[') => ("]", 1),
                _ => (")", 1),
            };
            let Some(end) = rest[open + skip..].find(close) else { return false };
            let inner = &rest[open + skip..open + skip + end];
            if !name(inner) || inner.is_empty() || (is_first && open > 0) {
                return false;
            }
            rest = &rest[open + skip + end + close.len()..];
            is_first = false;
        }
        is_first || rest.is_empty() || (rest.starts_with(['.', '-', '_']) && name(rest))
    };
    let file = word.rsplit('/').next().unwrap_or(word);
    word.contains('/') && !file.ends_with([')', ']']) && word.split('/').all(is_part) && !word.contains("](")
}

/// The path that stands alone on `line`, perhaps dressed: `### src/a.py`, `**src/a.py**:`, `File: src/a.py`.
pub(super) fn alone(line: &str) -> Option<String> {
    let mut rest = line.trim();
    rest = rest.trim_start_matches(['#', '>', '*', '-', ' ']);
    rest = rest.trim_start_matches(|c: char| c.is_ascii_digit()).strip_prefix(". ").unwrap_or(rest).trim();
    for label in ["File name:", "Filename:", "File path:", "File:", "Path:", "file:", "path:", "filename:", "FILE:"] {
        rest = rest.trim_start_matches(['*', '`']).strip_prefix(label).unwrap_or(rest).trim();
    }
    if let Some(open) = rest.rfind(" (")
        && rest.trim_end_matches([':', '*']).ends_with(')')
    {
        rest = rest[..open].trim();
    }
    let dressing = ['`', '*', ':', ' ', '"', '\''];
    let word = rest.trim_matches(dressing);
    is_path(word).then(|| clean(word))
}

/// A word alone on `line`, such as `CHANGES`: a name only where nothing but one can stand.
pub(super) fn word(line: &str) -> Option<String> {
    let word = line.trim().trim_start_matches('#').trim().trim_matches(['`', '*', ':']);
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-+".contains(c);
    (!word.is_empty() && word.chars().all(plain) && word.contains(char::is_alphanumeric)).then(|| word.to_owned())
}

/// The one word between backticks or asterisks with which `line` begins, whatever it looks like: `CHANGES` (new file).
pub(super) fn marked(line: &str) -> Option<String> {
    let rest = line.trim().trim_start_matches(['#', '-', ' ']);
    let mark = ["**", "`"].into_iter().find(|mark| rest.starts_with(mark))?;
    let (inside, rest) = rest[mark.len()..].split_once(mark)?;
    (!rest.contains(['`', '*'])).then(|| word(inside)).flatten()
}

/// The one path between backticks or asterisks on `line`.
pub(super) fn in_words(line: &str) -> Option<String> {
    let mut found = line.split(['`', '*']).skip(1).step_by(1).filter(|word| is_path(word));
    let first = found.next()?;
    found.all(|other| other == first).then(|| clean(first))
}

/// The path of an info string: `python src/a.py`, `python:src/a.py`, `src/a.py`, `python title="src/a.py"`.
pub(super) fn in_info(info: &str) -> Option<String> {
    let words = info.split(|c: char| c.is_whitespace() || matches!(c, '{' | '}' | ','));
    let values = words.flat_map(|word| [Some(word), word.split_once([':', '=']).map(|(_, value)| value)]);
    let path = values
        .flatten()
        .map(|word| word.trim_matches(['"', '\'', '`']))
        .find(|word| is_path(word) && !word.contains(':'))?;
    Some(clean(path))
}

/// Without `./` in front.
pub(super) fn clean(word: &str) -> String {
    let mut word = word;
    while let Some(rest) = word.strip_prefix("./") {
        word = rest;
    }
    word.to_owned()
}

/// What `---` or `+++` names: nothing for `/dev/null`.
pub(super) fn side(rest: &str) -> Option<String> {
    let rest = rest.trim_end_matches('\r');
    let name = if rest.trim_start().starts_with('"') {
        let quoted = rest.trim().parse::<RepoPath>().ok()?;
        quoted.as_utf8()?.to_owned()
    } else {
        rest.split('\t').next().unwrap_or(rest).trim().trim_matches('`').to_owned()
    };
    (name != "/dev/null").then(|| clean(&name))
}

/// The one file that both sides of a diff's header mean.
pub(super) fn both(old: &str, new: &str) -> Option<Name> {
    match (letter(old), letter(new)) {
        (Some((one, from)), Some((other, to))) if one != other && from == to => Some(Name::plain(from)),
        (Some((_, from)), _) if old == new => Some(Name { said: old.to_owned(), or: Some(from.to_owned()) }),
        _ if old == new => Some(Name::plain(old)),
        (Some((_, from)), _) if from == new => Some(Name::plain(new)),
        (_, Some((_, to))) if to == old => Some(Name::plain(old)),
        _ => None,
    }
}

/// One side of a header whose other is `/dev/null` or another file.
pub(super) fn one(side: &str) -> Name {
    match letter(side) {
        Some((_, rest)) => Name { said: rest.to_owned(), or: Some(side.to_owned()) },
        None => Name::plain(side),
    }
}

/// The directory of one letter that diffs put before a name, and the rest.
fn letter(name: &str) -> Option<(u8, &str)> {
    let first = *name.as_bytes().first()?;
    let rest = name.get(1..)?.strip_prefix('/')?;
    (b"abciow".contains(&first) && !rest.is_empty()).then_some((first, rest))
}

/// The names of `diff --git a/x b/x`, where both mean one file.
pub(super) fn of_git(rest: &str) -> Option<Name> {
    let rest = rest.trim_end();
    let split = |at: usize| Some((rest.get(..at)?, rest.get(at + 1..)?));
    // blanks may belong to the names: both are of nearly one length when they mean one file
    let middle = rest.len() / 2;
    let near = (middle.saturating_sub(2)..=middle + 2).filter(|at| rest.as_bytes().get(*at) == Some(&b' '));
    near.filter_map(split).find_map(|(old, new)| both(&side(old)?, &side(new)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_alone_on_a_line_is_undressed() {
        let dressed = [
            "src/a.py",
            "`src/a.py`:",
            "### src/a.py",
            "**src/a.py**",
            "File: src/a.py",
            "1. `src/a.py`",
            "./src/a.py",
            "## `src/a.py` (whole file):",
            "- **`src/a.py`**",
            "#### File: `src/a.py`",
        ];
        for line in dressed {
            assert_eq!(alone(line).as_deref(), Some("src/a.py"), "{line}");
        }
        for line in ["Done.", "...", "In `src/a.py` there is:", "https://a.b/c", "", "e.g.", "a b.c", "\\section"] {
            assert_eq!(alone(line), None, "{line}");
        }
        assert_eq!(alone("Makefile").as_deref(), Some("Makefile"));
        assert_eq!(alone("C:\\work\\LICENSE").as_deref(), Some("C:\\work\\LICENSE"));
    }

    #[test]
    fn brackets_stand_in_routes_and_not_in_calls_and_links() {
        for path in [
            "src/pages/blog/[...slug].astro",
            "app/(shop)/[id]/page.tsx",
            "pages/[[...all]].js",
            "src/routes/[lang]/+page.svelte",
            "pages/[id]-[name].vue",
        ] {
            assert_eq!(alone(path).as_deref(), Some(path));
        }
        for line in
            ["open(a/b.py)", "[a.md](b/a.md)", "f(x)/y.py", "a/b.py)", "lib/f()", "x[0].y", "a/()/b.c", "a/[b/c].d"]
        {
            assert_eq!(alone(line), None, "{line}");
        }
    }

    #[test]
    fn names_in_info_strings_and_words_are_found() {
        assert_eq!(in_info("python src/a.py").as_deref(), Some("src/a.py"));
        assert_eq!(in_info("python:src/a.py").as_deref(), Some("src/a.py"));
        assert_eq!(in_info("ts title=\"src/a.ts\"").as_deref(), Some("src/a.ts"));
        assert_eq!(in_info("rust,ignore"), None);
        assert_eq!(in_words("The whole file `src/a.py` is:").as_deref(), Some("src/a.py"));
        assert_eq!(in_words("`a.py` becomes `b.py`"), None);
    }

    #[test]
    fn headers_of_diffs_mean_one_file() {
        assert_eq!(both("a/x", "b/x"), Some(Name::plain("x")));
        assert_eq!(both("x", "x"), Some(Name::plain("x")));
        assert_eq!(both("x", "b/x"), Some(Name::plain("x")));
        assert_eq!(both("a/x", "x"), Some(Name::plain("x")));
        assert_eq!(both("a/x", "a/x"), Some(Name { said: "a/x".into(), or: Some("x".into()) }));
        assert_eq!(both("x", "y"), None);
        assert_eq!(of_git("a/x y b/x y"), Some(Name::plain("x y")));
        assert_eq!(of_git("a/x b/x"), Some(Name::plain("x")));
        assert_eq!(of_git("x x"), Some(Name::plain("x")));
        assert_eq!(side("a/x\t2024-01-01"), Some("a/x".into()));
        assert_eq!(side("/dev/null"), None);
    }
}
