//! What is refused, what is terminated, and what is neither.

use super::*;
use card::{Card, Code, MncLength, OpenError, Profile};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng as _;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

const NOW: UnixTime = UnixTime(1_790_000_000);
const WRONG_PIN: [u8; 13] = *b"\x00\x20\x00\x01\x089999\xff\xff\xff\xff";

fn profile() -> Profile {
    Profile {
        iccid: "8986001200000000017".parse().unwrap(),
        imsi: "460001234567890".parse().unwrap(),
        mnc_length: MncLength::Two,
        aka: keys::aka::AkaKeys::Milenage { k: Secret::new([0x4b; 16]), opc: Secret::new([0x4f; 16]) },
        pin: Code::pin("1234").unwrap(),
        puk: Code::eight("12345678").unwrap(),
        adm1: Code::eight("87654321").unwrap(),
        pin2: None,
        universal_pin: None,
        more_adm: Vec::new(),
        concealment: None,
        gsm: true,
        msisdn: None,
        deed_id: None,
        card_key: None,
        alert_number: None,
        alert_endpoint: None,
        ota: None,
    }
}

/// A card's folder and its keys' folder, where a sync costs nothing if the system has such a place.
struct Desk {
    folder: tempfile::TempDir,
    /// No two desks make the same key.
    seed: u64,
}

/// What became of an opening.
#[derive(Debug)]
enum Became {
    Card(Box<Card<Banks, AnchorFile>>, Box<FolderHeld>),
    Terminated(Terminated),
    Refused(FolderError),
}

/// Holds the lock as long as the card is used.
#[allow(dead_code, reason = "held, not read")]
struct FolderHeld(Box<Folder>);

impl std::fmt::Debug for FolderHeld {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Folder(…)")
    }
}

impl Desk {
    fn new() -> Self {
        let memory = Path::new("/dev/shm");
        let folder = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
        static SEED: AtomicU64 = AtomicU64::new(0);
        Self { folder: folder.unwrap(), seed: SEED.fetch_add(1, Ordering::Relaxed) }
    }

