//! The fuzz targets, run by every ordinary test too: on their seeds, and on what proptest makes of those.

use proptest::prelude::*;

use super::targets::{TARGETS, Target};

/// What a target starts from: one honest input or more, for the fuzzer's corpus too.
const SEEDS: &[(&str, &[u8])] = &[
    ("patch", b"diff --git a/a.txt b/a.txt\n--- a/a.txt\n+++ b/a.txt\n@@ -1,3 +1,3 @@\n line 0\n-line 1\n+eins\n line 2\n"),
    ("patch", b"diff --git a/dir/b.txt b/c\nsimilarity index 90%\nrename from dir/b.txt\nrename to c\n--- a/dir/b.txt\n+++ b/c\n@@ -1,2 +1,2 @@\n-one\n+uno\n two\n\\ No newline at end of file\n"),
    ("patch", b"diff --git a/n b/n\nnew file mode 120000\nindex 0000000..1234567\n--- /dev/null\n+++ b/n\n@@ -0,0 +1 @@\n+../x\n\\ No newline at end of file\n"),
    ("patch", b"--- a/../x\t2026-01-01\n+++ b/../x\n@@ -0,0 +1 @@\n+x\n"),
    ("edits", b"a.txt\n```\n<<<<<<< SEARCH\nline 1\nline 2\n=======\nline 1\nzwei\n>>>>>>> REPLACE\n```\n"),
    ("edits", b"```diff\n--- a/a.txt\n+++ b/a.txt\n@@ ... @@\n line 3\n-line 4\n+vier\n```\n"),
    ("edits", b"*** Begin Patch\n*** Update File: dir/b.txt\n@@\n-one\n+eins\n two\n*** Add File: c\n+x\n*** Delete File: a.txt\n*** End Patch\n"),
    ("edits", b"{\"edits\":[{\"path\":\"a.txt\",\"search\":\"line 5\",\"replace\":\"five\"},{\"path\":\"empty\",\"content\":\"x\"}]}"),
    ("edits", b"`dir/b.txt` (whole file):\n```\none\n```\n"),
    ("edits", b"a.txt\n```\nline 0\nline 1\nzwei\nline 3\nline 4\nline 5\nline 6\nline 7\nline 8\nline 9\nline 10\nline 11\n```\n"),
    ("edits", b"```diff\n--- a/a.txt\n+++ b/a.txt\n@@ ... @@\n *** Update File: a.txt\nline 3\n-<x"),
    ("edits", b"a.txt\n<source>\n<<<<<<< SEARCH\nline 6\n=======\nsechs\n>>>>>>> REPLACE\n</source>\n"),
    ("journal", b""),
    ("journal", b"\x10\x00x\x20\x00y"),
    ("journal", b"raw{\"actor\":\"a\",\"at\":1}\n"),
    ("config", b"[[check]]\nname = \"unit\"\nkind = \"test\"\ncommand = [\"true\"]\ntimeout_s = 5\n[policy]\nraised = [\"ci-file\"]\n"),
    ("config", b"workers = 2\n# kept\n[log]\nlevel = \"info\"\n"),
    ("config", b"workers = 2\n=======\n# kept\n[<<<<<<< SEARCH\nlog]\n...\n"),
    ("reports", b"<testsuites><testsuite name=\"s\"><testcase name=\"a\"><failure message=\"x\"/></testcase></testsuite></testsuites>"),
    ("reports", b"test a::b ... ok\ntest c ... FAILED\ntest result: FAILED. 1 passed; 1 failed; 0 ignored; 0 measured\n"),
    ("reports", b"=== 1 failed, 2 passed in 0.1s ===\n--- FAIL: TestX (0.00s)\nok 1 - x\nnot ok 2 - y\n1..2\n"),
    ("safe_text", b"\x1b[31mred\x1b[0m \x1b]0;title\x07 \xe2\x80\xae \xff \xc2\x9b31m\ta\r\n"),
];

