//! Keys to actions: read from `keymap.toml`, changed by the user's own, printed wherever keys are shown.

use std::collections::BTreeMap;
use std::fmt;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::actions::{Action, Context};

/// One key as a person names it: `j`, `Space`, `Ctrl-d`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Key {
    code: KeyCode,
    modifiers: KeyModifiers,
}

impl Key {
    /// The key of an event: a shifted character is the character itself.
    #[must_use]
    pub fn of(event: KeyEvent) -> Self {
        let mut modifiers = event.modifiers & (KeyModifiers::CONTROL | KeyModifiers::ALT | KeyModifiers::SHIFT);
        if matches!(event.code, KeyCode::Char(_) | KeyCode::BackTab) {
            modifiers -= KeyModifiers::SHIFT;
        }
        Self { code: event.code, modifiers }
    }

    /// As an event, for a text box.
    #[must_use]
    pub fn event(self) -> KeyEvent {
        KeyEvent::new(self.code, self.modifiers)
    }

    /// The plain character it types, if it types one.
    #[must_use]
    pub fn typed(self) -> Option<char> {
        match self.code {
            KeyCode::Char(c) if self.modifiers.is_empty() => Some(c),
            _ => None,
        }
    }

    /// The key without modifiers.
    #[must_use]
    pub fn code(self) -> KeyCode {
        self.code
    }

    /// Reads a name.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut modifiers = KeyModifiers::NONE;
        let mut rest = text;
        loop {
            let (modifier, after) = if let Some(after) = rest.strip_prefix("Ctrl-") {
                (KeyModifiers::CONTROL, after)
            } else if let Some(after) = rest.strip_prefix("Alt-") {
                (KeyModifiers::ALT, after)
            } else if let Some(after) = rest.strip_prefix("Shift-") {
                (KeyModifiers::SHIFT, after)
            } else {
                break;
            };
            modifiers |= modifier;
            rest = after;
        }
        let mut characters = rest.chars();
        let code = match (characters.next()?, characters.next()) {
            (c, None) => KeyCode::Char(c),
            _ => NAMES.iter().find(|(_, name)| *name == rest).map(|(code, _)| *code).or_else(|| {
                let number = rest.strip_prefix('F')?.parse().ok().filter(|number| (1..=24).contains(number))?;
                Some(KeyCode::F(number))
            })?,
        };
        Some(Self { code, modifiers })
    }
}

const NAMES: [(KeyCode, &str); 16] = [
    (KeyCode::Char(' '), "Space"),
    (KeyCode::Enter, "Enter"),
    (KeyCode::Esc, "Esc"),
    (KeyCode::Tab, "Tab"),
    (KeyCode::BackTab, "BackTab"),
    (KeyCode::Backspace, "Backspace"),
    (KeyCode::Delete, "Delete"),
    (KeyCode::Insert, "Insert"),
    (KeyCode::Up, "Up"),
    (KeyCode::Down, "Down"),
    (KeyCode::Left, "Left"),
    (KeyCode::Right, "Right"),
    (KeyCode::Home, "Home"),
    (KeyCode::End, "End"),
    (KeyCode::PageUp, "PageUp"),
    (KeyCode::PageDown, "PageDown"),
];

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (modifier, name) in
            [(KeyModifiers::CONTROL, "^"), (KeyModifiers::ALT, "Alt-"), (KeyModifiers::SHIFT, "Shift-")]
        {
            if self.modifiers.contains(modifier) {
                f.write_str(name)?;
            }
        }
        match self.code {
            KeyCode::F(number) => write!(f, "F{number}"),
            code => match NAMES.iter().find(|(named, _)| *named == code) {
                Some((_, name)) => f.write_str(name),
                None => match code {
                    KeyCode::Char(c) => write!(f, "{c}"),
                    other => write!(f, "{other:?}"),
                },
            },
        }
    }
}

/// Keys pressed one after the other.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Chord(Vec<Key>);

impl Chord {
    fn parse(text: &str) -> Option<Self> {
        let keys: Option<Vec<Key>> = text.split(' ').filter(|part| !part.is_empty()).map(Key::parse).collect();
        keys.filter(|keys| !keys.is_empty()).map(Self)
    }
}

impl fmt::Display for Chord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|key| key.fmt(f))
    }
}

