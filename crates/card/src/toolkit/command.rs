//! What the card asks a terminal to do: each step as a proactive command (TS 102 223 §6.6).

use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;
use wire::phonebook::write_name;
use wire::tlv::tlv;
use wire::toolkit::{command, device, put, tag, template, text_string};

/// Where an alert goes over the packet network: UDP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Endpoint {
    pub(crate) address: [u8; 4],
    pub(crate) port: u16,
}

/// One command, and so what to make of its answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    /// SET UP EVENT LIST.
    Events(Vec<u8>),
    /// SET UP MENU: its name, and items by number.
    Menu(String, Vec<(u8, String)>),
    /// POLL INTERVAL, in minutes.
    Poll(u8),
    /// PROVIDE LOCAL INFORMATION: the telephone's identity.
    Imei,
    /// The same: where it is.
    Locate,
    /// DISPLAY TEXT, until the holder has seen it.
    Show(String),
    /// GET INPUT of a PIN, not shown.
    AskPin(String),
    /// SEND SHORT MESSAGE: what is shown meanwhile, and the TPDU.
    Message(String, Vec<u8>),
    /// OPEN CHANNEL for a datagram.
    Open(Endpoint),
    /// SEND DATA on a channel.
    Send(u8, Vec<u8>),
    /// CLOSE CHANNEL.
    Close(u8),
    /// TIMER MANAGEMENT: a timer begins, in minutes.
    Timer(u8),
    /// REFRESH: the telephone begins anew with this card.
    Reset,
}

/// The timer the card uses.
const TIMER: u8 = 1;
/// PROVIDE LOCAL INFORMATION: location, and IMEI.
const LOCATION: u8 = 0x00;
const IMEI: u8 = 0x01;
/// DISPLAY TEXT of high priority, until the holder clears it.
const UNTIL_SEEN: u8 = 0x81;
/// GET INPUT: digits, not shown.
const HIDDEN_DIGITS: u8 = 0x04;
/// REFRESH: UICC reset.
const UICC_RESET: u8 = 0x04;
/// SEND DATA at once.
const AT_ONCE: u8 = 0x01;
/// OPEN CHANNEL with the link made at once.
const IMMEDIATE: u8 = 0x01;
const MINUTES: u8 = 0x00;
/// Octets that a datagram may have.
const BUFFER: [u8; 2] = [0x01, 0x00];

impl Step {
    /// The type of command.
    pub(crate) const fn kind(&self) -> u8 {
        match self {
            Self::Events(_) => command::SET_UP_EVENT_LIST,
            Self::Menu(..) => command::SET_UP_MENU,
            Self::Poll(_) => command::POLL_INTERVAL,
            Self::Imei | Self::Locate => command::PROVIDE_LOCAL_INFORMATION,
            Self::Show(_) => command::DISPLAY_TEXT,
            Self::AskPin(_) => command::GET_INPUT,
            Self::Message(..) => command::SEND_SHORT_MESSAGE,
            Self::Open(_) => command::OPEN_CHANNEL,
            Self::Send(..) => command::SEND_DATA,
            Self::Close(_) => command::CLOSE_CHANNEL,
            Self::Timer(_) => command::TIMER_MANAGEMENT,
            Self::Reset => command::REFRESH,
        }
    }

    const fn qualifier(&self) -> u8 {
        match self {
            Self::Imei => IMEI,
            Self::Locate => LOCATION,
            Self::Show(_) => UNTIL_SEEN,
            Self::AskPin(_) => HIDDEN_DIGITS,
            Self::Open(_) => IMMEDIATE,
            Self::Send(..) => AT_ONCE,
            Self::Reset => UICC_RESET,
            Self::Events(_) | Self::Menu(..) | Self::Poll(_) | Self::Message(..) => 0,
            Self::Close(_) | Self::Timer(_) => 0,
        }
    }

    const fn destination(&self) -> u8 {
        match self {
            Self::Show(_) => device::DISPLAY,
            Self::Message(..) => device::NETWORK,
            Self::Send(channel, _) | Self::Close(channel) => device::CHANNEL | *channel,
            _ => device::TERMINAL,
        }
    }

