//! Results of base runs, kept between sessions.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::id::{Digest, ObjectId};
use crate::infrastructure::blobs::Blobs;
use crate::infrastructure::confinement::Applied;
use crate::infrastructure::store::{Cache, Record};
use crate::validation::{Check, RunEnd, Setup, TestOutcomes};

use super::run::Ran;

/// Changes with what makes the values: how a run is confined and read.
const KIND: &str = "base-runs/2";

/// A base run as it is kept.
#[derive(Serialize, Deserialize)]
struct BaseRun {
    passed: bool,
    tests: Option<Tests>,
    log: Digest,
    note: String,
    duration_ms: u64,
    confinement: String,
}

#[derive(Serialize, Deserialize)]
struct Tests {
    passed: u32,
    failed: u32,
    errors: u32,
    skipped: u32,
    passed_names: BTreeSet<String>,
    failed_names: BTreeSet<String>,
}

impl Record for BaseRun {
    const VERSION: u8 = 1;
}

/// What a base run depends on beside its check.
pub(super) struct Circumstances<'a> {
    /// The tree it ran on.
    pub(super) tree: &'a ObjectId,
    /// What prepared the checkout.
    pub(super) setup: Option<&'a Setup>,
    /// Variables, toolchains, dependency folders.
    pub(super) environment: Digest,
    /// What it was confined by.
    pub(super) confinement: &'a Applied,
}

/// Names the base run of `check`.
pub(super) fn key(check: &Check, circumstances: &Circumstances<'_>) -> String {
    let Circumstances { tree, setup, environment, confinement } = circumstances;
    let platform = (std::env::consts::OS, std::env::consts::ARCH);
    // a check's name and group say nothing of how it runs; its variables are its own, and not of the environment;
    // their order is that of a struct and of a sorted map, so the text is stable
    let check = (&check.command, &check.cwd, &check.env, &check.reports, check.timeout_s);
    // another version of this program may confine and read a run in another way
    let program = env!("CARGO_PKG_VERSION");
    let all = (tree, check, setup, environment, confinement.level, &confinement.backend, platform, program);
    Digest::of(&serde_json::to_vec(&all).expect("texts and numbers are always JSON")).to_string()
}

/// The kept run of that key; its log must still be there.
pub(super) fn get(cache: &Cache, blobs: &Blobs, key: &str) -> Option<Ran> {
    let kept: BaseRun = cache.get(KIND, key)?;
    blobs.contains(kept.log).then_some(())?;
    let tests = kept.tests.map(|tests| TestOutcomes {
        passed: tests.passed,
        failed: tests.failed,
        errors: tests.errors,
        skipped: tests.skipped,
        passed_names: tests.passed_names,
        failed_names: tests.failed_names,
    });
    Some(Ran {
        end: if kept.passed { RunEnd::Passed } else { RunEnd::Failed },
        tests,
        log: Some(kept.log),
        note: kept.note,
        duration_ms: kept.duration_ms,
        confinement: kept.confinement,
        from_cache: true,
    })
}

/// Keeps a run that came to an end of its own; others would stand for the machine's mood.
pub(super) fn put(cache: &Cache, key: &str, ran: &Ran) {
    let (RunEnd::Passed | RunEnd::Failed, Some(log)) = (ran.end, ran.log) else { return };
    let tests = ran.tests.as_ref().map(|tests| Tests {
        passed: tests.passed,
        failed: tests.failed,
        errors: tests.errors,
        skipped: tests.skipped,
        passed_names: tests.passed_names.clone(),
        failed_names: tests.failed_names.clone(),
    });
    let kept = BaseRun {
        passed: ran.end == RunEnd::Passed,
        tests,
        log,
        note: ran.note.clone(),
        duration_ms: ran.duration_ms,
        confinement: ran.confinement.clone(),
    };
    if !cache.put(KIND, key, &kept) {
        tracing::debug!(key, "a base run was not kept");
    }
}
