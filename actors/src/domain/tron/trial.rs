//! How a trial run of a call fails: by the contract's own word, or because the machine gave up before there was one.

use std::fmt;

/// Why a trial run has no result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TrialFailure {
    /// The contract refuses: whoever runs this call upon this state hears the same.
    Refused(String),
    /// The machine gave up on the way (out of time, of memory, of what it grants a trial): that says nothing about the call.
    GaveUp(String),
}

/// The exceptions of java-tron's machine in which a contract's own code ends, whoever runs it; the first is how an old
/// contract's failed `assert` shows.
const CONTRACTS_OWN: [&str; 4] = [
    "Program$IllegalOperationException",
    "Program$BadJumpDestinationException",
    "Program$StackTooSmallException",
    "Program$StackTooLargeException",
];

impl TrialFailure {
    /// The failure that java-tron tells as `OTHER_ERROR`, `class … : …`. What is not known for the contract's own says nothing.
    #[must_use]
    pub fn of_exception(words: String) -> Self {
        let class = words.split(" : ").next().unwrap_or_default();
        if CONTRACTS_OWN.iter().any(|own| class.ends_with(own)) {
            Self::Refused(words)
        } else {
            Self::GaveUp(words)
        }
    }
}

impl fmt::Display for TrialFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(words) | Self::GaveUp(words) => f.write_str(words),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As a real java-tron 4.8 told them: an invalid opcode is the contract's, a timeout and a request without an owner are not.
    #[test]
    fn only_the_contracts_own_end_is_a_refusal() {
        let of = |words: &str| TrialFailure::of_exception(words.to_owned());
        let illegal = "class org.tron.core.vm.program.Program$IllegalOperationException : Invalid operation code: opCode[fe];";
        assert!(matches!(of(illegal), TrialFailure::Refused(_)));
        for nobody in [
            "class org.tron.core.vm.program.Program$OutOfTimeException : CPU timeout for 'SWAP2' operation executing",
            "class java.security.InvalidParameterException : owner_address isn't set.",
            "class java.lang.RuntimeException : Program$IllegalOperationException",
            "an exception of tomorrow",
            "",
        ] {
            assert!(matches!(of(nobody), TrialFailure::GaveUp(_)), "{nobody}");
        }
    }
}
