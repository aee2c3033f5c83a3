//! The bench for screens: a fake service, keys in, text out. Work is done in place, so a test waits for nothing.

use std::collections::VecDeque;
use std::sync::Arc;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::bench_world::{NOW, World};
use super::diff_view::Colors;
use super::input::{Input, Parser};
use super::keymap::{Key, Keymap};
use super::model::{Model, Msg, Settings, Task, Ticket};
use super::theme::{ColorDepth, Theme};
use super::update::update;
use super::view::{Scene, view};
use crate::syntax::Syntax;
use crate::text::SecretMask;

/// Model and world, played together.
pub(crate) struct Bench {
    pub model: Model,
    pub world: World,
    buffer: Buffer,
}

impl Bench {
    /// The inbox, with some sessions in it.
    pub(crate) fn inbox(columns: u16, rows: u16) -> Self {
        Self::of(World::new(), columns, rows)
    }

    /// A bench of that world, connected.
    pub(crate) fn of(world: World, columns: u16, rows: u16) -> Self {
        let settings = Settings {
            theme: Theme::named("terminal", ColorDepth::Ansi16).expect("ships"),
            theme_follows: true,
            depth: ColorDepth::Ansi16,
            keymap: Keymap::load(None).expect("ships"),
            ascii: false,
            motion: true,
            here: Some("/home/ada/core".to_owned()),
            engine: "rules".to_owned(),
            folder: Some("/home/ada/core/src".into()),
        };
        let model = Model::new(settings, (columns, rows), NOW);
        let buffer = Buffer::empty(Rect::new(0, 0, columns, rows));
        let mut bench = Self { model, world, buffer };
        bench.play(Msg::Connected);
        bench
    }

    /// The review of session 12, on its first unreviewed hunk.
    pub(crate) fn review(columns: u16, rows: u16) -> Self {
        Self::inbox(columns, rows).press("Enter")
    }

    /// Presses keys by their names, each after the frame before was shown.
    pub(crate) fn press(mut self, keys: &str) -> Self {
        for name in keys.split(' ').filter(|name| !name.is_empty()) {
            let key = Key::parse(name).unwrap_or_else(|| panic!("`{name}` is a key"));
            self.play(Msg::Input(Input::Key(key.event())));
            self.show();
        }
        self
    }

    /// Types keys ahead: no frame is shown between them.
    pub(crate) fn type_ahead(mut self, keys: &str) -> Self {
        for name in keys.split(' ').filter(|name| !name.is_empty()) {
            self.play(Msg::Input(Input::Key(Key::parse(name).expect("a key").event())));
        }
        self
    }

    /// Types text, a character a key.
    pub(crate) fn write(mut self, text: &str) -> Self {
        for input in Parser::default().feed(text.as_bytes()) {
            self.play(Msg::Input(input));
        }
        self.show();
        self
    }

    /// Draws a frame and, where a panel waits for it, says it was shown.
    pub(crate) fn show(&mut self) {
        let _ = self.draw();
        if self.model.awaits_shown() {
            self.play(Msg::Shown);
        }
    }

    fn draw(&mut self) -> Scene {
        self.model.dirty = false;
        let (columns, rows) = self.model.size;
        self.buffer = Buffer::empty(Rect::new(0, 0, columns, rows));
        view(&self.model, &mut self.buffer)
    }

    /// Takes a message and does all the work it asks for.
    pub(crate) fn play(&mut self, message: Msg) {
        let mut waiting = VecDeque::from([message]);
        while let Some(message) = waiting.pop_front() {
            for task in update(&mut self.model, message) {
                waiting.extend(self.work(task));
            }
        }
    }

    fn work(&mut self, task: Task) -> Option<Msg> {
        let blobs = &self.world.blobs;
        match task {
            Task::Ask(ticket, request) => {
                if matches!(ticket, Ticket::Panel(_)) && self.world.hold_panel {
                    return None;
                }
                let reply = self.world.answer(request).map(|reply| super::work::masked(mask(), reply));
                Some(Msg::Answer(ticket, Box::new(reply)))
            }
            Task::Diff(key, source) => Some(super::work::load(blobs, key, &source, mask())),
            Task::Search(search) => Some(super::work::look_for(blobs, search, mask())),
            Task::Survey(key, source) => Some(super::work::survey(blobs, key, &source)),
            Task::Weigh(key, now, before) => Some(super::work::weigh(blobs, key, &now, before.as_ref())),
            Task::Color(key, doc) => Some(Msg::Colored(key, Arc::new(Colors::of(&doc, syntax())))),
            Task::ReadBlob(key, digest) => {
                let text = blobs.read(&digest).map(|bytes| super::work::shown(mask(), &bytes));
                Some(Msg::Text(key, text))
            }
            Task::ReadLog(key, source, wanted) => Some(super::work::log_page(blobs, mask(), key, source, wanted)),
            Task::Peek(asked, line, source) => Some(super::work::peek(blobs, asked, line, source, mask(), syntax())),
            Task::Outline(asked, doc, side) => {
                let items = doc.outline(side, syntax());
                Some(Msg::Outlined(asked, doc, side, items))
            }
            Task::ReadIssue(url) => {
                let read = self.world.issue.clone().expect("the world has an issue");
                let kept =
                    read.and_then(|(source, text)| super::work::keep_issue(&self.world.blobs, mask(), source, &text));
                Some(Msg::Issue(url, kept))
            }
            Task::HunkText(source) => Some(super::work::hunk_text(blobs, &source, mask())),
            Task::EditText(text) => Some(Msg::Edited((self.world.editor)(&text))),
            Task::Copy(text) => {
                self.world.copied.push(text);
                None
            }
            Task::Quit => {
                self.world.quit = true;
                None
            }
            _ => None,
        }
    }

    /// The frame as text.
    pub(crate) fn screen(mut self) -> String {
        self.show();
        let scene = self.draw();
        text_of(&self.buffer, scene)
    }

    /// The frame's cells, and its pane that scrolls.
    pub(crate) fn frame(&mut self) -> (Buffer, Option<super::view::Pane>) {
        let scene = self.draw();
        (self.buffer.clone(), scene.pane)
    }

    /// The last frame's cells.
    pub(crate) fn cells(&mut self) -> &Buffer {
        let _ = self.draw();
        &self.buffer
    }
}

/// Compiled once for all tests: that takes longer than they do.
fn syntax() -> &'static Syntax {
    static SYNTAX: std::sync::OnceLock<Syntax> = std::sync::OnceLock::new();
    SYNTAX.get_or_init(Syntax::new)
}

fn mask() -> &'static SecretMask {
    static MASK: std::sync::OnceLock<SecretMask> = std::sync::OnceLock::new();
    MASK.get_or_init(|| SecretMask::new(Vec::new()))
}

fn text_of(buffer: &Buffer, scene: Scene) -> String {
    let mut text = String::new();
    for y in buffer.area.top()..buffer.area.bottom() {
        let mut row = String::new();
        let mut x = buffer.area.left();
        while x < buffer.area.right() {
            let symbol = if scene.cursor.is_some_and(|cursor| (cursor.x, cursor.y) == (x, y))
                && buffer[(x, y)].symbol() == " "
            {
                "▏"
            } else {
                buffer[(x, y)].symbol()
            };
            row.push_str(symbol);
            x += u16::try_from(crate::text::width::columns(symbol).max(1)).expect("narrow");
        }
        text.push_str(row.trim_end());
        text.push('\n');
    }
    text
}
