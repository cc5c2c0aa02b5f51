//! A UICC with a USIM: APDU in, APDU out. Every write survives a power cut at any byte.
//!
//! [`Card`] keeps its state in a sealed log over two traits that its host gives: a [`medium::Medium`] of two
//! append-only banks and an [`medium::Anchor`], a number that only grows. It has no clock, no network and no
//! randomness of its own, and from no input does it panic.
//!
//! The order in which a secret is defended is the order of the code: a PIN try is spent in the store before the
//! PIN is compared, and a sequence number is stored before its response is released.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod administer;
mod agree;
mod answer;
mod authenticate;
mod binary;
mod card;
mod change;
mod channels;
mod code;
mod codec;
mod content;
mod credential;
mod current;
mod dispatch;
mod fcp;
mod file;
mod former;
mod gba;
mod gsm;
mod identity;
mod iot_safe;
mod key;
mod lifecycle;
mod log;
pub mod medium;
mod objects;
mod ota;
mod owner_key;
mod pin;
mod plain;
mod profile;
mod protocol;
mod record;
mod reference;
mod rule;
mod select;
mod self_test;
mod session;
mod sign;
mod sqn;
mod state;
mod suspend;
mod toolkit;
mod tree;
mod vault;

pub use card::{Card, Common, OpenError};
pub use code::Code;
pub use key::KeyRef;
pub use log::Lock;
pub use profile::{Concealment, MncLength, Pin, Profile, RoutingIndicator};
pub use protocol::Protocol;
pub use self_test::{SelfTestFailed, self_test};
