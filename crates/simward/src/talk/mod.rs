//! `simward talk`: one message and one short call from card to card, past somebody who records everything.

mod middleman;

use crate::api::{Api, ApiError};
use crate::card::terminal::{Terminal, TerminalError, Where};
use crate::card::{CardError, load, secret_input};
use crate::owner::{OwnerError, read_receipt};
use crate::up::seeded;
use crate::verify::check;
use ::card::{Code, Profile};
use ::talk::call::{answer, call};
use ::talk::identity::{Identity, NotTheirs, Peer, safety_number};
use ::talk::message::{open, seal};
use ::talk::{Inbox, TalkError};
use keys::digest::sha256;
use keys::sign::{Es256Key, Host};
use middleman::{Middleman, open_all, secrets_of};
use rand_chacha::ChaCha20Rng;
use std::io;
use std::path::{Path, PathBuf};
use wire::Msisdn;

/// Frames of the call each way: one second of speech, twenty milliseconds each.
const FRAMES: usize = 50;

/// Say something from card to card, past somebody in between who records every octet and holds both subscribers' keys.
///
/// Both cards and both owners are on this machine; the keys that seal are made in the cards. Each end takes the other's
/// key only if the card that the other number's deed names has signed it.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// What to say.
    text: String,
    /// The node's data folder.
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// The card of whoever speaks.
    #[arg(long, value_name = "DIR")]
    from: PathBuf,
    /// Its owner's folder.
    #[arg(long, value_name = "DIR")]
    from_owner: PathBuf,
    /// A file with its PIN.
    #[arg(long, value_name = "FILE")]
    from_pin_file: PathBuf,
    /// The card of whoever listens.
    #[arg(long, value_name = "DIR")]
    to: PathBuf,
    /// Its owner's folder.
    #[arg(long, value_name = "DIR")]
    to_owner: PathBuf,
    /// A file with its PIN.
    #[arg(long, value_name = "FILE")]
    to_pin_file: PathBuf,
    /// A card's profile: whoever records has the keys in it. May be given more than once.
    #[arg(long, value_name = "FILE")]
    leaked: Vec<PathBuf>,
    /// Folder of the device keys [default: $SIMWARD_DEVICE_KEYS, or ~/.local/state/simward/device-keys].
    #[arg(long, value_name = "DIR")]
    device_keys: Option<PathBuf>,
}

