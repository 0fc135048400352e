//! `payoutd tx inspect HEX`: a transaction for a person, or with `--json` for a script.

use std::time::SystemTime;

use chrono::{DateTime, SecondsFormat, Utc};
use payoutd_actors::domain::{
    address::Address,
    money::Sun,
    tron::{
        DecodedTransfer, PayoutCall, Uint256,
        abi::Call,
        inspect::{ContractItem, ContractView, Form, Inspection, SignatureView},
        protobuf::{Message, Transaction},
        wire::Oddity,
    },
};
use serde::Serialize;

use super::hex_input;
use crate::cli::{
    Json,
    address::USDT,
    exit::Exit,
    failure::Failure,
    sheet::Sheet,
    terminal::{Ink, Terminal},
};

/// `payoutd tx inspect HEX`
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  payoutd tx inspect 0ad3010a02c3232208a17e3bcbddfb675b40…       a signed transaction, as broadcasthex takes it
  payoutd tx inspect 0a02b5302208f8878f20d184f98b40a09bf2cf…     raw data alone, as raw_data_hex shows it
  curl … | jq -r .raw_data_hex | payoutd tx inspect - --json     from a pipe, for a script

Nothing is asked of a network: what is shown stands in the bytes. Token amounts are read with six places, as USDT has.
Exit codes: 0 shown, 65 not a transaction.")]
pub(super) struct Args {
    /// The transaction in hex, signed or raw; - reads it from stdin
    #[arg(value_name = "HEX", allow_hyphen_values = true)]
    hex: String,

    #[command(flatten)]
    json: Json,
}

/// What a script gets: the inspection, the times in words, and the payout if it is one of ours to make.
#[derive(Serialize)]
struct Answer<'a> {
    #[serde(flatten)]
    inspection: &'a Inspection,
    expires_at: Option<String>,
    timestamp: Option<String>,
    payout: Option<Payout>,
}

#[derive(Serialize)]
struct Payout {
    owner: Address,
    #[serde(flatten)]
    call: PayoutCall,
}

impl Args {
    /// Takes the bytes apart and shows them.
    pub(super) fn run(self, terminal: &Terminal) -> Result<Exit, Failure> {
        let bytes = hex_input::read(&self.hex)?;
        let inspection = Inspection::of(&bytes).map_err(|error| {
            Failure::because(Exit::BadData, "the bytes are no TRON transaction", &error)
                .next("give the hex of a Transaction (the body of wallet/broadcasthex) or of its raw_data")
        })?;
        if self.json.json {
            terminal.json(&answer(&inspection, &bytes))?;
        } else {
            show(terminal, &inspection, DateTime::from(SystemTime::now()))?;
        }
        Ok(Exit::Done)
    }
}

fn answer<'a>(inspection: &'a Inspection, bytes: &[u8]) -> Answer<'a> {
    let raw_data = match inspection.form {
        Form::RawData => Some(bytes.to_vec()),
        Form::Transaction => Transaction::decode(bytes, &mut Vec::new()).ok().map(|whole| whole.raw_data),
    };
    let read = raw_data.and_then(|raw_data| DecodedTransfer::read(&raw_data).ok());
    Answer {
        inspection,
        expires_at: rfc3339(inspection.raw.expires_at_ms),
        timestamp: rfc3339(inspection.raw.timestamp_ms),
        payout: read.map(|read| Payout { owner: read.owner, call: read.call }),
    }
}

fn show(terminal: &Terminal, inspection: &Inspection, now: DateTime<Utc>) -> Result<(), Failure> {
    let mut sheet = Sheet::new(terminal);
    sheet.put("txid", terminal.on_stdout(Ink::Strong, inspection.txid));
    let form = match inspection.form {
        Form::Transaction => "a whole transaction",
        Form::RawData => "raw data, not signed",
    };
    sheet.put(
        "bytes",
        format_args!("{} ({form}), {} bandwidth points", inspection.length, inspection.bandwidth),
    );
    for contract in &inspection.contracts {
        sheet.gap();
        put_contract(&mut sheet, contract);
    }
    sheet.gap();
    put_raw(&mut sheet, terminal, inspection, now);
    for signature in &inspection.signatures {
        put_signature(&mut sheet, terminal, signature, &inspection.contracts);
    }
    if inspection.signatures.is_empty() {
        sheet.put("signed by", terminal.on_stdout(Ink::Faint, "nobody yet"));
    }
    for result in &inspection.results {
        sheet.put(
            "result",
            format_args!("{}{}", result.contract_result, if result.failed { ", FAILED" } else { "" }),
        );
    }
    put_oddities(&mut sheet, terminal, inspection);
    sheet.print()
}

