//! Stories of limiters at work, on paused time.

use super::*;
use crate::domain::rates::{NAME_BYTES_MAX, PolicyName, RatePolicies, Tier};
use crate::fakes::TestClock;
use crate::guardian::{Gone, Hiring, HiringRules};
use crate::ports::{HouseFacts, StoreFault};
use crate::roster::Roster;
use async_trait::async_trait;
use serde_json::Value;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

/// A house that keeps what is journalled, and can be away.
#[derive(Default)]
struct Books {
    records: Mutex<Vec<Value>>,
    away: AtomicBool,
}

#[async_trait]
impl House for Books {
    async fn facts(&self) -> Result<HouseFacts, StoreFault> {
        Ok(HouseFacts::default())
    }

    async fn change(&self, changes: Vec<HouseChange>, now_ms: i64) -> Result<(), StoreFault> {
        if self.away.load(Ordering::Relaxed) {
            return Err(StoreFault::Away("out for lunch".to_owned()));
        }
        for change in changes {
            let draft = change.journal_draft(now_ms).unwrap().unwrap();
            assert_eq!(draft.kind, "rate_limit_exceeded");
            self.records.lock().unwrap().push(draft.body.read().unwrap());
        }
        Ok(())
    }
}

/// A clock that can be made to break: whoever asks it then panics.
struct Brittle {
    clock: TestClock,
    broken: AtomicBool,
}

impl Clock for Brittle {
    fn now_ms(&self) -> i64 {
        assert!(!self.broken.load(Ordering::Relaxed), "the clock is broken");
        self.clock.now_ms()
    }
}

struct Town {
    roster: Roster,
    limiters: RateLimiters,
    books: Arc<Books>,
    clock: Arc<Brittle>,
}

