//! `/v1/admin/nodes`: which account is of which node (F000-07).

use actix_web::{
    HttpRequest, HttpResponse,
    web::{Data, Path},
};
use payoutd_actors::domain::{
    access::NodeName,
    identity::{AccountId, NotAnAccount},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    body::{JsonBody, note_of, read_object},
    door::Door,
    office::Fault,
    openapi::{OnChanging, OnListingKept},
    problem::{Kind, MistakeBody, Problem},
    query::Parameters,
};
use crate::{
    identity::{By, Principal},
    nodes::{NodeAccount, NodeDesk, NodeFault, PAGE_MAX},
    wire::moment,
};

/// Every parameter that the list takes.
pub const PARAMETERS: &[&str] = &["node", "after"];

/// What a name looks like.
const NAME: &str = "a name of 1 to 64 characters from a-z, 0-9, `_`, `-` and `.`";

/// Which node an account shall be of.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(as = NewNodeAccount)]
pub struct NewNodeAccountBody {
    /// The node: 1 to 64 characters from `a-z 0-9 _ - .`. One that is not there yet begins with it.
    #[schema(min_length = 1, max_length = 64)]
    pub node: String,
    /// Your words, kept in the journal.
    #[schema(min_length = 1, max_length = 500)]
    pub reason: String,
}

/// Why an account shall be of no node.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(as = NodeRemoval)]
pub struct NodeRemovalBody {
    /// Your words, kept in the journal.
    #[schema(min_length = 1, max_length = 500)]
    pub reason: String,
}

/// Which node an account is of.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(as = NodeAccount)]
pub struct NodeAccountBody {
    /// The account.
    pub account: String,
    /// Its node.
    pub node: String,
    /// Who has said so.
    pub by: String,
    /// When.
    #[schema(format = DateTime)]
    pub at: String,
    /// Why.
    pub reason: String,
}

/// Accounts with their nodes, by the accounts' names; an account that is of no node is not among them.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(as = NodeAccounts)]
pub struct NodeAccountsBody {
    /// The accounts.
    pub accounts: Vec<NodeAccountBody>,
    /// What to ask `after` for the next page; null behind the last.
    pub next_after: Option<String>,
}

impl NodeAccountBody {
    fn of(one: &NodeAccount) -> Self {
        Self {
            account: one.account.to_string(),
            node: one.node.to_string(),
            by: one.set_by.clone(),
            at: moment::write(one.set_at_ms),
            reason: one.reason.clone(),
        }
    }
}

/// List which account is of which node
#[utoipa::path(
    get, path = "/v1/admin/nodes", tag = "users", operation_id = "listNodes",
    params(
        ("node" = Option<String>, Query, description = "Accounts of this node alone"),
        ("after" = Option<String>, Query, description = "Accounts behind this name: `next_after` of the page before")),
    responses((status = 200, description = "Accounts with their nodes", body = NodeAccountsBody), OnListingKept),
    security(("token" = []))
)]
pub async fn list(
    request: HttpRequest,
    door: Data<Door>,
    _principal: Principal,
) -> Result<HttpResponse, Problem> {
    let mut asked = Parameters::read(request.query_string())?;
    let node = asked.parsed("node", NAME, |text| text.parse::<NodeName>().ok());
    let after = asked.parsed("after", NAME, |text| AccountId::new(text).ok());
    asked.finish()?;
    let after = after.as_ref().map_or("", AccountId::as_str);
    let page = desk(&door)?.page(node.as_ref(), after, PAGE_MAX).await.map_err(Fault::from)?;
    let is_full = u32::try_from(page.len()).is_ok_and(|count| count >= PAGE_MAX);
    let next_after = page.last().filter(|_| is_full).map(|last| last.account.to_string());
    let accounts = page.iter().map(NodeAccountBody::of).collect();
    Ok(HttpResponse::Ok().json(NodeAccountsBody { accounts, next_after }))
}

/// Say which node an account is of
///
/// Of another one it was until now it is no more. From the next request on, whoever's permission reaches their node reaches every account of
/// it: reads its payouts, and may call them off where they may do that.
#[utoipa::path(
    put, path = "/v1/admin/nodes/{account}", tag = "users", operation_id = "assignNode",
    params(("account" = String, Path, description = "The account's name")),
    request_body = NewNodeAccountBody,
    responses((status = 200, description = "The account with its node", body = NodeAccountBody), OnChanging),
    security(("token" = []))
)]
pub async fn assign(
    door: Data<Door>,
    by: By,
    account: Path<String>,
    body: JsonBody,
) -> Result<HttpResponse, Problem> {
    let account = account_of(&account)?;
    let (node, reason) = read_object(&body.0, |fields| {
        let node = fields.required_text("node", "a string like \"north\"").map(|text| {
            let node = text.parse::<NodeName>();
            if node.is_err() {
                fields.note("node", format!("{NAME} is wanted"));
            }
            node.ok()
        });
        let reason = note_of(fields, "reason");
        Some((node??, reason?))
    })?;
    let assigned = desk(&door)?.assign(&account, &node, &reason, &by).await.map_err(not_done)?;
    Ok(HttpResponse::Ok().json(NodeAccountBody::of(&assigned)))
}

/// Take an account out of its node
///
/// From the next request on it is out of the node's reach, and whoever spends its money reaches it alone.
#[utoipa::path(
    post, path = "/v1/admin/nodes/{account}/remove", tag = "users", operation_id = "removeFromNode",
    params(("account" = String, Path, description = "The account's name")),
    request_body = NodeRemovalBody,
    responses((status = 204, description = "It is of no node"), OnChanging),
    security(("token" = []))
)]
pub async fn remove(
    door: Data<Door>,
    by: By,
    account: Path<String>,
    body: JsonBody,
) -> Result<HttpResponse, Problem> {
    let account = account_of(&account)?;
    let reason = read_object(&body.0, |fields| note_of(fields, "reason"))?;
    desk(&door)?.remove(&account, &reason, &by).await.map_err(not_done)?;
    Ok(HttpResponse::NoContent().finish())
}

/// The account in a path.
fn account_of(text: &str) -> Result<AccountId, Problem> {
    AccountId::new(text).map_err(|NotAnAccount| {
        let mistake = MistakeBody::of_parameter("account", &format!("{NAME} is wanted"));
        Problem::mistakes(Kind::InvalidOrder, vec![mistake])
    })
}

fn desk(door: &Door) -> Result<&NodeDesk, Problem> {
    door.nodes().ok_or_else(|| Problem::new(Kind::NotFound, "no nodes are kept here"))
}

fn not_done(why: NodeFault) -> Problem {
    match why {
        NodeFault::OfNone => Problem::new(Kind::NotFound, why.to_string()),
        why @ (NodeFault::Outdated
        | NodeFault::NodeFull
        | NodeFault::TooManyNodes
        | NodeFault::TooManyAccounts) => Problem::new(Kind::Conflict, why.to_string()),
        NodeFault::Store(fault) => Fault::from(fault).into(),
    }
}
