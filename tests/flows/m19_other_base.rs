//! Versions and threads whose base went on: drafts, comments and what engines are told follow it. Swapped: the models.

use std::sync::Arc;

use paraph::api::{
    AdoptRequest, AgainstRequest, CommentRequest, FailureKind, PatchSetRequest, RegenerateRequest, SessionView, Side,
    ThreadKind, ThreadView, ThreadsRequest,
};
use paraph::id::{SessionId, SessionRef, Version};
use paraph::proposal::EngineKind;
use paraph::repository::WorkSpec;
use paraph::validation::CheckStatus;

use crate::house::{Desk, House, Repository, Told, version};
use crate::models::Scripted;

/// `line 1` to `line 40`, some of them replaced.
fn lines(replaced: &[(usize, &str)]) -> String {
    let line = |number: usize| replaced.iter().find(|(at, _)| *at == number).map(|(_, text)| (*text).to_owned());
    (1..=40).map(|number| line(number).unwrap_or_else(|| format!("line {number}")) + "\n").collect()
}

/// Another line of `a.txt` is changed, which has no check.
fn edit(from: &str, to: &str) -> String {
    format!("Goes on.\n\na.txt\n```\n<<<<<<< SEARCH\n{from}\n=======\n{to}\n>>>>>>> REPLACE\n```\n")
}

/// A session whose v1 is the branch `feat`, which changes these lines of `main`.
struct Adopted {
    house: House,
    models: Arc<Scripted>,
    repository: Repository,
    desk: Desk,
    id: SessionId,
}

impl Adopted {
    async fn new(models: Scripted, changed: &[(usize, &str)]) -> Self {
        let models = models.shared();
        let house = House::with(|house| {
            house.ports.models = models.clone();
            house.ports.validator = Arc::new(Told::all(CheckStatus::Passed));
        });
        let repository = house.repository("shop", &[("a.txt", &lines(&[]))]);
        repository.git(&["checkout", "-q", "-b", "feat"]);
        repository.write("a.txt", lines(changed));
        repository.commit("feat");
        let desk = house.open();
        let work = WorkSpec::Branch("feat".to_owned());
        let asked = AdoptRequest { source: repository.source(), work, goal: Some("mend the lines".to_owned()) };
        let id = desk.ask(asked).await.expect("it is adopted").id;
        desk.until(id, "Scored").await;
        Self { house, models, repository, desk, id }
    }

    /// Upstream has these lines, and the branch follows on top of it.
    fn rebased(&self, upstream: &[(usize, &str)], branch: &[(usize, &str)]) {
        let repository = &self.repository;
        repository.git(&["checkout", "-q", "main"]);
        repository.write("a.txt", lines(upstream));
        repository.commit("upstream");
        repository.git(&["checkout", "-q", "-B", "feat", "main"]);
        repository.write("a.txt", lines(branch));
        repository.commit("feat");
    }

    async fn regenerate(&self, engine: EngineKind) {
        let asked = RegenerateRequest {
            session: self.id,
            engine: Some(engine),
            rules: Vec::new(),
            patch: None,
            message: String::new(),
            program: None,
        };
        self.desk.ask(asked).await.expect("it is asked");
    }

    async fn scored(&self, versions: usize) -> SessionView {
        let is_there = |view: &SessionView| {
            view.versions.len() == versions && view.state == "Scored" || matches!(view.state.as_str(), "NeedsHuman")
        };
        let view = self.desk.wait_until(self.id, is_there).await.expect("it comes to something");
        assert_eq!((view.state.as_str(), view.versions.len()), ("Scored", versions), "{}", view.reason.raw());
        view
    }

    async fn comment(&self, on: u32, (side, line): (Side, u32), against: AgainstRequest, text: &str) -> ThreadView {
        let comment = CommentRequest {
            session: SessionRef { session: self.id, version: Some(Version(on)) },
            repo: None,
            thread: None,
            path: Some("a.txt".into()),
            line: Some(line),
            from_line: None,
            side,
            against,
            kind: ThreadKind::Issue,
            text: text.to_owned(),
            artifact: None,
        };
        self.desk.ask(comment).await.expect("it is opened")
    }

