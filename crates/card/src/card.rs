//! The card: what a reader sees.

use crate::agree::{agree, public_key};
use crate::answer::Answer;
use crate::authenticate::authenticate;
use crate::content::{read_binary, read_record, update_binary, update_record};
use crate::files::{Ef, read_iccid};
use crate::log::{Lock, Log, Opened};
use crate::medium::{Anchor, Fault, Medium};
use crate::ota::envelope;
use crate::pin::pin;
use crate::profile::Profile;
use crate::select::{select, status};
use crate::session::Session;
use crate::sign::sign;
use crate::state::{Change, State};
use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;
use keys::Secret;
use keys::seal::subkey;
use rand_core::CryptoRng;
use wire::Iccid;
use wire::apdu::{Cla, Command, Ins, Status};

/// Answer to reset: T=0 and nothing but the basic channel. TA1 96 allows fast clocks, TA3 C7 any voltage and a
/// stopped clock; the historical bytes say what SELECT can do and who made it (ISO/IEC 7816-3 §8,
/// ISO/IEC 7816-4 §12.1.1, TS 102 221 §6.3).
const ATR: [u8; 22] = [
    0x3b, 0x9f, 0x96, 0x80, 0x1f, 0xc7, // TS, T0, TA1, TD1 (T=0), TD2 (T=15), TA3
    0x80, 0x31, 0xe0, 0x73, 0xf6, 0x21, 0x00, 0x67, b'S', b'i', b'm', b'w', b'a', b'r', b'd',
    0x94, // TCK: everything from T0 on comes to zero
];

/// There is no card here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// Nothing was ever personalised on this medium.
    #[error("this state holds no card yet; personalise one")]
    Empty,
    /// There is a card already.
    #[error("this state already holds a card; personalise a new one elsewhere")]
    NotEmpty,
    /// The medium failed.
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// A card that works: its log, its state, and the key its codes are checked with.
pub(crate) struct Live<M, A> {
    log: Log<M, A>,
    pub(crate) state: State,
    pub(crate) pepper: Secret<[u8; 32]>,
}

impl<M: Medium, A: Anchor> Live<M, A> {
    /// Makes the changes durable, then real. After an error nothing has changed and nothing may be granted.
    pub(crate) fn commit(&mut self, changes: &[Change], rng: &mut impl CryptoRng) -> Result<(), Status> {
        let record = Change::record(changes);
        let state = &self.state;
        self.log.commit(&record, || state.snapshot(), rng).map_err(|Fault| Status::MEMORY_PROBLEM)?;
        // Every change was made for a file of this state.
        self.state.apply(changes).ok_or(Status::TECHNICAL_PROBLEM)
    }
}

enum Body<M, A> {
    Live(Box<Live<M, A>>),
    Locked(Lock, M, A),
}

/// A UICC with one application, the USIM, over T=0.
pub struct Card<M, A> {
    body: Body<M, A>,
    session: Session,
}

impl<M, A> fmt::Debug for Card<M, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.body {
            Body::Live(_) => f.write_str("Card(…)"),
            Body::Locked(lock, ..) => write!(f, "Card(locked: {lock})"),
        }
    }
}

/// Codes are hashed under a key of this card alone.
fn pepper(device_key: &Secret<[u8; 32]>, card_id: &[u8; 16]) -> Secret<[u8; 32]> {
    subkey(device_key, card_id, b"simward.card.code.1")
}

impl<M: Medium, A: Anchor> Card<M, A> {
    /// Makes a new card on an empty medium. The device key seals it; without that key it does not open again.
    pub fn personalise(
        medium: M,
        anchor: A,
        device_key: Secret<[u8; 32]>,
        profile: &Profile,
        rng: &mut impl CryptoRng,
    ) -> Result<Self, OpenError> {
        let Opened::Empty(medium, anchor) = Log::open(medium, anchor, device_key.clone())? else {
            return Err(OpenError::NotEmpty);
        };
        let mut card_id = [0; 16];
        rng.fill_bytes(&mut card_id);
        let pepper = pepper(&device_key, &card_id);
        let state = State::new(profile, &pepper, rng);
        let log = Log::begin(medium, anchor, device_key, card_id, &state.snapshot(), rng)?;
        Ok(Self { body: Body::Live(Box::new(Live { log, state, pepper })), session: Session::new() })
    }

