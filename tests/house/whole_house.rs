//! The fear: parts that are right by themselves and wrong together. The real door before the real office, with a store in
//! memory and a simulated network whose blocks are faster than life.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
    time::Duration,
};

use futures_util::future::join_all;
use payoutd::http::Staffed;
use payoutd_actors::{
    admission::AdmissionSettings,
    audit_writer::AuditWriterSettings,
    confirmation_watcher::WatcherSettings,
    domain::{
        address::Address,
        breaker::BreakerRules,
        journal::{Checkpoint, JournalKey},
        limits::{LimitRules, OnExcess},
        money::MicroUsdt,
        order::HousePolicy,
    },
    event_publisher::EventPublisherSettings,
    fakes::{
        BEGINNING_MS, MemoryStore, PocketEntropy, PocketKeeper, PocketSigner, SharedChain, SimNode,
        SimTronScan, TestClock, look,
        sim_chain::{Settings, SimChain, genesis},
    },
    guardian::{Hiring, HiringRules},
    office::{Office, OfficeRules, World},
    payout_worker::WorkerSettings,
    ports::Clock,
    treasurer::TreasurerSettings,
};
use serde_json::{Value, json};

use crate::kit::{
    door::{Answer, Caller},
    schema,
};

/// Looks at a payout, a tenth of a second apart, before a story says that it never got there.
const LOOKS_MAX: usize = 600;

struct House {
    caller: Caller,
    store: MemoryStore,
    journal_key: Arc<JournalKey>,
    _office: Office,
}

fn usdt(whole: u64) -> MicroUsdt {
    MicroUsdt::new(whole * 1_000_000)
}

fn policy(wallet: Address) -> HousePolicy {
    HousePolicy {
        wallet,
        token: genesis().usdt,
        router_v0: Some(genesis().router_v0),
        router_kyc: Some(genesis().router_kyc),
        kyc_officer: Some(genesis().compliance_officer.address),
        per_payout: usdt(100_000),
    }
}

fn rules(wallet: Address) -> OfficeRules {
    OfficeRules {
        policy: policy(wallet),
        limits: LimitRules {
            hourly: usdt(5_000),
            daily: usdt(50_000),
            account_hourly: usdt(1_000),
            account_daily: usdt(10_000),
            on_excess: OnExcess::Hold,
        },
        breaker: BreakerRules::default(),
        single_source: false,
        admission: AdmissionSettings { look_every_ms: 200, ..AdmissionSettings::default() },
        treasurer: TreasurerSettings { look_every_ms: 200, ..TreasurerSettings::default() },
        worker: WorkerSettings {
            look_every_ms: 100,
            transfer_lifetime_ms: 60_000,
            ..WorkerSettings::default()
        },
        watcher: WatcherSettings { look_every_ms: 100, ..WatcherSettings::default() },
        events: EventPublisherSettings::default(),
        audit: AuditWriterSettings { look_every_ms: 100, gather_ms: 10, ..AuditWriterSettings::default() },
    }
}

