//! The card's alert, as a message to the service centre: "this was not me", signed by the owner's key in the card.
//!
//! Its form is `card::toolkit::alert`'s. It is written down and is an alarm; it holds nothing by itself, because the deed's rules
//! know of no such objection.

use super::Node;
use deed::record::FactorKey;
use keys::sign::{Host, Verifier as _};
use operator::Refusal;
use operator::alarm::tail;
use operator::store::AlarmRow;
use operator::timeline::{Actor, Entry, Happened, Kind};
use wire::Malformed;

const MAGIC: &[u8; 4] = b"SWA1";
const LABEL: &[u8] = b"simward.card.alert.1\0";

/// An alert, taken apart: `"SWA1" ‖ deed 32 ‖ number 8 ‖ length ‖ location ‖ r ‖ s`.
struct Alert<'a> {
    deed: [u8; 32],
    count: u64,
    location: &'a [u8],
    said: &'a [u8],
    signature: [u8; 64],
}

impl<'a> Alert<'a> {
    fn parse(bytes: &'a [u8]) -> Option<Self> {
        let (said, signature) = bytes.split_last_chunk::<64>()?;
        let (deed, rest) = said.strip_prefix(MAGIC)?.split_first_chunk::<32>()?;
        let (count, rest) = rest.split_first_chunk::<8>()?;
        let (length, location) = rest.split_first()?;
        let whole = usize::from(*length) == location.len();
        let (deed, count) = (*deed, u64::from_be_bytes(*count));
        whole.then_some(Self { deed, count, location, said, signature: *signature })
    }
}

/// Whether octets say that they are an alert.
pub(super) fn is_alert(octets: &[u8]) -> bool {
    octets.starts_with(MAGIC)
}

impl Node {
    /// Takes an alert that a key of its deed has signed, each once. Who carries it does not matter.
    pub fn alert(&mut self, bytes: &[u8]) -> Result<(), Refusal> {
        let alert = Alert::parse(bytes).ok_or(Malformed::new("alert", "not the form that cards give it"))?;
        let number = self.pins.number_of_deed(&alert.deed)?;
        let state = &self.pin(&number)?.state;
        let cards = state.slots.iter().filter_map(|slot| slot.card.card_pub);
        let factors = state.factors.iter().filter_map(|known| match known.factor.key {
            FactorKey::Es256(key) => Some(key),
            _ => None,
        });
        let signed = [LABEL, alert.said].concat();
        if !cards.chain(factors).any(|key| Host.es256(&key, &signed, &alert.signature)) {
            return Err(Refusal::refused("signature", "no card of the deed has signed this alert"));
        }
        let before = self.newest_of(&number, &[Kind::CardAlert])?;
        if let Some(Happened::CardAlert { count, .. }) = before.map(|line| line.entry.what)
            && alert.count <= count
        {
            return Err(Refusal::OutOfPlace("this alert was heard before".into()));
        }
        let what = Happened::CardAlert { count: alert.count, location: hex::encode(alert.location) };
        let entry = self.entry(number, &Entry::new(Actor::Card, what));
        self.write_door(vec![entry])?;
        let text = format!("number …{}: the card says, signed: this was not me", tail(&number));
        let alarm = AlarmRow { at: self.clock.now(), code: "card-alert".into(), text };
        self.alarm_about(&number, &alarm);
        Ok(())
    }
}
