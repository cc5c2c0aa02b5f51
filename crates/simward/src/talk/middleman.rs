//! Somebody in between: passes every packet on, keeps a copy, and has the keys of both subscribers.

use ::talk::call::offer_purpose;
use ::talk::identity::Peer;
use ::talk::message::message_purpose;
use card::Profile;
use keys::Secret;
use keys::agree::AgreeKey;
use keys::aka::AkaKeys;
use keys::hpke::{Context, ENC_BYTES};
use keys::milenage::{Amf, Sqn};
use keys::seal::{SealKey, subkey, subkey_of};
use keys::tuak::TuakKey;
use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::thread::{self, JoinHandle};

/// Packets in front of which their length goes, two octets.
pub(super) struct Wire(UnixStream);

impl Wire {
    pub(super) fn send(&mut self, packet: &[u8]) -> io::Result<()> {
        let length =
            u16::try_from(packet.len()).map_err(|_| io::Error::other("a packet of 64 KiB and more"))?;
        self.0.write_all(&[&length.to_be_bytes()[..], packet].concat())
    }

    pub(super) fn receive(&mut self) -> io::Result<Vec<u8>> {
        let mut length = [0; 2];
        self.0.read_exact(&mut length)?;
        let mut packet = vec![0; usize::from(u16::from_be_bytes(length))];
        self.0.read_exact(&mut packet)?;
        Ok(packet)
    }

    fn pair() -> io::Result<(Self, Self)> {
        let (one, other) = UnixStream::pair()?;
        Ok((Self(one), Self(other)))
    }
}

/// Both directions being recorded.
pub(super) struct Middleman([JoinHandle<Vec<Vec<u8>>>; 2]);

/// Passes on until whoever sends has hung up.
fn pass_on(mut from: Wire, mut to: Wire) -> Vec<Vec<u8>> {
    let mut kept = Vec::new();
    while let Ok(packet) = from.receive() {
        let sent = to.send(&packet);
        kept.push(packet);
        if sent.is_err() {
            break;
        }
    }
    kept
}

/// One end's way: what it says and what it hears.
pub(super) struct Ends {
    pub(super) out: Wire,
    pub(super) back: Wire,
}

impl Middleman {
    /// Sits down between two ends.
    pub(super) fn between() -> io::Result<(Ends, Ends, Self)> {
        let ((a_out, a_in), (b_out, b_in)) = (Wire::pair()?, Wire::pair()?);
        let ((to_a, a_back), (to_b, b_back)) = (Wire::pair()?, Wire::pair()?);
        let there = thread::spawn(move || pass_on(a_in, to_b));
        let here = thread::spawn(move || pass_on(b_in, to_a));
        Ok((Ends { out: a_out, back: a_back }, Ends { out: b_out, back: b_back }, Self([there, here])))
    }

    /// What he kept, once both ends have hung up.
    pub(super) fn kept(self) -> Vec<Vec<u8>> {
        self.0.into_iter().flat_map(|thread| thread.join().unwrap_or_default()).collect()
    }
}

/// Every secret that an operator made or holds for a card: K, OPc, the keys of remote management, the card's signing key, and
/// what follows from them for a challenge the network sent.
pub(super) fn secrets_of(profile: &Profile) -> Vec<Secret<[u8; 32]>> {
    let wide = |narrow: &Secret<[u8; 16]>| {
        let [mut low, mut wide] = [[0; 32]; 2];
        for (at, (low, wide)) in low.iter_mut().zip(&mut wide).enumerate() {
            let octet = narrow.danger_expose().get(at % 16).copied().unwrap_or_default();
            *wide = octet;
            *low = if at < 16 { octet } else { 0 };
        }
        [Secret::new(low), Secret::new(wide)]
    };
    let vector = profile.aka.keyed().vector(&[0x17; 16], Sqn::default(), Amf::SEPARATION);
    let mut secrets: Vec<_> = [&vector.ck, &vector.ik].into_iter().flat_map(wide).collect();
    match &profile.aka {
        AkaKeys::Milenage { k, opc } => secrets.extend([k, opc].into_iter().flat_map(wide)),
        AkaKeys::Xor { k } => secrets.extend(wide(k)),
        AkaKeys::Tuak { k, topc } => {
            secrets.push(topc.clone());
            match k {
                TuakKey::Bits128(k) => secrets.extend(wide(k)),
                TuakKey::Bits256(k) => secrets.push(k.clone()),
            }
        }
    }
    secrets.push(keys::kdf::kasme(&vector.ck, &vector.ik, [0x64, 0xf0, 0x00], [0; 6]));
    if let Some(ota) = &profile.ota {
        secrets.extend(wide(ota.kic()));
        secrets.extend(wide(ota.kid()));
    }
    secrets.extend(profile.card_key.clone());
    secrets
}

