//! A connection's pulse: a broker that has gone silent is noticed in a few seconds.
//!
//! AMQP's heartbeats notice it too, after two of their periods; a shorter period would cut connections that are merely slow. A
//! question that every broker answers at once costs nothing, and a consumer without an answer to it had better connect anew.

use std::time::Duration;

use lapin::{Channel, Connection, options::BasicQosOptions};

/// Between an answer and the next question.
const ASK_EVERY: Duration = Duration::from_secs(1);
/// How long an answer is waited for.
const ANSWER_WITHIN: Duration = Duration::from_secs(3);

/// Asks again and again, on a channel of its own; returns, with the reason, when there is no answer.
pub(super) async fn until_silent(connection: &Connection) -> String {
    let silent = |_| format!("the broker says nothing for {} s", ANSWER_WITHIN.as_secs());
    let opened = async { connection.create_channel().await.map_err(|why| why.to_string()) };
    let channel = match tokio::time::timeout(ANSWER_WITHIN, opened).await.map_err(silent) {
        Ok(Ok(channel)) => channel,
        Ok(Err(why)) | Err(why) => return why,
    };
    loop {
        tokio::time::sleep(ASK_EVERY).await;
        match tokio::time::timeout(ANSWER_WITHIN, ask(&channel)).await.map_err(silent) {
            Ok(Ok(())) => {}
            Ok(Err(why)) | Err(why) => return why,
        }
    }
}

/// What does nothing and must be answered: nobody consumes on this channel.
async fn ask(channel: &Channel) -> Result<(), String> {
    channel.basic_qos(1, BasicQosOptions::default()).await.map_err(|why| why.to_string())
}
