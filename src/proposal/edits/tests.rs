//! Whole replies placed on small trees: each format, each tolerance, and everything that is refused.

use super::*;
use crate::diff::FileSide;
use crate::repository::MemoryTree;

const BASE: &str = "fn one() {\n    let a = 1;\n    let b = 2;\n}\n\nfn two() {\n    let a = 1;\n    let c = 3;\n}\n";

fn tree() -> MemoryTree {
    let side = |text: &str| FileSide::regular(text.as_bytes());
    MemoryTree::new([
        ("src/a.rs", side(BASE)),
        ("crlf.txt", side("one\r\ntwo\r\nthree\r\n")),
        ("open.txt", side("one\ntwo")),
        ("tabs.py", side("def f():\n\tif x:\n\t\treturn 1\n")),
        ("empty", side("")),
        ("docs/guide.md", side("# Title\n\ntext\n")),
    ])
}

/// Places `reply`; the one changed file with its new content, and the kinds of tolerance.
fn placed(reply: &str) -> Result<(String, Option<String>, Vec<Tolerance>), EditRefusals> {
    let placed = read(reply, &Finish::Stop)?.place(&tree())?;
    let file = placed.changes.files().first().expect("it changes something");
    let content = file.new.as_ref().map(|side| String::from_utf8_lossy(&side.content).into_owned());
    Ok((file.path.to_string(), content, placed.notes.into_iter().map(|note| note.tolerance).collect()))
}

#[track_caller]
fn check(reply: &str, path: &str, expected: &str, tolerated: &[Tolerance]) {
    match placed(reply) {
        Ok((found, content, notes)) => {
            assert_eq!((found.as_str(), content.as_deref()), (path, Some(expected)), "{reply}");
            assert_eq!(notes, tolerated, "{reply}");
        }
        Err(refusals) => panic!("{refusals}\n{reply}"),
    }
}

#[track_caller]
fn refused(reply: &str, part: &str) {
    match placed(reply) {
        Err(refusals) => assert!(refusals.to_string().contains(part), "{refusals}\n{reply}"),
        Ok(found) => panic!("{found:?}\n{reply}"),
    }
}

fn block(path: &str, search: &str, replace: &str) -> String {
    format!("{path}\n```\n<<<<<<< SEARCH\n{search}=======\n{replace}>>>>>>> REPLACE\n```\n")
}

fn changed(old: &str, new: &str) -> String {
    BASE.replace(old, new)
}

#[test]
fn search_and_replace_blocks() {
    let new = changed("let b = 2", "let b = 20");
    check(&block("src/a.rs", "    let b = 2;\n", "    let b = 20;\n"), "src/a.rs", &new, &[]);
    check(
        "In `src/a.rs`:\n<<<<< SEARCH\n    let b = 2;\n=====\n    let b = 20;\n>>>>> REPLACE\n",
        "src/a.rs",
        &new,
        &[],
    );
    let cline = "src/a.rs\n------- SEARCH\n    let b = 2;\n=======\n    let b = 20;\n+++++++ REPLACE\n";
    check(cline, "src/a.rs", &new, &[]);
    let roo =
        "src/a.rs\n<<<<<<< SEARCH\n:start_line:7\n-------\n    let a = 1;\n=======\n    let a = 9;\n>>>>>>> REPLACE\n";
    check(roo, "src/a.rs", &changed("fn two() {\n    let a = 1", "fn two() {\n    let a = 9"), &[]);
    refused(&block("src/a.rs", "    let a = 1;\n", "    let a = 9;\n"), "2 places, at lines 2, 7");
    refused("<<<<<<< SEARCH\nx\n=======\ny\n>>>>>>> REPLACE\n", "no file is named");
    refused("src/a.rs\n<<<<<<< SEARCH\nx\n>>>>>>> REPLACE\n", "without `=======`");
    refused("src/a.rs\n<<<<<<< SEARCH\nx\n=======\ny\n=======\nz\n>>>>>>> REPLACE\n", "more than one");
    refused("src/a.rs\n<<<<<<< SEARCH\nx\n=======\ny\n", "cut off");
    refused(&block("src/a.rs", "gone\n", "x\n"), "nowhere");
}

