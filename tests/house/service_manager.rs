//! The fear: a service manager that takes a process for a house: that says "started" while nobody is at work, or feeds on a
//! process that lives and pays nobody.

use std::{
    fs,
    os::unix::{
        fs::{MetadataExt as _, PermissionsExt as _, chown},
        net::UnixDatagram,
    },
    path::Path,
    time::Duration,
};

use reqwest::Method;

use crate::kit::{daemon::Daemon, desk::Desk, door::TOKEN, network::Network};

/// A word comes long before this, however busy the machine is.
const WORD_WITHIN: Duration = Duration::from_secs(240);
/// A watchdog of eight seconds: the heart beats every two.
const WATCHDOG_USEC: &str = "8000000";

/// What systemd hears.
struct Manager {
    socket: UnixDatagram,
    path: String,
}

impl Manager {
    fn listen(desk: &Desk) -> Self {
        let path = desk.path("notify");
        let socket = UnixDatagram::bind(&path).unwrap();
        socket.set_read_timeout(Some(WORD_WITHIN)).unwrap();
        Self { socket, path: path.to_str().unwrap().to_owned() }
    }

    /// The next message.
    fn hear(&self) -> String {
        let mut message = [0; 4_096];
        let length = self.socket.recv(&mut message).expect("not a word more from the daemon");
        String::from_utf8(message[..length].to_vec()).unwrap()
    }

    /// Listens until a message has this line; everything that was heard up to there.
    fn hear_until(&self, line: &str) -> Vec<String> {
        let mut heard = Vec::new();
        loop {
            let message = self.hear();
            let found = message.lines().any(|said| said.starts_with(line));
            heard.push(message);
            if found {
                return heard;
            }
        }
    }
}

/// F-P26: READY comes with a door that answers 200, the watchdog is fed, a pause is shown, and the end is said before it comes.
#[actix_rt::test]
async fn systemd_hears_ready_the_pulse_the_trouble_and_the_end() {
    let network = Network::of_two_nodes();
    let desk = Desk::beside(&network);
    let manager = Manager::listen(&desk);
    let mut daemon =
        Daemon::start_with(&desk, &[("NOTIFY_SOCKET", &manager.path), ("WATCHDOG_USEC", WATCHDOG_USEC)]);

    let opening = manager.hear_until("READY=1");
    assert!(opening[0].starts_with("STATUS=opening"), "{opening:?}");
    assert!(opening.iter().all(|message| !message.contains("WATCHDOG=1")), "{opening:?}");
    let probe = daemon.caller.request(Method::GET, "/readyz").send().await.unwrap();
    assert_eq!(probe.status(), 200, "ready was said before it was true");
    assert!(opening.last().unwrap().contains("STATUS=ready"), "{opening:?}");

    assert_eq!(manager.hear_until("WATCHDOG=1").last().unwrap(), "WATCHDOG=1\n");
    desk.ends(0, &["pause", "the auditors are here"]);
    let paused = manager.hear_until("STATUS=ready; ");
    assert!(paused.last().unwrap().contains("payments is degraded"), "{paused:?}");

    daemon.must_live();
    daemon.stop();
    let closing = manager.hear_until("STOPPING=1");
    assert!(closing.last().unwrap().contains("STATUS=closing: SIGTERM"), "{closing:?}");
}

/// The three files of the unit's `LoadCredential=`, as systemd lays them out for a service with a user of its own: mode 0440 for
/// the mask of their access list, in a folder that the variable names.
#[test]
fn credentials_as_systemd_lays_them_out_are_taken() {
    let desk = Desk::new();
    let folder = desk.path("credentials");
    fs::create_dir(&folder).unwrap();
    for name in ["wallet.key", "journal.pem", "token"] {
        let file = folder.join(name);
        fs::rename(desk.path(name), &file).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o440)).unwrap();
    }
    let check = |credentials: &Path| {
        let mut check = std::process::Command::new(env!("CARGO_BIN_EXE_payoutd"));
        check.args(["check-config", "--config"]).arg(desk.path("payoutd.toml"));
        for (key, name) in [
            ("WALLET__KEY_FILE", "wallet.key"),
            ("JOURNAL__KEY_FILE", "journal.pem"),
            ("HTTP__TOKEN_FILE", "token"),
        ] {
            check.env(format!("PAYOUTD_{key}"), folder.join(name));
        }
        check.env("CREDENTIALS_DIRECTORY", credentials).output().unwrap()
    };
    let taken = check(&folder);
    let said = String::from_utf8_lossy(&taken.stdout).into_owned();
    assert!(taken.status.success(), "{}", String::from_utf8_lossy(&taken.stderr));
    assert!(said.contains("credentials/wallet.key") && !said.contains(TOKEN), "{said}");
    // Elsewhere they are somebody's files for a group. root's own may be such; where root runs the tests, they are given away first.
    for name in ["wallet.key", "journal.pem", "token"] {
        let file = folder.join(name);
        if fs::metadata(&file).unwrap().uid() == 0 {
            chown(&file, Some(4_321), None).unwrap();
        }
    }
    let refused = check(&desk.path("elsewhere"));
    assert_eq!(refused.status.code(), Some(78));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("(mode 0440)"));
}
