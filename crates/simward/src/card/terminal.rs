//! The phone's side of a card, as far as the command line needs it: a card in its folder or one in a PC/SC reader.

use super::folder::{DeviceKeys, Folder};
use super::{CardError, Found, HostCard, hide, open, system};
use crate::pcsc::{Connection, Context, PcscError};
use crate::random;
use ::card::Code;
use keys::Secret;
use keys::agree::{Agree, NotAPoint};
use std::path::{Path, PathBuf};
use wire::apdu::{Cla, Command, Ins, Status, response};
use wire::tlv::{find, objects, tlv};
use zeroize::Zeroize as _;

/// Which card.
#[derive(Debug, clap::Args)]
pub(crate) struct Where {
    #[command(flatten)]
    one: One,
    /// Folder of the device keys [default: $SIMWARD_DEVICE_KEYS, or ~/.local/state/simward/device-keys].
    #[arg(long, value_name = "DIR", conflicts_with = "reader")]
    device_keys: Option<PathBuf>,
}

/// One of the two.
#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
struct One {
    /// The folder of a card of ours that is not running.
    #[arg(long, value_name = "DIR")]
    state: Option<PathBuf>,
    /// The PC/SC reader with the card, by its name or a part of it.
    #[arg(long, value_name = "NAME")]
    reader: Option<String>,
}

/// Why the card did not do as asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TerminalError {
    /// The reader.
    #[error(transparent)]
    Pcsc(#[from] PcscError),
    /// No reader of that name.
    #[error("no reader is called {wanted}; there are: {}", there.join(", "))]
    NoSuchReader {
        /// The name asked for.
        wanted: String,
        /// The names there are.
        there: Vec<String>,
    },
    /// The card said no.
    #[error("the card refused {what}: {status}{}", meaning(*status))]
    Refused {
        /// What was asked of it.
        what: &'static str,
        /// Its answer.
        status: Status,
    },
    /// The wrong code.
    #[error("wrong {what}: {left} {} left", if *left == 1 { "try" } else { "tries" })]
    WrongCode {
        /// Which code.
        what: &'static str,
        /// Tries left.
        left: u8,
    },
    /// No tries left.
    #[error("the {what} is blocked{}", if *.what == "PIN" { "; `simward card pin unblock` takes the PUK" } else { " for ever" })]
    Blocked {
        /// Which code.
        what: &'static str,
    },
    /// One try left.
    #[error(
        "one try is left for the {what}; a wrong one blocks it. Nothing was tried; --last-try does it all the same"
    )]
    OneTryLeft {
        /// Which code.
        what: &'static str,
    },
    /// What the other end calls its key is none.
    #[error("the other end's key is {0}")]
    NotAPoint(#[from] NotAPoint),
    /// The card answers what no standard knows.
    #[error("the card's answer to {what} makes no sense")]
    Nonsense {
        /// What was asked of it.
        what: &'static str,
    },
}

const fn meaning(status: Status) -> &'static str {
    match status {
        Status::SECURITY_NOT_SATISFIED => " (the PIN is needed)",
        Status::BLOCKED => " (blocked)",
        Status::INVALIDATED => " (the PIN is not asked for on this card)",
        Status::MEMORY_PROBLEM => " (its memory failed; nothing was changed)",
        Status::FILE_NOT_FOUND => " (it has no such file)",
        Status::TECHNICAL_PROBLEM => " (it is locked or out of order)",
        _ => "",
    }
}

/// What carries one command APDU to a card.
pub(crate) trait Link {
    /// The card's answer.
    fn transmit(&mut self, apdu: &[u8]) -> Result<Vec<u8>, TerminalError>;
}

struct InFolder {
    card: Box<HostCard>,
    rng: random::System,
}

impl Link for InFolder {
    fn transmit(&mut self, apdu: &[u8]) -> Result<Vec<u8>, TerminalError> {
        Ok(self.card.transmit(apdu, &mut self.rng))
    }
}

