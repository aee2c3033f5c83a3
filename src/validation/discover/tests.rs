//! What is found in the trees that people have.

use std::path::{Path, PathBuf};

use super::{Surroundings, discover, lockfiles};
use crate::diff::FileSide;
use crate::id::RepoPath;
use crate::repository::MemoryTree;
use crate::validation::{Check, CheckPlan, CommandLine};

#[derive(Default)]
struct Machine {
    without: &'static [&'static str],
    lends: &'static [&'static str],
    without_pytest: bool,
    working_copy: Option<&'static str>,
    virtual_env: Option<&'static str>,
}

impl Surroundings for Machine {
    fn which(&self, program: &str) -> Option<PathBuf> {
        (!self.without.contains(&program)).then(|| Path::new("/usr/bin").join(program))
    }
    fn lends(&self, path: &str) -> bool {
        self.lends.contains(&path)
    }
    fn python_has(&self, _: &Path, module: &str) -> bool {
        module != "pytest" || !self.without_pytest
    }
    fn working_copy(&self) -> Option<PathBuf> {
        self.working_copy.map(PathBuf::from)
    }
    fn has_gradle(&self, distribution: &str) -> bool {
        !self.without.contains(&distribution)
    }
    fn virtual_env(&self) -> Option<PathBuf> {
        self.virtual_env.map(PathBuf::from)
    }
}

fn plan(machine: &Machine, files: &[(&str, &str)], changed: &[&str]) -> CheckPlan {
    let tree = MemoryTree::new(files.iter().map(|(path, text)| (*path, FileSide::regular(text.as_bytes()))));
    let changed: Vec<RepoPath> = changed.iter().map(|path| RepoPath::from(*path)).collect();
    discover(&tree, machine, &changed).expect("a tree in memory reads")
}

fn brief(check: &Check) -> String {
    let command = match &check.command {
        CommandLine::Args(parts) => parts.join(" "),
        CommandLine::Shell(line) => format!("sh: {line}"),
    };
    format!("{}: {command}", check.name)
}

#[track_caller]
fn found(files: &[(&str, &str)], changed: &[&str], expected: &[&str]) {
    found_on(&Machine::default(), files, changed, expected);
}

#[track_caller]
fn found_on(machine: &Machine, files: &[(&str, &str)], changed: &[&str], expected: &[&str]) {
    let plan = plan(machine, files, changed);
    assert_eq!(plan.checks.iter().map(brief).collect::<Vec<_>>(), expected, "{:?}", plan.notices);
    for check in &plan.checks {
        assert_eq!(check.timeout_s, if check.kind == super::CheckKind::Build { 900 } else { 120 });
        assert_eq!(plan.checks.iter().filter(|other| other.name == check.name).count(), 1, "{} twice", check.name);
    }
}

#[track_caller]
fn notice(machine: &Machine, files: &[(&str, &str)], words: &str) {
    let plan = plan(machine, files, &[]);
    assert!(plan.notices.iter().any(|notice| notice.contains(words)), "{:?}", plan.notices);
    assert_eq!(plan.checks, [], "what is missing is no check");
}

const PACKAGE: &str = "[package]\nname = \"a\"\n";

#[test]
fn cargo() {
    let single = ["cargo build: cargo test --offline --no-run", "cargo test: cargo test --offline --no-fail-fast"];
    found(&[("Cargo.toml", PACKAGE), ("src/lib.rs", "")], &["src/lib.rs"], &single);
    let whole = [
        "cargo build: cargo test --offline --no-run --workspace",
        "cargo test: cargo test --offline --no-fail-fast --workspace",
    ];
    let workspace =
        [("Cargo.toml", "[workspace]\nmembers = [\"a\"]\n"), ("a/Cargo.toml", PACKAGE), ("a/src/lib.rs", "")];
    found(&workspace, &["a/src/lib.rs"], &whole);
    found(&workspace, &[], &whole);
    let excluded =
        [("Cargo.toml", "[workspace]\nexclude = [\"fuzz\"]\n"), ("fuzz/Cargo.toml", PACKAGE), ("src/lib.rs", "")];
    found(
        &excluded,
        &["fuzz/a.rs"],
        &[
            "cargo build (fuzz): cargo test --offline --no-run",
            "cargo test (fuzz): cargo test --offline --no-fail-fast",
        ],
    );
    notice(&Machine { without: &["cargo"], ..Machine::default() }, &[("Cargo.toml", PACKAGE)], "needs `cargo`");
}

