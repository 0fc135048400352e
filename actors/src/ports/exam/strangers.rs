//! The fear after an old copy was put back: a transfer on chain that is forgotten again.

use super::kit::{MORNING_MS, block, payout, transfer};
use super::{Hall, Told};
use crate::domain::stranger::Stranger;
use crate::ports::{House, Strangers};

fn stranger(n: u32) -> Stranger {
    let attempt = transfer(&payout(n), MORNING_MS);
    Stranger {
        txid: attempt.txid,
        raw_data: attempt.raw_data,
        signature: attempt.signature,
        ref_block: attempt.ref_block,
        block: block(1_000 + u64::from(n)),
        found_at_ms: MORNING_MS,
    }
}

/// F-N24: strangers are kept in the order in which they were noted, each once, with the block that was told last.
pub async fn a_stranger_is_noted_once_and_keeps_its_place(hall: &impl Hall) -> Told {
    let store = hall.fresh().await?;
    store.note_strangers(Vec::new()).await?;
    store.note_strangers(vec![stranger(9), stranger(3)]).await?;
    let moved = Stranger { block: block(2_000), ..stranger(3) };
    store.note_strangers(vec![stranger(5), moved.clone(), stranger(1)]).await?;

    let store = hall.reopened(store).await?;
    let noted = store.strangers(0, 10).await?;
    let places: Vec<i64> = noted.iter().map(|one| one.place).collect();
    let known: Vec<Stranger> = noted.iter().map(|one| one.stranger.clone()).collect();
    assert_eq!(known, [stranger(9), moved, stranger(5), stranger(1)]);
    assert!(places.is_sorted_by(|one, next| one < next) && places[0] > 0);
    assert_eq!(store.strangers(places[1], 1).await?, noted[2..3]);
    assert_eq!(store.strangers(places[3], 10).await?, []);
    assert_eq!(store.facts().await?.latest_ms, 0, "noting is not the house's time");
    Ok(())
}
