//! The bootstrapping context of AUTHENTICATE, GBA_U (TS 31.102 §7.1.1.4, §7.1.1.5; TS 33.220 §5.3).
//!
//! A challenge whose MAC is marked makes a key, Ks, that the telephone never has; from it follow keys for services, by name. The
//! telephone gets a service's external key; the internal one is for applications on a card, and this card has none that would ask.

use crate::answer::Answer;
use crate::authenticate::{Accepted, accept};
use crate::card::Live;
use crate::change::Change;
use crate::codec::Reader;
use crate::file::{FileId, Structure};
use crate::medium::{Anchor, Medium};
use crate::reference::{GBA_BOOTSTRAPPED, GBA_NAF_LIST, USIM};
use crate::tree::Tree;
use crate::vault::{Compartment, Secrets, VaultKey};
use alloc::vec::Vec;
use keys::Secret;
use keys::gba::{For, ks, ks_naf, mac_star};
use rand_core::CryptoRng;
use wire::apdu::Status;
use wire::tlv::{find, tlv};

const PURPOSE: &[u8] = b"simward.card.gba.1";
/// What a command in this context begins with: a challenge, or a service's name.
const BOOTSTRAPPING: u8 = 0xdd;
const NAF_DERIVATION: u8 = 0xde;
/// Tag of a service's name in EF.GBANL (TS 31.102 §4.2.83).
const NAF_ID: u32 = 0x80;
/// And of the transaction's, which the terminal knows.
const B_TID: u32 = 0x81;

const RAND_BYTES: usize = 16;

/// What a bootstrapping left: Ks, sealed with what hangs on the PIN, and the challenge that it came of.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Bootstrapped {
    rand: [u8; 16],
    ks: Compartment,
}

impl Bootstrapped {
    fn new(rand: &[u8; 16], ks: &Secret<[u8; 32]>, vault: &VaultKey, rng: &mut impl CryptoRng) -> Self {
        Self { rand: *rand, ks: Compartment::seal(vault, PURPOSE, ks.danger_expose(), rng) }
    }

    fn ks(&self, vault: &VaultKey) -> Option<Secret<[u8; 32]>> {
        self.ks.open(vault, PURPOSE)?.as_slice().try_into().ok().map(Secret::new)
    }

    pub(crate) fn put(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.rand);
        self.ks.put(out);
    }

    pub(crate) fn read(reader: &mut Reader<'_>) -> Option<Self> {
        Some(Self { rand: reader.array()?, ks: Compartment::read(reader)? })
    }
}

/// AUTHENTICATE with P2 84, either mode.
pub(crate) fn context<M: Medium, A: Anchor>(
    data: &[u8],
    live: &mut Live<M, A>,
    secrets: &Secrets,
    rng: &mut impl CryptoRng,
) -> Result<Answer<'static>, Status> {
    match data {
        [BOOTSTRAPPING, rest @ ..] => {
            let (rand, autn) = challenge(rest).ok_or(Status::WRONG_LENGTH)?;
            bootstrap(live, secrets, rand, autn, rng)
        }
        [NAF_DERIVATION, rest @ ..] => {
            let mut reader = Reader(rest);
            let mut string = || {
                let len = reader.u8()?;
                reader.take(usize::from(len)).filter(|s| !s.is_empty())
            };
            let (naf, impi) = (string(), string());
            let (Some(naf), Some(impi), true) = (naf, impi, reader.is_empty()) else {
                return Err(Status::WRONG_LENGTH);
            };
            derive(live, secrets, naf, impi, rng)
        }
        [] => Err(Status::WRONG_LENGTH),
        _ => Err(Status::WRONG_DATA),
    }
}

/// 10 RAND 10 AUTN.
pub(crate) fn challenge(data: &[u8]) -> Option<(&[u8; 16], &[u8; 16])> {
    let [0x10, rest @ ..] = data else { return None };
    let (rand, rest) = rest.split_first_chunk::<16>()?;
    let [0x10, autn @ ..] = rest else { return None };
    Some((rand, autn.try_into().ok()?))
}