    /// With a card in it that was used: one wrong PIN.
    fn used() -> Self {
        let desk = Self::new();
        assert_eq!(desk.guess("card"), [0x63, 0xc2]);
        desk
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn keys(&self) -> DeviceKeys {
        DeviceKeys::folder(Some(&self.path("keys")))
    }

    /// Opens the folder as the host does.
    fn open_with(&self, name: &str, keys: &DeviceKeys) -> Became {
        let mut rng = ChaCha20Rng::seed_from_u64(self.seed);
        let mut folder = match Folder::open(&self.path(name), keys, NOW, &mut rng) {
            Ok(Opening::Live(folder)) => folder,
            Ok(Opening::Terminated(found)) => return Became::Terminated(found),
            Err(error) => return Became::Refused(error),
        };
        let card = match folder.parts() {
            Ok((banks, anchor, key)) => match Card::open(banks, anchor, key) {
                Ok(card) => card,
                Err(OpenError::Empty) => {
                    let (banks, anchor, key) = folder.parts().unwrap();
                    Card::personalise(banks, anchor, key, &profile(), &mut rng).unwrap()
                }
                Err(error) => {
                    let source = io::Error::other(error.to_string());
                    return Became::Refused(io_error("open", &self.path(name))(source));
                }
            },
            Err(error) => return Became::Refused(error),
        };
        match card.lock().map(|lock| folder.judge(lock, NOW)) {
            Some(Ok(Some(found))) => Became::Terminated(found),
            Some(Err(error)) => Became::Refused(error),
            _ => Became::Card(Box::new(card), Box::new(FolderHeld(folder))),
        }
    }

    fn open(&self, name: &str) -> Became {
        self.open_with(name, &self.keys())
    }

    /// The card's answer to a wrong PIN.
    fn guess(&self, name: &str) -> Vec<u8> {
        match self.open(name) {
            Became::Card(mut card, _folder) => {
                assert_eq!(card.lock(), None);
                card.transmit(&WRONG_PIN, &mut ChaCha20Rng::seed_from_u64(2))
            }
            other => panic!("{other:?}"),
        }
    }

    fn refused(&self, name: &str, why: &str) {
        match self.open(name) {
            Became::Refused(error) => assert!(error.to_string().contains(why), "{error}"),
            other => panic!("{other:?} instead of {why}"),
        }
    }

    fn terminated(&self, name: &str) -> Terminated {
        match self.open(name) {
            Became::Terminated(found) => found,
            other => panic!("{other:?}"),
        }
    }

    /// All files of the card, by their names below this desk.
    fn files(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut out = BTreeMap::new();
        for folder in ["card", "keys"] {
            for entry in fs::read_dir(self.path(folder)).unwrap() {
                let path = entry.unwrap().path();
                out.insert(path.clone(), fs::read(path).unwrap());
            }
        }
        out
    }

    /// Puts all files back as they were, and takes others away.
    fn put_back(&self, files: &BTreeMap<PathBuf, Vec<u8>>) {
        for path in self.files().into_keys().filter(|path| !files.contains_key(path)) {
            fs::remove_file(path).unwrap();
        }
        for (path, bytes) in files {
            fs::write(path, bytes).unwrap();
            fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
        }
    }

    /// The one file of this ending in the folder of keys.
    fn key_file(&self, ending: &str) -> PathBuf {
        self.files().into_keys().find(|path| path.extension().is_some_and(|e| e == ending)).unwrap()
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        fs::copy(&path, to.join(path.file_name().unwrap())).unwrap();
    }
}

#[test]
fn a_card_keeps_its_counters_and_its_secrets_and_its_key_elsewhere() {
    let desk = Desk::used();
    assert_eq!(desk.guess("card"), [0x63, 0xc1]);
    let key = fs::read_to_string(desk.key_file("key")).unwrap();
    for (path, bytes) in desk.files() {
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600, "{path:?}");
        for secret in [&[0x4b; 16][..], &[0x4f; 16], b"1234\xff\xff\xff\xff", b"12345678", b"87654321"] {
            assert!(!bytes.windows(secret.len()).any(|w| w == secret), "{path:?}");
        }
        let inside = bytes.windows(64).any(|w| w == &key.as_bytes()[..64]);
        assert_eq!(inside, path.extension().is_some_and(|e| e == "key"), "{path:?}");
    }
    for folder in ["card", "keys"] {
        assert_eq!(fs::metadata(desk.path(folder)).unwrap().permissions().mode() & 0o777, 0o700);
    }
}

#[test]
fn every_single_byte_changed_ends_the_card_and_is_never_accepted() {
    let desk = Desk::used();
    let whole = desk.files();
    let mut flips = BTreeMap::new();
    for (path, bytes) in &whole {
        let name = path.file_name().unwrap().to_str().unwrap();
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 1 << (at % 7);
            fs::write(path, changed).unwrap();
            *flips.entry(name.split('.').next_back().unwrap()).or_insert(0) += 1;
            if name.ends_with(".key") {
                // A key that does not read destroys nothing, and opens nothing.
                assert!(matches!(desk.open("card"), Became::Refused(_)), "{name} byte {at}");
                assert_eq!(
                    fs::metadata(desk.path("card/bank-a")).unwrap().len(),
                    whole[&desk.path("card/bank-a")].len() as u64
                );
                desk.put_back(&whole);
                continue;
            }
            let found = desk.terminated("card");
            assert!(
                !found.what.is_empty() && found.when == "2026-09-21 14:13:20 +00:00",
                "{name} byte {at}: {found}"
            );
            let left = desk.files();
            assert!(
                left.keys().all(|p| p.parent() != Some(&desk.path("keys"))),
                "{name} byte {at}: the key is left"
            );
            assert!(["bank-a", "bank-b"].iter().all(|b| left[&desk.path("card").join(b)].is_empty()));
            if at % 97 == 0 {
                assert_eq!(desk.terminated("card"), found, "for good");
                // Not even with the old banks.
                for bank in ["card/bank-a", "card/bank-b"] {
                    fs::write(desk.path(bank), &whole[&desk.path(bank)]).unwrap();
                }
                assert_eq!(desk.terminated("card"), found);
            }
            desk.put_back(&whole);
        }
    }
    assert!(
        flips["key"] > 60 && flips["place"] > 60 && flips["anchor"] > 60 && flips["identity"] == 33,
        "{flips:?}"
    );
    assert!(flips["bank-a"] + flips.get("bank-b").copied().unwrap_or(0) > 1_900, "{flips:?}");
    assert_eq!(desk.guess("card"), [0x63, 0xc1], "put back as it was, it opens");
}

