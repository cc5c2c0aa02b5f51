//! The reference profile: the files of a new card, their access rules and what is in them, as tables.
//!
//! What is in them is `content.rs`'s; it follows TS 102 221 §13 (MF), TS 51.011 §10 (DF.TELECOM, DF.GSM) and TS 31.102 §4.2 to §4.4 (USIM). The SIM's
//! files in DF.GSM are the USIM's under their old identifiers, so that a telephone of either age finds one truth.

use crate::Profile;
use crate::content::{
    access_class, alert, applications, extension, iccid, impi, impu, ims_domain, imsi, msisdn, no_keys,
    phone_book, record, routing_indicator, services, sim_services, suci_calc_info,
};
use crate::file::{File, FileId, Kind, RuleRef, Structure};
use crate::tree::Tree;
use alloc::vec;
use alloc::vec::Vec;

/// The application identifier of the USIM (TS 101 220 Annex E: 3GPP, USIM, then the provider's octets).
pub(crate) const USIM_AID: [u8; 16] =
    [0xa0, 0x00, 0x00, 0x00, 0x87, 0x10, 0x02, 0xff, 0xff, 0xff, 0xff, 0x89, 0x07, 0x09, 0x00, 0x00];
/// That of the ISIM.
pub(crate) const ISIM_AID: [u8; 16] =
    [0xa0, 0x00, 0x00, 0x00, 0x87, 0x10, 0x04, 0xff, 0xff, 0xff, 0xff, 0x89, 0x07, 0x09, 0x00, 0x00];
/// That of the application of keys (GSMA IoT.05), as clients name it.
pub(crate) const IOT_SAFE: &[u8] = &[0xa0, 0x00, 0x00, 0x05, 0x59, 0x00, 0x10];
/// What every USIM's and every ISIM's name begins with.
pub(crate) const USIM: &[u8] = USIM_AID.split_at(7).0;
pub(crate) const ISIM: &[u8] = ISIM_AID.split_at(7).0;

/// EF.ICCID under the MF.
pub(crate) const ICCID: u16 = 0x2fe2;
/// EF.DEED, EF.ALERT, EF.SEEN and EF.TELEPHONES, which are ours.
pub(crate) const DEED: [u16; 1] = [0x2f1d];
pub(crate) const ALERT: [u16; 1] = [0x2f1e];
pub(crate) const SEEN: [u16; 1] = [0x2f1f];
pub(crate) const TELEPHONES: [u16; 1] = [0x2f20];
/// EF.IMSI and EF.AD of the USIM.
pub(crate) const IMSI: u16 = 0x6f07;
pub(crate) const AD: u16 = 0x6fad;
/// EF.Routing-Indicator in DF.5GS, and what the USIM itself conceals by, in DF.SAIP (TS 31.102 §4.4.11, §4.4.12).
pub(crate) const ROUTING_INDICATOR: [u16; 2] = [0x5fc0, 0x4f0a];
pub(crate) const SUCI_CALC_INFO: [u16; 2] = [0x5fd0, 0x4f01];
/// EF.SPN and EF.HPPLMN of the USIM: what the operator may write from afar.
pub(crate) const SPN: u16 = 0x6f46;
pub(crate) const HPPLMN: u16 = 0x6f31;
/// EF.GBABP and EF.GBANL of the USIM (TS 31.102 §4.2.79, §4.2.83).
pub(crate) const GBA_BOOTSTRAPPED: [u16; 1] = [0x6fd6];
pub(crate) const GBA_NAF_LIST: [u16; 1] = [0x6fda];
/// The contacts, and which of them a terminal of GSM has changed.
pub(crate) const ADN: [u16; 2] = [0x7f10, 0x6f3a];
pub(crate) const PBC: [u16; 3] = [0x7f10, 0x5f3a, 0x4f09];

/// A directory of the profile; the discriminant is its number on the card.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Dir {
    Mf = 0,
    Telecom = 1,
    Gsm = 2,
    Usim = 3,
    GsmAccess = 4,
    Isim = 5,
    FiveGs = 6,
    PhoneBook = 7,
    /// The application of keys. It has no files.
    IotSafe = 8,
    /// Only of a card that conceals the identity itself.
    Saip = 9,
}

