//! What names a change: the manifest whose digest a person decides on.

use serde::{Deserialize, Serialize};

use super::ChangeSet;
use crate::id::{Digest, ObjectId, RepoPath};

/// The canonical description of one lane's patch set. Its digest is what an approval names; rendered diffs,
/// times and ids are no part of it, so a replay or another diff algorithm gives the same digest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// Always [`Manifest::FORMAT`].
    pub format: String,
    /// The commit that the change starts from.
    pub base_commit: ObjectId,
    /// Its tree.
    pub base_tree: ObjectId,
    /// The commit message that an approval publishes, without trailers.
    pub message: String,
    /// Every changed file, in the order of the bytes of its path.
    pub files: Vec<ManifestFile>,
}

/// One changed file in a [`Manifest`]. A missing side is an empty string, so the form has no null.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManifestFile {
    /// Where.
    pub path: RepoPath,
    /// Six octal digits, or empty where the file is added.
    pub old_mode: String,
    /// Six octal digits, or empty where the file is deleted.
    pub new_mode: String,
    /// SHA-256 of the old content, or empty.
    pub old_content: String,
    /// SHA-256 of the new content, or empty.
    pub new_content: String,
}

impl Manifest {
    /// The form's name and version.
    pub const FORMAT: &'static str = "paraph.manifest/1";

    /// The manifest of `changes` on `base_commit` with `base_tree`.
    #[must_use]
    pub fn new(base_commit: ObjectId, base_tree: ObjectId, message: &str, changes: &ChangeSet) -> Self {
        let files = changes
            .files()
            .iter()
            .map(|file| {
                let mode = |side: Option<&super::FileSide>| {
                    side.map(|side| format!("{:06o}", side.mode.bits())).unwrap_or_default()
                };
                let content =
                    |side: Option<&super::FileSide>| side.map(|side| side.digest().to_string()).unwrap_or_default();
                ManifestFile {
                    path: file.path.clone(),
                    old_mode: mode(file.old.as_ref()),
                    new_mode: mode(file.new.as_ref()),
                    old_content: content(file.old.as_ref()),
                    new_content: content(file.new.as_ref()),
                }
            })
            .collect();
        Self { format: Self::FORMAT.to_owned(), base_commit, base_tree, message: message.to_owned(), files }
    }

    /// The canonical JSON: keys sorted, no blanks (RFC 8785 for strings).
    #[must_use]
    pub fn canonical(&self) -> String {
        // serde_json's map is ordered by key; going through a Value sorts the fields.
        serde_json::to_value(self).expect("strings always serialise").to_string()
    }

    /// What an approval names.
    #[must_use]
    pub fn digest(&self) -> Digest {
        Digest::of(self.canonical().as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diff::{FileChange, FileSide};

    fn oid(digit: char) -> ObjectId {
        digit.to_string().repeat(40).parse().expect("forty hex digits")
    }

    #[test]
    fn the_digest_names_content_and_nothing_else() {
        let change = |path: &str, text: &str| FileChange {
            path: path.into(),
            old: None,
            new: Some(FileSide::regular(text.as_bytes())),
        };
        let one = ChangeSet::new([change("b", "2"), change("a", "1")]);
        let other = ChangeSet::new([change("a", "1"), change("b", "2")]);
        let digest = |set: &ChangeSet, message: &str| Manifest::new(oid('a'), oid('b'), message, set).digest();
        assert_eq!(digest(&one, "m"), digest(&other, "m"), "order of drafting does not matter");
        assert_ne!(digest(&one, "m"), digest(&one, "n"), "the message does");
        let canonical = Manifest::new(oid('a'), oid('b'), "m", &one).canonical();
        insta::assert_snapshot!(canonical, @r#"{"base_commit":"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa","base_tree":"bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb","files":[{"new_content":"6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b","new_mode":"100644","old_content":"","old_mode":"","path":"a"},{"new_content":"d4735e3a265e16eee03f59718b9b5d03019c07d8b6c51f90da3a666eec13ab35","new_mode":"100644","old_content":"","old_mode":"","path":"b"}],"format":"paraph.manifest/1","message":"m"}"#);
    }
}
