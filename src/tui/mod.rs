//! The terminal screens.
//!
//! `Msg → update(&mut Model, Msg) → tasks` is pure and synchronous, `view(&Model)` only draws, and the shell is the
//! one place that waits: for keys, for the service, for workers.
#![allow(dead_code)]

mod actions;
mod input;
mod keymap;
mod terminal;
mod theme;
mod widgets;
mod words;

pub use theme::{ColorDepth, Role, Theme, ThemeError};
