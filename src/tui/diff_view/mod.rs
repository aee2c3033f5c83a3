//! The diff on the screen: what its rows are, where the cursor stands, how the visible ones are drawn.
//!
//! Rows are never made for a whole file: a layout is a list of segments, found by binary search, so a frame costs
//! the same for a hundred lines and a hundred thousand.

mod digests;
mod doc;
mod draw;
mod layout;

pub(crate) use digests::DigestSet;
pub(crate) use doc::{Colors, Doc, Hunk, Side};
pub(crate) use draw::{Look, draw, height};
pub(crate) use layout::{Folding, Layout, Row, ThreadAt};
