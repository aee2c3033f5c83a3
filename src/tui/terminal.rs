//! The terminal: entered, drawn to, and given back as it was, whatever happens.
//!
//! Frames are compared cell by cell with the one before, and one `write` sends the difference between the marks
//! of synchronized output. Rows that only moved are moved by the terminal itself.

use std::fs::File;
use std::io::{self, Write as _};
use std::os::fd::AsFd;
use std::sync::Once;

use ratatui::buffer::{Buffer, Cell};
use ratatui::layout::{Position, Rect};
use ratatui::style::{Color, Modifier};

/// Leaves nothing behind: end of a frame, pastes, mouse, focus, kitty keys, colours, cursor, alternate screen.
const LEAVE: &[u8] = b"\x1b[?2026l\x1b[r\x1b[?2004l\x1b[?1006l\x1b[?1000l\x1b[?1004l\x1b[<u\x1b[0m\x1b[?25h\x1b[?1049l";

/// What a cell holds before anything was drawn: no frame ever does, so the first one paints every cell.
const UNKNOWN: &str = "\u{f8ff}";

/// How to use the terminal.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Setup {
    /// Whether clicks and the wheel are wanted.
    pub mouse: bool,
    /// Whether it may be asked what it is and which ground it has.
    pub ask: bool,
}

/// Which ground the terminal has, and what it is. Every terminal that answers anything answers the second, and behind
/// the first: so its answer also says that no other comes. Nothing waits for them.
const QUESTIONS: &[u8] = b"\x1b]11;?\x1b\\\x1b[c";

/// A terminal that is ours until this is dropped.
pub(crate) struct Terminal {
    tty: File,
    setup: Setup,
    shown: Buffer,
    next: Buffer,
    bytes: Vec<u8>,
    cursor: Option<Position>,
    entered: bool,
    /// Whether answers are still on their way.
    owed: bool,
}

impl Terminal {
    /// Takes over the terminal on standard output.
    pub(crate) fn enter(setup: Setup) -> io::Result<Self> {
        let tty = File::from(rustix::io::dup(io::stdout().as_fd())?);
        restore_on_panic();
        let size = crossterm::terminal::size()?;
        let area = Rect::new(0, 0, size.0.max(1), size.1.max(1));
        let mut terminal = Self {
            tty,
            setup,
            shown: Buffer::empty(area),
            next: Buffer::empty(area),
            bytes: Vec::with_capacity(16 << 10),
            cursor: None,
            entered: false,
            owed: false,
        };
        terminal.resume()?;
        if setup.ask {
            terminal.tty.write_all(QUESTIONS)?;
            terminal.owed = true;
        }
        Ok(terminal)
    }

    /// Takes the terminal (again): after a start or an editor.
    pub(crate) fn resume(&mut self) -> io::Result<()> {
        crossterm::terminal::enable_raw_mode()?;
        self.entered = true;
        // `>1u`: kitty keys, disambiguated only; a terminal that does not know it ignores it
        let mut enter = b"\x1b[?1049h\x1b[?25l\x1b[?2004h\x1b[?1004h\x1b[>1u\x1b[0m\x1b[2J".to_vec();
        if self.setup.mouse {
            enter.extend_from_slice(b"\x1b[?1000h\x1b[?1006h");
        }
        self.tty.write_all(&enter)?;
        self.clear();
        // it was emptied just now: blanks need not be sent
        self.shown = Buffer::empty(self.next.area);
        Ok(())
    }

    /// Gives the terminal back, for an editor or for good.
    pub(crate) fn leave(&mut self) {
        if std::mem::take(&mut self.entered) {
            let _ = self.tty.write_all(LEAVE);
            if std::mem::take(&mut self.owed) {
                // an answer that comes now would be typed into the shell
                let _ = rustix::termios::tcflush(&self.tty, rustix::termios::QueueSelector::IFlush);
            }
            let _ = crossterm::terminal::disable_raw_mode();
        }
    }

