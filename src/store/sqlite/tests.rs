//! What only a store on disk can get wrong: slow roads, a full disk, half a write, another's database.

use std::{collections::BTreeSet, os::unix::fs::PermissionsExt, path::Path};

use payoutd_actors::{
    domain::{
        order::Route,
        payout::{AttemptOutcome, Command, Reason, Reservation, Stage},
    },
    ports::{
        Gate, House, Journal, Payouts, StepResult, StoreFault,
        exam::kit::{self, AMPLE, MORNING_MS, payout, payout_at},
    },
};
use sqlx::{ConnectOptions, Connection, Executor, Row, sqlite::SqliteConnectOptions};
use tempfile::TempDir;

use super::{SqliteSettings, SqliteStore, StoreOpenError, cells::Cells, migrations, sql};

const SCHEMA: &str = concat!(
    include_str!("../../../migrations/sqlite/0001_payouts.sql"),
    include_str!("../../../migrations/sqlite/0002_events.sql")
);

async fn fresh() -> (TempDir, SqliteStore) {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path(), SqliteSettings::default()).await.unwrap();
    (folder, store)
}

async fn open(folder: &Path, settings: SqliteSettings) -> Result<SqliteStore, StoreOpenError> {
    SqliteStore::open_file(&folder.join("payoutd.db"), settings).await
}

/// Ninety payouts that are settled for each ten that are somewhere on their way.
async fn a_thousand_settled(store: &SqliteStore) {
    for round in 0..10 {
        let from = round * 110;
        let batch: Vec<_> = (from..from + 110).map(|n| payout_at(n, MORNING_MS + i64::from(n))).collect();
        let ids: Vec<_> = batch.iter().map(|new| new.id).collect();
        store.admit(kit::newly(batch), &AMPLE, MORNING_MS, true).await.unwrap();
        let block = 1_001 + u64::from(round);
        for turn in 0..3 {
            let mut steps = Vec::new();
            for payout in store.find_many(&ids).await.unwrap() {
                let place = ids.iter().position(|id| *id == payout.id).unwrap();
                let command = match (turn, place) {
                    (0, 100..) => continue,
                    (0, 99) => Command::Hold(Reason::FundsUsdt),
                    (0, 98) => Command::Cancel(Reason::CancelledBySender),
                    (0, _) => kit::sign(&payout, MORNING_MS),
                    (1, ..=96) => Command::NoteInclusion(kit::block(block)),
                    (2, ..=90) => kit::settle(&payout, block).unwrap(),
                    _ => continue,
                };
                steps.push(kit::step(&payout, command, MORNING_MS).unwrap());
            }
            let expected = vec![StepResult::Taken; steps.len()];
            assert_eq!(store.commit(&steps, Gate::NotPaused).await.unwrap(), expected);
        }
    }
}

/// A question that walks through a table takes longer with every payout that was ever settled. The plan is asked of a store
/// as it is born, and of a full one whose statistics SQLite knows.
#[tokio::test]
async fn no_question_walks_through_what_is_settled() {
    let (_folder, store) = fresh().await;
    plans_are_short(&store, "fresh").await;
    a_thousand_settled(&store).await;
    plans_are_short(&store, "full").await;
    let mut write = store.begin().await.unwrap();
    write.connection().execute("ANALYZE").await.unwrap();
    write.commit().await.unwrap();
    let (database, settings) = (store.database().to_owned(), SqliteSettings::default());
    store.close().await;
    drop(store);
    let store = SqliteStore::open_file(&database, settings).await.unwrap();
    plans_are_short(&store, "analysed").await;
}

async fn plans_are_short(store: &SqliteStore, how: &str) {
    let mut reader = store.reader().await.unwrap();
    for (name, question) in sql::HOT {
        let explain = sqlx::AssertSqlSafe(["EXPLAIN QUERY PLAN ", question].concat());
        let plan: Vec<String> = reader
            .fetch_all(explain)
            .await
            .unwrap()
            .iter()
            .map(|row| row.get::<String, _>("detail"))
            .collect();
        for line in &plan {
            let walks = ["p", "q", "t", "f", "j", "payout", "transfer", "journal"]
                .iter()
                .any(|table| *line == format!("SCAN {table}") || line.starts_with(&format!("SCAN {table} ")));
            let partial = [
                "payout_payable",
                "payout_held",
                "payout_waiting_for_room",
                "transfer_waiting",
                "transfer_unincluded",
                "transfer_included",
            ];
            let short = partial.iter().any(|index| line.contains(index));
            assert!(!walks || short || name == "page", "{name} on a {how} store walks: {plan:#?}");
            // Sorting is for what was narrowed down before.
            let sorts = line.contains("USE TEMP B-TREE FOR ORDER BY");
            let may_sort = ["page_of_accounts", "page_of_stage", "included_between", "in_blocks", "buried"]
                .contains(&name);
            assert!(!sorts || may_sort, "{name} on a {how} store sorts: {plan:#?}");
        }
    }
}

