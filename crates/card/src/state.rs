//! Everything a card keeps when the power is off, and the changes it can undergo.

use crate::Profile;
use crate::codec::{Reader, pack, put_string, unpack};
use crate::credential::{Asked, Check, Credential, Kept, Which};
use crate::file::{File, FileId, Life};
use crate::former;
use crate::key::{KeyRef, KeySet};
use crate::log::Plain;
use crate::ota::{Ota, TRIES};
use crate::reference;
use crate::sqn::SqnArray;
use crate::tree::Tree;
use alloc::vec::Vec;
use keys::Secret;
use keys::agree::AgreeKey;
use keys::milenage::{Milenage, Sqn};
use keys::ota::OtaKeys;
use keys::sign::Es256Key;
use rand_core::CryptoRng;

/// The format of records, first octet of a snapshot.
const FORMAT: u8 = 2;
/// After the files, what only some cards have: the state of remote management.
const OTA: u8 = 255;
/// And the card's own signing key.
const CARD_KEY: u8 = 254;
/// And the key it agrees with others by.
const AGREE_KEY: u8 = 253;

/// The lasting state. K and OPc leave it only into a sealed snapshot.
pub(crate) struct State {
    k: Secret<[u8; 16]>,
    opc: Secret<[u8; 16]>,
    milenage: Milenage,
    credentials: Vec<Credential>,
    /// Codes that nobody is asked for.
    waived: KeySet,
    /// Codes in whose place the universal PIN is asked for.
    replaced: KeySet,
    pub(crate) sqn: SqnArray,
    /// Whether GSM's own authentication is answered, which asks for no proof of the network's.
    pub(crate) gsm: bool,
    pub(crate) tree: Tree,
    /// The card's own signing key; `None` if this card has none.
    pub(crate) card_key: Option<Es256Key>,
    /// The key it agrees with others by, made in the card; `None` of cards that were made before there was one.
    pub(crate) agree_key: Option<AgreeKey>,
    /// Remote management; `None` if this card has none.
    pub(crate) ota: Option<Ota>,
}

/// One change. A record holds several, which happen together or not at all.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Change {
    /// So many tries left.
    Tries(Which, u8),
    /// A new code.
    Code(Which, Check),
    /// Asked for, or not.
    Asked(KeyRef, Asked),
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
}

impl State {
    /// A new card's.
    pub(crate) fn new(profile: &Profile, pepper: &Secret<[u8; 32]>, rng: &mut impl CryptoRng) -> Self {
        let mut credentials = Vec::from([
            Credential::new(pepper, KeyRef::PIN1, &profile.pin, Some(&profile.puk), rng),
            Credential::new(pepper, KeyRef::ADM1, &profile.adm1, None, rng),
        ]);
        let more = [(KeyRef::PIN2, &profile.pin2), (KeyRef::UNIVERSAL, &profile.universal_pin)];
        for (key, pin) in more.into_iter().filter_map(|(key, pin)| Some((key, pin.as_ref()?))) {
            credentials.push(Credential::new(pepper, key, &pin.pin, Some(&pin.puk), rng));
        }
        for (number, code) in (2..).zip(&profile.more_adm) {
            credentials.extend(KeyRef::adm(number).map(|key| Credential::new(pepper, key, code, None, rng)));
        }
        Self {
            k: profile.k.clone(),
            opc: profile.opc.clone(),
            milenage: profile.milenage(),
            credentials,
            waived: KeySet::EMPTY,
            replaced: KeySet::EMPTY,
            sqn: SqnArray::new(),
            gsm: profile.gsm,
            tree: reference::tree(profile),
            card_key: profile.card_key.as_ref().and_then(Es256Key::from_scalar),
            ota: profile.ota.clone().map(|keys| Ota { keys, counter: 0, left: TRIES }),
            agree_key: Some(AgreeKey::random(rng)),
        }
    }

    pub(crate) const fn milenage(&self) -> &Milenage {
        &self.milenage
    }

