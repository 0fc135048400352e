//! Limits that somebody has set for a scope, over what the configuration says, until they are taken back or pass away.

use super::scope::{NotAScope, Scope, Window};
use super::{DAY_MS, HOUR_MS, Spending};
use crate::domain::money::MicroUsdt;
use serde::{Deserialize, Serialize};

/// The most that may be spent; what is `None` is not limited.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ceilings {
    /// By one payout.
    #[serde(rename = "per_payout_usdt", default, skip_serializing_if = "Option::is_none")]
    pub per_payout: Option<MicroUsdt>,
    /// In any hour.
    #[serde(rename = "hourly_usdt", default, skip_serializing_if = "Option::is_none")]
    pub hourly: Option<MicroUsdt>,
    /// In any 24 hours.
    #[serde(rename = "daily_usdt", default, skip_serializing_if = "Option::is_none")]
    pub daily: Option<MicroUsdt>,
}

/// What was set for a scope: kept in the register as this JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetLimit {
    /// The limits. One that is left out is the configuration's.
    #[serde(flatten)]
    pub ceilings: Ceilings,
    /// From then on it is as if it had never been set (F000-21), unix ms; `None` for as long as nobody changes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at_ms: Option<i64>,
    /// Who has set it.
    pub set_by: String,
    /// When, unix ms.
    pub set_at_ms: i64,
    /// Why, in their words.
    pub reason: String,
}

impl SetLimit {
    /// Reads what the register has, under the text of its scope.
    ///
    /// # Errors
    /// With what is no limit.
    pub fn read(scope: &str, says: &str) -> Result<(Scope, Self), String> {
        let no_limit = |why: String| format!("the limit of `{scope}` can not be read: {why}");
        let read = serde_json::from_str(says).map_err(|why| no_limit(why.to_string()))?;
        Ok((scope.parse().map_err(|why: NotAScope| no_limit(why.to_string()))?, read))
    }

    /// Whether it holds at a moment.
    #[must_use]
    pub fn holds_at(&self, now_ms: i64) -> bool {
        self.expires_at_ms.is_none_or(|until_ms| now_ms < until_ms)
    }
}

impl Ceilings {
    /// Whether nothing is limited.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.per_payout.is_none() && self.hourly.is_none() && self.daily.is_none()
    }

    /// These, and the others where these say nothing.
    #[must_use]
    pub fn or(self, others: Self) -> Self {
        Self {
            per_payout: self.per_payout.or(others.per_payout),
            hourly: self.hourly.or(others.hourly),
            daily: self.daily.or(others.daily),
        }
    }

    /// Whether an amount more is within all of them; else the first that it would break.
    ///
    /// # Errors
    /// With the window.
    pub fn room(&self, spending: &Spending, amount: MicroUsdt, now_ms: i64) -> Result<(), Window> {
        if self.per_payout.is_some_and(|most| amount > most) {
            return Err(Window::PerPayout);
        }
        for (window, window_ms, most) in
            [(Window::Hourly, HOUR_MS, self.hourly), (Window::Daily, DAY_MS, self.daily)]
        {
            let Some(most) = most else { continue };
            let used = spending.used_micro_usdt(window_ms, now_ms);
            if used.saturating_add(amount.micro()) > most.micro() {
                return Err(window);
            }
        }
        Ok(())
    }
}
