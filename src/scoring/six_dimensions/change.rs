//! Maintainability and scope fit: the size and spread of the change, and how it lies to the goal.

use std::collections::BTreeSet;

use super::super::evidence::{FileRole, role};
use super::{Evidence, Points};
use crate::diff::{FileChange, FileSide};
use crate::planning::Kind;
use crate::proposal::Scope;
use crate::scoring::Review;
use crate::text::counted;

/// Lines over this many characters are counted as long.
const LONG_LINE: usize = 160;

/// By how much lines that a person wrote and must read weigh, in tenths: up to so many, so much.
const SIZES: &[(u32, i64)] = &[(50, 0), (200, -5), (500, -15), (1000, -25), (3000, -40), (u32::MAX, -55)];
/// The same for files.
const SPREADS: &[(usize, i64)] = &[(5, 0), (10, -5), (30, -10), (100, -20), (usize::MAX, -30)];

pub(super) fn maintainability(evidence: &Evidence<'_>) -> Points {
    let mut points = Points::start(100);
    let files = evidence.changes.files();
    let written = |file: &&FileChange| role(&file.path) != FileRole::Generated;
    let count = files.iter().filter(written).count();
    let (added, deleted) = files
        .iter()
        .zip(evidence.lines)
        .filter(|(file, _)| written(file))
        .fold((0_u32, 0_u32), |(added, deleted), (_, lines)| {
            (added.saturating_add(lines.0), deleted.saturating_add(lines.1))
        });
    // what goes is read faster than what comes
    let weight = added.saturating_add(deleted / 4);
    let size = SIZES.iter().find(|(most, _)| weight <= *most).map_or(0, |(_, tenths)| *tenths);
    points.add(size, format!("{} added, {deleted} deleted", counted(added as usize, "line")));
    let spread = SPREADS.iter().find(|(most, _)| count <= *most).map_or(0, |(_, tenths)| *tenths);
    points.add(spread, format!("{} touched", counted(count, "file")));
    let (mut long, mut unfinished) = (0, 0);
    for file in files.iter().filter(|file| role(&file.path) == FileRole::Source) {
        let (new, old) = (lines(file.new.as_ref()), lines(file.old.as_ref()));
        let old: BTreeSet<&str> = old.into_iter().collect();
        for line in new.into_iter().filter(|line| !old.contains(line)) {
            long += usize::from(line.chars().nth(LONG_LINE).is_some());
            unfinished += usize::from(["TODO", "FIXME", "XXX"].iter().any(|word| line.contains(word)));
        }
    }
    if long > 0 {
        points.add(
            -i64::try_from(long).unwrap_or(15).min(15),
            format!("{} over {LONG_LINE} characters", counted(long, "new line")),
        );
    }
    if unfinished > 0 {
        let takes = (3 * i64::try_from(unfinished).unwrap_or(5)).min(15);
        points.add(-takes, format!("{} left to do (TODO, FIXME, XXX)", counted(unfinished, "thing")));
    }
    points
}

fn lines(side: Option<&FileSide>) -> Vec<&str> {
    let text = side.filter(|side| !side.is_binary()).and_then(|side| std::str::from_utf8(&side.content).ok());
    text.map(|text| text.lines().collect()).unwrap_or_default()
}

pub(super) fn scope_fit(evidence: &Evidence<'_>) -> Points {
    let mut points = Points::start(90);
    points.note(match evidence.reviews.iter().any(Review::counts) {
        true => "at most 9.0 by words and paths, before what reviewers say",
        false => "at most 9.0: no reviewer model read the change against the goal, only words and paths did",
    });
    outside(&mut points, evidence);
    named(&mut points, evidence);
    by_kind(&mut points, evidence);
    let tops: BTreeSet<&[u8]> =
        evidence.changes.files().iter().map(|file| file.path.components().next().unwrap_or(&[])).collect();
    if tops.len() > 6 {
        points.add(-10, format!("{} at the top of the repository are touched", counted(tops.len(), "place")));
    }
    points
}

/// Files outside of the globs that the session is limited to.
fn outside(points: &mut Points, evidence: &Evidence<'_>) {
    // globs were looked at when they were asked for
    let Ok(scope) = Scope::new(evidence.paths) else { return };
    let is_outside = |file: &&FileChange| !scope.names(&String::from_utf8_lossy(file.path.as_bytes()));
    let found: Vec<&FileChange> = evidence.changes.files().iter().filter(is_outside).collect();
    if let Some(first) = found.first() {
        let takes = (25 * i64::try_from(found.len()).unwrap_or(3)).min(70);
        points.add(
            -takes,
            format!("{} outside of the session's paths, such as `{}`", counted(found.len(), "file"), first.path),
        );
    }
}

/// Files that the goal names: by path or by file name.
fn named(points: &mut Points, evidence: &Evidence<'_>) {
    let words: Vec<&str> = evidence
        .goal
        .split(|c: char| c.is_whitespace() || matches!(c, '`' | '"' | '\'' | ',' | ';' | '(' | ')'))
        .map(|word| word.trim_end_matches(['.', ':', '!', '?']))
        .filter(|word| word.contains('.') || word.contains('/'))
        .filter(|word| word.len() > 2 && !word.contains("://"))
        .collect();
    let path = |file: &FileChange| String::from_utf8_lossy(file.path.as_bytes()).into_owned();
    let touched: Vec<String> = evidence.changes.files().iter().map(path).collect();
    let meets = |path: &String, word: &str| format!("/{path}").contains(&format!("/{}", word.trim_start_matches('/')));
    let hit = words.iter().find(|word| touched.iter().any(|path| meets(path, word)));
    if let Some(hit) = hit {
        points.note(format!("the goal names `{hit}`, which is touched"));
        let others = touched.iter().filter(|path| !words.iter().any(|word| meets(path, word)));
        let is_companion =
            |path: &&String| !matches!(role(&path.as_str().into()), FileRole::Test | FileRole::Generated);
        let others: Vec<&String> = others.filter(is_companion).collect();
        if let Some(first) = others.first() {
            let takes = (4 * i64::try_from(others.len()).unwrap_or(5)).min(20);
            points.add(
                -takes,
                format!("{} that the goal does not name, such as `{first}`", counted(others.len(), "file")),
            );
        }
    }
}

fn by_kind(points: &mut Points, evidence: &Evidence<'_>) {
    let files = evidence.changes.files();
    let of = |wanted: FileRole| files.iter().filter(|file| role(&file.path) == wanted).count();
    let (sources, count) = (of(FileRole::Source), files.len());
    match evidence.kind {
        Kind::Docs if sources > 0 => points.add(-20, format!("{} in work on words", counted(sources, "source file"))),
        Kind::Deps if sources > count / 2 => {
            points.add(-10, format!("{} in work on dependencies", counted(sources, "source file")))
        }
        Kind::Bugfix if sources > 20 => points.add(-10, format!("{} for one bug", counted(sources, "source file"))),
        Kind::Bugfix | Kind::Refactor | Kind::Feature | Kind::Docs | Kind::Deps => {}
    }
}
