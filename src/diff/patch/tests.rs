//! What the parser reads and what it refuses.

use super::*;

#[track_caller]
fn parsed(text: &str) -> Patch {
    Patch::parse(text.as_bytes()).unwrap_or_else(|error| panic!("{error}\nin\n{text}"))
}

/// One line a file: operation, paths, hunks.
#[track_caller]
fn check(text: &str, expected: &[&str]) {
    let path = |path: &Option<RepoPath>| path.as_ref().map_or_else(|| "-".to_owned(), ToString::to_string);
    let shown = |file: &FilePatch| {
        let hunks = file.hunks().len();
        format!("{:?} {} {} {hunks}", file.operation, path(&file.old_path), path(&file.new_path))
    };
    assert_eq!(parsed(text).files().iter().map(shown).collect::<Vec<_>>(), expected);
}

#[track_caller]
fn check_refused(text: &str, line: u32, reason: &str) {
    let error = Patch::parse(text.as_bytes()).expect_err(text);
    assert_eq!((error.line, error.problem.to_string().as_str()), (line, reason), "for\n{text}");
}

const HUNK: &str = "@@ -1 +1 @@\n-a\n+b\n";

#[test]
fn git_headers_are_read() {
    check(&format!("diff --git a/x b/x\nindex 1234567..89abcde 100644\n--- a/x\n+++ b/x\n{HUNK}"), &["Modify x x 1"]);
    check("diff --git a/x b/x\nold mode 100644\nnew mode 100755\n", &["Modify x x 0"]);
    check("diff --git a/x b/x\nnew file mode 100644\nindex 0000000..e69de29\n", &["Create - x 0"]);
    check("diff --git a/x b/x\nnew file mode 100644\n--- /dev/null\n+++ b/x\n@@ -0,0 +1 @@\n+a\n", &["Create - x 1"]);
    check(
        "diff --git a/x b/x\ndeleted file mode 100644\n--- a/x\n+++ /dev/null\n@@ -1 +0,0 @@\n-a\n",
        &["Delete x - 1"],
    );
    check("diff --git a/x b/y z\nsimilarity index 100%\nrename from x\nrename to y z\n", &["Rename x y z 0"]);
    check(
        "diff --git a/x b/y\nsimilarity index 90%\ncopy from x\ncopy to y\n--- a/x\n+++ b/y\n@@ -1 +1 @@\n-a\n+b\n",
        &["Copy x y 1"],
    );
    check("diff --git a/x b/x\nBinary files a/x and b/x differ\n", &["Modify x x 0"]);
    check(
        &format!("diff --git \"a/t\\tt\" \"b/t\\tt\"\n--- \"a/t\\tt\"\n+++ \"b/t\\tt\"\n{HUNK}"),
        &[r#"Modify "t\tt" "t\tt" 1"#],
    );
    check(&format!("diff --git a/x y b/x y\n--- a/x y\t\n+++ b/x y\t\n{HUNK}"), &["Modify x y x y 1"]);
    check(&format!("diff --git src/x src/x\n--- src/x\n+++ src/x\n{HUNK}"), &["Modify src/x src/x 1"]);
    check(&format!("diff --git i/x w/x\n--- i/x\n+++ w/x\n{HUNK}"), &["Modify x x 1"]);
}

#[test]
fn plain_diffs_are_read() {
    check(&format!("--- a/x\n+++ b/x\n{HUNK}"), &["Modify x x 1"]);
    check(&format!("--- x\t2020-01-01 10:00:00\n+++ x\t2020-01-02 10:00:00\n{HUNK}"), &["Modify x x 1"]);
    check("--- /dev/null\n+++ b/x\n@@ -0,0 +1 @@\n+a\n", &["Create - x 1"]);
    check("--- x\t1970-01-01 00:00:00\n+++ x\t2020-01-02 10:00:00\n@@ -0,0 +1 @@\n+a\n", &["Create - x 1"]);
    check(&format!("words\n--- a/x\n+++ b/x\n{HUNK}--- a/y\n+++ b/y\n{HUNK}"), &["Modify x x 1", "Modify y y 1"]);
}

#[test]
fn hunks_keep_their_bytes() {
    let text = "--- a/x\n+++ b/x\n@@ -1,3 +1,3 @@ fn main()\n a\r\n-b\n+ \u{e4}\n\n@@ -9 +9 @@\n-z\n\\ No newline at end of file\n+z\n";
    let patch = parsed(text);
    let hunks = patch.files()[0].hunks();
    assert_eq!(patch.heading(&hunks[0]), b" fn main()");
    let lines: Vec<(PatchLineKind, &[u8])> =
        hunks.iter().flat_map(|hunk| patch.lines(hunk)).map(|line| (line.kind, line.content)).collect();
    let expected: [(PatchLineKind, &[u8]); 6] = [
        (PatchLineKind::Context, b"a\r\n"),
        (PatchLineKind::Removed, b"b\n"),
        (PatchLineKind::Added, b" \xc3\xa4\n"),
        (PatchLineKind::Context, b"\n"),
        (PatchLineKind::Removed, b"z"),
        (PatchLineKind::Added, b"z\n"),
    ];
    assert_eq!(lines, expected);
}

#[test]
fn mails_give_their_message_and_their_signature_is_skipped() {
    let mail = |subject: &str| {
        format!(
            "From 12 Mon Sep 17\nFrom: A <a@b>\nSubject: [PATCH] {subject}\n\nBody.\n---\n x | 2 +-\n\n\
            diff --git a/x b/x\n--- a/x\n+++ b/x\n{HUNK}-- \n2.39.5\n\n"
        )
    };
    let patch = parsed(&(mail("one") + &mail("two")));
    let subjects: Vec<&str> = patch.messages().iter().map(|message| message.subject.raw()).collect();
    assert_eq!((subjects, patch.files().len()), (vec!["one", "two"], 2));
    assert_eq!(patch.messages()[0].body.raw(), "Body.");
}

#[test]
fn counts_must_be_right() {
    let with = |header: &str, body: &str| format!("--- a/x\n+++ b/x\n{header}\n{body}");
    check_refused(&with("@@ -1,2 +1 @@", "-a\n+b\n"), 6, "the hunk ends early: 1 old and 0 new lines are missing");
    check_refused(
        &with("@@ -1,2 +1,2 @@", "-a\n+b\n@@ -9 +9 @@\n-a\n+b\n"),
        6,
        "the hunk ends early: 1 old and 1 new lines are missing",
    );
    check_refused(&with("@@ -1 +1 @@", "-a\n+b\n+c\n"), 6, "the hunk has more lines than its header says");
    check_refused(&with("@@ -1 +1 @@", "-a\n-b\n+c\n"), 5, "the hunk has more lines than its header says");
    check_refused(&with("@@ -1 +1 @@", "-a\n+b\n c\n"), 6, "the hunk has more lines than its header says");
    check_refused(&with("@@ -1 +1 @@", "-a\n*b\n"), 5, "a line of a hunk starts with neither blank, `+`, `-` nor `\\`");
    check_refused(&with("@@ -1 +1 @@", "-a\n+b"), 5, "the patch ends within a line");
    check_refused(&with("@@ -1 +1 @", "-a\n+b\n"), 3, "cannot read this hunk header");
    check_refused(&with("@@ -1 +99999999999 @@", "-a\n+b\n"), 3, "cannot read this hunk header");
    check_refused(
        &with("@@ -0 +1 @@", "-a\n+b\n"),
        3,
        "the hunk starts at line 0, before the end of the one above it at 0",
    );
    let two = "-a\n+b\n@@ -1 +2 @@\n-a\n+b\n";
    check_refused(&with("@@ -1 +1 @@", two), 6, "the hunk starts at line 1, before the end of the one above it at 1");
    let inside = "-a\n\\ No newline at end of file\n-b\n+c\n";
    check_refused(&with("@@ -1,2 +1 @@", inside), 6, "a line without newline is followed by more lines of its side");
}

#[test]
fn names_must_agree() {
    let git = |rest: &str| format!("diff --git a/x b/x\n{rest}");
    check_refused(&git(&format!("--- a/x\n+++ b/y\n{HUNK}")), 3, "the header says `x`, this line `b/y`");
    check_refused(&git(&format!("--- a/.git/x\n+++ b/x\n{HUNK}")), 2, "the header says `x`, this line `a/.git/x`");
    check_refused(&git(&format!("--- /dev/null\n+++ b/x\n{HUNK}")), 2, "the header says `x`, this line `/dev/null`");
    check_refused(&format!("--- a/x\n+++ b/y\n{HUNK}"), 1, "the header says `a/x`, this line `b/y`");
    check_refused("diff --git a/x b/y\nold mode 100644\nnew mode 100755\n", 1, "no file name that can be read");
    check_refused(
        "diff --git a/x b/y\nrename from q\nrename to y\n",
        1,
        "the header says `a/x b/y`, this line `q → y`",
    );
    check_refused(
        "diff --git a/x b/y\nrename from x\n",
        1,
        "a rename or copy needs one `from` and one `to` of its kind",
    );
    check_refused(
        "diff --git a/x b/y\nrename from x\ncopy to y\n",
        1,
        "a rename or copy needs one `from` and one `to` of its kind",
    );
    check_refused(&format!("--- /dev/null\n+++ /dev/null\n{HUNK}"), 1, "no file name that can be read");
}

#[test]
fn headers_must_make_sense() {
    check_refused("", 1, "no file's change in it: neither `diff --git` nor `---` and `+++` lines");
    check_refused("words\n", 2, "no file's change in it: neither `diff --git` nor `---` and `+++` lines");
    check_refused("diff --git a/x b/x\nindex 1234567..89abcde 100644\n", 1, "a header that changes nothing");
    check_refused("diff --git a/x b/x\nnew file mode 999\n", 2, "cannot read this `new file mode` line");
    check_refused(
        "diff --git a/x b/x\nnew file mode 100644\nnew file mode 100755\n",
        3,
        "a second `new file mode` line for one file",
    );
    check_refused(
        "diff --git a/x b/x\nnew file mode 100644\ndeleted file mode 100644\n",
        1,
        "a file is either new, deleted, moved or changed",
    );
    check_refused("diff --git a/x b/x\nold mode 100644\n", 1, "`old mode` and `new mode` belong together");
    check_refused(
        &format!("diff --git a/x b/x\nnew file mode 100644\n--- /dev/null\n+++ b/x\n{HUNK}"),
        1,
        "a new file has old lines",
    );
    check_refused("@@ -1 +1 @@\n-a\n+b\n", 1, "a hunk without a file's header before it");
    check_refused(
        "diff --git a/x b/x\nsimilarity index 101%\nrename from x\nrename to y\n",
        2,
        "cannot read this `similarity index` line",
    );
    check_refused(
        "diff --git a/x b/x\nindex 1234567..89abcde\nGIT binary patch\nliteral 5\nzz\n\n",
        5,
        "binary data: a line is not base 85",
    );
}

#[test]
fn a_change_in_another_format_is_not_skipped() {
    let reason = "a combined or context diff: only unified diffs of two sides can be placed";
    check_refused(&format!("--- a/x\n+++ b/x\n{HUNK}diff --cc y\nindex 1,2..3\n"), 6, reason);
    check_refused("*** x\n--- x\n***************\n*** 1 ****\n", 3, reason);
    check_refused(
        &format!("--- a/x\n+++ b/x\n{HUNK}Binary files a/y and b/y differ\n"),
        6,
        "a hunk without a file's header before it",
    );
}

#[test]
fn absurd_sizes_are_refused() {
    let limits = PatchLimits { bytes: 100, files: 1, ..PatchLimits::default() };
    let two = format!("--- a/x\n+++ b/x\n{HUNK}--- a/y\n+++ b/y\n{HUNK}");
    let refused = |text: &str| Patch::parse_with(text.as_bytes(), &limits).map_err(|error| error.to_string());
    assert_eq!(refused(&two).expect_err("two files"), "line 6: files of 2: more than 1");
    assert_eq!(refused(&"x".repeat(101)).expect_err("too long"), "line 1: patch of 101: more than 100");
    let long = format!("diff --git a/{0} b/{0}\nold mode 100644\nnew mode 100755\n", "x".repeat(20_000));
    assert!(Patch::parse(long.as_bytes()).is_err());
    check_refused(
        "diff --git a/x b/x\nGIT binary patch\nliteral 99999999999\n",
        3,
        "binary data of 99999999999: more than 268435456",
    );
}

/// A patch with all kinds of headers, to be mutated.
fn sample() -> Vec<u8> {
    let mut text = b"diff --git a/x b/x\nindex 1234567..89abcde 100644\n--- a/x\n+++ b/x\n@@ -1,2 +1,2 @@ f\n a\n-b\n+c\n\\ No newline at end of file\n\
        diff --git a/y b/z\nsimilarity index 90%\nrename from y\nrename to z\n\
        diff --git \"a/\\303\" \"b/\\303\"\nnew file mode 100755\nindex 0000000..1234567\nGIT binary patch\n".to_vec();
    encode_literal(b"\0\x01\x02", &mut text);
    encode_literal(b"", &mut text);
    text
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig { failure_persistence: None, ..Default::default() })]

    #[test]
    fn any_bytes_are_read_or_refused(bytes: Vec<u8>) {
        let _ = Patch::parse(&bytes).map(|patch| patch.files().len());
    }

    #[test]
    fn broken_patches_are_read_or_refused(edits in proptest::collection::vec((proptest::prelude::any::<proptest::sample::Index>(), 0_u8..3, 0_u8..=255), 1..8)) {
        let mut bytes = sample();
        for (at, edit, byte) in edits {
            let at = at.index(bytes.len());
            match edit {
                0 => bytes[at] = byte,
                1 => bytes.insert(at, byte),
                _ => bytes.truncate(at.max(1)),
            }
        }
        if let Ok(patch) = Patch::parse(&bytes) {
            for hunk in patch.files().iter().flat_map(FilePatch::hunks) {
                let (old, new) = (patch.lines(hunk).filter(PatchLine::is_old).count(), patch.lines(hunk).filter(PatchLine::is_new).count());
                assert_eq!((old as u32, new as u32), (hunk.old_len, hunk.new_len));
            }
            let _ = crate::diff::place(&patch, &|_| Ok::<_, String>(Some(crate::diff::FileSide::regular(*b"a\nb"))));
        }
    }
}

