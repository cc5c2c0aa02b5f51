//! A card's profile as a TOML file: read when a card is made, written when a number is issued.
//!
//! ```toml
//! iccid = "8986001200000000017"
//! imsi = "460001234567890"
//! mnc_length = 2
//! k = "32 hexadecimal digits"       # 64 for TUAK, if one likes
//! opc = "32 hexadecimal digits"     # MILENAGE; for TUAK `topc` in its place, 64 hexadecimal digits; neither: see test_xor
//! test_xor = true                    # optional: the test algorithm in the place of either, for identities that begin with 001
//! pin = "1234"
//! puk = "12345678"
//! adm1 = "87654321"
//! pin2 = "5678"                      # optional, with puk2: the second PIN
//! puk2 = "87654321"
//! universal_pin = "1357"             # optional, with universal_puk: one PIN for all applications
//! universal_puk = "12348765"
//! more_adm = ["11112222"]            # optional: administrative codes 2 and on
//! routing_indicator = "0"            # optional, with home_keys: how the identity is concealed in 5G
//! home_keys = [{ id = 27, scheme = "A", key = "64 hexadecimal digits" }]  # scheme "B": 66 digits; the first is used first
//! suci_by_card = true                # optional: the card conceals it itself; the telephone does unless said
//! gsm = false                        # optional: no answer to GSM's own authentication; true unless said
//! msisdn = "8613800138000"          # optional
//! deed_id = "64 hexadecimal digits" # optional
//! card_key = "64 hexadecimal digits" # optional: the card's own signing key, a scalar of P-256
//! alert_number = "8613800100500"     # optional: where "this was not me" in the card's menu goes, as a short message
//! alert_endpoint = "192.0.2.1:4711"  # optional: the same as a datagram, where the telephone can
//! kic = "32 hexadecimal digits"     # optional, with kid: keys of remote management over short messages
//! kid = "32 hexadecimal digits"
//! ```

use card::{Code, Concealment, MncLength, Pin, Profile, RoutingIndicator};
use keys::Secret;
use keys::aka::AkaKeys;
use keys::ota::OtaKeys;
use keys::suci::{HomeKey, Scheme};
use keys::tuak::TuakKey;
use serde::Deserialize as _;
use std::fmt::Write as _;
use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::net::SocketAddrV4;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

/// Why a text is not a profile. Never repeats a value: most of them are secrets.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ProfileError {
    /// Not TOML, a field too many or too few.
    #[error("{0}")]
    Toml(String),
    /// A field that does not hold what it should.
    #[error("field `{field}`: {why}")]
    Field {
        /// Which.
        field: &'static str,
        /// What is wrong with it.
        why: String,
    },
}

/// The fields as they stand in the file.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Text {
    iccid: String,
    imsi: String,
    mnc_length: u8,
    k: String,
    opc: Option<String>,
    topc: Option<String>,
    test_xor: Option<bool>,
    pin: String,
    puk: String,
    adm1: String,
    pin2: Option<String>,
    puk2: Option<String>,
    universal_pin: Option<String>,
    universal_puk: Option<String>,
    #[serde(default)]
    more_adm: Vec<String>,
    routing_indicator: Option<String>,
    #[serde(default)]
    home_keys: Vec<HomeKeyText>,
    suci_by_card: Option<bool>,
    gsm: Option<bool>,
    msisdn: Option<String>,
    deed_id: Option<String>,
    card_key: Option<String>,
    alert_number: Option<String>,
    alert_endpoint: Option<String>,
    kic: Option<String>,
    kid: Option<String>,
}

/// A home network's key as it stands in the file. It is no secret.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct HomeKeyText {
    id: u8,
    scheme: String,
    key: String,
}

fn field<T, E: ToString>(field: &'static str, value: Result<T, E>) -> Result<T, ProfileError> {
    value.map_err(|e| ProfileError::Field { field, why: e.to_string() })
}

