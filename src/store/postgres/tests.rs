//! What only a store that many processes share can get wrong: slow roads, two with one pen, a claim or a role that outlives its
//! holder, half a write, another's database.

#[path = "../../../tests/house/kit/postgres.rs"]
mod database;
mod failover;
mod fleet;
mod plans;
mod schema;

use payoutd_actors::{
    domain::journal::{ChainHead, JournalKey, Seal, SealRun},
    ports::{
        House, Journal, Payouts, StoreFault,
        exam::kit::{self, AMPLE, MORNING_MS, payout},
    },
};
use sqlx::{ConnectOptions, Executor, PgConnection};

use self::database::Database;
use super::{PostgresSettings, PostgresStore, StoreOpenError};

async fn fresh() -> (Database, PostgresStore) {
    let database = Database::make().await;
    let store = open(&database).await;
    (database, store)
}

/// One more process on a database.
async fn open(database: &Database) -> PostgresStore {
    PostgresStore::open(database.options(), "the test's", PostgresSettings::default()).await.unwrap()
}

/// A connection beside those of the store.
async fn beside(database: &Database) -> PgConnection {
    database.options().connect().await.unwrap()
}

/// The next seal, over one row.
async fn seal_after(store: &PostgresStore, head: ChainHead) -> Seal {
    let mut run = SealRun::after(head);
    run.push(&store.records(head.last_seq + 1, 1).await.unwrap()[0]).unwrap();
    run.close(store.store_id(), &JournalKey::from_seed(&[7; 32]), MORNING_MS).unwrap()
}

/// Who is dropped halfway (a restarted actor, a door that closed) leaves no half of a write, and does not block the next.
#[tokio::test]
async fn a_caller_who_goes_away_leaves_no_half_of_a_write() {
    let (_database, store) = fresh().await;
    for n in 0..60 {
        let batch = (n * 10..n * 10 + 10).map(payout);
        let mut admitting = Box::pin(store.admit(kit::newly(batch), &AMPLE, MORNING_MS, true));
        // So many looks at the future, each after a moment for the wire, then it is gone.
        for _ in 0..n / 3 {
            if futures_util::poll!(&mut admitting).is_ready() {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_micros(300)).await;
        }
    }
    let whole = kit::admit(&store, payout(10_000)).await.unwrap();
    let payouts = store.list(&payoutd_actors::ports::PayoutFilter::default(), 10_000).await.unwrap();
    assert_eq!((payouts.len() - 1) % 10, 0, "batches are whole or not at all");
    assert!(payouts.contains(&whole));
    assert_eq!(store.last_seq().await.unwrap(), i64::try_from(payouts.len()).unwrap());
    let records = store.records(1, 10_000).await.unwrap();
    let sound = |(record, seq): (&payoutd_actors::domain::journal::JournalRecord, i64)| {
        record.seq == seq && record.hash == record.computed_hash()
    };
    assert!(records.iter().zip(1..).all(sound));
}

/// What was ordered and what was signed can not be changed by an ordinary statement, and nothing can be deleted.
#[tokio::test]
async fn what_was_written_down_can_not_be_unwritten() {
    let (database, store) = fresh().await;
    kit::pay(&store, payout(1), 1_001).await.unwrap();
    let mut thief = beside(&database).await;
    for statement in [
        "UPDATE payout SET amount_micro_usdt = 1",
        "UPDATE payout SET recipient = 'TXYZopYRdj2D9XRtbG411XZZ3kM5VkAeBf'",
        "DELETE FROM payout",
        "TRUNCATE payout CASCADE",
        "UPDATE transfer SET raw_data = '\\x00'",
        "DELETE FROM transfer",
        "UPDATE journal SET body = '{}'",
        "DELETE FROM journal",
        "TRUNCATE journal",
        "DELETE FROM seal",
        "UPDATE payout SET stage = 'paid'",
        "UPDATE tally SET payouts = -1",
        "INSERT INTO transfer SELECT sha256('x'), payout_id, 2, raw_data, signature, owner, token, contract, route, \
         ref_block_number, ref_block_id, expires_at_ms, fee_limit_sun, signed_at_ms, 'pending' FROM transfer",
    ] {
        assert!(thief.execute(statement).await.is_err(), "{statement}");
    }
}

