//! The owner's menu.
//!
//! | choice | what comes of it |
//! |---|---|
//! | 1 Status | the number's deed, whether the PIN is asked for, the telephone last seen |
//! | 2 Lock | the PIN is asked for from now on, nobody is recognised on any channel, and the telephone begins anew |
//! | 3 This was not me | an alert (`alert`) |

use super::Toolkit;
use super::abilities::Ability;
use super::alert::{alert, receiver};
use super::command::Step;
use super::seen::telephone;
use crate::answer::Answer;
use crate::card::Live;
use crate::medium::{Anchor, Medium};
use crate::pin::{Recognition, pin};
use crate::reference::DEED;
use crate::session::Session;
use crate::state::State;
use alloc::format;
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;
use rand_core::CryptoRng;
use wire::apdu::{Cla, Command, Ins, Status};
use wire::toolkit::{find, tag};
use zeroize::Zeroizing;

const STATUS: u8 = 1;
const LOCK: u8 = 2;
const NOT_ME: u8 = 3;

/// SET UP MENU, for a terminal that has one and can show what comes of it.
pub(super) fn menu(toolkit: &mut Toolkit, state: &State) {
    if toolkit.can(Ability::SET_UP_MENU) && toolkit.can(Ability::DISPLAY_TEXT) {
        let mut items =
            Vec::from([(STATUS, toolkit.say("Status", "状态")), (LOCK, toolkit.say("Lock", "锁定"))]);
        if receiver(state).is_some() {
            items.push((NOT_ME, toolkit.say("This was not me", "不是我")));
        }
        toolkit.want(Step::Menu(toolkit.say("My number", "守号"), items));
    }
}

/// MENU SELECTION.
pub(super) fn chosen<M: Medium, A: Anchor>(
    envelope: &[u8],
    live: &mut Live<M, A>,
    session: &mut Session,
    rng: &mut impl CryptoRng,
) -> Result<Answer<'static>, Status> {
    let item = find(envelope, tag::ITEM_IDENTIFIER).ok_or(Status::WRONG_DATA)?;
    let toolkit = &mut session.toolkit;
    match item {
        [STATUS] => {
            let (english, chinese) = status(&live.state);
            toolkit.show(&english, &chinese);
        }
        [LOCK] if live.state.asks_holder() => lock(live, session),
        [LOCK] if toolkit.can(Ability::GET_INPUT) => {
            let text = toolkit.say("PIN, to lock with", "输入 PIN 以锁定");
            toolkit.want(Step::AskPin(text));
        }
        [LOCK] => toolkit.show("This telephone cannot ask for a PIN", "此手机不能输入 PIN"),
        [NOT_ME] => alert(live, session, rng)?,
        _ => return Err(Status::WRONG_DATA),
    }
    Ok(Answer::Done)
}

/// What the owner is told: no secret, for anybody who has the telephone may choose it.
fn status(state: &State) -> (String, String) {
    let deed = state.content(&DEED).and_then(|deed| deed.first_chunk::<4>()).map(|d| u32::from_be_bytes(*d));
    let deed = deed.map_or_else(|| "-".to_string(), |deed| format!("{deed:08x}"));
    let asked = state.asks_holder();
    let imei = telephone(state).map_or_else(|| "-".to_string(), |imei| digits(imei));
    (
        format!("Deed {deed}. PIN {}. IMEI {imei}", if asked { "on" } else { "OFF" }),
        format!("权契 {deed}，PIN {}，IMEI {imei}。", if asked { "已启用" } else { "未启用" }),
    )
}

/// An identity's digits: the first half octet is in the upper half of the first (TS 24.008 §10.5.1.4).
fn digits(imei: &[u8]) -> String {
    let halves = imei.iter().flat_map(|b| [b & 0x0f, b >> 4]).skip(1);
    halves.take_while(|d| *d < 10).map(|d| char::from(b'0' + d)).collect()
}

/// Nobody is recognised, and the telephone begins anew, so that it asks for the PIN.
fn lock<M, A>(live: &Live<M, A>, session: &mut Session) {
    for channel in session.channels.open_ones() {
        channel.forget_all();
    }
    session.close_vault(&live.state);
    let toolkit = &mut session.toolkit;
    if toolkit.can(Ability::REFRESH) {
        toolkit.want(Step::Reset);
    } else {
        toolkit.show("Locked", "已锁定");
    }
}

/// The PIN that the owner typed: asked for from now on. It costs a try like any other.
pub(super) fn lock_with<M: Medium, A: Anchor>(
    digits: &[u8],
    live: &mut Live<M, A>,
    session: &mut Session,
    rng: &mut impl CryptoRng,
) -> Result<(), Status> {
    let mut block = Zeroizing::new([0xff; 8]);
    block.iter_mut().zip(digits).for_each(|(to, from)| *to = *from);
    let key = live.state.holders_code().octet();
    let command =
        Command { cla: Cla::INTERINDUSTRY, ins: Ins::ENABLE_PIN, p1: 0, p2: key, data: &block[..], le: None };
    let Session { channels, secrets, .. } = &mut *session;
    let channel = channels.get(0).ok_or(Status::TECHNICAL_PROBLEM)?;
    match pin(&command, live, &mut Recognition { channel, secrets }, rng) {
        Ok(_) => lock(live, session),
        Err(Status::MEMORY_PROBLEM) => return Err(Status::MEMORY_PROBLEM),
        Err(Status::BLOCKED) => session.toolkit.show("The PIN is blocked. Not locked", "PIN 已锁死，未锁定"),
        Err(_) => session.toolkit.show("Wrong PIN. Not locked", "PIN 错误，未锁定"),
    }
    Ok(())
}
