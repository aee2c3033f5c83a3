//! `paraph regenerate`

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt as _;
use std::path::PathBuf;

use crate::api::{
    AgainstRequest, DeriveRequest, ExcludeRequest, Failure, FailureKind, PatchSetRequest, PatchSetView,
    RegenerateRequest, RewriteRequest,
};
use crate::cli::decision::Reason;
use crate::cli::desk::Desk;
use crate::cli::ended::{Done, usage};
use crate::cli::patch_text;
use crate::cli::session_text::changed;
use crate::cli::verbs::run::{Program, engine, store_patch, waited};
use crate::diff::{DiffOptions, FileDiff, FileSide};
use crate::id::{RepoPath, SessionId, SessionRef};

/// Asks for the next version; a draft that changes nothing makes none
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The session
    #[arg(value_name = "ID")]
    session: SessionId,
    /// Another engine: rules, patch, llm, command, agent
    #[arg(long, value_name = "E")]
    engine: Option<String>,
    #[command(flatten)]
    program: Program,
    /// Other rules (paraph help rules lists them)
    #[arg(long, value_name = "R,...", value_delimiter = ',')]
    rules: Vec<String>,
    /// Another ready diff (- for standard input)
    #[arg(long, value_name = "FILE|-")]
    patch: Option<PathBuf>,
    /// Leave this out instead of asking an engine: a file, or a hunk of it by its number in `paraph diff`
    #[arg(long, value_name = "PATH[:N]", conflicts_with_all = ["engine", "rules", "patch", "command", "agent"])]
    exclude: Vec<OsString>,
    /// With --exclude: the repository's name, where the version changes several
    #[arg(long, value_name = "NAME", requires = "exclude")]
    repo: Option<String>,
    /// With --exclude: 12 or more hex digits of what was seen; another version is a conflict then
    #[arg(long, value_name = "HEX", requires = "exclude", conflicts_with_all = ["message", "message_file"])]
    digest: Option<String>,
    /// Have the documents written again instead: those that were commented on (paraph comment ID --artifact NAME), with
    /// the comments; all of them with -m alone. What they said before stays: paraph artifacts ID
    #[arg(long, conflicts_with_all = ["engine", "rules", "patch", "command", "agent", "exclude"])]
    documents: bool,
    /// Wait until it can be decided on
    #[arg(long)]
    wait: bool,
    #[command(flatten)]
    reason: Reason,
}

pub(crate) async fn execute(args: Args, desk: &mut Desk) -> Done {
    if !args.exclude.is_empty() {
        return derive(args, desk).await;
    }
    if args.documents {
        return rewrite(args, desk).await;
    }
    let engine = args.engine.as_deref().map(engine).transpose()?;
    let (engine, program) = args.program.take(engine);
    let message = args.reason.take(desk)?.unwrap_or_default();
    let patch = match args.patch {
        Some(file) => Some(store_patch(&file, desk)?),
        None => None,
    };
    let request = RegenerateRequest { session: args.session, engine, rules: args.rules, patch, program, message };
    let service = desk.service().await?;
    let notices = if args.wait { Some(service.notices().await?) } else { None };
    let view = desk.ask_on(service.as_ref(), request).await?;
    match notices {
        Some(notices) => waited(service.as_ref(), notices, view.id, desk).await,
        None => changed(&view, desk),
    }
}

/// The next of the documents, and what follows from them.
async fn rewrite(args: Args, desk: &mut Desk) -> Done {
    let message = args.reason.take(desk)?.unwrap_or_default();
    let service = desk.service().await?;
    let notices = if args.wait { Some(service.notices().await?) } else { None };
    let view = desk.ask_on(service.as_ref(), RewriteRequest { session: args.session, message }).await?;
    match notices {
        Some(notices) => waited(service.as_ref(), notices, view.id, desk).await,
        None => changed(&view, desk),
    }
}

/// The next version without an engine: the newest one, less what is left out.
async fn derive(args: Args, desk: &mut Desk) -> Done {
    let service = desk.service().await?;
    let session = SessionRef { session: args.session, version: None };
    let against = AgainstRequest::Base;
    let request = PatchSetRequest { session, repo: args.repo.clone(), against };
    let sets = desk.ask_on(service.as_ref(), request).await?;
    let [set] = sets.as_slice() else {
        let message = format!("the newest version of session {} changes several repositories", args.session);
        let names: Vec<&str> = sets.iter().map(|set| set.repo.as_str()).collect();
        return Err(usage(message).hint(format!("--repo with one of {}", names.join(", "))).into());
    };
    let mut exclude = Vec::new();
    for named in args.exclude {
        exclude.push(left_out(set, named.into_vec(), desk)?);
    }
    let session = SessionRef { session: args.session, version: Some(set.version) };
    let digest = args.digest.unwrap_or_else(|| set.digest.to_string());
    let request = DeriveRequest { session, repo: Some(set.repo.clone()), digest, against, exclude, edit: None };
    let notices = if args.wait { Some(service.notices().await?) } else { None };
    let view = desk.ask_on(service.as_ref(), request).await?;
    match notices {
        Some(notices) => waited(service.as_ref(), notices, view.id, desk).await,
        None => changed(&view, desk),
    }
}

/// What `PATH` or `PATH:N` names: hunks are counted from 1, as `paraph diff` shows them.
fn left_out(set: &PatchSetView, named: Vec<u8>, desk: &Desk) -> Result<ExcludeRequest, Failure> {
    let known = |path: &RepoPath| set.files.iter().any(|file| file.path == *path);
    let whole = RepoPath::from_bytes(named.clone());
    if known(&whole) {
        return Ok(ExcludeRequest { path: whole, hunks: Vec::new() });
    }
    let missing = |what: String| {
        let message = format!("{} changes no {what}", set.version);
        Failure::new(FailureKind::NotFound, message).hint(format!("paraph diff {}@{} --stat", set.session, set.version))
    };
    let colon = named.iter().rposition(|byte| *byte == b':');
    let number = colon.and_then(|at| std::str::from_utf8(&named[at + 1..]).ok()?.parse::<usize>().ok());
    let (Some(colon), Some(number)) = (colon, number) else { return Err(missing(format!("file `{whole}`"))) };
    let path = RepoPath::from_bytes(named[..colon].to_vec());
    let changes = patch_text::changes(set, &desk.world.blobs)?;
    let file = changes.get(&path).ok_or_else(|| missing(format!("file `{path}`")))?;
    let content = |side: &Option<FileSide>| side.as_ref().map(|side| side.content.clone()).unwrap_or_default();
    let (old, new) = (content(&file.old), content(&file.new));
    let keys = FileDiff::compute(&old, &new, &DiffOptions::default()).hunk_keys(&path, &old, &new);
    let key = number.checked_sub(1).and_then(|at| keys.get(at)).copied();
    let key = key.ok_or_else(|| missing(format!("hunk {number} of `{path}`: it has {}", keys.len())))?;
    Ok(ExcludeRequest { path, hunks: vec![key] })
}
