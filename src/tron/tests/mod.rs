//! The wires against a provider that misbehaves, over real sockets. No story asserts a time.

mod answers;
mod index;
mod provider;
mod sandbox;
mod weather;

use std::time::Duration;

use payoutd_actors::domain::{
    address::Address,
    money::MicroUsdt,
    tron::{BlockId, PayoutCall, PrivateKey, RefBlock, SignedTransfer, TransferTerms, Unsigned},
};

use self::provider::Misbehaving;
use super::{ApiKey, NodeSettings, ProviderLimits, TronNode};

/// A key that is sent and must never be seen again.
const API_KEY: &str = "11112222-3333-4444-5555-666677778888";

/// Short enough for a test that waits for a silence to end.
fn limits() -> ProviderLimits {
    let limits = ProviderLimits::with_request_timeout(Duration::from_millis(300));
    ProviderLimits { answer_bytes_max: 4_096, list_bytes_max: 16_384, ..limits }
}

fn settings(provider: &Misbehaving) -> NodeSettings {
    NodeSettings {
        name: provider.name(),
        url: provider.url(),
        solidity_url: provider.url(),
        api_key: Some(ApiKey::new(API_KEY).unwrap()),
        limits: limits(),
    }
}

fn node(provider: &Misbehaving) -> TronNode {
    TronNode::new(settings(provider)).unwrap()
}

/// A node that nothing is cut short of, for stories in which nobody waits.
fn patient(provider: &Misbehaving) -> TronNode {
    TronNode::new(NodeSettings { limits: ProviderLimits::default(), ..settings(provider) }).unwrap()
}

/// 25.5 USDT from a key of the test to nobody.
fn transfer() -> SignedTransfer {
    let key = PrivateKey::from_bytes(&[7; 32]).unwrap();
    let terms = TransferTerms {
        owner: key.address(),
        call: PayoutCall::Transfer {
            token: "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t".parse().unwrap(),
            recipient: Address::BLACKHOLE,
            amount: MicroUsdt::new(25_500_000),
        },
        fee_limit_sun: 30_000_000,
        ref_block: RefBlock::new(BlockId::of(1146, &[3; 32])),
        expires_at_ms: 1_795_249_152_000,
        timestamp_ms: 1_795_248_852_783,
        memo: None,
        permission_id: 0,
    };
    Unsigned::build(&terms).unwrap().sign(&key).unwrap()
}
