//! Caution: what a number's timeline says against letting things go as fast as the deed lets them.
//!
//! It is never the gate. Of all lines that change their SIM in a year nearly all do so rightly; a score that refused would
//! refuse owners. So a [`Caution`] can make codes wait and a change wait longer, each within bounds that stand here, and
//! nothing else: it has no word for "allowed" and none for "refused", and only takes the later of two times.

mod approval;
mod backtest;
mod caution;
mod rules;
mod signal;

pub use approval::{Approval, Approved, message};
pub use backtest::{Backtest, Fired, HeldNumber};
pub use caution::{
    Aside, Caution, HOLD_EVERY, HOLD_MOST, Hold, LOOKED_BACK, MARGIN, Reason, WAIT_MOST, weigh,
};
pub use rules::{Rule, RuleSet, Step};
pub use signal::Signal;
