//! syntax

pub mod structural;
