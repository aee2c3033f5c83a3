//! CMake with CTest, autotools, and makefiles with a target for tests.

use super::layout::join;
use super::{CheckKind, CommandLine, Finder};
use crate::repository::TreeError;

/// The folder that CMake builds in; made by the build check, used by the test check of the same run.
const BUILD: &str = ".paraph-build";

/// The most lists of CMake that are read.
const MOST_LISTS: usize = 200;

pub(super) fn find(finder: &mut Finder<'_>) -> Result<(), TreeError> {
    cmake(finder)?;
    autotools(finder);
    make(finder)
}

fn cmake(finder: &mut Finder<'_>) -> Result<(), TreeError> {
    let picked = finder.folders(&["CMakeLists.txt"]);
    let mut roots: Vec<String> = Vec::new();
    for folder in picked {
        let root = finder.layout.highest(&folder, |at| finder.layout.has(at, "CMakeLists.txt")).unwrap_or(folder);
        if !roots.contains(&root) {
            roots.push(root);
        }
    }
    for root in roots {
        let manifest = join(&root, "CMakeLists.txt");
        if !finder.needs("cmake", &manifest) {
            continue;
        }
        let build = finder.add("cmake build", CheckKind::Build, &root, &[]);
        build.command = CommandLine::Shell(format!("cmake -S . -B {BUILD} && cmake --build {BUILD} --parallel 2"));
        if let Some(at) = has_tests(finder, &root)?.filter(|_| finder.needs("ctest", &manifest)) {
            let tests = join(BUILD, &at);
            let tests = tests.trim_end_matches('/');
            finder.add("cmake ctest", CheckKind::Test, &root, &["ctest", "--test-dir", tests, "--output-on-failure"]);
        }
        finder.origin(manifest);
    }
    Ok(())
}

/// The folder below `root` from which CTest knows of tests, the shallowest where several do.
fn has_tests(finder: &Finder<'_>, root: &str) -> Result<Option<String>, TreeError> {
    let listed = finder.layout.below(root).filter(|(_, name)| *name == "CMakeLists.txt").map(|(at, _)| at.to_owned());
    let mut folders: Vec<String> = listed.collect();
    folders.sort_by_key(|at| (at.matches('/').count(), at.len()));
    for at in folders.into_iter().take(MOST_LISTS) {
        let text = finder.text(&join(&at, "CMakeLists.txt"))?.to_lowercase();
        let text: String = text.chars().filter(|c| !c.is_whitespace()).collect();
        if text.contains("enable_testing()") || text.contains("include(ctest)") {
            return Ok(Some(at.strip_prefix(root).unwrap_or(&at).trim_start_matches('/').to_owned()));
        }
    }
    Ok(None)
}

/// A project with a configure script, or what makes one. The script is made where the tree has none, and runs once:
/// what it makes is a product like any other.
fn autotools(finder: &mut Finder<'_>) {
    for folder in finder.folders(&["configure", "configure.ac", "configure.in"]) {
        let has = |name: &str| finder.layout.has(&folder, name);
        let templates = has("Makefile.am") || has("Makefile.in");
        let found = finder.checks.iter().any(|check| check.cwd == folder && check.kind == CheckKind::Test);
        if !templates || found {
            continue;
        }
        let manifest =
            ["configure.ac", "configure.in", "configure"].into_iter().find(|name| has(name)).unwrap_or("configure");
        let makes = match (has("configure"), has("autogen.sh")) {
            (true, _) => "",
            // most of these would also configure, each with arguments of its own
            (false, true) => "NOCONFIGURE=1 sh ./autogen.sh && ",
            (false, false) => "autoreconf --force --install && ",
        };
        let path = join(&folder, manifest);
        let has_tools = finder.needs("make", &path) && (makes.is_empty() || finder.needs("autoreconf", &path));
        if !has_tools {
            continue;
        }
        let configure = format!("[ -e Makefile ] || {{ {makes}sh ./configure; }}");
        let build = finder.add("autotools build", CheckKind::Build, &folder, &[]);
        build.command = CommandLine::Shell(format!("{configure} && make -j2"));
        finder.add("autotools check", CheckKind::Test, &folder, &["make", "check"]);
        finder.origin(path);
    }
}

/// A makefile counts where nothing more telling was found in its folder.
fn make(finder: &mut Finder<'_>) -> Result<(), TreeError> {
    let names = ["GNUmakefile", "makefile", "Makefile"];
    for folder in finder.folders(&names) {
        if finder.checks.iter().any(|check| check.cwd == folder && check.kind == CheckKind::Test) {
            continue;
        }
        let Some(name) = names.iter().find(|name| finder.layout.has(&folder, name)) else { continue };
        let path = join(&folder, name);
        let text = finder.text(&path)?;
        let has = |target: &str| text.lines().any(|line| is_target(line, target));
        let Some(test) = ["test", "check", "tests"].into_iter().find(|target| has(target)) else { continue };
        if !finder.needs("make", &path) {
            continue;
        }
        if let Some(build) = ["all", "build"].into_iter().find(|target| has(target)) {
            finder.add("make build", CheckKind::Build, &folder, &["make", build]);
        }
        finder.add(&format!("make {test}"), CheckKind::Test, &folder, &["make", test]);
        finder.origin(path);
    }
    Ok(())
}

/// `test: all`, `test check: x`; not `test := x`, not `.PHONY: test`.
fn is_target(line: &str, target: &str) -> bool {
    let Some((names, rest)) = line.split_once(':') else { return false };
    !line.starts_with(['\t', ' ', '#', '.'])
        && !names.contains('=')
        && !rest.starts_with('=')
        && !rest.starts_with(":=")
        && names.split_whitespace().any(|name| name == target)
}
