//! Server-sent events, read piece by piece.

/// The longest event that is read, in bytes: a longer one ends the stream.
const LONGEST: usize = 4 << 20;

/// Takes bytes as they come and gives the data of whole events.
#[derive(Debug, Default)]
pub(super) struct EventReader {
    line: Vec<u8>,
    data: Vec<u8>,
    has_data: bool,
}

/// An event grew beyond every bound.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct TooLong;

impl EventReader {
    /// The data of the events that `bytes` complete.
    pub(super) fn take(&mut self, bytes: &[u8]) -> Result<Vec<Vec<u8>>, TooLong> {
        let mut events = Vec::new();
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            self.line.extend_from_slice(piece);
            if self.line.len() + self.data.len() > LONGEST {
                return Err(TooLong);
            }
            if piece.ends_with(b"\n") {
                events.extend(self.end_line());
            }
        }
        Ok(events)
    }

    fn end_line(&mut self) -> Option<Vec<u8>> {
        let line = std::mem::take(&mut self.line);
        let line = line.strip_suffix(b"\n").unwrap_or(&line);
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.is_empty() {
            return std::mem::take(&mut self.has_data).then(|| std::mem::take(&mut self.data));
        }
        if let Some(data) = line.strip_prefix(b"data:") {
            if std::mem::replace(&mut self.has_data, true) {
                self.data.push(b'\n');
            }
            self.data.extend_from_slice(data.strip_prefix(b" ").unwrap_or(data));
        }
        // comments and other fields say nothing here
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &[&str]) {
        for size in [1, 2, 3, 7, text.len().max(1)] {
            let mut reader = EventReader::default();
            let mut events = Vec::new();
            for piece in text.as_bytes().chunks(size) {
                events.extend(reader.take(piece).expect("short events"));
            }
            let events: Vec<_> = events.iter().map(|event| String::from_utf8_lossy(event)).collect();
            assert_eq!(events, expected, "{text:?} in pieces of {size}");
        }
    }

    #[test]
    fn events_are_whole_whatever_the_pieces() {
        check("data: {}\n\n", &["{}"]);
        check("data:{}\r\n\r\ndata: 2\n\n", &["{}", "2"]);
        check(": alive\n\nid: 3\ndata: a\ndata: b\n\n", &["a\nb"]);
        check("data: never ended\n", &[]);
        check("\n\n\n", &[]);
    }

    #[test]
    fn an_endless_event_is_given_up() {
        let mut reader = EventReader::default();
        let piece = vec![b'x'; LONGEST];
        assert_eq!(reader.take(&piece), Ok(vec![]));
        assert_eq!(reader.take(b"xx"), Err(TooLong));
    }
}