impl Dir {
    const ALL: [Self; 10] = [
        Self::Mf,
        Self::Telecom,
        Self::Gsm,
        Self::Usim,
        Self::GsmAccess,
        Self::Isim,
        Self::FiveGs,
        Self::PhoneBook,
        Self::IotSafe,
        Self::Saip,
    ];

    const fn id(self) -> FileId {
        FileId(self as u16)
    }

    /// Its file identifier; an application's directory is addressed as the current one, 7FFF.
    const fn fid(self) -> u16 {
        match self {
            Self::Mf => 0x3f00,
            Self::Telecom => 0x7f10,
            Self::Gsm => 0x7f20,
            Self::Usim | Self::Isim | Self::IotSafe => 0x7fff,
            Self::GsmAccess => 0x5f3b,
            Self::FiveGs => 0x5fc0,
            Self::PhoneBook => 0x5f3a,
            Self::Saip => 0x5fd0,
        }
    }

    const fn parent(self) -> Self {
        match self {
            Self::Mf | Self::Telecom | Self::Gsm | Self::Usim | Self::Isim | Self::IotSafe => Self::Mf,
            Self::PhoneBook => Self::Telecom,
            Self::GsmAccess | Self::FiveGs | Self::Saip => Self::Usim,
        }
    }

    /// The EF.ARR that the rules of its files are in: its own or that of a directory above it.
    const fn arr(self) -> u16 {
        match self {
            Self::Mf | Self::Telecom | Self::Gsm | Self::PhoneBook | Self::IotSafe => 0x2f06,
            Self::Usim | Self::GsmAccess | Self::Isim | Self::FiveGs | Self::Saip => 0x6f06,
        }
    }

    fn file(self) -> File {
        let kind = match self {
            Self::Usim => Kind::Application(USIM_AID.to_vec()),
            Self::Isim => Kind::Application(ISIM_AID.to_vec()),
            Self::IotSafe => Kind::Application(IOT_SAFE.to_vec()),
            _ => Kind::Dir,
        };
        let rule = Rule::Directory.in_arr(self.parent().arr());
        File::new(self.parent().id(), self.fid(), 0, kind, rule, Vec::new())
    }
}

/// An access rule of the profile. The discriminant is its record in EF.ARR. What a rule does not speak of is not allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rule {
    /// Read by anybody, changed by nobody. EF.ARR itself: nobody loosens a rule.
    AlwaysNever = 1,
    AlwaysPin = 2,
    AlwaysAdm = 3,
    PinPin = 4,
    PinAdm = 5,
    /// Directories: the operator makes new files in them; none of them goes.
    Directory = 6,
    PinPin2 = 7,
    /// For EFs that the operator makes later: the holder uses them, the operator does the rest.
    Open = 8,
    /// For directories that the operator makes later.
    OpenDirectory = 9,
    /// Nobody's but the operator's.
    AdmAdm = 10,
}

impl Rule {
    const ALL: [Self; 10] = [
        Self::AlwaysNever,
        Self::AlwaysPin,
        Self::AlwaysAdm,
        Self::PinPin,
        Self::PinAdm,
        Self::Directory,
        Self::PinPin2,
        Self::Open,
        Self::OpenDirectory,
        Self::AdmAdm,
    ];

    const fn in_arr(self, arr: u16) -> RuleRef {
        RuleRef { arr, record: self as u8 }
    }

