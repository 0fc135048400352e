//! `payoutd reconcile --adopt` after a restore: what the mark proves is taken over, the rest is told to a person (F-N06, F-N24, F-P22).

use crate::restore::{
    LOOKED_MS, SETTLED_WITHIN_MS, every_payout_was_paid_once, order_many, outgoing, paid_since_the_backup,
    resume, resume_until_all_ended,
};
use crate::town::{Life, Town, order_to, somebody};
use payoutd_actors::domain::money::MicroUsdt;
use payoutd_actors::domain::payout::{Command, Reason, Stage};
use payoutd_actors::domain::reconcile::Anomaly;
use payoutd_actors::domain::stranger::{FINGERPRINT_PURPOSE, MarkMaker};
use payoutd_actors::domain::tron::{PayoutCall, PrivateKey, RefBlock, TransferTerms, Unsigned};
use payoutd_actors::fakes::sim_chain::{DoctoredBlock, NodeId, WeatherOrder, genesis};
use payoutd_actors::fakes::{SimNode, look};
use payoutd_actors::ledger::Ledger;
use payoutd_actors::ports::exam::kit;
use payoutd_actors::ports::{ChainNode, Clock, Gate, House, Payouts, StepResult, View};
use payoutd_actors::reconcile::{
    Adoption, ChainBook, Comparison, NotCompared, Reading, Tools, adopt, compare, node_of,
};
use std::sync::Arc;

fn wallet_key() -> PrivateKey {
    genesis().accounts[0].key().unwrap()
}

/// Reads the chain and compares; adopts before that, where it is asked to. No house is open meanwhile.
fn reconcile(town: &Town, adopting: bool) -> Result<(Adoption, Comparison), NotCompared> {
    town.store.heal();
    actix::System::new().block_on(async {
        let facts = town.store.facts().await?;
        let marks = MarkMaker::new(wallet_key().derive_key(FINGERPRINT_PURPOSE), facts.store_id.clone());
        let (store, policy, now_ms) = (&town.store, &town.rules.policy, facts.latest_ms);
        let nodes: Vec<Arc<dyn ChainNode>> = vec![Arc::new(SimNode::new(town.chain.clone(), 0))];
        let node = node_of(&nodes, &facts).await?;
        let book = ChainBook::read(
            Reading { node, payouts: store, policy, now_ms },
            facts.birth.unwrap(),
            |_, _| {},
        );
        let book = book.await?;
        let tools = Tools { payouts: store, strangers: store, policy, marks: &marks, now_ms };
        let adoption = match adopting {
            true => adopt(tools, &Ledger::new(Arc::new(town.store.clone())), &book).await?,
            false => Adoption::default(),
        };
        Ok((adoption, compare(tools, &book).await?))
    })
}

fn found(comparison: &Comparison) -> Vec<Anomaly> {
    comparison.findings.iter().map(|finding| finding.anomaly).collect()
}

/// F-N06, F-N24: 100 payouts paid since the backup: 100 recognised and adopted, 0 paid again.
#[test]
fn a_hundred_are_adopted_and_none_is_paid_again() {
    let (mut town, backup) = paid_since_the_backup(100);
    assert_eq!(found(&reconcile(&town, false).unwrap().1), []);
    town.store.restore(&backup);
    town.live(async |life: &Life| {
        life.pass(LOOKED_MS).await;
        assert!(life.store.facts().await.unwrap().pause.is_some());
    });
    let (_, before) = reconcile(&town, false).unwrap();
    assert_eq!(found(&before), vec![Anomaly::Stranger; 100]);
    assert!(
        before
            .findings
            .iter()
            .all(|finding| finding.payout_id.is_some() && finding.detail.contains("--adopt"))
    );

    let (adoption, after) = reconcile(&town, true).unwrap();
    assert_eq!((adoption.adopted.len(), adoption.undecided.len()), (100, 0));
    assert_eq!(found(&after), []);
    assert_eq!(after.outgoing, 100);
    assert_eq!(reconcile(&town, true).unwrap().0, Adoption::default(), "asked again, there is nothing left");

    town.live(async |life: &Life| {
        resume(life).await;
        assert!(life.until_all_ended(SETTLED_WITHIN_MS).await);
    });
    every_payout_was_paid_once(&town, 100);
    assert_eq!(found(&reconcile(&town, false).unwrap().1), []);
}

