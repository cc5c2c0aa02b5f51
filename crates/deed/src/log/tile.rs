//! Tiles: a tree as resources that never change (C2SP tlog-tiles).
//!
//! ```text
//! tile/<L>/<N>[.p/<W>]         W hashes of neighbouring subtrees of 256^L leaves, 32 octets each
//! tile/entries/<N>[.p/<W>]     W entries, each after its length as uint16
//! ```
//!
//! Whoever reads tiles computes every proof alone, and nobody learns which leaf it is about.

use super::merkle::{Tree, consistency_of, inclusion_of, node_hash, root_of};
use super::note::decimal;
use super::{LEAF_BYTES, Leaf, LogError};
use crate::Digest;
use alloc::collections::btree_map::{BTreeMap, Entry};
use alloc::string::ToString;
use alloc::vec::Vec;
use core::fmt;

/// Hashes or entries of a full tile.
pub const FULL: u64 = 256;
/// Levels of the tree that one level of tiles stands for.
const HEIGHT: u32 = 8;
/// Largest level there is (tlog-tiles, "Merkle Tree").
const TOP: u64 = 63;

/// What a tile holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Hashes of this level.
    Hashes(u8),
    /// Entries.
    Entries,
}

/// Name of a tile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tile {
    /// What it holds.
    pub kind: Kind,
    /// Its place in its level.
    pub index: u64,
    /// How much it holds: 1 to 256, fewer than 256 only at the tree's right edge.
    pub width: u16,
}

impl Tile {
    /// From its path after the log's prefix. A tile has one path: anything else is none.
    pub fn parse(path: &str) -> Option<Self> {
        let (level, rest) = path.strip_prefix("tile/")?.split_once('/')?;
        let kind = match level {
            "entries" => Kind::Entries,
            level => Kind::Hashes(decimal(level).filter(|l| *l <= TOP)?.try_into().ok()?),
        };
        let (index, width) = match rest.split_once(".p/") {
            Some((index, width)) => (index, decimal(width).filter(|w| (1..FULL).contains(w))?),
            None => (rest, FULL),
        };
        let mut number = 0_u64;
        for element in index.split('/') {
            let digits = element.strip_prefix('x').unwrap_or(element);
            if digits.len() != 3 || !digits.bytes().all(|b| b.is_ascii_digit()) {
                return None;
            }
            number = number.checked_mul(1000)?.checked_add(digits.parse().ok()?)?;
        }
        let tile = Self { kind, index: number, width: width.try_into().ok()? };
        // An `x` where none belongs, or a group of zeroes in front, is another path.
        (tile.to_string() == path).then_some(tile)
    }

    /// The tile in which, in a tree of `size` leaves, hash or entry `at` of a level stands, as wide as it is there.
    pub fn with(kind: Kind, at: u64, size: u64) -> Option<Self> {
        let index = at / FULL;
        let width = count(kind, size).saturating_sub(index * FULL).min(FULL);
        (at < index * FULL + width).then_some(Self { kind, index, width: width.try_into().ok()? })
    }

    /// Whether a tree of `size` leaves has it. A tile narrower than the tree now allows was right at some size before.
    pub fn is_in(&self, size: u64) -> bool {
        let end = self.index.checked_mul(FULL).and_then(|start| start.checked_add(u64::from(self.width)));
        self.width > 0 && end.is_some_and(|end| end <= count(self.kind, size))
    }

    /// Its first hash or entry, counted in its level.
    pub const fn start(&self) -> u64 {
        self.index.saturating_mul(FULL)
    }

    /// The hashes in a tree: 32 octets each.
    pub fn hashes(&self, tree: &Tree) -> Option<Vec<u8>> {
        let Kind::Hashes(level) = self.kind else { return None };
        Some(tree.row(HEIGHT * u32::from(level), self.start(), u64::from(self.width))?.concat())
    }

    /// The hashes in its bytes.
    pub fn read_hashes(&self, bytes: &[u8]) -> Result<Vec<Digest>, LogError> {
        match bytes.as_chunks::<32>() {
            (hashes, []) if hashes.len() == usize::from(self.width) => Ok(hashes.to_vec()),
            _ => Err(LogError("a tile of another width than its name says")),
        }
    }

