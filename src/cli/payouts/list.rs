//! `payoutd payouts list`: a table for people, the API's page for scripts.

use super::{Exit, Failure, Terminal, ink, reader::Reader, standing};
use crate::{
    cli::{
        Json,
        door::Door,
        table::{Rows, Side, at_the_point},
    },
    http::payouts::body::PayoutBody,
};

/// `payoutd payouts list`
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  payoutd payouts list --stage held
  payoutd payouts list --account shop-7
  payoutd payouts list --recipient TMVQGm1qAQYVdetCeGRRkTWYYrLXuHK2HC --from 2026-11-01T00:00:00Z --all --json

Exit codes: 0 listed, 65 a filter is wrong, every mistake named, 69 neither the daemon nor its store is there.")]
pub(super) struct Args {
    /// Only of this account
    #[arg(long, value_name = "NAME")]
    account: Option<String>,

    /// Only in this stage: admitted, held, signed, broadcast, included, settled, failed, …
    #[arg(long, value_name = "STAGE")]
    stage: Option<String>,

    /// Only to this recipient
    #[arg(long, value_name = "ADDRESS")]
    recipient: Option<String>,

    /// Only with this reference
    #[arg(long, value_name = "TEXT")]
    reference: Option<String>,

    /// Created at or after this moment (RFC 3339)
    #[arg(long, value_name = "MOMENT")]
    from: Option<String>,

    /// Created before this moment (RFC 3339)
    #[arg(long, value_name = "MOMENT")]
    to: Option<String>,

    /// Payouts of a page, at most 200
    #[arg(long, value_name = "N", default_value_t = 50)]
    limit: u32,

    /// Where the page begins: next_cursor of the page before
    #[arg(long, value_name = "CURSOR", conflicts_with = "all")]
    cursor: Option<String>,

    /// Every page; with --json one page a line
    #[arg(long)]
    all: bool,

    #[command(flatten)]
    json: Json,

    #[command(flatten)]
    door: Door,
}

impl Args {
    pub(super) async fn run(self, terminal: &Terminal) -> Result<Exit, Failure> {
        let mut reader = Reader::of(terminal, &self.door)?;
        let told = self.tell(terminal, &mut reader).await;
        reader.close().await;
        told
    }

    async fn tell(&self, terminal: &Terminal, reader: &mut Reader<'_>) -> Result<Exit, Failure> {
        let mut cursor = self.cursor.clone();
        let mut shown = Vec::new();
        loop {
            let page = reader.page(&self.query(cursor.as_deref())).await?;
            if self.json.json {
                terminal.json(&page)?;
            } else {
                shown.extend(page.payouts);
            }
            cursor = page.next_cursor;
            if !self.all || cursor.is_none() {
                break;
            }
        }
        if !self.json.json {
            table(terminal, &shown)?;
            if let Some(cursor) = cursor {
                terminal.note(format_args!("more: --cursor {cursor}, or --all"));
            }
        }
        Ok(Exit::Done)
    }

    fn query(&self, cursor: Option<&str>) -> Vec<(&'static str, String)> {
        let given = [
            ("account", self.account.clone()),
            ("stage", self.stage.clone()),
            ("recipient", self.recipient.clone()),
            ("reference", self.reference.clone()),
            ("from", self.from.clone()),
            ("to", self.to.clone()),
            ("limit", Some(self.limit.to_string())),
            ("cursor", cursor.map(str::to_owned)),
        ];
        given.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
    }
}

pub(super) fn table(terminal: &Terminal, payouts: &[PayoutBody]) -> Result<(), Failure> {
    if payouts.is_empty() {
        terminal.note("no payouts");
        return Ok(());
    }
    // Whose they are is told where they are not all of one.
    let of_several = payouts.windows(2).any(|two| two[0].account != two[1].account);
    let [id, created] = [("id", Side::Left), ("created (UTC)", Side::Left)];
    let [recipient, usdt] = [("recipient", Side::Left), ("usdt", Side::Right)];
    let [account, stage, reference] = ["account", "stage", "reference"].map(|word| (word, Side::Left));
    let mut rows = match of_several {
        true => Rows::new(terminal, [id, created, account, recipient, usdt, stage, reference]),
        false => Rows::new(terminal, [id, created, recipient, usdt, stage, reference]),
    };
    let amounts = at_the_point(payouts.iter().map(|payout| payout.amount.as_str()));
    for (payout, amount) in payouts.iter().zip(amounts) {
        let id = (payout.id.clone(), None);
        let created = (payout.created_at.get(..19).unwrap_or_default().replace('T', " "), None);
        let account = (payout.account.clone(), None);
        let recipient = (payout.recipient.clone(), None);
        let stage = (standing(payout), ink(payout.stage));
        let reference = (payout.reference.clone().unwrap_or_default(), None);
        match of_several {
            true => rows.push([id, created, account, recipient, (amount, None), stage, reference]),
            false => rows.push([id, created, recipient, (amount, None), stage, reference]),
        }
    }
    terminal.line(rows)
}
