//! Stories of orders that come in, on paused time.

use super::*;
use crate::chain_sight::no_sight;
use crate::domain::access::{Orderer, Reached};
use crate::domain::address::Address;
use crate::domain::identity::{AccountId, IdempotencyKey, PayoutId};
use crate::domain::journal::{Cause, CorrelationId};
use crate::domain::limits::{HOUR_MS, MINUTE_MS, OnExcess};
use crate::domain::money::MicroUsdt;
use crate::domain::order::{Order, Route};
use crate::domain::payout::{Command, Payout, Reason, Reservation, Stage, order_digest};
use crate::domain::tron::PrivateKey;
use crate::fakes::sim_chain::{Settings, SimChain, genesis};
use crate::fakes::{MemoryStore, PocketEntropy, PocketSigner, SimNode, TestClock};
use crate::guardian::{GiveUp, Hiring, HiringRules};
use crate::ports::{ChainNode, Gate, Journal, PayoutFilter, Payouts, StoreFault};
use crate::recollection::RecollectionTools;
use crate::roster::Roster;
use crate::treasurer::{TreasurerSettings, TreasurerTools};
use futures_util::future::join_all;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};

mod limits;

const ALICE: [u8; 20] = [0xa1; 20];

struct Town {
    store: MemoryStore,
    clock: Arc<TestClock>,
    admission: actix::Addr<Admission>,
    nudges: Arc<AtomicU32>,
    tools: AdmissionTools,
}

fn usdt(whole: u64) -> MicroUsdt {
    MicroUsdt::new(whole * 1_000_000)
}

fn town_with(settings: AdmissionSettings) -> Town {
    tokio::time::pause();
    let store = MemoryStore::new("town");
    let clock = Arc::new(TestClock::default());
    let nudges = Arc::new(AtomicU32::new(0));
    let counted = nudges.clone();
    let limits = LimitRules {
        hourly: usdt(1_000),
        daily: usdt(10_000),
        account_hourly: usdt(600),
        account_daily: usdt(5_000),
        on_excess: OnExcess::Hold,
    };
    let signer = PocketSigner::new(PrivateKey::from_bytes(&[7; 32]).unwrap());
    let policy = HousePolicy {
        wallet: signer.address(),
        token: Address::from_evm([0x70; 20]),
        router_v0: None,
        router_kyc: None,
        kyc_officer: None,
        per_payout: usdt(600),
    };
    let (_, sight) = no_sight();
    let recollection = Rc::new(Recollection::new(RecollectionTools {
        house: Arc::new(store.clone()),
        strangers: Arc::new(store.clone()),
        signer: Arc::new(PocketSigner::new(PrivateKey::from_bytes(&[7; 32]).unwrap())),
        policy: policy.clone(),
        sight,
        wall: clock.clone(),
        restore_gap_ms: 60_000,
    }));
    let tools = AdmissionTools {
        ledger: Ledger::new(Arc::new(store.clone())),
        clock: clock.clone(),
        ids: Rc::new(PayoutIds::new(Arc::new(PocketEntropy::seeded(1)))),
        signer: Arc::new(signer),
        policy,
        limits,
        recollection,
        treasurer: Handle::vacant("treasurer"),
        payout_worker: Nudge::calling(move || {
            counted.fetch_add(1, Ordering::Relaxed);
        }),
        audit_writer: Nudge::nobody(),
        settings,
    };
    let own = tools.clone();
    let admission = Admission::create(|ctx| {
        ctx.set_mailbox_capacity(1_000);
        Admission::new(own)
    });
    Town { store, clock, admission, nudges, tools }
}

fn town() -> Town {
    town_with(AdmissionSettings::default())
}

fn order(amount: MicroUsdt) -> Order {
    Order {
        recipient: Address::from_evm(ALICE),
        amount,
        route: Route::Transfer,
        reference: None,
        memo: None,
        kyc: None,
        not_before_ms: None,
        not_after_ms: None,
        priority: 0,
        metadata: BTreeMap::new(),
    }
}

