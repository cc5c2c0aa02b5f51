//! The attacks. Each does what a thief would do with what a thief would have, and looks at what came of it.

use super::DemoError;
use super::administrator::edit;
use super::cast::{Approval, Cast, digest, parse};
use super::phone::{Attach, Phone};
use super::report::{Attack, refusal};
use crate::api::ApiError;
use crate::number::issue::{draw, issue_to};
use crate::owner::{FreshKeys, Owner};
use crate::up::seeded;
use crate::verify::check;
use deed::event::{AsOf, Body, Issued, Proof, Source, assemble, head};
use deed::intent::{Change, Intent};
use deed::manifest::{Manifest, RoleKind};
use deed::record::Tenure;
use deed::record::{Card, CardId};
use deed::signer::{RoleSigner, SignStatement};
use keys::Secret;
use keys::sign::Ed25519Key;
use server::view::{ChangedView, MessageView, RequestBody, StatementBody};
use std::path::{Path, PathBuf};
use wire::Msisdn;

const HOUR: u64 = 3_600;
const DAY: u64 = 24 * HOUR;

/// The thief's intent: the owner's number to a card of his own.
pub(super) fn theft(cast: &Cast, to: &Card) -> Result<Intent, DemoError> {
    let now = cast.show()?;
    Ok(Intent {
        change: Change::Move { slot: 0, from: CardId(digest(&now.card_id)?), to: to.clone(), lost: false },
        number: cast.number,
        not_before: now.witnessed,
        expiry: now.witnessed + 20 * DAY,
        over: None,
    })
}

/// What the number's row in the database and the pin say after an edit: whether the owner is still served, and the alarm.
fn still_the_owners(cast: &mut Cast, alarm: &str) -> Result<bool, DemoError> {
    cast.stage.tick()?;
    cast.glance(0)?;
    let api = cast.api()?;
    let resolved = api.get_bytes(&format!("/v1/resolve/{}", cast.number), &api.desk)?;
    let resolved = parse::<wire::Imsi>(&String::from_utf8_lossy(&resolved))?;
    let alarms: Vec<MessageView> = api.get("/v1/alarms", &api.desk)?;
    let raised = alarms.iter().any(|a| a.code == alarm);
    let attached = cast.phone.attach()? == Attach::Attached;
    Ok(resolved == cast.phone.imsi() && attached && raised)
}

pub(super) fn database(cast: &Cast) -> PathBuf {
    cast.stage.data().join("operator.db")
}

pub(super) fn by_knowledge(cast: &mut Cast) -> Result<(), DemoError> {
    let intent = theft(cast, &cast.blank)?;
    let body = RequestBody { intent: hex::encode(intent.encode()) };
    // Name, birthday, identity number, mother's maiden name, last payments: all right, and no key.
    let known = "Wang Fang/1990-01-01/110101199001011234/Li/paid 38.00 on the 3rd";
    let path = format!("/v1/numbers/{}/requests", cast.number);
    let outcome = refusal(cast.api()?.post::<ChangedView>(&path, known, &body));
    cast.report.attack(Attack {
        name: "personal-data",
        words: "thief knows name, ID number, password, last payments",
        refused: outcome.is_some(),
        reason: outcome.unwrap_or_default(),
        why: "what others can know proves nothing",
    });
    Ok(())
}

pub(super) fn by_the_clerk(cast: &mut Cast) -> Result<(), DemoError> {
    let blank = cast.blank.clone();
    let (intent, request) = cast.ask_for(&blank)?;
    cast.report.step(
        "clerk",
        "bribed, asks for a change of SIM to the thief's card",
        "waiting; the owner is told",
    );
    let mut desk = role(&cast.stage.data(), "keys/desk-1.key", RoleKind::Desk, 1)?;
    let body = Body::Consented { request, intent };
    let proof = cast.sign(&mut desk, &body)?;
    let outcome = refusal(cast.say(&body, &[proof]));
    cast.pass(25 * HOUR)?;
    let unmoved = cast.show()?.card_id != hex::encode(blank.id().0);
    cast.report.attack(Attack {
        name: "bribed-clerk",
        words: "clerk approves the change with the desk's own key",
        refused: outcome.is_some() && unmoved,
        reason: outcome.unwrap_or_default(),
        why: "staff can lock a number, never move it",
    });
    cast.owner_stops(request)
}

