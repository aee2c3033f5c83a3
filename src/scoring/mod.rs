//! Scoring: six dimensions from evidence, and the gates that a version passed.

mod gate;
mod score;

pub use gate::{Gate, GateId};
pub use score::{Dimension, Evidence, Rating, Score, Scorer, Tenths};