fn request(account: &str, key: &str, orders: Vec<Order>, batch: bool) -> AdmitPayouts {
    let account = AccountId::new(account).unwrap();
    let ordered_by = Orderer::house();
    let cause = Cause { correlation_id: CorrelationId::parse(&format!("request-{key}")), ..Cause::nobody() };
    AdmitPayouts { account, ordered_by, key: IdempotencyKey::parse(key).unwrap(), orders, batch, cause }
}

impl Town {
    async fn ask(&self, request: AdmitPayouts) -> Result<Vec<Admitted>, AdmissionRefusal> {
        self.admission.send(request).await.unwrap()
    }

    async fn admit(&self, account: &str, key: &str, amount: MicroUsdt) -> Payout {
        let mut answer = self.ask(request(account, key, vec![order(amount)], false)).await.unwrap();
        match answer.remove(0) {
            Admitted::New(payout) => payout,
            other => panic!("not new: {other:?}"),
        }
    }

    async fn decide(&self, payout: &Payout, decision: Decision) -> Result<Payout, DecisionRefusal> {
        let asked = DecidePayout {
            id: payout.id,
            whose: Reached::one(&payout.account),
            decision,
            cause: Cause { by: Some("user:1".to_owned()), ..Cause::nobody() },
        };
        self.admission.send(asked).await.unwrap()
    }

    async fn now(&self, payout: &Payout) -> Payout {
        self.store.find(payout.id).await.unwrap().unwrap()
    }

    async fn view(&self) -> serde_json::Value {
        self.admission.send(ShowView).await.unwrap().state
    }

    fn nudges(&self) -> u32 {
        self.nudges.load(Ordering::Relaxed)
    }
}

async fn pass_ms(ms: i64) {
    tokio::time::sleep(Duration::from_millis(ms.unsigned_abs())).await;
}

/// F-P01: a repeated key gets the first answer, one payout stands on file, and the worker is told once.
#[actix::test]
async fn a_repeated_key_gets_the_first_answer() {
    let town = town();
    let first = town.admit("house", "invoice-7", usdt(25)).await;
    assert_eq!((first.stage, first.reservation, first.version), (Stage::Admitted, Reservation::Reserved, 1));
    pass_ms(HOUR_MS).await;
    let again = town.ask(request("house", "\"invoice-7\"", vec![order(usdt(25))], false)).await.unwrap();
    assert_eq!(again, [Admitted::Repeated(first)]);
    assert_eq!((town.store.writes(), town.nudges()), (1, 1));
}

/// F000-14: requests that are written together keep their own names, and a decision says whose it was.
#[actix::test]
async fn what_was_ordered_and_decided_says_by_which_request() {
    let town = town();
    let asked = ["a", "b"].map(|key| town.ask(request("house", key, vec![order(usdt(1))], false)));
    let [first, _] = <[_; 2]>::try_from(join_all(asked).await).unwrap();
    let Admitted::New(payout) = first.unwrap().remove(0) else { panic!("not new") };
    town.decide(&payout, Decision::Cancel).await.unwrap();
    assert_eq!(town.store.writes(), 2, "the orders were written together");
    let rows = town.store.records(1, 9).await.unwrap();
    let told = |name: &str| -> Vec<_> {
        let bodies = rows.iter().map(|row| row.body.read::<serde_json::Value>().unwrap());
        bodies.map(|body| body.get(name).and_then(|told| told.as_str().map(str::to_owned))).collect()
    };
    let named = |name: &str| Some(name.to_owned());
    assert_eq!(told("correlation_id"), [named("request-a"), named("request-b"), None]);
    assert_eq!(told("by"), [None, None, named("user:1")]);
}

