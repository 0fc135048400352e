//! The house under test: one binary, one module per fear. A module is a story; helpers that several stories share stand in `kit`.

mod command_line;
mod configuration;