/// A store of the first schema is brought forward with all that it holds.
#[tokio::test]
async fn an_older_store_is_brought_forward() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("payoutd.db");
    let mut connection =
        SqliteConnectOptions::new().filename(&file).create_if_missing(true).connect().await.unwrap();
    migrations::migrator(1).run_direct(None, &mut connection, false).await.unwrap();
    connection.execute("INSERT INTO role VALUES ('audit_writer', 'somebody', 7, 0)").await.unwrap();
    connection.close().await.unwrap();
    let store = open(folder.path(), SqliteSettings::default()).await.unwrap();
    assert_eq!((store.versions().found, store.versions().now), (1, 7));
    let mut read = SqliteConnectOptions::new().filename(&file).connect().await.unwrap();
    let row = read.fetch_one("SELECT holder, token FROM role").await.unwrap();
    assert_eq!((row.get::<String, _>(0).as_str(), row.get::<i64, _>(1)), ("somebody", 7));
    read.execute("INSERT INTO role VALUES ('event_publisher', 'x', 1, 0)").await.unwrap();
}

/// The register is made anew for a word that its CHECK did not know; what was in it is in it, and a name is one entry's still.
#[tokio::test]
async fn a_register_that_learns_a_word_keeps_its_entries() {
    for before in [4, 6] {
        learns_words_and_keeps_its_entries(before).await;
    }
}

async fn learns_words_and_keeps_its_entries(before: i64) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("payoutd.db");
    let mut connection =
        SqliteConnectOptions::new().filename(&file).create_if_missing(true).connect().await.unwrap();
    migrations::migrator(before).run_direct(None, &mut connection, false).await.unwrap();
    let entry = "INSERT INTO register VALUES ('person', 'id', 'alice', 'treasury', 3, '{}', NULL)";
    connection.execute(entry).await.unwrap();
    connection.close().await.unwrap();
    let _store = open(folder.path(), SqliteSettings::default()).await.unwrap();
    let mut read = SqliteConnectOptions::new().filename(&file).connect().await.unwrap();
    let row = read.fetch_one("SELECT name, version FROM register").await.unwrap();
    assert_eq!((row.get::<String, _>(0).as_str(), row.get::<i64, _>(1)), ("alice", 3));
    for word in ["'link'", "'node_account'"] {
        let learnt = ["INSERT INTO register VALUES (", word, ", 'l', NULL, 'id', 1, '{}', NULL)"].concat();
        read.execute(sqlx::AssertSqlSafe(learnt)).await.unwrap();
    }
    let twin = "INSERT INTO register VALUES ('person', 'other', 'alice', 'treasury', 1, '{}', NULL)";
    assert!(read.execute(twin).await.is_err());
    assert!(
        read.execute("INSERT INTO register VALUES ('ghost', 'g', NULL, NULL, 1, '{}', NULL)").await.is_err()
    );
}

/// The words of each CHECK are those of the life cycle: a stage that SQL does not know could not be written down.
#[test]
fn the_words_of_the_schema_are_the_words_of_the_life_cycle() {
    let words_of = |column: &str| -> Vec<BTreeSet<String>> {
        let open = format!("({column} IN (");
        let lists = SCHEMA.match_indices(&open).map(|(at, _)| &SCHEMA[at + open.len()..]);
        let lists = lists.map(|rest| &rest[..rest.find(')').unwrap()]);
        lists
            .map(|list| list.split(',').map(|word| word.trim().trim_matches('\'').to_owned()).collect())
            .collect()
    };
    fn all(words: impl IntoIterator<Item = &'static str>) -> BTreeSet<String> {
        words.into_iter().map(str::to_owned).collect()
    }
    let stages = all(Stage::ALL.map(Stage::word));
    assert_eq!(words_of("stage"), [stages.clone(), stages]);
    assert_eq!(words_of("reservation"), [all(Reservation::ALL.map(Reservation::word))]);
    assert_eq!(words_of("outcome"), [all(AttemptOutcome::ALL.map(AttemptOutcome::word))]);
    let routes = all(Route::ALL.map(Route::word));
    assert_eq!(words_of("route"), [routes.clone(), routes]);
    let active = all(Stage::ALL.into_iter().filter(|stage| !stage.is_final()).map(Stage::word));
    let of_index = SCHEMA.split("WHERE stage IN (").nth(1).unwrap();
    let of_index = of_index[..of_index.find(')').unwrap()].split(',');
    assert_eq!(
        of_index.map(|word| word.trim().trim_matches('\'').to_owned()).collect::<BTreeSet<_>>(),
        active
    );
}

