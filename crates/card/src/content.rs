//! What is in the files of a new card: a profile's values, as each file codes them.

use crate::Profile;
use crate::reference::{DIR_RECORD, IOT_SAFE, ISIM_AID, PBR_RECORD, USIM_AID};
use alloc::format;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;
use wire::tlv::tlv;
use wire::toolkit::tag;
use wire::{Iccid, Imsi, Msisdn};

/// What the identity is concealed by (TS 31.102 §4.4.11.8): schemes and which of the keys, then the keys by their numbers;
/// `None` where somebody else conceals it.
pub(crate) fn suci_calc_info(profile: &Profile, by_card: bool) -> Option<Vec<u8>> {
    let concealment = profile.concealment.as_ref().filter(|c| c.by_card == by_card)?;
    let (mut schemes, mut keys) = (Vec::new(), Vec::new());
    for (index, (id, key)) in (1..).zip(&concealment.keys) {
        schemes.extend_from_slice(&[key.scheme() as u8, index]);
        wire::tlv::put(&mut keys, 0x80, &[*id]);
        wire::tlv::put(&mut keys, 0x81, &key.octets());
    }
    let mut out = wire::tlv::tlv(0xa0, &schemes);
    wire::tlv::put(&mut out, 0xa1, &keys);
    Some(out)
}

/// The digits, or 0 alone; then two octets for later (TS 31.102 §4.4.11.11).
pub(crate) fn routing_indicator(profile: &Profile) -> Vec<u8> {
    let digits = match &profile.concealment {
        Some(concealment) => bcd(concealment.routing_indicator.digits()),
        None => vec![0xf0],
    };
    record(&digits, 4)
}

/// Key set identifier 7: no keys yet.
pub(crate) fn no_keys() -> Vec<u8> {
    [&[0x07][..], &[0xff; 32]].concat()
}

/// Fills a record to its length with FF.
pub(crate) fn record(content: &[u8], len: u8) -> Vec<u8> {
    let mut out = content.to_vec();
    out.resize(usize::from(len), 0xff);
    out
}

/// Digits two to an octet, the first in the low half, filled with F (TS 24.008 §10.5.1.4 and others).
fn bcd(digits: impl Iterator<Item = u8>) -> Vec<u8> {
    let mut out = Vec::new();
    let mut low = None;
    for digit in digits {
        match low.take() {
            None => low = Some(digit),
            Some(first) => out.push(digit << 4 | first),
        }
    }
    out.extend(low.map(|first| 0xf0 | first));
    out
}

fn values(digits: &str) -> impl Iterator<Item = u8> {
    digits.bytes().map(|b| b & 0x0f)
}

pub(crate) fn iccid(iccid: &Iccid) -> Vec<u8> {
    record(&bcd(values(iccid.as_str())), 10)
}

/// What [`iccid`] wrote.
pub(crate) fn read_iccid(content: &[u8]) -> Option<Iccid> {
    let digits = content.iter().flat_map(|b| [b & 0x0f, b >> 4]).take_while(|d| *d < 10);
    digits.map(|d| char::from(b'0' + d)).collect::<String>().parse().ok()
}

/// Length, then parity and type in the first half octet: 9 for an odd number of digits, 1 for an even one.
pub(crate) fn imsi(imsi: &Imsi) -> Vec<u8> {
    let parity = if imsi.as_str().len() % 2 == 1 { 9 } else { 1 };
    let coded = bcd(core::iter::once(parity).chain(values(imsi.as_str())));
    record(&[&[coded.len() as u8][..], &coded].concat(), 9)
}

/// One of the classes 0 to 9, by the last digit of the IMSI (TS 22.011 §4.2).
pub(crate) fn access_class(imsi: &Imsi) -> Vec<u8> {
    let class = values(imsi.as_str()).last().unwrap_or(0);
    (1u16 << class).to_be_bytes().to_vec()
}

