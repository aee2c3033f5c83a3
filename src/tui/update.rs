//! What happens when something happened: pure and synchronous, messages in, tasks out.

use super::asks::{
    ask_bases, ask_everything, ask_patch_sets, ask_session, ask_sessions, ask_tab, ask_threads, load_current,
    open_session, survey_next,
};
use super::inputs::on_input;
use super::look_around;
use super::model::{Connection, Model, Msg, Overlay, Task, Ticket, Tone};
use super::screens::decision::{Intent, Step};
use super::screens::patches::{Enter, FileState};
use super::screens::review::{Running, Tab};
use super::screens::wizard::At;
use super::texts::{on_text, show_artifact, show_log};
use super::trust_keys::confirm_trust;
use crate::api::{Failure, FailureKind, Notice, Reply, Request, SendDraftsRequest, SessionRow, SessionView, Verdict};
use crate::id::SessionId;
use crate::text::{Untrusted, counted};

/// Takes one message; says what shall be done outside.
pub(crate) fn update(model: &mut Model, msg: Msg) -> Vec<Task> {
    model.dirty = true;
    match msg {
        Msg::Input(input) => on_input(model, input),
        Msg::Resize(columns, rows) => {
            model.size = (columns, rows);
            if let Some(Overlay::Decision(decision)) = model.overlays.last_mut() {
                decision.armed = false; // its frame is another one now
                decision.measure((columns, rows));
            }
            relayout(model);
            Vec::new()
        }
        Msg::Tick(now) => {
            model.now = now;
            Vec::new()
        }
        Msg::Shown => {
            model.dirty = on_shown(model);
            Vec::new()
        }
        Msg::Notice(notice) => on_notice(model, notice),
        Msg::Connected => {
            let again = matches!(model.connection, Connection::Lost(_));
            model.connection = Connection::Live;
            if again {
                model.say(Tone::Success, "connected again");
            }
            ask_everything(model)
        }
        Msg::Lost(failure) => {
            // heard with every attempt: one frame tells it
            model.dirty = model.connection != Connection::Lost(failure.message.clone());
            // a daemon that went comes again; one that will not have us says what to do
            if model.dirty && failure.kind != FailureKind::Unreachable {
                model.say_failure(&failure);
            }
            model.connection = Connection::Lost(failure.message);
            Vec::new()
        }
        Msg::Answer(ticket, answer) => match *answer {
            Ok(reply) => on_reply(model, ticket, reply),
            Err(failure) => on_failure(model, &ticket, &failure),
        },
        Msg::Doc(key, result) => on_doc(model, key, result),
        Msg::Surveyed(key, hunks) => {
            let Some(review) = model.review.as_mut().filter(|review| review.patches.generation == key.generation)
            else {
                model.dirty = false;
                return Vec::new();
            };
            review.patches.keys.insert(key.file, hunks);
            refresh_decision(model);
            survey_next(model)
        }
        Msg::Searched(search, found) => super::search::on_searched(model, &search, found),
        Msg::Weighed(key, now, before) => {
            let Some(review) = model.review.as_mut().filter(|review| review.patches.generation == key.generation)
            else {
                model.dirty = false;
                return Vec::new();
            };
            review.patches.take_weight(key.file, now, &before);
            refresh_decision(model);
            survey_next(model)
        }
        Msg::Colored(key, colors) => {
            let patches = model.review.as_mut().map(|review| &mut review.patches);
            let current = patches.filter(|patches| patches.generation == key.generation);
            if let Some(FileState::Ready(_, slot)) = current.and_then(|patches| patches.loaded.get_mut(&key.file)) {
                *slot = Some(colors);
            }
            Vec::new()
        }
        Msg::Text(key, result) => {
            on_text(model, &key, result);
            Vec::new()
        }
        Msg::Issue(url, read) => super::window_keys::on_issue(model, &url, read),
        Msg::Edited(text) => {
            match (model.overlays.last_mut(), text) {
                (Some(Overlay::Comment(comment)), Some(text)) => comment.set_text(&text),
                (Some(Overlay::Wizard(wizard)), Some(text)) => wizard.written(&text),
                (Some(_), _) => {}
                (None, text) => super::own_version::edited(model, text),
            }
            Vec::new()
        }
        Msg::Log(key, page) => {
            super::texts::on_log(model, key, page);
            Vec::new()
        }
        Msg::LogGone(log) => super::texts::on_log_gone(model, &log),
        Msg::Peeked(asked, result) => {
            look_around::on_peeked(model, asked, result);
            Vec::new()
        }
        Msg::Outlined(asked, doc, side, items) => {
            look_around::on_outline(model, asked, &doc, side, items);
            Vec::new()
        }
        Msg::Hunk(hunk, result) => super::own_version::fetched(model, hunk, result),
        Msg::KeepDraft => super::draft_keys::keep(model),
        Msg::Say(tone, text) => {
            model.say(tone, Untrusted::new(text).display_line().to_string());
            Vec::new()
        }
    }
}