impl House {
    async fn open() -> Self {
        let clock = Arc::new(TestClock::at(BEGINNING_MS));
        let began = u64::try_from(BEGINNING_MS).unwrap();
        let settings = Settings { block_ms: 100, tronscan_lag_ms: 0, ..Settings::default() };
        let chain: SharedChain = Arc::new(Mutex::new(SimChain::new(settings, began)));
        let (ticking, time) = (chain.clone(), clock.clone());
        actix_rt::spawn(async move {
            loop {
                look(&ticking).advance_to(u64::try_from(time.now_ms()).unwrap());
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        });
        let store = MemoryStore::new("whole-house");
        let key = genesis().accounts[0].key().unwrap();
        let journal_key = Arc::new(JournalKey::from_seed(&[9; 32]));
        let world = World {
            payouts: Arc::new(store.clone()),
            house: Arc::new(store.clone()),
            journal: Arc::new(store.clone()),
            strangers: Arc::new(store.clone()),
            register: Arc::new(store.clone()),
            roles: Arc::new(store.clone()),
            keeper: Arc::new(PocketKeeper::default()),
            nodes: vec![Arc::new(SimNode::new(chain.clone(), 0))],
            second: Some(Arc::new(SimTronScan::new(chain))),
            bus: None,
            signer: Arc::new(PocketSigner::new(key)),
            journal_key: journal_key.clone(),
            clock: clock.clone(),
            entropy: Arc::new(PocketEntropy::seeded(3)),
        };
        let hiring = Hiring {
            rules: HiringRules::default(),
            clock,
            give_up: Arc::new(|name, why| panic!("{name}: {why}")),
        };
        let rules = rules(genesis().accounts[0].address);
        let limits = rules.limits;
        let office = Office::open(world.clone(), rules, hiring).await.unwrap();
        let caller = Caller::before(Arc::new(Staffed::of(&office, &world, limits)), |_| {});
        Self { caller, store, journal_key, _office: office }
    }

    async fn order(&self, key: &str, amount: &str) -> Answer {
        self.caller
            .order(key, &json!({ "recipient": genesis().accounts[1].address.to_string(), "amount": amount }))
            .await
    }

    /// Looks until an answer is as wanted.
    async fn until(&self, path: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let mut last = Value::Null;
        for _ in 0..LOOKS_MAX {
            let answer = self.caller.get(path).await;
            last = answer.json();
            if answer.status == 200 && wanted(&last) {
                return last;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("{path} never got there: {last}\n{}", self.caller.get("/v1/admin/actors").await.text);
    }
}

/// An order goes in at the door and comes out as a proof.
#[actix_web::test]
async fn an_order_becomes_a_proof() {
    let house = House::open().await;
    let taken = house.order("inv-7", "25.5").await;
    assert_eq!((taken.status, taken.json()["stage"].as_str()), (202, Some("admitted")), "{}", taken.text);
    let path = taken.header("location").to_owned();
    let document = house.caller.get("/v1/openapi.json").await.json();
    let settled = house.until(&path, |payout| payout["stage"] == "settled").await;
    assert_eq!(
        (&settled["txid"], &settled["block"]),
        (&settled["proof"]["txid"], &settled["proof"]["block"])
    );
    assert_eq!(settled["proof"]["amount"], "25.5");
    assert!(settled["proof"]["confirmations"].as_u64().unwrap() >= 19, "{settled}");
    assert_eq!(settled["proof"]["sources"].as_array().unwrap().len(), 2, "{settled}");
    assert_eq!(
        (settled["attempts"].as_array().unwrap().len(), &settled["attempts"][0]["outcome"]),
        (1, &json!("settled"))
    );
    assert!(settled["settled_at"].is_string());

    schema::hold(&document, "get", "/v1/payouts/{id}", &house.caller.get(&path).await);
    let told = house.caller.post(&format!("{path}/verify"), None).await;
    schema::hold(&document, "post", "/v1/payouts/{id}/verify", &told);
    let told = told.json();
    assert_eq!(told["verified"], json!(true), "{told}");
    assert_eq!(house.caller.post(&format!("{path}/cancel"), None).await.problem(), "wrong-stage");
    let again = house.order("inv-7", "25.5").await;
    assert_eq!(
        (again.status, again.json()["stage"].as_str(), again.header("idempotent-replayed")),
        (202, Some("settled"), "true")
    );

    let wallet = house.until("/v1/wallet", |wallet| wallet["balance_usdt"] == "999974.5").await;
    assert_eq!(wallet["address"], json!(genesis().accounts[0].address.to_string()));
    let stats = house.caller.get("/v1/stats").await.json();
    assert_eq!(
        (&stats["stages"]["settled"]["payouts"], &stats["limits"]["account_hourly"]["used"]),
        (&json!(1), &json!("25.5"))
    );
    let checkpoint =
        house.until("/v1/audit/checkpoint", |checkpoint| checkpoint["last_seq"].as_i64() > Some(4)).await;
    assert!(Checkpoint::parse(&checkpoint.to_string()).unwrap().signed_by(house.journal_key.public_key()));
    for path in
        ["/v1/wallet", "/v1/stats", "/v1/admin/actors", "/v1/audit/checkpoint", "/v1/audit/pubkey", "/readyz"]
    {
        schema::hold(&document, "get", path, &house.caller.get(path).await);
    }
    assert_eq!(checkpoint["public_key"], house.caller.get("/v1/audit/pubkey").await.json()["public_key"]);
}

/// F-P01: however many send it at once, one order is one payout.
#[actix_web::test]
async fn two_hundred_at_once_are_one_payout() {
    let house = House::open().await;
    let answers = join_all((0..200).map(|_| house.order("same", "1"))).await;
    let mut ids = BTreeSet::new();
    let mut new = 0;
    for answer in answers {
        assert_eq!(answer.status, 202, "{}", answer.text);
        ids.insert(answer.json()["id"].as_str().unwrap().to_owned());
        new += usize::from(answer.header("idempotent-replayed") != "true");
    }
    assert_eq!((ids.len(), new), (1, 1));
    assert_eq!(house.caller.get("/v1/payouts").await.json()["payouts"].as_array().unwrap().len(), 1);
    let other = house.order("same", "2").await;
    assert_eq!((other.status, other.problem().as_str()), (422, "idempotency-key-reused"));
}

/// F-N13, F-P29: what the limits leave no room for is taken in, waits, and says why.
#[actix_web::test]
async fn an_order_above_the_limit_waits_and_says_why() {
    let house = House::open().await;
    let held = house.order("large", "1000.000001").await;
    let payout = held.json();
    assert_eq!(
        (held.status, payout["stage"].as_str(), payout["reason"].as_str()),
        (202, Some("held"), Some("limit_account_hourly"))
    );
    let refused = house.caller.post(&format!("{}/release", held.header("location")), None).await;
    assert_eq!((refused.status, refused.problem().as_str()), (409, "wrong-stage"), "{}", refused.text);
    assert!(refused.text.contains("hourly limit"), "{}", refused.text);
    let rejected = house
        .caller
        .post(&format!("{}/reject", held.header("location")), Some(&json!({ "note": "too much" })))
        .await;
    assert_eq!(rejected.json()["stage"], "rejected", "{}", rejected.text);
}

/// A full disk: nothing is taken in, it is said, and nothing is lost.
#[actix_web::test]
async fn a_full_disk_is_said_and_loses_nothing() {
    let house = House::open().await;
    let kept = house.order("before", "1").await;
    house.store.fill_disk();
    let refused = house.order("during", "1").await;
    assert_eq!((refused.status, refused.problem().as_str()), (503, "unavailable"), "{}", refused.text);
    assert!(!refused.header("retry-after").is_empty());
    house.store.heal();
    let again = house.order("during", "1").await;
    assert_eq!((again.status, again.header("idempotent-replayed")), (202, ""), "{}", again.text);
    house.until(kept.header("location"), |payout| payout["stage"] == "settled").await;
}

/// The kill switch: nothing is signed while it is pulled, orders are taken in, and afterwards everything goes on.
#[actix_web::test]
async fn a_paused_house_takes_orders_and_signs_nothing() {
    let house = House::open().await;
    let paused = house.caller.post("/v1/admin/pause", Some(&json!({ "reason": "audit" }))).await;
    assert_eq!(paused.json()["paused"], json!(true), "{}", paused.text);
    let taken = house.order("k", "1").await;
    assert_eq!(taken.status, 202);
    for _ in 0..10 {
        tokio::time::sleep(Duration::from_millis(100)).await;
        assert_eq!(house.caller.get(taken.header("location")).await.json()["stage"], "admitted");
    }
    let ready = house.until("/readyz", |ready| ready["components"]["payments"]["status"] == "degraded").await;
    assert_eq!(ready["status"], "ready");
    assert_eq!(house.caller.post("/v1/admin/resume", None).await.json()["paused"], json!(false));
    house.until(taken.header("location"), |payout| payout["stage"] == "settled").await;
}
