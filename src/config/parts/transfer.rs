//! `[transfer]`: how one signed transfer lives and what it may cost.

use std::time::Duration;

use payoutd_actors::domain::money::{SUN_PER_TRX, Sun};

use crate::config::{
    forms::{Seconds, Trx},
    key::{Fallback, Key},
    reader::Reader,
};

/// How one signed transfer lives and what it may cost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transfer {
    /// From the solid head's time to the expiration.
    pub lifetime: Duration,
    /// The most that one transfer may burn for energy.
    pub fee_limit_max: Sun,
}

/// The main network refuses a larger fee limit (chain parameter getMaxFeeLimit).
const FEE_LIMIT_CHAIN_MAX: Sun = Sun::new(15_000 * SUN_PER_TRX);

const LIFETIME_S: Key<Seconds> = Key {
    name: "transfer.lifetime_s",
    form: Seconds { from: 10, to: 3600 },
    fallback: Fallback::Is("300"),
    about: "How long a signed transfer may enter a block. A payout whose transfer was lost waits this long, and the \
            solid head behind it, before another may be signed. Five minutes outlast a node's restart and a slow chain.",
};

const FEE_LIMIT_MAX_TRX: Key<Trx> = Key {
    name: "transfer.fee_limit_max_trx",
    form: Trx { from: Sun::new(SUN_PER_TRX), to: FEE_LIMIT_CHAIN_MAX },
    fallback: Fallback::Is("\"30\""),
    about: "The most TRX that one transfer may burn for energy. A transfer that fails can burn all of it. USDT to a \
            recipient that never held any takes about 13 TRX; 30 leaves room for the network's own surcharge.",
};

impl Transfer {
    pub(in crate::config) fn read(reader: &mut Reader<'_>) -> Option<Self> {
        reader.section("transfer", "How one signed transfer lives and what it may cost.");
        let lifetime = reader.ask(&LIFETIME_S);
        let fee_limit_max = reader.ask(&FEE_LIMIT_MAX_TRX);
        Some(Self { lifetime: lifetime?, fee_limit_max: fee_limit_max? })
    }
}