#[test]
fn the_sample_is_a_patch() {
    assert!(Patch::parse(&sample()).is_ok_and(|patch| patch.files().len() == 3));
}

#[test]
fn a_header_that_ends_within_a_line_may_have_been_cut() {
    let patch = "diff --git a/a.txt b/a.txt.bak\nrename from a.txt\nrename to a.txt.bak";
    for cut in [patch, &patch[..patch.len() - 1], "diff --git a/x b/x\nold mode 100644\nnew mode 100755"] {
        assert_eq!(Patch::parse(cut.as_bytes()).map_err(|error| error.problem), Err(PatchProblem::CutLine), "{cut}");
    }
    assert!(Patch::parse(format!("{patch}\n").as_bytes()).is_ok());
}

#[test]
fn half_a_mark_for_a_missing_newline_may_be_anything() {
    let patch = |mark: &str| format!("--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a\n+b\n{mark}");
    for cut in ["\\", "\\ ", "\\ No newlin", "\\ No newline", "\\ No new\n"] {
        let refused = Patch::parse(patch(cut).as_bytes()).map_err(|error| error.problem);
        assert_eq!(refused, Err(PatchProblem::CutLine), "{cut}");
    }
    assert!(Patch::parse(patch("\\ No newline at end of file").as_bytes()).is_ok());
}

#[test]
fn a_hunk_that_cannot_be_read_is_not_taken_for_prose() {
    for lost in ["@@ -0,0 +4294967295,2 @@\n+one\n", "\r\nGIT binary patch\r\nliteral 0\r\n"] {
        let patch = format!("diff --git a/x b/x\nnew file mode 100644\n{lost}");
        let refused = Patch::parse(patch.as_bytes()).map_err(|error| error.problem);
        assert_eq!(refused, Err(PatchProblem::HunkWithoutFile), "{lost}");
    }
}
