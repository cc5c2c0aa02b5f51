//! The file tree: MF, DF.TELECOM, ADF.USIM, DF.GSM-ACCESS, and their EFs with their access rules, as tables.
//!
//! Content of every EF at personalisation follows TS 102 221 §13 (MF), TS 51.011 §10.5 (DF.TELECOM) and TS 31.102 §4.2
//! to §4.4 (USIM).
//!
//! A card has the files it was made with. One made before contacts and messages goes on without them: its EF.UST says
//! so to the phone, and a file that came to be at an opening would be a change that nobody made.

use crate::Profile;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;
use wire::{Iccid, Imsi, Msisdn};

/// The application identifier of the USIM (TS 101 220 Annex E: 3GPP, USIM, then the provider's octets).
pub(crate) const USIM_AID: [u8; 16] =
    [0xa0, 0x00, 0x00, 0x00, 0x87, 0x10, 0x02, 0xff, 0xff, 0xff, 0xff, 0x89, 0x07, 0x09, 0x00, 0x00];

/// A directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dir {
    Mf,
    Telecom,
    Usim,
    GsmAccess,
}

impl Dir {
    /// Its file identifier; an ADF is addressed as the current application, 7FFF.
    pub(crate) const fn fid(self) -> u16 {
        match self {
            Self::Mf => 0x3f00,
            Self::Telecom => 0x7f10,
            Self::Usim => 0x7fff,
            Self::GsmAccess => 0x5f3b,
        }
    }

    pub(crate) const fn parent(self) -> Self {
        match self {
            Self::Mf | Self::Telecom | Self::Usim => Self::Mf,
            Self::GsmAccess => Self::Usim,
        }
    }

    /// The EF.ARR that its rules, and those of its files, refer to: its own, or that of a directory above it
    /// (TS 102 221 §9.2.7).
    pub(crate) const fn arr(self) -> u16 {
        match self {
            Self::Mf | Self::Telecom => 0x2f06,
            Self::Usim | Self::GsmAccess => 0x6f06,
        }
    }
}

/// What it takes to do something to a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    Always,
    Pin,
    Adm,
    Never,
}

/// An access rule: what reading takes and what updating takes. Whatever else one might do to a file is never
/// allowed. The discriminant is the rule's record in EF.ARR.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rule {
    AlwaysNever = 1,
    AlwaysPin = 2,
    AlwaysAdm = 3,
    PinPin = 4,
    PinAdm = 5,
    /// Directories: nothing is created, deleted, deactivated or resized.
    Directory = 6,
}

impl Rule {
    pub(crate) const ALL: [Self; 6] =
        [Self::AlwaysNever, Self::AlwaysPin, Self::AlwaysAdm, Self::PinPin, Self::PinAdm, Self::Directory];

    pub(crate) const fn read(self) -> Access {
        match self {
            Self::AlwaysNever | Self::AlwaysPin | Self::AlwaysAdm => Access::Always,
            Self::PinPin | Self::PinAdm => Access::Pin,
            Self::Directory => Access::Never,
        }
    }

    pub(crate) const fn update(self) -> Access {
        match self {
            Self::AlwaysPin | Self::PinPin => Access::Pin,
            Self::AlwaysAdm | Self::PinAdm => Access::Adm,
            Self::AlwaysNever | Self::Directory => Access::Never,
        }
    }
}

/// The shape of an EF.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    Transparent,
    /// Linear fixed, with records of so many octets.
    Linear(u8),
}

/// An elementary file. The discriminant is its place in the log and never changes its meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ef {
    Iccid = 1,
    Dir = 2,
    Pl = 3,
    MfArr = 4,
    Deed = 5,
    Li = 10,
    UsimArr = 11,
    Imsi = 12,
    Keys = 13,
    KeysPs = 14,
    Hpplmn = 15,
    Ust = 16,
    StartHfn = 17,
    Threshold = 18,
    PsLoci = 19,
    Acc = 20,
    Fplmn = 21,
    Loci = 22,
    Ad = 23,
    Ecc = 24,
    Netpar = 25,
    EpsLoci = 26,
    EpsNsc = 27,
    Msisdn = 28,
    Sms = 29,
    Smsp = 30,
    Smss = 31,
    Spn = 32,
    Kc = 40,
    KcGprs = 41,
    Adn = 50,
}