/// The panel's frame is out: its second key counts from now on.
fn on_shown(model: &mut Model) -> bool {
    match model.overlays.last_mut() {
        Some(Overlay::Decision(decision)) if decision.awaits_shown() => {
            decision.armed = true; // what came too early is told until the next key
            true
        }
        Some(Overlay::Confirm(confirm)) => {
            confirm.armed = true;
            true
        }
        _ => false,
    }
}

fn on_notice(model: &mut Model, notice: Notice) -> Vec<Task> {
    match notice {
        Notice::SessionChanged { row } => on_row(model, *row),
        Notice::CheckStarted { session, version, repo, check, on_base, log } => {
            let Some(review) = model.review.as_mut().filter(|review| review.id == session) else { return Vec::new() };
            review.runs.start(Running { version: Some(version), repo, check, on_base, log });
            show_log(model)
        }
        Notice::LogGrew { session, log, .. } => {
            let tasks = super::texts::read_on(model, session, &log);
            model.dirty = !tasks.is_empty();
            tasks
        }
        Notice::CheckFinished { session, version, check } => {
            match model.review.as_mut().filter(|review| review.id == session) {
                Some(review) => {
                    review.runs.end(version, *check);
                    vec![ask_session(session)]
                }
                None => Vec::new(),
            }
        }
        Notice::Missed => ask_everything(model),
        Notice::Leaving => {
            model.connection = Connection::Lost("the service left".to_owned());
            model.say(Tone::Info, "the daemon was stopped; what you ask for next starts it again");
            Vec::new()
        }
    }
}

fn on_row(model: &mut Model, row: SessionRow) -> Vec<Task> {
    let (id, needs_me, done, running) = (row.id, row.needs_me, row.state == "Done", row.running);
    let stands = (row.state.clone(), row.version);
    let before = model.inbox.upsert(row);
    let moved = before.as_ref().is_some_and(|before| (&before.state, before.version) != (&stands.0, stands.1));
    let mut tasks = Vec::new();
    let open = model.review.as_ref().is_some_and(|review| review.id == id);
    // what was said of it while it went on is over; the open session tells which branch it is
    if done && model.toast.as_ref().is_some_and(|toast| toast.text == format!("publishing: session {id}")) {
        model.say(Tone::Success, format!("published: session {id}"));
    }
    if needs_me && !before.is_some_and(|before| before.needs_me) {
        tasks.push(Task::Bell);
        if !open {
            model.say(Tone::Info, format!("session {id} needs you"));
            if let (Some(toast), Some(key)) = (
                model.toast.as_mut(),
                model
                    .settings
                    .keymap
                    .key_of(&[super::actions::Context::Everywhere], super::actions::Action::NextNeedsMe),
            ) {
                toast.hint = format!("{key} opens it");
            }
        }
    }
    tasks.extend(super::comparison_keys::ask_again(model, Some(id)));
    if let Some(review) = model.review.as_mut().filter(|_| open && !running) {
        review.runs.running.clear();
    }
    if let Some(Overlay::Decision(decision)) = model.overlays.last()
        && decision.session.session == id
        && decision.panel.is_some()
        && decision.step != Step::Sent
        && moved
    {
        // somebody else may have decided
        tasks.push(decision.ask_panel());
    }
    if open {
        tasks.push(ask_session(id));
        tasks.extend(model.review.as_ref().map(ask_threads));
        let live = model.review.as_ref().is_some_and(super::screens::review::Review::is_live);
        if live {
            tasks.extend(ask_tab(model));
        }
    }
    tasks
}