    /// The code by this name; `None` if this card has none.
    pub(crate) fn credential(&self, key: KeyRef) -> Option<&Credential> {
        self.credentials.iter().find(|c| c.key == key)
    }

    pub(crate) fn credentials(&self) -> &[Credential] {
        &self.credentials
    }

    /// What is kept of a code; `None` if this card has none such.
    pub(crate) fn kept(&self, which: Which) -> Option<&Kept> {
        let credential = self.credential(which.key())?;
        match which {
            Which::Code(_) => Some(&credential.code),
            Which::Unblock(_) => credential.unblock.as_ref(),
        }
    }

    fn kept_mut(&mut self, which: Which) -> Option<&mut Kept> {
        let credential = self.credentials.iter_mut().find(|c| c.key == which.key())?;
        match which {
            Which::Code(_) => Some(&mut credential.code),
            Which::Unblock(_) => credential.unblock.as_mut(),
        }
    }

    /// All keys that whoever has shown these may use: a disabled PIN asks nobody, a replaced one asks for another
    /// (TS 102 221 §9.4.1, §9.5.1).
    pub(crate) const fn effective(&self, shown: KeySet) -> KeySet {
        let keys = shown.with(self.waived);
        if keys.has_all(KeySet::of(KeyRef::UNIVERSAL)) { keys.with(self.replaced) } else { keys }
    }

    /// Which codes are asked for has changed.
    fn ask(&mut self) {
        let of = |asked| {
            let such = self.credentials.iter().filter(move |c| c.asked == asked);
            such.fold(KeySet::EMPTY, |set, c| set.with(KeySet::of(c.key)))
        };
        (self.waived, self.replaced) = (of(Asked::No), of(Asked::Universal));
    }

    /// Brings the changes about. `None`, with some of them done, if one does not fit this card.
    pub(crate) fn apply(&mut self, changes: &[Change]) -> Option<()> {
        for change in changes {
            match change {
                Change::Tries(which, left) => self.kept_mut(*which)?.left = *left,
                Change::Code(which, check) => self.kept_mut(*which)?.check = *check,
                Change::Asked(key, asked) => {
                    self.credentials.iter_mut().find(|c| c.key == *key)?.asked = *asked;
                    self.ask();
                }
                Change::Sqn(sqn) => self.sqn.take(*sqn),
                Change::OtaTries(left) => self.ota.as_mut()?.left = *left,
                Change::OtaCounter(counter) => self.ota.as_mut()?.counter = *counter,
                Change::Write(file, offset, bytes) => self.tree.write(*file, *offset, bytes)?,
                Change::Push(file, record) => self.tree.push(*file, record)?,
                Change::Replace(file, content) => self.tree.replace(*file, content.clone())?,
                Change::Allow(file, most) => self.tree.allow(*file, *most)?,
                Change::Life(file, life) => self.tree.live(*file, *life)?,
                Change::Create(file) => self.tree.create(file.clone()),
                Change::Delete(file) => self.tree.delete(*file)?,
            }
        }
        Some(())
    }

