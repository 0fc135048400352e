//! What the intake works with, and what it shows of itself.

use std::{
    cell::{Ref, RefCell, RefMut},
    sync::Arc,
};

use payoutd_actors::{
    ports::Clock,
    rounds::{Held, InHand},
};
use serde::Serialize;
use tokio::sync::watch;

use crate::{
    amqp::{
        connection::Broker,
        credentials::Senders,
        link::{Link, LinkState},
        reply::Replies,
    },
    config::Amqp,
    http::office::{Health, STORE, SharedOffice},
};

/// What the intake works with.
#[derive(Clone)]
pub struct IntakeTools {
    /// Where the broker is.
    pub broker: Broker,
    /// The names of the queues, and how many jobs at once.
    pub config: Amqp,
    /// Whom jobs are brought to, the same as behind the front door.
    pub office: SharedOffice,
    /// The wall clock, for expirations.
    pub clock: Arc<dyn Clock>,
    /// A longer body is no order.
    pub body_bytes_max: usize,
    /// The sign of its connection.
    pub link: Link,
    /// Who may send jobs.
    pub senders: Senders,
}

/// The intake's view of itself.
#[derive(Debug, Clone, Default, Serialize)]
pub struct IntakeView {
    /// Whether jobs are being taken from the queue.
    pub consuming: bool,
    /// Jobs that it has in hand, not acknowledged.
    pub unacknowledged: usize,
    /// Jobs received since it was hired, those that came again among them.
    pub received: u64,
    /// Of these, taken in.
    pub admitted: u64,
    /// Taken in before, by the same key.
    pub repeated: u64,
    /// Laid into the dead queue.
    pub dead: u64,
    /// Times that jobs were given back because the house could not take them in.
    pub given_back: u64,
    /// Why nothing is consumed, or what differs at the broker.
    pub trouble: Option<String>,
}

pub(super) struct Desk {
    pub(super) tools: IntakeTools,
    pub(super) replies: Replies,
    view: RefCell<IntakeView>,
    closing: watch::Sender<bool>,
    working: InHand,
}

impl Desk {
    pub(super) fn new(tools: IntakeTools) -> Self {
        let not_to = [tools.config.queue.clone(), tools.config.dead_queue.clone()];
        Self {
            replies: Replies { not_to },
            tools,
            view: RefCell::default(),
            closing: watch::Sender::new(false),
            working: InHand::default(),
        }
    }

    pub(super) fn view(&self) -> IntakeView {
        let seen: Ref<'_, IntakeView> = self.view.borrow();
        let mut view = seen.clone();
        (view.consuming, view.trouble) = match self.tools.link.state() {
            LinkState::Up(note) => (true, note),
            LinkState::Down(why) => (false, Some(why)),
            LinkState::Starting | LinkState::Closed => (false, None),
        };
        view
    }

    pub(super) fn count(&self) -> RefMut<'_, IntakeView> {
        self.view.borrow_mut()
    }

    /// Begins the work; it ends when what this gives is dropped.
    pub(super) fn begin(&self) -> Held {
        self.working.take(1)
    }

    /// Takes nothing new; resolves when the work has ended.
    pub(super) fn close(&self) -> impl Future<Output = ()> + 'static {
        self.closing.send_replace(true);
        self.working.none()
    }

    pub(super) fn is_closing(&self) -> bool {
        *self.closing.borrow()
    }

    /// Resolves when the house closes.
    pub(super) fn closed(&self) -> impl Future<Output = ()> + 'static {
        let mut closing = self.closing.subscribe();
        async move {
            // An error means that the desk is gone, and the house with it.
            let _ = closing.wait_for(|closing| *closing).await;
        }
    }

    /// Whether the house can take anything in: its store is there.
    pub(super) async fn house_is_open(&self) -> bool {
        let parts = self.tools.office.components().await;
        parts.iter().any(|part| part.name == STORE && part.health != Health::Down)
    }
}