    /// In expanded format (TS 102 221 §9.2.7, ISO/IEC 7816-4 §9.3): access mode, then what it takes.
    fn record(self) -> Vec<u8> {
        const READ: u8 = 0x01;
        const UPDATE: u8 = 0x02;
        /// ACTIVATE and DEACTIVATE FILE.
        const SWITCH: u8 = 0x18;
        const TERMINATE: u8 = 0x20;
        const DELETE: u8 = 0x40;
        const CREATE_EF_AND_DF: u8 = 0x06;
        const ALWAYS: &[u8] = &[0x90, 0];
        // Key reference; usage: the user proves knowledge.
        const PIN: &[u8] = &[0xa4, 6, 0x83, 1, 0x01, 0x95, 1, 0x08];
        const PIN2: &[u8] = &[0xa4, 6, 0x83, 1, 0x81, 0x95, 1, 0x08];
        const ADM: &[u8] = &[0xa4, 6, 0x83, 1, 0x0a, 0x95, 1, 0x08];
        let mode = |byte, condition: &[u8]| [&[0x80, 1, byte], condition].concat();
        let command = |ins, condition: &[u8]| [&[0x84, 1, ins], condition].concat();
        match self {
            Self::AlwaysNever => mode(READ, ALWAYS),
            Self::AlwaysPin => [mode(READ, ALWAYS), mode(UPDATE, PIN), mode(SWITCH, ADM)].concat(),
            Self::AlwaysAdm => [mode(READ, ALWAYS), mode(UPDATE | SWITCH, ADM)].concat(),
            Self::PinPin => [mode(READ | UPDATE, PIN), mode(SWITCH, ADM)].concat(),
            Self::PinAdm => [mode(READ, PIN), mode(UPDATE | SWITCH, ADM)].concat(),
            Self::Directory => mode(CREATE_EF_AND_DF, ADM),
            Self::AdmAdm => mode(READ | UPDATE | SWITCH, ADM),
            Self::OpenDirectory => mode(CREATE_EF_AND_DF | TERMINATE | DELETE, ADM),
            Self::PinPin2 => [mode(READ, PIN), mode(UPDATE, PIN2), mode(SWITCH, ADM)].concat(),
            Self::Open => [
                mode(READ | UPDATE, PIN),
                command(0x32, PIN),
                mode(SWITCH | DELETE | TERMINATE, ADM),
                command(0xd4, ADM),
            ]
            .concat(),
        }
    }
}

/// One line of the table of EFs.
struct Entry {
    dir: Dir,
    fid: u16,
    /// Short file identifier; 0 where it has none.
    sfi: u8,
    structure: Structure,
    rule: Rule,
    /// What is in it at first; `None` if this profile has no such file.
    content: fn(&Profile) -> Option<Vec<u8>>,
}

const ARR_RECORD: u8 = 44;
pub(crate) const DIR_RECORD: u8 = 38;
/// sip: and a public identity made of an IMSI.
pub(crate) const IMPU_RECORD: u8 = 72;
pub(crate) const MSISDN_RECORD: u8 = 28;
/// 20 octets of name (TS 51.011 §10.5.1: X + 14).
const ADN_RECORD: u8 = 34;
const ADN_RECORDS: usize = 50;
/// Four groups a contact is in, an e-mail address of 40 octets, and so on: where each stands.
pub(crate) const PBR_RECORD: u8 = 48;
/// A challenge, a transaction's name of 64 octets, a lifetime of 10, and their lengths.
const GBA_OCTETS: usize = 93;
/// A service's name and a transaction's.
const GBA_RECORD: u8 = 140;
const GBA_RECORDS: usize = 5;
/// What was seen, how long what was said of it is, and that.
const SEEN_RECORD: u8 = 24;
const SEEN_RECORDS: usize = 10;
const SMS_RECORD: u8 = 176;
const SMS_RECORDS: usize = 20;
/// 12 octets of name (TS 31.102 §4.2.27: 28 + Y).
const SMSP_RECORD: u8 = 40;

macro_rules! files {
    ($($dir:ident $fid:literal $sfi:literal $structure:expr, $rule:ident, $content:expr;)*) => {
        /// Every EF that is not another's. Ours are 2F1D to 2F20, identifiers that no standard gives files under the MF: EF.DEED;
        /// EF.ALERT, where an alert goes; EF.SEEN, what the card heard of the network; EF.TELEPHONES, those it was in.
        const FILES: &[Entry] = &[$(
            Entry {
                dir: Dir::$dir, fid: $fid, sfi: $sfi, structure: $structure, rule: Rule::$rule, content: $content,
            },
        )*];
    };
}

