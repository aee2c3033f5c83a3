//! `paraph artifacts`

use serde_json::{Value, json};

use crate::api::{ArtifactsRequest, Failure, FailureKind};
use crate::cli::desk::Desk;
use crate::cli::ended::{DONE, Done};
use crate::cli::output::{Role, Text};
use crate::id::SessionId;

/// Lists the documents of a session, or prints one
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The session
    #[arg(value_name = "ID")]
    session: SessionId,
    /// The document to print, such as explanation@v1; of one that was written again plan@1 is what it said at first, and
    /// plan@1..2 what changed then
    name: Option<String>,
}

pub(crate) async fn execute(args: Args, desk: &mut Desk) -> Done {
    let view = desk.ask(ArtifactsRequest { session: args.session }).await?;
    let Some(name) = args.name else {
        if desk.out.json() {
            desk.out.object(&json!({"schema": "paraph.artifacts/1", "artifacts": view.artifacts}))?;
            return Ok(DONE);
        }
        for artifact in &view.artifacts {
            let line = Text::new().cell(Role::Strong, &artifact.name, 28).cell(Role::Plain, &artifact.media_type, 18);
            desk.out.line(line.role(Role::Dim, artifact.blob.short()))?;
        }
        return Ok(DONE);
    };
    let Some(artifact) = view.artifacts.iter().find(|artifact| artifact.name == name) else {
        let message = format!("session {} has no document `{name}`", args.session);
        return Err(Failure::new(FailureKind::NotFound, message)
            .hint(format!("paraph artifacts {}", args.session))
            .into());
    };
    let body = desk.world.blobs.read(&artifact.blob)?;
    if desk.out.json() {
        let mut object = serde_json::to_value(artifact).expect("plain data serialises");
        object["schema"] = "paraph.artifact/1".into();
        object["text"] = String::from_utf8(body).map_or(Value::Null, Value::String);
        desk.out.object(&object)?;
    } else {
        desk.out.document(&body)?;
    }
    Ok(DONE)
}
