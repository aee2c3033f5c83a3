//! Whole replies placed on small trees.
