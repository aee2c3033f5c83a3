//! What the folders of PATH need beside themselves: the rest of an installation, and where links lead.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

/// Always in view, so never lent on their own.
pub(super) const SYSTEM: [&str; 6] = ["/usr", "/bin", "/sbin", "/lib", "/nix/store", "/gnu/store"];
/// More programs in one folder than this are looked at no further.
const MOST_PROGRAMS: usize = 4000;

/// Places to lend for `path_env`, those of the folders themselves first.
pub(super) fn places(path_env: &OsStr, home: &Path) -> Vec<(PathBuf, &'static str)> {
    let folders: Vec<PathBuf> =
        std::env::split_paths(path_env).filter(|path| is_foreign(path) && path.is_dir()).collect();
    let mut places: Vec<(PathBuf, &'static str)> =
        folders.iter().map(|folder| (installation(folder, home), "on the PATH")).collect();
    let behind_links: BTreeSet<PathBuf> = folders
        .iter()
        .flat_map(|folder| targets(folder))
        .filter_map(|target| Some(installation(target.parent()?, home)))
        .collect();
    places.extend(behind_links.into_iter().map(|path| (path, "behind a link on the PATH")));
    places
}

fn is_foreign(path: &Path) -> bool {
    path.is_absolute() && !SYSTEM.iter().any(|system| path.starts_with(system))
}

/// The installation a folder of programs belongs to: `…/node/v20` for `…/node/v20/bin`, where that is no wider than
/// one tool; else the folder alone.
fn installation(folder: &Path, home: &Path) -> PathBuf {
    let is_bin = folder.file_name().is_some_and(|name| name == "bin" || name == "sbin");
    let Some(parent) = folder.parent().filter(|_| is_bin) else { return folder.to_owned() };
    let real_home = home.canonicalize().unwrap_or_else(|_| home.to_owned());
    let below_home = parent.strip_prefix(home).or_else(|_| parent.strip_prefix(real_home));
    let is_one_tool = match below_home {
        // ~/.local and the like hold more than programs; ~/miniconda3 is an installation
        Ok(below) => below.components().count() >= 2 || parent.join("conda-meta").is_dir(),
        Err(_) => parent.components().count() >= 3, // /opt/tool
    };
    if is_one_tool { parent.to_owned() } else { folder.to_owned() }
}

/// Where the links in `folder` lead, outside of it and of the system.
fn targets(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten().take(MOST_PROGRAMS);
    let links = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_symlink()));
    let real = links.filter_map(|link| link.path().canonicalize().ok());
    real.filter(|target| target.is_file() && is_foreign(target) && !target.starts_with(folder)).collect()
}
