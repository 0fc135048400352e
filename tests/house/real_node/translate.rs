//! A recorded question, put so that it means the same on the sandbox: roles in place of addresses, this chain's reference block,
//! times moved along, and the same person's signature under the new bytes.
//!
//! What is broken on purpose stays broken: bytes that are no transaction are sent as they are, a signature of a stranger stays a
//! stranger's, a reference block that the real node refused stays unknown.

use std::{cell::RefCell, collections::BTreeMap};

use payoutd_actors::domain::{
    address::Address,
    tron::{
        Hash32, PrivateKey, Signature, TxId, Uint256, compliance,
        protobuf::{Message, Raw, Transaction, TriggerSmartContract},
    },
};

use super::ordered::Tree;

/// Selector of `disburseKYC`.
const DISBURSE_KYC: [u8; 4] = [0xc3, 0xae, 0x70, 0xd2];

/// What stands for what.
#[derive(Debug, Default)]
pub(super) struct Dictionary {
    /// Texts of fixed length that stand inside other texts: addresses, as 40 hex digits and as base58.
    pub(super) names: Vec<(String, String)>,
    /// Whole ids, learned from replies laid side by side.
    pub(super) ids: BTreeMap<String, String>,
    /// Block numbers, learned likewise.
    pub(super) numbers: BTreeMap<i64, i64>,
    /// Keys that the recordings tell, and the key that plays each role here, by the recorded address.
    pub(super) keys: BTreeMap<Address, PrivateKey>,
    /// Raw parts by what they were before they were settled: the same bytes again stay the same bytes.
    pub(super) settled: RefCell<BTreeMap<Vec<u8>, Raw>>,
}

/// Where the sandbox's chain stands when a question is put.
#[derive(Clone, Copy, Debug)]
pub(super) struct Standing {
    /// Two bytes of the number and eight of the id of a block that may be referred to.
    pub(super) ref_block: ([u8; 2], [u8; 8]),
    /// What is added to recorded times, in milliseconds.
    pub(super) time_shift_ms: i64,
    /// What is added to recorded block numbers that were not learned.
    pub(super) number_shift: i64,
}

impl Dictionary {
    /// A recorded text in the sandbox's terms.
    pub(super) fn text(&self, text: &str) -> String {
        if let Some(known) = self.ids.get(text) {
            return known.clone();
        }
        let mut text = text.to_owned();
        let names = self.names.iter().map(|(recorded, ours)| (recorded, ours));
        for (recorded, ours) in names.chain(&self.ids) {
            if text.contains(recorded.as_str()) {
                text = text.replace(recorded.as_str(), ours);
            }
        }
        text
    }

    /// Learns what is the same from two replies that were laid side by side.
    pub(super) fn learn(&mut self, real: &Tree, ours: &Tree) {
        match (real, ours) {
            (Tree::Object(members), _) => {
                for (key, real) in members {
                    let Some(ours) = ours.get(key) else { continue };
                    match (key.as_str(), real, ours) {
                        (
                            "blockID" | "parentHash" | "txID" | "txid" | "id",
                            Tree::Text(real),
                            Tree::Text(ours),
                        ) => {
                            self.ids.insert(real.clone(), ours.clone());
                        }
                        ("number" | "blockNumber", _, _) => {
                            if let (Some(real), Some(ours)) = (real.number(), ours.number()) {
                                self.numbers.insert(real, ours);
                            }
                        }
                        _ => self.learn(real, ours),
                    }
                }
            }
            (Tree::List(real), Tree::List(ours)) => {
                for (real, ours) in real.iter().zip(ours) {
                    self.learn(real, ours);
                }
            }
            _ => {}
        }
    }

    /// A question in the sandbox's terms. `refused_for_tapos` says that the real node refused its reference block.
    pub(super) fn request(
        &self,
        path: &str,
        asked: &Tree,
        standing: Standing,
        refused_for_tapos: bool,
    ) -> Tree {
        let mut asked = self.tree(asked, standing);
        let call = path.rsplit('/').next().unwrap_or(path);
        match call {
            "broadcasthex" => {
                if let Some(Tree::Text(hex_text)) = asked.get_mut("transaction")
                    && let Some(bytes) = self.transaction(hex_text, standing, refused_for_tapos)
                {
                    *hex_text = hex::encode(bytes.encode());
                }
            }
            "broadcasttransaction" | "getsignweight" | "getapprovedlist" => {
                self.transaction_object(&mut asked, standing, refused_for_tapos);
            }
            "getblockbylimitnext" => self.range(&mut asked, standing),
            _ => {}
        }
        asked
    }

    /// A recorded query in the sandbox's terms.
    pub(super) fn query(&self, query: &str, standing: Standing) -> String {
        let numbers = ["num", "id_or_num", "startNum", "endNum"];
        let pair = |pair: &str| match pair.split_once('=') {
            Some((key, value)) if numbers.contains(&key) => match value.parse() {
                Ok(number) => format!("{key}={}", self.number(number, standing)),
                Err(_) => pair.to_owned(),
            },
            _ => pair.to_owned(),
        };
        query.split('&').map(pair).collect::<Vec<_>>().join("&")
    }

