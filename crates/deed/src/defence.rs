//! The single defences that the demo's attacks run into, by name.
//!
//! Each attack has a twin test in which its one defence is switched off and the attack succeeds: so that nobody can
//! believe an attack is refused for another reason than the one given. Only a build with the feature `danger_switches`
//! can switch anything; in every other build [`stands`] is `true` and costs nothing.

/// A defence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u64)]
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
    /// No class without at least one factor, whatever desks agree and however long they wait.
    NoClassWithoutAFactor,
    /// A lock forbids its kind of change.
    LocksHold,
    /// No port-out in the week after a change of SIM.
    NoPortAfterMove,
    /// One place alone waits, so that the other has time to say no.
    OnePlaceWaits,
    /// While a line is suspended the phone alone is worth nothing.
    PhoneAloneResumesNothing,
    /// Desks that give a number up wait for its owner's word.
    AbandonedWaits,
    /// A closed number rests before it is issued again.
    FreezeBeforeReissue,
    /// A ported number's keys count as one place at first.
    Probation,
    /// Each key of a first event shows that somebody has it.
    FirstKeysProve,
    /// A statement names the deed that it is about.
    StatementsNameTheirDeed,
    /// What a signer has seen is an event of this very deed.
    SeenIsOurs,
    /// A signature is by the key that the factor's name is the digest of.
    KeyOfTheFactor,
    /// A passkey's answer was given on a page of ours.
    OriginIsOurs,
    /// And not in somebody else's frame.
    NoForeignFrame,
    /// The tag of a first event is keyed.
    TagsAreKeyed,
    /// A place that a request overrides does not stop it.
    OverIsOver,
    /// An owner's request ends one of a lower rank.
    OwnersOutrank,
    /// Trusted people speak together.
    PeopleSpeakTogether,
    /// Failures are counted, and no later success wipes them out.
    FailuresCount,
    /// A sealed row opens under its own name alone.
    RowsKnowTheirName,
    /// A channel that was removed hears everything for thirty days.
    OldChannelsHear,
    /// In safe mode the payer's channels hear nothing.
    SafeMode,
    /// Safe mode leaves two channels that hear.
    SafeModeLeavesTwo,
    /// Days count as they are seen, one by one.
    DaysAreSeen,
    /// Nothing is frozen before notices have arrived by two kinds of channel.
    NoticesArrive,
    /// A notice that failed is sent again.
    FailedIsTriedAgain,
    /// A clock that runs is told of at every step.
    StepsAreTold,
    /// A desk issues and invites so often a day and no more.
    LinesAreCapped,
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
    use core::sync::atomic::{AtomicU64, Ordering};

    static OFF: AtomicU64 = AtomicU64::new(0);

    /// Whether a defence stands.
    pub fn stands(defence: Defence) -> bool {
        OFF.load(Ordering::SeqCst) & 1 << defence as u64 == 0
    }

    /// Takes one defence away, in the whole process.
    pub fn danger_switch_off(defence: Defence) {
        OFF.fetch_or(1 << defence as u64, Ordering::SeqCst);
    }

    /// Puts all of them back.
    pub fn danger_all_on() {
        OFF.store(0, Ordering::SeqCst);
    }
}
