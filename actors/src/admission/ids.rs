//! Where payouts get their ids.

use crate::domain::identity::PayoutId;
use crate::ports::Entropy;
use std::cell::Cell;
use std::sync::Arc;

/// Makes the ids of one process. They ascend in the order in which they are made, so that a list that is sorted by id is sorted by
/// arrival, and the items of a batch stand in its order. Whoever is hired anew goes on where the one before left.
pub struct PayoutIds {
    entropy: Arc<dyn Entropy>,
    last: Cell<Option<PayoutId>>,
}

impl PayoutIds {
    /// Ids out of this chance.
    #[must_use]
    pub fn new(entropy: Arc<dyn Entropy>) -> Self {
        Self { entropy, last: Cell::new(None) }
    }

    /// The next id, at a moment (unix ms).
    pub(super) fn next(&self, now_ms: i64) -> PayoutId {
        let id = PayoutId::following(self.last.get(), now_ms, self.entropy.ten_bytes());
        self.last.set(Some(id));
        id
    }
}
