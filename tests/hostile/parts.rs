//! The text of one file's part of a patch, as git would write it if it could be made to.

/// How names are written.
#[derive(Clone, Copy)]
pub(crate) struct Style {
    /// With `a/` and `b/`.
    pub(crate) prefixes: bool,
    /// C-quoted even where nothing asks for it.
    pub(crate) quoted: bool,
}

impl Style {
    fn name(self, prefix: &str, path: &[u8]) -> Vec<u8> {
        let prefix = if self.prefixes { prefix } else { "" };
        let whole = [prefix.as_bytes(), path].concat();
        let odd = whole.iter().any(|byte| *byte < b' ' || *byte >= 0x7f || matches!(byte, b'"' | b'\\'));
        if self.quoted || odd { quoted(&whole) } else { whole }
    }

    fn git_line(self, old: &[u8], new: &[u8]) -> Vec<u8> {
        [b"diff --git ", &*self.name("a/", old), b" ", &*self.name("b/", new), b"\n"].concat()
    }

    fn named(self, old: Option<&[u8]>, new: Option<&[u8]>) -> Vec<u8> {
        let side = |prefix, path: Option<&[u8]>| path.map_or(b"/dev/null".to_vec(), |path| self.name(prefix, path));
        [b"--- ", &*side("a/", old), b"\n+++ ", &*side("b/", new), b"\n"].concat()
    }

    pub(crate) fn create(self, path: &[u8], mode: &str, content: &[u8]) -> Vec<u8> {
        let mut part = self.git_line(path, path);
        part.extend_from_slice(format!("new file mode {mode}\nindex 0000000..1234567\n").as_bytes());
        if !content.is_empty() {
            part.extend(self.named(None, Some(path)));
            part.extend(hunk(b"", content));
        }
        part
    }

    pub(crate) fn delete(self, path: &[u8], mode: &str, content: &[u8]) -> Vec<u8> {
        let mut part = self.git_line(path, path);
        part.extend_from_slice(format!("deleted file mode {mode}\n").as_bytes());
        if !content.is_empty() {
            part.extend(self.named(Some(path), None));
            part.extend(hunk(content, b""));
        }
        part
    }

    pub(crate) fn modify(self, path: &[u8], old: &[u8], new: &[u8]) -> Vec<u8> {
        [self.git_line(path, path), self.named(Some(path), Some(path)), hunk(old, new)].concat()
    }

    /// `word` is `rename` or `copy`; the content changes where `edit` says so.
    pub(crate) fn moved(self, word: &str, from: &[u8], to: &[u8], edit: Option<(&[u8], &[u8])>) -> Vec<u8> {
        let mut part = self.git_line(from, to);
        let bare = Self { prefixes: false, ..self };
        for (side, path) in [("from", from), ("to", to)] {
            part.extend_from_slice(format!("{word} {side} ").as_bytes());
            part.extend([bare.name("", path), b"\n".to_vec()].concat());
        }
        if let Some((old, new)) = edit {
            part.extend(self.named(Some(from), Some(to)));
            part.extend(hunk(old, new));
        }
        part
    }

    pub(crate) fn mode(self, path: &[u8], old: &str, new: &str) -> Vec<u8> {
        [self.git_line(path, path), format!("old mode {old}\nnew mode {new}\n").into_bytes()].concat()
    }

    /// A part that names another file in its body than in its header.
    pub(crate) fn forked(self, header: &[u8], body: &[u8], old: &[u8], new: &[u8]) -> Vec<u8> {
        [self.git_line(header, header), self.named(Some(body), Some(body)), hunk(old, new)].concat()
    }

    /// Without `diff --git`, as `diff -u` writes it.
    pub(crate) fn plain(self, old: Option<&[u8]>, new: Option<&[u8]>, before: &[u8], after: &[u8]) -> Vec<u8> {
        [self.named(old, new), hunk(before, after)].concat()
    }
}

/// One hunk that replaces all of `old` with `new`.
pub(crate) fn hunk(old: &[u8], new: &[u8]) -> Vec<u8> {
    let lines = |text: &[u8]| text.split_inclusive(|byte| *byte == b'\n').count();
    let start = |count: usize| usize::from(count > 0);
    let (from, to) = (lines(old), lines(new));
    let mut out = format!("@@ -{},{from} +{},{to} @@\n", start(from), start(to)).into_bytes();
    for (sign, text) in [(b'-', old), (b'+', new)] {
        for line in text.split_inclusive(|byte| *byte == b'\n') {
            out.push(sign);
            out.extend_from_slice(line);
            if !line.ends_with(b"\n") {
                out.extend_from_slice(b"\n\\ No newline at end of file\n");
            }
        }
    }
    out
}

fn quoted(name: &[u8]) -> Vec<u8> {
    let mut out = vec![b'"'];
    for byte in name {
        match byte {
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\t' => out.extend_from_slice(b"\\t"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'"' | b'\\' => out.extend([b'\\', *byte]),
            b' '..=b'~' => out.push(*byte),
            other => out.extend_from_slice(format!("\\{other:03o}").as_bytes()),
        }
    }
    out.push(b'"');
    out
}
