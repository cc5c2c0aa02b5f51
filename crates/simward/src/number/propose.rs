//! The owner's own requests: signed by the owner's keys from the first word, and done when their wait is over.

use super::change::digest;
use super::issue::{draw, must_not_exist};
use super::{NumberError, Where, With, show, token_of};
use crate::api::{Api, ApiError};
use crate::card::files::Holder;
use crate::card::terminal::{Terminal, Where as WhichCard};
use crate::owner::Owner;
use crate::up::seeded;
use deed::event::{AsOf, Body, Evidence, Proof, message};
use deed::intent::{Change, Intent};
use deed::record::{Card, CardId};
use deed::signer::{Sheet, SignStatement};
use deed::state::bit;
use keys::paper::PaperCode;
use server::view::{ChangedView, NumberView, StatementBody};
use std::path::Path;
use std::time::Duration;

/// How long a request stays open.
const OPEN_FOR: u64 = 20 * 86_400;
/// And one for a further key: it is born when its request would have ended, and grown up a week later.
const OPEN_FOR_A_KEY: u64 = 3 * 86_400;
/// How often it is looked whether a request is done.
const LOOK: Duration = Duration::from_millis(200);

/// Signs a digest with a card's own key; what the card is called in the deed.
pub(crate) type CardSigner<'a> = (CardId, &'a mut dyn FnMut(&[u8; 32]) -> Result<[u8; 64], NumberError>);

/// Asks for a change in the owner's own name: one event with every signature on it.
pub(crate) fn propose(
    api: &Api,
    number: &NumberView,
    owner: &mut Owner,
    with: With,
    change: Change,
    card: Option<CardSigner<'_>>,
    new_factor: Option<&mut dyn SignStatement>,
) -> Result<ChangedView, NumberError> {
    let open_for = if matches!(change, Change::AddFactor { .. }) { OPEN_FOR_A_KEY } else { OPEN_FOR };
    let body = Body::Requested {
        intent: Intent {
            change,
            number: number.number.parse().map_err(|_| ApiError::Answer("a number that is none".into()))?,
            not_before: number.witnessed,
            expiry: number.witnessed + open_for,
            over: None,
        },
    };
    let as_of = AsOf { seq: number.seq, head: digest(&number.head)? };
    let deed_id = owner.receipt.deed_id;
    let mut proofs = Vec::new();
    if matches!(with, With::Phone | With::Both) {
        proofs.push(owner.passkey.prove(&deed_id, as_of, &body));
    }
    if matches!(with, With::Paper | With::Both) {
        proofs.push(owner.sheet().prove(&deed_id, as_of, &body));
    }
    if let Some((card, sign)) = card {
        let signed = message(&deed_id, &as_of, body.kind(), &body.encode());
        let signature = sign(&keys::digest::sha256(&[&signed]))?;
        proofs.push(Proof { signer: card.0, as_of, evidence: Evidence::Raw(signature) });
    }
    if let Some(factor) = new_factor {
        proofs.push(factor.prove(&deed_id, as_of, &body));
    }
    let statement = StatementBody {
        kind: body.kind(),
        body: hex::encode(body.encode()),
        proofs: proofs.iter().map(|proof| hex::encode(proof.encode())).collect(),
    };
    Ok(api.post(&format!("/v1/numbers/{}/statements", number.number), "", &statement)?)
}

/// Returns when the request is done; an error if it ended otherwise.
fn wait_for(
    api: &Api,
    at: &Where,
    token: &str,
    done: impl Fn(&NumberView) -> bool,
) -> Result<(), NumberError> {
    loop {
        let now = show(api, &at.number, token)?;
        if done(&now) {
            return Ok(());
        }
        if now.live.is_none() {
            return Err(NumberError::Asked(
                "the request has ended without a change: somebody stopped it".into(),
            ));
        }
        std::thread::sleep(LOOK);
    }
}

fn waiting(wait: bool) {
    if !wait {
        println!("it takes effect once its wait has passed; until then one veto stops it");
    }
}

/// Resumes a suspended line (解挂).
pub(super) fn resume(at: &Where, folder: &Path, with: With, wait: bool) -> Result<(), NumberError> {
    let mut owner = Owner::load(folder)?;
    let api = Api::of_folder(&at.data)?;
    let token = token_of(&owner);
    let now = show(&api, &at.number, &token)?;
    if !now.holds.contains(&bit::SERVICE) {
        return Err(NumberError::Asked("the line is not suspended".into()));
    }
    propose(&api, &now, &mut owner, with, Change::ClearHolds { bits: vec![bit::SERVICE] }, None, None)?;
    println!("asked to resume, signed with {}", super::change::name(with));
    waiting(wait);
    if wait {
        wait_for(&api, at, &token, |now| now.served == "served")?;
        println!("resumed: the card is served again");
    }
    Ok(())
}

