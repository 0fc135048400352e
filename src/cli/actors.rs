//! `payoutd actors`: every actor's view of itself.

use super::{
    Json,
    door::Door,
    exit::Exit,
    failure::Failure,
    table::{Rows, Side},
    terminal::{Ink, Terminal},
};
use crate::http::actors::{ActorBody, ActorsBody};
use crate::wire::moment;
use crate::world::SystemClock;
use payoutd_actors::ports::Clock as _;
use serde_json::Value;

/// `payoutd actors`
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Status: at work; standing by, where another daemon has the role; waiting, for what stands before the figures; a circuit breaker that
is not calling or trying; away. Figures that are nought are left out; --json has all of them.
Exit codes: 0 everybody is at their post, 1 somebody is away, 69 the daemon is away.")]
pub struct Args {
    #[command(flatten)]
    json: Json,

    #[command(flatten)]
    door: Door,
}

impl Args {
    /// Asks, and shows.
    pub fn run(self, terminal: &Terminal) -> Result<Exit, Failure> {
        super::wait(async {
            let client = self.door.client()?;
            let told: ActorsBody = client.get("/v1/admin/actors", &[]).await?;
            if self.json.json {
                terminal.json(&told)?;
            } else {
                show(terminal, &told.actors, SystemClock.now_ms())?;
            }
            let everybody = told.actors.iter().all(|actor| actor.present);
            Ok(if everybody { Exit::Done } else { Exit::Found })
        })
    }
}

fn show(terminal: &Terminal, actors: &[ActorBody], now_ms: i64) -> Result<(), Failure> {
    let headings = [
        ("actor", Side::Left),
        ("of", Side::Left),
        ("status", Side::Left),
        ("restarts", Side::Right),
        ("figures", Side::Left),
    ];
    let mut rows = Rows::new(terminal, headings);
    for actor in actors {
        let (status, ink) = status_of(actor);
        rows.push([
            (actor.name.clone(), None),
            (subject_of(&actor.state).to_owned(), None),
            (status.to_owned(), Some(ink)),
            (actor.restarts.to_string(), (actor.restarts > 0).then_some(Ink::Care)),
            (words(&actor.state, now_ms), None),
        ]);
    }
    terminal.line(rows)
}

/// Figures that are a sentence about what an actor waits for or suffers from.
const COMPLAINTS: [&str; 4] = ["trouble", "blocked_by", "signing_waits_for", "restore_gate"];
/// What an actor is about, where there are several of its kind or it looks after one thing.
const SUBJECTS: [&str; 2] = ["dependency", "address"];

fn status_of(actor: &ActorBody) -> (&'static str, Ink) {
    let state = &actor.state;
    if !actor.present {
        return ("away", Ink::Bad);
    }
    if COMPLAINTS.iter().any(|name| state[name].is_string()) {
        return ("waiting", Ink::Care);
    }
    if state["stands_by"] == Value::Bool(true) {
        return ("standing by", Ink::Faint);
    }
    match state["state"].as_str() {
        Some("open") => ("not calling", Ink::Bad),
        Some("half_open") => ("trying", Ink::Care),
        _ => ("at work", Ink::Good),
    }
}

fn subject_of(state: &Value) -> &str {
    SUBJECTS.iter().find_map(|name| state[name].as_str()).unwrap_or("-")
}

/// A view as people say it: complaints first; what is nought, no or absent is left out.
fn words(state: &Value, now_ms: i64) -> String {
    let Some(figures) = state.as_object() else { return String::new() };
    let complaints =
        COMPLAINTS.iter().filter_map(|name| Some(format!("{}: {}", plain(name), state[name].as_str()?)));
    let is_column = |name: &str| {
        COMPLAINTS.contains(&name) || SUBJECTS.contains(&name) || ["stands_by", "state"].contains(&name)
    };
    let others = figures.iter().filter(|(name, _)| !is_column(name));
    let others = others.filter_map(|(name, value)| said(name, value, now_ms));
    complaints.chain(others).collect::<Vec<_>>().join(", ")
}

