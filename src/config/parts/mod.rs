//! One file per section: its settings, their defaults and their reasons. The program's configuration is their sum.

mod amqp;
mod breaker;
mod confirmations;
mod egress;
mod external;
mod http;
mod identity;
mod internal;
mod journal;
mod limits;
mod log;
mod network;
mod rates;
mod store;
mod transfer;
mod treasurer;
mod wallet;
mod watcher;
mod worker;

pub use self::{
    amqp::Amqp,
    breaker::Breaker,
    confirmations::Confirmations,
    egress::Egress,
    external::{External, ExternalKeys},
    http::{Http, UnixSocket},
    identity::Identity,
    internal::Internal,
    journal::Journal,
    limits::Limits,
    log::{Log, LogFormat},
    network::{Network, Node, Routers, TronScan},
    rates::Rates,
    store::Store,
    transfer::Transfer,
    treasurer::Treasurer,
    wallet::Wallet,
    watcher::Watcher,
    worker::Worker,
};
