//! The house under test: one binary, one module per fear. A module is a story; helpers that several stories share stand in `kit`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on says so by panicking, in its helpers too"
)]

mod amqp_description;
mod amqp_events;
mod amqp_house;
mod amqp_jobs;
mod amqp_topology;
mod api_at_random;
mod api_description;
mod api_keys;
mod audit_at_work;
mod audit_commands;
mod audit_routes;
mod bad_orders;
mod command_line;
mod configuration;
mod cors;
mod debian_package;
mod deploy_page;
mod events_at_the_door;
mod events_commands;
mod failover;
mod fleet;
mod front_door;
mod gateways;
mod heavy_bodies;
mod issuer;
mod journal_export;
mod journald;
mod kit;
mod links;
mod listeners;
mod man_page;
mod nodes;
mod pause_commands;
mod payout_commands;
mod people;
mod postgres_house;
mod prometheus_rules;
mod protected_links;
mod real_node;
mod reconcile_commands;
mod record;
mod refused_starts;
mod request_rates;
mod sandbox_chain;
mod sandbox_day;
mod sdks;
mod second_factor;
mod security_pages;
mod service_manager;
mod sigkill;
mod signed_jobs;
mod slow_starts;
mod spending_limits;
mod store_commands;
mod store_exam;
mod store_exam_postgres;
mod store_killed;
mod systemd_units;
mod tampered_journal;
mod tokens;
mod trials;
mod tron_commands;
mod tron_vectors;
mod vocabulary;
mod whole_house;