fn put_contract(sheet: &mut Sheet<'_>, contract: &ContractItem) {
    match &contract.view {
        ContractView::Transfer { owner, recipient, amount } => {
            sheet.put("does", "TransferContract: TRX to somebody");
            sheet.put("owner", owner).put("recipient", recipient);
            sheet.put("amount", format_args!("{amount} TRX ({} sun)", amount.sun()));
        }
        ContractView::Call { owner, contract, call_value_sun, function, call, strict, data } => {
            sheet.put(
                "does",
                format_args!("TriggerSmartContract: {}", function.unwrap_or("a function not known here")),
            );
            sheet.put("owner", owner).put("contract", format_args!("{contract}{}", known(*contract)));
            match call {
                Some(call) => put_call(sheet, call, *contract),
                None => {
                    sheet.put("data", if data.is_empty() { "none" } else { data });
                }
            }
            if *call_value_sun != 0 {
                sheet.put("sends", trx(*call_value_sun));
            }
            if *strict == Some(false) {
                sheet.put(
                    "layout",
                    "not as a careful encoder lays arguments out: read as the machine would run them",
                );
            }
        }
        ContractView::Other { number, type_url, value } => {
            let name = type_url.rsplit('.').next().filter(|name| !name.is_empty()).unwrap_or("no type");
            sheet.put("does", format_args!("{name} (contract type {number}), not known here"));
            sheet.put("value", value);
        }
    }
    match contract.permission_id {
        0 => {}
        id => {
            sheet.put("permission", format_args!("{id}, not the owner's own"));
        }
    }
}

fn put_call(sheet: &mut Sheet<'_>, call: &Call, contract: Address) {
    let tokens = |amount| tokens(amount, contract);
    match call {
        Call::Transfer { recipient, amount } => {
            sheet.put("recipient", recipient).put("amount", tokens(amount));
        }
        Call::TransferFrom { from, recipient, amount } => {
            sheet.put("from", from).put("recipient", recipient).put("amount", tokens(amount));
        }
        Call::Approve { spender, amount } => {
            let most = if *amount == Uint256::MAX { "without limit".to_owned() } else { tokens(amount) };
            sheet.put("spender", spender).put("amount", most);
        }
        Call::Disburse { session_id, recipient, amount, reason } => {
            sheet.put("recipient", recipient).put("amount", tokens(amount));
            sheet.put("reason", format_args!("{reason:?}")).put("session id", session_id);
        }
        Call::DisburseKyc { session_id, recipient, amount, reason, kyc_hash, expiry_s, v, r, s } => {
            sheet.put("recipient", recipient).put("amount", tokens(amount));
            sheet.put("reason", format_args!("{reason:?}")).put("session id", session_id);
            let until =
                expiry_s.to_u64().and_then(|s| i64::try_from(s).ok()).and_then(|s| s.checked_mul(1000));
            let until = until.and_then(rfc3339).unwrap_or_else(|| "beyond every calendar".to_owned());
            sheet.put("kyc hash", kyc_hash).put("kyc until", format_args!("{until} ({expiry_s})"));
            sheet.put("kyc signature", format_args!("v {v}, r {r}")).more(format_args!("      s {s}"));
        }
    }
}

