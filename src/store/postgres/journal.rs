//! The journal's rows and seals.

use async_trait::async_trait;
use payoutd_actors::{
    domain::journal::{JournalDraft, JournalRecord, Seal},
    ports::{Journal, JournalSearch, Role, StoreFault},
};
use sqlx::{Executor, PgConnection};

use super::{PostgresStore, cells, cells::Cells, fault, reads, reads::Question, roles, rows::column};

/// Records come in: when, what, about whom, in which words, at which place and with which hash.
macro_rules! add {
    ($at_ms:literal, $kind:literal, $payout_id:literal, $body:literal, $seq:literal, $hash:literal) => {
        concat!(
            "INSERT INTO journal (at_ms, kind, payout_id, body, seq, hash) SELECT * FROM unnest(",
            $at_ms,
            "::bigint[], ",
            $kind,
            "::text[], ",
            $payout_id,
            "::text[], ",
            $body,
            "::text[], ",
            $seq,
            "::bigint[], ",
            $hash,
            "::bytea[])"
        )
    };
}
pub(super) use add;

const ADD: &str = add!("$1", "$2", "$3", "$4", "$5", "$6");

/// What records say, in the order of [`add!`]; their places are not known yet.
pub(super) fn bound<'q>(statement: Question<'q>, drafts: &[&'q JournalDraft]) -> Question<'q> {
    statement
        .bind(column(drafts, |draft| draft.at_ms))
        .bind(column(drafts, |draft| draft.kind))
        .bind(column(drafts, |draft| draft.payout_id.as_deref()))
        .bind(column(drafts, |draft| draft.body.as_str()))
}

/// Their places, behind the last record that is on file, and the hashes that go with them. The places are right because nobody
/// else has the pen meanwhile.
pub(super) fn placed<'q>(
    statement: Question<'q>,
    drafts: &[&JournalDraft],
    last_seq: &mut i64,
) -> Question<'q> {
    let (mut seqs, mut hashes) = (Vec::with_capacity(drafts.len()), Vec::with_capacity(drafts.len()));
    let mut buffer = Vec::new();
    for draft in drafts {
        *last_seq = last_seq.saturating_add(1);
        seqs.push(*last_seq);
        hashes.push(draft.hash_at(*last_seq, &mut buffer).as_bytes().to_vec());
    }
    statement.bind(seqs).bind(hashes)
}

/// Writes records behind the last one that is on file.
pub(super) async fn write(
    connection: &mut PgConnection,
    last_seq: i64,
    drafts: &[JournalDraft],
) -> Result<(), StoreFault> {
    if drafts.is_empty() {
        return Ok(());
    }
    let (drafts, mut last_seq): (Vec<&JournalDraft>, i64) = (drafts.iter().collect(), last_seq);
    let add = placed(bound(sqlx::query(ADD), &drafts), &drafts, &mut last_seq);
    let done = connection.execute(add).await.map_err(fault::of)?;
    match usize::try_from(done.rows_affected()) == Ok(drafts.len()) {
        true => Ok(()),
        false => Err(StoreFault::Corrupt("the journal did not take every record".to_owned())),
    }
}

const LAST_SEQ: &str = "SELECT coalesce(max(seq), 0) FROM journal";
const RECORDS: &str =
    "SELECT seq, at_ms, kind, payout_id, body, hash FROM journal WHERE seq >= $1 ORDER BY seq LIMIT $2";
/// What somebody looks for. What nobody asks about is NULL, and no part of the plan.
pub(super) const SEARCH: &str = "SELECT seq, at_ms, kind, payout_id, body, hash FROM journal \
     WHERE seq >= $1 AND seq < $2 AND at_ms >= $3 AND at_ms < $4 AND ($5::text IS NULL OR payout_id = $5) \
     AND ($6::text[] IS NULL OR kind = ANY ($6)) AND ($7::text[] IS NULL OR kind <> ALL ($7)) \
     AND ($8::text IS NULL OR strpos(body, $8) > 0) AND ($9::text IS NULL OR strpos(body, $9) > 0) \
     AND ($10::text IS NULL OR strpos(body, $10) > 0) ORDER BY seq DESC LIMIT $11";
/// By halves, in one look: each turn reads the row in the middle, until one place is left. A row that somebody took away is as if it were
/// later.
pub(super) const PLACE_BEHIND: &str = "WITH RECURSIVE halves (earlier, beyond) AS (\
       SELECT 0::bigint, (SELECT coalesce(max(j.seq), 0) + 1 FROM journal AS j WHERE j.seq >= 1) \
       UNION ALL \
       SELECT CASE WHEN j.at_ms <= $1 THEN j.seq ELSE h.earlier END, \
              CASE WHEN j.at_ms <= $1 THEN h.beyond ELSE (h.earlier + h.beyond) / 2 END \
       FROM halves AS h LEFT JOIN journal AS j ON j.seq = (h.earlier + h.beyond) / 2 WHERE h.earlier + 1 < h.beyond) \
     SELECT beyond FROM halves WHERE earlier + 1 = beyond";
const SEALS: &str = "SELECT seal_no, first_seq, last_seq, records_root, prev_hash, hash, sealed_at_ms, key_id, signature \
     FROM seal WHERE seal_no >= $1 ORDER BY seal_no LIMIT $2";
const LAST_SEAL: &str = "SELECT seal_no, first_seq, last_seq, records_root, prev_hash, hash, sealed_at_ms, key_id, signature \
     FROM seal ORDER BY seal_no DESC LIMIT 1";
const PUT_SEAL: &str = "INSERT INTO seal (seal_no, first_seq, last_seq, records_root, prev_hash, hash, sealed_at_ms, key_id, \
     signature) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT DO NOTHING";

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

    async fn search(&self, search: &JournalSearch) -> Result<Vec<JournalRecord>, StoreFault> {
        let question = reads::sought(search);
        let records =
            |store: Self| async move { store.rows(question).await?.iter().map(cells::record).collect() };
        self.apart(records).await
    }

    async fn place_behind(&self, at_ms: i64) -> Result<i64, StoreFault> {
        let rows = self.rows(sqlx::query(PLACE_BEHIND).bind(at_ms)).await?;
        rows.first().map_or(Ok(1), |row| Cells::of(row).take())
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
