//! End-to-end encryption between two cards: a key for each message, a key for each frame of a call, each used once.
//!
//! What two cards agree on comes from keys that were made inside them ([`keys::agree::Agree`]); neither the subscriber's key
//! K nor anything an operator has is part of it. Whose key it is says the deed: a card signs its talking key with the
//! key that the number's deed names ([`identity`]).
//!
//! Where it ends: a message is sealed for a key that stays. Who takes the receiving card *and* its PIN later, and recorded
//! the messages, reads them; a call is safe from that ([`call`]).
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod call;
pub mod identity;
pub mod message;
mod packet;

pub use packet::{Inbox, TalkError};
