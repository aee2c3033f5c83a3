//! Size, number and frozen paths: what settings decide.

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};

use super::Violation;
use super::rules::breach;
use crate::diff::{ChangeSet, ChangeStatus};
use crate::policy::PolicySettings;

/// What the settings say about the change as a whole.
pub(super) fn check(changes: &ChangeSet, settings: &PolicySettings, found: &mut Vec<Violation>) {
    frozen(changes, settings, found);
    for file in changes.files() {
        let (old, new) = (file.old.as_ref(), file.new.as_ref());
        let size = |side: Option<&crate::diff::FileSide>| side.map_or(0, |side| side.content.len() as u64);
        if size(new) > settings.max_file_bytes && size(new) > size(old) {
            let message = format!("the file has {} bytes; {} is the most", size(new), settings.max_file_bytes);
            found.push(breach("file-too-large", &file.path, None, message));
        }
    }
    let count = changes.files().len();
    if let Some(first) = changes.files().first().filter(|_| count > settings.max_files as usize) {
        let message = format!("the change touches {count} files; {} is the most", settings.max_files);
        found.push(breach("too-many-files", &first.path, None, message));
    }
}

/// The globs as a set: `*` stays within a folder; one without a slash names files anywhere, one that names a folder
/// means all below it.
fn globs(patterns: &[String]) -> GlobSet {
    let mut set = GlobSetBuilder::new();
    for pattern in patterns {
        let rooted = pattern.trim_start_matches("./").trim_start_matches('/');
        let whole = rooted.trim_end_matches('/');
        let anywhere = if whole.contains('/') || pattern.starts_with('/') { "" } else { "**/" };
        for form in [format!("{anywhere}{whole}"), format!("{anywhere}{whole}/**")] {
            // settings were checked when they were read; a glob that is wrong here freezes exactly its own text
            let glob = GlobBuilder::new(&form).literal_separator(true).build();
            let glob = glob.or_else(|_| GlobBuilder::new(&globset::escape(&form)).literal_separator(true).build());
            if let Ok(glob) = glob {
                set.add(glob);
            }
        }
    }
    set.build().unwrap_or_default()
}

fn frozen(changes: &ChangeSet, settings: &PolicySettings, found: &mut Vec<Violation>) {
    if settings.frozen.is_empty() {
        return;
    }
    let set = globs(&settings.frozen);
    for file in changes.files() {
        let path = String::from_utf8_lossy(file.path.as_bytes());
        if set.is_match(path.as_ref()) {
            let how = match file.status() {
                ChangeStatus::Added => "appears",
                ChangeStatus::Modified => "changes",
                ChangeStatus::Deleted => "is deleted",
            };
            let mut violation = breach("frozen-path", &file.path, None, format!("a frozen path {how}"));
            violation.severity = violation.severity.max(settings.frozen_severity);
            found.push(violation);
        }
    }
}
