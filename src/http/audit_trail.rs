//! `/v1/audit/records`, `/v1/audit/users/{id}`, `/v1/audit/suspicious`, `/v1/audit/alerts`: what the journal says at all, of somebody, of
//! those who try what they should not, and of what somebody must hear of (F004-30). Newest first, in pages.
//!
//! A page is found by reading the journal backwards by its own numbers, [`ROWS_READ_MAX`] rows at most: it costs the same however
//! long the journal is, it finds rows of every age, and a page that ends before it is full says where the next one begins. No filter has
//! an index: the journal is written at every step of every payout, and what nobody asks for must cost nothing there.
//!
//! The store sifts, so that what nobody asked for is not brought here. Of a body it knows only whether some words stand in it; what they
//! are the name of is judged here, and how many of such rows are taken apart for a page is bounded too (`CANDIDATES_MAX`). Where a time
//! is asked for, rows of other times are passed over first ([`ROWS_PASSED_MAX`]): they lie around it by the thousand where much is written
//! within `DISORDER_MS`, and a page should not end among them.
//!
//! Promises that nobody reads of somebody else without the permission, and is not told whether there is such a somebody (D-67).

use actix_web::{
    HttpRequest, HttpResponse,
    web::{Data, Path},
};
use payoutd_actors::{
    domain::{
        access::{Permission, Reach},
        identity::PayoutId,
        journal::{
            Body, CORRELATION_CHARS_MAX, CORRELATION_ID, CorrelationId, JournalRecord, TRACE_ID, TraceId,
            vocabulary::{Kinds, Severity, severity_of},
        },
    },
    ports::JournalSearch,
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
/// Rows of another time that are passed over for a page at most, before any is read: only their moments are looked at.
pub const ROWS_PASSED_MAX: i64 = 20_000;
/// Rows that are judged by their bodies for a page at most, when the first ones that the store has found do not fill it.
const CANDIDATES_MAX: u32 = 1_000;
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
    /// Whether rows of a kind are of this list, by how grave they are and by whether they are suspicious.
    fn has_kind(&self, severity: Severity, suspicious: bool) -> bool {
        match self {
            Self::Everything | Self::Somebody { .. } => true,
            Self::Suspicious => suspicious,
            Self::Alerts => severity == Severity::Critical,
        }
    }

    /// What stands in every body of this list: a person is named by their id, or by it behind [`PERSON`].
    fn text(&self) -> Option<String> {
        match self {
            Self::Somebody { id, .. } => Body::text(id).strip_prefix('"').map(str::to_owned),
            Self::Everything | Self::Suspicious | Self::Alerts => None,
        }
    }

    /// Whether a row is of this list, by its body.
    fn has(&self, body: &Map<String, Value>) -> bool {
        let Self::Somebody { id, .. } = self else { return true };
        let mut named = NAMED_IN.iter().filter_map(|name| body.get(*name)?.as_str());
        named.any(|name| name == id || name.strip_prefix(PERSON) == Some(id))
    }

    /// What is shown of a row.
    fn shows(&self, row: JournalRecord, mut body: Map<String, Value>) -> AuditRecordBody {
        if row.payout_id.is_some() && matches!(self, Self::Somebody { orders_too: false, .. }) {
            body.retain(|name, _| TOLD_OF_A_PAYOUT.contains(&name.as_str()));
        }
        AuditRecordBody {
            seq: row.seq,
            at: moment::write(row.at_ms),
            kind: row.kind.to_string(),
            severity: severity_of(&row.kind).word().to_owned(),
            payout_id: row.payout_id,
            body,
        }
    }

    /// What cursors are bound to.
    fn bond(&self) -> String {
        match self {
            Self::Everything => "everything".to_owned(),
            Self::Somebody { id, .. } => format!("somebody {id}"),
            Self::Suspicious => "suspicious".to_owned(),
            Self::Alerts => "alerts".to_owned(),
        }
    }
}

