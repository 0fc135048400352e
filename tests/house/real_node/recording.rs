//! The recordings of a real java-tron 4.8 node under `tests/vectors/real-node/java-tron`, as they stand there.

use std::path::PathBuf;

use serde::Deserialize;
use serde_json::Value;

use super::ordered::Tree;

/// One question that was put to a real node, and its answer.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Exchange {
    /// When, RFC 3339.
    #[serde(default)]
    at: Option<String>,
    /// `GET`, `POST`, …; absent for a line that only says something.
    #[serde(default)]
    pub(super) method: Option<String>,
    /// Without a leading slash.
    #[serde(default)]
    pub(super) path: Option<String>,
    /// The body as JSON, or as text where it was none; for a GET its query.
    #[serde(default)]
    pub(super) request: Tree,
    #[serde(default)]
    pub(super) status: Option<u16>,
    #[serde(default, rename = "contentType")]
    pub(super) content_type: Option<String>,
    /// The exact text.
    #[serde(default)]
    pub(super) body: Option<String>,
    /// What it shows.
    #[serde(default)]
    pub(super) note: Option<String>,
}

impl Exchange {
    /// When it was asked, in unix milliseconds.
    pub(super) fn at_ms(&self) -> Option<i64> {
        let at = self.at.as_deref()?;
        chrono::DateTime::parse_from_rfc3339(at).ok().map(|at| at.timestamp_millis())
    }

    /// How an exchange is named in `docs/sandbox-differences.md`.
    pub(super) fn title(&self) -> String {
        format!(
            "{} {}: {}",
            self.method.as_deref().unwrap_or("-"),
            self.path.as_deref().unwrap_or("-"),
            self.note.as_deref().unwrap_or("")
        )
    }
}

/// The exchanges of one recording.
pub(super) fn exchanges(name: &str) -> Vec<Exchange> {
    let text = std::fs::read_to_string(folder().join(format!("{name}.json"))).unwrap();
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{name}.json: {error}"))
}

/// `deployment.json`: the accounts with their test keys, and the contracts.
pub(super) fn deployment() -> Value {
    serde_json::from_str(&std::fs::read_to_string(folder().join("deployment.json")).unwrap()).unwrap()
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/real-node/java-tron")
}
