//! What of a home must be lent so that checks of real repositories run: toolchains and package caches, found from
//! PATH and well-known variables; never keys, tokens or settings.
mod on_path;
mod private;
mod secrets;
mod table;
mod variables;

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::path::{Component, Path, PathBuf};

use super::policy::{Network, Overlay, Policy};
use super::run::Confinement;
use private::Private;
pub use variables::{PASSED_ON, PASSED_ON_PREFIX, is_passed_on};

/// How a place is lent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lending {
    /// Read-only.
    ReadOnly,
    /// Copy-on-write where it is; read-only where overlays do not work.
    CopyOnWrite,
    /// Copy-on-write; where overlays do not work, an empty folder of the scratch, which the variable names.
    CopyOnWriteOrEmpty(&'static str),
    /// Copy-on-write at this place in the scratch folder, and read-only where it is; not at all where overlays do not
    /// work.
    InScratch(&'static str),
}

/// One place that is lent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LentPath {
    /// Where it is.
    pub path: PathBuf,
    /// For whom, in a word or two: `doctor` prints it and the record keeps it.
    pub why: &'static str,
    /// How.
    pub lending: Lending,
}

/// Everything that is lent to a command, found once for a session.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lent {
    /// The places.
    pub paths: Vec<LentPath>,
    /// Secrets inside them, which stay hidden.
    pub hidden: Vec<PathBuf>,
    /// What was not lent though it was asked for, and why.
    pub notices: Vec<String>,
    private: Private,
    env: BTreeMap<OsString, OsString>,
    /// Certificates that a command with a network may read.
    authorities: Vec<PathBuf>,
}

/// Finds what `variables` (those that [`is_passed_on`] names are looked at, others ignored) and `home` hold of toolchains.
///
/// `private` are Paraph's own places, its home and configuration: whatever names them, they are not lent and are hidden.
#[must_use]
pub fn find(variables: &BTreeMap<OsString, OsString>, home: &Path, private: &[PathBuf]) -> Lent {
    let lent = Lent { private: Private::new(private), ..Lent::default() };
    let mut finder = Finder { home, variables, seen: BTreeSet::new(), lent };
    for entry in table::ENTRIES {
        finder.entry(entry);
    }
    let path = straight(variables.get(&OsString::from("PATH")).cloned().unwrap_or_default());
    for (path, why) in on_path::places(&path, home) {
        finder.lend(path, why, Lending::ReadOnly);
    }
    finder.authorities();
    let own = |name: &OsString| table::IN_SCRATCH.iter().any(|(own, _)| name == own);
    for (name, value) in variables {
        if name.to_str().is_some_and(is_passed_on) && !own(name) {
            let value = if name == "PATH" { &path } else { value };
            finder.lent.env.entry(name.clone()).or_insert_with(|| value.clone());
        }
    }
    for (name, value) in table::OFFLINE {
        finder.lent.env.insert(name.into(), value.into());
    }
    finder.lent.notices.sort();
    finder.lent.notices.dedup();
    let lent: Vec<&Path> = finder.lent.paths.iter().map(|lent| lent.path.as_path()).collect();
    let hidden = secrets::find(variables, home, &lent);
    Lent { hidden, ..finder.lent }
}

struct Finder<'a> {
    home: &'a Path,
    variables: &'a BTreeMap<OsString, OsString>,
    seen: BTreeSet<PathBuf>,
    lent: Lent,
}

