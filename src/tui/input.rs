//! What the terminal sends, read byte by byte: keys (legacy and kitty), pastes, mouse, focus and answers.
//!
//! A parser of our own because a lost terminal has to end the program at once: the bytes come from one read of
//! the tty, so an end of file is seen here and no thread waits behind our back.

use std::time::Duration;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

/// One thing the terminal sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Input {
    /// A key went down.
    Key(KeyEvent),
    /// Pasted text, whole.
    Paste(String),
    /// The wheel: lines, positive down, at (column, row).
    Wheel(i16, u16, u16),
    /// The left button went down at (column, row).
    Click(u16, u16),
    /// The terminal's window got (true) or lost the focus.
    Focus(bool),
    /// The answer to a status query: everything we wrote before the question was shown.
    StatusOk,
    /// The terminal speaks the kitty keyboard protocol.
    Kitty,
    /// The terminal says what it is.
    Device,
    /// The terminal says which ground it has.
    Background { light: bool },
}

/// What follows an escape within this time belongs to it.
const ESCAPE: Duration = Duration::from_millis(40);
/// An answer's second half may be a packet of its own; typed as keys it would do things.
const TORN_ANSWER: Duration = Duration::from_secs(1);

/// The longest paste that is kept: larger ones are cut there, a review comment needs no more.
const MAX_PASTE: usize = 1 << 20;
const PASTE_END: &[u8] = b"\x1b[201~";

/// Bytes in, [`Input`]s out; what is incomplete waits for the next bytes.
#[derive(Debug, Default)]
pub(crate) struct Parser {
    buffer: Vec<u8>,
    paste: Option<Vec<u8>>,
}

enum Step {
    /// So many bytes were used, for this.
    Took(usize, Option<Input>),
    /// More bytes are needed.
    Incomplete,
}

impl Parser {
    /// Takes `bytes` and gives everything that is complete.
    pub(crate) fn feed(&mut self, bytes: &[u8]) -> Vec<Input> {
        self.buffer.extend_from_slice(bytes);
        self.parse()
    }

    /// How long to wait for the rest of what begins with an escape, before it is the key itself.
    pub(crate) fn patience(&self) -> Option<Duration> {
        match self.buffer.as_slice() {
            [] => None,
            _ if self.paste.is_some() => None,
            [0x1b, b']', b'0'..=b'9', ..] => Some(TORN_ANSWER),
            _ => Some(ESCAPE),
        }
    }

    /// Nothing followed: a lone escape is the key, anything else unfinished is dropped.
    pub(crate) fn flush(&mut self) -> Vec<Input> {
        if self.paste.is_some() {
            return Vec::new();
        }
        match std::mem::take(&mut self.buffer).as_slice() {
            [0x1b] => vec![key(KeyCode::Esc)],
            [0x1b, b'['] => vec![alt(KeyCode::Char('['))],
            [0x1b, b'O'] => vec![alt(KeyCode::Char('O'))],
            _ => Vec::new(),
        }
    }

    fn parse(&mut self) -> Vec<Input> {
        let mut found = Vec::new();
        let mut at = 0;
        while at < self.buffer.len() {
            if let Some(paste) = &mut self.paste {
                match find(&self.buffer[at..], PASTE_END) {
                    Some(end) => {
                        extend_limited(paste, &self.buffer[at..at + end]);
                        at += end + PASTE_END.len();
                        let text = String::from_utf8_lossy(paste).replace("\r\n", "\n").replace('\r', "\n");
                        self.paste = None;
                        found.push(Input::Paste(text));
                    }
                    None => {
                        // the end mark itself may be torn between two reads
                        let keep = (self.buffer.len() - at).min(PASTE_END.len() - 1);
                        let until = self.buffer.len() - keep;
                        extend_limited(paste, &self.buffer[at..until]);
                        at = until;
                        break;
                    }
                }
                continue;
            }
            match step(&self.buffer[at..]) {
                Step::Took(used, Some(Input::Paste(_))) => {
                    at += used;
                    self.paste = Some(Vec::new());
                }
                Step::Took(used, input) => {
                    at += used;
                    found.extend(input);
                }
                Step::Incomplete => break,
            }
        }
        self.buffer.drain(..at);
        if self.buffer.len() > 64 && self.paste.is_none() {
            self.buffer.clear(); // no sequence is that long: noise
        }
        found
    }
}

fn extend_limited(paste: &mut Vec<u8>, bytes: &[u8]) {
    let room = MAX_PASTE.saturating_sub(paste.len());
    paste.extend_from_slice(&bytes[..bytes.len().min(room)]);
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}

fn key(code: KeyCode) -> Input {
    Input::Key(KeyEvent::new(code, KeyModifiers::NONE))
}