pub(super) fn by_a_blank_card(cast: &mut Cast) -> Result<(), DemoError> {
    let outcome = cast.blank_phone.attach()?;
    let reason = cast.why_refused(cast.blank_phone.imsi())?;
    cast.report.attack(Attack {
        name: "blank-card",
        words: "thief's card, drawn from the stock, tries to attach",
        refused: outcome.by_network(),
        reason,
        why: "no number's deed names this card",
    });
    Ok(())
}

pub(super) fn by_the_bare_card(cast: &mut Cast) -> Result<(), DemoError> {
    let outcome = cast.phone.attach_with(None)?;
    cast.report.attack(Attack {
        name: "bare-card",
        words: "owner's SIM put into another phone, PIN unknown",
        refused: outcome == Attach::RefusedByCard(0x6982),
        reason: match outcome {
            Attach::RefusedByCard(status) => format!("{status:04x}"),
            other => format!("{other:?}"),
        },
        why: "without its PIN the card authenticates nobody",
    });
    cast.owner_attaches("again, with the PIN")
}

pub(super) fn by_the_index(cast: &mut Cast) -> Result<(), DemoError> {
    let (owner, thief) = (cast.phone.imsi(), cast.thief_phone.imsi());
    let point_at = |imsi| format!("UPDATE numbers SET imsi = '{imsi}' WHERE number = '{}';", cast.number);
    edit(&database(cast), &point_at(thief))?;
    let back = point_at(owner);
    let refused = still_the_owners(cast, "index")?;
    cast.report.attack(Attack {
        name: "index-edited",
        words: "administrator points the number at the thief's legal IMSI",
        refused,
        reason: "index".into(),
        why: "the number's deed names another card; owner served, alarm",
    });
    Ok(edit(&database(cast), &back)?)
}

pub(super) fn by_the_key(cast: &mut Cast) -> Result<(), DemoError> {
    let (owner, thief) = (cast.phone.imsi(), cast.thief_phone.imsi());
    let sql = format!(
        "CREATE TABLE saved AS SELECT keys FROM cards WHERE imsi = '{owner}';
         UPDATE cards SET keys = (SELECT keys FROM cards WHERE imsi = '{thief}') WHERE imsi = '{owner}';"
    );
    edit(&database(cast), &sql)?;
    // With a restart in between, so that nothing is served from memory.
    cast.stage.stop();
    cast.stage.start()?;
    let refused = still_the_owners(cast, "key")?;
    cast.report.attack(Attack {
        name: "key-copied",
        words: "administrator copies the thief's wrapped key to the owner",
        refused,
        reason: "key".into(),
        why: "it opens nowhere else, and the deed commits to another key",
    });
    let back =
        format!("UPDATE cards SET keys = (SELECT keys FROM saved) WHERE imsi = '{owner}'; DROP TABLE saved;");
    Ok(edit(&database(cast), &back)?)
}

/// A role's key, as an insider who reads the key files has it.
pub(super) fn role(data: &Path, file: &str, kind: RoleKind, office: u64) -> Result<RoleSigner, DemoError> {
    let seed = digest(std::fs::read_to_string(data.join(file))?.trim())?;
    Ok(RoleSigner::new(kind, office, Ed25519Key::from_seed(&Secret::new(seed))))
}