    /// The entries in its bytes.
    pub fn read_entries<'a>(&self, bytes: &'a [u8]) -> Result<Vec<&'a [u8]>, LogError> {
        let (mut rest, mut entries) = (bytes, Vec::new());
        while let Some((length, after)) = rest.split_first_chunk::<2>() {
            // tlog-tiles, "Log entries": big-endian uint16 length before each.
            let entry = after.split_at_checked(usize::from(u16::from_be_bytes(*length)));
            let (entry, after) = entry.ok_or(LogError("an entry that is cut short"))?;
            entries.push(entry);
            rest = after;
        }
        if !rest.is_empty() || entries.len() != usize::from(self.width) {
            return Err(LogError("a bundle of another width than its name says"));
        }
        Ok(entries)
    }
}

impl fmt::Display for Tile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            Kind::Hashes(level) => write!(f, "tile/{level}/")?,
            Kind::Entries => f.write_str("tile/entries/")?,
        }
        // Three digits an element, an `x` before all but the last: 1234067 is x001/x234/067.
        for power in (1..7).rev() {
            let element = self.index / 1_000_u64.pow(power);
            if element > 0 {
                write!(f, "x{:03}/", element % 1_000)?;
            }
        }
        write!(f, "{:03}", self.index % 1_000)?;
        if u64::from(self.width) < FULL { write!(f, ".p/{}", self.width) } else { Ok(()) }
    }
}

/// How many hashes a tree of `size` leaves has at a level of tiles, or entries.
fn count(kind: Kind, size: u64) -> u64 {
    match kind {
        Kind::Entries => size,
        // tlog-tiles, "Partial Tiles": floor(s / 256^l), of which the last tile has what is left modulo 256.
        Kind::Hashes(level) => size.checked_shr(HEIGHT * u32::from(level)).unwrap_or(0),
    }
}

/// Leaves as a bundle of entries.
pub fn bundle(leaves: &[Leaf]) -> Vec<u8> {
    let mut out = Vec::with_capacity(leaves.len() * (2 + LEAF_BYTES));
    for leaf in leaves {
        out.extend_from_slice(&(LEAF_BYTES as u16).to_be_bytes());
        out.extend_from_slice(&leaf.encode());
    }
    out
}

/// A tree of a known size, of which only the tiles that a question needs are fetched. What it answers is worth as much as
/// its tiles: whoever asks compares the root.
pub struct TileTree<F> {
    size: u64,
    fetch: F,
    tiles: BTreeMap<Tile, Vec<Digest>>,
}

impl<E: From<LogError>, F: FnMut(&Tile) -> Result<Vec<Digest>, E>> TileTree<F> {
    /// The tree of `size` leaves whose tiles `fetch` brings.
    pub const fn new(size: u64, fetch: F) -> Self {
        Self { size, fetch, tiles: BTreeMap::new() }
    }

    /// Its root.
    pub fn root(&mut self) -> Result<Digest, E> {
        let size = self.size;
        root_of(&mut |level, index| self.complete(level, index), size)
    }

    /// The inclusion proof of a leaf in it.
    pub fn inclusion(&mut self, index: u64) -> Result<Vec<Digest>, E> {
        let size = self.size;
        if index >= size {
            return Err(LogError("a leaf beyond the tree").into());
        }
        inclusion_of(&mut |level, at| self.complete(level, at), index, size)
    }

    /// The consistency proof from an older size to it.
    pub fn consistency(&mut self, old: u64) -> Result<Vec<Digest>, E> {
        let size = self.size;
        if old > size {
            return Err(LogError("an older tree that is larger").into());
        }
        consistency_of(&mut |level, index| self.complete(level, index), old, size)
    }

