//! The lines of a log, without colours and endings, each of a bounded length.

/// The longest line that is looked at, in bytes; the rest of it is left out.
const LONGEST: usize = 4096;

/// A log's lines.
pub(super) struct Lines<'a> {
    lines: Vec<std::borrow::Cow<'a, str>>,
}

impl<'a> Lines<'a> {
    pub(super) fn of(text: &'a str) -> Self {
        Self { lines: text.lines().map(|line| plain(cut(line))).collect() }
    }

    pub(super) fn iter(&self) -> impl DoubleEndedIterator<Item = &str> {
        self.lines.iter().map(AsRef::as_ref)
    }

    pub(super) fn any(&self, test: impl Fn(&str) -> bool) -> bool {
        self.iter().any(test)
    }
}

fn cut(line: &str) -> &str {
    let line = line.trim_end_matches('\r');
    // a progress line redraws itself: what stands is what was written last
    let line = line.rsplit('\r').next().unwrap_or(line);
    let mut end = line.len().min(LONGEST);
    while !line.is_char_boundary(end) {
        end -= 1;
    }
    &line[..end]
}

/// Takes `ESC [ … letter` away: runners colour their words.
fn plain(line: &str) -> std::borrow::Cow<'_, str> {
    if !line.contains('\x1b') {
        return line.into();
    }
    let mut kept = String::with_capacity(line.len());
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        if c != '\x1b' {
            kept.push(c);
        } else if chars.next() == Some('[') {
            chars.by_ref().find(|c| ('@'..='~').contains(c));
        }
    }
    kept.into()
}

/// The number before `word` in `text`, as in `3 passed, 1 failed`.
pub(super) fn number_before(text: &str, word: &str) -> Option<u32> {
    let words: Vec<&str> =
        text.split(|c: char| c.is_whitespace() || matches!(c, ',' | ';' | '(' | ')' | '|')).collect();
    let words: Vec<&str> = words.into_iter().filter(|word| !word.is_empty()).collect();
    let at = words.iter().position(|each| *each == word)?;
    words.get(at.checked_sub(1)?)?.parse().ok()
}

/// The number after `key` in `text`, as in `failures=2` or `Tests run: 5`.
pub(super) fn number_after(text: &str, key: &str) -> Option<u32> {
    let rest = text.split_once(key)?.1.trim_start();
    let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    rest[..end].parse().ok()
}
