//! `simward card` as its user meets it: the binary, a folder, files with codes, and a reader that the test plays.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

const SIMWARD: &str = env!("CARGO_BIN_EXE_simward");

/// A folder of its own for one test: the card's state and files with codes.
struct Desk {
    folder: tempfile::TempDir,
}

/// What a command printed, and whether it succeeded.
struct Said {
    ok: bool,
    out: String,
    err: String,
}

/// A card that runs, and its reader's end of the wire.
struct Running {
    process: Child,
    reader: TcpStream,
}

impl Running {
    fn transmit(&mut self, apdu: &str) -> String {
        let apdu = hex::decode(apdu).unwrap();
        let frame = [&(apdu.len() as u16).to_be_bytes()[..], &apdu].concat();
        self.reader.write_all(&frame).unwrap();
        let mut len = [0; 2];
        self.reader.read_exact(&mut len).unwrap();
        let mut answer = vec![0; u16::from_be_bytes(len).into()];
        self.reader.read_exact(&mut answer).unwrap();
        hex::encode(answer)
    }

    fn kill(mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

impl Desk {
    fn new() -> Self {
        let desk = Self { folder: tempfile::tempdir().unwrap() };
        fs::write(
            desk.path("profile.toml"),
            "iccid = \"8986001200000000017\"\nimsi = \"460001234567890\"\nmnc_length = 2\n\
             k = \"465b5ce8b199b49faa5f0a2ee238a6bc\"\nopc = \"cd63cb71954a9f4e48a5994e37a02baf\"\n\
             pin = \"1234\"\npuk = \"12345678\"\nadm1 = \"87654321\"\nmsisdn = \"8613800138000\"\n",
        )
        .unwrap();
        for (name, code) in [("pin", "1234\n"), ("wrong", "9999\n"), ("new", "2468\n"), ("puk", "12345678\n")]
        {
            fs::write(desk.path(name), code).unwrap();
        }
        desk.run("card").kill();
        desk
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn command(&self) -> Command {
        let mut command = Command::new(SIMWARD);
        command.env_remove("RUST_LOG").env("SIMWARD_DEVICE_KEYS", self.path("keys")).stdin(Stdio::null());
        command
    }

    /// Runs the card in this folder, in a reader.
    fn run(&self, state: &str) -> Running {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let mut command = self.command();
        command.args(["card", "--vpcd", &address, "--state"]).arg(self.path(state));
        command.arg("--profile").arg(self.path("profile.toml"));
        let process = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let (reader, _) = listener.accept().unwrap();
        reader.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        Running { process, reader }
    }

    /// `simward card` with these arguments; those with a slash in front are files here.
    fn card(&self, arguments: &[&str]) -> Said {
        let mut command = self.command();
        command.arg("card");
        for argument in arguments {
            match argument.strip_prefix('/') {
                Some(file) => command.arg(self.path(file)),
                None => command.arg(argument),
            };
        }
        let Output { status, stdout, stderr } = command.output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Said { ok: status.success(), out: text(stdout), err: text(stderr) }
    }

    /// It succeeds; what it prints.
    fn well(&self, arguments: &[&str]) -> String {
        let said = self.card(arguments);
        assert!(said.ok, "{arguments:?}: {}{}", said.out, said.err);
        said.out
    }

    /// It fails, and says this.
    fn badly(&self, arguments: &[&str], why: &str) {
        let said = self.card(arguments);
        assert!(!said.ok, "{arguments:?}: {}", said.out);
        assert!(said.err.contains(why), "{arguments:?}: {}", said.err);
    }
}

/// Each line, its words one space apart.
fn lines(out: &str) -> impl Iterator<Item = String> {
    out.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
}

fn contents(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut out: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|e| e.unwrap())
        .map(|e| (e.file_name().into_string().unwrap(), fs::read(e.path()).unwrap()))
        .collect();
    out.sort();
    out
}

#[test]
fn without_the_pin_the_tree_is_shown_and_contacts_and_messages_are_not() {
    let desk = Desk::new();
    let out =
        desk.well(&["contact", "add", "张三", "+8613912345678", "--state", "/card", "--pin-file", "/pin"]);
    assert_eq!(out, "contact 1: 张三 +8613912345678\n");
    let before = contents(&desk.path("card"));
    let out = desk.well(&["files", "--state", "/card"]);
    assert_eq!(contents(&desk.path("card")), before, "a look changes nothing");
    for line in [
        "EF.ICCID 2FE2 10 always never 8986001200000000017",
        "DF.TELECOM 7F10",
        "EF.ADN 6F3A 50 x 34 PIN PIN",
        "EF.SMS 6F3C 20 x 176 PIN PIN",
        "EF.IMSI 6F07 9 PIN ADM",
        "EF.SPN 6F46 17 always ADM Simward",
        "EF.MSISDN 6F40 1 x 28 PIN PIN",
        "contacts: behind the PIN",
        "messages: behind the PIN",
    ] {
        assert!(lines(&out).any(|l| l == line), "{line}\n{out}");
    }
    for secret in ["张三", "13912345678", "46000", "13800138000"] {
        assert!(!out.contains(secret), "{out}");
    }
}

#[test]
fn with_the_pin_contacts_and_messages_are_read() {
    let desk = Desk::new();
    desk.well(&["contact", "add", "Ada", "10086", "--state", "/card", "--pin-file", "/pin"]);
    // A phone stores a message of two parts and one of one.
    let text = "号码在你手里。".repeat(15);
    let from: wire::sms::Address = (&"8613800138000".parse::<wire::Msisdn>().unwrap()).into();
    let stamp = wire::sms::Timestamp::new(wire::UnixTime(1_790_000_000), 32);
    let mut card = desk.run("card");
    assert_eq!(card.transmit("00a4040c07a0000000871002"), "9000");
    assert_eq!(card.transmit("002000010831323334ffffffff"), "9000");
    assert_eq!(card.transmit("00a4080c047fff6f3c"), "9000");
    let parts = wire::sms::UserData::of_text(&text, 9).unwrap();
    let hi = wire::sms::UserData::of_text("hi\nthere", 9).unwrap();
    for (number, part) in parts.into_iter().chain(hi).enumerate() {
        let message = wire::sms::Deliver::new(from.clone(), stamp, part);
        let record = wire::sms::Record::unread(None, message).to_bytes().unwrap();
        assert_eq!(card.transmit(&format!("00dc{:02x}04b0{}", number + 4, hex::encode(record))), "9000");
    }
    desk.badly(&["files", "--state", "/card"], "reach the running one with --reader");
    card.kill();
    let out = desk.well(&["files", "--state", "/card", "--pin-file", "/pin"]);
    for line in [
        "EF.IMSI 6F07 9 PIN ADM 460001234567890",
        "contacts: 1 of 50",
        "1 Ada 10086",
        "messages: 3 of 20 records",
        "4+5 from +8613800138000, unread, 2026-09-21 22:13:20 +08:00",
        &text,
        "hi there",
    ] {
        assert!(lines(&out).any(|l| l == line), "{line}\n{out}");
    }
}

#[test]
fn wrong_pins_are_counted_the_last_try_is_kept_and_the_puk_unblocks() {
    let desk = Desk::new();
    let status = || desk.well(&["pin", "status", "--state", "/card"]);
    let guess = ["files", "--state", "/card", "--pin-file", "/wrong"];
    assert_eq!(status(), "PIN  asked for, 3 tries left\nPUK  10 tries left\n");
    desk.badly(&guess, "wrong PIN: 2 tries left");
    desk.badly(&guess, "wrong PIN: 1 try left");
    assert!(status().starts_with("PIN  asked for, 1 try left"));
    for command in [
        &guess[..],
        &["pin", "change", "--state", "/card", "--pin-file", "/wrong", "--new-pin-file", "/new"],
        &["contact", "add", "x", "1", "--state", "/card", "--pin-file", "/pin"],
    ] {
        desk.badly(command, "one try is left for the PIN; a wrong one blocks it. Nothing was tried");
        assert!(status().starts_with("PIN  asked for, 1 try left"));
    }
    desk.badly(&[&guess[..], &["--last-try"]].concat(), "the PIN is blocked; `simward card pin unblock`");
    assert_eq!(status(), "PIN  asked for, blocked, no tries left\nPUK  10 tries left\n");
    desk.badly(&["files", "--state", "/card", "--pin-file", "/pin"], "the PIN is blocked");
    fs::write(desk.path("badpuk"), "00000000").unwrap();
    let unblock = |puk: &'static str| {
        ["pin", "unblock", "--state", "/card", "--puk-file", puk, "--new-pin-file", "/new"]
    };
    desk.badly(&unblock("/badpuk"), "wrong PUK: 9 tries left");
    assert_eq!(desk.well(&unblock("/puk")), "the PIN is unblocked and changed\n");
    assert_eq!(status(), "PIN  asked for, 3 tries left\nPUK  10 tries left\n");
    desk.well(&["pin", "change", "--state", "/card", "--pin-file", "/new", "--new-pin-file", "/pin"]);
    assert!(desk.well(&["files", "--state", "/card", "--pin-file", "/pin"]).contains("contacts: 0 of 50"));
}

#[test]
fn codes_that_are_none_and_missing_ones_cost_no_try_and_print_nothing_of_themselves() {
    let desk = Desk::new();
    fs::write(desk.path("odd"), "12a4\n").unwrap();
    fs::write(desk.path("empty"), "\n1234\n").unwrap();
    for (arguments, why) in [
        (&["files", "--state", "/card", "--pin-file", "/odd"][..], "not a usable PIN"),
        (&["files", "--state", "/card", "--pin-file", "/nowhere"], "cannot read"),
        (&["files", "--state", "/card", "--pin-file", "/empty"], "is empty: no PIN there"),
        (&["pin", "change", "--state", "/card"], "no PIN: give --pin-file FILE"),
        (&["pin", "unblock", "--state", "/card", "--puk-file", "/pin"], "not a usable PUK"),
        (&["pin", "status"], "--state"),
        (&["pin", "status", "--state", "/card", "--reader", "x"], "cannot be used with"),
        (&["pin", "status", "--state", "/nowhere"], "holds no card"),
        (&["contact", "add", "x", "12x", "--state", "/card", "--pin-file", "/pin"], "something other than +"),
        (
            &["contact", "add", &"x".repeat(21), "1", "--state", "/card", "--pin-file", "/pin"],
            "a name longer",
        ),
        (&["contact", "add", "x", "1", "--state", "/card"], "the PIN is needed"),
    ] {
        desk.badly(arguments, why);
        let said = desk.card(arguments);
        assert!(!said.err.contains("12a4") && !said.err.contains("1234\n"), "{}", said.err);
    }
    assert!(!desk.path("nowhere").exists());
    assert_eq!(
        desk.well(&["pin", "status", "--state", "/card"]),
        "PIN  asked for, 3 tries left\nPUK  10 tries left\n"
    );
}

#[test]
fn a_full_phone_book_says_so() {
    let desk = Desk::new();
    let add = ["contact", "add", "x", "1", "--state", "/card", "--pin-file", "/pin"];
    for _ in 0..50 {
        desk.well(&add);
    }
    desk.badly(&add, "all 50 records for contacts are in use");
}

#[test]
fn a_changed_byte_ends_the_card_which_still_answers_a_reset() {
    let desk = Desk::new();
    let bank = ["card/bank-a", "card/bank-b"].map(|b| desk.path(b));
    let bank = bank.iter().find(|b| fs::metadata(b).unwrap().len() > 0).unwrap();
    let mut bytes = fs::read(bank).unwrap();
    bytes[1_000] ^= 1;
    fs::write(bank, &bytes).unwrap();
    assert_eq!(fs::read_dir(desk.path("keys")).unwrap().count(), 3);
    desk.badly(&["files", "--state", "/card", "--pin-file", "/pin"], "was TERMINATED on 20");
    desk.badly(&["files", "--state", "/card"], "no bank opens under the device key");
    desk.badly(&["pin", "status", "--state", "/card"], "Its keys were destroyed; nothing opens it again");
    assert_eq!(fs::read_dir(desk.path("keys")).unwrap().count(), 0);
    bytes[1_000] ^= 1;
    fs::write(bank, &bytes).unwrap();
    let mut card = desk.run("card");
    card.reader.write_all(&[0, 1, 4]).unwrap();
    let mut atr = [0; 24];
    card.reader.read_exact(&mut atr).unwrap();
    assert_eq!(atr[2], 0x3b);
    for apdu in
        ["00a4040c07a0000000871002", "002000010831323334ffffffff", "00b082000a", "80f2000000", "00c0000010"]
    {
        assert_eq!(card.transmit(apdu), "6f00", "{apdu}");
    }
    card.kill();
}

#[test]
fn a_copied_folder_is_refused_and_a_moved_one_moves_with_its_command() {
    let desk = Desk::new();
    fs::create_dir(desk.path("copy")).unwrap();
    for (name, bytes) in contents(&desk.path("card")) {
        fs::write(desk.path("copy").join(name), bytes).unwrap();
    }
    desk.badly(&["files", "--state", "/copy"], "is a copy; the card lives in");
    desk.badly(&["files", "--state", "/copy", "--device-keys", "/elsewhere"], "there is no device key");
    assert!(!desk.path("elsewhere").exists());
    desk.badly(&["move-to", "/card2", "--state", "/copy"], "is a copy; the card lives in");
    desk.badly(&["move-to", "/copy", "--state", "/card"], "is there already; nothing was moved");
    assert!(desk.well(&["move-to", "/card2", "--state", "/card"]).starts_with("the card lives in"));
    assert!(desk.well(&["pin", "status", "--state", "/card2"]).starts_with("PIN  asked for, 3 tries left"));
}

/// A backup for a passphrase takes the second or so that guessing each passphrase is to take.
#[test]
fn a_backup_comes_back_byte_for_byte_onto_a_new_card() {
    let desk = Desk::new();
    fs::write(desk.path("passphrase"), "correct horse 电池\n").unwrap();
    fs::write(desk.path("wrong-passphrase"), "battery\n").unwrap();
    for (name, number) in [("张三", "+8613912345678"), ("Ada {€}", "10086")] {
        desk.well(&["contact", "add", name, number, "--state", "/card", "--pin-file", "/pin"]);
    }
    let records = messages();
    let mut card = desk.run("card");
    store(&mut card, &records, 5);
    card.kill();
    let save = ["backup", "--state", "/card", "--out", "/card.age", "--passphrase-file", "/passphrase"];
    desk.badly(&save, "the PIN is needed");
    assert!(!desk.path("card.age").exists());
    let out = desk.well(&[&save[..], &["--pin-file", "/pin"]].concat());
    assert!(out.contains("2 contacts, 4 message records, of card 8986001200000000017"), "{out}");
    for stays in ["K and OPc", "PIN, PUK, ADM", "SQN", "OTA counter", "eSIM profiles"] {
        assert!(out.contains(stays), "{out}");
    }
    let sealed = fs::read(desk.path("card.age")).unwrap();
    assert!(sealed.starts_with(b"age-encryption.org/v1\n-> scrypt "));
    assert!(!sealed.windows(10).any(|w| w == b"1391234567"));
    desk.badly(&[&save[..], &["--pin-file", "/pin"]].concat(), "is there already; nothing was written");

    // A new card, with another key and state. Wrong passphrase, no PIN, changed and cut files: nothing is written.
    desk.run("second").kill();
    let back = [
        "restore",
        "/card.age",
        "--state",
        "/second",
        "--passphrase-file",
        "/passphrase",
        "--pin-file",
        "/pin",
    ];
    let with = |at: usize, other: &'static str| {
        let mut arguments = back;
        arguments[at] = other;
        arguments
    };
    let empty = desk.well(&["files", "--state", "/second", "--pin-file", "/pin"]);
    desk.badly(&with(5, "/wrong-passphrase"), "does not open: wrong passphrase or key");
    desk.badly(&back[..6], "the PIN is needed");
    for (name, change) in [("cut", sealed.len() - 1), ("short", 60), ("empty", 0)] {
        fs::write(desk.path(name), &sealed[..change]).unwrap();
    }
    let mut flipped = sealed.clone();
    *flipped.last_mut().unwrap() ^= 1;
    fs::write(desk.path("flipped"), flipped).unwrap();
    for bad in ["/cut", "/short", "/empty", "/flipped", "/pin"] {
        desk.badly(&with(1, bad), "does not open");
    }
    assert_eq!(desk.well(&["files", "--state", "/second", "--pin-file", "/pin"]), empty);
    let out = desk.well(&back);
    assert_eq!(out, "6 records written, 0 were there already; all 6 read back byte for byte\n");
    let shown = |state| {
        let out = desk.well(&["files", "--state", state, "--pin-file", "/pin"]);
        out.split_once("contacts:").unwrap().1.to_owned()
    };
    assert_eq!(shown("/second"), shown("/card"));
    assert!(shown("/second").contains("张三  +8613912345678"));
    let mut card = desk.run("second");
    ready(&mut card);
    for (number, record) in (5..).zip(&records) {
        assert_eq!(card.transmit(&format!("00b2{number:02x}04b0")), format!("{}9000", hex::encode(record)));
    }
    card.kill();
    // Again: nothing to do. Over other contents: not unless told to.
    assert!(desk.well(&back).starts_with("0 records written, 6 were there already"));
    desk.run("third").kill();
    desk.well(&["contact", "add", "In the way", "1", "--state", "/third", "--pin-file", "/pin"]);
    let third = with(3, "/third");
    desk.badly(&third, "in use on this card, and different: contact 1. Nothing was written");
    assert!(shown("/third").contains("messages: 0 of 20"));
    assert!(desk.well(&[&third[..], &["--replace"]].concat()).starts_with("6 records written"));
    assert_eq!(shown("/third"), shown("/card"));
}

