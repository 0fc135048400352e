//! The network is cheap enough to run ten thousand times; nothing here looks at a clock.

use super::super::{Endowment, Settings};
use super::town::{A, Town};
use crate::domain::tron::BroadcastCode;

/// Blocks without a ceiling take thousands of transactions, and a ceiling leaves the rest for the next blocks.
#[test]
fn a_block_takes_what_its_ceiling_allows() {
    for (ceiling, blocks) in [(None, 1), (Some(100), 3)] {
        let endowment = Endowment { sun: 100_000_000_000_000, ..Endowment::default() };
        let settings = Settings {
            verify_signatures: false,
            transactions_per_block_max: ceiling,
            endowment,
            ..Settings::default()
        };
        let mut town = Town::with(settings);
        for payment in 0..300 {
            let written = town.pay(Town::someone(&format!("payee {payment}")), 1 + payment);
            assert_eq!(town.send(A, &written), BroadcastCode::Success);
        }
        town.blocks(blocks - 1);
        assert!(town.chain.book().transfers.len() < 300);
        town.blocks(1);
        assert_eq!(town.chain.book().transfers.len(), 300);
    }
}