#[test]
fn an_older_folder_put_back_ends_the_card() {
    let desk = Desk::used();
    let old = desk.files();
    assert_eq!(desk.guess("card"), [0x63, 0xc1]);
    // The whole of the state folder, to guess the same PIN again.
    for (path, bytes) in old.iter().filter(|(path, _)| path.starts_with(desk.path("card"))) {
        fs::write(path, bytes).unwrap();
    }
    let found = desk.terminated("card");
    assert!(found.what.starts_with("rollback: the log ends at"), "{found}");
    assert!(found.to_string().contains("was TERMINATED on 2026-09-21 14:13:20 +00:00: rollback"), "{found}");
}

#[test]
fn lost_records_and_foreign_banks_and_anchors_end_the_card() {
    let other = Desk::used();
    type Change = fn(&Desk, &Desk);
    let changes: [(&str, Change); 5] = [
        ("the log ends at", |desk, _| {
            for bank in ["card/bank-a", "card/bank-b"] {
                let bytes = fs::read(desk.path(bank)).unwrap();
                fs::write(desk.path(bank), &bytes[..bytes.len().saturating_sub(1)]).unwrap();
            }
        }),
        ("no bank opens", |desk, _| {
            for bank in ["card/bank-a", "card/bank-b"] {
                fs::write(desk.path(bank), "").unwrap();
            }
        }),
        ("no bank opens", |desk, other| {
            for bank in ["card/bank-a", "card/bank-b"] {
                fs::copy(other.path(bank), desk.path(bank)).unwrap();
            }
        }),
        ("the anchor was changed, or is another card's", |desk, other| {
            fs::copy(other.key_file("anchor"), desk.key_file("anchor")).unwrap();
        }),
        ("binds the device key", |desk, other| {
            fs::copy(other.key_file("place"), desk.key_file("place")).unwrap();
        }),
    ];
    for (what, change) in changes {
        let desk = Desk::used();
        change(&desk, &other);
        let found = desk.terminated("card");
        assert!(found.what.contains(what), "{found}");
    }
    assert_eq!(other.guess("card"), [0x63, 0xc1], "the other card never noticed");
}

#[test]
fn a_bank_in_use_has_room_at_its_end_and_a_closed_one_has_none() {
    let desk = Desk::used();
    let Became::Card(mut card, folder) = desk.open("card") else { panic!("it opens") };
    let mut rng = ChaCha20Rng::seed_from_u64(2);
    assert_eq!(card.transmit(&WRONG_PIN, &mut rng), [0x63, 0xc1]);
    let cut = desk.files();
    let longest = |files: &BTreeMap<PathBuf, Vec<u8>>| {
        let banks =
            files.iter().filter(|(path, _)| path.file_name().unwrap().to_str().unwrap().starts_with("bank"));
        banks.map(|(_, bytes)| bytes.len()).max().unwrap()
    };
    drop((card, folder));
    let closed = desk.files();
    assert!(longest(&cut) > longest(&closed) + 10_000);
    let ends_with =
        |files: &BTreeMap<PathBuf, Vec<u8>>| files.values().any(|bytes| bytes.ends_with(&[0; 10_000]));
    assert!(ends_with(&cut) && !ends_with(&closed));
    // As a power cut leaves it, and with something in the room.
    for torn in [&[][..], &[0, 60, 1, 2, 3]] {
        desk.put_back(&cut);
        for path in cut.keys().filter(|path| path.to_str().unwrap().contains("bank-")) {
            let mut bytes = cut[path].clone();
            if let Some(end) = bytes.iter().rposition(|octet| *octet != 0) {
                bytes[end + 1..end + 1 + torn.len()].copy_from_slice(torn);
                fs::write(path, bytes).unwrap();
            }
        }
        assert_eq!(desk.guess("card"), [0x63, 0xc0]);
    }
}

