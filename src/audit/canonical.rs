//! RFC 8785 for what the journal holds: objects, arrays, strings and integers that every JSON reader keeps exactly.

use std::cmp::Ordering;

use serde_json::Value;

/// The largest integer (and its negative the smallest) that RFC 8785 keeps exactly.
const MAX_INTEGER: u64 = (1 << 53) - 1;

/// How deep objects and arrays may lie in each other: far above any event, far below any stack.
const MAX_DEPTH: usize = 64;

/// Why a value has no form in the journal.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the journal holds objects, arrays, strings and integers up to 2^53-1; `{place}` is {found}")]
pub struct NotCanonical {
    /// Where, as keys and positions (`event.lanes[0].score`).
    pub place: String,
    /// What was found there.
    pub found: &'static str,
}

/// Writes the canonical form of `value` to `out`. `place` names the value in errors.
pub(super) fn write(value: &Value, place: &str, out: &mut Vec<u8>) -> Result<(), NotCanonical> {
    write_nested(value, &mut place.to_owned(), 0, out)
}

fn write_nested(value: &Value, place: &mut String, depth: usize, out: &mut Vec<u8>) -> Result<(), NotCanonical> {
    let refuse = |place: &str, found| Err(NotCanonical { place: place.to_owned(), found });
    if depth > MAX_DEPTH {
        return refuse(place, "nested too deep");
    }
    match value {
        Value::Null => return refuse(place, "null"),
        Value::Bool(_) => return refuse(place, "a boolean"),
        Value::Number(number) => match number.as_i64() {
            Some(integer) if integer.unsigned_abs() <= MAX_INTEGER => out.extend(integer.to_string().bytes()),
            Some(_) => return refuse(place, "an integer beyond 2^53-1"),
            None if number.is_u64() => return refuse(place, "an integer beyond 2^53-1"),
            None => return refuse(place, "a number that is no integer"),
        },
        Value::String(text) => write_string(text, out),
        Value::Array(items) => {
            out.push(b'[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                within(place, &format!("[{index}]"), |place| write_nested(item, place, depth + 1, out))?;
            }
            out.push(b']');
        }
        Value::Object(fields) => {
            let mut sorted: Vec<_> = fields.iter().collect();
            sorted.sort_by(|(one, _), (other, _)| utf16_order(one, other));
            out.push(b'{');
            for (index, (key, field)) in sorted.into_iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                write_string(key, out);
                out.push(b':');
                within(place, &format!(".{key}"), |place| write_nested(field, place, depth + 1, out))?;
            }
            out.push(b'}');
        }
    }
    Ok(())
}

fn within<T>(place: &mut String, part: &str, work: impl FnOnce(&mut String) -> T) -> T {
    let before = place.len();
    place.push_str(part);
    let result = work(place);
    place.truncate(before);
    result
}

/// Writes `text` quoted; serde_json escapes exactly as RFC 8785 asks (short escapes, `\u00xx` in lower case, no others).
pub(super) fn write_string(text: &str, out: &mut Vec<u8>) {
    serde_json::to_writer(out, text).expect("a string always serialises into memory");
}

fn utf16_order(one: &str, other: &str) -> Ordering {
    if one.is_ascii() && other.is_ascii() { one.cmp(other) } else { one.encode_utf16().cmp(other.encode_utf16()) }
}

/// Reads canonical JSON from front to back without building it; anything that is not canonical is an error.
#[derive(Debug)]
pub(super) struct Scanner<'a> {
    text: &'a str,
    at: usize,
}

/// What a line broke.
pub(super) type Broken = &'static str;

impl<'a> Scanner<'a> {
    pub(super) fn new(line: &'a [u8]) -> Result<Self, Broken> {
        Ok(Self { text: std::str::from_utf8(line).map_err(|_| "it is not UTF-8")?, at: 0 })
    }

    pub(super) fn position(&self) -> usize {
        self.at
    }