impl Finder<'_> {
    fn entry(&mut self, entry: &table::Entry) {
        let named = self.variables.get(&OsString::from(entry.variable)).map(PathBuf::from);
        let named = named.or_else(|| self.derived(entry.variable));
        let root = match (named.filter(|path| path.is_absolute()), entry.default) {
            (Some(named), _) => named,
            (None, Some(default)) => self.home.join(default),
            (None, None) => return,
        };
        let mut any = false;
        for part in entry.parts {
            let path = if part.is_empty() { root.clone() } else { root.join(part) };
            any |= self.lend(path, entry.why, entry.lending);
        }
        let moves_home = matches!(entry.lending, Lending::InScratch(_));
        if any && !entry.variable.is_empty() && !moves_home {
            self.lent.env.insert(entry.variable.into(), root.into());
        }
    }

    /// Where a folder is whose own variable is not set, while another says where what holds it is.
    fn derived(&self, variable: &str) -> Option<PathBuf> {
        let (_, other, below) = table::DERIVED.into_iter().find(|(derived, ..)| *derived == variable)?;
        let places = self.variables.get(&OsString::from(other))?;
        // of several places the first is written to
        Some(std::env::split_paths(places).next()?.join(below))
    }

    fn authorities(&mut self) {
        let named = variables::AUTHORITIES.iter().filter_map(|name| self.variables.get(&OsString::from(name)));
        let places: BTreeSet<PathBuf> = named.map(PathBuf::from).filter(|path| path.is_absolute()).collect();
        let readable = |path: &PathBuf| {
            path.exists()
                && may_be_lent(path, self.home)
                && !self.lent.private.holds(path)
                && !self.lent.private.is_in(path)
        };
        self.lent.authorities = places.into_iter().filter(readable).collect();
    }

    /// Whether the place is there and may be lent.
    fn lend(&mut self, path: PathBuf, why: &'static str, lending: Lending) -> bool {
        let already = self.seen.iter().any(|seen| path.starts_with(seen));
        if already || !path.exists() || !may_be_lent(&path, self.home) {
            return already;
        }
        if self.lent.private.holds(&path) {
            self.lent.notices.push(format!("not lent: `{}` ({why}) lies in a folder of Paraph's own", path.display()));
            return false;
        }
        if self.lent.private.is_in(&path) {
            return self.lend_parts(&path, why, lending);
        }
        self.seen.insert(path.clone());
        self.lent.paths.push(LentPath { path, why, lending });
        true
    }

    /// Lends what an installation is made of, where the folder that it shares with Paraph cannot be lent.
    fn lend_parts(&mut self, path: &Path, why: &'static str, lending: Lending) -> bool {
        let mut any = false;
        for part in table::INSTALLATION.iter().filter(|_| lending == Lending::ReadOnly) {
            any |= self.lend(path.join(part), why, lending);
        }
        let what = if any { "not lent whole" } else { "not lent" };
        self.lent.notices.push(format!("{what}: `{}` ({why}) holds a folder of Paraph's own", path.display()));
        any
    }
}

/// PATH without `..` in its folders: nothing is shown in such a place.
fn straight(path: OsString) -> OsString {
    let is_bent = |folder: &PathBuf| folder.components().any(|part| part == Component::ParentDir);
    let folders = std::env::split_paths(&path);
    let folders = folders.map(|folder| if is_bent(&folder) { folder.canonicalize().unwrap_or(folder) } else { folder });
    std::env::join_paths(folders).unwrap_or(path)
}

/// A home, what holds homes, and what holds secrets are never lent; neither is a place that a link leads to one.
fn may_be_lent(path: &Path, home: &Path) -> bool {
    let real = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let real_home = home.canonicalize().unwrap_or_else(|_| home.to_owned());
    [(path, home), (real.as_path(), real_home.as_path())].iter().all(|(path, home)| {
        let is_secret = table::SECRETS.iter().any(|secret| path.starts_with(home.join(secret)));
        let holds_too_much = home.starts_with(path) || table::TOO_MUCH.iter().any(|wide| *path == Path::new(wide));
        !is_secret && !holds_too_much
    })
}