/// Why nothing could be said, or not safely.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TalkingError {
    /// A card.
    #[error(transparent)]
    Card(#[from] CardError),
    /// A PIN.
    #[error(transparent)]
    Input(#[from] secret_input::InputError),
    /// The node.
    #[error(transparent)]
    Api(#[from] ApiError),
    /// An owner's folder.
    #[error(transparent)]
    Owner(#[from] OwnerError),
    /// A deed does not hold.
    #[error("the deed of the number in {} does not hold: {why}", .owner.display())]
    Deed {
        /// Whose.
        owner: PathBuf,
        /// Why not.
        why: String,
    },
    /// The deed names no card that could sign.
    #[error("+{0} has no card with a key of its own in its deed: nothing to trust its talking key by")]
    NoKey(Msisdn),
    /// A key that is not the number's.
    #[error("+{number}: {why}")]
    NotTheirs {
        /// Whose key it should be.
        number: Msisdn,
        /// What is wrong.
        why: NotTheirs,
    },
    /// A packet.
    #[error(transparent)]
    Talk(#[from] TalkError<TerminalError>),
    /// A frame.
    #[error(transparent)]
    Frame(#[from] TalkError<std::convert::Infallible>),
    /// The way between the ends.
    #[error("the line broke: {0}")]
    Line(#[from] io::Error),
    /// Somebody read it.
    #[error("somebody in between opened {0} packets")]
    Opened(usize),
}

impl From<TerminalError> for TalkingError {
    fn from(error: TerminalError) -> Self {
        Self::Card(error.into())
    }
}

/// Asks a card to vouch for its talking key in the name of a number.
pub(crate) fn introduce(card: &mut Terminal<'_>, number: &Msisdn) -> Result<Identity, TerminalError> {
    let key = card.agreement_key()?;
    let signature = card.sign(&sha256(&[&Identity::statement(number, &key)]))?;
    Ok(Identity { number: *number, key, signature })
}

/// What came of it.
pub(crate) struct Outcome {
    /// What the other end read.
    pub(crate) read: Vec<u8>,
    /// Packets that passed whoever records.
    pub(crate) packets: usize,
    /// Octets of them.
    pub(crate) octets: usize,
    /// How many he opened.
    pub(crate) opened: usize,
    /// How many keys he tried on each.
    pub(crate) tried: usize,
    /// Whether the text stands in what he kept.
    pub(crate) in_clear: bool,
}

/// One message and one call between two cards, and what somebody in between makes of it who has all keys in the profiles.
pub(crate) fn converse(
    (a, me): (&mut Terminal<'_>, &Peer),
    (b, other): (&mut Terminal<'_>, &Peer),
    text: &[u8],
    leaked: &[Profile],
    rng: &mut ChaCha20Rng,
) -> Result<Outcome, TalkingError> {
    let (mut here, mut there, middleman) = Middleman::between()?;
    let mut inbox = Inbox::default();
    here.out.send(&seal(a, me, other, text, rng)?)?;
    let read = open(b, other, me, &there.back.receive()?, &mut inbox)?;
    let ringing = call(a, me, other, rng)?;
    here.out.send(ringing.offer())?;
    let (mut callee, packet) = answer(b, other, me, &there.back.receive()?, &mut inbox, rng)?;
    there.out.send(&packet)?;
    let mut caller = ringing.answered(a, me, other, &here.back.receive()?)?;
    for _ in 0..FRAMES {
        here.out.send(&caller.seal(text)?)?;
        callee.open(&there.back.receive()?)?;
        there.out.send(&callee.seal(text)?)?;
        caller.open(&here.back.receive()?)?;
    }
    drop((here.out, there.out));
    let kept = middleman.kept();
    let secrets: Vec<_> = leaked.iter().flat_map(secrets_of).collect();
    let (opened, tried) = open_all(&kept, &secrets, [me, other]);
    let in_clear = kept.iter().any(|packet| packet.windows(text.len().max(1)).any(|window| window == text));
    Ok(Outcome {
        read,
        packets: kept.len(),
        octets: kept.iter().map(Vec::len).sum(),
        opened,
        tried,
        in_clear,
    })
}

/// Whoever is in between puts a key of his own in the other's place, signed as well as he can.
pub(crate) fn swap(of: &Identity, card: &[u8; 65], rng: &mut ChaCha20Rng) -> Result<Peer, NotTheirs> {
    let (key, signer) = (keys::agree::AgreeKey::random(rng), Es256Key::random(rng));
    let signature = signer.sign(&Identity::statement(&of.number, &key.public()));
    let swapped = Identity { number: of.number, key: key.public(), signature };
    swapped.verify(&Host, &of.number, card)
}

/// The number of an owner, and the key of the card that its deed names, from a history that holds.
fn card_in_deed(api: &Api, owner: &Path) -> Result<(Msisdn, [u8; 65]), TalkingError> {
    let receipt = read_receipt(&owner.join("receipt.toml"))?;
    let deed = |why: String| TalkingError::Deed { owner: owner.into(), why };
    let number = crate::owner::number_of(owner)?;
    let token = server::http::reader_token(&receipt.watch_key);
    let bytes = api.get_bytes(&format!("/v1/numbers/{number}/history"), &token)?;
    let report = check(&bytes, &receipt).map_err(|broken| deed(broken.reason.to_string()))?;
    let key = report.state.card().and_then(|card| card.card_pub);
    key.map(|key| (number, key)).ok_or(TalkingError::NoKey(number))
}

fn pin(file: &Path) -> Result<Code, TalkingError> {
    Ok(secret_input::PIN.code(Some(file), false)?)
}

/// Talks.
pub(crate) fn run(args: &Args) -> Result<(), TalkingError> {
    let api = Api::of_folder(&args.data)?;
    let leaked = args.leaked.iter().map(|path| load(path)).collect::<Result<Vec<_>, _>>()?;
    let (number, card) = card_in_deed(&api, &args.from_owner)?;
    let (other_number, other_card) = card_in_deed(&api, &args.to_owner)?;
    let (pin, other_pin) = (pin(&args.from_pin_file)?, pin(&args.to_pin_file)?);
    let mut rng = seeded()?;
    let place = |state: &Path| Where::folder(state, args.device_keys.as_deref());
    let (here, there) = (place(&args.from), place(&args.to));
    let outcome = here.visit(|a| {
        a.verify(&pin, false)?;
        Ok(there.visit(|b| {
            b.verify(&other_pin, false)?;
            Ok(talk(a, (&number, &card), b, (&other_number, &other_card), args, &leaked, &mut rng))
        }))
    })??;
    let Outcome { read, packets, octets, opened, tried, in_clear } = outcome?;
    println!("read   {}", String::from_utf8_lossy(&read));
    println!("sent   1 message and a call of {FRAMES} frames each way: a key for each, used once");
    println!("kept   {packets} packets, {octets} octets, by somebody in between who passes everything on");
    println!(
        "opened {opened} of {packets} by him, with {tried} keys tried on each, from {} cards' K, OPc, OTA and signing keys",
        leaked.len()
    );
    println!("AKA's keys (from K) protect the way to the mast; these protect the way to the other card");
    let found = opened + usize::from(in_clear);
    if found > 0 { Err(TalkingError::Opened(found)) } else { Ok(()) }
}

fn talk(
    a: &mut Terminal<'_>,
    (number, card): (&Msisdn, &[u8; 65]),
    b: &mut Terminal<'_>,
    (other_number, other_card): (&Msisdn, &[u8; 65]),
    args: &Args,
    leaked: &[Profile],
    rng: &mut ChaCha20Rng,
) -> Result<Outcome, TalkingError> {
    let (mine, theirs) = (introduce(a, number)?, introduce(b, other_number)?);
    let checked = |identity: &Identity, number: &Msisdn, card| {
        let checked = identity.verify(&Host, number, card);
        checked.map_err(|why| TalkingError::NotTheirs { number: *number, why })
    };
    let (me, other) = (checked(&mine, number, card)?, checked(&theirs, other_number, other_card)?);
    println!("+{number} to +{other_number}, each key signed by the card that the number's deed names");
    println!("safety number {}", safety_number(&me, &other));
    match swap(&theirs, other_card, rng) {
        Ok(_) => return Err(TalkingError::Opened(1)),
        Err(why) => println!("another key put in +{other_number}'s place: refused: {why}"),
    }
    converse((a, &me), (b, &other), args.text.as_bytes(), leaked, rng)
}
