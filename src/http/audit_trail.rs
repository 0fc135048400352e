//! `/v1/audit/records`, `/v1/audit/users/{id}`, `/v1/audit/suspicious`, `/v1/audit/alerts`: what the journal says at all, of somebody, of
//! those who try what they should not, and of what somebody must hear of (F004-30). Newest first, in pages.
//!
//! A page is found by reading the journal backwards by its own numbers, [`ROWS_READ_MAX`] rows at most: it costs the same however
//! long the journal is, it finds rows of every age, and a page that ends before it is full says where the next one begins. No filter has
//! an index: the journal is written at every step of every payout, and what nobody asks for must cost nothing there. Promises
//! that nobody reads of somebody else without the permission, and is not told whether there is such a somebody (D-67).

use actix_web::{
    HttpRequest, HttpResponse,
    web::{Data, Path},
};
use payoutd_actors::domain::{
    access::{Permission, Reach},
    identity::PayoutId,
    journal::{
        CORRELATION_CHARS_MAX, CORRELATION_ID, CorrelationId, JournalRecord, TRACE_ID, TraceId,
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
    openapi::{OnListing, OnListingOne, words},
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
pub const PARAMETERS: &[&str] =
    &["from", "to", "severity", "payout_id", "correlation_id", "trace_id", "limit", "cursor"];

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
    /// At least so grave.
    #[param(value_type = Option<words::SeverityWord>)]
    pub severity: Option<String>,
    /// About this payout.
    pub payout_id: Option<String>,
    /// Caused by the request, or by the job, of this name.
    #[param(min_length = 1, max_length = 128, pattern = "^[A-Za-z0-9._-]+$")]
    pub correlation_id: Option<String>,
    /// Caused within this trace.
    #[param(pattern = "^[0-9a-f]{32}$")]
    pub trace_id: Option<String>,
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
    /// How grave it is.
    #[schema(value_type = words::SeverityWord)]
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

/// Read what the journal says
#[utoipa::path(
    get, path = "/v1/audit/records", tag = "audit", operation_id = "listAuditRecords",
    params(AuditQuery),
    responses((status = 200, description = "A page", body = AuditPageBody), OnListing),
    security(("token" = []))
)]
pub async fn records(request: HttpRequest, door: Data<Door>, _: Principal) -> Result<HttpResponse, Problem> {
    list(&request, &door, About::Everything).await
}

/// Read what the journal says of somebody
///
/// By the id of a person, or by a principal's name (`house`, `key:…`). One's own, or anybody's with `audit:read` of reach `all`. Without
/// that, what was ordered is left out of one's own: it is read by whoever may read payouts, at `/v1/payouts`.
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
    let id = id.into_inner();
    let own = principal.name() == id || principal.person_id() == Some(id.as_str());
    let orders_too = principal.reach(Permission::AuditRead) == Some(Reach::All);
    if !own && !orders_too {
        return Err(nobody());
    }
    list(&request, &door, About::Somebody { id, orders_too }).await
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
    /// Whatever is written.
    Everything,
    /// What somebody did, and what was done to them.
    Somebody {
        id: String,
        /// Whether what they ordered is shown: who may do a thing may not always read it (ASVS 8.2.3).
        orders_too: bool,
    },
    /// Who tries what they should not.
    Suspicious,
    /// What somebody must hear of.
    Alerts,
}

/// Where rows name people and programs.
const NAMED_IN: [&str; 5] = ["principal", "by", "who", "user_id", "ordered_by"];
/// What a person's name begins with where principals are named.
const PERSON: &str = "user:";
/// What is told of a payout to those who are not shown what was ordered.
const TOLD_OF_A_PAYOUT: [&str; 8] =
    ["from", "to", "reason", "by", "ordered_by", "client", CORRELATION_ID, TRACE_ID];

impl About {
    fn has(&self, row: &JournalRecord) -> bool {
        match self {
            Self::Everything => true,
            Self::Suspicious => kind_line(&row.kind).is_some_and(|line| line.suspicious),
            Self::Alerts => severity_of(&row.kind) == Severity::Critical,
            Self::Somebody { id, .. } => says(row, id, |body| {
                let named = NAMED_IN.iter().filter_map(|name| body.get(*name)?.as_str());
                named.into_iter().any(|name| name == id || name.strip_prefix(PERSON) == Some(id))
            }),
        }
    }