impl Lent {
    /// Adds everything to `policy` in the way `confinement` can, and gives the variables the command is to see.
    #[must_use]
    pub fn lend_to(&self, confinement: &Confinement, policy: &mut Policy) -> BTreeMap<OsString, OsString> {
        let mut env: BTreeMap<OsString, OsString> = self.env.clone();
        for lent in &self.paths {
            let path = lent.path.clone();
            match (lent.lending, confinement.overlays_work()) {
                (Lending::ReadOnly, _) | (Lending::CopyOnWrite, false) => policy.read_only.push(path),
                (Lending::CopyOnWrite | Lending::CopyOnWriteOrEmpty(_), true) => overlay(policy, path.clone(), path),
                (Lending::CopyOnWriteOrEmpty(variable), false) => {
                    env.insert(variable.into(), policy.scratch.join(variable.to_lowercase()).into());
                }
                (Lending::InScratch(place), true) => {
                    let at = policy.scratch.join(place);
                    overlay(policy, path.clone(), at);
                    // before 6.1 Gradle's cache names its own files by their whole paths
                    policy.read_only.push(path);
                }
                (Lending::InScratch(_), false) => {}
            }
        }
        for (name, place) in table::IN_SCRATCH {
            env.entry(name.into()).or_insert_with(|| policy.scratch.join(place).into());
        }
        if policy.network == Network::Host {
            env.retain(|name, _| !table::WITHOUT_NETWORK.iter().any(|offline| name == offline));
        }
        // who meets other hosts, through doors too, may meet a proxy that has authorities of its own
        match policy.network {
            Network::Host | Network::Doors => policy.read_only.extend(self.authorities.iter().cloned()),
            Network::None => env.retain(|name, _| !variables::AUTHORITIES.iter().any(|authority| name == authority)),
        }
        java_home_folder(policy, &mut env);
        policy.hidden.extend(self.hidden.iter().cloned());
        let private = self.private.hidden(policy);
        policy.hidden.extend(private);
        env
    }

    /// Whether a private place is `path` or lies in it: then nothing may be shown in the place of `path`.
    #[must_use]
    pub fn covers_private(&self, path: &Path) -> bool {
        self.private.is_in(path)
    }

    /// Whether lending `path` would show something of a private place.
    #[must_use]
    pub fn would_show_private(&self, path: &Path) -> bool {
        self.private.is_in(path) || self.private.holds(path)
    }
}

fn overlay(policy: &mut Policy, lower: PathBuf, at: PathBuf) {
    let upper = policy.scratch.join(format!("overlay-{}", policy.overlays.len()));
    policy.overlays.push(Overlay { lowers: vec![lower], at, upper });
}