    /// Opens the card on this medium. If what is there is not its newest state, the card opens *locked*: it answers
    /// a reset and nothing else, and [`Card::lock`] says why.
    pub fn open(medium: M, anchor: A, device_key: Secret<[u8; 32]>) -> Result<Self, OpenError> {
        let body = match Log::open(medium, anchor, device_key)? {
            Opened::Empty(..) => return Err(OpenError::Empty),
            Opened::Locked(lock, medium, anchor) => Body::Locked(lock, medium, anchor),
            Opened::Log(log, records) => match State::replay(&records) {
                Some(state) => {
                    let pepper = pepper(log.device_key(), log.card_id());
                    Body::Live(Box::new(Live { log, state, pepper }))
                }
                None => {
                    let (medium, anchor) = log.into_parts();
                    Body::Locked(Lock::Content, medium, anchor)
                }
            },
        };
        Ok(Self { body, session: Session::new() })
    }

    /// What is left of a card whose keys its host destroyed: it answers a reset, and everything else with 6F00.
    pub const fn terminated(medium: M, anchor: A) -> Self {
        Self { body: Body::Locked(Lock::Terminated, medium, anchor), session: Session::new() }
    }

    /// Why the card is locked, if it is.
    pub const fn lock(&self) -> Option<Lock> {
        match &self.body {
            Body::Live(_) => None,
            Body::Locked(lock, ..) => Some(*lock),
        }
    }

    /// The answer to reset. A locked card has one too.
    pub const fn atr(&self) -> &'static [u8] {
        &ATR
    }

    /// The card's serial number, which anybody may read in EF.ICCID; `None` of a locked card.
    pub fn iccid(&self) -> Option<Iccid> {
        let Body::Live(live) = &self.body else { return None };
        read_iccid(live.state.file(Ef::Iccid)?)
    }

    /// Power off and on, or a reset: back to the MF, nobody recognised.
    pub fn reset(&mut self) {
        self.session = Session::new();
    }

    /// Gives medium and anchor back, as when the power goes.
    pub fn into_parts(self) -> (M, A) {
        match self.body {
            Body::Live(live) => live.log.into_parts(),
            Body::Locked(_, medium, anchor) => (medium, anchor),
        }
    }

    /// One command APDU in, one response APDU out: data, then SW1 SW2. Over T=0, so data of a command that carries
    /// some waits for GET RESPONSE.
    pub fn transmit(&mut self, apdu: &[u8], rng: &mut impl CryptoRng) -> Vec<u8> {
        let Body::Live(live) = &mut self.body else {
            return Status::TECHNICAL_PROBLEM.to_bytes().to_vec();
        };
        // Whatever comes, data that waited is either taken now or gone.
        let pending = core::mem::take(&mut self.session.pending);
        let answer = Command::parse(apdu)
            .map_err(|_| Status::WRONG_LENGTH)
            .and_then(|command| run(&command, pending, live, &mut self.session, rng));
        let (data, status) = match answer {
            Ok(Answer::Done) => (Vec::new(), Status::OK),
            Ok(Answer::Data(data)) => {
                let more = self.session.pending.len();
                (data, if more > 0 { Status::more(more) } else { Status::OK })
            }
            Ok(Answer::Held(data)) => {
                let status = Status::more(data.len());
                self.session.pending = data;
                (Vec::new(), status)
            }
            Err(status) => (Vec::new(), status),
        };
        let mut out = data;
        out.extend_from_slice(&status.to_bytes());
        out
    }
}