fn binary<const N: usize>(name: &'static str, text: &str) -> Result<[u8; N], ProfileError> {
    let mut out = [0; N];
    let decoded = hex::decode_to_slice(text, &mut out);
    field(name, decoded.map(|()| out).map_err(|_| format!("must be {} hexadecimal digits", 2 * N)))
}

/// The fields as text. The parser's own messages quote what they stumble over, and that may be a PIN or a key: so it is
/// asked for a table first, and each field's type is judged here.
fn read_fields(text: &str) -> Result<Text, ProfileError> {
    const TEXTS: [&str; 20] = [
        "iccid",
        "imsi",
        "k",
        "opc",
        "topc",
        "pin",
        "puk",
        "adm1",
        "pin2",
        "puk2",
        "universal_pin",
        "universal_puk",
        "routing_indicator",
        "msisdn",
        "deed_id",
        "card_key",
        "alert_number",
        "alert_endpoint",
        "kic",
        "kid",
    ];
    let table: toml::Table = toml::from_str(text).map_err(|e| {
        let at = e.span().map_or(0, |span| text.bytes().take(span.start).filter(|b| *b == b'\n').count() + 1);
        ProfileError::Toml(format!("not TOML, at line {at}"))
    })?;
    for field in TEXTS {
        if table.get(field).is_some_and(|value| !value.is_str()) {
            return Err(ProfileError::Field { field, why: "must be text in quotes".into() });
        }
    }
    if table.get("mnc_length").is_some_and(|value| !value.is_integer()) {
        return Err(ProfileError::Field { field: "mnc_length", why: "must be the number 2 or 3".into() });
    }
    let codes = |value: &toml::Value| value.as_array().is_some_and(|all| all.iter().all(toml::Value::is_str));
    if table.get("more_adm").is_some_and(|value| !codes(value)) {
        return Err(ProfileError::Field {
            field: "more_adm",
            why: "must be a list of texts in quotes".into(),
        });
    }
    for field in ["gsm", "test_xor"] {
        if table.get(field).is_some_and(|value| !value.is_bool()) {
            return Err(ProfileError::Field { field, why: "must be true or false".into() });
        }
    }
    // What is left to go wrong are names: a field missing, or one too many.
    Text::deserialize(toml::Value::Table(table)).map_err(|e| ProfileError::Toml(e.message().to_owned()))
}

/// Reads a profile.
pub(crate) fn from_toml(text: &str) -> Result<Profile, ProfileError> {
    let text = read_fields(text)?;
    Ok(Profile {
        iccid: field("iccid", text.iccid.parse())?,
        imsi: field("imsi", text.imsi.parse())?,
        mnc_length: match text.mnc_length {
            2 => MncLength::Two,
            3 => MncLength::Three,
            _ => return field("mnc_length", Err("must be 2 or 3")),
        },
        aka: aka(&text.k, text.opc.as_deref(), text.topc.as_deref(), text.test_xor)?,
        pin: field("pin", Code::pin(&text.pin))?,
        puk: field("puk", Code::eight(&text.puk))?,
        adm1: field("adm1", Code::eight(&text.adm1))?,
        pin2: pin(["pin2", "puk2"], text.pin2, text.puk2)?,
        universal_pin: pin(["universal_pin", "universal_puk"], text.universal_pin, text.universal_puk)?,
        more_adm: match text.more_adm.len() {
            0..=9 => field("more_adm", text.more_adm.iter().map(|code| Code::eight(code)).collect())?,
            _ => return field("more_adm", Err("must be nine codes at most: with adm1 they are ten")),
        },
        concealment: concealment(text.routing_indicator, &text.home_keys, text.suci_by_card)?,
        gsm: text.gsm.unwrap_or(true),
        msisdn: text.msisdn.map(|m| field("msisdn", m.parse())).transpose()?,
        deed_id: text.deed_id.map(|d| binary("deed_id", &d)).transpose()?,
        card_key: text.card_key.map(|key| binary("card_key", &key).map(Secret::new)).transpose()?,
        alert_number: text.alert_number.map(|n| field("alert_number", n.parse())).transpose()?,
        alert_endpoint: text.alert_endpoint.map(|text| endpoint(&text)).transpose()?,
        ota: match (text.kic, text.kid) {
            (Some(kic), Some(kid)) => {
                Some(OtaKeys::new(Secret::new(binary("kic", &kic)?), Secret::new(binary("kid", &kid)?)))
            }
            (None, None) => None,
            (Some(_), None) => return field("kid", Err("is missing: `kic` and `kid` come together")),
            (None, Some(_)) => return field("kic", Err("is missing: `kic` and `kid` come together")),
        },
    })
}

