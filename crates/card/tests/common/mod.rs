//! What the card's tests share: a profile, a terminal that knows T=0, and a world that can lose power.
#![allow(dead_code, unreachable_pub, reason = "each test file uses its own part")]

use card::medium::{Anchor, Bank, Counter, Fault, Medium, Memory};
use card::{Card, Code, MncLength, Pin, Profile};
use keys::Secret;
use keys::aka::AkaKeys;
use keys::milenage::{Amf, Milenage, Sqn};
use keys::ota::OtaKeys;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng as _};
use std::cell::RefCell;
use std::rc::Rc;

pub const PIN: &str = "1234";
pub const WRONG: &str = "9999";
pub const PUK: &str = "12345678";
pub const ADM: &str = "87654321";
/// TS 35.208 set 1.
pub const K: &str = "465b5ce8b199b49faa5f0a2ee238a6bc";
pub const OPC: &str = "cd63cb71954a9f4e48a5994e37a02baf";
pub const USIM: &str = "00a4040410a0000000871002ffffffff8907090000";

pub fn bytes<const N: usize>(text: &str) -> [u8; N] {
    hex::decode(text).unwrap().try_into().unwrap()
}

pub fn rng(seed: u64) -> ChaCha20Rng {
    ChaCha20Rng::seed_from_u64(seed)
}

pub fn device_key() -> Secret<[u8; 32]> {
    Secret::new([0x5a; 32])
}

pub fn ota_keys() -> OtaKeys {
    OtaKeys::new(Secret::new([0x1c; 16]), Secret::new([0x1d; 16]))
}

pub fn profile() -> Profile {
    Profile {
        iccid: "8986001200000000017".parse().unwrap(),
        imsi: "460001234567890".parse().unwrap(),
        mnc_length: MncLength::Two,
        aka: AkaKeys::Milenage { k: Secret::new(bytes(K)), opc: Secret::new(bytes(OPC)) },
        pin: Code::pin(PIN).unwrap(),
        puk: Code::eight(PUK).unwrap(),
        adm1: Code::eight(ADM).unwrap(),
        pin2: None,
        universal_pin: None,
        more_adm: Vec::new(),
        concealment: None,
        gsm: true,
        msisdn: Some("8613800138000".parse().unwrap()),
        deed_id: Some([0xde; 32]),
        card_key: Some(keys::Secret::new([33; 32])),
        alert_number: None,
        alert_endpoint: None,
        ota: Some(ota_keys()),
    }
}

pub fn milenage() -> Milenage {
    Milenage::new(&Secret::new(bytes(K)), &Secret::new(bytes(OPC)))
}

/// A challenge as the home network makes it.
pub fn challenge(rand: [u8; 16], seq: u64, ind: u8) -> ([u8; 16], [u8; 16]) {
    let sqn = Sqn::from_parts(seq, ind).unwrap();
    let vector = milenage().vector(&rand, sqn, Amf::SEPARATION);
    (rand, Milenage::autn(&vector, sqn, Amf::SEPARATION))
}

pub fn authenticate_apdu((rand, autn): ([u8; 16], [u8; 16])) -> String {
    format!("008800812210{}10{}", hex::encode(rand), hex::encode(autn))
}

/// A challenge for bootstrapping (GBA_U), whose MAC is marked.
pub fn gba_apdu(rand: [u8; 16], seq: u64) -> String {
    let sqn = Sqn::from_parts(seq, 0).unwrap();
    let mut vector = milenage().vector(&rand, sqn, Amf::SEPARATION);
    vector.mac_a = keys::gba::mac_star(vector.mac_a, &vector.ik);
    let autn = Milenage::autn(&vector, sqn, Amf::SEPARATION);
    format!("0088008423dd10{}10{}", hex::encode(rand), hex::encode(autn))
}

fn block(digits: &str) -> String {
    let mut block = [0xff; 8];
    block[..digits.len()].copy_from_slice(digits.as_bytes());
    hex::encode(block)
}

pub fn verify_apdu(digits: &str) -> String {
    format!("0020000108{}", block(digits))
}

pub fn verify_adm_apdu(digits: &str) -> String {
    format!("0020000a08{}", block(digits))
}

pub fn unblock_apdu(puk: &str, new: &str) -> String {
    format!("002c000110{}{}", block(puk), block(new))
}

pub fn change_apdu(old: &str, new: &str) -> String {
    format!("0024000110{}{}", block(old), block(new))
}

