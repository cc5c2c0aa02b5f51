//! Witnesses that other people run, asked over HTTP (C2SP tlog-witness). Each has a courier: a thread that carries one
//! checkpoint there at a time, so that a witness who is slow holds up nobody who does not need him.

use crate::deployment::write_private;
use crate::witness::origin_hash;
use deed::log::note::{Checkpoint, SignatureLine, SignedNote, TYPE_COSIGNATURE, VerifierKey};
use deed::log::submission::Submission;
use keys::sign::Host;
use operator::log::Log;
use operator::witness::Seen;
use std::io::ErrorKind;
use std::path::Path;
use std::str::FromStr;
use std::sync::mpsc;
use std::time::{Duration, Instant};
use wire::UnixTime;

/// How long one call may take.
const CALL: Duration = Duration::from_secs(5);
/// How long a witness that failed is left alone.
const REST: Duration = Duration::from_secs(5);
/// How long the same complaint about a witness is not made again.
const QUIET: Duration = Duration::from_secs(600);
/// How often, for one checkpoint, a witness is asked again because it is further behind or ahead than was thought.
const TRIES: u32 = 3;
/// Longest answer read.
const MAX_ANSWER: u64 = 128 * 1024;

/// A witness elsewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutsideWitness {
    /// Its submission and monitoring prefix.
    pub url: String,
    /// Its key.
    pub vkey: VerifierKey,
}

impl FromStr for OutsideWitness {
    type Err = String;

    /// `URL=VKEY`.
    fn from_str(text: &str) -> Result<Self, String> {
        let (url, vkey) = text.split_once('=').ok_or("a witness is given as URL=VKEY")?;
        let vkey = VerifierKey::parse(vkey).map_err(|e| e.to_string())?;
        if vkey.kind != TYPE_COSIGNATURE {
            return Err("not a witness's key (type 0x04)".into());
        }
        // There is no TLS here. Cosignatures are signed: whoever listens on the way learns the log, which is public.
        if !url.starts_with("http://") || url.contains(char::is_whitespace) {
            return Err("a witness's URL begins with http://; for https, put a proxy on this machine".into());
        }
        Ok(Self { url: url.trim_end_matches('/').into(), vkey })
    }
}

/// Who witnesses a deployment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Witnessing {
    /// Whether three witnesses run in the node's own process.
    pub own: bool,
    /// The others.
    pub outside: Vec<OutsideWitness>,
}

impl Default for Witnessing {
    fn default() -> Self {
        Self { own: true, outside: Vec::new() }
    }
}

/// Why the witnesses of a deployment cannot be these.
#[derive(Debug, thiserror::Error)]
pub enum WitnessingError {
    /// The file.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// Its content.
    #[error("{0}")]
    Damaged(String),
    /// The manifest names others.
    #[error(
        "{0} is no witness of this deployment: its manifest names whose cosignatures count, from the first start on"
    )]
    NotNamed(String),
}

impl Witnessing {
    /// As text, for the deployment's folder.
    fn encode(&self) -> String {
        let mut text = format!("own {}\n", if self.own { 3 } else { 0 });
        for OutsideWitness { url, vkey } in &self.outside {
            text.push_str(&format!("{url}={vkey}\n"));
        }
        text
    }

    fn decode(text: &str) -> Result<Self, String> {
        let mut lines = text.lines();
        let own = match lines.next() {
            Some("own 0") => false,
            Some("own 3") => true,
            _ => return Err("the first line is neither `own 0` nor `own 3`".into()),
        };
        Ok(Self { own, outside: lines.map(str::parse).collect::<Result<_, _>>()? })
    }

    /// Whose cosignatures count in a deployment: as `wanted` while it is made, as it was made later. A witness may move to
    /// another URL.
    pub fn of_deployment(path: &Path, wanted: &Self, making: bool) -> Result<Self, WitnessingError> {
        if making {
            if *wanted != Self::default() {
                write_private(path, wanted.encode().as_bytes())?;
            }
            return Ok(wanted.clone());
        }
        let mut made = match std::fs::read_to_string(path) {
            Ok(text) => Self::decode(&text).map_err(WitnessingError::Damaged)?,
            Err(e) if e.kind() == ErrorKind::NotFound => Self::default(),
            Err(e) => return Err(e.into()),
        };
        let before = made.clone();
        for witness in &wanted.outside {
            let known = made.outside.iter_mut().find(|known| known.vkey == witness.vkey);
            let known = known.ok_or_else(|| WitnessingError::NotNamed(witness.vkey.to_string()))?;
            known.url.clone_from(&witness.url);
        }
        if made != before {
            write_private(path, made.encode().as_bytes())?;
        }
        Ok(made)
    }
}

