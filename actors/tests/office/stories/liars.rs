//! Sources that lie: an index that confirms what is not, nodes that hide what is. No lie closes a payout, and none buries one.

use super::kit::{
    at_node, history, lines, one_payout, pay, settle_in, stays, to_its_end, until, until_stage,
};
use crate::town::{Life, Town, judge};
use async_trait::async_trait;
use payoutd_actors::domain::address::Address;
use payoutd_actors::domain::identity::PayoutId;
use payoutd_actors::domain::money::MicroUsdt;
use payoutd_actors::domain::payout::{AttemptOutcome, Stage};
use payoutd_actors::domain::tron::{ContractResult, TransactionInfo, TxId};
use payoutd_actors::fakes::sim_chain::{
    BroadcastWeather as W, DoctoredBlock, TronScanWeather, WeatherOrder, genesis,
};
use payoutd_actors::fakes::{Disguise, SharedChain, SimTronScan, look};
use payoutd_actors::office::World;
use payoutd_actors::ports::{ChainFault, ChainNode, IndexedTransfer, Payouts, SecondOpinion, View};
use std::sync::Arc;

/// F-N05: TronScan calls everything confirmed, at once. Nothing is settled before it is solid (the watchman of `until` asserts
/// it at every step), and a fork that drops the block is followed.
#[test]
fn an_index_that_calls_everything_confirmed_settles_nothing_early() {
    let mut town = Town::new(70);
    town.order(&WeatherOrder {
        tronscan: Some(TronScanWeather { lag_ms: Some(0), lies_confirmed: Some(true), ..Default::default() }),
        ..WeatherOrder::default()
    });
    let told = town.live(async |life: &Life| {
        settle_in(life).await;
        look(&life.chain).fork_in_ignorance(3, &[]);
        let payout = pay(life, 1).await;
        let included = until_stage(life, payout.id, Stage::Included).await;
        assert_eq!(included.settled_at_ms, None);
        to_its_end(life, payout.id).await
    });
    judge(&town).unwrap();
    assert_eq!(told.unwrap().stage, Stage::Settled);
}

/// Lists every transfer that is on its way as paid and confirmed, whatever the chain says.
struct FaithfulToUs {
    payouts: Arc<dyn Payouts>,
}

#[async_trait]
impl SecondOpinion for FaithfulToUs {
    fn name(&self) -> &str {
        "an index that says what we hope"
    }

    async fn outgoing(
        &self,
        _: Address,
        _: Address,
        _: i64,
        _: i64,
    ) -> Result<Vec<IndexedTransfer>, ChainFault> {
        let hoped = self.payouts.list(&Default::default(), 1_000).await.unwrap();
        Ok(hoped
            .iter()
            .flat_map(|payout| payout.attempts.iter().map(move |attempt| (payout, attempt)))
            .map(|(payout, attempt)| IndexedTransfer {
                txid: attempt.txid,
                token: attempt.token,
                from: attempt.owner,
                to: payout.order.recipient,
                amount: Some(payout.order.amount),
                block_number: attempt.block.map_or(1, |block| block.number),
                confirmed: true,
                succeeded: true,
            })
            .collect())
    }
}

fn with_a_hopeful_index(mut world: World, _: &SharedChain) -> World {
    world.second = Some(Arc::new(FaithfulToUs { payouts: world.payouts.clone() }));
    world
}

/// F-N05: the index confirms a transfer that no block ever held. It is buried all the same, and paid anew.
#[test]
fn an_index_that_confirms_what_no_block_holds_settles_nothing() {
    let mut town = super::kit::town_where(71, W::SuccessNeverIncluded);
    town.tamper = Some(with_a_hopeful_index);
    let payout = one_payout(&mut town);
    let outcomes: Vec<_> = payout.attempts.iter().map(|attempt| attempt.outcome).collect();
    assert_eq!(
        outcomes,
        [AttemptOutcome::Expired, AttemptOutcome::Settled],
        "{:?}",
        history(&town, payout.id)
    );
}

