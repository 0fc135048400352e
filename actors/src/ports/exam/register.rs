//! The fears about the register: a code that opens twice, a change that overwrites another's, a name that is two people's.

use super::kit::MORNING_MS;
use super::{Hall, Told};
use crate::domain::journal::{Body, JournalDraft};
use crate::ports::{
    Entry, EntryKind, House, Journal, KeyUsage, KeyUses, Register, RegisterChange, Registered, StoreFault,
    USAGE_HOUR_MS, Use,
};
use futures_util::future::join_all;
use std::collections::BTreeMap;

/// A person who is not written yet.
fn person(id: &str, name: &str) -> Entry {
    Entry {
        kind: EntryKind::Person,
        id: id.to_owned(),
        name: Some(name.to_owned()),
        owner: None,
        version: 0,
        body: format!("{{\"says\":\"{id} \\\"ä\\\"\"}}"),
        expires_at_ms: None,
    }
}

fn put(entry: Entry) -> RegisterChange {
    RegisterChange { put: vec![entry], ..RegisterChange::default() }
}

fn once(what: &str) -> Use {
    Use { what: what.to_owned(), until_ms: MORNING_MS + 300_000 }
}

/// What is written comes back as it was, in this process and the next, and lists are complete and in order.
pub async fn an_entry_is_found_by_its_id_its_name_and_its_owner(hall: &impl Hall) -> Told {
    let store = hall.fresh().await?;
    for kind in EntryKind::ALL {
        let entry = Entry { kind, owner: Some("someone".to_owned()), ..person("b-2", "Bob") };
        assert_eq!(store.register(put(entry), MORNING_MS).await?, Registered::Done, "{kind:?}");
    }
    for id in ["a-1", "c-3", "B-0"] {
        store.register(put(person(id, id)), MORNING_MS).await?;
    }
    let store = hall.reopened(store).await?;
    let bob = store.entry(EntryKind::Person, "b-2").await?.ok_or("b-2 is not there")?;
    let expected = Entry { owner: Some("someone".to_owned()), version: 1, ..person("b-2", "Bob") };
    assert_eq!(bob, expected);
    assert_eq!(store.entry_named(EntryKind::Person, "Bob").await?, Some(bob.clone()));
    assert_eq!(store.entry_named(EntryKind::Person, "bob").await?, None);
    assert_eq!(store.entry(EntryKind::Person, "nobody").await?, None);
    let ids = |entries: Vec<Entry>| entries.into_iter().map(|entry| entry.id).collect::<Vec<_>>();
    assert_eq!(ids(store.entries(EntryKind::Person, None, "", 3).await?), ["B-0", "a-1", "b-2"]);
    assert_eq!(ids(store.entries(EntryKind::Person, None, "b-2", 3).await?), ["c-3"]);
    assert_eq!(store.entries(EntryKind::Person, Some("someone"), "", 9).await?, [bob]);
    assert_eq!(store.facts().await?.latest_ms, MORNING_MS);
    Ok(())
}

/// Nobody overwrites what somebody else has written meanwhile, and nobody adds what is there.
pub async fn of_two_who_change_an_entry_one_is_told_that_it_was_late(hall: &impl Hall) -> Told {
    let store = hall.fresh().await?;
    let adds = (0..20).map(|n| {
        let store = store.clone();
        async move { store.register(put(person("a", &format!("name-{n}"))), MORNING_MS).await }
    });
    let verdicts: Vec<_> = join_all(adds).await.into_iter().collect::<Result<_, _>>()?;
    assert_eq!(verdicts.iter().filter(|verdict| **verdict == Registered::Done).count(), 1);
    let read = store.entry(EntryKind::Person, "a").await?.ok_or("nobody was first")?;
    let changes = (0..20).map(|n| {
        let (store, mine) = (store.clone(), Entry { body: format!("{{\"n\":{n}}}"), ..read.clone() });
        async move { store.register(put(mine), MORNING_MS).await }
    });
    let verdicts: Vec<_> = join_all(changes).await.into_iter().collect::<Result<_, _>>()?;
    assert_eq!(verdicts.iter().filter(|verdict| **verdict == Registered::Done).count(), 1);
    let late = (EntryKind::Person, "a".to_owned(), read.version);
    let remove = |which| RegisterChange { remove: vec![which], ..RegisterChange::default() };
    assert_eq!(store.register(remove(late.clone()), MORNING_MS).await?, Registered::Outdated);
    let in_time = (late.0, late.1, read.version + 1);
    assert_eq!(store.register(remove(in_time.clone()), MORNING_MS).await?, Registered::Done);
    assert_eq!(store.register(remove(in_time), MORNING_MS).await?, Registered::Outdated);
    assert_eq!(store.entry(EntryKind::Person, "a").await?, None);
    Ok(())
}