fn put_raw(sheet: &mut Sheet<'_>, terminal: &Terminal, inspection: &Inspection, now: DateTime<Utc>) {
    let raw = &inspection.raw;
    match (&raw.memo, &raw.memo_hex) {
        (Some(memo), _) => {
            sheet.put("memo", format_args!("{memo:?}"));
        }
        (None, Some(bytes)) => {
            sheet.put("memo", format_args!("0x{bytes}, not text"));
        }
        (None, None) => {}
    }
    if raw.fee_limit_sun != 0 {
        sheet.put("fee limit", trx(raw.fee_limit_sun));
    }
    sheet.put("ref block", format_args!("number …{}, id …{}…", raw.ref_block_bytes, raw.ref_block_hash));
    sheet.put("timestamp", rfc3339(raw.timestamp_ms).unwrap_or_else(|| format!("{} ms", raw.timestamp_ms)));
    let expires = rfc3339(raw.expires_at_ms).unwrap_or_else(|| format!("{} ms", raw.expires_at_ms));
    let away_s = (raw.expires_at_ms - now.timestamp_millis()) / 1000;
    if away_s >= 0 {
        sheet.put("expires", format_args!("{expires}, in {}", duration(away_s)));
    } else {
        let past = terminal.on_stdout(Ink::Faint, format!("{} ago by this clock", duration(-away_s)));
        sheet.put("expires", format_args!("{expires}, {past}"));
    }
}

fn put_signature(
    sheet: &mut Sheet<'_>,
    terminal: &Terminal,
    signature: &SignatureView,
    contracts: &[ContractItem],
) {
    let owner = contracts.first().and_then(|contract| match &contract.view {
        ContractView::Transfer { owner, .. } | ContractView::Call { owner, .. } => Some(*owner),
        ContractView::Other { .. } => None,
    });
    let own_permission = contracts.first().is_some_and(|contract| contract.permission_id == 0);
    let line = match signature.signer {
        None => terminal.on_stdout(Ink::Bad, "nobody: no key fits the signature".to_owned()).to_string(),
        Some(signer) if Some(signer) == owner => {
            format!("{signer}, {}", terminal.on_stdout(Ink::Good, "the owner"))
        }
        Some(signer) if owner.is_some() && own_permission => {
            format!(
                "{signer}, {}",
                terminal.on_stdout(Ink::Care, "not the owner: only a changed permission allows it")
            )
        }
        Some(signer) => signer.to_string(),
    };
    sheet.put("signed by", line);
    if signature.signer.is_some() && !signature.low_s {
        sheet.more(
            terminal
                .on_stdout(Ink::Care, "s is in the upper half: valid, but not as careful signers write it"),
        );
    }
}

fn put_oddities(sheet: &mut Sheet<'_>, terminal: &Terminal, inspection: &Inspection) {
    for (index, oddity) in inspection.odd.iter().enumerate() {
        let text = match oddity {
            Oddity::UnknownField { message, field, len } => {
                format!("field {field} of {message} ({len} bytes) is in no schema here; it costs bandwidth")
            }
            Oddity::NotCanonical { message } => {
                format!("{message} is not in canonical form; a node that writes it anew may see another id")
            }
            Oddity::PaddedSignature { index, extra } => {
                format!(
                    "signature {} has {extra} bytes too many; they cost bandwidth and change no id",
                    index + 1
                )
            }
        };
        sheet.put(if index == 0 { "odd" } else { "" }, terminal.on_stdout(Ink::Care, text));
    }
}

/// Token units as they are, and with six places as USDT has; a router or another token is not known here.
fn tokens(amount: &Uint256, contract: Address) -> String {
    match amount.to_micro_usdt() {
        Some(micro) if contract == USDT => format!("{micro} USDT ({amount} units)"),
        Some(micro) => format!("{micro} with six places ({amount} units)"),
        None => format!("{amount} units"),
    }
}

fn trx(sun: i64) -> String {
    u64::try_from(sun).map_or_else(|_| format!("{sun} sun"), |sun| format!("{} TRX", Sun::new(sun)))
}

fn known(contract: Address) -> &'static str {
    if contract == USDT { " (USDT on mainnet)" } else { "" }
}

fn rfc3339(ms: i64) -> Option<String> {
    DateTime::from_timestamp_millis(ms).map(|time| time.to_rfc3339_opts(SecondsFormat::Millis, true))
}

fn duration(seconds: i64) -> String {
    match seconds {
        ..120 => format!("{seconds} s"),
        120..7_200 => format!("{} min", seconds / 60),
        7_200..172_800 => format!("{} h", seconds / 3_600),
        _ => format!("{} days", seconds / 86_400),
    }
}
