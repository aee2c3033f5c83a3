//! The one owner of standard output and standard error.
//!
//! Data goes to standard output, words for people to standard error. Every piece of text is made printable here, so
//! no verb can print what somebody else wrote as it is; [`Output::document`] is the one exception, for bytes that
//! are piped on. JSON is one object a line, with every character that a terminal could act on escaped.

use std::borrow::Cow;
use std::fmt::Display;
use std::io::Write;
use std::sync::LazyLock;

use serde_json::Value;

use super::ended::Ended;
use super::world::Terminal;
use crate::api::{Failure, FailureKind};
use crate::text::{DisplayOptions, SecretMask, Untrusted, display_bytes, width};

/// What a piece of text is; colour only repeats what the words say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    Plain,
    Strong,
    Dim,
    Good,
    Bad,
    Warn,
    Mark,
}

impl Role {
    fn sgr(self) -> &'static str {
        match self {
            Self::Plain => "",
            Self::Strong => "\x1b[1m",
            Self::Dim => "\x1b[2m",
            Self::Good => "\x1b[32m",
            Self::Bad => "\x1b[31m",
            Self::Warn => "\x1b[33m",
            Self::Mark => "\x1b[36m",
        }
    }
}

/// A piece of text in a role.
pub(super) type Span = (Role, String);

/// One line of text in roles; every piece is made printable when it is added.
#[derive(Debug, Clone, Default)]
pub(crate) struct Text {
    spans: Vec<Span>,
    /// Where its further lines start, if it may be broken at the terminal's edge.
    hangs: Option<usize>,
}

impl Text {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// More plain text.
    pub(crate) fn plain(self, text: impl Display) -> Self {
        self.role(Role::Plain, text)
    }

    /// More text in a role.
    pub(crate) fn role(mut self, role: Role, text: impl Display) -> Self {
        let text = Untrusted::new(text.to_string());
        self.spans.push((role, text.display_line().to_string()));
        self
    }

    /// Words that may have several lines: the first goes on here, each further one starts after `indent`.
    pub(crate) fn words(mut self, role: Role, words: &str, indent: &str) -> Self {
        for (at, line) in words.trim_end().split('\n').enumerate() {
            let line = line.strip_suffix('\r').unwrap_or(line);
            if at > 0 {
                let gap = if line.trim().is_empty() { "\n".to_owned() } else { format!("\n{indent}") };
                self.spans.push((Role::Plain, gap));
            }
            self = self.role(role, line);
        }
        self
    }

    /// More text in a role, from bytes that may be no UTF-8.
    pub(crate) fn bytes(mut self, role: Role, bytes: &[u8]) -> Self {
        self.spans.push((role, display_bytes(bytes, &DisplayOptions::line()).to_string()));
        self
    }

    /// More text in a role, with blanks up to `columns`.
    pub(crate) fn cell(self, role: Role, text: impl Display, columns: usize) -> Self {
        let text = Untrusted::new(text.to_string());
        let padded = width::pad_end(text.display_line().as_str(), columns).into_owned();
        self.role(role, padded)
    }

    /// Lets a terminal break it at its edge; each further line starts after `indent` blanks.
    pub(crate) fn hanging(self, indent: usize) -> Self {
        Self { hangs: Some(indent), ..self }
    }

    /// As a terminal of so many columns has it.
    fn broken(self, columns: usize) -> Self {
        match self.hangs {
            Some(indent) => Self { spans: super::hang::broken(&self.spans, columns, indent), hangs: None },
            None => self,
        }
    }

    /// The printable text without colours.
    pub(crate) fn as_plain(&self) -> String {
        self.render(false)
    }

    fn mask(&mut self, mask: &SecretMask) {
        for (_, text) in &mut self.spans {
            if let Cow::Owned(hidden) = mask.hide_text(text) {
                *text = hidden;
            }
        }
    }

    fn render(&self, colour: bool) -> String {
        let mut line = String::new();
        for (role, text) in &self.spans {
            match (colour, role.sgr()) {
                (true, sgr) if !sgr.is_empty() => line.extend([sgr, text, "\x1b[0m"]),
                _ => line.push_str(text),
            }
        }
        line.truncate(line.trim_end_matches(' ').len());
        line.push('\n');
        line
    }
}

