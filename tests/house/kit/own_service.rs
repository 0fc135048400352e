//! A RabbitMQ or a PostgreSQL of a story's own, to be restarted or set up in a way that the other stories would not like.

use std::{
    fs::{self, File},
    io::{ErrorKind, Write as _},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use tempfile::TempDir;

const SERVICES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/services");
const BROKER: &str = "/usr/lib/rabbitmq/bin/rabbitmq-server";
const POSTGRES: &str = "/usr/lib/postgresql";
const AMQP_URL: &str = "PAYOUTD_TEST_AMQP_URL";
const POSTGRES_URL: &str = "PAYOUTD_TEST_POSTGRES_URL";

/// The service; it goes with the story.
pub(crate) struct OwnService {
    home: TempDir,
    name: &'static str,
    variable: &'static str,
    settings: Vec<(&'static str, String)>,
    /// Its home is a small disk of its own, to be filled.
    has_small_disk: bool,
}

impl OwnService {
    /// Starts a broker, with Erlang's words for the settings that are not the tests' own. `None` where no RabbitMQ is installed,
    /// because the tests' one is somebody else's.
    pub(crate) fn broker(settings: &str) -> Option<Self> {
        Self::start(
            "rabbitmq",
            AMQP_URL,
            BROKER,
            vec![("PAYOUTD_TEST_RABBITMQ_SETTINGS", settings.to_owned())],
        )
    }

    /// The same, with lines of `rabbitmq.conf`.
    pub(crate) fn broker_with(lines: &str) -> Option<Self> {
        Self::start("rabbitmq", AMQP_URL, BROKER, vec![("PAYOUTD_TEST_RABBITMQ_CONF", lines.to_owned())])
    }

    /// Starts a PostgreSQL with lines of `postgresql.conf`. `None` where none is installed.
    pub(crate) fn postgres(lines: &str) -> Option<Self> {
        Self::start(
            "postgres",
            POSTGRES_URL,
            POSTGRES,
            vec![("PAYOUTD_TEST_POSTGRES_SETTINGS", lines.to_owned())],
        )
    }

    /// The same, all of it upon a disk of so many megabytes. `None` also where whoever tests may not mount one.
    pub(crate) fn postgres_on_a_small_disk(megabytes: u32, lines: &str) -> Option<Self> {
        let settings = vec![("PAYOUTD_TEST_POSTGRES_SETTINGS", lines.to_owned())];
        let mut service = Self::installed("postgres", POSTGRES_URL, POSTGRES, settings)?;
        let options = format!("size={megabytes}m,mode=0755");
        let mut mount = Command::new("mount");
        mount
            .args(["-t", "tmpfs", "-o", &options, "payoutd-test"])
            .arg(service.home.path())
            .stderr(Stdio::null());
        if !mount.status().unwrap().success() {
            eprintln!("not told: a small disk can not be mounted here");
            return None;
        }
        service.has_small_disk = true;
        service.services(&["up"]);
        Some(service)
    }

    fn start(
        name: &'static str,
        variable: &'static str,
        installed: &str,
        settings: Vec<(&'static str, String)>,
    ) -> Option<Self> {
        let service = Self::installed(name, variable, installed, settings)?;
        service.services(&["up"]);
        Some(service)
    }

    fn installed(
        name: &'static str,
        variable: &'static str,
        installed: &str,
        settings: Vec<(&'static str, String)>,
    ) -> Option<Self> {
        if !Path::new(installed).exists() {
            eprintln!("not told: there is no {installed} to start");
            return None;
        }
        let everybody = fs::Permissions::from_mode(0o755);
        let home = tempfile::Builder::new().permissions(everybody).tempdir_in("/var/tmp").unwrap();
        Some(Self { home, name, variable, settings, has_small_disk: false })
    }

    /// Fills its disk to the last byte.
    pub(crate) fn fill_disk(&self) {
        assert!(self.has_small_disk, "the machine's disk is nobody's to fill");
        let mut ballast = File::create(self.ballast()).unwrap();
        let full = (0..).find_map(|_| ballast.write_all(&[0; 64 * 1024]).err()).unwrap();
        assert_eq!(full.kind(), ErrorKind::StorageFull, "{full}");
    }

    /// Makes room again.
    pub(crate) fn make_room(&self) {
        fs::remove_file(self.ballast()).unwrap();
    }

    fn ballast(&self) -> PathBuf {
        self.home.path().join("ballast")
    }

    /// The folder in which it has everything.
    pub(crate) fn home(&self) -> &Path {
        self.home.path()
    }

    /// Where it is.
    pub(crate) fn url(&self) -> String {
        let told = String::from_utf8(self.services(&["env"]).stdout).unwrap();
        let url = told.lines().find_map(|line| line.strip_prefix(self.variable)?.strip_prefix('='));
        url.unwrap_or_else(|| panic!("{told}")).to_owned()
    }

    /// Stops it and starts it again; its data and its port stay.
    pub(crate) fn restart(&self) {
        self.services(&["restart", self.name]);
    }

    fn services(&self, arguments: &[&str]) -> Output {
        let output = self.run(arguments);
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        output
    }

    fn run(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(SERVICES);
        command.args(arguments).env("PAYOUTD_TEST_SERVICES_HOME", self.home.path());
        for other in [AMQP_URL, POSTGRES_URL, "PAYOUTD_TEST_PROMETHEUS_URL"] {
            command.env(other, "not needed");
        }
        command.env_remove(self.variable).envs(self.settings.iter().cloned()).output().unwrap()
    }
}

impl Drop for OwnService {
    fn drop(&mut self) {
        let _ = self.run(&["down"]);
        if self.has_small_disk {
            let _ = Command::new("umount").arg(self.home.path()).stderr(Stdio::null()).status();
        }
    }
}
