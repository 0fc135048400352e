//! `[identity.external]`: an issuer elsewhere whose tokens are believed.

use std::path::PathBuf;

use crate::config::{
    forms::{Count, Flag, HttpsUrl, Name, Place, ProviderUrl},
    key::{Fallback, Key, Wrong},
    reader::Reader,
};
use crate::egress::{address_in, is_public};
use crate::identity::{issuer::IssuerSettings, reception::token_keys::ISSUER as OURS};

/// An issuer elsewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct External {
    /// Which of its tokens are taken, and for what.
    pub settings: IssuerSettings,
    /// Where its keys are.
    pub keys: ExternalKeys,
}

/// Where an issuer's keys are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExternalKeys {
    /// At an address.
    Url {
        /// Which.
        url: ProviderUrl,
        /// Whether it may be one of the house's own network.
        private_address: bool,
    },
    /// In a file.
    File(PathBuf),
}

const ISSUER: Key<Name> = Key {
    name: "identity.external.issuer",
    form: Name,
    fallback: Fallback::Absent {
        example: "\"https://login.example\"",
        without: "only this house's own tokens are believed",
    },
    about: "An issuer elsewhere whose access tokens (JWT) say who somebody is: its claim `iss`, letter by letter. Whom it knows is nobody \
            here until `payoutd users link` says who they are; what they may do stands in the register and never in the token. By its \
            tokens people read; whatever changes anything wants a sign-in here.",
};

const AUDIENCE: Key<Name> = Key {
    name: "identity.external.audience",
    form: Name,
    fallback: Fallback::Absent { example: "\"payoutd\"", without: "there is no issuer elsewhere" },
    about: "What its tokens for this house are made for: a value of the claim `aud`. Take one of this house's own, or a token for another \
            service opens this one, too.",
};

const JWKS_URL: Key<HttpsUrl> = Key {
    name: "identity.external.jwks_url",
    form: HttpsUrl,
    fallback: Fallback::Absent {
        example: "\"https://login.example/jwks.json\"",
        without: "the keys are in jwks_file",
    },
    about: "Where its public keys are (RFC 7517). They are asked for every five minutes, and when a token names a key that is not known, \
            every 30 s at most. An issuer that is silent keeps nobody out for a day. Redirects are not followed.",
};

const JWKS_PRIVATE_ADDRESS: Key<Flag> = Key {
    name: "identity.external.jwks_private_address",
    form: Flag,
    fallback: Fallback::Is("false"),
    about: "Whether that address may be this machine or a private network. Without it, a name that leads there is not followed.",
};

const JWKS_FILE: Key<Place> = Key {
    name: "identity.external.jwks_file",
    form: Place,
    fallback: Fallback::Absent { example: "\"issuer-keys.json\"", without: "the keys are at jwks_url" },
    about: "A file with its public keys in place of jwks_url; it is read again as often.",
};

const RSA_BITS_MIN: Key<Count> = Key {
    name: "identity.external.rsa_bits_min",
    form: Count { of: "bits", from: 2048, to: 8192 },
    fallback: Fallback::Is("3072"),
    about: "The least length of its RSA keys. Many issuers still sign with 2048 bits: better let yours sign with ES256 or EdDSA.",
};

/// The outer `None`: there is a mistake, and it is written down.
pub(super) fn read(reader: &mut Reader<'_>) -> Option<Option<External>> {
    reader.section("identity.external", "An issuer elsewhere whose tokens are believed.");
    let issuer = reader.ask_maybe(&ISSUER);
    let audience = reader.ask_maybe(&AUDIENCE);
    let url = reader.ask_maybe(&JWKS_URL);
    let private_address = reader.ask(&JWKS_PRIVATE_ADDRESS);
    let file = reader.ask_maybe(&JWKS_FILE);
    let rsa_bits_min = reader.ask(&RSA_BITS_MIN);
    let (issuer, audience, url, file) = (issuer?, audience?, url?, file?);
    let (private_address, rsa_bits_min) = (private_address?, rsa_bits_min?);
    if issuer.is_none() && audience.is_none() && url.is_none() && file.is_none() {
        return Some(None);
    }
    let mut mistake = |name: &str, wrong: &str, right: &str| reader.mistake(name, Wrong::new(wrong, right));
    let beside = "is missing beside the other keys of the issuer";
    if issuer.is_none() {
        mistake(ISSUER.name, beside, "write the claim `iss` of its tokens");
    }
    if audience.is_none() {
        mistake(AUDIENCE.name, beside, "write the claim `aud` of its tokens for this house");
    }
    if issuer.as_deref() == Some(OURS) {
        mistake(ISSUER.name, "is this house's own name", "name the issuer elsewhere");
    }
    if let Some(url) = url.as_ref().filter(|_| !private_address)
        && address_in(url.url()).is_some_and(|address| !is_public(address))
    {
        mistake(
            JWKS_URL.name,
            "names an address that is not public",
            "write jwks_private_address = true if it is your own",
        );
    }
    let keys = match (url, file) {
        (Some(url), None) => Some(ExternalKeys::Url { url, private_address }),
        (None, Some(file)) => Some(ExternalKeys::File(file)),
        (None, None) => {
            mistake(
                JWKS_URL.name,
                beside,
                "say where its public keys are, or name identity.external.jwks_file",
            );
            None
        }
        (Some(_), Some(_)) => {
            mistake(JWKS_FILE.name, "stands beside identity.external.jwks_url", "keep one of the two");
            None
        }
    };
    let (issuer, audience) = (issuer.filter(|issuer| issuer != OURS)?, audience?);
    Some(Some(External { settings: IssuerSettings { issuer, audience, rsa_bits_min }, keys: keys? }))
}
