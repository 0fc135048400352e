//! The routers: a session is paid once, by allowance, and only with a compliance signature where one is due.

use super::super::{ContractResult, TransactionInfo, genesis};
use super::town::Town;
use crate::domain::address::Address;
use crate::domain::tron::abi::{Call, RevertReason};
use crate::domain::tron::execution::PaidLog;
use crate::domain::tron::{Hash32, KycClearance, Log, PrivateKey, Uint256};

fn disburse(session: u8, to: Address, micro: u64) -> Vec<u8> {
    Call::Disburse {
        session_id: Hash32::new([session; 32]),
        recipient: to,
        amount: Uint256::from(micro),
        reason: "salary, March".into(),
    }
    .encode()
}

fn disburse_kyc(session: u8, to: Address, micro: u64, clearance: &KycClearance) -> Vec<u8> {
    Call::DisburseKyc {
        session_id: Hash32::new([session; 32]),
        recipient: to,
        amount: Uint256::from(micro),
        reason: "kyc".into(),
        kyc_hash: clearance.hash,
        expiry_s: Uint256::from(clearance.expiry_s),
        v: clearance.v,
        r: clearance.r,
        s: clearance.s,
    }
    .encode()
}

fn reason(info: &TransactionInfo) -> String {
    assert_eq!(info.receipt.result, ContractResult::Revert);
    RevertReason::decode(&info.receipt.output).to_string()
}

/// A session is paid once: the second order under it reverts, whoever sends it.
#[test]
fn a_session_is_paid_once() {
    let mut town = Town::new();
    let (router, to) = (genesis().router_v0, Town::someone("salaried"));
    let info = town.run(Town::wallet(), router, disburse(7, to, 1_500_000));
    assert_eq!(info.receipt.result, ContractResult::Success);
    assert_eq!((info.receipt.logs.len(), info.receipt.internal.len()), (2, 3));
    let paid = &info.receipt.logs[1];
    let paid = PaidLog::read(&Log {
        address: *paid.address.evm(),
        topics: paid.topics.iter().map(|topic| topic.to_bytes()).collect(),
        data: paid.data.clone(),
    });
    let paid = paid.unwrap();
    assert_eq!((paid.session_id, paid.recipient), (Hash32::new([7; 32]), to));
    let again = town.run(Town::wallet(), router, disburse(7, to, 1_500_000));
    assert_eq!(reason(&again), "session already paid");
    assert_eq!(again.receipt.energy_usage_total, 747);
    assert_eq!(town.paid_to(to), 1_500_000);
}

/// Who gave no allowance pays nothing; a failure inside is a silent revert that leaves the session open.
#[test]
fn a_payer_without_allowance_pays_nothing() {
    let mut town = Town::new();
    let to = Town::someone("unpaid");
    let info = town.run(&genesis().accounts[1], genesis().router_v0, disburse(1, to, 5));
    assert_eq!(reason(&info), "no reason given");
    assert!(info.receipt.internal.iter().all(|call| call.rejected));
    let info = town.run(Town::wallet(), genesis().router_v0, disburse(1, to, 5));
    assert_eq!(info.receipt.result, ContractResult::Success);
}

/// The compliance officer's signature, unexpired, for this recipient, with v 27 or 28: anything else reverts.
#[test]
fn the_kyc_router_wants_the_officers_signature() {
    let mut town = Town::new();
    let (router, to) = (genesis().router_kyc, Town::someone("known"));
    let officer = genesis().compliance_officer.key().unwrap();
    let soon_s = town.chain.now_ms() / 1_000 + 600;
    let good = KycClearance::sign(&officer, to, Hash32::new([3; 32]), soon_s);
    let info = town.run(Town::wallet(), router, disburse_kyc(1, to, 2_500_000, &good));
    assert_eq!(info.receipt.result, ContractResult::Success);
    assert_eq!(town.paid_to(to), 2_500_000);
    let wallet = Town::wallet();
    let stranger = PrivateKey::from_bytes(&[8; 32]).unwrap();
    let forged = KycClearance::sign(&stranger, to, Hash32::new([3; 32]), soon_s);
    let low_v = KycClearance { v: good.v - 27, ..good };
    let late = KycClearance::sign(&officer, to, Hash32::new([3; 32]), soon_s - 700);
    let again = town.run(wallet, router, disburse_kyc(1, to, 5, &good));
    assert_eq!(reason(&again), "session already paid");
    assert_eq!(
        reason(&town.run(wallet, router, disburse_kyc(2, to, 5, &forged))),
        "bad compliance signature"
    );
    assert_eq!(reason(&town.run(wallet, router, disburse_kyc(2, to, 5, &low_v))), "bad compliance signature");
    let other = Town::someone("another");
    assert_eq!(
        reason(&town.run(wallet, router, disburse_kyc(2, other, 5, &good))),
        "bad compliance signature"
    );
    assert_eq!(reason(&town.run(wallet, router, disburse_kyc(2, to, 5, &late))), "compliance expired");
    assert_eq!(town.paid_to(to), 2_500_000);
}
