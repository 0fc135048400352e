//! One round of steps on its way into the database: what comes on file, what moves on, what is judged, its records, and what it
//! moves in the books.
//!
//! All of it is one statement, for each is a way to the database and back during which everybody waits for the pen; and all but
//! what the pen tells (the places in the journal, the moment) is put into words before.

use payoutd_actors::{
    domain::{
        journal::JournalDraft,
        payout::{Attempt, Reason},
    },
    ports::{Step, StoreFault},
};
use sqlx::{Executor, PgConnection};
use tracing::debug;

use super::{
    books,
    cells::Cells,
    fault, journal,
    reads::Question,
    rows::{column, whole},
};
use crate::store::{
    books::Books,
    turns::{filing, judged},
};

/// It says how many rows of each were written. A payout's last record is the one that this statement adds for it.
pub(super) const STEP: &str = concat!(
    "WITH filed AS (INSERT INTO transfer (txid, payout_id, attempt, raw_data, signature, owner, token, contract, route, \
     ref_block_number, ref_block_id, expires_at_ms, fee_limit_sun, signed_at_ms, outcome, block_number, block_id) \
     SELECT * FROM unnest($1::bytea[], $2::text[], $3::bigint[], $4::bytea[], $5::bytea[], $6::text[], $7::text[], \
     $8::text[], $9::text[], $10::bigint[], $11::bytea[], $12::bigint[], $13::bigint[], $14::bigint[], $15::text[], \
     $16::bigint[], $17::bytea[]) RETURNING 1), \
     moved AS (UPDATE payout AS p SET stage = step.stage, reason = step.reason, reservation = step.reservation, \
     attempts = step.attempts, version = step.version, updated_at_ms = step.updated_at_ms, \
     settled_at_ms = step.settled_at_ms, last_seq = step.last_seq, claimed_by = NULL, claimed_until_ms = NULL \
     FROM unnest($18::text[], $19::bigint[], $20::text[], $21::text[], $22::text[], $23::text[], $24::text[], $25::bigint[], \
     $26::bigint[], $27::bigint[], $28::bigint[], $53::bigint[]) AS step (id, version_before, stage_before, \
     reservation_before, stage, reason, reservation, attempts, version, updated_at_ms, settled_at_ms, last_seq) \
     WHERE p.id = step.id AND p.version = step.version_before AND p.stage = step.stage_before \
       AND p.reservation = step.reservation_before RETURNING 1), \
     judged AS (UPDATE transfer AS t SET outcome = fate.outcome, block_number = fate.block_number, \
     block_id = fate.block_id FROM unnest($29::bytea[], $30::text[], $31::text[], $32::bigint[], $33::bytea[], \
     $34::bigint[]) AS fate (txid, payout_id, outcome, block_number, block_id, expires_at_ms) \
     WHERE t.expires_at_ms = fate.expires_at_ms AND t.txid = fate.txid AND t.payout_id = fate.payout_id \
       AND t.outcome = 'pending' RETURNING 1), added AS (",
    journal::add!("$35", "$36", "$37", "$38", "$53", "$54"),
    " RETURNING 1), ",
    books::keep!(
        "$39", "$40", "$41", "$42", "$43", "$44", "$45", "$46", "$47", "$48", "$49", "$50", "$51", "$52",
        "$55"
    ),
    " SELECT (SELECT count(*) FROM filed), (SELECT count(*) FROM moved), (SELECT count(*) FROM judged), \
     (SELECT count(*) FROM added)"
);

/// A round, ready to be written.
pub(super) struct Page<'s> {
    /// The places of its steps in their batch.
    pub(super) places: Vec<usize>,
    statement: Question<'s>,
    drafts: Vec<&'s JournalDraft>,
    filings: usize,
    fates: usize,
}

impl<'s> Page<'s> {
    /// Puts a round into words: one step of each of some payouts.
    pub(super) fn of(batch: &'s [Step], places: Vec<usize>) -> Self {
        let steps: Vec<&Step> = places.iter().map(|place| &batch[*place]).collect();
        let filings: Vec<_> = steps.iter().filter_map(|step| Some((*step, filing(step)?))).collect();
        let fates: Vec<_> = steps.iter().filter_map(|step| Some((*step, judged(step)?))).collect();
        let drafts: Vec<&JournalDraft> = steps.iter().map(|step| &step.draft).collect();
        let mut moved = Books::default();
        steps.iter().for_each(|step| moved.step(step));
        let statement = judge(move_on(file(sqlx::query(STEP), &filings), &steps), &fates);
        let statement = books::bound(journal::bound(statement, &drafts), moved);
        Self { places, statement, drafts, filings: filings.len(), fates: fates.len() }
    }

