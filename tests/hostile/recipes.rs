//! Patches from seeds: honest ones, the thirty tricks of the list P1 to P30, and harm done to either.

use std::collections::BTreeMap;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use paraph::diff::{ChangeSet, FileChange, FileMode, FileSide, unified};
use paraph::id::RepoPath;

use super::choices::Choices;
use super::mutations::harm;
use super::parts::Style;

/// The files of a base.
pub(crate) type Files = BTreeMap<RepoPath, FileSide>;

/// A patch, and what it tries.
pub(crate) struct Made {
    pub(crate) recipe: &'static str,
    pub(crate) bytes: Vec<u8>,
}

type Recipe<'a> = fn(&mut Maker<'a>) -> Vec<u8>;

fn recipes<'a>() -> [(&'static str, Recipe<'a>); 24] {
    [
        ("an honest edit", Maker::honest),
        ("an honest edit", Maker::honest),
        ("an honest edit", Maker::honest),
        ("a new file at an evil place", Maker::create),
        ("a new file at an evil place", Maker::create),
        ("a new file at an evil place", Maker::create),
        ("a move to an evil place", Maker::move_to),
        ("a move from an evil place", Maker::move_from),
        ("a change of an evil place", Maker::change),
        ("a write through a committed link", Maker::through_committed_link),
        ("a link, then a write through it", Maker::through_new_link),
        ("a link taken away, then a write there", Maker::instead_of_link),
        ("submodules", Maker::submodules),
        ("modes", Maker::modes),
        ("a chain of moves", Maker::chain),
        ("files against folders", Maker::conflict),
        ("files that tools obey", Maker::obeyed),
        ("binary data", Maker::binary),
        ("parts twice", Maker::twice),
        ("names that meet", Maker::collision),
        ("one file in several parts", Maker::several_parts),
        ("headers that disagree", Maker::disagreeing),
        ("a plain diff", Maker::plain),
        ("noise", Maker::noise),
    ]
}

/// Places that no patch should reach, as patches name them.
const EVIL: &[&str] = &[
    "../x",
    "../outside/secret",
    "a/../../x",
    "src/../../outside/new",
    "./x",
    "src/./x",
    "src//x",
    "/etc/paraph-x",
    ".git/x",
    ".git/hooks/post-checkout",
    ".git/config",
    ".GIT/x",
    ".Git/config",
    "git~1/x",
    "GIT~1/config",
    ".g\u{200c}it/x",
    ".gi\u{feff}t/config",
    ".git./x",
    ".git /x",
    ".git . ./x",
    ".git::$INDEX_ALLOCATION/x",
    "sub/.git/x",
    "src/.git/config",
    "src/.GIT/hooks/x",
    ".gitmodules",
    ".gitmodules ",
    "gitmod~1",
    ".gitattributes",
    "src/.gitattributes",
    "links/out/secret",
    "links/out/new",
    "links/abs/new",
    "links/git/config",
    "links/in/lib.rs",
    "links/file",
    "links/file/x",
    "sub",
    "sub/x",
    "src/\u{1b}[31mred",
    "src/new\nline",
    "src/cr\r",
    "\r",
    "src/tab\there",
    "..\\x",
    "src\\..\\..\\x",
    "C:/x",
    "C:x",
    "//host/x",
    "con",
    "src/aux.txt",
    "nul.rs",
    "x:y",
    "src/x ",
    "src/x.",
    "readme.md",
    "SRC/lib.rs",
    "src/lib.rs/x",
    "src",
    "a\u{202e}b",
    "caf\u{e9}",
    "cafe\u{301}",
    "-rf",
    "--output=x",
    "HEAD",
    ":(top)x",
    "src/*",
    "~/x",
    "$HOME/x",
    "a\"b",
    "...",
    "src/..",
    ".",
    "..",
    ".github/workflows/evil.yml",
    ".envrc",
    "build.rs",
    ".vscode/tasks.json",
    ".cargo/config.toml",
    "Makefile",
];

const PIECES: &[&str] = &[
    "..",
    ".",
    "",
    ".git",
    ".GIT",
    "git~1",
    ".g\u{200d}it",
    "src",
    "links",
    "out",
    "in",
    "sub",
    "lib.rs",
    "x",
    "\\",
    "C:",
    " ",
    "con",
    "\u{1b}",
    "\n",
    "dir",
    "README.md",
    "deep",
    "er",
    ".gitmodules",
    "hooks",
];