fn on_reply(model: &mut Model, ticket: Ticket, reply: Reply) -> Vec<Task> {
    let here = |model: &Model, id: SessionId| model.review.as_ref().is_some_and(|review| review.id == id);
    match (ticket, reply) {
        (Ticket::Sessions, Reply::List(list)) => {
            model.totals = list.totals;
            model.inbox.set(list.sessions);
            Vec::new()
        }
        (Ticket::Session(id), Reply::Show(view)) if here(model, id) => on_session(model, view),
        (Ticket::PatchSets(id, version), Reply::PatchSet(sets)) if here(model, id) => {
            let Some(review) = model.review.as_mut().filter(|review| review.version == Some(version)) else {
                return Vec::new();
            };
            let forgotten = review.patches.set(sets);
            if forgotten > 0 {
                let text = format!("{} no longer left out: the comparison is another one", counted(forgotten, "hunk"));
                model.say(Tone::Warning, text);
            }
            let mut tasks = load_current(model);
            tasks.extend(model.review.as_ref().map(ask_bases).unwrap_or_default());
            // those that were asked for before it was known which version is read stand elsewhere in this one
            tasks.extend(model.review.as_ref().filter(|review| review.has_talk_elsewhere()).map(ask_threads));
            refresh_decision(model);
            tasks
        }
        (Ticket::Bases(generation, earlier), Reply::PatchSet(sets)) => {
            let Some(review) = model.review.as_mut().filter(|review| review.patches.generation == generation) else {
                return Vec::new();
            };
            review.patches.take_bases(earlier, sets);
            refresh_decision(model);
            survey_next(model)
        }
        (Ticket::Threads(id, on), Reply::Threads(view)) if here(model, id) => {
            if let Some(review) = &mut model.review {
                if on.is_some() && on != review.version {
                    return vec![ask_threads(review)]; // it says where they stand in another version
                }
                (review.threads, review.drafts) = (view.threads, view.drafts);
            }
            relayout(model);
            Vec::new()
        }
        (Ticket::Timeline(id), Reply::Timeline(view)) if here(model, id) => {
            if let Some(review) = &mut model.review {
                let fresh = review.timeline.is_none();
                let list = &mut review.lists[Tab::Timeline as usize];
                if fresh {
                    list.cursor = view.entries.len().saturating_sub(1);
                }
                review.timeline = Some(view.entries);
            }
            Vec::new()
        }
        (Ticket::Artifacts(id), Reply::Artifacts(view)) if here(model, id) => {
            if let Some(review) = &mut model.review {
                review.take_artifacts(view.artifacts);
            }
            show_artifact(model)
        }
        (Ticket::Logs(id), Reply::Log(logs)) if here(model, id) => {
            if let Some(review) = &mut model.review {
                review.take_logs(logs);
            }
            show_log(model)
        }
        (Ticket::Beads(id), Reply::Beads(view)) if here(model, id) => {
            if let Some(review) = &mut model.review {
                review.beads = Some(view.beads);
            }
            Vec::new()
        }
        (Ticket::Metrics, Reply::Metrics(metrics)) => {
            if let Some(review) = &mut model.review {
                review.metrics = Some(metrics);
            }
            Vec::new()
        }
        (Ticket::Panel(id), Reply::Panel(panel)) => {
            if let Some(Overlay::Decision(decision)) = model.overlays.last_mut() {
                // a panel that was shown stays as it was: what is decided on does not change under the reader
                if decision.session.session == id {
                    decision.take_panel(panel);
                }
            }
            refresh_decision(model);
            Vec::new()
        }
        (Ticket::PublishQuestion(id), Reply::Panel(panel)) => super::keys::ask_publish(model, id, &panel.writes),
        (Ticket::Decide(id, done), reply) => {
            model.overlays.retain(|overlay| !matches!(overlay, Overlay::Decision(_)));
            model.say(Tone::Success, format!("{done}: session {id}"));
            let approved = done == Intent::Decide(Verdict::Approve).done();
            if let Some(toast) = model.toast.as_mut().filter(|_| approved) {
                toast.hint = "next: `:publish`".to_owned();
            }
            let derived = matches!(reply, Reply::Derive(_));
            let mut tasks = take_view(model, id, reply);
            if derived {
                super::own_version::made(model);
            }
            // drafts went with the word; a version by hand sends none by itself
            let drafts = model.review.as_ref().is_some_and(|review| review.id == id && !review.drafts.is_empty());
            if derived && drafts {
                let ticket = Ticket::Drafts(id, "the next version is made, the drafts are sent");
                tasks.push(Task::Ask(ticket, Request::SendDrafts(SendDraftsRequest { session: id })));
            } else {
                tasks.extend(model.review.as_ref().map(ask_threads));
            }
            tasks
        }
        (Ticket::Draft(id), Reply::Draft(draft)) => super::draft_keys::kept(model, id, draft),
        (Ticket::Drafts(id, done), Reply::DropDraft(view) | Reply::SendDrafts(view)) => {
            super::draft_keys::take(model, id, view);
            model.say(Tone::Success, done);
            Vec::new()
        }
        (Ticket::Derive(id), reply) => {
            let tasks = take_view(model, id, reply);
            super::own_version::made(model);
            tasks
        }
        (Ticket::Resolve(id), Reply::Resolve(_)) if here(model, id) => {
            model.review.as_ref().map(ask_threads).into_iter().collect()
        }
        (Ticket::Mark(_), _) => {
            model.dirty = false;
            Vec::new()
        }
        (Ticket::Estimate, Reply::Estimate(view)) => {
            if let Some(Overlay::Wizard(wizard)) = model.overlays.last_mut()
                && wizard.at == At::Start
                && !view.roles.is_empty()
            {
                wizard.estimate = Untrusted::new(view.words()).display_line().to_string();
            }
            Vec::new()
        }
        (Ticket::Started, Reply::Run(view)) => {
            model.overlays.retain(|overlay| !matches!(overlay, Overlay::Wizard(_)));
            let id = view.id;
            let mut tasks = open_session(model, id);
            tasks.push(ask_sessions());
            let field = view.candidates.len();
            let started =
                if field > 1 { format!("{field} candidates started") } else { format!("session {id} started") };
            model.say(Tone::Success, started);
            let key = model.key_of(super::actions::Action::Compare).filter(|_| field > 1);
            if let (Some(key), Some(toast)) = (key, &mut model.toast) {
                toast.hint = format!("{key} compares them");
            }
            tasks
        }
        (Ticket::Definitions(asked), Reply::Definitions(view)) => look_around::on_definitions(model, asked, view),
        (Ticket::Source(asked), Reply::Source(view)) => look_around::on_source(model, asked, view),
        (Ticket::Blame(asked), Reply::Blame(view)) => {
            look_around::on_blame(model, asked, view);
            Vec::new()
        }
        (Ticket::Comparison(of), Reply::Compare(view)) => {
            super::comparison_keys::compared(model, of, view);
            Vec::new()
        }
        (Ticket::Discarded(id), Reply::Discard(view)) => {
            super::hold_keys::discarded(model, id, &view);
            Vec::new()
        }
        (Ticket::Steered(id), reply) => {
            model.overlays.retain(|overlay| !matches!(overlay, Overlay::Steer(steer) if steer.session == id));
            model.say(Tone::Success, format!("said to whoever drafts session {id}"));
            take_view(model, id, reply)
        }
        (Ticket::Budget(id), reply) => {
            super::budget_keys::was_set(model, id);
            take_view(model, id, reply)
        }
        (Ticket::Ticked(id, criterion, ticked), reply) => {
            let tasks = take_view(model, id, reply);
            super::tick_keys::ticked(model, id, &criterion, ticked);
            tasks
        }
        (Ticket::Changed(id, done), reply) => {
            super::hold_keys::say_changed(model, id, done);
            take_view(model, id, reply)
        }
        (Ticket::TrustQuestion(id), Reply::Trust(view)) if here(model, id) => {
            confirm_trust(model, view);
            Vec::new()
        }
        (Ticket::Trust, Reply::Trust(view)) => {
            let may =
                if view.setup_waits.is_empty() { "its own commands may run" } else { "its setup may use the network" };
            let text = format!("{} is trusted: {may}", view.path);
            model.say(Tone::Success, Untrusted::new(text).display_line().to_string());
            Vec::new()
        }
        _ => {
            model.dirty = false;
            Vec::new()
        }
    }
}

