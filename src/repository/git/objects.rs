//! Objects: ids, raw trees, and storing new objects without touching what is there.
//!
//! libgit2's own writer refreshes the time of an object that it finds, in the user's repository too; this one
//! never looks outside the folder it writes to.

use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;

use git2::{ObjectType, Oid};

use super::pack::{self, NewObject};
use crate::diff::{FileMode, sha1};
use crate::id::ObjectId;
use crate::repository::VcsError;

/// More new objects than this are stored as one pack. // 100: git's own transfer.unpackLimit
const LOOSE_LIMIT: usize = 100;

/// The bits of a directory in a tree.
pub(super) const DIRECTORY: u32 = 0o040_000;

pub(super) fn to_id(oid: Oid) -> ObjectId {
    oid.to_string().parse().expect("libgit2 writes ids as 40 lower-case hex digits")
}

/// The libgit2 form of an id; a SHA-256 id is none that this build can have made.
pub(super) fn to_oid(id: &ObjectId) -> Result<Oid, VcsError> {
    Oid::from_str(id.as_str())
        .map_err(|_| VcsError::Unsupported { path: id.to_string(), what: "SHA-256 objects".to_owned() })
}

/// A new object, its id computed.
pub(crate) fn new_object(kind: ObjectType, content: Arc<[u8]>) -> NewObject {
    let id = Oid::hash_object(kind, &content).expect("hashing bytes in memory does not fail");
    NewObject { id, kind, content }
}

/// The name that git gives to a blob of these bytes, which are not stored under it.
///
/// Text is hashed by the processor's own instructions: a collision of SHA-1 takes bytes that are none. Anything else is
/// hashed by libgit2, which refuses what looks made to collide.
pub(super) fn blob_name(content: &[u8]) -> Result<Oid, git2::Error> {
    let is_text = content.is_ascii() || std::str::from_utf8(content).is_ok(); // the first is thrice as fast
    if !is_text {
        return Oid::hash_object(ObjectType::Blob, content);
    }
    Oid::from_bytes(&sha1(&[format!("blob {}\0", content.len()).as_bytes(), content]))
}

/// The name that git gives to a tree of these bytes, which are not stored under it.
pub(super) fn tree_name(raw: &[u8]) -> Oid {
    let name = sha1(&[format!("tree {}\0", raw.len()).as_bytes(), raw]);
    Oid::from_bytes(&name).expect("a SHA-1 has the bytes of an id")
}

/// One entry of a raw tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RawEntry {
    pub(super) bits: u32,
    pub(super) name: Vec<u8>,
    pub(super) id: Oid,
}

impl RawEntry {
    pub(super) fn is_directory(&self) -> bool {
        self.bits == DIRECTORY
    }

    pub(super) fn mode(&self) -> FileMode {
        match self.bits {
            0o100_664 => FileMode::Regular, // trees of very old repositories: git reads it as 100644
            bits => FileMode::from_bits(bits),
        }
    }

    /// Git's order: a directory compares as if its name ended in `/`.
    fn key(&self) -> impl Iterator<Item = u8> + '_ {
        self.name.iter().copied().chain(self.is_directory().then_some(b'/'))
    }
}

/// The entries of a raw tree, or nothing where the bytes are not one.
pub(super) fn parse_tree(mut raw: &[u8]) -> Option<Vec<RawEntry>> {
    let mut entries = Vec::new();
    while !raw.is_empty() {
        let space = memchr::memchr(b' ', raw)?;
        let end = space + memchr::memchr(0, &raw[space..])?;
        let mut bits = 0u32;
        for digit in &raw[..space] {
            bits = bits.checked_mul(8)? + u32::from(digit.checked_sub(b'0').filter(|digit| *digit < 8)?);
        }
        let id = Oid::from_bytes(raw.get(end + 1..end + 21)?).ok()?;
        entries.push(RawEntry { bits, name: raw[space + 1..end].to_vec(), id });
        raw = &raw[end + 21..];
    }
    Some(entries)
}

/// The raw tree of these entries, put into git's order.
pub(super) fn raw_tree(entries: &mut [RawEntry]) -> Vec<u8> {
    entries.sort_by(|one, other| one.key().cmp(other.key()));
    let mut raw = Vec::with_capacity(entries.len() * 48);
    for entry in entries {
        raw.extend_from_slice(format!("{:o} ", entry.bits).as_bytes());
        raw.extend_from_slice(&entry.name);
        raw.push(0);
        raw.extend_from_slice(entry.id.as_bytes());
    }
    raw
}

