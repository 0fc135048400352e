//! The fear: a package that starts a daemon before it has keys, lets others read them, takes them away with an upgrade, or sends
//! whoever is called by night to a page that was not packed.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Command, Output},
    sync::OnceLock,
};

use tempfile::TempDir;

use crate::{kit::desk::told, sdks::tools};

const HERE: &str = env!("CARGO_MANIFEST_DIR");
const BINARY: &str = env!("CARGO_BIN_EXE_payoutd");
const DOCS: &str = "/usr/share/doc/payoutd/";

/// The package, made once of the program that these tests were built with.
fn package() -> &'static Path {
    static MADE: OnceLock<(TempDir, PathBuf)> = OnceLock::new();
    let (_, file) = MADE.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let profile =
            match Path::new(BINARY).parent().and_then(Path::file_name).and_then(|name| name.to_str()) {
                Some("debug") | None => "dev",
                Some(profile) => profile,
            };
        let made = Command::new(tools().join("cargo/bin/cargo-deb"))
            .args([
                "--no-build",
                "--strip",
                "--fast",
                "--quiet",
                "--locked",
                "--profile",
                profile,
                "--output",
            ])
            .arg(folder.path())
            .current_dir(HERE)
            .output()
            .expect("install cargo-deb, as tests/run does");
        assert!(made.status.success(), "{}", told(&made));
        let file = fs::read_dir(&folder).unwrap().next().unwrap().unwrap().path();
        (folder, file)
    });
    file
}

fn dpkg_deb(what: &str) -> String {
    let read = Command::new("dpkg-deb").arg(what).arg(package()).output().unwrap();
    assert!(read.status.success(), "{}", told(&read));
    String::from_utf8(read.stdout).unwrap()
}

/// The files of the package with their modes: `/usr/bin/payoutd` → `-rwxr-xr-x`.
fn contents() -> BTreeMap<String, String> {
    let listed = dpkg_deb("--contents");
    listed
        .lines()
        .map(|line| {
            let words: Vec<&str> = line.split_whitespace().collect();
            assert!(matches!(words[1], "root/root" | "0/0"), "somebody's own: {line}");
            (words[5].trim_start_matches('.').to_owned(), words[0].to_owned())
        })
        .collect()
}

#[test]
fn lintian_finds_no_error() {
    let judged = Command::new("lintian")
        .args(["--allow-root", "--fail-on", "error", "--info"])
        .arg(package())
        .output()
        .expect("install lintian, as tests/run does");
    assert!(judged.status.success(), "{}", told(&judged));
}

#[test]
fn what_is_packed_is_everybodys_to_read_and_nobodys_to_change() {
    let contents = contents();
    for (file, mode) in &contents {
        let wanted = match file.as_str() {
            folder if folder.ends_with('/') => "drwxr-xr-x",
            "/usr/bin/payoutd" => "-rwxr-xr-x",
            _ => "-rw-r--r--",
        };
        assert_eq!(mode, wanted, "{file}");
    }
    for file in [
        "/usr/bin/payoutd",
        "/usr/lib/systemd/system/payoutd.service",
        "/usr/lib/systemd/system/payoutd@.service",
        "/usr/lib/sysusers.d/payoutd.conf",
        "/etc/payoutd/payoutd.toml",
        "/usr/share/man/man1/payoutd.1.gz",
        "/usr/share/doc/payoutd/prometheus/alerts.yml",
        "/usr/share/doc/payoutd/prometheus/recording.yml",
        "/usr/share/doc/payoutd/grafana/payoutd.json",
        "/usr/share/doc/payoutd/copyright",
    ] {
        assert!(contents.contains_key(file), "{file} is not packed: {contents:?}");
    }
    let packed = |name: &str| contents.keys().filter(|file| file.starts_with(name)).count();
    let pages = fs::read_dir(Path::new(HERE).join("docs/problems")).unwrap().count();
    assert_eq!(packed("/usr/share/doc/payoutd/docs/problems/"), pages + 1, "the folder and each page");
}

