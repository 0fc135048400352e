//! Who signs for an account: permissions, weights, thresholds, and what java-tron says when signatures fall short.

use serde::{Deserialize, Serialize};

use crate::domain::address::Address;
use crate::domain::tron::key::recover;
use crate::domain::tron::wire::{Reader, Value, WireError};
use crate::domain::tron::{Signature, TxId};

use super::accounts::Account;
use super::transaction::Transaction;

/// What the default active permission allows: everything but changing permissions.
const DEFAULT_OPERATIONS: &str = "7fff1fc0033e0108000000000000000000000000000000000000000000000000";
/// The id of the permission that every account has for everyday use.
const FIRST_ACTIVE: i64 = 2;

/// The permissions of an account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Permissions {
    /// Permission 0: may do everything.
    pub owner: Permission,
    /// Permissions 2 and up, each for the contract types in its mask.
    pub actives: Vec<Permission>,
}

/// One permission.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Permission {
    /// 0 for the owner's, 2 and up for active ones.
    pub id: i64,
    /// Its name.
    pub name: String,
    /// The weight that signatures must reach together.
    pub threshold: u64,
    /// 64 hex digits, a bit for each contract type; empty for the owner's.
    pub operations: String,
    /// Keys and their weights.
    pub keys: Vec<PermissionKey>,
}

/// A key of a permission.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PermissionKey {
    /// The key's address.
    pub address: Address,
    /// What its signature weighs.
    pub weight: u64,
}

/// `AccountPermissionUpdateContract`: new permissions for an account.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PermissionUpdate {
    /// As it stands there.
    pub owner_address: Vec<u8>,
    /// Permission 0.
    pub owner: Permission,
    /// Permissions 2 and up.
    pub actives: Vec<Permission>,
}

/// `getsignweight`: how far a transaction's signatures reach.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignWeight {
    /// The verdict.
    pub verdict: WeightVerdict,
    /// The permission that the transaction names, when the account has it.
    pub permission: Option<Permission>,
    /// Whose signatures count.
    pub approved: Vec<Address>,
    /// What they weigh together.
    pub current_weight: u64,
}

/// The verdict of `getsignweight`, in java-tron's codes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WeightVerdict {
    /// `{}`: enough.
    Enough,
    /// `NOT_ENOUGH_PERMISSION`.
    NotEnough,
    /// `PERMISSION_ERROR`, `SIGNATURE_FORMAT_ERROR` or the like, with its words.
    Broken {
        /// The code.
        code: &'static str,
        /// The words.
        message: String,
    },
}

/// The signers of a transaction, one for each signature, or java's words about the signature.
pub(super) type Signers = Vec<Result<Address, String>>;

impl Permissions {
    /// What every new account has: its own key for everything.
    #[must_use]
    pub fn of_key(address: Address) -> Permissions {
        let keys = vec![PermissionKey { address, weight: 1 }];
        Permissions {
            owner: Permission {
                id: 0,
                name: "owner".into(),
                threshold: 1,
                operations: String::new(),
                keys: keys.clone(),
            },
            actives: vec![Permission {
                id: FIRST_ACTIVE,
                name: "active".into(),
                threshold: 1,
                operations: DEFAULT_OPERATIONS.into(),
                keys,
            }],
        }
    }

    fn by_id(&self, id: i64) -> Option<&Permission> {
        if id == 0 { Some(&self.owner) } else { self.actives.iter().find(|active| active.id == id) }
    }
}

impl Permission {
    /// Whether it allows a contract type.
    #[must_use]
    pub fn allows(&self, contract_kind: i64) -> bool {
        if self.operations.is_empty() {
            return true;
        }
        let mask = hex::decode(&self.operations).unwrap_or_default();
        let Ok(kind) = usize::try_from(contract_kind) else { return false };
        mask.get(kind / 8).is_some_and(|byte| byte & (1 << (kind % 8)) != 0)
    }

    fn weight_of(&self, address: Address) -> u64 {
        self.keys.iter().find(|key| key.address == address).map_or(0, |key| key.weight)
    }
}

/// Who made each signature of a transaction.
pub(super) fn recover_signers(transaction: &Transaction) -> Signers {
    transaction.signatures.iter().map(|bytes| recover_signer(transaction.txid, bytes)).collect()
}

/// Who made a signature; bytes after the 65th do not count. The words are those of java-tron's ECKey and bouncycastle.
fn recover_signer(txid: TxId, bytes: &[u8]) -> Result<Address, String> {
    let Some(bytes) = bytes.first_chunk::<65>() else {
        return Err(format!("Signature size is {}", bytes.len()));
    };
    let header = if bytes[64] < 27 { bytes[64] + 27 } else { bytes[64] };
    let unrecoverable =
        || "java.security.SignatureException: Could not recover public key from signature".to_owned();
    let recovery = match header {
        27..=30 => header - 27,
        31..=34 => header - 31,
        _ => return Err(format!("java.security.SignatureException: Header byte out of range: {header}")),
    };
    if recovery > 1 || bytes[..16] == [0xff; 16] {
        // x = r + n would not fit, or r is not below the order (which starts with 120 set bits).
        return Err(unrecoverable());
    }
    recover(txid.as_bytes(), &Signature::new(*bytes))
        .map_err(|_| "java.lang.IllegalArgumentException: Invalid point compression".to_owned())
}