/// Authorises a stand-by card (备用卡): it sleeps until it is woken.
pub(super) fn stand_by(
    at: &Where,
    folder: &Path,
    profile: &Path,
    with: With,
    wait: bool,
) -> Result<(), NumberError> {
    must_not_exist(profile)?;
    let mut owner = Owner::load(folder)?;
    let api = Api::of_folder(&at.data)?;
    let token = token_of(&owner);
    let (card, mut card_profile) = draw(&api, &at.number, &mut seeded()?)?;
    card_profile.deed_id = Some(owner.receipt.deed_id);
    crate::card::profile::save(profile, &card_profile)
        .map_err(|e| NumberError::File(profile.display().to_string(), e))?;
    let now = show(&api, &at.number, &token)?;
    let change = Change::Add { slot: STAND_BY, card: card.clone(), dormant: true };
    propose(&api, &now, &mut owner, with, change, None, None)?;
    owner.remember_stand_by(folder, &card)?;
    println!("asked for a stand-by card: {}, signed with {}", profile.display(), super::change::name(with));
    println!("keep it apart from the recovery sheet: whoever has both can wake it");
    waiting(wait);
    if wait {
        let id = hex::encode(card.id().0);
        wait_for(&api, at, &token, |now| now.sleeping.contains(&id))?;
        println!("authorised: it sleeps until it is woken");
    }
    Ok(())
}

/// The slot of a stand-by card.
const STAND_BY: u64 = 1;

/// Wakes the stand-by card: the sheet agrees, and the card itself, which must be in hand.
pub(super) fn wake(
    at: &Where,
    folder: &Path,
    card: &WhichCard,
    holder: &Holder,
    (with, phone_is_mine): (With, bool),
    wait: bool,
) -> Result<(), NumberError> {
    let mut owner = Owner::load(folder)?;
    let api = Api::of_folder(&at.data)?;
    let token = token_of(&owner);
    let stand_by = owner.stand_by(folder)?;
    let mut now = show(&api, &at.number, &token)?;
    let passkey = hex::encode(owner.passkey.factor().id().0);
    let speaks = now.factors.iter().any(|known| known.id == passkey && !known.silenced);
    if matches!(with, With::Paper) && !phone_is_mine && speaks {
        // Once the line is on the new card it is suspended no more, and the phone alone could move it again in a day.
        super::suspend::silence(&api, at, &owner)?;
        println!("the phone is gone: its passkey agrees to nothing any more");
        now = show(&api, &at.number, &token)?;
    }
    let pin = holder.pin()?;
    let began = std::time::Instant::now();
    let mut sign = |digest: &[u8; 32]| -> Result<[u8; 64], NumberError> {
        Ok(card.visit(|terminal: &mut Terminal<'_>| {
            terminal.select_usim()?;
            if let Some(pin) = &pin {
                terminal.verify(pin, holder.last_try)?;
            }
            Ok(terminal.sign(digest)?)
        })?)
    };
    let signer: CardSigner<'_> = (stand_by.id(), &mut sign);
    wake_with(&api, &now, &mut owner, with, &stand_by, signer, true)?;
    println!(
        "asked to wake the stand-by card, signed with {} and by the card itself",
        super::change::name(with)
    );
    waiting(wait);
    if wait {
        let id = hex::encode(stand_by.id().0);
        wait_for(&api, at, &token, |now| now.card_id == id)?;
        println!(
            "awake after {} s: the number is on the stand-by card, the old card is refused",
            began.elapsed().as_secs()
        );
    }
    Ok(())
}

/// Asks to wake a stand-by card. The card that goes may be `lost`, or be kept in reserve.
pub(crate) fn wake_with(
    api: &Api,
    now: &NumberView,
    owner: &mut Owner,
    with: With,
    stand_by: &Card,
    signer: CardSigner<'_>,
    lost: bool,
) -> Result<ChangedView, NumberError> {
    let from = CardId(digest(&now.card_id)?);
    let change = Change::Wake { slot: STAND_BY, from, to: stand_by.clone(), lost };
    propose(api, now, owner, with, change, Some(signer), None)
}

/// A new recovery sheet, in place of one that is used up or lost.
pub(super) fn new_sheet(at: &Where, folder: &Path, with: With, wait: bool) -> Result<(), NumberError> {
    let mut owner = Owner::load(folder)?;
    let api = Api::of_folder(&at.data)?;
    let token = token_of(&owner);
    let now = show(&api, &at.number, &token)?;
    let code = PaperCode::random(&mut seeded()?);
    let mut sheet = Sheet::new(code.key());
    let factor = sheet.factor();
    let id = hex::encode(factor.id().0);
    // On disk before it is asked for: a sheet that the deed knows and nobody has would be a lock without a key.
    owner.keep_new_sheet(folder, &at.number, &code)?;
    propose(&api, &now, &mut owner, with, Change::AddFactor { factor }, None, Some(&mut sheet))?;
    println!(
        "asked for a new sheet: {}, signed with {}",
        folder.join("new-sheet.txt").display(),
        super::change::name(with)
    );
    let grown_up = super::look::date(now.witnessed + OPEN_FOR_A_KEY + deed::wait::MATURE_AFTER);
    println!("it can stop changes as soon as it is in the deed, and agrees to them from {grown_up} on");
    println!("until then keep the old sheet, too");
    waiting(wait);
    if wait {
        wait_for(&api, at, &token, |now| now.factors.iter().any(|factor| factor.id == id))?;
        println!("the sheet is in the deed");
    }
    Ok(())
}
