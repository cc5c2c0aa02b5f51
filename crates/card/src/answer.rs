//! What a command comes to, before the transmission protocol gets hold of it.

use alloc::vec::Vec;
use wire::apdu::Status;
use zeroize::Zeroize as _;

/// The answer of a command that was carried out.
pub(crate) enum Answer<'a> {
    /// 9000.
    Done,
    /// Data of which a part may be asked for: what lies in a file from an offset on.
    Part(&'a [u8]),
    /// Data that is asked for as a whole or not at all: a record.
    Whole(&'a [u8]),
    /// The same, made for this answer.
    Made(Vec<u8>),
    /// Data of a command that also carried some: over T=0 it waits for GET RESPONSE (TS 102 221 §7.3.1.1.4).
    Held(Vec<u8>),
    /// Such data with a warning.
    Warned(Vec<u8>, Status),
}

/// What was made may be keys.
impl Drop for Answer<'_> {
    fn drop(&mut self) {
        match self {
            Self::Made(data) | Self::Held(data) | Self::Warned(data, _) => data.zeroize(),
            Self::Done | Self::Part(_) | Self::Whole(_) => {}
        }
    }
}