/// A change answers with the session as it is now.
fn take_view(model: &mut Model, id: SessionId, reply: Reply) -> Vec<Task> {
    let view = match reply {
        Reply::Decide(view)
        | Reply::Pick(view)
        | Reply::Override(view)
        | Reply::Tick(view)
        | Reply::Rewrite(view)
        | Reply::Cancel(view)
        | Reply::Pause(view)
        | Reply::Resume(view)
        | Reply::Steer(view)
        | Reply::Budget(view)
        | Reply::Publish(view)
        | Reply::Monitor(view)
        | Reply::Regenerate(view)
        | Reply::Check(view)
        | Reply::Drop(view)
        | Reply::Mark(view) => view,
        // a version by hand is the person's own: they read on in it
        Reply::Derive(view) => {
            let newest = view.versions.last().map(|version| version.number);
            let Some(review) = model.review.as_mut().filter(|review| review.id == id) else { return Vec::new() };
            review.version = newest;
            (review.patches.against, review.patches.since_review) = (None, true);
            review.take_view(view);
            let tasks = ask_patch_sets(review);
            let newest = newest.map(|newest| newest.to_string()).unwrap_or_default();
            model.say(Tone::Success, format!("{newest} is made; it is checked and scored now"));
            return tasks;
        }
        _ => return vec![ask_session(id)],
    };
    if model.review.as_ref().is_some_and(|review| review.id == id) { on_session(model, view) } else { Vec::new() }
}

