//! What a change of lines says about tests, before any syntax tree is made: most changes leave them alone, and a tree
//! of each side costs a hundred times as much as a look at the lines.
//!
//! A look may send a file to be counted in vain; it must not let one pass whose tests became fewer. That holds for texts
//! that follow their grammar: what a parser makes of others is not told by lines.

use std::collections::HashSet;
use std::sync::LazyLock;

use regex::Regex;

use super::super::added::Texts;
use crate::id::RepoPath;
use crate::syntax::Language;

/// The words of a family of languages.
struct Tells {
    /// What a file with a test must hold; `None` where no word is sure to be there.
    test: Option<Regex>,
    /// A line that went with one of these may have been a test, a part of its head, or an assertion.
    went: Regex,
    /// A line that came with one of these may switch a test off.
    came: Regex,
    /// What starts or ends a comment, a text or a macro: a line with it may change what other lines mean.
    turns: Regex,
    /// Where a function starts: where fewer of these are left, a mark may have lost its test.
    function: Option<Regex>,
    /// Whether a lone `'` opens a text.
    single_quotes: bool,
}

fn regex(pattern: &str) -> Regex {
    Regex::new(pattern).expect("the patterns of this file are well formed")
}

static RUST: LazyLock<Tells> = LazyLock::new(|| Tells {
    test: Some(regex(r"[\[:.>\\#@!<](?:test|rstest|quickcheck|wasm_bindgen_test|bench|proptest)")),
    went: regex(
        r"[\[:.>\\#@!<](?:test|rstest|quickcheck|wasm_bindgen_test|bench|proptest)|(?:\b|debug_|prop_)assert|DISABLED_",
    ),
    came: regex(r"\bignore|cfg_attr|DISABLED_"),
    turns: regex(r##"/\*|\*/|\br#*"|"#|\bmacro_rules\b|\w!\s*(?:\w+\s*)?[\[({]\s*$"##),
    function: Some(regex(r"\bfn\b")),
    single_quotes: false,
});

static OTHERS: LazyLock<Tells> = LazyLock::new(|| Tells {
    test: None,
    went: regex(concat!(
        r"(?i)test|assert|expect|verify|fail|should|check|require|raise|warn|err|fatal|refute|must_|wont_|",
        r"\b(?:it|x?specify|scenario)\b|fuzz|bench|example|fact|theory|propert|boost|cu_|ck_|equal|",
        r"\b(?:def|func|function|void|fun|task|class|describe|suite|context)\b|@|#\[|^\s*\[",
    )),
    came: regex(
        r"(?i)skip|ignore|disabled|todo|fixme|fail|\bx(?:it|test|describe|context)\b|pending|omit|assum|incomplete",
    ),
    turns: regex(
        r#"/\*|\*/|"""|'''|`|^=(?:begin|end)|__END__|<<|^\s*#\s*(?:if|el|end)|\?>|<\?|\\$|^\s*:\s*$|<!--|-->"#,
    ),
    function: None,
    single_quotes: true,
});

/// Whether a file of this text can hold a test at all.
pub(super) fn may_hold_tests(path: &RepoPath, text: &str) -> bool {
    let words = tells(path, text);
    words.test.as_ref().is_none_or(|test| test.is_match(text))
}

/// How many lines of an old text are asked for before two texts are compared in full.
const MOST_ASKED: usize = 8;

/// Lines of a text that may hold tests: where one of them is gone, [`may_weaken`] says so, and needs not be asked.
pub(super) struct Telling<'a>(Vec<&'a str>);

impl<'a> Telling<'a> {
    /// The first of `text`, which may hold tests.
    pub(super) fn of(path: &RepoPath, text: &'a str) -> Self {
        let words = tells(path, text);
        Self(text.lines().filter(|line| words.went.is_match(line)).take(MOST_ASKED).collect())
    }

    /// Whether a line is plainly gone from `new`: it stands nowhere, not even within another.
    pub(super) fn is_gone_from(&self, new: &str) -> bool {
        self.0.iter().any(|line| memchr::memmem::find(new.as_bytes(), line.as_bytes()).is_none())
    }
}

fn tells(path: &RepoPath, text: &str) -> &'static Tells {
    let first = text.lines().next().unwrap_or("").as_bytes();
    match Language::from_path(path, first) {
        Some(Language::Rust) => &RUST,
        _ => &OTHERS,
    }
}

