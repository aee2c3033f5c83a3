//! One file's two sides, compared: lines by number, blocks, hunks with their keys, colours. Made by workers.

use std::borrow::Cow;
use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use crate::cancel::Cancel;
use crate::diff::{DiffKind, DiffOptions, FileDiff, PatchLineKind, inline_diff};
use crate::id::{Digest, RepoPath};
use crate::syntax::{Language, OutlineItem, ParseLimits, Parsed, Span, Syntax};
use crate::text::SecretMask;
use crate::tui::theme::Role;

/// A side of the comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Side {
    Old,
    New,
}

/// A run of lines that are the same on both sides, or that replace each other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Block {
    pub old: Range<u32>,
    pub new: Range<u32>,
    /// The hunk it belongs to; `None` where both sides are the same.
    pub hunk: Option<usize>,
}

/// A change: its lines on both sides and the key that its mark has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Hunk {
    pub old: Range<u32>,
    pub new: Range<u32>,
    pub added: u32,
    pub deleted: u32,
    pub key: Digest,
    /// Whether it changes whitespace only.
    pub blank: bool,
}

/// Bytes and where their lines begin.
#[derive(Debug, Clone)]
struct Lines {
    bytes: Arc<[u8]>,
    starts: Vec<u32>,
}

impl Lines {
    fn new(bytes: Arc<[u8]>) -> Self {
        let mut starts = vec![0];
        // u32: the diff itself refuses contents of 4 GiB and more
        starts.extend(memchr::memchr_iter(b'\n', &bytes).map(|at| u32::try_from(at + 1).unwrap_or(u32::MAX)));
        if starts.last().is_some_and(|last| *last as usize >= bytes.len()) {
            starts.pop();
        }
        starts.shrink_to_fit();
        Self { bytes, starts }
    }

    fn len(&self) -> u32 {
        u32::try_from(self.starts.len()).unwrap_or(u32::MAX)
    }

    fn line(&self, line: u32) -> &[u8] {
        let Some(start) = self.starts.get(line as usize) else { return &[] };
        let end = self.starts.get(line as usize + 1).map_or(self.bytes.len(), |next| *next as usize);
        let text = &self.bytes[*start as usize..end];
        let text = text.strip_suffix(b"\n").unwrap_or(text);
        text.strip_suffix(b"\r").unwrap_or(text)
    }
}

/// Two sides of a file, compared.
#[derive(Debug)]
pub(crate) struct Doc {
    path: RepoPath,
    kind: DiffKind,
    old: Lines,
    new: Lines,
    blocks: Vec<Block>,
    hunks: Vec<Hunk>,
}

impl Doc {
    /// Compares. Costs what a diff costs: for workers only.
    /// Hunks and their keys are those of the contents as they are; the lines that are kept hide their secrets.
    pub(crate) fn compare(path: &RepoPath, old: Arc<[u8]>, new: Arc<[u8]>, mask: &SecretMask) -> Self {
        let diff = FileDiff::compute(&old, &new, &DiffOptions::default());
        let keys = diff.hunk_keys(path, &old, &new);
        let (kind, blocks) = (diff.kind(), blocks_of(&diff));
        let mut next = 0;
        let hunks = diff
            .hunks()
            .iter()
            .zip(keys)
            .enumerate()
            .map(|(at, (_, key))| {
                let blank = is_blank(&diff, at, &old, &new);
                // blocks are in the order of their hunks: each is looked at once
                let start = next;
                while blocks.get(next).is_some_and(|block| block.hunk.is_none_or(|hunk| hunk <= at)) {
                    next += 1;
                }
                let mut hunk = Hunk { old: 0..0, new: 0..0, added: 0, deleted: 0, key, blank };
                for block in blocks[start..next].iter().filter(|block| block.hunk == Some(at)) {
                    if hunk.added + hunk.deleted == 0 {
                        (hunk.old, hunk.new) = (block.old.clone(), block.new.clone());
                    }
                    hunk.added += block.new.end - block.new.start;
                    hunk.deleted += block.old.end - block.old.start;
                    (hunk.old.end, hunk.new.end) = (block.old.end, block.new.end);
                }
                hunk
            })
            .collect();
        let binary = kind != DiffKind::Text;
        let shown = |bytes: Arc<[u8]>| match mask.hide(&bytes) {
            Cow::Owned(hidden) => hidden.into(),
            Cow::Borrowed(_) => bytes,
        };
        let lines = |bytes: Arc<[u8]>| Lines::new(if binary { Arc::from([].as_slice()) } else { shown(bytes) });
        Self { path: path.clone(), kind, old: lines(old), new: lines(new), blocks, hunks }
    }

