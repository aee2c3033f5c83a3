//! Files that say how a project is released and run: told by their paths alone, ranked, and of long prose the sections
//! about it. What a file says of itself moves nothing.

use crate::id::RepoPath;

/// A file as who writes a runbook is shown it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReleaseFile {
    /// Where.
    pub path: RepoPath,
    /// What it is, in a few words.
    pub why: &'static str,
    /// Its text, or the part of it that counts.
    pub text: String,
}

/// How a file says how a project is released or run, what tells most first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ReleaseKind {
    /// A script that releases or deploys.
    Script,
    /// A workflow of a CI system.
    Workflow,
    /// What it runs in: images, services, processes.
    Service,
    /// What is made by name.
    Recipe,
    /// A step of a schema.
    Migration,
    /// Prose about releases.
    Words,
    /// A change log.
    Log,
    /// Prose that may say it in a section.
    Readme,
}

impl ReleaseKind {
    /// What it is, in a few words.
    #[must_use]
    pub fn why(self) -> &'static str {
        match self {
            Self::Script => "releases or deploys",
            Self::Workflow => "a CI workflow",
            Self::Service => "what it runs in",
            Self::Recipe => "what is made by name",
            Self::Migration => "a migration",
            Self::Words => "words about releases",
            Self::Log => "the newest of the change log",
            Self::Readme => "sections about running and releasing it",
        }
    }

    /// How many files of the kind are shown at most.
    #[must_use]
    pub fn most(self) -> usize {
        match self {
            Self::Script | Self::Workflow | Self::Service => 5,
            Self::Recipe | Self::Migration => 3,
            Self::Words => 2,
            Self::Log | Self::Readme => 1,
        }
    }
}

/// Folders of others' code, and of what is made.
const FOREIGN: [&str; 8] =
    ["node_modules", "vendor", "third_party", "dist", "build", "target", ".venv", "site-packages"];

/// Words in the name of a file or folder that releases.
const RELEASES: [&str; 8] = ["deploy", "deployment", "release", "publish", "rollout", "rollback", "promote", "ship"];

/// Folders of what a project runs on.
const GROUNDS: [&str; 12] = [
    "k8s",
    "kubernetes",
    "helm",
    "charts",
    "terraform",
    "ansible",
    "nomad",
    "systemd",
    "manifests",
    "kustomize",
    "infra",
    "ops",
];

/// What a file says of how its project is released and run, by its path; none where it says nothing of it.
#[must_use]
pub fn release_kind(path: &RepoPath) -> Option<ReleaseKind> {
    let lower = String::from_utf8_lossy(path.as_bytes()).to_lowercase();
    let (folders, name) = lower.rsplit_once('/').unwrap_or(("", &lower));
    let folders: Vec<&str> = folders.split('/').filter(|folder| !folder.is_empty()).collect();
    if folders.iter().any(|folder| FOREIGN.contains(folder)) || crate::indexing::is_test(path) {
        return None;
    }
    let (stem, ending) = name.rsplit_once('.').filter(|(stem, _)| !stem.is_empty()).unwrap_or((name, ""));
    let is_data = matches!(ending, "yml" | "yaml" | "json" | "toml" | "tf" | "hcl" | "tpl" | "conf" | "service");
    let is_words = matches!(ending, "md" | "markdown" | "rst" | "adoc" | "txt" | "");
    let is_script = matches!(ending, "sh" | "bash" | "py" | "rb" | "js" | "ts" | "ps1" | "mk" | "");
    let first = folders.first().copied().unwrap_or_default();
    let on = |names: &[&str]| folders.iter().any(|folder| names.contains(folder));
    let releases = |word: &str| word.split(['-', '_', '.', ' ']).any(|part| RELEASES.contains(&part));
    if is_workflow(&folders, name, is_data) {
        return Some(ReleaseKind::Workflow);
    }
    let is_container = ["dockerfile", "containerfile"].iter().any(|word| stem == *word || ending == *word)
        || (is_data
            && ["docker-compose", "compose"].iter().any(|word| stem == *word || stem.starts_with(&format!("{word}."))));
    let is_service = matches!(name, "procfile" | "app.yaml" | "app.json" | "fly.toml" | "render.yaml" | "vercel.json")
        || matches!(
            name,
            "netlify.toml" | "heroku.yml" | "skaffold.yaml" | "chart.yaml" | "serverless.yml" | "nginx.conf"
        )
        || ending == "service";
    if is_container || is_service || (is_data && on(&GROUNDS)) {
        return Some(ReleaseKind::Service);
    }
    if matches!(
        name,
        "makefile" | "gnumakefile" | "justfile" | "taskfile.yml" | "rakefile" | "package.json" | "tox.ini"
    ) {
        return (folders.len() <= 1).then_some(ReleaseKind::Recipe);
    }
    if on(&["migrations", "migrate", "alembic", "db-migrations"]) {
        return matches!(ending, "sql" | "py" | "rb" | "js" | "ts" | "go" | "php" | "xml")
            .then_some(ReleaseKind::Migration);
    }
    let is_of_scripts = folders.is_empty() || matches!(first, "scripts" | "script" | "bin" | "tools" | "ci" | "hack");
    let in_deploy = folders.iter().any(|folder| RELEASES.contains(folder) || GROUNDS.contains(folder));
    if (is_script && releases(stem) && is_of_scripts && !(folders.is_empty() && is_words))
        || (in_deploy && is_script && !is_words)
        || (in_deploy && is_data && releases(&folders.join("-")))
    {
        return Some(ReleaseKind::Script);
    }
    if !is_words || folders.len() > 2 || folders.iter().any(|folder| folder.starts_with('.')) {
        return None;
    }
    match stem {
        "releasing" | "release" | "deploy" | "deploying" | "deployment" | "install" | "upgrading" | "operations" => {
            Some(ReleaseKind::Words)
        }
        "runbook" | "upgrade" | "rollback" => Some(ReleaseKind::Words),
        "changelog" | "changes" | "history" | "news" | "releases" if folders.is_empty() => Some(ReleaseKind::Log),
        "readme" if folders.is_empty() => Some(ReleaseKind::Readme),
        _ => None,
    }
}

