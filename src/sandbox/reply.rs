//! What goes back to a client: a status, a content type and a body; and how the bytes travel when the weather is bad.

use actix_web::http::StatusCode;

use super::{ask::JavaError, json::Json, pages};

/// The content type of java-tron's JSON.
pub(crate) const JSON: &str = "application/json;charset=utf-8";

/// A reply, before it travels.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Reply {
    /// The HTTP status.
    pub(crate) status: StatusCode,
    /// Absent where java-tron sends none.
    pub(crate) content_type: Option<&'static str>,
    /// The whole body.
    pub(crate) body: String,
    /// In seconds, where the client is told to wait.
    pub(crate) retry_after_s: Option<u64>,
    /// How the bytes travel.
    pub(crate) delivery: Delivery,
}

/// How the bytes of a reply travel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Delivery {
    /// As they should.
    #[default]
    Whole,
    /// The connection closes before a single byte.
    HungUp,
    /// The first half comes, then the connection closes.
    Half,
    /// Nothing comes, and the connection stays open until the client has had enough.
    Silence,
}

impl Reply {
    /// JSON with HTTP 200; the body ends with a line feed, as all of java-tron's do.
    pub(crate) fn json(body: String) -> Reply {
        Reply::new(StatusCode::OK, Some(JSON), format!("{body}\n"))
    }

    /// A message printed by protobuf.
    pub(crate) fn protobuf(json: impl Into<Json>) -> Reply {
        Reply::json(json.into().protobuf())
    }

    /// An object printed by fastjson.
    pub(crate) fn hashed(json: impl Into<Json>) -> Reply {
        Reply::json(json.into().hashed())
    }

    /// `{}`: unknown, or nothing.
    pub(crate) fn nothing() -> Reply {
        Reply::json("{}".to_owned())
    }

    /// A web page: Jetty's for what is not served, or a gateway's.
    pub(crate) fn page((status, body): (StatusCode, String)) -> Reply {
        Reply::new(status, Some(pages::CONTENT_TYPE), body)
    }

    /// A status without a body.
    pub(crate) fn empty(status: StatusCode) -> Reply {
        Reply::new(status, None, String::new())
    }

    /// Any reply.
    pub(crate) fn new(status: StatusCode, content_type: Option<&'static str>, body: String) -> Reply {
        Reply { status, content_type, body, retry_after_s: None, delivery: Delivery::Whole }
    }

    /// The same reply on another road.
    pub(crate) fn travelling(self, delivery: Delivery) -> Reply {
        Reply { delivery, ..self }
    }
}

impl From<Result<Reply, JavaError>> for Reply {
    /// A complaint is HTTP 200 too.
    fn from(result: Result<Reply, JavaError>) -> Reply {
        result.unwrap_or_else(|complaint| Reply::hashed(complaint.to_json()))
    }
}
