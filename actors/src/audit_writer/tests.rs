//! Stories of the seal, on paused time.

use super::*;
use crate::domain::journal::{Body, JournalRecord, Report, SEAL_ROWS_MAX, Verifier, VerifyOptions};
use crate::fakes::{MemoryStore, PocketKeeper, TestClock};
use crate::ports::{HouseChange, JournalSearch};
use actix::Addr;
use serde_json::json;

struct Town {
    store: MemoryStore,
    keeper: Arc<PocketKeeper>,
    key: Arc<JournalKey>,
    clock: Arc<TestClock>,
}

fn town() -> Town {
    tokio::time::pause();
    Town {
        store: MemoryStore::new("town"),
        keeper: Arc::default(),
        key: Arc::new(JournalKey::from_seed(&[9; 32])),
        clock: Arc::default(),
    }
}

/// A journal of which somebody has changed a row.
struct Changed {
    store: MemoryStore,
    seq: i64,
}

#[async_trait::async_trait]
impl Journal for Changed {
    async fn records(&self, from_seq: i64, limit: u32) -> Result<Vec<JournalRecord>, StoreFault> {
        let mut rows = self.store.records(from_seq, limit).await?;
        rows.iter_mut().filter(|row| row.seq == self.seq).for_each(|row| row.at_ms += 1);
        Ok(rows)
    }

    async fn last_seq(&self) -> Result<i64, StoreFault> {
        self.store.last_seq().await
    }

    async fn search(&self, search: &JournalSearch) -> Result<Vec<JournalRecord>, StoreFault> {
        self.store.search(search).await
    }

    async fn place_behind(&self, at_ms: i64) -> Result<i64, StoreFault> {
        self.store.place_behind(at_ms).await
    }

    async fn seals(&self, from_seal_no: i64, limit: u32) -> Result<Vec<Seal>, StoreFault> {
        self.store.seals(from_seal_no, limit).await
    }

    async fn last_seal(&self) -> Result<Option<Seal>, StoreFault> {
        self.store.last_seal().await
    }

    async fn put_seal(&self, seal: Seal) -> Result<bool, StoreFault> {
        self.store.put_seal(seal).await
    }
}

impl Town {
    fn hire(&self) -> Addr<AuditWriter> {
        self.hire_upon(Arc::new(self.store.clone()))
    }

    fn hire_upon(&self, journal: Arc<dyn Journal>) -> Addr<AuditWriter> {
        let tools = AuditWriterTools {
            journal,
            house: Arc::new(self.store.clone()),
            roles: Arc::new(self.store.clone()),
            key: self.key.clone(),
            keeper: self.keeper.clone(),
            clock: self.clock.clone(),
            settings: AuditWriterSettings::default(),
        };
        AuditWriter::new(tools).start()
    }

    /// Rows, as somebody else's transactions leave them.
    async fn write(&self, rows: u32) {
        let alarm = |n| HouseChange::Alarm {
            kind: "rehearsal",
            payout_id: None,
            body: Body::of(&json!({ "n": n })).unwrap(),
        };
        self.store.change((0..rows).map(alarm).collect(), self.clock.now_ms()).await.unwrap();
    }

    async fn seals(&self) -> Vec<Seal> {
        self.store.seals(1, u32::MAX).await.unwrap()
    }

    /// What `payoutd audit verify` would say, against the checkpoint that is kept.
    async fn verify(&self) -> Report {
        let mut options = VerifyOptions::new("town").trusting(self.key.public_key().clone());
        if let Some(kept) = self.keeper.kept().await.unwrap() {
            options = options.against(kept);
        }
        let mut verifier = Verifier::new(options);
        let mut rows = self.store.records(1, u32::MAX).await.unwrap().into_iter().peekable();
        for seal in self.seals().await {
            while let Some(row) = rows.next_if(|row| row.seq <= seal.last_seq) {
                verifier.row(&row);
            }
            verifier.seal(&seal);
        }
        rows.for_each(|row| verifier.row(&row));
        verifier.finish()
    }

