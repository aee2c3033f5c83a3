//! Python: pytest where it is configured or used and can be imported, else unittest.

use std::path::{Path, PathBuf};

use super::layout::join;
use super::{CheckKind, Finder};
use crate::repository::TreeError;

/// Files that say where a Python project starts.
const MANIFESTS: &[&str] = &["pyproject.toml", "setup.py", "setup.cfg", "pytest.ini", "tox.ini"];
/// Files that say so where there is none of those above them: both lie in folders of tests and documents too.
const FAINT_MANIFESTS: &[&str] = &["requirements.txt", "conftest.py"];
/// Where pytest writes what it found, in the folder it runs in.
const REPORT: &str = ".paraph-reports/pytest.xml";
/// The most test files that are read to see which framework they use.
const MOST_READ: usize = 40;

pub(super) fn find(finder: &mut Finder<'_>) -> Result<(), TreeError> {
    let mut folders = finder.folders(MANIFESTS);
    if folders.is_empty() {
        folders = finder.folders(FAINT_MANIFESTS);
    }
    if folders.is_empty() && tests(finder, "").next().is_some() {
        folders.push(String::new());
    }
    for folder in folders {
        // a package's own folder may lie beside its tests: then the top's tests are the ones that matter
        let folder = if tests(finder, &folder).next().is_some() { folder } else { String::new() };
        let already = finder.checks.iter().any(|check| check.group.starts_with("python:") && check.cwd == folder);
        if !already && tests(finder, &folder).next().is_some() {
            project(finder, &folder)?;
        }
    }
    Ok(())
}

/// The test files below a folder.
fn tests<'a>(finder: &'a Finder<'_>, folder: &'a str) -> impl Iterator<Item = String> + 'a {
    let is_test = |name: &str| name.ends_with(".py") && (name.starts_with("test_") || name.ends_with("_test.py"));
    finder.layout.below(folder).filter(move |(_, name)| is_test(name)).map(|(at, name)| join(at, name))
}

fn project(finder: &mut Finder<'_>, folder: &str) -> Result<(), TreeError> {
    let Some((python, path)) = interpreter(finder, folder) else {
        finder.notices.push("Python tests need `python3`, which is not on PATH: they were left out".to_owned());
        return Ok(());
    };
    let (wants_pytest, unittest) = framework(finder, folder)?;
    let has_pytest = has_pytest(finder, &path);
    if has_pytest && (wants_pytest || !unittest) {
        let report = format!("--junitxml={REPORT}");
        let command = [&python, "-m", "pytest", &report];
        finder.add("python pytest", CheckKind::Test, folder, &command).reports.push(REPORT.to_owned());
    } else if unittest && !wants_pytest {
        finder.add("python unittest", CheckKind::Test, folder, &[&python, "-m", "unittest", "discover", "-v"]);
    } else {
        let message = format!("the tests need pytest, which `{python}` cannot import: they were left out");
        finder.notices.push(message);
        return Ok(());
    }
    let source =
        if finder.layout.below(&join(folder, "src")).any(|(_, name)| name == "__init__.py") { "src" } else { "." };
    let check = finder.checks.last_mut().expect("one was added above");
    // an editable install points to the user's working copy; what is checked out comes before it
    check.env.insert("PYTHONPATH".into(), source.into());
    check.env.insert("PYTHONDONTWRITEBYTECODE".into(), "1".into());
    let named = MANIFESTS.iter().chain(FAINT_MANIFESTS).find(|name| finder.layout.has(folder, name));
    let origin = named.map_or_else(|| "test files".to_owned(), |name| join(folder, name));
    finder.origin(origin);
    Ok(())
}

/// The Python to run, as the command names it, and where it is: the session's VIRTUAL_ENV, a virtual environment
/// in the working copy, PATH.
fn interpreter(finder: &Finder<'_>, folder: &str) -> Option<(String, PathBuf)> {
    if let Some(python) = finder.around.virtual_env().map(|env| env.join("bin/python")) {
        return Some((python.to_string_lossy().into_owned(), python));
    }
    for name in [".venv", "venv"] {
        let inside = format!("{name}/bin/python");
        if finder.around.lends(&join(folder, &inside)) {
            return Some((inside.clone(), Path::new(&join(folder, &inside)).to_owned()));
        }
        if !folder.is_empty() && finder.around.lends(&inside) {
            let up = "../".repeat(folder.split('/').count());
            return Some((format!("{up}{inside}"), PathBuf::from(inside)));
        }
    }
    ["python3", "python"].iter().find_map(|name| Some(((*name).to_owned(), finder.around.which(name)?)))
}

/// Whether `python` has pytest: as it is found, or by the script that installing it puts beside the Python of a
/// virtual environment in the working copy.
fn has_pytest(finder: &Finder<'_>, python: &Path) -> bool {
    let beside = python.with_file_name("pytest");
    let lent = python.is_relative() && beside.to_str().is_some_and(|script| finder.around.lends(script));
    lent || finder.around.python_has(python, "pytest")
}

/// Whether pytest is configured or used, and whether unittest is used.
fn framework(finder: &Finder<'_>, folder: &str) -> Result<(bool, bool), TreeError> {
    let config = [("pyproject.toml", "[tool.pytest"), ("setup.cfg", "[tool:pytest]"), ("tox.ini", "[pytest]")];
    let mut pytest =
        finder.layout.has(folder, "pytest.ini") || finder.layout.below(folder).any(|(_, name)| name == "conftest.py");
    for (name, section) in config {
        pytest = pytest || finder.text(&join(folder, name))?.contains(section);
    }
    let mut unittest = false;
    for path in tests(finder, folder).take(MOST_READ) {
        let text = finder.text(&path)?;
        pytest =
            pytest || text.lines().any(|line| line.starts_with("import pytest") || line.starts_with("from pytest"));
        // functions outside of classes are tests for pytest only
        pytest =
            pytest || text.lines().any(|line| line.starts_with("def test_") || line.starts_with("async def test_"));
        unittest = unittest || text.contains("unittest") || text.contains("TestCase");
    }
    Ok((pytest, unittest))
}