/// A few words of every target's language; most inputs made of bytes alone are refused at once.
const WORDS: &[&[u8]] = &[
    b"\n",
    b"diff --git a/a.txt b/a.txt\n",
    b"@@ -1 +1 @@\n",
    b"+",
    b"-",
    b" ",
    b"\\ No newline at end of file\n",
    b"<<<<<<< SEARCH\n",
    b"=======\n",
    b">>>>>>> REPLACE\n",
    b"```\n",
    b"<source>\n",
    b"</source>\n",
    b"*** Update File: a.txt\n",
    b"line 1\n",
    b"...\n",
    b"\x1b[",
    b"\x1b]8;;",
    b"m",
    b"\xe2\x80\xae",
    b"[[check]]\n",
    b"name = ",
    b"\"",
    b"<testcase",
    b"/>",
    b"<!DOCTYPE x [<!ENTITY a \"b\">]>",
    b"&a;",
    b"not ok 1\n",
    b"\0",
    b"\xff",
    b"99999999999999999999",
    b"new file mode 120000\n",
    b"GIT binary patch\nliteral 5\n",
    b"\r\n",
];

/// A seed with pieces cut out, put in and doubled.
fn harmed(of: &'static str) -> impl Strategy<Value = Vec<u8>> {
    let seeds: Vec<&[u8]> = SEEDS.iter().filter(|(target, _)| *target == of).map(|(_, seed)| *seed).collect();
    let edit = (any::<prop::sample::Index>(), 0..40_usize, prop::sample::select(WORDS), any::<u8>());
    (prop::sample::select(seeds), prop::collection::vec(edit, 0..8)).prop_map(|(seed, edits)| {
        let mut bytes = seed.to_vec();
        for (at, length, word, byte) in edits {
            let at = at.index(bytes.len() + 1);
            let end = (at + length).min(bytes.len());
            match byte % 4 {
                0 => drop(bytes.splice(at..end, word.iter().copied())),
                1 => drop(bytes.splice(at..at, word.iter().copied())),
                2 => {
                    let piece = bytes[at..end].to_vec();
                    bytes.splice(end..end, piece);
                }
                _ => bytes.iter_mut().skip(at).take(1).for_each(|old| *old = byte),
            }
        }
        bytes
    })
}

/// The inputs of each target in one run; `PARAPH_CASES=100000` asks for more, where no fuzzer can be had.
fn cases() -> u32 {
    std::env::var("PARAPH_CASES").map_or(300, |said| said.parse().expect("PARAPH_CASES is a number"))
}

fn run((name, target): Target) {
    SEEDS.iter().filter(|(of, _)| *of == name).for_each(|(_, seed)| target(seed));
    let config = ProptestConfig { cases: cases(), failure_persistence: None, ..ProptestConfig::default() };
    let mut runner = proptest::test_runner::TestRunner::new(config);
    let inputs = prop_oneof![4 => harmed(name), 1 => prop::collection::vec(any::<u8>(), 0..400)];
    let result = runner.run(&inputs, |bytes| {
        target(&bytes);
        Ok(())
    });
    result.unwrap_or_else(|failure| panic!("{name}: {failure}"));
}

#[test]
fn every_target_holds_on_seeds_and_what_is_made_of_them() {
    TARGETS.into_iter().for_each(run);
}

/// `PARAPH_CORPUS=tests/fuzz/corpus cargo test --test hostile corpus`: the seeds as files for the fuzzer.
#[test]
fn the_corpus_is_written_where_it_is_asked_for() {
    let Some(folder) = std::env::var_os("PARAPH_CORPUS") else { return };
    for (at, (target, seed)) in SEEDS.iter().enumerate() {
        let folder = std::path::Path::new(&folder).join(format!("fuzz_{target}"));
        std::fs::create_dir_all(&folder).expect("a folder");
        std::fs::write(folder.join(format!("seed-{at}")), seed).expect("a file");
    }
}
