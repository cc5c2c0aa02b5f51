//! Remote management over short messages: ENVELOPE, secured packets, remote file management (TS 31.111 §7.1.1,
//! TS 31.115 §4, TS 102 225 §5, TS 102 226 §5.1, §6).
//!
//! The order of the checks is the order of what a stranger may learn and spend:
//!
//! 1. Application, security level, algorithm and key set, from what stands in clear. No key is touched. The refusal names
//!    its reason, has no checksum and nothing of the packet in it.
//! 2. The checksum. A try is spent in the store before it is computed; the answer to a wrong one is silence, and after
//!    32 of them in a row the key set is locked for good.
//! 3. The counter, strictly greater than the last.
//! 4. The commands, on paper; then counter, tries and all changes of files in **one** record. A power cut leaves all of
//!    it or none: nothing is carried out twice, and nothing halfway.
//!
//! Of files only [`REMOTE`] may be written. The holder's contacts and messages, the identity and the keys are no
//! operator's to change from afar.

use crate::answer::Answer;
use crate::binary::update_binary;
use crate::card::Live;
use crate::change::Change;
use crate::codec::Reader;
use crate::file::FileId;
use crate::key::KeyRef;
use crate::medium::{Anchor, Medium};
use crate::record::update_record;
use crate::reference::{HPPLMN, SPN, USIM};
use crate::select::select;
use crate::session::{Channel, Session};
use crate::state::State;
use alloc::vec::Vec;
use core::hint::black_box;
use keys::Secret;
use keys::ota::OtaKeys;
use rand_core::CryptoRng;
use wire::apdu::{Cla, Command, Ins, Status};
use wire::envelope::sms_of;
use wire::secured_packet::{
    AES_KEY_SET_1, CHECKSUM_BYTES, COMMAND_ELEMENT, COUNTER_BYTES, CommandPacket, HEAD_BYTES, MAX_COUNTER,
    Receipt, Response, ResponseStatus, Spi,
};
use wire::sms::{Concatenation, Deliver, Payload, ProtocolIdentifier};

/// Wrong checksums in a row until the key set is locked.
pub(crate) const TRIES: u8 = 32;
/// The application for the USIM's files.
const USIM_FILES: [u8; 3] = [0xb0, 0x00, 0x10];
/// The files that may be written from afar: the operator's name and how often the home network is looked for.
const REMOTE: [u16; 2] = [SPN, HPPLMN];
/// Parts of one packet, at most.
const PARTS: u8 = 5;

/// What a card keeps of its remote management.
pub(crate) struct Ota {
    pub(crate) keys: OtaKeys,
    /// The counter of the last packet that was taken.
    pub(crate) counter: u64,
    /// Wrong checksums left.
    pub(crate) left: u8,
}

impl Ota {
    /// As it stands in a snapshot.
    pub(crate) fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let keys = OtaKeys::new(Secret::new(reader.array()?), Secret::new(reader.array()?));
        Some(Self { keys, counter: reader.u64()?, left: reader.u8()? })
    }
}

/// Parts of a packet that have come so far.
pub(crate) struct Assembly {
    reference: u16,
    parts: Vec<Option<Vec<u8>>>,
}

/// ENVELOPE (SMS-PP DOWNLOAD). A card without keys has no such function.
pub(crate) fn envelope<M: Medium, A: Anchor>(
    command: &Command<'_>,
    live: &mut Live<M, A>,
    session: &mut Session,
    rng: &mut impl CryptoRng,
) -> Result<Answer<'static>, Status> {
    if live.state.extras.ota.is_none() {
        return Err(Status::FUNCTION_NOT_SUPPORTED);
    }
    let wrong = |_| Status::WRONG_DATA;
    let message = Deliver::parse(sms_of(command.data).map_err(wrong)?).map_err(wrong)?;
    let Some(packet) = packet_of(message, session)? else { return Ok(Answer::Done) };
    let packet = CommandPacket::parse(&packet).map_err(wrong)?;
    let answer = take(&packet, live, rng)?;
    Ok(answer.map_or(Answer::Done, Answer::Held))
}

