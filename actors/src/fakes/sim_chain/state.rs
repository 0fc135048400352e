//! What the chain knows at each height: one map of cells, and a log of what every unsolidified block changed, so that a fork is
//! undone by its changes and an older height is read without a copy.

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};

use crate::domain::address::Address;
use crate::domain::tron::Hash32;

use super::accounts::Account;
use super::bytes::pairs;

/// The name of something that the chain remembers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) enum Cell {
    /// An account.
    Account(Address),
    /// A token's own settings.
    Token(Address),
    /// A holder's tokens: token, holder.
    Balance(Address, Address),
    /// What a spender may take: token, owner, spender.
    Allowance(Address, Address, Address),
    /// Whether a token refuses a sender: token, sender.
    Blacklisted(Address, Address),
    /// Whether a router has paid a session: router, session.
    Session(Address, Hash32),
    /// TRX burnt since genesis.
    Burnt,
}

/// What stands in a cell.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Value {
    /// Of [`Cell::Account`].
    Account(Account),
    /// Of [`Cell::Token`].
    Token(TokenState),
    /// Of balances, allowances and sums.
    Amount(u64),
    /// Of cells that are there or not.
    Flag,
}

/// A token's own settings and sums.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenState {
    /// Who may pause, blacklist, issue and set the fee.
    pub owner: Address,
    /// Whether transfers stand still.
    pub paused: bool,
    /// Calls go on to this contract once set.
    pub upgraded_address: Option<Address>,
    /// The fee on transfers, in hundredths of a percent.
    pub basis_points_rate: u64,
    /// The most that the fee can be, in micro-units.
    pub maximum_fee: u64,
    /// All tokens, in micro-units.
    pub total_supply: u64,
    /// Whether `transfer` answers true; USDT's answers false.
    pub transfer_answers_true: bool,
}

type Changes = BTreeMap<Cell, Option<Value>>;

/// The cells, and how to go back.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct State {
    #[serde(with = "pairs")]
    cells: BTreeMap<Cell, Value>,
    undo: VecDeque<Undo>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Undo {
    block: u64,
    #[serde(with = "pairs")]
    before: Changes,
}

impl State {
    /// Puts a cell before the first block.
    pub(super) fn endow(&mut self, cell: Cell, value: Value) {
        self.cells.insert(cell, value);
    }

    /// Makes the changes of a block and remembers what was there.
    pub(super) fn commit(&mut self, block: u64, changes: Changes) {
        let mut before = Changes::new();
        for (cell, value) in changes {
            let was = match value {
                Some(value) => self.cells.insert(cell, value),
                None => self.cells.remove(&cell),
            };
            before.insert(cell, was);
        }
        self.undo.push_back(Undo { block, before });
    }

    /// Takes back every block above this number.
    pub(super) fn undo_to(&mut self, block: u64) {
        while self.undo.back().is_some_and(|last| last.block > block) {
            let Some(last) = self.undo.pop_back() else { return };
            for (cell, was) in last.before {
                match was {
                    Some(value) => self.cells.insert(cell, value),
                    None => self.cells.remove(&cell),
                };
            }
        }
    }

    /// Forgets how to go back below this number.
    pub(super) fn settle(&mut self, block: u64) {
        while self.undo.front().is_some_and(|first| first.block <= block) {
            self.undo.pop_front();
        }
    }

    /// The cell as it was after a block.
    fn at(&self, height: u64, cell: &Cell) -> Option<&Value> {
        let first = self.undo.partition_point(|undo| undo.block <= height);
        for later in self.undo.range(first..) {
            if let Some(before) = later.before.get(cell) {
                return before.as_ref();
            }
        }
        self.cells.get(cell)
    }
}

/// The state after a block, with changes that nobody else sees yet, layer over layer.
#[derive(Clone, Debug)]
pub(super) struct Ledger<'a> {
    state: &'a State,
    height: u64,
    layers: Vec<Changes>,
}

/// Changes to carry from one ledger to the next, or into the state.
#[derive(Clone, Debug, Default)]
pub(super) struct Layer(Changes);

impl<'a> Ledger<'a> {
    /// The state after a block.
    pub(super) fn at(state: &'a State, height: u64) -> Ledger<'a> {
        Ledger::over(state, height, Layer::default())
    }

    /// The state after a block, with changes from before.
    pub(super) fn over(state: &'a State, height: u64, layer: Layer) -> Ledger<'a> {
        Ledger { state, height, layers: vec![layer.0] }
    }

    /// All changes together.
    pub(super) fn into_layer(mut self) -> Layer {
        while self.layers.len() > 1 {
            self.keep();
        }
        Layer(self.layers.pop().unwrap_or_default())
    }

    /// Begins something that may have to be taken back.
    pub(super) fn begin(&mut self) {
        self.layers.push(Changes::new());
    }

    /// Keeps what was begun last.
    pub(super) fn keep(&mut self) {
        if let Some(top) = self.layers.pop() {
            match self.layers.last_mut() {
                Some(below) => below.extend(top),
                None => self.layers.push(top),
            }
        }
    }

    /// Takes back what was begun last.
    pub(super) fn take_back(&mut self) {
        self.layers.pop();
        if self.layers.is_empty() {
            self.layers.push(Changes::new());
        }
    }

    fn get(&self, cell: &Cell) -> Option<&Value> {
        for layer in self.layers.iter().rev() {
            if let Some(value) = layer.get(cell) {
                return value.as_ref();
            }
        }
        self.state.at(self.height, cell)
    }

    fn put(&mut self, cell: Cell, value: Option<Value>) {
        if let Some(top) = self.layers.last_mut() {
            top.insert(cell, value);
        }
    }

    pub(super) fn account(&self, address: Address) -> Option<&Account> {
        match self.get(&Cell::Account(address)) {
            Some(Value::Account(account)) => Some(account),
            _ => None,
        }
    }

    pub(super) fn put_account(&mut self, account: Account) {
        self.put(Cell::Account(account.address), Some(Value::Account(account)));
    }

    pub(super) fn token(&self, token: Address) -> Option<&TokenState> {
        match self.get(&Cell::Token(token)) {
            Some(Value::Token(state)) => Some(state),
            _ => None,
        }
    }

    pub(super) fn put_token(&mut self, token: Address, state: TokenState) {
        self.put(Cell::Token(token), Some(Value::Token(state)));
    }

    /// An amount; 0 where nothing stands, as in a contract's storage.
    pub(super) fn amount(&self, cell: &Cell) -> u64 {
        match self.get(cell) {
            Some(Value::Amount(amount)) => *amount,
            _ => 0,
        }
    }

    pub(super) fn put_amount(&mut self, cell: Cell, amount: u64) {
        self.put(cell, (amount != 0).then_some(Value::Amount(amount)));
    }

    pub(super) fn flag(&self, cell: &Cell) -> bool {
        self.get(cell).is_some()
    }

    pub(super) fn put_flag(&mut self, cell: Cell, there: bool) {
        self.put(cell, there.then_some(Value::Flag));
    }
}

impl Layer {
    /// The changes, for the state.
    pub(super) fn into_changes(self) -> Changes {
        self.0
    }
}
