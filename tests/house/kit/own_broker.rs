//! A RabbitMQ of a story's own, to be restarted or set up in a way that the other stories would not like.

use std::{
    os::unix::fs::PermissionsExt as _,
    path::Path,
    process::{Command, Output},
};

use tempfile::TempDir;

const SERVICES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/services");
const SERVER: &str = "/usr/lib/rabbitmq/bin/rabbitmq-server";

/// The broker; it goes with the story.
pub(crate) struct OwnBroker {
    home: TempDir,
    settings: String,
}

impl OwnBroker {
    /// Starts one, with Erlang's words for the settings that are not the tests' own. `None` where no RabbitMQ is installed,
    /// because the tests' one is somebody else's.
    pub(crate) fn start(settings: &str) -> Option<Self> {
        if !Path::new(SERVER).exists() {
            eprintln!("not told: there is no {SERVER} to start");
            return None;
        }
        let everybody = std::fs::Permissions::from_mode(0o755);
        let home = tempfile::Builder::new().permissions(everybody).tempdir_in("/var/tmp").unwrap();
        let broker = Self { home, settings: settings.to_owned() };
        broker.services(&["up"]);
        Some(broker)
    }

    /// Where it is.
    pub(crate) fn url(&self) -> String {
        let told = String::from_utf8(self.services(&["env"]).stdout).unwrap();
        let url = told.lines().find_map(|line| line.strip_prefix("PAYOUTD_TEST_AMQP_URL="));
        url.unwrap_or_else(|| panic!("{told}")).to_owned()
    }

    /// Stops it and starts it again; its data and its port stay.
    pub(crate) fn restart(&self) {
        self.services(&["restart", "rabbitmq"]);
    }

    fn services(&self, arguments: &[&str]) -> Output {
        let output = self.run(arguments);
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        output
    }

    fn run(&self, arguments: &[&str]) -> Output {
        Command::new(SERVICES)
            .args(arguments)
            .env("PAYOUTD_TEST_SERVICES_HOME", self.home.path())
            .env("PAYOUTD_TEST_RABBITMQ_SETTINGS", &self.settings)
            .env("PAYOUTD_TEST_POSTGRES_URL", "not needed")
            .env("PAYOUTD_TEST_PROMETHEUS_URL", "not needed")
            .env_remove("PAYOUTD_TEST_AMQP_URL")
            .output()
            .unwrap()
    }
}

impl Drop for OwnBroker {
    fn drop(&mut self) {
        let _ = self.run(&["down"]);
    }
}
