//! What a node refuses, in java-tron's order, codes and words.

use super::super::{Settings, genesis};
use super::town::{A, FEE_LIMIT, Town, Written, sign};
use crate::domain::address::Address;
use crate::domain::tron::protobuf::{Contract, Raw};
use crate::domain::tron::transaction::assemble;
use crate::domain::tron::{BroadcastCode, PrivateKey, TxId};

fn payment(town: &mut Town) -> Raw {
    let call =
        Town::call(Town::wallet().address, genesis().usdt, Town::usdt_data(Town::someone("refused"), 1));
    town.raw(call, 300_000)
}

fn by_wallet(raw: &Raw) -> Written {
    sign(raw, &[Town::wallet().key().unwrap()])
}

fn signed_with(raw: &Raw, change: impl FnOnce(&mut Vec<u8>)) -> Written {
    use crate::domain::tron::protobuf::Message;
    let raw = raw.encode();
    let txid = TxId::of_raw_data(&raw);
    let mut signature = Town::wallet().key().unwrap().sign(txid.as_bytes()).as_bytes().to_vec();
    change(&mut signature);
    Written { txid, bytes: assemble(&raw, &[signature]).into() }
}

/// Every form of v that a node knows is the same signer and the same id; bytes after the 65th do not count.
#[test]
fn every_form_of_a_good_signature_is_taken() {
    let forms: [Change; 4] = [|_| {}, |s| s[64] -= 27, |s| s[64] += 4, |s| s.push(7)];
    for form in forms {
        let mut town = Town::new();
        let raw = payment(&mut town);
        assert_eq!(town.send(A, &signed_with(&raw, form)), BroadcastCode::Success);
    }
}

type Change = fn(&mut Vec<u8>);

/// Broken signatures are SIGERROR with the words that were recorded.
#[test]
fn broken_signatures_are_named() {
    let mut town = Town::new();
    let cases: [(Change, &str); 6] = [
        (|s| s[64] += 2, "java.security.SignatureException: Could not recover public key from signature"),
        (|s| s[64] = 35, "java.security.SignatureException: Header byte out of range: 35"),
        (|s| s.truncate(64), "Signature size is 64"),
        (Vec::clear, "Signature size is 0"),
        (|s| s.fill(0), "java.lang.IllegalArgumentException: Invalid point compression"),
        (
            |s| s[..32].fill(0xff),
            "java.security.SignatureException: Could not recover public key from signature",
        ),
    ];
    for (change, words) in cases {
        let raw = payment(&mut town);
        let reply = town.reply(A, &signed_with(&raw, change));
        assert_eq!(reply, (BroadcastCode::SigError, format!("Validate signature error: {words}")));
    }
    let raw = payment(&mut town);
    let stranger = PrivateKey::from_bytes(&[9; 32]).unwrap();
    let (code, words) = town.reply(A, &sign(&raw, std::slice::from_ref(&stranger)));
    assert_eq!(code, BroadcastCode::SigError);
    let tail = format!(" is signed by {} but it is not contained of permission.", stranger.address());
    assert!(words.ends_with(&tail), "{words}");
    let none = town.reply(A, &sign(&raw, &[]));
    assert_eq!(none.1, "Validate signature error: miss sig or contract");
    let wallet = Town::wallet().key().unwrap();
    let twice = town.reply(A, &sign(&raw, &[wallet.clone(), wallet]));
    assert_eq!(
        twice.1,
        "Validate signature error: Signature count is 2 more than key counts of permission : 1"
    );
}

/// A reference block that is unknown, of another length, or absent: TAPOS. Genesis and head are fine.
#[test]
fn a_reference_block_must_be_an_ancestor() {
    let mut town = Town::new();
    let changes: [fn(&mut Raw); 5] = [
        |raw| raw.ref_block_hash[0] ^= 1,
        |raw| raw.ref_block_bytes[1] ^= 1,
        |raw| raw.ref_block_bytes.clear(),
        |raw| raw.ref_block_bytes.insert(0, 0),
        |raw| raw.ref_block_hash.push(0),
    ];
    for change in changes {
        let mut raw = payment(&mut town);
        change(&mut raw);
        let reply = town.reply(A, &by_wallet(&raw));
        assert_eq!(reply, (BroadcastCode::TaposError, "Tapos check error.".into()));
    }
    let view = town.chain.view(A, super::super::Finality::Head);
    let ids = [view.block_by_num(0).unwrap().id, view.now_block().unwrap().id];
    for id in ids {
        let mut raw = payment(&mut town);
        raw.ref_block_bytes = id.as_bytes()[6..8].to_vec();
        raw.ref_block_hash = id.as_bytes()[8..16].to_vec();
        assert_eq!(town.send(A, &by_wallet(&raw)), BroadcastCode::Success);
    }
}

