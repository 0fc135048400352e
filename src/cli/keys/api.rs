//! `payoutd keys issue|list|show|rotate|revoke`: API keys, by the daemon's API.

use std::path::PathBuf;

use super::key_file::Place;
use crate::{
    cli::{
        Json,
        door::Look,
        exit::Exit,
        failure::Failure,
        sheet::Sheet,
        table::{Rows, Side},
        terminal::{Ink, Terminal},
    },
    http::keys::{IssuedKeyBody, KeyBody, KeysBody, NewKeyBody},
    wire::moment,
};

const KEYS: &str = "/v1/admin/keys";
/// A key that nobody has used for so long is stale, ms: 90 days (F001-14).
const STALE_MS: i64 = 90 * 24 * 60 * 60 * 1_000;
/// A day, ms.
const DAY_MS: i64 = 24 * 60 * 60 * 1_000;

/// `payoutd keys issue`
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  payoutd keys issue billing --account billing --may payout:create,payout:read --from 10.0.0.0/8 --out billing.key
  payoutd keys issue reports --account reports --may payout:read,house:read --reach all --from any

The key is shown once, here. Requests with it that move money are signed: docs/identity.md, docs/sign.py and docs/sign.sh show how.")]
pub(super) struct Issue {
    /// What a person calls it
    name: String,
    /// Whose money it spends
    #[arg(long, value_name = "NAME")]
    account: String,
    /// What it may do: payout:create, payout:read, payout:cancel, house:read, event:read, audit:read
    #[arg(long, value_name = "PERMISSIONS", value_delimiter = ',', required = true)]
    may: Vec<String>,
    /// From where: `any`, or networks like 10.0.0.0/8
    #[arg(long, value_name = "NETWORKS", value_delimiter = ',', required = true)]
    from: Vec<String>,
    /// To whose payouts: own, node or all; event:read wants all
    #[arg(long, value_name = "REACH")]
    reach: Option<String>,
    /// By which routes it orders; transfer and router_v0 unless it is said
    #[arg(long, value_name = "ROUTES", value_delimiter = ',')]
    routes: Option<Vec<String>>,
    /// Lets it order batches
    #[arg(long)]
    batch: bool,
    /// How often its account may ask: standard or premium
    #[arg(long, value_name = "TIER")]
    tier: Option<String>,
    /// How often this key may ask, requests a minute
    #[arg(long, value_name = "REQUESTS", value_parser = clap::value_parser!(u16).range(1..))]
    rate_per_minute: Option<u16>,
    /// For how many days it opens; 366 at most, and unless it is said
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(i64).range(1..=366))]
    days: Option<i64>,
    /// Write the key into this new file (mode 0600) in place of showing it
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    #[command(flatten)]
    look: Look,
}

/// `payoutd keys list`
#[derive(Debug, clap::Args)]
pub(super) struct List {
    /// Keys of this account alone
    #[arg(long, value_name = "NAME")]
    account: Option<String>,
    /// Only good keys that nobody has used for 90 days
    #[arg(long)]
    stale: bool,
    #[command(flatten)]
    look: Look,
}

/// `payoutd keys show|revoke ID`
#[derive(Debug, clap::Args)]
pub(super) struct Which {
    /// The key's id
    #[arg(value_name = "ID")]
    id: String,
    #[command(flatten)]
    look: Look,
}

/// `payoutd keys rotate ID`
#[derive(Debug, clap::Args)]
pub(super) struct Rotate {
    #[command(flatten)]
    which: Which,
    /// Write the successor into this new file (mode 0600) in place of showing it
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

impl Issue {
    pub(super) async fn run(self, terminal: &Terminal) -> Result<Exit, Failure> {
        let expires_at =
            self.days.map(|days| moment::write(now_ms().saturating_add(days.saturating_mul(DAY_MS))));
        let wanted = NewKeyBody {
            name: self.name,
            account: self.account,
            permissions: self.may,
            networks: self.from,
            reach: self.reach,
            routes: self.routes,
            batch: self.batch.then_some(true),
            tier: self.tier,
            rate_per_minute: self.rate_per_minute,
            expires_at,
        };
        let place = self.out.as_deref().map(Place::take).transpose()?;
        let issued: IssuedKeyBody = self.look.door.client()?.post(KEYS, Some(&wanted)).await?;
        hand_over(terminal, self.look.json, place, &issued)
    }
}

impl List {
    pub(super) async fn run(self, terminal: &Terminal) -> Result<Exit, Failure> {
        let client = self.look.door.client()?;
        let mut all = KeysBody { keys: Vec::new(), next_after: None };
        loop {
            let mut query: Vec<(&str, String)> = Vec::new();
            query.extend(self.account.clone().map(|account| ("account", account)));
            query.extend(all.next_after.take().map(|after| ("after", after)));
            let page: KeysBody = client.get(KEYS, &query).await?;
            all.keys.extend(page.keys);
            all.next_after = page.next_after;
            if all.next_after.is_none() {
                break;
            }
        }
        if self.stale {
            let long_ago = now_ms().saturating_sub(STALE_MS);
            all.keys.retain(|key| key.status == "active" && used_before(key, long_ago));
        }
        match self.look.json.json {
            true => terminal.json(&all)?,
            false => table(terminal, &all.keys)?,
        }
        Ok(Exit::Done)
    }
}

impl Which {
    pub(super) async fn show(self, terminal: &Terminal) -> Result<Exit, Failure> {
        let key: KeyBody = self.look.door.client()?.get(&path_of(&self.id, "")?, &[]).await?;
        match self.look.json.json {
            true => terminal.json(&key)?,
            false => sheet(terminal, &key)?,
        }
        Ok(Exit::Done)
    }

