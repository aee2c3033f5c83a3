//! What a test file promises: its tests, its assertions, and what it skips.
//!
//! Counted on the syntax tree, so a comment or a string that says `assert` counts for nothing. Policy compares the
//! facts of both sides of a change to see tests that were deleted or weakened.

use tree_sitter::Node;

use super::{Language, Parsed, Syntax};

/// The tests of one file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TestFacts {
    /// The names of the tests, in the order of the file; for `it("adds", …)` the text.
    pub tests: Vec<String>,
    /// Assertions, wherever they stand.
    pub assertions: u32,
    /// Tests marked to be skipped, ignored or expected to fail, and calls that skip.
    pub skipped: u32,
}

impl TestFacts {
    /// Whether `after` promises less than this: fewer assertions, a test gone, or more skipped.
    #[must_use]
    pub fn is_weakened_by(&self, after: &Self) -> bool {
        after.assertions < self.assertions
            || after.skipped > self.skipped
            || self.tests.iter().any(|test| !after.tests.contains(test))
    }
}

impl Syntax {
    /// Counts the tests, assertions and skips of a file; all zero for a language without tests.
    #[must_use]
    pub fn test_facts(&self, parsed: &Parsed) -> TestFacts {
        let mut facts = TestFacts::default();
        if !parsed.language().has_tags() {
            return facts;
        }
        let counter = Counter { language: parsed.language(), bytes: parsed.bytes() };
        let mut cursor = parsed.tree().walk();
        // what is known of the nodes around: asking a node for its parent or the sibling before it walks down from
        // the root each time, which a deeply nested file turns into minutes
        let mut around = vec![Around::default()];
        loop {
            let node = cursor.node();
            if node.is_named() {
                let here = around.last_mut().expect("the root's surroundings are never taken off");
                counter.visit(node, here, &mut facts);
                if cursor.goto_first_child() {
                    around.push(Around { is_body: is_body(node.kind()), marks: Vec::new() });
                    continue;
                }
            }
            while !cursor.goto_next_sibling() {
                if !cursor.goto_parent() {
                    return facts;
                }
                around.pop();
            }
        }
    }
}

/// What stands around a node: whether its parent is a list of statements, and the attributes and decorators right before it.
#[derive(Default)]
struct Around {
    is_body: bool,
    marks: Vec<String>,
}

struct Counter<'a> {
    language: Language,
    bytes: &'a [u8],
}

