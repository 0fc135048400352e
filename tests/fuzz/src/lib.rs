//! What must hold of whatever strangers send: of tokens, signatures, jobs and addresses.
//!
//! A target is one function `holds(input)`, which panics where a property does not hold of an input. The engine looks for such inputs;
//! the test `seeds` asks the same of each that is kept in `seeds/`. Inputs are texts, so that a seed can be written by hand: the first
//! lines are fields, the rest is a body.
//!
//! **Never here:** a clock, randomness, a network: an input that failed once fails always.

pub mod address;
pub mod job;
pub mod signature;
pub mod token;

/// The first lines of an input as texts, and what is behind them; `None` where there are too few, or one is no text.
fn fields<const LINES: usize>(input: &[u8]) -> Option<([&str; LINES], &[u8])> {
    let mut parts = input.splitn(LINES + 1, |byte| *byte == b'\n');
    let mut lines = [""; LINES];
    for line in &mut lines {
        *line = std::str::from_utf8(parts.next()?).ok()?;
    }
    Some((lines, parts.next().unwrap_or_default()))
}
