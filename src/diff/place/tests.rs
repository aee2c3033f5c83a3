//! What is placed and what is refused.

use super::*;

fn base(path: &RepoPath) -> Result<Option<FileSide>, String> {
    Ok(match path.as_bytes() {
        b"x" => Some(FileSide::regular(*b"1\n2\n3\n4\n5\n6\n7\n8\n9\n")),
        b"twice" => Some(FileSide::regular(*b"h\na\nb\nc\n-\na\nb\nc\nt\n")),
        b"crlf" => Some(FileSide::regular(*b"1\r\n2\r\n3\r\n")),
        b"bare" => Some(FileSide::regular(*b"1\n2")),
        b"link" => Some(FileSide { mode: FileMode::Symlink, content: (*b"x").into() }),
        b"sub" => Some(FileSide { mode: FileMode::Gitlink, content: "1".repeat(40).into_bytes().into() }),
        b"broken" => return Err("object is missing".to_owned()),
        _ => None,
    })
}

fn placed(text: &str) -> Result<ChangeSet, Vec<Refusal>> {
    let patch = Patch::parse(text.as_bytes()).unwrap_or_else(|error| panic!("{error}\nin\n{text}"));
    place(&patch, &base)
}

/// `path=content` for every file that comes, `path-` for every one that goes.
#[track_caller]
fn check(text: &str, expected: &[&str]) {
    let changes = placed(text).unwrap_or_else(|refusals| panic!("{}\nfor\n{text}", refusals[0]));
    let shown = |file: &FileChange| match &file.new {
        Some(new) => format!("{}={}", file.path, String::from_utf8_lossy(&new.content).escape_default()),
        None => format!("{}-", file.path),
    };
    assert_eq!(changes.files().iter().map(shown).collect::<Vec<_>>(), expected);
}

#[track_caller]
fn check_refused(text: &str, expected: &str) {
    let refusals = placed(text).expect_err(text);
    assert_eq!(refusals[0].to_string(), expected);
}

fn on(path: &str, hunks: &str) -> String {
    format!("--- a/{path}\n+++ b/{path}\n{hunks}")
}

#[test]
fn hunks_are_placed_at_their_line_or_where_they_fit() {
    let all = "x=1\\n2\\n3\\nfour\\n5\\n6\\n7\\n8\\n9\\n";
    check(&on("x", "@@ -3,3 +3,3 @@\n 3\n-4\n+four\n 5\n"), &[all]);
    check(&on("x", "@@ -5,3 +5,3 @@\n 3\n-4\n+four\n 5\n"), &[all]);
    check(&on("x", "@@ -500,3 +500,3 @@\n 3\n-4\n+four\n 5\n"), &[all]);
    check(&on("x", "@@ -9 +9 @@\n-9\n+nine\n"), &["x=1\\n2\\n3\\n4\\n5\\n6\\n7\\n8\\nnine\\n"]);
    check(
        &on("x", "@@ -1,2 +1,2 @@\n-1\n+one\n 2\n@@ -8,2 +8,1 @@\n 8\n-9\n"),
        &["x=one\\n2\\n3\\n4\\n5\\n6\\n7\\n8\\n"],
    );
    check(&on("twice", "@@ -6,3 +6,3 @@\n a\n-b\n+B\n c\n"), &["twice=h\\na\\nb\\nc\\n-\\na\\nB\\nc\\nt\\n"]);
    check(&on("bare", "@@ -1,2 +1,2 @@\n 1\n-2\n\\ No newline at end of file\n+2\n"), &["bare=1\\n2\\n"]);
    check(&on("crlf", "@@ -1,3 +1,3 @@\n 1\r\n-2\r\n+two\r\n 3\r\n"), &["crlf=1\\r\\ntwo\\r\\n3\\r\\n"]);
}