#[test]
fn tolerances_are_taken_where_one_place_fits() {
    let new = changed("let b = 2", "let b = 20");
    check(
        &block("src/a.rs", "    let b = 2;  \n", "    let b = 20;\n"),
        "src/a.rs",
        &new,
        &[Tolerance::TrailingBlanks],
    );
    check(&block("src/a.rs", "let b = 2;\n", "let b = 20;\n"), "src/a.rs", &new, &[Tolerance::Indentation]);
    check(
        &block("src/a.rs", "\n    let b = 2;\n\n", "\n    let b = 20;\n\n"),
        "src/a.rs",
        &new,
        &[Tolerance::BlankEnds],
    );
    let tabs = block("tabs.py", "def f():\n    if x:\n        return 1\n", "def f():\n    if x:\n        return 2\n");
    check(&tabs, "tabs.py", "def f():\n\tif x:\n\t\treturn 2\n", &[Tolerance::Indentation]);
    check(&block("crlf.txt", "two\n", "2\n2b\n"), "crlf.txt", "one\r\n2\r\n2b\r\nthree\r\n", &[Tolerance::LineEnds]);
    check(&block("open.txt", "two\n", "2\n"), "open.txt", "one\n2", &[Tolerance::FinalNewline]);
    let gap = block("src/a.rs", "fn one() {\n...\n    let b = 2;\n", "fn uno() {\n...\n    let b = 20;\n");
    check(&gap, "src/a.rs", &new.replace("fn one", "fn uno"), &[Tolerance::Elided]);
    // the shift would fit twice
    refused(&block("src/a.rs", "let a = 1;\n", "let a = 9;\n"), "2 places");
    refused(&block("src/a.rs", "fn one() {\n    let b = 2;\n", "x\n"), "nowhere");
    let lazy = block("src/a.rs", "    let b = 2;\n", "    // ... existing code ...\n");
    refused(&lazy, "leave code out");
}

#[test]
fn unified_diffs() {
    let new = changed("let b = 2", "let b = 20");
    let body = " fn one() {\n     let a = 1;\n-    let b = 2;\n+    let b = 20;\n }\n";
    let fenced = |head: &str| format!("Here:\n\n```diff\n{head}{body}```\n");
    check(&fenced("--- a/src/a.rs\n+++ b/src/a.rs\n@@ -1,4 +1,4 @@\n"), "src/a.rs", &new, &[]);
    check(&fenced("--- src/a.rs\n+++ src/a.rs\n@@ ... @@\n"), "src/a.rs", &new, &[]);
    check(&fenced("--- src/a.rs\n+++ src/a.rs\n@@\n"), "src/a.rs", &new, &[]);
    check(&fenced("--- a/src/a.rs\n+++ b/src/a.rs\n@@ -1,9 +1,2 @@\n"), "src/a.rs", &new, &[Tolerance::WrongCounts]);
    let drift = Tolerance::LineNumbers { said: 40, found: 1 };
    check(&fenced("--- a/src/a.rs\n+++ b/src/a.rs\n@@ -40,4 +40,4 @@\n"), "src/a.rs", &new, &[drift]);
    let root = Tolerance::Path { said: "/workspace/src/a.rs".to_owned() };
    check(&fenced("--- /workspace/src/a.rs\n+++ /workspace/src/a.rs\n@@ -1,4 +1,4 @@\n"), "src/a.rs", &new, &[root]);
    let mut bare = format!("--- a/src/a.rs\n+++ b/src/a.rs\n@@ -1,4 +1,4 @@\n{body}");
    check(&bare, "src/a.rs", &new, &[]);
    bare.truncate(bare.len() - 4);
    assert!(read(&bare, &Finish::Other("file".to_owned())).is_err(), "a bare diff that was cut");
    refused(&format!("```diff\n--- a/src/a.rs\n+++ b/src/a.rs\n@@ -1,4 +1,4 @@\n{body}"), "cut off");
    refused("```diff\n--- a/x\n+++ b/y\n@@ -1 +1 @@\n-a\n+b\n```\n", "names of a file's header differ");
    refused(&format!("diff --git a/y b/y\n--- a/src/a.rs\n+++ b/src/a.rs\n@@ -1,4 +1,4 @@\n{body}"), "differ");
    refused("```diff\n-    let b = 2;\n+    let b = 20;\n```\n", "without a hunk's header");
    let tex = "```diff\n--- src/a.rs\n+++ src/a.rs\n@@ @@\n }\n\\section{b}\n+x\n```\n";
    refused(tex, "neither blank");
    refused("```diff\n--- src/a.rs\n+++ src/a.rs\n@@ @@\nlet b = 2;\n+x\n```\n", "neither blank");
}

