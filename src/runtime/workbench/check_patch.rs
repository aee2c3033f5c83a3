//! `check-patch`: parse, police the paths, place in memory, police the result, name the tree.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};

use rayon::prelude::*;

use crate::api::{CheckExtent, CheckPatchRequest, CheckedPatch, Failure, FailureKind, FileStat, ViolationView};
use crate::diff::{
    ChangeSet, ChangeStatus, FileChange, FileMode, FilePatch, FileSide, Operation, Patch, PatchError, PatchLineKind,
    PatchProblem, Refusal, line_stat,
};
use crate::id::{ObjectId, RepoPath};
use crate::policy::{PathPolicy, PolicySettings, RULES, Severity, Touch, Violation};
use crate::proposal::edits::{EditRefusals, Edits, Placed};
use crate::proposal::{DiffFile, PatchFile, PatchFileError, PlacedPatch, place_or_merge};
use crate::repository::{Base, OverlayTree, Source, Tree, TreeError, UserTree, VcsError};
use crate::text::Untrusted;
use crate::validation::{ConfigError, ConfigLimits, ConfigProblem, RepositoryConfig};

use super::{WorkbenchParts, vcs_failure};

/// The most violations that are listed; one more would tell a person nothing.
const MOST_VIOLATIONS: usize = 1000;

/// Checks every patch of `request` on what the ones before it left.
///
/// Where refusals are listed nothing applies. Where none is and `applies` is false, the path policy stopped a patch
/// before it was placed: the violations say why.
pub(super) fn check_patch(parts: &WorkbenchParts, request: &CheckPatchRequest) -> Result<CheckedPatch, Failure> {
    let rev = revision(&request.base)?;
    // the base is opened and listed while the patches are read: each takes one core
    let tops = request.source.tops();
    let read = |bytes: &[u8]| PatchFile::read(bytes).map(|file| file.below(&tops));
    let parse = || request.patches.iter().map(|(given, bytes)| (given, read(bytes))).collect::<Vec<_>>();
    let (parsed, opened) = rayon::join(parse, || open(parts, &request.source, rev));
    let (base, settings) = opened?;
    let (tree, name) = (base.tree(), &base.name);
    let mut placing = Placing::new(tree);
    for (given, patch) in parsed {
        match placing.add(given, patch) {
            Ok(()) => {}
            Err(Stop::Refused(refusals)) => return Ok(not_applied(Vec::new(), refusals)),
            Err(Stop::Blocked(found)) => return Ok(not_applied(views(name, found), Vec::new())),
            Err(Stop::Failed(error)) => return Err(vcs_failure(&error.into())),
        }
    }
    let mut notes = std::mem::take(&mut placing.notes);
    if request.extent == CheckExtent::Place {
        notes.push("no policy judged what it changes; leave out --apply-only for that".to_owned().into());
    }
    let (changes, counted) = placing.finish().map_err(|error| vcs_failure(&error.into()))?;
    let judge = || match request.extent {
        CheckExtent::Place => Ok(Vec::new()),
        CheckExtent::Judge | CheckExtent::Store => parts.policy.judge(&changes, tree, &settings),
    };
    let name_tree = || parts.vcs.would_be_tree(&base, &changes);
    let stats = || changes.files().par_iter().map(|file| stat(file, &counted)).collect();
    // none needs another, unless the tree is to be stored: then nothing may block it
    let ((judged, named), files) = rayon::join(
        || match request.extent {
            CheckExtent::Store => (judge(), None),
            CheckExtent::Place | CheckExtent::Judge => rayon::join(judge, || Some(name_tree())),
        },
        stats,
    );
    let found = judged.map_err(|error| vcs_failure(&error.into()))?;
    let blocks = found.iter().any(|violation| violation.severity == Severity::Block);
    let tree = match named {
        Some(tree) => tree,
        None if blocks => name_tree(),
        None => parts.vcs.write_tree_into(&base, &changes),
    };
    let tree = match tree {
        Ok(tree) => Some(tree),
        // a policy that blocks says it better
        Err(VcsError::BadPath { .. }) if blocks => None,
        Err(error @ VcsError::BadPath { .. }) => return Ok(not_applied(Vec::new(), vec![error.to_string().into()])),
        Err(error) => return Err(vcs_failure(&error)),
    };
    let judged = request.extent != CheckExtent::Place;
    let answer = CheckedPatch { judged, notes, ..answer(true, tree, files, views(name, found), Vec::new()) };
    // contents of a large patch are given back beside what follows, not before it
    rayon::spawn(move || drop(changes));
    Ok(answer)
}

