//! Names that files of several folders have: what a reply names is what it means, or it is refused.

use super::*;
use crate::diff::FileSide;
use crate::repository::MemoryTree;

const README: &str = "# The project\n\nWhat it is for.\n\n## Usage\n\nRun it with care.\n";
const CORE: &str = "def core():\n    return 1\n\n\ndef other():\n    return 2\n";

fn tree() -> MemoryTree {
    let side = |text: &str| FileSide::regular(text.as_bytes());
    MemoryTree::new([
        ("README.md", side(README)),
        ("VERSION", side("1.2.3\n")),
        ("Dockerfile", side("FROM scratch\nCOPY . /srv\nRUN true\n")),
        ("package.json", side("{\n  \"name\": \"top\",\n  \"version\": \"1.0.0\",\n  \"private\": true\n}\n")),
        ("web/app.ts", side("export const app = 1;\n")),
        ("src/core.py", side(CORE)),
        ("app/app.py", side(CORE)),
        ("tests/__init__.py", side("")),
    ])
}

/// What a reply does to which files, or why it is refused.
fn placed(reply: &str) -> String {
    let placed = read(reply, &Finish::Stop).and_then(|edits| edits.place(&tree()));
    let done = |change: &crate::diff::FileChange| {
        let what = match (&change.old, &change.new) {
            (None, _) => "makes",
            (_, None) => "deletes",
            _ => "changes",
        };
        format!("{what} {}", change.path)
    };
    placed.map_or_else(
        |refusals| format!("refused: {refusals}"),
        |placed| placed.changes.files().iter().map(done).collect::<Vec<_>>().join(", "),
    )
}

#[track_caller]
fn check(reply: &str, expected: &str) {
    assert_eq!(placed(reply), expected, "{reply}");
}

#[track_caller]
fn refused(reply: &str) {
    let found = placed(reply);
    assert!(found.starts_with("refused: "), "{found}\n{reply}");
}

fn whole(path: &str, content: &str) -> String {
    format!("Here is the complete file `{path}`:\n\n{path}\n```\n{content}```\n")
}

fn json(path: &str, rest: &str) -> String {
    format!("{{\"edits\": [{{\"path\": \"{path}\", {rest}}}]}}")
}

fn block(path: &str, search: &str, replace: &str) -> String {
    format!("{path}\n```\n<<<<<<< SEARCH\n{search}=======\n{replace}>>>>>>> REPLACE\n```\n")
}