/// Lists what the real index lists, and a micro-USDT more.
struct OffByOne(SimTronScan);

#[async_trait]
impl SecondOpinion for OffByOne {
    fn name(&self) -> &str {
        "an index that is wrong"
    }

    async fn outgoing(
        &self,
        wallet: Address,
        token: Address,
        from_ms: i64,
        to_ms: i64,
    ) -> Result<Vec<IndexedTransfer>, ChainFault> {
        let mut rows = self.0.outgoing(wallet, token, from_ms, to_ms).await?;
        for row in &mut rows {
            row.amount = row.amount.map(|amount| MicroUsdt::new(amount.micro() + 1));
        }
        Ok(rows)
    }
}

fn with_a_wrong_index(mut world: World, chain: &SharedChain) -> World {
    world.second = Some(Arc::new(OffByOne(SimTronScan::new(chain.clone()))));
    world
}

/// F-N05: node and index tell different stories: the payout waits, a person is told once, and when they agree it settles.
#[test]
fn two_sources_that_disagree_settle_nothing_until_they_agree() {
    let mut town = Town::new(72);
    town.tamper = Some(with_a_wrong_index);
    let told = town.live(async |life: &Life| {
        settle_in(life).await;
        let payout = pay(life, 1).await;
        until_stage(life, payout.id, Stage::Included).await;
        stays(life, payout.id, Stage::Included, 90_000).await;
        payout
    });
    let payout = told.unwrap();
    let alarms = lines(&town, "alarm_sources_disagree");
    assert_eq!(alarms.len(), 1, "{alarms:?}");
    assert_eq!(alarms[0].payout_id, Some(payout.id.to_string()));
    town.tamper = None;
    town.live(async |life: &Life| until_stage(life, payout.id, Stage::Settled).await);
    judge(&town).unwrap();
}

fn hides(node: usize, txid: TxId, ids_recomputed: bool) -> WeatherOrder {
    let doctored_block = Some(DoctoredBlock { txid: Some(txid), ids_recomputed });
    WeatherOrder { node: Some(node), doctored_block, ..WeatherOrder::default() }
}

async fn signed(life: &Life, id: PayoutId) -> TxId {
    let payout = until(life, id, |payout| !payout.attempts.is_empty()).await;
    payout.attempts.last().unwrap().txid
}

/// The lying node is taken out of the configuration.
fn without_the_first_node(mut world: World, _: &SharedChain) -> World {
    world.nodes.remove(0);
    world
}

fn without_the_second_node(mut world: World, _: &SharedChain) -> World {
    world.nodes.remove(1);
    world
}

/// The node that is read leaves our transfer out of its block and lets the header stand: the list does not hash to it. The
/// other node's walk shows it, and nothing is buried.
#[test]
fn a_node_that_leaves_us_out_of_its_list_buries_nobody() {
    let mut town = Town::new(73);
    let told = town.live(async |life: &Life| {
        settle_in(life).await;
        let payout = pay(life, 1).await;
        let txid = signed(life, payout.id).await;
        look(&life.chain).order(&hides(0, txid, false)).unwrap();
        to_its_end(life, payout.id).await
    });
    judge(&town).unwrap();
    let payout = told.unwrap();
    assert_eq!((payout.stage, payout.attempts.len()), (Stage::Settled, 1), "{:?}", history(&town, payout.id));
}

