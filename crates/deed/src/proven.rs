//! What a verified proof says: who has signed. Made by [`mod@crate::verify`], weighed by the rules.

use crate::manifest::Role;
use crate::record::FactorId;

/// Who a verified proof is by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Signer {
    /// A factor of the deed; its passkey counter as signed.
    Factor {
        /// Which.
        id: FactorId,
        /// The new counter.
        counter: u32,
        /// Whether the counter went forward as it must.
        fresh_counter: bool,
    },
    /// A factor that this very event introduces: proof of possession, nothing else.
    Introduced {
        /// Which.
        id: FactorId,
        /// Its counter.
        counter: u32,
    },
    /// A role of the operator.
    Role(Role),
    /// The sleeping card that this intent would wake.
    SleepingCard,
}
