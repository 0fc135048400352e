//! `payoutd events`: what happened, in order, and what happens. A client of the API.

use std::time::Duration;

use payoutd_actors::domain::payout::Stage;

use super::{
    Json,
    client::{Client, NoAnswer},
    door::Door,
    exit::Exit,
    failure::Failure,
    payouts::ink,
    terminal::{Ink, Terminal, plain},
};
use crate::{
    http::events::{EventPageBody, LIMIT_MAX},
    wire::cloud_event::CloudEvent,
};

const EVENTS: &str = "/v1/events";
/// So many of the newest are shown where nobody says from where on.
const NEWEST: i64 = 20;
/// How often to look for news.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// After so many looks in a row without an answer, whoever follows gives up.
const SILENCES_MAX: u32 = 120;
/// So much of what else there is to say fits into a line.
const FACTS_CHARS_MAX: usize = 120;

/// `payoutd events`
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Each event has a sequence number, 1, 2, 3 … without gaps; --json prints them as CloudEvents, one on a line.
With --follow a daemon that restarts meanwhile is waited for, and nothing is missed.

Examples:
  payoutd events                                   the newest, the last one at the end
  payoutd events --follow                          and what happens from now on
  payoutd events --after 1042 --json               everything after the last one that you have
  payoutd events --after 0 --json | jq -c 'select(.type == \"payout.settled\")'")]
pub struct Args {
    /// Only events after this sequence number; 0 is everything. Left out, it begins with the newest ones
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(i64).range(0..))]
    after: Option<i64>,

    /// Go on as things happen, until interrupted
    #[arg(long, short)]
    follow: bool,

    #[command(flatten)]
    json: Json,

    #[command(flatten)]
    door: Door,
}

impl Args {
    /// Runs the command.
    pub fn run(self, terminal: &Terminal) -> Result<Exit, Failure> {
        super::wait(async {
            let client = self.door.client()?;
            let mut after = match self.after {
                Some(after) => after,
                None => (page(&client, 0, 1).await?.last_sequence - NEWEST).max(0),
            };
            let last = self.tell_from(terminal, &client, &mut after).await?;
            if self.after.is_some_and(|after| after > last) {
                terminal.note(format_args!("the last event is {last}"));
            }
            match self.follow {
                true => self.go_on(terminal, &client, after).await,
                false => Ok(Exit::Done),
            }
        })
    }

    /// Tells what there is after `after` now, and moves it to the last one told; the last one there is.
    async fn tell_from(&self, terminal: &Terminal, client: &Client, after: &mut i64) -> Result<i64, Unheard> {
        loop {
            let page = page(client, *after, LIMIT_MAX).await?;
            let Some(newest) = page.events.last() else { return Ok(page.last_sequence) };
            *after = newest.data.sequence;
            for event in &page.events {
                match self.json.json {
                    true => terminal.json(event)?,
                    false => terminal.line(line(terminal, event))?,
                }
            }
        }
    }

    async fn go_on(&self, terminal: &Terminal, client: &Client, mut after: i64) -> Result<Exit, Failure> {
        let mut silences = 0;
        loop {
            tokio::time::sleep(LOOK_EVERY).await;
            match self.tell_from(terminal, client, &mut after).await {
                Ok(_) => silences = 0,
                Err(Unheard::NoAnswer(why)) if why.may_pass() && silences < SILENCES_MAX => {
                    if silences == 0 {
                        terminal.note("the daemon does not answer; waiting for it");
                    }
                    silences += 1;
                }
                Err(why) => return Err(why.into()),
            }
        }
    }
}

/// Why telling ended.
enum Unheard {
    /// Nobody answers, or says no.
    NoAnswer(NoAnswer),
    /// Nobody reads.
    NotRead(Failure),
}

impl From<NoAnswer> for Unheard {
    fn from(why: NoAnswer) -> Self {
        Self::NoAnswer(why)
    }
}

impl From<Failure> for Unheard {
    fn from(why: Failure) -> Self {
        Self::NotRead(why)
    }
}

impl From<Unheard> for Failure {
    fn from(why: Unheard) -> Self {
        match why {
            Unheard::NoAnswer(why) => why.into(),
            Unheard::NotRead(why) => why,
        }
    }
}

async fn page(client: &Client, after: i64, limit: u32) -> Result<EventPageBody, NoAnswer> {
    client.get(EVENTS, &[("after", after.to_string()), ("limit", limit.to_string())]).await
}

/// An event for a person: when, its number, what, and to whom.
fn line(terminal: &Terminal, event: &CloudEvent) -> String {
    // As wide as nearly all of them, so that what follows stands in columns.
    let kind = format!("{:<24}", plain(&event.kind));
    let kind = match ink_of(event) {
        Some(ink) => terminal.on_stdout(ink, kind).to_string(),
        None => kind,
    };
    let told = match &event.data.payout {
        Some(payout) => {
            let why = payout.reason.as_deref().or(payout.txid.as_deref()).unwrap_or_default();
            format!("{}  {} {}  {}  {why}", payout.id, payout.amount, payout.currency, payout.idempotency_key)
        }
        None => {
            let facts = serde_json::to_string(&event.data.facts).unwrap_or_default();
            facts.chars().take(FACTS_CHARS_MAX).collect()
        }
    };
    format!("{}  {:>7}  {kind}  {}", event.time, event.data.sequence, plain(&told)).trim_end().to_owned()
}

/// A payout's event has its stage's colour.
fn ink_of(event: &CloudEvent) -> Option<Ink> {
    match &event.data.payout {
        _ if event.kind.starts_with("alarm.") => Some(Ink::Bad),
        Some(payout) => Stage::ALL.into_iter().find(|stage| stage.word() == payout.stage).and_then(ink),
        None => Some(Ink::Care),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::terminal::Colour;
    use payoutd_actors::domain::{
        journal::{Body, JournalDraft},
        outbox::OutboxEvent,
    };
    use serde_json::json;

    /// A person's words of the journal do not paint the terminal, nor end the line.
    #[test]
    fn an_event_is_one_line_whatever_stands_in_it() {
        let body = Body::of(&json!({ "reason": "night\u{9b}31m" })).unwrap();
        let row = JournalDraft::new(1_795_253_400_000, "house_paused", body).into_record(42);
        let event = CloudEvent::of("s1", &OutboxEvent::of(&row, None).unwrap());
        assert_eq!(
            line(&Terminal::new(Colour::Never), &event),
            "2026-11-21T09:30:00.000Z       42  house.paused              {\"reason\":\"night 31m\"}"
        );
    }
}
