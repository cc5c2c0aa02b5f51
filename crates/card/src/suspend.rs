//! SUSPEND UICC (TS 102 221 §11.1.22): a terminal that takes the power away for a while, and finds everything as it was.

use crate::answer::Answer;
use crate::session::Session;
use keys::secret::same;
use rand_core::CryptoRng;
use wire::apdu::{Command, Status};

const SUSPEND: u8 = 0x00;
const RESUME: u8 = 0x01;
const TOKEN_BYTES: usize = 8;
/// Units of a duration: seconds, minutes, hours, days, tens of days.
const LAST_UNIT: u8 = 0x04;

/// A session laid aside.
pub(crate) struct Suspended {
    token: [u8; TOKEN_BYTES],
    session: Session,
    /// Whether the power has been off since.
    reset: bool,
}

impl Suspended {
    /// A reset, or several: power off and on are two. It is left to be resumed.
    pub(crate) const fn after_reset(&mut self) {
        self.reset = true;
    }

    /// Whether nothing is answered until a reset.
    pub(crate) const fn sleeps(&self) -> bool {
        !self.reset
    }
}

/// Suspends: the longest time, as the terminal wants it, for the card has no clock, and the token to resume with.
/// Resumes: only as the first command after a reset, which is seen to by whoever calls.
pub(crate) fn suspend(
    command: &Command<'_>,
    session: &mut Session,
    suspended: &mut Option<Suspended>,
    rng: &mut impl CryptoRng,
) -> Result<Answer<'static>, Status> {
    if command.p2 != 0 {
        return Err(Status::WRONG_P1_P2);
    }
    match command.p1 {
        SUSPEND => {
            let [min_unit, _, max_unit, max] = command.data else { return Err(Status::WRONG_LENGTH) };
            if *min_unit > LAST_UNIT || *max_unit > LAST_UNIT {
                return Err(Status::WRONG_DATA);
            }
            let mut token = [0; TOKEN_BYTES];
            rng.fill_bytes(&mut token);
            let session = core::mem::replace(session, Session::new());
            *suspended = Some(Suspended { token, session, reset: false });
            Ok(Answer::Held([&[*max_unit, *max][..], &token].concat()))
        }
        RESUME => {
            let token: &[u8; TOKEN_BYTES] = command.data.try_into().map_err(|_| Status::WRONG_LENGTH)?;
            // One try: with the wrong token everything is as after any reset.
            let before = suspended.take().filter(|s| s.reset).ok_or(Status::CONDITIONS_NOT_SATISFIED)?;
            if !same(&before.token, token) {
                return Err(Status::SECURITY_NOT_SATISFIED);
            }
            *session = before.session;
            Ok(Answer::Done)
        }
        _ => Err(Status::WRONG_P1_P2),
    }
}