    /// Whether this program has the terminal, and no other job of the shell. One that is gone is noticed by whoever uses it.
    pub(crate) fn is_in_front(&self) -> bool {
        rustix::termios::tcgetpgrp(&self.tty).map_or(true, |front| front == rustix::process::getpgrp())
    }

    /// Whether somebody else set the terminal back to whole lines.
    pub(crate) fn lost_its_modes(&self) -> bool {
        let modes = rustix::termios::tcgetattr(&self.tty);
        self.entered && modes.is_ok_and(|modes| modes.local_modes.contains(rustix::termios::LocalModes::ICANON))
    }

    /// Forgets what is shown, so the next frame paints every cell.
    pub(crate) fn clear(&mut self) {
        let size = crossterm::terminal::size().unwrap_or((80, 24));
        let area = Rect::new(0, 0, size.0.max(1), size.1.max(1));
        self.shown = Buffer::filled(area, Cell::new(UNKNOWN));
        self.next = Buffer::empty(area);
    }

    /// The size in columns and rows.
    pub(crate) fn size(&self) -> (u16, u16) {
        (self.next.area.width, self.next.area.height)
    }

    /// Draws one frame: `paint` fills the buffer and says where the cursor stands, if it is shown.
    /// `moved` names rows that scrolled since the last frame: the terminal moves them itself. Says whether anything is
    /// shown differently now.
    pub(crate) fn draw(
        &mut self,
        moved: Option<Scroll>,
        paint: impl FnOnce(&mut Buffer) -> Option<Position>,
    ) -> io::Result<bool> {
        self.next.reset();
        let cursor = paint(&mut self.next);
        self.bytes.clear();
        self.bytes.extend_from_slice(b"\x1b[?2026h");
        if self.cursor.is_some() {
            self.bytes.extend_from_slice(b"\x1b[?25l");
        }
        if let Some(moved) = moved {
            scroll(&mut self.shown, &moved, &mut self.bytes);
        }
        let before = self.bytes.len();
        encode(&self.shown, &self.next, &mut self.bytes);
        let changed = self.bytes.len() > before || moved.is_some() || self.cursor != cursor;
        if let Some(position) = cursor {
            move_to(&mut self.bytes, position.x, position.y);
            self.bytes.extend_from_slice(b"\x1b[?25h");
        }
        self.cursor = cursor;
        std::mem::swap(&mut self.shown, &mut self.next);
        if changed {
            self.bytes.extend_from_slice(b"\x1b[?2026l");
            self.tty.write_all(&self.bytes)?;
        }
        Ok(changed)
    }

    /// Asks the terminal for its status: the answer comes after everything written before was shown. Returns when all of
    /// it left this machine, as far as the system tells: a slow line takes its time.
    pub(crate) fn ask_status(&mut self) -> io::Result<()> {
        self.tty.write_all(b"\x1b[5n")?;
        // a signal may cut this short, and a terminal that is gone is noticed by whoever reads from it
        let _ = rustix::termios::tcdrain(&self.tty);
        Ok(())
    }

    /// What it was asked at the start was answered.
    pub(crate) fn answered(&mut self) {
        self.owed = false;
    }

    /// Puts `text` on the clipboard of the terminal's machine (OSC 52), through tmux where it stands between.
    pub(crate) fn copy(&mut self, text: &str, in_tmux: bool) -> io::Result<()> {
        let sequence = format!("\x1b]52;c;{}\x07", base64(text.as_bytes()));
        if in_tmux {
            write!(self.tty, "\x1bPtmux;{}\x1b\\", sequence.replace('\x1b', "\x1b\x1b"))
        } else {
            self.tty.write_all(sequence.as_bytes())
        }
    }

    /// Rings the bell.
    pub(crate) fn ring(&mut self) -> io::Result<()> {
        self.tty.write_all(b"\x07")
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        self.leave();
    }
}

