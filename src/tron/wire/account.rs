//! Accounts, their resources, and the chain's parameters.

use payoutd_actors::domain::address::Address;
use payoutd_actors::ports::{AccountView, ChainFault, ChainParameters, ResourceView};
use serde::Deserialize;

use super::{HexBytes, due, known};

/// The answer about an account; `{}` is an account that is not there.
pub(in crate::tron) fn read_account(body: &[u8], asked: Address) -> Result<AccountView, ChainFault> {
    #[derive(Deserialize)]
    struct AccountWire {
        address: HexBytes,
        #[serde(default)]
        balance: i64,
    }
    let Some(account) = known::<AccountWire>(body)? else {
        return Ok(AccountView::default());
    };
    if Address::from_payload(&account.address.0) != Ok(asked) {
        return Err(ChainFault::Garbled(format!("another account than {asked}, which was asked for")));
    }
    // The black hole's balance begins below zero; nobody else's does.
    Ok(AccountView { exists: true, balance_sun: u64::try_from(account.balance).unwrap_or(0) })
}

/// The answer about energy and bandwidth; `{}` is an account that is not there. Only `wallet/…` has this call.
pub(in crate::tron) fn read_resources(body: &[u8]) -> Result<ResourceView, ChainFault> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct ResourcesWire {
        #[serde(rename = "freeNetUsed", default)]
        free_net_used: i64,
        #[serde(rename = "freeNetLimit", default)]
        free_net_limit: i64,
        #[serde(default)]
        net_used: i64,
        #[serde(default)]
        net_limit: i64,
        #[serde(default)]
        energy_used: i64,
        #[serde(default)]
        energy_limit: i64,
        /// Never zero on a chain that runs: without it this is something else.
        total_energy_limit: i64,
    }
    let Some(resources) = known::<ResourcesWire>(body)? else {
        return Ok(ResourceView::default());
    };
    if resources.total_energy_limit <= 0 {
        return Err(ChainFault::Garbled("resources of a chain that has none".to_owned()));
    }
    let free = left(resources.free_net_limit, resources.free_net_used);
    Ok(ResourceView {
        energy_left: left(resources.energy_limit, resources.energy_used),
        bandwidth_left: free.saturating_add(left(resources.net_limit, resources.net_used)),
    })
}

fn left(limit: i64, used: i64) -> u64 {
    u64::try_from(limit.saturating_sub(used)).unwrap_or(0)
}

/// The answer about the chain's parameters. A value that is absent is zero, a key that is absent is a fault: what a payout
/// costs is read, never assumed.
pub(in crate::tron) fn read_parameters(body: &[u8]) -> Result<ChainParameters, ChainFault> {
    #[derive(Deserialize)]
    struct ParametersWire {
        #[serde(rename = "chainParameter")]
        parameters: Vec<ParameterWire>,
    }
    #[derive(Deserialize)]
    struct ParameterWire {
        key: String,
        #[serde(default)]
        value: i64,
    }
    let wire: ParametersWire = due(body)?;
    let of = |key: &str| {
        let found = wire.parameters.iter().find(|parameter| parameter.key == key);
        found
            .and_then(|parameter| u64::try_from(parameter.value).ok())
            .ok_or_else(|| ChainFault::Garbled(format!("chain parameters without {key}")))
    };
    Ok(ChainParameters {
        energy_price_sun: of("getEnergyFee")?,
        bandwidth_price_sun: of("getTransactionFee")?,
        fee_limit_max_sun: of("getMaxFeeLimit")?,
        memo_fee_sun: of("getMemoFee")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_account_than_was_asked_for_is_no_answer() {
        let body = br#"{"address": "419049d94d380302f4dadc70635de1b0c1c944f4e7","balance": 9976260967}"#;
        let asked = Address::from_hex41("419049d94d380302f4dadc70635de1b0c1c944f4e7").unwrap();
        assert_eq!(read_account(body, asked), Ok(AccountView { exists: true, balance_sun: 9_976_260_967 }));
        assert!(read_account(body, Address::BLACKHOLE).is_err());
        assert_eq!(read_account(b"{}", asked), Ok(AccountView::default()));
    }

    #[test]
    fn used_more_than_the_limit_leaves_nothing() {
        let body = br#"{"freeNetUsed":700,"freeNetLimit":600,"NetLimit":50,"EnergyUsed":3,"EnergyLimit":10,"TotalEnergyLimit":9}"#;
        assert_eq!(read_resources(body), Ok(ResourceView { energy_left: 7, bandwidth_left: 50 }));
        assert_eq!(read_resources(b"{}"), Ok(ResourceView::default()));
        assert!(read_resources(br#"{"message":"busy"}"#).is_err());
    }

    #[test]
    fn a_price_that_is_not_told_is_not_assumed() {
        let all = [
            r#"{"key":"getEnergyFee","value":100}"#,
            r#"{"key":"getTransactionFee","value":1000}"#,
            r#"{"key":"getMaxFeeLimit","value":15000000000}"#,
            r#"{"key":"getMemoFee"}"#,
        ];
        let body = |parts: &[&str]| format!(r#"{{"chainParameter":[{}]}}"#, parts.join(","));
        let read = read_parameters(body(&all).as_bytes()).unwrap();
        assert_eq!((read.energy_price_sun, read.memo_fee_sun), (100, 0));
        for missing in 0..all.len() {
            let rest: Vec<&str> =
                all.iter().enumerate().filter(|(at, _)| *at != missing).map(|(_, part)| *part).collect();
            assert!(read_parameters(body(&rest).as_bytes()).is_err(), "without {}", all[missing]);
        }
    }
}
