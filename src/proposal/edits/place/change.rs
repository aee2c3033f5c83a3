//! Pieces placed on one content: looked for in the base, joined without overlap, the lines between left as they are.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;

use super::again;
use super::find::{Numbers, Spot, locate};
use super::line_number;
use super::shift::Shift;
use super::text::{Class, FileText};
use crate::diff::PatchLineKind;
use crate::proposal::edits::{EditProblem, Piece, PieceLine, Tolerance};

/// How often a text is looked at anew because an edit builds on the ones above it.
const MOST_ROUNDS: usize = 64;

/// A content, and what was tolerated: the reply's line and the kind.
pub(super) struct Made {
    pub(super) content: Vec<u8>,
    pub(super) notes: Vec<(u32, Tolerance)>,
}

/// Why a piece has no place.
pub(super) struct Failed {
    pub(super) line: u32,
    pub(super) problem: EditProblem,
    /// Lines of the file for the model to look at.
    pub(super) shown: String,
}

/// Lines that take the place of others.
struct Splice {
    end: usize,
    lines: Vec<Vec<u8>>,
}

/// The content that `pieces` make of `content`.
pub(super) fn apply<'a>(content: &[u8], pieces: impl IntoIterator<Item = &'a Piece>) -> Result<Made, Failed> {
    let pieces: Vec<&Piece> = pieces.into_iter().collect();
    let mut notes = Vec::new();
    let mut now = content.to_vec();
    let base = FileText::new(content);
    let mut written = Vec::new();
    let mut at = 0;
    for round in 0.. {
        let file = FileText::new(&now);
        let (splices, is_ended) = (BTreeMap::new(), file.is_ended);
        let mut joining =
            Joining { file: &file, base: &base, written: &written, splices, is_ended, last: None, notes: Vec::new() };
        let numbers = if round == 0 { trust(&file, &pieces) } else { Numbers::Doubted };
        let from = at;
        let mut failed = None;
        while let Some(piece) = pieces.get(at) {
            match joining.take(piece, numbers, round > 0) {
                Ok(()) => at += 1,
                Err(problem) => {
                    failed = Some((piece, problem));
                    break;
                }
            }
        }
        notes.append(&mut joining.notes);
        let is_stuck = at == from || round >= MOST_ROUNDS;
        match failed {
            // another look is worth it where the edits above may have made the place
            Some((piece, EditProblem::NoMatch | EditProblem::Overlap)) if piece.may_follow && !is_stuck => {
                let (content, lines) = (joining.content(), joining.written());
                (now, written) = (content, lines);
            }
            Some((piece, problem)) => {
                let shown = if problem == EditProblem::NoMatch { nearest(&file, piece) } else { String::new() };
                return Err(Failed { line: piece.line, problem, shown });
            }
            None => {
                let content = joining.content();
                return Ok(Made { content, notes });
            }
        }
    }
    unreachable!("the rounds end by themselves")
}

/// Line numbers count only where every hunk that stands in one place stands where its number says.
fn trust(file: &FileText<'_>, pieces: &[&Piece]) -> Numbers {
    let numbered: Vec<&&Piece> = pieces.iter().filter(|piece| piece.said.is_some()).collect();
    let stands_elsewhere = |piece: &&&Piece| {
        let said = piece.said.map_or(0, |said| said.start);
        match locate(file, piece, Numbers::Doubted) {
            Ok(spots) => spots.first().is_some_and(|spot| line_of(piece, spot) != said),
            // what stands nowhere is refused soon: the others need not be looked for
            Err(problem) => matches!(problem, EditProblem::NoMatch | EditProblem::TooMuch),
        }
    };
    if numbered.len() < pieces.len() || numbered.iter().any(stands_elsewhere) {
        Numbers::Doubted
    } else {
        Numbers::Trusted
    }
}

/// The file's line, 1-based, of the piece's first old line.
fn line_of(piece: &Piece, spot: &Spot) -> u32 {
    let skipped = piece.lines[..spot.from].iter().filter(|line| line.is_old()).count();
    line_number(spot.start.saturating_sub(skipped))
}

/// What one piece does, before it counts.
struct Plan {
    splices: Vec<(usize, Splice)>,
    /// The file's lines that its old lines stand in.
    seen: Vec<Range<usize>>,
    is_ended: bool,
    notes: Vec<Tolerance>,
}

