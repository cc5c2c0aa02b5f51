//! From an APDU to what is done about it (TS 102 221 §10.1): class, channel, chaining, instruction.

use crate::administer::{create, created, delete, resize};
use crate::agree::{agree, public_key};
use crate::answer::Answer;
use crate::authenticate::{authenticate, authenticate_blocks};
use crate::binary::{read_binary, update_binary};
use crate::card::Live;
use crate::change::Change;
use crate::channels::{Channels, manage_channel};
use crate::file::FileId;
use crate::gsm;
use crate::identity::get_identity;
use crate::iot_safe;
use crate::lifecycle::{live as live_on, terminate_card};
use crate::medium::{Anchor, Medium};
use crate::objects::{retrieve, set};
use crate::pin::{Recognition, pin};
use crate::plain::Plain;
use crate::protocol::{Protocol, get_response};
use crate::record::{increase, read_record, search_record, update_record};
use crate::select::{select, status};
use crate::session::{Chain, Channel, Pending, Session};
use crate::sign::sign;
use crate::suspend::{Suspended, suspend};
use crate::toolkit;
use crate::vault::Secrets;
use alloc::vec;
use alloc::vec::Vec;
use rand_core::CryptoRng;
use wire::apdu::{Cla, Command, Ins, Status};
use wire::tlv::find;

/// Octets of data that a chain of commands may bring.
const LONGEST_CHAIN: usize = 4096;

/// The classes that have commands here.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    Interindustry,
    Uicc,
    Gsm,
}

/// A class byte, understood (§10.1.1).
struct Classified {
    class: Class,
    channel: u8,
    /// More of this command follows.
    chained: bool,
}

/// What class this is. No secure messaging.
const fn classify(cla: Cla) -> Result<Classified, Status> {
    let (class, chained) = match cla.0 {
        0x00..=0x03 | 0x40..=0x4f => (Class::Interindustry, false),
        0x10..=0x13 | 0x50..=0x5f => (Class::Interindustry, true),
        0x80..=0x83 | 0xc0..=0xcf => (Class::Uicc, false),
        0xa0 => (Class::Gsm, false),
        0x04..=0x0f | 0x14..=0x1f | 0x60..=0x6f | 0x84..=0x8f | 0xe0..=0xef => {
            return Err(Status::SECURE_MESSAGING_NOT_SUPPORTED);
        }
        _ => return Err(Status::CLA_NOT_SUPPORTED),
    };
    Ok(Classified { class, channel: cla.channel(), chained })
}

/// Answers an APDU: data into `out`, and the status that ends it.
pub(crate) fn respond<M: Medium, A: Anchor>(
    apdu: &[u8],
    live: &mut Live<M, A>,
    session: &mut Session,
    suspended: &mut Option<Suspended>,
    protocol: Protocol,
    out: &mut Vec<u8>,
    rng: &mut impl CryptoRng,
) -> Status {
    let Ok(command) = Command::parse(apdu) else { return Status::WRONG_LENGTH };
    let class = match classify(command.cla) {
        Ok(class) => class,
        Err(status) => return status,
    };
    // Whatever comes, data that waited is either taken now or gone.
    let left = core::mem::take(&mut session.pending);
    let resumes = command.cla == Cla::UICC && command.ins == Ins::SUSPEND_UICC && command.p1 == 1;
    match suspended {
        Some(asleep) if asleep.sleeps() => {
            if command.ins != Ins::GET_RESPONSE {
                return Status::CONDITIONS_NOT_SATISFIED;
            }
        }
        // Anything but a resumption means that the terminal begins anew.
        Some(_) if !resumes => *suspended = None,
        Some(_) | None => {}
    }
    if !protocol.carries(&command) {
        return Status::WRONG_LENGTH;
    }
    let Some(channel) = session.channels.get(class.channel) else { return Status::CHANNEL_NOT_SUPPORTED };
    let status = if command.ins == Ins::GET_RESPONSE && class.class != Class::Uicc {
        let status = get_response(&command, class.channel, left, &mut session.pending, out);
        if class.class == Class::Gsm && !out.is_empty() {
            // A SIM gives what was asked for, and that is that.
            session.pending = Pending::default();
            Status::OK
        } else {
            status
        }
    } else {
        let mut all = Plain::new(Vec::new());
        match whole(command, &class, channel, &mut all) {
            Ok(None) => Status::OK,
            Ok(Some(command)) => {
                let answered = match run(&command, class.class, class.channel, live, session, suspended, rng)
                {
                    Ok(answer) => {
                        protocol.deliver(answer, &command, class.channel, &mut session.pending, out)
                    }
                    Err(status) => status,
                };
                if forgets(command.ins) {
                    session.close_vault(&live.state);
                }
                answered
            }
            Err(status) => status,
        }
    };
    let status = if class.class == Class::Gsm { gsm::status(status, command.ins) } else { status };
    // What went well may be followed by something that the card wants, but for a command that has just been taken.
    match session.toolkit.waits() {
        Some(octets) if status == Status::OK && command.ins != Ins::FETCH => Status::proactive(octets),
        _ => status,
    }
}

