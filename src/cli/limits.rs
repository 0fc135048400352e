//! `payoutd limits`: how often who may ask, as a configuration says it (D-20).

use super::{
    Json,
    exit::Exit,
    failure::Failure,
    place::Place,
    table::{Rows, Side},
    terminal::Terminal,
};
use crate::http::rates::page;
use payoutd_actors::domain::rates::RatePolicies;

/// `payoutd limits`
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Every policy that measures a request must let it pass; the strictest is told (429). docs/rates.md has which policies measure which
route. Spending limits are in [limits]; `payoutd check-config` shows them.
Exit codes: 0 shown, 78 the configuration is wrong.")]
pub struct Args {
    #[command(flatten)]
    json: Json,

    #[command(flatten)]
    place: Place,
}

impl Args {
    /// Reads the configuration, and shows.
    pub fn run(self, terminal: &Terminal) -> Result<Exit, Failure> {
        let policies = self.policies(terminal)?;
        let table = page::rows(&policies);
        if self.json.json {
            terminal.json(&table)?;
            return Ok(Exit::Done);
        }
        let headings = [("policy", Side::Left), ("lets pass", Side::Left), ("what it counts", Side::Left)];
        let mut rows = Rows::new(terminal, headings);
        for row in &table {
            rows.push([(row.policy.to_owned(), None), (row.words(), None), (row.counts.to_owned(), None)]);
        }
        terminal.line(rows)?;
        Ok(Exit::Done)
    }

    /// What a configuration says; the defaults where nobody names one.
    fn policies(&self, terminal: &Terminal) -> Result<RatePolicies, Failure> {
        if !Place::is_named(&self.place.sources()?) {
            terminal.note("no configuration is named: these are the defaults");
            return Ok(RatePolicies::default());
        }
        Ok(self.place.load(terminal)?.config.rates.policies)
    }
}