struct Joining<'a, 'b> {
    file: &'a FileText<'a>,
    /// The file before any piece changed it.
    base: &'a FileText<'b>,
    /// Per line of the file: whether the pieces above wrote it. Empty before any did.
    written: &'a [bool],
    /// By first line.
    splices: BTreeMap<usize, Splice>,
    is_ended: bool,
    /// The number that the last hunk said, and where it stands.
    last: Option<(u32, usize)>,
    notes: Vec<(u32, Tolerance)>,
}

impl Joining<'_, '_> {
    fn take(&mut self, piece: &Piece, numbers: Numbers, is_later: bool) -> Result<(), EditProblem> {
        let mut plan = Plan { splices: Vec::new(), seen: Vec::new(), is_ended: self.is_ended, notes: Vec::new() };
        if !piece.changes() {
            plan.notes.push(Tolerance::ChangesNothing);
        } else if !piece.has_old() {
            self.plan_new(piece, &mut plan)?;
        } else if !self.plan_text(piece, &mut plan)? {
            let spots = locate(self.file, piece, numbers)?;
            for spot in &spots {
                self.plan_spot(piece, spot, &mut plan)?;
            }
            self.check_order(piece, &spots)?;
            plan.notes.extend((spots.len() > 1).then_some(Tolerance::Elided));
        }
        plan.notes.extend((is_later && piece.changes()).then_some(Tolerance::AfterOthers));
        if self.is_on_written(&plan) && is_like(self.base, piece) {
            return Err(EditProblem::NoMatch);
        }
        // nothing of a piece counts before all of it has its place
        if plan.splices.iter().any(|(start, _)| self.splices.contains_key(start)) {
            return Err(EditProblem::Overlap);
        }
        self.splices.extend(plan.splices);
        self.is_ended = plan.is_ended;
        self.notes.extend(plan.notes.into_iter().map(|tolerance| (piece.line, tolerance)));
        Ok(())
    }

    /// Refuses a hunk that stands above the one before it, and whose number says below.
    fn check_order(&mut self, piece: &Piece, spots: &[Spot]) -> Result<(), EditProblem> {
        let (Some(said), Some(spot)) = (piece.said, spots.first()) else { return Ok(()) };
        if self.last.is_some_and(|(last, start)| said.start > last && spot.start < start) {
            let what = "its lines stand above those of the hunk before it, and its number is below".to_owned();
            return Err(EditProblem::Unclear(what));
        }
        self.last = Some((said.start, spot.start));
        Ok(())
    }

    /// Whether `plan` changes what a piece above wrote, or takes more of that away than it puts there. Code that moves
    /// stands in two pieces: the one that takes it away is meant for the file's own, where that is not as it says.
    fn is_on_written(&self, plan: &Plan) -> bool {
        let is_written = |line: &usize| self.written.get(*line).copied().unwrap_or(false);
        let mut seen = plan.seen.iter().cloned().flatten();
        let is_copy = plan.seen.iter().map(Range::len).sum::<usize>() > 1 && seen.all(|line| is_written(&line));
        let gone = plan.splices.iter().flat_map(|(start, splice)| *start..splice.end).filter(is_written).count();
        let come: usize = plan.splices.iter().map(|(_, splice)| splice.lines.len()).sum();
        is_copy || gone > come
    }

    /// Only new lines: they have a place in an empty file, and where it is said at the end of one.
    fn plan_new(&self, piece: &Piece, plan: &mut Plan) -> Result<(), EditProblem> {
        let count = self.file.lines.len();
        if count > 0 && !piece.at_end {
            return Err(EditProblem::NoContext);
        }
        let lines =
            piece.lines.iter().map(|line| self.with_end(line.text.as_bytes(), count, Class::LineEnds)).collect();
        self.check_free(count, count)?;
        if count == 0 {
            plan.is_ended = !piece.lines.last().is_some_and(|line| line.is_unended);
        }
        plan.splices.push((count, Splice { end: count, lines }));
        Ok(())
    }

