//! `/v1/audit/users/{id}`, `/v1/audit/suspicious`, `/v1/audit/alerts`: what the journal says of somebody, of those who try what they
//! should not, and of what somebody must hear of (F004-30). Newest first, in pages.
//!
//! A page is found by reading the journal backwards by its own numbers, [`ROWS_READ_MAX`] rows at most: it costs the same however
//! long the journal is, it finds rows of every age, and a page that ends before it is full says where the next one begins. Promises
//! that nobody reads of somebody else without the permission, and is not told whether there is such a somebody (D-67).

use actix_web::{
    HttpRequest, HttpResponse,
    web::{Data, Path},
};
use payoutd_actors::domain::{
    access::Permission,
    journal::{
        JournalRecord,
        vocabulary::{Severity, kind_line, severity_of},
    },
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::{IntoParams, ToSchema};

use super::{
    cursor::CursorKey,
    door::Door,
    office::Office,
    openapi::{OnListing, OnListingOne},
    problem::{Kind, Problem},
    query::Parameters,
};
use crate::{identity::Principal, wire::moment};

/// Records of a page, unless the caller says otherwise.
pub const LIMIT_DEFAULT: u32 = 50;
/// Records of a page at most.
pub const LIMIT_MAX: u32 = 200;
/// Rows of the journal that are read for a page at most.
pub const ROWS_READ_MAX: i64 = 10_000;
/// Rows that are read at a time.
const CHUNK: i64 = 1_000;
/// Daemons that share a journal have clocks that differ; rows so far out of order are found all the same, ms.
const DISORDER_MS: i64 = 5 * 60 * 1_000;

/// Every parameter that these lists take.
pub const PARAMETERS: &[&str] = &["from", "to", "limit", "cursor"];

/// Which records.
#[derive(Debug, Clone, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct AuditQuery {
    /// Written at or after this moment.
    #[param(format = DateTime)]
    pub from: Option<String>,
    /// Written before this moment; not earlier than `from`.
    #[param(format = DateTime)]
    pub to: Option<String>,
    /// Records of a page: 1 to 200, 50 if left out.
    #[param(minimum = 1, maximum = 200)]
    pub limit: Option<u32>,
    /// `next_cursor` of the page before, with the same filters.
    pub cursor: Option<String>,
}

/// A row of the journal, for reading.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(as = AuditRecord)]
pub struct AuditRecordBody {
    /// Its place in the journal.
    pub seq: i64,
    /// When.
    #[schema(format = DateTime)]
    pub at: String,
    /// What happened: docs/audit.md explains each.
    pub kind: String,
    /// How grave it is: info, warning, critical.
    pub severity: String,
    /// The payout that it is about, where it is about one.
    #[schema(required = true)]
    pub payout_id: Option<String>,
    /// What else there is to say.
    #[schema(value_type = Object)]
    pub body: Map<String, Value>,
}

/// A page of records, newest first.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(as = AuditPage)]
pub struct AuditPageBody {
    /// The records; fewer than were asked for, or none, does not mean that it is the last page.
    pub records: Vec<AuditRecordBody>,
    /// Where the next page begins; null on the last.
    #[schema(required = true)]
    pub next_cursor: Option<String>,
}

/// Read what the journal says of somebody
///
/// By the id of a person, or by a principal's name (`house`, `key:…`). One's own, or anybody's with `audit:read` of reach `all`.
#[utoipa::path(
    get, path = "/v1/audit/users/{id}", tag = "audit", operation_id = "listAuditOfUser",
    params(("id" = String, Path, description = "Who"), AuditQuery),
    responses((status = 200, description = "A page", body = AuditPageBody), OnListingOne),
    security(("token" = []))
)]
pub async fn of_user(
    request: HttpRequest,
    id: Path<String>,
    door: Data<Door>,
    principal: Principal,
) -> Result<HttpResponse, Problem> {
    let about = About::Somebody(id.into_inner());
    let About::Somebody(id) = &about else { return Err(nobody()) };
    let own = principal.name() == id || principal.person_id() == Some(id);
    if !own && principal.whose(Permission::AuditRead).is_some() {
        return Err(nobody());
    }
    list(&request, &door, about).await
}

/// Read of those who try what they should not
#[utoipa::path(
    get, path = "/v1/audit/suspicious", tag = "audit", operation_id = "listSuspicious",
    params(AuditQuery),
    responses((status = 200, description = "A page", body = AuditPageBody), OnListing),
    security(("token" = []))
)]
pub async fn suspicious(
    request: HttpRequest,
    door: Data<Door>,
    _: Principal,
) -> Result<HttpResponse, Problem> {
    list(&request, &door, About::Suspicious).await
}

/// Read what somebody must hear of
#[utoipa::path(
    get, path = "/v1/audit/alerts", tag = "audit", operation_id = "listAlerts",
    params(AuditQuery),
    responses((status = 200, description = "A page", body = AuditPageBody), OnListing),
    security(("token" = []))
)]
pub async fn alerts(request: HttpRequest, door: Data<Door>, _: Principal) -> Result<HttpResponse, Problem> {
    list(&request, &door, About::Alerts).await
}

fn nobody() -> Problem {
    Problem::new(Kind::NotFound, "nobody of this name is here to be read about")
}

/// What a list is about.
enum About {
    /// What somebody did, and what was done to them.
    Somebody(String),
    /// Who tries what they should not.
    Suspicious,
    /// What somebody must hear of.
    Alerts,
}

