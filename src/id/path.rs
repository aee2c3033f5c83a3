//! A path inside a repository: bytes, as git has them.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::ParseIdError;

/// A path inside a repository, relative, `/`-separated, any bytes but NUL.
///
/// Ordered by its bytes, as git orders trees. As text it is itself where it is valid UTF-8 without control
/// characters, quotes or backslashes; any other is C-quoted as git does (`"a\tb\377"`), so text and JSON are lossless.
/// The text form is safe from control characters but not from invisible ones: it goes through
/// `text::Untrusted` before a screen.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RepoPath(Vec<u8>);

impl RepoPath {
    /// The path of these bytes, unchecked: whether it may be written is the policy's question.
    #[must_use]
    pub fn from_bytes(bytes: impl Into<Vec<u8>>) -> Self {
        Self(bytes.into())
    }

    /// The bytes, as git has them.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The path as UTF-8, where it is.
    #[must_use]
    pub fn as_utf8(&self) -> Option<&str> {
        std::str::from_utf8(&self.0).ok()
    }

    /// The last component.
    #[must_use]
    pub fn file_name(&self) -> &[u8] {
        self.0.rsplit(|byte| *byte == b'/').next().unwrap_or(&self.0)
    }

    /// What follows the last dot of the last component, if there is one.
    #[must_use]
    pub fn extension(&self) -> Option<&str> {
        let name = self.file_name();
        let dot = name.iter().rposition(|byte| *byte == b'.').filter(|at| *at > 0)?;
        std::str::from_utf8(&name[dot + 1..]).ok()
    }

    /// The components, in order.
    pub fn components(&self) -> impl Iterator<Item = &[u8]> {
        self.0.split(|byte| *byte == b'/')
    }

    fn is_plain(text: &str) -> bool {
        !text.chars().any(|c| c.is_control() || c == '"' || c == '\\')
    }
}

/// A path on this machine, absolute, any bytes but NUL: where a repository lies.
///
/// As text it is written as a [`RepoPath`] is: plain where it can be, else C-quoted, so JSON is lossless.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HostPath(std::path::PathBuf);

impl HostPath {
    /// The path as it is.
    #[must_use]
    pub fn new(path: impl Into<std::path::PathBuf>) -> Self {
        Self(path.into())
    }

    /// For the file system.
    #[must_use]
    pub fn as_path(&self) -> &std::path::Path {
        &self.0
    }

    fn quoted(&self) -> RepoPath {
        RepoPath(std::os::unix::ffi::OsStrExt::as_bytes(self.0.as_os_str()).to_vec())
    }
}

impl fmt::Display for HostPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.quoted(), f)
    }
}

impl fmt::Debug for HostPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for HostPath {
    type Err = ParseIdError;
    fn from_str(text: &str) -> Result<Self, ParseIdError> {
        let bytes = text.parse::<RepoPath>()?.0;
        Ok(Self(<std::ffi::OsString as std::os::unix::ffi::OsStringExt>::from_vec(bytes).into()))
    }
}

impl Serialize for HostPath {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for HostPath {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

impl schemars::JsonSchema for HostPath {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "HostPath".into()
    }
    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({"type": "string", "description": "an absolute path; C-quoted where it is not plain UTF-8"})
    }
}

impl From<&str> for RepoPath {
    fn from(text: &str) -> Self {
        Self(text.as_bytes().to_vec())
    }
}

impl fmt::Display for RepoPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(text) = self.as_utf8().filter(|text| Self::is_plain(text)) {
            return f.write_str(text);
        }
        f.write_str("\"")?;
        for byte in &self.0 {
            match byte {
                b'"' => f.write_str("\\\"")?,
                b'\\' => f.write_str("\\\\")?,
                b'\t' => f.write_str("\\t")?,
                b'\n' => f.write_str("\\n")?,
                b'\r' => f.write_str("\\r")?,
                0x20..=0x7e => write!(f, "{}", char::from(*byte))?,
                other => write!(f, "\\{other:03o}")?,
            }
        }
        f.write_str("\"")
    }
}

impl fmt::Debug for RepoPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for RepoPath {
    type Err = ParseIdError;
    fn from_str(text: &str) -> Result<Self, ParseIdError> {
        if !text.starts_with('"') {
            return Ok(Self::from(text));
        }
        let wrong = || ParseIdError { given: text.to_owned(), wanted: "a path, plain or C-quoted" };
        let inner = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).ok_or_else(wrong)?;
        let mut bytes = Vec::with_capacity(inner.len());
        let mut rest = inner.bytes();
        while let Some(byte) = rest.next() {
            if byte != b'\\' {
                bytes.push(byte);
                continue;
            }
            bytes.push(match rest.next().ok_or_else(wrong)? {
                b'a' => 7,
                b'b' => 8,
                b't' => b'\t',
                b'n' => b'\n',
                b'v' => 11,
                b'f' => 12,
                b'r' => b'\r',
                plain @ (b'"' | b'\\') => plain,
                first @ b'0'..=b'3' => {
                    let mut digit = || rest.next().filter(|digit| (b'0'..=b'7').contains(digit)).ok_or_else(wrong);
                    (first - b'0') * 64 + (digit()? - b'0') * 8 + (digit()? - b'0')
                }
                _ => return Err(wrong()),
            });
        }
        Ok(Self(bytes))
    }
}

impl Serialize for RepoPath {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for RepoPath {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

impl schemars::JsonSchema for RepoPath {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "RepoPath".into()
    }
    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({"type": "string", "description": "a path in a repository; C-quoted where it is not plain UTF-8"})
    }
}

#[cfg(test)]
mod tests {
    use super::RepoPath;

    #[track_caller]
    fn check(bytes: &[u8], text: &str) {
        let path = RepoPath::from_bytes(bytes);
        assert_eq!(path.to_string(), text);
        assert_eq!(text.parse::<RepoPath>().as_ref(), Ok(&path), "{text} reads back");
    }

    #[test]
    fn any_bytes_survive_text() {
        check(b"src/lib.rs", "src/lib.rs");
        check("größe.txt".as_bytes(), "größe.txt");
        check(b"a\tb", r#""a\tb""#);
        check(b"a\x1bb", r#""a\033b""#);
        check(b"\xff\xfe", r#""\377\376""#);
        check(b"quote\"", r#""quote\"""#);
        check(b"back\\slash", r#""back\\slash""#);
    }

    #[test]
    fn extensions_are_of_the_file_name() {
        assert_eq!(RepoPath::from("a.b/c").extension(), None);
        assert_eq!(RepoPath::from("a/.gitignore").extension(), None);
        assert_eq!(RepoPath::from("a/x.tar.gz").extension(), Some("gz"));
    }
}