impl Link for Connection<'_> {
    fn transmit(&mut self, apdu: &[u8]) -> Result<Vec<u8>, TerminalError> {
        Ok(Connection::transmit(self, apdu)?)
    }
}

impl Where {
    /// A card in this folder.
    pub(crate) fn folder(state: &Path, device_keys: Option<&Path>) -> Self {
        let one = One { state: Some(state.into()), reader: None };
        Self { one, device_keys: device_keys.map(Into::into) }
    }

    /// Powers the card, does `what` with it, and powers it off.
    pub(crate) fn visit<T>(
        &self,
        what: impl FnOnce(&mut Terminal<'_>) -> Result<T, CardError>,
    ) -> Result<T, CardError> {
        hide()?;
        if let Some(state) = &self.one.state {
            if !Folder::exists(state) {
                return Err(CardError::NoCard(state.clone()));
            }
            let mut rng = random::system().map_err(system("get randomness"))?;
            let keys = DeviceKeys::folder(self.device_keys.as_deref());
            let (_folder, card) = match open(state, &keys, None, &mut rng)? {
                Found::Card(card, folder) => (folder, card),
                Found::Terminated(terminated) => return Err(CardError::Terminated(terminated)),
            };
            if let Some(lock) = card.lock() {
                return Err(CardError::Locked { state: state.clone(), lock });
            }
            return what(&mut Terminal { link: &mut InFolder { card, rng } });
        }
        let wanted = self.one.reader.clone().unwrap_or_default();
        let context = Context::establish().map_err(TerminalError::from)?;
        let readers = context.readers().map_err(TerminalError::from)?;
        let name = readers.iter().find(|r| **r == wanted).or(readers.iter().find(|r| r.contains(&wanted)));
        let Some(name) = name else {
            return Err(TerminalError::NoSuchReader { wanted, there: readers }.into());
        };
        let mut connection = context.connect(name).map_err(TerminalError::from)?;
        what(&mut Terminal { link: &mut connection })
    }

    /// The card as its user knows it.
    pub(crate) fn name(&self) -> String {
        match (&self.one.state, &self.one.reader) {
            (Some(state), _) => state.display().to_string(),
            (None, reader) => reader.clone().unwrap_or_default(),
        }
    }
}

/// A card that has power.
pub(crate) struct Terminal<'a> {
    link: &'a mut dyn Link,
}

/// What a selection said of an EF (TS 102 221 §11.1.1.3).
#[derive(Debug, Clone)]
pub(crate) struct Selected {
    /// Octets of a record; `None` of a transparent file.
    pub(crate) record: Option<u8>,
    /// Octets of the whole file.
    pub(crate) size: usize,
    /// The EF.ARR and the record of it that rule the file.
    pub(crate) rule: Option<(u16, u8)>,
}

impl Selected {
    /// How many records it has.
    pub(crate) fn records(&self) -> u8 {
        self.record.map_or(0, |len| u8::try_from(self.size / usize::from(len.max(1))).unwrap_or(u8::MAX))
    }

    fn of(fcp: &[u8]) -> Option<Self> {
        let fcp = find(fcp, 0x62)?;
        let record = match find(fcp, 0x82)? {
            [descriptor, _, _, len, ..] if descriptor & 0x07 != 0x01 => Some(*len),
            _ => None,
        };
        let size = find(fcp, 0x80).map_or(0, |s| s.iter().fold(0, |size, b| size << 8 | usize::from(*b)));
        let rule = match find(fcp, 0x8b) {
            Some([high, low, record]) => Some((u16::from_be_bytes([*high, *low]), *record)),
            _ => None,
        };
        Some(Self { record, size, rule })
    }
}

impl<'a> Terminal<'a> {
    /// Over whatever leads to a card that has power.
    pub(crate) fn over(link: &'a mut dyn Link) -> Self {
        Self { link }
    }
}

