//! The fear: a token that nobody has signed, or somebody else, is taken for the issuer's; or strangers make this house a hammer on the
//! issuer's door.

use std::{
    fmt,
    process::Command,
    sync::atomic::{AtomicUsize, Ordering},
};

use async_trait::async_trait;
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use futures_util::future::join_all;
use jsonwebtoken::{
    Algorithm, EncodingKey, Header, encode,
    jwk::{Jwk, PublicKeyUse},
};
use payoutd_actors::fakes::TestClock;
use serde_json::{Value, json};

use super::{key_set::NotKeys, *};

const ISSUER: &str = "https://login.example";
const NOW_S: i64 = 1_800_000_000;

/// One of the issuer's keys.
struct TheirKey {
    id: &'static str,
    algorithm: Algorithm,
    signs: EncodingKey,
}

impl TheirKey {
    /// A key as OpenSSL makes it.
    fn new(id: &'static str, algorithm: Algorithm, arguments: &[&str]) -> Self {
        let made = Command::new("openssl").arg("genpkey").args(arguments).output().unwrap();
        assert!(made.status.success(), "{arguments:?}");
        let signs = match algorithm {
            Algorithm::EdDSA => EncodingKey::from_ed_pem(&made.stdout),
            Algorithm::ES256 | Algorithm::ES384 => EncodingKey::from_ec_pem(&made.stdout),
            _ => EncodingKey::from_rsa_pem(&made.stdout),
        };
        Self { id, algorithm, signs: signs.unwrap() }
    }

    fn ed25519(id: &'static str) -> Self {
        Self::new(id, Algorithm::EdDSA, &["-algorithm", "ed25519"])
    }

    fn p256(id: &'static str) -> Self {
        Self::new(id, Algorithm::ES256, &["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"])
    }

    fn rsa(id: &'static str, bits: u32) -> Self {
        Self::new(
            id,
            Algorithm::RS256,
            &["-algorithm", "RSA", "-pkeyopt", &format!("rsa_keygen_bits:{bits}")],
        )
    }

    fn public(&self) -> Value {
        let mut jwk = Jwk::from_encoding_key(&self.signs, self.algorithm).unwrap();
        jwk.common.key_id = Some(self.id.to_owned());
        jwk.common.public_key_use = Some(PublicKeyUse::Signature);
        serde_json::to_value(jwk).unwrap()
    }

    fn header(&self) -> Header {
        Header {
            kid: Some(self.id.to_owned()),
            typ: Some("at+jwt".to_owned()),
            ..Header::new(self.algorithm)
        }
    }

    fn signs(&self, claims: &Value) -> String {
        encode(&self.header(), claims, &self.signs).unwrap()
    }
}

fn claims() -> Value {
    json!({ "iss": ISSUER, "aud": ["other", "payoutd"], "sub": "s-1", "iat": NOW_S, "exp": NOW_S + 300 })
}

fn with(name: &str, value: Value) -> Value {
    let mut claims = claims();
    claims[name] = value;
    claims
}

/// What the issuer answers, and how often it was asked.
#[derive(Clone, Default)]
struct Their {
    answer: Arc<Mutex<Option<Vec<u8>>>>,
    asked: Arc<AtomicUsize>,
}

impl fmt::Debug for Their {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Their")
    }
}

#[async_trait]
impl KeySource for Their {
    async fn document(&self) -> Result<Vec<u8>, String> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        // Others get the turn while it is asked.
        tokio::task::yield_now().await;
        self.answer.lock().unwrap().clone().ok_or_else(|| "silence".to_owned())
    }
}

impl Their {
    fn publish(&self, keys: &[&TheirKey]) {
        let keys: Vec<_> = keys.iter().map(|key| key.public()).collect();
        *self.answer.lock().unwrap() = Some(json!({ "keys": keys }).to_string().into_bytes());
    }

