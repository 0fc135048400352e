//! The front door: HTTP under `/v1`.
//!
//! A handler parses, asks the office and answers; that is all it does. What every request has in common stands around the
//! handlers: the [`envelope`] (request id, security headers, problems, log) and the [`gate`] ([`rates`], token, permission, bounds),
//! both driven by one table of [`routes`]. What passes between the door and the office is [`office::Office`].
//!
//! Promises: a 202 is said only after the office's commit; every answer carries `X-Request-ID` and the security headers;
//! whatever is not a success is a problem document with a type from a closed set, and never shows anything of the inside.
//! **Never here:** rules about money, SQL, the chain.

pub mod access;
pub mod actors;
pub mod audit;
pub mod audit_trail;
pub mod auth;
pub mod body;
pub mod cors;
pub mod credentials;
pub mod cursor;
pub mod dead_jobs;
pub mod docs;
pub mod door;
pub mod envelope;
pub mod events;
pub mod gate;
pub mod gateway;
pub mod health;
pub mod house;
pub mod keys;
pub mod limits;
pub mod links;
pub mod listeners;
pub mod metrics;
pub mod nodes;
pub mod office;
pub mod openapi;
pub mod pause;
pub mod payouts;
pub mod peer;
pub mod problem;
pub mod problem_pages;
pub mod query;
pub mod rates;
pub mod refusals;
pub mod request_id;
pub mod rest;
pub mod routes;
pub mod second_factor;
pub mod settings;
pub mod token;
pub mod users;

pub use self::{
    cursor::CursorKey,
    door::{Door, Phase},
    office::{Office, Staffed},
    settings::Settings,
    token::TokenDigest,
};