/// Whether somebody may be recognised no more after it.
const fn forgets(ins: Ins) -> bool {
    matches!(
        ins,
        Ins::SELECT
            | Ins::VERIFY_PIN
            | Ins::CHANGE_PIN
            | Ins::DISABLE_PIN
            | Ins::ENABLE_PIN
            | Ins::UNBLOCK_PIN
            | Ins::MANAGE_CHANNEL
            | Ins::DELETE_FILE
    )
}

/// The whole command, once the last link of its chain has come (ISO/IEC 7816-4 §5.3.3). All links are alike but for their
/// data and the chaining bit; commands on other channels may come in between. Another on this channel breaks the chain, and
/// then what was to be its last link is not taken for a command of its own.
fn whole<'c>(
    command: Command<'c>,
    class: &Classified,
    channel: &mut Channel,
    all: &'c mut Plain,
) -> Result<Option<Command<'c>>, Status> {
    const CHAINED: u8 = 0x10;
    let head = [command.cla.0 & !CHAINED, command.ins.0, command.p1, command.p2];
    let before = match channel.chain.take() {
        Some(Chain { head: begun, data }) if begun == head => {
            if data.is_none() {
                channel.chain = class.chained.then_some(Chain { head, data: None });
                return Err(Status::LAST_OF_CHAIN_EXPECTED);
            }
            data
        }
        Some(Chain { head, data: Some(_) }) => {
            channel.chain = Some(Chain { head, data: None });
            return Err(Status::LAST_OF_CHAIN_EXPECTED);
        }
        Some(Chain { data: None, .. }) | None => None,
    };
    if before.is_none() && !class.chained {
        return Ok(Some(command));
    }
    // Room for all of it at once: a vector that grows leaves copies behind.
    let mut data = before.unwrap_or_else(|| Plain::new(Vec::with_capacity(LONGEST_CHAIN + 255)));
    data.extend_from_slice(command.data);
    if data.len() > LONGEST_CHAIN {
        return Err(Status::WRONG_LENGTH);
    }
    if class.chained {
        channel.chain = Some(Chain { head, data: Some(data) });
        return Ok(None);
    }
    *all = data;
    Ok(Some(Command { data: all, ..command }))
}

