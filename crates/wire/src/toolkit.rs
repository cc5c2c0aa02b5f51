//! The card application toolkit's data objects (TS 102 223 §8, §9): what a proactive command and the answer to it are made of.
//!
//! A COMPREHENSION-TLV has a tag of one octet, whose highest bit asks that the other side understand it, or of three; and a
//! length of one to four.

use crate::Malformed;
use alloc::vec::Vec;

/// The bit that asks for comprehension.
const COMPREHENSION: u8 = 0x80;
/// What a tag of three octets begins with.
const LONG_TAG: u8 = 0x7f;

/// Tags, without the bit that asks for comprehension (TS 102 223 §9.3).
#[expect(missing_docs, reason = "each is the standard's own name for its object")]
pub mod tag {
    pub const COMMAND_DETAILS: u8 = 0x01;
    pub const DEVICE_IDENTITIES: u8 = 0x02;
    pub const RESULT: u8 = 0x03;
    pub const DURATION: u8 = 0x04;
    pub const ALPHA_IDENTIFIER: u8 = 0x05;
    pub const ADDRESS: u8 = 0x06;
    pub const SMS_TPDU: u8 = 0x0b;
    pub const TEXT_STRING: u8 = 0x0d;
    pub const ITEM: u8 = 0x0f;
    pub const ITEM_IDENTIFIER: u8 = 0x10;
    pub const RESPONSE_LENGTH: u8 = 0x11;
    pub const LOCATION_INFORMATION: u8 = 0x13;
    pub const IMEI: u8 = 0x14;
    pub const EVENT_LIST: u8 = 0x19;
    pub const LOCATION_STATUS: u8 = 0x1b;
    pub const TIMER_IDENTIFIER: u8 = 0x24;
    pub const TIMER_VALUE: u8 = 0x25;
    pub const BEARER_DESCRIPTION: u8 = 0x35;
    pub const CHANNEL_DATA: u8 = 0x36;
    pub const CHANNEL_STATUS: u8 = 0x38;
    pub const BUFFER_SIZE: u8 = 0x39;
    pub const TRANSPORT_LEVEL: u8 = 0x3c;
    pub const OTHER_ADDRESS: u8 = 0x3e;
    pub const ACCESS_TECHNOLOGY: u8 = 0x3f;
}

/// What an ENVELOPE or a proactive command is (TS 102 223 §9.2): a BER-TLV's tag.
#[expect(missing_docs, reason = "each is the standard's own name for its template")]
pub mod template {
    pub const PROACTIVE_COMMAND: u32 = 0xd0;
    pub const SMS_PP_DOWNLOAD: u32 = 0xd1;
    pub const MENU_SELECTION: u32 = 0xd3;
    pub const EVENT_DOWNLOAD: u32 = 0xd6;
    pub const TIMER_EXPIRATION: u32 = 0xd7;
}

/// Types of command (TS 102 223 §9.4).
#[expect(missing_docs, reason = "each is the standard's own name for its command")]
pub mod command {
    pub const REFRESH: u8 = 0x01;
    pub const POLL_INTERVAL: u8 = 0x03;
    pub const SET_UP_EVENT_LIST: u8 = 0x05;
    pub const SEND_SHORT_MESSAGE: u8 = 0x13;
    pub const DISPLAY_TEXT: u8 = 0x21;
    pub const GET_INPUT: u8 = 0x23;
    pub const SET_UP_MENU: u8 = 0x25;
    pub const PROVIDE_LOCAL_INFORMATION: u8 = 0x26;
    pub const TIMER_MANAGEMENT: u8 = 0x27;
    pub const OPEN_CHANNEL: u8 = 0x40;
    pub const CLOSE_CHANNEL: u8 = 0x41;
    pub const SEND_DATA: u8 = 0x43;
}

/// Whom a command is for and whom an answer is from (TS 102 223 §8.7).
#[expect(missing_docs, reason = "each is the standard's own name for its device")]
pub mod device {
    pub const KEYPAD: u8 = 0x01;
    pub const DISPLAY: u8 = 0x02;
    pub const CHANNEL: u8 = 0x20;
    pub const UICC: u8 = 0x81;
    pub const TERMINAL: u8 = 0x82;
    pub const NETWORK: u8 = 0x83;
}

/// One data object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Object<'a> {
    /// The tag, without the bit that asks for comprehension.
    pub tag: u16,
    /// The value.
    pub value: &'a [u8],
}

/// The data objects in a byte string, one after the other; stops after the first that is malformed.
#[derive(Debug, Clone)]
pub struct Objects<'a>(&'a [u8]);

/// Reads the data objects in `bytes`.
pub const fn objects(bytes: &[u8]) -> Objects<'_> {
    Objects(bytes)
}

/// The value of the first object with this tag, if all objects are well formed.
pub fn find(bytes: &[u8], tag: u8) -> Option<&[u8]> {
    let mut found = None;
    for object in objects(bytes) {
        let object = object.ok()?;
        if object.tag == u16::from(tag) && found.is_none() {
            found = Some(object.value);
        }
    }
    found
}

