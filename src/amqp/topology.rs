//! Which queues and exchanges there are, as plain values, and how it is said when the broker has others.
//!
//! - Jobs are in a quorum queue: replicated, with a count of deliveries. Past its limit the broker itself moves a job to the
//!   dead queue, at least once (which wants `reject-publish`: a full queue refuses, it never drops its oldest).
//! - The dead queue is a quorum queue without a limit: nothing is lost from it by being looked at.
//! - Events go to a durable topic exchange; who wants them binds a queue of their own.
//!
//! Pure: [`super::declare`] does it.

use crate::config::Amqp;

/// The value of an argument.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Argument {
    /// A text.
    Text(String),
    /// A whole number.
    Whole(i64),
}

/// A queue or an exchange that must be there. All of them are durable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Declaration {
    /// A queue with its arguments.
    Queue {
        /// Its name.
        name: String,
        /// Its arguments, by name.
        arguments: Vec<(&'static str, Argument)>,
    },
    /// A topic exchange.
    TopicExchange {
        /// Its name.
        name: String,
    },
}

/// What the intake of jobs needs: the dead queue first, for nothing may die into nowhere.
#[must_use]
pub fn jobs(config: &Amqp) -> Vec<Declaration> {
    let text = |value: &str| Argument::Text(value.to_owned());
    let dead = Declaration::Queue {
        name: config.dead_queue.clone(),
        arguments: vec![("x-queue-type", text("quorum"))],
    };
    let arguments = vec![
        ("x-queue-type", text("quorum")),
        ("x-delivery-limit", Argument::Whole(config.delivery_limit.into())),
        // The default exchange leads to the queue of the routing key's name: one thing less to declare and to lose.
        ("x-dead-letter-exchange", text("")),
        ("x-dead-letter-routing-key", text(&config.dead_queue)),
        ("x-dead-letter-strategy", text("at-least-once")),
        ("x-overflow", text("reject-publish")),
    ];
    vec![dead, Declaration::Queue { name: config.queue.clone(), arguments }]
}

/// What whoever publishes events needs.
#[must_use]
pub fn events(config: &Amqp) -> Vec<Declaration> {
    vec![Declaration::TopicExchange { name: config.events_exchange.clone() }]
}

impl Declaration {
    /// What it is called in a sentence: "the queue payoutd.jobs".
    #[must_use]
    pub fn called(&self) -> String {
        match self {
            Self::Queue { name, .. } => format!("the queue {name}"),
            Self::TopicExchange { name } => format!("the exchange {name}"),
        }
    }

    /// What the broker's refusal of this declaration means, and what to do.
    #[must_use]
    pub fn refusal(&self, code: u16, said: &str) -> String {
        let called = self.called();
        match (code, inequivalent(said)) {
            (PRECONDITION_FAILED, Some(Inequivalent { argument, wanted, found })) => format!(
                "{called} has {argument} {found} where {wanted} is wanted: delete it once it is empty, so that it is declared \
                 anew, or write amqp.declare = false to use it as it is"
            ),
            (NOT_FOUND, _) => {
                format!("there is no such thing as {called}: declare it, or write amqp.declare = true")
            }
            (ACCESS_REFUSED, _) => format!(
                "the broker's user may not declare {called}: give it the configure right, or write amqp.declare = false and \
                 declare it yourself"
            ),
            _ => format!("{called} can not be used; the broker says: {said}"),
        }
    }
}

/// The broker's code for a queue or exchange that is other than declared.
pub const PRECONDITION_FAILED: u16 = 406;
/// … that is not there.
pub const NOT_FOUND: u16 = 404;
/// … that one has no right to.
pub const ACCESS_REFUSED: u16 = 403;

#[derive(Debug, PartialEq, Eq)]
struct Inequivalent<'a> {
    argument: &'a str,
    wanted: &'a str,
    found: &'a str,
}

/// Reads RabbitMQ's `inequivalent arg 'A' for queue 'Q' in vhost '/': received W but current is F`.
fn inequivalent(said: &str) -> Option<Inequivalent<'_>> {
    let (_, rest) = said.split_once("inequivalent arg '")?;
    let (argument, rest) = rest.split_once('\'')?;
    let (_, rest) = rest.split_once(": received ")?;
    let (wanted, found) = rest.split_once(" but current is ")?;
    Some(Inequivalent { argument, wanted: bare(wanted), found: bare(found) })
}

/// `the value '100' of type 'signedint'`, `'true'` or `none`, without its frame.
fn bare(value: &str) -> &str {
    match value.split_once('\'').and_then(|(_, rest)| rest.split_once('\'')) {
        Some(("", _)) => "an empty text",
        Some((inside, _)) => inside,
        None => value,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn queue() -> Declaration {
        Declaration::Queue { name: "payoutd.jobs".into(), arguments: Vec::new() }
    }

    #[test]
    fn a_mismatch_names_the_queue_the_argument_and_the_way_out() {
        let cases = [
            (
                "PRECONDITION_FAILED - inequivalent arg 'x-delivery-limit' for queue 'payoutd.jobs' in vhost '/': received the value '100' of type 'signedint' but current is none",
                "the queue payoutd.jobs has x-delivery-limit none where 100 is wanted",
            ),
            (
                "PRECONDITION_FAILED - inequivalent arg 'durable' for queue 'payoutd.jobs' in vhost 'pay: me': received 'true' but current is 'false'",
                "the queue payoutd.jobs has durable false where true is wanted",
            ),
        ];
        for (said, wanted) in cases {
            let told = queue().refusal(PRECONDITION_FAILED, said);
            assert!(told.starts_with(wanted) && told.contains("amqp.declare = false"), "{told}");
        }
    }

    #[test]
    fn what_is_not_known_is_told_in_the_brokers_own_words() {
        let told = queue().refusal(405, "RESOURCE_LOCKED - exclusive");
        assert!(told.contains("the queue payoutd.jobs") && told.contains("RESOURCE_LOCKED"), "{told}");
        let told = queue().refusal(PRECONDITION_FAILED, "PRECONDITION_FAILED - something new");
        assert!(told.contains("something new"), "{told}");
        assert!(queue().refusal(NOT_FOUND, "").contains("amqp.declare = true"));
        assert!(queue().refusal(ACCESS_REFUSED, "").contains("configure right"));
    }
}
