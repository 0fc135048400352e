//! Which witness has which slot, and what 19 of 27 of them have built upon.

use super::SimChain;
use super::block::BlockIndex;

/// `SOLIDIFIED_THRESHOLD` is 70 %: the solid number is the one that 30 % of the witnesses have not reached yet.
const UNSOLID_PERCENT: usize = 30;

impl SimChain {
    /// Witnesses take turns.
    pub(super) fn witness_of(&self, slot: u64) -> u16 {
        u16::try_from(slot % u64::from(self.settings.witnesses)).unwrap_or(0)
    }

    /// `DposService.updateSolidBlock`: sorted by their latest blocks, the number at index 8 of 27; it never goes back.
    pub(super) fn solid_after(&self, latest: &[u64], parent: BlockIndex) -> u64 {
        let mut sorted = latest.to_vec();
        sorted.sort_unstable();
        let solid = sorted.get(sorted.len() * UNSOLID_PERCENT / 100).copied().unwrap_or(0);
        solid.max(self.blocks[parent as usize].solid)
    }
}
