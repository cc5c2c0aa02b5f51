//! Short messages: others' messages read, our own come back, and nothing that comes panics.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use proptest::prelude::*;
use wire::sms::{
    Address, Concatenation, DataCoding, Deliver, Element, Message, Payload, ProtocolIdentifier, Record,
    Standing, Submit, Timestamp, UserData, ValidityPeriod, join,
};
use wire::{Msisdn, UnixTime};

fn bytes(hex: &str) -> Vec<u8> {
    hex::decode(hex).unwrap()
}

/// A PDU as modems show it is what EF_SMS keeps after its status octet.
fn record(pdu: &str) -> Vec<u8> {
    let mut record = [vec![1], bytes(pdu)].concat();
    record.resize(176, 0xff);
    record
}

fn deliver(pdu: &str) -> (Option<Address>, Deliver) {
    let record = Record::parse(&record(pdu)).unwrap().unwrap();
    let Message::Deliver(deliver) = record.message else { panic!("not received") };
    (record.centre, deliver)
}

/// Messages that phones really received: the tests of pmarti/python-messaging and of many others have them.
#[test]
fn messages_from_the_world_are_read_as_others_read_them() {
    for (pdu, centre, from, when, text) in [
        (
            "07911326040000F0040B911346610089F60000208062917314080CC8F71D14969741F977FD07",
            "+31624000000",
            "+31641600986",
            "2002-08-26 19:37:41 +00:00",
            "How are you?",
        ),
        (
            "07914306073011F0040B914316709807F2000880604290224080084E2D5174901A8BAF",
            "+34607003110",
            "+34610789702",
            "2008-06-24 09:22:04 +02:00",
            "中兴通讯",
        ),
        (
            "0791447758100650040C914497716247010000909010711423400A2050EC468B81C4733A",
            "+447785016005",
            "+447917267410",
            "2009-09-01 17:41:32 +01:00",
            "  1741 bst",
        ),
        (
            "07919333852804000412D0F7FBDD454FB75D693A0000903002801153402BCD301E9F0605D9E971191483C140412A35690D52\
             832063D2F9040599A058EE05A3BD6430580E",
            "+393358824000",
            "www.tim.it",
            "2009-03-20 08:11:35 +01:00",
            "Maxxi Alice 100 ATTIVATA FINO AL 19/04/2009",
        ),
        (
            "07919471060040340409D0C6A733390400009060920173018093CC74595C96838C4F6772085AD6DDE4320B444E9741D4B03C\
             6D7EC3E9E9B71B9474D3CB727799DEA286CFE5B9991DA6CBC3F432E85E9793CBA0F09A9EB6A7CB72BA0B9474D3CB727799DE\
             72D6E9FABAFB0CBAA7E56490BA4CD7D34170F91BE4ACD3F575F7794E0F9F4161F1B92C2F8FD1EE32DD054AA2E520E3D3991C\
             82A8E5701B",
            "+491760000443",
            "FONIC",
            "2009-06-29 10:37:10 +02:00",
            "Lieber FONIC Kunde, die Tarifoption Internet-Tagesflatrate wurde aktiviert. Internet-Nutzung wird \
             jetzt pro Nutzungstag abgerechnet. Ihr FONIC Team",
        ),
    ] {
        let (its_centre, message) = deliver(pdu);
        assert_eq!(its_centre.unwrap().to_string(), centre);
        assert_eq!(message.originator.to_string(), from);
        assert_eq!(message.timestamp.to_string(), when);
        assert_eq!(message.user_data.text().unwrap(), text);
        assert_eq!(join(&[message.user_data]).unwrap(), text);
    }
}

