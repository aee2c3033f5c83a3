//! CMake with CTest, and makefiles with a target for tests.

use super::layout::join;
use super::{CheckKind, CommandLine, Finder};
use crate::repository::TreeError;

/// The folder that CMake builds in; made by the build check, used by the test check of the same run.
const BUILD: &str = ".paraph-build";

pub(super) fn find(finder: &mut Finder<'_>) -> Result<(), TreeError> {
    cmake(finder)?;
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
        let has_tests = |text: &str| text.contains("enable_testing") || text.contains("include(CTest");
        if has_tests(&finder.text(&manifest)?) && finder.needs("ctest", &manifest) {
            finder.add("cmake ctest", CheckKind::Test, &root, &["ctest", "--test-dir", BUILD, "--output-on-failure"]);
        }
        finder.origin(manifest);
    }
    Ok(())
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
