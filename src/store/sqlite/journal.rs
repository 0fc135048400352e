//! The journal's rows and seals.

use async_trait::async_trait;
use payoutd_actors::{
    domain::journal::{JournalDraft, JournalRecord, Seal},
    ports::{Journal, JournalSearch, StoreFault},
};
use sqlx::{Executor, SqliteConnection};

use super::{SqliteStore, cells, cells::Cells, fault, reads, rows::Rows};

const ADD: &str = "INSERT INTO journal (seq, at_ms, kind, payout_id, body, hash) \
     SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, unhex(value ->> 5) FROM jsonb_each(?1)";
const LAST_SEQ: &str = "SELECT coalesce(max(seq), 0) FROM journal";
const RECORDS: &str =
    "SELECT seq, at_ms, kind, payout_id, body, hash FROM journal WHERE seq >= ?1 ORDER BY seq LIMIT ?2";
/// What somebody looks for, in this order: a body, which is long, is read only where all else fits.
pub(super) const SEARCH: &str = "SELECT seq, at_ms, kind, payout_id, body, hash FROM journal \
     WHERE seq >= ?1 AND seq < ?2 AND at_ms >= ?3 AND at_ms < ?4 AND (?5 IS NULL OR payout_id = ?5) \
     AND (?6 IS NULL OR kind IN (SELECT value FROM json_each(?6))) \
     AND (?7 IS NULL OR kind NOT IN (SELECT value FROM json_each(?7))) \
     AND (?8 IS NULL OR body GLOB ?8) AND (?9 IS NULL OR body GLOB ?9) \
     AND (?10 IS NULL OR body GLOB ?10) ORDER BY seq DESC LIMIT ?11";
/// By halves, in one look: each turn reads the row in the middle, until one place is left. A row that somebody took away is as if it were
/// later.
pub(super) const PLACE_BEHIND: &str = "WITH RECURSIVE halves (earlier, beyond) AS (\
       SELECT 0, (SELECT coalesce(max(j.seq), 0) + 1 FROM journal AS j WHERE j.seq >= 1) \
       UNION ALL \
       SELECT CASE WHEN j.at_ms <= ?1 THEN j.seq ELSE h.earlier END, \
              CASE WHEN j.at_ms <= ?1 THEN h.beyond ELSE (h.earlier + h.beyond) / 2 END \
       FROM halves AS h LEFT JOIN journal AS j ON j.seq = (h.earlier + h.beyond) / 2 WHERE h.earlier + 1 < h.beyond) \
     SELECT beyond FROM halves WHERE earlier + 1 = beyond";
const SEALS: &str = "SELECT seal_no, first_seq, last_seq, records_root, prev_hash, hash, sealed_at_ms, key_id, signature \
     FROM seal WHERE seal_no >= ?1 ORDER BY seal_no LIMIT ?2";
const LAST_SEAL: &str = "SELECT seal_no, first_seq, last_seq, records_root, prev_hash, hash, sealed_at_ms, key_id, signature \
     FROM seal ORDER BY seal_no DESC LIMIT 1";
const PUT_SEAL: &str = "INSERT INTO seal (seal_no, first_seq, last_seq, records_root, prev_hash, hash, sealed_at_ms, key_id, \
     signature) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) ON CONFLICT DO NOTHING";

/// The records of one transaction on their way into the journal: each gets its place as it is added, and they are written
/// together. The places are right because nobody else writes meanwhile.
pub(super) struct Chapter {
    last_seq: i64,
    rows: Rows,
}

impl Chapter {
    /// Behind the last record that is on file.
    pub(super) fn after(last_seq: i64) -> Self {
        Self { last_seq, rows: Rows::with_room_for(64, 1_200) }
    }

    /// Gives a draft its place.
    pub(super) fn add(&mut self, draft: JournalDraft) -> i64 {
        self.last_seq = self.last_seq.saturating_add(1);
        let record = draft.into_record(self.last_seq);
        let row = self.rows.row().whole(record.seq).whole(record.at_ms).text(&record.kind);
        let row = row.maybe_text(record.payout_id.as_deref()).text(record.body.as_str());
        row.blob(record.hash.as_bytes()).end();
        record.seq
    }

    /// Writes them.
    pub(super) async fn write(self, connection: &mut SqliteConnection) -> Result<(), StoreFault> {
        if self.rows.is_empty() {
            return Ok(());
        }
        let (expected, add) = (self.rows.count(), sqlx::query(ADD).bind(self.rows.into_json()));
        let done = connection.execute(add).await.map_err(fault::of)?;
        match done.rows_affected() == expected {
            true => Ok(()),
            false => Err(StoreFault::Corrupt("the journal did not take every record".to_owned())),
        }
    }
}

/// The journal's last place; 0 for none.
pub(super) async fn last_seq(connection: &mut SqliteConnection) -> Result<i64, StoreFault> {
    let row = connection.fetch_one(sqlx::query(LAST_SEQ)).await.map_err(fault::of)?;
    Cells::of(&row).take()
}

#[async_trait]
impl Journal for SqliteStore {
    async fn records(&self, from_seq: i64, limit: u32) -> Result<Vec<JournalRecord>, StoreFault> {
        let question = sqlx::query(RECORDS).bind(from_seq).bind(limit);
        let rows = self.inner.readers.fetch_all(question).await.map_err(fault::of)?;
        rows.iter().map(cells::record).collect()
    }

    async fn last_seq(&self) -> Result<i64, StoreFault> {
        last_seq(&mut *self.reader().await?).await
    }

    async fn search(&self, search: &JournalSearch) -> Result<Vec<JournalRecord>, StoreFault> {
        let rows = self.inner.readers.fetch_all(reads::sought(search)).await.map_err(fault::of)?;
        rows.iter().map(cells::record).collect()
    }

    async fn place_behind(&self, at_ms: i64) -> Result<i64, StoreFault> {
        let question = sqlx::query(PLACE_BEHIND).bind(at_ms);
        let row = self.inner.readers.fetch_one(question).await.map_err(fault::of)?;
        Cells::of(&row).take()
    }

    async fn seals(&self, from_seal_no: i64, limit: u32) -> Result<Vec<Seal>, StoreFault> {
        let question = sqlx::query(SEALS).bind(from_seal_no).bind(limit);
        let rows = self.inner.readers.fetch_all(question).await.map_err(fault::of)?;
        rows.iter().map(cells::seal).collect()
    }

    async fn last_seal(&self) -> Result<Option<Seal>, StoreFault> {
        let row = reads::one(&mut *self.reader().await?, sqlx::query(LAST_SEAL)).await?;
        row.as_ref().map(cells::seal).transpose()
    }

    async fn put_seal(&self, seal: Seal) -> Result<bool, StoreFault> {
        let mut write = self.begin().await?;
        let put = sqlx::query(PUT_SEAL)
            .bind(seal.seal_no)
            .bind(seal.first_seq)
            .bind(seal.last_seq)
            .bind(&seal.records_root.as_bytes()[..])
            .bind(&seal.prev_hash.as_bytes()[..])
            .bind(&seal.hash.as_bytes()[..])
            .bind(seal.sealed_at_ms)
            .bind(seal.key_id)
            .bind(&seal.signature.as_bytes()[..]);
        let done = write.connection().execute(put).await.map_err(fault::of)?;
        write.commit().await?;
        Ok(done.rows_affected() == 1)
    }
}