use Structure::{Linear, Transparent};

files! {
    // TS 102 221 §13.1 to §13.4.
    Mf 0x2fe2 0x02 Transparent,           AlwaysNever, |p| Some(iccid(&p.iccid));
    Mf 0x2f00 0x1e Linear(DIR_RECORD),    AlwaysAdm,   |_| Some(applications());
    Mf 0x2f05 0x05 Transparent,           AlwaysPin,   |_| Some(b"enzh".to_vec());
    Mf 0x2f06 0x06 Linear(ARR_RECORD),    AlwaysNever, |_| Some(rules());
    Mf 0x2f1d 0x00 Transparent,           PinAdm,      |p| Some(p.deed_id?.to_vec());
    Mf 0x2f1e 0x00 Transparent,           PinAdm,      |p| Some(alert(p));
    Mf 0x2f1f 0x00 Structure::Cyclic(SEEN_RECORD), PinAdm, |_| Some(vec![0xff; usize::from(SEEN_RECORD) * SEEN_RECORDS]);
    Mf 0x2f20 0x00 Structure::Cyclic(8),  PinAdm,      |_| Some(vec![0xff; 8 * 5]);
    // TS 31.102 §4.2, short identifiers of Annex H. Languages.
    Usim 0x6f05 0x02 Transparent,         AlwaysPin,   |_| Some(b"enzh".to_vec());
    Usim 0x6f06 0x17 Linear(ARR_RECORD),  AlwaysNever, |_| Some(rules());
    Usim 0x6f07 0x07 Transparent,         PinAdm,      |p| Some(imsi(&p.imsi));
    Usim 0x6f08 0x08 Transparent,         PinPin,      |_| Some(no_keys());
    Usim 0x6f09 0x09 Transparent,         PinPin,      |_| Some(no_keys());
    // Look for the home network every 5 × 6 minutes.
    Usim 0x6f31 0x12 Transparent,         PinAdm,      |_| Some(vec![0x05]);
    Usim 0x6f38 0x04 Transparent,         PinAdm,      |p| Some(services(p));
    Usim 0x6f5b 0x0f Transparent,         PinPin,      |_| Some(vec![0xf0, 0, 0, 0xf0, 0, 0]);
    Usim 0x6f5c 0x10 Transparent,         PinAdm,      |_| Some(vec![0xff; 3]);
    // Locations: no TMSI, no area; the last octet: not updated.
    Usim 0x6f73 0x0c Transparent,         PinPin,      |_| Some([&[0xff; 10][..], &[0, 0, 0xff, 0x01]].concat());
    Usim 0x6f78 0x06 Transparent,         PinAdm,      |p| Some(access_class(&p.imsi));
    Usim 0x6f7b 0x0d Transparent,         PinPin,      |_| Some(vec![0xff; 12]);
    Usim 0x6f7e 0x0b Transparent,         PinPin,      |_| Some([&[0xff; 7][..], &[0, 0, 0xff, 0x01]].concat());
    // Normal operation; the length of the MNC in octet 4.
    Usim 0x6fad 0x03 Transparent,         AlwaysAdm,   |p| Some(vec![0, 0, 0, p.mnc_length as u8]);
    // 112 and 911, no special category.
    Usim 0x6fb7 0x01 Linear(4),           AlwaysAdm,   |_| Some(vec![0x11, 0xf2, 0xff, 0x00, 0x19, 0xf1, 0xff, 0x00]);
    Usim 0x6fc4 0x00 Transparent,         PinPin,      |_| Some(vec![0xff; 128]);
    Usim 0x6fe3 0x1e Transparent,         PinPin,      |_| Some([&[0xff; 15][..], &[0, 0, 0x01]].concat());
    Usim 0x6fe4 0x18 Linear(80),          PinPin,      |_| Some(vec![0xff; 80]);
    Usim 0x6f40 0x00 Linear(MSISDN_RECORD), PinPin,    |p| Some(msisdn(p.msisdn.as_ref()?));
    Usim 0x6f3c 0x00 Linear(SMS_RECORD),  PinPin,      |_| Some(wire::sms::Record::FREE.repeat(SMS_RECORDS));
    // No parameter is set.
    Usim 0x6f42 0x00 Linear(SMSP_RECORD), PinPin,      |_| Some(vec![0xff; usize::from(SMSP_RECORD)]);
    // No message sent yet; there is room (TS 31.102 §4.2.28).
    Usim 0x6f43 0x00 Transparent,         PinPin,      |_| Some(vec![0xff, 0xff]);
    // The registered network's name is shown too; the operator's, in 16 octets (TS 31.102 §4.2.12).
    Usim 0x6f46 0x00 Transparent,         AlwaysAdm,   |_| Some([&[0x01][..], &record(b"Simward", 16)].concat());
    // TS 31.102 §4.2.79, §4.2.83: no challenge, no transaction, no lifetime; services that keys were made for.
    Usim 0x6fd6 0x00 Transparent,         PinPin,      |_| Some(vec![0; GBA_OCTETS]);
    Usim 0x6fda 0x00 Linear(GBA_RECORD),  PinAdm,      |_| Some(vec![0xff; usize::from(GBA_RECORD) * GBA_RECORDS]);
    // TS 31.102 §4.4.3. Kc and the key's number: none.
    GsmAccess 0x4f20 0x01 Transparent,    PinPin,      |_| Some([&[0xff; 8][..], &[0x07]].concat());
    GsmAccess 0x4f52 0x02 Transparent,    PinPin,      |_| Some([&[0xff; 8][..], &[0x07]].concat());
    // TS 31.103 §4.2, short identifiers of Annex A. No service beyond identity and domain is offered.
    Isim 0x6f02 0x02 Transparent,         PinAdm,      |p| Some(wire::tlv::tlv(0x80, impi(p).as_bytes()));
    Isim 0x6f03 0x05 Transparent,         PinAdm,      |p| Some(wire::tlv::tlv(0x80, ims_domain(p).as_bytes()));
    Isim 0x6f04 0x04 Linear(IMPU_RECORD), PinAdm,      |p| Some(record(&impu(p), IMPU_RECORD));
    Isim 0x6f06 0x06 Linear(ARR_RECORD),  AlwaysNever, |_| Some(rules());
    Isim 0x6f07 0x07 Transparent,         PinAdm,      |_| Some(vec![0; 2]);
    Isim 0x6fad 0x03 Transparent,         AlwaysAdm,   |_| Some(vec![0; 3]);
    // TS 31.102 §4.4.11. Locations: no 5G-GUTI, no area, not updated; no security context, no keys; no access identity.
    FiveGs 0x4f01 0x01 Transparent,       PinPin,      |_| Some([&[0xff; 16][..], &[0, 0, 0, 0x01]].concat());
    FiveGs 0x4f02 0x02 Transparent,       PinPin,      |_| Some([&[0xff; 16][..], &[0, 0, 0, 0x01]].concat());
    FiveGs 0x4f03 0x03 Linear(57),        PinPin,      |_| Some(vec![0xff; 57]);
    FiveGs 0x4f04 0x04 Linear(57),        PinPin,      |_| Some(vec![0xff; 57]);
    FiveGs 0x4f05 0x05 Transparent,       PinPin,      |_| Some(vec![0xff; 110]);
    FiveGs 0x4f06 0x06 Transparent,       PinAdm,      |_| Some(vec![0; 4]);
    FiveGs 0x4f07 0x07 Transparent,       PinAdm,      |p| suci_calc_info(p, false);
    FiveGs 0x4f0a 0x0a Transparent,       PinAdm,      |p| Some(routing_indicator(p));
    Saip   0x4f01 0x01 Transparent,       AdmAdm,      |p| suci_calc_info(p, true);
    // TS 51.011 §10.5.
    Telecom 0x6f3a 0x00 Linear(ADN_RECORD), PinPin,    |_| Some(vec![0xff; usize::from(ADN_RECORD) * ADN_RECORDS]);
    Telecom 0x6f4a 0x00 Linear(13),       PinPin,      |_| Some(extension().repeat(10));
    // TS 31.102 §4.4.2. All that belongs to an entry stands in the record of its number (type 1).
    PhoneBook 0x4f30 0x00 Linear(PBR_RECORD), PinAdm,  |_| Some(phone_book());
    PhoneBook 0x4f09 0x00 Linear(2),      PinPin,      |_| Some(vec![0; 2 * ADN_RECORDS]);
    PhoneBook 0x4f11 0x00 Linear(15),     PinPin,      |_| Some(vec![0xff; 15 * ADN_RECORDS]);
    PhoneBook 0x4f19 0x00 Linear(20),     PinPin,      |_| Some(vec![0xff; 20 * ADN_RECORDS]);
    PhoneBook 0x4f21 0x00 Linear(2),      PinPin,      |_| Some(vec![0; 2 * ADN_RECORDS]);
    PhoneBook 0x4f22 0x00 Transparent,    PinPin,      |_| Some(vec![0; 4]);
    PhoneBook 0x4f23 0x00 Transparent,    PinPin,      |_| Some(vec![0; 2]);
    PhoneBook 0x4f24 0x00 Transparent,    PinPin,      |_| Some(vec![0; 2]);
    PhoneBook 0x4f26 0x00 Linear(4),      PinPin,      |_| Some(vec![0; 4 * ADN_RECORDS]);
    PhoneBook 0x4f4b 0x00 Linear(16),     PinPin,      |_| Some(vec![0xff; 16 * 4]);
    PhoneBook 0x4f4c 0x00 Linear(20),     PinPin,      |_| Some(vec![0xff; 20 * 8]);
    PhoneBook 0x4f50 0x00 Linear(40),     PinPin,      |_| Some(vec![0xff; 40 * ADN_RECORDS]);
    // TS 51.011 §10.3: the language preference, English; the SIM service table; phase 2+.
    Gsm 0x6f05 0x00 Transparent,          AlwaysPin,   |_| Some(vec![0x01]);
    Gsm 0x6f38 0x00 Transparent,          PinAdm,      |p| Some(sim_services(p));
    Gsm 0x6fae 0x00 Transparent,          AlwaysAdm,   |_| Some(vec![0x03]);
}

