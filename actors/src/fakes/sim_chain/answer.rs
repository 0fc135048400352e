//! What comes back from a node, or does not. Transport's misfortunes as values, so that the HTTP coat and the in-process fakes
//! play the same ones.

use serde::{Deserialize, Serialize};

/// An answer of a node or an indexer, or the way in which it failed to arrive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer<T> {
    /// It arrived.
    Reply(T),
    /// It did not; the question may have been acted on.
    Lost(Lost),
}

/// How an answer can fail to arrive. What the node did meanwhile is not said: that is the point.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Lost {
    /// The connection closes without a byte.
    HangsUp,
    /// Nothing comes until the client gives up.
    TimesOut,
    /// 200 with a page for people instead of JSON.
    Html,
    /// 200 with a JSON text that stops half way.
    HalfJson,
    /// An HTTP status without a useful body, with `Retry-After` where there is one.
    Status {
        /// The HTTP status.
        code: u16,
        /// `Retry-After`, in seconds.
        retry_after_s: Option<u32>,
    },
}

impl<T> Answer<T> {
    /// The reply, when it arrived.
    pub fn reply(self) -> Option<T> {
        match self {
            Answer::Reply(reply) => Some(reply),
            Answer::Lost(_) => None,
        }
    }

    /// The same answer about something else.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Answer<U> {
        match self {
            Answer::Reply(reply) => Answer::Reply(change(reply)),
            Answer::Lost(lost) => Answer::Lost(lost),
        }
    }
}
