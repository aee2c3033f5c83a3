//! Scoring: six dimensions from evidence, and the gates that a version passed.
//!
//! Everything here is a pure function of facts: the same evidence gives the same integers, reasons and gates.

mod evidence;
mod gate;
mod gates;
mod pass_fail;
mod review;
mod score;
mod six_dimensions;

pub use gate::{Gate, GateId};
pub use gates::{Accepted, GateInput, Placement, gate_of_base, gates};
pub use pass_fail::SimplePassFail;
pub use review::{
    IssueSeverity, REVIEW_OUTPUT, REVIEWERS, Review, ReviewBrief, ReviewIssue, ReviewReport, ReviewScore, facts,
    read_review, review_assignment,
};
pub use score::{Dimension, Evidence, Rating, Score, Scorer, Tenths};
pub use six_dimensions::SixDimensions;

/// The score from which G4 passes, unless settings say another.
pub const DEFAULT_THRESHOLD_TENTHS: i64 = 70;