#[test]
fn a_message_of_two_parts_is_joined_in_either_order() {
    let pdus = [
        "07919471227210244405852122F039F101506271217180A005000319020198E9B2B82C0759DFE4B0F9ED2EB7967537B9CC02B5D374\
         50122D2FCB41EE303DFD7687D96537881A96A7CD6F383DFD7683F46134BBEC064DD36550DA0D22A7CBF3721BE42CD3F5A0198B5603\
         6DCA20B8FC0D6A0A4170767D0EAAE540433A082E7F83A6E5F93CFD76BB40D7B2DB0D9AA6CB2072BA3C2F83926EF31BE44E8FD17450\
         BB8C9683CA",
        "07919471227210244405852122F039F1015062712181804F050003190202E4E8309B5E7683DAFC319A5E76B340F73D9A5D7683A6E9\
         3268FD9ED3CB6EF67B0E5AD172B19B2C2693C9602E90355D6683A6F0B007946E8382F5393BEC26BB00",
    ];
    let [one, two] = pdus.map(|pdu| deliver(pdu).1.user_data);
    assert_eq!(one.concatenation(), Some(Concatenation { reference: 25, parts: 2, part: 1 }));
    let text = "Lieber Vodafone-Kunde, mit Ihrer nationalen Tarifoption zahlen Sie in diesem Netz 3,45 € pro MB plus \
                59 Ct pro Session. Wenn Sie diese Info nicht mehr erhalten möchten, wählen Sie kostenlos \
                +4917212220. Viel Spaß im Ausland.";
    assert_eq!(join(&[one.clone(), two.clone()]).unwrap(), text);
    assert_eq!(join(&[two.clone(), one.clone()]).unwrap(), text);
    assert_eq!(join(std::slice::from_ref(&one)), None);
    assert_eq!(join(&[one.clone(), one]), None);
    assert_eq!(join(&[]), None);
}

#[test]
fn what_we_write_is_what_others_wrote() {
    // The first example above, and the SUBMIT that descriptions of the PDU format show.
    let (_, message) =
        deliver("07911326040000F0040B911346610089F60000208062917314080CC8F71D14969741F977FD07");
    assert_eq!(
        message.to_bytes().unwrap(),
        bytes("040B911346610089F60000208062917314080CC8F71D14969741F977FD07")
    );
    let number: Msisdn = "46708251358".parse().unwrap();
    let mut submit = Submit::new(0, (&number).into(), UserData::of_text("hellohello", 0).unwrap().remove(0));
    submit.validity = ValidityPeriod::Relative(0xaa);
    assert_eq!(submit.to_bytes().unwrap(), bytes("11000B916407281553F80000AA0AE8329BFD4697D9EC37"));
    assert_eq!(Submit::parse(&submit.to_bytes().unwrap()).unwrap(), submit);
}

#[test]
fn a_free_record_says_nothing_and_an_unread_one_is_176_octets() {
    assert_eq!(Record::parse(&Record::FREE).unwrap(), None);
    assert_eq!(Record::parse(&[]).unwrap(), None);
    let (centre, message) = deliver("07914306073011F0040B914316709807F2000880604290224080084E2D5174901A8BAF");
    let unread = Record::unread(centre, message);
    let octets = unread.to_bytes().unwrap();
    assert_eq!(octets[0], 3);
    assert_eq!(
        octets[1..36],
        record("07914306073011F0040B914316709807F2000880604290224080084E2D5174901A8BAF")[1..36]
    );
    assert!(octets[36..].iter().all(|b| *b == 0xff));
    assert_eq!(Record::parse(&octets).unwrap().unwrap(), unread);
    let mut wrong = unread;
    wrong.standing = Standing::Sent(5);
    assert!(wrong.to_bytes().is_err());
}

