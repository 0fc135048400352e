//! The house's own numbers: `GET /v1/stats` and `GET /v1/wallet`.

use std::collections::BTreeMap;

use actix_web::{HttpResponse, web::Data};
use payoutd_actors::{
    domain::{
        identity::AccountId,
        limits::{DAY_MS, HOUR_MS, Spending},
        money::{MicroUsdt, Sun},
        payout::Stage,
    },
    treasurer::WalletView,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{door::Door, office::Stats, openapi::OnReading, pause::PauseStateBody, problem::Problem};
use crate::identity::Principal;
use crate::wire::moment;

/// The house's numbers at one moment.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(as = Stats)]
pub struct StatsBody {
    /// When.
    #[schema(format = DateTime)]
    pub at: String,
    /// Payouts by stage; every stage is named.
    pub stages: BTreeMap<String, StageBody>,
    /// What is on its way.
    pub in_flight: InFlightBody,
    /// The spending limits and what is used of each: `hourly`, `daily`, and of the
    /// caller's account `account_hourly`, `account_daily`. Empty for whoever sees the limited numbers.
    pub limits: BTreeMap<String, LimitBody>,
    /// Whether the house is paused, and why; and whether the restore gate keeps it from signing.
    pub pause: PauseStateBody,
}

/// The payouts of a stage.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[schema(as = StageStats)]
pub struct StageBody {
    /// How many.
    pub payouts: u64,
    /// What they are worth together, in USDT.
    pub amount: String,
    /// How long the one that has stood there longest has, in seconds; final stages are not measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oldest_seconds: Option<u64>,
}

/// What is on its way.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(as = InFlight)]
pub struct InFlightBody {
    /// Transfers that may still enter a block.
    pub transfers: u64,
    /// What they are worth together, in USDT.
    pub amount: String,
    /// The most that they may burn together, in TRX.
    pub fee_limit_trx: String,
}

/// One spending limit.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(as = LimitUse)]
pub struct LimitBody {
    /// The limit, in USDT.
    pub limit: String,
    /// Reserved and settled within its window, in USDT.
    pub used: String,
    /// What is left, in USDT.
    pub left: String,
}

/// The wallet: what stands on it on the solidified chain, as it was at `read_at`, and what is on its way now. Until the first look
/// at the chain succeeded nothing is known of it, and that is null, not 0.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(as = Wallet)]
pub struct WalletBody {
    /// Its address.
    pub address: String,
    /// USDT on it; null until it was read.
    #[schema(required = true)]
    pub balance_usdt: Option<String>,
    /// TRX on it; null until it was read.
    #[schema(required = true)]
    pub balance_trx: Option<String>,
    /// USDT of the transfers in flight, now.
    pub reserved_usdt: String,
    /// USDT that a payout would be covered with now: what is on the wallet without what is on its way and what is promised. It errs
    /// to the low side: what settled since `read_at` is not on its way any more, and not off the balance yet. Null until it was read.
    #[schema(required = true)]
    pub available_usdt: Option<String>,
    /// Staked energy left; null until it was read.
    #[schema(required = true)]
    pub energy_left: Option<u64>,
    /// Staked and free bandwidth left, in bytes; null until it was read.
    #[schema(required = true)]
    pub bandwidth_left: Option<u64>,
    /// Transfers in flight, now: signed, and neither proved paid nor proved dead.
    pub transfers_in_flight: u64,
    /// When the chain was read; null until a look succeeded.
    #[schema(required = true, format = DateTime)]
    pub read_at: Option<String>,
    /// Why nothing is covered now, where that is so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blocked_by: Option<String>,
}

impl StatsBody {
    /// The numbers, with the windows of an account beside the house's.
    fn of(stats: Stats, account: &AccountId) -> Self {
        let stages = Stage::ALL
            .into_iter()
            .map(|stage| (stage.word().to_owned(), stage_body(&stats, stage)))
            .collect();
        Self {
            at: moment::write(stats.at_ms),
            stages,
            in_flight: InFlightBody {
                transfers: stats.in_flight.transfers,
                amount: MicroUsdt::new(stats.in_flight.amount_micro_usdt).to_string(),
                fee_limit_trx: Sun::new(stats.in_flight.fee_limit_sun).to_string(),
            },
            limits: limits(&stats, account),
            pause: stats.switches.into(),
        }
    }
}

fn stage_body(stats: &Stats, stage: Stage) -> StageBody {
    let count = stats.stages.get(&stage).copied().unwrap_or_default();
    StageBody {
        payouts: count.payouts,
        amount: MicroUsdt::new(count.amount_micro_usdt).to_string(),
        oldest_seconds: oldest_seconds(stats, stage),
    }
}

/// How long the payout that has stood in a stage longest has stood there (F-N15: alarms go by age, not by count).
#[must_use]
pub fn oldest_seconds(stats: &Stats, stage: Stage) -> Option<u64> {
    let since_ms = stats.stages.get(&stage)?.oldest_updated_at_ms.filter(|_| !stage.is_final())?;
    u64::try_from(stats.at_ms.saturating_sub(since_ms)).ok().map(|ms| ms / 1_000).or(Some(0))
}

fn limits(stats: &Stats, account: &AccountId) -> BTreeMap<String, LimitBody> {
    let Some((book, rules)) = &stats.limits else { return BTreeMap::new() };
    let none = Spending::default();
    let own = book.accounts.get(account).unwrap_or(&none);
    let windows = [
        ("hourly", &book.house, HOUR_MS, rules.hourly),
        ("daily", &book.house, DAY_MS, rules.daily),
        ("account_hourly", own, HOUR_MS, rules.account_hourly),
        ("account_daily", own, DAY_MS, rules.account_daily),
    ];
    let bodies = windows.map(|(name, spending, window_ms, limit)| {
        let used = MicroUsdt::new(spending.used_micro_usdt(window_ms, stats.at_ms));
        let left = limit.saturating_sub(used);
        (
            name.to_owned(),
            LimitBody { limit: limit.to_string(), used: used.to_string(), left: left.to_string() },
        )
    });
    bodies.into()
}

impl From<WalletView> for WalletBody {
    fn from(view: WalletView) -> Self {
        Self {
            address: view.address,
            balance_usdt: view.balance_usdt,
            balance_trx: view.balance_trx,
            reserved_usdt: view.reserved_usdt,
            available_usdt: view.available_usdt,
            energy_left: view.energy_left,
            bandwidth_left: view.bandwidth_left,
            transfers_in_flight: view.transfers_in_flight,
            read_at: view.read_at_ms.map(moment::write),
            blocked_by: view.blocked_by,
        }
    }
}

/// Read the house's numbers
#[utoipa::path(
    get, path = "/v1/stats", tag = "house", operation_id = "readStats",
    responses((status = 200, description = "The numbers", body = StatsBody), OnReading),
    security(("token" = []))
)]
pub async fn stats(door: Data<Door>, principal: Principal) -> Result<HttpResponse, Problem> {
    let mut stats = door.office()?.stats().await?;
    if !principal.sees_everything() {
        stats.limits = None;
    }
    Ok(HttpResponse::Ok().json(StatsBody::of(stats, principal.account())))
}

