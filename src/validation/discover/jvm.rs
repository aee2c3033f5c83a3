//! Maven and Gradle, offline.

use super::layout::join;
use super::{CheckKind, Finder};
use crate::repository::TreeError;

pub(super) fn find(finder: &mut Finder<'_>) -> Result<(), TreeError> {
    maven(finder)?;
    gradle(finder)
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

fn gradle(finder: &mut Finder<'_>) -> Result<(), TreeError> {
    let manifests = ["settings.gradle", "settings.gradle.kts", "build.gradle", "build.gradle.kts"];
    for Project { root, .. } in projects(finder, &manifests) {
        let manifest = manifests.iter().find(|name| finder.layout.has(&root, name)).copied().unwrap_or("build.gradle");
        let Some((program, lacks)) = gradle_program(finder, &root, manifest)? else { continue };
        let with = |tasks: &[&'static str]| [&[program, "--offline", "--no-daemon", "--console=plain"], tasks].concat();
        finder.add("gradle build", CheckKind::Build, &root, &with(&["testClasses"])).lacks.clone_from(&lacks);
        let test = finder.add("gradle test", CheckKind::Test, &root, &with(&["--continue", "test"]));
        test.reports.push("**/build/test-results/*/*.xml".into());
        test.lacks = lacks;
        finder.origin(join(&root, manifest));
    }
    Ok(())
}

/// The Gradle that runs without a network, and what it lacks: the wrapper where its distribution was fetched before,
/// else the one of PATH. None where there is neither.
fn gradle_program(
    finder: &mut Finder<'_>,
    root: &str,
    manifest: &str,
) -> Result<Option<(&'static str, Option<String>)>, TreeError> {
    if !finder.layout.has(root, "gradlew") {
        return Ok(finder.needs("gradle", &join(root, manifest)).then_some(("gradle", None)));
    }
    let properties = finder.text(&join(root, "gradle/wrapper/gradle-wrapper.properties"))?;
    let Some(wanted) = distribution(&properties).filter(|wanted| !finder.around.has_gradle(wanted)) else {
        return Ok(Some(("./gradlew", None)));
    };
    if finder.around.which("gradle").is_none() {
        let lacks = finder.lacking(&format!("{wanted} was not fetched"), "./gradlew --version", root);
        return Ok(Some(("./gradlew", Some(lacks))));
    }
    let place = join(root, "gradlew");
    finder.notices.push(format!("`{place}` wants {wanted}, which was not fetched: `gradle` of PATH runs instead"));
    Ok(Some(("gradle", None)))
}

/// `gradle-8.5-bin` of the line `distributionUrl=https\://…/gradle-8.5-bin.zip`.
fn distribution(properties: &str) -> Option<String> {
    let url = properties.lines().find_map(|line| line.trim().strip_prefix("distributionUrl"))?;
    let name = url.trim().rsplit('/').next()?.strip_suffix(".zip")?;
    name.starts_with("gradle-").then(|| name.to_owned())
}
