//! `payoutd payouts create`: one order, sent until it is answered. The key makes sending it again harmless.

use std::{collections::BTreeMap, fs, path::PathBuf, time::Duration};

use super::{Client, Exit, Failure, PayoutBody, Terminal, show, watch};
use crate::{
    cli::{Json, client::NoAnswer, door::Door},
    http::payouts::body::{ClearanceBody, OrderBody},
};

/// How often an order that met silence is sent again, with the same key.
const SENDS_MAX: u32 = 4;
/// How long to wait between.
const SEND_AGAIN_AFTER: Duration = Duration::from_secs(1);

/// `payoutd payouts create`
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  payoutd payouts create TMVQGm1qAQYVdetCeGRRkTWYYrLXuHK2HC 25.5 --reference inv-7 --key inv-7
  payoutd payouts create TMVQGm1qAQYVdetCeGRRkTWYYrLXuHK2HC 25.5 --watch

The same key with the same order is the same payout, however often it is sent.
Exit codes: 0 taken in (with --watch: settled), 65 refused, 69 the daemon is away, 75 try again.")]
pub(super) struct Args {
    /// Who is paid: 34 characters starting with T
    #[arg(value_name = "RECIPIENT")]
    recipient: String,

    /// How much, in USDT: 25.5
    #[arg(value_name = "AMOUNT", allow_hyphen_values = true)]
    amount: String,

    /// Your own name for the order [default: a fresh one, printed]
    #[arg(long, value_name = "KEY")]
    key: Option<String>,

    /// Your own word for it, e.g. an invoice's number
    #[arg(long, value_name = "TEXT")]
    reference: Option<String>,

    /// Written on chain, for all to read; TRON charges for it
    #[arg(long, value_name = "TEXT")]
    memo: Option<String>,

    /// How money leaves the wallet: transfer, router_v0 or router_kyc [default: transfer]
    #[arg(long, value_name = "ROUTE")]
    route: Option<String>,

    /// The compliance officer's clearance, a JSON file with hash, expiry, v, r and s
    #[arg(long, value_name = "FILE")]
    kyc: Option<PathBuf>,

    /// Not signed before this moment (RFC 3339)
    #[arg(long, value_name = "MOMENT")]
    not_before: Option<String>,

    /// Cancelled if not signed by this moment (RFC 3339)
    #[arg(long, value_name = "MOMENT")]
    not_after: Option<String>,

    /// 0 to 9; higher is signed first
    #[arg(long, value_name = "0-9")]
    priority: Option<u8>,

    /// A note of your own, as often as needed
    #[arg(long, value_name = "NAME=VALUE", value_parser = pair)]
    metadata: Vec<(String, String)>,

    /// Follow it to its end
    #[arg(long)]
    watch: bool,

    #[command(flatten)]
    json: Json,

    #[command(flatten)]
    door: Door,
}

fn pair(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("a note is written NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

impl Args {
    pub(super) async fn run(self, terminal: &Terminal) -> Result<Exit, Failure> {
        let client = self.door.client()?;
        let order = self.order()?;
        let key = self.key.unwrap_or_else(|| uuid::Uuid::now_v7().to_string());
        let payout = send(&client, terminal, &key, &order).await?;
        if self.watch {
            return watch::follow(&client, terminal, &payout.id, self.json).await;
        }
        if self.json.json {
            terminal.json(&payout)?;
        } else {
            show::sheet(terminal, &payout)?;
        }
        Ok(Exit::Done)
    }

    fn order(&self) -> Result<OrderBody, Failure> {
        let kyc = self.kyc.as_ref().map(clearance).transpose()?;
        let metadata: BTreeMap<_, _> = self.metadata.iter().cloned().collect();
        Ok(OrderBody {
            recipient: self.recipient.clone(),
            amount: self.amount.clone(),
            currency: None,
            network: None,
            reference: self.reference.clone(),
            memo: self.memo.clone(),
            route: self.route.clone(),
            kyc,
            not_before: self.not_before.clone(),
            not_after: self.not_after.clone(),
            priority: self.priority,
            metadata: Some(metadata).filter(|notes| !notes.is_empty()),
        })
    }
}

fn clearance(file: &PathBuf) -> Result<ClearanceBody, Failure> {
    let shown = file.display();
    let text = fs::read_to_string(file)
        .map_err(|why| Failure::because(Exit::NoInput, format_args!("cannot read {shown}"), &why))?;
    serde_json::from_str(&text)
        .map_err(|why| Failure::because(Exit::BadData, format_args!("{shown} is no clearance"), &why))
}

/// Sends until there is an answer: silence says nothing about whether the order was taken in, and the key makes one more
/// try the same order.
async fn send(
    client: &Client,
    terminal: &Terminal,
    key: &str,
    order: &OrderBody,
) -> Result<PayoutBody, Failure> {
    let mut sends = 1;
    loop {
        let why = match client.order("/v1/payouts", key, order).await {
            Ok(payout) => return Ok(payout),
            Err(why) => why,
        };
        let again = matches!(why, NoAnswer::Silent { .. }) || (why.may_pass() && sends > 1);
        if !again || sends >= SENDS_MAX {
            return Err(match why {
                NoAnswer::Silent { .. } => {
                    Failure::from(why).next(format_args!("send it again with --key {key}"))
                }
                other => other.into(),
            });
        }
        terminal.note(format_args!("no answer; sending the same order again, with its key {key}"));
        tokio::time::sleep(SEND_AGAIN_AFTER).await;
        sends += 1;
    }
}
