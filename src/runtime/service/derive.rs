//! Versions that a person makes of the one they read: the changes are put together here, the core decides.

use crate::api::{AgainstRequest, Call, DeriveRequest, EditRequest, ExcludeRequest, Failure, FailureKind, SessionView};
use crate::diff::{
    ChangeSet, DiffKind, DiffOptions, FileChange, FileDiff, FileMode, FileSide, Patch, place, recounted,
};
use crate::id::{LaneId, RepoPath, Version};
use crate::proposal::{Context, Draft, ends_in_trailers};
use crate::session::{Command, DeriveCommand, PatchSet, Session};
use crate::text::{Untrusted, counted};

use super::super::between::between_versions;
use super::super::ports::Ports;
use super::super::work::store;
use super::{Runtime, answer, blocking};

impl Runtime {
    pub(super) async fn derive(&self, call: &Call, asked: DeriveRequest) -> Result<SessionView, Failure> {
        let id = asked.session.session;
        if asked.session.version.is_none() || asked.digest.len() < 12 {
            let message = "a derived version names the one it is made of, and 12 or more hex digits of its digest";
            return Err(Failure::new(FailureKind::Usage, message).hint(format!("paraph show {id} --json")));
        }
        let (parent, lane) = self.place(asked.session, asked.repo.as_deref()).await?;
        let session = self.session(id).await?;
        let (shared, by, digest) = (self.shared.clone(), self.person(&call.client), asked.digest.clone());
        let who = by.login.clone();
        let made = blocking(move || {
            let part = Part { ports: &shared.ports, session: &session, lane, parent };
            part.make(&asked, &who)
        });
        let (patch_set, made_for) = made.await?;
        let command = DeriveCommand { parent, digest, patch_set, made_for, by };
        self.command(call, id, Command::Derive(Box::new(command))).await
    }
}

/// One lane of a version.
struct Part<'a> {
    ports: &'a Ports,
    session: &'a Session,
    lane: LaneId,
    parent: Version,
}

impl Part<'_> {
    fn make(&self, asked: &DeriveRequest, who: &str) -> Result<(PatchSet, String), Failure> {
        let set = answer::known(self.session, self.lane, self.parent)?;
        let whole = answer::change(&self.ports.blobs, set)?.changes;
        let other = match asked.against {
            AgainstRequest::Base => None,
            AgainstRequest::Version(other) => Some(other),
            AgainstRequest::LastReview => self.session.last_review(who, self.lane, self.parent),
        };
        let seen = match other {
            None => whole.clone(),
            Some(other) => between_versions(self.ports, self.session, self.lane, (self.parent, &whole), other)?.changes,
        };
        let changes = derived(&whole, &seen, &asked.exclude, asked.edit.as_ref())?;
        if changes.is_empty() {
            return Err(Failure::new(FailureKind::Refused, "nothing of the change would be left")
                .hint(format!("paraph reject {}@{}", self.session.asked.id, self.parent)));
        }
        let made_for = told(asked);
        let before = answer::text(self.ports.blobs.get(set.drafted.explanation));
        let explanation = format!(
            "Made of {} by {who}, without an engine: {made_for}.\n\n{}\n\n## {}\n\n{}",
            self.parent,
            listed(asked, |path| format!("`{path}`")),
            self.parent,
            before.raw()
        );
        let draft = Draft {
            explanation: Untrusted::new(explanation),
            message: message_of(&set.drafted.message, asked),
            context: Context {
                engine: "person/1".to_owned(),
                goal: self.session.asked.goal.clone(),
                tree: set.drafted.base_tree.clone(),
                inputs: vec![format!("{} {}", self.parent, set.drafted.digest), made_for.clone()],
                items: Vec::new(),
            },
            changes,
            answers: Vec::new(),
            base: set.drafted.rebased.clone(),
            log: None,
        };
        let gone = || Failure::new(FailureKind::Failed, "the repository was not loaded").hint("paraph show");
        let base = self.session.base_of(self.lane, self.parent).ok_or_else(gone)?;
        let stored = store(&self.ports.blobs, self.lane, base, &draft)
            .map_err(|stuck| Failure::new(FailureKind::Failed, stuck.reason).hint(stuck.next))?;
        Ok((stored, made_for))
    }
}