fn alt(code: KeyCode) -> Input {
    Input::Key(KeyEvent::new(code, KeyModifiers::ALT))
}

fn step(bytes: &[u8]) -> Step {
    match bytes {
        [] | [0x1b] | [0x1b, b'[' | b'O'] => Step::Incomplete,
        [0x1b, b'[', rest @ ..] => csi(rest),
        [0x1b, b'O', last, ..] => Step::Took(3, ss3(*last)),
        [0x1b, b']' | b'P' | b'_', rest @ ..] => string_sequence(rest),
        [0x1b, 0x1b, ..] => Step::Took(1, Some(key(KeyCode::Esc))),
        [0x1b, rest @ ..] => match step(rest) {
            Step::Took(used, Some(Input::Key(mut event))) => {
                event.modifiers |= KeyModifiers::ALT;
                Step::Took(used + 1, Some(Input::Key(event)))
            }
            Step::Took(used, _) => Step::Took(used + 1, None),
            Step::Incomplete => Step::Incomplete,
        },
        [byte, ..] if *byte < 0x20 || *byte == 0x7f => Step::Took(1, Some(control(*byte))),
        _ => utf8(bytes),
    }
}

fn control(byte: u8) -> Input {
    let with = |c: char| Input::Key(KeyEvent::new(KeyCode::Char(c), KeyModifiers::CONTROL));
    match byte {
        b'\r' => key(KeyCode::Enter),
        b'\t' => key(KeyCode::Tab),
        0x7f | 0x08 => key(KeyCode::Backspace),
        0 => with(' '),
        1..=26 => with(char::from(byte - 1 + b'a')),
        _ => with(char::from(byte - 0x1c + b'4')),
    }
}

fn utf8(bytes: &[u8]) -> Step {
    let wanted = match bytes[0] {
        0x00..=0x7f => 1,
        0xc0..=0xdf => 2,
        0xe0..=0xef => 3,
        0xf0..=0xf7 => 4,
        _ => return Step::Took(1, None),
    };
    if bytes.len() < wanted {
        return Step::Incomplete;
    }
    match std::str::from_utf8(&bytes[..wanted]).ok().and_then(|text| text.chars().next()) {
        Some(c) => {
            let modifiers = if c.is_uppercase() { KeyModifiers::SHIFT } else { KeyModifiers::NONE };
            Step::Took(wanted, Some(Input::Key(KeyEvent::new(KeyCode::Char(c), modifiers))))
        }
        None => Step::Took(1, None),
    }
}

fn ss3(last: u8) -> Option<Input> {
    Some(key(match last {
        b'A' => KeyCode::Up,
        b'B' => KeyCode::Down,
        b'C' => KeyCode::Right,
        b'D' => KeyCode::Left,
        b'H' => KeyCode::Home,
        b'F' => KeyCode::End,
        b'P'..=b'S' => KeyCode::F(last - b'P' + 1),
        b'M' => KeyCode::Enter,
        _ => return None,
    }))
}

/// OSC, DCS and APC answers: the ground is the one that is asked for, others are swallowed whole.
fn string_sequence(rest: &[u8]) -> Step {
    for (at, byte) in rest.iter().enumerate() {
        match byte {
            0x07 => return Step::Took(at + 3, background(&rest[..at])),
            0x1b if rest.get(at + 1) == Some(&b'\\') => return Step::Took(at + 4, background(&rest[..at])),
            _ => {}
        }
    }
    Step::Incomplete
}

/// `11;rgb:rrrr/gggg/bbbb`, each part of one to four digits.
fn background(answer: &[u8]) -> Option<Input> {
    let color = std::str::from_utf8(answer).ok()?.strip_prefix("11;")?;
    let parts = color.strip_prefix("rgb:").or_else(|| color.strip_prefix("rgba:"))?;
    let mut parts = parts.split('/').map(|part| {
        let most = 16_u32.checked_pow(u32::try_from(part.len()).ok().filter(|digits| (1..=4).contains(digits))?)? - 1;
        Some(u32::from_str_radix(part, 16).ok()? * 255 / most)
    });
    let (red, green, blue) = (parts.next()??, parts.next()??, parts.next()??);
    // Rec. 601: how bright the eye finds it
    Some(Input::Background { light: 299 * red + 587 * green + 114 * blue > 127_500 })
}

fn csi(rest: &[u8]) -> Step {
    if rest.first() == Some(&b'M') {
        // X10 mouse: three bytes follow; we ask for SGR, so swallow
        return if rest.len() < 4 { Step::Incomplete } else { Step::Took(6, None) };
    }
    let Some(end) = rest.iter().position(|byte| (0x40..=0x7e).contains(byte)) else { return Step::Incomplete };
    let used = end + 3;
    let Ok(params) = std::str::from_utf8(&rest[..end]) else { return Step::Took(used, None) };
    Step::Took(used, sequence(params, rest[end]))
}

