//! What is asked of the service and the workers, by what is shown.

use super::model::{Model, Task, Ticket};
use super::screens::patches::FileState;
use super::screens::review::{Review, Tab};
use super::update::enter_file;
use super::words::Motion;
use crate::api::{
    AgainstRequest, ArtifactsRequest, BeadsRequest, ListRequest, LogRequest, MetricsRequest, PatchSetRequest, Request,
    ShowRequest, ThreadsRequest, TimelineRequest,
};
use crate::id::{SessionId, SessionRef, Version};

pub(crate) fn ask_sessions() -> Task {
    Task::Ask(Ticket::Sessions, Request::List(ListRequest::default()))
}

/// Asks for all that is shown: at first, and after notices were missed.
pub(crate) fn ask_everything(model: &mut Model) -> Vec<Task> {
    let mut tasks = vec![ask_sessions()];
    if let Some(review) = &model.review {
        tasks.push(ask_session(review.id));
        tasks.push(ask_threads(review));
        tasks.extend(ask_tab(model));
    }
    tasks.extend(super::comparison_keys::ask_again(model, None));
    tasks
}

pub(crate) fn ask_session(id: SessionId) -> Task {
    let session = SessionRef { session: id, version: None };
    Task::Ask(Ticket::Session(id), Request::Show(ShowRequest { session }))
}

/// Asks for the threads of a session, and where they stand in the version being read.
pub(crate) fn ask_threads(review: &Review) -> Task {
    let session = SessionRef { session: review.id, version: None };
    let on = review.version;
    Task::Ask(Ticket::Threads(review.id, on), Request::Threads(ThreadsRequest { session, on }))
}

/// Asks for the patch sets of the version being read.
pub(crate) fn ask_patch_sets(review: &Review) -> Vec<Task> {
    let Some(version) = review.version else { return Vec::new() };
    let patches = &review.patches;
    let against = match (patches.against, patches.since_review) {
        (Some(version), _) => AgainstRequest::Version(version),
        (None, true) => AgainstRequest::LastReview,
        (None, false) => AgainstRequest::Base,
    };
    let request = PatchSetRequest { session: review.reference(), repo: None, against };
    vec![Task::Ask(Ticket::PatchSets(review.id, version), Request::PatchSet(request))]
}

/// Asks for what reading counts against, where the version is shown against another one.
pub(crate) fn ask_bases(review: &Review) -> Vec<Task> {
    let ask = |(earlier, repo): (Option<Version>, Option<String>)| {
        let session = SessionRef { session: review.id, version: earlier.or(review.version) };
        let request = PatchSetRequest { session, repo, against: AgainstRequest::Base };
        Task::Ask(Ticket::Bases(review.patches.generation, earlier), Request::PatchSet(request))
    };
    review.patches.wants_bases().into_iter().map(ask).collect()
}

/// Opens a session.
pub(crate) fn open_session(model: &mut Model, id: SessionId) -> Vec<Task> {
    model.toast = None;
    model.close_review();
    let mut review = Review::new(id);
    review.patches.seen = model.seen.remove(&id).unwrap_or_default();
    let row = model.inbox.row(id);
    if row.is_some_and(|row| row.version.is_some() && row.needs_me) {
        review.tab = Tab::Patches;
    }
    review.runs.follow = model.settings.motion;
    let tasks = vec![ask_session(id), ask_threads(&review)];
    model.review = Some(review);
    tasks
}

/// What the tab that is shown needs and does not have.
pub(crate) fn ask_tab(model: &mut Model) -> Vec<Task> {
    let Some(review) = &model.review else { return Vec::new() };
    let (id, session) = (review.id, review.reference());
    match review.tab {
        Tab::Timeline => {
            vec![Task::Ask(Ticket::Timeline(id), Request::Timeline(TimelineRequest { session: id }))]
        }
        Tab::Artifacts => {
            vec![Task::Ask(Ticket::Artifacts(id), Request::Artifacts(ArtifactsRequest { session: id }))]
        }
        Tab::Runs => vec![Task::Ask(Ticket::Logs(id), Request::Log(LogRequest { session, check: None }))],
        Tab::Beads => {
            let request = BeadsRequest { session: Some(id), ..BeadsRequest::default() };
            vec![Task::Ask(Ticket::Beads(id), Request::Beads(request))]
        }
        Tab::Metrics => vec![Task::Ask(Ticket::Metrics, Request::Metrics(MetricsRequest::default()))],
        Tab::Patches => load_current(model),
        Tab::Overview if review.motion(model) == Motion::Runs => {
            vec![Task::Ask(Ticket::Logs(id), Request::Log(LogRequest { session, check: None }))]
        }
        Tab::Overview | Tab::Architecture | Tab::Policy => Vec::new(),
    }
}

/// Loads the file under the cursor where it is not there yet; else only lays it out.
pub(crate) fn load_current(model: &mut Model) -> Vec<Task> {
    let Some(review) = &mut model.review else { return Vec::new() };
    let patches = &mut review.patches;
    let file = patches.current;
    patches.trim();
    let Some(source) = patches.source(file) else { return Vec::new() };
    match patches.loaded.get(&file) {
        Some(FileState::Ready(..)) => {
            enter_file(model);
            Vec::new()
        }
        Some(FileState::Loading) => Vec::new(),
        Some(FileState::Failed(_)) | None => {
            patches.loaded.insert(file, FileState::Loading);
            patches.layout = super::diff_view::Layout::default();
            vec![Task::Diff(patches.key(file), source)]
        }
    }
}

/// Counts the hunks of one more file; one at a time, so that reading never waits for counting.
pub(crate) fn survey_next(model: &mut Model) -> Vec<Task> {
    let Some(review) = &mut model.review else { return Vec::new() };
    let patches = &mut review.patches;
    let busy = patches.loaded.values().any(|state| matches!(state, FileState::Loading));
    if busy || patches.reading.weighing.is_some() {
        return Vec::new();
    }
    let next = patches.unsurveyed().and_then(|file| Some(Task::Survey(patches.key(file), patches.source(file)?)));
    if let Some(task) = next {
        return vec![task];
    }
    let Some((file, now, before)) = patches.unweighed() else { return Vec::new() };
    patches.reading.weighing = Some(file);
    vec![Task::Weigh(patches.key(file), now, before)]
}