/// Each is wrong in its own way: type, address too long, filler in a number, cut, header past the data, text
/// shorter than its header, data past 140 octets, octets after the end.
#[test]
fn hostile_deliveries_are_refused() {
    for (hex, why) in [
        ("", "nothing"),
        ("05", "a SUBMIT"),
        ("04", "ends before the address"),
        ("0415911346610089f60000000000000000000000000000", "21 half octets"),
        ("040b9113466100f9f60000208062917314080100", "a filler inside a number"),
        ("040b911346610089f600002080629173140c", "cut in the time stamp"),
        ("040b911346610089f60000208062917314080cc8f71d", "cut in the text"),
        ("440b911346610089f60004208062917314080205", "header longer than the data"),
        ("440b911346610089f600042080629173140803060003", "the same with octets"),
        ("440b911346610089f60000208062917314080306000301", "text shorter than its header"),
        ("440b911346610089f6000020806291731408060500031902019800", "text shorter by one septet"),
        ("440b911346610089f6000420806291731408", "no length"),
        ("440b911346610089f600042080629173140800", "a header of no octets"),
        ("040b911346610089f6000420806291731408ff", "255 octets"),
        ("040b911346610089f60000208062917314080cc8f71d14969741f977fd0700", "one octet more"),
    ] {
        assert!(Deliver::parse(&bytes(hex)).is_err(), "{why}");
    }
    let long =
        [bytes("040b911346610089f600002080629173140 8a1".replace(' ', "").as_str()), vec![0; 141]].concat();
    assert!(Deliver::parse(&long).is_err(), "161 septets");
}

#[test]
fn a_header_that_does_not_add_up_is_ignored_and_the_message_kept() {
    // TS 23.040 §9.2.3.24: elements that overrun their header make the whole header void.
    let message = Deliver::parse(&bytes("440b911346610089f60004208062917314080703000502414243")).unwrap();
    assert_eq!(message.user_data.header, []);
    assert_eq!(message.user_data.payload, Payload::Octets(b"ABC".to_vec()));
    // A part that counts nonsense is a message of its own.
    for nonsense in [[1, 0, 0], [1, 2, 0], [1, 2, 3]] {
        let header = vec![Element { id: 0, data: nonsense.to_vec() }];
        assert_eq!(UserData::octets(DataCoding::OCTETS, header, vec![]).concatenation(), None);
    }
}

#[test]
fn what_has_no_coding_is_not_written() {
    let stamp = Timestamp::new(UnixTime(1_790_000_000), 32);
    let number = Address::from(&"8613800138000".parse::<Msisdn>().unwrap());
    let text = UserData::of_text("x", 0).unwrap().remove(0);
    for from in [
        Address::Name("twelve chars".into()),
        Address::Name("守号".into()),
        Address::Digits { kind: 0x91, digits: "123456789012345678901".into() },
        Address::Digits { kind: 0x91, digits: "+86".into() },
        Address::Digits { kind: 0xd0, digits: "86".into() },
    ] {
        assert!(Deliver::new(from.clone(), stamp, text.clone()).to_bytes().is_err(), "{from:?}");
    }
    let octets =
        |n| UserData::octets(DataCoding::OCTETS, vec![Element { id: 0x70, data: vec![] }], vec![7; n]);
    assert!(Deliver::new(number.clone(), stamp, octets(137)).to_bytes().is_ok());
    assert!(Deliver::new(number.clone(), stamp, octets(138)).to_bytes().is_err());
    let lie = UserData { coding: DataCoding::UCS2, header: vec![], payload: Payload::Septets(vec![1]) };
    assert!(Deliver::new(number, stamp, lie).to_bytes().is_err());
}

#[test]
fn texts_are_split_where_the_standard_counts() {
    let parts = |text: &str| UserData::of_text(text, 7).unwrap().len();
    for (text, expect) in [
        ("".to_string(), 1),
        ("a".repeat(160), 1),
        ("a".repeat(161), 2),
        ("a".repeat(306), 2),
        ("a".repeat(307), 3),
        ("€".repeat(80), 1),
        ("€".repeat(81), 2),
        // 152 septets and an escape that does not fit any more.
        ("a".repeat(152) + "€" + &"a".repeat(10), 2),
        ("号".repeat(70), 1),
        ("号".repeat(71), 2),
        ("号".repeat(134), 2),
        ("号".repeat(135), 3),
        ("😀".repeat(35), 1),
        ("😀".repeat(36), 2),
    ] {
        assert_eq!(parts(&text), expect, "{text}");
        let split = UserData::of_text(&text, 7).unwrap();
        assert_eq!(join(&split).unwrap(), text);
    }
    assert!(UserData::of_text(&"a".repeat(255 * 153), 0).is_ok());
    assert!(UserData::of_text(&"a".repeat(255 * 153 + 1), 0).is_err());
}

