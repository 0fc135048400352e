//! `payoutd actors`: every actor's view of itself.

use super::{
    Json,
    client::Client,
    exit::Exit,
    failure::Failure,
    place::Place,
    table::{Rows, Side},
    terminal::{Ink, Terminal},
};
use crate::http::actors::{ActorBody, ActorsBody};

/// `payoutd actors`
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Exit codes: 0 everybody is at their post, 1 somebody is away, 69 the daemon is away."
)]
pub struct Args {
    #[command(flatten)]
    json: Json,

    #[command(flatten)]
    place: Place,
}

impl Args {
    /// Asks, and shows.
    pub fn run(self, terminal: &Terminal) -> Result<Exit, Failure> {
        super::wait(async {
            let client = Client::of(&self.place)?;
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

/// A view in one line: what is null is left out, and what holds blanks stands in quotes.
fn words(state: &serde_json::Value) -> String {
    let Some(figures) = state.as_object() else { return String::new() };
    let told = figures.iter().filter(|(_, value)| !value.is_null());
    let told: Vec<_> = told
        .map(|(name, value)| match value.as_str() {
            Some(text) if text.contains(char::is_whitespace) => format!("{name}={text:?}"),
            Some(text) => format!("{name}={text}"),
            None => format!("{name}={value}"),
        })
        .collect();
    told.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_view_is_one_line_without_what_is_null() {
        let state = serde_json::json!({ "waiting": 3, "trouble": null, "reading_from": "node a" });
        assert_eq!(words(&state), "reading_from=\"node a\" waiting=3");
    }
}
