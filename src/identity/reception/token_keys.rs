//! The keys that sign access tokens, and what everybody may know of them (F001-07, D-24).
//!
//! Asymmetric keys alone: Ed25519, P-256, RSA of 3072 bits and more. The first signs, all verify, so that keys are changed without
//! anybody signing in anew. The key says the algorithm, never the token: a token of another algorithm, of none, or of a key that is
//! not here is not believed.

use ed25519_dalek::{SigningKey, pkcs8::DecodePrivateKey};
use jsonwebtoken::{
    Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, decode_header, encode,
    jwk::{AlgorithmParameters, EllipticCurve, Jwk, JwkSet, PublicKeyUse, ThumbprintHash},
};
use serde::{Serialize, de::DeserializeOwned};
use thiserror::Error;
use zeroize::Zeroizing;

/// Who makes tokens.
pub const ISSUER: &str = "payoutd";
/// A longer text is no token of ours.
pub const TOKEN_BYTES_MAX: usize = 4 * 1024;
/// The least modulus of an RSA key, bytes: 3072 bits.
const RSA_BYTES_MIN: usize = 384;
/// What stands before the 32 bytes of an Ed25519 key in PKCS#8 version 1 (RFC 8410 §7).
const ED25519_PKCS8: [u8; 16] = [0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20];

/// What a token is for: its `typ`, and for whom: its `aud`. One kind never passes for another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenKind {
    /// Opens the API (RFC 9068).
    Access,
    /// Lets somebody show their second factor who has shown their password, and opens nothing else (F004-12).
    SecondFactor,
}

impl TokenKind {
    /// The header's `typ`.
    #[must_use]
    pub const fn typ(self) -> &'static str {
        match self {
            Self::Access => "at+jwt",
            Self::SecondFactor => "payoutd-2fa+jwt",
        }
    }

    /// The claim `aud`.
    #[must_use]
    pub const fn audience(self) -> &'static str {
        match self {
            Self::Access => "payoutd-api",
            Self::SecondFactor => "payoutd-2fa",
        }
    }
}

/// Why a file holds no key that signs tokens. Its contents are in none of the sentences.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum TokenKeyError {
    /// No private key of a kind that is taken.
    #[error("it is no private key in PEM (PKCS#8) for Ed25519, P-256 or RSA")]
    NotAKey,
    /// A curve that is not taken.
    #[error("of elliptic curves P-256 and Ed25519 are taken")]
    OtherCurve,
    /// Too few bits.
    #[error("an RSA key has 3072 bits at least")]
    RsaTooShort,
}

/// Why a text is no token of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotOurs;

/// One key.
struct TokenKey {
    id: String,
    algorithm: Algorithm,
    signs: EncodingKey,
    verifies: DecodingKey,
    public: Jwk,
}

/// The keys, the first of which signs.
pub struct TokenKeys {
    keys: Vec<TokenKey>,
}

impl std::fmt::Debug for TokenKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.keys.iter().map(|key| &key.id)).finish()
    }
}

impl TokenKeys {
    /// The keys of PEM texts.
    ///
    /// # Errors
    /// With the place of the text that holds none.
    pub fn of_pems<'a>(pems: impl IntoIterator<Item = &'a str>) -> Result<Self, (usize, TokenKeyError)> {
        let keys = pems.into_iter().enumerate();
        let keys = keys.map(|(place, pem)| TokenKey::of_pem(pem).map_err(|why| (place, why)));
        Ok(Self { keys: keys.collect::<Result<_, _>>()? })
    }

    /// The short name of the key in a PEM text: what stands in its tokens as `kid`, and its algorithm.
    ///
    /// # Errors
    /// When it holds no key.
    pub fn name_of(pem: &str) -> Result<(String, String), TokenKeyError> {
        let key = TokenKey::of_pem(pem)?;
        Ok((key.id, format!("{:?}", key.algorithm)))
    }

    /// The public halves, as everybody may read them (RFC 7517).
    #[must_use]
    pub fn public(&self) -> JwkSet {
        JwkSet { keys: self.keys.iter().map(|key| key.public.clone()).collect() }
    }

    /// Signs claims; `None` where there is no key, or the library refuses it.
    #[must_use]
    pub fn sign(&self, kind: TokenKind, claims: &impl Serialize) -> Option<Zeroizing<String>> {
        let key = self.keys.first()?;
        let header = Header {
            typ: Some(kind.typ().to_owned()),
            kid: Some(key.id.clone()),
            ..Header::new(key.algorithm)
        };
        encode(&header, claims, &key.signs).ok().map(Zeroizing::new)
    }

    /// The claims of a token that one of these keys has signed for this purpose. Times are the caller's matter.
    ///
    /// # Errors
    /// One for every reason.
    pub fn verify<C: DeserializeOwned>(&self, kind: TokenKind, token: &str) -> Result<C, NotOurs> {
        if token.len() > TOKEN_BYTES_MAX {
            return Err(NotOurs);
        }
        let header = decode_header(token).map_err(|_| NotOurs)?;
        let kid = header.kid.as_deref().ok_or(NotOurs)?;
        let key = self.keys.iter().find(|key| key.id == kid).ok_or(NotOurs)?;
        if header.alg != key.algorithm || header.typ.as_deref() != Some(kind.typ()) {
            return Err(NotOurs);
        }
        let mut wanted = Validation::new(key.algorithm);
        wanted.set_audience(&[kind.audience()]);
        wanted.set_issuer(&[ISSUER]);
        wanted.set_required_spec_claims(&["exp", "nbf", "aud", "iss", "sub"]);
        // By the house's own clock, which the library does not know.
        wanted.validate_exp = false;
        wanted.validate_nbf = false;
        decode(token, &key.verifies, &wanted).map(|token| token.claims).map_err(|_| NotOurs)
    }
}