    fn tree(&self, tree: &Tree, standing: Standing) -> Tree {
        match tree {
            Tree::Text(text) => Tree::Text(self.text(text)),
            Tree::List(items) => Tree::List(items.iter().map(|item| self.tree(item, standing)).collect()),
            Tree::Object(members) => {
                let member = |(key, value): &(String, Tree)| {
                    let value = match (key.as_str(), value) {
                        ("num", Tree::Number(_)) => self.block_number(value, standing),
                        ("id_or_num", Tree::Number(_)) => self.block_number(value, standing),
                        ("id_or_num", Tree::Text(text)) => match text.parse() {
                            Ok(number) => Tree::Text(self.number(number, standing).to_string()),
                            Err(_) => Tree::Text(self.text(text)),
                        },
                        _ => self.tree(value, standing),
                    };
                    (key.clone(), value)
                };
                Tree::Object(members.iter().map(member).collect())
            }
            other => other.clone(),
        }
    }

    fn block_number(&self, value: &Tree, standing: Standing) -> Tree {
        match value.number() {
            Some(number) => Tree::Number(self.number(number, standing).to_string()),
            None => value.clone(),
        }
    }

    /// Small, negative and huge numbers mean themselves.
    pub(super) fn number(&self, number: i64, standing: Standing) -> i64 {
        if !(200..1_000_000).contains(&number) {
            return number;
        }
        self.numbers.get(&number).copied().unwrap_or(number + standing.number_shift)
    }

    fn range(&self, asked: &mut Tree, standing: Standing) {
        let (start, end) =
            (asked.get("startNum").and_then(Tree::number), asked.get("endNum").and_then(Tree::number));
        let (Some(start), Some(end)) = (start, end) else { return };
        let moved = self.number(start, standing);
        for (key, number) in [("startNum", moved), ("endNum", moved + end - start)] {
            if let Some(value) = asked.get_mut(key) {
                *value = Tree::Number(number.to_string());
            }
        }
    }

    /// Bytes in hex, whose names are translated already, as a transaction of this chain; `None` when they are none.
    fn transaction(
        &self,
        hex_text: &str,
        standing: Standing,
        refused_for_tapos: bool,
    ) -> Option<Transaction> {
        let mut odd = Vec::new();
        let bytes = hex::decode(hex_text).ok()?;
        let mut transaction =
            Transaction::decode(&bytes, &mut odd).ok().filter(|found| !found.raw_data.is_empty())?;
        let mut raw = Raw::decode(&transaction.raw_data, &mut odd).ok()?;
        if !odd.iter().all(|oddity| format!("{oddity:?}").starts_with("PaddedSignature")) {
            return None;
        }
        self.settle_raw(&mut raw, standing, refused_for_tapos);
        let old = TxId::of_raw_data(&self.as_recorded(&transaction.raw_data));
        transaction.raw_data = raw.encode();
        let new = TxId::of_raw_data(&transaction.raw_data);
        for signature in &mut transaction.signatures {
            *signature = self.signed_again(signature, old, new);
        }
        Some(transaction)
    }

    /// The officer's clearance in a call of the router: signed again by whoever plays the officer here.
    fn clear_again(&self, value: &mut Vec<u8>) {
        let Ok(mut call) = TriggerSmartContract::decode(value, &mut Vec::new()) else { return };
        let Some(arguments) = call.data.strip_prefix(&DISBURSE_KYC).filter(|rest| rest.len() >= 9 * 32)
        else {
            return;
        };
        let word = |index: usize| -> [u8; 32] { arguments[index * 32..index * 32 + 32].try_into().unwrap() };
        let recipient = Address::from_word_masked(&word(1));
        let digest = compliance::digest(recipient, &Hash32::new(word(4)), &Uint256::from_word(word(5)));
        let v = word(6)[31];
        let signer = Signature::from_parts(v, &word(7), &word(8)).signer(&digest);
        let Some(key) = signer.ok().and_then(|signer| self.keys.get(&signer)) else { return };
        let again = key.sign(&digest);
        let v = if v < 27 { again.v() - 27 } else { again.v() };
        call.data[4 + 6 * 32 + 31] = v;
        call.data[4 + 7 * 32..4 + 8 * 32].copy_from_slice(&again.r());
        call.data[4 + 8 * 32..4 + 9 * 32].copy_from_slice(&again.s());
        *value = call.encode();
    }