/// One line of the table of files.
pub(crate) struct Entry {
    pub(crate) ef: Ef,
    pub(crate) dir: Dir,
    pub(crate) fid: u16,
    /// Short file identifier; 0 where it has none.
    pub(crate) sfi: u8,
    pub(crate) shape: Shape,
    pub(crate) rule: Rule,
}

const ARR_RECORD: u8 = 24;
const DIR_RECORD: u8 = 38;
const MSISDN_RECORD: u8 = 28;
/// 20 octets of name (TS 51.011 §10.5.1: X + 14).
const ADN_RECORD: u8 = 34;
const ADN_RECORDS: usize = 50;
const SMS_RECORD: u8 = 176;
const SMS_RECORDS: usize = 20;
/// 12 octets of name (TS 31.102 §4.2.27: 28 + Y).
const SMSP_RECORD: u8 = 40;

macro_rules! files {
    ($($ef:ident, $dir:ident, $fid:literal, $sfi:literal, $shape:expr, $rule:ident;)*) => {
        /// Every EF of the card. EF.DEED is ours: 2F1D, an identifier that no standard gives a file under the MF.
        pub(crate) const FILES: &[Entry] = &[$(
            Entry { ef: Ef::$ef, dir: Dir::$dir, fid: $fid, sfi: $sfi, shape: $shape, rule: Rule::$rule },
        )*];
    };
}

use Shape::{Linear, Transparent};

files! {
    // TS 102 221 §13.1 to §13.4.
    Iccid,     Mf,        0x2fe2, 0x02, Transparent,           AlwaysNever;
    Dir,       Mf,        0x2f00, 0x1e, Linear(DIR_RECORD),    AlwaysAdm;
    Pl,        Mf,        0x2f05, 0x05, Transparent,           AlwaysPin;
    MfArr,     Mf,        0x2f06, 0x06, Linear(ARR_RECORD),    AlwaysNever;
    Deed,      Mf,        0x2f1d, 0x00, Transparent,           PinAdm;
    // TS 31.102 §4.2, short identifiers of Annex H.
    Li,        Usim,      0x6f05, 0x02, Transparent,           AlwaysPin;
    UsimArr,   Usim,      0x6f06, 0x17, Linear(ARR_RECORD),    AlwaysNever;
    Imsi,      Usim,      0x6f07, 0x07, Transparent,           PinAdm;
    Keys,      Usim,      0x6f08, 0x08, Transparent,           PinPin;
    KeysPs,    Usim,      0x6f09, 0x09, Transparent,           PinPin;
    Hpplmn,    Usim,      0x6f31, 0x12, Transparent,           PinAdm;
    Ust,       Usim,      0x6f38, 0x04, Transparent,           PinAdm;
    StartHfn,  Usim,      0x6f5b, 0x0f, Transparent,           PinPin;
    Threshold, Usim,      0x6f5c, 0x10, Transparent,           PinAdm;
    PsLoci,    Usim,      0x6f73, 0x0c, Transparent,           PinPin;
    Acc,       Usim,      0x6f78, 0x06, Transparent,           PinAdm;
    Fplmn,     Usim,      0x6f7b, 0x0d, Transparent,           PinPin;
    Loci,      Usim,      0x6f7e, 0x0b, Transparent,           PinPin;
    Ad,        Usim,      0x6fad, 0x03, Transparent,           AlwaysAdm;
    Ecc,       Usim,      0x6fb7, 0x01, Linear(4),             AlwaysAdm;
    Netpar,    Usim,      0x6fc4, 0x00, Transparent,           PinPin;
    EpsLoci,   Usim,      0x6fe3, 0x1e, Transparent,           PinPin;
    EpsNsc,    Usim,      0x6fe4, 0x18, Linear(80),            PinPin;
    Msisdn,    Usim,      0x6f40, 0x00, Linear(MSISDN_RECORD), PinPin;
    Sms,       Usim,      0x6f3c, 0x00, Linear(SMS_RECORD),    PinPin;
    Smsp,      Usim,      0x6f42, 0x00, Linear(SMSP_RECORD),   PinPin;
    Smss,      Usim,      0x6f43, 0x00, Transparent,           PinPin;
    Spn,       Usim,      0x6f46, 0x00, Transparent,           AlwaysAdm;
    // TS 31.102 §4.4.3.
    Kc,        GsmAccess, 0x4f20, 0x01, Transparent,           PinPin;
    KcGprs,    GsmAccess, 0x4f52, 0x02, Transparent,           PinPin;
    // TS 51.011 §10.5.
    Adn,       Telecom,   0x6f3a, 0x00, Linear(ADN_RECORD),    PinPin;
}

