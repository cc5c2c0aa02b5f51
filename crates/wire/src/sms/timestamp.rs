//! The service centre's time stamp (TS 23.040 §9.2.3.11).

use crate::UnixTime;
use core::fmt;

const DAY: u64 = 86_400;

/// Year, month, day, hour, minute, second and time zone, each two digits in one octet, the first in the low half.
/// Local time; the zone counts quarter hours from GMT, with its sign in bit 3.
///
/// Kept as it came: a message with an impossible date is a message all the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timestamp(pub [u8; 7]);

/// Days from 1970-01-01 to a date of the Gregorian calendar, counted from March so that leap days come last.
const fn days(year: u64, month: u64, day: u64) -> u64 {
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let leaps = year / 4 - year / 100 + year / 400;
    // 719,468 days lie between 0000-03-01 and 1970-01-01.
    year * 365 + leaps + (153 * month + 2) / 5 + day - 1 - 719_468
}

/// The date so many days after 1970-01-01.
const fn date(day: u64) -> (u64, u64, u64) {
    let day = day + 719_468;
    let (era, of_era) = (day / 146_097, day % 146_097);
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let year = year + era * 400;
    if month < 10 { (year, month + 3, day) } else { (year + 1, month - 9, day) }
}

const fn swapped(value: u64) -> u8 {
    ((value % 10) << 4 | (value / 10 % 10)) as u8
}

impl Timestamp {
    /// This moment on a clock so many quarter hours ahead of GMT (behind it if negative; up to 79).
    pub const fn new(time: UnixTime, quarter_hours: i8) -> Self {
        let zone = if quarter_hours > 79 {
            79
        } else if quarter_hours < -79 {
            -79
        } else {
            quarter_hours
        };
        let local = time.0.saturating_add_signed(zone as i64 * 900);
        let (year, month, day) = date(local / DAY % 4_000_000);
        let of_day = local % DAY;
        let sign = if zone < 0 { 0x08 } else { 0 };
        Self([
            swapped(year),
            swapped(month),
            swapped(day),
            swapped(of_day / 3_600),
            swapped(of_day / 60 % 60),
            swapped(of_day % 60),
            swapped(zone.unsigned_abs() as u64) | sign,
        ])
    }

    /// Year, month, day, hour, minute, second, and quarter hours ahead of GMT; `None` if it is no date. Years from
    /// 70 on are of the last century.
    pub fn parts(&self) -> Option<([u64; 6], i64)> {
        let two = |octet: u8| {
            let (tens, units) = (octet & 0x0f, octet >> 4);
            (tens < 10 && units < 10).then(|| u64::from(tens * 10 + units))
        };
        let [year, month, day, hour, minute, second, zone] = self.0;
        let (year, month, day) = (two(year)?, two(month)?, two(day)?);
        let (hour, minute, second) = (two(hour)?, two(minute)?, two(second)?);
        let year = if year < 70 { 2000 + year } else { 1900 + year };
        let quarters = two(zone & !0x08)?.cast_signed();
        let fits = (1..=12).contains(&month) && (1..=31).contains(&day);
        if !fits
            || hour > 23
            || minute > 59
            || second > 59
            || date(days(year, month, day)) != (year, month, day)
        {
            return None;
        }
        let zone = if zone & 0x08 == 0 { quarters } else { -quarters };
        Some(([year, month, day, hour, minute, second], zone))
    }

    /// The moment it means; `None` if it is no date, or one before 1970.
    pub fn time(&self) -> Option<UnixTime> {
        let ([year, month, day, hour, minute, second], zone) = self.parts()?;
        let local = days(year, month, day) * DAY + hour * 3_600 + minute * 60 + second;
        local.checked_add_signed(-zone * 900).map(UnixTime)
    }
}

/// As people write it, with its zone; `no date` if it is none.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(([year, month, day, hour, minute, second], zone)) = self.parts() else {
            return f.write_str("no date");
        };
        let sign = if zone < 0 { '-' } else { '+' };
        let (zone_hours, zone_minutes) = (zone.unsigned_abs() / 4, zone.unsigned_abs() % 4 * 15);
        write!(f, "{year}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02} ")?;
        write!(f, "{sign}{zone_hours:02}:{zone_minutes:02}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString as _;

    #[test]
    fn time_stamps_are_the_ones_others_show() {
        // From messages in the tests of several libraries, and from descriptions of the PDU format.
        let stamp = Timestamp([0x20, 0x80, 0x62, 0x91, 0x73, 0x14, 0x80]);
        assert_eq!(stamp.to_string(), "2002-08-26 19:37:41 +02:00");
        let stamp = Timestamp([0x99, 0x30, 0x92, 0x51, 0x61, 0x95, 0x80]);
        assert_eq!(stamp.to_string(), "1999-03-29 15:16:59 +02:00");
        assert_eq!(stamp.time(), Some(UnixTime(922_713_419)));
        let stamp = Timestamp([0x01, 0x90, 0x11, 0x51, 0x01, 0x11, 0x29]);
        assert_eq!(stamp.to_string(), "2010-09-11 15:10:11 -03:00");
        assert_eq!(stamp.time(), Some(UnixTime(1_284_228_611)));
    }

    #[test]
    fn every_moment_comes_back_from_every_zone() {
        for time in [0u64, 951_782_400, 1_709_164_799, 1_709_251_199, 1_790_000_000, 3_000_000_000] {
            for zone in -79..=79 {
                // West of Greenwich 1970 began in 1969, which no time of ours can say.
                let time = UnixTime(time + 79 * 900);
                assert_eq!(Timestamp::new(time, zone).time(), Some(time), "{time} {zone}");
            }
        }
        assert_eq!(Timestamp::new(UnixTime(u64::MAX), 127).0.len(), 7);
    }

    #[test]
    fn what_is_no_date_is_none() {
        for bad in [
            [0xff; 7],
            [0x02, 0x00, 0x10, 0, 0, 0, 0],
            [0x02, 0x20, 0x03, 0, 0, 0, 0],
            [0x12, 0x20, 0x92, 0, 0, 0, 0],
            [0x02, 0x10, 0x10, 0x42, 0, 0, 0],
        ] {
            assert_eq!(Timestamp(bad).time(), None, "{bad:02x?}");
        }
    }
}
