//! The keyring: keys are issued, shown, rotated and revoked here, each change with its word in the journal (F001-10 to F001-15).

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use payoutd_actors::{
    domain::{
        access::{Permission, Reach, Role, Routes},
        identity::AccountId,
        journal::{Body, JournalDraft},
        order::Route,
        rates::Tier,
    },
    ports::{Clock, EntryKind, KeyUsage, KeyUses, Register, RegisterChange, Registered, StoreFault},
};
use serde_json::{Value, json};
use thiserror::Error;
use zeroize::Zeroizing;

use super::{
    api_key::{ApiKey, KeyText, NAME_CHARS_MAX, Networks, is_key_id},
    known::Known,
    principal::{By, KeyRate},
    vault::{Vault, VaultError},
};

/// Keys of one page.
pub const PAGE_MAX: u32 = 100;
/// A key lasts a year at most, and a year unless it is said, ms.
pub const LIFE_MS_MAX: i64 = 366 * 24 * 60 * 60 * 1_000;
/// A key that is taken over opens for a day more, ms (F001-15).
pub const OVERLAP_MS: i64 = 24 * 60 * 60 * 1_000;

/// What a key shall be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issue {
    /// What a person calls it.
    pub name: String,
    /// Whose money it spends.
    pub account: String,
    /// What it may do.
    pub permissions: Vec<String>,
    /// To whose things, `own`, `node` or `all`; `own` unless it is said.
    pub reach: Option<String>,
    /// By which routes; all that need no compliance signature, unless they are said.
    pub routes: Option<Vec<String>>,
    /// Whether batches are taken.
    pub batch: bool,
    /// From where: `any`, or networks.
    pub networks: Vec<String>,
    /// `standard` or `premium`; `standard` unless it is said.
    pub tier: Option<String>,
    /// Requests a minute by this key alone.
    pub rate_per_minute: Option<u16>,
    /// Until when, unix ms.
    pub expires_at_ms: Option<i64>,
}

/// A key that was made: the only moment in which its text is there.
#[derive(Debug)]
pub struct Issued {
    /// The key.
    pub key: KeyView,
    /// Its whole text.
    pub text: Zeroizing<String>,
}

/// A key and how often it is used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyView {
    /// The key.
    pub key: ApiKey,
    /// Its uses, those of the last seconds perhaps not yet among them.
    pub usage: KeyUsage,
}

