//! What is read of a version. It counts against the base, whatever the version is compared with on the screen: hunks
//! that another comparison leaves out are approved too.
//!
//! A hunk against the base is read by its own mark. Where the version is compared with an earlier one, a hunk that is
//! new since then is read as well once all that it can be made of is: what changed in its file since, and the earlier
//! version's hunks of that file that are no longer there.

use std::collections::HashMap;

use super::{DigestSet, Patches};
use crate::api::PatchSetView;
use crate::diff::ChangeStatus;
use crate::id::{Digest, RepoPath, Version};
use crate::tui::model::DocSource;

/// The versions of a comparison against their base, and the hunks of their files.
#[derive(Debug, Default)]
pub(crate) struct Reading {
    /// The version being read.
    now: Option<Vec<PatchSetView>>,
    /// The versions it is compared with, a repository each.
    before: Vec<PatchSetView>,
    files: Vec<BaseFile>,
    /// The files before it are counted.
    weighed: usize,
    /// The file whose hunks are being counted.
    pub weighing: Option<usize>,
}

/// A file that the version changes against its base, in a repository that is shown against another version.
#[derive(Debug)]
struct BaseFile {
    repo: String,
    now: DocSource,
    before: Option<DocSource>,
    /// Its place among the files that are shown, where it changed since.
    shown: Option<usize>,
    hunks: Option<Hunks>,
}

/// The hunks of a file against its base.
#[derive(Debug)]
struct Hunks {
    keys: Vec<Digest>,
    /// Those of them that the earlier version does not have.
    new: DigestSet,
    /// Those of the earlier version that are no longer there.
    gone: Vec<Digest>,
}

/// Hunks that were counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Count {
    pub done: usize,
    pub all: usize,
    /// Files whose hunks are not known yet.
    pub unknown: usize,
}

impl Patches {
    /// What must be known beside the comparison that is shown: versions against their base, and of which repository.
    pub(crate) fn wants_bases(&self) -> Vec<(Option<Version>, Option<String>)> {
        let others: Vec<_> =
            self.sets.iter().filter_map(|set| Some((Some(compared_with(set)?), Some(set.repo.clone())))).collect();
        if others.is_empty() { others } else { [(None, None)].into_iter().chain(others).collect() }
    }

    /// Takes patch sets against the base: of the version being read (`earlier` is none), or of one it is compared with.
    pub(crate) fn take_bases(&mut self, earlier: Option<Version>, sets: Vec<PatchSetView>) {
        match earlier {
            None => self.reading.now = Some(sets),
            Some(_) => self.reading.before.extend(sets),
        }
        let others = self.sets.iter().filter(|set| compared_with(set).is_some());
        let known = |set: &PatchSetView| self.reading.before.iter().any(|before| before.repo == set.repo);
        if let Some(now) = self.reading.now.as_ref().filter(|_| others.clone().all(known)) {
            let of = |set: &PatchSetView| now.iter().find(|now| now.repo == set.repo);
            self.reading.weighed = 0;
            self.reading.files = others.filter_map(of).flat_map(|now| self.base_files(now)).collect();
        }
    }

    fn base_files(&self, now: &PatchSetView) -> Vec<BaseFile> {
        let before = self.reading.before.iter().find(|before| before.repo == now.repo);
        let earlier = before.iter().flat_map(|before| &before.files);
        let earlier: HashMap<&RepoPath, DocSource> = earlier.map(|file| (&file.path, DocSource::of(file))).collect();
        let shown = |path: &RepoPath| self.place_of(&now.repo, path);
        let file = |file: &crate::api::FileView| BaseFile {
            repo: now.repo.clone(),
            now: DocSource::of(file),
            before: earlier.get(&file.path).cloned(),
            shown: shown(&file.path),
            hunks: None,
        };
        now.files.iter().map(file).collect()
    }

    /// The next file whose hunks against the base nobody counted: what it is now, and in the earlier version.
    pub(crate) fn unweighed(&mut self) -> Option<(usize, DocSource, Option<DocSource>)> {
        let files = &self.reading.files;
        let at = (self.reading.weighed..files.len()).find(|at| files[*at].hunks.is_none());
        self.reading.weighed = at.unwrap_or(files.len());
        let (at, file) = at.map(|at| (at, &self.reading.files[at]))?;
        Some((at, file.now.clone(), file.before.clone()))
    }

