//! A request's body: of the right type, whole, in time and not too long, or a problem that says so.
//!
//! A body that is too long is answered when that is known; what is left of it is [`super::rest`]'s. Small objects are read here
//! with all their mistakes at once; orders have a reader of their own.

use actix_web::{
    FromRequest, HttpRequest,
    dev::Payload,
    error::PayloadError,
    http::header,
    web::{Bytes, BytesMut, Data},
};
use futures_util::{StreamExt, future::LocalBoxFuture};

use super::{
    door::Door,
    problem::{Kind, Problem},
};
use crate::wire::{
    fields::{Fields, Problems},
    json,
};

/// Characters that a person's words may have.
pub const NOTE_CHARS_MAX: usize = 500;

/// A JSON body, whole.
pub struct JsonBody(pub Bytes);

impl FromRequest for JsonBody {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let (request, payload) = (request.clone(), payload.take());
        Box::pin(async move {
            must_be_json(&request)?;
            read(&request, payload).await.map(Self)
        })
    }
}

/// A body that may be left out; where there is one, it is JSON.
pub struct OptionalJsonBody(pub Option<Bytes>);

impl FromRequest for OptionalJsonBody {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let (request, payload) = (request.clone(), payload.take());
        Box::pin(async move {
            let bytes = read(&request, payload).await?;
            if bytes.is_empty() {
                return Ok(Self(None));
            }
            must_be_json(&request)?;
            Ok(Self(Some(bytes)))
        })
    }
}

fn must_be_json(request: &HttpRequest) -> Result<(), Problem> {
    let refuse = |detail: &str| Err(Problem::new(Kind::UnsupportedMediaType, detail));
    let encoding = request.headers().get(header::CONTENT_ENCODING);
    if encoding.is_some_and(|encoding| encoding != "identity") {
        return refuse("the body is compressed: send it as it is");
    }
    let mut given = request.headers().get_all(header::CONTENT_TYPE);
    let (Some(value), None) = (given.next(), given.next()) else {
        return refuse("send `Content-Type: application/json`, once");
    };
    let essence = value.to_str().unwrap_or_default().split(';').next().unwrap_or_default().trim();
    if essence.eq_ignore_ascii_case("application/json") {
        return Ok(());
    }
    refuse("only `Content-Type: application/json` is taken")
}

/// A body, whole, within the door's limits.
pub(super) async fn read(request: &HttpRequest, payload: Payload) -> Result<Bytes, Problem> {
    let Some(door) = request.app_data::<Data<Door>>() else {
        return Err(Problem::new(Kind::Internal, "the request could not be read"));
    };
    let bytes_max = door.settings.body_bytes_max;
    let announced = request.headers().get(header::CONTENT_LENGTH);
    let announced =
        announced.and_then(|value| value.to_str().ok()).and_then(|text| text.parse::<usize>().ok());
    if announced.is_some_and(|length| length > bytes_max) {
        return Err(too_large(bytes_max));
    }
    match tokio::time::timeout(door.settings.body_within, collect(payload, bytes_max)).await {
        Ok(read) => read,
        Err(_) => {
            let seconds = door.settings.body_within.as_secs();
            Err(Problem::new(Kind::RequestTimeout, format!("the body did not arrive within {seconds} s")))
        }
    }
}

async fn collect(mut payload: Payload, bytes_max: usize) -> Result<Bytes, Problem> {
    let mut body = BytesMut::new();
    while let Some(chunk) = payload.next().await {
        let chunk = chunk.map_err(broken)?;
        if body.len().saturating_add(chunk.len()) > bytes_max {
            return Err(too_large(bytes_max));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body.freeze())
}

fn too_large(bytes_max: usize) -> Problem {
    Problem::new(
        Kind::BodyTooLarge,
        format!("the body is longer than {bytes_max} bytes: send less at a time"),
    )
}

fn broken(error: PayloadError) -> Problem {
    tracing::debug!(error = &error as &dyn std::error::Error, "a body broke off");
    Problem::new(Kind::MalformedRequest, "the body broke off before its end")
}

/// A body with nothing in it, or none.
pub(super) fn nothing_in(body: OptionalJsonBody) -> Result<(), Problem> {
    body.0.map_or(Ok(()), |bytes| read_object(&bytes, |_| Some(())))
}

/// Reads a small object whole, with all its mistakes.
pub(super) fn read_object<T>(
    bytes: &[u8],
    take: impl FnOnce(&mut Fields<'_>) -> Option<T>,
) -> Result<T, Problem> {
    let (value, twice) =
        json::read(bytes).map_err(|why| Problem::new(Kind::MalformedRequest, why.to_string()))?;
    let mut problems = Problems::beginning_with(twice);
    let mut taken = None;
    if let Some(mut fields) = Fields::of(value, "", &mut problems) {
        taken = take(&mut fields);
        fields.refuse_the_rest();
    }
    match taken {
        Some(taken) if problems.is_empty() => Ok(taken),
        _ => Err(Problem::mistakes(Kind::InvalidOrder, problems.into_list())),
    }
}

/// A person's words: some, and not too many.
pub(super) fn note_of(fields: &mut Fields<'_>, name: &'static str) -> Option<String> {
    let text = fields.required_text(name, "a string")?;
    let chars = text.chars().count();
    if text.trim().is_empty() {
        fields.note(name, "say why, in a few words: they stand in the journal");
        return None;
    }
    if chars > NOTE_CHARS_MAX || text.chars().any(char::is_control) {
        fields.note(name, format!("at most {NOTE_CHARS_MAX} characters without control characters are kept"));
        return None;
    }
    Some(text)
}
