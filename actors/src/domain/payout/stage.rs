//! The words of the life cycle: stages, reasons, and what became of the reservation.

use crate::domain::limits::{LimitBroken, Whose, Window};
use serde::{Deserialize, Serialize};

/// Where a payout stands. The same words in SQL (a CHECK), JSON, logs and metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Taken in, its money reserved; waits to be signed.
    Admitted,
    /// Waits for a person or for time: see its reason.
    Held,
    /// A person said no. Final.
    Rejected,
    /// A transfer is signed and on file; its bytes may have left.
    Signed,
    /// At least one node may have taken the bytes.
    Broadcast,
    /// Seen in a block that a fork may still drop.
    Included,
    /// Proved paid on the solidified chain. Final.
    Settled,
    /// On the solidified chain, executed and reverted. Final: paying again is a new order.
    Failed,
    /// Executed, but not what was ordered: a person decides.
    Mismatched,
    /// No proof can be had yet, neither of payment nor of absence.
    Unknown,
    /// Called off before anything was signed. Final.
    Cancelled,
}

impl Stage {
    /// Every stage, in the order in which money travels.
    pub const ALL: [Self; 11] = [
        Self::Admitted,
        Self::Held,
        Self::Rejected,
        Self::Signed,
        Self::Broadcast,
        Self::Included,
        Self::Settled,
        Self::Failed,
        Self::Mismatched,
        Self::Unknown,
        Self::Cancelled,
    ];

    /// The stage's word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Admitted => "admitted",
            Self::Held => "held",
            Self::Rejected => "rejected",
            Self::Signed => "signed",
            Self::Broadcast => "broadcast",
            Self::Included => "included",
            Self::Settled => "settled",
            Self::Failed => "failed",
            Self::Mismatched => "mismatched",
            Self::Unknown => "unknown",
            Self::Cancelled => "cancelled",
        }
    }

    /// The stage of a word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|stage| stage.word() == word)
    }

    /// Whether nothing can follow any more.
    #[must_use]
    pub fn is_final(self) -> bool {
        match self {
            Self::Rejected | Self::Settled | Self::Failed | Self::Cancelled => true,
            Self::Admitted | Self::Held | Self::Signed | Self::Broadcast => false,
            Self::Included | Self::Mismatched | Self::Unknown => false,
        }
    }

    /// Whether a transfer of this payout may be on its way.
    #[must_use]
    pub fn is_in_flight(self) -> bool {
        matches!(self, Self::Signed | Self::Broadcast | Self::Included | Self::Unknown)
    }

    /// Whether the money has left the wallet, or may have.
    #[must_use]
    pub fn is_spent(self) -> bool {
        matches!(self, Self::Settled | Self::Mismatched)
    }
}

/// What became of the money that was set aside for a payout.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reservation {
    /// Nothing was set aside (held at the door for want of room).
    None,
    /// Set aside.
    Reserved,
    /// Spent. Final.
    Settled,
    /// Given back. Final.
    Released,
}

impl Reservation {
    /// Every state.
    pub const ALL: [Self; 4] = [Self::None, Self::Reserved, Self::Settled, Self::Released];

    /// The word in SQL and JSON.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Reserved => "reserved",
            Self::Settled => "settled",
            Self::Released => "released",
        }
    }

    /// The state of a word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reservation| reservation.word() == word)
    }
}