/// A first event for the owner's number, with the thief's keys as its owner, signed by the real issuer key.
fn forged_genesis(cast: &mut Cast, card: Card) -> Result<(Body, Vec<Proof>, Vec<u8>), DemoError> {
    let signed = std::fs::read(cast.stage.data().join("manifest"))?;
    let stuck = |e: deed::Reason| DemoError::Stuck(e.to_string());
    let signed = server::deployment::decode_manifests(&signed).map_err(stuck)?;
    let newest = signed.last().ok_or_else(|| DemoError::Stuck("no manifest".into()))?;
    let manifest = Manifest::decode(&newest.manifest).map_err(stuck)?;
    let site = manifest.sites.first().ok_or_else(|| DemoError::Stuck("no site".into()))?;
    let mut keys = FreshKeys::random(site, &mut seeded()?);
    let watch_key = Secret::random(&mut seeded()?);
    let zeros = [0; 32];
    let (body, owners) = keys.prove(&zeros, |factors| {
        Body::Issued(Issued {
            manifest: manifest.id(),
            number: cast.number,
            generation: 0,
            previous: None,
            source: Source::New,
            tenure: Tenure::Personal,
            watch_key,
            slots: vec![(0, card)],
            factors,
        })
    });
    let mut issuer = role(&cast.stage.data(), "keys/issuer.key", RoleKind::Issuer, 0)?;
    let mut all = vec![issuer.prove(&zeros, AsOf::NOTHING, &body)];
    all.extend_from_slice(&owners);
    let event = assemble(&zeros, 0, &zeros, &[7; 16], &body, &all);
    Ok((body, owners, event))
}

pub(super) fn by_a_new_history(cast: &mut Cast) -> Result<(), DemoError> {
    let (deed, card) = (hex::encode(cast.owner.receipt.deed_id), cast.blank.clone());
    let imsi = card.imsi;
    let (_, _, event) = forged_genesis(cast, card)?;
    let forged = hex::encode(head(&event));
    let sql = format!(
        "CREATE TABLE saved AS SELECT * FROM events WHERE deed = x'{deed}';
         DELETE FROM events WHERE deed = x'{deed}';
         INSERT INTO events (deed, seq, bytes, leaf) VALUES (x'{forged}', 0, x'{}', 0);
         UPDATE numbers SET deed = x'{forged}', imsi = '{imsi}' WHERE number = '{}';",
        hex::encode(&event),
        cast.number
    );
    edit(&database(cast), &sql)?;
    cast.stage.stop();
    cast.stage.start()?;
    let refused = still_the_owners(cast, "history")? && cast.blank_phone.attach()?.by_network();
    cast.report.attack(Attack {
        name: "history-replaced",
        words: "insider replaces the whole history by a freshly signed one",
        refused,
        reason: "history".into(),
        why: "the pin follows the witnessed log, not the database",
    });
    let back = format!(
        "DELETE FROM events WHERE deed = x'{forged}';
         INSERT INTO events SELECT * FROM saved; DROP TABLE saved;
         UPDATE numbers SET deed = x'{deed}', imsi = '{}' WHERE number = '{}';",
        cast.phone.imsi(),
        cast.number
    );
    Ok(edit(&database(cast), &back)?)
}

pub(super) fn by_a_second_genesis(cast: &mut Cast) -> Result<(), DemoError> {
    let (card, _) = draw(cast.api()?, &cast.number, &mut seeded()?)?;
    let (body, proofs, _) = forged_genesis(cast, card)?;
    let body = StatementBody {
        kind: 0,
        body: hex::encode(body.encode()),
        proofs: proofs.iter().map(|p| hex::encode(p.encode())).collect(),
    };
    let api = cast.api()?;
    let outcome = refusal(api.post::<ChangedView>("/v1/numbers", &api.desk, &body));
    cast.report.attack(Attack {
        name: "second-genesis",
        words: "clerk issues the same number a second time, to the thief",
        refused: outcome.as_deref() == Some("living-deed"),
        reason: outcome.unwrap_or_default(),
        why: "a living number has one first event",
    });
    Ok(())
}

pub(super) fn by_another_signature(cast: &mut Cast) -> Result<(), DemoError> {
    // The owner wants a card; the thief sits between the page and the operator.
    let (wanted, _) = draw(cast.api()?, &cast.number, &mut seeded()?)?;
    let (intent, request) = cast.ask_for(&wanted)?;
    let as_of = cast.tip()?;
    let body = Body::Consented { request, intent };
    let proof = cast.owner.passkey.prove(&cast.owner.receipt.deed_id, as_of, &body);
    let other = Body::Consented { request, intent: theft(cast, &cast.blank)? };
    let outcome = refusal(cast.say(&other, std::slice::from_ref(&proof)));
    cast.report.attack(Attack {
        name: "approval-for-another-card",
        words: "owner's approval of one card used for the thief's",
        refused: outcome.is_some(),
        reason: outcome.unwrap_or_default(),
        why: "the signature covers the whole new card, key and all",
    });
    let sign_in = cast.owner.passkey.answer(&keys::digest::sha256(&[b"please sign in"]));
    let proof = Proof { evidence: sign_in, ..proof };
    let outcome = refusal(cast.say(&body, &[proof]));
    cast.report.attack(Attack {
        name: "sign-in-as-approval",
        words: "\"please sign in\" turned into a signature",
        refused: outcome.is_some(),
        reason: outcome.unwrap_or_default(),
        why: "the challenge is the statement; nothing else will do",
    });
    cast.owner_stops(request)
}

