//! `payoutd limits`: how often who may ask, as a configuration says it (D-20), and what who may spend, as the daemon does (F000-17).

mod set;

use payoutd_actors::domain::rates::RatePolicies;
use serde::Serialize;

use super::{
    Json,
    client::{Client, NoAnswer},
    exit::Exit,
    failure::Failure,
    place::Place,
    table::{Rows, Side},
    terminal::Terminal,
};
use crate::http::{
    limits::{SpendingLimitBody, SpendingLimitsBody, UsedBody},
    rates::page::{self, PolicyRow},
};

/// Where the daemon has them.
const LIMITS: &str = "/v1/admin/limits";

/// `payoutd limits`
#[derive(Debug, clap::Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "\
Examples:
  payoutd limits
  payoutd limits set role:service --hourly 500 --daily 2000 --hours 12 --reason \"a new partner, watched\"
  payoutd limits clear role:service --reason \"watched long enough\"

Every policy that measures a request must let it pass, and every limit that measures a payout must have room for it; the strictest is
told. docs/rates.md has the one, docs/limits.md the other. With the daemon down, request rates alone are shown.
Exit codes: 0 shown, 69 the daemon did not answer, 78 the configuration is wrong."
)]
pub struct Args {
    #[command(subcommand)]
    action: Option<Action>,

    #[command(flatten)]
    json: Json,

    #[command(flatten)]
    place: Place,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Set what a scope may spend, in place of what the configuration says
    Set(set::Set),
    /// Take back what was set: the configuration's limits hold again
    Clear(set::Clear),
}

/// What is shown, as scripts read it.
#[derive(Debug, Serialize)]
struct Shown {
    request_rates: Vec<PolicyRow>,
    /// Null where no daemon is there to say.
    spending_limits: Option<Vec<SpendingLimitBody>>,
}

impl Args {
    /// Shows, or has the daemon set one.
    pub fn run(self, terminal: &Terminal) -> Result<Exit, Failure> {
        match self.action {
            Some(Action::Set(set)) => super::wait(set.run(terminal)),
            Some(Action::Clear(clear)) => super::wait(clear.run(terminal)),
            None => self.show(terminal),
        }
    }

    fn show(self, terminal: &Terminal) -> Result<Exit, Failure> {
        let is_named = Place::is_named(&self.place.sources()?);
        let policies = match is_named {
            true => self.place.load(terminal)?.config.rates.policies,
            false => {
                terminal.note(
                    "no configuration is named: these are the defaults, and what may be spent is not shown",
                );
                RatePolicies::default()
            }
        };
        let spending_limits = if is_named { self.spending()? } else { None };
        let shown = Shown { request_rates: page::rows(&policies), spending_limits };
        if self.json.json {
            terminal.json(&shown)?;
            return Ok(Exit::Done);
        }
        let headings = [("policy", Side::Left), ("lets pass", Side::Left), ("what it counts", Side::Left)];
        let mut rows = Rows::new(terminal, headings);
        for row in &shown.request_rates {
            rows.push([(row.policy.to_owned(), None), (row.words(), None), (row.counts.to_owned(), None)]);
        }
        terminal.line(rows)?;
        match shown.spending_limits {
            Some(limits) => {
                terminal.line("")?;
                table(terminal, &limits)?;
            }
            None if is_named => terminal.note("the daemon is down: what may be spent is not shown"),
            None => {}
        }
        Ok(Exit::Done)
    }

    /// What the daemon says; `None` where none is there.
    fn spending(&self) -> Result<Option<Vec<SpendingLimitBody>>, Failure> {
        super::wait(async {
            match Client::of(&self.place)?.get::<SpendingLimitsBody>(LIMITS, &[]).await {
                Ok(body) => Ok(Some(body.limits)),
                Err(NoAnswer::NobodyThere { .. }) => Ok(None),
                Err(why) => Err(why.into()),
            }
        })
    }
}

/// The limits of some scopes, with what was used of them.
fn table(terminal: &Terminal, limits: &[SpendingLimitBody]) -> Result<(), Failure> {
    let headings = [
        ("may spend", Side::Left),
        ("a payout", Side::Right),
        ("60 minutes", Side::Right),
        ("24 hours", Side::Right),
        ("set by", Side::Left),
        ("until", Side::Left),
    ];
    let mut rows = Rows::new(terminal, headings);
    let window = |window: &Option<UsedBody>| {
        let used = window.as_ref().map(|one| format!("{} of {}", one.used, one.limit));
        used.unwrap_or_else(|| "-".to_owned())
    };
    for limit in limits {
        let set = limit.set.as_ref();
        let words = [
            limit.scope.clone(),
            limit.per_payout_usdt.clone().unwrap_or_else(|| "-".to_owned()),
            window(&limit.hourly),
            window(&limit.daily),
            set.map_or_else(|| "the configuration".to_owned(), |set| set.by.clone()),
            set.and_then(|set| set.expires_at.clone()).unwrap_or_default(),
        ];
        rows.push(words.map(|word| (word, None)));
    }
    terminal.line(rows)
}