impl Terminal<'_> {
    /// AUTHENTICATE in the 3G context (TS 31.102 §7.1.2.1): what the card says, or the status it refuses with.
    pub(crate) fn authenticate(
        &mut self,
        rand: &[u8; 16],
        autn: &[u8; 16],
    ) -> Result<Result<Vec<u8>, Status>, TerminalError> {
        let data = [&[16][..], rand, &[16], autn].concat();
        let (data, status) = self.send("AUTHENTICATE", command(Ins::AUTHENTICATE, 0, 0x81, &data, None))?;
        Ok(if status == Status::OK { Ok(data) } else { Err(status) })
    }

    /// PERFORM SECURITY OPERATION: the card's own key signs a digest.
    pub(crate) fn sign(&mut self, digest: &[u8; 32]) -> Result<[u8; 64], TerminalError> {
        const WHAT: &str = "a signature of its own";
        let answer = self.send(WHAT, command(Ins::PERFORM_SECURITY_OPERATION, 0x9e, 0x9a, digest, None))?;
        Self::done(WHAT, answer)?.try_into().map_err(|_| TerminalError::Nonsense { what: WHAT })
    }

    /// GENERATE ASYMMETRIC KEY PAIR, reading: the card's key for agreeing with others.
    pub(crate) fn agreement_key(&mut self) -> Result<[u8; 65], TerminalError> {
        const WHAT: &str = "its key for agreeing with others";
        let answer =
            self.send(WHAT, command(Ins::GENERATE_ASYMMETRIC_KEY_PAIR, 0x81, 0, &[0xb8, 0], None))?;
        let key = Self::done(WHAT, answer)?;
        let point =
            find(&key, 0x7f49).and_then(|key| find(key, 0x86)).and_then(|point| point.try_into().ok());
        point.ok_or(TerminalError::Nonsense { what: WHAT })
    }

    /// DECIPHER with a public key: the secret that the card and whoever holds the key of `point` have in common.
    pub(crate) fn agreed(&mut self, point: &[u8; 65]) -> Result<Secret<[u8; 32]>, TerminalError> {
        const WHAT: &str = "a secret in common";
        let cipher = tlv(0xa6, &tlv(0x7f49, &tlv(0x86, point)));
        let answer = self.send(WHAT, command(Ins::PERFORM_SECURITY_OPERATION, 0x80, 0x86, &cipher, None))?;
        let mut secret = Self::done(WHAT, answer)?;
        let octets = secret.as_slice().try_into().map_err(|_| TerminalError::Nonsense { what: WHAT });
        secret.zeroize();
        octets.map(Secret::new)
    }

    /// ENVELOPE: a short message that is the card's own (TS 31.111 §7.1.1); what the card has to say to whoever sealed it,
    /// and the status word.
    pub(crate) fn envelope(&mut self, data: &[u8]) -> Result<(Vec<u8>, Status), TerminalError> {
        let command = Command { cla: Cla::UICC, ..command(Ins::ENVELOPE, 0, 0, data, None) };
        self.send("ENVELOPE", command)
    }

    /// One command, its 61xx and 6Cxx followed as over T=0 (TS 102 221 §7.3.1.1).
    fn send(&mut self, what: &'static str, command: Command<'_>) -> Result<(Vec<u8>, Status), TerminalError> {
        let nonsense = |_| TerminalError::Nonsense { what };
        let answer = self.link.transmit(&command.to_bytes().map_err(nonsense)?)?;
        let (data, status) = response(&answer).map_err(nonsense)?;
        let (mut data, mut status) = (data.to_vec(), status);
        let le = |n: u8| Some(if n == 0 { 256 } else { usize::from(n) });
        if let [0x6c, exact] = status.to_bytes() {
            let again = Command { le: le(exact), ..command };
            let answer = self.link.transmit(&again.to_bytes().map_err(nonsense)?)?;
            let (more, then) = response(&answer).map_err(nonsense)?;
            (data, status) = (more.to_vec(), then);
        }
        // A card could say for ever that more waits.
        for _ in 0..16 {
            let [0x61, more] = status.to_bytes() else { break };
            let rest = Command { cla: Cla(0), ins: Ins::GET_RESPONSE, p1: 0, p2: 0, data: &[], le: le(more) };
            let answer = self.link.transmit(&rest.to_bytes().map_err(nonsense)?)?;
            let (more, then) = response(&answer).map_err(nonsense)?;
            data.extend_from_slice(more);
            status = then;
        }
        Ok((data, status))
    }

    fn done(what: &'static str, (data, status): (Vec<u8>, Status)) -> Result<Vec<u8>, TerminalError> {
        if status == Status::OK { Ok(data) } else { Err(TerminalError::Refused { what, status }) }
    }

    /// Selects the USIM; whether the card has one.
    pub(crate) fn select_usim(&mut self) -> Result<bool, TerminalError> {
        const AID: &[u8] = &[0xa0, 0x00, 0x00, 0x00, 0x87, 0x10, 0x02];
        let command = command(Ins::SELECT, 0x04, 0x04, AID, None);
        Ok(self.send("SELECT of the USIM", command)?.1 == Status::OK)
    }

    /// Selects by path from the MF, 7FFF being the USIM; `None` if there is no such file.
    pub(crate) fn select(&mut self, path: &[u16]) -> Result<Option<Selected>, TerminalError> {
        const WHAT: &str = "SELECT";
        let path: Vec<u8> = path.iter().flat_map(|fid| fid.to_be_bytes()).collect();
        let answer = self.send(WHAT, command(Ins::SELECT, 0x08, 0x04, &path, None))?;
        if answer.1 == Status::FILE_NOT_FOUND {
            return Ok(None);
        }
        let fcp = Self::done(WHAT, answer)?;
        Selected::of(&fcp).map(Some).ok_or(TerminalError::Nonsense { what: WHAT })
    }

    /// Octets of the selected transparent file, up to 255 of them; `None` if whoever asks may not.
    pub(crate) fn read_binary(&mut self, size: usize) -> Result<Option<Vec<u8>>, TerminalError> {
        const WHAT: &str = "READ BINARY";
        let le = size.min(255);
        readable(self.send(WHAT, command(Ins::READ_BINARY, 0, 0, &[], Some(le)))?, WHAT)
    }

    /// A record of the selected file; `None` if whoever asks may not.
    pub(crate) fn read_record(&mut self, number: u8, len: u8) -> Result<Option<Vec<u8>>, TerminalError> {
        const WHAT: &str = "READ RECORD";
        let le = Some(usize::from(len));
        readable(self.send(WHAT, command(Ins::READ_RECORD, number, 0x04, &[], le))?, WHAT)
    }

    /// Writes a record of the selected file.
    pub(crate) fn update_record(&mut self, number: u8, record: &[u8]) -> Result<(), TerminalError> {
        const WHAT: &str = "UPDATE RECORD";
        let answer = self.send(WHAT, command(Ins::UPDATE_RECORD, number, 0x04, record, None))?;
        Self::done(WHAT, answer).map(drop)
    }

    /// Whether the PIN is asked for (the PIN status in the MF's FCP, TS 102 221 §11.1.1.4.10).
    pub(crate) fn pin_is_asked_for(&mut self) -> Result<bool, TerminalError> {
        const WHAT: &str = "SELECT of the MF";
        let answer = self.send(WHAT, command(Ins::SELECT, 0x00, 0x04, &[0x3f, 0x00], None))?;
        let fcp = Self::done(WHAT, answer)?;
        let status = find(&fcp, 0x62).and_then(|fcp| find(fcp, 0xc6));
        let status = status.ok_or(TerminalError::Nonsense { what: WHAT })?;
        let enabled = find(status, 0x90).and_then(|b| b.first()).copied().unwrap_or(0);
        // A bit for each key reference, in their order.
        let place = objects(status).map_while(Result::ok).filter(|o| o.tag == 0x83);
        let place = place.into_iter().position(|o| o.value == [0x01]);
        Ok(place.is_some_and(|n| n < 8 && enabled & (0x80 >> n) != 0))
    }

    /// Tries left: of the PIN, of the PUK.
    pub(crate) fn tries(&mut self) -> Result<(u8, u8), TerminalError> {
        let mut left = |ins, what| {
            let (_, status) = self.send(what, command(ins, 0, 0x01, &[], None))?;
            match status.to_bytes() {
                [0x63, left] => Ok(left & 0x0f),
                [0x69, 0x83] => Ok(0),
                _ => Err(TerminalError::Refused { what, status }),
            }
        };
        Ok((
            left(Ins::VERIFY_PIN, "a question about the PIN")?,
            left(Ins::UNBLOCK_PIN, "a question about the PUK")?,
        ))
    }

    /// A code presented. Refused while one try is left, unless `last_try`.
    fn present(
        &mut self,
        what: &'static str,
        ins: Ins,
        data: &[u8],
        last_try: bool,
    ) -> Result<(), TerminalError> {
        let (pin, puk) = self.tries()?;
        match if what == "PUK" { puk } else { pin } {
            0 => return Err(TerminalError::Blocked { what }),
            1 if !last_try => return Err(TerminalError::OneTryLeft { what }),
            _ => {}
        }
        let (_, status) = self.send(what, command(ins, 0, 0x01, data, None))?;
        match status.to_bytes() {
            [0x90, 0x00] => Ok(()),
            [0x63, 0xc0] | [0x69, 0x83] => Err(TerminalError::Blocked { what }),
            [0x63, left] if left & 0xf0 == 0xc0 => Err(TerminalError::WrongCode { what, left: left & 0x0f }),
            _ => Err(TerminalError::Refused { what, status }),
        }
    }

    /// VERIFY.
    pub(crate) fn verify(&mut self, pin: &Code, last_try: bool) -> Result<(), TerminalError> {
        if !self.pin_is_asked_for()? {
            return Ok(());
        }
        self.present("PIN", Ins::VERIFY_PIN, pin.danger_expose(), last_try)
    }

    /// CHANGE PIN.
    pub(crate) fn change_pin(&mut self, old: &Code, new: &Code, last_try: bool) -> Result<(), TerminalError> {
        let both = zeroize::Zeroizing::new([old.danger_expose().as_slice(), new.danger_expose()].concat());
        self.present("PIN", Ins::CHANGE_PIN, &both, last_try)
    }

    /// UNBLOCK PIN.
    pub(crate) fn unblock_pin(
        &mut self,
        puk: &Code,
        new: &Code,
        last_try: bool,
    ) -> Result<(), TerminalError> {
        let both = zeroize::Zeroizing::new([puk.danger_expose().as_slice(), new.danger_expose()].concat());
        self.present("PUK", Ins::UNBLOCK_PIN, &both, last_try)
    }
}

impl Agree for Terminal<'_> {
    type Error = TerminalError;

    fn public(&mut self) -> Result<[u8; 65], TerminalError> {
        self.agreement_key()
    }

    fn agree(&mut self, point: &[u8; 65]) -> Result<Secret<[u8; 32]>, TerminalError> {
        self.agreed(point)
    }
}

fn readable((data, status): (Vec<u8>, Status), what: &'static str) -> Result<Option<Vec<u8>>, TerminalError> {
    match status {
        Status::OK => Ok(Some(data)),
        Status::SECURITY_NOT_SATISFIED => Ok(None),
        status => Err(TerminalError::Refused { what, status }),
    }
}

const fn command(ins: Ins, p1: u8, p2: u8, data: &[u8], le: Option<usize>) -> Command<'_> {
    Command { cla: Cla::INTERINDUSTRY, ins, p1, p2, data, le }
}
