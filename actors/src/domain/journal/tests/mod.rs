//! Stories about the journal: what it accepts, and what a thief of the database cannot do to it.

mod canonical_form;
mod checkpoints;
mod every_record;
mod export_lines;
mod keys;
mod kit;
mod merkle_vectors;
mod sealing;
mod seals_tampered;
