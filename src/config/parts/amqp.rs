//! `[amqp]`: the broker: jobs come from it, events go to it.

use std::{path::PathBuf, time::Duration};

use crate::config::{
    forms::{AmqpForm, AmqpName, AmqpUrl, Count, Flag, Place, Seconds, SecretPath},
    key::{Fallback, Key, Wrong},
    reader::Reader,
    secret_file::SecretFile,
};

/// The broker. Nothing of it is used without a URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Amqp {
    /// Where it is; `None`: there is none.
    pub url: Option<AmqpUrl>,
    /// The password of its user.
    pub password_file: Option<SecretFile>,
    /// The authority that signed its certificate, where that is one of the operator's own.
    pub ca_file: Option<PathBuf>,
    /// Where jobs come from.
    pub queue: String,
    /// Where jobs lie that can not be done.
    pub dead_queue: String,
    /// Where events go.
    pub events_exchange: String,
    /// Jobs that may be in hand at once.
    pub prefetch: u16,
    /// Deliveries of a job before the broker itself puts it aside.
    pub delivery_limit: u32,
    /// Whether queues and exchanges are declared, or only checked.
    pub declare: bool,
    /// How often both sides say that they are there.
    pub heartbeat: Duration,
}

const URL: Key<AmqpForm> = Key {
    name: "amqp.url",
    form: AmqpForm,
    fallback: Fallback::Absent {
        example: "\"amqps://payoutd@mq.example/payments\"",
        without: "there is no broker: orders come over HTTP alone",
    },
    about: "The RabbitMQ (3.10 or newer) that jobs come from and events go to. The path is the virtual host: nothing for \
            \"/\", which is %2f when written out. Several daemons share one broker, each takes a part of the jobs.",
};

const PASSWORD_FILE: Key<SecretPath> = Key {
    name: "amqp.password_file",
    form: SecretPath,
    fallback: Fallback::Absent {
        example: "\"amqp.password\"",
        without: "the password is in the URL, or it is the broker's default",
    },
    about: "The password of the user that amqp.url names. In a file of its own it is in no process list and in no copy of \
            this configuration.",
};

const CA_FILE: Key<Place> = Key {
    name: "amqp.ca_file",
    form: Place,
    fallback: Fallback::Absent {
        example: "\"amqp-ca.pem\"",
        without: "the system's authorities are believed",
    },
    about: "The certificate (PEM) of the authority that signed the broker's, for amqps:// with a CA of one's own. It is \
            read at each connection, so that it can be exchanged while the daemon runs.",
};

const QUEUE: Key<AmqpName> = Key {
    name: "amqp.queue",
    form: AmqpName,
    fallback: Fallback::Is("\"payoutd.jobs\""),
    about: "The quorum queue that jobs come from. A job's body is the API's order, its message_id the idempotency key.",
};

const DEAD_QUEUE: Key<AmqpName> = Key {
    name: "amqp.dead_queue",
    form: AmqpName,
    fallback: Fallback::Is("\"payoutd.jobs.dead\""),
    about: "The quorum queue where jobs lie that can not be done, each with its reason in the header x-payoutd-problem. \
            `payoutd jobs dead` shows them.",
};

const EVENTS_EXCHANGE: Key<AmqpName> = Key {
    name: "amqp.events_exchange",
    form: AmqpName,
    fallback: Fallback::Is("\"payoutd.events\""),
    about: "The topic exchange that tells what happened to payouts.",
};

const PREFETCH: Key<Count> = Key {
    name: "amqp.prefetch",
    form: Count { of: "jobs", from: 1, to: 2_000 },
    fallback: Fallback::Is("1000"),
    about: "How many jobs this daemon has in hand at once, from their delivery to their acknowledgement. A job is \
            acknowledged as soon as it is durably taken in, so a thousand keep the store busy; with several daemons a \
            smaller number spreads few jobs more evenly.",
};

const DELIVERY_LIMIT: Key<Count> = Key {
    name: "amqp.delivery_limit",
    form: Count { of: "deliveries", from: 1, to: 100_000 },
    fallback: Fallback::Is("100"),
    about: "How often the broker hands out a job that never gets an answer before it moves it to the dead queue itself. \
            Every lost connection counts as one delivery of what was in hand, so a small number buries good jobs in a \
            storm. It is an argument of the queue: a queue that exists keeps its own.",
};

