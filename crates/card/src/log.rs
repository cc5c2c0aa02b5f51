//! The sealed log: every state the card was ever in, one record after the other, under keys that are never used
//! twice for the same nonce.
//!
//! A bank is a header and records. The header's fresh random salt makes the bank's key, a record's place in the
//! bank is its nonce, and its authenticated data is the header, that place, its number and the record before it.
//!
//! ```text
//! header   "SWC1" ‖ card id 16 ‖ epoch 8 ‖ salt 32
//! record   length 2 ‖ number 8 ‖ AES-256-GCM(plain) ‖ tag 16       the first is a snapshot, the rest are changes
//! ```
//!
//! Numbers grow by one, across banks too, and the anchor holds the number of the last record whose command was
//! answered. **A number grants something only if no other record ever bore it.** Whoever can cut the power, hold
//! back the anchor and put back copies of the banks can make several records with the same number; so the first
//! write after an opening or a fault first *burns* the next number: a snapshot that grants nothing takes it, in the
//! other bank, under a new salt. Every such copy then ends at the burnt number or before it, and the first command
//! that is answered leaves them all behind the anchor.
//!
//! A bank opens if it ends at the anchor or one past it (the cut came between sync and anchor). One that ends
//! earlier is a copy from the past. One that ends later was never answered for.

use crate::codec::Reader;
use crate::medium::{Anchor, Bank, Fault, Medium};
use crate::plain::Plain;
use alloc::boxed::Box;
use alloc::vec::Vec;
use keys::Secret;
use keys::seal::{NONCE_BYTES, SealKey, TAG_BYTES};
use rand_core::CryptoRng;

const MAGIC: [u8; 4] = *b"SWC1";
const HEADER_BYTES: usize = 60;
/// Octets of changes in a bank past which the next write begins a new one.
const BANK_LIMIT: usize = 48 * 1024;

/// Why a card will not work, though it still answers a reset. The card writes nothing then; what becomes of its keys
/// is its host's to decide ([`Lock::is_tampering`]).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Lock {
    /// An older copy of the banks was put back, or the end of the log was lost.
    #[error("rollback: the log ends at {log}, but the card has answered for {anchor}")]
    Rollback {
        /// The last number in the log.
        log: u64,
        /// The anchor.
        anchor: u64,
    },
    /// The anchor is not the one these banks were written with, or was put back.
    #[error("the anchor stands at {anchor}, yet the log goes on to {log}")]
    AnchorBehind {
        /// The last number in the log.
        log: u64,
        /// The anchor.
        anchor: u64,
    },
    /// The anchor has moved, but no bank opens under this device key.
    #[error("no bank opens under the device key, though the anchor stands at {anchor}")]
    Unreadable {
        /// The anchor.
        anchor: u64,
    },
    /// Each bank opens, but they belong to two cards.
    #[error("the two banks belong to two different cards")]
    TwoCards,
    /// The host found that somebody changed the card's state, and destroyed its keys.
    #[error("terminated: its keys were destroyed")]
    Terminated,
    /// The log opens, but its content is not what this version writes.
    #[error("the log opens but was written by a version of the card that this one does not know")]
    Content,
}

impl Lock {
    /// Whether somebody changed what the card is written on. Everything but a version that is not this one's; a power
    /// cut brings none of it about.
    pub const fn is_tampering(self) -> bool {
        !matches!(self, Self::Content | Self::Terminated)
    }
}

/// What the log needs before it can take the next change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    /// Nothing: the last number written is the anchor.
    Settled,
    /// The next number may already be on some copy: it must be burnt.
    Unsettled,
    /// The burnt number is written and synced; the anchor has not confirmed it.
    AwaitingAnchor,
}

/// The bank being written.
struct Current {
    bank: Bank,
    header: [u8; HEADER_BYTES],
    key: SealKey,
    /// Records in it.
    records: u64,
    /// Octets in it.
    octets: usize,
    /// The number of its snapshot, and that one's octets.
    first: u64,
    snapshot: usize,
    /// Tag of its last record.
    last_tag: [u8; TAG_BYTES],
    /// Octets of its last record, and the tag before that.
    last: (usize, [u8; TAG_BYTES]),
}