/// A payout whose first transfer is not buried yet, and a transfer that a person made by hand: both are told with what can be done,
/// and neither is touched. The house itself takes the first over when its time has come.
#[test]
fn what_is_not_certain_is_left_for_a_person() {
    let mut town = Town::new(12);
    let backup = town
        .live(async |life: &Life| {
            life.pass(3_000).await;
            order_many(life, 1, 5_000).await;
            let buried = life.pay("order-9", order_to(somebody(9), 9_000_000)).await;
            while life.payout(buried.id).await.stage != Stage::Broadcast {
                life.pass(1).await;
            }
            let txid = life.payout(buried.id).await.attempts[0].txid;
            look(&life.chain).withhold(txid, true);
            life.pass(2_000).await;
            let backup = life.store.snapshot();
            assert!(life.until_all_ended(3 * SETTLED_WITHIN_MS).await);
            by_hand(life).await;
            life.pass(40_000).await;
            backup
        })
        .unwrap();
    town.store.restore(&backup);
    let (adoption, comparison) = reconcile(&town, true).unwrap();
    assert_eq!(adoption.adopted.len(), 1);
    let mut whys: Vec<&str> = adoption.undecided.iter().map(|one| one.why.as_str()).collect();
    whys.sort_unstable();
    assert_eq!(whys.len(), 2, "{whys:?}");
    assert!(whys[0].contains("who sent it"), "{whys:?}");
    assert!(whys[1].contains("not proved dead yet"), "{whys:?}");
    assert_eq!(found(&comparison).iter().filter(|one| **one == Anomaly::Stranger).count(), 2);
    town.live(async |life: &Life| resume_until_all_ended(life).await);
    assert_eq!(outgoing(&town).len(), 3);
    assert!(town.payouts().iter().all(|payout| payout.stage == Stage::Settled));
    assert_eq!(found(&reconcile(&town, false).unwrap().1), [Anomaly::Stranger]);
}

/// An order that was called off in the copy, although it had been paid: it stays called off, and a person is told.
#[test]
fn what_was_called_off_in_the_copy_and_had_been_paid_is_told() {
    let (mut town, backup) = paid_since_the_backup(1);
    town.store.restore(&backup);
    let id = town.payouts()[0].id;
    town.live(async |life: &Life| {
        life.pass(1_000).await;
        // As payoutd did it before it asked the chain first.
        let payout = life.payout(id).await;
        let cancel = Command::Cancel(Reason::CancelledBySender);
        let step = kit::step(&payout, cancel, life.clock.now_ms()).unwrap();
        assert_eq!(life.store.commit(&[step], Gate::Open).await.unwrap(), [StepResult::Taken]);
    });
    let (adoption, comparison) = reconcile(&town, true).unwrap();
    assert_eq!((adoption.adopted.len(), adoption.undecided.len()), (0, 1));
    assert_eq!(adoption.undecided[0].payout_id, Some(id));
    assert!(adoption.undecided[0].why.contains("cancelled"), "{}", adoption.undecided[0].why);
    assert_eq!(found(&comparison), [Anomaly::Stranger]);
    assert_eq!(town.payouts()[0].stage, Stage::Cancelled);
}

/// Somebody with the wallet's key pays without the house.
async fn by_hand(life: &Life) {
    let solid = SimNode::new(life.chain.clone(), 0).now_block(View::Solid).await.unwrap();
    let recipient = somebody(77);
    let terms = TransferTerms {
        owner: genesis().accounts[0].address,
        call: PayoutCall::Transfer { token: genesis().usdt, recipient, amount: MicroUsdt::new(7_000_000) },
        fee_limit_sun: 30_000_000,
        ref_block: RefBlock::new(solid.id),
        expires_at_ms: solid.timestamp_ms() + 60_000,
        timestamp_ms: solid.timestamp_ms(),
        memo: None,
        permission_id: 0,
    };
    let signed = Unsigned::build(&terms).unwrap().sign(&wallet_key()).unwrap();
    let _ = look(&life.chain).broadcast(NodeId(0), &signed.bytes());
}

/// A node that hides a transfer from the block is not believed: half a chain proves nothing.
#[test]
fn a_node_that_hides_a_transfer_gets_nothing_compared() {
    let (town, _) = paid_since_the_backup(3);
    let hidden = outgoing(&town)[1].txid;
    let doctored = DoctoredBlock { txid: Some(hidden), ids_recomputed: false };
    town.order(&WeatherOrder { doctored_block: Some(doctored), node: Some(0), ..WeatherOrder::default() });
    let refused = reconcile(&town, true).unwrap_err();
    assert!(matches!(refused, NotCompared::Chain(_)), "{refused:?}");
}
