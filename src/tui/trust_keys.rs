//! Trusting a repository from the screen: first what that lets run, then the question.

use super::model::{Confirm, Model, Overlay, Task, Ticket, Tone};
use super::screens::review::Review;
use crate::api::{Request, TrustRequest, TrustView};
use crate::id::HostPath;
use crate::text::width;

/// The path or address of the lane that is looked at: what trust is given to.
fn trust_path(review: &Review) -> Option<HostPath> {
    let lane = review.view.as_ref()?.lanes.get(review.lane)?;
    Some(match &lane.source {
        super::words::Source::Path(path) => path.clone(),
        super::words::Source::Url(url) => HostPath::new(url),
    })
}

/// Asks what trust would let run: nobody can say yes to commands that were not shown.
pub(crate) fn ask_trust(model: &Model) -> Vec<Task> {
    let Some(review) = &model.review else { return Vec::new() };
    let Some(path) = trust_path(review) else { return Vec::new() };
    let asked = TrustRequest { path, trust: None, setup_network: Some(false) };
    vec![Task::Ask(Ticket::TrustQuestion(review.id), Request::Trust(asked))]
}

/// The most rows of commands that the question shows.
const MOST_ROWS: usize = 12;

/// The question with the commands that trust lets run: yes trusts the repository that it names.
pub(crate) fn confirm_trust(model: &mut Model, view: TrustView) {
    if !model.overlays.is_empty() {
        return;
    }
    let name = super::screens::plain(&view.path.to_string());
    if view.trusted && !view.setup_waits.is_empty() {
        return confirm_network(model, view);
    }
    if view.trusted {
        return model.say(Tone::Info, format!("{name} is trusted already"));
    }
    let mut lines = vec![name.clone()];
    if view.commands.is_empty() {
        lines.push("It has no commands of its own now; later ones may run, in confinement:".to_owned());
    } else {
        lines.push("These commands may run, in confinement:".to_owned());
    }
    // a command is shown whole or counted as not shown: its end may be the part that matters
    let columns = usize::from(model.size.0.min(70)).saturating_sub(10).max(10);
    let rows = usize::from(model.size.1).saturating_sub(10).clamp(1, MOST_ROWS);
    let (mut shown, mut used) = (0, 0);
    for command in &view.commands {
        let text = command.display_line();
        let wrapped = width::wrap(text.as_str(), columns);
        if used + wrapped.len() > rows {
            break;
        }
        lines.extend(
            wrapped.iter().enumerate().map(|(at, row)| format!("{}{row}", if at == 0 { "  " } else { "    " })),
        );
        (shown, used) = (shown + 1, used + wrapped.len());
    }
    if shown < view.commands.len() {
        lines.push(format!("  and {} more: paraph trust --show {name}", view.commands.len() - shown));
    }
    lines.push("no network, no keys, writes only in the checkout.".to_owned());
    let request = Request::Trust(TrustRequest { path: view.path, trust: Some(true), setup_network: None });
    let title = "Trust this repository".to_owned();
    let asks = vec![(Ticket::Trust, request)];
    let confirm = Confirm { title, lines, armed: false, early: false, asks };
    model.overlays.push(Overlay::Confirm(Box::new(confirm)));
}

/// The question whether setup steps may use the network, with what waits for that: yes lets each run once with it.
fn confirm_network(model: &mut Model, view: TrustView) {
    let columns = usize::from(model.size.0.min(70)).saturating_sub(10).max(10);
    let mut lines = vec![super::screens::plain(&view.path.to_string())];
    for waiting in &view.setup_waits {
        lines.extend(width::wrap(waiting.display_line().as_str(), columns).into_iter().map(str::to_owned));
    }
    lines.push("It runs with the network, confined otherwise; checks never have it.".to_owned());
    let request = Request::Trust(TrustRequest { path: view.path, trust: None, setup_network: Some(true) });
    let title = "Let the setup step use the network".to_owned();
    let asks = vec![(Ticket::Trust, request)];
    let confirm = Confirm { title, lines, armed: false, early: false, asks };
    model.overlays.push(Overlay::Confirm(Box::new(confirm)));
}
