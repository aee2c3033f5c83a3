//! What the terminal sent, and what it means on the screen that is shown.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::input::Input;
use super::keymap::{Key, Meaning};
use super::keys;
use super::model::{Model, Overlay, Task};
use super::theme::{Theme, usual};

pub(crate) fn on_input(model: &mut Model, input: Input) -> Vec<Task> {
    match input {
        Input::Key(event) => match escaped(model, event) {
            Some(behind) => on_escaped(model, behind),
            None => keys::on_key(model, Key::of(event)),
        },
        Input::Paste(text) => {
            keys::on_paste(model, &text);
            Vec::new()
        }
        Input::Wheel(lines, ..) => keys::on_wheel(model, lines),
        Input::Click(column, row) => keys::on_click(model, column, row),
        Input::Background { light } => {
            model.dirty = follow_ground(model, light);
            Vec::new()
        }
        Input::Focus(_) | Input::StatusOk | Input::Kitty | Input::Device => {
            model.dirty = false;
            Vec::new()
        }
    }
}

/// Dresses the screens for the ground that the terminal has, where nobody chose a theme.
fn follow_ground(model: &mut Model, light: bool) -> bool {
    let settings = &mut model.settings;
    // without colours there is one theme
    let wanted = Theme::named(usual(light), settings.depth).ok();
    let Some(theme) = wanted.filter(|theme| settings.theme_follows && theme.name() != settings.theme.name()) else {
        return false;
    };
    settings.theme = theme;
    true
}

/// Esc with another key right behind it reads as that key with Alt. No window knows such keys but the one where text is
/// written, and in a panel that decides an Esc must never be lost: so there it is two keys again. Gives the second.
fn escaped(model: &Model, event: KeyEvent) -> Option<KeyEvent> {
    let window = model.overlays.last().is_some_and(|overlay| !matches!(overlay, Overlay::Comment(_)));
    let alt = event.modifiers.contains(KeyModifiers::ALT) && window;
    alt.then(|| KeyEvent::new(event.code, event.modifiers - KeyModifiers::ALT))
}

/// The Esc closes the window; the key behind it is the screen's below, unless that would begin a decision: it was typed
/// with the window in mind.
fn on_escaped(model: &mut Model, behind: KeyEvent) -> Vec<Task> {
    let mut tasks = keys::on_key(model, Key::of(KeyEvent::from(KeyCode::Esc)));
    let behind = Key::of(behind);
    let decides = match model.settings.keymap.meaning(&model.contexts(), &[behind]) {
        Meaning::Do(action) => action.is_weighty(),
        Meaning::Prefix | Meaning::Nothing => false,
    };
    if model.overlays.is_empty() && !decides {
        tasks.extend(keys::on_key(model, behind));
    }
    tasks
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::Request;
    use crate::tui::bench::Bench;
    use crate::tui::input::Parser;
    use crate::tui::model::Msg;

    /// A review with a window opened by `keys` and seen; then `bytes` come in one read.
    fn sent(keys: &str, bytes: &str) -> Bench {
        let mut bench = Bench::review(100, 30).press(keys);
        assert!(!bench.model.overlays.is_empty(), "`{keys}` opens a window");
        for input in Parser::default().feed(bytes.as_bytes()) {
            bench.play(Msg::Input(input));
        }
        bench
    }

    #[test]
    fn an_escape_with_a_key_behind_it_closes_the_window() {
        for keys in ["X", "A", "R", "?", ":", "/"] {
            for behind in ["y", "j", "X", "\x1b[A"] {
                let bench = sent(keys, &format!("\x1b{behind}"));
                assert!(bench.model.overlays.is_empty(), "{keys} Esc {behind:?}");
                assert!(
                    !bench.world.changes.iter().any(|change| matches!(change, Request::Decide(_))),
                    "{keys} Esc {behind:?}"
                );
            }
        }
    }

    #[test]
    fn the_key_behind_is_the_screens_below() {
        let row = |bench: &Bench| bench.model.review.as_ref().map(|review| review.patches.cursor);
        let before = row(&Bench::review(100, 30)).expect("a review");
        assert_eq!(row(&sent("X", "\x1bj")), Some(before + 1));
        assert!(row(&sent("?", "\x1bq")).is_none(), "q leaves the review");
    }

    #[test]
    fn text_that_is_written_keeps_its_own_keys() {
        let bench = sent("c", "\x1bb");
        assert!(matches!(bench.model.overlays.last(), Some(Overlay::Comment(_))));
    }

    #[test]
    fn the_ground_dresses_the_screens_where_nobody_chose() {
        let dressed = |follows: bool, light: bool| {
            let mut bench = Bench::inbox(80, 24);
            bench.model.settings.theme_follows = follows;
            bench.model.dirty = false;
            bench.play(Msg::Input(Input::Background { light }));
            (bench.model.settings.theme.name().to_owned(), bench.model.dirty)
        };
        assert_eq!(dressed(true, true), (usual(true).to_owned(), true));
        assert_eq!(dressed(true, false), (usual(false).to_owned(), false));
        assert_eq!(dressed(false, true), (usual(false).to_owned(), false));
    }
}
