//! Everything that can happen to one payout: two workers and a watcher that may stop at any step, a ledger whose answer may
//! be lost, a person who changes their mind, and a chain that forks and forgets.
//!
//! What the house does is done by the real [`decide`], [`apply`], [`judge_absence`] and [`postings`]; the model adds only
//! what a store does with a step (the version's guard, the pause's gate) and what the world may do in between.

use crate::chain::{Chain, Execution, Included, Pending, txid};
use crate::row::{AMOUNT, PRESENT, Row, Transfer};
use payoutd_actors::domain::absence::{Finding, Walk, judge_absence};
use payoutd_actors::domain::invariants;
use payoutd_actors::domain::payout::{
    AbsenceProof, AttemptOutcome, BlockRef, CONFIRMATIONS_FLOOR, Command, Event, Posting, Reason, Settlement,
    Stage, apply, decide, postings,
};
use payoutd_actors::domain::tron::RefBlock;
use payoutd_actors::ports::Gate;
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};

/// How far one run goes. Everything within is looked at.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    /// The last block's time.
    pub(crate) time_max: u64,
    /// Branches that may win.
    pub(crate) forks_max: u8,
    /// Blocks that one of them undoes at most.
    pub(crate) fork_blocks_max: usize,
    /// How long after the head's time a transfer expires.
    pub(crate) lifetime: u8,
    /// Transfers that are signed at most.
    pub(crate) transfers_max: usize,
    /// Times that a person pulls the switch.
    pub(crate) pauses_max: u8,
    /// What is kept of copies that were overtaken.
    pub(crate) overtaken: Overtaken,
}

/// What is kept of copies that were overtaken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Overtaken {
    /// All of it: whatever its holder believes is asked of the ledger, which must refuse.
    Whole,
    /// The bytes that it holds, which is all it can do harm with once that is shown.
    Bytes,
}

/// A rule that is taken away, to see that the model notices.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Weakness {
    /// The head's time is taken for the solidified time.
    HeadTime,
    /// The last block of the walk is not searched.
    LastBlockNotSearched,
    /// A node's "duplicate" is read as "paid".
    DuplicateIsPaid,
    /// Silence about a broadcast transfer is taken for its death.
    SilenceIsDeath,
    /// The store writes whatever it is told.
    NoVersionGuard,
    /// The store files transfers while the house is paused.
    NoPauseGate,
    /// Bytes leave before they are on file.
    SendBeforeFile,
}

/// What the watcher has found out and not yet written down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Found {
    Included(BlockRef),
    Lost(BlockRef),
    Unknown,
    Absent { nonce: u8, from: BlockRef, to: BlockRef },
    Executed { nonce: u8, block: BlockRef, execution: Execution },
}

/// The books of double entry.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub(crate) struct Books {
    pub(crate) available: i64,
    pub(crate) reserved: i64,
    pub(crate) settled: i64,
}

impl Books {
    fn post(&mut self, lines: Vec<Posting>) {
        for Posting { ledger, delta_micro_usdt } in lines {
            match ledger {
                "available" => self.available += delta_micro_usdt,
                "reserved" => self.reserved += delta_micro_usdt,
                "settled" => self.settled += delta_micro_usdt,
                other => panic!("there is no ledger {other}"),
            }
        }
    }
}

/// Everything that is the case.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct World {
    pub(crate) chain: Chain,
    pub(crate) disk: Row,
    pub(crate) books: Books,
    /// Transfers that were ever signed and may have left.
    pub(crate) signed: u8,
    /// What each worker has read or written last; an overtaken copy is kept until it reads again.
    pub(crate) workers: [Option<Row>; 2],
    pub(crate) watcher: Option<(Row, Found)>,
    /// How many transfers were on file when the pause was answered.
    pub(crate) paused: Option<usize>,
    pub(crate) pauses: u8,
    pub(crate) forks: u8,
}

/// What a worker, or a person at the office's desk, may ask of the ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Wish {
    Sign,
    NoteBroadcast,
    Cancel,
    Hold,
    Release,
}