    /// Writes it, behind the pen. `false`: one of its steps did not stand, and all is to be undone.
    pub(super) async fn write(
        self,
        connection: &mut PgConnection,
        last_seq: &mut i64,
        at_ms: i64,
    ) -> Result<bool, StoreFault> {
        if self.places.is_empty() {
            return Ok(true);
        }
        // Records first, then the time.
        let statement = journal::placed(self.statement, &self.drafts, last_seq).bind(at_ms.to_string());
        let written = match connection.fetch_one(statement).await {
            Ok(written) => written,
            Err(error) if fault::is_refused(&error) || fault::is_out_of_bounds(&error) => {
                debug!(%error, "a batch of steps does not stand as a whole");
                return Ok(false);
            }
            Err(error) => return Err(fault::of(error)),
        };
        let mut cells = Cells::of(&written);
        let mut wrote = |count: usize| Ok::<_, StoreFault>(cells.small::<usize>()? == count);
        let stood = [wrote(self.filings)?, wrote(self.places.len())?, wrote(self.fates)?];
        match wrote(self.places.len())? {
            true => Ok(stood == [true; 3]),
            false => Err(StoreFault::Corrupt("the journal did not take every record".to_owned())),
        }
    }
}

/// `$1` to `$17` of [`STEP`].
fn file<'q>(statement: Question<'q>, rows: &[(&Step, &Attempt)]) -> Question<'q> {
    statement
        .bind(column(rows, |(_, attempt)| attempt.txid.as_bytes().to_vec()))
        .bind(column(rows, |(step, _)| step.after.id.to_string()))
        .bind(column(rows, |(_, attempt)| whole(attempt.number)))
        .bind(column(rows, |(_, attempt)| attempt.raw_data.as_slice()))
        .bind(column(rows, |(_, attempt)| attempt.signature.as_slice()))
        .bind(column(rows, |(_, attempt)| attempt.owner.to_string()))
        .bind(column(rows, |(_, attempt)| attempt.token.to_string()))
        .bind(column(rows, |(_, attempt)| attempt.contract.to_string()))
        .bind(column(rows, |(_, attempt)| attempt.route.word()))
        .bind(column(rows, |(_, attempt)| whole(attempt.ref_block.number)))
        .bind(column(rows, |(_, attempt)| attempt.ref_block.id.as_bytes().to_vec()))
        .bind(column(rows, |(_, attempt)| attempt.expires_at_ms))
        .bind(column(rows, |(_, attempt)| whole(attempt.fee_limit_sun)))
        .bind(column(rows, |(_, attempt)| attempt.signed_at_ms))
        .bind(column(rows, |(_, attempt)| attempt.outcome.word()))
        .bind(column(rows, |(_, attempt)| attempt.block.map(|block| whole(block.number))))
        .bind(column(rows, |(_, attempt)| attempt.block.map(|block| block.id.as_bytes().to_vec())))
}

/// `$18` to `$28`.
fn move_on<'q>(statement: Question<'q>, steps: &[&Step]) -> Question<'q> {
    statement
        .bind(column(steps, |step| step.after.id.to_string()))
        .bind(column(steps, |step| whole(step.version_before)))
        .bind(column(steps, |step| step.before.stage.word()))
        .bind(column(steps, |step| step.before.reservation.word()))
        .bind(column(steps, |step| step.after.stage.word()))
        .bind(column(steps, |step| step.after.reason.map(Reason::word)))
        .bind(column(steps, |step| step.after.reservation.word()))
        .bind(column(steps, |step| whole(step.after.attempts.len())))
        .bind(column(steps, |step| whole(step.after.version)))
        .bind(column(steps, |step| step.after.updated_at_ms))
        .bind(column(steps, |step| step.after.settled_at_ms))
}

/// `$29` to `$34`.
fn judge<'q>(statement: Question<'q>, rows: &[(&Step, &Attempt)]) -> Question<'q> {
    statement
        .bind(column(rows, |(_, attempt)| attempt.txid.as_bytes().to_vec()))
        .bind(column(rows, |(step, _)| step.after.id.to_string()))
        .bind(column(rows, |(_, attempt)| attempt.outcome.word()))
        .bind(column(rows, |(_, attempt)| attempt.block.map(|block| whole(block.number))))
        .bind(column(rows, |(_, attempt)| attempt.block.map(|block| block.id.as_bytes().to_vec())))
        .bind(column(rows, |(_, attempt)| attempt.expires_at_ms))
}