fn sequence(params: &str, last: u8) -> Option<Input> {
    if let Some(mouse) = params.strip_prefix('<') {
        return sgr_mouse(mouse, last);
    }
    if params.starts_with('?') {
        return match last {
            b'u' => Some(Input::Kitty),
            b'c' => Some(Input::Device),
            _ => None,
        };
    }
    let mut numbers = params.split(';').map(|part| part.split(':').next().unwrap_or("").parse::<u32>().unwrap_or(0));
    let first = numbers.next().unwrap_or(0);
    let modifiers = modifiers(numbers.next().unwrap_or(1));
    let released = params.split(';').nth(1).is_some_and(|part| part.ends_with(":3"));
    if released {
        return None;
    }
    let code = match (last, first) {
        (b'n', 0) => return Some(Input::StatusOk),
        (b'I', _) => return Some(Input::Focus(true)),
        (b'O', _) => return Some(Input::Focus(false)),
        (b'~', 200) => return Some(Input::Paste(String::new())),
        (b'A', _) => KeyCode::Up,
        (b'B', _) => KeyCode::Down,
        (b'C', _) => KeyCode::Right,
        (b'D', _) => KeyCode::Left,
        (b'H', _) | (b'~', 1 | 7) => KeyCode::Home,
        (b'F', _) | (b'~', 4 | 8) => KeyCode::End,
        (b'P' | b'Q' | b'S', _) => KeyCode::F(last - b'P' + 1),
        (b'Z', _) => KeyCode::BackTab,
        (b'~', 2) => KeyCode::Insert,
        (b'~', 3) => KeyCode::Delete,
        (b'~', 5) => KeyCode::PageUp,
        (b'~', 6) => KeyCode::PageDown,
        (b'~', 11..=15) => KeyCode::F(u8::try_from(first - 10).unwrap_or(1)),
        (b'~', 17..=21) => KeyCode::F(u8::try_from(first - 11).unwrap_or(1)),
        (b'~', 23..=24) => KeyCode::F(u8::try_from(first - 12).unwrap_or(1)),
        (b'u', number) => return kitty(number, modifiers),
        _ => return None,
    };
    Some(Input::Key(KeyEvent::new(code, modifiers)))
}

fn modifiers(parameter: u32) -> KeyModifiers {
    let bits = parameter.saturating_sub(1);
    let mut modifiers = KeyModifiers::NONE;
    modifiers.set(KeyModifiers::SHIFT, bits & 1 != 0);
    modifiers.set(KeyModifiers::ALT, bits & 2 != 0);
    modifiers.set(KeyModifiers::CONTROL, bits & 4 != 0);
    modifiers
}

fn kitty(number: u32, modifiers: KeyModifiers) -> Option<Input> {
    let code = match number {
        27 => KeyCode::Esc,
        13 | 57414 => KeyCode::Enter,
        9 if modifiers.contains(KeyModifiers::SHIFT) => KeyCode::BackTab,
        9 => KeyCode::Tab,
        127 => KeyCode::Backspace,
        57399..=57408 => KeyCode::Char(char::from_digit(number - 57399, 10)?),
        57344..=63743 => return None, // keys of the private area: modifiers alone and the like
        other => {
            let c = char::from_u32(other)?;
            let shifted = modifiers.contains(KeyModifiers::SHIFT) && c.is_ascii_lowercase();
            KeyCode::Char(if shifted { c.to_ascii_uppercase() } else { c })
        }
    };
    Some(Input::Key(KeyEvent::new(code, modifiers)))
}

