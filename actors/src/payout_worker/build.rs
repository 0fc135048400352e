//! From an admitted payout to the bytes that will pay it. Pure: the same inputs make the same bytes.

use super::WorkerTools;
use crate::chain_sight::ChainSight;
use crate::domain::order::{HousePolicy, Order, Route};
use crate::domain::payout::{Attempt, AttemptOutcome, Payout};
use crate::domain::tron::fingerprint::{Fingerprint, fingerprint};
use crate::domain::tron::hash::sha256;
use crate::domain::tron::{Hash32, PayoutCall, RefBlock, TransferTerms, Unsigned};
use crate::ports::SignerFault;

/// The purpose word of the fingerprint's key.
pub(crate) const FINGERPRINT_PURPOSE: &str = "fingerprint v1";
/// The purpose word of the order digest's key.
pub const ORDER_DIGEST_PURPOSE: &str = "order digest v1";

/// The call that pays an order, or `None` where its route is not configured. The router's session id is made from the
/// payout's id and is the same for every attempt.
pub(crate) fn call_of(payout: &Payout, policy: &HousePolicy) -> Option<PayoutCall> {
    let Order { recipient, amount, ref memo, ref kyc, route, .. } = payout.order;
    let reason = memo.clone().unwrap_or_default();
    let session_id = Hash32::new(sha256(payout.id.to_string().as_bytes()));
    Some(match route {
        Route::Transfer => PayoutCall::Transfer { token: policy.token, recipient, amount },
        Route::RouterV0 => PayoutCall::Disburse { router: policy.router_v0?, session_id, recipient, amount, reason },
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

/// The terms of a payout's next transfer.
pub(crate) fn terms_of(
    payout: &Payout,
    call: PayoutCall,
    policy: &HousePolicy,
    fee_limit_sun: u64,
    mark: &Fingerprint,
    sight: &ChainSight,
    lifetime_ms: i64,
    now_ms: i64,
) -> TransferTerms {
    let memo = match payout.order.route {
        Route::Transfer => payout.order.memo.as_ref().map(|memo| memo.as_bytes().to_vec()),
        Route::RouterV0 | Route::RouterKyc => None,
    };
    TransferTerms {
        owner: policy.wallet,
        call,
        fee_limit_sun: mark.fee_limit_sun(fee_limit_sun),
        ref_block: RefBlock::new(sight.solid.block.id),
        expires_at_ms: sight.head.timestamp_ms.saturating_add(lifetime_ms),
        timestamp_ms: mark.timestamp_ms(now_ms),
        memo,
        permission_id: 0,
    }
}

/// Builds and signs a payout's next transfer.
pub(crate) fn sign(
    tools: &WorkerTools,
    payout: &Payout,
    call: PayoutCall,
    fee_limit_sun: u64,
    secrets: &BuildSecrets,
    sight: &ChainSight,
    now_ms: i64,
) -> Result<Attempt, SignerFault> {
    let number = payout.next_attempt_number();
    let account = payout.account.as_str();
    let mark = fingerprint(&secrets.fingerprint_key, &secrets.store_id, account, payout.idempotency_key.as_str(), number);
    let policy = &tools.policy;
    let lifetime_ms = tools.settings.transfer_lifetime_ms;
    let contract = call.contract();
    let terms = terms_of(payout, call, policy, fee_limit_sun, &mark, sight, lifetime_ms, now_ms);
    let unsigned = Unsigned::build(&terms);
    let signature = tools.signer.sign(&unsigned.txid())?;
    Ok(Attempt {
        number,
        txid: unsigned.txid(),
        raw_data: unsigned.raw_data().to_vec(),
        signature: signature.to_vec(),
        owner: policy.wallet,
        token: policy.token,
        contract,
        route: payout.order.route,
        ref_block: terms.ref_block,
        expires_at_ms: terms.expires_at_ms,
        fee_limit_sun: terms.fee_limit_sun,
        signed_at_ms: now_ms,
        outcome: AttemptOutcome::Pending,
        block: None,
    })
}

/// What building needs to know and nobody else should.
pub(crate) struct BuildSecrets {
    pub(crate) fingerprint_key: [u8; 32],
    pub(crate) order_digest_key: [u8; 32],
    pub(crate) store_id: String,
}