impl Ef {
    /// Its line of the table.
    pub(crate) fn entry(self) -> Option<&'static Entry> {
        FILES.iter().find(|e| e.ef == self)
    }

    pub(crate) fn from_u8(value: u8) -> Option<Self> {
        FILES.iter().map(|e| e.ef).find(|ef| *ef as u8 == value)
    }
}

/// The content of an EF on a new card; `None` if this profile has no such file.
pub(crate) fn initial(ef: Ef, profile: &Profile) -> Option<Vec<u8>> {
    Some(match ef {
        Ef::Iccid => iccid(&profile.iccid),
        Ef::Dir => record(&dir_template(), DIR_RECORD),
        Ef::Pl => b"enzh".to_vec(),
        Ef::Li => b"enzh".to_vec(),
        Ef::MfArr | Ef::UsimArr => Rule::ALL.iter().flat_map(|r| record(&arr(*r), ARR_RECORD)).collect(),
        Ef::Deed => profile.deed_id?.to_vec(),
        Ef::Imsi => imsi(&profile.imsi),
        // Key set identifier 7: no keys yet.
        Ef::Keys | Ef::KeysPs => [&[0x07][..], &[0xff; 32]].concat(),
        // Look for the home network every 5 × 6 minutes.
        Ef::Hpplmn => vec![0x05],
        Ef::Ust => services(profile),
        Ef::StartHfn => vec![0xf0, 0, 0, 0xf0, 0, 0],
        Ef::Threshold => vec![0xff; 3],
        // No TMSI, no area; the last octet: not updated.
        Ef::PsLoci => [&[0xff; 10][..], &[0, 0, 0xff, 0x01]].concat(),
        Ef::Loci => [&[0xff; 7][..], &[0, 0, 0xff, 0x01]].concat(),
        Ef::EpsLoci => [&[0xff; 15][..], &[0, 0, 0x01]].concat(),
        Ef::Acc => access_class(&profile.imsi),
        Ef::Fplmn => vec![0xff; 12],
        // Normal operation; the length of the MNC in octet 4.
        Ef::Ad => vec![0, 0, 0, profile.mnc_length as u8],
        // 112 and 911, no special category.
        Ef::Ecc => vec![0x11, 0xf2, 0xff, 0x00, 0x19, 0xf1, 0xff, 0x00],
        Ef::Netpar => vec![0xff; 128],
        Ef::EpsNsc => vec![0xff; 80],
        Ef::Msisdn => msisdn(profile.msisdn.as_ref()?),
        Ef::Sms => wire::sms::Record::FREE.repeat(SMS_RECORDS),
        // No parameter is set.
        Ef::Smsp => vec![0xff; usize::from(SMSP_RECORD)],
        // No message sent yet; there is room (TS 31.102 §4.2.28).
        Ef::Smss => vec![0xff, 0xff],
        // The registered network's name is shown too; the operator's, in 16 octets (TS 31.102 §4.2.12).
        Ef::Spn => [&[0x01][..], &record(b"Simward", 16)].concat(),
        Ef::Adn => vec![0xff; usize::from(ADN_RECORD) * ADN_RECORDS],
        Ef::Kc | Ef::KcGprs => [&[0xff; 8][..], &[0x07]].concat(),
    })
}

