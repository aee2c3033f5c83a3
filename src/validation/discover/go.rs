//! Go: build, vet and test of each module.

use super::layout::join;
use super::{CheckKind, Finder};
use crate::repository::TreeError;

pub(super) fn find(finder: &mut Finder<'_>) -> Result<(), TreeError> {
    let folders = finder.folders(&["go.mod"]);
    if folders.is_empty() || !finder.needs("go", "go.mod") {
        return Ok(());
    }
    for folder in folders {
        // `-v` names the tests that pass, so base and proposal can be compared test by test
        let commands: [(&str, CheckKind, &[&str]); 3] = [
            ("go build", CheckKind::Build, &["go", "build", "./..."]),
            ("go test", CheckKind::Test, &["go", "test", "-v", "./..."]),
            ("go vet", CheckKind::Lint, &["go", "vet", "./..."]),
        ];
        for (name, kind, command) in commands {
            let check = finder.add(name, kind, &folder, command);
            // modules come from the cache that is lent; another toolchain cannot be fetched
            check.env.insert("GOPROXY".into(), "off".into());
            check.env.insert("GOTOOLCHAIN".into(), "local".into());
            check.env.insert("GOFLAGS".into(), "-buildvcs=false".into());
        }
        finder.origin(join(&folder, "go.mod"));
    }
    Ok(())
}
