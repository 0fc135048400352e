//! F-P03: the life cycle with two workers, a watcher, a person and a ledger that stops anywhere, looked at exhaustively:
//! every state that a few blocks, forks, lost bytes, lost answers and overtaken copies can lead to.
//!
//! The rules are the real ones. That the model would notice their absence is shown too: each rule is taken away once, and
//! the model must find where that ends.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on says so by panicking, in its helpers too"
)]

mod chain;
mod row;
mod world;

use chain::Execution;
use payoutd_actors::domain::payout::{Event, Reason, Reservation, Stage};
use row::{PRESENT, Row};
use stateright::{Checker, HasDiscoveries, Model, Property};
use world::{Bounds, Happening, Overtaken, Weakness, World};

#[derive(Debug, Clone, Copy)]
struct LifeCycle {
    bounds: Bounds,
    weak: Option<Weakness>,
}

/// Three blocks and two forks of up to two blocks.
const FAR: Bounds = Bounds {
    time_max: 3,
    forks_max: 2,
    fork_blocks_max: 2,
    lifetime: 1,
    transfers_max: 2,
    pauses_max: 0,
    overtaken: Overtaken::Bytes,
};

/// A shorter chain, and everybody keeps believing what they read last.
const STUBBORN: Bounds =
    Bounds { time_max: 2, forks_max: 1, fork_blocks_max: 1, overtaken: Overtaken::Whole, ..FAR };

/// A shorter chain, and a person at the switch.
const PAUSED: Bounds = Bounds { pauses_max: 1, overtaken: Overtaken::Bytes, ..STUBBORN };

impl Model for LifeCycle {
    type State = World;
    type Action = Happening;

    fn init_states(&self) -> Vec<World> {
        let held = Event::PayoutHeld { reason: Reason::LimitHourly };
        vec![World::begin(&Event::PayoutAdmitted), World::begin(&held)]
    }

    fn actions(&self, world: &World, out: &mut Vec<Happening>) {
        world.may_happen(&self.bounds, self.weak, out);
    }

    fn next_state(&self, world: &World, happening: Happening) -> Option<World> {
        world.after(happening, &self.bounds, self.weak)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        let mut properties = vec![
            Property::always(NEVER_TWICE, |_, world: &World| world.chain.payments() <= 1),
            Property::always(PROVED_DEAD, |_, world| earlier_ones_are_dead(world)),
            Property::always(RESERVED_ONCE, |_, world| reserved_once(world)),
            Property::always(SETTLED_IS_PAID, |_, world| settled_is_paid(world)),
            Property::always(UNPAID_STAYS_UNPAID, |_, world| unpaid_stays_unpaid(world)),
            Property::always(PAUSED_SIGNS_NOTHING, |_, world: &World| {
                world.paused.is_none_or(|on_file| world.disk.transfers.len() == on_file)
            }),
        ];
        if self.weak.is_none() {
            properties.extend(it_does_happen(&self.bounds));
        }
        properties
    }
}

/// The checker's own threads: as many as the smallest machine that runs the tests has.
const THREADS: usize = 2;

const NEVER_TWICE: &str = "no branch of the chain ever pays twice";
const PROVED_DEAD: &str = "a second transfer is on file only when the first can never be in a block";
const RESERVED_ONCE: &str = "what was set aside is settled or given back, once";
const SETTLED_IS_PAID: &str = "settled is paid, once, where it can not be undone";
const UNPAID_STAYS_UNPAID: &str =
    "what is called off, failed or payable again can never be paid by what was signed";
const PAUSED_SIGNS_NOTHING: &str = "a paused house puts no transfer on file";

fn earlier_ones_are_dead(world: &World) -> bool {
    let Some((_, earlier)) = world.disk.transfers.split_last() else { return true };
    earlier.iter().all(|transfer| !world.chain.may_still_pay(transfer.nonce, transfer.expires))
}

fn reserved_once(world: &World) -> bool {
    let expected = match world.disk.reservation {
        Reservation::None | Reservation::Released => (1, 0, 0),
        Reservation::Reserved => (0, 1, 0),
        Reservation::Settled => (0, 0, 1),
    };
    let reserved = world.disk.reservation == Reservation::Reserved;
    (world.books.available, world.books.reserved, world.books.settled) == expected
        && !(world.disk.stage.is_final() && reserved)
}

fn settled_is_paid(world: &World) -> bool {
    let solid =
        |nonce| world.chain.find_solid(nonce).is_some_and(|(_, execution)| execution == Execution::Paid);
    world.disk.stage != Stage::Settled
        || world.disk.transfers.iter().filter(|transfer| solid(transfer.nonce)).count() == 1
}

fn unpaid_stays_unpaid(world: &World) -> bool {
    match world.disk.stage {
        Stage::Admitted | Stage::Held | Stage::Cancelled | Stage::Rejected | Stage::Failed => world
            .disk
            .transfers
            .iter()
            .all(|transfer| !world.chain.may_still_pay(transfer.nonce, transfer.expires)),
        Stage::Signed | Stage::Broadcast | Stage::Included | Stage::Unknown => true,
        Stage::Settled | Stage::Mismatched => true,
    }
}

