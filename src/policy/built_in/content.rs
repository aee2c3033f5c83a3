//! What a reader could miss in the text of a change: hidden characters, conflict markers, orders to reviewers,
//! line endings, binaries.

use std::sync::LazyLock;

use regex::{Regex, RegexBuilder};

use super::added::{LONGEST_LINE, Texts};
use super::rules::breach;
use super::{Violation, hidden};
use crate::diff::{FileChange, FileMode};
use crate::text::{Words, redaction_marks};

/// At most this many violations of one rule for one file: the first few are enough to look.
const MOST: usize = 5;

/// What the text of this file's new side breaks.
pub(super) fn check(texts: &Texts<'_>, found: &mut Vec<Violation>) {
    binary(texts.file, found);
    hidden_characters(texts, found);
    conflict_markers(texts, found);
    addressed(texts, found);
    redaction_marks_of_ours(texts, found);
    line_endings(texts, found);
}

fn binary(file: &FileChange, found: &mut Vec<Violation>) {
    let is = |side: &crate::diff::FileSide| {
        matches!(side.mode, FileMode::Regular | FileMode::Executable) && side.is_binary()
    };
    if let Some(new) = file.new.as_ref().filter(|side| is(side)) {
        let how = if file.old.is_some() { "changes" } else { "is added" };
        let message = format!("a binary of {} bytes {how}", new.content.len());
        found.push(breach("binary-added", &file.path, None, message));
    }
}

fn hidden_characters(texts: &Texts<'_>, found: &mut Vec<Violation>) {
    if texts.new.is_none_or(str::is_ascii) {
        return;
    }
    let prose = hidden::is_prose(texts.file);
    let new = texts.added().filter_map(|(number, line)| {
        hidden::find(line, number == 1, prose).filter(|c| !carried(*c, texts)).map(|c| (number, c))
    });
    for (number, c) in new.take(MOST) {
        let message = format!("an invisible or direction-changing character U+{:04X} is added", u32::from(c));
        found.push(breach("hidden-characters", &texts.file.path, Some(number), message));
    }
}

/// Whether the base had the character at least as often: a line around it changed, nothing was hidden.
fn carried(c: char, texts: &Texts<'_>) -> bool {
    let count = |text: Option<&str>| text.unwrap_or("").matches(c).count();
    count(texts.old) >= count(texts.new)
}

fn conflict_markers(texts: &Texts<'_>, found: &mut Vec<Violation>) {
    let file = texts.file;
    let starts = |line: &str| line == "<<<<<<<" || line.starts_with("<<<<<<< ");
    let ends = |line: &str| line == ">>>>>>>" || line.starts_with(">>>>>>> ");
    // documents show conflicts on purpose
    if hidden::is_prose(file) && !matches!(file.path.extension(), Some("json" | "yml" | "yaml" | "html")) {
        return;
    }
    let Some(new) = texts.new else { return };
    let holds = |marker: &[u8]| memchr::memmem::find(new.as_bytes(), marker).is_some();
    // a whole conflict needs both: most texts have neither
    if !holds(b"<<<<<<<") || !holds(b">>>>>>>") {
        return;
    }
    let Some((number, _)) = texts.added().find(|(_, line)| starts(line) || ends(line)) else { return };
    let mut wanted = 0;
    for line in new.lines() {
        wanted += usize::from(match wanted {
            0 => starts(line),
            1 => line == "=======",
            2 => ends(line),
            _ => false,
        });
    }
    if wanted == 3 {
        found.push(breach("conflict-marker", &file.path, Some(number), "a conflict marker is added"));
    }
}

/// Marks that Paraph shows in the places of secrets, in a file: somebody copied what they were shown. A bare `[masked]`
/// may be a program's own words; it counts where it took the place of something.
fn redaction_marks_of_ours(texts: &Texts<'_>, found: &mut Vec<Violation>) {
    let replaces = |line: &str, at: usize, mark: &str| {
        let (before, after) = (&line[..at], &line[at + mark.len()..]);
        let took = |old: &str| Some(old.strip_prefix(before)?.strip_suffix(after)?.len());
        // 6: no shorter key is hidden
        texts.went().iter().any(|old| took(old).is_some_and(|length| length >= 6))
    };
    let new = texts.added().filter_map(|(number, line)| {
        let counts = |(at, mark): &(usize, &str)| *mark != "[masked]" || replaces(line, *at, mark);
        redaction_marks(line).find(counts).map(|(_, mark)| (number, mark))
    });
    for (number, mark) in new.take(MOST) {
        let message = format!("`{mark}` is what stands in a hidden secret's place, and it is written here");
        found.push(breach("redaction-mark", &texts.file.path, Some(number), message));
    }
}