macro_rules! reasons {
    ($($(#[$meta:meta])* $variant:ident = $word:literal : $says:literal,)+) => {
        /// Why a payout stands where it stands: a closed set, so that programs can decide on it (F-P29).
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum Reason { $($(#[$meta])* #[doc = $says] $variant,)+ }

        impl Reason {
            /// Every reason.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The reason's word.
            #[must_use]
            pub fn word(self) -> &'static str {
                match self { $(Self::$variant => $word,)+ }
            }

            /// What the reason means, for people.
            #[must_use]
            pub fn says(self) -> &'static str {
                match self { $(Self::$variant => $says,)+ }
            }

            /// The reason of a word.
            #[must_use]
            pub fn from_word(word: &str) -> Option<Self> {
                match word { $($word => Some(Self::$variant),)+ _ => None }
            }
        }
    };
}

reasons! {
    LimitHourly = "limit_hourly": "the house's hourly limit leaves no room; released by itself when it does",
    LimitDaily = "limit_daily": "the house's daily limit leaves no room; released by itself when it does",
    LimitPerPayout = "limit_per_payout": "it is more than the house's limit for one payout; released by itself when the limit is raised",
    LimitAccountHourly = "limit_account_hourly": "the account's hourly limit leaves no room; released by itself when it does",
    LimitAccountDaily = "limit_account_daily": "the account's daily limit leaves no room; released by itself when it does",
    LimitAccountPerPayout = "limit_account_per_payout": "it is more than the account's limit for one payout; released by itself when the limit is raised",
    LimitPrincipalHourly = "limit_principal_hourly": "the hourly limit of whoever ordered it leaves no room; released by itself when it does",
    LimitPrincipalDaily = "limit_principal_daily": "the daily limit of whoever ordered it leaves no room; released by itself when it does",
    LimitPrincipalPerPayout = "limit_principal_per_payout": "it is more than the limit for one payout of whoever ordered it; released by itself when the limit is raised",
    LimitRoleHourly = "limit_role_hourly": "the hourly limit of the role of whoever ordered it leaves no room; released by itself when it does",
    LimitRoleDaily = "limit_role_daily": "the daily limit of the role of whoever ordered it leaves no room; released by itself when it does",
    LimitRolePerPayout = "limit_role_per_payout": "it is more than the limit for one payout of the role of whoever ordered it; released by itself when the limit is raised",
    LimitRouteHourly = "limit_route_hourly": "the hourly limit of its route leaves no room; released by itself when it does",
    LimitRouteDaily = "limit_route_daily": "the daily limit of its route leaves no room; released by itself when it does",
    LimitRoutePerPayout = "limit_route_per_payout": "it is more than the limit for one payout of its route; released by itself when the limit is raised",
    FundsUsdt = "funds_usdt": "the wallet's USDT does not cover it; released by itself when it does",
    FundsTrx = "funds_trx": "the wallet's TRX and energy do not cover its fee; released by itself when they do",
    Allowance = "allowance": "the wallet's allowance to the router does not cover it; released by itself when it does",
    FeeAboveCap = "fee_above_cap": "its fee limit would be above transfer.fee_limit_max_trx",
    WouldFail = "would_fail": "a trial run on the node says that the transfer would fail",
    RecipientBlacklisted = "recipient_blacklisted": "the token's issuer has blacklisted the recipient",
    Policy = "policy": "the house's policy has changed and refuses it now",
    KycExpired = "kyc_expired": "its compliance signature ran out before it was signed",
    OrderAltered = "order_altered": "the stored order is not the one that was admitted: somebody changed the database",
    PaidOtherwise = "paid_otherwise": "the chain shows a transfer with its mark that pays something else, from before the store was restored: call it off, and order anew under another key what is still due",
    PaidAfterAll = "paid_after_all": "a transfer of its own that was proved dead was executed after all: it is paid; do not order it again",
    Operator = "operator": "a person put it there",
    Deadline = "deadline": "not_after passed before it was signed",
    CancelledBySender = "cancelled_by_sender": "it was called off before it was signed: by its sender, or by whoever runs their node or the house",
    Reverted = "reverted": "the contract refused it on chain",
    OutOfEnergy = "out_of_energy": "the fee limit did not cover its energy on chain",
    ExecutionFailed = "execution_failed": "its execution failed on chain",
    NoTransferLog = "no_transfer_log": "it executed and no transfer of the token was logged",
    WrongToken = "wrong_token": "it executed and another token was moved",
    WrongSender = "wrong_sender": "it executed and another account's tokens were moved",
    WrongRecipient = "wrong_recipient": "it executed and somebody else was paid",
    PaidShort = "paid_short": "it executed and less arrived than was ordered",
    Overpaid = "overpaid": "it executed and more left than was ordered",
    SeveralTransfers = "several_transfers": "it executed and several transfers were logged",
    NoPaidLog = "no_paid_log": "it executed and the router logged no matching payment",
    ChainSilent = "chain_silent": "no node answers well enough to prove its fate",
    SourcesDisagree = "sources_disagree": "two sources tell different stories of its fate",
    AbsenceUnproven = "absence_unproven": "it has expired, and the walk through the blocks could not prove its absence",
}

/// The reasons for which a payout is held.
pub type HoldReason = Reason;

impl Reason {
    /// Held for want of room under a limit.
    pub const WANT_OF_ROOM: [Self; 15] = [
        Self::LimitHourly,
        Self::LimitDaily,
        Self::LimitPerPayout,
        Self::LimitAccountHourly,
        Self::LimitAccountDaily,
        Self::LimitAccountPerPayout,
        Self::LimitPrincipalHourly,
        Self::LimitPrincipalDaily,
        Self::LimitPrincipalPerPayout,
        Self::LimitRoleHourly,
        Self::LimitRoleDaily,
        Self::LimitRolePerPayout,
        Self::LimitRouteHourly,
        Self::LimitRouteDaily,
        Self::LimitRoutePerPayout,
    ];

    /// Held for want of money in the wallet.
    pub const WANT_OF_FUNDS: [Self; 3] = [Self::FundsUsdt, Self::FundsTrx, Self::Allowance];

    /// Whether time alone may release a payout held for this reason.
    #[must_use]
    pub fn releases_itself(self) -> bool {
        Self::WANT_OF_ROOM.contains(&self) || Self::WANT_OF_FUNDS.contains(&self)
    }
}

impl From<LimitBroken> for Reason {
    fn from(broken: LimitBroken) -> Self {
        match (broken.whose, broken.window) {
            (Whose::House, Window::Hourly) => Self::LimitHourly,
            (Whose::House, Window::Daily) => Self::LimitDaily,
            (Whose::House, Window::PerPayout) => Self::LimitPerPayout,
            (Whose::Account, Window::Hourly) => Self::LimitAccountHourly,
            (Whose::Account, Window::Daily) => Self::LimitAccountDaily,
            (Whose::Account, Window::PerPayout) => Self::LimitAccountPerPayout,
            (Whose::Principal, Window::Hourly) => Self::LimitPrincipalHourly,
            (Whose::Principal, Window::Daily) => Self::LimitPrincipalDaily,
            (Whose::Principal, Window::PerPayout) => Self::LimitPrincipalPerPayout,
            (Whose::Role, Window::Hourly) => Self::LimitRoleHourly,
            (Whose::Role, Window::Daily) => Self::LimitRoleDaily,
            (Whose::Role, Window::PerPayout) => Self::LimitRolePerPayout,
            (Whose::Route, Window::Hourly) => Self::LimitRouteHourly,
            (Whose::Route, Window::Daily) => Self::LimitRouteDaily,
            (Whose::Route, Window::PerPayout) => Self::LimitRoutePerPayout,
        }
    }
}
