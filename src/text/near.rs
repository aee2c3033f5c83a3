//! Names like another: what somebody may have meant by a name that is not there.

/// Longer names are no typing mistakes of each other.
const LONGEST: usize = 200;

/// At most `most` of `names` that are like `meant`, the likest first; none where nothing is.
///
/// A path is like another where their file names are alike too: people remember those.
#[must_use]
pub fn near<'a>(meant: &str, names: impl IntoIterator<Item = &'a str>, most: usize) -> Vec<&'a str> {
    let meant = meant.trim().to_lowercase();
    let mut found: Vec<(usize, &str)> =
        names.into_iter().filter_map(|name| Some((unlikeness(&meant, &name.to_lowercase())?, name))).collect();
    found.sort();
    found.dedup();
    found.into_iter().take(most).map(|(_, name)| name).collect()
}

/// How far apart two names are; `None` where they have nothing to do with each other.
fn unlikeness(meant: &str, name: &str) -> Option<usize> {
    if meant.is_empty() || meant.len() > LONGEST || name.len() > LONGEST {
        return None;
    }
    let whole = close(meant, name);
    let (meant_last, name_last) = (last(meant), last(name));
    let by_last = close(meant_last, name_last).map(|far| far + 1);
    let is_part = meant.len() >= 3 && (name.contains(meant) || name_last.contains(meant_last));
    let by_part = is_part.then(|| 3 + name.len().abs_diff(meant.len()) / 8);
    [whole, by_last, by_part].into_iter().flatten().min()
}

fn last(path: &str) -> &str {
    path.trim_end_matches('/').rsplit('/').next().unwrap_or(path)
}

/// How many characters are typed wrong, where no more are than a hurried person mistypes.
fn close(one: &str, other: &str) -> Option<usize> {
    let (one, other): (Vec<char>, Vec<char>) = (one.chars().collect(), other.chars().collect());
    let most = (one.len().max(other.len()) / 4).clamp(1, 4);
    if one.is_empty() || other.is_empty() || one.len().abs_diff(other.len()) > most {
        return None;
    }
    Some(distance(&one, &other)).filter(|far| *far <= most)
}

/// Levenshtein's distance.
pub(super) fn distance(one: &[char], other: &[char]) -> usize {
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (at, left) in one.iter().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], at + 1);
        for (to, right) in other.iter().enumerate() {
            let changed = diagonal + usize::from(left != right);
            diagonal = row[to + 1];
            row[to + 1] = changed.min(row[to] + 1).min(diagonal + 1);
        }
    }
    row[other.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(meant: &str, names: &[&str], expected: &[&str]) {
        assert_eq!(near(meant, names.iter().copied(), 3), expected, "{meant}");
    }

    #[test]
    fn what_was_mistyped_is_found() {
        check(
            "py-none-equalty",
            &["py-none-inequality", "py-none-equality", "go-min"],
            &["py-none-equality", "py-none-inequality"],
        );
        check("Parser.rs", &["src/parser.rs", "src/lexer.rs"], &["src/parser.rs"]);
        check("src/parsr.rs", &["src/text/parser.rs", "src/lexer.rs"], &["src/text/parser.rs"]);
        check("unit", &["unit-tests", "lint"], &["unit-tests"]);
        check("nonsense", &["a.py", "src/b.py"], &[]);
        check("", &["a"], &[]);
        check(&"x".repeat(9999), &["a"], &[]);
        check("größe", &["grösse", "größen"], &["größen"]);
    }
}