    /// A file as it is, with its secrets hidden.
    pub(crate) fn whole(path: &RepoPath, content: Arc<[u8]>, mask: &SecretMask) -> Self {
        let binary = content[..content.len().min(8000)].contains(&0);
        let content = match mask.hide(&content) {
            _ if binary => Arc::from([].as_slice()),
            Cow::Owned(hidden) => hidden.into(),
            Cow::Borrowed(_) => content.clone(),
        };
        Self::of_lines(path, Lines::new(content))
    }

    /// One side of a comparison, as it is shown there.
    pub(crate) fn side(&self, side: Side) -> Self {
        let lines = if side == Side::Old { &self.old } else { &self.new };
        Self::of_lines(&self.path, lines.clone())
    }

    fn of_lines(path: &RepoPath, lines: Lines) -> Self {
        let (blocks, hunks) = (Vec::new(), Vec::new());
        Self { path: path.clone(), kind: DiffKind::Text, old: lines.clone(), new: lines, blocks, hunks }
    }

    /// What a side defines. For workers.
    pub(crate) fn outline(&self, side: Side, syntax: &Syntax) -> Vec<OutlineItem> {
        self.parsed(side).map(|parsed| syntax.outline(&parsed)).unwrap_or_default()
    }

    fn parsed(&self, side: Side) -> Option<Parsed> {
        let bytes = if side == Side::Old { &self.old.bytes } else { &self.new.bytes };
        let language = Language::from_path(&self.path, self.line(side, 0))?;
        Parsed::new(language, bytes.clone(), ParseLimits::default(), &Cancel::new()).ok()
    }

    /// The keys of the hunks of two contents, without keeping anything else; one for a file without lines.
    pub(crate) fn survey(path: &RepoPath, old: &[u8], new: &[u8]) -> Vec<Digest> {
        let keys = FileDiff::compute(old, new, &DiffOptions::default()).hunk_keys(path, old, new);
        if keys.is_empty() { vec![whole_key(path, old, new)] } else { keys }
    }

    /// Text, or why no lines are shown.
    pub(crate) fn kind(&self) -> DiffKind {
        self.kind
    }

    /// Every block, in order.
    pub(crate) fn blocks(&self) -> &[Block] {
        &self.blocks
    }

    /// Every hunk, in order.
    pub(crate) fn hunks(&self) -> &[Hunk] {
        &self.hunks
    }

    /// The bytes of a line (0-based), without its end.
    pub(crate) fn line(&self, side: Side, line: u32) -> &[u8] {
        match side {
            Side::Old => self.old.line(line),
            Side::New => self.new.line(line),
        }
    }

    /// How many lines a side has.
    pub(crate) fn lines(&self, side: Side) -> u32 {
        match side {
            Side::Old => self.old.len(),
            Side::New => self.new.len(),
        }
    }
}

/// Whether both sides of a hunk say the same but for blanks. Of the contents as they are: two secrets look alike once
/// they are hidden.
fn is_blank(diff: &FileDiff, hunk: usize, old: &[u8], new: &[u8]) -> bool {
    let said = |kind: PatchLineKind| {
        let lines = diff.lines(hunk).filter(move |line| line.kind == kind);
        lines.flat_map(|line| line.bytes(old, new)).filter(|byte| !byte.is_ascii_whitespace())
    };
    said(PatchLineKind::Removed).eq(said(PatchLineKind::Added))
}