#[test]
fn a_bare_diff_without_numbers_goes_on_behind_an_empty_line_or_is_refused() {
    // the blank of an empty context line was lost, and the next hunk follows
    let two = "--- a/src/a.rs\n+++ b/src/a.rs\n@@\n-    let b = 2;\n+    let b = 20;\n }\n\n@@ ... @@\n-    let c = 3;\n+    let c = 30;\n";
    check(two, "src/a.rs", &changed("let b = 2", "let b = 20").replace("c = 3;", "c = 30;"), &[]);
    let apart = two.replace("\n\n@@ ... @@", "\n\nAnd then:\n\n@@ ... @@");
    refused(&apart, "a hunk without a file's name above it");
}

#[test]
fn a_reply_that_ends_where_another_edit_begins_was_cut() {
    let edit = block("src/a.rs", "    let b = 2;\n", "    let b = 20;\n");
    let cut = |tail: &str| read(&format!("{edit}{tail}"), &Finish::Other("file".to_owned()));
    for tail in ["@", "diff --gi", "--- a/x\n", "\n*** Begi", "<<<<<", "docs/guide.md"] {
        assert!(cut(tail).expect_err(tail).to_string().contains("cut off"), "{tail}");
    }
    for tail in ["", "Done.\n", "- It is done.\n", "\n"] {
        assert!(cut(tail).is_ok(), "{tail:?}");
    }
}

#[test]
fn headings_tell_equal_places_apart_and_numbers_do_where_they_hold() {
    let two = changed("fn two() {\n    let a = 1", "fn two() {\n    let a = 9");
    let hunk = |header: &str| {
        format!("```diff\n--- src/a.rs\n+++ src/a.rs\n{header}\n-    let a = 1;\n+    let a = 9;\n```\n")
    };
    check(&hunk("@@ -7 +7 @@"), "src/a.rs", &two, &[]);
    check(&hunk("@@ fn two() {"), "src/a.rs", &two, &[]);
    refused(&hunk("@@ -5 +5 @@"), "2 places");
    refused(&hunk("@@ -7,4 +7,4 @@"), "2 places");
    refused(&hunk("@@"), "2 places");
    let patch = |anchor: &str, old: &str| {
        format!("*** Begin Patch\n*** Update File: src/a.rs\n@@ {anchor}\n-{old}\n+    let a = 9;\n*** End Patch\n")
    };
    check(&patch("fn two() {", "    let a = 1;"), "src/a.rs", &two, &[]);
    refused(&patch("fn two() {", "    let b = 2;"), "do not stand below");
}

