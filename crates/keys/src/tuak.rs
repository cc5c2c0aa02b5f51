//! TUAK: f1 to f5, f1* and f5* built on the permutation Keccak-f of 1,600 bits (TS 35.231).
//!
//! The permutation's 200 octets are taken with the standard's first bit last in its octet, so every value stands in them
//! with its octets turned round: TOPc at 0, an instance octet at 32, the algorithm's name at 33, RAND at 40, AMF at 56, SQN at
//! 58, K at 64, and padding from 96 on (TS 35.231 §6).

use crate::Secret;
use crate::milenage::{Amf, Sqn, Vector};
use core::fmt;
use zeroize::{Zeroize as _, Zeroizing};

const NAME: &[u8; 7] = b"TUAK1.0";
/// Octets of the permutation.
const STATE: usize = 200;

/// K, in either of its lengths.
#[derive(Clone)]
pub enum TuakKey {
    /// 16 octets.
    Bits128(Secret<[u8; 16]>),
    /// 32 octets.
    Bits256(Secret<[u8; 32]>),
}

impl fmt::Debug for TuakKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TuakKey(…)")
    }
}

impl TuakKey {
    const fn bytes(&self) -> &[u8] {
        match self {
            Self::Bits128(k) => k.open(),
            Self::Bits256(k) => k.open(),
        }
    }

    /// Bit 7 of the instance octet.
    const fn bit(&self) -> u8 {
        match self {
            Self::Bits128(_) => 0x00,
            Self::Bits256(_) => 0x01,
        }
    }
}

/// How long what comes out is, and how often the permutation is applied (TS 35.231 §6.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lengths {
    /// Octets of MAC-A and MAC-S: 8, 16 or 32.
    pub mac: usize,
    /// Octets of RES: 4, 8, 16 or 32.
    pub res: usize,
    /// Octets of CK: 16 or 32.
    pub ck: usize,
    /// Octets of IK: 16 or 32.
    pub ik: usize,
    /// Applications of Keccak-f.
    pub iterations: u8,
}

impl Lengths {
    /// What an AUTN and a 3G vector hold: MAC and RES of 64 bits, CK and IK of 128.
    pub const UMTS: Self = Self { mac: 8, res: 8, ck: 16, ik: 16, iterations: 1 };
}

/// What f2 to f5 give, each in as many of its octets as it has.
pub struct F2345 {
    /// f2.
    pub res: [u8; 32],
    /// f3.
    pub ck: Secret<[u8; 32]>,
    /// f4.
    pub ik: Secret<[u8; 32]>,
    /// f5.
    pub ak: [u8; 6],
}

impl fmt::Debug for F2345 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("F2345(…)")
    }
}

/// TUAK for one subscriber: K and TOPc.
#[derive(Clone)]
pub struct Tuak {
    k: TuakKey,
    topc: Secret<[u8; 32]>,
    lengths: Lengths,
}

impl fmt::Debug for Tuak {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tuak(…)")
    }
}

/// The permutation's octets.
type State = Zeroizing<[u8; STATE]>;

/// Puts a value at `at`, its octets turned round.
fn put(state: &mut State, at: usize, value: &[u8]) {
    state.iter_mut().skip(at).zip(value.iter().rev()).for_each(|(to, from)| *to = *from);
}

/// Takes a value from `at`, its octets turned round.
fn take<const N: usize>(state: &State, at: usize, len: usize) -> [u8; N] {
    let mut out = [0; N];
    let value = state.iter().skip(at).take(len.min(N));
    out.iter_mut().take(len.min(N)).rev().zip(value).for_each(|(to, from)| *to = *from);
    out
}

fn permute(state: &mut State, iterations: u8) {
    let mut lanes = [0u64; STATE / 8];
    for _ in 0..iterations {
        for (lane, octets) in lanes.iter_mut().zip(state.as_chunks::<8>().0) {
            *lane = u64::from_le_bytes(*octets);
        }
        keccak::f1600(&mut lanes);
        for (octets, lane) in state.as_chunks_mut::<8>().0.iter_mut().zip(lanes) {
            *octets = lane.to_le_bytes();
        }
    }
    lanes.zeroize();
}