pub fn disable_apdu(digits: &str) -> String {
    format!("0026000108{}", block(digits))
}

pub fn enable_apdu(digits: &str) -> String {
    format!("0028000108{}", block(digits))
}

/// CREATE FILE under a record of the USIM's EF.ARR.
pub fn create(fid: &str, descriptor: &str, rule: u8, size: u16, more: &str) -> String {
    let fcp = format!(
        "82{:02x}{descriptor}8302{fid}8a01058b036f06{rule:02x}8002{size:04x}8800{more}",
        descriptor.len() / 2
    );
    format!("00e00000{:02x}62{:02x}{fcp}", fcp.len() / 2 + 2, fcp.len() / 2)
}

/// A card in a reader, spoken to in hexadecimal.
pub struct Terminal<M = Memory, A = Counter> {
    pub card: Card<M, A>,
    pub rng: ChaCha20Rng,
}

impl Terminal {
    pub fn new() -> Self {
        Self::on(Memory::new(), Counter::default())
    }
}

impl<M: Medium, A: Anchor> Terminal<M, A> {
    pub fn on(medium: M, anchor: A) -> Self {
        let mut rng = rng(7);
        let card = Card::personalise(medium, anchor, device_key(), &profile(), &mut rng).unwrap();
        Self { card, rng }
    }

    pub fn open(medium: M, anchor: A) -> Self {
        Self { card: Card::open(medium, anchor, device_key()).unwrap(), rng: rng(8) }
    }

    /// One APDU, as it is.
    pub fn raw(&mut self, apdu: &str) -> String {
        hex::encode(self.card.transmit(&hex::decode(apdu).unwrap(), &mut self.rng))
    }

    /// One APDU, its 61xx and 6Cxx followed as a terminal does over T=0.
    pub fn send(&mut self, apdu: &str) -> String {
        let response = self.raw(apdu);
        if let Some(len) = response.strip_prefix("61") {
            return self.raw(&format!("00c00000{len}"));
        }
        match response.strip_prefix("6c") {
            Some(len) => self.raw(&format!("{}{len}", &apdu[..8])),
            None => response,
        }
    }

    /// Selects the USIM and gives the PIN.
    pub fn ready(&mut self) {
        assert!(self.send(USIM).ends_with("9000"));
        assert_eq!(self.raw(&verify_apdu(PIN)), "9000");
    }
}

/// The world a card writes on when its power may go at any byte.
#[derive(Default)]
pub struct World {
    pub banks: [Vec<u8>; 2],
    /// How much of each bank survives a cut for certain.
    pub synced: [usize; 2],
    pub anchor: u64,
    /// Steps until the power goes; a byte is a step.
    pub fuel: Option<u64>,
    died: bool,
    /// Steps taken.
    pub steps: u64,
    /// The banks as they were after every step that changed them, and the anchor then.
    pub seen: Vec<([Vec<u8>; 2], u64)>,
    pub keep_seen: bool,
    /// Appends fail from so many octets of both banks on: the disk is full.
    pub full_at: Option<usize>,
    /// Every advance fails, before or after it took.
    pub anchor_fault: Option<bool>,
    /// Every sync fails.
    pub sync_fault: bool,
}

impl World {
    /// One step; `Err` if the power went before it.
    fn step(&mut self) -> Result<(), Fault> {
        match &mut self.fuel {
            Some(0) => {
                self.died = true;
                return Err(Fault);
            }
            Some(fuel) => *fuel -= 1,
            None => {}
        }
        self.steps += 1;
        Ok(())
    }

    /// Whether the power went before the card was done: what it said then was heard by nobody.
    pub const fn dead(&self) -> bool {
        self.died
    }

    fn note(&mut self) {
        if self.keep_seen {
            self.seen.push((self.banks.clone(), self.anchor));
        }
    }

    /// Puts a copy of the banks back: the last but `back`.
    pub fn put_back(&mut self, back: u64) -> Option<u64> {
        let copy = self.seen.len().checked_sub(1 + back as usize)?;
        let (banks, anchor) = self.seen.get(copy)?.clone();
        self.synced = [banks[0].len(), banks[1].len()];
        self.banks = banks;
        Some(anchor)
    }

    /// The power goes: of what was not synced, any part stays.
    pub fn cut(&mut self, rng: &mut ChaCha20Rng) {
        for (bank, synced) in self.banks.iter_mut().zip(&mut self.synced) {
            let loose = bank.len().saturating_sub(*synced) as u64;
            let stays = if loose == 0 { 0 } else { rng.next_u64() % (loose + 1) };
            bank.truncate(*synced + stays as usize);
            *synced = bank.len();
        }
        (self.fuel, self.died) = (None, false);
        self.note();
    }
}