#[test]
fn apply_patch_blocks() {
    let update = "*** Begin Patch\n*** Update File: src/a.rs\n@@\n fn one() {\n     let a = 1;\n-    let b = 2;\n+    let b = 20;\n*** End Patch\n";
    check(update, "src/a.rs", &changed("let b = 2", "let b = 20"), &[]);
    let add = "*** Begin Patch\n*** Add File: src/new.rs\n+one\n+\n+two\n*** End Patch\n";
    check(add, "src/new.rs", "one\n\ntwo\n", &[]);
    let end = "*** Begin Patch\n*** Update File: crlf.txt\n@@\n+four\n*** End of File\n*** End Patch\n";
    check(end, "crlf.txt", "one\r\ntwo\r\nthree\r\nfour\r\n", &[]);
    let gone = placed("*** Begin Patch\n*** Delete File: src/a.rs\n*** End Patch\n").expect("it deletes");
    assert_eq!((gone.0.as_str(), gone.1), ("src/a.rs", None));
    let moved =
        "*** Begin Patch\n*** Update File: open.txt\n*** Move to: shut.txt\n@@\n-one\n+eins\n two\n*** End Patch\n";
    let moved = read(moved, &Finish::Stop).expect("reads").place(&tree()).expect("moves");
    let paths: Vec<String> = moved.changes.files().iter().map(|file| file.path.to_string()).collect();
    assert_eq!(paths, ["open.txt", "shut.txt"]);
    refused(&update.replace("*** End Patch\n", ""), "cut off");
    refused(&add.replace("src/new.rs", "src/a.rs"), "already exists");
    refused(&add.replace("src/new.rs", "src/a.rs/x"), "is a file");
    refused(&add.replace("src/new.rs", "../x"), "no path inside");
    refused(&add.replace("src/new.rs", "/etc/x"), "no path inside");
    refused("*** Begin Patch\n*** Update File: src/a.rs\n@@\nfoo\n*** End Patch\n", "neither blank");
    refused("*** Update File: src/a.rs\n-x\n", "outside of one");
}

#[test]
fn whole_files() {
    let whole = "`docs/guide.md` (whole file):\n\n```md\n# New\n```\n";
    check(whole, "docs/guide.md", "# New\n", &[Tolerance::WholeFile]);
    check("New file `docs/b.md`:\n```\nx\n```\n", "docs/b.md", "x\n", &[]);
    // a name without a dot, where nothing but one can stand; other words above a fence name none
    for line in ["`main` (complete)", "The whole `main`", "The new file structure:", "The whole of it (of the file)"] {
        refused(&format!("{line}\n```\nx\n```\n"), "no edit");
    }
    // what is said to be a file is one, and none is lost beside others
    for line in ["CHANGES (whole file)", "The whole file `CHANGES`:", "Here is the new file:", "`a` and `b` (new file)"]
    {
        refused(&format!("{line}\n```\nx\n```\n\n{whole}"), "no file is named");
    }
    let json = "Here is the new file:\n```json\n{\"path\": \"docs/b.md\", \"content\": \"x\\n\"}\n```\n";
    check(json, "docs/b.md", "x\n", &[]);
    check(
        "The complete file `crlf.txt`:\n```\nx\ny\n```\n",
        "crlf.txt",
        "x\r\ny\r\n",
        &[Tolerance::LineEnds, Tolerance::WholeFile],
    );
    refused("docs/guide.md\n```md\n# New\n```\n", "nothing says that it is the whole file");
    let asked = read_as("docs/guide.md\n```md\n# New\n```\n", &Finish::Stop, NamedFence::Whole).expect("reads");
    assert_eq!(asked.named().collect::<Vec<_>>(), ["docs/guide.md"]);
    refused("New file `docs/guide.md`:\n```\nx\n```\n", "already exists");
    refused("`docs/guide.md` (whole file)\n```md\nx\n```sh\nls\n```\ny\n```\n", "fences inside of a fence");
    refused("`src/a.rs` (whole file)\n```rust\nfn one() {}\n// ... rest of the file ...\n```\n", "leave code out");
    refused("`src/a.rs` (whole file)\n```rust\nfn one() {}\n", "cut off");
}

#[test]
fn a_fence_that_only_names_its_file_is_whole_where_nothing_of_the_file_is_missing() {
    let named = |path: &str, content: &str| format!("Here it is:\n\n{path}\n```rust\n{content}```\n");
    let new = changed("let b = 2", "let b = 20");
    check(&named("src/a.rs", &new), "src/a.rs", &new, &[Tolerance::WholeFile, Tolerance::NamedFence]);
    check(&named("src/new.rs", "fn new() {}\n"), "src/new.rs", "fn new() {}\n", &[Tolerance::NamedNew]);
    refused(&named("src/a.rs", "fn one() {\n    let b = 20;\n}\n"), "the file's last line");
    refused(&named("src/a.rs", &new.replace("fn two", "// ... existing code ...\nfn two")), "may stand for code");
    refused(&named("a.rs", "fn new() {}\n"), "it may be meant for `src/a.rs`");
    // beside edits it is something to look at
    let edit = block("open.txt", "one\n", "eins\n");
    refused(&format!("{}{edit}", named("src/a.rs", &new)), "other edits stand beside it");
    let twice = format!("{}{}", named("src/a.rs", &new), named("src/a.rs", &new));
    refused(&twice, "already replaces it");
}

