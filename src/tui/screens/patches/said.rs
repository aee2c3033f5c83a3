//! What is said of a change, and where on the screen: at its line, on its file, or with another file.

use super::Patches;
use crate::api::{DraftView, PatchSetView, PlaceNow, Side as ApiSide, ThreadView};
use crate::id::{RepoPath, Version};
use crate::tui::diff_view::Side;
use crate::tui::theme::Role;
use crate::tui::widgets::Run;

/// Files that a note names.
const NAMED: usize = 5;

/// What a thread or a draft is about.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Talk<'a> {
    pub(super) repo: &'a str,
    pub(super) path: Option<&'a RepoPath>,
    pub(super) on_document: bool,
}

impl<'a> Talk<'a> {
    /// A thread, as it stands in the version being read.
    pub(crate) fn of(thread: &'a ThreadView, reading: Option<Version>) -> Self {
        let (path, _) = thread.place_in(reading);
        Self { repo: &thread.repo, path, on_document: thread.artifact.is_some() }
    }

    pub(crate) fn of_draft(draft: &'a DraftView, reading: Option<Version>) -> Self {
        let (path, _) = draft.place_in(reading);
        Self { repo: &draft.repo, path, on_document: draft.artifact.is_some() }
    }
}

/// A thread or a draft: what it is about, where it was written, where that is in the version being read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Written<'a> {
    talk: Talk<'a>,
    version: Version,
    path: Option<&'a RepoPath>,
    line: Option<u32>,
    side: ApiSide,
    now: Option<&'a PlaceNow>,
    now_line: Option<u32>,
}

impl<'a> Written<'a> {
    pub(super) fn of(thread: &'a ThreadView, reading: Option<Version>) -> Self {
        Self {
            talk: Talk::of(thread, reading),
            version: thread.version,
            path: thread.path.as_ref(),
            line: thread.line,
            side: thread.side,
            now: thread.now.as_ref(),
            now_line: thread.place_in(reading).1,
        }
    }

    pub(super) fn of_draft(draft: &'a DraftView, reading: Option<Version>) -> Self {
        Self {
            talk: Talk::of_draft(draft, reading),
            version: draft.version,
            path: draft.path.as_ref(),
            line: draft.line,
            side: draft.side,
            now: draft.now.as_ref(),
            now_line: draft.place_in(reading).1,
        }
    }

    /// The side that it is drawn on.
    pub(super) fn side(&self) -> Side {
        if self.side == ApiSide::Old { Side::Old } else { Side::New }
    }
}

/// Where something is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Drawn {
    /// At its line (0-based) of that side.
    AtLine(Side, u32),
    /// On its file, or on the whole change.
    OnFile,
    /// With another file than its own.
    Elsewhere,
}

impl Patches {
    /// Where it is drawn with the file under the cursor.
    pub(super) fn drawn(&self, said: &Written<'_>) -> Drawn {
        if said.talk.path.is_some() && !self.is_on(self.current, said.talk) {
            return Drawn::Elsewhere;
        }
        let Some((set, file)) = self.file().filter(|_| said.talk.path.is_some()) else { return Drawn::OnFile };
        let at =
            |side, line: Option<u32>| line.map_or(Drawn::OnFile, |line| Drawn::AtLine(side, line.saturating_sub(1)));
        if set.against == "base" {
            return at(said.side(), said.now_line);
        }
        match said.side {
            // the left side has other lines than the base that it is about
            ApiSide::Old => Drawn::OnFile,
            ApiSide::New if said.path == Some(&file.path) && self.is_left(set, said) => at(Side::Old, said.line),
            ApiSide::New => at(Side::New, said.now_line),
        }
    }

    /// Whether it was written on what stands on the left and is no longer on the right.
    fn is_left(&self, set: &PatchSetView, said: &Written<'_>) -> bool {
        if set.against.parse() != Ok(said.version) {
            return false;
        }
        // on another base the left side has lines of that: what was written about must be read there
        let Some(quoted) = said.now.map(|now| now.quoted.as_ref()) else { return true };
        let (Some(quoted), Some(line), Some(doc)) = (quoted, said.line, self.doc()) else { return false };
        let left = String::from_utf8_lossy(doc.line(Side::Old, line.saturating_sub(1))).into_owned();
        let quoted = quoted.raw();
        !quoted.is_empty() && (left.trim_end() == quoted || quoted.len() >= 300 && left.starts_with(quoted))
    }

    /// What a reader must know of the comparison before they read the file.
    pub(super) fn note_rows(&self, columns: usize) -> Option<Vec<Vec<Run>>> {
        let (set, file) = self.file()?;
        let mut notes: Vec<String> = Vec::new();
        if set.not_carried.contains(&file.path) {
            notes.push(format!(
                "what {} changed here does not fit the new base: all that {} does to the base is shown",
                set.against, set.version
            ));
        }
        // files that are in no list are told of with the first of their repository, or with the first of all
        let is_first = |at: usize| match self.firsts[at] {
            Some(first) => first == self.current,
            None => self.current == 0,
        };
        notes.extend(self.left_alone().filter(|(at, _)| is_first(*at)).map(|(_, note)| note));
        let row = |line: &str| vec![Run::new("│ ", Role::Warning), Run::new(line, Role::Warning)];
        let lines = notes.iter().flat_map(|note| crate::text::width::wrap(note, columns));
        let rows: Vec<Vec<Run>> = lines.map(row).collect();
        (!rows.is_empty()).then_some(rows)
    }

    /// What is to say of files of which a comparison shows nothing, though the earlier version changed them: where in the
    /// sets, and the words.
    pub(super) fn left_alone(&self) -> impl Iterator<Item = (usize, String)> + '_ {
        self.sets.iter().enumerate().filter_map(|(at, set)| {
            let names = self.not_listed(at);
            let more = names.len().saturating_sub(NAMED);
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            let named = names.get(..NAMED).unwrap_or(&names).join(", ");
            let note = format!(
                "what {} changed in {named}{more} does not fit the new base, and {} leaves it as it is there",
                set.against, set.version
            );
            (!names.is_empty()).then_some((at, note))
        })
    }

    /// Files of a set that could not be carried over and are in no list.
    pub(super) fn not_listed(&self, set: usize) -> Vec<String> {
        let listed = |path: &&RepoPath| !self.places[set].contains_key(*path);
        let names = self.sets[set].not_carried.iter().filter(listed);
        names.map(|path| crate::tui::screens::plain(&path.to_string())).collect()
    }
}
