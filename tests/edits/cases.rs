//! Replies made of known changes: rendered in every format, malformed in known ways, with the true result beside them.
//!
//! What is ambiguous is decided here by counting, not by the code under test.

use std::collections::BTreeMap;

use paraph::diff::{ChangeSet, FileChange, FileSide, Patch, PatchLineKind, unified};

/// SplitMix64: the same seed gives the same cases for ever.
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&mut self, most: usize) -> usize {
        (self.roll() % most.max(1) as u64) as usize
    }

    pub(crate) fn pick<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())]
    }
}

/// How a reply is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Format {
    SearchReplace,
    UnifiedFenced,
    UnifiedBare,
    BeginPatch,
    Whole,
    Json,
}

pub(crate) const FORMATS: [Format; 6] = [
    Format::SearchReplace,
    Format::UnifiedFenced,
    Format::UnifiedBare,
    Format::BeginPatch,
    Format::Whole,
    Format::Json,
];

/// What is wrong with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fault {
    Nothing,
    NoPrefixes,
    WrongCounts,
    NoNumbers,
    WrongNumbers,
    Indented,
    Dedented,
    Tabs,
    TrailingBlanks,
    CrLfFile,
    CrLfReply,
    Absolute,
    RepoName,
    BlankEnds,
    Elided,
    MovedElsewhere,
    // these must be refused
    Duplicated,
    CutOff,
    MovedOn,
}

pub(crate) const FAULTS: [Fault; 19] = [
    Fault::Nothing,
    Fault::NoPrefixes,
    Fault::WrongCounts,
    Fault::NoNumbers,
    Fault::WrongNumbers,
    Fault::Indented,
    Fault::Dedented,
    Fault::Tabs,
    Fault::TrailingBlanks,
    Fault::CrLfFile,
    Fault::CrLfReply,
    Fault::Absolute,
    Fault::RepoName,
    Fault::BlankEnds,
    Fault::Elided,
    Fault::MovedElsewhere,
    Fault::Duplicated,
    Fault::CutOff,
    Fault::MovedOn,
];

impl Fault {
    pub(crate) fn must_be_refused(self) -> bool {
        matches!(self, Self::Duplicated | Self::CutOff | Self::MovedOn)
    }
}

/// One file's change.
#[derive(Debug, Clone)]
pub(crate) struct Change {
    pub(crate) path: String,
    pub(crate) old: String,
    pub(crate) new: String,
}

/// A reply and what is right.
#[derive(Debug, Clone)]
pub(crate) struct Case {
    pub(crate) fault: Fault,
    pub(crate) reply: String,
    pub(crate) path: String,
    /// The base's content.
    pub(crate) base: String,
    /// The right content after; `None` where the reply must be refused.
    pub(crate) right: Option<String>,
}

#[derive(Debug, Clone)]
struct Hunk {
    start: usize,
    lines: Vec<(PatchLineKind, String)>,
}

impl Hunk {
    fn before(&self) -> Vec<&str> {
        self.lines.iter().filter(|line| line.0 != PatchLineKind::Added).map(|line| line.1.as_str()).collect()
    }

    fn after(&self) -> Vec<&str> {
        self.lines.iter().filter(|line| line.0 != PatchLineKind::Removed).map(|line| line.1.as_str()).collect()
    }
}

/// The change's hunks with `context` lines around.
fn hunks(change: &Change, context: usize) -> Option<Vec<Hunk>> {
    let side = |text: &str| Some(FileSide::regular(text.as_bytes()));
    let set = ChangeSet::new([FileChange {
        path: change.path.as_str().into(),
        old: side(&change.old),
        new: side(&change.new),
    }]);
    let options = unified::WriteOptions { context: context as u32, ..unified::WriteOptions::default() };
    let patch = Patch::parse(&unified::write(&set, &options)).ok()?;
    let file = patch.files().first()?;
    let text = |content: &[u8]| String::from_utf8(content.strip_suffix(b"\n")?.to_vec()).ok();
    file.hunks()
        .iter()
        .map(|hunk| {
            let lines = patch.lines(hunk).map(|line| Some((line.kind, text(line.content)?))).collect::<Option<_>>()?;
            Some(Hunk { start: hunk.old_start as usize, lines })
        })
        .collect()
}

/// In how many places the lines stand when blanks at both ends of lines and blank lines around do not count.
fn places(text: &str, wanted: &[&str]) -> usize {
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let mut wanted: Vec<&str> = wanted.iter().map(|line| line.trim()).collect();
    while wanted.first() == Some(&"") {
        wanted.remove(0);
    }
    while wanted.last() == Some(&"") {
        wanted.pop();
    }
    if wanted.is_empty() || wanted.len() > lines.len() {
        0
    } else {
        lines.windows(wanted.len()).filter(|window| *window == wanted.as_slice()).count()
    }
}

