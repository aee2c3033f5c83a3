//! Report files that a run wrote, found by globs; their folders are hostile and reading them is bounded.

use std::collections::HashMap;
use std::fs;
use std::io::Read as _;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};

/// The most files that are looked at.
const MOST_SEEN: usize = 500_000;
/// The most reports of one run.
const MOST_REPORTS: usize = 2000;
/// The most bytes of all reports of one run.
const MOST_BYTES: u64 = 128 << 20;

/// Size and time of change: what tells a new report from an old one.
type Look = (u64, i64, i64);

/// The reports of one run.
pub(super) struct ReportFiles {
    globs: GlobSet,
    cwd: PathBuf,
    before: HashMap<PathBuf, Look>,
}

impl ReportFiles {
    /// Looks before the run at what is there. `globs` are relative to `cwd` in the checkout; `written` are the folders
    /// that its runs write to, by place.
    pub(super) fn before(globs: &[String], cwd: &str, written: &[(PathBuf, PathBuf)]) -> Option<Self> {
        let mut set = GlobSetBuilder::new();
        for glob in globs {
            let glob = glob.strip_prefix("./").unwrap_or(glob);
            set.add(GlobBuilder::new(glob).literal_separator(true).build().ok()?);
        }
        let globs = set.build().ok().filter(|set| !set.is_empty())?;
        let mut this = Self { globs, cwd: cwd.into(), before: HashMap::new() };
        this.before = this.look(written).into_iter().map(|(_, path, look)| (path, look)).collect();
        Some(this)
    }

    /// The name and content of every report that is new or changed since.
    pub(super) fn after(&self, written: &[(PathBuf, PathBuf)]) -> Vec<(String, Vec<u8>)> {
        let mut left = MOST_BYTES;
        let found = self.look(written).into_iter().filter(|(_, path, look)| self.before.get(path) != Some(look));
        let mut reports = Vec::new();
        for (name, path, _) in found.take(MOST_REPORTS) {
            if let Some(content) = read(&path, left) {
                left -= content.len() as u64;
                reports.push((name, content));
            }
        }
        reports
    }

    fn look(&self, written: &[(PathBuf, PathBuf)]) -> Vec<(String, PathBuf, Look)> {
        let (mut found, mut seen) = (Vec::new(), 0);
        let mut folders: Vec<(PathBuf, PathBuf)> = written.to_vec();
        while let Some((place, folder)) = folders.pop() {
            let Ok(entries) = fs::read_dir(&folder) else { continue };
            for entry in entries.filter_map(Result::ok) {
                seen += 1;
                let (Ok(metadata), place) = (entry.metadata(), place.join(entry.file_name())) else { continue };
                if seen > MOST_SEEN {
                    return found;
                }
                if metadata.is_dir() {
                    folders.push((place, entry.path()));
                } else if metadata.is_file() && self.is_report(&place) {
                    let look = (metadata.size(), metadata.mtime(), metadata.mtime_nsec());
                    found.push((place.display().to_string(), entry.path(), look));
                }
            }
        }
        found.sort();
        found
    }

    fn is_report(&self, place: &Path) -> bool {
        place.strip_prefix(&self.cwd).is_ok_and(|place| self.globs.is_match(place))
    }
}

fn read(path: &Path, most: u64) -> Option<Vec<u8>> {
    let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
    let file = fs::OpenOptions::new().read(true).custom_flags(flags.bits().cast_signed()).open(path).ok()?;
    let is_small = file.metadata().is_ok_and(|metadata| metadata.is_file() && metadata.len() <= most);
    let mut content = Vec::new();
    is_small.then(|| file.take(most).read_to_end(&mut content)).and_then(Result::ok)?;
    Some(content)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(globs: &[&str], cwd: &str, files: &[&str], expected: &[&str]) {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let written = vec![(PathBuf::new(), folder.path().join("top")), ("lent".into(), folder.path().join("lent"))];
        fs::create_dir_all(folder.path().join("top")).expect("a folder");
        fs::write(folder.path().join("top/old.xml"), "old").expect("a file");
        let globs: Vec<String> = globs.iter().map(|glob| (*glob).to_owned()).collect();
        let reports = ReportFiles::before(&globs, cwd, &written).expect("globs");
        for file in files {
            let path = match file.strip_prefix("lent/") {
                Some(inside) => folder.path().join("lent").join(inside),
                None => folder.path().join("top").join(file),
            };
            fs::create_dir_all(path.parent().expect("in a folder")).expect("folders");
            fs::write(path, "new").expect("a file");
        }
        std::os::unix::fs::symlink("/etc/passwd", folder.path().join("top/link.xml")).expect("a link");
        let found: Vec<String> = reports.after(&written).into_iter().map(|(name, _)| name).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn new_reports_are_found_below_the_folder_of_the_check() {
        check(&["*.xml"], "", &["a.xml", "b/c.xml"], &["a.xml"]);
        check(&["**/*.xml"], "", &["a.xml", "b/c.xml", "lent/d.xml"], &["a.xml", "b/c.xml", "lent/d.xml"]);
        check(&["./out/*.xml"], "sub", &["out/a.xml", "sub/out/b.xml"], &["sub/out/b.xml"]);
        check(&["old.xml"], "", &[], &[]);
    }
}