/// No name; length and type of the number, international; its digits; no capability, no extension
/// (TS 31.102 §4.2.26).
pub(crate) fn msisdn(msisdn: &Msisdn) -> Vec<u8> {
    let digits = bcd(values(msisdn.as_str()));
    let number = record(&[&[digits.len() as u8 + 1, 0x91][..], &digits].concat(), 12);
    [&[0xff; 14][..], &number, &[0xff, 0xff]].concat()
}

/// Services of the USIM Service Table (TS 31.102 §4.2.8): 10 short message storage, 12 short message parameters, 19
/// service provider name, 27 GSM access, 33 (always set), 38 GSM security context, 68 bootstrapping (GBA), 85 EPS mobility management
/// information, 122 to 124 for 5G (its mobility management, its keys, a concealed identity where there are keys for one), 125,
/// concealed by the card, 21 where there is an MSISDN, and 28, data download via SMS-PP, where there are keys for it. 1, the local phone book, would be one inside the USIM; EF.ADN under
/// DF.TELECOM has no service here.
pub(crate) fn services(profile: &Profile) -> Vec<u8> {
    let mut table = vec![0; 17];
    let number = profile.msisdn.map(|_| 21);
    let download = profile.ota.as_ref().map(|_| 28);
    let concealed = profile.concealment.as_ref().map(|_| 124);
    let by_card = profile.concealment.as_ref().filter(|c| c.by_card).map(|_| 125);
    let some = [number, download, concealed, by_card].into_iter().flatten();
    for service in [10usize, 12, 19, 27, 33, 38, 68, 85, 122, 123].into_iter().chain(some) {
        if let Some(octet) = table.get_mut((service - 1) / 8) {
            *octet |= 1 << ((service - 1) % 8);
        }
    }
    table
}

/// The application templates of EF.DIR (TS 102 221 §13.1), one to a record: AID and label.
pub(crate) fn applications() -> Vec<u8> {
    let template = |name: &[u8], label: &[u8]| {
        let mut inner = wire::tlv::tlv(0x4f, name);
        wire::tlv::put(&mut inner, 0x50, label);
        record(&wire::tlv::tlv(0x61, &inner), DIR_RECORD)
    };
    let all: [(&[u8], &[u8]); 3] = [(&USIM_AID, b"USIM"), (&ISIM_AID, b"ISIM"), (IOT_SAFE, b"IoT SAFE")];
    all.iter().flat_map(|(name, label)| template(name, label)).collect()
}

/// EF.ALERT: how long what follows is; the operator's number (tag 06), and where a datagram goes (3E, with its port in 3C), in the
/// toolkit's own objects (TS 102 223 §8). Room for both.
pub(crate) fn alert(profile: &Profile) -> Vec<u8> {
    const OCTETS: u8 = 32;
    let mut said = Vec::new();
    if let Some(number) = &profile.alert_number {
        let number: Vec<u8> = core::iter::once(0x91).chain(bcd(values(number.as_str()))).collect();
        wire::toolkit::put(&mut said, tag::ADDRESS, &number);
    }
    if let Some((address, port)) = profile.alert_endpoint {
        let [high, low] = port.to_be_bytes();
        wire::toolkit::put(&mut said, tag::OTHER_ADDRESS, &[&[0x21][..], &address].concat());
        wire::toolkit::put(&mut said, tag::TRANSPORT_LEVEL, &[0x01, high, low]);
    }
    record(&[&[said.len() as u8][..], &said].concat(), OCTETS)
}

/// No extension: free, and nothing after it (TS 31.102 §4.4.2.4).
pub(crate) fn extension() -> Vec<u8> {
    [&[0x00][..], &[0xff; 12]].concat()
}

