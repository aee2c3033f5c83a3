//! Making a tree of a base and a change: in memory, touching only the folders that change.

use std::collections::BTreeMap;

use git2::{ObjectType, Oid};
use rayon::prelude::*;

use super::objects::{DIRECTORY, RawEntry, blob_name, new_object, raw_tree, tree_name};
use super::pack::NewObject;
use super::tree::Trees;
use crate::diff::{ChangeSet, FileChange, FileMode, FileSide};
use crate::id::RepoPath;
use crate::repository::VcsError;

/// A tree that is not stored yet: its id and the objects that the base lacks.
pub(super) struct NewTree {
    pub(super) id: Oid,
    pub(super) objects: Vec<NewObject>,
}

/// What a tree is made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Aim {
    /// To be stored. The old sides may be of another base: each is held against it.
    Store,
    /// To be stored. The old sides were read from this very base: kinds are held against it, contents are not hashed again.
    StoreOnRead,
    /// To be named only, no object is kept. The old sides were read from this very base.
    NameOnRead,
}

/// One change with its sides hashed; `old` only where it is not known to fit.
struct Hashed<'a> {
    change: &'a FileChange,
    old: Option<Oid>,
    new: Option<Oid>,
}

/// The tree that `changes` make of `base`.
///
/// # Errors
/// [`VcsError::BadPath`] for a path or mode git cannot hold, a side that does not fit the base, and a file where
/// a folder must be (a link too: nothing is written through it).
pub(super) fn new_tree(trees: Trees<'_>, base: Oid, changes: &ChangeSet, aim: Aim) -> Result<NewTree, VcsError> {
    changes.files().iter().try_for_each(check_change)?;
    let hashed: Vec<Hashed<'_>> =
        changes.files().par_iter().map(|change| hash(change, aim)).collect::<Result<_, _>>()?;
    let mut making = Making { trees, aim, objects: Vec::new() };
    let root = making.folder(Some(base), &hashed, 0)?;
    let id = match root {
        Some(id) => id,
        None => making.keep(Vec::new()),
    };
    if aim == Aim::NameOnRead {
        return Ok(NewTree { id, objects: Vec::new() });
    }
    let blobs = hashed.iter().filter_map(|hashed| {
        let side = hashed.change.new.as_ref().filter(|side| side.mode != FileMode::Gitlink)?;
        Some(NewObject { id: hashed.new?, kind: ObjectType::Blob, content: side.content.clone() })
    });
    making.objects.extend(blobs);
    Ok(NewTree { id, objects: making.objects })
}

fn bad(path: &RepoPath, why: impl Into<String>) -> VcsError {
    VcsError::BadPath { path: path.clone(), why: why.into() }
}

/// The most folders in one another that a change may reach. // 256: a folder is written by calls of its own, of which a
/// small stack holds many more; the path policy blocks from 128 on
const DEEPEST: usize = 256;

fn check_change(change: &FileChange) -> Result<(), VcsError> {
    if change.path.components().nth(DEEPEST).is_some() {
        return Err(bad(&change.path, format!("it lies more than {DEEPEST} folders deep")));
    }
    for part in change.path.components() {
        match part {
            b"" => return Err(bad(&change.path, "it has an empty component")),
            b"." | b".." => return Err(bad(&change.path, "it has a component `.` or `..`")),
            part if part.eq_ignore_ascii_case(b".git") => return Err(bad(&change.path, "it lies in `.git`")),
            part if part.contains(&0) => return Err(bad(&change.path, "it has a NUL")),
            _ => {}
        }
    }
    match change.new.as_ref().map(|side| side.mode) {
        Some(FileMode::Other(bits)) => Err(bad(&change.path, format!("git has no file mode {bits:o}"))),
        _ => Ok(()),
    }
}

fn hash(change: &FileChange, aim: Aim) -> Result<Hashed<'_>, VcsError> {
    let side = |side: &Option<FileSide>| side.as_ref().map(|side| hash_side(change, side, aim)).transpose();
    let old = if aim == Aim::Store { side(&change.old)? } else { None };
    Ok(Hashed { change, old, new: side(&change.new)? })
}

fn hash_side(change: &FileChange, side: &FileSide, aim: Aim) -> Result<Oid, VcsError> {
    if side.mode == FileMode::Gitlink {
        let named = std::str::from_utf8(side.content.trim_ascii_end()).ok().and_then(|hex| Oid::from_str(hex).ok());
        return named.ok_or_else(|| bad(&change.path, "a submodule must name a commit"));
    }
    let name = match aim {
        Aim::NameOnRead => blob_name(&side.content),
        Aim::Store | Aim::StoreOnRead => Oid::hash_object(ObjectType::Blob, &side.content),
    };
    name.map_err(|error| bad(&change.path, error.message()))
}

