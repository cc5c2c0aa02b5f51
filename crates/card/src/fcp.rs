//! File control parameters: what SELECT and STATUS say of a file (TS 102 221 §11.1.1.3).

use crate::credential::Which;
use crate::files::{Dir, Entry, Rule, Shape, USIM_AID};
use crate::state::State;
use alloc::vec::Vec;
use wire::tlv::{put, tlv};

/// Data coding byte: proprietary (§11.1.1.4.3).
const DATA_CODING: u8 = 0x21;
/// Operational, activated (§11.1.1.4.9).
const ACTIVATED: u8 = 0x05;

/// Of a directory.
pub(crate) fn dir(dir: Dir, state: &State) -> Vec<u8> {
    let mut fcp = Vec::new();
    put(&mut fcp, 0x82, &[0x78, DATA_CODING]);
    put(&mut fcp, 0x83, &dir.fid().to_be_bytes());
    match dir {
        Dir::Mf => {
            // UICC characteristics: the clock may stop at either level, all voltages; no memory for new files.
            let mut proprietary = tlv(0x80, &[0x71]);
            put(&mut proprietary, 0x83, &[0; 4]);
            put(&mut fcp, 0xa5, &proprietary);
        }
        Dir::Usim => put(&mut fcp, 0x84, &USIM_AID),
        Dir::Telecom | Dir::GsmAccess => {}
    }
    put(&mut fcp, 0x8a, &[ACTIVATED]);
    put(&mut fcp, 0x8b, &rule(dir.parent().arr(), Rule::Directory));
    put(&mut fcp, 0xc6, &pin_status(state));
    tlv(0x62, &fcp)
}

/// Of an EF with this much content.
pub(crate) fn ef(entry: &Entry, size: usize, state: &State) -> Vec<u8> {
    let size = u16::try_from(size).unwrap_or(u16::MAX);
    let mut fcp = Vec::new();
    match entry.shape {
        Shape::Transparent => put(&mut fcp, 0x82, &[0x41, DATA_CODING]),
        Shape::Linear(len) => {
            let records = u8::try_from(size / u16::from(len.max(1))).unwrap_or(u8::MAX);
            put(&mut fcp, 0x82, &[0x42, DATA_CODING, 0, len, records]);
        }
    }
    put(&mut fcp, 0x83, &entry.fid.to_be_bytes());
    put(&mut fcp, 0x8a, &[ACTIVATED]);
    put(&mut fcp, 0x8b, &rule(entry.dir.arr(), entry.rule));
    put(&mut fcp, 0x80, &size.to_be_bytes());
    // In the upper five bits; empty where there is none, for without the object it would be taken from the file
    // identifier (§11.1.1.4.8).
    match entry.sfi {
        0 => put(&mut fcp, 0x88, &[]),
        sfi => put(&mut fcp, 0x88, &[sfi << 3]),
    }
    put(&mut fcp, 0xc6, &pin_status(state));
    tlv(0x62, &fcp)
}

/// The rule by reference to a record of EF.ARR (§11.1.1.4.7.3).
fn rule(arr: u16, rule: Rule) -> [u8; 3] {
    let [high, low] = arr.to_be_bytes();
    [high, low, rule as u8]
}

/// Which codes there are and which of them are asked for (§11.1.1.4.10): a bit each from the highest down, then
/// their key references.
fn pin_status(state: &State) -> Vec<u8> {
    let pin = if state.credential(Which::Pin).enabled { 0x80 } else { 0 };
    let adm = if state.credential(Which::Adm).enabled { 0x40 } else { 0 };
    let mut out = tlv(0x90, &[pin | adm]);
    put(&mut out, 0x83, &[0x01]);
    put(&mut out, 0x83, &[0x0a]);
    out
}
