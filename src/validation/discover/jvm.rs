//! Maven and Gradle, offline.

use super::layout::join;
use super::{CheckKind, Finder};
use crate::repository::TreeError;

pub(super) fn find(finder: &mut Finder<'_>) -> Result<(), TreeError> {
    maven(finder)?;
    gradle(finder);
    Ok(())
}

/// A project's top, and the modules below it that the change is about; none where it is about the top itself.
struct Project {
    root: String,
    modules: Vec<String>,
}

/// The projects of the picked folders: modules are built from the top of their project.
fn projects(finder: &mut Finder<'_>, manifests: &[&str]) -> Vec<Project> {
    let mut projects: Vec<Project> = Vec::new();
    for folder in finder.folders(manifests) {
        let is = |at: &str| manifests.iter().any(|name| finder.layout.has(at, name));
        let root = finder.layout.highest(&folder, is).unwrap_or_else(|| folder.clone());
        let module = folder.strip_prefix(&root).unwrap_or("").trim_start_matches('/').to_owned();
        match projects.iter_mut().find(|project| project.root == root) {
            Some(project) => project.modules.push(module),
            None => projects.push(Project { root, modules: vec![module] }),
        }
    }
    for project in &mut projects {
        if project.modules.iter().any(String::is_empty) {
            project.modules.clear();
        }
    }
    projects
}

fn maven(finder: &mut Finder<'_>) -> Result<(), TreeError> {
    for Project { root, mut modules } in projects(finder, &["pom.xml"]) {
        let unlisted = |module: &String| is_listed(finder, &join(&root, module)).map(|listed| !listed);
        if modules.iter().map(unlisted).collect::<Result<Vec<bool>, _>>()?.contains(&true) {
            modules.clear();
        }
        // a wrapper fetches its Maven unless that is cached; the one on PATH is there
        let wrapper = finder.layout.has(&root, "mvnw");
        let program = if finder.around.which("mvn").is_none() && wrapper { "./mvnw" } else { "mvn" };
        if program == "mvn" && !finder.needs("mvn", &join(&root, "pom.xml")) {
            continue;
        }
        // the changed modules and those that they need: others may want a package, which no check makes
        let listed = modules.join(",");
        let scope: &[&str] = if modules.is_empty() { &[] } else { &["-pl", &listed, "-am"] };
        let with = |goals: &[&'static str]| [&[program, "-o", "-B"], goals, scope].concat();
        finder.add("maven build", CheckKind::Build, &root, &with(&["-q", "-DskipTests", "test-compile"]));
        let test = finder.add("maven test", CheckKind::Test, &root, &with(&["-fae", "test"]));
        test.reports.push("**/target/surefire-reports/TEST-*.xml".into());
        finder.origin(join(&root, "pom.xml"));
    }
    Ok(())
}

/// Whether the project above the module's folder names it; one that does not builds without it.
fn is_listed(finder: &Finder<'_>, folder: &str) -> Result<bool, TreeError> {
    let (above, name) = folder.rsplit_once('/').unwrap_or(("", folder));
    let text = finder.text(&join(above, "pom.xml"))?;
    let mut named = text.split("<module>").skip(1).filter_map(|rest| rest.split('<').next());
    Ok(named.any(|module| module.trim().trim_end_matches('/') == name))
}

fn gradle(finder: &mut Finder<'_>) {
    let manifests = ["settings.gradle", "settings.gradle.kts", "build.gradle", "build.gradle.kts"];
    for Project { root, .. } in projects(finder, &manifests) {
        let wrapper = finder.layout.has(&root, "gradlew");
        let program = if wrapper { "./gradlew" } else { "gradle" };
        let manifest = manifests.iter().find(|name| finder.layout.has(&root, name)).copied().unwrap_or("build.gradle");
        if !wrapper && !finder.needs("gradle", &join(&root, manifest)) {
            continue;
        }
        let with = |tasks: &[&'static str]| [&[program, "--offline", "--no-daemon", "--console=plain"], tasks].concat();
        finder.add("gradle build", CheckKind::Build, &root, &with(&["testClasses"]));
        let test = finder.add("gradle test", CheckKind::Test, &root, &with(&["--continue", "test"]));
        test.reports.push("**/build/test-results/*/*.xml".into());
        finder.origin(join(&root, manifest));
    }
}
