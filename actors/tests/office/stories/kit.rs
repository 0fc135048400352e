//! What the stories share: one payout in some weather, a watchman who knows what is solid, and the journal's alarms.

use crate::town::{Life, Town, judge, order_to, somebody};
use payoutd_actors::admission::{AdmitPayouts, DecidePayout, Decision, DecisionRefusal};
use payoutd_actors::domain::access::{Orderer, Reached};
use payoutd_actors::domain::address::Address;
use payoutd_actors::domain::identity::{AccountId, IdempotencyKey, PayoutId};
use payoutd_actors::domain::journal::Cause;
use payoutd_actors::domain::order::Order;
use payoutd_actors::domain::payout::{Payout, Stage};
use payoutd_actors::fakes::look;
use payoutd_actors::fakes::sim_chain::{BookedTransfer, BroadcastWeather, WeatherOrder, genesis};
use payoutd_actors::payout_worker::{PauseHouse, ResumeHouse};
use payoutd_actors::ports::{Admitted, Journal};
use serde_json::Value;

/// Long past expiration and proof of a transfer in a town, a few times over.
pub(super) const LONG_MS: u64 = 180_000;
/// What a story pays when it does not care.
pub(super) const AMOUNT: u64 = 25_500_000;
/// The floor of F004-21.
const CONFIRMATIONS: u64 = 19;
/// Longer than the treasurer and the watcher need to see a chain in calm weather.
const SETTLE_IN_MS: u64 = 3_000;

/// A line of the journal.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) kind: String,
    pub(super) payout_id: Option<String>,
    pub(super) body: Value,
}

/// The journal, in its order.
pub(super) fn journal(town: &Town) -> Vec<Line> {
    town.store.heal();
    let rows = actix::System::new().block_on(town.store.records(1, u32::MAX)).unwrap();
    rows.into_iter()
        .map(|row| Line {
            kind: row.kind.to_string(),
            payout_id: row.payout_id,
            body: serde_json::from_str(row.body.as_str()).unwrap(),
        })
        .collect()
}

/// The journal's lines of one kind.
pub(super) fn lines(town: &Town, kind: &str) -> Vec<Line> {
    journal(town).into_iter().filter(|line| line.kind == kind).collect()
}

/// What happened to a payout, in order.
pub(super) fn history(town: &Town, id: PayoutId) -> Vec<String> {
    let id = Some(id.to_string());
    journal(town).into_iter().filter(|line| line.payout_id == id).map(|line| line.kind).collect()
}

/// What left the wallet, by the chain's own book.
pub(super) fn outgoing(town: &Town) -> Vec<BookedTransfer> {
    let wallet = genesis().accounts[0].address;
    let rows = look(&town.chain).book().transfers;
    rows.into_iter().filter(|row| row.from == wallet).collect()
}

/// What an address got, by the chain's own book.
pub(super) fn got(town: &Town, who: Address) -> u64 {
    let rows = look(&town.chain).book().transfers;
    rows.iter().filter(|row| row.to == who).map(|row| row.amount_micro_usdt).sum()
}

/// What happens to the next broadcast at a node.
pub(super) fn at_node(node: usize, weather: BroadcastWeather) -> WeatherOrder {
    WeatherOrder { node: Some(node), next_broadcast: Some(weather), ..WeatherOrder::default() }
}

/// A town in which this happens to the next broadcast at each of its two nodes.
pub(super) fn town_where(seed: u64, weather: BroadcastWeather) -> Town {
    let town = Town::new(seed);
    town.order(&at_node(0, weather));
    town.order(&at_node(1, weather));
    town
}

/// One payout in a town, to its end; the judge has judged.
pub(super) fn one_payout(town: &mut Town) -> Payout {
    let told = town.live(async |life: &Life| {
        settle_in(life).await;
        let payout = pay(life, 1).await;
        to_its_end(life, payout.id).await
    });
    judge(town).unwrap();
    told.unwrap()
}

/// Gives the office the time to see chain and wallet.
pub(super) async fn settle_in(life: &Life) {
    life.pass(SETTLE_IN_MS).await;
}