const DECLARE: Key<Flag> = Key {
    name: "amqp.declare",
    form: Flag,
    fallback: Fallback::Is("true"),
    about: "Whether the daemon declares its queues and its exchange. Write false where its user has no configure right and \
            somebody else declares them: they are then only checked, and what differs is named.",
};

const HEARTBEAT_S: Key<Seconds> = Key {
    name: "amqp.heartbeat_s",
    form: Seconds { from: 2, to: 600 },
    fallback: Fallback::Is("2"),
    about: "How often both sides say that they are there. A connection that was cut without a word is known as lost after \
            twice that time; until then the broker keeps the jobs that it had handed out there. The daemon asks the broker \
            for a sign of life every second besides.",
};

impl Amqp {
    pub(in crate::config) fn read(reader: &mut Reader<'_>) -> Option<Self> {
        reader.section("amqp", "The broker (RabbitMQ): jobs come from it, events go to it.");
        let url = reader.ask_maybe(&URL);
        let password_file = reader.ask_maybe(&PASSWORD_FILE);
        let ca_file = reader.ask_maybe(&CA_FILE);
        let queue = reader.ask(&QUEUE);
        let dead_queue = reader.ask(&DEAD_QUEUE);
        let events_exchange = reader.ask(&EVENTS_EXCHANGE);
        let prefetch = reader.ask(&PREFETCH);
        let delivery_limit = reader.ask(&DELIVERY_LIMIT);
        let declare = reader.ask(&DECLARE);
        let heartbeat = reader.ask(&HEARTBEAT_S);
        let amqp = Self {
            url: url?,
            password_file: password_file?,
            ca_file: ca_file?,
            queue: queue?,
            dead_queue: dead_queue?,
            events_exchange: events_exchange?,
            prefetch: u16::try_from(prefetch?).ok()?,
            delivery_limit: delivery_limit?,
            declare: declare?,
            heartbeat: heartbeat?,
        };
        amqp.is_one_whole(reader).then_some(amqp)
    }

    /// Whether the keys fit together.
    fn is_one_whole(&self, reader: &mut Reader<'_>) -> bool {
        let mistakes = reader.mistakes.len();
        if self.queue == self.dead_queue {
            let wrong = Wrong::new("is amqp.queue: a dead job would come back at once", "name another queue");
            reader.mistake(DEAD_QUEUE.name, wrong);
        }
        match &self.url {
            None => self.belongs_to_nothing(reader),
            Some(url) => self.fits(url, reader),
        }
        reader.mistakes.len() == mistakes
    }

    fn belongs_to_nothing(&self, reader: &mut Reader<'_>) {
        let files =
            [(PASSWORD_FILE.name, self.password_file.is_some()), (CA_FILE.name, self.ca_file.is_some())];
        for (name, _) in files.into_iter().filter(|(_, is_given)| *is_given) {
            reader.mistake(
                name,
                Wrong::new("stands alone: there is no amqp.url", "write amqp.url, or leave it out"),
            );
        }
    }

    fn fits(&self, url: &AmqpUrl, reader: &mut Reader<'_>) {
        if self.ca_file.is_some() && !url.is_protected() {
            let wrong =
                Wrong::new("is for amqps://, and amqp.url is amqp://", "write amqps://, or leave it out");
            reader.mistake(CA_FILE.name, wrong);
        }
        match (&self.password_file, url.holds_password()) {
            (Some(_), true) => {
                let wrong = Wrong::new("stands beside a password in amqp.url", "take one of them away");
                reader.mistake(PASSWORD_FILE.name, wrong);
            }
            (None, true) => reader.warn(
                "amqp.url holds a password: whoever reads the configuration has it (amqp.password_file)"
                    .to_owned(),
            ),
            (_, false) => {}
        }
        if url.is_overheard() {
            reader.warn(format!("amqp.url is {url}: jobs and the password travel in clear text (amqps://)"));
        }
    }
}
