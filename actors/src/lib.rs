#![doc = include_str!("../README.md")]

pub mod admission;
pub mod audit_writer;
pub mod chain_sight;
pub mod circuit_breaker;
pub mod confirmation_watcher;
pub mod domain;
pub mod event_publisher;
#[cfg(feature = "fakes")]
pub mod fakes;
pub mod guardian;
pub mod house_clock;
pub mod journal_tail;
pub mod ledger;
pub mod metrics_names;
pub mod office;
pub mod outgoing;
pub mod payout_worker;
pub mod ports;
pub mod rate_limiter;
pub mod recollection;
pub mod reconcile;
pub mod refusal_recorder;
pub mod restore;
mod room;
pub mod roster;
pub mod rounds;
pub mod sessions;
pub mod tenure;
pub mod treasurer;

#[cfg(test)]
mod front_page {
    const README: &str = include_str!("../README.md");

    /// The front page is true: it names every invariant and every room.
    #[test]
    fn the_front_page_names_every_invariant_and_every_room() {
        for (sentence, _) in crate::domain::invariants::OF_A_PAYOUT {
            let (id, _) = sentence.split_once(':').unwrap();
            assert!(README.contains(&format!("| {id} |")), "{id} is not on the front page");
        }
        let rooms = include_str!("lib.rs").lines().filter_map(|line| line.strip_prefix("pub mod "));
        for room in rooms.map(|line| line.trim_end_matches(';')).filter(|room| *room != "domain") {
            assert!(README.contains(&format!("`{room}`")), "{room} is not on the map");
        }
    }
}
