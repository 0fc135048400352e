//! `GET /v1/payouts`: pages, newest first.

use actix_web::{HttpRequest, HttpResponse, web::Data};
use payoutd_actors::{
    domain::{
        access::Reached,
        identity::{AccountId, PayoutId},
        payout::{Payout, Stage},
    },
    ports::PayoutFilter,
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::body::PayoutBody;
use crate::{
    http::{
        access::Permission,
        cursor::CursorKey,
        door::Door,
        openapi::{OnListing, words},
        problem::{Kind, Problem},
        query::Parameters,
    },
    identity::Principal,
    wire::moment,
};

/// Payouts of a page, unless the caller says otherwise.
pub const LIMIT_DEFAULT: u32 = 50;
/// Payouts of a page at most.
pub const LIMIT_MAX: u32 = 200;

/// What the name of an account looks like.
const ACCOUNT: &str = "a name of 1 to 64 characters from a-z, 0-9, `_`, `-` and `.`";

/// Every parameter that a list takes.
pub const PARAMETERS: &[&str] =
    &["account", "stage", "recipient", "reference", "from", "to", "limit", "cursor"];

/// What to list.
#[derive(Debug, Clone, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ListQuery {
    /// Only of this account. One that is out of the caller's reach has none.
    #[param(min_length = 1, max_length = 64)]
    pub account: Option<String>,
    /// Only in this stage.
    #[param(value_type = Option<words::StageWord>)]
    pub stage: Option<String>,
    /// Only to this recipient.
    pub recipient: Option<String>,
    /// Only with this reference.
    pub reference: Option<String>,
    /// Created at or after this moment.
    #[param(format = DateTime)]
    pub from: Option<String>,
    /// Created before this moment; not earlier than `from`.
    #[param(format = DateTime)]
    pub to: Option<String>,
    /// Payouts of a page: 1 to 200, 50 if left out.
    #[param(minimum = 1, maximum = 200)]
    pub limit: Option<u32>,
    /// `next_cursor` of the page before, with the same filters.
    pub cursor: Option<String>,
}

/// A page of payouts, newest first.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(as = PayoutPage)]
pub struct PageBody {
    /// The payouts.
    pub payouts: Vec<PayoutBody>,
    /// Where the next page begins; null on the last.
    #[schema(required = true)]
    pub next_cursor: Option<String>,
}

/// List payouts
///
/// Newest first, in pages.
#[utoipa::path(
    get, path = "/v1/payouts", tag = "payouts", operation_id = "listPayouts",
    params(ListQuery),
    responses((status = 200, description = "A page", body = PageBody), OnListing),
    security(("token" = []))
)]
pub async fn list(
    request: HttpRequest,
    door: Data<Door>,
    principal: Principal,
) -> Result<HttpResponse, Problem> {
    let key = &door.settings.cursor_key;
    let wanted = Wanted::read(request.query_string(), key)?;
    let reached = door.reached_by(&principal, Permission::PayoutRead).await?;
    let whose = reached.shared_with(&wanted.filter.whose);
    let filter = PayoutFilter { whose, ..wanted.filter.clone() };
    let payouts = door.office()?.list(&filter, wanted.asked_for()).await?;
    Ok(HttpResponse::Ok().json(wanted.page(payouts, key)))
}

/// What a query asks for, read for whoever answers it: the door, or a command that reads the store itself.
#[derive(Debug)]
pub struct Wanted {
    /// Which payouts, of everybody or of the account that was asked for: whoever answers keeps to what is in the caller's reach.
    pub filter: PayoutFilter,
    limit: u32,
    /// The filters as one text, to which cursors are bound.
    filters: String,
}

impl Wanted {
    /// Reads a query.
    ///
    /// # Errors
    /// Every mistake of the query; a cursor that was not made for it with this key.
    pub fn read(query: &str, key: &CursorKey) -> Result<Self, Problem> {
        let mut parameters = Parameters::read(query)?;
        let stages = Stage::ALL.map(Stage::word).join(", ");
        let a_moment = format!("a moment like {}", moment::EXAMPLE);
        let a_limit = format!("a whole number from 1 to {LIMIT_MAX}");
        let in_range = |text: &str| text.parse().ok().filter(|limit| (1..=LIMIT_MAX).contains(limit));
        let account = parameters.parsed("account", ACCOUNT, |text| AccountId::new(text).ok());
        let filter = PayoutFilter {
            stage: parameters.parsed("stage", &format!("one of {stages}"), Stage::from_word),
            recipient: parameters.parsed(
                "recipient",
                "an address of 34 characters starting with T",
                |text| text.parse().ok(),
            ),
            reference: parameters.text("reference"),
            from_ms: parameters.parsed("from", &a_moment, moment::read),
            to_ms: parameters.parsed("to", &a_moment, moment::read),
            ..PayoutFilter::of(account.as_ref().map_or(Reached::Everybody, Reached::one))
        };
        let limit = parameters.parsed("limit", &a_limit, in_range).unwrap_or(LIMIT_DEFAULT);
        let cursor = parameters.text("cursor");
        if let (Some(from_ms), Some(to_ms)) = (filter.from_ms, filter.to_ms)
            && from_ms > to_ms
        {
            parameters.note("from", "this moment is later than `to`: no payout was created in between");
        }
        parameters.finish()?;
        let PayoutFilter { stage, recipient, reference, from_ms, to_ms, .. } = &filter;
        let mut filters = format!("{stage:?} {recipient:?} {reference:?} {from_ms:?} {to_ms:?}");
        if let Some(account) = &account {
            filters = format!("{account} {filters}");
        }
        let before = cursor.map(|cursor| begin(&cursor, &filters, key)).transpose()?;
        Ok(Self { filter: PayoutFilter { before, ..filter }, limit, filters })
    }

    /// How many payouts to ask the store for: one more than the page shows whether there is a next one.
    #[must_use]
    pub fn asked_for(&self) -> u32 {
        self.limit.saturating_add(1)
    }

    /// The page, of what the store gave.
    #[must_use]
    pub fn page(&self, mut payouts: Vec<Payout>, key: &CursorKey) -> PageBody {
        let page = usize::try_from(self.limit).unwrap_or(usize::MAX);
        let has_more = payouts.len() > page;
        payouts.truncate(page);
        let last = payouts.last().filter(|_| has_more);
        let next_cursor = last.map(|last| key.write(last.id, &self.filters));
        PageBody { payouts: payouts.iter().map(PayoutBody::from).collect(), next_cursor }
    }
}

fn begin(cursor: &str, filters: &str, key: &CursorKey) -> Result<PayoutId, Problem> {
    let foreign = "this cursor was not handed out for this list: begin again without one";
    key.read(cursor, filters).ok_or_else(|| Problem::new(Kind::ForeignCursor, foreign))
}
