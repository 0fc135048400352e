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
use serde_json::Value;

/// `payoutd actors`
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Exit codes: 0 everybody is at their post, 1 somebody is away, 69 the daemon is away."
)]
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
                show(terminal, &told.actors)?;
            }
            let everybody = told.actors.iter().all(|actor| actor.present);
            Ok(if everybody { Exit::Done } else { Exit::Found })
        })
    }
}

fn show(terminal: &Terminal, actors: &[ActorBody]) -> Result<(), Failure> {
    let headings =
        [("actor", Side::Left), ("post", Side::Left), ("hired anew", Side::Right), ("says", Side::Left)];
    let mut rows = Rows::new(terminal, headings);
    for actor in actors {
        let (post, ink) = if actor.present { ("held", Ink::Good) } else { ("vacant", Ink::Bad) };
        rows.push([
            (actor.name.clone(), None),
            (post.to_owned(), Some(ink)),
            (actor.restarts.to_string(), None),
            (words(&actor.state), None),
        ]);
    }
    terminal.line(rows)
}

/// A view in one line: what is null is left out, what holds blanks stands in quotes, a moment is written for people.
fn words(state: &Value) -> String {
    let Some(figures) = state.as_object() else { return String::new() };
    let told = figures.iter().filter(|(_, value)| !value.is_null());
    let told: Vec<_> = told
        .map(|(name, value)| match (moment_of(name, value), value.as_str()) {
            (Some((name, at_ms)), _) => format!("{name}={}", moment::write(at_ms)),
            (None, Some(text)) if text.contains(char::is_whitespace) => format!("{name}={text:?}"),
            (None, Some(text)) => format!("{name}={text}"),
            (None, None) => format!("{name}={value}"),
        })
        .collect();
    told.join(" ")
}

/// Which moment a figure is: its name without the unit, and the unix ms.
fn moment_of<'a>(name: &'a str, value: &Value) -> Option<(&'a str, i64)> {
    let name = name.strip_suffix("_ms")?;
    let is_moment = ["_at", "_until", "_timestamp"].iter().any(|ending| name.ends_with(ending));
    Some((name, value.as_i64().filter(|_| is_moment)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_view_is_one_line_that_a_person_reads() {
        let state = serde_json::json!({
            "waiting": 3, "trouble": null, "reading_from": "node a", "stage": "held", "seen_at_ms": 1_795_265_221_467_i64,
            "took_ms": 12, "sealed_at_ms": null,
        });
        let words = words(&state);
        assert_eq!(
            words,
            r#"reading_from="node a" seen_at=2026-11-21T12:47:01.467Z stage=held took_ms=12 waiting=3"#
        );
    }
}