/// The most that OSC 52 carries: terminals cut at 100,000 bytes of base64, so 74,994 of text.
pub(crate) const MAX_COPY: usize = 74_994;

/// A panic's message must reach the ordinary screen, so the terminal is given back before it is printed.
fn restore_on_panic() {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if crossterm::terminal::is_raw_mode_enabled().unwrap_or(false) {
                let mut stdout = io::stdout();
                let _ = stdout.write_all(LEAVE);
                let _ = stdout.flush();
                let _ = crossterm::terminal::disable_raw_mode();
            }
            before(info);
        }));
    });
}

/// Full-width rows that moved since the last frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Scroll {
    /// The first row of the region.
    pub top: u16,
    /// The row after its last.
    pub bottom: u16,
    /// How many rows its content moved up (down where negative).
    pub up: i32,
}

fn scroll(shown: &mut Buffer, moved: &Scroll, bytes: &mut Vec<u8>) {
    let rows = usize::from(moved.bottom.saturating_sub(moved.top));
    let by = moved.up.unsigned_abs() as usize;
    let width = usize::from(shown.area.width);
    if moved.bottom > shown.area.height || by == 0 || by * 2 > rows {
        return;
    }
    let (start, end) = (usize::from(moved.top) * width, usize::from(moved.bottom) * width);
    let region = &mut shown.content[start..end];
    let direction = if moved.up > 0 { 'S' } else { 'T' };
    let _ = write!(bytes, "\x1b[0m\x1b[{};{}r\x1b[{by}{direction}\x1b[r", moved.top + 1, moved.bottom);
    let blank = Cell::new(" ");
    if moved.up > 0 {
        region.rotate_left(by * width);
        let kept = region.len() - by * width;
        region[kept..].fill(blank);
    } else {
        region.rotate_right(by * width);
        region[..by * width].fill(blank);
    }
}

/// The bytes that turn `shown` into `next`.
fn encode(shown: &Buffer, next: &Buffer, bytes: &mut Vec<u8>) {
    let mut pen = Pen::default();
    let mut at: Option<(u16, u16)> = None;
    for (x, y, cell) in shown.diff_iter(next) {
        if at != Some((x, y)) {
            match at {
                Some((from, row)) if row == y && x > from && x - from <= 3 && plain(shown, next, from, x, y, &pen) => {
                    for column in from..x {
                        bytes.extend_from_slice(next[(column, y)].symbol().as_bytes());
                    }
                }
                Some((from, row)) if row == y && x > from => {
                    let _ = write!(bytes, "\x1b[{}C", x - from);
                }
                _ => move_to(bytes, x, y),
            }
        }
        pen.set(cell, bytes);
        let symbol = cell.symbol();
        bytes.extend_from_slice(symbol.as_bytes());
        let width = u16::try_from(crate::text::width::columns(symbol).max(1)).unwrap_or(1);
        // a terminal stays in its last column: where it stands then is not relied upon
        at = (x + width < next.area.width).then_some((x + width, y));
    }
    if pen != Pen::default() {
        bytes.extend_from_slice(b"\x1b[0m");
    }
}

/// How many bytes a frame takes after another, its scrolling pane moved by the terminal.
#[cfg(test)]
pub(crate) fn frame_bytes(
    shown: &Buffer,
    before: Option<super::view::Pane>,
    next: &Buffer,
    now: Option<super::view::Pane>,
) -> usize {
    let (mut shown, mut bytes) = (shown.clone(), Vec::new());
    if let Some(moved) = before.zip(now).and_then(|(before, now)| super::shell::scrolled(before, now)) {
        scroll(&mut shown, &moved, &mut bytes);
    }
    encode(&shown, next, &mut bytes);
    bytes.len() + b"\x1b[?2026h\x1b[?2026l".len()
}

