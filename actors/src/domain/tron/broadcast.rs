//! What a node's reply to a broadcast means. Decided on the code, never on the words, which differ between versions.
//!
//! Promises: no reply means "not sent", and none means "paid". Whatever came back, the transfer may be alive through another
//! node or an earlier send; only the proof of expiry opens the road to a second one. So there is no such answer here.

use serde::Serialize;

/// What a node answered (`Return.response_code`, java-tron 4.8).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum BroadcastCode {
    /// In the node's pool and announced to at least one peer.
    Success,
    /// Bad signature, key not in the permission, too little weight.
    SigError,
    /// An account or contract is missing, the fee limit is out of bounds, not exactly one contract.
    ContractValidateError,
    /// The energy bill could not be paid at the end.
    ContractExeError,
    /// No bandwidth and no TRX for it, or for the memo or the signatures.
    BandwidthError,
    /// The node knows the id, or knew it within the hour: also of a transfer that it refused.
    DupTransactionError,
    /// The reference block is unknown to the node, or on another branch.
    TaposError,
    /// More than 500 KiB.
    TooBigTransactionError,
    /// Expired in the node's head view, or further ahead than a day.
    TransactionExpirationError,
    /// More than 2,000 pending.
    ServerBusy,
    /// The node has no peer.
    NoConnection,
    /// Too few peers; told before the node took the transfer, or after.
    NotEnoughEffectiveConnection,
    /// The node waits for its chain to solidify.
    BlockUnsolidified,
    /// Any other exception, also after the transfer was taken.
    OtherError,
    /// Everything that is no such reply: a timeout, a closed connection, an HTTP error, half a JSON, a code that is not known
    /// here, a reply about another transaction.
    NoAnswer,
}

/// What is known about this node after its reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ReplyClass {
    /// The node took it: it may be included.
    Taken,
    /// The node may have taken it, or has it.
    Maybe,
    /// The node did not take it now.
    Refused,
}

/// What to do after the reply, always with the same bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum NextStep {
    /// Look for it in blocks, and send again every 15 to 30 seconds until it is found or expired.
    WatchAndResend,
    /// Do not send again; tell a person; wait until it is dead.
    StopAndAlert,
    /// Tell a person; send again slowly until it expires, as the state may change.
    AlertAndResendSlowly,
    /// Ask for TRX on the wallet; send again until it expires.
    TopUpAndResend,
    /// Send to another node now, and to this one later.
    AskAnotherNode,
    /// Do not send to this node again; go for the proof of expiry.
    ProveExpiry,
    /// Send again after a pause.
    BackOff,
}

impl BroadcastCode {
    /// Every code, in the order of its number, silence last.
    pub const ALL: [Self; 15] = [
        Self::Success,
        Self::SigError,
        Self::ContractValidateError,
        Self::ContractExeError,
        Self::BandwidthError,
        Self::DupTransactionError,
        Self::TaposError,
        Self::TooBigTransactionError,
        Self::TransactionExpirationError,
        Self::ServerBusy,
        Self::NoConnection,
        Self::NotEnoughEffectiveConnection,
        Self::BlockUnsolidified,
        Self::OtherError,
        Self::NoAnswer,
    ];

    /// The name that nodes print; a node's misspelling is kept.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Success => "SUCCESS",
            Self::SigError => "SIGERROR",
            Self::ContractValidateError => "CONTRACT_VALIDATE_ERROR",
            Self::ContractExeError => "CONTRACT_EXE_ERROR",
            Self::BandwidthError => "BANDWITH_ERROR",
            Self::DupTransactionError => "DUP_TRANSACTION_ERROR",
            Self::TaposError => "TAPOS_ERROR",
            Self::TooBigTransactionError => "TOO_BIG_TRANSACTION_ERROR",
            Self::TransactionExpirationError => "TRANSACTION_EXPIRATION_ERROR",
            Self::ServerBusy => "SERVER_BUSY",
            Self::NoConnection => "NO_CONNECTION",
            Self::NotEnoughEffectiveConnection => "NOT_ENOUGH_EFFECTIVE_CONNECTION",
            Self::BlockUnsolidified => "BLOCK_UNSOLIDIFIED",
            Self::OtherError => "OTHER_ERROR",
            Self::NoAnswer => "NO_ANSWER",
        }
    }

    /// The number in the protobuf; silence has none.
    #[must_use]
    pub const fn value(self) -> Option<u8> {
        match self {
            Self::OtherError => Some(20),
            Self::NoAnswer => None,
            _ => Some(self as u8),
        }
    }

    /// By the name in a node's reply; what is not known is [`BroadcastCode::NoAnswer`].
    #[must_use]
    pub fn from_name(name: &str) -> Self {
        Self::ALL.into_iter().find(|code| code.name() == name).unwrap_or(Self::NoAnswer)
    }

    /// By the number in a node's reply; what is not known is [`BroadcastCode::NoAnswer`].
    #[must_use]
    pub fn from_value(value: i64) -> Self {
        let known = |code: &Self| code.value().is_some_and(|number| i64::from(number) == value);
        Self::ALL.into_iter().find(known).unwrap_or(Self::NoAnswer)
    }

    /// What the reply says about this one node.
    #[must_use]
    pub const fn class(self) -> ReplyClass {
        match self {
            Self::Success => ReplyClass::Taken,
            Self::DupTransactionError
            | Self::NotEnoughEffectiveConnection
            | Self::OtherError
            | Self::NoAnswer => ReplyClass::Maybe,
            Self::SigError
            | Self::ContractValidateError
            | Self::ContractExeError
            | Self::BandwidthError
            | Self::TaposError
            | Self::TooBigTransactionError
            | Self::TransactionExpirationError
            | Self::ServerBusy
            | Self::NoConnection
            | Self::BlockUnsolidified => ReplyClass::Refused,
        }
    }

    /// What to do next, with the same bytes.
    #[must_use]
    pub const fn next_step(self) -> NextStep {
        match self {
            Self::Success | Self::DupTransactionError | Self::OtherError | Self::NoAnswer => {
                NextStep::WatchAndResend
            }
            Self::SigError | Self::TooBigTransactionError => NextStep::StopAndAlert,
            Self::ContractValidateError | Self::ContractExeError => NextStep::AlertAndResendSlowly,
            Self::BandwidthError => NextStep::TopUpAndResend,
            Self::TaposError | Self::NoConnection | Self::NotEnoughEffectiveConnection => {
                NextStep::AskAnotherNode
            }
            Self::TransactionExpirationError => NextStep::ProveExpiry,
            Self::ServerBusy | Self::BlockUnsolidified => NextStep::BackOff,
        }
    }

    /// Is this the dependency's fault rather than the transfer's? What a circuit breaker counts.
    #[must_use]
    pub const fn is_node_fault(self) -> bool {
        matches!(
            self,
            Self::NoAnswer
                | Self::ServerBusy
                | Self::NoConnection
                | Self::NotEnoughEffectiveConnection
                | Self::BlockUnsolidified
                | Self::OtherError
        )
    }
}

