//! Fences of Markdown: where a block of code begins and ends, and what its info string says.

use super::number;

/// An open fence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fence<'a> {
    at: usize,
    mark: u8,
    len: usize,
    indent: usize,
    /// What follows the marks.
    pub(super) info: &'a str,
}

impl<'a> Fence<'a> {
    /// The fence that `line`, at index `at`, opens.
    pub(super) fn open(line: &'a str, at: usize) -> Option<Self> {
        let rest = line.trim_start_matches([' ', '\t']);
        let mark = *rest.as_bytes().first().filter(|mark| matches!(mark, b'`' | b'~'))?;
        let len = rest.bytes().take_while(|byte| *byte == mark).count();
        let info = rest[len..].trim();
        (len >= 3 && !info.contains('`')).then_some(Self { at, mark, len, indent: line.len() - rest.len(), info })
    }

    /// Whether `line` ends it. A line of a diff that begins with a blank and a fence does not.
    pub(super) fn is_closed_by(&self, line: &str) -> bool {
        let rest = line.trim_start_matches([' ', '\t']);
        let len = rest.bytes().take_while(|byte| *byte == self.mark).count();
        line.len() - rest.len() <= self.indent && len >= self.len && rest[len..].trim().is_empty()
    }

    /// Whether `line` would open a fence inside, which this one could be taken to end with.
    pub(super) fn is_doubled_by(&self, line: &str) -> bool {
        Fence::open(line, 0).is_some_and(|inner| {
            inner.mark == self.mark && inner.len >= self.len && inner.indent <= self.indent && !inner.info.is_empty()
        })
    }

    /// Whether `line`, which closes it, has as many marks.
    pub(super) fn is_as_long_as(&self, line: &str) -> bool {
        line.trim().len() == self.len
    }

    /// `line` as it is inside of the fence, which may be indented itself.
    pub(super) fn without_indent<'b>(&self, line: &'b str) -> Option<&'b str> {
        if line.trim().is_empty() {
            return Some(line.get(self.indent..).unwrap_or_default());
        }
        let (indent, rest) = line.split_at_checked(self.indent)?;
        indent.trim().is_empty().then_some(rest)
    }

    /// The reply's line of it, 1-based.
    pub(super) fn number(&self) -> u32 {
        number(self.at)
    }

    /// Its index.
    pub(super) fn at(&self) -> usize {
        self.at
    }

    /// The language, lower case.
    pub(super) fn language(&self) -> String {
        let word = self.info.split(|c: char| c.is_whitespace() || matches!(c, ':' | '{' | ',')).next();
        word.unwrap_or_default().to_ascii_lowercase()
    }

    pub(super) fn is_diff(&self) -> bool {
        matches!(self.language().as_str(), "diff" | "patch" | "udiff")
    }

    /// Whether what is in it is some edit's, by its language.
    pub(super) fn is_shell(&self) -> bool {
        matches!(self.language().as_str(), "bash" | "sh" | "shell" | "console" | "zsh" | "fish" | "powershell" | "cmd")
    }
}