    pub(super) async fn revoke(self, terminal: &Terminal) -> Result<Exit, Failure> {
        let client = self.look.door.client()?;
        let key: KeyBody = client.post(&path_of(&self.id, "/revoke")?, None::<&()>).await?;
        match self.look.json.json {
            true => terminal.json(&key)?,
            false => terminal.line(format_args!("{} opens nothing any more", key.id))?,
        }
        Ok(Exit::Done)
    }
}

impl Rotate {
    pub(super) async fn run(self, terminal: &Terminal) -> Result<Exit, Failure> {
        let look = self.which.look;
        let client = look.door.client()?;
        let path = path_of(&self.which.id, "/rotate")?;
        let place = self.out.as_deref().map(Place::take).transpose()?;
        let issued: IssuedKeyBody = client.post(&path, None::<&()>).await?;
        hand_over(terminal, look.json, place, &issued)
    }
}

/// The one moment in which the key's text is there.
fn hand_over(
    terminal: &Terminal,
    json: Json,
    place: Option<Place>,
    issued: &IssuedKeyBody,
) -> Result<Exit, Failure> {
    let out = place.as_ref().map(|place| place.path().to_owned());
    if let Some(place) = place {
        place.fill(format!("{}\n", issued.text).as_bytes())?;
    }
    match (json.json, out) {
        (true, None) => terminal.json(issued)?,
        (true, Some(_)) => terminal.json(&issued.key)?,
        (false, out) => {
            match out {
                Some(file) => terminal.line(format_args!("wrote  {}", file.display()))?,
                None => {
                    terminal.line(&issued.text)?;
                    terminal.note("this is shown once: keep it where secrets are kept");
                }
            }
            sheet(terminal, &issued.key)?;
        }
    }
    Ok(Exit::Done)
}

fn table(terminal: &Terminal, keys: &[KeyBody]) -> Result<(), Failure> {
    if keys.is_empty() {
        terminal.note("no keys");
        return Ok(());
    }
    let columns = [
        ("id", Side::Left),
        ("name", Side::Left),
        ("account", Side::Left),
        ("status", Side::Left),
        ("expires", Side::Left),
        ("last used", Side::Left),
        ("24 h", Side::Right),
        ("uses", Side::Right),
    ];
    let mut rows = Rows::new(terminal, columns);
    for key in keys {
        rows.push([
            (key.id.clone(), None),
            (plain(&key.name), None),
            (key.account.clone(), None),
            (key.status.clone(), Some(ink(&key.status))),
            (day(key.expires_at.as_deref()), None),
            (day(key.last_used_at.as_deref()), None),
            (key.uses_24h.to_string(), None),
            (key.uses.to_string(), None),
        ]);
    }
    terminal.line(rows)
}

fn sheet(terminal: &Terminal, key: &KeyBody) -> Result<(), Failure> {
    let mut sheet = Sheet::new(terminal);
    sheet.put("id", &key.id).put("name", plain(&key.name)).put("account", &key.account);
    sheet.put("status", &key.status).put("may", key.permissions.join(", ")).put("reach", &key.reach);
    sheet.put("routes", key.routes.join(", ")).put("batches", if key.batch { "yes" } else { "no" });
    sheet.put("from", key.networks.join(", "));
    match key.rate_per_minute {
        Some(rate) => sheet.put("rate", format_args!("{rate} a minute, and what {} accounts have", key.tier)),
        None => sheet.put("rate", format_args!("what {} accounts have", key.tier)),
    };
    sheet.put("made", format_args!("{} by {}", key.created_at, key.created_by));
    if let Some(expires_at) = &key.expires_at {
        sheet.put("expires", expires_at);
    }
    if let Some(successor_of) = &key.successor_of {
        sheet.put("in place of", successor_of);
    }
    let last = key.last_used_at.as_deref().unwrap_or("never");
    sheet.put("used", format_args!("{} times, {} within 24 h, last {last}", key.uses, key.uses_24h));
    sheet.print()
}

fn ink(status: &str) -> Ink {
    if status == "active" { Ink::Good } else { Ink::Faint }
}

fn used_before(key: &KeyBody, at_ms: i64) -> bool {
    let last = key.last_used_at.as_ref().unwrap_or(&key.created_at);
    moment::read(last).is_some_and(|last_ms| last_ms < at_ms)
}

/// The day of a moment.
fn day(at: Option<&str>) -> String {
    at.and_then(|at| at.get(..10)).unwrap_or("never").to_owned()
}

/// What a person wrote, without what a terminal would obey.
fn plain(text: &str) -> String {
    text.replace(char::is_control, " ")
}

/// What can not be an id is refused before anybody is asked.
fn path_of(id: &str, verb: &str) -> Result<String, Failure> {
    if !crate::identity::api_key::is_key_id(id) {
        return Err(Failure::new(Exit::BadData, format_args!("`{id}` is no key's id: it has 16 hex digits"))
            .next("`payoutd keys list` shows the ids"));
    }
    Ok(format!("{KEYS}/{id}{verb}"))
}

fn now_ms() -> i64 {
    use payoutd_actors::ports::Clock;
    crate::world::SystemClock.now_ms()
}
