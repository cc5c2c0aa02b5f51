//! The cast: everybody in the play, and what they do when nobody attacks.

use super::DemoError;
use super::phone::{Attach, Phone};
use super::report::Report;
use crate::api::{Api, ApiError};
use crate::number::change::ask;
use crate::number::issue::{draw, issue_to};
use crate::owner::Owner;
use crate::phone::Received;
use crate::stage::Stage;
use crate::up::seeded;
use deed::event::{AsOf, Body, Proof};
use deed::intent::Intent;
use deed::record::Card;
use deed::signer::SignStatement;
use serde_json::json;
use server::bank::PostedView;
use server::http::reader_token;
use server::view::{ChangedView, NumberView, ServeView, StatementBody};
use std::collections::HashSet;
use std::io;
use std::path::Path;
use wire::{Imsi, Msisdn};

/// When the play begins: some afternoon, in witnessed time.
const START: u64 = 1_800_000_000;
/// How often the node is looked at while time passes.
const GLANCE: u64 = 15 * 60;

/// The state of a code that the node did not take.
const REFUSED: &str = "refused";

/// Everybody and everything in the play.
pub(super) struct Cast {
    pub(super) stage: Stage,
    pub(super) report: Report,
    pub(super) number: Msisdn,
    pub(super) owner: Owner,
    /// The phone with the card that is rightfully the number's now.
    pub(super) phone: Phone,
    /// With a number the thief holds lawfully.
    pub(super) thief_phone: Phone,
    /// A card the thief has bought: legal, and nobody's.
    pub(super) blank: Card,
    pub(super) blank_phone: Phone,
    /// The owner's own phone, in a thief's hands.
    pub(super) stolen: Option<Phone>,
    /// What the owner has read.
    read: HashSet<String>,
    /// Codes posted so far: each is another.
    codes: u64,
}

/// A consent as it went over the wire.
pub(super) struct Approval {
    pub(super) body: Body,
    pub(super) proofs: Vec<Proof>,
}

impl Cast {
    pub(super) fn gather(folder: &Path, json: bool) -> Result<Self, DemoError> {
        Self::gather_on(Stage::open(folder, START)?, Report::new(json))
    }

    /// A play of which nothing is printed.
    pub(super) fn gather_silently(folder: &Path) -> Result<Self, DemoError> {
        Self::gather_on(Stage::open(folder, START)?, Report::silent())
    }

    /// A play in which the operator's clock is the witnesses' clock.
    #[cfg(all(test, feature = "danger_switches"))]
    pub(super) fn gather_with_one_clock(folder: &Path, json: bool) -> Result<Self, DemoError> {
        Self::gather_on(Stage::open_with_one_clock(folder, START)?, Report::new(json))
    }

    fn gather_on(stage: Stage, report: Report) -> Result<Self, DemoError> {
        let number: Msisdn = parse("8613800138000")?;
        let thiefs: Msisdn = parse("8613900139000")?;
        let mut rng = seeded()?;
        let (owner, profile) = issue_to(stage.api()?, &number, &mut rng)?;
        let phone = Phone::new(profile, &stage.radio(), 1, seeded()?)?;
        report.step(
            "operator",
            "issues a number: card, passkey, recovery sheet",
            "each key proved possession",
        );
        let (_, profile) = issue_to(stage.api()?, &thiefs, &mut rng)?;
        let thief_phone = Phone::new(profile, &stage.radio(), 2, seeded()?)?;
        let (blank, profile) = draw(stage.api()?, &thiefs, &mut rng)?;
        let blank_phone = Phone::new(profile, &stage.radio(), 3, seeded()?)?;
        let mut cast = Self {
            stage,
            report,
            number,
            owner,
            phone,
            thief_phone,
            blank,
            blank_phone,
            stolen: None,
            read: HashSet::new(),
            codes: 0,
        };
        cast.owner_attaches("with the issued card")?;
        let own = cast.thief_phone.attach()?;
        if own != Attach::Attached {
            return Err(DemoError::Stuck("the thief's own line does not work".into()));
        }
        Ok(cast)
    }

    /// The owner's phone attaches, or the play is over.
    pub(super) fn owner_attaches(&mut self, when: &str) -> Result<(), DemoError> {
        match self.phone.attach()? {
            Attach::Attached => {
                self.report.step("owner", &format!("attaches {when}"), "served");
                self.glance(0)
            }
            other => Err(DemoError::Stuck(format!("the owner is not served {when}: {other:?}"))),
        }
    }

