//! An order as a sender writes it, read into an [`Order`].
//!
//! Door-neutral: the same text is the same order over every door. All mistakes are found in one reading.

use std::collections::{BTreeMap, BTreeSet};

use payoutd_actors::domain::{
    address::Address,
    money::MicroUsdt,
    order::{AMOUNT_CAP, Order, OrderProblem, PRIORITY_MAX, Route},
    tron::{KycClearance, hash::Hash32},
};
use serde_json::Value;

use super::{
    fields::{Fields, Problems},
    json::{self, Malformed},
    moment,
};

/// Orders that one batch may hold (F-P09).
pub const BATCH_MAX: usize = 500;

const AN_ADDRESS: &str = "a string of 34 characters starting with T";
const AN_AMOUNT: &str = "a string like \"25.5\"";
const HEX_32: &str = "a string of 64 hex digits";

/// Why a text is no order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotAnOrder {
    /// It is no JSON: there is nothing to point into.
    Malformed(Malformed),
    /// Its mistakes, by pointer, and what is sound of each order: a policy can still be asked of that.
    Mistaken {
        /// The mistakes of form.
        problems: Vec<OrderProblem>,
        /// The orders, as far as they could be read.
        sound: Vec<SoundFields>,
    },
}

/// What is sound of an order that has mistakes of form: the rest is filled in with something harmless.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SoundFields {
    /// The order, its mistaken fields filled in.
    pub order: Order,
    /// Whether the text itself says how urgent it is.
    names_priority: bool,
    /// Its place in the text.
    at: String,
    /// The fields that are filled in, or that can not be judged without one that is.
    filled_in: BTreeSet<String>,
}

impl SoundFields {
    /// Whether the text itself says how urgent it is: where it does not, a door may say it in its own way.
    #[must_use]
    pub fn names_priority(&self) -> bool {
        self.names_priority
    }

    /// What a policy says of the order, as far as it is about a sound field; placed in the text.
    #[must_use]
    pub fn own(&self, problem: OrderProblem) -> Option<OrderProblem> {
        let field = problem.pointer.split('/').nth(1).unwrap_or_default();
        let is_own = !self.filled_in.contains(field);
        is_own.then(|| OrderProblem::at(&format!("{}{}", self.at, problem.pointer), problem.detail))
    }
}

impl From<Malformed> for NotAnOrder {
    fn from(malformed: Malformed) -> Self {
        Self::Malformed(malformed)
    }
}

/// Reads one order.
///
/// # Errors
/// With every mistake in the text.
pub fn read_one(bytes: &[u8]) -> Result<Order, NotAnOrder> {
    read_one_sound(bytes).map(|read| read.order)
}

/// Reads one order, and what its text said of itself besides.
///
/// # Errors
/// With every mistake in the text.
pub fn read_one_sound(bytes: &[u8]) -> Result<SoundFields, NotAnOrder> {
    let (value, twice) = json::read(bytes)?;
    let (mut problems, mut sound) = (Problems::beginning_with(twice), Vec::new());
    sound.extend(order(value, "", &mut problems));
    match sound.pop() {
        Some(read) if problems.is_empty() => Ok(read),
        read => Err(NotAnOrder::Mistaken { problems: problems.into_list(), sound: Vec::from_iter(read) }),
    }
}

/// Reads a batch, `{"payouts":[…]}` with 1 to [`BATCH_MAX`] orders.
///
/// # Errors
/// With every mistake in the text; pointers begin with `/payouts/` and the item's place.
pub fn read_batch(bytes: &[u8]) -> Result<Vec<Order>, NotAnOrder> {
    let (value, twice) = json::read(bytes)?;
    let mut problems = Problems::beginning_with(twice);
    let sound = batch(value, &mut problems).unwrap_or_default();
    if problems.is_empty() {
        return Ok(sound.into_iter().map(|read| read.order).collect());
    }
    Err(NotAnOrder::Mistaken { problems: problems.into_list(), sound })
}

fn batch(value: Value, problems: &mut Problems) -> Option<Vec<SoundFields>> {
    let mut fields = Fields::of(value, "", problems)?;
    let payouts = fields.require("payouts", "a list of payouts");
    let orders = match payouts {
        Some(Value::Array(items)) if (1..=BATCH_MAX).contains(&items.len()) => {
            let inner = fields.problems();
            let read = |(place, item)| order(item, &format!("/payouts/{place}"), inner);
            items.into_iter().enumerate().filter_map(read).collect()
        }
        Some(Value::Array(items)) => {
            fields.note(
                "payouts",
                format!("{} payouts where 1 to {BATCH_MAX} are taken at a time", items.len()),
            );
            Vec::new()
        }
        Some(_) => {
            fields.note("payouts", "a list of payouts is wanted");
            Vec::new()
        }
        None => Vec::new(),
    };
    fields.refuse_the_rest();
    Some(orders)
}

/// Stands in the place of a recipient that can not be read, and of an amount.
const SOMEBODY: Address = Address::from_evm([0x5a; 20]);
const SOMETHING: MicroUsdt = MicroUsdt::new(1);