/// Makes the case of `change` in `format` with `fault`, where that can be made and its answer is beyond doubt.
pub(crate) fn case(change: &Change, format: Format, fault: Fault, dice: &mut Dice) -> Option<Case> {
    let is_diff = matches!(format, Format::UnifiedBare | Format::UnifiedFenced);
    let is_whole = format == Format::Whole;
    let context = 1 + dice.below(3);
    let mut change = change.clone();
    if !change.old.ends_with('\n')
        || !change.new.ends_with('\n')
        || change.old.contains('\r')
        || change.new.contains('\r')
        || change.old == change.new
    {
        return None;
    }
    let mut hunks = hunks(&change, context)?;
    let unique = hunks.iter().all(|hunk| places(&change.old, &hunk.before()) == 1);
    if !unique && !is_whole {
        return None;
    }
    let mut right = Some(change.new.clone());
    match fault {
        Fault::NoPrefixes | Fault::WrongCounts | Fault::NoNumbers | Fault::WrongNumbers if !is_diff => return None,
        Fault::Indented | Fault::Dedented | Fault::Tabs | Fault::BlankEnds | Fault::TrailingBlanks if is_whole => {
            return None;
        }
        Fault::Elided if !matches!(format, Format::SearchReplace | Format::Json) => return None,
        Fault::Duplicated | Fault::MovedOn | Fault::MovedElsewhere if is_whole => return None,
        // a bare diff whose counts are too large cannot be told from one that was cut
        Fault::WrongCounts if format == Format::UnifiedBare => return None,
        _ => {}
    }
    match fault {
        Fault::Indented => shift(&mut hunks, |line| Some(format!("    {line}")))?,
        Fault::Dedented => shift(&mut hunks, |line| line.strip_prefix("    ").map(str::to_owned))?,
        Fault::Tabs => shift(&mut hunks, |line| {
            let body = line.trim_start_matches(' ');
            let blanks = line.len() - body.len();
            (blanks % 4 == 0 && !body.starts_with('\t')).then(|| format!("{}{body}", "\t".repeat(blanks / 4)))
        })?,
        Fault::TrailingBlanks => {
            for hunk in &mut hunks {
                for line in
                    hunk.lines.iter_mut().filter(|line| line.0 == PatchLineKind::Context && !line.1.trim().is_empty())
                {
                    line.1.push_str(["  ", "\t", ""][dice.below(3)]);
                }
            }
        }
        Fault::BlankEnds => {
            for hunk in &mut hunks {
                // what is added at the very end would be parted from what it stands beside
                if hunk.lines.last()?.0 != PatchLineKind::Context || hunk.lines.first()?.0 != PatchLineKind::Context {
                    return None;
                }
                hunk.lines.insert(0, (PatchLineKind::Context, String::new()));
                hunk.lines.push((PatchLineKind::Context, String::new()));
            }
        }
        Fault::Elided => {
            // the middle of a long stretch of context goes: what is left must be unique by itself
            let hunk = hunks.iter_mut().max_by_key(|hunk| hunk.lines.len())?;
            let before = change.old.lines().take(hunk.start - 1).collect::<Vec<_>>();
            let from = before.len().checked_sub(5)?;
            let head = before[from];
            if places(&change.old, &[head]) != 1 {
                return None;
            }
            hunk.lines.insert(0, (PatchLineKind::Context, "...".to_owned()));
            hunk.lines.insert(0, (PatchLineKind::Context, head.to_owned()));
        }
        Fault::CrLfFile => {
            change.old = change.old.replace('\n', "\r\n");
            right = Some(change.new.replace('\n', "\r\n"));
        }
        Fault::MovedElsewhere => {
            // lines come at the top, which no hunk speaks of
            if hunks.first()?.start <= 1 {
                return None;
            }
            let first = "moved on since: a line that nothing else has\n".repeat(3);
            change.old.insert_str(0, &first);
            right = Some(format!("{first}{}", change.new));
        }
        Fault::Duplicated => {
            let hunk = &hunks[dice.below(hunks.len())];
            let block: String = hunk.before().iter().map(|line| format!("{line}\n")).collect();
            // at the top the number alone would tell them apart
            if block.trim().is_empty() || hunk.start == 1 {
                return None;
            }
            // twice, and so far away that no number fits
            change.old = format!("{block}filler one\n{}filler two\n{block}", change.old);
            if places(&change.old, &hunk.before()) < 2 {
                return None;
            }
            right = None;
        }
        Fault::MovedOn => {
            let hunk = &hunks[dice.below(hunks.len())];
            let old = hunk.before();
            let at = hunk.start - 1 + dice.below(old.len());
            let mut lines: Vec<String> = change.old.lines().map(str::to_owned).collect();
            if lines[at].trim().is_empty() {
                return None;
            }
            lines[at].push_str(" moved");
            change.old = lines.join("\n") + "\n";
            right = None;
        }
        _ => {}
    }
    if matches!(fault, Fault::Indented | Fault::Dedented | Fault::Tabs) {
        // a shift may make the lines those of another place, or lines that do not shift the same
        let exact = |hunk: &Hunk| stands_as_it_is(&change.old, &hunk.before());
        if hunks.iter().any(exact) {
            return None;
        }
    }
    let mut reply = render(&change, &hunks, format, fault, dice);
    match fault {
        Fault::CrLfReply => reply = reply.replace('\n', "\r\n"),
        Fault::CutOff => {
            reply = cut(&reply, format, dice)?;
            right = None;
        }
        _ => {}
    }
    Some(Case { fault, reply, path: change.path, base: change.old, right })
}

