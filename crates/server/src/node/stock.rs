//! The stock of cards: ICCID, IMSI and keys exist before anybody signs for them.

use super::Node;
use deed::record::Card;
use keys::subscriber::SubscriberKeys;
use operator::Refusal;
use operator::store::{CardRow, Changes, Key, Row, Write};
use rand_core::Rng;
use wire::{Eid, Iccid, Imsi};

/// How often another serial number is tried.
const ATTEMPTS: usize = 3;

/// A card drawn from the stock, with the keys its chip must get.
pub struct DrawnCard {
    /// As deeds name it.
    pub card: Card,
    /// Its keys, for the personalisation bureau alone.
    pub keys: SubscriberKeys,
}

impl Node {
    /// Draws a card: ICCID, IMSI and keys exist before anybody signs for it. The key goes to the bureau and, wrapped, to
    /// the database; whoever later accepts the card checks it against the commitment.
    pub fn draw_card(&mut self, eid: Option<Eid>) -> Result<DrawnCard, Refusal> {
        for _ in 0..ATTEMPTS {
            let serial = self.rng.next_u64() % 1_000_000_000;
            let imsi: Imsi = parse(&format!("999700{serial:09}"))?;
            let iccid: Iccid = parse(&with_luhn(&format!("899997000{serial:09}")))?;
            if self.database.load(&[Key::Card(imsi)])?.pop().flatten().is_some() {
                continue;
            }
            let keys = SubscriberKeys::random(&mut self.rng);
            let key_commit = keys.commitment(&imsi, &iccid);
            let card = Card { iccid, imsi, eid, key_commit, card_pub: None };
            let wrapped = keys.wrap(&self.pins.keys().kek, &imsi, &iccid, &mut self.rng);
            let row = CardRow { imsi, iccid, card: card.encode(), keys: wrapped };
            self.database.commit(&[Changes(vec![Write::Put(Key::Card(imsi), Row::Card(row))])])?;
            return Ok(DrawnCard { card, keys });
        }
        Err(Refusal::Broken("no free IMSI was found in the range".into()))
    }
}

fn parse<T: std::str::FromStr<Err = wire::Malformed>>(text: &str) -> Result<T, Refusal> {
    text.parse().map_err(|e: wire::Malformed| Refusal::Broken(e.to_string()))
}

/// The digits with their check digit (ISO/IEC 7812-1 Annex B).
fn with_luhn(digits: &str) -> String {
    let sum: u32 = digits
        .bytes()
        .rev()
        .enumerate()
        .map(|(i, b)| {
            let d = u32::from(b - b'0');
            match i % 2 {
                0 if d > 4 => d * 2 - 9,
                0 => d * 2,
                _ => d,
            }
        })
        .sum();
    format!("{digits}{}", (10 - sum % 10) % 10)
}

#[cfg(test)]
mod tests {
    #[test]
    fn check_digits_are_right() {
        // The ICCID example of ITU-T E.118 as cards in the field carry it.
        assert_eq!(super::with_luhn("7992739871"), "79927398713");
    }
}
