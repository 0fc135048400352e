//! A call that is run and not made (`triggerconstantcontract`).

use std::borrow::Cow;

use payoutd_actors::domain::tron::{TrialFailure, abi::RevertReason};
use payoutd_actors::ports::{ChainFault, TrialRun};
use serde::Deserialize;

use super::{HexBytes, block::RetWire, due, words};

#[derive(Deserialize)]
struct TrialWire<'a> {
    #[serde(borrow)]
    result: ResultWire<'a>,
    /// The dynamic model's penalty is inside: `energy_penalty` only says how much of it (java-tron's
    /// `ProgramResult.spendEnergyWithPenalty` adds the total).
    #[serde(default)]
    energy_used: u64,
    #[serde(default)]
    constant_result: Vec<HexBytes>,
    #[serde(default)]
    transaction: TransactionWire,
}

#[derive(Deserialize)]
struct ResultWire<'a> {
    #[serde(default)]
    result: bool,
    #[serde(default, borrow)]
    code: Option<Cow<'a, str>>,
    #[serde(default)]
    message: HexBytes,
}

#[derive(Deserialize, Default)]
struct TransactionWire {
    #[serde(default)]
    ret: Vec<RetWire>,
}

/// The answer to a trial run.
///
/// A revert says `result.result: true` all the same and shows in `ret: FAILED`. Code `OTHER_ERROR` is how the machine's
/// other exceptions are told: an old contract's failed `assert` is an answer too, a timeout says nothing about the call. With
/// any other code nothing was run (no such contract, a node without `vm.supportConstant`).
pub(in crate::tron) fn read_trial(body: &[u8]) -> Result<TrialRun, ChainFault> {
    let trial: TrialWire<'_> = due(body)?;
    let message = trial.result.message.text();
    let code = trial.result.code.as_deref().unwrap_or("SUCCESS");
    let returned = trial.constant_result.into_iter().next().unwrap_or_default().0;
    let failure = match (code, trial.result.result) {
        ("SUCCESS", true) => {
            let failed = |ret: &RetWire| ret.0.is_none_or(|ret| ret.ret != 0);
            match trial.transaction.ret.iter().any(failed) {
                true => Some(TrialFailure::Refused(failure(&returned, message))),
                false => (!message.is_empty()).then_some(TrialFailure::GaveUp(message)),
            }
        }
        ("OTHER_ERROR", false) => Some(TrialFailure::of_exception(message)),
        _ => return Err(ChainFault::Garbled(format!("the call was not run: {} {message}", words(code)))),
    };
    Ok(TrialRun { energy_used: trial.energy_used, returned, failure })
}

/// The contract's words, or else the machine's.
fn failure(returned: &[u8], message: String) -> String {
    match RevertReason::decode(returned) {
        RevertReason::Silent if message.is_empty() => "the call fails".to_owned(),
        RevertReason::Silent => message,
        reason => words(&reason.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex_of(text: &str) -> String {
        hex::encode(text)
    }

    #[test]
    fn a_revert_is_a_failure_although_the_node_says_true() {
        let body = format!(
            r#"{{"result":{{"result":true,"message":"{}"}},"energy_used":867,"constant_result":[""],"transaction":{{"ret":[{{"ret":"FAILED"}}]}}}}"#,
            hex_of("REVERT opcode executed")
        );
        let run = read_trial(body.as_bytes()).unwrap();
        let refused = TrialFailure::Refused("REVERT opcode executed".to_owned());
        assert_eq!((run.energy_used, run.failure), (867, Some(refused)));
    }

    #[test]
    fn the_penalty_is_not_counted_twice() {
        let body = br#"{"result":{"result":true},"energy_used":64285,"energy_penalty":49672,"constant_result":["01"],"transaction":{"ret":[{}]}}"#;
        let run = read_trial(body).unwrap();
        assert_eq!(run, TrialRun { energy_used: 64_285, returned: vec![1], failure: None });
    }

    #[test]
    fn a_call_that_was_not_run_is_not_a_call_that_fails() {
        let code = |code: &str| format!(r#"{{"result":{{"code":"{code}","message":"{}"}}}}"#, hex_of("why"));
        let gave_up = Some(TrialFailure::GaveUp("why".to_owned()));
        assert_eq!(read_trial(code("OTHER_ERROR").as_bytes()).unwrap().failure, gave_up);
        for unrun in ["CONTRACT_VALIDATE_ERROR", "SERVER_BUSY", "A_CODE_OF_TOMORROW"] {
            assert!(matches!(read_trial(code(unrun).as_bytes()), Err(ChainFault::Garbled(_))), "{unrun}");
        }
        for nothing in ["{}", r#"{"result":{}}"#, r#"{"Error":"class x"}"#, ""] {
            assert!(read_trial(nothing.as_bytes()).is_err(), "{nothing}");
        }
    }
}
