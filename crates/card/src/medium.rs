//! What a card writes on: two append-only banks and a number that only grows.
//!
//! A host gives them as files, a chip as flash pages and a monotonic counter, a test as a medium that dies at any
//! byte.

use alloc::vec::Vec;

/// The medium or the anchor did not do what it was asked: full, worn out, read-only, gone. The card answers 6581
/// and grants nothing; the host, which knows the cause, logs it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the card's memory could not be read or written; see the host's log for the cause")]
pub struct Fault;

/// One of the two banks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bank {
    /// The first.
    A,
    /// The second.
    B,
}

impl Bank {
    /// The one that is not this one.
    pub const fn other(self) -> Self {
        match self {
            Self::A => Self::B,
            Self::B => Self::A,
        }
    }
}

/// Two append-only banks.
///
/// Nothing is assumed of a power cut but this: what was synced before it stays. What was appended since may be
/// there in whole, in part or not at all, and a bank whose erasure was cut may hold anything.
pub trait Medium {
    /// All that was appended since the last erasure.
    fn read(&self, bank: Bank) -> Result<Vec<u8>, Fault>;
    /// Adds `bytes` at the end. After an error any part of them may have been added.
    fn append(&mut self, bank: Bank, bytes: &[u8]) -> Result<(), Fault>;
    /// Returns once all that was appended to the bank will survive a power cut.
    fn sync(&mut self, bank: Bank) -> Result<(), Fault>;
    /// Empties the bank, durably.
    fn erase(&mut self, bank: Bank) -> Result<(), Fault>;
}

/// A number that only grows, outside the banks: what tells an old copy of them from the newest.
pub trait Anchor {
    /// The number.
    fn value(&self) -> Result<u64, Fault>;
    /// Raises the number to `to`, durably; asked for less than it is, leaves it. After an error it may or may not
    /// have been raised.
    fn advance(&mut self, to: u64) -> Result<(), Fault>;
}

/// Banks in memory, for cards that live in a test or a demo. A clone is a copied card.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Memory {
    a: Vec<u8>,
    b: Vec<u8>,
}

impl Memory {
    /// Two empty banks.
    pub const fn new() -> Self {
        Self { a: Vec::new(), b: Vec::new() }
    }

    /// The bytes of a bank, to damage them as an attacker would.
    pub const fn bank_mut(&mut self, bank: Bank) -> &mut Vec<u8> {
        match bank {
            Bank::A => &mut self.a,
            Bank::B => &mut self.b,
        }
    }

    const fn bank(&self, bank: Bank) -> &Vec<u8> {
        match bank {
            Bank::A => &self.a,
            Bank::B => &self.b,
        }
    }
}

impl Medium for Memory {
    fn read(&self, bank: Bank) -> Result<Vec<u8>, Fault> {
        Ok(self.bank(bank).clone())
    }

    fn append(&mut self, bank: Bank, bytes: &[u8]) -> Result<(), Fault> {
        self.bank_mut(bank).extend_from_slice(bytes);
        Ok(())
    }

    fn sync(&mut self, _bank: Bank) -> Result<(), Fault> {
        Ok(())
    }

    fn erase(&mut self, bank: Bank) -> Result<(), Fault> {
        self.bank_mut(bank).clear();
        Ok(())
    }
}

/// An anchor in memory.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counter(pub u64);

impl Anchor for Counter {
    fn value(&self) -> Result<u64, Fault> {
        Ok(self.0)
    }

    fn advance(&mut self, to: u64) -> Result<(), Fault> {
        self.0 = self.0.max(to);
        Ok(())
    }
}
