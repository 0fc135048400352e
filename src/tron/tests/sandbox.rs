//! The fear: what the house practises with is not what it pays with. The same simulated network is asked by HTTP, through this
//! client, and in the process, through the office's own fake; both must have heard the same.

use std::time::Duration;

use payoutd_actors::{
    domain::{
        address::Address,
        money::MicroUsdt,
        tron::{
            Block, BroadcastCode, PayoutCall, RefBlock, SignedTransfer, TransferTerms, Unsigned,
            abi::{Call, balance_of},
            block::RootCheck,
        },
    },
    fakes::{
        BEGINNING_MS, SimNode, SimTronScan, look,
        sim_chain::{BroadcastWeather, genesis},
    },
    ports::{BroadcastReply, ChainFault, ChainNode, IndexedTransfer, SecondOpinion, View},
};
use reqwest::Url;

use crate::{
    sandbox::{Clock, Listen, Sandbox, SandboxSettings},
    tron::{NodeSettings, ProviderLimits, ScanSettings, TronNode, TronScan},
};

const VIEWS: [View; 2] = [View::Head, View::Solid];

/// A simulated network whose time the story moves.
struct Town {
    sandbox: Sandbox,
    now_ms: u64,
}

impl Town {
    async fn start() -> Self {
        let now_ms = BEGINNING_MS.cast_unsigned();
        // The solid view at an address of its own, as a java-tron node has it.
        let listen = Listen { solidity: Some(([127, 0, 0, 1], 0).into()), ..Listen::default() };
        let clock = Clock::ByHand { starts_at_ms: now_ms };
        let sandbox =
            Sandbox::start(SandboxSettings { listen, clock, ..SandboxSettings::default() }).await.unwrap();
        Self { sandbox, now_ms }
    }

    fn node(&self, request_timeout: Duration) -> TronNode {
        let urls = self.sandbox.urls();
        TronNode::new(NodeSettings {
            name: "sandbox".to_owned(),
            url: Url::parse(&urls.http).unwrap(),
            solidity_url: Url::parse(&urls.solidity_http).unwrap(),
            api_key: None,
            limits: ProviderLimits::with_request_timeout(request_timeout),
        })
        .unwrap()
    }

    fn index(&self) -> TronScan {
        TronScan::new(ScanSettings {
            name: "sandbox".to_owned(),
            url: Url::parse(&self.sandbox.urls().tronscan_http).unwrap(),
            api_key: None,
            limits: ProviderLimits::default(),
        })
        .unwrap()
    }

    fn pass(&mut self, blocks: u64) {
        self.now_ms += blocks * 3_000;
        look(&self.sandbox.chain()).advance_to(self.now_ms);
    }

    /// A transfer of so much from the first test account; the number makes its bytes unique.
    async fn transfer(&self, amount: u64, number: i64) -> SignedTransfer {
        let solid = SimNode::new(self.sandbox.chain(), 0).now_block(View::Solid).await.unwrap();
        let account = &genesis().accounts[0];
        let terms = TransferTerms {
            owner: account.address,
            call: PayoutCall::Transfer {
                token: genesis().usdt,
                recipient: genesis().accounts[1].address,
                amount: MicroUsdt::new(amount),
            },
            fee_limit_sun: 100_000_000,
            ref_block: RefBlock::new(solid.id),
            expires_at_ms: solid.timestamp_ms() + 600_000,
            timestamp_ms: solid.timestamp_ms() + number,
            memo: None,
            permission_id: 0,
        };
        Unsigned::build(&terms).unwrap().sign(&account.key().unwrap()).unwrap()
    }
}

const PATIENCE: Duration = Duration::from_secs(30);

fn assert_proved(block: &Block) {
    block.check_id().unwrap();
    assert_eq!(block.check_root(), RootCheck::Holds, "block {}", block.number());
}

#[actix_rt::test]
async fn by_http_the_network_says_what_it_says_in_the_process() {
    let mut town = Town::start().await;
    let (node, twin) = (town.node(PATIENCE), SimNode::new(town.sandbox.chain(), 0).with_signed_blocks());
    assert_eq!(node.genesis_id().await, twin.genesis_id().await);
    assert_eq!(node.parameters().await, twin.parameters().await);

    let good = town.transfer(25_500_000, 1).await;
    let too_much = town.transfer(u64::MAX / 2, 2).await;
    for transfer in [&good, &too_much] {
        assert_eq!(node.send(transfer).await.unwrap().code, BroadcastCode::Success);
        assert_eq!(node.send(transfer).await.unwrap().code, BroadcastCode::DupTransactionError);
    }
    town.pass(40);

    for view in VIEWS {
        let newest = node.now_block(view).await.unwrap();
        assert_eq!(Ok(&newest), twin.now_block(view).await.as_ref());
        let blocks = node.blocks(view, 1, newest.number() + 50).await.unwrap();
        assert!(
            Ok(&blocks) == twin.blocks(view, 1, newest.number() + 50).await.as_ref(),
            "other blocks by HTTP"
        );
        assert_eq!(blocks.len() as u64, newest.number());
        for block in &blocks {
            assert_proved(block);
            let number = block.number();
            assert_eq!(Ok(Some(block)), node.block(view, number).await.as_ref().map(Option::as_ref));
            let infos = node.transaction_infos(view, number).await.unwrap();
            assert_eq!(Ok(&infos), twin.transaction_infos(view, number).await.as_ref());
            assert_eq!(infos.len(), block.transactions.len());
        }
        assert_eq!(node.block(view, newest.number() + 1).await, Ok(None));
        for transfer in [&good, &too_much] {
            let info = node.transaction_info(view, &transfer.txid()).await.unwrap().unwrap();
            assert_eq!(
                Ok(Some(&info)),
                twin.transaction_info(view, &transfer.txid()).await.as_ref().map(Option::as_ref)
            );
            assert_eq!(info.result_failed, transfer.txid() == too_much.txid());
        }
        for address in
            [good.owner(), genesis().accounts[1].address, genesis().usdt, Address::from_evm([0x99; 20])]
        {
            assert_eq!(node.account(view, address).await, twin.account(view, address).await);
        }
    }
    for address in [good.owner(), genesis().accounts[1].address, Address::from_evm([0x99; 20])] {
        assert_eq!(node.resources(address).await, twin.resources(address).await);
    }
}

