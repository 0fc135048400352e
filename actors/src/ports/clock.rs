//! Time and chance, as the office asks for them.

/// The wall clock. Waiting is tokio's matter; only dates come from here.
pub trait Clock: Send + Sync {
    /// Now, unix ms.
    fn now_ms(&self) -> i64;
}

/// Chance: ids are made of it, and nothing else.
pub trait Entropy: Send + Sync {
    /// Ten random bytes.
    fn ten_bytes(&self) -> [u8; 10];
}