/// The key of a change without lines: binary, mode only.
fn whole_key(path: &RepoPath, old: &[u8], new: &[u8]) -> Digest {
    let mut text = path.as_bytes().to_vec();
    text.extend_from_slice(Digest::of(old).as_bytes());
    text.extend_from_slice(Digest::of(new).as_bytes());
    Digest::of(&text)
}

fn blocks_of(diff: &FileDiff) -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    let (mut old, mut new) = (0, 0);
    for (hunk, place) in diff.hunks().iter().enumerate() {
        let start = if place.old_len == 0 { place.old_start } else { place.old_start - 1 };
        push(&mut blocks, old..start, new..new + (start - old), None);
        new += start - old;
        old = start;
        for line in diff.lines(hunk) {
            let (olds, news, of) = match line.kind {
                PatchLineKind::Context => (1, 1, None),
                PatchLineKind::Removed => (1, 0, Some(hunk)),
                PatchLineKind::Added => (0, 1, Some(hunk)),
            };
            push(&mut blocks, old..old + olds, new..new + news, of);
            old += olds;
            new += news;
        }
    }
    if !diff.hunks().is_empty() {
        push(&mut blocks, old..diff.old_len(), new..diff.new_len(), None);
    }
    blocks
}

/// Appends lines to the last block where they are of its kind.
fn push(blocks: &mut Vec<Block>, old: Range<u32>, new: Range<u32>, hunk: Option<usize>) {
    if old.is_empty() && new.is_empty() {
        return;
    }
    match blocks.last_mut() {
        Some(last) if last.hunk == hunk => {
            last.old.end = old.end;
            last.new.end = new.end;
        }
        _ => blocks.push(Block { old, new, hunk }),
    }
}

/// A piece of a line in one look: it ends at byte `end`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Piece {
    pub end: u32,
    pub syntax: Option<Role>,
    pub word: bool,
}

/// Colours and changed words of some lines of a file.
#[derive(Debug, Default)]
pub(crate) struct Colors {
    old: HashMap<u32, Box<[Piece]>>,
    new: HashMap<u32, Box<[Piece]>>,
}

/// Lines around each change that get colours, and the most lines of a side: nobody reads a hundred thousand lines,
/// and a file is coloured in well under a second.
const AROUND: u32 = 40;
const MOST_LINES: usize = 4_000;
/// Changed blocks that are longer are not compared word by word.
const LONGEST_PAIRED: u32 = 60;

impl Colors {
    /// The pieces of a line; none where it is plain.
    pub(crate) fn pieces(&self, side: Side, line: u32) -> &[Piece] {
        let lines = match side {
            Side::Old => &self.old,
            Side::New => &self.new,
        };
        lines.get(&line).map_or(&[], |pieces| pieces)
    }

    /// Colours the lines around the changes of `doc`. For workers.
    pub(crate) fn of(doc: &Doc, syntax: &Syntax) -> Self {
        let (mut old_words, mut new_words) = (HashMap::new(), HashMap::new());
        let mut paired = 0;
        for block in doc.blocks.iter().filter(|block| block.hunk.is_some()) {
            if block.old.len() != block.new.len()
                && block.old.len().max(block.new.len()) > 3 * block.old.len().min(block.new.len())
            {
                continue;
            }
            if block.old.end - block.old.start > LONGEST_PAIRED || paired > MOST_LINES {
                continue;
            }
            for (old, new) in block.old.clone().zip(block.new.clone()) {
                paired += 1;
                let diff = inline_diff(doc.line(Side::Old, old), doc.line(Side::New, new), None);
                old_words.insert(old, diff.old);
                new_words.insert(new, diff.new);
            }
        }
        let paint = |side, words: &_| paint(doc, side, wanted(doc, side), words, syntax);
        Self { old: paint(Side::Old, &old_words), new: paint(Side::New, &new_words) }
    }