/// What a courier brings back.
enum Answer {
    /// A cosignature, not yet looked at.
    Line(SignatureLine),
    /// 409: the proof must begin at this size.
    At(u64),
    /// Anything else.
    Failed(String),
}

struct Ask {
    ticket: u64,
    body: Vec<u8>,
}

struct Courier {
    witness: OutsideWitness,
    asks: mpsc::Sender<Ask>,
    /// The size it has said it has seen.
    size: u64,
    /// What it showed at the start: the newest checkpoint that it had cosigned.
    shown: Option<SignedNote>,
    /// On its way.
    busy: bool,
    /// To be asked about the checkpoint of now.
    wanted: bool,
    tries: u32,
    rests_until: Option<Instant>,
    quiet_until: Option<Instant>,
}

/// What witnesses say of how far they have seen the log.
#[derive(Default)]
pub(crate) struct FarSeen {
    /// Those that do not say.
    pub(crate) silent: Vec<VerifierKey>,
    /// The newest tree that one can show.
    pub(crate) newest: Option<Seen>,
    /// The largest size that one claims and does not show.
    pub(crate) claimed: u64,
    /// What there is to complain about.
    pub(crate) complaints: Vec<String>,
}

/// All couriers.
pub(crate) struct Couriers {
    each: Vec<Courier>,
    answers: mpsc::Receiver<(usize, u64, Answer)>,
    ticket: u64,
}

fn agent() -> ureq::Agent {
    ureq::Agent::config_builder().http_status_as_error(false).timeout_global(Some(CALL)).build().into()
}

/// POST of a checkpoint (tlog-witness, "add-checkpoint").
fn add_checkpoint(agent: &ureq::Agent, url: &str, body: &[u8]) -> Answer {
    let failed = |e: ureq::Error| Answer::Failed(e.to_string());
    let mut response = match agent.post(format!("{url}/add-checkpoint")).send(body) {
        Ok(response) => response,
        Err(e) => return failed(e),
    };
    let status = response.status().as_u16();
    let text = match response.body_mut().with_config().limit(MAX_ANSWER).read_to_string() {
        Ok(text) => text,
        Err(e) => return failed(e),
    };
    match status {
        // One or more lines; those of unknown keys are ignored, and here one key is known.
        200 => {
            let mut lines = text.split_inclusive('\n').map(SignatureLine::parse);
            match lines.next() {
                Some(Ok(line)) => Answer::Line(line),
                _ => Answer::Failed("its answer is no cosignature".into()),
            }
        }
        409 => text.strip_suffix('\n').and_then(|size| size.parse().ok()).map_or_else(
            || Answer::Failed("it says that it has seen another size, and not which".into()),
            Answer::At,
        ),
        _ => Answer::Failed(format!("HTTP {status}: {}", text.lines().next().unwrap_or_default())),
    }
}

impl Couriers {
    pub(crate) fn new(witnesses: Vec<OutsideWitness>) -> std::io::Result<Self> {
        let (sender, answers) = mpsc::channel();
        let mut each = Vec::new();
        for (who, witness) in witnesses.into_iter().enumerate() {
            let (asks, receiver) = mpsc::channel::<Ask>();
            let (sender, url) = (sender.clone(), witness.url.clone());
            // It ends when the node does.
            std::thread::Builder::new().name("courier".into()).spawn(move || {
                let agent = agent();
                while let Ok(Ask { ticket, body }) = receiver.recv() {
                    let _ = sender.send((who, ticket, add_checkpoint(&agent, &url, &body)));
                }
            })?;
            each.push(Courier {
                witness,
                asks,
                size: 0,
                shown: None,
                busy: false,
                wanted: false,
                tries: 0,
                rests_until: None,
                quiet_until: None,
            });
        }
        Ok(Self { each, answers, ticket: 0 })
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.each.is_empty()
    }