    /// Text that begins after a line's indentation or ends before its newline: to the byte, once in the file. What is a
    /// part of a line only is not taken: the rest of that line nobody has seen. False where it is none, or nowhere.
    fn plan_text(&self, piece: &Piece, plan: &mut Plan) -> Result<bool, EditProblem> {
        let Some((search, replace)) = &piece.text else { return Ok(false) };
        let search_ends = search.ends_with('\n');
        if search.trim().is_empty() {
            return Ok(false);
        }
        if search_ends != replace.ends_with('\n') && !replace.is_empty() {
            // two lines joined, a blank line more, or a newline forgotten
            let what = "only one of search and replace ends with a newline".to_owned();
            return Err(EditProblem::Unclear(what));
        }
        let content = self.file.content();
        let n_lines = |text: &str| text.lines().filter(|line| !line.trim().is_empty()).count();
        // after a line's indentation: other lines must tell that the rest is not shifted, or there must be none
        let may_be_inside = n_lines(search) > 1 || (n_lines(search) == 1 && n_lines(replace) <= 1);
        let places = texts(content, search.as_bytes(), may_be_inside)?;
        let line_at = |at: usize| memchr::memchr_iter(b'\n', &content[..at]).count();
        let at = match places[..] {
            [] => return Ok(false),
            [at] => at,
            _ => {
                let lines = places.iter().map(|at| line_number(line_at(*at))).collect();
                return Err(EditProblem::Ambiguous { lines, more: places.len() >= MOST_TEXTS });
            }
        };
        let end = at + search.len();
        let (start, last) = (line_at(at), line_at(end - usize::from(search_ends)));
        self.check_free(start, last + 1)?;
        let line_start = memchr::memrchr(b'\n', &content[..at]).map_or(0, |newline| newline + 1);
        let line_end = match search_ends {
            true => end,
            false => memchr::memchr(b'\n', &content[end..]).map_or(content.len(), |newline| end + newline),
        };
        let mut text = [&content[line_start..at], replace.as_bytes(), &content[end..line_end]].concat();
        let mut lines = Vec::new();
        // without its last newline it is lines; where nothing is left there are none
        if !search_ends || text.pop().is_some() {
            let class = if search.contains('\r') { Class::Exact } else { Class::LineEnds };
            lines.extend(text.split(|byte| *byte == b'\n').map(|line| self.with_end(line, start, class)));
        }
        plan.seen.push(start..last + 1);
        plan.splices.push((start, Splice { end: last + 1, lines }));
        Ok(true)
    }

    /// Refuses the lines `start..end` where another piece changes one of them, or inserts between two of them.
    fn check_free(&self, start: usize, end: usize) -> Result<(), EditProblem> {
        let touches = |(at, splice): (&usize, &Splice)| splice.end.max(*at + usize::from(*at > start)) > start;
        match self.splices.range(..end).next_back().is_some_and(touches) {
            true => Err(EditProblem::Overlap),
            false => Ok(()),
        }
    }

    /// `text` with the line end that the file has at `line`; only its `\r`, the newline comes in joining.
    fn with_end(&self, text: &[u8], line: usize, class: Class) -> Vec<u8> {
        if class == Class::Exact {
            return text.to_vec();
        }
        let bare = text.strip_suffix(b"\r").unwrap_or(text);
        if self.file.has_cr(line) { [bare, b"\r"].concat() } else { bare.to_vec() }
    }

