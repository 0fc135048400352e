//! What a refusal must not hide: an order that came before, was paid, and was lost with the store's last commits (F-N24).
//!
//! It comes again under its key, and by now its time may be over, or a limit have no room for it. Whoever hears that it was refused
//! gives it another key, and it is paid twice. So before an order is refused for what time or the house's rules make of it, the chain's
//! own transfers are asked; one that is found is taken in whatever the rules say, and what paid it is adopted.

use super::Desk;
use super::intake::{AdmissionRefusal, Answer, note, own_answer};
use crate::domain::limits::{LimitRules, OnExcess};
use crate::domain::payout::{Command, Payout, Stage};
use crate::ports::{Admitted, Gate, NewPayout};
use crate::recollection::{ASK_AGAIN_AFTER_MS, Unsaid};
use tracing::info;

/// What the chain shows of orders that are about to be refused: of each what is to be done instead.
///
/// # Errors
/// Where nobody can say it now, nothing is refused: come back with the same key.
pub(super) async fn known_again(
    desk: &Desk,
    orders: &[&NewPayout],
) -> Result<Vec<Option<Command>>, AdmissionRefusal> {
    let payouts: Vec<&Payout> = orders.iter().map(|new| &new.payout).collect();
    let now_ms = desk.tools.clock.now_ms();
    desk.tools.recollection.own_transfers_of(&payouts, now_ms).await.map_err(|why| match why {
        Unsaid::Store(fault) => AdmissionRefusal::Store(fault),
        Unsaid::GateShut | Unsaid::NotRead => {
            info!(%why, "an order is neither taken in nor refused now");
            AdmissionRefusal::Busy { retry_after_ms: ASK_AGAIN_AFTER_MS }
        }
    })
}

/// Takes in a request one of whose orders was paid already, and adopts what paid it.
pub(super) async fn take_in(
    desk: &Desk,
    orders: Vec<NewPayout>,
    commands: Vec<Option<Command>>,
    batch: bool,
) -> Answer {
    let (count, now_ms) = (orders.len(), desk.tools.clock.now_ms());
    let limits = LimitRules { on_excess: OnExcess::Hold, ..desk.tools.limits };
    let written = desk.tools.ledger.payouts().admit(orders, &limits, now_ms, batch).await;
    note(desk, &written, batch);
    let admitted = written?;
    let known: Vec<(Payout, Command)> = admitted
        .iter()
        .zip(commands)
        .filter_map(|(admitted, command)| match admitted {
            Admitted::New(payout) if matches!(payout.stage, Stage::Admitted | Stage::Held) => {
                Some((payout.clone(), command?))
            }
            _ => None,
        })
        .collect();
    info!(payouts = known.len(), "orders that the chain has paid already were taken in again");
    // If this fails its sender is told to come back with the same key; what was taken in is known again before it is signed.
    desk.tools.ledger.carry_out(known, Gate::Open, now_ms).await?;
    own_answer(admitted, count)
}