    /// What is shown of a row.
    fn shows(&self, row: &JournalRecord) -> AuditRecordBody {
        let mut body: Map<String, Value> = row.body.read().unwrap_or_default();
        if row.payout_id.is_some() && matches!(self, Self::Somebody { orders_too: false, .. }) {
            body.retain(|name, _| TOLD_OF_A_PAYOUT.contains(&name.as_str()));
        }
        AuditRecordBody {
            seq: row.seq,
            at: moment::write(row.at_ms),
            kind: row.kind.to_string(),
            severity: severity_of(&row.kind).word().to_owned(),
            payout_id: row.payout_id.clone(),
            body,
        }
    }

    /// What cursors are bound to.
    fn text(&self) -> String {
        match self {
            Self::Everything => "everything".to_owned(),
            Self::Somebody { id, .. } => format!("somebody {id}"),
            Self::Suspicious => "suspicious".to_owned(),
            Self::Alerts => "alerts".to_owned(),
        }
    }
}

/// Whether a row's body says something in which these words stand; most do not have the words and are not taken apart for it.
fn says(row: &JournalRecord, words: &str, judge: impl FnOnce(&Map<String, Value>) -> bool) -> bool {
    let written = Value::from(words).to_string();
    let bare = written.trim_matches('"');
    row.body.as_str().contains(bare) && row.body.read().is_ok_and(|body| judge(&body))
}

/// Which of them.
#[derive(Debug, Default)]
struct Sieve {
    severity: Option<Severity>,
    payout_id: Option<PayoutId>,
    /// What the row's cause must be.
    caused: Vec<(&'static str, String)>,
}

impl Sieve {
    fn read(parameters: &mut Parameters) -> Self {
        let severities = Severity::ALL.map(Severity::word).join(", ");
        let a_name = format!("1 to {CORRELATION_CHARS_MAX} ASCII letters, digits, `-`, `_` and `.`");
        let a_trace = "32 lower-case hex digits that are not all zero";
        let severity = parameters.parsed("severity", &format!("one of {severities}"), Severity::from_word);
        let payout_id = parameters.parsed("payout_id", "a payout's id", |text| text.parse().ok());
        let correlation_id = parameters.parsed(CORRELATION_ID, &a_name, CorrelationId::parse);
        let trace_id = parameters.parsed(TRACE_ID, a_trace, TraceId::parse);
        let correlation = correlation_id.map(|id| (CORRELATION_ID, id.as_str().to_owned()));
        let trace = trace_id.map(|id| (TRACE_ID, id.to_string()));
        Self { severity, payout_id, caused: correlation.into_iter().chain(trace).collect() }
    }

    fn lets_through(&self, row: &JournalRecord) -> bool {
        let of_payout = |id: PayoutId| row.payout_id.as_ref().is_some_and(|own| *own == id.to_string());
        self.severity.is_none_or(|least| severity_of(&row.kind) >= least)
            && self.payout_id.is_none_or(of_payout)
            && self.caused.iter().all(|(name, wanted)| {
                says(row, wanted, |body| body.get(*name).is_some_and(|told| told == wanted.as_str()))
            })
    }

    /// Nothing that it lets through was written earlier: a payout's id bears the moment at which it was made.
    fn earliest_ms(&self) -> i64 {
        self.payout_id.map_or(i64::MIN, PayoutId::made_at_ms)
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
    sieve: Sieve,
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
        let sieve = Sieve::read(&mut parameters);
        let limit = parameters.parsed("limit", &a_limit, in_range).unwrap_or(LIMIT_DEFAULT);
        let cursor = parameters.text("cursor");
        if let (Some(from_ms), Some(to_ms)) = (from_ms, to_ms)
            && from_ms > to_ms
        {
            parameters.note("from", "this moment is later than `to`: nothing was written in between");
        }
        parameters.finish()?;
        let filters = format!("{} {from_ms:?} {to_ms:?} {sieve:?}", about.text());
        let foreign = "this cursor was not handed out for this list: begin again without one";
        let before = cursor
            .map(|cursor| {
                key.read_place(&cursor, &filters).ok_or_else(|| Problem::new(Kind::ForeignCursor, foreign))
            })
            .transpose()?;
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let from_ms = from_ms.unwrap_or(i64::MIN).max(sieve.earliest_ms());
        let to_ms = to_ms.unwrap_or(i64::MAX);
        Ok(Self { about, sieve, from_ms, to_ms, limit, before, filters })
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
                let in_time = (self.from_ms..self.to_ms).contains(&row.at_ms);
                if !in_time || !self.sieve.lets_through(&row) || !self.about.has(&row) {
                    continue;
                }
                if found.len() == self.limit {
                    return Ok((found, Some(row.seq.saturating_add(1))));
                }
                found.push(self.about.shows(&row));
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
