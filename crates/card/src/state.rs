//! Everything a card keeps when the power is off, and the changes it can undergo.

use crate::Profile;
use crate::codec::{Reader, put_string};
use crate::credential::{Check, Credential, Which};
use crate::files::{Ef, FILES, initial};
use crate::log::Plain;
use crate::ota::{Ota, TRIES};
use crate::sqn::SqnArray;
use alloc::vec::Vec;
use keys::Secret;
use keys::agree::AgreeKey;
use keys::milenage::{Milenage, Sqn};
use keys::ota::OtaKeys;
use keys::sign::Es256Key;
use rand_core::CryptoRng;

/// The format of records, first octet of a snapshot.
const FORMAT: u8 = 1;
/// Among the files of a snapshot: what is no file, but the state of remote management. A card without it is written as
/// the versions before wrote it.
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
    credentials: [Credential; 3],
    pub(crate) sqn: SqnArray,
    files: Vec<(Ef, Vec<u8>)>,
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
    /// Asked for, or not. The PIN's alone.
    Enabled(bool),
    /// A sequence number was accepted.
    Sqn(Sqn),
    /// New octets in a file.
    File(Ef, u16, Vec<u8>),
    /// So many wrong checksums left.
    OtaTries(u8),
    /// A packet with this counter was taken.
    OtaCounter(u64),
}

impl State {
    /// A new card's.
    pub(crate) fn new(profile: &Profile, pepper: &Secret<[u8; 32]>, rng: &mut impl CryptoRng) -> Self {
        let mut credential = |which, code| Credential::new(which, Check::new(pepper, which, code, rng));
        Self {
            k: profile.k.clone(),
            opc: profile.opc.clone(),
            milenage: profile.milenage(),
            credentials: [
                credential(Which::Pin, &profile.pin),
                credential(Which::Puk, &profile.puk),
                credential(Which::Adm, &profile.adm1),
            ],
            sqn: SqnArray::new(),
            files: FILES.iter().filter_map(|e| Some((e.ef, initial(e.ef, profile)?))).collect(),
            card_key: profile.card_key.as_ref().and_then(Es256Key::from_scalar),
            ota: profile.ota.clone().map(|keys| Ota { keys, counter: 0, left: TRIES }),
            agree_key: Some(AgreeKey::random(rng)),
        }
    }

    pub(crate) const fn milenage(&self) -> &Milenage {
        &self.milenage
    }

    pub(crate) const fn credential(&self, which: Which) -> &Credential {
        let [pin, puk, adm] = &self.credentials;
        match which {
            Which::Pin => pin,
            Which::Puk => puk,
            Which::Adm => adm,
        }
    }

    const fn credential_mut(&mut self, which: Which) -> &mut Credential {
        let [pin, puk, adm] = &mut self.credentials;
        match which {
            Which::Pin => pin,
            Which::Puk => puk,
            Which::Adm => adm,
        }
    }

    /// A file's octets; `None` if this card has no such file.
    pub(crate) fn file(&self, ef: Ef) -> Option<&[u8]> {
        self.files.iter().find(|(e, _)| *e == ef).map(|(_, bytes)| bytes.as_slice())
    }

    /// Brings the changes about. `None`, with some of them done, if one does not fit this card.
    pub(crate) fn apply(&mut self, changes: &[Change]) -> Option<()> {
        for change in changes {
            match change {
                Change::Tries(which, left) => self.credential_mut(*which).left = *left,
                Change::Code(which, check) => self.credential_mut(*which).check = *check,
                Change::Enabled(enabled) => self.credential_mut(Which::Pin).enabled = *enabled,
                Change::Sqn(sqn) => self.sqn.take(*sqn),
                Change::OtaTries(left) => self.ota.as_mut()?.left = *left,
                Change::OtaCounter(counter) => self.ota.as_mut()?.counter = *counter,
                Change::File(ef, offset, bytes) => {
                    let (_, content) = self.files.iter_mut().find(|(e, _)| e == ef)?;
                    let offset = usize::from(*offset);
                    let place = content.get_mut(offset..offset.checked_add(bytes.len())?)?;
                    place.copy_from_slice(bytes);
                }
            }
        }
        Some(())
    }

