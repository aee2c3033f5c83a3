//! How many tests a text holds: by its syntax tree, or by its lines where no grammar knows the language.

use std::sync::{LazyLock, OnceLock};

use aho_corasick::AhoCorasick;
use regex::Regex;

use super::marks;
use super::tokens::{Tally, tally};
use crate::cancel::Cancel;
use crate::id::RepoPath;
use crate::syntax::{Language, ParseLimits, Parsed, Syntax};

/// What a text holds of tests.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(in crate::policy::built_in) struct TestCounts {
    /// Test functions or cases.
    pub(super) tests: u32,
    /// Assertions.
    pub(super) assertions: u32,
    /// Marks that switch a test off.
    pub(super) skipped: u32,
}

/// Counts the tests of a file's text. Total: what is no source counts as nothing.
pub(in crate::policy::built_in) trait TestCounter: Sync {
    /// Whether a file of this path and text can count as more than nothing.
    fn knows(&self, path: &RepoPath, text: &str) -> bool;

    /// The counts of `text`, which is at `path`.
    fn count(&self, path: &RepoPath, text: &str) -> TestCounts;

    /// What `text` counts before a comment or a string that does not end, if one does not.
    fn count_cut(&self, _path: &RepoPath, _text: &str) -> Option<TestCounts> {
        None
    }

    /// Both counts: cheaper than one after the other.
    fn count_both(&self, path: &RepoPath, text: &str) -> (TestCounts, Option<TestCounts>) {
        (self.count(path, text), self.count_cut(path, text))
    }
}

/// Looks at the syntax tree, where a comment or a string that says `assert` counts for nothing.
#[derive(Debug, Default)]
pub(in crate::policy::built_in) struct SyntaxCounter {
    syntax: Syntax,
}

impl SyntaxCounter {
    /// The counts of the tree, where it has tests.
    pub(super) fn count_whole(&self, path: &RepoPath, text: &str) -> TestCounts {
        let language = language(path, text);
        self.whole(path, text, language, language.filter(|language| *language == Language::Rust).map(|_| tally(text)))
    }

    /// As [`SyntaxCounter::count_whole`]; `tally` is that of a Rust text.
    fn whole(&self, path: &RepoPath, text: &str, language: Option<Language>, tally: Option<Tally>) -> TestCounts {
        let counts = match tally {
            Some(Tally::Whole(counts)) => Some(counts_here(counts)),
            _ => language.and_then(|language| self.parsed(language, text)),
        };
        // tests inside of macros have no nodes of their own: their lines tell
        counts.filter(|counts| counts.tests > 0).unwrap_or_else(|| LineCounter.count(path, text))
    }

    /// The counts of the tree, whatever the tokens say.
    pub(super) fn parsed(&self, language: Language, text: &str) -> Option<TestCounts> {
        let parsed = Parsed::new(language, text.as_bytes().into(), ParseLimits::default(), &Cancel::new()).ok()?;
        let facts = self.syntax.test_facts(&parsed);
        let tests = u32::try_from(facts.tests.len()).unwrap_or(u32::MAX);
        Some(counts_here(TestCounts { tests, assertions: facts.assertions, skipped: facts.skipped }))
    }
}

impl TestCounter for SyntaxCounter {
    fn knows(&self, path: &RepoPath, text: &str) -> bool {
        LineCounter.knows(path, text) || language(path, text).is_some()
    }

    fn count(&self, path: &RepoPath, text: &str) -> TestCounts {
        // a tree costs a hundred times as much as a look for a mark that it would show
        match language(path, text) {
            Some(Language::Rust) if !marks::in_code(text) => LineCounter.count(path, text),
            _ => self.count_whole(path, text),
        }
    }

    fn count_cut(&self, path: &RepoPath, text: &str) -> Option<TestCounts> {
        match language(path, text)? {
            Language::Rust => match tally(text) {
                Tally::Cut(counts) => Some(counts_here(counts)),
                Tally::Whole(_) | Tally::Unsure => None,
            },
            _ => None,
        }
    }

    fn count_both(&self, path: &RepoPath, text: &str) -> (TestCounts, Option<TestCounts>) {
        if language(path, text) != Some(Language::Rust) {
            return (self.count(path, text), None);
        }
        if !marks::in_code(text) && !text.starts_with("#!") {
            // every comment and string has its end
            return (LineCounter.count(path, text), None);
        }
        let tally = tally(text);
        let counts = match marks::in_code(text) {
            true => self.whole(path, text, Some(Language::Rust), Some(tally)),
            false => LineCounter.count(path, text),
        };
        let cut = if let Tally::Cut(before) = tally { Some(counts_here(before)) } else { None };
        (counts, cut)
    }
}

/// The language of a file, where its tree shows tests.
fn language(path: &RepoPath, text: &str) -> Option<Language> {
    let first = text.lines().next().unwrap_or("").as_bytes();
    Language::from_path(path, first).filter(|language| language.has_tags())
}

