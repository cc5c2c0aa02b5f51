//! Looking: what the pins, the chain and the log say.

use super::deeds::unknown;
use super::{Node, Page};
use deed::defence::{Defence, stands};
use deed::history::{History, LoggedEvent};
use deed::log::note::Checkpoint;
use deed::manifest::SignedManifest;
use deed::pin::Pin;
use deed::record::FactorId;
use deed::{Digest, State};
use operator::Refusal;
use operator::log::PublicLog;
use operator::pins::Served;
use operator::store::{AlarmRow, Key, NoticeRow, Row};
use operator::timeline::{Filter, Happened, Kind, Line};
use wire::{Imsi, Msisdn, UnixTime};

impl Node {
    /// A number's pin.
    pub fn pin(&self, number: &Msisdn) -> Result<&Pin, Refusal> {
        self.pins.pin(number).ok_or_else(unknown)
    }

    /// The deed that a factor is in.
    pub fn state_of_factor(&self, factor: &FactorId) -> Result<&State, Refusal> {
        let pins = self.pins.numbers().filter_map(|number| self.pins.pin(number));
        pins.map(|pin| &pin.state)
            .find(|state| state.factor(factor).is_some())
            .ok_or_else(|| Refusal::refused("no-number", "no deed knows this key"))
    }

    /// How a card is served, in a word: from the pins alone.
    pub fn serve(&self, imsi: &Imsi) -> Served<'_> {
        self.pins.serve(imsi, self.witnessed)
    }

    /// The IMSI that answers for a number: from the pins alone.
    pub fn resolve(&mut self, number: &Msisdn) -> Option<Imsi> {
        if stands(Defence::ResolveFromPins) {
            return self.pins.resolve(number, self.witnessed);
        }
        // What an ordinary home register does, and what an administrator can point anywhere.
        match self.database.load(&[Key::Number(*number)]).ok()?.pop()?? {
            Row::Number(row) => Some(row.imsi),
            _ => None,
        }
    }

    /// The number an IMSI answers for: from the pins alone.
    pub fn number_of(&self, imsi: &Imsi) -> Option<Msisdn> {
        self.pins.number_of(imsi, self.witnessed)
    }

    /// The newest time a quorum of witnesses vouches for.
    pub const fn witnessed(&self) -> UnixTime {
        self.witnessed
    }

    /// Whether the deployment is live; a test one says so with every answer.
    pub fn is_live(&self) -> bool {
        self.pins.manifests().newest().is_some_and(|(manifest, _)| manifest.live)
    }

    /// What anybody may read of the log.
    pub fn public_log(&self) -> PublicLog {
        self.log.public()
    }

    /// The deployment's signed manifests.
    pub fn signed_manifests(&self) -> &[SignedManifest] {
        &self.signed
    }

    /// Name of the newest manifest.
    pub fn manifest_id(&self) -> Option<Digest> {
        self.pins.manifests().newest().map(|(manifest, _)| manifest.id())
    }

    /// SHA-256 of the deployment's root key.
    pub const fn root_digest(&self) -> &Digest {
        &self.root_digest
    }

    /// Everything somebody needs to check a number offline.
    pub fn history(&mut self, number: &Msisdn) -> Result<History, Refusal> {
        let state = self.pin(number)?.state.clone();
        let checkpoint = self.log.checkpoint().ok_or_else(|| Refusal::Broken("no checkpoint yet".into()))?;
        let size = Checkpoint::parse(&checkpoint.text).map_err(|e| Refusal::Broken(e.to_string()))?.size;
        let tag0 = deed::roll_tag(&self.pins.keys().roll, state.generation, number);
        let mut events = Vec::new();
        for (seq, row) in (0..state.heads.len() as u64).zip(self.database.events(&state.deed_id)?) {
            if state.head_at(seq) != Some(deed::event::head(&row.bytes)) {
                return Err(Refusal::Broken("the database holds another history than the pinned one".into()));
            }
            let tag = if seq == 0 { tag0 } else { state.tag(seq) };
            let index = self.log.first_with(&tag).filter(|index| *index < size);
            let index =
                index.ok_or_else(|| Refusal::Broken("an event is not in the witnessed log yet".into()))?;
            let path = self.log.prove(index).map(|p| p.path).unwrap_or_default();
            events.push(LoggedEvent { event: row.bytes, index, path });
        }
        Ok(History { manifests: self.signed.clone(), tag0, events, checkpoint: checkpoint.encode() })
    }

    /// A number's notices.
    pub fn notices(&mut self, number: &Msisdn) -> Result<Vec<NoticeRow>, Refusal> {
        Ok(self.database.notices(number)?)
    }

    /// The short names of alarms about a number, with their times, newest first, at most ten.
    pub fn alarms_about(&mut self, number: &Msisdn) -> Result<Vec<(UnixTime, String)>, Refusal> {
        let filter = Filter { kinds: vec![Kind::Alarmed], ..Filter::default() };
        let page = Page { after: None, oldest_first: false, most: 10 };
        let code = |line: Line| match line.entry.what {
            Happened::Alarmed { code } => Some((line.at, code)),
            _ => None,
        };
        Ok(self.lines(number, &filter, page)?.lines.into_iter().filter_map(code).collect())
    }

    /// All alarms.
    pub fn alarms(&mut self) -> Result<Vec<AlarmRow>, Refusal> {
        Ok(self.database.alarms()?)
    }
}
