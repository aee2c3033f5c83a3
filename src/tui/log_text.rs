//! The output of checks as lines: secrets hidden, colours kept, nothing that drives a terminal; read from its end, a
//! page more whenever its first line is reached.

use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::Path;

use ansi_to_tui::IntoText as _;
use ratatui::style::{Color, Style};

use super::theme::ColorDepth;
use crate::text::{SecretMask, Untrusted, sanitize_log, width};

/// What is read at once: some ten thousand lines.
pub(crate) const PAGE: u64 = 512 << 10;

/// A line in pieces of one look each.
pub(crate) type LogLine = Vec<(String, Style)>;

/// The end of a log, as much of it as was asked for.
#[derive(Debug, Default)]
pub(crate) struct LogPage {
    pub lines: Vec<LogLine>,
    /// Bytes before the first line.
    pub before: u64,
}

impl LogPage {
    /// Makes lines of `bytes`, that stand behind `before` others. A first line that is cut is left to the next page.
    pub(crate) fn of(mask: &SecretMask, bytes: &[u8], before: u64) -> Self {
        let cut = if before == 0 { None } else { memchr::memchr(b'\n', bytes) };
        let start = cut.map_or(0, |end| end + 1);
        let safe = sanitize_log(&mask.hide(&bytes[start..]));
        let lines = match safe.into_text() {
            _ if safe.is_empty() => Vec::new(),
            Ok(text) => text.lines.iter().map(line).collect(),
            // not even its colours read: the words still do
            Err(_) => safe.lines().map(|text| vec![(shown(text), Style::new())]).collect(),
        };
        Self { lines, before: before + start as u64 }
    }

    /// The end of a blob's bytes.
    pub(crate) fn of_blob(mask: &SecretMask, bytes: &[u8], wanted: u64) -> Self {
        let from = bytes.len().saturating_sub(usize::try_from(wanted).unwrap_or(usize::MAX));
        Self::of(mask, &bytes[from..], from as u64)
    }

    /// The end of a file that may still grow.
    pub(crate) fn of_file(mask: &SecretMask, path: &Path, wanted: u64) -> io::Result<Self> {
        let mut file = std::fs::File::open(path)?;
        let from = file.metadata()?.len().saturating_sub(wanted);
        file.seek(SeekFrom::Start(from))?;
        let mut bytes = Vec::new();
        file.take(wanted).read_to_end(&mut bytes)?;
        Ok(Self::of(mask, &bytes, from))
    }
}

fn line(line: &ratatui::text::Line<'_>) -> LogLine {
    line.spans.iter().map(|span| (shown(&span.content), line.style.patch(span.style))).collect()
}

fn shown(text: &str) -> String {
    Untrusted::new(text).display_line().to_string()
}

/// The last `rows` rows of `lines` in at most `columns` columns: broken at blanks as prose is, or cut at the edge.
pub(crate) fn last_rows(lines: &[LogLine], columns: usize, rows: usize, is_cut: bool) -> Vec<LogLine> {
    let mut shown: Vec<LogLine> = Vec::new();
    for line in lines.iter().rev() {
        if shown.len() >= rows {
            break;
        }
        let broken =
            if is_cut { vec![line.clone()] } else { broken(&tail(line, columns.saturating_mul(rows)), columns) };
        shown.extend(broken.into_iter().rev());
    }
    shown.truncate(rows);
    shown.reverse();
    shown
}

/// The end of a line, as much as `cells` cells can show: a line of a minified file is longer than any screen.
fn tail(line: &LogLine, cells: usize) -> LogLine {
    let length: usize = line.iter().map(|(piece, _)| piece.len()).sum();
    let text = || line.iter().map(|(piece, _)| piece.as_str()).collect::<String>();
    // 8: bytes of a cell with its marks
    match length.checked_sub(cells.saturating_mul(8)) {
        None | Some(0) => line.clone(),
        Some(over) => part(line, text().ceil_char_boundary(over), length),
    }
}

