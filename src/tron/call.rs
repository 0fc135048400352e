//! The calls that providers are asked, by the names that the metrics show.

use payoutd_actors::ports::View;

/// One call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Call {
    BroadcastHex,
    NowBlock,
    BlockByNum,
    BlockByLimitNext,
    TransactionInfoByBlockNum,
    TransactionInfoById,
    Account,
    AccountResource,
    ChainParameters,
    TriggerConstantContract,
    TokenTransfers,
}

impl Call {
    pub(super) const ALL: [Self; 11] = [
        Self::BroadcastHex,
        Self::NowBlock,
        Self::BlockByNum,
        Self::BlockByLimitNext,
        Self::TransactionInfoByBlockNum,
        Self::TransactionInfoById,
        Self::Account,
        Self::AccountResource,
        Self::ChainParameters,
        Self::TriggerConstantContract,
        Self::TokenTransfers,
    ];

    /// The last part of its path, and its name in metrics.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::BroadcastHex => "broadcasthex",
            Self::NowBlock => "getnowblock",
            Self::BlockByNum => "getblockbynum",
            Self::BlockByLimitNext => "getblockbylimitnext",
            Self::TransactionInfoByBlockNum => "gettransactioninfobyblocknum",
            Self::TransactionInfoById => "gettransactioninfobyid",
            Self::Account => "getaccount",
            Self::AccountResource => "getaccountresource",
            Self::ChainParameters => "getchainparameters",
            Self::TriggerConstantContract => "triggerconstantcontract",
            Self::TokenTransfers => "token_trc20/transfers",
        }
    }

    /// The path below a node's address: `wallet/…` is the head, `walletsolidity/…` what cannot be undone.
    pub(super) fn path(self, view: View) -> String {
        let api = match view {
            View::Head => "wallet",
            View::Solid => "walletsolidity",
        };
        format!("{api}/{}", self.name())
    }
}
