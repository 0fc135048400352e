//! Tokens: of each kind one reader takes it and no other; a signature is looked at by another's code, too; claims give nothing.
//!
//! An input is three lines and a body: a text that somebody shows; a place, and what is written there instead; the claims of a token
//! that our keys, and those of an issuer elsewhere, have signed.

use std::{
    fmt,
    sync::{Arc, LazyLock},
};

use async_trait::async_trait;
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use ed25519_dalek::{Signature, SigningKey, Verifier as _};
use payoutd::identity::{
    api_key::KeyText,
    issuer::{
        Issuer, IssuerSettings, TOKEN_LIFE_MS_MAX,
        key_set::{KEYS_MAX, KeySet},
        source::KeySource,
    },
    reception::{
        session::RefreshToken,
        token_keys::{ISSUER, TokenKeys, TokenKind},
    },
    slip::{Slip, SlipKind},
};
use payoutd_actors::{domain::journal::JournalKey, ports::Clock};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

const KINDS: [TokenKind; 2] = [TokenKind::Access, TokenKind::SecondFactor];
const THEIR_NAME: &str = "https://login.example";
const AUDIENCE: &str = "payoutd";
const OURS: u8 = 1;
const THEIRS: u8 = 9;
/// The moment at which all of this is, unix s.
const NOW_S: i64 = 1_790_000_000;

static OUR_KEYS: LazyLock<TokenKeys> = LazyLock::new(|| keys(OURS));
static THEIR_KEYS: LazyLock<TokenKeys> = LazyLock::new(|| keys(THEIRS));
static RUNTIME: LazyLock<Runtime> =
    LazyLock::new(|| tokio::runtime::Builder::new_current_thread().build().expect("a runtime"));
static THEM: LazyLock<Arc<Issuer>> = LazyLock::new(|| {
    let settings =
        IssuerSettings { issuer: THEIR_NAME.into(), audience: AUDIENCE.into(), rsa_bits_min: 3072 };
    Arc::new(Issuer::new(settings, Box::new(Published), Arc::new(Standing)))
});

fn keys(seed: u8) -> TokenKeys {
    let pem = JournalKey::from_seed(&[seed; 32]).to_pem().expect("a key");
    TokenKeys::of_pems([pem.as_str()]).expect("a key")
}

/// Whatever the input.
///
/// # Panics
/// Where a property does not hold.
pub fn holds(input: &[u8]) {
    let Some(([shown, place, change], claims)) = crate::fields::<3>(input) else { return };
    is_of_one_kind(shown);
    opens_what_was_signed(shown);
    is_an_issuers(shown);
    reads_keys(claims);
    let Some(Value::Object(claims)) = serde_json::from_slice(claims).ok() else { return };
    let place = place.parse().unwrap_or(0_usize);
    for kind in KINDS {
        let said =
            with(json!({ "iss": ISSUER, "aud": kind.audience(), "exp": 1, "nbf": 1, "sub": "s" }), &claims);
        let token = OUR_KEYS.sign(kind, &said).expect("a signature");
        opens_what_was_signed(&token);
        for other in KINDS.into_iter().filter(|other| *other != kind) {
            assert!(OUR_KEYS.verify::<Value>(other, &token).is_err(), "one kind passes for another: {said}");
        }
        if let Some(changed) = changed(&token, place, change) {
            assert!(OUR_KEYS.verify::<Value>(kind, &changed).is_err(), "{changed}");
        }
    }
    let said = with(
        json!({ "iss": THEIR_NAME, "aud": AUDIENCE, "iat": NOW_S, "exp": NOW_S + 300, "sub": "s" }),
        &claims,
    );
    let token = THEIR_KEYS.sign(TokenKind::Access, &said).expect("a signature");
    assert!(OUR_KEYS.verify::<Value>(TokenKind::Access, &token).is_err(), "their key signs for us: {said}");
    is_an_issuers(&token);
    if let Some(changed) = changed(&token, place, change) {
        assert!(RUNTIME.block_on(THEM.vouch(&changed)).is_err(), "{changed}");
    }
}

fn with(mut base: Value, more: &serde_json::Map<String, Value>) -> Value {
    more.iter().for_each(|(name, value)| base[name.as_str()] = value.clone());
    base
}