/// Orders to a reader who is a model, or to whoever reviews: written narrowly, so that code about reviews is quiet.
static ORDERS: LazyLock<Regex> = LazyLock::new(|| {
    let forms = [
        r"\b(ignore|disregard|forget|override)\s+(all\s+|any\s+|every\s+|of\s+|the\s+|your\s+|my\s+|these\s+)*(previous|prior|above|preceding|earlier|system|existing)\s+(instruction|prompt|direction|rule|guideline|message|context)s?\b",
        r"\b(you\s+are|act\s+as|as)\s+(now\s+)?(an?\s+)?(ai|llm|language\s+model|automated)\s+(code\s+)?(review|reviewer|assistant|agent)",
        r"\b(note|notice|message|instructions?|attention|important)\s*(to|for)?\s*:?\s*(all\s+|any\s+|the\s+)*(ai|llm|automated|code)\s*[- ]?(reviewers?|assistants?|agents?|models?)\b",
        r"\b(ai|llm|automated|code)?\s*(reviewers?|assistants?)\s*[:,]\s*(please\s+)?(approve|accept|merge|ignore|skip|rate|score|do\s+not|don't)\b",
        r"\b(do\s+not|don't|never)\s+(flag|report|mention|reveal)\s+(this|these|the|any)\b.{0,60}\b(review|reviewer|user|human|security\s+team)\b",
        r"\b(rate|score|grade)\s+this\s+(change|patch|code|pull\s+request|pr|diff)\s+(as\s+)?(a\s+)?(10|ten|perfect|high|safe)",
        r"\bapprove\s+this\s+(change|patch|pull\s+request|pr|diff|commit)\s+(without|immediately|automatically|regardless)",
        r"\bplease\s+approve\s+(this|it)\b",
        r"\b(give|assign|return|output|answer)\s+(it\s+|this\s+|me\s+|an?\s+|the\s+|every\s+|each\s+|all\s+|dimensions?\s+|maximum\s+)*(scores?|ratings?)\s+(of\s+)?(10|ten|perfect)\b",
        r"\bscore\s+(it|this|everything|every\s+dimension|all\s+(six\s+)?dimensions)\s+(as\s+|an?\s+|with\s+)*(10|ten|perfect)\b",
        r"<\|?(im_start|system|endoftext)\|?>",
    ];
    let pattern = forms.join("|");
    RegexBuilder::new(&pattern).case_insensitive(true).size_limit(4 << 20).build().expect("the forms are well formed")
});

/// Words of which every form of [`ORDERS`] holds one: a line without any is not held against the forms.
const ORDER_WORDS: &[&str] = &[
    "assistant",
    "agent",
    "review",
    "model", // whom it speaks to
    "ignore",
    "disregard",
    "forget",
    "override", // to forget what was said
    "flag",
    "report",
    "mention",
    "reveal", // what not to do
    "rate",
    "rating",
    "score",
    "grade",
    "approve", // what to give
    "im_start",
    "system",
    "endoftext", // marks of a model's own
];

/// How many of them, the first, may stand inside of a word; a form that needs any other has it at a word's start.
const ANYWHERE: usize = 4;

static WORDS: LazyLock<Words> = LazyLock::new(|| Words::new(ORDER_WORDS.iter().copied()));

/// The lines of `run` that may be an order, with their number: `first` is the first line's. Beyond ASCII only the
/// long s and the Kelvin sign stand for letters of the words.
fn may_order(first: u32, run: &str) -> Vec<(u32, &str)> {
    let mut found = Vec::new();
    let mut keep = |at: usize, line: &str| found.push((at, line.len()));
    if !run.is_ascii() && run.contains(['\u{17f}', '\u{212a}']) {
        run.lines().for_each(|line| keep(line.as_ptr().addr() - run.as_ptr().addr(), line));
    } else {
        let (bytes, mut at) = (run.as_bytes(), 0);
        // a run is searched at once: most lines are too short for a search of their own to pay
        for (word, number) in WORDS.find(run) {
            let inside = word.checked_sub(1).is_some_and(|before| is_word(bytes[before]));
            if word < at || inside && number >= ANYWHERE {
                continue;
            }
            let start = memchr::memrchr(b'\n', &bytes[..word]).map_or(0, |newline| newline + 1);
            let end = memchr::memchr(b'\n', &bytes[word..]).map_or(run.len(), |end| word + end);
            keep(start, &run[start..end]);
            at = end;
        }
    }
    let (mut number, mut counted) = (first, 0);
    let numbered = found.into_iter().map(|(at, length)| {
        number += memchr::memchr_iter(b'\n', &run.as_bytes()[counted..at]).count() as u32;
        counted = at;
        let line = &run[at..at + length];
        (number, line.strip_suffix('\r').unwrap_or(line))
    });
    numbered.collect()
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

fn addressed(texts: &Texts<'_>, found: &mut Vec<Violation>) {
    let lines = texts.runs().flat_map(|(first, run)| may_order(first, run));
    let orders = lines.filter(|(_, line)| line.len() <= LONGEST_LINE && ORDERS.is_match(line));
    for (number, _) in orders.take(MOST) {
        let message = "the line reads as an order to a reviewer or a model";
        found.push(breach("addressed-to-reviewers", &texts.file.path, Some(number), message));
    }
}

fn line_endings(texts: &Texts<'_>, found: &mut Vec<Violation>) {
    let (Some(old), Some(new)) = (texts.old, texts.new) else { return };
    // one side must be of CRLF: most files have no CR at all
    if [old, new].iter().all(|text| memchr::memchr(b'\r', text.as_bytes()).is_none()) {
        return;
    }
    let share = |text: &str| {
        let lines = text.matches('\n').count();
        (lines >= 3).then(|| text.matches("\r\n").count() * 100 / lines)
    };
    let message = match (share(old), share(new)) {
        (Some(0..=10), Some(90..)) => "every line ending turns from LF into CRLF",
        (Some(90..), Some(0..=10)) => "every line ending turns from CRLF into LF",
        _ => return,
    };
    found.push(breach("line-endings", &texts.file.path, None, message));
}
