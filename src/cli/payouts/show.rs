//! `payoutd payouts show` and `verify`: one payout, whole.

use payoutd_actors::domain::payout::AttemptOutcome;

use super::{Exit, Failure, PayoutBody, Terminal, ink, path_of, reader::Reader, standing};
use crate::{
    cli::{
        Json,
        door::Door,
        sheet::Sheet,
        table::{Rows, Side},
        terminal::Ink,
    },
    http::payouts::verify::VerificationBody,
};

/// `payoutd payouts show ID`
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Exit codes: 0 shown, 65 nobody has this id, 69 neither the daemon nor its store is there.")]
pub(super) struct Args {
    /// The payout's id
    #[arg(value_name = "ID")]
    id: String,

    #[command(flatten)]
    json: Json,

    #[command(flatten)]
    door: Door,
}

/// `payoutd payouts verify ID`
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Every node and the second eye are asked anew; nothing is changed.
Exit codes: 0 verified, 1 not verified, 65 nobody has this id, 69 the daemon is away, 75 the sources are away.")]
pub(super) struct Verify {
    /// The payout's id
    #[arg(value_name = "ID")]
    id: String,

    #[command(flatten)]
    json: Json,

    #[command(flatten)]
    door: Door,
}

impl Args {
    pub(super) async fn run(self, terminal: &Terminal) -> Result<Exit, Failure> {
        let mut reader = Reader::of(terminal, &self.door)?;
        let payout = reader.payout(&self.id).await;
        reader.close().await;
        let payout = payout?;
        if self.json.json {
            terminal.json(&payout)?;
        } else {
            sheet(terminal, &payout)?;
        }
        Ok(Exit::Done)
    }
}

impl Verify {
    pub(super) async fn run(self, terminal: &Terminal) -> Result<Exit, Failure> {
        let client = self.door.client()?;
        let told: VerificationBody = client.post(&path_of(&self.id, "/verify")?, None::<&()>).await?;
        if self.json.json {
            terminal.json(&told)?;
        } else {
            verification(terminal, &told)?;
        }
        Ok(if told.verified { Exit::Done } else { Exit::Found })
    }
}

/// A payout for a person.
pub(super) fn sheet(terminal: &Terminal, payout: &PayoutBody) -> Result<(), Failure> {
    let mut sheet = Sheet::new(terminal);
    sheet.put("id", &payout.id).put("account", &payout.account);
    if let (Some(by), Some(role)) = (&payout.ordered_by, &payout.ordered_as) {
        sheet.put("ordered by", format_args!("{by}, as {role}"));
    }
    match ink(payout.stage) {
        Some(ink) => sheet.put("stage", terminal.on_stdout(ink, standing(payout))),
        None => sheet.put("stage", standing(payout)),
    };
    if let Some(detail) = &payout.reason_detail {
        sheet.more(detail);
    }
    sheet.put("recipient", &payout.recipient);
    sheet.put("amount", format_args!("{} USDT", payout.amount));
    sheet.put("route", &payout.route);
    for (label, text) in [("reference", &payout.reference), ("memo", &payout.memo)] {
        if let Some(text) = text {
            sheet.put(label, text);
        }
    }
    for (label, moment) in [("not before", &payout.not_before), ("not after", &payout.not_after)] {
        if let Some(moment) = moment {
            sheet.put(label, moment);
        }
    }
    for (name, value) in &payout.metadata {
        sheet.put("note", format_args!("{name}={value}"));
    }
    sheet.put("created", &payout.created_at);
    if let Some(settled) = &payout.settled_at {
        sheet.put("settled", settled);
    }
    transfers(&mut sheet, payout);
    if let Some(proof) = &payout.proof {
        sheet.gap();
        sheet.put("proved by", proof.sources.join(", "));
        sheet.put("in block", format_args!("{} ({} confirmations)", proof.block, proof.confirmations));
        sheet.put("cost", format_args!("{} TRX, {} energy", proof.fee_trx, proof.energy));
    }
    sheet.print()
}

fn transfers(sheet: &mut Sheet<'_>, payout: &PayoutBody) {
    if !payout.attempts.is_empty() {
        sheet.gap();
    }
    for attempt in &payout.attempts {
        sheet.put(&format!("transfer {}", attempt.number), &attempt.txid);
        let fate = match (attempt.outcome, attempt.block) {
            (AttemptOutcome::Pending, None) => format!("pending, until {}", attempt.expires_at),
            (outcome, Some(block)) => format!("{} in block {block}", outcome.word()),
            (outcome, None) => outcome.word().to_owned(),
        };
        sheet.more(fate);
    }
}

fn verification(terminal: &Terminal, told: &VerificationBody) -> Result<(), Failure> {
    let verdict = match told.verified {
        true => terminal.on_stdout(Ink::Good, "verified"),
        false => terminal.on_stdout(Ink::Care, "not verified"),
    };
    terminal.line(format_args!(
        "{verdict}: {} confirmations, {} are wanted",
        told.confirmations, told.confirmations_wanted
    ))?;
    let mut rows =
        Rows::new(terminal, [("check", Side::Left), ("source", Side::Left), ("holds", Side::Left)]);
    for check in &told.checks {
        let (word, ink) = match check.holds {
            Some(true) => ("yes", Ink::Good),
            Some(false) => ("no", Ink::Bad),
            None => ("could not be asked", Ink::Care),
        };
        rows.push([(check.check.clone(), None), (check.source.clone(), None), (word.to_owned(), Some(ink))]);
    }
    if rows.is_empty() { Ok(()) } else { terminal.line(rows) }
}
