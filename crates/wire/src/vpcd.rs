//! The frames of vsmartcard's virtual reader, both ways: u16 big-endian length, body.
//!
//! From the reader a body of one octet is a control (power off, power on, reset, give me the ATR) and
//! anything else is a command APDU; only the ATR request and APDUs have an answer.

use crate::Malformed;
use alloc::vec::Vec;

/// The longest body a length of two octets can announce.
pub const MAX_BODY: usize = u16::MAX as usize;

/// One frame from the reader.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Frame {
    /// 00: the reader cut the power. No answer.
    PowerOff,
    /// 01: the reader gave power. No answer.
    PowerOn,
    /// 02: the reader reset the card. No answer.
    Reset,
    /// 04: the reader asks for the ATR, also to see whether a card is there.
    Atr,
    /// A command APDU. Its bytes may hold a PIN: do not print them.
    Apdu(Vec<u8>),
    /// Nothing at all, or a control octet without a meaning here. No answer.
    Unknown,
}

impl Frame {
    fn from_body(body: &[u8]) -> Self {
        match body {
            [0] => Self::PowerOff,
            [1] => Self::PowerOn,
            [2] => Self::Reset,
            [4] => Self::Atr,
            [] | [_] => Self::Unknown,
            apdu => Self::Apdu(apdu.to_vec()),
        }
    }
}

/// Collects what arrives, in whatever pieces, and gives it out frame by frame. Holds one frame and one read.
#[derive(Debug, Default)]
pub struct Frames {
    buffer: Vec<u8>,
}

impl Frames {
    /// An empty collection.
    pub const fn new() -> Self {
        Self { buffer: Vec::new() }
    }

    /// Adds bytes as they came.
    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// The next whole frame, or `None` until more bytes come.
    pub fn next_frame(&mut self) -> Option<Frame> {
        let (head, rest) = self.buffer.split_first_chunk::<2>()?;
        let body = rest.get(..usize::from(u16::from_be_bytes(*head)))?;
        let frame = Frame::from_body(body);
        let used = 2 + body.len();
        self.buffer.drain(..used);
        Some(frame)
    }
}

/// An answer as a frame.
pub fn frame(body: &[u8]) -> Result<Vec<u8>, Malformed> {
    let len =
        u16::try_from(body.len()).map_err(|_| Malformed::new("vpcd frame", "body beyond 65,535 octets"))?;
    let mut out = Vec::with_capacity(body.len() + 2);
    out.extend_from_slice(&len.to_be_bytes());
    out.extend_from_slice(body);
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    fn all(pieces: &[&[u8]]) -> Vec<Frame> {
        let mut frames = Frames::new();
        let mut out = Vec::new();
        for piece in pieces {
            frames.push(piece);
            while let Some(frame) = frames.next_frame() {
                out.push(frame);
            }
        }
        out
    }

    #[test]
    fn every_split_of_a_stream_gives_the_same_frames() {
        let stream = [0, 1, 1, 0, 1, 4, 0, 0, 0, 1, 9, 0, 5, 0, 0xa4, 0, 4, 0, 0, 1, 2, 0, 1, 0];
        let whole = all(&[&stream]);
        use Frame::{Apdu, Atr, PowerOff, PowerOn, Reset, Unknown};
        let apdu = Apdu(vec![0, 0xa4, 0, 4, 0]);
        assert_eq!(whole, [PowerOn, Atr, Unknown, Unknown, apdu, Reset, PowerOff]);
        for cut in 0..stream.len() {
            let (a, b) = stream.split_at(cut);
            assert_eq!(all(&[a, b]), whole, "cut at {cut}");
        }
        let octets: Vec<&[u8]> = stream.chunks(1).collect();
        assert_eq!(all(&octets), whole);
    }

    #[test]
    fn the_longest_frame_is_a_frame_and_a_longer_answer_is_refused() {
        let mut stream = vec![0xff, 0xff];
        stream.extend(vec![7; MAX_BODY]);
        assert_eq!(all(&[&stream]), [Frame::Apdu(vec![7; MAX_BODY])]);
        assert_eq!(all(&[&stream[..MAX_BODY]]), []);
        assert_eq!(frame(&vec![0; MAX_BODY]).unwrap().len(), MAX_BODY + 2);
        assert!(frame(&vec![0; MAX_BODY + 1]).is_err());
    }

    #[test]
    fn garbage_never_panics() {
        let mut seed = 1u32;
        for _ in 0..2_000 {
            let noise: Vec<u8> = (0..64)
                .map(|_| {
                    seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    (seed >> 24) as u8
                })
                .collect();
            let _ = all(&[&noise]);
        }
    }
}