fn on_session(model: &mut Model, view: SessionView) -> Vec<Task> {
    let Some(review) = &mut model.review else { return Vec::new() };
    let newest = view.versions.last().map(|version| version.number);
    let first = review.view.is_none();
    let news = review.version.is_some() && review.newer().is_none() && review.version < newest;
    let before = review.view.as_ref().map_or(usize::MAX, |before| before.published.len());
    let published = view.published.get(before).map(|branch| super::screens::plain(branch));
    let generation = review.patches.generation;
    review.take_view(view);
    let other = review.patches.generation != generation;
    if let Some(branch) = published {
        model.say(Tone::Success, format!("published: {branch}"));
    }
    let Some(review) = &mut model.review else { return Vec::new() };
    let mut tasks = Vec::new();
    if (review.version.is_none() && newest.is_some()) || other {
        review.version = review.version.or(newest);
        tasks = ask_patch_sets(review);
    }
    if first && review.tab == Tab::Patches && newest.is_none() && !review.chosen {
        review.tab = Tab::Overview;
    }
    if news {
        let newest = newest.map(|newest| newest.to_string()).unwrap_or_default();
        model.say(Tone::Info, format!("{newest} is here; you still read the version before it"));
        let key = model.key_of(super::actions::Action::NextVersion);
        if let (Some(toast), Some(key)) = (&mut model.toast, key) {
            toast.hint = format!("{key} shows it");
        }
    }
    if model.review.as_ref().is_some_and(|review| review.tab == Tab::Runs) {
        tasks.extend(show_log(model));
    } else if first && model.review.as_ref().is_some_and(|review| review.tab == Tab::Overview) {
        tasks.extend(ask_tab(model));
    }
    tasks
}