    pub(super) fn api(&self) -> Result<&Api, DemoError> {
        Ok(self.stage.api()?)
    }

    /// The number as its owner reads it.
    pub(super) fn show(&self) -> Result<NumberView, DemoError> {
        let token = reader_token(&self.owner.receipt.watch_key);
        Ok(self.api()?.get(&format!("/v1/numbers/{}", self.number), &token)?)
    }

    /// The newest event the owner has seen.
    pub(super) fn tip(&self) -> Result<AsOf, DemoError> {
        let now = self.show()?;
        Ok(AsOf { seq: now.seq, head: digest(&now.head)? })
    }

    /// Signs a statement about the number as it stands.
    pub(super) fn sign(&self, signer: &mut dyn SignStatement, body: &Body) -> Result<Proof, DemoError> {
        Ok(signer.prove(&self.owner.receipt.deed_id, self.tip()?, body))
    }

    /// Hands a statement in by HTTP, as anybody may.
    pub(super) fn say(&self, body: &Body, proofs: &[Proof]) -> Result<ChangedView, ApiError> {
        let statement = StatementBody {
            kind: body.kind(),
            body: hex::encode(body.encode()),
            proofs: proofs.iter().map(|p| hex::encode(p.encode())).collect(),
        };
        let api = self.stage.api().map_err(|e| ApiError::Answer(e.to_string()))?;
        api.post(&format!("/v1/numbers/{}/statements", self.number), "", &statement)
    }

    /// Hands an objection to the enforcement point alone: the rest of the operator drops it.
    pub(super) fn object(&self, signer: &mut dyn SignStatement, body: &Body) -> Result<bool, DemoError> {
        let objection = signer.object(&self.owner.receipt.deed_id, self.tip()?, body).encode();
        let receipt = self.stage.handle()?.run_blocking(move |node| node.hand_in(&objection))?;
        Ok(receipt.in_time)
    }

    /// A desk asks for a change of SIM.
    pub(super) fn ask_for(&self, card: &Card) -> Result<(Intent, [u8; 32]), DemoError> {
        let token = reader_token(&self.owner.receipt.watch_key);
        Ok(ask(self.api()?, &self.number, &token, card)?)
    }

    /// The owner stops the live request with the passkey.
    pub(super) fn owner_stops(&mut self, request: [u8; 32]) -> Result<(), DemoError> {
        let veto = Body::Vetoed { request, reason: 1 };
        let as_of = self.tip()?;
        let proof = self.owner.passkey.prove(&self.owner.receipt.deed_id, as_of, &veto);
        self.say(&veto, &[proof])?;
        self.report.step("owner", "\"this was not me: stop it\"", "stopped, receipt in hand");
        Ok(())
    }

    /// Lets time pass, the node at work, and looks again and again.
    pub(super) fn pass(&mut self, seconds: u64) -> Result<(), DemoError> {
        self.pass_in(seconds, GLANCE)
    }

    /// The same with a look at other times than every quarter of an hour.
    pub(super) fn pass_in(&mut self, seconds: u64, glance: u64) -> Result<(), DemoError> {
        let mut left = seconds;
        while left > 0 {
            let step = left.min(glance);
            self.stage.advance(step);
            self.glance(step / 60)?;
            self.stage.tick()?;
            left -= step;
        }
        Ok(())
    }