/// The node that is read makes the block anew without our transfer, id and all: the next block does not stand on it. It
/// contradicts itself, so another one is read; nothing is buried, and with the index as the second source the payout settles.
#[test]
fn a_node_that_makes_a_block_anew_without_us_is_not_read_any_more() {
    let mut town = Town::new(74);
    let told = town.live(async |life: &Life| {
        settle_in(life).await;
        let payout = pay(life, 1).await;
        let txid = signed(life, payout.id).await;
        look(&life.chain).order(&hides(0, txid, true)).unwrap();
        let payout = until_stage(life, payout.id, Stage::Settled).await;
        let later = pay(life, 2).await;
        until_stage(life, later.id, Stage::Settled).await;
        (payout, watchers_view(life).await)
    });
    judge(&town).unwrap();
    let (payout, view) = told.unwrap();
    assert_eq!(payout.attempts.len(), 1);
    assert_eq!(view["reading_from"], "sim-1", "{view}");
    assert!(view["put_aside"]["sim-0"].is_number(), "{view}");
    for kind in ["alarm_doctored_block", "alarm_node_put_aside"] {
        let alarms = lines(&town, kind);
        assert!(!alarms.is_empty() && alarms.iter().all(|alarm| alarm.body["node"] == "sim-0"), "{alarms:?}");
    }
}

async fn watchers_view(life: &Life) -> serde_json::Value {
    let views = life.office.staff().views().await;
    views.into_iter().find(|view| view.name == "confirmation_watcher").unwrap().state
}

/// The same without an index: the house reads the other node and goes on, but on the block that one of two nodes denies nobody
/// settles and nobody is buried.
#[test]
fn on_the_word_of_one_node_against_another_nobody_settles_and_nobody_is_buried() {
    let mut town = Town::new(76);
    town.with_index = false;
    let told = town.live(async |life: &Life| {
        settle_in(life).await;
        let payout = pay(life, 1).await;
        let txid = signed(life, payout.id).await;
        look(&life.chain).order(&hides(0, txid, true)).unwrap();
        life.pass(120_000).await;
        let later = pay(life, 2).await;
        until_stage(life, later.id, Stage::Settled).await;
        life.pass(120_000).await;
        life.payout(payout.id).await
    });
    let payout = told.unwrap();
    assert!(!payout.stage.is_final() && payout.attempts.len() == 1, "{:?} {:?}", payout.stage, payout.reason);
    assert_eq!(payout.attempts[0].outcome, AttemptOutcome::Pending);
    let id = payout.id;
    town.tamper = Some(without_the_first_node);
    town.rules.single_source = true;
    let payout = town.live(async |life: &Life| until_stage(life, id, Stage::Settled).await).unwrap();
    judge(&town).unwrap();
    assert_eq!(payout.attempts.len(), 1);
}

fn with_the_first_node_alone(mut world: World, _: &SharedChain) -> World {
    world.nodes.truncate(1);
    world
}

/// With no other node to read the house stops there, and says so: it settles nothing, buries nothing, and signs nothing more.
#[test]
fn a_single_node_that_contradicts_itself_stops_the_house_loudly() {
    let mut town = Town::new(79);
    town.tamper = Some(with_the_first_node_alone);
    town.live(async |life: &Life| {
        settle_in(life).await;
        let payout = pay(life, 1).await;
        let txid = signed(life, payout.id).await;
        look(&life.chain).order(&hides(0, txid, true)).unwrap();
        life.pass(200_000).await;
        let payout = life.payout(payout.id).await;
        assert!(!payout.stage.is_final() && payout.attempts.len() == 1, "{:?}", payout.stage);
        let view = watchers_view(life).await;
        assert!(view["trouble"].is_string() && view["put_aside"] == serde_json::json!({}), "{view}");
    });
    assert!(!lines(&town, "alarm_doctored_block").is_empty());
}

/// A node that answers who it is and how far the chain has come, and hangs when it is asked for blocks.
struct HangsOverBlocks(Arc<dyn ChainNode>);

#[async_trait]
impl Disguise for HangsOverBlocks {
    fn node(&self) -> &dyn ChainNode {
        self.0.as_ref()
    }

    async fn before_blocks(&self) -> Result<(), ChainFault> {
        Err(ChainFault::Garbled("half a list of blocks".to_owned()))
    }
}

fn with_a_first_node_that_hangs_over_blocks(mut world: World, _: &SharedChain) -> World {
    world.nodes[0] = Arc::new(HangsOverBlocks(world.nodes[0].clone()));
    world
}