/// From a command to what is done about it (TS 102 221 §10.1.2).
fn run<M: Medium, A: Anchor>(
    command: &Command<'_>,
    pending: Vec<u8>,
    live: &mut Live<M, A>,
    session: &mut Session,
    rng: &mut impl CryptoRng,
) -> Result<Answer, Status> {
    let known = class(command.cla)?;
    if command.ins == Ins::GET_RESPONSE {
        return get_response(command, pending, session);
    }
    match (known, command.ins) {
        (Class::Interindustry, Ins::SELECT) => select(command, &live.state, session),
        (Class::Interindustry, Ins::READ_BINARY) => read_binary(command, &live.state, session),
        (Class::Interindustry, Ins::READ_RECORD) => read_record(command, &live.state, session),
        (Class::Interindustry, Ins::UPDATE_BINARY) => {
            let change = update_binary(command, &live.state, session)?;
            live.commit(&[change], rng).map(|()| Answer::Done)
        }
        (Class::Interindustry, Ins::UPDATE_RECORD) => {
            let (change, pointer) = update_record(command, &live.state, session)?;
            live.commit(&[change], rng)?;
            session.record = pointer.unwrap_or(session.record);
            Ok(Answer::Done)
        }
        (
            Class::Interindustry,
            Ins::VERIFY_PIN | Ins::CHANGE_PIN | Ins::DISABLE_PIN | Ins::ENABLE_PIN | Ins::UNBLOCK_PIN,
        ) => pin(command, live, session, rng),
        (Class::Interindustry, Ins::AUTHENTICATE) => authenticate(command, live, session, rng),
        (Class::Interindustry, Ins::PERFORM_SECURITY_OPERATION) => match (command.p1, command.p2) {
            (0x9e, 0x9a) => sign(command, live, session),
            (0x80, 0x86) => agree(command, live, session),
            _ => Err(Status::WRONG_P1_P2),
        },
        (Class::Interindustry, Ins::GENERATE_ASYMMETRIC_KEY_PAIR) => public_key(command, live),
        (Class::Interindustry, Ins::MANAGE_CHANNEL) => Err(Status::CHANNEL_NOT_SUPPORTED),
        (Class::Uicc, Ins::ENVELOPE) => envelope(command, live, session, rng),
        (Class::Uicc, Ins::STATUS) => status(command, &live.state, session),
        // What the terminal can do changes nothing here: there is no toolkit and one interface.
        (Class::Uicc, Ins::TERMINAL_PROFILE | Ins::TERMINAL_CAPABILITY) => Ok(Answer::Done),
        _ => Err(Status::INS_NOT_SUPPORTED),
    }
}

/// The classes that have commands here.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    Interindustry,
    Uicc,
}

/// Which class this is; no logical channels, no secure messaging (TS 102 221 §10.1.1).
const fn class(cla: Cla) -> Result<Class, Status> {
    match cla.0 {
        0x00 => Ok(Class::Interindustry),
        0x80 => Ok(Class::Uicc),
        0x01..=0x03 | 0x40..=0x4f | 0x81..=0x83 | 0xc0..=0xcf => Err(Status::CHANNEL_NOT_SUPPORTED),
        0x04..=0x0f | 0x60..=0x6f | 0x84..=0x8f | 0xe0..=0xef => Err(Status::SECURE_MESSAGING_NOT_SUPPORTED),
        _ => Err(Status::CLA_NOT_SUPPORTED),
    }
}

/// GET RESPONSE (ISO/IEC 7816-4 §7.6.1): what the last command left, in one piece or several.
fn get_response(
    command: &Command<'_>,
    mut pending: Vec<u8>,
    session: &mut Session,
) -> Result<Answer, Status> {
    if command.p1 != 0 || command.p2 != 0 {
        return Err(Status::WRONG_P1_P2);
    }
    if pending.is_empty() {
        return Err(Status::CONDITIONS_NOT_SATISFIED);
    }
    let le = usize::from(command.le.unwrap_or(256));
    // More than there is, 00 apart, which asks for all of it: name the right length, and keep the data for it.
    if le > pending.len() && le != 256 {
        let exact = Status::exact(pending.len());
        session.pending = pending;
        return Err(exact);
    }
    session.pending = pending.split_off(le.min(pending.len()));
    Ok(Answer::Data(pending))
}
