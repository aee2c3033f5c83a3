//! Rows by number: segments of hunk headers, folds, lines and threads, without a row being made.

use super::doc::{Block, Doc, Side};

/// One row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Row {
    /// A hunk begins: its index.
    Hunk(usize),
    /// So many unchanged lines are folded here.
    Fold(u32),
    /// A line: 0-based on each side; both where it is unchanged, or side by side.
    Line { old: Option<u32>, new: Option<u32>, same: bool },
    /// A row of a thread: the thread's index, and which of its rows.
    Thread(usize, u32),
}

/// How much unchanged text is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Folding {
    /// Lines around each hunk; `u32::MAX` for all of them.
    pub context: u32,
    /// Whether of hunks that change whitespace only nothing but the header is shown.
    pub no_blanks: bool,
}

/// A thread's place: shown after the line, in so many rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ThreadAt {
    pub thread: usize,
    pub side: Side,
    /// 0-based; `None` for the file itself: shown first.
    pub line: Option<u32>,
    pub rows: u32,
}

impl ThreadAt {
    /// Its line among `rows` unchanged ones from `old` and `new` on.
    fn within(&self, old: u32, new: u32, rows: u32) -> Option<u32> {
        let at = match self.side {
            Side::Old => self.line?.checked_sub(old),
            Side::New => self.line?.checked_sub(new),
        };
        at.filter(|at| *at < rows)
    }
}

#[derive(Debug, Clone, Copy)]
enum Kind {
    Hunk(usize),
    Fold(u32),
    Same {
        old: u32,
        new: u32,
    },
    Old(u32),
    New(u32),
    /// Side by side: `old` lines from here, `new` lines from there, the shorter side padded.
    Pair {
        old: u32,
        olds: u32,
        new: u32,
        news: u32,
    },
    Thread(usize),
}

#[derive(Debug, Clone, Copy)]
struct Segment {
    first: u32,
    rows: u32,
    kind: Kind,
}

/// The rows of one file.
#[derive(Debug, Default)]
pub(crate) struct Layout {
    segments: Vec<Segment>,
    rows: u32,
    hunk_rows: Vec<u32>,
}

impl Layout {
    /// The rows of `doc`, side by side where `split`.
    pub(crate) fn new(doc: &Doc, folding: Folding, split: bool, threads: &[ThreadAt]) -> Self {
        let mut layout = Self::default();
        let mut threads: Vec<ThreadAt> = threads.to_vec();
        threads.sort_by_key(|thread| (thread.line.map_or(0, |line| line + 1), thread.thread));
        for thread in threads.iter().filter(|thread| thread.line.is_none()) {
            layout.push(thread.rows, Kind::Thread(thread.thread));
        }
        let blocks = doc.blocks();
        let mut hunk = None;
        for (at, block) in blocks.iter().enumerate() {
            if block.hunk.is_some() {
                if at == 0 {
                    layout.header(block.hunk);
                }
                hunk = block.hunk;
                if folding.no_blanks && hunk.and_then(|at| doc.hunks().get(at)).is_some_and(|hunk| hunk.blank) {
                    continue;
                }
                layout.changed(block, split, &threads);
            } else {
                // a hunk's header stands above its context
                let next = blocks.get(at + 1).map(|next| next.hunk);
                let header = next.flatten().filter(|next| hunk != Some(*next));
                layout.unchanged(block, at == 0, next.is_none(), header, folding, &threads);
            }
        }
        // a thread whose line is not among the lines of this comparison is still shown, at the end
        let shown: Vec<usize> = layout
            .segments
            .iter()
            .filter_map(|segment| match segment.kind {
                Kind::Thread(thread) => Some(thread),
                _ => None,
            })
            .collect();
        for thread in threads.iter().filter(|thread| !shown.contains(&thread.thread)) {
            layout.push(thread.rows, Kind::Thread(thread.thread));
        }
        layout
    }

