//! The card's end of vsmartcard's virtual reader: a TCP client that hands frames to the card.

use card::Card;
use card::medium::{Anchor, Medium};
use rand_core::CryptoRng;
use rustix::net::sockopt::set_tcp_quickack;
use std::io::{self, Read as _, Write as _};
use std::net::TcpStream;
use std::sync::{Mutex, PoisonError};
use wire::vpcd::{Frame, Frames, frame};

/// Serves the reader until it hangs up.
///
/// The reader sends length and body in two writes. With Nagle's algorithm on our side and delayed acknowledgements
/// on top, each pair costs 40 ms: so no delay, and an acknowledgement at once, which the kernel takes back after
/// every read and has to be told again.
pub(crate) fn serve<M: Medium, A: Anchor>(
    stream: &TcpStream,
    card: &Mutex<Card<M, A>>,
    rng: &mut impl CryptoRng,
) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut frames = Frames::new();
    let mut buffer = [0; 4096];
    loop {
        set_tcp_quickack(stream, true)?;
        let mut socket = stream;
        let read = match socket.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(read) => read,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
            Err(e) => return Err(e),
        };
        frames.push(buffer.get(..read).unwrap_or_default());
        while let Some(request) = frames.next_frame() {
            // Should a command have died half-way, the card is still as its last durable write left it.
            let mut card = card.lock().unwrap_or_else(PoisonError::into_inner);
            let answer = match request {
                Frame::PowerOff | Frame::PowerOn | Frame::Reset => {
                    card.reset();
                    continue;
                }
                Frame::Unknown => {
                    tracing::debug!("a frame that is neither a control nor an APDU");
                    continue;
                }
                Frame::Atr => card.atr().to_vec(),
                Frame::Apdu(apdu) => card.transmit(&apdu, rng),
            };
            drop(card);
            // No answer of a card comes near the frame's limit.
            socket.write_all(&frame(&answer).map_err(io::Error::other)?)?;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use card::medium::{Counter, Memory};
    use card::{Code, MncLength, Profile};
    use keys::Secret;
    use rand_chacha::ChaCha20Rng;
    use rand_chacha::rand_core::{Rng as _, SeedableRng as _};
    use std::net::TcpListener;
    use std::time::Duration;

    fn card() -> Card<Memory, Counter> {
        let profile = Profile {
            iccid: "8986001200000000017".parse().unwrap(),
            imsi: "460001234567890".parse().unwrap(),
            mnc_length: MncLength::Two,
            aka: keys::aka::AkaKeys::Milenage { k: Secret::new([0; 16]), opc: Secret::new([0; 16]) },
            pin: Code::pin("1234").unwrap(),
            puk: Code::eight("12345678").unwrap(),
            adm1: Code::eight("87654321").unwrap(),
            pin2: None,
            universal_pin: None,
            more_adm: Vec::new(),
            concealment: None,
            gsm: true,
            msisdn: None,
            deed_id: None,
            card_key: None,
            alert_number: None,
            alert_endpoint: None,
            ota: None,
        };
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        Card::personalise(Memory::new(), Counter::default(), Secret::new([1; 32]), &profile, &mut rng)
            .unwrap()
    }

    /// A reader that writes `pieces` and gives back all the card said.
    fn reader(pieces: &[&[u8]]) -> Vec<u8> {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let card = std::thread::spawn(move || {
            let stream = TcpStream::connect(address).unwrap();
            serve(&stream, &Mutex::new(card()), &mut ChaCha20Rng::seed_from_u64(2))
        });
        let (mut socket, _) = listener.accept().unwrap();
        socket.set_nodelay(true).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        for piece in pieces {
            socket.write_all(piece).unwrap();
        }
        socket.shutdown(std::net::Shutdown::Write).unwrap();
        let mut out = Vec::new();
        socket.read_to_end(&mut out).unwrap();
        card.join().expect("the card never panics").unwrap();
        out
    }

    fn atr() -> Vec<u8> {
        frame(card().atr()).unwrap()
    }

    #[test]
    fn power_and_reset_have_no_answer_and_the_atr_and_apdus_have() {
        let select = b"\x00\x07\x00\xa4\x00\x04\x02\x2f\xe2";
        let out = reader(&[b"\x00\x01\x01", b"\x00\x01\x02", b"\x00\x01\x04", select, b"\x00\x01\x00"]);
        assert_eq!(out, [atr(), b"\x00\x02\x61\x28".to_vec()].concat());
    }

    #[test]
    fn frames_may_come_in_any_pieces_and_empty_or_unknown_ones_are_passed_over() {
        let stream = b"\x00\x01\x04\x00\x00\x00\x01\x63\x00\x05\x00\xb0\x82\x00\x0a";
        let whole = reader(&[stream]);
        assert!(whole.starts_with(&atr()) && whole.ends_with(b"\x90\x00"), "{whole:02x?}");
        for cut in 1..stream.len() {
            let (a, b) = stream.split_at(cut);
            assert_eq!(reader(&[a, b]), whole, "cut at {cut}");
        }
    }

    #[test]
    fn the_longest_frame_is_a_wrong_length_and_garbage_is_survived() {
        let mut long = vec![0xff, 0xff];
        long.extend(vec![0; 65_535]);
        assert_eq!(reader(&[&long]), b"\x00\x02\x67\x00");
        let mut rng = ChaCha20Rng::seed_from_u64(3);
        for _ in 0..50 {
            let mut noise = vec![0; 3_000];
            rng.fill_bytes(&mut noise);
            for pair in noise.chunks_mut(40) {
                pair[0] = 0; // short frames, so that many reach the card
                pair[1] %= 38;
            }
            let _ = reader(&[&noise]);
        }
    }
}
