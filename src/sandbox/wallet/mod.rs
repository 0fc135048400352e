//! `wallet/…` and `walletsolidity/…`: java-tron's own HTTP, one line for each call.
//!
//! A call is a question to a [`View`], which is the head's or the solid one by the path in which it was asked. Building and
//! broadcasting are apart, in [`building`] and [`broadcasting`].

pub(crate) mod about;
pub(crate) mod accounts;
pub(crate) mod blocks;
pub(crate) mod broadcasting;
pub(crate) mod building;
pub(crate) mod contracts;
pub(crate) mod transactions;

use payoutd_actors::fakes::sim_chain::{Finality, View};

use super::{
    ask::{Ask, Read},
    door::Served,
    reply::Reply,
};

/// A question about the chain, and the moment in which it is put.
pub(crate) struct Question<'a> {
    /// What the node shows.
    pub(crate) view: View<'a>,
    /// What is asked.
    pub(crate) ask: &'a Ask,
    /// The chain's moment, unix ms.
    pub(crate) now_ms: u64,
}

/// Who answers a question.
pub(crate) type Answerer = fn(&Question<'_>) -> Read<Reply>;

/// A call of java-tron's HTTP.
#[derive(Clone, Copy)]
pub(crate) struct Call {
    name: &'static str,
    in_solid_view: bool,
    /// Who answers.
    pub(crate) answer: Answerer,
}

/// Calls that both views have.
const BOTH: [(&str, Answerer); 17] = [
    ("getnowblock", blocks::now),
    ("getblock", blocks::by_id_or_number),
    ("getblockbynum", blocks::by_number),
    ("getblockbyid", blocks::by_id),
    ("getblockbylimitnext", blocks::by_limit_next),
    ("getblockbylatestnum", blocks::latest),
    ("gettransactioncountbyblocknum", blocks::transaction_count),
    ("gettransactionbyid", transactions::by_id),
    ("gettransactioninfobyid", transactions::info_by_id),
    ("gettransactioninfobyblocknum", transactions::infos_by_block),
    ("getaccount", accounts::account),
    ("triggerconstantcontract", contracts::constant_call),
    ("estimateenergy", contracts::estimate_energy),
    ("getnodeinfo", about::node_info),
    ("getenergyprices", about::energy_prices),
    ("getbandwidthprices", about::bandwidth_prices),
    ("getburntrx", about::burnt),
];

/// Calls that only the head view has.
const HEAD_ONLY: [(&str, Answerer); 16] = [
    ("gettransactionreceiptbyid", transactions::receipt_by_id),
    ("gettransactionfrompending", transactions::pending_by_id),
    ("gettransactionlistfrompending", transactions::pending_list),
    ("getpendingsize", transactions::pending_size),
    ("getaccountresource", accounts::resources),
    ("getaccountnet", accounts::bandwidth),
    ("validateaddress", accounts::validate),
    ("getcontract", contracts::contract),
    ("getcontractinfo", contracts::contract_info),
    ("triggersmartcontract", building::trigger_smart_contract),
    ("createtransaction", building::create_transaction),
    ("getsignweight", transactions::sign_weight),
    ("getapprovedlist", transactions::approved_list),
    ("getchainparameters", about::chain_parameters),
    ("getmemofee", about::memo_fee),
    ("getnextmaintenancetime", about::next_maintenance_time),
];

/// What a path of a view asks for.
pub(crate) enum Asked {
    /// A question.
    Question(Call),
    /// `broadcasthex`.
    BroadcastHex,
    /// `broadcasttransaction`.
    BroadcastTransaction,
}

/// What a path means, and in which view; `None` when java-tron has no such call there.
pub(crate) fn asked(path: &str) -> Option<(Finality, Asked)> {
    let (view, name) = path.split_once('/')?;
    let finality = match view {
        "wallet" => Finality::Head,
        "walletsolidity" => Finality::Solid,
        _ => return None,
    };
    let asked = match (finality, name) {
        (Finality::Head, "broadcasthex") => Asked::BroadcastHex,
        (Finality::Head, "broadcasttransaction") => Asked::BroadcastTransaction,
        _ => Asked::Question(call(name).filter(|call| call.in_solid_view || finality == Finality::Head)?),
    };
    Some((finality, asked))
}

fn call(name: &str) -> Option<Call> {
    let find = |table: &[(&'static str, Answerer)], in_solid_view| {
        let found = table.iter().find(|(known, _)| *known == name);
        found.map(|(name, answer)| Call { name, in_solid_view, answer: *answer })
    };
    find(&BOTH, true).or_else(|| find(&HEAD_ONLY, false))
}

impl Asked {
    /// By which methods it can be asked: what is sent to be broadcast is posted.
    pub(crate) fn served(&self) -> Served {
        match self {
            Asked::Question(_) => Served::Both,
            Asked::BroadcastHex | Asked::BroadcastTransaction => Served::Post,
        }
    }
}

impl Call {
    /// Calls whose GET says nothing at all: they take a body, and java-tron answers a GET with an empty one.
    pub(crate) fn is_silent_to_get(self) -> bool {
        matches!(
            self.name,
            "triggerconstantcontract"
                | "triggersmartcontract"
                | "estimateenergy"
                | "createtransaction"
                | "getsignweight"
                | "getapprovedlist"
        )
    }
}