const MODES: &[&str] = &[
    "100644", "100755", "120000", "160000", "104755", "100664", "040000", "000000", "777777", "100600", "644",
    "0100644",
];

/// A patch of this seed. `outside` is a folder that must not be touched.
pub(crate) fn patch(seed: u64, base: &Files, outside: &Path) -> Made {
    let mut choices = Choices::new(seed);
    if seed % 250 == 7 {
        return Made { recipe: "a hunk of 100,000 lines", bytes: huge(&mut choices) };
    }
    let recipes = recipes();
    let (recipe, make) = recipes[choices.below(recipes.len())];
    let style = Style { prefixes: !choices.one_in(8), quoted: choices.one_in(6) };
    let mut maker = Maker { choices, base, outside, style };
    let mut bytes = make(&mut maker);
    if maker.style.prefixes && maker.choices.one_in(6) {
        bytes.extend(maker.honest());
    }
    if maker.choices.one_in(3) {
        for _ in 0..=maker.choices.below(3) {
            harm(&mut bytes, &mut maker.choices);
        }
    }
    Made { recipe, bytes }
}

/// What makes one patch.
struct Maker<'a> {
    choices: Choices,
    base: &'a Files,
    outside: &'a Path,
    style: Style,
}

impl Maker<'_> {
    fn evil(&mut self) -> Vec<u8> {
        match self.choices.below(12) {
            0 => [self.outside.as_os_str().as_bytes(), b"/secret"].concat(),
            1 => [self.outside.as_os_str().as_bytes(), b"/new"].concat(),
            2 | 3 => {
                let pieces: Vec<&str> = (0..=self.choices.below(4)).map(|_| self.choices.of(PIECES)).collect();
                pieces.join("/").into_bytes()
            }
            4 if self.choices.one_in(3) => vec![b'x'; [255, 256, 4095, 5000][self.choices.below(4)]],
            4 => "d/".repeat([64, 128, 2000][self.choices.below(3)]).into_bytes(),
            _ => self.choices.of(EVIL).as_bytes().to_vec(),
        }
    }

    fn file(&mut self, fits: impl Fn(&FileSide) -> bool) -> (RepoPath, FileSide) {
        let all: Vec<_> = self.base.iter().filter(|(_, side)| fits(side)).collect();
        let (path, side) = all[self.choices.below(all.len())];
        (path.clone(), side.clone())
    }

    fn text(&mut self) -> (RepoPath, FileSide) {
        self.file(|side| side.mode == FileMode::Regular && !side.is_binary() && !side.content.is_empty())
    }

    fn content(&mut self) -> Vec<u8> {
        let lines = self.choices.below(4);
        let mut text: Vec<u8> = (0..=lines).flat_map(|at| format!("evil {at}\n").into_bytes()).collect();
        if self.choices.one_in(5) {
            text.pop();
        }
        text
    }

    fn edited(&mut self, content: &[u8]) -> Vec<u8> {
        let mut lines: Vec<Vec<u8>> = content.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
        for _ in 0..=self.choices.below(3) {
            let at = self.choices.below(lines.len() + 1);
            match self.choices.below(3) {
                0 if at < lines.len() && lines.len() > 1 => drop(lines.remove(at)),
                1 if at < lines.len() => lines[at] = format!("changed {}\n", self.choices.below(50)).into_bytes(),
                _ => lines.insert(at.min(lines.len().saturating_sub(1)), b"added\n".to_vec()),
            }
        }
        lines.concat()
    }

    fn written(&mut self, changes: Vec<FileChange>) -> Vec<u8> {
        let context = self.choices.below(5) as u32;
        unified::write(&ChangeSet::new(changes), &unified::WriteOptions { context, ..Default::default() })
    }

    fn honest(&mut self) -> Vec<u8> {
        let mut changes = Vec::new();
        for _ in 0..=self.choices.below(3) {
            let (path, old) = self.text();
            let new = match self.choices.below(6) {
                0 => None,
                1 => Some(FileSide { mode: FileMode::Executable, content: old.content.clone() }),
                _ => Some(FileSide::regular(self.edited(&old.content))),
            };
            changes.push(FileChange { path, old: Some(old), new });
        }
        if self.choices.one_in(3) {
            let name = format!("new/{}.txt", self.choices.below(1000));
            let new = Some(FileSide::regular(self.content()));
            changes.push(FileChange { path: RepoPath::from(name.as_str()), old: None, new });
        }
        self.written(changes)
    }

    fn create(&mut self) -> Vec<u8> {
        let (path, mode) = (self.evil(), if self.choices.one_in(2) { "100644" } else { self.choices.of(MODES) });
        let content = match mode {
            "120000" => self.target(),
            "160000" => format!("Subproject commit {}\n", "1".repeat(40)).into_bytes(),
            _ => self.content(),
        };
        self.style.create(&path, mode, &content)
    }

    fn target(&mut self) -> Vec<u8> {
        let outside = self.outside.as_os_str().to_string_lossy().into_owned();
        let target = self.choices.of(&[
            "../outside",
            "../../outside/secret",
            "/etc/passwd",
            outside.as_str(),
            ".git",
            "../.git/hooks",
            "src",
            "README.md",
            "links/out",
            "nowhere",
            "src/../../outside",
            ".",
            "..",
            "",
            "self",
        ]);
        target.as_bytes().to_vec()
    }

    fn move_to(&mut self) -> Vec<u8> {
        let ((from, side), to) = (self.text(), self.evil());
        let word = self.choices.of(&["rename", "copy"]);
        let edited = self.edited(&side.content);
        let edit = self.choices.one_in(3).then_some((&*side.content, &*edited));
        self.style.moved(word, from.as_bytes(), &to, edit)
    }

    fn move_from(&mut self) -> Vec<u8> {
        let (from, word) = (self.evil(), self.choices.of(&["rename", "copy"]));
        self.style.moved(word, &from, b"taken.txt", None)
    }

    fn change(&mut self) -> Vec<u8> {
        let (path, content) = (self.evil(), self.content());
        match self.choices.below(3) {
            0 => self.style.delete(&path, "100644", b"secret\n"),
            1 => self.style.modify(&path, b"secret\n", &content),
            _ => self.style.mode(&path, "100644", self.choices.of(MODES)),
        }
    }

    fn link(&mut self) -> &'static str {
        self.choices.of(&["links/out", "links/abs", "links/git", "links/in", "links/file", "links/gone"])
    }

    fn through_committed_link(&mut self) -> Vec<u8> {
        let path =
            format!("{}/{}", self.link(), self.choices.of(&["secret", "config", "lib.rs", "new", "hooks/x", "../x"]));
        let content = self.content();
        match self.choices.below(5) {
            0 => self.style.create(path.as_bytes(), "100644", &content),
            1 => self.style.modify(path.as_bytes(), b"secret\n", &content),
            2 => self.style.delete(path.as_bytes(), "100644", b"secret\n"),
            3 => self.style.moved("rename", b"README.md", path.as_bytes(), None),
            _ => self.style.moved("rename", path.as_bytes(), b"taken.txt", None),
        }
    }

    fn through_new_link(&mut self) -> Vec<u8> {
        let (target, content) = (self.target(), self.content());
        let link = self.style.create(b"way", "120000", &target);
        let below = self.style.create(b"way/secret", "100644", &content);
        if self.choices.one_in(4) { [below, link].concat() } else { [link, below].concat() }
    }

    fn instead_of_link(&mut self) -> Vec<u8> {
        let path = RepoPath::from(self.link());
        let target = self.base.get(&path).map(|side| side.content.to_vec()).unwrap_or_default();
        let content = self.content();
        let gone = match self.choices.below(3) {
            0 => self.style.moved("rename", path.as_bytes(), b"links/elsewhere", None),
            _ => self.style.delete(path.as_bytes(), "120000", &target),
        };
        let below = [path.as_bytes(), b"/new"].concat();
        let come = match self.choices.below(3) {
            0 => self.style.create(path.as_bytes(), "100644", &content),
            _ => self.style.create(&below, "100644", &content),
        };
        if self.choices.one_in(4) { [come, gone].concat() } else { [gone, come].concat() }
    }

    fn submodules(&mut self) -> Vec<u8> {
        let commit = |digit: &str| format!("Subproject commit {}\n", digit.repeat(40)).into_bytes();
        match self.choices.below(6) {
            0 => self.style.create(b"other", "160000", &commit("1")),
            1 => self.style.modify(b"sub", &commit("2"), &commit("3")),
            2 => self.style.delete(b"sub", "160000", &commit("2")),
            3 => self.style.create(b"sub/x", "100644", b"x\n"),
            4 => [self.style.delete(b"sub", "160000", &commit("2")), self.style.create(b"sub/x", "100644", b"x\n")]
                .concat(),
            _ => self.style.create(b".gitmodules", "100644", b"[submodule \"x\"]\n\tpath = x\n\turl = -uevil\n"),
        }
    }

    fn modes(&mut self) -> Vec<u8> {
        let (path, side) = self.file(|_| true);
        let honest = format!("{:06o}", side.mode.bits());
        let old = if self.choices.one_in(4) { self.choices.of(MODES) } else { honest.as_str() };
        self.style.mode(path.as_bytes(), old, self.choices.of(MODES))
    }

    fn chain(&mut self) -> Vec<u8> {
        let steps: &[(&str, &str)] = match self.choices.below(5) {
            0 => &[("README.md", "src/lib.rs"), ("src/lib.rs", "README.md")],
            1 => &[("README.md", "one"), ("one", "two"), ("two", "three")],
            2 => &[("README.md", "one"), ("src/lib.rs", "one")],
            3 => &[("README.md", "one"), ("README.md", "two")],
            _ => &[("src/lib.rs", "README.md"), ("README.md", "one")],
        };
        let word = self.choices.of(&["rename", "rename", "copy"]);
        steps.iter().flat_map(|(from, to)| self.style.moved(word, from.as_bytes(), to.as_bytes(), None)).collect()
    }

    fn conflict(&mut self) -> Vec<u8> {
        let content = self.content();
        let new = |style: Style, path: &str| style.create(path.as_bytes(), "100644", &content);
        match self.choices.below(6) {
            0 => new(self.style, "src"),
            1 => new(self.style, "README.md/x"),
            2 => [new(self.style, "n"), new(self.style, "n/m")].concat(),
            3 => [new(self.style, "n/m"), new(self.style, "n")].concat(),
            4 => {
                let gone = self.gone("dir/");
                [gone, new(self.style, "dir")].concat()
            }
            _ => {
                let gone = self.gone("dir/");
                [new(self.style, "dir"), gone].concat()
            }
        }
    }

    /// Deletes everything below a folder, or all but one file.
    fn gone(&mut self, folder: &str) -> Vec<u8> {
        self.style.prefixes = true;
        let below: Vec<_> =
            self.base.iter().filter(|(path, _)| path.as_bytes().starts_with(folder.as_bytes())).collect();
        let spared = self.choices.below(below.len() * 4);
        let kept = below.into_iter().enumerate().filter(|(at, _)| *at != spared).map(|(_, file)| file);
        let changes = kept.map(|(path, side)| FileChange { path: path.clone(), old: Some(side.clone()), new: None });
        unified::write(&ChangeSet::new(changes), &unified::WriteOptions::default())
    }

    fn obeyed(&mut self) -> Vec<u8> {
        let path = self.choices.of(&[
            ".gitattributes",
            "src/.gitattributes",
            ".GITATTRIBUTES",
            ".gitmodules",
            ".github/workflows/ci.yml",
            ".envrc",
            "build.rs",
            ".cargo/config.toml",
            ".vscode/tasks.json",
            "package.json",
            ".npmrc",
            ".paraph.toml",
        ]);
        let content = self.choices.of(&[
            "* filter=evil diff=evil merge=evil\n",
            "*.rs text eol=crlf\n",
            "{\"scripts\": {\"postinstall\": \"evil\"}}\n",
            "[submodule \"../../x\"]\n\tpath = ../../x\n\turl = ext::sh -c evil\n",
            "[build]\nrustc-wrapper = \"evil\"\n",
        ]);
        self.style.create(path.as_bytes(), "100644", content.as_bytes())
    }

    fn binary(&mut self) -> Vec<u8> {
        let old = self.base.get(&RepoPath::from("bin.dat")).cloned();
        let mut bytes = old.as_ref().map(|side| side.content.to_vec()).unwrap_or_default();
        let at = self.choices.below(bytes.len());
        bytes[at] ^= 0x55;
        let new = Some(FileSide::regular(bytes.repeat(1 + self.choices.below(3))));
        let change = match self.choices.below(3) {
            0 => FileChange { path: RepoPath::from("new.dat"), old: None, new },
            1 => FileChange { path: RepoPath::from("bin.dat"), old, new: None },
            _ => FileChange { path: RepoPath::from("bin.dat"), old, new },
        };
        let mut patch = self.written(vec![change]);
        if self.choices.one_in(2) {
            harm(&mut patch, &mut self.choices);
        }
        patch
    }

    fn twice(&mut self) -> Vec<u8> {
        let one = if self.choices.one_in(2) { self.honest() } else { self.create() };
        one.repeat(2 + self.choices.below(2))
    }

    fn collision(&mut self) -> Vec<u8> {
        let path = self.choices.of(&[
            "readme.md",
            "README.MD",
            "SRC/other.rs",
            "Src/lib.rs",
            "gro\u{308}\u{df}e.txt",
            "GR\u{d6}SSE.TXT",
            "src/LIB.rs",
        ]);
        let content = self.content();
        let new = self.style.create(path.as_bytes(), "100644", &content);
        if self.choices.one_in(2) {
            new
        } else {
            [new, self.style.create(b"fOO", "100644", b"x\n"), self.style.create(b"Foo", "100644", b"x\n")].concat()
        }
    }

    fn several_parts(&mut self) -> Vec<u8> {
        let (path, side) = self.text();
        let (name, first) = (path.as_bytes(), self.edited(&side.content));
        let second = self.edited(&first);
        let style = self.style;
        let change = style.modify(name, &side.content, &first);
        let then = match self.choices.below(6) {
            0 => style.modify(name, &first, &second),
            1 => style.delete(name, "100644", &first),
            2 => style.moved("rename", name, b"moved.txt", None),
            3 => style.create(name, "100644", b"x\n"),
            4 => style.moved("copy", name, b"copied.txt", None),
            _ => style.mode(name, "100644", "100755"),
        };
        let fresh = style.create(b"fresh", "100644", b"one\n");
        match self.choices.below(4) {
            0 => [style.delete(name, "100644", &side.content), style.create(name, "100644", &second)].concat(),
            1 => [fresh, style.modify(b"fresh", b"one\n", b"two\n")].concat(),
            _ => [change, then].concat(),
        }
    }

    fn disagreeing(&mut self) -> Vec<u8> {
        let ((path, side), evil) = (self.text(), self.evil());
        let edited = self.edited(&side.content);
        match self.choices.below(3) {
            0 => self.style.forked(path.as_bytes(), &evil, &side.content, &edited),
            1 => self.style.forked(&evil, path.as_bytes(), &side.content, &edited),
            _ => self.style.forked(b"src/lib.rs", b"README.md", &side.content, &edited),
        }
    }

    fn plain(&mut self) -> Vec<u8> {
        let ((path, side), evil, content) = (self.text(), self.evil(), self.content());
        let edited = self.edited(&side.content);
        match self.choices.below(5) {
            0 => self.style.plain(None, Some(&evil), b"", &content),
            1 => self.style.plain(Some(&evil), None, b"secret\n", b""),
            2 => self.style.plain(Some(&evil), Some(&evil), b"secret\n", &content),
            3 => self.style.plain(Some(path.as_bytes()), Some(&evil), &side.content, &edited),
            _ => self.style.plain(Some(path.as_bytes()), Some(path.as_bytes()), &side.content, &edited),
        }
    }

    fn noise(&mut self) -> Vec<u8> {
        let words: &[&[u8]] = &[
            b"diff --git ",
            b"a/README.md b/README.md",
            b"\n",
            b"--- a/",
            b"+++ b/",
            b"@@ -1,2 +1,2 @@\n",
            b"rename from ",
            b"rename to ",
            b"new file mode 100644\n",
            b"deleted file mode 100644\n",
            b"index 1234567..89abcde 100644\n",
            b"GIT binary patch\n",
            b"literal 10\n",
            b"delta 99999999999\n",
            b" x\n",
            b"+x\n",
            b"-x\n",
            b"\\ No newline at end of file\n",
            b"\0",
            b"\xff",
            b"/dev/null",
            b"Binary files a/x and b/x differ\n",
            b"similarity index 999%\n",
            b"\"a/\\777\"",
            b"@@ -0,0 +1 @@\n",
        ];
        (0..self.choices.below(40)).flat_map(|_| self.choices.of(words).to_vec()).collect()
    }
}

/// One new file of 100,000 lines, or a hunk that says so and is not.
fn huge(choices: &mut Choices) -> Vec<u8> {
    let text: Vec<u8> = (0..100_000).flat_map(|line| format!("line {line}\n").into_bytes()).collect();
    let style = Style { prefixes: true, quoted: false };
    let mut patch = style.create(b"huge.txt", "100644", &text);
    if choices.one_in(2) {
        patch.truncate(patch.len() / 2);
    }
    patch
}
