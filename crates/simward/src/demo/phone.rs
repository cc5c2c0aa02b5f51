//! A phone: a card in process, and the datagram socket by which it reaches the authentication centre.
//!
//! The phone compares the card's RES with the XRES it was given, as an EAP server would.

use card::medium::{Counter, Memory};
use card::{Card, Profile};
use keys::Secret;
use rand_chacha::ChaCha20Rng;
use std::io;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::time::Duration;
use wire::Imsi;

/// AID of a USIM (TS 31.102 Annex A): enough of it to select the first one.
const USIM: [u8; 7] = [0xA0, 0, 0, 0, 0x87, 0x10, 0x02];

/// What became of an attempt to attach.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Attach {
    /// The card answered as the network expected.
    Attached,
    /// The authentication centre gives this card nothing.
    RefusedByNetwork,
    /// The card gives nothing away.
    RefusedByCard(u16),
}

/// A phone with a card in it.
pub(crate) struct Phone {
    card: Card<Memory, Counter>,
    profile: Profile,
    socket: UnixDatagram,
    gateway: PathBuf,
    rng: ChaCha20Rng,
}

fn broken(what: impl std::fmt::Display) -> io::Error {
    io::Error::other(what.to_string())
}

impl Phone {
    /// Personalises a fresh card and puts it into a phone.
    pub(crate) fn new(
        profile: Profile,
        folder: &Path,
        gateway: &Path,
        name: &str,
        mut rng: ChaCha20Rng,
    ) -> io::Result<Self> {
        let device_key = Secret::random(&mut rng);
        let card = Card::personalise(Memory::new(), Counter(0), device_key, &profile, &mut rng)
            .map_err(|e| broken(format!("{e:?}")))?;
        let socket = UnixDatagram::bind(folder.join(format!("{name}.sock")))?;
        socket.set_read_timeout(Some(Duration::from_secs(5)))?;
        Ok(Self { card, profile, socket, gateway: gateway.to_path_buf(), rng })
    }

    /// Its card's IMSI.
    pub(crate) const fn imsi(&self) -> Imsi {
        self.profile.imsi
    }

    /// Switches on, enters the PIN and authenticates once; a card that is ahead resynchronises the centre first.
    pub(crate) fn attach(&mut self) -> io::Result<Attach> {
        self.attach_with(Some(*self.profile.pin.danger_expose()))
    }

    /// The same with another PIN, or with none.
    pub(crate) fn attach_with(&mut self, pin: Option<[u8; 8]>) -> io::Result<Attach> {
        self.card.reset();
        for _ in 0..2 {
            let answer = self.ask(&format!("AKA-REQ-AUTH {}", self.imsi()))?;
            let fields: Vec<Vec<u8>> =
                answer.split(' ').skip(2).filter_map(|f| hex::decode(f).ok()).collect();
            let [rand, autn, _ik, _ck, xres] = fields.as_slice() else { return Ok(Attach::RefusedByNetwork) };
            let select = [&[0x00, 0xA4, 0x04, 0x0C, 7][..], &USIM].concat();
            self.transmit(&select)?;
            if let Some(pin) = pin {
                let (_, status) = self.transmit(&[&[0x00, 0x20, 0x00, 0x01, 8][..], &pin].concat())?;
                if status != 0x9000 {
                    return Ok(Attach::RefusedByCard(status));
                }
            }
            let apdu = [&[0x00, 0x88, 0x00, 0x81, 34, 16][..], rand, &[16], autn].concat();
            let (data, status) = self.transmit(&apdu)?;
            match data.as_slice() {
                [0xDB, 8, rest @ ..] if rest.get(..8) == Some(xres.as_slice()) => {
                    return Ok(Attach::Attached);
                }
                [0xDC, 14, auts @ ..] => {
                    let auts =
                        format!("AKA-AUTS {} {} {}", self.imsi(), hex::encode(auts), hex::encode(rand));
                    self.socket.send_to(auts.as_bytes(), &self.gateway)?;
                }
                _ => return Ok(Attach::RefusedByCard(status)),
            }
        }
        Ok(Attach::RefusedByCard(0x9862))
    }

    /// Disables the PIN (TS 102 221 §11.1.12).
    #[cfg(all(test, feature = "danger_switches"))]
    pub(crate) fn disable_pin(&mut self) -> io::Result<()> {
        self.card.reset();
        let pin = *self.profile.pin.danger_expose();
        match self.transmit(&[&[0x00, 0x26, 0x00, 0x01, 8][..], &pin].concat())? {
            (_, 0x9000) => Ok(()),
            (_, status) => Err(broken(format!("the PIN stays on: {status:04x}"))),
        }
    }

    fn ask(&self, request: &str) -> io::Result<String> {
        self.socket.send_to(request.as_bytes(), &self.gateway)?;
        let mut buffer = [0; 1024];
        let n = self.socket.recv(&mut buffer)?;
        String::from_utf8(buffer.get(..n).unwrap_or_default().to_vec()).map_err(broken)
    }

    /// One APDU, and GET RESPONSE where T=0 wants it (TS 102 221 §7.3.1.1.5).
    fn transmit(&mut self, apdu: &[u8]) -> io::Result<(Vec<u8>, u16)> {
        let mut response = self.card.transmit(apdu, &mut self.rng);
        if let [0x61, length] = response[..] {
            response = self.card.transmit(&[0x00, 0xC0, 0x00, 0x00, length], &mut self.rng);
        }
        let (data, status) = response.split_last_chunk::<2>().ok_or_else(|| broken("the card was silent"))?;
        Ok((data.to_vec(), u16::from_be_bytes(*status)))
    }
}
