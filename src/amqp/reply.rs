//! The answer to a job that asks for one (`reply_to`): what became of it, as a JSON document. Pure.

use lapin::{BasicProperties, types::ShortString};
use payoutd_actors::domain::payout::Payout;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::http::{
    payouts::body::PayoutBody,
    problem::{Problem, ProblemBody},
};

/// The answer to a job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = JobReply)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum ReplyBody {
    /// Durably taken in.
    Admitted {
        /// The job's key.
        message_id: String,
        /// The payout, as `POST /v1/payouts` answers it.
        payout: Box<PayoutBody>,
    },
    /// Taken in before, by the same key: this is that payout, as it is now.
    Repeated {
        /// The job's key.
        message_id: String,
        /// The payout.
        payout: Box<PayoutBody>,
    },
    /// Not taken in; the job lies in the dead queue.
    Refused {
        /// The job's key; empty where it has none.
        message_id: String,
        /// Why.
        problem: ProblemBody,
    },
}

/// An answer and where it goes.
#[derive(Debug, Clone)]
pub struct Reply {
    /// The queue.
    pub queue: ShortString,
    /// Its properties.
    pub properties: BasicProperties,
    /// The document.
    pub body: Vec<u8>,
}

/// Queues of the broker's own that stand for a waiting producer (direct reply-to). The broker calls a message to them
/// unroutable even when it arrives, so it is not asked.
const DIRECT: &str = "amq.rabbitmq.reply-to.";

impl Reply {
    /// Whether the broker should say when there is no such queue.
    #[must_use]
    pub fn is_mandatory(&self) -> bool {
        !self.queue.as_str().starts_with(DIRECT)
    }
}

/// Says what became of jobs, to those who ask.
#[derive(Debug, Clone)]
pub struct Replies {
    /// Queues that nobody can name as theirs: the jobs' own.
    pub not_to: [String; 2],
}

/// What became of a job.
#[derive(Debug)]
pub enum Outcome<'a> {
    /// Taken in now.
    Admitted(&'a Payout),
    /// Taken in before.
    Repeated(&'a Payout),
    /// Refused.
    Refused(&'a Problem),
}

impl Replies {
    /// The answer to a message with these properties; `None` where none is asked for. Whoever names the queue of the jobs
    /// as the place for answers gets none: each would be a job without a name.
    #[must_use]
    pub fn to(&self, job: &BasicProperties, outcome: &Outcome<'_>) -> Option<Reply> {
        let queue = job.reply_to().clone().filter(|queue| !queue.as_str().is_empty())?;
        if self.not_to.iter().any(|own| own == queue.as_str()) {
            return None;
        }
        let message_id = job.message_id().as_ref().map(ToString::to_string).unwrap_or_default();
        let (kind, body) = body(message_id, outcome);
        let name = job.correlation_id().clone().or_else(|| job.message_id().clone());
        let mut properties = BasicProperties::default()
            .with_content_type("application/json".into())
            .with_type(kind.into())
            .with_app_id("payoutd".into());
        if let Some(name) = name {
            properties = properties.with_correlation_id(name);
        }
        Some(Reply { queue, properties, body: serde_json::to_vec(&body).ok()? })
    }
}

fn body(message_id: String, outcome: &Outcome<'_>) -> (&'static str, ReplyBody) {
    let shown = |payout: &Payout| Box::new(PayoutBody::from(payout));
    match outcome {
        Outcome::Admitted(payout) => ("admitted", ReplyBody::Admitted { message_id, payout: shown(payout) }),
        Outcome::Repeated(payout) => ("repeated", ReplyBody::Repeated { message_id, payout: shown(payout) }),
        Outcome::Refused(problem) => {
            let problem = problem.document(&message_id);
            ("refused", ReplyBody::Refused { message_id, problem })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::problem::Kind;

    fn replies() -> Replies {
        Replies { not_to: ["payoutd.jobs".into(), "payoutd.jobs.dead".into()] }
    }

    fn job(reply_to: &str) -> BasicProperties {
        BasicProperties::default().with_message_id("k-1".into()).with_reply_to(reply_to.into())
    }

    #[test]
    fn whoever_asks_gets_an_answer_under_their_own_name() {
        let problem = Problem::new(Kind::BodyTooLarge, "too large");
        let refused = Outcome::Refused(&problem);
        let named = job("answers").with_correlation_id("c-1".into());
        let reply = replies().to(&named, &refused).unwrap();
        assert_eq!(reply.properties.correlation_id().as_ref().map(ShortString::as_str), Some("c-1"));
        let body: ReplyBody = serde_json::from_slice(&reply.body).unwrap();
        let ReplyBody::Refused { message_id, problem } = body else { panic!("{body:?}") };
        assert_eq!((message_id.as_str(), problem.kind.as_str()), ("k-1", "/problems/body-too-large"));
        let unnamed = replies().to(&job("answers"), &refused).unwrap();
        assert_eq!(unnamed.properties.correlation_id().as_ref().map(ShortString::as_str), Some("k-1"));
        assert!(unnamed.is_mandatory());
        assert!(!replies().to(&job("amq.rabbitmq.reply-to.g2gC"), &refused).unwrap().is_mandatory());
    }

    /// An answer in the queue of the jobs would be a poisoned job, for each of which there is an answer.
    #[test]
    fn nobody_is_answered_into_the_queue_of_the_jobs() {
        let problem = Problem::new(Kind::Internal, "x");
        for own in ["payoutd.jobs", "payoutd.jobs.dead", ""] {
            assert!(replies().to(&job(own), &Outcome::Refused(&problem)).is_none());
        }
        assert!(replies().to(&BasicProperties::default(), &Outcome::Refused(&problem)).is_none());
    }
}