impl TokenKey {
    fn of_pem(pem: &str) -> Result<Self, TokenKeyError> {
        let (signs, algorithm) = private_key(pem)?;
        let mut public = Jwk::from_encoding_key(&signs, algorithm).map_err(|_| match algorithm {
            Algorithm::ES256 => TokenKeyError::OtherCurve,
            _ => TokenKeyError::NotAKey,
        })?;
        match &public.algorithm {
            AlgorithmParameters::EllipticCurve(ec) if ec.curve != EllipticCurve::P256 => {
                return Err(TokenKeyError::OtherCurve);
            }
            // Base64url of so many bytes, without padding.
            AlgorithmParameters::RSA(rsa) if rsa.n.len() < (RSA_BYTES_MIN * 4).div_ceil(3) => {
                return Err(TokenKeyError::RsaTooShort);
            }
            _ => {}
        }
        let id = public.thumbprint(ThumbprintHash::SHA256).map_err(|_| TokenKeyError::NotAKey)?;
        public.common.key_id = Some(id.clone());
        public.common.public_key_use = Some(PublicKeyUse::Signature);
        let verifies = DecodingKey::from_jwk(&public).map_err(|_| TokenKeyError::NotAKey)?;
        Ok(Self { id, algorithm, signs, verifies, public })
    }
}