/// The base, listed, and the policy that it is judged by.
fn open(parts: &WorkbenchParts, source: &Source, rev: Option<&str>) -> Result<(UserTree, PolicySettings), Failure> {
    let base = parts.vcs.user_tree(source, rev).map_err(|error| vcs_failure(&error))?;
    let settings = settings(parts, base.tree())?;
    base.tree().entries().map_err(|error| vcs_failure(&error.into()))?;
    Ok((base, settings))
}

fn answer(
    applies: bool,
    tree: Option<ObjectId>,
    files: Vec<FileStat>,
    violations: Vec<ViolationView>,
    refusals: Vec<Untrusted>,
) -> CheckedPatch {
    let (schema, notes) = ("paraph.check-patch/1".to_owned(), Vec::new());
    CheckedPatch { schema, applies, judged: true, tree, files, violations, refusals, notes }
}

fn not_applied(violations: Vec<ViolationView>, refusals: Vec<Untrusted>) -> CheckedPatch {
    answer(false, None, Vec::new(), violations, refusals)
}

fn revision(base: &Base) -> Result<Option<&str>, Failure> {
    match base {
        Base::Head => Ok(None),
        Base::Rev(rev) => Ok(Some(rev)),
        Base::Dirty | Base::Of(_) => Err(Failure::new(FailureKind::Usage, "check-patch compares with a commit")
            .hint("paraph check-patch --base REV FILE")),
    }
}

/// The user's policy, tightened by the base's own.
fn settings(parts: &WorkbenchParts, base: &dyn Tree) -> Result<PolicySettings, Failure> {
    let rules: Vec<&str> = RULES.iter().map(|rule| rule.id).collect();
    let limits = ConfigLimits { max_timeout_s: parts.max_check.as_secs(), rules: &rules };
    let user = parts.policy_settings.clone();
    match RepositoryConfig::of(base, &limits) {
        Ok(Some(config)) => Ok(user.tightened(&config.policy)),
        Ok(None) => Ok(user),
        Err(ConfigError::Tree(error)) => Err(vcs_failure(&error.into())),
        Err(ConfigError::Wrong(problems)) => {
            let failure = Failure::new(FailureKind::Failed, "the base's .paraph.toml does not read");
            let causes = problems.iter().map(ConfigProblem::told).collect();
            Err(Failure { causes, ..failure }.hint("mend and commit .paraph.toml"))
        }
    }
}

fn views(repo: &str, mut found: Vec<Violation>) -> Vec<ViolationView> {
    found.truncate(MOST_VIOLATIONS);
    let view = |violation: Violation| ViolationView {
        repo: repo.to_owned(),
        rule: violation.rule,
        severity: violation.severity,
        path: violation.path,
        line: violation.line,
        message: violation.message.into(),
        overridden: false,
        accepted: None,
    };
    found.into_iter().map(view).collect()
}

/// Why a patch is not placed.
enum Stop {
    Refused(Vec<Untrusted>),
    Blocked(Vec<Violation>),
    Failed(TreeError),
}

/// Patches placed one after the other on a base.
struct Placing<'a> {
    base: &'a dyn Tree,
    /// What the base has, as far as it was read.
    old: HashMap<RepoPath, Option<FileSide>>,
    now: BTreeMap<RepoPath, Option<FileSide>>,
    counted: Counted,
    /// What was tolerated.
    notes: Vec<Untrusted>,
}

/// Lines added and deleted, of paths that one part of one patch changed in place.
type Counted = HashMap<RepoPath, Option<(u32, u32)>>;

impl<'a> Placing<'a> {
    fn new(base: &'a dyn Tree) -> Self {
        Self { base, old: HashMap::new(), now: BTreeMap::new(), counted: HashMap::new(), notes: Vec::new() }
    }

    fn add(&mut self, name: &str, file: Result<PatchFile, PatchFileError>) -> Result<(), Stop> {
        let diff = match file {
            Ok(PatchFile::Diff(diff)) => Ok(diff),
            Ok(PatchFile::Edits(edits)) => return self.add_edits(name, &edits),
            Err(PatchFileError::Diff(error)) => Err(error),
            Err(PatchFileError::Edits(refusals)) => return Err(refused_edits(name, &refusals)),
        };
        let diff = diff.map_err(|error: PatchError| {
            let hint = parse_hint(&error.problem).map_or_else(String::new, |hint| format!("; {hint}"));
            Stop::Refused(vec![format!("{name}: {error}{hint}").into()])
        })?;
        let patch = &diff.patch;
        // what is read is in the base, whatever the patch may not write
        let (allowed, ahead) = rayon::join(|| self.check_paths(patch), || self.read_ahead(patch));
        self.old.extend(ahead);
        if !diff.is_tolerant() {
            allowed?;
            let placed = self.place(patch)?.map_err(|refusals| refused(name, &refusals))?;
            self.take_diff(name, patch, &placed);
            return Ok(());
        }
        // names that may not be written may be those of files as a model calls them
        match (self.place(patch)?, allowed) {
            (Ok(placed), Ok(())) => self.take_diff(name, patch, &placed),
            (Ok(_), Err(blocked)) => return Err(blocked),
            (Err(refusals), allowed) => match self.place_tolerantly(&diff, &refusals)? {
                Some(placed) => self.take_edits(name, &placed)?,
                None => return allowed.and(Err(refused(name, &refusals))),
            },
        }
        Ok(())
    }