/// Whether the unchanged cells between are cheaper to repeat than to jump over.
fn plain(shown: &Buffer, next: &Buffer, from: u16, to: u16, y: u16, pen: &Pen) -> bool {
    (from..to).all(|x| {
        let cell = &next[(x, y)];
        cell.symbol().len() == 1 && shown[(x, y)].symbol().len() == 1 && pen.fits(cell)
    })
}

fn move_to(bytes: &mut Vec<u8>, x: u16, y: u16) {
    let _ = if x == 0 { write!(bytes, "\x1b[{}H", y + 1) } else { write!(bytes, "\x1b[{};{}H", y + 1, x + 1) };
}

/// The colours and attributes that the terminal has now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Pen {
    fg: Color,
    bg: Color,
    modifier: Modifier,
}

impl Default for Pen {
    fn default() -> Self {
        Self { fg: Color::Reset, bg: Color::Reset, modifier: Modifier::empty() }
    }
}

const ATTRIBUTES: [(Modifier, u8); 7] = [
    (Modifier::BOLD, 1),
    (Modifier::DIM, 2),
    (Modifier::ITALIC, 3),
    (Modifier::UNDERLINED, 4),
    (Modifier::SLOW_BLINK, 5),
    (Modifier::REVERSED, 7),
    (Modifier::CROSSED_OUT, 9),
];

impl Pen {
    fn fits(&self, cell: &Cell) -> bool {
        self.fg == cell.fg && self.bg == cell.bg && self.modifier == cell.modifier
    }

    fn set(&mut self, cell: &Cell, bytes: &mut Vec<u8>) {
        if self.fits(cell) {
            return;
        }
        let mut codes = Vec::with_capacity(24);
        if !(self.modifier - cell.modifier).is_empty() {
            codes.extend_from_slice(b"0;");
            *self = Self::default();
        }
        for (attribute, code) in ATTRIBUTES {
            if (cell.modifier - self.modifier).contains(attribute) {
                let _ = write!(codes, "{code};");
            }
        }
        if self.fg != cell.fg {
            color(&mut codes, cell.fg, 30);
        }
        if self.bg != cell.bg {
            color(&mut codes, cell.bg, 40);
        }
        *self = Self { fg: cell.fg, bg: cell.bg, modifier: cell.modifier };
        codes.pop();
        if codes == b"0" {
            codes.clear(); // `CSI m` resets as well
        }
        bytes.extend_from_slice(b"\x1b[");
        bytes.extend_from_slice(&codes);
        bytes.push(b'm');
    }
}

