//! Named fault points: where a test may stop the process or make a write fail. Release builds compile them to nothing.
//!
//! `main` reads `PARAPH_FAULT` once and passes a [`Faults`] down through constructors. The text is
//! `NAME:N` (abort at the N-th passage), `NAME:N:enospc` (that error at the N-th passage) or `NAME:N+:enospc`
//! (from the N-th passage on), several of them with commas between. Errors are `enospc eio eacces emfile eintr`.

use std::io;

/// Every fault point. A snapshot test holds the list, so that none disappears unseen.
pub const ALL: &[&str] = &[
    "effect.apply.after",
    "effect.apply.before",
    "effect.check.after",
    "effect.check.before",
    "effect.document.after",
    "effect.document.before",
    "effect.draft.after",
    "effect.draft.before",
    "effect.index.after",
    "effect.index.before",
    "effect.load.after",
    "effect.load.before",
    "effect.monitor.after",
    "effect.monitor.before",
    "effect.pass-over.after",
    "effect.pass-over.before",
    "effect.pass-over.between",
    "effect.plan.after",
    "effect.plan.before",
    "effect.publish.after",
    "effect.publish.before",
    "effect.review.after",
    "effect.review.before",
    "effect.runbook.after",
    "effect.runbook.before",
    "effect.score.after",
    "effect.score.before",
    "effect.test.after",
    "effect.test.before",
    "effect.triage.after",
    "effect.triage.before",
    "anchor.before-write",
    "anchor.before-sync",
    "anchor.before-rename",
    "anchor.after-rename",
    "blobs.before-write",
    "blobs.before-sync",
    "blobs.before-rename",
    "blobs.after-rename",
    "blobs.after-folder-sync",
    "journal.before-create",
    "journal.before-segment",
    "journal.before-write",
    "journal.before-sync",
    "journal.after-sync",
    "journal.after-folder-sync",
    "journal.before-cut",
    "journal.before-torn",
    "journal.after-torn",
    "store.before-open",
    "store.before-commit",
    "store.after-commit",
    "store.before-flush",
    "store.before-sync",
    "store.after-sync",
];

/// What the text in `PARAPH_FAULT` got wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("PARAPH_FAULT `{given}` is not NAME:N, NAME:N:enospc or NAME:N+:eio (several with commas) with one of the names {}", ALL.join(", "))]
pub struct FaultSpecError {
    /// The text as given.
    pub given: String,
}

/// The armed fault points of this process; clones share their counts.
#[derive(Debug, Clone, Default)]
pub struct Faults {
    #[cfg(debug_assertions)]
    armed: Option<std::sync::Arc<Armed>>,
}

#[cfg(debug_assertions)]
#[derive(Debug, Default)]
struct Armed {
    wishes: Vec<Wish>,
    passages: std::sync::Mutex<std::collections::BTreeMap<&'static str, u64>>,
}

#[cfg(debug_assertions)]
#[derive(Debug)]
struct Wish {
    name: String,
    at: u64,
    and_after: bool,
    error: Option<rustix::io::Errno>,
}

impl Faults {
    /// No fault anywhere: what every release build has.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// No fault, but passages are counted (debug builds): see [`Faults::passages`].
    #[must_use]
    pub fn counting() -> Self {
        Self {
            #[cfg(debug_assertions)]
            armed: Some(std::sync::Arc::default()),
        }
    }

    /// The faults that `text` asks for; release builds ignore it.
    ///
    /// # Errors
    /// [`FaultSpecError`] where the text is not of the form that the module describes (debug builds).
    #[cfg(debug_assertions)]
    pub fn parse(text: Option<&str>) -> Result<Self, FaultSpecError> {
        let Some(text) = text.filter(|text| !text.is_empty()) else { return Ok(Self::none()) };
        let wishes: Option<Vec<_>> = text.split(',').map(Wish::parse).collect();
        let wishes = wishes.ok_or_else(|| FaultSpecError { given: text.to_owned() })?;
        Ok(Self { armed: Some(std::sync::Arc::new(Armed { wishes, ..Armed::default() })) })
    }