    /// The splices that make `piece`'s lines at `spot` its new ones.
    fn plan_spot(&self, piece: &Piece, spot: &Spot, plan: &mut Plan) -> Result<(), EditProblem> {
        self.check_free(spot.start, spot.end(piece))?;
        // a diff whose context lost the blank before it, or has one too many, looks so: its new lines are not shifted
        let goes = piece.lines[spot.from..spot.to].iter().any(|line| line.kind == PatchLineKind::Removed);
        if !goes && spot.shift.as_ref().is_some_and(Shift::is_one_blank) {
            return Err(EditProblem::Indentation);
        }
        let (mut at, had) = (spot.start, plan.splices.len());
        let mut is_open = false;
        let mut differs = false;
        // a line that only moves is the file's, whatever blanks the reply has at its end
        let mut moving: HashMap<&str, &[u8]> = HashMap::new();
        if spot.class == Class::TrailingBlanks {
            let old = piece.lines[spot.from..spot.to].iter().filter(|line| line.is_old()).zip(&self.file.lines[at..]);
            // one that stays where it is does not move
            let goes = |line: &PieceLine| line.kind == PatchLineKind::Removed && !line.text.trim().is_empty();
            moving.extend(old.filter(|(line, _)| goes(line)).map(|(line, has)| (&*line.text, *has)));
        }
        for line in &piece.lines[spot.from..spot.to] {
            if line.is_old() {
                differs |= self.file.lines[at].ends_with(b"\r") != line.text.ends_with('\r');
            }
            if line.kind == PatchLineKind::Context {
                at += 1;
                is_open = false;
                continue;
            }
            if !is_open {
                plan.splices.push((at, Splice { end: at, lines: Vec::new() }));
                is_open = true;
            }
            let (_, splice) = plan.splices.last_mut().expect("just made");
            if line.kind == PatchLineKind::Removed {
                at += 1;
                splice.end = at;
            } else {
                let shifted = match &spot.shift {
                    None if moving.contains_key(&*line.text) => moving[&*line.text].to_vec(),
                    Some(shift) => shift.apply(line.text.as_bytes()).ok_or(EditProblem::Indentation)?,
                    None => line.text.as_bytes().to_vec(),
                };
                splice.lines.push(self.with_end(&shifted, at, spot.class));
            }
        }
        let seen = spot.start..at;
        plan.seen.push(seen.clone());
        let mut inserted = plan.splices[had..].iter().filter(|(start, splice)| splice.end == *start);
        if inserted.any(|(at, splice)| again::stand_there(&self.file.lines, *at, &splice.lines, seen.clone())) {
            return Err(EditProblem::AlreadyThere);
        }
        self.plan_end(piece, spot, at, plan)?;
        self.tell(piece, spot, differs, plan);
        Ok(())
    }

    /// What becomes of the file's last newline.
    fn plan_end(&self, piece: &Piece, spot: &Spot, end: usize, plan: &mut Plan) -> Result<(), EditProblem> {
        let lines = &piece.lines[spot.from..spot.to];
        let (old, new) = (
            lines.iter().any(|line| line.is_old() && line.is_unended),
            lines.iter().any(|line| line.kind != PatchLineKind::Removed && line.is_unended),
        );
        if end < self.file.lines.len() {
            return if old || new { Err(EditProblem::NoNewlineInside) } else { Ok(()) };
        }
        if old != self.file.is_ended {
            // what it says of the old end is true, so its word on the new one counts
            plan.is_ended = !new;
        } else if changes_last(lines) {
            plan.notes.push(Tolerance::FinalNewline);
        }
        Ok(())
    }

    fn tell(&self, piece: &Piece, spot: &Spot, differs_in_end: bool, plan: &mut Plan) {
        let found = line_of(piece, spot);
        let said = piece.said.map(|said| said.start).filter(|said| *said != found && spot.from == 0);
        let at_end = spot.end(piece) == self.file.lines.len();
        let told = [
            said.map(|said| Tolerance::LineNumbers { said, found }),
            (differs_in_end && spot.class >= Class::LineEnds).then_some(Tolerance::LineEnds),
            (spot.class == Class::TrailingBlanks).then_some(Tolerance::TrailingBlanks),
            (spot.class == Class::Indentation).then_some(Tolerance::Indentation),
            spot.is_trimmed.then_some(Tolerance::BlankEnds),
            spot.lacks_anchor.then_some(Tolerance::NoAnchor),
            (piece.at_end && !at_end).then_some(Tolerance::NotAtEnd),
        ];
        plan.notes.extend(told.into_iter().flatten());
    }

    /// Per line of [`Self::content`]: whether this or an earlier round wrote it.
    fn written(&self) -> Vec<bool> {
        let old = |lines: Range<usize>| lines.map(|line| self.written.get(line).copied().unwrap_or(false));
        let (mut written, mut at) = (Vec::new(), 0);
        for (start, splice) in &self.splices {
            written.extend(old(at..*start));
            written.resize(written.len() + splice.lines.len(), true);
            at = splice.end;
        }
        written.extend(old(at..self.file.lines.len()));
        written
    }

