//! What the house sees of the chain now: the confirmation watcher writes it, everybody who signs reads it.

use crate::ports::BlockMark;
use tokio::sync::watch;

/// The newest sight of the chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChainSight {
    /// The newest block of the node that is furthest.
    pub head: BlockMark,
    /// The newest solidified block that every answering node has.
    pub solid: BlockMark,
    /// When it was seen, unix ms by the wall clock.
    pub seen_at_ms: i64,
}

/// The watcher's end.
pub type SightWriter = watch::Sender<Option<ChainSight>>;
/// A reader's end.
pub type SightReader = watch::Receiver<Option<ChainSight>>;

/// A sight that nobody has had yet.
#[must_use]
pub fn no_sight() -> (SightWriter, SightReader) {
    watch::channel(None)
}

/// More than this between the wall clock and the chain's newest block holds new signatures, ms.
pub const CLOCK_AND_CHAIN_APART_MAX_MS: i64 = 60_000;

/// Whether new transfers may be signed by this sight, or why not. `now_ms` is the house's time, by which the sight was
/// taken; `wall_ms` is the clock as it is.
pub fn may_sign_by(
    sight: Option<ChainSight>,
    now_ms: i64,
    wall_ms: i64,
    stale_after_ms: i64,
) -> Result<ChainSight, String> {
    let Some(sight) = sight else {
        return Err("the chain was not seen yet".to_owned());
    };
    let age_ms = now_ms.saturating_sub(sight.seen_at_ms);
    if age_ms > stale_after_ms {
        return Err(format!("the chain was last seen {age_ms} ms ago"));
    }
    let apart_ms = wall_ms.saturating_sub(sight.head.timestamp_ms);
    if apart_ms.abs() > CLOCK_AND_CHAIN_APART_MAX_MS {
        return Err(format!("the clock and the chain are {apart_ms} ms apart"));
    }
    Ok(sight)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::payout::BlockRef;
    use crate::domain::tron::BlockId;

    fn sight(head_ms: i64, seen_at_ms: i64) -> Option<ChainSight> {
        let block = BlockRef { number: 1, id: BlockId::new([1; 32]) };
        let mark = BlockMark { block, timestamp_ms: head_ms };
        Some(ChainSight { head: mark, solid: mark, seen_at_ms })
    }

    #[test]
    fn a_clock_that_left_the_chain_signs_nothing() {
        assert!(may_sign_by(None, 0, 0, 1).is_err());
        assert!(may_sign_by(sight(100_000, 100_000), 110_000, 110_000, 15_000).is_ok());
        assert!(may_sign_by(sight(100_000, 100_000), 116_000, 116_000, 15_000).is_err());
        assert!(may_sign_by(sight(100_000, 160_001), 160_001, 160_001, 15_000).is_err());
        assert!(may_sign_by(sight(160_001, 100_000), 100_000, 100_000, 15_000).is_err());
    }
}
