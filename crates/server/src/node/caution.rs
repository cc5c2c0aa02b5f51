//! Caution at work: which rules are in force, what they make of a number, and how much later things happen for it.
//!
//! Nothing here may refuse anything. What cannot be read or is not known is no caution, and the deed's own waits stay what
//! they are.

use super::{Node, Page};
use deed::State;
use keys::sign::Host;
use operator::Refusal;
use operator::risk::{Approval, Approved, Aside, Caution, Hold, LOOKED_BACK, RuleSet, weigh};
use operator::store::{Key, Stream, Write};
use operator::timeline::{Actor, Entry, Filter, Happened};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use wire::{Msisdn, UnixTime};

/// Lines that are weighed, at most: the newest.
const WEIGHED: usize = 2_000;
/// How long what was made of a number stands, in seconds; a number with news is weighed again.
const STANDS: u64 = 60;
/// Numbers remembered.
const REMEMBERED: usize = 10_000;
/// Reasons set aside for one number, and for how long at most.
const ASIDES: usize = 16;
const ASIDE_MOST: u64 = 30 * 86_400;
/// Rules on trial speak of one number once in so long.
const TRIAL_EVERY: u64 = 3_600;

const ACTIVE: &str = "rules/active";
const PROPOSED: &str = "rules/proposed";
const TRIAL: &str = "rules/trial";

/// Rules with their signatures, as they are kept: believed only when they verify.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Kept {
    rules: String,
    approvals: Vec<Approval>,
    /// Under which manifest they were signed, and at which witnessed time.
    manifest: deed::Digest,
    at: u64,
}

/// What is in force.
#[derive(Debug, Default)]
pub(super) struct Cautions {
    active: Option<(Approved, String)>,
    trial: Option<(RuleSet, String)>,
    made: HashMap<Msisdn, (UnixTime, Caution)>,
    tried: HashMap<Msisdn, UnixTime>,
}

/// The rules, as a desk sees them.
#[derive(Debug, Clone)]
pub struct RulesNow {
    /// In force, with the offices that signed.
    pub active: Option<(RuleSet, String, Vec<u64>)>,
    /// Proposed, with the offices that have signed so far.
    pub proposed: Option<(RuleSet, String, Vec<u64>)>,
    /// On trial.
    pub trial: Option<(RuleSet, String)>,
}

/// What rules on trial would have done, once.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Tried {
    /// SHA-256 of the rules.
    pub rules: String,
    /// The score.
    pub score: u64,
    /// Which rules were met.
    pub met: Vec<String>,
    /// How long a change would wait, in seconds.
    pub wait: u64,
    /// How long codes would be held, in seconds.
    pub hold: u64,
}

fn not_known() -> Refusal {
    Refusal::refused("rules", "these rules are not the proposed ones; propose them first")
}

impl Node {
    /// Reads the rules that are in force. Rules that do not verify are an alarm and are not in force.
    pub(super) fn load_rules(&mut self) {
        self.cautions = Cautions::default();
        match self.door_row::<Kept>(ACTIVE) {
            Ok(Some(kept)) => match self.approved(&kept) {
                Ok(approved) => self.cautions.active = Some((approved, kept.rules)),
                Err(refusal) => {
                    self.alarm("rules", &format!("the rules of caution do not verify: {refusal}"))
                }
            },
            Ok(None) => {
                let row = self.database.load(&[Key::Door(ACTIVE.into())]);
                if row.is_ok_and(|rows| rows.iter().any(Option::is_some)) {
                    self.alarm("rules", "the row of the rules of caution is not one that this node wrote");
                }
            }
            Err(refusal) => tracing::error!(%refusal, "the rules of caution could not be read"),
        }
        let trial = self.door_row::<String>(TRIAL).unwrap_or_default().filter(|text| !text.is_empty());
        self.cautions.trial =
            trial.and_then(|text| RuleSet::parse(text.as_bytes()).ok().map(|rules| (rules, text)));
    }

    fn approved(&self, kept: &Kept) -> Result<Approved, Refusal> {
        let (manifest, _) = self.pins.manifests().get(&kept.manifest)?;
        Approved::check(&Host, manifest, kept.rules.as_bytes(), &kept.approvals, kept.at)
    }

