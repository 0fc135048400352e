//! The journal's rows and seals.

use async_trait::async_trait;
use payoutd_actors::{
    domain::journal::{JournalDraft, JournalRecord, Seal},
    ports::{Journal, Role, StoreFault},
};
use sqlx::{Executor, PgConnection};

use super::{PostgresStore, cells, cells::Cells, fault, roles, rows::column};

const ADD: &str = "INSERT INTO journal (seq, at_ms, kind, payout_id, body, hash) \
     SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::text[], $5::text[], $6::bytea[])";
const LAST_SEQ: &str = "SELECT coalesce(max(seq), 0) FROM journal";
const RECORDS: &str =
    "SELECT seq, at_ms, kind, payout_id, body, hash FROM journal WHERE seq >= $1 ORDER BY seq LIMIT $2";
const SEALS: &str = "SELECT seal_no, first_seq, last_seq, records_root, prev_hash, hash, sealed_at_ms, key_id, signature \
     FROM seal WHERE seal_no >= $1 ORDER BY seal_no LIMIT $2";
const LAST_SEAL: &str = "SELECT seal_no, first_seq, last_seq, records_root, prev_hash, hash, sealed_at_ms, key_id, signature \
     FROM seal ORDER BY seal_no DESC LIMIT 1";
const PUT_SEAL: &str = "INSERT INTO seal (seal_no, first_seq, last_seq, records_root, prev_hash, hash, sealed_at_ms, key_id, \
     signature) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT DO NOTHING";

/// The records of one transaction on their way into the journal: each gets its place as it is added, and they are written
/// together. The places are right because nobody else has the pen meanwhile.
pub(super) struct Chapter {
    last_seq: i64,
    records: Vec<JournalRecord>,
}

impl Chapter {
    /// Behind the last record that is on file.
    pub(super) fn after(last_seq: i64) -> Self {
        Self { last_seq, records: Vec::with_capacity(64) }
    }

    /// Gives a draft its place.
    pub(super) fn add(&mut self, draft: JournalDraft) -> i64 {
        self.last_seq = self.last_seq.saturating_add(1);
        self.records.push(draft.into_record(self.last_seq));
        self.last_seq
    }

    /// Writes them.
    pub(super) async fn write(self, connection: &mut PgConnection) -> Result<(), StoreFault> {
        let records = self.records;
        if records.is_empty() {
            return Ok(());
        }
        let add = sqlx::query(ADD)
            .bind(column(&records, |record| record.seq))
            .bind(column(&records, |record| record.at_ms))
            .bind(column(&records, |record| record.kind.as_ref()))
            .bind(column(&records, |record| record.payout_id.as_deref()))
            .bind(column(&records, |record| record.body.as_str()))
            .bind(column(&records, |record| record.hash.as_bytes().to_vec()));
        let done = connection.execute(add).await.map_err(fault::of)?;
        match usize::try_from(done.rows_affected()) == Ok(records.len()) {
            true => Ok(()),
            false => Err(StoreFault::Corrupt("the journal did not take every record".to_owned())),
        }
    }
}

#[async_trait]
impl Journal for PostgresStore {
    async fn records(&self, from_seq: i64, limit: u32) -> Result<Vec<JournalRecord>, StoreFault> {
        let question = sqlx::query(RECORDS).bind(from_seq).bind(i64::from(limit));
        let records =
            |store: Self| async move { store.rows(question).await?.iter().map(cells::record).collect() };
        self.apart(records).await
    }

    async fn last_seq(&self) -> Result<i64, StoreFault> {
        let rows = self.rows(sqlx::query(LAST_SEQ)).await?;
        rows.first().map_or(Ok(0), |row| Cells::of(row).take())
    }

    async fn seals(&self, from_seal_no: i64, limit: u32) -> Result<Vec<Seal>, StoreFault> {
        let question = sqlx::query(SEALS).bind(from_seal_no).bind(i64::from(limit));
        let rows = self.rows(question).await?;
        rows.iter().map(cells::seal).collect()
    }

    async fn last_seal(&self) -> Result<Option<Seal>, StoreFault> {
        self.rows(sqlx::query(LAST_SEAL)).await?.first().map(cells::seal).transpose()
    }

    async fn put_seal(&self, seal: Seal) -> Result<bool, StoreFault> {
        self.written(Box::pin(self.put(seal))).await
    }
}

impl PostgresStore {
    async fn put(&self, seal: Seal) -> Result<bool, StoreFault> {
        let mut write = self.begin().await?;
        roles::check(self, write.connection()?, Role::AuditWriter).await?;
        let put = sqlx::query(PUT_SEAL)
            .bind(seal.seal_no)
            .bind(seal.first_seq)
            .bind(seal.last_seq)
            .bind(seal.records_root.as_bytes().to_vec())
            .bind(seal.prev_hash.as_bytes().to_vec())
            .bind(seal.hash.as_bytes().to_vec())
            .bind(seal.sealed_at_ms)
            .bind(seal.key_id)
            .bind(seal.signature.as_bytes().to_vec());
        let done = write.connection()?.execute(put).await.map_err(fault::of)?;
        write.commit().await?;
        Ok(done.rows_affected() == 1)
    }
}
