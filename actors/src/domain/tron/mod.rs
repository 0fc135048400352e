//! TRON's bytes, our own and exact: addresses' keys, protobuf, ABI, txid, signatures, block identity, logs, proof of payment.
//!
//! Promises: what is built here is byte for byte what java-tron would serialise again, so the txid is ours to know before
//! anything is sent; what is read here is read strictly, and what is odd about it is named. Everything is held against the
//! vectors in `tests/vectors`, in both directions.
//!
//! **Never here:** a request, a node's JSON, a clock. Those are the wires' (`src/tron`).

pub mod abi;
pub mod block;
pub mod broadcast;
pub mod compliance;
pub mod event;
pub mod execution;
pub mod fingerprint;
pub mod hash;
pub mod inspect;
pub mod key;
pub mod proof;
pub mod protobuf;
pub mod transaction;
pub mod trial;
pub mod uint256;
pub mod wire;

pub use block::{Block, BlockHeader, BlockTransaction};
pub use broadcast::{BroadcastCode, NextStep, ReplyClass};
pub use execution::{ContractResult, Log, TransactionInfo};
pub use fingerprint::Fingerprint;
pub use hash::{BlockId, Hash32, RefBlock, TransferKey, TxId};
pub use key::{PrivateKey, Signature};
pub use proof::{Mismatch, Ordered, ProofOfPayment, Verdict};
pub use transaction::{DecodedTransfer, KycClearance, PayoutCall, SignedTransfer, TransferTerms, Unsigned};
pub use trial::TrialFailure;
pub use uint256::Uint256;