/// EF.PBR (TS 31.102 §4.4.2.1), one record: files whose records go with the contact's, then those that are pointed into.
pub(crate) fn phone_book() -> Vec<u8> {
    const BESIDE: [(u32, u16); 7] = [
        (0xc0, 0x4f3a), // ADN
        (0xc3, 0x4f19), // second name
        (0xc4, 0x4f11), // additional number
        (0xc5, 0x4f09), // control
        (0xc6, 0x4f26), // groups
        (0xc9, 0x4f21), // unique identifier
        (0xca, 0x4f50), // e-mail
    ];
    const POINTED_INTO: [(u32, u16); 3] = [
        (0xc2, 0x4f4a), // extensions
        (0xc7, 0x4f4b), // what an additional number is
        (0xc8, 0x4f4c), // a group's name
    ];
    let files =
        |all: &[(u32, u16)]| all.iter().flat_map(|(tag, fid)| tlv(*tag, &fid.to_be_bytes())).collect();
    let (beside, pointed_into): (Vec<u8>, Vec<u8>) = (files(&BESIDE), files(&POINTED_INTO));
    record(&[tlv(0xa8, &beside), tlv(0xaa, &pointed_into)].concat(), PBR_RECORD)
}

/// The home network's domain in IMS, as it follows from an IMSI (TS 23.003 §13.2).
pub(crate) fn ims_domain(profile: &Profile) -> String {
    let digits = profile.imsi.as_str();
    let (mcc, rest) = digits.split_at_checked(3).unwrap_or((digits, ""));
    let mnc = rest.get(..profile.mnc_length as usize).unwrap_or_default();
    format!("ims.mnc{mnc:0>3}.mcc{mcc}.3gppnetwork.org")
}

/// The private identity (TS 23.003 §13.3).
pub(crate) fn impi(profile: &Profile) -> String {
    format!("{}@{}", profile.imsi.as_str(), ims_domain(profile))
}

/// The public identity that every subscriber has (TS 23.003 §13.4B): a temporary one.
pub(crate) fn impu(profile: &Profile) -> Vec<u8> {
    wire::tlv::tlv(0x80, format!("sip:{}", impi(profile)).as_bytes())
}

/// Services of the SIM (TS 51.011 §10.3.7), two bits each: there, and switched on. 1 CHV1 may be disabled, 2 dialling
/// numbers, 4 messages, 9 MSISDN where there is one, 12 message parameters, 17 service provider name, 26 data download
/// where there are keys for it.
pub(crate) fn sim_services(profile: &Profile) -> Vec<u8> {
    let mut table = vec![0; 7];
    let number = profile.msisdn.map(|_| 9);
    let download = profile.ota.as_ref().map(|_| 26);
    for service in [1usize, 2, 4, 12, 17].into_iter().chain(number).chain(download) {
        if let Some(octet) = table.get_mut((service - 1) / 4) {
            *octet |= 3 << ((service - 1) % 4 * 2);
        }
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reference::MSISDN_RECORD;

    #[test]
    fn identifiers_are_coded_as_the_standards_show_them() {
        assert_eq!(
            imsi(&"234150999999999".parse().unwrap()),
            [8, 0x29, 0x43, 0x51, 0x90, 0x99, 0x99, 0x99, 0x99]
        );
        assert_eq!(
            imsi(&"23415099999999".parse().unwrap()),
            [8, 0x21, 0x43, 0x51, 0x90, 0x99, 0x99, 0x99, 0xf9]
        );
        assert_eq!(
            iccid(&"8986001200000000017".parse().unwrap()),
            [0x98, 0x68, 0, 0x21, 0, 0, 0, 0, 0x10, 0xf7]
        );
        for digits in ["898600120000000001", "8986001200000000017", "89860012000000000175"] {
            let whole = digits.parse().unwrap();
            assert_eq!(read_iccid(&iccid(&whole)), Some(whole));
        }
        assert_eq!(access_class(&"234150999999998".parse().unwrap()), [0x01, 0x00]);
        let number = msisdn(&"8613800138000".parse().unwrap());
        assert_eq!(number.len(), usize::from(MSISDN_RECORD));
        assert_eq!(number[14..25], [8, 0x91, 0x68, 0x31, 0x08, 0x10, 0x83, 0x00, 0xf0, 0xff, 0xff]);
    }
}
