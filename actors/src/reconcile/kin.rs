//! Which payout each unknown transfer belongs to, by the mark that it carries (F-N24).

use super::{ChainBook, NotCompared};
use crate::domain::order::HousePolicy;
use crate::domain::payout::{Attempt, Payout, Stage};
use crate::domain::stranger::{MarkMaker, NotKin, Stranger};
use crate::domain::tron::{Fingerprint, TxId};
use crate::ports::{PayoutFilter, Payouts};
use std::collections::BTreeMap;

/// Payouts of one page.
pub(super) const PAYOUTS_A_PAGE: u32 = 500;

/// Where a stranger's payout is looked for first: where it would be signed next.
const LOOKED_FOR_IN: [Stage; 11] = [
    Stage::Admitted,
    Stage::Held,
    Stage::Signed,
    Stage::Broadcast,
    Stage::Included,
    Stage::Unknown,
    Stage::Mismatched,
    Stage::Cancelled,
    Stage::Rejected,
    Stage::Failed,
    Stage::Settled,
];

/// The payout whose mark a stranger carries.
#[derive(Debug, Clone)]
pub(super) struct Relation {
    /// The payout, as it was read.
    pub(super) payout: Payout,
    /// What would be adopted, and which attempt the mark says that it was; or why it can not be.
    pub(super) kin: Result<(Attempt, u32), NotKin>,
}

/// Finds the payouts of unknown transfers.
pub(super) async fn relate(
    book: &ChainBook,
    payouts: &dyn Payouts,
    marks: &MarkMaker,
    policy: &HousePolicy,
) -> Result<BTreeMap<TxId, Relation>, NotCompared> {
    let mut lonely: BTreeMap<Fingerprint, Vec<&Stranger>> = BTreeMap::new();
    for stranger in book.unknown.iter().filter_map(|unknown| unknown.stranger.as_ref()) {
        if let Some(mark) = stranger.mark() {
            lonely.entry(mark).or_default().push(stranger);
        }
    }
    let mut found = BTreeMap::new();
    for stage in LOOKED_FOR_IN {
        let mut filter = PayoutFilter { stage: Some(stage), ..PayoutFilter::default() };
        while !lonely.is_empty() {
            let page = payouts.list(&filter, PAYOUTS_A_PAGE).await?;
            let Some(last) = page.last() else { break };
            filter.before = Some(last.id);
            for payout in page {
                for (_, mark) in marks.marks_ahead(&payout) {
                    let Some(strangers) = lonely.remove(&mark) else { continue };
                    found.extend(strangers.into_iter().map(|stranger| {
                        let kin = stranger.kin_of(&payout, marks, policy.wallet, policy.token);
                        let kin = kin.map(|kin| (kin.attempt, kin.marked_as));
                        (stranger.txid, Relation { payout: payout.clone(), kin })
                    }));
                }
            }
        }
    }
    Ok(found)
}
