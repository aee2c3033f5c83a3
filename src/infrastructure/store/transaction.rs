//! The one place that writes: a transaction over the tables, the tally and the mark.
//!
//! sled may open a cut file without an error and without some of its rows, its newest ones in place. The tally (how many
//! rows there are, and a sum over their digests) is written with every change, so that a full read tells.

use std::path::Path;

use sha2::{Digest as _, Sha256};
use sled::Transactional as _;
use sled::transaction::{ConflictableTransactionError, TransactionError, TransactionalTree};

use super::batch::{Change, Write};
use super::error::{StoreError, guarded, hex};

/// How many rows all tables have, and the sum of their digests' first eight bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) rows: u64,
    sum: u64,
}

impl Tally {
    pub(super) const KEY: &'static [u8] = b"tally";

    pub(super) fn add(&mut self, table: &[u8], key: &[u8], value: &[u8]) {
        self.rows = self.rows.wrapping_add(1);
        self.sum = self.sum.wrapping_add(digest(table, key, value));
    }

    fn take(&mut self, table: &[u8], key: &[u8], value: &[u8]) {
        self.rows = self.rows.wrapping_sub(1);
        self.sum = self.sum.wrapping_sub(digest(table, key, value));
    }

    /// Nothing stands for no rows; other bytes than a tally's are none.
    pub(super) fn read(bytes: Option<&[u8]>) -> Option<Self> {
        let Some(bytes) = bytes else { return Some(Self::default()) };
        let (rows, sum) = bytes.split_first_chunk::<8>()?;
        Some(Self { rows: u64::from_be_bytes(*rows), sum: u64::from_be_bytes(sum.try_into().ok()?) })
    }

    fn bytes(self) -> Vec<u8> {
        [self.rows.to_be_bytes(), self.sum.to_be_bytes()].concat()
    }
}

fn digest(table: &[u8], key: &[u8], value: &[u8]) -> u64 {
    let mut hasher = Sha256::new();
    for part in [table, key] {
        hasher.update((part.len() as u64).to_be_bytes());
        hasher.update(part);
    }
    hasher.update(value);
    let bytes: [u8; 32] = hasher.finalize().into();
    u64::from_be_bytes(*bytes.first_chunk().expect("32 bytes have a first eight"))
}

enum Stop {
    AlreadyWritten(usize),
    OddTally,
}

/// Makes all `writes`, and the mark where one is given, or none of them. Says how many rows were there before.
pub(super) fn run(meta: &sled::Tree, path: &Path, writes: &[Write], mark: Option<&[u8]>) -> Result<usize, StoreError> {
    let mut trees: Vec<sled::Tree> = vec![meta.clone()];
    let places: Vec<usize> = writes.iter().map(|write| place_of(&mut trees, &write.tree)).collect();
    let outcome = guarded(path, || {
        let result = trees.as_slice().transaction(|views: &Vec<TransactionalTree>| {
            let stored = views[0].get(Tally::KEY)?;
            let tally = Tally::read(stored.as_deref());
            let mut tally = tally.ok_or(ConflictableTransactionError::Abort(Stop::OddTally))?;
            let mut met = 0;
            for (index, (write, place)) in writes.iter().zip(&places).enumerate() {
                met += usize::from(apply(&views[*place], write, index, &mut tally)?);
            }
            if !writes.is_empty() {
                views[0].insert(Tally::KEY, tally.bytes())?;
            }
            if let Some(mark) = mark {
                views[0].insert(&b"mark"[..], mark)?;
            }
            Ok(met)
        });
        match result {
            Ok(met) => Ok(Ok(met)),
            Err(TransactionError::Abort(stop)) => Ok(Err(stop)),
            Err(TransactionError::Storage(error)) => Err(error),
        }
    })?;
    outcome.map_err(|stop| match stop {
        Stop::AlreadyWritten(index) => {
            StoreError::AlreadyWritten { table: writes[index].table, key: hex(&writes[index].key) }
        }
        Stop::OddTally => StoreError::Damaged { path: path.to_owned(), why: "its tally does not read".to_owned() },
    })
}

/// Makes one write; whether its key had a value.
fn apply(
    view: &TransactionalTree,
    write: &Write,
    index: usize,
    tally: &mut Tally,
) -> Result<bool, ConflictableTransactionError<Stop>> {
    let table = write.table.as_bytes();
    let old = match &write.change {
        Change::InsertNew(_) if view.get(&write.key)?.is_some() => {
            return Err(ConflictableTransactionError::Abort(Stop::AlreadyWritten(index)));
        }
        Change::InsertNew(value) | Change::Put(value) => {
            tally.add(table, &write.key, value);
            view.insert(write.key.as_slice(), value.as_slice())?
        }
        Change::Remove => view.remove(write.key.as_slice())?,
    };
    if let Some(old) = &old {
        tally.take(table, &write.key, old);
    }
    Ok(old.is_some())
}

fn place_of(trees: &mut Vec<sled::Tree>, tree: &sled::Tree) -> usize {
    let name = tree.name();
    trees.iter().position(|known| known.name() == name).unwrap_or_else(|| {
        trees.push(tree.clone());
        trees.len() - 1
    })
}
