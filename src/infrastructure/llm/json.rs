//! JSON of providers: read with care for numbers that are none, and looked at without trust.

use std::borrow::Cow;

use serde_json::Value;

/// No provider counts more tokens in one call: what says so lies.
const MOST_TOKENS: u64 = 100_000_000;

/// No call costs more, in dollars: what says so lies.
const MOST_DOLLARS: f64 = 10_000.0;

/// Reads a JSON text. `NaN`, `Infinity` and numbers beyond what a float holds, which some servers write, are null.
pub(super) fn parse(text: &[u8]) -> Result<Value, String> {
    let first = match serde_json::from_slice(text) {
        Ok(value) => return Ok(value),
        Err(error) => error,
    };
    match without_wild_numbers(text) {
        Cow::Owned(mended) => serde_json::from_slice(&mended).map_err(|error| error.to_string()),
        Cow::Borrowed(_) => Err(first.to_string()),
    }
}

/// `text` with every number that JSON does not know as `null`; what stands in strings is left alone.
fn without_wild_numbers(text: &[u8]) -> Cow<'_, [u8]> {
    let (mut mended, mut from, mut at, mut is_quoted) = (Vec::new(), 0, 0, false);
    while at < text.len() {
        match text[at] {
            b'\\' if is_quoted => at += 2,
            b'"' => {
                is_quoted = !is_quoted;
                at += 1;
            }
            byte if !is_quoted && (byte == b'-' || byte.is_ascii_alphanumeric()) => {
                let begin = at;
                let in_word = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'+' | b'.');
                at += text[at..].iter().take_while(|byte| in_word(byte)).count();
                if is_wild(&text[begin..at]) {
                    mended.extend_from_slice(&text[from..begin]);
                    mended.extend_from_slice(b"null");
                    from = at;
                }
            }
            _ => at += 1,
        }
    }
    if from == 0 {
        return Cow::Borrowed(text);
    }
    mended.extend_from_slice(&text[from..]);
    Cow::Owned(mended)
}

fn is_wild(word: &[u8]) -> bool {
    let word = std::str::from_utf8(word).unwrap_or_default();
    let looks_like_a_number = word.starts_with(|first: char| first == '-' || first.is_ascii_digit());
    matches!(word, "NaN" | "nan" | "Infinity" | "-Infinity" | "inf" | "-inf" | "-NaN")
        || (looks_like_a_number && word.parse::<f64>().is_ok_and(|number| !number.is_finite()))
}

/// A string in `value`, by its path; empty where it is missing or none.
pub(super) fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// The elements of an array in `value`; none where it is missing or no array.
pub(super) fn items<'a>(value: &'a Value, pointer: &str) -> &'a [Value] {
    value.pointer(pointer).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// A count of tokens. Negative, broken and absurd ones are none.
pub(super) fn count(value: &Value, pointer: &str) -> Option<u64> {
    token_count(value.pointer(pointer)?)
}

/// A count of tokens as a number says it, wherever it came from. Negative, broken and absurd ones are none.
#[must_use]
pub fn token_count(number: &Value) -> Option<u64> {
    let whole = |float: f64| (float >= 0.0 && float <= MOST_TOKENS as f64).then_some(float.ceil() as u64);
    number.as_u64().or_else(|| number.as_f64().and_then(whole)).filter(|count| *count <= MOST_TOKENS)
}

/// A price in dollars as millionths of one, rounded up. Negative, broken and absurd ones are none.
pub(super) fn micros(value: &Value, pointer: &str) -> Option<u64> {
    let dollars = value.pointer(pointer)?.as_f64()?;
    // the subtraction keeps 0.1 + 0.2 from costing a millionth more
    (0.0..=MOST_DOLLARS).contains(&dollars).then(|| (dollars * 1e6 - 1e-6).max(0.0).ceil() as u64)
}

/// The sum of two counts, where at least one is known.
pub(super) fn sum(one: Option<u64>, other: Option<u64>) -> Option<u64> {
    match (one, other) {
        (None, None) => None,
        (one, other) => Some(one.unwrap_or(0) + other.unwrap_or(0)),
    }
}

/// Arguments as an object, for formats that want one: broken ones are sent back as the text that they are.
pub(super) fn object(arguments: &str) -> Value {
    match serde_json::from_str(arguments) {
        Ok(Value::Object(object)) => Value::Object(object),
        _ => serde_json::json!({ "not_json": arguments }),
    }
}

/// Whether a strict provider takes `schema`: every object lists all of its properties as required, and no others.
pub(super) fn is_strict(schema: &Value) -> bool {
    match schema {
        Value::Object(map) => {
            let properties = map.get("properties").and_then(Value::as_object);
            let required = items(schema, "/required");
            let closed = map.get("additionalProperties") == Some(&Value::Bool(false));
            let names_all = properties.is_none_or(|properties| {
                properties.keys().all(|name| required.iter().any(|given| given.as_str() == Some(name)))
            });
            let is_object = properties.is_some() || map.get("type").and_then(Value::as_str) == Some("object");
            (!is_object || (closed && names_all)) && map.values().all(is_strict)
        }
        Value::Array(several) => several.iter().all(is_strict),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn wild_numbers_are_null_and_words_stay() {
        let read = |text: &str| parse(text.as_bytes());
        assert_eq!(read(r#"{"a":NaN,"b":[-Infinity,1e999]}"#), Ok(json!({"a": null, "b": [null, null]})));
        assert_eq!(read(r#"{"a":"NaN \" NaN","b":NaN}"#), Ok(json!({"a": "NaN \" NaN", "b": null})));
        for broken in [r#"{"a":"#, "Here is the JSON: {}", r#"{"a":NaN"#, "", r#"{"a":"\"#] {
            assert!(read(broken).is_err(), "{broken}");
        }
    }

    #[test]
    fn lies_about_usage_are_no_numbers() {
        let told =
            parse(br#"{"a":-5,"b":99999999999999999999999,"c":12,"d":"12","e":NaN,"f":7.0,"g":18446744073709551615}"#);
        let told = told.expect("JSON");
        let counts = ["/a", "/b", "/c", "/d", "/e", "/f", "/g", "/none"].map(|pointer| count(&told, pointer));
        assert_eq!(counts, [None, None, Some(12), None, None, Some(7), None, None]);
        let costs = json!({"a": 0.000_123_4, "b": -1.0, "c": 1e300, "d": 0, "e": 0.25});
        let costs = ["/a", "/b", "/c", "/d", "/e"].map(|pointer| micros(&costs, pointer));
        assert_eq!(costs, [Some(124), None, None, Some(0), Some(250_000)]);
    }

    #[test]
    fn a_schema_is_strict_when_every_object_is_closed_and_whole() {
        let inner = json!({"type": "object", "properties": {"b": {"type": "string"}}, "required": ["b"], "additionalProperties": false});
        let outer = |required: Value| json!({"type": "object", "properties": {"a": inner}, "required": required, "additionalProperties": false});
        assert!(is_strict(&outer(json!(["a"]))));
        assert!(!is_strict(&outer(json!([]))));
        assert!(!is_strict(&json!({"type": "array", "items": {"type": "object"}})));
    }
}
