//! Git's name of a blob, for comparing with the ids that a patch carries.

use sha1::Sha1;
use sha2::{Digest as _, Sha256};

/// Which hash names objects in a repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum ObjectFormat {
    /// 40 hex digits.
    #[default]
    Sha1,
    /// 64 hex digits.
    Sha256,
}

/// The id that git gives to a blob of these bytes, in hex.
#[must_use]
pub fn blob_id(content: &[u8], format: ObjectFormat) -> String {
    let header = format!("blob {}\0", content.len());
    match format {
        ObjectFormat::Sha1 => hex(&sha1(&[header.as_bytes(), content])),
        ObjectFormat::Sha256 => {
            let mut hash = Sha256::new();
            hash.update(header.as_bytes());
            hash.update(content);
            hex(&hash.finalize())
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]).map(|digit| char::from(DIGITS[usize::from(digit)])).collect()
}

/// The SHA-1 of `parts`, one after the other: it names git's objects and sums up its packs, and secures nothing.
pub(crate) fn sha1(parts: &[&[u8]]) -> [u8; 20] {
    let mut hash = Sha1::new();
    parts.iter().for_each(|part| hash.update(part));
    hash.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(content: &[u8], id: &str) {
        assert_eq!(blob_id(content, ObjectFormat::Sha1), id);
    }

    #[test]
    fn ids_are_gits() {
        check(b"", "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391");
        check(b"hello\n", "ce013625030ba8dba906f756967f9e9ca394464a");
        let empty = "473a0f4c3be8a93681a267e3b1e9a7dcda1185436fe141f7749120a303721813";
        assert_eq!(blob_id(b"", ObjectFormat::Sha256), empty);
    }
}