    /// The rules, and who has signed them.
    pub fn rules(&mut self) -> Result<RulesNow, Refusal> {
        let proposed: Option<Kept> = self.door_row(PROPOSED)?;
        let proposed = proposed.and_then(|kept| {
            let rules = RuleSet::parse(kept.rules.as_bytes()).ok()?;
            let (manifest, _) = self.pins.manifests().newest()?;
            let office = |approval: &Approval| {
                let role = approval.check(&Host, manifest, kept.rules.as_bytes(), self.witnessed.0).ok()?;
                Some(role.office)
            };
            let offices = kept.approvals.iter().filter_map(office).collect();
            Some((rules, kept.rules, offices))
        });
        let Cautions { active, trial, .. } = &self.cautions;
        let active = active
            .as_ref()
            .map(|(approved, text)| (approved.rules().clone(), text.clone(), approved.offices().to_vec()));
        Ok(RulesNow { active, proposed, trial: trial.clone() })
    }

    fn active_rules(&self) -> Option<&RuleSet> {
        self.cautions.active.as_ref().map(|(approved, _)| approved.rules())
    }

    /// Proposes rules: the next version, to be signed. They take the place of what was proposed before.
    pub fn propose_rules(&mut self, text: &str) -> Result<RuleSet, Refusal> {
        let rules = RuleSet::parse(text.as_bytes()).map_err(Refusal::Malformed)?;
        rules.follows(self.active_rules())?;
        let manifest = self.manifest_id().unwrap_or_default();
        let kept = Kept { rules: text.into(), approvals: Vec::new(), manifest, at: self.witnessed.0 };
        let row = self.door_put(PROPOSED, &kept);
        self.write_door(vec![row])?;
        Ok(rules)
    }

    /// One office's signature under the proposed rules; with the second they are in force. Whether they are now.
    pub fn approve_rules(&mut self, digest: &deed::Digest, approval: Approval) -> Result<bool, Refusal> {
        let kept: Option<Kept> = self.door_row(PROPOSED)?;
        let mut kept = kept.ok_or_else(not_known)?;
        let rules = RuleSet::parse(kept.rules.as_bytes()).map_err(Refusal::Malformed)?;
        if rules.digest() != digest {
            return Err(not_known());
        }
        rules.follows(self.active_rules())?;
        let (manifest, _) =
            self.pins.manifests().newest().ok_or_else(|| Refusal::Broken("no manifest".into()))?;
        (kept.manifest, kept.at) = (manifest.id(), self.witnessed.0);
        approval.check(&Host, manifest, kept.rules.as_bytes(), kept.at)?;
        // A signature of before whose role is gone since then counts no more.
        let text = kept.rules.clone();
        kept.approvals.retain(|old| old.check(&Host, manifest, text.as_bytes(), kept.at).is_ok());
        kept.approvals.push(approval);
        let active = self.active_rules();
        let succeeded =
            Approved::succeed(&Host, manifest, kept.rules.as_bytes(), &kept.approvals, (kept.at, active));
        match succeeded {
            Ok(approved) => {
                let writes = vec![self.door_put(ACTIVE, &kept), Write::Take(PROPOSED.into())];
                self.write_door(writes)?;
                tracing::warn!(version = approved.rules().version(), "other rules of caution are in force");
                self.cautions.active = Some((approved, kept.rules));
                self.cautions.made.clear();
                Ok(true)
            }
            Err(refusal) if refusal.code() == "four-eyes" => {
                let row = self.door_put(PROPOSED, &kept);
                self.write_door(vec![row])?;
                Ok(false)
            }
            Err(refusal) => Err(refusal),
        }
    }

    /// Puts rules on trial beside those in force, or ends the trial. What they would do is written down and not done.
    pub fn try_rules(&mut self, text: &str) -> Result<(), Refusal> {
        let trial = match text {
            "" => None,
            text => Some((RuleSet::parse(text.as_bytes()).map_err(Refusal::Malformed)?, text.to_string())),
        };
        let row = self.door_put(TRIAL, &text);
        self.write_door(vec![row])?;
        self.cautions.trial = trial;
        self.cautions.made.clear();
        self.cautions.tried.clear();
        Ok(())
    }

