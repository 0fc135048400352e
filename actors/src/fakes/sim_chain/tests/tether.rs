//! USDT's own rules: what looks like success and is none, and the other way round.

use super::super::{ContractResult, Finality, Parameters, Settings, TetherSettings, genesis};
use super::town::{A, Town};
use crate::domain::address::Address;
use crate::domain::tron::abi::encode_words;
use crate::domain::tron::hash::keccak256;
use crate::domain::tron::{BroadcastCode, Uint256};

fn data(signature: &str, words: &[[u8; 32]]) -> Vec<u8> {
    let hash = keccak256(signature.as_bytes());
    encode_words([hash[0], hash[1], hash[2], hash[3]], words)
}

fn number(number: u64) -> [u8; 32] {
    *Uint256::from(number).word()
}

/// `transfer` answers false (32 zero bytes) and has moved the money; approve and transferFrom answer true.
#[test]
fn a_transfer_that_answers_false_has_moved_the_money() {
    let mut town = Town::new();
    let (usdt, to) = (genesis().usdt, Town::someone("paid"));
    let info = town.run(Town::wallet(), usdt, Town::usdt_data(to, 25_500_000));
    assert_eq!((info.receipt.result, info.receipt.output.clone()), (ContractResult::Success, vec![0; 32]));
    assert_eq!(info.receipt.logs.len(), 1);
    assert_eq!(town.paid_to(to), 25_500_000);
    let friend = &genesis().accounts[1];
    let approved =
        town.run(Town::wallet(), usdt, data("approve(address,uint256)", &[friend.address.word(), number(9)]));
    assert_eq!(approved.receipt.output, number(1));
    let words = [Town::wallet().address.word(), to.word(), number(9)];
    let taken = town.run(friend, usdt, data("transferFrom(address,address,uint256)", &words));
    assert_eq!(taken.receipt.output, number(1));
    assert_eq!(town.paid_to(to), 25_500_009);
}

/// The recorded energies: 14 344 for a recipient with USDT, 15 000 more for one without, 4.4 times that under the public factor.
#[test]
fn a_cold_recipient_and_a_popular_contract_cost_more() {
    for (factor, times) in [(0, 10), (34_000, 44)] {
        let parameters = Parameters { dynamic_energy_factor: factor, ..Parameters::default() };
        let mut town = Town::with(Settings { parameters, ..Settings::default() });
        let to = Town::someone("cold");
        let cold = town.run(Town::wallet(), genesis().usdt, Town::usdt_data(to, 1)).receipt;
        let warm = town.run(Town::wallet(), genesis().usdt, Town::usdt_data(to, 1)).receipt;
        assert_eq!(cold.energy_usage_total, 29_344 * times / 10);
        assert_eq!(warm.energy_usage_total, 14_344 * times / 10);
        assert_eq!(warm.energy_penalty_total, warm.energy_usage_total - 14_344);
        assert_eq!(warm.energy_fee_sun, warm.energy_usage_total * 100);
    }
}

/// Paused, blacklisted sender, zero address, too much: all SUCCESS at broadcast and REVERT in the block. A blacklisted recipient is
/// paid.
#[test]
fn a_transfer_that_reverts_is_welcomed_at_broadcast() {
    let mut town = Town::new();
    let (usdt, wallet, owner) = (genesis().usdt, Town::wallet(), &genesis().token_owner);
    let to = Town::someone("unlucky");
    let reverted = |info: super::super::TransactionInfo| {
        assert_eq!(info.receipt.result, ContractResult::Revert);
        assert_eq!((info.receipt.message.as_str(), info.receipt.logs.len()), ("REVERT opcode executed", 0));
        info.receipt.energy_usage_total
    };
    assert_eq!(reverted(town.run(wallet, usdt, Town::usdt_data(to, u64::MAX))), 1_684);
    assert_eq!(reverted(town.run(wallet, usdt, Town::usdt_data(Address::ZERO, 1))), 1_508);
    town.run(owner, usdt, data("pause()", &[]));
    assert_eq!(reverted(town.run(wallet, usdt, Town::usdt_data(to, 1))), 727);
    town.run(owner, usdt, data("unpause()", &[]));
    town.run(owner, usdt, data("addBlackList(address)", &[to.word()]));
    assert_eq!(town.run(wallet, usdt, Town::usdt_data(to, 1)).receipt.result, ContractResult::Success);
    town.run(owner, usdt, data("addBlackList(address)", &[wallet.address.word()]));
    assert_eq!(reverted(town.run(wallet, usdt, Town::usdt_data(to, 1))), 867);
    reverted(town.run(wallet, usdt, data("pause()", &[])));
}

