//! The fear of the long road: a question that walks through a table takes longer with every payout that was ever settled.
//!
//! The plans are asked of a database that has just grown to 200,000 payouts (`PAYOUTD_TEST_PLAN_ROWS` makes them more), and of
//! the same one when the planner knows its statistics.

use sqlx::{Executor, PgConnection, Row};

use super::{super::sql, beside, fresh};
use crate::store::postgres::{admit, commit, journal, page};

/// Every question and every guarded write that is asked while payouts are on their way, with arguments as they come.
fn hot() -> Vec<(&'static str, &'static str, String)> {
    let list = |item: &dyn Fn(i64) -> String| (1..=200).map(item).collect::<Vec<_>>().join(",");
    let ids = &format!("'{{{}}}'::text[]", list(&|n| format!("{:032x}", n * 900)));
    let hashes = &format!("ARRAY[{}]", list(&|n| format!("'\\x{n:064x}'::bytea")));
    let texts = |text: &str| format!("array_fill('{text}'::text, ARRAY[200])");
    let numbers = "array_fill(1::bigint, ARRAY[200])";
    let page = "NULL, NULL, NULL, NULL, '', '~', 100";
    let now = 1_763_712_000_000_i64;
    vec![
        ("find", sql::FIND, "lpad('1f', 32, '0')".to_owned()),
        ("find_many", sql::FIND_MANY, ids.clone()),
        ("find_by_key", sql::FIND_BY_KEY, "'house', 'key-77'".to_owned()),
        ("find_by_transfers", sql::FIND_BY_TRANSFERS, format!("{numbers}, {hashes}")),
        ("buried", sql::BURIED, ids.clone()),
        ("settlement", sql::SETTLEMENT, "lpad('1f', 32, '0')".to_owned()),
        ("page", sql::PAGE, page.to_owned()),
        (
            "page_of_accounts",
            sql::PAGE_OF_ACCOUNTS,
            "'{north-1,north-2,house}', NULL, NULL, NULL, '', '~', 100".to_owned(),
        ),
        (
            "page_of_accounts_settled",
            sql::PAGE_OF_ACCOUNTS,
            format!("{}, 'settled', NULL, NULL, '', '~', 100", texts("house")),
        ),
        ("page_of_reference", sql::PAGE_OF_REFERENCE, "NULL, NULL, NULL, 'inv-9', '', '~', 100".to_owned()),
        ("page_of_admitted", sql::PAGE_OF_ADMITTED, "NULL, 'admitted', NULL, NULL, '', '~', 100".to_owned()),
        ("page_of_held", sql::PAGE_OF_HELD, "NULL, 'held', NULL, NULL, '', '~', 100".to_owned()),
        ("page_of_in_flight", sql::PAGE_OF_IN_FLIGHT, "NULL, 'signed', NULL, NULL, '', '~', 100".to_owned()),
        ("page_of_ended", sql::PAGE_OF_ENDED, "NULL, 'failed', NULL, NULL, '', '~', 100".to_owned()),
        ("payable", sql::PAYABLE, format!("{now}, 200, 'me', 15000, 2000, {}", texts("0"))),
        ("held_for", sql::HELD_FOR, format!("{}, 10, '~', 200", texts("limit_hourly"))),
        ("overdue", sql::OVERDUE, format!("{now}, 200")),
        ("waiting_for_room", sql::WAITING_FOR_ROOM, texts("limit_hourly")),
        ("held_by_reason", sql::HELD_BY_REASON, String::new()),
        ("expired", sql::EXPIRED, format!("{now}, 0, '', 200")),
        ("unincluded", sql::UNINCLUDED, format!("{now}, '', 200")),
        ("included_between", sql::INCLUDED_BETWEEN, "1000, 1010, 1000".to_owned()),
        ("seen_blocks", sql::SEEN_BLOCKS, "1000".to_owned()),
        ("in_blocks", sql::IN_BLOCKS, "1000, 1010, '', 1000".to_owned()),
        ("counts", sql::COUNTS, String::new()),
        (
            "search",
            journal::SEARCH,
            format!("1, 10000, 0, {now}, '1f', '{{x}}', '{{y}}', 'one', 'two', NULL, 201"),
        ),
        ("place_behind", journal::PLACE_BEHIND, now.to_string()),
        ("known_keys", admit::KNOWN_KEYS, format!("{}, {}", texts("house"), ids)),
        ("step", page::STEP, step_arguments(ids, hashes, numbers, &texts("signed"))),
        ("standing", commit::STANDING, format!("{ids}, {numbers}, {0}, {0}", texts("signed"))),
        ("barred", commit::BARRED, format!("{hashes}, {ids}, {numbers}")),
    ]
}

