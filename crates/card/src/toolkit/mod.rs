//! The toolkit: commands that the card asks the terminal to carry out (TS 102 223, TS 31.111), one at a time.
//!
//! ```text
//! TERMINAL PROFILE   the terminal says what it can; the card makes its list of what it wants
//! 91XX               after any command that went well: something of XX octets waits
//! FETCH              the terminal takes it
//! TERMINAL RESPONSE  what became of it; the next one may wait
//! ENVELOPE           a message for the card, a choice in its menu, an event, a timer
//! ```
//!
//! Nothing is asked of a terminal that has not said that it can. What is asked for is `menu`'s, `alert`'s and `seen`'s.

mod abilities;
mod alert;
mod command;
mod menu;
mod seen;

use crate::answer::Answer;
use crate::card::Live;
use crate::medium::{Anchor, Medium};
use crate::ota;
use crate::session::Session;
use abilities::{Abilities, Ability};
use alloc::collections::VecDeque;
use alloc::format;
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;
use command::Step;
use rand_core::CryptoRng;
use wire::apdu::{Command, Ins, Status};
use wire::tlv;
use wire::toolkit::{Response, tag, template};

/// Steps that may wait, so that no terminal fills the memory with its events.
const MOST_STEPS: usize = 16;
/// A command's number, of those that it may have.
const NUMBER: u8 = 1;

/// Minutes between two looks at the card.
const POLL_MINUTES: u8 = 5;

/// The toolkit of one session.
#[derive(Default)]
pub(crate) struct Toolkit {
    /// `None` until the terminal has said what it can do: it has no toolkit, or none yet.
    can: Option<Abilities>,
    /// What the terminal has not taken yet.
    waiting: VecDeque<Step>,
    /// What it has taken and not answered for.
    taken: Option<Step>,
    alert: alert::Alert,
    /// What the terminal was asked to tell of, once it has said that it will.
    events: Vec<u8>,
    /// Events written down since.
    written: u16,
}

impl Toolkit {
    /// How long the command is that waits to be taken; `None` if there is none, or one is under way.
    pub(crate) fn waits(&self) -> Option<usize> {
        match (&self.taken, self.waiting.front()) {
            (None, Some(step)) => Some(step.to_bytes(NUMBER).len()),
            _ => None,
        }
    }

    /// Whether so many more may wait.
    fn has_room(&self, steps: usize) -> bool {
        self.waiting.len() + steps <= MOST_STEPS
    }

    fn want(&mut self, step: Step) {
        if self.waiting.len() < MOST_STEPS {
            self.waiting.push_back(step);
        }
    }

    fn can(&self, ability: Ability) -> bool {
        self.can.is_some_and(|can| can.has(ability))
    }

    /// In the words that this terminal can show.
    fn say(&self, english: &str, chinese: &str) -> String {
        if self.can(Ability::UCS2) { format!("{chinese} {english}") } else { english.to_string() }
    }

    fn show(&mut self, english: &str, chinese: &str) {
        if self.can(Ability::DISPLAY_TEXT) {
            let text = self.say(english, chinese);
            self.want(Step::Show(text));
        }
    }
}

/// Whether a command of class 80 is the toolkit's.
pub(crate) const fn takes(ins: Ins) -> bool {
    matches!(ins, Ins::TERMINAL_PROFILE | Ins::FETCH | Ins::TERMINAL_RESPONSE | Ins::ENVELOPE)
}

/// Carries one of them out.
pub(crate) fn run<M: Medium, A: Anchor>(
    command: &Command<'_>,
    live: &mut Live<M, A>,
    session: &mut Session,
    rng: &mut impl CryptoRng,
) -> Result<Answer<'static>, Status> {
    if (command.p1, command.p2) != (0, 0) {
        return Err(Status::WRONG_P1_P2);
    }
    match command.ins {
        Ins::TERMINAL_PROFILE => {
            // A terminal that says it anew begins anew.
            session.toolkit = Toolkit { can: Some(Abilities::new(command.data)), ..Toolkit::default() };
            let toolkit = &mut session.toolkit;
            seen::ask(toolkit);
            menu::menu(toolkit, &live.state);
            if toolkit.can(Ability::POLL_INTERVAL) {
                toolkit.want(Step::Poll(POLL_MINUTES));
            }
            Ok(Answer::Done)
        }
        Ins::FETCH => fetch(command, &mut session.toolkit),
        Ins::TERMINAL_RESPONSE => {
            let response = Response::parse(command.data).map_err(|_| Status::WRONG_DATA)?;
            let toolkit = &mut session.toolkit;
            let taken = toolkit.taken.as_ref().ok_or(Status::CONDITIONS_NOT_SATISFIED)?;
            if (response.number, response.kind) != (NUMBER, taken.kind()) {
                return Err(Status::WRONG_DATA);
            }
            let step = toolkit.taken.take().ok_or(Status::CONDITIONS_NOT_SATISFIED)?;
            answered(&step, &response, live, session, rng)?;
            Ok(Answer::Done)
        }
        _ => envelope(command, live, session, rng),
    }
}

