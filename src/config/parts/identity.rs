//! `[identity]`: who else may come in.

use super::external::{self, External};
use crate::config::{
    forms::{Count, Flag, OneOf, SecretPath, SecretPaths},
    key::{Fallback, Key, Wrong},
    reader::Reader,
    secret_file::SecretFile,
};
use crate::identity::people::PasswordPolicy;

/// Who else may come in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// Seals what the register must not hold in clear; without it nobody but the house's token comes in.
    pub master_key_file: Option<SecretFile>,
    /// Whether an API key's requests are signed where they move money.
    pub require_signed_requests: bool,
    /// Whether jobs of the broker are signed.
    pub require_signed_jobs: bool,
    /// Which passwords people may choose.
    pub password_policy: PasswordPolicy,
    /// The keys of access tokens: the first signs, all verify. Without any nobody can sign in.
    pub token_key_files: Vec<SecretFile>,
    /// For how long an access token is good.
    pub access_token_minutes: u32,
    /// How many steps of 30 s a one-time code may be early or late.
    pub totp_skew_steps: u32,
    /// An issuer elsewhere whose tokens are believed.
    pub external: Option<External>,
}

const MASTER_KEY_FILE: Key<SecretPath> = Key {
    name: "identity.master_key_file",
    form: SecretPath,
    fallback: Fallback::Absent {
        example: "\"master.key\"",
        without: "there are no API keys and no people: the token of http.token_file alone opens the door, and every job in the queue is done",
    },
    about: "The master key (44 characters of base64) that seals in the database what is not to be read there. `payoutd keys new \
            master --out FILE` makes one. Daemons of one store have the same. Keep a copy where the database's copies are not: \
            without it no signature can be checked any more.",
};

const REQUIRE_SIGNED_REQUESTS: Key<Flag> = Key {
    name: "identity.require_signed_requests",
    form: Flag,
    fallback: Fallback::Is("true"),
    about: "Whether a request by an API key, or through a gateway, that moves money, or decides about it, must be signed. A key that leaks \
            from a log or a proxy then moves nothing by itself.",
};

const REQUIRE_SIGNED_JOBS: Key<Flag> = Key {
    name: "identity.require_signed_jobs",
    form: Flag,
    fallback: Fallback::Is("true"),
    about: "Whether a job from the broker must be signed with an API key; one that is not goes to the dead queue. It holds \
            only where there is a master key: without one nobody could sign.",
};

const PASSWORD_POLICY: Key<OneOf<PasswordPolicy>> = Key {
    name: "identity.password_policy",
    form: OneOf {
        words: &[("length", PasswordPolicy::Length), ("composition", PasswordPolicy::Composition)],
        not_yet: &[],
    },
    fallback: Fallback::Is("\"length\""),
    about: "Which passwords people may choose. \"length\": 15 to 128 characters of any kind (ASVS 5). \"composition\": 8 to 128, with an \
            upper and a lower case letter, a digit and one of !@#$%^&*. With both, the commonest ones are refused. It holds for \
            passwords that are chosen from then on.",
};

const TOKEN_KEY_FILES: Key<SecretPaths> = Key {
    name: "identity.token_key_files",
    form: SecretPaths,
    fallback: Fallback::Absent {
        example: "[\"token-key.pem\"]",
        without: "nobody can sign in: there are the token of http.token_file and API keys",
    },
    about: "The keys of access tokens (PEM, PKCS#8): Ed25519, as `payoutd keys new jwt --out FILE` makes them, P-256, or RSA of 3072 \
            bits and more. The first signs, all verify: to change keys put a new one first, and take the old one away an hour later. \
            Daemons of one store have the same. It wants identity.master_key_file beside it.",
};

const ACCESS_TOKEN_MINUTES: Key<Count> = Key {
    name: "identity.access_token_minutes",
    form: Count { of: "minutes", from: 1, to: 60 },
    fallback: Fallback::Is("15"),
    about: "How long an access token is good. Whoever is shown out is out at once, whatever is written here: it bounds what a stolen \
            token is worth.",
};

const TOTP_SKEW_STEPS: Key<Count> = Key {
    name: "identity.totp_skew_steps",
    form: Count { of: "steps", from: 0, to: 1 },
    fallback: Fallback::Is("1"),
    about: "How many steps of 30 s a one-time code may be early or late, for phones whose clock is off. 0 takes the present one alone.",
};

impl Identity {
    pub(in crate::config) fn read(reader: &mut Reader<'_>) -> Option<Self> {
        reader.section("identity", "Who else may come in: API keys, what they sign, and people.");
        let master_key_file = reader.ask_maybe(&MASTER_KEY_FILE);
        let require_signed_requests = reader.ask(&REQUIRE_SIGNED_REQUESTS);
        let require_signed_jobs = reader.ask(&REQUIRE_SIGNED_JOBS);
        let password_policy = reader.ask(&PASSWORD_POLICY);
        let token_key_files = reader.ask_maybe(&TOKEN_KEY_FILES);
        let access_token_minutes = reader.ask(&ACCESS_TOKEN_MINUTES);
        let totp_skew_steps = reader.ask(&TOTP_SKEW_STEPS);
        let external = external::read(reader);
        if matches!((&external, &master_key_file), (Some(Some(_)), Some(None))) {
            let right = "name identity.master_key_file, too: whom it vouches for stands in the register";
            reader.mistake("identity.external.issuer", Wrong::new("stands without a master key", right));
        }
        if matches!((&token_key_files, &master_key_file), (Some(Some(_)), Some(None))) {
            let right = "name identity.master_key_file, too: what people have is sealed with it";
            reader.mistake(TOKEN_KEY_FILES.name, Wrong::new("stands without a master key", right));
        }
        if master_key_file.as_ref().is_some_and(Option::is_some) {
            if require_signed_requests == Some(false) {
                reader.warn(
                    "identity.require_signed_requests is false: an API key that leaks moves money by itself, and so does a gateway"
                        .to_owned(),
                );
            }
            if require_signed_jobs == Some(false) {
                reader.warn(
                    "identity.require_signed_jobs is false: whoever can write to the queue moves money"
                        .to_owned(),
                );
            }
        }
        Some(Self {
            master_key_file: master_key_file?,
            require_signed_requests: require_signed_requests?,
            require_signed_jobs: require_signed_jobs?,
            password_policy: password_policy?,
            token_key_files: token_key_files?.unwrap_or_default(),
            access_token_minutes: access_token_minutes?,
            totp_skew_steps: totp_skew_steps?,
            external: external?,
        })
    }
}
