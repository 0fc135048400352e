//! The whole office in a simulated town: stories, crashes at every instant, and thousands of seeded storms.
//!
//! The judge is always the simulated chain's own book, never what the office says of itself.

mod crash;
mod mutants;
mod simulation;
mod stories;
mod town;
