//! Money as people write it, read exactly.

/// Dollars as people write them, in millionths; nothing is rounded. None where it is no such amount.
#[must_use]
pub fn micros_of(text: &str) -> Option<u64> {
    let text = text.strip_prefix('$').unwrap_or(text);
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || whole.len() > 9 || part.len() > 6 || !digits(whole) || !digits(part) {
        return None;
    }
    let (whole, part): (u64, u64) = (whole.parse().ok()?, format!("{part:0<6}").parse().ok()?);
    Some(whole * 1_000_000 + part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_read_exactly() {
        for (text, expected) in [("2", 2_000_000), ("2.5", 2_500_000), ("$0.000001", 1), ("12.30", 12_300_000)] {
            assert_eq!(micros_of(text), Some(expected), "{text}");
        }
        for wrong in ["", "$", ".5", "-1", "1e3", "1.0000001", "two", "9999999999"] {
            assert_eq!(micros_of(wrong), None, "{wrong}");
        }
    }
}
