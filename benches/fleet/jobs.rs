//! Jobs as producers publish them, waiting in a quorum queue before anybody is measured.

use crate::services;
use futures_util::future::try_join_all;
use lapin::options::{BasicPublishOptions, ConfirmSelectOptions, QueueDeclareOptions, QueueDeleteOptions};
use lapin::types::FieldTable;
use lapin::{BasicProperties, Channel, Connection, ConnectionProperties};
use payoutd::amqp::{ensure, topology};
use payoutd::config::{Amqp, AmqpUrl};
use payoutd_actors::domain::address::Address;
use payoutd_actors::domain::money::MicroUsdt;
use std::time::Duration;

/// Recipients that are paid again and again.
const REGULARS: u64 = 1_000;
/// Jobs whose confirms are waited for together.
const TOGETHER: u64 = 2_000;
/// How long before and after the measured stretch a part runs, about.
const AROUND_S: u64 = 10;

/// As many jobs as a part needs that does so many a second at most.
pub(crate) fn for_stretch(jobs_per_s: u64) -> u64 {
    jobs_per_s * (crate::stretch().as_secs() + AROUND_S)
}

/// A queue with jobs in it, as the house would declare it.
pub(crate) struct Jobs {
    pub(crate) config: Amqp,
    pub(crate) connection: Connection,
    channel: Channel,
}

impl Jobs {
    /// Publishes so many; the broker has all of them when this returns.
    pub(crate) async fn publish(count: u64) -> Self {
        let name = format!("payoutd.bench.{:016x}", fastrand::u64(..));
        let url = services::broker_url();
        let config = Amqp {
            url: Some(AmqpUrl::parse(&url).unwrap()),
            password_file: None,
            ca_file: None,
            queue: format!("{name}.jobs"),
            dead_queue: format!("{name}.dead"),
            events_exchange: format!("{name}.events"),
            prefetch: 1_000,
            delivery_limit: 100,
            declare: true,
            heartbeat: Duration::from_secs(10),
        };
        let connection = Connection::connect(&url, ConnectionProperties::default()).await.unwrap();
        ensure(&connection, &topology::jobs(&config), true).await.unwrap();
        let channel = connection.create_channel().await.unwrap();
        channel.confirm_select(ConfirmSelectOptions::default()).await.unwrap();
        let jobs = Self { config, connection, channel };
        let mut published = 0;
        while published < count {
            let upto = count.min(published + TOGETHER);
            let mut confirms = Vec::new();
            for number in published..upto {
                confirms.push(jobs.publish_one(number).await);
            }
            let confirmed = try_join_all(confirms).await.unwrap();
            assert!(confirmed.iter().all(lapin::Confirmation::is_ack), "the broker refuses a job");
            published = upto;
        }
        jobs
    }

    async fn publish_one(&self, number: u64) -> impl Future<Output = lapin::Result<lapin::Confirmation>> {
        let key = format!("{:032x}", fastrand::u128(..));
        let properties = BasicProperties::default().with_message_id(key.into()).with_delivery_mode(2);
        let (queue, body) = (self.config.queue.as_str().into(), order(number));
        let options = BasicPublishOptions::default();
        self.channel.basic_publish("".into(), queue, options, body.as_bytes(), properties).await.unwrap()
    }

    /// Jobs that nobody has taken yet.
    pub(crate) async fn waiting(&self) -> u64 {
        let options = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
        let queue = self.config.queue.as_str().into();
        let declared = self.channel.queue_declare(queue, options, FieldTable::default()).await.unwrap();
        declared.message_count().into()
    }

    /// Takes the queues away.
    pub(crate) async fn remove(self) {
        for queue in [&self.config.queue, &self.config.dead_queue] {
            self.channel.queue_delete(queue.as_str().into(), QueueDeleteOptions::default()).await.unwrap();
        }
        self.connection.close(200, "done".into()).await.unwrap();
    }
}

/// The body of a job.
pub(crate) fn order(number: u64) -> String {
    let mut recipient = [0x5a; 20];
    recipient[..8].copy_from_slice(&(number % REGULARS).to_be_bytes());
    let (recipient, amount) = (Address::from_evm(recipient), MicroUsdt::new(10_000 + number % 1_000_000));
    format!(r#"{{"recipient":"{recipient}","amount":"{amount}","reference":"invoice-{number}"}}"#)
}
