//! What a command comes to, before T=0 gets hold of it.

use alloc::vec::Vec;

/// The answer of a command that was carried out.
pub(crate) enum Answer {
    /// 9000.
    Done,
    /// Data that the command's Le asked for, of exactly that length.
    Data(Vec<u8>),
    /// Data of a command that also carried some: over T=0 it waits for GET RESPONSE (TS 102 221 §7.3.1.1.4).
    Held(Vec<u8>),
}