/// The log, open for writing.
pub(crate) struct Log<M, A> {
    medium: M,
    anchor: A,
    device_key: Secret<[u8; 32]>,
    card_id: [u8; 16],
    epoch: u64,
    current: Current,
    /// The anchor as last known. It may in truth be one more.
    anchored: u64,
    standing: Standing,
}

/// What opening found.
pub(crate) enum Opened<M, A> {
    /// A log and its records: a snapshot, then changes.
    Log(Box<Log<M, A>>, Vec<Plain>),
    /// Nothing was ever personalised here.
    Empty(M, A),
    /// Something is there, but not the newest state of one card.
    Locked(Lock, M, A),
}

/// A bank that was read.
struct Found {
    card_id: [u8; 16],
    epoch: u64,
    current: Current,
    last: u64,
    records: Vec<Plain>,
}

fn header(card_id: &[u8; 16], epoch: u64, salt: &[u8; 32]) -> [u8; HEADER_BYTES] {
    let mut out = [0; HEADER_BYTES];
    let parts = MAGIC.iter().chain(card_id).copied().chain(epoch.to_be_bytes()).chain(salt.iter().copied());
    for (to, from) in out.iter_mut().zip(parts) {
        *to = from;
    }
    out
}

impl Current {
    fn key(device_key: &Secret<[u8; 32]>, salt: &[u8; 32]) -> SealKey {
        SealKey::derive(device_key, salt, b"simward.card.bank.1")
    }

    /// Of the record with so many before it in the bank.
    fn nonce(place: u64) -> [u8; NONCE_BYTES] {
        let mut nonce = [0; NONCE_BYTES];
        for (to, from) in nonce.iter_mut().rev().zip(place.to_be_bytes().iter().rev()) {
            *to = *from;
        }
        nonce
    }

    /// Where a record stands: the bank, so many before it, its number, the tag before it.
    fn place(&self, records: u64, number: u64, before: &[u8; TAG_BYTES]) -> Vec<u8> {
        let mut place = Vec::from(&b"simward.card.log.1\0"[..]);
        place.extend_from_slice(&self.header);
        place.extend_from_slice(&records.to_be_bytes());
        place.extend_from_slice(&number.to_be_bytes());
        place.extend_from_slice(before);
        place
    }

    /// The next record's bytes, and its tag.
    fn seal(&self, number: u64, plain: &[u8]) -> Result<(Vec<u8>, [u8; TAG_BYTES]), Fault> {
        let place = self.place(self.records, number, &self.last_tag);
        let sealed = self.key.seal(&Self::nonce(self.records), &place, plain);
        let tag = *sealed.last_chunk::<TAG_BYTES>().ok_or(Fault)?;
        let len = u16::try_from(sealed.len() + 8).map_err(|_| Fault)?;
        let mut out = Vec::with_capacity(sealed.len() + 10);
        out.extend_from_slice(&len.to_be_bytes());
        out.extend_from_slice(&number.to_be_bytes());
        out.extend_from_slice(&sealed);
        Ok((out, tag))
    }

    fn grew(&mut self, number: u64, octets: usize, tag: [u8; TAG_BYTES]) {
        if self.records == 0 {
            (self.first, self.snapshot) = (number, octets);
        }
        self.records += 1;
        self.octets += octets;
        self.last = (octets, self.last_tag);
        self.last_tag = tag;
    }

    /// The last record, if it stands at the end of what the bank has, with this number, which must be the next one.
    fn last(&self, bank: &[u8], number: u64) -> Option<Plain> {
        let (octets, before) = self.last;
        let mut reader = Reader(bank.get(self.octets.checked_sub(octets)?..)?);
        let (said, sealed) = reader.string()?.split_first_chunk::<8>()?;
        let place = self.records.checked_sub(1)?;
        let plain = self.key.open(&Self::nonce(place), &self.place(place, number, &before), sealed).ok()?;
        let follows = self.first.checked_add(place) == Some(number);
        (follows && u64::from_be_bytes(*said) == number).then(|| Plain::new(plain))
    }
}

