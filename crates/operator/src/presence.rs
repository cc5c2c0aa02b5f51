//! Where a card was last seen, and what about that cannot be: two phones at once, two countries in an hour.

use crate::alarm::tail;
use crate::store::AlarmRow;
use crate::timeline::{Actor, Entry, Happened};
use serde::Deserialize;
use wire::{Imei, Imsi, Msisdn, Plmn, UnixTime};

/// How long nobody's journey from one country into another takes less than, in seconds.
const BORDER: u64 = 3_600;

/// A card that a serving network has authenticated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// The card.
    pub imsi: Imsi,
    /// The phone it is in.
    pub imei: Imei,
    /// The network that served it.
    pub plmn: Plmn,
    /// The tracking area there.
    pub area: u16,
    /// When.
    pub at: UnixTime,
}

/// Why a card that came was not served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Away {
    /// The operator refused it: a short name.
    Refused(String),
    /// It answered as another key does.
    WrongResponse,
    /// It did not answer, and this is what it said instead.
    Unable(u16),
}

/// "Authentication error, incorrect MAC" (TS 31.102 §7.1.2.1).
const INCORRECT_MAC: u16 = 0x9862;

impl Away {
    /// What that is in the timeline.
    pub fn entry(&self, seen: &Seen) -> Entry {
        let Seen { imsi, imei, plmn, area, .. } = *seen;
        match self {
            Self::Refused(why) => {
                let (why, area) = (why.clone(), u64::from(area));
                Entry::new(Actor::Network, Happened::TurnedAway { why, imsi, imei, plmn, area })
            }
            Self::WrongResponse => Entry::new(Actor::Card, Happened::WrongResponse { imsi, imei, plmn }),
            Self::Unable(INCORRECT_MAC) => Entry::new(Actor::Card, Happened::MacFailure { imsi, imei, plmn }),
            Self::Unable(status) => {
                let status = u64::from(*status);
                Entry::new(Actor::Card, Happened::CardRefused { status, imsi, imei })
            }
        }
    }
}

/// What became of a card that came to the network, as it was written before the timeline.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Visit {
    /// `attached`, or why not.
    pub outcome: String,
    /// The card.
    pub imsi: String,
    /// The phone.
    pub imei: String,
    /// The network.
    pub plmn: String,
    /// The tracking area.
    pub area: u16,
}

/// What about a card's coming is an alarm. `here` says that the phone which came before is still being served.
pub fn alarms(number: &Msisdn, before: Option<&Seen>, here: bool, now: &Seen) -> Vec<AlarmRow> {
    let alarm = |code: &str, text: String| AlarmRow {
        at: now.at,
        code: code.into(),
        text: format!("number …{}: {text}", tail(number)),
    };
    let mut out = Vec::new();
    let Some(before) = before.filter(|before| before.imsi == now.imsi) else { return out };
    if here && before.imei != now.imei {
        out.push(alarm(
            "two-phones",
            "one card is in two phones at once: one of them has a copy of it".into(),
        ));
    }
    if before.plmn.country() != now.plmn.country() && now.at.since(before.at) < BORDER {
        let (from, to) = (before.plmn.country(), now.plmn.country());
        out.push(alarm(
            "impossible-journey",
            format!("seen in country {to} within the hour after country {from}"),
        ));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(imei: &str, plmn: &str, at: u64) -> Seen {
        Seen {
            imsi: "460001234567890".parse().unwrap(),
            imei: imei.parse().unwrap(),
            plmn: plmn.parse().unwrap(),
            area: 1,
            at: UnixTime(at),
        }
    }

    fn codes(before: &Seen, here: bool, now: &Seen) -> Vec<String> {
        let number = "8613800138000".parse().unwrap();
        alarms(&number, Some(before), here, now).into_iter().map(|a| a.code).collect()
    }

    #[test]
    fn a_new_phone_after_the_old_one_is_no_alarm_but_both_at_once_is() {
        let (old, new) = (seen("490154203237518", "46000", 10), seen("356938035643809", "46000", 20));
        assert!(codes(&old, false, &new).is_empty());
        assert_eq!(codes(&old, true, &new), ["two-phones"]);
        assert!(codes(&old, true, &seen("490154203237518", "46000", 20)).is_empty(), "the same phone, again");
    }

    #[test]
    fn two_countries_within_the_hour_are_an_alarm() {
        let home = seen("490154203237518", "46000", 10);
        assert_eq!(codes(&home, false, &seen("490154203237518", "23415", 600)), ["impossible-journey"]);
        assert!(codes(&home, false, &seen("490154203237518", "23415", 4_000)).is_empty());
        assert!(
            codes(&home, false, &seen("490154203237518", "46001", 600)).is_empty(),
            "another network at home"
        );
    }
}