impl Counter<'_> {
    fn visit(&self, node: Node<'_>, around: &mut Around, facts: &mut TestFacts) {
        match node.kind() {
            "attribute_item" | "decorator" => return around.marks.push(unbracketed(&self.text(node))),
            "line_comment" | "block_comment" | "comment" => return,
            "function_item"
            | "function_definition"
            | "function_declaration"
            | "method_declaration"
            | "method"
            | "method_definition" => self.function(node, &around.marks, facts),
            "macro_invocation"
            | "call"
            | "call_expression"
            | "method_invocation"
            | "invocation_expression"
            | "function_call_expression"
            | "member_call_expression"
            | "scoped_call_expression"
            | "command" => {
                self.call(node, facts);
            }
            "assert_statement" => facts.assertions += 1,
            "identifier" if self.language == Language::Ruby && around.is_body => {
                facts.skipped += u32::from(matches!(self.text(node).as_str(), "skip" | "pending"));
            }
            _ => {}
        }
        around.marks.clear();
    }

    fn function(&self, node: Node<'_>, before: &[String], facts: &mut TestFacts) {
        let Some(name) = node.child_by_field_name("name").or_else(|| node.child_by_field_name("declarator")) else {
            return;
        };
        let name = self.text(name);
        let marks = self.marks(node, before);
        let marked = |words: &[&str]| marks.iter().any(|mark| words.contains(&last_segment(mark)));
        let is_test = match self.language {
            Language::Rust => marked(&["test", "rstest", "test_case", "quickcheck", "wasm_bindgen_test", "bench"]),
            Language::Java => marked(&["Test", "ParameterizedTest", "RepeatedTest", "TestFactory", "Property"]),
            Language::CSharp => marked(&["Fact", "Theory", "Test", "TestCase", "TestMethod", "DataTestMethod"]),
            Language::Php => name.starts_with("test") || marked(&["Test"]),
            Language::Go => ["Test", "Fuzz", "Benchmark", "Example"].iter().any(|prefix| name.starts_with(prefix)),
            Language::C | Language::Cpp => {
                name.starts_with("test_") || name.starts_with("TEST") || name.starts_with("BOOST_AUTO_TEST")
            }
            Language::Python | Language::Ruby | Language::Bash => name.starts_with("test"),
            _ => false,
        };
        let is_skipped = marks.iter().any(|mark| self.skips(mark)) || name.contains("DISABLED_");
        facts.skipped += u32::from(is_skipped);
        if is_test {
            facts.tests.push(name);
        }
    }

    /// The attributes, annotations and decorators of a definition, without their brackets.
    fn marks(&self, node: Node<'_>, before: &[String]) -> Vec<String> {
        let mut marks = before.to_vec();
        let mut cursor = node.walk();
        for child in node.named_children(&mut cursor) {
            if matches!(child.kind(), "modifiers" | "attribute_list" | "attribute_group") {
                let mut inner = child.walk();
                marks.extend(child.named_children(&mut inner).map(|mark| unbracketed(&self.text(mark))));
            }
        }
        marks
    }

    fn skips(&self, mark: &str) -> bool {
        let head = last_segment(mark);
        match self.language {
            Language::Rust => head == "ignore" || (head == "cfg_attr" && mark.contains("ignore")),
            Language::Python => head.starts_with("skip") || head == "xfail" || head == "expectedFailure",
            Language::Java => head.starts_with("Disabled") || head == "Ignore",
            Language::CSharp => head == "Ignore" || mark.replace(' ', "").contains("Skip="),
            _ => false,
        }
    }

    fn call(&self, node: Node<'_>, facts: &mut TestFacts) {
        let callee = self.callee(node);
        let callee = callee.trim();
        let last = last_segment(callee);
        let first = callee.split(['.', ':', '(']).next().unwrap_or(callee);
        if self.is_assertion(callee, first, last) {
            facts.assertions += 1;
        }
        if self.is_skip(callee, first, last) {
            facts.skipped += 1;
        }
        if self.is_test_call(callee, first, last) {
            facts.tests.push(self.first_argument(node));
        }
    }

    fn is_assertion(&self, callee: &str, first: &str, last: &str) -> bool {
        if callee.contains('(') {
            return false; // `expect(a).toBe(b)` counts once, for `expect`
        }
        let starts = |prefixes: &[&str]| prefixes.iter().any(|prefix| last.starts_with(prefix));
        match self.language {
            Language::Rust => starts(&["assert", "debug_assert", "prop_assert"]),
            Language::Python => {
                starts(&["assert"]) || (first == "pytest" && matches!(last, "raises" | "warns" | "fail"))
            }
            Language::JavaScript | Language::TypeScript | Language::Tsx => {
                matches!(first, "expect" | "assert" | "expectTypeOf") || starts(&["assert"])
            }
            Language::Go => {
                matches!(first, "assert" | "require")
                    || matches!(last, "Error" | "Errorf" | "Fatal" | "Fatalf" | "Fail" | "FailNow") && callee.len() < 12
            }
            Language::Java => starts(&["assert", "verify", "fail", "expect"]),
            Language::CSharp => first == "Assert" || starts(&["Should", "Assert", "Verify"]),
            Language::C | Language::Cpp => starts(&[
                "assert",
                "ASSERT_",
                "EXPECT_",
                "CHECK",
                "REQUIRE",
                "BOOST_",
                "CU_ASSERT",
                "TEST_ASSERT",
                "ck_assert",
            ]),
            Language::Ruby => starts(&["assert", "refute", "expect", "must_", "wont_", "should"]),
            Language::Php => starts(&["assert", "expect", "fail"]),
            Language::Bash => starts(&["assert", "refute"]),
            _ => false,
        }
    }

    fn is_skip(&self, callee: &str, first: &str, last: &str) -> bool {
        match self.language {
            Language::Python => {
                last == "skipTest" || matches!(callee, "pytest.skip" | "pytest.xfail" | "pytest.importorskip")
            }
            Language::JavaScript | Language::TypeScript | Language::Tsx => {
                matches!(first, "xit" | "xtest" | "xdescribe" | "xcontext")
                    || matches!(first, "it" | "test" | "describe" | "context" | "suite")
                        && [".skip", ".todo", ".fixme", ".failing", ".fails"].iter().any(|word| callee.contains(word))
            }
            Language::Go => matches!(last, "Skip" | "Skipf" | "SkipNow"),
            Language::C | Language::Cpp => last == "GTEST_SKIP" || last == "SKIP",
            Language::Ruby => matches!(last, "skip" | "pending" | "xit" | "xdescribe" | "xcontext" | "omit"),
            Language::Php => matches!(last, "markTestSkipped" | "markTestIncomplete"),
            Language::Bash => last == "skip",
            Language::Java => first == "Assumptions" || last == "assumeTrue" || last == "assumeFalse",
            _ => false,
        }
    }

    fn is_test_call(&self, callee: &str, first: &str, last: &str) -> bool {
        match self.language {
            Language::JavaScript | Language::TypeScript | Language::Tsx => {
                let plain = !callee.contains('(') && last != "each";
                let each = callee.contains(".each(") || callee.contains(".each`");
                matches!(first, "it" | "test" | "specify" | "xit" | "xtest") && (plain || each) || callee == "Deno.test"
            }
            Language::Ruby => matches!(callee, "it" | "specify" | "test" | "scenario" | "xit"),
            Language::Cpp | Language::C => matches!(callee, "TEST_CASE" | "SCENARIO"),
            _ => false,
        }
    }

    /// The text of what is called: `self.assertEqual`, `it.skip`, `assert_eq`.
    fn callee(&self, node: Node<'_>) -> String {
        if let Some(name) = node.child_by_field_name("macro") {
            return self.text(name);
        }
        let end = match node.child_by_field_name("arguments").or_else(|| node.child_by_field_name("argument")) {
            Some(arguments) => arguments.start_byte(),
            None => node.child_by_field_name("block").map_or(node.end_byte(), |block| block.start_byte()),
        };
        self.bytes_text(node.start_byte(), end)
    }

    fn first_argument(&self, node: Node<'_>) -> String {
        let argument = node.child_by_field_name("arguments").and_then(|arguments| arguments.named_child(0));
        argument.map(|argument| self.text(argument)).unwrap_or_default().trim_matches(['"', '\'', '`']).to_owned()
    }

    fn text(&self, node: Node<'_>) -> String {
        self.bytes_text(node.start_byte(), node.end_byte())
    }

    /// At most 300 bytes: a name, or enough of an attribute.
    fn bytes_text(&self, start: usize, end: usize) -> String {
        let bytes = self.bytes.get(start..end.min(start + 300)).unwrap_or_default();
        String::from_utf8_lossy(bytes).into_owned()
    }
}