#[test]
fn go() {
    let expected = ["go build: go build ./...", "go test: go test -v ./...", "go vet: go vet ./..."];
    found(&[("go.mod", "module a\n"), ("a.go", "")], &[], &expected);
    found(&[("go.mod", "module a\n"), ("vendor/b/go.mod", "")], &["vendor/b/x.go"], &expected);
}

#[test]
fn a_red_test_does_not_stop_what_looks_at_style() {
    let group = |name: &str| {
        let plan = plan(&Machine::default(), &[("go.mod", "module a\n"), ("a.go", "")], &[]);
        plan.checks.into_iter().find(|check| check.name == name).map(|check| check.group)
    };
    assert_eq!(group("go build"), group("go test"));
    assert_ne!(group("go test"), group("go vet"));
}

#[test]
fn node() {
    let manifest =
        r#"{"scripts": {"build": "tsc", "test": "jest", "lint": "eslint ."}, "devDependencies": {"jest": "1"}}"#;
    let lends = Machine { lends: &["node_modules"], ..Machine::default() };
    let expected = ["npm build: npm run build", "npm test: npm run test", "npm lint: npm run lint"];
    found_on(&lends, &[("package.json", manifest)], &[], &expected);
    found_on(
        &lends,
        &[("package.json", "{}"), ("pnpm-lock.yaml", ""), ("web/package.json", manifest)],
        &["web/a.js"],
        &["pnpm build (web): pnpm run build", "pnpm test (web): pnpm run test", "pnpm lint (web): pnpm run lint"],
    );
    notice(&Machine::default(), &[("package.json", "{")], "not JSON");
    let default = r#"{"scripts": {"test": "echo \"Error: no test specified\" && exit 1"}}"#;
    found(&[("package.json", default)], &[], &[]);
    let free = r#"{"packageManager": "yarn@4.0.0", "scripts": {"test": "node --test"}}"#;
    found(&[("package.json", free)], &[], &["yarn test: yarn run test"]);
}

#[test]
fn python() {
    let pytest = "python pytest: python3 -m pytest --junitxml=.paraph-reports/pytest.xml";
    let unittest = "python unittest: python3 -m unittest discover -v";
    let functions = "def test_a():\n    assert 1\n";
    let classes = "import unittest\nclass A(unittest.TestCase):\n    def test_a(self): pass\n";
    found(&[("setup.py", ""), ("tests/test_a.py", functions)], &[], &[pytest]);
    let in_folder = "python unittest: python3 -m unittest discover -v -s tests";
    found(&[("pyproject.toml", ""), ("tests/test_a.py", classes)], &["a.py"], &[in_folder]);
    found(&[("pyproject.toml", ""), ("tests/__init__.py", ""), ("tests/test_a.py", classes)], &["a.py"], &[unittest]);
    found(&[("pyproject.toml", "[tool.pytest.ini_options]\n"), ("tests/test_a.py", classes)], &[], &[pytest]);
    found(&[("test_a.py", classes)], &[], &[unittest]);
    found(&[("setup.py", ""), ("a.py", "")], &[], &[]);
    let beside = [("pyproject.toml", ""), ("tests/conftest.py", ""), ("tests/test_a.py", functions), ("a.py", "")];
    found(&beside, &["a.py", "tests/test_a.py"], &[pytest]);
    found(
        &beside[1..],
        &["tests/test_a.py"],
        &["python pytest (tests): python3 -m pytest --junitxml=.paraph-reports/pytest.xml"],
    );
    let bare = Machine { without_pytest: true, ..Machine::default() };
    found_on(&bare, &[("setup.py", ""), ("tests/test_a.py", classes)], &[], &[in_folder]);
    let lends = &[".venv/bin/python", ".venv/bin/pytest"];
    let inside = Machine { lends, without_pytest: true, ..Machine::default() };
    let tests = [("setup.py", ""), ("tests/test_a.py", functions)];
    assert_eq!(plan(&inside, &tests, &[]).checks[0].command, args(".venv/bin/python"));
    let venv = Machine { lends: &[".venv/bin/python"], ..Machine::default() };
    let files = [("setup.py", ""), ("tests/test_a.py", functions), ("src/a/__init__.py", "")];
    let with = plan(&venv, &files, &[]);
    assert_eq!(with.checks[0].command, args(".venv/bin/python"));
    assert_eq!(with.checks[0].env["PYTHONPATH"], "src");
    let active = Machine { virtual_env: Some("/home/me/env"), ..Machine::default() };
    assert_eq!(plan(&active, &files, &[]).checks[0].command, args("/home/me/env/bin/python"));
    let deep = [("srv/api/setup.py", ""), ("srv/api/tests/test_a.py", functions)];
    assert_eq!(plan(&venv, &deep, &["srv/api/a.py"]).checks[0].command, args("../../.venv/bin/python"));
}