    /// Colours the lines around one (1-based) of a file that is the same on both sides. For workers.
    pub(crate) fn around(doc: &Doc, line: u32, syntax: &Syntax) -> Self {
        let all = doc.lines(Side::New);
        let half = u32::try_from(MOST_LINES / 2).unwrap_or(u32::MAX);
        let from = line.saturating_sub(half).min(all);
        let range = from..all.min(from.saturating_add(2 * half));
        Self { old: HashMap::new(), new: paint(doc, Side::New, vec![range], &HashMap::new(), syntax) }
    }
}

fn paint(
    doc: &Doc,
    side: Side,
    ranges: Vec<Range<u32>>,
    words: &HashMap<u32, Vec<Range<usize>>>,
    syntax: &Syntax,
) -> HashMap<u32, Box<[Piece]>> {
    let parsed = doc.parsed(side);
    let mut lines = HashMap::new();
    for range in ranges {
        // spans() bounds its own work for a call, so it is asked for a screen at a time
        let mut from = range.start;
        while from < range.end {
            let to = range.end.min(from + 100);
            let spans = parsed.as_ref().map(|parsed| syntax.spans(parsed, from + 1..to + 1)).unwrap_or_default();
            for line in from..to {
                let of_line = spans.get((line - from) as usize).map_or(&[] as &[Span], Vec::as_slice);
                let pieces = merge(of_line, words.get(&line).map_or(&[], Vec::as_slice));
                if !pieces.is_empty() {
                    lines.insert(line, pieces.into_boxed_slice());
                }
            }
            from = to;
        }
    }
    lines
}

/// The ranges of lines that get colours.
fn wanted(doc: &Doc, side: Side) -> Vec<Range<u32>> {
    let all = doc.lines(side);
    if all as usize <= MOST_LINES {
        return std::iter::once(0..all).collect();
    }
    let mut ranges: Vec<Range<u32>> = Vec::new();
    let mut total = 0;
    for hunk in &doc.hunks {
        let lines = if side == Side::Old { &hunk.old } else { &hunk.new };
        let mut range = lines.start.saturating_sub(AROUND)..(lines.end + AROUND).min(all);
        if let Some(last) = ranges.last() {
            range.start = range.start.max(last.end);
        }
        total += range.len();
        if total > MOST_LINES {
            break;
        }
        ranges.push(range);
    }
    ranges
}

/// Spans and changed words as pieces, one after the other.
fn merge(spans: &[Span], words: &[Range<usize>]) -> Vec<Piece> {
    let mut cuts: Vec<usize> = spans.iter().flat_map(|span| [span.range.start, span.range.end]).collect();
    cuts.extend(words.iter().flat_map(|word| [word.start, word.end]));
    cuts.sort_unstable();
    cuts.dedup();
    let mut pieces = Vec::with_capacity(cuts.len());
    let (mut start, mut span) = (0, 0);
    for end in cuts.into_iter().filter(|cut| *cut > 0) {
        while spans.get(span).is_some_and(|found| found.range.end <= start) {
            span += 1;
        }
        let syntax = spans.get(span).filter(|found| found.range.start <= start).map(|found| role_of(found.role));
        let word = words.iter().any(|word| word.contains(&start));
        pieces.push(Piece { end: u32::try_from(end).unwrap_or(u32::MAX), syntax, word });
        start = end;
    }
    pieces
}

