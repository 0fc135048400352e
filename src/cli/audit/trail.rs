//! `payoutd audit list`, `user`, `suspicious`, `alerts`: what the journal says, of somebody, and of whom one must hear. A client of the API.

use clap::builder::PossibleValuesParser;
use payoutd_actors::domain::journal::vocabulary::Severity;
use serde_json::Value;

use crate::{
    cli::{
        Json,
        client::Client,
        door::Door,
        exit::Exit,
        failure::Failure,
        terminal::{Ink, Terminal, plain},
    },
    http::audit_trail::{AuditPageBody, AuditRecordBody, LIMIT_MAX},
};

/// Records that are shown, unless somebody says how many.
const SHOWN: u32 = 50;

/// `payoutd audit list`
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  payoutd audit list --severity warning                what somebody should look at, the newest first
  payoutd audit list --payout 01930c5e-…               what happened to a payout
  payoutd audit list --request my-request-7            what a request caused, by the X-Request-ID of its answer
  payoutd audit list --trace 4bf92f3577b34da6a3ce929d0e0e4736 --json | jq -r '.payout_id // empty' | sort -u")]
pub(super) struct List {
    #[command(flatten)]
    trail: Trail,
}

/// `payoutd audit user`
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  payoutd audit user key:d13f83423107ebe5              what was done with an API key
  payoutd audit user house --from 2026-11-01T00:00:00Z what the holder of the house's token did since")]
pub(super) struct User {
    /// A person's id, or a principal's name
    id: String,
    #[command(flatten)]
    trail: Trail,
}

/// `payoutd audit suspicious`
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  payoutd audit suspicious                             the newest, the last one first
  payoutd audit suspicious --json | jq -r .body.principal | sort | uniq -c")]
pub(super) struct Suspicious {
    #[command(flatten)]
    trail: Trail,
}

/// `payoutd audit alerts`
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  payoutd audit alerts --from 2026-11-01T00:00:00Z --to 2026-12-01T00:00:00Z")]
pub(super) struct Alerts {
    #[command(flatten)]
    trail: Trail,
}

/// Which records, and how they are shown.
#[derive(Debug, clap::Args)]
struct Trail {
    /// Written at or after this moment
    #[arg(long, value_name = "MOMENT")]
    from: Option<String>,
    /// Written before this moment
    #[arg(long, value_name = "MOMENT")]
    to: Option<String>,
    /// At least so grave
    #[arg(long, value_name = "SEVERITY", value_parser = PossibleValuesParser::new(Severity::ALL.map(Severity::word)))]
    severity: Option<String>,
    /// About this payout
    #[arg(long, value_name = "ID")]
    payout: Option<String>,
    /// Caused by the request of this X-Request-ID, or by the job of this correlation_id
    #[arg(long, value_name = "ID")]
    request: Option<String>,
    /// Caused within this trace, by its 32 hex digits
    #[arg(long, value_name = "HEX")]
    trace: Option<String>,
    /// So many records at most
    #[arg(long, value_name = "N", default_value_t = SHOWN, value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
    #[command(flatten)]
    json: Json,
    #[command(flatten)]
    door: Door,
}

impl List {
    /// Asks, and shows.
    pub(super) fn run(self, terminal: &Terminal) -> Result<Exit, Failure> {
        self.trail.run(terminal, "/v1/audit/records")
    }
}

impl User {
    /// Asks, and shows.
    pub(super) fn run(self, terminal: &Terminal) -> Result<Exit, Failure> {
        // A name with a slash or a question mark would be another path.
        let id: String = self
            .id
            .bytes()
            .map(|byte| match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b':' => {
                    char::from(byte).to_string()
                }
                byte => format!("%{byte:02X}"),
            })
            .collect();
        self.trail.run(terminal, &format!("/v1/audit/users/{id}"))
    }
}

impl Suspicious {
    /// Asks, and shows.
    pub(super) fn run(self, terminal: &Terminal) -> Result<Exit, Failure> {
        self.trail.run(terminal, "/v1/audit/suspicious")
    }
}

impl Alerts {
    /// Asks, and shows.
    pub(super) fn run(self, terminal: &Terminal) -> Result<Exit, Failure> {
        self.trail.run(terminal, "/v1/audit/alerts")
    }
}

impl Trail {
    fn run(self, terminal: &Terminal, path: &str) -> Result<Exit, Failure> {
        crate::cli::wait(async {
            let client = self.door.client()?;
            let (mut left, mut cursor) = (self.limit, None);
            loop {
                let page = self.page(&client, path, left.min(LIMIT_MAX), cursor).await?;
                for record in &page.records {
                    match self.json.json {
                        true => terminal.json(record)?,
                        false => terminal.line(line(terminal, record))?,
                    }
                }
                left = left.saturating_sub(u32::try_from(page.records.len()).unwrap_or(u32::MAX));
                cursor = page.next_cursor;
                if left == 0 || cursor.is_none() {
                    return Ok(Exit::Done);
                }
            }
        })
    }

    async fn page(
        &self,
        client: &Client,
        path: &str,
        limit: u32,
        cursor: Option<String>,
    ) -> Result<AuditPageBody, Failure> {
        let mut query = vec![("limit", limit.to_string())];
        let texts = [
            ("from", &self.from),
            ("to", &self.to),
            ("severity", &self.severity),
            ("payout_id", &self.payout),
            ("correlation_id", &self.request),
            ("trace_id", &self.trace),
            ("cursor", &cursor),
        ];
        query.extend(texts.into_iter().filter_map(|(name, text)| Some((name, text.clone()?))));
        Ok(client.get(path, &query).await?)
    }
}

fn line(terminal: &Terminal, record: &AuditRecordBody) -> String {
    let ink = match record.severity.as_str() {
        "critical" => Ink::Bad,
        "warning" => Ink::Care,
        _ => Ink::Faint,
    };
    let severity = terminal.on_stdout(ink, format!("{:<8}", record.severity));
    let facts: Vec<String> = record.body.iter().filter(|(_, value)| !value.is_null()).map(fact).collect();
    format!("{}  {severity}  {}  {}", record.at, plain(&record.kind), plain(&facts.join(" ")))
}

fn fact((name, value): (&String, &Value)) -> String {
    value.as_str().map_or_else(|| format!("{name}={value}"), |text| format!("{name}={text}"))
}