impl<T: Display> From<T> for Text {
    fn from(text: T) -> Self {
        Self::new().plain(text)
    }
}

/// When colours are used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub(crate) enum ColourChoice {
    /// On a terminal that can, unless NO_COLOR is set.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// Which of the two streams get colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Colours {
    pub(crate) output: bool,
    pub(crate) error: bool,
}

impl Colours {
    /// What the choice, the environment (`variable` gives a set, non-empty one) and the terminal come to.
    pub(crate) fn of<'v>(
        choice: ColourChoice,
        variable: impl Fn(&str) -> Option<&'v str>,
        terminal: &Terminal,
    ) -> Self {
        let forced = variable("CLICOLOR_FORCE").is_some_and(|value| value != "0");
        let on = |is_terminal: bool| match choice {
            ColourChoice::Always => true,
            ColourChoice::Never => false,
            ColourChoice::Auto if variable("NO_COLOR").is_some() => false,
            ColourChoice::Auto if forced => true,
            ColourChoice::Auto => is_terminal && variable("TERM") != Some("dumb") && variable("CLICOLOR") != Some("0"),
        };
        Self { output: on(terminal.output), error: on(terminal.error) }
    }
}

/// Standard output and standard error.
pub(crate) struct Output {
    output: Box<dyn Write + Send>,
    error: Box<dyn Write + Send>,
    colours: Colours,
    terminal: Terminal,
    json: bool,
    mask: LazyMask,
    masked: bool,
    /// Whether a line on standard error can be written over.
    updates: bool,
    /// Whether such a line stands there now.
    updating: bool,
}

/// Hides secrets from people; made when something is first shown.
pub(crate) type LazyMask = LazyLock<SecretMask, Box<dyn FnOnce() -> SecretMask + Send>>;

impl Output {
    pub(crate) fn new(
        output: Box<dyn Write + Send>,
        error: Box<dyn Write + Send>,
        terminal: Terminal,
        colours: Colours,
        json: bool,
        mask: LazyMask,
    ) -> Self {
        // colours are for eyes: whoever forces them into a pipe has a pager behind it
        let masked = terminal.output || colours.output;
        Self { output, error, colours, terminal, json, mask, masked, updates: false, updating: false }
    }

    /// Lets [`Output::progress`] write over its own line, where standard error is a terminal that can.
    pub(crate) fn let_update(&mut self, can: bool) {
        self.updates = can && self.terminal.error;
    }

    /// Whether [`Output::progress`] shows anything.
    pub(crate) fn updates(&self) -> bool {
        self.updates
    }

    /// What goes on, in one line on standard error that the next one replaces; `None` takes it away.
    pub(crate) fn progress(&mut self, text: Option<Text>) {
        if !self.updates || (text.is_none() && !self.updating) {
            return;
        }
        self.updating = text.is_some();
        let mut line = String::from("\r\x1b[K");
        if let Some(mut text) = text {
            text.mask(&self.mask);
            let whole = text.render(false);
            // a line that reaches the edge would be broken, and only its last part replaced
            line += &width::truncate_end(whole.trim_end(), self.columns().saturating_sub(1));
        }
        let _ = self.error.write_all(line.as_bytes());
        let _ = self.error.flush();
    }

    /// Draws `lines` from the terminal's upper left corner and takes away what stood below; the cursor waits under the
    /// last. What is on the terminal is scrolled out of sight first by `room` lines.
    pub(crate) fn repaint(&mut self, lines: Vec<Text>, room: usize) -> Result<(), Ended> {
        let mut frame = "\n".repeat(room) + "\x1b[H";
        for mut text in lines {
            text.mask(&self.mask);
            // each line is cleared behind its words, never before them: a frame that is redrawn does not flicker
            frame += text.render(self.colours.output).trim_end_matches('\n');
            frame += "\x1b[K\r\n";
        }
        frame += "\x1b[J";
        written(self.output.write_all(frame.as_bytes()).and_then(|()| self.output.flush()))
    }

