//! `payoutd payouts watch`: a line for each step, until nothing can follow. A daemon that restarts meanwhile is waited for.

use std::time::Duration;

use payoutd_actors::domain::payout::Stage;

use super::{Client, Exit, Failure, PayoutBody, Terminal, ink, path_of, reader::Reader, standing};
use crate::cli::{Json, door::Door};

/// How often to look.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// After so many looks in a row without an answer, the watch gives up.
const SILENCES_MAX: u32 = 60;

/// `payoutd payouts watch ID`
#[derive(Debug, clap::Args)]
#[command(after_help = "\
A mismatched payout ends the watch: a person must decide about it.
Exit codes: 0 settled, 1 ended otherwise, 69 the daemon stayed away.")]
pub(super) struct Args {
    /// The payout's id
    #[arg(value_name = "ID")]
    id: String,

    #[command(flatten)]
    json: Json,

    #[command(flatten)]
    door: Door,
}

impl Args {
    pub(super) async fn run(self, terminal: &Terminal) -> Result<Exit, Failure> {
        if let Some(exit) = self.ended(terminal).await? {
            return Ok(exit);
        }
        let client = self.door.client()?;
        follow(&client, terminal, &self.id, self.json).await
    }
}

impl Args {
    /// What has ended needs no daemon any more: while it is not running, its store tells how.
    async fn ended(&self, terminal: &Terminal) -> Result<Option<Exit>, Failure> {
        let mut reader = Reader::of(terminal, &self.door)?;
        let payout = reader.payout(&self.id).await;
        let is_stored = reader.reads_store();
        reader.close().await;
        let (Ok(payout), true) = (payout, is_stored) else { return Ok(None) };
        let exit = end(payout.stage);
        if exit.is_some() {
            say(terminal, &payout, self.json)?;
        }
        Ok(exit)
    }
}

/// Follows a payout to its end.
pub(super) async fn follow(
    client: &Client,
    terminal: &Terminal,
    id: &str,
    json: Json,
) -> Result<Exit, Failure> {
    let path = path_of(id, "")?;
    let (mut last, mut silences): (Option<PayoutBody>, u32) = (None, 0);
    loop {
        match client.get::<PayoutBody>(&path, &[]).await {
            Ok(payout) => {
                silences = 0;
                if last.as_ref() != Some(&payout) {
                    say(terminal, &payout, json)?;
                }
                if let Some(exit) = end(payout.stage) {
                    return Ok(exit);
                }
                last = Some(payout);
            }
            Err(why) if why.may_pass() && silences < SILENCES_MAX => {
                if silences == 0 {
                    terminal.note("the daemon does not answer; waiting for it");
                }
                silences += 1;
            }
            Err(why) => return Err(why.into()),
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// How the watch ends with a stage; `None`: it goes on.
fn end(stage: Stage) -> Option<Exit> {
    match stage {
        Stage::Settled => Some(Exit::Done),
        Stage::Failed | Stage::Rejected | Stage::Cancelled | Stage::Mismatched => Some(Exit::Found),
        Stage::Admitted
        | Stage::Held
        | Stage::Signed
        | Stage::Broadcast
        | Stage::Included
        | Stage::Unknown => None,
    }
}

fn say(terminal: &Terminal, payout: &PayoutBody, json: Json) -> Result<(), Failure> {
    if json.json {
        return terminal.json(payout);
    }
    // As wide as the longest stage, so that what follows stands in columns.
    let stage = format!("{:<9}", standing(payout));
    let block = payout.block.map(|block| format!("block {block}")).unwrap_or_default();
    let txid = payout.txid.as_deref().unwrap_or_default();
    let line = match ink(payout.stage) {
        Some(ink) => format!("{}  {}  {txid}  {block}", payout.updated_at, terminal.on_stdout(ink, stage)),
        None => format!("{}  {stage}  {txid}  {block}", payout.updated_at),
    };
    terminal.line(line.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_watch_ends_exactly_where_nothing_follows_or_a_person_must_look() {
        for stage in Stage::ALL {
            assert_eq!(
                end(stage).is_some(),
                stage.is_final() || stage == Stage::Mismatched,
                "{}",
                stage.word()
            );
        }
        assert_eq!(end(Stage::Settled), Some(Exit::Done));
        assert_eq!(end(Stage::Failed), Some(Exit::Found));
    }
}
