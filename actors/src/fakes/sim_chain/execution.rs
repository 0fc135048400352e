//! Running one transaction: who signed, who pays for bandwidth and energy, what the contract does, what the receipt says. Follows
//! java-tron 4.8 (`Manager.processTransaction`, `BandwidthProcessor`, `VMActuator`, `ReceiptCapsule`).

use crate::domain::address::Address;
use crate::domain::tron::broadcast::BroadcastCode;
use crate::domain::tron::protobuf::{TransferContract, TriggerSmartContract};

use super::accounts::Account;
use super::broadcast::Refusal;
use super::contracts::{Call, Contracts, Ending, Run, Vm};
use super::permission::{self, PermissionUpdate, Permissions, Signers};
use super::receipt::{ContractResult, Receipt};
use super::settings::Settings;
use super::state::{Cell, Ledger};
use super::transaction::{ContractCall, Transaction};

/// `maxTxSize`: bytes with the result's allowance.
const SIZE_MAX: u64 = 512_000;
/// What the size check adds for the result.
const SIZE_OF_RESULT: u64 = 128;

/// Where and when a transaction runs.
#[derive(Clone, Copy)]
pub(super) struct Scene<'a> {
    pub(super) contracts: &'a Contracts,
    pub(super) settings: &'a Settings,
    /// Of the block being made; of the head for what only would run.
    pub(super) timestamp_ms: u64,
}

/// Runs a transaction: its changes stay in the ledger, or nothing stays and the refusal says why it can not be in a block.
pub(super) fn run(
    ledger: &mut Ledger<'_>,
    scene: Scene<'_>,
    transaction: &Transaction,
    signers: &Signers,
) -> Result<Receipt, Refusal> {
    ledger.begin();
    let outcome = run_whole(ledger, scene, transaction, signers);
    if outcome.is_ok() {
        ledger.keep()
    } else {
        ledger.take_back()
    }
    outcome
}

fn run_whole(
    ledger: &mut Ledger<'_>,
    scene: Scene<'_>,
    transaction: &Transaction,
    signers: &Signers,
) -> Result<Receipt, Refusal> {
    check_signatures(ledger, scene, transaction, signers)?;
    check_form(transaction)?;
    let mut bill = Bill { ledger, scene, receipt: Receipt::new() };
    bill.pay_for_bytes(transaction)?;
    match transaction.call() {
        Some(ContractCall::Transfer(transfer)) => bill.transfer(transfer)?,
        Some(ContractCall::Trigger(trigger)) => bill.trigger(transaction, trigger)?,
        Some(ContractCall::PermissionUpdate(update)) => bill.update_permissions(update)?,
        Some(ContractCall::Unreadable) | None => return Err(Refusal::validate("No contract!")),
    }
    Ok(bill.receipt)
}

/// Checks the signatures against the owner's permissions as the ledger has them.
pub(super) fn check_signatures(
    ledger: &Ledger<'_>,
    scene: Scene<'_>,
    transaction: &Transaction,
    signers: &Signers,
) -> Result<(), Refusal> {
    if !scene.settings.verify_signatures {
        return Ok(());
    }
    let owner = transaction.owner().and_then(|address| ledger.account(address));
    permission::check(transaction, owner, signers, scene.settings.parameters.signatures_max)
        .map_err(|words| Refusal::new(BroadcastCode::SigError, format!("Validate signature error: {words}")))
}

fn check_form(transaction: &Transaction) -> Result<(), Refusal> {
    let size = transaction.size() + SIZE_OF_RESULT;
    if size > SIZE_MAX {
        let txid = transaction.txid;
        let words = format!(
            "Too big transaction with result, TxId {txid}, the size is {size} bytes, maxTxSize {SIZE_MAX}"
        );
        return Err(Refusal::new(BroadcastCode::TooBigTransactionError, words));
    }
    if transaction.contracts.len() != 1 {
        return Err(Refusal::validate(&format!(
            "tx {} contract size should be exactly 1, this is extend feature ,actual :{}",
            transaction.txid,
            transaction.contracts.len()
        )));
    }
    Ok(())
}

/// A constant call or an estimate: runs and leaves nothing.
pub(super) fn run_constant(ledger: &mut Ledger<'_>, scene: Scene<'_>, call: Call<'_>) -> Run {
    ledger.begin();
    let run = vm(ledger, scene).run(call);
    ledger.take_back();
    run
}

fn vm<'v, 's>(ledger: &'v mut Ledger<'s>, scene: Scene<'v>) -> Vm<'v, 's> {
    Vm {
        ledger,
        contracts: scene.contracts,
        timestamp_s: scene.timestamp_ms / 1_000,
        dynamic_energy_factor: scene.settings.parameters.dynamic_energy_factor,
        safe_math_asserts: scene.settings.usdt.safe_math_asserts,
    }
}

/// The running bill of a transaction.
struct Bill<'b, 's, 'c> {
    ledger: &'b mut Ledger<'s>,
    scene: Scene<'c>,
    receipt: Receipt,
}

