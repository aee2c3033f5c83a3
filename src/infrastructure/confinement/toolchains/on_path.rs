//! What the folders of PATH need beside themselves: the rest of an installation, and where links lead.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use super::table;

/// Always in view, so never lent on their own.
pub(super) const SYSTEM: [&str; 6] = ["/usr", "/bin", "/sbin", "/lib", "/nix/store", "/gnu/store"];
/// More programs in one folder than this are looked at no further.
const MOST_PROGRAMS: usize = 4000;

/// Places to lend for `path_env`, those of the folders themselves first.
pub(super) fn places(path_env: &OsStr, home: &Path) -> Vec<(PathBuf, &'static str)> {
    let folders: Vec<PathBuf> =
        std::env::split_paths(path_env).filter(|path| is_foreign(path) && path.is_dir()).collect();
    let mut places: Vec<(PathBuf, &'static str)> =
        folders.iter().flat_map(|folder| installation(folder, home)).map(|path| (path, "on the PATH")).collect();
    let behind_links: BTreeSet<PathBuf> =
        folders.iter().flat_map(|folder| targets(folder)).flat_map(|target| behind_a_link(&target, home)).collect();
    places.extend(behind_links.into_iter().map(|path| (path, "behind a link on the PATH")));
    places
}

/// What is lent for the program that a link leads to. One of npm's needs the packages beside its own, and where they lie
/// is all of a `node_modules`: the outermost, for pnpm keeps more of them within.
fn behind_a_link(target: &Path, home: &Path) -> Vec<PathBuf> {
    let packages = target.ancestors().filter(|folder| folder.file_name().is_some_and(|name| name == "node_modules"));
    match packages.last() {
        Some(packages) => vec![packages.to_owned()],
        None => target.parent().map(|folder| installation(folder, home)).unwrap_or_default(),
    }
}

fn is_foreign(path: &Path) -> bool {
    path.is_absolute() && !SYSTEM.iter().any(|system| path.starts_with(system))
}

/// What is lent for a folder of programs: all of an installation where the folder around it is known for one, else
/// the folder and those parts beside it that nothing but an installation has. A `src` beside a `bin` may be anybody's.
fn installation(folder: &Path, home: &Path) -> Vec<PathBuf> {
    let is_bin = folder.file_name().is_some_and(|name| name == "bin" || name == "sbin");
    let Some(parent) = folder.parent().filter(|_| is_bin) else { return vec![folder.to_owned()] };
    let real_home = home.canonicalize().unwrap_or_else(|_| home.to_owned());
    let below_home = parent.strip_prefix(home).or_else(|_| parent.strip_prefix(real_home));
    let may_be_one_tool = match below_home {
        // ~/.local and the like hold more than programs; ~/miniconda3 is an installation
        Ok(below) => below.components().count() >= 2 || parent.join("conda-meta").is_dir(),
        Err(_) => parent.components().count() >= 3, // /opt/tool
    };
    if !may_be_one_tool {
        return vec![folder.to_owned()];
    }
    if is_one_tool(parent) {
        return vec![parent.to_owned()];
    }
    let beside = table::BESIDE_PROGRAMS.iter().map(|part| parent.join(part)).filter(|part| part.is_dir());
    [folder.to_owned()].into_iter().chain(beside).collect()
}

/// Whether all of a folder is one tool: a manager of versions made it, or it holds what only that tool has.
fn is_one_tool(folder: &Path) -> bool {
    let names: Vec<&str> = folder.components().filter_map(|part| part.as_os_str().to_str()).collect();
    // strictly below: the folder of all versions is no tool
    let above = names.split_last().map_or(&[][..], |(_, above)| above);
    let managed = table::MANAGED.iter().any(|managed| above.windows(managed.len()).any(|part| part == *managed));
    let holds = |marks: &&[&str]| marks.iter().all(|mark| folder.join(mark).exists());
    managed || table::ONE_TOOL.iter().any(holds) || is_go(folder)
}

/// Go's programs read its `src`; a file `VERSION` alone is in many a repository.
fn is_go(folder: &Path) -> bool {
    let mut start = [0; 2];
    let read = fs::File::open(folder.join("VERSION")).and_then(|mut file| file.read_exact(&mut start));
    read.is_ok() && start == *b"go"
}

/// Where the links in `folder` lead, outside of it and of the system.
fn targets(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten().take(MOST_PROGRAMS);
    let links = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_symlink()));
    let real = links.filter_map(|link| link.path().canonicalize().ok());
    real.filter(|target| target.is_file() && is_foreign(target) && !target.starts_with(folder)).collect()
}
