use super::*;
use crate::domain::access::Orderer;
use proptest::prelude::*;

fn usdt(whole: u64) -> MicroUsdt {
    MicroUsdt::new(whole * 1_000_000)
}

fn rules() -> LimitRules {
    LimitRules {
        hourly: usdt(1_000),
        daily: usdt(10_000),
        account_hourly: usdt(600),
        account_daily: usdt(5_000),
        on_excess: OnExcess::Hold,
    }
}

fn broken(whose: Whose, window: Window) -> LimitBroken {
    LimitBroken { whose, window }
}

/// Somebody who orders for an account, as what.
fn spender(account: &str, principal: &str, role: Role) -> Spender {
    let ordered_by = Some(Orderer { principal: principal.to_owned(), role });
    Spender { account: AccountId::new(account).unwrap(), ordered_by, route: Route::Transfer }
}

fn set(ceilings: Ceilings, expires_at_ms: Option<i64>) -> Option<SetLimit> {
    let reason = "a story".to_owned();
    Some(SetLimit { ceilings, expires_at_ms, set_by: "user:1".to_owned(), set_at_ms: 0, reason })
}

fn hourly(whole: u64) -> Ceilings {
    Ceilings { hourly: Some(usdt(whole)), ..Ceilings::default() }
}

/// F000-17: what is reserved counts at once, and one account's excess is its own.
#[test]
fn a_flooding_account_leaves_room_for_others() {
    let (mut book, now) = (LimitBook::default(), 1_000_000_000);
    let (loud, quiet) = (spender("loud", "key:1", Role::Service), spender("quiet", "key:2", Role::Service));
    let of_account = Err(broken(Whose::Account, Window::Hourly));
    assert_eq!(book.reserve(loud.by_ref(), usdt(600), &rules(), now), Ok(()));
    assert_eq!(book.reserve(loud.by_ref(), usdt(1), &rules(), now), of_account);
    assert_eq!(book.reserve(quiet.by_ref(), usdt(400), &rules(), now), Ok(()));
    let of_house = Err(broken(Whose::House, Window::Hourly));
    assert_eq!(book.reserve(quiet.by_ref(), usdt(1), &rules(), now), of_house);
}

#[test]
fn settled_money_leaves_the_hour_but_stays_in_the_day() {
    let (mut book, account) = (LimitBook::default(), spender("house", "house", Role::Admin));
    let noon = 43_200_000;
    book.reserve(account.by_ref(), usdt(500), &rules(), noon).unwrap();
    book.settle(account.by_ref(), usdt(500), noon);
    assert_eq!(book.house.used_micro_usdt(HOUR_MS, noon + HOUR_MS), usdt(500).micro());
    assert_eq!(book.house.used_micro_usdt(HOUR_MS, noon + HOUR_MS + MINUTE_MS), 0);
    assert_eq!(book.house.used_micro_usdt(DAY_MS, noon + HOUR_MS + MINUTE_MS), usdt(500).micro());
}

/// F000-17: of all limits that measure a payout the strictest holds, and it says whose it is.
#[test]
fn every_scope_must_have_room_and_the_strictest_is_told() {
    let now = 1_000_000_000;
    let who = spender("shop", "key:1", Role::Service);
    let colleague = spender("shop", "key:2", Role::Service);
    let other = spender("shop", "user:9", Role::NodeOperator);
    for (scope, whose, stops_colleague, stops_other) in [
        (Scope::Principal("key:1".to_owned()), Whose::Principal, false, false),
        (Scope::Role(Role::Service), Whose::Role, true, false),
        (Scope::Route(Route::Transfer), Whose::Route, true, true),
        (Scope::Account(AccountId::new("shop").unwrap()), Whose::Account, true, true),
        (Scope::House, Whose::House, true, true),
    ] {
        let mut book = LimitBook::default();
        book.page_mut(scope).set = set(hourly(50), None);
        assert_eq!(book.reserve(who.by_ref(), usdt(50), &rules(), now), Ok(()));
        let refused = Err(broken(whose, Window::Hourly));
        assert_eq!(book.room_for(who.by_ref(), usdt(1), &rules(), now), refused);
        for (whoever, stops) in [(&colleague, stops_colleague), (&other, stops_other)] {
            let room = book.room_for(whoever.by_ref(), usdt(1), &rules(), now);
            assert_eq!(room, if stops { refused } else { Ok(()) }, "{whose:?} {whoever:?}");
        }
        book.release(who.by_ref(), usdt(50));
        assert_eq!(book.room_for(who.by_ref(), usdt(50), &rules(), now), Ok(()), "{whose:?}");
    }
}

/// F000-21: what was set holds until its moment, to the millisecond, and then the configuration does.
#[test]
fn a_set_limit_passes_away_by_itself() {
    let mut book = LimitBook::default();
    let who = spender("house", "house", Role::Admin);
    book.house.set = set(hourly(2_000), Some(5_000));
    book.page_mut(Scope::Account(AccountId::house())).set = set(hourly(2_000), None);
    assert_eq!(book.room_for(who.by_ref(), usdt(1_500), &rules(), 4_999), Ok(()));
    let refused = Err(broken(Whose::House, Window::Hourly));
    assert_eq!(book.room_for(who.by_ref(), usdt(1_500), &rules(), 5_000), refused);
}

