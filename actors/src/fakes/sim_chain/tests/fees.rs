//! Bandwidth, energy, memos, signatures, and whoever makes our transaction dearer on the way.

use super::super::{
    ContractResult, Endowment, Finality, Parameters, PermissionKey, Settings, WeightVerdict, genesis,
};
use super::town::{A, Town, read, sign};
use crate::domain::tron::BroadcastCode;
use crate::domain::tron::protobuf::{Any, Contract};

/// The first transfer of a day fits into the free 600 bytes, the second burns all of its bytes: there is no mixing.
#[test]
fn free_bandwidth_is_used_whole_or_not_at_all() {
    let mut town = Town::new();
    let to = Town::someone("bytes");
    let first = town.run(Town::wallet(), genesis().usdt, Town::usdt_data(to, 1)).receipt;
    assert_eq!((first.net_usage, first.net_fee_sun), (345, 0));
    let second = town.run(Town::wallet(), genesis().usdt, Town::usdt_data(to, 1)).receipt;
    assert_eq!((second.net_usage, second.net_fee_sun), (0, 345_000));
    assert_eq!(second.fee_sun, second.net_fee_sun + second.energy_fee_sun);
    town.seconds(86_400);
    let tomorrow = town.run(Town::wallet(), genesis().usdt, Town::usdt_data(to, 1)).receipt;
    assert_eq!(tomorrow.net_usage, 345);
}

/// Staked energy is used first, the rest is burnt; the fee limit caps both.
#[test]
fn staked_energy_is_used_first_and_the_limit_caps_both() {
    let endowment = Endowment { energy: 20_000, ..Endowment::default() };
    let mut town = Town::with(Settings { endowment, ..Settings::default() });
    let cold = town.run(Town::wallet(), genesis().usdt, Town::usdt_data(Town::someone("cold"), 1)).receipt;
    assert_eq!((cold.energy_usage, cold.energy_fee_sun), (20_000, 934_400));
    let resources = town.chain.view(A, Finality::Head).account_resources(Town::wallet().address).unwrap();
    assert_eq!((resources.energy_used, resources.energy_limit), (20_000, 20_000));
}

/// A fee limit that is too low burns all of itself and pays nobody.
#[test]
fn a_fee_limit_that_is_too_low_is_burnt_whole() {
    let mut town = Town::new();
    let to = Town::someone("dry");
    let call = Town::call(Town::wallet().address, genesis().usdt, Town::usdt_data(to, 1));
    let mut raw = town.raw(call, 300_000);
    raw.fee_limit = 100_000;
    let written = sign(&raw, &[Town::wallet().key().unwrap()]);
    assert_eq!(town.send(A, &written), BroadcastCode::Success);
    town.blocks(1);
    let receipt = town.info(&written).unwrap().receipt;
    assert_eq!((receipt.result, receipt.energy_fee_sun), (ContractResult::OutOfEnergy, 100_000));
    assert_eq!(
        receipt.message,
        "Not enough energy for 'PUSH2' operation executing: curInvokeEnergyLimit[1000], curOpEnergy[3], usedEnergy[998]"
    );
    assert_eq!(town.paid_to(to), 0);
}

/// A memo costs a TRX on top; its bytes are bandwidth, too.
#[test]
fn a_memo_costs_a_trx() {
    let mut town = Town::new();
    let call = Town::call(Town::wallet().address, genesis().usdt, Town::usdt_data(Town::someone("memo"), 1));
    let mut raw = town.raw(call, 300_000);
    raw.data = b"thank you for everything".to_vec();
    let written = sign(&raw, &[Town::wallet().key().unwrap()]);
    assert_eq!(town.send(A, &written), BroadcastCode::Success);
    town.blocks(1);
    let receipt = town.info(&written).unwrap().receipt;
    assert_eq!(receipt.fee_sun, receipt.energy_fee_sun + receipt.net_fee_sun + 1_000_000);
}