fn is_workflow(folders: &[&str], name: &str, is_data: bool) -> bool {
    let in_folder = match folders {
        [host, "workflows"] => matches!(*host, ".github" | ".gitea" | ".forgejo"),
        [own] => matches!(*own, ".circleci" | ".buildkite" | ".woodpecker"),
        _ => false,
    };
    let at_top = folders.is_empty()
        && (matches!(name, ".gitlab-ci.yml" | ".travis.yml" | ".drone.yml" | "jenkinsfile" | "appveyor.yml")
            || matches!(
                name,
                "azure-pipelines.yml" | "bitbucket-pipelines.yml" | "cloudbuild.yaml" | ".woodpecker.yml"
            ));
    (in_folder && is_data) || at_top
}

/// The files of `paths` that say most of how the project is released and run: what tells most first, of each kind those
/// that the change touches, then those that speak of releasing, then those nearest to the top; of migrations the newest.
#[must_use]
pub fn ranked(paths: &[RepoPath], is_changed: impl Fn(&RepoPath) -> bool) -> Vec<(RepoPath, ReleaseKind)> {
    let mut found: Vec<(ReleaseKind, bool, bool, usize, &RepoPath)> = paths
        .iter()
        .filter_map(|path| {
            let lower = String::from_utf8_lossy(path.as_bytes()).to_lowercase();
            let speaks = RELEASES.iter().any(|word| lower.contains(word));
            let depth = path.as_bytes().iter().filter(|byte| **byte == b'/').count();
            Some((release_kind(path)?, !is_changed(path), !speaks, depth, path))
        })
        .collect();
    found.sort_by(|one, other| {
        let newest_first = one.0 == ReleaseKind::Migration && other.0 == ReleaseKind::Migration;
        let by_name = if newest_first { other.4.cmp(one.4) } else { one.4.cmp(other.4) };
        let rank = |file: &(ReleaseKind, bool, bool, usize, &RepoPath)| (file.0, file.1, file.2, file.3);
        rank(one).cmp(&rank(other)).then(by_name)
    });
    let mut shown = Vec::new();
    for (kind, .., path) in found {
        if shown.iter().filter(|(_, known)| *known == kind).count() < kind.most() {
            shown.push((path.clone(), kind));
        }
    }
    shown
}

/// Words in the heading of a section about releasing and running.
const HEADINGS: [&str; 16] = [
    "releas",
    "deploy",
    "install",
    "running",
    "run ",
    "operat",
    "upgrad",
    "migrat",
    "roll",
    "publish",
    "docker",
    "container",
    "config",
    "environment",
    "usage",
    "start",
];

/// What of a file counts: the whole of it within `most` bytes, the newest of a change log, the sections of a README that
/// are about releasing and running.
#[must_use]
pub fn excerpt(kind: ReleaseKind, text: &str, most: usize) -> String {
    let whole = match kind {
        ReleaseKind::Readme => sections(text),
        _ => text.to_owned(),
    };
    let (shown, is_cut) = super::within(&whole, most);
    if is_cut { format!("{shown}\n… (the rest is left out)\n") } else { shown.to_owned() }
}

