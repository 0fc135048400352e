//! Steps of payouts: a batch in one transaction, each guarded by its version; a row that fails its guard is lost alone.
//!
//! Almost always the whole batch stands, so it is written as if it did, and the counts say whether that was true. Where they
//! do not, everything is undone and done again with a look at each row first: slower, and rare.

use std::collections::BTreeSet;

use payoutd_actors::{
    domain::{
        limits::LimitRules,
        payout::{Attempt, Reservation},
    },
    ports::{Gate, Step, StepResult, StoreFault},
};
use sqlx::{Executor, SqliteConnection};

use super::{SqliteStore, books, cells::Cells, fault, house, journal, journal::Chapter, reads, rows::Rows};
use crate::store::{
    books::{Asked, Books},
    turns::{covered, filing, judged, rounds},
};

const FILE: &str = "INSERT INTO transfer (txid, payout_id, attempt, raw_data, signature, owner, token, contract, route, \
     ref_block_number, ref_block_id, expires_at_ms, fee_limit_sun, signed_at_ms, outcome, block_number, block_id) \
     SELECT unhex(value ->> 0), value ->> 1, value ->> 2, unhex(value ->> 3), unhex(value ->> 4), value ->> 5, value ->> 6, \
     value ->> 7, value ->> 8, value ->> 9, unhex(value ->> 10), value ->> 11, value ->> 12, value ->> 13, value ->> 14, \
     value ->> 15, unhex(value ->> 16) FROM jsonb_each(?1)";

const MOVE: &str = "UPDATE payout SET stage = step.value ->> 4, reason = step.value ->> 5, reservation = step.value ->> 6, \
     attempts = step.value ->> 7, version = step.value ->> 8, updated_at_ms = step.value ->> 9, \
     settled_at_ms = step.value ->> 10, last_seq = step.value ->> 11 FROM jsonb_each(?1) AS step \
     WHERE payout.id = step.value ->> 0 AND payout.version = step.value ->> 1 AND payout.stage = step.value ->> 2 \
       AND payout.reservation = step.value ->> 3";

const JUDGE: &str = "UPDATE transfer SET outcome = fate.value ->> 2, block_number = fate.value ->> 3, \
     block_id = unhex(fate.value ->> 4) FROM jsonb_each(?1) AS fate \
     WHERE transfer.expires_at_ms = fate.value ->> 5 AND transfer.txid = unhex(fate.value ->> 0) \
       AND transfer.payout_id = fate.value ->> 1 AND transfer.outcome = 'pending'";

/// The steps of a batch whose payout stands where they believe it.
const STANDING: &str = "SELECT step.key FROM jsonb_each(?1) AS step CROSS JOIN payout AS p ON p.id = step.value ->> 0 \
     AND p.version = step.value ->> 1 AND p.stage = step.value ->> 2 AND p.reservation = step.value ->> 3";

/// The new transfers of a batch that can not be filed: their id is taken, or another of their payout may still be alive.
const BARRED: &str = "SELECT step.key FROM jsonb_each(?1) AS step \
     WHERE EXISTS (SELECT 1 FROM transfer AS t WHERE t.expires_at_ms = step.value ->> 2 AND t.txid = unhex(step.value ->> 0)) \
        OR EXISTS (SELECT 1 FROM transfer AS t WHERE t.payout_id = step.value ->> 1 AND t.outcome <> 'expired')";

/// How a batch is written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Manner {
    /// As if every step stood.
    Trusting,
    /// With a look at each row first.
    Looking,
}

impl SqliteStore {
    pub(super) async fn take_steps(&self, steps: &[Step], gate: Gate) -> Result<Vec<StepResult>, StoreFault> {
        if steps.is_empty() {
            return Ok(Vec::new());
        }
        for manner in [Manner::Trusting, Manner::Looking] {
            if let Some(taken) = self.try_steps(steps, gate, manner).await? {
                let result =
                    |place| if taken.contains(&place) { StepResult::Taken } else { StepResult::Lost };
                return Ok((0..steps.len()).map(result).collect());
            }
        }
        Err(StoreFault::Corrupt(
            "a batch of steps stood when it was looked at and fell when it was written".to_owned(),
        ))
    }