    fn rest(&self) -> &'a [u8] {
        &self.text.as_bytes()[self.at..]
    }

    /// Takes exactly `expected`.
    pub(super) fn literal(&mut self, expected: &str) -> Result<(), Broken> {
        if !self.rest().starts_with(expected.as_bytes()) {
            return Err("its fields are not those of an entry, in their order");
        }
        self.at += expected.len();
        Ok(())
    }

    /// Takes a string and returns what stands between its quotes, still escaped.
    pub(super) fn string(&mut self) -> Result<&'a str, Broken> {
        if self.rest().first() != Some(&b'"') {
            return Err("a string is missing");
        }
        let start = self.at + 1;
        let mut at = start;
        let bytes = self.text.as_bytes();
        loop {
            // one plain pass: strings here are short, where it beats a vectorised search
            let special = |byte: &u8| matches!(byte, b'"' | b'\\' | 0..0x20);
            at += bytes[at..].iter().position(special).ok_or("a string does not end")?;
            match bytes[at] {
                b'"' => {
                    self.at = at + 1;
                    return Ok(&self.text[start..at]);
                }
                b'\\' => {}
                _ => return Err("a string holds a control character"),
            }
            at += escape_length(&bytes[at..])?;
        }
    }

    /// Takes an integer.
    pub(super) fn integer(&mut self) -> Result<i64, Broken> {
        let rest = self.rest();
        let sign = usize::from(rest.first() == Some(&b'-'));
        let digits = rest[sign..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        let text = &self.text[self.at..self.at + sign + digits];
        let number: i64 = text.parse().map_err(|_| "an integer is missing")?;
        let padded = digits > 1 && rest[sign] == b'0';
        if padded || (sign == 1 && number == 0) || number.unsigned_abs() > MAX_INTEGER {
            return Err("an integer is not in canonical form");
        }
        self.at += sign + digits;
        Ok(number)
    }

    /// Takes any value.
    pub(super) fn value(&mut self, depth: usize) -> Result<(), Broken> {
        if depth > MAX_DEPTH {
            return Err("it is nested too deep");
        }
        match self.rest().first() {
            Some(b'"') => self.string().map(drop),
            Some(b'{') => self.object(depth),
            Some(b'[') => self.array(depth),
            _ => self.integer().map(drop),
        }
    }

    fn array(&mut self, depth: usize) -> Result<(), Broken> {
        self.at += 1;
        if self.took(b']') {
            return Ok(());
        }
        loop {
            self.value(depth + 1)?;
            if self.took(b']') {
                return Ok(());
            }
            if !self.took(b',') {
                return Err("a comma is missing");
            }
        }
    }

    fn object(&mut self, depth: usize) -> Result<(), Broken> {
        self.at += 1;
        if self.took(b'}') {
            return Ok(());
        }
        let mut before: Option<&str> = None;
        loop {
            let key = self.string()?;
            if before.is_some_and(|before| escaped_order(before, key) != Ordering::Less) {
                return Err("its keys are not in canonical order");
            }
            before = Some(key);
            if !self.took(b':') {
                return Err("a colon is missing");
            }
            self.value(depth + 1)?;
            if self.took(b'}') {
                return Ok(());
            }
            if !self.took(b',') {
                return Err("a comma is missing");
            }
        }
    }

    fn took(&mut self, byte: u8) -> bool {
        let here = self.rest().first() == Some(&byte);
        self.at += usize::from(here);
        here
    }

    /// Whether everything was read.
    pub(super) fn end(&self) -> Result<(), Broken> {
        if self.rest().is_empty() { Ok(()) } else { Err("something follows the entry") }
    }
}

fn escape_length(bytes: &[u8]) -> Result<usize, Broken> {
    let wrong = "a string is escaped in another way than the canonical one";
    match bytes.get(1) {
        Some(b'"' | b'\\' | b'b' | b't' | b'n' | b'f' | b'r') => Ok(2),
        Some(b'u') => match bytes.get(2..6) {
            Some([b'0', b'0', high @ b'0'..=b'1', low @ (b'0'..=b'9' | b'a'..=b'f')]) => {
                let short = *high == b'0' && matches!(low, b'8' | b'9' | b'a' | b'c' | b'd');
                if short { Err(wrong) } else { Ok(6) }
            }
            _ => Err(wrong),
        },
        _ => Err(wrong),
    }
}

