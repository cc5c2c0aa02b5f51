//! A phone in the play: a card in memory, attached by the node's radio door.

use crate::card::terminal::{Link, Terminal, TerminalError};
use crate::phone::{PhoneError, Radio, Received, Surroundings, take_messages};
use card::medium::{Counter, Memory};
use card::{Card, Code, Profile};
use keys::Secret;
use keys::aka::AkaKeys;
use rand_chacha::ChaCha20Rng;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;
use wire::Imsi;

pub(crate) use crate::phone::Attach;

/// How long a phone listens for a message that was said to be sent.
const SOON: Duration = Duration::from_secs(2);

/// A card that has power.
struct Powered {
    card: Card<Memory, Counter>,
    rng: ChaCha20Rng,
}

impl Link for Powered {
    fn transmit(&mut self, apdu: &[u8]) -> Result<Vec<u8>, TerminalError> {
        Ok(self.card.transmit(apdu, &mut self.rng))
    }
}

/// A phone with a card in it.
pub(crate) struct Phone {
    card: Powered,
    profile: Profile,
    network: PathBuf,
    radio: Option<Radio>,
    at: Surroundings,
    /// There is no phone: nothing is heard and nothing attaches.
    off: bool,
}

fn broken(what: impl std::fmt::Display) -> io::Error {
    io::Error::other(what.to_string())
}

impl Phone {
    /// Personalises a fresh card and puts it into a phone; `serial` tells phones apart.
    pub(crate) fn new(
        profile: Profile,
        network: &Path,
        serial: u8,
        mut rng: ChaCha20Rng,
    ) -> io::Result<Self> {
        let device_key = Secret::random(&mut rng);
        let card = Card::personalise(Memory::new(), Counter(0), device_key, &profile, &mut rng)
            .map_err(|e| broken(format!("{e:?}")))?;
        let imei = format!("4901542032375{:02}", serial % 100).parse().map_err(broken)?;
        let at = Surroundings { imei, plmn: "46000".parse().map_err(broken)?, area: 1 };
        Ok(Self {
            card: Powered { card, rng },
            profile,
            network: network.into(),
            radio: None,
            at,
            off: false,
        })
    }

    /// A phone that hears nothing: what somebody has whose phone is elsewhere. Of the same network as `like`.
    pub(crate) fn nothing(like: &Self, rng: ChaCha20Rng) -> io::Result<Self> {
        let mut phone = Self::new(like.profile.clone(), &like.network, 99, rng)?;
        phone.off = true;
        Ok(phone)
    }

    /// The holder gives the PIN.
    pub(crate) fn give_pin(&mut self) -> io::Result<()> {
        let pin = self.profile.pin.clone();
        let mut card = Terminal::over(&mut self.card);
        card.select_usim().map_err(broken)?;
        card.verify(&pin, true).map_err(broken)
    }

    /// The card's own key signs a digest.
    pub(crate) fn sign(&mut self, digest: &[u8; 32]) -> io::Result<[u8; 64]> {
        self.give_pin()?;
        Terminal::over(&mut self.card).sign(digest).map_err(broken)
    }

    /// What the card says to a message that is its own.
    pub(crate) fn envelope(&mut self, tpdu: &[u8]) -> io::Result<Vec<u8>> {
        let mut card = Terminal::over(&mut self.card);
        card.envelope(&wire::envelope::sms_pp_download(None, tpdu)).map(|(data, _)| data).map_err(broken)
    }

    /// K and OPc, as whoever made the card knows them.
    pub(crate) fn subscriber_keys(&self) -> Option<([u8; 16], [u8; 16])> {
        match &self.profile.aka {
            AkaKeys::Milenage { k, opc } => Some((*k.danger_expose(), *opc.danger_expose())),
            AkaKeys::Tuak { .. } | AkaKeys::Xor { .. } => None,
        }
    }

