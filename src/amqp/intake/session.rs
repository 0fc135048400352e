//! One connection's life after the other: connect, see to the queues, consume until something ends it, begin anew.

use std::{rc::Rc, time::Duration};

use futures_util::{FutureExt, StreamExt, future::LocalBoxFuture, stream::FuturesUnordered};
use lapin::{
    Channel, Connection, Consumer,
    message::Delivery,
    options::{BasicAckOptions, BasicCancelOptions, BasicConsumeOptions, BasicQosOptions},
    types::FieldTable,
};
use tokio::{
    sync::mpsc,
    time::{Instant, timeout},
};

use super::{
    depth,
    desk::Desk,
    hand::{self, Done, Outlets},
    replier,
};
use crate::{
    amqp::{ack_line::AckLine, backoff::Backoff, declare, publisher::Publisher, pulse, topology},
    telemetry::names,
};

/// So many deliveries are taken up at a time before anything else gets its turn.
const GATHER_MAX: usize = 400;
/// Jobs are given back when the one that the others wait for to be acknowledged has been in hand for so long. Well below every
/// broker's `consumer_timeout`, at which it would close the channel (F-N18).
const HOLD_MAX: Duration = Duration::from_secs(25);
/// For so long one in hand may keep those that were finished behind it waiting for their one word; from then on they have a word each.
const WORD_WAITS_MAX: Duration = Duration::from_secs(1);
/// How often a house that could not take jobs in is asked whether it can.
const ASK_AGAIN: Duration = Duration::from_millis(500);
/// How long the queues and the channels of a new connection may take.
const BEGIN_WITHIN: Duration = Duration::from_secs(4);
/// A session that lasted so long began well: the next wait is a short one.
const BEGAN_WELL: Duration = Duration::from_secs(5);
/// How long answers that are under way, and the farewell, are waited for at the end.
const FAREWELL_WITHIN: Duration = Duration::from_secs(2);

/// Why a session ended.
enum Ended {
    /// The house closes; everything in hand is done.
    Closed,
    /// The broker ended it.
    Lost(String),
    /// The house could not take in what was in hand, and it was given back; what was finished behind it is acknowledged.
    GivenBack,
}

/// Consumes until the house closes.
pub(super) async fn consume(desk: Rc<Desk>) {
    let _working = desk.begin();
    let mut backoff = Backoff::default();
    while !desk.is_closing() {
        let began = Instant::now();
        match session(&desk).await {
            Ended::Closed => break,
            Ended::Lost(why) => desk.tools.link.down(why),
            Ended::GivenBack => {
                desk.count().given_back += 1;
                desk.tools.link.down("the house could not take jobs in: they were given back");
            }
        }
        desk.count().unacknowledged = 0;
        metrics::gauge!(names::AMQP_JOBS_UNACKED).set(0.0);
        if began.elapsed() > BEGAN_WELL {
            backoff.reset();
        }
        tokio::select! {
            () = desk.closed() => {}
            () = backoff.sleep() => {}
        }
    }
    desk.tools.link.closed();
}

async fn session(desk: &Rc<Desk>) -> Ended {
    let begun = tokio::select! {
        () = desk.closed() => return Ended::Closed,
        begun = begin(desk) => begun,
    };
    let begun = match begun {
        Ok(begun) => begun,
        Err(why) => return Ended::Lost(why),
    };
    let Begun { connection, channel, consumer, dead } = begun;
    let (replies, to_be_sent) = mpsc::channel(replier::REPLIES_WAITING_MAX);
    let outlets = Rc::new(Outlets { dead, replies });
    let mut shift = Shift {
        desk: desk.clone(),
        channel,
        line: AckLine::default(),
        in_hand: FuturesUnordered::new(),
        outlets,
    };
    let replier = replier::send(&connection, to_be_sent);
    tokio::pin!(replier);
    let pulse = pulse::until_silent(&connection);
    let ended = tokio::select! {
        ended = shift.run(consumer) => ended,
        // It ends only when nobody answers any more, which is after the shift.
        () = &mut replier => Ended::Lost("the answers ended".to_owned()),
        never = depth::watch(&connection, &desk.tools.config) => match never {},
        why = pulse => Ended::Lost(why),
    };
    drop(shift);
    let farewell = match ended {
        Ended::Lost(_) => return ended,
        Ended::Closed => "the house closes",
        Ended::GivenBack => "a job can not be taken in",
    };
    // Answers that are not out by then are lost: they were promised to nobody.
    let _ = timeout(FAREWELL_WITHIN, replier).await;
    // What was acknowledged last is the broker's when it says good-bye.
    let _ = timeout(FAREWELL_WITHIN, connection.close(200, farewell.into())).await;
    ended
}

/// A session that is about to consume.
struct Begun {
    connection: Connection,
    channel: Channel,
    consumer: Consumer,
    dead: Publisher,
}

async fn begin(desk: &Desk) -> Result<Begun, String> {
    // What is delivered now could only be given back, and the broker counts how often.
    while !desk.house_is_open().await {
        tokio::time::sleep(ASK_AGAIN).await;
    }
    let connection = desk.tools.broker.connect("jobs").await.map_err(|why| why.to_string())?;
    match timeout(BEGIN_WITHIN, begin_on(desk, connection)).await {
        Ok(begun) => begun,
        Err(_) => Err(format!("the broker says nothing for {} s", BEGIN_WITHIN.as_secs())),
    }
}

