//! Accounts: TRX, and the two resources that renew themselves within a day, bandwidth and energy.

use serde::{Deserialize, Serialize};

use crate::domain::address::Address;

use super::permission::Permissions;

/// `getTotalEnergyLimit`: energy that all stakes together are worth in a day.
pub(super) const TOTAL_ENERGY_LIMIT: u64 = 180_000_000_000;
/// `getTotalNetLimit`: bytes that all stakes together are worth in a day.
pub(super) const TOTAL_BANDWIDTH_LIMIT: u64 = 43_200_000_000;
/// What is used comes back evenly within a day.
const RECOVERY_MS: u64 = 86_400_000;

/// An account of the simulated chain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// Its address.
    pub address: Address,
    /// Contracts and genesis accounts have one.
    pub name: String,
    /// Whether it is a contract.
    pub is_contract: bool,
    /// TRX, in sun.
    pub balance_sun: u64,
    /// When it came to be, unix ms; 0 at genesis.
    pub created_ms: u64,
    /// When it last did something, unix ms; 0 for never.
    pub latest_operation_ms: u64,
    /// The daily free bytes.
    pub free_bandwidth: Meter,
    /// Bytes by staking.
    pub bandwidth: Stake,
    /// Energy by staking.
    pub energy: Stake,
    /// Who signs for it; `None` is the address's own key for everything.
    pub permissions: Option<Box<Permissions>>,
}

/// A resource in use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Meter {
    used: u64,
    /// When `used` was true, unix ms.
    pub at_ms: u64,
}

/// A resource by staking.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stake {
    /// Units a day.
    pub limit: u64,
    /// What is in use.
    pub meter: Meter,
}

/// `getaccountresource`, in its own words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resources {
    /// `freeNetUsed`.
    pub free_bandwidth_used: u64,
    /// `freeNetLimit`.
    pub free_bandwidth_limit: u64,
    /// `NetUsed`.
    pub bandwidth_used: u64,
    /// `NetLimit`.
    pub bandwidth_limit: u64,
    /// `EnergyUsed`.
    pub energy_used: u64,
    /// `EnergyLimit`.
    pub energy_limit: u64,
}

impl Account {
    /// A new account without anything.
    #[must_use]
    pub fn new(address: Address, created_ms: u64) -> Account {
        Account {
            address,
            name: String::new(),
            is_contract: false,
            balance_sun: 0,
            created_ms,
            latest_operation_ms: 0,
            free_bandwidth: Meter::default(),
            bandwidth: Stake::default(),
            energy: Stake::default(),
            permissions: None,
        }
    }

    /// Its resources at a moment.
    #[must_use]
    pub fn resources(&self, free_limit: u64, now_ms: u64) -> Resources {
        Resources {
            free_bandwidth_used: self.free_bandwidth.used_at(now_ms),
            free_bandwidth_limit: free_limit,
            bandwidth_used: self.bandwidth.meter.used_at(now_ms),
            bandwidth_limit: self.bandwidth.limit,
            energy_used: self.energy.meter.used_at(now_ms),
            energy_limit: self.energy.limit,
        }
    }
}

impl Meter {
    /// What is still in use at a moment; all of it has come back after a day.
    #[must_use]
    pub fn used_at(&self, now_ms: u64) -> u64 {
        let left_ms = RECOVERY_MS.saturating_sub(now_ms.saturating_sub(self.at_ms));
        u64::try_from(u128::from(self.used) * u128::from(left_ms) / u128::from(RECOVERY_MS))
            .unwrap_or(u64::MAX)
    }

    /// Uses more.
    pub fn add(&mut self, units: u64, now_ms: u64) {
        self.used = self.used_at(now_ms).saturating_add(units);
        self.at_ms = now_ms;
    }
}

impl Stake {
    /// What can be used at a moment.
    #[must_use]
    pub fn left_at(&self, now_ms: u64) -> u64 {
        self.limit.saturating_sub(self.meter.used_at(now_ms))
    }
}
