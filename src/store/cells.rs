//! Rows on their way out: cells are read in the order of the statement's columns, and what can not be is said by name.
//!
//! One file, compiled for each engine: `super::engine` says whose rows they are.

use std::{collections::BTreeSet, str::FromStr};

use payoutd_actors::{
    domain::{
        access::{NoSuchRole, Orderer},
        address::Address,
        identity::{AccountId, IdempotencyKey, PayoutId},
        journal::{Hash, JournalRecord, Seal, SignatureBytes},
        limits::Spender,
        money::MicroUsdt,
        order::{Order, Route},
        payout::{Attempt, AttemptOutcome, BlockRef, Payout, Reason, Reservation, Stage},
        stranger::Stranger,
        tron::{BlockId, RefBlock, TxId},
    },
    ports::{Entry, EntryKind, KeyUsage, LiveTransfer, NotedStranger, StoreFault, Use},
};
use serde::de::DeserializeOwned;
use sqlx::{Decode, Row, Type};

use super::engine::{Engine, EngineRow};

/// The cells of a row, one after the other.
pub(super) struct Cells<'r> {
    row: &'r EngineRow,
    next: usize,
}

impl<'r> Cells<'r> {
    /// From the first column on.
    pub(super) fn of(row: &'r EngineRow) -> Self {
        Self { row, next: 0 }
    }

    /// The next cell.
    pub(super) fn take<T: Decode<'r, Engine> + Type<Engine>>(&mut self) -> Result<T, StoreFault> {
        let at = self.next;
        self.next += 1;
        self.row.try_get(at).map_err(super::fault::of)
    }

    /// The next cell, a whole number that is not negative.
    pub(super) fn whole(&mut self) -> Result<u64, StoreFault> {
        let number: i64 = self.take()?;
        u64::try_from(number).map_err(|_| corrupt("a whole number", number))
    }

    /// The next cell, a whole number that is small.
    pub(super) fn small<T: TryFrom<i64>>(&mut self) -> Result<T, StoreFault> {
        let number: i64 = self.take()?;
        T::try_from(number).map_err(|_| corrupt("a small number", number))
    }

    /// The next cell, a blob of 32 bytes.
    pub(super) fn hash(&mut self) -> Result<[u8; 32], StoreFault> {
        let bytes: &[u8] = self.take()?;
        bytes.try_into().map_err(|_| corrupt("a blob of 32 bytes", hex::encode(bytes)))
    }

    /// The next cell, a text in its usual form.
    pub(super) fn parsed<T: FromStr>(&mut self) -> Result<T, StoreFault> {
        let text: &str = self.take()?;
        text.parse().map_err(|_| corrupt(std::any::type_name::<T>(), text))
    }

    /// The next cell, one of a closed set of words.
    pub(super) fn word<T>(&mut self, from_word: fn(&str) -> Option<T>) -> Result<T, StoreFault> {
        let word: &str = self.take()?;
        from_word(word).ok_or_else(|| corrupt("a known word", word))
    }

    /// The next cell, one of a closed set of words or NULL.
    pub(super) fn maybe_word<T>(
        &mut self,
        from_word: fn(&str) -> Option<T>,
    ) -> Result<Option<T>, StoreFault> {
        let word: Option<&str> = self.take()?;
        word.map(|word| from_word(word).ok_or_else(|| corrupt("a known word", word))).transpose()
    }

    /// The next cell, JSON or NULL.
    pub(super) fn maybe_json<T: DeserializeOwned>(&mut self) -> Result<Option<T>, StoreFault> {
        let text: Option<&str> = self.take()?;
        text.map(|text| serde_json::from_str(text).map_err(|_| corrupt(std::any::type_name::<T>(), text)))
            .transpose()
    }
}

fn corrupt(what: &str, found: impl std::fmt::Display) -> StoreFault {
    let found: String = found.to_string().chars().take(80).collect();
    StoreFault::Corrupt(format!("{what} was expected, and `{found}` is there"))
}