/// The sections whose heading speaks of releasing or running, each with what stands below it.
fn sections(text: &str) -> String {
    let mut shown = String::new();
    // the level of the heading whose section is shown
    let mut within: Option<usize> = None;
    let mut in_fence = false;
    for line in text.lines() {
        let marks = line.bytes().take_while(|byte| *byte == b'#').count();
        let fences = line.trim_start().starts_with("```") || line.trim_start().starts_with("~~~");
        if !in_fence && (1..=6).contains(&marks) && line[marks..].starts_with(' ') {
            let title = format!("{} ", line[marks..].trim().to_lowercase());
            if within.is_none_or(|level| marks <= level) {
                within = HEADINGS.iter().any(|word| title.contains(word)).then_some(marks);
            }
        }
        in_fence ^= fences;
        if within.is_some() {
            shown.push_str(line);
            shown.push('\n');
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;
    use ReleaseKind::{Log, Migration, Readme, Recipe, Script, Service, Words, Workflow};

    #[track_caller]
    fn check(path: &str, expected: Option<ReleaseKind>) {
        assert_eq!(release_kind(&path.into()), expected, "{path}");
    }

    #[test]
    fn how_a_project_is_released_is_told_by_paths() {
        for path in [".github/workflows/release.yml", ".gitlab-ci.yml", "Jenkinsfile", ".circleci/config.yml"] {
            check(path, Some(Workflow));
        }
        for path in ["Dockerfile", "api.Dockerfile", "docker-compose.prod.yml", "compose.yaml", "Procfile"] {
            check(path, Some(Service));
        }
        for path in ["deploy/app.service", "k8s/web.yaml", "infra/main.tf", "fly.toml"] {
            check(path, Some(Service));
        }
        for path in ["scripts/deploy.sh", "bin/release", "release.py", "deploy/web.sh", "tools/roll-out-rollback.sh"] {
            check(path, Some(Script));
        }
        for path in ["Makefile", "justfile", "package.json", "web/package.json"] {
            check(path, Some(Recipe));
        }
        check("db/migrations/0003_add_total.sql", Some(Migration));
        check("RELEASING.md", Some(Words));
        check("docs/deployment.md", Some(Words));
        check("CHANGELOG.md", Some(Log));
        check("README.rst", Some(Readme));
    }

    #[test]
    fn code_tests_and_what_others_wrote_say_nothing_of_it() {
        for path in [
            "src/deploy.rs",
            "src/release/mod.rs",
            "tests/test_deploy.sh",
            "node_modules/a/Makefile",
            "vendor/b/Dockerfile",
            "docs/a/b/readme.md",
            "lib/README.md",
            "src/migrations/mod.rs",
            "a/b/Makefile",
            ".github/dependabot.yml",
            "notes.md",
            "AGENTS.md",
        ] {
            check(path, None);
        }
    }

    #[test]
    fn what_the_change_touches_comes_first_and_of_migrations_the_newest() {
        let names = ["a/migrations/1.sql", "a/migrations/2.sql", "a/migrations/3.sql", "a/migrations/4.sql"];
        let others = ["README.md", "scripts/deploy.sh", ".github/workflows/a.yml", ".github/workflows/release.yml"];
        let paths: Vec<RepoPath> = names.iter().chain(&others).map(|path| RepoPath::from(*path)).collect();
        let shown = ranked(&paths, |path| *path == RepoPath::from("a/migrations/1.sql"));
        let shown: Vec<String> = shown.iter().map(|(path, _)| path.to_string()).collect();
        assert_eq!(
            shown,
            [
                "scripts/deploy.sh",
                ".github/workflows/release.yml",
                ".github/workflows/a.yml",
                "a/migrations/1.sql",
                "a/migrations/4.sql",
                "a/migrations/3.sql",
                "README.md",
            ]
        );
    }

    #[test]
    fn of_a_readme_the_sections_about_running_it_are_shown() {
        let text = "# shop\n\nA shop.\n\n## Deploying\n\nUse it.\n\n```sh\n# License\nmake\n```\n\n### To test\n\nx\n\n\
                    ## License\n\nMIT\n";
        let shown = excerpt(Readme, text, 4_000);
        assert!(shown.starts_with("## Deploying\n") && shown.contains("### To test"), "{shown}");
        assert!(shown.contains("# License\nmake") && !shown.contains("MIT") && !shown.contains("A shop."), "{shown}");
        assert_eq!(excerpt(Readme, "# shop\n\nA shop.\n", 4_000), "");
        assert_eq!(excerpt(Log, "größe", 3), "gr\n… (the rest is left out)\n");
    }
}
