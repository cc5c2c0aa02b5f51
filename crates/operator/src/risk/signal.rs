//! What a rule looks for in a timeline.

use crate::timeline::{Actor, Happened, Line};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use wire::UnixTime;

/// How long a notice may lie before it counts as not seen, in seconds.
const UNSEEN_AFTER: u64 = 3_600;

/// Something that is counted within a rule's window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Signal {
    /// Another card answers for the number.
    SimChanged,
    /// The card is in another phone.
    PhoneChanged,
    /// The card is in another country.
    CountryChanged,
    /// Two countries within the hour.
    ImpossibleJourney,
    /// One card in two phones at once.
    TwoPhones,
    /// Somebody failed to sign in.
    FailedSignIn,
    /// A device signed in for the first time.
    NewDevice,
    /// A resynchronisation, accepted or refused.
    Resync,
    /// A challenge or a response of another key.
    WrongKey,
    /// A card of the number was turned away.
    TurnedAway,
    /// A code came.
    Code,
    /// Codes came from this many senders.
    CodeSender,
    /// A key of the deed or a way of signing in was added or changed.
    KeyChanged,
    /// A desk asked for a change.
    AskedByDesk,
    /// The owner stopped or locked something.
    OwnerObjected,
    /// A notice that the owner has not seen for an hour.
    NoticeUnseen,
    /// The card did not answer, or a secret of it was wrong.
    CardSecret,
    /// The card's own alert, signed.
    CardAlert,
    /// Speaks for the owner: he said that he is travelling, and still is.
    Travelling,
    /// Speaks for the owner: the card itself signed an agreement.
    CardSigned,
    /// Speaks for the owner: a key kept elsewhere than in the phone signed an agreement.
    SignedElsewhere,
}

impl Signal {
    /// Whether it speaks for the owner: such a rule can only take caution away.
    pub const fn exculpates(self) -> bool {
        matches!(self, Self::Travelling | Self::CardSigned | Self::SignedElsewhere)
    }

    /// How often it is there among lines, oldest first, that were written until `now`, and when last.
    pub fn count(self, lines: &[Line], now: UnixTime) -> (u64, UnixTime) {
        match self {
            Self::CodeSender => {
                let senders: BTreeSet<&str> = lines.iter().filter_map(sender).collect();
                (senders.len() as u64, last(lines, |line| sender(line).is_some()))
            }
            Self::NoticeUnseen => unseen(lines, now),
            Self::Travelling => {
                let there =
                    |line: &Line| matches!(line.entry.what, Happened::Travelling { until } if until >= now);
                (u64::from(lines.iter().any(there)), last(lines, there))
            }
            _ => {
                let there = |line: &Line| self.is(line);
                (lines.iter().filter(|line| there(line)).count() as u64, last(lines, there))
            }
        }
    }

    /// Whether a line is one, for signals that are counted line by line.
    fn is(self, line: &Line) -> bool {
        use Happened as H;
        let actor = line.entry.actor;
        match (self, &line.entry.what) {
            (Self::SimChanged, H::Committed { change, .. }) => matches!(change, 1 | 13),
            (Self::KeyChanged, H::Committed { change: 5, .. } | H::SignInChanged { .. })
            | (Self::PhoneChanged, H::PhoneChanged { .. })
            | (Self::CountryChanged, H::CountryChanged { .. })
            | (Self::FailedSignIn, H::SignInFailed { .. })
            | (Self::NewDevice, H::NewDevice { .. })
            | (Self::Resync, H::Resynced { .. } | H::ResyncRefused { .. })
            | (Self::WrongKey, H::MacFailure { .. } | H::WrongResponse { .. })
            | (Self::TurnedAway, H::TurnedAway { .. })
            | (Self::Code, H::CodePosted { .. })
            | (Self::CardSecret, H::CardRefused { .. } | H::SecretFailed { .. })
            | (Self::CardAlert, H::CardAlert { .. }) => true,
            (Self::AskedByDesk, H::Requested { .. }) => actor == Actor::Desk,
            (Self::OwnerObjected, H::Vetoed { .. } | H::Held { .. } | H::Objected { .. }) => {
                actor == Actor::Owner
            }
            (Self::ImpossibleJourney, H::Alarmed { code }) => code == "impossible-journey",
            (Self::TwoPhones, H::Alarmed { code }) => code == "two-phones",
            (Self::CardSigned, H::Consented { from }) => from.split(", ").any(|from| from == "card"),
            (Self::SignedElsewhere, H::Consented { from }) => {
                from.split(", ").any(|from| from == "elsewhere")
            }
            _ => false,
        }
    }
}

fn last(lines: &[Line], there: impl Fn(&Line) -> bool) -> UnixTime {
    lines.iter().rev().find(|line| there(line)).map_or(UnixTime(0), |line| line.at)
}

fn sender(line: &Line) -> Option<&str> {
    match &line.entry.what {
        Happened::CodePosted { from } => Some(from),
        _ => None,
    }
}

/// Notices that lie for an hour, behind the last time that the owner saw any.
fn unseen(lines: &[Line], now: UnixTime) -> (u64, UnixTime) {
    let seen = lines.iter().rposition(|line| matches!(line.entry.what, Happened::NoticesSeen { .. }));
    let since = lines.get(seen.map_or(0, |seen| seen + 1)..).unwrap_or_default();
    let lies = |line: &Line| {
        matches!(line.entry.what, Happened::NoticeQueued { .. }) && now.since(line.at) >= UNSEEN_AFTER
    };
    (since.iter().filter(|line| lies(line)).count() as u64, last(since, lies))
}
