//! payoutd.
fn main() {}
