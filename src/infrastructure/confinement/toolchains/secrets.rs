//! Where the tools that are lent keep keys and tokens: below a home, and below every folder that a variable names
//! instead of one, wherever it lies.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use super::{on_path, table};

/// Always shown or easily lent: a tool may have been installed there for all users.
const ALWAYS: [&str; 9] = [
    "/usr/local",
    "/usr/local/cargo",
    "/usr/local/go",
    "/usr",
    "/etc",
    "/etc/maven",
    "/etc/gradle",
    "/opt",
    "/usr/share/maven",
];
/// More than this is no file of settings.
const LONGEST_SETTINGS: u64 = 1 << 20;

/// Every secret that is there, or may come to be, in what `lent` shows.
pub(super) fn find(variables: &BTreeMap<OsString, OsString>, home: &Path, lent: &[&Path]) -> Vec<PathBuf> {
    let system = on_path::SYSTEM.map(Path::new);
    let is_shown = |secret: &PathBuf| lent.iter().chain(&system).any(|shown| secret.starts_with(shown));
    let homes = [home.to_owned()].into_iter().chain(home.canonicalize());
    let below_home = homes.flat_map(|home| table::SECRETS.map(|secret| home.join(secret)));
    let mut found: BTreeSet<PathBuf> = below_home.filter(is_shown).collect();
    let of_tool = |(name, secret): (&str, &str)| Some(Path::new(variables.get(&OsString::from(name))?).join(secret));
    found.extend(
        table::NAMED_SECRETS.into_iter().filter_map(of_tool).filter(|path| path.is_absolute() && path.exists()),
    );
    for root in roots(variables, home, lent) {
        let named = table::ROOT_SECRETS.iter().map(|secret| root.join(secret)).filter(|path| path.exists());
        let settings = table::SETTINGS_WITH_SECRETS.iter().map(|name| root.join(name)).filter(|path| has_secret(path));
        for secret in named.chain(settings) {
            found.extend(secret.canonicalize());
            found.insert(secret);
        }
    }
    found.into_iter().collect()
}

/// The folders of tools: what variables name, what PATH leads to, what is lent and what is always shown.
fn roots(variables: &BTreeMap<OsString, OsString>, home: &Path, lent: &[&Path]) -> BTreeSet<PathBuf> {
    let path_name = OsString::from("PATH");
    let named = variables.iter().filter(|(name, _)| **name != path_name).map(|(_, value)| PathBuf::from(value));
    let path = variables.get(&path_name).cloned().unwrap_or_default();
    let on_path: Vec<PathBuf> = std::env::split_paths(&path).collect();
    let above = on_path.iter().filter_map(|folder| folder.parent()).map(Path::to_owned);
    let behind = on_path::places(&path, home).into_iter().map(|(place, _)| place);
    let lent = lent.iter().map(|lent| (*lent).to_owned());
    let all = named.chain(above).chain(behind).chain(lent).chain(ALWAYS.map(PathBuf::from));
    all.filter(|root| root.is_absolute() && root.is_dir()).collect()
}

/// Whether settings that a tool cannot do without hold more than settings; what is commented out is an example.
fn has_secret(path: &Path) -> bool {
    let Ok(metadata) = fs::metadata(path) else { return false };
    if !metadata.is_file() || metadata.len() > LONGEST_SETTINGS {
        return metadata.is_file();
    }
    let Ok(text) = fs::read_to_string(path) else { return true };
    let mut rest = text.as_str();
    loop {
        let (said, comment) = rest.split_once("<!--").unwrap_or((rest, ""));
        if ["<password", "<passphrase", "<privateKey", "<httpHeaders"].iter().any(|tag| said.contains(tag)) {
            return true;
        }
        match comment.split_once("-->") {
            Some((_, after)) => rest = after,
            None => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `root` is what `variable` names; of its `files`, `hidden` are hidden.
    #[track_caller]
    fn check(variable: &str, root: &str, files: &[(&str, &str)], hidden: &[&str]) {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let top = folder.path().canonicalize().expect("is there");
        for (file, text) in files {
            let path = top.join(file);
            fs::create_dir_all(path.parent().expect("in the folder")).expect("folders");
            fs::write(path, text).expect("a file");
        }
        let variables = BTreeMap::from([(variable.into(), top.join(root).into())]);
        let found = find(&variables, Path::new("/nonexistent"), &[]);
        let found: Vec<_> = found.iter().filter_map(|path| path.strip_prefix(&top).ok()).collect();
        assert_eq!(found, hidden.iter().map(Path::new).collect::<Vec<_>>(), "{variable}={root}");
    }

    #[test]
    fn secrets_of_a_tool_are_hidden_wherever_it_lies() {
        let cargo = [("cargo/credentials.toml", "token"), ("cargo/bin/cargo", "x"), ("cargo/config.toml", "x")];
        check("CARGO_HOME", "cargo", &cargo, &["cargo/config.toml", "cargo/credentials.toml"]);
        check("PATH", "cargo/bin", &cargo, &["cargo/config.toml", "cargo/credentials.toml"]);
        check("npm_config_cache", "npm", &[("npm/.npmrc", "x"), ("npm/_cacache/x", "x")], &["npm/.npmrc"]);
        check("CARGO_HOME", "c", &[("c/config", "x")], &["c/config"]);
        check("VIRTUAL_ENV", "c", &[("c/config", "x")], &[]);
        check("NVM_BIN", "node/bin", &[("node/bin/.netrc", "x")], &["node/bin/.netrc"]);
        check("PATH", "node/bin", &[("node/etc/npmrc", "x"), ("node/bin/node", "x")], &["node/etc/npmrc"]);
        check("GRADLE_USER_HOME", "g", &[("g/gradle.properties", "x"), ("g/caches/x", "x")], &["g/gradle.properties"]);
        check("GOPATH", "go", &[("go/.netrc", "x"), ("go/src/x", "x")], &["go/.netrc"]);
        check("VIRTUAL_ENV", "venv", &[("venv/pip.conf", "x"), ("venv/pyvenv.cfg", "x")], &["venv/pip.conf"]);
    }

    #[test]
    fn secrets_below_a_home_are_hidden_where_the_home_is_shown() {
        let hidden = |home: &str, lent: &[&Path]| find(&BTreeMap::new(), Path::new(home), lent);
        let key = |home: &str| Path::new(home).join(".ssh");
        assert!(hidden("/usr/nobody", &[]).contains(&key("/usr/nobody")));
        assert!(hidden("/data/me", &[Path::new("/data")]).contains(&key("/data/me")));
        assert!(!hidden("/data/me", &[]).contains(&key("/data/me")));
    }

    #[test]
    fn settings_that_a_tool_needs_are_hidden_only_where_they_hold_a_secret() {
        let settings = "m/conf/settings.xml";
        check("MAVEN_HOME", "m", &[(settings, "<a/><!-- <password>example</password> --><b/>")], &[]);
        check("MAVEN_HOME", "m", &[(settings, "<!-- a --><password>x</password>")], &[settings]);
        check("MAVEN_HOME", "m", &[(settings, "<settings>")], &[]);
    }
}