/// Java asks the password file for the home, not HOME: Maven would look for its packages where none are lent.
fn java_home_folder(policy: &Policy, env: &mut BTreeMap<OsString, OsString>) {
    let home = policy.home();
    // Maven's script splits this at blanks
    let Some(home) = home.to_str().filter(|home| !home.contains(char::is_whitespace)) else { return };
    let options = env.entry("MAVEN_OPTS".into()).or_default();
    if !options.is_empty() {
        options.push(" ");
    }
    options.push(format!("-Duser.home={home}"));
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn home_with(files: &[&str]) -> tempfile::TempDir {
        let home = tempfile::tempdir().expect("a temporary folder");
        for file in files {
            let path = home.path().join(file);
            fs::create_dir_all(path.parent().expect("in the home")).expect("folders");
            fs::write(path, "x").expect("a file");
        }
        home
    }

    /// `wanted` and `path` are relative to a home that holds `files`.
    #[track_caller]
    fn check(files: &[&str], path: &[&str], wanted: &[&str]) {
        let home = home_with(files);
        let path = std::env::join_paths(path.iter().map(|part| home.path().join(part))).expect("no colon");
        let lent = find(&BTreeMap::from([("PATH".into(), path)]), home.path(), &[]);
        let relative =
            |path: &LentPath| path.path.strip_prefix(home.path()).ok().map(|path| path.display().to_string());
        let mut found: Vec<String> = lent.paths.iter().filter_map(relative).collect();
        found.sort();
        assert_eq!(found, wanted);
    }

    #[test]
    fn folders_of_the_path_are_lent_where_they_really_are() {
        let home = home_with(&["work/a", "venv/bin/tool"]);
        let bent: OsString = home.path().join("work/../venv/bin").into();
        let lent = find(&BTreeMap::from([("PATH".into(), bent)]), home.path(), &[]);
        let bin = home.path().canonicalize().expect("it is there").join("venv/bin");
        assert_eq!(lent.env.get(&OsString::from("PATH")), Some(&bin.into_os_string()));
        let is_straight = |lent: &LentPath| lent.path.components().all(|part| part != Component::ParentDir);
        assert!(!lent.paths.is_empty() && lent.paths.iter().all(is_straight), "{:?}", lent.paths);
    }

    #[test]
    fn certificates_are_for_commands_with_a_network() {
        let home = home_with(&["certs/ca.pem", ".ssh/id"]);
        let at = |name: &str| home.path().join(name).into_os_string();
        let (ca, key) = (("NODE_EXTRA_CA_CERTS".into(), at("certs/ca.pem")), ("SSL_CERT_FILE".into(), at(".ssh/id")));
        let lent = find(&BTreeMap::from([ca, key]), home.path(), &[]);
        let confinement = Confinement::probe("/nonexistent/launcher");
        let mut closed = Policy::new("/checkout", "/scratch");
        let env = lent.lend_to(&confinement, &mut closed);
        assert!(!env.contains_key(&OsString::from("NODE_EXTRA_CA_CERTS")) && closed.read_only.is_empty());
        for network in [Network::Host, Network::Doors] {
            let mut open = Policy { network, ..Policy::new("/checkout", "/scratch") };
            let env = lent.lend_to(&confinement, &mut open);
            assert_eq!(env.get(&OsString::from("NODE_EXTRA_CA_CERTS")), Some(&at("certs/ca.pem")));
            assert_eq!(open.read_only, [home.path().join("certs/ca.pem")], "a key is no certificate");
        }
    }

    #[test]
    fn toolchains_and_caches_are_found_and_secrets_are_not() {
        check(&[], &["missing"], &[]);
        check(&["bin/tool"], &["bin"], &["bin"]);
        check(&[".ssh/id", ".aws/credentials", ".netrc"], &[".ssh"], &[]);
        check(
            &[
                ".cargo/bin/cargo",
                ".cargo/registry/x",
                ".cargo/credentials.toml",
                ".rustup/toolchains/x",
                ".rustup/settings.toml",
            ],
            &[".cargo/bin"],
            &[".cargo/bin", ".cargo/registry", ".rustup/settings.toml", ".rustup/toolchains"],
        );
        check(&["go/pkg/mod/x", ".cache/go-build/x", ".config/go/env"], &[], &[".cache/go-build", "go/pkg/mod"]);
        check(&[".npm/_cacache/x", ".npmrc"], &[], &[".npm/_cacache"]);
        check(&[".m2/repository/x", ".m2/settings.xml"], &[], &[".m2/repository"]);
        check(&[".gradle/caches/x", ".gradle/gradle.properties"], &[], &[".gradle/caches"]);
        check(
            &[".nvm/versions/node/v20/bin/node", ".nvm/versions/node/v20/lib/x"],
            &[".nvm/versions/node/v20/bin"],
            &[".nvm/versions/node/v20"],
        );
        check(&[".local/bin/x", ".local/share/keyrings/login"], &[".local/bin"], &[".local/bin"]);
        check(&[".local/lib/python3.11/site-packages/x"], &[], &[".local/lib/python3.11"]);
    }

    /// What the folder `bin` of `top` lends, relative to it, where the home is elsewhere.
    #[track_caller]
    fn beside(files: &[&str], wanted: &[&str]) {
        let (top, home) = (home_with(files), home_with(&[]));
        let path = top.path().join("one/bin").into_os_string();
        let lent = find(&BTreeMap::from([("PATH".into(), path)]), home.path(), &[]);
        let relative = |path: &LentPath| path.path.strip_prefix(top.path()).ok().map(|path| path.display().to_string());
        let mut found: Vec<String> = lent.paths.iter().filter_map(relative).collect();
        found.sort();
        assert_eq!(found, wanted);
    }

    #[test]
    fn what_lies_beside_programs_is_lent_for_what_it_is() {
        beside(&["one/bin/x", "one/src/other/.git/HEAD", "one/notes/x", "one/.env"], &["one/bin"]);
        let parts = ["one/bin", "one/include", "one/lib", "one/libexec", "one/share"];
        let files = ["one/bin/x", "one/lib/x", "one/libexec/x", "one/share/x", "one/include/x", "one/src/x"];
        beside(&files, &parts);
        beside(&["one/bin/x", "one/VERSION", "one/src/x"], &["one/bin"]);
        beside(&["one/bin/go", "one/pkg/tool/x", "one/src/x"], &["one"]);
        beside(&["one/bin/python", "one/pyvenv.cfg", "one/x"], &["one"]);
        check(
            &[".pyenv/versions/3.12/bin/python", ".pyenv/versions/3.12/src/x"],
            &[".pyenv/versions/3.12/bin"],
            &[".pyenv/versions"],
        );
        check(&["work/x/bin/x", "work/x/src/x", "work/x/lib/x"], &["work/x/bin"], &["work/x/bin", "work/x/lib"]);
        let go = home_with(&["sdk/one/bin/go", "sdk/one/src/x"]);
        fs::write(go.path().join("sdk/one/VERSION"), "go1.23.1\n").expect("a file");
        let path = go.path().join("sdk/one/bin").into_os_string();
        let lent = find(&BTreeMap::from([("PATH".into(), path)]), go.path(), &[]);
        assert_eq!(lent.paths.first().map(|lent| lent.path.clone()), Some(go.path().join("sdk/one")));
    }

    /// Of a home with modules in two places, the one that is lent and named.
    #[track_caller]
    fn modules(variables: &[(&str, &str)], wanted: &str) {
        let home = home_with(&["go/pkg/mod/x", "work/go/pkg/mod/x", "mods/x"]);
        let at = |name: &str| home.path().join(name);
        let variables = variables.iter().map(|(name, places)| {
            let places = std::env::join_paths(places.split(':').map(at)).expect("no colon");
            (OsString::from(*name), places)
        });
        let lent = find(&variables.collect(), home.path(), &[]);
        let found: Vec<PathBuf> = lent.paths.iter().map(|lent| lent.path.clone()).collect();
        assert_eq!(found, [at(wanted)]);
        assert_eq!(lent.env.get(&OsString::from("GOMODCACHE")), Some(&at(wanted).into_os_string()));
    }

    #[test]
    fn modules_of_go_are_found_where_go_looks() {
        modules(&[], "go/pkg/mod");
        modules(&[("GOPATH", "work/go")], "work/go/pkg/mod");
        modules(&[("GOPATH", "work/go:go")], "work/go/pkg/mod");
        modules(&[("GOPATH", "work/go"), ("GOMODCACHE", "mods")], "mods");
    }

    #[test]
    fn a_home_is_never_lent_whole_whoever_asks() {
        let home = home_with(&["bin/x", ".ssh/id"]);
        let above = home.path().parent().expect("a parent");
        for variable in ["JAVA_HOME", "GOROOT", "VIRTUAL_ENV", "CARGO_HOME"] {
            for wide in [home.path(), above, Path::new("/"), &home.path().join(".ssh")] {
                let variables = BTreeMap::from([(variable.into(), wide.into()), ("PATH".into(), wide.into())]);
                let lent = find(&variables, home.path(), &[]);
                let key = home.path().join(".ssh/id");
                let reaches = |lent: &LentPath| key.starts_with(&lent.path);
                assert!(!lent.paths.iter().any(reaches), "{variable}={wide:?} lends {:?}", lent.paths);
            }
        }
    }

    #[test]
    fn a_link_on_the_path_lends_the_tool_it_leads_to_and_no_secret() {
        let home = home_with(&[".local/share/uv/tools/ruff/bin/ruff", ".ssh/id", ".local/bin/x"]);
        let bin = home.path().join(".local/bin");
        std::os::unix::fs::symlink(home.path().join(".local/share/uv/tools/ruff/bin/ruff"), bin.join("ruff"))
            .expect("link");
        std::os::unix::fs::symlink(home.path().join(".ssh/id"), bin.join("id")).expect("link");
        let lent = find(&BTreeMap::from([("PATH".into(), bin.into())]), home.path(), &[]);
        let real = home.path().canonicalize().expect("is there");
        assert!(lent.paths.iter().any(|lent| real.join(".local/share/uv/tools/ruff/bin/ruff").starts_with(&lent.path)));
        assert!(!lent.paths.iter().any(|lent| real.join(".ssh/id").starts_with(&lent.path)), "{:?}", lent.paths);
    }

    #[test]
    fn a_program_of_npms_has_the_packages_beside_its_own() {
        let package = "agents/node_modules/@scope/agent/dist/index.js";
        let home = home_with(&[package, "agents/node_modules/other/index.js", "agents/notes.txt", "bin/x"]);
        let bin = home.path().join("bin");
        std::os::unix::fs::symlink(home.path().join(package), bin.join("agent")).expect("link");
        let lent = find(&BTreeMap::from([("PATH".into(), bin.into())]), home.path(), &[]);
        let packages = home.path().canonicalize().expect("is there").join("agents/node_modules");
        assert!(lent.paths.iter().any(|lent| lent.path == packages), "{:?}", lent.paths);
        assert!(!lent.paths.iter().any(|lent| lent.path.ends_with("agents")), "and nothing else of the project");
    }

    #[test]
    fn java_is_told_the_home_that_commands_have() {
        let told = |scratch: &str, options: &str| {
            let mut env = BTreeMap::from([(OsString::from("MAVEN_OPTS"), OsString::from(options))]);
            java_home_folder(&Policy::new("/w", scratch), &mut env);
            env.remove(&OsString::from("MAVEN_OPTS")).expect("it stays")
        };
        assert_eq!(told("/s", ""), "-Duser.home=/s/home");
        assert_eq!(told("/s", "-Xmx1g"), "-Xmx1g -Duser.home=/s/home");
        assert_eq!(told("/with blank", "-Xmx1g"), "-Xmx1g");
    }

    #[test]
    fn only_listed_variables_are_passed_on() {
        let home = home_with(&[]);
        let variables = BTreeMap::from([("LANG".into(), "C".into()), ("AWS_SECRET_ACCESS_KEY".into(), "s".into())]);
        let lent = find(&variables, home.path(), &[]);
        assert!(lent.env.contains_key(&OsString::from("LANG")));
        assert!(!lent.env.contains_key(&OsString::from("AWS_SECRET_ACCESS_KEY")));
    }

    #[test]
    fn what_holds_a_private_place_is_lent_in_parts_or_not_at_all() {
        let top = home_with(&[
            "tool/bin/x",
            "tool/lib/rustlib/x",
            "tool/home/run/x",
            "tool/home/bin/x",
            "one/bin/x",
            "user/x",
        ]);
        let at = |name: &str| top.path().join(name);
        let path = std::env::join_paths([at("tool/bin"), at("tool/home/bin"), at("one/bin")]).expect("no colon");
        for (variable, named) in [("JAVA_HOME", "tool"), ("VIRTUAL_ENV", "tool/home"), ("GOROOT", "tool/home/run")] {
            let variables = BTreeMap::from([("PATH".into(), path.clone()), (variable.into(), at(named).into())]);
            let lent = find(&variables, &at("user"), &[at("tool/home")]);
            let mut places: Vec<PathBuf> = lent.paths.iter().map(|lent| lent.path.clone()).collect();
            places.sort();
            assert_eq!(places, [at("one/bin"), at("tool/bin"), at("tool/lib")], "{variable}={named}");
            assert!(lent.notices.iter().any(|notice| notice.contains("tool`")), "{:?}", lent.notices);
            assert!(lent.would_show_private(&at("tool")) && lent.would_show_private(&at("tool/home/run")));
            assert!(lent.covers_private(&at("tool")) && !lent.covers_private(&at("tool/home/run")));
        }
        let module_cache = BTreeMap::from([("GOMODCACHE".into(), at("tool").into())]);
        assert_eq!(find(&module_cache, &at("user"), &[at("tool/home")]).paths, []);
    }

    #[test]
    fn every_variable_of_the_table_reaches_it_and_the_command() {
        // the user's own, which are not sent: their usual places are lent
        let unsent = ["", "YARN_CACHE_FOLDER", "YARN_GLOBAL_FOLDER", "PLAYWRIGHT_BROWSERS_PATH"];
        for entry in table::ENTRIES.iter().filter(|entry| !unsent.contains(&entry.variable)) {
            assert!(is_passed_on(entry.variable), "{} never arrives", entry.variable);
        }
        let home = home_with(&["gems/bin/x", "gradle/caches/x"]);
        for (name, folder, passed) in
            [("GEM_HOME", "gems", true), ("NODE_PATH", "gems", true), ("GRADLE_USER_HOME", "gradle", false)]
        {
            let variables = BTreeMap::from([(name.into(), home.path().join(folder).into())]);
            let lent = find(&variables, home.path(), &[]);
            assert_eq!(lent.env.contains_key(&OsString::from(name)), passed, "{name}");
        }
    }
}