impl Bill<'_, '_, '_> {
    /// Bandwidth, then the fees for more signatures than one and for a memo.
    fn pay_for_bytes(&mut self, transaction: &Transaction) -> Result<(), Refusal> {
        let parameters = &self.scene.settings.parameters;
        let now_ms = self.scene.timestamp_ms;
        let mut owner = self.owner(transaction)?;
        let bytes = transaction.bandwidth();
        if owner.bandwidth.left_at(now_ms) >= bytes {
            owner.bandwidth.meter.add(bytes, now_ms);
            self.receipt.net_usage = bytes;
        } else if self.makes_account(transaction) {
            self.receipt.net_fee_sun = parameters.create_account_fee_sun;
        } else if parameters.free_bandwidth.saturating_sub(owner.free_bandwidth.used_at(now_ms)) >= bytes {
            owner.free_bandwidth.add(bytes, now_ms);
            self.receipt.net_usage = bytes;
        } else {
            self.receipt.net_fee_sun = bytes.saturating_mul(parameters.transaction_fee_sun);
        }
        let signatures = if transaction.signatures.len() > 1 { parameters.multi_sign_fee_sun } else { 0 };
        let memo = if transaction.memo.is_empty() { 0 } else { parameters.memo_fee_sun };
        let fee_sun = self.receipt.net_fee_sun.saturating_add(signatures).saturating_add(memo);
        self.burn(&mut owner, fee_sun).ok_or_else(|| {
            Refusal::new(BroadcastCode::BandwidthError, "Account resource insufficient error.".into())
        })?;
        owner.latest_operation_ms = now_ms;
        self.ledger.put_account(owner);
        Ok(())
    }

    fn owner(&self, transaction: &Transaction) -> Result<Account, Refusal> {
        let Some(address) = transaction.owner() else {
            return Err(Refusal::validate("Invalid ownerAddress!"));
        };
        let account = self.ledger.account(address).cloned();
        account.ok_or_else(|| Refusal::validate(&format!("account [{address}] does not exist")))
    }

    /// Whether it is a TRX transfer to an address that has no account.
    fn makes_account(&self, transaction: &Transaction) -> bool {
        let Some(ContractCall::Transfer(transfer)) = transaction.call() else { return false };
        Address::from_payload(&transfer.to_address).is_ok_and(|to| self.ledger.account(to).is_none())
    }

    fn burn(&mut self, account: &mut Account, sun: u64) -> Option<()> {
        account.balance_sun = account.balance_sun.checked_sub(sun)?;
        if sun > 0 {
            self.receipt.fee_sun = self.receipt.fee_sun.saturating_add(sun);
            let burnt = self.ledger.amount(&Cell::Burnt).saturating_add(sun);
            self.ledger.put_amount(Cell::Burnt, burnt);
        }
        Some(())
    }

    fn transfer(&mut self, transfer: &TransferContract) -> Result<(), Refusal> {
        let Ok(to) = Address::from_payload(&transfer.to_address) else {
            return Err(Refusal::validate("Invalid toAddress!"));
        };
        let (Ok(from), Ok(amount)) =
            (Address::from_payload(&transfer.owner_address), u64::try_from(transfer.amount))
        else {
            return Err(Refusal::validate("Amount must be greater than 0."));
        };
        if from == to {
            return Err(Refusal::validate("Cannot transfer TRX to yourself."));
        }
        let Some(mut payer) = self.ledger.account(from).cloned() else {
            return Err(Refusal::validate("Validate TransferContract error, no OwnerAccount."));
        };
        if amount == 0 {
            return Err(Refusal::validate("Amount must be greater than 0."));
        }
        let payee = self.ledger.account(to).cloned();
        if payee.as_ref().is_some_and(|account| account.is_contract) {
            return Err(Refusal::validate("Cannot transfer TRX to a smartContract."));
        }
        let fee = if payee.is_some() { 0 } else { self.scene.settings.parameters.create_new_account_fee_sun };
        let short = || Refusal::validate("Validate TransferContract error, balance is not sufficient.");
        if payer.balance_sun < amount.saturating_add(fee) {
            return Err(short());
        }
        payer.balance_sun -= amount;
        self.burn(&mut payer, fee).ok_or_else(short)?;
        self.ledger.put_account(payer);
        let mut payee = payee.unwrap_or_else(|| Account::new(to, self.scene.timestamp_ms));
        payee.balance_sun = payee.balance_sun.saturating_add(amount);
        self.ledger.put_account(payee);
        Ok(())
    }

    fn update_permissions(&mut self, update: &PermissionUpdate) -> Result<(), Refusal> {
        let owner = Address::from_payload(&update.owner_address)
            .ok()
            .and_then(|address| self.ledger.account(address));
        let Some(mut owner) = owner.cloned() else {
            return Err(Refusal::validate("ownerAddress account does not exist"));
        };
        if update.owner.keys.is_empty() || update.owner.threshold == 0 {
            return Err(Refusal::validate("owner permission is missed"));
        }
        let fee = self.scene.settings.parameters.update_permission_fee_sun;
        self.burn(&mut owner, fee).ok_or_else(|| {
            Refusal::validate("Validate AccountPermissionUpdateContract error, insufficient balance.")
        })?;
        owner.permissions =
            Some(Box::new(Permissions { owner: update.owner.clone(), actives: update.actives.clone() }));
        self.ledger.put_account(owner);
        Ok(())
    }

    fn trigger(&mut self, transaction: &Transaction, trigger: &TriggerSmartContract) -> Result<(), Refusal> {
        let settings = self.scene.settings;
        let contract = Address::from_payload(&trigger.contract_address).ok();
        let Some(contract) = contract.filter(|address| self.scene.contracts.contains_key(address)) else {
            return Err(Refusal::validate("No contract or not a smart contract"));
        };
        let most = settings.parameters.max_fee_limit_sun;
        let Some(fee_limit) = u64::try_from(transaction.fee_limit_sun).ok().filter(|limit| *limit <= most)
        else {
            return Err(Refusal::validate(&format!("feeLimit must be >= 0 and <= {most}")));
        };
        let caller = self.owner(transaction)?;
        let staked = caller.energy.left_at(self.scene.timestamp_ms);
        let price = settings.parameters.energy_fee_sun.max(1);
        let limit = (staked + caller.balance_sun / price).min(fee_limit / price);
        self.ledger.begin();
        let call = Call {
            caller: caller.address,
            contract,
            data: &trigger.data,
            call_value_sun: trigger.call_value,
        };
        let run = vm(self.ledger, self.scene).run(call);
        let verdict = Verdict::of(&run, limit);
        if verdict.result == ContractResult::Success {
            self.ledger.keep()
        } else {
            self.ledger.take_back()
        }
        self.receipt.contract = Some(contract);
        self.settle(run, verdict, staked, caller.address)
    }

    /// Pays for energy: staked first, the rest burnt.
    fn settle(&mut self, run: Run, verdict: Verdict, staked: u64, caller: Address) -> Result<(), Refusal> {
        let parameters = &self.scene.settings.parameters;
        let unpayable =
            || Refusal::new(BroadcastCode::ContractExeError, "Account resource insufficient error.".into());
        let mut payer = self.ledger.account(caller).cloned().ok_or_else(unpayable)?;
        let from_stake = verdict.energy.min(staked);
        let burnt_sun = (verdict.energy - from_stake).saturating_mul(parameters.energy_fee_sun);
        payer.energy.meter.add(from_stake, self.scene.timestamp_ms);
        self.burn(&mut payer, burnt_sun).ok_or_else(unpayable)?;
        self.ledger.put_account(payer);
        let receipt = &mut self.receipt;
        receipt.result = verdict.result;
        receipt.energy_usage = from_stake;
        receipt.energy_fee_sun = burnt_sun;
        receipt.energy_usage_total = verdict.energy;
        receipt.energy_penalty_total = run.penalty.min(verdict.energy);
        receipt.message = verdict.message;
        receipt.output = verdict.output;
        if verdict.result == ContractResult::Success {
            receipt.logs = run.logs;
        }
        receipt.internal = run.internal;
        Ok(())
    }
}