    async fn view(&self, writer: &Addr<AuditWriter>) -> serde_json::Value {
        writer.send(ShowView).await.unwrap().state
    }
}

async fn pass(seconds: u64) {
    tokio::time::sleep(Duration::from_secs(seconds)).await;
}

/// F002-18, F002-22: what is written is sealed before long, and the journal verifies against the kept checkpoint.
#[actix::test]
async fn what_is_written_is_sealed_before_long() {
    let town = town();
    let writer = town.hire();
    town.write(10).await;
    pass(6).await;
    town.write(3).await;
    pass(6).await;
    let seals = town.seals().await;
    assert_eq!(
        seals.iter().map(|seal| (seal.first_seq, seal.last_seq)).collect::<Vec<_>>(),
        [(1, 10), (11, 13)]
    );
    let report = town.verify().await;
    assert!(report.sound, "{:?}", report.findings);
    assert_eq!((report.rows, report.sealed_to_seq, report.checkpoints), (13, 13, 1));
    let view = town.view(&writer).await;
    assert_eq!((view["sealed_to_seq"].as_i64(), view["unsealed"].as_u64()), (Some(13), Some(0)));
    assert!(view["oldest_unsealed_at_ms"].is_null());
}

/// Many nudges make one seal: rows come in crowds.
#[actix::test]
async fn a_crowd_of_nudges_makes_one_seal() {
    let town = town();
    let writer = town.hire();
    pass(1).await;
    for _ in 0..20 {
        town.write(1).await;
        writer.send(LookNow).await.unwrap();
    }
    assert_eq!(town.seals().await.len(), 0);
    pass(1).await;
    assert_eq!(town.seals().await.len(), 1);
}

/// `payoutd audit checkpoint` covers the last row that stood there when it was asked for.
#[actix::test]
async fn a_checkpoint_covers_the_last_row() {
    let town = town();
    let writer = town.hire();
    assert!(matches!(writer.send(SealNow).await.unwrap(), Err(SealTrouble::Empty)));
    town.write(7).await;
    let checkpoint = writer.send(SealNow).await.unwrap().unwrap();
    assert_eq!((checkpoint.last_seq, checkpoint.seal_no), (7, 1));
    assert!(checkpoint.signed_by(town.key.public_key()));
    assert_eq!(town.keeper.kept().await.unwrap(), Some(checkpoint));
}

/// Sealing goes on where it stopped, also when the writer before it had more to do.
#[actix::test]
async fn a_new_writer_goes_on_where_the_last_one_stopped() {
    let town = town();
    let first = town.hire();
    town.write(5).await;
    first.send(SealNow).await.unwrap().unwrap();
    first.send(Drain).await.unwrap();
    drop(first);
    town.write(4).await;
    let second = town.hire();
    let checkpoint = second.send(SealNow).await.unwrap().unwrap();
    assert_eq!((checkpoint.last_seq, checkpoint.seal_no), (9, 2));
    assert!(town.verify().await.sound);
}

/// More rows than a seal covers are several seals, without a gap.
#[actix::test]
async fn a_long_journal_is_several_seals() {
    let town = town();
    let rows = u32::try_from(SEAL_ROWS_MAX).unwrap() * 2 + 5;
    town.write(rows).await;
    let writer = town.hire();
    let checkpoint = writer.send(SealNow).await.unwrap().unwrap();
    assert_eq!((checkpoint.last_seq, checkpoint.seal_no), (i64::from(rows), 3));
    assert!(town.verify().await.sound);
}

/// Two writers can not fork the chain: whoever is second reads on from the first one's seal.
#[actix::test]
async fn two_writers_make_one_chain() {
    let town = town();
    let (one, other) = (town.hire(), town.hire());
    for _ in 0..10 {
        town.write(3).await;
        let (left, right) = tokio::join!(one.send(SealNow), other.send(SealNow));
        assert_eq!(left.unwrap().unwrap().last_seq, right.unwrap().unwrap().last_seq);
    }
    let report = town.verify().await;
    assert!(report.sound, "{:?}", report.findings);
    assert_eq!(report.sealed_to_seq, 30);
}