/// Looks at lines; knows comments that fill a line, not strings.
#[derive(Debug, Clone, Copy)]
pub(super) struct LineCounter;

struct Words {
    extensions: &'static [&'static str],
    /// Words of which every line that counts holds one; none where nothing is so sure.
    hints: Option<LazyLock<AhoCorasick>>,
    comment: &'static str,
    tests: LazyRegex,
    assertions: LazyRegex,
    skipped: LazyRegex,
}

/// An expression that is compiled when it is first asked: a change is mostly in one language.
struct LazyRegex {
    pattern: &'static str,
    compiled: OnceLock<Regex>,
}

impl LazyRegex {
    fn get(&self) -> &Regex {
        self.compiled.get_or_init(|| Regex::new(self.pattern).expect("the patterns of this file are well formed"))
    }
}

fn words(
    extensions: &'static [&'static str],
    comment: &'static str,
    tests: &'static str,
    assertions: &'static str,
    skipped: &'static str,
) -> Words {
    let regex = |pattern| LazyRegex { pattern, compiled: OnceLock::new() };
    let (tests, assertions, skipped) = (regex(tests), regex(assertions), regex(skipped));
    Words { extensions, hints: None, comment, tests, assertions, skipped }
}

impl Words {
    /// The lines of `text` that may count.
    fn lines<'a>(&'a self, text: &'a str) -> impl Iterator<Item = &'a str> {
        let mut rest = text;
        std::iter::from_fn(move || {
            if let Some(hints) = &self.hints {
                let hint = hints.find(rest)?.start();
                let start = memchr::memrchr(b'\n', &rest.as_bytes()[..hint]).map_or(0, |newline| newline + 1);
                rest = &rest[start..];
            }
            let line = rest.lines().next()?;
            let end = memchr::memchr(b'\n', &rest.as_bytes()[line.len()..]);
            rest = end.map_or("", |newline| &rest[line.len() + newline + 1..]);
            Some(line)
        })
    }
}

static WORDS: LazyLock<Vec<Words>> = LazyLock::new(|| {
    let rust = words(
        &["rs"],
        "//",
        r"^\s*#\[(\w+::)*test\b|^\s*#\[(rstest|test_case|quickcheck|proptest)\b",
        r"\b(debug_)?assert\w*!|\bprop_assert\w*!",
        r"^\s*#\[ignore\b|cfg_attr\([^)]*\bignore\b",
    );
    let rust_hints = || AhoCorasick::new(["#[", "assert", "cfg_attr("]).expect("three short words always build");
    vec![
        Words { hints: Some(LazyLock::new(rust_hints)), ..rust },
        words(
            &["py"],
            "#",
            r"^\s*(async\s+)?def\s+test\w*\s*\(",
            r"^\s*assert\b|\bself\.assert\w+\(|\.assert_\w+\(|\bpytest\.raises\(",
            r"@(pytest\.mark\.(skip|skipif|xfail)|unittest\.(skip\w*|expectedFailure))\b|\bpytest\.(skip|xfail)\(|\.skipTest\(",
        ),
        words(
            &["js", "jsx", "ts", "tsx", "mjs", "cjs", "mts", "cts", "vue", "svelte"],
            "//",
            r"^\s*(it|test|specify)(\.\w+)*\s*[.(`]",
            r"\b(expect|assert|assert\.\w+|t\.(is|true|false|deepEqual|throws))\s*\(",
            r"\b(it|test|describe|suite|context)\.(skip|todo|failing)\b|^\s*(xit|xtest|xdescribe)\s*\(",
        ),
        words(
            &["go"],
            "//",
            r"^func\s+(Test|Fuzz|Example)\w*\s*\(",
            r"\bt\.(Error|Errorf|Fatal|Fatalf|Fail|FailNow)\(|\b(assert|require)\.\w+\(",
            r"\bt\.(Skip|Skipf|SkipNow)\(",
        ),
        words(
            &["java", "kt", "kts", "groovy", "scala"],
            "//",
            r"^\s*@(Test|ParameterizedTest|RepeatedTest|TestFactory|TestTemplate)\b",
            r"\b(assert\w*|verify|expectThrows|fail)\s*\(|\.should\w*\(",
            r"^\s*@(Disabled\w*|Ignore)\b",
        ),
        words(
            &["cs"],
            "//",
            r"^\s*\[(Fact|Theory|Test|TestMethod|TestCase)\b",
            r"\bAssert\.\w+\(|\.Should\(\)",
            r"^\s*\[Ignore\b|\bSkip\s*=",
        ),
        words(
            &["rb"],
            "#",
            r"^\s*(it|specify|test)\s+['\x22]|^\s*def\s+test_\w+",
            r"\bassert\w*\b|\bexpect\s*[({]|\brefute\w*\b",
            r"^\s*(xit|xdescribe|pending|skip)\b",
        ),
        words(
            &["php"],
            "//",
            r"function\s+test\w*\s*\(|^\s*#\[Test\]|^\s*(it|test)\s*\(",
            r"->assert\w+\(|::assert\w+\(|\bexpect\(",
            r"->markTest(Skipped|Incomplete)\(",
        ),
        words(
            &["c", "cc", "cpp", "cxx", "h", "hpp"],
            "//",
            r"^\s*(TEST|TEST_F|TEST_P|TYPED_TEST|TEST_CASE|SCENARIO|BOOST_AUTO_TEST_CASE|START_TEST)\s*\(",
            r"\b(ASSERT|EXPECT|CHECK|REQUIRE|BOOST_(CHECK|REQUIRE)|ck_assert)\w*\s*\(|\bassert\s*\(",
            r"\bGTEST_SKIP\b|^\s*TEST\w*\(\s*\w+\s*,\s*DISABLED_|\bSKIP\(",
        ),
    ]
});