/// The packet that a message carries, or brings to its end; `None` while parts are missing.
fn packet_of(message: Deliver, session: &mut Session) -> Result<Option<Vec<u8>>, Status> {
    let for_the_card =
        message.protocol == ProtocolIdentifier::DATA_DOWNLOAD && message.user_data.coding.class() == Some(2);
    if !for_the_card {
        return Err(Status::WRONG_DATA);
    }
    let begins = message.user_data.element(COMMAND_ELEMENT).is_some();
    let concatenation = message.user_data.concatenation();
    let Payload::Octets(octets) = message.user_data.payload else { return Err(Status::WRONG_DATA) };
    let Some(Concatenation { reference, parts, part }) = concatenation else {
        return if begins { Ok(Some(octets)) } else { Err(Status::WRONG_DATA) };
    };
    // The element stands in the first part and nowhere else (TS 31.115 §4.2).
    if parts > PARTS || begins != (part == 1) {
        return Err(Status::WRONG_DATA);
    }
    let fits = |a: &Assembly| a.reference == reference && a.parts.len() == usize::from(parts);
    let mut assembly = session
        .assembly
        .take()
        .filter(fits)
        .unwrap_or_else(|| Assembly { reference, parts: (0..parts).map(|_| None).collect() });
    if let Some(place) = assembly.parts.get_mut(usize::from(part) - 1) {
        *place = Some(octets);
    }
    if assembly.parts.iter().all(Option::is_some) {
        return Ok(Some(assembly.parts.into_iter().flatten().flatten().collect()));
    }
    session.assembly = Some(assembly);
    Ok(None)
}

/// What can be said against a packet before any key is used.
fn refusal(packet: &CommandPacket<'_>, ota: &Ota) -> Option<ResponseStatus> {
    const HEADER_LEN: usize = HEAD_BYTES - 3 + COUNTER_BYTES + CHECKSUM_BYTES;
    let head = &packet.head;
    if head.tar != USIM_FILES {
        Some(ResponseStatus::TAR_UNKNOWN)
    } else if !head.spi.is_full() {
        Some(ResponseStatus::INSUFFICIENT_SECURITY_LEVEL)
    } else if head.kic != AES_KEY_SET_1
        || head.kid != AES_KEY_SET_1
        || usize::from(packet.header_len) != HEADER_LEN
    {
        Some(ResponseStatus::CIPHERING_ERROR)
    } else if ota.left == 0 {
        Some(ResponseStatus::SECURITY_ERROR)
    } else if ota.counter >= MAX_COUNTER {
        Some(ResponseStatus::COUNTER_BLOCKED)
    } else {
        None
    }
}

/// A refusal as a packet: no checksum, no ciphering, nothing of the command but its TAR. Only if it was asked for.
fn refused(packet: &CommandPacket<'_>, status: ResponseStatus) -> Option<Vec<u8>> {
    if packet.head.spi.receipt() == Receipt::No {
        return None;
    }
    Response { tar: packet.head.tar, counter: 0, status, data: Vec::new() }.plain().ok()
}

/// Carries a packet out, if it may be. The response packet, if there is one.
fn take<M: Medium, A: Anchor>(
    packet: &CommandPacket<'_>,
    live: &mut Live<M, A>,
    rng: &mut impl CryptoRng,
) -> Result<Option<Vec<u8>>, Status> {
    let ota = live.state.extras.ota.as_ref().ok_or(Status::INS_NOT_SUPPORTED)?;
    if let Some(status) = refusal(packet, ota) {
        return Ok(refused(packet, status));
    }
    // A try is durable before the checksum is computed, as with a PIN.
    let before = ota.left;
    live.commit(&[Change::OtaTries(before.saturating_sub(1))], rng)?;
    let ota = live.state.extras.ota.as_ref().ok_or(Status::INS_NOT_SUPPORTED)?;
    // Asked twice, as every checksum here: one instruction left out opens nothing.
    let Ok(opened) = ota.keys.open_command(packet) else { return Ok(None) };
    if black_box(&ota.keys).open_command(black_box(packet)).is_err() {
        return Ok(None);
    }
    if opened.counter <= ota.counter {
        // Whoever says again what was said once gets back what it cost, and no more.
        live.commit(&[Change::OtaTries(before)], rng)?;
        return Ok(refused(packet, ResponseStatus::COUNTER_LOW));
    }
    let mut changes = Vec::from([Change::OtaTries(TRIES), Change::OtaCounter(opened.counter)]);
    let (commands, status) = manage(&opened.data, &live.state, &mut changes);
    live.commit(&changes, rng)?;
    let ota = live.state.extras.ota.as_ref().ok_or(Status::INS_NOT_SUPPORTED)?;
    let [high, low] = status.to_bytes();
    let data = Vec::from([commands, high, low]);
    let response =
        Response { tar: packet.head.tar, counter: opened.counter, status: ResponseStatus::OK, data };
    Ok(receipt(packet.head.spi, &response, status == Status::OK, &ota.keys))
}