    /// From now on it is about another checkpoint.
    pub(crate) fn begin(&mut self) {
        self.ticket += 1;
        let now = Instant::now();
        for courier in &mut self.each {
            courier.wanted = courier.rests_until.is_none_or(|until| now >= until);
            courier.tries = 0;
        }
    }

    /// Brings the note to whoever was not asked yet, and takes what comes back until there is enough, nobody left to ask, or
    /// `wait` has passed. What there is to complain about, not too often.
    pub(crate) fn gather(
        &mut self,
        note: &mut SignedNote,
        log: &Log,
        enough: impl Fn(&SignedNote) -> bool,
        wait: Duration,
    ) -> Vec<String> {
        let deadline = Instant::now() + wait;
        let mut complaints = Vec::new();
        loop {
            for courier in &mut self.each {
                complaints.extend(courier.send(self.ticket, note, log));
            }
            if enough(note) || !self.each.iter().any(|courier| courier.wanted) {
                return complaints;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            let Ok((who, ticket, answer)) = self.answers.recv_timeout(left) else { return complaints };
            let Some(courier) = self.each.get_mut(who) else { continue };
            complaints.extend(courier.take(answer, ticket == self.ticket, note));
        }
    }

    /// Asks every witness how far it has seen the log.
    pub(crate) fn ask_how_far(&mut self, log: &Log) -> FarSeen {
        let (vkey, empty) = (log.vkey(), log.sign_empty());
        let probe = Submission { old: 0, proof: Vec::new(), note: empty }.encode();
        let told: Vec<HowFar> = std::thread::scope(|scope| {
            let (vkey, probe) = (&vkey, &probe);
            let ask = |witness: &OutsideWitness| how_far(witness, vkey, probe);
            let witnesses = self.each.iter().map(|courier| courier.witness.clone());
            let asked: Vec<_> = witnesses.map(|witness| scope.spawn(move || ask(&witness))).collect();
            let lost = |_| HowFar::Silent("its courier was lost".into());
            asked.into_iter().map(|asked| asked.join().unwrap_or_else(lost)).collect()
        });
        let mut far = FarSeen::default();
        for (courier, told) in self.each.iter_mut().zip(told) {
            let name = &courier.witness.vkey.name;
            match told {
                HowFar::Shown(seen, note) => {
                    courier.size = seen.size;
                    courier.shown = Some(note);
                    far.newest = Some(far.newest.filter(|newest| newest.size >= seen.size).unwrap_or(seen));
                }
                HowFar::Nothing => courier.size = 0,
                HowFar::Claimed(size) => {
                    courier.size = size;
                    far.claimed = far.claimed.max(size);
                    let text = format!("{name} says that it has seen {size} leaves, and shows no checkpoint");
                    far.complaints.push(text);
                }
                HowFar::Silent(why) => {
                    far.complaints.push(format!("{name} does not say how far it has seen the log: {why}"));
                    far.silent.push(courier.witness.vkey.clone());
                }
            }
        }
        far
    }

    /// The lines that they showed at the start for this very checkpoint: when they first saw it.
    pub(crate) fn shown(&self, note: &SignedNote) -> Vec<SignatureLine> {
        let of = |courier: &Courier| {
            let shown = courier.shown.as_ref().filter(|shown| shown.text == note.text)?;
            let vkey = &courier.witness.vkey;
            shown.signatures.iter().find(|l| l.name == vkey.name && l.id == vkey.id()).cloned()
        };
        self.each.iter().filter_map(of).collect()
    }
}

impl Courier {
    /// Sends the note off, if it is wanted there and nothing else is on its way.
    fn send(&mut self, ticket: u64, note: &SignedNote, log: &Log) -> Option<String> {
        if !self.wanted || self.busy {
            return None;
        }
        let size = Checkpoint::parse(&note.text).map_or(0, |checkpoint| checkpoint.size);
        let proof = log.consistency(self.size).filter(|_| self.size <= size);
        let Some(proof) = proof else {
            self.wanted = false;
            return self.complain(format!("it has seen {} leaves, and there are {size} here", self.size));
        };
        let body = Submission { old: self.size, proof, note: alone(note) }.encode();
        self.busy = self.asks.send(Ask { ticket, body }).is_ok();
        self.wanted = self.busy;
        None
    }