/// What a person changed, in a commit message.
const CHANGED: &str = "In review a person changed this:";

/// The commit message of what is left: what the whole one says stays, its trailers last, and it is told what of that is
/// not there.
fn message_of(whole: &Untrusted, asked: &DeriveRequest) -> Untrusted {
    let whole = whole.raw().trim_end();
    let (body, trailers) = match whole.rsplit_once("\n\n") {
        Some((body, last)) if ends_in_trailers(whole) => (body, Some(last)),
        _ => (whole, None),
    };
    let told = format!("{CHANGED}\n{}", listed(asked, ToString::to_string));
    [Some(body), Some(&told), trailers].into_iter().flatten().collect::<Vec<_>>().join("\n\n").into()
}

/// What was done, in a few words.
fn told(asked: &DeriveRequest) -> String {
    let hunks: usize = asked.exclude.iter().map(|file| file.hunks.len()).sum();
    let files = asked.exclude.iter().filter(|file| file.hunks.is_empty()).count();
    let mut words = Vec::new();
    if files > 0 {
        words.push(format!("{} left out", counted(files, "file")));
    }
    if hunks > 0 {
        words.push(format!("{} left out", counted(hunks, "hunk")));
    }
    words.extend(asked.edit.iter().map(|_| "a hunk edited by hand".to_owned()));
    words.join(", ")
}

/// The same, by file: a line each, with the path as `named`.
fn listed(asked: &DeriveRequest, named: impl Fn(&RepoPath) -> String) -> String {
    let mut lines: Vec<String> = asked
        .exclude
        .iter()
        .map(|file| match file.hunks.len() {
            0 => format!("- {}: left out", named(&file.path)),
            hunks => format!("- {}: {} left out", named(&file.path), counted(hunks, "hunk")),
        })
        .collect();
    lines.extend(asked.edit.iter().map(|edit| format!("- {}: a hunk edited by hand", named(&edit.path))));
    lines.join("\n")
}

/// The change `whole` with what is left out as the left side of `seen` has it, and the edited hunk in its place.
fn derived(
    whole: &ChangeSet,
    seen: &ChangeSet,
    exclude: &[ExcludeRequest],
    edit: Option<&EditRequest>,
) -> Result<ChangeSet, Failure> {
    let mut paths: Vec<&RepoPath> = exclude.iter().map(|file| &file.path).collect();
    paths.extend(edit.map(|edit| &edit.path));
    let mut files: Vec<FileChange> = whole.files().to_vec();
    for path in paths {
        let file = seen.get(path).ok_or_else(|| no_such("file", &path.to_string()))?;
        let left_out: Vec<&ExcludeRequest> = exclude.iter().filter(|other| other.path == *path).collect();
        let edit = edit.filter(|edit| edit.path == *path);
        let new = new_side(file, &left_out, edit)?;
        // a file that only the other version touches is on the base in this one
        let old = whole.get(path).map_or_else(|| file.new.clone(), |known| known.old.clone());
        files.push(FileChange { path: path.clone(), old, new });
    }
    Ok(ChangeSet::new(files))
}

fn new_side(
    file: &FileChange,
    left_out: &[&ExcludeRequest],
    edit: Option<&EditRequest>,
) -> Result<Option<FileSide>, Failure> {
    if left_out.iter().any(|file| file.hunks.is_empty()) {
        return match edit {
            None => Ok(file.old.clone()),
            Some(edit) => Err(usage(format!("`{}` is left out and edited at once", edit.path))),
        };
    }
    let content = |side: &Option<FileSide>| side.as_ref().map(|side| side.content.clone()).unwrap_or_default();
    let (old, new) = (content(&file.old), content(&file.new));
    let diff = FileDiff::compute(&old, &new, &DiffOptions::default());
    if diff.kind() != DiffKind::Text {
        return Err(usage(format!("`{}` has no hunks; leave out the whole file", file.path)));
    }
    let keys = diff.hunk_keys(&file.path, &old, &new);
    let place_of = |key: &crate::id::Digest| {
        let found = keys.iter().position(|known| known == key);
        found.ok_or_else(|| no_such("hunk", &format!("{}:{}", file.path, key.short())))
    };
    let mut gone = left_out.iter().flat_map(|file| &file.hunks).map(place_of).collect::<Result<Vec<usize>, _>>()?;
    let edited = edit.map(|edit| place_of(&edit.hunk)).transpose()?;
    if edited.is_some_and(|edited| gone.contains(&edited)) {
        return Err(usage(format!("a hunk of `{}` is left out and edited at once", file.path)));
    }
    gone.extend(edited);
    gone.sort_unstable();
    gone.dedup();
    let without = if gone.len() == keys.len() {
        file.old.clone() // nothing of the change to this file is left, its mode and its being there included
    } else {
        let mode = file.new.as_ref().or(file.old.as_ref()).map_or(FileMode::Regular, |side| side.mode);
        Some(FileSide { mode, content: diff.without_hunks(&gone, &old, &new).into() })
    };
    match edit {
        None => Ok(without),
        Some(edit) => placed(edit, without),
    }
}