    /// The places of the steps that were taken; `None` where one of those that were trusted did not stand.
    async fn try_steps(
        &self,
        steps: &[Step],
        gate: Gate,
        manner: Manner,
    ) -> Result<Option<BTreeSet<usize>>, StoreFault> {
        let mut write = self.begin().await?;
        let at_ms = self.at_ms(steps.iter().map(|step| step.after.updated_at_ms).max().unwrap_or(0));
        let admitted = pass_gate(write.connection(), steps, gate, at_ms).await?;
        let mut chapter = Chapter::after(journal::last_seq(write.connection()).await?);
        let (mut moved, mut taken) = (Books::default(), BTreeSet::new());
        for round in rounds(steps, admitted) {
            let round = match manner {
                Manner::Trusting => round,
                Manner::Looking => standing(write.connection(), steps, round).await?,
            };
            let round_steps: Vec<&Step> = round.iter().map(|place| &steps[*place]).collect();
            if !write_round(write.connection(), &round_steps, &mut chapter).await? {
                write.give_up().await?;
                return Ok(None);
            }
            round_steps.into_iter().for_each(|step| moved.step(step));
            taken.extend(round);
        }
        if taken.is_empty() {
            write.give_up().await?;
            return Ok(Some(taken));
        }
        chapter.write(write.connection()).await?;
        books::keep(moved, write.connection(), at_ms).await?;
        write.commit().await?;
        self.passed(at_ms);
        Ok(Some(taken))
    }
}

/// The places of the steps that the gate lets through.
async fn pass_gate(
    connection: &mut SqliteConnection,
    steps: &[Step],
    gate: Gate,
    at_ms: i64,
) -> Result<Vec<usize>, StoreFault> {
    match gate {
        Gate::NothingLost if house::has_lost_something(connection).await? => Ok(Vec::new()),
        Gate::Open | Gate::NothingLost => Ok((0..steps.len()).collect()),
        Gate::NotPaused | Gate::Covered { .. } if house::is_paused(connection).await? => Ok(Vec::new()),
        Gate::NotPaused => Ok((0..steps.len()).collect()),
        Gate::Covered { committed_max_micro_usdt } => {
            Ok(covered(steps, &reads::in_flight(connection).await?, committed_max_micro_usdt))
        }
        Gate::RoomUnder(rules) => with_room(connection, steps, &rules, at_ms).await,
    }
}

/// The places of the steps that need no room under the limits, or find it. Those that come first have it first.
async fn with_room(
    connection: &mut SqliteConnection,
    steps: &[Step],
    rules: &LimitRules,
    at_ms: i64,
) -> Result<Vec<usize>, StoreFault> {
    let asked = Asked::of(steps.iter().map(|step| step.after.spender()));
    let mut limits = reads::limit_book(connection, Some(&asked), at_ms).await?;
    let mut finds_room = |step: &Step| {
        let gains =
            step.before.reservation == Reservation::None && step.after.reservation == Reservation::Reserved;
        !gains || limits.reserve(step.after.spender(), step.after.order.amount, rules, at_ms).is_ok()
    };
    Ok(steps.iter().enumerate().filter(|(_, step)| finds_room(step)).map(|(place, _)| place).collect())
}

/// Those of a round that stand, as the rows are now.
async fn standing(
    connection: &mut SqliteConnection,
    steps: &[Step],
    round: Vec<usize>,
) -> Result<Vec<usize>, StoreFault> {
    let (mut guards, mut filings) =
        (Rows::with_room_for(round.len(), 80), Rows::with_room_for(round.len(), 120));
    let mut txids = BTreeSet::new();
    for step in round.iter().map(|place| &steps[*place]) {
        let row = guards.row().display(step.after.id).whole(step.version_before);
        row.text(step.before.stage.word()).text(step.before.reservation.word()).end();
        match filing(step) {
            Some(attempt) if txids.insert(attempt.txid) => {
                let row = filings.row().blob(attempt.txid.as_bytes()).display(step.after.id);
                row.whole(attempt.expires_at_ms).end();
            }
            // Twice in one round: the first of them has it. An id that nobody has stands for "barred" below.
            Some(_) | None => filings.row().null().null().null().end(),
        }
    }
    let stand = keys(connection, STANDING, guards).await?;
    let barred = keys(connection, BARRED, filings).await?;
    let mut filed = BTreeSet::new();
    let stands = |(place, step): &(usize, usize)| {
        let first = filing(&steps[*step]).is_none_or(|attempt| filed.insert(attempt.txid));
        stand.contains(place) && !barred.contains(place) && first
    };
    Ok(round.into_iter().enumerate().filter(stands).map(|(_, step)| step).collect())
}