/// Whether the lines stand somewhere just as they are.
fn stands_as_it_is(text: &str, wanted: &[&str]) -> bool {
    let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
    let wanted: Vec<&str> = wanted.iter().map(|line| line.trim_end()).collect();
    lines.windows(wanted.len()).any(|window| window == wanted.as_slice())
}

fn shift(hunks: &mut [Hunk], by: impl Fn(&str) -> Option<String>) -> Option<()> {
    for hunk in hunks {
        let mut differs = false;
        for line in hunk.lines.iter_mut().filter(|line| !line.1.trim().is_empty()) {
            let shifted = by(&line.1)?;
            differs |= shifted != line.1 && line.0 != PatchLineKind::Added;
            line.1 = shifted;
        }
        if !differs {
            return None;
        }
    }
    Some(())
}

/// The path as the fault has it.
fn named(path: &str, fault: Fault, dice: &mut Dice) -> String {
    match fault {
        Fault::Absolute => {
            format!("{}{path}", dice.pick(&["/workspace/", "/app/", "/home/user/project/", "/testbed/"]))
        }
        Fault::RepoName => format!("{}{path}", dice.pick(&["myrepo/", "project/sub/", "./"])),
        _ => path.to_owned(),
    }
}

fn closing(dice: &mut Dice) -> &'static str {
    dice.pick(&["", "\nThat should do it.\n", "\nRun it:\n\n```bash\ncargo test\n```\n"])
}

fn render(change: &Change, hunks: &[Hunk], format: Format, fault: Fault, dice: &mut Dice) -> String {
    let path = named(&change.path, fault, dice);
    let opening = dice.pick(&["", "Sure, here is the change.\n\n", "I looked at it:\n\n- one thing\n- another\n\n"]);
    let closing = if fault == Fault::CutOff { "" } else { closing(dice) };
    let body = match format {
        Format::SearchReplace => search_replace(&path, hunks, dice),
        Format::UnifiedFenced => format!("```diff\n{}```\n", unified_text(&path, hunks, fault, dice)),
        Format::UnifiedBare => unified_text(&path, hunks, fault, dice),
        Format::BeginPatch => begin_patch(&path, hunks, fault),
        Format::Whole => {
            let new = change.new.as_str();
            let head = dice.pick(&["(whole file)", "(complete file):"]);
            format!("`{path}` {head}\n\n``````\n{new}``````\n")
        }
        Format::Json => return json(&path, hunks, dice),
    };
    format!("{opening}{body}{closing}")
}

fn block(lines: &[&str]) -> String {
    lines.iter().map(|line| format!("{line}\n")).collect()
}

fn search_replace(path: &str, hunks: &[Hunk], dice: &mut Dice) -> String {
    let mut text = String::new();
    let style = dice.below(3);
    let marks = dice.pick(&[5, 7, 7, 7, 9]);
    for hunk in hunks {
        let (less, even, more) = ("<".repeat(marks), "=".repeat(marks), ">".repeat(marks));
        let body = format!("{less} SEARCH\n{}{even}\n{}{more} REPLACE\n", block(&hunk.before()), block(&hunk.after()));
        text.push_str(&match style {
            0 => format!("{path}\n```\n{body}```\n\n"),
            1 => format!("```python\n{path}\n{body}```\n\n"),
            _ => format!("**`{path}`**\n\n```rust\n{body}```\n\n"),
        });
    }
    text
}

