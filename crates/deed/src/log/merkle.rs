//! The Merkle tree of RFC 6962 §2.1: hashes, inclusion and consistency proofs, and a tree that grows.

use crate::Digest;
use alloc::vec::Vec;

/// MTH of one leaf: SHA-256(0x00 ‖ leaf).
pub fn leaf_hash(leaf: &[u8]) -> Digest {
    keys::digest::sha256(&[&[0], leaf])
}

pub(super) fn node_hash(left: &Digest, right: &Digest) -> Digest {
    keys::digest::sha256(&[&[1], left, right])
}

/// The root of no leaves: SHA-256 of nothing.
pub fn empty_root() -> Digest {
    keys::digest::sha256(&[])
}

/// The largest power of two smaller than `n` ≥ 2.
const fn split(n: u64) -> u64 {
    1 << (63 - (n - 1).leading_zeros())
}

/// The root that an inclusion proof leads to (RFC 9162 §2.1.3.2); `None` if the proof has a length that `index` and
/// `size` do not allow.
pub fn root_from_inclusion(leaf: &Digest, index: u64, size: u64, proof: &[Digest]) -> Option<Digest> {
    if index >= size {
        return None;
    }
    let (mut node, mut last) = (index, size - 1);
    let mut hash = *leaf;
    for sibling in proof {
        if last == 0 {
            return None;
        }
        if node & 1 == 1 || node == last {
            hash = node_hash(sibling, &hash);
            while node & 1 == 0 && node != 0 {
                node >>= 1;
                last >>= 1;
            }
        } else {
            hash = node_hash(&hash, sibling);
        }
        node >>= 1;
        last >>= 1;
    }
    (last == 0).then_some(hash)
}

/// Whether `proof` shows that the tree of `new_size` leaves begins with the tree of `old_size` (RFC 9162 §2.1.4.2).
pub fn consistent(
    old_size: u64,
    old_root: &Digest,
    new_size: u64,
    new_root: &Digest,
    proof: &[Digest],
) -> bool {
    if old_size > new_size {
        return false;
    }
    if old_size == new_size {
        return proof.is_empty() && old_root == new_root;
    }
    if old_size == 0 {
        return proof.is_empty() && *old_root == empty_root();
    }
    let mut path = proof.iter();
    let first = if old_size.is_power_of_two() { Some(old_root) } else { path.next() };
    let Some(first) = first else { return false };
    let (mut node, mut last) = (old_size - 1, new_size - 1);
    while node & 1 == 1 {
        node >>= 1;
        last >>= 1;
    }
    let (mut old, mut new) = (*first, *first);
    for sibling in path {
        if last == 0 {
            return false;
        }
        if node & 1 == 1 || node == last {
            old = node_hash(sibling, &old);
            new = node_hash(sibling, &new);
            while node & 1 == 0 && node != 0 {
                node >>= 1;
                last >>= 1;
            }
        } else {
            new = node_hash(&new, sibling);
        }
        node >>= 1;
        last >>= 1;
    }
    last == 0 && old == *old_root && new == *new_root
}

/// A tree that grows: the hashes of all complete subtrees, two for each leaf.
#[derive(Debug, Clone, Default)]
pub struct Tree {
    /// `levels[l][i]` is the hash of leaves `i·2^l` to `(i+1)·2^l − 1`.
    levels: Vec<Vec<Digest>>,
}

impl Tree {
    /// No leaves.
    pub const fn new() -> Self {
        Self { levels: Vec::new() }
    }

    /// How many leaves.
    pub fn size(&self) -> u64 {
        self.levels.first().map_or(0, |leaves| leaves.len() as u64)
    }

    /// Appends a leaf's hash.
    pub fn push(&mut self, leaf: Digest) {
        let mut hash = leaf;
        for level in 0.. {
            if self.levels.len() == level {
                self.levels.push(Vec::new());
            }
            let Some(row) = self.levels.get_mut(level) else { return };
            row.push(hash);
            match row.as_slice() {
                [.., left, right] if row.len() % 2 == 0 => hash = node_hash(left, right),
                _ => return,
            }
        }
    }

    /// The hash of the complete subtree `index` of `2^level` leaves.
    fn complete(&self, level: u32, index: u64) -> Result<Digest, Missing> {
        let row = usize::try_from(level).ok().and_then(|level| self.levels.get(level)).ok_or(Missing)?;
        usize::try_from(index).ok().and_then(|index| row.get(index)).copied().ok_or(Missing)
    }

    /// `count` neighbouring hashes of complete subtrees of `2^level` leaves, from the one at `start`.
    pub fn row(&self, level: u32, start: u64, count: u64) -> Option<&[Digest]> {
        let row = self.levels.get(usize::try_from(level).ok()?)?;
        let end = start.checked_add(count)?;
        row.get(usize::try_from(start).ok()?..usize::try_from(end).ok()?)
    }

    /// The root of the first `size` leaves.
    pub fn root(&self, size: u64) -> Option<Digest> {
        root_of(&mut |level, index| self.complete(level, index), size).ok()
    }

    /// The inclusion proof of leaf `index` in the first `size` leaves, from the leaf's sibling upwards.
    pub fn inclusion(&self, index: u64, size: u64) -> Option<Vec<Digest>> {
        if index >= size || size > self.size() {
            return None;
        }
        inclusion_of(&mut |level, index| self.complete(level, index), index, size).ok()
    }