fn private_key(pem: &str) -> Result<(EncodingKey, Algorithm), TokenKeyError> {
    // Whether or not the file has the public half, too: the library wants it without.
    if let Ok(key) = SigningKey::from_pkcs8_pem(pem) {
        let der = Zeroizing::new([ED25519_PKCS8.as_slice(), key.as_bytes()].concat());
        return Ok((EncodingKey::from_ed_der(&der), Algorithm::EdDSA));
    }
    if let Ok(key) = EncodingKey::from_ec_pem(pem.as_bytes()) {
        return Ok((key, Algorithm::ES256));
    }
    let key = EncodingKey::from_rsa_pem(pem.as_bytes()).map_err(|_| TokenKeyError::NotAKey)?;
    Ok((key, Algorithm::RS256))
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
    use payoutd_actors::domain::journal::JournalKey;
    use serde_json::{Value, json};
    use std::process::Command;

    fn ed25519(seed: u8) -> String {
        JournalKey::from_seed(&[seed; 32]).to_pem().unwrap().to_string()
    }

    /// A key as OpenSSL makes it.
    fn openssl(arguments: &[&str]) -> String {
        let made = Command::new("openssl").args(arguments).output().unwrap();
        assert!(made.status.success(), "{arguments:?}");
        String::from_utf8(made.stdout).unwrap()
    }

    fn claims() -> Value {
        json!({ "iss": ISSUER, "aud": "payoutd-api", "sub": "s", "exp": 2, "nbf": 1, "x": "y" })
    }

    fn reads(keys: &TokenKeys, token: &str) -> Option<Value> {
        keys.verify(TokenKind::Access, token).ok()
    }

    /// F001-07: EdDSA, ES256 and RS256 as OpenSSL makes their keys; each is known again by the others' public half.
    #[test]
    fn keys_of_each_kind_sign_and_are_published() {
        let p256 = openssl(&["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"]);
        let rsa = openssl(&["genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:3072"]);
        let ed = openssl(&["genpkey", "-algorithm", "ed25519"]);
        for (pem, algorithm, kty) in [(&ed, "EdDSA", "OKP"), (&p256, "ES256", "EC"), (&rsa, "RS256", "RSA")] {
            let keys = TokenKeys::of_pems([pem.as_str()]).unwrap();
            let token = keys.sign(TokenKind::Access, &claims()).unwrap();
            assert_eq!(reads(&keys, &token).unwrap()["x"], json!("y"), "{algorithm}");
            let header = decode_header(token.as_bytes()).unwrap();
            assert_eq!(
                (format!("{:?}", header.alg).as_str(), header.typ.as_deref()),
                (algorithm, Some("at+jwt"))
            );
            let public = serde_json::to_value(keys.public()).unwrap();
            let one = &public["keys"][0];
            assert_eq!(
                (&one["kty"], &one["use"], &one["kid"]),
                (&json!(kty), &json!("sig"), &json!(header.kid))
            );
            assert!(one.get("d").is_none(), "{public}");
        }
        let short = openssl(&["genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"]);
        let curve = openssl(&["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384"]);
        let why = |pem: &str| TokenKeys::of_pems([ed.as_str(), pem]).unwrap_err();
        assert_eq!(why(&short), (1, TokenKeyError::RsaTooShort));
        assert_eq!(why(&curve), (1, TokenKeyError::OtherCurve));
        assert_eq!(why("x"), (1, TokenKeyError::NotAKey));
    }

    /// RFC 8037 appendix A.3: the thumbprint of the RFC's key.
    #[test]
    fn a_keys_name_is_its_thumbprint() {
        let seed = BASE64_URL_SAFE_NO_PAD.decode("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A").unwrap();
        let pem = JournalKey::from_seed(&seed.try_into().unwrap()).to_pem().unwrap();
        let (id, algorithm) = TokenKeys::name_of(&pem).unwrap();
        assert_eq!(
            (id.as_str(), algorithm.as_str()),
            ("kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k", "EdDSA")
        );
    }

    /// F001-07: the first signs, all verify; a key that was taken away verifies nothing.
    #[test]
    fn keys_are_changed_with_an_overlap() {
        let of = |seeds: &[u8]| {
            let pems: Vec<_> = seeds.iter().map(|seed| ed25519(*seed)).collect();
            TokenKeys::of_pems(pems.iter().map(String::as_str)).unwrap()
        };
        let old = of(&[1]).sign(TokenKind::Access, &claims()).unwrap();
        assert!(reads(&of(&[2, 1]), &old).is_some());
        assert!(reads(&of(&[2]), &old).is_none());
        assert!(of(&[]).sign(TokenKind::Access, &claims()).is_none());
    }

    /// F001-07, F000-03: key confusion, `alg: none`, a foreign key, another purpose, a changed claim: not believed.
    #[test]
    fn a_token_says_nothing_about_how_it_is_verified() {
        let keys = TokenKeys::of_pems([ed25519(1).as_str()]).unwrap();
        let good = keys.sign(TokenKind::Access, &claims()).unwrap();
        let kid = keys.keys[0].id.clone();
        let text = |value: &Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
        let parts: Vec<&str> = good.split('.').collect();
        let none = json!({ "alg": "none", "typ": "at+jwt", "kid": kid });
        let unsigned = format!("{}.{}.", text(&none), text(&claims()));
        // The public key, which everybody may know, as the secret of an HMAC.
        let hs256 =
            Header { typ: Some("at+jwt".into()), kid: Some(kid.clone()), ..Header::new(Algorithm::HS256) };
        let public = keys.public();
        let AlgorithmParameters::OctetKeyPair(pair) = &public.keys[0].algorithm else { panic!("{public:?}") };
        let x = BASE64_URL_SAFE_NO_PAD.decode(&pair.x).unwrap();
        let confused = encode(&hs256, &claims(), &EncodingKey::from_secret(&x)).unwrap();
        let header = |change: &dyn Fn(&mut Header)| {
            let mut header = Header {
                typ: Some("at+jwt".into()),
                kid: Some(kid.clone()),
                ..Header::new(Algorithm::EdDSA)
            };
            change(&mut header);
            encode(&header, &claims(), &keys.keys[0].signs).unwrap()
        };
        let with = |name: &str, value: Value| {
            let mut changed = claims();
            changed[name] = value;
            keys.sign(TokenKind::Access, &changed).unwrap().to_string()
        };
        let mut without_sub = claims();
        without_sub.as_object_mut().unwrap().remove("sub");
        let foreign = TokenKeys::of_pems([ed25519(2).as_str()]).unwrap();
        let inflated = format!("{}.{}.{}", parts[0], text(&json!({ "sub": "admin" })), parts[2]);
        for bad in [
            unsigned,
            confused,
            inflated,
            foreign.sign(TokenKind::Access, &claims()).unwrap().to_string(),
            header(&|header| header.kid = None),
            header(&|header| header.kid = Some("other".into())),
            header(&|header| header.typ = None),
            header(&|header| header.typ = Some("JWT".into())),
            with("iss", json!("somebody")),
            with("aud", json!("other-api")),
            with("aud", json!(null)),
            keys.sign(TokenKind::Access, &without_sub).unwrap().to_string(),
            format!("{}.{}", parts[0], parts[1]),
            String::new(),
            "a.b.c".to_owned(),
            "x".repeat(TOKEN_BYTES_MAX + 1),
        ] {
            assert_eq!(reads(&keys, &bad), None, "{bad}");
        }
        assert!(reads(&keys, &good).is_some() && reads(&keys, &header(&|_| {})).is_some());
    }
}
