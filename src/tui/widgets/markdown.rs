//! Markdown as people write it in explanations and specifications, as rows of runs: headings, lists, code, quotes.

use super::painter::Run;
use crate::text::width;
use crate::tui::theme::Role;

/// The rows of `text` (already printable) in `columns`.
pub(crate) fn markdown(text: &str, columns: usize) -> Vec<Vec<Run>> {
    let mut rows = Vec::new();
    let mut in_code = false;
    for line in text.lines() {
        let bare = line.trim_start();
        if bare.starts_with("```") {
            in_code = !in_code;
            continue;
        }
        if in_code {
            rows.push(vec![Run::new("  ", Role::Text), Run::new(line, Role::SyntaxString)]);
            continue;
        }
        let hashes = bare.bytes().take_while(|byte| *byte == b'#').count();
        if (1..=6).contains(&hashes) && bare[hashes..].starts_with(' ') {
            if !rows.is_empty() && !rows.last().is_some_and(Vec::is_empty) {
                rows.push(Vec::new());
            }
            rows.push(vec![Run::new(bare[hashes..].trim(), Role::Heading)]);
            continue;
        }
        let indent = line.len() - bare.len();
        let (mark, role, rest) = if let Some(rest) = bare.strip_prefix("- ").or_else(|| bare.strip_prefix("* ")) {
            ("· ", Role::Accent, rest)
        } else if let Some(rest) = bare.strip_prefix("> ") {
            ("│ ", Role::Faint, rest)
        } else {
            ("", Role::Text, bare)
        };
        let room = columns.saturating_sub(indent + width::columns(mark)).max(1);
        for (at, piece) in width::wrap(rest, room).into_iter().enumerate() {
            let mut runs = Vec::new();
            if indent > 0 {
                runs.push(Run::new(" ".repeat(indent), Role::Text));
            }
            if !mark.is_empty() {
                let mark = if at == 0 || role == Role::Faint { mark } else { "  " };
                runs.push(Run::new(mark, role));
            }
            inline(piece, &mut runs);
            rows.push(runs);
        }
    }
    rows
}

/// `code` and **strong** within a line.
fn inline(text: &str, runs: &mut Vec<Run>) {
    let mut rest = text;
    while !rest.is_empty() {
        let next = [("`", Role::SyntaxString), ("**", Role::Strong)]
            .into_iter()
            .filter_map(|(mark, role)| rest.find(mark).map(|at| (at, mark, role)))
            .min_by_key(|(at, ..)| *at);
        let closed = next.and_then(|(at, mark, role)| {
            let inner = &rest[at + mark.len()..];
            inner.find(mark).filter(|end| *end > 0).map(|end| (at, mark, role, &inner[..end]))
        });
        let Some((at, mark, role, inner)) = closed else {
            runs.push(Run::new(rest, Role::Text));
            return;
        };
        if at > 0 {
            runs.push(Run::new(&rest[..at], Role::Text));
        }
        runs.push(Run::new(inner, role));
        rest = &rest[at + 2 * mark.len() + inner.len()..];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, columns: usize, expected: &[&str]) {
        let rows: Vec<String> =
            markdown(text, columns).iter().map(|runs| runs.iter().map(|run| run.text.as_str()).collect()).collect();
        assert_eq!(rows, expected);
    }

    #[test]
    fn rows_are_what_people_expect() {
        check("# Title\nwords", 20, &["Title", "words"]);
        check("- one two three", 9, &["· one two", "  three"]);
        check("a `b` **c**", 20, &["a b c"]);
        check("a ` b", 20, &["a ` b"]);
        check("```\n# code\n```", 20, &["  # code"]);
        check("> quoted words", 8, &["│ quoted", "│ words"]);
    }
}
