//! File control parameters: what SELECT and STATUS say of a file (TS 102 221 §11.1.1.3).

use crate::credential::Asked;
use crate::file::{FileId, Kind, RuleRef, Structure};
use crate::key::KeyRef;
use crate::session::Chosen;
use crate::state::State;
use alloc::vec::Vec;
use wire::tlv::{put, tlv};

/// Data coding byte: proprietary (§11.1.1.4.3).
const DATA_CODING: u8 = 0x21;
/// File descriptor bytes: shareable, and the structure (table 11.5).
const DIRECTORY: u8 = 0x78;
pub(crate) const TRANSPARENT: u8 = 0x41;
pub(crate) const LINEAR: u8 = 0x42;
pub(crate) const CYCLIC: u8 = 0x46;
pub(crate) const OBJECTS: u8 = 0x79;

/// Of a directory; `None` if there is none by this number.
pub(crate) fn dir(id: FileId, state: &State) -> Option<Vec<u8>> {
    let file = state.tree.file(id).filter(|f| f.is_dir())?;
    let mut fcp = Vec::new();
    put(&mut fcp, 0x82, &[DIRECTORY, DATA_CODING]);
    put(&mut fcp, 0x83, &file.fid.to_be_bytes());
    if let Kind::Application(name) = &file.kind {
        put(&mut fcp, 0x84, name);
    }
    if id == FileId::MF {
        // UICC characteristics: the clock may stop at either level, all voltages; octets free for new files; the card
        // knows TERMINAL CAPABILITY.
        let mut proprietary = tlv(0x80, &[0x71]);
        put(&mut proprietary, 0x83, &octets::<4>(state.tree.free()));
        put(&mut proprietary, 0x87, &[0x01]);
        put(&mut fcp, 0xa5, &proprietary);
    }
    put(&mut fcp, 0x8a, &[file.life as u8]);
    put(&mut fcp, 0x8b, &rule(file.rule));
    put(&mut fcp, 0x81, &octets::<2>(state.tree.total(id)));
    put(&mut fcp, 0xc6, &pin_status(state));
    Some(tlv(0x62, &fcp))
}

/// Of an EF, under the identifier it was chosen by; `None` if there is none by this number.
pub(crate) fn ef(chosen: Chosen, state: &State) -> Option<Vec<u8>> {
    let file = state.tree.file(chosen.file)?;
    let size = file.content.len();
    let mut fcp = Vec::new();
    match file.structure()? {
        Structure::Transparent => put(&mut fcp, 0x82, &[TRANSPARENT, DATA_CODING]),
        Structure::Linear(len) => put(&mut fcp, 0x82, &[LINEAR, DATA_CODING, 0, len, records(size, len)]),
        Structure::Cyclic(len) => put(&mut fcp, 0x82, &[CYCLIC, DATA_CODING, 0, len, records(size, len)]),
        Structure::Objects(_) => put(&mut fcp, 0x82, &[OBJECTS, DATA_CODING]),
    }
    put(&mut fcp, 0x83, &chosen.fid.to_be_bytes());
    if let Structure::Objects(most) = file.structure()? {
        // Reserved and maximum size (§11.1.1.4.6.6).
        let mut proprietary = tlv(0x85, &most.to_be_bytes());
        put(&mut proprietary, 0x86, &most.to_be_bytes());
        put(&mut fcp, 0xa5, &proprietary);
    }
    put(&mut fcp, 0x8a, &[file.life as u8]);
    put(&mut fcp, 0x8b, &rule(file.rule));
    put(&mut fcp, 0x80, &octets::<2>(size));
    put(&mut fcp, 0x81, &octets::<2>(size));
    // In the upper five bits; empty where there is none, for without the object it would be taken from the file
    // identifier (§11.1.1.4.8).
    match file.sfi {
        0 => put(&mut fcp, 0x88, &[]),
        sfi => put(&mut fcp, 0x88, &[sfi << 3]),
    }
    put(&mut fcp, 0xc6, &pin_status(state));
    Some(tlv(0x62, &fcp))
}

fn records(size: usize, len: u8) -> u8 {
    u8::try_from(size / usize::from(len.max(1))).unwrap_or(u8::MAX)
}

/// The last octets of a number. Nothing on a card is counted beyond them.
fn octets<const N: usize>(number: usize) -> [u8; N] {
    number.to_be_bytes().last_chunk().copied().unwrap_or([0xff; N])
}

/// The rule by reference to a record of EF.ARR (§11.1.1.4.7.3).
fn rule(rule: RuleRef) -> [u8; 3] {
    let [high, low] = rule.arr.to_be_bytes();
    [high, low, rule.record]
}

/// Which codes there are and which of them are asked for (§11.1.1.4.10): a bit each from the highest down, then
/// their key references. Of the administrative codes the first.
fn pin_status(state: &State) -> Vec<u8> {
    let mut status = 0;
    let mut keys = Vec::new();
    for (place, credential) in state.credentials().iter().take(8).enumerate() {
        if credential.asked == Asked::Yes {
            status |= 0x80 >> place;
        }
        // The universal PIN: whether it is asked for in another's place (§9.5.2).
        if credential.key == KeyRef::UNIVERSAL {
            put(&mut keys, 0x95, &[if state.replaces() { 0x08 } else { 0x00 }]);
        }
        put(&mut keys, 0x83, &[credential.key.octet()]);
    }
    let mut out = tlv(0x90, &[status]);
    out.extend_from_slice(&keys);
    out
}
