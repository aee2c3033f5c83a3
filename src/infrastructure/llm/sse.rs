//! Streams cut into lines and events, whatever pieces they come in. A line or an event beyond its bound is given up.

/// One event of a server-sent stream.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Event {
    /// Its kind; empty where none is given.
    pub(super) name: String,
    /// Its data; several lines are joined by line feeds. Not yet known to be UTF-8.
    pub(super) data: Vec<u8>,
}

/// A line or an event grew beyond its bound.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct TooLong;

/// Cuts bytes into lines at LF, CRLF or CR.
#[derive(Debug)]
pub(super) struct Lines {
    line: Vec<u8>,
    most: usize,
    /// The last byte was a CR: a LF now belongs to it.
    after_return: bool,
}

impl Lines {
    /// Lines of at most `most` bytes.
    pub(super) fn new(most: usize) -> Self {
        Self { line: Vec::new(), most, after_return: false }
    }

    /// Tells `seen` of the lines that `bytes` complete, without their ends.
    pub(super) fn take<E: From<TooLong>>(
        &mut self,
        mut bytes: &[u8],
        mut seen: impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        if std::mem::take(&mut self.after_return) && bytes.first() == Some(&b'\n') {
            bytes = &bytes[1..];
        } else if bytes.is_empty() {
            return Ok(());
        }
        while let Some(end) = memchr::memchr2(b'\n', b'\r', bytes) {
            self.push(&bytes[..end])?;
            seen(&self.line)?;
            self.line.clear();
            let is_return = bytes[end] == b'\r';
            bytes = &bytes[end + 1..];
            if is_return && bytes.first() == Some(&b'\n') {
                bytes = &bytes[1..];
            }
            self.after_return = is_return && bytes.is_empty();
        }
        Ok(self.push(bytes)?)
    }

    /// The line that has begun and has no end yet.
    pub(super) fn rest(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.line)
    }

    fn push(&mut self, bytes: &[u8]) -> Result<(), TooLong> {
        if self.line.len() + bytes.len() > self.most {
            return Err(TooLong);
        }
        self.line.extend_from_slice(bytes);
        Ok(())
    }
}

/// Makes events of the lines of `text/event-stream`.
#[derive(Debug)]
pub(super) struct Events {
    lines: Lines,
    event: Event,
    has_data: bool,
    is_first: bool,
    most: usize,
}

impl Events {
    /// Events whose lines and data have at most `most` bytes.
    pub(super) fn new(most: usize) -> Self {
        Self { lines: Lines::new(most), event: Event::default(), has_data: false, is_first: true, most }
    }

    /// Tells `seen` of the events that `bytes` complete.
    pub(super) fn take<E: From<TooLong>>(
        &mut self,
        bytes: &[u8],
        mut seen: impl FnMut(Event) -> Result<(), E>,
    ) -> Result<(), E> {
        let Self { lines, event, has_data, is_first, most } = self;
        lines.take(bytes, |line| {
            let line = match std::mem::take(is_first) {
                true => line.strip_prefix("\u{feff}".as_bytes()).unwrap_or(line),
                false => line,
            };
            if !line.is_empty() {
                return field(line, event, has_data, *most).map_err(E::from);
            }
            let whole = std::mem::take(event);
            if std::mem::take(has_data) { seen(whole) } else { Ok(()) }
        })
    }

    /// The event that was begun when the stream ended without an empty line, as some servers do after their last one.
    pub(super) fn rest(mut self) -> Option<Event> {
        let line = self.lines.rest();
        let fits = line.is_empty() || field(&line, &mut self.event, &mut self.has_data, self.most).is_ok();
        (fits && self.has_data).then_some(self.event)
    }
}

/// Takes one line; a comment (it begins with a colon) and a field that says nothing here are passed over.
fn field(line: &[u8], event: &mut Event, has_data: &mut bool, most: usize) -> Result<(), TooLong> {
    let (name, value) = match memchr::memchr(b':', line) {
        Some(colon) => (&line[..colon], &line[colon + 1..]),
        None => (line, &line[line.len()..]),
    };
    let value = value.strip_prefix(b" ").unwrap_or(value);
    match name {
        b"data" => {
            if event.data.len() + value.len() >= most {
                return Err(TooLong);
            }
            if std::mem::replace(has_data, true) {
                event.data.push(b'\n');
            }
            event.data.extend_from_slice(value);
        }
        b"event" => event.name = String::from_utf8_lossy(value).into_owned(),
        _ => {}
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn events(text: &[u8], size: usize) -> Vec<(String, String)> {
        let mut reader = Events::new(1000);
        let mut found = Vec::new();
        let mut keep = |event: Event| {
            found.push((event.name, String::from_utf8(event.data).expect("text")));
            Ok::<_, TooLong>(())
        };
        text.chunks(size).for_each(|piece| reader.take(piece, &mut keep).expect("short"));
        if let Some(event) = reader.rest() {
            keep(event).expect("kept");
        }
        found
    }

    #[track_caller]
    fn check(text: &str, expected: &[(&str, &str)]) {
        for size in [1, 2, 3, 5, 7, text.len().max(1)] {
            let found = events(text.as_bytes(), size);
            let found: Vec<_> = found.iter().map(|(name, data)| (name.as_str(), data.as_str())).collect();
            assert_eq!(found, expected, "{text:?} in pieces of {size}");
        }
    }

    #[test]
    fn events_are_whole_whatever_the_pieces() {
        check("data: {}\n\n", &[("", "{}")]);
        check("data:{}\r\n\r\ndata: 2\n\n", &[("", "{}"), ("", "2")]);
        check("data: a\rdata: b\r\rdata: c\r\r", &[("", "a\nb"), ("", "c")]);
        check(": alive\n\nid: 3\nretry: 5\nevent: ping\ndata: a\ndata: b\n\n", &[("ping", "a\nb")]);
        check("data: schön 日本 🙂\n\n", &[("", "schön 日本 🙂")]);
        check("\u{feff}data: marked\n\n", &[("", "marked")]);
        check("data\n\ndata:  two\n\n", &[("", ""), ("", " two")]);
        check("event: alone\n\ndata: x\n\n", &[("", "x")]);
        check("\n\n\n", &[]);
        check("data: [DONE]", &[("", "[DONE]")]);
        check("data: [DONE]\n", &[("", "[DONE]")]);
    }

    #[test]
    fn endless_lines_and_events_are_given_up() {
        let nothing = |_| Ok::<_, TooLong>(());
        assert_eq!(Events::new(100).take(&[b'x'; 101], nothing), Err(TooLong));
        assert_eq!(Events::new(100).take(&[b'x'; 100], nothing), Ok(()));
        let lines = b"data: 123456789\n".repeat(11);
        assert_eq!(Events::new(100).take(&lines, nothing), Err(TooLong), "many short lines are one long event");
    }
}