fn color(codes: &mut Vec<u8>, color: Color, base: u8) {
    let _ = match color {
        Color::Reset => write!(codes, "{};", base + 9),
        Color::Black => write!(codes, "{base};"),
        Color::Red => write!(codes, "{};", base + 1),
        Color::Green => write!(codes, "{};", base + 2),
        Color::Yellow => write!(codes, "{};", base + 3),
        Color::Blue => write!(codes, "{};", base + 4),
        Color::Magenta => write!(codes, "{};", base + 5),
        Color::Cyan => write!(codes, "{};", base + 6),
        Color::Gray => write!(codes, "{};", base + 7),
        Color::DarkGray => write!(codes, "{};", base + 60),
        Color::LightRed => write!(codes, "{};", base + 61),
        Color::LightGreen => write!(codes, "{};", base + 62),
        Color::LightYellow => write!(codes, "{};", base + 63),
        Color::LightBlue => write!(codes, "{};", base + 64),
        Color::LightMagenta => write!(codes, "{};", base + 65),
        Color::LightCyan => write!(codes, "{};", base + 66),
        Color::White => write!(codes, "{};", base + 67),
        Color::Indexed(index) => write!(codes, "{};5;{index};", base + 8),
        Color::Rgb(r, g, b) => write!(codes, "{};2;{r};{g};{b};", base + 8),
    };
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let group = chunk.iter().fold(0_u32, |group, byte| group << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for place in 0..4 {
            if place <= chunk.len() {
                text.push(char::from(DIGITS[(group >> (18 - 6 * place) & 63) as usize]));
            } else {
                text.push('=');
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU16;

    use ratatui::style::Style;

    use super::*;

    fn frame(lines: &[&str]) -> Buffer {
        Buffer::with_lines(lines.iter().map(|line| (*line).to_owned()))
    }

    fn show(parser: &mut vt100::Parser, bytes: &[u8]) -> String {
        parser.process(bytes);
        parser.screen().contents()
    }

    fn screen(columns: u16, rows: u16) -> vt100::Parser {
        let size = |n| NonZeroU16::new(n).expect("not zero");
        vt100::Parser::new(size(rows), size(columns), 0)
    }

    #[track_caller]
    fn check(before: &[&str], after: &[&str]) -> usize {
        let (before, after) = (frame(before), frame(after));
        let blank = Buffer::filled(before.area, Cell::new(UNKNOWN));
        let mut parser = screen(before.area.width, before.area.height);
        let mut bytes = Vec::new();
        encode(&blank, &before, &mut bytes);
        show(&mut parser, &bytes);
        bytes.clear();
        encode(&before, &after, &mut bytes);
        let shown = show(&mut parser, &bytes);
        let mut fresh = screen(before.area.width, before.area.height);
        let mut whole = Vec::new();
        encode(&blank, &after, &mut whole);
        assert_eq!(shown, show(&mut fresh, &whole));
        bytes.len()
    }

    #[test]
    fn the_difference_shows_the_same_as_the_whole() {
        assert_eq!(check(&["same", "rows"], &["same", "rows"]), 0);
        check(&["abc def ghi", "           "], &["abX def gYi", "at the end."]);
        check(&["日本語 wide"], &["a日本 wide "]);
        check(&["a日本 wide "], &["日本語 wide"]);
        check(&["🦀 crab"], &["no crab"]);
    }

    #[test]
    fn a_scrolled_region_is_moved_by_the_terminal() {
        let rows: Vec<String> = (0..20).map(|n| format!("row number {n} of many, long enough")).collect();
        let view = |from: usize| {
            let mut lines = vec!["head".to_owned()];
            lines.extend(rows[from..from + 8].iter().cloned());
            lines.push("foot".to_owned());
            let mut buffer = Buffer::empty(Rect::new(0, 0, 40, 10));
            for (y, line) in lines.iter().enumerate() {
                buffer.set_string(0, u16::try_from(y).expect("small"), line, Style::new());
            }
            buffer
        };
        let mut parser = screen(40, 10);
        let mut bytes = Vec::new();
        let mut shown = view(3);
        encode(&Buffer::filled(shown.area, Cell::new(UNKNOWN)), &shown, &mut bytes);
        show(&mut parser, &bytes);
        for (from, up) in [(4, 1), (2, -2)] {
            bytes.clear();
            scroll(&mut shown, &Scroll { top: 1, bottom: 9, up }, &mut bytes);
            encode(&shown, &view(from), &mut bytes);
            assert!(bytes.len() < 120, "{} bytes", bytes.len());
            let mut fresh = screen(40, 10);
            let mut whole = Vec::new();
            encode(&Buffer::filled(shown.area, Cell::new(UNKNOWN)), &view(from), &mut whole);
            // blanks that were never written are no difference on a screen
            let rows = |text: String| text.lines().map(|line| line.trim_end().to_owned()).collect::<Vec<_>>();
            assert_eq!(rows(show(&mut parser, &bytes)), rows(show(&mut fresh, &whole)));
            shown = view(from);
        }
    }

    #[test]
    fn text_is_encoded_for_the_clipboard() {
        assert_eq!(base64(b""), "");
        assert_eq!(base64(b"f"), "Zg==");
        assert_eq!(base64(b"fo"), "Zm8=");
        assert_eq!(base64(b"foobar"), "Zm9vYmFy");
    }
}