fn on_failure(model: &mut Model, ticket: &Ticket, failure: &Failure) -> Vec<Task> {
    if failure.kind == FailureKind::Unreachable {
        model.connection = Connection::Lost(failure.message.clone());
    }
    for overlay in &mut model.overlays {
        match (overlay, ticket) {
            (Overlay::Decision(decision), Ticket::Decide(..)) => {
                decision.step = Step::Reading;
                decision.panel = None;
                decision.armed = false;
            }
            (Overlay::Comment(comment), Ticket::Draft(_)) => comment.not_kept(),
            (Overlay::Wizard(wizard), Ticket::Estimate) if wizard.at == At::Start => {
                wizard.wrong = Untrusted::new(failure.message.clone()).display_line().to_string();
            }
            (Overlay::Steer(steer), Ticket::Steered(_)) => steer.sent = false,
            (Overlay::Budget(open), Ticket::Budget(_)) => open.sent = false,
            (Overlay::Ticks(ticks), Ticket::Ticked(..)) => ticks.sent = false,
            (Overlay::Wizard(wizard), Ticket::Started) => {
                wizard.sent = false;
                wizard.wrong = Untrusted::new(failure.message.clone()).display_line().to_string();
            }
            _ => {}
        }
    }
    if *ticket == Ticket::Estimate {
        return Vec::new();
    }
    // a panel that is shown stays, with what was typed into it: only the news of it did not come
    let shown = |overlay: &Overlay| matches!(overlay, Overlay::Decision(decision) if decision.panel.is_some());
    if matches!(ticket, Ticket::Panel(_)) && model.overlays.iter().any(shown) {
        return Vec::new();
    }
    if let Ticket::Definitions(asked) | Ticket::Source(asked) | Ticket::Blame(asked) = ticket {
        look_around::not_found(model, *asked, failure);
        return Vec::new();
    }
    // which branch it is cannot be told: the question can be asked all the same
    if let Ticket::PublishQuestion(id) = ticket {
        return super::keys::ask_publish(model, *id, &[]);
    }
    if matches!(ticket, Ticket::Decide(..) | Ticket::Panel(_)) {
        model.overlays.retain(|overlay| !matches!(overlay, Overlay::Decision(_)));
    }
    model.say_failure(failure);
    match ticket {
        Ticket::Decide(id, _) => vec![ask_session(*id)],
        Ticket::Derive(_) => {
            super::own_version::not_made(model);
            Vec::new()
        }
        Ticket::Mark(_) => model.review.as_ref().map(ask_patch_sets).unwrap_or_default(),
        _ => Vec::new(),
    }
}

fn on_doc(
    model: &mut Model,
    key: super::model::DocKey,
    result: Result<std::sync::Arc<super::diff_view::Doc>, Failure>,
) -> Vec<Task> {
    let Some(review) = model.review.as_mut().filter(|review| review.patches.generation == key.generation) else {
        model.dirty = false;
        return Vec::new();
    };
    let mut tasks = Vec::new();
    let patches = &mut review.patches;
    match result {
        Ok(doc) => {
            tasks.push(Task::Color(key, doc.clone()));
            if !doc.hunks().is_empty() {
                patches.keys.insert(key.file, doc.hunks().iter().map(|hunk| hunk.key).collect());
            }
            patches.loaded.insert(key.file, FileState::Ready(doc, None));
        }
        Err(failure) => {
            let why = Untrusted::new(failure.message).display_line().to_string();
            patches.loaded.insert(key.file, FileState::Failed(why));
            patches.keys.entry(key.file).or_default();
        }
    }
    if key.file == patches.current {
        match patches.opens_further() {
            Some(file) => tasks.extend(super::diff_keys::to_file(model, file, Enter::Opening)),
            None => enter_file(model),
        }
    }
    refresh_decision(model);
    tasks.extend(survey_next(model));
    tasks
}