    /// The whole state as a record.
    pub(crate) fn snapshot(&self) -> Plain {
        let size = 512 + self.credentials.len() * Credential::BYTES + self.tree.snapshot_bytes();
        // Room for all of it at once: a vector that grows leaves copies of K behind.
        let mut out = Plain::new(Vec::with_capacity(size));
        out.push(FORMAT);
        out.extend_from_slice(self.k.danger_expose());
        out.extend_from_slice(self.opc.danger_expose());
        out.push(u8::try_from(self.credentials.len()).unwrap_or(u8::MAX));
        for credential in &self.credentials {
            credential.put(&mut out);
        }
        for sqn in self.sqn.slots() {
            out.extend_from_slice(&sqn.value().to_be_bytes());
        }
        out.push(u8::from(self.gsm));
        self.tree.put(&mut out);
        if let Some(key) = &self.card_key {
            out.extend_from_slice(&[CARD_KEY, 0, 32]);
            out.extend_from_slice(key.scalar().danger_expose());
        }
        if let Some(key) = &self.agree_key {
            out.extend_from_slice(&[AGREE_KEY, 0, 32]);
            out.extend_from_slice(key.scalar().danger_expose());
        }
        if let Some(Ota { keys, counter, left }) = &self.ota {
            // Its length, as of a string: 16 + 16 + 8 + 1.
            out.extend_from_slice(&[OTA, 0, 41]);
            out.extend_from_slice(keys.kic().danger_expose());
            out.extend_from_slice(keys.kid().danger_expose());
            out.extend_from_slice(&counter.to_be_bytes());
            out.push(*left);
        }
        debug_assert!(out.len() <= size, "it grew, and left a copy behind");
        out
    }

    /// The state a log holds: its snapshot, changed by what follows. `None` if no version known here wrote it.
    pub(crate) fn replay(records: &[Plain]) -> Option<Self> {
        let (snapshot, changes) = records.split_first()?;
        let (mut state, format) = Self::read(&mut Reader(snapshot))?;
        for record in changes {
            let changes = match format {
                former::FORMAT => former::changes(record, &state.tree),
                _ => Change::read_all(record),
            };
            state.apply(&changes?)?;
        }
        Some(state)
    }

    /// A snapshot, and the format it was in.
    fn read(reader: &mut Reader<'_>) -> Option<(Self, u8)> {
        let format = reader.u8()?;
        let k = Secret::new(reader.array()?);
        let opc = Secret::new(reader.array()?);
        let credentials = match format {
            FORMAT => {
                let count = reader.u8()?;
                (0..count).map(|_| Credential::read(reader)).collect::<Option<_>>()?
            }
            former::FORMAT => former::credentials(reader)?,
            _ => return None,
        };
        let mut sqn = SqnArray::new();
        for _ in 0..crate::sqn::SLOTS {
            sqn.take(Sqn::new(reader.u64()?)?);
        }
        let (gsm, tree) = match format {
            FORMAT => (reader.u8()? != 0, Some(Tree::read(reader)?)),
            _ => (true, None),
        };
        let (mut ota, mut card_key, mut agree_key) = (None, None, None);
        let mut files = Vec::new();
        while !reader.is_empty() {
            let (what, value) = (reader.u8()?, reader.string()?);
            match what {
                CARD_KEY => card_key = Some(Es256Key::from_scalar(&Secret::new(Reader(value).array()?))?),
                AGREE_KEY => agree_key = Some(AgreeKey::from_scalar(&Secret::new(Reader(value).array()?))?),
                OTA => ota = Some(read_ota(&mut Reader(value))?),
                number if format == former::FORMAT => files.push((number, value)),
                _ => return None,
            }
        }
        let tree = tree.unwrap_or_else(|| former::tree(&files));
        let milenage = Milenage::new(&k, &opc);
        let (waived, replaced) = (KeySet::EMPTY, KeySet::EMPTY);
        let mut state = Self {
            k,
            opc,
            milenage,
            credentials,
            waived,
            replaced,
            sqn,
            gsm,
            tree,
            card_key,
            agree_key,
            ota,
        };
        state.ask();
        Some((state, format))
    }
}

fn read_ota(reader: &mut Reader<'_>) -> Option<Ota> {
    let keys = OtaKeys::new(Secret::new(reader.array()?), Secret::new(reader.array()?));
    Some(Ota { keys, counter: reader.u64()?, left: reader.u8()? })
}

impl Change {
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
            }
        }
        out
    }

    fn read_all(record: &[u8]) -> Option<Vec<Self>> {
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
            _ => return None,
        })
    }
}

fn put_file(out: &mut Vec<u8>, kind: u8, file: FileId) {
    out.push(kind);
    out.extend_from_slice(&file.0.to_be_bytes());
}
