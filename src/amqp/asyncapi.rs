//! The description of what is spoken over the broker (AsyncAPI 3.0), made from the types that speak it: docs/asyncapi.yaml.
//!
//! The schemas of orders, payouts and problems are those of the front door's description: one order, one shape, whichever door.

use crate::identity::signature::{KEY_HEADER, NONCE_HEADER, SIGNATURE_HEADER, TIMESTAMP_HEADER};
use std::collections::BTreeSet;

use serde_json::{Map, Value, json};
use utoipa::PartialSchema;

use super::{dead_letter, reply::ReplyBody};
use crate::{
    http::{openapi, request_id::TRACEPARENT},
    wire::cloud_event::CLOUD_EVENT_JSON,
};

/// The whole description.
#[must_use]
pub fn document() -> Value {
    let messages = json!({ "job": job(), "reply": reply(), "deadJob": dead_job(), "event": event(), "checkpoint": checkpoint() });
    let schemas = schemas_of(&messages);
    json!({
        "asyncapi": "3.0.0",
        "info": {
            "title": "payoutd over RabbitMQ",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Jobs come in; answers, dead letters and events go out. docs/producers.md shows producers, docs/events.md \
                            consumers.",
            "license": { "name": "MIT OR Apache-2.0" },
        },
        "defaultContentType": "application/json",
        "servers": { "broker": {
            "host": "mq.example", "pathname": "/payments", "protocol": "amqps", "protocolVersion": "0.9.1",
            "description": "amqp.url: a RabbitMQ, 3.10 or newer",
        } },
        "channels": {
            "jobs": {
                "address": "payoutd.jobs",
                "description": "A quorum queue (amqp.queue). Publish to the default exchange with the queue's name as routing \
                                key, with confirms.",
                "messages": { "job": { "$ref": "#/components/messages/job" } },
                "bindings": queue("payoutd.jobs"),
            },
            "replies": {
                "address": null,
                "description": "The queue that a job names in reply_to.",
                "messages": { "reply": { "$ref": "#/components/messages/reply" } },
            },
            "deadJobs": {
                "address": "payoutd.jobs.dead",
                "description": "A quorum queue (amqp.dead_queue): what can not be done, each with its reason.",
                "messages": { "deadJob": { "$ref": "#/components/messages/deadJob" } },
                "bindings": queue("payoutd.jobs.dead"),
            },
            "events": {
                "address": "payoutd.events",
                "description": "A topic exchange (amqp.events_exchange): everything that happened, in order. The routing key is the \
                                event's type; bind a queue of your own with payout.# or #.",
                "messages": {
                    "event": { "$ref": "#/components/messages/event" },
                    "checkpoint": { "$ref": "#/components/messages/checkpoint" },
                },
                "bindings": exchange("payoutd.events"),
            },
        },
        "operations": {
            "takeJob": {
                "action": "receive",
                "summary": "A job is taken in, once for each key, and acknowledged when it is on file.",
                "channel": { "$ref": "#/channels/jobs" },
                "messages": [{ "$ref": "#/channels/jobs/messages/job" }],
                "reply": {
                    "address": { "location": "$message.header#/reply_to" },
                    "channel": { "$ref": "#/channels/replies" },
                    "messages": [{ "$ref": "#/channels/replies/messages/reply" }],
                },
            },
            "layAside": {
                "action": "send",
                "summary": "A job that can not be done is laid aside with its reason, and acknowledged.",
                "channel": { "$ref": "#/channels/deadJobs" },
                "messages": [{ "$ref": "#/channels/deadJobs/messages/deadJob" }],
            },
            "tell": {
                "action": "send",
                "summary": "What happened is told, each event after those before it; after a crash some are told again.",
                "channel": { "$ref": "#/channels/events" },
                "messages": [
                    { "$ref": "#/channels/events/messages/event" },
                    { "$ref": "#/channels/events/messages/checkpoint" },
                ],
            },
        },
        "components": { "messages": messages, "schemas": schemas },
    })
}

fn queue(name: &str) -> Value {
    let queue = json!({ "name": name, "durable": true, "exclusive": false, "autoDelete": false });
    json!({ "amqp": { "is": "queue", "queue": queue, "bindingVersion": "0.3.0" } })
}

fn exchange(name: &str) -> Value {
    let exchange = json!({ "name": name, "type": "topic", "durable": true, "autoDelete": false });
    json!({ "amqp": { "is": "routingKey", "exchange": exchange, "bindingVersion": "0.3.0" } })
}

fn text(about: &str) -> Value {
    json!({ "type": "string", "description": about })
}

