//! The strangers' book: the wallet's transfers on chain that no payout of this store knows.

use async_trait::async_trait;
use payoutd_actors::{
    domain::stranger::Stranger,
    ports::{NotedStranger, StoreFault, Strangers},
};
use sqlx::Executor;

use super::{SqliteStore, cells, fault, rows::Rows};

// A place is the row's number: nothing is ever deleted, so SQLite gives the next one. The order is that of the list.
const NOTE: &str = "INSERT INTO stranger (txid, raw_data, signature, ref_block_number, ref_block_id, block_number, block_id, \
     found_at_ms) SELECT unhex(value ->> 0), unhex(value ->> 1), unhex(value ->> 2), value ->> 3, unhex(value ->> 4), \
     value ->> 5, unhex(value ->> 6), value ->> 7 FROM jsonb_each(?1) WHERE TRUE ORDER BY key \
     ON CONFLICT (txid) DO UPDATE SET block_number = excluded.block_number, block_id = excluded.block_id";
const BEHIND: &str = "SELECT place, txid, raw_data, signature, ref_block_number, ref_block_id, block_number, block_id, \
     found_at_ms FROM stranger WHERE place > ?1 ORDER BY place LIMIT ?2";

#[async_trait]
impl Strangers for SqliteStore {
    async fn note_strangers(&self, strangers: Vec<Stranger>) -> Result<(), StoreFault> {
        if strangers.is_empty() {
            return Ok(());
        }
        let mut rows = Rows::with_room_for(strangers.len(), 900);
        for stranger in &strangers {
            rows.row()
                .blob(stranger.txid.as_bytes())
                .blob(&stranger.raw_data)
                .blob(&stranger.signature)
                .whole(stranger.ref_block.number)
                .blob(stranger.ref_block.id.as_bytes())
                .whole(stranger.block.number)
                .blob(stranger.block.id.as_bytes())
                .whole(stranger.found_at_ms)
                .end();
        }
        let mut write = self.begin().await?;
        let note = sqlx::query(NOTE).bind(rows.into_json());
        write.connection().execute(note).await.map_err(fault::of)?;
        write.commit().await
    }

    async fn strangers(&self, behind: i64, limit: u32) -> Result<Vec<NotedStranger>, StoreFault> {
        let question = sqlx::query(BEHIND).bind(behind).bind(limit);
        let rows = self.inner.readers.fetch_all(question).await.map_err(fault::of)?;
        rows.iter().map(cells::noted).collect()
    }
}
