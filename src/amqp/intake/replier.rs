//! Sends the answers, on a channel of their own: whoever asks for one with a queue that is gone, or without the right to be
//! answered, loses the answer, and nobody else loses anything.

use futures_util::{StreamExt, stream::FuturesUnordered};
use lapin::Connection;
use tokio::sync::mpsc;

use crate::{
    amqp::{
        backoff::Backoff,
        publisher::{NotPublished, Publisher},
        reply::Reply,
    },
    telemetry::names,
};

/// Answers that wait for their turn; one more is dropped.
pub(super) const REPLIES_WAITING_MAX: usize = 4_096;
/// Answers whose confirmation is waited for at a time.
const UNDER_WAY_MAX: usize = 256;

/// Sends until nobody answers any more, and what was said is sent.
pub(super) async fn send(connection: &Connection, mut replies: mpsc::Receiver<Reply>) {
    let mut backoff = Backoff::default();
    while let Some(first) = replies.recv().await {
        match Publisher::open(connection).await {
            Ok(publisher) => {
                if send_on(&publisher, first, &mut replies).await {
                    backoff.reset();
                }
            }
            Err(_) => count("lost"),
        }
        // Here the channel was lost, by an answer that the broker took amiss: not again and again in a moment.
        backoff.sleep().await;
    }
}

/// Sends upon one channel until it is lost, or everything is sent. Whether anything went out.
async fn send_on(publisher: &Publisher, first: Reply, replies: &mut mpsc::Receiver<Reply>) -> bool {
    let mut under_way = FuturesUnordered::from_iter([send_one(publisher, first)]);
    let mut went_out = false;
    loop {
        tokio::select! {
            Some(sent) = under_way.next() => match sent {
                Ok(()) => went_out = true,
                Err(()) => return went_out,
            },
            next = replies.recv(), if under_way.len() < UNDER_WAY_MAX => match next {
                Some(reply) => under_way.push(send_one(publisher, reply)),
                None => {
                    while under_way.next().await.is_some() {}
                    return true;
                }
            },
        }
    }
}

/// An error: the channel is lost.
async fn send_one(publisher: &Publisher, reply: Reply) -> Result<(), ()> {
    let mandatory = reply.is_mandatory();
    match publisher.to_queue(reply.queue, mandatory, &reply.body, reply.properties).await {
        Ok(()) => count("sent"),
        Err(NotPublished::Unroutable) => count("unroutable"),
        Err(NotPublished::NotTaken) => count("refused"),
        Err(NotPublished::Lost(_)) => {
            count("lost");
            return Err(());
        }
    }
    Ok(())
}

fn count(outcome: &'static str) {
    metrics::counter!(names::AMQP_REPLIES_TOTAL, "outcome" => outcome).increment(1);
}