/// A limit for one payout is no window: what was spent before does not matter, and what is larger never fits.
#[test]
fn one_payout_may_be_too_large_by_itself() {
    let (mut book, who) = (LimitBook::default(), spender("house", "key:1", Role::Service));
    let most = Ceilings { per_payout: Some(usdt(20)), ..Ceilings::default() };
    book.page_mut(Scope::Role(Role::Service)).set = set(most, None);
    let refused = Err(broken(Whose::Role, Window::PerPayout));
    assert_eq!(book.allows(who.by_ref(), usdt(21), &rules(), 0), refused);
    assert_eq!(book.reserve(who.by_ref(), usdt(21), &rules(), 0), refused);
    for _ in 0..10 {
        assert_eq!(book.reserve(who.by_ref(), usdt(20), &rules(), 0), Ok(()));
    }
}

/// One text is one scope, and what is none is refused.
#[test]
fn a_scope_is_read_as_it_is_written() {
    let scopes = [
        Scope::House,
        Scope::Account(AccountId::house()),
        Scope::Principal("key:0123456789abcdef".to_owned()),
        Scope::Principal("house".to_owned()),
        Scope::Role(Role::NodeOperator),
        Scope::Route(Route::RouterKyc),
    ];
    for scope in scopes {
        assert_eq!(scope.to_string().parse(), Ok(scope));
    }
    let wrong = ["", "House", "house:", "account:", "account:A", "principal:", "principal:a b", "role:root"];
    for wrong in wrong.into_iter().chain(["route:", "route:lightning", "transfer", "tenant:x"]) {
        assert_eq!(wrong.parse::<Scope>(), Err(NotAScope), "{wrong}");
    }
    let long = format!("principal:{}", "x".repeat(PRINCIPAL_CHARS_MAX + 1));
    assert_eq!(long.parse::<Scope>(), Err(NotAScope));
}

/// A limit that is not understood is never passed over.
#[test]
fn a_limit_that_can_not_be_read_is_a_fault() {
    let mut book = LimitBook::default();
    let good = r#"{"hourly_usdt":"12.5","set_by":"user:1","set_at_ms":1,"reason":"r"}"#;
    assert_eq!(book.put_up([("role:service", good)].into_iter()), Ok(()));
    assert_eq!(book.roles[&Role::Service].ceilings(Ceilings::default(), 0).hourly, "12.5".parse().ok());
    for (scope, says) in [("role:root", good), ("house", "{}"), ("house", "no json")] {
        assert!(book.put_up([(scope, says)].into_iter()).is_err(), "{scope} {says}");
    }
    assert_eq!(book.put_up(std::iter::empty()), Ok(()));
    assert_eq!(book.roles[&Role::Service].set, None);
}

proptest! {
    /// F000-17: in no hour and no day does settled plus reserved exceed a limit of any scope, whatever comes in which order.
    #[test]
    fn no_window_ever_holds_more_than_its_limit(
        steps in prop::collection::vec((0u8..3, 0usize..3, 1u64..400, 0i64..1_800_000), 1..120),
    ) {
        let (mut book, rules) = (LimitBook::default(), rules());
        let people = [
            spender("house", "key:1", Role::Service),
            spender("house", "key:2", Role::Service),
            spender("shop", "user:1", Role::NodeOperator),
        ];
        let limit = |hourly, daily| Ceilings { hourly: Some(usdt(hourly)), daily: Some(usdt(daily)), per_payout: None };
        book.page_mut(Scope::Principal("key:1".to_owned())).set = set(limit(300, 900), None);
        book.page_mut(Scope::Role(Role::Service)).set = set(limit(450, 2_000), None);
        book.page_mut(Scope::Route(Route::Transfer)).set = set(limit(700, 4_000), None);
        let mut now = 86_400_000_i64 - 120_000;
        let (mut open, mut settled) = (Vec::<(usize, u64)>::new(), Vec::<(i64, usize, u64)>::new());
        for (kind, who, amount, pause) in steps {
            now += pause;
            match kind {
                0 => if book.reserve(people[who].by_ref(), usdt(amount), &rules, now).is_ok() {
                    open.push((who, amount));
                },
                1 => if let Some((who, amount)) = open.pop() {
                    book.settle(people[who].by_ref(), usdt(amount), now);
                    settled.push((now, who, amount));
                },
                _ => if let Some((who, amount)) = open.pop() { book.release(people[who].by_ref(), usdt(amount)); },
            }
            let scopes: [(&[usize], u64, u64); 5] =
                [(&[0, 1, 2], 700, 4_000), (&[0, 1], 450, 2_000), (&[0], 300, 900), (&[2], 600, 5_000), (&[0, 1], 600, 5_000)];
            for (whose, hourly, daily) in scopes {
                let reserved: u64 = open.iter().filter(|(who, _)| whose.contains(who)).map(|(_, amount)| amount).sum();
                for (window, limit) in [(HOUR_MS, hourly), (DAY_MS, daily)] {
                    let within = settled.iter().filter(|(at, who, _)| *at > now - window && whose.contains(who));
                    prop_assert!(within.map(|(.., amount)| amount).sum::<u64>() + reserved <= limit);
                }
            }
        }
    }
}