/// Fills a record to its length with FF.
fn record(content: &[u8], len: u8) -> Vec<u8> {
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

fn iccid(iccid: &Iccid) -> Vec<u8> {
    record(&bcd(values(iccid.as_str())), 10)
}

/// What [`iccid`] wrote.
pub(crate) fn read_iccid(content: &[u8]) -> Option<Iccid> {
    let digits = content.iter().flat_map(|b| [b & 0x0f, b >> 4]).take_while(|d| *d < 10);
    digits.map(|d| char::from(b'0' + d)).collect::<String>().parse().ok()
}

/// Length, then parity and type in the first half octet: 9 for an odd number of digits, 1 for an even one.
fn imsi(imsi: &Imsi) -> Vec<u8> {
    let parity = if imsi.as_str().len() % 2 == 1 { 9 } else { 1 };
    let coded = bcd(core::iter::once(parity).chain(values(imsi.as_str())));
    record(&[&[coded.len() as u8][..], &coded].concat(), 9)
}

/// One of the classes 0 to 9, by the last digit of the IMSI (TS 22.011 §4.2).
fn access_class(imsi: &Imsi) -> Vec<u8> {
    let class = values(imsi.as_str()).last().unwrap_or(0);
    (1u16 << class).to_be_bytes().to_vec()
}

/// No name; length and type of the number, international; its digits; no capability, no extension
/// (TS 31.102 §4.2.26).
fn msisdn(msisdn: &Msisdn) -> Vec<u8> {
    let digits = bcd(values(msisdn.as_str()));
    let number = record(&[&[digits.len() as u8 + 1, 0x91][..], &digits].concat(), 12);
    [&[0xff; 14][..], &number, &[0xff, 0xff]].concat()
}

/// Services of the USIM Service Table (TS 31.102 §4.2.8): 10 short message storage, 12 short message parameters, 19
/// service provider name, 27 GSM access, 33 (always set), 38 GSM security context, 85 EPS mobility management
/// information, 21 where there is an MSISDN, and 28, data download via SMS-PP, where there are keys for it. 1, the local phone book, would be one inside the USIM; EF.ADN under
/// DF.TELECOM has no service here.
fn services(profile: &Profile) -> Vec<u8> {
    let mut table = vec![0; 17];
    let number = profile.msisdn.map(|_| 21);
    let download = profile.ota.as_ref().map(|_| 28);
    for service in [10usize, 12, 19, 27, 33, 38, 85].into_iter().chain(number).chain(download) {
        if let Some(octet) = table.get_mut((service - 1) / 8) {
            *octet |= 1 << ((service - 1) % 8);
        }
    }
    table
}

/// The application template of EF.DIR (TS 102 221 §13.1): AID and label.
fn dir_template() -> Vec<u8> {
    let mut inner = wire::tlv::tlv(0x4f, &USIM_AID);
    wire::tlv::put(&mut inner, 0x50, b"USIM");
    wire::tlv::tlv(0x61, &inner)
}

/// A rule in expanded format (TS 102 221 §9.2.7, ISO/IEC 7816-4 §9.3): access mode, then what it takes.
fn arr(rule: Rule) -> Vec<u8> {
    const AM_READ: u8 = 0x01;
    const AM_UPDATE: u8 = 0x02;
    const AM_EVERYTHING: u8 = 0x7f;
    let mut out = Vec::new();
    let mut put = |mode: u8, access: Access| {
        wire::tlv::put(&mut out, 0x80, &[mode]);
        match access {
            Access::Always => wire::tlv::put(&mut out, 0x90, &[]),
            Access::Never => wire::tlv::put(&mut out, 0x97, &[]),
            // Key reference; usage: the user proves knowledge.
            Access::Pin => wire::tlv::put(&mut out, 0xa4, &[0x83, 1, 0x01, 0x95, 1, 0x08]),
            Access::Adm => wire::tlv::put(&mut out, 0xa4, &[0x83, 1, 0x0a, 0x95, 1, 0x08]),
        }
    };
    if rule == Rule::Directory {
        put(AM_EVERYTHING, Access::Never);
    } else {
        put(AM_READ, rule.read());
        put(AM_UPDATE, rule.update());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_names_each_file_once() {
        for (i, a) in FILES.iter().enumerate() {
            for b in FILES.iter().skip(i + 1) {
                assert_ne!(a.ef as u8, b.ef as u8);
                if a.dir == b.dir {
                    assert_ne!(a.fid, b.fid);
                    assert!(a.sfi == 0 || a.sfi != b.sfi, "{:?} and {:?}", a.ef, b.ef);
                }
            }
        }
    }

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

    #[test]
    fn every_rule_fits_its_record_and_says_what_the_card_enforces() {
        for rule in Rule::ALL {
            assert!(arr(rule).len() <= usize::from(ARR_RECORD), "{rule:?}");
        }
        assert_eq!(
            arr(Rule::PinAdm),
            [0x80, 1, 1, 0xa4, 6, 0x83, 1, 1, 0x95, 1, 8, 0x80, 1, 2, 0xa4, 6, 0x83, 1, 0x0a, 0x95, 1, 8]
        );
    }
}
