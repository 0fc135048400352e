//! From an admitted payout to the bytes that will pay it. Pure: the same inputs make the same bytes.

use super::WorkerTools;
use crate::chain_sight::ChainSight;
use crate::domain::order::{HousePolicy, Order, Route};
use crate::domain::payout::{Attempt, AttemptOutcome, Payout};
use crate::domain::stranger::MarkMaker;
use crate::domain::tron::hash::sha256;
use crate::domain::tron::{Hash32, PayoutCall, RefBlock, SignedTransfer, TransferTerms, Unsigned};

/// The call that pays an order, or `None` where its route is not configured. The router's session id is made from the
/// payout's id and is the same for every attempt.
pub(crate) fn call_of(payout: &Payout, policy: &HousePolicy) -> Option<PayoutCall> {
    let Order { recipient, amount, ref memo, ref kyc, route, .. } = payout.order;
    let reason = memo.clone().unwrap_or_default();
    let session_id = Hash32::new(sha256(payout.id.to_string().as_bytes()));
    Some(match route {
        Route::Transfer => PayoutCall::Transfer { token: policy.token, recipient, amount },
        Route::RouterV0 => {
            PayoutCall::Disburse { router: policy.router_v0?, session_id, recipient, amount, reason }
        }
        Route::RouterKyc => PayoutCall::DisburseKyc {
            router: policy.router_kyc?,
            session_id,
            recipient,
            amount,
            reason,
            kyc: kyc.clone()?,
        },
    })
}

/// Builds and signs a payout's next transfer. The text of an error is for the operator.
pub(crate) fn sign(
    tools: &WorkerTools,
    payout: &Payout,
    call: PayoutCall,
    fee_limit_sun: u64,
    basis: &BuildBasis,
) -> Result<(Attempt, SignedTransfer), String> {
    let number = payout.next_attempt_number();
    let mark = basis.marks.mark(payout, number);
    let memo = match payout.order.route {
        Route::Transfer => payout.order.memo.as_ref().map(|memo| memo.as_bytes().to_vec()),
        // A router writes the memo into its own event.
        Route::RouterV0 | Route::RouterKyc => None,
    };
    let contract = call.contract();
    let terms = TransferTerms {
        owner: tools.policy.wallet,
        call,
        fee_limit_sun: mark.fee_limit_sun(fee_limit_sun),
        ref_block: RefBlock::new(basis.sight.solid.block.id),
        expires_at_ms: basis.sight.head.timestamp_ms.saturating_add(tools.settings.transfer_lifetime_ms),
        timestamp_ms: mark.timestamp_ms(basis.now_ms),
        memo,
        permission_id: 0,
    };
    let unsigned = Unsigned::build(&terms).map_err(|why| why.to_string())?;
    let transfer = tools.signer.sign(unsigned).map_err(|fault| fault.to_string())?;
    let attempt = Attempt {
        number,
        txid: transfer.txid(),
        raw_data: transfer.raw_data().to_vec(),
        signature: transfer.signature().as_bytes().to_vec(),
        owner: terms.owner,
        token: tools.policy.token,
        contract,
        route: payout.order.route,
        ref_block: terms.ref_block,
        expires_at_ms: terms.expires_at_ms,
        fee_limit_sun: terms.fee_limit_sun,
        signed_at_ms: basis.now_ms,
        outcome: AttemptOutcome::Pending,
        block: None,
    };
    Ok((attempt, transfer))
}

/// What all transfers of one batch are built upon. Its keys never leave this folder.
pub(crate) struct BuildBasis {
    pub(crate) marks: MarkMaker,
    pub(crate) order_digest_key: [u8; 32],
    pub(crate) sight: ChainSight,
    pub(crate) now_ms: i64,
}
