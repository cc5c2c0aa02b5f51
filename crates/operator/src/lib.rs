//! The decisions of an operator. Each is pure: from facts and a command to changes and a reply.
//!
//! `decide(&Facts, Command, now, rng) -> Result<(Changes, Reply), Refusal>` — no socket, no file, no clock. What must be
//! stored is written to a [`store::Store`] by whoever called, before anybody is answered.
//!
//! [`auc`] and [`pins`] are the enforcement point, with a store and keys of their own; [`consent`] and [`log`] are the
//! rest of the operator, whom the enforcement point does not believe.
#![forbid(unsafe_code)]

pub mod alarm;
pub mod auc;
pub mod consent;
pub mod cosigner;
pub mod keep;
pub mod link;
pub mod log;
pub mod message;
pub mod ota;
pub mod password;
pub mod pins;
pub mod presence;
pub mod risk;
pub mod store;
pub mod timeline;
pub mod witness;

mod refusal;

pub use refusal::Refusal;