#[test]
fn hunks_that_fit_nowhere_or_twice_are_refused() {
    let change = |old: &str| format!("@@ -3,3 +3,3 @@\n 3\n-{old}\n+four\n 5\n");
    check_refused(&on("x", &change("IV")), "x: its old lines are nowhere in the file (hunk 1, line 3 of the patch)");
    check_refused(
        &on("twice", "@@ -3,3 +3,3 @@\n a\n-b\n+B\n c\n"),
        "twice: its old lines stand in several places, none at line 3 (hunk 1, line 3 of the patch)",
    );
    check_refused(
        &on("x", "@@ -5,2 +5,2 @@\n-5\n+five\n 6\n@@ -8,2 +8,2 @@\n-2\n+two\n 3\n"),
        "x: its old lines stand only above the hunk before it (hunk 2, line 7 of the patch)",
    );
    check_refused(
        &on("x", "@@ -4,0 +5 @@\n+new\n"),
        "x: it has no old lines to be placed by, and is not at the end of the file (hunk 1, line 3 of the patch)",
    );
    check_refused(
        &on("bare", "@@ -1,2 +1,2 @@\n-1\n+one\n 2\n"),
        "bare: its old lines are nowhere in the file (hunk 1, line 3 of the patch)",
    );
    check_refused(
        &on("x", "@@ -2,2 +2,2 @@\n 2\n-3\n+3\n\\ No newline at end of file\n"),
        "x: its old lines are nowhere in the file (hunk 1, line 3 of the patch)",
    );
    check_refused(&on("none", &change("4")), "none: no such file in the base (line 1 of the patch)");
    check_refused(&on("broken", &change("4")), "broken: cannot read the base: object is missing (line 1 of the patch)");
}

#[test]
fn what_was_applied_before_finds_no_second_place() {
    let hunk = " c\n+-\n+a\n+b\n+c\n t\n";
    check_refused(
        &on("twice", &format!("@@ -4,2 +4,6 @@\n{hunk}")),
        "twice: what it makes stands at line 4 already (hunk 1, line 3 of the patch)",
    );
    // and wherever else it may say
    let drifted = format!("@@ -6,2 +6,6 @@\n{hunk}");
    check_refused(
        &on("twice", &drifted),
        "twice: what it makes stands at line 4 already (hunk 1, line 3 of the patch)",
    );
    // what it only takes away leaves lines that may stand anywhere
    check(&on("twice", "@@ -2,3 +2,2 @@\n c\n--\n a\n"), &["twice=h\\na\\nb\\nc\\na\\nb\\nc\\nt\\n"]);
}

#[test]
fn a_file_made_of_almost_hits_costs_its_length() {
    let old = "aa\n".repeat(400_000);
    let context = " aa\n".repeat(200_000);
    let check = |tail: &str, expected: fn(&RefusalReason) -> bool| {
        let old_len = 200_001 + usize::from(tail.starts_with(' '));
        let text = on("big", &format!("@@ -2,{old_len} +2,{} @@\n-a\n{context}{tail}", old_len - 1));
        let patch = Patch::parse(text.as_bytes()).expect("it is a patch");
        let read = |_: &RepoPath| Ok::<_, String>(Some(FileSide::regular(old.as_bytes())));
        let refusals = place(&patch, &read).expect_err("it has a line that is not there");
        assert!(expected(&refusals[0].reason), "{}", refusals[0]);
    };
    check("", |reason| *reason == RefusalReason::NoMatch);
    check(" b\n", |reason| *reason == RefusalReason::NoMatch);
}

#[test]
fn hints_say_what_a_person_can_do() {
    let hint = |path: &str, hunk: &str| placed(&on(path, hunk)).expect_err(hunk)[0].hint;
    assert_eq!(hint("crlf", "@@ -1,3 +1,3 @@\n 1\n-2\n+two\n 3\n"), Some("only line ends differ (CR LF against LF)"));
    assert_eq!(
        hint("x", "@@ -3,3 +3,3 @@\n 3\n-four\n+4\n 5\n"),
        Some("its new lines are already there: was it applied before?")
    );
    assert_eq!(hint("x", "@@ -3,3 +3,3 @@\n 3\n- 4\n+four\n 5\n"), Some("only blanks differ"));
    let at_no_end = hint("x", "@@ -2,2 +2,2 @@\n 2\n-3\n+three\n");
    assert!(at_no_end.is_some_and(|hint| hint.starts_with("they stand elsewhere")), "{at_no_end:?}");
}