#[test]
fn a_message_for_the_card_has_its_protocol_its_class_and_its_octets() {
    let header = vec![Element { id: 0x70, data: vec![] }];
    let data = UserData::octets(DataCoding::FOR_THE_CARD, header, vec![0xaa; 20]);
    let centre = Address::from(&"8613800100500".parse::<Msisdn>().unwrap());
    let mut message = Deliver::new(centre, Timestamp::new(UnixTime(0), 0), data);
    message.protocol = ProtocolIdentifier::DATA_DOWNLOAD;
    let octets = message.to_bytes().unwrap();
    // First octet with the header's bit, PID 7F, DCS F6, 23 octets: 02 70 00 and the data.
    assert_eq!(octets[0], 0x44);
    assert_eq!(octets[10..12], [0x7f, 0xf6]);
    assert_eq!(octets[19..23], [23, 0x02, 0x70, 0x00]);
    let back = Deliver::parse(&octets).unwrap();
    assert_eq!(back.user_data.coding.class(), Some(2));
    assert_eq!(back.user_data.element(0x70), Some(&[][..]));
    assert_eq!(back, message);
}

proptest! {
    #[test]
    fn any_text_comes_back_from_its_parts(text in "[a-z€{}é@ ]{0,400}|[守号a😀é]{0,200}", reference: u8, zone in -79i8..=79) {
        let stamp = Timestamp::new(UnixTime(1_790_000_000), zone);
        let number: Msisdn = "8613800138000".parse().unwrap();
        let mut back = Vec::new();
        for part in UserData::of_text(&text, reference).unwrap() {
            let message = Deliver::new((&number).into(), stamp, part);
            let octets = message.to_bytes().unwrap();
            prop_assert!(octets.len() <= 163);
            prop_assert_eq!(&Deliver::parse(&octets).unwrap(), &message);
            let record = Record::unread(Some((&number).into()), message);
            let stored = record.to_bytes().unwrap();
            prop_assert_eq!(Record::parse(&stored).unwrap().unwrap(), record.clone());
            let Message::Deliver(message) = record.message else { panic!() };
            back.push(message.user_data);
        }
        back.reverse();
        prop_assert_eq!(join(&back).unwrap(), text);
    }

    #[test]
    fn any_octets_are_read_or_refused_and_what_is_read_is_kept(octets in prop::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(message) = Deliver::parse(&octets) {
            let _ = (message.user_data.text(), message.timestamp.to_string(), message.originator.to_string());
            if let Ok(written) = message.to_bytes() {
                prop_assert_eq!(Deliver::parse(&written).unwrap(), message);
            }
        }
        if let Ok(message) = Submit::parse(&octets) && let Ok(written) = message.to_bytes() {
            prop_assert_eq!(Submit::parse(&written).unwrap(), message);
        }
        if let Ok(Some(record)) = Record::parse(&octets) && let Ok(written) = record.to_bytes() {
            prop_assert_eq!(Record::parse(&written).unwrap().unwrap(), record);
        }
    }

    #[test]
    fn a_message_with_any_part_changed_never_panics(at in 0usize..60, to: u8, flags: u8) {
        let mut octets = bytes("440b911346610089f600002080629173140810050003190201c8f71d14969741f977fd07000000");
        octets[0] = flags;
        let at = at % octets.len();
        octets[at] = to;
        for len in 0..=octets.len() {
            if let Ok((message, _)) = Deliver::parse_first(&octets[..len]) {
                let _ = (message.user_data.text(), join(&[message.user_data]));
            }
            let _ = Submit::parse_first(&octets[..len]);
        }
    }
}
