//! One node's desk: which paths it serves, and who answers them. The chain is held for the time of one answer.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use actix_web::http::StatusCode;
use payoutd_actors::fakes::sim_chain::{Answer, Finality, NodeId, SimChain};

use super::{
    ask::{Ask, Read},
    control,
    door::{Desk, Served},
    reply::Reply,
    storm, trongrid, tronscan,
    wallet::{self, Asked, Question, broadcasting},
};

/// The chain, as everybody in the sandbox holds it.
pub type SharedChain = Arc<Mutex<SimChain>>;

/// The chain, locked. A panic while somebody else held it leaves a chain that is as good as a crashed network's: still to be read.
pub(crate) fn locked(chain: &SharedChain) -> MutexGuard<'_, SimChain> {
    chain.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What is served behind one door.
#[derive(Clone)]
pub(crate) struct NodeDesk {
    /// The chain.
    pub(crate) chain: SharedChain,
    /// Which node answers.
    pub(crate) node: NodeId,
    /// Whether `wallet/…` is served here, and what a hosted service, TronScan and the sandbox itself serve beside it.
    pub(crate) head: bool,
    /// Whether `walletsolidity/…` is served here.
    pub(crate) solid: bool,
}

impl Desk for NodeDesk {
    fn serves(&self, path: &str) -> Served {
        if let Some((finality, asked)) = wallet::asked(path) {
            return if self.shows(finality) { asked.served() } else { Served::Never };
        }
        if !self.head {
            return Served::Never;
        }
        match path {
            "healthcheck" => Served::Get,
            _ if trongrid::asked(path).is_some() || tronscan::serves(path) => Served::Get,
            _ => control::served(path),
        }
    }

    fn answer(&self, ask: &Ask) -> Reply {
        if let Some((finality, asked)) = wallet::asked(&ask.path) {
            return self.answer_as_node(finality, &asked, ask);
        }
        let mut chain = locked(&self.chain);
        match (ask.path.as_str(), trongrid::asked(&ask.path)) {
            ("healthcheck", _) => {
                Reply::new(StatusCode::OK, Some("text/plain;charset=utf-8"), "OK\n".to_owned())
            }
            (_, Some(asked)) => {
                // A hosted service has the same bad days as the node behind it.
                match chain.ask(self.node, Finality::Head, |_| ()) {
                    Answer::Reply(()) => trongrid::answer(&chain, self.node, &asked, ask),
                    Answer::Lost(lost) => storm::reply(lost, false),
                }
            }
            (path, None) if tronscan::serves(path) => tronscan::answer(&mut chain, ask),
            _ => control::answer(&mut chain, ask),
        }
    }
}

impl NodeDesk {
    fn shows(&self, finality: Finality) -> bool {
        match finality {
            Finality::Head => self.head,
            Finality::Solid => self.solid,
        }
    }

    fn answer_as_node(&self, finality: Finality, asked: &Asked, ask: &Ask) -> Reply {
        match asked {
            Asked::Question(call) if !ask.post && call.is_silent_to_get() => {
                Reply::new(StatusCode::OK, Some(super::reply::JSON), String::new())
            }
            Asked::Question(call) => {
                let mut chain = locked(&self.chain);
                let now_ms = chain.now_ms();
                let answer = call.answer;
                match chain
                    .ask(self.node, finality, |view| Reply::from(answer(&Question { view, ask, now_ms })))
                {
                    Answer::Reply(reply) => reply,
                    Answer::Lost(lost) => storm::reply(lost, false),
                }
            }
            Asked::BroadcastHex => Reply::from(self.broadcast_hex(ask)),
            Asked::BroadcastTransaction => Reply::from(self.broadcast_object(ask)),
        }
    }

    fn broadcast_hex(&self, ask: &Ask) -> Read<Reply> {
        let bytes = broadcasting::bytes_of_hex(ask)?;
        let answer = locked(&self.chain).broadcast(self.node, &bytes);
        match answer {
            Answer::Reply(outcome) => broadcasting::reply_to_hex(outcome),
            Answer::Lost(lost) => Ok(storm::reply(lost, true)),
        }
    }

    fn broadcast_object(&self, ask: &Ask) -> Read<Reply> {
        let (bytes, visible) = broadcasting::bytes_of_object(ask)?;
        let answer = locked(&self.chain).broadcast(self.node, &bytes);
        match answer {
            Answer::Reply(outcome) => broadcasting::reply_to_object(outcome, visible),
            Answer::Lost(lost) => Ok(storm::reply(lost, true)),
        }
    }
}
