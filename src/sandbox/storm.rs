//! Transport's bad weather: what a client gets when an answer does not arrive as it should.

use actix_web::http::StatusCode;
use payoutd_actors::fakes::sim_chain::Lost;

use super::{
    json::{Fields, Json},
    reply::{Delivery, Reply},
};

/// A gateway's page, where JSON was expected.
const PAGE: &str = "<!DOCTYPE html>\n<html><head><title>Just a moment...</title></head>\n\
    <body><h1>Checking your browser before accessing the service.</h1></body></html>\n";
/// The beginning of a reply.
const HALF_OF_A_REPLY: &str = "{\"result\":true,\"code\":\"SUCC";
/// The beginning of a block.
const HALF_OF_A_BLOCK: &str = "{\"blockID\":\"00000000000004b9c675e699628456918bd6f0a4";

/// What a client gets. Half a JSON comes in both ways that are seen in life: a broadcast's reply breaks with the line, a
/// question's is cut short by a gateway that says it is whole.
pub(crate) fn reply(lost: Lost, to_broadcast: bool) -> Reply {
    match lost {
        Lost::HangsUp => Reply::json("{}".to_owned()).travelling(Delivery::HungUp),
        Lost::TimesOut => Reply::json("{}".to_owned()).travelling(Delivery::Silence),
        Lost::Html => Reply::new(StatusCode::OK, Some("text/html; charset=UTF-8"), PAGE.to_owned()),
        Lost::HalfJson if to_broadcast => {
            // The door sends one half of this and breaks the line.
            Reply::json(HALF_OF_A_REPLY.repeat(2)).travelling(Delivery::Half)
        }
        Lost::HalfJson => Reply::new(StatusCode::OK, Some(super::reply::JSON), HALF_OF_A_BLOCK.to_owned()),
        Lost::Status { code, retry_after_s } => status(code, retry_after_s),
    }
}

/// A gateway's refusal, in TronGrid's words.
fn status(code: u16, retry_after_s: Option<u32>) -> Reply {
    let status = StatusCode::from_u16(code).unwrap_or(StatusCode::SERVICE_UNAVAILABLE);
    let reply = match code {
        403 | 429 => {
            let words = "The key exceeds the frequency limit(15), and the query server is suspended for 30s";
            Reply::json(Json::Object(Fields::new().with("Error", words)).plain())
        }
        _ => Reply::new(status, Some("text/html; charset=UTF-8"), PAGE.to_owned()),
    };
    Reply { status, retry_after_s: retry_after_s.map(u64::from), ..reply }
}
