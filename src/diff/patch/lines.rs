//! A cursor over the lines of a patch.

use super::{PatchError, PatchProblem};

/// Lines without their `\n`, one at a time, with their number.
pub(super) struct Lines<'a> {
    bytes: &'a [u8],
    at: usize,
    number: u32,
}

impl<'a> Lines<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0, number: 1 }
    }

    /// The current line, if there is one.
    pub(super) fn peek(&self) -> Option<&'a [u8]> {
        let rest = self.rest();
        (!rest.is_empty()).then(|| &rest[..memchr::memchr(b'\n', rest).unwrap_or(rest.len())])
    }

    /// The line after the current one.
    pub(super) fn peek_second(&self) -> Option<&'a [u8]> {
        let mut second = Self { ..*self };
        second.peek().map(|line| second.skip(line))?;
        second.peek()
    }

    /// The second line after the current one.
    pub(super) fn peek_third(&self) -> Option<&'a [u8]> {
        let mut second = Self { ..*self };
        second.peek().map(|line| second.skip(line))?;
        second.peek_second()
    }

    /// Goes past `line`, which `peek` gave.
    pub(super) fn skip(&mut self, line: &[u8]) {
        self.at = (self.at + line.len() + 1).min(self.bytes.len());
        self.number += 1;
    }

    /// Whether the current line, which `peek` gave, ends with a newline.
    pub(super) fn is_terminated(&self, line: &[u8]) -> bool {
        self.at + line.len() < self.bytes.len()
    }

    /// Everything from the current line on.
    pub(super) fn rest(&self) -> &'a [u8] {
        &self.bytes[self.at..]
    }

    /// The offset of the current line.
    pub(super) fn offset(&self) -> usize {
        self.at
    }

    /// The number of the current line, 1-based.
    pub(super) fn number(&self) -> u32 {
        self.number
    }

    /// A refusal at the current line.
    pub(super) fn refuse<T>(&self, problem: PatchProblem) -> Result<T, PatchError> {
        Err(PatchError { line: self.number, problem })
    }
}
