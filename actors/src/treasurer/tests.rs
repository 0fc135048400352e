//! What the treasurer makes of nodes that do not answer what they are asked.

use super::wallet::{flag, terms};
use super::*;
use crate::domain::money::MicroUsdt;
use crate::domain::order::Route;
use crate::domain::tron::{TrialFailure, abi};
use crate::fakes::sim_chain::{Settings, SimChain, genesis};
use crate::fakes::{BEGINNING_MS, Disguise, MemoryStore, SharedChain, SimNode, TestClock, look};
use crate::ports::exam::kit;
use crate::ports::{ChainFault, TrialRun, View};
use std::collections::BTreeMap;
use std::sync::Mutex as Lock;

/// What a node says to every question about the token's switches and blacklist.
#[derive(Clone)]
struct Says {
    node: Arc<SimNode>,
    run: Result<TrialRun, ChainFault>,
}

impl Disguise for Says {
    fn node(&self) -> &dyn ChainNode {
        self.node.as_ref()
    }

    fn tried(&self, call_data: &[u8], run: Result<TrialRun, ChainFault>) -> Result<TrialRun, ChainFault> {
        let asked = [abi::PAUSED, abi::DEPRECATED, abi::BASIS_POINTS_RATE, abi::IS_BLACK_LISTED];
        if asked.iter().any(|question| call_data.starts_with(question.as_slice())) {
            self.run.clone()
        } else {
            run
        }
    }
}

fn run(returned: Vec<u8>, failure: Option<TrialFailure>) -> Result<TrialRun, ChainFault> {
    Ok(TrialRun { energy_used: 500, returned, failure })
}

fn refused() -> Option<TrialFailure> {
    Some(TrialFailure::Refused("REVERT opcode executed".to_owned()))
}

/// As a busy java-tron says it.
fn out_of_time() -> Option<TrialFailure> {
    let words = "class org.tron.core.vm.program.Program$OutOfTimeException : CPU timeout for 'SWAP2' operation executing";
    Some(TrialFailure::of_exception(words.to_owned()))
}

fn chain() -> SharedChain {
    Arc::new(Lock::new(SimChain::new(Settings::default(), BEGINNING_MS.cast_unsigned())))
}

fn says(chain: &SharedChain, run: Result<TrialRun, ChainFault>) -> Arc<dyn ChainNode> {
    Arc::new(Says { node: Arc::new(SimNode::new(chain.clone(), 0)), run })
}

fn policy() -> HousePolicy {
    let genesis = genesis();
    HousePolicy {
        wallet: genesis.accounts[0].address,
        token: genesis.usdt,
        router_v0: None,
        router_kyc: None,
        kyc_officer: None,
        per_payout: MicroUsdt::new(1_000_000_000),
    }
}

fn order() -> Order {
    Order {
        recipient: Address::from_evm([0x5a; 20]),
        amount: MicroUsdt::new(1_000_000),
        route: Route::Transfer,
        reference: None,
        memo: None,
        kyc: None,
        not_before_ms: None,
        not_after_ms: None,
        priority: 0,
        metadata: BTreeMap::new(),
    }
}

fn desk_of(nodes: Vec<Arc<dyn ChainNode>>, store: &MemoryStore) -> Desk {
    Desk::new(TreasurerTools {
        nodes,
        ledger: Ledger::new(Arc::new(store.clone())),
        clock: Arc::new(TestClock::default()),
        policy: policy(),
        settings: TreasurerSettings::default(),
    })
}

async fn cover_by(nodes: Vec<Arc<dyn ChainNode>>) -> Cover {
    let want = Want { order: order(), call_data: Vec::new() };
    desk_of(nodes, &MemoryStore::new("treasurer")).cover(vec![want]).await.each.pop().unwrap()
}

/// A switch is not pulled when the token answers no, or refuses to be asked; everything else is not known.
#[actix::test]
async fn only_an_answer_or_a_refusal_says_that_a_switch_is_not_pulled() {
    let chain = chain();
    let asked = async |run| flag(says(&chain, run).as_ref(), &policy(), abi::question(abi::PAUSED)).await;
    let word = |last: u8| [vec![0; 31], vec![last]].concat();
    assert_eq!(asked(run(word(0), None)).await, Ok(false));
    assert_eq!(asked(run(word(1), None)).await, Ok(true));
    assert_eq!(asked(run(Vec::new(), refused())).await, Ok(false));
    for nothing in [run(Vec::new(), out_of_time()), run(Vec::new(), None), run(vec![0; 31], None)] {
        assert!(matches!(asked(nothing).await, Err(ChainFault::Garbled(_))));
    }
}