    /// The consistency proof from the first `old` leaves to the first `new`.
    pub fn consistency(&self, old: u64, new: u64) -> Option<Vec<Digest>> {
        if old > new || new > self.size() {
            return None;
        }
        consistency_of(&mut |level, index| self.complete(level, index), old, new).ok()
    }
}

/// A tree that has no such subtree.
struct Missing;

/// Where the hashes of complete subtrees come from: a tree in memory, or tiles. Asked for `(level, index)`, the subtree
/// over leaves `index·2^level` to `(index+1)·2^level − 1`.
pub(super) type Subtrees<'a, E> = dyn FnMut(u32, u64) -> Result<Digest, E> + 'a;

/// The hash over leaves `start..end`, `start` a multiple of the range's next power of two.
fn range<E>(subtrees: &mut Subtrees<'_, E>, start: u64, end: u64) -> Result<Digest, E> {
    let n = end - start;
    if n.is_power_of_two() {
        return subtrees(n.trailing_zeros(), start >> n.trailing_zeros());
    }
    let middle = start + split(n);
    Ok(node_hash(&range(subtrees, start, middle)?, &range(subtrees, middle, end)?))
}

/// The root of the first `size` leaves.
pub(super) fn root_of<E>(subtrees: &mut Subtrees<'_, E>, size: u64) -> Result<Digest, E> {
    if size == 0 { Ok(empty_root()) } else { range(subtrees, 0, size) }
}

/// The inclusion proof of leaf `index` < `size` (RFC 6962 §2.1.1).
pub(super) fn inclusion_of<E>(
    subtrees: &mut Subtrees<'_, E>,
    index: u64,
    size: u64,
) -> Result<Vec<Digest>, E> {
    let mut proof = Vec::new();
    let (mut start, mut end) = (0, size);
    while end - start > 1 {
        let middle = start + split(end - start);
        if index < middle {
            proof.push(range(subtrees, middle, end)?);
            end = middle;
        } else {
            proof.push(range(subtrees, start, middle)?);
            start = middle;
        }
    }
    proof.reverse();
    Ok(proof)
}

/// The consistency proof from `old` ≤ `new` (RFC 6962 §2.1.2): SUBPROOF(m, D[start:end], complete).
pub(super) fn consistency_of<E>(
    subtrees: &mut Subtrees<'_, E>,
    old: u64,
    new: u64,
) -> Result<Vec<Digest>, E> {
    let mut proof = Vec::new();
    if old == 0 || old == new {
        return Ok(proof);
    }
    let (mut start, mut end, mut complete) = (0, new, true);
    while old != end {
        let middle = start + split(end - start);
        if old <= middle {
            proof.push(range(subtrees, middle, end)?);
            end = middle;
        } else {
            proof.push(range(subtrees, start, middle)?);
            start = middle;
            complete = false;
        }
    }
    if !complete {
        proof.push(range(subtrees, start, end)?);
    }
    proof.reverse();
    Ok(proof)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(n: u64) -> Tree {
        let mut tree = Tree::new();
        for i in 0..n {
            tree.push(leaf_hash(&i.to_be_bytes()));
        }
        tree
    }

    /// The tree of the RFC 6962 reference implementation's eight leaves.
    #[test]
    fn roots_of_the_reference_leaves() {
        let leaves: [&[u8]; 8] = [
            &[],
            &[0],
            &[0x10],
            &[0x20, 0x21],
            &[0x30, 0x31],
            &[0x40, 0x41, 0x42, 0x43],
            &[0x50, 0x51, 0x52, 0x53, 0x54, 0x55, 0x56, 0x57],
            &[0x60, 0x61, 0x62, 0x63, 0x64, 0x65, 0x66, 0x67, 0x68, 0x69, 0x6a, 0x6b, 0x6c, 0x6d, 0x6e, 0x6f],
        ];
        let mut tree = Tree::new();
        for leaf in leaves {
            tree.push(leaf_hash(leaf));
        }
        assert_eq!(
            hex::encode(tree.root(0).unwrap()),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        );
        assert_eq!(
            hex::encode(tree.root(1).unwrap()),
            "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"
        );
        assert_eq!(
            hex::encode(tree.root(8).unwrap()),
            "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"
        );
    }

    #[test]
    fn every_proof_up_to_forty_leaves_leads_home_and_no_other() {
        let tree = tree(40);
        for size in 1..=40 {
            let root = tree.root(size).unwrap();
            for index in 0..size {
                let leaf = leaf_hash(&index.to_be_bytes());
                let proof = tree.inclusion(index, size).unwrap();
                assert_eq!(root_from_inclusion(&leaf, index, size, &proof), Some(root));
                assert_ne!(root_from_inclusion(&leaf, (index + 1) % 41, size, &proof), Some(root));
                for i in 0..proof.len() {
                    let mut bad = proof.clone();
                    bad[i][0] ^= 1;
                    assert_ne!(root_from_inclusion(&leaf, index, size, &bad), Some(root));
                    assert_eq!(root_from_inclusion(&leaf, index, size, &proof[..i]), None);
                }
            }
            for old in 0..=size {
                let old_root = tree.root(old).unwrap();
                let proof = tree.consistency(old, size).unwrap();
                assert!(consistent(old, &old_root, size, &root, &proof), "{old} {size}");
                if old > 0 {
                    assert!(!consistent(old, &[0; 32], size, &root, &proof));
                }
                if 0 < old && old < size {
                    assert!(!consistent(old, &old_root, size, &[0; 32], &proof));
                    for i in 0..proof.len() {
                        assert!(!consistent(old, &old_root, size, &root, &proof[..i]));
                    }
                }
            }
        }
    }
}
