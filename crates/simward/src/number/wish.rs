//! What else an owner may want of a number: one command for each kind of intent and each event of the owner's own.

use super::asking::{Signing, ask, key_named};
use super::key_file::KeyFile;
use super::people::{self, TrustKey};
use super::{NumberError, Where, With, close, consent, transfer, watch_key};
use crate::number::issue::{draw, must_not_exist};
use crate::number::suspend::{self, By};
use crate::up::seeded;
use clap::{Subcommand, ValueEnum};
use deed::intent::Change;
use deed::record::{CardId, Purpose, Tenure};
use deed::signer::SignStatement;
use deed::state::bit;
use server::view::NumberView;
use std::path::PathBuf;

#[derive(Debug, Subcommand)]
pub(super) enum Wish {
    /// Add a further card: it serves beside the first.
    AddCard {
        #[command(flatten)]
        at: Where,
        /// Where the card's profile goes.
        #[arg(long, value_name = "FILE")]
        profile: PathBuf,
        /// Its slot.
        #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u64).range(1..=7))]
        slot: u64,
        #[command(flatten)]
        signing: Signing,
    },
    /// Take a further card away, the stand-by card among them.
    RemoveCard {
        #[command(flatten)]
        at: Where,
        /// Its slot; the stand-by card is in slot 1.
        #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=7))]
        slot: u64,
        #[command(flatten)]
        signing: Signing,
    },
    /// Forbid something until you allow it again. At once.
    Lock {
        #[command(flatten)]
        at: Where,
        /// What.
        #[arg(value_enum, required = true)]
        what: Vec<Lock>,
        /// The owner's folder.
        #[arg(long, value_name = "DIR")]
        owner: PathBuf,
        /// Which key says so.
        #[arg(long, value_enum, default_value = "phone")]
        by: By,
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// Allow again what a lock forbids.
    Unlock {
        #[command(flatten)]
        at: Where,
        /// What.
        #[arg(value_enum, required = true)]
        what: Vec<Lock>,
        #[command(flatten)]
        signing: Signing,
    },
    /// Add a key of yours in a file: for a second device, or one that can only suspend. It agrees to nothing in its first week.
    AddKey {
        #[command(flatten)]
        at: Where,
        /// Where the new key goes: keep it away from the phone.
        #[arg(long, value_name = "FILE")]
        file: PathBuf,
        /// What it may do.
        #[arg(long, value_enum, default_value = "move")]
        may: May,
        #[command(flatten)]
        signing: Signing,
    },
    /// Take a key of yours away.
    RemoveKey {
        #[command(flatten)]
        at: Where,
        /// How its name begins, as `simward number show` has it.
        #[arg(long, value_name = "NAME")]
        name: String,
        #[command(flatten)]
        signing: Signing,
    },
    /// Name the trusted people (亲友见证人), all of them: so many together may agree where you cannot.
    Trust {
        #[command(flatten)]
        at: Where,
        /// What each handed over (`simward number trust-key new`). May be given several times; nobody for none at all.
        #[arg(long, value_name = "FILE")]
        person: Vec<PathBuf>,
        /// How many of them speak together; at least two.
        #[arg(long, default_value_t = 2)]
        needed: u64,
        /// Nobody is trusted any more.
        #[arg(long, conflicts_with = "person")]
        nobody: bool,
        #[command(flatten)]
        signing: Signing,
    },
    /// A trusted person's own key.
    #[command(subcommand)]
    TrustKey(TrustKey),
    /// Agree to the live request with your own keys: one that a desk asked for, or one that you began with fewer keys.
    Agree {
        #[command(flatten)]
        at: Where,
        #[command(flatten)]
        signing: Signing,
    },
    /// Agree as a trusted person, or prove that you have the key by which you are to become one.
    Approve(consent::Approve),
    /// Leave for another operator (携号转网). The deed is then closed.
    PortOut {
        #[command(flatten)]
        at: Where,
        /// The operator's name.
        #[arg(long, value_name = "NAME")]
        recipient: String,
        /// The code that the operator will show. The deed has its SHA-256.
        #[arg(long, value_name = "CODE")]
        code: String,
        #[command(flatten)]
        signing: Signing,
    },
    /// Make the keys of a number's new owner, and the offer that the old one transfers to.
    TransferOffer {
        #[command(flatten)]
        at: Where,
        /// Where the new owner's keys go.
        #[arg(long, value_name = "DIR")]
        owner: PathBuf,
        /// What is handed to the old owner.
        #[arg(long, value_name = "FILE")]
        offer: PathBuf,
    },
    /// Transfer the number (过户) to whoever made the offer. --request is what the new owner gets: with it the number is read.
    Transfer {
        #[command(flatten)]
        at: Where,
        /// The new owner's offer.
        #[arg(long, value_name = "FILE")]
        offer: PathBuf,
        #[command(flatten)]
        signing: Signing,
    },
    /// Prove that you have the keys that a number is transferred to, and keep its receipt.
    TransferAccept {
        #[command(flatten)]
        at: Where,
        /// The new owner's folder.
        #[arg(long, value_name = "DIR")]
        owner: PathBuf,
        /// What the old owner handed over.
        #[arg(long, value_name = "FILE")]
        request: PathBuf,
        /// Return only when the number is yours.
        #[arg(long)]
        wait: bool,
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// Say whose kind of number it is.
    Tenure {
        #[command(flatten)]
        at: Where,
        /// Whose.
        #[arg(long, value_enum)]
        is: Whose,
        #[command(flatten)]
        signing: Signing,
    },
    /// Change the number's watch key: whoever had the one before reads nothing more of it. If it was interrupted, say it again.
    WatchKey {
        #[command(flatten)]
        at: Where,
        /// The owner's folder: its receipt is written anew once the change is accepted.
        #[arg(long, value_name = "DIR")]
        owner: PathBuf,
        /// Which key says so.
        #[arg(long, value_enum)]
        with: Option<With>,
        /// A further key of the owner's that says so, instead.
        #[arg(long, value_name = "FILE")]
        key: Vec<PathBuf>,
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// Take a key's voice away, for good: its consent by a key that is not in the phone, its objections by keys in both places.
    Silence {
        #[command(flatten)]
        at: Where,
        /// How its name begins, as `simward number show` has it.
        #[arg(long, value_name = "NAME")]
        name: String,
        /// Of what.
        #[arg(long, value_enum, default_value = "consent")]
        what: consent::Voice,
        #[command(flatten)]
        signing: Signing,
    },
    /// A desk asks to give the number of a silent owner up (销号), or agrees to it: desks of two offices, then 90 days in which any
    /// key of the owner's stops it. No owner gives a number up this way.
    GiveUp {
        #[command(flatten)]
        at: Where,
        /// The desk's key.
        #[arg(long, value_name = "FILE")]
        desk_key: PathBuf,
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
}

/// What a lock forbids.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(super) enum Lock {
    /// A change of SIM.
    Move,
    /// Leaving for another operator.
    PortOut,
    /// A further card.
    FurtherCard,
    /// Forwarding of calls.
    Forwarding,
    /// Roaming.
    Roaming,
    /// 2G.
    #[value(name = "2g")]
    TwoG,
    /// Messages from applications.
    A2pSms,
}

impl Lock {
    const fn bit(self) -> u64 {
        match self {
            Self::Move => bit::MOVE,
            Self::PortOut => bit::PORT_OUT,
            Self::FurtherCard => bit::COMPANION,
            Self::Forwarding => bit::FORWARDING,
            Self::Roaming => bit::ROAMING,
            Self::TwoG => bit::TWO_G,
            Self::A2pSms => bit::A2P_SMS,
        }
    }
}

fn bits(locks: &[Lock]) -> Vec<u64> {
    let mut bits: Vec<u64> = locks.iter().map(|lock| lock.bit()).collect();
    bits.sort_unstable();
    bits.dedup();
    bits
}

/// What a further key may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum May {
    /// Agree and object.
    Move,
    /// Suspend and lock, and nothing else.
    Hold,
}

/// Whose kind of number it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Whose {
    /// A person's.
    Personal,
    /// A business's.
    Business,
    /// A minor's.
    Minor,
}

impl Whose {
    const fn tenure(self) -> (Tenure, &'static str) {
        match self {
            Self::Personal => (Tenure::Personal, "personal"),
            Self::Business => (Tenure::Business, "business"),
            Self::Minor => (Tenure::Minor, "minor"),
        }
    }
}

pub(super) fn run(wish: Wish) -> Result<(), NumberError> {
    match wish {
        Wish::AddCard { at, profile, slot, signing } => add_card(&at, &profile, slot, &signing),
        Wish::RemoveCard { at, slot, signing } => remove_card(&at, slot, &signing),
        Wish::Lock { at, what, owner, by, json } => suspend::lock(&at, &bits(&what), &owner, by, json),
        Wish::Unlock { at, what, signing } => {
            let bits = bits(&what);
            let change = |_: &NumberView| Ok(Change::ClearHolds { bits: bits.clone() });
            let done = |now: &NumberView| bits.iter().all(|bit| !now.holds.contains(bit));
            ask(&at, &signing, "unlock", change, &mut [], done).map(drop)
        }
        Wish::AddKey { at, file, may, signing } => add_key(&at, &file, may, &signing),
        Wish::RemoveKey { at, name, signing } => {
            let change = |now: &NumberView| Ok(Change::RemoveFactor { factor: key_named(now, &name)? });
            let gone = |now: &NumberView| key_named(now, &name).is_err();
            ask(&at, &signing, "remove-key", change, &mut [], gone).map(drop)
        }
        Wish::Trust { at, person, needed, nobody, signing } => {
            people::trust(&at, &person, (needed, nobody), &signing)
        }
        Wish::TrustKey(command) => people::trust_key(&command),
        Wish::Agree { at, signing } => consent::agree(&at, &signing),
        Wish::Approve(approve) => consent::approve(&approve),
        Wish::PortOut { at, recipient, code, signing } => {
            if code.is_empty() {
                return Err(NumberError::Asked("the code is empty; the new operator names one".into()));
            }
            let code = keys::digest::sha256(&[code.as_bytes()]);
            let change = |_: &NumberView| Ok(Change::PortOut { recipient, code });
            ask(&at, &signing, "port-out", change, &mut [], |now| now.closed).map(drop)
        }
        Wish::TransferOffer { at, owner, offer } => transfer::offer(&at, &owner, &offer),
        Wish::Transfer { at, offer, signing } => transfer::transfer(&at, &offer, &signing),
        Wish::TransferAccept { at, owner, request, wait, json } => {
            transfer::accept(&at, &owner, &request, wait, json)
        }
        Wish::Tenure { at, is, signing } => {
            let (tenure, name) = is.tenure();
            let change = |_: &NumberView| Ok(Change::Tenure { tenure });
            ask(&at, &signing, "tenure", change, &mut [], |now| now.tenure == name).map(drop)
        }
        Wish::WatchKey { at, owner, with, key, json } => watch_key::change(&at, &owner, with, &key, json),
        Wish::Silence { at, name, what, signing } => consent::silence(&at, &name, what, &signing),
        Wish::GiveUp { at, desk_key, json } => close::give_up(&at, &desk_key, json),
    }
}

fn add_card(at: &Where, profile: &std::path::Path, slot: u64, signing: &Signing) -> Result<(), NumberError> {
    must_not_exist(profile)?;
    let owner = crate::owner::Owner::load(&signing.owner)?;
    let api = crate::api::Api::of_folder(&at.data)?;
    let (card, mut card_profile) = draw(&api, &at.number, &mut seeded()?)?;
    card_profile.deed_id = Some(owner.receipt.deed_id);
    // The card first: it may be in force before this command has ended.
    crate::card::profile::save(profile, &card_profile)
        .map_err(|e| NumberError::File(profile.display().to_string(), e))?;
    let id = hex::encode(card.id().0);
    let change = |_: &NumberView| Ok(Change::Add { slot, card, dormant: false });
    let asked =
        ask(at, signing, "add-card", change, &mut [], |now| now.cards.iter().any(|c| c.card_id == id));
    if matches!(&asked, Err(NumberError::Api(refused)) if refused.is_certain()) {
        // Nothing lives by it.
        let _ = std::fs::remove_file(profile);
    }
    asked.map(drop)
}

fn remove_card(at: &Where, slot: u64, signing: &Signing) -> Result<(), NumberError> {
    let change = |now: &NumberView| {
        let card = now.cards.iter().find(|card| card.slot == slot);
        let card = card.ok_or_else(|| NumberError::Asked(format!("there is no card in slot {slot}")))?;
        Ok(Change::RemoveCard { slot, from: CardId(super::change::digest(&card.card_id)?) })
    };
    let gone = |now: &NumberView| now.cards.iter().all(|card| card.slot != slot);
    ask(at, signing, "remove-card", change, &mut [], gone).map(drop)
}

fn add_key(at: &Where, file: &std::path::Path, may: May, signing: &Signing) -> Result<(), NumberError> {
    let purpose = match may {
        May::Move => Purpose::Move,
        May::Hold => Purpose::HoldOnly,
    };
    let key = KeyFile::random("further key", purpose, &mut seeded()?);
    // On disk before it is asked for: a key that the deed knows and nobody has would be a lock without a key.
    key.save(file)?;
    let mut signer = key.signer();
    let factor = signer.factor().clone();
    let id = hex::encode(factor.id().0);
    let change = |_: &NumberView| Ok(Change::AddFactor { factor });
    let there = |now: &NumberView| now.factors.iter().any(|factor| factor.id == id);
    let new: &mut dyn SignStatement = &mut signer;
    let asked = ask(at, signing, "add-key", change, &mut [new], there);
    if matches!(&asked, Err(NumberError::Api(refused)) if refused.is_certain()) {
        KeyFile::forget(file);
    }
    asked.map(drop)
}