    fn complete(&mut self, level: u32, index: u64) -> Result<Digest, E> {
        let beyond = || E::from(LogError("a subtree beyond the tree"));
        let (row, height) = (level / HEIGHT, level % HEIGHT);
        let kind = Kind::Hashes(row.try_into().map_err(|_| beyond())?);
        let first = index.checked_mul(1 << height).ok_or_else(beyond)?;
        let tile = Tile::with(kind, first, self.size).ok_or_else(beyond)?;
        let hashes = match self.tiles.entry(tile) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(place) => place.insert((self.fetch)(&tile)?),
        };
        let at = usize::try_from(first % FULL).map_err(|_| beyond())?;
        let mut hashes = hashes.get(at..at + (1 << height)).ok_or_else(beyond)?.to_vec();
        // The levels between those of tiles are made by hashing (tlog-tiles, "Merkle Tree").
        while hashes.len() > 1 {
            let (pairs, _) = hashes.as_chunks::<2>();
            hashes = pairs.iter().map(|[left, right]| node_hash(left, right)).collect();
        }
        hashes.first().copied().ok_or_else(beyond)
    }
}

#[cfg(test)]
mod tests {
    use super::super::merkle::{consistent, root_from_inclusion};
    use super::*;
    use alloc::format;
    use alloc::string::String;

    fn leaf(n: u64) -> Leaf {
        Leaf { tag: keys::digest::sha256(&[b"tag", &n.to_be_bytes()]), head: [n as u8; 32] }
    }

    fn tree(n: u64) -> Tree {
        let mut tree = Tree::new();
        (0..n).for_each(|i| tree.push(leaf(i).hash()));
        tree
    }

    #[test]
    fn paths_are_those_of_the_specification() {
        let hashes = |level, index, width| Tile { kind: Kind::Hashes(level), index, width };
        // tlog-tiles: "index 1234067 will be encoded as x001/x234/067".
        let cases = [
            ("tile/0/x001/x234/067", hashes(0, 1_234_067, 256)),
            ("tile/63/000", hashes(63, 0, 256)),
            ("tile/0/999.p/1", hashes(0, 999, 1)),
            ("tile/1/x001/000.p/255", hashes(1, 1_000, 255)),
            ("tile/entries/x001/x234/067.p/8", Tile { kind: Kind::Entries, index: 1_234_067, width: 8 }),
            ("tile/entries/000", Tile { kind: Kind::Entries, index: 0, width: 256 }),
            ("tile/2/x018/x446/x744/x073/x709/x551/615", hashes(2, u64::MAX, 256)),
        ];
        for (path, tile) in cases {
            assert_eq!(Tile::parse(path), Some(tile), "{path}");
            assert_eq!(tile.to_string(), path);
        }
        for path in [
            "",
            "tile",
            "tile/",
            "tile/0",
            "tile/0/",
            "tile/0/0",
            "tile/0/00",
            "tile/0/0000",
            "tile/0/x000",
            "tile/0/x000/000",
            "tile/0/x000/001",
            "tile/0/001/x002",
            "tile/0/001/002",
            "tile/0/xx01/002",
            "tile/00/000",
            "tile/01/000",
            "tile/64/000",
            "tile/-1/000",
            "tile/+1/000",
            "tile/0/000.p/0",
            "tile/0/000.p/256",
            "tile/0/000.p/01",
            "tile/0/000.p/",
            "tile/0/000.p",
            "tile/0/000.p/1/",
            "tile/0/000/",
            "tile/0//000",
            "/tile/0/000",
            "tile/Entries/000",
            "tile/0/x001/x234/067.p/8.p/8",
            "tile/0/x018/x446/x744/x073/x709/x551/616",
            "tile/0/x999/x999/x999/x999/x999/x999/x999/999",
            "tile/0/00\u{661}",
        ] {
            assert_eq!(Tile::parse(path), None, "{path}");
        }
    }