/// Why nothing was done.
#[derive(Debug, Clone, Error)]
pub enum KeyFault {
    /// What a key shall be has mistakes: each with the field that it is in.
    #[error("{} mistakes in what the key shall be", .0.len())]
    Invalid(Vec<(&'static str, String)>),
    /// There is no such key.
    #[error("there is no such key")]
    NotFound,
    /// It opens nothing any more.
    #[error("the key has ended: a new one is wanted")]
    Ended,
    /// Somebody was faster.
    #[error("somebody changed the key at the same moment: look again")]
    Outdated,
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreFault),
    /// The vault.
    #[error(transparent)]
    Vault(#[from] VaultError),
}

/// The keyring.
pub struct Keyring {
    register: Arc<dyn Register>,
    vault: Vault,
    clock: Arc<dyn Clock>,
    known: Known<Arc<ApiKey>>,
    uses: Mutex<BTreeMap<String, KeyUses>>,
}

impl Keyring {
    /// The keyring of a register.
    #[must_use]
    pub fn new(register: Arc<dyn Register>, vault: Vault, clock: Arc<dyn Clock>) -> Self {
        let known = Known::new(EntryKind::ApiKey, |entry| ApiKey::of_entry(entry).map(Arc::new));
        Self { register, vault, clock, known, uses: Mutex::default() }
    }

    /// Makes a key.
    ///
    /// # Errors
    /// See [`KeyFault`]; nothing was made.
    pub async fn issue(&self, issue: &Issue, by: &By) -> Result<Issued, KeyFault> {
        let now_ms = self.clock.now_ms();
        let key = read(issue, now_ms, by)?;
        let (key, text) = self.with_secret(key)?;
        self.write(vec![key.entry()], self.word("api_key_added", &key, by, json!({}), now_ms)?, now_ms)
            .await?;
        self.issued(key, text).await
    }

    /// Makes a successor of a key; both open for [`OVERLAP_MS`] (F001-15).
    ///
    /// # Errors
    /// See [`KeyFault`]; nothing was made.
    pub async fn rotate(&self, id: &str, by: &By) -> Result<Issued, KeyFault> {
        let now_ms = self.clock.now_ms();
        let old = self.key(id).await?;
        if !old.is_good_at(now_ms) {
            return Err(KeyFault::Ended);
        }
        let life_ms = old.expires_at_ms.map_or(LIFE_MS_MAX, |until_ms| until_ms - old.created_at_ms);
        let successor = ApiKey {
            created_at_ms: now_ms,
            created_by: by.name.clone(),
            expires_at_ms: Some(now_ms.saturating_add(life_ms)),
            successor_of: Some(old.id.clone()),
            version: 0,
            ..old.clone()
        };
        let (successor, text) = self.with_secret(successor)?;
        let overlap_ends_ms = now_ms.saturating_add(OVERLAP_MS);
        let until_ms = old.expires_at_ms.map_or(overlap_ends_ms, |until_ms| until_ms.min(overlap_ends_ms));
        let ending = ApiKey { expires_at_ms: Some(until_ms), ..old };
        let more = json!({ "successor": successor.id, "expires_at_ms": until_ms });
        let word = self.word("api_key_updated", &ending, by, more, now_ms)?;
        self.write(vec![successor.entry(), ending.entry()], word, now_ms).await?;
        self.issued(successor, text).await
    }

    /// Takes a key out of use, at once. One that was revoked stays as it is.
    ///
    /// # Errors
    /// See [`KeyFault`].
    pub async fn revoke(&self, id: &str, by: &By) -> Result<KeyView, KeyFault> {
        let now_ms = self.clock.now_ms();
        let mut key = self.key(id).await?;
        if key.revoked_at_ms.is_none() {
            key.revoked_at_ms = Some(now_ms);
            let word = self.word("api_key_deleted", &key, by, json!({}), now_ms)?;
            self.write(vec![key.entry()], word, now_ms).await?;
        }
        self.view(id).await
    }

    /// A key, with its uses.
    ///
    /// # Errors
    /// See [`KeyFault`].
    pub async fn view(&self, id: &str) -> Result<KeyView, KeyFault> {
        let key = self.key(id).await?;
        let mut usage = self.register.usage(std::slice::from_ref(&key.id), self.clock.now_ms()).await?;
        let usage = usage.remove(&key.id).unwrap_or_default();
        Ok(KeyView { key, usage })
    }

    /// Keys by their ids, those behind `after`, [`PAGE_MAX`] at most: of one account, or of all.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn views(
        &self,
        account: Option<&AccountId>,
        after: &str,
        limit: u32,
    ) -> Result<Vec<KeyView>, KeyFault> {
        let account = account.map(AccountId::as_str);
        let limit = limit.min(PAGE_MAX);
        let entries = self.register.entries(EntryKind::ApiKey, account, after, limit).await?;
        let keys: Vec<ApiKey> = entries.iter().filter_map(ApiKey::of_entry).collect();
        let ids: Vec<String> = keys.iter().map(|key| key.id.clone()).collect();
        let mut usage = self.register.usage(&ids, self.clock.now_ms()).await?;
        let view = |key: ApiKey| {
            let usage = usage.remove(&key.id).unwrap_or_default();
            KeyView { key, usage }
        };
        Ok(keys.into_iter().map(view).collect())
    }

    /// The good keys that somebody has made, by their ids.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn made_by(&self, name: &str) -> Result<Vec<String>, KeyFault> {
        let (now_ms, mut after, mut made) = (self.clock.now_ms(), String::new(), Vec::new());
        loop {
            let entries = self.register.entries(EntryKind::ApiKey, None, &after, PAGE_MAX).await?;
            let Some(last) = entries.last() else { return Ok(made) };
            after.clone_from(&last.id);
            let keys = entries.iter().filter_map(ApiKey::of_entry);
            made.extend(
                keys.filter(|key| key.created_by == name && key.is_good_at(now_ms)).map(|key| key.id),
            );
        }
    }