/// F001-28: no statement is put together at run time.
#[test]
fn no_statement_is_put_together_at_run_time() {
    for entry in std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/src/store/sqlite")).unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        let own = path.ends_with("tests.rs");
        for line in text.lines().filter(|_| !own) {
            let built =
                line.contains("AssertSqlSafe") || line.contains("query(&") || line.contains("query(format!");
            assert!(!built, "{}: {line}", path.display());
        }
    }
}

/// The disk is full: the answer says so, what was answered before stands, and with room again it goes on where it was.
#[tokio::test]
async fn a_full_disk_is_said_by_name_and_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let small = SqliteSettings { pages_max: Some(120), ..SqliteSettings::default() };
    let store = open(folder.path(), small).await.unwrap();
    let (mut taken, mut faults) = (Vec::new(), 0);
    for n in 0..400 {
        match kit::admit(&store, payout(n)).await {
            Ok(payout) => taken.push(payout),
            Err(why) => {
                let why = why.downcast::<StoreFault>().unwrap();
                assert!(matches!(*why, StoreFault::Full), "{why}");
                faults += 1;
            }
        }
    }
    assert!(taken.len() > 20 && faults > 20, "{} taken, {faults} refused", taken.len());
    // Reading goes on, and every fault rolled its whole write back.
    let records = i64::try_from(taken.len()).unwrap();
    assert_eq!(store.last_seq().await.unwrap(), records);
    store.close().await;
    drop(store);

    let store = open(folder.path(), SqliteSettings::default()).await.unwrap();
    for payout in &taken {
        assert_eq!(store.find(payout.id).await.unwrap().as_ref(), Some(payout));
    }
    for n in 0..400 {
        let known = taken.iter().any(|one| one.id == payout(n).id);
        if !known {
            kit::admit(&store, payout(n)).await.unwrap();
        }
    }
    assert_eq!(store.counts().await.unwrap().values().map(|count| count.payouts).sum::<u64>(), 400);
}

/// Who is dropped halfway (a restarted actor, a door that closed) leaves no half of a write, and does not block the next.
#[tokio::test]
async fn a_caller_who_goes_away_leaves_no_half_of_a_write() {
    let (_folder, store) = fresh().await;
    for n in 0..60 {
        let batch = (n * 10..n * 10 + 10).map(payout);
        let mut admitting = Box::pin(store.admit(kit::newly(batch), &AMPLE, MORNING_MS, true));
        // So many looks at the future, then it is gone.
        for _ in 0..n {
            if futures_util::poll!(&mut admitting).is_ready() {
                break;
            }
            tokio::task::yield_now().await;
        }
    }
    let whole = kit::admit(&store, payout(10_000)).await.unwrap();
    let payouts = store.list(&payoutd_actors::ports::PayoutFilter::default(), 10_000).await.unwrap();
    assert_eq!((payouts.len() - 1) % 10, 0, "batches are whole or not at all");
    assert!(payouts.contains(&whole));
    assert_eq!(store.last_seq().await.unwrap(), i64::try_from(payouts.len()).unwrap());
    let records = store.records(1, 10_000).await.unwrap();
    assert!(
        records
            .iter()
            .zip(1..)
            .all(|(record, seq)| record.seq == seq && record.hash == record.computed_hash())
    );
}