/// How a run ended under its limit.
struct Verdict {
    result: ContractResult,
    energy: u64,
    message: String,
    output: Vec<u8>,
}

impl Verdict {
    fn of(run: &Run, limit: u64) -> Verdict {
        let wanted = run.energy.saturating_add(run.penalty);
        let (result, energy, message, output) = match &run.ending {
            Ending::Endless => (ContractResult::OutOfEnergy, limit, out_of_energy(limit), Vec::new()),
            _ if wanted > limit => (ContractResult::OutOfEnergy, limit, out_of_energy(limit), Vec::new()),
            Ending::IllegalOperation => (
                ContractResult::IllegalOperation,
                limit,
                "Invalid operation code: opCode[fe];".into(),
                Vec::new(),
            ),
            Ending::Reverted(data) => {
                (ContractResult::Revert, wanted, "REVERT opcode executed".into(), data.clone())
            }
            Ending::Returned(value) => (ContractResult::Success, wanted, String::new(), value.clone()),
        };
        Verdict { result, energy, message, output }
    }
}

fn out_of_energy(limit: u64) -> String {
    let (operation, used) = if limit < 3 { ("PUSH1", 0) } else { ("PUSH2", limit - 2) };
    format!(
        "Not enough energy for '{operation}' operation executing: curInvokeEnergyLimit[{limit}], curOpEnergy[3], \
         usedEnergy[{used}]"
    )
}

impl Receipt {
    fn new() -> Receipt {
        Receipt {
            result: ContractResult::Success,
            fee_sun: 0,
            contract: None,
            output: Vec::new(),
            net_usage: 0,
            net_fee_sun: 0,
            energy_usage: 0,
            energy_fee_sun: 0,
            energy_usage_total: 0,
            energy_penalty_total: 0,
            message: String::new(),
            logs: Vec::new(),
            internal: Vec::new(),
        }
    }
}