#[test]
fn checks_that_lack_something_are_found_and_say_how_to_get_it() {
    #[track_caller]
    fn check(files: &[(&str, &str)], changed: &[&str], count: usize, words: Option<&str>) {
        let clone = Machine { without_pytest: true, working_copy: Some("/w"), ..Machine::default() };
        let plan = plan(&clone, files, changed);
        let lacks: Vec<Option<&str>> = plan.checks.iter().map(|check| check.lacks.as_deref()).collect();
        assert_eq!(lacks, vec![words; count], "{:?}", plan.notices);
    }
    let jest = r#"{"scripts": {"test": "jest", "lint": "eslint ."}, "devDependencies": {"jest": "1"}}"#;
    let missing = |rest: &str| Some(format!("node_modules is missing: {rest}"));
    let node = |files: &[(&str, &str)], changed: &[&str], rest: &str| {
        check(files, changed, 2, missing(rest).as_deref());
    };
    node(&[("package.json", jest)], &[], "npm install in /w");
    node(&[("package.json", jest), ("package-lock.json", "")], &[], "npm ci (or npm install) in /w");
    node(&[("package.json", jest), ("yarn.lock", "")], &[], "yarn install in /w");
    let workspace = [("package.json", "{}"), ("pnpm-lock.yaml", ""), ("web/package.json", jest)];
    node(&workspace, &["web/a.js"], "pnpm install in /w");
    node(&[("web/package.json", jest)], &["web/a.js"], "npm install in /w/web");
    check(&[("package.json", r#"{"scripts": {"test": "node --test"}}"#)], &[], 1, None);
    check(&[("package.json", jest), (".pnp.cjs", "")], &[], 2, None);
    let typed = r#"{"devDependencies": {"typescript": "5"}}"#;
    check(&[("package.json", typed), ("tsconfig.json", "")], &[], 1, missing("npm install in /w").as_deref());
    let python = |manifest: &str, rest: &str| {
        let files = [(manifest, ""), ("tests/test_a.py", "def test_a():\n    assert 1\n")];
        check(&files, &[], 1, Some(&format!("`python3` cannot import pytest: {rest} in /w")));
    };
    python("setup.py", "python3 -m venv .venv && .venv/bin/pip install -e . pytest");
    python("requirements.txt", "python3 -m venv .venv && .venv/bin/pip install -r requirements.txt pytest");
    python("conftest.py", "python3 -m venv .venv && .venv/bin/pip install pytest");
    python("uv.lock", "uv sync");
    python("poetry.lock", "POETRY_VIRTUALENVS_IN_PROJECT=1 poetry install");
    let remote = plan(&Machine::default(), &[("package.json", jest)], &[]);
    let words = remote.checks[0].lacks.as_deref().unwrap_or_default();
    assert!(words.contains("setup step in .paraph.toml"), "{words}");
}

fn args(python: &str) -> CommandLine {
    let rest = ["-m", "pytest", "--junitxml=.paraph-reports/pytest.xml"];
    CommandLine::Args([python].iter().chain(&rest).map(|part| (*part).to_owned()).collect())
}

#[test]
fn a_wrapper_s_gradle_that_was_not_fetched() {
    let properties =
        "distributionBase=X\ndistributionUrl=https\\://services.example.org/distributions/gradle-8.5-bin.zip\n";
    let files = [("build.gradle", ""), ("gradlew", ""), ("gradle/wrapper/gradle-wrapper.properties", properties)];
    let commands = |machine: &Machine| {
        let plan = plan(machine, &files, &[]);
        let lacks = plan.checks.iter().find_map(|check| check.lacks.clone()).unwrap_or_default();
        (plan.checks.iter().map(brief).collect::<Vec<_>>()[0].clone(), lacks, plan.notices.join("; "))
    };
    let (command, lacks, notices) = commands(&Machine::default());
    assert!(command.contains("./gradlew") && lacks.is_empty() && notices.is_empty(), "{command} {lacks} {notices}");
    let (command, lacks, notices) = commands(&Machine { without: &["gradle-8.5-bin"], ..Machine::default() });
    assert!(command.starts_with("gradle build: gradle --offline") && lacks.is_empty(), "{command} {lacks}");
    assert!(notices.contains("wants gradle-8.5-bin"), "{notices}");
    let (command, lacks, _) = commands(&Machine {
        without: &["gradle-8.5-bin", "gradle"],
        working_copy: Some("/copy"),
        ..Machine::default()
    });
    assert!(command.contains("./gradlew") && lacks.contains("./gradlew --version"), "{command} {lacks}");
}

#[test]
fn maven_and_gradle() {
    let mvn = ["maven build: mvn -o -B -q -DskipTests test-compile", "maven test: mvn -o -B -fae test"];
    found(&[("pom.xml", "")], &[], &mvn);
    found(&[("pom.xml", ""), ("core/pom.xml", "")], &["core/src/A.java"], &mvn);
    let modules = "<modules>\n  <module>core</module>\n  <module> app/ </module>\n</modules>\n";
    let reactor = [("pom.xml", modules), ("core/pom.xml", ""), ("app/pom.xml", ""), ("README.md", "")];
    let some = |list: &str| {
        ["-q -DskipTests test-compile", "-fae test"].map(|goals| format!("mvn -o -B {goals} -pl {list} -am"))
    };
    let commands = |changed: &[&str]| -> Vec<String> {
        let checks = plan(&Machine::default(), &reactor, changed).checks;
        checks.iter().map(|check| brief(check).split(": ").skip(1).collect()).collect()
    };
    assert_eq!(commands(&["core/src/A.java"]), some("core"));
    assert_eq!(commands(&["core/src/A.java", "app/B.java"]), some("app,core"));
    found(&reactor, &["core/src/A.java", "pom.xml"], &mvn);
    found(&reactor, &["README.md"], &mvn);
    let wrapper = ["maven build: ./mvnw -o -B -q -DskipTests test-compile", "maven test: ./mvnw -o -B -fae test"];
    let without = Machine { without: &["mvn", "gradle"], ..Machine::default() };
    found_on(&without, &[("pom.xml", ""), ("mvnw", "")], &[], &wrapper);
    notice(&without, &[("pom.xml", "")], "needs `mvn`");
    notice(&without, &[("build.gradle", "")], "needs `gradle`");
    let gradle = [
        "gradle build: ./gradlew --offline --no-daemon --console=plain testClasses",
        "gradle test: ./gradlew --offline --no-daemon --console=plain --continue test",
    ];
    found(&[("settings.gradle", ""), ("gradlew", ""), ("app/build.gradle.kts", "")], &["app/A.kt"], &gradle);
}

#[test]
fn cmake_and_make() {
    let build = "cmake build: sh: cmake -S . -B .paraph-build && cmake --build .paraph-build --parallel 2";
    let test = "cmake ctest: ctest --test-dir .paraph-build --output-on-failure";
    found(&[("CMakeLists.txt", "enable_testing()\n"), ("src/CMakeLists.txt", "")], &["src/a.c"], &[build, test]);
    found(&[("CMakeLists.txt", "")], &[], &[build]);
    found(&[("CMakeLists.txt", "if(X)\n  INCLUDE( CTest )\nendif()\n")], &[], &[build, test]);
    let below = "cmake ctest: ctest --test-dir .paraph-build/test --output-on-failure";
    found(&[("CMakeLists.txt", ""), ("test/CMakeLists.txt", "enable_testing ()\n")], &[], &[build, below]);
    found(&[("Makefile", "all: a\n\ntest: all\n\t./a\n")], &[], &["make build: make all", "make test: make test"]);
    found(&[("Makefile", "check test: all\n")], &[], &["make test: make test"]);
    found(&[("Makefile", ".PHONY: test\ntest := 1\n\ttest: x\n")], &[], &[]);
    let cargo = ["cargo build: cargo test --offline --no-run", "cargo test: cargo test --offline --no-fail-fast"];
    found(&[("Cargo.toml", PACKAGE), ("Makefile", "test:\n\tcargo test\n")], &[], &cargo);
}

#[test]
fn autotools() {
    let build =
        |makes: &str| format!("autotools build: sh: [ -e Makefile ] || {{ {makes}sh ./configure; }} && make -j2");
    let check = "autotools check: make check";
    found(&[("configure", ""), ("Makefile.in", "")], &[], &[&build(""), check]);
    let source = [("configure.ac", ""), ("Makefile.am", ""), ("src/a.c", "")];
    found(&source, &["src/a.c"], &[&build("autoreconf --force --install && "), check]);
    let script = [("configure.ac", ""), ("Makefile.am", ""), ("autogen.sh", "")];
    found(&script, &[], &[&build("NOCONFIGURE=1 sh ./autogen.sh && "), check]);
    found(&[("configure", ""), ("README", "")], &[], &[]);
    let bare = Machine { without: &["autoreconf"], ..Machine::default() };
    notice(&bare, &source, "needs `autoreconf`");
    found_on(&bare, &[("configure", ""), ("Makefile.in", "")], &[], &[&build(""), check]);
}

#[test]
fn types_of_typescript_are_checked_where_no_script_does() {
    let lends = Machine { lends: &["node_modules", "node_modules/.bin/tsc"], ..Machine::default() };
    let bare = r#"{"devDependencies": {"typescript": "5"}}"#;
    let types = "typescript types: node_modules/.bin/tsc --noEmit";
    found_on(&lends, &[("package.json", bare), ("tsconfig.json", "{}")], &[], &[types]);
    found_on(&lends, &[("package.json", bare)], &[], &[]);
    let own = r#"{"scripts": {"check-types": "tsc -p ."}, "devDependencies": {"typescript": "5"}}"#;
    let script = "npm check-types: npm run check-types";
    found_on(&lends, &[("package.json", own), ("tsconfig.json", "{}")], &[], &[script]);
    let workspace = [
        ("package.json", r#"{"workspaces": ["packages/*"]}"#),
        ("packages/a/package.json", bare),
        ("packages/a/tsconfig.json", ""),
    ];
    let types = "typescript types (packages/a): ../../node_modules/.bin/tsc --noEmit";
    found_on(&lends, &workspace, &["packages/a/x.ts"], &[types]);
}

#[test]
fn a_package_of_a_workspace_may_leave_its_tests_to_the_one_above() {
    let lends = Machine { lends: &["node_modules"], ..Machine::default() };
    let top = r#"{"scripts": {"test": "vitest run"}, "packageManager": "pnpm@9.0.0"}"#;
    let files = [("package.json", top), ("packages/a/package.json", "{}"), ("packages/b/package.json", "{}")];
    found_on(&lends, &files, &["packages/a/x.js", "packages/b/x.js"], &["pnpm test: pnpm run test"]);
}

#[test]
fn versions_that_only_git_knows_are_stood_in_for() {
    let tests = ("tests/test_a.py", "def test_a(): pass\n");
    let of = |manifest: &str, more: &[(&str, &str)]| {
        let files = [&[("pyproject.toml", manifest), tests][..], more].concat();
        let mut checks = plan(&Machine::default(), &files, &[]).checks;
        let check = checks.remove(0);
        (check.env.contains_key("SETUPTOOLS_SCM_PRETEND_VERSION"), brief(&check))
    };
    let plain = "python pytest: python3 -m pytest --junitxml=.paraph-reports/pytest.xml".to_owned();
    assert_eq!(of("", &[]), (false, plain.clone()));
    assert_eq!(of("[tool.setuptools_scm]\n", &[]), (true, plain.clone()));
    let named = "[tool.setuptools_scm]\nversion_file = \"src/a/_version.py\"\n";
    let (pretends, command) = of(named, &[]);
    assert!(pretends && command.contains("[ -e src/a/_version.py ] || printf"), "{command}");
    assert!(command.ends_with("exec 'python3' '-m' 'pytest' '--junitxml=.paraph-reports/pytest.xml'"), "{command}");
    assert_eq!(of(named, &[("src/a/_version.py", "")]), (true, plain.clone()), "it is in the tree");
    let odd = "[tool.setuptools_scm]\nwrite_to = \"../$(x).py\"\n";
    assert_eq!(of(odd, &[]), (true, plain.clone()));
    let hatch = "[tool.hatch.version]\nsource = \"vcs\"\n[tool.hatch.build.hooks.vcs]\nversion-file = \"a/v.py\"\n";
    assert!(of(hatch, &[]).1.contains("[ -e a/v.py ]"));
}

#[test]
fn monorepos_are_bounded() {
    let folders: Vec<String> = (0..9).map(|n| format!("m{n}")).collect();
    let files: Vec<(String, &str)> = folders.iter().map(|folder| (format!("{folder}/go.mod"), "")).collect();
    let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (path.as_str(), *text)).collect();
    let changed: Vec<String> = folders.iter().map(|folder| format!("{folder}/a.go")).collect();
    let changed: Vec<&str> = changed.iter().map(String::as_str).collect();
    let many = plan(&Machine::default(), &files, &changed);
    assert_eq!(many.checks.len(), 12);
    assert!(many.notices.iter().any(|notice| notice.contains("5 more folders")), "{:?}", many.notices);
    let docs = plan(&Machine::default(), &files, &["README.md"]);
    assert_eq!(docs.checks, [], "a change beside every project needs none of their checks");
    assert!(docs.notices[0].contains(".paraph.toml"));
    assert_eq!(plan(&Machine::default(), &files[..2], &["m0/a.go"]).origin, "m0/go.mod");
}

#[test]
fn setups_are_keyed_by_lockfiles() {
    let digest = |files: &[(&str, &str)]| {
        let tree = MemoryTree::new(files.iter().map(|(path, text)| (*path, FileSide::regular(text.as_bytes()))));
        lockfiles(&tree).expect("a tree in memory reads")
    };
    assert_eq!(digest(&[("a.c", "")]), None);
    let one = digest(&[("Cargo.lock", "1"), ("Cargo.toml", "x"), ("src/a.rs", "1")]);
    assert_eq!(one, digest(&[("Cargo.lock", "1"), ("Cargo.toml", "y"), ("src/a.rs", "2")]), "the lock decides");
    assert_ne!(one, digest(&[("Cargo.lock", "2")]));
    assert_ne!(digest(&[("package.json", "1")]), digest(&[("package.json", "2")]), "without a lock the manifest does");
}