/// One thing that happens.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Happening {
    Read(usize),
    Crash(usize),
    /// A ledger that stops before it commits has not been asked; one whose answer is lost is a crash right after.
    Ask(usize, Wish),
    Send(usize),
    Look(Found),
    Conclude,
    CrashWatcher,
    Pause,
    Resume,
    Produce(Option<Included>),
    Fork(usize),
    Solidify,
    Forget(Pending),
}

impl World {
    pub(crate) fn begin(event: &Event) -> Self {
        let disk = Row::born(event);
        let mut books = Books { available: AMOUNT.micro() as i64, ..Books::default() };
        books.post(postings(
            payoutd_actors::domain::payout::Reservation::None,
            disk.reservation,
            AMOUNT.micro(),
        ));
        Self {
            chain: Chain::new(),
            disk,
            books,
            signed: 0,
            workers: [None, None],
            watcher: None,
            paused: None,
            pauses: 0,
            forks: 0,
        }
    }

    /// Everything that may happen next.
    pub(crate) fn may_happen(&self, bounds: &Bounds, weak: Option<Weakness>, out: &mut Vec<Happening>) {
        for worker in 0..2 {
            self.worker_may(worker, bounds, out);
        }
        out.extend(self.sightings(weak).into_iter().map(Happening::Look));
        if self.watcher.is_some() {
            out.extend([Happening::Conclude, Happening::CrashWatcher]);
        }
        if self.paused.is_some() {
            out.push(Happening::Resume);
        } else if self.pauses < bounds.pauses_max {
            out.push(Happening::Pause);
        }
        self.chain_may(bounds, out);
    }

    fn worker_may(&self, worker: usize, bounds: &Bounds, out: &mut Vec<Happening>) {
        let Some(copy) = &self.workers[worker] else { return out.push(Happening::Read(worker)) };
        if copy.version != PRESENT {
            out.push(Happening::Read(worker));
        }
        out.push(Happening::Crash(worker));
        if copy.live().is_some() {
            out.push(Happening::Send(worker));
        }
        for wish in [Wish::Sign, Wish::NoteBroadcast, Wish::Cancel, Wish::Hold, Wish::Release] {
            if wish == Wish::Sign && usize::from(self.signed) >= bounds.transfers_max {
                continue;
            }
            out.push(Happening::Ask(worker, wish));
        }
    }

    fn chain_may(&self, bounds: &Bounds, out: &mut Vec<Happening>) {
        if self.chain.head().number < bounds.time_max {
            out.push(Happening::Produce(None));
            for pending in self.chain.includable() {
                for execution in [Execution::Paid, Execution::Reverted] {
                    out.push(Happening::Produce(Some(Included { nonce: pending.nonce, execution })));
                }
            }
        }
        if self.forks < bounds.forks_max {
            let deepest = self.chain.unsolid().min(bounds.fork_blocks_max);
            out.extend((1..=deepest).map(Happening::Fork));
        }
        if self.chain.unsolid() > 0 {
            out.push(Happening::Solidify);
        }
        out.extend(self.chain.pool.iter().copied().map(Happening::Forget));
    }

    /// What the watcher may find out now, about the payout as it is on disk now.
    fn sightings(&self, weak: Option<Weakness>) -> Vec<Found> {
        let Some(live) = self.disk.live() else { return Vec::new() };
        let mut found = Vec::new();
        if let Some((block, execution)) = self.chain.find_solid(live.nonce) {
            found.push(Found::Executed { nonce: live.nonce, block, execution });
        }
        if let Some((block, _)) = self.chain.find(live.nonce).filter(|(block, _)| live.block != Some(*block))
        {
            found.push(Found::Included(block));
        }
        // Also a node that only lags behind makes a block look lost; a solidified one never does.
        let solid = self.chain.solid().number;
        if let Some(block) = live.block.filter(|block| !self.chain.holds(*block) || block.number > solid) {
            found.push(Found::Lost(block));
        }
        if self.disk.stage != Stage::Included {
            found.extend((self.disk.stage != Stage::Unknown).then_some(Found::Unknown));
            found.extend(self.walk(live, weak));
            if weak == Some(Weakness::DuplicateIsPaid) && !self.chain.pool.is_empty() {
                let block = self.chain.head();
                found.push(Found::Executed { nonce: live.nonce, block, execution: Execution::Paid });
            }
        }
        found.retain(|found| {
            self.watcher.as_ref().is_none_or(|(copy, held)| copy.version != PRESENT || held != found)
        });
        found
    }