/// F-P01: two hundred at once with one key are one payout.
#[actix::test]
async fn two_hundred_at_once_with_one_key_are_one_payout() {
    let town = town();
    let asked = (0..200).map(|_| town.ask(request("house", "same", vec![order(usdt(1))], false)));
    let answers = join_all(asked).await;
    let new = |answer: &Result<Vec<Admitted>, _>| matches!(answer.as_deref(), Ok([Admitted::New(_)]));
    assert_eq!(answers.iter().filter(|answer| new(answer)).count(), 1);
    let ids: BTreeSet<PayoutId> = answers
        .into_iter()
        .map(|answer| match answer.unwrap().remove(0) {
            Admitted::New(payout) | Admitted::Repeated(payout) => payout.id,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(ids.len(), 1);
}

/// F-P01: the key's scope is the account; within it another order under the same key is refused.
#[actix::test]
async fn a_key_that_was_used_for_something_else_is_refused() {
    let town = town();
    let first = town.admit("house", "k", usdt(25)).await;
    let other = town.ask(request("house", "k", vec![order(usdt(26))], false)).await;
    assert!(matches!(other, Err(AdmissionRefusal::KeyReused { existing }) if existing == first.id));
    assert_ne!(town.admit("neighbour", "k", usdt(26)).await.id, first.id);
}

/// F-P01: one word names one order or one batch, never both.
#[actix::test]
async fn a_key_names_one_order_or_one_batch() {
    let town = town();
    let single = town.admit("house", "k", usdt(1)).await;
    let batch = vec![order(usdt(1)), order(usdt(2))];
    let refused = town.ask(request("house", "k", batch.clone(), true)).await;
    assert!(matches!(refused, Err(AdmissionRefusal::KeyReused { existing }) if existing == single.id));
    assert_eq!(town.ask(request("house", "b", batch.clone(), true)).await.unwrap().len(), 2);
    let refused = town.ask(request("house", "b", vec![order(usdt(1))], false)).await;
    assert!(matches!(refused, Err(AdmissionRefusal::KeyReused { .. })));
    let shorter = town.ask(request("house", "b", batch[..1].to_vec(), true)).await;
    assert!(matches!(shorter, Err(AdmissionRefusal::KeyReused { .. })));
}

/// A batch is answered in its order, and repeated as a whole.
#[actix::test]
async fn a_batch_is_taken_whole_and_repeated_whole() {
    let town = town();
    let orders: Vec<_> = (1..=5).map(|whole| order(usdt(whole))).collect();
    let first = town.ask(request("house", "b", orders.clone(), true)).await.unwrap();
    let amounts = |answers: &[Admitted]| -> Vec<_> {
        answers
            .iter()
            .map(|one| match one {
                Admitted::New(payout) | Admitted::Repeated(payout) => payout.order.amount,
                other => panic!("{other:?}"),
            })
            .collect()
    };
    assert_eq!(amounts(&first), (1..=5).map(usdt).collect::<Vec<_>>());
    let again = town.ask(request("house", "b", orders, true)).await.unwrap();
    assert_eq!(amounts(&again), amounts(&first));
    assert!(again.iter().all(|one| matches!(one, Admitted::Repeated(_))));
    assert_eq!(town.store.writes(), 1);
}

/// A batch with one bad item is refused with its place, and nothing of it is written.
#[actix::test]
async fn a_batch_with_a_bad_item_is_refused_whole() {
    let town = town();
    let mut orders: Vec<_> = (1..=3).map(|whole| order(usdt(whole))).collect();
    orders[1].recipient = town.tools.policy.token;
    orders[2].amount = MicroUsdt::ZERO;
    let Err(AdmissionRefusal::Invalid(problems)) = town.ask(request("house", "b", orders, true)).await else {
        panic!("it was taken");
    };
    let places: Vec<_> = problems.iter().map(|(index, problem)| (*index, problem.pointer.as_str())).collect();
    assert_eq!(places, [(1, "/recipient"), (2, "/amount")]);
    assert!(town.store.records(1, 10).await.unwrap().is_empty());
    assert!(town.store.list(&PayoutFilter::default(), 10).await.unwrap().is_empty());
}

/// F-P01: an order that could not be taken any more was taken when it could be, and its sender hears of it still.
#[actix::test]
async fn a_repeated_key_gets_the_first_answer_when_its_window_has_passed() {
    let town = town();
    let now_ms = town.clock.now_ms();
    let late = Order { not_after_ms: Some(now_ms + 60_000), ..order(usdt(5)) };
    let first = town.ask(request("house", "k", vec![late.clone()], false)).await.unwrap();
    pass_ms(120_000).await;
    let again = town.ask(request("house", "k", vec![late.clone()], false)).await.unwrap();
    let (Admitted::New(first), Admitted::Repeated(again)) = (&first[0], &again[0]) else {
        panic!("not repeated")
    };
    assert_eq!(first.id, again.id);
    let unheard = town.ask(request("house", "k2", vec![late], false)).await;
    assert!(matches!(unheard, Err(AdmissionRefusal::Invalid(_))));
}

/// Many who come at once share commits: one transaction costs the same for one payout as for two hundred.
#[actix::test]
async fn sixty_four_who_come_at_once_share_commits() {
    let town = town();
    let keys: Vec<_> = (0..64).map(|n| format!("k{n}")).collect();
    let asked = keys.iter().map(|key| town.ask(request("house", key, vec![order(usdt(1))], false)));
    for answer in join_all(asked).await {
        assert!(matches!(answer.unwrap().as_slice(), [Admitted::New(_)]));
    }
    assert!(town.store.writes() <= 2, "{} commits for 64 payouts", town.store.writes());
    let view = town.view().await;
    assert_eq!((view["admitted"].as_u64(), view["waiting"].as_u64()), (Some(64), Some(0)));
}

/// A treasurer who looks at the simulated chain through the eyes of this wallet.
fn treasurer_of(town: &Town, wallet: Address) -> Roster {
    let chain = SimChain::new(Settings::default(), town.clock.now_ms().unsigned_abs());
    let node: Arc<dyn ChainNode> = Arc::new(SimNode::new(Arc::new(Mutex::new(chain)), 0));
    let tools = TreasurerTools {
        nodes: vec![node],
        ledger: town.tools.ledger.clone(),
        clock: town.clock.clone(),
        policy: HousePolicy { wallet, token: genesis().usdt, ..town.tools.policy.clone() },
        settings: TreasurerSettings::default(),
    };
    let give_up: GiveUp = Arc::new(|name, why| panic!("{name}: {why}"));
    let mut roster =
        Roster::new(Hiring { rules: HiringRules::default(), clock: town.clock.clone(), give_up });
    roster.hire(&town.tools.treasurer, move || Treasurer::new(tools.clone()));
    roster
}

async fn held_for_funds(town: &Town) -> Payout {
    let payout = town.admit("house", "k", usdt(25)).await;
    let hold = vec![(payout.clone(), Command::Hold(Reason::FundsUsdt))];
    town.tools.ledger.carry_out(hold, Gate::Open, town.clock.now_ms()).await.unwrap();
    payout
}

/// What was held for want of money goes on by itself when the wallet has it; nobody has to ask.
#[actix::test]
async fn money_in_the_wallet_lets_held_payouts_go_on() {
    let town = town();
    let payout = held_for_funds(&town).await;
    pass_ms(20_000).await;
    assert_eq!(town.now(&payout).await.stage, Stage::Held);
    let _treasurer = treasurer_of(&town, genesis().accounts[0].address);
    pass_ms(20_000).await;
    assert_eq!(town.now(&payout).await.stage, Stage::Admitted);
}

/// While the wallet is empty nothing goes round and round: the held payout is not touched at all.
#[actix::test]
async fn an_empty_wallet_lets_nothing_go_on() {
    let town = town();
    let payout = held_for_funds(&town).await;
    let _treasurer = treasurer_of(&town, Address::from_evm([0xee; 20]));
    pass_ms(60_000).await;
    let now = town.now(&payout).await;
    assert_eq!((now.stage, now.version), (Stage::Held, 2));
}

/// More are held than one look reads, and the most urgent of them can not move: whoever fits behind them gets his turn.
#[actix::test]
async fn a_full_page_that_can_not_move_keeps_nobody_waiting_behind_it() {
    let town = town_with(AdmissionSettings { release_max: 2, ..AdmissionSettings::default() });
    town.admit("house", "first", usdt(500)).await;
    for n in 0..9 {
        assert_eq!(town.admit("house", &format!("large-{n}"), usdt(101)).await.stage, Stage::Held);
    }
    let blocker = town.admit("house", "blocker", usdt(100)).await;
    let small = town.admit("house", "small", usdt(60)).await;
    assert_eq!((blocker.stage, small.stage), (Stage::Admitted, Stage::Held));
    town.decide(&blocker, Decision::Cancel).await.unwrap();
    pass_ms(66_000).await;
    assert_eq!(town.now(&small).await.stage, Stage::Admitted);
    assert_eq!(town.view().await["released"], 1);
}

/// F000-17: money that is set aside counts until it is settled or released, wherever the clock jumps.
#[actix::test]
async fn money_that_is_set_aside_counts_wherever_the_clock_jumps() {
    let town = town();
    let first = town.admit("house", "first", usdt(600)).await;
    town.clock.jump(-2 * HOUR_MS);
    assert_eq!(town.admit("house", "second", usdt(1)).await.reason, Some(Reason::LimitAccountHourly));
    town.clock.jump(4 * HOUR_MS + MINUTE_MS);
    assert_eq!(town.admit("house", "third", usdt(1)).await.stage, Stage::Held);
    town.decide(&first, Decision::Cancel).await.unwrap();
    assert_eq!(town.admit("house", "fourth", usdt(1)).await.stage, Stage::Admitted);
}

/// F-P10: of two who decide, exactly one wins, and the other is told what became of it.
#[actix::test]
async fn cancel_races_the_worker_and_exactly_one_wins() {
    let town = town();
    let payout = town.admit("house", "k", usdt(5)).await;
    let ledger = &town.tools.ledger;
    let hold = ledger.carry_out(vec![(payout.clone(), Command::Hold(Reason::Operator))], Gate::Open, 0);
    let (held, cancelled) = tokio::join!(hold, town.decide(&payout, Decision::Cancel));
    // Whoever came second decided anew upon what the first had made of it.
    let now = town.now(&payout).await;
    assert_eq!(cancelled.unwrap().stage, Stage::Cancelled);
    assert_eq!((now.stage, now.reservation), (Stage::Cancelled, Reservation::Released));
    let held = held.unwrap().remove(0).done().is_some();
    assert_eq!(now.version, if held { 3 } else { 2 });
    let again = town.decide(&payout, Decision::Cancel).await;
    assert!(
        matches!(again, Err(DecisionRefusal::Refused { payout, .. }) if payout.stage == Stage::Cancelled)
    );
}

/// A payout of another account is unknown to whoever asks.
#[actix::test]
async fn nobody_decides_on_a_strangers_payout() {
    let town = town();
    let payout = town.admit("house", "k", usdt(5)).await;
    let whose = Reached::one(&AccountId::new("stranger").unwrap());
    let asked = DecidePayout { id: payout.id, whose, decision: Decision::Cancel, cause: Cause::nobody() };
    assert!(matches!(town.admission.send(asked).await.unwrap(), Err(DecisionRefusal::Unknown)));
    assert_eq!(town.now(&payout).await.stage, Stage::Admitted);
}

#[actix::test]
async fn a_held_payout_can_be_refused_for_good() {
    let town = town();
    town.admit("house", "first", usdt(600)).await;
    let held = town.admit("house", "held", usdt(10)).await;
    let reject = Decision::Reject { note: "not ours to pay".to_owned() };
    let rejected = town.decide(&held, reject).await.unwrap();
    assert_eq!((rejected.stage, rejected.reason), (Stage::Rejected, Some(Reason::Operator)));
}

/// F-P24: what waits has a limit, and whoever would exceed it is told to come back.
#[actix::test]
async fn one_payout_too_many_in_line_is_told_to_come_back() {
    let town = town_with(AdmissionSettings { waiting_max: 10, ..AdmissionSettings::default() });
    let keys: Vec<_> = (0..12).map(|n| format!("k{n}")).collect();
    let asked = keys.iter().map(|key| town.ask(request("house", key, vec![order(usdt(1))], false)));
    let answers = join_all(asked).await;
    let busy = answers.iter().filter(
        |answer| matches!(answer, Err(AdmissionRefusal::Busy { retry_after_ms }) if *retry_after_ms >= 250),
    );
    assert_eq!(busy.count(), 2);
    assert!(town.ask(request("house", "k11", vec![order(usdt(1))], false)).await.is_ok());
}

/// A full disk takes nothing in and loses nothing: every sender hears of it, and the same key works afterwards.
#[actix::test]
async fn a_full_disk_is_told_to_everybody_in_line() {
    let town = town();
    town.store.fill_disk();
    let keys: Vec<_> = (0..5).map(|n| format!("k{n}")).collect();
    let asked = keys.iter().map(|key| town.ask(request("house", key, vec![order(usdt(1))], false)));
    for answer in join_all(asked).await {
        assert!(matches!(answer, Err(AdmissionRefusal::Store(StoreFault::Full))));
    }
    assert!(town.view().await["trouble"].is_string());
    assert_eq!(town.nudges(), 0);
    town.store.heal();
    town.admit("house", "k0", usdt(1)).await;
    assert!(town.view().await["trouble"].is_null());
}

/// A commit whose answer was lost: the sender does not know, asks again with the key, and there is one payout.
#[actix::test]
async fn a_commit_whose_answer_was_lost_is_found_under_its_key() {
    let town = town();
    town.store.lose_answer_of(1);
    let lost = town.ask(request("house", "k", vec![order(usdt(1))], false)).await;
    assert!(matches!(lost, Err(AdmissionRefusal::Store(StoreFault::Away(_)))));
    town.store.heal();
    let again = town.ask(request("house", "k", vec![order(usdt(1))], false)).await.unwrap();
    assert!(matches!(again.as_slice(), [Admitted::Repeated(_)]));
}

/// F-P26: what was taken before the house closed has its answer, what comes after is sent away.
#[actix::test]
async fn a_closing_house_answers_whom_it_let_in_and_nobody_else() {
    let town = town();
    let keys: Vec<_> = (0..30).map(|n| format!("k{n}")).collect();
    let asked = keys.iter().map(|key| town.ask(request("house", key, vec![order(usdt(1))], false)));
    let (answers, drained) = tokio::join!(join_all(asked), async { town.admission.send(Drain).await });
    assert_eq!(drained, Ok(()));
    assert!(answers.iter().all(Result::is_ok));
    let late = town.ask(request("house", "late", vec![order(usdt(1))], false)).await;
    assert!(matches!(late, Err(AdmissionRefusal::Busy { .. })));
    let late = town.ask(request("house", "k1", vec![order(usdt(1))], true)).await;
    assert!(matches!(late, Err(AdmissionRefusal::Busy { .. })));
    assert_eq!(town.view().await["open"], false);
}

/// F002-04: the order's digest is keyed: it fits this id, account and order, and nothing else.
#[actix::test]
async fn the_order_is_sealed_with_a_key_that_the_database_does_not_have() {
    let town = town();
    let payout = town.admit("house", "k", usdt(25)).await;
    let key = town.tools.signer.derived_key(ORDER_DIGEST_PURPOSE);
    let fits = |order: &Order| order_digest(&key, payout.id, &payout.account, order) == payout.order_digest;
    assert!(fits(&payout.order));
    assert!(!fits(&Order { amount: usdt(26), ..payout.order.clone() }));
    assert!(!fits(&Order { recipient: Address::from_evm([0xe4; 20]), ..payout.order.clone() }));
}

/// F-P09: ids ascend in the order of the batch and from request to request, within one millisecond, with the clock set back and over
/// a new hire: whoever sorts by id sees the order in which orders came.
#[actix::test]
async fn ids_ascend_in_the_order_in_which_orders_came() {
    let town = town();
    let id = |admitted: Admitted| match admitted {
        Admitted::New(payout) => payout.id,
        other => panic!("{other:?}"),
    };
    let orders = |count: usize| (0..count).map(|_| order(MicroUsdt::new(1))).collect::<Vec<_>>();
    let mut all = Vec::new();
    for key in ["first", "second"] {
        all.extend(town.ask(request("house", key, orders(500), true)).await.unwrap().into_iter().map(id));
        town.clock.jump(-60_000);
    }
    let hired_anew = Admission::new(town.tools.clone()).start();
    let answer = hired_anew.send(request("house", "third", orders(2), true)).await.unwrap();
    all.extend(answer.unwrap().into_iter().map(id));
    assert_eq!(all.len(), 1_002);
    assert!(all.is_sorted_by(|earlier, later| earlier < later));
}
