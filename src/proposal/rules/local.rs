//! The repository's own rules: what `sgconfig.yml` of the base tree names, read as data.

use crate::id::RepoPath;
use crate::proposal::{ContextItem, EngineError};
use crate::repository::{Tree, TreeEntry};
use crate::syntax::structural::{ProjectConfig, RuleError, RuleSet, Utilities};

/// 256 KiB: a rule file of that size is none.
const LARGEST_FILE: u64 = 256 * 1024;
/// A repository with more rule files than this is made to keep us busy.
const MOST_FILES: usize = 500;

/// The repository's rules, and what a reader should know about them.
#[derive(Debug, Default)]
pub(super) struct LocalRules {
    pub rules: RuleSet,
    pub items: Vec<ContextItem>,
    pub notices: Vec<String>,
}

/// Reads the rules that the base tree's `sgconfig.yml` names; none where there is no such file.
pub(super) fn read(tree: &dyn Tree) -> Result<LocalRules, EngineError> {
    let mut local = LocalRules::default();
    for name in ["sgconfig.yml", "sgconfig.yaml"] {
        let path = RepoPath::from(name);
        if let Some(entry) = tree.entry(&path).map_err(unreadable)? {
            let config = ProjectConfig::parse(&text(tree, &entry)?, name).map_err(refused)?;
            local.note(&entry, "settings of the repository's rules");
            local.load(tree, &config, name)?;
            break;
        }
    }
    Ok(local)
}

impl LocalRules {
    fn load(&mut self, tree: &dyn Tree, config: &ProjectConfig, name: &str) -> Result<(), EngineError> {
        let mut utilities = Vec::new();
        for entry in files(tree, &config.util_dirs, name)? {
            self.note(&entry, "shared by the repository's rules");
            utilities.push((entry.path.to_string(), text(tree, &entry)?));
        }
        let given = utilities.iter().map(|(path, yaml)| (path.as_str(), yaml.as_str()));
        let utilities = Utilities::parse(given).map_err(refused)?;
        for entry in files(tree, &config.rule_dirs, name)? {
            let path = entry.path.to_string();
            match RuleSet::parse_with(&text(tree, &entry)?, &path, &utilities) {
                Ok(rules) => {
                    self.note(&entry, "a rule of the repository");
                    self.rules.extend(rules, &path).map_err(refused)?;
                }
                Err(error) if error.is_unknown_language => self.notices.push(format!("{error}; left out")),
                Err(error) => return Err(refused(error)),
            }
        }
        Ok(())
    }

    fn note(&mut self, entry: &TreeEntry, why: &str) {
        self.items.push(ContextItem { path: entry.path.clone(), id: entry.id.clone(), why: why.to_owned() });
    }
}

/// The YAML files below `folders`, in the order of their paths.
fn files(tree: &dyn Tree, folders: &[String], config: &str) -> Result<Vec<TreeEntry>, EngineError> {
    let mut found = Vec::new();
    for folder in folders {
        let plain = folder.trim_start_matches("./").trim_end_matches('/');
        if plain.starts_with('/') || plain.split('/').any(|part| part == "..") {
            return Err(EngineError::BadInput(format!(
                "`{config}` names the folder `{folder}`, which is outside the repository"
            )));
        }
        let prefix = if plain.is_empty() || plain == "." { String::new() } else { format!("{plain}/") };
        let entries = tree.entries().map_err(unreadable)?;
        let is_rule = |entry: &&TreeEntry| {
            entry.path.as_bytes().starts_with(prefix.as_bytes())
                && matches!(entry.path.extension(), Some("yml" | "yaml"))
        };
        let in_tests = |entry: &&TreeEntry| entry.path.components().any(|part| part == b"__snapshots__");
        found.extend(entries.iter().filter(is_rule).filter(|entry| !in_tests(entry)).cloned());
    }
    if found.len() > MOST_FILES {
        let why = format!("`{config}` leads to {} rule files; at most {MOST_FILES} are read", found.len());
        return Err(EngineError::BadInput(why));
    }
    found.sort_by(|one, other| one.path.cmp(&other.path));
    found.dedup_by(|one, other| one.path == other.path);
    Ok(found)
}

fn text(tree: &dyn Tree, entry: &TreeEntry) -> Result<String, EngineError> {
    if tree.size(entry).map_err(unreadable)? > LARGEST_FILE {
        return Err(EngineError::BadInput(format!(
            "`{}` is larger than {LARGEST_FILE} bytes, which no rule file is",
            entry.path
        )));
    }
    let content = tree.content(entry).map_err(unreadable)?;
    let wrong = |_| EngineError::BadInput(format!("`{}` is not UTF-8", entry.path));
    std::str::from_utf8(&content).map(str::to_owned).map_err(wrong)
}

fn unreadable(error: crate::repository::TreeError) -> EngineError {
    EngineError::Repository(error.to_string())
}

fn refused(error: RuleError) -> EngineError {
    EngineError::BadInput(format!("{error}; {}", error.hint))
}
