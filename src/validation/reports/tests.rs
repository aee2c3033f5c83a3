//! Outputs and reports as the runners write them, and what hostile ones do: nothing.

use super::{TestOutcomes, read_output, read_report, read_run};

#[track_caller]
fn tells(output: &str, counts: (u32, u32, u32, u32), passed: &[&str], failed: &[&str]) {
    check(read_output(output.as_bytes()), counts, passed, failed);
}

#[track_caller]
fn reports(name: &str, content: &str, counts: (u32, u32, u32, u32), passed: &[&str], failed: &[&str]) {
    check(read_report(name, content.as_bytes()), counts, passed, failed);
}

#[track_caller]
fn check(told: Option<TestOutcomes>, counts: (u32, u32, u32, u32), passed: &[&str], failed: &[&str]) {
    let told = told.expect("it tells of tests");
    assert_eq!((told.passed, told.failed, told.errors, told.skipped), counts);
    assert_eq!(told.passed_names.iter().map(String::as_str).collect::<Vec<_>>(), passed);
    assert_eq!(told.failed_names.iter().map(String::as_str).collect::<Vec<_>>(), failed);
}

#[track_caller]
fn silent(output: impl AsRef<[u8]>) {
    assert_eq!(read_output(output.as_ref()), None);
}

#[test]
fn cargo_test() {
    let output = "\
   Compiling demo v0.1.0 (/home/ana/demo)
    Finished `test` profile [unoptimized + debuginfo] target(s) in 0.52s
     Running unittests src/lib.rs (target/debug/deps/demo-5f0c1d2e3b4a5968)

running 4 tests
test tests::adds ... ok
test tests::panics - should panic ... ok
test tests::slow ... ignored, takes an hour
test tests::wraps ... FAILED

failures:

---- tests::wraps stdout ----
thread 'tests::wraps' panicked at src/lib.rs:12:5:
assertion `left == right` failed

test result: FAILED. 2 passed; 1 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s

     Running tests/cli.rs (target/debug/deps/cli-0a1b2c3d4e5f6071)

running 1 test
test tests::adds ... ok

test result: ok. 1 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s

   Doc-tests demo

running 1 test
test src/lib.rs - add (line 3) ... ok

test result: ok. 1 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.21s
";
    let passed =
        ["cli: tests::adds", "demo doc: src/lib.rs - add (line 3)", "demo: tests::adds", "demo: tests::panics"];
    tells(output, (4, 1, 0, 1), &passed, &["demo: tests::wraps"]);
    silent("running 0 tests\n\ntest result: ok. 0 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out\n");
    let nextest = "\
        PASS [   0.004s] demo tests::adds
        FAIL [   0.012s] demo tests::wraps
------------
     Summary [   0.016s] 2 tests run: 1 passed, 1 failed, 3 skipped
        FAIL [   0.012s] demo tests::wraps
";
    tells(nextest, (1, 1, 0, 3), &["demo tests::adds"], &["demo tests::wraps"]);
}

