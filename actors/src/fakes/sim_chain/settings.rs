//! What can be chosen about the simulated network: its pace, its nodes, the parameters that a committee votes on, the rules of
//! the tokens. Defaults follow the public chain as far as it is known, with free energy's dynamic factor switched off.

use serde::{Deserialize, Serialize};

/// Everything that is chosen before the first block.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// The slot's length in milliseconds; 3000 on the public chain.
    pub block_ms: u64,
    /// Block producers that take turns; 27 on the public chain.
    pub witnesses: u16,
    /// Blocks before the moment of creation, so that the chain starts with something solid.
    pub warm_up_blocks: u32,
    /// How far behind the solid number a node's `walletsolidity` stands, in blocks; java-tron 4.8 shows two.
    pub solidity_lag_blocks: u64,
    /// Transactions that fit into a block; `None` is no ceiling.
    pub transactions_per_block_max: Option<usize>,
    /// A pending transaction is dropped at the first block this long after its acceptance
    /// (`node.pendingTransactionTimeout`).
    pub pending_timeout_ms: u64,
    /// Above this many pending transactions a node answers SERVER_BUSY.
    pub pending_max: usize,
    /// Whether signatures are checked; a bench may trust its own.
    pub verify_signatures: bool,
    /// The nodes that can be asked. All are linked to each other and to the producers.
    pub nodes: Vec<NodeSettings>,
    /// What a committee votes on.
    pub parameters: Parameters,
    /// The rules of the token named USDT.
    pub usdt: TetherSettings,
    /// What every test account owns at the start.
    pub endowment: Endowment,
    /// How far TronScan's index is behind the head, in milliseconds.
    pub tronscan_lag_ms: u64,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            block_ms: 3_000,
            witnesses: 27,
            warm_up_blocks: 30,
            solidity_lag_blocks: 2,
            transactions_per_block_max: None,
            pending_timeout_ms: 60_000,
            pending_max: 2_000,
            verify_signatures: true,
            nodes: vec![NodeSettings::default(), NodeSettings::default()],
            parameters: Parameters::default(),
            usdt: TetherSettings::default(),
            endowment: Endowment::default(),
            tronscan_lag_ms: 2_000,
        }
    }
}

/// One node's own options.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct NodeSettings {
    /// How late blocks arrive, in milliseconds.
    pub lag_ms: u64,
    /// `node.rpc.trxCacheEnable`: remember ids before anything is checked, for an hour.
    pub transaction_cache: bool,
    /// `node.minEffectiveConnection`: with 0 a node does not mind having nobody to tell.
    pub min_effective_connection: usize,
}

impl Default for NodeSettings {
    fn default() -> NodeSettings {
        NodeSettings { lag_ms: 0, transaction_cache: false, min_effective_connection: 1 }
    }
}

/// Chain parameters by vote, in the units of `getchainparameters`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Parameters {
    /// `getEnergyFee`, sun for a unit of energy.
    pub energy_fee_sun: u64,
    /// `getTransactionFee`, sun for a byte of bandwidth.
    pub transaction_fee_sun: u64,
    /// `getMaxFeeLimit`, sun.
    pub max_fee_limit_sun: u64,
    /// `getMemoFee`, sun.
    pub memo_fee_sun: u64,
    /// `getMultiSignFee`, sun, for more than one signature.
    pub multi_sign_fee_sun: u64,
    /// `getCreateNewAccountFeeInSystemContract`, sun.
    pub create_new_account_fee_sun: u64,
    /// `getCreateAccountFee`, sun, in place of bandwidth when a transfer makes an account.
    pub create_account_fee_sun: u64,
    /// `getUpdateAccountPermissionFee`, sun.
    pub update_permission_fee_sun: u64,
    /// `getFreeNetLimit`, bytes a day.
    pub free_bandwidth: u64,
    /// `getConsensusLogicOptimization`: blocks refuse transactions that expire before the next slot.
    pub consensus_logic_optimization: bool,
    /// The present dynamic energy factor of the USDT contract, in ten thousandths; 34 000 means energy times 4.4.
    pub dynamic_energy_factor: u64,
    /// `getDynamicEnergyMaxFactor`, in ten thousandths.
    pub dynamic_energy_max_factor: u64,
    /// `totalSignNum`: signatures that a transaction may carry.
    pub signatures_max: usize,
    /// `getMaintenanceTimeInterval`, milliseconds.
    pub maintenance_interval_ms: u64,
}

impl Default for Parameters {
    fn default() -> Parameters {
        Parameters {
            energy_fee_sun: 100,
            transaction_fee_sun: 1_000,
            max_fee_limit_sun: 15_000_000_000,
            memo_fee_sun: 1_000_000,
            multi_sign_fee_sun: 1_000_000,
            create_new_account_fee_sun: 1_000_000,
            create_account_fee_sun: 100_000,
            update_permission_fee_sun: 100_000_000,
            free_bandwidth: 600,
            consensus_logic_optimization: true,
            dynamic_energy_factor: 0,
            dynamic_energy_max_factor: 34_000,
            signatures_max: 5,
            maintenance_interval_ms: 21_600_000,
        }
    }
}