/// A node that has no time says nothing of the token's switches, and nobody is paid on it.
#[actix::test]
async fn a_busy_node_is_not_taken_for_a_token_without_switches() {
    let chain = chain();
    look(&chain).advance_to(BEGINNING_MS.cast_unsigned() + 60_000);
    assert!(terms(says(&chain, run(Vec::new(), out_of_time())).as_ref(), &policy()).await.is_err());
    let busy = || says(&chain, run(Vec::new(), out_of_time()));
    assert!(matches!(cover_by(vec![busy()]).await, Cover::Later(_)));
    // Another node that answers is enough; and a token that refuses the questions has no switches.
    let well: Arc<dyn ChainNode> = Arc::new(SimNode::new(chain.clone(), 1));
    assert!(matches!(cover_by(vec![busy(), well]).await, Cover::Covered { .. }));
    assert!(matches!(cover_by(vec![says(&chain, run(Vec::new(), refused()))]).await, Cover::Covered { .. }));
}

/// The recipient's blacklisting is asked while a node has no time: the payout waits, it is neither paid nor held.
#[actix::test]
async fn a_recipient_of_whom_nobody_knows_waits() {
    struct BusyAboutRecipients(Arc<SimNode>);
    impl Disguise for BusyAboutRecipients {
        fn node(&self) -> &dyn ChainNode {
            self.0.as_ref()
        }
        fn tried(&self, call: &[u8], tried: Result<TrialRun, ChainFault>) -> Result<TrialRun, ChainFault> {
            let of_recipient = abi::is_black_listed(order().recipient);
            if call == of_recipient { run(Vec::new(), out_of_time()) } else { tried }
        }
    }
    let chain = chain();
    look(&chain).advance_to(BEGINNING_MS.cast_unsigned() + 60_000);
    let node = Arc::new(SimNode::new(chain.clone(), 0));
    assert!(node.now_block(View::Solid).await.is_ok());
    assert!(matches!(cover_by(vec![Arc::new(BusyAboutRecipients(node))]).await, Cover::Later(_)));
}

/// F-P29: a trial that ran out of time on one node is not "it would fail", whatever the other one says.
#[actix::test]
async fn a_trial_that_ran_out_of_time_holds_nobody() {
    struct Trial(Arc<SimNode>, Option<TrialFailure>);
    impl Disguise for Trial {
        fn node(&self) -> &dyn ChainNode {
            self.0.as_ref()
        }
        fn tried(&self, call: &[u8], tried: Result<TrialRun, ChainFault>) -> Result<TrialRun, ChainFault> {
            if call.starts_with(&abi::TRANSFER) { run(Vec::new(), self.1.clone()) } else { tried }
        }
    }
    let chain = chain();
    look(&chain).advance_to(BEGINNING_MS.cast_unsigned() + 60_000);
    let node =
        |n, failure| Arc::new(Trial(Arc::new(SimNode::new(chain.clone(), n)), failure)) as Arc<dyn ChainNode>;
    let cover = cover_by(vec![node(0, refused()), node(1, out_of_time())]).await;
    let Cover::Later(why) = cover else { panic!("{cover:?}") };
    assert!(why.contains("OutOfTime"), "{why}");
}

/// An unread wallet is not an empty one; and what is on its way is told as it is, not as it was at the last look.
#[actix::test]
async fn the_wallet_is_shown_as_it_is_and_no_promise_is_counted_beside_its_transfer() {
    let chain = chain();
    look(&chain).advance_to(BEGINNING_MS.cast_unsigned() + 60_000);
    let store = MemoryStore::new("treasurer");
    let node: Arc<dyn ChainNode> = Arc::new(SimNode::new(chain.clone(), 0));
    let mut desk = desk_of(vec![node], &store);
    let unread = desk.show_wallet().await.unwrap();
    assert_eq!((unread.balance_usdt, unread.available_usdt, unread.energy_left), (None, None, None));
    assert_eq!(
        (unread.read_at_ms, unread.transfers_in_flight, unread.reserved_usdt.as_str()),
        (None, 0, "0")
    );

    // A transfer is promised, filed, and seen: at no moment is it counted twice in what is reserved.
    let new = kit::payout_of(1, 25);
    let want = Want { order: Order { amount: new.order.amount, ..order() }, call_data: Vec::new() };
    assert!(matches!(desk.cover(vec![want]).await.each.pop(), Some(Cover::Covered { .. })));
    let shown = async |desk: &Desk| {
        let view = desk.show_wallet().await.unwrap();
        (view.reserved_usdt, view.available_usdt.unwrap(), view.transfers_in_flight)
    };
    let told =
        |reserved: &str, available: &str, transfers| (reserved.to_owned(), available.to_owned(), transfers);
    assert_eq!(shown(&desk).await, told("0", "999975", 0));
    let payout = kit::admit(&store, new).await.unwrap();
    kit::go(&store, &payout, kit::sign(&payout, kit::MORNING_MS), kit::MORNING_MS).await.unwrap();
    assert_eq!(shown(&desk).await, told("25", "999975", 1));
    desk.promises_are_over();
    desk.look().await;
    assert_eq!(shown(&desk).await, told("25", "999975", 1));
    // Nobody said that the promise was over: too little is offered for a while, and what is reserved is right all the same.
    let want = Want { order: order(), call_data: Vec::new() };
    desk.cover(vec![want]).await;
    desk.look().await;
    assert_eq!(shown(&desk).await, told("25", "999974", 1));
}