#[test]
fn a_torn_tail_is_a_power_cut_and_ends_nothing() {
    let desk = Desk::used();
    let bank = ["card/bank-a", "card/bank-b"]
        .map(|b| desk.path(b))
        .into_iter()
        .find(|b| fs::metadata(b).unwrap().len() > 0);
    let bank = bank.unwrap();
    let mut bytes = fs::read(&bank).unwrap();
    bytes.extend([0, 60, 1, 2, 3]);
    fs::write(&bank, bytes).unwrap();
    assert_eq!(desk.guess("card"), [0x63, 0xc1]);
}

#[test]
fn copies_are_refused_here_and_elsewhere_and_the_original_never_notices() {
    let desk = Desk::used();
    copy(&desk.path("card"), &desk.path("copy"));
    let whole = desk.files();
    desk.refused("copy", &format!("is a copy; the card lives in {}", desk.path("card").display()));
    // On another machine there is no key.
    let elsewhere = DeviceKeys::folder(Some(&desk.path("other-keys")));
    match desk.open_with("copy", &elsewhere) {
        Became::Refused(error @ FolderError::KeyLost(_)) => {
            assert!(error.to_string().contains("copy from another machine"))
        }
        other => panic!("{other:?}"),
    }
    // Whatever is done to the copy: its banks changed, its end written into it, its identity gone.
    fs::write(desk.path("copy/bank-a"), "changed").unwrap();
    desk.refused("copy", "is a copy");
    fs::write(desk.path("copy/terminated"), "now\nbecause\n").unwrap();
    assert_eq!(desk.terminated("copy").what, "because");
    fs::remove_file(desk.path("copy/terminated")).unwrap();
    fs::write(desk.path("copy/identity"), "0".repeat(32) + "\n").unwrap();
    desk.refused("copy", "no device key");
    fs::write(desk.path("copy/identity"), "nonsense").unwrap();
    desk.refused("copy", "identity");
    assert_eq!(desk.files(), whole);
    assert_eq!(desk.guess("card"), [0x63, 0xc1]);
}

#[test]
fn a_copy_in_the_place_of_the_original_is_refused_too() {
    let desk = Desk::used();
    copy(&desk.path("card"), &desk.path("copy"));
    fs::rename(desk.path("card"), desk.path("aside")).unwrap();
    fs::rename(desk.path("copy"), desk.path("card")).unwrap();
    desk.refused("card", "is a copy");
    desk.refused("aside", "is a copy");
    fs::rename(desk.path("card"), desk.path("copy")).unwrap();
    fs::rename(desk.path("aside"), desk.path("card")).unwrap();
    assert_eq!(desk.guess("card"), [0x63, 0xc1]);
}

#[test]
fn what_is_missing_or_does_not_read_destroys_nothing() {
    let desk = Desk::used();
    let whole = desk.files();
    for (path, bytes) in &whole {
        let name = path.file_name().unwrap().to_str().unwrap();
        if name == "lock" {
            continue;
        }
        fs::remove_file(path).unwrap();
        match desk.open("card") {
            Became::Refused(error) => assert!(error.to_string().contains(name), "{name}: {error}"),
            other => panic!("{name}: {other:?}"),
        }
        // A folder in its place: reading it is an error of the file system.
        if !path.exists() {
            fs::create_dir(path).unwrap();
        }
        if path.is_dir() {
            assert!(matches!(desk.open("card"), Became::Refused(_)), "{name}");
            fs::remove_dir(path).unwrap();
        }
        fs::write(path, bytes).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
        assert_eq!(desk.files(), whole, "{name}");
    }
    fs::set_permissions(desk.key_file("key"), fs::Permissions::from_mode(0o640)).unwrap();
    desk.refused("card", "can be read by others");
    fs::set_permissions(desk.key_file("key"), fs::Permissions::from_mode(0o600)).unwrap();
    // Another card's key under this card's name.
    let other = Desk::used();
    fs::copy(other.key_file("key"), desk.key_file("key")).unwrap();
    desk.refused("card", "is not this card's device key");
    desk.put_back(&whole);
    fs::write(desk.path("card/device.key"), "00".repeat(32)).unwrap();
    fs::set_permissions(desk.path("card/device.key"), fs::Permissions::from_mode(0o600)).unwrap();
    desk.refused("card", "not the one of the card in this folder");
    desk.put_back(&whole);
    assert_eq!(desk.guess("card"), [0x63, 0xc1]);
}

