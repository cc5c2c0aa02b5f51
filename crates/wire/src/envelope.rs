//! ENVELOPE (SMS-PP DOWNLOAD): how a phone hands a short message for the card to the card (TS 31.111 §7.1.1).

use crate::Malformed;
use crate::tlv::{find, objects, put, tlv};
use alloc::vec::Vec;

/// SMS-PP DOWNLOAD.
const SMS_PP_DOWNLOAD: u32 = 0xd1;
/// Device identities, address, SMS TPDU, without the bit that asks for comprehension.
const DEVICE_IDENTITIES: u32 = 0x02;
const ADDRESS: u32 = 0x06;
const SMS_TPDU: u32 = 0x0b;
const COMPREHENSION: u32 = 0x80;
/// From the network to the UICC.
const NETWORK_TO_UICC: [u8; 2] = [0x83, 0x81];

/// The SMS-DELIVER in the data of an ENVELOPE, as octets.
pub fn sms_of(data: &[u8]) -> Result<&[u8], Malformed> {
    const WHAT: &str = "ENVELOPE (SMS-PP DOWNLOAD)";
    let mut outer = objects(data);
    let download = match outer.next() {
        Some(Ok(object)) if object.tag == SMS_PP_DOWNLOAD => object.value,
        _ => return Err(Malformed::new(WHAT, "another envelope")),
    };
    if outer.next().is_some() {
        return Err(Malformed::new(WHAT, "more than one object"));
    }
    let field = |tag| find(download, tag | COMPREHENSION).or_else(|| find(download, tag));
    if field(DEVICE_IDENTITIES) != Some(&NETWORK_TO_UICC[..]) {
        return Err(Malformed::new(WHAT, "not from the network to the UICC"));
    }
    field(SMS_TPDU).ok_or(Malformed::new(WHAT, "without a TPDU"))
}

/// The data of an ENVELOPE with this SMS-DELIVER, and the service centre's address as EF_SMS keeps it, if known.
pub fn sms_pp_download(centre: Option<&[u8]>, tpdu: &[u8]) -> Vec<u8> {
    let mut inner = tlv(DEVICE_IDENTITIES | COMPREHENSION, &NETWORK_TO_UICC);
    if let Some(centre) = centre {
        put(&mut inner, ADDRESS | COMPREHENSION, centre);
    }
    put(&mut inner, SMS_TPDU | COMPREHENSION, tpdu);
    tlv(SMS_PP_DOWNLOAD, &inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_envelope_gives_back_its_message_and_others_are_refused() {
        let data = sms_pp_download(Some(&[0x91, 0x68]), &[4, 5, 6]);
        assert_eq!(hex::encode(&data), "d10d8202838186029168 8b03040506".replace(' ', ""));
        assert_eq!(sms_of(&data), Ok(&[4, 5, 6][..]));
        // Without the bit that asks for comprehension.
        assert_eq!(sms_of(&hex::decode("d107020283810b0104").unwrap()), Ok(&[4][..]));
        for bad in [
            "",
            "d1",
            "d100",
            "d30782028381 8b0104",
            "d1078202838 18b0204",
            "d104820283 81",
            "d1078202818 38b0104",
        ] {
            assert!(sms_of(&hex::decode(bad.replace(' ', "")).unwrap()).is_err(), "{bad}");
        }
        let twice = [data.clone(), data].concat();
        assert!(sms_of(&twice).is_err());
    }
}