/// With SafeMath that asserts, a balance that is too low burns the whole fee limit.
#[test]
fn an_assert_burns_the_whole_fee_limit() {
    let usdt = TetherSettings { safe_math_asserts: true };
    let mut town = Town::with(Settings { usdt, ..Settings::default() });
    let info = town.run(Town::wallet(), genesis().usdt, Town::usdt_data(Town::someone("greedy"), u64::MAX));
    assert_eq!(info.receipt.result, ContractResult::IllegalOperation);
    assert_eq!(info.receipt.energy_fee_sun, 100_000_000);
    assert_eq!(info.receipt.message, "Invalid operation code: opCode[fe];");
}

/// The fee makes two logs, the recipient's first; what was ordered is paid short.
#[test]
fn a_token_fee_pays_short_with_two_logs() {
    let mut town = Town::new();
    town.order(r#"{"token_fee":{"basis_points_rate":10,"maximum_micro_usdt":5000000}}"#);
    let to = Town::someone("short");
    town.blocks(1);
    let info = town.run(Town::wallet(), genesis().usdt, Town::usdt_data(to, 1_000_000));
    let amounts: Vec<_> = info.receipt.logs.iter().map(|log| log.data.clone()).collect();
    assert_eq!(amounts, vec![number(999_000).to_vec(), number(1_000).to_vec()]);
    assert_eq!(info.receipt.logs[0].topics[2].as_bytes(), &to.word());
    assert_eq!(info.receipt.logs[1].topics[2].as_bytes(), &genesis().token_owner.address.word());
    assert_eq!(town.paid_to(to), 999_000);
}

/// A stranger's transferFrom of nothing succeeds and leaves a Transfer log that names us as the payer.
#[test]
fn a_stranger_makes_a_zero_transfer_in_our_name() {
    let mut town = Town::new();
    let words = [Town::wallet().address.word(), Town::someone("look-alike").word(), number(0)];
    let info =
        town.run(&genesis().stranger, genesis().usdt, data("transferFrom(address,address,uint256)", &words));
    assert_eq!(info.receipt.result, ContractResult::Success);
    assert_eq!(info.receipt.logs[0].topics[1].as_bytes(), &Town::wallet().address.word());
    let refused = town.run(
        &genesis().stranger,
        genesis().usdt,
        data("transferFrom(address,address,uint256)", &[words[0], words[1], number(1)]),
    );
    assert_eq!(refused.receipt.result, ContractResult::Revert);
}

/// Another contract of the same name has its own balances, and the book does not count it.
#[test]
fn a_token_that_only_calls_itself_usdt_pays_nobody() {
    let mut town = Town::new();
    let to = Town::someone("fooled");
    let info = town.run(Town::wallet(), genesis().other_usdt, Town::usdt_data(to, 5));
    assert_eq!(info.receipt.result, ContractResult::Success);
    assert_eq!(info.receipt.logs[0].address, genesis().other_usdt);
    assert_eq!(town.paid_to(to), 0);
}

/// Once deprecated, the money moves in the successor and the log comes from there.
#[test]
fn a_deprecated_token_sends_its_logs_from_elsewhere() {
    let mut town = Town::new();
    let successor = genesis().other_usdt;
    town.run(&genesis().token_owner, genesis().usdt, data("deprecate(address)", &[successor.word()]));
    let info = town.run(Town::wallet(), genesis().usdt, Town::usdt_data(Town::someone("moved"), 5));
    assert_eq!(info.receipt.logs[0].address, successor);
}

/// The node shows a constant call's revert as success with a message; views cost what was recorded and change nothing.
#[test]
fn a_trial_run_leaves_nothing_behind() {
    let mut town = Town::new();
    let to = Town::someone("trial");
    let view = town.chain.view(A, Finality::Head);
    let wallet = Town::wallet().address;
    let good = view.constant_call(wallet, genesis().usdt, &Town::usdt_data(to, 5), 0).unwrap();
    assert_eq!((good.energy_used, good.reverted, good.logs.len()), (29_344, false, 1));
    let bad = view.constant_call(wallet, genesis().usdt, &Town::usdt_data(to, u64::MAX), 0).unwrap();
    assert_eq!((bad.energy_used, bad.reverted), (1_684, true));
    assert_eq!(view.estimate_energy(wallet, genesis().usdt, &Town::usdt_data(to, u64::MAX), 0), Ok(None));
    let balance =
        view.constant_call(to, genesis().usdt, &data("balanceOf(address)", &[to.word()]), 0).unwrap();
    assert_eq!((balance.output, balance.energy_used), (number(0).to_vec(), 790));
    assert!(view.constant_call(wallet, to, &[], 0).is_err());
    assert_eq!(town.paid_to(to), 0);
    town.blocks(1);
    assert_eq!(town.head().transactions.len(), 0);
    let written = town.pay(to, 5);
    assert_eq!(town.send(A, &written), BroadcastCode::Success);
}
