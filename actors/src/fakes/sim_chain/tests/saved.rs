//! The whole network written down and gone on with.

use super::super::SimChain;
use super::town::{A, Town};

/// A saved network goes on exactly as the one that was not saved: pools, forks, weather, all.
#[test]
fn a_saved_network_goes_on_as_if_nothing_had_happened() {
    let mut town = Town::new();
    town.order(r#"{"weather":"stormy","seed":11}"#);
    for payment in 1..20 {
        let written = town.pay(Town::someone("saved"), payment);
        let _ = town.chain.broadcast(A, &written.bytes);
        town.blocks(1);
    }
    town.chain.fork(2, &[]);
    town.blocks(2);
    let mut copy = SimChain::load(&town.chain.save().unwrap()).unwrap();
    assert_eq!(copy.save().unwrap(), town.chain.save().unwrap());
    town.blocks(60);
    copy.advance_to(town.chain.now_ms());
    assert_eq!(copy.book(), town.chain.book());
    assert_eq!(copy.save().unwrap(), town.chain.save().unwrap());
    assert!(town.chain.book().transfers.len() > 5);
}

/// Something else is refused, not read as an empty network.
#[test]
fn something_else_is_not_taken_for_a_network() {
    assert!(SimChain::load(b"{}").is_err());
    let saved = Town::new().chain.save().unwrap();
    assert!(SimChain::load(&saved[..saved.len() / 2]).is_err());
}
