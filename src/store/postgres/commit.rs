//! Steps of payouts: a batch in one transaction, each guarded by its version; a row that fails its guard is lost alone.
//!
//! Almost always the whole batch stands, so it is written as if it did, and the counts say whether that was true. Where they
//! do not, everything is undone and done again with a look at each row first: slower, and rare.

use std::collections::{BTreeSet, VecDeque};

use payoutd_actors::{
    domain::{
        limits::LimitRules,
        payout::{Event, Reservation},
    },
    ports::{Gate, Step, StepResult, StoreFault},
};
use sqlx::{Executor, PgConnection};

use super::{
    PostgresStore,
    cells::Cells,
    fault, house,
    page::Page,
    reads,
    reads::Question,
    rows::{column, whole},
    writer::Pen,
};
use crate::store::{
    books::Asked,
    turns::{covered, filing, rounds},
};

/// The steps of a batch whose payout stands where they believe it.
pub(super) const STANDING: &str = "SELECT step.place - 1 FROM unnest($1::text[], $2::bigint[], $3::text[], $4::text[]) WITH ORDINALITY \
     AS step (id, version, stage, reservation, place) JOIN payout AS p ON p.id = step.id AND p.version = step.version \
     AND p.stage = step.stage AND p.reservation = step.reservation";

/// The new transfers of a batch that can not be filed: their id is taken, or another of their payout may still be alive.
/// Two joins and no EXISTS, which a plan that was made over empty tables would answer by walking through all of them.
pub(super) const BARRED: &str = "WITH step AS (SELECT * FROM unnest($1::bytea[], $2::text[], $3::bigint[]) WITH ORDINALITY \
     AS step (txid, payout_id, expires_at_ms, place)) \
     SELECT step.place - 1 FROM step JOIN transfer AS t ON t.expires_at_ms = step.expires_at_ms AND t.txid = step.txid \
     UNION ALL SELECT step.place - 1 FROM step JOIN transfer AS t ON t.payout_id = step.payout_id AND t.outcome <> 'expired'";

/// How a batch is written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Manner {
    /// As if every step stood.
    Trusting,
    /// With a look at each row first.
    Looking,
}

impl Manner {
    /// The ways to write a batch, one after the other. A note that nodes have a transfer is often overtaken by the block that it
    /// stands in; where that is no surprise, a look is cheaper than a batch that is undone.
    fn for_steps(steps: &[Step]) -> &'static [Self] {
        let may_be_overtaken = steps.iter().any(|step| matches!(step.event, Event::TransferBroadcast { .. }));
        if may_be_overtaken { &[Self::Looking] } else { &[Self::Trusting, Self::Looking] }
    }
}

impl PostgresStore {
    pub(super) async fn take_steps(&self, steps: &[Step], gate: Gate) -> Result<Vec<StepResult>, StoreFault> {
        if steps.is_empty() {
            return Ok(Vec::new());
        }
        for manner in Manner::for_steps(steps) {
            if let Some(taken) = self.try_steps(steps, gate, *manner).await? {
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
        // Almost always the gate lets all of them through: so much is made ready before anybody has to wait for it.
        let mut ready: VecDeque<Page> = rounds(steps, (0..steps.len()).collect())
            .into_iter()
            .map(|round| Page::of(steps, round))
            .collect();
        let (mut write, mut pen) = self.begin_with_pen().await?;
        let now_ms = steps.iter().map(|step| step.after.updated_at_ms).max().unwrap_or(0);
        let at_ms = pen.at_ms(now_ms)?;
        let admitted = pass_gate(write.connection()?, &pen, steps, gate, at_ms).await?;
        let mut taken = BTreeSet::new();
        for round in rounds(steps, admitted) {
            let round = match manner {
                Manner::Trusting => round,
                Manner::Looking => standing(write.connection()?, steps, round).await?,
            };
            taken.extend(round.iter().copied());
            let page = ready.pop_front().filter(|page| page.places == round);
            let page = page.unwrap_or_else(|| Page::of(steps, round));
            if !page.write(write.connection()?, &mut pen.last_seq, at_ms).await? {
                write.give_up().await?;
                return Ok(None);
            }
        }
        if taken.is_empty() {
            write.give_up().await?;
            return Ok(Some(taken));
        }
        write.commit().await?;
        self.passed(at_ms);
        Ok(Some(taken))
    }
}

/// The places of the steps that the gate lets through. It is asked behind the pen: a pause that was answered is seen here, and
/// nobody else moves the books of the limits meanwhile.
async fn pass_gate(
    connection: &mut PgConnection,
    pen: &Pen,
    steps: &[Step],
    gate: Gate,
    at_ms: i64,
) -> Result<Vec<usize>, StoreFault> {
    match gate {
        Gate::NotPaused | Gate::Covered { .. } if pen.nothing_leaves => Ok(Vec::new()),
        Gate::NothingLost if house::has_lost_something(connection).await? => Ok(Vec::new()),
        Gate::Open | Gate::NothingLost | Gate::NotPaused => Ok((0..steps.len()).collect()),
        Gate::Covered { committed_max_micro_usdt } => {
            Ok(covered(steps, &reads::in_flight(connection).await?, committed_max_micro_usdt))
        }
        Gate::RoomUnder(rules) => with_room(connection, steps, &rules, at_ms).await,
    }
}

/// The places of the steps that need no room under the limits, or find it. Those that come first have it first.
async fn with_room(
    connection: &mut PgConnection,
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
    connection: &mut PgConnection,
    steps: &[Step],
    round: Vec<usize>,
) -> Result<Vec<usize>, StoreFault> {
    let asked = column(&round, |place| &steps[*place]);
    let guards = sqlx::query(STANDING)
        .bind(column(&asked, |step| step.after.id.to_string()))
        .bind(column(&asked, |step| whole(step.version_before)))
        .bind(column(&asked, |step| step.before.stage.word()))
        .bind(column(&asked, |step| step.before.reservation.word()));
    // Of two that file the same transfer in one round the first has it. NULL is nobody's, and bars nothing.
    let mut met = BTreeSet::new();
    let mut firsts = Vec::with_capacity(asked.len());
    for step in &asked {
        firsts.push(filing(step).filter(|attempt| met.insert(attempt.txid)));
    }
    let filings = sqlx::query(BARRED)
        .bind(column(&firsts, |first| first.map(|attempt| attempt.txid.as_bytes().to_vec())))
        .bind(
            firsts
                .iter()
                .zip(&asked)
                .map(|(first, step)| first.map(|_| step.after.id.to_string()))
                .collect::<Vec<_>>(),
        )
        .bind(column(&firsts, |first| first.map(|attempt| attempt.expires_at_ms)));
    let stand = places(connection, guards).await?;
    let files = firsts.iter().any(Option::is_some);
    let barred = if files { places(connection, filings).await? } else { BTreeSet::new() };
    let stands = |place: &usize| {
        let is_second = filing(asked[*place]).is_some() && firsts[*place].is_none();
        stand.contains(place) && !barred.contains(place) && !is_second
    };
    Ok(round.iter().enumerate().filter(|(place, _)| stands(place)).map(|(_, step)| *step).collect())
}

async fn places(
    connection: &mut PgConnection,
    question: Question<'_>,
) -> Result<BTreeSet<usize>, StoreFault> {
    let found = connection.fetch_all(question).await.map_err(fault::of)?;
    found.iter().map(|row| Cells::of(row).small()).collect()
}