/// How many of the packets open under any of the secrets, and how many keys were tried on each.
///
/// Each secret is tried as the key of either card, as the key that AES-GCM takes, as the root of one, and together with
/// each other one.
pub(super) fn open_all(
    packets: &[Vec<u8>],
    secrets: &[Secret<[u8; 32]>],
    peers: [&Peer; 2],
) -> (usize, usize) {
    let [one, other] = peers;
    let mut tried = 0;
    let opened = packets.iter().filter(|packet| {
        let (opened, tries) = open(packet, secrets, one, other);
        tried = tried.max(tries);
        opened
    });
    (opened.count(), tried)
}

fn open(packet: &[u8], secrets: &[Secret<[u8; 32]>], one: &Peer, other: &Peer) -> (bool, usize) {
    let (mut opened, mut tries) = (false, 0);
    let mut attempt = |success: bool| {
        opened |= success;
        tries += 1;
    };
    let kind = packet.first().copied().unwrap_or_default();
    if let Some((fresh, sealed)) = packet.get(1..).and_then(|rest| rest.split_first_chunk::<ENC_BYTES>()) {
        for key in secrets.iter().filter_map(AgreeKey::from_scalar) {
            for (from, to) in [(one, other), (other, one)] {
                for purpose in [message_purpose(from, to), offer_purpose(from, to)] {
                    let context = Context::from(fresh, &mut key.clone(), from.key(), &purpose);
                    attempt(context.is_ok_and(|context| context.open(&[kind], sealed).is_ok()));
                }
            }
        }
    }
    let roots = secrets.iter().flat_map(|first| secrets.iter().map(move |second| [first, second]));
    let derived = roots.flat_map(|roots| {
        [&b"caller"[..], b"callee", b"frame", b"simward.talk.call.1", b""]
            .map(|use_| subkey_of(&roots, b"", use_))
    });
    let keys = secrets.iter().cloned().chain(derived).flat_map(|key| [subkey(&key, b"", b"frame"), key]);
    for key in keys.map(SealKey::new) {
        for header in [1, 5, 1 + ENC_BYTES] {
            let Some((header, sealed)) = packet.split_at_checked(header) else { continue };
            attempt(key.open(&[0; 12], header, sealed).is_ok());
        }
    }
    (opened, tries)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ::talk::identity::Identity;
    use ::talk::message::seal;
    use keys::sign::{Es256Key, Host};
    use rand_chacha::ChaCha20Rng;
    use rand_chacha::rand_core::SeedableRng;
    use wire::Msisdn;

    fn peer(number: &str, key: &AgreeKey, card: &Es256Key) -> Peer {
        let number: Msisdn = number.parse().unwrap();
        let signature = card.sign(&Identity::statement(&number, &key.public()));
        let identity = Identity { number, key: key.public(), signature };
        identity.verify(&Host, &number, &card.public()).unwrap()
    }

    /// Had a card talked by a key that the operator made, he would have read it: the trial can fail.
    #[test]
    fn a_key_the_operator_knows_opens_what_a_key_of_the_cards_own_does_not() {
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        let signing = Es256Key::random(&mut rng);
        let mut own = AgreeKey::random(&mut rng);
        let me = peer("8613800138000", &own, &signing);
        let secrets = [signing.scalar(), Secret::new([1; 32])];
        let known = AgreeKey::from_scalar(&signing.scalar()).unwrap();
        for (key, expected) in [(known, 1), (AgreeKey::random(&mut rng), 0)] {
            let other = peer("8613800138002", &key, &signing);
            let packet = seal(&mut own, &me, &other, b"tonight at eight", &mut rng).unwrap();
            assert_eq!(open_all(&[packet], &secrets, [&me, &other]).0, expected);
        }
    }
}
