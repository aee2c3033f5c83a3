//! Who serves: what a daemon says of itself, and what a client makes of it.

use std::cmp::Ordering;

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::id::HostPath;

/// The number that changes when clients and daemons of two versions no longer understand each other.
pub const PROTOCOL: u32 = 1;

/// What a daemon says of itself: the body of `GET /v1/version` and of `run/daemon.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DaemonFacts {
    /// Its version.
    pub version: String,
    /// What it speaks: [`PROTOCOL`].
    pub protocol: u32,
    /// Its process.
    pub pid: u32,
    /// Its home.
    pub home: HostPath,
    /// Since when it runs.
    pub started: Timestamp,
    /// A digest of the settings that the client had which started it; empty for one that a person runs.
    #[serde(default)]
    pub settings: String,
}

/// How a daemon's version stands to a client's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    Same,
    /// The daemon is older; the flag tells whether the two still understand each other.
    Older {
        understood: bool,
    },
    /// The daemon is newer, or of the same version with another protocol.
    Newer,
}

impl DaemonFacts {
    /// Whether it was started by a client whose settings were others.
    #[must_use]
    pub fn has_other_settings(&self, settings: &str) -> bool {
        !self.settings.is_empty() && self.settings != settings
    }

    pub(super) fn standing(&self, client_version: &str) -> Standing {
        let understood = self.protocol == PROTOCOL;
        match rank(&self.version).cmp(&rank(client_version)) {
            Ordering::Equal if understood => Standing::Same,
            Ordering::Less => Standing::Older { understood },
            Ordering::Equal | Ordering::Greater => Standing::Newer,
        }
    }
}

/// A version's numbers, in order; what follows a `-` or `+` does not count.
fn rank(version: &str) -> Vec<u64> {
    let core = version.split(['-', '+']).next().unwrap_or_default();
    core.split('.').map(|part| part.parse().unwrap_or(0)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(daemon: (&str, u32), client: &str, expected: Standing) {
        let facts = DaemonFacts {
            version: daemon.0.to_owned(),
            protocol: daemon.1,
            pid: 1,
            home: HostPath::new("/h"),
            started: Timestamp(0),
            settings: String::new(),
        };
        assert_eq!(facts.standing(client), expected, "{daemon:?} {client}");
    }

    #[test]
    fn versions_compare_by_number() {
        check(("0.1.0", PROTOCOL), "0.1.0", Standing::Same);
        check(("0.9.0", PROTOCOL), "0.10.0", Standing::Older { understood: true });
        check(("0.9.0", 0), "0.10.0", Standing::Older { understood: false });
        check(("0.10.0", PROTOCOL), "0.9.9", Standing::Newer);
        check(("0.1.0", PROTOCOL + 1), "0.1.0", Standing::Newer);
        check(("1.0.0-rc1", PROTOCOL), "1.0.0", Standing::Same);
        check(("what?", PROTOCOL), "0.1.0", Standing::Older { understood: true });
    }
}