    /// The walk of absence by the real rules, over real blocks.
    fn walk(&self, live: &Transfer, weak: Option<Weakness>) -> Option<Found> {
        let from = live.ref_block;
        let end = if weak == Some(Weakness::HeadTime) { self.chain.head() } else { self.chain.solid() };
        if weak == Some(Weakness::SilenceIsDeath) && self.disk.stage == Stage::Broadcast {
            return Some(Found::Absent { nonce: live.nonce, from, to: self.chain.head() });
        }
        let mut blocks = self.chain.blocks_after(from.number, end.number);
        let mut walk = Walk::from(from, [txid(live.nonce)]);
        let mut sources = 1;
        if weak == Some(Weakness::LastBlockNotSearched) {
            // Two sources that both leave out what the last block holds: as if nobody had searched it.
            blocks
                .iter_mut()
                .filter(|block| block.timestamp_ms() >= i64::from(live.expires))
                .for_each(|block| block.transactions.clear());
            sources = 2;
        }
        for block in &blocks {
            walk.step(block).unwrap();
        }
        let ref_block = RefBlock { number: from.number, id: from.id };
        match judge_absence(&vec![walk; sources], txid(live.nonce), ref_block, i64::from(live.expires))
            .unwrap()
        {
            Finding::Absent(proof) => Some(Found::Absent { nonce: live.nonce, from, to: proof.to }),
            Finding::Present(block) => Some(Found::Included(block)).filter(|_| live.block != Some(block)),
            Finding::TooShort => None,
        }
    }

    /// What is the case afterwards; `None` where nothing changes.
    pub(crate) fn after(
        &self,
        happening: Happening,
        bounds: &Bounds,
        weak: Option<Weakness>,
    ) -> Option<Self> {
        let mut world = self.clone();
        match happening {
            Happening::Read(worker) => world.workers[worker] = Some(world.disk.clone()),
            Happening::Crash(worker) => world.workers[worker] = None,
            Happening::Ask(worker, wish) => world.ask(worker, wish, bounds, weak)?,
            Happening::Send(worker) => {
                let live = world.workers[worker].as_ref().and_then(Row::live)?;
                let pending = Pending { nonce: live.nonce, expires: live.expires };
                world.chain.take(pending);
            }
            Happening::Look(found) => world.watcher = Some((world.disk.clone(), found)),
            Happening::Conclude => {
                let (copy, found) = world.watcher.take()?;
                world.carry_out(copy, found.command(), Gate::Open, weak);
            }
            Happening::CrashWatcher => world.watcher = None,
            Happening::Pause => {
                world.paused = Some(world.disk.transfers.len());
                world.pauses += 1;
            }
            Happening::Resume => world.paused = None,
            Happening::Produce(included) => world.chain.produce(included.into_iter().collect()),
            Happening::Fork(blocks) => {
                world.chain.fork(blocks);
                world.forks += 1;
            }
            Happening::Solidify => world.chain.solidify(),
            Happening::Forget(pending) => world.chain.pool.retain(|held| *held != pending),
        }
        if bounds.overtaken == Overtaken::Bytes {
            world.drop_what_is_refused();
        }
        world.line_up();
        (world != *self).then_some(world)
    }

