//! Every cryptographic computation of Simward, and the only code that opens a secret.
//!
//! A [`Secret`] has no printable form, is wiped on drop, compares in constant time and can be read by this
//! crate alone: the others hold it, pass it on and hand it back.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod agree;
pub mod aka;
pub mod digest;
pub mod gba;
pub mod hpke;
pub mod kdf;
pub mod milenage;
pub mod ota;
pub mod paper;
pub mod seal;
pub mod secret;
pub mod sign;
pub mod subscriber;
pub mod suci;
pub mod tuak;
pub mod xor;

pub use secret::Secret;