/// Messages as phones store them: two parts with emoji, a read one of GSM letters, one sent.
fn messages() -> Vec<Vec<u8>> {
    use wire::sms::{Address, Deliver, Message, Record, Standing, Submit, Timestamp, UserData};
    let from = Address::from(&"8613800138000".parse::<wire::Msisdn>().unwrap());
    let stamp = Timestamp::new(wire::UnixTime(1_790_000_000), 32);
    let long = UserData::of_text(&"号码 😀 在你手里。".repeat(9), 3).unwrap();
    assert_eq!(long.len(), 2);
    let mut out: Vec<Record> = long
        .into_iter()
        .map(|part| Record::unread(Some(from.clone()), Deliver::new(from.clone(), stamp, part)))
        .collect();
    let gsm = UserData::of_text("5 € [{ok}]", 0).unwrap().remove(0);
    let read = Deliver::new(Address::Name("Simward".into()), stamp, gsm.clone());
    out.push(Record { standing: Standing::Read, centre: None, message: Message::Deliver(read) });
    let sent = Message::Submit(Submit::new(7, from, gsm));
    out.push(Record { standing: Standing::Sent(0x0d), centre: None, message: sent });
    out.iter().map(|record| record.to_bytes().unwrap().to_vec()).collect()
}

fn ready(card: &mut Running) {
    assert_eq!(card.transmit("00a4040c07a0000000871002"), "9000");
    assert_eq!(card.transmit("002000010831323334ffffffff"), "9000");
    assert_eq!(card.transmit("00a4080c047fff6f3c"), "9000");
}

