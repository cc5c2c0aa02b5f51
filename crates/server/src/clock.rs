//! Where time comes from. Below this crate it is an argument.

use std::time::{SystemTime, UNIX_EPOCH};
use wire::UnixTime;

/// A clock.
pub trait Clock: Send + Sync {
    /// The time.
    fn now(&self) -> UnixTime;
}

/// The machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> UnixTime {
        // Before 1970 there are no numbers to protect.
        UnixTime(SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs()))
    }
}
