//! The fear: docs/deploy.md leads somebody astray who has never seen payoutd: a command that is gone, a key that is refused, a file
//! that is not in the package.

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

use clap::{Parser as _, error::ErrorKind};
use payoutd::cli::Cli;

use crate::kit::desk::{Desk, told};

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/deploy.md");
const RUNBOOK: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/systemd/README.md");
/// Somebody's address, where the pages say `T…`.
const SOMEBODY: &str = "TMVQGm1qAQYVdetCeGRRkTWYYrLXuHK2HC";

fn read(page: &str) -> String {
    fs::read_to_string(page).unwrap()
}

/// The blocks of a language that a page shows: ```` ```toml ````.
fn blocks(page: &str, language: &str) -> Vec<String> {
    let text = read(page);
    let opened = format!("```{language}\n");
    text.split(&opened).skip(1).map(|rest| rest.split("```").next().unwrap().to_owned()).collect()
}

/// A command of payoutd that stands on a page.
struct Shown {
    command: String,
    /// Between backticks within a sentence, where its arguments may be left out.
    in_passing: bool,
}

fn commands(page: &str) -> Vec<Shown> {
    let text = read(page);
    let typed = text.lines().map(|line| (line.trim_start(), false));
    let spoken = text.split('`').skip(1).step_by(2).map(|words| (words, true));
    let is_ours = |words: &str| words.starts_with("payoutd ") && !words.contains('\n');
    typed
        .chain(spoken)
        .filter(|(words, _)| is_ours(words))
        .map(|(words, in_passing)| Shown { command: words.to_owned(), in_passing })
        .collect()
}

/// A command's words as the shell would hand them over, up to its comment, pipe or redirection.
fn words(command: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut is_quoted = false;
    for sign in command.chars() {
        match sign {
            '"' => is_quoted = !is_quoted,
            '#' | '|' | '>' if !is_quoted => break,
            ' ' if !is_quoted => words.push(String::new()),
            _ => words.last_mut().unwrap().push(sign),
        }
    }
    words.retain(|word| !word.is_empty());
    let filled_in = |word: &String| match word.as_str() {
        "T…" => SOMEBODY.to_owned(),
        "N" => "7".to_owned(),
        word => word.to_owned(),
    };
    words.iter().map(filled_in).collect()
}

/// Whoever types what stands on the page, or in the runbook, is understood.
#[test]
fn every_command_on_the_pages_is_one() {
    for (page, at_least) in [(PAGE, 8), (RUNBOOK, 25)] {
        let commands = commands(page);
        assert!(commands.len() >= at_least, "{page}: only {}", commands.len());
        for Shown { command, in_passing } in commands {
            match Cli::try_parse_from(words(&command)) {
                Ok(_) => {}
                Err(why) if in_passing && why.kind() == ErrorKind::MissingRequiredArgument => {}
                Err(why) => panic!("{page}: {command}: {why}"),
            }
        }
    }
}

/// The page's configuration with the page's drop-in is right: every key is known, every credential is where the unit puts it.
#[test]
fn the_configuration_on_the_page_is_right() {
    let desk = Desk::new();
    let [config] = blocks(PAGE, "toml").try_into().unwrap();
    let [drop_in] = blocks(PAGE, "ini").try_into().unwrap();
    let config = config
        .replace("T…", &desk.wallet)
        .replace("https://NODE-ONE", "https://one.example")
        .replace("https://NODE-TWO", "https://two.example")
        .replace("credentials/", "");
    fs::write(desk.path("payoutd.toml"), &config).unwrap();
    let mut check = Command::new(env!("CARGO_BIN_EXE_payoutd"));
    check.args(["check-config", "--config"]).arg(desk.path("payoutd.toml"));
    let unit = read(concat!(env!("CARGO_MANIFEST_DIR"), "/systemd/payoutd.service"));
    let mut handed = Vec::new();
    for line in unit.lines().chain(drop_in.lines()) {
        if let Some(credential) = line.strip_prefix("LoadCredential=") {
            let (name, from) = credential.split_once(':').unwrap();
            assert_eq!(from, format!("/etc/payoutd/credentials/{name}"));
            assert!(read(PAGE).contains(from), "nobody is told to make {from}");
            if !desk.path(name).exists() {
                desk.write_secret(name, "0123456789abcdef");
            }
            handed.push(name.to_owned());
        }
        if let Some((variable, value)) =
            line.strip_prefix("Environment=").and_then(|line| line.split_once("=%d/"))
        {
            assert!(handed.iter().any(|name| name == value), "{variable} names no credential: {value}");
            check.env(variable, desk.path(value));
        }
    }
    assert_eq!(handed.len(), 5, "{handed:?}");
    let checked = check.output().unwrap();
    assert!(checked.status.success(), "{}", told(&checked));
}

/// A person can paste the scrape job into Debian's own prometheus.yml, and the rules are where it says.
#[test]
fn prometheus_takes_what_stands_on_the_page() {
    let folder = tempfile::tempdir().unwrap();
    let yaml = blocks(PAGE, "yaml");
    let rules = folder.path().join("etc/prometheus/payoutd");
    fs::create_dir_all(&rules).unwrap();
    let page = read(PAGE);
    for name in ["recording.yml", "alerts.yml"] {
        assert!(
            page.contains(&format!("/usr/share/doc/payoutd/prometheus/{name} ")),
            "nobody installs {name}"
        );
        let packed = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/prometheus").join(name);
        fs::copy(packed, rules.join(name)).unwrap();
    }
    let file = folder.path().join("prometheus.yml");
    let here = format!("{}/etc/prometheus", folder.path().display());
    fs::write(&file, yaml[0].replace("/etc/prometheus", &here)).unwrap();
    let checked: Output = Command::new("promtool").args(["check", "config"]).arg(&file).output().unwrap();
    assert!(checked.status.success() && told(&checked).contains("rules found"), "{}", told(&checked));
    // Every severity has somebody who hears it.
    let alerts = read(concat!(env!("CARGO_MANIFEST_DIR"), "/config/prometheus/alerts.yml"));
    assert!(alerts.contains("severity: page") && yaml[1].contains("severity: page"));
}

/// The package's name on the page is the one that `cargo deb` gives it.
#[test]
fn the_page_installs_this_version() {
    let name = concat!("payoutd_", env!("CARGO_PKG_VERSION"), "-1_amd64.deb");
    assert!(read(PAGE).contains(&format!("apt-get install ./{name}")), "{name}");
}