#[test]
fn tags_stand_in_place_of_fences() {
    let new = changed("let b = 2", "let b = 20");
    let tagged = |path: &str, content: &str| format!("{path}\n<source>\n{content}</source>\n\nThat is all.\n");
    let inner = "<<<<<<< SEARCH\n    let b = 2;\n=======\n    let b = 20;\n>>>>>>> REPLACE\n";
    check(&tagged("src/a.rs", inner), "src/a.rs", &new, &[]);
    check(&tagged("src/a.rs", &new), "src/a.rs", &new, &[Tolerance::WholeFile, Tolerance::NamedFence]);
    // a language behind the tag, as behind a fence; words are none
    check(&tagged("src/a.rs", inner).replace("<source>", "<source>rust"), "src/a.rs", &new, &[]);
    refused(&tagged("src/a.rs", inner).replace("<source>", "<source>some words"), "no file is named");
    // fences are its own, a word in the file before says nothing of this one
    let guide = "# New\n\n```sh\nls\n```\n";
    check(&tagged("`docs/guide.md` (whole file)", guide), "docs/guide.md", guide, &[Tolerance::WholeFile]);
    let two = tagged("docs/b.md", "the whole file\n") + &tagged("docs/guide.md", "# New\n");
    refused(&two, "nothing says that it is the whole file");
    refused(&tagged("src/a.rs", "fn one() {\n    let b = 20;\n}\n"), "the file's last line");
    refused(&tagged("`docs/guide.md` (whole file)", "a\n<source>\nb\n</source>\nc\n"), "where the file ends");
    refused(&tagged("`docs/guide.md` (whole file)", "a\n</source>\nc\n"), "where the file ends");
    refused("`docs/guide.md` (whole file)\n<source>\na\n", "cut off");
    refused("The page has\n<pre>\nin it.\n", "no edit");
}

#[test]
fn a_name_may_stand_above_a_fence_and_in_it() {
    let new = changed("let b = 2", "let b = 20");
    let inner = "src/a.rs\n```rust\n<<<<<<< SEARCH\n    let b = 2;\n=======\n    let b = 20;\n>>>>>>> REPLACE\n```\n";
    check(&format!("### `src/a.rs`\n\n```rust\n{inner}"), "src/a.rs", &new, &[]);
    check(&format!("**src/a.rs**\n```rust\n{inner}\nAnd then:\n\n```sh\nls\n```\n"), "src/a.rs", &new, &[]);
    // all of it in a fence of its own
    let framed = format!("``````markdown\n**`src/a.rs`**\n\n{}``````\n", inner.trim_start_matches("src/a.rs\n"));
    check(&framed, "src/a.rs", &new, &[]);
    // the fence's own file is another: it may show how edits are written
    refused(&format!("### `docs/guide.md`\n\n```md\n{inner}"), "fences inside of a fence");
}

