//! The fear: an input that broke something once breaks it again, and nobody looks for it.

use std::{collections::BTreeSet, fs, path::Path};

use payoutd_fuzz::{address, job, signature, token};

/// A target: its name, and what must hold of each input.
type Target = (&'static str, fn(&[u8]));

const TARGETS: [Target; 4] = [
    ("address", address::holds),
    ("job", job::holds),
    ("signature", signature::holds),
    ("token", token::holds),
];

/// Every seed of every target, those among them that were once found.
#[test]
fn what_is_kept_as_a_seed_holds() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds");
    let found: BTreeSet<_> = fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(found, TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect());
    for (name, holds) in TARGETS {
        let seeds: Vec<_> =
            fs::read_dir(folder.join(name)).unwrap().map(|entry| entry.unwrap().path()).collect();
        assert!(!seeds.is_empty(), "{name}");
        for seed in seeds {
            // A failure is told after the seed's name.
            println!("{}", seed.display());
            holds(&fs::read(&seed).unwrap());
        }
    }
}
