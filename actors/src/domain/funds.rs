//! What the wallet can cover: USDT for the payout, energy and TRX for its fee. Pure arithmetic over one look at the chain.
//!
//! Promises never to count the same coin twice: what is in flight is taken off a balance that does not show it yet, and
//! where a transfer may be counted on both sides the answer errs towards "not yet".

use super::money::MicroUsdt;
use super::payout::Reason;

/// What one look at the chain and the store told.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Funds {
    /// USDT in the solidified view, micro-USDT.
    pub balance_micro_usdt: u64,
    /// TRX in the solidified view, sun.
    pub balance_sun: u64,
    /// Staked energy left.
    pub energy_left: u64,
    /// What the wallet lets PayoutRouterV0 take, micro-USDT.
    pub allowance_v0_micro_usdt: u64,
    /// What the wallet lets PayoutRouterKYC take, micro-USDT.
    pub allowance_kyc_micro_usdt: u64,
    /// Live transfers' amounts, micro-USDT.
    pub in_flight_micro_usdt: u64,
    /// What live transfers may use of energy.
    pub in_flight_energy: u64,
    /// What live transfers may burn beside energy, sun.
    pub in_flight_other_sun: u64,
}

/// What one transfer costs beside its amount.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FeeNeed {
    /// Energy, at worst.
    pub energy: u64,
    /// Sun for each unit of energy that is not staked.
    pub energy_price_sun: u64,
    /// Bandwidth and memo fee, sun.
    pub other_sun: u64,
}

impl Funds {
    /// USDT that is neither spent nor on its way.
    #[must_use]
    pub fn free_micro_usdt(&self) -> u64 {
        self.balance_micro_usdt.saturating_sub(self.in_flight_micro_usdt)
    }

    /// TRX that would be burned for everything in flight and this much more energy, sun.
    fn burn_sun(&self, need: &FeeNeed) -> u64 {
        let energy = self.in_flight_energy.saturating_add(need.energy).saturating_sub(self.energy_left);
        energy.saturating_mul(need.energy_price_sun)
    }

    /// Sets a transfer's cost aside, or says what is missing.
    pub fn cover(&mut self, amount: MicroUsdt, need: &FeeNeed) -> Result<(), Reason> {
        if self.free_micro_usdt() < amount.micro() {
            return Err(Reason::FundsUsdt);
        }
        let other_sun = self.in_flight_other_sun.saturating_add(need.other_sun);
        if self.balance_sun < self.burn_sun(need).saturating_add(other_sun) {
            return Err(Reason::FundsTrx);
        }
        self.in_flight_micro_usdt = self.in_flight_micro_usdt.saturating_add(amount.micro());
        self.in_flight_energy = self.in_flight_energy.saturating_add(need.energy);
        self.in_flight_other_sun = other_sun;
        Ok(())
    }
}

/// What was promised since the store was last asked what is on its way.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Promised {
    micro_usdt: u64,
    energy: u64,
    other_sun: u64,
}

impl Promised {
    /// Promises one transfer more.
    pub fn add(&mut self, amount: MicroUsdt, need: &FeeNeed) {
        self.micro_usdt = self.micro_usdt.saturating_add(amount.micro());
        self.energy = self.energy.saturating_add(need.energy);
        self.other_sun = self.other_sun.saturating_add(need.other_sun);
    }

    /// Takes it off a fresh look at the funds.
    pub fn take_off(&self, funds: &mut Funds) {
        funds.in_flight_micro_usdt = funds.in_flight_micro_usdt.saturating_add(self.micro_usdt);
        funds.in_flight_energy = funds.in_flight_energy.saturating_add(self.energy);
        funds.in_flight_other_sun = funds.in_flight_other_sun.saturating_add(self.other_sun);
    }
}

/// The fee limit for an energy estimate, sun: half as much again, since the price of popular contracts moves with each
/// maintenance; a limit that is too low burns itself whole. `None`: it would be above the cap.
#[must_use]
pub fn fee_limit_sun(energy: u64, energy_price_sun: u64, cap_sun: u64) -> Option<u64> {
    let limit = energy.checked_mul(energy_price_sun)?.checked_mul(3)? / 2;
    // The fingerprint rounds the limit up by less than one TRX.
    (limit.checked_add(FINGERPRINT_ROOM_SUN)? <= cap_sun).then_some(limit)
}

/// What the fingerprint may add to a fee limit: its low six digits.
pub const FINGERPRINT_ROOM_SUN: u64 = 1_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    const NEED: FeeNeed = FeeNeed { energy: 130_000, energy_price_sun: 100, other_sun: 345_000 };

    fn usdt(whole: u64) -> MicroUsdt {
        MicroUsdt::new(whole * 1_000_000)
    }

    #[test]
    fn the_same_coin_is_never_promised_twice() {
        let mut funds =
            Funds { balance_micro_usdt: 100_000_000, balance_sun: 1_000_000_000, ..Funds::default() };
        assert_eq!(funds.cover(usdt(60), &NEED), Ok(()));
        assert_eq!(funds.cover(usdt(60), &NEED), Err(Reason::FundsUsdt));
        assert_eq!(funds.cover(usdt(40), &NEED), Ok(()));
        assert_eq!(funds.free_micro_usdt(), 0);
    }

    /// A fresh look in the middle of a batch must not forget what the batch was promised: it is not on file yet.
    #[test]
    fn a_fresh_look_does_not_forget_a_promise() {
        let fresh = Funds { balance_micro_usdt: 100_000_000, balance_sun: 1_000_000_000, ..Funds::default() };
        let (mut funds, mut promised) = (fresh, Promised::default());
        assert_eq!(funds.cover(usdt(60), &NEED), Ok(()));
        promised.add(usdt(60), &NEED);
        let mut looked_again = fresh;
        promised.take_off(&mut looked_again);
        assert_eq!(looked_again, funds);
        assert_eq!(looked_again.cover(usdt(60), &NEED), Err(Reason::FundsUsdt));
    }

    #[test]
    fn staked_energy_is_used_before_trx_burns() {
        let mut funds =
            Funds { balance_micro_usdt: 100_000_000, balance_sun: 14_000_000, ..Funds::default() };
        assert_eq!(funds.cover(usdt(1), &NEED), Ok(()));
        assert_eq!(funds.cover(usdt(1), &NEED), Err(Reason::FundsTrx));
        funds.energy_left = 130_000;
        assert_eq!(funds.cover(usdt(1), &NEED), Ok(()));
    }

    #[test]
    fn a_fee_limit_above_the_cap_is_not_made() {
        assert_eq!(fee_limit_sun(130_000, 100, 100_000_000), Some(19_500_000));
        assert_eq!(fee_limit_sun(130_000, 100, 20_499_999), None);
        assert_eq!(fee_limit_sun(u64::MAX, 2, u64::MAX), None);
    }
}
