//! Logs of other programs: colours may stay, everything else that drives a terminal goes.

use std::borrow::Cow;

/// The longest parameter list of a colour sequence that is kept: three true colours and some attributes.
const MAX_SGR: usize = 64;
/// How long an unfinished string sequence (title, link, clipboard) may be before it counts as finished.
const MAX_STRING: usize = 64 * 1024;

/// U+FFFD, for a C2 byte that leads nothing: kept as it is, it could become a C1 control with a byte further on.
const TORN: &[u8] = "\u{fffd}".as_bytes();

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum State {
    #[default]
    Text,
    /// A C2 byte: the next one says whether it is an 8-bit control.
    LeadByte,
    /// A CR: the next byte says whether a line ends here.
    Return,
    Escape,
    /// ESC and an intermediate byte: one more follows.
    EscapeIntermediate,
    Csi,
    /// OSC, DCS, APC, PM or SOS, up to its terminator.
    Text8,
    TextEscape,
    TextLead,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Colours {
    Keep,
    Drop,
}

/// Filters a log as it arrives: pieces may end anywhere, within a sequence too.
///
/// What comes out holds text, `\n`, `\t` and colour sequences (SGR), nothing else below 0x20 and no C1 controls;
/// CR LF and a lone CR become a line end, so a progress bar reads as lines and nothing is painted over.
#[derive(Debug, Clone)]
pub struct LogFilter {
    state: State,
    colours: Colours,
    parameters: Vec<u8>,
    string_length: usize,
}

impl LogFilter {
    /// A filter that keeps colours.
    #[must_use]
    pub fn keeping_colours() -> Self {
        Self { state: State::Text, colours: Colours::Keep, parameters: Vec::new(), string_length: 0 }
    }

    /// A filter that keeps no sequence at all.
    #[must_use]
    pub fn plain() -> Self {
        Self { colours: Colours::Drop, ..Self::keeping_colours() }
    }

    /// Appends what is left of `bytes` to `out`.
    pub fn push(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        let mut rest = bytes;
        while let Some(&byte) = rest.first() {
            if self.state == State::Text {
                let plain = rest.iter().position(|b| !is_plain(*b)).unwrap_or(rest.len());
                if plain > 0 {
                    out.extend_from_slice(&rest[..plain]);
                    rest = &rest[plain..];
                    continue;
                }
            }
            rest = &rest[1..];
            self.step(byte, out);
        }
    }

    /// Ends the log: an unfinished sequence is dropped.
    pub fn finish(&mut self, out: &mut Vec<u8>) {
        match std::mem::take(&mut self.state) {
            State::Return => out.push(b'\n'),
            State::LeadByte => out.extend_from_slice(TORN),
            _ => {}
        }
    }

    fn step(&mut self, byte: u8, out: &mut Vec<u8>) {
        self.state = match self.state {
            State::Text => self.text(byte, out),
            State::Return => {
                out.push(b'\n');
                if byte == b'\n' { State::Text } else { self.text(byte, out) }
            }
            State::LeadByte => self.after_lead(byte, out),
            State::Escape => self.escape(byte, out),
            State::EscapeIntermediate => match byte {
                0x20..=0x2f => State::EscapeIntermediate,
                0x30..=0x7e => State::Text,
                other => self.text(other, out),
            },
            State::Csi => self.csi(byte, out),
            State::Text8 | State::TextEscape | State::TextLead => self.string(byte, out),
        };
    }

    fn text(&mut self, byte: u8, out: &mut Vec<u8>) -> State {
        match byte {
            0x1b => State::Escape,
            b'\r' => State::Return,
            0xc2 => State::LeadByte,
            b'\n' | b'\t' => {
                out.push(byte);
                State::Text
            }
            0..=0x1f | 0x7f => State::Text,
            _ => {
                out.push(byte);
                State::Text
            }
        }
    }

    fn after_lead(&mut self, byte: u8, out: &mut Vec<u8>) -> State {
        match byte {
            0x80..=0x9f => self.control8(byte),
            0xa0..=0xbf => {
                out.extend_from_slice(&[0xc2, byte]);
                State::Text
            }
            _ => {
                out.extend_from_slice(TORN);
                self.text(byte, out)
            }
        }
    }

    fn control8(&mut self, byte: u8) -> State {
        match byte {
            0x9b => self.start_csi(),
            0x90 | 0x98 | 0x9d..=0x9f => self.start_string(),
            _ => State::Text,
        }
    }

    fn escape(&mut self, byte: u8, out: &mut Vec<u8>) -> State {
        match byte {
            b'[' => self.start_csi(),
            b']' | b'P' | b'X' | b'^' | b'_' => self.start_string(),
            0x20..=0x2f => State::EscapeIntermediate,
            0x30..=0x7e => State::Text,
            other => self.text(other, out),
        }
    }

    fn start_csi(&mut self) -> State {
        self.parameters.clear();
        State::Csi
    }

    fn start_string(&mut self) -> State {
        self.string_length = 0;
        State::Text8
    }

    fn csi(&mut self, byte: u8, out: &mut Vec<u8>) -> State {
        match byte {
            0x20..=0x3f => {
                if self.parameters.len() <= MAX_SGR {
                    self.parameters.push(byte);
                }
                State::Csi
            }
            b'm' => {
                if self.colours == Colours::Keep && is_kept_sgr(&self.parameters) {
                    out.extend_from_slice(b"\x1b[");
                    out.extend_from_slice(&self.parameters);
                    out.push(b'm');
                }
                State::Text
            }
            0x40..=0x7e => State::Text,
            other => self.text(other, out),
        }
    }

    /// Inside OSC and its kin: everything is dropped up to ST, BEL, CAN, SUB or a line end, so that a sequence
    /// that never ends hides one line, not the rest of the log.
    fn string(&mut self, byte: u8, out: &mut Vec<u8>) -> State {
        self.string_length += 1;
        match (self.state, byte) {
            (State::TextEscape, b'\\') | (State::TextLead, 0x9c) | (_, 0x07 | 0x18 | 0x1a) => State::Text,
            (State::TextEscape, other) => self.escape(other, out),
            (_, b'\n' | b'\r') => self.text(byte, out),
            (_, 0x1b) => State::TextEscape,
            (_, 0xc2) => State::TextLead,
            _ if self.string_length > MAX_STRING => State::Text,
            _ => State::Text8,
        }
    }
}

fn is_plain(byte: u8) -> bool {
    matches!(byte, 0x20..=0x7e | b'\n' | b'\t' | 0x80..=0xc1 | 0xc3..)
}

/// Whether a colour sequence is kept: digits and separators only, and nothing that conceals text (8).
fn is_kept_sgr(parameters: &[u8]) -> bool {
    if parameters.len() > MAX_SGR || !parameters.iter().all(|byte| matches!(byte, b'0'..=b'9' | b';' | b':')) {
        return false;
    }
    let mut fields = parameters.split(|byte| *byte == b';');
    while let Some(field) = fields.next() {
        match field {
            b"38" | b"48" | b"58" => match fields.next() {
                Some(b"5") => drop(fields.next()),
                Some(b"2") => drop(fields.nth(2)),
                _ => return false,
            },
            _ if field.iter().skip_while(|digit| **digit == b'0').eq(b"8") => return false,
            _ => {}
        }
    }
    true
}

fn filtered(mut filter: LogFilter, bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    filter.push(bytes, &mut out);
    filter.finish(&mut out);
    out
}

/// The log as text with its colours and no other sequence; bytes that are no UTF-8 become U+FFFD.
#[must_use]
pub fn sanitize_log(bytes: &[u8]) -> String {
    match String::from_utf8(filtered(LogFilter::keeping_colours(), bytes)) {
        Ok(text) => text,
        Err(broken) => String::from_utf8_lossy(broken.as_bytes()).into_owned(),
    }
}

/// `text` without any escape sequence; borrowed where it has none.
#[must_use]
pub fn strip_ansi(text: &str) -> Cow<'_, str> {
    let controls = |byte: &u8| !is_plain(*byte) && *byte != 0xc2;
    if !text.as_bytes().iter().any(controls) && !text.contains(|c| ('\u{80}'..='\u{9f}').contains(&c)) {
        return Cow::Borrowed(text);
    }
    let bytes = filtered(LogFilter::plain(), text.as_bytes());
    Cow::Owned(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(log: &[u8], kept: &str) {
        assert_eq!(sanitize_log(log), kept);
    }

    #[test]
    fn colours_stay() {
        check(b"\x1b[1;31merror\x1b[0m: x", "\x1b[1;31merror\x1b[0m: x");
        check(b"\x1b[38;5;8mgrey\x1b[m", "\x1b[38;5;8mgrey\x1b[m");
        check(b"\x1b[38;2;8;8;8mgrey", "\x1b[38;2;8;8;8mgrey");
        check("\u{9b}31mred".as_bytes(), "\x1b[31mred");
    }

    #[test]
    fn everything_else_goes() {
        check(b"a\x1b[2Jb\x1b[1;1Hc", "abc");
        check(b"a\x1b]0;title\x07b", "ab");
        check(b"a\x1b]52;c;aGk=\x1b\\b", "ab");
        check(b"a\x1bP+q\x1b\\b\x1b_x\x1b\\c\x1b^y\x1b\\d\x1bXz\x1b\\e", "abcde");
        check("a\u{9d}0;t\u{9c}b\u{85}c".as_bytes(), "abc");
        check(b"a\x1bcb\x1b(Bc\x1b#8d", "abcd");
        check(b"a\x08\x07\0\x7fb", "ab");
        check(b"\x1b[8mhidden\x1b[28;8mtoo\x1b[08mand", "hiddentooand");
        check(b"\x1b[>4;2mx\x1b[?1049hy", "xy");
    }

    #[test]
    fn lines_stay_lines() {
        check(b"10%\r20%\r\ndone\r", "10%\n20%\ndone\n");
        check(b"a\x1b]0;never ends\nb", "a\nb");
        check(b"a\x1b[31", "a");
    }

    #[test]
    fn text_stays_text() {
        check("größe ¡ 日本 \t x".as_bytes(), "größe ¡ 日本 \t x");
        check(b"a\xff\xc2", "a\u{fffd}\u{fffd}");
        assert!(matches!(strip_ansi("größe"), Cow::Borrowed(_)));
        assert_eq!(strip_ansi("\x1b[31mred\x1b[0m"), "red");
    }

    proptest::proptest! {
        #![proptest_config(proptest::prelude::ProptestConfig { failure_persistence: None, ..Default::default() })]

        #[test]
        fn pieces_make_no_difference(bytes: Vec<u8>, at: proptest::sample::Index) {
            let at = at.index(bytes.len() + 1);
            let mut filter = LogFilter::keeping_colours();
            let mut pieces = Vec::new();
            filter.push(&bytes[..at], &mut pieces);
            filter.push(&bytes[at..], &mut pieces);
            filter.finish(&mut pieces);
            assert_eq!(String::from_utf8_lossy(&pieces), sanitize_log(&bytes));
        }

        #[test]
        fn only_colours_remain(bytes in proptest::collection::vec(
            proptest::prop_oneof![proptest::num::u8::ANY, proptest::sample::select(b"\x1b[]m;1\x9b\xc2P\\".to_vec())], 0..60)) {
            let kept = sanitize_log(&bytes);
            let plain = strip_ansi(&kept);
            assert!(!plain.chars().any(|c| c.is_control() && c != '\n' && c != '\t'), "{kept:?}");
            assert_eq!(sanitize_log(kept.as_bytes()), kept, "a second time changes nothing");
        }
    }
}