    /// Takes an answer: to the note of now, or to an older one, from which only the size is of use.
    fn take(&mut self, answer: Answer, current: bool, note: &mut SignedNote) -> Option<String> {
        self.busy = false;
        match answer {
            Answer::Line(line) if current => {
                self.wanted = false;
                let alone = SignedNote { text: note.text.clone(), signatures: vec![line.clone()] };
                match alone.cosigned_by(&Host, &self.witness.vkey) {
                    Some(Ok(time)) if time > 0 => {
                        self.size = Checkpoint::parse(&note.text).map_or(self.size, |c| c.size);
                        note.signatures.push(line);
                        None
                    }
                    _ => self.fail("its answer is not its cosignature"),
                }
            }
            // The size it has seen now is that of a note that is not here any more: it will say.
            Answer::Line(_) => None,
            Answer::At(size) => {
                self.size = size;
                self.tries += 1;
                if self.tries < TRIES { None } else { self.fail("it names another size each time") }
            }
            Answer::Failed(why) => self.fail(&why),
        }
    }

    fn fail(&mut self, why: &str) -> Option<String> {
        self.wanted = false;
        self.rests_until = Some(Instant::now() + REST);
        self.complain(why.into())
    }

    fn complain(&mut self, why: String) -> Option<String> {
        let now = Instant::now();
        if self.quiet_until.is_some_and(|until| now < until) {
            return None;
        }
        self.quiet_until = Some(now + QUIET);
        Some(format!("{}: {why}", self.witness.vkey.name))
    }
}

/// A note with its first signature alone, the log's: what the other witnesses said is not this one's business.
fn alone(note: &SignedNote) -> SignedNote {
    SignedNote { text: note.text.clone(), signatures: note.signatures.iter().take(1).cloned().collect() }
}

/// How far a witness has seen a log.
enum HowFar {
    /// So far, with the checkpoint that the log signed and it cosigned.
    Shown(Seen, SignedNote),
    /// Not at all.
    Nothing,
    /// So far, by its word alone.
    Claimed(u64),
    /// It does not say.
    Silent(String),
}

/// Asks for the newest checkpoint it has cosigned (tlog-witness, "Monitor Retrieval Mechanism"); a witness that shows none is
/// handed the empty tree, to which its 409 says the size.
fn how_far(witness: &OutsideWitness, log: &VerifierKey, probe: &[u8]) -> HowFar {
    let agent = agent();
    let url = format!("{}/{}/checkpoint", witness.url, origin_hash(&log.name));
    let mut response = match agent.get(&url).call() {
        Ok(response) => response,
        Err(e) => return HowFar::Silent(e.to_string()),
    };
    match response.status().as_u16() {
        200 => {}
        404 | 405 => {
            return match add_checkpoint(&agent, &witness.url, probe) {
                Answer::Line(_) | Answer::At(0) => HowFar::Nothing,
                Answer::At(size) => HowFar::Claimed(size),
                Answer::Failed(why) => HowFar::Silent(why),
            };
        }
        status => return HowFar::Silent(format!("HTTP {status}")),
    }
    let bytes = match response.body_mut().with_config().limit(MAX_ANSWER).read_to_vec() {
        Ok(bytes) => bytes,
        Err(e) => return HowFar::Silent(e.to_string()),
    };
    let shown = || {
        let note = SignedNote::parse(&bytes).ok()?;
        let time = note.cosigned_by(&Host, &witness.vkey)?.ok().filter(|time| *time > 0)?;
        note.signed_by(&Host, log).filter(|signed| *signed)?;
        let Checkpoint { origin, size, root } = Checkpoint::parse(&note.text).ok()?;
        (origin == log.name).then_some((Seen { size, root, since: UnixTime(time) }, note))
    };
    match shown() {
        Some((seen, note)) => HowFar::Shown(seen, note),
        None => HowFar::Silent("what it shows is not signed by this log and by itself".into()),
    }
}
