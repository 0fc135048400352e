//! What the service manager is told, in systemd's words (sd_notify(3)): that the house is ready, how it is, that it has a
//! pulse, that it closes.
//!
//! Promises: `READY=1` is said when `/readyz` would answer 200 and not before; `WATCHDOG=1` is said for a beat of the
//! guardians' [`Pulse`](payoutd_actors::guardian::Pulse) and for nothing else, so that a process that merely lives does not pass for a house that works.
//! Without `NOTIFY_SOCKET` every word goes nowhere. Never here: a decision.

use crate::http::Door;
use crate::http::health::{ReadinessBody, readiness};
use payoutd_actors::guardian::HiringRules;
use sd_notify::NotifyState;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};
use tracing::warn;

/// How often the house is looked at, for the status line.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// A watchdog's time holds so many heartbeats, so that one that is late or lost does not cost a restart.
const BEATS_A_WATCHDOG: u32 = 4;

/// The guardians' rules for this process: where a watchdog waits, the heart beats often enough for it.
#[must_use]
pub fn hiring_rules() -> HiringRules {
    rules_within(sd_notify::watchdog_enabled())
}

fn rules_within(watchdog: Option<Duration>) -> HiringRules {
    let rules = HiringRules::default();
    let heartbeat_every = watchdog
        .map_or(rules.heartbeat_every, |patience| rules.heartbeat_every.min(patience / BEATS_A_WATCHDOG));
    HiringRules { heartbeat_every, ..rules }
}

/// Says that the house is being opened.
pub fn tell_opening() {
    tell(&[NotifyState::Status("opening: the store, the chain, the office")]);
}

/// Says that the house closes, and why.
pub fn tell_closing(why: &str) {
    tell(&[
        NotifyState::Stopping,
        NotifyState::Status(&format!("closing: {why}; what is in hand is finished")),
    ]);
}

/// Says for ever how the house is, and once that it is ready; spawn it beside the house.
pub async fn report(door: Door) {
    let mut look = interval(LOOK_EVERY);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (mut said, mut is_ready) = (String::new(), false);
    loop {
        look.tick().await;
        let found = readiness(&door).await;
        if found.is_draining() {
            return;
        }
        let status = status_line(&found);
        if found.is_ready() && !is_ready {
            is_ready = true;
            tell(&[NotifyState::Ready, NotifyState::Status(&status)]);
        } else if status != said {
            tell(&[NotifyState::Status(&status)]);
        }
        said = status;
    }
}

/// Feeds the watchdog, once for each beat of the pulse that is listened to; spawn it beside the house.
pub async fn feed_watchdog(mut beats: watch::Receiver<u64>) {
    while beats.changed().await.is_ok() {
        tell(&[NotifyState::Watchdog]);
    }
}

/// `ready`, and who is not as they should be: the line under `systemctl status`.
fn status_line(found: &ReadinessBody) -> String {
    let mut line = found.status.clone();
    for (name, component) in &found.components {
        if component.is_troubled() {
            line.push_str(&format!("; {name} is {}", component.status));
        }
    }
    line
}

fn tell(words: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(words) {
        warn!(%error, "the service manager does not hear");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A watchdog of a minute is fed every ten seconds; one of eight seconds, every two.
    #[test]
    fn the_heart_beats_often_enough_for_the_watchdog() {
        let every = |watchdog| rules_within(watchdog).heartbeat_every;
        assert_eq!(every(None), HiringRules::default().heartbeat_every);
        assert_eq!(every(Some(Duration::from_secs(60))), Duration::from_secs(10));
        assert_eq!(every(Some(Duration::from_secs(8))), Duration::from_secs(2));
    }
}
