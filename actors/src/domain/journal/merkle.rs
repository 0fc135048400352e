//! The Merkle tree hash of RFC 6962 §2.1, computed while the leaves pass by: memory for 64 hashes, however many leaves.

use super::hex_bytes::Hash;

const INNER_NODE: &[u8] = &[0x01];

/// A tree that grows by one leaf at a time. Its leaves are hashed already (a row's hash is its leaf hash).
#[derive(Debug, Clone, Default)]
pub struct RunningRoot {
    leaves: u64,
    /// Roots of complete subtrees, the largest first: one for each bit that is set in `leaves`.
    subtrees: Vec<Hash>,
}

impl RunningRoot {
    /// Adds the next leaf.
    pub fn push(&mut self, leaf: Hash) {
        let mut root = leaf;
        for _ in 0..self.leaves.trailing_ones() {
            if let Some(left) = self.subtrees.pop() {
                root = join(left, root);
            }
        }
        self.subtrees.push(root);
        self.leaves += 1;
    }

    /// How many leaves it has.
    pub fn leaves(&self) -> u64 {
        self.leaves
    }

    /// The root over all leaves so far; without any, the hash of nothing, as the RFC says.
    pub fn root(&self) -> Hash {
        self.subtrees
            .iter()
            .rev()
            .copied()
            .reduce(|right, left| join(left, right))
            .unwrap_or_else(|| Hash::of(&[]))
    }
}

fn join(left: Hash, right: Hash) -> Hash {
    Hash::of(&[INNER_NODE, left.as_bytes(), right.as_bytes()])
}
