//! `payoutd audit user`, `suspicious`, `alerts`: what the journal says of somebody, and of whom one must hear. A client of the API.

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
    /// So many records at most
    #[arg(long, value_name = "N", default_value_t = SHOWN, value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
    #[command(flatten)]
    json: Json,
    #[command(flatten)]
    door: Door,
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
        let texts = [("from", self.from.clone()), ("to", self.to.clone()), ("cursor", cursor)];
        query.extend(texts.into_iter().filter_map(|(name, text)| Some((name, text?))));
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
