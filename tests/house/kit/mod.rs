//! What several stories share.

pub(crate) mod amqp;
pub(crate) mod certificates;
pub(crate) mod daemon;
pub(crate) mod desk;
pub(crate) mod door;
pub(crate) mod fleet;
pub(crate) mod link;
pub(crate) mod network;
pub(crate) mod own_service;
pub(crate) mod postgres;
pub(crate) mod schema;
pub(crate) mod small_office;
pub(crate) mod standby;
pub(crate) mod tls;