/// Carries a command out.
fn run<'a, M: Medium, A: Anchor>(
    command: &Command<'_>,
    class: Class,
    number: u8,
    live: &'a mut Live<M, A>,
    session: &mut Session,
    suspended: &mut Option<Suspended>,
    rng: &mut impl CryptoRng,
) -> Result<Answer<'a>, Status> {
    use Class::{Interindustry, Uicc};
    // What concerns more than one channel.
    match (class, command.ins) {
        (Interindustry, Ins::MANAGE_CHANNEL) => {
            let last = if session.knows_all_channels { Channels::LAST } else { Channels::LAST_OF_OLD };
            return manage_channel(command, number, last, &mut session.channels);
        }
        (Interindustry, Ins::DELETE_FILE) => {
            let channel = session.channels.get(number).ok_or(Status::CHANNEL_NOT_SUPPORTED)?;
            let file = delete(command, &live.state, channel)?;
            let above = live.state.tree.file(file).map_or(FileId::MF, |f| f.parent);
            live.commit(&[Change::Delete(file)], rng)?;
            forget(file, above, live, session);
            return Ok(Answer::Done);
        }
        (Uicc, Ins::TERMINAL_CAPABILITY) => {
            session.knows_all_channels |= knows_all_channels(command.data);
            return Ok(Answer::Done);
        }
        (Uicc, ins) if toolkit::takes(ins) && command.cla == Cla::UICC => {
            return toolkit::run(command, live, session, rng);
        }
        (Uicc, Ins::SUSPEND_UICC) if command.cla == Cla::UICC => {
            return suspend(command, session, suspended, rng);
        }
        _ => {}
    }
    let Session { channels, secrets, .. } = session;
    let channel = channels.get(number).ok_or(Status::CHANNEL_NOT_SUPPORTED)?;
    if class != Class::Gsm && iot_safe::takes(command, channel, &live.state) {
        return iot_safe::run(command, live, channel, secrets, rng);
    }
    match class {
        Class::Gsm => match gsm::translate(command, &live.state, channel)? {
            None => gsm::run(command, live, channel, secrets),
            Some(today) if toolkit::takes(today.ins) => toolkit::run(&today, live, session, rng),
            Some(today) if today.cla == Cla::UICC => uicc(&today, live, channel, rng),
            Some(today) => interindustry(&today, class, live, channel, secrets, rng),
        },
        Interindustry => interindustry(command, class, live, channel, secrets, rng),
        Uicc => uicc(command, live, channel, rng),
    }
}

/// Classes 0X and 4X, and what was class A0 before it was translated.
fn interindustry<'a, M: Medium, A: Anchor>(
    command: &Command<'_>,
    class: Class,
    live: &'a mut Live<M, A>,
    channel: &mut Channel,
    secrets: &mut Option<Secrets>,
    rng: &mut impl CryptoRng,
) -> Result<Answer<'a>, Status> {
    match command.ins {
        Ins::SELECT => select(command, &live.state, channel),
        Ins::READ_BINARY => read_binary(command, &live.state, channel),
        Ins::READ_RECORD => read_record(command, &live.state, channel),
        Ins::SEARCH_RECORD => search_record(command, &live.state, channel),
        Ins::UPDATE_BINARY => {
            let change = update_binary(command, &live.state, channel)?;
            live.commit(&[change], rng).map(|()| Answer::Done)
        }
        Ins::UPDATE_RECORD => {
            let (change, pointer) = update_record(command, &live.state, channel)?;
            let mark = if class == Class::Gsm { gsm::mark(&change, &live.state.tree) } else { None };
            let changes: Vec<_> = core::iter::once(change).chain(mark).collect();
            live.commit(&changes, rng)?;
            channel.record = pointer.unwrap_or(channel.record);
            Ok(Answer::Done)
        }
        Ins::VERIFY_PIN | Ins::CHANGE_PIN | Ins::DISABLE_PIN | Ins::ENABLE_PIN | Ins::UNBLOCK_PIN => {
            pin(command, live, &mut Recognition { channel, secrets }, rng)
        }
        Ins::AUTHENTICATE => authenticate(command, live, channel, secrets, rng),
        Ins::AUTHENTICATE_BLOCKS => authenticate_blocks(command, live, channel, secrets, rng),
        Ins::GET_CHALLENGE => challenge(command, rng),
        Ins::PERFORM_SECURITY_OPERATION => match (command.p1, command.p2) {
            (0x9e, 0x9a) => sign(command, live, channel, secrets),
            (0x80, 0x86) => agree(command, live, channel, secrets),
            _ => Err(Status::WRONG_P1_P2),
        },
        Ins::GENERATE_ASYMMETRIC_KEY_PAIR => public_key(command, live),
        Ins::ACTIVATE_FILE | Ins::DEACTIVATE_FILE | Ins::TERMINATE_EF | Ins::TERMINATE_DF => {
            let change = live_on(command, &live.state, channel)?;
            live.commit(&[change], rng).map(|()| Answer::Done)
        }
        Ins::TERMINATE_CARD_USAGE => Err(terminate_card(command, &live.state, channel)),
        Ins::CREATE_FILE => {
            let change = create(command, &live.state, channel)?;
            let id = live.state.tree.next().ok_or(Status::NOT_ENOUGH_MEMORY)?;
            live.commit(&[change], rng)?;
            let file = live.state.tree.file(id).ok_or(Status::TECHNICAL_PROBLEM)?;
            created(file, id, channel);
            Ok(Answer::Done)
        }
        _ => Err(Status::INS_NOT_SUPPORTED),
    }
}

