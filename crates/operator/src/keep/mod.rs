//! Number keeping (保号): what counts as use at an operator, when the next use is due, who must be told when, and when a
//! number may at last be given to somebody else.
//!
//! Pure: dates come in. What is not known is held to the worst that is: the shortest period, a paid act, no grace, the
//! earliest midnight on Earth.

pub mod alive;
pub mod clock;
pub mod due;
pub mod ledger;
pub mod money;
pub mod reclaim;
pub mod reminder;
pub mod rotation;
pub mod rule;

#[cfg(test)]
mod laws;

/// Values that a file holds as the text people write.
pub(crate) mod text {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};
    use std::fmt::Display;
    use std::str::FromStr;

    pub(crate) fn serialize<S: Serializer>(value: &impl Display, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(value)
    }

    pub(crate) fn deserialize<'de, D, T>(from: D) -> Result<T, D::Error>
    where
        D: Deserializer<'de>,
        T: FromStr<Err: Display>,
    {
        String::deserialize(from)?.parse().map_err(D::Error::custom)
    }
}