impl std::fmt::Display for BroadcastCode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.name())
    }
}

impl Serialize for BroadcastCode {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// F-P04: every code from 0 to 12, 20, and silence: its name, its number, what it says and what is done.
    #[test]
    fn every_reply_is_taken_maybe_or_refused_and_has_a_next_step() {
        use NextStep::*;
        use ReplyClass::*;
        let table: [(Option<u8>, &str, ReplyClass, NextStep); 15] = [
            (Some(0), "SUCCESS", Taken, WatchAndResend),
            (Some(1), "SIGERROR", Refused, StopAndAlert),
            (Some(2), "CONTRACT_VALIDATE_ERROR", Refused, AlertAndResendSlowly),
            (Some(3), "CONTRACT_EXE_ERROR", Refused, AlertAndResendSlowly),
            (Some(4), "BANDWITH_ERROR", Refused, TopUpAndResend),
            (Some(5), "DUP_TRANSACTION_ERROR", Maybe, WatchAndResend),
            (Some(6), "TAPOS_ERROR", Refused, AskAnotherNode),
            (Some(7), "TOO_BIG_TRANSACTION_ERROR", Refused, StopAndAlert),
            (Some(8), "TRANSACTION_EXPIRATION_ERROR", Refused, ProveExpiry),
            (Some(9), "SERVER_BUSY", Refused, BackOff),
            (Some(10), "NO_CONNECTION", Refused, AskAnotherNode),
            (Some(11), "NOT_ENOUGH_EFFECTIVE_CONNECTION", Maybe, AskAnotherNode),
            (Some(12), "BLOCK_UNSOLIDIFIED", Refused, BackOff),
            (Some(20), "OTHER_ERROR", Maybe, WatchAndResend),
            (None, "NO_ANSWER", Maybe, WatchAndResend),
        ];
        for (code, (value, name, class, step)) in BroadcastCode::ALL.into_iter().zip(table) {
            assert_eq!(
                (code.value(), code.name(), code.class(), code.next_step()),
                (value, name, class, step)
            );
            assert_eq!(BroadcastCode::from_name(name), code);
            assert_eq!(value.map_or(code, |value| BroadcastCode::from_value(value.into())), code);
        }
    }

    /// F-P04: a code of a later version is silence, which forbids every conclusion.
    #[test]
    fn a_code_that_nobody_listed_concludes_nothing() {
        for unknown in [13, 19, 21, -1, i64::MAX] {
            assert_eq!(BroadcastCode::from_value(unknown), BroadcastCode::NoAnswer);
        }
        for unknown in ["", "success", "BANDWIDTH_ERROR", "A_CODE_OF_TOMORROW"] {
            assert_eq!(BroadcastCode::from_name(unknown).class(), ReplyClass::Maybe, "{unknown}");
        }
    }

    /// F-P04: DUP is said about refused transfers too, so it is neither taken nor refused; nothing but SUCCESS is taken.
    #[test]
    fn only_success_is_taken_and_dup_is_not() {
        let taken: Vec<_> =
            BroadcastCode::ALL.into_iter().filter(|code| code.class() == ReplyClass::Taken).collect();
        assert_eq!(taken, [BroadcastCode::Success]);
        assert_eq!(BroadcastCode::DupTransactionError.class(), ReplyClass::Maybe);
    }
}