/// Whether an identifier that stands here alone is a call.
fn is_body(kind: &str) -> bool {
    matches!(kind, "body_statement" | "do_block" | "block_body" | "program")
}

/// `#[test]` → `test`, `@Test` → `Test`.
fn unbracketed(mark: &str) -> String {
    mark.trim_start_matches(['#', '[', '@', '!', '<']).trim_end_matches([']', '>']).to_owned()
}

/// `tokio::test(flavor = "x")` → `test`; `self.assertEqual` → `assertEqual`; `$this->fail` → `fail`.
fn last_segment(path: &str) -> &str {
    let head = path.split(['(', '=', ' ', '\n', '{']).next().unwrap_or(path).trim_end_matches(['.', ':', '!']);
    head.rsplit(['.', ':', '>', '\\']).next().unwrap_or(head)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cancel::Cancel;
    use crate::syntax::ParseLimits;

    fn facts(language: Language, text: &str) -> TestFacts {
        let parsed = Parsed::new(language, text.as_bytes().into(), ParseLimits::default(), &Cancel::new());
        Syntax::new().test_facts(&parsed.expect("parses"))
    }

    #[track_caller]
    fn check(language: Language, text: &str, tests: &[&str], assertions: u32, skipped: u32) {
        let expected = TestFacts { tests: tests.iter().map(ToString::to_string).collect(), assertions, skipped };
        assert_eq!(facts(language, text), expected, "{language}: {text}");
    }

    #[test]
    fn tests_assertions_and_skips_are_counted() {
        use Language::{Bash, C, CSharp, Cpp, Go, Java, JavaScript, Php, Python, Ruby, Rust, TypeScript};
        check(Rust, "#[test]\nfn a() { assert!(x); assert_eq!(1, 1); }\n// assert!(y)\nfn b() {}", &["a"], 2, 0);
        check(Rust, "#[tokio::test(flavor = \"x\")]\n/// doc\n#[ignore = \"slow\"]\nasync fn a() {}", &["a"], 0, 1);
        check(Rust, "#[cfg(test)]\nmod tests {}\n#[derive(Debug)]\nstruct S;", &[], 0, 0);
        check(Python, "def test_a():\n    assert x\n    with pytest.raises(E): pass\n", &["test_a"], 2, 0);
        check(
            Python,
            "class T(TestCase):\n    @pytest.mark.skip(reason='x')\n    def test_b(self):\n        self.assertEqual(1, 2)\n        self.skipTest('y')\n",
            &["test_b"],
            1,
            2,
        );
        check(JavaScript, "it('adds', () => { expect(a).toBe(b); assert.ok(1) })", &["adds"], 2, 0);
        check(
            TypeScript,
            "describe('d', () => { it.skip(\"x\", f); xit('y', f); test.each([1])('z', f) })",
            &["x", "y", "z"],
            0,
            2,
        );
        check(
            Go,
            "package p\nfunc TestA(t *testing.T) { t.Skip(); t.Fatalf(\"x\"); assert.Equal(t, 1, 2) }",
            &["TestA"],
            2,
            1,
        );
        check(
            Java,
            "class A { @Test void a() { assertEquals(1, 2); assertThat(x).isTrue(); } @Disabled @Test void b() {} }",
            &["a", "b"],
            2,
            1,
        );
        check(C, "void test_a(void) { assert(1); }", &["test_a(void)"], 1, 0);
        check(Cpp, "TEST(Suite, Name) { EXPECT_EQ(1, 2); GTEST_SKIP(); }", &["TEST(Suite, Name)"], 1, 1);
        check(
            CSharp,
            "class A { [Fact] void B() { Assert.Equal(1, 2); } [Fact(Skip = \"x\")] void C() {} }",
            &["B", "C"],
            1,
            1,
        );
        check(
            Ruby,
            "class T\n  def test_a\n    assert x\n    skip\n  end\nend\nit 'works' do\n  expect(1).to eq 1\nend",
            &["test_a", "works"],
            2,
            1,
        );
        check(
            Php,
            "<?php class T { function testA() { $this->assertSame(1, 2); $this->markTestSkipped(); } }",
            &["testA"],
            1,
            1,
        );
        check(Bash, "test_a() {\n  assert_equal 1 2\n  skip\n}", &["test_a"], 1, 1);
    }

    #[test]
    fn less_is_weaker_and_more_is_not() {
        let before = facts(Language::Python, "def test_a():\n    assert x\n    assert y\n");
        let fewer = facts(Language::Python, "def test_a():\n    assert x\n");
        let renamed = facts(Language::Python, "def test_b():\n    assert x\n    assert y\n");
        let more = facts(Language::Python, "def test_a():\n    assert x\n    assert y\ndef test_b():\n    assert z\n");
        assert!(before.is_weakened_by(&fewer));
        assert!(before.is_weakened_by(&renamed));
        assert!(!before.is_weakened_by(&more));
        assert!(!before.is_weakened_by(&before));
    }

    #[test]
    fn a_deeply_nested_file_is_counted_in_one_walk() {
        let deep = format!("{}expect(x){}", "f(".repeat(20_000), ")".repeat(20_000));
        assert_eq!(facts(Language::Ruby, &deep).assertions, 1);
    }
}