/// The file with the edited hunk in it.
fn placed(edit: &EditRequest, without: Option<FileSide>) -> Result<Option<FileSide>, Failure> {
    let refused = |why: String| {
        let message = format!("the edited hunk of `{}` does not fit: {why}", edit.path);
        Failure::new(FailureKind::Refused, message).hint("change added lines only, and leave the others as they are")
    };
    let patch = Patch::parse(recounted(&edit.diff).as_bytes()).map_err(|error| refused(error.to_string()))?;
    let read = |path: &RepoPath| -> Result<Option<FileSide>, std::convert::Infallible> {
        Ok((*path == edit.path).then(|| without.clone()).flatten())
    };
    let changes = place(&patch, &read)
        .map_err(|refusals| refused(refusals.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")))?;
    match changes.files() {
        [] => Ok(without),
        [one] if one.path == edit.path => Ok(one.new.clone()),
        _ => Err(refused("it changes another file".to_owned())),
    }
}

fn no_such(what: &str, name: &str) -> Failure {
    Failure::new(FailureKind::NotFound, format!("the change has no {what} `{name}`")).hint("paraph diff ID@vN")
}

fn usage(message: String) -> Failure {
    Failure::new(FailureKind::Usage, message).hint("paraph help regenerate")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::Digest;
    use crate::runtime::between::between;

    #[test]
    fn trailers_stay_the_last_paragraph_of_a_message() {
        let asked = |path: &str| DeriveRequest {
            session: "1@v1".parse().expect("a version"),
            repo: None,
            digest: String::new(),
            against: AgainstRequest::Base,
            exclude: vec![ExcludeRequest { path: path.into(), hunks: Vec::new() }],
            edit: None,
        };
        let made = message_of(&"fix: a\n\nWhy.\n\nSigned-off-by: A <a@x>\n".into(), &asked("b.rs"));
        let expected = format!("fix: a\n\nWhy.\n\n{CHANGED}\n- b.rs: left out\n\nSigned-off-by: A <a@x>");
        assert_eq!(made.raw(), expected);
        assert!(ends_in_trailers(made.raw()));
        let plain = message_of(&"fix: a".into(), &asked("a\nb"));
        assert_eq!(plain.raw().lines().count(), 4, "a path takes one line: {}", plain.raw());
    }

    const OLD: &str = "1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n11\n12\n";
    const NEW: &str = "1\ntwo\n3\n4\n5\n6\n7\n8\n9\n10\neleven\n12\n";

    fn side(text: &str) -> Option<FileSide> {
        Some(FileSide::regular(text.as_bytes().to_vec()))
    }

    fn change(path: &str, old: Option<FileSide>, new: Option<FileSide>) -> FileChange {
        FileChange { path: path.into(), old, new }
    }

    fn keys(path: &str, old: &str, new: &str) -> Vec<Digest> {
        let (old, new) = (old.as_bytes(), new.as_bytes());
        FileDiff::compute(old, new, &DiffOptions::default()).hunk_keys(&path.into(), old, new)
    }

    /// The new content of `a`, told after leaving out hunks by their places and editing one.
    fn less(old: &str, new: &str, hunks: &[usize], edit: Option<(usize, &str)>) -> Result<String, String> {
        let whole = ChangeSet::new([change("a", side(old), side(new)), change("b", None, side("b\n"))]);
        let keys = keys("a", old, new);
        let edit = edit.map(|(at, diff)| EditRequest { path: "a".into(), hunk: keys[at], diff: diff.to_owned() });
        let exclude = ExcludeRequest { path: "a".into(), hunks: hunks.iter().map(|at| keys[*at]).collect() };
        let exclude = if hunks.is_empty() { Vec::new() } else { vec![exclude] };
        let made = derived(&whole, &whole, &exclude, edit.as_ref()).map_err(|failure| failure.message)?;
        assert!(made.get(&"b".into()).is_some(), "the other file stays");
        let content = made.get(&"a".into()).map(|file| file.new.as_ref().expect("it is there").content.clone());
        Ok(content.map_or_else(|| "as before".to_owned(), |bytes| String::from_utf8_lossy(&bytes).into_owned()))
    }

    #[track_caller]
    fn check(hunks: &[usize], edit: Option<(usize, &str)>, expected: &str) {
        assert_eq!(less(OLD, NEW, hunks, edit).as_deref(), Ok(expected));
    }

    #[test]
    fn hunks_are_left_out_one_by_one() {
        check(&[0], None, &OLD.replace("11", "eleven"));
        check(&[1], None, &OLD.replacen("2\n", "two\n", 1));
        check(&[0, 1], None, "as before");
    }

    #[test]
    fn an_edited_hunk_takes_its_place() {
        let diff = "# change it\n--- a/a\n+++ b/a\n@@ -1,5 +1,5 @@\n 1\n-2\n+zwei\n+und\n 3\n 4\n 5\n";
        check(&[], Some((0, diff)), &NEW.replace("two", "zwei\nund"));
        check(&[1], Some((0, diff)), &OLD.replacen("2\n", "zwei\nund\n", 1));
        let wrong = less(OLD, NEW, &[], Some((0, &diff.replace(" 3\n", " three\n")))).expect_err("it does not place");
        assert!(wrong.contains("does not fit"), "{wrong}");
        let other = less(OLD, NEW, &[], Some((0, &diff.replace("b/a", "b/c").replace("a/a", "a/c"))));
        assert!(other.is_err(), "another file");
        assert!(less(OLD, NEW, &[], Some((0, "words"))).is_err());
        assert!(less(OLD, NEW, &[0], Some((0, diff))).is_err(), "left out and edited at once");
    }

    #[test]
    fn files_are_left_out_whole_and_what_is_not_there_is_refused() {
        let whole = ChangeSet::new([change("a", None, side("a\n")), change("b", side("b\n"), None)]);
        let out = |path: &str, hunks: Vec<Digest>| {
            derived(&whole, &whole, &[ExcludeRequest { path: path.into(), hunks }], None)
        };
        let paths = |made: ChangeSet| made.files().iter().map(|file| file.path.to_string()).collect::<Vec<_>>();
        assert_eq!(paths(out("a", Vec::new()).expect("left out")), ["b"]);
        assert_eq!(paths(out("b", keys("b", "b\n", "")).expect("left out")), ["a"], "the deletion's only hunk");
        assert_eq!(out("c", Vec::new()).expect_err("no such file").kind, FailureKind::NotFound);
        assert_eq!(out("a", vec![Digest::of(b"x")]).expect_err("no such hunk").kind, FailureKind::NotFound);
    }

    #[test]
    fn against_another_version_what_is_left_out_stays_as_it_is_there() {
        let first = ChangeSet::new([change("a", side("1\n"), side("2\n")), change("only-first", None, side("x\n"))]);
        let second = ChangeSet::new([change("a", side("1\n"), side("3\n"))]);
        let seen = between(&first, &second);
        let out =
            |path: &str| derived(&second, &seen, &[ExcludeRequest { path: path.into(), hunks: Vec::new() }], None);
        let made = out("a").expect("left out");
        assert_eq!(made.get(&"a".into()).and_then(|file| file.new.clone()), side("2\n"));
        let made = out("only-first").expect("left out");
        assert_eq!(made.get(&"only-first".into()).and_then(|file| file.new.clone()), side("x\n"), "it comes back");
    }
}