/// What a contract can not be validated for, in java-tron's words.
#[test]
fn contracts_that_can_not_be_are_refused_in_words() {
    let mut town = Town::new();
    let wallet = Town::wallet().address;
    let poor = PrivateKey::from_bytes(&[5; 32]).unwrap();
    let friend = genesis().accounts[1].address;
    let words_of = |town: &mut Town, contract: Contract, fee_limit: i64| {
        let mut raw = town.raw(contract, 300_000);
        raw.fee_limit = fee_limit;
        let (code, words) = town.reply(A, &by_wallet(&raw));
        assert_eq!(code, BroadcastCode::ContractValidateError);
        words
    };
    let data = Town::usdt_data(friend, 1);
    let usdt = |limit, town: &mut Town| {
        words_of(town, Town::call(wallet, genesis().usdt, Town::usdt_data(friend, 1)), limit)
    };
    let error = |words: &str| format!("Contract validate error : {words}");
    assert_eq!(usdt(-1, &mut town), error("feeLimit must be >= 0 and <= 15000000000"));
    assert_eq!(usdt(15_000_000_001, &mut town), error("feeLimit must be >= 0 and <= 15000000000"));
    let nowhere = words_of(&mut town, Town::call(wallet, friend, data), FEE_LIMIT);
    assert_eq!(nowhere, error("No contract or not a smart contract"));
    let trx = |town: &mut Town, to, amount| words_of(town, Town::trx(wallet, to, amount), 0);
    assert_eq!(trx(&mut town, wallet, 5), error("Cannot transfer TRX to yourself."));
    assert_eq!(trx(&mut town, friend, 0), error("Amount must be greater than 0."));
    assert_eq!(trx(&mut town, friend, -1), error("Amount must be greater than 0."));
    assert_eq!(trx(&mut town, genesis().usdt, 5), error("Cannot transfer TRX to a smartContract."));
    let short = error("Validate TransferContract error, balance is not sufficient.");
    assert_eq!(trx(&mut town, friend, i64::MAX), short);
    let raw = town.raw(Town::trx(poor.address(), friend, 5), 300_000);
    let (_, words) = town.reply(A, &sign(&raw, std::slice::from_ref(&poor)));
    assert_eq!(words, error(&format!("account [{}] does not exist", poor.address())));
}

/// Two contracts in one transaction, none, and more bytes than fit.
#[test]
fn a_transaction_does_one_thing_and_fits() {
    let mut town = Town::new();
    let mut raw = payment(&mut town);
    raw.contracts.push(raw.contracts[0].clone());
    let two = by_wallet(&raw);
    let words = format!(
        "Contract validate error : tx {} contract size should be exactly 1, this is extend feature ,actual :2",
        two.txid
    );
    assert_eq!(town.reply(A, &two), (BroadcastCode::ContractValidateError, words));
    raw.contracts.clear();
    let none = town.reply(A, &by_wallet(&raw));
    assert_eq!(none, (BroadcastCode::ContractValidateError, "Contract validate error : No contract!".into()));
    let mut raw = payment(&mut town);
    raw.data = vec![b'x'; 512_000];
    let (code, words) = town.reply(A, &by_wallet(&raw));
    assert_eq!(code, BroadcastCode::TooBigTransactionError);
    assert!(words.ends_with("maxTxSize 512000"), "{words}");
}

/// A full node is busy, and says so before it looks.
#[test]
fn a_node_with_too_many_pending_is_busy() {
    let mut town = Town::with(Settings { pending_max: 1, ..Settings::default() });
    for _ in 0..2 {
        let raw = payment(&mut town);
        assert_eq!(town.send(A, &by_wallet(&raw)), BroadcastCode::Success);
    }
    let raw = payment(&mut town);
    assert_eq!(town.send(A, &by_wallet(&raw)), BroadcastCode::ServerBusy);
}

/// The node hashes its own re-serialisation: fields out of order have the id of the canonical bytes, unknown fields keep theirs.
#[test]
fn the_id_is_that_of_the_nodes_own_writing() {
    use crate::domain::tron::protobuf::Message;
    let mut town = Town::new();
    let raw = payment(&mut town);
    let canonical = raw.encode();
    // The expiration (field 8) moved in front of everything else.
    let mut odd = Vec::new();
    crate::domain::tron::wire::put_number(&mut odd, 8, raw.expiration.cast_unsigned());
    let without = Raw { expiration: 0, ..raw.clone() }.encode();
    odd.extend_from_slice(&without);
    let parsed = super::super::Transaction::from_parts(&odd, Vec::new(), Vec::new()).unwrap();
    assert_eq!(parsed.txid, TxId::of_raw_data(&canonical));
    let mut unknown = canonical.clone();
    crate::domain::tron::wire::put_number(&mut unknown, 99, 5);
    let parsed = super::super::Transaction::from_parts(&unknown, Vec::new(), Vec::new()).unwrap();
    assert_eq!(parsed.txid, TxId::of_raw_data(&unknown));
    assert!(super::super::Transaction::parse(&[0x0a, 0x05, 1]).is_err());
}

/// TRX to an address that was never seen makes an account, and costs 1.1 TRX.
#[test]
fn trx_to_a_new_account_costs_its_making() {
    let mut town = Town::new();
    let to = Address::from_word_masked(&[0x31; 32]);
    let raw = town.raw(Town::trx(Town::wallet().address, to, 5_000_000), 300_000);
    let written = by_wallet(&raw);
    assert_eq!(town.send(A, &written), BroadcastCode::Success);
    town.blocks(1);
    let receipt = town.info(&written).unwrap().receipt;
    assert_eq!((receipt.fee_sun, receipt.net_fee_sun), (1_100_000, 100_000));
    let made = town.chain.view(A, super::super::Finality::Head).account(to).unwrap();
    assert_eq!(made.balance_sun, 5_000_000);
}
