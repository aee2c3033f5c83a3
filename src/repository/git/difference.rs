//! What differs between two trees, without looking into what is the same.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use git2::{Odb, Oid};
use rayon::prelude::*;

use super::objects::{RawEntry, to_id};
use super::pack::NewObject;
use super::private::Private;
use super::tree::{join, read_error, read_tree};
use crate::diff::{ChangeSet, FileChange, FileMode, FileSide};
use crate::id::RepoPath;
use crate::repository::{TreeError, VcsError};

/// A file that differs, and the two entries that say so.
pub(super) struct ChangedFile {
    pub(super) path: RepoPath,
    pub(super) old: Option<RawEntry>,
    pub(super) new: Option<RawEntry>,
}

/// The files that differ, and the trees that only the new side has.
#[derive(Default)]
pub(super) struct Difference {
    pub(super) files: Vec<ChangedFile>,
    pub(super) new_trees: Vec<Oid>,
}

impl Difference {
    /// Compares two trees; `None` stands for an empty one.
    pub(super) fn between(odb: &Odb<'_>, old: Option<Oid>, new: Option<Oid>) -> Result<Self, TreeError> {
        let mut difference = Self::default();
        difference.walk(odb, old, new, b"")?;
        Ok(difference)
    }

    fn walk(&mut self, odb: &Odb<'_>, old: Option<Oid>, new: Option<Oid>, path: &[u8]) -> Result<(), TreeError> {
        if old == new {
            return Ok(());
        }
        self.new_trees.extend(new);
        let read = |id: Option<Oid>| id.map_or(Ok(Vec::new()), |id| read_tree(odb, id, path));
        let mut sides: BTreeMap<Vec<u8>, [Option<RawEntry>; 2]> = BTreeMap::new();
        for (side, entries) in [read(old)?, read(new)?].into_iter().enumerate() {
            for entry in entries {
                let name = entry.name.clone();
                sides.entry(name).or_default()[side] = Some(entry);
            }
        }
        for (name, [old, new]) in sides {
            if old == new {
                continue;
            }
            let path = join(path, &name);
            let folder = |entry: &Option<RawEntry>| entry.as_ref().filter(|entry| entry.is_directory()).map(|e| e.id);
            let (old_folder, new_folder) = (folder(&old), folder(&new));
            if old_folder.is_some() || new_folder.is_some() {
                self.walk(odb, old_folder, new_folder, &path)?;
            }
            let file = |entry: Option<RawEntry>| entry.filter(|entry| !entry.is_directory());
            let (old, new) = (file(old), file(new));
            if old.is_some() || new.is_some() {
                self.files.push(ChangedFile { path: RepoPath::from_bytes(path), old, new });
            }
        }
        Ok(())
    }
}

/// What turns `old` into `new`, with whole contents; blobs are read on all cores.
pub(super) fn changes(private: &Private, old: Oid, new: Oid) -> Result<ChangeSet, VcsError> {
    let difference = with_odb(private, |odb| Difference::between(odb, Some(old), Some(new)))?;
    let read = |file: ChangedFile| {
        with_odb(private, |odb| {
            let side =
                |entry: &Option<RawEntry>| entry.as_ref().map(|entry| read_side(odb, entry, &file.path)).transpose();
            Ok(FileChange { path: file.path.clone(), old: side(&file.old)?, new: side(&file.new)? })
        })
    };
    let files: Vec<FileChange> = difference.files.into_par_iter().map(read).collect::<Result<_, VcsError>>()?;
    Ok(ChangeSet::new(files))
}

fn read_side(odb: &Odb<'_>, entry: &RawEntry, path: &RepoPath) -> Result<FileSide, TreeError> {
    let mode = entry.mode();
    let content: Arc<[u8]> = match mode {
        FileMode::Gitlink => to_id(entry.id).as_str().as_bytes().into(),
        _ => odb.read(entry.id).map_err(|error| read_error(&error, entry.id, path.as_bytes()))?.data().into(),
    };
    Ok(FileSide { mode, content })
}

/// Runs `work` with the objects of a private repository.
pub(super) fn with_odb<R>(
    private: &Private,
    work: impl FnOnce(&Odb<'_>) -> Result<R, TreeError>,
) -> Result<R, VcsError> {
    let found = private.with(|repo| match repo.odb() {
        Ok(odb) => work(&odb),
        Err(error) => Err(TreeError::Unreadable(error.message().to_owned())),
    })?;
    Ok(found?)
}

/// Copies into the objects folder `to` what the tree `new` has and the tree `old` has not, so that a gc of the
/// place it came from cannot take it away. Objects for which `there` is true are left out.
pub(super) fn copy_new(
    odb: &Odb<'_>,
    old: Option<Oid>,
    new: Oid,
    to: &Path,
    there: impl Fn(Oid) -> bool,
) -> Result<(), VcsError> {
    let difference = Difference::between(odb, old, Some(new))?;
    let blobs = difference.files.iter().filter_map(|file| {
        let entry = file.new.as_ref().filter(|entry| entry.mode() != FileMode::Gitlink)?;
        Some((entry.id, file.path.as_bytes()))
    });
    let trees = difference.new_trees.iter().map(|id| (*id, &b""[..]));
    let mut objects = Vec::new();
    for (id, path) in blobs.chain(trees).filter(|(id, _)| !there(*id)) {
        objects.push(read_object(odb, id, path)?);
    }
    super::objects::store(to, objects)
}

/// An object as it can be stored elsewhere.
pub(super) fn read_object(odb: &Odb<'_>, id: Oid, path: &[u8]) -> Result<NewObject, VcsError> {
    let object = odb.read(id).map_err(|error| read_error(&error, id, path))?;
    Ok(NewObject { id, kind: object.kind(), content: object.data().into() })
}