fn broken(line: &LogLine, columns: usize) -> Vec<LogLine> {
    let text: String = line.iter().map(|(piece, _)| piece.as_str()).collect();
    let mut from = 0;
    let mut rows = Vec::new();
    for row in width::wrap(&text, columns) {
        // blanks at a break are dropped: each row is found behind the one before
        let start = from + text[from..].find(row).unwrap_or(0);
        from = start + row.len();
        rows.push(part(line, start, from));
    }
    rows
}

/// The bytes from `start` to `end` of a line, each piece in its look.
fn part(line: &LogLine, start: usize, end: usize) -> LogLine {
    let mut at = 0;
    let mut pieces = Vec::new();
    for (piece, style) in line {
        let within = start.max(at)..end.min(at + piece.len());
        if !within.is_empty() {
            pieces.push((piece[within.start - at..within.end - at].to_owned(), *style));
        }
        at += piece.len();
    }
    pieces
}

/// A log's own style as far as this terminal shows colours.
pub(crate) fn within(depth: ColorDepth, style: Style) -> Style {
    // a reset is no colour: the ground of the screen stays
    let fit = |color: Color| Some(depth.fit(color)).filter(|color| *color != Color::Reset);
    Style { fg: style.fg.and_then(fit), bg: style.bg.and_then(fit), ..style }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mask() -> SecretMask {
        SecretMask::new(vec!["hunter2-key".to_owned()])
    }

    #[track_caller]
    fn check(log: &str, expected: &[&[(&str, Option<Color>)]]) {
        let page = LogPage::of(&mask(), log.as_bytes(), 0);
        let lines: Vec<Vec<(&str, Option<Color>)>> = page
            .lines
            .iter()
            .map(|line| line.iter().map(|(text, style)| (text.as_str(), style.fg)).collect())
            .collect();
        let lines: Vec<&[(&str, Option<Color>)]> = lines.iter().map(Vec::as_slice).collect();
        assert_eq!(lines, expected);
    }

    #[test]
    fn colours_stay_and_nothing_else_does() {
        check("a\nb\n", &[&[("a", None)], &[("b", None)]]);
        check("\u{1b}[32mok\u{1b}[0m\n", &[&[("ok", Some(Color::Green))]]);
        check("\u{1b}[2J\u{1b}]0;title\u{7}x\n", &[&[("x", None)]]);
        check("key hunter2-key\n", &[&[("key ***********", None)]]);
        check("", &[]);
    }

    #[test]
    fn pages_begin_at_a_line_and_reach_the_start() {
        let log: String = (0..100).map(|n| format!("line {n}\n")).collect();
        let page = LogPage::of_blob(&mask(), log.as_bytes(), 20);
        assert_eq!(page.lines.iter().map(|line| line[0].0.as_str()).collect::<Vec<_>>(), ["line 98", "line 99"]);
        assert!(page.before > 0);
        let whole = LogPage::of_blob(&mask(), log.as_bytes(), PAGE);
        assert_eq!((whole.lines.len(), whole.before), (100, 0));
        let file = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(file.path(), &log).expect("written");
        let tail = LogPage::of_file(&mask(), file.path(), 20).expect("read");
        assert_eq!((tail.lines.len(), tail.before), (page.lines.len(), page.before));
    }

    #[test]
    fn of_a_line_longer_than_the_screen_its_end_is_broken() {
        let line = vec![("é".repeat(600_000), Style::new()), (" the end".to_owned(), Style::new())];
        let rows = last_rows(&[line], 80, 3, false);
        let shown: Vec<String> = rows.iter().map(|row| row.iter().map(|(piece, _)| piece.as_str()).collect()).collect();
        assert_eq!(shown.len(), 3);
        assert!(shown[2].ends_with("end"), "{shown:?}");
    }

    #[test]
    fn a_terminal_is_given_the_colours_it_has() {
        let red = Style::new().fg(Color::Rgb(255, 0, 0));
        assert_eq!(within(ColorDepth::TrueColor, red), red);
        assert!(matches!(within(ColorDepth::Ansi256, red).fg, Some(Color::Indexed(_))));
        assert_eq!(within(ColorDepth::Mono, Style::new().fg(Color::Red)).fg, None);
        assert_eq!(within(ColorDepth::Ansi16, Style::new().fg(Color::Red)).fg, Some(Color::Red));
    }
}
