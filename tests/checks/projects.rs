//! Projects as people have them.

use std::path::Path;

use crate::bench::{Bench, program, sh, status};
use paraph::validation::{Check, CheckKind};

const PYTHON: &str = "import unittest\nimport calc\n\n\nclass Calc(unittest.TestCase):\n    def test_add(self):\n        \
                      self.assertEqual(calc.add(2, 2), 4)\n\n    def test_sub(self):\n        \
                      self.assertEqual(calc.sub(5, 3), 2)\n\n    def test_zero(self):\n        \
                      self.assertEqual(calc.add(0, 0), 0)\n";

#[test]
fn python_tests_that_broke_and_were_fixed_have_names() {
    let calc = "def add(a, b):\n    return a + b\n\n\ndef sub(a, b):\n    return b - a\n";
    let bench = Bench::new(&[("calc.py", calc), ("test_calc.py", PYTHON)]).with_real_home();
    let check = program("python unittest", &["python3", "-m", "unittest", "discover", "-v"]);
    let change = "def add(a, b):\n    return a * b + 1\n\n\ndef sub(a, b):\n    return a - b\n";
    let (result, _) = bench.validate(&bench.job(&bench.proposal(&[("calc.py", Some(change))]), vec![check]));
    let result = &result.checks[0];
    assert_eq!(status(result), "broken", "{}", bench.log(result));
    let short = |names: &[String]| -> Vec<String> {
        names.iter().map(|name| name.trim_end_matches(')').rsplit('.').next().unwrap_or(name).to_owned()).collect()
    };
    assert_eq!(short(&result.tests.broken), ["test_add", "test_zero"]);
    assert_eq!(short(&result.tests.fixed), ["test_sub"]);
    assert_eq!((result.tests.passed, result.tests.failed), (1, 2));
}

#[test]
fn a_cargo_project_builds_and_its_broken_test_has_a_name() {
    let lib = "pub fn twice(n: u32) -> u32 { n + n }\n\n#[cfg(test)]\nmod tests {\n    #[test]\n    fn doubles() {\n        \
               assert_eq!(super::twice(3), 6);\n    }\n}\n";
    let manifest =
        "[package]\nname = \"tiny\"\nversion = \"0.1.0\"\nedition = \"2021\"\n\n[profile.dev]\ndebug = false\n";
    let files = [("Cargo.toml", manifest), ("src/lib.rs", lib), (".gitignore", "target\n")];
    let mut bench = Bench::new(&files).with_real_home();
    let cargo = Path::new(env!("CARGO")).parent().expect("in a folder").display().to_string();
    bench.path = format!("{cargo}:{}", bench.path);
    let build = program("cargo build", &["cargo", "test", "--offline", "--no-run"]);
    let test = program("cargo test", &["cargo", "test", "--offline", "--lib"]);
    let checks = vec![Check { kind: CheckKind::Build, ..build }, test];
    let change = lib.replace("n + n", "n + n + 1");
    let (result, _) = bench.validate(&bench.job(&bench.proposal(&[("src/lib.rs", Some(&change))]), checks));
    assert_eq!(status(&result.checks[0]), "passed", "{}", bench.log(&result.checks[0]));
    assert_eq!(status(&result.checks[1]), "broken", "{}", bench.log(&result.checks[1]));
    assert_eq!(result.checks[1].tests.broken, ["tiny: tests::doubles"]);
}

#[test]
fn reports_are_read_where_a_check_names_them() {
    let report = |failing: &str| {
        format!(
            "<testsuite tests=\"2\"><testcase classname=\"c\" name=\"a\">{}</testcase>\
             <testcase classname=\"c\" name=\"b\">{}</testcase></testsuite>",
            if failing == "a" { "<failure/>" } else { "" },
            if failing == "b" { "<failure/>" } else { "" },
        )
    };
    let bench = Bench::new(&[("sub/report", &report("a"))]);
    let mut check = sh("writes", "mkdir -p out && cp report out/r.xml; exit 1");
    check.cwd = "sub".into();
    check.reports = vec!["out/*.xml".into()];
    let tree = bench.proposal(&[("sub/report", Some(&report("b")))]);
    let (result, _) = bench.validate(&bench.job(&tree, vec![check]));
    let tests = &result.checks[0].tests;
    assert_eq!((tests.broken.len(), tests.fixed.len()), (1, 1), "{tests:?}");
    assert!(tests.broken[0].ends_with('b') && tests.fixed[0].ends_with('a'), "{tests:?}");
}
