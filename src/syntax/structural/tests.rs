//! Rules in, matches and texts out; hostile rules get an answer.

use super::*;

const SWAP: &str = "id: swap\nlanguage: python\nrule: {pattern: 'f($A, $B)'}\nfix: g($B, $A)\nmessage: swapped";

fn python() -> RuleLanguage {
    RuleLanguage::named("python").expect("built in")
}

#[track_caller]
fn check(yaml: &str, source: &str, expected: &str) {
    let set = RuleSet::parse(yaml, "test.yml").expect("the rule parses");
    assert_eq!(set.rewrite(python(), source, 8).source, expected);
}

#[track_caller]
fn check_refused(yaml: &str, rule: Option<&str>, part: &str) {
    let error = RuleSet::parse(yaml, "bad.yml").expect_err("refused");
    assert_eq!(error.rule.as_deref(), rule);
    assert!(error.to_string().contains("bad.yml"), "{error}");
    assert!(error.message.contains(part), "{error}");
    assert!(!error.hint.is_empty());
}

#[test]
fn fixes_are_applied_until_nothing_is_left() {
    check(SWAP, "f(1, 2)\nf(3, 4)\n", "g(2, 1)\ng(4, 3)\n");
    // the inner one overlaps the outer one and waits for the second round
    check(SWAP, "f(1, f(2, 3))\n", "g(g(3, 2), 1)\n");
    check(SWAP, "f(1)\n", "f(1)\n");
}

#[test]
fn the_whole_language_of_rules_works() {
    check(
        "id: a\nlanguage: python\nrule: {matches: call, inside: {kind: return_statement, stopBy: end}}\nutils: {call: {pattern: f($A)}}\nconstraints: {A: {kind: integer}}\nfix: g($A)",
        "f(1)\ndef x():\n    return [f(1), f(y)]\n",
        "f(1)\ndef x():\n    return [g(1), f(y)]\n",
    );
    check(
        "id: a\nlanguage: python\nrule: {pattern: log($A)}\ntransform: {B: {replace: {source: $A, replace: 'x', by: 'y'}}}\nfix: out($B)",
        "log(xx)\n",
        "out(yy)\n",
    );
}

#[test]
fn several_documents_and_languages_of_one_rule() {
    let yaml = format!(
        "{SWAP}\n---\nid: js\nlanguage: javascript\nmetadata: {{languages: [tsx], tags: [style]}}\nrule: {{pattern: 'f($A)'}}\nfix: g($A)"
    );
    let set = RuleSet::parse(&yaml, "two.yml").expect("both parse");
    assert_eq!(set.rules().len(), 2);
    let tsx = RuleLanguage::named("tsx").expect("built in");
    assert_eq!(set.rewrite(tsx, "f(<a/>)", 3).source, "g(<a/>)");
    assert_eq!(set.get("js").expect("is there").metadata.tags, ["style"]);
}

#[test]
fn a_fix_that_breaks_the_syntax_is_left_out_and_reported() {
    let yaml = format!("{SWAP}\n---\nid: breaks\nlanguage: python\nrule: {{pattern: h($A)}}\nfix: 'h($A'");
    let set = RuleSet::parse(&yaml, "test.yml").expect("the rules parse");
    let rewrite = set.rewrite(python(), "h(1)\nf(1, 2)\n", 4);
    assert_eq!(rewrite.source, "h(1)\ng(2, 1)\n");
    assert_eq!(rewrite.broken, [Dropped { rule: "breaks".into(), line: 1, because: DroppedBecause::BreaksSyntax }]);
}

#[test]
fn strings_over_several_lines_are_never_shifted() {
    let yaml = "id: a\nlanguage: python\nrule: {kind: except_clause, pattern: $C, regex: '^except:'}\ntransform: {N: {replace: {source: $C, replace: '^except:', by: 'except E:'}}}\nfix: $N";
    let blank = "if a:\n    try:\n        f()\n    except:\n        g()\n\n        h()\n";
    check(yaml, blank, &blank.replace("except:", "except E:"));
    let text = "if a:\n    try:\n        f()\n    except:\n        x = '''\none\n  two\n'''\n";
    let set = RuleSet::parse(yaml, "test.yml").expect("the rule parses");
    let after = set.rewrite(python(), text, 3).source;
    assert!(after.contains("'''\none\n  two\n'''"), "{after}");
}

#[test]
fn chains_keep_their_lines_and_comments_stay() {
    let yaml = "id: a\nlanguage: rust\nrule: {pattern: $X.or_insert_with(Vec::new)}\nfix: $X.or_default()\n";
    let set = RuleSet::parse(yaml, "test.yml").expect("the rule parses");
    let rust = RuleLanguage::named("rust").expect("built in");
    let check = |source: &str, expected: &str| assert_eq!(set.rewrite(rust, source, 3).source, expected);
    check(
        "fn f() {\n    map\n        .entry(k)\n        .or_insert_with(Vec::new)\n        .push(1);\n}\n",
        "fn f() {\n    map\n        .entry(k)\n        .or_default()\n        .push(1);\n}\n",
    );
    check("fn f() { m.entry(k).or_insert_with(Vec::new); }\n", "fn f() { m.entry(k).or_default(); }\n");
    let told = "fn f() {\n    m.entry(k) // once a day\n        .or_insert_with(Vec::new);\n}\n";
    check(told, told);
}

