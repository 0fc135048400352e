//! The database and the broker: those that the environment names, or those that `tests/services` starts.

use std::process::Command;

const POSTGRES: &str = "PAYOUTD_TEST_POSTGRES_URL";
const BROKER: &str = "PAYOUTD_TEST_AMQP_URL";

/// Sees to it that both are there, and known to the processes that play the parts.
pub(crate) fn see_to_them() {
    if std::env::var_os(POSTGRES).is_some() && std::env::var_os(BROKER).is_some() {
        return;
    }
    let services = |verb: &str| {
        let services = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/services");
        let said = Command::new(services).arg(verb).output().unwrap();
        assert!(said.status.success(), "tests/services {verb}: {}", String::from_utf8_lossy(&said.stderr));
        String::from_utf8(said.stdout).unwrap()
    };
    services("up");
    let said = services("env");
    let lines = said.lines().filter_map(|line| line.split_once('='));
    let told: Vec<(String, String)> =
        lines.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    crate::common::stage::tell_parts(told);
}

/// Where the database is.
pub(crate) fn postgres_url() -> String {
    told(POSTGRES)
}

/// Where the broker is.
pub(crate) fn broker_url() -> String {
    told(BROKER)
}

fn told(name: &str) -> String {
    crate::common::stage::told(name).unwrap_or_else(|| panic!("{name} is not set"))
}