/// Whether assertions of such a file are asserted by tests: Rust and C assert in ordinary code too.
fn counts_here(counts: TestCounts) -> TestCounts {
    if counts.tests == 0 { TestCounts { assertions: 0, ..counts } } else { counts }
}

/// The words of a file's extension.
fn words_of(path: &RepoPath) -> Option<&'static Words> {
    let extension = path.extension()?;
    WORDS.iter().find(|words| words.extensions.contains(&extension))
}

impl TestCounter for LineCounter {
    fn knows(&self, path: &RepoPath, _text: &str) -> bool {
        words_of(path).is_some()
    }

    fn count(&self, path: &RepoPath, text: &str) -> TestCounts {
        let Some(words) = words_of(path) else { return TestCounts::default() };
        let (tests, assertions, skipped) = (words.tests.get(), words.assertions.get(), words.skipped.get());
        let mut counts = TestCounts::default();
        for line in words.lines(text).filter(|line| !line.trim_start().starts_with(words.comment)) {
            counts.tests += u32::from(tests.is_match(line));
            counts.assertions += u32::try_from(assertions.find_iter(line).count()).unwrap_or(u32::MAX);
            counts.skipped += u32::from(skipped.is_match(line));
        }
        counts_here(counts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(path: &str, text: &str, tests: u32, assertions: u32, skipped: u32) {
        let expected = TestCounts { tests, assertions, skipped };
        assert_eq!(LineCounter.count(&path.into(), text), expected, "{path}, by lines");
        assert_eq!(SyntaxCounter::default().count(&path.into(), text), expected, "{path}, by its tree");
    }

    #[test]
    fn strings_and_comments_are_no_tests() {
        let text = "/*\n#[test]\nfn old() {}\n*/\n#[test]\nfn a() { let s = \"assert!(x)\"; assert!(s.is_empty()); }\n";
        let counts = SyntaxCounter::default().count(&"a.rs".into(), text);
        assert_eq!(counts, TestCounts { tests: 1, assertions: 1, skipped: 0 });
        let inside = "proptest! {\n    #[test]\n    fn a(x in 0..9) { prop_assert!(x < 9); }\n}\n";
        assert_eq!(SyntaxCounter::default().count(&"a.rs".into(), inside).tests, 1, "lines tell what trees do not");
    }

    #[test]
    fn tests_are_counted_in_every_language() {
        check("a.rs", "#[test]\nfn a() { assert_eq!(1, 1); }\n#[tokio::test]\n#[ignore]\nasync fn b() {}\n", 2, 1, 1);
        check("a.rs", "fn f() { assert!(true); }\n// #[test]\n", 0, 0, 0);
        check(
            "t.py",
            "def test_a():\n    assert 1\n@pytest.mark.skip\ndef test_b():\n    self.assertEqual(1, 1)\n",
            2,
            2,
            1,
        );
        check("t.py", "def testify(): pass\ndef helper(): pass\n# def test_c():\n", 1, 0, 0);
        check("a.test.ts", "it('x', () => {\n  expect(1).toBe(1)\n})\nit.skip('y', () => {})\n", 2, 1, 1);
        check("a.ts", "const it = 1;\nwriter.testing()\n", 0, 0, 0);
        check("a_test.go", "func TestA(t *testing.T) {\n  t.Fatal(1)\n  t.Skip()\n}\n", 1, 1, 1);
        check("ATest.java", "  @Test\n  @Disabled(\"x\")\n  void a() { assertEquals(1, 1); }\n", 1, 1, 1);
        check("a_test.cc", "TEST(A, B) {\n  EXPECT_EQ(1, 1);\n}\n", 1, 1, 0);
        check("README.md", "#[test]\n", 0, 0, 0);
    }
}