    /// tlog-tiles, "Partial Tiles": its example of 70,000 leaves, and the one of 256.
    #[test]
    fn a_tree_has_the_tiles_that_the_specification_counts() {
        let widths = |level, size: u64| -> Vec<u16> {
            let mut at = 0;
            let mut out = Vec::new();
            while let Some(tile) = Tile::with(Kind::Hashes(level), at, size) {
                assert!(tile.is_in(size));
                out.push(tile.width);
                at += FULL;
            }
            out
        };
        let level0 = widths(0, 70_000);
        assert_eq!((level0.len(), level0[..273].iter().all(|w| *w == 256), level0[273]), (274, true, 112));
        assert_eq!(widths(1, 70_000), [256, 17]);
        assert_eq!(widths(2, 70_000), [1]);
        assert_eq!(widths(3, 70_000), [0_u16; 0]);
        assert_eq!((widths(0, 256), widths(1, 256), widths(2, 256)), ([256].into(), [1].into(), [].into()));
    }

    #[test]
    fn what_is_beyond_the_tree_is_not_in_it() {
        for (path, size, there) in [
            ("tile/0/000.p/1", 0, false),
            ("tile/entries/000.p/1", 0, false),
            ("tile/0/000.p/5", 5, true),
            ("tile/0/000.p/4", 5, true),
            ("tile/0/000.p/6", 5, false),
            ("tile/0/000", 255, false),
            ("tile/0/000", 256, true),
            ("tile/1/000.p/1", 255, false),
            ("tile/1/000.p/1", 256, true),
            ("tile/8/000.p/1", u64::MAX, false),
            ("tile/7/000.p/255", u64::MAX, true),
            ("tile/63/000.p/1", u64::MAX, false),
            ("tile/entries/x018/x446/x744/x073/x709/x551/615.p/1", u64::MAX, false),
        ] {
            assert_eq!(Tile::parse(path).unwrap().is_in(size), there, "{path} {size}");
        }
    }

    /// The law of the whole file: from tiles alone, every root and every proof.
    #[test]
    fn a_tree_read_from_tiles_has_the_root_and_the_proofs_of_the_tree() {
        let whole = tree(66_000);
        for size in (0..=600).chain([1_023, 65_535, 65_536, 65_537, 66_000]) {
            let fetch = |tile: &Tile| -> Result<Vec<Digest>, LogError> {
                assert!(tile.is_in(size), "asked for {tile} of a tree of {size}");
                let tile = Tile::parse(&tile.to_string()).unwrap();
                tile.read_hashes(&tile.hashes(&whole).unwrap())
            };
            let mut tiles = TileTree::new(size, fetch);
            let root = tiles.root().unwrap();
            assert_eq!(Some(root), whole.root(size), "{size}");
            for index in [0, size / 3, size.saturating_sub(1)].into_iter().filter(|i| *i < size) {
                let proof = tiles.inclusion(index).unwrap();
                assert_eq!(root_from_inclusion(&leaf(index).hash(), index, size, &proof), Some(root));
                let (old, old_root) = (index, whole.root(index).unwrap());
                assert!(consistent(old, &old_root, size, &root, &tiles.consistency(old).unwrap()));
            }
            assert!(tiles.inclusion(size).is_err() && tiles.consistency(size + 1).is_err());
        }
    }

    #[test]
    fn a_bundle_is_read_as_it_was_written_and_in_no_other_width() {
        let leaves: Vec<Leaf> = (0..5).map(leaf).collect();
        let bytes = bundle(&leaves);
        assert_eq!(bytes.len(), 5 * 67);
        assert_eq!(bytes[..3], [0, 65, 1]);
        let tile = |width| Tile { kind: Kind::Entries, index: 0, width };
        let read: Vec<_> = tile(5).read_entries(&bytes).unwrap().into_iter().map(Leaf::decode).collect();
        assert_eq!(read, leaves.iter().copied().map(Some).collect::<Vec<_>>());
        assert!(tile(4).read_entries(&bytes).is_err() && tile(6).read_entries(&bytes).is_err());
        for cut in 1..bytes.len() {
            assert!(tile(5).read_entries(&bytes[..cut]).is_err(), "{cut}");
        }
        let hashes = Tile { kind: Kind::Hashes(0), index: 0, width: 2 };
        assert!(hashes.read_hashes(&[0; 64]).is_ok());
        assert!(hashes.read_hashes(&[0; 63]).is_err() && hashes.read_hashes(&[0; 96]).is_err());
        assert_eq!(format!("{hashes}"), String::from("tile/0/000.p/2"));
    }
}
