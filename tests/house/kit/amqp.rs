//! Queues of its own for each story, in the RabbitMQ of `tests/services`, and somebody who speaks to them as any other program
//! would: lapin alone, nothing of payoutd's.

use std::time::{Duration, Instant};

use lapin::{
    BasicProperties, Channel, Connection, ConnectionProperties,
    message::BasicGetMessage,
    options::{
        BasicAckOptions, BasicGetOptions, BasicPublishOptions, ConfirmSelectOptions, ExchangeDeleteOptions,
        QueueDeclareOptions, QueueDeleteOptions,
    },
    types::FieldTable,
};
use payoutd::{
    amqp::Broker,
    config::{Amqp, AmqpUrl},
};

const VARIABLE: &str = "PAYOUTD_TEST_AMQP_URL";
const NARROW_VARIABLE: &str = "PAYOUTD_TEST_AMQP_NARROW_URL";
/// Anything that the broker does is done long before this, however busy the machine is.
const WITHIN: Duration = Duration::from_secs(120);
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Where the tests' broker is, with its password.
pub(crate) fn broker_url() -> String {
    std::env::var(VARIABLE).unwrap_or_else(|_| {
        panic!("{VARIABLE} is not set: `tests/services up && export $(tests/services env)`, or run tests/run")
    })
}

/// The same broker for a user who may write and read and may not configure; `None` where the broker is somebody else's.
pub(crate) fn narrow_url() -> Option<String> {
    std::env::var(NARROW_VARIABLE).ok()
}

/// Names that nobody else uses, and a channel to speak about them.
pub(crate) struct Queues {
    /// What a daemon would have in its `[amqp]`.
    pub(crate) config: Amqp,
    /// A channel with confirms.
    pub(crate) channel: Channel,
    /// Where the broker is, with its password.
    pub(crate) url: String,
    _connection: Connection,
}

impl Queues {
    /// Names; nothing is declared.
    pub(crate) async fn names() -> Self {
        Self::at(&broker_url()).await
    }

    /// The same, at a broker of the story's own.
    pub(crate) async fn at(url: &str) -> Self {
        let mut random = [0; 6];
        getrandom::fill(&mut random).unwrap();
        let name = format!("payoutd.test.{}", hex::encode(random));
        let config = Amqp {
            url: Some(AmqpUrl::parse(url).unwrap()),
            password_file: None,
            ca_file: None,
            queue: format!("{name}.jobs"),
            dead_queue: format!("{name}.dead"),
            events_exchange: format!("{name}.events"),
            prefetch: 1000,
            delivery_limit: 100,
            declare: true,
            heartbeat: Duration::from_secs(2),
        };
        let (connection, channel) = speak_to(url).await;
        Self { config, channel, url: url.to_owned(), _connection: connection }
    }

    /// After the broker was away: connects anew.
    pub(crate) async fn come_again(&mut self) {
        (self._connection, self.channel) = speak_to(&self.url).await;
    }

    /// The broker as payoutd comes to it.
    pub(crate) fn broker(&self) -> Broker {
        Broker::of(&self.config, None).unwrap()
    }

    /// What stands in `payoutd.toml`.
    pub(crate) fn section(&self) -> String {
        let Amqp { queue, dead_queue, events_exchange, prefetch, delivery_limit, declare, .. } = &self.config;
        format!(
            "\n[amqp]\nurl = \"{}\"\nqueue = \"{queue}\"\ndead_queue = \"{dead_queue}\"\n\
             events_exchange = \"{events_exchange}\"\nprefetch = {prefetch}\ndelivery_limit = {delivery_limit}\n\
             declare = {declare}\n",
            self.url
        )
    }

    /// Puts a message into a queue; the broker has it when this returns.
    pub(crate) async fn publish(&self, queue: &str, body: &[u8], properties: BasicProperties) {
        let options = BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() };
        let sent =
            self.channel.basic_publish("".into(), queue.into(), options, body, properties).await.unwrap();
        let confirmed = sent.await.unwrap();
        assert!(confirmed.is_ack() && confirmed.take_message().is_none(), "{queue} did not take it");
    }

    /// A job as a producer publishes it.
    pub(crate) async fn job(&self, key: &str, body: &serde_json::Value) {
        let properties = BasicProperties::default().with_message_id(key.into()).with_delivery_mode(2);
        self.publish(&self.config.queue, body.to_string().as_bytes(), properties).await;
    }

    /// Messages that wait in a queue, handed out to nobody.
    pub(crate) async fn ready(&self, queue: &str) -> u32 {
        let options = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
        let declared =
            self.channel.queue_declare(queue.into(), options, FieldTable::default()).await.unwrap();
        declared.message_count()
    }

    /// Takes one message out of a queue, as soon as there is one.
    pub(crate) async fn take(&self, queue: &str) -> BasicGetMessage {
        let began = Instant::now();
        loop {
            if let Some(message) =
                self.channel.basic_get(queue.into(), BasicGetOptions::default()).await.unwrap()
            {
                message.ack(BasicAckOptions::default()).await.unwrap();
                return message;
            }
            assert!(began.elapsed() < WITHIN, "nothing came to {queue}");
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }
}

/// A connection of the test's own.
pub(crate) async fn connect_to(url: &str) -> Connection {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    Connection::connect(url, ConnectionProperties::default()).await.unwrap()
}

async fn speak_to(url: &str) -> (Connection, Channel) {
    let connection = connect_to(url).await;
    let channel = connection.create_channel().await.unwrap();
    channel.confirm_select(ConfirmSelectOptions::default()).await.unwrap();
    (connection, channel)
}

impl Drop for Queues {
    /// On a thread of its own: the story's runtime may be gone or busy.
    fn drop(&mut self) {
        let Amqp { queue, dead_queue, events_exchange, .. } = self.config.clone();
        let url = self.url.clone();
        let dropping = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let connection = connect_to(&url).await;
                let channel = connection.create_channel().await.unwrap();
                for queue in [queue, dead_queue] {
                    let _ = channel.queue_delete(queue.into(), QueueDeleteOptions::default()).await;
                }
                let options = ExchangeDeleteOptions::default();
                let _ = channel.exchange_delete(events_exchange.into(), options).await;
                let _ = connection.close(200, "done".into()).await;
            });
        });
        let _ = dropping.join();
    }
}