/// Orders a payout, to somebody of this number, under a key of this number.
pub(super) async fn pay(life: &Life, n: u64) -> Payout {
    life.pay(&format!("inv-{n}"), order_to(somebody(n), AMOUNT)).await
}

/// Orders a payout on somebody's account.
pub(super) async fn pay_for(life: &Life, account: &str, key: &str, order: Order) -> Payout {
    let request = AdmitPayouts {
        account: AccountId::new(account).unwrap(),
        ordered_by: Orderer::house(),
        key: IdempotencyKey::parse(key).unwrap(),
        orders: vec![order],
        batch: false,
        cause: Cause::nobody(),
    };
    match life.office.admission.ask(request).await.unwrap().unwrap().pop().unwrap() {
        Admitted::New(payout) | Admitted::Repeated(payout) => payout,
        refused => panic!("{account} {key}: {refused:?}"),
    }
}

/// Waits until a payout is as wanted; meanwhile nothing may be final that the chain can still undo.
pub(super) async fn until(life: &Life, id: PayoutId, wanted: impl Fn(&Payout) -> bool) -> Payout {
    let deadline = tokio::time::Instant::now() + std::time::Duration::from_millis(LONG_MS);
    loop {
        let payout = life.payout(id).await;
        assert_final_is_solid(life, &payout);
        if wanted(&payout) {
            return payout;
        }
        if tokio::time::Instant::now() > deadline {
            let views = life.office.staff().views().await;
            let views: Vec<String> =
                views.iter().map(|view| format!("{}: {}", view.name, view.state)).collect();
            panic!("{id} never got there: {} {:?}\n{views:#?}", payout.stage.word(), payout.reason);
        }
        life.pass(50).await;
    }
}

/// Whatever a payout is called, it is not called settled or failed before its block can not be undone any more.
fn assert_final_is_solid(life: &Life, payout: &Payout) {
    let Some(block) = payout.attempts.last().and_then(|attempt| attempt.block) else { return };
    if matches!(payout.stage, Stage::Settled | Stage::Failed | Stage::Mismatched) {
        let book = look(&life.chain).book();
        assert!(
            block.number <= book.solid,
            "{} at block {} of {}",
            payout.stage.word(),
            block.number,
            book.solid
        );
        assert!(book.head + 1 >= block.number + CONFIRMATIONS, "{} too early", payout.stage.word());
    }
}

/// Waits until a payout stands there.
pub(super) async fn until_stage(life: &Life, id: PayoutId, stage: Stage) -> Payout {
    until(life, id, |payout| payout.stage == stage).await
}

/// Waits until a payout has ended.
pub(super) async fn to_its_end(life: &Life, id: PayoutId) -> Payout {
    until(life, id, |payout| payout.stage.is_final()).await
}

/// Lets time pass, and asserts that a payout stays where it is all the while.
pub(super) async fn stays(life: &Life, id: PayoutId, stage: Stage, ms: u64) {
    let end = tokio::time::Instant::now() + std::time::Duration::from_millis(ms);
    while tokio::time::Instant::now() < end {
        let payout = life.payout(id).await;
        assert_eq!(payout.stage, stage, "{:?}", payout.reason);
        life.pass(200).await;
    }
}

pub(super) async fn pause(life: &Life) {
    life.office
        .payout_worker
        .ask(PauseHouse { reason: "a story".into(), cause: Cause::nobody() })
        .await
        .unwrap()
        .unwrap();
}

pub(super) async fn resume(life: &Life) {
    life.office
        .payout_worker
        .ask(ResumeHouse { reason: "a story".into(), cause: Cause::nobody() })
        .await
        .unwrap()
        .unwrap();
}

/// A person's decision.
pub(super) async fn decide(
    life: &Life,
    payout: &Payout,
    decision: Decision,
) -> Result<Payout, DecisionRefusal> {
    let request = DecidePayout {
        id: payout.id,
        whose: Reached::one(&payout.account),
        decision,
        cause: Cause::nobody(),
    };
    life.office.admission.ask(request).await.unwrap()
}

/// A person refuses a held payout for good.
pub(super) async fn reject(life: &Life, payout: &Payout) {
    let rejected = decide(life, payout, Decision::Reject { note: "a story".into() }).await.unwrap();
    assert_eq!(rejected.stage, Stage::Rejected);
}