pub(super) fn by_a_withheld_consent(cast: &mut Cast) -> Result<(), DemoError> {
    let (wanted, _) = draw(cast.api()?, &cast.number, &mut seeded()?)?;
    let (intent, request) = cast.ask_for(&wanted)?;
    let as_of = cast.tip()?;
    let body = Body::Consented { request, intent: intent.clone() };
    let withheld = cast.owner.passkey.prove(&cast.owner.receipt.deed_id, as_of, &body);
    cast.owner_stops(request)?;
    let first = refusal(cast.say(&body, std::slice::from_ref(&withheld)));
    // The same words asked for again: a new request, to which the old signature does not belong.
    let (_, again) = cast.ask_for(&wanted)?;
    let second = refusal(cast.say(&Body::Consented { request: again, intent }, &[withheld]));
    cast.report.attack(Attack {
        name: "consent-withheld",
        words: "a consent kept back and used after the owner's objection",
        refused: first.is_some() && second.is_some(),
        reason: first.unwrap_or_default(),
        why: "an objection voids whatever was signed before it",
    });
    cast.owner_stops(again)
}

pub(super) fn by_the_stolen_phone(cast: &mut Cast) -> Result<(), DemoError> {
    let (blank, mut sheet) = (cast.blank.clone(), cast.owner.sheet());
    let intent = theft(cast, &blank)?;
    let body = Body::Requested { intent };
    let as_of = cast.tip()?;
    let proof = cast.owner.passkey.prove(&cast.owner.receipt.deed_id, as_of, &body);
    let asked = cast.say(&body, &[proof])?;
    cast.report.step(
        "thief",
        "has the unlocked phone: asks and signs with the passkey",
        "waiting a day; owner told",
    );
    let request = digest(&asked.request.unwrap_or_default())?;
    by_the_clock(cast, &blank)?;
    let in_time = cast.object(&mut sheet, &Body::Vetoed { request, reason: 1 })?;
    cast.report.step(
        "owner",
        "hands in a veto signed with the sheet",
        "receipt signed by the authentication centre",
    );
    // The operator's service never writes the veto down, and goes on as if there were none.
    cast.pass(25 * HOUR)?;
    let number = cast.number;
    let outcome = cast.stage.handle()?.run_blocking(move |node| node.progress(&number));
    let unmoved = cast.show()?.card_id != hex::encode(blank.id().0);
    let reason = outcome.err().map(|e| e.code().to_string());
    cast.report.attack(Attack {
        name: "veto-dropped",
        words: "server drops the owner's veto and commits a day later",
        refused: in_time && unmoved && reason.is_some(),
        reason: reason.unwrap_or_default(),
        why: "an objection is valid without the chain and acts at the last hop",
    });
    cast.owner_stops(request)
}

/// The operator's machine is set a month ahead, then a month back, while a request waits.
pub(super) fn by_the_clock(cast: &mut Cast, blank: &Card) -> Result<(), DemoError> {
    let now = cast.stage.now();
    let mut reasons = Vec::new();
    for wrong in [now + 10 * DAY, now - 10 * DAY] {
        cast.stage.node_clock.set(wrong);
        cast.stage.tick()?;
        let number = cast.number;
        let outcome = cast.stage.handle()?.run_blocking(move |node| node.progress(&number));
        reasons.push(outcome.err().map(|e| e.code().to_string()));
    }
    cast.stage.node_clock.set(now);
    let unmoved = cast.show()?.card_id != hex::encode(blank.id().0);
    cast.report.attack(Attack {
        name: "clock",
        words: "operator's clock set ten days ahead, then ten back",
        refused: unmoved && reasons.iter().all(|r| r.as_deref() == Some("wait")),
        reason: reasons.into_iter().flatten().next().unwrap_or_default(),
        why: "waits are counted in the witnesses' time",
    });
    Ok(())
}