/// The theme's role for a piece of code.
fn role_of(role: crate::syntax::Role) -> Role {
    use crate::syntax::Role as Code;
    match role {
        Code::Variable => Role::SyntaxVariable,
        Code::Property => Role::SyntaxProperty,
        Code::Type => Role::SyntaxType,
        Code::Constant => Role::SyntaxConstant,
        Code::Function => Role::SyntaxFunction,
        Code::Keyword => Role::SyntaxKeyword,
        Code::String => Role::SyntaxString,
        Code::Escape => Role::SyntaxEscape,
        Code::Number => Role::SyntaxNumber,
        Code::Comment => Role::SyntaxComment,
        Code::Operator => Role::SyntaxOperator,
        Code::Punctuation => Role::SyntaxPunctuation,
        Code::Attribute => Role::SyntaxAttribute,
        Code::Tag => Role::SyntaxTag,
        Code::Namespace => Role::SyntaxNamespace,
        Code::Label => Role::SyntaxLabel,
        Code::Heading => Role::SyntaxHeading,
        Code::Emphasis => Role::SyntaxEmphasis,
        Code::Link => Role::SyntaxLink,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn doc(old: &str, new: &str) -> Doc {
        Doc::compare(&"f.rs".into(), old.as_bytes().into(), new.as_bytes().into(), &SecretMask::new(Vec::new()))
    }

    #[test]
    fn lines_are_without_their_ends() {
        let doc = doc("", "a\r\nb\n\nlast");
        assert_eq!((doc.lines(Side::Old), doc.lines(Side::New)), (0, 4));
        let lines: Vec<_> = (0..5).map(|line| doc.line(Side::New, line)).collect();
        assert_eq!(lines, [b"a".as_slice(), b"b", b"", b"last", b""]);
    }

    #[test]
    fn secrets_are_hidden_in_lines_and_counted_in_keys() {
        let token = |last: char| format!("{}{}{last}", "ghp_", "k3J9Zx81Qw7e".repeat(3).split_at(35).0);
        let (old, new) = (format!("a = '{}'\n", token('a')), format!("a = '{}'\n", token('b')));
        let doc = doc(&old, &new);
        let hidden = format!("a = '{}'", "*".repeat(40));
        assert_eq!(doc.line(Side::New, 0).escape_ascii().to_string(), hidden.as_bytes().escape_ascii().to_string());
        assert_eq!(doc.line(Side::Old, 0), doc.line(Side::New, 0));
        assert_eq!(doc.hunks().len(), 1, "a changed secret is a change");
        let keys: Vec<_> = doc.hunks().iter().map(|hunk| hunk.key).collect();
        assert_eq!(Doc::survey(&"f.rs".into(), old.as_bytes(), new.as_bytes()), keys);
    }

    #[test]
    fn blocks_cover_both_sides_without_gaps() {
        let numbers: String = (0..40).map(|n| format!("{n}\n")).collect();
        let changed = numbers.replace("\n5\n", "\nfive\n").replace("\n8\n", "\n").replace("\n30\n", "\n30\nmore\n");
        let doc = doc(&numbers, &changed);
        assert_eq!(doc.hunks().len(), 2);
        let (mut old, mut new) = (0, 0);
        for block in doc.blocks() {
            assert_eq!((block.old.start, block.new.start), (old, new));
            (old, new) = (block.old.end, block.new.end);
        }
        assert_eq!((old, new), (40, 40));
        assert_eq!(doc.hunks()[0].old, 5..9);
    }

    #[test]
    fn a_survey_counts_what_the_screen_shows() {
        let (old, new) = ("a\nb\n", "a\nc\n");
        let keys: Vec<_> = doc(old, new).hunks().iter().map(|hunk| hunk.key).collect();
        assert_eq!(Doc::survey(&"f.rs".into(), old.as_bytes(), new.as_bytes()), keys);
        assert_eq!(Doc::survey(&"f.bin".into(), b"\0", b"\0\0").len(), 1, "a binary file is one thing to look at");
    }

    #[test]
    fn equal_sides_have_no_hunk() {
        assert!(doc("a\n", "a\n").hunks().is_empty());
        assert!(doc("", "").blocks().is_empty());
    }

    #[test]
    fn code_and_words_get_pieces() {
        let doc = doc("fn a() { one() }\n", "fn a() { two() }\n");
        let colors = Colors::of(&doc, &Syntax::new());
        let pieces = colors.pieces(Side::New, 0);
        assert!(pieces.iter().any(|piece| piece.syntax == Some(Role::SyntaxKeyword)), "{pieces:?}");
        assert!(pieces.iter().any(|piece| piece.word && piece.end == 12), "{pieces:?}");
        assert!(pieces.is_sorted_by_key(|piece| piece.end));
    }
}
