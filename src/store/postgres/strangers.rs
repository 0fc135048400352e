//! The strangers' book: the wallet's transfers on chain that no payout of this store knows.

use async_trait::async_trait;
use payoutd_actors::{
    domain::stranger::Stranger,
    ports::{NotedStranger, StoreFault, Strangers},
};
use sqlx::Executor;

use super::{
    PostgresStore, cells, fault,
    rows::{column, whole},
};

// Places go on from the last one; the pen keeps two who note at once apart. The order is that of the list.
const NOTE: &str = "INSERT INTO stranger AS s (place, txid, raw_data, signature, ref_block_number, ref_block_id, block_number, \
     block_id, found_at_ms) SELECT (SELECT coalesce(max(place), 0) FROM stranger) + row_number() OVER (ORDER BY new.place), \
     txid, raw_data, signature, ref_block_number, ref_block_id, block_number, block_id, found_at_ms \
     FROM unnest($1::bytea[], $2::bytea[], $3::bytea[], $4::bigint[], $5::bytea[], $6::bigint[], $7::bytea[], $8::bigint[]) \
     WITH ORDINALITY AS new (txid, raw_data, signature, ref_block_number, ref_block_id, block_number, block_id, \
     found_at_ms, place) WHERE NOT EXISTS (SELECT 1 FROM stranger AS known WHERE known.txid = new.txid)";
const NOTE_AGAIN: &str = "UPDATE stranger AS s SET block_number = new.block_number, block_id = new.block_id \
     FROM unnest($1::bytea[], $2::bigint[], $3::bytea[]) AS new (txid, block_number, block_id) WHERE s.txid = new.txid";
const BEHIND: &str = "SELECT place, txid, raw_data, signature, ref_block_number, ref_block_id, block_number, block_id, \
     found_at_ms FROM stranger WHERE place > $1 ORDER BY place LIMIT $2";

#[async_trait]
impl Strangers for PostgresStore {
    async fn note_strangers(&self, strangers: Vec<Stranger>) -> Result<(), StoreFault> {
        if strangers.is_empty() {
            return Ok(());
        }
        self.written(Box::pin(self.note(&strangers))).await
    }

    async fn strangers(&self, behind: i64, limit: u32) -> Result<Vec<NotedStranger>, StoreFault> {
        let question = sqlx::query(BEHIND).bind(behind).bind(i64::from(limit));
        let rows = self.rows(question).await?;
        rows.iter().map(cells::noted).collect()
    }
}

impl PostgresStore {
    async fn note(&self, strangers: &[Stranger]) -> Result<(), StoreFault> {
        let mut write = self.begin().await?;
        self.take_pen(&mut write).await?;
        let again = sqlx::query(NOTE_AGAIN)
            .bind(column(strangers, |one| one.txid.as_bytes().to_vec()))
            .bind(column(strangers, |one| whole(one.block.number)))
            .bind(column(strangers, |one| one.block.id.as_bytes().to_vec()));
        write.connection()?.execute(again).await.map_err(fault::of)?;
        let note = sqlx::query(NOTE)
            .bind(column(strangers, |one| one.txid.as_bytes().to_vec()))
            .bind(column(strangers, |one| one.raw_data.as_slice()))
            .bind(column(strangers, |one| one.signature.as_slice()))
            .bind(column(strangers, |one| whole(one.ref_block.number)))
            .bind(column(strangers, |one| one.ref_block.id.as_bytes().to_vec()))
            .bind(column(strangers, |one| whole(one.block.number)))
            .bind(column(strangers, |one| one.block.id.as_bytes().to_vec()))
            .bind(column(strangers, |one| one.found_at_ms));
        write.connection()?.execute(note).await.map_err(fault::of)?;
        write.commit().await
    }
}
