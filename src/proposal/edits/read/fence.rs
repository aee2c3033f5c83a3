//! Fences of Markdown, and the tags that stand in place of one: where a block of code begins and ends, and what its info
//! string says.

use super::number;

/// Tags that stand in place of a fence. // aider has models write these where a file holds fences itself
const TAGS: [&str; 5] = ["source", "code", "pre", "codeblock", "sourcecode"];

/// An open fence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fence<'a> {
    at: usize,
    mark: Mark<'a>,
    indent: usize,
    /// What follows the marks.
    pub(super) info: &'a str,
}

/// What it is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mark<'a> {
    /// So many of one byte.
    Run(u8, usize),
    /// `<source>`, perhaps with a language behind it, to `</source>`, each alone on its line.
    Tag(&'a str),
}

/// The longest word that is taken for the name of a language.
const LANGUAGE: usize = 12;

/// The tag that `line` opens, and the language behind it: `<source>`, `<source>python`.
fn opening_tag(line: &str) -> Option<(&str, &str)> {
    let (name, language) = line.trim_end().strip_prefix('<')?.split_once('>')?;
    let is_language =
        language.len() <= LANGUAGE && language.chars().all(|c| c.is_ascii_alphanumeric() || "+#-".contains(c));
    (TAGS.contains(&name) && is_language).then_some((name, language))
}

/// The tag that `line` closes, alone on it.
fn closing_tag(line: &str) -> Option<&str> {
    let name = line.trim_end().strip_prefix("</")?.strip_suffix('>')?;
    TAGS.contains(&name).then_some(name)
}

/// Whether a fence begins or ends at `line`, or a tag does.
pub(super) fn is_frame(line: &str) -> bool {
    let line_of_marks = ["```", "~~~"].iter().any(|marks| line.trim_start().starts_with(marks));
    line_of_marks || opening_tag(line).is_some() || closing_tag(line).is_some()
}

impl<'a> Fence<'a> {
    /// The fence that `line`, at index `at`, opens.
    pub(super) fn open(line: &'a str, at: usize) -> Option<Self> {
        let rest = line.trim_start_matches([' ', '\t']);
        let mark = *rest.as_bytes().first().filter(|mark| matches!(mark, b'`' | b'~'))?;
        let len = rest.bytes().take_while(|byte| *byte == mark).count();
        let info = rest[len..].trim();
        let mark = Mark::Run(mark, len);
        (len >= 3 && !info.contains('`')).then_some(Self { at, mark, indent: line.len() - rest.len(), info })
    }

    /// The tag that `line`, at index `at`, opens in place of a fence.
    pub(super) fn tagged(line: &'a str, at: usize) -> Option<Self> {
        opening_tag(line).map(|(name, info)| Self { at, mark: Mark::Tag(name), indent: 0, info })
    }

    /// Whether `line` ends it. A line of a diff that begins with a blank and a fence does not.
    pub(super) fn is_closed_by(&self, line: &str) -> bool {
        match self.mark {
            Mark::Run(mark, least) => {
                let rest = line.trim_start_matches([' ', '\t']);
                let len = rest.bytes().take_while(|byte| *byte == mark).count();
                line.len() - rest.len() <= self.indent && len >= least && rest[len..].trim().is_empty()
            }
            Mark::Tag(name) => closing_tag(line) == Some(name),
        }
    }

    /// Whether `line` would open a fence inside, which this one could be taken to end with.
    pub(super) fn is_doubled_by(&self, line: &str) -> bool {
        match self.mark {
            Mark::Run(own, least) => Fence::open(line, 0).is_some_and(|inner| {
                let is_alike = matches!(inner.mark, Mark::Run(mark, len) if mark == own && len >= least);
                is_alike && inner.indent <= self.indent && !inner.info.is_empty()
            }),
            Mark::Tag(name) => opening_tag(line).is_some_and(|(inner, _)| inner == name),
        }
    }

    /// Whether `line`, which closes it, has as many marks.
    pub(super) fn is_as_long_as(&self, line: &str) -> bool {
        match self.mark {
            Mark::Run(_, len) => line.trim().len() == len,
            Mark::Tag(_) => true,
        }
    }

    /// Whether one of `lines`, which follow its end, ends it too: then its own text holds the first one.
    pub(super) fn is_closed_again(&self, lines: &[&str]) -> bool {
        let Mark::Tag(_) = self.mark else { return false };
        let next = lines.iter().find(|line| self.is_closed_by(line) || self.is_doubled_by(line));
        next.is_some_and(|line| self.is_closed_by(line))
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