    /// Takes the hunks of such a file.
    pub(crate) fn take_weight(&mut self, file: usize, keys: Vec<Digest>, before: &[Digest]) {
        self.reading.weighing = None;
        let Some(file) = self.reading.files.get_mut(file) else { return };
        let (old, now): (DigestSet, DigestSet) = (before.iter().copied().collect(), keys.iter().copied().collect());
        let new = keys.iter().filter(|key| !old.contains(*key)).copied().collect();
        let gone = before.iter().filter(|key| !now.contains(*key)).copied().collect();
        file.hunks = Some(Hunks { keys, new, gone });
    }

    /// Counts the hunks of a repository, or of all, against the base; `has` says of which keys the count is.
    fn count(&self, repo: Option<&str>, has: impl Fn(&Digest) -> bool) -> Count {
        let counts = |of: &str| repo.is_none_or(|repo| repo == of);
        let mut count = Count::default();
        // once a set and not once a file: every frame counts
        let on_base: Vec<bool> =
            self.sets.iter().map(|set| compared_with(set).is_none() && counts(&set.repo)).collect();
        for (at, (set, _)) in self.files.iter().enumerate() {
            if on_base[*set] {
                match self.keys.get(&at).filter(|keys| !keys.is_empty()) {
                    Some(keys) => count.add(keys.len(), keys.iter().filter(|key| has(key)).count()),
                    None => count.unknown += 1,
                }
            }
        }
        let others = self.sets.iter().filter(|set| compared_with(set).is_some() && counts(&set.repo));
        if self.reading.files.is_empty() {
            count.unknown += others.count();
        }
        for file in self.reading.files.iter().filter(|file| counts(&file.repo)) {
            // one that cannot be read has none, and is not read for that
            let Some(hunks) = file.hunks.as_ref().filter(|hunks| !hunks.keys.is_empty()) else {
                count.unknown += 1;
                continue;
            };
            let made = self.is_made_of(file, hunks, &has);
            let done = hunks.keys.iter().filter(|key| has(key) || (made && hunks.new.contains(key))).count();
            count.add(hunks.keys.len(), done);
            // a change of the mode alone makes no other hunk of it
            let shown = file.shown.filter(|shown| self.is_of_mode(*shown)).and_then(|shown| self.keys.get(&shown));
            for key in shown.into_iter().flatten().filter(|key| !hunks.keys.contains(key)) {
                count.add(1, usize::from(has(key)));
            }
        }
        count
    }

    /// Whether all that the new hunks of a file can be made of is among the keys.
    fn is_made_of(&self, file: &BaseFile, hunks: &Hunks, has: &impl Fn(&Digest) -> bool) -> bool {
        let since = file.shown.map(|shown| self.keys.get(&shown).map_or(&[][..], Vec::as_slice));
        since.is_some_and(|since| !since.is_empty() && since.iter().all(has)) && hunks.gone.iter().all(has)
    }

    fn is_of_mode(&self, shown: usize) -> bool {
        self.source(shown).is_some_and(|source| source.old == source.new && source.status == ChangeStatus::Modified)
    }

    /// Hunks read and hunks known of a repository, or of all, and whether all are known.
    pub(crate) fn progress(&self, repo: Option<&str>) -> (usize, usize, bool) {
        let count = self.count(repo, |key| self.reviewed.contains(key));
        (count.done, count.all, count.unknown == 0 && !self.sets.is_empty())
    }

    /// Hunks that were neither marked nor ever on this screen; of the repository, or of all.
    pub(crate) fn unseen(&self, repo: Option<&str>) -> usize {
        if self.sets.is_empty() {
            return 1; // not even known yet
        }
        let count = self.count(repo, |key| self.reviewed.contains(key) || self.seen.contains(key));
        count.all - count.done + count.unknown
    }

    /// The hunks against the base that go with the marks of the file under the cursor: new ones that are read with it,
    /// or that are not read any more.
    pub(crate) fn marked_with(&self, reviewed: bool) -> Vec<Digest> {
        let file = self.reading.files.iter().find(|file| file.shown == Some(self.current));
        let Some((file, hunks)) = file.and_then(|file| Some((file, file.hunks.as_ref()?))) else { return Vec::new() };
        let made = self.is_made_of(file, hunks, &|key: &Digest| self.reviewed.contains(key));
        let changes = |key: &&Digest| self.reviewed.contains(*key) != reviewed && made == reviewed;
        hunks.new.iter().filter(changes).copied().collect()
    }
}

impl Count {
    fn add(&mut self, all: usize, done: usize) {
        self.all += all;
        self.done += done;
    }
}

/// The version that a patch set is shown against; none where that is the base.
fn compared_with(set: &PatchSetView) -> Option<Version> {
    set.against.parse().ok()
}