    /// The faults that `text` asks for; release builds ignore it.
    ///
    /// # Errors
    /// Never in release builds.
    #[cfg(not(debug_assertions))]
    pub fn parse(_: Option<&str>) -> Result<Self, FaultSpecError> {
        Ok(Self::none())
    }

    /// Passes the point `name`: does nothing unless a test armed it.
    ///
    /// # Errors
    /// The error that a test asked for.
    #[inline]
    pub fn point(&self, name: &'static str) -> io::Result<()> {
        #[cfg(debug_assertions)]
        if let Some(armed) = &self.armed {
            return armed.pass(name);
        }
        let _ = name;
        Ok(())
    }

    /// How often `name` was passed (always 0 in release builds and where nothing is armed or counted).
    #[must_use]
    pub fn passages(&self, name: &str) -> u64 {
        #[cfg(debug_assertions)]
        if let Some(armed) = &self.armed {
            let passages = armed.passages.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            return passages.get(name).copied().unwrap_or(0);
        }
        let _ = name;
        0
    }
}

#[cfg(debug_assertions)]
impl Wish {
    fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split(':');
        let name = parts.next().filter(|name| ALL.contains(name))?.to_owned();
        let count = parts.next()?;
        let (digits, and_after) = count.strip_suffix('+').map_or((count, false), |digits| (digits, true));
        let at = digits.parse().ok().filter(|at| *at > 0)?;
        let error = match parts.next() {
            None => None,
            Some("enospc") => Some(rustix::io::Errno::NOSPC),
            Some("eio") => Some(rustix::io::Errno::IO),
            Some("eacces") => Some(rustix::io::Errno::ACCESS),
            Some("emfile") => Some(rustix::io::Errno::MFILE),
            Some("eintr") => Some(rustix::io::Errno::INTR),
            Some(_) => return None,
        };
        parts.next().is_none().then_some(Self { name, at, and_after, error })
    }
}

#[cfg(debug_assertions)]
impl Armed {
    fn pass(&self, name: &'static str) -> io::Result<()> {
        debug_assert!(ALL.contains(&name), "fault point {name} is not in fault::ALL");
        let passage = {
            let mut passages = self.passages.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            let passage = passages.entry(name).or_default();
            *passage += 1;
            *passage
        };
        let due = |wish: &&Wish| wish.name == name && (passage == wish.at || (wish.and_after && passage > wish.at));
        let Some(wish) = self.wishes.iter().find(due) else { return Ok(()) };
        match wish.error {
            Some(error) => Err(error.into()),
            None => std::process::abort(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_names_one_point() {
        let distinct: std::collections::BTreeSet<_> = ALL.iter().collect();
        assert_eq!(distinct.len(), ALL.len(), "a name names one point");
    }

    #[cfg(debug_assertions)]
    #[track_caller]
    fn check(text: &str, expected: &[Option<i32>]) {
        let faults = Faults::parse(Some(text)).expect("a fault that parses");
        let got: Vec<_> =
            expected.iter().map(|_| faults.point("journal.before-sync").err().and_then(|e| e.raw_os_error())).collect();
        assert_eq!(got, expected, "{text}");
    }

    #[cfg(debug_assertions)]
    #[test]
    fn an_error_comes_at_the_passage_that_was_asked_for() {
        let full = Some(rustix::io::Errno::NOSPC.raw_os_error());
        check("journal.before-sync:2:enospc", &[None, full, None]);
        check("journal.before-sync:2+:enospc", &[None, full, full]);
        check("journal.before-write:1:eio", &[None, None]);
        check("journal.before-write:1:eio,journal.before-sync:1:enospc", &[full, None]);
        for wrong in
            ["journal.before-sync", "nowhere:1", "journal.before-sync:0", "journal.before-sync:1:epipe", "a:b:c:d", ","]
        {
            assert!(Faults::parse(Some(wrong)).is_err(), "{wrong}");
        }
        assert!(Faults::parse(None).is_ok() && Faults::parse(Some("")).is_ok());
    }
}