fn escaped_order(one: &str, other: &str) -> Ordering {
    let plain = |text: &str| text.bytes().all(|byte| byte.is_ascii() && byte != b'\\');
    if plain(one) && plain(other) {
        return one.cmp(other);
    }
    let decoded = |text: &str| serde_json::from_str::<String>(&format!("\"{text}\"")).unwrap_or_default();
    utf16_order(&decoded(one), &decoded(other))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(value: Value, expected: Result<&str, &str>) {
        let mut out = Vec::new();
        let written = write(&value, "event", &mut out).map_err(|error| format!("{} {}", error.place, error.found));
        let text = String::from_utf8(out).expect("JSON is UTF-8");
        assert_eq!(written.as_ref().map(|()| text.as_str()).map_err(String::as_str), expected);
        if expected.is_ok() {
            assert_eq!(scan(&text), Ok(()), "{text} is taken");
            assert_eq!(serde_json::from_str::<Value>(&text).expect("JSON"), value);
        }
    }

    fn scan(text: &str) -> Result<(), Broken> {
        let mut scanner = Scanner::new(text.as_bytes())?;
        scanner.value(0)?;
        scanner.end()
    }

    #[test]
    fn values_have_one_form() {
        check(json!({"b": 1, "a": [-1, "x", {}, []]}), Ok(r#"{"a":[-1,"x",{},[]],"b":1}"#));
        check(
            json!("\u{8}\t\n\u{c}\r\"\\/\u{1f}\u{7f}é\u{2028}"),
            Ok("\"\\b\\t\\n\\f\\r\\\"\\\\/\\u001f\u{7f}é\u{2028}\""),
        );
        check(json!(9_007_199_254_740_991_i64), Ok("9007199254740991"));
        // U+1F600 is D83D DE00 in UTF-16, before U+FB33; by code point it comes after
        check(
            json!({"\u{fb33}": 1, "\u{1f600}": 2, "\u{e9}\n": 3}),
            Ok("{\"\u{e9}\\n\":3,\"\u{1f600}\":2,\"\u{fb33}\":1}"),
        );
    }

    #[test]
    fn what_json_readers_change_is_refused() {
        check(json!({"a": [0, null]}), Err("event.a[1] null"));
        check(json!({"a": true}), Err("event.a a boolean"));
        check(json!(0.5), Err("event a number that is no integer"));
        check(json!(9_007_199_254_740_992_i64), Err("event an integer beyond 2^53-1"));
        check(json!(u64::MAX), Err("event an integer beyond 2^53-1"));
        let deep = (0..70).fold(json!(1), |inner, _| json!([inner]));
        assert_eq!(write(&deep, "event", &mut Vec::new()).map_err(|error| error.found), Err("nested too deep"));
    }

    #[track_caller]
    fn refuse(text: &str) {
        assert!(scan(text).is_err(), "{text} is not canonical");
    }

    #[test]
    fn other_forms_of_the_same_value_are_refused() {
        for text in [
            "01",
            "-0",
            "1.0",
            "1e3",
            "+1",
            "",
            " 1",
            "1 ",
            "true",
            "null",
            "[1,]",
            "[,1]",
            "{\"a\" :1}",
            "{\"b\":1,\"a\":2}",
            "{\"a\":1,\"a\":2}",
            "{\"a\"}",
            "\"\\u0041\"",
            "\"\\/\"",
            "\"\\u000a\"",
            "\"\\u001F\"",
            "\"\\ud83d\\ude00\"",
            "\"a",
            "\"\u{1}\"",
            "[",
            "{",
            "9007199254740992",
            "99999999999999999999",
            "--1",
            "-",
        ] {
            refuse(text);
        }
        refuse(&"[".repeat(100_000));
        assert!(Scanner::new(&[b'"', 0xff, b'"']).is_err());
    }
}