/// The SIM's files that are the USIM's: directory and identifier there, then here (TS 51.011 §10.3, §10.5).
const LINKS: &[(Dir, u16, Dir, u16)] = &[
    (Dir::Gsm, 0x6f07, Dir::Usim, 0x6f07),
    (Dir::Gsm, 0x6f20, Dir::GsmAccess, 0x4f20),
    (Dir::Gsm, 0x6f31, Dir::Usim, 0x6f31),
    (Dir::Gsm, 0x6f46, Dir::Usim, 0x6f46),
    (Dir::Gsm, 0x6f52, Dir::GsmAccess, 0x4f52),
    (Dir::Gsm, 0x6f53, Dir::Usim, 0x6f73),
    (Dir::Gsm, 0x6f78, Dir::Usim, 0x6f78),
    (Dir::Gsm, 0x6f7b, Dir::Usim, 0x6f7b),
    (Dir::Gsm, 0x6f7e, Dir::Usim, 0x6f7e),
    (Dir::Gsm, 0x6fad, Dir::Usim, 0x6fad),
    (Dir::PhoneBook, 0x4f3a, Dir::Telecom, 0x6f3a),
    (Dir::PhoneBook, 0x4f4a, Dir::Telecom, 0x6f4a),
    (Dir::Telecom, 0x6f3c, Dir::Usim, 0x6f3c),
    (Dir::Telecom, 0x6f40, Dir::Usim, 0x6f40),
    (Dir::Telecom, 0x6f42, Dir::Usim, 0x6f42),
    (Dir::Telecom, 0x6f43, Dir::Usim, 0x6f43),
];