    fn ask(&mut self, worker: usize, wish: Wish, bounds: &Bounds, weak: Option<Weakness>) -> Option<()> {
        let copy = self.workers[worker].take()?;
        let next = Transfer {
            nonce: self.signed,
            ref_block: self.chain.solid(),
            expires: u8::try_from(self.chain.head().number).unwrap() + bounds.lifetime,
            outcome: AttemptOutcome::Pending,
            block: None,
        };
        let (command, gate) = match wish {
            Wish::Sign => {
                let number = u32::try_from(copy.transfers.len()).unwrap() + 1;
                (Command::Sign(Box::new(next.attempt(number))), Gate::NotPaused)
            }
            Wish::NoteBroadcast => (Command::NoteBroadcast { nodes: 1 }, Gate::Open),
            Wish::Cancel => (Command::Cancel(Reason::CancelledBySender), Gate::Open),
            Wish::Hold => (Command::Hold(Reason::FundsUsdt), Gate::Open),
            Wish::Release => (Command::Release { by: "funds".to_owned() }, Gate::Open),
        };
        if wish == Wish::Sign && weak == Some(Weakness::SendBeforeFile) && copy.stage == Stage::Admitted {
            self.chain.take(Pending { nonce: next.nonce, expires: next.expires });
            self.signed += 1;
        }
        let written = self.carry_out(copy, command, gate, weak);
        if wish == Wish::Sign && written.is_some() && weak != Some(Weakness::SendBeforeFile) {
            self.signed += 1;
        }
        self.workers[worker] = written;
        Some(())
    }

    /// What ledger and store do with one command: the rules, the guard and the gate, then all of it or nothing.
    fn carry_out(&mut self, copy: Row, command: Command, gate: Gate, weak: Option<Weakness>) -> Option<Row> {
        let before = copy.payout();
        let event = decide(&before, command, 0).ok()?;
        let after = apply(before, &event, 0).unwrap();
        assert_eq!(after.version, copy.version + 1, "a version grows by one");
        assert_eq!(invariants::broken_by(&after), None);
        let guarded = (self.disk.version, self.disk.stage) == (copy.version, copy.stage);
        let shut = gate == Gate::NotPaused && self.paused.is_some() && weak != Some(Weakness::NoPauseGate);
        if shut || !(guarded || weak == Some(Weakness::NoVersionGuard)) {
            return None;
        }
        self.books.post(postings(copy.reservation, after.reservation, AMOUNT.micro()));
        for copy in self.workers.iter_mut().flatten().chain(self.watcher.as_mut().map(|(copy, _)| copy)) {
            copy.grow_old();
        }
        self.disk = Row { version: PRESENT, ..Row::of(&after) };
        Some(self.disk.clone())
    }

    fn drop_what_is_refused(&mut self) {
        for worker in &mut self.workers {
            if worker.as_ref().is_some_and(|copy| copy.version != PRESENT) {
                *worker = worker.as_ref().and_then(Row::lean);
            }
        }
        self.watcher = self.watcher.take().filter(|(copy, _)| copy.version == PRESENT);
    }

    /// Two workers who have changed places are the same two workers.
    fn line_up(&mut self) {
        let key = |copy: &Option<Row>| {
            let mut hasher = DefaultHasher::new();
            copy.hash(&mut hasher);
            hasher.finish()
        };
        if key(&self.workers[0]) > key(&self.workers[1]) {
            self.workers.swap(0, 1);
        }
    }
}

impl Found {
    fn command(self) -> Command {
        match self {
            Self::Included(block) => Command::NoteInclusion(block),
            Self::Lost(block) => Command::NoteInclusionLost(block),
            Self::Unknown => Command::NoteUnknown(Reason::ChainSilent),
            Self::Absent { nonce, from, to } => Command::Expire(AbsenceProof {
                txid: txid(nonce),
                from,
                to,
                // Who forges a proof says what is asked for.
                to_timestamp_ms: i64::try_from(to.number).unwrap(),
                sources: 1,
            }),
            Self::Executed { nonce, block, execution: Execution::Paid } => {
                Command::Settle(Box::new(Settlement {
                    txid: txid(nonce),
                    block,
                    block_timestamp_ms: 0,
                    amount_micro_usdt: AMOUNT.micro(),
                    confirmations: CONFIRMATIONS_FLOOR,
                    fee_sun: 0,
                    energy: 0,
                    sources: vec!["one".to_owned(), "another".to_owned()],
                }))
            }
            Self::Executed { nonce, block, execution: Execution::Reverted } => {
                Command::Fail { txid: txid(nonce), reason: Reason::Reverted, block, fee_sun: 0 }
            }
        }
    }
}