/// Which of them.
#[derive(Debug, Default)]
struct Sieve {
    severity: Option<Severity>,
    payout_id: Option<PayoutId>,
    /// What the row's cause must be.
    caused: [(&'static str, Option<String>); 2],
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
        let correlation_id = correlation_id.map(|id| id.as_str().to_owned());
        let caused = [(CORRELATION_ID, correlation_id), (TRACE_ID, trace_id.map(|id| id.to_string()))];
        Self { severity, payout_id, caused }
    }

    fn has_kind(&self, severity: Severity) -> bool {
        self.severity.is_none_or(|least| severity >= least)
    }

    /// What stands in every body that is let through.
    fn texts(&self) -> [Option<String>; 2] {
        self.caused.each_ref().map(|(name, wanted)| {
            wanted.as_ref().map(|wanted| format!("{}:{}", Body::text(name), Body::text(wanted)))
        })
    }

    /// Whether a row is let through, by its body.
    fn has(&self, body: &Map<String, Value>) -> bool {
        let mut wanted = self.caused.iter().filter_map(|(name, wanted)| Some((*name, wanted.as_ref()?)));
        wanted.all(|(name, wanted)| body.get(name).is_some_and(|told| told == wanted.as_str()))
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
    limit: u32,
    before: Option<i64>,
    filters: String,
}

/// Records, and the place before which the next page begins.
type Page = (Vec<AuditRecordBody>, Option<i64>);

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
        let filters = format!("{} {from_ms:?} {to_ms:?} {sieve:?}", about.bond());
        let foreign = "this cursor was not handed out for this list: begin again without one";
        let before = cursor
            .map(|cursor| {
                key.read_place(&cursor, &filters).ok_or_else(|| Problem::new(Kind::ForeignCursor, foreign))
            })
            .transpose()?;
        let from_ms = from_ms.unwrap_or(i64::MIN).max(sieve.earliest_ms());
        let to_ms = to_ms.unwrap_or(i64::MAX);
        Ok(Self { about, sieve, from_ms, to_ms, limit, before, filters })
    }

    /// The records of a page.
    async fn look(&self, office: &dyn Office) -> Result<Page, Problem> {
        let floor = self.floor(office).await?;
        let before = match self.before {
            Some(before) => before,
            None => office.journal_place_behind(self.to_ms.saturating_add(DISORDER_MS)).await?,
        };
        let before = self.pass_over(office, floor, before).await?;
        self.read_back(office, floor, before).await
    }

    /// No row before this place may be within the time that is asked for: there the list ends.
    async fn floor(&self, office: &dyn Office) -> Result<i64, Problem> {
        let too_early_ms = self.from_ms.saturating_sub(DISORDER_MS).saturating_sub(1);
        match self.from_ms {
            i64::MIN => Ok(1),
            _ => Ok(office.journal_place_behind(too_early_ms).await?),
        }
    }

    /// The place behind the newest row that is within the time that is asked for, as far as it is looked for.
    async fn pass_over(&self, office: &dyn Office, floor: i64, before: i64) -> Result<i64, Problem> {
        if (self.from_ms, self.to_ms) == (i64::MIN, i64::MAX) {
            return Ok(before);
        }
        let first = before.saturating_sub(ROWS_PASSED_MAX).max(floor);
        let of_its_time =
            JournalSearch { from_ms: self.from_ms, to_ms: self.to_ms, ..JournalSearch::of(first, before, 1) };
        let newest = office.journal_search(&of_its_time).await?;
        Ok(newest.first().map_or(first, |row| row.seq.saturating_add(1)))
    }

    /// Reads from a place backwards. The page ends where one record more is found than fits on it, where the rows end that may be read for
    /// it, or where enough of them were judged; the next one begins with the first row that was not judged for this one.
    async fn read_back(&self, office: &dyn Office, floor: i64, before: i64) -> Result<Page, Problem> {
        let first = before.saturating_sub(ROWS_READ_MAX).max(floor);
        let (mut found, mut judged_to) = (Vec::new(), before);
        // Most of what the store finds is as it should be, and a page is full with the first answer.
        for limit in [self.limit.saturating_add(1), CANDIDATES_MAX] {
            let rows = office.journal_search(&self.search(first, judged_to, limit)).await?;
            let all = rows.len() < usize::try_from(limit).unwrap_or(usize::MAX);
            for row in rows {
                let before_it = judged_to;
                judged_to = row.seq;
                let Some(record) = self.record(row) else { continue };
                if u32::try_from(found.len()) == Ok(self.limit) {
                    return Ok((found, Some(before_it)));
                }
                found.push(record);
            }
            if all {
                judged_to = first;
                break;
            }
        }
        Ok((found, Some(judged_to).filter(|place| *place > floor)))
    }

    /// What the store is asked for: it finds every row that [`Self::record`] shows, and some that it does not.
    fn search(&self, first: i64, before: i64, limit: u32) -> JournalSearch {
        let [correlation_id, trace_id] = self.sieve.texts();
        JournalSearch {
            from_ms: self.from_ms,
            to_ms: self.to_ms,
            payout_id: self.sieve.payout_id,
            kinds: Kinds::which(|severity, suspicious| {
                self.sieve.has_kind(severity) && self.about.has_kind(severity, suspicious)
            }),
            texts: [self.about.text(), correlation_id, trace_id],
            ..JournalSearch::of(first, before, limit)
        }
    }

    /// What is shown of a row that the store has found; `None` where its body says something else than what is asked for.
    fn record(&self, row: JournalRecord) -> Option<AuditRecordBody> {
        // A body that somebody spoiled says nothing.
        let body = row.body.read().unwrap_or_default();
        (self.sieve.has(&body) && self.about.has(&body)).then(|| self.about.shows(row, body))
    }
}
