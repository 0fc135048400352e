//! Stories about the simulated network, each named after the fear.

mod blocks;
mod expiry;
mod fees;
mod forks;
mod pools;
mod refusals;
mod router;
mod saved;
mod speed;
mod storms;
mod tether;
mod town;
mod tronscan;
mod weather;

use super::broadcast::Place;
use super::{SimChain, Transaction};

impl SimChain {
    /// A relay that checks nothing hands a transaction to the producers.
    fn hand_to_producers(&mut self, bytes: &[u8]) {
        let transaction = Transaction::parse(bytes).unwrap();
        self.know(&transaction);
        let (accepted_ms, expiration_ms) = (self.now_ms, transaction.expiration_ms);
        self.pool_mut(Place::Producers).add(super::pool::Pending {
            txid: transaction.txid,
            accepted_ms,
            expiration_ms,
            came_back: false,
            forgotten_soon: false,
        });
    }
}