#[test]
fn a_whole_file_is_new_where_its_name_has_a_place_of_its_own() {
    check(&whole("web/README.md", "# The web part\n\nIt shows it.\n"), "makes web/README.md");
    // the other's content, its lines with some changed, an excerpt: a copy, or the top one below the repository's name
    refused(&whole("web/README.md", README));
    refused(&whole("web/README.md", &README.replace("care", "great care")));
    refused(&whole("/workspace/web/README.md", README));
    refused("`web/package.json`\n```\n  \"version\": \"1.0.1\",\n  \"private\": true\n```\n");
    refused("`web/README.md`\n```\nRun it with care.\n```\n");
    refused(&whole("/workspace/web/VERSION", "1.2.4\n"));
    check(&whole("web/VERSION", "1.2.4\n"), "makes web/VERSION");
    check(&block("web/README.md", "", README), "makes web/README.md");
    check(&whole("/workspace/web/README.md", "# The web part\n"), "makes web/README.md");
    check(&json("web/package.json", r#""content": "{}\n""#), "makes web/package.json");
    check(&whole("docs/README.md", "# The words\n\nThey are here.\n"), "makes docs/README.md");
}

#[test]
fn a_whole_file_below_a_root_is_the_one_whose_lines_it_keeps() {
    let longer = README.replace("with care", "with great care");
    check(&whole("/workspace/README.md", &longer), "changes README.md");
    check(&whole("project/README.md", &longer), "changes README.md");
    check(&whole("/home/user/project/src/core.py", &CORE.replace("2", "3")), "changes src/core.py");
    // half of it: an excerpt, another file, a rewrite; nobody can say
    refused(&whole("project/README.md", "# The project\n\nSomething else.\n\n## Install\n\nAsk for it.\n## Usage\n"));
    refused(&whole("/workspace/VERSION", "1.2.4\n"));
    refused(&whole("project/VERSION", "1.2.4\n"));
    // too short to tell, and a file that is new: one prefix is not read in two ways
    refused(&(whole("project/README.md", &longer) + &whole("project/VERSION", "1.2.4\n")));
    refused(&(whole("project/README.md", &longer) + &whole("project/src/new.py", "new = True\n")));
    refused(&(whole("project/README.md", &longer) + &block("project/src/new.py", "", "new = True\n")));
    // a new folder with a copy in it
    refused(&(whole("newpkg/README.md", README) + &whole("newpkg/main.py", "new = True\n")));
    refused(&whole("newpkg/README.md", README));
    check(
        &(block("newpkg/README.md", "", README) + &whole("newpkg/main.py", "new = True\n")),
        "makes newpkg/README.md, makes newpkg/main.py",
    );
    // where lines show the prefix it is known
    let shown = block("project/src/core.py", "    return 1\n", "    return 7\n");
    check(&(shown + &whole("project/src/new.py", "new = True\n")), "changes src/core.py, makes src/new.py");
}

#[test]
fn what_goes_away_is_named_in_full_or_below_a_root_that_other_lines_show() {
    check("*** Begin Patch\n*** Delete File: Dockerfile\n*** End Patch\n", "deletes Dockerfile");
    refused("*** Begin Patch\n*** Delete File: web/Dockerfile\n*** End Patch\n");
    refused("*** Begin Patch\n*** Delete File: /web/Dockerfile\n*** End Patch\n");
    refused(&json("web/Dockerfile", r#""delete": true"#));
    refused(&json("project/src/core.py", r#""delete": true"#));
    check(&json("/workspace/src/core.py", r#""delete": true"#), "deletes src/core.py");
    let both = "*** Begin Patch\n*** Update File: /workspace/web/app.ts\n@@\n-export const app = 1;\n+export const app = 2;\n\
                *** Delete File: /workspace/Dockerfile\n*** Add File: /workspace/new/a.ts\n+a\n*** End Patch\n";
    check(both, "deletes Dockerfile, makes new/a.ts, changes web/app.ts");
    refused("*** Begin Patch\n*** Delete File: web/Dockerfile\n*** Add File: web/new.ts\n+a\n*** End Patch\n");
}

#[test]
fn lines_of_a_missing_file_are_not_looked_for_in_its_namesake() {
    refused(&block("web/package.json", "  \"version\": \"1.0.0\",\n", "  \"version\": \"1.0.1\",\n"));
    refused(&block("/workspace/web/package.json", "  \"version\": \"1.0.0\",\n", "  \"version\": \"1.0.1\",\n"));
    refused(&block("web/new/package.json", "  \"version\": \"1.0.0\",\n", "  \"version\": \"1.0.1\",\n"));
    check(&block("project/src/core.py", "    return 1\n", "    return 7\n"), "changes src/core.py");
    // the repository is called as its folder is
    check(&block("app/app/app.py", "    return 1\n", "    return 7\n"), "changes app/app.py");
}

#[test]
fn a_file_without_old_lines_is_made_where_it_is_said() {
    check(&block("docs/README.md", "", "# The words\n"), "makes docs/README.md");
    // a blank line is none
    check(&block("docs/README.md", "\n", "# The words\n"), "makes docs/README.md");
    refused(&block("README.md", "\n", "# The words\n"));
    check(&block("crates/x/Dockerfile", "", "FROM scratch\n"), "makes crates/x/Dockerfile");
    check(&block("pkg/tests/__init__.py", "", "ready = True\n"), "makes pkg/tests/__init__.py");
}

#[test]
fn words_about_a_part_and_names_that_sound_whole_make_no_file_whole() {
    for above in ["Here is the complete function:", "To complete the change:", "The entire method of this file:"] {
        refused(&format!("{above}\n\nsrc/core.py\n```\ndef other():\n    return 3\n```\n"));
    }
    let tree = MemoryTree::new([("complete.py", FileSide::regular(CORE.as_bytes()))]);
    let edits = read("complete.py\n```\ndef other():\n    return 3\n```\n", &Finish::Stop).expect("a fence");
    assert!(edits.place(&tree).is_err(), "its name says nothing");
}

#[test]
fn a_fence_below_the_name_of_a_file_is_not_left_out_in_silence() {
    let beside = whole("src/core.py", &CORE.replace("return 2", "return 3"));
    refused(&format!("./VERSION\n```\n2.0.0\n```\n\n{beside}"));
    refused(&format!("VERSION\n```\n2.0.0\n```\n\n{beside}"));
    check(&format!("Output\n```\nfine\n```\n\n{beside}"), "changes src/core.py");
}

#[test]
fn a_whole_file_that_is_like_one_below_is_not_made_anew_at_the_top() {
    refused(&whole("core.py", &CORE.replace("return 2", "return 3")));
    check(&whole("core.py", "import os\n"), "makes core.py");
}

#[test]
fn one_prefix_is_not_read_in_two_ways_by_fences_without_words() {
    let one = format!("shop/src/core.py\n```\n{}```\n", CORE.replace("return 2", "return 3"));
    refused(&format!("{one}\nshop/changelog/2.rst\n```\nTwo gives three.\n```\n"));
}

#[test]
fn an_edit_that_is_indented_with_its_fence_is_no_file() {
    refused(
        "1. Change this:\n\n   VERSION\n   ```\n   <<<<<<< SEARCH\n   1.2.3\n   =======\n   2.0.0\n   >>>>>>> REPLACE\n   ```\n",
    );
}