    /// Leaves a pane: the cursor's line is emptied of what the terminal echoed there, such as `^C`.
    pub(crate) fn leave_pane(&mut self) -> Result<(), Ended> {
        written(self.output.write_all(b"\r\x1b[K").and_then(|()| self.output.flush()))
    }

    /// Hands all further output to a pager: text for a terminal, as it was going to be.
    pub(crate) fn page_through(&mut self, pager: Box<dyn Write + Send>) -> Result<(), Ended> {
        self.flush()?;
        self.output = Box::new(std::io::BufWriter::new(pager));
        Ok(())
    }

    /// Ends the output; a pager is waited for.
    pub(crate) fn close(&mut self) {
        self.output = Box::new(std::io::sink());
    }

    /// Hides secrets even where the output is piped: for text that is handed to somebody else.
    pub(crate) fn mask_always(&mut self) {
        self.masked = true;
    }

    /// `bytes` as they may be shown: every byte of a secret is a star, lines and columns stay. As they are where
    /// the output is data.
    pub(crate) fn masked<'a>(&self, bytes: &'a [u8]) -> Cow<'a, [u8]> {
        if self.masked { self.mask.hide(bytes) } else { Cow::Borrowed(bytes) }
    }

    /// Whether `--json` was given.
    pub(crate) fn json(&self) -> bool {
        self.json
    }

    /// Whether standard output gets colours.
    pub(crate) fn coloured(&self) -> bool {
        self.colours.output
    }

    /// Whether standard output is a terminal.
    pub(crate) fn is_terminal(&self) -> bool {
        self.terminal.output
    }

    /// Columns of the terminal.
    pub(crate) fn columns(&self) -> usize {
        self.terminal.columns.clamp(20, 400)
    }

    /// Columns for words behind `indent` of them: as many as there are where it is no terminal that breaks lines.
    pub(crate) fn room(&self, indent: usize) -> usize {
        if self.terminal.output { self.columns().saturating_sub(indent).max(20) } else { usize::MAX }
    }

    /// A line of data for people.
    pub(crate) fn line(&mut self, text: impl Into<Text>) -> Result<(), Ended> {
        let mut text = text.into();
        if self.masked {
            text.mask(&self.mask);
        }
        if self.terminal.output {
            text = text.broken(self.columns());
        }
        let line = text.render(self.colours.output);
        written(self.output.write_all(line.as_bytes()))
    }

    /// Several lines, made printable one by one, each after `indent`, broken at the terminal's edge.
    pub(crate) fn paragraph(&mut self, indent: &str, text: &str) -> Result<(), Ended> {
        let columns = self.columns().min(100).saturating_sub(indent.len()).max(20);
        let shown = self.masked(text.trim_end().as_bytes()).into_owned();
        let safe = Untrusted::new(String::from_utf8_lossy(&shown));
        for line in width::wrap(safe.display().as_str(), columns) {
            self.line(Text::new().plain(indent).plain(line))?;
        }
        Ok(())
    }

    /// The one object of `--json`, or one of a stream.
    pub(crate) fn object(&mut self, value: &Value) -> Result<(), Ended> {
        let line = escaped(&value.to_string()) + "\n";
        written(self.output.write_all(line.as_bytes()).and_then(|()| self.output.flush()))
    }

    /// Bytes as they are where they are piped on or kept; made printable, line by line, on a terminal.
    pub(crate) fn document(&mut self, bytes: &[u8]) -> Result<(), Ended> {
        if !self.terminal.output {
            return written(self.output.write_all(bytes));
        }
        let shown = self.masked(bytes).into_owned();
        for line in shown.split_inclusive(|byte| *byte == b'\n') {
            self.line(Text::new().bytes(Role::Plain, line.strip_suffix(b"\n").unwrap_or(line)))?;
        }
        Ok(())
    }

    /// A check's output: its colours where colours are wanted, never another escape sequence.
    pub(crate) fn log(&mut self, bytes: &[u8]) -> Result<(), Ended> {
        let clean = crate::text::sanitize_log(bytes);
        let shown = self.masked(clean.as_bytes());
        let text = printable_log(&String::from_utf8_lossy(&shown), self.colours.output);
        written(self.output.write_all(text.as_bytes()))
    }

    /// More of a line that has not ended: what of it stands there already is `shown`. Where more of it turns out to be a
    /// secret, what stands there is left and the rest is masked.
    pub(crate) fn log_begun(&mut self, line: &[u8], shown: &mut String) -> Result<(), Ended> {
        let clean = crate::text::sanitize_log(line);
        let masked = self.masked(clean.as_bytes());
        let text = printable_log(&String::from_utf8_lossy(&masked), self.colours.output);
        let same = text.chars().zip(shown.chars()).take_while(|(one, other)| one == other);
        let same: usize = same.map(|(one, _)| one.len_utf8()).sum();
        written(self.output.write_all(&text.as_bytes()[same..]))?;
        *shown = text;
        Ok(())
    }

    /// Our own text, known to be printable: help, manuals, completions.
    pub(crate) fn own(&mut self, text: &str) -> Result<(), Ended> {
        written(self.output.write_all(text.as_bytes()))
    }

    /// A line for people that is not data.
    pub(crate) fn say(&mut self, text: impl Into<Text>) {
        let mut text = text.into();
        if self.terminal.error {
            text.mask(&self.mask);
            text = text.broken(self.columns());
        }
        self.progress(None);
        let line = text.render(self.colours.error);
        // who closed standard error does not want to hear
        let _ = self.error.write_all(line.as_bytes());
    }

    /// The question of a prompt, without a line end.
    pub(crate) fn question(&mut self, text: impl Into<Text>) {
        self.progress(None);
        let line = text.into().render(self.colours.error);
        let _ = self.error.write_all(line.trim_end_matches('\n').as_bytes());
        let _ = self.error.write_all(b" ");
        let _ = self.error.flush();
    }

    /// `error:`, `cause:` and `hint:` lines; with `--json` also the object `paraph.failure/1` on standard output.
    pub(crate) fn failure(&mut self, failure: &Failure) {
        self.say(Text::new().role(Role::Bad, "error: ").words(Role::Plain, &failure.message, "       "));
        for cause in &failure.causes {
            self.say(Text::new().role(Role::Dim, "cause: ").words(Role::Plain, cause, "       "));
        }
        for hint in &failure.hints {
            self.say(Text::new().role(Role::Mark, "hint: ").words(Role::Plain, hint, "      "));
        }
        if self.json {
            let object = serde_json::json!({
                "schema": "paraph.failure/1",
                "kind": failure.kind,
                "exit": failure.kind.exit_code(),
                "message": failure.message,
                "causes": failure.causes,
                "hints": failure.hints,
            });
            // the failure itself is the exit status already
            let _ = self.object(&object);
        }
    }

    /// Everything out.
    pub(crate) fn flush(&mut self) -> Result<(), Ended> {
        written(self.output.flush())
    }

    /// Standard output for a document that is written piece by piece.
    pub(crate) fn writer(&mut self) -> &mut (dyn Write + Send) {
        self.output.as_mut()
    }
}

