//! What repositories may do: in memory, so that a revocation counts at once whatever the store does.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use crate::id::{Digest, HostPath};
use crate::repository::Source;

use super::house::HouseEvent;

/// What people said of repositories, by their tops. Clones share it.
#[derive(Debug, Clone, Default)]
pub(super) struct Trust(Arc<RwLock<Said>>);

#[derive(Debug, Default)]
struct Said {
    trusted: BTreeSet<String>,
    answers: BTreeMap<String, Answer>,
}

/// What else a person said of a repository; a newer word replaces it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Answer {
    /// It is not trusted, and nobody needs to be asked again.
    Refused,
    /// It is trusted, and these setup steps may use the network.
    Network(Vec<Digest>),
}

impl Answer {
    /// As the store keeps it.
    pub(super) fn to_word(&self) -> String {
        match self {
            Self::Refused => "refused".to_owned(),
            Self::Network(setups) => {
                let setups: Vec<String> = setups.iter().map(Digest::to_string).collect();
                format!("network {}", setups.join(" "))
            }
        }
    }

    /// As [`Answer::to_word`] wrote it.
    pub(super) fn of_word(word: &str) -> Option<Self> {
        match word.split_once(' ') {
            Some(("network", setups)) => {
                setups.split(' ').map(|setup| setup.parse().ok()).collect::<Option<_>>().map(Self::Network)
            }
            _ => (word == "refused").then_some(Self::Refused),
        }
    }
}

impl Trust {
    /// These are trusted, and these are the answers.
    pub(super) fn of(
        tops: impl IntoIterator<Item = String>,
        answers: impl IntoIterator<Item = (String, Answer)>,
    ) -> Self {
        let said = Said { trusted: tops.into_iter().collect(), answers: answers.into_iter().collect() };
        Self(Arc::new(RwLock::new(said)))
    }

    /// Whether the repository is trusted.
    pub(super) fn has(&self, top: &HostPath) -> bool {
        self.said().trusted.contains(&top.to_string())
    }

    /// Whether a person said no, and no other word since.
    pub(super) fn is_refused(&self, top: &HostPath) -> bool {
        self.said().answers.get(&top.to_string()) == Some(&Answer::Refused)
    }

    /// The setup steps of the repository that may use the network, the one that was permitted last at the end.
    pub(super) fn setup_network(&self, top: &HostPath) -> Vec<Digest> {
        match self.said().answers.get(&top.to_string()) {
            Some(Answer::Network(setups)) => setups.clone(),
            Some(Answer::Refused) | None => Vec::new(),
        }
    }

    fn said(&self) -> RwLockReadGuard<'_, Said> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Follows a recorded event.
    pub(super) fn follow(&self, event: &HouseEvent) {
        let mut said = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let path = event.path().to_string();
        match event {
            HouseEvent::Trusted { .. } => {
                said.answers.remove(&path);
                said.trusted.insert(path);
            }
            HouseEvent::TrustRevoked { .. } => {
                said.trusted.remove(&path);
                said.answers.insert(path, Answer::Refused);
            }
            HouseEvent::SetupNetworkPermitted { setups, .. } => {
                said.answers.insert(path, Answer::Network(setups.clone()));
            }
        }
    }
}

/// What names a repository for trust: the top of its worktree, or its address.
pub(super) fn top_of(source: &Source) -> HostPath {
    match source {
        Source::Path(path) => path.clone(),
        Source::Url(url) => HostPath::new(PathBuf::from(url)),
    }
}

/// The repository that a person meant: what looks like an address is one.
pub(super) fn source_of(meant: &HostPath) -> Source {
    let text = meant.to_string();
    // what is there is meant, whatever it looks like
    if Source::is_address(&text) && !meant.as_path().exists() { Source::Url(text) } else { Source::Path(meant.clone()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::Person;

    fn by() -> Person {
        let (login, name, email, client, terminal) = Default::default();
        Person { login, name, email, client, terminal }
    }

    #[test]
    fn a_newer_word_replaces_an_older_one() {
        let path = HostPath::new("/srv/x");
        let trust = Trust::default();
        let trusted = || HouseEvent::Trusted { path: path.clone(), by: by() };
        let revoked = || HouseEvent::TrustRevoked { path: path.clone(), by: by() };
        let setups = vec![Digest::of(b"one"), Digest::of(b"two")];
        let network = || HouseEvent::SetupNetworkPermitted { path: path.clone(), setups: setups.clone(), by: by() };
        let check = |event: HouseEvent, has: bool, refused: bool, network: usize| {
            trust.follow(&event);
            assert_eq!((trust.has(&path), trust.is_refused(&path)), (has, refused), "{event:?}");
            assert_eq!(trust.setup_network(&path).len(), network, "{event:?}");
        };
        check(trusted(), true, false, 0);
        check(network(), true, false, 2);
        check(trusted(), true, false, 0);
        check(network(), true, false, 2);
        check(revoked(), false, true, 0);
        check(trusted(), true, false, 0);
    }

    #[test]
    fn answers_are_kept_as_words() {
        for answer in [Answer::Refused, Answer::Network(vec![Digest::of(b"one"), Digest::of(b"two")])] {
            assert_eq!(Answer::of_word(&answer.to_word()), Some(answer));
        }
        assert_eq!(Answer::of_word("network x"), None);
        assert_eq!(Answer::of_word(""), None);
    }
}
