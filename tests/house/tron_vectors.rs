//! The fear: bytes that are almost TRON's. Everything in `tests/vectors`, made by public SDKs and quoted from the chain, in both
//! directions: what we write is what they wrote, what they wrote is what we read.
//!
//! `PAYOUTD_VECTORS` names another folder with files of the same shape.

use std::path::PathBuf;

use payoutd_actors::domain::{
    address::{Address, AddressError},
    money::MicroUsdt,
    tron::{
        BlockHeader, BlockId, DecodedTransfer, Hash32, KycClearance, Log, PayoutCall, PrivateKey, RefBlock,
        Signature, SignedTransfer, TransferTerms, TxId, Uint256, Unsigned,
        abi::{self, Call, Question, RevertReason},
        block::tx_trie_root,
        compliance,
        event::Event,
        execution::{LogError, TransferLog},
        hash::{keccak256, sha256},
        inspect::{ContractView, Inspection},
        protobuf::{
            Any, Contract, Message, Raw, TRANSFER_CONTRACT, TRANSFER_URL, TRIGGER_SMART_CONTRACT,
            TRIGGER_URL, Transaction, TransferContract, TriggerSmartContract,
        },
        transaction::bandwidth_points,
    },
};
use serde_json::Value;

fn vectors(name: &str) -> Value {
    let folder = std::env::var_os("PAYOUTD_VECTORS")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/vectors"), PathBuf::from);
    let file = folder.join(name);
    let text = std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    serde_json::from_str(&text).unwrap()
}

fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    let list = value[key].as_array().unwrap_or_else(|| panic!("no list {key}"));
    assert!(!list.is_empty(), "{key} is empty");
    list
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_else(|| panic!("no text {key} in {value}"))
}

fn bytes(value: &Value, key: &str) -> Vec<u8> {
    unhex(text(value, key))
}

fn unhex(digits: &str) -> Vec<u8> {
    hex::decode(digits.strip_prefix("0x").unwrap_or(digits)).unwrap()
}

fn word(digits: &str) -> [u8; 32] {
    unhex(digits).try_into().unwrap()
}

fn hash(digits: &str) -> Hash32 {
    Hash32::new(word(digits))
}