#[actix_rt::test]
async fn a_trial_run_by_http_ends_as_it_does_in_the_process() {
    let town = Town::start().await;
    let (node, twin) = (town.node(PATIENCE), SimNode::new(town.sandbox.chain(), 0));
    let (owner, usdt) = (genesis().accounts[0].address, genesis().usdt);
    let pay = |amount| {
        let call = Call::Transfer {
            recipient: Address::from_evm([0x98; 20]),
            amount: MicroUsdt::new(amount).micro().into(),
        };
        call.encode()
    };
    for (call, fails) in [(balance_of(owner), false), (pay(5), false), (pay(u64::MAX / 2), true)] {
        for view in VIEWS {
            let here = node.trial_run(view, owner, usdt, call.clone()).await.unwrap();
            let there = twin.trial_run(view, owner, usdt, call.clone()).await.unwrap();
            assert_eq!((here.energy_used, &here.returned), (there.energy_used, &there.returned));
            assert_eq!((here.failure.is_some(), there.failure.is_some()), (fails, fails));
        }
    }
    // No contract there: nothing was run, which says nothing about the call.
    let nowhere = Address::from_evm([0x97; 20]);
    let unrun = node.trial_run(View::Head, owner, nowhere, balance_of(owner)).await;
    assert!(matches!(unrun, Err(ChainFault::Garbled(_))), "{unrun:?}");
}

/// F-N05: more payments than a page holds, told by the index in full.
#[actix_rt::test]
async fn the_index_by_http_tells_every_payment() {
    let mut town = Town::start().await;
    let node = town.node(PATIENCE);
    for number in 0..120_i64 {
        let transfer = town.transfer(1_000_000 + number.unsigned_abs(), number).await;
        assert_eq!(node.send(&transfer).await.unwrap().code, BroadcastCode::Success);
    }
    town.pass(40);
    let (wallet, usdt) = (genesis().accounts[0].address, genesis().usdt);
    let (from_ms, to_ms) = (BEGINNING_MS - 1, town.now_ms.cast_signed());
    let sorted = |mut rows: Vec<IndexedTransfer>| {
        rows.sort_by_key(|row| row.txid);
        rows
    };
    let here = sorted(town.index().outgoing(wallet, usdt, from_ms, to_ms).await.unwrap());
    let there =
        sorted(SimTronScan::new(town.sandbox.chain()).outgoing(wallet, usdt, from_ms, to_ms).await.unwrap());
    assert_eq!(here, there);
    assert_eq!(here.len(), 120);
    assert!(here.iter().all(|row| row.succeeded && row.confirmed));
}

/// What a broadcast in bad weather came to.
fn word(answer: &Result<BroadcastReply, ChainFault>) -> &'static str {
    match answer {
        Ok(reply) => reply.code.name(),
        Err(ChainFault::Silent(_)) => "silent",
        Err(ChainFault::Penalty { .. }) => "penalty",
        Err(ChainFault::Garbled(_)) => "garbled",
        Err(ChainFault::BreakerOpen { .. }) => "not asked",
    }
}

/// F-P04, F-N02: each bad moment that the sandbox knows, by HTTP. Only SUCCESS means "taken", and no word means "not sent".
#[actix_rt::test]
async fn every_weather_comes_through_as_what_it_is() {
    use BroadcastWeather as W;
    let mut town = Town::start().await;
    let weathers = [
        (W::AcceptsThenHangsUp, "silent"),
        (W::SuccessNeverIncluded, "SUCCESS"),
        (W::RefusedThenDup, "TAPOS_ERROR"),
        (W::DroppedPending, "SUCCESS"),
        (W::HtmlReply, "garbled"),
        (W::WrongTxid, "NO_ANSWER"),
        (W::PoisonedDup, "DUP_TRANSACTION_ERROR"),
        (W::ServerBusy, "SERVER_BUSY"),
        (W::TimesOut, "silent"),
        (W::Http429WithPenalty, "penalty"),
        (W::Http403, "penalty"),
    ];
    for (number, (weather, expected)) in (0..).zip(weathers) {
        let transfer = town.transfer(1_000_000, number).await;
        look(&town.sandbox.chain()).next_broadcast(weather);
        // A client of its own: the last story's penalty is not this one's.
        let patience = if weather == W::TimesOut { Duration::from_millis(300) } else { PATIENCE };
        let answer = town.node(patience).send(&transfer).await;
        assert_eq!(word(&answer), expected, "{weather:?}: {answer:?}");
        town.pass(11);
    }
}

/// Half a reply is a reply that breaks off, or one that cannot be read; which, the wire decides.
#[actix_rt::test]
async fn half_a_reply_says_nothing() {
    let town = Town::start().await;
    look(&town.sandbox.chain()).next_broadcast(BroadcastWeather::HalfJson);
    let answer = town.node(PATIENCE).send(&town.transfer(1_000_000, 1).await).await;
    assert!(["silent", "garbled"].contains(&word(&answer)), "{answer:?}");
}
