//! Publishing with confirms: what this says was published is the broker's, durably.

use std::time::Duration;

use lapin::{
    BasicProperties, Channel, Confirmation, Connection,
    options::{BasicPublishOptions, ConfirmSelectOptions},
    types::ShortString,
};
use thiserror::Error;
use tokio::time::timeout;

/// How long the broker may say nothing while something waits for its word. A quorum that has lost its majority confirms nothing.
pub const CONFIRM_WITHIN: Duration = Duration::from_secs(4);

const NO_CONFIRM: &str = "no confirmation came";

/// Why a message is not the broker's.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum NotPublished {
    /// There is no such queue, or nothing is bound there.
    #[error("nobody is there to take it")]
    Unroutable,
    /// The queue is full, or the broker could not write it down: later, perhaps.
    #[error("the broker does not take it now")]
    NotTaken,
    /// The channel or the connection is gone. It may have been published all the same.
    #[error("the broker was lost: {0}")]
    Lost(String),
}

/// One message for an exchange.
pub struct Message {
    /// Its routing key.
    pub routing_key: ShortString,
    /// What it says.
    pub body: Vec<u8>,
    /// What is written on it.
    pub properties: BasicProperties,
}

/// A channel with confirms.
pub struct Publisher {
    channel: Channel,
}

impl Publisher {
    /// Opens one.
    ///
    /// # Errors
    /// When the connection is lost.
    pub async fn open(connection: &Connection) -> lapin::Result<Self> {
        let channel = connection.create_channel().await?;
        channel.confirm_select(ConfirmSelectOptions::default()).await?;
        Ok(Self { channel })
    }

    /// Whether the channel can still be used.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.channel.status().connected()
    }

    /// Publishes messages to an exchange in their order, and waits for all their confirms together. What no queue is bound for is
    /// confirmed too: who wants to hear is not the publisher's matter.
    ///
    /// # Errors
    /// See [`NotPublished`]; some of them may be published all the same.
    pub async fn to_exchange(
        &self,
        exchange: &ShortString,
        messages: Vec<Message>,
    ) -> Result<(), NotPublished> {
        let lost = |why: lapin::Error| NotPublished::Lost(why.to_string());
        let silent = |_| NotPublished::Lost(NO_CONFIRM.to_owned());
        let mut confirms = Vec::with_capacity(messages.len());
        for Message { routing_key, body, properties } in messages {
            let options = BasicPublishOptions::default();
            let sent = self.channel.basic_publish(exchange.clone(), routing_key, options, &body, properties);
            confirms.push(timeout(CONFIRM_WITHIN, sent).await.map_err(silent)?.map_err(lost)?);
        }
        let mut all_taken = true;
        for confirm in confirms {
            // A long batch may take its time, as long as the broker goes on confirming.
            let answer = timeout(CONFIRM_WITHIN, confirm).await.map_err(silent)?.map_err(lost)?;
            all_taken &= answer.is_ack();
        }
        if all_taken { Ok(()) } else { Err(NotPublished::NotTaken) }
    }

    /// Puts a message into a queue, by the default exchange. `mandatory`: a queue that is not there is an error.
    ///
    /// # Errors
    /// See [`NotPublished`].
    pub async fn to_queue(
        &self,
        queue: ShortString,
        mandatory: bool,
        body: &[u8],
        properties: BasicProperties,
    ) -> Result<(), NotPublished> {
        let lost = |why: lapin::Error| NotPublished::Lost(why.to_string());
        let options = BasicPublishOptions { mandatory, ..BasicPublishOptions::default() };
        let published = async {
            self.channel
                .basic_publish("".into(), queue, options, body, properties)
                .await
                .map_err(lost)?
                .await
                .map_err(lost)
        };
        match timeout(CONFIRM_WITHIN, published).await {
            Err(_) => Err(NotPublished::Lost(NO_CONFIRM.to_owned())),
            // An unroutable message is confirmed, with itself inside.
            Ok(Ok(Confirmation::Ack(Some(_)) | Confirmation::Nack(Some(_)))) => Err(NotPublished::Unroutable),
            Ok(Ok(Confirmation::Nack(None))) => Err(NotPublished::NotTaken),
            Ok(Ok(Confirmation::Ack(None) | Confirmation::NotRequested)) => Ok(()),
            Ok(Err(why)) => Err(why),
        }
    }
}