impl<'a> Objects<'a> {
    fn object(&mut self) -> Option<Object<'a>> {
        let (tag, rest) = match self.0 {
            [LONG_TAG, high, low, rest @ ..] => (u16::from_be_bytes([high & !COMPREHENSION, *low]), rest),
            [LONG_TAG, ..] | [] => return None,
            [tag, rest @ ..] => (u16::from(tag & !COMPREHENSION), rest),
        };
        let (len, rest) = match rest {
            [0x81, len, rest @ ..] => (usize::from(*len), rest),
            [0x82, high, low, rest @ ..] => (usize::from(u16::from_be_bytes([*high, *low])), rest),
            [len @ 0..=0x7f, rest @ ..] => (usize::from(*len), rest),
            _ => return None,
        };
        let (value, rest) = rest.split_at_checked(len)?;
        self.0 = rest;
        Some(Object { tag, value })
    }
}

impl<'a> Iterator for Objects<'a> {
    type Item = Result<Object<'a>, Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let object = self.object();
        if object.is_none() {
            self.0 = &[];
        }
        Some(object.ok_or(Malformed::new("COMPREHENSION-TLV", "ends inside a tag, a length or a value")))
    }
}

/// Appends an object that asks for comprehension. A value beyond 255 octets has no place in a command, and is left out.
pub fn put(out: &mut Vec<u8>, tag: u8, value: &[u8]) {
    let Ok(len) = u8::try_from(value.len()) else { return };
    out.push(tag | COMPREHENSION);
    if len > 0x7f {
        out.push(0x81);
    }
    out.push(len);
    out.extend_from_slice(value);
}

/// What a terminal says of a command (TS 102 223 §6.8, §8.12).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Response<'a> {
    /// The command's number.
    pub number: u8,
    /// Its type.
    pub kind: u8,
    /// The general result.
    pub result: u8,
    /// What more there is.
    body: &'a [u8],
}

impl<'a> Response<'a> {
    /// Reads the data of a TERMINAL RESPONSE.
    pub fn parse(data: &'a [u8]) -> Result<Self, Malformed> {
        const WHAT: &str = "TERMINAL RESPONSE";
        let details =
            find(data, tag::COMMAND_DETAILS).ok_or(Malformed::new(WHAT, "without command details"))?;
        let [number, kind, _] = *details else {
            return Err(Malformed::new(WHAT, "command details of another length"));
        };
        let result = find(data, tag::RESULT).and_then(|result| result.first());
        let result = *result.ok_or(Malformed::new(WHAT, "without a result"))?;
        Ok(Self { number, kind, result, body: data })
    }

    /// An object of it.
    pub fn field(&self, tag: u8) -> Option<&'a [u8]> {
        find(self.body, tag)
    }

    /// Whether the command was carried out, in part or with less than was asked.
    pub const fn is_done(&self) -> bool {
        self.result < 0x10
    }

    /// Whether it is worth being said again later.
    pub const fn is_busy(&self) -> bool {
        matches!(self.result, 0x20..=0x27) && self.result != 0x22 && self.result != 0x23
    }
}

/// Appends a text that any display takes, or that one of UCS2 does (TS 102 223 §8.15): coding, then the text.
pub fn text_string(text: &str) -> Vec<u8> {
    const EIGHT_BIT: u8 = 0x04;
    const UCS2: u8 = 0x08;
    if text.is_ascii() {
        core::iter::once(EIGHT_BIT).chain(text.bytes()).collect()
    } else {
        core::iter::once(UCS2).chain(text.encode_utf16().flat_map(u16::to_be_bytes)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_of_either_kind_of_tag_and_each_length_are_read() {
        let long = [0x36; 200];
        let mut bytes = Vec::from([0x81, 3, 1, 0x21, 0x80, 0x3f, 1, 8, 0x7f, 0x80, 0x99, 0]);
        put(&mut bytes, tag::CHANNEL_DATA, &long);
        let tags: Vec<_> = objects(&bytes).map(|o| o.map(|o| (o.tag, o.value.len()))).collect();
        assert_eq!(tags, [Ok((1, 3)), Ok((0x3f, 1)), Ok((0x99, 0)), Ok((0x36, 200))]);
        assert_eq!(find(&bytes, tag::ACCESS_TECHNOLOGY), Some(&[8][..]));
        for cut in 1..bytes.len() {
            let whole = [5, 8, 12];
            assert_eq!(objects(&bytes[..cut]).all(|o| o.is_ok()), whole.contains(&cut), "{cut}");
        }
    }

    #[test]
    fn a_response_says_which_command_and_what_became_of_it() {
        let data = hex::decode("810301218002028281830100").unwrap();
        let response = Response::parse(&data).unwrap();
        assert_eq!((response.number, response.kind, response.result), (1, 0x21, 0));
        assert!(response.is_done() && !response.is_busy());
        for bad in ["", "8103012180", "81020121830100", "810301218083", "8103012180028282", "82028281830100"]
        {
            assert!(Response::parse(&hex::decode(bad).unwrap()).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_text_is_coded_so_that_it_can_be_shown() {
        assert_eq!(text_string("SIM"), [4, b'S', b'I', b'M']);
        assert_eq!(text_string("锁"), [8, 0x95, 0x01]);
    }
}