/// Puts the cursor where the file is entered, once it is ready.
pub(crate) fn enter_file(model: &mut Model) {
    relayout(model);
    let search = model.search.clone();
    let Some(review) = &mut model.review else { return };
    let patches = &mut review.patches;
    if patches.doc().is_none() {
        return;
    }
    let hunks = patches.layout.hunk_rows();
    let row = |at: Option<&u32>| at.map_or(0, |row| *row as usize);
    let at_hunk = matches!(patches.enter, Enter::First | Enter::Last | Enter::Unreviewed | Enter::Opening);
    match std::mem::replace(&mut patches.enter, Enter::Stay) {
        Enter::First => patches.cursor = row(hunks.first()),
        Enter::Last => patches.cursor = row(hunks.last()),
        Enter::Line(line) => {
            patches.cursor = patches.layout.row_of_line(super::diff_view::Side::New, line.saturating_sub(1));
        }
        Enter::Unreviewed | Enter::Opening => {
            let keys = patches.keys.get(&patches.current);
            let open = keys.and_then(|keys| keys.iter().position(|key| !patches.reviewed.contains(key)));
            patches.cursor = row(hunks.get(open.unwrap_or(0)));
        }
        Enter::Match { forward } => patches.cursor = super::search::first_match(patches, &search, forward),
        Enter::FirstThread => {
            let first = patches.said_rows().next();
            patches.cursor = first.unwrap_or(0);
        }
        Enter::LastThread => {
            let last = patches.said_rows().next_back();
            patches.cursor = last.unwrap_or(0);
        }
        Enter::Stay => {}
    }
    if at_hunk {
        show_hunk(model);
    } else {
        scroll_to_cursor(model);
    }
}

/// Makes the diff's rows anew.
pub(crate) fn relayout(model: &mut Model) {
    let Some(review) = &model.review else { return };
    let panes = super::screens::patches::panes(model, review);
    if let Some(review) = &mut model.review {
        let version = review.version;
        review.patches.relayout(&review.threads, &review.drafts, panes.diff.width, version);
    }
    scroll_to_cursor(model);
}

/// Shows the hunk under the cursor from its header on.
pub(crate) fn show_hunk(model: &mut Model) {
    let Some(review) = &model.review else { return };
    let panes = super::screens::patches::panes(model, review);
    if let Some(review) = &mut model.review {
        review.patches.lead(panes.diff);
    }
    scroll_to_cursor(model);
}

/// Brings the cursor of the diff into its window.
pub(crate) fn scroll_to_cursor(model: &mut Model) {
    let Some(review) = &model.review else { return };
    let panes = super::screens::patches::panes(model, review);
    let visible = model.overlays.is_empty() && review.tab == Tab::Patches;
    if let Some(review) = &mut model.review {
        review.patches.show_cursor(panes.diff, visible);
    }
}

/// What the panel says of reading, as it is now; it opens with what was known then.
fn refresh_decision(model: &mut Model) {
    let size = model.size;
    let Some(Overlay::Decision(decision)) = model.overlays.last_mut() else { return };
    decision.measure(size);
    let Some(review) = model.review.as_ref().filter(|review| review.id == decision.session.session) else { return };
    let before = (decision.unseen, decision.progress);
    let (done, all, _) = review.patches.progress(decision.repo.as_deref());
    decision.progress = (done, all);
    decision.unseen = match decision.intent {
        Intent::Decide(Verdict::Approve) => review.patches.unseen(decision.repo.as_deref()),
        _ => 0,
    };
    if before != (decision.unseen, decision.progress) {
        decision.armed = false;
    }
    decision.measure(size); // what asks for care takes lines
}
