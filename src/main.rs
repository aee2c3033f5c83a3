//! Paraph's binary.
fn main() {}