/// Those whose plans a session keeps (`begin_with_kept_plans`), as far as they look at payouts and transfers at all.
const KEPT: [&str; 5] = ["known_keys", "find_many", "step", "standing", "barred"];

/// A round's: filings, moves, fates, records, books.
fn step_arguments(ids: &str, hashes: &str, numbers: &str, texts: &str) -> String {
    let nothing = "'{}'";
    [
        [hashes, ids, numbers, hashes, hashes, texts, texts, texts, texts, numbers, hashes].as_slice(),
        &[numbers, numbers, numbers, texts, numbers, hashes],
        &[ids, numbers, texts, texts, texts, texts, texts, numbers, numbers, numbers, numbers],
        &[hashes, ids, texts, numbers, hashes, numbers],
        &[numbers, texts, ids, texts],
        &[nothing; 14],
        &[numbers, hashes, "'1'"],
    ]
    .concat()
    .join(", ")
}

/// Most are settled, some are in every other place, as after a good day.
const FILL_PAYOUTS: &str = "INSERT INTO payout (id, account, idempotency_key, request_digest, recipient, amount_micro_usdt, \
     route, reference, priority, order_digest, admitted_seq, last_seq, stage, reason, reservation, attempts, version, \
     created_at_ms, updated_at_ms) \
     SELECT lpad(to_hex(n), 32, '0'), 'house', 'key-' || n, sha256(n::text::bytea), 'T' || n, 25500000, 'transfer', \
     'inv-' || n, n % 3, sha256(n::text::bytea), n, n, \
     CASE n % 300 WHEN 0 THEN 'admitted' WHEN 1 THEN 'held' WHEN 2 THEN 'signed' WHEN 3 THEN 'broadcast' \
        WHEN 4 THEN 'included' WHEN 5 THEN 'failed' ELSE 'settled' END, \
     CASE n % 300 WHEN 1 THEN 'limit_hourly' END, 'settled', CASE WHEN n % 300 > 1 THEN 1 ELSE 0 END, 5, \
     1763712000000 + n, 1763712000000 + n FROM generate_series(1, $1) AS n";
const FILL_TRANSFERS: &str = "INSERT INTO transfer (txid, payout_id, attempt, raw_data, signature, owner, token, contract, \
     route, ref_block_number, ref_block_id, expires_at_ms, fee_limit_sun, signed_at_ms, outcome, block_number, block_id) \
     SELECT sha256(n::text::bytea), lpad(to_hex(n), 32, '0'), 1, '\\x00', '\\x00', 'T', 'T', 'T', 'transfer', n / 200, \
     sha256('b'), 1763712000000 + n, 30000000, 1763712000000 + n, \
     CASE n % 300 WHEN 2 THEN 'pending' WHEN 3 THEN 'pending' WHEN 4 THEN 'pending' WHEN 5 THEN 'failed' ELSE 'settled' END, \
     CASE WHEN n % 300 NOT IN (2, 3) THEN n / 200 END, CASE WHEN n % 300 NOT IN (2, 3) THEN sha256('b') END \
     FROM generate_series(1, $1) AS n WHERE n % 300 > 1";
const FILL_JOURNAL: &str = "INSERT INTO journal (seq, at_ms, kind, payout_id, body, hash) \
     SELECT n, 1763712000000 + n, 'payout_settled', lpad(to_hex(n), 32, '0'), '{}', sha256('j') \
     FROM generate_series(1, $1) AS n";

/// F-P31: whatever is asked on the way or by a caller goes through an index, at 200,000 rows or as many as are wanted.
#[tokio::test]
async fn no_question_walks_through_what_is_settled() {
    let (database, store) = fresh().await;
    let mut session = store.inner.pool.acquire().await.unwrap();
    let rows =
        std::env::var("PAYOUTD_TEST_PLAN_ROWS").ok().map_or(200_000, |rows| rows.parse::<i64>().unwrap());
    session.execute("SET statement_timeout = 0").await.unwrap();
    // Another session has the plans of what is written since all tables were empty.
    let mut elder = beside(&database).await;
    for set in ["enable_seqscan", "enable_bitmapscan", "enable_hashjoin", "enable_mergejoin"] {
        elder.execute(sqlx::AssertSqlSafe(format!("SET {set} = off"))).await.unwrap();
    }
    elder.execute("SET plan_cache_mode = force_generic_plan").await.unwrap();
    let kept: Vec<_> = hot().into_iter().filter(|(name, ..)| KEPT.contains(name)).collect();
    assert_eq!(kept.len(), KEPT.len());
    for (name, question, arguments) in &kept {
        prepare(&mut elder, name, question).await;
        is_short_throughout(&mut elder, name, arguments, "empty").await;
    }
    for fill in [FILL_PAYOUTS, FILL_TRANSFERS, FILL_JOURNAL] {
        session.execute(sqlx::query(fill).bind(rows)).await.unwrap();
    }
    plans_are_short(&mut session, "grown", &["force_custom_plan"]).await;
    for (name, _, arguments) in &kept {
        is_short_throughout(&mut elder, name, arguments, "kept since the tables were empty").await;
    }
    session.execute("ANALYZE").await.unwrap();
    // With the arguments in sight and without.
    plans_are_short(&mut session, "full", &["force_custom_plan", "force_generic_plan"]).await;
}