    /// Every line of a file that is the same on both sides.
    pub(crate) fn whole(doc: &Doc) -> Self {
        let mut layout = Self::default();
        layout.push(doc.lines(Side::New), Kind::Same { old: 0, new: 0 });
        layout
    }

    fn push(&mut self, rows: u32, kind: Kind) {
        if rows > 0 {
            self.segments.push(Segment { first: self.rows, rows, kind });
            self.rows += rows;
        }
    }

    fn header(&mut self, hunk: Option<usize>) {
        if let Some(hunk) = hunk {
            self.hunk_rows.push(self.rows);
            self.push(1, Kind::Hunk(hunk));
        }
    }

    /// Unchanged lines: context after the hunk before, a fold, context before the next hunk, and its header.
    fn unchanged(
        &mut self,
        block: &Block,
        first: bool,
        last: bool,
        header: Option<usize>,
        folding: Folding,
        threads: &[ThreadAt],
    ) {
        let all = block.old.end - block.old.start;
        let head = if first { 0 } else { folding.context.min(all) };
        let tail = if last { 0 } else { folding.context.min(all - head) };
        let folded = all - head - tail;
        let (old, new) = (block.old.start, block.new.start);
        self.same(old, new, head, threads);
        self.folded(old + head, new + head, folded, threads);
        self.header(header);
        self.same(old + head + folded, new + head + folded, tail, threads);
    }

    /// Lines that are folded away, but for those that somebody talks about.
    fn folded(&mut self, old: u32, new: u32, rows: u32, threads: &[ThreadAt]) {
        let mut done = 0;
        let mut shown: Vec<u32> = threads.iter().filter_map(|thread| thread.within(old, new, rows)).collect();
        // the two sides count their lines differently
        shown.sort_unstable();
        shown.dedup();
        for at in shown {
            self.push((at > done).into(), Kind::Fold(at - done));
            self.same(old + at, new + at, 1, threads);
            done = at + 1;
        }
        self.push((rows > done).into(), Kind::Fold(rows - done));
    }

    fn same(&mut self, old: u32, new: u32, rows: u32, threads: &[ThreadAt]) {
        let mut done = 0;
        for thread in threads {
            if let Some(at) = thread.within(old, new, rows).filter(|at| *at + 1 >= done) {
                self.push(at + 1 - done, Kind::Same { old: old + done, new: new + done });
                done = at + 1;
                self.push(thread.rows, Kind::Thread(thread.thread));
            }
        }
        self.push(rows - done, Kind::Same { old: old + done, new: new + done });
    }

    fn changed(&mut self, block: &Block, split: bool, threads: &[ThreadAt]) {
        let (old, olds) = (block.old.start, block.old.end - block.old.start);
        let (new, news) = (block.new.start, block.new.end - block.new.start);
        let within = |side: Side, from: u32, rows: u32| {
            threads
                .iter()
                .filter(move |thread| thread.side == side)
                .filter_map(move |thread| {
                    let at = thread.line?.checked_sub(from)?;
                    (at < rows).then_some((at, *thread))
                })
                .collect::<Vec<_>>()
        };
        let (old_threads, new_threads) = (within(Side::Old, old, olds), within(Side::New, new, news));
        if split {
            let mut cuts: Vec<(u32, ThreadAt)> = old_threads.into_iter().chain(new_threads).collect();
            cuts.sort_by_key(|(at, thread)| (*at, thread.thread));
            let all = olds.max(news);
            let mut done = 0;
            let pair = |from: u32| Kind::Pair {
                old: old + from.min(olds),
                olds: olds.saturating_sub(from),
                new: new + from.min(news),
                news: news.saturating_sub(from),
            };
            for (at, thread) in cuts {
                self.push((at + 1).saturating_sub(done), pair(done));
                done = done.max(at + 1);
                self.push(thread.rows, Kind::Thread(thread.thread));
            }
            self.push(all - done, pair(done));
        } else {
            self.one_side(old, olds, &old_threads, Kind::Old);
            self.one_side(new, news, &new_threads, Kind::New);
        }
    }