/// What was ordered and what was signed can not be changed by an ordinary statement, and nothing can be deleted.
#[tokio::test]
async fn what_was_written_down_can_not_be_unwritten() {
    let (_folder, store) = fresh().await;
    kit::pay(&store, payout(1), 1_001).await.unwrap();
    for statement in [
        "UPDATE payout SET amount_micro_usdt = 1",
        "UPDATE payout SET recipient = 'TXYZopYRdj2D9XRtbG411XZZ3kM5VkAeBf'",
        "DELETE FROM payout",
        "UPDATE transfer SET raw_data = x'00'",
        "DELETE FROM transfer",
        "UPDATE journal SET body = '{}'",
        "DELETE FROM journal",
        "UPDATE payout SET stage = 'paid'",
        "UPDATE tally SET payouts = -1",
        "INSERT INTO transfer (txid, payout_id, attempt, raw_data, signature, owner, token, contract, route, \
         ref_block_number, ref_block_id, expires_at_ms, fee_limit_sun, signed_at_ms, outcome) \
         SELECT randomblob(32), payout_id, 2, raw_data, signature, owner, token, contract, route, ref_block_number, \
         ref_block_id, expires_at_ms, fee_limit_sun, signed_at_ms, 'pending' FROM transfer",
    ] {
        let mut write = store.begin().await.unwrap();
        let refused = write.connection().execute(statement).await;
        assert!(refused.is_err(), "{statement}");
        write.give_up().await.unwrap();
    }
}

/// A database of a newer payoutd is refused with its number; a file that is something else is not taken for a store.
#[tokio::test]
async fn a_database_from_elsewhere_is_not_touched() {
    let (folder, store) = fresh().await;
    assert_eq!((store.versions().found, store.versions().now), (0, 7));
    let mut write = store.begin().await.unwrap();
    write
        .connection()
        .execute("INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) VALUES (77, 'x', 1, x'00', 0)")
        .await
        .unwrap();
    write.commit().await.unwrap();
    store.close().await;
    drop(store);
    for refusal in [
        open(folder.path(), SqliteSettings::default()).await.err().unwrap(),
        SqliteStore::look_at_file(&folder.path().join("payoutd.db"), SqliteSettings::default())
            .await
            .err()
            .unwrap(),
    ] {
        assert!(matches!(refusal, StoreOpenError::Newer { found: 77, known: 7, .. }), "{refusal:?}");
        assert!(refusal.to_string().contains("newer payoutd"), "{refusal}");
    }

    let other = tempfile::tempdir().unwrap();
    std::fs::write(
        other.path().join("payoutd.db"),
        "this is a diary, not a database, and it is long enough to be read",
    )
    .unwrap();
    let refusal = open(other.path(), SqliteSettings::default()).await.err().unwrap();
    assert!(
        refusal.to_string().contains("not a store of payoutd")
            || refusal.to_string().contains("can not be opened"),
        "{refusal}"
    );
    let left = std::fs::read_to_string(other.path().join("payoutd.db")).unwrap();
    assert!(left.starts_with("this is a diary"));
}

/// Two processes on one store would both believe that they alone decide.
#[tokio::test]
async fn the_second_process_is_refused_and_may_only_look() {
    let (folder, store) = fresh().await;
    let refusal = open(folder.path(), SqliteSettings::default()).await.err().unwrap();
    assert!(refusal.is_locked());
    assert!(refusal.to_string().contains(&format!("process {}", std::process::id())), "{refusal}");

    let admitted = kit::admit(&store, payout(1)).await.unwrap();
    let onlooker = SqliteStore::look_at_file(store.database(), SqliteSettings::default()).await.unwrap();
    assert_eq!(onlooker.find(admitted.id).await.unwrap(), Some(admitted));
    assert_eq!(onlooker.store_id(), store.store_id());
    let refused = onlooker.admit(kit::newly([payout(2)]), &AMPLE, MORNING_MS, false).await;
    assert!(matches!(refused, Err(StoreFault::Refused(_))), "{refused:?}");
    let nowhere = SqliteStore::look_at_file(&folder.path().join("other.db"), SqliteSettings::default()).await;
    assert!(matches!(nowhere.err().unwrap(), StoreOpenError::Missing(_)));
    assert!(!folder.path().join("other.db").exists());
}

