//! The journal from front to back with all processors: its lines are checked and read side by side, a piece ahead of
//! whoever takes them, who gets them in their order.
//!
//! Only what is flawless goes this way. Where a piece holds one line that is not, it is gone along again line by line,
//! so that the same flaw is told in the same words as ever, after the entries before it.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use rayon::prelude::*;

use super::entry::{Entry, Line, Placed};
use super::error::JournalError;
use super::reader::{Entries, JournalReader};
use super::walk::{Lines, Linked};
use crate::id::Seq;

/// Bytes of lines that are read at once: some thousand entries.
const PIECE: usize = 512 * 1024;

/// Pieces that wait to be taken.
const AHEAD: usize = 2;

type Piece<T> = Result<Vec<(Placed, T)>, JournalError>;

impl JournalReader {
    /// Gives `take` every entry from `seq` to the last whole line, in pieces and in their order, each made into what is
    /// wanted of it by `make`, on any thread. Each is checked as [`JournalReader::iter_from`] does.
    ///
    /// # Errors
    /// The first of the journal's, after the entries before it were taken, or of `take`.
    pub fn take_from<T: Send, E: From<JournalError>>(
        &self,
        seq: Seq,
        make: &(dyn Fn(Entry) -> T + Sync),
        take: &mut dyn FnMut(Vec<(Placed, T)>) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut entries = self.iter_from(seq)?;
        std::thread::scope(|scope| {
            let (sender, pieces): (SyncSender<Piece<T>>, Receiver<Piece<T>>) = sync_channel(AHEAD);
            scope.spawn(move || {
                // nobody hears what is sent once whoever takes has had enough
                let give = |piece| sender.send(Ok(piece)).is_ok();
                let end = loop {
                    match next(&mut entries, make, &give) {
                        Ok(true) => {}
                        Ok(false) => break Ok(Vec::new()),
                        Err(error) => break Err(error),
                    }
                };
                let _ = sender.send(end);
            });
            pieces.into_iter().try_for_each(|piece| take(piece?))
        })
    }
}

/// Gives the next piece, or some of one entry each; whether more may follow, and is wanted.
fn next<T: Send>(
    entries: &mut Entries,
    make: &(dyn Fn(Entry) -> T + Sync),
    give: &dyn Fn(Vec<(Placed, T)>) -> bool,
) -> Result<bool, JournalError> {
    let Some(walk) = entries.walk() else { return Ok(false) };
    let lines = walk.take_lines(PIECE)?;
    if lines.len() > 0 {
        let numbers = (0..lines.len()).into_par_iter().with_min_len(32);
        let read: Option<Vec<(Linked, T)>> = numbers.map(|n| flawless(&lines, n, make)).collect();
        let linked = read.as_ref().map(|read| read.iter().map(|(linked, _)| linked));
        if walk.pass(&lines, linked)? {
            return Ok(give(read.into_iter().flatten().map(|(linked, made)| (linked.placed, made)).collect()));
        }
    }
    // the end of a segment, or something that is not as it should be
    for _ in 0..lines.len().max(1) {
        let Some(entry) = entries.next() else { return Ok(false) };
        let (placed, entry) = entry?;
        if !give(vec![(placed, make(entry))]) {
            return Ok(false);
        }
    }
    Ok(true)
}

fn flawless<T>(lines: &Lines, n: usize, make: &(dyn Fn(Entry) -> T + Sync)) -> Option<(Linked, T)> {
    let (bytes, offset) = lines.get(n);
    let line = Line::scan(bytes).ok().filter(|line| line.computed() == line.digest)?;
    let len = u32::try_from(bytes.len()).ok()?;
    let placed = Placed { seq: line.seq, digest: line.digest, segment: lines.segment(), offset, len };
    Some((Linked { placed, prev: line.prev }, make(line.entry().ok()?)))
}