/// Checks a transaction's signatures against its owner's permissions as they are now.
pub(super) fn check(
    transaction: &Transaction,
    owner: Option<&Account>,
    signers: &Signers,
    signatures_max: usize,
) -> Result<(), String> {
    let Some(contract) = transaction.contracts.first() else { return Err("miss sig or contract".into()) };
    if transaction.signatures.is_empty() {
        return Err("miss sig or contract".into());
    }
    if transaction.signatures.len() > signatures_max {
        return Err("too many signatures".into());
    }
    let permission = permission_of(transaction, owner, contract.permission_id);
    let permission = permission.ok_or("permission isn't exit")?;
    if contract.permission_id != 0 && !permission.allows(contract.kind) {
        return Err("Permission denied".into());
    }
    let (weight, _) = weigh(transaction, &permission, signers)?;
    if weight < permission.threshold { Err("sig error".into()) } else { Ok(()) }
}

/// `getsignweight`.
pub(super) fn sign_weight(transaction: &Transaction, owner: Option<&Account>) -> SignWeight {
    let broken = |code, message: &str| SignWeight {
        verdict: WeightVerdict::Broken { code, message: message.to_owned() },
        permission: None,
        approved: Vec::new(),
        current_weight: 0,
    };
    let Some(contract) = transaction.contracts.first() else {
        return broken(
            "OTHER_ERROR",
            "class java.lang.IndexOutOfBoundsException : Index 0 out of bounds for length 0",
        );
    };
    let Some(permission) = permission_of(transaction, owner, contract.permission_id) else {
        return broken("PERMISSION_ERROR", "Permission for this, does not exist!");
    };
    if contract.permission_id != 0 && !permission.allows(contract.kind) {
        return broken("PERMISSION_ERROR", "Permission denied!");
    }
    let weighed = weigh(transaction, &permission, &recover_signers(transaction));
    let (verdict, approved, current_weight) = match weighed {
        Ok((weight, approved)) if weight >= permission.threshold => (WeightVerdict::Enough, approved, weight),
        Ok((weight, approved)) => (WeightVerdict::NotEnough, approved, weight),
        Err(message) => (WeightVerdict::Broken { code: "SIGNATURE_FORMAT_ERROR", message }, Vec::new(), 0),
    };
    SignWeight { verdict, permission: Some(permission), approved, current_weight }
}

/// The permission that a transaction names. An account that is not there has the default ones; an owner that is no address has a
/// permission without keys, so that nobody's signature is contained in it.
fn permission_of(transaction: &Transaction, owner: Option<&Account>, id: i64) -> Option<Permission> {
    if let Some(permissions) = owner.and_then(|account| account.permissions.as_deref()) {
        return permissions.by_id(id).cloned();
    }
    match transaction.owner() {
        Some(address) => Permissions::of_key(address).by_id(id).cloned(),
        None => {
            let nobody = PermissionKey { address: Address::ZERO, weight: 0 };
            Some(Permission { threshold: 1, keys: vec![nobody], ..Permission::default() })
        }
    }
}

fn weigh(
    transaction: &Transaction,
    permission: &Permission,
    signers: &Signers,
) -> Result<(u64, Vec<Address>), String> {
    if signers.len() > permission.keys.len() {
        return Err(format!(
            "Signature count is {} more than key counts of permission : {}",
            signers.len(),
            permission.keys.len()
        ));
    }
    let mut approved = Vec::new();
    let mut weight = 0_u64;
    for (signer, bytes) in signers.iter().zip(&transaction.signatures) {
        let signer = signer.clone()?;
        let its_weight = permission.weight_of(signer);
        if its_weight == 0 {
            return Err(format!(
                "{} is signed by {signer} but it is not contained of permission.",
                hex::encode(bytes)
            ));
        }
        if approved.contains(&signer) {
            return Err(format!("{signer} has signed twice!"));
        }
        approved.push(signer);
        weight = weight.saturating_add(its_weight);
    }
    Ok((weight, approved))
}

/// Reads an `AccountPermissionUpdateContract`.
pub(super) fn read_update(bytes: &[u8]) -> Result<PermissionUpdate, WireError> {
    let mut update = PermissionUpdate::default();
    let mut reader = Reader::new(bytes);
    while let Some((field, value)) = reader.field()? {
        match (field, value) {
            (1, Value::Bytes(owner)) => update.owner_address = owner.to_vec(),
            (2, Value::Bytes(owner)) => update.owner = read_permission(owner)?,
            (4, Value::Bytes(active)) => {
                let id =
                    FIRST_ACTIVE + i64::try_from(update.actives.len()).unwrap_or(i64::MAX - FIRST_ACTIVE);
                update.actives.push(Permission { id, ..read_permission(active)? });
            }
            _ => {}
        }
    }
    Ok(update)
}

fn read_permission(bytes: &[u8]) -> Result<Permission, WireError> {
    let mut permission = Permission::default();
    let mut reader = Reader::new(bytes);
    while let Some((field, value)) = reader.field()? {
        match (field, value) {
            (3, Value::Bytes(name)) => permission.name = String::from_utf8_lossy(name).into_owned(),
            (4, Value::Varint(threshold)) => permission.threshold = threshold,
            (6, Value::Bytes(operations)) => permission.operations = hex::encode(operations),
            (7, Value::Bytes(key)) => permission.keys.extend(read_key(key)?),
            _ => {}
        }
    }
    Ok(permission)
}

fn read_key(bytes: &[u8]) -> Result<Option<PermissionKey>, WireError> {
    let (mut address, mut weight) = (None, 0);
    let mut reader = Reader::new(bytes);
    while let Some((field, value)) = reader.field()? {
        match (field, value) {
            (1, Value::Bytes(payload)) => address = Address::from_payload(payload).ok(),
            (2, Value::Varint(number)) => weight = number,
            _ => {}
        }
    }
    Ok(address.map(|address| PermissionKey { address, weight }))
}
