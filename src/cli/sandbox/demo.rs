//! The demonstration: sample payouts go in through the front door, and what becomes of them is told as it happens.

use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::table::{Rows, Side, at_the_point};
use crate::cli::terminal::{Ink, Terminal};
use crate::wiring::OpenHouse;
use futures_util::{StreamExt, TryStreamExt, stream};
use payoutd_actors::domain::identity::PayoutId;
use payoutd_actors::domain::money::MicroUsdt;
use payoutd_actors::domain::payout::{Payout, Stage};
use payoutd_actors::ledger::Ledger;
use payoutd_actors::ports::House;
use serde::Serialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::time::Instant;

/// More payouts than these get a count for each stage in place of a line for each step.
const LINES_FOR_PAYOUTS_MAX: usize = 60;
/// How often the store is asked what became of them.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// Orders on their way to the door at a time.
const POSTS_AT_ONCE: usize = 16;
/// Long past the last expiration, and past its proof: whatever is not final by then is told as it stands.
const GIVE_UP_AFTER: Duration = Duration::from_secs(180);
/// Payouts that are asked for in one call of the store.
const ASKED_AT_ONCE: usize = 500;

/// Where the front door is, and what opens it.
pub(super) struct FrontDoor {
    pub(super) base: String,
    pub(super) token: String,
    pub(super) client: reqwest::Client,
}

/// What became of the demonstration.
#[derive(Debug, Clone, Default, Serialize, PartialEq, Eq)]
pub(super) struct Tally {
    /// Payouts that were ordered.
    pub(super) paid: usize,
    /// Proved paid.
    pub(super) settled: usize,
    /// Failed on chain.
    pub(super) failed: usize,
    /// Held.
    pub(super) held: usize,
    /// Anything else that is not final.
    pub(super) unknown: usize,
}

impl FrontDoor {
    /// Orders one payout, as any back end would.
    async fn order(&self, key: &str, body: Value) -> Result<PayoutId, Failure> {
        let request = self.client.post(format!("{}/v1/payouts", self.base));
        let request = request.bearer_auth(&self.token).header("Idempotency-Key", key).json(&body);
        let answer = request
            .send()
            .await
            .map_err(|why| Failure::because(Exit::Unavailable, "the front door does not answer", &why))?;
        let status = answer.status();
        let body: Value = answer
            .json()
            .await
            .map_err(|why| Failure::because(Exit::Unavailable, "the front door's answer breaks off", &why))?;
        let id = body.get("id").and_then(Value::as_str).and_then(|id| id.parse().ok());
        match id {
            Some(id) if status.as_u16() == 202 => Ok(id),
            _ => Err(Failure::new(
                Exit::Software,
                format_args!("the front door refused a sample payout ({status}): {body}"),
            )),
        }
    }
}

/// Orders `count` payouts to the given recipients, in turn.
pub(super) async fn order_all(
    door: &FrontDoor,
    run: &str,
    recipients: &[String],
    count: usize,
) -> Result<Vec<PayoutId>, Failure> {
    let orders = (0..count).map(|n| async move {
        let recipient = &recipients[n % recipients.len()];
        // 10.01, 10.02 …: each a little different, so that a reader can follow one of them.
        let amount = MicroUsdt::new(10_000_000 + 10_000 * (n as u64 % 1_000 + 1));
        let body =
            json!({ "recipient": recipient, "amount": amount, "reference": format!("demo-{}", n + 1) });
        door.order(&format!("{run}-{}", n + 1), body).await
    });
    stream::iter(orders).buffered(POSTS_AT_ONCE).try_collect().await
}

