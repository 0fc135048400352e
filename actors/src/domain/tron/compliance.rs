//! The compliance officer's word, as the router's contract checks it: an Ethereum signed message over recipient, papers and
//! expiry.
//!
//! Promises: what verifies here verifies in the contract. Refused as there: TRON's own message header, the digest without any
//! header, the 21-byte address, ABI-encoded instead of packed, s in the upper half, v other than 27 and 28.

use thiserror::Error;

use super::{
    hash::{Hash32, keccak256},
    key::{PrivateKey, Signature, SignatureError},
    transaction::KycClearance,
    uint256::Uint256,
};
use crate::domain::address::Address;

const HEADER: &[u8] = b"\x19Ethereum Signed Message:\n32";

/// Why a clearance does not hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum ClearanceError {
    /// v is not 27 or 28.
    #[error("the compliance signature's v is {found}, where 27 or 28 is wanted")]
    RecoveryId {
        /// The byte found.
        found: u8,
    },
    /// s is in the upper half: the signature's mirror image, which the contract refuses.
    #[error("the compliance signature's s is in the upper half of the curve's order")]
    HighS,
    /// No key fits.
    #[error("the compliance signature names nobody")]
    Unreadable(#[from] SignatureError),
    /// Somebody else signed, or something else was signed: another recipient, other papers, another expiry.
    #[error(
        "the compliance signature over this recipient, hash and expiry is {signer}'s, and the officer is {officer}"
    )]
    OtherSigner {
        /// Who the signature names.
        signer: Address,
        /// Who should have signed.
        officer: Address,
    },
}

/// The message that the officer signs, before Ethereum's header: recipient's 20 bytes, hash, expiry, packed and hashed.
#[must_use]
pub fn inner_hash(recipient: Address, kyc_hash: &Hash32, expiry_s: &Uint256) -> [u8; 32] {
    let mut packed = [0; 84];
    packed[..20].copy_from_slice(recipient.evm());
    packed[20..52].copy_from_slice(kyc_hash.as_bytes());
    packed[52..].copy_from_slice(expiry_s.word());
    keccak256(&packed)
}

/// The digest that is signed and recovered from.
#[must_use]
pub fn digest(recipient: Address, kyc_hash: &Hash32, expiry_s: &Uint256) -> [u8; 32] {
    let mut message = [0; HEADER.len() + 32];
    message[..HEADER.len()].copy_from_slice(HEADER);
    message[HEADER.len()..].copy_from_slice(&inner_hash(recipient, kyc_hash, expiry_s));
    keccak256(&message)
}

/// Did the officer sign this digest, in the one form that the contract takes?
pub fn verify_digest(
    officer: Address,
    digest: &[u8; 32],
    signature: &Signature,
) -> Result<(), ClearanceError> {
    if !matches!(signature.v(), 27 | 28) {
        return Err(ClearanceError::RecoveryId { found: signature.v() });
    }
    let signer = signature.signer(digest)?;
    if !signature.is_low_s() {
        return Err(ClearanceError::HighS);
    }
    if signer == officer { Ok(()) } else { Err(ClearanceError::OtherSigner { signer, officer }) }
}

impl KycClearance {
    /// Does the officer clear this recipient with it? The expiry is the caller's question: [`KycClearance::is_over_at`].
    pub fn verify(&self, officer: Address, recipient: Address) -> Result<(), ClearanceError> {
        let digest = digest(recipient, &self.hash, &Uint256::from(self.expiry_s));
        verify_digest(officer, &digest, &Signature::from_parts(self.v, self.r.as_bytes(), self.s.as_bytes()))
    }

    /// Has it run out at this time, in unix milliseconds? The contract compares with its block's time in seconds.
    #[must_use]
    pub fn is_over_at(&self, now_ms: i64) -> bool {
        u64::try_from(now_ms.div_euclid(1000)).is_ok_and(|now_s| now_s >= self.expiry_s)
    }

    /// The officer's own act; for tests and the sandbox.
    #[must_use]
    pub fn sign(officer: &PrivateKey, recipient: Address, hash: Hash32, expiry_s: u64) -> Self {
        let signature = officer.sign(&digest(recipient, &hash, &Uint256::from(expiry_s)));
        let (r, s) = (Hash32::new(signature.r()), Hash32::new(signature.s()));
        Self { hash, expiry_s, v: signature.v(), r, s }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clearance_holds_for_its_recipient_and_its_expiry_only() {
        let officer = PrivateKey::from_bytes(&[3; 32]).unwrap();
        let recipient = Address::BLACKHOLE;
        let clearance = KycClearance::sign(&officer, recipient, Hash32::new([9; 32]), 1_790_000_000);
        assert_eq!(clearance.verify(officer.address(), recipient), Ok(()));
        let other = clearance.verify(officer.address(), Address::ZERO);
        assert!(matches!(other, Err(ClearanceError::OtherSigner { .. })), "{other:?}");
        let longer = KycClearance { expiry_s: 1_790_000_001, ..clearance.clone() };
        assert!(longer.verify(officer.address(), recipient).is_err());
        let mut bare_v = clearance.clone();
        bare_v.v -= 27;
        let found = bare_v.v;
        assert_eq!(bare_v.verify(officer.address(), recipient), Err(ClearanceError::RecoveryId { found }));
        assert!(!clearance.is_over_at(1_789_999_999_999));
        assert!(clearance.is_over_at(1_790_000_000_000));
    }
}
