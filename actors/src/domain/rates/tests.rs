//! The fear: one request too many, one principal who pays for another's, a clock that opens the door a second time.

use super::*;
use proptest::prelude::*;
use std::collections::BTreeMap;

fn key() -> PrincipalKey {
    PrincipalKey::new([7; 32])
}

fn named(name: &str) -> Principal {
    key().principal(&Whom::named(name))
}

fn charges(principal: Principal, policies: &[Policy]) -> Vec<Charge> {
    policies.iter().map(|policy| Charge { principal, policy: *policy }).collect()
}

fn minute(name: PolicyName, quota: u16) -> Policy {
    Policy { name, measure: Measure::Minute(quota) }
}

fn burst(capacity: u16, per_second: u16) -> Policy {
    Policy { name: PolicyName::Burst, measure: Measure::Burst { capacity, per_second } }
}

fn passes(book: &mut Book, charges: &[Charge], now_ms: u64) -> bool {
    book.decide(charges, Purpose::Charge, now_ms).is_some_and(|decision| decision.allowed)
}

/// F000-25, D-05: exactly N pass of each of the five, and using up one class leaves the others as they were.
#[test]
fn exactly_the_quota_passes_and_the_other_classes_are_left_alone() {
    let policies = RatePolicies { standard: QUOTA_MAX, burst_capacity: QUOTA_MAX, ..RatePolicies::default() };
    let classes = [
        (RateClass::PayoutCreate, 10),
        (RateClass::PayoutList, 30),
        (RateClass::PayoutBatch, 5),
        (RateClass::Stats, 20),
        (RateClass::Health, 120),
    ];
    let mut book = Book::new(BookLimits::default());
    for (class, quota) in classes {
        let asked = charges(named("ann"), &policies.of_principal(class, Tier::Standard));
        let passed = (0..quota * 2).filter(|_| passes(&mut book, &asked, 1_000)).count();
        assert_eq!(passed, quota, "{}", class.word());
        let refused = book.decide(&asked, Purpose::Charge, 1_000).unwrap();
        assert_eq!((refused.policy.name.word(), refused.remaining), (class.word(), 0));
    }
    let bob = charges(named("bob"), &policies.of_principal(RateClass::PayoutCreate, Tier::Standard));
    assert!(passes(&mut book, &bob, 1_000), "another one pays for nothing of it");
}

/// D-20: several policies measure a request; where one refuses, none of them is charged.
#[test]
fn a_request_that_one_policy_refuses_costs_nothing_by_the_others() {
    let mut book = Book::new(BookLimits::default());
    let (narrow, wide) = (minute(PolicyName::Stats, 1), minute(PolicyName::Standard, 3));
    let both = charges(named("ann"), &[narrow, wide]);
    assert!(passes(&mut book, &both, 0));
    for _ in 0..10 {
        let refused = book.decide(&both, Purpose::Charge, 0).unwrap();
        assert_eq!((refused.allowed, refused.policy), (false, narrow));
        assert_eq!(
            refused.reset_after_ms, 65_000,
            "all of the bucket has left after a window and five seconds"
        );
    }
    let wide_alone = charges(named("ann"), &[wide]);
    let told = book.decide(&wide_alone, Purpose::Charge, 0).unwrap();
    assert_eq!((told.allowed, told.remaining), (true, 1), "one was used before, one now");
}

#[test]
fn the_policy_that_leaves_the_least_is_told() {
    let mut book = Book::new(BookLimits::default());
    let asked = RatePolicies::default().of_principal(RateClass::PayoutCreate, Tier::Standard);
    let told = book.decide(&charges(named("ann"), &asked), Purpose::Charge, 0).unwrap();
    assert_eq!((told.policy.name, told.remaining), (PolicyName::PayoutCreate, 9));
    assert_eq!(book.decide(&[], Purpose::Charge, 0), None);
}

#[test]
fn a_look_counts_nothing_and_makes_nobody_known() {
    let mut book = Book::new(BookLimits::default());
    let asked = charges(named("ann"), &[minute(PolicyName::IpDefault, 1)]);
    for _ in 0..5 {
        assert!(book.decide(&asked, Purpose::Look, 0).unwrap().allowed);
    }
    assert_eq!(book.known(), 0);
    assert!(passes(&mut book, &asked, 0));
    assert!(!book.decide(&asked, Purpose::Look, 0).unwrap().allowed);
}

/// F003-04: 100 at once, then 10 a second, one more or less.
#[test]
fn a_burst_of_a_hundred_passes_and_then_ten_a_second() {
    let mut book = Book::new(BookLimits::default());
    let asked = charges(named("ann"), &[burst(100, 10)]);
    assert_eq!((0..300).filter(|_| passes(&mut book, &asked, 0)).count(), 100);
    let refused = book.decide(&asked, Purpose::Charge, 0).unwrap();
    assert_eq!((refused.allowed, refused.reset_after_ms), (false, 100));
    let passed = (1..=30_000).filter(|now_ms| passes(&mut book, &asked, *now_ms)).count();
    assert_eq!(passed, 300, "ten a second for half a minute, however often one asks");
    assert_eq!(burst(100, 10).measure.window_s(), 10);
}

