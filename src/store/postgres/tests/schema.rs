//! Two schemas that say the same: a house that moves from one engine to the other loses nothing.

use std::collections::{BTreeMap, BTreeSet};

use payoutd_actors::{
    domain::{
        order::Route,
        payout::{AttemptOutcome, Reservation, Stage},
    },
    ports::{EntryKind, Role},
};
use sqlx::{ConnectOptions, Executor, PgConnection, Row, SqliteConnection, sqlite::SqliteConnectOptions};

use super::{beside, fresh};
use crate::store::{SqliteSettings, SqliteStore};

const POSTGRES: &str = concat!(
    include_str!("../../../../migrations/postgres/0001_payouts.sql"),
    include_str!("../../../../migrations/postgres/0002_events.sql"),
    include_str!("../../../../migrations/postgres/0003_register.sql"),
    include_str!("../../../../migrations/postgres/0004_in_place.sql"),
    include_str!("../../../../migrations/postgres/0005_limits.sql"),
    include_str!("../../../../migrations/postgres/0006_links.sql"),
    include_str!("../../../../migrations/postgres/0007_overdue.sql"),
    include_str!("../../../../migrations/postgres/0008_nodes.sql")
);
const SQLITE: &str = concat!(
    include_str!("../../../../migrations/sqlite/0001_payouts.sql"),
    include_str!("../../../../migrations/sqlite/0002_events.sql"),
    include_str!("../../../../migrations/sqlite/0003_register.sql"),
    include_str!("../../../../migrations/sqlite/0004_limits.sql"),
    include_str!("../../../../migrations/sqlite/0005_links.sql"),
    include_str!("../../../../migrations/sqlite/0006_overdue.sql"),
    include_str!("../../../../migrations/sqlite/0007_nodes.sql")
);

