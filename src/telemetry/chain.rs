//! An error and its causes on one line: for the log (`error = %Chain(&error)`) and for the terminal.

use std::{error::Error, fmt};

/// An error with all its causes on one line. A cause whose words stand in the sentence before it is not said twice.
pub struct Chain<'a>(pub &'a (dyn Error + 'static));

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut said = self.0.to_string();
        f.write_str(&said)?;
        let mut cause = self.0.source();
        while let Some(error) = cause {
            let words = error.to_string();
            if !said.contains(&words) {
                write!(f, ": {words}")?;
            }
            said = words;
            cause = error.source();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("cannot open the store")]
    struct Outer(#[source] std::io::Error);

    #[test]
    fn the_whole_chain_stands_on_one_line() {
        let error = Outer(std::io::Error::other("disk full"));
        assert_eq!(Chain(&error).to_string(), "cannot open the store: disk full");
    }

    #[derive(Debug, thiserror::Error)]
    #[error("said already: {0}")]
    struct Talkative(#[source] std::io::Error);

    #[test]
    fn a_cause_is_not_said_twice() {
        let error = Talkative(std::io::Error::other("disk full"));
        assert_eq!(Chain(&error).to_string(), "said already: disk full");
    }
}