#[test]
fn rules_that_undo_each_other_stop() {
    let yaml = "id: a\nlanguage: python\nrule: {pattern: f($A)}\nfix: g($A)\n---\nid: b\nlanguage: python\nrule: {pattern: g($A)}\nfix: f($A)";
    let rewrite = RuleSet::parse(yaml, "test.yml").expect("the rules parse").rewrite(python(), "f(1)\n", 100);
    assert!(!rewrite.settled);
    let grows = "id: a\nlanguage: python\nrule: {pattern: f($A)}\nfix: f(f($A))";
    let rewrite = RuleSet::parse(grows, "test.yml").expect("the rule parses").rewrite(python(), "f(1)\n", 3);
    assert!(!rewrite.settled);
}

#[test]
fn broken_text_and_suppressed_lines_stay() {
    check(SWAP, "f(1, 2)  # ast-grep-ignore: swap\n", "f(1, 2)  # ast-grep-ignore: swap\n");
    check(SWAP, "", "");
    check(SWAP, "\u{0}\u{feff}((((", "\u{0}\u{feff}((((");
}

#[test]
fn what_is_wrong_with_a_rule_is_said() {
    check_refused("id: a\nlanguage: kotlin\nrule: {pattern: a}", Some("a"), "kotlin");
    check_refused("id: a\nlanguage: python\nmetadata: {languages: [zig]}\nrule: {pattern: a}", Some("a"), "zig");
    check_refused("id: a\nlanguage: python\nrule: {patern: a}", Some("a"), "");
    check_refused("id: a\nlanguage: python\nrule: {pattern: f($A)}\nfix: g($B)", Some("a"), "");
    check_refused("id: a\nlanguage: python\nrule: {pattern: ''}", Some("a"), "");
    check_refused("id: a\nlanguage: python\nrule: {kind: no_such_kind}", Some("a"), "");
    check_refused("id: a\nlanguage: python\nrule: {pattern: f($A)}\nfiles: ['a{']", Some("a"), "files");
    check_refused("language: python\nrule: {pattern: a}", None, "id");
    check_refused("[1, 2", None, "YAML");
    check_refused("just text", None, "id");
    check_refused(&format!("{SWAP}\n---\n{SWAP}"), Some("swap"), "another rule");
    check_refused("a: &a [*a]", None, "");
}

#[test]
fn utilities_are_shared() {
    let utilities =
        Utilities::parse([("u.yml", "id: call\nlanguage: python\nrule: {pattern: f($A)}")]).expect("parses");
    let yaml = "id: a\nlanguage: python\nrule: {matches: call}\nfix: g()";
    let set = RuleSet::parse_with(yaml, "a.yml", &utilities).expect("finds the utility");
    assert_eq!(set.rewrite(python(), "f(1)\n", 2).source, "g()\n");
    assert!(Utilities::parse([("u.yml", "id: call\nlanguage: swift\nrule: {pattern: f}")]).is_err());
}

#[test]
fn paths_of_a_rule_are_its_own() {
    let yaml = "id: a\nlanguage: python\nrule: {pattern: f()}\nfiles: ['src/**']\nignores: ['**/gen/**']";
    let set = RuleSet::parse(yaml, "a.yml").expect("parses");
    let rule = set.get("a").expect("is there");
    assert!(rule.covers(&"src/a.py".into()) && !rule.covers(&"a.py".into()) && !rule.covers(&"src/gen/a.py".into()));
}

#[test]
fn patterns_are_found() {
    assert_eq!(find(python(), "f($A)", "x\nf(1)\n").expect("a pattern"), [Found { range: 2..6, line: 2 }]);
    assert!(find(python(), "", "").is_err());
}

#[test]
fn only_rules_whose_texts_occur_are_candidates() {
    let set =
        RuleSet::parse("id: a\nlanguage: python\nrule: {pattern: alpha($A)}\nfix: b($A)", "a.yml").expect("parses");
    let rules = set.prefilter(python());
    assert_eq!(rules.candidates(b"alpha(1)").rules().len(), 1);
    assert!(rules.candidates(b"beta(1)").rules().is_empty());
}

#[track_caller]
fn check_bearable(language: &str, source: &str, bearable: bool) {
    let language = RuleLanguage::named(language).expect("built in");
    assert_eq!(language.bears(source), bearable, "{source:?}");
    let yaml = format!("id: a\nlanguage: {language}\nrule: {{pattern: foo}}\nmessage: a 😀");
    let set = RuleSet::parse(&yaml, "test.yml").expect("a rule");
    assert_eq!(set.scan(language, source).is_empty(), !bearable, "{source:?}");
    let found = find(language, "foo", source).expect("a pattern");
    assert_eq!(found.is_empty(), !bearable, "{source:?}");
    let _ = is_well_formed(language, source);
    let _ = set.rewrite(language, source, 2);
}

#[test]
fn what_crashes_a_grammar_is_never_given_to_it() {
    check_bearable("bash", "foo\n", true);
    check_bearable("bash", "foo é\n", true);
    check_bearable("bash", &"foo 😀<<<\u{10ffff}2>\u{20000}\n".repeat(100), false);
    check_bearable("ruby", "foo\nx = <<~SQL\n a\nSQL\n", true);
    check_bearable("ruby", &format!("foo\nx = <<~{}\n a\n", "A".repeat(300)), false);
    check_bearable("python", "foo\nx = '😀'\n", true);
}

#[test]
fn a_pattern_that_crashes_a_grammar_is_refused() {
    let pattern = "echo 😀<<<\u{10ffff}2>";
    assert!(CodePattern::new(RuleLanguage::named("bash").expect("built in"), pattern).is_err());
    check_refused(
        &format!("id: a\nlanguage: bash\nrule: {{any: [{{pattern: '{pattern}'}}]}}"),
        Some("a"),
        "cannot read",
    );
    let word = "A".repeat(300);
    check_refused(&format!("id: a\nlanguage: ruby\nrule: {{pattern: 'x = <<~{word}'}}"), Some("a"), "cannot read");
}