async fn begin_on(desk: &Desk, connection: Connection) -> Result<Begun, String> {
    let config = &desk.tools.config;
    let needed = topology::jobs(config);
    let notes = declare::ensure(&connection, &needed, config.declare).await.map_err(|why| why.to_string())?;
    let lost = |why: lapin::Error| why.to_string();
    let dead = Publisher::open(&connection).await.map_err(lost)?;
    let channel = connection.create_channel().await.map_err(lost)?;
    channel.basic_qos(config.prefetch, BasicQosOptions::default()).await.map_err(lost)?;
    let (queue, options) = (config.queue.as_str().into(), BasicConsumeOptions::default());
    let consumer =
        channel.basic_consume(queue, "".into(), options, FieldTable::default()).await.map_err(lost)?;
    desk.tools.link.up((!notes.is_empty()).then(|| notes.join("; ")));
    Ok(Begun { connection, channel, consumer, dead })
}

/// What a session has in hand.
struct Shift {
    desk: Rc<Desk>,
    channel: Channel,
    line: AckLine,
    in_hand: FuturesUnordered<LocalBoxFuture<'static, (u64, Done)>>,
    outlets: Rc<Outlets>,
}

impl Shift {
    async fn run(&mut self, mut consumer: Consumer) -> Ended {
        loop {
            let patience_ends = self.line.front_came_at().map(|came_at| came_at + HOLD_MAX);
            let went = tokio::select! {
                () = self.desk.closed() => return self.finish(consumer).await,
                next = consumer.next() => self.gather(next, &mut consumer),
                Some(done) = self.in_hand.next() => self.finished(done).await,
                () = until(patience_ends) => return self.give_back().await,
            };
            if let Err(why) = went {
                return Ended::Lost(why);
            }
        }
    }

    /// Takes up what was delivered, as much as there is.
    fn gather(
        &mut self,
        first: Option<lapin::Result<Delivery>>,
        consumer: &mut Consumer,
    ) -> Result<(), String> {
        let mut next = Some(first);
        let mut gathered = 0;
        while let Some(delivered) = next.take() {
            match delivered {
                Some(Ok(delivery)) => self.take_up(delivery),
                Some(Err(why)) => return Err(why.to_string()),
                None => return Err("the broker ended the consumer".to_owned()),
            }
            gathered += 1;
            if gathered < GATHER_MAX {
                next = consumer.next().now_or_never();
            }
        }
        self.show();
        Ok(())
    }

    fn take_up(&mut self, delivery: Delivery) {
        let redelivered = if delivery.redelivered { "true" } else { "false" };
        metrics::counter!(names::AMQP_JOBS_RECEIVED_TOTAL, "redelivered" => redelivered).increment(1);
        self.desk.count().received += 1;
        self.line.push(delivery.delivery_tag, Instant::now());
        self.in_hand.push(hand::work(self.desk.clone(), self.outlets.clone(), delivery).boxed_local());
    }

    /// One is done, and others may be: whatever can be is acknowledged with one word.
    async fn finished(&mut self, first: (u64, Done)) -> Result<(), String> {
        let mut next = Some(first);
        while let Some((tag, done)) = next {
            match done {
                Done::Finished => self.line.done(tag),
                Done::GivenBack => {}
                Done::Lost(why) => return Err(why),
            }
            next = self.in_hand.next().now_or_never().flatten();
        }
        let before = self.line.len();
        if let Some(last) = self.line.take_done() {
            self.acknowledge(last, true).await?;
            let together = u64::try_from(before - self.line.len()).unwrap_or(u64::MAX);
            metrics::counter!(names::AMQP_JOBS_ACKED_TOTAL).increment(together);
        }
        if self.line.front_came_at().is_some_and(|came_at| came_at.elapsed() > WORD_WAITS_MAX) {
            self.acknowledge_stragglers().await?;
        }
        self.show();
        Ok(())
    }

    async fn acknowledge(&self, tag: u64, multiple: bool) -> Result<(), String> {
        self.channel
            .basic_ack(tag, BasicAckOptions { multiple })
            .await
            .map(|_| ())
            .map_err(|why| why.to_string())
    }

    /// The house closes: nothing new, and everything in hand to its end. What was delivered and not taken up goes back with
    /// the channel.
    async fn finish(&mut self, consumer: Consumer) -> Ended {
        let cancelled = self.channel.basic_cancel(consumer.tag(), BasicCancelOptions::default());
        // Where the broker does not answer, the connection's end says the same.
        let _ = timeout(FAREWELL_WITHIN, cancelled).await;
        while let Some(done) = self.in_hand.next().await {
            if let Err(why) = self.finished(done).await {
                return Ended::Lost(why);
            }
        }
        self.acknowledge_stragglers().await.map_or_else(Ended::Lost, |()| Ended::Closed)
    }

    /// One could not be finished. It goes back with whatever else is in hand; what is done behind it does not: the broker counts
    /// how often a job is delivered, and lays it into the dead queue in the end.
    async fn give_back(&mut self) -> Ended {
        self.acknowledge_stragglers().await.map_or_else(Ended::Lost, |()| Ended::GivenBack)
    }

    async fn acknowledge_stragglers(&mut self) -> Result<(), String> {
        for tag in self.line.take_stragglers() {
            self.acknowledge(tag, false).await?;
            metrics::counter!(names::AMQP_JOBS_ACKED_TOTAL).increment(1);
        }
        Ok(())
    }

    fn show(&self) {
        let unacknowledged = self.line.len();
        self.desk.count().unacknowledged = unacknowledged;
        metrics::gauge!(names::AMQP_JOBS_UNACKED).set(u32::try_from(unacknowledged).unwrap_or(u32::MAX));
    }
}

/// Never, where there is no such moment.
async fn until(moment: Option<Instant>) {
    match moment {
        Some(moment) => tokio::time::sleep_until(moment).await,
        None => std::future::pending().await,
    }
}
