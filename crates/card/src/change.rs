//! What can happen to a card's state, as records of its log: each is done, or it is not.

use crate::codec::{Reader, pack, put_string, unpack};
use crate::credential::{Asked, Check, Which};
use crate::file::{File, FileId, Life};
use crate::gba::Bootstrapped;
use crate::key::KeyRef;
use crate::owner_key::OwnerKey;
use crate::plain::Plain;
use crate::tree::Tree;
use crate::vault::Held;
use alloc::vec::Vec;
use keys::milenage::Sqn;

/// One change. A record holds several, which happen together or not at all.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Change {
    /// So many tries left.
    Tries(Which, u8),
    /// A new code.
    Code(Which, Check),
    /// Asked for, or not.
    Asked(KeyRef, Asked),
    /// The vault's key is held, or is so no more.
    Held(Option<Held>),
    /// A sequence number was accepted.
    Sqn(Sqn),
    /// New octets in a file.
    Write(FileId, u16, Vec<u8>),
    /// A new first record in a cyclic file.
    Push(FileId, Vec<u8>),
    /// A file's content anew.
    Replace(FileId, Vec<u8>),
    /// How far an EF of data objects may grow.
    Allow(FileId, u16),
    Life(FileId, Life),
    Create(File),
    Delete(FileId),
    /// So many wrong checksums left.
    OtaTries(u8),
    /// A packet with this counter was taken.
    OtaCounter(u64),
    /// The owner has a new key.
    OwnerKey(OwnerKey),
    /// A bootstrapping came to its end.
    Bootstrapped(Bootstrapped),
    /// An alert with this number is to go out.
    Alert(u64),
}

impl Change {
    /// Whether something that opened the vault before opens it no more.
    pub(crate) const fn ends_a_secret(&self) -> bool {
        matches!(self, Self::Code(..) | Self::Held(None))
    }

    /// Whether it is of the files.
    pub(crate) const fn is_of_files(&self) -> bool {
        matches!(
            self,
            Self::Write(..)
                | Self::Push(..)
                | Self::Replace(..)
                | Self::Allow(..)
                | Self::Life(..)
                | Self::Create(..)
                | Self::Delete(..)
        )
    }

    /// Brings it about in the files, if it is of them. `None` if it does not fit.
    pub(crate) fn apply_to(&self, tree: &mut Tree) -> Option<()> {
        match self {
            Self::Write(file, offset, bytes) => tree.write(*file, *offset, bytes),
            Self::Push(file, record) => tree.push(*file, record),
            Self::Replace(file, content) => tree.replace(*file, content.clone()),
            Self::Allow(file, most) => tree.allow(*file, *most),
            Self::Life(file, life) => tree.live(*file, *life),
            Self::Create(file) => tree.create(file.clone()),
            Self::Delete(file) => tree.delete(*file),
            _ => Some(()),
        }
    }

    /// Several changes as one record.
    pub(crate) fn record(changes: &[Self]) -> Plain {
        let mut out = Plain::new(Vec::with_capacity(320));
        for change in changes {
            match change {
                Self::Tries(which, left) => {
                    out.push(1);
                    out.extend_from_slice(&which.octets());
                    out.push(*left);
                }
                Self::Code(which, check) => {
                    out.push(2);
                    out.extend_from_slice(&which.octets());
                    check.put(&mut out);
                }
                Self::Asked(key, asked) => out.extend_from_slice(&[3, key.octet(), *asked as u8]),
                Self::Sqn(sqn) => {
                    out.push(4);
                    out.extend_from_slice(&sqn.value().to_be_bytes());
                }
                Self::Write(file, offset, bytes) => {
                    put_file(&mut out, 5, *file);
                    out.extend_from_slice(&offset.to_be_bytes());
                    put_string(&mut out, bytes);
                }
                Self::OtaTries(left) => out.extend_from_slice(&[6, *left]),
                Self::OtaCounter(counter) => {
                    out.push(7);
                    out.extend_from_slice(&counter.to_be_bytes());
                }
                Self::Push(file, record) => {
                    put_file(&mut out, 8, *file);
                    put_string(&mut out, record);
                }
                Self::Replace(file, content) => {
                    put_file(&mut out, 9, *file);
                    pack(&mut out, content);
                }
                Self::Allow(file, most) => {
                    put_file(&mut out, 10, *file);
                    out.extend_from_slice(&most.to_be_bytes());
                }
                Self::Life(file, life) => {
                    put_file(&mut out, 11, *file);
                    out.push(*life as u8);
                }
                Self::Create(file) => {
                    out.push(12);
                    file.put(&mut out);
                }
                Self::Delete(file) => put_file(&mut out, 13, *file),
                Self::Held(held) => {
                    out.push(14);
                    Held::put(held.as_ref(), &mut out);
                }
                Self::OwnerKey(key) => {
                    out.push(15);
                    key.put(&mut out);
                }
                Self::Bootstrapped(bootstrapped) => {
                    out.push(16);
                    bootstrapped.put(&mut out);
                }
                Self::Alert(number) => {
                    out.push(17);
                    out.extend_from_slice(&number.to_be_bytes());
                }
            }
        }
        out
    }

    pub(crate) fn read_all(record: &[u8]) -> Option<Vec<Self>> {
        let mut reader = Reader(record);
        let mut out = Vec::new();
        while !reader.is_empty() {
            out.push(Self::read(&mut reader)?);
        }
        Some(out)
    }

    fn read(reader: &mut Reader<'_>) -> Option<Self> {
        Some(match reader.u8()? {
            1 => Self::Tries(Which::read(reader)?, reader.u8()?),
            2 => Self::Code(Which::read(reader)?, Check::read(reader)?),
            3 => Self::Asked(KeyRef::new(reader.u8()?)?, Asked::from_u8(reader.u8()?)?),
            4 => Self::Sqn(Sqn::new(reader.u64()?)?),
            5 => Self::Write(FileId(reader.u16()?), reader.u16()?, reader.string()?.to_vec()),
            6 => Self::OtaTries(reader.u8()?),
            7 => Self::OtaCounter(reader.u64()?),
            8 => Self::Push(FileId(reader.u16()?), reader.string()?.to_vec()),
            9 => Self::Replace(FileId(reader.u16()?), unpack(reader)?),
            10 => Self::Allow(FileId(reader.u16()?), reader.u16()?),
            11 => Self::Life(FileId(reader.u16()?), Life::from_u8(reader.u8()?)?),
            12 => Self::Create(File::read(reader)?),
            13 => Self::Delete(FileId(reader.u16()?)),
            14 => Self::Held(Held::read(reader)?),
            15 => Self::OwnerKey(OwnerKey::read(reader)?),
            16 => Self::Bootstrapped(Bootstrapped::read(reader)?),
            17 => Self::Alert(reader.u64()?),
            _ => return None,
        })
    }
}

fn put_file(out: &mut Vec<u8>, kind: u8, file: FileId) {
    out.push(kind);
    out.extend_from_slice(&file.0.to_be_bytes());
}