/// The files of a new card.
pub(crate) fn tree(profile: &Profile) -> Tree {
    let mut files: Vec<_> = Dir::ALL.into_iter().map(Dir::file).collect();
    if !profile.concealment.as_ref().is_some_and(|c| c.by_card) {
        // The last of the directories.
        files.pop();
    }
    files.extend(FILES.iter().filter_map(|e| {
        let rule = e.rule.in_arr(e.dir.arr());
        Some(File::new(e.dir.id(), e.fid, e.sfi, Kind::Ef(e.structure), rule, (e.content)(profile)?))
    }));
    let links: Vec<_> = LINKS
        .iter()
        .filter_map(|(dir, fid, there, target)| {
            let place = files.iter().position(|f| f.parent == there.id() && f.fid == *target)?;
            let kind = Kind::Link(FileId(u16::try_from(place).ok()?));
            // A link has no rule of its own: the file's holds.
            Some(File::new(dir.id(), *fid, 0, kind, RuleRef { arr: 0, record: 0 }, Vec::new()))
        })
        .collect();
    files.extend(links);
    Tree::new(files)
}

/// The files of a card of the first version, from what was in them. It had no others.
pub(crate) fn former(content: impl Fn(bool, &[u16]) -> Option<Vec<u8>>) -> Tree {
    const FORMER_ARR_RECORD: u8 = 24;
    let mut files: Vec<_> = Dir::ALL.into_iter().map(Dir::file).collect();
    files.extend(FILES.iter().filter_map(|e| {
        let content = match e.dir {
            Dir::Mf | Dir::Usim => content(e.dir == Dir::Usim, &[e.fid]),
            // Nor these.
            Dir::PhoneBook | Dir::IotSafe => None,
            // It had none.
            Dir::Isim => None,
            Dir::Telecom | Dir::Gsm => content(false, &[e.dir.fid(), e.fid]),
            Dir::GsmAccess | Dir::FiveGs | Dir::Saip => content(true, &[e.dir.fid(), e.fid]),
        }?;
        let structure = match e.structure {
            Linear(ARR_RECORD) => Linear(FORMER_ARR_RECORD),
            other => other,
        };
        Some(File::new(e.dir.id(), e.fid, e.sfi, Kind::Ef(structure), e.rule.in_arr(e.dir.arr()), content))
    }));
    let mut tree = Tree::new(files);
    for dir in [Dir::PhoneBook, Dir::Telecom, Dir::Gsm, Dir::Isim, Dir::FiveGs, Dir::IotSafe, Dir::Saip] {
        if tree.children(dir.id()).next().is_none() {
            tree.delete(dir.id());
        }
    }
    tree
}