    fn one_side(&mut self, from: u32, rows: u32, threads: &[(u32, ThreadAt)], kind: fn(u32) -> Kind) {
        let mut done = 0;
        for (at, thread) in threads {
            self.push((at + 1).saturating_sub(done), kind(from + done));
            done = done.max(at + 1);
            self.push(thread.rows, Kind::Thread(thread.thread));
        }
        self.push(rows - done, kind(from + done));
    }

    /// How many rows there are.
    pub(crate) fn rows(&self) -> usize {
        self.rows as usize
    }

    /// The rows of the hunks' headers, in order.
    pub(crate) fn hunk_rows(&self) -> &[u32] {
        &self.hunk_rows
    }

    /// The row of that number.
    pub(crate) fn row(&self, row: usize) -> Option<Row> {
        let row = u32::try_from(row).ok()?;
        let at = self.segments.partition_point(|segment| segment.first + segment.rows <= row);
        let segment = self.segments.get(at)?;
        let within = row - segment.first;
        Some(match segment.kind {
            Kind::Hunk(hunk) => Row::Hunk(hunk),
            Kind::Fold(lines) => Row::Fold(lines),
            Kind::Same { old, new } => Row::Line { old: Some(old + within), new: Some(new + within), same: true },
            Kind::Old(old) => Row::Line { old: Some(old + within), new: None, same: false },
            Kind::New(new) => Row::Line { old: None, new: Some(new + within), same: false },
            Kind::Pair { old, olds, new, news } => Row::Line {
                old: (within < olds).then_some(old + within),
                new: (within < news).then_some(new + within),
                same: false,
            },
            Kind::Thread(thread) => Row::Thread(thread, within),
        })
    }

    /// The hunk that `row` belongs to: the last whose header is at or before it.
    pub(crate) fn hunk_at(&self, row: usize) -> Option<usize> {
        self.hunk_rows.partition_point(|first| *first as usize <= row).checked_sub(1)
    }

    /// The row that shows this line (0-based) of `side`, or the nearest before it.
    pub(crate) fn row_of_line(&self, side: Side, line: u32) -> usize {
        let mut best = 0;
        for segment in &self.segments {
            let (from, rows) = match (segment.kind, side) {
                (Kind::Same { old, .. } | Kind::Old(old), Side::Old) => (old, segment.rows),
                (Kind::Same { new, .. } | Kind::New(new), Side::New) => (new, segment.rows),
                (Kind::Pair { old, olds, .. }, Side::Old) => (old, olds.min(segment.rows)),
                (Kind::Pair { new, news, .. }, Side::New) => (new, news.min(segment.rows)),
                _ => continue,
            };
            if rows == 0 || line < from {
                continue;
            }
            best = segment.first + (line - from).min(rows - 1);
        }
        best as usize
    }

    /// Where a row of another layout of the same file stands in this one; `None` where it is not in it.
    pub(crate) fn place_of(&self, row: Row) -> Option<usize> {
        match row {
            Row::Hunk(hunk) => self.hunk_rows.get(hunk).map(|row| *row as usize),
            Row::Fold(_) => None,
            Row::Line { new: Some(line), .. } => Some(self.row_of_line(Side::New, line)),
            Row::Line { old: Some(line), .. } => Some(self.row_of_line(Side::Old, line)),
            Row::Line { .. } => None,
            Row::Thread(thread, within) => {
                let is_it = |segment: &&Segment| matches!(segment.kind, Kind::Thread(known) if known == thread);
                let segment = self.segments.iter().find(is_it)?;
                Some((segment.first + within.min(segment.rows.saturating_sub(1))) as usize)
            }
        }
    }