/// Stores `new` in the objects folder `objects`: loose where they are few, as one pack where they are many.
///
/// What is there already is left as it is, so a second call writes nothing.
pub(crate) fn store(objects: &Path, mut new: Vec<NewObject>) -> Result<(), VcsError> {
    new.sort_by_key(|object| object.id);
    new.dedup_by_key(|object| object.id);
    if new.len() <= LOOSE_LIMIT {
        return new.iter().try_for_each(|object| store_loose(objects, object));
    }
    let folder = objects.join("pack");
    let stem = format!("pack-{}", pack::name(&new));
    let (data, index) = (folder.join(format!("{stem}.pack")), folder.join(format!("{stem}.idx")));
    if index.exists() && data.exists() {
        return Ok(());
    }
    create_folder(&folder)?;
    let pack = pack::build(&new);
    // the index last: a pack without one is not seen
    write_once(&folder, &data, &pack.data, Durable::Yes)?;
    write_once(&folder, &index, &pack.index, Durable::Yes)
}

fn store_loose(objects: &Path, object: &NewObject) -> Result<(), VcsError> {
    let hex = object.id.to_string();
    let folder = objects.join(&hex[..2]);
    let path = folder.join(&hex[2..]);
    // an empty file is what a power cut leaves of an object: written again
    if path.metadata().is_ok_and(|found| found.len() > 0) {
        return Ok(());
    }
    create_folder(&folder)?;
    let header = format!("{} {}\0", object.kind.str(), object.content.len());
    let data = pack::deflate(Vec::new(), &[header.as_bytes(), &object.content]);
    // commits are what refs name: they reach the disk first, as with git's core.fsync=committed
    let durable = if object.kind == ObjectType::Commit { Durable::Yes } else { Durable::Later };
    write_once(&folder, &path, &data, durable)
}

#[derive(PartialEq, Eq)]
enum Durable {
    Yes,
    Later,
}

fn create_folder(folder: &Path) -> Result<(), VcsError> {
    std::fs::create_dir_all(folder).map_err(|cause| io_error("create", folder, cause))
}

/// Writes a read-only file under a temporary name, then renames it into place.
fn write_once(folder: &Path, path: &Path, data: &[u8], durable: Durable) -> Result<(), VcsError> {
    let failed = |cause| io_error("write", path, cause);
    let mut file = tempfile::Builder::new().prefix("tmp_obj_").tempfile_in(folder).map_err(failed)?;
    file.write_all(data).map_err(failed)?;
    let readable = std::os::unix::fs::PermissionsExt::from_mode(0o444);
    file.as_file().set_permissions(readable).map_err(failed)?;
    if durable == Durable::Yes {
        file.as_file().sync_data().map_err(failed)?;
    }
    file.persist(path).map_err(|error| failed(error.error))?;
    Ok(())
}

/// What the file system refused, in the words of the port.
pub(super) fn io_error(what: &'static str, path: &Path, cause: std::io::Error) -> VcsError {
    VcsError::Io { what, path: crate::id::HostPath::new(path).to_string(), cause }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(bits: u32, name: &str) -> RawEntry {
        RawEntry { bits, name: name.into(), id: Oid::hash_object(ObjectType::Blob, name.as_bytes()).expect("hash") }
    }

    #[test]
    fn trees_are_in_gits_order_and_read_back() {
        let mut entries = vec![entry(DIRECTORY, "a"), entry(0o100_644, "a.b"), entry(0o100_755, "a-b")];
        let raw = raw_tree(&mut entries);
        let names: Vec<_> = entries.iter().map(|entry| String::from_utf8_lossy(&entry.name).into_owned()).collect();
        assert_eq!(names, ["a-b", "a.b", "a"]);
        assert_eq!(parse_tree(&raw), Some(entries));
    }

    #[test]
    fn damaged_trees_are_not_read() {
        let raw = raw_tree(&mut [entry(0o100_644, "name")]);
        for cut in 1..raw.len() {
            assert_eq!(parse_tree(&raw[..cut]), None, "cut at {cut}");
        }
        assert_eq!(parse_tree(b"99 x\0aaaaaaaaaaaaaaaaaaaa"), None);
    }

    #[test]
    fn many_objects_become_one_pack_that_libgit2_reads() {
        let folder = tempfile::tempdir().expect("tempdir");
        let repo = git2::Repository::init_bare(folder.path()).expect("init");
        let content = |n: u32| format!("object {n}\n").repeat(n as usize % 50 + 1).into_bytes();
        let objects = || (0..300).map(|n| new_object(ObjectType::Blob, content(n).into())).collect::<Vec<_>>();
        let store_all = || store(&folder.path().join("objects"), objects()).expect("store");
        store_all();
        store_all();
        assert_eq!(std::fs::read_dir(folder.path().join("objects/pack")).expect("list").count(), 2);
        for (n, object) in (0..).zip(objects()) {
            assert_eq!(repo.find_blob(object.id).expect("in the pack").content(), content(n));
        }
    }
}