    /// The new side of the file in a version.
    async fn content(&self, number: u32) -> String {
        let session = SessionRef { session: self.id, version: Some(Version(number)) };
        let asked = PatchSetRequest { session, repo: None, against: AgainstRequest::Base };
        let sets = self.desk.ask(asked).await.expect("it is shown");
        let digest = sets[0].files[0].new.as_ref().expect("it is there").digest;
        String::from_utf8(self.house.ports.blobs.get(digest).expect("it is kept")).expect("text")
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_goes_on_from_the_version_before_on_the_base_of_now() {
    let models = Scripted::new().says("implementer", [edit("line 35", "line thirtyfive")]);
    let adopted = Adopted::new(models, &[(10, "line TEN")]).await;
    adopted.comment(1, (Side::New, 13), AgainstRequest::Base, "about thirteen").await;
    adopted.comment(1, (Side::Old, 10), AgainstRequest::Base, "about ten as it was").await;
    let above = "a\nb\nc\nd\ne\nline 1";
    adopted.rebased(&[(1, above), (20, "UPSTREAM")], &[(1, above), (10, "line TEN"), (20, "UPSTREAM")]);
    adopted.regenerate(EngineKind::Llm).await;
    let view = adopted.scored(2).await;
    assert_eq!(version(&view, 2).made_by, "llm");
    let expected = lines(&[(1, above), (10, "line TEN"), (20, "UPSTREAM"), (35, "line thirtyfive")]);
    assert_eq!(adopted.content(2).await, expected, "what upstream did is not taken back");
    let prompt = adopted.models.asked_as("implementer").remove(0).replace("\\n", "\n");
    assert!(prompt.contains("line TEN") && prompt.contains("UPSTREAM"), "{prompt}");
    assert!(prompt.contains("THREAD 1 on `a.txt` line 18 (issue): about thirteen"), "{prompt}");
    assert!(prompt.contains("  > line 13\n"), "{prompt}");
    assert!(prompt.contains("THREAD 2 on `a.txt` line 15 of the base (issue): about ten as it was"), "{prompt}");
    assert!(prompt.contains("  > line 10\n"), "{prompt}");
    assert!(adopted.house.verify().is_sound());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_that_does_not_fit_the_base_of_now_stops_before_anything_is_bought() {
    let models = Scripted::new().says("implementer", [edit("line 35", "line thirtyfive")]);
    let adopted = Adopted::new(models, &[(10, "line TEN")]).await;
    let branch = [(10, "line ten at last")];
    adopted.rebased(&[(10, "UPSTREAM")], &branch);
    adopted.regenerate(EngineKind::Llm).await;
    let view = adopted.desk.wait_until(adopted.id, |view| view.state == "NeedsHuman").await.expect("it stands still");
    assert!(view.reason.raw().contains("what v1 changed in a.txt does not fit the new base"), "{:?}", view.reason);
    assert!(view.next.contains("--engine adopt"), "{}", view.next);
    assert!(adopted.models.asked().is_empty(), "no token was bought");
    // what it names leads on, and the model goes on from there
    adopted.regenerate(EngineKind::Adopt).await;
    adopted.scored(2).await;
    assert_eq!(adopted.content(2).await, lines(&branch));
    adopted.regenerate(EngineKind::Llm).await;
    adopted.scored(3).await;
    assert_eq!(adopted.content(3).await, lines(&[(10, "line ten at last"), (35, "line thirtyfive")]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_comment_on_the_left_of_a_comparison_is_on_the_line_that_it_points_at() {
    let models = Scripted::new();
    let above = "a\nb\nc\nd\ne\nline 1";
    let adopted = Adopted::new(models, &[(1, above), (10, "line TEN")]).await;
    // v2 takes back what v1 added to line 10
    adopted.repository.write("a.txt", lines(&[(1, above)]));
    adopted.repository.commit("without ten");
    adopted.regenerate(EngineKind::Adopt).await;
    adopted.scored(2).await;
    let thread = adopted.comment(2, (Side::Old, 15), AgainstRequest::Version(Version(1)), "why is it gone?").await;
    assert_eq!((thread.version, thread.side, thread.line), (Version(1), Side::New, Some(15)), "`line TEN` is v1's");
    let on_base = adopted.comment(2, (Side::Old, 15), AgainstRequest::Base, "on the base").await;
    assert_eq!((on_base.version, on_base.side, on_base.line), (Version(2), Side::Old, Some(15)));
    // on another base the left side has lines that v1 never had
    adopted.rebased(&[(30, "UPSTREAM"), (31, "more\nline 31")], &[(1, above), (31, "line 31")]);
    adopted.regenerate(EngineKind::Adopt).await;
    adopted.scored(3).await;
    let left = AgainstRequest::Version(Version(1));
    let upstream = adopted.comment(3, (Side::Old, 35), left, "upstream's").await;
    assert_eq!((upstream.version, upstream.side, upstream.line), (Version(3), Side::Old, Some(30)));
    let own = adopted.comment(3, (Side::Old, 37), left, "after it").await;
    assert_eq!((own.version, own.side, own.line), (Version(1), Side::New, Some(36)));
    let nowhere = ThreadsRequest { session: SessionRef { session: adopted.id, version: None }, on: Some(Version(99)) };
    let failure = adopted.desk.ask(nowhere).await.expect_err("there is no such version");
    assert_eq!(failure.kind, FailureKind::NotFound);
}