fn store(card: &mut Running, records: &[Vec<u8>], first: usize) {
    ready(card);
    for (number, record) in (first..).zip(records) {
        assert_eq!(card.transmit(&format!("00dc{number:02x}04b0{}", hex::encode(record))), "9000");
    }
}

#[test]
fn a_backup_for_a_key_opens_with_that_key_and_what_is_no_backup_is_refused() {
    let desk = Desk::new();
    let identity = age::x25519::Identity::generate();
    let recipient = identity.to_public().to_string();
    use age::secrecy::ExposeSecret as _;
    fs::write(desk.path("key"), format!("# mine\n{}\n", identity.to_string().expose_secret())).unwrap();
    let other = age::x25519::Identity::generate();
    fs::write(desk.path("other"), other.to_string().expose_secret()).unwrap();
    desk.well(&["contact", "add", "Ada", "10086", "--state", "/card", "--pin-file", "/pin"]);
    let save = ["backup", "--state", "/card", "--pin-file", "/pin", "--out", "/a.age", "--recipient"];
    desk.badly(&[&save[..], &["age1nonsense"]].concat(), "is not an age recipient");
    desk.well(&[&save[..], &[recipient.as_str()]].concat());
    let back = |file, key| ["restore", file, "--state", "/card", "--pin-file", "/pin", "--identity", key];
    desk.badly(&back("/a.age", "/other"), "does not open: wrong passphrase or key");
    desk.badly(&back("/a.age", "/pin"), "holds no age secret key");
    assert!(desk.well(&back("/a.age", "/key")).starts_with("0 records written, 1 were there already"));
    let good =
        format!("format = 1\niccid = \"\"\n[[contact]]\nrecord = 2\noctets = \"{}\"\n", "41".repeat(34));
    for (text, why) in [
        ("words".to_owned(), "not a backup"),
        (good.replace("format = 1", "format = 2"), "format 2"),
        (good.replace("4141\"", "414\""), "not hexadecimal"),
        (good.replace("4141", "ffff"), "free, or there twice"),
        (good.clone() + good.split_once("\"\"\n").unwrap().1, "there twice"),
        (good.replace("4141\"", "41\""), "no record 2 of 33 octets"),
        (good.replace("record = 2", "record = 51"), "no record 51 of 34 octets"),
        (good.replace("record = 2", "record = 0"), "no record 0 of 34 octets"),
        (good.replace("record = 2", "record = 256"), "not a backup"),
        (good.replace("octets", "octet"), "unknown field"),
    ] {
        let sealed = age::encrypt(&identity.to_public(), text.as_bytes()).unwrap();
        fs::write(desk.path("b.age"), sealed).unwrap();
        desk.badly(&back("/b.age", "/key"), why);
    }
    let sealed = age::encrypt(&identity.to_public(), good.as_bytes()).unwrap();
    fs::write(desk.path("b.age"), sealed).unwrap();
    assert!(desk.well(&back("/b.age", "/key")).starts_with("1 records written, 0 were there"));
}