/// A seal whose answer was lost stands: the writer reads before it seals again.
#[actix::test]
async fn a_seal_whose_answer_was_lost_is_not_made_twice() {
    let town = town();
    let writer = town.hire();
    town.write(5).await;
    town.store.lose_answer_of(1);
    assert!(matches!(writer.send(SealNow).await.unwrap(), Err(SealTrouble::Store(_))));
    assert!(town.view(&writer).await["trouble"].is_string());
    town.store.heal();
    town.write(1).await;
    let checkpoint = writer.send(SealNow).await.unwrap().unwrap();
    assert_eq!((checkpoint.last_seq, checkpoint.seal_no), (6, 2));
    assert!(town.verify().await.sound);
    assert!(town.view(&writer).await["trouble"].is_null());
}

/// What can not be sealed is counted and shown, and sealed when the store is well again.
#[actix::test]
async fn rows_without_a_seal_are_counted_and_shown() {
    let town = town();
    let writer = town.hire();
    let since_ms = town.clock.now_ms();
    town.write(4).await;
    town.store.fill_disk();
    pass(20).await;
    let view = town.view(&writer).await;
    assert_eq!(
        (view["unsealed"].as_u64(), view["oldest_unsealed_at_ms"].as_i64()),
        (Some(4), Some(since_ms))
    );
    assert!(view["trouble"].as_str().unwrap().contains("disk"));
    town.store.heal();
    pass(6).await;
    assert_eq!(town.view(&writer).await["unsealed"], 0);
}

/// The checkpoint that could not be kept is kept when its keeper is back, though no row came since.
#[actix::test]
async fn a_checkpoint_that_could_not_be_kept_is_kept_later() {
    let town = town();
    let writer = town.hire();
    town.write(2).await;
    town.keeper.set_away(true);
    assert!(matches!(writer.send(SealNow).await.unwrap(), Err(SealTrouble::Keeper(_))));
    town.keeper.set_away(false);
    pass(6).await;
    assert_eq!(town.keeper.kept().await.unwrap().map(|kept| kept.last_seq), Some(2));
}

/// The fear: a row is changed before its seal is made, and money goes on moving upon it.
#[actix::test]
async fn a_row_that_was_changed_before_its_seal_pauses_the_house_once() {
    let town = town();
    town.write(5).await;
    let writer = town.hire_upon(Arc::new(Changed { store: town.store.clone(), seq: 4 }));
    pass(6).await;
    assert_eq!(town.verify().await.sealed_to_seq, 3, "what came before it is sound and is sealed");
    let reason = town.store.facts().await.unwrap().pause.unwrap().reason;
    assert!(reason.contains("row 4") && reason.contains("payoutd audit verify"), "{reason}");
    let alarms = async || {
        let rows = town.store.records(1, u32::MAX).await.unwrap();
        rows.iter().filter(|row| row.kind == "alarm_journal_broken").count()
    };
    assert_eq!(alarms().await, 1);
    // A person has looked. The row is still there, and still not sealed.
    let resume = HouseChange::Resume { reason: "looked at it".to_owned() };
    town.store.change(vec![resume], town.clock.now_ms()).await.unwrap();
    pass(60).await;
    assert!(town.store.facts().await.unwrap().pause.is_none());
    assert_eq!((alarms().await, town.verify().await.sealed_to_seq), (1, 3));
    assert!(town.view(&writer).await["trouble"].is_string());
}

/// F-P26: the writer leaves last, with everything under its seal.
#[actix::test]
async fn leaving_seals_what_is_left() {
    let town = town();
    let writer = town.hire();
    pass(1).await;
    town.write(8).await;
    writer.send(Drain).await.unwrap();
    assert_eq!(town.verify().await.sealed_to_seq, 8);
}

/// The key is in nobody's words.
#[test]
fn the_key_does_not_show_itself() {
    let key = JournalKey::from_seed(&[9; 32]);
    assert!(!format!("{key:?}").contains(&hex::encode([9; 32])));
}
