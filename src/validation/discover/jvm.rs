//! Maven and Gradle, offline.

use super::layout::join;
use super::{CheckKind, Finder};
use crate::repository::TreeError;

pub(super) fn find(finder: &mut Finder<'_>) -> Result<(), TreeError> {
    maven(finder);
    gradle(finder);
    Ok(())
}

/// The roots of the picked folders: modules are built from the top of their project.
fn roots(finder: &mut Finder<'_>, manifests: &[&str]) -> Vec<String> {
    let mut roots: Vec<String> = Vec::new();
    for folder in finder.folders(manifests) {
        let is = |at: &str| manifests.iter().any(|name| finder.layout.has(at, name));
        let root = finder.layout.highest(&folder, is).unwrap_or(folder);
        if !roots.contains(&root) {
            roots.push(root);
        }
    }
    roots
}

fn maven(finder: &mut Finder<'_>) {
    for root in roots(finder, &["pom.xml"]) {
        // a wrapper fetches its Maven unless that is cached; the one on PATH is there
        let wrapper = finder.layout.has(&root, "mvnw");
        let program = if finder.around.which("mvn").is_none() && wrapper { "./mvnw" } else { "mvn" };
        if program == "mvn" && !finder.needs("mvn", &join(&root, "pom.xml")) {
            continue;
        }
        finder.add("maven build", CheckKind::Build, &root, &[program, "-o", "-B", "-q", "-DskipTests", "test-compile"]);
        let test = finder.add("maven test", CheckKind::Test, &root, &[program, "-o", "-B", "-fae", "test"]);
        test.reports.push("**/target/surefire-reports/TEST-*.xml".into());
        finder.origin(join(&root, "pom.xml"));
    }
}

fn gradle(finder: &mut Finder<'_>) {
    let manifests = ["settings.gradle", "settings.gradle.kts", "build.gradle", "build.gradle.kts"];
    for root in roots(finder, &manifests) {
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
