//! Excerpts as models write them, and files that are whole.

use super::*;

const BASE: &str = "use std::fmt;\n\nfn one() -> u32 {\n    let a = 1;\n    let b = 2;\n    a + b\n}\n\nstruct Two {\n    name: String,\n}\n\nimpl Two {\n    fn name(&self) -> &str {\n        &self.name\n    }\n\n    fn len(&self) -> usize {\n        self.name.len()\n    }\n}\n\nfn last() -> u32 {\n    one() + 3\n}\n";

#[track_caller]
fn check(path: &str, old: &str, new: &str, why: Option<&str>) {
    let found = doubt(&path.into(), old.as_bytes(), new);
    match (why, &found) {
        (None, None) => {}
        (Some(why), Some(said)) if said.contains(why) => {}
        _ => panic!("{found:?}, not {why:?}, for:\n{new}"),
    }
}

#[track_caller]
fn whole(new: &str) {
    check("src/a.rs", BASE, new, None);
}

#[track_caller]
fn part(new: &str, why: &str) {
    check("src/a.rs", BASE, new, Some(why));
}

/// [`BASE`] without the lines of `gone`, 1-based, end exclusive.
fn without(gone: std::ops::Range<usize>) -> String {
    (1..).zip(BASE.split_inclusive('\n')).filter(|(number, _)| !gone.contains(number)).map(|(_, line)| line).collect()
}

#[test]
fn a_file_with_edits_in_it_is_whole() {
    whole(BASE);
    whole(&BASE.replace("let b = 2", "let b = 20"));
    whole(&format!("use std::io;\n{BASE}\nfn more() {{}}\n"));
    whole(&BASE.replace("use std::fmt;", "use std::{fmt, io};"));
    // another name for what is still there, another indentation, lines that go
    whole(&BASE.replace("fn one", "fn uno").replace("one()", "uno()"));
    whole(&BASE.replace(
        "    let a = 1;\n    let b = 2;\n    a + b\n",
        "    if true {\n        let a = 1;\n        let b = 2;\n        a + b\n    }\n",
    ));
    whole(&without(4..6));
}

#[test]
fn an_excerpt_is_a_part() {
    part(&without(8..100), "last line");
    part(&without(1..9), "first line");
    part(&without(1..22), "first line");
    part("use std::fmt;\n", "last line");
    part("fn one() -> u32 {\n    let a = 1;\n    let b = 20;\n    a + b\n}\n", "first line");
    part("", "first line");
    // with imports of its own
    let two = format!("use std::mem;\n{BASE}");
    let own = format!("use std::io;\nuse std::fs;\n\n{}", without(1..3).replace("a + b", "a - b"));
    check("src/a.rs", &two, &own, Some("first line"));
}

#[test]
fn a_middle_that_is_left_out_is_missed() {
    part(&without(8..22), "`Two` of the file is not in it");
    part(&without(17..21), "`len` of the file is not in it");
    let long: String = (0..40).map(|at| format!("set option_{at} to {at}\n")).collect();
    let line = |at: usize| format!("set option_{at} to {at}\n");
    let cut = |gone: std::ops::Range<usize>| (0..40).filter(|at| !gone.contains(at)).map(line).collect::<String>();
    check("a.conf", &long, &cut(0..0), None);
    check("a.conf", &long, &cut(20..22), None);
    let holes: String = (0..40).filter(|at| !(5..8).contains(at) && !(20..23).contains(at)).map(line).collect();
    check("a.conf", &long, &holes, Some("6 of the file's 40 lines are not in it, and no others"));
    check("a.conf", &long, &cut(10..20), Some("lines 11 to 20 of the file are not in it, and no others"));
    check("a.conf", &long, &cut(10..20).replace("option_9 to 9", "x to y"), Some("and fewer in their stead"));
    check("a.conf", &long, &cut(10..14).replace("option_9 to 9", "x to y\na b"), Some("and fewer in their stead"));
    check("a.conf", &long, &long.replace("option", "other"), Some("first line"));
    let most = format!("{}{}{}", line(0), "x y\n".repeat(60), line(39));
    check("a.conf", &long, &most, Some("38 of the file's 40 lines are not in it"));
}

#[test]
fn marks_for_code_and_broken_code_are_seen() {
    for mark in
        ["// ... existing code ...", "// rest of the file", "...", "// unchanged", "/* … */", "// keep the rest"]
    {
        part(&BASE.replace("struct Two", &format!("{mark}\nstruct Two")), "may stand for code");
    }
    whole(&BASE.replace("a + b", "a + b // waits"));
    part(&BASE.replace("a + b\n}", "a + b\n"), "does not");
    // what the file says itself is no mark
    let noted = BASE.replace("fn one", "// the rest of the numbers\nfn one");
    check("src/a.rs", &noted, &noted.replace("a + b", "a - b"), None);
}

#[test]
fn a_new_file_is_whole_unless_it_shows_that_it_is_not() {
    let check = |path: &str, new: &str| doubt_of_new(&path.into(), new);
    assert_eq!(check("src/b.rs", "fn b() {}\n"), None);
    assert_eq!(check("notes.txt", "anything ( at all\n"), None);
    assert!(check("src/b.rs", "fn b() {\n").is_some());
    assert!(check("src/b.rs", "fn b() {}\n// ... existing code ...\n").is_some());
}