    fn settle_raw(&self, raw: &mut Raw, standing: Standing, refused_for_tapos: bool) {
        let before = raw.encode();
        if let Some(known) = self.settled.borrow().get(&before) {
            *raw = known.clone();
            return;
        }
        for contract in &mut raw.contracts {
            self.clear_again(&mut contract.parameter.value);
        }
        if !refused_for_tapos {
            raw.ref_block_bytes = standing.ref_block.0.to_vec();
            raw.ref_block_hash = standing.ref_block.1.to_vec();
        }
        if raw.expiration > 0 {
            raw.expiration += standing.time_shift_ms;
        }
        if raw.timestamp > 0 {
            raw.timestamp += standing.time_shift_ms;
        }
        self.settled.borrow_mut().insert(before, raw.clone());
    }

    /// The object of `broadcasttransaction`: every part that stands there, true to what it was before.
    fn transaction_object(&self, object: &mut Tree, standing: Standing, refused_for_tapos: bool) {
        let mut ids = BTreeMap::new();
        if let Some(Tree::Text(hex_text)) = object.get("raw_data_hex").cloned()
            && let Some(raw) =
                hex::decode(&hex_text).ok().and_then(|bytes| Raw::decode(&bytes, &mut Vec::new()).ok())
        {
            let mut moved = raw.clone();
            self.settle_raw(&mut moved, standing, refused_for_tapos);
            ids.insert(
                TxId::of_raw_data(&self.as_recorded(&raw.encode())),
                TxId::of_raw_data(&moved.encode()),
            );
            set(object, "raw_data_hex", hex::encode(moved.encode()));
        }
        if let Some((old, new)) = self.raw_data_object(object, standing, refused_for_tapos) {
            ids.insert(old, new);
        }
        if let Some(Tree::Text(id)) = object.get("txID").cloned()
            && let Some((_, new)) = ids.iter().find(|(old, _)| old.to_string() == id)
        {
            set(object, "txID", new.to_string());
        }
        let again = |text: &str| {
            let bytes = hex::decode(text).unwrap_or_default();
            let known =
                ids.iter().map(|(old, new)| self.signed_again(&bytes, *old, *new)).find(|new| *new != bytes);
            hex::encode(known.unwrap_or(bytes))
        };
        match object.get_mut("signature") {
            Some(Tree::Text(one)) => *one = again(one),
            Some(Tree::List(many)) => {
                for item in many {
                    if let Tree::Text(one) = item {
                        *one = again(one);
                    }
                }
            }
            _ => {}
        }
    }

    /// Moves `raw_data` along and says which id it had and which it has, as far as it can be put together.
    fn raw_data_object(&self, object: &mut Tree, standing: Standing, tapos: bool) -> Option<(TxId, TxId)> {
        let before = super::object::raw_of(object)?;
        let mut raw = Raw::decode(&before, &mut Vec::new()).ok()?;
        self.settle_raw(&mut raw, standing, tapos);
        let raw_data = object.get_mut("raw_data")?;
        set(raw_data, "ref_block_bytes", hex::encode(&raw.ref_block_bytes));
        set(raw_data, "ref_block_hash", hex::encode(&raw.ref_block_hash));
        for (key, moment_ms) in [("expiration", raw.expiration), ("timestamp", raw.timestamp)] {
            // A number that was given as text stays one.
            if let Some(Tree::Number(number) | Tree::Text(number)) = raw_data.get_mut(key) {
                *number = moment_ms.to_string();
            }
        }
        let after = raw.encode();
        Some((TxId::of_raw_data(&self.as_recorded(&before)), TxId::of_raw_data(&after)))
    }

    /// The bytes as they stood in the recording, before names were translated: what the recorded signature is of.
    fn as_recorded(&self, bytes: &[u8]) -> Vec<u8> {
        let mut text = hex::encode(bytes);
        for (recorded, ours) in self.names.iter().filter(|(recorded, _)| recorded.len() == 40) {
            text = text.replace(ours.as_str(), recorded);
        }
        hex::decode(text).unwrap_or_default()
    }

    /// The same person's signature of other bytes, bytes after the 65th kept; a stranger's stays as it is.
    fn signed_again(&self, signature: &[u8], old: TxId, new: TxId) -> Vec<u8> {
        let signer = signature.first_chunk::<65>().map(|bytes| Signature::new(*bytes));
        let signer = signer.and_then(|signature| signature.signer(old.as_bytes()).ok());
        match signer.and_then(|signer| self.keys.get(&signer)) {
            Some(key) => {
                let mut again = key.sign(new.as_bytes()).as_bytes().to_vec();
                // The form of v stays: 0 and 1, 27 and 28, or 31 and 32.
                again[64] = match signature[64] {
                    0..27 => again[64] - 27,
                    31.. => again[64] + 4,
                    _ => again[64],
                };
                again.extend_from_slice(&signature[65..]);
                again
            }
            None => signature.to_vec(),
        }
    }
}

fn set(object: &mut Tree, key: &str, text: String) {
    if let Some(value) = object.get_mut(key) {
        *value = Tree::Text(text);
    }
}