/// The receipt of a packet that was taken, as it was asked for.
fn receipt(spi: Spi, response: &Response, well: bool, keys: &OtaKeys) -> Option<Vec<u8>> {
    match spi.receipt() {
        Receipt::No => return None,
        Receipt::OnError if well => return None,
        Receipt::OnError | Receipt::Yes => {}
    }
    if spi.receipt_is_signed() {
        keys.seal_response(response, spi.receipt_is_enciphered()).ok()
    } else {
        response.plain().ok()
    }
}

/// The commands of a packet in compact form (TS 102 226 §5.1.1), up to the first that is refused: how many were carried
/// out, that one included, and the last one's status (§5.1.2). What they change is added to `changes`.
fn manage(script: &[u8], state: &State, changes: &mut Vec<Change>) -> (u8, Status) {
    let mut channel = Channel::new();
    let Some(usim) = state.tree.applications(USIM).next() else { return (0, Status::FILE_NOT_FOUND) };
    channel.begin(usim);
    channel.enter(usim);
    channel.recognise(KeyRef::ADM1);
    let (mut rest, mut commands, mut status) = (script, 0u8, Status::WRONG_LENGTH);
    while !rest.is_empty() {
        commands = commands.saturating_add(1);
        let Some((command, after)) = next(rest) else { return (commands, Status::WRONG_LENGTH) };
        rest = after;
        status = match carry_out(&command, state, &mut channel, changes) {
            Ok(()) => Status::OK,
            Err(status) => return (commands, status),
        };
    }
    (commands, status)
}

/// A command with its data, which P3 counts, and what follows it.
fn next(script: &[u8]) -> Option<(Command<'_>, &[u8])> {
    let ([cla, ins, p1, p2, len], rest) = script.split_first_chunk::<5>()?;
    let (data, after) = rest.split_at_checked(usize::from(*len))?;
    Some((Command { cla: Cla(*cla), ins: Ins(*ins), p1: *p1, p2: *p2, data, le: None }, after))
}

fn carry_out(
    command: &Command<'_>,
    state: &State,
    channel: &mut Channel,
    changes: &mut Vec<Change>,
) -> Result<(), Status> {
    if command.cla != Cla::INTERINDUSTRY {
        return Err(Status::CLA_NOT_SUPPORTED);
    }
    let change = match command.ins {
        Ins::SELECT => return select(command, state, channel).map(drop),
        Ins::UPDATE_BINARY => update_binary(command, state, channel)?,
        Ins::UPDATE_RECORD => {
            let (change, pointer) = update_record(command, state, channel)?;
            channel.record = pointer.unwrap_or(channel.record);
            change
        }
        _ => return Err(Status::INS_NOT_SUPPORTED),
    };
    match change {
        Change::Write(id, ..) if is_remote(id, state) => {
            changes.push(change);
            Ok(())
        }
        _ => Err(Status::SECURITY_NOT_SATISFIED),
    }
}

/// Whether a file is one of [`REMOTE`], in the USIM itself.
fn is_remote(id: FileId, state: &State) -> bool {
    let usim = state.tree.applications(USIM).next();
    state.tree.file(id).is_some_and(|f| Some(f.parent) == usim && REMOTE.contains(&f.fid))
}