/// One application: what goes in beside K, and its instance.
fn run(k: &TuakKey, top: &[u8; 32], instance: u8, rand: &[u8], sqn_amf: &[u8], iterations: u8) -> State {
    let mut state = Zeroizing::new([0; STATE]);
    put(&mut state, 0, top);
    put(&mut state, 32, &[instance | k.bit()]);
    put(&mut state, 33, NAME);
    put(&mut state, 40, rand);
    put(&mut state, 56, sqn_amf);
    put(&mut state, 64, k.bytes());
    put(&mut state, 96, &[0x1f]);
    put(&mut state, 135, &[0x80]);
    permute(&mut state, iterations);
    state
}

/// A length's bits in an instance octet: 32 bits nothing, then 08, 10 and 20.
const fn length_bits(octets: usize) -> u8 {
    match octets {
        0..=4 => 0x00,
        5..=8 => 0x08,
        9..=16 => 0x10,
        _ => 0x20,
    }
}

impl Tuak {
    const F1_STAR: u8 = 0x80;
    const F2345: u8 = 0x40;
    const F5_STAR: u8 = 0xc0;

    /// From K and TOPc.
    pub const fn new(k: TuakKey, topc: Secret<[u8; 32]>, lengths: Lengths) -> Self {
        Self { k, topc, lengths }
    }

    /// TOPc of TOP.
    pub fn topc(k: &TuakKey, top: &Secret<[u8; 32]>, iterations: u8) -> Secret<[u8; 32]> {
        Secret::new(take(&run(k, top.open(), 0, &[], &[], iterations), 0, 32))
    }

    fn mac(&self, instance: u8, rand: &[u8; 16], sqn: Sqn, amf: Amf) -> [u8; 32] {
        let [s0, s1, s2, s3, s4, s5] = sqn.to_bytes();
        let [a0, a1] = amf.0;
        // AMF stands before SQN in the permutation, and so after it before the octets are turned round.
        let sqn_amf = [s0, s1, s2, s3, s4, s5, a0, a1];
        let instance = instance | length_bits(self.lengths.mac);
        let state = run(&self.k, self.topc.open(), instance, rand, &sqn_amf, self.lengths.iterations);
        take(&state, 0, self.lengths.mac)
    }

    /// f1: MAC-A, in as many of the 32 octets as it has.
    pub fn f1(&self, rand: &[u8; 16], sqn: Sqn, amf: Amf) -> [u8; 32] {
        self.mac(0, rand, sqn, amf)
    }

    /// f1*: MAC-S, likewise.
    pub fn f1_star(&self, rand: &[u8; 16], sqn: Sqn, amf: Amf) -> [u8; 32] {
        self.mac(Self::F1_STAR, rand, sqn, amf)
    }

    fn f2345_state(&self, rand: &[u8; 16]) -> State {
        let long = |octets, bit| if octets > 16 { bit } else { 0 };
        let Lengths { res, ck, ik, iterations, .. } = self.lengths;
        let instance = Self::F2345 | length_bits(res) | long(ck, 0x04) | long(ik, 0x02);
        run(&self.k, self.topc.open(), instance, rand, &[], iterations)
    }

    /// f2 to f5.
    pub fn f2345(&self, rand: &[u8; 16]) -> F2345 {
        let state = self.f2345_state(rand);
        let Lengths { res, ck, ik, .. } = self.lengths;
        F2345 {
            res: take(&state, 0, res),
            ck: Secret::new(take(&state, 32, ck)),
            ik: Secret::new(take(&state, 64, ik)),
            ak: take(&state, 96, 6),
        }
    }

    /// f5*: conceals the SQN of an AUTS.
    pub fn f5_star(&self, rand: &[u8; 16]) -> [u8; 6] {
        let state = run(&self.k, self.topc.open(), Self::F5_STAR, rand, &[], self.lengths.iterations);
        take(&state, 96, 6)
    }

    /// f1 to f5 for one challenge, as long as a 3G vector has them.
    pub fn vector(&self, rand: &[u8; 16], sqn: Sqn, amf: Amf) -> Vector {
        let state = self.f2345_state(rand);
        let mac = self.f1(rand, sqn, amf);
        Vector {
            mac_a: mac.first_chunk().copied().unwrap_or_default(),
            res: take(&state, 0, 8),
            ck: Secret::new(take(&state, 32, 16)),
            ik: Secret::new(take(&state, 64, 16)),
            ak: take(&state, 96, 6),
        }
    }

    /// f5 alone.
    pub fn f5(&self, rand: &[u8; 16]) -> [u8; 6] {
        take(&self.f2345_state(rand), 96, 6)
    }
}
