//! One file of a card: a directory or an elementary file, with everything SELECT says of it.

use crate::codec::{Reader, pack, put_string, unpack};
use crate::rule::Rule;
use alloc::vec::Vec;

/// A file's number on its card, as long as there is the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct FileId(pub(crate) u16);

impl FileId {
    /// The master file.
    pub(crate) const MF: Self = Self(0);
}

/// The structure of an EF.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Structure {
    Transparent,
    /// Records of so many octets.
    Linear(u8),
    /// Records of so many octets, the newest first.
    Cyclic(u8),
    /// Data objects; it may grow to so many octets.
    Objects(u16),
}

impl Structure {
    /// Octets in a record, of a file that has records.
    pub(crate) const fn record(self) -> Option<u8> {
        match self {
            Self::Linear(len) | Self::Cyclic(len) => Some(len),
            Self::Transparent | Self::Objects(_) => None,
        }
    }
}

/// What kind of file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Kind {
    Dir,
    /// An application's directory, with its name (AID).
    Application(Vec<u8>),
    Ef(Structure),
    /// Another file under an identifier of this directory: the SIM's files are the USIM's.
    Link(FileId),
}

/// Life cycle status (TS 102 221 §11.1.1.4.9). The discriminant is its octet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Life {
    /// Made, and not yet activated. Its access rule holds all the same.
    Initialisation = 0x03,
    Deactivated = 0x04,
    Activated = 0x05,
    Terminated = 0x0c,
}

impl Life {
    pub(crate) const fn from_u8(octet: u8) -> Option<Self> {
        Some(match octet {
            0x01 | 0x03 => Self::Initialisation,
            0x04 => Self::Deactivated,
            0x05 => Self::Activated,
            0x0c => Self::Terminated,
            _ => return None,
        })
    }
}

/// Which record of which EF.ARR says who may do what (TS 102 221 §11.1.1.4.7.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RuleRef {
    pub(crate) arr: u16,
    pub(crate) record: u8,
}

/// A file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct File {
    pub(crate) parent: FileId,
    pub(crate) fid: u16,
    /// Short file identifier; 0 where it has none.
    pub(crate) sfi: u8,
    pub(crate) kind: Kind,
    pub(crate) life: Life,
    pub(crate) rule: RuleRef,
    /// Whether it may be read and updated while it is deactivated (TS 102 222 table 5).
    pub(crate) used_when_deactivated: bool,
    pub(crate) content: Vec<u8>,
    /// Of an EF.ARR: its records, understood.
    rules: Vec<Rule>,
}

impl File {
    /// Identifiers under which an EF is taken for an EF.ARR (TS 102 221 §13.4, TS 31.102 §4.2): other files hold no rules.
    const ARR: [u16; 2] = [0x2f06, 0x6f06];

    pub(crate) const fn new(
        parent: FileId,
        fid: u16,
        sfi: u8,
        kind: Kind,
        rule: RuleRef,
        content: Vec<u8>,
    ) -> Self {
        Self {
            parent,
            fid,
            sfi,
            kind,
            life: Life::Activated,
            rule,
            used_when_deactivated: false,
            content,
            rules: Vec::new(),
        }
    }

    pub(crate) const fn is_dir(&self) -> bool {
        matches!(self.kind, Kind::Dir | Kind::Application(_))
    }

    pub(crate) const fn structure(&self) -> Option<Structure> {
        match self.kind {
            Kind::Ef(structure) => Some(structure),
            Kind::Dir | Kind::Application(_) | Kind::Link(_) => None,
        }
    }

    /// Whether access rules are read here.
    pub(crate) fn is_arr(&self) -> bool {
        Self::ARR.contains(&self.fid) && matches!(self.structure(), Some(Structure::Linear(_)))
    }

    /// The rule in a record, counted from 1.
    pub(crate) fn access_rule(&self, record: u8) -> Option<&Rule> {
        self.rules.get(usize::from(record).checked_sub(1)?)
    }

    /// Understands the rules anew, after the content came or changed.
    pub(crate) fn understand(&mut self) {
        self.rules = match self.structure().and_then(Structure::record) {
            Some(len) if self.is_arr() => {
                self.content.chunks_exact(usize::from(len).max(1)).map(Rule::read).collect()
            }
            _ => Vec::new(),
        };
    }

    /// Appends the file to a record of the log.
    pub(crate) fn put(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.parent.0.to_be_bytes());
        out.extend_from_slice(&self.fid.to_be_bytes());
        out.push(self.sfi);
        match &self.kind {
            Kind::Dir => out.push(0),
            Kind::Application(name) => {
                out.push(1);
                put_string(out, name);
            }
            Kind::Ef(Structure::Transparent) => out.push(2),
            Kind::Ef(Structure::Linear(len)) => out.extend_from_slice(&[3, *len]),
            Kind::Ef(Structure::Cyclic(len)) => out.extend_from_slice(&[4, *len]),
            Kind::Ef(Structure::Objects(most)) => {
                out.push(5);
                out.extend_from_slice(&most.to_be_bytes());
            }
            Kind::Link(target) => {
                out.push(6);
                out.extend_from_slice(&target.0.to_be_bytes());
            }
        }
        out.push(self.life as u8);
        out.extend_from_slice(&self.rule.arr.to_be_bytes());
        out.extend_from_slice(&[self.rule.record, u8::from(self.used_when_deactivated)]);
        pack(out, &self.content);
    }

    /// What [`File::put`] wrote.
    pub(crate) fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let parent = FileId(reader.u16()?);
        let fid = reader.u16()?;
        let sfi = reader.u8()?;
        let kind = match reader.u8()? {
            0 => Kind::Dir,
            1 => Kind::Application(reader.string()?.to_vec()),
            2 => Kind::Ef(Structure::Transparent),
            3 => Kind::Ef(Structure::Linear(reader.u8()?)),
            4 => Kind::Ef(Structure::Cyclic(reader.u8()?)),
            5 => Kind::Ef(Structure::Objects(reader.u16()?)),
            6 => Kind::Link(FileId(reader.u16()?)),
            _ => return None,
        };
        let life = Life::from_u8(reader.u8()?)?;
        let rule = RuleRef { arr: reader.u16()?, record: reader.u8()? };
        let used_when_deactivated = reader.u8()? != 0;
        let content = unpack(reader)?;
        let mut file =
            Self { life, used_when_deactivated, ..Self::new(parent, fid, sfi, kind, rule, content) };
        file.understand();
        Some(file)
    }
}
