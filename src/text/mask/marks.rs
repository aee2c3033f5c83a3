//! The marks that stand in the places of secrets, found again.

use crate::text::secrets::SecretScanner;

/// What every mark begins with.
const BEGINNING: &str = "[masked";

/// Bytes of a rule's name at most: a text may hold millions of beginnings without an end.
const LONGEST: usize = 64;

/// The marks of hidden secrets in `text`, in order, each with where it stands. Whoever wrote them: a text may hold one
/// of its own.
pub fn redaction_marks(text: &str) -> impl Iterator<Item = (usize, &str)> {
    memchr::memmem::find_iter(text.as_bytes(), BEGINNING.as_bytes()).filter_map(|at| {
        let rest = &text[at + BEGINNING.len()..];
        let end = match rest.strip_prefix(':') {
            None => rest.starts_with(']').then_some(0)?,
            Some(named) => {
                let end = named.bytes().take(LONGEST).position(|byte| byte == b']')?;
                SecretScanner::is_rule(&named[..end]).then_some(end + 1)?
            }
        };
        Some((at, &text[at..=at + BEGINNING.len() + end]))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::SecretMask;

    #[track_caller]
    fn check(text: &str, marks: &[&str]) {
        let found: Vec<(usize, &str)> = redaction_marks(text).collect();
        assert_eq!(found.iter().map(|(_, mark)| *mark).collect::<Vec<_>>(), marks, "{text}");
        assert!(found.iter().all(|(at, mark)| text[*at..].starts_with(mark)), "{found:?}");
    }

    #[test]
    fn marks_are_found_by_their_form_and_by_the_rules_there_are() {
        check(
            "a = \"[masked:aws-access-key]\" [masked]\né[masked:private-key]",
            &["[masked:aws-access-key]", "[masked]", "[masked:private-key]"],
        );
        check("[masked:unquoted-assignment]", &["[masked:unquoted-assignment]"]);
        check("[masked:x] [masked: github-token] [maskedx] [masked [masked:", &[]);
        // looked at once each, however many they are
        check(&"[masked:".repeat(200_000), &[]);
    }

    #[test]
    fn what_is_hidden_leaves_a_mark_that_is_found() {
        let mask = SecretMask::new(vec!["hunter22".to_owned()]);
        let token = format!("{}{}", "ghp_", "k3J9".repeat(9).replace("k3J9k3J9", "Zx81Qw7e"));
        check(&mask.mask(&format!("hunter22 {token}")), &["[masked]", "[masked:github-token]"]);
    }
}
