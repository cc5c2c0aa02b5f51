//! Who may move a number: the deed, format 1.
//!
//! A deed is an append-only chain of signed events. This crate answers one question, purely: *is this a legal
//! continuation of that history?* It reads no clock, opens no file and holds no key; `docs/deed.md` says in words
//! what it says in code.
//!
//! Read it in this order: [`cbor`] and [`record`] (what the bytes are), [`event`] (what is signed and hashed),
//! [`state`] and [`rules`] (who may add what), [`wait`] (when a request may commit), [`pin`] (what the
//! authentication centre remembers), and [`log`] (what everybody can watch).
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod cbor;
pub mod class;
pub mod defence;
pub mod event;
pub mod history;
pub mod intent;
pub mod log;
pub mod manifest;
pub mod objection;
pub mod pin;
pub mod proven;
pub mod record;
pub mod rules;
pub mod signer;
pub mod state;
pub mod verify;
pub mod wait;
pub mod webauthn;

mod hash;
mod reason;

pub use hash::{Digest, roll_tag, tag};
pub use reason::{Reason, Refusal};
pub use state::State;
pub use verify::verify;

/// The format this crate reads and writes. Nothing is negotiated.
pub const FORMAT: u64 = 1;
