//! Everything a card keeps when the power is off.

use crate::Profile;
use crate::change::Change;
use crate::codec::{Reader, put_as_string, put_string};
use crate::credential::{Asked, Check, Credential, Kept, Which};
use crate::file::Life;
use crate::former;
use crate::gba::Bootstrapped;
use crate::key::{KeyRef, KeySet};
use crate::ota::{Ota, TRIES};
use crate::owner_key::OwnerKey;
use crate::plain::Plain;
use crate::reference;
use crate::sqn::SqnArray;
use crate::tree::Tree;
use crate::vault::{Held, Secrets, Vault, VaultKey};
use alloc::vec::Vec;
use core::hint::black_box;
use keys::Secret;
use keys::agree::AgreeKey;
use keys::sign::Es256Key;
use rand_core::CryptoRng;

/// The format of records, first octet of a snapshot.
const FORMAT: u8 = 3;
/// After the files, what only some cards have: the state of remote management.
const OTA: u8 = 255;
/// The public half of the key it agrees with others by.
const AGREE_PUBLIC: u8 = 252;
const OWNER_KEY: u8 = 251;
const BOOTSTRAPPED: u8 = 250;
const ALERTS: u8 = 249;

/// The lasting state.
pub(crate) struct State {
    vault: Vault,
    /// The vault's key, with the device key alone to open it: while nobody is asked for the PIN, and of cards of the first
    /// version.
    held: Option<Held>,
    credentials: Vec<Credential>,
    /// Codes that nobody is asked for.
    waived: KeySet,
    /// Codes in whose place the universal PIN is asked for.
    replaced: KeySet,
    /// Codes with no tries left: nobody is who showed them before.
    blocked: KeySet,
    pub(crate) sqn: SqnArray,
    /// Whether GSM's own authentication is answered, which asks for no proof of the network's.
    pub(crate) gsm: bool,
    pub(crate) tree: Tree,
    pub(crate) extras: Extras,
}

/// Codes by how they are asked for.
struct Asking {
    waived: KeySet,
    replaced: KeySet,
    blocked: KeySet,
}

/// What not every card has.
#[derive(Default)]
pub(crate) struct Extras {
    /// The public half of the key it agrees with others by; `None` of cards that were made before there was one.
    pub(crate) agree_public: Option<[u8; 65]>,
    /// The owner's key; `None` of cards that were given a key to sign by.
    pub(crate) owner: Option<OwnerKey>,
    /// What the last bootstrapping left.
    pub(crate) bootstrapped: Option<Bootstrapped>,
    /// Alerts that went out.
    pub(crate) alerts: u64,
    /// Remote management; `None` if this card has none.
    pub(crate) ota: Option<Ota>,
}

impl State {
    /// A new card's.
    pub(crate) fn new(profile: &Profile, pepper: &Secret<[u8; 32]>, rng: &mut impl CryptoRng) -> Self {
        let vault_key = Secret::random(rng);
        let credential =
            |key, code, unblock, rng: &mut _| Credential::new(pepper, key, code, unblock, &vault_key, rng);
        let mut credentials = Vec::from([
            credential(KeyRef::PIN1, &profile.pin, Some(&profile.puk), rng),
            credential(KeyRef::ADM1, &profile.adm1, None, rng),
        ]);
        let more = [(KeyRef::PIN2, &profile.pin2), (KeyRef::UNIVERSAL, &profile.universal_pin)];
        for (key, pin) in more.into_iter().filter_map(|(key, pin)| Some((key, pin.as_ref()?))) {
            credentials.push(credential(key, &pin.pin, Some(&pin.puk), rng));
        }
        for (number, code) in (2..).zip(&profile.more_adm) {
            credentials.extend(KeyRef::adm(number).map(|key| credential(key, code, None, rng)));
        }
        let agree_key = AgreeKey::random(rng);
        let agree_public = Some(agree_key.public());
        let given = profile.card_key.as_ref().and_then(Es256Key::from_scalar);
        let owner = OwnerKey::new(&given.unwrap_or_else(|| Es256Key::random(rng)), &vault_key, rng);
        let extras = Extras {
            agree_public,
            owner: Some(owner),
            bootstrapped: None,
            alerts: 0,
            ota: profile.ota.clone().map(|keys| Ota { keys, counter: 0, left: TRIES }),
        };
        let secrets = Secrets::new(vault_key, profile.aka.clone(), None, Some(agree_key));
        Self {
            vault: Vault::seal(&secrets),
            held: None,
            credentials,
            waived: KeySet::EMPTY,
            replaced: KeySet::EMPTY,
            blocked: KeySet::EMPTY,
            sqn: SqnArray::new(),
            gsm: profile.gsm,
            tree: reference::tree(profile),
            extras,
        }
    }