fn written(result: std::io::Result<()>) -> Result<(), Ended> {
    result.map_err(|error| match error.kind() {
        std::io::ErrorKind::BrokenPipe => Ended::NobodyReads,
        _ => Ended::Failed(Failure::from_error(FailureKind::Failed, &error)),
    })
}

/// A log that holds no sequences but colours, with everything else made printable; colours end where it does.
fn printable_log(log: &str, coloured: bool) -> String {
    let mut text = String::with_capacity(log.len());
    let mut pieces = log.split('\x1b');
    text.push_str(Untrusted::new(pieces.next().unwrap_or_default()).display().as_str());
    let mut open = false;
    for piece in pieces {
        let (colour, rest) = piece.split_once('m').unwrap_or(("", piece));
        if coloured {
            text.extend(["\x1b", colour, "m"]);
            open = !matches!(colour, "[" | "[0");
        }
        text.push_str(Untrusted::new(rest).display().as_str());
    }
    if open {
        text.push_str("\x1b[0m");
    }
    text
}

/// JSON in which every character that a terminal could act on, or that hides, is `\uXXXX`: it can only stand in a
/// string, so the value stays the same.
fn escaped(json: &str) -> String {
    let acts = |c: char| !c.is_ascii() || c == '\x7f';
    let text = Untrusted::new(json);
    if !json.contains(acts) || text.display_line().is_borrowed() {
        return json.to_owned();
    }
    let mut safe = String::with_capacity(json.len() + 16);
    for c in json.chars() {
        if acts(c) {
            for unit in c.encode_utf16(&mut [0; 2]) {
                safe += &format!("\\u{unit:04x}");
            }
        } else {
            safe.push(c);
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn colours(choice: ColourChoice, variables: &[(&str, &'static str)], is_terminal: bool, expected: bool) {
        let terminal = Terminal { output: is_terminal, ..Terminal::NONE };
        let variable = |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| *value);
        assert_eq!(Colours::of(choice, variable, &terminal).output, expected, "{choice:?} {variables:?}");
    }

    #[test]
    fn colours_follow_flag_then_environment_then_terminal() {
        colours(ColourChoice::Auto, &[], true, true);
        colours(ColourChoice::Auto, &[], false, false);
        colours(ColourChoice::Auto, &[("TERM", "dumb")], true, false);
        colours(ColourChoice::Auto, &[("NO_COLOR", "1")], true, false);
        colours(ColourChoice::Auto, &[("NO_COLOR", "1"), ("CLICOLOR_FORCE", "1")], true, false);
        colours(ColourChoice::Auto, &[("CLICOLOR_FORCE", "1")], false, true);
        colours(ColourChoice::Auto, &[("CLICOLOR_FORCE", "0")], false, false);
        colours(ColourChoice::Auto, &[("CLICOLOR", "0")], true, false);
        colours(ColourChoice::Always, &[("NO_COLOR", "1")], false, true);
        colours(ColourChoice::Never, &[("CLICOLOR_FORCE", "1")], true, false);
    }

    #[track_caller]
    fn json(text: &str, expected: &str) {
        let value = Value::String(text.to_owned());
        let printed = escaped(&value.to_string());
        assert_eq!(printed, expected);
        assert_eq!(serde_json::from_str::<Value>(&printed).expect("JSON"), value, "the value stays the same");
    }

    #[test]
    fn json_holds_nothing_that_a_terminal_acts_on() {
        json("plain", r#""plain""#);
        json("süß", r#""süß""#);
        json("\u{9b}31m", r#""\u009b31m""#);
        json("\u{202e}x", r#""\u202ex""#);
        json("\x1b[2J\x7f", r#""\u001b[2J\u007f""#);
        json("\u{e0041}", r#""\udb40\udc41""#);
    }

    #[track_caller]
    fn log(bytes: &[u8], plain: &str, coloured: &str) {
        let log = crate::text::sanitize_log(bytes);
        assert_eq!((printable_log(&log, false).as_str(), printable_log(&log, true).as_str()), (plain, coloured));
    }

    #[test]
    fn logs_keep_their_colours_and_nothing_else() {
        log(b"plain\nlines\n", "plain\nlines\n", "plain\nlines\n");
        log(b"\x1b[31mred\x1b[0m m\n", "red m\n", "\x1b[31mred\x1b[0m m\n");
        log(b"\x1b[1;32mopen", "open", "\x1b[1;32mopen\x1b[0m");
        log("a\x1b[2J\u{202e}b".as_bytes(), "a<U+202E>b", "a<U+202E>b");
        log(b"\x1b]0;title\x07x", "x", "x");
    }

    #[test]
    fn several_lines_stay_several() {
        let text = Text::new().plain("why: ").words(Role::Bad, "a\r\n\x1b[2Jb\n\n  c\n", "  ");
        assert_eq!(text.render(false), "why: a\n  ^[[2Jb\n\n    c\n");
        assert_eq!(Text::new().words(Role::Plain, "", "  ").render(false), "\n");
    }

    #[test]
    fn text_is_made_printable_whoever_wrote_it() {
        let text = Text::from("a\x1b[2Jb").role(Role::Bad, "\u{202e}c\nd").cell(Role::Plain, "x", 4);
        assert_eq!(text.render(false), "a^[[2Jb<U+202E>c^Jdx\n");
        assert_eq!(text.render(true), "a^[[2Jb\x1b[31m<U+202E>c^Jd\x1b[0mx\n");
    }
}