/// Read the wallet
#[utoipa::path(
    get, path = "/v1/wallet", tag = "house", operation_id = "readWallet",
    responses((status = 200, description = "The wallet", body = WalletBody), OnReading),
    security(("token" = []))
)]
pub async fn wallet(door: Data<Door>, _principal: Principal) -> Result<HttpResponse, Problem> {
    Ok(HttpResponse::Ok().json(WalletBody::from(door.office()?.wallet().await?)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use payoutd_actors::ports::StageCount;

    /// F-N15: the age that the alarm looks at.
    #[test]
    fn an_age_is_that_of_the_oldest_and_final_stages_have_none() {
        let count =
            StageCount { payouts: 2, amount_micro_usdt: 3_500_000, oldest_updated_at_ms: Some(10_000) };
        let stages = BTreeMap::from([(Stage::Held, count), (Stage::Settled, count)]);
        let stats = Stats { stages, at_ms: 75_500, ..Stats::default() };
        assert_eq!(oldest_seconds(&stats, Stage::Held), Some(65));
        assert_eq!(oldest_seconds(&stats, Stage::Settled), None);
        assert_eq!(oldest_seconds(&stats, Stage::Signed), None);
        let body = StatsBody::of(stats, &AccountId::house());
        assert_eq!(body.stages.len(), Stage::ALL.len());
        assert_eq!(body.stages["held"].amount, "3.5");
    }
}