/// F-N21: a relay puts bytes behind our signature; the id is the same, the transfer is paid once, and 100 TRX burn.
#[test]
fn a_padded_transaction_has_the_same_id_and_burns_trx() {
    let mut town = Town::new();
    let to = Town::someone("padded");
    // The day's free bytes are used up first.
    town.run(Town::wallet(), genesis().usdt, Town::usdt_data(to, 5_000_000));
    let written = town.pay(to, 5_000_000);
    town.order(r#"{"next_broadcast":"pads_transaction"}"#);
    assert_eq!(town.send(A, &written), BroadcastCode::Success);
    town.blocks(1);
    let info = town.info(&written).unwrap();
    assert_eq!(info.receipt.result, ContractResult::Success);
    let own = read(&written).bandwidth() * Parameters::default().transaction_fee_sun;
    assert!(info.receipt.net_fee_sun > own + 100_000_000, "{}", info.receipt.net_fee_sun);
    let block = town.head();
    assert_eq!(block.transactions[0].txid, written.txid);
    assert!(block.transactions[0].bytes.len() > 100_000);
    assert_eq!(town.paid_to(to), 10_000_000);
    let honest = town.pay(to, 5_000_000);
    town.send(A, &honest);
    town.blocks(1);
    assert_eq!(town.info(&honest).unwrap().receipt.net_fee_sun, own);
}

/// Two keys of three: one is too few, two are enough and cost a TRX, the account's own key alone is no longer enough.
#[test]
fn permissions_decide_whose_signatures_count() {
    let mut town = Town::new();
    let wallet = Town::wallet();
    let keys: Vec<_> =
        [wallet, &genesis().accounts[1], &genesis().accounts[2]].map(|key| key.key().unwrap()).into();
    let call = Town::call(wallet.address, genesis().usdt, Town::usdt_data(Town::someone("several"), 1));
    let before = town.raw(call.clone(), 300_000);
    let before = sign(&before, &keys[..1]);
    let members: Vec<_> =
        keys.iter().map(|key| PermissionKey { address: key.address(), weight: 1 }).collect();
    let update = Contract {
        kind: 46,
        parameter: Any {
            type_url: "type.googleapis.com/protocol.AccountPermissionUpdateContract".into(),
            value: permission_update(wallet.address, 2, &members),
        },
        permission_id: 0,
    };
    let update = town.raw(update, 300_000);
    assert_eq!(town.send(A, &sign(&update, &keys[..1])), BroadcastCode::Success);
    town.blocks(1);
    assert_eq!(
        town.reply(A, &before),
        (BroadcastCode::SigError, "Validate signature error: sig error".into())
    );
    let raw = town.raw(call.clone(), 300_000);
    let weight = town.chain.view(A, Finality::Head).sign_weight(&read(&sign(&raw, &keys[..1])));
    assert_eq!((weight.verdict, weight.current_weight), (WeightVerdict::NotEnough, 1));
    let written = sign(&raw, &keys[..2]);
    let weight = town.chain.view(A, Finality::Head).sign_weight(&read(&written));
    assert_eq!((weight.verdict, weight.approved.len()), (WeightVerdict::Enough, 2));
    assert_eq!(town.send(A, &written), BroadcastCode::Success);
    town.blocks(1);
    let receipt = town.info(&written).unwrap().receipt;
    assert_eq!(receipt.fee_sun, receipt.energy_fee_sun + receipt.net_fee_sun + 1_000_000);
    let mut missing = call;
    missing.permission_id = 4;
    let missing = town.raw(missing, 300_000);
    let (_, words) = town.reply(A, &sign(&missing, &keys[..1]));
    assert_eq!(words, "Validate signature error: permission isn't exit");
}

/// `AccountPermissionUpdateContract` with one threshold for the owner's permission and one active one.
fn permission_update(
    owner: crate::domain::address::Address,
    threshold: u64,
    keys: &[PermissionKey],
) -> Vec<u8> {
    use crate::domain::tron::wire::{put_bytes, put_number};
    let permission = |name: &str, operations: &[u8]| {
        let mut out = Vec::new();
        put_bytes(&mut out, 3, name.as_bytes());
        put_number(&mut out, 4, threshold);
        put_bytes(&mut out, 6, operations);
        for key in keys {
            let mut bytes = Vec::new();
            put_bytes(&mut bytes, 1, &key.address.payload());
            put_number(&mut bytes, 2, key.weight);
            put_bytes(&mut out, 7, &bytes);
        }
        out
    };
    let mut out = Vec::new();
    put_bytes(&mut out, 1, &owner.payload());
    put_bytes(&mut out, 2, &permission("owner", &[]));
    put_bytes(&mut out, 4, &permission("payouts", &[0xff; 32]));
    out
}