    /// The secrets, with the vault's key.
    pub(crate) fn open(&self, key: &VaultKey) -> Option<Secrets> {
        self.vault.open(key)
    }

    /// The vault's key, where no code is needed for it.
    pub(crate) fn held(&self, pepper: &Secret<[u8; 32]>) -> Option<VaultKey> {
        self.held?.open(pepper)
    }

    /// Whether every code that opens the vault wraps its key: not so of cards of the first version, which never let go of
    /// the key they hold.
    pub(crate) fn wraps(&self) -> bool {
        let openers = self.credentials.iter().filter(|c| Credential::opens_vault(c.key));
        openers
            .flat_map(|c| [Some(c.code), c.unblock])
            .flatten()
            .all(|kept| matches!(kept.check, Check::Wrap { .. }))
    }

    /// The code by this name; `None` if this card has none.
    pub(crate) fn credential(&self, key: KeyRef) -> Option<&Credential> {
        self.credentials.iter().find(|c| c.key == key)
    }

    pub(crate) fn credentials(&self) -> &[Credential] {
        &self.credentials
    }

    /// What is kept of a code; `None` if this card has none such.
    pub(crate) fn kept(&self, which: Which) -> Option<&Kept> {
        let credential = self.credential(which.key())?;
        match which {
            Which::Code(_) => Some(&credential.code),
            Which::Unblock(_) => credential.unblock.as_ref(),
        }
    }

    fn kept_mut(&mut self, which: Which) -> Option<&mut Kept> {
        let credential = self.credentials.iter_mut().find(|c| c.key == which.key())?;
        match which {
            Which::Code(_) => Some(&mut credential.code),
            Which::Unblock(_) => credential.unblock.as_mut(),
        }
    }

    /// All keys that whoever has shown these may use: a disabled PIN asks nobody, a replaced one asks for another
    /// (TS 102 221 §9.4.1, §9.5.1).
    pub(crate) const fn effective(&self, shown: KeySet) -> KeySet {
        let keys = shown.without(self.blocked).with(self.waived);
        if keys.has_all(KeySet::of(KeyRef::UNIVERSAL)) { keys.with(self.replaced) } else { keys }
    }

    /// Whether the universal PIN is asked for in the place of another.
    pub(crate) fn replaces(&self) -> bool {
        self.replaced != KeySet::EMPTY
    }

    /// Which codes are asked for has changed. Looked at twice, so that one instruction left out waives none.
    fn ask(&mut self) {
        let (once, again) = (self.asking(), black_box(&*self).asking());
        self.waived = once.waived.and(again.waived);
        self.replaced = once.replaced.and(again.replaced);
        self.blocked = once.blocked.with(again.blocked);
    }

    #[inline(never)]
    fn asking(&self) -> Asking {
        let of = |such: &dyn Fn(&Credential) -> bool| {
            let such = self.credentials.iter().filter(|c| such(c));
            such.fold(KeySet::EMPTY, |set, c| set.with(KeySet::of(c.key)))
        };
        Asking {
            waived: of(&|c| c.asked == Asked::No),
            replaced: of(&|c| c.asked == Asked::Universal),
            blocked: of(&|c| c.code.left == 0),
        }
    }