#[test]
fn a_cut_at_any_step_of_the_end_leaves_it_ended_or_untouched() {
    for cut in 0..=4 {
        let desk = Desk::used();
        let whole = desk.files();
        let Identity::Named(name) = identity(&desk.path("card")).unwrap() else { panic!() };
        let (path, keys) = (desk.path("card"), desk.keys());
        if cut == 0 {
            assert_eq!(desk.files(), whole);
            assert_eq!(desk.guess("card"), [0x63, 0xc1]);
            continue;
        }
        terminated::say(&path, NOW, "a test").unwrap();
        let steps: Vec<_> = terminated::destruction(&path, &keys, &name).take(cut - 1).collect();
        assert!(steps.iter().all(Result::is_ok) && steps.len() == cut - 1);
        assert_eq!(desk.terminated("card").what, "a test");
        let left = desk.files();
        assert!(
            left.keys().all(|p| !p.starts_with(desk.path("keys"))),
            "cut {cut}: the next opening goes on"
        );
        assert!(
            left[&desk.path("card/bank-a")].is_empty() && left[&desk.path("card/bank-b")].is_empty()
                || cut > 1
        );
        fs::remove_file(desk.path("card/terminated")).unwrap();
        desk.refused("card", "no device key");
    }
    // Cut inside the first step: the file under its other name says nothing yet.
    let desk = Desk::used();
    fs::write(desk.path("card/terminated.new"), "2026").unwrap();
    assert_eq!(desk.guess("card"), [0x63, 0xc1]);
}

#[test]
fn where_there_is_no_room_to_say_so_the_keys_are_destroyed_all_the_same() {
    let desk = Desk::used();
    let Opening::Live(folder) =
        Folder::open(&desk.path("card"), &desk.keys(), NOW, &mut ChaCha20Rng::seed_from_u64(1)).unwrap()
    else {
        panic!("a card in use is live")
    };
    // No file can be made under this name.
    fs::create_dir(desk.path("card/terminated.new")).unwrap();
    let refused = folder.end(NOW, "a test").unwrap_err();
    assert!(refused.to_string().contains("card/terminated"), "{refused}");
    drop(folder);
    fs::remove_dir(desk.path("card/terminated.new")).unwrap();
    let left = desk.files();
    assert!(left.keys().all(|p| !p.starts_with(desk.path("keys"))));
    assert!(left[&desk.path("card/bank-a")].is_empty() && left[&desk.path("card/bank-b")].is_empty());
    desk.refused("card", "no device key");
}

/// A folder as versions before made it: key and anchor inside, no identity.
fn old_style(desk: &Desk) {
    let key = fs::read_to_string(desk.key_file("key")).unwrap();
    fs::write(desk.path("card/device.key"), format!("{}\n", &key[..64])).unwrap();
    fs::set_permissions(desk.path("card/device.key"), fs::Permissions::from_mode(0o600)).unwrap();
    fs::rename(desk.key_file("anchor"), desk.path("card/anchor")).unwrap();
    fs::remove_file(desk.path("card/identity")).unwrap();
    fs::remove_dir_all(desk.path("keys")).unwrap();
}

#[test]
fn a_folder_with_its_key_inside_is_migrated_and_its_copies_are_refused_from_then_on() {
    let desk = Desk::used();
    old_style(&desk);
    assert_eq!(desk.guess("card"), [0x63, 0xc1]);
    for gone in ["device.key", "device.key-moved", "anchor"] {
        assert!(!desk.path("card").join(gone).exists(), "{gone}");
    }
    copy(&desk.path("card"), &desk.path("copy"));
    desk.refused("copy", "is a copy");
    // An old anchor that is missing destroys nothing.
    let desk = Desk::used();
    old_style(&desk);
    let anchor = fs::read(desk.path("card/anchor")).unwrap();
    fs::remove_file(desk.path("card/anchor")).unwrap();
    desk.refused("card", "anchor is gone");
    fs::write(desk.path("card/anchor"), anchor).unwrap();
    assert_eq!(desk.guess("card"), [0x63, 0xc1]);
}