/// F003-05: a change of tier holds from the next request on, and takes along what was used.
#[test]
fn a_tier_that_changes_counts_from_the_next_request_on() {
    let policies = RatePolicies { standard: 2, premium: 5, burst_capacity: 100, ..RatePolicies::default() };
    let mut book = Book::new(BookLimits::default());
    let asked = |tier| charges(named("ann"), &policies.of_principal(RateClass::Default, tier));
    assert_eq!((0..9).filter(|_| passes(&mut book, &asked(Tier::Standard), 0)).count(), 2);
    assert_eq!((0..9).filter(|_| passes(&mut book, &asked(Tier::Premium), 0)).count(), 3);
    assert!(!passes(&mut book, &asked(Tier::Standard), 0));
}

/// F001-13: two keys of one user have limits of their own, and the user's is theirs together.
#[test]
fn two_keys_of_one_user_share_what_is_the_users() {
    let policies = RatePolicies { standard: 5, ..RatePolicies::default() };
    let of_user = policies.of_principal(RateClass::Default, Tier::Standard);
    let mut book = Book::new(BookLimits::default());
    let mut with_key = |key: &str| {
        let mut asked = charges(named("ann"), &of_user);
        asked.extend(charges(named(key), &[minute(PolicyName::ApiKey, 3)]));
        (0..9).filter(|_| passes(&mut book, &asked, 0)).count()
    };
    assert_eq!((with_key("key:1"), with_key("key:2"), with_key("key:3")), (3, 2, 0));
}

#[test]
fn addresses_share_where_they_say_nothing_and_a_network_of_one_owner_is_one() {
    let at = |text: &str| Whom::at(text.parse().unwrap());
    assert_eq!(at("127.0.0.1"), Whom::Nearby);
    assert_eq!(at("::1"), Whom::Nearby);
    assert_eq!(at("::ffff:127.0.0.1"), Whom::Nearby);
    assert_eq!(at("::ffff:203.0.113.7"), at("203.0.113.7"));
    assert_ne!(at("203.0.113.7"), at("203.0.113.8"));
    assert_eq!(at("2001:db8:1:2::1"), at("2001:db8:1:2:ffff::9"));
    assert_ne!(at("2001:db8:1:2::1"), at("2001:db8:1:3::1"));
    assert_eq!(at("2001:db8:1:2::1").to_string(), "address 2001:db8:1:2::/64");
    let principals: Vec<_> = [
        at("127.0.0.1"),
        at("203.0.113.7"),
        at("2001:db8::"),
        Whom::named("ann"),
        Whom::named("this machine"),
    ]
    .iter()
    .map(|whom| key().principal(whom))
    .collect();
    let mut apart = principals.clone();
    apart.sort();
    apart.dedup();
    assert_eq!(apart.len(), principals.len());
    assert_ne!(named("ann"), PrincipalKey::new([8; 32]).principal(&Whom::named("ann")), "the key is secret");
}

/// F004-04: idle state passes away, and there is never more of it than fits; whoever was idle longest goes.
#[test]
fn the_idle_are_forgotten_and_the_book_is_never_longer_than_it_may_be() {
    let mut book = Book::new(BookLimits { known_max: 100, idle_after_ms: 600_000 });
    let policy = [minute(PolicyName::Standard, 2)];
    for number in 0..100 {
        assert!(passes(&mut book, &charges(named(&number.to_string()), &policy), number));
    }
    assert!(
        passes(&mut book, &charges(named("0"), &policy), 200),
        "0 is not the one that is idle longest any more"
    );
    for number in 100..150 {
        assert!(passes(&mut book, &charges(named(&number.to_string()), &policy), 1_000));
    }
    assert_eq!((book.known(), book.take_crowded_out(), book.take_crowded_out()), (100, 50, 0));
    assert!(
        !passes(&mut book, &charges(named("0"), &policy), 1_000),
        "0 is known still, and has used up its quota"
    );
    assert_eq!(book.forget_idle(600_900, 1_000), 0);
    assert_eq!(book.forget_idle(602_001, 10), 10, "a little at a time");
    assert_eq!((book.forget_idle(602_001, 1_000), book.known()), (90, 0));
}