#[test]
fn contacts_and_messages_go_out_in_forms_that_others_read_and_come_in_again() {
    let desk = Desk::new();
    let vcards = "BEGIN:VCARD\r\nVERSION:4.0\r\nFN:张三\r\nTEL;VALUE=uri:tel:+86-139-1234-5678\r\nTEL:10086\r\nEND:VCARD\r\n";
    fs::write(desk.path("in.vcf"), vcards).unwrap();
    let holder = ["--state", "/card", "--pin-file", "/pin"];
    let with = |words: &[&str]| {
        let mut all = words[..1].to_vec();
        all.extend(holder);
        all.extend(&words[1..]);
        desk.card(&all)
    };
    // A message in EF.SMS, as the card keeps it.
    let mut card = desk.run("card");
    for apdu in ["00a4040c07a0000000871002", "002000010831323334ffffffff", "00a4080c047fff6f3c"] {
        assert_eq!(card.transmit(apdu), "9000");
    }
    let message = format!("0107916831080001f1040b916831080000f1000062119121436500{}", "0230");
    let record = format!("{message}{}", "ff".repeat(176 - message.len() / 2));
    assert_eq!(card.transmit(&format!("00dc0304b0{record}")), "9000");
    card.kill();
    assert_eq!(with(&["import", "/in.vcf"]).out, "2 records written, 0 were there already\n");
    assert_eq!(with(&["import", "/in.vcf"]).out, "0 records written, 2 were there already\n");
    assert!(with(&["export", "/out.json"]).out.contains("2 contacts, 1 message records"));
    assert!(with(&["export", "/out.vcf"]).out.contains("2 contacts"));
    assert!(with(&["export", "/out.vcf"]).err.contains("is there already; nothing was written"));
    assert!(with(&["export", "/out.txt"]).err.contains(".vcf or .json"));
    let info = with(&["info"]).out;
    assert!(info.contains("contacts      2 of 50") && info.contains("messages      1 of 20"), "{info}");
    assert!(info.contains("asked for; 3 tries left, of the PUK 10") && info.contains("IoT SAFE"), "{info}");
    // Onto another card, all of it; what does not fit leaves it as it was.
    desk.run("other").kill();
    let other = ["--state", "/other", "--pin-file", "/pin"];
    let import = |file: &str| {
        let mut all = vec!["import"];
        all.extend(other);
        all.push(file);
        desk.card(&all)
    };
    let many: String = (0..51)
        .map(|n| format!("BEGIN:VCARD\r\nVERSION:4.0\r\nFN:{n}\r\nTEL:{n}1\r\nEND:VCARD\r\n"))
        .collect();
    for (content, name, why) in [
        (many.as_str(), "/bad.vcf", "room for 50 more contacts, and the file brings 51"),
        (
            "BEGIN:VCARD\r\nVERSION:4.0\r\nFN:A name that is far too long for a card\r\nTEL:1\r\nEND:VCARD\r\n",
            "/bad.vcf",
            "A name that is far too long",
        ),
        ("hello", "/bad.vcf", "something that is no vCard"),
        (
            "{\"contacts\":[{\"name\":\"x\",\"number\":\"call me\"}]}",
            "/bad.json",
            "something other than +, 0-9",
        ),
        ("{\"messages\":[{\"octets\":\"00ff\"}]}", "/bad.json", "message 1 is none"),
        ("{\"contacts\":", "/bad.json", "EOF"),
    ] {
        fs::write(desk.path(&name[1..]), content).unwrap();
        let said = import(name);
        assert!(
            !said.ok && said.err.contains(why) && said.err.contains("nothing was written"),
            "{}",
            said.err
        );
    }
    assert_eq!(import("/out.json").out, "3 records written, 0 were there already\n");
    let exported = |state: &str, out: &str| {
        desk.well(&["export", "--state", state, "--pin-file", "/pin", out]);
        fs::read_to_string(desk.path(&out[1..])).unwrap()
    };
    assert_eq!(exported("/other", "/again.json"), fs::read_to_string(desk.path("out.json")).unwrap());
    assert!(desk.card(&["log", "--state", "/card", "--pin-file", "/pin"]).out.contains("nothing yet"));
}

