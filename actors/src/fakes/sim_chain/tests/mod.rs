//! Stories about the simulated network, each named after the fear.