/// A payout as the columns of [`super::sql::payouts`] give it: with its transfer that is not buried, and how many are.
pub(super) fn payout(cells: &mut Cells<'_>) -> Result<(Payout, u32), StoreFault> {
    let id: PayoutId = cells.parsed()?;
    let account = AccountId::new(cells.take::<String>()?).map_err(|why| corrupt("an account", why))?;
    let ordered_by = orderer(cells)?;
    let idempotency_key = IdempotencyKey::restored(cells.take()?);
    let request_digest = cells.hash()?;
    let order = order(cells)?;
    let order_digest = cells.hash()?;
    let stage = cells.word(Stage::from_word)?;
    let reason = cells.maybe_word(Reason::from_word)?;
    let reservation = cells.word(Reservation::from_word)?;
    let signed: u32 = cells.small()?;
    let version = cells.small()?;
    let (created_at_ms, updated_at_ms, settled_at_ms) = (cells.take()?, cells.take()?, cells.take()?);
    let attempts: Vec<Attempt> = match cells.take::<Option<&[u8]>>()? {
        Some(txid) => vec![attempt_of(txid, cells)?],
        None => {
            cells.next += ATTEMPT_COLUMNS - 1;
            Vec::new()
        }
    };
    let buried = signed.checked_sub(u32::from(!attempts.is_empty()));
    let buried = buried.ok_or_else(|| corrupt("a number of transfers", signed))?;
    let payout = Payout {
        id,
        account,
        ordered_by,
        idempotency_key,
        request_digest,
        order,
        order_digest,
        stage,
        reason,
        reservation,
        attempts,
        version,
        created_at_ms,
        updated_at_ms,
        settled_at_ms,
    };
    Ok((payout, buried))
}

/// Who ordered it and as what, or nobody that is known.
fn orderer(cells: &mut Cells<'_>) -> Result<Option<Orderer>, StoreFault> {
    let (principal, role): (Option<String>, Option<&str>) = (cells.take()?, cells.take()?);
    match (principal, role) {
        (Some(principal), Some(role)) => {
            let role = role.parse().map_err(|why: NoSuchRole| corrupt("a role", why))?;
            Ok(Some(Orderer { principal, role }))
        }
        _ => Ok(None),
    }
}

/// Who waits for room, and what is set aside for them, micro-USDT.
pub(super) fn waiting(row: &EngineRow) -> Result<(Spender, MicroUsdt), StoreFault> {
    let mut cells = Cells::of(row);
    let account = AccountId::new(cells.take::<String>()?).map_err(|why| corrupt("an account", why))?;
    let ordered_by = orderer(&mut cells)?;
    let route = cells.word(Route::from_word)?;
    Ok((Spender { account, ordered_by, route }, MicroUsdt::new(cells.whole()?)))
}

fn order(cells: &mut Cells<'_>) -> Result<Order, StoreFault> {
    Ok(Order {
        recipient: cells.parsed()?,
        amount: MicroUsdt::new(cells.whole()?),
        route: cells.word(Route::from_word)?,
        reference: cells.take()?,
        memo: cells.take()?,
        kyc: cells.maybe_json()?,
        not_before_ms: cells.take()?,
        not_after_ms: cells.take()?,
        priority: cells.small()?,
        metadata: cells.maybe_json()?.unwrap_or_default(),
    })
}

/// The columns of a transfer.
const ATTEMPT_COLUMNS: usize = 16;

/// A transfer, all its columns in the order of [`super::sql::transfer_columns`].
pub(super) fn attempt(cells: &mut Cells<'_>) -> Result<Attempt, StoreFault> {
    let txid: &[u8] = cells.take()?;
    attempt_of(txid, cells)
}

fn attempt_of(txid: &[u8], cells: &mut Cells<'_>) -> Result<Attempt, StoreFault> {
    let txid = TxId::from_slice(txid).ok_or_else(|| corrupt("a transaction id", hex::encode(txid)))?;
    let number = cells.small()?;
    let (raw_data, signature) = (cells.take()?, cells.take()?);
    let (owner, token, contract): (Address, Address, Address) =
        (cells.parsed()?, cells.parsed()?, cells.parsed()?);
    let route = cells.word(Route::from_word)?;
    let ref_block = ref_block(cells)?;
    let (expires_at_ms, fee_limit_sun, signed_at_ms) = (cells.take()?, cells.whole()?, cells.take()?);
    let outcome = cells.word(AttemptOutcome::from_word)?;
    let (number_of_block, id): (Option<i64>, Option<&[u8]>) = (cells.take()?, cells.take()?);
    let block = match (number_of_block, id) {
        (Some(number), Some(id)) => Some(BlockRef {
            number: u64::try_from(number).map_err(|_| corrupt("a block's number", number))?,
            id: BlockId::from_slice(id).ok_or_else(|| corrupt("a block's id", hex::encode(id)))?,
        }),
        _ => None,
    };
    Ok(Attempt {
        number,
        txid,
        raw_data,
        signature,
        owner,
        token,
        contract,
        route,
        ref_block,
        expires_at_ms,
        fee_limit_sun,
        signed_at_ms,
        outcome,
        block,
    })
}