impl Town {
    fn open(policies: RatePolicies, limits: BookLimits) -> Self {
        tokio::time::pause();
        let books = Arc::new(Books::default());
        let clock = Arc::new(Brittle { clock: TestClock::default(), broken: AtomicBool::new(false) });
        let give_up = Arc::new(|name: &'static str, why: &str| panic!("{name}: {why}"));
        let hiring = Hiring { rules: HiringRules::default(), clock: Arc::new(TestClock::default()), give_up };
        let mut roster = Roster::new(hiring);
        let limiters = RateLimiters::vacant(policies, [9; 32]);
        let tools = RateLimiterTools { house: books.clone(), clock: clock.clone(), limits };
        limiters.hire(&tools, |post, factory| roster.hire(post, factory));
        Self { roster, limiters, books, clock }
    }

    async fn asks(&self, name: &str, class: RateClass) -> Decision {
        let asking = Asking { whom: Whom::named(name), tier: Tier::Standard, api_key: None };
        self.limiters.principal(&asking, class).await.unwrap().unwrap().decision
    }

    async fn passes(&self, name: &str, class: RateClass, times: usize) -> usize {
        let mut passed = 0;
        for _ in 0..times {
            passed += usize::from(self.asks(name, class).await.allowed);
        }
        passed
    }

    fn records(&self) -> Vec<Value> {
        self.books.records.lock().unwrap().clone()
    }
}

async fn pass(seconds: u64) {
    tokio::time::sleep(Duration::from_secs(seconds)).await;
}

/// F000-25, D-05: one principal's use of one class is that principal's and that class' alone.
#[actix::test]
async fn abuse_by_one_costs_nobody_else_anything() {
    let town = Town::open(RatePolicies::default(), BookLimits::default());
    assert_eq!(town.passes("ann", RateClass::PayoutBatch, 500).await, 5);
    assert_eq!(town.passes("bob", RateClass::PayoutBatch, 5).await, 5);
    assert_eq!(town.passes("ann", RateClass::Stats, 20).await, 20);
    pass(66).await;
    assert_eq!(town.passes("ann", RateClass::PayoutBatch, 6).await, 5, "a minute later it is whole again");
}

/// F004-05: 10,000 refusals are one record a minute, with their number; a closing house writes down the rest.
#[actix::test]
async fn ten_thousand_refusals_are_at_most_one_record_a_minute() {
    let town = Town::open(RatePolicies::default(), BookLimits::default());
    assert_eq!(town.passes("ann", RateClass::Stats, 10_020).await, 20);
    assert_eq!(town.records(), Vec::<Value>::new());
    pass(62).await;
    let records = town.records();
    assert_eq!(records.len(), 1, "{records:?}");
    for (name, value) in [("principal", "ann"), ("policy", "stats"), ("class", "stats")] {
        assert_eq!(records[0][name], value);
    }
    assert_eq!(records[0]["count"], 10_000);
    pass(60).await;
    assert_eq!(town.passes("ann", RateClass::Stats, 21).await, 20);
    let Town { roster, books, .. } = town;
    assert_eq!(roster.leave(Duration::from_secs(5)).await, Vec::<&str>::new());
    let records = books.records.lock().unwrap().clone();
    assert_eq!((records.len(), &records[1]["count"]), (2, &Value::from(1)));
}

/// F004-05: what somebody is called can not be made so long that the journal takes nobody's refusals any more.
#[actix::test]
async fn a_name_that_fits_in_no_record_silences_nobody() {
    let town = Town::open(RatePolicies::default(), BookLimits::default());
    let long = "x".repeat(70 * 1024);
    for name in [long.as_str(), "ann"] {
        assert_eq!(town.passes(name, RateClass::PayoutBatch, 6).await, 5);
    }
    pass(62).await;
    let records = town.records();
    assert_eq!(records.len(), 2);
    let names: Vec<_> = records.iter().map(|record| record["principal"].as_str().unwrap()).collect();
    assert!(names.contains(&"ann") && names.iter().all(|name| name.len() <= NAME_BYTES_MAX), "{names:?}");
}

/// ASVS 16.2.5: a name that is nobody's may be an e-mail address or a password: the journal has a pseudonym of it.
#[actix::test]
async fn what_nobody_is_called_stays_out_of_the_journal() {
    let town = Town::open(RatePolicies::default(), BookLimits::default());
    for trial in [Trial::PasswordOfNobody("alice@example.com"), Trial::Code("user:1")] {
        for _ in 0..21 {
            town.limiters.account(trial).await.unwrap();
        }
    }
    pass(62).await;
    let mut names: Vec<_> =
        town.records().iter().map(|record| record["principal"].as_str().unwrap().to_owned()).collect();
    names.sort();
    assert_eq!(names[1], "user:1");
    assert!(names[0].starts_with("name ") && names[0].len() == 21, "{names:?}");
}

#[actix::test]
async fn what_the_store_does_not_take_is_written_when_it_is_back() {
    let town = Town::open(RatePolicies::default(), BookLimits::default());
    town.books.away.store(true, Ordering::Relaxed);
    town.passes("ann", RateClass::PayoutBatch, 15).await;
    pass(90).await;
    town.passes("ann", RateClass::PayoutBatch, 8).await;
    assert_eq!(town.records(), Vec::<Value>::new());
    town.books.away.store(false, Ordering::Relaxed);
    pass(2).await;
    let records = town.records();
    assert_eq!((records.len(), &records[0]["count"]), (1, &Value::from(13)), "{records:?}");
}

/// F004-04: idle state passes away, by itself.
#[actix::test]
async fn whoever_has_been_idle_for_ten_minutes_is_forgotten() {
    let town = Town::open(RatePolicies::default(), BookLimits::default());
    for number in 0..100 {
        town.asks(&format!("user {number}"), RateClass::Default).await;
    }
    let known = async || {
        let views = town.roster.staff().views().await;
        assert_eq!(views.len(), SHARDS);
        assert!(views.iter().all(|view| view.name == NAME && view.present));
        views.iter().map(|view| view.state["known"].as_u64().unwrap()).collect::<Vec<_>>()
    };
    let shares = known().await;
    assert_eq!(shares.iter().sum::<u64>(), 100);
    assert!(shares.iter().all(|share| *share > 0), "every limiter has a share: {shares:?}");
    pass(599).await;
    town.asks("user 7", RateClass::Default).await;
    pass(30).await;
    assert_eq!(known().await.iter().sum::<u64>(), 1);
}

#[actix::test]
async fn a_limiter_that_dies_is_hired_anew_and_the_others_do_not_notice() {
    let town = Town::open(RatePolicies::default(), BookLimits::default());
    assert_eq!(town.passes("ann", RateClass::PayoutBatch, 5).await, 5);
    let others: Vec<_> = (0..20).map(|number| format!("user {number}")).collect();
    for other in &others {
        assert_eq!(town.passes(other, RateClass::PayoutBatch, 5).await, 5);
    }
    town.clock.broken.store(true, Ordering::Relaxed);
    let asking = Asking { whom: Whom::named("ann"), tier: Tier::Standard, api_key: None };
    let asked = town.limiters.principal(&asking, RateClass::PayoutBatch).await;
    assert_eq!(asked, Err(Gone::Away(NAME)), "whoever gets no answer does not pass");
    town.clock.broken.store(false, Ordering::Relaxed);
    pass(1).await;
    assert_eq!(town.passes("ann", RateClass::PayoutBatch, 6).await, 5, "it begins with an empty book");
    let views = town.roster.staff().views().await;
    assert_eq!(views.iter().map(|view| view.restarts).sum::<u64>(), 1);
    let mut forgotten = 0;
    for other in &others {
        forgotten += usize::from(town.asks(other, RateClass::PayoutBatch).await.allowed);
    }
    assert!(forgotten < others.len() / 2, "{forgotten} of {} were with the one that died", others.len());
}

/// F001-13, F003-05, F004-01, F004-02: keys, tiers, addresses and accounts have their own policies; a token file has one where it is
/// set.
#[actix::test]
async fn each_way_of_asking_has_its_policies() {
    let policies = RatePolicies { token_file: Some(3), ..RatePolicies::default() };
    let town = Town::open(policies, BookLimits::default());
    let (limiters, peer) = (&town.limiters, Whom::at("203.0.113.7".parse().unwrap()));
    let key =
        |id: &str| Asking { whom: Whom::named("ann"), tier: Tier::Premium, api_key: Some((id.into(), 4)) };
    let mut told = Vec::new();
    for _ in 0..5 {
        told.push(limiters.principal(&key("k1"), RateClass::Default).await.unwrap().unwrap().decision);
    }
    assert_eq!(told.iter().filter(|told| told.allowed).count(), 4);
    assert_eq!(told.last().unwrap().policy.name, PolicyName::ApiKey);
    let other = limiters.principal(&key("k2"), RateClass::Default).await.unwrap().unwrap().decision;
    assert!(other.allowed);
    for _ in 0..3 {
        assert!(
            limiters
                .token_file(&Whom::named("house"), RateClass::Stats)
                .await
                .unwrap()
                .unwrap()
                .decision
                .allowed
        );
    }
    let fourth =
        limiters.token_file(&Whom::named("house"), RateClass::Stats).await.unwrap().unwrap().decision;
    assert_eq!((fourth.allowed, fourth.policy.name), (false, PolicyName::TokenFile));
    for _ in 0..5 {
        assert!(limiters.public(&peer, RateClass::Auth).await.unwrap().unwrap().decision.allowed);
    }
    let sixth = limiters.public(&peer, RateClass::Auth).await.unwrap().unwrap().decision;
    assert_eq!((sixth.allowed, sixth.policy.name), (false, PolicyName::Auth));
    let tried = async |trial| limiters.account(trial).await.unwrap().unwrap().decision;
    for _ in 0..20 {
        assert!(tried(Trial::PasswordOfNobody("user:1")).await.allowed);
    }
    let too_many = tried(Trial::PasswordOfNobody("user:1")).await;
    assert_eq!((too_many.allowed, too_many.policy.name), (false, PolicyName::AuthAccount));
    for other in [Trial::Password("user:1"), Trial::Code("user:1"), Trial::PasswordOfNobody("bob")] {
        assert!(
            tried(other).await.allowed,
            "whoever writes an id as their name slows nobody down: {other:?}"
        );
    }
    for _ in 0..10 {
        assert!(limiters.anonymous(&peer, RateClass::Default).await.unwrap().unwrap().decision.allowed);
    }
    let eleventh = limiters.anonymous(&peer, RateClass::Default).await.unwrap().unwrap().decision;
    assert_eq!((eleventh.allowed, eleventh.policy.name), (false, PolicyName::Anonymous));
    let look =
        async || limiters.address(&peer, RateClass::Default, Purpose::Look).await.unwrap().unwrap().decision;
    assert_eq!((look().await.allowed, look().await.remaining), (true, 85));
    for _ in 0..85 {
        limiters.address(&peer, RateClass::Default, Purpose::Charge).await.unwrap();
    }
    assert_eq!((look().await.allowed, look().await.policy.name), (false, PolicyName::IpDefault));
    assert_eq!(limiters.public(&peer, RateClass::Unlimited).await, Ok(None));
    assert!(
        limiters.public(&peer, RateClass::Health).await.unwrap().unwrap().decision.allowed,
        "a probe of its own"
    );
}

#[actix::test]
async fn nobody_at_the_post_means_that_nobody_passes() {
    let limiters = RateLimiters::vacant(RatePolicies::default(), [9; 32]);
    let asked = limiters.anonymous(&Whom::Nearby, RateClass::Default).await;
    assert_eq!(asked, Err(Gone::Away(NAME)));
}
