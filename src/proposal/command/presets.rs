//! Fixers and formatters that people have, by name.

use std::collections::BTreeMap;
use std::time::Duration;

use super::USUAL_TIMEOUT;
use crate::proposal::{CommandSpec, Edits, Run};

/// A build may stand before the first fix. // design.md, "Base runs": 900 s build
const WITH_A_BUILD: Duration = Duration::from_secs(900);

struct Preset(&'static str, &'static [&'static str], &'static [i32], Duration, &'static str);

const PRESETS: &[Preset] = &[
    Preset("ruff", &["ruff", "check", "--fix", "."], &[0, 1], USUAL_TIMEOUT, "pip install ruff"),
    Preset("ruff-format", &["ruff", "format", "."], &[0], USUAL_TIMEOUT, "pip install ruff"),
    Preset("black", &["black", "."], &[0], USUAL_TIMEOUT, "pip install black"),
    Preset("isort", &["isort", "."], &[0], USUAL_TIMEOUT, "pip install isort"),
    Preset(
        "clippy-fix",
        &["cargo", "clippy", "--fix", "--allow-dirty", "--allow-no-vcs", "--all-targets"],
        &[0],
        WITH_A_BUILD,
        "rustup component add clippy",
    ),
    Preset("cargo-fix", &["cargo", "fix", "--allow-dirty", "--allow-no-vcs"], &[0], WITH_A_BUILD, "install Rust"),
    Preset("cargo-fmt", &["cargo", "fmt", "--all"], &[0], USUAL_TIMEOUT, "rustup component add rustfmt"),
    Preset("eslint-fix", &["eslint", "--fix", "."], &[0, 1], USUAL_TIMEOUT, "npm install --save-dev eslint"),
    // 2: of a file that it cannot read it says so, and formats the others
    Preset("prettier", &["prettier", "--write", "."], &[0, 2], USUAL_TIMEOUT, "npm install --save-dev prettier"),
    Preset(
        "biome",
        &["biome", "check", "--write", "."],
        &[0, 1],
        USUAL_TIMEOUT,
        "npm install --save-dev @biomejs/biome",
    ),
    Preset("gofmt", &["gofmt", "-w", "."], &[0], USUAL_TIMEOUT, "install Go"),
    Preset("go-fix", &["go", "fix", "./..."], &[0], WITH_A_BUILD, "install Go"),
    Preset("rubocop", &["rubocop", "--autocorrect"], &[0, 1], USUAL_TIMEOUT, "gem install rubocop"),
    Preset("shfmt", &["shfmt", "-w", "."], &[0], USUAL_TIMEOUT, "install shfmt"),
    Preset("terraform-fmt", &["terraform", "fmt", "-recursive"], &[0], USUAL_TIMEOUT, "install Terraform"),
];

/// The commands that ship.
#[must_use]
pub fn command_presets() -> Vec<CommandSpec> {
    PRESETS
        .iter()
        .map(|Preset(name, run, ok_codes, timeout, install)| CommandSpec {
            name: (*name).to_owned(),
            run: Run::Args(run.iter().map(|word| (*word).to_owned()).collect()),
            edits: Edits::Worktree,
            timeout: *timeout,
            env: BTreeMap::new(),
            reads: Vec::new(),
            ok_codes: ok_codes.to_vec(),
            hint: format!("{install}, then paraph regenerate"),
        })
        .collect()
}