fn rules() -> Vec<u8> {
    Rule::ALL.iter().flat_map(|rule| record(&rule.record(), ARR_RECORD)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_names_each_file_once() {
        let all: Vec<_> = FILES
            .iter()
            .map(|e| (e.dir, e.fid, e.sfi))
            .chain(LINKS.iter().map(|(dir, fid, ..)| (*dir, *fid, 0)))
            .collect();
        for (i, a) in all.iter().enumerate() {
            for b in all.iter().skip(i + 1).filter(|b| b.0 == a.0) {
                assert_ne!(a.1, b.1);
                assert!(a.2 == 0 || a.2 != b.2, "{a:?} and {b:?}");
            }
        }
        for (.., dir, fid) in LINKS {
            assert!(FILES.iter().any(|e| e.dir == *dir && e.fid == *fid), "{dir:?} {fid:04x}");
        }
    }

    #[test]
    fn every_rule_fits_its_record() {
        for rule in Rule::ALL {
            assert!(rule.record().len() <= usize::from(ARR_RECORD), "{rule:?}");
        }
        assert_eq!(
            Rule::PinAdm.record(),
            [0x80, 1, 1, 0xa4, 6, 0x83, 1, 1, 0x95, 1, 8, 0x80, 1, 0x1a, 0xa4, 6, 0x83, 1, 0x0a, 0x95, 1, 8]
        );
    }
}