    /// Sets a reason aside for a number, for thirty days at most; its owner sees it.
    pub fn set_aside(&mut self, number: &Msisdn, rule: &str, until: UnixTime) -> Result<(), Refusal> {
        self.pin(number)?;
        let now = self.clock.now();
        let known =
            self.active_rules().is_some_and(|rules| rules.rules().iter().any(|known| known.id == rule));
        if !known {
            return Err(Refusal::refused("rules", "the rules in force have no rule of this name"));
        }
        if until.since(now) > ASIDE_MOST {
            return Err(Refusal::refused("limit", "a reason is set aside for thirty days at most"));
        }
        let name = format!("aside/{number}");
        let mut all: Vec<Aside> = self.door_row(&name)?.unwrap_or_default();
        all.retain(|aside| aside.until >= now.0 && aside.rule != rule);
        if all.len() >= ASIDES {
            return Err(Refusal::refused("limit", "enough reasons are set aside for this number"));
        }
        all.push(Aside { rule: rule.into(), until: until.0 });
        let told = Entry::new(Actor::Desk, Happened::ReasonSetAside { rule: rule.into(), until });
        let writes = vec![self.door_put(&name, &all), self.entry(*number, &told)];
        self.cautions.made.remove(number);
        self.write_door(writes).map(drop)
    }

    /// How careful to be with a number now, by the rules in force.
    pub fn caution(&mut self, number: &Msisdn) -> Caution {
        let now = self.clock.now();
        if self.cautions.active.is_none() && self.cautions.trial.is_none() {
            return Caution::default();
        }
        if let Some((at, caution)) = self.cautions.made.get(number)
            && now.since(*at) < STANDS
            && *at <= now
        {
            return caution.clone();
        }
        let made = self.weigh(number, now).unwrap_or_else(|refusal| {
            // What is not known is no reason to keep an owner waiting.
            tracing::error!(%refusal, "a number could not be weighed");
            Caution::default()
        });
        if self.cautions.made.len() >= REMEMBERED {
            self.cautions.made.clear();
        }
        self.cautions.made.insert(*number, (now, made.clone()));
        made
    }

    /// What was made of a number stands no more: something happened.
    pub(super) fn weigh_again(&mut self, number: &Msisdn) {
        self.cautions.made.remove(number);
    }

    fn weigh(&mut self, number: &Msisdn, now: UnixTime) -> Result<Caution, Refusal> {
        let from = UnixTime(now.0.saturating_sub(LOOKED_BACK));
        let filter = Filter { from: Some(from), ..Filter::default() };
        let page = Page { after: None, oldest_first: false, most: WEIGHED };
        let mut lines = self.lines(number, &filter, page)?.lines;
        lines.reverse();
        let aside: Vec<Aside> = self.door_row(&format!("aside/{number}"))?.unwrap_or_default();
        if let Some((rules, _)) = &self.cautions.trial {
            let tried = weigh(rules, &lines, &aside, now);
            let digest = hex::encode(rules.digest());
            self.note_trial(number, digest, &tried, now)?;
        }
        let Some(rules) = self.active_rules() else { return Ok(Caution::default()) };
        Ok(weigh(rules, &lines, &aside, now))
    }

    /// Writes down what rules on trial would have done.
    fn note_trial(
        &mut self,
        number: &Msisdn,
        rules: String,
        caution: &Caution,
        now: UnixTime,
    ) -> Result<(), Refusal> {
        let lately = self.cautions.tried.get(number).is_some_and(|at| now.since(*at) < TRIAL_EVERY);
        if !caution.delays() || lately {
            return Ok(());
        }
        if self.cautions.tried.len() >= REMEMBERED {
            self.cautions.tried.clear();
        }
        self.cautions.tried.insert(*number, now);
        let met = caution.reasons().iter().map(|reason| reason.rule.clone()).collect();
        let (score, wait, hold) = (caution.score(), caution.wait(), caution.hold());
        let record = self.record(Stream::Trial, *number, &Tried { rules, score, met, wait, hold });
        self.database.commit(&[operator::store::Changes(vec![record])])?;
        Ok(())
    }

