//! The single defences that the demo's attacks run into, by name.
//!
//! Each attack has a twin test in which its one defence is switched off and the attack succeeds: so that nobody can
//! believe an attack is refused for another reason than the one given. Only a build with the feature `danger_switches`
//! can switch anything; in every other build [`stands`] is `true` and costs nothing.

/// A defence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub enum Defence {
    /// Only a desk asks on somebody's behalf.
    DeskToken,
    /// A desk's consent is no place.
    DesksAreNoPlace,
    /// `resolve` reads pins.
    ResolveFromPins,
    /// The enforcement point keeps K itself.
    PinsKeepKeys,
    /// A passkey's challenge is the statement.
    ChallengeIsTheStatement,
    /// An objection voids what was signed before it.
    ObjectionsVoid,
    /// A factor's statement works once.
    StatementsWorkOnce,
    /// An objection handed in directly stops a commit.
    ObjectionsStop,
    /// An objection after the closing is told that it is too late.
    ClosingDecides,
    /// A node follows the log to its newest leaf before it serves.
    ReplayOnStart,
    /// A node asks the witnesses how large the log is.
    WitnessesRemember,
    /// An exported history's events are looked for in the log.
    HistoryIsLogged,
    /// A factor signs over what it has seen, not over the newest event.
    SeenNotNewest,
    /// A passkey that may be synced is in the phone.
    SyncedIsInThePhone,
    /// A wait is over when a whole quorum says so, not when its fastest clock does.
    QuorumSaysReady,
    /// A quorum leaves no room for two views of the log.
    QuorumsShareAWitness,
    /// A new factor grows up from its request's expiry on, not from the moment at which the wait was over.
    BornAtExpiry,
    /// Going back to the card before is a change like any other.
    UndoingWaits,
    /// A row of the database that differs is an alarm, and darkens no line.
    RowsDarkenNothing,
}

/// Whether a defence stands.
#[cfg(not(feature = "danger_switches"))]
#[inline(always)]
pub const fn stands(_: Defence) -> bool {
    true
}

#[cfg(feature = "danger_switches")]
pub use switches::{danger_all_on, danger_switch_off, stands};

#[cfg(feature = "danger_switches")]
mod switches {
    use super::Defence;
    use core::sync::atomic::{AtomicU32, Ordering};

    static OFF: AtomicU32 = AtomicU32::new(0);

    /// Whether a defence stands.
    pub fn stands(defence: Defence) -> bool {
        OFF.load(Ordering::SeqCst) & 1 << defence as u32 == 0
    }

    /// Takes one defence away, in the whole process.
    pub fn danger_switch_off(defence: Defence) {
        OFF.fetch_or(1 << defence as u32, Ordering::SeqCst);
    }

    /// Puts all of them back.
    pub fn danger_all_on() {
        OFF.store(0, Ordering::SeqCst);
    }
}
