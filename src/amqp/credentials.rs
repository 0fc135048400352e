//! Who has sent a job: its signature, held against the keys of the house (F002-07, F004-38).
//!
//! The signature stands in the message's headers under the names that a request has them under, and is over the body, the
//! `message_id`, the queue and the properties that say how the job is done ([`crate::identity::signature::job_target`]).

use std::sync::Arc;

use lapin::{
    BasicProperties,
    types::{AMQPValue, FieldTable, ShortString},
};
use payoutd_actors::domain::{
    access::{Grant, Permission},
    order::Order,
};

use super::job::Message;
use crate::{
    http::problem::{Kind, Problem},
    identity::{
        Gatekeeper, Principal, Refused, Signed, Unknown,
        signature::{KEY_HEADER, NONCE_HEADER, SIGNATURE_HEADER, Signable, TIMESTAMP_HEADER, job_target},
    },
    telemetry::names,
};

/// What stands in the place of the method.
const METHOD: &str = "AMQP";

/// Who may send jobs.
#[derive(Clone, Default)]
pub struct Senders {
    /// Who knows the keys; nobody where there are none, and every job is the house's own then.
    pub gatekeeper: Option<Arc<Gatekeeper>>,
    /// Whether a job without a signature is refused, where there are keys.
    pub require_signed_jobs: bool,
    /// The queue that jobs are sent to: it is signed.
    pub queue: String,
}

/// Why a job has no sender.
#[derive(Debug)]
pub enum NoSender {
    /// It is poison.
    Poison(Problem),
    /// It can not be told now.
    Later(String),
}

/// The signature's headers, as texts of their own.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Headers {
    key_id: String,
    timestamp: String,
    nonce: String,
    signature: String,
}

impl Senders {
    /// Whoever has sent a job.
    ///
    /// # Errors
    /// With what is wrong with its signature, or why it can not be known now.
    pub async fn of(&self, properties: &BasicProperties, message: &Message) -> Result<Principal, NoSender> {
        let Some(gatekeeper) = &self.gatekeeper else { return Ok(Gatekeeper::house()) };
        let headers = match headers_of(properties.headers().as_ref()) {
            Ok(Some(headers)) => headers,
            Ok(None) if !self.require_signed_jobs => return Ok(Gatekeeper::house()),
            Ok(None) => {
                let detail = "jobs are signed here: send x-payoutd-key, x-payoutd-timestamp, x-payoutd-nonce and x-payoutd-signature";
                return Err(NoSender::Poison(Problem::new(Kind::SignatureRequired, detail)));
            }
            Err(()) => return Err(refused(Unknown::Malformed.into())),
        };
        let expiration = message.expiration.as_deref();
        let target = job_target(&self.queue, message.priority, expiration, message.timestamp_s);
        let signable = Signable {
            method: METHOD,
            target: &target,
            body: &message.body,
            idempotency_key: message.message_id.as_deref().unwrap_or_default(),
            timestamp: &headers.timestamp,
            nonce: &headers.nonce,
        };
        let signed = Signed {
            key_id: &headers.key_id,
            timestamp: &headers.timestamp,
            nonce: &headers.nonce,
            signature: &headers.signature,
        };
        gatekeeper.let_in_job(&signed, &signable).await.map_err(refused)
    }
}

/// Whether a sender may give an order.
///
/// # Errors
/// With the permission or the route that is not granted.
pub fn must_be_let_order(sender: &Principal, order: &Order) -> Result<(), Problem> {
    sender.must_have(&Grant::least(Permission::PayoutCreate))?;
    sender.must_be_let_order(std::slice::from_ref(order))
}

fn refused(why: Refused) -> NoSender {
    match why {
        Refused::Unknown(why) => {
            metrics::counter!(names::AUTHENTICATION_FAILURES_TOTAL, "reason" => why.word()).increment(1);
            tracing::info!(reason = why.word(), "a job's signature is not believed");
            let detail = "the job's signature is not believed: hold key, clock and what was signed against docs/producers.md";
            NoSender::Poison(Problem::new(Kind::Unauthorized, detail))
        }
        Refused::Outside | Refused::Replayed => {
            NoSender::Poison(Problem::new(Kind::Forbidden, "this key is not to be used so"))
        }
        Refused::Busy => NoSender::Later("too many signatures are being checked".to_owned()),
        Refused::Store(fault) => NoSender::Later(fault.to_string()),
        Refused::Vault(fault) => {
            tracing::error!(%fault, "the secret of an API key can not be opened: is it the right master key?");
            NoSender::Later(fault.to_string())
        }
    }
}

/// The headers: none of them, or all as texts; anything else is no signature.
fn headers_of(table: Option<&FieldTable>) -> Result<Option<Headers>, ()> {
    let names = [KEY_HEADER, TIMESTAMP_HEADER, NONCE_HEADER, SIGNATURE_HEADER];
    let given = names.map(|name| table.and_then(|table| table.inner().get(&ShortString::from(name))));
    if given.iter().all(Option::is_none) {
        return Ok(None);
    }
    let [key_id, timestamp, nonce, signature] = given.map(|value| value.and_then(text_of));
    let (Some(key_id), Some(timestamp), Some(nonce), Some(signature)) = (key_id, timestamp, nonce, signature)
    else {
        return Err(());
    };
    Ok(Some(Headers { key_id, timestamp, nonce, signature }))
}

/// A text, or a whole number in digits: libraries write timestamps in either way.
pub(super) fn text_of(value: &AMQPValue) -> Option<String> {
    match value {
        AMQPValue::LongString(text) => std::str::from_utf8(text.as_bytes()).ok().map(str::to_owned),
        AMQPValue::ShortString(text) => Some(text.to_string()),
        AMQPValue::LongLongInt(number) => Some(number.to_string()),
        AMQPValue::LongInt(number) => Some(number.to_string()),
        AMQPValue::LongUInt(number) => Some(number.to_string()),
        AMQPValue::Timestamp(number) => Some(number.to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(values: &[(&str, AMQPValue)]) -> FieldTable {
        let mut table = FieldTable::default();
        for (name, value) in values {
            table.insert(ShortString::from(*name), value.clone());
        }
        table
    }

    fn text(text: &str) -> AMQPValue {
        AMQPValue::LongString(text.into())
    }

    /// All four, whichever way a library writes them; three of them are no signature, and not "unsigned" either.
    #[test]
    fn a_signature_is_whole_or_none() {
        let whole = [
            (KEY_HEADER, text("0123456789abcdef")),
            (TIMESTAMP_HEADER, AMQPValue::LongLongInt(1_763_712_000)),
            (NONCE_HEADER, text("4f1c0a7be5d24f6a")),
            (SIGNATURE_HEADER, text("v1=00")),
        ];
        let headers = headers_of(Some(&table(&whole))).unwrap().unwrap();
        assert_eq!((headers.timestamp.as_str(), headers.key_id.as_str()), ("1763712000", "0123456789abcdef"));
        assert_eq!(headers_of(None), Ok(None));
        assert_eq!(headers_of(Some(&table(&[("x-other", text("y"))]))), Ok(None));
        for missing in 0..4 {
            let mut part = whole.to_vec();
            part.remove(missing);
            assert_eq!(headers_of(Some(&table(&part))), Err(()), "{missing}");
        }
        let odd = [
            whole[0].clone(),
            whole[1].clone(),
            whole[2].clone(),
            (SIGNATURE_HEADER, AMQPValue::Boolean(true)),
        ];
        assert_eq!(headers_of(Some(&table(&odd))), Err(()));
    }
}
