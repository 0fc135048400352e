//! How much building a payout costs beside the signature that it needs: `cargo bench --bench tron`.
//!
//! Both loops run in this process, in turns, so that a machine's mood meets both. The limit is k256 signing a digest that is
//! there already; ours goes from terms (recipient, amount, fee limit, block, times) to the bytes that a node takes.
//! Prints a table and writes `target/bench/tron.json`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::float_arithmetic,
    reason = "a bench that cannot go on says so by panicking, and its figures are no money"
)]

use std::{
    hint::black_box,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use k256::ecdsa::SigningKey;
use payoutd_actors::domain::{
    address::Address,
    money::MicroUsdt,
    tron::{BlockId, Fingerprint, PayoutCall, PrivateKey, RefBlock, TransferTerms, Unsigned},
};

/// Rounds; the best of each side counts, as noise only ever slows down.
const ROUNDS: u32 = 12;
/// How long each side runs in a round.
const ROUND: Duration = Duration::from_millis(400);
/// What the ratio should not fall below.
const AIM: f64 = 0.8;

fn main() {
    let scalar = [7_u8; 32];
    let bare = SigningKey::from_slice(&scalar).unwrap();
    let key = PrivateKey::from_bytes(&scalar).unwrap();
    let fingerprint_key = key.derive_key("fingerprint");

    let (mut limit, mut plain, mut whole) = (0.0_f64, 0.0_f64, 0.0_f64);
    for _ in 0..ROUNDS {
        limit = limit.max(per_second(|n| {
            let mut digest = [0x5a; 32];
            digest[..8].copy_from_slice(&n.to_be_bytes());
            black_box(bare.sign_prehash_recoverable(&digest));
        }));
        plain = plain.max(per_second(|n| {
            let terms = terms(&key, n, 30_000_000, 1_768_026_084_098);
            black_box(Unsigned::build(&terms).unwrap().sign(&key).unwrap().bytes());
        }));
        whole = whole.max(per_second(|n| {
            let order = format!("order-{n}");
            let mark = Fingerprint::of(&fingerprint_key, "store", "house", &order, 1);
            let terms = terms(&key, n, mark.fee_limit_sun(30_000_000), mark.timestamp_ms(1_768_026_084_098));
            black_box(Unsigned::build(&terms).unwrap().sign(&key).unwrap().bytes());
        }));
    }
    print_table(limit, plain, whole);
    let file = write_figures(limit, plain, whole);
    println!("\nwritten to {}", file.display());
}

fn terms(key: &PrivateKey, n: u64, fee_limit_sun: u64, timestamp_ms: i64) -> TransferTerms {
    let mut recipient = [0x5f; 20];
    recipient[12..].copy_from_slice(&n.to_be_bytes());
    TransferTerms {
        owner: key.address(),
        call: PayoutCall::Transfer {
            token: Address::from_evm([0xa6; 20]),
            recipient: Address::from_evm(recipient),
            amount: MicroUsdt::new(n + 1),
        },
        fee_limit_sun,
        ref_block: RefBlock::new(BlockId::of(74_171_171, &[9; 32])),
        expires_at_ms: 1_768_026_144_000,
        timestamp_ms,
        memo: None,
        permission_id: 0,
    }
}

fn per_second(mut work: impl FnMut(u64)) -> f64 {
    let start = Instant::now();
    let mut done = 0_u64;
    while start.elapsed() < ROUND {
        for _ in 0..64 {
            work(done);
            done += 1;
        }
    }
    done as f64 / start.elapsed().as_secs_f64()
}

fn print_table(limit: f64, plain: f64, whole: f64) {
    let line = |what: &str, rate: f64| {
        println!("{what:<52}{rate:>10.0} /s{:>9.1} µs{:>8.2}", 1e6 / rate, rate / limit);
    };
    println!("{:<52}{:>13}{:>12}{:>8}", "one core", "rate", "each", "ratio");
    line("bare k256 signature of a digest (the limit)", limit);
    line("terms to signed bytes", plain);
    line("fingerprint and terms to signed bytes", whole);
    let verdict = if plain / limit >= AIM { "reached" } else { "missed" };
    println!("aim: {AIM} of the limit, {verdict}");
}

fn write_figures(limit: f64, plain: f64, whole: f64) -> PathBuf {
    let figure = |value: f64| {
        serde_json::json!({
            "value": value.round(), "unit": "1/s", "limit": limit.round(), "ratio": (value / limit * 1000.0).round() / 1000.0
        })
    };
    let figures =
        serde_json::json!({ "signed_per_s": figure(plain), "signed_with_fingerprint_per_s": figure(whole) });
    let folder = target_folder().join("bench");
    std::fs::create_dir_all(&folder).unwrap();
    let file = folder.join("tron.json");
    std::fs::write(&file, serde_json::to_string_pretty(&figures).unwrap() + "\n").unwrap();
    file
}

fn target_folder() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("target"), PathBuf::from)
}