/// Follows the payouts until all have ended, and tells each step.
pub(super) async fn follow(
    terminal: &Terminal,
    house: &OpenHouse,
    resume: &str,
    ids: &[PayoutId],
    began: Instant,
) -> Result<Vec<Payout>, Failure> {
    let mut seen: BTreeMap<PayoutId, (Stage, u32)> = BTreeMap::new();
    let (mut counted, mut is_paused) = (String::new(), false);
    loop {
        let paused = pause_of(&*house.store).await?;
        if let (Some(words), false) = (&paused, is_paused) {
            terminal.note(format_args!("{words}; `{resume}` lets it go on"));
        }
        is_paused = paused.is_some();
        let payouts = read(&house.office.ledger, ids).await?;
        if ids.len() <= LINES_FOR_PAYOUTS_MAX {
            tell_steps(terminal, &payouts, &mut seen, began);
        } else {
            tell_counts(terminal, &payouts, &mut counted, began);
        }
        let ended = payouts.iter().all(|payout| payout.stage.is_final() || payout.stage == Stage::Mismatched);
        if ended || began.elapsed() > GIVE_UP_AFTER {
            return Ok(payouts);
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// That the house is paused, and why, in words; none while it pays.
pub(super) async fn pause_of(house: &dyn House) -> Result<Option<String>, Failure> {
    let facts = house.facts().await;
    let facts =
        facts.map_err(|fault| Failure::because(Exit::Unavailable, "the store does not answer", &fault))?;
    Ok(facts.pause.map(|pause| format!("the house is paused ({}): nothing is paid", pause.reason)))
}

/// The payouts as they stand, in the order in which they were ordered.
async fn read(ledger: &Ledger, ids: &[PayoutId]) -> Result<Vec<Payout>, Failure> {
    let mut found = BTreeMap::new();
    for some in ids.chunks(ASKED_AT_ONCE) {
        let payouts = ledger.payouts().find_many(some).await;
        let payouts = payouts
            .map_err(|fault| Failure::because(Exit::Unavailable, "the store does not answer", &fault))?;
        found.extend(payouts.into_iter().map(|payout| (payout.id, payout)));
    }
    Ok(ids.iter().filter_map(|id| found.remove(id)).collect())
}

fn tell_steps(
    terminal: &Terminal,
    payouts: &[Payout],
    seen: &mut BTreeMap<PayoutId, (Stage, u32)>,
    began: Instant,
) {
    for payout in payouts {
        let now = (payout.stage, payout.version);
        if seen.insert(payout.id, now) == Some(now) {
            continue;
        }
        let reference = payout.order.reference.as_deref().unwrap_or("-");
        let detail = detail_of(payout);
        let ink = ink_of(payout.stage);
        let stage = terminal.on_stderr(ink, format!("{:<9}", payout.stage.word()));
        terminal.note(format_args!("{:>6} s  {reference:<8} {stage}  {detail}", tenths(began.elapsed())));
    }
}

fn detail_of(payout: &Payout) -> String {
    let reason = payout.reason.map(|reason| reason.word().to_owned());
    let block = || {
        payout
            .attempts
            .last()
            .and_then(|attempt| attempt.block)
            .map(|block| format!("block {}", block.number))
    };
    let txid = || payout.attempts.last().map(|attempt| attempt.txid.to_string());
    match payout.stage {
        Stage::Included | Stage::Settled => block(),
        Stage::Signed | Stage::Broadcast => txid(),
        Stage::Admitted => Some(format!("{} USDT to {}", payout.order.amount, payout.order.recipient)),
        _ => reason,
    }
    .unwrap_or_default()
}

fn ink_of(stage: Stage) -> Ink {
    match stage {
        Stage::Settled => Ink::Good,
        Stage::Failed | Stage::Mismatched | Stage::Rejected => Ink::Bad,
        Stage::Held | Stage::Unknown | Stage::Cancelled => Ink::Care,
        Stage::Admitted | Stage::Signed | Stage::Broadcast | Stage::Included => Ink::Faint,
    }
}

fn tell_counts(terminal: &Terminal, payouts: &[Payout], counted: &mut String, began: Instant) {
    let mut counts: BTreeMap<Stage, usize> = BTreeMap::new();
    for payout in payouts {
        *counts.entry(payout.stage).or_default() += 1;
    }
    let line = counts
        .iter()
        .map(|(stage, count)| format!("{count} {}", stage.word()))
        .collect::<Vec<_>>()
        .join(", ");
    if line != *counted {
        terminal.note(format_args!("{:>6} s  {line}", tenths(began.elapsed())));
        *counted = line;
    }
}

fn tenths(elapsed: Duration) -> String {
    let tenths = elapsed.as_millis() / 100;
    format!("{}.{}", tenths / 10, tenths % 10)
}

/// The table at the end.
pub(super) fn table(terminal: &Terminal, payouts: &[Payout], head: u64) -> Rows {
    let headings = [
        ("id", Side::Left),
        ("recipient", Side::Left),
        ("amount", Side::Right),
        ("stage", Side::Left),
        ("txid", Side::Left),
        ("confirmations", Side::Right),
        ("seconds", Side::Right),
    ];
    let mut rows = Rows::new(terminal, headings);
    let amounts: Vec<String> = payouts.iter().map(|payout| payout.order.amount.to_string()).collect();
    let amounts = at_the_point(amounts.iter().map(String::as_str));
    for (payout, amount) in payouts.iter().zip(amounts) {
        let attempt = payout.attempts.last();
        let confirmations = attempt
            .and_then(|attempt| attempt.block)
            .map_or(0, |block| (head + 1).saturating_sub(block.number));
        let took =
            payout.settled_at_ms.map(|at| at.saturating_sub(payout.created_at_ms).max(0).unsigned_abs());
        rows.push([
            (payout.id.to_string(), None),
            (payout.order.recipient.to_string(), None),
            (amount, None),
            (payout.stage.word().to_owned(), Some(ink_of(payout.stage))),
            (attempt.map_or_else(|| "-".to_owned(), |attempt| attempt.txid.to_string()), Some(Ink::Faint)),
            (confirmations.to_string(), None),
            (took.map_or_else(|| "-".to_owned(), |ms| tenths(Duration::from_millis(ms))), None),
        ]);
    }
    rows
}

/// How many ended how.
pub(super) fn tally(payouts: &[Payout]) -> Tally {
    let count = |wanted: &[Stage]| payouts.iter().filter(|payout| wanted.contains(&payout.stage)).count();
    let settled = count(&[Stage::Settled]);
    let failed = count(&[Stage::Failed, Stage::Mismatched, Stage::Rejected, Stage::Cancelled]);
    let held = count(&[Stage::Held]);
    Tally { paid: payouts.len(), settled, failed, held, unknown: payouts.len() - settled - failed - held }
}