/// Vetoes sent at the very moment of the commit, on numbers of their own: never both acknowledged in time and moved.
pub(super) fn by_racing_the_veto(cast: &mut Cast) -> Result<(), DemoError> {
    let mut racers = Vec::new();
    for n in 0..6 {
        let number: Msisdn = parse(&format!("86137001370{n:02}"))?;
        let (owner, _) = issue_to(cast.api()?, &number, &mut seeded()?)?;
        racers.push(Racer::begin(cast, number, owner)?);
    }
    cast.stage.advance(15 * 60);
    let mut inconsistent = 0;
    for racer in &mut racers {
        inconsistent += u32::from(!racer.race(cast)?);
    }
    cast.glance(15)?;
    cast.report.attack(Attack {
        name: "veto-race",
        words: "six vetoes racing their commits",
        refused: inconsistent == 0,
        reason: "objected-or-too-late".into(),
        why: "whichever the enforcement point writes first wins, and says so",
    });
    Ok(())
}

struct Racer {
    number: Msisdn,
    owner: Owner,
    request: [u8; 32],
    card: String,
}

impl Racer {
    fn begin(cast: &Cast, number: Msisdn, mut owner: Owner) -> Result<Self, DemoError> {
        let api = cast.api()?;
        let token = server::http::reader_token(&owner.receipt.watch_key);
        let (card, _) = draw(api, &number, &mut seeded()?)?;
        let (intent, request) = crate::number::change::ask(api, &number, &token, &card)?;
        let body = Body::Consented { request, intent };
        let now = crate::number::show(api, &number, &token)?;
        let as_of = AsOf { seq: now.seq, head: digest(&now.head)? };
        let mut sheet = owner.sheet();
        let signers: [&mut dyn SignStatement; 2] = [&mut owner.passkey, &mut sheet];
        let proofs =
            signers.into_iter().map(|s| hex::encode(s.prove(&owner.receipt.deed_id, as_of, &body).encode()));
        let statement = StatementBody { kind: 2, body: hex::encode(body.encode()), proofs: proofs.collect() };
        let _: ChangedView = api.post(&format!("/v1/numbers/{number}/statements"), "", &statement)?;
        Ok(Self { number, owner, request, card: hex::encode(card.id().0) })
    }

    /// Whether the answer to the veto and what became of the number agree.
    fn race(&mut self, cast: &Cast) -> Result<bool, DemoError> {
        let api = cast.api()?;
        let token = server::http::reader_token(&self.owner.receipt.watch_key);
        let now = crate::number::show(api, &self.number, &token)?;
        let as_of = AsOf { seq: now.seq, head: digest(&now.head)? };
        let veto = Body::Vetoed { request: self.request, reason: 1 };
        let proof = self.owner.passkey.prove(&self.owner.receipt.deed_id, as_of, &veto);
        let statement = StatementBody {
            kind: 4,
            body: hex::encode(veto.encode()),
            proofs: vec![hex::encode(proof.encode())],
        };
        let path = format!("/v1/numbers/{}/statements", self.number);
        let (handle, number, racing) = (cast.stage.handle()?, self.number, api.clone());
        let vetoed: Result<ChangedView, ApiError> = std::thread::scope(|scope| {
            let commit = scope.spawn(move || {
                handle.run_blocking(move |node| {
                    node.tick_number(&number);
                    Ok(())
                })
            });
            let vetoed = racing.post(&path, "", &statement);
            let _ = commit.join();
            vetoed
        });
        let moved = crate::number::show(api, &self.number, &token)?.card_id == self.card;
        let in_time = vetoed.is_ok_and(|v| v.receipt.is_some_and(|r| r.in_time));
        Ok(moved != in_time)
    }
}