/// Two entries of a kind never have one name, whether it is given at the birth or later.
pub async fn a_name_is_one_entrys_alone(hall: &impl Hall) -> Told {
    let store = hall.fresh().await?;
    assert_eq!(store.register(put(person("a", "ann")), MORNING_MS).await?, Registered::Done);
    assert_eq!(store.register(put(person("b", "ann")), MORNING_MS).await?, Registered::Outdated);
    assert_eq!(store.register(put(person("b", "bob")), MORNING_MS).await?, Registered::Done);
    let bob = store.entry(EntryKind::Person, "b").await?.ok_or("bob is not there")?;
    let as_ann = Entry { name: Some("ann".to_owned()), ..bob.clone() };
    assert_eq!(store.register(put(as_ann), MORNING_MS).await?, Registered::Outdated);
    let other_kind = Entry { kind: EntryKind::ApiKey, ..person("a", "ann") };
    assert_eq!(store.register(put(other_kind), MORNING_MS).await?, Registered::Done);
    assert_eq!(store.register(put(bob.clone()), MORNING_MS).await?, Registered::Done);
    assert_eq!(store.entry_named(EntryKind::Person, "bob").await?.map(|entry| entry.version), Some(2));
    Ok(())
}

/// F000-07: an entry is in the list of whose it is now, and in no other; taken away, it is in none.
pub async fn what_goes_to_another_owner_is_the_others_alone(hall: &impl Hall) -> Told {
    let store = hall.fresh().await?;
    let of = |account: &str, node: &str, version: u32| Entry {
        kind: EntryKind::NodeAccount,
        name: None,
        owner: Some(node.to_owned()),
        version,
        ..person(account, "")
    };
    for entry in [of("a", "north", 0), of("b", "north", 0), of("c", "south", 0), of("a", "south", 1)] {
        assert_eq!(store.register(put(entry), MORNING_MS).await?, Registered::Done);
    }
    assert_eq!(store.register(put(of("a", "north", 1)), MORNING_MS).await?, Registered::Outdated);
    let store = hall.reopened(store).await?;
    let ids = async |node: &str| -> Result<Vec<String>, StoreFault> {
        let entries = store.entries(EntryKind::NodeAccount, Some(node), "", 9).await?;
        Ok(entries.into_iter().map(|entry| entry.id).collect())
    };
    assert_eq!((ids("north").await?, ids("south").await?), (vec!["b".into()], vec!["a".into(), "c".into()]));
    let gone = vec![(EntryKind::NodeAccount, "a".to_owned(), 2)];
    store.register(RegisterChange { remove: gone, ..RegisterChange::default() }, MORNING_MS).await?;
    assert_eq!((ids("south").await?, ids("nowhere").await?), (vec!["c".to_owned()], vec![]));
    assert_eq!(store.entries(EntryKind::NodeAccount, None, "", 9).await?.len(), 2);
    Ok(())
}

/// F004-08, F004-09, F002-07: of two hundred who use the same code, one does.
pub async fn what_may_be_used_once_is_used_once_however_many_try(hall: &impl Hall) -> Told {
    let store = hall.fresh().await?;
    let tries = (0..200).map(|n| {
        let store = store.clone();
        async move {
            let (shared, own) = (once("nonce:k:shared"), once(&format!("nonce:k:{n}")));
            if n % 2 == 0 {
                let first = store.use_once(&[own.clone(), shared, own]).await?;
                assert_eq!((first[0], first[2]), (true, false), "the second of the same call is no first");
                Ok(first[1])
            } else {
                let change = RegisterChange { uses: vec![own, shared], ..RegisterChange::default() };
                store.register(change, MORNING_MS).await.map(|verdict| verdict == Registered::Done)
            }
        }
    });
    let verdicts: Vec<bool> = join_all(tries).await.into_iter().collect::<Result<_, _>>()?;
    assert_eq!(verdicts.iter().filter(|first| **first).count(), 1);
    let store = hall.reopened(store).await?;
    assert_eq!(store.use_once(&[once("nonce:k:shared"), once("nonce:k:new")]).await?, [false, true]);
    Ok(())
}