/// A reference block: its number and its id.
pub(super) fn ref_block(cells: &mut Cells<'_>) -> Result<RefBlock, StoreFault> {
    Ok(RefBlock { number: cells.whole()?, id: BlockId::new(cells.hash()?) })
}

/// A live transfer, as the columns of [`super::sql::live_transfers`] give it.
pub(super) fn live_transfer(cells: &mut Cells<'_>) -> Result<LiveTransfer, StoreFault> {
    Ok(LiveTransfer {
        payout_id: cells.parsed()?,
        txid: TxId::new(cells.hash()?),
        ref_block: ref_block(cells)?,
        expires_at_ms: cells.take()?,
        signed_at_ms: cells.take()?,
        stage: cells.word(Stage::from_word)?,
    })
}

/// The columns as they are, trusted in nothing: what they say is the verifier's matter.
pub(super) fn record(row: &EngineRow) -> Result<JournalRecord, StoreFault> {
    let mut cells = Cells::of(row);
    let (seq, at_ms, kind, payout_id) = (cells.take()?, cells.take()?, cells.take()?, cells.take()?);
    let (body, hash): (String, &[u8]) = (cells.take()?, cells.take()?);
    Ok(JournalRecord::from_columns(seq, at_ms, kind, payout_id, body, hash))
}

/// A seal, all its columns.
pub(super) fn seal(row: &EngineRow) -> Result<Seal, StoreFault> {
    let mut cells = Cells::of(row);
    Ok(Seal {
        seal_no: cells.take()?,
        first_seq: cells.take()?,
        last_seq: cells.take()?,
        records_root: Hash::from_stored(cells.take()?),
        prev_hash: Hash::from_stored(cells.take()?),
        hash: Hash::from_stored(cells.take()?),
        sealed_at_ms: cells.take()?,
        key_id: cells.take()?,
        signature: SignatureBytes::from_stored(cells.take()?),
    })
}

/// A stranger in its place.
pub(super) fn noted(row: &EngineRow) -> Result<NotedStranger, StoreFault> {
    let mut cells = Cells::of(row);
    let place = cells.take()?;
    let stranger = Stranger {
        txid: TxId::new(cells.hash()?),
        raw_data: cells.take()?,
        signature: cells.take()?,
        ref_block: ref_block(&mut cells)?,
        block: BlockRef { number: cells.whole()?, id: BlockId::new(cells.hash()?) },
        found_at_ms: cells.take()?,
    };
    Ok(NotedStranger { place, stranger })
}

/// An entry of the register, all its columns.
pub(super) fn entry(row: &EngineRow) -> Result<Entry, StoreFault> {
    let mut cells = Cells::of(row);
    Ok(Entry {
        kind: cells.word(EntryKind::from_word)?,
        id: cells.take()?,
        name: cells.take()?,
        owner: cells.take()?,
        version: cells.small()?,
        body: cells.take()?,
        expires_at_ms: cells.take()?,
    })
}

/// A key's uses: the key, all of them, those of a day, the last.
pub(super) fn key_usage(row: &EngineRow) -> Result<(String, KeyUsage), StoreFault> {
    let mut cells = Cells::of(row);
    let key = cells.take()?;
    let (uses, uses_24h, last_used_at_ms) = (cells.whole()?, cells.whole()?, cells.take()?);
    Ok((key, KeyUsage { uses, uses_24h, last_used_at_ms }))
}

/// Of each use, whether it is among those that were written now, and the first of its kind in the batch.
pub(super) fn first_uses(rows: &[EngineRow], uses: &[Use]) -> Result<Vec<bool>, StoreFault> {
    let mut new: BTreeSet<String> = rows.iter().map(|row| Cells::of(row).take()).collect::<Result<_, _>>()?;
    Ok(uses.iter().map(|one| new.remove(&one.what)).collect())
}