    /// Whether anybody is asked for the holder's PIN, or for another in its place.
    pub(crate) fn asks_holder(&self) -> bool {
        self.credential(KeyRef::PIN1).is_some_and(|pin| !self.is_free(KeyRef::PIN1, pin.asked))
    }

    /// The code that is asked for in the holder's name, once it is.
    pub(crate) fn holders_code(&self) -> KeyRef {
        let replaced = self.credential(KeyRef::PIN1).is_some_and(|pin| pin.asked == Asked::Universal);
        if replaced { KeyRef::UNIVERSAL } else { KeyRef::PIN1 }
    }

    /// What is in a file, while it is in use.
    pub(crate) fn content(&self, path: &[u16]) -> Option<&[u8]> {
        let id = self.tree.at(None, path).filter(|id| self.tree.usable(*id))?;
        self.tree.file(id).filter(|f| f.life != Life::Deactivated).map(|f| &f.content[..])
    }

    /// Whether the vault opens to everybody once this code is asked for so.
    pub(crate) fn is_free(&self, key: KeyRef, asked: Asked) -> bool {
        let of = |k| if k == key { Some(asked) } else { self.credential(k).map(|c| c.asked) };
        match of(KeyRef::PIN1) {
            Some(Asked::No) => true,
            Some(Asked::Universal) => of(KeyRef::UNIVERSAL) == Some(Asked::No),
            Some(Asked::Yes) | None => false,
        }
    }

    /// Whether the changes fit the files of this card: what does not must never be written.
    pub(crate) fn fits(&self, changes: &[Change]) -> bool {
        if !changes.iter().any(Change::is_of_files) {
            return true;
        }
        let mut tree = self.tree.clone();
        changes.iter().all(|change| change.apply_to(&mut tree).is_some())
    }

    /// Brings the changes about. `None`, with some of them done, if one does not fit this card.
    pub(crate) fn apply(&mut self, changes: &[Change]) -> Option<()> {
        for change in changes {
            change.apply_to(&mut self.tree)?;
            match change {
                Change::Tries(which, left) => {
                    self.kept_mut(*which)?.left = *left;
                    self.ask();
                }
                Change::Code(which, check) => self.kept_mut(*which)?.check = *check,
                Change::Asked(key, asked) => {
                    self.credentials.iter_mut().find(|c| c.key == *key)?.asked = *asked;
                    self.ask();
                }
                Change::Held(held) => self.held = *held,
                Change::Sqn(sqn) => self.sqn.take(*sqn),
                Change::OtaTries(left) => self.extras.ota.as_mut()?.left = *left,
                Change::OtaCounter(counter) => self.extras.ota.as_mut()?.counter = *counter,
                Change::Alert(number) => self.extras.alerts = *number,
                Change::OwnerKey(key) => self.extras.owner = Some(key.clone()),
                Change::Bootstrapped(bootstrapped) => self.extras.bootstrapped = Some(bootstrapped.clone()),
                // Of files.
                Change::Write(..)
                | Change::Push(..)
                | Change::Replace(..)
                | Change::Allow(..)
                | Change::Life(..)
                | Change::Create(..)
                | Change::Delete(..) => {}
            }
        }
        Some(())
    }

