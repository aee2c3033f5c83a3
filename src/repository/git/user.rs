//! Who the user is, from their own git configuration; a repository's is never asked.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use crate::repository::CommitIdentity;

/// Name and address from the global and, below it, the system configuration.
pub(super) fn user(environment: &BTreeMap<OsString, OsString>) -> Option<CommitIdentity> {
    let files = files(environment);
    let get = |key: &str| {
        files.iter().find_map(|file| {
            let config = git2::Config::open(file).and_then(|mut config| config.snapshot()).ok()?;
            let value = config.get_str(key).ok()?.trim();
            (!value.is_empty()).then(|| value.to_owned())
        })
    };
    Some(CommitIdentity { name: get("user.name")?, email: get("user.email")? })
}

/// The files, the strongest first.
fn files(environment: &BTreeMap<OsString, OsString>) -> Vec<PathBuf> {
    let folder = |name: &str| environment.get(OsStr::new(name)).filter(|value| !value.is_empty()).map(PathBuf::from);
    let home = folder("HOME");
    let config_home = folder("XDG_CONFIG_HOME").or_else(|| Some(home.as_ref()?.join(".config")));
    let all = [home.map(|home| home.join(".gitconfig")), config_home.map(|home| home.join("git/config"))];
    all.into_iter().flatten().chain([PathBuf::from("/etc/gitconfig")]).filter(|file| Path::is_file(file)).collect()
}