fn sgr_mouse(params: &str, last: u8) -> Option<Input> {
    let mut numbers = params.split(';').map(|part| part.parse::<u16>().unwrap_or(0));
    let (button, column, row) = (numbers.next()?, numbers.next()?, numbers.next()?);
    let (column, row) = (column.saturating_sub(1), row.saturating_sub(1));
    match (button, last) {
        (64, b'M') => Some(Input::Wheel(-3, column, row)),
        (65, b'M') => Some(Input::Wheel(3, column, row)),
        (0, b'M') => Some(Input::Click(column, row)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(bytes: &[u8], expected: &[Input]) {
        assert_eq!(Parser::default().feed(bytes), expected, "{:?}", String::from_utf8_lossy(bytes));
        // torn at every byte it reads the same
        let mut parser = Parser::default();
        let torn: Vec<_> = bytes.iter().flat_map(|byte| parser.feed(&[*byte])).collect();
        assert_eq!(torn, expected, "torn: {:?}", String::from_utf8_lossy(bytes));
    }

    fn with(code: KeyCode, modifiers: KeyModifiers) -> Input {
        Input::Key(KeyEvent::new(code, modifiers))
    }

    #[test]
    fn keys_are_read() {
        check(b"j", &[key(KeyCode::Char('j'))]);
        check(b"A", &[with(KeyCode::Char('A'), KeyModifiers::SHIFT)]);
        check(b"\r\t\x7f", &[key(KeyCode::Enter), key(KeyCode::Tab), key(KeyCode::Backspace)]);
        check(b"\x04", &[with(KeyCode::Char('d'), KeyModifiers::CONTROL)]);
        check("é日🦀".as_bytes(), &[key(KeyCode::Char('é')), key(KeyCode::Char('日')), key(KeyCode::Char('🦀'))]);
        check(b"\x1b[A\x1bOB\x1b[5~", &[key(KeyCode::Up), key(KeyCode::Down), key(KeyCode::PageUp)]);
        check(b"\x1b[1;5C", &[with(KeyCode::Right, KeyModifiers::CONTROL)]);
        check(b"\x1bj", &[with(KeyCode::Char('j'), KeyModifiers::ALT)]);
        check(b"\x1b[Z", &[key(KeyCode::BackTab)]);
        check(b"\x1bOP\x1b[15~", &[key(KeyCode::F(1)), key(KeyCode::F(5))]);
    }

    #[test]
    fn kitty_keys_are_read_and_releases_are_not() {
        check(b"\x1b[27u", &[key(KeyCode::Esc)]);
        check(b"\x1b[100;5u", &[with(KeyCode::Char('d'), KeyModifiers::CONTROL)]);
        check(b"\x1b[97;2u", &[with(KeyCode::Char('A'), KeyModifiers::SHIFT)]);
        check(b"\x1b[106;1:3u", &[]);
        check(b"\x1b[?1u", &[Input::Kitty]);
    }

    #[test]
    fn answers_mouse_and_focus_are_read() {
        check(b"\x1b[0n", &[Input::StatusOk]);
        check(b"\x1b[I\x1b[O", &[Input::Focus(true), Input::Focus(false)]);
        check(b"\x1b[<65;10;4M", &[Input::Wheel(3, 9, 3)]);
        check(b"\x1b[<0;1;1M\x1b[<0;1;1m", &[Input::Click(0, 0)]);
        check(b"\x1b]4;1;rgb:0000/0000/0000\x07j", &[key(KeyCode::Char('j'))]);
        check(b"\x1b[?62;22c", &[Input::Device]);
    }

    #[track_caller]
    fn check_ground(answer: &str, light: bool) {
        check(format!("\x1b]11;{answer}\x1b\\").as_bytes(), &[Input::Background { light }]);
        check(format!("\x1b]11;{answer}\x07").as_bytes(), &[Input::Background { light }]);
    }

    #[test]
    fn the_ground_is_light_or_dark() {
        check_ground("rgb:ffff/ffff/ffff", true);
        check_ground("rgb:fd/f6/e3", true);
        check_ground("rgba:f/f/f/f", true);
        check_ground("rgb:0000/2b2b/3636", false);
        check_ground("rgb:0/0/0", false);
        check(b"\x1b]11;rgb:/0/0\x07\x1b]11;rgb:12345/0/0\x07\x1b]11;pink\x07", &[]);
    }

    #[test]
    fn half_an_answer_is_waited_for_longer_than_an_escape() {
        let mut parser = Parser::default();
        assert_eq!((parser.feed(b"\x1b"), parser.patience()), (vec![], Some(ESCAPE)));
        assert_eq!((parser.feed(b"]11;rgb:12"), parser.patience()), (vec![], Some(TORN_ANSWER)));
        assert_eq!((parser.feed(b"12/1212/1212\x07").len(), parser.patience()), (1, None));
    }

    #[test]
    fn a_paste_is_one_input_and_types_nothing() {
        check(b"\x1b[200~A y\r\nx\x1b[201~j", &[Input::Paste("A y\nx".to_owned()), key(KeyCode::Char('j'))]);
    }

    #[test]
    fn a_lone_escape_waits_and_is_then_the_key() {
        let mut parser = Parser::default();
        assert_eq!(parser.feed(b"\x1b"), &[]);
        assert_eq!(parser.patience(), Some(ESCAPE));
        assert_eq!(parser.flush(), &[key(KeyCode::Esc)]);
        assert_eq!(parser.patience(), None);
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_survived(bytes: Vec<u8>) {
            let mut parser = Parser::default();
            parser.feed(&bytes);
            parser.flush();
        }
    }
}