/// All of a change or nothing: entries, uses and the journal's word stand in one transaction.
pub async fn a_change_that_fails_leaves_no_trace_and_one_that_stands_is_in_the_journal(
    hall: &impl Hall,
) -> Told {
    let store = hall.fresh().await?;
    let word = || JournalDraft::new(MORNING_MS, "person_invited", Body::empty());
    let change = |entries: Vec<Entry>, uses: Vec<Use>| RegisterChange {
        put: entries,
        uses,
        journal: vec![word()],
        ..RegisterChange::default()
    };
    store.use_once(&[once("used")]).await?;
    let used = change(vec![person("a", "ann")], vec![once("fresh"), once("used")]);
    assert_eq!(store.register(used, MORNING_MS).await?, Registered::UsedBefore);
    let late =
        change(vec![person("a", "ann"), Entry { version: 7, ..person("b", "bob") }], vec![once("fresh")]);
    assert_eq!(store.register(late, MORNING_MS).await?, Registered::Outdated);
    assert_eq!((store.entry(EntryKind::Person, "a").await?, store.last_seq().await?), (None, 0));
    let good = change(vec![person("a", "ann"), person("b", "bob")], vec![once("fresh")]);
    assert_eq!(store.register(good, MORNING_MS).await?, Registered::Done);
    let told: Vec<_> = store.records(1, 9).await?.into_iter().map(|record| record.kind).collect();
    assert_eq!(told, ["person_invited"]);
    assert_eq!(store.use_once(&[once("fresh")]).await?, [false]);
    Ok(())
}

/// What is over goes, a bounded number at a time; what is not over stays.
pub async fn what_has_expired_is_forgotten_and_nothing_else(hall: &impl Hall) -> Told {
    let store = hall.fresh().await?;
    for n in 0..5_i64 {
        let id = format!("s-{n}");
        let session =
            Entry { kind: EntryKind::Session, name: None, expires_at_ms: Some(n), ..person(&id, "") };
        store.register(put(session), MORNING_MS).await?;
        store.use_once(&[Use { what: id, until_ms: n }]).await?;
    }
    store.register(put(person("for-ever", "ann")), MORNING_MS).await?;
    assert_eq!(store.forget_expired(3, 2).await?, 4);
    assert_eq!(store.forget_expired(3, 9).await?, 4);
    assert_eq!(store.forget_expired(3, 9).await?, 0);
    let left = store.entries(EntryKind::Session, None, "", 9).await?;
    assert_eq!(left.into_iter().map(|entry| entry.id).collect::<Vec<_>>(), ["s-4"]);
    assert!(store.entry(EntryKind::Person, "for-ever").await?.is_some());
    let again: Vec<Use> = ["s-0", "s-4"].map(once).into();
    assert_eq!(store.use_once(&again).await?, [true, false]);
    Ok(())
}

/// F001-14: counts add up over processes, and a day is 24 hours.
pub async fn uses_of_a_key_add_up(hall: &impl Hall) -> Told {
    let store = hall.fresh().await?;
    let batch = |uses: u64, last_used_at_ms: i64| {
        BTreeMap::from([("k-1".to_owned(), KeyUses { uses, last_used_at_ms })])
    };
    let yesterday = MORNING_MS - 25 * USAGE_HOUR_MS;
    for (uses, at_ms) in [(3, yesterday), (5, MORNING_MS - USAGE_HOUR_MS), (2, MORNING_MS), (1, MORNING_MS)] {
        store.count_uses(&batch(uses, at_ms)).await?;
    }
    let store = hall.reopened(store).await?;
    let usage = store.usage(&["k-1".to_owned(), "k-2".to_owned()], MORNING_MS).await?;
    let expected = KeyUsage { uses: 11, uses_24h: 8, last_used_at_ms: MORNING_MS };
    assert_eq!(usage, BTreeMap::from([("k-1".to_owned(), expected)]));
    store.forget_expired(MORNING_MS, 9).await?;
    let usage = store.usage(&["k-1".to_owned()], MORNING_MS).await?;
    assert_eq!(usage.get("k-1").map(|usage| (usage.uses, usage.uses_24h)), Some((11, 8)));
    Ok(())
}
