//! Paraph: a draft is validated, scored, put before a person, and recorded.

pub mod cancel;
pub mod clock;
pub mod id;

pub mod diff;
pub mod infrastructure;
pub mod syntax;
pub mod text;

pub mod indexing;
pub mod planning;
pub mod policy;
pub mod proposal;
pub mod repository;
pub mod scoring;
pub mod validation;

pub mod api;
pub mod audit;
pub mod cli;
pub mod daemon;
pub mod publishing;
pub mod runtime;
pub mod session;
pub mod tui;

pub mod wiring;
