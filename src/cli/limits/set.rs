//! `payoutd limits set` and `clear`: by the daemon's API, with a reason for the journal.

use payoutd_actors::domain::{limits::Scope, money::MicroUsdt};

use super::{LIMITS, table};
use crate::{
    cli::{Json, door::Door, exit::Exit, failure::Failure, terminal::Terminal},
    http::limits::{NewLimitBody, SpendingLimitBody},
    wire::moment,
    world::SystemClock,
};
use payoutd_actors::ports::Clock;

/// An hour, ms.
const HOUR_MS: i64 = 60 * 60 * 1_000;

/// `payoutd limits set SCOPE`
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  payoutd limits set house --hourly 5000 --hours 4 --reason \"pay day\"
  payoutd limits set principal:key:0123456789abcdef --per-payout 50 --daily 500 --reason \"on trial\"
  payoutd limits set route:router_kyc --hourly 0 --reason \"the officer's key is being changed\"

What is not named is the configuration's. A scope is house, account:NAME, principal:NAME (key:ID, user:ID or house), role:ROLE or
route:ROUTE. It holds on every daemon for the next payout; what is held for a limit that is raised goes on by itself.")]
pub(super) struct Set {
    /// Whose limit: house, account:NAME, principal:NAME, role:ROLE or route:ROUTE
    #[arg(value_name = "SCOPE")]
    scope: Scope,
    /// The largest payout, USDT
    #[arg(long, value_name = "USDT", required_unless_present_any = ["hourly", "daily"])]
    per_payout: Option<MicroUsdt>,
    /// The most in any 60 minutes, USDT
    #[arg(long, value_name = "USDT")]
    hourly: Option<MicroUsdt>,
    /// The most in any 24 hours, USDT
    #[arg(long, value_name = "USDT")]
    daily: Option<MicroUsdt>,
    /// For how many hours; for good, unless it is said
    #[arg(long, value_name = "HOURS", value_parser = clap::value_parser!(i64).range(1..=8_784))]
    hours: Option<i64>,
    #[command(flatten)]
    why: Why,
}

/// `payoutd limits clear SCOPE`
#[derive(Debug, clap::Args)]
pub(super) struct Clear {
    /// Whose limit: house, account:NAME, principal:NAME, role:ROLE or route:ROUTE
    #[arg(value_name = "SCOPE")]
    scope: Scope,
    #[command(flatten)]
    why: Why,
}

#[derive(Debug, clap::Args)]
struct Why {
    /// Why, for the journal
    #[arg(long, value_name = "REASON")]
    reason: String,
    #[command(flatten)]
    json: Json,
    #[command(flatten)]
    door: Door,
}

impl Set {
    pub(super) async fn run(self, terminal: &Terminal) -> Result<Exit, Failure> {
        let until =
            |hours: i64| moment::write(SystemClock.now_ms().saturating_add(hours.saturating_mul(HOUR_MS)));
        let body = NewLimitBody {
            scope: self.scope.to_string(),
            per_payout_usdt: self.per_payout.map(|amount| amount.to_string()),
            hourly_usdt: self.hourly.map(|amount| amount.to_string()),
            daily_usdt: self.daily.map(|amount| amount.to_string()),
            expires_at: self.hours.map(until),
            reason: self.why.reason.clone(),
        };
        put(terminal, &self.why, &body).await
    }
}

impl Clear {
    pub(super) async fn run(self, terminal: &Terminal) -> Result<Exit, Failure> {
        let body = NewLimitBody {
            scope: self.scope.to_string(),
            per_payout_usdt: None,
            hourly_usdt: None,
            daily_usdt: None,
            expires_at: None,
            reason: self.why.reason.clone(),
        };
        put(terminal, &self.why, &body).await
    }
}

async fn put(terminal: &Terminal, why: &Why, body: &NewLimitBody) -> Result<Exit, Failure> {
    let limit: SpendingLimitBody = why.door.client()?.put(LIMITS, body).await?;
    match why.json.json {
        true => terminal.json(&limit)?,
        false => table(terminal, &[limit])?,
    }
    Ok(Exit::Done)
}