/// A routing indicator and keys come together.
fn concealment(
    routing_indicator: Option<String>,
    keys: &[HomeKeyText],
    by_card: Option<bool>,
) -> Result<Option<Concealment>, ProfileError> {
    let Some(routing_indicator) = routing_indicator else {
        return match (keys, by_card) {
            ([], None) => Ok(None),
            _ => field("routing_indicator", Err("is missing: it comes with `home_keys` and `suci_by_card`")),
        };
    };
    if keys.is_empty() || keys.len() > 8 {
        return field("home_keys", Err("must be one key to eight with a `routing_indicator`"));
    }
    let key = |text: &HomeKeyText| {
        let scheme = match text.scheme.as_str() {
            "A" => Scheme::A,
            "B" => Scheme::B,
            _ => return field("home_keys", Err("a scheme is \"A\" or \"B\"")),
        };
        let octets = field("home_keys", hex::decode(&text.key))?;
        Ok((text.id, field("home_keys", HomeKey::new(scheme, &octets))?))
    };
    Ok(Some(Concealment {
        routing_indicator: field("routing_indicator", RoutingIndicator::new(&routing_indicator))?,
        keys: keys.iter().map(key).collect::<Result<_, _>>()?,
        by_card: by_card.unwrap_or(false),
    }))
}

/// An address of IPv4 and a port.
fn endpoint(text: &str) -> Result<([u8; 4], u16), ProfileError> {
    let address: SocketAddrV4 =
        field("alert_endpoint", text.parse().map_err(|_| "must be like 192.0.2.1:4711"))?;
    Ok((address.ip().octets(), address.port()))
}

/// K, and the operator's constant of one algorithm, or the test algorithm, which has none.
fn aka(
    k: &str,
    opc: Option<&str>,
    topc: Option<&str>,
    test_xor: Option<bool>,
) -> Result<AkaKeys, ProfileError> {
    if test_xor == Some(true) {
        return match (opc, topc) {
            (None, None) => Ok(AkaKeys::Xor { k: Secret::new(binary("k", k)?) }),
            _ => field("test_xor", Err("is an algorithm without `opc` or `topc`")),
        };
    }
    match (opc, topc) {
        (Some(opc), None) => {
            Ok(AkaKeys::Milenage { k: Secret::new(binary("k", k)?), opc: Secret::new(binary("opc", opc)?) })
        }
        (None, Some(topc)) => Ok(AkaKeys::Tuak {
            k: match k.len() {
                64 => TuakKey::Bits256(Secret::new(binary("k", k)?)),
                _ => TuakKey::Bits128(Secret::new(binary("k", k)?)),
            },
            topc: Secret::new(binary("topc", topc)?),
        }),
        (None, None) => field("opc", Err("is missing: `opc` for MILENAGE, or `topc` for TUAK")),
        (Some(_), Some(_)) => field("topc", Err("is one too many: a card has one algorithm")),
    }
}

