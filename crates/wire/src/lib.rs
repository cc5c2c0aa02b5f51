//! Bytes ⇄ values of every standard Simward speaks. Any input, never a panic.
//!
//! Nothing here decides: a value that parses is well formed, not allowed.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod apdu;
pub mod envelope;
pub mod gateway;
pub mod id;
pub mod phonebook;
pub mod radio;
pub mod secured_packet;
pub mod sms;
pub mod time;
pub mod tlv;
pub mod toolkit;
pub mod vpcd;

pub use id::{Eid, Iccid, Imei, Imsi, Msisdn, Plmn};
pub use time::UnixTime;

/// These bytes are not the message they claim to be. Debug, count it, answer nothing that helps a thief.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("malformed {what}: {why}")]
pub struct Malformed {
    /// The message or field, in the standard's words.
    pub what: &'static str,
    /// What is wrong with it.
    pub why: &'static str,
}

impl Malformed {
    /// A `what` that fails because of `why`.
    pub const fn new(what: &'static str, why: &'static str) -> Self {
        Self { what, why }
    }
}