/// F001-36: the pages that alerts, units and pages lead to are on the machine.
#[test]
fn every_page_that_is_led_to_is_packed() {
    let contents = contents();
    let named: BTreeSet<String> = ["systemd/payoutd.service", "config/prometheus/alerts.yml", "Cargo.toml"]
        .iter()
        .flat_map(|file| paths_in(&fs::read_to_string(Path::new(HERE).join(file)).unwrap(), DOCS))
        .collect();
    assert!(named.len() >= 2, "{named:?}");
    for page in named {
        assert!(contents.contains_key(&page), "{page} is not packed");
    }
    for page in contents.keys().filter(|file| file.starts_with(DOCS) && file.ends_with(".md")) {
        let source = Path::new(HERE).join(page.trim_start_matches(DOCS));
        let text = fs::read_to_string(&source).unwrap();
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let to = link.split('#').next().unwrap();
            if to.is_empty() || to.contains("://") {
                continue;
            }
            let reached = resolved(Path::new(page).parent().unwrap(), to);
            let is_packed = contents.contains_key(&reached) || contents.contains_key(&format!("{reached}/"));
            assert!(is_packed, "{page} leads to {to}, which is not packed");
        }
    }
}

/// The absolute paths below `folder` that a text names.
fn paths_in(text: &str, folder: &str) -> Vec<String> {
    let is_of_a_path = |sign: char| sign.is_ascii_alphanumeric() || "/._-".contains(sign);
    text.match_indices(folder)
        .map(|(at, _)| text[at..].split(|sign| !is_of_a_path(sign)).next().unwrap())
        .map(|path| path.trim_end_matches('.').to_owned())
        .collect()
}

fn resolved(folder: &Path, to: &str) -> String {
    let mut reached = folder.to_owned();
    for step in Path::new(to) {
        match step.to_str() {
            Some("..") => assert!(reached.pop(), "{to}"),
            Some(".") => {}
            _ => reached.push(step),
        }
    }
    reached.to_str().unwrap().to_owned()
}

/// A machine that has nothing but a dpkg; the package's scripts work on it and not on ours (DPKG_ROOT).
struct Machine(TempDir);

impl Machine {
    fn bare() -> Self {
        let root = tempfile::tempdir().unwrap();
        for folder in ["var/lib/dpkg/info", "var/lib/dpkg/updates", "var/lib/dpkg/triggers", "etc", "tmp"] {
            fs::create_dir_all(root.path().join(folder)).unwrap();
        }
        fs::write(root.path().join("var/lib/dpkg/status"), "").unwrap();
        Self(root)
    }

    fn dpkg(&self, arguments: &[&str]) -> Output {
        // Whoever is not root is root of nothing but this folder.
        let mut command = match is_root() {
            true => Command::new("dpkg"),
            false => {
                let mut command = Command::new("unshare");
                command.args(["--map-root-user", "dpkg"]);
                command
            }
        };
        command
            .arg(format!("--root={}", self.0.path().display()))
            .args(["--force-depends", "--force-script-chrootless", "--log=/dev/null"])
            .args(arguments)
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .output()
            .unwrap()
    }

    fn installs(&self) {
        let done = self.dpkg(&["--install", package().to_str().unwrap()]);
        assert!(done.status.success(), "{}", told(&done));
    }

    fn path(&self, file: &str) -> PathBuf {
        self.0.path().join(file.trim_start_matches('/'))
    }

    fn mode(&self, file: &str) -> u32 {
        fs::metadata(self.path(file)).unwrap().permissions().mode() & 0o7777
    }

    /// The program that was installed.
    fn payoutd(&self, arguments: &[&str]) -> Output {
        Command::new(self.path("usr/bin/payoutd")).args(arguments).output().unwrap()
    }
}

fn is_root() -> bool {
    Command::new("id").arg("-u").output().unwrap().stdout.trim_ascii() == b"0"
}

