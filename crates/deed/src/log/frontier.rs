//! The right edge of a tree: all that somebody needs to go on from it, and to know whether another goes on from it.
//!
//! Whoever follows a log keeps this instead of the tree, and appends what the log serves: if that leads to the root of
//! the next checkpoint, the log has only grown.

use super::merkle::{empty_root, node_hash};
use crate::Digest;
use alloc::vec::Vec;

/// A tree's size and the roots of the complete subtrees it consists of.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Frontier {
    size: u64,
    /// One for each bit of the size, the largest subtree first.
    peaks: Vec<Digest>,
}

impl Frontier {
    /// From what was kept; `None` if so many subtrees make no tree of that size.
    pub fn new(size: u64, peaks: Vec<Digest>) -> Option<Self> {
        (peaks.len() == size.count_ones() as usize).then_some(Self { size, peaks })
    }

    /// How many leaves.
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// The roots of its complete subtrees, the largest first.
    pub fn peaks(&self) -> &[Digest] {
        &self.peaks
    }

    /// Appends a leaf's hash.
    pub fn push(&mut self, leaf: Digest) {
        let mut hash = leaf;
        for _ in 0..self.size.trailing_ones() {
            // There is one for each bit of the size, so one for each of its trailing ones.
            let Some(left) = self.peaks.pop() else { return };
            hash = node_hash(&left, &hash);
        }
        self.peaks.push(hash);
        self.size += 1;
    }

    /// The tree's root.
    pub fn root(&self) -> Digest {
        let mut peaks = self.peaks.iter().rev();
        let Some(last) = peaks.next() else { return empty_root() };
        peaks.fold(*last, |right, left| node_hash(left, &right))
    }
}

#[cfg(test)]
mod tests {
    use super::super::merkle::{Tree, leaf_hash};
    use super::*;

    #[test]
    fn the_edge_has_the_roots_of_the_whole_tree() {
        let (mut tree, mut edge) = (Tree::new(), Frontier::default());
        for n in 0..600_u64 {
            assert_eq!(Some(edge.root()), tree.root(n));
            let kept = Frontier::new(edge.size(), edge.peaks().to_vec()).unwrap();
            assert_eq!(kept, edge);
            assert_eq!(Frontier::new(n ^ 1, edge.peaks().to_vec()), None, "one subtree more or less");
            let leaf = leaf_hash(&n.to_be_bytes());
            tree.push(leaf);
            edge.push(leaf);
        }
    }
}
