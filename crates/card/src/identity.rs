//! GET IDENTITY (TS 31.102 §7.5): the subscriber's identity, concealed by the card itself, so that nobody between card and home
//! network ever has it.
//!
//! The home network's keys are in a file of the operator's. There is no answer that conceals nothing: where the file offers the
//! null scheme alone, the card gives none.

use crate::answer::Answer;
use crate::file::FileId;
use crate::key::KeyRef;
use crate::reference::{AD, IMSI, ROUTING_INDICATOR, SUCI_CALC_INFO, USIM};
use crate::rule::Condition;
use crate::session::Channel;
use crate::state::State;
use crate::tree::Tree;
use alloc::vec::Vec;
use keys::suci::{HomeKey, Scheme};
use rand_core::CryptoRng;
use wire::apdu::{Command, Status};
use wire::tlv::{find, objects, tlv};

/// P2: a SUCI, as it was asked for before and as it is asked for now.
const SUCI: [u8; 2] = [0x01, 0x81];
/// A SUCI for offload to a network of another kind; it comes later.
const SUCI_NSWO: [u8; 2] = [0x02, 0x82];
/// Tag of the answer.
const SUCI_OBJECT: u32 = 0xa1;
/// A SUCI of an IMSI (TS 24.501 §9.11.3.4).
const IMSI_CONCEALED: u8 = 0x01;

/// The SUCI, new each time, for whoever gave the PIN.
pub(crate) fn get_identity(
    command: &Command<'_>,
    state: &State,
    channel: &Channel,
    rng: &mut impl CryptoRng,
) -> Result<Answer<'static>, Status> {
    if command.p1 != 0 || !SUCI.contains(&command.p2) && !SUCI_NSWO.contains(&command.p2) {
        return Err(Status::WRONG_P1_P2);
    }
    if SUCI_NSWO.contains(&command.p2) {
        return Err(Status::REFERENCE_NOT_FOUND);
    }
    if !command.data.is_empty() {
        return Err(Status::WRONG_LENGTH);
    }
    if !channel.application.is_some_and(|id| state.tree.is_application(id, USIM)) {
        return Err(Status::CONDITIONS_NOT_SATISFIED);
    }
    if !channel.allows(Condition::key(KeyRef::PIN1), state) {
        return Err(Status::SECURITY_NOT_SATISFIED);
    }
    let info = content(&SUCI_CALC_INFO, &state.tree).ok_or(Status::FUNCTION_NOT_SUPPORTED)?;
    let suci = conceal(info, &state.tree, rng).ok_or(Status::CONDITIONS_NOT_SATISFIED)?;
    Ok(Answer::Held(tlv(SUCI_OBJECT, &suci)))
}

fn content<'s>(path: &[u16], tree: &'s Tree) -> Option<&'s [u8]> {
    let id: FileId = tree.at(Some(USIM), path)?;
    Some(&tree.file(id).filter(|_| tree.usable(id))?.content)
}

/// The first scheme of the operator's list that conceals, with its key: number of the scheme, number of the key, the key
/// (TS 31.102 §4.4.11.8).
fn scheme(info: &[u8]) -> Option<(u8, u8, HomeKey)> {
    let keys: Vec<_> = objects(find(info, 0xa1)?).map_while(Result::ok).collect();
    let keyed = |index: u8| {
        let place = usize::from(index).checked_sub(1)? * 2;
        match (keys.get(place)?, keys.get(place + 1)?) {
            (id, key) if id.tag == 0x80 && key.tag == 0x81 => match id.value {
                [id] => Some((*id, key.value)),
                _ => None,
            },
            _ => None,
        }
    };
    let (schemes, _) = find(info, 0xa0)?.as_chunks::<2>();
    schemes.iter().find_map(|[number, index]| {
        let (id, key) = keyed(*index)?;
        Some((*number, id, HomeKey::new(Scheme::from_u8(*number)?, key).ok()?))
    })
}

/// The SUCI from its fourth octet on (TS 24.501 §9.11.3.4).
fn conceal(info: &[u8], tree: &Tree, rng: &mut impl CryptoRng) -> Option<Vec<u8>> {
    let (number, id, key) = scheme(info)?;
    let [_, imsi @ ..] = content(&[IMSI], tree)? else { return None };
    let halves = imsi.iter().flat_map(|b| [b & 0x0f, b >> 4]).skip(1);
    let digits: Vec<u8> = halves.take_while(|d| *d < 10).collect();
    let mnc_len = match content(&[AD], tree)?.get(3)? {
        2 => 2,
        3 => 3,
        _ => return None,
    };
    let (plmn, msin) = digits.split_at_checked(3 + mnc_len)?;
    let [mcc1, mcc2, mcc3, mnc1, mnc2, rest @ ..] = plmn else { return None };
    let mnc3 = rest.first().copied().unwrap_or(0x0f);
    let [r1, r2, ..] = content(&ROUTING_INDICATOR, tree)? else { return None };
    let msin: Vec<u8> = msin
        .chunks(2)
        .filter_map(|pair| Some(pair.first()? | pair.get(1).copied().unwrap_or(0x0f) << 4))
        .collect();
    let output = key.conceal(&msin, rng).ok()?;
    let head = [IMSI_CONCEALED, mcc2 << 4 | mcc1, mnc3 << 4 | mcc3, mnc2 << 4 | mnc1, *r1, *r2, number, id];
    Some([&head[..], &output].concat())
}
