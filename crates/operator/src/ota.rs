//! Remote management of a card over short messages, the operator's side: one file updated at one place.
//!
//! Pure: keys, counter and time come in, SMS-DELIVER TPDUs come out. The counter of a key set is the caller's to keep:
//! each packet takes one that was never used before, stored before the packet is sent.

use keys::ota::OtaKeys;
use wire::Malformed;
use wire::apdu::{Cla, Command, Ins};
use wire::secured_packet::{
    AES_KEY_SET_1, Head, MAX_COUNTER, ResponsePacket, ResponseStatus, Spi, command_element,
};
use wire::sms::{
    Address, Concatenation, DataCoding, Deliver, ProtocolIdentifier, Timestamp, USER_DATA_BYTES, UserData,
};

/// The application on the card that manages the USIM's files (TS 31.115, TS 102 226 §6).
pub const USIM_FILES: [u8; 3] = [0xb0, 0x00, 0x10];

/// An update of a transparent file.
#[derive(Debug, Clone, Copy)]
pub struct Update<'a> {
    /// The file, by path from the MF; 7FFF is the USIM.
    pub path: &'a [u16],
    /// Where in it.
    pub offset: u16,
    /// The new octets, up to 255.
    pub octets: &'a [u8],
}

/// How a packet travels.
#[derive(Debug, Clone)]
pub struct Sending {
    /// Whom the messages come from.
    pub originator: Address,
    /// When the service centre had them.
    pub timestamp: Timestamp,
    /// Marks the parts of a packet that takes more than one message.
    pub reference: u8,
}

/// The commands of an update in compact form (TS 102 226 §5.1.1): SELECT by path, UPDATE BINARY.
fn script(update: &Update<'_>) -> Result<Vec<u8>, Malformed> {
    let path: Vec<u8> = update.path.iter().flat_map(|fid| fid.to_be_bytes()).collect();
    let select =
        Command { cla: Cla::INTERINDUSTRY, ins: Ins::SELECT, p1: 0x08, p2: 0x0c, data: &path, le: None };
    let [p1, p2] = update.offset.to_be_bytes();
    if p1 & 0x80 != 0 || update.octets.is_empty() || path.is_empty() {
        return Err(Malformed::new("update of a file", "no file, nothing to write, or beyond 32,767 octets"));
    }
    // In compact form a command's length is one octet.
    if update.octets.len() > 255 || path.len() > 255 {
        return Err(Malformed::new("update of a file", "more than 255 octets at once"));
    }
    let (cla, ins) = (Cla::INTERINDUSTRY, Ins::UPDATE_BINARY);
    let write = Command { cla, ins, p1, p2, data: update.octets, le: None };
    Ok([select.to_bytes()?, write.to_bytes()?].concat())
}

/// The messages that bring about an update, in their order: the packet enciphered, with checksum and counter, and a
/// receipt asked for in the same way.
pub fn update_file(
    keys: &OtaKeys,
    counter: u64,
    update: &Update<'_>,
    sending: &Sending,
) -> Result<Vec<Deliver>, Malformed> {
    if counter > MAX_COUNTER {
        return Err(Malformed::new("counter", "beyond five octets"));
    }
    let head = Head { spi: Spi::FULL, kic: AES_KEY_SET_1, kid: AES_KEY_SET_1, tar: USIM_FILES };
    messages(&keys.seal_command(&head, counter, &script(update)?)?, sending)
}

/// A command packet as short messages for the card: PID 7F, DCS F6, the header's element 70 in the first. A packet
/// beyond one message is divided here, so that every part says which it is.
pub fn messages(packet: &[u8], sending: &Sending) -> Result<Vec<Deliver>, Malformed> {
    // The header's length and its elements: 70 of two octets, concatenation of five.
    const ALONE: usize = USER_DATA_BYTES - 3;
    const FIRST: usize = USER_DATA_BYTES - 8;
    const LATER: usize = USER_DATA_BYTES - 6;
    let deliver = |header, octets: &[u8]| {
        let data = UserData::octets(DataCoding::FOR_THE_CARD, header, octets.to_vec());
        let mut deliver = Deliver::new(sending.originator.clone(), sending.timestamp, data);
        deliver.protocol = ProtocolIdentifier::DATA_DOWNLOAD;
        deliver
    };
    if packet.len() <= ALONE {
        return Ok(vec![deliver(vec![command_element()], packet)]);
    }
    let (first, rest) = packet.split_at_checked(FIRST).unwrap_or((packet, &[]));
    let pieces: Vec<&[u8]> = std::iter::once(first).chain(rest.chunks(LATER)).collect();
    let parts =
        u8::try_from(pieces.len()).map_err(|_| Malformed::new("secured packet", "more than 255 parts"))?;
    let part = |(part, piece): (u8, &[u8])| {
        let mut header = vec![Concatenation::element(sending.reference, parts, part)];
        if part == 1 {
            header.push(command_element());
        }
        let mut deliver = deliver(header, piece);
        deliver.more_messages = part < parts;
        deliver
    };
    Ok((1..=parts).zip(pieces).map(part).collect())
}

/// What a card answered to a packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Receipt {
    /// With the right checksum: the card received this counter's packet and carried out so many commands; the last
    /// one's status word.
    Proven {
        /// The packet's counter.
        counter: u64,
        /// Commands carried out.
        commands: u8,
        /// SW1 SW2 of the last.
        status: u16,
    },
    /// Without a checksum: anybody could have said it. Why the card says it refused.
    Unproven(ResponseStatus),
}

/// Reads the answer to a packet of [`update_file`]: the user data of the report, with its header.
pub fn read_receipt(keys: &OtaKeys, user_data: &[u8]) -> Result<Receipt, Malformed> {
    const WHAT: &str = "receipt";
    let packet = ResponsePacket::parse(user_data)?;
    if packet.checksum_len == 0 {
        let status = packet.rest.get(6).copied().ok_or(Malformed::new(WHAT, "too short"))?;
        return Ok(Receipt::Unproven(ResponseStatus(status)));
    }
    let response =
        keys.open_response(&packet, true).map_err(|_| Malformed::new(WHAT, "not made with these keys"))?;
    match (response.status, response.data.as_slice()) {
        (ResponseStatus::OK, [commands, high, low, ..]) => Ok(Receipt::Proven {
            counter: response.counter,
            commands: *commands,
            status: u16::from_be_bytes([*high, *low]),
        }),
        (ResponseStatus::OK, _) => Err(Malformed::new(WHAT, "without the commands' status")),
        (status, _) => Ok(Receipt::Unproven(status)),
    }
}