    /// What it asks, after who asks whom, in the order of §6.6.
    fn objects(&self) -> Vec<(u8, Vec<u8>)> {
        match self {
            Self::Events(events) => vec![(tag::EVENT_LIST, events.clone())],
            Self::Menu(name, items) => core::iter::once((tag::ALPHA_IDENTIFIER, write_name(name)))
                .chain(items.iter().map(|(number, item)| {
                    (tag::ITEM, core::iter::once(*number).chain(write_name(item)).collect())
                }))
                .collect(),
            Self::Poll(minutes) => vec![(tag::DURATION, vec![MINUTES, *minutes])],
            Self::Imei | Self::Locate | Self::Close(_) | Self::Reset => Vec::new(),
            Self::Show(text) => vec![(tag::TEXT_STRING, text_string(text))],
            // Four digits to eight.
            Self::AskPin(text) => {
                vec![(tag::TEXT_STRING, text_string(text)), (tag::RESPONSE_LENGTH, vec![4, 8])]
            }
            Self::Message(text, tpdu) => {
                vec![(tag::ALPHA_IDENTIFIER, write_name(text)), (tag::SMS_TPDU, tpdu.clone())]
            }
            Self::Open(Endpoint { address, port }) => {
                const DEFAULT_BEARER: u8 = 0x03;
                const UDP_CLIENT: u8 = 0x01;
                const IPV4: u8 = 0x21;
                let [high, low] = port.to_be_bytes();
                vec![
                    (tag::BEARER_DESCRIPTION, vec![DEFAULT_BEARER]),
                    (tag::BUFFER_SIZE, BUFFER.to_vec()),
                    (tag::TRANSPORT_LEVEL, vec![UDP_CLIENT, high, low]),
                    (tag::OTHER_ADDRESS, core::iter::once(IPV4).chain(*address).collect()),
                ]
            }
            Self::Send(_, data) => vec![(tag::CHANNEL_DATA, data.clone())],
            Self::Timer(minutes) => {
                let bcd = minutes / 10 + 16 * (minutes % 10);
                vec![(tag::TIMER_IDENTIFIER, vec![TIMER]), (tag::TIMER_VALUE, vec![0, bcd, 0])]
            }
        }
    }

    /// The whole command: D0 { details, who asks whom, what }.
    pub(crate) fn to_bytes(&self, number: u8) -> Vec<u8> {
        let mut inner = Vec::new();
        put(&mut inner, tag::COMMAND_DETAILS, &[number, self.kind(), self.qualifier()]);
        put(&mut inner, tag::DEVICE_IDENTITIES, &[device::UICC, self.destination()]);
        for (tag, value) in self.objects() {
            put(&mut inner, tag, &value);
        }
        tlv(template::PROACTIVE_COMMAND, &inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    /// By the tables of TS 102 223 §6.6 and §8, octet by octet.
    #[test]
    fn each_command_is_laid_out_as_the_standard_says() {
        let cases = [
            (Step::Events(vec![3, 0x12]), "d00d810301050082028182990 20312"),
            (
                Step::Menu("Number".to_string(), vec![(1, "Status".to_string())]),
                "d01a8103012500820281828506 4e756d626572 8f07 01 537461747573",
            ),
            (Step::Poll(5), "d00d8103010300820281828402 0005"),
            (Step::Imei, "d009810301260182028182"),
            (Step::Locate, "d009810301260082028182"),
            (Step::Show("ok".to_string()), "d00e8103012181820281028d03046f6b"),
            (Step::AskPin("PIN".to_string()), "d0138103012304820281828d04045049 4e91020408"),
            (Step::Message("x".to_string(), vec![1, 2]), "d0108103011300820281838501788b020102"),
            (
                Step::Open(Endpoint { address: [192, 0, 2, 1], port: 4711 }),
                "d01c8103014001820281 82b50103b9020100bc03011267be0521c0000201",
            ),
            (Step::Send(1, vec![7, 8]), "d00d81030143018202 8121b6020708"),
            (Step::Close(2), "d009810301410082028122"),
            (Step::Timer(12), "d01181030127008202 8182a40101a503002100"),
            (Step::Reset, "d009810301010482028182"),
        ];
        for (step, expect) in cases {
            assert_eq!(hex::encode(step.to_bytes(1)), expect.replace(' ', ""), "{step:?}");
        }
    }
}
