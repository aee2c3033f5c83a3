//! Colours: which bytes of the lines on the screen have which role.

use std::ops::{ControlFlow, Range};

use streaming_iterator::StreamingIterator as _;
use tree_sitter::{Query, QueryCursor, QueryCursorOptions};

use super::{Language, Parsed, Role, Syntax};

/// The bytes of a line that get colours; a minified file is one line of a million bytes and nobody reads past this.
const MAX_LINE_BYTES: usize = 4096;
/// Units of a thousand query steps for one call, a hundred times what a screen of honest code takes.
const MAX_QUERY_ASKS: usize = 2000;

/// A piece of a line with one role. Spans of a line are in order and do not overlap.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span {
    /// Bytes within the line.
    pub range: Range<usize>,
    /// What it is.
    pub role: Role,
}

/// A grammar's highlight query with the role of each of its captures.
#[derive(Debug)]
pub(super) struct HighlightQuery {
    query: Query,
    /// By capture index: `None` is a capture that is not for colours, `Some(None)` means "plain again".
    roles: Vec<Option<Option<Role>>>,
}

impl HighlightQuery {
    pub(super) fn compile(language: Language) -> Option<Self> {
        let query = Query::new(&language.grammar(), &language.highlight_source()).ok()?;
        let role = |name: &&str| match *name {
            "none" | "embedded" => Some(None),
            other => Role::of_capture(other).map(Some),
        };
        let roles = query.capture_names().iter().map(role).collect();
        Some(Self { query, roles })
    }
}

/// One capture: where, and the role (`None`: plain again).
struct Paint {
    start: usize,
    end: usize,
    role: Option<Role>,
}

impl Syntax {
    /// The spans of the lines `lines` (1-based, end exclusive), one list a line. Runs the query over those lines only
    /// (0.4 ms for 100 lines), so call it for what is on the screen. Bytes beyond 4,096 of a line stay plain.
    #[must_use]
    pub fn spans(&self, parsed: &Parsed, lines: Range<u32>) -> Vec<Vec<Span>> {
        let first = lines.start.max(1);
        let mut spans = vec![Vec::new(); lines.end.saturating_sub(first) as usize];
        let Some(query) = self.highlight_query(parsed.language()) else { return spans };
        let mut paints = Vec::new();
        for segment in segments(parsed, first..lines.end) {
            collect(query, parsed, segment, &mut paints);
        }
        for (range, role) in flatten(paints) {
            split_into_lines(parsed, first, &range, role, &mut spans);
        }
        spans
    }
}

/// The byte ranges to query: consecutive lines together, a very long line alone and cut.
fn segments(parsed: &Parsed, lines: Range<u32>) -> Vec<Range<usize>> {
    let mut segments: Vec<Range<usize>> = Vec::new();
    let mut after_cut = true;
    for line in lines.start..lines.end.min(parsed.line_count() + 1) {
        let bytes = parsed.line_bytes(line);
        let is_long = bytes.len() > MAX_LINE_BYTES;
        let end = if is_long { bytes.start + MAX_LINE_BYTES } else { bytes.end };
        match segments.last_mut() {
            Some(last) if !after_cut => last.end = end,
            _ => segments.push(bytes.start..end),
        }
        after_cut = is_long;
    }
    segments
}