/// FETCH (TS 102 221 §11.2.3): the command, which stays until it is asked for in its length.
fn fetch(command: &Command<'_>, toolkit: &mut Toolkit) -> Result<Answer<'static>, Status> {
    let len = toolkit.waits().ok_or(Status::CONDITIONS_NOT_SATISFIED)?;
    if command.le != Some(len) {
        return Err(Status::exact(len));
    }
    let step = toolkit.waiting.pop_front().ok_or(Status::CONDITIONS_NOT_SATISFIED)?;
    let bytes = step.to_bytes(NUMBER);
    toolkit.taken = Some(step);
    Ok(Answer::Made(bytes))
}

/// ENVELOPE (TS 102 221 §11.2.2). What the card did not ask for and does not know is no error of the terminal's.
fn envelope<M: Medium, A: Anchor>(
    command: &Command<'_>,
    live: &mut Live<M, A>,
    session: &mut Session,
    rng: &mut impl CryptoRng,
) -> Result<Answer<'static>, Status> {
    let mut objects = tlv::objects(command.data);
    let (Some(Ok(envelope)), None) = (objects.next(), objects.next()) else { return Err(Status::WRONG_DATA) };
    match envelope.tag {
        template::SMS_PP_DOWNLOAD => ota::envelope(command, live, session, rng),
        template::MENU_SELECTION => menu::chosen(envelope.value, live, session, rng),
        template::EVENT_DOWNLOAD => seen::happened(envelope.value, live, &mut session.toolkit, rng),
        template::TIMER_EXPIRATION => alert::expired(envelope.value, live, session),
        _ => Err(Status::FUNCTION_NOT_SUPPORTED),
    }
}

/// What became of a step.
fn answered<M: Medium, A: Anchor>(
    step: &Step,
    response: &Response<'_>,
    live: &mut Live<M, A>,
    session: &mut Session,
    rng: &mut impl CryptoRng,
) -> Result<(), Status> {
    let done = response.is_done();
    match step {
        Step::Events(events) if done => {
            session.toolkit.events.clone_from(events);
            Ok(())
        }
        Step::Imei if done => match response.field(tag::IMEI).and_then(|imei| imei.try_into().ok()) {
            Some(imei) => seen::meet(imei, live, rng),
            None => Ok(()),
        },
        // Where it is makes an alert better; where nobody says, it goes without.
        Step::Locate => {
            let location = response.field(tag::LOCATION_INFORMATION).filter(|_| done).unwrap_or_default();
            alert::send(location, live, session)
        }
        Step::AskPin(_) if done => match response.field(tag::TEXT_STRING) {
            Some([_, digits @ ..]) => menu::lock_with(digits, live, session, rng),
            _ => Ok(()),
        },
        Step::Open(_) if done => {
            // Which channel it is stands in the lowest three bits (TS 102 223 §8.56).
            match response.field(tag::CHANNEL_STATUS).and_then(|status| status.first()) {
                Some(status) => {
                    let message = session.toolkit.alert.message.clone();
                    session.toolkit.want(Step::Send(status & 0x07, message));
                }
                None => alert::failed(response, live, &mut session.toolkit),
            }
            Ok(())
        }
        Step::Send(channel, _) => {
            session.toolkit.want(Step::Close(*channel));
            if done {
                alert::sent(&mut session.toolkit);
            } else {
                alert::failed(response, live, &mut session.toolkit);
            }
            Ok(())
        }
        Step::Message(..) if done => {
            alert::sent(&mut session.toolkit);
            Ok(())
        }
        Step::Open(_) | Step::Message(..) => {
            alert::failed(response, live, &mut session.toolkit);
            Ok(())
        }
        // The rest is as it is, done or not.
        _ => Ok(()),
    }
}