/// A column: its name, its type in one word for both, whether it may be NULL, its place in the primary key (0: none).
type Column = (String, &'static str, bool, i64);
/// Tables with their columns in order, and their unique keys as lists of columns with the condition of partial ones.
type Tables = BTreeMap<String, Vec<Column>>;

/// The indexes of payouts by stage, which migration 4 makes anew on PostgreSQL.
const BY_STAGE: [&str; 6] = [
    "payout_payable",
    "payout_held",
    "payout_overdue",
    "payout_waiting_for_room",
    "payout_resting",
    "payout_ended_unpaid",
];

/// After both are migrated, tables, columns, types, NULLs and keys are the same.
#[tokio::test]
async fn both_engines_have_the_same_tables_and_columns() {
    let (database, _store) = fresh().await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("payoutd.db");
    let sqlite = SqliteStore::open_file(&file, SqliteSettings::default()).await.unwrap();
    let mut on_sqlite = SqliteConnectOptions::new().filename(&file).connect().await.unwrap();
    let mut on_postgres = beside(&database).await;
    let (one, other) = (tables_of_sqlite(&mut on_sqlite).await, tables_of_postgres(&mut on_postgres).await);
    assert!(one.len() >= 12, "{:?}", one.keys());
    assert_eq!(one, other);
    let (mut one, mut other) =
        (indexes_of_sqlite(&mut on_sqlite).await, indexes_of_postgres(&mut on_postgres).await);
    // Those by stage differ by name: on PostgreSQL alone it matters to a row that changes what its indexes speak of. And there alone
    // an account's has a collation of its own, for plans are kept there.
    for indexes in [&mut one, &mut other] {
        indexes.retain(|(name, _)| !BY_STAGE.contains(&name.as_str()) && name != "payout_of_account");
    }
    assert_eq!(one, other);
    sqlite.close().await;
}

/// The words of each CHECK are those of the life cycle, in both: a stage that SQL does not know could not be written down.
#[test]
fn the_words_of_both_schemas_are_the_words_of_the_life_cycle() {
    fn all(words: impl IntoIterator<Item = &'static str>) -> BTreeSet<String> {
        words.into_iter().map(str::to_owned).collect()
    }
    for schema in [POSTGRES, SQLITE] {
        let words_of = |column: &str| -> Vec<BTreeSet<String>> {
            let open = format!("({column} IN (");
            let lists = schema.match_indices(&open).map(|(at, _)| &schema[at + open.len()..]);
            let lists = lists.map(|rest| &rest[..rest.find(')').unwrap()]);
            lists
                .map(|list| list.split(',').map(|word| word.trim().trim_matches('\'').to_owned()).collect())
                .collect()
        };
        let stages = all(Stage::ALL.map(Stage::word));
        assert_eq!(words_of("stage"), [stages.clone(), stages]);
        assert_eq!(words_of("reservation"), [all(Reservation::ALL.map(Reservation::word))]);
        assert_eq!(words_of("outcome"), [all(AttemptOutcome::ALL.map(AttemptOutcome::word))]);
        let routes = all(Route::ALL.map(Route::word));
        assert_eq!(words_of("route"), [routes.clone(), routes]);
        assert_eq!(words_of("role").last(), Some(&all(Role::ALL.map(Role::word))));
        assert_eq!(words_of("kind").last(), Some(&all(EntryKind::ALL.map(EntryKind::word))));
        let active = all(Stage::ALL.into_iter().filter(|stage| !stage.is_final()).map(Stage::word));
        let of_index = schema.split("WHERE stage IN (").nth(1).unwrap();
        let of_index = of_index[..of_index.find(')').unwrap()].split(',');
        assert_eq!(
            of_index.map(|word| word.trim().trim_matches('\'').to_owned()).collect::<BTreeSet<_>>(),
            active
        );
    }
}

async fn tables_of_sqlite(connection: &mut SqliteConnection) -> Tables {
    let question = "SELECT t.name, c.name, c.type, c.\"notnull\", c.pk FROM sqlite_schema AS t \
        JOIN pragma_table_info(t.name) AS c WHERE t.type = 'table' AND t.name NOT LIKE '\\_sqlx%' ESCAPE '\\' \
        ORDER BY t.name, c.cid";
    let mut tables = Tables::new();
    for row in connection.fetch_all(question).await.unwrap() {
        let kind = match row.get::<String, _>(2).as_str() {
            "TEXT" => "text",
            "INTEGER" => "whole",
            "BLOB" => "bytes",
            other => panic!("{other} is a type that nobody expected"),
        };
        let column = (row.get(1), kind, row.get::<i64, _>(3) == 0, row.get(4));
        tables.entry(row.get(0)).or_default().push(column);
    }
    tables
}

async fn tables_of_postgres(connection: &mut PgConnection) -> Tables {
    let question = "SELECT c.table_name::text, c.column_name::text, c.data_type::text, c.is_nullable::text, \
        coalesce((SELECT k.ordinal_position FROM information_schema.key_column_usage AS k \
            JOIN information_schema.table_constraints AS p ON p.constraint_name = k.constraint_name \
                AND p.constraint_schema = k.constraint_schema AND p.constraint_type = 'PRIMARY KEY' \
            WHERE k.table_schema = c.table_schema AND k.table_name = c.table_name AND k.column_name = c.column_name), 0)::bigint \
        FROM information_schema.columns AS c WHERE c.table_schema = current_schema() AND c.is_generated = 'NEVER' AND c.table_name NOT LIKE '\\_sqlx%' \
        ORDER BY c.table_name, c.ordinal_position";
    let mut tables = Tables::new();
    for row in connection.fetch_all(question).await.unwrap() {
        let kind = match row.get::<String, _>(2).as_str() {
            "text" => "text",
            "bigint" => "whole",
            "bytea" => "bytes",
            other => panic!("{other} is a type that nobody expected"),
        };
        let column = (row.get(1), kind, row.get::<String, _>(3) == "YES", row.get(4));
        tables.entry(row.get(0)).or_default().push(column);
    }
    tables
}

/// The indexes that a migration names, with what they are of.
async fn indexes_of_sqlite(connection: &mut SqliteConnection) -> BTreeSet<(String, String)> {
    let question = "SELECT name, sql FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL";
    let rows = connection.fetch_all(question).await.unwrap();
    rows.iter().map(|row| (row.get(0), shape(&row.get::<String, _>(1)))).collect()
}

async fn indexes_of_postgres(connection: &mut PgConnection) -> BTreeSet<(String, String)> {
    let question = "SELECT indexname::text FROM pg_indexes WHERE schemaname = current_schema()";
    let names = connection.fetch_all(question).await.unwrap();
    let names: BTreeSet<String> = names.iter().map(|row| row.get(0)).collect();
    // The database writes an index down in its own words; those of the migration are what is compared.
    let statements = POSTGRES.split(';').map(str::trim).filter(|text| {
        text.contains("INDEX ")
            && !["DROP ", "ALTER "].iter().any(|word| text.contains(&format!("{word}INDEX ")))
    });
    let named = statements.map(|text| {
        let text = &text[text.find("CREATE ").unwrap()..];
        let name = text.split_whitespace().skip_while(|word| *word != "INDEX").nth(1).unwrap();
        assert!(names.contains(name) || name == "payout_resting", "{name}");
        (name.to_owned(), shape(text))
    });
    named.collect()
}

fn shape(statement: &str) -> String {
    statement.split_whitespace().collect::<Vec<_>>().join(" ")
}