    fn place(&self, patch: &Patch) -> Result<Result<PlacedPatch, Vec<Refusal>>, Stop> {
        place_or_merge(patch, &|path| self.read(path), &|id| self.base.blob(id)).map_err(Stop::Failed)
    }

    fn read(&self, path: &RepoPath) -> Result<Option<FileSide>, TreeError> {
        match self.now.get(path).or_else(|| self.old.get(path)) {
            Some(side) => Ok(side.clone()),
            None => self.base.side(path),
        }
    }

    /// What a tolerant reader makes of `diff`, where that may be written.
    fn place_tolerantly(&self, diff: &DiffFile, refusals: &[Refusal]) -> Result<Option<Placed>, Stop> {
        let tree = OverlayTree::new(self.base, &self.now);
        let placed = diff.place_tolerantly(refusals, &tree, &|path| self.read(path), &|id| self.base.blob(id));
        placed.map_err(Stop::Failed)
    }

    fn take_diff(&mut self, name: &str, patch: &Patch, placed: &PlacedPatch) {
        if placed.is_merged {
            self.notes.push(format!("{name}: made on another base; merged three-way without a conflict").into());
            self.recount(&placed.changes);
        } else {
            self.count(patch);
        }
        self.take(&placed.changes);
    }

    /// Edits that are no plain diff: whatever was tolerated is told.
    fn add_edits(&mut self, name: &str, edits: &Edits) -> Result<(), Stop> {
        let placed = edits.place(&OverlayTree::new(self.base, &self.now));
        self.take_edits(name, &placed.map_err(|refusals| refused_edits(name, &refusals))?)
    }

    /// Takes edits, unless they write what may not be written.
    fn take_edits(&mut self, name: &str, placed: &Placed) -> Result<(), Stop> {
        let mut found = PathPolicy.check_paths(&Touch::all(&placed.changes), Some(self.base)).map_err(Stop::Failed)?;
        found.retain(|violation| violation.severity == Severity::Block);
        if !found.is_empty() {
            return Err(Stop::Blocked(found));
        }
        self.notes.extend(placed.notes.iter().map(|note| Untrusted::new(format!("{name}: {note}"))));
        self.recount(&placed.changes);
        self.take(&placed.changes);
        Ok(())
    }

    fn take(&mut self, placed: &ChangeSet) {
        for file in placed.files() {
            self.now.insert(file.path.clone(), file.new.clone());
        }
    }

    /// Only the contents tell how many lines of these files changed.
    fn recount(&mut self, placed: &ChangeSet) {
        self.counted.extend(placed.files().iter().map(|file| (file.path.clone(), None)));
    }

    fn count(&mut self, patch: &Patch) {
        let lines: Vec<Option<(u32, u32)>> = patch.files().par_iter().map(|file| lines_of(patch, file)).collect();
        for (file, lines) in patch.files().iter().zip(lines) {
            // changed twice: only the contents tell what is left of it
            self.counted.entry(file.path().clone()).and_modify(|known| *known = None).or_insert(lines);
        }
    }

    /// Reads what the patch speaks of on all cores. What cannot be read is left to the placing, which says so.
    fn read_ahead(&self, patch: &Patch) -> Vec<(RepoPath, Option<FileSide>)> {
        let mut paths: Vec<&RepoPath> = patch.files().iter().filter_map(|file| file.old_path.as_ref()).collect();
        paths.retain(|path| !self.now.contains_key(*path) && !self.old.contains_key(*path));
        let read = paths.par_iter().filter_map(|path| Some(((*path).clone(), self.base.side(path).ok()?)));
        read.collect()
    }

