//! The cast: everybody in the play, and what they do when nobody attacks.

use super::DemoError;
use super::phone::{Attach, Phone};
use super::report::Report;
use crate::api::{Api, ApiError};
use crate::number::change::ask;
use crate::number::issue::{draw, issue_to};
use crate::owner::Owner;
use crate::stage::Stage;
use crate::up::seeded;
use deed::event::{AsOf, Body, Proof};
use deed::record::{Card, Intent};
use deed::signer::SignStatement;
use server::http::reader_token;
use server::view::{ChangedView, NumberView, ObjectionBody, ReceiptView, ServeView, StatementBody};
use std::io;
use std::path::Path;
use wire::{Imsi, Msisdn};

/// When the play begins: some afternoon, in witnessed time.
const START: u64 = 1_800_000_000;
/// How often the node is looked at while time passes.
const GLANCE: u64 = 15 * 60;

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
}

/// A consent as it went over the wire.
pub(super) struct Approval {
    pub(super) body: Body,
    pub(super) proofs: Vec<Proof>,
}

impl Cast {
    pub(super) fn gather(folder: &Path, json: bool) -> Result<Self, DemoError> {
        Self::gather_on(Stage::open(folder, START)?, json)
    }

    /// A play in which the operator's clock is the witnesses' clock.
    #[cfg(all(test, feature = "danger_switches"))]
    pub(super) fn gather_with_one_clock(folder: &Path, json: bool) -> Result<Self, DemoError> {
        Self::gather_on(Stage::open_with_one_clock(folder, START)?, json)
    }

    fn gather_on(stage: Stage, json: bool) -> Result<Self, DemoError> {
        let folder = &stage.folder.clone();
        let number: Msisdn = parse("8613800138000")?;
        let thiefs: Msisdn = parse("8613900139000")?;
        let mut rng = seeded()?;
        let report = Report::new(json);
        let (owner, profile) = issue_to(stage.api()?, &number, &mut rng)?;
        let phone = Phone::new(profile, folder, &stage.gateway(), "owner", seeded()?)?;
        report.step(
            "operator",
            "issues a number: card, passkey, recovery sheet",
            "each key proved possession",
        );
        let (_, profile) = issue_to(stage.api()?, &thiefs, &mut rng)?;
        let thief_phone = Phone::new(profile, folder, &stage.gateway(), "thief", seeded()?)?;
        let (blank, profile) = draw(stage.api()?, &thiefs, &mut rng)?;
        let blank_phone = Phone::new(profile, folder, &stage.gateway(), "blank", seeded()?)?;
        let mut cast = Self { stage, report, number, owner, phone, thief_phone, blank, blank_phone };
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

    /// Hands an objection straight to the enforcement point.
    pub(super) fn object(
        &self,
        signer: &mut dyn SignStatement,
        body: &Body,
    ) -> Result<ReceiptView, DemoError> {
        let objection = signer.object(&self.owner.receipt.deed_id, self.tip()?, body).encode();
        Ok(self.api()?.post("/v1/objections", "", &ObjectionBody { objection: hex::encode(objection) })?)
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
        let mut left = seconds;
        while left > 0 {
            let step = left.min(GLANCE);
            self.stage.advance(step);
            self.stage.tick()?;
            self.glance(step / 60)?;
            left -= step;
        }
        Ok(())
    }

    /// Asks, for every card, whom the node serves, and counts the minutes since it was last asked.
    pub(super) fn glance(&mut self, minutes: u64) -> Result<(), DemoError> {
        let api = self.api()?;
        let resolved = match api.get_bytes(&format!("/v1/resolve/{}", self.number), &api.desk) {
            Ok(bytes) => Some(parse::<Imsi>(&String::from_utf8_lossy(&bytes))?),
            Err(ApiError::Refused { .. }) => None,
            Err(error) => return Err(error.into()),
        };
        let served = |imsi: Imsi| -> Result<ServeView, DemoError> {
            let api = self.api()?;
            Ok(api.get(&format!("/v1/serve/{imsi}"), &api.desk)?)
        };
        let rightful = self.phone.imsi();
        let number = self.number.to_string();
        let mut stolen = match resolved {
            Some(other) if other != rightful => served(other)?.sms_held_until.is_none(),
            _ => false,
        };
        for imsi in [self.thief_phone.imsi(), self.blank_phone.imsi()] {
            let view = served(imsi)?;
            stolen |= view.number.as_ref() == Some(&number) && view.served == "served";
        }
        let good = resolved == Some(rightful) && served(rightful)?.served == "served";
        // A glance that finds a theft counts at least a minute, however little time has passed.
        self.report.stolen_code_minutes += if stolen { minutes.max(1) } else { 0 };
        self.report.no_service_minutes += if good { 0 } else { minutes };
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
        let folder = self.stage.folder.clone();
        let new_phone = Phone::new(profile, &folder, &self.stage.gateway(), "owner-new", seeded()?)?;
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
            Attach::RefusedByNetwork => {
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