/// A store of the first schema is brought forward with all that it holds.
#[tokio::test]
async fn an_older_store_is_brought_forward() {
    let database = Database::make().await;
    let mut connection = beside(&database).await;
    super::migrations::migrator(1).run_direct(None, &mut connection, false).await.unwrap();
    connection.execute("INSERT INTO role VALUES ('audit_writer', 'somebody', 7, 0)").await.unwrap();
    let store = PostgresStore::open(database.options(), "s", PostgresSettings::default()).await.unwrap();
    assert_eq!((store.versions().found, store.versions().now), (1, 8));
    use payoutd_actors::ports::{ROLE_LEASE_MS, Role, Roles};
    assert_eq!(store.take_role(Role::AuditWriter, ROLE_LEASE_MS).await.unwrap(), Some(8));
    assert_eq!(store.take_role(Role::EventPublisher, ROLE_LEASE_MS).await.unwrap(), Some(1));
}

/// F-P26: somebody of an earlier version reads one table and then another, which are changed meanwhile in the other order: the database
/// ends one of the two, and the store is brought forward all the same.
#[tokio::test]
async fn a_store_is_brought_forward_beside_those_who_read_it() {
    const WAITS: &str =
        "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = to_regclass('transfer')";
    let database = Database::make().await;
    let mut reader = beside(&database).await;
    super::migrations::migrator(3).run_direct(None, &mut reader, false).await.unwrap();
    reader.execute("BEGIN; SELECT count(*) FROM transfer").await.unwrap();
    let opening = tokio::spawn(PostgresStore::open(database.options(), "s", PostgresSettings::default()));
    let mut observer = beside(&database).await;
    while sqlx::query_scalar::<_, i64>(WAITS).fetch_one(&mut observer).await.unwrap() == 0 {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    // Of the two, the one that has waited for longer finds it out first, and is ended.
    reader.execute("SELECT count(*) FROM payout").await.unwrap();
    assert!(!opening.is_finished(), "it waits for the reader again");
    reader.execute("COMMIT").await.unwrap();
    assert_eq!(opening.await.unwrap().unwrap().versions().now, 8);
}

/// F000-17: an upgrade goes from daemon to daemon. What one of an earlier version ends, which knows no principals, roles and routes,
/// leaves no room taken for ever: whoever starts next tells the books anew, and nothing else of them.
#[tokio::test]
async fn what_an_earlier_version_has_ended_is_not_set_aside_for_ever() {
    use payoutd_actors::{
        domain::limits::{HOUR_MS, Scope},
        ports::exam::{
            kit::{self, AMPLE, MORNING_MS, payout_of, usdt},
            set_limits::{hourly, set},
        },
    };
    let (database, store) = fresh().await;
    let batch = vec![payout_of(1, 30), payout_of(2, 12)];
    store.admit(kit::newly(batch), &AMPLE, MORNING_MS, false).await.unwrap();
    let scopes = payout_of(1, 1).spender().scopes();
    for scope in &scopes[2..] {
        set(&store, scope, hourly(1_000), None).await.unwrap();
    }
    let used = async |store: &PostgresStore, scope: &Scope| {
        let book = store.limit_book(MORNING_MS).await.unwrap();
        book.page(scope).unwrap().used_micro_usdt(HOUR_MS, MORNING_MS)
    };
    // As the earlier version would: house and account are right, and nobody has told the others.
    let mut earlier = beside(&database).await;
    for statement in [
        "UPDATE payout SET stage = 'cancelled', reservation = 'released', version = version + 1 WHERE amount_micro_usdt = 30000000",
        "UPDATE reserved SET reserved_micro_usdt = reserved_micro_usdt - 30000000",
    ] {
        earlier.execute(statement).await.unwrap();
    }
    for scope in &scopes {
        let of_its_own = if scopes[..2].contains(scope) { 12 } else { 42 };
        assert_eq!(used(&store, scope).await, usdt(of_its_own).micro(), "{scope}");
    }
    let next = PostgresStore::open(database.options(), "s", PostgresSettings::default()).await.unwrap();
    for scope in &scopes {
        assert_eq!(used(&next, scope).await, usdt(12).micro(), "{scope}");
    }
}

/// A database of a newer payoutd is refused with its number; one that is somebody else's is not taken for a store; an empty
/// one is not made into a store by whoever only looks.
#[tokio::test]
async fn a_database_from_elsewhere_is_not_touched() {
    let (database, store) = fresh().await;
    assert_eq!((store.versions().found, store.versions().now), (0, 8));
    store.close().await;
    let mut other = beside(&database).await;
    other
        .execute("INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) VALUES (77, 'x', true, '\\x00', 0)")
        .await
        .unwrap();
    let settings = PostgresSettings::default();
    for refusal in [
        PostgresStore::open(database.options(), "s", settings).await.err().unwrap(),
        PostgresStore::look(database.options(), "s", settings).await.err().unwrap(),
    ] {
        assert!(matches!(refusal, StoreOpenError::Newer { found: 77, known: 8, .. }), "{refusal:?}");
    }

    let database = Database::make().await;
    let refusal = PostgresStore::look(database.options(), "s", settings).await.err().unwrap();
    assert!(matches!(refusal, StoreOpenError::Missing(_)), "{refusal:?}");
    beside(&database).await.execute("CREATE TABLE diary (day INT)").await.unwrap();
    for refusal in [
        PostgresStore::open(database.options(), "s", settings).await.err().unwrap(),
        PostgresStore::look(database.options(), "s", settings).await.err().unwrap(),
    ] {
        assert!(matches!(refusal, StoreOpenError::NotAStore { .. }), "{refusal:?}");
    }
}

/// Twenty daemons that start at once on an empty database make one store of it.
#[tokio::test]
async fn many_who_start_at_once_make_one_store() {
    let database = Database::make().await;
    let opening = (0..20).map(|_| open(&database));
    let stores = futures_util::future::join_all(opening).await;
    assert!(stores.iter().all(|store| store.store_id() == stores[0].store_id()));
    assert!(stores.iter().all(|store| store.versions().now == 8));
    kit::admit(&stores[19], payout(1)).await.unwrap();
    assert!(stores[0].find(payout(1).id).await.unwrap().is_some());
}

/// Whoever only looks sees what is written, and writes nothing: the session itself says no.
#[tokio::test]
async fn an_onlooker_writes_nothing() {
    let (database, store) = fresh().await;
    let admitted = kit::admit(&store, payout(1)).await.unwrap();
    let onlooker = PostgresStore::look(database.options(), "s", PostgresSettings::default()).await.unwrap();
    assert_eq!(onlooker.find(admitted.id).await.unwrap(), Some(admitted));
    assert_eq!(onlooker.store_id(), store.store_id());
    let refused = onlooker.admit(kit::newly([payout(2)]), &AMPLE, MORNING_MS, false).await;
    assert!(matches!(refused, Err(StoreFault::Refused(_))), "{refused:?}");
    let refused = onlooker.payable(MORNING_MS, 10, &[]).await;
    assert!(matches!(refused, Err(StoreFault::Refused(_))), "{refused:?}");
}

/// A row that somebody spoiled is named, and is not taken for a payout; an admission whose record is gone has no digest.
#[tokio::test]
async fn what_somebody_spoiled_is_not_believed() {
    let (database, store) = fresh().await;
    let known = kit::admit(&store, payout(1)).await.unwrap();
    let mut thief = beside(&database).await;
    thief
        .execute("DROP TRIGGER journal_stays_as_written ON journal; DROP TRIGGER journal_stays ON journal")
        .await
        .unwrap();
    for statement in [
        "UPDATE journal SET body = '{\"order_digest\":'",
        "UPDATE journal SET body = '{\"order_digest\":\"zz\"}'",
        "UPDATE journal SET body = '{}'",
        "DELETE FROM journal",
    ] {
        thief.execute(statement).await.unwrap();
        let payable = store.payable(MORNING_MS, 10, &[]).await.unwrap();
        assert_eq!(
            payable.into_iter().map(|(_, digest)| digest).collect::<Vec<_>>(),
            [[0; 32]],
            "{statement}"
        );
    }
    thief.execute("DROP TRIGGER payout_order_stays ON payout").await.unwrap();
    thief.execute("UPDATE payout SET recipient = 'TXYZopYRdj2D9XRtbG411XZZ3kM5VkAeBg'").await.unwrap();
    let fault = store.find(known.id).await.unwrap_err();
    let said = fault.to_string();
    assert!(
        matches!(fault, StoreFault::Corrupt(_)) && said.contains("TXYZopYRdj2D9XRtbG411XZZ3kM5VkAeBg"),
        "{said}"
    );
}

/// The database goes away under a store and comes back: what was answered stands, what was not is asked again, nothing hangs.
#[tokio::test]
async fn a_lost_connection_is_said_and_forgotten() {
    let (database, store) = fresh().await;
    let first = kit::admit(&store, payout(1)).await.unwrap();
    let mut pids: Vec<i32> = Vec::new();
    let mut open = Vec::new();
    for _ in 0..4 {
        let mut connection = store.inner.pool.acquire().await.unwrap();
        let row = connection.fetch_one("SELECT pg_backend_pid()").await.unwrap();
        pids.push(sqlx::Row::get(&row, 0));
        open.push(connection);
    }
    drop(open);
    let end = sqlx::query("SELECT pg_terminate_backend(pid) FROM unnest($1) AS pid").bind(pids);
    beside(&database).await.execute(end).await.unwrap();
    // One connection after the other is found dead; each is a fault that says so, none of them lies.
    let mut faults = 0;
    while let Err(fault) = store.find(first.id).await {
        assert!(matches!(fault, StoreFault::Away(_)), "{fault:?}");
        faults += 1;
        assert!(faults <= 20, "it does not come back");
    }
    kit::admit(&store, payout(2)).await.unwrap();
    assert_eq!(store.last_seq().await.unwrap(), 2);
    assert_eq!(store.facts().await.unwrap().store_id, store.store_id());
}

/// F001-28: no statement is put together at run time, and each session has its limits.
#[tokio::test]
async fn no_statement_is_put_together_and_every_session_has_its_limits() {
    for entry in std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/src/store/postgres")).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() || path.ends_with("tests.rs") {
            continue;
        }
        for line in std::fs::read_to_string(&path).unwrap().lines() {
            let built =
                line.contains("AssertSqlSafe") || line.contains("query(&") || line.contains("query(format!");
            assert!(!built, "{}: {line}", path.display());
        }
    }
    let database = Database::make().await;
    let mut session =
        super::session(database.options(), PostgresSettings::default(), false).connect().await.unwrap();
    for (question, expected) in [
        ("SHOW statement_timeout", "4500ms"),
        ("SHOW lock_timeout", "4s"),
        ("SHOW idle_in_transaction_session_timeout", "3s"),
        ("SHOW application_name", "payoutd"),
        ("SHOW synchronous_commit", "on"),
        ("SHOW default_transaction_isolation", "read committed"),
    ] {
        let row = session.fetch_one(question).await.unwrap();
        assert_eq!(sqlx::Row::get::<String, _>(&row, 0), expected, "{question}");
    }
}