    /// What may not be written stops a patch before it is placed; a name that the base already has may be odd.
    fn check_paths(&self, patch: &Patch) -> Result<(), Stop> {
        let touches: Vec<Touch<'_>> = patch.files().iter().flat_map(touches).collect();
        let blocking = |base| -> Result<Vec<Violation>, Stop> {
            let mut found = PathPolicy.check_paths(&touches, base).map_err(Stop::Failed)?;
            found.retain(|violation| violation.severity == Severity::Block);
            Ok(found)
        };
        if blocking(None)?.is_empty() {
            return Ok(());
        }
        let found = blocking(Some(self.base))?;
        if found.is_empty() { Ok(()) } else { Err(Stop::Blocked(found)) }
    }

    /// The change, and what is known of its lines.
    fn finish(mut self) -> Result<(ChangeSet, Counted), TreeError> {
        let mut files = Vec::with_capacity(self.now.len());
        for (path, new) in self.now {
            let old = match self.old.remove(&path) {
                Some(old) => old,
                None => self.base.side(&path)?,
            };
            files.push(FileChange { path, old, new });
        }
        Ok((ChangeSet::new(files), self.counted))
    }
}

fn refused(name: &str, refusals: &[Refusal]) -> Stop {
    let told = |refusal: &Refusal| {
        let hint = refusal.hint.map_or_else(String::new, |hint| format!("; {hint}"));
        Untrusted::new(format!("{name}: {refusal}{hint}"))
    };
    Stop::Refused(refusals.iter().map(told).collect())
}

fn refused_edits(name: &str, refusals: &EditRefusals) -> Stop {
    Stop::Refused(refusals.list().iter().map(|refusal| Untrusted::new(format!("{name}: {refusal}"))).collect())
}

/// The lines that a part adds and deletes, where it changes a file in place.
fn lines_of(patch: &Patch, file: &FilePatch) -> Option<(u32, u32)> {
    (file.operation == Operation::Modify).then(|| {
        let lines = file.hunks().iter().flat_map(|hunk| patch.lines(hunk));
        lines.fold((0, 0), |(added, deleted), line| match line.kind {
            PatchLineKind::Added => (added + 1, deleted),
            PatchLineKind::Removed => (added, deleted + 1),
            PatchLineKind::Context => (added, deleted),
        })
    })
}

fn stat(file: &FileChange, counted: &Counted) -> FileStat {
    fn text(side: &Option<FileSide>) -> Cow<'_, [u8]> {
        side.as_ref().map(FileSide::patch_text).unwrap_or_default()
    }
    let is_binary = |side: &Option<FileSide>| side.as_ref().is_some_and(FileSide::is_binary);
    let status = file.status();
    let known = counted.get(&file.path).copied().flatten().filter(|_| status == ChangeStatus::Modified);
    let (added, deleted) = match known {
        Some(lines) if !is_binary(&file.old) && !is_binary(&file.new) => lines,
        _ => line_stat(&text(&file.old), &text(&file.new)).unwrap_or((0, 0)),
    };
    FileStat { path: file.path.clone(), status, added, deleted }
}

/// The paths that a part of a patch speaks of. A link's target is not known before it is placed: the policies judge it then.
fn touches(file: &FilePatch) -> Vec<Touch<'_>> {
    let judged_later = |mode: FileMode| if mode == FileMode::Symlink { FileMode::Regular } else { mode };
    let old = judged_later(file.old_mode.unwrap_or(FileMode::Regular));
    let new = judged_later(file.new_mode.or(file.old_mode).unwrap_or(FileMode::Regular));
    let touch = |path, old, new| Touch { path, old, new, target: None };
    match (&file.old_path, &file.new_path) {
        (Some(from), Some(to)) if from == to => vec![touch(to, Some(old), Some(new))],
        (Some(from), Some(to)) if file.operation == Operation::Copy => {
            vec![touch(from, Some(old), Some(old)), touch(to, None, Some(new))]
        }
        (Some(from), Some(to)) => vec![touch(from, Some(old), None), touch(to, None, Some(new))],
        (Some(from), None) => vec![touch(from, Some(old), None)],
        (None, Some(to)) => vec![touch(to, None, Some(new))],
        (None, None) => Vec::new(),
    }
}

/// What mends a patch that does not read.
pub(in crate::runtime) fn parse_hint(problem: &PatchProblem) -> Option<&'static str> {
    match problem {
        PatchProblem::NoFiles => Some("make one with git diff > FILE"),
        PatchProblem::OtherFormat => Some("make it with git diff A B"),
        PatchProblem::CutLine | PatchProblem::Truncated { .. } => Some("it seems to be cut: copy it whole"),
        PatchProblem::ExtraLines | PatchProblem::BadLine | PatchProblem::BadHunkHeader => {
            Some("the hunk was edited by hand: make the patch again with git diff")
        }
        _ => None,
    }
}
