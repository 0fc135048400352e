//! `payoutd payouts create`: one order from the command line, or one or many from a file; sent until it is answered. The key makes
//! sending it again harmless.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{Read, stdin},
    path::{Path, PathBuf},
    time::Duration,
};

use serde::de::DeserializeOwned;

use super::{Client, Exit, Failure, PayoutBody, Terminal, list, show, watch};
use crate::{
    cli::{Json, client::NoAnswer, door::Door},
    http::payouts::body::{BatchTakenBody, ClearanceBody, OrderBody},
};

/// How often an order that met silence is sent again, with the same key.
const SENDS_MAX: u32 = 4;
/// How long to wait between.
const SEND_AGAIN_AFTER: Duration = Duration::from_secs(1);
/// A longer file is no order: no door takes a longer body (`http.body_bytes_max`).
const FILE_BYTES_MAX: u64 = 16 * 1024 * 1024;
/// What `--file` takes for standard input.
const STDIN: &str = "-";

/// `payoutd payouts create`
#[derive(Debug, clap::Args)]
#[command(
    override_usage = "payoutd payouts create <RECIPIENT> <AMOUNT> [OPTIONS]\n       payoutd payouts create --file <FILE> [OPTIONS]",
    after_help = "\
Examples:
  payoutd payouts create TMVQGm1qAQYVdetCeGRRkTWYYrLXuHK2HC 25.5 --reference inv-7 --key inv-7
  payoutd payouts create --recipient TMVQGm1qAQYVdetCeGRRkTWYYrLXuHK2HC --amount 25.5 --memo thanks --watch
  payoutd payouts create --file order.json --key inv-7
  payoutd payouts create --file payroll.json --key payroll-2026-11       up to 500 orders, all taken in or none
  echo '{\"recipient\":\"TMVQGm1qAQYVdetCeGRRkTWYYrLXuHK2HC\",\"amount\":\"25.5\"}' | payoutd payouts create --file -

A file holds what the API takes: one order, {\"recipient\":\"T…\",\"amount\":\"25.5\",\"reference\":…}, or many,
{\"payouts\":[{…},{…}]}. An amount is text with at most 6 places: \"25.5\", never 25.5.

The same key with the same order is the same payout, however often it is sent; another order wants another key. Without --key
there is a fresh one, which is told: who sends the command again without it pays again.
Exit codes: 0 taken in (with --watch: settled), 1 with --watch: ended otherwise, 2 the command line is wrong, 65 refused, every
mistake named, 66 the file can not be read, 69 the daemon is away, 75 try again."
)]
pub(super) struct Args {
    /// Who is paid: 34 characters starting with T
    #[arg(value_name = "RECIPIENT", required_unless_present_any = ["recipient_named", "file"])]
    recipient: Option<String>,

    /// How much, in USDT, with at most 6 places: 25.5
    #[arg(value_name = "AMOUNT", allow_hyphen_values = true, required_unless_present_any = ["amount_named", "file"])]
    amount: Option<String>,

    /// The recipient, by name
    #[arg(long = "recipient", value_name = "ADDRESS", conflicts_with = "recipient")]
    recipient_named: Option<String>,

    /// The amount, by name
    #[arg(long = "amount", value_name = "USDT", conflicts_with = "amount", allow_hyphen_values = true)]
    amount_named: Option<String>,

    /// The order, or up to 500 of them, from a JSON file; - is standard input
    #[arg(long, value_name = "FILE", conflicts_with_all = ["recipient", "amount", "recipient_named", "amount_named", "reference",
        "memo", "route", "kyc", "not_before", "not_after", "priority", "metadata"])]
    file: Option<PathBuf>,

    /// Your own name for the order, 1 to 255 visible ASCII characters [default: a fresh one, told]
    #[arg(long, visible_alias = "idempotency-key", value_name = "KEY")]
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

    /// The compliance officer's clearance for router_kyc, a JSON file with hash, expiry, v, r and s
    #[arg(long, value_name = "FILE")]
    kyc: Option<PathBuf>,

    /// Not signed before this moment: 2026-11-21T18:00:00Z
    #[arg(long, value_name = "MOMENT")]
    not_before: Option<String>,

    /// Cancelled if not signed by this moment: 2026-11-21T18:00:00Z
    #[arg(long, value_name = "MOMENT")]
    not_after: Option<String>,

    /// 0 to 9; higher is signed first [default: 0]
    #[arg(long, value_name = "N")]
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

