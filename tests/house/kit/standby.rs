//! A standby of a PostgreSQL of the story's own: it follows by streaming, over a wire that a story can cut, and is promoted.

use std::{net::SocketAddr, path::PathBuf, process::Command};

use super::{daemon::lasting_port, fleet::address_in, link::Link, own_service::OwnService};

/// The standby; it ends with the story.
pub(crate) struct Standby {
    /// Its wire to the primary.
    pub(crate) wire: Link,
    /// Where it is.
    pub(crate) address: SocketAddr,
    bin: PathBuf,
    data: PathBuf,
    primary_data: PathBuf,
}

impl Standby {
    /// Copies the primary, and follows it from then on; asynchronously, as they do unless told otherwise.
    pub(crate) fn of(primary: &OwnService) -> Self {
        let wire = Link::to(address_in(&primary.url()));
        let folder = primary.home().join("postgres");
        let standby = Self {
            address: lasting_port(),
            bin: newest_bin(),
            data: folder.join("standby"),
            primary_data: folder.join("data"),
            wire,
        };
        let from = format!("postgres://payoutd:payoutd@{}/postgres", standby.wire.address);
        let data = standby.data.display().to_string();
        standby.does("pg_basebackup", &["-d", &from, "-D", &data, "-R", "-X", "stream", "-c", "fast"]);
        let (port, log) = (format!("-p {}", standby.address.port()), folder.join("standby.log"));
        let log = log.display().to_string();
        standby.does("pg_ctl", &["start", "-w", "-D", &data, "-l", &log, "-o", &port]);
        standby
    }

    /// The primary dies, as when its host does.
    pub(crate) fn outlives_the_primary(&self) {
        self.does("pg_ctl", &["stop", "-m", "immediate", "-D", &self.primary_data.display().to_string()]);
    }

    /// It becomes the primary, with what it has heard.
    pub(crate) fn is_promoted(&self) {
        self.does("pg_ctl", &["promote", "-w", "-D", &self.data.display().to_string()]);
    }

    /// PostgreSQL's programs are not for root.
    fn does(&self, program: &str, arguments: &[&str]) {
        let program = self.bin.join(program);
        let am_root = std::fs::metadata("/proc/self").is_ok_and(|this| {
            use std::os::unix::fs::MetadataExt as _;
            this.uid() == 0
        });
        let mut command = match am_root {
            true => Command::new("runuser"),
            false => Command::new(&program),
        };
        if am_root {
            command.args(["-u", "postgres", "--"]).arg(&program);
        }
        let done =
            command.args(arguments).current_dir("/").stdin(std::process::Stdio::null()).status().unwrap();
        assert!(done.success(), "{program:?} {arguments:?}: {done}");
    }
}

impl Drop for Standby {
    fn drop(&mut self) {
        let data = self.data.display().to_string();
        self.does("pg_ctl", &["stop", "-m", "immediate", "-D", &data]);
    }
}

/// The programs of the newest PostgreSQL of Debian's.
fn newest_bin() -> PathBuf {
    let versions = std::fs::read_dir("/usr/lib/postgresql").unwrap();
    let mut versions: Vec<PathBuf> = versions.map(|version| version.unwrap().path()).collect();
    versions.sort_by_key(|version| {
        version.file_name().and_then(|name| name.to_str()?.parse::<u32>().ok()).unwrap_or(0)
    });
    versions.pop().unwrap().join("bin")
}
