//! A home of any size, made through the product's own journal from stories that the core itself decided: what a busy
//! year leaves behind, within seconds.
#![allow(dead_code, missing_docs, clippy::unwrap_used, unreachable_pub, reason = "each binary uses its own part")]

use std::path::Path;

use paraph::audit::{Journal, JournalOptions, NewEntry};
use paraph::clock::Timestamp;
use paraph::id::{RandomIds, SessionId};
use paraph::infrastructure::blobs::Blobs;
use paraph::infrastructure::fault::Faults;
use paraph::proposal::EngineKind;
use paraph::runtime::Home;
use paraph::session::{Command, Event, StopKind, Verdict};
use serde_json::{Value, json};

use crate::story::{L0, START, Story, V1, ana, digest, new_session, open_thread, stuck};

/// How many entries a session has.
pub const ENTRIES: usize = 112;

/// How a session of a large home ended, or what it waits for: six of ten are over, nobody owes anything.
fn endings() -> Vec<Story> {
    let quick = |goal: &str| {
        let mut asked = new_session(1, "quick", EngineKind::Rules);
        asked.goal = goal.into();
        Story::of(asked)
    };
    let done = || quick("compare with None by identity").runs().decides(L0, Verdict::Approve).publishes().runs();
    let scored = || quick("give no function a shared default argument").runs();
    let rejected = quick("rename what nobody asked for").runs().decides(L0, Verdict::Reject);
    let cancelled = quick("upgrade the parser").runs().does(Command::Cancel { by: ana() });
    let load = quick("read what is not there");
    let key = *load.session.owed().keys().next().unwrap();
    let needs_human = load.answers(key, stuck(StopKind::NeedsHuman));
    vec![done(), done(), done(), done(), done(), cancelled, scored(), scored(), rejected, needs_human]
}

/// The events of a story as the journal keeps them, filled up to `entries` with what reviewers leave behind.
fn entries_of(mut story: Story, entries: usize) -> Vec<Value> {
    let late = story.entries.split_off(story.entries.len().min(12));
    let reviewed = story.session.version(V1).is_some();
    while reviewed && story.entries.len() + late.len() + 2 < entries {
        let hunks = vec![digest(&format!("hunk {}", story.entries.len() % 20))];
        let (lane, version, by) = (L0, V1, ana());
        match story.entries.len() % 10 {
            0 => drop(story.command(open_thread(L0, V1)).unwrap()),
            1..=5 => story.record(Event::Marked { lane, version, hunks, by }),
            _ => story.record(Event::Unmarked { lane, version, hunks, by }),
        }
    }
    let events = story.entries.iter().map(|(event, ..)| event).chain(late.iter().map(|(event, ..)| event));
    events.map(|event| plain(serde_json::to_value(event).unwrap())).collect()
}

/// The journal keeps no nulls.
fn plain(value: Value) -> Value {
    match value {
        Value::Object(fields) => {
            fields.into_iter().filter(|(_, field)| !field.is_null()).map(|(name, field)| (name, plain(field))).collect()
        }
        Value::Array(items) => items.into_iter().map(plain).collect(),
        leaf => leaf,
    }
}

/// Makes a journal of so many sessions with some [`ENTRIES`] entries each, and the blobs that they name; how many
/// entries those are.
pub fn make_home(home: &Path, sessions: u64) -> u64 {
    let home = Home::at(home);
    home.create().unwrap();
    let stories: Vec<Vec<Value>> = endings().into_iter().map(|story| entries_of(story, ENTRIES)).collect();
    let blobs = Blobs::new(&home.blobs(), Faults::none());
    let named = ["explanation", "context", "stats", "plan", "index", "log", "base log", "draft v1 of 0"];
    blobs.put_many(&named).unwrap();
    let (mut journal, _) = Journal::open(&home.journal(), JournalOptions::new(&RandomIds)).unwrap();
    let mut written = 0;
    for number in 1..=sessions {
        let story = &stories[usize::try_from(number).unwrap() % stories.len()];
        let batch: Vec<NewEntry> = story.iter().enumerate().map(|(n, event)| entry(number, n, event)).collect();
        written += journal.append(&batch).unwrap().len() as u64;
    }
    journal.anchor().unwrap();
    written
}

fn entry(session: u64, n: usize, event: &Value) -> NewEntry {
    let mut event = event.clone();
    if n == 0 {
        event["session"]["id"] = json!(session);
        event["session"]["uuid"] = json!(uuid::Uuid::from_u128(u128::from(session)));
    }
    let at = Timestamp(START + 60_000 * i64::try_from(session).unwrap() + 100 * i64::try_from(n).unwrap());
    NewEntry { at, actor: "ana@build1".to_owned(), session: Some(SessionId(session)), event }
}
