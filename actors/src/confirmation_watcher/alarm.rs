//! Alarms: what a person must hear of goes into the journal, the metrics and the log; what must never be stops the house.

use super::Desk;
use crate::domain::identity::PayoutId;
use crate::domain::journal::{Body, Cause};
use crate::metrics_names;
use crate::payout_worker::PauseHouse;
use crate::ports::HouseChange;
use serde_json::Value;
use tracing::error;

/// The alarms, by the word that they have everywhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Alarm {
    /// A txid stands in two blocks of one chain (F-N22).
    TwiceInChain,
    /// A transfer that was proved dead was executed.
    BuriedTransferExecuted,
    /// Something left the wallet that no payout ordered.
    StrangerTransfer,
    /// Somebody padded our transaction on its way (F-N21).
    TransferPadded,
    /// Executed, but not what was ordered.
    Mismatched,
    /// Two sources tell different stories (F-N05).
    SourcesDisagree,
    /// A node shows a block that does not prove itself.
    DoctoredBlock,
    /// The node that was read lies, hangs or stands still: another one is read.
    NodePutAside,
    /// A node is on another chain.
    ForeignChain,
}

impl Alarm {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::TwiceInChain => "alarm_twice_in_chain",
            Self::BuriedTransferExecuted => "alarm_buried_transfer_executed",
            Self::StrangerTransfer => "alarm_stranger_transfer",
            Self::TransferPadded => "alarm_transfer_padded",
            Self::Mismatched => "alarm_mismatched",
            Self::SourcesDisagree => "alarm_sources_disagree",
            Self::DoctoredBlock => "alarm_doctored_block",
            Self::NodePutAside => "alarm_node_put_aside",
            Self::ForeignChain => "alarm_foreign_chain",
        }
    }
}

/// Raises an alarm, once for each `about`: it rings at once, and is written down. Where that fails it is written at the next try:
/// whoever found it looks again.
pub(super) async fn raise(
    desk: &Desk,
    alarm: Alarm,
    about: &str,
    payout: Option<PayoutId>,
    facts: Value,
) -> Result<(), String> {
    let key = format!("{} {about}", alarm.word());
    if desk.raised.borrow_mut().insert(key.clone()) {
        desk.view.borrow_mut().alarms += 1;
        metrics::counter!(metrics_names::ALARMS_TOTAL, "alarm" => alarm.word()).increment(1);
        error!(alarm = alarm.word(), about, payout = payout.map(tracing::field::display), %facts, "alarm");
    }
    if desk.written_down.borrow().contains(&key) {
        return Ok(());
    }
    let body = match Body::of(&facts) {
        Ok(body) => body,
        // It rang, and no next try would make it writable: whatever else is to be judged does not wait for it.
        Err(why) => {
            error!(alarm = alarm.word(), %why, "the alarm can not be written down");
            desk.written_down.borrow_mut().insert(key);
            return Ok(());
        }
    };
    let change = HouseChange::Alarm { kind: alarm.word(), payout_id: payout.map(|id| id.to_string()), body };
    if let Err(fault) = desk.tools.house.change(vec![change], desk.tools.clock.now_ms()).await {
        error!(alarm = alarm.word(), %fault, "the alarm can not be written down");
        return Err(format!("the alarm can not be written down: {fault}"));
    }
    desk.written_down.borrow_mut().insert(key);
    Ok(())
}

/// Raises an alarm and pulls the kill switch; a switch that can not be pulled is pulled again at the next round.
pub(super) async fn stop_the_house(
    desk: &Desk,
    alarm: Alarm,
    about: &str,
    payout: Option<PayoutId>,
    facts: Value,
) -> Result<(), String> {
    let reason = format!("{}: {about}", alarm.word());
    desk.tools
        .worker
        .ask(PauseHouse { reason, cause: Cause::nobody() })
        .await
        .map_err(|gone| format!("the house can not be paused: {gone}"))?
        .map_err(|fault| format!("the house can not be paused: {fault}"))?;
    raise(desk, alarm, about, payout, facts).await
}