/// A PIN that comes with what unblocks it, or not at all.
fn pin(
    [pin_name, puk_name]: [&'static str; 2],
    pin: Option<String>,
    puk: Option<String>,
) -> Result<Option<Pin>, ProfileError> {
    match (pin, puk) {
        (Some(pin), Some(puk)) => {
            Ok(Some(Pin { pin: field(pin_name, Code::pin(&pin))?, puk: field(puk_name, Code::eight(&puk))? }))
        }
        (None, None) => Ok(None),
        (Some(_), None) => field(puk_name, Err(format!("is missing: `{pin_name}` comes with it"))),
        (None, Some(_)) => field(pin_name, Err(format!("is missing: `{puk_name}` comes with it"))),
    }
}

/// Writes a profile, K and all: for a file that [`save`] protects.
pub(crate) fn to_toml(profile: &Profile) -> String {
    let digits =
        |code: &Code| String::from_utf8_lossy(code.danger_expose()).trim_end_matches('\u{fffd}').to_owned();
    let mut out =
        String::from("# A card's profile. Whoever reads K can make a second card: keep this file secret.\n");
    // Writing to a String cannot fail.
    let mut line = |name: &str, value: &str| {
        let _ = writeln!(out, "{name} = \"{value}\"");
    };
    line("iccid", profile.iccid.as_str());
    line("imsi", profile.imsi.as_str());
    match &profile.aka {
        AkaKeys::Milenage { k, opc } => {
            line("k", &hex::encode(k.danger_expose()));
            line("opc", &hex::encode(opc.danger_expose()));
        }
        AkaKeys::Tuak { k, topc } => {
            match k {
                TuakKey::Bits128(k) => line("k", &hex::encode(k.danger_expose())),
                TuakKey::Bits256(k) => line("k", &hex::encode(k.danger_expose())),
            }
            line("topc", &hex::encode(topc.danger_expose()));
        }
        AkaKeys::Xor { k } => line("k", &hex::encode(k.danger_expose())),
    }
    line("pin", &digits(&profile.pin));
    line("puk", &digits(&profile.puk));
    line("adm1", &digits(&profile.adm1));
    for (names, pin) in
        [(["pin2", "puk2"], &profile.pin2), (["universal_pin", "universal_puk"], &profile.universal_pin)]
    {
        if let Some(pin) = pin {
            line(names[0], &digits(&pin.pin));
            line(names[1], &digits(&pin.puk));
        }
    }
    if let Some(msisdn) = &profile.msisdn {
        line("msisdn", msisdn.as_str());
    }
    if let Some(deed_id) = &profile.deed_id {
        line("deed_id", &hex::encode(deed_id));
    }
    if let Some(key) = &profile.card_key {
        line("card_key", &hex::encode(key.danger_expose()));
    }
    if let Some(number) = &profile.alert_number {
        line("alert_number", number.as_str());
    }
    if let Some((address, port)) = profile.alert_endpoint {
        line("alert_endpoint", &SocketAddrV4::new(address.into(), port).to_string());
    }
    if let Some(keys) = &profile.ota {
        line("kic", &hex::encode(keys.kic().danger_expose()));
        line("kid", &hex::encode(keys.kid().danger_expose()));
    }
    let _ = writeln!(out, "mnc_length = {}", profile.mnc_length as u8);
    if !profile.more_adm.is_empty() {
        let codes: Vec<_> = profile.more_adm.iter().map(|code| format!("\"{}\"", digits(code))).collect();
        let _ = writeln!(out, "more_adm = [{}]", codes.join(", "));
    }
    if let Some(concealment) = &profile.concealment {
        let digits: String = concealment.routing_indicator.digits().map(|d| char::from(b'0' + d)).collect();
        let _ = writeln!(out, "routing_indicator = \"{digits}\"");
        let keys = concealment.keys.iter().map(|(id, key)| {
            let key_text = hex::encode(key.octets());
            format!("{{ id = {id}, scheme = \"{:?}\", key = \"{key_text}\" }}", key.scheme())
        });
        let _ = writeln!(out, "home_keys = [{}]", keys.collect::<Vec<_>>().join(", "));
        if concealment.by_card {
            let _ = writeln!(out, "suci_by_card = true");
        }
    }
    if matches!(profile.aka, AkaKeys::Xor { .. }) {
        let _ = writeln!(out, "test_xor = true");
    }
    if !profile.gsm {
        let _ = writeln!(out, "gsm = false");
    }
    out
}

/// Writes a profile to a new file that its owner alone can read. A file that is there already is left alone.
pub(crate) fn save(path: &Path, profile: &Profile) -> io::Result<()> {
    let mut file = create_private(path)?;
    file.write_all(to_toml(profile).as_bytes())?;
    file.sync_all()
}

/// A new file of mode 0600.
pub(crate) fn create_private(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    /// What the fuzzer found worth keeping: whatever reads is written so that it reads again.
    #[test]
    fn the_fuzzers_profiles_read_back_as_they_were_written() {
        let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../card/tests/corpus/profile");
        let (mut inputs, mut read) = (0, 0);
        for entry in std::fs::read_dir(&corpus).unwrap() {
            inputs += 1;
            let bytes = std::fs::read(entry.unwrap().path()).unwrap();
            let Ok(text) = std::str::from_utf8(&bytes) else { continue };
            if let Ok(profile) = from_toml(text) {
                let written = to_toml(&profile);
                assert_eq!(to_toml(&from_toml(&written).unwrap()), written);
                read += 1;
            }
        }
        assert!(inputs > 50 && read > 0, "{}: {inputs}, {read} of them profiles", corpus.display());
    }

    const GOOD: &str = r#"
        iccid = "8986001200000000017"
        imsi = "460001234567890"
        mnc_length = 2
        k = "465b5ce8b199b49faa5f0a2ee238a6bc"
        opc = "cd63cb71954a9f4e48a5994e37a02baf"
        pin = "1234"
        puk = "12345678"
        adm1 = "87654321"
        msisdn = "8613800138000"
        deed_id = "dededededededededededededededededededededededededededededededede"
        kic = "1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c"
        kid = "1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d"
    "#;

    const CONCEALED: &str = r#"
        routing_indicator = "678"
        home_keys = [{ id = 27, scheme = "B", key = "0272da71976234ce833a6907425867b82e074d44ef907dfb4b3e21c1c2256ebcd1" }, { id = 28, scheme = "A", key = "5a8d38864820197c3394b92613b20b91633cbd897119273bf8e4a6f4eec0a650" }]
        suci_by_card = true
    "#;
    const MORE: &str = r#"
        pin2 = "5678"
        puk2 = "87654321"
        universal_pin = "135790"
        universal_puk = "12348765"
        more_adm = ["11112222", "33334444"]
        gsm = false
    "#;

    #[test]
    fn a_profile_reads_back_as_it_was_written() {
        for text in [
            GOOD.to_owned(),
            GOOD.replace("mnc_length = 2", "mnc_length = 3").replace("\"1234\"", "\"12345678\""),
            format!("{GOOD}{MORE}"),
            format!("{GOOD}{CONCEALED}"),
            GOOD.replace("opc = \"", "topc = \"1f2e3d4c5b6a79880f1e2d3c4b5a6978"),
            GOOD.replace("opc = \"", "topc = \"1f2e3d4c5b6a79880f1e2d3c4b5a6978")
                .replace(" k = \"", " k = \"1f2e3d4c5b6a79880f1e2d3c4b5a6978"),
            GOOD.lines()
                .filter(|l| !["msisdn", "deed_id", "kic", "kid"].iter().any(|name| l.contains(name)))
                .collect::<Vec<_>>()
                .join("\n"),
        ] {
            let once = to_toml(&from_toml(&text).unwrap());
            assert_eq!(to_toml(&from_toml(&once).unwrap()), once);
            for line in text.lines().map(str::trim).filter(|l| !l.is_empty()) {
                assert!(once.contains(line), "{line}");
            }
        }
    }

    #[test]
    fn what_is_wrong_is_told_by_field_and_no_secret_is_repeated() {
        for (from, to, says) in [
            ("8986001200000000017", "89860012000X0000017", "field `iccid`: malformed ICCID: something other"),
            ("460001234567890", "4600012345", "field `imsi`: malformed IMSI: wrong number of digits"),
            ("mnc_length = 2", "mnc_length = 4", "field `mnc_length`: must be 2 or 3"),
            ("465b5c", "465b5", "field `k`: must be 32 hexadecimal digits"),
            ("cd63cb", "xx63cb", "field `opc`: must be 32 hexadecimal digits"),
            ("pin = \"1234\"", "pin = \"123\"", "field `pin`: malformed PIN: wrong number of digits"),
            ("puk = \"12345678\"", "puk = \"1234567\"", "field `puk`: malformed eight-digit code"),
            ("adm1 = \"87654321\"", "adm1 = \"8765432a\"", "field `adm1`: malformed eight-digit code"),
            ("msisdn = \"86", "msisdn = \"+86", "field `msisdn`: malformed number"),
            ("dededededededede\"", "de\"", "field `deed_id`: must be 64 hexadecimal digits"),
            (
                "mnc_length = 2",
                "mnc_length = 2\nki = \"465b5ce8b199b49faa5f0a2ee238a6bc\"",
                "unknown field `ki`",
            ),
            ("kic = \"1c", "kic = \"", "field `kic`: must be 32 hexadecimal digits"),
            ("kid = \"1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d\"", "", "field `kid`: is missing"),
            ("mnc_length = 2", "mnc_length = 2\npin2 = \"5678\"", "field `puk2`: is missing"),
            ("mnc_length = 2", "mnc_length = 2\npuk2 = \"12345678\"", "field `pin2`: is missing"),
            ("mnc_length = 2", "mnc_length = 2\nmore_adm = \"12345678\"", "field `more_adm`: must be a list"),
            (
                "mnc_length = 2",
                "mnc_length = 2\nmore_adm = [\"1234567\"]",
                "field `more_adm`: malformed eight",
            ),
            ("mnc_length = 2", "mnc_length = 2\ngsm = \"no\"", "field `gsm`: must be true or false"),
            ("opc = \"cd63cb71954a9f4e48a5994e37a02baf\"", "", "field `opc`: is missing"),
            ("opc = ", "topc = ", "field `topc`: must be 64 hexadecimal digits"),
            ("opc = ", "topc = \"00\"\nopc = ", "field `topc`: is one too many"),
            (
                "mnc_length = 2",
                "mnc_length = 2\nrouting_indicator = \"0\"",
                "field `home_keys`: must be one key",
            ),
            (
                "mnc_length = 2",
                "mnc_length = 2\nsuci_by_card = true",
                "field `routing_indicator`: is missing",
            ),
            (
                "mnc_length = 2",
                "mnc_length = 2\nrouting_indicator = \"0\"\nhome_keys = [{ id = 1, scheme = \"A\", key = \"00\" }]",
                "field `home_keys`: not a home network's key",
            ),
            ("opc = ", "op = ", "unknown field `op`"),
            ("puk = \"12345678\"", "", "missing field `puk`"),
            ("k = \"465b5ce8b199b49faa5f0a2ee238a6bc\"", "k = \"465b5ce8b199b49faa5f0a2ee238a6bc", ""),
        ] {
            let bad = GOOD.replace(from, to);
            assert_ne!(bad, GOOD);
            let said = from_toml(&bad).unwrap_err().to_string();
            assert!(said.contains(says), "{said}");
            for secret in ["465b5", "63cb71", "1234567", "8765432"] {
                assert!(!said.contains(secret), "{said}");
            }
        }
    }

    #[test]
    fn quotes_forgotten_around_a_code_do_not_print_it() {
        for (from, to) in [("\"1234567", "1234567"), ("\"8765432", "8765432")] {
            let bad = GOOD.replacen(from, to, 1).replace("8\"\n", "8\n").replace("1\"\n", "1\n");
            let said = from_toml(&bad).unwrap_err().to_string();
            assert!(!said.contains("234567") && !said.contains("76543"), "{said}");
        }
        let said =
            from_toml(&GOOD.replace("mnc_length = 2", "mnc_length = \"465b5ce8\"")).unwrap_err().to_string();
        assert!(said.contains("mnc_length") && !said.contains("465b5"), "{said}");
    }

    #[test]
    fn a_saved_profile_is_its_owners_alone_and_replaces_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("profile.toml");
        let profile = from_toml(GOOD).unwrap();
        save(&path, &profile).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(save(&path, &profile).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
    }
}
