//! The fear: `man payoutd` tells of commands that are not there.

use std::fs;

use clap::{Command, CommandFactory as _};
use clap_mangen::{
    Man,
    roff::{Roff, bold, roman},
};
use payoutd::cli::Cli;

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/systemd/deb/payoutd.1");

/// The commands that do something, each with its whole name: `payoutd payouts create`.
fn leaves(command: &Command) -> Vec<&Command> {
    let below: Vec<&Command> = command.get_subcommands().filter(|below| below.get_name() != "help").collect();
    if below.is_empty() { vec![command] } else { below.into_iter().flat_map(leaves).collect() }
}

fn page() -> String {
    let mut command = Cli::command();
    command.build();
    let man = Man::new(command.clone()).date("").source("payoutd").manual("payoutd");
    let mut page = Vec::new();
    man.render_title(&mut page).unwrap();
    man.render_name_section(&mut page).unwrap();
    man.render_synopsis_section(&mut page).unwrap();
    man.render_description_section(&mut page).unwrap();
    let mut commands = Roff::new();
    commands.control("SH", ["COMMANDS"]);
    for leaf in leaves(&command) {
        let usage = leaf.clone().render_usage().to_string();
        for (n, way) in usage.trim_start_matches("Usage: ").lines().enumerate() {
            commands.control(if n == 0 { "TP" } else { "TQ" }, []);
            commands.text([bold(way.trim())]);
        }
        commands.text([roman(leaf.get_about().unwrap().to_string())]);
    }
    commands.control("PP", []);
    commands.text([roman("Each explains itself with --help.")]);
    commands.to_writer(&mut page).unwrap();
    man.render_options_section(&mut page).unwrap();
    let mut files = Roff::new();
    // As the program prints them: their columns are theirs.
    files.control("SH", ["EXAMPLES AND EXIT CODES"]);
    files.control("nf", []);
    for line in command.get_after_long_help().unwrap().to_string().lines() {
        files.text([roman(line)]);
    }
    files.control("fi", []);
    files.control("SH", ["FILES"]);
    for (file, about) in [
        (
            "/etc/payoutd/payoutd.toml",
            "the configuration; every key is explained by payoutd check-config --template",
        ),
        ("/etc/payoutd/credentials", "root's alone: the wallet's key, the journal's key, the token"),
        ("/var/lib/payoutd", "the SQLite store, where there is one, and the newest checkpoint"),
        ("/usr/share/doc/payoutd/docs/deploy.md", "the way from a bare machine to a daemon that pays"),
        ("/usr/share/doc/payoutd/systemd/README.md", "the runbook"),
    ] {
        files.control("TP", []);
        files.text([bold(file)]);
        files.text([roman(about)]);
    }
    files.to_writer(&mut page).unwrap();
    String::from_utf8(page).unwrap()
}

/// `PAYOUTD_WRITE_DOCS=1 cargo test --test house the_manual_page` writes it anew.
#[test]
fn the_manual_page_is_the_programs() {
    if std::env::var_os("PAYOUTD_WRITE_DOCS").is_some() {
        fs::write(FILE, page()).unwrap();
    }
    assert_eq!(fs::read_to_string(FILE).unwrap(), page(), "systemd/deb/payoutd.1 is out of date");
}