/// An order, as far as it can be read; `None` where there is none at all.
fn order(value: Value, at: &str, problems: &mut Problems) -> Option<SoundFields> {
    let mut fields = Fields::of(value, at, problems)?;
    let recipient = recipient(&mut fields);
    let amount = amount(&mut fields);
    only(&mut fields, "currency", "USDT");
    only(&mut fields, "network", "TRON");
    let reference = fields.text("reference", "a string");
    let memo = fields.text("memo", "a string");
    let route = route(&mut fields);
    let kyc = clearance(&mut fields);
    let not_before_ms = moment_of(&mut fields, "not_before");
    let not_after_ms = moment_of(&mut fields, "not_after");
    let priority = fields.whole("priority", PRIORITY_MAX.into());
    let metadata = metadata(&mut fields);
    fields.refuse_the_rest();
    let mut filled_in = problems.fields_below(at);
    if filled_in.contains("recipient") || filled_in.contains("route") {
        // A clearance is one for its recipient, on its route.
        filled_in.insert("kyc".to_owned());
    }
    let order = Order {
        recipient: recipient.unwrap_or(SOMEBODY),
        amount: amount.unwrap_or(SOMETHING),
        route: route.unwrap_or(Route::Transfer),
        reference,
        memo,
        kyc,
        not_before_ms,
        not_after_ms,
        priority: priority.and_then(|priority| u8::try_from(priority).ok()).unwrap_or(0),
        metadata,
    };
    Some(SoundFields { order, names_priority: priority.is_some(), at: at.to_owned(), filled_in })
}

fn recipient(fields: &mut Fields<'_>) -> Option<Address> {
    let text = fields.required_text("recipient", AN_ADDRESS)?;
    text.parse()
        .map_err(|why: payoutd_actors::domain::address::AddressError| {
            fields.note("recipient", why.to_string())
        })
        .ok()
}

fn amount(fields: &mut Fields<'_>) -> Option<MicroUsdt> {
    let text = fields.required_text("amount", AN_AMOUNT)?;
    let amount: MicroUsdt = match text.parse() {
        Ok(amount) => amount,
        Err(why) => {
            let why: payoutd_actors::domain::money::MoneyError = why;
            fields.note("amount", why.to_string());
            return None;
        }
    };
    if !amount.is_positive() {
        fields.note("amount", "the amount is 0: the least that can be paid is 0.000001");
        return None;
    }
    if amount > AMOUNT_CAP {
        fields.note("amount", format!("{amount} USDT is above the largest payout of {AMOUNT_CAP} USDT"));
        return None;
    }
    Some(amount)
}

fn only(fields: &mut Fields<'_>, name: &'static str, word: &str) {
    let right = format!("the string \"{word}\"");
    if fields.text(name, &right).is_some_and(|text| text != word) {
        fields.note(name, format!("only \"{word}\" is paid here: write \"{word}\" or leave it out"));
    }
}

fn route(fields: &mut Fields<'_>) -> Option<Route> {
    let words = "\"transfer\", \"router_v0\" or \"router_kyc\"";
    let Some(value) = fields.take("route") else { return Some(Route::Transfer) };
    let route = value.as_str().and_then(Route::from_word);
    if route.is_none() {
        fields.note("route", format!("no such route: write {words}, or leave it out for \"transfer\""));
    }
    route
}

fn moment_of(fields: &mut Fields<'_>, name: &'static str) -> Option<i64> {
    let example = moment::EXAMPLE;
    let text = fields.text(name, &format!("a string like \"{example}\""))?;
    let moment = moment::read(&text);
    if moment.is_none() {
        fields.note(name, format!("no moment in RFC 3339: write it like {example}"));
    }
    moment
}

fn metadata(fields: &mut Fields<'_>) -> BTreeMap<String, String> {
    let mut notes = BTreeMap::new();
    match fields.take("metadata") {
        None => {}
        Some(Value::Object(entries)) => {
            for (name, value) in entries {
                match value {
                    Value::String(text) => _ = notes.insert(name, text),
                    other => {
                        let pointer = format!("{}/{}", fields.pointer("metadata"), json::step(&name));
                        let detail = format!("{} where a string is wanted", super::fields::kind(&other));
                        fields.problems().note(&pointer, detail);
                    }
                }
            }
        }
        Some(other) => {
            let found = super::fields::kind(&other);
            fields.note("metadata", format!("{found} where an object of strings is wanted"));
        }
    }
    notes
}

fn clearance(fields: &mut Fields<'_>) -> Option<KycClearance> {
    let value = fields.take("kyc")?;
    let at = fields.pointer("kyc");
    let mut kyc = Fields::of(value, &at, fields.problems())?;
    let hash = hash_of(&mut kyc, "hash");
    let expiry_s = kyc.required_whole("expiry", u64::MAX);
    let v = kyc.required_whole("v", 28);
    if v.is_some_and(|v| v < 27) {
        kyc.note("v", "v is 27 or 28");
    }
    let r = hash_of(&mut kyc, "r");
    let s = hash_of(&mut kyc, "s");
    kyc.refuse_the_rest();
    Some(KycClearance { hash: hash?, expiry_s: expiry_s?, v: u8::try_from(v?).ok()?, r: r?, s: s? })
}

fn hash_of(fields: &mut Fields<'_>, name: &'static str) -> Option<Hash32> {
    let text = fields.required_text(name, HEX_32)?;
    let bare = text.strip_prefix("0x").unwrap_or(&text);
    let hash = bare.parse().ok();
    if hash.is_none() {
        fields.note(name, format!("{HEX_32} is wanted, with or without 0x"));
    }
    hash
}
