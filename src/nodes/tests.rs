//! The fear: a question about one payout becomes a question for each account of a node, or one entry that nobody can read any more
//! takes a whole node's payouts away.

use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use payoutd_actors::{
    fakes::MemoryStore,
    ports::{KeyUsage, KeyUses, Use},
};

use super::*;
use crate::world::SystemClock;

/// A register that counts the questions it is asked.
struct Counting {
    store: MemoryStore,
    asked: AtomicUsize,
}

impl Counting {
    fn count(&self) -> &MemoryStore {
        self.asked.fetch_add(1, Ordering::Relaxed);
        &self.store
    }
}

#[async_trait]
impl Register for Counting {
    async fn entry(&self, kind: EntryKind, id: &str) -> Result<Option<Entry>, StoreFault> {
        self.count().entry(kind, id).await
    }

    async fn entry_named(&self, kind: EntryKind, name: &str) -> Result<Option<Entry>, StoreFault> {
        self.count().entry_named(kind, name).await
    }

    async fn entries(
        &self,
        kind: EntryKind,
        owner: Option<&str>,
        after: &str,
        limit: u32,
    ) -> Result<Vec<Entry>, StoreFault> {
        self.count().entries(kind, owner, after, limit).await
    }

    async fn register(&self, change: RegisterChange, now_ms: i64) -> Result<Registered, StoreFault> {
        self.count().register(change, now_ms).await
    }

    async fn use_once(&self, uses: &[Use]) -> Result<Vec<bool>, StoreFault> {
        self.count().use_once(uses).await
    }

    async fn count_uses(&self, uses: &BTreeMap<String, KeyUses>) -> Result<(), StoreFault> {
        self.count().count_uses(uses).await
    }

    async fn usage(&self, keys: &[String], now_ms: i64) -> Result<BTreeMap<String, KeyUsage>, StoreFault> {
        self.count().usage(keys, now_ms).await
    }

    async fn forget_expired(&self, now_ms: i64, limit: u32) -> Result<u64, StoreFault> {
        self.count().forget_expired(now_ms, limit).await
    }
}

fn account(name: &str) -> AccountId {
    AccountId::new(name).unwrap()
}

/// A desk with fifty accounts of one node.
async fn of_fifty() -> (Arc<Counting>, NodeDesk) {
    let register = Arc::new(Counting { store: MemoryStore::new("s"), asked: AtomicUsize::new(0) });
    let desk = NodeDesk::new(register.clone(), Arc::new(SystemClock));
    let (north, by) = ("north".parse().unwrap(), By { name: "user:1".to_owned(), from: None });
    for n in 0..50 {
        desk.assign(&account(&format!("shop-{n}")), &north, "a story", &by).await.unwrap();
    }
    (register, desk)
}

/// Whom somebody reaches costs two questions where it is a node, however many accounts are of it, and none anywhere else.
#[tokio::test]
async fn who_is_of_a_node_is_two_questions_and_everything_else_is_none() {
    let (register, desk) = of_fifty().await;
    for (reach, own, questions, others) in [
        (None, "shop-7", 0, 0),
        (Some(Reach::Own), "shop-7", 0, 1),
        (Some(Reach::Node), "shop-7", 2, 50),
        (Some(Reach::Node), "of-none", 1, 0),
        (Some(Reach::All), "shop-7", 0, 50),
    ] {
        register.asked.store(0, Ordering::Relaxed);
        let reached = desk.reached(reach, &account(own)).await.unwrap();
        assert_eq!(register.asked.load(Ordering::Relaxed), questions, "{reach:?} {own}");
        let shops = (0..50).filter(|n| reached.has(&account(&format!("shop-{n}")))).count();
        assert_eq!(shops, others, "{reach:?} {own}");
    }
}

/// An entry that says something unreadable of itself is told by its account where entries are shown, and keeps nobody from their
/// payouts; one that names no node is no way to anybody's.
#[tokio::test]
async fn an_entry_that_can_not_be_read_takes_nobody_elses_payouts_away() {
    let (register, desk) = of_fifty().await;
    let write = async |id: &str, body: &str, owner: Option<&str>| {
        let mut entry = register.store.entry(EntryKind::NodeAccount, id).await.unwrap().unwrap();
        (entry.body, entry.owner) = (body.to_owned(), owner.map(str::to_owned));
        let change = RegisterChange { put: vec![entry], ..RegisterChange::default() };
        assert_eq!(register.store.register(change, 0).await.unwrap(), Registered::Done);
    };
    write("shop-3", "nonsense", Some("north")).await;
    let reached = desk.reached(Some(Reach::Node), &account("shop-7")).await.unwrap();
    assert!(reached.has(&account("shop-3")) && reached.has(&account("shop-8")));
    let told = desk.page(None, "", 99).await.unwrap_err().to_string();
    assert!(told.contains("shop-3"), "{told}");
    write("shop-3", "{}", Some("No Node")).await;
    let astray = desk.reached(Some(Reach::Node), &account("shop-3")).await;
    assert!(matches!(astray, Err(StoreFault::Corrupt(_))), "{astray:?}");
    assert!(!desk.reached(Some(Reach::Node), &account("shop-7")).await.unwrap().has(&account("shop-3")));
}