    /// Something done with the card outside of any network.
    pub(crate) fn with_card<T>(&mut self, what: impl FnOnce(&mut Terminal<'_>) -> T) -> T {
        what(&mut Terminal::over(&mut self.card))
    }

    /// Its card's IMSI.
    pub(crate) const fn imsi(&self) -> Imsi {
        self.profile.imsi
    }

    /// Whether it was told to be served, and nothing since.
    pub(crate) const fn is_attached(&self) -> bool {
        self.radio.is_some()
    }

    /// Switches on, enters the PIN and attaches.
    pub(crate) fn attach(&mut self) -> io::Result<Attach> {
        let pin = self.profile.pin.clone();
        self.attach_with(Some(&pin))
    }

    /// The same with another PIN, or with none.
    pub(crate) fn attach_with(&mut self, pin: Option<&card::Code>) -> io::Result<Attach> {
        self.radio = None;
        if self.off {
            return Ok(Attach::RefusedByNetwork("there is no phone here".into()));
        }
        self.card.card.reset();
        let mut card = Terminal::over(&mut self.card);
        card.select_usim().map_err(broken)?;
        if let Some(pin) = pin {
            match card.verify(pin, true) {
                Ok(()) => {}
                Err(TerminalError::WrongCode { left, .. }) => {
                    return Ok(Attach::RefusedByCard(0x63c0 | u16::from(left)));
                }
                Err(error) => return Err(broken(error)),
            }
        }
        let mut radio = Radio::tune(&self.network)?;
        let outcome = radio.attach(&mut card, self.profile.imsi, self.at).map_err(broken)?;
        if outcome == Attach::Attached {
            self.radio = Some(radio);
        }
        Ok(outcome)
    }

    /// The messages that have come since it was last asked, out of the card's own EF_SMS. One that was sent just now is
    /// waited for.
    pub(crate) fn inbox(&mut self, expected: Option<&str>) -> io::Result<Vec<Received>> {
        if self.off {
            return Ok(Vec::new());
        }
        let mut card = Terminal::over(&mut self.card);
        let mut read = Vec::new();
        let mut patience = if expected.is_some() { SOON } else { Duration::ZERO };
        while let Some(radio) = &mut self.radio {
            match radio.message(&mut card, patience) {
                // Read at once, so that the card has room for the next.
                Ok(Some(_)) => {
                    read.extend(take_messages(&mut card).map_err(broken)?);
                    if read.iter().any(|read: &Received| Some(read.text.as_str()) == expected) {
                        patience = Duration::ZERO;
                    }
                }
                Ok(None) => break,
                // Released, or the network is gone: a phone attaches again when it likes.
                Err(PhoneError::Refused(_) | PhoneError::Network(_)) => self.radio = None,
                Err(error) => return Err(broken(error)),
            }
        }
        Ok(read)
    }

    /// Sends a text, if it is attached.
    pub(crate) fn send(&mut self, to: &wire::Msisdn, text: &str) -> Result<(), PhoneError> {
        match &mut self.radio {
            Some(radio) => radio.send_text(to, text),
            // Nobody let it in; it speaks all the same.
            None => Radio::tune(&self.network)?.send_text(to, text),
        }
    }

    /// VERIFY as it is (TS 102 221 §11.1.9), whatever the card said before: its status word.
    pub(crate) fn verify_pin(&mut self, pin: &Code) -> io::Result<[u8; 2]> {
        let verify = [&[0x00, 0x20, 0x00, 0x01, 8][..], pin.danger_expose()].concat();
        let answer = self.card.transmit(&verify).map_err(broken)?;
        answer.last_chunk().copied().ok_or_else(|| broken("no status word"))
    }

    /// Disables the PIN (TS 102 221 §11.1.12).
    #[cfg(all(test, feature = "danger_switches"))]
    pub(crate) fn disable_pin(&mut self) -> io::Result<()> {
        self.card.card.reset();
        let pin = *self.profile.pin.danger_expose();
        let select = [&[0x00, 0xA4, 0x04, 0x0C, 7][..], &[0xA0, 0, 0, 0, 0x87, 0x10, 0x02]].concat();
        let disable = [&[0x00, 0x26, 0x00, 0x01, 8][..], &pin].concat();
        for apdu in [select, disable] {
            match self.card.transmit(&apdu).map_err(broken)?.as_slice() {
                [.., 0x90, 0x00] => {}
                other => return Err(broken(format!("the PIN stays on: {other:02x?}"))),
            }
        }
        Ok(())
    }
}