/// The program runs, the user is there, nobody can look at the keys, and nothing is started or will be: there are no keys.
#[test]
fn an_installed_package_waits_for_its_keys() {
    let machine = Machine::bare();
    machine.installs();
    let version = machine.payoutd(&["--version"]);
    assert_eq!(told(&version).trim(), concat!("payoutd ", env!("CARGO_PKG_VERSION")));
    let users = fs::read_to_string(machine.path("etc/passwd")).unwrap();
    assert!(users.lines().any(|user| user.starts_with("payoutd:") && user.ends_with("nologin")), "{users}");
    assert_eq!(machine.mode("etc/payoutd/credentials"), 0o700);
    assert!(!machine.path("etc/systemd/system/multi-user.target.wants").exists(), "somebody enabled it");
    let unit = fs::read_to_string(machine.path("usr/lib/systemd/system/payoutd.service")).unwrap();
    for key in ["wallet.key", "journal.pem", "token"] {
        let condition = format!("ConditionPathExists=/etc/payoutd/credentials/{key}\n");
        assert!(
            unit.contains(&condition) && !machine.path(&format!("etc/payoutd/credentials/{key}")).exists()
        );
    }
}

/// What the package's configuration wants of a person is what docs/deploy.md tells them to do, and then it is right.
#[test]
fn the_packages_configuration_is_right_once_it_is_filled_in() {
    let machine = Machine::bare();
    machine.installs();
    let file = machine.path("etc/payoutd/payoutd.toml");
    let file = file.to_str().unwrap();
    let bare = machine.payoutd(&["check-config", "--config", file]);
    assert_eq!(bare.status.code(), Some(78));
    for key in ["wallet.address", "wallet.key_file", "journal.key_file", "http.token_file", "network.nodes"] {
        assert!(told(&bare).contains(key), "nobody says that {key} is missing: {}", told(&bare));
    }

    let credentials = machine.path("etc/payoutd/credentials");
    let made = |kind: &str, name: &str| {
        let out = credentials.join(name);
        let made = machine.payoutd(&["keys", "new", kind, "--json", "--out", out.to_str().unwrap()]);
        assert!(made.status.success(), "{}", told(&made));
        serde_json::from_slice::<serde_json::Value>(&made.stdout).unwrap()
    };
    let wallet = made("wallet", "wallet.key");
    made("journal", "journal.pem");
    fs::write(credentials.join("token"), "a-token-of-thirty-two-characters-1").unwrap();
    fs::set_permissions(credentials.join("token"), fs::Permissions::from_mode(0o600)).unwrap();
    let asked_for = fs::read_to_string(file).unwrap();
    let filled = asked_for
        .replace("#address = \"T…\"", &format!("address = \"{}\"", wallet["address"].as_str().unwrap()))
        .replace("#nodes", "nodes")
        .replace("https://NODE-ONE", "https://one.example")
        .replace("https://NODE-TWO", "https://two.example");
    fs::write(file, &filled).unwrap();
    let right = machine.payoutd(&["check-config", "--config", file]);
    assert!(right.status.success(), "{}", told(&right));

    // An upgrade, and then a person who takes the package away with everything that is the package's.
    machine.installs();
    assert_eq!(fs::read_to_string(file).unwrap(), filled, "an upgrade takes nobody's configuration");
    let purged = machine.dpkg(&["--purge", "payoutd"]);
    assert!(purged.status.success(), "{}", told(&purged));
    assert!(!machine.path("usr/bin/payoutd").exists());
    for key in ["wallet.key", "journal.pem", "token"] {
        assert!(credentials.join(key).exists(), "{key} is gone with the package");
    }
}

/// The changelog's newest entry is the package's version.
#[test]
fn the_package_and_its_changelog_are_of_one_version() {
    let changelog = fs::read_to_string(Path::new(HERE).join("systemd/deb/changelog")).unwrap();
    assert!(changelog.starts_with(concat!("payoutd (", env!("CARGO_PKG_VERSION"), "-1) ")), "{changelog}");
    let fields = dpkg_deb("--field");
    assert!(fields.contains(concat!("Version: ", env!("CARGO_PKG_VERSION"), "-1\n")), "{fields}");
}
