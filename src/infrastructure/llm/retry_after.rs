//! How long a busy provider asks to wait: seconds, milliseconds or a date.

use std::time::Duration;

use crate::clock::Timestamp;

/// The pause that an answer's headers ask for. A date counts from the server's own clock where it tells that.
pub(in crate::infrastructure) fn asked_pause(
    header: impl Fn(&str) -> Option<String>,
    now: Timestamp,
) -> Option<Duration> {
    if let Some(millis) = header("retry-after-ms").and_then(|text| text.trim().parse::<f64>().ok()) {
        return Duration::try_from_secs_f64(millis / 1000.0).ok();
    }
    // a gateway keeps its upstream's header under another name
    let asked = header("retry-after").or_else(|| header("llm_provider-retry-after"))?;
    let asked = asked.trim();
    if let Ok(seconds) = asked.parse::<f64>() {
        return Duration::try_from_secs_f64(seconds).ok();
    }
    let until = http_date(asked)?;
    let from = header("date").and_then(|date| http_date(date.trim())).unwrap_or(now);
    Some(until.since(from))
}

/// The pause in words such as `Please try again in 5.289s.`, which some providers send instead of a header.
pub(super) fn delay_in_words(said: &str) -> Option<Duration> {
    let after = ["try again in ", "retry in "].iter().find_map(|words| said.split_once(words))?.1;
    let mut whole = Duration::ZERO;
    let mut rest = after;
    while let Some(end) = rest.find(|c: char| !c.is_ascii_digit() && c != '.').filter(|end| *end > 0) {
        let Ok(number) = rest[..end].parse::<f64>() else { break };
        let unit = rest[end..].trim_start();
        let (seconds, unit) = match unit {
            unit if unit.starts_with("ms") => (0.001, 2),
            unit if unit.starts_with('s') => (1.0, 1),
            unit if unit.starts_with('m') => (60.0, 1),
            unit if unit.starts_with('h') => (3600.0, 1),
            _ => break,
        };
        whole += Duration::try_from_secs_f64(number * seconds).ok()?;
        rest = &rest[end..].trim_start()[unit..];
    }
    (!whole.is_zero()).then_some(whole)
}

/// Reads `Sun, 06 Nov 1994 08:49:37 GMT`, and the two older forms that RFC 9110 still asks to read.
fn http_date(text: &str) -> Option<Timestamp> {
    let words: Vec<&str> = text.split([' ', '-', ',']).filter(|word| !word.is_empty()).collect();
    let (day, month, year, time) = match words.as_slice() {
        [_, day, month, year, time, "GMT"] => (*day, *month, *year, *time),
        [_, month, day, time, year] => (*day, *month, *year, *time),
        _ => return None,
    };
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let month = MONTHS.iter().position(|name| *name == month)? + 1;
    let year: u32 = year.parse().ok()?;
    let year = if year < 70 {
        year + 2000
    } else if year < 100 {
        year + 1900
    } else {
        year
    };
    let day: u32 = day.parse().ok()?;
    format!("{year:04}-{month:02}-{day:02}T{time}.000Z").parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(headers: &[(&str, &str)], expected: Option<u64>) {
        let header =
            |name: &str| headers.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
        let now = "2026-11-28T12:00:00.000Z".parse().expect("a time");
        assert_eq!(asked_pause(header, now), expected.map(Duration::from_millis), "{headers:?}");
    }

    #[test]
    fn every_form_is_read() {
        check(&[], None);
        check(&[("retry-after", "7")], Some(7_000));
        check(&[("retry-after", " 0.5 ")], Some(500));
        check(&[("retry-after", "3600")], Some(3_600_000));
        check(&[("retry-after-ms", "1500"), ("retry-after", "2")], Some(1_500));
        check(&[("retry-after", "Sat, 28 Nov 2026 12:00:30 GMT")], Some(30_000));
        check(&[("retry-after", "Saturday, 28-Nov-26 12:01:00 GMT")], Some(60_000));
        check(&[("retry-after", "Sat Nov  8 12:00:00 2026")], Some(0));
        check(&[("retry-after", "Sat, 28 Nov 2026 11:00:00 GMT")], Some(0));
        let skewed = [("retry-after", "Sat, 28 Nov 2026 09:00:30 GMT"), ("date", "Sat, 28 Nov 2026 09:00:00 GMT")];
        check(&skewed, Some(30_000));
        check(&[("llm_provider-retry-after", "9")], Some(9_000));
        for odd in
            ["soon", "-5", "NaN", "inf", "1e300", "Sat, 31 Feb 2026 12:00:00 GMT", "Sat, 28 Nov 2026 25:00:00 GMT"]
        {
            check(&[("retry-after", odd)], None);
        }
    }

    #[test]
    fn pauses_are_found_in_words() {
        for (said, millis) in [
            ("Rate limit reached. Please try again in 5.289s. Visit us", Some(5_289)),
            ("Please try again in 2m59.5s.", Some(179_500)),
            ("Please retry in 46 seconds", Some(46_000)),
            ("try again in 12ms", Some(12)),
            ("try again in 1h", Some(3_600_000)),
            ("try again in a while", None),
            ("try again in 99999999999999999999999999s", None),
        ] {
            assert_eq!(delay_in_words(said), millis.map(Duration::from_millis), "{said}");
        }
    }
}