fn unified_text(path: &str, hunks: &[Hunk], fault: Fault, dice: &mut Dice) -> String {
    let (from, to) = match fault {
        Fault::NoPrefixes => (path.to_owned(), path.to_owned()),
        Fault::Absolute | Fault::RepoName => (path.to_owned(), path.to_owned()),
        _ => (format!("a/{path}"), format!("b/{path}")),
    };
    let mut text = String::new();
    if dice.below(2) == 0 && !matches!(fault, Fault::Absolute | Fault::RepoName) {
        text.push_str(&format!("diff --git {from} {to}\n"));
    }
    text.push_str(&format!("--- {from}\n+++ {to}\n"));
    let mut grown = 0_i64;
    for hunk in hunks {
        let (mut old, mut new) = (hunk.before().len() as i64, hunk.after().len() as i64);
        let growth = new - old;
        let mut start = hunk.start as i64;
        match fault {
            Fault::WrongCounts => {
                old = (old + 1 + dice.below(4) as i64 - 2).max(1);
                new = (new + 2 - dice.below(5) as i64).max(1);
            }
            Fault::WrongNumbers => start = (start + dice.below(60) as i64 - 30).max(1),
            _ => {}
        }
        text.push_str(&match fault {
            Fault::NoNumbers => format!("{}\n", dice.pick(&["@@ ... @@", "@@", "@@ @@"])),
            _ => format!("@@ -{start},{old} +{},{new} @@\n", start + grown),
        });
        grown += growth;
        for (kind, line) in &hunk.lines {
            let sign = match kind {
                PatchLineKind::Context => ' ',
                PatchLineKind::Removed => '-',
                PatchLineKind::Added => '+',
            };
            text.push_str(&format!("{sign}{line}\n"));
        }
    }
    text
}

fn begin_patch(path: &str, hunks: &[Hunk], _fault: Fault) -> String {
    let mut text = format!("*** Begin Patch\n*** Update File: {path}\n");
    for hunk in hunks {
        text.push_str("@@\n");
        for (kind, line) in &hunk.lines {
            let sign = match kind {
                PatchLineKind::Context => ' ',
                PatchLineKind::Removed => '-',
                PatchLineKind::Added => '+',
            };
            text.push_str(&format!("{sign}{line}\n"));
        }
    }
    text + "*** End Patch\n"
}

fn json(path: &str, hunks: &[Hunk], dice: &mut Dice) -> String {
    let edits: Vec<serde_json::Value> = hunks
        .iter()
        .map(|hunk| {
            let (mut old, mut new) = (block(&hunk.before()), block(&hunk.after()));
            if dice.below(2) == 0 {
                old.pop();
                new.pop();
            }
            serde_json::json!({"path": path, "search": old, "replace": new})
        })
        .collect();
    let text = serde_json::to_string_pretty(&serde_json::json!({ "edits": edits })).expect("plain data");
    match dice.below(2) {
        0 => text + "\n",
        _ => format!("Here:\n\n```json\n{text}\n```\n"),
    }
}

/// The reply up to somewhere inside of its edits.
fn cut(reply: &str, format: Format, dice: &mut Dice) -> Option<String> {
    let (start, end) = match format {
        Format::SearchReplace => (reply.rfind(" SEARCH")?, reply.rfind("> REPLACE")?),
        Format::UnifiedFenced => (reply.find("@@")?, reply.rfind("```")?),
        Format::BeginPatch => (reply.find("*** Begin")? + 16, reply.find("*** End")?),
        Format::Whole => (reply.find("``````")? + 7, reply.rfind("``````")?),
        Format::Json => (reply.find("\"path\"")? + 200, reply.rfind('}')?),
        // without a fence the end of the last hunk is all that tells: cut before its last line
        Format::UnifiedBare => (reply.find("@@ -")? + 20, reply.trim_end().rfind('\n')?),
    };
    let mut at = start + dice.below(end.checked_sub(start)?);
    while !reply.is_char_boundary(at) {
        at -= 1;
    }
    Some(reply[..at].to_owned())
}

/// A made-up change of `text`: lines go, come or become others in one to three places.
pub(crate) fn invent(path: &str, text: &str, dice: &mut Dice) -> Option<Change> {
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    if lines.len() < 20 {
        return None;
    }
    let mut at = BTreeMap::new();
    for _ in 0..1 + dice.below(3) {
        at.insert(2 + dice.below(lines.len() - 4), dice.below(3));
    }
    for (line, kind) in at.into_iter().rev() {
        let indent: String = lines[line].chars().take_while(|c| c.is_whitespace()).collect();
        let fresh = format!("{indent}let made_up_{} = {};", dice.below(1000), dice.below(1000));
        match kind {
            0 => lines[line] = fresh,
            1 => lines.insert(line, fresh),
            _ => drop(lines.remove(line)),
        }
    }
    Some(Change { path: path.to_owned(), old: text.to_owned(), new: lines.join("\n") + "\n" })
}