/// The node that is read knows the head and gives no blocks: after a while the other one is read, and payouts settle.
#[test]
fn a_node_that_can_not_be_read_is_not_read_for_ever() {
    let mut town = Town::new(77);
    town.tamper = Some(with_a_first_node_that_hangs_over_blocks);
    let told = town.live(async |life: &Life| {
        settle_in(life).await;
        let payout = pay(life, 1).await;
        let payout = to_its_end(life, payout.id).await;
        (payout, watchers_view(life).await)
    });
    judge(&town).unwrap();
    let (payout, view) = told.unwrap();
    assert_eq!(payout.stage, Stage::Settled);
    assert_eq!(view["reading_from"], "sim-1", "{view}");
    assert_eq!(lines(&town, "alarm_node_put_aside").len(), 1);
}

/// A node that calls every transfer failed.
struct SaysFailed(Arc<dyn ChainNode>);

impl Disguise for SaysFailed {
    fn node(&self) -> &dyn ChainNode {
        self.0.as_ref()
    }

    fn told(&self, _: View, mut info: TransactionInfo) -> Option<TransactionInfo> {
        info.receipt.result = Some(ContractResult::Revert);
        info.result_failed = true;
        info.logs.clear();
        Some(info)
    }
}

fn with_one_node_that_says_failed(mut world: World, _: &SharedChain) -> World {
    world.nodes.truncate(1);
    world.nodes[0] = Arc::new(SaysFailed(world.nodes[0].clone()));
    world
}

/// One node and an index: the node says of a payment that it failed. If it were believed, whoever orders again pays twice. The
/// index lists the payment, so nobody is believed, and a person hears of it.
#[test]
fn a_single_node_that_calls_a_payment_failed_is_not_believed_against_the_index() {
    let mut town = Town::new(78);
    town.tamper = Some(with_one_node_that_says_failed);
    let told = town.live(async |life: &Life| {
        settle_in(life).await;
        let payout = pay(life, 1).await;
        until_stage(life, payout.id, Stage::Included).await;
        stays(life, payout.id, Stage::Included, 300_000).await;
        payout.id
    });
    assert!(!lines(&town, "alarm_sources_disagree").is_empty());
    town.tamper = None;
    let id = told.unwrap();
    let payout = town.live(async |life: &Life| until_stage(life, id, Stage::Settled).await).unwrap();
    judge(&town).unwrap();
    assert_eq!(payout.attempts.len(), 1);
}

/// A walk over one node's doctored block proves nothing, although the transfer is really dead: it is unknown until every node
/// that is configured shows a chain that holds together.
#[test]
fn no_burial_stands_on_a_walk_with_a_doctored_block() {
    let mut town = Town::new(75);
    let told = town.live(async |life: &Life| {
        settle_in(life).await;
        for node in 0..2 {
            look(&life.chain).order(&at_node(node, W::SuccessNeverIncluded)).unwrap();
        }
        let vain = pay(life, 1).await;
        signed(life, vain.id).await;
        let other = pay(life, 2).await;
        let other_txid = signed(life, other.id).await;
        look(&life.chain).order(&hides(1, other_txid, true)).unwrap();
        life.pass(90_000).await;
        let vain = life.payout(vain.id).await;
        assert_eq!((vain.stage, vain.attempts.len()), (Stage::Unknown, 1), "{:?}", vain.reason);
        vain
    });
    let alarms = lines(&town, "alarm_doctored_block");
    assert!(!alarms.is_empty() && alarms.iter().all(|alarm| alarm.body["node"] == "sim-1"), "{alarms:?}");
    town.tamper = Some(without_the_second_node);
    let id = told.unwrap().id;
    let payout = town.live(async |life: &Life| until_stage(life, id, Stage::Settled).await).unwrap();
    judge(&town).unwrap();
    assert_eq!(payout.attempts.len(), 2);
    assert_eq!(super::kit::got(&town, payout.order.recipient), payout.order.amount.micro());
    assert_ne!(payout.order.recipient, genesis().stranger.address);
}