    /// The hold on a number's codes for caution's sake, if there is one. One that begins is in the timeline.
    pub(super) fn cautious_hold(&mut self, number: &Msisdn) -> Option<Hold> {
        self.cautions.active.as_ref()?;
        let (caution, now) = (self.caution(number), self.clock.now());
        let name = format!("codes/{number}");
        let kept = self.door_row::<(u64, u64)>(&name).unwrap_or_default();
        let before = kept.map(|(since, until)| Hold::kept(UnixTime(since), UnixTime(until)));
        let hold = caution.hold_codes(before, now)?;
        if before != Some(hold) {
            let mut writes = vec![self.door_put(&name, &(hold.since().0, hold.until().0))];
            if hold.until() > now && before.is_none_or(|before| before.until() < hold.until()) {
                writes.push(self.tell_caution(number, &caution, Some(hold.until())));
            }
            if let Err(refusal) = self.write_door(writes) {
                // A hold that is not written down would begin anew with every restart: then there is none.
                tracing::error!(%refusal, "a hold on codes could not be kept");
                return None;
            }
            // What was just written is news of caution, and no news to be weighed.
            self.cautions.made.insert(*number, (now, caution));
        }
        Some(hold)
    }

    fn tell_caution(
        &mut self,
        number: &Msisdn,
        caution: &Caution,
        codes_held_until: Option<UnixTime>,
    ) -> Write {
        let reasons: Vec<&str> = caution.reasons().iter().map(|reason| reason.rule.as_str()).collect();
        let (score, reasons) = (caution.score(), reasons.join(", "));
        let what = Happened::Cautious { score, reasons, codes_held_until };
        self.entry(*number, &Entry::new(Actor::Operator, what))
    }

    /// The witnessed time before which a request that was agreed to is not committed, for caution's sake. The deed's own
    /// wait is the deed's; this is only ever added.
    pub(super) fn cautious_until(&mut self, number: &Msisdn, state: &State) -> Option<UnixTime> {
        self.cautions.active.as_ref()?;
        let live = state.live.as_ref()?;
        let caution = self.caution(number);
        let name = format!("agreed/{}", hex::encode(live.head));
        let agreed = match self.door_row::<u64>(&name) {
            Ok(Some(agreed)) => UnixTime(agreed),
            Ok(None) => {
                let agreed = self.witnessed;
                let mut writes = vec![self.door_put(&name, &agreed.0)];
                if caution.wait() > 0 {
                    writes.push(self.tell_caution(number, &caution, None));
                }
                if let Err(refusal) = self.write_door(writes) {
                    tracing::error!(%refusal, "the beginning of a wait could not be kept");
                    return None;
                }
                agreed
            }
            Err(refusal) => {
                tracing::error!(%refusal, "the beginning of a wait could not be read");
                return None;
            }
        };
        Some(caution.not_before(UnixTime(0), agreed, live.intent.expiry))
    }

    /// The owner says that he is travelling.
    pub fn travelling(&mut self, number: &Msisdn, until: UnixTime) -> Result<(), Refusal> {
        self.pin(number)?;
        if until.since(self.clock.now()) > LOOKED_BACK {
            return Err(Refusal::refused("limit", "ninety days at most; say it again then"));
        }
        self.say(number, Actor::Owner, Happened::Travelling { until })
    }

    /// Whoever has the watch key says that a secret was wrong at the card.
    pub fn secret_failed(&mut self, number: &Msisdn, which: &str, left: u64) -> Result<(), Refusal> {
        self.pin(number)?;
        if !["pin", "puk", "adm"].contains(&which) {
            return Err(Refusal::Malformed("a card's secret is pin, puk or adm".into()));
        }
        self.say(number, Actor::Card, Happened::SecretFailed { which: which.into(), left: left.min(255) })
    }

    fn say(&mut self, number: &Msisdn, actor: Actor, what: Happened) -> Result<(), Refusal> {
        let now = self.clock.now();
        if self.heard.too_often(number, &super::heard::Heard::SAYINGS, now) {
            return Err(Refusal::refused("rate", "enough was said of this number today"));
        }
        let entry = self.entry(*number, &Entry::new(actor, what));
        self.write_door(vec![entry])?;
        self.heard.count(number, &super::heard::Heard::SAYINGS, now);
        Ok(())
    }
}