#[test]
fn files_come_go_and_move() {
    let create = |path: &str| {
        format!(
            "diff --git a/{path} b/{path}\nnew file mode 100644\n--- /dev/null\n+++ b/{path}\n@@ -0,0 +1 @@\n+new\n"
        )
    };
    check(&create("new/file"), &["new/file=new\\n"]);
    check_refused(&create("x"), "x: the file to create already exists (line 1 of the patch)");
    check_refused(&create("x/below"), "x/below: `x` is a file, not a directory (line 1 of the patch)");
    check_refused(&(create("new") + &create("new")), "new: the file to create already exists (line 7 of the patch)");
    let rename = |from: &str, to: &str| {
        format!("diff --git a/{from} b/{to}\nsimilarity index 100%\nrename from {from}\nrename to {to}\n")
    };
    check(&rename("bare", "moved"), &["bare-", "moved=1\\n2"]);
    check_refused(&rename("bare", "x"), "x: the file to create already exists (line 1 of the patch)");
    check(&(rename("bare", "crlf") + &rename("crlf", "bare")), &["bare=1\\r\\n2\\r\\n3\\r\\n", "crlf=1\\n2"]);
    // each is moved to where the other was: which of them the name means then is not known, to git neither
    let mode = "diff --git a/crlf b/crlf\nold mode 100644\nnew mode 100755\n";
    check_refused(
        &(rename("bare", "crlf") + &rename("crlf", "bare") + mode),
        "crlf: this patch already deleted or moved it (line 9 of the patch)",
    );
    check("diff --git a/bare b/two\ncopy from bare\ncopy to two\n", &["two=1\\n2"]);
    let delete = "diff --git a/bare b/bare\ndeleted file mode 100644\n--- a/bare\n+++ /dev/null\n@@ -1,2 +0,0 @@\n-1\n-2\n\\ No newline at end of file\n";
    check(delete, &["bare-"]);
    check_refused(
        &delete.replace("-1\n-2", "-1\n-3"),
        "bare: its old lines are nowhere in the file (hunk 1, line 5 of the patch)",
    );
    check_refused(
        "diff --git a/bare b/bare\ndeleted file mode 100644\n",
        "bare: the deletion leaves 3 bytes (line 1 of the patch)",
    );
    check_refused(
        &format!("{delete}{}", on("bare", "@@ -1 +1 @@\n-1\n+2\n")),
        "bare: this patch already deleted or moved it (line 9 of the patch)",
    );
}

#[test]
fn a_series_sees_what_came_before() {
    let first = on("x", "@@ -1,2 +1,2 @@\n-1\n+one\n 2\n");
    check(&(first + &on("x", "@@ -1,2 +1,2 @@\n-one\n+ONE\n 2\n")), &["x=ONE\\n2\\n3\\n4\\n5\\n6\\n7\\n8\\n9\\n"]);
}

#[test]
fn modes_and_kinds_are_checked() {
    check("diff --git a/bare b/bare\nold mode 100644\nnew mode 100755\n", &["bare=1\\n2"]);
    check_refused(
        "diff --git a/link b/link\nold mode 100644\nnew mode 100755\n",
        "link: it is of mode 120000, the patch says 100644 (line 1 of the patch)",
    );
    check_refused(
        "diff --git a/bare b/bare\nold mode 100644\nnew mode 120000\n",
        "bare: it is of mode 100644, the patch says 120000 (line 1 of the patch)",
    );
    let (old, new) = ("1".repeat(40), "2".repeat(40));
    let sub = format!(
        "diff --git a/sub b/sub\nindex {old}..{new} 160000\n--- a/sub\n+++ b/sub\n@@ -1 +1 @@\n-Subproject commit {old}\n+Subproject commit {new}\n"
    );
    check(&sub, &[&format!("sub={new}")]);
    check_refused(
        &sub.replace(&format!("commit {new}"), "commit none"),
        "sub: a submodule's change must name one commit (line 1 of the patch)",
    );
}

#[test]
fn binaries_are_checked_by_their_ids() {
    let (old, new) = (blob_id(b"1\n2", ObjectFormat::Sha1), blob_id(b"\0", ObjectFormat::Sha1));
    let mut data = Vec::new();
    crate::diff::patch::encode_literal(b"\0", &mut data);
    let data = String::from_utf8(data).expect("base 85 is text");
    let patch =
        |old: &str, new: &str| format!("diff --git a/bare b/bare\nindex {old}..{new} 100644\nGIT binary patch\n{data}");
    check(&patch(&old, &new), &["bare=\\u{0}"]);
    let wrong = "3".repeat(40);
    check_refused(
        &patch(&wrong, &new),
        &format!("bare: its content is not {wrong}, which the patch was made from (line 1 of the patch)"),
    );
    check_refused(&patch(&old, &wrong), &format!("bare: the binary patch does not make {wrong} (line 1 of the patch)"));
    check_refused(
        &patch(&old[..7], &new[..7]),
        "bare: a binary content without full `index` line cannot be checked (line 1 of the patch)",
    );
    check_refused(
        "diff --git a/bare b/bare\nindex 1234567..1234568\nBinary files a/bare and b/bare differ\n",
        "bare: the binary content is not in the patch (line 1 of the patch)",
    );
}