#[test]
fn a_profile_is_drawn_and_no_two_are_alike() {
    let desk = Desk::new();
    let draw = |out: &str| {
        desk.well(&[
            "profile",
            "--iccid",
            "8986001200000000025",
            "--imsi",
            "460001234567899",
            "--msisdn",
            "8613800138000",
            out,
        ]);
        fs::read_to_string(desk.path(&out[1..])).unwrap()
    };
    let (one, other) = (draw("/one.toml"), draw("/other.toml"));
    for field in ["k", "opc", "puk", "adm1", "kic", "kid"] {
        let line =
            |text: &str| text.lines().find(|l| l.starts_with(&format!("{field} = "))).unwrap().to_owned();
        assert_ne!(line(&one), line(&other));
    }
    let mode =
        std::os::unix::fs::PermissionsExt::mode(&fs::metadata(desk.path("one.toml")).unwrap().permissions());
    assert_eq!(mode & 0o077, 0);
    desk.well(&["make", "--state", "/drawn", "--profile", "/one.toml"]);
    let again =
        desk.card(&["profile", "--iccid", "8986001200000000025", "--imsi", "460001234567899", "/one.toml"]);
    assert!(
        !again.ok && fs::read_to_string(desk.path("one.toml")).unwrap() == one,
        "one that is there is left alone"
    );
}
