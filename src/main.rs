//! payoutd: arguments → one command → one exit code. What each command does stands in [`payoutd::cli`].

use std::process::ExitCode;

use clap::Parser;
use payoutd::cli::{Cli, exit::Exit};

fn main() -> ExitCode {
    // One crypto provider for every outgoing wire. It can only fail when one is installed already, which is as good.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();

    let cli = Cli::parse();
    let terminal = cli.terminal();
    match cli.command.run(&terminal) {
        Ok(exit) => exit.into(),
        Err(failure) => {
            failure.print(&terminal);
            Exit::into(failure.exit)
        }
    }
}
