//! payoutd: arguments, configuration, wiring, wait, drain.

fn main() {}
