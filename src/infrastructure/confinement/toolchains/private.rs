//! Paraph's own places: its home with the socket, its configuration. A check that reaches the socket could approve
//! itself, and a read-only mount does not stop it: nothing that holds such a place, or lies in one, is lent.

use std::fs;
use std::path::{Path, PathBuf};

use super::super::policy::Policy;

/// Places that no command may see, as they were named and where links lead.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Private(Vec<PathBuf>);

impl Private {
    pub(super) fn new(places: &[PathBuf]) -> Self {
        let mut all: Vec<PathBuf> = places.iter().flat_map(|place| [place.clone(), real(place)]).collect();
        all.sort();
        all.dedup();
        Self(all)
    }

    /// Whether one of the places is `path` or lies in it.
    pub(super) fn is_in(&self, path: &Path) -> bool {
        let real = real(path);
        self.0.iter().any(|place| place.starts_with(path) || place.starts_with(&real))
    }

    /// Whether `path` is one of the places or lies in one.
    pub(super) fn holds(&self, path: &Path) -> bool {
        let real = real(path);
        self.0.iter().any(|place| path.starts_with(place) || real.starts_with(place))
    }

    /// What must be hidden of the places under `policy`: all but what the command itself stands on and writes to.
    pub(super) fn hidden(&self, policy: &Policy) -> Vec<PathBuf> {
        let stands_on =
            policy.writable.iter().chain([&policy.scratch]).chain(policy.overlays.iter().map(|one| &one.at));
        let stands_on = stands_on.chain(policy.placed.iter().map(|one| &one.at));
        let own: Vec<PathBuf> = stands_on.map(|path| real(path)).collect();
        let mut hidden = Vec::new();
        for place in &self.0 {
            all_but(place, &own, &mut hidden);
        }
        hidden
    }
}

/// `own` are real paths; `path` may go through links, and what is hidden then goes through them too.
fn all_but(path: &Path, own: &[PathBuf], hidden: &mut Vec<PathBuf>) {
    let real = real(path);
    if own.iter().any(|own| real.starts_with(own)) {
        return;
    }
    if !own.iter().any(|own| own.starts_with(&real)) {
        hidden.push(path.to_owned());
        return;
    }
    for entry in fs::read_dir(path).into_iter().flatten().flatten() {
        all_but(&entry.path(), own, hidden);
    }
}

/// Where `path` leads, also where its last parts are not there yet.
fn real(path: &Path) -> PathBuf {
    for folder in path.ancestors() {
        if let (Ok(found), Ok(rest)) = (folder.canonicalize(), path.strip_prefix(folder)) {
            return if rest.as_os_str().is_empty() { found } else { found.join(rest) };
        }
    }
    path.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_of_a_home_is_hidden_but_what_the_command_stands_on() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let home = folder.path().canonicalize().expect("is there").join("home");
        for name in ["run", "worktrees/one/work", "worktrees/one/scratch", "worktrees/two/work"] {
            fs::create_dir_all(home.join(name)).expect("folders");
        }
        let private = Private::new(std::slice::from_ref(&home));
        let policy = Policy::new(home.join("worktrees/one/work"), home.join("worktrees/one/scratch"));
        let mut hidden = private.hidden(&policy);
        hidden.sort();
        assert_eq!(hidden, [home.join("run"), home.join("worktrees/two")]);
        assert_eq!(private.hidden(&Policy::new("/w", "/s")), std::slice::from_ref(&home));
        let link = folder.path().canonicalize().expect("is there").join("link");
        std::os::unix::fs::symlink(&home, &link).expect("a link");
        for (name, own) in [(&link, &home), (&home, &link), (&link, &link)] {
            let policy = Policy::new(own.join("worktrees/one/work"), own.join("worktrees/one/scratch"));
            let hidden = Private::new(std::slice::from_ref(name)).hidden(&policy);
            assert!(hidden.contains(&name.join("run")) && hidden.contains(&home.join("run")), "{hidden:?}");
            let covers = |path: &PathBuf| home.join("worktrees/one/scratch").starts_with(real(path));
            assert!(!hidden.iter().any(covers), "{hidden:?}");
        }
    }

    #[test]
    fn a_place_is_known_by_any_of_its_names() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let top = folder.path().canonicalize().expect("is there");
        fs::create_dir_all(top.join("tool/home")).expect("folders");
        std::os::unix::fs::symlink(top.join("tool"), top.join("link")).expect("a link");
        let private = Private::new(&[top.join("link/home")]);
        for above in ["tool", "link", "", "tool/home"] {
            assert!(private.is_in(&top.join(above)), "{above}");
        }
        for inside in ["tool/home", "link/home/run/not-there-yet"] {
            assert!(private.holds(&top.join(inside)), "{inside}");
        }
        assert!(!private.is_in(&top.join("tool/homes")) && !private.holds(&top.join("tool/homes")));
    }
}
