//! A shift of indentation that is the same on every line.

/// What turns the indentation of a reply's lines into that of the file's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Shift {
    /// The file has this much more.
    More(Vec<u8>),
    /// The file has this much less.
    Less(Vec<u8>),
    /// The file has one tab where the reply has so many blanks.
    ToTabs(usize),
    /// The file has so many blanks where the reply has one tab.
    ToBlanks(usize),
}

/// The widths of a tab that are believed.
const WIDTHS: std::ops::RangeInclusive<usize> = 2..=8;

fn indent(line: &[u8]) -> &[u8] {
    &line[..line.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count()]
}

fn is_blank(line: &[u8]) -> bool {
    line.trim_ascii().is_empty()
}

impl Shift {
    /// The one shift of all `pairs` of a reply's line and a file's line; blank lines say nothing.
    pub(super) fn of<'a>(pairs: impl Iterator<Item = (&'a [u8], &'a [u8])> + Clone) -> Option<Self> {
        let mut indents = pairs.filter(|(said, _)| !is_blank(said)).map(|(said, has)| (indent(said), indent(has)));
        let all = indents.clone();
        let (said, has) = indents.next()?;
        let by_ends = if let Some(more) = has.strip_suffix(said) {
            Some(Self::More(more.to_vec()))
        } else {
            said.strip_suffix(has).map(|less| Self::Less(less.to_vec()))
        };
        let by_tabs = || {
            let (said, has) = all.clone().find(|(said, has)| !said.is_empty() && !has.is_empty())?;
            let only = |indent: &[u8], byte| indent.iter().all(|found| *found == byte);
            let (long, short) = (said.len().max(has.len()), said.len().min(has.len()));
            let width = long.is_multiple_of(short).then_some(long / short).filter(|width| WIDTHS.contains(width))?;
            if only(said, b' ') && only(has, b'\t') {
                Some(Self::ToTabs(width))
            } else {
                (only(said, b'\t') && only(has, b' ')).then_some(Self::ToBlanks(width))
            }
        };
        let holds = |shift: &Self| all.clone().all(|(said, has)| shift.indent(said).as_deref() == Some(has));
        by_ends.filter(holds).or_else(|| by_tabs().filter(holds))
    }

    /// Whether it is what a blank too few or too many before each line looks like.
    pub(super) fn is_one_blank(&self) -> bool {
        matches!(self, Self::More(by) | Self::Less(by) if by == b" ")
    }

    /// The indentation that `said` becomes.
    fn indent(&self, said: &[u8]) -> Option<Vec<u8>> {
        let only = |byte| said.iter().all(|found| *found == byte);
        match self {
            Self::More(more) => Some([more, said].concat()),
            Self::Less(less) => said.strip_prefix(less.as_slice()).map(<[u8]>::to_vec),
            Self::ToTabs(width) => {
                (only(b' ') && said.len().is_multiple_of(*width)).then(|| vec![b'\t'; said.len() / width])
            }
            Self::ToBlanks(width) => only(b'\t').then(|| vec![b' '; said.len() * width]),
        }
    }

    /// `line` with its indentation shifted; `None` where it does not follow.
    pub(super) fn apply(&self, line: &[u8]) -> Option<Vec<u8>> {
        if is_blank(line) {
            return Some(line.to_vec());
        }
        let old = indent(line);
        Some([&self.indent(old)?, &line[old.len()..]].concat())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(pairs: &[(&str, &str)], expected: Option<Shift>) {
        assert_eq!(Shift::of(pairs.iter().map(|(said, has)| (said.as_bytes(), has.as_bytes()))), expected);
    }

    #[test]
    fn one_shift_holds_for_all_lines_or_for_none() {
        check(&[("a", "  a"), ("  b", "    b"), ("", "")], Some(Shift::More(b"  ".to_vec())));
        check(&[("    a", "  a"), ("      b", "    b")], Some(Shift::Less(b"  ".to_vec())));
        check(&[("a", "  a"), ("b", "   b")], None);
        check(&[("    a", "\ta"), ("        b", "\t\tb")], Some(Shift::ToTabs(4)));
        check(&[("a", "a"), ("    b", "\tb")], Some(Shift::ToTabs(4)));
        check(&[("\ta", "  a"), ("\t\tb", "    b")], Some(Shift::ToBlanks(2)));
        check(&[("    a", "\ta"), ("      b", "\t\tb")], None);
        check(&[("", "")], None);
    }

    #[test]
    fn new_lines_follow_or_are_refused() {
        assert_eq!(Shift::More(b"\t".to_vec()).apply(b"x"), Some(b"\tx".to_vec()));
        assert_eq!(Shift::Less(b"  ".to_vec()).apply(b" x"), None);
        assert_eq!(Shift::ToTabs(4).apply(b"      x"), None);
        assert_eq!(Shift::ToTabs(4).apply(b"        x"), Some(b"\t\tx".to_vec()));
        assert_eq!(Shift::Less(b"  ".to_vec()).apply(b""), Some(Vec::new()));
    }
}