    /// The whole state as a record.
    pub(crate) fn snapshot(&self) -> Plain {
        let size = 768 + self.files.iter().map(|(_, bytes)| bytes.len() + 3).sum::<usize>();
        // Room for all of it at once: a vector that grows leaves copies of K behind.
        let mut out = Plain::new(Vec::with_capacity(size));
        out.push(FORMAT);
        out.extend_from_slice(self.k.danger_expose());
        out.extend_from_slice(self.opc.danger_expose());
        for which in Which::ALL {
            let credential = self.credential(which);
            credential.check.put(&mut out);
            out.push(credential.left);
            out.push(u8::from(credential.enabled));
        }
        for sqn in self.sqn.slots() {
            out.extend_from_slice(&sqn.value().to_be_bytes());
        }
        for (ef, bytes) in &self.files {
            out.push(*ef as u8);
            put_string(&mut out, bytes);
        }
        if let Some(key) = &self.card_key {
            out.extend_from_slice(&[CARD_KEY, 0, 32]);
            out.extend_from_slice(key.scalar().danger_expose());
        }
        if let Some(key) = &self.agree_key {
            out.extend_from_slice(&[AGREE_KEY, 0, 32]);
            out.extend_from_slice(key.scalar().danger_expose());
        }
        if let Some(Ota { keys, counter, left }) = &self.ota {
            // Its length, as of a file: 16 + 16 + 8 + 1.
            out.extend_from_slice(&[OTA, 0, 41]);
            out.extend_from_slice(keys.kic().danger_expose());
            out.extend_from_slice(keys.kid().danger_expose());
            out.extend_from_slice(&counter.to_be_bytes());
            out.push(*left);
        }
        debug_assert!(out.len() <= size, "it grew, and left a copy behind");
        out
    }

    /// The state a log holds: its snapshot, changed by what follows. `None` if this version did not write it.
    pub(crate) fn replay(records: &[Plain]) -> Option<Self> {
        let (snapshot, changes) = records.split_first()?;
        let mut state = Self::read(&mut Reader(snapshot))?;
        for record in changes {
            state.apply(&Change::read_all(record)?)?;
        }
        Some(state)
    }

    fn read(reader: &mut Reader<'_>) -> Option<Self> {
        if reader.u8()? != FORMAT {
            return None;
        }
        let k = Secret::new(reader.array()?);
        let opc = Secret::new(reader.array()?);
        let mut credential = || {
            let check = Check::read(reader)?;
            Some(Credential { check, left: reader.u8()?, enabled: reader.u8()? != 0 })
        };
        let credentials = [credential()?, credential()?, credential()?];
        let mut sqn = SqnArray::new();
        for _ in 0..crate::sqn::SLOTS {
            sqn.take(Sqn::new(reader.u64()?)?);
        }
        let (mut files, mut ota, mut card_key, mut agree_key) = (Vec::new(), None, None, None);
        while !reader.is_empty() {
            match reader.u8()? {
                CARD_KEY => {
                    let scalar = Secret::new(Reader(reader.string()?).array()?);
                    card_key = Some(Es256Key::from_scalar(&scalar)?);
                }
                AGREE_KEY => {
                    let scalar = Secret::new(Reader(reader.string()?).array()?);
                    agree_key = Some(AgreeKey::from_scalar(&scalar)?);
                }
                OTA => ota = Some(read_ota(&mut Reader(reader.string()?))?),
                ef => files.push((Ef::from_u8(ef)?, reader.string()?.to_vec())),
            }
        }
        let milenage = Milenage::new(&k, &opc);
        Some(Self { k, opc, milenage, credentials, sqn, files, card_key, agree_key, ota })
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
                Self::Tries(which, left) => out.extend_from_slice(&[1, *which as u8, *left]),
                Self::Code(which, check) => {
                    out.extend_from_slice(&[2, *which as u8]);
                    check.put(&mut out);
                }
                Self::Enabled(enabled) => out.extend_from_slice(&[3, u8::from(*enabled)]),
                Self::Sqn(sqn) => {
                    out.push(4);
                    out.extend_from_slice(&sqn.value().to_be_bytes());
                }
                Self::File(ef, offset, bytes) => {
                    out.extend_from_slice(&[5, *ef as u8]);
                    out.extend_from_slice(&offset.to_be_bytes());
                    put_string(&mut out, bytes);
                }
                Self::OtaTries(left) => out.extend_from_slice(&[6, *left]),
                Self::OtaCounter(counter) => {
                    out.push(7);
                    out.extend_from_slice(&counter.to_be_bytes());
                }
            }
        }
        out
    }

    fn read_all(record: &[u8]) -> Option<Vec<Self>> {
        let mut reader = Reader(record);
        let mut out = Vec::new();
        while !reader.is_empty() {
            out.push(match reader.u8()? {
                1 => Self::Tries(Which::from_u8(reader.u8()?)?, reader.u8()?),
                2 => Self::Code(Which::from_u8(reader.u8()?)?, Check::read(&mut reader)?),
                3 => Self::Enabled(reader.u8()? != 0),
                4 => Self::Sqn(Sqn::new(reader.u64()?)?),
                5 => {
                    let (ef, offset) = (Ef::from_u8(reader.u8()?)?, reader.u16()?);
                    Self::File(ef, offset, reader.string()?.to_vec())
                }
                6 => Self::OtaTries(reader.u8()?),
                7 => Self::OtaCounter(reader.u64()?),
                _ => return None,
            });
        }
        Some(out)
    }
}
