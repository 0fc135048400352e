//! What becomes of each of a batch that wants to be taken in (F-P01): the same in every engine.

use std::collections::{BTreeMap, BTreeSet};

use payoutd_actors::{
    domain::{
        identity::{AccountId, IdempotencyKey, PayoutId},
        limits::LimitBroken,
        payout::Payout,
    },
    ports::{Admitted, NewPayout},
};

/// What is known of a key: whose it is, and what was asked for under it.
#[derive(Debug, Clone, Copy)]
pub(in crate::store) struct Known {
    /// Whose.
    pub(in crate::store) id: PayoutId,
    /// What was asked for.
    pub(in crate::store) request_digest: [u8; 32],
}

/// Keys that are taken, on file or by this batch.
pub(in crate::store) type Keys = BTreeMap<(AccountId, IdempotencyKey), Known>;

/// What becomes of one of a batch, before the payouts on file are read.
pub(in crate::store) enum Verdict {
    /// It is taken in.
    New(PayoutId),
    /// It is there: the same order again.
    Repeats(PayoutId),
    /// It is there, with another order.
    Reuses(PayoutId),
}

/// F-P01: the same key and digest is the same order; the same key and another digest is refused.
pub(in crate::store) fn judge(batch: &[NewPayout], mut keys: Keys) -> Vec<Verdict> {
    let mut verdicts = Vec::with_capacity(batch.len());
    for NewPayout { payout: new, .. } in batch {
        let place = (new.account.clone(), new.idempotency_key.clone());
        verdicts.push(match keys.get(&place) {
            Some(known) if known.request_digest == new.request_digest => Verdict::Repeats(known.id),
            Some(known) => Verdict::Reuses(known.id),
            None => {
                keys.insert(place, Known { id: new.id, request_digest: new.request_digest });
                Verdict::New(new.id)
            }
        });
    }
    verdicts
}

/// What became of the new ones of a batch.
#[derive(Debug, Default)]
pub(in crate::store) struct Births {
    /// They are written.
    pub(in crate::store) born: BTreeMap<PayoutId, Payout>,
    /// A limit has no room for them, and the house refuses what is in excess.
    pub(in crate::store) kept_out: BTreeMap<PayoutId, LimitBroken>,
}

/// The answers in the batch's order. What is neither on file nor born nor kept out was not taken, because of another in its batch.
pub(in crate::store) fn answers(
    verdicts: &[Verdict],
    on_file: &BTreeMap<PayoutId, Payout>,
    Births { born, kept_out }: &Births,
) -> Vec<Admitted> {
    let unborn = |id: &PayoutId| kept_out.get(id).copied().map_or(Admitted::NotTaken, Admitted::OverLimit);
    let answer = |verdict: &Verdict| match verdict {
        Verdict::New(id) => born.get(id).cloned().map_or_else(|| unborn(id), Admitted::New),
        // Of a key that only this batch has, and that was kept out, there is no other order.
        Verdict::Reuses(id) => {
            kept_out.get(id).copied().map_or(Admitted::KeyReused(*id), Admitted::OverLimit)
        }
        Verdict::Repeats(id) => {
            let known = on_file.get(id).or_else(|| born.get(id));
            known.cloned().map_or_else(|| unborn(id), Admitted::Repeated)
        }
    };
    verdicts.iter().map(answer).collect()
}

/// The payouts that are repeated; some of them may be of this very batch.
pub(in crate::store) fn repeated(verdicts: &[Verdict]) -> BTreeSet<PayoutId> {
    let repeated = verdicts.iter().filter_map(|verdict| match verdict {
        Verdict::Repeats(id) => Some(*id),
        Verdict::New(_) | Verdict::Reuses(_) => None,
    });
    repeated.collect()
}
