//! Publishing with confirms: what this says was published is the broker's, durably.

use std::time::Duration;

use lapin::{
    BasicProperties, Channel, Confirmation, Connection,
    options::{BasicPublishOptions, ConfirmSelectOptions},
    types::ShortString,
};
use thiserror::Error;

/// How long the broker may take to confirm. A quorum that has lost its majority confirms nothing.
pub const CONFIRM_WITHIN: Duration = Duration::from_secs(10);

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
        match tokio::time::timeout(CONFIRM_WITHIN, published).await {
            Err(_) => Err(NotPublished::Lost("no confirmation came".to_owned())),
            // An unroutable message is confirmed, with itself inside.
            Ok(Ok(Confirmation::Ack(Some(_)) | Confirmation::Nack(Some(_)))) => Err(NotPublished::Unroutable),
            Ok(Ok(Confirmation::Nack(None))) => Err(NotPublished::NotTaken),
            Ok(Ok(Confirmation::Ack(None) | Confirmation::NotRequested)) => Ok(()),
            Ok(Err(why)) => Err(why),
        }
    }
}
