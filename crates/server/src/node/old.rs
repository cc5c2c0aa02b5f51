//! Records as they were written before the timeline: JSON, in streams of their own. They read as entries.

use operator::presence::Visit;
use operator::store::Stream;
use operator::timeline::{Actor, Entry, Happened};
use serde::Deserialize;

/// A sign-in, or an attempt.
#[derive(Deserialize)]
struct SignIn {
    how: String,
    ok: bool,
    device: String,
    new_device: bool,
}

/// The entry that an old record is; `None` of what is none.
pub(super) fn entry(stream: Stream, plain: &[u8]) -> Option<Entry> {
    match stream {
        Stream::SignIn => sign_in(serde_json::from_slice(plain).ok()?),
        Stream::Network => visit(serde_json::from_slice(plain).ok()?),
        Stream::Alarm => {
            let code = serde_json::from_slice(plain).ok()?;
            Some(Entry::new(Actor::Operator, Happened::Alarmed { code }))
        }
        _ => None,
    }
}

fn sign_in(SignIn { how, ok, device, new_device }: SignIn) -> Option<Entry> {
    Some(match (how.as_str(), ok) {
        (_, false) => Entry::new(Actor::Unknown, Happened::SignInFailed { how, device }),
        ("passkey" | "password", true) => {
            // Two entries today; a record is one.
            let how = if new_device { format!("{how}, for the first time") } else { how };
            Entry::new(Actor::Owner, Happened::SignedIn { how, device })
        }
        _ => Entry::new(Actor::Owner, Happened::SignInChanged { what: how, device }),
    })
}

fn visit(Visit { outcome, imsi, imei, plmn, area }: Visit) -> Option<Entry> {
    let (imsi, imei, plmn) = (imsi.parse().ok()?, imei.parse().ok()?, plmn.parse().ok()?);
    let area = u64::from(area);
    Some(match outcome.as_str() {
        "attached" => Entry::new(Actor::Network, Happened::Attached { imsi, imei, plmn, area }),
        "wrong-response" => Entry::new(Actor::Card, Happened::WrongResponse { imsi, imei, plmn }),
        _ => Entry::new(Actor::Network, Happened::TurnedAway { why: outcome, imsi, imei, plmn, area }),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_before_the_timeline_is_in_it() {
        let words = |stream, json: &str| entry(stream, json.as_bytes()).unwrap().what.words();
        let sign_in = r#"{"how":"passkey","ok":true,"device":"Firefox","new_device":false}"#;
        assert_eq!(words(Stream::SignIn, sign_in), "signed in with a passkey on Firefox");
        let failed = r#"{"how":"password","ok":false,"device":"Firefox","new_device":false}"#;
        assert!(words(Stream::SignIn, failed).starts_with("somebody failed"));
        let visit = r#"{"outcome":"attached","imsi":"460001234567890","imei":"490154203237518","plmn":"46000","area":1}"#;
        assert!(words(Stream::Network, visit).starts_with("the card attached"));
        assert_eq!(words(Stream::Alarm, r#""two-phones""#), "alarm: two-phones");
        assert!(entry(Stream::Deed, b"{}").is_none() && entry(Stream::SignIn, b"[]").is_none());
    }
}