    /// A bank posts a code to the number, and everybody looks into their phones: the figures are counted from codes that
    /// travel, not from what the node says.
    pub(super) fn glance(&mut self, minutes: u64) -> Result<(), DemoError> {
        self.codes += 1;
        let code = format!("code {:06}", self.codes);
        let body = json!({ "to": format!("+{}", self.number), "from": "Bank", "text": code });
        let mut mine = self.phone.inbox(None)?;
        let mut theirs = Vec::new();
        for phone in [&mut self.thief_phone, &mut self.blank_phone].into_iter().chain(&mut self.stolen) {
            theirs.extend(phone.inbox(None)?);
        }
        // Phones attach by themselves whenever they are not attached, whoever holds them.
        let thiefs = [&mut self.thief_phone, &mut self.blank_phone].into_iter().chain(&mut self.stolen);
        for phone in thiefs.chain([&mut self.phone]) {
            if !phone.is_attached() {
                phone.attach()?;
            }
        }
        let api = self.api()?;
        let posted = match api.post::<PostedView>("/v1/messages", &api.bank, &body) {
            Ok(posted) => posted,
            // Not taken: nobody will ever read it.
            Err(ApiError::Refused { .. }) => PostedView { state: REFUSED.into(), until: None },
            Err(error) => return Err(error.into()),
        };
        let taken = posted.state != REFUSED;
        mine.extend(self.phone.inbox((posted.state == "sent").then_some(&code))?);
        for phone in [&mut self.thief_phone, &mut self.blank_phone].into_iter().chain(&mut self.stolen) {
            theirs.extend(phone.inbox(None)?);
        }
        let codes = |read: &[Received]| read.iter().filter(|r| r.text.starts_with("code ")).count() as u64;
        let stolen = codes(&theirs);
        // A network that fell over between a phone's word and its own note of it sends a code again.
        let mut fresh = mine.clone();
        fresh.retain(|read| self.read.insert(read.text.clone()));
        let received = mine.iter().any(|read| read.text == code);
        let report = &mut self.report;
        report.codes.posted += u64::from(taken);
        report.codes.read_by_owner += codes(&fresh);
        report.codes.read_by_thief += stolen;
        // Held for a while after a change: the owner knows, and reads them later. Held because the line is suspended, or so
        // many wait that one more is not taken, is no service.
        let held = posted.until.is_some();
        report.codes.held += u64::from(held);
        // A glance that finds a theft counts at least a minute, however little time has passed.
        report.stolen_code_minutes += if stolen > 0 { minutes.max(1) } else { 0 };
        report.no_service_minutes += if received || held { 0 } else { minutes };
        Ok(())
    }

    /// Why the authentication centre gives a card nothing, as it says itself.
    pub(super) fn why_refused(&self, imsi: Imsi) -> Result<String, DemoError> {
        let api = self.api()?;
        let view: ServeView = api.get(&format!("/v1/serve/{imsi}"), &api.desk)?;
        Ok(view.code.unwrap_or(view.served))
    }

    /// The owner takes a new card into service: asks, signs with both keys, waits, puts it in.
    pub(super) fn move_to_a_new_card(&mut self) -> Result<(Phone, Approval), DemoError> {
        let (card, mut profile) = draw(self.api()?, &self.number, &mut seeded()?)?;
        profile.deed_id = Some(self.owner.receipt.deed_id);
        let new_phone = Phone::new(profile, &self.stage.radio(), 4, seeded()?)?;
        let (intent, request) = self.ask_for(&card)?;
        let body = Body::Consented { request, intent };
        let as_of = self.tip()?;
        let mut sheet = self.owner.sheet();
        let deed_id = self.owner.receipt.deed_id;
        let proofs = [self.owner.passkey.prove(&deed_id, as_of, &body), sheet.prove(&deed_id, as_of, &body)];
        self.say(&body, &proofs)?;
        self.report.step("owner", "asks for a new card; signs with passkey and sheet", "waiting 15 min");
        self.pass(14 * 60)?;
        if self.show()?.card_id == hex::encode(card.id().0) {
            return Err(DemoError::Stuck("the change was done before its wait had passed".into()));
        }
        self.stage.advance(60);
        self.stage.tick()?;
        if self.show()?.card_id != hex::encode(card.id().0) {
            return Err(DemoError::Stuck("the change was not done after its wait".into()));
        }
        let mut old_phone = std::mem::replace(&mut self.phone, new_phone);
        self.glance(1)?;
        self.owner_attaches("with the new card")?;
        match old_phone.attach()? {
            Attach::RefusedByNetwork(_) => {
                self.report.step("network", "the old card tries to attach", "refused")
            }
            other => return Err(DemoError::Stuck(format!("the old card still works: {other:?}"))),
        }
        Ok((old_phone, Approval { body, proofs: proofs.to_vec() }))
    }
}

pub(super) fn parse<T: std::str::FromStr<Err = wire::Malformed>>(text: &str) -> Result<T, DemoError> {
    text.trim().parse().map_err(|e: wire::Malformed| DemoError::Stuck(e.to_string()))
}

pub(super) fn digest(text: &str) -> Result<[u8; 32], DemoError> {
    let bytes = hex::decode(text).ok().and_then(|b| b.try_into().ok());
    bytes.ok_or_else(|| DemoError::Io(io::Error::other("a digest that is none")))
}
