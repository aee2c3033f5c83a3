//! Python: pytest where it is configured or used and can be imported, else unittest.

use std::path::{Path, PathBuf};

use super::layout::join;
use super::{CheckKind, CommandLine, Finder};
use crate::repository::TreeError;

/// Files that say where a Python project starts.
const MANIFESTS: &[&str] = &["pyproject.toml", "setup.py", "setup.cfg", "pytest.ini", "tox.ini"];
/// Files that say so where there is none of those above them: both lie in folders of tests and documents too.
const FAINT_MANIFESTS: &[&str] = &["requirements.txt", "conftest.py"];
/// Where pytest writes what it found, in the folder it runs in.
const REPORT: &str = ".paraph-reports/pytest.xml";
/// What stands for a version that only git's tags tell.
const NO_VERSION: &str = "0.0.0";
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
    if wants_pytest || !unittest {
        let report = format!("--junitxml={REPORT}");
        let command = [&python, "-m", "pytest", &report];
        let lacks = (!has_pytest).then(|| pytest_is_missing(finder, folder, &python));
        let check = finder.add("python pytest", CheckKind::Test, folder, &command);
        check.reports.push(REPORT.to_owned());
        check.lacks = lacks;
    } else {
        let mut command = vec![python.as_str(), "-m", "unittest", "discover", "-v"];
        let start = start_of_tests(finder, folder);
        if let Some(start) = &start {
            command.extend(["-s", start]);
        }
        finder.add("python unittest", CheckKind::Test, folder, &command);
    }
    let source =
        if finder.layout.below(&join(folder, "src")).any(|(_, name)| name == "__init__.py") { "src" } else { "." };
    let version_file = version_file(finder, folder)?;
    let check = finder.checks.last_mut().expect("one was added above");
    if let Some(file) = version_file {
        // its version comes from git's tags, which no checkout has
        check.env.insert("SETUPTOOLS_SCM_PRETEND_VERSION".into(), NO_VERSION.into());
        if let (Some(file), CommandLine::Args(args)) = (file, &check.command) {
            check.command = CommandLine::Shell(with_version_file(&file, args));
        }
    }
    // an editable install points to the user's working copy; what is checked out comes before it
    check.env.insert("PYTHONPATH".into(), source.into());
    check.env.insert("PYTHONDONTWRITEBYTECODE".into(), "1".into());
    let named = MANIFESTS.iter().chain(FAINT_MANIFESTS).find(|name| finder.layout.has(folder, name));
    let origin = named.map_or_else(|| "test files".to_owned(), |name| join(folder, name));
    finder.origin(origin);
    Ok(())
}

/// Where unittest starts to look, where it would find nothing from the top: it enters packages only.
fn start_of_tests(finder: &Finder<'_>, folder: &str) -> Option<String> {
    let is_package = |at: &str| finder.layout.has(at, "__init__.py");
    let reached = |at: &str| {
        let below = at.strip_prefix(folder).unwrap_or(at).trim_start_matches('/');
        let mut part = folder.to_owned();
        below.split('/').filter(|name| !name.is_empty()).all(|name| {
            part = join(&part, name);
            is_package(&part)
        })
    };
    let holding: Vec<String> =
        tests(finder, folder).map(|path| path.rsplit_once('/').map_or("", |(at, _)| at).to_owned()).collect();
    if holding.iter().any(|at| reached(at)) {
        return None;
    }
    let highest = holding.into_iter().min_by_key(|at| at.matches('/').count())?;
    Some(highest.strip_prefix(folder).unwrap_or(&highest).trim_start_matches('/').to_owned())
}

/// Where a project takes its version from git's tags: the file that a build would write it to and that is not in the
/// tree, where there is one.
fn version_file(finder: &Finder<'_>, folder: &str) -> Result<Option<Option<String>>, TreeError> {
    let manifest: toml::Table = finder.text(&join(folder, "pyproject.toml"))?.parse().unwrap_or_default();
    let at = |path: &[&str]| {
        let (last, tables) = path.split_last()?;
        let table = tables.iter().try_fold(&manifest, |table, name| table.get(*name)?.as_table())?;
        table.get(*last)
    };
    let scm = at(&["tool", "setuptools_scm"]);
    let hatch = at(&["tool", "hatch", "version", "source"]).and_then(toml::Value::as_str) == Some("vcs");
    if scm.is_none() && !hatch {
        return Ok(None);
    }
    let files: [&[&str]; 3] = [
        &["tool", "setuptools_scm", "version_file"],
        &["tool", "setuptools_scm", "write_to"],
        &["tool", "hatch", "build", "hooks", "vcs", "version-file"],
    ];
    let named = files.iter().find_map(|path| at(path)).and_then(toml::Value::as_str);
    let is_plain = |file: &&str| {
        file.chars().all(|c| c.is_ascii_alphanumeric() || "_-./".contains(c))
            && !file.contains("..")
            && !file.starts_with('/')
    };
    let missing = |file: &&str| {
        let (at, name) = file.rsplit_once('/').unwrap_or(("", file));
        file.ends_with(".py") && !finder.layout.has(join(folder, at).trim_end_matches('/'), name)
    };
    Ok(Some(named.filter(is_plain).filter(missing).map(str::to_owned)))
}

/// `command` after the file that a build would have written, as its own tool writes it.
fn with_version_file(file: &str, command: &[String]) -> String {
    let lines = format!(
        "'__version__ = version = \"{NO_VERSION}\"' '__version_tuple__ = version_tuple = (0, 0, 0)' \
         '__commit_id__ = commit_id = None'"
    );
    let words: Vec<String> = command.iter().map(|word| format!("'{}'", word.replace('\'', "'\\''"))).collect();
    format!("[ -e {file} ] || printf '%s\\n' {lines} > {file}; exec {}", words.join(" "))
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

/// How to get pytest: as the project's lockfile says it is installed, else into a virtual environment.
fn pytest_is_missing(finder: &Finder<'_>, folder: &str, python: &str) -> String {
    let tools = [
        ("uv.lock", "uv sync"),
        ("poetry.lock", "POETRY_VIRTUALENVS_IN_PROJECT=1 poetry install"),
        ("pdm.lock", "pdm install"),
        ("Pipfile", "PIPENV_VENV_IN_PROJECT=1 pipenv install --dev"),
    ];
    let by_tool = tools.iter().find_map(|(lock, command)| Some((finder.layout.nearest_above(folder, lock)?, *command)));
    let (at, command) = by_tool
        .map_or_else(|| (folder.to_owned(), by_pip(finder, folder, python)), |(at, command)| (at, command.to_owned()));
    finder.lacking(&format!("`{python}` cannot import pytest"), &command, &at)
}

fn by_pip(finder: &Finder<'_>, folder: &str, python: &str) -> String {
    let requirements = ["requirements-dev.txt", "dev-requirements.txt", "requirements.txt"];
    let listed = requirements.iter().find(|name| finder.layout.has(folder, name));
    let is_package = ["pyproject.toml", "setup.py"].iter().any(|name| finder.layout.has(folder, name));
    let what = match listed {
        Some(name) => format!("-r {name} pytest"),
        None if is_package => "-e . pytest".to_owned(),
        None => "pytest".to_owned(),
    };
    if python.contains('/') {
        return format!("{python} -m pip install {what}"); // an environment is there
    }
    format!("{python} -m venv .venv && .venv/bin/pip install {what}")
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