impl Found {
    /// Reads a bank as far as it opens. Whatever follows the last record that opens was cut or changed; if the card
    /// had answered for it, the anchor knows.
    fn read(bank: Bank, bytes: &[u8], device_key: &Secret<[u8; 32]>) -> Option<Self> {
        let mut reader = Reader(bytes);
        if reader.array::<4>()? != MAGIC {
            return None;
        }
        let card_id = reader.array::<16>()?;
        let epoch = reader.u64()?;
        let salt = reader.array::<32>()?;
        let mut found = Self {
            card_id,
            epoch,
            current: Current {
                bank,
                header: header(&card_id, epoch, &salt),
                key: Current::key(device_key, &salt),
                records: 0,
                octets: HEADER_BYTES,
                first: 0,
                snapshot: 0,
                last_tag: [0; TAG_BYTES],
                last: (0, [0; TAG_BYTES]),
            },
            last: 0,
            records: Vec::new(),
        };
        while found.next(&mut reader).is_some() {}
        (!found.records.is_empty()).then_some(found)
    }

    fn next(&mut self, reader: &mut Reader<'_>) -> Option<()> {
        let record = reader.string()?;
        let (number, sealed) = record.split_first_chunk::<8>()?;
        let number = u64::from_be_bytes(*number);
        if !self.records.is_empty() && number != self.last.checked_add(1)? {
            return None;
        }
        let tag = *sealed.last_chunk::<TAG_BYTES>()?;
        let Current { records, last_tag, .. } = &self.current;
        let place = self.current.place(*records, number, last_tag);
        let plain = self.current.key.open(&Current::nonce(*records), &place, sealed).ok()?;
        self.records.push(Plain::new(plain));
        self.last = number;
        self.current.grew(number, record.len() + 2, tag);
        Some(())
    }

    fn fits(&self, anchor: u64) -> bool {
        self.last == anchor || Some(self.last) == anchor.checked_add(1)
    }
}

impl<M: Medium, A: Anchor> Log<M, A> {
    /// Reads both banks and picks the one that is the card's newest answered state.
    pub(crate) fn open(medium: M, anchor: A, device_key: Secret<[u8; 32]>) -> Result<Opened<M, A>, Fault> {
        let anchored = anchor.value()?;
        let a = Found::read(Bank::A, &medium.read(Bank::A)?, &device_key);
        let b = Found::read(Bank::B, &medium.read(Bank::B)?, &device_key);
        if let (Some(a), Some(b)) = (&a, &b)
            && a.card_id != b.card_id
        {
            return Ok(Opened::Locked(Lock::TwoCards, medium, anchor));
        }
        let last = a.iter().chain(&b).map(|found| found.last).max();
        let newest = a.into_iter().chain(b).filter(|f| f.fits(anchored)).max_by_key(|f| (f.last, f.epoch));
        let Some(found) = newest else {
            let lock = match last {
                Some(log) if log < anchored => Lock::Rollback { log, anchor: anchored },
                Some(log) => Lock::AnchorBehind { log, anchor: anchored },
                None if anchored > 0 => Lock::Unreadable { anchor: anchored },
                None => return Ok(Opened::Empty(medium, anchor)),
            };
            return Ok(Opened::Locked(lock, medium, anchor));
        };
        let Found { card_id, epoch, current, records, .. } = found;
        let standing = Standing::Unsettled;
        let log = Self { medium, anchor, device_key, card_id, epoch, current, anchored, standing };
        Ok(Opened::Log(Box::new(log), records))
    }

    /// Begins a log on an empty medium with the first snapshot.
    pub(crate) fn begin(
        medium: M,
        anchor: A,
        device_key: Secret<[u8; 32]>,
        card_id: [u8; 16],
        snapshot: &[u8],
        rng: &mut impl CryptoRng,
    ) -> Result<Self, Fault> {
        let anchored = anchor.value()?;
        // A current bank that holds nothing: the first snapshot goes to its other, A.
        let current = Current {
            bank: Bank::B,
            header: [0; HEADER_BYTES],
            key: Current::key(&device_key, &[0; 32]),
            records: 0,
            octets: 0,
            first: 0,
            snapshot: 0,
            last_tag: [0; TAG_BYTES],
            last: (0, [0; TAG_BYTES]),
        };
        let standing = Standing::Unsettled;
        let mut log = Self { medium, anchor, device_key, card_id, epoch: 0, current, anchored, standing };
        log.settle(snapshot, rng)?;
        Ok(log)
    }