/// A copy is consistent, private, never over another file, and a store like the first.
#[tokio::test]
async fn a_backup_made_at_work_is_a_whole_store() {
    let (folder, store) = fresh().await;
    let paid = kit::pay(&store, payout(1), 1_001).await.unwrap();
    let copy = folder.path().join("copy.db");
    let made = store.backup(&copy).await.unwrap();
    assert_eq!((made.last_seq, made.store_id.as_str()), (5, store.store_id()));
    assert_eq!(std::fs::metadata(&copy).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(matches!(store.backup(&copy).await, Err(super::BackupError::Exists(_))));
    kit::pay(&store, payout(2), 1_002).await.unwrap();

    let restored = SqliteStore::open_file(&copy, SqliteSettings::default()).await.unwrap();
    assert_eq!(restored.facts().await.unwrap(), House::facts(&restored).await.unwrap());
    assert_eq!(restored.store_id(), store.store_id());
    assert_eq!(restored.find(paid.id).await.unwrap(), Some(paid));
    assert_eq!(restored.last_seq().await.unwrap(), 5);
    kit::pay(&restored, payout(3), 1_003).await.unwrap();
}

/// A row that somebody spoiled is named, and is not taken for a payout.
#[tokio::test]
async fn a_spoiled_row_is_named() {
    let (_folder, store) = fresh().await;
    let known = kit::admit(&store, payout(1)).await.unwrap();
    let mut write = store.begin().await.unwrap();
    let connection = write.connection();
    connection.execute("DROP TRIGGER payout_order_stays").await.unwrap();
    connection.execute("UPDATE payout SET recipient = 'TXYZopYRdj2D9XRtbG411XZZ3kM5VkAeBg'").await.unwrap();
    write.commit().await.unwrap();
    let fault = store.find(known.id).await.unwrap_err();
    let said = fault.to_string();
    assert!(
        matches!(fault, StoreFault::Corrupt(_)) && said.contains("TXYZopYRdj2D9XRtbG411XZZ3kM5VkAeBg"),
        "{said}"
    );
}

/// Whoever wipes the admission's record does not get past the signer: the order then has no digest that fits.
#[tokio::test]
async fn an_admission_without_its_record_has_no_digest() {
    let (_folder, store) = fresh().await;
    kit::admit(&store, payout(1)).await.unwrap();
    for statement in [
        "DROP TRIGGER journal_stays_as_written; DROP TRIGGER journal_stays; UPDATE journal SET body = '{\"order_digest\":'",
        "UPDATE journal SET body = '{\"order_digest\":\"zz\"}'",
        "UPDATE journal SET body = '{}'",
        "DELETE FROM journal",
    ] {
        let mut write = store.begin().await.unwrap();
        write.connection().execute(statement).await.unwrap();
        write.commit().await.unwrap();
        let payable = store.payable(MORNING_MS, 10, &[]).await.unwrap();
        assert_eq!(
            payable.into_iter().map(|(_, digest)| digest).collect::<Vec<_>>(),
            [[0; 32]],
            "{statement}"
        );
    }
}

/// A write that waits for no disk leaves the next one waiting for it again, whether it was kept or given up.
#[tokio::test]
async fn only_who_says_so_waits_for_no_disk() {
    let (_folder, store) = fresh().await;
    let synchronous = async |write: &mut super::writer::Write<'_>| -> i64 {
        let row = write.connection().fetch_one("PRAGMA synchronous").await.unwrap();
        row.get(0)
    };
    for keep in [true, false] {
        let mut write = store.begin_unsynced().await.unwrap();
        assert_eq!(synchronous(&mut write).await, 1);
        match keep {
            true => write.commit().await.unwrap(),
            false => write.give_up().await.unwrap(),
        }
        let mut write = store.begin().await.unwrap();
        assert_eq!(synchronous(&mut write).await, 2);
        write.give_up().await.unwrap();
    }
    drop(store.begin_unsynced().await.unwrap());
    assert_eq!(synchronous(&mut store.begin().await.unwrap()).await, 2);
}

/// The database is in the write-ahead log's mode, durable, and checks its references.
#[tokio::test]
async fn the_writer_is_durable() {
    let (_folder, store) = fresh().await;
    let mut write = store.begin().await.unwrap();
    let mut asked = async |question: &'static str| -> String {
        let row = write.connection().fetch_one(question).await.unwrap();
        row.try_get::<String, _>(0).unwrap_or_else(|_| Cells::of(&row).take::<i64>().unwrap().to_string())
    };
    assert_eq!(asked("PRAGMA journal_mode").await, "wal");
    assert_eq!(asked("PRAGMA synchronous").await, "2");
    assert_eq!(asked("PRAGMA foreign_keys").await, "1");
    assert_eq!(asked("PRAGMA wal_autocheckpoint").await, "16384");
}
