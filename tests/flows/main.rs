//! The product's milestones in order, each through the real runtime on real repositories, with one adapter swapped.
#![allow(missing_docs, clippy::unwrap_used)]

#[path = "../support/house.rs"]
mod house;
#[path = "../support/models.rs"]
mod models;
#[path = "../support/vcs.rs"]
mod vcs;

mod m01_life_cycle;
mod m02_snapshot;
mod m03_index;
mod m04_proposal;
mod m05_sandbox;
mod m06_validation;
mod m07_scoring;
mod m08_audit;
mod m09_review;
mod m10_async_and_recovery;
mod m11_stages;
mod m12_models;
mod m13_issues;
mod m14_replay;
mod m15_steering;
mod m16_candidates;
mod m17_twins;
mod m18_parts;
mod m19_other_base;
mod m20_shipping;
mod m21_caps;
mod m22_held_keys;