#[test]
fn a_migration_cut_after_any_of_its_writes_goes_on() {
    // Each cut, as the files lie after it.
    type Cut = fn(&Desk, &BTreeMap<PathBuf, Vec<u8>>);
    let cuts: [(&str, Cut); 4] = [
        ("key kept", |desk, new| {
            fs::create_dir(desk.path("keys")).unwrap();
            let (path, bytes) = new.iter().find(|(p, _)| p.extension().is_some_and(|e| e == "key")).unwrap();
            fs::write(path, bytes).unwrap();
            fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
        }),
        ("identity written", |desk, new| {
            fs::create_dir(desk.path("keys")).unwrap();
            for (path, bytes) in new.iter().filter(|(p, _)| p.starts_with(desk.path("keys"))) {
                fs::write(path, bytes).unwrap();
                fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
            }
            fs::write(desk.path("card/identity"), &new[&desk.path("card/identity")]).unwrap();
        }),
        ("anchor removed", |desk, new| {
            fs::create_dir(desk.path("keys")).unwrap();
            for (path, bytes) in new.iter().filter(|(p, _)| p.starts_with(desk.path("keys"))) {
                fs::write(path, bytes).unwrap();
                fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
            }
            fs::write(desk.path("card/identity"), &new[&desk.path("card/identity")]).unwrap();
            fs::remove_file(desk.path("card/anchor")).unwrap();
        }),
        ("key half overwritten", |desk, new| {
            fs::create_dir(desk.path("keys")).unwrap();
            for (path, bytes) in new.iter().filter(|(p, _)| p.starts_with(desk.path("keys"))) {
                fs::write(path, bytes).unwrap();
                fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
            }
            fs::write(desk.path("card/identity"), &new[&desk.path("card/identity")]).unwrap();
            fs::remove_file(desk.path("card/anchor")).unwrap();
            fs::remove_file(desk.path("card/device.key")).unwrap();
            fs::write(desk.path("card/device.key-moved"), [0; 30]).unwrap();
        }),
    ];
    for (name, cut) in cuts {
        let desk = Desk::used();
        let new = desk.files();
        old_style(&desk);
        cut(&desk, &new);
        assert_eq!(desk.guess("card"), [0x63, 0xc1], "{name}");
        for gone in ["device.key", "device.key-moved", "anchor"] {
            assert!(!desk.path("card").join(gone).exists(), "{name}: {gone}");
        }
    }
}

#[test]
fn a_card_moves_on_purpose_or_is_bound_anew_where_a_hand_moved_it() {
    let desk = Desk::used();
    Folder::move_to(&desk.path("card"), &desk.path("new"), &desk.keys()).unwrap();
    assert_eq!(desk.guess("new"), [0x63, 0xc1]);
    // By hand: refused, until it is said twice where it is.
    fs::rename(desk.path("new"), desk.path("hand")).unwrap();
    desk.refused("hand", "is a copy");
    assert!(matches!(
        Folder::move_to(&desk.path("hand"), &desk.path("x"), &desk.keys()),
        Err(FolderError::Copy { .. })
    ));
    Folder::move_to(&desk.path("hand"), &desk.path("hand"), &desk.keys()).unwrap();
    assert_eq!(desk.guess("hand"), [0x63, 0xc0]);
    // A copy is never bound while the card is at home, and nothing is written over.
    copy(&desk.path("hand"), &desk.path("copy"));
    for to in ["copy", "y"] {
        let moved = Folder::move_to(&desk.path("copy"), &desk.path(to), &desk.keys());
        assert!(matches!(moved, Err(FolderError::Copy { .. })), "{moved:?}");
    }
    let moved = Folder::move_to(&desk.path("hand"), &desk.path("copy"), &desk.keys());
    assert!(matches!(moved, Err(FolderError::Occupied(_))), "{moved:?}");
}

#[test]
fn a_folder_opens_once_at_a_time() {
    let desk = Desk::used();
    let Became::Card(_card, _held) = desk.open("card") else { panic!() };
    desk.refused("card", "in use by another process");
    assert!(matches!(
        Folder::move_to(&desk.path("card"), &desk.path("x"), &desk.keys()),
        Err(FolderError::InUse(_))
    ));
}
