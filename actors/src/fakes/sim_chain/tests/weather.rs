//! Each weather by its name: what the node did, and what it let us know.

use super::super::{Answer, Finality, Lost, genesis};
use super::town::{A, B, Town};
use crate::domain::tron::BroadcastCode;

fn ordered(weather: &str) -> Town {
    let mut town = Town::new();
    town.order(&format!(r#"{{"next_broadcast":"{weather}"}}"#));
    town
}

/// Taken, and no word of it: whoever concludes "not sent" pays twice.
#[test]
fn a_node_that_loses_its_reply_has_taken_the_transfer() {
    let cases = [
        ("accepts_then_hangs_up", Lost::HangsUp),
        ("times_out", Lost::TimesOut),
        ("html_reply", Lost::Html),
        ("half_json", Lost::HalfJson),
    ];
    for (weather, lost) in cases {
        let mut town = ordered(weather);
        let to = Town::someone(weather);
        let written = town.pay(to, 5);
        assert_eq!(town.lost(A, &written), lost);
        assert_eq!(
            town.send(A, &written),
            BroadcastCode::DupTransactionError,
            "the next is a good day again"
        );
        town.blocks(1);
        assert_eq!(town.paid_to(to), 5);
    }
}

/// A reply about another id, though ours was taken.
#[test]
fn a_reply_names_another_id() {
    let mut town = ordered("wrong_txid");
    let written = town.pay(Town::someone("misnamed"), 5);
    match town.chain.broadcast(A, &written.bytes) {
        Answer::Reply(Ok(reply)) => {
            assert_eq!(reply.code, BroadcastCode::Success);
            assert_ne!(reply.txid, written.txid);
        }
        other => panic!("{other:?}"),
    }
    town.blocks(1);
    assert_eq!(town.paid_to(Town::someone("misnamed")), 5);
}

/// SUCCESS, pending for its whole life, in no block ever.
#[test]
fn success_is_never_included() {
    let mut town = ordered("success_never_included");
    let written = town.pay_within(Town::someone("vain"), 5, 60_000);
    assert_eq!(town.send(A, &written), BroadcastCode::Success);
    assert_eq!(town.send(B, &written), BroadcastCode::DupTransactionError);
    town.blocks(60);
    assert_eq!(town.paid_to(Town::someone("vain")), 0);
    assert_eq!(town.solid_info(&written), None);
}

/// Refused, then a duplicate for an hour at that node, and never taken there; elsewhere it is welcome.
#[test]
fn refused_then_duplicate_though_never_taken() {
    for (weather, first) in [
        ("refused_then_dup", BroadcastCode::TaposError),
        ("poisoned_dup", BroadcastCode::DupTransactionError),
    ] {
        let mut town = ordered(weather);
        let written = town.pay(Town::someone("refused"), 5);
        assert_eq!(town.send(A, &written), first);
        assert_eq!(town.send(A, &written), BroadcastCode::DupTransactionError);
        town.blocks(2);
        assert_eq!(town.paid_to(Town::someone("refused")), 0);
        assert_eq!(town.send(B, &written), BroadcastCode::Success);
        town.blocks(1);
        assert_eq!(town.paid_to(Town::someone("refused")), 5);
    }
}

/// SUCCESS, gone at the next block, welcome again.
#[test]
fn a_pending_transfer_is_dropped_and_can_be_sent_again() {
    let mut town = ordered("dropped_pending");
    let written = town.pay(Town::someone("dropped"), 5);
    assert_eq!(town.send(A, &written), BroadcastCode::Success);
    assert!(town.is_pending(A, &written));
    town.blocks(1);
    assert!(!town.is_pending(A, &written));
    assert_eq!(town.info(&written), None);
    assert_eq!(town.send(A, &written), BroadcastCode::Success);
    town.blocks(1);
    assert_eq!(town.paid_to(Town::someone("dropped")), 5);
}

/// 403 and 429: not taken, and nothing else is answered for half a minute.
#[test]
fn too_many_requests_are_punished_for_half_a_minute() {
    for (weather, code, retry_after_s) in [("http_403", 403, None), ("http_429_with_penalty", 429, Some(30))]
    {
        let mut town = ordered(weather);
        let written = town.pay(Town::someone("hasty"), 5);
        let lost = Lost::Status { code, retry_after_s };
        assert_eq!(town.lost(A, &written), lost);
        assert_eq!(town.lost(A, &written), lost);
        assert_eq!(town.chain.ask(A, Finality::Head, |view| view.height()), Answer::Lost(lost));
        town.seconds(31);
        assert_eq!(town.send(A, &written), BroadcastCode::Success);
    }
}

/// Busy: not taken, and nothing else.
#[test]
fn a_busy_node_takes_nothing() {
    let mut town = ordered("server_busy");
    let written = town.pay(Town::someone("busy"), 5);
    assert_eq!(town.send(A, &written), BroadcastCode::ServerBusy);
    assert!(!town.is_pending(A, &written));
    assert_eq!(town.send(A, &written), BroadcastCode::Success);
}

/// F-N22: the producers forget that a txid runs once. The money moves twice, in two blocks, under one id.
#[test]
fn one_id_runs_in_two_blocks_when_the_producers_forget_the_rule() {
    let mut town = ordered("twice_in_chain");
    let to = Town::someone("doubled");
    let written = town.pay(to, 5);
    assert_eq!(town.send(A, &written), BroadcastCode::Success);
    town.blocks(4);
    let blocks: Vec<_> = town.chain.book().transfers.iter().map(|row| (row.txid, row.block)).collect();
    assert_eq!(blocks.len(), 2);
    assert_eq!(blocks[0].0, blocks[1].0);
    assert_eq!(blocks[0].1 + 1, blocks[1].1);
    assert_eq!(town.paid_to(to), 10);
}

/// `{}` for everything, once: one such answer means nothing.
#[test]
fn one_blind_answer_means_nothing() {
    let mut town = Town::new();
    let written = town.pay(Town::someone("there"), 5);
    town.send(A, &written);
    town.blocks(1);
    town.order(r#"{"node":0,"next_read":"unknown"}"#);
    let ask = |town: &mut Town| {
        town.chain.ask(A, Finality::Head, |view| view.transaction_info_by_id(written.txid).is_some())
    };
    assert_eq!(ask(&mut town), Answer::Reply(false));
    assert_eq!(ask(&mut town), Answer::Reply(true));
    town.order(r#"{"next_read":"half_json"}"#);
    assert_eq!(ask(&mut town), Answer::Lost(Lost::HalfJson));
}

/// A solid view that stands further back for a while.
#[test]
fn a_stale_solid_view_lags_and_recovers() {
    let mut town = Town::new();
    let before = town.chain.view(A, Finality::Solid).height();
    town.order(r#"{"node":0,"stale_solid":{"blocks":5,"for_ms":9000}}"#);
    assert_eq!(town.chain.view(A, Finality::Solid).height(), before - 5);
    assert_eq!(town.chain.view(B, Finality::Solid).height(), before);
    town.seconds(12);
    assert!(town.chain.view(A, Finality::Solid).height() > before);
}

/// The token is paused by decree; a fork that undoes the decree's block carries it out again.
#[test]
fn a_decree_survives_a_fork() {
    let mut town = Town::new();
    town.chain.fork_in_ignorance(1, &[]);
    town.blocks(1);
    town.order(r#"{"token_paused":true}"#);
    town.blocks(4);
    let token = town.chain.view(A, Finality::Head).token(genesis().usdt).unwrap();
    assert!(token.paused);
}

/// An order that names a node that is not there, or an unknown word, is refused.
#[test]
fn a_wrong_order_is_refused() {
    let mut town = Town::new();
    let order = serde_json::from_str(r#"{"node":7,"next_read":"times_out"}"#).unwrap();
    assert!(town.chain.order(&order).is_err());
    assert!(serde_json::from_str::<super::super::WeatherOrder>(r#"{"nextread":"times_out"}"#).is_err());
}

/// F-N23: one node poisoned, one that drops what it took, one healthy: sent to all at once it is paid once, within two blocks.
#[test]
fn one_healthy_node_of_three_is_enough_when_all_are_asked_at_once() {
    use super::super::{NodeId, NodeSettings, Settings};
    let nodes = vec![NodeSettings::default(); 3];
    let mut town = Town::with(Settings { nodes, ..Settings::default() });
    town.order(r#"{"node":0,"next_broadcast":"poisoned_dup"}"#);
    town.order(r#"{"node":1,"next_broadcast":"dropped_pending"}"#);
    let to = Town::someone("wide");
    let written = town.pay(to, 5);
    let codes: Vec<_> = (0..3).map(|node| town.send(NodeId(node), &written)).collect();
    assert_eq!(codes, [BroadcastCode::DupTransactionError, BroadcastCode::Success, BroadcastCode::Success]);
    town.blocks(2);
    assert_eq!(town.paid_to(to), 5);
    town.blocks(40);
    assert_eq!(town.chain.book().transfers.len(), 1);
}