    /// The first rows of threads, in order.
    pub(crate) fn thread_rows(&self) -> impl DoubleEndedIterator<Item = usize> + '_ {
        self.segments.iter().filter_map(|segment| match segment.kind {
            Kind::Thread(_) => Some(segment.first as usize),
            _ => None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn doc() -> Doc {
        let old: String = (1..=20).map(|n| format!("line {n}\n")).collect();
        let new = old.replace("line 10\n", "line ten\nand more\n");
        Doc::compare(
            &"a.txt".into(),
            old.as_bytes().into(),
            new.as_bytes().into(),
            &crate::text::SecretMask::new(Vec::new()),
        )
    }

    fn show(layout: &Layout) -> Vec<String> {
        (0..layout.rows())
            .map(|row| match layout.row(row).expect("a row") {
                Row::Hunk(hunk) => format!("@{hunk}"),
                Row::Fold(lines) => format!("fold {lines}"),
                Row::Line { old, new, .. } => {
                    let number = |line: Option<u32>| line.map_or("-".to_owned(), |line| (line + 1).to_string());
                    format!("{} {}", number(old), number(new))
                }
                Row::Thread(thread, row) => format!("t{thread}.{row}"),
            })
            .collect()
    }

    #[track_caller]
    fn check(context: u32, split: bool, threads: &[ThreadAt], expected: &[&str]) {
        let layout = Layout::new(&doc(), Folding { context, no_blanks: false }, split, threads);
        assert_eq!(show(&layout), expected);
        assert!(layout.row(layout.rows()).is_none());
    }

    #[test]
    fn rows_are_folded_around_hunks() {
        check(1, false, &[], &["fold 8", "@0", "9 9", "10 -", "- 10", "- 11", "11 12", "fold 9"]);
        check(1, true, &[], &["fold 8", "@0", "9 9", "10 10", "- 11", "11 12", "fold 9"]);
        let all = Layout::new(&doc(), Folding { context: u32::MAX, no_blanks: false }, false, &[]);
        assert_eq!(all.rows(), 23);
    }

    #[test]
    fn threads_stand_after_their_line() {
        let thread = |thread, side, line| ThreadAt { thread, side, line, rows: 2 };
        check(
            0,
            false,
            &[thread(0, Side::New, Some(9)), thread(1, Side::Old, Some(9)), thread(2, Side::New, None)],
            &["t2.0", "t2.1", "fold 9", "@0", "10 -", "t1.0", "t1.1", "- 10", "t0.0", "t0.1", "- 11", "fold 10"],
        );
        check(
            1,
            false,
            &[thread(0, Side::New, Some(11))],
            &["fold 8", "@0", "9 9", "10 -", "- 10", "- 11", "11 12", "t0.0", "t0.1", "fold 9"],
        );
        // a line that is folded away is shown for what is said of it
        check(
            0,
            false,
            &[thread(0, Side::New, Some(2)), thread(1, Side::New, Some(2))],
            &["fold 2", "3 3", "t0.0", "t0.1", "t1.0", "t1.1", "fold 6", "@0", "10 -", "- 10", "- 11", "fold 10"],
        );
        // one that this comparison does not have: the thread is still there
        check(
            0,
            false,
            &[thread(0, Side::New, Some(99))],
            &["fold 9", "@0", "10 -", "- 10", "- 11", "fold 10", "t0.0", "t0.1"],
        );
    }

    #[test]
    fn lines_are_found() {
        let layout = Layout::new(&doc(), Folding { context: 1, no_blanks: false }, false, &[]);
        assert_eq!(layout.row_of_line(Side::New, 10), 5);
        assert_eq!(layout.row_of_line(Side::Old, 9), 3);
        assert_eq!(layout.row_of_line(Side::New, 9999), 6);
        assert_eq!(layout.hunk_at(0), None);
        assert_eq!(layout.hunk_at(1), Some(0));
        assert_eq!(layout.hunk_at(7), Some(0));
    }
}
