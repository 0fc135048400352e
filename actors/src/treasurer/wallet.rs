//! One look at the wallet: balances, allowances, energy, and the token's switches. Every figure of a look comes from one
//! node; where that node fails, the next is asked for all of them.

use crate::domain::address::Address;
use crate::domain::order::HousePolicy;
use crate::domain::tron::{TrialFailure, Uint256, abi};
use crate::ports::{ChainFault, ChainNode, ChainParameters, View};

/// The wallet as one node tells it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct WalletLook {
    pub(super) balance_micro_usdt: u64,
    pub(super) balance_sun: u64,
    pub(super) energy_left: u64,
    pub(super) bandwidth_left: u64,
    pub(super) allowance_v0_micro_usdt: u64,
    pub(super) allowance_kyc_micro_usdt: u64,
}

/// Prices, and the token's switches that stop all payouts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Terms {
    pub(super) parameters: ChainParameters,
    pub(super) token_stop: Option<String>,
}

pub(super) async fn look(node: &dyn ChainNode, policy: &HousePolicy) -> Result<WalletLook, ChainFault> {
    let account = node.account(View::Solid, policy.wallet).await?;
    let resources = node.resources(policy.wallet).await?;
    let balance = ask_number(node, policy, policy.token, abi::balance_of(policy.wallet)).await?;
    Ok(WalletLook {
        balance_micro_usdt: balance,
        balance_sun: account.balance_sun,
        energy_left: resources.energy_left,
        bandwidth_left: resources.bandwidth_left,
        allowance_v0_micro_usdt: allowance(node, policy, policy.router_v0).await?,
        allowance_kyc_micro_usdt: allowance(node, policy, policy.router_kyc).await?,
    })
}

async fn allowance(
    node: &dyn ChainNode,
    policy: &HousePolicy,
    router: Option<Address>,
) -> Result<u64, ChainFault> {
    match router {
        Some(router) => ask_number(node, policy, policy.token, abi::allowance(policy.wallet, router)).await,
        None => Ok(0),
    }
}

pub(super) async fn terms(node: &dyn ChainNode, policy: &HousePolicy) -> Result<Terms, ChainFault> {
    let parameters = node.parameters().await?;
    let mut token_stop = None;
    let switches = [
        (abi::question(abi::PAUSED), "the token's issuer has paused all transfers"),
        (
            abi::question(abi::DEPRECATED),
            "the token contract is deprecated: transfers would be logged by another contract",
        ),
        (abi::is_black_listed(policy.wallet), "the token's issuer has blacklisted the paying wallet"),
        (
            abi::question(abi::BASIS_POINTS_RATE),
            "the token's issuer takes a fee on transfers: recipients would be paid short",
        ),
    ];
    for (call_data, says) in switches {
        if flag(node, policy, call_data).await? {
            token_stop = Some(says.to_owned());
        }
    }
    Ok(Terms { parameters, token_stop })
}

/// Whether a switch is pulled. A token that refuses the question lacks the switch, and has not pulled it. Whatever is neither an
/// answer nor a refusal (a node without time, half a word) is not known: it is a fault of the node, and nobody is paid on it.
pub(super) async fn flag(
    node: &dyn ChainNode,
    policy: &HousePolicy,
    call_data: Vec<u8>,
) -> Result<bool, ChainFault> {
    let run = node.trial_run(View::Solid, policy.wallet, policy.token, call_data).await?;
    match run.failure {
        None => Ok(word_of(&run.returned)? != Uint256::ZERO),
        Some(TrialFailure::Refused(_)) => Ok(false),
        Some(TrialFailure::GaveUp(why)) => {
            Err(ChainFault::Garbled(format!("a question to the token was not answered: {why}")))
        }
    }
}

fn word_of(returned: &[u8]) -> Result<Uint256, ChainFault> {
    let word = returned.get(..32).and_then(|bytes| bytes.try_into().ok());
    word.map(Uint256::from_word)
        .ok_or_else(|| ChainFault::Garbled("an answer of less than 32 bytes".to_owned()))
}

/// A number larger than anything that can be paid counts as the largest that can.
async fn ask_number(
    node: &dyn ChainNode,
    policy: &HousePolicy,
    contract: Address,
    call_data: Vec<u8>,
) -> Result<u64, ChainFault> {
    let run = node.trial_run(View::Solid, policy.wallet, contract, call_data).await?;
    if let Some(failure) = run.failure {
        return Err(ChainFault::Garbled(format!("a balance can not be read: {failure}")));
    }
    Ok(word_of(&run.returned)?.to_u64().unwrap_or(u64::MAX))
}