fn address(text: &str) -> Address {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn number(value: &Value) -> Uint256 {
    match value {
        Value::String(digits) => digits.parse().unwrap(),
        other => other.to_string().parse().unwrap(),
    }
}

// ---- addresses -------------------------------------------------------------------------------------------------------------

#[test]
fn vectors_of_addresses_in_every_form() {
    let file = vectors("addresses.json");
    for item in list(&file, "valid") {
        let expected = address(text(item, "address_base58"));
        assert_eq!(expected.to_string(), text(item, "address_base58"));
        assert_eq!(expected.to_hex41(), text(item, "address_hex41"));
        assert_eq!(Address::from_hex41(text(item, "address_hex41")), Ok(expected));
        assert_eq!(expected.evm()[..], bytes(item, "address_evm"));
        assert_eq!(expected.word()[..], bytes(item, "abi_word"));
        assert_eq!(Address::from_word(&word(text(item, "abi_word"))), Ok(expected));

        let public: Vec<u8> = bytes(item, "public_key_uncompressed");
        assert_eq!(Address::of_public_key(&public[1..].try_into().unwrap()), expected);
        if let Some(key) = item["private_key"].as_str() {
            assert_eq!(PrivateKey::from_hex(key).unwrap().address(), expected);
        }
    }
    for item in list(&file, "hex_forms") {
        assert_eq!(Address::from_hex41(text(item, "input")), Ok(address(text(item, "address_base58"))));
        let refusal = text(item, "input").parse::<Address>().unwrap_err();
        assert!(refusal.to_string().contains(text(item, "address_base58")), "{refusal}");
    }
    for item in list(&file, "policy_reject") {
        assert_eq!(address(text(item, "input")).to_hex41(), text(item, "address_hex41"));
    }
}

/// F004-23: each text that only looks like an address is refused, and for the reason that it was made with.
#[test]
fn vectors_of_texts_that_are_no_addresses() {
    use AddressError as E;
    for item in list(&vectors("addresses.json"), "invalid") {
        let input = text(item, "input");
        let error = input.parse::<Address>().expect_err(input);
        let fits = match text(item, "reason") {
            "empty" => matches!(error, E::Empty),
            "checksum" => matches!(error, E::Checksum),
            "length" => matches!(error, E::Length { .. } | E::Bytes { .. }),
            "whitespace" => matches!(error, E::Blanks),
            "case" => matches!(error, E::OneCase | E::Alphabet { .. } | E::Checksum),
            "alphabet" => matches!(error, E::Alphabet { .. }),
            "homoglyph" => matches!(error, E::LookAlike { .. }),
            "prefix" | "other_chain" => matches!(error, E::Prefix { .. } | E::Length { .. }),
            "ethereum_hex" => matches!(error, E::EvmForm | E::HexNoise),
            "hex_form" => matches!(error, E::HexForm { .. } | E::HexNoise),
            "scheme" => matches!(error, E::Scheme { .. }),
            _ => true,
        };
        assert!(fits, "{input:?} ({}) was refused with: {error}", item["note"]);
    }
}

// ---- abi -------------------------------------------------------------------------------------------------------------------

/// The call that a vector's method and arguments stand for; `Err` for a question.
fn call_of(method: &str, args: &[Value]) -> Result<Call, Question> {
    let account = |index: usize| address(args[index].as_str().unwrap());
    let amount = |index: usize| number(&args[index]);
    let mark = |index: usize| hash(args[index].as_str().unwrap());
    let words = |index: usize| args[index].as_str().unwrap().to_owned();
    let name = method.split('(').next().unwrap();
    Ok(match name {
        "transfer" => Call::Transfer { recipient: account(0), amount: amount(1) },
        "transferFrom" => Call::TransferFrom { from: account(0), recipient: account(1), amount: amount(2) },
        "approve" => Call::Approve { spender: account(0), amount: amount(1) },
        "disburse" => {
            Call::Disburse { session_id: mark(0), recipient: account(1), amount: amount(2), reason: words(3) }
        }
        "disburseKYC" => Call::DisburseKyc {
            session_id: mark(0),
            recipient: account(1),
            amount: amount(2),
            reason: words(3),
            kyc_hash: mark(4),
            expiry_s: amount(5),
            v: u8::try_from(amount(6).to_u64().unwrap()).unwrap(),
            r: mark(7),
            s: mark(8),
        },
        "balanceOf" => return Err(Question::BalanceOf { account: account(0) }),
        "isBlackListed" => return Err(Question::IsBlackListed { account: account(0) }),
        "getBlackListStatus" => return Err(Question::GetBlackListStatus { account: account(0) }),
        "allowance" => return Err(Question::Allowance { owner: account(0), spender: account(1) }),
        "calcFee" => return Err(Question::CalcFee { amount: amount(0) }),
        _ => {
            let plain = Question::PLAIN
                .into_iter()
                .find(|question| abi::function_of(question.selector()) == Some(method));
            return Err(plain.unwrap_or_else(|| panic!("{method} is not known")));
        }
    })
}

#[test]
fn vectors_of_calls_are_written_and_read() {
    let file = vectors("abi.json");
    for (function, selector) in file["selectors"].as_object().unwrap() {
        let selector: [u8; 4] = unhex(selector.as_str().unwrap()).try_into().unwrap();
        assert_eq!(abi::function_of(selector), Some(function.as_str()));
    }
    for item in list(&file, "calls") {
        let (method, data) = (text(item, "method"), bytes(item, "calldata"));
        assert_eq!(hex::encode(&data[..4]), text(item, "selector"));
        match call_of(method, item["args"].as_array().unwrap()) {
            Ok(call) => {
                assert_eq!(hex::encode(call.encode()), hex::encode(&data), "{method}");
                assert_eq!(Call::decode(&data), Ok(call), "{method}");
            }
            Err(question) => {
                assert_eq!(hex::encode(question.encode()), hex::encode(&data), "{method}");
                assert_eq!(Question::decode(&data), Ok(question), "{method}");
            }
        }
    }
}

#[test]
fn vectors_of_other_peoples_call_data_are_masked_and_never_taken_for_ours() {
    for item in list(&vectors("abi.json"), "foreign_calldata") {
        let data = bytes(item, "calldata");
        assert!(Call::decode(&data).is_err());
        let Ok(Call::Transfer { recipient, amount }) = Call::decode_as_tvm(&data) else { panic!("{item}") };
        assert_eq!(recipient, address(text(item, "decoded_to")));
        assert_eq!(amount, number(&item["decoded_amount"]));
    }
}

fn log_of(item: &Value) -> Log {
    let log = &item["log"];
    let topics =
        log["topics"].as_array().unwrap().iter().map(|topic| word(topic.as_str().unwrap())).collect();
    Log { address: bytes(log, "address").try_into().unwrap(), topics, data: bytes(log, "data") }
}

fn event_of(signature: &str, decoded: &Value) -> Event {
    let account = |key: &str| address(text(decoded, key));
    match signature.split('(').next().unwrap() {
        "Transfer" => {
            let (from, to, amount) = (account("from"), account("to"), number(&decoded["value"]));
            Event::Transfer(TransferLog { from, to, amount })
        }
        "Paid" => Event::Paid(payoutd_actors::domain::tron::execution::PaidLog {
            session_id: hash(text(decoded, "sessionId")),
            recipient: account("to"),
            amount: number(&decoded["amount"]),
            reason: text(decoded, "reason").to_owned(),
        }),
        "Approval" => {
            let amount = number(&decoded["value"]);
            Event::Approval { owner: account("owner"), spender: account("spender"), amount }
        }
        "AddedBlackList" => Event::AddedBlackList { account: account("_user") },
        "DestroyedBlackFunds" => Event::DestroyedBlackFunds {
            account: account("_blackListedUser"),
            amount: number(&decoded["_balance"]),
        },
        "Deprecate" => Event::Deprecate { successor: account("newAddress") },
        "Pause" => Event::Pause,
        "Params" => Event::Params {
            fee_basis_points: number(&decoded["feeBasisPoints"]),
            max_fee: number(&decoded["maxFee"]),
        },
        other => panic!("{other} is not known"),
    }
}

#[test]
fn vectors_of_logs_are_read_and_written() {
    let file = vectors("abi.json");
    for (signature, topic) in file["topics"].as_object().unwrap() {
        assert_eq!(hex::encode(Event::topic(signature)), topic.as_str().unwrap());
    }
    for item in list(&file, "logs") {
        let (log, event) = (log_of(item), event_of(text(item, "event"), &item["decoded"]));
        assert_eq!(log.contract(), address(text(item, "log_address_base58")));
        assert_eq!(Event::read(&log), Ok(event.clone()));
        assert_eq!(event.to_log(log.contract()), log);
    }
}

/// F004-23: none of these may be read as an amount of the token.
#[test]
fn vectors_of_bad_logs_are_no_transfers_of_the_token() {
    let usdt = address("TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t");
    for item in list(&vectors("abi.json"), "bad_logs") {
        let log = log_of(item);
        let read = TransferLog::read(&log);
        assert!(read.is_err() || log.contract() != usdt, "{}: {read:?}", item["note"]);
        if log.topics.len() == 4 {
            assert_eq!(read, Err(LogError::Topics { found: 4 }));
        }
    }
}

#[test]
fn vectors_of_returned_data() {
    for item in list(&vectors("abi.json"), "returns") {
        let (data, decoded) = (bytes(item, "data"), &item["decoded"]);
        match text(item, "kind") {
            "uint256" | "uint8" => {
                assert_eq!(abi::decode_number(&data), Ok(number(decoded)));
                assert_eq!(abi::encode_number(&number(decoded)), data);
            }
            "string" => {
                assert_eq!(abi::decode_text(&data).as_deref(), Ok(decoded.as_str().unwrap()));
                assert_eq!(abi::encode_text(decoded.as_str().unwrap()), data);
            }
            "bool" => assert_eq!(abi::decode_bool(&data), Ok(decoded.as_bool().unwrap())),
            "empty" => assert!(abi::decode_bool(&data).is_err()),
            kind => {
                let expected = match kind {
                    "revert Error(string)" => {
                        RevertReason::Error { text: decoded.as_str().unwrap().to_owned() }
                    }
                    "revert Panic(uint256)" => RevertReason::Panic { code: number(decoded) },
                    "revert empty" => RevertReason::Silent,
                    other => panic!("{other} is not known"),
                };
                assert_eq!(RevertReason::decode(&data), expected);
                assert_eq!(expected.encode(), data);
            }
        }
    }
}

// ---- transactions ----------------------------------------------------------------------------------------------------------

fn int(value: &Value) -> i64 {
    value.as_i64().unwrap_or(0)
}

/// The raw data that a vector's inputs stand for, message by message.
fn raw_of(inputs: &Value) -> Raw {
    let owner_address = address(text(inputs, "owner")).payload().to_vec();
    let (kind, type_url, value) = if text(inputs, "contract_type") == "TransferContract" {
        let to_address = address(text(inputs, "to")).payload().to_vec();
        let contract = TransferContract { owner_address, to_address, amount: int(&inputs["amount_sun"]) };
        (TRANSFER_CONTRACT, TRANSFER_URL, contract.encode())
    } else {
        let data = call_of(text(inputs, "method"), inputs["args"].as_array().unwrap()).unwrap().encode();
        assert_eq!(hex::encode(&data), text(inputs, "calldata"));
        let contract = TriggerSmartContract {
            owner_address,
            contract_address: address(text(inputs, "contract")).payload().to_vec(),
            call_value: int(&inputs["call_value"]),
            data,
            ..TriggerSmartContract::default()
        };
        (TRIGGER_SMART_CONTRACT, TRIGGER_URL, contract.encode())
    };
    let parameter = Any { type_url: type_url.to_owned(), value };
    Raw {
        ref_block_bytes: bytes(&inputs["ref_block"], "ref_block_bytes"),
        ref_block_hash: bytes(&inputs["ref_block"], "ref_block_hash"),
        expiration: int(&inputs["expiration"]),
        data: inputs["memo_hex"].as_str().map(unhex).unwrap_or_default(),
        contracts: vec![Contract { kind, parameter, permission_id: int(&inputs["permission_id"]) }],
        timestamp: int(&inputs["timestamp"]),
        fee_limit: int(&inputs["fee_limit"]),
        ..Raw::default()
    }
}

#[test]
fn vectors_of_transactions_are_written_signed_and_read() {
    for item in list(&vectors("transactions.json"), "items") {
        let inputs = &item["inputs"];
        let raw = raw_of(inputs);
        let raw_data = raw.encode();
        assert_eq!(hex::encode(&raw_data), text(item, "raw_data_hex"));
        let mut odd = Vec::new();
        assert_eq!(Raw::decode(&raw_data, &mut odd), Ok(raw));
        assert_eq!(odd, []);

        let txid = TxId::of_raw_data(&raw_data);
        assert_eq!(txid.to_string(), text(item, "txid"));
        let key = PrivateKey::from_hex(text(inputs, "private_key")).unwrap();
        let signature = key.sign(txid.as_bytes());
        assert_eq!(signature.to_string(), text(item, "signature"));
        assert_eq!(signature.signer(txid.as_bytes()), Ok(address(text(inputs, "owner"))));
        let with_v01 = Signature::from_slice(&bytes(item, "signature_v01")).unwrap();
        assert_eq!(with_v01.signer(txid.as_bytes()), Ok(address(text(inputs, "owner"))));

        for (signature, whole) in [("signature", "signed_tx_hex"), ("signature_v01", "signed_tx_hex_v01")] {
            let signatures = vec![bytes(item, signature)];
            let transaction = Transaction { raw_data: raw_data.clone(), signatures, ret: vec![] };
            assert_eq!(hex::encode(transaction.encode()), text(item, whole));
            let mut odd = Vec::new();
            assert_eq!(Transaction::decode(&bytes(item, whole), &mut odd), Ok(transaction));
            assert_eq!(odd, []);
            assert_eq!(
                bandwidth_points(bytes(item, whole).len()) as u64,
                item["bandwidth_points"].as_u64().unwrap()
            );
        }
    }
}

/// The terms that a vector's inputs stand for, where a payout can have such terms: a positive amount that 64 bits hold.
fn terms_of(inputs: &Value) -> Option<TransferTerms> {
    if text(inputs, "contract_type") == "TransferContract" {
        return None;
    }
    let contract = address(text(inputs, "contract"));
    let micro = |amount: Uint256| amount.to_micro_usdt().filter(|amount| amount.is_positive());
    let call = match call_of(text(inputs, "method"), inputs["args"].as_array().unwrap()).unwrap() {
        Call::Transfer { recipient, amount } => {
            PayoutCall::Transfer { token: contract, recipient, amount: micro(amount)? }
        }
        Call::Disburse { session_id, recipient, amount, reason } => {
            PayoutCall::Disburse { router: contract, session_id, recipient, amount: micro(amount)?, reason }
        }
        Call::DisburseKyc { session_id, recipient, amount, reason, kyc_hash, expiry_s, v, r, s } => {
            let kyc = KycClearance { hash: kyc_hash, expiry_s: expiry_s.to_u64().unwrap(), v, r, s };
            let amount = micro(amount)?;
            PayoutCall::DisburseKyc { router: contract, session_id, recipient, amount, reason, kyc }
        }
        other => panic!("{other:?}"),
    };
    Some(TransferTerms {
        owner: address(text(inputs, "owner")),
        call,
        fee_limit_sun: inputs["fee_limit"].as_u64().unwrap(),
        ref_block: RefBlock::new(text(&inputs["ref_block"], "block_id").parse().unwrap()),
        expires_at_ms: int(&inputs["expiration"]),
        timestamp_ms: int(&inputs["timestamp"]),
        memo: inputs["memo_hex"].as_str().map(unhex),
        permission_id: u32::try_from(int(&inputs["permission_id"])).unwrap(),
    })
}

#[test]
fn vectors_of_payouts_go_from_terms_to_a_signed_transfer_and_back() {
    let mut payouts = 0;
    for item in list(&vectors("transactions.json"), "items") {
        let inputs = &item["inputs"];
        let Some(terms) = terms_of(inputs) else { continue };
        payouts += 1;
        assert_eq!(terms.ref_block.number, inputs["ref_block"]["number"].as_u64().unwrap());
        let unsigned = Unsigned::build(&terms).unwrap();
        assert_eq!(hex::encode(unsigned.raw_data()), text(item, "raw_data_hex"));
        assert_eq!(unsigned.txid().to_string(), text(item, "txid"));
        let signed = unsigned.sign(&PrivateKey::from_hex(text(inputs, "private_key")).unwrap()).unwrap();
        assert_eq!(hex::encode(signed.bytes()), text(item, "signed_tx_hex"));
        assert_eq!(signed.bytes().len(), signed.len());
        assert_eq!(
            SignedTransfer::restore(signed.raw_data().to_vec(), *signed.signature()),
            Ok(signed.clone())
        );

        let read = DecodedTransfer::read(signed.raw_data()).unwrap();
        assert_eq!((read.owner, read.call, read.memo), (terms.owner, terms.call, terms.memo));
        assert_eq!((read.expires_at_ms, read.timestamp_ms), (terms.expires_at_ms, terms.timestamp_ms));
        assert_eq!((read.fee_limit_sun, read.permission_id), (terms.fee_limit_sun, terms.permission_id));
        assert_eq!(read.ref_block_bytes, terms.ref_block.bytes());
        assert_eq!(read.ref_block_hash, terms.ref_block.hash());
    }
    assert!(payouts > 0);
}

#[test]
fn vectors_of_transactions_are_shown_to_people_as_they_were_meant() {
    let file = vectors("transactions.json");
    for item in list(&file, "items") {
        let inspection = Inspection::of(&bytes(item, "signed_tx_hex")).unwrap();
        let inputs = &item["inputs"];
        assert_eq!(inspection.txid.to_string(), text(item, "txid"));
        assert_eq!(inspection.odd, []);
        assert_eq!(inspection.signatures[0].signer, Some(address(text(inputs, "owner"))));
        assert_eq!(inspection.bandwidth as u64, item["bandwidth_points"].as_u64().unwrap());
        assert_eq!(inspection.raw.expires_at_ms, int(&inputs["expiration"]));
        match &inspection.contracts[0].view {
            ContractView::Transfer { owner, recipient, amount } => {
                assert_eq!(
                    (*owner, *recipient),
                    (address(text(inputs, "owner")), address(text(inputs, "to")))
                );
                assert_eq!(amount.sun(), inputs["amount_sun"].as_u64().unwrap());
            }
            ContractView::Call { contract, call: Some(call), .. } => {
                assert_eq!(*contract, address(text(inputs, "contract")));
                assert_eq!(
                    Ok((**call).clone()),
                    call_of(text(inputs, "method"), inputs["args"].as_array().unwrap())
                );
            }
            other => panic!("{other:?}"),
        }
    }
    for item in list(&file, "mainnet_samples") {
        let raw_data = bytes(item, "raw_data_hex");
        assert_eq!(raw_of(&item["inputs"]).encode(), raw_data);
        assert_eq!(TxId::of_raw_data(&raw_data).to_string(), text(item, "txid"));
        let signature = Signature::from_slice(&bytes(item, "signature")).unwrap();
        let signer = signature.signer(TxId::of_raw_data(&raw_data).as_bytes());
        assert_eq!(signer, Ok(address(text(item, "signer"))));
    }
}

// ---- blocks ----------------------------------------------------------------------------------------------------------------

#[test]
fn vectors_of_block_headers_prove_their_ids_and_their_producers() {
    for item in list(&vectors("blocks.json"), "headers") {
        let raw = &item["block_header"]["raw_data"];
        let header = BlockHeader {
            number: raw["number"].as_u64().unwrap(),
            parent_id: text(raw, "parentHash").parse().unwrap(),
            timestamp_ms: int(&raw["timestamp"]),
            witness: Address::from_hex41(text(raw, "witness_address")).unwrap(),
            witness_id: 0,
            version: int(&raw["version"]),
            tx_trie_root: text(raw, "txTrieRoot").parse().unwrap(),
            account_state_root: raw["accountStateRoot"].as_str().map(hash),
            signature: bytes(&item["block_header"], "witness_signature"),
        };
        let raw_bytes = header.raw_bytes();
        assert_eq!(hex::encode(&raw_bytes), text(item, "header_raw_hex"));
        assert_eq!(hex::encode(sha256(&raw_bytes)), text(item, "sha256_header_raw"));
        let id: BlockId = text(item, "blockID").parse().unwrap();
        assert_eq!((header.id(), id.number()), (id, header.number));
        assert_eq!(hex::encode(RefBlock::new(id).bytes()), text(item, "ref_block_bytes"));
        assert_eq!(hex::encode(RefBlock::new(id).hash()), text(item, "ref_block_hash"));
        let own = header.signer() == Ok(header.witness);
        assert_eq!(own, item["signer_equals_witness_address"].as_bool().unwrap());
    }
}

#[test]
fn vectors_of_merkle_roots() {
    for item in list(&vectors("blocks.json")["merkle"], "cases") {
        let leaves: Vec<Hash32> =
            item["leaves"].as_array().unwrap().iter().map(|leaf| hash(leaf.as_str().unwrap())).collect();
        assert_eq!(tx_trie_root(&leaves), hash(text(item, "root")), "{} leaves", leaves.len());
    }
}

// ---- compliance ------------------------------------------------------------------------------------------------------------

#[test]
fn vectors_of_the_compliance_officers_word() {
    for item in list(&vectors("compliance.json"), "items") {
        let (recipient, papers) = (address(text(item, "to")), hash(text(item, "kyc_hash")));
        let expiry = number(&item["expiry"]);
        let officer = PrivateKey::from_hex(text(item, "signer_private_key")).unwrap();
        assert_eq!(officer.address(), address(text(item, "signer_base58")));
        assert_eq!(officer.address().evm()[..], bytes(item, "signer_evm"));
        assert_eq!(recipient.evm()[..], bytes(item, "to_evm"));
        assert_eq!(keccak256(&bytes(item, "packed"))[..], bytes(item, "inner_hash"));
        assert_eq!(compliance::inner_hash(recipient, &papers, &expiry)[..], bytes(item, "inner_hash"));
        let digest = compliance::digest(recipient, &papers, &expiry);
        assert_eq!(digest[..], bytes(item, "digest"));

        let signature = officer.sign(&digest);
        assert_eq!(signature.as_bytes()[..], bytes(item, "signature_rsv"));
        let v = u8::try_from(item["v"].as_u64().unwrap()).unwrap();
        assert_eq!(Signature::from_parts(v, &word(text(item, "r")), &word(text(item, "s"))), signature);
        assert_eq!(compliance::verify_digest(officer.address(), &digest, &signature), Ok(()));
        if let Some(expiry_s) = expiry.to_u64() {
            let clearance = KycClearance::sign(&officer, recipient, papers, expiry_s);
            assert_eq!((clearance.v, clearance.r), (v, hash(text(item, "r"))));
            assert_eq!(clearance.verify(officer.address(), recipient), Ok(()));
        }
    }
}

/// What must never pass for the officer's word: other headers, other packings, and the signature's mirror image.
#[test]
fn vectors_of_what_is_not_the_compliance_officers_word() {
    for item in list(&vectors("compliance.json"), "items") {
        let negative = &item["negative"];
        let officer = PrivateKey::from_hex(text(item, "signer_private_key")).unwrap();
        let (recipient, papers) = (address(text(item, "to")), hash(text(item, "kyc_hash")));
        let digest = compliance::digest(recipient, &papers, &number(&item["expiry"]));
        for other in [
            "digest_with_tron_header",
            "digest_plain_inner",
            "packed_with_41_prefix_hash",
            "abi_encode_instead_of_packed_hash",
        ] {
            let wrong = word(text(negative, other));
            assert_ne!(wrong, digest, "{other}");
            let signature = officer.sign(&wrong);
            assert!(compliance::verify_digest(officer.address(), &digest, &signature).is_err(), "{other}");
        }
        let twin = &negative["malleable_twin"];
        let v = u8::try_from(twin["v"].as_u64().unwrap()).unwrap();
        let twin = Signature::from_parts(v, &word(text(twin, "r")), &word(text(twin, "s")));
        assert_eq!(twin.signer(&digest), Ok(officer.address()), "the twin does name the officer");
        let refused = compliance::verify_digest(officer.address(), &digest, &twin);
        assert_eq!(refused, Err(compliance::ClearanceError::HighS));
    }
}

/// F001-26: the amounts of the vectors are printed and read as USDT without losing a unit.
#[test]
fn vectors_of_amounts_survive_their_decimal_form() {
    for item in list(&vectors("transactions.json"), "items") {
        let Some(terms) = terms_of(&item["inputs"]) else { continue };
        let amount = terms.call.amount();
        assert_eq!(amount.to_string().parse::<MicroUsdt>(), Ok(amount));
    }
}
