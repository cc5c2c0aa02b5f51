//! A clock that somebody else has started: prove again who you are by then, or the line stops (二次实人认证: 24 hours).

use deed::defence::{Defence, stands};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// Hours before its end at which somebody is told, beside the moment it is noted.
pub const STEPS: [i64; 4] = [12, 6, 3, 1];

/// A demand to prove again who holds a number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Clock {
    /// What is asked, in the operator's words.
    pub what: String,
    /// When the operator said so.
    pub started: Timestamp,
    /// How long it gives.
    pub hours: u16,
    /// How to do it: a page, a shop, a number to call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// When it was done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub done: Option<Timestamp>,
}

impl Clock {
    /// When it is over.
    pub fn ends(&self) -> Timestamp {
        self.started.checked_add(SignedDuration::from_hours(self.hours.into())).unwrap_or(Timestamp::MAX)
    }

    /// Whether it runs still, or ran out undone.
    pub const fn open(&self) -> bool {
        self.done.is_none()
    }

    /// Whole minutes that are left; negative when it is over.
    pub fn minutes_left(&self, now: Timestamp) -> i64 {
        let seconds = self.ends().duration_since(now).as_secs();
        seconds.div_euclid(60)
    }

    /// The last step that has come: hours before the end, the whole time at first, 0 once it is over.
    pub fn step(&self, now: Timestamp) -> i64 {
        let left = self.ends().duration_since(now).as_secs();
        if left <= 0 {
            return 0;
        }
        let whole = i64::from(self.hours);
        if !stands(Defence::StepsAreTold) {
            return whole;
        }
        STEPS.into_iter().filter(|hours| left <= hours * 3_600).min().unwrap_or(whole).min(whole)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_of_a_day_ends_a_day_later_whatever_the_calendar_does() {
        // The night New York's clocks go forward.
        let clock = Clock {
            what: "二次实人认证".into(),
            started: "2027-03-13T12:00:00-05:00".parse().unwrap(),
            hours: 24,
            path: None,
            done: None,
        };
        assert_eq!(clock.ends(), "2027-03-14T13:00:00-04:00".parse().unwrap());
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        for (now, step, left) in [
            ("2027-03-13T17:00:00Z", 24, 1_440),
            ("2027-03-14T04:59:59Z", 24, 720),
            ("2027-03-14T05:00:00Z", 12, 720),
            ("2027-03-14T16:30:00Z", 1, 30),
            ("2027-03-14T17:00:00Z", 0, 0),
            ("2027-03-14T17:00:01Z", 0, -1),
        ] {
            assert_eq!((clock.step(at(now)), clock.minutes_left(at(now))), (step, left), "{now}");
        }
    }
}