    fn fall_silent(&self) {
        *self.answer.lock().unwrap() = None;
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

fn settings() -> IssuerSettings {
    IssuerSettings { issuer: ISSUER.into(), audience: "payoutd".into(), rsa_bits_min: 3072 }
}

fn issuer(keys: &[&TheirKey]) -> (Arc<Issuer>, Their, Arc<TestClock>) {
    let (their, clock) = (Their::default(), Arc::new(TestClock::at(NOW_S * 1_000)));
    their.publish(keys);
    (Arc::new(Issuer::new(settings(), Box::new(their.clone()), clock.clone())), their, clock)
}

/// F001-07: EdDSA, ES256 and RS256, as OpenSSL makes their keys; and nothing of the claims but whom they are about and when.
#[tokio::test(start_paused = true)]
async fn a_token_of_each_kind_of_key_says_whom_it_is_about() {
    let keys = [TheirKey::ed25519("ed"), TheirKey::p256("ec"), TheirKey::rsa("rsa", 3072)];
    let (issuer, their, _) = issuer(&keys.each_ref());
    for key in &keys {
        let token = key.signs(&with("permissions", json!(["key:admin"])));
        assert!(issuer.is_named_by(&token));
        let vouched = issuer.vouch(&token).await.unwrap();
        let expected = Vouched {
            subject: "s-1".to_owned(),
            issued_at_ms: NOW_S * 1_000,
            expires_at_ms: (NOW_S + 300) * 1_000,
        };
        assert_eq!(vouched, expected, "{}", key.id);
    }
    assert_eq!(their.asked(), 1);
}

/// F000-03, F001-07: `alg: none`, key confusion, a foreign key, another's name or audience, a changed claim, a bad time: not believed.
#[tokio::test(start_paused = true)]
async fn what_the_issuer_has_not_signed_for_this_house_and_this_hour_is_not_believed() {
    let (key, foreign) = (TheirKey::rsa("rsa", 3072), TheirKey::rsa("rsa", 3072));
    let (issuer, ..) = issuer(&[&key, &TheirKey::ed25519("ed")]);
    let text = |value: &Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
    let good = key.signs(&claims());
    let parts: Vec<&str> = good.split('.').collect();
    let none = format!("{}.{}.", text(&json!({ "alg": "none", "kid": "rsa" })), text(&claims()));
    // The public key, which everybody may know, as the secret of an HMAC.
    let modulus = BASE64_URL_SAFE_NO_PAD.decode(key.public()["n"].as_str().unwrap()).unwrap();
    let hs256 = Header { kid: Some("rsa".into()), ..Header::new(Algorithm::HS256) };
    let confused = encode(&hs256, &claims(), &EncodingKey::from_secret(&modulus)).unwrap();
    let header = |change: &dyn Fn(&mut Header)| {
        let mut header = key.header();
        change(&mut header);
        encode(&header, &claims(), &key.signs).unwrap()
    };
    let own = Some(Jwk::from_encoding_key(&foreign.signs, Algorithm::RS256).unwrap());
    let brought = encode(&Header { jwk: own, ..foreign.header() }, &claims(), &foreign.signs).unwrap();
    let without = |name: &str| {
        let mut claims = claims();
        claims.as_object_mut().unwrap().remove(name);
        key.signs(&claims)
    };
    let ours = Unknown::TokenNotOurs;
    for (bad, why) in [
        (none, ours),
        (confused, ours),
        (foreign.signs(&claims()), ours),
        (format!("{}.{}.{}", parts[0], text(&with("sub", json!("admin"))), parts[2]), ours),
        (format!("{}.{}", parts[0], parts[1]), ours),
        (header(&|header| header.kid = None), ours),
        (header(&|header| header.kid = Some("ed".into())), ours),
        (header(&|header| header.kid = Some("nobody".into())), ours),
        (header(&|header| header.typ = Some("payoutd-2fa+jwt".into())), ours),
        (header(&|header| header.crit = Some(vec!["exp".into()])), ours),
        // A key that the token brings along is no key of the issuer's.
        (brought, ours),
        (key.signs(&with("iss", json!("https://login.example/"))), ours),
        (key.signs(&with("iss", json!([ISSUER, "other"]))), ours),
        (key.signs(&with("aud", json!("other"))), ours),
        (key.signs(&with("aud", json!([]))), ours),
        (key.signs(&with("sub", json!(7))), ours),
        (without("aud"), ours),
        (without("sub"), ours),
        (without("exp"), ours),
        (without("iat"), ours),
        (key.signs(&with("nbf", json!(NOW_S + 31))), ours),
        (key.signs(&with("iat", json!(NOW_S + 31))), ours),
        (key.signs(&with("exp", json!(NOW_S + 24 * 3_600 + 1))), ours),
        (key.signs(&with("exp", json!(NOW_S))), Unknown::TokenExpired),
        (key.signs(&with("sub", json!("s".repeat(TOKEN_BYTES_MAX)))), ours),
        (String::new(), ours),
        ("a.b.c".to_owned(), ours),
    ] {
        assert_eq!(issuer.vouch(&bad).await, Err(why), "{bad}");
    }
    for good in [good, key.signs(&with("nbf", json!(NOW_S + 30))), header(&|header| header.typ = None)] {
        assert!(issuer.vouch(&good).await.is_ok(), "{good}");
    }
}

/// By whose keys a token is verified is told by its claim; one that tells it twice tells nothing.
#[test]
fn a_token_that_names_two_issuers_names_none() {
    let (issuer, ..) = issuer(&[]);
    let named = |claims: &str| issuer.is_named_by(&format!("h.{}.s", BASE64_URL_SAFE_NO_PAD.encode(claims)));
    assert!(named(r#"{"iss":"https://login.example"}"#));
    for other in [
        r#"{"iss":"payoutd"}"#,
        r#"{"iss":"https://login.example","iss":"payoutd"}"#,
        r#"{"iss":7}"#,
        "{}",
        "",
    ] {
        assert!(!named(other), "{other}");
    }
}

/// What is no key that is taken is left out, and a document without one changes nothing.
#[test]
fn only_keys_for_signatures_that_are_long_enough_are_taken() {
    let read = |keys: Vec<Value>, bits| {
        KeySet::read(json!({ "keys": keys }).to_string().as_bytes(), bits).map(|keys| keys.count())
    };
    let changed = |mut key: Value, name: &str, value: Value| {
        key[name] = value;
        key
    };
    let (short, ed, ec) = (TheirKey::rsa("short", 2048), TheirKey::ed25519("ed"), TheirKey::p256("ec"));
    let p384 =
        TheirKey::new("p384", Algorithm::ES384, &["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384"]);
    let none = Err(NotKeys::NoneTaken { rsa_bits_min: 3072 });
    for bad in [
        short.public(),
        p384.public(),
        changed(ed.public(), "use", json!("enc")),
        changed(ed.public(), "key_ops", json!(["sign"])),
        changed(ed.public(), "alg", json!("ES256")),
        changed(ed.public(), "kid", json!("")),
        changed(ed.public(), "kid", json!(null)),
        changed(ec.public(), "crv", json!("P-521")),
        json!({ "kty": "oct", "k": "c2VjcmV0", "kid": "hmac", "alg": "HS256" }),
        json!("no key"),
    ] {
        assert_eq!(read(vec![bad.clone()], 3072), none, "{bad}");
        assert_eq!(read(vec![bad, ed.public()], 3072), Ok(1));
    }
    assert_eq!(read(vec![short.public()], 2048), Ok(1));
    assert_eq!(
        read(vec![ed.public(), changed(ec.public(), "kid", json!("ed"))], 3072),
        Ok(1),
        "one name, one key"
    );
    assert_eq!(read(vec![json!({}); KEYS_OVER], 3072), Err(NotKeys::TooMany));
    for no_set in ["", "[]", "{}", r#"{"keys":{}}"#] {
        assert_eq!(KeySet::read(no_set.as_bytes(), 3072).err(), Some(NotKeys::NotASet), "{no_set}");
    }
    let long = vec![b' '; key_set::DOCUMENT_BYTES_MAX + 1];
    assert_eq!(KeySet::read(&long, 3072).err(), Some(NotKeys::TooLong));
}

const KEYS_OVER: usize = key_set::KEYS_MAX + 1;

/// However many tokens of unknown keys come, the issuer is asked once in half a minute.
#[tokio::test(start_paused = true)]
async fn a_storm_of_unknown_keys_is_one_question_to_the_issuer() {
    let (key, strange) = (TheirKey::ed25519("known"), TheirKey::ed25519("strange"));
    let (issuer, their, clock) = issuer(&[&key]);
    assert!(issuer.vouch(&key.signs(&claims())).await.is_ok());
    clock.jump(ASK_APART_MS);
    let storm = join_all((0..200).map(|_| {
        let (issuer, token) = (issuer.clone(), strange.signs(&claims()));
        async move { issuer.vouch(&token).await }
    }));
    assert!(storm.await.iter().all(Result::is_err));
    assert_eq!(their.asked(), 2);
    clock.jump(ASK_APART_MS - 1);
    assert!(issuer.vouch(&strange.signs(&claims())).await.is_err());
    assert_eq!((their.asked(), issuer.vouch(&key.signs(&claims())).await.is_ok()), (2, true));
    clock.jump(1);
    assert!(issuer.vouch(&strange.signs(&claims())).await.is_err());
    assert_eq!(their.asked(), 3);
}

/// A question is asked to its end, whoever hangs up meanwhile: strangers can not keep it from being answered.
#[tokio::test(start_paused = true)]
async fn a_caller_who_hangs_up_does_not_keep_the_keys_from_being_read() {
    let key = TheirKey::ed25519("k");
    let (issuer, their, _) = issuer(&[&key]);
    let token = key.signs(&claims());
    {
        let mut asking = Box::pin(issuer.vouch(&token));
        assert!(futures_util::poll!(&mut asking).is_pending());
    }
    for _ in 0..10 {
        tokio::task::yield_now().await;
    }
    assert!(issuer.vouch(&token).await.is_ok());
    assert_eq!(their.asked(), 1);
}

/// F001-07: a new key is believed when it is shown, one that was taken away is not once the keys were asked for again.
#[tokio::test(start_paused = true)]
async fn an_issuer_changes_its_keys_and_nobody_is_told() {
    let (old, new) = (TheirKey::ed25519("old"), TheirKey::p256("new"));
    let (issuer, their, clock) = issuer(&[&old]);
    assert!(issuer.vouch(&old.signs(&claims())).await.is_ok());
    clock.jump(ASK_APART_MS);
    their.publish(&[&old, &new]);
    for key in [&new, &old] {
        assert!(issuer.vouch(&key.signs(&claims())).await.is_ok(), "{}", key.id);
    }
    their.publish(&[&new]);
    clock.jump(ASK_AGAIN_AFTER_MS - 1);
    issuer.keep().await;
    assert_eq!(their.asked(), 2, "they are not old yet");
    clock.jump(1);
    issuer.keep().await;
    let later = |key: &TheirKey| key.signs(&with("exp", json!(NOW_S + 3_600)));
    assert_eq!(issuer.vouch(&later(&old)).await, Err(Unknown::TokenNotOurs));
    assert!(issuer.vouch(&later(&new)).await.is_ok());
}

/// Its silence keeps nobody out whose key is known; after a day nobody knows any more whether it still is one.
#[tokio::test(start_paused = true)]
async fn a_silent_issuer_keeps_nobody_out_for_a_day() {
    let key = TheirKey::ed25519("k");
    let (issuer, their, clock) = issuer(&[&key]);
    issuer.keep().await;
    their.fall_silent();
    clock.jump(GOOD_FOR_MS - 1);
    issuer.keep().await;
    let now_s = NOW_S + GOOD_FOR_MS / 1_000;
    let late = json!({ "iss": ISSUER, "aud": "payoutd", "sub": "s", "iat": now_s - 60, "exp": now_s + 60 });
    assert!(issuer.vouch(&key.signs(&late)).await.is_ok());
    *their.answer.lock().unwrap() = Some(b"<html>".to_vec());
    clock.jump(1);
    assert_eq!(issuer.vouch(&key.signs(&late)).await, Err(Unknown::TokenNotOurs));
    their.publish(&[&key]);
    clock.jump(ASK_APART_MS);
    assert!(issuer.vouch(&key.signs(&late)).await.is_ok());
}
