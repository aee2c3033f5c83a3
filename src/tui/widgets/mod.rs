//! Widgets: they draw what they are given and know nothing else.

mod ascii;
mod bars;
mod list;
mod markdown;
mod painter;
mod popup;

pub(crate) use ascii::degrade;
pub(crate) use bars::{gate_strip, progress, score_bar};
pub(crate) use list::{ListState, scrollbar};
pub(crate) use markdown::markdown;
pub(crate) use painter::{Painter, Run};
pub(crate) use popup::{centered, popup};