/// F004-05: 10,000 refusals of one principal are one record a minute, with their number.
#[test]
fn ten_thousand_refusals_are_one_record_a_minute() {
    let (mut breaches, ann) = (Breaches::default(), named("ann"));
    let stats = (PolicyName::Stats, RateClass::Stats);
    for number in 0..10_000 {
        breaches.note(ann, &Whom::named("ann"), stats, number, 1_000_000 + number as i64);
    }
    assert_eq!(breaches.due(59_999, false), []);
    let due = breaches.due(60_000, false);
    let [breach] = due.as_slice() else { panic!("{due:?}") };
    assert_eq!((breach.whom.as_str(), breach.measured, breach.count), ("ann", Some(stats), 10_000));
    assert_eq!((breach.since_ms, breach.until_ms), (1_000_000, 1_009_999));
    breaches.note(ann, &Whom::named("ann"), stats, 60_000, 1_060_000);
    breaches.written(&due, 60_001);
    assert_eq!(breaches.due(120_000, false), [], "what came while it was written begins a minute of its own");
    let rest = breaches.due(120_001, false);
    assert_eq!((rest.len(), rest[0].count), (1, 1));
    breaches.written(&rest, 120_001);
    assert_eq!(breaches.due(u64::MAX, true), []);
}

#[test]
fn a_flood_from_everywhere_is_a_bounded_number_of_records() {
    let mut breaches = Breaches::default();
    for number in 0..1_000_u32 {
        let whom = Whom::at(std::net::Ipv4Addr::from_bits(0x0b00_0000 + number).into());
        breaches.note(key().principal(&whom), &whom, (PolicyName::IpDefault, RateClass::Default), 0, 0);
    }
    let due = breaches.due(0, true);
    assert_eq!(due.len(), OPEN_BREACHES_MAX + 1);
    let others: Vec<_> = due.iter().filter(|breach| breach.whom == "others").collect();
    assert_eq!(
        (others.len(), others[0].count, others[0].measured),
        (1, 1_000 - OPEN_BREACHES_MAX as u64, None)
    );
}

#[test]
fn every_name_stands_once_and_reads_like_a_name() {
    let words: BTreeMap<_, _> = PolicyName::ALL.iter().map(|name| (name.word(), name.meaning())).collect();
    assert_eq!(words.len(), PolicyName::ALL.len());
    for (word, meaning) in words {
        assert!(word.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-'), "{word}");
        assert!(!meaning.is_empty() && meaning.trim() == meaning, "{word}");
    }
    for tier in Tier::ALL {
        assert_eq!(Tier::from_word(tier.word()), Some(tier));
    }
}

proptest! {
    /// F000-25, F003-04: against the whole history. Whatever the clock does, no window of a minute holds more than the quota, and
    /// no stretch of time more than a burst and what it refills; and nobody waits for longer than a window after the last one passed.
    #[test]
    fn no_window_ever_holds_more_than_its_quota(
        quota in 1_u16..40,
        capacity in 1_u16..40,
        per_second in 1_u16..20,
        steps in prop::collection::vec((-20_000_i64..9_000, 1_usize..12), 1..60),
    ) {
        let mut book = Book::new(BookLimits::default());
        let asked = charges(named("ann"), &[minute(PolicyName::Standard, quota), burst(capacity, per_second)]);
        let (mut clock_ms, mut time_ms, mut passed) = (100_000_i64, 0_u64, Vec::<u64>::new());
        for (step_ms, requests) in steps {
            clock_ms = (clock_ms + step_ms).max(0);
            // Time as the book sees it: it stands still while the clock is behind what it has shown.
            time_ms = time_ms.max(clock_ms.unsigned_abs());
            for _ in 0..requests {
                let decision = book.decide(&asked, Purpose::Charge, clock_ms.unsigned_abs()).unwrap();
                if decision.allowed {
                    passed.push(time_ms);
                } else {
                    prop_assert!(decision.reset_after_ms > 0 && decision.reset_after_ms <= 65_000);
                    let later = time_ms + decision.reset_after_ms;
                    let in_time = book.decide(&asked, Purpose::Look, time_ms).unwrap();
                    prop_assert_eq!(in_time, decision);
                    let mut then = Book::new(BookLimits::default());
                    for at_ms in &passed {
                        then.decide(&asked, Purpose::Charge, *at_ms);
                    }
                    prop_assert!(!then.decide(&asked, Purpose::Look, later - 1).unwrap().allowed);
                    prop_assert!(then.decide(&asked, Purpose::Look, later).unwrap().allowed);
                }
            }
        }
        for (place, from_ms) in passed.iter().enumerate() {
            let within = |length_ms: u64| passed[place..].iter().take_while(|at| **at < from_ms + length_ms).count();
            prop_assert!(within(WINDOW_MS) <= usize::from(quota));
            for length_ms in [1, 500, 1_000, 10_000] {
                let refilled = usize::try_from(length_ms * u64::from(per_second) / 1_000).unwrap();
                prop_assert!(within(length_ms) <= usize::from(capacity) + refilled);
            }
        }
    }
}
