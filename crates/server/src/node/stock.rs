//! The stock of cards: ICCID, IMSI and keys exist before anybody signs for them.

use super::Node;
use deed::record::Card;
use keys::Secret;
use keys::ota::OtaKeys;
use keys::seal::subkey;
use keys::sign::Es256Key;
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
    /// Its own signing key, which the operator does not keep.
    pub card_key: Es256Key,
    /// Its keys of remote management.
    pub ota: OtaKeys,
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
            let card_key = Es256Key::random(&mut self.rng);
            let card = Card { iccid, imsi, eid, key_commit, card_pub: Some(card_key.public()) };
            let wrapped = keys.wrap(&self.pins.keys().kek, &imsi, &iccid, &mut self.rng);
            let row = CardRow { imsi, iccid, card: card.encode(), keys: wrapped };
            self.database.commit(&[Changes(vec![Write::Put(Key::Card(imsi), Row::Card(row))])])?;
            return Ok(DrawnCard { card, keys, card_key, ota: self.ota_keys(&iccid) });
        }
        Err(Refusal::Broken("no free IMSI was found in the range".into()))
    }
}

impl Node {
    /// A card's keys of remote management: made from the operator's own and the card's serial number, so that none is stored.
    pub(super) fn ota_keys(&self, iccid: &Iccid) -> OtaKeys {
        let key = |purpose: &[u8]| {
            let [half, _] = halves(&subkey(&self.ota_key, iccid.as_str().as_bytes(), purpose));
            half
        };
        OtaKeys::new(key(b"simward.ota.kic.1"), key(b"simward.ota.kid.1"))
    }
}

fn halves(key: &Secret<[u8; 32]>) -> [Secret<[u8; 16]>; 2] {
    let (mut first, mut second) = ([0; 16], [0; 16]);
    let (left, right) = key.danger_expose().split_at(16);
    first.copy_from_slice(left);
    second.copy_from_slice(right);
    [Secret::new(first), Secret::new(second)]
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
