//! Whether the time of a refusal tells anything of the secret: Welch's t between two classes of wrong values, as dudect
//! (Reparaz, Balasch, Verbauwhede 2017) has it. Above 4.5 either way the classes can be told apart.

use super::card::{personalised, profile, say};
use super::{BenchError, Figure};
use crate::up::seeded;
use card::Protocol;
use card::medium::{Counter, Memory};
use keys::milenage::{Amf, Milenage, Sqn};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::Rng as _;
use std::hint::black_box;
use std::io;
use std::time::Instant;

type Card = card::Card<Memory, Counter>;

/// Measurements of both classes together.
const SAMPLES: u64 = 200_000;
/// Measurements above these shares of all are left out, one after the other: the machine's other business.
const CROPS: [f64; 4] = [1.0, 0.99, 0.95, 0.9];
const SELECT_USIM: &[u8] =
    b"\x00\xa4\x04\x0c\x10\xa0\x00\x00\x00\x87\x10\x02\xff\xff\xff\xff\x89\x07\x09\x00\x00";
/// The right PIN is 1234.
const RIGHT: &[u8] = b"\x00\x20\x00\x01\x081234\xff\xff\xff\xff";
const CLOSE: &[u8] = b"\x00\x20\x00\x01\x081230\xff\xff\xff\xff";

/// All figures.
pub(crate) fn run() -> Result<Vec<Figure>, BenchError> {
    let mut rng = seeded()?;
    let start = Instant::now();
    let mut figures = Vec::new();
    for (name, measure) in [("card.verify.t", verify as Measure), ("card.authenticate.mac.t", wrong_mac)] {
        let mut card = personalised(&profile(0).map_err(io::Error::other)?, &mut rng)?;
        card.speak(Protocol::T1);
        say(&mut card, SELECT_USIM, &mut rng)?;
        say(&mut card, RIGHT, &mut rng)?;
        let mut times = [Vec::new(), Vec::new()];
        for _ in 0..SAMPLES {
            let class = usize::from(rng.next_u32() & 1 == 1);
            let took = measure(&mut card, class == 1, &mut rng)?;
            if let Some(times) = times.get_mut(class) {
                times.push(took);
            }
        }
        let seconds = start.elapsed().as_secs_f64();
        figures.push(Figure { name, value: greatest(&times), unit: "|t|", n: SAMPLES, seconds });
    }
    Ok(figures)
}

/// Nanoseconds that one refusal takes: of a value that is nearly right, or of any other.
type Measure = fn(&mut Card, bool, &mut ChaCha20Rng) -> Result<f64, BenchError>;

fn timed(card: &mut Card, apdu: &[u8], expect: u8, rng: &mut ChaCha20Rng) -> Result<f64, BenchError> {
    let mut out = Vec::with_capacity(64);
    let start = Instant::now();
    card.transmit_into(black_box(apdu), &mut out, rng);
    let took = start.elapsed();
    if out.first() != Some(&expect) {
        return Err(io::Error::other("a wrong value was not refused as one").into());
    }
    Ok(took.as_nanos() as f64)
}

/// VERIFY: a PIN with three right digits of four, or one with none.
fn verify(card: &mut Card, close: bool, rng: &mut ChaCha20Rng) -> Result<f64, BenchError> {
    let mut apdu = CLOSE.to_vec();
    if !close {
        // 5 to 9: no digit is where it should be.
        for digit in apdu.iter_mut().skip(5).take(4) {
            *digit = b'5' + (rng.next_u32() % 5) as u8;
        }
    }
    let took = timed(card, &apdu, 0x63, rng)?;
    say(card, RIGHT, rng)?;
    Ok(took)
}

/// AUTHENTICATE: a MAC of which the last octet alone is wrong, or all of it.
fn wrong_mac(card: &mut Card, close: bool, rng: &mut ChaCha20Rng) -> Result<f64, BenchError> {
    let aka = profile(0).map_err(io::Error::other)?.aka.keyed();
    let (mut rand, sqn) = ([0; 16], Sqn::from_parts(1, 0).unwrap_or_default());
    rng.fill_bytes(&mut rand);
    let mut autn = Milenage::autn(&aka.vector(&rand, sqn, Amf::ZERO), sqn, Amf::ZERO);
    for octet in autn.iter_mut().skip(if close { 15 } else { 8 }) {
        *octet ^= 1 + (rng.next_u32() % 255) as u8;
    }
    let apdu = [&[0, 0x88, 0, 0x81, 0x22, 0x10][..], &rand, &[0x10], &autn, &[0]].concat();
    timed(card, &apdu, 0x98, rng)
}

/// The greatest |t| of all crops.
fn greatest(times: &[Vec<f64>; 2]) -> f64 {
    let mut all: Vec<f64> = times.iter().flatten().copied().collect();
    all.sort_by(f64::total_cmp);
    let limit = |share: f64| all.get(((all.len() - 1) as f64 * share) as usize).copied().unwrap_or(f64::MAX);
    CROPS.map(|share| welch(times, limit(share)).abs()).into_iter().fold(0.0, f64::max)
}

/// Welch's t between the two, of what does not exceed the limit.
fn welch(times: &[Vec<f64>; 2], limit: f64) -> f64 {
    let of = |times: &Vec<f64>| {
        let kept: Vec<f64> = times.iter().copied().filter(|t| *t <= limit).collect();
        let n = kept.len().max(2) as f64;
        let mean = kept.iter().sum::<f64>() / n;
        let variance = kept.iter().map(|t| (t - mean).powi(2)).sum::<f64>() / (n - 1.0);
        (mean, variance / n)
    };
    let [(a, va), (b, vb)] = [of(&times[0]), of(&times[1])];
    if va + vb > 0.0 { (a - b) / (va + vb).sqrt() } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A leak of one part in a hundred is seen, and none is not.
    #[test]
    fn classes_that_differ_are_told_apart() {
        let noise = |n: u32| f64::from(n.wrapping_mul(2_654_435_761) >> 24);
        let class =
            |offset: f64, seed: u32| (0..20_000).map(|n| 1_000.0 + offset + noise(n + seed)).collect();
        assert!(greatest(&[class(0.0, 1), class(0.0, 7_919)]) < 4.5);
        assert!(greatest(&[class(0.0, 1), class(10.0, 7_919)]) > 4.5);
    }
}
