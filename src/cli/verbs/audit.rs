//! `paraph audit`

use std::path::PathBuf;
use std::str::FromStr;

use serde_json::json;

use crate::api::{Failure, FailureKind, VerifyView};
use crate::cli::desk::Desk;
use crate::cli::ended::{DONE, Done, Ended};
use crate::cli::output::{Role, Text};
use crate::id::{Digest, HostPath, ParseIdError, Seq, SessionId};
use crate::text::counted;

/// Reads, checks and exports the record; needs no daemon
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    part: Part,
}

#[derive(Debug, clap::Subcommand)]
enum Part {
    /// Prints entries, oldest first
    Show {
        /// Only this session's
        #[arg(value_name = "ID")]
        session: Option<SessionId>,
        /// At most so many, the newest
        #[arg(long, value_name = "N")]
        limit: Option<u64>,
    },
    /// Checks every entry, the anchor and the blobs; exit status 1 where something does not hold
    Verify {
        /// An entry that was seen before (a trailer, a pull request): finds an older copy of the whole home
        #[arg(long, value_name = "SEQ:DIGEST")]
        anchor: Vec<Anchor>,
    },
    /// Writes every entry, one JSON object a line
    Export {
        /// Into this new file [default: standard output]
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
}

#[derive(Debug, Clone)]
struct Anchor(Seq, Digest);

impl FromStr for Anchor {
    type Err = ParseIdError;
    fn from_str(text: &str) -> Result<Self, ParseIdError> {
        let wanted = "an anchor: a sequence, a colon, 64 hex digits";
        let wrong = || ParseIdError { given: text.to_owned(), wanted };
        let (seq, digest) = text.split_once(':').ok_or_else(wrong)?;
        let seq: u64 = seq.parse().map_err(|_| wrong())?;
        Ok(Self(Seq(seq), digest.parse().map_err(|_| wrong())?))
    }
}

pub(crate) async fn execute(args: Args, desk: &mut Desk) -> Done {
    match args.part {
        Part::Show { session, limit } => show(session, limit, desk),
        Part::Verify { anchor } => verify(&anchor, desk),
        Part::Export { out: Some(file) } => export_to(&file, desk),
        Part::Export { out: None } => export(desk),
    }
}

fn show(session: Option<SessionId>, limit: Option<u64>, desk: &mut Desk) -> Done {
    let entries = desk.world.workbench.audit_show(session, limit)?;
    if desk.out.json() {
        desk.out.object(&json!({"schema": "paraph.audit/1", "entries": entries}))?;
        return Ok(DONE);
    }
    for entry in &entries {
        let line = Text::new()
            .role(Role::Strong, format!("{:>6} ", entry.seq.0))
            .role(Role::Dim, format!("{} ", entry.at))
            .cell(Role::Plain, &entry.actor, 20)
            .plain(" ")
            .cell(Role::Mark, &entry.event, 20)
            .plain(" ")
            .words(Role::Plain, entry.summary.raw(), "         ");
        desk.out.line(line)?;
    }
    Ok(DONE)
}

fn verify(anchors: &[Anchor], desk: &mut Desk) -> Done {
    let anchors: Vec<(Seq, Digest)> = anchors.iter().map(|Anchor(seq, digest)| (*seq, *digest)).collect();
    let view = desk.world.workbench.audit_verify(&anchors)?;
    if desk.out.json() {
        desk.out.object(&serde_json::to_value(&view).expect("plain data serialises"))?;
    } else {
        verdict(&view, desk)?;
    }
    Ok(if view.ok { DONE } else { FailureKind::Failed.exit_code() })
}

fn verdict(view: &VerifyView, desk: &mut Desk) -> Result<(), Ended> {
    let word = if view.ok {
        Text::new().role(Role::Good, "the record holds")
    } else {
        Text::new().role(Role::Bad, "the record does not hold")
    };
    let entries = if view.entries == 1 { "entry" } else { "entries" };
    let (bytes, blobs) = (counted(view.bytes, "byte"), counted(view.blobs, "blob"));
    let counts = format!(": {} {entries}, {bytes}, {blobs}", view.entries);
    desk.out.line(word.plain(counts))?;
    desk.out.line(Text::new().plain("  head ").role(Role::Mark, format!("{}:{}", view.head, view.head_digest)))?;
    for finding in &view.findings {
        desk.out.line(Text::new().role(Role::Bad, "  found: ").words(Role::Plain, finding.raw(), "    "))?;
    }
    for hint in &view.hints {
        desk.out.say(Text::new().role(Role::Mark, "hint: ").plain(hint));
    }
    Ok(())
}

/// Every entry as the journal has it. With `--json` too: each line is an entry, whose form the journal defines.
fn export(desk: &mut Desk) -> Done {
    let mut out = Reader { inner: desk.out.writer(), gone: false };
    let count = desk.world.workbench.audit_export(&mut out);
    match count {
        Err(_) if out.gone => Err(Ended::NobodyReads),
        Err(failure) => Err(failure.into()),
        Ok(count) => {
            desk.out.say(format!("{count} entries"));
            Ok(DONE)
        }
    }
}

fn export_to(file: &std::path::Path, desk: &mut Desk) -> Done {
    let path = HostPath::new(desk.absolute(file));
    let cannot = |error: std::io::Error| {
        let hint = match error.kind() {
            std::io::ErrorKind::AlreadyExists => "--out with a new file: what is there is never overwritten",
            std::io::ErrorKind::NotFound => "--out with a file in a folder that is there",
            _ => "paraph audit export > FILE, in a folder that you can write",
        };
        Failure::new(FailureKind::Failed, format!("cannot write `{path}`: {error}")).hint(hint)
    };
    let created = std::fs::OpenOptions::new().write(true).create_new(true).open(path.as_path()).map_err(cannot)?;
    let mut out = std::io::BufWriter::new(created);
    let count = desk.world.workbench.audit_export(&mut out)?;
    out.into_inner().map_err(|error| cannot(error.into_error()))?.sync_all().map_err(cannot)?;
    if desk.out.json() {
        desk.out.object(&json!({"schema": "paraph.export/1", "path": path, "entries": count}))?;
    } else {
        desk.out.line(format!("{path}: {count} entries"))?;
    }
    Ok(DONE)
}

/// Standard output, remembering that whoever read it went away.
struct Reader<'a> {
    inner: &'a mut (dyn std::io::Write + Send),
    gone: bool,
}

impl Reader<'_> {
    fn noting<T>(&mut self, result: std::io::Result<T>) -> std::io::Result<T> {
        self.gone |= result.as_ref().is_err_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe);
        result
    }
}

impl std::io::Write for Reader<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let result = self.inner.write(bytes);
        self.noting(result)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        let result = self.inner.flush();
        self.noting(result)
    }
}
