//! Stories about the journal.
