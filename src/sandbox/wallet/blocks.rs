//! Blocks by number, by id and by range.

use payoutd_actors::{
    domain::tron::BlockId,
    fakes::sim_chain::{ServedBlock, Transaction},
};

use super::Question;
use crate::sandbox::{
    ask::Read,
    json::{Fields, Json},
    printed::{address, int},
    reply::Reply,
    transaction::{self, Ret},
};

/// `getnowblock`: reads no body, so `visible` counts in the query only.
pub(crate) fn now(question: &Question<'_>) -> Read<Reply> {
    Ok(block_or_nothing(question.view.now_block(), question.ask.query_visible()))
}

/// `getblock`: by a text that is a number or an id; without one, the highest.
pub(crate) fn by_id_or_number(question: &Question<'_>) -> Read<Reply> {
    let given = question.ask.given()?;
    let view = &question.view;
    let wanted = given.text("id_or_num")?.filter(|text| !text.is_empty());
    let detail = given.boolean("detail")?;
    let number = match wanted {
        None => view.height(),
        Some(text) => match text.parse::<i64>() {
            Ok(number) => match u64::try_from(number) {
                Ok(number) => number,
                // The words are java-tron's.
                Err(_) => return Ok(complaint("num must be non-positive number.")),
            },
            Err(_) => match block_id(&text).and_then(|id| view.block_by_id(id)) {
                Some(block) => block.number,
                None => return Ok(complaint("id must be legal block hash.")),
            },
        },
    };
    let block = if detail { view.block_by_num(number) } else { view.header_by_num(number) };
    Ok(block_or_nothing(block, given.visible))
}

/// `getblockbynum`: no number is number 0.
pub(crate) fn by_number(question: &Question<'_>) -> Read<Reply> {
    let given = question.ask.given()?;
    let number = u64::try_from(given.int64("num")?.unwrap_or(0)).ok();
    Ok(block_or_nothing(number.and_then(|number| question.view.block_by_num(number)), given.visible))
}

/// `getblockbyid`.
pub(crate) fn by_id(question: &Question<'_>) -> Read<Reply> {
    let given = question.ask.given()?;
    let id = <[u8; 32]>::try_from(given.bytes("value")?).ok().map(BlockId::new);
    Ok(block_or_nothing(id.and_then(|id| question.view.block_by_id(id)), given.visible))
}

/// `getblockbylimitnext`: at most 100, the end not among them; what lies past the highest is silently left out.
pub(crate) fn by_limit_next(question: &Question<'_>) -> Read<Reply> {
    let given = question.ask.given()?;
    let start = given.int64("startNum")?.unwrap_or(0);
    let end = given.int64("endNum")?.unwrap_or(0);
    if end <= 0 || end <= start || end.saturating_sub(start) > 100 {
        return Ok(Reply::nothing());
    }
    // A range that begins below 0 is served as an empty one.
    let blocks = match (u64::try_from(start), u64::try_from(end)) {
        (Ok(start), Ok(end)) => question.view.blocks_by_limit_next(start, end).unwrap_or_default(),
        _ => Vec::new(),
    };
    Ok(list(&blocks, given.visible))
}

/// `getblockbylatestnum`: the highest so many, the lowest of them first.
pub(crate) fn latest(question: &Question<'_>) -> Read<Reply> {
    let given = question.ask.given()?;
    let Some(count) = given
        .int64("num")?
        .and_then(|count| u64::try_from(count).ok())
        .filter(|count| (1..100).contains(count))
    else {
        return Ok(Reply::nothing());
    };
    let height = question.view.height();
    let start = height.saturating_sub(count - 1);
    let blocks = question.view.blocks_by_limit_next(start, height + 1).unwrap_or_default();
    Ok(list(&blocks, given.visible))
}

/// `gettransactioncountbyblocknum`: -1 for a block that is not there.
pub(crate) fn transaction_count(question: &Question<'_>) -> Read<Reply> {
    let given = question.ask.given()?;
    let number = u64::try_from(given.int64("num")?.unwrap_or(0)).ok();
    let block = number.and_then(|number| question.view.block_by_num(number));
    let count = block.map_or(-1, |block| int(block.transactions.len() as u64));
    Ok(Reply::protobuf(Fields::new().with("count", count)))
}

fn list(blocks: &[ServedBlock], visible: bool) -> Reply {
    let blocks = blocks.iter().map(|block| Json::Object(block_fields(block, visible))).collect::<Vec<_>>();
    Reply::hashed(Fields::new().with("block", blocks))
}

fn block_or_nothing(block: Option<ServedBlock>, visible: bool) -> Reply {
    match block {
        Some(block) => Reply::hashed(block_fields(&block, visible)),
        None => Reply::nothing(),
    }
}

fn block_fields(block: &ServedBlock, visible: bool) -> Fields {
    let raw = Fields::new()
        .with_nonzero("number", int(block.number))
        .with("txTrieRoot", block.tx_trie_root.to_string())
        .with("witness_address", address(block.witness, visible))
        .with("parentHash", block.parent_id.to_string())
        .with_nonzero("version", block.version)
        .with_nonzero("timestamp", int(block.timestamp_ms));
    let header = Fields::new()
        .with("raw_data", raw)
        .with_some("witness_signature", block.witness_signature().map(hex::encode));
    let transactions = block.transactions.iter().filter_map(|served| {
        let read = Transaction::parse(&served.bytes).ok()?;
        Some(Json::Object(transaction::printed(&read, Ret::Of(served.contract_ret), visible)))
    });
    let transactions = transactions.collect::<Vec<_>>();
    let fields = Fields::new().with("blockID", block.id.to_string()).with("block_header", header);
    if transactions.is_empty() { fields } else { fields.with("transactions", transactions) }
}

fn block_id(text: &str) -> Option<BlockId> {
    <[u8; 32]>::try_from(hex::decode(text).ok()?).ok().map(BlockId::new)
}

fn complaint(words: &str) -> Reply {
    Reply::hashed(Fields::new().with("Error", words))
}