/// Copies of the stores as they are today, for somebody to restore tomorrow.
pub(super) fn copy_of_today(cast: &mut Cast) -> Result<PathBuf, DemoError> {
    let copy = cast.stage.folder.join("yesterday");
    cast.stage.stop();
    copy_stores(&cast.stage.data(), &copy)?;
    cast.stage.start()?;
    Ok(copy)
}

const STORES: [&str; 2] = ["operator.db", "auc/pins.db"];

pub(super) fn copy_stores(from: &Path, to: &Path) -> Result<(), DemoError> {
    std::fs::create_dir_all(to.join("auc"))?;
    STORES.iter().try_for_each(|store| copy_store(from, to, store))
}

/// A closed SQLite store is one file.
fn copy_store(from: &Path, to: &Path, store: &str) -> Result<(), DemoError> {
    for leftover in ["-wal", "-shm"] {
        let _ = std::fs::remove_file(to.join(format!("{store}{leftover}")));
    }
    std::fs::copy(from.join(store), to.join(store))?;
    Ok(())
}

pub(super) fn by_replaying_the_approval(cast: &mut Cast, approval: &Approval) -> Result<(), DemoError> {
    let outcome = refusal(cast.say(&approval.body, &approval.proofs));
    cast.report.attack(Attack {
        name: "approval-replayed",
        words: "owner's old approval sent again",
        refused: outcome.is_some(),
        reason: outcome.unwrap_or_default(),
        why: "a statement changes a number at most once",
    });
    Ok(())
}

pub(super) fn by_yesterdays_copy(
    cast: &mut Cast,
    old_phone: &mut Phone,
    yesterday: &Path,
) -> Result<(), DemoError> {
    let (data, today) = (cast.stage.data(), cast.stage.folder.join("today"));
    cast.stage.stop();
    copy_stores(&data, &today)?;
    copy_store(yesterday, &data, "auc/pins.db")?;
    cast.stage.start()?;
    let old = old_phone.attach()?;
    let new = cast.phone.attach()?;
    let reason = cast.why_refused(old_phone.imsi())?;
    cast.report.attack(Attack {
        name: "pins-restored",
        words: "pins restored from yesterday's copy, before the move",
        refused: old.by_network() && new == Attach::Attached,
        reason,
        why: "on start the witnessed log is followed to its newest leaf",
    });
    cast.glance(0)?;
    cast.stage.stop();
    copy_stores(yesterday, &data)?;
    cast.stage.start()?;
    let old = old_phone.attach()?;
    let reason = cast.why_refused(old_phone.imsi())?;
    cast.report.attack(Attack {
        name: "all-restored",
        words: "pins and database both restored from yesterday's copy",
        refused: old.by_network(),
        reason,
        why: "witnesses remember a larger log: nobody is served from an old one",
    });
    // Nobody, the owner included, until the right copies are back: minutes that the second figure counts.
    cast.report.step("operator", "looks for today's copies", "5 min in which nobody is served");
    cast.pass(5 * 60)?;
    cast.stage.stop();
    copy_stores(&today, &data)?;
    cast.stage.start()?;
    cast.owner_attaches("after the right copies are back")
}

pub(super) fn on_the_exported_history(cast: &mut Cast) -> Result<(), DemoError> {
    let token = server::http::reader_token(&cast.owner.receipt.watch_key);
    let history = cast.api()?.get_bytes(&format!("/v1/numbers/{}/history", cast.number), &token)?;
    let report = check(&history, &cast.owner.receipt).map_err(|e| DemoError::Stuck(e.to_string()))?;
    let outcome = format!("{} (test deed)", report.reached.as_str());
    cast.report.step("anybody", "checks the exported history offline", &outcome);
    // Every ninth byte here; `./test` changes each of them.
    let accepted = (0..history.len()).step_by(9).filter(|i| {
        let mut changed = history.clone();
        if let Some(byte) = changed.get_mut(*i) {
            *byte ^= 1;
        }
        check(&changed, &cast.owner.receipt).is_ok()
    });
    let accepted = accepted.count();
    cast.report.attack(Attack {
        name: "history-changed",
        words: "one byte of the exported history changed, anywhere",
        refused: accepted == 0,
        reason: "verify".into(),
        why: "every byte is under a hash or a signature",
    });
    Ok(())
}
