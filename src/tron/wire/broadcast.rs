//! A node's reply to a broadcast.

use std::borrow::Cow;

use payoutd_actors::domain::tron::{BroadcastCode, TxId};
use payoutd_actors::ports::{BroadcastReply, ChainFault};
use serde::Deserialize;

use super::{complaint, due, words};

#[derive(Deserialize)]
struct ReplyWire<'a> {
    #[serde(default)]
    result: Option<bool>,
    #[serde(default, borrow)]
    code: Option<Cow<'a, str>>,
    #[serde(default, borrow)]
    txid: Option<Cow<'a, str>>,
    #[serde(default, borrow)]
    message: Option<Cow<'a, str>>,
}

/// Reads the reply to the broadcast of one transaction, by its code and its id, never by its words.
///
/// A reply that is about another transaction, contradicts itself or is an `{"Error"}` is [`BroadcastCode::NoAnswer`]: the
/// node may have taken ours. So is whatever cannot be read at all, which is a fault.
pub(in crate::tron) fn read_reply(body: &[u8], ours: &TxId) -> Result<BroadcastReply, ChainFault> {
    if let Some(complaint) = complaint(body) {
        return Ok(no_answer(format!("it answers an error: {complaint}")));
    }
    let reply: ReplyWire<'_> = due(body)?;
    let about = reply.txid.as_deref().unwrap_or_default();
    if about.parse() != Ok(*ours) {
        return Ok(no_answer(format!("a reply about another transaction: \"{}\"", words(about))));
    }
    let code = match (reply.code.as_deref(), reply.result) {
        (None, Some(true)) => BroadcastCode::Success,
        (Some(name), _) => BroadcastCode::from_name(name),
        (None, _) => BroadcastCode::NoAnswer,
    };
    let says_yes = reply.result.unwrap_or(false);
    let message = words(reply.message.as_deref().unwrap_or_default());
    if says_yes != (code == BroadcastCode::Success) {
        let code = reply.code.as_deref().unwrap_or("none");
        return Ok(no_answer(format!("result {says_yes} with code {}: {message}", words(code))));
    }
    Ok(BroadcastReply { code, message })
}

fn no_answer(message: String) -> BroadcastReply {
    BroadcastReply { code: BroadcastCode::NoAnswer, message }
}

#[cfg(test)]
mod tests {
    use super::*;
    use payoutd_actors::domain::tron::ReplyClass;

    const OURS: &str = "3162321d5805eb70e3efcb3be7f4cb45c1c8f9b9204f7e165c7ad2f0df95515b";
    /// SHA-256 of nothing: what java-tron answers to an empty transaction.
    const NOTHING: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    fn read(body: &str) -> Result<BroadcastReply, ChainFault> {
        read_reply(body.as_bytes(), &OURS.parse().unwrap())
    }

    fn reply(result: bool, code: &str, txid: &str) -> String {
        format!(r#"{{"result":{result},"code":"{code}","txid":"{txid}","message":"m","transaction":"{{}}"}}"#)
    }

    /// F-P04: each code a node can print is told apart by the code alone.
    #[test]
    fn every_code_is_read_as_itself() {
        for code in BroadcastCode::ALL.into_iter().filter(|code| *code != BroadcastCode::NoAnswer) {
            let said = reply(code == BroadcastCode::Success, code.name(), OURS);
            assert_eq!(read(&said).unwrap().code, code);
        }
        assert_eq!(read(&reply(true, "SUCCESS", &OURS.to_uppercase())).unwrap().code, BroadcastCode::Success);
    }

    /// F-P04, F-N02: what is odd about a reply never means that the node does not have it.
    #[test]
    fn an_odd_reply_may_mean_that_the_node_has_it() {
        let odd = [
            reply(true, "SUCCESS", NOTHING),
            reply(false, "SIGERROR", NOTHING),
            reply(true, "SIGERROR", OURS),
            reply(false, "SUCCESS", OURS),
            reply(false, "A_CODE_OF_TOMORROW", OURS),
            r#"{"result":true,"code":"SUCCESS"}"#.to_owned(),
            format!(r#"{{"txid":"{OURS}"}}"#),
            r#"{"Error":"class java.lang.NullPointerException : null"}"#.to_owned(),
            "{}".to_owned(),
        ];
        for body in odd {
            let reply = read(&body).unwrap();
            assert_eq!(
                (reply.code, reply.code.class()),
                (BroadcastCode::NoAnswer, ReplyClass::Maybe),
                "{body}"
            );
        }
        for body in ["", "<html>", "[", r#"{"result":tru"#, r#"{"code":0}"#] {
            assert!(matches!(read(body), Err(ChainFault::Garbled(_))), "{body}");
        }
    }
}