#[test]
fn pytest() {
    let quiet = "\
.F.s                                                                     [100%]
=================================== FAILURES ===================================
=========================== short test summary info ============================
FAILED tests/test_calc.py::test_div - ZeroDivisionError: division by zero
ERROR tests/test_db.py::test_open - sqlite3.OperationalError
1 failed, 2 passed, 1 skipped, 1 error in 0.12s
";
    tells(quiet, (2, 1, 1, 1), &[], &["tests/test_calc.py::test_div", "tests/test_db.py::test_open"]);
    let verbose = "\
============================= test session starts ==============================
collected 3 items

tests/test_calc.py::test_add PASSED                                      [ 33%]
tests/test_calc.py::test_div[1-0] \x1b[31mFAILED\x1b[0m                                 [ 66%]
tests/test_calc.py::test_old XFAIL (not now)                             [100%]

=========================== short test summary info ============================
FAILED tests/test_calc.py::test_div[1-0] - ZeroDivisionError: division by zero
==================== 1 failed, 1 passed, 1 xfailed in 61.20s (0:01:01) ====================
";
    tells(verbose, (1, 1, 0, 1), &["tests/test_calc.py::test_add"], &["tests/test_calc.py::test_div[1-0]"]);
    tells("===== 12 passed, 3 warnings in 0.50s =====\n", (12, 0, 0, 0), &[], &[]);
    silent("collected 0 items\n\n==== no tests ran in 0.01s ====\n");
}

#[test]
fn unittest() {
    let output = "\
test_add (test_calc.CalcTest.test_add) ... ok
test_div (test_calc.CalcTest.test_div) ... ERROR
test_sub (test_calc.CalcTest.test_sub) ... FAIL
test_win (test_calc.CalcTest.test_win) ... skipped 'needs Windows'

======================================================================
ERROR: test_div (test_calc.CalcTest.test_div)
----------------------------------------------------------------------
Traceback (most recent call last):
ZeroDivisionError: division by zero

----------------------------------------------------------------------
Ran 4 tests in 0.002s

FAILED (failures=1, errors=1, skipped=1)
";
    let (add, div) = ("test_add (test_calc.CalcTest.test_add)", "test_div (test_calc.CalcTest.test_div)");
    tells(output, (1, 1, 1, 1), &[add], &[div, "test_sub (test_calc.CalcTest.test_sub)"]);
    tells("...\n-----\nRan 3 tests in 0.001s\n\nOK\n", (3, 0, 0, 0), &[], &[]);
}

#[test]
fn python_subtests_and_docstrings() {
    let unittest = "\
test_bad (test_a.A.test_bad) ... FAIL
test_ok (test_a.A.test_ok)
A docstring line. ... ok
test_sub (test_a.A.test_sub) ...
  test_sub (test_a.A.test_sub) (i=1) ... FAIL
FAIL: test_sub (test_a.A.test_sub) (i=1)
Ran 3 tests in 0.001s

FAILED (failures=2)
";
    let (bad, sub) = ("test_bad (test_a.A.test_bad)", "test_sub (test_a.A.test_sub)");
    tells(unittest, (1, 2, 0, 0), &["test_ok (test_a.A.test_ok)"], &[bad, sub]);
    let pytest = "\
FAILED test_a.py::A::test_bad - AssertionError: 1 != 2
SUBFAILED(i=1) test_a.py::A::test_sub - AssertionError: 1 != 0
==================== 2 failed, 2 passed, 1 skipped in 0.02s ====================
";
    tells(pytest, (2, 2, 0, 1), &[], &["test_a.py::A::test_bad", "test_a.py::A::test_sub"]);
}

#[test]
fn go() {
    let verbose = "\
=== RUN   TestAdd
--- PASS: TestAdd (0.00s)
=== RUN   TestDiv
=== RUN   TestDiv/by_zero
    calc_test.go:12: got 1, want 0
--- FAIL: TestDiv (0.00s)
    --- FAIL: TestDiv/by_zero (0.00s)
--- SKIP: TestOld (0.00s)
FAIL
FAIL\texample.com/calc\t0.003s
ok  \texample.com/calc/sub\t0.002s
?   \texample.com/calc/none\t[no test files]
FAIL\texample.com/calc/broken [build failed]
FAIL
";
    tells(
        verbose,
        (2, 2, 1, 1),
        &["example.com/calc.TestAdd", "example.com/calc/sub"],
        &["example.com/calc.TestDiv", "example.com/calc.TestDiv/by_zero", "example.com/calc/broken"],
    );
    let json = "\
{\"Action\":\"run\",\"Package\":\"a\",\"Test\":\"TestA\"}
{\"Action\":\"output\",\"Package\":\"a\",\"Test\":\"TestA\",\"Output\":\"--- PASS\\n\"}
{\"Action\":\"pass\",\"Package\":\"a\",\"Test\":\"TestA\",\"Elapsed\":0}
{\"Action\":\"fail\",\"Package\":\"a\",\"Test\":\"TestB\",\"Elapsed\":0}
{\"Action\":\"fail\",\"Package\":\"a\",\"Elapsed\":0.01}
";
    tells(json, (1, 1, 0, 0), &["a.TestA"], &["a.TestB"]);
}

#[test]
fn javascript() {
    let jest = "\
FAIL src/calc.test.js
  Calc
    ✓ adds (3 ms)
    ✕ divides (1 ms)
    ○ skipped later

Test Suites: 1 failed, 1 total
Tests:       1 failed, 1 skipped, 1 passed, 3 total
Snapshots:   0 total
Time:        0.41 s
";
    tells(jest, (1, 1, 0, 1), &["src/calc.test.js Calc > adds"], &["src/calc.test.js Calc > divides"]);
    let vitest = " ✓ src/calc.test.ts (2 tests) 3ms\n\n Test Files  1 passed (1)\n      Tests  2 passed | 1 skipped (3)\n   Duration  300ms\n";
    let told = read_output(vitest.as_bytes()).expect("it tells of tests");
    assert_eq!((told.passed, told.failed, told.skipped), (2, 0, 1));
    let mocha = "\n  Calc\n    ✔ adds\n    1) divides\n    - later\n\n\n  1 passing (5ms)\n  1 pending\n  1 failing\n\n  1) Calc\n       divides:\n     Error: x\n";
    let told = read_output(mocha.as_bytes()).expect("it tells of tests");
    assert_eq!((told.passed, told.failed, told.skipped), (1, 1, 1));
    assert!(told.passed_names.contains("Calc > adds"), "{:?}", told.passed_names);
    let node = "✔ adds (0.5ms)\n✖ divides (0.7ms)\nℹ tests 2\nℹ suites 0\nℹ pass 1\nℹ fail 1\nℹ cancelled 0\nℹ skipped 0\nℹ todo 0\n";
    tells(node, (1, 1, 0, 0), &["adds"], &["divides"]);
    let suites = "▶ s\n  ✔ in (0.1ms)\n  ✖ bad (5.3ms)\n    AssertionError: 1 == 2\n\nℹ pass 1\nℹ fail 1\n\n✖ failing tests:\n\n✖ bad (5.3ms)\n";
    tells(suites, (1, 1, 0, 0), &["s > in"], &["s > bad"]);
    let node_tap =
        "TAP version 13\n# Subtest: adds\nok 1 - adds\nnot ok 2 - divides\n1..2\n# tests 2\n# pass 1\n# fail 1\n";
    tells(node_tap, (1, 1, 0, 0), &["adds"], &["divides"]);
    let ava = "> xo && ava\n\n  ✔ test › empty\n  ✔ test › slow (2.1s)\n  ✘ [fail]: test › in time 200 ≤ 258.1 ≰ 250\n  - [skip] test › later\n  ─\n\n  test › in time\n\n  test.js:12\n\n  ─\n\n  1 test failed\n  1 test skipped\n  2 tests passed\n";
    tells(ava, (2, 1, 0, 1), &["test › empty", "test › slow"], &["test › in time"]);
}

#[test]
fn maven_gradle_and_ctest() {
    let maven = "\
[INFO] Running com.example.CalcTest
[ERROR] Tests run: 3, Failures: 1, Errors: 0, Skipped: 1, Time elapsed: 0.05 s <<< FAILURE! -- in com.example.CalcTest
[ERROR] com.example.CalcTest.divides -- Time elapsed: 0.01 s <<< FAILURE!
[INFO] Results:
[ERROR] Tests run: 3, Failures: 1, Errors: 0, Skipped: 1
[INFO] BUILD FAILURE
";
    tells(maven, (1, 1, 0, 1), &[], &["com.example.CalcTest.divides"]);
    let gradle = "\
> Task :test FAILED

CalcTest > adds() PASSED
CalcTest > divides() FAILED

3 tests completed, 1 failed, 1 skipped
BUILD FAILED in 2s
";
    tells(gradle, (1, 1, 0, 1), &["CalcTest > adds()"], &["CalcTest > divides()"]);
    let ctest = "\
Test project /home/ana/build
    Start 1: adds
1/3 Test #1: adds .............................   Passed    0.01 sec
    Start 2: divides
2/3 Test #2: divides ..........................***Failed    0.01 sec
3/3 Test #3: crashes ..........................***Exception: SegFault  0.10 sec

33% tests passed, 2 tests failed out of 3
";
    tells(ctest, (1, 1, 1, 0), &["adds"], &["crashes", "divides"]);
}

#[test]
fn tap() {
    let output = "TAP version 14\n1..4\nok 1 - adds\nnot ok 2 - divides\n    ok 1 - inner\nok 3 - old # SKIP later\nnot ok 4 - new # TODO\n";
    tells(output, (1, 1, 0, 2), &["adds"], &["divides"]);
    silent("1..\nok then\n");
    silent("everything is ok\nok\n");
}

#[test]
fn junit() {
    let surefire = r#"<?xml version="1.0" encoding="UTF-8"?>
<testsuite name="com.example.CalcTest" tests="4" errors="1" skipped="1" failures="1">
  <properties><property name="a" value="b"/></properties>
  <testcase name="adds" classname="com.example.CalcTest" time="0.01"/>
  <testcase name="divides" classname="com.example.CalcTest"><failure message="x &lt; y">text</failure></testcase>
  <testcase name="opens" classname="com.example.CalcTest"><error type="E"/><failure/></testcase>
  <testcase name="later" classname="com.example.CalcTest"><skipped/></testcase>
</testsuite>"#;
    let passed = ["com.example.CalcTest.adds"];
    reports(
        "TEST-a.xml",
        surefire,
        (1, 1, 1, 1),
        &passed,
        &["com.example.CalcTest.divides", "com.example.CalcTest.opens"],
    );
    let pytest = r#"<testsuites><testsuite name="pytest"><testcase classname="tests.test_a" name="test_b[&lt;1&gt;]" /></testsuite></testsuites>"#;
    reports("pytest.xml", pytest, (1, 0, 0, 0), &["tests.test_a.test_b[<1>]"], &[]);
    let ctest = r#"<testsuite><testcase name="a" status="run"/><testcase name="b" status="fail"/><testcase name="c" status="disabled"/></testsuite>"#;
    reports("c.xml", ctest, (1, 1, 0, 1), &["a"], &["b"]);
    let cut = r#"<testsuite><testcase name="a"/><testcase name="b"><fail"#;
    reports("cut.xml", cut, (1, 0, 0, 0), &["a"], &[]);
}

#[test]
fn hostile_reports_are_bounded() {
    let bomb = r#"<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "bbbbbbbbbb"><!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;"><!ENTITY d SYSTEM "file:///etc/passwd">]>
<testsuite><testcase name="&c;&d;"/></testsuite>"#;
    let told = read_report("bomb.xml", bomb.as_bytes()).expect("one case");
    assert_eq!(told.passed_names.first().map(String::as_str), Some("&c;&d;"), "entities stay as they are");
    let deep = format!("<a>{}", "<testcase name=\"x\">".repeat(100_000));
    assert!(read_report("deep.xml", deep.as_bytes()).is_none());
    let many = format!("<a>{}</a>", "<testcase name=\"x\"/>".repeat(200_000));
    assert_eq!(read_report("many.xml", many.as_bytes()).map(|told| told.passed), Some(200_000));
    let long = format!("<testsuite><testcase name=\"{}\"/></testsuite>", "y".repeat(1_000_000));
    let told = read_report("long.xml", long.as_bytes()).expect("one case");
    assert!(told.passed_names.iter().all(|name| name.len() <= 300));
    silent(b"\xff\xfe\0\x01".repeat(1000));
    silent([b'('; 1_000_000]);
    silent("");
    silent("test result: ok. 99999999999999999999 passed; -1 failed\n");
    silent("Tests run: 4294967296, Failures: x\n");
    let colours = "\x1b[32mtest a ... ok\x1b[0m\r\ntest result: \x1b[32mok\x1b[m. 1 passed; 0 failed; 0 ignored\r\n";
    tells(colours, (1, 0, 0, 0), &["a"], &[]);
    let huge = "x".repeat(20 << 20) + "\n===== 3 passed in 0.1s =====\n";
    tells(&huge, (3, 0, 0, 0), &[], &[]);
    let sums = "test result: ok. 4000000000 passed; 0 failed\n".repeat(3);
    assert_eq!(read_output(sums.as_bytes()).map(|told| told.passed), Some(u32::MAX));
}

#[test]
fn reports_come_before_output() {
    let junit: &[u8] = br#"<testsuite><testcase name="a"/></testsuite>"#;
    let output = b"===== 5 passed in 0.1s =====\n";
    let both = read_run([("a.xml", junit), ("b.xml", junit)], output).expect("reports tell");
    assert_eq!((both.passed, both.passed_names.len()), (2, 1));
    let none: [(&str, &[u8]); 0] = [];
    assert_eq!(read_run(none, output).map(|told| told.passed), Some(5));
    assert_eq!(read_run([("a.xml", &b"<a/>"[..])], output).map(|told| told.passed), Some(5));
}

#[test]
fn automake() {
    let output = "\
make[3]: Entering directory '/x'
PASS: tests/mantest
FAIL: tests/jqtest
SKIP: tests/optionaltest
XFAIL: tests/known
============================================================================
Testsuite summary for jq 1.8
============================================================================
# TOTAL: 4
# PASS:  1
# SKIP:  1
# XFAIL: 1
# FAIL:  1
# XPASS: 0
# ERROR: 0
";
    tells(output, (2, 1, 0, 1), &["tests/known", "tests/mantest"], &["tests/jqtest"]);
    silent("PASS: one\n# TOTAL: 0\n");
}