/// Where rows name people and programs.
const NAMED_IN: [&str; 4] = ["principal", "by", "who", "user_id"];
/// What a person's name begins with where principals are named.
const PERSON: &str = "user:";

impl About {
    fn has(&self, row: &JournalRecord) -> bool {
        match self {
            Self::Suspicious => kind_line(&row.kind).is_some_and(|line| line.suspicious),
            Self::Alerts => severity_of(&row.kind) == Severity::Critical,
            Self::Somebody(id) => row.body.read().is_ok_and(|body: Map<String, Value>| {
                let named = NAMED_IN.iter().filter_map(|name| body.get(*name)?.as_str());
                named.into_iter().any(|name| name == id || name.strip_prefix(PERSON) == Some(id))
            }),
        }
    }

    /// What cursors are bound to.
    fn text(&self) -> String {
        match self {
            Self::Somebody(id) => format!("somebody {id}"),
            Self::Suspicious => "suspicious".to_owned(),
            Self::Alerts => "alerts".to_owned(),
        }
    }
}

async fn list(request: &HttpRequest, door: &Door, about: About) -> Result<HttpResponse, Problem> {
    let key = &door.settings.cursor_key;
    let wanted = Wanted::read(request.query_string(), about, key)?;
    let (records, next) = wanted.look(door.office()?).await?;
    let next_cursor = next.map(|seq| key.write_place(seq, &wanted.filters));
    Ok(HttpResponse::Ok().json(AuditPageBody { records, next_cursor }))
}

struct Wanted {
    about: About,
    from_ms: i64,
    to_ms: i64,
    limit: usize,
    before: Option<i64>,
    filters: String,
}

impl Wanted {
    fn read(query: &str, about: About, key: &CursorKey) -> Result<Self, Problem> {
        let mut parameters = Parameters::read(query)?;
        let a_moment = format!("a moment like {}", moment::EXAMPLE);
        let a_limit = format!("a whole number from 1 to {LIMIT_MAX}");
        let in_range = |text: &str| text.parse().ok().filter(|limit| (1..=LIMIT_MAX).contains(limit));
        let from_ms = parameters.parsed("from", &a_moment, moment::read);
        let to_ms = parameters.parsed("to", &a_moment, moment::read);
        let limit = parameters.parsed("limit", &a_limit, in_range).unwrap_or(LIMIT_DEFAULT);
        let cursor = parameters.text("cursor");
        if let (Some(from_ms), Some(to_ms)) = (from_ms, to_ms)
            && from_ms > to_ms
        {
            parameters.note("from", "this moment is later than `to`: nothing was written in between");
        }
        parameters.finish()?;
        let filters = format!("{} {from_ms:?} {to_ms:?}", about.text());
        let foreign = "this cursor was not handed out for this list: begin again without one";
        let before = cursor
            .map(|cursor| {
                key.read_place(&cursor, &filters).ok_or_else(|| Problem::new(Kind::ForeignCursor, foreign))
            })
            .transpose()?;
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let (from_ms, to_ms) = (from_ms.unwrap_or(i64::MIN), to_ms.unwrap_or(i64::MAX));
        Ok(Self { about, from_ms, to_ms, limit, before, filters })
    }

    /// The records of a page, and the place before which the next page begins.
    async fn look(&self, office: &dyn Office) -> Result<(Vec<AuditRecordBody>, Option<i64>), Problem> {
        let mut before = match self.before {
            Some(before) => before,
            None => self.end(office).await?,
        };
        let stop = before.saturating_sub(ROWS_READ_MAX).max(1);
        let mut found = Vec::new();
        while before > stop {
            let first = before.saturating_sub(CHUNK).max(stop);
            let rows = u32::try_from(before - first).unwrap_or(0);
            for row in office.journal_rows(first, rows).await?.into_iter().rev() {
                if row.at_ms < self.from_ms.saturating_sub(DISORDER_MS) {
                    return Ok((found, None));
                }
                if !(self.from_ms..self.to_ms).contains(&row.at_ms) || !self.about.has(&row) {
                    continue;
                }
                if found.len() == self.limit {
                    return Ok((found, Some(row.seq.saturating_add(1))));
                }
                found.push(shown(&row));
            }
            before = first;
        }
        Ok((found, Some(stop).filter(|stop| *stop > 1)))
    }

    /// The place behind the last row that may be within the time that is asked for: by halves, for rows stand in the order of time.
    async fn end(&self, office: &dyn Office) -> Result<i64, Problem> {
        let last = office.journal_end().await?;
        let latest_ms = self.to_ms.saturating_add(DISORDER_MS);
        let (mut within, mut beyond) = (0, last.saturating_add(1));
        if self.to_ms == i64::MAX {
            return Ok(beyond);
        }
        while within + 1 < beyond {
            let middle = within + (beyond - within) / 2;
            let rows = office.journal_rows(middle, 1).await?;
            match rows.first() {
                Some(row) if row.at_ms <= latest_ms => within = middle,
                Some(_) | None => beyond = middle,
            }
        }
        Ok(beyond)
    }
}

fn shown(row: &JournalRecord) -> AuditRecordBody {
    AuditRecordBody {
        seq: row.seq,
        at: moment::write(row.at_ms),
        kind: row.kind.to_string(),
        severity: severity_of(&row.kind).word().to_owned(),
        payout_id: row.payout_id.clone(),
        body: row.body.read().unwrap_or_default(),
    }
}