/// A handle on the world; the medium and the anchor of one card.
#[derive(Clone, Default)]
pub struct Mortal(pub Rc<RefCell<World>>);

const fn index(bank: Bank) -> usize {
    match bank {
        Bank::A => 0,
        Bank::B => 1,
    }
}

impl Medium for Mortal {
    fn read(&self, bank: Bank) -> Result<Vec<u8>, Fault> {
        Ok(self.0.borrow().banks[index(bank)].clone())
    }

    fn append(&mut self, bank: Bank, bytes: &[u8]) -> Result<(), Fault> {
        let mut world = self.0.borrow_mut();
        for byte in bytes {
            world.step()?;
            let used: usize = world.banks.iter().map(Vec::len).sum();
            if world.full_at.is_some_and(|limit| used >= limit) {
                return Err(Fault);
            }
            world.banks[index(bank)].push(*byte);
        }
        world.note();
        Ok(())
    }

    fn sync(&mut self, bank: Bank) -> Result<(), Fault> {
        let mut world = self.0.borrow_mut();
        world.step()?;
        if world.sync_fault {
            return Err(Fault);
        }
        world.synced[index(bank)] = world.banks[index(bank)].len();
        world.step()
    }

    fn erase(&mut self, bank: Bank) -> Result<(), Fault> {
        let mut world = self.0.borrow_mut();
        world.step()?;
        // Half erased: the first half is gone, or flash that reads FF, or only the end is left.
        let half = world.banks[index(bank)].len() / 2;
        world.synced[index(bank)] = half;
        world.banks[index(bank)].truncate(half);
        world.step()?;
        world.banks[index(bank)].fill(0xff);
        world.step()?;
        world.banks[index(bank)].clear();
        world.synced[index(bank)] = 0;
        world.step()
    }
}

impl Anchor for Mortal {
    fn value(&self) -> Result<u64, Fault> {
        Ok(self.0.borrow().anchor)
    }

    fn advance(&mut self, to: u64) -> Result<(), Fault> {
        let mut world = self.0.borrow_mut();
        world.step()?;
        if world.anchor_fault == Some(false) {
            return Err(Fault);
        }
        world.anchor = world.anchor.max(to);
        if world.anchor_fault == Some(true) {
            return Err(Fault);
        }
        world.step()
    }
}

/// A card in a world of its own.
pub fn mortal() -> (Terminal<Mortal, Mortal>, Mortal) {
    let world = Mortal::default();
    (Terminal::on(world.clone(), world.clone()), world)
}

/// VERIFY PIN of the code by this reference.
pub fn verify_key_apdu(key: &str, digits: &str) -> String {
    verify_apdu(digits).replacen("00200001", &format!("002000{key}"), 1)
}

/// CREATE FILE of a directory, under the rule for an operator's.
pub fn create_dir(fid: &str) -> String {
    format!("00e00000126210820278218302{fid}8a01058b036f0609")
}

/// A USIM in which holder and operator are known.
pub fn administered() -> Terminal {
    let mut terminal = Terminal::new();
    terminal.ready();
    assert_eq!(terminal.raw(&verify_adm_apdu(ADM)), "9000");
    terminal
}

/// Power off and on, and the holder known again.
pub fn reopened(terminal: Terminal) -> Terminal {
    let (medium, anchor) = terminal.card.into_parts();
    let mut terminal = Terminal::open(medium, anchor);
    assert_eq!(terminal.card.lock(), None);
    terminal.ready();
    terminal
}

/// A card with a second and a universal PIN.
pub fn with_codes() -> Terminal {
    let pin = |pin, puk| Some(Pin { pin: Code::pin(pin).unwrap(), puk: Code::eight(puk).unwrap() });
    let profile =
        Profile { pin2: pin("5678", "56785678"), universal_pin: pin("1357", "13571357"), ..profile() };
    let mut rng = rng(5);
    let card =
        Card::personalise(Memory::new(), Counter::default(), device_key(), &profile, &mut rng).unwrap();
    Terminal { card, rng }
}

/// Power off and on.
pub fn reopen_locked(terminal: Terminal) -> Terminal {
    let (medium, anchor) = terminal.card.into_parts();
    Terminal::open(medium, anchor)
}
