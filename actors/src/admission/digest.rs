//! What a request was, as 32 bytes: the same key with another digest is another request, and refused (F-P01).

use crate::domain::order::Order;
use sha2::{Digest, Sha256};

/// One digest for each payout of a request: of the order, or of the whole batch and the item's place in it. An order's
/// fields stand in their declared order and its map is sorted, so that one order has one text.
pub(super) fn request_digests(orders: &[Order], batch: bool) -> Result<Vec<[u8; 32]>, serde_json::Error> {
    if !batch {
        return orders
            .iter()
            .map(|order| Ok(digest(&[b"payoutd request v1\n", &serde_json::to_vec(order)?])))
            .collect();
    }
    let whole = digest(&[b"payoutd batch v1\n", &serde_json::to_vec(orders)?]);
    let item = |index: usize| digest(&[b"payoutd batch item v1\n", &whole, index.to_string().as_bytes()]);
    Ok((0..orders.len()).map(item).collect())
}

fn digest(parts: &[&[u8]]) -> [u8; 32] {
    let mut sha = Sha256::new();
    for part in parts {
        sha.update(part);
    }
    sha.finalize().into()
}