/// What AMQP calls properties stands among the headers here, by AMQP's names.
fn job() -> Value {
    let key = json!({
        "type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$",
        "description": "The idempotency key: your own name for the order. Sent again with the same body it is the same payout.",
    });
    let priority = json!({
        "type": "integer", "minimum": 0, "maximum": 9,
        "description": "1 to 9: how urgent the order is, where its body does not say. 0 says nothing.",
    });
    let timestamp = json!({ "type": "integer", "description": "When it was sent, unix seconds." });
    json!({
        "name": "job",
        "title": "An order",
        "contentType": "application/json",
        "correlationId": { "location": "$message.header#/message_id" },
        "headers": {
            "type": "object",
            "required": ["message_id"],
            "properties": {
                "message_id": key,
                "priority": priority,
                "expiration": text("Milliseconds: not signed by then, the payout is cancelled. Counted from timestamp, else from receipt."),
                "timestamp": timestamp,
                "reply_to": text("The queue that is told what became of the job."),
                "correlation_id": text("The answer's name, and the job's in the journal; message_id where there is none."),
                (TRACEPARENT): text("The trace of which the job is a part (W3C Trace Context); the journal keeps it."),
                (KEY_HEADER): text("The id of the API key that signed the job; wanted, with the three below, where jobs are signed."),
                (TIMESTAMP_HEADER): text("When it was signed, unix seconds."),
                (NONCE_HEADER): text("16 to 64 characters from A-Z a-z 0-9 - _."),
                (SIGNATURE_HEADER): text("v1= and 64 hex digits: HMAC-SHA256 as docs/identity.md says."),
            },
        },
        "payload": { "$ref": "#/components/schemas/PayoutOrder" },
    })
}

fn reply() -> Value {
    json!({
        "name": "reply",
        "title": "What became of a job",
        "contentType": "application/json",
        "headers": {
            "type": "object",
            "required": ["correlation_id", "type"],
            "properties": {
                "correlation_id": text("The job's correlation_id, or its message_id."),
                "type": { "type": "string", "enum": ["admitted", "repeated", "refused"] },
            },
        },
        "payload": { "$ref": "#/components/schemas/JobReply" },
    })
}

fn dead_job() -> Value {
    let reason = json!({
        "type": "string", "contentMediaType": "application/problem+json",
        "contentSchema": { "$ref": "#/components/schemas/Problem" },
        "description": "The problem document (RFC 9457) as JSON text. A job that the broker itself laid aside has x-death instead.",
    });
    let mut headers = Map::new();
    headers.insert(dead_letter::PROBLEM.to_owned(), reason);
    headers.insert(dead_letter::QUEUE.to_owned(), text("The queue that it was in."));
    let at = json!({ "type": "integer", "description": "When it was laid aside, unix ms." });
    headers.insert(dead_letter::AT_MS.to_owned(), at);
    json!({
        "name": "deadJob",
        "title": "A job that can not be done",
        "summary": "The message as it was sent, its properties and headers kept.",
        "headers": { "type": "object", "properties": headers },
        "payload": { "description": "Whatever was sent." },
    })
}

fn event() -> Value {
    json!({
        "name": "event",
        "title": "Something that happened",
        "contentType": CLOUD_EVENT_JSON,
        "headers": {
            "type": "object",
            "required": ["message_id", "type"],
            "properties": {
                "message_id": text("The event's id: its sequence number."),
                "type": text("The event's type, as the routing key."),
            },
        },
        "payload": { "$ref": "#/components/schemas/CloudEvent" },
    })
}

fn checkpoint() -> Value {
    json!({
        "name": "checkpoint",
        "title": "A signed statement about the journal",
        "summary": "Routing key audit.checkpoint, at most one a minute. Keep it where the operator can not reach.",
        "payload": { "$ref": "#/components/schemas/Checkpoint" },
    })
}

/// The schemas that these messages speak of, and those that these speak of.
fn schemas_of(messages: &Value) -> Value {
    let known = known_schemas();
    let (mut wanted, mut taken) = (references(messages), Map::new());
    while let Some(name) = wanted.pop_first() {
        if let Some(schema) = known.get(&name).filter(|_| !taken.contains_key(&name)) {
            wanted.extend(references(schema));
            taken.insert(name, schema.clone());
        }
    }
    Value::Object(taken)
}

fn known_schemas() -> Map<String, Value> {
    let description = serde_json::to_value(openapi::description()).unwrap_or_default();
    let mut schemas = description["components"]["schemas"].as_object().cloned().unwrap_or_default();
    schemas.insert("JobReply".to_owned(), serde_json::to_value(ReplyBody::schema()).unwrap_or_default());
    schemas
}

/// The names of the schemas that something refers to.
fn references(value: &Value) -> BTreeSet<String> {
    match value {
        Value::Object(entries) => entries
            .iter()
            .flat_map(|(key, value)| match (key.as_str(), value) {
                ("$ref", Value::String(to)) => {
                    to.strip_prefix("#/components/schemas/").map(str::to_owned).into_iter().collect()
                }
                _ => references(value),
            })
            .collect(),
        Value::Array(items) => items.iter().flat_map(references).collect(),
        _ => BTreeSet::new(),
    }
}