/// DB 08 RES, or DC 0E AUTS. The last bit of RES is the other one, so that an answer to this is none to an ordinary challenge.
/// Ks, the challenge and the sequence number are durable together before RES leaves.
fn bootstrap<M: Medium, A: Anchor>(
    live: &mut Live<M, A>,
    secrets: &Secrets,
    rand: &[u8; 16],
    autn: &[u8; 16],
    rng: &mut impl CryptoRng,
) -> Result<Answer<'static>, Status> {
    let tree = &live.state.tree;
    let (file, size) = ef(&GBA_BOOTSTRAPPED, tree)
        .and_then(|id| Some((id, tree.file(id)?)))
        .filter(|(_, f)| f.structure() == Some(Structure::Transparent) && f.content.len() > RAND_BYTES)
        .map(|(id, f)| (id, f.content.len()))
        .ok_or(Status::SECURITY_CONTEXT_NOT_SUPPORTED)?;
    let (sqn, vector) =
        match accept(&live.state.sqn, &secrets.aka, rand, autn, |vector| mac_star(vector.mac_a, &vector.ik))?
        {
            Accepted::Fresh(sqn, vector) => (sqn, vector),
            Accepted::Stale(auts) => return Ok(Answer::Held(auts)),
        };
    let bootstrapped = Bootstrapped::new(rand, &ks(&vector.ck, &vector.ik), &secrets.key, rng);
    // The transaction's name and the key's lifetime are the terminal's to write.
    let mut content = Vec::from([RAND_BYTES as u8]);
    content.extend_from_slice(rand);
    content.resize(size, 0);
    let changes = [Change::Sqn(sqn), Change::Bootstrapped(bootstrapped), Change::Write(file, 0, content)];
    live.commit(&changes, rng)?;
    let [.., last] = &vector.res;
    let mut answer = [&[0xdb, 8][..], &vector.res].concat();
    if let Some(octet) = answer.last_mut() {
        *octet = last ^ 1;
    }
    Ok(Answer::Held(answer))
}

/// DB 20 Ks_ext_NAF. The service is written down in EF.GBANL.
fn derive<M: Medium, A: Anchor>(
    live: &mut Live<M, A>,
    secrets: &Secrets,
    naf: &[u8],
    impi: &[u8],
    rng: &mut impl CryptoRng,
) -> Result<Answer<'static>, Status> {
    let none = Status::CONDITIONS_NOT_SATISFIED;
    let bootstrapped = live.state.extras.bootstrapped.as_ref().ok_or(none)?;
    let ks = bootstrapped.ks(&secrets.key).ok_or(Status::TECHNICAL_PROBLEM)?;
    let key = ks_naf(&ks, For::Terminal, &bootstrapped.rand, impi, naf);
    if let Some(change) = noted(naf, &live.state.tree) {
        live.commit(&[change], rng)?;
    }
    Ok(Answer::Held([&[0xdb, 32][..], key.danger_expose()].concat()))
}

fn ef(fid: &[u16], tree: &Tree) -> Option<FileId> {
    tree.at(Some(USIM), fid).filter(|id| tree.usable(*id))
}

/// What notes a service in the list, as the first; the last one goes. `None` if it stands there already, or does not fit.
fn noted(naf: &[u8], tree: &Tree) -> Option<Change> {
    let id = ef(&GBA_NAF_LIST, tree)?;
    let file = tree.file(id)?;
    let record = usize::from(file.structure()?.record()?);
    let b_tid = tree.file(ef(&GBA_BOOTSTRAPPED, tree)?).and_then(|f| b_tid(&f.content)).unwrap_or_default();
    let mut new = [tlv(NAF_ID, naf), tlv(B_TID, b_tid)].concat();
    if record == 0 || new.len() > record {
        return None;
    }
    new.resize(record, 0xff);
    if file.content.chunks(record).any(|r| r == new) {
        return None;
    }
    // Whatever stood there of it goes: the transaction is another.
    let others = file.content.chunks(record).filter(|r| find(r, NAF_ID) != Some(naf));
    let mut all: Vec<u8> = core::iter::once(&new[..]).chain(others).flatten().copied().collect();
    all.resize(file.content.len(), 0xff);
    Some(Change::Replace(id, all))
}

/// The transaction's name in EF.GBABP: after the challenge, with its length before it.
fn b_tid(content: &[u8]) -> Option<&[u8]> {
    let mut reader = Reader(content);
    for last in [false, true] {
        let len = reader.u8()?;
        let value = reader.take(usize::from(len))?;
        if last {
            return Some(value);
        }
    }
    None
}