async fn plans_are_short(session: &mut PgConnection, how: &str, modes: &[&str]) {
    for mode in modes {
        let set = format!("SET plan_cache_mode = {mode}");
        session.execute(sqlx::AssertSqlSafe(set)).await.unwrap();
        for (name, question, arguments) in hot() {
            prepare(session, name, question).await;
            is_short_throughout(session, name, &arguments, &format!("{how}, {mode}")).await;
            let deallocate = format!("DEALLOCATE {name}");
            session.execute(sqlx::AssertSqlSafe(deallocate)).await.unwrap();
        }
    }
}

async fn prepare(session: &mut PgConnection, name: &str, question: &str) {
    let prepare = format!("PREPARE {name} AS {question}");
    session.execute(sqlx::raw_sql(sqlx::AssertSqlSafe(prepare))).await.unwrap();
}

async fn is_short_throughout(session: &mut PgConnection, name: &str, arguments: &str, how: &str) {
    let brackets = if arguments.is_empty() { String::new() } else { format!("({arguments})") };
    let explain = format!("EXPLAIN (FORMAT JSON) EXECUTE {name}{brackets}");
    let explain = session.fetch_one(sqlx::raw_sql(sqlx::AssertSqlSafe(explain))).await.unwrap();
    let plan: serde_json::Value = serde_json::from_str(explain.try_get_unchecked(0).unwrap()).unwrap();
    let mut nodes = Vec::new();
    walk(&plan[0]["Plan"], &mut nodes);
    for node in &nodes {
        is_short(node, name, &format!("{name} ({how}): {plan:#}"));
    }
}

fn walk<'p>(plan: &'p serde_json::Value, nodes: &mut Vec<&'p serde_json::Value>) {
    nodes.push(plan);
    for inner in plan["Plans"].as_array().into_iter().flatten() {
        walk(inner, nodes);
    }
}

/// Indexes that hold only what is on its way: to walk through one of them is the question.
const SHORT: [&str; 7] = [
    "payout_payable",
    "payout_held",
    "payout_waiting_for_room",
    "transfer_waiting",
    "transfer_unincluded",
    "transfer_included",
    "transfer_buried",
];

fn is_short(node: &serde_json::Value, name: &str, said: &str) {
    let kind = node["Node Type"].as_str().unwrap();
    let table = node["Relation Name"].as_str().unwrap_or_default();
    if ["payout", "transfer", "journal"].contains(&table) {
        assert_ne!(kind, "Seq Scan", "{said}");
        let index = node["Index Name"].as_str().unwrap_or_default();
        let narrowed =
            node.get("Index Cond").is_some() || kind == "Bitmap Heap Scan" || kind == "ModifyTable";
        assert!(narrowed || SHORT.contains(&index), "{said}");
        // While the tables are empty any index of the account costs as little; an account has as many payouts as a house has.
        let by_key = table == "payout" && ["known_keys", "find_by_key"].contains(&name);
        let narrowed_by = node["Index Cond"].as_str().unwrap_or_default();
        assert!(!by_key || narrowed_by.contains("idempotency_key"), "{said}");
    }
    if kind.ends_with("Join") {
        panic!("{said}");
    }
    // Sorting is for what was narrowed down before.
    if kind.contains("Sort") {
        let may_sort = [
            "payable",
            "page_of_accounts",
            "page_of_accounts_settled",
            "page_of_admitted",
            "page_of_held",
            "page_of_in_flight",
            "counts",
            "held_by_reason",
            "included_between",
            "in_blocks",
            "buried",
            "find_by_transfers",
            "seen_blocks",
        ];
        assert!(may_sort.contains(&name), "{said}");
    }
}