/// Why a keymap could not be used.
#[derive(Debug, thiserror::Error)]
pub enum KeymapError {
    /// The file is no TOML of the right shape.
    #[error("the keymap cannot be read")]
    Parse(#[source] toml::de::Error),
    /// A section nobody knows.
    #[error("the keymap has a section `{0}`, which is no context")]
    Context(String),
    /// An action nobody knows.
    #[error("the keymap's section `{context}` names `{action}`, which is no action")]
    Action {
        /// The section.
        context: String,
        /// The action.
        action: String,
    },
    /// A key nobody has.
    #[error("the keymap binds `{action}` in `{context}` to `{key}`, which is no key")]
    Key {
        /// The section.
        context: &'static str,
        /// The action.
        action: &'static str,
        /// The key.
        key: String,
    },
    /// Two actions on one key.
    #[error("the keymap binds `{key}` in `{context}` to both `{first}` and `{second}`")]
    Conflict {
        /// The key.
        key: String,
        /// The section.
        context: &'static str,
        /// One action.
        first: &'static str,
        /// The other.
        second: &'static str,
    },
    /// A deciding key was taken away.
    #[error("the keymap gives `{key}` to `{action}`: A, X, R and O decide, in every context")]
    Deciding {
        /// The key.
        key: String,
        /// The action.
        action: &'static str,
    },
}

/// What a key, or the keys so far, mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meaning {
    /// Do this.
    Do(Action),
    /// More keys are needed.
    Prefix,
    /// Nothing.
    Nothing,
}

/// One binding: context, keys, action.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Binding {
    /// Where.
    pub context: Context,
    /// Which keys.
    pub chord: Chord,
    /// What.
    pub action: Action,
}

/// All bindings.
#[derive(Debug, Clone)]
pub struct Keymap {
    bindings: Vec<Binding>,
}

type Sections = BTreeMap<String, BTreeMap<String, Vec<String>>>;

impl Keymap {
    /// The keymap that ships, with the sections of `changes` (TOML of the same shape) in place of its entries.
    ///
    /// # Errors
    /// [`KeymapError`], naming both lines of a conflict.
    pub fn load(changes: Option<&str>) -> Result<Self, KeymapError> {
        let mut sections: Sections = toml::from_str(include_str!("keymap.toml")).map_err(KeymapError::Parse)?;
        if let Some(text) = changes {
            let changed: Sections = toml::from_str(text).map_err(KeymapError::Parse)?;
            for (context, entries) in changed {
                sections.entry(context).or_default().extend(entries);
            }
        }
        let mut bindings = Vec::new();
        for (name, entries) in &sections {
            let context = Context::ALL
                .into_iter()
                .find(|context| context.name() == name)
                .ok_or_else(|| KeymapError::Context(name.clone()))?;
            for (action, keys) in entries {
                let action = Action::named(action)
                    .ok_or_else(|| KeymapError::Action { context: name.clone(), action: action.clone() })?;
                for key in keys {
                    let chord = Chord::parse(key).ok_or_else(|| KeymapError::Key {
                        context: context.name(),
                        action: action.name(),
                        key: key.clone(),
                    })?;
                    bindings.push(Binding { context, chord, action });
                }
            }
        }
        // the help lists actions in their own order, an action's keys in the file's
        bindings.sort_by_key(|binding| {
            (
                Context::ALL.iter().position(|context| *context == binding.context),
                Action::ALL.iter().position(|action| *action == binding.action),
            )
        });
        let keymap = Self { bindings };
        keymap.check()?;
        Ok(keymap)
    }

    fn check(&self) -> Result<(), KeymapError> {
        for (at, one) in self.bindings.iter().enumerate() {
            for other in &self.bindings[at + 1..] {
                let (short, long) = if one.chord.0.len() <= other.chord.0.len() { (one, other) } else { (other, one) };
                if one.context == other.context
                    && long.chord.0.starts_with(&short.chord.0)
                    && one.action != other.action
                {
                    return Err(KeymapError::Conflict {
                        key: short.chord.to_string(),
                        context: one.context.name(),
                        first: one.action.name(),
                        second: other.action.name(),
                    });
                }
            }
            let deciding =
                matches!(one.action, Action::Approve | Action::Reject | Action::RequestChanges | Action::Override);
            let on_deciding = matches!(one.chord.0[0].typed(), Some('A' | 'X' | 'R' | 'O'));
            if on_deciding && !deciding {
                return Err(KeymapError::Deciding { key: one.chord.to_string(), action: one.action.name() });
            }
        }
        Ok(())
    }

    /// What `keys` mean in `contexts`, the nearest first.
    #[must_use]
    pub fn meaning(&self, contexts: &[Context], keys: &[Key]) -> Meaning {
        for context in contexts {
            let mut prefix = false;
            for binding in self.bindings.iter().filter(|binding| binding.context == *context) {
                if binding.chord.0 == keys {
                    return Meaning::Do(binding.action);
                }
                prefix |= binding.chord.0.starts_with(keys);
            }
            if prefix {
                return Meaning::Prefix;
            }
        }
        Meaning::Nothing
    }

    /// The first key of `action` in `contexts`, for a hint.
    #[must_use]
    pub fn key_of(&self, contexts: &[Context], action: Action) -> Option<&Chord> {
        contexts
            .iter()
            .find_map(|context| {
                self.bindings.iter().find(|binding| binding.context == *context && binding.action == action)
            })
            .map(|binding| &binding.chord)
    }

