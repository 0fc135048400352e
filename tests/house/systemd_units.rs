//! The fear: a unit that systemd does not take, or that leaves the machine open to whoever gets into the daemon.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

const UNITS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/systemd");
/// systemd's exposure, in tenths.
const EXPOSURE_MAX_TENTHS: &str = "15";

fn unit(name: &str) -> PathBuf {
    Path::new(UNITS).join(name)
}

fn read(name: &str) -> String {
    fs::read_to_string(unit(name)).unwrap()
}

fn analyze(arguments: &[&str], file: &Path) -> Output {
    Command::new("systemd-analyze")
        .args(arguments)
        .arg(file)
        .output()
        .expect("install systemd's tools, as tests/run does: systemd-analyze")
}

fn told(output: &Output) -> String {
    String::from_utf8_lossy(&[&output.stdout[..], &output.stderr[..]].concat()).into_owned()
}

/// An exposure of at most 1.5, with the network that paying needs.
#[test]
fn whoever_gets_into_the_daemon_finds_walls() {
    for name in ["payoutd.service", "payoutd@.service"] {
        let arguments = ["security", "--offline=yes", "--threshold", EXPOSURE_MAX_TENTHS, "--no-pager"];
        let judged = analyze(&arguments, &unit(name));
        assert!(judged.status.success(), "{name}: {}", told(&judged));
        assert!(read(name).contains("RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX\n"), "{name}");
    }
}

/// Every line means something to systemd, and the program that it starts is there.
#[test]
fn systemd_takes_the_units_without_a_word() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["payoutd.service", "payoutd@.service"] {
        let text = read(name);
        assert_eq!(text.matches("=/usr/bin/payoutd ").count(), 2, "{name}");
        let here = folder.path().join(name);
        fs::write(&here, text.replace("/usr/bin/payoutd", env!("CARGO_BIN_EXE_payoutd"))).unwrap();
        let judged = analyze(&["verify", "--man=no"], &here);
        assert!(judged.status.success() && told(&judged).trim().is_empty(), "{name}: {}", told(&judged));
    }
}

/// What the units say of the process is true of it: readiness, the watchdog, the secrets, the check, the drain.
#[test]
fn the_units_say_what_the_daemon_does() {
    for name in ["payoutd.service", "payoutd@.service"] {
        let text = read(name);
        let settings: BTreeSet<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
        for line in [
            "Type=notify",
            "WatchdogSec=60s",
            "ExecStartPre=/usr/bin/payoutd check-config",
            "ExecStart=/usr/bin/payoutd run",
            "ExecReload=/bin/kill -HUP $MAINPID",
            "Environment=PAYOUTD_WALLET__KEY_FILE=%d/wallet.key",
            "Environment=PAYOUTD_JOURNAL__KEY_FILE=%d/journal.pem",
            "Environment=PAYOUTD_HTTP__TOKEN_FILE=%d/token",
            "TimeoutStopSec=45s",
        ] {
            assert!(settings.contains(line), "{name} has no line {line}");
        }
        for secret in ["wallet.key", "journal.pem", "token"] {
            let wanted = format!("LoadCredential={secret}:/etc/payoutd/credentials/");
            assert!(settings.iter().any(|line| line.starts_with(&wanted)), "{name}: {wanted}");
        }
    }
    let drain = payoutd::http::settings::DRAIN_WITHIN + payoutd::wiring::CLOSE_WITHIN;
    assert!(drain.as_secs() < 45, "systemd kills what is still draining");
}

/// Each line below a wall stands under a comment that says what it is for.
#[test]
fn every_wall_is_explained() {
    let text = read("payoutd.service");
    let (_, walls) = text.split_once("# ---- the walls: files\n").unwrap();
    let mut explained = false;
    for line in walls.lines() {
        match line {
            "" | "[Install]" | "WantedBy=multi-user.target" => explained = false,
            comment if comment.starts_with('#') => explained = !comment.starts_with("# ----"),
            setting => assert!(explained, "nobody says what this is for: {setting}"),
        }
    }
}

/// The template has the same walls, line by line; only names differ, and whose user it is.
#[test]
fn the_template_is_the_unit_for_another_wallet() {
    let settings = |name: &str| -> BTreeSet<String> {
        read(name)
            .lines()
            .filter(|line| !line.starts_with('#') && !line.is_empty())
            .map(str::to_owned)
            .collect()
    };
    let (one, many) = (settings("payoutd.service"), settings("payoutd@.service"));
    let only_one: Vec<String> = one
        .difference(&many)
        .map(|line| {
            line.replace("/etc/payoutd/payoutd.toml", "/etc/payoutd/%i.toml")
                .replace("/etc/payoutd/credentials/", "/etc/payoutd/credentials/%i/")
                .replace("=payoutd,", "=payoutd for %i,")
        })
        .map(|line| match line.as_str() {
            "User=payoutd"
            | "Group=payoutd"
            | "StateDirectory=payoutd"
            | "RuntimeDirectory=payoutd"
            | "SyslogIdentifier=payoutd" => {
                format!("{line}-%i")
            }
            _ => line,
        })
        .collect();
    let mut only_many: BTreeSet<String> = many.difference(&one).cloned().collect();
    assert!(only_many.remove("DynamicUser=yes"));
    assert_eq!(only_many, only_one.into_iter().collect());
}