impl Parameters {
    /// `getchainparameters` as java-tron 4.8 lists it; a value of 0 is left out there.
    #[must_use]
    pub fn listed(&self) -> Vec<(&'static str, u64)> {
        let table = [
            ("getMaintenanceTimeInterval", self.maintenance_interval_ms),
            ("getAccountUpgradeCost", 9_999_000_000),
            ("getCreateAccountFee", self.create_account_fee_sun),
            ("getTransactionFee", self.transaction_fee_sun),
            ("getAssetIssueFee", 1_024_000_000),
            ("getWitnessPayPerBlock", 8_000_000),
            ("getWitnessStandbyAllowance", 115_200_000_000),
            ("getCreateNewAccountFeeInSystemContract", self.create_new_account_fee_sun),
            ("getCreateNewAccountBandwidthRate", 1),
            ("getAllowCreationOfContracts", 1),
            ("getRemoveThePowerOfTheGr", 0),
            ("getEnergyFee", self.energy_fee_sun),
            ("getExchangeCreateFee", 1_024_000_000),
            ("getMaxCpuTimeOfOneTx", 80),
            ("getAllowUpdateAccountName", 0),
            ("getAllowSameTokenName", 1),
            ("getAllowDelegateResource", 1),
            ("getTotalEnergyLimit", super::accounts::TOTAL_ENERGY_LIMIT),
            ("getAllowTvmTransferTrc10", 1),
            ("getTotalEnergyCurrentLimit", super::accounts::TOTAL_ENERGY_LIMIT),
            ("getAllowMultiSign", 1),
            ("getAllowAdaptiveEnergy", 0),
            ("getTotalEnergyTargetLimit", 12_500_000),
            ("getTotalEnergyAverageUsage", 0),
            ("getUpdateAccountPermissionFee", self.update_permission_fee_sun),
            ("getMultiSignFee", self.multi_sign_fee_sun),
            ("getAllowAccountStateRoot", 0),
            ("getAllowProtoFilterNum", 0),
            ("getAllowTvmConstantinople", 1),
            ("getAllowTvmSolidity059", 1),
            ("getAllowTvmIstanbul", 1),
            ("getAllowShieldedTRC20Transaction", 1),
            ("getForbidTransferToContract", 1),
            ("getAdaptiveResourceLimitTargetRatio", 10),
            ("getAdaptiveResourceLimitMultiplier", 1_000),
            ("getChangeDelegation", 1),
            ("getWitness127PayPerBlock", 128_000_000),
            ("getAllowMarketTransaction", 1),
            ("getMarketSellFee", 0),
            ("getMarketCancelFee", 0),
            ("getAllowPBFT", 0),
            ("getAllowTransactionFeePool", 0),
            ("getMaxFeeLimit", self.max_fee_limit_sun),
            ("getAllowOptimizeBlackHole", 1),
            ("getAllowNewResourceModel", 0),
            ("getAllowTvmFreeze", 1),
            ("getAllowTvmVote", 1),
            ("getAllowTvmLondon", 1),
            ("getAllowTvmCompatibleEvm", 1),
            ("getAllowAccountAssetOptimization", 0),
            ("getFreeNetLimit", self.free_bandwidth),
            ("getTotalNetLimit", super::accounts::TOTAL_BANDWIDTH_LIMIT),
            ("getAllowHigherLimitForMaxCpuTimeOfOneTx", 1),
            ("getAllowAssetOptimization", 0),
            ("getAllowNewReward", 1),
            ("getMemoFee", self.memo_fee_sun),
            ("getAllowDelegateOptimization", 1),
            ("getUnfreezeDelayDays", 14),
            ("getAllowOptimizedReturnValueOfChainId", 1),
            ("getAllowDynamicEnergy", 1),
            ("getDynamicEnergyThreshold", 5_000_000_000),
            ("getDynamicEnergyIncreaseFactor", 2_000),
            ("getDynamicEnergyMaxFactor", self.dynamic_energy_max_factor),
            ("getAllowTvmShangHai", 1),
            ("getAllowCancelAllUnfreezeV2", 1),
            ("getMaxDelegateLockPeriod", 864_000),
            ("getAllowOldRewardOpt", 1),
            ("getAllowEnergyAdjustment", 1),
            ("getMaxCreateAccountTxSize", 1_000),
            ("getAllowStrictMath", 1),
            ("getConsensusLogicOptimization", u64::from(self.consensus_logic_optimization)),
            ("getAllowTvmCancun", 1),
            ("getAllowTvmBlob", 1),
        ];
        table.to_vec()
    }
}

/// How the USDT contract behaves beyond its interface.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct TetherSettings {
    /// Whether a balance that is too low ends in an invalid opcode, as Solidity 0.4's SafeMath asserts do, and burns the whole
    /// fee limit. Off: it reverts and keeps what is left.
    pub safe_math_asserts: bool,
}

/// What every test account owns at the start.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Endowment {
    /// Micro-USDT.
    pub micro_usdt: u64,
    /// Sun.
    pub sun: u64,
    /// Energy a day from staking.
    pub energy: u64,
    /// Bandwidth a day from staking, in bytes.
    pub bandwidth: u64,
    /// Whether account 0 lets both routers take its USDT.
    pub allowance_to_routers: bool,
}

impl Default for Endowment {
    fn default() -> Endowment {
        Endowment {
            micro_usdt: 1_000_000_000_000,
            sun: 100_000_000_000,
            energy: 0,
            bandwidth: 0,
            allowance_to_routers: true,
        }
    }
}