    /// The bindings of `context` by action, each with its keys in one text.
    pub fn entries(&self, context: Context) -> Vec<(String, Action)> {
        let mut entries: Vec<(String, Action)> = Vec::new();
        for binding in self.bindings.iter().filter(|binding| binding.context == context) {
            match entries.last_mut() {
                Some((keys, action)) if *action == binding.action => {
                    keys.push(' ');
                    keys.push_str(&binding.chord.to_string());
                }
                _ => entries.push((binding.chord.to_string(), binding.action)),
            }
        }
        entries
    }

    /// What may follow `keys` in `contexts`: the rest of the chord and the action.
    #[must_use]
    pub fn continuations(&self, contexts: &[Context], keys: &[Key]) -> Vec<(String, Action)> {
        self.bindings
            .iter()
            .filter(|binding| contexts.contains(&binding.context))
            .filter(|binding| binding.chord.0.len() > keys.len() && binding.chord.0.starts_with(keys))
            .map(|binding| (Chord(binding.chord.0[keys.len()..].to_vec()).to_string(), binding.action))
            .collect()
    }

    /// Every key as Markdown tables, for README and `paraph help keys`.
    #[must_use]
    pub fn markdown(&self) -> String {
        let mut text = String::new();
        for context in Context::ALL {
            let title = context.title();
            text.push_str(&format!("\n**{title}**\n\n| Key | What it does | Command |\n| --- | --- | --- |\n"));
            for (keys, action) in self.entries(context) {
                let keys = keys.replace('|', "\\|");
                text.push_str(&format!("| `{keys}` | {} | `{}` |\n", action.about(), action.name()));
            }
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(text: &str) -> Vec<Key> {
        Chord::parse(text).expect("a chord").0
    }

    #[track_caller]
    fn check(contexts: &[Context], pressed: &str, expected: Meaning) {
        let keymap = Keymap::load(None).expect("ships");
        assert_eq!(keymap.meaning(contexts, &keys(pressed)), expected, "{pressed}");
    }

    #[test]
    fn keys_mean_what_the_nearest_context_says() {
        let diff = [Context::Diff, Context::Session, Context::Everywhere];
        let inbox = [Context::Inbox, Context::Everywhere];
        check(&inbox, "n", Meaning::Do(Action::NewSession));
        check(&diff, "n", Meaning::Do(Action::SearchNext));
        check(&diff, "g", Meaning::Prefix);
        check(&diff, "g g", Meaning::Do(Action::Top));
    }

    #[test]
    fn deciding_keys_are_the_same_everywhere() {
        let keymap = Keymap::load(None).expect("ships");
        for context in Context::ALL.into_iter().filter(|context| !matches!(context, Context::TextBox | Context::Wizard))
        {
            for (key, action) in
                [("A", Action::Approve), ("X", Action::Reject), ("R", Action::RequestChanges), ("O", Action::Override)]
            {
                assert_eq!(keymap.meaning(&[context, Context::Everywhere], &keys(key)), Meaning::Do(action));
            }
        }
    }

    #[track_caller]
    fn check_error(changes: &str, expected: &str) {
        assert_eq!(Keymap::load(Some(changes)).expect_err("must not be taken").to_string(), expected);
    }

    #[test]
    fn a_wrong_keymap_is_refused_with_both_lines() {
        check_error("[diff]\nmark-file = ['c']", "the keymap binds `c` in `diff` to both `mark-file` and `comment`");
        check_error("[diff]\ncomment = ['z']", "the keymap binds `z` in `diff` to both `comment` and `context-more`");
        check_error(
            "[inbox]\ncycle-sort = ['A']",
            "the keymap gives `A` to `cycle-sort`: A, X, R and O decide, in every context",
        );
        check_error("[inbox]\nfly = ['f']", "the keymap's section `inbox` names `fly`, which is no action");
        check_error("[sky]\nquit = ['f']", "the keymap has a section `sky`, which is no context");
        check_error("[inbox]\nopen = ['Shoe']", "the keymap binds `open` in `inbox` to `Shoe`, which is no key");
    }

    #[test]
    fn a_users_keys_take_the_place_of_ours() {
        let keymap = Keymap::load(Some("[inbox]\nnew-session = ['i']")).expect("fine");
        assert_eq!(keymap.meaning(&[Context::Inbox], &keys("i")), Meaning::Do(Action::NewSession));
        assert_eq!(keymap.meaning(&[Context::Inbox], &keys("n")), Meaning::Nothing);
    }

    #[test]
    fn names_read_back() {
        for text in ["j", "Space", "Enter", "F1", "PageDown", "|"] {
            assert_eq!(Key::parse(text).expect("a key").to_string(), text);
        }
        assert_eq!(Key::parse("Ctrl-d").expect("a key").to_string(), "^d");
        assert_eq!(Key::parse(""), None);
        assert_eq!(Key::parse("F99"), None);
    }
}