    /// A key as it stands, at most 50 ms ago; `None` where there is none.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn find(&self, id: &str) -> Result<Option<Arc<ApiKey>>, StoreFault> {
        if !is_key_id(id) {
            return Ok(None);
        }
        self.known.find(&*self.register, id, self.clock.now_ms()).await
    }

    /// The secret of a key, for checking a signature.
    ///
    /// # Errors
    /// When the vault does not open it.
    pub fn secret_of(&self, key: &ApiKey) -> Result<Zeroizing<String>, VaultError> {
        self.vault.open(&ApiKey::place(&key.id), &key.sealed_secret)
    }

    /// Notes that a key was used, to be counted with others.
    pub fn note_use(&self, id: &str) {
        let now_ms = self.clock.now_ms();
        let mut uses = self.uses.lock().unwrap_or_else(PoisonError::into_inner);
        let more = uses.entry(id.to_owned()).or_insert(KeyUses { uses: 0, last_used_at_ms: now_ms });
        more.uses = more.uses.saturating_add(1);
        more.last_used_at_ms = more.last_used_at_ms.max(now_ms);
    }

    /// Writes down what was counted. Where that fails, it is counted with the next.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn count_uses(&self) -> Result<(), StoreFault> {
        let counted = std::mem::take(&mut *self.uses.lock().unwrap_or_else(PoisonError::into_inner));
        let written = self.register.count_uses(&counted).await;
        if written.is_err() {
            let mut uses = self.uses.lock().unwrap_or_else(PoisonError::into_inner);
            for (id, more) in counted {
                let all = uses.entry(id).or_insert(KeyUses { uses: 0, last_used_at_ms: 0 });
                all.uses = all.uses.saturating_add(more.uses);
                all.last_used_at_ms = all.last_used_at_ms.max(more.last_used_at_ms);
            }
        }
        written
    }

    /// The house's time, unix ms: what is shown of a key is shown as it stands at it.
    #[must_use]
    pub fn now_ms(&self) -> i64 {
        self.clock.now_ms()
    }

    async fn key(&self, id: &str) -> Result<ApiKey, KeyFault> {
        let entry = match is_key_id(id) {
            true => self.register.entry(EntryKind::ApiKey, id).await?,
            false => None,
        };
        entry.as_ref().and_then(ApiKey::of_entry).ok_or(KeyFault::NotFound)
    }

    fn with_secret(&self, key: ApiKey) -> Result<(ApiKey, KeyText), KeyFault> {
        let text = KeyText::fresh().ok_or(VaultError::NoRandomness)?;
        let sealed_secret = self.vault.seal(&ApiKey::place(text.id()), text.secret())?;
        let secret_sha256 = ApiKey::digest(text.secret());
        Ok((ApiKey { id: text.id().to_owned(), sealed_secret, secret_sha256, ..key }, text))
    }

    async fn write(
        &self,
        put: Vec<payoutd_actors::ports::Entry>,
        word: JournalDraft,
        now_ms: i64,
    ) -> Result<(), KeyFault> {
        let ids: Vec<String> = put.iter().map(|entry| entry.id.clone()).collect();
        let change = RegisterChange { put, journal: vec![word], ..RegisterChange::default() };
        let registered = self.register.register(change, now_ms).await?;
        ids.iter().for_each(|id| self.known.forget(id));
        match registered {
            Registered::Done => Ok(()),
            Registered::Outdated | Registered::UsedBefore => Err(KeyFault::Outdated),
        }
    }

    async fn issued(&self, key: ApiKey, text: KeyText) -> Result<Issued, KeyFault> {
        let key = ApiKey { version: key.version.saturating_add(1), ..key };
        Ok(Issued { key: KeyView { key, usage: KeyUsage::default() }, text: text.expose() })
    }

    /// The journal's word about a key: everything that it is but its secret.
    fn word(
        &self,
        kind: &'static str,
        key: &ApiKey,
        by: &By,
        more: Value,
        now_ms: i64,
    ) -> Result<JournalDraft, KeyFault> {
        let permissions: Vec<_> = key.grants.iter().map(|grant| grant.permission.word()).collect();
        let mut body = json!({
            "key_id": key.id, "name": key.name, "account": key.account, "permissions": permissions,
            "networks": key.networks.words(), "expires_at_ms": key.expires_at_ms,
        });
        by.sign(&mut body);
        if let (Some(body), Value::Object(more)) = (body.as_object_mut(), more) {
            body.extend(more);
        }
        let body = Body::of(&body).map_err(|why| StoreFault::Corrupt(why.to_string()))?;
        Ok(JournalDraft::new(now_ms, kind, body))
    }
}