/// A text with something else at a place; `None` where it is the same.
fn changed(text: &str, place: usize, change: &str) -> Option<String> {
    let at = place % text.len();
    let behind = text.get(at + change.len()..).unwrap_or_default();
    let changed = format!("{}{change}{behind}", text.get(..at)?);
    (changed != text).then_some(changed)
}

/// Keys, refresh tokens and invitations are shown as they were read, and none is taken for another.
fn is_of_one_kind(text: &str) {
    let read = [
        KeyText::parse(text).map(|key| key.expose()),
        RefreshToken::parse(text).map(|token| token.expose()),
        Slip::parse(SlipKind::Invitation, text).map(|slip| slip.expose(SlipKind::Invitation)),
    ];
    let read: Vec<_> = read.into_iter().flatten().collect();
    assert!(read.len() <= 1, "{text} is of {} kinds", read.len());
    assert!(read.iter().all(|exposed| exposed.as_str() == text), "{text}");
    assert!(read.is_empty() || !text.contains('.'), "{text} would be looked at as an access token");
}

/// Our keys take what they have signed, by another's code as well, and for its purpose alone.
fn opens_what_was_signed(text: &str) {
    for kind in KINDS {
        if let Ok(claims) = OUR_KEYS.verify::<Value>(kind, text) {
            let (header, signed) = signed_by(OURS, text).expect("it was not signed");
            assert_eq!((&header["alg"], &header["typ"]), (&json!("EdDSA"), &json!(kind.typ())));
            assert_eq!(signed, claims);
            assert!(is_for(&claims["iss"], ISSUER), "{claims}");
            assert!(is_for(&claims["aud"], kind.audience()), "{claims}");
        }
    }
}

/// What an issuer's token says is what it has signed, for this house and this hour.
fn is_an_issuers(text: &str) {
    let Ok(vouched) = RUNTIME.block_on(THEM.vouch(text)) else { return };
    let (_, claims) = signed_by(THEIRS, text).expect("it was not signed");
    assert!(THEM.is_named_by(text), "{claims}");
    assert_eq!(claims["sub"], json!(vouched.subject));
    assert!(is_for(&claims["aud"], AUDIENCE), "{claims}");
    let now_ms = NOW_S * 1_000;
    assert!(vouched.expires_at_ms > now_ms && vouched.issued_at_ms <= now_ms + 30_000, "{claims}");
    assert!(vouched.expires_at_ms - vouched.issued_at_ms <= TOKEN_LIFE_MS_MAX, "{claims}");
}

/// Whether a claim, one text or a list of them (RFC 7519 §4.1.3), has this one.
fn is_for(claim: &Value, wanted: &str) -> bool {
    claim == wanted || claim.as_array().is_some_and(|list| list.iter().any(|one| one == wanted))
}

/// Header and claims of a token, if this key has signed it (RFC 7515 §5.2, RFC 8032): with other code than the house's.
fn signed_by(seed: u8, text: &str) -> Option<(Value, Value)> {
    let (signed, signature) = text.rsplit_once('.')?;
    let (header, claims) = signed.split_once('.')?;
    let bytes = |text: &str| BASE64_URL_SAFE_NO_PAD.decode(text).ok();
    let signature = Signature::from_slice(&bytes(signature)?).ok()?;
    SigningKey::from_bytes(&[seed; 32]).verifying_key().verify(signed.as_bytes(), &signature).ok()?;
    Some((serde_json::from_slice(&bytes(header)?).ok()?, serde_json::from_slice(&bytes(claims)?).ok()?))
}

/// A document is some keys, or none with a reason.
fn reads_keys(document: &[u8]) {
    match KeySet::read(document, 2048) {
        Ok(keys) => assert!((1..=KEYS_MAX).contains(&keys.count())),
        Err(why) => assert!(!why.to_string().is_empty()),
    }
}

/// A clock that stands.
struct Standing;

impl Clock for Standing {
    fn now_ms(&self) -> i64 {
        NOW_S * 1_000
    }
}

/// What the issuer publishes.
struct Published;

impl fmt::Debug for Published {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Published")
    }
}

#[async_trait]
impl KeySource for Published {
    async fn document(&self) -> Result<Vec<u8>, String> {
        serde_json::to_vec(&THEIR_KEYS.public()).map_err(|why| why.to_string())
    }
}
