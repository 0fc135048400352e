//! Why a handshake came to nothing, in a word for the metrics.

use std::io;

use rustls::Error;

use crate::telemetry::names;

/// Why nobody was connected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NoHandshake {
    /// Its address has as many connections as one may have.
    TooMany,
    /// It took too long.
    TimedOut,
    /// Client and server have no version or no algorithm in common: below TLS 1.3 nothing is taken.
    NothingInCommon,
    /// The client does not want this certificate.
    RefusedByClient,
    /// What came is no TLS.
    NotTls,
    /// The connection broke, or what came does not follow the protocol.
    Broken,
}

impl NoHandshake {
    /// Every reason.
    #[cfg(test)]
    pub(super) const ALL: [Self; 6] = [
        Self::TooMany,
        Self::TimedOut,
        Self::NothingInCommon,
        Self::RefusedByClient,
        Self::NotTls,
        Self::Broken,
    ];

    /// Its word.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::TooMany => "too_many_of_one_address",
            Self::TimedOut => "timed_out",
            Self::NothingInCommon => "nothing_in_common",
            Self::RefusedByClient => "refused_by_client",
            Self::NotTls => "not_tls",
            Self::Broken => "broken",
        }
    }

    /// What an error of the acceptor means.
    pub(super) fn of(error: &io::Error) -> Self {
        match error.get_ref().and_then(|cause| cause.downcast_ref::<Error>()) {
            Some(Error::PeerIncompatible(_)) => Self::NothingInCommon,
            Some(Error::AlertReceived(_)) => Self::RefusedByClient,
            Some(Error::InvalidMessage(_)) => Self::NotTls,
            _ => Self::Broken,
        }
    }

    /// Counts it. The log of a public port would be anybody's to fill.
    pub(super) fn count(self) {
        metrics::counter!(names::TLS_HANDSHAKE_FAILURES_TOTAL, "reason" => self.word()).increment(1);
        tracing::debug!(reason = self.word(), "a handshake came to nothing");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustls::{AlertDescription, InvalidMessage, PeerIncompatible};

    /// Each word stands in the metric's description.
    #[test]
    fn every_reason_is_told_apart_and_described() {
        let told = |error: Error| NoHandshake::of(&io::Error::other(error));
        assert_eq!(told(PeerIncompatible::Tls12NotOfferedOrEnabled.into()), NoHandshake::NothingInCommon);
        assert_eq!(told(Error::AlertReceived(AlertDescription::UnknownCA)), NoHandshake::RefusedByClient);
        assert_eq!(told(InvalidMessage::InvalidContentType.into()), NoHandshake::NotTls);
        assert_eq!(NoHandshake::of(&io::ErrorKind::UnexpectedEof.into()), NoHandshake::Broken);
        let metric = names::HOUSE.iter().find(|metric| metric.name == names::TLS_HANDSHAKE_FAILURES_TOTAL);
        for reason in NoHandshake::ALL {
            assert!(metric.unwrap().help.contains(reason.word()), "{}", reason.word());
        }
    }
}