    /// Makes `change` durable: appended, synced, anchored. Only then may the card act on it. After a fault the
    /// change may or may not survive, and must not have been acted on.
    ///
    /// `snapshot` is the state *before* the change, for when the bank must be changed first.
    pub(crate) fn commit(
        &mut self,
        change: &[u8],
        snapshot: impl FnOnce() -> Plain,
        rng: &mut impl CryptoRng,
    ) -> Result<(), Fault> {
        if self.standing != Standing::Settled || self.current.octets > self.current.snapshot + BANK_LIMIT {
            self.settle(&snapshot(), rng)?;
        }
        self.standing = Standing::Unsettled;
        let number = self.anchored.checked_add(1).ok_or(Fault)?;
        let (record, tag) = self.current.seal(number, change)?;
        self.medium.append(self.current.bank, &record)?;
        self.medium.sync(self.current.bank)?;
        self.anchor.advance(number)?;
        self.anchored = number;
        self.current.grew(number, record.len(), tag);
        self.standing = Standing::Settled;
        Ok(())
    }

    /// The newest record, as the medium has it now, if the anchor stands there too.
    pub(crate) fn last(&self) -> Result<Plain, Fault> {
        self.current.last(&self.medium.read(self.current.bank)?, self.anchor.value()?).ok_or(Fault)
    }

    /// Leaves the past behind: a snapshot in the other bank, and this one emptied.
    pub(crate) fn begin_anew(&mut self, snapshot: &[u8], rng: &mut impl CryptoRng) -> Result<(), Fault> {
        self.standing = Standing::Unsettled;
        self.settle(snapshot, rng)
    }

    /// Burns the next number with a snapshot in the other bank, under a new salt.
    ///
    /// The bank in use stays untouched until the snapshot is synced and becomes the one in use itself: at every
    /// moment one bank fits the anchor, whether or not a faulty advance took.
    fn settle(&mut self, snapshot: &[u8], rng: &mut impl CryptoRng) -> Result<(), Fault> {
        let number = self.anchored.checked_add(1).ok_or(Fault)?;
        if self.standing != Standing::AwaitingAnchor {
            self.standing = Standing::Unsettled;
            let bank = self.current.bank.other();
            let epoch = self.epoch.checked_add(1).ok_or(Fault)?;
            let mut salt = [0; 32];
            rng.fill_bytes(&mut salt);
            let mut fresh = Current {
                bank,
                header: header(&self.card_id, epoch, &salt),
                key: Current::key(&self.device_key, &salt),
                records: 0,
                octets: HEADER_BYTES,
                first: 0,
                snapshot: 0,
                last_tag: [0; TAG_BYTES],
                last: (0, [0; TAG_BYTES]),
            };
            let (record, tag) = fresh.seal(number, snapshot)?;
            self.medium.erase(bank)?;
            self.medium.append(bank, &[&fresh.header[..], &record].concat())?;
            self.medium.sync(bank)?;
            fresh.grew(number, record.len(), tag);
            self.epoch = epoch;
            self.current = fresh;
            self.standing = Standing::AwaitingAnchor;
        }
        self.anchor.advance(number)?;
        self.anchored = number;
        self.standing = Standing::Settled;
        // The old bank now ends before the anchor and can never open again. Should it not go now, it goes when the
        // next snapshot needs its place.
        let _ = self.medium.erase(self.current.bank.other());
        Ok(())
    }

    /// The card's random identity, made at personalisation.
    pub(crate) const fn card_id(&self) -> &[u8; 16] {
        &self.card_id
    }

    /// The device key, for other keys of this card.
    pub(crate) const fn device_key(&self) -> &Secret<[u8; 32]> {
        &self.device_key
    }

    /// Gives medium and anchor back.
    pub(crate) fn into_parts(self) -> (M, A) {
        (self.medium, self.anchor)
    }
}
