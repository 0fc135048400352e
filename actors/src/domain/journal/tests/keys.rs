//! F002-21: every good key file loads, every other one is refused in words that help.

use super::super::{JournalKey, JournalPublicKey, KeyError};

/// The example of RFC 8410 §10.3, as OpenSSL writes keys.
const PEM: &str = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n-----END PRIVATE KEY-----\n";
const SEED_HEX: &str = "d4ee72dbf913584ad5b6d8f1f769f8ad3afe7c28cbf1d4fbe097a88f44755842";
const PUBLIC_PEM: &str = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n-----END PUBLIC KEY-----\n";
const PUBLIC_HEX: &str = "19bf44096984cdfe8541bac167dc3b96c85086aa30b6b6cb0c5c38ad703166e1";

/// F002-21
#[test]
fn pem_raw_and_hex_are_the_same_key() {
    let raw = hex::decode(SEED_HEX).unwrap();
    let hex_with_blanks = format!("  {}\n", SEED_HEX.to_uppercase());
    for file in [PEM.as_bytes(), &raw, SEED_HEX.as_bytes(), hex_with_blanks.as_bytes(), PEM.trim().as_bytes()]
    {
        let key = JournalKey::from_file_bytes(file).unwrap();
        assert_eq!(key.public_key().to_hex(), PUBLIC_HEX);
    }
}

/// F002-21
#[test]
fn a_key_of_a_wrong_size_is_refused_in_words_that_help() {
    let raw = hex::decode(SEED_HEX).unwrap();
    let refused = |file: &[u8]| JournalKey::from_file_bytes(file).unwrap_err();
    assert_eq!(refused(b""), KeyError::WrongSize { bytes: 0 });
    assert_eq!(refused(&raw[..31]), KeyError::WrongSize { bytes: 31 });
    assert_eq!(refused(&[raw.as_slice(), &[1]].concat()), KeyError::WrongSize { bytes: 33 });
    assert_eq!(refused(&SEED_HEX.as_bytes()[..63]), KeyError::WrongSize { bytes: 63 });
    assert_eq!(
        refused(&raw[..31]).to_string(),
        "the journal key has 31 bytes: a key is 32 raw bytes, 64 hex digits, or PEM (PKCS#8)"
    );
}

#[test]
fn half_a_key_in_hex_and_a_password_are_not_taken_for_raw_bytes() {
    for text in [
        &SEED_HEX[..32],
        "correct horse battery staple 123",
        &format!("{}\n", &SEED_HEX[..31]),
        &format!("{}\n", &SEED_HEX[..32]),
    ] {
        assert_eq!(JournalKey::from_file_bytes(text.as_bytes()).unwrap_err(), KeyError::Text, "{text}");
    }
    let no_hex = SEED_HEX.replace('d', "x");
    assert_eq!(JournalKey::from_file_bytes(no_hex.as_bytes()).unwrap_err(), KeyError::NotHex);
}

#[test]
fn a_pem_that_is_not_an_ed25519_private_key_says_what_it_is() {
    let refused = |pem: &str| JournalKey::from_file_bytes(pem.as_bytes()).unwrap_err();
    assert_eq!(refused(PUBLIC_PEM), KeyError::PublicKeyOnly);
    assert_eq!(
        refused("-----BEGIN ENCRYPTED PRIVATE KEY-----\nMIGb\n-----END ENCRYPTED PRIVATE KEY-----\n"),
        KeyError::Encrypted
    );
    // One letter of the algorithm's number: X25519 (1.3.101.110), a key for agreement and not for signatures.
    assert_eq!(refused(&PEM.replace("K2VwBCIE", "K2VuBCIE")), KeyError::NotEd25519);
    // A seed of 31 bytes, every length in the envelope made to fit.
    let short = "-----BEGIN PRIVATE KEY-----\nMC0CAQAwBQYDK2VwBCEEH9Tuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVg=\n-----END PRIVATE KEY-----\n";
    assert_eq!(refused(short), KeyError::NotEd25519);
    assert_eq!(refused(&PEM.replace("MC4C", "MC5C")), KeyError::NotEd25519);
}

#[test]
fn a_written_key_loads_again_in_the_form_that_openssl_reads() {
    let key = JournalKey::from_file_bytes(SEED_HEX.as_bytes()).unwrap();
    assert_eq!(key.to_pem().unwrap().as_str(), PEM);
    assert_eq!(key.public_key().to_pem().unwrap(), PUBLIC_PEM);
}

#[test]
fn a_public_key_reads_from_hex_and_pem() {
    for text in [PUBLIC_PEM, PUBLIC_HEX, &format!(" {PUBLIC_HEX}\n")] {
        assert_eq!(JournalPublicKey::parse(text).unwrap().to_hex(), PUBLIC_HEX);
    }
    assert_eq!(JournalPublicKey::parse("abc"), Err(KeyError::NotAPublicKey));
    assert_eq!(JournalPublicKey::parse(PEM), Err(KeyError::NotAPublicKey));
    // The neutral point: anybody can sign for it.
    let neutral = format!("01{}", "00".repeat(31));
    assert_eq!(JournalPublicKey::parse(&neutral), Err(KeyError::NotAPublicKey));
}

/// RFC 8032 §7.1, test 1: the signature of the empty message.
#[test]
fn signatures_are_those_of_the_rfc() {
    let seed = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60";
    let key = JournalKey::from_file_bytes(seed.as_bytes()).unwrap();
    assert_eq!(key.public_key().to_hex(), "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a");
    assert_eq!(
        key.sign("", b"").to_hex(),
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"
    );
}

#[test]
fn a_signature_for_one_purpose_does_not_pass_for_another() {
    let key = JournalKey::from_seed(&[7; 32]);
    let signature = key.sign("payoutd seal v1\n", b"message");
    assert!(key.public_key().has_signed("payoutd seal v1\n", b"message", &signature));
    assert!(!key.public_key().has_signed("payoutd checkpoint v1\n", b"message", &signature));
}

#[test]
fn a_printed_key_shows_nothing_of_its_secret() {
    let key = JournalKey::from_file_bytes(SEED_HEX.as_bytes()).unwrap();
    let shown = format!("{key:?}");
    assert_eq!(shown, format!("JournalKey({}, private part redacted)", key.public_key().key_id()));
    assert!(!shown.contains(&SEED_HEX[..8]));
}