/// What is sent: one order or many, as the API takes them.
struct Letter {
    path: &'static str,
    body: Vec<u8>,
}

impl Args {
    pub(super) async fn run(self, terminal: &Terminal) -> Result<Exit, Failure> {
        let client = self.door.client()?;
        let letter = self.letter()?;
        let key = self.key.clone().unwrap_or_else(|| {
            let fresh = uuid::Uuid::now_v7().to_string();
            terminal.note(format_args!("its key is {fresh}"));
            fresh
        });
        if letter.path == BATCH {
            return self.order_many(&client, terminal, &key, &letter).await;
        }
        let payout: PayoutBody = send(&client, terminal, &key, &letter).await?;
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

    async fn order_many(
        &self,
        client: &Client,
        terminal: &Terminal,
        key: &str,
        letter: &Letter,
    ) -> Result<Exit, Failure> {
        if self.watch {
            return Err(Failure::new(Exit::Usage, "--watch follows one payout, and the file holds many")
                .next("leave --watch out; `payoutd payouts list` shows what becomes of them"));
        }
        let taken: BatchTakenBody = send(client, terminal, key, letter).await?;
        match self.json.json {
            true => terminal.json(&taken)?,
            false => list::table(terminal, &taken.payouts)?,
        }
        Ok(Exit::Done)
    }

    fn letter(&self) -> Result<Letter, Failure> {
        if let Some(file) = &self.file {
            return letter_of(file);
        }
        let body = serde_json::to_vec(&self.order()?);
        let body = body.map_err(|why| Failure::because(Exit::Software, "the order has no JSON", &why))?;
        Ok(Letter { path: ONE, body })
    }

    fn order(&self) -> Result<OrderBody, Failure> {
        let kyc = self.kyc.as_ref().map(clearance).transpose()?;
        let metadata: BTreeMap<_, _> = self.metadata.iter().cloned().collect();
        let either = |place: &Option<String>, named: &Option<String>| {
            place.as_ref().or(named.as_ref()).cloned().unwrap_or_default()
        };
        Ok(OrderBody {
            recipient: either(&self.recipient, &self.recipient_named),
            amount: either(&self.amount, &self.amount_named),
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

const ONE: &str = "/v1/payouts";
const BATCH: &str = "/v1/payouts/batch";

/// The file goes out as it is: what is wrong with an order, the door says, with a pointer into what was written.
fn letter_of(file: &Path) -> Result<Letter, Failure> {
    let is_stdin = file.as_os_str() == STDIN;
    let shown = if is_stdin { "standard input".to_owned() } else { file.display().to_string() };
    let cannot_read = |why| Failure::because(Exit::NoInput, format_args!("cannot read {shown}"), &why);
    let source: Box<dyn Read> =
        if is_stdin { Box::new(stdin()) } else { Box::new(File::open(file).map_err(cannot_read)?) };
    let mut body = Vec::new();
    source.take(FILE_BYTES_MAX + 1).read_to_end(&mut body).map_err(cannot_read)?;
    if body.len() as u64 > FILE_BYTES_MAX {
        let why = format!("{shown} is longer than {FILE_BYTES_MAX} bytes: that is no order");
        return Err(Failure::new(Exit::BadData, why));
    }
    let told: serde_json::Value = serde_json::from_slice(&body).map_err(|why| {
        Failure::because(Exit::BadData, format_args!("{shown} is no JSON"), &why)
            .next("an order is {\"recipient\":\"T…\",\"amount\":\"25.5\"}; many are {\"payouts\":[…]}")
    })?;
    Ok(Letter { path: if told.get("payouts").is_some() { BATCH } else { ONE }, body })
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
async fn send<T: DeserializeOwned>(
    client: &Client,
    terminal: &Terminal,
    key: &str,
    letter: &Letter,
) -> Result<T, Failure> {
    let mut sends = 1;
    loop {
        let why = match client.order(letter.path, key, letter.body.clone()).await {
            Ok(taken) => return Ok(taken),
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
