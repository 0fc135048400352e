//! One job in hand: read, brought to Admission, answered; or buried with its reason.

use std::{rc::Rc, time::Duration};

use lapin::{BasicProperties, message::Delivery, types::ShortString};
use payoutd_actors::{
    admission::AdmitPayouts,
    domain::{access::Reached, payout::Payout},
};
use tokio::sync::mpsc;
use tracing::{error, info, warn};

use super::desk::Desk;
use crate::{
    amqp::{
        credentials::{NoSender, must_be_let_order},
        dead_letter,
        job::{self, Job, Message, NotAJob},
        publisher::{NotPublished, Publisher},
        reply::{Outcome, Reply},
        verdict::Verdict,
    },
    http::{
        payouts,
        problem::{Kind, Problem},
    },
    identity::Principal,
    telemetry::names,
};

/// How long to wait, at the least and at the most, before a job that can not be taken in now is brought again.
const AGAIN_MS: std::ops::RangeInclusive<u64> = 200..=1_000;
/// How often a job may meet a fault of payoutd before it is laid aside: it may be the job that breaks it.
const BROKEN_TIMES_MAX: u32 = 5;

/// How it ended with a job.
#[derive(Debug)]
pub(super) enum Done {
    /// It can be acknowledged.
    Finished,
    /// The house closes before it could be taken in: it goes back.
    GivenBack,
    /// The broker was lost over it.
    Lost(String),
}

/// Where a session's words go.
pub(super) struct Outlets {
    /// To the dead queue.
    pub(super) dead: Publisher,
    /// To whoever asked for an answer.
    pub(super) replies: mpsc::Sender<Reply>,
}

/// Brings a job to its end.
pub(super) async fn work(desk: Rc<Desk>, outlets: Rc<Outlets>, delivery: Delivery) -> (u64, Done) {
    let tag = delivery.delivery_tag;
    let message = Message::of(&delivery.properties, delivery.data);
    let hand = Hand { desk: &desk, outlets: &outlets, properties: &delivery.properties };
    let received_ms = desk.tools.clock.now_ms();
    let sender = match hand.sender(&message).await {
        Ok(sender) => sender,
        Err(NoSender::Poison(problem)) => return (tag, hand.bury(problem, &message.body).await),
        Err(NoSender::Later(_)) => return (tag, Done::GivenBack),
    };
    let done = match job::read(&message, received_ms, desk.tools.body_bytes_max) {
        Ok(job) => match must_be_let_order(&sender, &job.order) {
            Ok(()) => hand.bring(job, &sender, &message.body).await,
            Err(problem) => hand.bury(problem, &message.body).await,
        },
        Err(NotAJob::Problem(problem)) => hand.bury(problem, &message.body).await,
        Err(NotAJob::Body(why)) => {
            let problem = payouts::not_an_order(Some(desk.tools.office.as_ref()), why).await;
            hand.bury(problem, &message.body).await
        }
    };
    (tag, done)
}

struct Hand<'a> {
    desk: &'a Desk,
    outlets: &'a Outlets,
    properties: &'a BasicProperties,
}