    /// The whole state as a record.
    pub(crate) fn snapshot(&self) -> Plain {
        let size = 832 + self.credentials.len() * Credential::BYTES + self.tree.snapshot_bytes();
        // Room for all of it at once: a vector that grows leaves copies of K behind.
        let mut out = Plain::new(Vec::with_capacity(size));
        out.push(FORMAT);
        put_string(&mut out, self.vault.sealed());
        Held::put(self.held.as_ref(), &mut out);
        out.push(u8::try_from(self.credentials.len()).unwrap_or(u8::MAX));
        for credential in &self.credentials {
            credential.put(&mut out);
        }
        for sqn in self.sqn.slots() {
            out.extend_from_slice(&sqn.value().to_be_bytes());
        }
        out.push(u8::from(self.gsm));
        self.tree.put(&mut out);
        if let Some(key) = &self.extras.agree_public {
            out.extend_from_slice(&[AGREE_PUBLIC, 0, 65]);
            out.extend_from_slice(key);
        }
        if let Some(owner) = &self.extras.owner {
            out.push(OWNER_KEY);
            put_as_string(&mut out, |out| owner.put(out));
        }
        if let Some(bootstrapped) = &self.extras.bootstrapped {
            out.push(BOOTSTRAPPED);
            put_as_string(&mut out, |out| bootstrapped.put(out));
        }
        if self.extras.alerts > 0 {
            out.extend_from_slice(&[ALERTS, 0, 8]);
            out.extend_from_slice(&self.extras.alerts.to_be_bytes());
        }
        if let Some(Ota { keys, counter, left }) = &self.extras.ota {
            // Its length, as of a string: 16 + 16 + 8 + 1.
            out.extend_from_slice(&[OTA, 0, 41]);
            out.extend_from_slice(keys.kic().danger_expose());
            out.extend_from_slice(keys.kid().danger_expose());
            out.extend_from_slice(&counter.to_be_bytes());
            out.push(*left);
        }
        debug_assert!(out.len() <= size, "it grew, and left a copy behind");
        out
    }

    /// The state a log holds: its snapshot, changed by what follows. `None` if no version known here wrote it.
    pub(crate) fn replay(records: &[Plain], pepper: &Secret<[u8; 32]>) -> Option<Self> {
        let (snapshot, changes) = records.split_first()?;
        let (mut state, format) = Self::read(&mut Reader(snapshot), pepper)?;
        for record in changes {
            let changes = match format {
                former::FORMAT => former::changes(record, &state.tree),
                _ => Change::read_all(record),
            };
            state.apply(&changes?)?;
        }
        Some(state)
    }

    /// A snapshot, and the format it was in.
    fn read(reader: &mut Reader<'_>, pepper: &Secret<[u8; 32]>) -> Option<(Self, u8)> {
        match reader.u8()? {
            FORMAT => Some((Self::read_current(reader)?, FORMAT)),
            former::FORMAT => Some((former::state(reader, pepper)?, former::FORMAT)),
            _ => None,
        }
    }

    fn read_current(reader: &mut Reader<'_>) -> Option<Self> {
        let vault = Vault::from_sealed(reader.string()?);
        let held = Held::read(reader)?;
        let count = reader.u8()?;
        let credentials = (0..count).map(|_| Credential::read(reader)).collect::<Option<_>>()?;
        let sqn = SqnArray::read(reader)?;
        let gsm = reader.u8()? != 0;
        let tree = Tree::read(reader)?;
        let mut extras = Extras::default();
        while !reader.is_empty() {
            let (what, value) = (reader.u8()?, reader.string()?);
            match what {
                AGREE_PUBLIC => extras.agree_public = Some(value.try_into().ok()?),
                OWNER_KEY => extras.owner = Some(OwnerKey::read(&mut Reader(value))?),
                BOOTSTRAPPED => extras.bootstrapped = Some(Bootstrapped::read(&mut Reader(value))?),
                ALERTS => extras.alerts = Reader(value).u64()?,
                OTA => extras.ota = Some(Ota::read(&mut Reader(value))?),
                _ => return None,
            }
        }
        Some(Self::from_parts(vault, held, credentials, sqn, gsm, tree, extras))
    }

    /// A state as a snapshot had it.
    pub(crate) fn from_parts(
        vault: Vault,
        held: Option<Held>,
        credentials: Vec<Credential>,
        sqn: SqnArray,
        gsm: bool,
        tree: Tree,
        extras: Extras,
    ) -> Self {
        let [waived, replaced, blocked] = [KeySet::EMPTY; 3];
        let mut state = Self { vault, held, credentials, waived, replaced, blocked, sqn, gsm, tree, extras };
        state.ask();
        state
    }
}
