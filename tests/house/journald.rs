//! The fear: on the machine that pays, an error stands in systemd's journal as one grey line among thousands.

use std::{
    fs::{self, File},
    os::{linux::fs::MetadataExt as _, unix::net::UnixDatagram},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use crate::kit::desk::Desk;

/// The daemon says its first word long before this.
const WITHIN: Duration = Duration::from_secs(120);

/// F001-40: where systemd has connected stderr to its journal, the daemon speaks to the journal itself, with priorities and fields.
/// The journal here is a socket of the test's own, which the daemon sees in its place (a mount namespace).
#[test]
fn under_systemd_the_daemon_speaks_to_the_journal_itself() {
    let may = Command::new("unshare").args(["--map-root-user", "--mount", "true"]).output();
    if !may.is_ok_and(|may| may.status.success()) {
        println!("not looked at: this machine gives nobody a mount namespace");
        return;
    }
    let desk = Desk::with_door("[{ url = \"http://127.0.0.1:1\" }]", "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t");
    let run = tempfile::tempdir().unwrap();
    fs::create_dir_all(run.path().join("systemd/journal")).unwrap();
    let journal = UnixDatagram::bind(run.path().join("systemd/journal/socket")).unwrap();
    journal.set_read_timeout(Some(WITHIN)).unwrap();
    let stderr = File::create(desk.path("stderr")).unwrap();
    let about = stderr.metadata().unwrap();
    let mut daemon = Command::new("unshare")
        .args([
            "--map-root-user",
            "--mount",
            "sh",
            "-c",
            "mount --bind \"$1\" /run && exec \"$2\" run --config \"$3\"",
            "sh",
        ])
        .arg(run.path())
        .arg(env!("CARGO_BIN_EXE_payoutd"))
        .arg(desk.path("payoutd.toml"))
        .env("JOURNAL_STREAM", format!("{}:{}", about.st_dev(), about.st_ino()))
        .stdout(Stdio::null())
        .stderr(stderr)
        .spawn()
        .unwrap();
    // Its nodes are away: it warns of that.
    let began = Instant::now();
    let (mut datagram, mut entries) = (vec![0; 1 << 20], Vec::new());
    while !entries.iter().any(|entry: &String| entry.contains("PRIORITY\n\u{1}\0\0\0\0\0\0\u{0}4\n")) {
        assert!(began.elapsed() < WITHIN, "no warning came: {entries:?}");
        let bytes = journal.recv(&mut datagram).unwrap();
        entries.push(String::from_utf8_lossy(&datagram[..bytes]).into_owned());
    }
    daemon.kill().unwrap();
    daemon.wait().unwrap();
    for entry in entries.iter().skip(1) {
        assert!(entry.contains("MESSAGE\n") && entry.contains("PAYOUTD_TARGET\n"), "{entry}");
    }
    let stderr = fs::read_to_string(desk.path("stderr")).unwrap();
    assert!(!stderr.contains("the house is open"), "it stands in the journal, and there alone: {stderr}");
}