/// The model is not empty: what it is about is seen in it.
fn it_does_happen(bounds: &Bounds) -> Vec<Property<LifeCycle>> {
    let mut happens = vec![
        Property::sometimes("settled", |_, world: &World| world.is(Stage::Settled, 1)),
        Property::sometimes("expired, then settled by a second", |_, world: &World| {
            world.is(Stage::Settled, 2)
        }),
        Property::sometimes("failed", |_, world: &World| world.is(Stage::Failed, 1)),
        Property::sometimes("unknown", |_, world: &World| world.is(Stage::Unknown, 1)),
        Property::sometimes("called off before signing", |_, world: &World| world.is(Stage::Cancelled, 0)),
        Property::sometimes("called off after expiry", |_, world: &World| world.is(Stage::Cancelled, 1)),
        Property::sometimes("held after expiry", |_, world: &World| world.is(Stage::Held, 1)),
        Property::sometimes("seen in a block that is gone", |_, world: &World| {
            world.disk.live().and_then(|live| live.block).is_some_and(|block| !world.chain.holds(block))
        }),
        Property::sometimes("on file, and everybody who knew is gone", |_, world: &World| {
            world.is(Stage::Signed, 1) && world.workers == [None, None] && world.chain.pool.is_empty()
        }),
        Property::sometimes("settled after a fork", |_, world: &World| {
            world.is(Stage::Settled, 1) && world.forks > 0
        }),
        Property::sometimes("dead bytes are sent again beside their successor", |_, world: &World| {
            world.is(Stage::Broadcast, 2) && world.chain.pool.len() == 2
        }),
    ];
    if bounds.overtaken == Overtaken::Whole {
        happens.push(Property::sometimes("an overtaken worker would still sign", |_, world: &World| {
            let would_sign = |copy: &Row| copy.version != PRESENT && copy.stage == Stage::Admitted;
            world.is(Stage::Broadcast, 1) && world.workers.iter().flatten().any(would_sign)
        }));
    }
    if bounds.pauses_max > 0 {
        happens.push(Property::sometimes("paused with a transfer on its way", |_, world: &World| {
            world.is(Stage::Broadcast, 1) && world.paused.is_some()
        }));
    }
    happens
}

impl World {
    fn is(&self, stage: Stage, transfers: usize) -> bool {
        (self.disk.stage, self.disk.transfers.len()) == (stage, transfers)
    }
}

fn look_at_everything(bounds: Bounds) -> impl Checker<LifeCycle> {
    let checker = LifeCycle { bounds, weak: None }.checker().threads(THREADS).spawn_bfs().join();
    let (different, deep) = (checker.unique_state_count(), checker.max_depth());
    println!(
        "{different} different states in {} steps, the last of them {deep} steps away",
        checker.state_count()
    );
    checker
}

/// F-P03, F002-03: whatever stops, forks, lags or is forgotten: paid at most once, settled or released once.
#[test]
fn no_order_of_events_pays_twice() {
    look_at_everything(FAR).assert_properties();
}

/// F-P03: the version's guard alone keeps everybody who was overtaken from acting on what they believe.
#[test]
fn whoever_was_overtaken_changes_nothing() {
    look_at_everything(STUBBORN).assert_properties();
}

/// F004-42: from the moment that a pause is answered nothing new is put on file.
#[test]
fn a_pause_holds_against_every_race() {
    look_at_everything(PAUSED).assert_properties();
}

/// Looks until the model breaks this sentence; panics if it never does.
fn breaks(weak: Weakness, sentence: &'static str) {
    let bounds = Bounds { pauses_max: 1, overtaken: Overtaken::Whole, ..FAR };
    let model = LifeCycle { bounds, weak: Some(weak) };
    let one = HasDiscoveries::AnyOf([sentence].into());
    let checker = model.checker().threads(THREADS).finish_when(one).spawn_bfs().join();
    let path = checker.discovery(sentence);
    let path =
        path.unwrap_or_else(|| panic!("{weak:?} is not noticed in {} states", checker.unique_state_count()));
    for happening in path.into_actions() {
        println!("{weak:?}: {happening:?}");
    }
}

#[test]
fn the_heads_time_in_place_of_the_solidified_time_is_caught() {
    breaks(Weakness::HeadTime, NEVER_TWICE);
}

#[test]
fn a_walk_that_does_not_search_its_last_block_is_caught() {
    breaks(Weakness::LastBlockNotSearched, NEVER_TWICE);
}

#[test]
fn a_duplicate_that_is_read_as_paid_is_caught() {
    breaks(Weakness::DuplicateIsPaid, SETTLED_IS_PAID);
}

#[test]
fn a_broadcast_payout_that_returns_without_proof_is_caught() {
    breaks(Weakness::SilenceIsDeath, NEVER_TWICE);
}

#[test]
fn a_store_without_the_versions_guard_is_caught() {
    breaks(Weakness::NoVersionGuard, NEVER_TWICE);
}

#[test]
fn a_pause_that_guards_nothing_is_caught() {
    breaks(Weakness::NoPauseGate, PAUSED_SIGNS_NOTHING);
}

#[test]
fn bytes_that_leave_before_they_are_on_file_are_caught() {
    breaks(Weakness::SendBeforeFile, NEVER_TWICE);
}
