//! What it acknowledges survives, all or nothing. It decides nothing.
//!
//! [`Memory`] is the model; [`Sqlite`] is the embedded engine. One conformance suite holds both to the same answers.
#![forbid(unsafe_code)]

mod memory;
mod sqlite;

pub use memory::Memory;
pub use sqlite::Sqlite;
