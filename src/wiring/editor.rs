//! The person's editor, for texts that are longer than a command line.

use std::io::{Read as _, Write as _};

use crate::api::{Failure, FailureKind};
use crate::cli::Edited;
use crate::id::HostPath;
use crate::infrastructure::process;

use super::House;

/// The most bytes that are read back.
const LARGEST: u64 = 1 << 20;

impl House {
    /// Lets a person write on in `text`. What they wrote stays in its file, whatever becomes of it, until somebody
    /// removes that.
    pub(super) fn edit_text(&self, text: &str) -> Result<Edited, Failure> {
        let variables = self.variables();
        let named = |name: &str| variables.get(name).map(|value| value.trim()).filter(|value| !value.is_empty());
        let editor = named("VISUAL").or_else(|| named("EDITOR"));
        if editor.is_none() && named("TERM") == Some("dumb") {
            let failure = Failure::new(FailureKind::Usage, "this terminal is dumb, and no editor is named");
            return Err(failure.hint("EDITOR=… paraph run, or paraph run \"what shall change\""));
        }
        let editor = editor.unwrap_or("vi");
        let failed = |error: std::io::Error| {
            Failure::new(FailureKind::Failed, format!("cannot write a file for the editor: {error}"))
                .hint("TMPDIR=/a/folder/you/can/write paraph run")
        };
        let mut file = tempfile::Builder::new().prefix("paraph-goal-").suffix(".md").tempfile().map_err(failed)?;
        file.write_all(text.as_bytes()).map_err(failed)?;
        let (file, path) = file.keep().map_err(|error| failed(error.error))?;
        drop(file);
        let kept = HostPath::new(&path);
        let unread = |why: String| {
            Failure::new(FailureKind::Failed, why).hint(format!("what was written is kept: paraph run -F {kept}"))
        };
        // ^C is the editor's while it has the terminal: it must not take this process from under it
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(tokio::signal::ctrl_c());
        }
        let environment: Vec<_> = self.environment.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
        let status = process::edit(editor, &path, &environment)
            .map_err(|error| unread(format!("cannot run `{editor}`: {error}")))?;
        if !status.success() {
            return Err(unread(format!("`{editor}` ended with {status}, and no session was started")));
        }
        let mut bytes = Vec::new();
        std::fs::File::open(&path)
            .and_then(|file| file.take(LARGEST + 1).read_to_end(&mut bytes))
            .map_err(|error| unread(format!("cannot read what was written: {error}")))?;
        Ok(Edited { bytes, path: kept })
    }
}