fn collect(query: &HighlightQuery, parsed: &Parsed, segment: Range<usize>, paints: &mut Vec<Paint>) {
    let mut cursor = QueryCursor::new();
    cursor.set_match_limit(256);
    cursor.set_byte_range(segment.clone());
    let mut asks = 0;
    let mut progress = |_: &tree_sitter::QueryCursorState| {
        asks += 1;
        if asks > MAX_QUERY_ASKS { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    let options = QueryCursorOptions::new().progress_callback(&mut progress);
    let root = parsed.tree().root_node();
    let mut captures = cursor.captures_with_options(&query.query, root, parsed.bytes(), options);
    while let Some((found, index)) = captures.next() {
        let Some(capture) = found.captures().get(*index) else { continue };
        let Some(Some(role)) = query.roles.get(capture.index as usize) else { continue };
        let (start, end) = (capture.node.start_byte().max(segment.start), capture.node.end_byte().min(segment.end));
        if start < end {
            paints.push(Paint { start, end, role: *role });
        }
    }
}

/// Non-overlapping ranges: of nested captures the innermost, of equal ones that which [`Role::prevails_over`].
fn flatten(mut paints: Vec<Paint>) -> Vec<(Range<usize>, Role)> {
    paints.sort_by(|a, b| a.start.cmp(&b.start).then(b.end.cmp(&a.end))); // stable: later patterns stay later
    let mut flat = Vec::new();
    let mut open: Vec<Paint> = Vec::new();
    let mut done = 0;
    for paint in paints {
        if let Some(top) = open.last_mut().filter(|top| (top.start, top.end) == (paint.start, paint.end)) {
            let replaces = match (paint.role, top.role) {
                (Some(new), Some(old)) => new.prevails_over(old),
                (new, _) => new.is_some(),
            };
            if replaces {
                top.role = paint.role;
            }
            continue;
        }
        close_until(paint.start, &mut open, &mut done, &mut flat);
        open.push(paint);
    }
    close_until(usize::MAX, &mut open, &mut done, &mut flat);
    flat
}

/// Emits what the open captures paint before `until`; `done` is how far the output reaches.
fn close_until(until: usize, open: &mut Vec<Paint>, done: &mut usize, flat: &mut Vec<(Range<usize>, Role)>) {
    while let Some(top) = open.last() {
        let (from, to) = (top.start.max(*done), top.end.min(until));
        if from < to {
            if let Some(role) = top.role {
                flat.push((from..to, role));
            }
            *done = to;
        }
        if top.end > until {
            return;
        }
        open.pop();
    }
}

fn split_into_lines(parsed: &Parsed, first: u32, range: &Range<usize>, role: Role, spans: &mut [Vec<Span>]) {
    let mut line = parsed.line_at(range.start);
    while let Some(of_line) = line.checked_sub(first).and_then(|at| spans.get_mut(at as usize)) {
        let bytes = parsed.line_bytes(line);
        let (start, end) = (range.start.max(bytes.start), range.end.min(bytes.end));
        if start < end {
            of_line.push(Span { range: start - bytes.start..end - bytes.start, role });
        }
        if range.end <= bytes.end + 1 {
            return;
        }
        line += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cancel::Cancel;
    use crate::syntax::ParseLimits;

    fn parsed(language: Language, text: &str) -> Parsed {
        Parsed::new(language, text.as_bytes().into(), ParseLimits::default(), &Cancel::new()).expect("parses")
    }

    /// Spans of all lines as `text:role`, one string a line.
    #[track_caller]
    fn check(language: Language, text: &str, expected: &[&str]) {
        let parsed = parsed(language, text);
        let found: Vec<String> = Syntax::new()
            .spans(&parsed, 1..parsed.line_count() + 1)
            .iter()
            .zip(text.lines())
            .map(|(spans, line)| {
                let shown = |span: &Span| format!("{}:{}", &line[span.range.clone()], &span.role.name()[7..]);
                spans.iter().filter(|span| span.role != Role::Punctuation).map(shown).collect::<Vec<_>>().join(" ")
            })
            .collect();
        assert_eq!(found, expected, "{language}: {text}");
    }

    #[test]
    fn every_highlight_query_compiles() {
        for language in Language::ALL {
            assert!(HighlightQuery::compile(language).is_some(), "{language}");
        }
    }

    #[test]
    fn lines_have_the_roles_a_reader_expects() {
        check(
            Language::Rust,
            "fn add(a: u32) -> u32 {\n    a + 1 // one\n}",
            &["fn:keyword add:function a:variable u32:type u32:type", "1:number // one:comment", ""],
        );
        check(
            Language::Python,
            "def f(x):\n    return g(x, \"a\\n\")",
            &[
                "def:keyword f:function x:variable",
                "return:keyword g:function x:variable \"a:string \\n:escape \":string",
            ],
        );
        check(Language::Go, "package p\nfunc F() { g() }", &["package:keyword", "func:keyword F:function g:function"]);
    }

    #[test]
    fn a_span_over_several_lines_is_split() {
        check(Language::Rust, "/* a\nb */\nx", &["/* a:comment", "b */:comment", ""]);
    }

    #[test]
    fn only_the_lines_asked_for_are_given() {
        let parsed = parsed(Language::Rust, &"let a = 1;\n".repeat(1000));
        let syntax = Syntax::new();
        let spans = syntax.spans(&parsed, 500..503);
        assert_eq!(spans.len(), 3);
        assert!(spans.iter().all(|line| line.iter().any(|span| span.role == Role::Keyword)), "{spans:?}");
        assert_eq!(syntax.spans(&parsed, 2000..2002), vec![Vec::new(), Vec::new()], "beyond the end");
        assert!(syntax.spans(&parsed, Range { start: 5, end: 3 }).is_empty());
    }

    #[test]
    fn a_minified_line_is_coloured_at_its_beginning_only() {
        let text = format!("{}\nvar b = 1;\n", "var a=1;".repeat(100_000));
        let parsed = parsed(Language::JavaScript, &text);
        let spans = Syntax::new().spans(&parsed, 1..3);
        assert!(spans[0].last().is_some_and(|span| span.range.end <= MAX_LINE_BYTES && span.range.end > 4000));
        assert!(!spans[1].is_empty(), "the next line has colours");
    }

    #[test]
    fn hostile_bytes_have_spans_inside_their_lines() {
        let noise: Vec<u8> = (0..9000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 11) as u8).collect();
        let syntax = Syntax::new();
        for language in Language::ALL {
            let parsed = Parsed::new(language, noise.clone().into(), ParseLimits::default(), &Cancel::new())
                .expect("any bytes parse");
            for (at, spans) in syntax.spans(&parsed, 1..parsed.line_count() + 1).iter().enumerate() {
                let length = parsed.line_bytes(at as u32 + 1).len();
                assert!(spans.windows(2).all(|pair| pair[0].range.end <= pair[1].range.start), "{language}");
                assert!(spans.iter().all(|span| span.range.end <= length && !span.range.is_empty()), "{language}");
            }
        }
    }
}