/// Whether the lines of a change may leave fewer tests or assertions, or more tests switched off.
pub(super) fn may_weaken(path: &RepoPath, texts: &Texts<'_>) -> bool {
    let (Some(old), Some(_)) = (texts.old, texts.new) else { return true };
    let words = tells(path, old);
    let (went, came) = (texts.went(), texts.came());
    let skips = |line: &str| words.came.is_match(line);
    // a file that gets its first test is counted in another way from then on: what was switched off shows
    let first_test = || came.iter().any(|(_, line)| words.went.is_match(line)) && skips(old);
    // a mark that switches a test off may come to stand above another one with any line that goes: tokens are cheap
    let marked = || words.function.is_some() && skips(old);
    if came.iter().any(|(_, line)| skips(line)) || first_test() || marked() {
        return true;
    }
    let turns = |line: &str| words.turns.is_match(line) || has_open_quote(line, words.single_quotes);
    let changes_code = || {
        went.iter().any(|line| words.went.is_match(line) || turns(line))
            || came.iter().any(|(_, line)| turns(line))
            || balance(went.iter().copied()) != balance(came.iter().map(|(_, line)| *line))
            || fewer_functions(words, texts)
            || parts_a_mark(words, texts)
            || !in_order(texts, &|line| words.is_told(line) || turns(line))
    };
    words.test.as_ref().is_none_or(|test| test.is_match(old)) && changes_code()
}

impl Tells {
    fn is_told(&self, line: &str) -> bool {
        let function = self.function.as_ref().is_some_and(|function| function.is_match(line));
        function || self.went.is_match(line) || self.came.is_match(line)
    }
}

/// Whether more functions went than came.
fn fewer_functions(words: &Tells, texts: &Texts<'_>) -> bool {
    let Some(function) = &words.function else { return false };
    // one that came counts where it is plainly code
    let code = |line: &&str| !line.contains(['"', '/', '*']);
    let went = texts.went().iter().filter(|line| function.is_match(line)).count();
    let came = texts.came().iter().map(|(_, line)| *line).filter(code).filter(|line| function.is_match(line)).count();
    went > came
}

/// How many more brackets of each kind open than close: where lines that went and lines that came disagree in it,
/// what follows may be read otherwise.
fn balance<'a>(lines: impl Iterator<Item = &'a str>) -> [i32; 3] {
    let mut open = [0; 3];
    for byte in lines.flat_map(str::bytes) {
        match byte {
            b'(' => open[0] += 1,
            b')' => open[0] -= 1,
            b'[' => open[1] += 1,
            b']' => open[1] -= 1,
            b'{' => open[2] += 1,
            b'}' => open[2] -= 1,
            _ => {}
        }
    }
    open
}

/// Whether the lines of the old text that `matter`, and did not go, stand in the new one in the same order: a line
/// that only moved is neither one that went nor one that came.
fn in_order(texts: &Texts<'_>, matter: &dyn Fn(&str) -> bool) -> bool {
    let (old, new) = texts.middle();
    let went: HashSet<&str> = texts.went().iter().copied().collect();
    let mut new = new.lines();
    old.lines().filter(|line| !went.contains(line) && matter(line)).all(|line| new.any(|other| other == line))
}

/// Whether something other than a function comes right below a mark that was there: its function lost it; or anything
/// below a mark that switches tests off.
fn parts_a_mark(words: &Tells, texts: &Texts<'_>) -> bool {
    let Some(new) = texts.new else { return false };
    let is_mark = |line: &str| line.trim_start().starts_with(['#', '@', '[']);
    let is_function = |line: &str| words.function.as_ref().is_some_and(|function| function.is_match(line));
    let all_above = |line: &str| new[..line.as_ptr().addr() - new.as_ptr().addr()].lines().rev();
    let above = |line: &str| all_above(line).next();
    // through comments and other marks: it switches off what came now
    let below_skip = |line: &str| {
        let passed_over = |line: &&str| is_mark(line) || line.trim().is_empty() || line.trim_start().starts_with("//");
        all_above(line).take_while(passed_over).any(|line| is_mark(line) && words.came.is_match(line))
    };
    let (mut last, mut below_mark) = (0, false);
    for (number, line) in texts.came() {
        if last + 1 != *number {
            if below_skip(line) {
                return true;
            }
            below_mark = above(line).is_some_and(is_mark);
        }
        last = *number;
        if below_mark && !is_mark(line) {
            if !is_function(line) {
                return true;
            }
            below_mark = false;
        }
    }
    false
}

/// Whether a line opens a text that it does not close, or closes one that it does not open.
fn has_open_quote(line: &str, single_quotes: bool) -> bool {
    let mut open = [false, false];
    let mut escaped = false;
    for byte in line.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => open[0] = !open[0],
            b'\'' if single_quotes => open[1] = !open[1],
            _ => {}
        }
    }
    open.contains(&true)
}