#[test]
fn names_of_routes_are_names_and_other_roots_are_none_of_the_tree() {
    let routes = MemoryTree::new([("app/[id]/page.ts", FileSide::regular(*b"one\ntwo\n"))]);
    let edit = read(&block("app/[id]/page.ts", "two\n", "2\n"), &Finish::Stop).expect("reads");
    assert_eq!(edit.place(&routes).expect("places").changes.files().len(), 1);
    check(
        "New file `C:\\work\\docs\\b.md`:\n```\nx\n```\n",
        "docs/b.md",
        "x\n",
        &[Tolerance::Path { said: "C:\\work\\docs\\b.md".to_owned() }],
    );
    refused("New file `C:\\work\\LICENSE`:\n```\nx\n```\n", "no path inside");
    refused(r#"{"path": "~/notes.md", "content": "x\n"}"#, "no path inside");
}

#[test]
fn a_new_file_keeps_the_line_ends_that_are_its_own() {
    let diff = "--- /dev/null\n+++ b/n.txt\n@@ -0,0 +1,2 @@\n+one\r\n+two\r\n";
    check(diff, "n.txt", "one\r\ntwo\r\n", &[]);
    check(&diff.replace("\r\n", "\n").replace('\n', "\r\n"), "n.txt", "one\ntwo\n", &[]);
    check(r#"{"path": "n.txt", "content": "x\r\n"}"#, "n.txt", "x\r\n", &[]);
}

#[test]
fn json_edits() {
    let new = changed("let b = 2", "let b = 20");
    check(
        r#"{"edits": [{"path": "src/a.rs", "search": "let b = 2;", "replace": "let b = 20;"}]}"#,
        "src/a.rs",
        &new,
        &[],
    );
    let fenced = "Here:\n```json\n[{\"file\": \"src/a.rs\", \"old_string\": \"    let b = 2;\\n\", \"new_string\": \"    let b = 20;\\n\"}]\n```\n";
    check(fenced, "src/a.rs", &new, &[]);
    let call = r#"{"name": "edit", "arguments": "{\"path\":\"src/a.rs\",\"search\":\"    let b = 2;\",\"replace\":\"    let b = 20;\"}"}"#;
    check(call, "src/a.rs", &new, &[]);
    check(r#"{"path": "docs/new.md", "content": "x\n"}"#, "docs/new.md", "x\n", &[]);
    assert_eq!(placed(r#"{"edits": [{"path": "src/a.rs", "delete": true}]}"#).expect("deletes").1, None);
    refused(r#"{"edits": [{"path": "src/a.rs", "search": "let a = 1;", "replace": "x"}]}"#, "2 places");
    refused(r#"{"edits": [{"path": "src/a.rs", "search": "b = 2", "replace": "b = 3"}]}"#, "nowhere");
    refused(r#"{"edits": [{"path": "src/a.rs", "search": "let b = 2;\n", "replace": "x"}]}"#, "ends with a newline");
    refused(
        r#"{"edits": [{"path": "src/a.rs", "search": "let b = 2;", "replace": "x", "all": true}]}"#,
        "`all` is not known",
    );
    refused(r#"{"edits": [{"path": "src/a.rs", "path": "x", "content": ""}]}"#, "stands twice");
    refused(r#"{"edits": [{"path": "src/a.rs", "search": "let b"#, "cut off");
    refused("Like so: \n{\"edits\": [{\"path\": \"a\", \"delete\": true}]}\n", "amid other text");
}

#[test]
fn edits_of_one_file_join_without_overlap() {
    let first = block("src/a.rs", "fn one() {\n", "fn uno() {\n");
    let both = format!("{first}{}", block("src/a.rs", "    let c = 3;\n", "    let c = 30;\n"));
    check(&both, "src/a.rs", &changed("fn one", "fn uno").replace("c = 3;", "c = 30;"), &[]);
    // it builds on what the first one left
    let next = format!("{first}{}", block("src/a.rs", "fn uno() {\n", "fn eins() {\n"));
    check(&next, "src/a.rs", &changed("fn one", "fn eins"), &[Tolerance::AfterOthers]);
    refused(&format!("{first}{first}"), "nowhere");
    let whole = "`src/a.rs` (whole file)\n```\nx\n```\n";
    refused(&format!("{first}{whole}"), "already changes");
}

#[test]
fn what_moves_is_taken_away_where_the_file_has_it_or_nowhere() {
    let a = "    let a = 1;\n    let c = 3;\n";
    let there = block("src/a.rs", "fn one() {\n", &format!("fn none() {{\n{a}}}\n\nfn one() {{\n"));
    let gone = |old: &str| format!("{there}{}", block("src/a.rs", &format!("{old}}}\n"), "}\n"));
    let new = changed("fn one() {", &format!("fn none() {{\n{a}}}\n\nfn one() {{"));
    let moved = new.replace("fn two() {\n    let a = 1;\n    let c = 3;\n", "fn two() {\n");
    check(&gone(a), "src/a.rs", &moved, &[]);
    // the file's own are other lines by now, and the copy that was just written is not what is to go
    let other = a.replace("c = 3", "c = 4");
    let stale = gone(&other).replacen(a, &other, 1);
    refused(&stale, "nowhere");
    let turned = stale.replace("=======\n}\n", "=======\n    let a = 2;\n    let c = 4;\n}\n");
    refused(&turned, "nowhere");
    // nothing in the file is like what was written: it is written anew
    let grown = "fn none() {\n    first();\n    second();\n}\n\n";
    let there = block("src/a.rs", "fn one() {\n", &format!("{grown}fn one() {{\n"));
    let anew = format!("{there}{}", block("src/a.rs", "    first();\n    second();\n", "    second();\n"));
    let new = changed("fn one() {", &format!("{}fn one() {{", grown.replace("    first();\n", "")));
    check(&anew, "src/a.rs", &new, &[Tolerance::AfterOthers]);
}

#[test]
fn an_edit_that_was_made_before_is_not_made_again() {
    let there = "its new lines already stand there";
    let end = "    let b = 2;\n}\n";
    refused(&block("src/a.rs", "fn one() {\n    let a = 1;\n", "fn one() {\n    let a = 1;\n    let b = 2;\n"), there);
    // who names the line that is alike means it
    let twice = format!("    let b = 2;\n{end}");
    check(&block("src/a.rs", end, &twice), "src/a.rs", &changed(end, &twice), &[]);
}

#[test]
fn a_reply_that_is_not_whole_or_not_one_is_refused_and_told() {
    let edit = block("src/a.rs", "    let b = 2;\n", "    let b = 20;\n");
    assert!(read(&edit, &Finish::Length).is_err());
    assert!(read(&edit, &Finish::Filtered).is_err());
    refused("I would change nothing.\n", "no edit");
    refused(&format!("{edit}\n>>>>>>> REPLACE\n"), "without its start");
    refused(&format!("<think>\n{edit}"), "no edit");
    check(&format!("<think>\nhm\n</think>\n{edit}"), "src/a.rs", &changed("let b = 2", "let b = 20"), &[]);
    let thought = format!("<thinking-content-7b>\n{edit}\n</thinking-content-7b>\n{edit}");
    check(&thought, "src/a.rs", &changed("let b = 2", "let b = 20"), &[]);
    let refusals =
        placed(&block("src/a.rs", "fn one() {\n    let a = 1;\n    let b = 3;\n", "x\n")).expect_err("moved on");
    let told = refusals.for_model();
    assert!(told.contains("None of your edits was applied") && told.contains("    3 |     let b = 2;"), "{told}");
}

#[test]
fn a_tools_call_is_an_edit_too() {
    let reply = ChatReply {
        text: "I change it.".to_owned(),
        calls: vec![crate::infrastructure::llm::CallBlock {
            id: "1".to_owned(),
            name: "str_replace".to_owned(),
            arguments: r#"{"path":"src/a.rs","old_str":"    let b = 2;","new_str":"    let b = 20;"}"#.to_owned(),
        }],
        finish: Finish::Tools,
        usage: Default::default(),
        model: String::new(),
        request_id: String::new(),
        kept: None,
        without_tools: false,
        hides_key: false,
    };
    let placed = read_reply(&reply).expect("reads").place(&tree()).expect("places");
    assert_eq!(placed.changes.files().len(), 1);
    let broken = ChatReply {
        calls: vec![crate::infrastructure::llm::CallBlock {
            arguments: "{\"path\":".to_owned(),
            ..reply.calls[0].clone()
        }],
        ..reply
    };
    assert!(read_reply(&broken).is_err());
}

#[test]
fn what_a_damaged_diff_lost_is_not_left_out_without_a_word() {
    let hunk = |numbers: &str, lines: &str| format!("--- a/docs/guide.md\n+++ b/docs/guide.md\n{numbers}\n{lines}");
    let open = hunk("@@ -3 +3,2 A@", " text\n+more\n");
    check(&open, "docs/guide.md", "# Title\n\ntext\nmore\n", &[Tolerance::OpenHeader]);
    // the line that was to go is gone from the diff
    let nothing = "a hunk whose numbers say that it changes something, and whose lines do not";
    refused(&(hunk("@@ -3 +3,2 @@", " text\n+more\n") + "@@ -1,2 +1 @@\n # Title\n"), nothing);
    let new = |index: &str, rest: &str| format!("diff --git a/n.txt b/n.txt\nnew file mode 100644\n{index}{rest}");
    let lines = "--- /dev/null\n+++ b/n.txt\n@@ -0,0 +1 @@\n+n\n\\ No newline at end of file\n";
    let twice = new("index 0000000..1234567\n", lines) + "\\ No newline at end of file\n";
    check(&twice, "n.txt", "n", &[Tolerance::SaidTwice]);
    let rest = "changed lines behind the end of a hunk";
    refused(&new("index 0000000..1234567\n", "--- /dev/null\n+++ b/n.txt\n@@ -0,0 +1 @@\n+n\n\n+o\n"), rest);
    let list = new("", "--- /dev/null\n+++ b/n.txt\n@@ -0,0 +1 @@\n+n\n\n- It is new.\n");
    check(&list, "n.txt", "n\n", &[]);
    let missing = "a new file's lines are missing";
    refused(&new("index 0000000..1234567\n", ""), missing);
    refused(&new("index 000", ""), missing);
    check(&new("index 0000000..e69de29\n", ""), "n.txt", "", &[]);
    check(&new("", ""), "n.txt", "", &[]);
}

#[test]
fn context_that_lost_its_blank_shifts_no_new_line() {
    let diff = "--- a/src/a.rs\n+++ b/src/a.rs\n@@ @@\n    let a = 1;\n    let b = 2;\n+\n+    let d = 4;\n";
    refused(diff, "indentation");
    let patch = "*** Begin Patch\n*** Update File: src/a.rs\n@@\n    let a = 1;\n    let b = 2;\n+    let d = 4;\n*** End Patch\n";
    refused(patch, "indentation");
}

#[test]
fn a_new_line_has_no_blanks_of_one_that_stays() {
    let tree = MemoryTree::new([("a", FileSide::regular("x\n  }  \nend\n".as_bytes()))]);
    let reply = "--- a/a\n+++ b/a\n@@ -1,3 +1,5 @@\n x\n   }\n+y\n+  }\n end\n";
    let placed = read(reply, &Finish::Stop).and_then(|edits| edits.place(&tree)).expect("it is clear");
    let new = placed.changes.files()[0].new.as_ref().map(|side| side.content.to_vec());
    assert_eq!(new.as_deref(), Some(&b"x\n  }  \ny\n  }\nend\n"[..]));
}

#[test]
fn hunks_stand_in_the_order_of_their_numbers() {
    let tree = MemoryTree::new([("a", FileSide::regular("r\ns\nzz\np\nq\nend\n".as_bytes()))]);
    let reply = "--- a/a\n+++ b/a\n@@ -4,2 +4,2 @@\n p \n-q\n+Q\n@@ -20,2 +20,2 @@\n r\n-s\n+S\n";
    let refusals = read(reply, &Finish::Stop).and_then(|edits| edits.place(&tree)).expect_err("the second is above");
    assert!(refusals.to_string().contains("above those of the hunk before"), "{refusals}");
}

#[test]
fn half_a_line_that_was_wrapped_ends_no_hunk() {
    let reply = "--- a/src/a.rs\n+++ b/src/a.rs\n@@ -1,4 +1,4 @@\n fn one() {\n-    let a = 1;\n+    let a = a_long_line_that\nwent_on();\n     let b = 2;\n }\n";
    refused(reply, "the next one is none of its own");
}
