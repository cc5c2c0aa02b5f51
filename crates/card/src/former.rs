//! Cards written by the first version: what they held, in the form of this one.
//!
//! A card has the files it was made with. What came later, the SIM's class among it, does not come to be at an opening:
//! that would be a change that nobody made.

use crate::change::Change;
use crate::codec::Reader;
use crate::credential::{Asked, Check, Credential, Kept, Which};
use crate::file::FileId;
use crate::key::KeyRef;
use crate::ota::Ota;
use crate::reference;
use crate::sqn::SqnArray;
use crate::state::{Extras, State};
use crate::tree::Tree;
use crate::vault::{Held, Secrets, Vault};
use alloc::vec::Vec;
use keys::Secret;
use keys::agree::AgreeKey;
use keys::aka::AkaKeys;
use keys::milenage::Sqn;
use keys::seal::subkey;
use keys::sign::Es256Key;

/// First octet of its snapshots.
pub(crate) const FORMAT: u8 = 1;

/// Its files: the number it gave them, the application they are in, and their path from there or from the MF.
const FILES: &[(u8, bool, &[u16])] = &[
    (1, false, &[0x2fe2]),
    (2, false, &[0x2f00]),
    (3, false, &[0x2f05]),
    (4, false, &[0x2f06]),
    (5, false, &[0x2f1d]),
    (10, true, &[0x6f05]),
    (11, true, &[0x6f06]),
    (12, true, &[0x6f07]),
    (13, true, &[0x6f08]),
    (14, true, &[0x6f09]),
    (15, true, &[0x6f31]),
    (16, true, &[0x6f38]),
    (17, true, &[0x6f5b]),
    (18, true, &[0x6f5c]),
    (19, true, &[0x6f73]),
    (20, true, &[0x6f78]),
    (21, true, &[0x6f7b]),
    (22, true, &[0x6f7e]),
    (23, true, &[0x6fad]),
    (24, true, &[0x6fb7]),
    (25, true, &[0x6fc4]),
    (26, true, &[0x6fe3]),
    (27, true, &[0x6fe4]),
    (28, true, &[0x6f40]),
    (29, true, &[0x6f3c]),
    (30, true, &[0x6f42]),
    (31, true, &[0x6f43]),
    (32, true, &[0x6f46]),
    (40, true, &[0x5f3b, 0x4f20]),
    (41, true, &[0x5f3b, 0x4f52]),
    (50, false, &[0x7f10, 0x6f3a]),
];

/// Its codes: PIN, PUK and administrative code 1, in this order.
const CODES: [Which; 3] =
    [Which::Code(KeyRef::PIN1), Which::Unblock(KeyRef::PIN1), Which::Code(KeyRef::ADM1)];

/// Among its files, what was none.
const OTA: u8 = 255;
const CARD_KEY: u8 = 254;
const AGREE_KEY: u8 = 253;

/// Its whole state, after the octet of the format. Its codes open nothing: the device key alone does, as before.
pub(crate) fn state(reader: &mut Reader<'_>, pepper: &Secret<[u8; 32]>) -> Option<State> {
    let aka = AkaKeys::Milenage { k: Secret::new(reader.array()?), opc: Secret::new(reader.array()?) };
    let credentials = credentials(reader)?;
    let sqn = SqnArray::read(reader)?;
    let (mut ota, mut card_key, mut agree_key) = (None, None, None);
    let mut files = Vec::new();
    while !reader.is_empty() {
        let (what, value) = (reader.u8()?, reader.string()?);
        match what {
            CARD_KEY => card_key = Some(Es256Key::from_scalar(&Secret::new(Reader(value).array()?))?),
            AGREE_KEY => agree_key = Some(AgreeKey::from_scalar(&Secret::new(Reader(value).array()?))?),
            OTA => ota = Some(Ota::read(&mut Reader(value))?),
            number => files.push((number, value)),
        }
    }
    // The same at every opening, until the card is written in today's form: one key, one plaintext.
    let key = subkey(pepper, b"", b"simward.card.former.1");
    let agree_public = agree_key.as_ref().map(AgreeKey::public);
    let vault = Vault::seal(&Secrets::new(key.clone(), aka, card_key, agree_key));
    let held = Some(Held::former(pepper, &key));
    Some(State::from_parts(
        vault,
        held,
        credentials,
        sqn,
        true,
        tree(&files),
        Extras { agree_public, ota, ..Extras::default() },
    ))
}

/// Its three codes, as they stood in a snapshot.
fn credentials(reader: &mut Reader<'_>) -> Option<Vec<Credential>> {
    let mut next = || {
        let kept = Kept { check: Check::read_former(reader)?, left: reader.u8()? };
        Some((kept, if reader.u8()? == 0 { Asked::No } else { Asked::Yes }))
    };
    let ((pin, asked), (puk, _), (adm, _)) = (next()?, next()?, next()?);
    Some(Vec::from([
        Credential { key: KeyRef::PIN1, code: pin, unblock: Some(puk), asked },
        Credential { key: KeyRef::ADM1, code: adm, unblock: None, asked: Asked::Yes },
    ]))
}

/// Its files, from their numbers and what was in them.
fn tree(files: &[(u8, &[u8])]) -> Tree {
    reference::former(|application, path| {
        let (number, ..) = FILES.iter().find(|(_, a, p)| *a == application && *p == path)?;
        files.iter().find(|(n, _)| n == number).map(|(_, content)| content.to_vec())
    })
}

fn file(number: u8, tree: &Tree) -> Option<FileId> {
    let (_, application, path) = FILES.iter().find(|(n, ..)| *n == number)?;
    tree.at(application.then_some(reference::USIM), path)
}

fn code(number: u8) -> Option<Which> {
    CODES.get(usize::from(number)).copied()
}

/// The changes in one of its records.
pub(crate) fn changes(record: &[u8], tree: &Tree) -> Option<Vec<Change>> {
    let mut reader = Reader(record);
    let mut out = Vec::new();
    while !reader.is_empty() {
        out.push(match reader.u8()? {
            1 => Change::Tries(code(reader.u8()?)?, reader.u8()?),
            2 => Change::Code(code(reader.u8()?)?, Check::read_former(&mut reader)?),
            3 => Change::Asked(KeyRef::PIN1, if reader.u8()? == 0 { Asked::No } else { Asked::Yes }),
            4 => Change::Sqn(Sqn::new(reader.u64()?)?),
            5 => Change::Write(file(reader.u8()?, tree)?, reader.u16()?, reader.string()?.to_vec()),
            6 => Change::OtaTries(reader.u8()?),
            7 => Change::OtaCounter(reader.u64()?),
            _ => return None,
        });
    }
    Some(out)
}