async fn keys(
    connection: &mut SqliteConnection,
    question: &'static str,
    rows: Rows,
) -> Result<BTreeSet<usize>, StoreFault> {
    let found =
        connection.fetch_all(sqlx::query(question).bind(rows.into_json())).await.map_err(fault::of)?;
    found.iter().map(|row| Cells::of(row).small()).collect()
}

/// Writes one step of each of some payouts. `false`: one of them did not stand, and all is to be undone.
async fn write_round(
    connection: &mut SqliteConnection,
    steps: &[&Step],
    chapter: &mut Chapter,
) -> Result<bool, StoreFault> {
    let mut filings = Rows::with_room_for(steps.len(), 1_000);
    let mut moves = Rows::with_room_for(steps.len(), 180);
    let mut fates = Rows::with_room_for(steps.len(), 220);
    for step in steps {
        if let Some(attempt) = filing(step) {
            push_filing(&mut filings, step, attempt);
        }
        if let Some(attempt) = judged(step) {
            push_fate(&mut fates, step, attempt);
        }
        let seq = chapter.add(step.draft.clone());
        push_move(&mut moves, step, seq);
    }
    // Transfers first: what the database refuses there (F-P03) must not have moved its payout.
    for (statement, rows) in [(FILE, filings), (MOVE, moves), (JUDGE, fates)] {
        if rows.is_empty() {
            continue;
        }
        let expected = rows.count();
        match connection.execute(sqlx::query(statement).bind(rows.into_json())).await {
            Ok(done) if done.rows_affected() == expected => {}
            Ok(_) => return Ok(false),
            Err(error) if fault::is_refused(&error) => return Ok(false),
            Err(error) => return Err(fault::of(error)),
        }
    }
    Ok(true)
}

/// In the order of [`FILE`].
fn push_filing(rows: &mut Rows, step: &Step, attempt: &Attempt) {
    rows.row()
        .blob(attempt.txid.as_bytes())
        .display(step.after.id)
        .whole(attempt.number)
        .blob(&attempt.raw_data)
        .blob(&attempt.signature)
        .display(attempt.owner)
        .display(attempt.token)
        .display(attempt.contract)
        .text(attempt.route.word())
        .whole(attempt.ref_block.number)
        .blob(attempt.ref_block.id.as_bytes())
        .whole(attempt.expires_at_ms)
        .whole(attempt.fee_limit_sun)
        .whole(attempt.signed_at_ms)
        .text(attempt.outcome.word())
        .maybe_whole(attempt.block.map(|block| block.number))
        .maybe_blob(attempt.block.as_ref().map(|block| &block.id.as_bytes()[..]))
        .end();
}

/// In the order of [`MOVE`].
fn push_move(rows: &mut Rows, step: &Step, seq: i64) {
    let after = &step.after;
    rows.row()
        .display(after.id)
        .whole(step.version_before)
        .text(step.before.stage.word())
        .text(step.before.reservation.word())
        .text(after.stage.word())
        .maybe_text(after.reason.map(payoutd_actors::domain::payout::Reason::word))
        .text(after.reservation.word())
        .whole(u32::try_from(after.attempts.len()).unwrap_or(u32::MAX))
        .whole(after.version)
        .whole(after.updated_at_ms)
        .maybe_whole(after.settled_at_ms)
        .whole(seq)
        .end();
}

/// In the order of [`JUDGE`].
fn push_fate(rows: &mut Rows, step: &Step, attempt: &Attempt) {
    rows.row()
        .blob(attempt.txid.as_bytes())
        .display(step.after.id)
        .text(attempt.outcome.word())
        .maybe_whole(attempt.block.map(|block| block.number))
        .maybe_blob(attempt.block.as_ref().map(|block| &block.id.as_bytes()[..]))
        .whole(attempt.expires_at_ms)
        .end();
}