impl Hand<'_> {
    /// Whoever has sent the job, asked until it can be told or the house closes.
    async fn sender(&self, message: &Message) -> Result<Principal, NoSender> {
        loop {
            match self.desk.tools.senders.of(self.properties, message).await {
                Err(NoSender::Later(why)) => {
                    warn!(why, "whose job it is can not be told now");
                    if !self.wait().await {
                        return Err(NoSender::Later(why));
                    }
                }
                known => return known,
            }
        }
    }

    async fn bring(&self, job: Job, sender: &Principal, body: &[u8]) -> Done {
        let mut broken = 0;
        loop {
            match self.ask(&job, sender).await {
                Verdict::Admitted(payout) => {
                    self.desk.count().admitted += 1;
                    self.reply(&Outcome::Admitted(&payout));
                    return Done::Finished;
                }
                Verdict::Repeated(payout) => return self.repeated(&payout),
                Verdict::KeyReused(existing) => {
                    return self.bury(payouts::key_reused(existing), body).await;
                }
                Verdict::Poison(problem) => return self.bury(problem, body).await,
                Verdict::Broken(cause) if broken + 1 >= BROKEN_TIMES_MAX => {
                    error!(cause, "a job broke something here again and again: it is laid aside");
                    let detail = "something went wrong here with this job, again and again; the cause stands in the log";
                    return self.bury(Problem::new(Kind::Internal, detail), body).await;
                }
                Verdict::Broken(cause) => {
                    error!(cause, "a job met a fault");
                    broken += 1;
                }
                Verdict::Later => {}
            }
            if !self.wait().await {
                return Done::GivenBack;
            }
        }
    }

    async fn ask(&self, job: &Job, sender: &Principal) -> Verdict {
        let account = sender.account();
        let request = AdmitPayouts {
            account: account.clone(),
            ordered_by: sender.orderer(),
            key: job.key.clone(),
            orders: vec![job.order.clone()],
            batch: false,
            cause: job::cause_of(self.properties),
        };
        let office = &self.desk.tools.office;
        let verdict = Verdict::of(office.admit(request).await);
        let Verdict::KeyReused(existing) = verdict else { return verdict };
        if !job.counted_from_receipt {
            return verdict;
        }
        // Each receipt counts its own expiration, and the first one's holds.
        match office.find(&Reached::one(account), existing).await {
            Ok(Some(found)) if job.was_received_as(&found.payout.order) => {
                Verdict::Repeated(Box::new(found.payout))
            }
            Ok(_) => verdict,
            Err(_) => Verdict::Later,
        }
    }

    fn repeated(&self, payout: &Payout) -> Done {
        self.desk.count().repeated += 1;
        self.reply(&Outcome::Repeated(payout));
        Done::Finished
    }

    /// Lays the job into the dead queue, and says so. Until the broker has it there, it is not done with.
    async fn bury(&self, problem: Problem, body: &[u8]) -> Done {
        let Desk { tools, .. } = self.desk;
        let at_ms = tools.clock.now_ms();
        loop {
            let properties = dead_letter::properties(self.properties, &problem, &tools.config.queue, at_ms);
            let queue: ShortString = tools.config.dead_queue.as_str().into();
            match self.outlets.dead.to_queue(queue, true, body, properties).await {
                Ok(()) => break,
                Err(NotPublished::Unroutable) => {
                    return Done::Lost(format!("the queue {} is gone", tools.config.dead_queue));
                }
                Err(NotPublished::Lost(why)) => return Done::Lost(why),
                Err(NotPublished::NotTaken) => {}
            }
            if !self.wait().await {
                return Done::GivenBack;
            }
        }
        let word = problem.kind.word();
        let key = self.properties.message_id().as_ref().map(ShortString::as_str).unwrap_or_default();
        info!(problem = word, message_id = key, "a job was laid into the dead queue");
        metrics::counter!(names::AMQP_JOBS_DEAD_TOTAL, "problem" => word).increment(1);
        self.desk.count().dead += 1;
        self.reply(&Outcome::Refused(&problem));
        Done::Finished
    }

    fn reply(&self, outcome: &Outcome<'_>) {
        let Some(reply) = self.desk.replies.to(self.properties, outcome) else { return };
        if self.outlets.replies.try_send(reply).is_err() {
            metrics::counter!(names::AMQP_REPLIES_TOTAL, "outcome" => "dropped").increment(1);
        }
    }

    /// Waits a little; `false` when the house closes.
    async fn wait(&self) -> bool {
        let wait = Duration::from_millis(fastrand::u64(AGAIN_MS));
        tokio::select! {
            () = self.desk.closed() => false,
            () = tokio::time::sleep(wait) => true,
        }
    }
}
