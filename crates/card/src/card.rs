//! The card: what a reader sees.

use crate::change::Change;
use crate::content::read_iccid;
use crate::dispatch::respond;
use crate::log::{Lock, Log, Opened};
use crate::medium::{Anchor, Fault, Medium};
use crate::plain::Plain;
use crate::profile::Profile;
use crate::protocol::Protocol;
use crate::reference::{self, ICCID};
use crate::session::Session;
use crate::state::State;
use crate::suspend::Suspended;
use crate::tree::Tree;
use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;
use keys::Secret;
use keys::aka::AkaKeys;
use keys::seal::subkey;
use rand_core::CryptoRng;
use wire::Iccid;
use wire::apdu::Status;

/// There is no card here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// Nothing was ever personalised on this medium.
    #[error("this state holds no card yet; personalise one")]
    Empty,
    /// The test algorithm, with an identity that is of no test network.
    #[error("XOR keeps no secret: it is for the test network, whose identities begin with 001")]
    TestAlgorithm,
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
        if !self.state.fits(changes) {
            return Err(Status::TECHNICAL_PROBLEM);
        }
        let record = Change::record(changes);
        let state = &self.state;
        self.log.commit(&record, || state.snapshot(), rng).map_err(|Fault| Status::MEMORY_PROBLEM)?;
        // It fits, and was made for codes that are there.
        self.state.apply(changes).ok_or(Status::TECHNICAL_PROBLEM)?;
        if changes.iter().any(Change::ends_a_secret) {
            // What opened the vault before must not open a copy of the log. Should it not go now, it goes with the next
            // change, before which the log begins anew.
            let _ = self.log.begin_anew(&self.state.snapshot(), rng);
        }
        Ok(())
    }

    /// The newest record, read back.
    pub(crate) fn last_record(&self) -> Result<Plain, Status> {
        self.log.last().map_err(|Fault| Status::MEMORY_PROBLEM)
    }
}

/// The files that cards of one profile have in common, for a process with many of them.
pub struct Common(Tree);

impl Common {
    /// As a card of this profile has them when it is new.
    pub fn of(profile: &Profile) -> Self {
        Self(reference::tree(profile))
    }
}

impl fmt::Debug for Common {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Common(…)")
    }
}

enum Body<M, A> {
    Live(Box<Live<M, A>>),
    Locked(Lock, M, A),
}

/// A UICC with a USIM, and a SIM for whoever asks as of old.
pub struct Card<M, A> {
    body: Body<M, A>,
    protocol: Protocol,
    session: Session,
    suspended: Option<Suspended>,
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
        if matches!(profile.aka, AkaKeys::Xor { .. }) && !profile.imsi.as_str().starts_with("001") {
            return Err(OpenError::TestAlgorithm);
        }
        let Opened::Empty(medium, anchor) = Log::open(medium, anchor, device_key.clone())? else {
            return Err(OpenError::NotEmpty);
        };
        let mut card_id = [0; 16];
        rng.fill_bytes(&mut card_id);
        let pepper = pepper(&device_key, &card_id);
        let state = State::new(profile, &pepper, rng);
        let log = Log::begin(medium, anchor, device_key, card_id, &state.snapshot(), rng)?;
        Ok(Self::with(Body::Live(Box::new(Live { log, state, pepper }))))
    }

    /// Opens the card on this medium. If what is there is not its newest state, the card opens *locked*: it answers
    /// a reset and nothing else, and [`Card::lock`] says why.
    pub fn open(medium: M, anchor: A, device_key: Secret<[u8; 32]>) -> Result<Self, OpenError> {
        let body = match Log::open(medium, anchor, device_key)? {
            Opened::Empty(..) => return Err(OpenError::Empty),
            Opened::Locked(lock, medium, anchor) => Body::Locked(lock, medium, anchor),
            Opened::Log(log, records) => {
                let pepper = pepper(log.device_key(), log.card_id());
                match State::replay(&records, &pepper) {
                    Some(state) => Body::Live(Box::new(Live { log: *log, state, pepper })),
                    None => {
                        let (medium, anchor) = log.into_parts();
                        Body::Locked(Lock::Content, medium, anchor)
                    }
                }
            }
        };
        Ok(Self::with(body))
    }

    fn with(body: Body<M, A>) -> Self {
        Self { body, protocol: Protocol::T0, session: Session::new(), suspended: None }
    }

    /// The card speaks this protocol from the next reset on; T=0 unless told.
    pub fn speak(&mut self, protocol: Protocol) {
        self.protocol = protocol;
        self.reset();
    }

    /// What is left of a card whose keys its host destroyed: it answers a reset, and everything else with 6F00.
    pub fn terminated(medium: M, anchor: A) -> Self {
        Self::with(Body::Locked(Lock::Terminated, medium, anchor))
    }

    /// Keeps one copy in memory of every file that is the same on this card and others.
    pub fn share(&mut self, common: &Common) {
        if let Body::Live(live) = &mut self.body {
            live.state.tree.share(&common.0);
        }
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
        self.protocol.atr()
    }

    /// The card's serial number, which anybody may read in EF.ICCID; `None` of a locked card.
    pub fn iccid(&self) -> Option<Iccid> {
        let Body::Live(live) = &self.body else { return None };
        read_iccid(&live.state.tree.file(live.state.tree.at(None, &[ICCID])?)?.content)
    }

    /// Power off and on, or a reset: back to the MF, nobody recognised. A card that was suspended may be told to go on
    /// where it was, by its first command and by nobody without the token.
    pub fn reset(&mut self) {
        self.session = Session::new();
        if let Some(suspended) = &mut self.suspended {
            suspended.after_reset();
        }
    }

    /// Gives medium and anchor back, as when the power goes.
    pub fn into_parts(self) -> (M, A) {
        match self.body {
            Body::Live(live) => live.log.into_parts(),
            Body::Locked(_, medium, anchor) => (medium, anchor),
        }
    }

    /// One command APDU in, one response APDU out: data, then SW1 SW2.
    pub fn transmit(&mut self, apdu: &[u8], rng: &mut impl CryptoRng) -> Vec<u8> {
        let mut out = Vec::new();
        self.transmit_into(apdu, &mut out, rng);
        out
    }

    /// As [`Card::transmit`], into a buffer of the caller's; what was in it goes.
    pub fn transmit_into(&mut self, apdu: &[u8], out: &mut Vec<u8>, rng: &mut impl CryptoRng) {
        out.clear();
        let status = match &mut self.body {
            Body::Live(live) => {
                respond(apdu, live, &mut self.session, &mut self.suspended, self.protocol, out, rng)
            }
            Body::Locked(..) => Status::TECHNICAL_PROBLEM,
        };
        out.extend_from_slice(&status.to_bytes());
    }
}
