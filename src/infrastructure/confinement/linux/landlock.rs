//! Landlock: which files may be read and written, held by the kernel for this process and all it starts.

use std::fs;
use std::path::{Path, PathBuf};

use landlock::{
    ABI, Access as _, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible as _, LandlockStatus, PathBeneath, PathFd,
    Ruleset, RulesetAttr as _, RulesetCreated, RulesetCreatedAttr as _, RulesetError, RulesetStatus, Scope,
};

use super::super::policy::{Level, Network};
use super::super::protocol::Order;
use super::{Failed, Step, view};

/// What the rules were written for; the crate leaves out what the kernel does not know.
const WRITTEN_FOR: ABI = ABI::V7;
/// Without truncation (ABI 3, Linux 6.2) any file elsewhere could be emptied.
const NEEDED_ALONE: ABI = ABI::V3;

/// What the kernel took.
pub(super) struct Restriction {
    pub(super) enforced: bool,
    pub(super) words: String,
}

/// Restricts this process. At FULL the view already holds only what may be seen, so this is the second wall.
pub(super) fn restrict(order: &Order) -> Step<Restriction> {
    let failed = |error: RulesetError| Failed { step: "landlock".to_owned(), why: error.to_string() };
    let rules = rules(order).map_err(|why| Failed { step: "landlock".to_owned(), why })?;
    let mut ruleset = create(order).map_err(failed)?;
    for (path, access) in rules {
        let Ok(fd) = PathFd::new(&path) else { continue }; // what is not there needs no right
        let access = if path.is_dir() { access } else { access & AccessFs::from_file(WRITTEN_FOR) };
        ruleset = ruleset.add_rule(PathBeneath::new(fd, access)).map_err(failed)?;
    }
    let status = ruleset.restrict_self().map_err(failed)?;
    let enforced = status.ruleset != RulesetStatus::NotEnforced;
    if order.level == Level::Landlock && !enforced {
        return Err(Failed { step: "landlock".to_owned(), why: "the kernel does not enforce it".to_owned() });
    }
    Ok(Restriction { enforced, words: words(&status.ruleset, &status.landlock) })
}

fn create(order: &Order) -> Result<RulesetCreated, RulesetError> {
    let alone = order.level == Level::Landlock;
    let must = if alone { CompatLevel::HardRequirement } else { CompatLevel::BestEffort };
    let mut ruleset = Ruleset::default()
        .set_compatibility(must)
        .handle_access(AccessFs::from_all(NEEDED_ALONE))?
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(WRITTEN_FOR))?
        .scope(Scope::from_all(WRITTEN_FOR))?;
    if alone && order.network == Network::None {
        ruleset = ruleset.handle_access(AccessNet::from_all(WRITTEN_FOR))?;
    }
    ruleset.create()
}

fn words(ruleset: &RulesetStatus, landlock: &LandlockStatus) -> String {
    let how = match ruleset {
        RulesetStatus::FullyEnforced => "fully enforced",
        RulesetStatus::PartiallyEnforced => "partially enforced",
        RulesetStatus::NotEnforced => "not enforced",
    };
    match landlock {
        LandlockStatus::Available { effective_abi, .. } => format!("abi {}, {how}", *effective_abi as i32),
        LandlockStatus::NotEnabled => "not enabled".to_owned(),
        LandlockStatus::NotImplemented => "not in this kernel".to_owned(),
    }
}

fn rules(order: &Order) -> Result<Vec<(PathBuf, BitFlags<AccessFs>)>, String> {
    let read = AccessFs::from_read(WRITTEN_FOR);
    let all = AccessFs::from_all(WRITTEN_FOR);
    let device = AccessFs::ReadFile | AccessFs::WriteFile;
    let mut rules: Vec<(PathBuf, BitFlags<AccessFs>)> =
        ["/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom"].map(|path| (path.into(), device)).into();
    rules.push(("/proc".into(), read));
    for path in order.writable.iter().chain([&order.scratch]) {
        rules.push((path.into(), all));
    }
    if order.level == Level::Full {
        rules.push(("/".into(), read));
        rules.extend(order.placed.iter().map(|(_, at)| (PathBuf::from(at), all)));
        rules.extend(["/tmp", "/dev/shm", "/dev/pts"].map(|path| (path.into(), all)));
        rules.extend(order.overlays.iter().map(|overlay| (PathBuf::from(&overlay.at), all)));
        return Ok(rules);
    }
    let hidden: Vec<&Path> = order.hidden.iter().map(Path::new).collect();
    let system =
        view::SYSTEM.iter().map(PathBuf::from).chain(view::ETC.iter().map(|name| Path::new("/etc").join(name)));
    for path in system.chain(order.read_only.iter().map(PathBuf::from)) {
        without(&path, &hidden, &mut |path| rules.push((path, read)))?;
    }
    Ok(rules)
}

/// Gives `path` to `grant`, or everything in it but what is hidden: rights of Landlock add up, none takes away.
fn without(path: &Path, hidden: &[&Path], grant: &mut impl FnMut(PathBuf)) -> Result<(), String> {
    if hidden.iter().any(|hidden| path.starts_with(hidden)) {
        return Ok(());
    }
    if !hidden.iter().any(|hidden| hidden.starts_with(path)) {
        grant(path.to_owned());
        return Ok(());
    }
    for entry in fs::read_dir(path).map_err(|error| format!("reading {}: {error}", path.display()))?.flatten() {
        without(&entry.path(), hidden, grant)?;
    }
    Ok(())
}
