//! Chance that can be repeated: the same seed gives the same ids.

use crate::ports::Entropy;
use std::sync::{Mutex, PoisonError};

/// Seeded chance.
#[derive(Debug)]
pub struct PocketEntropy(Mutex<fastrand::Rng>);

impl PocketEntropy {
    /// Chance from a seed.
    #[must_use]
    pub fn seeded(seed: u64) -> Self {
        Self(Mutex::new(fastrand::Rng::with_seed(seed)))
    }
}

impl Entropy for PocketEntropy {
    fn ten_bytes(&self) -> [u8; 10] {
        let mut bytes = [0; 10];
        self.0.lock().unwrap_or_else(PoisonError::into_inner).fill(&mut bytes);
        bytes
    }
}
