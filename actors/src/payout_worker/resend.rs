//! Sending again what is on file, unseen and not expired (TRON's nodes drop what they do not include within a minute, and do not
//! tell each other of it twice).

use super::Desk;
use crate::ledger::Filed;
use crate::ports::{LiveTransfer, View};
use crate::rounds::Found;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use std::rc::Rc;
use std::time::Duration;
use tracing::warn;

/// How long the nodes have to say whether they see a transfer, before it is sent again all the same: one that does not answer
/// keeps it from no other.
const LOOK_PATIENCE: Duration = Duration::from_secs(3);

/// One round: each transfer after a look for it in the head view of each node. The lines send by themselves; the round does not
/// wait for them. What was filed before this worker was hired may never have left, however young it is.
pub(super) async fn round(desk: Rc<Desk>) -> Found {
    let Some(sight) = *desk.tools.sight.borrow() else { return Found::Nothing };
    let is_first_round = !desk.has_resent.replace(true);
    let (head_ms, settings) = (sight.head.timestamp_ms, &desk.tools.settings);
    let young_ms = if is_first_round { 0 } else { settings.resend_every_ms / 2 };
    let signed_until_ms =
        desk.tools.clock.now_ms().saturating_sub(i64::try_from(young_ms).unwrap_or(i64::MAX));
    let mut after = None;
    loop {
        let page =
            match desk.tools.ledger.payouts().unincluded(head_ms, after, settings.resend_batch_max).await {
                Ok(page) => page,
                Err(fault) => {
                    warn!(%fault, "what is to be sent again can not be read");
                    return Found::Nothing;
                }
            };
        let Some(last) = page.last() else { return Found::Nothing };
        after = Some(last.payout_id);
        let full = page.len() >= settings.resend_batch_max as usize;
        let due: Vec<LiveTransfer> =
            page.into_iter().filter(|live| live.signed_at_ms <= signed_until_ms).collect();
        resend_page(&desk, due).await;
        if !full {
            return Found::Nothing;
        }
    }
}

async fn resend_page(desk: &Rc<Desk>, due: Vec<LiveTransfer>) {
    let ids: Vec<_> = due.iter().map(|live| live.payout_id).collect();
    if ids.is_empty() {
        return;
    }
    let filed = match desk.tools.ledger.on_file(&ids).await {
        Ok(filed) => filed,
        Err(fault) => return warn!(%fault, "what is on file can not be read"),
    };
    let sends = filed.into_iter().map(|filed| async move {
        if !seen_anywhere(desk, &filed).await {
            desk.sender.send_again(desk, filed);
        }
    });
    futures_util::future::join_all(sends).await;
}

/// Defence in depth (a network was seen to execute the same bytes six times): what stands in a block is never sent again.
async fn seen_anywhere(desk: &Desk, filed: &Filed) -> bool {
    let txid = filed.transfer.get().txid();
    let looks = desk
        .tools
        .nodes
        .iter()
        .map(|node| async move { matches!(node.transaction_info(View::Head, &txid).await, Ok(Some(_))) });
    let mut looks: FuturesUnordered<_> = looks.collect();
    let look = async {
        while let Some(seen) = looks.next().await {
            if seen {
                return true;
            }
        }
        false
    };
    tokio::time::timeout(LOOK_PATIENCE, look).await.unwrap_or(false)
}
