//! Parts: each is played in a process of its own, so that none inherits another's memory.

use serde::{Serialize, de::DeserializeOwned};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

/// Names the part that a child process plays; its value is the part's order as JSON.
const PART: &str = "PAYOUTD_BENCH_PART";

/// The part that this process was started for, if it was.
pub(crate) fn own_part<P: DeserializeOwned>() -> Option<P> {
    let order = std::env::var(PART).ok()?;
    Some(serde_json::from_str(&order).unwrap())
}

/// Variables that the processes of all parts are given beside this one's own.
static TOLD: OnceLock<Vec<(String, String)>> = OnceLock::new();

/// Gives all parts these variables too.
pub(crate) fn tell_parts(variables: Vec<(String, String)>) {
    TOLD.set(variables).unwrap();
}

/// A variable of the environment, or one that was told.
pub(crate) fn told(name: &str) -> Option<String> {
    let of_parts = || TOLD.get()?.iter().find(|(told, _)| told == name).map(|(_, value)| value.clone());
    std::env::var(name).ok().or_else(of_parts)
}

/// Has a process of its own play a part; its last line is its answer.
pub(crate) fn play<P: Serialize, T: DeserializeOwned>(part: &P) -> T {
    let order = serde_json::to_string(part).unwrap();
    eprintln!("… {order}");
    let child = child_of(&order).stderr(Stdio::inherit()).output().unwrap();
    assert!(child.status.success(), "{order} ended with {}", child.status);
    let told = String::from_utf8(child.stdout).unwrap();
    let answer = told.lines().last().unwrap_or_default();
    eprintln!("  {answer}");
    serde_json::from_str(answer).unwrap()
}

/// Has a process of its own play a part for as long as its standard input is open.
pub(crate) fn keep_playing<P: Serialize>(part: &P) -> Child {
    let order = serde_json::to_string(part).unwrap();
    eprintln!("… {order}");
    child_of(&order).stdin(Stdio::piped()).spawn().unwrap()
}

fn child_of(order: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.env(PART, order).stdout(Stdio::piped());
    command.envs(TOLD.get().into_iter().flatten().map(|(name, value)| (name, value)));
    command
}

/// How long a part measures.
pub(crate) fn stretch(usual_s: u64) -> Duration {
    Duration::from_secs(number("PAYOUTD_BENCH_SECONDS", usual_s))
}

/// A number of the environment.
pub(crate) fn number(name: &str, usual: u64) -> u64 {
    std::env::var(name)
        .map_or(usual, |text| text.parse().unwrap_or_else(|_| panic!("{name}={text} is no number")))
}

/// Where benches leave what they found.
pub(crate) fn bench_folder() -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("target"), PathBuf::from);
    let folder = target.join("bench");
    std::fs::create_dir_all(&folder).unwrap();
    folder
}