/// What a key shall be, read strictly; every mistake is named.
fn read(issue: &Issue, now_ms: i64, by: &By) -> Result<ApiKey, KeyFault> {
    let mut mistakes = Vec::new();
    let chars = issue.name.chars().count();
    if !(1..=NAME_CHARS_MAX).contains(&chars) || issue.name.chars().any(char::is_control) {
        mistakes.push((
            "name",
            format!("a name has 1 to {NAME_CHARS_MAX} characters, none of them a control character"),
        ));
    }
    let account =
        AccountId::new(issue.account.clone()).map_err(|why| mistakes.push(("account", why.to_string())));
    let ceiling = Role::Service.grants();
    let mut permissions = Vec::new();
    for word in &issue.permissions {
        match Permission::from_word(word).filter(|permission| ceiling.get(*permission).is_some()) {
            Some(permission) => permissions.push(permission),
            None => {
                let may: Vec<_> = ceiling.iter().map(|grant| grant.permission.word()).collect();
                mistakes.push((
                    "permissions",
                    format!("`{word}` is not granted to keys: they may have {}", may.join(", ")),
                ));
            }
        }
    }
    if issue.permissions.is_empty() {
        mistakes.push(("permissions", "name at least one: a key without any opens nothing".to_owned()));
    }
    let reach = issue.reach.as_deref().unwrap_or(Reach::Own.word());
    let reach = Reach::ALL.into_iter().find(|one| one.word() == reach);
    if reach.is_none() {
        mistakes.push(("reach", "a key reaches own, node or all".to_owned()));
    }
    if permissions.contains(&Permission::EventRead) && reach.is_some_and(|reach| reach < Reach::All) {
        mistakes
            .push(("reach", "`event:read` tells of everybody's payouts: it wants the reach all".to_owned()));
    }
    let mut routes = if issue.routes.is_none() { Routes::WITHOUT_KYC } else { Routes::NONE };
    for word in issue.routes.iter().flatten() {
        match Route::from_word(word) {
            Some(route) => routes = routes.and(route),
            None => mistakes.push((
                "routes",
                format!("`{word}` is no route: there are transfer, router_v0 and router_kyc"),
            )),
        }
    }
    let networks = Networks::of_words(&issue.networks).map_err(|why| mistakes.push(("networks", why)));
    let tier = issue.tier.as_deref().map_or(Some(Tier::Standard), Tier::from_word);
    if tier.is_none() {
        mistakes.push(("tier", "a tier is standard or premium".to_owned()));
    }
    if issue.rate_per_minute == Some(0) {
        mistakes.push(("rate_per_minute", "a key that may never ask is no key: 1 to 65535".to_owned()));
    }
    let expires_at_ms = issue.expires_at_ms.unwrap_or(now_ms.saturating_add(LIFE_MS_MAX));
    if !(now_ms.saturating_add(1)..=now_ms.saturating_add(LIFE_MS_MAX)).contains(&expires_at_ms) {
        mistakes.push(("expires_at", "a key ends in the future, and within 366 days".to_owned()));
    }
    let (Ok(account), Ok(networks), Some(reach), Some(tier), true) =
        (account, networks, reach, tier, mistakes.is_empty())
    else {
        return Err(KeyFault::Invalid(mistakes));
    };
    Ok(ApiKey {
        id: String::new(),
        name: issue.name.clone(),
        account,
        grants: ApiKey::grants_of(&permissions, reach, routes, issue.batch),
        networks,
        rate: KeyRate { tier, per_minute: issue.rate_per_minute },
        created_at_ms: now_ms,
        created_by: by.name.clone(),
        expires_at_ms: Some(expires_at_ms),
        revoked_at_ms: None,
        successor_of: None,
        version: 0,
        secret_sha256: [0; 32],
        sealed_secret: String::new(),
    })
}