/// Classes 8X and CX.
fn uicc<M: Medium, A: Anchor>(
    command: &Command<'_>,
    live: &mut Live<M, A>,
    channel: &mut Channel,
    rng: &mut impl CryptoRng,
) -> Result<Answer<'static>, Status> {
    match command.ins {
        Ins::STATUS => status(command, &live.state, channel),
        Ins::INCREASE => {
            let (change, answer) = increase(command, &live.state, channel)?;
            live.commit(&[change], rng)?;
            channel.record = 1;
            Ok(Answer::Held(answer))
        }
        Ins::GET_IDENTITY => get_identity(command, &live.state, channel, rng),
        Ins::RETRIEVE_DATA => retrieve(command, &live.state, channel),
        Ins::SET_DATA => {
            let change = set(command, &live.state, channel)?;
            live.commit(&[change], rng).map(|()| Answer::Done)
        }
        Ins::RESIZE_FILE => {
            let changes = resize(command, &live.state, channel)?;
            live.commit(&changes, rng).map(|()| Answer::Done)
        }
        _ => Err(Status::INS_NOT_SUPPORTED),
    }
}

/// GET CHALLENGE (§11.1.18): as many random octets as are asked for, up to 256.
fn challenge(command: &Command<'_>, rng: &mut impl CryptoRng) -> Result<Answer<'static>, Status> {
    if command.p1 != 0 || command.p2 != 0 {
        return Err(Status::WRONG_P1_P2);
    }
    if !command.data.is_empty() {
        return Err(Status::WRONG_LENGTH);
    }
    let mut challenge = vec![0; command.le.ok_or(Status::WRONG_LENGTH)?.min(256)];
    rng.fill_bytes(&mut challenge);
    Ok(Answer::Made(challenge))
}

/// Whether a terminal says that it knows channels beyond the third: A9 { 81 } (§11.1.19.2.2).
fn knows_all_channels(said: &[u8]) -> bool {
    find(said, 0xa9).is_some_and(|said| find(said, 0x81).is_some())
}

/// A file went: nobody stands in it any more.
fn forget<M, A>(file: FileId, above: FileId, live: &Live<M, A>, session: &mut Session) {
    for channel in session.channels.open_ones() {
        let gone = |id| live.state.tree.file(id).is_none();
        if channel.application.is_some_and(gone) {
            channel.terminate();
        } else if gone(channel.dir) {
            channel.enter(above);
        } else if channel.ef.is_some_and(|ef| ef.file == file || gone(ef.file)) {
            channel.enter(channel.dir);
        }
    }
}