struct Making<'a> {
    trees: Trees<'a>,
    aim: Aim,
    objects: Vec<NewObject>,
}

impl Making<'_> {
    fn keep(&mut self, raw: Vec<u8>) -> Oid {
        if self.aim == Aim::NameOnRead {
            return tree_name(&raw);
        }
        let object = new_object(ObjectType::Tree, raw.into());
        let id = object.id;
        self.objects.push(object);
        id
    }

    /// The folder that `changes` make of `base`; `None` where nothing is left in it. All of `changes` lie below
    /// the same folder, whose path is `skip` bytes long with its slash; they are sorted.
    fn folder(&mut self, base: Option<Oid>, changes: &[Hashed<'_>], skip: usize) -> Result<Option<Oid>, VcsError> {
        let path = &changes.first().map_or(&b""[..], |hashed| hashed.change.path.as_bytes())[..skip];
        let base = base.map_or(Ok(Vec::new()), |base| self.trees.read(base, path))?;
        let mut entries: BTreeMap<Vec<u8>, RawEntry> =
            base.into_iter().map(|entry| (entry.name.clone(), entry)).collect();
        // by name, not by run: `a`, `a.b`, `a/c` is the order of paths, and `a` and `a/c` belong together
        let mut groups: BTreeMap<&[u8], Vec<usize>> = BTreeMap::new();
        for (number, hashed) in changes.iter().enumerate() {
            groups.entry(first_component(&hashed.change.path.as_bytes()[skip..])).or_default().push(number);
        }
        for (name, numbers) in groups {
            let here = entries.remove(name);
            if let Some(entry) = self.name(here, name, changes, &numbers, skip)? {
                entries.insert(name.to_vec(), entry);
            }
        }
        if entries.is_empty() {
            return Ok(None);
        }
        let raw = raw_tree(&mut entries.into_values().collect::<Vec<_>>());
        Ok(Some(self.keep(raw)))
    }

    /// What is under one name after the changes numbered `numbers`, all of which start with it.
    fn name(
        &mut self,
        here: Option<RawEntry>,
        name: &[u8],
        changes: &[Hashed<'_>],
        numbers: &[usize],
        skip: usize,
    ) -> Result<Option<RawEntry>, VcsError> {
        let is_file = |number: &&usize| changes[**number].change.path.as_bytes().len() == skip + name.len();
        let file = numbers.iter().find(is_file).map(|number| &changes[*number]);
        let (first, rest) = numbers.split_first().expect("a group has a change");
        let below = if file.is_some() { rest } else { numbers };
        let any = &changes[*first].change.path;
        let folder = here.as_ref().filter(|entry| entry.is_directory()).map(|entry| entry.id);
        let here_file = here.as_ref().filter(|entry| !entry.is_directory());
        match file {
            Some(file) => fits(file, here_file)?,
            None if here_file.is_some() => {
                let what = if here_file.is_some_and(|e| e.mode() == FileMode::Symlink) { "a link" } else { "a file" };
                return Err(bad(
                    any,
                    format!("`{}` is {what}", RepoPath::from_bytes(&any.as_bytes()[..skip + name.len()])),
                ));
            }
            None => {}
        }
        let folder = match (below.first(), below.last()) {
            (Some(first), Some(last)) if last - first + 1 == below.len() => {
                self.folder(folder, &changes[*first..=*last], skip + name.len() + 1)?
            }
            (Some(_), _) => return Err(bad(any, "its folder is changed in an order that no change set has")),
            _ => folder,
        };
        let made = file.and_then(|file| Some((file.change.new.as_ref()?.mode.bits(), file.new?)));
        match (made, folder) {
            (Some(_), Some(_)) => Err(bad(any, "a file and a folder would have the same name")),
            (Some((bits, id)), None) => Ok(Some(RawEntry { bits, name: name.to_vec(), id })),
            (None, Some(id)) => Ok(Some(RawEntry { bits: DIRECTORY, name: name.to_vec(), id })),
            (None, None) => Ok(None),
        }
    }
}

fn first_component(path: &[u8]) -> &[u8] {
    path.split(|byte| *byte == b'/').next().unwrap_or(path)
}

/// Refuses a change whose old side is not what the base has.
fn fits(hashed: &Hashed<'_>, here: Option<&RawEntry>) -> Result<(), VcsError> {
    match (&hashed.change.old, here) {
        (None, None) => Ok(()),
        (Some(old), Some(entry)) if old.mode == entry.mode() && hashed.old.is_none_or(|id| id == entry.id) => Ok(()),
        (None, Some(_)) => Err(bad(&hashed.change.path, "it is in the base already")),
        (Some(_), None) => Err(bad(&hashed.change.path, "it is not in the base")),
        _ => Err(bad(&hashed.change.path, "the base has another content or mode")),
    }
}
