//! The whole office in a simulated town: stories, crashes at every instant, and thousands of seeded storms.
//!
//! The judge is always the simulated chain's own book, never what the office says of itself.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a test may stop where its story can not go on, and reads its number of runs from the environment"
)]

mod adoption;
mod crash;
mod mutants;
mod restore;
mod simulation;
mod stories;
mod town;

/// The daemon's own allocator: ten thousand towns are built and torn down here.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;