fn said(name: &str, value: &Value, now_ms: i64) -> Option<String> {
    match value {
        Value::Null | Value::Bool(false) => None,
        Value::Bool(true) => Some(plain(name)),
        Value::Number(number) => match (moment_of(name, value), number.as_f64()) {
            (Some((name, at_ms)), _) => Some(format!("{} {}", plain(name), moment_words(at_ms, now_ms))),
            (None, Some(0.0)) => None,
            // A place in a row is not a count: block 100, and 100 settled.
            _ if ["_number", "_no", "_seq"].iter().any(|ending| name.ends_with(ending)) => {
                Some(format!("{} {number}", plain(name)))
            }
            _ => Some(format!("{number} {}", plain(name))),
        },
        Value::String(text) => Some(match name.rsplit_once('_') {
            Some((of, unit @ ("usdt" | "trx"))) => format!("{} {text} {}", plain(of), unit.to_uppercase()),
            _ => format!("{} {text}", plain(name)),
        }),
        Value::Array(items) => {
            let told: Vec<_> = items.iter().filter_map(|item| said("", item, now_ms)).collect();
            (!told.is_empty()).then(|| format!("{} {}", plain(name), told.join(" and ").trim()))
        }
        Value::Object(each) => {
            let told: Vec<_> = each.iter().filter_map(|(of, value)| each_of(of, value)).collect();
            (!told.is_empty()).then(|| format!("{} {}", plain(name), told.join(" and ")))
        }
    }
}

/// Nothing is counted up to here; from here on a figure of a part is a moment (2001-09-09).
const MOMENTS_FROM_MS: i64 = 1_000_000_000_000;

/// One of a figure's parts: how many, and of what.
fn each_of(of: &str, value: &Value) -> Option<String> {
    match value {
        Value::Number(number) if number.as_i64() == Some(0) => None,
        Value::Number(number) if number.as_i64() >= Some(MOMENTS_FROM_MS) => {
            Some(format!("{of} until {}", moment::write(number.as_i64()?)))
        }
        Value::Number(number) => Some(format!("{number} ({of})")),
        Value::String(text) => Some(format!("{text} ({of})")),
        _ => Some(of.to_owned()),
    }
}

fn plain(name: &str) -> String {
    name.replace('_', " ")
}

/// A moment of today is nearer to people as an age.
fn moment_words(at_ms: i64, now_ms: i64) -> String {
    let age_s = now_ms.saturating_sub(at_ms) / 1_000;
    match age_s {
        0..=3_599 => format!("{age_s} s ago"),
        _ => moment::write(at_ms),
    }
}

/// Which moment a figure is: its name without the unit, and the unix ms.
fn moment_of<'a>(name: &'a str, value: &Value) -> Option<(&'a str, i64)> {
    let name = name.strip_suffix("_ms")?;
    let is_moment = ["_at", "_until", "_timestamp"].iter().any(|ending| name.ends_with(ending));
    let name = name.strip_suffix("_at").or(name.strip_suffix("_timestamp")).unwrap_or(name);
    Some((name, value.as_i64().filter(|_| is_moment)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW_MS: i64 = 1_795_265_221_467;

    #[test]
    fn a_view_is_one_line_that_a_person_reads() {
        let state = serde_json::json!({
            "waiting": { "node a": 3, "node b": 0 }, "put_aside": { "node b": NOW_MS }, "trouble": null, "reading_from": "node a", "head_number": 100,
            "settled": 10, "alarms": 0, "open": true, "read_at_ms": NOW_MS - 7_500, "sealed_at_ms": null, "balance_usdt": "12.5",
            "restore_gate_until_ms": NOW_MS + 5_000, "stands_by": false,
        });
        assert_eq!(
            words(&state, NOW_MS),
            "balance 12.5 USDT, head number 100, open, put aside node b until 2026-11-21T12:47:01.467Z, read 7 s ago, reading from node a, restore gate until \
             2026-11-21T12:47:06.467Z, 10 settled, waiting 3 (node a)"
        );
    }

    #[test]
    fn who_waits_says_for_what_before_anything_else() {
        let actor = |state| ActorBody {
            name: "treasurer".to_owned(),
            present: true,
            restarts: 0,
            last_heartbeat_at: None,
            state,
        };
        let waiting =
            actor(serde_json::json!({ "blocked_by": "the wallet holds no TRX", "available_usdt": "1" }));
        assert_eq!(status_of(&waiting).0, "waiting");
        assert_eq!(words(&waiting.state, NOW_MS), "blocked by: the wallet holds no TRX, available 1 USDT");
        assert_eq!(
            status_of(&actor(serde_json::json!({ "state": "open", "dependency": "x" }))).0,
            "not calling"
        );
        assert_eq!(status_of(&actor(serde_json::json!({ "stands_by": true }))).0, "standing by");
        assert_eq!(status_of(&actor(serde_json::json!({}))).0, "at work");
        assert_eq!(status_of(&ActorBody { present: false, ..actor(Value::Null) }).0, "away");
    }
}