    fn content(&self) -> Vec<u8> {
        let mut content = Vec::with_capacity(self.file.content().len() + 256);
        let mut push = |line: &[u8]| {
            content.extend_from_slice(line);
            content.push(b'\n');
        };
        let mut at = 0;
        for (start, splice) in &self.splices {
            self.file.lines[at..*start].iter().for_each(|line| push(line));
            splice.lines.iter().for_each(|line| push(line));
            at = splice.end;
        }
        self.file.lines[at..].iter().for_each(|line| push(line));
        if !self.is_ended && content.ends_with(b"\n") {
            content.pop();
        }
        content
    }
}

/// The most places of a text that are counted.
const MOST_TEXTS: usize = 9;

/// Bytes that are compared at places of a text that turn out to be parts of lines.
const MOST_COMPARED: usize = 64 << 20;

/// Where `text` stands in `content`, nothing but blanks beside it on its first and last line; the first of them.
fn texts(content: &[u8], text: &[u8], may_be_inside: bool) -> Result<Vec<usize>, EditProblem> {
    let stands = |at: &usize| {
        let (before, after) = (&content[..*at], &content[at + text.len()..]);
        let head = memchr::memrchr(b'\n', before).map_or(before, |newline| &before[newline + 1..]);
        let tail = memchr::memchr(b'\n', after).map_or(after, |newline| &after[..newline]);
        head.trim_ascii().is_empty()
            && (may_be_inside || head.is_empty())
            && (text.ends_with(b"\n") || tail.trim_ascii().is_empty())
    };
    let finder = memchr::memmem::Finder::new(text);
    let (mut places, mut from) = (Vec::new(), 0);
    let mut compared = 0_usize;
    while let Some(found) = finder.find(&content[from..]).filter(|_| places.len() < MOST_TEXTS) {
        places.extend(Some(from + found).filter(stands));
        // places that overlap are places too: so a text of one letter is compared often
        from += found + 1;
        compared += text.len();
        if compared > MOST_COMPARED {
            return Err(EditProblem::TooMuch);
        }
    }
    Ok(places)
}

fn changes_last(lines: &[crate::proposal::edits::PieceLine]) -> bool {
    lines.last().is_some_and(|line| line.kind != PatchLineKind::Context)
}

/// The old lines of `piece` that are looked for one by one: their number from its first old line, and the line.
fn looked_for(piece: &Piece) -> impl Iterator<Item = (usize, &PieceLine)> {
    let old = piece.lines.iter().filter(|line| line.is_old()).enumerate();
    old.filter(|(_, line)| line.text.trim().len() > 2).take(400)
}

/// Where most of the old lines of `piece` stand in a row, and how many do.
fn most_alike(file: &FileText<'_>, piece: &Piece) -> Option<(usize, usize)> {
    // each line of the piece that stands in few places votes for where the piece would begin
    let mut votes: BTreeMap<usize, usize> = BTreeMap::new();
    for (at, line) in looked_for(piece) {
        let places = file.find(&[line.text.as_bytes()], Class::Indentation).starts;
        for start in places.iter().take(8).filter_map(|place| place.checked_sub(at)) {
            *votes.entry(start).or_default() += 1;
        }
    }
    votes.into_iter().max_by_key(|(start, count)| (*count, std::cmp::Reverse(*start)))
}

/// Whether at least half of the old lines of `piece` stand in a row in `file`.
fn is_like(file: &FileText<'_>, piece: &Piece) -> bool {
    most_alike(file, piece).is_some_and(|(_, count)| 2 * count >= looked_for(piece).count())
}

/// The lines of the file that are most like those of `piece`, numbered.
fn nearest(file: &FileText<'_>, piece: &Piece) -> String {
    const AROUND: usize = 3;
    const MOST: usize = 20;
    const WIDEST: usize = 200;
    let Some((start, _)) = most_alike(file, piece) else { return String::new() };
    let len = piece.lines.iter().filter(|line| line.is_old()).count() + AROUND;
    let lines = file.lines.iter().enumerate().skip(start.saturating_sub(AROUND)).take(len.min(MOST) + AROUND);
    let mut shown = "The file has there:\n".to_owned();
    for (at, line) in lines {
        let text: String = String::from_utf8_lossy(line).chars().take(WIDEST).collect();
        shown.push_str(&format!("{:>5} | {}\n", line_number(at), text.trim_end()));
    }
    shown
}
