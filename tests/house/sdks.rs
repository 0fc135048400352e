//! The public SDKs, unmodified, against the built binary's `sandbox chain`: what a stranger's TRON program meets.
//!
//! `tests/sdk/install` puts them under `target/test-tools`; `tests/run` calls it.

use std::{
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

/// A simulated network in a process of its own.
struct Chain {
    process: Child,
    /// The first line of `--json`.
    description: String,
}

impl Chain {
    fn start() -> Chain {
        let mut process = Command::new(env!("CARGO_BIN_EXE_payoutd"))
            .args(["sandbox", "chain", "--listen", "127.0.0.1:0", "--block-ms", "50", "--json"])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut description = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut description).unwrap();
        Chain { process, description: description.trim().to_owned() }
    }
}

impl Drop for Chain {
    fn drop(&mut self) {
        // It may be gone already; then there is nothing to end.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

pub(crate) fn tools() -> PathBuf {
    let tools = std::env::var_os("PAYOUTD_TEST_TOOLS").map(PathBuf::from);
    tools.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("target/test-tools"))
}

fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sdk").join(name)
}

fn is_satisfied(mut client: Command) {
    let output = client.output().unwrap_or_else(|error| panic!("run tests/run: {error}"));
    assert!(
        output.status.success(),
        "{}\n{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}

#[test]
fn tronweb_sends_and_reads_through_the_sandbox() {
    let tools = tools();
    assert!(
        tools.join("node/node_modules/tronweb/package.json").exists(),
        "tronweb is not there: run tests/run"
    );
    let chain = Chain::start();
    let mut client = Command::new("node");
    client.arg(script("tronweb.mjs")).arg(tools).arg(&chain.description);
    is_satisfied(client);
}

#[test]
fn tronpy_sends_and_reads_through_the_sandbox() {
    let python = tools().join("python/bin/python");
    assert!(python.exists(), "tronpy is not there: run tests/run");
    let chain = Chain::start();
    let mut client = Command::new(python);
    client.arg(script("tronpy_check.py")).arg(&chain.description);
    is_satisfied(client);
}
